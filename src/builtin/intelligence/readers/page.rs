//! A watched page as plain lines, whether it comes as HTML or as Markdown with HTML in it.

use crate::builtin::common::html;
use regex::Regex;
use std::sync::LazyLock;

/// A page as a reader sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    pub title: String,
    /// Headings start with `#`, list items with `-`, table rows with `|`.
    pub lines: Vec<String>,
}

/// Reads a page. `select` narrows HTML to the elements that match a CSS selector.
pub fn read(text: &str, select: Option<&str>) -> Page {
    if html::looks_like(text) {
        let lines: Vec<String> = html::lines(text, select).lines().map(str::to_owned).collect();
        return Page { title: html::title(text).unwrap_or_default(), lines };
    }
    markdown(text)
}

static FRONT_MATTER: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?s)\A\s*---\r?\n(.*?)\r?\n---\r?\n"));
static UNSEEN: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?is)<script\b.*?</script>|<style\b.*?</style>|<!--.*?-->|<%.*?%>|\{%.*?%\}"));
static TAG: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?s)</?[a-zA-Z][^<>]*>"));
static BREAK: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?i)<br\s*/?>"));
static LINK: LazyLock<Regex> = LazyLock::new(|| pattern(r"!?\[([^\]]*)\]\([^)]*\)"));
static RULE: LazyLock<Regex> = LazyLock::new(|| pattern(r"^\|?[\s:|-]*-{2,}[\s:|-]*$"));

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a valid pattern")
}

fn markdown(text: &str) -> Page {
    let mut page = Page::default();
    let mut text = text;
    if let Some(found) = FRONT_MATTER.captures(text) {
        let title = found[1].lines().find_map(|line| line.strip_prefix("title:")).unwrap_or("");
        page.title = title.trim().trim_matches(['"', '\'']).to_owned();
        text = &text[found.get(0).map_or(0, |whole| whole.end())..];
    }
    let text = UNSEEN.replace_all(text, " ");
    let text = BREAK.replace_all(&text, " ");
    let text = TAG.replace_all(&text, "");
    let text = LINK.replace_all(&text, "$1");
    for line in text.lines() {
        let line = entities(&line.replace(['*', '`', '\\'], "").replace("__", ""));
        let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
        if RULE.is_match(&line) {
            continue;
        }
        if !line.is_empty() {
            page.lines.push(line);
        }
    }
    if page.title.is_empty() {
        page.title = page.lines.iter().find_map(|line| line.strip_prefix("# ")).unwrap_or("").to_owned();
    }
    page
}

fn entities(line: &str) -> String {
    if !line.contains('&') {
        return line.to_owned();
    }
    let pairs = [
        ("&amp;", "&"),
        ("&nbsp;", " "),
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&dollar;", "$"),
        ("&euro;", "€"),
        ("&pound;", "£"),
        ("&#36;", "$"),
    ];
    pairs.iter().fold(line.to_owned(), |line, (entity, plain)| line.replace(entity, plain))
}

/// Phrases of pages that stand in front of the real one.
const DOORS: &[&str] = &[
    "access denied",
    "are you a robot",
    "captcha",
    "checking your browser",
    "enable javascript",
    "just a moment",
    "request blocked",
    "unusual traffic",
    "verify you are human",
    "you have been blocked",
    "attention required",
];

/// Whether this is a check for robots or an error page instead of the page: little text, and one of the usual phrases.
pub fn is_door(page: &Page) -> bool {
    let words: usize = page.lines.iter().map(|line| line.split_whitespace().count()).sum();
    let text = format!("{} {}", page.title, page.lines.join(" ")).to_lowercase();
    words < 200 && DOORS.iter().any(|phrase| text.contains(phrase))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markdown_reads_like_a_page() {
        let text = "---\ntitle: \"Plan pricing\"\n---\n## _How_\n<script>var a = '$9'</script>\n* **A10**: <span>$1</span>/hr\n\n| a | b |\n|---|:--|\n| [x](/y)<br>z | `2` |\n<%= partial(\"$3\") %>\n";
        let page = read(text, None);
        assert_eq!(page.title, "Plan pricing");
        assert_eq!(page.lines, ["## _How_", "A10: $1/hr", "| a | b |", "| x z | 2 |"]);
    }

    #[test]
    fn html_is_told_from_markdown() {
        let page = read("<!doctype html><title>T</title><nav>x</nav><main><h1>Plans</h1><li>Pro &euro;5</main>", Some("main"));
        assert_eq!((page.title.as_str(), page.lines.join("/").as_str()), ("T", "# Plans/- Pro €5"));
    }

    #[test]
    fn a_door_is_not_the_page() {
        assert!(is_door(&read("<html><title>Just a moment...</title><body>Checking your browser</body></html>", None)));
        assert!(!is_door(&read(&format!("# Pricing\nOur captcha product {}", "costs little ".repeat(150)), None)));
    }
}
