//! The loop drawn as a circle: six layers in the order a cycle walks them, each with how far it is. The same facts stand beside
//! it as a table, for whoever does not see the picture.

use crate::model::Layer;
use crate::report::{CycleState, CycleView};
use maud::{Markup, html};
use std::f64::consts::TAU;

/// How a layer is doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Doing {
    /// It has no steps in this workflow.
    Absent,
    Ahead,
    Working,
    Waiting,
    Failed,
    Done,
}

impl Doing {
    pub fn word(self) -> &'static str {
        match self {
            Doing::Absent => "not used",
            Doing::Ahead => "still to come",
            Doing::Working => "working",
            Doing::Waiting => "waits for people",
            Doing::Failed => "something failed",
            Doing::Done => "done",
        }
    }

    fn class(self) -> &'static str {
        match self {
            Doing::Absent => "absent",
            Doing::Ahead => "ahead",
            Doing::Working => "working",
            Doing::Waiting => "waiting",
            Doing::Failed => "failed",
            Doing::Done => "done",
        }
    }

    /// Seen without colour, too.
    fn sign(self) -> &'static str {
        match self {
            Doing::Absent => "–",
            Doing::Ahead => "○",
            Doing::Working => "◐",
            Doing::Waiting => "?",
            Doing::Failed => "!",
            Doing::Done => "✓",
        }
    }
}

/// One layer of a cycle, added up.
pub struct Facts {
    pub layer: Layer,
    pub doing: Doing,
    pub steps: usize,
    pub done: usize,
    pub items: usize,
    pub waiting: usize,
    pub failed: usize,
    pub deferred: usize,
}

/// The six layers of a cycle.
pub fn layers(view: &CycleView) -> Vec<Facts> {
    Layer::ALL.into_iter().map(|layer| one(view, layer)).collect()
}

fn one(view: &CycleView, layer: Layer) -> Facts {
    let mut facts = Facts { layer, doing: Doing::Absent, steps: 0, done: 0, items: 0, waiting: 0, failed: 0, deferred: 0 };
    for step in view.layer(layer) {
        facts.steps += 1;
        facts.done += usize::from(step.completed);
        facts.items += step.items;
        facts.waiting += step.waiting;
        facts.failed += step.failed;
        facts.deferred += step.deferred;
    }
    let begun = facts.items + facts.done + facts.waiting + facts.deferred > 0;
    facts.doing = match (facts.steps, view.state) {
        (0, _) => Doing::Absent,
        _ if facts.waiting > 0 => Doing::Waiting,
        _ if facts.failed > 0 => Doing::Failed,
        (_, CycleState::Closed) => Doing::Done,
        _ if facts.done == facts.steps => Doing::Done,
        (_, CycleState::Open) if begun => Doing::Working,
        _ => Doing::Ahead,
    };
    facts
}

const SIZE: f64 = 440.0;
const RADIUS: f64 = 150.0;
const NODE: f64 = 57.0;

/// Where something is on the circle, from 0 at the top, clockwise to 1.
fn at(turn: f64, radius: f64) -> (f64, f64) {
    let angle = (turn - 0.25) * TAU;
    (SIZE / 2.0 + radius * angle.cos(), SIZE / 2.0 + radius * angle.sin())
}

/// The picture.
pub fn draw(view: &CycleView) -> Markup {
    let layers = layers(view);
    let told: Vec<String> = layers.iter().map(|facts| format!("{} {}", facts.layer.title(), facts.doing.word())).collect();
    let said = format!("Cycle {}: {}.", view.cycle, told.join(", "));
    // A node covers this part of the circle to each side, and a little air.
    let covered = (NODE + 7.0) / RADIUS / TAU;
    html! {
        svg.circle viewBox=(format!("0 0 {SIZE} {SIZE}")) role="img" aria-label=(said) {
            @for (place, facts) in layers.iter().enumerate() {
                @let turn = place as f64 / 6.0;
                @let (from, to) = (at(turn + covered, RADIUS), at(turn + 1.0 / 6.0 - covered, RADIUS));
                @let tip = at(turn + 1.0 / 6.0 - covered + 0.012, RADIUS);
                @let (left, right) = (at(turn + 1.0 / 6.0 - covered, RADIUS - 6.0), at(turn + 1.0 / 6.0 - covered, RADIUS + 6.0));
                path.arc.done[facts.doing == Doing::Done] d=(format!(
                    "M{:.1} {:.1}A{RADIUS} {RADIUS} 0 0 1 {:.1} {:.1}", from.0, from.1, to.0, to.1
                )) {}
                path.tip.done[facts.doing == Doing::Done] d=(format!(
                    "M{:.1} {:.1}L{:.1} {:.1}L{:.1} {:.1}Z", left.0, left.1, tip.0, tip.1, right.0, right.1
                )) {}
            }
            @for (place, facts) in layers.iter().enumerate() {
                @let (x, y) = at(place as f64 / 6.0, RADIUS);
                @let number = if facts.waiting > 0 { facts.waiting } else { facts.items };
                g class=(format!("node {}", facts.doing.class())) {
                    circle cx=(format!("{x:.1}")) cy=(format!("{y:.1}")) r=(NODE) {}
                    text.name x=(format!("{x:.1}")) y=(format!("{:.1}", y - 6.0)) { (facts.layer.title()) }
                    text.count x=(format!("{x:.1}")) y=(format!("{:.1}", y + 18.0)) { (facts.doing.sign()) " " (number) }
                }
            }
            text.middle x=(SIZE / 2.0) y=(SIZE / 2.0 - 6.0) { "Cycle " (view.cycle) }
            text.state x=(SIZE / 2.0) y=(SIZE / 2.0 + 18.0) { (state(view.state)) }
        }
    }
}

pub fn state(state: CycleState) -> &'static str {
    match state {
        CycleState::Open => "under way",
        CycleState::Waiting => "waits for people",
        CycleState::Closed => "complete",
    }
}

/// The same facts in words.
pub fn table(view: &CycleView) -> Markup {
    html! {
        div.scroll tabindex="0" role="region" aria-label="The layers of this cycle" {
            table {
                caption.sr { "The layers of this cycle" }
                thead { tr { th scope="col" { "Layer" } th scope="col" { "State" } th.n scope="col" { "Steps" } th.n scope="col" { "Items" } th.n scope="col" { "Waiting" } th.n scope="col" { "Over a cap" } } }
                tbody {
                    @for facts in layers(view) {
                        tr {
                            th scope="row" { (facts.layer.title()) }
                            td { span class=(format!("state {}", facts.doing.class())) { (facts.doing.word()) } }
                            td.n { (facts.done) "/" (facts.steps) }
                            td.n { (facts.items) }
                            td.n { (facts.waiting) }
                            td.n { (facts.deferred) }
                        }
                    }
                }
            }
        }
    }
}
