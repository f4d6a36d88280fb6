//! Two phases: a person approves the outline before the draft is written.

use super::{CheckContext, ways};
use crate::compile::sketch::StepSketch;
use crate::diag::Diagnostic;
use crate::model::GoodKind;

pub(super) fn rule(cx: &CheckContext<'_>, sink: &mut Vec<Diagnostic>) {
    let sketch = cx.sketch;
    // A gate that cannot carry an outline approves no outline.
    let approves = |step: &StepSketch| step.is(|spec| spec.decides && spec.gives.contains(&GoodKind::Outline));
    let outlines = |step: &StepSketch| step.is(|spec| spec.generates && spec.gives.contains(&GoodKind::Outline));
    let uncertain = ways::uncertain(sketch, approves);
    let outline = ways::nearest(sketch, approves, |_, step| outlines(step));
    let approved = ways::nearest(sketch, approves, |_, step| approves(step));
    for (at, step) in sketch.steps.iter().enumerate() {
        let writes = step.is(|spec| spec.generates && spec.gives.contains(&GoodKind::Draft));
        if !writes || step.broken || step.wires.is_empty() || uncertain[at] {
            continue;
        }
        let outline = outline[at].map(|way| &sketch.steps[way.step]);
        let finding = match (outline, approved[at].is_some()) {
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
