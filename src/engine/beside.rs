//! Cycles of one workflow that are open beside each other: what the next one starts from, and how much of a cap the
//! others have used.
//!
//! A cycle that waits for people does not hold up the next. So a cycle may close after a younger one did, and "what the
//! last one handed on" is not enough. Every cycle says in its pins which others were open when it began
//! ([`super::Pins::beside`]): what those handed on, it does not know. From that alone follows what the next one starts
//! from, whatever the order in which they close.
//!
//! ```text
//!   1 ├──────────waits────────┤
//!   2      ├────────┤                beside 1: does not know what 1 handed on
//!   3                  ├──────┤      beside 1: starts from 2
//!   4                            ├── starts from 3, and adds what 1 did since it opened
//! ```

use super::carry::{Carry, Ledger};
use super::entry::Entry;
use super::people::{Sends, Written};
use crate::base::{ItemId, StepId, TaskId};
use crate::model::Item;
use crate::step::Request;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What one closed cycle started from and what it handed on.
#[derive(Clone, Debug, PartialEq)]
pub struct Passed {
    pub opened_with: Carry,
    pub handed_on: Carry,
}

impl Passed {
    /// From all entries of a cycle; `None` while it is open.
    pub fn of(entries: &[Entry]) -> Option<Passed> {
        match (entries.first(), entries.last()) {
            (Some(Entry::Opened { carry: opened_with, .. }), Some(Entry::Closed { carry: handed_on, .. })) => {
                Some(Passed { opened_with: Carry::clone(opened_with), handed_on: Carry::clone(handed_on) })
            }
            _ => None,
        }
    }
}

/// What the next cycle starts from.
///
/// `last` is what the youngest closed cycle handed on; `missed` are closed cycles that were open when that one began, oldest
/// first; `open` are the cycles that are open now, with what they would hand on as they stand: what they have seen and learned
/// so far is not seen and learned again.
///
/// What both an older and a younger cycle changed stays as the younger one left it: it saw the newer world. Used caps of closed
/// cycles add up; those of open ones are counted while they run. Work that waited comes from all closed cycles, except what an
/// open one has already taken.
pub fn next_carry(last: Carry, missed: &[Passed], open: &[Passed]) -> Carry {
    let mut carry = last;
    for passed in missed.iter().rev() {
        learn(&mut carry, passed);
        take_over(&mut carry, passed);
    }
    for passed in open.iter().rev() {
        learn(&mut carry, passed);
    }
    let taken: BTreeSet<ItemId> =
        open.iter().flat_map(|passed| passed.opened_with.deferred.values().flatten()).map(|item| item.id).collect();
    for waiting in carry.deferred.values_mut() {
        waiting.retain(|item| !taken.contains(&item.id));
    }
    carry.deferred.retain(|_, waiting| !waiting.is_empty());
    let left: BTreeSet<ItemId> = carry.deferred.values().flatten().map(|item| item.id).collect();
    carry.waited.retain(|item, _| left.contains(item));
    carry
}

/// What a cycle keeps, tuned and remembers.
fn learn(carry: &mut Carry, passed: &Passed) {
    let (base, done) = (&passed.opened_with, &passed.handed_on);
    for (step, state) in &done.states {
        if base.states.get(step) != Some(state) && carry.states.get(step) == base.states.get(step) {
            carry.states.insert(step.clone(), state.clone());
        }
    }
    for (path, value) in &done.parameters {
        if base.parameters.get(path) != Some(value) && carry.parameters.get(path) == base.parameters.get(path) {
            carry.parameters.insert(path.clone(), *value);
        }
    }
    for (step, topics) in &done.edits {
        for (topic, edit) in topics {
            let known = carry.edits.entry(step.clone()).or_default();
            if known.get(topic).is_none_or(|known| known.at < edit.at) {
                known.insert(topic.clone(), edit.clone());
            }
        }
    }
    for (key, out) in &done.out {
        if base.out.get(key) != Some(out) && carry.out.get(key) == base.out.get(key) {
            carry.out.insert(key.clone(), out.clone());
        }
    }
    carry.memory.add_missing(done.memory.iter().map(|(digest, memory)| (*digest, memory.clone())));
    carry.parts.add_missing(done.parts.iter().map(|(step, parts)| (step.clone(), parts.clone())));
}

/// The work that waits and the caps that are used.
fn take_over(carry: &mut Carry, passed: &Passed) {
    let (base, done) = (&passed.opened_with, &passed.handed_on);
    for (step, waiting) in &done.deferred {
        let line = carry.deferred.entry(step.clone()).or_default();
        let known: BTreeSet<ItemId> = waiting.iter().map(|item| item.id).collect();
        line.retain(|item| !known.contains(&item.id));
        // What has waited longer stands before what has waited less.
        line.splice(0..0, waiting.iter().cloned());
    }
    for (item, waited) in &done.waited {
        // It waits since it waited first.
        let known = carry.waited.entry(*item).or_insert_with(|| waited.clone());
        known.since = known.since.min(waited.since);
    }
    let known: BTreeSet<ItemId> = carry.ancestors.iter().map(|item| item.id).collect();
    let more: Vec<Item> = done.ancestors.iter().filter(|item| !known.contains(&item.id)).cloned().collect();
    carry.ancestors.splice(0..0, more);
    carry.written.add_difference(&base.written, &done.written);
    for (name, windows) in &done.ledger.0 {
        for (window, used) in windows {
            let own = used - base.ledger.used(name, window);
            if own != 0 {
                carry.ledger.add(name, window, own);
            }
        }
    }
}

/// What one cycle itself has used of each cap, with what it holds for work in progress.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OwnUse {
    used: Ledger,
    held: BTreeMap<(String, String, TaskId), i64>,
    /// Items that wait for people, each with its gate's name in the ledger.
    gated: BTreeSet<TaskId>,
    sends: Sends,
}

/// The window under which items that wait at gates are counted, beside those of the caps.
pub(super) const OPEN: &str = "open";

/// The name under which items that wait at a gate are counted.
pub(super) fn queue_name(gate: &StepId) -> String {
    format!("queue {gate}")
}

impl OwnUse {
    pub fn of(entries: &[Entry]) -> OwnUse {
        let mut own = OwnUse::default();
        entries.iter().for_each(|entry| own.apply(entry));
        own
    }

    /// Folds an entry in. Entries that do not speak of caps change nothing.
    pub fn apply(&mut self, entry: &Entry) {
        self.sends.apply(entry);
        match entry {
            Entry::Reserved { cap, window, task, amount, .. } => {
                self.used.add(cap, window, *amount);
                *self.held.entry((cap.clone(), window.clone(), task.clone())).or_default() += amount;
            }
            Entry::Settled { cap, window, task, amount } => {
                let held = self.held.remove(&(cap.clone(), window.clone(), task.clone())).unwrap_or(0);
                self.used.add(cap, window, amount - held);
            }
            Entry::Asked { key, request: Some(request), .. }
                if matches!(request.as_ref(), Request::Approve(_)) && self.gated.insert(key.task.clone()) =>
            {
                self.used.add(&queue_name(&key.task.step), OPEN, 1);
            }
            Entry::Done { task, .. } | Entry::Failed { task, .. } if self.gated.remove(task) => {
                self.used.add(&queue_name(&task.step), OPEN, -1);
            }
            _ => {}
        }
    }

    /// Used and held together.
    pub fn ledger(&self) -> &Ledger {
        &self.used
    }

    /// Who was written to.
    pub fn written(&self) -> &Arc<Written> {
        self.sends.own()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::testing::signal;
    use crate::model::Good;
    use serde_json::json;

    fn item(name: &str) -> Item {
        Item::new(Good::Signal(signal("read", name)), Vec::new(), "read".into())
    }

    fn carry(deferred: &[&str], used: i64, state: i64) -> Carry {
        let mut carry = Carry::default();
        if !deferred.is_empty() {
            carry.deferred.insert("write".into(), deferred.iter().map(|name| item(name)).collect());
        }
        if used > 0 {
            carry.ledger.add("write", "2026-11-22", used);
        }
        carry.states.insert("read".into(), json!(state));
        carry
    }

    fn waiting(carry: &Carry) -> Vec<String> {
        carry.deferred.values().flatten().map(|item| item.good.title()).collect()
    }

    #[test]
    fn alone_it_is_what_the_last_one_handed_on() {
        let last = carry(&["a"], 3, 7);
        assert_eq!(next_carry(last.clone(), &[], &[]), last);
    }

    #[test]
    fn a_cycle_that_closed_late_adds_what_it_did_itself() {
        // Cycle 1 began with 1 used and used 2 more; cycle 2, beside it, used 4 and is the younger.
        let missed = Passed { opened_with: carry(&["a"], 1, 0), handed_on: carry(&["a", "b"], 3, 5) };
        let next = next_carry(carry(&["c"], 5, 9), std::slice::from_ref(&missed), &[]);
        assert_eq!(waiting(&next), ["a", "b", "c"]);
        assert_eq!(next.ledger.used("write", "2026-11-22"), 7);
        assert_eq!(next.states[&"read".into()], json!(9), "what both changed stays as the younger one left it");
        let untouched = next_carry(carry(&[], 5, 0), &[missed], &[]);
        assert_eq!(untouched.states[&"read".into()], json!(5), "what only the older one changed is not lost");
    }

    #[test]
    fn what_an_open_cycle_has_taken_is_not_taken_twice() {
        let open = Passed { opened_with: carry(&["a", "c"], 0, 0), handed_on: carry(&["d"], 8, 6) };
        let next = next_carry(carry(&["a", "b", "c"], 2, 0), &[], &[open]);
        assert_eq!(waiting(&next), ["b"]);
        assert_eq!(next.states[&"read".into()], json!(6), "what it has seen so far is not seen again");
        assert_eq!(next.ledger.used("write", "2026-11-22"), 2, "what it uses is counted while it runs");
    }
}
