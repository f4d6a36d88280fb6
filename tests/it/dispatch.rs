//! Whole cycles through the runtime: real cycle, real journal, a world that can be counted.

use loopctl::base::{CycleNo, Digest, RequestKey, StepId, Timestamp, WorkflowId};
use loopctl::client_os::Snapshot;
use loopctl::engine::{Cycle, Entry, Notice};
use loopctl::model::goods::{GoodKind, Signal, SignalKind};
use loopctl::model::{Config, Kinds, Layer, Step, Untrusted, Wire, Workflow};
use loopctl::runtime::{
    CycleStatus, DriveOptions, FixedClock, GatePolicy, Journal, JournalError, Outcome, Ran, Run, RunError, StopHandle,
    StopSignal, Which, World, decide, open_gates, recover, run_cycle, stop_pair,
};
use loopctl::step::request::ExpiryAction;
use loopctl::step::{
    Approve, Body, Decision, Fetch, Fetched, KindSpec, Mode, Output, Publish, Published, Query, Registry, Reply, Request,
    StepContext, StepError, StepKind, Target, Turn, Verdict, spec::no_tunables,
};
use loopctl::store::{LogJournal, MemoryStore};
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const SPEC: KindSpec = KindSpec {
    verb: "read",
    connector: None,
    layers: &[],
    summary: "A kind for tests.",
    doc: "",
    takes: &[],
    gives: &[GoodKind::Signal],
    mode: Mode::Source,
    nodes: &[],
    example: "",
    keeps: None,
    generates: false,
    publishes: false,
    decides: false,
    tunables: no_tunables,
};

/// Asks for six pages at once and gives a signal for each.
struct Read;

const PAGES: usize = 6;

impl StepKind for Read {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    fn advance(&self, cx: &StepContext<'_>) -> Result<Turn, StepError> {
        let Some(replies) = cx.replies.first() else {
            let page = |index: usize| Request::Fetch(Fetch::new(Target::File(format!("page-{index}"))));
            return Ok(Turn::Ask((0..PAGES).map(page).collect()));
        };
        let mut output = Output::default();
        for (reply, index) in replies.iter().zip(0..) {
            let Reply::Fetched(Fetched::Content { body, .. }) = reply else {
                return Err(StepError::new("a page is missing"));
            };
            output.give(signal(format!("topic {index}"), body.digest()), Vec::new());
        }
        Ok(Turn::Done(output))
    }
}

fn signal(topic: String, content: Digest) -> Signal {
    Signal::new(SignalKind::Note, topic.clone(), Untrusted::new(topic), "read", Timestamp(0), content)
}

/// Asks people about each signal.
struct Ask;

impl StepKind for Ask {
    fn spec(&self) -> &'static KindSpec {
        const ASK: KindSpec = KindSpec { verb: "ask", takes: &[GoodKind::Signal], mode: Mode::Each, decides: true, ..SPEC };
        &ASK
    }

    fn advance(&self, cx: &StepContext<'_>) -> Result<Turn, StepError> {
        let item = &cx.inputs[0];
        let Some(replies) = cx.replies.first() else {
            return Ok(Turn::Ask(vec![Request::Approve(Approve {
                item: item.id,
                title: item.good.title(),
                text: item.good.title(),
                by: vec!["ana".to_owned()],
                expires: Some(cx.now + Duration::from_secs(3600)),
                on_expiry: ExpiryAction::Reject,
                pins: item.id.0,
                rules: Default::default(),
                nudging: Default::default(),
                again: None,
            })]));
        };
        let mut output = Output::default();
        if let Some(Reply::Decided(Decision { verdict: Verdict::Approve, .. })) = replies.first() {
            output.give(signal(format!("approved {}", item.good.title()), item.id.0), vec![item.id]);
        }
        Ok(Turn::Done(output))
    }
}

/// Publishes each signal.
struct Send;

impl StepKind for Send {
    fn spec(&self) -> &'static KindSpec {
        const SEND: KindSpec = KindSpec { verb: "send", takes: &[GoodKind::Signal], mode: Mode::Each, publishes: true, ..SPEC };
        &SEND
    }

    fn advance(&self, cx: &StepContext<'_>) -> Result<Turn, StepError> {
        let item = &cx.inputs[0];
        let Some(replies) = cx.replies.first() else {
            return Ok(Turn::Ask(vec![Request::Publish(Publish {
                update: false,
                over: None,
                channel: "blog".to_owned(),
                key: item.id.to_string(),
                title: item.good.title(),
                text: String::new(),
                fields: BTreeMap::new(),
                at: cx.now,
                people: None,
            })]));
        };
        match &replies[0] {
            Reply::Published(published) => {
                let mut output = Output::default();
                output.give(signal(format!("sent {}", item.good.title()), Digest::of(&published.location)), vec![item.id]);
                Ok(Turn::Done(output))
            }
            other => Err(StepError::new(format!("not sent: {other:?}"))),
        }
    }
}

fn registry() -> Registry {
    Registry { kinds: vec![&Read, &Ask, &Send], providers: &[], channels: &[] }
}

fn workflow(steps: &[(&str, Option<&str>)]) -> Arc<Workflow> {
    let step = |(verb, from): &(&str, Option<&str>)| Step {
        id: StepId::new(verb),
        layer: Layer::Intelligence,
        verb: (*verb).to_owned().into(),
        connector: None,
        config: Config::default(),
        from: from.iter().map(|from| Wire { from: StepId::new(from), carries: Kinds::of(&[GoodKind::Signal]) }).collect(),
        caps: Vec::new(),
        priority: 0,
        files: BTreeMap::new(),
        span: Default::default(),
    };
    Arc::new(Workflow {
        id: WorkflowId::new("tested"),
        about: String::new(),
        folder: ".".to_owned(),
        client_os: None,
        zone: jiff::tz::TimeZone::UTC,
        every: Some(Duration::from_secs(86_400)),
        at_minute: None,
        calendar: Default::default(),
        recorded_from: Some(Timestamp(1_700_000_000_000)),
        notify: Vec::new(),
        concurrency: 4,
        caps: Vec::new(),
        steps: steps.iter().map(step).collect(),
        providers: BTreeMap::new(),
        channels: BTreeMap::new(),
        templates: BTreeMap::new(),
        digested: Default::default(),
    })
}

fn all_three() -> Arc<Workflow> {
    workflow(&[("read", None), ("ask", Some("read")), ("send", Some("ask"))])
}

/// Answers everything and remembers what it was asked. A piece is placed once per key, as at a good channel.
#[derive(Default)]
struct Counted {
    performed: Mutex<Vec<(RequestKey, &'static str)>>,
    placed: Mutex<BTreeMap<String, usize>>,
    panics: bool,
    hangs: bool,
}

impl Counted {
    fn count(&self, what: &str) -> usize {
        self.performed.lock().unwrap().iter().filter(|(_, name)| *name == what).count()
    }

    fn answer(&self, key: &RequestKey, request: &Request) -> Reply {
        let published = |key: &str| Published { location: format!("/{key}"), version: None, at: Timestamp(5), reach: None };
        let (name, reply) = match request {
            Request::Fetch(Fetch { target, .. }) => {
                let body = Body::new(format!("{target:?}").into_bytes());
                let content =
                    Fetched::Content { body, content_type: None, etag: None, last_modified: None, place: String::new() };
                ("fetch", Reply::Fetched(content))
            }
            Request::Publish(publish) => {
                *self.placed.lock().unwrap().entry(publish.key.clone()).or_default() += 1;
                ("publish", Reply::Published(published(&publish.key)))
            }
            Request::Query(Query::Placed { key, .. }) => {
                ("query", Reply::Placed(self.placed.lock().unwrap().contains_key(key).then(|| published(key))))
            }
            Request::Approve(approve) => ("approve", Reply::Decided(approval(approve.pins))),
            Request::Wait(at) => ("wait", Reply::Elapsed(*at)),
            Request::Query(Query::Audience { .. }) => unreachable!("no test counts people"),
            Request::Generate(_) => unreachable!("no test generates"),
        };
        self.performed.lock().unwrap().push((key.clone(), name));
        reply
    }
}

fn approval(pins: Digest) -> Decision {
    Decision::new(Verdict::Approve, "ana", Timestamp(1_700_000_000_000), pins)
}

impl World for Counted {
    fn perform<'a>(
        &'a self,
        key: &'a RequestKey,
        request: &'a Request,
    ) -> Pin<Box<dyn Future<Output = Reply> + std::marker::Send + 'a>> {
        Box::pin(async move {
            assert!(!self.panics, "a world that breaks");
            if self.hangs && key.index == 0 {
                std::future::pending::<()>().await;
            }
            self.answer(key, request)
        })
    }
}

/// One run with everything a test may want to choose.
struct Scene {
    workflow: Arc<Workflow>,
    world: Arc<Counted>,
    clock: FixedClock,
    gates: GatePolicy,
    stop: StopSignal,
}

impl Scene {
    fn new(workflow: Arc<Workflow>) -> Scene {
        Scene {
            workflow,
            world: Arc::default(),
            clock: FixedClock::new(Timestamp(1_700_000_000_000)),
            gates: GatePolicy::AskWorld,
            stop: StopSignal::never(),
        }
    }

    fn run(&self, journal: &mut dyn Journal) -> Result<Ran, RunError> {
        self.run_telling(journal, &mut |_| {})
    }

    fn run_telling(&self, journal: &mut dyn Journal, progress: &mut dyn FnMut(&Notice)) -> Result<Ran, RunError> {
        let registry = registry();
        let run = Run {
            sources: Default::default(),
            workflow: self.workflow.clone(),
            registry: &registry,
            client_os: Arc::new(Snapshot::default()),
            journal,
            world: self.world.clone(),
            clock: &self.clock,
            stop: self.stop.clone(),
            which: Which::OpenOrNext,
            options: DriveOptions { gates: self.gates, grace: Duration::from_millis(50) },
        };
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(run_cycle(run, progress))
    }
}

fn outputs(cycle: &Cycle) -> Vec<String> {
    let mut titles: Vec<_> = cycle.outputs(&StepId::new("send")).iter().map(|item| item.id.to_string()).collect();
    titles.sort();
    titles
}

#[test]
fn a_cycle_runs_to_its_end_and_the_next_one_opens_later() {
    let scene = Scene::new(all_three());
    let mut journal = LogJournal::new(MemoryStore::new());
    let mut notices = 0;
    let ran = scene.run_telling(&mut journal, &mut |_| notices += 1).expect("a whole cycle");
    assert_eq!((ran.outcome, ran.resumed), (Outcome::Finished, false));
    assert_eq!(outputs(&ran.cycle).len(), PAGES);
    assert!(notices > 0);
    assert_eq!(scene.world.count("publish"), PAGES);
    let second = scene.run(&mut journal).expect("the next cycle");
    assert_eq!(second.cycle.pins().cycle, CycleNo(2));
    assert_eq!(second.cycle.pins().now, Timestamp(1_700_000_000_000 + 86_400_000));
    assert_ne!(second.cycle.pins().seed, ran.cycle.pins().seed);
    let cycles = journal.cycles(&scene.workflow.id).expect("readable");
    assert_eq!(cycles, [(CycleNo(1), CycleStatus::Closed), (CycleNo(2), CycleStatus::Closed)]);
}

#[test]
fn a_cycle_parks_at_its_gates_and_goes_on_when_people_have_decided() {
    let scene = Scene { gates: GatePolicy::Inbox, ..Scene::new(all_three()) };
    let mut journal = LogJournal::new(MemoryStore::new());
    let ran = scene.run(&mut journal).expect("up to the gates");
    let expiry = ran.cycle.pins().now + Duration::from_secs(3600);
    let until = Some(expiry);
    assert_eq!(ran.outcome, Outcome::Parked { waiting: PAGES, until });
    assert_eq!(scene.world.count("publish"), 0);

    let (workflow, cycle) = (scene.workflow.id.clone(), CycleNo(1));
    let gates = open_gates(&journal, &workflow, cycle).expect("readable");
    let of_cycle: Vec<_> = ran.cycle.gates().into_iter().map(|gate| gate.key).collect();
    assert_eq!(gates.iter().map(|gate| gate.key.clone()).collect::<Vec<_>>(), of_cycle);

    // In any order; a decision about something else, a late one and a second one are refused.
    let gate = &gates[4];
    let wrong = decide(&mut journal, &workflow, cycle, &gate.key, approval(Digest::of("other")));
    assert!(wrong.expect_err("other pins").to_string().contains("changed since"));
    let late = Decision { at: expiry, ..approval(gate.approve.pins) };
    assert!(decide(&mut journal, &workflow, cycle, &gate.key, late).expect_err("late").to_string().contains("expired"));
    decide(&mut journal, &workflow, cycle, &gate.key, approval(gate.approve.pins)).expect("taken");
    assert!(decide(&mut journal, &workflow, cycle, &gate.key, approval(gate.approve.pins)).is_err());

    let ran = scene.run(&mut journal).expect("one piece further");
    assert_eq!((ran.outcome, ran.resumed), (Outcome::Parked { waiting: PAGES - 1, until }, true));
    assert_eq!((scene.world.count("publish"), scene.world.count("fetch")), (1, PAGES));

    // The others expire, and the cycle comes to its end.
    scene.clock.set(expiry);
    let ran = scene.run(&mut journal).expect("the end");
    assert_eq!(ran.outcome, Outcome::Finished);
    assert_eq!(outputs(&ran.cycle).len(), 1);
}

/// A journal that fails at its n-th append, as if the process had been killed there.
struct Failing<'a> {
    journal: &'a mut LogJournal<MemoryStore>,
    left: usize,
}

impl Journal for Failing<'_> {
    fn append(&mut self, workflow: &WorkflowId, cycle: CycleNo, entries: &[Entry], durable: bool) -> Result<(), JournalError> {
        if self.left == 0 {
            let (message, help) = ("killed".to_owned(), String::new());
            return Err(JournalError { code: "test::killed", message, help, source: None });
        }
        self.left -= 1;
        self.journal.append(workflow, cycle, entries, durable)
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

#[test]
fn a_crash_at_any_append_changes_nothing_and_sends_nothing_twice() {
    let clean = {
        let scene = Scene::new(all_three());
        outputs(&scene.run(&mut LogJournal::new(MemoryStore::new())).expect("a whole cycle").cycle)
    };
    let mut crashes = 0;
    for appends in 0.. {
        let scene = Scene::new(all_three());
        let store = MemoryStore::new();
        let mut journal = LogJournal::new(store.clone());
        let first = scene.run(&mut Failing { journal: &mut journal, left: appends });
        let finished = match first {
            Ok(ran) => ran.cycle,
            Err(error) => {
                assert_eq!(error.code(), "test::killed");
                crashes += 1;
                // What only waited in memory is gone, as after a real kill.
                journal.abandon();
                let mut journal = LogJournal::new(store);
                if journal.cycles(&scene.workflow.id).expect("readable") == [(CycleNo(1), CycleStatus::Closed)] {
                    // Killed after its last entry, before anyone heard of it.
                    let client_os = Arc::new(Snapshot::default());
                    recover(&scene.workflow, &registry(), &client_os, &journal, CycleNo(1)).expect("whole")
                } else {
                    let again = scene.run(&mut journal).expect("taken up");
                    assert_eq!((again.outcome, again.cycle.pins().cycle), (Outcome::Finished, CycleNo(1)));
                    again.cycle
                }
            }
        };
        assert_eq!(outputs(&finished), clean, "killed at append {appends}");
        let placed = scene.world.placed.lock().unwrap();
        assert_eq!(placed.len(), PAGES);
        assert!(placed.values().all(|times| *times == 1), "killed at append {appends}: {placed:?}");
        if crashes <= appends {
            break;
        }
    }
    assert!(crashes > 4, "a cycle has more appends than {crashes}");
}

#[test]
fn a_stop_lets_running_requests_finish_but_not_for_ever() {
    let (handle, stop): (StopHandle, StopSignal) = stop_pair();
    let hanging = Counted { hangs: true, ..Counted::default() };
    let scene = Scene { stop, world: Arc::new(hanging), ..Scene::new(all_three()) };
    let store = MemoryStore::new();
    let asked = AtomicUsize::new(0);
    let ran = scene
        .run_telling(&mut LogJournal::new(store.clone()), &mut |_| {
            if asked.fetch_add(1, Ordering::Relaxed) == 0 {
                handle.ask();
            }
        })
        .expect("stopped");
    assert_eq!(ran.outcome, Outcome::Stopped);
    // Four places: one hangs, the other three have answered, nothing more was started.
    let answered = scene.world.count("fetch");
    assert_eq!(answered, 3);
    let mut journal = LogJournal::new(store);
    let scene = Scene::new(all_three());
    let ran = scene.run(&mut journal).expect("goes on");
    assert_eq!((ran.outcome, ran.resumed), (Outcome::Finished, true));
    assert_eq!(scene.world.count("fetch"), PAGES - answered, "answers that came in are kept");
}

#[test]
fn a_second_request_to_stop_returns_at_once() {
    let (handle, stop) = stop_pair();
    handle.ask();
    handle.ask();
    let hanging = Counted { hangs: true, ..Counted::default() };
    let scene = Scene { stop, world: Arc::new(hanging), ..Scene::new(all_three()) };
    let ran = scene.run(&mut LogJournal::new(MemoryStore::new())).expect("stopped");
    assert_eq!(ran.outcome, Outcome::Stopped);
}

#[test]
fn a_world_that_breaks_fails_the_task_and_not_the_run() {
    let breaking = Counted { panics: true, ..Counted::default() };
    let scene = Scene { world: Arc::new(breaking), ..Scene::new(workflow(&[("read", None)])) };
    let ran = scene.run(&mut LogJournal::new(MemoryStore::new())).expect("it ends");
    assert_eq!(ran.outcome, Outcome::Finished);
    assert!(ran.cycle.task_states()[0].reason.is_some());
}

#[test]
fn nothing_is_published_before_its_intent_is_on_the_disk() {
    /// Notes for every publish how many entries were durable when it was performed.
    struct Watching {
        store: MemoryStore,
        inner: Counted,
        missing: Mutex<Vec<RequestKey>>,
    }
    impl World for Watching {
        fn perform<'a>(
            &'a self,
            key: &'a RequestKey,
            request: &'a Request,
        ) -> Pin<Box<dyn Future<Output = Reply> + std::marker::Send + 'a>> {
            Box::pin(async move {
                if request.is_effect() {
                    let entries =
                        LogJournal::new(self.store.clone()).read(&WorkflowId::new("tested"), key.cycle).expect("readable");
                    if !entries.iter().any(|entry| matches!(entry, Entry::Asked { key: asked, .. } if asked == key)) {
                        self.missing.lock().unwrap().push(key.clone());
                    }
                }
                self.inner.answer(key, request)
            })
        }
    }
    let store = MemoryStore::new();
    let world = Arc::new(Watching { store: store.clone(), inner: Counted::default(), missing: Mutex::default() });
    let registry = registry();
    let mut journal = LogJournal::new(store);
    let run = Run {
        sources: Default::default(),
        workflow: all_three(),
        registry: &registry,
        client_os: Arc::new(Snapshot::default()),
        journal: &mut journal,
        world: world.clone(),
        clock: &FixedClock::new(Timestamp(1_700_000_000_000)),
        stop: StopSignal::never(),
        which: Which::OpenOrNext,
        options: DriveOptions { gates: GatePolicy::AskWorld, ..DriveOptions::default() },
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let ran = runtime.block_on(run_cycle(run, &mut |_| {})).expect("a whole cycle");
    assert_eq!(ran.outcome, Outcome::Finished);
    assert_eq!(world.inner.count("publish"), PAGES);
    assert_eq!(*world.missing.lock().unwrap(), []);
}
