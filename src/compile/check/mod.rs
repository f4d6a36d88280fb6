//! What the compiler knows about the domain, one rule a file. A rule sees the sketch after names and wires are resolved, and stays silent
//! where something it depends on is broken.

mod budget;
mod client_os;
mod door_limits;
mod duplicate_channel;
mod ends;
mod exceeded_cap;
mod generation_without_source;
mod idle_feedback;
mod late_nudge;
mod missing_layer;
mod mixed_currencies;
mod needless_delay;
mod no_way_back;
mod open_loop;
mod repeated_rule;
mod unapproved_outline;
mod unbounded_feedback;
mod uncapped_generator;
mod uncounted_sends;
mod undecidable_gate;
mod ungated_publish;
mod unpriced_model;
mod unreachable_cap;
mod unreachable_step;
mod unread_source;
mod unread_step;
mod unused_definition;
mod ways;

use super::sketch::{Sketch, StepSketch};
use crate::base::files::Files;
use crate::diag::{Diagnostic, Span};
use crate::step::KindSpec;
use ends::Ends;

/// What a rule may look at.
struct CheckContext<'c> {
    sketch: &'c Sketch,
    files: &'c dyn Files,
    /// The folder of the workflow file.
    folder: &'c str,
    /// Steps by what they take.
    takers: Ends,
    /// Steps by what they give.
    givers: Ends,
}

type Rule = fn(&CheckContext<'_>, &mut Vec<Diagnostic>);

/// All rules.
const RULES: &[Rule] = &[
    missing_layer::rule,
    repeated_rule::rule,
    open_loop::rule,
    client_os::rule,
    unreachable_step::rule,
    generation_without_source::rule,
    unapproved_outline::rule,
    ungated_publish::rule,
    undecidable_gate::rule,
    late_nudge::rule,
    no_way_back::rule,
    uncapped_generator::rule,
    unreachable_cap::rule,
    exceeded_cap::rule,
    budget::rule,
    mixed_currencies::rule,
    unpriced_model::rule,
    idle_feedback::rule,
    needless_delay::rule,
    unbounded_feedback::rule,
    duplicate_channel::rule,
    door_limits::rule,
    uncounted_sends::rule,
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

/// Runs all rules over a sketch whose names and wires are resolved.
pub(super) fn check(sketch: &Sketch, files: &dyn Files, folder: &str, sink: &mut Vec<Diagnostic>) {
    let takers = Ends::new(&sketch.steps, |spec| spec.takes);
    let givers = Ends::new(&sketch.steps, |spec| spec.gives);
    let cx = CheckContext { sketch, files, folder, takers, givers };
    for rule in RULES {
        rule(&cx, sink);
    }
}

/// Where a step names what it takes, or else its name.
fn wire_towards(sketch: &Sketch, at: usize) -> Span {
    let step = &sketch.steps[at];
    step.wires.first().map_or(step.name_span, |wire| wire.span)
}

/// In an early phase, or `without` a layer, what would read a step may not be there.
fn could_be_read(cx: &CheckContext<'_>, at: usize) -> bool {
    (cx.sketch.phase.is_none() && !cx.sketch.settings.has("without")) || reader(cx, at).is_some()
}

/// Names a step that could read what `step` gives.
fn reader_help(cx: &CheckContext<'_>, at: usize) -> String {
    match reader(cx, at) {
        Some(reader) => format!("name it after `from`, for example in `{}`, or remove it", reader.title()),
        None => "add a step that takes from it, or remove it".to_owned(),
    }
}

fn reader<'c>(cx: &CheckContext<'c>, at: usize) -> Option<&'c StepSketch> {
    let step = &cx.sketch.steps[at];
    let first = cx.takers.first(step.spec()?.gives, step.layer.., at, 1);
    first.first().map(|reader| &cx.sketch.steps[*reader])
}
