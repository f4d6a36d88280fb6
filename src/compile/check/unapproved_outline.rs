//! Two phases: a person approves the outline before the draft is written.

use super::CheckContext;
use crate::diag::Diagnostic;
use crate::model::GoodKind;

pub(super) fn rule(cx: &CheckContext<'_>, sink: &mut Vec<Diagnostic>) {
    let sketch = cx.sketch;
    for (at, step) in sketch.steps.iter().enumerate() {
        let writes = step.is(|spec| spec.generates && spec.gives.contains(&GoodKind::Draft));
        if !writes || step.broken || step.wires.is_empty() {
            continue;
        }
        // A gate that cannot carry an outline approves no outline.
        let approves = |step: &super::StepSketch| step.is(|spec| spec.decides && spec.gives.contains(&GoodKind::Outline));
        let before = sketch.before(at, |step| !approves(step));
        if super::is_uncertain(sketch, at, &before) {
            continue;
        }
        let outline = before
            .iter()
            .map(|at| &sketch.steps[*at])
            .find(|step| step.is(|spec| spec.generates && spec.gives.contains(&GoodKind::Outline)));
        let approved = before.iter().any(|at| approves(&sketch.steps[*at]));
        let finding = match (outline, approved) {
            (Some(outline), _) => Diagnostic::error(
                "loop::unapproved-outline",
                format!("`{}` writes from outlines that nobody has approved", step.title()),
            )
            .at(super::wire_towards(sketch, at), "no gate on this way")
            .at(outline.name_span, "the outlines come from here")
            .help(format!(
                "put a gate between them: `gate \"editor\" {{ from \"{}\"; by \"…\" }}`, and here `from \"editor\"`",
                outline.id
            )),
            (None, false) => {
                Diagnostic::error("loop::unapproved-outline", format!("`{}` writes without an outline", step.title()))
                    .at(step.name_span, "no approved outline leads here")
                    .help("let it take from a `gate` behind an `outline`, so that a person sees the plan before the piece")
            }
            (None, true) => continue,
        };
        sink.push(finding);
    }
}
