//! A piece's Markdown as HTML, for those who take nothing else: letters and content systems.
//!
//! What a model or a stranger wrote may hold any HTML. What is left after cleaning runs nothing: no scripts, no styles, no forms, and
//! links only to the web and to mailboxes.

use ammonia::{Builder, Url, UrlRelative};
use pulldown_cmark::{Event, Options, Parser, html as to_html};
use std::collections::HashSet;
use std::sync::LazyLock;

static CLEANER: LazyLock<Builder<'static>> = LazyLock::new(cleaner);

fn cleaner() -> Builder<'static> {
    let mut cleaner = Builder::default();
    cleaner
        .url_schemes(HashSet::from(["http", "https", "mailto"]))
        .url_relative(UrlRelative::Deny)
        // These links are the writer's own, so nothing is said about following them.
        .link_rel(Some("noopener"));
    cleaner
}

/// Clean HTML, without a page around it.
pub fn from_markdown(text: &str) -> String {
    let mut html = String::with_capacity(text.len() * 3 / 2);
    // WordPress makes a break of every end of a line; in Markdown it is a space.
    let unbroken = |event| if event == Event::SoftBreak { Event::Text(" ".into()) } else { event };
    let parser = Parser::new_ext(text, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH);
    to_html::push_html(&mut html, parser.map(unbroken));
    clean(&html)
}

/// What is left of HTML after cleaning.
pub fn clean(html: &str) -> String {
    CLEANER.clean(html).to_string()
}

/// The same for HTML that stands at an address, with its relative links made whole.
pub fn clean_at(html: &str, base: &str) -> String {
    match Url::parse(base) {
        Ok(base) => cleaner().url_relative(UrlRelative::RewriteWithBase(base)).clean(html).to_string(),
        Err(_) => clean(html),
    }
}

/// Without a first heading that says what the title says: where the title stands by itself it would stand twice.
pub fn without_title<'a>(text: &'a str, title: &str) -> &'a str {
    let trimmed = text.trim_start();
    let Some(rest) = trimmed.strip_prefix("# ") else { return text };
    let (heading, body) = rest.split_once('\n').unwrap_or((rest, ""));
    if heading.trim() == title.trim() { body.trim_start() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markdown_stays_and_what_would_run_does_not() {
        let html = from_markdown("# A\n\n**b** [c](https://a.example/?x=1&utm_source=m)\n\n|a|\n|-|\n|1|\n");
        assert!(html.contains("<h1>A</h1>") && html.contains("<strong>b</strong>") && html.contains("<td>1</td>"), "{html}");
        assert!(html.contains("href=\"https://a.example/?x=1&amp;utm_source=m\""), "{html}");
        let html = from_markdown(
            "<script>alert(1)</script><img src=x onerror=alert(1)>\n\n[a](javascript:alert(1)) <style>*{display:none}</style>\
             <form action=/pay><input></form><a href='data:text/html,x' style='position:fixed'>b</a>",
        );
        for bad in ["<script", "onerror", "javascript:", "<style", "<form", "<input", "data:", "style="] {
            assert!(!html.contains(bad), "{bad} in {html}");
        }
    }

    #[test]
    fn a_title_stands_once() {
        assert_eq!(without_title("\n# Prices moved\n\nText.", "Prices moved"), "Text.");
        assert_eq!(without_title("# Another\n\nText.", "Prices moved"), "# Another\n\nText.");
        assert_eq!(without_title("# Prices moved", "Prices moved"), "");
    }
}
