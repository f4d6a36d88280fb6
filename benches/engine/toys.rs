//! Step kinds that do next to nothing, so that what is measured is the engine; and workflows made of them.

use loopctl::base::{CycleNo, Digest, RequestKey, StepId, Timestamp, WorkflowId};
use loopctl::engine::Entry;
use loopctl::model::goods::{Signal, SignalKind};
use loopctl::model::{Channel, Config, GoodKind, Kinds, Layer, Scalar, Step, Untrusted, Wire, Workflow};
use loopctl::runtime::{CycleStatus, Journal, JournalError, World};
use loopctl::step::request::ExpiryAction;
use loopctl::step::spec::no_tunables;
use loopctl::step::{
    Approve, KindSpec, Mode, Output, Publish, Published, Registry, Reply, Request, StepContext, StepError, StepKind, Turn,
};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::LazyLock;

pub const NOW: Timestamp = Timestamp(1_795_327_200_000);

type Advance = fn(&StepContext<'_>) -> Turn;

struct Toy {
    spec: &'static KindSpec,
    advance: Advance,
}

impl StepKind for Toy {
    fn spec(&self) -> &'static KindSpec {
        self.spec
    }

    fn advance(&self, cx: &StepContext<'_>) -> Result<Turn, StepError> {
        Ok((self.advance)(cx))
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

/// The toys. They live as long as the process.
pub fn registry() -> &'static Registry {
    static REGISTRY: LazyLock<Registry> = LazyLock::new(|| {
        let toys: [(KindSpec, Advance); 6] = [
            (spec("begin", Mode::Source), begin),
            (spec("pass", Mode::Each), pass),
            (spec("nothing", Mode::All), |_| Turn::Done(Output::default())),
            (spec("join", Mode::All), join),
            (KindSpec { publishes: true, ..spec("send", Mode::All) }, send),
            (KindSpec { decides: true, ..spec("hold", Mode::All) }, hold),
        ];
        let leak =
            |(spec, advance)| -> &'static dyn StepKind { Box::leak(Box::new(Toy { spec: Box::leak(Box::new(spec)), advance })) };
        Registry { kinds: toys.into_iter().map(leak).collect(), providers: &[], channels: &[] }
    });
    &REGISTRY
}

fn signal(cx: &StepContext<'_>, topic: &str) -> Signal {
    let content = Digest::of(format!("{}/{topic}", cx.step.id));
    Signal::new(SignalKind::Note, topic, Untrusted::new(topic), cx.step.id.as_str(), NOW, content)
}

/// Gives `count` signals.
fn begin(cx: &StepContext<'_>) -> Turn {
    let mut output = Output::default();
    for n in 0..cx.config().integer("count").unwrap_or(1) {
        output.give(signal(cx, &n.to_string()), Vec::new());
    }
    Turn::Done(output)
}

/// Gives each item on as one of its own.
fn pass(cx: &StepContext<'_>) -> Turn {
    let mut output = Output::default();
    let title = cx.inputs[0].good.title();
    output.give(signal(cx, &title), vec![cx.inputs[0].id]);
    Turn::Done(output)
}

/// One signal from all.
fn join(cx: &StepContext<'_>) -> Turn {
    let mut output = Output::default();
    output.give(signal(cx, "all"), cx.inputs.iter().map(|item| item.id).collect());
    Turn::Done(output)
}

/// An effect, so the journal must be on the disk before it and after it.
fn send(cx: &StepContext<'_>) -> Turn {
    if !cx.replies.is_empty() {
        return Turn::Done(Output::default());
    }
    Turn::Ask(vec![Request::Publish(Publish {
        update: false,
        over: None,
        channel: "blog".to_owned(),
        key: cx.step.id.to_string(),
        title: String::new(),
        text: String::new(),
        fields: BTreeMap::new(),
        at: cx.now,
        people: None,
    })])
}

/// Waits for a person who never comes, so that the cycle stays open.
fn hold(cx: &StepContext<'_>) -> Turn {
    let item = &cx.inputs[0];
    Turn::Ask(vec![Request::Approve(Approve {
        item: item.id,
        title: String::new(),
        text: String::new(),
        by: vec!["nobody".to_owned()],
        expires: None,
        on_expiry: ExpiryAction::Reject,
        rules: Default::default(),
        pins: item.id.0,
        again: None,
        nudging: Default::default(),
    })])
}

/// A verb as the compiler hands it over: the word of its kind.
fn word(verb: &str) -> Cow<'static, str> {
    registry().find(verb, None).expect("a toy").spec().verb.into()
}

fn step(verb: &str, name: String, from: Vec<StepId>, count: Option<i64>) -> Step {
    let node = |count| Config { name: "count".into(), args: [Scalar::Integer(count)].into(), ..Config::default() };
    let children = count.map(node).into_iter().collect();
    Step {
        id: StepId::new(&name),
        layer: Layer::Production,
        verb: word(verb),
        connector: None,
        config: Config { name: word(verb), children, ..Config::default() },
        from: from.into_iter().map(|from| Wire { from, carries: Kinds::of(GoodKind::ALL) }).collect(),
        caps: Vec::new(),
        priority: 0,
        files: BTreeMap::new(),
        span: Default::default(),
    }
}

fn workflow(name: &str, steps: Vec<Step>) -> Workflow {
    let channel = Channel { name: "blog".to_owned(), kind: "toy".to_owned(), config: Config::default() };
    Workflow {
        id: WorkflowId::new(name),
        about: String::new(),
        folder: String::new(),
        client_os: None,
        zone: jiff::tz::TimeZone::UTC,
        every: None,
        at_minute: None,
        calendar: Default::default(),
        recorded_from: None,
        notify: Vec::new(),
        concurrency: 64,
        caps: Vec::new(),
        steps,
        providers: BTreeMap::new(),
        channels: BTreeMap::from([(channel.name.clone(), channel)]),
        templates: BTreeMap::new(),
        digested: Default::default(),
    }
}

/// `length` steps in a row, of which the first gives `items`; `then` follows when it is named.
pub fn chain(name: &str, verb: &str, length: usize, items: i64, then: Option<&str>) -> Workflow {
    let mut steps = Vec::with_capacity(length + 2);
    steps.push(step("begin", "step-0".to_owned(), Vec::new(), Some(items)));
    let verbs = std::iter::repeat_n(verb, length - 1).chain(then);
    for (n, verb) in (1..).zip(verbs) {
        let before: &Step = &steps[n - 1];
        // The name of the step before, not a copy of it, as the compiler makes wires.
        let from = vec![before.id.clone()];
        steps.push(step(verb, format!("step-{n}"), from, None));
    }
    workflow(name, steps)
}

/// One step, `width` steps that read from it, and one that reads from them all.
pub fn fan_of_steps(name: &str, width: usize) -> Workflow {
    let mut steps = vec![step("begin", "first".to_owned(), Vec::new(), Some(1))];
    let id = |n: usize| format!("step-{n}");
    steps.extend((0..width).map(|n| step("nothing", id(n), vec![StepId::new("first")], None)));
    steps.push(step("join", "join".to_owned(), (0..width).map(|n| StepId::new(id(n))).collect(), None));
    workflow(name, steps)
}

/// One step that gives `width` items, one that is called for each of them, and one that takes them all.
pub fn fan_of_items(name: &str, width: i64) -> Workflow {
    let from = |name: &str| vec![StepId::new(name)];
    let steps = vec![
        step("begin", "first".to_owned(), Vec::new(), Some(width)),
        step("pass", "each".to_owned(), from("first"), None),
        step("join", "join".to_owned(), from("each"), None),
    ];
    workflow(name, steps)
}

/// A world in which everything has happened as soon as it is asked for.
pub struct Instant;

impl World for Instant {
    fn perform<'a>(&'a self, key: &'a RequestKey, _: &'a Request) -> Pin<Box<dyn Future<Output = Reply> + Send + 'a>> {
        let location = key.task.step.to_string();
        Box::pin(async move { Reply::Published(Published { location, version: None, at: NOW, reach: None }) })
    }
}

/// A journal that brings every finished step to the disk on its own, and counts what it brings there.
pub struct Strict<'a> {
    pub journal: &'a mut dyn Journal,
    /// Otherwise it only counts.
    pub each_step: bool,
    pub commits: usize,
}

impl Journal for Strict<'_> {
    fn append(&mut self, workflow: &WorkflowId, cycle: CycleNo, entries: &[Entry], durable: bool) -> Result<(), JournalError> {
        if !self.each_step {
            self.commits += usize::from(durable);
            return self.journal.append(workflow, cycle, entries, durable);
        }
        for step in entries.split_inclusive(|entry| matches!(entry, Entry::Done { .. })) {
            self.journal.append(workflow, cycle, step, true)?;
            self.commits += 1;
        }
        Ok(())
    }

    fn read(&self, workflow: &WorkflowId, cycle: CycleNo) -> Result<Vec<Entry>, JournalError> {
        self.journal.read(workflow, cycle)
    }

    fn cycles(&self, workflow: &WorkflowId) -> Result<Vec<(CycleNo, CycleStatus)>, JournalError> {
        self.journal.cycles(workflow)
    }

    fn workflows(&self) -> Result<Vec<WorkflowId>, JournalError> {
        self.journal.workflows()
    }

    fn carry(&self, workflow: &WorkflowId) -> Result<loopctl::engine::Carry, JournalError> {
        self.journal.carry(workflow)
    }

    fn operate(&mut self, workflow: &WorkflowId, operation: &loopctl::model::Operation) -> Result<(), JournalError> {
        self.journal.operate(workflow, operation)
    }

    fn operations(&self, workflow: &WorkflowId) -> Result<Vec<loopctl::model::Operation>, JournalError> {
        self.journal.operations(workflow)
    }
}
