//! No source signal, no piece: text that is generated must have a way back to something that was sensed.

use super::CheckContext;
use crate::diag::Diagnostic;
use crate::model::GoodKind;

pub(super) fn rule(cx: &CheckContext<'_>, sink: &mut Vec<Diagnostic>) {
    let sketch = cx.sketch;
    for (at, step) in sketch.steps.iter().enumerate() {
        let waits_for_wires = step.is(|spec| !spec.takes.is_empty()) && step.wires.is_empty();
        if !step.is(|spec| spec.generates) || step.broken || waits_for_wires {
            continue;
        }
        let before = sketch.before(at, |_| true);
        if super::is_uncertain(sketch, at, &before) {
            continue;
        }
        let senses = |at: &usize| sketch.steps[*at].is(|spec| spec.gives.contains(&GoodKind::Signal));
        // The first generator of a chain speaks for those behind it.
        let speaks_for_it = |at: &usize| sketch.steps[*at].is(|spec| spec.generates);
        if before.iter().any(|at| senses(at) || speaks_for_it(at)) {
            continue;
        }
        sink.push(
            Diagnostic::error("loop::generation-without-source", format!("`{}` would write from nothing", step.title()))
                .at(step.name_span, "no signal leads here")
                .help("connect it, over any number of steps, to a step that gives signals, such as a `source`"),
        );
    }
}
