//! What stays the same through a cycle's life: the plan, and for each step its kind, its wires both ways and its caps,
//! by index, so that nothing is looked up by name while the cycle runs.

use super::caps::Caps;
use super::carry::Carry;
use super::entry::Pins;
use super::error::EngineError;
use super::memory;
use super::parts::Parts;
use crate::base::{Digest, StepId};
use crate::client_os::Snapshot;
use crate::model::{CapUnit, Few, Item, Kinds, Scalar, Step, Workflow};
use crate::plan::CyclePlan;
use crate::step::spec::SEND_BACK;
use crate::step::{KindSpec, Mode, Registry, StepKind};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Deref;
use std::sync::Arc;

/// A wire seen from the step that gives.
pub(super) struct Feed {
    pub to: usize,
    /// The place of the wire in the taking step's `from`.
    pub wire: u32,
    carries: Kinds,
}

impl Feed {
    pub fn carries(&self, item: &Item) -> bool {
        self.carries.contains(item.kind())
    }
}

/// One step by index. There is one for every step of a workflow, so what few of them have stands apart.
pub(super) struct StepShape {
    pub kind: &'static dyn StepKind,
    pub mode: Mode,
    /// It does not run in this cycle: what it gave in an earlier one is taken over.
    pub kept: bool,
    /// Steps this one reads from, each once.
    pub upstream: Few<usize>,
    pub feeds: Few<Feed>,
    /// Digests of all but the input that the step depends on, by name.
    pub parts: Parts,
    /// The digest of `parts`.
    pub parts_digest: Digest,
    more: Option<Box<More>>,
}

/// What few steps have.
#[derive(Default, PartialEq)]
pub(super) struct More {
    /// All steps, this one among them, through which pieces go round with it because one of them may send back to another.
    /// They come to their end together.
    pub round: BTreeSet<usize>,
    /// Caps on pieces: slots of [`Caps`], the same in every cycle of the window.
    pub pieces: Vec<usize>,
    /// Caps on money and tokens, the workflow's included.
    pub spend: Vec<usize>,
    /// The queue that this step fills, by its place in [`Shape::queues`]: it is the first step on the way there that writes.
    pub fills: Option<usize>,
    /// What waited longer, in milliseconds, is dropped.
    pub max_age: Option<i64>,
    /// What waited is ranked anew, by what its topic scores now.
    pub ranks_anew: bool,
}

static NOTHING_MORE: More =
    More { round: BTreeSet::new(), pieces: Vec::new(), spend: Vec::new(), fills: None, max_age: None, ranks_anew: false };

impl StepShape {
    pub fn spec(&self) -> &'static KindSpec {
        self.kind.spec()
    }

    fn more_mut(&mut self) -> &mut More {
        self.more.get_or_insert_default()
    }
}

impl Deref for StepShape {
    type Target = More;

    fn deref(&self) -> &More {
        self.more.as_deref().unwrap_or(&NOTHING_MORE)
    }
}

/// A gate that only so many items may wait at.
pub(super) struct Queue {
    pub gate: usize,
    pub most: i64,
    /// The steps on the way there, from the first that writes to the gate itself.
    pub way: BTreeSet<usize>,
}

/// The whole frame.
pub(super) struct Shape {
    pub queues: Vec<Queue>,
    pub workflow: Arc<Workflow>,
    pub client_os: Arc<Snapshot>,
    pub plan: CyclePlan,
    pub steps: Vec<StepShape>,
    /// The place of each step in the plan's order.
    pub rank: Vec<usize>,
}

impl Shape {
    /// Checks that the workflow, the Client OS and the pins belong together, and indexes the workflow.
    pub fn new(
        workflow: Arc<Workflow>,
        registry: &Registry,
        client_os: Arc<Snapshot>,
        pins: &Pins,
        carry: &Carry,
        caps: &Caps,
    ) -> Result<Shape, EngineError> {
        let plan = CyclePlan::new(&workflow)?;
        let mut steps = Vec::with_capacity(workflow.steps.len());
        let common = memory::common_parts(&workflow, client_os.digest());
        for step in &workflow.steps {
            let kind =
                registry.find(&step.verb, step.connector.as_deref()).ok_or_else(|| EngineError::UnknownKind(kind_title(step)))?;
            let mut upstream: Vec<usize> = step.from.iter().filter_map(|wire| plan.index(&wire.from)).collect();
            upstream.sort_unstable();
            upstream.dedup();
            let slots = |of_pieces: bool| -> Vec<usize> {
                let shared = workflow.caps.iter().filter(|_| !of_pieces || kind.spec().publishes);
                let mut slots: Vec<usize> = shared
                    .chain(&step.caps)
                    .filter(|cap| (cap.unit == CapUnit::Pieces) == of_pieces)
                    .filter_map(|cap| caps.slot_of(cap, pins, &workflow))
                    .collect();
                slots.sort_unstable();
                slots.dedup();
                slots
            };
            let clock = kind.reads_clock().then_some(pins.now);
            let state = carry.states.get(&step.id);
            let parts = memory::parts_of_step(&workflow, step, &common, &carry.parameters, state, clock);
            let defer = step.config.child("defer");
            let age = defer.and_then(|node| node.prop("max-age")).and_then(Scalar::duration);
            let more = More {
                round: BTreeSet::new(),
                pieces: slots(true),
                spend: slots(false),
                fills: None,
                max_age: age.and_then(|age| i64::try_from(age.as_millis()).ok()),
                ranks_anew: defer.and_then(|node| node.prop("rank")).and_then(Scalar::text) == Some("fresh"),
            };
            steps.push(StepShape {
                kind,
                mode: kind.spec().mode,
                kept: carry.again.as_ref().is_some_and(|again| again.given.contains_key(&step.id)),
                upstream: upstream.into_iter().collect(),
                feeds: Few::new(),
                parts_digest: memory::digest_of_parts(&parts),
                parts,
                more: (more != NOTHING_MORE).then(|| Box::new(more)),
            });
        }
        for (to, step) in workflow.steps.iter().enumerate() {
            for (wire, from) in step.from.iter().enumerate() {
                let giver = plan.index(&from.from).expect("the plan knows every wire's end");
                steps[giver].feeds.push(Feed { to, wire: wire as u32, carries: from.carries });
            }
        }
        for (member, round) in rounds(&workflow, &plan, &steps) {
            steps[member].more_mut().round = round;
        }
        let queues = queues(&workflow, &steps);
        for (at, queue) in queues.iter().enumerate() {
            for step in first_writers(&steps, &queue.way) {
                steps[step].more_mut().fills = Some(at);
            }
        }
        let mut rank = vec![0; steps.len()];
        for (place, step) in plan.order.iter().enumerate() {
            rank[*step] = place;
        }
        Ok(Shape { queues, workflow, client_os, plan, steps, rank })
    }

    pub fn step(&self, at: usize) -> &Step {
        &self.workflow.steps[at]
    }

    pub fn id(&self, at: usize) -> &StepId {
        &self.workflow.steps[at].id
    }
}

/// The rounds of a workflow by each of their steps. A round is what lies between a step that decides and one that it may send
/// back to; two that share a step are one.
fn rounds(workflow: &Workflow, plan: &CyclePlan, steps: &[StepShape]) -> BTreeMap<usize, BTreeSet<usize>> {
    let before = |at: usize| {
        let (mut seen, mut left) = (BTreeSet::from([at]), vec![at]);
        while let Some(next) = left.pop() {
            left.extend(steps[next].upstream.iter().filter(|step| seen.insert(**step)));
        }
        seen
    };
    let mut rounds: Vec<BTreeSet<usize>> = Vec::new();
    for (gate, step) in workflow.steps.iter().enumerate().filter(|(at, _)| steps[*at].spec().decides) {
        for to in step.config.texts(SEND_BACK).into_iter().filter_map(|to| plan.index(&StepId::new(to))) {
            let reach = before(gate);
            let mut round: BTreeSet<usize> = reach.iter().copied().filter(|at| before(*at).contains(&to)).collect();
            // What waits for a whole step cannot go round: the whole would never be there.
            if round.is_empty() || round.iter().any(|at| steps[*at].mode != Mode::Each) {
                continue;
            }
            let (shared, apart): (Vec<_>, Vec<_>) = rounds.into_iter().partition(|known| !known.is_disjoint(&round));
            round.extend(shared.into_iter().flatten());
            rounds = apart;
            rounds.push(round);
        }
    }
    rounds.into_iter().flat_map(|round| round.clone().into_iter().map(move |member| (member, round.clone()))).collect()
}

/// The gates that only so many items may wait at, with the ways that lead there. A way begins behind the gate before.
fn queues(workflow: &Workflow, steps: &[StepShape]) -> Vec<Queue> {
    let limited = workflow.steps.iter().enumerate().filter(|(at, _)| steps[*at].spec().decides);
    limited
        .filter_map(|(gate, step)| {
            let most = step.config.integer("queue").filter(|most| *most > 0)?;
            let (mut before, mut left) = (BTreeSet::from([gate]), vec![gate]);
            while let Some(next) = left.pop() {
                let more = steps[next].upstream.iter().filter(|step| !steps[**step].spec().decides);
                left.extend(more.filter(|step| before.insert(**step)));
            }
            let writers = first_writers(steps, &before);
            let mut way: BTreeSet<usize> = writers.iter().copied().collect();
            let mut left = writers;
            while let Some(next) = left.pop() {
                let more = steps[next].feeds.iter().map(|feed| feed.to).filter(|to| before.contains(to));
                left.extend(more.filter(|to| way.insert(*to)));
            }
            Some(Queue { gate, most, way })
        })
        .collect()
}

/// The steps among these that write item by item, with no such step before them.
fn first_writers(steps: &[StepShape], among: &BTreeSet<usize>) -> Vec<usize> {
    let writes = |step: &usize| steps[*step].spec().generates && steps[*step].mode == Mode::Each;
    let is_first = |step: &usize| {
        let (mut seen, mut left) = (BTreeSet::new(), vec![*step]);
        while let Some(next) = left.pop() {
            left.extend(
                steps[next].upstream.iter().filter(|before| among.contains(before)).filter(|before| seen.insert(**before)),
            );
        }
        !seen.iter().any(writes)
    };
    among.iter().copied().filter(|step| writes(step) && is_first(step)).collect()
}

fn kind_title(step: &Step) -> String {
    match &step.connector {
        Some(connector) => format!("{} kind={connector}", step.verb),
        None => step.verb.to_string(),
    }
}
