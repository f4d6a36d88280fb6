//! Learning that reaches nothing: every cycle starts from the same place.

use super::CheckContext;
use crate::diag::Diagnostic;
use crate::model::Layer;
use crate::step::ValueType;

pub(super) fn rule(cx: &CheckContext<'_>, sink: &mut Vec<Diagnostic>) {
    let sketch = cx.sketch;
    let learning = sketch.layers.iter().find(|block| block.layer == Layer::Learning && block.steps > 0);
    // Without Strategy there is nothing to aim.
    let without_strategy = sketch.phase == Some(1) || sketch.is_without(Layer::Strategy);
    let (Some(learning), false, false) = (learning, without_strategy, sketch.has_unknown_kinds()) else { return };
    // A step that could close the loop and does not is reported for itself.
    let closes = |step: &super::StepSketch| {
        step.config.has("amend")
            || step.hands.iter().any(|(to, _)| sketch.steps[*to].layer < step.layer)
            || step.references.iter().any(|reference| reference.ty == ValueType::Parameter)
            || step.is(super::idle_feedback::tunes)
    };
    if sketch.steps.iter().any(closes) {
        return;
    }
    let finding = Diagnostic::warning("loop::open-loop", "nothing flows from Learning back into the next cycle")
        .at(learning.head_span, "what is learned here stays here");
    let target = sketch.steps.iter().find_map(|step| {
        let spec = step.spec().filter(|_| !step.broken)?;
        Some(format!("{}.{}", step.id, (spec.tunables)(&step.config).first()?.name))
    });
    let target = target.unwrap_or_else(|| "step.parameter".to_owned());
    sink.push(
        finding
            .help(format!("add a `feedback` step with `tune \"{target}\"`; without it every cycle starts from the same place")),
    );
}
