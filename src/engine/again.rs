//! Making a part of a closed cycle again: from one step on, with or without what follows.
//!
//! A cycle that makes a part of another one again begins where that one stood before the step: what the other steps gave is
//! taken over as it was ([`Again::given`]), what the repeated steps kept and tuned is as it was then, and the places under
//! caps that their pieces took are free again, because the new ones take their place. What went out stays out: a piece that
//! comes out the same is not sent again, and one that comes out different is sent as the new text of the one that is there.

use super::carry::Carry;
use super::cycle::Cycle;
use super::memory;
use super::tasks::TaskState;
use crate::base::{CycleNo, StepId, TaskId};
use crate::client_os::Snapshot;
use crate::model::{Good, Item, Workflow};
use crate::plan::CyclePlan;
use crate::step::{Registry, WentOut};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What a cycle takes over from the one of which it makes a part again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Again {
    pub cycle: CycleNo,
    pub from: StepId,
    /// Only this step, and not those behind it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub only: bool,
    /// What the steps gave that are not made again, in the order in which they gave it.
    pub given: BTreeMap<StepId, Vec<Item>>,
    /// What people decided and what went out, for pieces that come out the same.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub done: Vec<DoneBefore>,
    /// What went out, for pieces that come out different.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub out: Vec<WentOut>,
}

/// How a task ended then.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DoneBefore {
    pub task: TaskId,
    pub items: Vec<Item>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub headline: Option<String>,
}

impl Again {
    /// How this task ended then, when that still counts.
    pub(super) fn of(&self, task: &TaskId) -> Option<&DoneBefore> {
        self.done.iter().find(|done| done.task == *task)
    }
}

/// From which step a cycle is made again.
#[derive(Clone, Copy, Debug)]
pub struct From<'a> {
    pub step: &'a StepId,
    pub only: bool,
}

impl Cycle {
    /// Turns what the next cycle would open with into what it opens with to make a part of this one again. `self` is closed;
    /// `workflow` and `client_os` are those of today.
    pub fn again(&self, carry: &mut Carry, workflow: &Workflow, registry: &Registry, client_os: &Snapshot, from: From<'_>) {
        let before = self.carried_in();
        let repeated = repeated(workflow, from);
        let mut again = Again {
            cycle: self.pins().cycle,
            from: from.step.clone(),
            only: from.only,
            given: BTreeMap::new(),
            done: Vec::new(),
            out: Vec::new(),
        };
        for step in workflow.steps.iter().filter(|step| !repeated.contains(&step.id)) {
            let items = self.outputs(&step.id).iter().map(|item| Item::clone(item)).collect();
            again.given.insert(step.id.clone(), items);
        }
        let common = memory::common_parts(workflow, client_os.digest());
        for step in workflow.steps.iter().filter(|step| repeated.contains(&step.id)) {
            let id = &step.id;
            match before.states.get(id) {
                Some(state) => carry.states.insert(id.clone(), state.clone()),
                None => carry.states.remove(id),
            };
            // What waited when that cycle opened waits again; what it left waiting comes from the steps before, in its own place.
            let waiting = before.deferred.get(id).cloned().unwrap_or_default();
            carry.deferred.insert(id.clone(), waiting);
            let spec = registry.find(&step.verb, step.connector.as_deref()).map(|kind| kind.spec());
            let (publishes, decides) = spec.map_or((false, false), |spec| (spec.publishes, spec.decides));
            let Some(at) = self.plan().index(id) else { continue };
            // A decision is about what was shown, and about the rules it was made by.
            let parts = memory::parts_of_step(workflow, step, &common, &before.parameters, before.states.get(id), None);
            let same = memory::changed(&self.fold.shape.steps[at].parts, &parts).iter().all(|part| part == "clock");
            let counts = publishes || (decides && same && id != from.step);
            for task in &self.fold.steps[at].tasks {
                let record = self.fold.tasks.get(*task);
                let Some(outcome) = record.outcome.as_deref().filter(|_| record.state() == TaskState::Done) else { continue };
                for change in outcome.parameters() {
                    match before.parameters.get(&change.path) {
                        Some(value) => carry.parameters.insert(change.path.clone(), *value),
                        None => carry.parameters.remove(&change.path),
                    };
                }
                if counts {
                    again.done.push(DoneBefore {
                        task: record.id.clone(),
                        items: outcome.items.iter().map(|item| Item::clone(item)).collect(),
                        headline: outcome.headline().cloned(),
                    });
                } else if !outcome.items.is_empty() {
                    for slot in self.fold.shape.steps[at].pieces.iter().filter(|slot| self.fold.caps.has_share(*task, &[**slot]))
                    {
                        let slot = self.fold.caps.slot(*slot);
                        if carry.ledger.used(&slot.name, &slot.window) > 0 {
                            carry.ledger.add(&slot.name, &slot.window, -1);
                        }
                    }
                }
                again.out.extend(outcome.items.iter().filter_map(|item| went_out(id, item)));
            }
        }
        // What went out before and was not renewed in this one is still what a new text is to renew.
        let earlier = before.again.iter().flat_map(|earlier| &earlier.out);
        for out in earlier.filter(|out| repeated.contains(&out.step)) {
            if !again.out.iter().any(|known| known.key == out.key) {
                again.out.push(out.clone());
            }
        }
        carry.deferred.retain(|_, items| !items.is_empty());
        carry.memory.retain(|_, memory| memory.task.as_ref().is_none_or(|task| task.step != *from.step));
        let taken: Vec<&Item> = again.given.values().flatten().chain(again.done.iter().flat_map(|done| &done.items)).collect();
        let mut known: BTreeSet<_> = carry.ancestors.iter().map(|item| item.id).collect();
        let waiting = carry.deferred.values().flatten();
        for ancestor in self.items().ancestors(taken.into_iter().chain(waiting)) {
            if known.insert(ancestor.id) {
                carry.ancestors.push(Item::clone(&ancestor));
            }
        }
        carry.again = Some(Arc::new(again));
    }
}

/// The step, and those behind it when they are wanted too.
fn repeated(workflow: &Workflow, from: From<'_>) -> BTreeSet<StepId> {
    let mut repeated = BTreeSet::from([from.step.clone()]);
    let Ok(plan) = CyclePlan::new(workflow) else { return repeated };
    for at in plan.order.iter().filter(|_| !from.only) {
        let step = &workflow.steps[*at];
        if step.from.iter().any(|wire| repeated.contains(&wire.from)) {
            repeated.insert(step.id.clone());
        }
    }
    repeated
}

fn went_out(step: &StepId, item: &Item) -> Option<WentOut> {
    let Good::Receipt(receipt) = &item.good else { return None };
    Some(WentOut {
        step: step.clone(),
        channel: receipt.channel.clone(),
        topic: receipt.topic.clone(),
        placement: receipt.placement,
        key: receipt.key.clone(),
        location: receipt.location.clone(),
        version: None,
        public: true,
    })
}
