//! Whole weeks of a loop in bad weather, in memory and from a seed: answers that fail or get lost, processes that end at any
//! entry, clocks that are set back and forth, caps that change between cycles, people who call things off, two cycles open at
//! once. Whatever happens, what the engine promises holds; a seed that breaks a promise is printed.
//!
//! `LOOPCTL_WEATHER=20000 cargo test --lib weather` tries so many weeks instead of a thousand; `LOOPCTL_SEED` begins with that
//! one. Both are read when the tests are compiled, because nothing in this room looks at its surroundings.

use super::fold::probed_key;
use super::simulation::*;
use super::testing::*;
use super::*;
use crate::base::{Money, RequestKey, Rng, TaskId, Timestamp};
use crate::model::{CapUnit, Window, Workflow};
use crate::step::{Decision, FailureKind, Published, Reply, Request};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// How pieces left the house in one cycle: by key, how often.
type Sent = BTreeMap<String, u32>;

/// The outside over a whole week.
struct Outside {
    rng: Rng,
    /// How often something goes wrong.
    trouble: f64,
    /// How often each reader got something; all of a week is one day.
    letters: BTreeMap<u64, u32>,
}

impl Outside {
    fn answer(&mut self, request: &Request, now: Timestamp, sent: &mut Sent) -> Reply {
        let goes_wrong = self.rng.uniform() < self.trouble;
        let kind = if self.rng.uniform() < 0.5 { FailureKind::Transient } else { FailureKind::Permanent };
        match request {
            Request::Publish(publish) => {
                // It fails before anything goes out, or the answer is lost after it went out or before.
                let (goes_out, is_heard) = match (goes_wrong, self.rng.below(3)) {
                    (false, _) => (true, true),
                    (true, 0) => return failed(kind),
                    (true, 1) => (true, false),
                    (true, _) => (false, false),
                };
                if goes_out {
                    *sent.entry(publish.key.clone()).or_default() += 1;
                    for person in publish.people.iter().flat_map(crate::step::People::iter) {
                        *self.letters.entry(person).or_default() += 1;
                    }
                }
                if is_heard { Reply::Published(published(&publish.key)) } else { failed(FailureKind::InDoubt) }
            }
            Request::Query(crate::step::Query::Placed { .. }) if goes_wrong => failed(FailureKind::InDoubt),
            Request::Query(crate::step::Query::Placed { key, .. }) => Reply::Placed(sent.get(key).map(|_| published(key))),
            Request::Query(crate::step::Query::Audience { .. }) if !goes_wrong => {
                let count = 3 + self.rng.below(3);
                Reply::Audience(readers(count, now))
            }
            _ if goes_wrong && !matches!(request, Request::Wait(_)) => failed(kind),
            Request::Generate(_) => {
                let mut world = World { cost: Some(Money { currency: "usd".to_owned(), micros: 7 }), ..World::default() };
                world.perform(&nowhere(), request)
            }
            request => World::default().perform(&nowhere(), request),
        }
    }
}

fn nowhere() -> RequestKey {
    RequestKey { cycle: crate::base::CycleNo(0), task: TaskId { step: "x".into(), item: None }, turn: 0, index: 0 }
}

/// The most pieces that a reader gets in a day.
const PER_PERSON: i64 = 2;

/// The loop with these caps: pieces a week, and tokens a week.
fn loop_with(pieces: i64, tokens: i64) -> Workflow {
    let mut workflow = workflow(vec![
        step("read", "a", &[], &[("count", 5)]),
        capped(step("write", "outlines", &["a"], &[]), CapUnit::Pieces, pieces, Window::Week),
        step("gate", "editor", &["outlines"], &[]),
        step("write", "drafts", &["editor"], &[]),
        capped(step("send", "posts", &["drafts"], &[]), CapUnit::Pieces, pieces, Window::Week),
        step("join", "all", &["posts"], &[]),
        step("learn", "aim", &["posts"], &[]),
    ]);
    workflow.steps[4].priority = 5;
    let cap = crate::model::Cap { key: "workflow".to_owned(), unit: CapUnit::Tokens, most: tokens, per: Window::Week };
    workflow.caps.push(cap);
    counting_people(workflow, PER_PERSON)
}

/// One open cycle and the process that drives it.
struct Driven {
    simulation: Simulation,
    opened: u32,
}

/// A week: a few cycles behind and beside each other.
struct Week {
    rng: Rng,
    outside: Outside,
    now: i64,
    open: Vec<Driven>,
    /// With what really went out.
    closed: Vec<(u32, Vec<Entry>, Sent)>,
    /// What each of those used.
    used: Vec<Ledger>,
    written: Vec<Arc<Written>>,
    seed: u64,
}

impl Week {
    fn new(seed: u64) -> Week {
        let mut rng = Rng::new(seed);
        let trouble = 0.4 * rng.uniform();
        let outside = Outside { rng: Rng::new(seed ^ 0x5eed), trouble, letters: BTreeMap::new() };
        Week { rng, outside, now: NOW.0, open: Vec::new(), closed: Vec::new(), used: Vec::new(), written: Vec::new(), seed }
    }

    /// What cycles other than `of` use together, as the runtime counts it.
    fn beside(&self, of: usize) -> Ledger {
        let mut ledger = Ledger::default();
        for (at, other) in self.open.iter().enumerate() {
            if at != of {
                ledger.add_all(OwnUse::of(&other.simulation.journal).ledger());
            }
        }
        // Those that closed after this one opened are not in what it started from.
        let known = self.open[of].opened;
        self.used[known as usize..].iter().for_each(|used| ledger.add_all(used));
        ledger
    }

    /// The same for readers.
    fn written_beside(&self, of: usize) -> Vec<Arc<Written>> {
        let open = self.open.iter().enumerate().filter(|(at, _)| *at != of);
        let open = open.map(|(_, other)| OwnUse::of(&other.simulation.journal).written().clone());
        open.chain(self.written[self.open[of].opened as usize..].iter().cloned()).collect()
    }

    fn open(&mut self, number: u32, caps: (i64, i64)) {
        let last = self.closed.iter().filter_map(|(_, entries, _)| Passed::of(entries)).next_back();
        let carry = last.map_or_else(Carry::default, |passed| passed.handed_on);
        let open: Vec<Passed> = self
            .open
            .iter()
            .map(|driven| Passed {
                opened_with: driven.simulation.cycle.carried_in().clone(),
                handed_on: driven.simulation.cycle.carry_out(),
            })
            .collect();
        // Closed cycles that were open when the last closed one began would be `missed`; weeks here close in order, or their
        // use is told as that of a cycle beside.
        let mut carry = next_carry(carry, &[], &open);
        carry.ledger = Ledger::default();
        self.used.iter().for_each(|used| carry.ledger.add_all(used));
        carry.written = Written::default();
        self.written.iter().for_each(|written| carry.written.add_all(written));
        let mut simulation = Simulation::new(loop_with(caps.0, caps.1), carry, number, self.rng.next_u64());
        simulation.crash_chance = if self.rng.below(2) == 0 { 0.0 } else { 0.04 * self.rng.uniform() };
        // As many as have closed by now are known.
        let opened = self.closed.len() as u32;
        self.open.push(Driven { simulation, opened });
        self.event(self.open.len() - 1, Event::Start);
    }

    fn event(&mut self, at: usize, event: Event) {
        // The clock on the wall is set now and then, and else goes on.
        self.now += match self.rng.below(40) {
            0 => -(self.rng.below(3_600_000) as i64),
            1 => self.rng.below(3_600_000) as i64,
            _ => self.rng.below(1_000) as i64,
        };
        let beside = self.beside(at);
        let written = self.written_beside(at);
        let driven = &mut self.open[at];
        driven.simulation.cycle.tell_beside(&beside);
        driven.simulation.cycle.tell_written_beside(written.clone());
        driven.simulation.written_beside = written;
        driven.simulation.beside = beside;
        let actions = driven.simulation.cycle.handle(event, Timestamp(self.now));
        driven.simulation.carry_out(actions);
        if driven.simulation.finished {
            let done = self.open.remove(at);
            self.used.push(OwnUse::of(&done.simulation.journal).ledger().clone());
            self.written.push(OwnUse::of(&done.simulation.journal).written().clone());
            self.closed.push((self.closed.len() as u32, done.simulation.journal, done.simulation.world.sent));
        }
    }

    /// One thing happens to one of the open cycles.
    fn happen(&mut self) {
        let at = self.rng.below(self.open.len() as u64) as usize;
        let (gates, doubts) = {
            let cycle = &self.open[at].simulation.cycle;
            (cycle.gates(), cycle.in_doubt())
        };
        let pending = self.open[at].simulation.pending.len();
        let choice = self.rng.below((pending + gates.len() + doubts.len()).max(1) as u64) as usize;
        if self.rng.below(300) == 0 {
            let scope = match self.rng.below(3) {
                0 => Scope::Cycle,
                1 => Scope::Step("drafts".into()),
                _ => gates.first().map_or(Scope::Step("posts".into()), |gate| Scope::Item(gate.approve.item)),
            };
            let cycle = self.open[at].simulation.cycle.pins().cycle;
            return self.event(at, Event::Cancel { cycle, scope, by: "ana".to_owned(), reason: None });
        }
        if choice < pending {
            let (key, request) = self.open[at].simulation.pending.swap_remove(choice);
            let reply = self.outside.answer(&request, Timestamp(self.now), &mut self.open[at].simulation.world.sent);
            self.event(at, Event::Replied { key, reply });
        } else if let Some(gate) = gates.get(choice - pending) {
            let decision = Decision::new(verdict(&gate.approve), "ann", NOW, gate.approve.pins);
            self.event(at, Event::Replied { key: gate.key.clone(), reply: Reply::Decided(decision) });
        } else if let Some(doubt) = doubts.get(choice.saturating_sub(pending + gates.len())) {
            // The person looked, and says what is so.
            let key = &doubt.publish.key;
            let resolution = match (self.open[at].simulation.world.sent.contains_key(key), self.rng.below(4)) {
                (true, _) => {
                    Resolution::Confirm(Published { location: format!("out/{key}"), version: None, at: NOW, reach: None })
                }
                (false, 0) => Resolution::Drop { by: "ann".to_owned() },
                (false, _) => Resolution::Retry,
            };
            self.event(at, Event::Resolve { key: doubt.key.clone(), resolution });
        } else {
            // A person runs it again: what a crash left without a driver goes on.
            self.event(at, Event::Start);
        }
    }

    fn check(&self, caps: (i64, i64)) {
        let seed = self.seed;
        let mut used = Ledger::default();
        for (_, entries, sent) in &self.closed {
            let twice: Vec<_> = sent.iter().filter(|(_, times)| **times != 1).collect();
            assert!(twice.is_empty(), "LOOPCTL_SEED={seed}: sent twice: {twice:?}");
            used.add_all(OwnUse::of(entries).ledger());
            let mut ended = BTreeSet::new();
            let mut answered = BTreeSet::new();
            for entry in entries {
                match entry {
                    Entry::Done { task, .. } | Entry::Failed { task, .. } | Entry::Deferred { task, .. } => {
                        assert!(ended.insert(task), "LOOPCTL_SEED={seed}: {task} ended twice");
                    }
                    Entry::Replied { reply: Reply::Failed(failure), .. } if failure.kind == FailureKind::InDoubt => {}
                    Entry::Replied { key, .. } if probed_key(key).is_none() => {
                        assert!(answered.insert(key), "LOOPCTL_SEED={seed}: {key} was answered twice");
                    }
                    _ => {}
                }
            }
            // What was acknowledged as sent is out, and what is out was acknowledged or settled by a person.
            for entry in entries {
                if let Entry::Replied { reply: Reply::Published(receipt), .. } = entry {
                    let key = receipt.location.trim_start_matches("out/");
                    assert_eq!(sent.get(key), Some(&1), "LOOPCTL_SEED={seed}: a receipt without a piece");
                }
            }
        }
        for (person, times) in &self.outside.letters {
            assert!(i64::from(*times) <= PER_PERSON, "LOOPCTL_SEED={seed}: reader {person} got {times} pieces");
        }
        for (cap, most) in [("outlines", caps.0), ("posts", caps.0), ("workflow tokens", caps.1)] {
            for (window, amount) in used.0.get(cap).into_iter().flatten() {
                assert!(*amount <= most, "LOOPCTL_SEED={seed}: {amount} of {most} for {cap} in {window}");
            }
        }
    }
}

fn number(told: Option<&str>, otherwise: u64) -> u64 {
    told.and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// One week from its seed.
fn week(seed: u64) -> Week {
    let mut week = Week::new(seed);
    // Caps change between cycles; none is ever above these.
    let most = (2 + week.rng.below(4) as i64, 3_000 + week.rng.below(6_000) as i64);
    let (mut opened, cycles) = (0, 2 + week.rng.below(3) as u32);
    for _ in 0..20_000 {
        let may_open = opened < cycles && (week.open.is_empty() || (week.open.len() < 2 && week.rng.below(30) == 0));
        if may_open {
            opened += 1;
            let caps = (1 + week.rng.below(most.0 as u64) as i64, most.1 - week.rng.below(1_500) as i64);
            week.open(opened, caps);
        } else if week.open.is_empty() {
            week.check(most);
            return week;
        } else {
            week.happen();
        }
    }
    panic!("LOOPCTL_SEED={seed}: no end");
}

#[test]
fn whatever_the_weather_nothing_is_sent_twice_and_no_cap_is_passed() {
    let (first, count) = (number(option_env!("LOOPCTL_SEED"), 1), number(option_env!("LOOPCTL_WEATHER"), 1_000));
    let (mut sent, mut crashes, mut called_off) = (0, 0, 0);
    for seed in first..first + count {
        let week = week(seed);
        sent += week.closed.iter().map(|(_, _, sent)| sent.len()).sum::<usize>();
        let entries = || week.closed.iter().flat_map(|(_, entries, _)| entries);
        crashes += entries().filter(|entry| matches!(entry, Entry::Replied { key, .. } if probed_key(key).is_some())).count();
        called_off += entries().filter(|entry| matches!(entry, Entry::Cancelled { .. })).count();
    }
    if count >= 1_000 {
        assert!(sent > 1_000 && crashes > 50 && called_off > 50, "it was tried: {sent} {crashes} {called_off}");
    }
}

#[test]
fn the_same_seed_is_the_same_week() {
    for seed in [3, 14, 159] {
        let (one, other) = (week(seed), week(seed));
        assert_eq!(one.closed.len(), other.closed.len());
        assert!(one.closed.iter().zip(&other.closed).all(|(one, other)| one.1 == other.1), "seed {seed}");
    }
}
