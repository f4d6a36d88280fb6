//! A bench for step kinds: a step written as text, a small world, and the turns until it is done. For tests only.

use crate::base::{CycleNo, ItemId, Money, StepId, Timestamp, WorkflowId, duration};
use crate::client_os::Snapshot;
use crate::diag::Span;
use crate::model::config::{Config, Scalar};
use crate::model::goods::Signal;
use crate::model::{Good, Item, Layer, Operation, Step, Workflow};
use crate::step::{
    Body, Failure, FailureKind, Fetch, Fetched, Lineage, NodeSpec, Output, Reply, Request, StepContext, StepError, StepKind,
    Target, Turn, ValueType, WentOut,
};
use kdl::{KdlDocument, KdlNode, KdlValue};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// One step on the bench.
pub struct Bench {
    kind: &'static dyn StepKind,
    workflow: Workflow,
    step: Step,
    inputs: Vec<Arc<Item>>,
    pub files: BTreeMap<String, Fetched>,
    pub state: Option<Value>,
    pub client_os: Snapshot,
    pub parameters: BTreeMap<String, f64>,
    /// Items that the step may look up, besides its inputs.
    pub before: Vec<Arc<Item>>,
    /// Every fetch that was asked, in order.
    pub asked: Vec<Fetch>,
    /// What people did beside the cycles.
    pub operations: Vec<Operation>,
    /// What went out in the cycle of which this one makes a part again.
    pub went_out: Vec<WentOut>,
}

/// Content as a world would answer it.
pub fn content(place: &str, bytes: impl Into<Vec<u8>>) -> Fetched {
    let body = Body::new(bytes.into());
    Fetched::Content { body, content_type: None, etag: None, last_modified: None, place: place.to_owned() }
}

/// The folder with the example data, or `None` with a line that says so.
pub fn shared(path: &str) -> Option<Vec<u8>> {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data").join(path);
    let bytes = std::fs::read(&file).ok();
    if bytes.is_none() {
        crate::base::skip::skipped(&file);
    }
    bytes
}

pub fn time(text: &str) -> Timestamp {
    Timestamp::parse(text).expect("a time")
}

impl Bench {
    /// A step from its node: `source "press" kind="feed" { url "https://…" }`. Nodes must stand in the kind's spec.
    pub fn new(kind: &'static dyn StepKind, text: &str) -> Bench {
        let (name, config) = config_of(kind, text);
        let spec = kind.spec();
        let step = Step {
            id: StepId::new(name),
            layer: Layer::Intelligence,
            verb: spec.verb.into(),
            connector: spec.connector.map(str::to_owned),
            config,
            from: Vec::new(),
            caps: Vec::new(),
            priority: 0,
            files: BTreeMap::new(),
            span: Span::default(),
        };
        Bench {
            kind,
            workflow: workflow(),
            step,
            inputs: Vec::new(),
            files: BTreeMap::new(),
            state: None,
            client_os: Snapshot::default(),
            parameters: BTreeMap::new(),
            before: Vec::new(),
            went_out: Vec::new(),
            asked: Vec::new(),
            operations: Vec::new(),
        }
    }

    pub fn file(mut self, path: &str, bytes: impl Into<Vec<u8>>) -> Bench {
        self.files.insert(path.to_owned(), content(path, bytes));
        self
    }

    pub fn input(&mut self, good: impl Into<Good>) {
        self.inputs.push(Arc::new(Item::new(good.into(), Vec::new(), StepId::new("before"))));
    }

    pub fn inputs(&mut self, goods: impl IntoIterator<Item = Signal>) {
        self.inputs = goods.into_iter().map(|good| Arc::new(Item::new(good.into(), Vec::new(), StepId::new("before")))).collect();
    }

    pub fn input_items(&self) -> &[Arc<Item>] {
        &self.inputs
    }

    /// Runs one cycle and keeps the state for the next. The step is asked twice for each turn and must agree with itself.
    pub fn run(&mut self, now: &str) -> Result<Output, StepError> {
        let now = time(now);
        let client_os = self.client_os.clone();
        let parameters = self.parameters.clone();
        let lineage = Known(self.before.iter().chain(&self.inputs).cloned().collect());
        let mut replies: Vec<Vec<Reply>> = Vec::new();
        for _ in 0..8 {
            let cx = StepContext {
                workflow: &self.workflow,
                step: &self.step,
                inputs: &self.inputs,
                replies: &replies,
                cycle: CycleNo(1),
                now,
                seed: 7,
                client_os: &client_os,
                client_os_digest: client_os.digest(),
                state: self.state.as_ref(),
                parameters: &parameters,
                lineage: &lineage,
                again: None,
                operations: &self.operations,
                went_out: &self.went_out,
            };
            let turn = self.kind.advance(&cx)?;
            assert_eq!(self.kind.advance(&cx).as_ref(), Ok(&turn), "a step must be deterministic");
            match turn {
                Turn::Ask(requests) => {
                    assert!(!requests.is_empty(), "a turn that asks asks something");
                    let answers = requests.iter().map(|request| self.answer(request)).collect();
                    replies.push(answers);
                }
                Turn::Done(output) => {
                    if let Some(state) = &output.state {
                        self.state = Some(state.clone());
                    }
                    return Ok(output);
                }
            }
        }
        panic!("the step asks without end");
    }

    fn answer(&mut self, request: &Request) -> Reply {
        let Request::Fetch(fetch) = request else { panic!("only fetches are on this bench: {request:?}") };
        self.asked.push(fetch.clone());
        let path = match &fetch.target {
            Target::Url(url) => url,
            Target::File(path) => path,
            Target::Folder { path, glob } => {
                let ending = glob.trim_start_matches('*');
                let prefix = format!("{path}/");
                let entries = self.files.iter().filter_map(|(name, fetched)| match fetched {
                    Fetched::Content { body, .. } => {
                        let name = name.strip_prefix(&prefix)?;
                        name.ends_with(ending).then(|| (name.to_owned(), body.clone()))
                    }
                    _ => None,
                });
                return Reply::Fetched(Fetched::Entries(entries.collect()));
            }
        };
        match self.files.get(path) {
            Some(Fetched::Content { etag: Some(etag), .. }) if fetch.etag.as_ref() == Some(etag) => {
                Reply::Fetched(Fetched::NotModified)
            }
            Some(fetched) => Reply::Fetched(fetched.clone()),
            None if path.starts_with("http") => {
                Reply::Failed(Failure { attempts: 3, ..Failure::new(FailureKind::Transient, format!("cannot reach {path}")) })
            }
            None => Reply::Fetched(Fetched::Missing { place: path.clone() }),
        }
    }
}

/// Name and settings of a step that is written as text. Nodes must stand in the kind's spec, and needed ones must be there.
pub fn config_of(kind: &dyn StepKind, text: &str) -> (String, Config) {
    let document: KdlDocument = text.parse().expect("a step in KDL");
    let node = document.nodes().first().expect("one node");
    let spec = kind.spec();
    assert_eq!(node.name().value(), spec.verb);
    let mut config = Config::default();
    for child in node.iter_children() {
        if matches!(child.name().value(), "from" | "cap") {
            continue;
        }
        let found = spec.node(child.name().value());
        config.children.push(read_node(child, found.unwrap_or_else(|| panic!("`{}` is not in the spec", child.name().value()))));
    }
    for required in
        spec.nodes.iter().filter(|node| matches!(node.occurs, crate::step::Occurs::Once | crate::step::Occurs::AtLeastOnce))
    {
        assert!(config.has(required.name), "`{}` is required", required.name);
    }
    let name = node.get(0).and_then(KdlValue::as_string).expect("a name");
    (name.to_owned(), config)
}

/// The items of a bench.
struct Known(Vec<Arc<Item>>);

impl Lineage for Known {
    fn item(&self, id: &ItemId) -> Option<Arc<Item>> {
        self.0.iter().find(|item| item.id == *id).cloned()
    }
}

/// The signals of an output.
pub fn signals(output: &Output) -> Vec<&Signal> {
    let goods = output.goods.iter();
    goods.filter_map(|(good, _)| if let Good::Signal(signal) = good { Some(signal) } else { None }).collect()
}

/// The notes of an output as `place text`.
pub fn notes(output: &Output) -> Vec<String> {
    output.notes.iter().map(|note| format!("{} {}", note.place.as_deref().unwrap_or("-"), note.text)).collect()
}

pub fn workflow() -> Workflow {
    Workflow {
        id: WorkflowId::new("bench"),
        about: String::new(),
        folder: String::new(),
        client_os: None,
        zone: jiff::tz::TimeZone::UTC,
        every: None,
        at_minute: None,
        calendar: Default::default(),
        recorded_from: None,
        notify: Vec::new(),
        concurrency: 1,
        caps: Vec::new(),
        steps: Vec::new(),
        providers: BTreeMap::new(),
        channels: BTreeMap::new(),
        templates: BTreeMap::new(),
        digested: Default::default(),
    }
}

fn read_node(node: &KdlNode, spec: &NodeSpec) -> Config {
    let mut config = Config { name: node.name().value().to_owned().into(), ..Config::default() };
    for entry in node.entries() {
        let ty = match entry.name() {
            None => spec.args.get(config.args.len()).map(|arg| arg.ty).or(spec.rest),
            Some(name) => spec.props.iter().find(|prop| prop.name == name.value()).map(|prop| prop.ty),
        };
        let ty = ty.unwrap_or_else(|| panic!("`{}` does not take {entry}", spec.name));
        let value = read_value(entry.ty().map(|ty| ty.value()), entry.value(), ty);
        match entry.name() {
            None => config.args.push(value),
            Some(name) => {
                config.props.insert(name.value().to_owned(), value);
            }
        }
    }
    for child in node.iter_children() {
        let found = spec.child(child.name().value());
        config
            .children
            .push(read_node(child, found.unwrap_or_else(|| panic!("`{}` is not in `{}`", child.name().value(), spec.name))));
    }
    config
}

fn read_value(annotation: Option<&str>, value: &KdlValue, ty: ValueType) -> Scalar {
    match (value, ty) {
        (KdlValue::String(text), ValueType::Duration) => {
            Scalar::Duration(duration::parse(text).unwrap_or_else(|| panic!("`{text}` is not a duration")).as_millis() as u64)
        }
        (KdlValue::String(text), ValueType::Choice(words)) => {
            assert!(words.contains(&text.as_str()), "`{text}` is not one of {words:?}");
            Scalar::Text(text.clone())
        }
        (KdlValue::String(text), _) => Scalar::Text(text.clone()),
        (KdlValue::Integer(number), ValueType::Money) => Scalar::Money(Money::new(annotation.unwrap_or("usd"), *number as f64)),
        (KdlValue::Integer(number), _) => Scalar::Integer(*number as i64),
        (KdlValue::Float(number), _) => Scalar::Number(*number),
        (KdlValue::Bool(flag), _) => Scalar::Bool(*flag),
        (KdlValue::Null, _) => panic!("no value of a workflow is null"),
    }
}
