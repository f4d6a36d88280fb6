//! What a module leaves to its uses: whole values, nodes, and gaps in texts.

use super::reference::is_word;
use crate::syntax::Entry;

/// What a value that a module leaves to its use says.
pub enum Hole<'t> {
    /// `(param)"keep"`: the values of a parameter.
    Param(&'t str),
    /// `(each)"pages"`: the node once for each value.
    Each(&'t str),
    /// `(text)"up to {keep} pieces"` and `(formula)"lead.score >= {hot}"`.
    Filled { text: &'t str, formula: bool },
}

/// What an entry leaves to the use; `None` for a plain value.
pub fn hole<'t>(entry: &Entry<'t>) -> Option<Hole<'t>> {
    let (word, _) = entry.annotation()?;
    let text = entry.value().text()?;
    match word {
        "param" => Some(Hole::Param(text)),
        "each" => Some(Hole::Each(text)),
        "text" => Some(Hole::Filled { text, formula: false }),
        "formula" => Some(Hole::Filled { text, formula: true }),
        _ => None,
    }
}

/// A piece of a text with holes.
#[derive(Debug, PartialEq)]
pub enum Fragment<'t> {
    Plain(&'t str),
    Param(&'t str),
}

/// Splits `up to {keep} pieces`. A brace that belongs to the text is doubled; a lone one stands for itself.
pub fn fragments(text: &str) -> Vec<Fragment<'_>> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(open) = rest.find('{') {
        let name = rest[open + 1..].split_once('}').map(|(name, _)| name).filter(|name| is_word(name));
        let (plain, length) = match name {
            Some(_) => (&rest[..open], 0),
            None if rest[open + 1..].starts_with('{') => (&rest[..=open], 1),
            None => (&rest[..=open], 0),
        };
        if !plain.is_empty() {
            found.push(Fragment::Plain(plain));
        }
        match name {
            Some(name) => {
                found.push(Fragment::Param(name));
                rest = &rest[open + name.len() + 2..];
            }
            None => rest = &rest[plain.len() + length..],
        }
    }
    if !rest.is_empty() {
        found.push(Fragment::Plain(rest));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_with_holes_is_split() {
        use Fragment::{Param, Plain};
        for (text, expected) in [
            ("up to {keep} pieces", vec![Plain("up to "), Param("keep"), Plain(" pieces")]),
            ("{a}{b}", vec![Param("a"), Param("b")]),
            ("a {{b}}", vec![Plain("a {"), Plain("b}}")]),
            ("{", vec![Plain("{")]),
            ("{Not a name}", vec![Plain("{"), Plain("Not a name}")]),
            ("", vec![]),
        ] {
            assert_eq!(fragments(text), expected, "{text}");
        }
    }
}
