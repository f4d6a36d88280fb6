//! Calling off: a cycle, a step or an item, by a person and with a reason.
//!
//! The word is an entry of the journal, and what it is about fails with it: tasks that are there now, and those that would come
//! up later. What may already be out is not called off: a piece whose intent is written down goes on until the channel, or a
//! person, has said what became of it. A late answer to a question that was called off changes nothing; what it may have cost
//! counts as it was reserved.

use super::action::{Action, Notice};
use super::cycle::{Cycle, tell};
use super::entry::Entry;
use super::fold::Fold;
use super::tasks::{Origin, TaskState};
use crate::base::{ItemId, RequestKey, StepId, TaskId};
use crate::model::Item;
use crate::step::{Request, StepError};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;

/// What is called off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    Cycle,
    Step(StepId),
    /// All that works on this item.
    Item(ItemId),
}

impl Scope {
    fn covers(&self, task: &TaskId) -> bool {
        match self {
            Scope::Cycle => true,
            Scope::Step(step) => task.step == *step,
            Scope::Item(item) => task.item == Some(*item),
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Scope::Cycle => f.write_str("the cycle"),
            Scope::Step(step) => write!(f, "step `{step}`"),
            Scope::Item(item) => write!(f, "item {}", item.short()),
        }
    }
}

impl Fold {
    /// Why a task is called off, when it is.
    pub fn called_off(&self, task: usize) -> Option<&str> {
        let id = &self.tasks.get(task).id;
        self.cancelled.iter().find(|(scope, _)| scope.covers(id)).map(|(_, reason)| reason.as_str())
    }

    /// Items that waited when a cycle opened that was then called off as a whole: they wait on.
    pub fn still_waiting(&self, step: usize) -> Vec<Item> {
        if !self.cancelled.iter().any(|(scope, _)| *scope == Scope::Cycle) {
            return Vec::new();
        }
        let done = |task: &&usize| {
            let task = self.tasks.get(**task);
            task.state() == TaskState::Done && matches!(task.origin, Origin::Carried(_) | Origin::Whole)
        };
        let taken: BTreeSet<ItemId> = self.steps[step]
            .tasks
            .iter()
            .filter(done)
            .flat_map(|task| self.tasks.get(*task).inputs.iter().map(|item| item.id))
            .collect();
        let waiting = self.carry.deferred.get(self.shape.id(step)).into_iter().flatten();
        waiting.filter(|item| !taken.contains(&item.id)).cloned().collect()
    }
}

impl Cycle {
    /// A person calls something off.
    pub(super) fn cancel(&mut self, scope: Scope, by: String, reason: Option<String>, out: &mut Vec<Action>) {
        let open = |task: &usize| {
            let task = self.fold.tasks.get(*task);
            !task.state().is_final() && scope.covers(&task.id)
        };
        let is_step = |id: &StepId| self.plan().index(id).is_some_and(|at| !self.fold.steps[at].completed);
        let concerned = match &scope {
            Scope::Cycle => !self.is_closed(),
            Scope::Step(step) => is_step(step),
            Scope::Item(_) => (0..self.fold.tasks.len()).any(|task| open(&task)),
        };
        if !concerned {
            let key = RequestKey {
                cycle: self.fold.pins.cycle,
                task: TaskId { step: StepId::new("cancel"), item: None },
                turn: 0,
                index: 0,
            };
            return tell(out, Notice::Void { key, message: format!("{scope} has nothing left to call off") });
        }
        let entry = Entry::Cancelled { scope, by, reason, at: self.wall_clock() };
        self.record(entry, true, out);
        for task in 0..self.fold.tasks.len() {
            self.call_off(task, out);
        }
    }

    /// Ends a task that is called off; `false` when it is not, or may not be ended yet.
    pub(super) fn call_off(&mut self, task: usize, out: &mut Vec<Action>) -> bool {
        let record = self.fold.tasks.get(task);
        if record.state().is_final() || record.open.doubts > 0 {
            return false;
        }
        let Some(reason) = self.fold.called_off(task).map(str::to_owned) else { return false };
        let is_out = record.asked.values().any(|asked| {
            matches!(asked.request.as_deref(), Some(Request::Publish(_))) && asked.reply.is_none() && !asked.cleared
        });
        if is_out {
            return false;
        }
        let id = record.id.clone();
        let flying: Vec<RequestKey> = self.in_flight.keys().filter(|key| key.task == id).cloned().collect();
        self.settle_unknown(task, out);
        for key in flying {
            if let Some(Some(door)) = self.in_flight.remove(&key) {
                self.moving -= 1;
                self.queue.done(&door);
            }
        }
        self.fail(task, StepError::new(reason), out);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::CycleNo;
    use crate::engine::simulation::*;
    use crate::engine::testing::*;
    use crate::engine::{Carry, Event};
    use crate::model::{CapUnit, Window, Workflow};
    use crate::step::Reply;

    fn gated() -> Workflow {
        let mut steps = written();
        steps[1] = capped(steps[1].clone(), CapUnit::Pieces, 3, Window::Day);
        steps.push(step("gate", "editor", &["outlines"], &[]));
        steps.push(step("send", "posts", &["editor"], &[]));
        steps.push(step("join", "all", &["posts"], &[]));
        workflow(steps)
    }

    fn off(scope: Scope) -> Event {
        Event::Cancel { cycle: CycleNo(1), scope, by: "ana".to_owned(), reason: Some("too late".to_owned()) }
    }

    #[test]
    fn a_cycle_that_is_called_off_closes_at_once_and_says_why() {
        let mut simulation = parked(gated());
        simulation.compare = true;
        simulation.event(off(Scope::Cycle));
        assert!(simulation.finished && simulation.cycle.gates().is_empty());
        assert!(simulation.world.sent.is_empty());
        let reports = simulation.cycle.task_states();
        let failed: Vec<_> = reports.iter().filter(|report| report.state == TaskState::Failed).collect();
        assert!(
            failed.len() >= 4 && failed.iter().all(|report| report.reason == Some("ana called it off: too late")),
            "{failed:?}"
        );
        assert_eq!(simulation.carry().deferred[&StepId::new("outlines")].len(), 2, "what was over the cap waits on");
        simulation.event(off(Scope::Cycle));
        assert!(matches!(simulation.journal.last(), Some(Entry::Closed { .. })), "it is called off once");
    }

    #[test]
    fn a_step_that_is_called_off_fails_and_its_siblings_go_on() {
        let mut simulation = parked(gated());
        simulation.event(off(Scope::Step(StepId::new("posts"))));
        let simulation = simulation.run();
        assert!(simulation.world.sent.is_empty() && simulation.cycle.is_complete(&StepId::new("all")));
        assert_eq!(simulation.cycle.counts(&StepId::new("outlines")).of(TaskState::Done), 3);
    }

    #[test]
    fn an_item_that_is_called_off_leaves_the_others() {
        let mut simulation = parked(gated());
        let item = simulation.cycle.gates()[0].approve.item;
        simulation.event(off(Scope::Item(item)));
        assert_eq!(simulation.cycle.gates().len(), 2);
        simulation.event(off(Scope::Item(item)));
        let words = simulation.journal.iter().filter(|entry| matches!(entry, Entry::Cancelled { .. })).count();
        assert_eq!(words, 1, "there is nothing left to call off");
    }

    #[test]
    fn what_may_be_out_is_not_called_off_and_a_late_answer_changes_nothing() {
        let steps = vec![
            step("read", "a", &[], &[("count", 2)]),
            step("send", "posts", &["a"], &[]),
            step("write", "outlines", &["a"], &[]),
        ];
        let mut simulation = Simulation::new(workflow(steps), Carry::default(), 1, 1);
        simulation.event(Event::Start);
        // The source is read, in several parts.
        while !simulation.pending.iter().any(|(_, request)| matches!(request, Request::Publish(_))) {
            let (key, request) = simulation.pending.remove(0);
            let reply = simulation.world.perform(&key, &request);
            simulation.event(Event::Replied { key, reply });
        }
        simulation.event(off(Scope::Cycle));
        assert!(!simulation.finished, "two pieces are on their way");
        let late = simulation.pending.clone();
        for (key, request) in late {
            let reply: Reply = simulation.world.perform(&key, &request);
            simulation.event(Event::Replied { key, reply });
        }
        assert!(simulation.finished);
        let sent = simulation.cycle.counts(&StepId::new("posts"));
        assert_eq!(
            (sent.of(TaskState::Done), sent.of(TaskState::Failed)),
            (simulation.world.sent.len(), 2 - simulation.world.sent.len())
        );
    }
}
