//! A text with its prose known: what is code, address, markup, front matter or somebody else's words is blanked out, byte for byte,
//! so that what a rule finds in the prose stands at the same place in the text.

use super::Scope;
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};
use std::ops::Range;
use std::sync::OnceLock;

/// A Markdown text, ready for rules.
pub struct Document<'a> {
    source: &'a str,
    prose: String,
    headings: Vec<Range<usize>>,
    paragraphs: Vec<Range<usize>>,
    items: Vec<Range<usize>>,
    sentences: OnceLock<Vec<Range<usize>>>,
}

impl<'a> Document<'a> {
    pub fn new(source: &'a str) -> Document<'a> {
        let mut prose: Vec<u8> = source.bytes().map(|byte| if byte == b'\n' { b'\n' } else { b' ' }).collect();
        let (mut headings, mut paragraphs, mut items) = (Vec::new(), Vec::new(), Vec::new());
        // How many blocks are open whose words are not ours to judge.
        let mut foreign = 0usize;
        let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_YAML_STYLE_METADATA_BLOCKS;
        for (event, range) in Parser::new_ext(source, options).into_offset_iter() {
            match event {
                Event::Start(Tag::CodeBlock(_) | Tag::BlockQuote(_) | Tag::MetadataBlock(_) | Tag::HtmlBlock) => foreign += 1,
                Event::End(TagEnd::CodeBlock | TagEnd::BlockQuote(_) | TagEnd::MetadataBlock(_) | TagEnd::HtmlBlock) => {
                    foreign = foreign.saturating_sub(1);
                }
                Event::Start(Tag::Heading { .. }) if foreign == 0 => headings.push(range),
                Event::Start(Tag::Paragraph) if foreign == 0 => paragraphs.push(range),
                Event::Start(Tag::Item) if foreign == 0 => items.push(range),
                // The text of a bare address is its address.
                Event::Text(text) if foreign == 0 && !text.contains("://") => {
                    prose[range.clone()].copy_from_slice(&source.as_bytes()[range]);
                }
                _ => {}
            }
        }
        // Blanks replace whole characters: text ranges begin and end between characters.
        let prose = String::from_utf8(prose).unwrap_or_default();
        Document { source, prose, headings, paragraphs, items, sentences: OnceLock::new() }
    }

    /// What stands at a place, as it was written.
    pub fn text(&self, range: &Range<usize>) -> &'a str {
        self.source.get(range.clone()).unwrap_or_default()
    }

    /// The prose, with blanks for everything else; as long as the text.
    pub fn prose(&self) -> &str {
        &self.prose
    }

    /// The parts that a scope names, each with its words.
    pub(super) fn parts(&self, scope: Scope) -> Vec<(usize, &str)> {
        let of = |ranges: &[Range<usize>]| -> Vec<(usize, &str)> {
            ranges.iter().map(|range| (range.start, &self.prose[range.clone()])).collect()
        };
        match scope {
            Scope::Text => vec![(0, self.prose.as_str())],
            Scope::Raw => vec![(0, self.source)],
            Scope::Heading => of(&self.headings),
            Scope::Paragraph => of(&self.paragraphs),
            Scope::List => of(&self.items),
            Scope::Sentence => of(self.sentences()),
        }
    }

    /// The sentences of paragraphs and list items: they end with `.`, `!` or `?` before white space and something that can begin one.
    /// A dot after one letter, a number or a common abbreviation ends nothing.
    pub fn sentences(&self) -> &[Range<usize>] {
        self.sentences.get_or_init(|| {
            let mut sentences = Vec::new();
            let inside_item =
                |range: &&Range<usize>| !self.items.iter().any(|item| item.start <= range.start && range.end <= item.end);
            for part in self.paragraphs.iter().filter(inside_item).chain(&self.items) {
                split(&self.prose, part.clone(), &mut sentences);
            }
            sentences.sort_by_key(|range| range.start);
            sentences
        })
    }
}

const ABBREVIATIONS: &[&str] = &["e.g", "i.e", "etc", "vs", "mr", "mrs", "ms", "dr", "no", "approx", "inc", "ltd", "st"];

fn split(prose: &str, part: Range<usize>, sentences: &mut Vec<Range<usize>>) {
    let text = &prose[part.clone()];
    let mut start = 0;
    let mut push = |from: usize, to: usize| {
        let piece = &text[from..to];
        let lead = piece.len() - piece.trim_start().len();
        let trimmed = piece.trim();
        if trimmed.chars().any(char::is_alphanumeric) {
            let begin = part.start + from + lead;
            sentences.push(begin..begin + trimmed.len());
        }
    };
    for (at, c) in text.char_indices() {
        if !matches!(c, '.' | '!' | '?') {
            continue;
        }
        let end = at + c.len_utf8();
        let rest = text[end..].trim_start_matches(['"', '”', '’', ')', '\'']);
        let closed = end + (text[end..].len() - rest.len());
        let begins = rest.trim_start().chars().next().is_none_or(|next| !next.is_lowercase());
        if !(rest.is_empty() || rest.starts_with(char::is_whitespace)) || !begins {
            continue;
        }
        let word = text[start..at].rsplit(|c: char| c.is_whitespace() || c == '(').next().unwrap_or_default().to_lowercase();
        if c == '.' && (word.chars().count() == 1 || ABBREVIATIONS.contains(&word.as_str())) {
            continue;
        }
        push(start, closed);
        start = closed;
    }
    push(start, text.len());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_prose_is_left_and_every_byte_keeps_its_place() {
        let text = "---\ntitle: very\n---\n# A “very” big é\n\nSee [this page](https://very.example/x) and `very`, **very** bold.\n\n\
                    ```\nvery\n```\n> very quoted\n\n- very listed\n\n<div>very</div>\n\nhttps://very.example/y\n";
        let document = Document::new(text);
        assert_eq!(document.prose().len(), text.len());
        let found: Vec<usize> = document.prose().match_indices("very").map(|(at, _)| at).collect();
        let kept: Vec<usize> =
            ["“very", "**very", "- very"].iter().map(|word| text.find(word).unwrap() + word.len() - 4).collect();
        assert_eq!(found, kept);
        assert!(document.prose().contains("this page"));
    }

    #[test]
    fn sentences_end_where_a_reader_would_end_them() {
        let text = "Prices moved, e.g. for volumes. By 3.5 dollars! “Why?” Nobody knows\n\n- One item. Two.\n- Three\n";
        let document = Document::new(text);
        let sentences: Vec<&str> = document.sentences().iter().map(|range| document.text(range)).collect();
        assert_eq!(
            sentences,
            ["Prices moved, e.g. for volumes.", "By 3.5 dollars!", "“Why?”", "Nobody knows", "One item.", "Two.", "Three"]
        );
    }

    #[test]
    fn any_text_is_a_document() {
        let pieces = ["# ", "é", "```", "> ", "- ", "[a](b)", "\n", "\n\n", ". ", "<b>", "&amp;", "|", "---\n", "`", "**", "“"];
        let mut rng = crate::base::Rng::new(11);
        for _ in 0..2_000 {
            let text: String = (0..rng.below(30)).map(|_| pieces[rng.below(pieces.len() as u64) as usize]).collect();
            let document = Document::new(&text);
            assert_eq!(document.prose().len(), text.len(), "{text:?}");
            for scope in [Scope::Text, Scope::Heading, Scope::Paragraph, Scope::Sentence, Scope::List, Scope::Raw] {
                assert!(document.parts(scope).iter().all(|(at, part)| at + part.len() <= text.len()));
            }
        }
    }
}
