//! The end of a cycle: what it hands to the next one.

use super::action::Action;
use super::carry::{Carry, Memory, Said};
use super::cycle::Cycle;
use super::entry::Entry;
use super::memory;
use super::parts::Parts;
use super::tasks::{Origin, TaskState};
use super::waited::{self, Waited};
use crate::base::{Digest, ItemId, SortedMap, StepId};
use crate::model::{Good, GoodKind, Item};
use std::collections::BTreeSet;

impl Cycle {
    /// Records the end. Every step is complete.
    pub(super) fn close(&mut self, out: &mut Vec<Action>) {
        let entry = Entry::Closed { at: self.wall_clock(), carry: Box::new(self.carry_out()) };
        self.record(entry, true, out);
        out.push(Action::Finish);
    }

    /// What goes to the next cycle, as it stands now; meant for a cycle whose steps are complete.
    pub fn carry_out(&self) -> Carry {
        let fold = &self.fold;
        let mut carry = Carry {
            states: fold.carry.states.clone(),
            parameters: fold.carry.parameters.clone(),
            ledger: fold.caps.ledger(),
            written: fold.sends.together(&fold.carry.written),
            edits: self.edits_out(),
            out: self.out_now(),
            ..Carry::default()
        };
        let mut memories: Vec<(Digest, Memory)> = Vec::new();
        let mut parts: Vec<(StepId, Parts)> = Vec::with_capacity(fold.shape.steps.len());
        for step in &fold.shape.plan.order {
            let id = fold.shape.id(*step);
            if fold.shape.steps[*step].kept {
                // It did not run: what is remembered of it, and what waits for it, is as it was.
                parts.extend(fold.carry.parts.get(id).map(|known| (id.clone(), known.clone())));
                let of_step = |memory: &&Memory| memory.task.as_ref().is_some_and(|task| task.step == *id);
                let known = fold.carry.memory.iter().filter(|(_, memory)| of_step(memory));
                memories.extend(known.map(|(memo, memory)| (*memo, memory.clone())));
                carry.deferred.extend(fold.carry.deferred.get_key_value(id).map(|(id, items)| (id.clone(), items.clone())));
                continue;
            }
            parts.push((id.clone(), fold.shape.steps[*step].parts.clone()));
            let mut tasks = fold.steps[*step].tasks.clone();
            tasks.sort_by_cached_key(|task| fold.place(*task));
            for at in tasks.iter().copied() {
                let task = fold.tasks.get(at);
                if task.state() == TaskState::Deferred || task.away {
                    let waiting = carry.deferred.entry(id.clone()).or_default();
                    waiting.extend(task.inputs.iter().map(|item| Item::clone(item)));
                    let reason = task.reason.as_ref().map(|reason| reason.0.clone()).unwrap_or_default();
                    carry.waited.extend(
                        task.inputs.iter().map(|item| (item.id, self.waited(item, &reason, task.state() == TaskState::Failed))),
                    );
                }
                let Some(outcome) = &task.outcome else { continue };
                if let Some(state) = outcome.state() {
                    carry.states.insert(id.clone(), state.clone());
                }
                for change in outcome.parameters() {
                    carry.parameters.insert(change.path.clone(), change.new);
                }
                // What was dropped because it had waited too long gave nothing, which says nothing about its step.
                let dropped = outcome.items.is_empty() && matches!(task.origin, Origin::Carried(_));
                let lasting = outcome.state().is_none() && outcome.parameters().is_empty() && !dropped;
                if outcome.pure && lasting && self.may_remember(*step) {
                    let memory = Memory {
                        items: outcome.items.iter().map(|item| item.clone().into()).collect(),
                        said: Said::new(outcome.headline().cloned(), outcome.notes().to_vec()),
                        task: Some(task.id.clone()),
                        inputs: Some(memory::digest_of_inputs(&task.inputs)),
                    };
                    memories.push((outcome.memo, memory));
                }
            }
        }
        carry.memory = SortedMap::from_pairs(memories);
        carry.parts = SortedMap::from_pairs(parts);
        for step in &fold.shape.plan.order {
            for item in fold.still_waiting(*step) {
                let waiting = carry.deferred.entry(fold.shape.id(*step).clone()).or_default();
                if !waiting.iter().any(|known| known.id == item.id) {
                    waiting.push(item);
                }
            }
        }
        let ancestors = fold.items.ancestors(carry.deferred.values().flatten());
        carry.ancestors = ancestors.iter().map(|item| Item::clone(item)).collect();
        self.hand_on(&mut carry);
        carry
    }

    /// What steps give to others in the next cycle. It goes last in line: what waited has waited longer.
    fn hand_on(&self, carry: &mut Carry) {
        let fold = &self.fold;
        let mut handed: Vec<Item> = Vec::new();
        for edge in fold.shape.plan.carries.iter().filter(|edge| edge.parameter.is_none()) {
            let (Some(from), Some(to)) = (fold.shape.plan.index(&edge.from), fold.shape.plan.index(&edge.to)) else { continue };
            // What was taken over from an earlier cycle was handed on by that one.
            if fold.shape.steps[from].kept {
                continue;
            }
            let takes = fold.shape.steps[to].spec().takes;
            for item in fold.steps[from].outputs.iter().filter(|item| takes.contains(&item.kind())) {
                let line = carry.deferred.entry(edge.to.clone()).or_default();
                if line.iter().all(|known| known.id != item.id) {
                    line.push(Item::clone(item));
                    let reason = format!("handed on by `{}`", edge.from);
                    let waited = Waited { since: fold.pins.now, reason, failed: 0, approved: None };
                    carry.waited.entry(item.id).or_insert(waited);
                    handed.push(Item::clone(item));
                }
            }
        }
        // Whole logs are left where they are: the journal has them.
        let mut known: BTreeSet<ItemId> = carry.ancestors.iter().map(|item| item.id).collect();
        let ancestors = fold.items.ancestors(&handed);
        let told = ancestors.iter().filter(|item| item.kind() != GoodKind::Events && known.insert(item.id));
        carry.ancestors.extend(told.map(|item| Item::clone(item)));
    }

    /// Since when an item waits, why, and on whose word.
    fn waited(&self, item: &Item, reason: &str, failed: bool) -> Waited {
        let fold = &self.fold;
        let decides = |id: &_| fold.shape.plan.index(id).is_some_and(|at| fold.shape.steps[at].spec().decides);
        let before = fold.carry.waited.get(&item.id);
        let mut approved = waited::approval(&fold.items, &fold.shape.workflow, decides, fold.pins.client_os_digest, item);
        if let Some(approved) = &mut approved {
            let earlier = before.and_then(|waited| waited.approved.as_ref()).filter(|earlier| earlier.piece == approved.piece);
            approved.out.extend(earlier.into_iter().flat_map(|earlier| earlier.out.iter().cloned()));
            approved.out.extend(self.out(approved.piece));
        }
        let failed = before.map_or(0, |waited| waited.failed) + u32::from(failed);
        Waited { since: before.map_or(fold.pins.now, |waited| waited.since), reason: reason.to_owned(), failed, approved }
    }

    /// The channels on which a piece went out in this cycle.
    fn out(&self, piece: ItemId) -> BTreeSet<String> {
        let receipts = self.fold.items.iter().filter_map(|item| match &item.good {
            Good::Receipt(receipt) => Some((item, receipt)),
            _ => None,
        });
        receipts
            .filter(|(item, _)| self.fold.items.ancestors([&***item]).iter().any(|ancestor| ancestor.id == piece))
            .map(|(_, receipt)| receipt.channel.clone())
            .collect()
    }
}
