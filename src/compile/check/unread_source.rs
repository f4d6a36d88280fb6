//! A source that costs time and trouble each cycle, and whose items go nowhere.

use super::CheckContext;
use crate::diag::Diagnostic;

pub(super) fn rule(cx: &CheckContext<'_>, sink: &mut Vec<Diagnostic>) {
    if cx.sketch.has_loose_wires() {
        return;
    }
    for (at, step) in cx.sketch.steps.iter().enumerate() {
        if step.is_source() && !step.broken && cx.sketch.readers[at].is_empty() && super::could_be_read(cx, at) {
            sink.push(
                Diagnostic::warning("loop::unread-source", format!("nobody reads source `{}`", step.id))
                    .at(step.name_span, "nothing takes what it gives")
                    .help(super::reader_help(cx, at)),
            );
        }
    }
}
