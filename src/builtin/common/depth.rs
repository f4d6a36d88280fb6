//! A bound on how deep a page nests. The parser's time grows with the square of the depth, and no page that people read nests
//! hundreds of elements; one that does loses the tags beyond that, and keeps its text.

use std::borrow::Cow;

/// Elements may nest this deep.
const DEPTH_MAX: usize = 400;

/// Elements without an end, or whose end is usually left out: they do not count.
const UNCOUNTED: &[&str] = &[
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr", "p", "li",
    "dt", "dd", "tr", "td", "th", "option", "thead", "tbody", "tfoot", "html", "head", "body",
];

/// The page without the tags that nest too deep; their text stays. A page of the usual sort comes back as it is. Linear in the
/// size of the page.
pub fn bounded(html: &str) -> Cow<'_, str> {
    let bytes = html.as_bytes();
    let (mut depth, mut at) = (0usize, 0usize);
    let mut kept = String::new();
    // Up to here the page is in `kept`, when anything was left out at all.
    let mut copied = 0;
    while let Some(found) = bytes[at..].iter().position(|byte| *byte == b'<') {
        let tag = at + found;
        let closes = bytes.get(tag + 1) == Some(&b'/');
        let start = (tag + 1 + usize::from(closes)).min(bytes.len());
        let length = bytes[start..].iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
        at = start + length;
        if length == 0 || UNCOUNTED.iter().any(|name| name.len() == length && html[start..at].eq_ignore_ascii_case(name)) {
            continue;
        }
        let too_deep = depth > DEPTH_MAX || (depth == DEPTH_MAX && !closes);
        depth = if closes { depth.saturating_sub(1) } else { depth + 1 };
        if too_deep {
            let end = bytes[at..].iter().position(|byte| *byte == b'>').map_or(bytes.len(), |found| at + found + 1);
            kept.push_str(&html[copied..tag]);
            (copied, at) = (end, end);
        }
    }
    if copied == 0 {
        return Cow::Borrowed(html);
    }
    kept.push_str(&html[copied..]);
    Cow::Owned(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_pages_pass_and_towers_are_cut() {
        let page = "<html><body><p>a<br>b<p>c<ul><li>1<li>2</ul><div class=x>d</div></body></html> a < b";
        assert_eq!(bounded(page), page);
        let long: String = "<p>x<div>y</div>".repeat(5_000);
        assert_eq!(bounded(&long), long);
        let tower = "<div>".repeat(20_000);
        assert_eq!(bounded(&tower).len(), DEPTH_MAX * "<div>".len());
        let whole = format!("{tower}x{}y", "</div>".repeat(20_000));
        let kept = bounded(&whole);
        assert_eq!((kept.matches("<div>").count(), kept.matches("</div>").count()), (DEPTH_MAX, DEPTH_MAX));
        assert!(kept.contains(">x<") && kept.ends_with('y'));
        assert_eq!(bounded("<"), "<");
        assert_eq!(bounded("é</"), "é</");
    }
}
