//! The end of a cycle: what it hands to the next one.

use super::action::Action;
use super::carry::{Carry, Memory};
use super::cycle::Cycle;
use super::entry::Entry;
use super::memory;
use super::tasks::TaskState;
use crate::model::Item;

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
            ..Carry::default()
        };
        for step in &fold.shape.plan.order {
            let id = fold.shape.id(*step);
            carry.parts.insert(id.clone(), fold.shape.steps[*step].parts.clone());
            let mut tasks = fold.steps[*step].tasks.clone();
            tasks.sort_by_cached_key(|task| fold.place(*task));
            for at in tasks {
                let task = fold.tasks.get(at);
                if task.state() == TaskState::Deferred || task.away {
                    let waiting = carry.deferred.entry(id.clone()).or_default();
                    waiting.extend(task.inputs.iter().map(|item| Item::clone(item)));
                }
                let Some(outcome) = &task.outcome else { continue };
                if let Some(state) = &outcome.state {
                    carry.states.insert(id.clone(), state.clone());
                }
                for change in &outcome.parameters {
                    carry.parameters.insert(change.path.clone(), change.new);
                }
                let lasting = outcome.state.is_none() && outcome.parameters.is_empty();
                if outcome.pure && lasting && self.may_remember(*step) {
                    let memory = Memory {
                        items: outcome.items.iter().map(|item| Item::clone(item)).collect(),
                        headline: outcome.headline.clone(),
                        notes: outcome.notes.clone(),
                        task: Some(task.id.clone()),
                        inputs: Some(memory::digest_of_inputs(&task.inputs)),
                    };
                    carry.memory.insert(outcome.memo, memory);
                }
            }
        }
        let ancestors = fold.items.ancestors(carry.deferred.values().flatten());
        carry.ancestors = ancestors.iter().map(|item| Item::clone(item)).collect();
        carry
    }
}
