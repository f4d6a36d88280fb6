//! Replay: a cycle once more from its journal, to see that it comes out as it did.
//!
//! Not a recovery. Recovery folds what the journal says; here nothing is believed but the opening and the answers of the
//! outside: every step works again, and what it makes is compared with what the journal says it made. No request is
//! performed. Answers come in the order of the journal, and decisions that came in together are handed over together,
//! because who gets the last place under a cap may depend on who was approved by then.
//!
//! What a crash left in the journal, such as the question whether a piece went out, is put back into the answer that it
//! led to, so a cycle that was killed ten times replays like one that ran through.

use super::action::{Action, Event, Resolution};
use super::cancel::Scope;
use super::cycle::Cycle;
use super::differ::{self, Difference};
use super::entry::{Entry, Pins};
use super::error::EngineError;
use super::fold::{audience_key, probed_key};
use super::gates::OpenGate;
use crate::base::{Digest, RequestKey, Timestamp};
use crate::client_os::Snapshot;
use crate::model::Workflow;
use crate::step::Registry;
use crate::step::{Audience, Decision, Failure, FailureKind, Reply, Request, Verdict};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// How a replay came out.
#[derive(Clone, Debug)]
pub struct Replayed {
    /// What the replay would have written to a journal.
    pub entries: Vec<Entry>,
    /// In the order of the journal. None: it came out as it did, bit for bit.
    pub differences: Vec<Difference>,
    /// Tasks of the journal that finished, failed or were deferred, and the items they made.
    pub tasks: usize,
    pub items: usize,
    /// Whether the journal goes to the end of the cycle.
    pub closed: bool,
    /// Other cycles were open beside it. What they used of a cap is in their journals, not in this one.
    pub beside: bool,
}

/// Something that came in from outside.
#[derive(Clone, Debug)]
enum Input {
    Reply(RequestKey, Reply),
    /// Decisions with nothing in between.
    Decisions(Vec<(RequestKey, Decision)>),
    Expired(RequestKey, Timestamp),
    /// The channel said who gets this publish.
    Readers(RequestKey, Audience),
    /// A person called something off. By then all that stands before it had come in.
    Cancelled {
        scope: Scope,
        by: String,
        reason: Option<String>,
    },
}

/// Runs a cycle again from its journal and compares.
///
/// # Errors
/// When the journal does not begin with an opening, or the workflow or the Client OS is not what it was pinned to.
pub fn replay(
    workflow: Arc<Workflow>,
    registry: &Registry,
    client_os: Arc<Snapshot>,
    entries: &[Entry],
) -> Result<Replayed, EngineError> {
    let Some(Entry::Opened { pins, carry }) = entries.first() else { return Err(EngineError::NoOpening) };
    let closed = entries.iter().find_map(|entry| match entry {
        Entry::Closed { at, .. } => Some(*at),
        _ => None,
    });
    let (cycle, opening) = Cycle::open(workflow, registry, client_os, Pins::clone(pins), carry.as_ref().clone())?;
    let mut player = Player {
        cycle,
        // Steps never see the time on the wall; it is written down at the end of the cycle only.
        now: closed.unwrap_or(pins.now),
        made: Vec::new(),
        performed: BTreeMap::new(),
        asked: asked(entries),
        strange: Vec::new(),
    };
    player.take(opening);
    player.handle(Event::Start);
    let mut waiting: VecDeque<Input> = inputs(entries).into();
    while let Some(at) = waiting.iter().position(|input| player.is_open(input)) {
        if let Some(input) = waiting.remove(at) {
            player.hand_over(input);
        }
    }
    let mut differences = differ::differences(entries, &player.made, closed.is_some());
    differences.extend(std::mem::take(&mut player.strange));
    if differences.is_empty() {
        differences.extend(waiting.iter().filter_map(|input| player.left_over(input)));
        let open = player.performed.iter().filter(|_| closed.is_some());
        differences.extend(open.map(|(key, request)| Difference {
            step: Some(key.task.step.clone()),
            item: key.task.item,
            part: "request".to_owned(),
            recorded: "no answer".to_owned(),
            replayed: format!("asks to {}", says(request)),
        }));
    }
    let ended = |entry: &&Entry| matches!(entry, Entry::Done { .. } | Entry::Failed { .. } | Entry::Deferred { .. });
    let items = entries.iter().map(|entry| if let Entry::Done { items, .. } = entry { items.len() } else { 0 });
    Ok(Replayed {
        tasks: entries.iter().filter(ended).count(),
        items: items.sum(),
        closed: closed.is_some(),
        beside: !pins.beside.is_empty(),
        entries: player.made,
        differences,
    })
}

/// Answers what a cycle asks, at once and without an outside: for what would have been, never for what is.
pub trait Answers {
    fn perform(&mut self, key: &RequestKey, request: &Request) -> Reply;

    /// `None` leaves the gate open.
    fn decide(&mut self, gate: &OpenGate) -> Option<Decision>;
}

/// Runs a new cycle on answers alone, until it closes or waits for people, and gives what it would have written down.
pub fn play(mut cycle: Cycle, opening: Vec<Action>, now: Timestamp, answers: &mut dyn Answers) -> (Cycle, Vec<Entry>) {
    let mut made = Vec::new();
    let mut asked: VecDeque<(RequestKey, Request)> = VecDeque::new();
    // A gate is shown again after each decision that did not decide it.
    let mut shown: BTreeSet<(RequestKey, usize)> = BTreeSet::new();
    let mut actions = opening;
    actions.extend(cycle.handle(Event::Start, now));
    loop {
        for action in std::mem::take(&mut actions) {
            match action {
                Action::Record { entry, .. } => made.push(entry),
                Action::Perform { key, request } => asked.push_back((key, request)),
                Action::Tell(_) | Action::Park { .. } | Action::Finish => {}
            }
        }
        if let Some((key, request)) = asked.pop_front() {
            let reply = answers.perform(&key, &request);
            actions = cycle.handle(Event::Replied { key, reply }, now);
            continue;
        }
        let new: Vec<OpenGate> =
            cycle.gates().into_iter().filter(|gate| shown.insert((gate.key.clone(), gate.given.len()))).collect();
        if new.is_empty() {
            return (cycle, made);
        }
        let decided: Vec<(RequestKey, Decision)> =
            new.iter().filter_map(|gate| Some((gate.key.clone(), answers.decide(gate)?))).collect();
        actions = together(&mut cycle, decided, now);
    }
}

/// Decisions that came in while nothing ran: all are known before anything goes on.
fn together(cycle: &mut Cycle, decisions: Vec<(RequestKey, Decision)>, now: Timestamp) -> Vec<Action> {
    let mut actions = cycle.handle(Event::Stop, now);
    for (key, decision) in decisions {
        actions.extend(cycle.handle(Event::Replied { key, reply: Reply::Decided(decision) }, now));
    }
    actions.extend(cycle.handle(Event::Start, now));
    actions
}

/// What the journal says was asked, by key; of what was sent again, the first time.
fn asked(entries: &[Entry]) -> BTreeMap<RequestKey, Digest> {
    let mut asked = BTreeMap::new();
    for entry in entries {
        if let Entry::Asked { key, digest, .. } = entry {
            asked.entry(key.clone()).or_insert(*digest);
        }
    }
    asked
}

/// What came in, in order.
fn inputs(entries: &[Entry]) -> Vec<Input> {
    let mut inputs: Vec<Input> = Vec::new();
    let mut adjacent = false;
    for entry in entries {
        let was_adjacent = std::mem::take(&mut adjacent);
        if let Entry::Cancelled { scope, by, reason, .. } = entry {
            inputs.push(Input::Cancelled { scope: scope.clone(), by: by.clone(), reason: reason.clone() });
        }
        if let Entry::Addressed { key, to } = entry {
            inputs.push(Input::Readers(key.clone(), to.audience.clone()));
        }
        let Entry::Replied { key, reply } = entry else { continue };
        match reply {
            Reply::Decided(Decision { verdict: Verdict::Expired { .. }, at, .. }) => {
                inputs.push(Input::Expired(key.clone(), *at));
            }
            Reply::Decided(decision) => {
                adjacent = true;
                match inputs.last_mut() {
                    Some(Input::Decisions(decisions)) if was_adjacent => decisions.push((key.clone(), decision.clone())),
                    _ => inputs.push(Input::Decisions(vec![(key.clone(), decision.clone())])),
                }
            }
            reply => inputs.push(Input::Reply(key.clone(), reply.clone())),
        }
    }
    inputs
}

struct Player {
    cycle: Cycle,
    now: Timestamp,
    made: Vec<Entry>,
    /// Asked of the world and not answered.
    performed: BTreeMap<RequestKey, Request>,
    asked: BTreeMap<RequestKey, Digest>,
    /// Answers that belong to other questions than are asked now.
    strange: Vec<Difference>,
}

impl Player {
    fn take(&mut self, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Record { entry, .. } => self.made.push(entry),
                Action::Perform { key, mut request } => {
                    // Who gets it is set on the way out, and no part of what the journal says was asked.
                    if let Request::Publish(publish) = &mut request {
                        publish.people = None;
                    }
                    self.performed.insert(key, request);
                }
                Action::Tell(_) | Action::Park { .. } | Action::Finish => {}
            }
        }
    }

    fn handle(&mut self, event: Event) {
        let actions = self.cycle.handle(event, self.now);
        self.take(actions);
    }

    fn has_gate(&self, key: &RequestKey) -> bool {
        self.cycle.gates().iter().any(|gate| gate.key == *key)
    }

    fn is_in_doubt(&self, key: &RequestKey) -> bool {
        self.cycle.in_doubt().iter().any(|doubt| doubt.key == *key)
    }

    /// Whether somebody waits for this now.
    fn is_open(&self, input: &Input) -> bool {
        match input {
            Input::Reply(key, reply) => match probed_key(key) {
                // It did not go out: what was under way stays under way, so there is nothing to wait for.
                Some(publish) if *reply == Reply::Placed(None) => {
                    self.performed.contains_key(&publish) || self.is_in_doubt(&publish)
                }
                Some(publish) => self.performed.contains_key(&publish) || self.is_in_doubt(&publish),
                None => {
                    // Nobody could be asked who gets it: that answer was journaled as the one of the publish.
                    let unasked = matches!(reply, Reply::Failed(_)) && self.performed.contains_key(&audience_key(key));
                    self.performed.contains_key(key) || self.is_in_doubt(key) || unasked
                }
            },
            Input::Readers(key, _) => self.performed.contains_key(&audience_key(key)),
            Input::Decisions(decisions) => decisions.iter().all(|(key, _)| self.has_gate(key)),
            Input::Expired(key, _) => self.has_gate(key),
            Input::Cancelled { .. } => true,
        }
    }

    fn hand_over(&mut self, input: Input) {
        match input {
            Input::Decisions(decisions) => {
                let actions = together(&mut self.cycle, decisions, self.now);
                self.take(actions);
            }
            Input::Expired(_, at) => {
                let actions = self.cycle.expire(at);
                self.take(actions);
            }
            Input::Readers(key, audience) => {
                let key = audience_key(&key);
                self.performed.remove(&key);
                self.handle(Event::Replied { key, reply: Reply::Audience(audience) });
            }
            Input::Reply(key, reply) if self.performed.contains_key(&audience_key(&key)) && probed_key(&key).is_none() => {
                let key = audience_key(&key);
                self.performed.remove(&key);
                self.handle(Event::Replied { key, reply });
            }
            Input::Reply(key, reply) => self.reply(key, reply),
            Input::Cancelled { scope, by, reason } => {
                let cycle = self.cycle.pins().cycle;
                // A part is called off while nothing runs, and the rest goes on with the next run; a whole cycle is over at once.
                let whole = scope == Scope::Cycle;
                if !whole {
                    self.handle(Event::Stop);
                }
                self.handle(Event::Cancel { cycle, scope, by, reason });
                if !whole {
                    self.handle(Event::Start);
                }
            }
        }
    }

    fn reply(&mut self, key: RequestKey, reply: Reply) {
        let (key, reply) = match (probed_key(&key), reply) {
            (None, reply) => (key, reply),
            (Some(publish), Reply::Placed(Some(receipt))) => (publish, Reply::Published(receipt)),
            (Some(publish), Reply::Placed(None)) => {
                if self.is_in_doubt(&publish) {
                    self.handle(Event::Resolve { key: publish, resolution: Resolution::Retry });
                }
                return;
            }
            (Some(publish), Reply::Failed(failure)) => {
                (publish, Reply::Failed(Failure { kind: FailureKind::InDoubt, ..failure }))
            }
            (Some(publish), _) => (publish, Reply::Failed(Failure::new(FailureKind::InDoubt, ""))),
        };
        let Some(request) = self.performed.remove(&key) else {
            let resolution = match reply {
                Reply::Published(receipt) => Resolution::Confirm(receipt),
                Reply::Failed(failure) => {
                    // As `Resolution::Drop` words it.
                    let by = failure.message.strip_suffix(" decided not to send it").unwrap_or(&failure.message);
                    Resolution::Drop { by: by.to_owned() }
                }
                _ => return,
            };
            return self.handle(Event::Resolve { key, resolution });
        };
        let (now, then) = (request.digest(), self.asked.get(&key).copied());
        if then.is_some_and(|then| then != now) {
            self.strange.push(Difference {
                step: Some(key.task.step.clone()),
                item: key.task.item,
                part: "request".to_owned(),
                recorded: then.map(|then| format!("an answer to request {}", then.short(12))).unwrap_or_default(),
                replayed: format!("asks to {} (request {})", says(&request), now.short(12)),
            });
            return;
        }
        self.handle(Event::Replied { key, reply });
    }

    /// An answer that nobody asked for.
    fn left_over(&self, input: &Input) -> Option<Difference> {
        let (key, what) = match input {
            // What one expiry took along is answered already.
            // A piece that was addressed again after a crash keeps its readers here.
            Input::Expired(..) | Input::Cancelled { .. } | Input::Readers(..) => return None,
            Input::Reply(key, _) if probed_key(key).is_some() => return None,
            Input::Reply(key, _) => (key, "an answer"),
            Input::Decisions(decisions) => (&decisions.first()?.0, "a decision"),
        };
        Some(Difference {
            step: Some(key.task.step.clone()),
            item: key.task.item,
            part: "request".to_owned(),
            recorded: what.to_owned(),
            replayed: "asks nothing that it would answer".to_owned(),
        })
    }
}

/// What a request is about, for people.
pub fn says(request: &Request) -> String {
    use crate::step::{Query, Target};
    match request {
        Request::Fetch(fetch) => match &fetch.target {
            Target::Url(place) | Target::File(place) => format!("read {place}"),
            Target::Folder { path, glob } => format!("read {}/{glob}", path.trim_end_matches('/')),
        },
        Request::Query(Query::Placed { channel, key }) => format!("know whether {key} went out on {channel}"),
        Request::Query(Query::Audience { channel }) => format!("know who reads {channel}"),
        Request::Generate(generate) => format!("have a {} written by {}", generate.task, generate.provider),
        Request::Approve(approve) => format!("have “{}” decided", approve.title),
        Request::Publish(publish) => format!("publish “{}” on {}", publish.title, publish.channel),
        Request::Wait(until) => format!("wait until {until}"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::simulation::*;
    use super::super::testing::*;
    use super::super::*;
    use super::*;
    use crate::model::{CapUnit, Window, Workflow};

    /// Reading, writing under a cap, a gate, sending: what a cycle consists of.
    fn steps(approvals: i64) -> Workflow {
        let mut steps = written();
        steps[1] = capped(steps[1].clone(), CapUnit::Pieces, 3, Window::Day);
        steps.push(step("gate", "editor", &["outlines"], &[("approvals", approvals)]));
        steps.push(step("send", "posts", &["editor"], &[]));
        workflow(steps)
    }

    fn again(simulation: &Simulation, journal: &[Entry]) -> Replayed {
        replay(simulation.workflow.clone(), registry(), simulation.client_os.clone(), journal).expect("its own journal")
    }

    #[test]
    fn a_cycle_comes_out_as_it_did_however_often_it_was_killed_and_whatever_the_order_of_answers() {
        for seed in 0..300 {
            for (mute, chance, approvals) in [(false, 0.0, 1), (false, 0.1, 2), (true, 0.1, 1)] {
                let mut simulation = Simulation::new(steps(approvals), Carry::default(), 1, seed);
                simulation.world.mute = mute;
                simulation.crash_chance = chance;
                let simulation = simulation.run();
                let replayed = again(&simulation, &simulation.journal);
                assert_eq!(replayed.differences, [], "seed {seed}, mute {mute}, crashes {}", simulation.crashes);
                assert!(replayed.closed && replayed.tasks > 0);
            }
        }
    }

    #[test]
    fn an_open_cycle_comes_out_as_far_as_its_journal_goes() {
        let whole = run(&steps(1), Carry::default(), 1);
        for until in 1..whole.journal.len() {
            let replayed = again(&whole, &whole.journal[..until]);
            assert_eq!(replayed.differences, [], "the first {until} entries");
            assert!(!replayed.closed);
        }
    }

    #[test]
    fn every_change_of_what_a_task_gave_is_found() {
        let whole = run(&steps(1), Carry::default(), 1);
        let mut tried = 0;
        for at in 0..whole.journal.len() {
            let mut journal = whole.journal.clone();
            match &mut journal[at] {
                Entry::Done { headline, .. } => *headline = Some("somebody was here".to_owned()),
                Entry::Reserved { amount, .. } => *amount += 1,
                Entry::Closed { carry, .. } => drop(carry.parameters.insert("a.b".to_owned(), 1.0)),
                Entry::Replied { reply: Reply::Generated(generated), .. } => generated.text.push('!'),
                Entry::Failed { message, .. } => message.push('!'),
                _ => continue,
            }
            tried += 1;
            assert_ne!(again(&whole, &journal).differences, [], "entry {at}");
        }
        assert!(tried > 5, "{tried}");
    }

    #[test]
    fn another_request_than_was_answered_is_told_and_not_answered() {
        let whole = run(&steps(1), Carry::default(), 1);
        let mut journal = whole.journal.clone();
        for entry in &mut journal {
            if let Entry::Asked { digest, .. } = entry {
                *digest = Digest::of("another question");
                break;
            }
        }
        let found = again(&whole, &journal).differences;
        assert!(found.iter().any(|difference| difference.part == "request"), "{found:?}");
    }
}
