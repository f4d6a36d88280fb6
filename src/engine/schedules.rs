//! The engine's promises, tried on thousands of schedules: any order of answers, a crash at any entry.

use super::simulation::*;
use super::testing::*;
use super::*;
use crate::base::Rng;
use crate::model::{CapUnit, Window, Workflow};
use std::sync::LazyLock;

/// Two gates behind each other: two of three people have to approve, both send back, and nothing that waits for all of it may
/// begin before the last round is over.
fn round() -> Workflow {
    let people = [("approvals", 2)];
    workflow(vec![
        step("read", "a", &[], &[("count", 6)]),
        step("write", "outlines", &["a"], &[]),
        sending_back(step("gate", "editor", &["outlines"], &people), "outlines"),
        step("copy", "drafts", &["editor"], &[]),
        step("write", "texts", &["drafts"], &[]),
        sending_back(step("gate", "publisher", &["texts"], &people), "texts"),
        step("send", "posts", &["publisher"], &[]),
        step("join", "all", &["outlines", "posts"], &[]),
    ])
}

fn check_round(seed: u64, setup: impl Fn(&mut Simulation)) -> Simulation {
    let new = |seed| Simulation::new(round(), Carry::default(), 1, seed);
    let mut simulation = new(seed);
    setup(&mut simulation);
    static CLEAN: LazyLock<String> = LazyLock::new(|| Simulation::new(round(), Carry::default(), 1, 1).run().outcome());
    let simulation = simulation.run();
    assert!(*CLEAN == simulation.outcome(), "seed {seed}:\n{}\ninstead of\n{}", simulation.outcome(), *CLEAN);
    assert!(simulation.world.sent.values().all(|times| *times == 1), "seed {seed}: {:?}", simulation.world.sent);
    simulation
}

#[test]
fn what_is_sent_back_is_made_again_and_comes_to_the_gate_again() {
    let simulation = check_round(1, |simulation| simulation.compare = true);
    let outlines: Vec<String> = titles(&simulation, "outlines");
    assert!(outlines.len() > 6, "some were made again: {outlines:?}");
    assert!(outlines.iter().all(|title| title.matches('~').count() <= 2), "rounds are bounded: {outlines:?}");
    let all = simulation.cycle.outputs(&"all".into()).remove(0);
    let last: Vec<_> = simulation.cycle.outputs(&"outlines".into()).iter().map(|item| item.id).collect();
    assert!(last.iter().all(|id| all.parents.contains(id)), "`all` waited for the last round");
    let votes = |entry: &&Entry| matches!(entry, Entry::Replied { reply: crate::step::Reply::Decided(_), .. });
    assert!(simulation.journal.iter().filter(votes).count() > outlines.len(), "it took two people");
}

#[test]
fn rounds_end_the_same_in_any_order_of_answers() {
    for seed in 0..60 {
        check_round(seed, |_| {});
    }
}

#[test]
fn a_crash_at_every_entry_of_a_round_twice_in_a_row_changes_nothing() {
    let entries = check_round(1, |_| {}).journal.len();
    for at in 2..=entries {
        let simulation = check_round(at as u64, |simulation| simulation.crash_at.extend([at, at + 1]));
        assert!(simulation.crashes >= 1 || at + 2 >= entries, "no crash at {at}");
    }
}

/// Sources, one of them broken, a capped writer with failures, a gate, a capped sender, joins and learning.
fn busy() -> Workflow {
    workflow(vec![
        step("read", "a", &[], &[("count", 3), ("pages", 3)]),
        step("read", "b", &[], &[("count", 4)]),
        step("read", "broken", &[], &[("breaks", 1)]),
        step("copy", "copies", &["b", "a", "broken"], &[]),
        capped(step("write", "outlines", &["copies"], &[("picky", 1)]), CapUnit::Pieces, 3, Window::Day),
        step("gate", "editor", &["outlines"], &[]),
        step("pause", "later", &["copies"], &[]),
        step("send", "posts", &["editor"], &[]),
        step("join", "all", &["posts", "outlines", "later"], &[]),
        step("learn", "aim", &["all", "posts"], &[]),
    ])
}

fn check(seed: u64, setup: impl Fn(&mut Simulation)) -> Simulation {
    let mut simulation = Simulation::new(busy(), Carry::default(), 1, seed);
    setup(&mut simulation);
    static CLEAN: LazyLock<String> = LazyLock::new(|| Simulation::new(busy(), Carry::default(), 1, 1).run().outcome());
    let simulation = simulation.run();
    assert!(*CLEAN == simulation.outcome(), "seed {seed}:\n{}\ninstead of\n{}", simulation.outcome(), *CLEAN);
    for (key, times) in &simulation.world.sent {
        assert_eq!(*times, 1, "{key} was sent {times} times, seed {seed}");
    }
    simulation
}

#[test]
fn the_busy_cycle_does_what_it_should() {
    let simulation = check(1, |simulation| simulation.compare = true);
    let cycle = &simulation.cycle;
    assert_eq!(cycle.outputs(&"a".into()).len(), 3);
    assert_eq!(cycle.counts(&"broken".into()).of(TaskState::Failed), 1);
    // `b-1` fails and `b-2` gives nothing, so their places under the cap go to those behind them.
    let made: Vec<String> = cycle.outputs(&"outlines".into()).iter().map(|item| item.good.title()).collect();
    assert_eq!(made, ["b-0.0.0", "b-3.0.0", "a-0.0.0"]);
    let carry = simulation.carry();
    let waiting: Vec<String> = carry.deferred[&"outlines".into()].iter().map(|item| item.good.title()).collect();
    assert_eq!(waiting, ["a-1.0.0", "a-2.0.0"]);
    assert_eq!(cycle.deferred()[0].1, "the cap of 3 pieces a day is reached");
    assert_eq!(cycle.caps()[0].used, 3);
    assert_eq!(simulation.carry().parameters["copies.bias"], 0.5);
    assert!(simulation.world.sent.len() <= 3);
}

#[test]
fn the_order_of_answers_does_not_matter() {
    for seed in 0..300 {
        check(seed, |_| {});
    }
}

#[test]
fn the_live_state_is_the_recovered_state_after_every_event() {
    for seed in 0..10 {
        check(seed, |simulation| simulation.compare = true);
    }
}

#[test]
fn a_crash_at_every_entry_twice_in_a_row_changes_nothing() {
    let entries = check(1, |_| {}).journal.len();
    for at in 2..=entries {
        let simulation = check(at as u64, |simulation| simulation.crash_at.extend([at, at + 1]));
        assert!(simulation.crashes >= 1 || at + 2 >= entries, "no crash at {at}");
    }
}

#[test]
fn random_crashes_change_nothing() {
    for seed in 0..250 {
        check(seed, |simulation| simulation.crash_chance = 0.02 + 0.1 * Rng::new(seed).uniform());
    }
}

#[test]
fn a_channel_that_cannot_say_leaves_it_to_people_and_nothing_goes_out_twice() {
    let mut doubts = 0;
    for seed in 0..100 {
        let simulation = check(seed, |simulation| {
            simulation.world.mute = true;
            simulation.crash_chance = 0.08;
        });
        let in_doubt = |entry: &&Entry| matches!(entry, Entry::Replied { key, .. } if fold::probed_key(key).is_some());
        doubts += simulation.journal.iter().filter(in_doubt).count();
    }
    assert!(doubts > 0, "no schedule put anything in doubt");
}
