//! A bound on how deep a page nests. The parser's time grows with the square of the depth, and no page that people read nests
//! hundreds of elements; one that does is cut where it gets too deep.

/// Elements may nest this deep.
const DEPTH_MAX: usize = 400;

/// Elements without an end, or whose end is usually left out: they do not count.
const UNCOUNTED: &[&str] = &[
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr", "p", "li",
    "dt", "dd", "tr", "td", "th", "option", "thead", "tbody", "tfoot", "html", "head", "body",
];

/// The page up to where it nests too deep; all of it for a page of the usual sort. Linear in the size of the page.
pub fn bounded(html: &str) -> &str {
    let bytes = html.as_bytes();
    let (mut depth, mut at) = (0usize, 0usize);
    while let Some(found) = bytes[at..].iter().position(|byte| *byte == b'<') {
        let tag = at + found;
        let closes = bytes.get(tag + 1) == Some(&b'/');
        let start = tag + 1 + usize::from(closes);
        let length = bytes[start.min(bytes.len())..].iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
        at = start + length;
        if length == 0 || UNCOUNTED.iter().any(|name| name.len() == length && html[start..at].eq_ignore_ascii_case(name)) {
            at = at.max(tag + 1).min(bytes.len());
            continue;
        }
        if closes {
            depth = depth.saturating_sub(1);
        } else {
            depth += 1;
            if depth > DEPTH_MAX {
                return &html[..tag];
            }
        }
    }
    html
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
        assert_eq!(bounded("<"), "<");
        assert_eq!(bounded("é</"), "é</");
    }
}
