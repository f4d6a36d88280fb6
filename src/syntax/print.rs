//! The canonical spelling of a tree: one node a line, four spaces a level, arguments, then properties by name, the last of repeated ones.

use super::literal;
use super::tree::{Entry, Node, Tree, Value};
use std::collections::BTreeMap;

pub use super::literal::quoted;

/// Writes the tree as KDL 2 without comments; reading it again gives the same values.
pub fn print(tree: &Tree) -> String {
    let mut out = String::new();
    // A stack instead of recursion: a tree may be as deep as the limits of its reading allowed.
    let mut open = vec![tree.roots()];
    while let Some(level) = open.last_mut() {
        match level.next() {
            Some(node) => {
                indent(&mut out, open.len() - 1);
                head(&mut out, node);
                if node.children().next().is_some() {
                    out.push_str(" {");
                    open.push(node.children());
                }
                out.push('\n');
            }
            None => {
                open.pop();
                if !open.is_empty() {
                    indent(&mut out, open.len() - 1);
                    out.push_str("}\n");
                }
            }
        }
    }
    out
}

fn indent(out: &mut String, depth: usize) {
    out.extend(std::iter::repeat_n("    ", depth));
}

fn head(out: &mut String, node: Node<'_>) {
    annotation(out, node.annotation().map(|(text, _)| text));
    out.push_str(&literal::spell(node.name()));
    for argument in node.args() {
        out.push(' ');
        value(out, argument);
    }
    let properties: BTreeMap<&str, Entry<'_>> =
        node.props().filter_map(|property| Some((property.name()?.0, property))).collect();
    for (name, property) in properties {
        out.push(' ');
        out.push_str(&literal::spell(name));
        out.push('=');
        value(out, property);
    }
}

fn annotation(out: &mut String, annotation: Option<&str>) {
    if let Some(text) = annotation {
        out.push('(');
        out.push_str(&literal::spell(text));
        out.push(')');
    }
}

fn value(out: &mut String, entry: Entry<'_>) {
    annotation(out, entry.annotation().map(|(text, _)| text));
    match entry.value() {
        Value::Text(text) => out.push_str(&literal::spell(text)),
        Value::Integer(integer) => out.push_str(&integer.to_string()),
        Value::Number(number) if number.is_nan() => out.push_str("#nan"),
        Value::Number(number) if number.is_infinite() => out.push_str(if number > 0.0 { "#inf" } else { "#-inf" }),
        Value::Number(number) => out.push_str(&format!("{number:?}")),
        Value::Bool(value) => out.push_str(if value { "#true" } else { "#false" }),
        Value::Null => out.push_str("#null"),
    }
}
