//! What leads to a step, for all steps at once.
//!
//! A rule that walks back from every generator looks at the same steps again and again: in a chain of n steps n²/2 times. Here one pass
//! along the order of the wires carries the answer forward, so a rule costs as much as there are wires. Where wires run in a circle the
//! answer stops at the wire that closes it; the step behind that wire counts as unsure, so nothing is said about what follows.

use crate::compile::sketch::{Sketch, StepSketch};

/// The nearest step before another one that is of some sort.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Way {
    pub step: usize,
    /// How many wires lie between the two; never 0.
    pub wires: usize,
}

/// For each step the nearest one before it that is `wanted`; of several equally near ones the one that its wires name first. A step that
/// `stops` is looked at, but not what lies before it.
pub(super) fn nearest(
    sketch: &Sketch,
    stops: impl Fn(&StepSketch) -> bool,
    wanted: impl Fn(usize, &StepSketch) -> bool,
) -> Vec<Option<Way>> {
    // Asked once for each step and not for each wire: an answer may cost as much as the step has readers.
    let is_wanted: Vec<bool> = sketch.steps.iter().enumerate().map(|(at, step)| wanted(at, step)).collect();
    let mut found: Vec<Option<Way>> = vec![None; sketch.steps.len()];
    for at in sketch.order.iter().copied() {
        let mut best: Option<Way> = None;
        for from in sketch.steps[at].wires.iter().filter_map(|wire| wire.from) {
            let way = match is_wanted[from] {
                true => Some(Way { step: from, wires: 1 }),
                false if stops(&sketch.steps[from]) => None,
                false => found[from].map(|way| Way { wires: way.wires + 1, ..way }),
            };
            if let Some(way) = way
                && best.is_none_or(|best| way.wires < best.wires)
            {
                best = Some(way);
            }
        }
        found[at] = best;
    }
    found
}

/// Whether something before a step, or the step itself, is not understood, so that nothing can be said about the way to it.
pub(super) fn uncertain(sketch: &Sketch, stops: impl Fn(&StepSketch) -> bool) -> Vec<bool> {
    let unsure =
        |step: &StepSketch| step.kind.is_none() || step.lacks_wires() || step.wires.iter().any(|wire| wire.carries.is_none());
    let before = nearest(sketch, stops, |_, step| unsure(step));
    sketch.steps.iter().zip(before).map(|(step, before)| before.is_some() || unsure(step)).collect()
}
