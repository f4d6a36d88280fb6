//! The way back: what a person made of a piece in a content system, as Markdown.
//!
//! A content system keeps HTML, and writes it in its own way: with comments around blocks, other names for bold, other attributes. So
//! rendered forms are compared, block by block, in one normal form. A block that comes out the same was not changed, and its Markdown
//! is the one that was sent, to the byte. One that differs is written as Markdown and rendered again; only when that gives what stands
//! there is it taken. What has no such form stays the HTML that it is, which Markdown allows, and is counted.

use super::html;
use super::pieces::{BLOCKS, DEEPEST, Piece};
use crate::base::InOrder;
use crate::builtin::common::depth::bounded;
use crate::runtime::SentText;
use crate::stats::difference::{DiffOp, Difference};
use pulldown_cmark::{Event, Options, Parser, html as to_html};
use scraper::{ElementRef, Html, Node};

/// Elements that say nothing about what is in them.
const FRAMES: [&str; 9] = ["div", "section", "article", "figure", "main", "span", "font", "header", "footer"];
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

/// What stands in a content system at an address and under a title, against what was sent.
pub fn from_html(sent: &SentText, location: &str, title: &str, found: &str) -> Back {
    let (sent_title, sent) = (sent.title.as_str(), sent.text.as_str());
    let body = html::without_title(sent, sent_title);
    let (there, same_title) =
        (blocks_of(&html::clean_at(&bounded(found), location)), plain(title) == plain(&shortened(sent_title)));
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
        for change in changes(ours, theirs) {
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

fn changes(ours: Vec<&str>, theirs: Vec<&str>) -> Vec<DiffOp> {
    if ours.len().max(theirs.len()) > MOST {
        return vec![DiffOp::Replace { old_index: 0, old_len: ours.len(), new_index: 0, new_len: theirs.len() }];
    }
    Difference::between(ours, theirs, None).steps
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
    spans.order_by_key(|span| span.start);
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

/// The blocks of clean HTML. Text that stands outside of any element is in paragraphs by its empty lines, as
/// WordPress's older editor keeps it.
fn blocks_of(cleaned: &str) -> Vec<Block> {
    let document = Html::parse_fragment(cleaned);
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
        let sent = SentText { title: "Prices moved".to_owned(), text: SENT.to_owned() };
        from_html(&sent, "https://blog.example/prices/", title, found)
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
    fn a_link_to_the_site_itself_keeps_where_it_leads() {
        let found = body().replace("Two rivals", "<a href=\"/about\">Two</a> rivals");
        assert!(back("Prices moved", &found).text.contains("[Two](https://blog.example/about) rivals **raised**"));
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
