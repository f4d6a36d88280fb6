//! What is published has been seen by a person: text that we generated, and text of strangers that we fetched.

use super::CheckContext;
use crate::diag::Diagnostic;

pub(super) fn rule(cx: &CheckContext<'_>, sink: &mut Vec<Diagnostic>) {
    let sketch = cx.sketch;
    for (at, step) in sketch.steps.iter().enumerate() {
        if !step.is(|spec| spec.publishes) || step.broken {
            continue;
        }
        let writes = |step: &super::StepSketch| step.is(|spec| spec.generates);
        let before = sketch.before(at, |step| !step.is(|spec| spec.decides) && !writes(step));
        if super::is_uncertain(sketch, at, &before) {
            continue;
        }
        let first =
            |found: &dyn Fn(&super::StepSketch) -> bool| before.iter().map(|at| &sketch.steps[*at]).find(|step| found(step));
        let place = super::wire_towards(sketch, at);
        if let Some(writer) = first(&writes) {
            sink.push(
                Diagnostic::error(
                    "loop::ungated-publish",
                    format!("`{}` sends out what `{}` wrote before anyone has seen it", step.title(), writer.title()),
                )
                .at(place, "no gate on this way")
                .at(writer.name_span, "written here")
                .help(format!("put a gate between them: `gate \"publish\" {{ from \"{}\"; by \"…\" }}`", writer.id)),
            );
        } else if let Some(source) = first(&|step| step.is_source()) {
            sink.push(
                Diagnostic::error(
                    "loop::untrusted-publish",
                    format!("`{}` sends out text of strangers before anyone has seen it", step.title()),
                )
                .at(place, "no gate on this way")
                .at(source.name_span, "the text comes in here")
                .help("put a gate on the way: what a feed or a page says may be wrong, hostile or somebody else's"),
            );
        }
    }
}
