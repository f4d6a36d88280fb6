//! What a word means, under the cursor: the same words as `loopctl kinds` and the reference pages.

use super::documents::Source;
use super::fields::{Scope, path};
use super::grammar::{Word, argument, is_annotated, property, walk, word_of};
use super::names::{Name, What, name_at, names};
use super::navigate::is_same;
use crate::compile::language::LAYERS;
use crate::compile::modules::hole;
use crate::model::GoodKind;
use crate::step::expression::FUNCTIONS;
use crate::step::reference::{connector_page, kind_page, type_name};
use crate::step::template::HELPERS;
use crate::step::{NodeSpec, Occurs, Registry, ValueType};
use crate::syntax::{Entry, Node};
use std::fmt::Write as _;
use std::ops::Range;

/// Markdown, and the bytes it is about.
pub type Found = (String, Range<usize>);

/// What stands at a byte offset of a workflow or a file of tests. `names_of` is the file in which its names are defined.
pub fn hover(source: &Source, offset: usize, names_of: &Source, registry: &'static Registry) -> Option<Found> {
    let node = source.tree().at(offset)?;
    let word = word_of(node, registry);
    if holds(node.name_span().range(), offset) {
        return Some((node_words(word, registry)?, node.name_span().range()));
    }
    let mut number = 0;
    for entry in node.entries() {
        let name = entry.name();
        if let Some((name, span)) = name
            && holds(span.range(), offset)
        {
            return Some((property_words(word.line(is_annotated(node))?, name)?, span.range()));
        }
        if holds(entry.value_span().range(), offset) {
            let line = word.line(is_annotated(node));
            let ty = match name {
                Some(("kind", _)) if !word.connectors(registry).is_empty() => {
                    return Some((node_words(word, registry)?, entry.value_span().range()));
                }
                Some((name, _)) => property(line?, name)?,
                None => argument(line?, number)?,
            };
            return value_words(source, offset, names_of, registry, Value { node, word, entry, ty });
        }
        number += usize::from(name.is_none());
    }
    None
}

/// What stands at a byte offset of a template in steps that take these kinds.
pub fn hover_template(source: &Source, offset: usize, takes: &[GoodKind]) -> Option<Found> {
    let text = &*source.text;
    let tag = text.get(..offset)?.rfind("{{")?;
    let end = tag + text[tag..].find("}}")?;
    let range = letters(text, offset).filter(|range| range.start > tag && range.end <= end)?;
    let written = path(&text[tag + 2..range.end]);
    let scope = Scope::of_template(takes, &text[..tag]);
    let name = &text[range.clone()];
    if written.before.is_empty()
        && let Some(helper) = HELPERS.iter().find(|helper| helper.name == name)
    {
        return Some((format!("`{}`\n\n{}", helper.usage, helper.doc), range));
    }
    Some((field_words(&scope, &written)?, range))
}

/// Where a value stands.
struct Value<'t> {
    node: Node<'t>,
    word: Word,
    entry: Entry<'t>,
    ty: ValueType,
}

fn value_words(
    source: &Source,
    offset: usize,
    names_of: &Source,
    registry: &'static Registry,
    value: Value<'_>,
) -> Option<Found> {
    let whole = value.entry.value_span().range();
    if hole(&value.entry).is_some() || value.node.name() == "result" {
        let all = names(source, registry);
        let name = name_at(&all, offset)?;
        return Some((words_in_module(source, name, registry)?, name.range.clone()));
    }
    match value.ty {
        ValueType::Expression => {
            let inner = value.entry.inner_span()?.range();
            let range = letters(&source.text, offset).filter(|range| inner.start <= range.start && range.end <= inner.end)?;
            let before = &source.text[inner.start..range.end];
            let takes = match value.word.step() {
                Some(step) => step.takes.to_vec(),
                None => gives(names_of, value.node.arg(0)?.value().text()?, registry),
            };
            let written = path(before);
            let name = &source.text[range.clone()];
            let is_call = source.text[range.end..].trim_start().starts_with('(');
            if is_call && let Some(function) = FUNCTIONS.iter().find(|function| function.name == name) {
                return Some((format!("`{}`\n\n{}", function.usage, function.doc), range));
            }
            Some((field_words(&Scope::of_expression(&takes, before), &written)?, range))
        }
        ValueType::Step | ValueType::Provider | ValueType::Channel | ValueType::Parameter => {
            let all = names(source, registry);
            let name = name_at(&all, offset)?;
            if name.within.is_some() {
                return Some((words_in_module(source, name, registry)?, name.range.clone()));
            }
            let what = if name.what == What::Parameter { What::Step } else { name.what };
            let text = name.text.split('.').next().filter(|_| what == What::Step).unwrap_or(&name.text);
            Some((definition_words(names_of, what, text, registry)?, name.range.clone()))
        }
        ty => {
            let line = value.word.line(is_annotated(value.node))?;
            let words = match value.entry.name() {
                Some((name, _)) => property_words(line, name)?,
                None => format!("{}\n\n{}", type_name(ty), line.doc),
            };
            Some((words, whole))
        }
    }
}

/// What a name in a module stands for, as it is defined there: a parameter with its words, or a step.
fn words_in_module(source: &Source, name: &Name, registry: &'static Registry) -> Option<String> {
    let all = names(source, registry);
    let definition = all.iter().find(|other| other.is_definition && is_same(other, name))?;
    let node = source.tree().at(definition.range.start)?;
    let mut words = format!("```kdl\n{}\n```\n", &source.text[node.head_span().range()]);
    let about = node.child("about").and_then(|about| about.arg(0)?.value().text().map(str::to_owned));
    let about = about.or_else(|| summary(word_of(node, registry)));
    if let Some(about) = about {
        write!(words, "\n{about}\n").expect("writing to a string");
    }
    Some(words)
}

/// The step, provider or channel of a name, as it is defined.
fn definition_words(names_of: &Source, what: What, text: &str, registry: &'static Registry) -> Option<String> {
    let mut found = None;
    walk(names_of.tree(), registry, |node, word| {
        let is_it = match word {
            Word::Step { .. } => what == What::Step,
            Word::Door { spec, .. } => (spec.name == "provider") == (what == What::Provider) && what != What::Step,
            _ => false,
        };
        if found.is_some() || !is_it || node.arg(0).and_then(|entry| entry.value().text()) != Some(text) {
            return;
        }
        let head = &names_of.text[node.head_span().range()];
        let mut words = format!("```kdl\n{head}\n```\n");
        let comments: Vec<&str> = node.comments().collect();
        if !comments.is_empty() {
            write!(words, "\n{}\n", comments.join(" ")).expect("writing to a string");
        }
        if let Some(summary) = summary(word) {
            write!(words, "\n{summary}\n").expect("writing to a string");
        }
        found = Some(words);
    });
    found
}

/// One line about a step or a door.
fn summary(word: Word) -> Option<String> {
    match word {
        Word::Step { found: Some(spec), .. } => {
            let gives: Vec<String> = spec.gives.iter().map(|kind| format!("`{kind}`")).collect();
            let gives = if gives.is_empty() { String::new() } else { format!(" Gives {}.", gives.join(", ")) };
            Some(format!("{}{gives}", spec.summary))
        }
        Word::Door { found: Some(found), .. } => Some(found.summary.to_owned()),
        _ => None,
    }
}

/// What a step of a workflow gives.
pub fn gives(names_of: &Source, step: &str, registry: &'static Registry) -> Vec<GoodKind> {
    let mut gives = Vec::new();
    walk(names_of.tree(), registry, |node, word| {
        if let Word::Step { found: Some(spec), .. } = word
            && node.arg(0).and_then(|entry| entry.value().text()) == Some(step)
        {
            gives = spec.gives.to_vec();
        }
    });
    gives
}

fn node_words(word: Word, registry: &'static Registry) -> Option<String> {
    match word {
        Word::Layer(layer) => {
            let lack = LAYERS.iter().find(|(other, _)| *other == layer).map(|(_, lack)| *lack)?;
            Some(format!("**{}**, layer {} of six\n\nWithout it, {lack}.", layer.title(), layer.number()))
        }
        Word::Step { found: Some(spec), .. } => Some(short(&kind_page(spec))),
        Word::Door { spec, found: Some(found), .. } => Some(short(&connector_page(spec.name, found))),
        Word::Step { verb, .. } => Some(choices(verb, &word.connectors(registry))),
        Word::Door { spec, .. } => Some(format!("{}\n\n{}", spec.doc, choices(spec.name, &word.connectors(registry)))),
        word => Some(spec_words(word.line(false)?)),
    }
}

/// A page without its list of nodes: those have their own words.
fn short(page: &str) -> String {
    let page = page.split("\n## Nodes").next().unwrap_or(page);
    page.trim_end().replacen("# ", "### ", 1)
}

fn choices(verb: &str, connectors: &[(&str, &str)]) -> String {
    let lines = connectors.iter().map(|(kind, summary)| format!("- `{verb} kind=\"{kind}\"`: {summary}"));
    lines.collect::<Vec<_>>().join("\n")
}

fn spec_words(spec: &NodeSpec) -> String {
    let occurs = match spec.occurs {
        Occurs::Once => "required",
        Occurs::Optional => "optional",
        Occurs::Many => "may repeat",
        Occurs::AtLeastOnce => "required, may repeat",
    };
    let default = spec.default.map_or_else(String::new, |default| format!("; without it, `{default}`"));
    let mut words = format!("### `{}`\n\n{}\n\n*{occurs}{default}*\n", spec.name, spec.doc);
    for arg in spec.args {
        writeln!(words, "- {}: {}", arg.name, type_name(arg.ty)).expect("writing to a string");
    }
    for prop in spec.props {
        writeln!(words, "- `{}=`: {}. {}", prop.name, type_name(prop.ty), prop.doc).expect("writing to a string");
    }
    if !spec.example.is_empty() {
        write!(words, "\n```kdl\n{}\n```", spec.example).expect("writing to a string");
    }
    words
}

fn property_words(line: &NodeSpec, name: &str) -> Option<String> {
    let prop = line.props.iter().find(|prop| prop.name == name)?;
    let required = if prop.required { ", required" } else { "" };
    let default = prop.default.map_or_else(String::new, |default| format!("; without it, `{default}`"));
    Some(format!("`{name}=`: {}{required}{default}\n\n{}", type_name(prop.ty), prop.doc))
}

fn field_words(scope: &Scope, written: &super::fields::Path<'_>) -> Option<String> {
    if let Some(field) = scope.field(written) {
        let optional = if field.optional { "; may be missing" } else { "" };
        return Some(format!("`{}`: {}{optional}\n\n{}", field.name, field.ty.words(), field.doc));
    }
    let whole = match written.before {
        "" => written.typed.to_owned(),
        before => format!("{before}.{}", written.typed),
    };
    let ty = scope.leads_to(&whole)?;
    let fields: Vec<String> =
        super::fields::members(ty).iter().map(|field| format!("- `{}`: {}", field.name, field.doc)).collect();
    Some(format!("`{}`: {}\n\n{}", written.typed, ty.words(), fields.join("\n")))
}

/// The bytes of the word at an offset.
fn letters(text: &str, offset: usize) -> Option<Range<usize>> {
    let is_letter = |c: char| c.is_alphanumeric() || matches!(c, '_' | '@');
    let before = text.get(..offset)?;
    let start = before.rfind(|c| !is_letter(c)).map_or(0, |at| at + before[at..].chars().next().map_or(1, char::len_utf8));
    let end = text[offset..].find(|c| !is_letter(c)).map_or(text.len(), |length| offset + length);
    (start < end).then_some(start..end)
}

fn holds(range: Range<usize>, offset: usize) -> bool {
    range.start <= offset && offset <= range.end
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builtin::registry;
    use crate::lsp::positions::Encoding;

    const LOOP: &str = r#"workflow "w" {
    every "7d" at="06:00"
    intelligence {
        // What the press says.
        source "press" kind="feed" { url "https://x" }
    }
    strategy { score "s" { from "press"; rule "demand" weight=1 { value "percentile(signal.volume)" } } }
"#;

    fn told(word: &str, further: usize) -> String {
        let source = Source::new("/p/w.kdl".into(), LOOP.into(), Encoding::Utf16);
        let offset = LOOP.find(word).expect("in the text") + further;
        hover(&source, offset, &source, registry())
            .map_or_else(String::new, |(words, range)| format!("[{}] {words}", &LOOP[range]))
    }

    #[test]
    fn every_word_of_a_broken_file_is_explained() {
        for (word, further, expected) in [
            ("workflow", 2, "[workflow] ### `workflow`"),
            ("every", 0, "How often a cycle opens."),
            ("at=", 0, "The time of day"),
            ("\"06:00\"", 3, "The time of day"),
            ("intelligence", 3, "layer 1 of six"),
            ("source", 3, "### `source kind=feed`"),
            ("\"feed\"", 3, "### `source kind=feed`"),
            ("from \"press", 8, "What the press says."),
            ("from \"press", 8, "source \"press\" kind=\"feed\""),
            ("weight=", 3, "`weight=`: number"),
            ("percentile", 3, "`percentile(signal.volume)`"),
            ("volume)", 3, "searches, visits or mentions"),
            ("signal.v", 3, "- `topic`"),
        ] {
            let told = told(word, further);
            assert!(told.contains(expected), "{word}: {told}");
        }
        assert_eq!(told("{\n    every", 2), "");
    }

    #[test]
    fn fields_and_helpers_of_a_template_are_explained() {
        let text = "# {{brief.title}}\n{{#each brief.claims}}{{quote text}}{{/each}}";
        let source = Source::new("/p/t.hbs".into(), text.into(), Encoding::Utf16);
        for (word, expected) in
            [("title", "working title"), ("quote", "quote"), ("text", "the claim in our words"), ("brief.claims", "- `angle`")]
        {
            let offset = text.find(word).expect("in the text") + 1;
            let (words, _) = hover_template(&source, offset, &[GoodKind::Brief]).unwrap_or_default();
            assert!(words.contains(expected), "{word}: {words}");
        }
        assert_eq!(hover_template(&source, 0, &[GoodKind::Brief]), None);
    }
}
