//! One piece that reaches one audience twice.

use super::CheckContext;
use crate::compile::decode::Reference;
use crate::diag::{Diagnostic, Span};
use crate::step::ValueType;
use std::collections::BTreeMap;

pub(super) fn rule(cx: &CheckContext<'_>, sink: &mut Vec<Diagnostic>) {
    for step in &cx.sketch.steps {
        // All `to` lines of a step are one list; properties of different rules are not.
        let mut lists: BTreeMap<(&str, Option<Span>), Vec<&Reference>> = BTreeMap::new();
        for reference in step.references.iter().filter(|reference| reference.ty == ValueType::Channel) {
            lists.entry((reference.holder, (!reference.is_argument).then_some(reference.node))).or_default().push(reference);
        }
        for list in lists.values() {
            for (at, reference) in list.iter().enumerate() {
                if let Some(finding) = list[..at].iter().find_map(|earlier| same(cx, earlier, reference)) {
                    sink.push(finding);
                }
            }
        }
    }
}

fn same(cx: &CheckContext<'_>, earlier: &Reference, reference: &Reference) -> Option<Diagnostic> {
    if earlier.text == reference.text {
        return Some(
            Diagnostic::error("loop::duplicate-channel", format!("channel `{}` is named twice", reference.text))
                .at(reference.span, "named again here")
                .at(earlier.span, "first named here")
                .help("remove one: a piece goes to a channel once"),
        );
    }
    let (one, other) = (cx.sketch.channels.get(&earlier.text)?, cx.sketch.channels.get(&reference.text)?);
    let place = |door: &crate::compile::sketch::DoorSketch| {
        let children: Vec<_> =
            door.config.children.iter().map(|child| (child.name.clone(), child.args.clone(), child.props.clone())).collect();
        (door.kind.map(|spec| spec.kind), children)
    };
    let same = !one.broken && !other.broken && !one.config.children.is_empty() && place(one) == place(other);
    same.then(|| {
        Diagnostic::warning(
            "loop::duplicate-channel",
            format!("channels `{}` and `{}` reach the same audience", earlier.text, reference.text),
        )
        .at(reference.span, "the same piece would go there twice")
        .at(one.name_span, "one")
        .at(other.name_span, "and the other have the same settings")
        .help("name one of them here, or give them different settings")
    })
}
