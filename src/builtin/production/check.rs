//! `check`: runs checks on drafts as a step of its own, for workflows that check after an edit or before a second gate.

use super::checks::{self, CHECKS, Subject};
use crate::model::{Good, GoodKind, Layer};
use crate::step::spec::no_tunables;
use crate::step::{
    ArgSpec, KindSpec, Mode, NodeSpec, NoteLevel, Occurs, Output, StepContext, StepError, StepKind, Turn, ValueType,
};

pub struct Check;

static SPEC: KindSpec = KindSpec {
    verb: "check",
    connector: None,
    layers: &[Layer::Production],
    summary: "Checks drafts for forbidden phrases, facts without a source, a foreign voice and more.",
    doc: "Deterministic checks, like a linter: `forbidden` finds the phrases that the brand forbids or a locked decision rules out, in any \
inflection; `grounding` finds numbers, links, quotations and citations that come from no source; `voice` runs the built-in rule pack \
`ai-cliche` and the packs in `rules/` of the Client OS (in the format of the Vale linter) and measures sentences against the approved \
samples; `readability` finds texts that ask for too many years of school; `duplicate` finds a title that an own page answers already. \
Findings travel with the draft to the next gate. With `stop`, a draft with a blocking finding goes no further. \
`loopctl check FILE` runs them on any text.",
    takes: &[GoodKind::Draft],
    gives: &[GoodKind::Draft],
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

    fn advance(&self, cx: &StepContext<'_>) -> Result<Turn, StepError> {
        let [item] = cx.inputs else { return Err(StepError::new("checks run on one draft at a time")) };
        let Good::Draft(draft) = &item.good else { return Err(StepError::new(format!("cannot check a {}", item.kind()))) };
        let names = cx.config().texts("run");
        let approved = match &draft.revision {
            crate::model::goods::Revision::Edited { .. } => draft.text.as_str(),
            crate::model::goods::Revision::Generated => "",
        };
        let outline = item.parents.iter().find_map(|parent| match cx.lineage.item(parent).map(|item| item.good.clone()) {
            Some(Good::Outline(outline)) => Some(outline.text),
            _ => None,
        });
        let approved = format!("{approved}\n{}", outline.unwrap_or_default());
        let findings = checks::run(
            &names,
            &Subject { text: &draft.text, brief: &draft.brief, approved: &approved, client_os: cx.client_os },
        );
        let blocking = findings.iter().filter(|finding| finding.blocking).count();
        let mut output = Output::default();
        if blocking > 0 {
            let first = findings.iter().find(|finding| finding.blocking).map_or("", |finding| finding.message.as_str());
            output.note(NoteLevel::Warning, format!("“{}”: {first} ({blocking} in all).", draft.title));
            if cx.config().flag("stop") {
                return Ok(Turn::Done(output));
            }
        }
        let mut draft = draft.clone();
        draft.findings = findings;
        output.give(draft, vec![item.id]);
        Ok(Turn::Done(output))
    }
}
