//! Tests of what waits: approvals that outlive a cap or do not, reminders, full queues, and work that grows too old.

use super::simulation::*;
use super::testing::*;
use super::*;
use crate::base::Timestamp;
use crate::client_os::Snapshot;
use crate::model::{CapUnit, Config, Scalar, Step, Window, Workflow};
use crate::step::Reply;

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

/// Five pieces, a gate, and a channel that takes one a day.
fn one_a_day(sources: i64) -> Workflow {
    workflow(vec![
        step("read", "a", &[], &[("count", sources)]),
        step("write", "outlines", &["a"], &[]),
        step("gate", "editor", &["outlines"], &[]),
        capped(step("send", "posts", &["editor"], &[]), CapUnit::Pieces, 1, Window::Day),
    ])
}

/// The first cycle: everything is approved, one piece goes out, and the others wait.
fn approved_and_waiting() -> Simulation {
    let mut simulation = parked(one_a_day(3));
    while let Some(gate) = simulation.cycle.gates().pop() {
        decide(&mut simulation, &gate.key, yes(&gate, NOW));
        answer_all(&mut simulation);
    }
    assert!(simulation.finished);
    assert_eq!(simulation.carry().deferred[&"posts".into()].len(), 2);
    simulation
}

fn other_client_os() -> Snapshot {
    Snapshot { files: [("voice.md".to_owned(), "Calm.".to_owned())].into(), ..Snapshot::default() }
}

fn next(workflow: Workflow, client_os: Snapshot, carry: Carry, cycle: u32) -> Simulation {
    let mut simulation = Simulation::with(workflow, client_os, carry, cycle, 1);
    simulation.event(Event::Start);
    answer_all(&mut simulation);
    simulation
}

#[test]
fn an_approval_outlives_a_cap_while_nothing_it_was_about_has_changed() {
    let first = approved_and_waiting();
    let carry = first.carry();
    for waited in carry.waited.values() {
        let approved = waited.approved.as_ref().expect("somebody approved it");
        assert_eq!((approved.gate.as_str(), approved.by.as_str(), waited.since), ("editor", "ann", NOW));
        assert_eq!(waited.reason, "the cap of 1 piece a day is reached");
    }
    let second = next(one_a_day(0), Snapshot::default(), carry, 2);
    assert!(second.finished, "nobody is asked again");
    assert_eq!(second.cycle.counts(&"posts".into()).of(TaskState::Done), 1);
    let left = second.carry();
    assert_eq!(left.waited.values().map(|waited| waited.since).collect::<Vec<_>>(), [NOW], "it waits since it waited first");
}

#[test]
fn an_approval_is_void_when_the_client_os_has_changed_meanwhile() {
    let second = next(one_a_day(0), other_client_os(), approved_and_waiting().carry(), 2);
    let gates = second.cycle.gates();
    assert_eq!(gates.len(), 2, "both go to the gate again");
    for gate in &gates {
        assert_eq!(gate.approve.again.as_deref(), Some("ann approved it, and the Client OS has changed since"));
    }
    assert_eq!(second.cycle.counts(&"posts".into()).total(), 0, "nothing goes out meanwhile");
    // A second approval lets them go on, and whoever recovers sees the same.
    let mut second = second;
    assert!(second.recover().fold == second.cycle.fold);
    for gate in gates {
        decide(&mut second, &gate.key, yes(&gate, NOW));
        answer_all(&mut second);
    }
    assert!(second.finished);
    assert_eq!(second.cycle.counts(&"posts".into()).of(TaskState::Done), 1);
    // The one that is left rests on the new word.
    let third = next(one_a_day(0), other_client_os(), second.carry(), 3);
    assert!(third.finished);
    assert_eq!(third.cycle.counts(&"posts".into()).of(TaskState::Done), 1);
}

#[test]
fn an_approval_is_void_when_where_it_goes_has_changed_meanwhile() {
    let mut changed = one_a_day(0);
    let channel = changed.channels.get_mut("blog").expect("the toy channel");
    channel.config.children.push(Config {
        name: "dir".into(),
        args: [Scalar::Text("elsewhere".to_owned())].into(),
        ..Config::default()
    });
    let second = next(changed, Snapshot::default(), approved_and_waiting().carry(), 2);
    let again: Vec<_> = second.cycle.gates().into_iter().filter_map(|gate| gate.approve.again).collect();
    assert_eq!(again, ["ann approved it, and where it goes has changed since"; 2]);
}

#[test]
fn a_void_approval_without_its_gate_stays_in_line() {
    let mut changed = one_a_day(0);
    changed.steps.remove(2);
    changed.steps[2].from[0].from = "outlines".into();
    let second = next(changed, other_client_os(), approved_and_waiting().carry(), 2);
    assert!(second.finished);
    assert_eq!(second.cycle.counts(&"posts".into()).of(TaskState::Done), 1);
}

#[test]
fn people_are_reminded_and_others_are_asked_once_whatever_crashes() {
    let mut steps = written();
    steps.push(step("gate", "editor", &["outlines"], &[("remind", 4), ("every", 4), ("escalate", 10), ("expires", 72)]));
    let mut simulation = parked(workflow(steps));
    assert_eq!(simulation.cycle.next_timer(), Some(Timestamp(NOW.0 + 4 * HOUR)));
    let nudged =
        |simulation: &Simulation| simulation.journal.iter().filter(|entry| matches!(entry, Entry::Nudged { .. })).count();
    for (hours, expected) in [(3, 0), (4, 5), (5, 5), (11, 15), (11, 15), (12, 20)] {
        let actions = simulation.cycle.expire(Timestamp(NOW.0 + hours * HOUR));
        simulation.carry_out(actions);
        assert_eq!(nudged(&simulation), expected, "after {hours} hours");
        let again = simulation.recover();
        assert!(again.fold == simulation.cycle.fold);
        // The process ends and another goes on.
        simulation.cycle = again;
        simulation.event(Event::Start);
    }
    let gate = simulation.cycle.gates().remove(0);
    assert_eq!(gate.approve.by, ["team", "head"]);
    decide(&mut simulation, &gate.key, yes(&gate, Timestamp(NOW.0 + 13 * HOUR)));
    let actions = simulation.cycle.expire(Timestamp(NOW.0 + 16 * HOUR));
    simulation.carry_out(actions);
    assert_eq!(nudged(&simulation), 24, "nobody is reminded of what is decided");
    let actions = simulation.cycle.expire(Timestamp(NOW.0 + 72 * HOUR));
    simulation.carry_out(actions);
    assert!(simulation.finished);
}

/// Six signals, and a gate at which two may wait.
fn narrow() -> Workflow {
    workflow(vec![
        step("read", "a", &[], &[("count", 6)]),
        step("write", "outlines", &["a"], &[]),
        step("gate", "editor", &["outlines"], &[("queue", 2)]),
        step("send", "posts", &["editor"], &[]),
    ])
}

#[test]
fn a_full_queue_holds_production_back_until_people_decide() {
    let mut simulation = parked(narrow());
    let begun = |simulation: &Simulation| {
        let asked: std::collections::BTreeSet<_> = simulation.world.performed.keys().map(|key| key.task.clone()).collect();
        asked.iter().filter(|task| task.step.as_str() == "outlines").count()
    };
    assert_eq!((simulation.parked, begun(&simulation)), (Some(2), 2));
    for n in 3..=6 {
        let gate = simulation.cycle.gates().remove(0);
        decide(&mut simulation, &gate.key, yes(&gate, NOW));
        answer_all(&mut simulation);
        assert!(simulation.cycle.gates().len() <= 2);
        assert_eq!(begun(&simulation), n, "one more is written for each that is decided");
        // What had not begun stands in line again after a crash.
        simulation.crash();
        answer_all(&mut simulation);
        assert_eq!((begun(&simulation), simulation.cycle.gates().len()), (n, 2));
    }
    while let Some(gate) = simulation.cycle.gates().pop() {
        decide(&mut simulation, &gate.key, yes(&gate, NOW));
        answer_all(&mut simulation);
    }
    assert!(simulation.finished);
    assert_eq!(titles(&simulation, "editor").len(), 6);
}

#[test]
fn items_that_wait_in_other_cycles_fill_the_queue_as_well() {
    let waiting = parked(narrow());
    let own = OwnUse::of(&waiting.journal);
    let mut second = Simulation::new(narrow(), Carry::default(), 2, 1);
    second.cycle.tell_beside(own.ledger());
    second.event(Event::Start);
    answer_all(&mut second);
    assert!(second.finished, "nobody waits for people in another cycle");
    let deferred = second.cycle.deferred();
    assert_eq!(deferred.len(), 6);
    assert_eq!(deferred[0].1, "2 items of other cycles wait at `editor`, which takes 2");
    // When they are decided, what was put off is first in line.
    let third = next(narrow(), Snapshot::default(), second.carry(), 3);
    assert_eq!(third.parked, Some(2));
}

fn deferring(mut step: Step, props: &[(&str, Scalar)]) -> Step {
    let props = props.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    step.config.children.push(Config { name: "defer".into(), props, ..Config::default() });
    step
}

#[test]
fn what_waited_too_long_is_dropped_and_told() {
    let aged = |sources: i64| {
        let mut workflow = one_a_day(sources);
        let posts = workflow.steps.pop().expect("four steps");
        workflow.steps.push(deferring(posts, &[("max-age", Scalar::Duration(DAY as u64))]));
        workflow
    };
    let mut simulation = parked(aged(4));
    while let Some(gate) = simulation.cycle.gates().pop() {
        decide(&mut simulation, &gate.key, yes(&gate, NOW));
        answer_all(&mut simulation);
    }
    let second = next(aged(0), Snapshot::default(), simulation.carry(), 2);
    assert_eq!(second.cycle.deferred().len(), 2, "a day old is not older than a day");
    let third = next(aged(0), Snapshot::default(), second.carry(), 3);
    assert!(third.finished && third.carry().deferred.is_empty());
    assert_eq!(third.cycle.counts(&"posts".into()).of(TaskState::Done), 2);
    assert!(third.world.sent.is_empty(), "nothing of it goes out");
    let notes: Vec<String> = third.cycle.notes().into_iter().map(|(_, note)| note.text).collect();
    assert_eq!(notes.iter().filter(|note| note.contains("was dropped at `posts`: it has waited since")).count(), 2, "{notes:?}");
    assert!(notes[1].contains("because the cap of 1 piece a day is reached"), "{notes:?}");
}

#[test]
fn ancestors_stand_in_one_order_whatever_came_first() {
    let mut steps = vec![
        step("read", "a", &[], &[("count", 3), ("pages", 3)]),
        step("read", "b", &[], &[("count", 3), ("pages", 3)]),
        step("copy", "copies", &["a", "b"], &[]),
        step("write", "outlines", &["copies"], &[]),
    ];
    steps[3] = capped(steps[3].clone(), CapUnit::Pieces, 1, Window::Day);
    let of = |seed: u64| Simulation::new(workflow(steps.clone()), Carry::default(), 1, seed).run().carry().ancestors;
    let first = of(1);
    assert!(first.len() >= 5);
    for (at, item) in first.iter().enumerate() {
        assert!(item.parents.iter().all(|parent| !first[at..].iter().any(|later| later.id == *parent)), "parents come first");
    }
    for seed in 2..30 {
        assert_eq!(of(seed), first, "seed {seed}");
    }
}

#[test]
fn a_late_answer_to_a_gate_that_was_nudged_still_counts() {
    let mut steps = written();
    steps.push(step("gate", "editor", &["outlines"], &[("remind", 1)]));
    let mut simulation = parked(workflow(steps));
    let before = simulation.cycle.gates().remove(0);
    let actions = simulation.cycle.expire(Timestamp(NOW.0 + HOUR));
    simulation.carry_out(actions);
    // A reminder changes nothing that a person looks at, so what they saw before it is what they decide about.
    let decision = yes(&before, NOW);
    let event = Event::Replied { key: before.key.clone(), reply: Reply::Decided(decision) };
    simulation.event(event);
    assert_eq!(simulation.cycle.gates().len(), 4);
}
