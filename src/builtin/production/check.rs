//! `check`: runs checks on drafts as a step of its own, for workflows that check after an edit or before a second gate.

use super::checks::{self, CHECKS, Subject};
use super::judge;
use super::platforms::NAMES;
use super::versions;
use crate::model::goods::Asset;
use crate::model::{Config, Good, GoodKind, Layer, Scalar};
use crate::step::spec::no_tunables;
use crate::step::{
    ArgSpec, Effort, KindSpec, Mode, NodeSpec, NoteLevel, Occurs, Output, Request, StepContext, StepError, StepKind, Turn,
    ValueType,
};

pub struct Check;

static SPEC: KindSpec = KindSpec {
    verb: "check",
    connector: None,
    layers: &[Layer::Production],
    summary: "Checks drafts for forbidden phrases, facts without a source, a foreign voice and more.",
    doc: "Deterministic checks, like a linter: `forbidden` finds the phrases that the brand forbids or a locked decision rules out, in any \
inflection; `grounding` finds numbers, links, quotations and citations that come from no source; `platform` finds what is more than the platform \
takes, of versions that `adapt` made or with `platform` here; `voice` runs the built-in rule pack \
`ai-cliche` and the packs in `rules/` of the Client OS (in the format of the Vale linter) and measures sentences against the approved \
samples; `readability` finds texts that ask for too many years of school; `duplicate` finds a title that an own page answers already. \
Findings travel with the draft to the next gate. With `stop`, a draft with a blocking finding goes no further. \
`loopctl check FILE` runs them on any text.",
    takes: &[GoodKind::Draft, GoodKind::Asset],
    gives: &[GoodKind::Draft, GoodKind::Asset],
    mode: Mode::Each,
    nodes: &[
        NodeSpec {
            name: "run",
            args: &[ArgSpec { name: "name", ty: ValueType::Choice(CHECKS), required: true }],
            rest: Some(ValueType::Choice(CHECKS)),
            occurs: Occurs::Once,
            doc: "The checks to run.",
            example: r#"run "forbidden" "grounding""#,
            ..NodeSpec::EMPTY
        },
        NodeSpec {
            name: "platform",
            args: &[ArgSpec { name: "name", ty: ValueType::Choice(NAMES), required: true }],
            doc: "The platform whose limits count for pieces that were made for none.",
            example: r#"platform "linkedin""#,
            ..NodeSpec::EMPTY
        },
        NodeSpec {
            name: "judge",
            args: &[
                ArgSpec { name: "provider", ty: ValueType::Provider, required: true },
                ArgSpec { name: "criterion", ty: ValueType::Text, required: false },
            ],
            rest: Some(ValueType::Text),
            doc: "A provider that is asked last whether the piece could go out, and what matters for that. Its word is a finding that blocks \
nothing, and `loopctl gate stats` and the report say how far it agrees with what people decide.",
            example: r#"judge "critic" "the first line makes a promise""#,
            ..NodeSpec::EMPTY
        },
        NodeSpec::value("stop", ValueType::Bool, "Hold back drafts with a blocking finding.", "stop").or("#false"),
    ],
    example: r#"check "facts" {
    from "drafts"
    run "forbidden" "grounding"
}"#,
    keeps: None,
    generates: false,
    publishes: false,
    decides: false,
    tunables: no_tunables,
};

impl StepKind for Check {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    fn effort(&self, config: &Config, longest: u64) -> Effort {
        Effort::of(u64::from(config.child("judge").is_some()), 0, longest.min(u64::from(judge::VERDICT_TOKENS)))
    }

    fn advance(&self, cx: &StepContext<'_>) -> Result<Turn, StepError> {
        let [item] = cx.inputs else { return Err(StepError::new("checks run on one draft at a time")) };
        let draft = item.good.piece().ok_or_else(|| StepError::new(format!("cannot check a {}", item.kind())))?;
        let names = cx.config().texts("run");
        let platform = item.good.version().and_then(|version| version.platform.as_deref()).or(cx.config().text("platform"));
        let approved = versions::approved(cx, item);
        let subject = Subject { text: &draft.text, brief: &draft.brief, approved: &approved, client_os: cx.client_os, platform };
        let mut findings = checks::run(&names, &subject);
        let mut output = Output::default();
        let mut judged = None;
        if let (Some(node), None) = (cx.config().child("judge"), &draft.approved_by) {
            let provider = node.arg().and_then(Scalar::text).unwrap_or_default();
            let criteria: Vec<&str> = node.args.iter().skip(1).filter_map(Scalar::text).collect();
            match cx.replies.first().map(Vec::as_slice) {
                None => return Ok(Turn::Ask(vec![Request::Generate(judge::request(cx, provider, &criteria, draft))])),
                Some([reply]) => match judge::verdict(provider, reply) {
                    Ok(judgement) => {
                        findings.extend(judge::findings(&judgement, &draft.text));
                        judged = Some(Box::new(judgement));
                    }
                    Err(why) => {
                        let title = &draft.title;
                        output.note(NoteLevel::Warning, format!("The judge `{provider}` gave no verdict on “{title}”: {why}."));
                    }
                },
                Some(_) => return Err(StepError::new("the judge was asked once and answered otherwise")),
            }
        }
        let blocking = findings.iter().filter(|finding| finding.blocking).count();
        if blocking > 0 {
            let first = findings.iter().find(|finding| finding.blocking).map_or("", |finding| finding.message.as_str());
            output.note(NoteLevel::Warning, format!("“{}”: {first} ({blocking} in all).", draft.title));
            if cx.config().flag("stop") {
                return Ok(Turn::Done(output));
            }
        }
        let mut good = item.good.clone();
        if let Good::Draft(draft) | Good::Asset(Asset { draft, .. }) = &mut good {
            draft.findings = findings;
            draft.judged = judged;
        }
        output.give(good, vec![item.id]);
        Ok(Turn::Done(output))
    }
}
