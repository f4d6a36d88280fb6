//! One count of the caps for all open cycles of a workflow.
//!
//! A cycle knows what earlier ones used, because they handed it on. What cycles beside it use while it runs stands here.
//! Before every event a cycle is told, and what it reserves is counted before any other cycle may look: so two cycles that
//! race for the last place never both get it. After a crash the count is made again from the journal.

use super::dispatcher::Machine;
use super::doors::{CycleStatus, Journal, JournalError};
use crate::base::{CycleNo, Timestamp, WorkflowId};
use crate::engine::{Action, Cycle, Entry, Event, Ledger, OpenGate, OwnUse};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What one cycle uses, and whom it does not know.
#[derive(Clone, Debug, Default)]
struct Account {
    own: OwnUse,
    /// Cycles that were open when it began.
    beside: Vec<CycleNo>,
    open: bool,
}

/// The caps of one workflow over all its open cycles. Clones share one count.
#[derive(Clone, Debug, Default)]
pub struct SharedCaps(Arc<Mutex<BTreeMap<CycleNo, Account>>>);

impl SharedCaps {
    /// Counts from the journal.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn load(journal: &dyn Journal, workflow: &WorkflowId) -> Result<SharedCaps, JournalError> {
        let caps = SharedCaps::default();
        let cycles = journal.cycles(workflow)?;
        let Some(first) = cycles.iter().find(|(_, status)| *status == CycleStatus::Open).map(|(cycle, _)| *cycle) else {
            return Ok(caps);
        };
        // What was closed before the first open one began, all of them know.
        let from = match journal.opening(workflow, first)? {
            Some(Entry::Opened { pins, .. }) => pins.beside.first().copied().unwrap_or(first),
            _ => first,
        };
        for (cycle, status) in cycles.into_iter().filter(|(cycle, _)| *cycle >= from) {
            let entries = journal.read(workflow, cycle)?;
            caps.admit(cycle, &entries);
            if status == CycleStatus::Closed {
                caps.close(cycle);
            }
        }
        Ok(caps)
    }

    /// Takes a cycle in, as its journal says.
    pub fn admit(&self, cycle: CycleNo, entries: &[Entry]) {
        let beside = match entries.first() {
            Some(Entry::Opened { pins, .. }) => pins.beside.clone(),
            _ => Vec::new(),
        };
        self.lock().insert(cycle, Account { own: OwnUse::of(entries), beside, open: true });
    }

    /// A cycle has closed: it stays counted as long as an open one does not know of it.
    pub fn close(&self, cycle: CycleNo) {
        let mut accounts = self.lock();
        if let Some(account) = accounts.get_mut(&cycle) {
            account.open = false;
        }
        let open: Vec<(CycleNo, Vec<CycleNo>)> = accounts
            .iter()
            .filter(|(_, account)| account.open)
            .map(|(cycle, account)| (*cycle, account.beside.clone()))
            .collect();
        accounts.retain(|cycle, account| account.open || open.iter().any(|(other, beside)| is_beside(*cycle, *other, beside)));
    }

    /// What the cycles that this one does not know of use, used and held together.
    pub fn others(&self, cycle: CycleNo) -> Ledger {
        others(&self.lock(), cycle)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<CycleNo, Account>> {
        // A panic elsewhere leaves whole accounts behind: each change is one call.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether what `cycle` uses is unknown to `other`.
fn is_beside(cycle: CycleNo, other: CycleNo, beside_other: &[CycleNo]) -> bool {
    cycle > other || beside_other.contains(&cycle)
}

fn others(accounts: &BTreeMap<CycleNo, Account>, cycle: CycleNo) -> Ledger {
    let beside = accounts.get(&cycle).map(|account| account.beside.clone()).unwrap_or_default();
    let mut ledger = Ledger::default();
    for (other, account) in accounts {
        if *other != cycle && is_beside(*other, cycle, &beside) {
            ledger.add_all(account.own.ledger());
        }
    }
    ledger
}

/// A cycle that counts its caps together with those beside it.
pub struct Sharing<'a> {
    pub cycle: &'a mut Cycle,
    pub caps: &'a SharedCaps,
}

impl Sharing<'_> {
    /// Tells the cycle what the others use, lets it act, and counts what it reserved, with nobody in between.
    fn act(&mut self, act: impl FnOnce(&mut Cycle) -> Vec<Action>) -> Vec<Action> {
        let mut accounts = self.caps.lock();
        let number = self.cycle.pins().cycle;
        self.cycle.tell_beside(&others(&accounts, number));
        let actions = act(self.cycle);
        let own = &mut accounts.entry(number).or_default().own;
        for action in &actions {
            if let Action::Record { entry, .. } = action {
                own.apply(entry);
            }
        }
        actions
    }
}

impl Machine for Sharing<'_> {
    fn handle(&mut self, event: Event, now: Timestamp) -> Vec<Action> {
        self.act(|cycle| cycle.handle(event, now))
    }

    fn expire(&mut self, now: Timestamp) -> Vec<Action> {
        self.act(|cycle| cycle.expire(now))
    }

    fn gates(&self) -> Vec<OpenGate> {
        self.cycle.gates()
    }

    fn next_expiry(&self) -> Option<Timestamp> {
        self.cycle.next_expiry()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{StepId, TaskId};

    fn reserved(amount: i64) -> Entry {
        let task = TaskId { step: StepId::new("write"), item: None };
        Entry::Reserved { cap: "write".into(), window: "2026-11-22".into(), task, amount, turn: 0 }
    }

    fn admit(caps: &SharedCaps, cycle: u32, beside: &[u32], amount: i64) {
        caps.admit(CycleNo(cycle), &[reserved(amount)]);
        caps.lock().get_mut(&CycleNo(cycle)).unwrap().beside = beside.iter().map(|cycle| CycleNo(*cycle)).collect();
    }

    fn used(caps: &SharedCaps, cycle: u32) -> i64 {
        caps.others(CycleNo(cycle)).used("write", "2026-11-22")
    }

    #[test]
    fn a_cycle_counts_whom_it_does_not_know_and_nobody_twice() {
        let caps = SharedCaps::default();
        admit(&caps, 1, &[], 1);
        admit(&caps, 2, &[1], 10);
        caps.close(CycleNo(2));
        // Cycle 3 was opened with what cycle 2 handed on.
        admit(&caps, 3, &[1], 100);
        assert_eq!([used(&caps, 1), used(&caps, 3)], [110, 1]);
        caps.close(CycleNo(1));
        assert_eq!(used(&caps, 3), 1, "cycle 1 stays counted: cycle 3 does not know what it handed on");
        caps.close(CycleNo(3));
        assert!(caps.lock().is_empty());
    }
}
