//! What is being written at a place of a file: in which block, on which line, and which part of it.
//!
//! It reads the words before the place and not the tree, so it knows the place also on a line that makes no sense yet.

use super::grammar::Word;
use super::lexer::{Kind, Token, tokens};
use crate::step::Registry;
use std::ops::Range;

/// The line of a node as far as it goes: its name, its arguments and properties.
#[derive(Clone, Debug, Default)]
pub struct Line<'t> {
    pub name: &'t str,
    /// Arguments without their quotation marks.
    pub args: Vec<&'t str>,
    pub props: Vec<(&'t str, &'t str)>,
    pub annotated: bool,
}

/// Which part of a line is being written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part<'t> {
    /// The name of a node, from its first letter to its last.
    Name(Range<usize>),
    /// A word that may become an argument or a property: nothing, or bare letters.
    Word(Range<usize>),
    /// A value between quotation marks, or after `=`: of which property, where it stands without its marks, and whether it has marks.
    Value { property: Option<&'t str>, range: Range<usize>, is_quoted: bool },
    /// A comment, or between brackets: nothing of ours.
    Nothing,
}

/// A place.
#[derive(Clone, Debug)]
pub struct Place<'t> {
    /// The lines whose blocks the place is in, outermost first.
    pub around: Vec<Line<'t>>,
    /// The line of the place, without the part that is being written.
    pub line: Line<'t>,
    pub part: Part<'t>,
}

/// What is being written at a byte offset.
pub fn place(text: &str, offset: usize) -> Place<'_> {
    let mut around: Vec<Line<'_>> = Vec::new();
    let mut line = Line::default();
    let mut property: Option<&str> = None;
    let mut in_brackets = false;
    let mut words = tokens(text).take_while(|token| token.range.start < offset).peekable();
    while let Some(Token { kind, range }) = words.next() {
        let is_here = match kind {
            Kind::Bare | Kind::LineComment => offset <= range.end,
            Kind::Quoted { close, .. } => offset < range.end || close == 0 && offset <= range.end,
            Kind::BlockComment => offset < range.end,
            _ => false,
        };
        if is_here {
            let part = match kind {
                Kind::Bare if in_brackets => Part::Nothing,
                Kind::Bare if property.is_some() => Part::Value { property, range, is_quoted: false },
                Kind::Bare if line.name.is_empty() => Part::Name(range),
                Kind::Bare => Part::Word(range),
                Kind::Quoted { open, close } => {
                    let inner = (range.start + open).min(offset)..(range.end - close).max(offset);
                    match line.name.is_empty() {
                        true => Part::Nothing,
                        false => Part::Value { property, range: inner, is_quoted: true },
                    }
                }
                _ => Part::Nothing,
            };
            return Place { around, line, part };
        }
        match kind {
            Kind::Bare | Kind::Quoted { .. } => {
                let word = match kind {
                    Kind::Quoted { open, close } => text.get(range.start + open..range.end - close).unwrap_or(""),
                    _ => &text[range],
                };
                let names_a_property = words.peek().is_some_and(|next| next.kind == Kind::Equals);
                match property.take() {
                    _ if in_brackets => line.annotated |= line.args.is_empty() && !line.name.is_empty(),
                    Some(name) => line.props.push((name, word)),
                    None if line.name.is_empty() => line.name = word,
                    None if names_a_property => property = Some(word),
                    None => line.args.push(word),
                }
            }
            Kind::Bracket => in_brackets = text[range].starts_with('('),
            Kind::Equals | Kind::SlashDash | Kind::LineComment | Kind::BlockComment => {}
            Kind::End => {
                // A comment behind a property's `=` does not end it, a new line does.
                line = Line::default();
                property = None;
                in_brackets = false;
            }
            Kind::Open => {
                around.push(std::mem::take(&mut line));
                property = None;
            }
            Kind::Close => {
                around.pop();
                line = Line::default();
                property = None;
            }
        }
    }
    let here = offset..offset;
    let part = match () {
        () if in_brackets => Part::Nothing,
        () if property.is_some() => Part::Value { property, range: here, is_quoted: false },
        () if line.name.is_empty() => Part::Name(here),
        () => Part::Word(here),
    };
    Place { around, line, part }
}

impl<'t> Place<'t> {
    /// The word whose block the place is in.
    pub fn outer(&self, registry: &'static Registry) -> Word {
        self.around.iter().fold(Word::File, |word, line| word.child(line.name, line.kind(), registry))
    }

    /// The word of the line.
    pub fn word(&self, registry: &'static Registry) -> Word {
        self.outer(registry).child(self.line.name, self.line.kind(), registry)
    }
}

impl<'t> Line<'t> {
    pub fn prop(&self, name: &str) -> Option<&'t str> {
        self.props.iter().rfind(|(other, _)| *other == name).map(|(_, value)| *value)
    }

    pub fn kind(&self) -> Option<&'t str> {
        self.prop("kind")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(marked: &str) -> String {
        let offset = marked.find('|').expect("a `|` marks the place");
        let text = marked.replacen('|', "", 1);
        let place = place(&text, offset);
        let around: Vec<&str> = place.around.iter().map(|line| line.name).collect();
        let part = match &place.part {
            Part::Name(range) => format!("name `{}`", &text[range.clone()]),
            Part::Word(range) => format!("word `{}`", &text[range.clone()]),
            Part::Value { property, range, is_quoted } => {
                format!("{} {property:?} `{}`", if *is_quoted { "quoted" } else { "value" }, &text[range.clone()])
            }
            Part::Nothing => "nothing".to_owned(),
        };
        format!("{}/{} {:?}: {part}", around.join("/"), place.line.name, place.line.args)
    }

    #[test]
    fn a_place_is_known_on_whole_and_on_broken_lines() {
        for (marked, expected) in [
            ("|", "/ []: name ``"),
            ("wor|k", "/ []: name `work`"),
            ("a {\n  b 1\n  |\n}", "a/ []: name ``"),
            ("a { b; c| }", "a/ []: name `c`"),
            ("a { b \"x\" | }", "a/b [\"x\"]: word ``"),
            ("a { from \"pre|", "a/from []: quoted None `pre`"),
            ("a { from \"x\" \"pre|ss\" \"y\" }", "a/from [\"x\"]: quoted None `press`"),
            ("a { from \"|\n  cap 3\n}", "a/from []: quoted None ``"),
            ("a k=|", "/a []: value Some(\"k\") ``"),
            ("a k=\"|\"", "/a []: quoted Some(\"k\") ``"),
            ("a k=v|", "/a []: value Some(\"k\") `v`"),
            ("a k=1 |", "/a []: word ``"),
            ("a ki|", "/a []: word `ki`"),
            ("a // |x", "/a []: nothing"),
            ("a /* | */", "/a []: nothing"),
            ("a (u|) 1", "/a []: nothing"),
            ("a { } |", "/ []: name ``"),
            ("a {\n b \"{ not a block\" | }", "a/b [\"{ not a block\"]: word ``"),
            ("a { b } } c|", "/ []: name `c`"),
        ] {
            assert_eq!(at(marked), expected, "{marked}");
        }
    }

    #[test]
    fn a_cap_of_money_is_seen_as_such() {
        assert!(place("cap (usd)5 ", 11).line.annotated);
        assert!(!place("cap 5 ", 6).line.annotated);
    }
}
