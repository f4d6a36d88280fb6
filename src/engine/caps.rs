//! Caps: reserve before the work is asked for, settle when its real amount is known.
//!
//! A task that finds no room waits as long as an open reservation might still be released, and is deferred when even
//! releasing all of them would not make room. So the first pieces in line get the cap whatever order answers arrive
//! in, two tasks never both get the last slot, and a slot that a failed task gives back is used.

use super::carry::Ledger;
use super::entry::Pins;
use crate::model::{Cap, CapUnit, Workflow};
use std::collections::BTreeMap;

/// The name under which a cap is counted in the [`Ledger`]: `outlines`, `workflow usd`, `workflow tokens`.
pub fn ledger_name(cap: &Cap) -> String {
    match &cap.unit {
        CapUnit::Pieces => cap.key.clone(),
        CapUnit::Money(currency) => format!("{} {currency}", cap.key),
        CapUnit::Tokens => format!("{} tokens", cap.key),
        CapUnit::Sends => format!("{} sends", cap.key),
    }
}

/// One cap in the window that the cycle's clock stands in.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Slot {
    pub cap: Cap,
    /// [`ledger_name`].
    pub name: String,
    pub window: String,
    /// What earlier cycles used, plus all that this one has settled or holds.
    pub used: i64,
    /// The part of `used` that is reserved and not settled.
    pub held: i64,
}

/// How a cap stands, for plans and summaries. Amounts are in the cap's unit.
#[derive(Clone, Debug, PartialEq)]
pub struct CapUse {
    pub cap: Cap,
    pub window: String,
    pub used: i64,
    /// The part of `used` that is reserved for work in progress.
    pub held: i64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Share {
    held: i64,
    settled: i64,
    /// The turn that `held` is for.
    turn: u32,
}

/// Whether there is room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Room {
    Free,
    /// Not now, but a reservation of another task may be released.
    Later,
    /// Not in this window: the index of the slot that is full.
    Never(usize),
}

/// All caps of a cycle.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Caps {
    slots: Vec<Slot>,
    index: BTreeMap<(String, String), usize>,
    /// By task and slot.
    shares: BTreeMap<(usize, usize), Share>,
    before: Ledger,
    /// Grows with every settlement: whoever waits for room looks again only when it has.
    pub settlements: u64,
}

impl Caps {
    /// Collects the caps of a workflow and of its steps. Of two caps on the same thing in the same window the lower one counts.
    pub fn new(workflow: &Workflow, pins: &Pins, ledger: &Ledger) -> Caps {
        let mut caps =
            Caps { slots: Vec::new(), index: BTreeMap::new(), shares: BTreeMap::new(), before: ledger.clone(), settlements: 0 };
        let counted_once = |cap: &&Cap| cap.unit != CapUnit::Sends;
        for cap in workflow.caps.iter().chain(workflow.steps.iter().flat_map(|step| &step.caps)).filter(counted_once) {
            let (name, window) = (ledger_name(cap), cap.per.key(pins.now, &workflow.zone, pins.cycle));
            if let Some(at) = caps.index.get(&(name.clone(), window.clone())) {
                let most = &mut caps.slots[*at].cap.most;
                *most = (*most).min(cap.most);
                continue;
            }
            caps.index.insert((name.clone(), window.clone()), caps.slots.len());
            let used = ledger.used(&name, &window);
            caps.slots.push(Slot { cap: cap.clone(), name, window, used, held: 0 });
        }
        caps
    }

    pub fn find(&self, name: &str, window: &str) -> Option<usize> {
        self.index.get(&(name.to_owned(), window.to_owned())).copied()
    }

    /// The slot that counts a cap.
    pub fn slot_of(&self, cap: &Cap, pins: &Pins, workflow: &Workflow) -> Option<usize> {
        self.find(&ledger_name(cap), &cap.per.key(pins.now, &workflow.zone, pins.cycle))
    }

    pub fn slot(&self, at: usize) -> &Slot {
        &self.slots[at]
    }

    /// What cycles that are open beside this one use, by slot.
    pub fn beside(&self, others: &Ledger) -> Vec<i64> {
        self.slots.iter().map(|slot| others.used(&slot.name, &slot.window)).collect()
    }

    /// Whether all of these amounts fit, each in its slot, beside what other cycles use there.
    ///
    /// What the others hold counts as used: they may give it back, but nobody waits for that. The work is first in line in the
    /// next cycle.
    pub fn room(&self, amounts: &[(usize, i64)], beside: &[i64]) -> Room {
        let mut room = Room::Free;
        for (at, amount) in amounts {
            let slot = &self.slots[*at];
            let wanted = amount.saturating_add(beside.get(*at).copied().unwrap_or(0));
            if slot.used.saturating_sub(slot.held).saturating_add(wanted) > slot.cap.most {
                return Room::Never(*at);
            }
            if slot.used.saturating_add(wanted) > slot.cap.most {
                room = Room::Later;
            }
        }
        room
    }

    /// What is left in a slot; negative when more was used than allowed, which only a wrong estimate can do.
    pub fn left(&self, at: usize) -> i64 {
        self.slots[at].cap.most.saturating_sub(self.slots[at].used)
    }

    /// Folds a reservation in.
    pub fn reserve(&mut self, at: usize, task: usize, amount: i64, turn: u32) {
        let share = self.shares.entry((task, at)).or_default();
        share.held += amount;
        share.turn = turn;
        self.slots[at].used += amount;
        self.slots[at].held += amount;
    }

    /// Folds a settlement in: `amount` takes the place of what the task holds.
    pub fn settle(&mut self, at: usize, task: usize, amount: i64) {
        let share = self.shares.entry((task, at)).or_default();
        let held = std::mem::take(&mut share.held);
        share.settled += amount;
        self.slots[at].used += amount - held;
        self.slots[at].held -= held;
        self.settlements += 1;
    }

    /// The slots in which a task holds something that is not settled.
    pub fn held_by(&self, task: usize) -> Vec<usize> {
        self.shares.range((task, 0)..=(task, usize::MAX)).filter(|(_, share)| share.held > 0).map(|((_, at), _)| *at).collect()
    }

    /// How much a task holds in a slot.
    pub fn held(&self, task: usize, slot: usize) -> i64 {
        self.shares.get(&(task, slot)).map_or(0, |share| share.held)
    }

    /// The same for one turn only.
    pub fn held_in_turn(&self, task: usize, turn: u32) -> Vec<usize> {
        let of_turn = |at: &usize| self.shares.get(&(task, *at)).is_some_and(|share| share.turn == turn);
        self.held_by(task).into_iter().filter(of_turn).collect()
    }

    /// Whether a task was ever given room in one of these slots.
    pub fn has_share(&self, task: usize, slots: &[usize]) -> bool {
        slots.iter().any(|at| self.shares.contains_key(&(task, *at)))
    }

    pub fn uses(&self) -> Vec<CapUse> {
        let uses = |slot: &Slot| CapUse { cap: slot.cap.clone(), window: slot.window.clone(), used: slot.used, held: slot.held };
        self.slots.iter().map(uses).collect()
    }

    /// What goes to the next cycle. Windows that are long over are forgotten, so that the ledger does not grow for ever.
    pub fn ledger(&self) -> Ledger {
        let mut ledger = self.before.clone();
        for slot in &self.slots {
            let before = ledger.used(&slot.name, &slot.window);
            if slot.used != before {
                ledger.add(&slot.name, &slot.window, slot.used - before);
            }
        }
        for (name, windows) in &mut ledger.0 {
            windows.retain(|window, _| !window.starts_with("cycle-") || self.find(name, window).is_some());
            // Keys sort by time only among windows of one length, so what is in force now is kept whatever its place.
            let too_many = windows.len().saturating_sub(WINDOWS_KEPT);
            let over = windows.keys().filter(|window| self.find(name, window).is_none()).take(too_many);
            for window in over.cloned().collect::<Vec<_>>() {
                windows.remove(&window);
            }
        }
        ledger.0.retain(|_, windows| !windows.is_empty());
        ledger
    }
}

/// Two months of days for each cap.
const WINDOWS_KEPT: usize = 62;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::CycleNo;
    use crate::client_os::Snapshot;
    use crate::engine::testing;
    use crate::model::Window;

    fn caps(caps: &[(CapUnit, i64, Window)], ledger: &Ledger, cycle: u32) -> Caps {
        let mut workflow = testing::workflow(Vec::new());
        let cap = |(unit, most, per): &(CapUnit, i64, Window)| Cap {
            key: "workflow".to_owned(),
            unit: unit.clone(),
            most: *most,
            per: *per,
        };
        workflow.caps = caps.iter().map(cap).collect();
        let pins = testing::pins(&workflow, &Snapshot::default(), cycle);
        assert_eq!(pins.cycle, CycleNo(cycle));
        Caps::new(&workflow, &pins, ledger)
    }

    #[test]
    fn money_and_tokens_of_one_workflow_are_counted_apart() {
        let usd = CapUnit::Money("usd".to_owned());
        let caps = caps(&[(usd, 100, Window::Day), (CapUnit::Tokens, 100, Window::Day)], &Ledger::default(), 1);
        let names: Vec<&str> = (0..2).map(|at| caps.slot(at).name.as_str()).collect();
        assert_eq!(names, ["workflow usd", "workflow tokens"]);
    }

    #[test]
    fn of_two_caps_on_the_same_thing_the_lower_one_counts() {
        let caps = caps(&[(CapUnit::Pieces, 5, Window::Day), (CapUnit::Pieces, 3, Window::Day)], &Ledger::default(), 1);
        assert_eq!(caps.uses().len(), 1);
        assert_eq!(caps.left(0), 3);
    }

    #[test]
    fn there_may_be_room_later_only_while_something_is_held() {
        let mut caps = caps(&[(CapUnit::Pieces, 2, Window::Day)], &Ledger::default(), 1);
        caps.reserve(0, 7, 1, 0);
        assert_eq!(caps.room(&[(0, 1)], &[]), Room::Free);
        caps.reserve(0, 8, 1, 0);
        assert_eq!((caps.room(&[(0, 1)], &[]), caps.room(&[(0, 3)], &[])), (Room::Later, Room::Never(0)));
        caps.settle(0, 7, 1);
        assert_eq!(caps.room(&[(0, 1)], &[]), Room::Later);
        caps.settle(0, 8, 0);
        assert_eq!(caps.room(&[(0, 1)], &[]), Room::Free);
        caps.reserve(0, 9, 1, 0);
        caps.settle(0, 9, 1);
        assert_eq!(caps.room(&[(0, 1)], &[]), Room::Never(0));
        assert_eq!(caps.left(0), 0);
    }

    #[test]
    fn what_a_cycle_beside_uses_is_no_room_here() {
        let caps = caps(&[(CapUnit::Pieces, 3, Window::Day)], &Ledger::default(), 1);
        let mut others = Ledger::default();
        others.add("workflow", &caps.slot(0).window, 2);
        let beside = caps.beside(&others);
        assert_eq!((caps.room(&[(0, 1)], &beside), caps.room(&[(0, 2)], &beside)), (Room::Free, Room::Never(0)));
    }

    #[test]
    fn the_ledger_goes_on_from_cycle_to_cycle_and_forgets_what_is_long_over() {
        let units = Window::ALL.map(|window| (CapUnit::Pieces, 900, window));
        let mut ledger = Ledger::default();
        let mut months = BTreeMap::<String, i64>::new();
        for cycle in 1..=800 {
            let mut caps = caps(&units, &ledger, cycle);
            for at in 0..units.len() {
                caps.reserve(at, 1, 4, 0);
                caps.settle(at, 1, 2);
            }
            assert_eq!(caps.slot(1).used, 2, "a new day has a new count");
            let month = caps.slot(3);
            let used = months.entry(month.window.clone()).or_default();
            *used += 2;
            assert_eq!(month.used, *used, "the count of a month goes on to its end");
            ledger = caps.ledger();
        }
        assert_eq!(ledger.0["workflow"].len(), WINDOWS_KEPT);
        assert_eq!(ledger.0["workflow"].keys().filter(|window| window.starts_with("cycle-")).count(), 1);
    }
}
