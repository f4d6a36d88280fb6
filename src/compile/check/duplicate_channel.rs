//! One piece that reaches one audience twice.

use super::CheckContext;
use crate::compile::decode::Reference;
use crate::compile::sketch::DoorSketch;
use crate::diag::{Diagnostic, Span};
use crate::model::Config;
use crate::step::ValueType;
use std::collections::BTreeMap;
use std::fmt::Write;

pub(super) fn rule(cx: &CheckContext<'_>, sink: &mut Vec<Diagnostic>) {
    let settings: BTreeMap<&str, String> = (cx.sketch.channels.values())
        .filter(|door| !door.broken && !door.config.children.is_empty())
        .map(|door| (door.name.as_str(), settings(door)))
        .collect();
    for step in &cx.sketch.steps {
        // All `to` lines of a step are one list; properties of different rules are not.
        let mut lists: BTreeMap<(&str, Option<Span>), Vec<&Reference>> = BTreeMap::new();
        for reference in step.references.iter().filter(|reference| reference.ty == ValueType::Channel) {
            lists.entry((reference.holder, (!reference.is_argument).then_some(reference.node))).or_default().push(reference);
        }
        for list in lists.values() {
            let mut names: BTreeMap<&str, &Reference> = BTreeMap::new();
            let mut places: BTreeMap<&str, &Reference> = BTreeMap::new();
            for reference in list {
                let place = settings.get(reference.text.as_str()).map(String::as_str);
                if let Some(earlier) = names.get(reference.text.as_str()) {
                    sink.push(same_name(earlier, reference));
                } else if let Some(earlier) = place.and_then(|place| places.get(place)) {
                    sink.extend(same_place(cx, earlier, reference));
                }
                names.entry(&reference.text).or_insert(reference);
                place.map(|place| places.entry(place).or_insert(reference));
            }
        }
    }
}

/// Where a channel leads: two with the same settings reach the same people.
fn settings(door: &DoorSketch) -> String {
    fn write(config: &Config, out: &mut String) {
        let _ = write!(out, "{}{:?}{:?}", config.name, config.args, config.props);
        out.push('{');
        config.children.iter().for_each(|child| write(child, out));
        out.push('}');
    }
    let mut out = door.kind.map_or("", |spec| spec.kind).to_owned();
    door.config.children.iter().for_each(|child| write(child, &mut out));
    out
}

fn same_name(earlier: &Reference, reference: &Reference) -> Diagnostic {
    Diagnostic::error("loop::duplicate-channel", format!("channel `{}` is named twice", reference.text))
        .at(reference.span, "named again here")
        .at(earlier.span, "first named here")
        .help("remove one: a piece goes to a channel once")
}

fn same_place(cx: &CheckContext<'_>, earlier: &Reference, reference: &Reference) -> Option<Diagnostic> {
    let (one, other) = (cx.sketch.channels.get(&earlier.text)?, cx.sketch.channels.get(&reference.text)?);
    Some(
        Diagnostic::warning(
            "loop::duplicate-channel",
            format!("channels `{}` and `{}` reach the same audience", earlier.text, reference.text),
        )
        .at(reference.span, "the same piece would go there twice")
        .at(one.name_span, "one")
        .at(other.name_span, "and the other have the same settings")
        .help("name one of them here, or give them different settings"),
    )
}
