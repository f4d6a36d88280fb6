//! The way back: what a person made of a piece in a content system, as Markdown.
//!
//! A content system keeps HTML, and writes it in its own way: with comments around blocks, other names for bold, other attributes. So
//! rendered forms are compared, block by block, in one normal form. A block that comes out the same was not changed, and its Markdown
//! is the one that was sent, to the byte. One that differs is written as Markdown and rendered again; only when that gives what stands
//! there is it taken. What has no such form stays the HTML that it is, which Markdown allows, and is counted.

use super::html;
use crate::builtin::common::depth::bounded;
use pulldown_cmark::{Event, Options, Parser, html as to_html};
use scraper::{ElementRef, Html, Node};
use similar::{Algorithm, DiffOp, capture_diff_slices};

/// Elements that stand by themselves.
const BLOCKS: [&str; 14] = ["p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "blockquote", "pre", "table", "hr", "div"];
/// Elements that say nothing about what is in them.
const FRAMES: [&str; 9] = ["div", "section", "article", "figure", "main", "span", "font", "header", "footer"];
/// Deeper than any text, and no reason to fall over.
const DEEPEST: usize = 64;
/// Above this many blocks only the whole is compared.
const MOST: usize = 5_000;

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Back {
    pub title: String,
    pub text: String,
    /// So many passages are kept as HTML.
    pub html: u32,
}

/// What stands in a content system under this title, against what was sent.
pub fn from_html(sent_title: &str, sent: &str, title: &str, found: &str) -> Back {
    let body = html::without_title(sent, sent_title);
    let (there, same_title) = (blocks_of(found), plain(title) == plain(&shortened(sent_title)));
    let own = own_blocks(body);
    let (ours, theirs): (Vec<&str>, Vec<&str>) =
        (own.iter().map(|own| own.normal.as_str()).collect(), there.iter().map(|block| block.normal.as_str()).collect());
    if ours == theirs && same_title {
        return Back { title: sent_title.to_owned(), text: sent.to_owned(), html: 0 };
    }
    let title = if same_title { sent_title } else { title };
    let (mut parts, mut kept) = (Vec::new(), 0);
    if body.len() != sent.len() || !same_title {
        parts.push(format!("# {}", title.trim()));
    }
    if ours == theirs {
        parts.push(body.trim().to_owned());
    } else {
        for change in changes(&ours, &theirs) {
            if let DiffOp::Equal { old_index, len, .. } = change {
                parts.extend(own[old_index..old_index + len].iter().map(|own| own.markdown.clone()));
                continue;
            }
            for block in &there[change.new_range()] {
                parts.push(block.markdown().unwrap_or_else(|| {
                    kept += 1;
                    block.html.clone()
                }));
            }
        }
        parts.extend(definitions(body));
    }
    parts.retain(|part| !part.is_empty());
    Back { title: title.to_owned(), text: format!("{}\n", parts.join("\n\n")), html: kept }
}

fn changes(ours: &[&str], theirs: &[&str]) -> Vec<DiffOp> {
    if ours.len().max(theirs.len()) > MOST {
        return vec![DiffOp::Replace { old_index: 0, old_len: ours.len(), new_index: 0, new_len: theirs.len() }];
    }
    capture_diff_slices(Algorithm::Myers, ours, theirs)
}

/// Ghost's longest title.
fn shortened(title: &str) -> String {
    title.chars().take(255).collect()
}

/// A title as it may come back: one form for spaces and for what HTML writes as entities.
fn plain(title: &str) -> String {
    let text: String = Html::parse_fragment(title).root_element().text().collect();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// One of our own blocks.
struct Own {
    markdown: String,
    normal: String,
}

fn parser(text: &str) -> Parser<'_> {
    Parser::new_ext(text, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH)
}

/// The blocks of a Markdown text with their rendered forms. One that renders to nothing is left out.
fn own_blocks(text: &str) -> Vec<Own> {
    let (mut blocks, mut depth, mut events, mut start) = (Vec::new(), 0usize, Vec::new(), 0);
    for (event, range) in parser(text).into_offset_iter() {
        if depth == 0 {
            start = range.start;
        }
        match &event {
            Event::Start(_) => depth += 1,
            Event::End(_) => depth = depth.saturating_sub(1),
            _ => {}
        }
        events.push(event);
        if depth > 0 {
            continue;
        }
        let mut rendered = String::new();
        to_html::push_html(&mut rendered, events.drain(..));
        let normal: String = blocks_of(&html::clean(&rendered)).into_iter().map(|block| block.normal).collect();
        let markdown = text[start..range.end].trim_end().trim_start_matches('\n').to_owned();
        if !normal.is_empty() {
            blocks.push(Own { markdown, normal });
        }
    }
    blocks
}

/// Definitions of links that the text names elsewhere.
fn definitions(text: &str) -> Option<String> {
    let parser = parser(text);
    let mut spans: Vec<_> = parser.reference_definitions().iter().map(|(_, definition)| definition.span.clone()).collect();
    spans.sort_by_key(|span| span.start);
    let lines: Vec<&str> = spans.into_iter().map(|span| text[span].trim()).collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// A block as it stands there.
struct Block {
    html: String,
    normal: String,
    /// Ways to write it, the plainest first.
    ways: [String; 2],
}

impl Block {
    /// The first way that comes out as what stands there.
    fn markdown(&self) -> Option<String> {
        let comes_out = |text: &&String| {
            let normal: String = blocks_of(&html::from_markdown(text)).into_iter().map(|block| block.normal).collect();
            !text.is_empty() && normal == self.normal
        };
        self.ways.iter().find(comes_out).cloned()
    }
}

/// The blocks of HTML that somebody edited. Text that stands outside of any element is in paragraphs by its empty lines, as
/// WordPress's older editor keeps it.
fn blocks_of(text: &str) -> Vec<Block> {
    let cleaned = html::clean(&bounded(text));
    let document = Html::parse_fragment(&cleaned);
    let mut blocks = Vec::new();
    let mut loose: Vec<Piece> = Vec::new();
    collect(document.root_element(), &mut blocks, &mut loose, 0);
    close(&mut blocks, &mut loose);
    blocks
}

fn collect(element: ElementRef<'_>, blocks: &mut Vec<Block>, loose: &mut Vec<Piece>, depth: usize) {
    for child in element.children() {
        if let Some(child) = ElementRef::wrap(child) {
            let name = child.value().name();
            let frames_blocks = FRAMES.contains(&name) && depth < DEEPEST && holds_blocks(child);
            if name == "html" || frames_blocks {
                if frames_blocks {
                    close(blocks, loose);
                }
                collect(child, blocks, loose, depth + 1);
                if frames_blocks {
                    close(blocks, loose);
                }
                continue;
            }
            if BLOCKS.contains(&name) || name == "img" && loose.is_empty() {
                close(blocks, loose);
                let piece = Piece::of(child, 0);
                let piece = if name == "div" { Piece::Of("p", Vec::new(), piece.into_inner()) } else { piece };
                push(blocks, piece, child.html());
                continue;
            }
            loose.push(Piece::of(child, 0));
        } else if let Node::Text(text) = child.value() {
            let mut parts = text.replace("\r\n", "\n");
            while let Some((before, after)) = parts.split_once("\n\n") {
                loose.push(Piece::Text(before.to_owned()));
                close(blocks, loose);
                parts = after.to_owned();
            }
            loose.push(Piece::Text(parts));
        }
    }
}

fn holds_blocks(element: ElementRef<'_>) -> bool {
    element.descendants().skip(1).filter_map(ElementRef::wrap).any(|inner| BLOCKS.contains(&inner.value().name()))
        || element.value().name() == "figure"
}

/// What stood loose is a paragraph.
fn close(blocks: &mut Vec<Block>, loose: &mut Vec<Piece>) {
    let pieces = std::mem::take(loose);
    if pieces.iter().all(|piece| matches!(piece, Piece::Text(text) if text.trim().is_empty())) {
        return;
    }
    let piece = Piece::Of("p", Vec::new(), pieces);
    let html = piece.normal();
    push(blocks, piece, html);
}

fn push(blocks: &mut Vec<Block>, piece: Piece, html: String) {
    let normal = piece.normal();
    if normal.is_empty() || normal == "<p></p>" {
        return;
    }
    let ways = [piece.markdown(false), piece.markdown(true)];
    // An empty line would end a block of HTML in Markdown.
    let html = html.lines().filter(|line| !line.trim().is_empty()).collect::<Vec<_>>().join("\n");
    blocks.push(Block { html, normal, ways });
}

/// HTML without what does not count.
enum Piece {
    Text(String),
    /// Name, attributes that count, and what is in it.
    Of(&'static str, Vec<(&'static str, String)>, Vec<Piece>),
}

impl Piece {
    fn of(element: ElementRef<'_>, depth: usize) -> Piece {
        let value = element.value();
        let attribute = |name: &'static str| value.attr(name).map(|text| (name, text.to_owned()));
        let (name, attributes): (&'static str, Vec<_>) = match value.name() {
            "b" | "strong" => ("strong", Vec::new()),
            "i" | "em" => ("em", Vec::new()),
            "s" | "strike" | "del" => ("del", Vec::new()),
            "a" => ("a", attribute("href").into_iter().collect()),
            "img" => ("img", attribute("src").into_iter().chain(attribute("alt").filter(|(_, alt)| !alt.is_empty())).collect()),
            "ol" => ("ol", attribute("start").filter(|(_, start)| start != "1").into_iter().collect()),
            name => match KNOWN.iter().find(|known| **known == name) {
                Some(known) => (known, Vec::new()),
                None => ("", Vec::new()),
            },
        };
        let mut inner = Vec::new();
        if depth < DEEPEST {
            for child in element.children() {
                match (ElementRef::wrap(child), child.value()) {
                    (Some(child), _) => inner.push(Piece::of(child, depth + 1)),
                    (None, Node::Text(text)) => inner.push(Piece::Text(text.to_string())),
                    _ => {}
                }
            }
        }
        Piece::Of(name, attributes, inner)
    }

    fn into_inner(self) -> Vec<Piece> {
        match self {
            Piece::Text(text) => vec![Piece::Text(text)],
            Piece::Of(_, _, inner) => inner,
        }
    }

    /// One form for what looks the same.
    fn normal(&self) -> String {
        let mut out = String::new();
        self.write(&mut out, false);
        tidy(&out)
    }

    fn write(&self, out: &mut String, verbatim: bool) {
        match self {
            Piece::Text(text) if verbatim => out.push_str(&escaped(text)),
            Piece::Text(text) => out.push_str(&escaped(&spaced(text))),
            Piece::Of(name, attributes, inner) => {
                // A paragraph in an item or a quotation is what stands there.
                let dropped = name.is_empty() || matches!(*name, "thead" | "tbody");
                if !dropped {
                    out.push('<');
                    out.push_str(name);
                    for (attribute, value) in attributes {
                        out.push_str(&format!(" {attribute}=\"{}\"", escaped(value.trim()).replace('"', "&quot;")));
                    }
                    out.push('>');
                }
                let verbatim = verbatim || *name == "pre";
                let lone = matches!(*name, "li" | "blockquote")
                    && inner.iter().filter(|piece| matches!(piece, Piece::Of("p", ..))).count() == 1;
                for piece in inner {
                    match piece {
                        Piece::Of("p", _, inner) if lone => inner.iter().for_each(|piece| piece.write(out, verbatim)),
                        piece => piece.write(out, verbatim),
                    }
                }
                if !dropped && !matches!(*name, "br" | "hr" | "img") {
                    out.push_str(&format!("</{name}>"));
                }
            }
        }
    }

    /// As Markdown, or nothing where there is no way to say it.
    fn markdown(&self, escape: bool) -> String {
        let Piece::Of(name, _, inner) = self else { return String::new() };
        let text = || inline(inner, escape);
        match *name {
            "p" => guarded(&text(), escape),
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => {
                format!("{} {}", "#".repeat(usize::from(name.as_bytes()[1] - b'0')), text())
            }
            "hr" => "---".to_owned(),
            "img" => inline(std::slice::from_ref(self), escape),
            "pre" => fenced(&raw(inner)),
            "blockquote" => {
                let inner = flow(inner, escape);
                inner.lines().map(|line| format!("> {line}").trim_end().to_owned()).collect::<Vec<_>>().join("\n")
            }
            "ul" | "ol" => list(self, escape),
            "table" => table(self, escape),
            _ => String::new(),
        }
    }
}

/// Elements whose name counts and whose attributes do not.
const KNOWN: [&str; 25] = [
    "p",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "ul",
    "li",
    "blockquote",
    "pre",
    "code",
    "table",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
    "hr",
    "br",
    "sup",
    "sub",
    "u",
    "mark",
    "kbd",
];

fn spaced(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        let c = if c.is_whitespace() { ' ' } else { c };
        if c != ' ' || !out.ends_with(' ') {
            out.push(c);
        }
    }
    out
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Without spaces where they are not seen: beside the edges of blocks and breaks.
fn tidy(normal: &str) -> String {
    let mut out = normal.to_owned();
    if out.contains("<pre>") {
        return out.replace("\n</code></pre>", "</code></pre>").replace("\n</pre>", "</pre>");
    }
    while out.contains("  ") {
        out = out.replace("  ", " ");
    }
    const EDGES: [&str; 13] = ["p", "li", "ul", "ol", "blockquote", "table", "tr", "th", "td", "h1", "h2", "h3", "h4"];
    for name in EDGES {
        for edge in [format!("<{name}>"), format!("</{name}>")] {
            out = out.replace(&format!(" {edge}"), &edge).replace(&format!("{edge} "), &edge);
        }
    }
    out.replace(" <br>", "<br>").replace("<br> ", "<br>")
}

/// Text and marks in one line.
fn inline(pieces: &[Piece], escape: bool) -> String {
    let mut out = String::new();
    for piece in pieces {
        match piece {
            Piece::Text(text) => out.push_str(&if escape { backslashed(&spaced(text)) } else { spaced(text) }),
            Piece::Of(name, attributes, inner) => {
                let attribute =
                    |name: &str| attributes.iter().find(|(own, _)| *own == name).map_or("", |(_, value)| value.trim());
                let text = inline(inner, escape);
                match *name {
                    "strong" => out.push_str(&marked(&text, "**")),
                    "em" => out.push_str(&marked(&text, "*")),
                    "del" => out.push_str(&marked(&text, "~~")),
                    "code" => {
                        let text = raw(inner);
                        let ticks = if text.contains('`') { "``" } else { "`" };
                        let pad = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
                        out.push_str(&format!("{ticks}{pad}{text}{pad}{ticks}"));
                    }
                    "a" => out.push_str(&format!("[{text}]({})", address(attribute("href")))),
                    "img" => out.push_str(&format!("![{}]({})", attribute("alt"), address(attribute("src")))),
                    "br" => {
                        let trimmed = out.trim_end_matches(' ').len();
                        out.truncate(trimmed);
                        out.push_str("\\\n");
                    }
                    "sup" | "sub" | "u" | "mark" | "kbd" => out.push_str(&format!("<{name}>{text}</{name}>")),
                    _ => out.push_str(&text),
                }
            }
        }
    }
    let lines: Vec<&str> = out.split('\n').map(|line| line.trim_start_matches(' ')).collect();
    lines.join("\n").trim().to_owned() + if out.ends_with(' ') && pieces.len() == 1 { " " } else { "" }
}

/// Marks stand at words, not at spaces.
fn marked(text: &str, mark: &str) -> String {
    let inner = text.trim();
    if inner.is_empty() {
        return text.to_owned();
    }
    let lead = if text.starts_with(' ') { " " } else { "" };
    let trail = if text.ends_with(' ') { " " } else { "" };
    format!("{lead}{mark}{inner}{mark}{trail}")
}

fn address(url: &str) -> String {
    if url.contains([' ', '(', ')']) { format!("<{url}>") } else { url.to_owned() }
}

fn backslashed(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if "\\`*_[]<>#~|&".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// A paragraph that would be taken for something else by its first characters.
fn guarded(text: &str, escape: bool) -> String {
    let first = text.chars().next().unwrap_or(' ');
    if !escape {
        return text.to_owned();
    }
    if "-+=".contains(first) {
        return format!("\\{text}");
    }
    let digits = text.chars().take_while(char::is_ascii_digit).count();
    match text[digits..].chars().next() {
        Some(mark @ ('.' | ')')) if digits > 0 => format!("{}\\{mark}{}", &text[..digits], &text[digits + 1..]),
        _ => text.to_owned(),
    }
}

fn raw(pieces: &[Piece]) -> String {
    pieces
        .iter()
        .map(|piece| match piece {
            Piece::Text(text) => text.clone(),
            Piece::Of(_, _, inner) => raw(inner),
        })
        .collect()
}

fn fenced(text: &str) -> String {
    let fence = if text.contains("```") { "````" } else { "```" };
    format!("{fence}\n{}\n{fence}", text.trim_end_matches('\n'))
}

/// Text and blocks in another block.
fn flow(pieces: &[Piece], escape: bool) -> String {
    let (mut parts, mut from) = (Vec::new(), 0);
    let is_block = |piece: &Piece| matches!(piece, Piece::Of(name, ..) if BLOCKS.contains(name));
    for (at, piece) in pieces.iter().enumerate() {
        if is_block(piece) {
            parts.push(inline(&pieces[from..at], escape).trim().to_owned());
            parts.push(piece.markdown(escape));
            from = at + 1;
        }
    }
    parts.push(inline(&pieces[from..], escape).trim().to_owned());
    parts.retain(|part| !part.is_empty());
    parts.join("\n\n")
}

fn list(piece: &Piece, escape: bool) -> String {
    let Piece::Of(name, attributes, inner) = piece else { return String::new() };
    let mut number: usize = attributes.iter().find_map(|(_, start)| start.parse().ok()).unwrap_or(1);
    let mut lines = Vec::new();
    for item in inner {
        let Piece::Of("li", _, inner) = item else { continue };
        let mark = if *name == "ol" { format!("{number}. ") } else { "- ".to_owned() };
        number += 1;
        let paragraphs = inner.iter().filter(|piece| matches!(piece, Piece::Of("p", ..))).count();
        let text = flow(inner, escape);
        // Only several paragraphs stand apart in an item.
        let text = if paragraphs < 2 { text.replace("\n\n", "\n") } else { text };
        let indent = " ".repeat(mark.len());
        let mut own = text.lines();
        lines.push(format!("{mark}{}", own.next().unwrap_or_default()));
        lines.extend(own.map(|line| if line.is_empty() { String::new() } else { format!("{indent}{line}") }));
    }
    lines.join("\n")
}

fn table(piece: &Piece, escape: bool) -> String {
    let mut rows: Vec<Vec<String>> = Vec::new();
    rows_of(piece, &mut rows, escape);
    let Some(width) = rows.iter().map(Vec::len).max().filter(|width| *width > 0) else { return String::new() };
    let line = |cells: &[String]| format!("| {} |", cells.join(" | "));
    let mut lines = vec![line(&rows[0]), format!("|{}", "---|".repeat(width))];
    lines.extend(rows[1..].iter().map(|row| line(row)));
    lines.join("\n")
}

fn rows_of(piece: &Piece, rows: &mut Vec<Vec<String>>, escape: bool) {
    let Piece::Of(name, _, inner) = piece else { return };
    if *name == "tr" {
        let cells = inner.iter().filter_map(|cell| match cell {
            Piece::Of("td" | "th", _, inner) => Some(inline(inner, escape).replace('\n', " ")),
            _ => None,
        });
        return rows.push(cells.collect());
    }
    inner.iter().for_each(|piece| rows_of(piece, rows, escape));
}

#[cfg(test)]
mod tests {
    use super::*;

    const SENT: &str = "# Prices moved\n\nTwo rivals **raised** [prices](https://us.example/p?a=1&utm_source=site&utm_content=k)\nthis week.\n\n\
        ## What it means\n\n* one\n* two\n  * deep\n\n1. first\n2. second\n\n> Quoted *words*.\n\n```\nlet a = 1 < 2;\n```\n\n\
        | plan | price |\n|------|------:|\n| a | 1 |\n\nThe end, see [there].\n\n[there]: https://there.example/\n";

    fn body() -> String {
        html::from_markdown(html::without_title(SENT, "Prices moved"))
    }

    fn back(title: &str, found: &str) -> Back {
        from_html("Prices moved", SENT, title, found)
    }

    #[test]
    fn what_nobody_touched_comes_back_to_the_byte() {
        assert_eq!(back("Prices moved", &body()).text, SENT);
        // As the block editor writes it, and as it writes marks.
        let blocks = body()
            .replace("<p>", "<!-- wp:paragraph {\"align\":\"left\"} -->\n<p class=\"a\">")
            .replace("</p>", "</p>\n<!-- /wp:paragraph -->")
            .replace("<strong>", "<b>")
            .replace("</strong>", "</b>")
            .replace("<h2>", "<h2 id=\"what-it-means\" class=\"wp-block-heading\">");
        assert_eq!(back("Prices  moved", &blocks).text, SENT);
        // As the older editor keeps it.
        let loose = body().replace("<p>", "").replace("</p>", "\n");
        assert_eq!(back("Prices moved", &loose).text, SENT);
    }

    #[test]
    fn only_the_changed_block_is_written_anew() {
        let found = body().replace("Two rivals", "Three rivals &amp; a <i>friend</i>");
        let came = back("Prices moved", &found);
        let wanted = SENT.replace("Two rivals", "Three rivals & a *friend*").replace("k)\nthis", "k) this");
        // The definition of a link stands at the end either way.
        assert_eq!((came.text.as_str(), came.html), (wanted.as_str(), 0));
        let found = body().replace("<li>two", "<li>two, <a href=\"https://a.example/\">here</a>");
        assert!(back("Prices moved", &found).text.contains("- one\n- two, [here](https://a.example/)\n  - deep\n\n1. first"));
        let found = body().replace("let a = 1", "let b = 1").replace("<td>a</td>", "<td>b</td>");
        let came = back("Prices moved", &found);
        assert!(came.text.contains("```\nlet b = 1 < 2;\n```") && came.text.contains("| b | 1 |"), "{}", came.text);
        assert_eq!(came.html, 0);
    }

    #[test]
    fn a_new_title_is_the_first_heading() {
        let came = back("Prices fell", &body());
        assert_eq!((came.title.as_str(), came.text), ("Prices fell", SENT.replace("# Prices moved", "# Prices fell")));
    }

    #[test]
    fn blocks_that_are_taken_out_or_put_in_are() {
        let found =
            body().replace("<h2>What it means</h2>", "").replace("<blockquote>", "<p>New: 5 * 3 * 2 [x]</p><hr><blockquote>");
        let came = back("Prices moved", &found);
        assert!(!came.text.contains("## What") && came.text.contains("2. second\n\nNew: 5"), "{}", came.text);
        let again = blocks_of(&html::from_markdown(&came.text));
        assert!(again.iter().any(|block| block.normal == "<p>New: 5 * 3 * 2 [x]</p>"), "{}", came.text);
    }

    #[test]
    fn what_has_no_markdown_is_kept_as_html_and_counted() {
        let found = format!("{}<table><tr><td rowspan=\"2\">a<ul><li>b</li></ul></td></tr></table>", body());
        let came = back("Prices moved", &found);
        assert_eq!(came.html, 1);
        assert!(came.text.contains("<table>") && came.text.contains("<li>b</li>"), "{}", came.text);
        assert!(came.text.starts_with("# Prices moved\n\nTwo rivals **raised**"));
    }

    #[test]
    fn odd_html_ends_soon() {
        for odd in [
            String::new(),
            "<".repeat(20_000),
            "<div>".repeat(2_000),
            "<b><i>".repeat(500),
            "<ul><li>".repeat(500),
            "\u{0}&#0;<p".to_owned(),
            "<script>alert(1)</script><p onclick=x>a".to_owned(),
        ] {
            let came = back("Prices moved", &odd);
            assert!(!came.text.contains("<script") && !came.text.contains("onclick"));
        }
    }
}
