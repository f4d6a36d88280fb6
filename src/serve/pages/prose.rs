//! Text that others wrote, made safe to look at: characters that hide or reorder text are named instead of obeyed, Markdown
//! becomes HTML of few tags, and two versions are shown word by word.

use crate::model::goods::Claim;
use crate::stats::difference::{ChangeTag, Difference, group_diff_ops};
use ammonia::{Builder, UrlRelative};
use maud::{Markup, PreEscaped, html};
use pulldown_cmark::{CowStr, Event, HeadingLevel, Options, Parser, Tag, TagEnd, TextMergeStream, html as to_html};
use regex::Regex;
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

/// Characters that hide or reorder text. Joiners between letters of other scripts, and in emoji, are none of them.
fn is_hidden(c: char) -> bool {
    matches!(c,
        '\u{0}'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{ad}' | '\u{61c}' | '\u{180e}'
        | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// With every hidden character named: `⟦U+202E⟧`.
pub fn shown(text: &str) -> Cow<'_, str> {
    if !text.contains(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_hidden(c) { out.push_str(&format!("⟦U+{:04X}⟧", u32::from(c))) } else { out.push(c) }
    }
    Cow::Owned(out)
}

/// One line of ours in which names stand between backticks.
pub fn in_words(text: &str) -> Markup {
    let text = shown(text);
    // Without its partner a backtick is one.
    let parts: Vec<&str> = if text.matches('`').count().is_multiple_of(2) { text.split('`').collect() } else { vec![&*text] };
    html! { @for (at, part) in parts.iter().enumerate() { @if at % 2 == 1 { code { (part) } } @else { (part) } } }
}

/// Without them, and how many there were: what a person edits is what a person sees.
pub fn cleaned(text: &str) -> (String, usize) {
    let clean: String = text.chars().filter(|c| !is_hidden(*c)).collect();
    let hidden = text.chars().count() - clean.chars().count();
    (clean, hidden)
}

/// What may be left of a text, whatever stood in it.
static CLEANER: LazyLock<Builder<'static>> = LazyLock::new(|| {
    let mut cleaner = Builder::default();
    cleaner
        .tags(HashSet::from([
            "a",
            "b",
            "blockquote",
            "br",
            "code",
            "del",
            "em",
            "h2",
            "h3",
            "h4",
            "h5",
            "h6",
            "hr",
            "i",
            "li",
            "ol",
            "p",
            "pre",
            "strong",
            "table",
            "tbody",
            "td",
            "th",
            "thead",
            "tr",
            "ul",
        ]))
        .generic_attributes(HashSet::new())
        .tag_attributes(HashMap::from([("a", HashSet::from(["href"])), ("ol", HashSet::from(["start"]))]))
        .allowed_classes(HashMap::from([("a", HashSet::from(["cite"]))]))
        .url_schemes(HashSet::from(["http", "https", "mailto"]))
        // An address on this service could be one that acts; only places on this page stay.
        .url_relative(UrlRelative::Custom(Box::new(on_this_page)))
        .link_rel(Some("noopener noreferrer nofollow"));
    cleaner
});

fn on_this_page(url: &str) -> Option<Cow<'_, str>> {
    url.starts_with('#').then_some(Cow::Borrowed(url))
}

/// `[c1]`, also `[c1, c3]`.
static CITED: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\[(c\d{1,4}(?:\s*[,;]\s*c\d{1,4})*)\]").expect("a valid pattern"));

/// Markdown as HTML. A claim that is cited leads to its card; HTML in the text is shown as the text it is; pictures are named,
/// not loaded.
pub fn markdown(text: &str, claims: &[Claim]) -> Markup {
    let text = shown(text);
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH;
    let ranks = Ranks::of(&text, options);
    let mut in_code = false;
    let events = TextMergeStream::new(Parser::new_ext(&text, options).map(|event| match event {
        Event::Html(html) | Event::InlineHtml(html) => Event::Text(html),
        Event::Start(Tag::Image { .. }) => Event::Text("[picture: ".into()),
        Event::End(TagEnd::Image) => Event::Text("]".into()),
        other => other,
    }));
    let events = events.map(|event| match event {
        Event::Start(Tag::CodeBlock(kind)) => {
            in_code = true;
            Event::Start(Tag::CodeBlock(kind))
        }
        Event::End(TagEnd::CodeBlock) => {
            in_code = false;
            Event::End(TagEnd::CodeBlock)
        }
        // The page's own title is the only heading of the first rank.
        Event::Start(Tag::Heading { level, .. }) => {
            Event::Start(Tag::Heading { level: ranks.fit(level), id: None, classes: Vec::new(), attrs: Vec::new() })
        }
        Event::End(TagEnd::Heading(level)) => Event::End(TagEnd::Heading(ranks.fit(level))),
        Event::Text(text) if !in_code && CITED.is_match(&text) => Event::InlineHtml(CowStr::from(cited(&text, claims))),
        other => other,
    });
    let mut page = String::with_capacity(text.len() * 2);
    to_html::push_html(&mut page, events);
    PreEscaped(CLEANER.clean(&page).to_string())
}

/// Headings below the page's own, without a gap: the highest of the text becomes the second rank.
struct Ranks(usize);

impl Ranks {
    fn of(text: &str, options: Options) -> Ranks {
        let levels = Parser::new_ext(text, options).filter_map(|event| match event {
            Event::Start(Tag::Heading { level, .. }) => Some(level as usize),
            _ => None,
        });
        Ranks(levels.min().unwrap_or(1))
    }

    fn fit(&self, level: HeadingLevel) -> HeadingLevel {
        HeadingLevel::try_from((level as usize + 2 - self.0).min(6)).unwrap_or(HeadingLevel::H6)
    }
}

/// Text with its citations as links; one that no claim answers stays as it is.
fn cited(text: &str, claims: &[Claim]) -> String {
    let parts = CITED.captures_iter(text).fold((String::new(), 0), |(mut out, from), found| {
        let whole = found.get(0).expect("a match has a whole");
        out.push_str(&html! { (&text[from..whole.start()]) "[" }.into_string());
        for (at, id) in found[1].split([',', ';']).map(str::trim).enumerate() {
            let known = claims.iter().any(|claim| claim.id == id);
            let link = html! {
                @if at > 0 { ", " }
                @if known { a.cite href={ "#claim-" (id) } { (id) } } @else { (id) }
            };
            out.push_str(&link.into_string());
        }
        out.push(']');
        (out, whole.end())
    });
    let (mut out, from) = parts;
    out.push_str(&html! { (&text[from..]) }.into_string());
    out
}

/// What changed, word by word. Two texts that are far apart are compared for a moment only, and then roughly.
pub fn changes(before: &str, after: &str) -> Markup {
    let (before, after) = (shown(before), shown(after));
    let until = Instant::now() + Duration::from_millis(100);
    let diff = Difference::of_words(&before, &after, Some(until));
    // Neighbours of one kind are one: a screen reader says "deleted" once.
    let mut parts: Vec<(ChangeTag, String)> = Vec::new();
    for (tag, part) in diff.changes() {
        match parts.last_mut() {
            Some((last, text)) if *last == tag => text.push_str(part),
            _ => parts.push((tag, part.to_owned())),
        }
    }
    html! {
        div.changes {
            @for (at, (tag, text)) in parts.iter().enumerate() {
                @match tag {
                    ChangeTag::Equal => (abridged(text, at > 0, at + 1 < parts.len())),
                    ChangeTag::Delete => del { (text) },
                    ChangeTag::Insert => ins { (text) },
                }
            }
        }
    }
}

/// A long stretch that did not change, by its ends that stand beside something that did.
fn abridged(text: &str, after_a_change: bool, before_a_change: bool) -> Cow<'_, str> {
    const END: usize = 160;
    let length = text.chars().count();
    if length <= 3 * END || !(after_a_change || before_a_change) {
        return Cow::Borrowed(text);
    }
    let (head, tail): (String, String) = (text.chars().take(END).collect(), text.chars().skip(length - END).collect());
    let head = head.rsplit_once(' ').map_or(head.as_str(), |(head, _)| head);
    let tail = tail.split_once(' ').map_or(tail.as_str(), |(_, tail)| tail);
    Cow::Owned(match (after_a_change, before_a_change) {
        (true, true) => format!("{head} ⋯\n⋯ {tail}"),
        (true, false) => format!("{head} ⋯"),
        _ => format!("⋯ {tail}"),
    })
}

/// What changed in a file, line by line with a little around it.
pub fn file_changes(before: &str, after: &str) -> Markup {
    let (before, after) = (shown(before), shown(after));
    let diff = Difference::of_lines(&before, &after);
    let groups = group_diff_ops(diff.steps.clone(), 2);
    html! {
        div.changes.file {
            @for (at, group) in groups.iter().enumerate() {
                @if at > 0 { "⋯\n" }
                @for (tag, line) in group.iter().flat_map(|step| diff.changes_of(step)) {
                    @match tag {
                        ChangeTag::Equal => (line),
                        ChangeTag::Delete => del { (line) },
                        ChangeTag::Insert => ins { (line) },
                    }
                }
            }
        }
    }
}

/// An address that one may follow from here.
pub fn web_address(url: &str) -> Option<&str> {
    let lower = url.to_ascii_lowercase();
    ((lower.starts_with("https://") || lower.starts_with("http://")) && !url.contains(is_hidden)).then_some(url)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Digest, ItemId};
    use crate::model::Untrusted;

    fn claim(id: &str) -> Claim {
        let signal = ItemId(Digest::of("signal"));
        Claim { id: id.into(), text: "Prices rose".into(), quote: Untrusted::new("up"), url: None, signal }
    }

    fn page(text: &str) -> String {
        markdown(text, &[claim("c1"), claim("c2")]).into_string()
    }

    #[test]
    fn a_cited_claim_leads_to_its_card() {
        let page = self::page("Prices rose [c1], and *again* [c1, c2]. Not [c9], `[c1]`, <b>[c2]</b>.");
        assert_eq!(page.matches("href=\"#claim-c1\"").count(), 2, "{page}");
        assert_eq!(page.matches("href=\"#claim-c2\"").count(), 2, "{page}");
        assert!(page.contains("[c9]") && page.contains("<code>[c1]</code>"), "{page}");
        assert!(page.contains("class=\"cite\""), "{page}");
    }

    #[test]
    fn what_would_act_is_shown_and_does_nothing() {
        for bad in [
            "<script>alert(1)</script>",
            "hello <img src=x onerror=alert(1)>",
            "[x](javascript:alert(1))",
            "[x](/logout)",
            "[x](//evil.example/)",
            "![a picture](https://evil.example/pixel.png)",
            "<form action=/logout method=post><button>x</button></form>",
            "<svg onload=alert(1)>",
            "[c1]<script>[c1]</script>",
            "<iframe src=https://evil.example></iframe>",
            "[x](data:text/html,<script>alert(1)</script>)",
            "<style>body{display:none}</style>",
        ] {
            let page = self::page(bad);
            let tags: Vec<&str> = page.match_indices('<').map(|(at, _)| &page[at..]).collect();
            for tag in tags {
                assert!(["<p>", "</p>", "<a ", "<a>", "</a>"].iter().any(|fine| tag.starts_with(fine)), "{bad}\n{page}");
            }
            for link in page.match_indices("href=\"").map(|(at, found)| &page[at + found.len()..]) {
                assert!(link.starts_with("#claim-c1\""), "{bad}\n{page}");
            }
        }
        assert!(page("<script>alert(1)</script>").contains("&lt;script&gt;"), "it is shown as the text it is");
        assert!(page("[x](https://fine.example/)").contains("rel=\"noopener noreferrer nofollow\""));
    }

    #[test]
    fn headings_follow_the_title_of_the_page_without_a_gap() {
        assert!(page("## One\n\n### Two").contains("<h2>One</h2>\n<h3>Two</h3>"));
        assert!(page("# One\n\n## Two").contains("<h2>One</h2>\n<h3>Two</h3>"));
        assert!(page("###### Six").contains("<h2>Six</h2>"));
    }

    #[test]
    fn names_between_backticks_are_set_apart_and_nothing_else_is() {
        assert_eq!(in_words("Who counts `a<b` for it?").into_string(), "Who counts <code>a&lt;b</code> for it?");
        assert_eq!(in_words("One ` alone").into_string(), "One ` alone");
    }

    #[test]
    fn hidden_characters_are_named() {
        assert_eq!(shown("a\u{202e}b\u{200b}"), "a⟦U+202E⟧b⟦U+200B⟧");
        assert_eq!(cleaned("a\u{202e}b\u{e0041}"), ("ab".to_owned(), 2));
        assert_eq!(shown("👩\u{200d}💻 ok"), "👩\u{200d}💻 ok", "a joiner in an emoji is no trick");
        assert!(page("pay\u{202e}lap").contains("pay⟦U+202E⟧lap"));
        assert_eq!(web_address("javascript:x"), None);
    }

    #[test]
    fn two_versions_are_shown_word_by_word() {
        let page = changes("Prices rose in June.", "Prices fell in <b>June</b>.").into_string();
        assert!(page.contains("Prices <del>rose</del><ins>fell</ins> in "), "{page}");
        assert!(!page.contains("<b>"), "{page}");
        let long = "word ".repeat(400);
        let page = changes(&format!("{long}one"), &format!("{long}two")).into_string();
        assert!(page.len() < 600 && page.contains("⋯") && page.contains("<ins>two</ins>"), "{page}");
    }
}
