//! A provider or a channel that no step names.

use super::CheckContext;
use crate::diag::Diagnostic;

pub(super) fn rule(cx: &CheckContext<'_>, sink: &mut Vec<Diagnostic>) {
    // A step of an unknown kind may be the one that names it.
    if cx.sketch.has_unknown_kinds() {
        return;
    }
    let all = [("provider", &cx.sketch.providers), ("channel", &cx.sketch.channels)];
    for (what, doors) in all {
        for door in doors.values().filter(|door| !door.used && !door.broken) {
            sink.push(
                Diagnostic::warning("loop::unused-definition", format!("no step uses {what} `{}`", door.name))
                    .at(door.name_span, "defined here and named nowhere")
                    .help(format!("name it in a step, or remove the {what}")),
            );
        }
    }
}
