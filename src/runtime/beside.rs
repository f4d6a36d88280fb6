//! One count of the caps for all open cycles of a workflow.
//!
//! A cycle knows what earlier ones used, because they handed it on. What cycles beside it use while it runs stands here.
//! Before every event a cycle is told, and what it reserves is counted before any other cycle may look: so two cycles that
//! race for the last place never both get it. After a crash the count is made again from the journal.

use super::dispatcher::Machine;
use super::doors::{CycleStatus, Journal, JournalError};
use crate::base::{CycleNo, Timestamp, WorkflowId};
use crate::engine::{Action, Cycle, Entry, Event, Ledger, OpenGate, OwnUse, Written};
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
        let counted: Vec<(CycleNo, CycleStatus)> = cycles.into_iter().filter(|(cycle, _)| *cycle >= from).collect();
        for (cycle, _) in &counted {
            caps.admit(*cycle, &journal.read(workflow, *cycle)?);
        }
        // Only when all are there: whether a closed one still counts is for the open ones to say.
        counted.iter().filter(|(_, status)| *status == CycleStatus::Closed).for_each(|(cycle, _)| caps.close(*cycle));
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

/// Whom the cycles that this one does not know of have written to.
fn written(accounts: &BTreeMap<CycleNo, Account>, cycle: CycleNo) -> Vec<Arc<Written>> {
    let beside = accounts.get(&cycle).map(|account| account.beside.clone()).unwrap_or_default();
    let others = accounts.iter().filter(|(other, _)| **other != cycle && is_beside(**other, cycle, &beside));
    others.map(|(_, account)| account.own.written()).filter(|written| !written.is_empty()).cloned().collect()
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
        self.cycle.tell_written_beside(written(&accounts, number));
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

    fn next_timer(&self) -> Option<Timestamp> {
        self.cycle.next_timer()
    }

    fn in_slices(&mut self, actions: usize) {
        self.cycle.in_slices(actions);
    }

    fn go_on(&mut self, now: Timestamp) -> Option<Vec<Action>> {
        self.cycle.is_unfinished().then(|| self.act(|cycle| cycle.go_on(now)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{RequestKey, Rng, StepId, TaskId};
    use crate::client_os::Snapshot;
    use crate::engine::Carry;
    use crate::engine::simulation::{World, counting_people, verdict};
    use crate::engine::testing::{self, NOW, capped, registry, step};
    use crate::model::{CapUnit, Operation, Window, Workflow};
    use crate::runtime::{FixedClock, Opening, open_next};
    use crate::step::{Decision, Reply, Request};

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

    /// A journal of one workflow that never forgets.
    #[derive(Default)]
    struct Paper {
        cycles: BTreeMap<CycleNo, Vec<Entry>>,
        handed_on: Carry,
    }

    impl Journal for Paper {
        fn append(&mut self, _: &WorkflowId, cycle: CycleNo, entries: &[Entry], _: bool) -> Result<(), JournalError> {
            if let Some(Entry::Closed { carry, .. }) = entries.last() {
                self.handed_on = Carry::clone(carry);
            }
            self.cycles.entry(cycle).or_default().extend_from_slice(entries);
            Ok(())
        }

        fn read(&self, _: &WorkflowId, cycle: CycleNo) -> Result<Vec<Entry>, JournalError> {
            Ok(self.cycles.get(&cycle).cloned().unwrap_or_default())
        }

        fn cycles(&self, _: &WorkflowId) -> Result<Vec<(CycleNo, CycleStatus)>, JournalError> {
            let status = |entries: &Vec<Entry>| match entries.last() {
                Some(Entry::Closed { .. }) => CycleStatus::Closed,
                _ => CycleStatus::Open,
            };
            Ok(self.cycles.iter().map(|(cycle, entries)| (*cycle, status(entries))).collect())
        }

        fn workflows(&self) -> Result<Vec<WorkflowId>, JournalError> {
            Ok(Vec::new())
        }

        fn carry(&self, _: &WorkflowId) -> Result<Carry, JournalError> {
            Ok(self.handed_on.clone())
        }

        fn operate(&mut self, _: &WorkflowId, _: &Operation) -> Result<(), JournalError> {
            Ok(())
        }

        fn operations(&self, _: &WorkflowId) -> Result<Vec<Operation>, JournalError> {
            Ok(Vec::new())
        }
    }

    /// Several cycles of one workflow, driven in any order, and stopped at any moment.
    struct Desk {
        workflow: Arc<Workflow>,
        client_os: Arc<Snapshot>,
        paper: Paper,
        caps: SharedCaps,
        world: World,
        open: BTreeMap<CycleNo, (Cycle, Vec<(RequestKey, Request)>)>,
    }

    impl Desk {
        fn open(&mut self) {
            let beside: Vec<Cycle> = self.open.keys().map(|cycle| self.recover(*cycle)).collect();
            let opening = Opening {
                workflow: self.workflow.clone(),
                registry: registry(),
                client_os: self.client_os.clone(),
                sources: BTreeMap::new(),
                clock: &FixedClock::new(NOW),
                beside: &beside,
            };
            let cycle = open_next(opening, &mut self.paper).expect("they belong together");
            self.take_up(cycle);
        }

        fn recover(&self, cycle: CycleNo) -> Cycle {
            let entries = &self.paper.cycles[&cycle];
            Cycle::recover(self.workflow.clone(), registry(), self.client_os.clone(), entries).expect("our own entries")
        }

        /// As after a crash: everything in memory is forgotten.
        fn take_up(&mut self, cycle: CycleNo) {
            self.caps.admit(cycle, &self.paper.cycles[&cycle]);
            let recovered = self.recover(cycle);
            self.open.insert(cycle, (recovered, Vec::new()));
            self.act(cycle, Event::Start);
        }

        fn act(&mut self, number: CycleNo, event: Event) {
            let Some((cycle, pending)) = self.open.get_mut(&number) else { return };
            let actions = Sharing { cycle, caps: &self.caps }.handle(event, NOW);
            let mut finished = false;
            for action in actions {
                match action {
                    Action::Record { entry, .. } => {
                        self.paper.append(&self.workflow.id, number, &[entry], true).expect("paper takes everything");
                    }
                    Action::Perform { key, request } => pending.push((key, request)),
                    Action::Finish => finished = true,
                    Action::Tell(_) | Action::Park { .. } => {}
                }
            }
            if finished {
                self.open.remove(&number);
                self.caps.close(number);
            }
        }

        /// One answer of the world or of a person to some cycle; `false` when none is awaited.
        fn answer(&mut self, rng: &mut Rng) -> bool {
            let waiting: Vec<(CycleNo, Option<usize>)> = self
                .open
                .iter()
                .flat_map(|(number, (cycle, pending))| {
                    let gates = cycle.gates().into_iter().map(|_| (*number, None));
                    (0..pending.len()).map(|at| (*number, Some(at))).chain(gates).collect::<Vec<_>>()
                })
                .collect();
            let Some((number, what)) = waiting.get(rng.below(waiting.len().max(1) as u64) as usize).copied() else {
                return false;
            };
            let (cycle, pending) = self.open.get_mut(&number).expect("it is open");
            let event = match what {
                Some(at) => {
                    let (key, request) = pending.remove(at);
                    let reply = self.world.perform(&key, &request);
                    Event::Replied { key, reply }
                }
                None => {
                    let gate = cycle.gates().remove(0);
                    let (verdict, pins) = (verdict(&gate.approve), gate.approve.pins);
                    let decision = Decision::new(verdict, "ann", NOW, pins);
                    Event::Replied { key: gate.key, reply: Reply::Decided(decision) }
                }
            };
            self.act(number, event);
            true
        }

        /// What all cycles together use of a cap, used and held.
        fn used(&self, cap: &str) -> i64 {
            let own = |entries: &Vec<Entry>| {
                let own = OwnUse::of(entries);
                own.ledger().0.get(cap).map_or(0, |windows| windows.values().sum())
            };
            self.paper.cycles.values().map(own).sum()
        }
    }

    /// The same day for all cycles, whatever order they are opened, driven, stopped and closed in.
    #[test]
    fn a_cap_holds_over_all_cycles_that_are_open_beside_each_other() {
        let steps = vec![
            step("read", "a", &[], &[("count", 4)]),
            step("copy", "copies", &["a"], &[]),
            capped(step("write", "outlines", &["copies"], &[]), CapUnit::Pieces, 5, Window::Day),
            step("gate", "editor", &["outlines"], &[]),
            capped(step("send", "posts", &["editor"], &[]), CapUnit::Pieces, 3, Window::Day),
        ];
        // In every other schedule each of the four readers of the channel gets two pieces that day, whatever the cycles, so
        // that the third piece of the step's cap has nobody to go to; in the others the step's cap is what ends the day.
        let workflows = [2, 4].map(|most| Arc::new(counting_people(testing::workflow(steps.clone()), most)));
        let (mut crowded, mut reached, mut read) = (0, 0, 0);
        for seed in 0..400 {
            let few = seed % 2 == 0;
            let (workflow, most) = if few { (&workflows[0], 2) } else { (&workflows[1], 4) };
            let mut rng = Rng::new(seed);
            let mut desk = Desk {
                workflow: workflow.clone(),
                client_os: Arc::new(Snapshot::default()),
                paper: Paper::default(),
                caps: SharedCaps::default(),
                world: World::default(),
                open: BTreeMap::new(),
            };
            desk.open();
            while desk.answer(&mut rng) || desk.paper.cycles.len() < 4 {
                if desk.paper.cycles.len() < 4 && rng.below(8) == 0 {
                    desk.open();
                }
                let open: Vec<CycleNo> = desk.open.keys().copied().collect();
                if !open.is_empty() && rng.below(12) == 0 {
                    desk.take_up(open[rng.below(open.len() as u64) as usize]);
                }
                if rng.below(40) == 0 {
                    desk.caps = SharedCaps::load(&desk.paper, &workflow.id).expect("paper can be read");
                }
                assert!(desk.world.letters.values().all(|times| *times <= most), "{:?}, seed {seed}", desk.world.letters);
                assert!(desk.used("outlines") <= 5, "{} outlines, seed {seed}", desk.used("outlines"));
                assert!(desk.used("posts") <= 3, "{} posts, seed {seed}", desk.used("posts"));
            }
            assert!(desk.open.is_empty(), "seed {seed}");
            let sent: u32 = desk.world.sent.values().sum();
            assert!(sent <= 3, "seed {seed}: {:?}", desk.world.sent);
            // One cycle alone wants four outlines, so only neighbours together fill the five places.
            crowded += u32::from(desk.used("outlines") == 5);
            reached += u32::from(!few && desk.used("posts") == 3);
            read += u32::from(few && desk.world.letters.len() == 4 && desk.world.letters.values().all(|times| *times == 2));
            // What the next one starts from knows all that was used.
            desk.open();
            let opening = desk.paper.cycles.values().last().and_then(|entries| entries.first().cloned());
            let Some(Entry::Opened { carry, pins }) = opening else { panic!("no opening") };
            assert!(pins.beside.is_empty());
            for cap in ["outlines", "posts"] {
                let known: i64 = carry.ledger.0.get(cap).map_or(0, |windows| windows.values().sum());
                let last = *desk.paper.cycles.keys().last().expect("just opened");
                let before: i64 = desk.used(cap) - own_of(&desk.paper.cycles[&last], cap);
                assert_eq!(known, before, "{cap}, seed {seed}");
            }
        }
        assert!(crowded > 0 && reached > 100, "the caps were reached in {crowded} and {reached} schedules only");
        assert!(read > 100, "everybody got all they may in {read} schedules only");
    }

    fn own_of(entries: &[Entry], cap: &str) -> i64 {
        OwnUse::of(entries).ledger().0.get(cap).map_or(0, |windows| windows.values().sum())
    }
}
