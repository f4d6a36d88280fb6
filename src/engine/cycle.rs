//! `Cycle`: one rotation of the loop as a pure state machine. Events go in, actions come out; there is no clock, no
//! disk and no network in here.
//!
//! What lasts is in `Fold` and changes only by journal entries. What this file holds beside it is the schedule of
//! the moment: which tasks can go on, what is being performed, who waits for room under a cap. A crash forgets the
//! schedule and nothing else; it is worked out again from the fold.

use super::action::{Action, Event, Notice};
use super::addressing::Addressee;
use super::beside::{OPEN, queue_name};
use super::caps::{CapUse, Caps};
use super::carry::{Carry, Ledger};
use super::doors::{Door, Doors};
use super::entry::{Entry, Pins};
use super::error::EngineError;
use super::fold::Fold;
use super::gates::{Doubt, OpenGate, Void};
use super::lineage::Items;
use super::memory::{self, Recollection, Why};
use super::people::Written;
use super::shape::{Queue, Shape};
use super::tasks::{Counts, TaskState};
use crate::base::{RequestKey, StepId, TaskId, Timestamp};
use crate::client_os::Snapshot;
use crate::model::{Item, Workflow};
use crate::plan::CyclePlan;
use crate::step::{Decision, Note, NoteLevel, Registry, Reply, Request};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// The turn that a task is in.
#[derive(Debug, Default)]
pub(super) struct Run {
    /// Replies of the turns that are over.
    pub replies: Vec<Vec<Reply>>,
    /// What this turn asks; empty before the step has been called.
    pub requests: Vec<Request>,
    /// How many of them have no reply yet.
    pub left: usize,
}

/// Something that waits for a free place among the requests in flight.
#[derive(Clone, Copy, Debug)]
pub(super) struct Errand {
    pub task: usize,
    pub turn: u32,
    pub index: u32,
    pub ask: Ask,
}

/// What an errand asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ask {
    /// What the step asks.
    Itself,
    /// Whether the publish went out, instead of sending it.
    Placed,
    /// Who gets the publish, before it is sent.
    Audience,
}

/// Tasks of one step that stand in line for a cap on pieces.
#[derive(Debug, Default)]
pub(super) struct Line {
    pub tasks: Vec<usize>,
    pub sorted: bool,
    /// The number of settlements when there was no room: looking again before the next one is useless.
    pub tried: Option<u64>,
}

/// One cycle.
pub struct Cycle {
    pub(super) fold: Fold,
    pub(super) recollection: Recollection,
    pub(super) runs: BTreeMap<usize, Run>,
    /// Tasks that can go on, first come, first served.
    pub(super) ready: VecDeque<usize>,
    /// Tasks below this number have been looked at.
    pub(super) seen: usize,
    pub(super) lines: BTreeMap<usize, Line>,
    /// Tasks whose next turn costs more than is left, as long as something may be released.
    pub(super) short: VecDeque<usize>,
    pub(super) short_tried: u64,
    /// Steps that may have come to their end.
    pub(super) check: BTreeSet<usize>,
    /// Tasks that ended in an earlier process before their reservation was settled.
    pub(super) unsettled: Vec<usize>,
    /// Pieces whose readers are asked for, in the order in which they get them.
    pub(super) addressing: VecDeque<Addressee>,
    pub(super) queue: Doors,
    /// With the door it goes to; none for a wait, which takes no place.
    pub(super) in_flight: BTreeMap<RequestKey, Option<Door>>,
    pub(super) moving: usize,
    /// What cycles open beside this one use, by slot of the caps. Not part of the fold: what it led to is in the journal.
    pub(super) beside: Vec<i64>,
    /// How many items wait at gates in cycles beside this one, by queue.
    pub(super) queues_beside: Vec<i64>,
    /// Whom cycles beside this one have written to.
    pub(super) written_beside: Vec<Arc<Written>>,
    pub(super) stopping: bool,
    pub(super) now: Timestamp,
    /// It stops after so many actions and says that there is more; without a number it does all that can be done.
    slice: Option<usize>,
    /// A slice was full, so there is more to do at once.
    pub(super) unfinished: bool,
}

impl Cycle {
    /// Opens a new cycle. The actions record its opening; work starts with [`Event::Start`].
    ///
    /// # Errors
    /// When the workflow has no plan or a kind that this build does not know, or the pins are for another workflow or
    /// Client OS.
    pub fn open(
        workflow: Arc<Workflow>,
        registry: &Registry,
        client_os: Arc<Snapshot>,
        pins: Pins,
        carry: Carry,
    ) -> Result<(Cycle, Vec<Action>), EngineError> {
        let entry = Entry::Opened { pins: pins.clone(), carry: Box::new(carry.clone()) };
        let cycle = Cycle::opened(workflow, registry, client_os, pins, carry)?;
        Ok((cycle, vec![Action::Record { entry, durable: true }]))
    }

    pub(super) fn opened(
        workflow: Arc<Workflow>,
        registry: &Registry,
        client_os: Arc<Snapshot>,
        pins: Pins,
        carry: Carry,
    ) -> Result<Cycle, EngineError> {
        let found = workflow.digest();
        if found != pins.workflow_digest {
            return Err(EngineError::OtherWorkflow { pinned: pins.workflow_digest, found });
        }
        let found = client_os.digest();
        if found != pins.client_os_digest {
            return Err(EngineError::OtherClientOs { pinned: pins.client_os_digest, found });
        }
        let decides = |id: &StepId| {
            let kind = workflow.step(id).and_then(|step| registry.find(&step.verb, step.connector.as_deref()));
            kind.is_some_and(|kind| kind.spec().decides)
        };
        let carry = carry.with(&pins.operations).judged(&workflow, pins.client_os_digest, decides);
        let caps = Caps::new(&workflow, &pins, &carry.ledger);
        let shape = Arc::new(Shape::new(workflow, registry, client_os, &pins, &carry, &caps)?);
        let check = (0..shape.steps.len()).collect();
        let recollection = Recollection::new(&carry);
        let now = pins.now;
        Ok(Cycle {
            fold: Fold::open(shape, pins, Arc::new(carry), caps),
            recollection,
            runs: BTreeMap::new(),
            ready: VecDeque::new(),
            seen: 0,
            lines: BTreeMap::new(),
            short: VecDeque::new(),
            short_tried: 0,
            check,
            unsettled: Vec::new(),
            addressing: VecDeque::new(),
            queue: Doors::default(),
            in_flight: BTreeMap::new(),
            moving: 0,
            beside: Vec::new(),
            queues_beside: Vec::new(),
            written_beside: Vec::new(),
            stopping: false,
            now,
            slice: None,
            unfinished: false,
        })
    }

    /// Takes an event in and says what to do. `now` is the time on the wall; steps never see it.
    pub fn handle(&mut self, event: Event, now: Timestamp) -> Vec<Action> {
        self.now = now;
        let mut out = self.rest_of_slice();
        match event {
            Event::Start => {
                self.stopping = false;
                if self.fold.closed.is_some() {
                    return vec![Action::Finish];
                }
            }
            Event::Replied { key, reply } => self.replied(key, reply, &mut out),
            Event::Resolve { key, resolution } => self.resolve(key, resolution, &mut out),
            Event::Cancel { cycle, scope, by, reason } => {
                if cycle == self.fold.pins.cycle {
                    self.cancel(scope, by, reason, &mut out);
                }
            }
            Event::Stop => self.stopping = true,
        }
        self.pump(&mut out);
        out
    }

    /// From now on it hands out what it does in slices of about so many actions, so that a cycle that asks the world for nothing
    /// is not in memory as a whole before the first entry of it is written. While [`Cycle::is_unfinished`], call
    /// [`Cycle::go_on`] before anything else.
    pub fn in_slices(&mut self, actions: usize) {
        self.slice = Some(actions.max(1));
    }

    /// Whether the last slice was full.
    pub fn is_unfinished(&self) -> bool {
        self.unfinished
    }

    /// The next slice.
    pub fn go_on(&mut self, now: Timestamp) -> Vec<Action> {
        self.now = now;
        let mut out = Vec::new();
        self.pump(&mut out);
        out
    }

    /// What a full slice left: an event finds a cycle that has done all it could.
    fn rest_of_slice(&mut self) -> Vec<Action> {
        let mut out = Vec::new();
        if self.unfinished {
            let slice = self.slice.take();
            self.pump(&mut out);
            self.slice = slice;
        }
        out
    }

    pub(super) fn slice_is_full(&self, out: &[Action]) -> bool {
        self.slice.is_some_and(|most| out.len() >= most)
    }

    /// Says what cycles that are open beside this one use of each cap, used and held together. To be said again before every
    /// event while there are any, with nobody else reserving in between.
    pub fn tell_beside(&mut self, others: &Ledger) {
        self.beside = self.fold.caps.beside(others);
        let shape = self.shape();
        let waiting = |queue: &Queue| others.used(&queue_name(shape.id(queue.gate)), OPEN);
        self.queues_beside = shape.queues.iter().map(waiting).collect();
    }

    /// Says whom cycles that are open beside this one have written to, as [`Cycle::tell_beside`] does for what they use.
    pub fn tell_written_beside(&mut self, others: Vec<Arc<Written>>) {
        self.written_beside = others;
    }

    /// Lets gates whose time is over expire, and reminds people where that is due. Hand over decisions that were made in time
    /// before calling it.
    pub fn expire(&mut self, now: Timestamp) -> Vec<Action> {
        self.now = now;
        let mut out = self.rest_of_slice();
        while let Some(gate) = self.fold.gates.overdue(now).cloned() {
            self.expire_gate(&gate, &mut out);
        }
        while let Some((gate, nudge)) = self.fold.gates.due(now).map(|(gate, nudge)| (gate.clone(), nudge)) {
            self.record(Entry::Nudged { key: gate.key.clone(), nudge, at: now }, true, &mut out);
            tell(&mut out, Notice::Nudged { key: gate.key, nudge, title: gate.approve.title });
        }
        if !out.is_empty() {
            self.pump(&mut out);
        }
        out
    }

    /// Records an entry: journal and state move together.
    pub(super) fn record(&mut self, entry: Entry, durable: bool, out: &mut Vec<Action>) {
        self.fold.apply(&entry).expect("the cycle records only entries about its own tasks");
        out.push(Action::Record { entry, durable });
    }

    pub(super) fn shape(&self) -> Arc<Shape> {
        self.fold.shape.clone()
    }

    pub fn pins(&self) -> &Pins {
        &self.fold.pins
    }

    pub fn workflow(&self) -> &Arc<Workflow> {
        &self.fold.shape.workflow
    }

    pub fn client_os(&self) -> &Arc<Snapshot> {
        &self.fold.shape.client_os
    }

    pub fn plan(&self) -> &CyclePlan {
        &self.fold.shape.plan
    }

    /// What came in from the cycle before.
    pub fn carried_in(&self) -> &Carry {
        &self.fold.carry
    }

    pub fn is_closed(&self) -> bool {
        self.fold.closed.is_some()
    }

    /// How many answers people owe: open gates and effects in doubt.
    pub fn waiting(&self) -> usize {
        self.fold.gates.waiting()
    }

    /// Open gates in the order in which they opened.
    pub fn gates(&self) -> Vec<OpenGate> {
        self.fold.gates.all().cloned().collect()
    }

    /// When the next gate expires.
    pub fn next_expiry(&self) -> Option<Timestamp> {
        self.fold.gates.next_expiry()
    }

    /// When something happens next at a gate without anybody doing anything: a reminder, an escalation, or its expiry.
    pub fn next_timer(&self) -> Option<Timestamp> {
        self.fold.gates.next_timer()
    }

    /// Effects of which nobody knows whether they happened.
    pub fn in_doubt(&self) -> Vec<Doubt> {
        self.fold.gates.doubts.values().cloned().collect()
    }

    /// Whether a decision would be taken, and if not, why.
    ///
    /// # Errors
    /// The reason, for the person who decided.
    pub fn check_decision(&self, key: &RequestKey, decision: &Decision) -> Result<(), Void> {
        self.fold.gates.check(key, decision)
    }

    /// All items seen so far; also the lineage.
    pub fn items(&self) -> &Items {
        &self.fold.items
    }

    /// What a step gave: complete and in its final order once the step is complete, in order of appearance before.
    pub fn outputs(&self, step: &StepId) -> Vec<Arc<Item>> {
        let Some(at) = self.plan().index(step) else { return Vec::new() };
        if self.fold.steps[at].completed {
            return self.fold.steps[at].outputs.clone();
        }
        let tasks = self.fold.steps[at].tasks.iter().map(|task| self.fold.tasks.get(*task));
        let outcomes = tasks.filter_map(|task| task.outcome.as_ref()).filter(|outcome| outcome.back().is_none());
        outcomes.flat_map(|outcome| outcome.items.iter().cloned()).collect()
    }

    /// How many tasks of a step are in each state.
    pub fn counts(&self, step: &StepId) -> Counts {
        self.plan().index(step).map(|at| self.fold.tasks.counts(at)).unwrap_or_default()
    }

    /// The same over all steps.
    pub fn totals(&self) -> Counts {
        self.fold.tasks.total()
    }

    pub fn is_complete(&self, step: &StepId) -> bool {
        self.plan().index(step).is_some_and(|at| self.fold.steps[at].completed)
    }

    /// All tasks with their states, step by step in plan order.
    pub fn task_states(&self) -> Vec<TaskReport<'_>> {
        let mut reports = Vec::with_capacity(self.fold.tasks.len());
        for step in &self.plan().order {
            for task in &self.fold.steps[*step].tasks {
                let task = self.fold.tasks.get(*task);
                let outcome = task.outcome.as_deref();
                reports.push(TaskReport {
                    task: &task.id,
                    state: task.state(),
                    headline: outcome.and_then(|outcome| outcome.headline().map(String::as_str)),
                    items: outcome.map_or(0, |outcome| outcome.items.len()),
                    recalled: outcome.is_some_and(|outcome| outcome.recalled),
                    reason: task.reason.as_ref().map(|reason| reason.0.as_str()),
                    help: task.reason.as_ref().and_then(|reason| reason.1.as_deref()),
                });
            }
        }
        reports
    }

    /// What steps had to say, in plan order; what the engine itself left out comes first.
    pub fn notes(&self) -> Vec<(StepId, Note)> {
        let mut notes = Vec::new();
        for (step, items) in &self.fold.carry.deferred {
            if !items.is_empty() && self.plan().index(step).is_none() {
                let text = format!("{} that waited for `{step}` found no such step any more.", counted(items.len(), "item"));
                notes.push((step.clone(), Note { level: NoteLevel::Warning, text, place: None }));
            }
        }
        for step in &self.plan().order {
            for task in &self.fold.steps[*step].tasks {
                if let Some(outcome) = &self.fold.tasks.get(*task).outcome {
                    let id = self.fold.shape.id(*step);
                    notes.extend(outcome.notes().iter().map(|note| (id.clone(), note.clone())));
                }
            }
        }
        notes
    }

    /// Tasks over a cap, in rank order per step, with the reason.
    pub fn deferred(&self) -> Vec<(TaskId, String)> {
        let mut deferred = Vec::new();
        for step in &self.plan().order {
            if self.fold.tasks.counts(*step).of(TaskState::Deferred) == 0 {
                continue;
            }
            let mut tasks = self.fold.steps[*step].tasks.clone();
            tasks.sort_by_cached_key(|task| self.fold.place(*task));
            for task in tasks.iter().copied() {
                let task = self.fold.tasks.get(task);
                if task.state() == TaskState::Deferred {
                    let reason = task.reason.as_ref().map(|reason| reason.0.clone()).unwrap_or_default();
                    deferred.push((task.id.clone(), reason));
                }
            }
        }
        deferred
    }

    /// How every cap stands.
    pub fn caps(&self) -> Vec<CapUse> {
        self.fold.caps.uses()
    }

    /// Why a task ran, or did not.
    pub fn why(&self, task: &TaskId) -> Why {
        let Some(at) = self.fold.tasks.find(task) else { return Why::NotYet };
        let task = self.fold.tasks.get(at);
        let step = &self.fold.shape.steps[task.step];
        if let Some(again) = &self.fold.carry.again {
            if step.kept || again.of(&task.id).is_some() {
                return Why::Kept(again.cycle);
            }
            if task.id.step == again.from {
                return Why::Again(again.cycle);
            }
        }
        match &task.outcome {
            Some(outcome) if outcome.recalled => return Why::Recalled,
            None if !task.state().is_final() && !self.runs.contains_key(&at) && task.asked.is_empty() => return Why::NotYet,
            _ => {}
        }
        match self.recollection.of(&task.id, &self.fold.carry) {
            Some(memory) => Why::Changed(memory::changed_task(memory, &task.id, &self.fold.carry, &step.parts, &task.inputs)),
            None if !self.may_remember(task.step) || task.outcome.as_ref().is_some_and(|outcome| !outcome.pure) => {
                Why::AlwaysRuns
            }
            None => Why::New,
        }
    }
}

/// One task for people.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskReport<'a> {
    pub task: &'a TaskId,
    pub state: TaskState,
    pub headline: Option<&'a str>,
    /// How many items it gave.
    pub items: usize,
    pub recalled: bool,
    /// Why it failed or was deferred.
    pub reason: Option<&'a str>,
    pub help: Option<&'a str>,
}

/// `1 item`, `3 items`.
pub(super) fn counted(count: usize, word: &str) -> String {
    if count == 1 { format!("1 {word}") } else { format!("{count} {word}s") }
}

/// Tells progress.
pub(super) fn tell(out: &mut Vec<Action>, notice: Notice) {
    out.push(Action::Tell(notice));
}
