//! What is handed to the next cycle: to a step that can take it, and only where this cycle is over for it.

use super::CheckContext;
use crate::compile::scalar::one_of;
use crate::diag::Diagnostic;

pub(super) fn rule(cx: &CheckContext<'_>, sink: &mut Vec<Diagnostic>) {
    for (at, step) in cx.sketch.steps.iter().enumerate().filter(|(_, step)| !step.broken && !step.misplaced) {
        for (to, span) in &step.hands {
            let (Some(giver), Some(taker)) = (step.spec(), cx.sketch.steps[*to].spec()) else { continue };
            let reader = &cx.sketch.steps[*to];
            let names = |kinds: &[crate::model::GoodKind]| one_of(kinds.iter().map(|kind| kind.name()));
            if !giver.gives.iter().any(|kind| taker.takes.contains(kind)) {
                let takes = match taker.takes {
                    [] => "takes nothing from other steps".to_owned(),
                    takes => format!("takes {}", names(takes)),
                };
                sink.push(
                    Diagnostic::error(
                        "loop::port-mismatch",
                        format!("`{}` {takes}, but `{}` gives {}", reader.title(), step.title(), names(giver.gives)),
                    )
                    .at(*span, "nothing could be handed on to it")
                    .at(reader.name_span, "defined here")
                    .help(format!("name a step that takes {}", names(giver.gives))),
                );
            } else if *to != at && reader.layer >= step.layer && !reaches(cx, *to, at) {
                sink.push(
                    Diagnostic::warning(
                        "loop::needless-delay",
                        format!("`{}` could read `{}` in the same cycle", reader.id, step.id),
                    )
                    .at(*span, "this waits for the next one")
                    .help(format!("write `from \"{}\"` in `{}` instead", step.id, reader.title())),
                );
            }
        }
    }
}

/// Whether wires lead from one step to another within a cycle.
fn reaches(cx: &CheckContext<'_>, from: usize, to: usize) -> bool {
    let mut seen = vec![false; cx.sketch.steps.len()];
    let mut stack = vec![to];
    while let Some(at) = stack.pop() {
        if at == from {
            return true;
        }
        if !std::mem::replace(&mut seen[at], true) {
            stack.extend(cx.sketch.steps[at].wires.iter().filter_map(|wire| wire.from));
        }
    }
    false
}
