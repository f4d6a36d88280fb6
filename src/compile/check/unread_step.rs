//! A step in the middle of the loop whose output goes nowhere. What ends a loop (a receipt, a lead, an insight, a report) may stay unread.

use super::CheckContext;
use crate::diag::Diagnostic;
use crate::model::GoodKind;

const ENDS: [GoodKind; 7] = [
    GoodKind::Receipt,
    GoodKind::Lead,
    GoodKind::Insight,
    GoodKind::Report,
    GoodKind::Amendment,
    GoodKind::Allocation,
    GoodKind::Scenario,
];

pub(super) fn rule(cx: &CheckContext<'_>, sink: &mut Vec<Diagnostic>) {
    if cx.sketch.has_loose_wires() {
        return;
    }
    for (at, step) in cx.sketch.steps.iter().enumerate() {
        let Some(spec) = step.spec() else { continue };
        let is_middle = !spec.gives.is_empty() && !spec.publishes && !spec.gives.iter().any(|kind| ENDS.contains(kind));
        if is_middle && !step.is_source() && !step.broken && cx.sketch.readers[at].is_empty() && super::could_be_read(cx, at) {
            sink.push(
                Diagnostic::warning("loop::unread-step", format!("nobody reads what `{}` gives", step.title()))
                    .at(step.name_span, "its output goes nowhere")
                    .help(super::reader_help(cx, at)),
            );
        }
    }
}
