//! The fold: a cycle's state as a function of its journal, and of nothing else.
//!
//! `Fold::apply` is the only way to change this state. The live cycle applies an entry in the moment in which it
//! records it, and recovery applies the same entries again, so both arrive at the same state by construction.

use super::cancel::Scope;
use super::caps::Caps;
use super::carry::Carry;
use super::entry::{Entry, Pins};
use super::error::EngineError;
use super::gates::{Doubt, Gates, OpenGate};
use super::lineage::Items;
use super::out::Sent;
use super::people::Sends;
use super::shape::Shape;
use super::tasks::{Asked, More, Open, Origin, Outcome, Task, TaskState, Tasks};
use crate::base::{ItemId, RequestKey, Shared, StepId, TaskId, Timestamp};
use crate::model::{Few, Item};
use crate::step::{Failure, FailureKind, Mode, Reply, Request};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Added to a publish request's index to make the key of the question whether it went out.
pub const PROBE: u32 = 1_000_000;

/// The key of the question whether the publish `key` went out.
pub fn probe_key(key: &RequestKey) -> RequestKey {
    RequestKey { index: key.index + PROBE, ..key.clone() }
}

/// The publish that a probe asks about; `None` when `key` is no probe.
pub fn probed_key(key: &RequestKey) -> Option<RequestKey> {
    (PROBE..2 * PROBE).contains(&key.index).then(|| RequestKey { index: key.index - PROBE, ..key.clone() })
}

/// The key of the question who gets the publish `key`. Neither it nor its answer is journaled: what came of it is.
pub fn audience_key(key: &RequestKey) -> RequestKey {
    RequestKey { index: key.index + 2 * PROBE, ..key.clone() }
}

/// The publish whose readers are asked for; `None` when `key` is another question.
pub fn addressed_key(key: &RequestKey) -> Option<RequestKey> {
    (key.index >= 2 * PROBE).then(|| RequestKey { index: key.index - 2 * PROBE, ..key.clone() })
}

/// How far a step is.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct StepRun {
    /// Steps it reads from that are not complete.
    pub upstream_left: usize,
    /// In order of appearance; in the order of its output once it is complete.
    pub tasks: Few<usize>,
    /// All it gave, in the order of its input; filled when it is complete.
    pub outputs: Vec<Arc<Item>>,
    pub completed: bool,
}

/// The state of a cycle.
#[derive(Clone)]
pub(super) struct Fold {
    pub shape: Arc<Shape>,
    pub pins: Pins,
    pub carry: Arc<Carry>,
    pub tasks: Tasks,
    pub items: Items,
    pub steps: Vec<StepRun>,
    pub steps_left: usize,
    pub gates: Gates,
    pub caps: Caps,
    pub sends: Sends,
    /// Number of entries so far.
    pub entries: u64,
    pub closed: Option<Timestamp>,
    /// The step that failed and wants nothing to go out any more.
    pub holds_back: Option<StepId>,
    /// What people called off, with the reason as it is told.
    pub cancelled: Vec<(Scope, String)>,
}

impl PartialEq for Fold {
    /// The shape is not compared: it is what both were made from.
    fn eq(&self, other: &Fold) -> bool {
        self.pins == other.pins
            && self.carry == other.carry
            && self.tasks == other.tasks
            && self.items == other.items
            && self.steps == other.steps
            && self.gates == other.gates
            && self.caps == other.caps
            && self.sends == other.sends
            && self.entries == other.entries
            && self.closed == other.closed
            && self.holds_back == other.holds_back
            && self.cancelled == other.cancelled
    }
}

impl Fold {
    /// The state after the opening entry.
    pub fn open(shape: Arc<Shape>, pins: Pins, carry: Arc<Carry>, caps: Caps) -> Fold {
        let count = shape.steps.len();
        let mut fold = Fold {
            shape: shape.clone(),
            pins,
            carry: carry.clone(),
            tasks: Tasks::new(count),
            items: Items::default(),
            steps: vec![StepRun::default(); count],
            steps_left: count,
            gates: Gates::default(),
            caps,
            sends: Sends::default(),
            entries: 1,
            closed: None,
            holds_back: None,
            cancelled: Vec::new(),
        };
        for item in carry.ancestors.iter().chain(carry.deferred.values().flatten()) {
            fold.items.add(Arc::new(item.clone()));
        }
        for at in 0..count {
            fold.steps[at].upstream_left = shape.steps[at].upstream.len();
            if shape.steps[at].kept {
                fold.add_task(at, None, Vec::new(), Origin::Whole);
            } else if shape.steps[at].mode == Mode::Each {
                for (place, item) in fold.carried(at).into_iter().enumerate() {
                    fold.add_task(at, Some(item.id), [item], Origin::Carried(place as u32));
                }
            } else if shape.steps[at].upstream.is_empty() {
                let inputs = fold.carried(at);
                fold.add_task(at, None, inputs, Origin::Whole);
            }
        }
        fold
    }

    /// Items that waited for a step since an earlier cycle.
    fn carried(&self, step: usize) -> Vec<Arc<Item>> {
        let waiting = self.carry.deferred.get(self.shape.id(step)).map_or(&[][..], Vec::as_slice);
        waiting.iter().filter_map(|item| self.items.get(&item.id).cloned()).collect()
    }

    fn add_task(&mut self, step: usize, item: Option<ItemId>, inputs: impl IntoIterator<Item = Arc<Item>>, origin: Origin) {
        let id = TaskId { step: self.shape.id(step).clone(), item };
        if let Some(at) = self.tasks.add(Task::new(id, step, inputs, origin)) {
            self.steps[step].tasks.push(at);
        }
    }

    /// Folds one entry in.
    ///
    /// # Errors
    /// When the entry does not belong to this cycle. Entries that the cycle itself records always do.
    pub fn apply(&mut self, entry: &Entry) -> Result<(), EngineError> {
        if self.closed.is_some() {
            return Err(EngineError::AfterTheEnd);
        }
        self.entries += 1;
        self.sends.apply(entry);
        match entry {
            Entry::Opened { .. } => return Err(EngineError::UnknownName("a second opening".to_owned())),
            Entry::Asked { key, digest, request, at } => {
                let task = self.find(&key.task)?;
                // Journals of earlier versions did not date it; a gate opens soon after its cycle.
                self.asked(
                    task,
                    key,
                    Asked { digest: *digest, request: request.clone(), reply: None, doubt: false, cleared: false },
                    at.unwrap_or(self.pins.now),
                );
            }
            Entry::Addressed { key, .. } => {
                self.find(&key.task)?;
            }
            Entry::Nudged { key, nudge, at } => {
                self.find(&key.task)?;
                self.gates.nudge(key, *nudge, *at);
            }
            Entry::Replied { key, reply } => {
                let task = self.find(&key.task)?;
                self.replied(task, key, reply)?;
            }
            Entry::Done { task, items, state, headline, notes, parameters, back, memo, recalled } => {
                let at = self.find(task)?;
                let items: Vec<Arc<Item>> = items.iter().map(Shared::to_arc).collect();
                let record = self.tasks.get_mut(at);
                let pure = record.asked.values().all(|asked| matches!(asked.reply, Some(Reply::Generated(_))));
                let more = More {
                    state: state.clone(),
                    headline: headline.clone(),
                    notes: notes.clone(),
                    parameters: parameters.clone(),
                    back: back.clone(),
                };
                record.outcome = Some(Box::new(Outcome::new(&items, more, *memo, *recalled, pure)));
                self.finish(at, TaskState::Done);
                match back {
                    Some(step) => self.send_back(at, step, &items)?,
                    None => self.spread(at, &items),
                }
            }
            Entry::Failed { task, message, help } => {
                let at = self.find(task)?;
                let again = self.chose(at, message);
                let record = self.tasks.get_mut(at);
                record.reason = Some(Box::new((message.clone(), help.clone())));
                let spec = self.shape.steps[record.step].spec();
                record.away = again || (spec.generates || spec.publishes) && record.is_left_alone();
                self.finish(at, TaskState::Failed);
            }
            Entry::Deferred { task, reason } => {
                let at = self.find(task)?;
                self.tasks.get_mut(at).reason = Some(Box::new((reason.clone(), None)));
                self.finish(at, TaskState::Deferred);
            }
            Entry::Reserved { cap, window, task, amount, turn } => {
                let (slot, task) = (self.slot(cap, window)?, self.find(task)?);
                self.caps.reserve(slot, task, *amount, *turn);
            }
            Entry::Settled { cap, window, task, amount } => {
                let (slot, task) = (self.slot(cap, window)?, self.find(task)?);
                self.caps.settle(slot, task, *amount);
            }
            Entry::Cancelled { scope, by, reason, .. } => {
                let why = reason.as_ref().map_or_else(String::new, |reason| format!(": {reason}"));
                self.cancelled.push((scope.clone(), format!("{by} called it off{why}")));
            }
            Entry::Completed { step } => self.completed(step)?,
            Entry::Closed { at, .. } => self.closed = Some(*at),
        }
        Ok(())
    }

    fn find(&self, id: &TaskId) -> Result<usize, EngineError> {
        self.tasks.find(id).ok_or_else(|| EngineError::UnknownTask(Box::new(id.clone())))
    }

    fn slot(&self, cap: &str, window: &str) -> Result<usize, EngineError> {
        self.caps.find(cap, window).ok_or_else(|| EngineError::UnknownName(format!("cap {cap} in {window}")))
    }

    fn asked(&mut self, at: usize, key: &RequestKey, asked: Asked, when: Timestamp) {
        if probed_key(key).is_some() {
            return;
        }
        let task = self.tasks.get_mut(at);
        if let Some(known) = task.asked.get_mut(&(key.turn, key.index)) {
            // Sent again: from here on it may have happened.
            known.cleared = false;
        } else {
            match asked.request.as_deref() {
                Some(Request::Approve(approve)) => {
                    task.open.people += 1;
                    self.gates.open(OpenGate {
                        key: key.clone(),
                        step: task.id.step.clone(),
                        approve: approve.clone(),
                        given: Vec::new(),
                        opened: self.entries,
                        asked: when,
                        nudged: Vec::new(),
                    });
                }
                _ => task.open.world += 1,
            }
            task.asked.insert((key.turn, key.index), asked);
        }
        let state = task.state_by_requests();
        self.tasks.set(at, state);
    }

    fn replied(&mut self, at: usize, key: &RequestKey, reply: &Reply) -> Result<(), EngineError> {
        match (probed_key(key), reply) {
            (Some(publish), Reply::Placed(Some(receipt))) => self.answer(at, &publish, Reply::Published(receipt.clone()))?,
            (Some(publish), Reply::Placed(None)) => self.clear(at, &publish)?,
            (Some(publish), reply) => self.doubt(at, &publish, reply)?,
            (None, Reply::Failed(Failure { kind: FailureKind::InDoubt, .. })) if self.is_publish(at, key) => {
                self.doubt(at, key, reply)?;
            }
            (None, reply) => self.answer(at, key, reply.clone())?,
        }
        let state = self.tasks.get(at).state_by_requests();
        self.tasks.set(at, state);
        Ok(())
    }

    fn is_publish(&self, at: usize, key: &RequestKey) -> bool {
        let asked = self.tasks.get(at).asked.get(&(key.turn, key.index));
        asked.is_some_and(|asked| matches!(asked.request.as_deref(), Some(Request::Publish(_))))
    }

    fn answer(&mut self, at: usize, key: &RequestKey, reply: Reply) -> Result<(), EngineError> {
        let task = self.tasks.get_mut(at);
        let Some(asked) = task.asked.get_mut(&(key.turn, key.index)) else {
            return Err(EngineError::Diverged { key: Box::new(key.clone()) });
        };
        if asked.reply.is_some() {
            return Ok(());
        }
        if std::mem::take(&mut asked.doubt) {
            task.open.doubts -= 1;
            self.gates.doubts.remove(key);
        } else if matches!(asked.request.as_deref(), Some(Request::Approve(_))) {
            let Reply::Decided(decision) = reply else {
                task.open.people -= 1;
                self.gates.close(key);
                asked.reply = Some(reply);
                return Ok(());
            };
            // One of several people has spoken: the gate stays open until enough have.
            let Some(decided) = self.gates.take(key, decision) else { return Ok(()) };
            task.open.people -= 1;
            asked.reply = Some(Reply::Decided(decided));
            return Ok(());
        } else {
            task.open.world -= 1;
        }
        asked.reply = Some(reply);
        Ok(())
    }

    fn doubt(&mut self, at: usize, key: &RequestKey, reply: &Reply) -> Result<(), EngineError> {
        let task = self.tasks.get_mut(at);
        let (step, asked) = (task.id.step.clone(), task.asked.get_mut(&(key.turn, key.index)));
        let Some(asked) = asked else { return Err(EngineError::Diverged { key: Box::new(key.clone()) }) };
        let Some(Request::Publish(publish)) = asked.request.as_deref() else {
            return Err(EngineError::Diverged { key: Box::new(key.clone()) });
        };
        if asked.reply.is_some() || asked.doubt {
            return Ok(());
        }
        let message = match reply {
            Reply::Failed(failure) => Some(failure.message.clone()),
            _ => None,
        };
        self.gates.doubts.insert(key.clone(), Doubt { key: key.clone(), step, publish: publish.clone(), message });
        asked.doubt = true;
        task.open.world -= 1;
        task.open.doubts += 1;
        Ok(())
    }

    /// It is certain that a publish did not happen: it may be sent.
    fn clear(&mut self, at: usize, key: &RequestKey) -> Result<(), EngineError> {
        let task = self.tasks.get_mut(at);
        let Some(asked) = task.asked.get_mut(&(key.turn, key.index)) else {
            return Err(EngineError::Diverged { key: Box::new(key.clone()) });
        };
        asked.cleared = asked.reply.is_none();
        if std::mem::take(&mut asked.doubt) {
            task.open.doubts -= 1;
            task.open.world += 1;
            self.gates.doubts.remove(key);
        }
        Ok(())
    }

    /// A task comes to its end: what it asked is in the journal and no longer needed here.
    fn finish(&mut self, at: usize, state: TaskState) {
        self.tasks.set(at, state);
        let task = self.tasks.get(at);
        // What was called off may have had an open gate.
        let gates = task.asked.iter().filter(|(_, asked)| asked.reply.is_none() && asked.request.is_some());
        let gates: Vec<RequestKey> = gates
            .map(|((turn, index), _)| RequestKey { cycle: self.pins.cycle, task: task.id.clone(), turn: *turn, index: *index })
            .collect();
        gates.iter().for_each(|key| self.gates.close(key));
        let task = self.tasks.get_mut(at);
        task.sent = Sent::of(task.asked.values().map(|asked| (&asked.request, &asked.reply))).map(Box::new);
        task.asked.clear();
        task.open = Open::default();
    }

    /// Hands new items to the `each` steps that read them; `all` steps wait for the whole.
    fn spread(&mut self, parent: usize, items: &[Arc<Item>]) {
        for item in items {
            self.items.add(item.clone());
        }
        let shape = self.shape.clone();
        for feed in &shape.steps[self.tasks.get(parent).step].feeds {
            if shape.steps[feed.to].mode != Mode::Each || shape.steps[feed.to].kept {
                continue;
            }
            for (index, item) in items.iter().enumerate().filter(|(_, item)| feed.carries(item)) {
                let origin = Origin::Wire { wire: feed.wire, parent: parent as u32, index: index as u32 };
                self.add_task(feed.to, Some(item.id), [item.clone()], origin);
            }
        }
    }

    /// Hands what is to be made again to a step before the one that decided so.
    fn send_back(&mut self, parent: usize, to: &StepId, items: &[Arc<Item>]) -> Result<(), EngineError> {
        let step = self.shape.plan.index(to).filter(|step| !self.steps[*step].completed);
        let step = step.ok_or_else(|| EngineError::UnknownName(format!("a piece for `{to}`, which is over")))?;
        for item in items {
            self.items.add(item.clone());
            self.add_task(step, Some(item.id), [item.clone()], Origin::Back { parent: parent as u32 });
        }
        Ok(())
    }

    fn completed(&mut self, id: &StepId) -> Result<(), EngineError> {
        let step = self.shape.plan.index(id).ok_or_else(|| EngineError::UnknownName(id.to_string()))?;
        if std::mem::replace(&mut self.steps[step].completed, true) {
            return Err(EngineError::UnknownName(format!("a second end of {id}")));
        }
        self.steps_left -= 1;
        let mut order = std::mem::take(&mut self.steps[step].tasks);
        order.sort_by_cached_key(|task| self.place(*task));
        let mut outputs = Vec::new();
        let mut seen = BTreeSet::new();
        for (position, task) in order.iter().enumerate() {
            let task = self.tasks.get_mut(*task);
            task.position = Some(position as u32);
            let items = task.outcome.iter().filter(|outcome| outcome.back().is_none()).flat_map(|outcome| &*outcome.items);
            outputs.extend(items.filter(|item| seen.insert(item.id)).cloned());
        }
        self.steps[step].tasks = order;
        self.steps[step].outputs = outputs;
        let shape = self.shape.clone();
        let mut readers: Vec<usize> = shape.steps[step].feeds.iter().map(|feed| feed.to).collect();
        readers.sort_unstable();
        readers.dedup();
        for reader in readers {
            self.steps[reader].upstream_left -= 1;
            if self.steps[reader].upstream_left == 0 && shape.steps[reader].mode != Mode::Each && !shape.steps[reader].kept {
                let inputs = self.whole_input(reader);
                self.add_task(reader, None, inputs, Origin::Whole);
            }
        }
        Ok(())
    }

    /// All input of a step in wire order, after what waited since an earlier cycle; every item once.
    fn whole_input(&self, step: usize) -> Vec<Arc<Item>> {
        let mut inputs = self.carried(step);
        let mut seen: BTreeSet<ItemId> = inputs.iter().map(|item| item.id).collect();
        for wire in &self.shape.step(step).from {
            let giver = self.shape.plan.index(&wire.from).expect("the plan knows every wire's end");
            let given = self.steps[giver].outputs.iter().filter(|item| wire.carries.contains(item.kind()));
            inputs.extend(given.filter(|item| seen.insert(item.id)).cloned());
        }
        inputs
    }

    /// A task's place among its siblings: first what waited since an earlier cycle, then by wire and by the order of
    /// the giving step's own output. Comparable between tasks of one step, whatever order they came up in.
    pub fn place(&self, task: usize) -> Vec<u32> {
        match self.tasks.get(task).origin {
            Origin::Whole => Vec::new(),
            Origin::Carried(place) => vec![0, place],
            // Behind all that came by wire, in the order of what was sent back.
            Origin::Back { parent } => {
                let mut place = vec![u32::MAX];
                place.extend(self.place(parent as usize));
                place
            }
            Origin::Wire { wire, parent, index } => {
                let mut place = vec![wire + 1];
                match self.tasks.get(parent as usize).position {
                    Some(position) => place.push(position),
                    None => place.extend(self.place(parent as usize)),
                }
                place.push(index);
                place
            }
        }
    }
}
