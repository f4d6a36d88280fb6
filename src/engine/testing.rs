//! Toy step kinds, a scripted world and a simulator for the tests of this room.
//!
//! The world answers each request by what the request says, so the same request always gets the same answer. The
//! simulator carries actions out as the runtime does, in a random order, and can stop the process at any journal entry.

use super::*;
use crate::base::{CycleNo, Digest, ItemId, Money, RequestKey, Rng, StepId, Timestamp, WorkflowId};
use crate::client_os::Snapshot;
use crate::model::goods::{Brief, Claim, Outline, Provenance, Receipt, Revision, Signal, SignalKind, Writer};
use crate::model::{
    Cap, CapUnit, Channel, Config, Good, GoodKind, Item, Layer, Provider, Scalar, Step, Untrusted, Window, Wire, Workflow,
};
use crate::step::request::ExpiryAction;
use crate::step::spec::no_tunables;
use crate::step::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};

pub(crate) const NOW: Timestamp = Timestamp(1_795_327_200_000);

type Advance = fn(&StepContext<'_>) -> Result<Turn, StepError>;

struct Toy {
    spec: &'static KindSpec,
    advance: Advance,
}

impl StepKind for Toy {
    fn spec(&self) -> &'static KindSpec {
        self.spec
    }

    fn advance(&self, cx: &StepContext<'_>) -> Result<Turn, StepError> {
        (self.advance)(cx)
    }
}

fn spec(verb: &'static str, mode: Mode) -> KindSpec {
    KindSpec {
        verb,
        connector: None,
        layers: &[],
        summary: "",
        doc: "",
        takes: GoodKind::ALL,
        gives: GoodKind::ALL,
        mode,
        nodes: &[],
        example: "",
        keeps: None,
        generates: false,
        publishes: false,
        decides: false,
        tunables: no_tunables,
    }
}

/// The toys as a registry. Kinds live as long as the process.
pub(crate) fn registry() -> &'static Registry {
    static REGISTRY: LazyLock<Registry> = LazyLock::new(|| {
        let toys: [(KindSpec, Advance); 9] = [
            (spec("read", Mode::Source), read),
            (spec("copy", Mode::Each), copy),
            (spec("join", Mode::All), join),
            (KindSpec { generates: true, ..spec("write", Mode::Each) }, write),
            (KindSpec { decides: true, ..spec("gate", Mode::Each) }, gate),
            (KindSpec { publishes: true, ..spec("send", Mode::Each) }, send),
            (KindSpec { keeps: Some("a count"), ..spec("learn", Mode::All) }, learn),
            (spec("invent", Mode::Source), invent),
            (spec("pause", Mode::Each), pause),
        ];
        let leak =
            |(spec, advance)| -> &'static dyn StepKind { Box::leak(Box::new(Toy { spec: Box::leak(Box::new(spec)), advance })) };
        Registry { kinds: toys.into_iter().map(leak).collect(), providers: &[], channels: &[] }
    });
    &REGISTRY
}

pub(crate) fn signal(step: &str, topic: &str) -> Signal {
    Signal::new(SignalKind::Note, topic, Untrusted::new(topic), step, NOW, Digest::of(topic))
}

fn topic(item: &Item) -> String {
    match &item.good {
        Good::Signal(signal) => signal.topic.clone(),
        Good::Outline(outline) => outline.title.clone(),
        good => good.title(),
    }
}

/// Reads `pages` files in a first turn and one more in a second, then gives `count` signals.
fn read(cx: &StepContext<'_>) -> Result<Turn, StepError> {
    let page = |n: i64| Request::Fetch(Fetch::new(Target::File(format!("{}/{n}", cx.step.id))));
    let pages = cx.config().integer("pages").unwrap_or(2);
    match cx.replies.len() {
        0 => return Ok(Turn::Ask((0..pages).map(page).collect())),
        1 => return Ok(Turn::Ask(vec![page(99)])),
        _ => {}
    }
    let texts: Vec<String> = cx.replies.iter().flatten().map(|reply| format!("{reply:?}")).collect();
    if cx.config().flag("breaks") {
        return Err(StepError::new("the feed is unreadable").help("look at it"));
    }
    let mut output = Output { headline: Some(format!("{} pages", texts.len())), ..Output::default() };
    for n in 0..cx.config().integer("count").unwrap_or(3) {
        output.give(signal(cx.step.id.as_str(), &format!("{}-{n}", cx.step.id)), Vec::new());
    }
    output.note(NoteLevel::Info, Digest::of(texts.join("|")).short(8));
    Ok(Turn::Done(output))
}

/// Gives each signal on under its own name, twice when `twice` is set.
fn copy(cx: &StepContext<'_>) -> Result<Turn, StepError> {
    let mut output = Output::default();
    let bias = cx.parameter("bias", 0.0);
    for n in 0..if cx.config().flag("twice") { 2 } else { 1 } {
        let text = format!("{}.{n}.{bias}", topic(&cx.inputs[0]));
        output.give(signal(cx.step.id.as_str(), &text), vec![cx.inputs[0].id]);
    }
    Ok(Turn::Done(output))
}

/// One signal that names all inputs in their order.
fn join(cx: &StepContext<'_>) -> Result<Turn, StepError> {
    let mut output = Output::default();
    let topics: Vec<String> = cx.inputs.iter().map(|item| topic(item)).collect();
    output.give(signal(cx.step.id.as_str(), &topics.join(" ")), cx.inputs.iter().map(|item| item.id).collect());
    Ok(Turn::Done(output))
}

fn outline(cx: &StepContext<'_>, title: &str, text: &str, signals: Vec<ItemId>) -> Outline {
    let claim = Claim { id: "c1".to_owned(), text: String::new(), quote: Untrusted::default(), url: None, signal: signals[0] };
    Outline {
        title: title.to_owned(),
        text: text.to_owned(),
        brief: Brief {
            title: title.to_owned(),
            topic: title.to_owned(),
            pillar: None,
            audience: String::new(),
            angle: String::new(),
            claims: vec![claim],
            avoid: Vec::new(),
            cta: None,
            related: Vec::new(),
            evidence: Vec::new(),
            score: 0.5,
            rank: 1,
            volume: None,
            growth: None,
            intent: None,
        },
        provenance: Provenance::new(signals, cx.client_os.digest()).expect("one signal"),
        writer: Writer {
            provider: "drafter".to_owned(),
            model: "toy".to_owned(),
            tokens: 0,
            cost: None,
            prompt: Digest::of(title),
        },
        revision: Revision::Generated,
        approved_by: None,
    }
}

/// Two texts in two turns. Topics that end in `-1` fail and those that end in `-2` give nothing when `picky` is set.
fn write(cx: &StepContext<'_>) -> Result<Turn, StepError> {
    let topic = topic(&cx.inputs[0]);
    let generate = |task: &str| {
        Request::Generate(Generate {
            provider: "drafter".to_owned(),
            task: task.to_owned(),
            system: String::new(),
            prompt: format!("{task} {topic}"),
            composed: String::new(),
            max_tokens: 100,
            schema: None,
        })
    };
    match cx.replies.len() {
        0 => return Ok(Turn::Ask(vec![generate("outline")])),
        1 => return Ok(Turn::Ask(vec![generate("title"), generate("text")])),
        _ => {}
    }
    if cx.config().flag("picky") && topic.contains("-1") {
        return Err(StepError::new("the text is not good"));
    }
    let mut output = Output::default();
    if !(cx.config().flag("picky") && topic.contains("-2")) {
        let text: Vec<String> = cx.replies.iter().flatten().map(|reply| format!("{reply:?}")).collect();
        output.give(outline(cx, &topic, &text.join("\n"), vec![cx.inputs[0].id]), vec![cx.inputs[0].id]);
    }
    Ok(Turn::Done(output))
}

fn gate(cx: &StepContext<'_>) -> Result<Turn, StepError> {
    let item = &cx.inputs[0];
    let Some(reply) = cx.replies.first().and_then(|replies| replies.first()) else {
        return Ok(Turn::Ask(vec![Request::Approve(Approve {
            item: item.id,
            title: topic(item),
            text: String::new(),
            by: vec!["team".to_owned()],
            expires: cx.config().integer("expires").map(|hours| Timestamp(NOW.0 + hours * 3_600_000)),
            on_expiry: ExpiryAction::Reject,
            pins: item.id.0,
        })]));
    };
    let mut output = Output::default();
    if let (Reply::Decided(Decision { verdict: Verdict::Approve, by, .. }), Good::Outline(outline)) = (reply, &item.good) {
        let approved = Outline { approved_by: Some(by.clone()), ..outline.clone() };
        output.give(approved, vec![item.id]);
    }
    Ok(Turn::Done(output))
}

fn send(cx: &StepContext<'_>) -> Result<Turn, StepError> {
    let item = &cx.inputs[0];
    let key = format!("{}/{}", cx.step.id, item.id);
    match cx.replies.first().and_then(|replies| replies.first()) {
        None => Ok(Turn::Ask(vec![Request::Publish(Publish {
            channel: "blog".to_owned(),
            key,
            title: topic(item),
            text: String::new(),
            fields: BTreeMap::new(),
            at: cx.now,
        })])),
        Some(Reply::Published(published)) => {
            let mut output = Output::default();
            let receipt = Receipt {
                placement: item.id,
                title: topic(item),
                topic: topic(item),
                pillar: None,
                channel: "blog".to_owned(),
                key,
                location: published.location.clone(),
                at: published.at,
                edited: false,
            };
            output.give(receipt, vec![item.id]);
            Ok(Turn::Done(output))
        }
        Some(other) => Err(StepError::new(format!("not sent: {other:?}"))),
    }
}

/// Counts its inputs over all cycles and tunes `copies.bias`.
fn learn(cx: &StepContext<'_>) -> Result<Turn, StepError> {
    let before = cx.state.and_then(serde_json::Value::as_i64).unwrap_or(0);
    let old = cx.parameters.get("copies.bias").copied().unwrap_or(0.0);
    Ok(Turn::Done(Output {
        state: Some((before + cx.inputs.len() as i64).into()),
        parameters: vec![ParameterChange { path: "copies.bias".to_owned(), old, new: old + 0.5, evidence: String::new() }],
        ..Output::default()
    }))
}

/// A piece from nowhere.
fn invent(cx: &StepContext<'_>) -> Result<Turn, StepError> {
    let mut output = Output::default();
    output.give(outline(cx, "An idea", "", vec![ItemId(Digest::of("nobody"))]), Vec::new());
    Ok(Turn::Done(output))
}

fn pause(cx: &StepContext<'_>) -> Result<Turn, StepError> {
    if cx.replies.is_empty() {
        return Ok(Turn::Ask(vec![Request::Wait(Timestamp(cx.now.0 + 1_000))]));
    }
    copy(cx)
}

/// A step with whole-number and flag settings: `step("read", "a", &[], &[("count", 3)])`; a flag is any name with 1.
pub(crate) fn step(verb: &str, name: &str, from: &[&str], settings: &[(&str, i64)]) -> Step {
    let node = |(name, value): &(&str, i64)| Config {
        name: (*name).to_owned(),
        args: vec![if ["twice", "picky", "breaks"].contains(name) { Scalar::Bool(*value == 1) } else { Scalar::Integer(*value) }],
        ..Config::default()
    };
    Step {
        id: StepId::new(name),
        layer: Layer::Production,
        verb: verb.to_owned(),
        connector: None,
        config: Config { name: verb.to_owned(), children: settings.iter().map(node).collect(), ..Config::default() },
        from: from.iter().map(|from| Wire { from: StepId::new(from), carries: GoodKind::ALL.to_vec() }).collect(),
        caps: Vec::new(),
        files: BTreeMap::new(),
        span: Default::default(),
    }
}

pub(crate) fn capped(mut step: Step, unit: CapUnit, most: i64, per: Window) -> Step {
    step.caps.push(Cap { key: step.id.to_string(), unit, most, per });
    step
}

pub(crate) fn workflow(steps: Vec<Step>) -> Workflow {
    let provider = Provider { name: "drafter".to_owned(), kind: "toy".to_owned(), config: Config::default() };
    let channel = Channel { name: "blog".to_owned(), kind: "toy".to_owned(), config: Config::default() };
    Workflow {
        id: WorkflowId::new("toy"),
        about: String::new(),
        folder: String::new(),
        client_os: None,
        zone: jiff::tz::TimeZone::UTC,
        every: None,
        at_minute: None,
        recorded_from: None,
        concurrency: 3,
        caps: Vec::new(),
        steps,
        providers: BTreeMap::from([(provider.name.clone(), provider)]),
        channels: BTreeMap::from([(channel.name.clone(), channel)]),
        templates: BTreeMap::new(),
    }
}

pub(crate) fn pins(workflow: &Workflow, client_os: &Snapshot, cycle: u32) -> Pins {
    Pins {
        workflow: workflow.id.clone(),
        cycle: CycleNo(cycle),
        now: Timestamp(NOW.0 + i64::from(cycle - 1) * 86_400_000),
        seed: u64::from(cycle),
        workflow_digest: workflow.digest(),
        client_os_digest: client_os.digest(),
    }
}

/// What the world has seen.
#[derive(Default)]
pub(crate) struct World {
    /// How often a piece was really sent, by its key.
    pub sent: BTreeMap<String, u32>,
    pub performed: BTreeMap<RequestKey, u32>,
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
            Request::Generate(generate) => Reply::Generated(Generated {
                text: generate.prompt.to_uppercase(),
                model: "toy".to_owned(),
                tokens_in: 10,
                tokens_out: 20 + Digest::of(&generate.prompt).seed() % 70,
                cost: self.cost.clone(),
            }),
            Request::Publish(publish) => {
                *self.sent.entry(publish.key.clone()).or_default() += 1;
                Reply::Published(published(&publish.key))
            }
            Request::Wait(until) => Reply::Elapsed(*until),
            Request::Approve(_) => unreachable!("gates are not performed"),
        }
    }
}

pub(crate) fn published(key: &str) -> Published {
    Published { location: format!("out/{key}"), version: None, at: NOW }
}

pub(crate) fn failed(kind: FailureKind) -> Reply {
    Reply::Failed(Failure { kind, message: "no answer".to_owned(), help: None, attempts: 3 })
}

/// Two thirds are approved, by what they are and not by chance.
pub(crate) fn verdict(approve: &Approve) -> Verdict {
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
}

impl Simulation {
    pub fn new(workflow: Workflow, carry: Carry, cycle: u32, seed: u64) -> Simulation {
        let (workflow, client_os) = (Arc::new(workflow), Arc::new(Snapshot::default()));
        let pins = pins(&workflow, &client_os, cycle);
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

    /// Somebody answers the n-th thing that waits for people.
    fn people(&mut self, n: usize) {
        let gates = self.cycle.gates();
        if let Some(gate) = gates.get(n) {
            let decision = Decision { verdict: verdict(&gate.approve), by: "ann".to_owned(), at: NOW, pins: gate.approve.pins };
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
