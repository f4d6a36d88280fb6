//! What the compiler knows about the domain, one rule a file. A rule sees the sketch after names and wires are resolved, and stays silent
//! where something it depends on is broken.

mod client_os;
mod duplicate_channel;
mod generation_without_source;
mod idle_feedback;
mod missing_layer;
mod mixed_currencies;
mod open_loop;
mod unapproved_outline;
mod unbounded_feedback;
mod uncapped_generator;
mod undecidable_gate;
mod ungated_publish;
mod unreachable_cap;
mod unreachable_step;
mod unread_source;
mod unread_step;
mod unused_definition;

use super::sketch::{Sketch, StepSketch};
use crate::base::files::Files;
use crate::diag::{Diagnostic, Span};
use crate::step::KindSpec;

/// What a rule may look at.
pub(super) struct CheckContext<'c> {
    pub sketch: &'c Sketch,
    pub files: &'c dyn Files,
    /// The folder of the workflow file.
    pub folder: &'c str,
}

type Rule = fn(&CheckContext<'_>, &mut Vec<Diagnostic>);

/// All rules.
const RULES: &[Rule] = &[
    missing_layer::rule,
    open_loop::rule,
    client_os::rule,
    unreachable_step::rule,
    generation_without_source::rule,
    unapproved_outline::rule,
    ungated_publish::rule,
    undecidable_gate::rule,
    uncapped_generator::rule,
    unreachable_cap::rule,
    mixed_currencies::rule,
    idle_feedback::rule,
    unbounded_feedback::rule,
    duplicate_channel::rule,
    unread_source::rule,
    unread_step::rule,
    unused_definition::rule,
];

/// The needed settings of a kind whose absence is for a rule to say, because the rule can say why it matters.
pub(super) fn said_by_rules(spec: &KindSpec) -> &'static [&'static str] {
    match spec {
        _ if spec.decides => &["by"],
        _ if idle_feedback::tunes(spec) => &["tune", "within"],
        _ => &[],
    }
}

pub(super) fn check(cx: &CheckContext<'_>, sink: &mut Vec<Diagnostic>) {
    for rule in RULES {
        rule(cx, sink);
    }
}

/// Whether something among `steps` or at `at` itself is not understood, so that nothing can be said about the way between them.
fn is_uncertain(sketch: &Sketch, at: usize, steps: &[usize]) -> bool {
    let unsure = |step: &StepSketch| step.kind.is_none() || step.wires.iter().any(|wire| wire.carries.is_none());
    steps.iter().chain([&at]).any(|at| unsure(&sketch.steps[*at]))
}

/// Where a step names what it takes, or else its name.
fn wire_towards(sketch: &Sketch, at: usize) -> Span {
    let step = &sketch.steps[at];
    step.wires.first().map_or(step.name_span, |wire| wire.span)
}

/// In an early phase, or `without` a layer, what would read a step may not be there.
fn could_be_read(cx: &CheckContext<'_>, step: &StepSketch) -> bool {
    (cx.sketch.phase.is_none() && !cx.sketch.settings.has("without")) || !readers(cx, step).is_empty()
}

/// Names a step that could read what `step` gives.
fn reader_help(cx: &CheckContext<'_>, step: &StepSketch) -> String {
    match readers(cx, step).first() {
        Some(reader) => format!("name it after `from`, for example in `{}`, or remove it", reader.title()),
        None => "add a step that takes from it, or remove it".to_owned(),
    }
}

fn readers<'c>(cx: &CheckContext<'c>, step: &StepSketch) -> Vec<&'c StepSketch> {
    let Some(spec) = step.spec() else { return Vec::new() };
    let takes = |reader: &&StepSketch| {
        reader.id != step.id
            && reader.layer >= step.layer
            && reader.is(|reader| reader.takes.iter().any(|kind| spec.gives.contains(kind)))
    };
    cx.sketch.steps.iter().filter(takes).collect()
}
