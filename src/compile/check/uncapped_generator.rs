//! A generator without a cap writes as much as comes in, on the day when too much comes in.
//!
//! One whose input all comes from generators that have a cap is bounded by theirs: every outline becomes at most one draft.

use super::{CheckContext, ways};
use crate::compile::sketch::StepSketch;
use crate::diag::Diagnostic;

pub(super) fn rule(cx: &CheckContext<'_>, sink: &mut Vec<Diagnostic>) {
    let sketch = cx.sketch;
    // What reaches a step without passing a capped generator.
    // The cap of a step that is wrong may be what is wrong.
    let capped = |step: &StepSketch| step.is(|spec| spec.generates) && (!step.caps.is_empty() || step.broken);
    let bounds = ways::nearest(sketch, capped, |_, step| capped(step));
    let feeds = ways::nearest(sketch, capped, |_, step| !capped(step) && step.wires.is_empty());
    for (at, step) in sketch.steps.iter().enumerate() {
        if !step.is(|spec| spec.generates) || !step.caps.is_empty() || step.broken {
            continue;
        }
        if bounds[at].is_none() || feeds[at].is_some() {
            sink.push(
                Diagnostic::warning("loop::uncapped-generator", format!("`{}` has no cap", step.title()))
                    .at(step.name_span, "writes as many pieces as come in")
                    .help("add `cap 3 per=\"day\"`; what is over the cap waits for the next window"),
            );
        }
    }
}
