//! A scripted world and a process for the tests of this room.
//!
//! The world answers each request by what the request says, so the same request always gets the same answer. The
//! process carries actions out as the runtime does, in a random order, and can be stopped at any journal entry.

use super::testing::{NOW, pins, registry, step};
use super::*;
use crate::base::{Digest, Money, RequestKey, Rng, Timestamp};
use crate::client_os::Snapshot;
use crate::model::Workflow;
use crate::step::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What the world has seen.
#[derive(Default)]
pub(crate) struct World {
    /// How often a piece was really sent, by its key.
    pub sent: BTreeMap<String, u32>,
    pub performed: BTreeMap<RequestKey, u32>,
    /// How often each reader of the channel got something.
    pub letters: BTreeMap<u64, u32>,
    /// The channel cannot say whether a piece went out.
    pub mute: bool,
    /// Requests for text whose replies cost nothing.
    pub cost: Option<Money>,
}

impl World {
    pub fn perform(&mut self, key: &RequestKey, request: &Request) -> Reply {
        *self.performed.entry(key.clone()).or_default() += 1;
        match request {
            Request::Fetch(fetch) => Reply::Fetched(Fetched::Content {
                body: Body::new(format!("{:?}", fetch.target).into_bytes()),
                content_type: None,
                etag: None,
                last_modified: None,
                place: String::new(),
            }),
            Request::Query(Query::Placed { .. }) if self.mute => failed(FailureKind::Permanent),
            Request::Query(Query::Placed { key, .. }) => Reply::Placed(self.sent.get(key).map(|_| published(key))),
            Request::Query(Query::Audience { .. }) => Reply::Audience(readers(4, NOW)),
            Request::Generate(generate) => Reply::Generated(Generated {
                text: generate.prompt.to_uppercase(),
                model: "toy".to_owned(),
                tokens_in: 10,
                tokens_out: 20 + Digest::of(&generate.prompt).seed() % 70,
                cost: self.cost.clone(),
                cut: false,
            }),
            Request::Publish(publish) => {
                *self.sent.entry(publish.key.clone()).or_default() += 1;
                for person in publish.people.iter().flat_map(People::iter) {
                    *self.letters.entry(person).or_default() += 1;
                }
                Reply::Published(published(&publish.key))
            }
            Request::Wait(until) => Reply::Elapsed(*until),
            Request::Approve(_) => unreachable!("gates are not performed"),
        }
    }
}

/// So many readers of the toy channel.
pub(crate) fn readers(count: u64, at: Timestamp) -> Audience {
    Audience { people: People::new(1..=count), key: "toy".to_owned(), at }
}

/// A workflow whose channel knows its readers, each of whom gets so many pieces a day.
pub(crate) fn counting_people(mut workflow: Workflow, most: i64) -> Workflow {
    let channel = workflow.channels.get_mut("blog").expect("the toy channel");
    channel.kind = "smtp".to_owned();
    workflow.caps.push(crate::model::Cap {
        key: "workflow".to_owned(),
        unit: crate::model::CapUnit::Sends,
        most,
        per: crate::model::Window::Day,
    });
    workflow
}

pub(crate) fn published(key: &str) -> Published {
    Published { location: format!("out/{key}"), version: None, at: NOW, reach: None }
}

pub(crate) fn failed(kind: FailureKind) -> Reply {
    Reply::Failed(Failure { attempts: 3, ..Failure::new(kind, "no answer") })
}

/// Half go back where they can; of the rest two thirds are approved. By what they are and not by chance.
pub(crate) fn verdict(approve: &Approve) -> Verdict {
    if let Some(to) = approve.rules.back.first().filter(|_| approve.pins.seed().is_multiple_of(2)) {
        return Verdict::SendBack { to: to.clone(), reason: "thin".to_owned() };
    }
    match approve.pins.seed() % 3 {
        0 => Verdict::Reject { reason: None },
        _ => Verdict::Approve,
    }
}

/// A process that carries out what the cycle says, and may be stopped at any entry.
pub(crate) struct Simulation {
    pub workflow: Arc<Workflow>,
    pub client_os: Arc<Snapshot>,
    pub world: World,
    pub rng: Rng,
    pub journal: Vec<Entry>,
    /// So many entries are on disk.
    pub durable: usize,
    pub pending: Vec<(RequestKey, Request)>,
    pub cycle: Cycle,
    pub finished: bool,
    pub parked: Option<usize>,
    pub crashes: u32,
    /// Stop the process when the journal has so many entries.
    pub crash_at: BTreeSet<usize>,
    /// Stop it at each entry with this chance.
    pub crash_chance: f64,
    /// Compare with a recovered cycle after each event.
    pub compare: bool,
    /// What cycles open beside this one use, and whom they have written to.
    pub beside: Ledger,
    pub written_beside: Vec<Arc<Written>>,
}

impl Simulation {
    pub fn new(workflow: Workflow, carry: Carry, cycle: u32, seed: u64) -> Simulation {
        Simulation::with(workflow, Snapshot::default(), carry, cycle, seed)
    }

    pub fn with(workflow: Workflow, client_os: Snapshot, carry: Carry, cycle: u32, seed: u64) -> Simulation {
        let (workflow, client_os) = (Arc::new(workflow), Arc::new(client_os));
        let pins = pins(&workflow, &client_os, cycle);
        Simulation::pinned(workflow, client_os, carry, pins, seed)
    }

    pub fn pinned(workflow: Arc<Workflow>, client_os: Arc<Snapshot>, carry: Carry, pins: Pins, seed: u64) -> Simulation {
        let (cycle, actions) =
            Cycle::open(workflow.clone(), registry(), client_os.clone(), pins, carry).expect("they belong together");
        let mut simulation = Simulation {
            workflow,
            client_os,
            world: World::default(),
            rng: Rng::new(seed),
            journal: Vec::new(),
            durable: 0,
            pending: Vec::new(),
            cycle,
            finished: false,
            parked: None,
            crashes: 0,
            crash_at: BTreeSet::new(),
            crash_chance: 0.0,
            compare: false,
            beside: Ledger::default(),
            written_beside: Vec::new(),
        };
        simulation.carry_out(actions);
        simulation
    }

    /// Hands an event to the cycle and carries its actions out.
    pub fn event(&mut self, event: Event) {
        let actions = self.cycle.handle(event, NOW);
        self.carry_out(actions);
    }

    pub fn carry_out(&mut self, actions: Vec<Action>) {
        self.parked = None;
        for action in actions {
            match action {
                Action::Record { entry, durable } => {
                    self.journal.push(entry);
                    let dies = self.journal.len() > 1
                        && (self.crash_at.remove(&self.journal.len()) || self.rng.uniform() < self.crash_chance);
                    if dies {
                        return self.crash();
                    }
                    if durable {
                        self.durable = self.journal.len();
                    }
                }
                Action::Perform { key, request } => {
                    assert!(!matches!(request, Request::Approve(_)), "gates are not performed");
                    let on_disk = |entry: &Entry| matches!(entry, Entry::Asked { key: asked, .. } if *asked == key);
                    if request.is_effect() {
                        assert!(self.journal[..self.durable].iter().any(on_disk), "an effect before its record: {key}");
                    }
                    let paid = |entry: &Entry| match entry {
                        Entry::Replied { reply: Reply::Failed(failure), .. } if failure.kind == FailureKind::InDoubt => false,
                        Entry::Replied { key: paid, .. } => *paid == key,
                        _ => false,
                    };
                    if fold::probed_key(&key).is_none() {
                        assert!(!self.journal.iter().any(paid), "asked again after its answer: {key}");
                    }
                    self.pending.push((key, request));
                }
                Action::Tell(_) => {}
                Action::Park { waiting } => self.parked = Some(waiting),
                Action::Finish => self.finished = true,
            }
        }
        if self.compare {
            let again = self.recover();
            assert!(again.fold == self.cycle.fold, "recovered state differs from the live one");
        }
    }

    pub fn recover(&self) -> Cycle {
        Cycle::recover(self.workflow.clone(), registry(), self.client_os.clone(), &self.journal).expect("its own journal")
    }

    /// The process ends: what was not on disk may be lost, what was on its way may have happened.
    pub fn crash(&mut self) {
        self.crashes += 1;
        let lost = self.rng.below((self.journal.len() - self.durable) as u64 + 1) as usize;
        self.journal.truncate(self.journal.len() - lost);
        self.durable = self.journal.len();
        for (key, request) in std::mem::take(&mut self.pending) {
            if self.rng.uniform() < 0.5 {
                self.world.perform(&key, &request);
            }
        }
        self.cycle = self.recover();
        self.cycle.tell_beside(&self.beside);
        self.cycle.tell_written_beside(self.written_beside.clone());
        self.event(Event::Start);
    }

    /// Runs to the end, with people who decide everything.
    pub fn run(mut self) -> Simulation {
        self.event(Event::Start);
        for _ in 0..1_000_000 {
            if self.finished {
                return self;
            }
            let waiting = self.cycle.gates().len() + self.cycle.in_doubt().len();
            let choice = self.rng.below((self.pending.len() + waiting) as u64 + u64::from(self.pending.len() + waiting == 0));
            if (choice as usize) < self.pending.len() {
                let (key, request) = self.pending.swap_remove(choice as usize);
                let reply = self.world.perform(&key, &request);
                self.event(Event::Replied { key, reply });
            } else {
                assert!(waiting > 0, "nothing moves and nobody is asked");
                self.people(choice as usize - self.pending.len());
            }
        }
        panic!("no end");
    }

    /// Somebody who has not approved at this gate yet.
    fn somebody(&self, gate: &OpenGate) -> String {
        ["ann", "bob", "cleo"][gate.given.len().min(2)].to_owned()
    }

    /// Somebody answers the n-th thing that waits for people.
    fn people(&mut self, n: usize) {
        let gates = self.cycle.gates();
        if let Some(gate) = gates.get(n) {
            let decision = Decision::new(verdict(&gate.approve), self.somebody(gate), NOW, gate.approve.pins);
            self.event(Event::Replied { key: gate.key.clone(), reply: Reply::Decided(decision) });
        } else if let Some(doubt) = self.cycle.in_doubt().into_iter().nth(n - gates.len()) {
            let resolution = match self.world.sent.contains_key(&doubt.publish.key) {
                true => Resolution::Confirm(published(&doubt.publish.key)),
                false => Resolution::Retry,
            };
            self.event(Event::Resolve { key: doubt.key, resolution });
        }
    }

    /// What the cycle handed on.
    pub fn carry(&self) -> Carry {
        match self.journal.last() {
            Some(Entry::Closed { carry, .. }) => Carry::clone(carry),
            other => panic!("not closed: {other:?}"),
        }
    }

    /// All that must not depend on the order of answers or on crashes.
    pub fn outcome(&self) -> String {
        let steps: Vec<_> = self.workflow.steps.iter().map(|step| self.cycle.outputs(&step.id)).collect();
        format!("{:?}\n{:?}\n{:?}\n{:?}", self.carry(), steps, self.cycle.deferred(), self.cycle.task_states())
    }
}

/// Runs a cycle to its end without crashes.
pub(crate) fn run(workflow: &Workflow, carry: Carry, cycle: u32) -> Simulation {
    Simulation::new(workflow.clone(), carry, cycle, 1).run()
}

/// A cycle that waits for people, and for nothing else.
pub(crate) fn parked(workflow: Workflow) -> Simulation {
    let mut simulation = Simulation::new(workflow, Carry::default(), 1, 1);
    simulation.event(Event::Start);
    answer_all(&mut simulation);
    simulation
}

pub(crate) fn answer_all(simulation: &mut Simulation) {
    while let Some((key, request)) = simulation.pending.pop() {
        let reply = simulation.world.perform(&key, &request);
        simulation.event(Event::Replied { key, reply });
    }
}

pub(crate) fn titles(simulation: &Simulation, step: &str) -> Vec<String> {
    simulation.cycle.outputs(&step.into()).iter().map(|item| item.good.title()).collect()
}

pub(crate) fn decide(simulation: &mut Simulation, key: &RequestKey, decision: Decision) -> Vec<Notice> {
    let actions = simulation.cycle.handle(Event::Replied { key: key.clone(), reply: Reply::Decided(decision) }, NOW);
    let notices = actions.iter().filter_map(|action| match action {
        Action::Tell(notice) => Some(notice.clone()),
        _ => None,
    });
    let notices = notices.collect();
    simulation.carry_out(actions);
    notices
}

pub(crate) fn yes(gate: &OpenGate, at: Timestamp) -> Decision {
    Decision::new(Verdict::Approve, "ann", at, gate.approve.pins)
}

pub(crate) fn written() -> Vec<crate::model::Step> {
    vec![step("read", "a", &[], &[("count", 5)]), step("write", "outlines", &["a"], &[])]
}
