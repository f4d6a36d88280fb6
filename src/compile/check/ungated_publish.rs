//! People are in charge of what goes out: a way to the outside that goes around a gate, or that meets none at all.
//!
//! One gate on the way is enough. A team may read outlines and trust the drafts; going around a gate that stands there is a mistake.

use super::{CheckContext, ways};
use crate::compile::sketch::StepSketch;
use crate::diag::Diagnostic;

pub(super) fn rule(cx: &CheckContext<'_>, sink: &mut Vec<Diagnostic>) {
    let sketch = cx.sketch;
    // Everything between the outside and the last gates.
    let decides = |step: &StepSketch| step.is(|spec| spec.decides);
    let uncertain = ways::uncertain(sketch, decides);
    let gates: Vec<Option<usize>> = (sketch.readers.iter().zip(&sketch.steps))
        .map(|(readers, step)| readers.iter().copied().find(|reader| !decides(step) && decides(&sketch.steps[*reader])))
        .collect();
    let around = ways::nearest(sketch, decides, |at, _| gates[at].is_some());
    let writers = ways::nearest(sketch, decides, |_, step| !decides(step) && step.is(|spec| spec.generates));
    let sources = ways::nearest(sketch, decides, |_, step| !decides(step) && step.is_source());
    for (at, step) in sketch.steps.iter().enumerate() {
        if !step.is(|spec| spec.publishes) || step.broken || uncertain[at] {
            continue;
        }
        let place = super::wire_towards(sketch, at);
        let around = around[at].and_then(|way| Some((&sketch.steps[way.step], &sketch.steps[gates[way.step]?])));
        let writer = writers[at].map(|way| &sketch.steps[way.step]);
        let source = sources[at].map(|way| &sketch.steps[way.step]);
        let finding = match (around, source, writer) {
            (Some((giver, gate)), ..) => {
                Diagnostic::error("loop::ungated-publish", format!("`{}` goes around `{}`", step.title(), gate.title()))
                    .at(place, format!("comes from `{}` without that gate", giver.id))
                    .at(gate.name_span, "this gate is passed by")
                    .help(format!("take from the gate instead of `{}`: `from \"{}\"`", giver.id, gate.id))
            }
            (None, Some(_), Some(writer)) => Diagnostic::error(
                "loop::ungated-publish",
                format!("`{}` sends out what `{}` wrote, and no person decides on the way", step.title(), writer.title()),
            )
            .at(place, "no gate on this way")
            .at(writer.name_span, "written here")
            .help(format!("put a gate between them: `gate \"publish\" {{ from \"{}\"; by \"…\" }}`", writer.id)),
            (None, Some(source), None) => Diagnostic::error(
                "loop::untrusted-publish",
                format!("`{}` sends out text of strangers before anyone has seen it", step.title()),
            )
            .at(place, "no gate on this way")
            .at(source.name_span, "the text comes in here")
            .help("put a gate on the way: what a feed or a page says may be wrong, hostile or somebody else's"),
            (None, None, _) => continue,
        };
        sink.push(finding);
    }
}
