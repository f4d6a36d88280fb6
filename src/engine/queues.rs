//! What holds production back, and who goes first: full queues at gates, work that waited too long, and fresh ranks.
//!
//! A gate may say how many items can wait at it. While so many do, or are on their way to it, the first step on that way that
//! writes makes no more; as people decide, it goes on. How many there are is counted from the tasks themselves, so there is
//! nothing to reserve and nothing to give back after a crash. What cycles beside this one have put to people counts too;
//! nobody waits for that, so such work is first in line in the next cycle.

use super::action::{Action, Notice};
use super::cycle::{Cycle, counted, tell};
use super::entry::Entry;
use super::memory;
use super::tasks::{Origin, TaskState};
use crate::model::{Good, GoodKind, Item};
use crate::step::{Note, NoteLevel};
use std::collections::BTreeSet;

/// Whether there is room in a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum QueueRoom {
    Free,
    /// When people here have decided about something.
    Later,
    /// Cycles beside this one fill it: why a task has to wait for the next cycle.
    Never(String),
}

impl Cycle {
    /// Whether a step may begin to write one more; `in_line` of its tasks have not begun.
    pub(super) fn queue_room(&self, step: usize, in_line: usize) -> QueueRoom {
        let shape = &self.fold.shape;
        let Some(at) = shape.steps[step].fills else { return QueueRoom::Free };
        let queue = &shape.queues[at];
        let beside = self.queues_beside.get(at).copied().unwrap_or(0);
        if beside >= queue.most {
            let waiting = counted(beside.max(0) as usize, "item");
            return QueueRoom::Never(format!(
                "{waiting} of other cycles wait at `{}`, which takes {}",
                shape.id(queue.gate),
                queue.most
            ));
        }
        let open: usize = queue.way.iter().map(|step| self.fold.tasks.counts(*step).open()).sum();
        let others = self.lines.iter().filter(|(other, _)| **other != step && shape.steps[**other].fills == Some(at));
        let not_begun = in_line + others.map(|(_, line)| line.tasks.len()).sum::<usize>();
        let begun = open.saturating_sub(not_begun);
        if beside.saturating_add(begun as i64) >= queue.most { QueueRoom::Later } else { QueueRoom::Free }
    }

    /// Drops what waited longer than its step allows; `true` when it did.
    pub(super) fn drop_if_too_old(&mut self, task: usize, out: &mut Vec<Action>) -> bool {
        let record = self.fold.tasks.get(task);
        let (step, id) = (record.step, record.id.clone());
        let (Some(most), Origin::Carried(_), Some(item)) =
            (self.fold.shape.steps[step].max_age, record.origin, record.inputs.first())
        else {
            return false;
        };
        let Some(waited) = self.fold.carry.waited.get(&item.id) else { return false };
        if self.fold.pins.now.0.saturating_sub(waited.since.0) <= most {
            return false;
        }
        let since = waited.since.friendly(&self.fold.shape.workflow.zone);
        let text = format!(
            "“{}” was dropped at `{}`: it has waited since {since}, because {}.",
            item.good.title(),
            id.step,
            waited.reason
        );
        let entry = Entry::Done {
            task: id.clone(),
            items: Vec::new(),
            state: None,
            headline: None,
            notes: vec![Note { level: NoteLevel::Warning, text, place: None }],
            parameters: Vec::new(),
            back: None,
            memo: memory::memo(&self.fold.shape.steps[step].parts_digest, &record.inputs),
            recalled: false,
        };
        debug_assert!(record.state() == TaskState::Ready);
        self.record(entry, false, out);
        tell(out, Notice::Finished { task: id, headline: None, items: 0, recalled: false });
        self.look_again(step);
        true
    }

    /// The place of a task by what its topic scores in this cycle: lower goes first. The same for all where nothing is ranked
    /// anew; topics that nothing scored come last.
    pub(super) fn rank_anew(&self, task: usize) -> u64 {
        let record = self.fold.tasks.get(task);
        if !self.fold.shape.steps[record.step].ranks_anew {
            return 0;
        }
        let Some(topic) = record.inputs.first().and_then(|item| topic(item)) else { return u64::MAX };
        let old: BTreeSet<_> = self.fold.carry.ancestors.iter().map(|item| item.id).collect();
        let scores = self.fold.items.iter().filter(|item| item.kind() == GoodKind::Opportunity && !old.contains(&item.id));
        let scores = scores.filter_map(|item| match &item.good {
            Good::Opportunity(opportunity) if opportunity.topic == topic => Some(opportunity.score),
            _ => None,
        });
        // Scores are 0 to 1; a millionth decides nothing that a person would see.
        scores.fold(u64::MAX, |best, score| best.min(((1.0 - score).clamp(0.0, 1.0) * 1e6) as u64))
    }

    /// The channels on which the piece that a task works on has gone out already, when its approval was void.
    pub(super) fn out_already(&self, task: usize) -> BTreeSet<String> {
        if self.fold.carry.void.is_empty() {
            return BTreeSet::new();
        }
        let inputs = &self.fold.tasks.get(task).inputs;
        let before = self.fold.items.ancestors(inputs.iter().map(|item| &**item));
        let ids = before.iter().chain(inputs).map(|item| item.id);
        ids.filter_map(|id| self.fold.carry.void.get(&id)).flat_map(|void| void.out.iter().cloned()).collect()
    }
}

fn topic(item: &Item) -> Option<&str> {
    match &item.good {
        Good::Opportunity(opportunity) => Some(&opportunity.topic),
        Good::Brief(brief) => Some(&brief.topic),
        Good::Outline(outline) => Some(&outline.brief.topic),
        Good::Draft(draft) => Some(&draft.brief.topic),
        Good::Placement(placement) => Some(&placement.draft.brief.topic),
        _ => None,
    }
}
