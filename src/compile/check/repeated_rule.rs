//! Two rules of one name: what a person reads in a breakdown, and what `feedback` tunes, could be either.

use super::CheckContext;
use crate::diag::{Diagnostic, Span};
use crate::model::Scalar;
use std::collections::BTreeMap;

pub(super) fn rule(cx: &CheckContext<'_>, sink: &mut Vec<Diagnostic>) {
    let named = |step: &super::StepSketch| {
        step.is(|spec| spec.node("rule").and_then(|rule| rule.args.first()).is_some_and(|arg| arg.name == "name"))
    };
    for step in cx.sketch.steps.iter().filter(|step| named(step)) {
        let mut seen: BTreeMap<&str, Span> = BTreeMap::new();
        for rule in step.config.all("rule") {
            let Some(name) = rule.arg().and_then(Scalar::text).filter(|name| !name.is_empty()) else { continue };
            let place = rule.arg_spans.first().copied().unwrap_or(rule.span);
            if let Some(first) = seen.get(name) {
                sink.push(
                    Diagnostic::error("loop::repeated-name", format!("two rules of `{}` are named `{name}`", step.title()))
                        .at(place, "named again here")
                        .at(*first, "first named here")
                        .help("give one of them another name: the breakdown of a score and `feedback` go by name"),
                );
            } else {
                seen.insert(name, place);
            }
        }
    }
}
