//! HTML without what does not count, and how it is written as Markdown.
//!
//! There is one form for what looks the same: `b` is `strong`, classes and ids are nothing, a lone paragraph in an item is the item.

use scraper::{ElementRef, Node};

/// Elements that stand by themselves.
pub const BLOCKS: [&str; 14] = ["p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "blockquote", "pre", "table", "hr", "div"];
/// Deeper than any text, and no reason to fall over.
pub const DEEPEST: usize = 64;

/// HTML without what does not count.
pub enum Piece {
    Text(String),
    /// Name, attributes that count, and what is in it.
    Of(&'static str, Vec<(&'static str, String)>, Vec<Piece>),
}

impl Piece {
    /// An element with what is in it.
    pub fn of(element: ElementRef<'_>, depth: usize) -> Piece {
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

    /// What is in it.
    pub fn into_inner(self) -> Vec<Piece> {
        match self {
            Piece::Text(text) => vec![Piece::Text(text)],
            Piece::Of(_, _, inner) => inner,
        }
    }

    /// One form for what looks the same.
    pub fn normal(&self) -> String {
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
    pub fn markdown(&self, escape: bool) -> String {
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
