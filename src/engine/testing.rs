//! Toy step kinds and workflows of them for the tests of this room.

use super::*;
use crate::base::{CycleNo, Digest, ItemId, StepId, Timestamp, WorkflowId};
use crate::client_os::Snapshot;
use crate::model::goods::{Brief, Claim, Outline, Provenance, Receipt, Revision, Signal, SignalKind, Writer};
use crate::model::{
    Cap, CapUnit, Channel, Config, Good, GoodKind, Item, Kinds, Layer, Provider, Scalar, Step, Untrusted, Window, Wire, Workflow,
};
use crate::step::request::{ExpiryAction, GateRules};
use crate::step::spec::{SEND_BACK, no_tunables};
use crate::step::*;
use std::collections::BTreeMap;
use std::sync::LazyLock;

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
        let mut signal = signal(cx.step.id.as_str(), &format!("{}-{n}", cx.step.id));
        signal.growth = cx.config().integer("zero").map(|zero| 0.0 / zero as f64);
        output.give(signal, Vec::new());
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
        brief: Box::new(Brief {
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
            wishes: Vec::new(),
        }),
        provenance: Provenance::new(signals, cx.client_os_digest).expect("one signal"),
        writer: Box::new(Writer {
            provider: "drafter".to_owned(),
            model: "toy".to_owned(),
            tokens: 0,
            cost: None,
            prompt: Digest::of(title),
            redacted: Default::default(),
        }),
        revision: Revision::Generated,
        findings: Vec::new(),
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
        let text = match cx.config().integer("tone").filter(|_| cx.config().flag("prose")) {
            Some(tone) => format!("# {topic}\n\nThe facts, in tone {tone}.\n\nWhat follows from them.\n\nCall us."),
            None => text.join("\n"),
        };
        output.give(outline(cx, &topic, &text, vec![cx.inputs[0].id]), vec![cx.inputs[0].id]);
    }
    Ok(Turn::Done(output))
}

/// How often it was sent back.
fn rounds(item: &Item) -> usize {
    topic(item).matches('~').count()
}

fn gate(cx: &StepContext<'_>) -> Result<Turn, StepError> {
    let item = &cx.inputs[0];
    let hours = |name: &str| cx.config().integer(name).map(|hours| hours as u64 * 3_600_000);
    let Some(reply) = cx.replies.first().and_then(|replies| replies.first()) else {
        return Ok(Turn::Ask(vec![Request::Approve(Approve {
            item: item.id,
            title: topic(item),
            text: match &item.good {
                Good::Outline(outline) if outline.text.starts_with('#') => outline.text.clone(),
                _ => String::new(),
            },
            by: vec!["team".to_owned()],
            expires: cx.config().integer("expires").map(|hours| Timestamp(NOW.0 + hours * 3_600_000)),
            on_expiry: ExpiryAction::Reject,
            pins: item.id.0,
            rules: GateRules {
                approvals: cx.config().integer("approvals").unwrap_or(1) as u32,
                back: if rounds(item) < 2 {
                    cx.config().texts(SEND_BACK).into_iter().map(StepId::new).collect()
                } else {
                    Vec::new()
                },
                ..GateRules::default()
            },
            nudging: Nudging {
                remind_after: hours("remind"),
                remind_every: hours("every"),
                escalate_after: hours("escalate"),
                escalate_to: vec!["head".to_owned()],
            },
            again: cx.again.map(str::to_owned),
        })]));
    };
    let mut output = Output::default();
    if let Reply::Decided(Decision { verdict: Verdict::SendBack { to, reason }, .. }) = reply {
        let again = format!("{}~{reason}", topic(item));
        output.give(signal(cx.step.id.as_str(), &again), vec![item.id]);
        output.back = Some(to.clone());
    }
    if let (Reply::Decided(decision), Good::Outline(outline)) = (reply, &item.good)
        && let Some((edit, text)) = decision.edit()
    {
        let before = match &outline.revision {
            Revision::Edited { before, .. } => before.clone(),
            Revision::Generated => outline.text.clone(),
        };
        let revision = Revision::Edited { by: edit.by.clone(), at: edit.at, before, kept: false };
        let approved = Some(decision.by.clone());
        output.give(Outline { approved_by: approved, text: text.to_owned(), revision, ..outline.clone() }, vec![item.id]);
    }
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
            update: false,
            over: None,
            channel: "blog".to_owned(),
            key,
            title: topic(item),
            text: String::new(),
            fields: BTreeMap::new(),
            at: cx.now,
            people: None,
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

/// A gate that may send back to a step.
pub(crate) fn sending_back(mut step: Step, to: &str) -> Step {
    let args = [Scalar::Text(to.to_owned())].into();
    step.config.children.push(Config { name: SEND_BACK.into(), args, ..Config::default() });
    step
}

/// A step with whole-number and flag settings: `step("read", "a", &[], &[("count", 3)])`; a flag is any name with 1.
pub(crate) fn step(verb: &str, name: &str, from: &[&str], settings: &[(&str, i64)]) -> Step {
    let node = |(name, value): &(&str, i64)| Config {
        name: (*name).to_owned().into(),
        args: [if ["twice", "picky", "breaks", "prose"].contains(name) {
            Scalar::Bool(*value == 1)
        } else {
            Scalar::Integer(*value)
        }]
        .into(),
        ..Config::default()
    };
    Step {
        id: StepId::new(name),
        layer: Layer::Production,
        verb: verb.to_owned().into(),
        connector: None,
        config: Config { name: verb.to_owned().into(), children: settings.iter().map(node).collect(), ..Config::default() },
        from: from.iter().map(|from| Wire { from: StepId::new(from), carries: Kinds::of(GoodKind::ALL) }).collect(),
        caps: Vec::new(),
        priority: 0,
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
        calendar: Default::default(),
        recorded_from: None,
        notify: Vec::new(),
        concurrency: 3,
        caps: Vec::new(),
        steps,
        providers: BTreeMap::from([(provider.name.clone(), provider)]),
        channels: BTreeMap::from([(channel.name.clone(), channel)]),
        templates: BTreeMap::new(),
        digested: Default::default(),
    }
}

pub(crate) fn pins(workflow: &Workflow, client_os: &Snapshot, cycle: u32) -> Pins {
    Pins {
        sources: BTreeMap::new(),
        operations: Vec::new(),
        workflow: workflow.id.clone(),
        cycle: CycleNo(cycle),
        now: Timestamp(NOW.0 + i64::from(cycle - 1) * 86_400_000),
        seed: u64::from(cycle),
        workflow_digest: workflow.digest(),
        client_os_digest: client_os.digest(),
        beside: Vec::new(),
    }
}
