//! A generator without a cap writes as much as comes in, on the day when too much comes in.
//!
//! One whose input all comes from generators that have a cap is bounded by theirs: every outline becomes at most one draft.

use super::CheckContext;
use crate::diag::Diagnostic;

pub(super) fn rule(cx: &CheckContext<'_>, sink: &mut Vec<Diagnostic>) {
    let sketch = cx.sketch;
    for (at, step) in sketch.steps.iter().enumerate() {
        if !step.is(|spec| spec.generates) || !step.caps.is_empty() || step.broken {
            continue;
        }
        let capped = |step: &super::StepSketch| step.is(|spec| spec.generates) && !step.caps.is_empty();
        // What reaches this step without passing a capped generator.
        let before = sketch.before(at, |step| !capped(step));
        let feeds = |at: &usize| !capped(&sketch.steps[*at]) && sketch.steps[*at].wires.is_empty();
        let bounded = before.iter().any(|at| capped(&sketch.steps[*at])) && !before.iter().any(feeds);
        if !bounded {
            sink.push(
                Diagnostic::warning("loop::uncapped-generator", format!("`{}` has no cap", step.title()))
                    .at(step.name_span, "writes as many pieces as come in")
                    .help("add `cap 3 per=\"day\"`; what is over the cap waits for the next window"),
            );
        }
    }
}
