//! Colours by meaning: a step's name, a setting and a field in an expression look different though all are words.
//!
//! What a word is comes from the tree and the language; comments, texts and numbers come from the words as they stand there, so that a
//! broken line keeps its colours.

use super::documents::Source;
use super::grammar::{Word, typed, walk};
use super::lexer::{Kind, tokens as words};
use crate::step::{Registry, ValueType};
use crate::syntax::Value;
use lsp_types::{SemanticToken, SemanticTokenModifier, SemanticTokenType, SemanticTokensLegend};
use std::collections::BTreeMap;
use std::ops::Range;

/// The meanings, in the order of the legend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    Namespace,
    Keyword,
    Class,
    Variable,
    Property,
    Text,
    Number,
    Comment,
    Choice,
    Function,
    Type,
}

const LEGEND: [SemanticTokenType; 11] = [
    SemanticTokenType::NAMESPACE,
    SemanticTokenType::KEYWORD,
    SemanticTokenType::CLASS,
    SemanticTokenType::VARIABLE,
    SemanticTokenType::PROPERTY,
    SemanticTokenType::STRING,
    SemanticTokenType::NUMBER,
    SemanticTokenType::COMMENT,
    SemanticTokenType::ENUM_MEMBER,
    SemanticTokenType::FUNCTION,
    SemanticTokenType::TYPE,
];

pub fn legend() -> SemanticTokensLegend {
    SemanticTokensLegend { token_types: LEGEND.to_vec(), token_modifiers: vec![SemanticTokenModifier::DECLARATION] }
}

/// One coloured piece; `is_declaration` for a name where it is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    pub range: Range<usize>,
    pub meaning: Meaning,
    pub is_declaration: bool,
}

/// The pieces of a workflow or a file of tests, in order, none over another.
pub fn pieces(source: &Source, registry: &'static Registry) -> Vec<Piece> {
    let known = known(source, registry);
    let mut found = Vec::new();
    let mut in_brackets = false;
    for token in words(&source.text) {
        let mut push = |range, meaning, is_declaration| found.push(Piece { range, meaning, is_declaration });
        match token.kind {
            Kind::LineComment | Kind::BlockComment | Kind::SlashDash => push(token.range, Meaning::Comment, false),
            Kind::Bracket => in_brackets = source.text[token.range].starts_with('('),
            Kind::End => in_brackets = false,
            Kind::Bare if in_brackets => push(token.range, Meaning::Type, false),
            Kind::Bare | Kind::Quoted { .. } => match known.get(&token.range.start) {
                Some((Meaning::Function, _)) if token.kind != Kind::Bare => {
                    expression(&source.text, token.range, &mut found);
                }
                Some((meaning, is_declaration)) => push(token.range, *meaning, *is_declaration),
                None if token.kind != Kind::Bare => push(token.range, Meaning::Text, false),
                None => {}
            },
            Kind::Equals | Kind::Open | Kind::Close => {}
        }
    }
    found
}

/// What the words mean that the tree knows, by their first byte. An expression is marked as a function.
fn known(source: &Source, registry: &'static Registry) -> BTreeMap<usize, (Meaning, bool)> {
    let mut known = BTreeMap::new();
    walk(source.tree(), registry, |node, word| {
        let meaning = match word {
            Word::Layer(_) => Some(Meaning::Namespace),
            Word::Workflow | Word::Module | Word::Export => Some(Meaning::Keyword),
            Word::Step { .. } | Word::Door { .. } => Some(Meaning::Class),
            Word::Setting { spec, .. } => Some(if spec.name == "test" { Meaning::Keyword } else { Meaning::Property }),
            Word::Unknown if node.name().contains('.') => Some(Meaning::Class),
            Word::Unknown | Word::File => None,
        };
        if let Some(meaning) = meaning {
            known.insert(node.name_span().start as usize, (meaning, false));
        }
        for entry in node.entries() {
            if let Some((_, span)) = entry.name() {
                known.insert(span.start as usize, (Meaning::Property, false));
            }
            let meaning = match entry.value() {
                Value::Text(_) => Meaning::Text,
                Value::Integer(_) | Value::Number(_) => Meaning::Number,
                Value::Bool(_) | Value::Null => Meaning::Keyword,
            };
            known.insert(entry.value_span().start as usize, (meaning, false));
        }
        for (entry, ty) in typed(node, word) {
            let meaning = match ty {
                ValueType::Step | ValueType::Provider | ValueType::Channel | ValueType::Parameter => Meaning::Variable,
                ValueType::Choice(_) | ValueType::Window => Meaning::Choice,
                ValueType::Expression => Meaning::Function,
                _ if entry.name().is_some_and(|(name, _)| name == "kind") => Meaning::Choice,
                _ => continue,
            };
            if entry.value().text().is_some() {
                known.insert(entry.value_span().start as usize, (meaning, false));
            }
        }
        let names_something = matches!(word, Word::Workflow | Word::Step { .. } | Word::Door { .. });
        if let Some(name) = node.arg(0).filter(|_| names_something) {
            known.insert(name.value_span().start as usize, (Meaning::Variable, true));
        }
    });
    known
}

/// The words of an expression: functions, names, fields, numbers; what is left of it is text.
fn expression(text: &str, range: Range<usize>, found: &mut Vec<Piece>) {
    let bytes = text.as_bytes();
    let mut at = range.start;
    let mut plain = range.start;
    let mut quote: Option<u8> = None;
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    while at < range.end {
        let byte = bytes[at];
        match quote {
            Some(mark) => {
                quote = (byte != mark).then_some(mark);
                at += 1;
            }
            None if byte == b'\'' => {
                quote = Some(byte);
                at += 1;
            }
            None if is_word(byte) => {
                let mut end = (at..range.end).find(|place| !is_word(bytes[*place])).unwrap_or(range.end);
                let meaning = match () {
                    () if byte.is_ascii_digit() => {
                        let is_fraction = bytes.get(end) == Some(&b'.') && bytes.get(end + 1).is_some_and(u8::is_ascii_digit);
                        if is_fraction {
                            end = (end + 1..range.end).find(|place| !is_word(bytes[*place])).unwrap_or(range.end);
                        }
                        Meaning::Number
                    }
                    () if bytes.get(end) == Some(&b'(') => Meaning::Function,
                    () if at > range.start && bytes[at - 1] == b'.' => Meaning::Property,
                    () => Meaning::Variable,
                };
                if plain < at {
                    found.push(Piece { range: plain..at, meaning: Meaning::Text, is_declaration: false });
                }
                found.push(Piece { range: at..end, meaning, is_declaration: false });
                at = end;
                plain = end;
            }
            None => at += 1,
        }
    }
    if plain < range.end {
        found.push(Piece { range: plain..range.end, meaning: Meaning::Text, is_declaration: false });
    }
}

/// The pieces as the protocol writes them: each relative to the one before it, none over a line's end.
pub fn encoded(source: &Source, pieces: &[Piece]) -> Vec<SemanticToken> {
    let (text, lines) = (&source.text, &source.lines);
    let mut found = Vec::new();
    let (mut line_before, mut start_before) = (0, 0);
    for piece in pieces {
        let mut at = piece.range.start;
        while at < piece.range.end {
            let line = lines.line(at);
            let end = lines.start(text, line + 1).min(piece.range.end);
            let content = text[at..end].trim_end_matches(['\n', '\r']);
            let length = lines.encoding().length(content);
            if length > 0 {
                let position = lines.position(text, at);
                let delta_line = position.line - line_before;
                let delta_start = if delta_line == 0 { position.character - start_before } else { position.character };
                found.push(SemanticToken {
                    delta_line,
                    delta_start,
                    length,
                    token_type: piece.meaning as u32,
                    token_modifiers_bitset: u32::from(piece.is_declaration),
                });
                (line_before, start_before) = (position.line, position.character);
            }
            at = end.max(at + 1);
            while !text.is_char_boundary(at) {
                at += 1;
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builtin::registry;
    use crate::lsp::positions::Encoding;

    #[test]
    fn words_are_coloured_by_what_they_mean_also_on_broken_lines() {
        let text = "workflow \"w\" { // why\n  strategy {\n    score \"s\" { from \"press\" \"pre\n      rule \"d\" weight=0.4 { value \"size(signal.evidence) / 5.0\" }\n      cap (usd)5 per=\"day\"\n";
        let source = Source::new("/p/w.kdl".into(), text.into(), Encoding::Utf16);
        let told: Vec<String> = pieces(&source, registry())
            .iter()
            .map(|piece| format!("{:?} {}", piece.meaning, &text[piece.range.clone()]))
            .collect();
        for expected in [
            "Keyword workflow",
            "Variable \"w\"",
            "Comment // why",
            "Namespace strategy",
            "Class score",
            "Property from",
            "Variable \"press\"",
            "Property rule",
            "Number 0.4",
            "Function size",
            "Variable signal",
            "Property evidence",
            "Number 5.0",
            "Type usd",
            "Number 5",
            "Choice \"day\"",
        ] {
            assert!(told.iter().any(|piece| piece == expected), "{expected}: {told:#?}");
        }
    }

    #[test]
    fn pieces_of_several_lines_are_cut_and_counted_in_units() {
        let text = "/* 😀\n\nb */ a \"\"\"\n x\n \"\"\"\n";
        let source = Source::new("/p/w.kdl".into(), text.into(), Encoding::Utf16);
        let encoded = encoded(&source, &pieces(&source, registry()));
        let told: Vec<(u32, u32, u32)> =
            encoded.iter().map(|token| (token.delta_line, token.delta_start, token.length)).collect();
        assert_eq!(told, [(0, 0, 5), (2, 0, 4), (0, 7, 3), (1, 0, 2), (1, 0, 4)]);
    }
}
