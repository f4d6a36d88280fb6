//! The engine's promises, one by one, on the smallest workflow that shows each.

use super::simulation::*;
use super::testing::*;
use super::*;
use crate::base::{RequestKey, StepId, TaskId, Timestamp};
use crate::client_os::Snapshot;
use crate::model::{CapUnit, Good, Window, Workflow};
use crate::step::{FailureKind, Request};
use std::sync::Arc;

const HOUR: i64 = 3_600_000;

fn task(step: &str, simulation: &Simulation, item: Option<usize>) -> TaskId {
    let item = item.map(|n| simulation.cycle.outputs(&"a".into())[n].id);
    TaskId { step: StepId::new(step), item }
}

#[test]
fn a_piece_from_nowhere_is_refused_and_its_siblings_go_on() {
    let simulation = run(
        &workflow(vec![
            step("invent", "ideas", &[], &[]),
            step("read", "a", &[], &[("count", 1)]),
            step("join", "all", &["ideas", "a"], &[]),
        ]),
        Carry::default(),
        1,
    );
    let report = simulation.cycle.task_states().into_iter().find(|report| report.task.step.as_str() == "ideas").expect("one");
    assert_eq!(report.state, TaskState::Failed);
    assert!(report.reason.is_some_and(|reason| reason.starts_with("loop::no-source-signal: ")), "{report:?}");
    assert_eq!(titles(&simulation, "all"), ["a-0"]);
}

#[test]
fn a_number_that_no_journal_can_hold_fails_its_task() {
    let simulation =
        run(&workflow(vec![step("read", "a", &[], &[("zero", 0)]), step("read", "b", &[], &[])]), Carry::default(), 1);
    assert_eq!(simulation.cycle.counts(&"a".into()).of(TaskState::Failed), 1);
    assert_eq!(simulation.cycle.outputs(&"b".into()).len(), 3);
}

#[test]
fn every_entry_comes_back_from_its_stored_form() {
    let mut simulation = with_everything();
    simulation.crash_chance = 0.05;
    for entry in simulation.run().journal {
        let text = serde_json::to_string(&entry).expect("it has a stored form");
        let again: Entry = serde_json::from_str(&text).expect("it reads back");
        assert_eq!(again, entry);
    }
}

/// A cycle whose journal has entries of every kind.
fn with_everything() -> Simulation {
    let mut steps = written();
    steps[1] = capped(steps[1].clone(), CapUnit::Pieces, 3, Window::Day);
    steps.push(step("gate", "editor", &["outlines"], &[("expires", 72), ("approvals", 2)]));
    steps.push(step("send", "posts", &["editor"], &[]));
    steps.push(step("read", "broken", &[], &[("breaks", 1)]));
    steps.push(step("learn", "aim", &["posts"], &[]));
    Simulation::new(workflow(steps), Carry::default(), 1, 5)
}

#[test]
fn an_unchanged_task_is_remembered_and_a_changed_one_says_what_changed() {
    let steps = vec![
        step("read", "a", &[], &[("count", 2)]),
        step("write", "outlines", &["a"], &[]),
        step("join", "all", &["outlines"], &[]),
    ];
    let first = run(&workflow(steps.clone()), Carry::default(), 1);
    assert_eq!(first.cycle.why(&task("outlines", &first, Some(0))), Why::New);
    assert_eq!(first.cycle.why(&task("a", &first, None)), Why::AlwaysRuns);

    let second = run(&workflow(steps.clone()), first.carry(), 2);
    assert_eq!(second.cycle.why(&task("outlines", &second, Some(0))), Why::Recalled);
    assert_eq!(second.cycle.why(&task("all", &second, None)), Why::Recalled);
    assert!(!second.world.performed.keys().any(|key| key.task.step.as_str() == "outlines"), "nothing was paid for again");
    assert_eq!(titles(&second, "outlines"), titles(&first, "outlines"));
    // What was remembered once is remembered again.
    assert_eq!(second.carry().memory, first.carry().memory);

    let mut changed = steps.clone();
    changed[1] = step("write", "outlines", &["a"], &[("tone", 2)]);
    let third = run(&workflow(changed), second.carry(), 3);
    assert_eq!(third.cycle.why(&task("outlines", &third, Some(0))), Why::Changed(vec!["config".to_owned()]));

    let mut carry = second.carry();
    carry.parameters.insert("outlines.length".to_owned(), 0.7);
    let changes = memory::changed_steps(&second.workflow, &second.client_os, &carry);
    assert_eq!(changes[&"outlines".into()], ["parameter outlines.length"]);
    assert!(changes[&"all".into()].is_empty());
    let tuned = run(&workflow(steps), carry, 3);
    assert_eq!(tuned.cycle.why(&task("outlines", &tuned, Some(1))), Why::Changed(vec!["parameter outlines.length".to_owned()]));
    assert_eq!(tuned.cycle.why(&task("all", &tuned, None)), Why::Recalled, "it gave the same, so nothing after it runs");
}

#[test]
fn each_step_flows_on_while_siblings_wait_and_all_steps_wait_for_the_last() {
    let mut steps = written();
    steps.push(step("gate", "editor", &["outlines"], &[]));
    steps.push(step("send", "posts", &["editor"], &[]));
    steps.push(step("join", "all", &["posts"], &[]));
    let mut simulation = parked(workflow(steps));
    assert_eq!(simulation.parked, Some(5));
    let gate = simulation.cycle.gates().remove(2);
    decide(&mut simulation, &gate.key, yes(&gate, NOW));
    assert_eq!(simulation.pending.len(), 1, "the approved one is on its way");
    answer_all(&mut simulation);
    assert_eq!(simulation.cycle.counts(&"posts".into()).of(TaskState::Done), 1);
    assert_eq!(simulation.cycle.counts(&"all".into()).total(), 0);
    assert_eq!(simulation.parked, Some(4));
    while let Some(gate) = simulation.cycle.gates().pop() {
        decide(&mut simulation, &gate.key, yes(&gate, NOW));
        answer_all(&mut simulation);
    }
    assert!(simulation.finished);
    // The order of the output is the order of the input, not that of the decisions.
    assert_eq!(titles(&simulation, "editor"), ["a-0", "a-1", "a-2", "a-3", "a-4"]);
}

fn gated(expires: i64) -> Simulation {
    let mut steps = written();
    steps.push(step("gate", "editor", &["outlines"], &[("expires", expires)]));
    parked(workflow(steps))
}

#[test]
fn an_approval_of_something_else_is_void_and_the_gate_stays_open() {
    let mut simulation = gated(72);
    let gate = simulation.cycle.gates().remove(0);
    let mut decision = yes(&gate, NOW);
    decision.pins = crate::base::Digest::of("another text");
    let entries = simulation.journal.len();
    let notices = decide(&mut simulation, &gate.key, decision);
    assert!(matches!(&notices[..], [Notice::Void { message, .. }] if message.contains("has changed since")), "{notices:?}");
    assert_eq!((simulation.journal.len(), simulation.cycle.gates().len()), (entries, 5));
    // A second decision on a decided gate is void too.
    decide(&mut simulation, &gate.key, yes(&gate, NOW));
    let notices = decide(&mut simulation, &gate.key, yes(&gate, NOW));
    assert!(matches!(&notices[..], [Notice::Void { message, .. }] if message.contains("no open gate")), "{notices:?}");
}

#[test]
fn gates_expire_and_a_decision_in_time_counts_even_when_it_arrives_late() {
    let mut simulation = gated(72);
    let expiry = Timestamp(NOW.0 + 72 * HOUR);
    assert_eq!(simulation.cycle.next_expiry(), Some(expiry));
    assert_eq!(simulation.cycle.expire(Timestamp(expiry.0 - 1)), []);
    let gate = simulation.cycle.gates().remove(0);
    decide(&mut simulation, &gate.key, yes(&gate, Timestamp(expiry.0 - 1)));
    let late = simulation.cycle.gates().remove(0);
    assert_eq!(simulation.cycle.check_decision(&late.key, &yes(&late, expiry)), Err(Void::Expired(expiry)));
    let actions = simulation.cycle.expire(expiry);
    simulation.carry_out(actions);
    assert!(simulation.finished);
    assert_eq!(titles(&simulation, "editor"), [gate.approve.title]);
    let again = simulation.recover();
    assert!(again.is_closed() && again.fold == simulation.cycle.fold);
}

#[test]
fn a_stop_lets_running_requests_finish_and_starts_nothing_new() {
    let mut simulation = Simulation::new(workflow(written()), Carry::default(), 1, 1);
    simulation.event(Event::Start);
    simulation.event(Event::Stop);
    assert_eq!(simulation.parked, None);
    let before = simulation.pending.len();
    assert!(before > 0);
    answer_all(&mut simulation);
    assert_eq!(simulation.parked, Some(0));
    assert!(!simulation.finished);
    // The same process can go on, and so can another.
    let mut other = simulation.recover();
    assert!(!other.handle(Event::Start, NOW).is_empty());
    simulation.event(Event::Start);
    answer_all(&mut simulation);
    assert!(simulation.finished);
}

#[test]
fn no_more_requests_are_in_flight_than_allowed() {
    let mut workflow = workflow(vec![step("read", "a", &[], &[("pages", 20)]), step("read", "b", &[], &[("pages", 20)])]);
    workflow.concurrency = 4;
    let mut simulation = Simulation::new(workflow, Carry::default(), 1, 1);
    simulation.event(Event::Start);
    let mut most = 0;
    while !simulation.finished {
        most = most.max(simulation.pending.len());
        let (key, request) = simulation.pending.remove(0);
        let reply = simulation.world.perform(&key, &request);
        simulation.event(Event::Replied { key, reply });
    }
    assert_eq!(most, 4);
}

/// What goes first when there is one place: the steps of the requests in the order in which they were performed.
fn order(steps: Vec<crate::model::Step>, at_once: Option<i64>) -> (Vec<String>, usize) {
    let mut workflow = workflow(steps);
    workflow.concurrency = if at_once.is_some() { 8 } else { 1 };
    if let Some(most) = at_once {
        let node = crate::model::Config {
            name: "at-once".into(),
            args: vec![crate::model::Scalar::Integer(most)].into(),
            ..Default::default()
        };
        workflow.providers.get_mut("drafter").expect("the toy's").config.children.push(node);
    }
    let mut simulation = Simulation::new(workflow, Carry::default(), 1, 1);
    simulation.event(Event::Start);
    let (mut asked, mut most) = (Vec::new(), 0);
    while !simulation.finished {
        let writing = |pending: &[(RequestKey, Request)]| {
            pending.iter().filter(|(_, request)| matches!(request, Request::Generate(_))).count()
        };
        most = most.max(writing(&simulation.pending));
        let (key, request) = simulation.pending.remove(0);
        if matches!(request, Request::Generate(_)) {
            asked.push(key.task.step.to_string());
        }
        let reply = simulation.world.perform(&key, &request);
        simulation.event(Event::Replied { key, reply });
    }
    (asked, most)
}

#[test]
fn a_higher_priority_goes_first_and_within_one_the_first_come() {
    let steps = |priority: i64| {
        let mut steps =
            vec![step("read", "a", &[], &[("count", 3)]), step("write", "low", &["a"], &[]), step("write", "high", &["a"], &[])];
        steps[2].priority = priority;
        steps
    };
    let (plain, _) = order(steps(0), None);
    let (sorted, _) = order(steps(10), None);
    assert_eq!(plain.first().map(String::as_str), Some("low"));
    // Each piece of the toy takes three requests.
    assert_eq!(sorted.iter().take_while(|step| *step == "high").count(), 9, "{sorted:?}");
    assert_eq!(sorted.len(), 18);
}

#[test]
fn a_door_with_as_many_requests_as_it_takes_is_passed_over() {
    let steps = vec![
        step("read", "a", &[], &[("count", 6)]),
        step("write", "outlines", &["a"], &[]),
        step("read", "pages", &[], &[("pages", 4)]),
    ];
    let (asked, most) = order(steps.clone(), Some(2));
    assert_eq!((asked.len(), most), (18, 2));
    let (_, most) = order(steps, Some(5));
    assert_eq!(most, 5);
}

#[test]
fn late_and_doubled_answers_change_nothing() {
    let mut simulation = Simulation::new(workflow(written()), Carry::default(), 1, 1);
    simulation.event(Event::Start);
    let (key, request) = simulation.pending.remove(0);
    let reply = simulation.world.perform(&key, &request);
    simulation.event(Event::Replied { key: key.clone(), reply: reply.clone() });
    let entries = simulation.journal.len();
    simulation.event(Event::Replied { key: key.clone(), reply: reply.clone() });
    let stranger = RequestKey { cycle: key.cycle.next(), ..key };
    simulation.event(Event::Replied { key: stranger, reply });
    assert_eq!(simulation.journal.len(), entries);
}

fn sending() -> Workflow {
    workflow(vec![
        step("read", "a", &[], &[("count", 2)]),
        step("send", "posts", &["a"], &[]),
        step("join", "all", &["posts"], &[]),
    ])
}

/// Both posts are in doubt; neither went out.
fn doubtful() -> Simulation {
    let mut simulation = Simulation::new(sending(), Carry::default(), 1, 1);
    simulation.event(Event::Start);
    while let Some((key, request)) = simulation.pending.pop() {
        let reply = match request {
            Request::Publish(_) => failed(FailureKind::InDoubt),
            _ => simulation.world.perform(&key, &request),
        };
        simulation.event(Event::Replied { key, reply });
    }
    simulation
}

#[test]
fn an_effect_in_doubt_waits_for_a_person_who_confirms_retries_or_drops_it() {
    let mut simulation = doubtful();
    assert_eq!(simulation.parked, Some(2));
    assert_eq!(simulation.cycle.counts(&"posts".into()).of(TaskState::InDoubt), 2);
    let doubts = simulation.cycle.in_doubt();
    assert_eq!(doubts[0].message.as_deref(), Some("no answer"));
    simulation.event(Event::Resolve { key: doubts[0].key.clone(), resolution: Resolution::Retry });
    assert!(matches!(&simulation.pending[..], [(_, Request::Publish(_))]));
    answer_all(&mut simulation);
    simulation.event(Event::Resolve { key: doubts[1].key.clone(), resolution: Resolution::Drop { by: "ann".to_owned() } });
    assert!(simulation.finished);
    assert_eq!(simulation.world.sent.len(), 1);
    assert_eq!(simulation.cycle.counts(&"posts".into()).of(TaskState::Failed), 1);

    let mut simulation = doubtful();
    for doubt in simulation.cycle.in_doubt() {
        let resolution = Resolution::Confirm(published(&doubt.publish.key));
        simulation.event(Event::Resolve { key: doubt.key, resolution });
    }
    assert!(simulation.finished && simulation.world.sent.is_empty());
    assert_eq!(simulation.cycle.outputs(&"posts".into()).len(), 2);
}

#[test]
fn the_journal_alone_tells_what_is_in_doubt() {
    let mut simulation = doubtful();
    let said = |simulation: &Simulation| {
        let doubts = simulation.cycle.in_doubt();
        assert_eq!(crate::engine::doubts(&simulation.journal), doubts);
        doubts
    };
    let both = said(&simulation);
    assert_eq!(both.len(), 2);
    simulation.event(Event::Resolve { key: both[0].key.clone(), resolution: Resolution::Retry });
    assert_eq!(said(&simulation).len(), 1);
    let (key, _) = simulation.pending.pop().expect("it is sent again");
    simulation.event(Event::Replied { key, reply: failed(FailureKind::InDoubt) });
    assert_eq!(said(&simulation).len(), 2, "in doubt for the second time");
    let confirmed = Resolution::Confirm(published(&both[1].publish.key));
    simulation.event(Event::Resolve { key: both[1].key.clone(), resolution: confirmed });
    simulation.event(Event::Resolve { key: both[0].key.clone(), resolution: Resolution::Drop { by: "ann".to_owned() } });
    assert!(said(&simulation).is_empty() && simulation.finished);
}

#[test]
fn a_crash_on_the_way_to_a_mute_channel_is_a_doubt_that_the_journal_tells() {
    let mut simulation = Simulation::new(sending(), Carry::default(), 1, 1);
    simulation.world.mute = true;
    simulation.event(Event::Start);
    while let Some(at) = simulation.pending.iter().position(|(_, request)| !request.is_effect()) {
        let (key, request) = simulation.pending.remove(at);
        let reply = simulation.world.perform(&key, &request);
        simulation.event(Event::Replied { key, reply });
    }
    simulation.durable = simulation.journal.len();
    simulation.crash();
    answer_all(&mut simulation);
    assert_eq!(simulation.cycle.in_doubt().len(), 2);
    assert_eq!(crate::engine::doubts(&simulation.journal), simulation.cycle.in_doubt());
}

#[test]
fn a_retry_decided_between_two_runs_is_sent_even_when_the_channel_cannot_say() {
    let mut simulation = doubtful();
    simulation.world.mute = true;
    simulation.event(Event::Stop);
    for doubt in simulation.cycle.in_doubt() {
        simulation.event(Event::Resolve { key: doubt.key, resolution: Resolution::Retry });
    }
    assert!(simulation.pending.is_empty(), "a stopped cycle sends nothing");
    simulation.durable = simulation.journal.len();
    simulation.crash();
    assert!(simulation.pending.iter().all(|(_, request)| request.is_effect()) && simulation.pending.len() == 2);
    // Once it is on its way again, another crash puts it in doubt again.
    let mut crashed = simulation.recover();
    let actions = crashed.handle(Event::Start, NOW);
    assert!(actions.iter().any(|action| matches!(action, Action::Perform { request: Request::Query(_), .. })));
    answer_all(&mut simulation);
    assert!(simulation.finished && simulation.world.sent.values().all(|times| *times == 1));
}

#[test]
fn after_a_crash_the_channel_is_asked_before_anything_is_sent_again() {
    for arrived in [true, false] {
        let mut simulation = Simulation::new(sending(), Carry::default(), 1, 1);
        simulation.event(Event::Start);
        while let Some(at) = simulation.pending.iter().position(|(_, request)| !request.is_effect()) {
            let (key, request) = simulation.pending.remove(at);
            let reply = simulation.world.perform(&key, &request);
            simulation.event(Event::Replied { key, reply });
        }
        let on_the_way = std::mem::take(&mut simulation.pending);
        assert_eq!(on_the_way.len(), 2);
        for (key, request) in on_the_way.iter().filter(|_| arrived) {
            simulation.world.perform(key, request);
        }
        simulation.crash();
        assert!(simulation.pending.iter().all(|(key, request)| matches!(request, Request::Query(_)) && key.index >= fold::PROBE));
        answer_all(&mut simulation);
        assert!(simulation.finished);
        assert!(simulation.world.sent.values().all(|times| *times == 1) && simulation.world.sent.len() == 2);
    }
}

#[test]
fn a_journal_of_another_workflow_client_os_or_code_is_refused() {
    let simulation = gated(72);
    let recover = |workflow: Workflow, client_os: Snapshot, entries: &[Entry]| {
        Cycle::recover(Arc::new(workflow), registry(), Arc::new(client_os), entries).map(|_| ()).expect_err("refused")
    };
    let same = || Workflow::clone(&simulation.workflow);
    let journal = &simulation.journal;
    let mut other = same();
    other.about = "another".to_owned();
    assert!(matches!(recover(other, Snapshot::default(), journal), EngineError::OtherWorkflow { .. }));
    let mut client_os = Snapshot::default();
    client_os.files.insert("voice.md".to_owned(), "Calm.".to_owned());
    assert!(matches!(recover(same(), client_os, journal), EngineError::OtherClientOs { .. }));
    assert_eq!(recover(same(), Snapshot::default(), &[]), EngineError::NoOpening);
    assert_eq!(recover(same(), Snapshot::default(), &journal[1..]), EngineError::NoOpening);
    // The request that an open gate stands for is not the one that the step would make now.
    let mut changed = journal.clone();
    let asked = changed.iter_mut().rev().find_map(|entry| match entry {
        Entry::Asked { digest, .. } => Some(digest),
        _ => None,
    });
    *asked.expect("an open gate") = crate::base::Digest::of("another request");
    let error = recover(same(), Snapshot::default(), &changed);
    assert!(matches!(error, EngineError::Diverged { .. }), "{error}");
    let mut stranger = journal.clone();
    let id = TaskId { step: "nobody".into(), item: None };
    stranger.push(Entry::Failed { task: id.clone(), message: String::new(), help: None });
    assert_eq!(recover(same(), Snapshot::default(), &stranger), EngineError::UnknownTask(Box::new(id)));
}

#[test]
fn what_a_step_keeps_and_tunes_reaches_the_next_cycle_only() {
    let workflow = workflow(vec![
        step("read", "a", &[], &[("count", 2)]),
        step("copy", "copies", &["a"], &[]),
        step("learn", "aim", &["copies"], &[]),
    ]);
    let first = run(&workflow, Carry::default(), 1);
    assert_eq!(titles(&first, "copies"), ["a-0.0.0", "a-1.0.0"]);
    assert_eq!(first.carry().states[&"aim".into()], 2);
    let second = run(&workflow, first.carry(), 2);
    assert_eq!(titles(&second, "copies"), ["a-0.0.0.5", "a-1.0.0.5"]);
    assert_eq!((&second.carry().states[&"aim".into()], second.carry().parameters["copies.bias"]), (&4.into(), 1.0));
}

#[test]
fn a_long_chain_and_a_wide_fan_give_what_they_should() {
    let mut steps = vec![step("read", "s0", &[], &[("count", 1)])];
    for n in 1..=100 {
        steps.push(step("copy", &format!("s{n}"), &[&format!("s{}", n - 1)], &[]));
    }
    let chain = run(&workflow(steps), Carry::default(), 1);
    assert_eq!(chain.cycle.totals().of(TaskState::Done), 101);
    let fan = run(
        &workflow(vec![
            step("read", "a", &[], &[("count", 1_000)]),
            step("copy", "copies", &["a"], &[]),
            step("join", "all", &["copies"], &[]),
        ]),
        Carry::default(),
        1,
    );
    let joined = fan.cycle.outputs(&"all".into());
    assert_eq!(joined[0].parents.len(), 1_000);
    assert!(matches!(&joined[0].good, Good::Signal(signal) if signal.topic.starts_with("a-0.0.0 a-1.0.0 a-2.0.0 ")));
}
