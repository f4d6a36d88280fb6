//! Pages as text: what a reader sees, in lines, with tables kept as rows.

use super::depth::bounded;
use scraper::{ElementRef, Html, Selector, node::Node};

/// A node of the parsed tree.
type NodeOf<'a> = <ElementRef<'a> as std::ops::Deref>::Target;

/// Elements whose text nobody reads.
const HIDDEN: &[&str] = &["script", "style", "noscript", "template", "svg", "head", "iframe", "select", "option"];

/// Elements that start a new line.
const BLOCK: &[&str] = &[
    "address",
    "article",
    "aside",
    "blockquote",
    "br",
    "caption",
    "dd",
    "div",
    "dl",
    "dt",
    "figcaption",
    "figure",
    "footer",
    "form",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "header",
    "hr",
    "li",
    "main",
    "nav",
    "ol",
    "p",
    "pre",
    "section",
    "table",
    "tbody",
    "tfoot",
    "thead",
    "tr",
    "ul",
];

/// Whether a text looks like HTML and not like Markdown or prose with a tag in it.
pub fn looks_like(text: &str) -> bool {
    let start: String = text.trim_start().chars().take(400).collect::<String>().to_ascii_lowercase();
    start.starts_with("<!doctype html")
        || start.starts_with("<html")
        || (start.starts_with('<') && start.contains("<body"))
        || start.starts_with("<main")
        || start.starts_with("<table")
}

/// The text of a page or fragment in lines. Headings become `# …`, list items `- …`, table rows `| a | b |`.
/// `select` narrows it to the elements that match a CSS selector; nothing matching gives an empty text.
pub fn lines(html: &str, select: Option<&str>) -> String {
    let document = Html::parse_document(&bounded(html));
    let mut out = Writer::default();
    match select.and_then(|css| Selector::parse(css).ok()) {
        Some(selector) => document.select(&selector).for_each(|element| out.element(element)),
        None => out.element(document.root_element()),
    }
    out.finish()
}

/// The text of a fragment in one line.
pub fn line(html: &str) -> String {
    if !html.contains(['<', '&']) {
        return html.split_whitespace().collect::<Vec<_>>().join(" ");
    }
    let fragment = Html::parse_fragment(&bounded(html));
    let mut out = Writer { plain: true, ..Writer::default() };
    out.element(fragment.root_element());
    out.finish().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The title of a page: its `<title>`, else its first heading.
pub fn title(html: &str) -> Option<String> {
    let document = Html::parse_document(&bounded(html));
    ["title", "h1"].iter().find_map(|css| {
        let selector = Selector::parse(css).ok()?;
        let text = document.select(&selector).next()?.text().collect::<String>();
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        (!text.is_empty()).then_some(text)
    })
}

#[derive(Default)]
struct Writer {
    text: String,
    /// No marks for headings, list items and tables.
    plain: bool,
}

impl Writer {
    /// Walks without recursion, because a page may nest deeper than a stack allows.
    fn element(&mut self, root: ElementRef<'_>) {
        enum Visit<'a> {
            Enter(NodeOf<'a>),
            Leave(&'static str),
        }
        let mut stack = vec![Visit::Enter(*root)];
        while let Some(visit) = stack.pop() {
            let node = match visit {
                Visit::Leave(mark) => {
                    self.text.push_str(mark);
                    continue;
                }
                Visit::Enter(node) => node,
            };
            match node.value() {
                Node::Text(text) => self.words(text),
                Node::Element(element) => {
                    let name = element.name();
                    if HIDDEN.contains(&name) || element.attr("hidden").is_some() {
                        continue;
                    }
                    if BLOCK.contains(&name) {
                        self.text.push('\n');
                        stack.push(Visit::Leave("\n"));
                    }
                    if matches!(name, "td" | "th") {
                        stack.push(Visit::Leave(" | "));
                    }
                    self.mark(name);
                    let children: Vec<_> = node.children().collect();
                    stack.extend(children.into_iter().rev().map(Visit::Enter));
                }
                _ => stack.extend(node.children().collect::<Vec<_>>().into_iter().rev().map(Visit::Enter)),
            }
        }
        self.text.push('\n');
    }

    fn mark(&mut self, name: &str) {
        if self.plain {
            return;
        }
        match name {
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => {
                let level = usize::from(name.as_bytes()[1] - b'0');
                self.text.push_str(&"#".repeat(level));
                self.text.push(' ');
            }
            "li" => self.text.push_str("- "),
            "tr" => self.text.push_str("| "),
            _ => {}
        }
    }

    fn words(&mut self, text: &str) {
        if text.starts_with(char::is_whitespace) {
            self.text.push(' ');
        }
        let mut first = true;
        for word in text.split_whitespace() {
            if !first {
                self.text.push(' ');
            }
            self.text.push_str(word);
            first = false;
        }
        if !first && text.ends_with(char::is_whitespace) {
            self.text.push(' ');
        }
    }

    fn finish(self) -> String {
        let lines = self.text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
        lines.filter(|line| !line.is_empty() && line != "|" && line != "-").collect::<Vec<_>>().join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_reads_as_lines() {
        let html = "<html><head><title>T</title><style>x{}</style></head><body><h2>Plans</h2><p>One <b>two</b>three</p>\
            <script>var a = '$9'</script><table><tr><th>Pro</th><td>$5 <i>per month</i></td></tr></table></body></html>";
        assert_eq!(lines(html, None), "## Plans\nOne twothree\n| Pro | $5 per month |");
        assert_eq!(lines(html, Some("table")), "| Pro | $5 per month |");
        assert_eq!(title(html).as_deref(), Some("T"));
    }

    #[test]
    fn fragments_become_one_line() {
        assert_eq!(line("<p>a &amp; b</p><ul><li>c</li></ul>"), "a & b c");
        assert_eq!(line("plain\n text"), "plain text");
    }

    #[test]
    fn deep_nesting_does_not_overflow() {
        let html = format!("{}x{}", "<div>".repeat(2_000), "</div>".repeat(2_000));
        assert_eq!(lines(&html, None), "x");
    }
}
