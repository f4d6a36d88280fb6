//! What flows where: wires run forward, never in a circle, and carry only what both ends know.

use super::scalar::one_of;
use super::sketch::{Lists, Sketch};
use crate::base::InOrder;
use crate::diag::Diagnostic;
use crate::model::{GoodKind, Kinds};
use crate::step::{KindSpec, Registry};

/// Fills in what each wire carries and reports the wires that cannot.
pub(super) fn flow(sketch: &mut Sketch, registry: &Registry, sink: &mut Vec<Diagnostic>) {
    let (order, circling) = order(sketch);
    let circles = circles(sketch, &circling, sink);
    backward(sketch, &circles, sink);
    carry(sketch, &order, registry, sink);
    sketch.order = order;
}

/// The steps in an order in which every step stands behind those it takes from, as far as circles allow, and which steps are in a circle
/// or behind one.
fn order(sketch: &Sketch) -> (Vec<usize>, Vec<bool>) {
    let count = sketch.steps.len();
    let mut waiting: Vec<usize> = vec![0; count];
    let wires = sketch
        .steps
        .iter()
        .enumerate()
        .flat_map(|(at, step)| step.wires.iter().filter_map(|wire| wire.from).map(move |from| (from, at)));
    wires.clone().for_each(|(_, at)| waiting[at] += 1);
    let readers = Lists::new(count, wires);
    let mut order: Vec<usize> = (0..count).filter(|at| waiting[*at] == 0).collect();
    let mut next = 0;
    while let Some(at) = order.get(next).copied() {
        next += 1;
        for reader in &readers[at] {
            waiting[*reader] -= 1;
            if waiting[*reader] == 0 {
                order.push(*reader);
            }
        }
    }
    let circling: Vec<bool> = waiting.iter().map(|waiting| *waiting > 0).collect();
    // Depth first towards the givers, so that only the wires that close a circle run against the order.
    let mut seen: Vec<bool> = circling.iter().map(|circling| !circling).collect();
    let mut path: Vec<(usize, usize)> = Vec::new();
    for start in (0..count).filter(|at| circling[*at]) {
        if !std::mem::replace(&mut seen[start], true) {
            path.push((start, 0));
        }
        while let Some((at, number)) = path.last_mut() {
            match sketch.steps[*at].wires.get(*number) {
                Some(wire) => {
                    *number += 1;
                    if let Some(from) = wire.from.filter(|from| !std::mem::replace(&mut seen[*from], true)) {
                        path.push((from, 0));
                    }
                }
                None => {
                    order.push(*at);
                    path.pop();
                }
            }
        }
    }
    (order, circling)
}

/// Reports each circle once as a path. Returns its wires, as (reader, number of its wire).
fn circles(sketch: &Sketch, circling: &[bool], sink: &mut Vec<Diagnostic>) -> Vec<(usize, usize)> {
    // Every step left over takes from another one left over, so walking back from any of them ends in a circle.
    let mut seen = vec![0u32; sketch.steps.len()];
    let mut wires = Vec::new();
    for start in (0..sketch.steps.len()).filter(|at| circling[*at]) {
        let round = start as u32 + 1;
        let mut path: Vec<(usize, usize)> = Vec::new();
        let mut at = start;
        while seen[at] == 0 {
            seen[at] = round;
            let back = sketch.steps[at]
                .wires
                .iter()
                .enumerate()
                .find_map(|(number, wire)| wire.from.filter(|from| circling[*from]).map(|from| (number, from)));
            let Some((number, from)) = back else { break };
            path.push((at, number));
            at = from;
        }
        if seen[at] != round {
            continue;
        }
        let Some(first) = path.iter().position(|(step, _)| *step == at) else { continue };
        let circle = &path[first..];
        // A misspelled name may have been meant for another step.
        if circle.iter().all(|(step, number)| !sketch.steps[*step].wires[*number].guessed) {
            sink.push(circle_found(sketch, circle));
        }
        wires.extend_from_slice(circle);
    }
    wires.sort_unstable();
    wires
}

/// `circle` walks against the flow: each reader with the wire to the next one.
fn circle_found(sketch: &Sketch, circle: &[(usize, usize)]) -> Diagnostic {
    let flow: Vec<usize> = circle.iter().rev().map(|(step, _)| *step).collect();
    // Start where the file starts.
    let first = (0..flow.len()).min_by_key(|at| sketch.steps[flow[*at]].span).unwrap_or(0);
    // Of a long circle its beginning and its end.
    const NAMED_MOST: usize = 24;
    let name = |at: usize| format!("`{}`", sketch.steps[flow[(first + at) % flow.len()]].id);
    let names: Vec<String> = match flow.len() {
        short if short < NAMED_MOST => (0..=short).map(name).collect(),
        long => (0..NAMED_MOST - 1).map(name).chain(["…".to_owned(), name(long)]).collect(),
    };
    let mut places: Vec<(usize, usize)> = circle.to_vec();
    // The wire that goes back is the one to cut.
    places.order_by_key(|(step, number)| {
        let step = &sketch.steps[*step];
        let back = step.wires[*number].from.is_some_and(|from| sketch.steps[from].layer > step.layer);
        (!back, step.wires[*number].span)
    });
    let mut finding = Diagnostic::error("loop::wire-cycle", format!("wires run in a circle: {}", names.join(" → ")));
    for (at, (step, number)) in places.iter().take(4).enumerate() {
        let wire = &sketch.steps[*step].wires[*number];
        let text = match at {
            0 => "this wire closes the circle".to_owned(),
            _ => format!("`{}` flows to `{}`", wire.name, sketch.steps[*step].id),
        };
        finding = finding.at(wire.span, text);
    }
    finding.help("remove one wire; what a cycle learned reaches the next one through `feedback`, and alarms through `next-cycle`")
}

fn backward(sketch: &Sketch, circles: &[(usize, usize)], sink: &mut Vec<Diagnostic>) {
    for (at, step) in sketch.steps.iter().enumerate() {
        for (number, wire) in step.wires.iter().enumerate() {
            let Some(from) = wire.from else { continue };
            let giver = &sketch.steps[from];
            let known = !wire.guessed && !step.misplaced && !giver.misplaced;
            if giver.layer > step.layer && known && circles.binary_search(&(at, number)).is_err() {
                sink.push(
                    Diagnostic::error(
                        "loop::backward-wire",
                        format!("a wire cannot run back from {} to {}", giver.layer, step.layer),
                    )
                    .at(wire.span, format!("`{}` comes later in the cycle", wire.name))
                    .at(giver.name_span, format!("defined in `{}`", giver.layer.name()))
                    .help("wires run forward inside a cycle; what was learned reaches the next cycle through `feedback`, and alarms through `next-cycle`"),
                );
            }
        }
    }
}

/// A gate or a check hands on what it was handed: its spec lists all that it can take. What it gives beside that, it may always give.
fn hands_on(spec: &KindSpec) -> bool {
    !spec.takes.is_empty() && spec.takes.iter().all(|kind| spec.gives.contains(kind))
}

fn carry(sketch: &mut Sketch, order: &[usize], registry: &Registry, sink: &mut Vec<Diagnostic>) {
    // What each step really gives; `None` when that cannot be known.
    let mut gives: Vec<Option<Kinds>> = vec![None; sketch.steps.len()];
    for at in order.iter().copied() {
        let Some(spec) = sketch.steps[at].spec() else { continue };
        let takes = Kinds::of(spec.takes);
        // What arrives over all wires; `None` when that of one cannot be known.
        let mut arrives = Some(Kinds::NONE);
        for number in 0..sketch.steps[at].wires.len() {
            let wire = &sketch.steps[at].wires[number];
            let giver =
                wire.from.filter(|_| !wire.guessed).and_then(|from| Some((from, gives[from]?, sketch.steps[from].spec()?)));
            let carries = giver.and_then(|(from, given, giver)| {
                let fits = given.both(takes);
                if fits == Kinds::NONE {
                    let given: Vec<GoodKind> = giver.gives.iter().copied().filter(|kind| given.contains(*kind)).collect();
                    sink.push(mismatch(sketch, at, wire, from, &given, registry));
                    return None;
                }
                arrives = arrives.map(|others| others.either(fits));
                Some(fits)
            });
            let step = &mut sketch.steps[at];
            if carries.is_none() {
                arrives = None;
                step.broken = true;
            }
            step.wires[number].carries = carries;
        }
        let all = Kinds::of(spec.gives);
        gives[at] = match hands_on(spec) {
            true if sketch.steps[at].wires.is_empty() => None,
            true => arrives.map(|arrives| all.without(takes).either(all.both(arrives))),
            false => Some(all),
        };
    }
}

fn mismatch(
    sketch: &Sketch,
    at: usize,
    wire: &super::sketch::WireSketch,
    from: usize,
    given: &[GoodKind],
    registry: &Registry,
) -> Diagnostic {
    let (step, giver) = (&sketch.steps[at], &sketch.steps[from]);
    let takes = step.spec().map_or(&[][..], |spec| spec.takes);
    let names = |kinds: &[GoodKind]| one_of(kinds.iter().map(|kind| kind.name()));
    if given.is_empty() {
        return Diagnostic::error(
            "loop::port-mismatch",
            format!("`{}` takes {}, but `{}` gives nothing to other steps", step.verb, names(takes), giver.title()),
        )
        .at(wire.span, "nothing flows on this wire")
        .at(giver.name_span, "defined here")
        .help("remove this wire");
    }
    let finding = Diagnostic::error(
        "loop::port-mismatch",
        format!("`{}` takes {}, but `{}` gives {}", step.title(), names(takes), giver.title(), names(given)),
    )
    .at(wire.span, format!("this wire would carry {}", names(given)))
    .at(giver.name_span, "defined here");
    let bridge = registry.kinds.iter().map(|kind| kind.spec()).find(|spec| {
        let between = spec.layers.is_empty() || spec.layers.iter().any(|layer| (giver.layer..=step.layer).contains(layer));
        between
            && !hands_on(spec)
            && spec.takes.iter().any(|kind| given.contains(kind))
            && spec.gives.iter().any(|kind| takes.contains(kind))
    });
    match bridge {
        Some(bridge) => finding.help(format!(
            "put a step between them that turns {} into {}, such as `{}`",
            names(given),
            names(takes),
            bridge.verb
        )),
        None => finding.help(format!("name a step that gives {}", names(takes))),
    }
}
