//! A bench for the kinds that write: a piece, providers that follow a script, and the turns until the step is done. For tests only.

use crate::base::{CycleNo, Digest, ItemId, StepId, Timestamp};
use crate::builtin::common::rehearse::{config_of, workflow};
use crate::client_os::Snapshot;
use crate::diag::Span;
use crate::model::goods::{Asset, Brief, Claim, Draft, Provenance, Revision, Version, Writer};
use crate::model::{Config, Good, Item, Layer, Provider, Step, Untrusted, Workflow};
use crate::step::context::NoLineage;
use crate::step::{Generate, Generated, Output, Reply, Request, StepContext, StepError, StepKind, Turn};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A brief with two claims.
pub fn brief() -> Brief {
    let claim = |id: &str, text: &str, quote: &str| Claim {
        id: id.into(),
        text: text.into(),
        quote: Untrusted::new(quote),
        url: Some("https://rival.example/pricing".into()),
        signal: ItemId(Digest::of(id)),
    };
    Brief {
        title: "Volume prices moved".into(),
        topic: "volume-price".into(),
        pillar: Some("Costs".into()),
        audience: "engineers who run their own services".into(),
        angle: "What the change means for your bill".into(),
        claims: vec![
            claim("c1", "The price of Volumes changed from $0.15 to $0.12", "Volumes now cost $0.12 per GB"),
            claim("c2", "Searches for “volume price”: 120 in the latest period", "volume price"),
        ],
        avoid: Vec::new(),
        cta: Some("Send us one bill and we will mark the lines that move".into()),
        related: Vec::new(),
        evidence: Vec::new(),
        score: 0.5,
        rank: 1,
        volume: Some(120.0),
        growth: None,
        intent: None,
        wishes: Vec::new(),
    }
}

/// A piece that cites both claims.
pub fn draft() -> Draft {
    let text = "# Volume prices moved\n\n## What happened\n\nThe price of Volumes changed from $0.15 to $0.12 [c1].\n\nPeople look for it: \
                120 searches in the latest period [c2].\n\nWe read the page twice to be sure.\n\n## What to do next\n\nLook at what you keep on \
                volumes.\n\nThen do the sum with the new price.\n\n## Sources\n\n- [c1, c2] [Pricing](https://rival.example/pricing)";
    Draft {
        title: "Volume prices moved".into(),
        text: text.into(),
        brief: Box::new(brief()),
        provenance: Provenance::new(brief().claims.iter().map(|claim| claim.signal).collect(), Digest::of("os"))
            .expect("two signals"),
        writer: Box::new(Writer {
            provider: "drafter".into(),
            model: "template".into(),
            tokens: 0,
            cost: None,
            prompt: Digest::of("p"),
            redacted: BTreeMap::new(),
        }),
        revision: Revision::Generated,
        findings: Vec::new(),
        judged: None,
        approved_by: Some("ann".into()),
        outline_by: Some("ann".into()),
        outline_edited: false,
    }
}

/// Answers a request: what a model of the test's making says.
pub type Model<'a> = dyn Fn(&Generate) -> Reply + 'a;

/// A text as a model answers it, with tokens counted as four characters each.
pub fn said(request: &Generate, text: impl Into<String>) -> Reply {
    let text = text.into();
    let tokens = |text: &str| crate::client_os::token_estimate(text);
    Reply::Generated(Generated {
        model: "scripted".into(),
        tokens_in: tokens(&request.system) + tokens(&request.prompt),
        tokens_out: tokens(&text),
        text,
        cost: None,
        cut: false,
    })
}

/// The composer's answer.
pub fn composer(request: &Generate) -> Reply {
    let text = request.composed.clone();
    Reply::Generated(Generated { model: "template".into(), tokens_in: 0, tokens_out: 0, text, cost: None, cut: false })
}

/// What a run of a step came to.
pub struct Run {
    pub output: Output,
    /// Every request, turn by turn.
    pub asked: Vec<Vec<Generate>>,
}

impl Run {
    pub fn assets(&self) -> Vec<&Asset> {
        self.output.goods.iter().filter_map(|(good, _)| if let Good::Asset(asset) = good { Some(asset) } else { None }).collect()
    }

    pub fn notes(&self) -> Vec<&str> {
        self.output.notes.iter().map(|note| note.text.as_str()).collect()
    }
}

/// Runs a step on one good until it is done. A provider of kind `template` or `openai-chat` stands behind its role name.
pub fn run(
    kind: &dyn StepKind,
    node: &str,
    good: Good,
    client_os: &Snapshot,
    provider: &str,
    model: &Model<'_>,
) -> Result<Run, StepError> {
    let (name, config) = config_of(kind, node);
    let mut workflow: Workflow = workflow();
    for role in ["drafter", "critic"] {
        workflow.providers.insert(role.into(), Provider { name: role.into(), kind: provider.into(), config: Config::default() });
    }
    let step = Step {
        id: StepId::new(name),
        layer: Layer::Production,
        verb: kind.spec().verb.into(),
        connector: None,
        config,
        from: Vec::new(),
        caps: Vec::new(),
        priority: 0,
        files: BTreeMap::new(),
        span: Span::default(),
    };
    let inputs = [Arc::new(Item::new(good, Vec::new(), StepId::new("before")))];
    let (mut replies, mut asked): (Vec<Vec<Reply>>, Vec<Vec<Generate>>) = (Vec::new(), Vec::new());
    for _ in 0..12 {
        let cx = StepContext {
            workflow: &workflow,
            step: &step,
            inputs: &inputs,
            replies: &replies,
            cycle: CycleNo(1),
            now: Timestamp::parse("2026-06-10").expect("a time"),
            seed: 7,
            client_os,
            client_os_digest: client_os.digest(),
            state: None,
            parameters: &BTreeMap::new(),
            lineage: &NoLineage,
            operations: &[],
            went_out: &[],
            again: None,
        };
        let turn = kind.advance(&cx)?;
        assert_eq!(kind.advance(&cx).as_ref(), Ok(&turn), "a step must be deterministic");
        match turn {
            Turn::Ask(requests) => {
                let generates: Vec<Generate> = requests
                    .iter()
                    .map(
                        |request| {
                            if let Request::Generate(generate) = request { generate.clone() } else { panic!("{request:?}") }
                        },
                    )
                    .collect();
                assert!(!generates.is_empty(), "a turn that asks asks something");
                replies.push(generates.iter().map(model).collect());
                asked.push(generates);
            }
            Turn::Done(output) => return Ok(Run { output, asked }),
        }
    }
    panic!("the step asks without end");
}

/// The piece as a version that was made before.
pub fn asset(name: &str) -> Asset {
    Asset { draft: draft(), version: Version::default().then(name) }
}
