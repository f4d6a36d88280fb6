//! No source signal, no piece: text that is generated must have a way back to something that was sensed.

use super::{CheckContext, ways};
use crate::diag::Diagnostic;
use crate::model::GoodKind;
use crate::step::KindSpec;

pub(super) fn rule(cx: &CheckContext<'_>, sink: &mut Vec<Diagnostic>) {
    let sketch = cx.sketch;
    let uncertain = ways::uncertain(sketch, |_| false);
    // The first generator of a chain speaks for those behind it.
    let sensed = |spec: &KindSpec| spec.gives.contains(&GoodKind::Signal) || spec.generates;
    let before = ways::nearest(sketch, |_| false, |_, step| step.is(sensed));
    for (at, step) in sketch.steps.iter().enumerate() {
        let waits_for_wires = step.is(|spec| !spec.takes.is_empty()) && step.wires.is_empty();
        if !step.is(|spec| spec.generates) || step.broken || waits_for_wires || uncertain[at] || before[at].is_some() {
            continue;
        }
        sink.push(
            Diagnostic::error("loop::generation-without-source", format!("`{}` would write from nothing", step.title()))
                .at(step.name_span, "no signal leads here")
                .help("connect it, over any number of steps, to a step that gives signals, such as a `source`"),
        );
    }
}
