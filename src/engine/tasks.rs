//! The tasks of a cycle and their states. Every change of a state passes through `Tasks::set`, where the counts are
//! kept, so that "is this step finished?" never needs a walk over its tasks.

use super::out::Sent;
use super::places::{Mark, Places};
use crate::base::{Digest, StepId, TaskId};
use crate::model::{Few, Item};
use crate::step::{FailureKind, Note, ParameterChange, Reply, Request};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Where a task stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum TaskState {
    /// Its input is there; nothing has been asked yet.
    Ready,
    /// The world owes it an answer.
    Asking,
    /// It waits for a decision and for nothing else.
    Gated,
    /// One of its effects may or may not have happened: a person settles it.
    InDoubt,
    Done,
    Failed,
    /// Over a cap: it is first in line in the next cycle.
    Deferred,
}

impl TaskState {
    pub const ALL: [TaskState; 7] = [
        TaskState::Ready,
        TaskState::Asking,
        TaskState::Gated,
        TaskState::InDoubt,
        TaskState::Done,
        TaskState::Failed,
        TaskState::Deferred,
    ];

    /// Nothing more will happen to it in this cycle.
    pub fn is_final(self) -> bool {
        matches!(self, TaskState::Done | TaskState::Failed | TaskState::Deferred)
    }
}

/// How many tasks are in each state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts([u32; 7]);

impl Counts {
    pub fn of(&self, state: TaskState) -> usize {
        self.0[state as usize] as usize
    }

    pub fn total(&self) -> usize {
        self.0.iter().map(|count| *count as usize).sum()
    }

    /// Tasks that are not final.
    pub fn open(&self) -> usize {
        TaskState::ALL.into_iter().filter(|state| !state.is_final()).map(|state| self.of(state)).sum()
    }
}

/// Where a task's input came from; it decides the task's place among its siblings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// The n-th of the items that waited since an earlier cycle.
    Carried(u32),
    /// The n-th item of another task, over the n-th wire.
    Wire { wire: u32, parent: u32, index: u32 },
    /// Another task, behind this one's step, sent it back to be made again.
    Back { parent: u32 },
    /// All the input of its step, or none.
    Whole,
}

/// A request that was handed to the world or to people.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Asked {
    pub digest: Digest,
    pub request: Option<Box<Request>>,
    pub reply: Option<Reply>,
    /// Nobody knows whether it happened.
    pub doubt: bool,
    /// The channel, or a person, has said that it did not happen, and it has not been sent again since.
    pub cleared: bool,
}

/// How many of a task's requests nobody has answered yet, by who has to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Open {
    pub world: u32,
    pub people: u32,
    pub doubts: u32,
}

/// What a finished task gave. There is one for every finished task of a cycle, so what few have stands apart.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Outcome {
    pub items: Few<Arc<Item>>,
    more: Option<Box<More>>,
    pub memo: Digest,
    pub recalled: bool,
    /// It asked nothing but text, so the same inputs give the same output.
    pub pure: bool,
}

/// What a task may give beside its items.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct More {
    pub state: Option<Value>,
    pub headline: Option<String>,
    pub notes: Vec<Note>,
    pub parameters: Vec<ParameterChange>,
    /// Its items went back to this step, and are no output.
    pub back: Option<StepId>,
}

impl Outcome {
    pub fn new(items: &[Arc<Item>], more: More, memo: Digest, recalled: bool, pure: bool) -> Outcome {
        let more = (more != More::default()).then(|| Box::new(more));
        Outcome { items: items.iter().cloned().collect(), more, memo, recalled, pure }
    }

    pub fn state(&self) -> Option<&Value> {
        self.more.as_ref()?.state.as_ref()
    }

    pub fn headline(&self) -> Option<&String> {
        self.more.as_ref()?.headline.as_ref()
    }

    pub fn notes(&self) -> &[Note] {
        self.more.as_ref().map_or(&[], |more| &more.notes)
    }

    pub fn parameters(&self) -> &[ParameterChange] {
        self.more.as_ref().map_or(&[], |more| &more.parameters)
    }

    pub fn back(&self) -> Option<&StepId> {
        self.more.as_ref()?.back.as_ref()
    }
}

/// One task.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Task {
    pub id: TaskId,
    /// Index of its step.
    pub step: usize,
    pub inputs: Few<Arc<Item>>,
    pub origin: Origin,
    /// Its place in its step's output; known when the step is complete.
    pub position: Option<u32>,
    /// By turn and index. Emptied when the task is final.
    pub asked: BTreeMap<(u32, u32), Asked>,
    pub outcome: Option<Box<Outcome>>,
    /// What it sent, once it is final.
    pub sent: Option<Box<Sent>>,
    /// Why it failed or was deferred, and what to do.
    pub reason: Option<Box<(String, Option<String>)>>,
    pub open: Open,
    /// It failed because the other side was away, or its step wants what fails to be tried again. Its items are first in line in the
    /// next cycle, so that what a person has approved outlives an outage.
    pub away: bool,
    state: TaskState,
}

impl Task {
    pub fn new(id: TaskId, step: usize, inputs: impl IntoIterator<Item = Arc<Item>>, origin: Origin) -> Task {
        Task {
            id,
            step,
            inputs: inputs.into_iter().collect(),
            origin,
            position: None,
            asked: BTreeMap::new(),
            sent: None,
            outcome: None,
            reason: None,
            open: Open::default(),
            away: false,
            state: TaskState::Ready,
        }
    }

    pub fn state(&self) -> TaskState {
        self.state
    }

    /// Whether a question about its item went unanswered that may be answered another day.
    pub fn is_left_alone(&self) -> bool {
        let alone =
            |asked: &Asked| matches!(&asked.reply, Some(Reply::Failed(failure)) if failure.kind == FailureKind::Transient);
        self.id.item.is_some() && self.asked.values().any(alone)
    }

    /// The state that follows from what is asked and answered; for tasks that are not final.
    pub fn state_by_requests(&self) -> TaskState {
        if self.open.doubts > 0 {
            TaskState::InDoubt
        } else if self.open.world == 0 && self.open.people > 0 {
            TaskState::Gated
        } else if self.asked.is_empty() {
            TaskState::Ready
        } else {
            TaskState::Asking
        }
    }
}

/// All tasks of a cycle, in the order in which they came up.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tasks {
    all: Vec<Task>,
    places: Places,
    by_step: Vec<Counts>,
    total: Counts,
}

impl Tasks {
    pub fn new(steps: usize) -> Tasks {
        Tasks { all: Vec::new(), places: Places::default(), by_step: vec![Counts::default(); steps], total: Counts::default() }
    }

    /// Adds a task; `None` when its step already works on this item.
    pub fn add(&mut self, task: Task) -> Option<usize> {
        let (at, mark) = (self.all.len(), Mark::from(&task.id));
        if self.places.find(mark, |at| self.all[at].id == task.id).is_some() {
            return None;
        }
        self.places.put(mark, at);
        self.by_step[task.step].0[task.state as usize] += 1;
        self.total.0[task.state as usize] += 1;
        self.all.push(task);
        Some(at)
    }

    /// The one place where a task changes its state. A final state stays.
    pub fn set(&mut self, at: usize, state: TaskState) {
        let task = &mut self.all[at];
        if task.state.is_final() || task.state == state {
            return;
        }
        for counts in [&mut self.by_step[task.step], &mut self.total] {
            counts.0[task.state as usize] -= 1;
            counts.0[state as usize] += 1;
        }
        task.state = state;
    }

    pub fn find(&self, id: &TaskId) -> Option<usize> {
        self.places.find(Mark::from(id), |at| self.all[at].id == *id)
    }

    pub fn len(&self) -> usize {
        self.all.len()
    }

    pub fn get(&self, at: usize) -> &Task {
        &self.all[at]
    }

    pub fn get_mut(&mut self, at: usize) -> &mut Task {
        &mut self.all[at]
    }

    pub fn counts(&self, step: usize) -> Counts {
        self.by_step[step]
    }

    /// How many tasks are final. Grows only.
    pub fn ended(&self) -> u64 {
        (self.total.total() - self.total.open()) as u64
    }

    pub fn total(&self) -> Counts {
        self.total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(name: &str) -> Task {
        Task::new(TaskId { step: name.into(), item: None }, 0, Vec::new(), Origin::Whole)
    }

    #[test]
    fn counts_follow_every_change_and_final_states_stay() {
        let mut tasks = Tasks::new(1);
        let a = tasks.add(task("a")).expect("new");
        tasks.add(task("b")).expect("new");
        tasks.set(a, TaskState::Asking);
        tasks.set(a, TaskState::Done);
        tasks.set(a, TaskState::Failed);
        assert_eq!(tasks.get(a).state(), TaskState::Done);
        assert_eq!((tasks.counts(0).of(TaskState::Done), tasks.counts(0).open(), tasks.total().total()), (1, 1, 2));
    }

    #[test]
    fn a_step_works_on_an_item_once() {
        let mut tasks = Tasks::new(1);
        assert_eq!(tasks.add(task("a")), Some(0));
        assert_eq!(tasks.add(task("a")), None);
        assert_eq!(tasks.len(), 1);
    }
}
