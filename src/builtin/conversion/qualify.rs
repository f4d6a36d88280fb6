//! `qualify`: every lead in exactly one state, by rules in order.

use crate::model::{Good, GoodKind, Layer, Scalar};
use crate::step::expression::{self, Scope};
use crate::step::spec::no_tunables;
use crate::step::{
    ArgSpec, KindSpec, Mode, NodeSpec, Occurs, Output, PropSpec, StepContext, StepError, StepKind, Turn, ValueType,
};

pub struct Qualify;

static SPEC: KindSpec = KindSpec {
    verb: "qualify",
    connector: None,
    layers: &[Layer::Conversion],
    summary: "Puts every lead in one state, by rules in order.",
    doc: "The first rule whose condition holds decides; a rule without `when` always holds, so put it last. A condition about a score that \
is not known does not hold. A lead that no rule takes is `unqualified`.",
    takes: &[GoodKind::Lead],
    gives: &[GoodKind::Lead],
    mode: Mode::Each,
    nodes: &[NodeSpec {
        name: "rule",
        args: &[ArgSpec { name: "state", ty: ValueType::Text, required: true }],
        props: &[
            PropSpec { name: "when", ty: ValueType::Expression, required: false, default: None, doc: "A condition on `lead`." },
            PropSpec { name: "to", ty: ValueType::Text, required: false, default: None, doc: "Where leads in this state go." },
        ],
        occurs: Occurs::AtLeastOnce,
        doc: "A state and when a lead is in it.",
        example: r#"rule "hot" when="lead.score >= 0.7" to="sales""#,
        ..NodeSpec::EMPTY
    }],
    example: r#"qualify "pipeline" {
    from "fit"
    rule "hot" when="lead.score >= 0.7" to="sales"
    rule "nurture" to="newsletter"
}"#,
    keeps: None,
    generates: false,
    publishes: false,
    decides: false,
    tunables: no_tunables,
};

impl StepKind for Qualify {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    /// A rule may ask for the age of something.
    fn reads_clock(&self) -> bool {
        true
    }

    fn advance(&self, cx: &StepContext<'_>) -> Result<Turn, StepError> {
        let [item] = cx.inputs else { return Err(StepError::new("one lead is qualified at a time")) };
        let Good::Lead(lead) = &item.good else { return Err(StepError::new(format!("cannot qualify a {}", item.kind()))) };
        let scope = Scope::of(&item.good, cx.now);
        let mut lead = lead.clone();
        lead.state = Some("unqualified".to_owned());
        lead.to = None;
        for rule in cx.config().all("rule") {
            if holds(rule.prop("when").and_then(Scalar::text), &scope)? {
                lead.state = rule.arg().and_then(Scalar::text).map(str::to_owned);
                lead.to = rule.prop("to").and_then(Scalar::text).map(str::to_owned);
                break;
            }
        }
        let mut output = Output::default();
        output.give(lead, vec![item.id]);
        Ok(Turn::Done(output))
    }
}

fn holds(condition: Option<&str>, scope: &Scope) -> Result<bool, StepError> {
    let Some(condition) = condition else { return Ok(true) };
    let program = expression::compile(condition)
        .map_err(|problem| StepError::new(problem.message).help("`loopctl validate` shows where"))?;
    let outcome = expression::evaluate(&program, scope)
        .map_err(|error| StepError::new(format!("`{condition}` cannot be decided: {}", error.message)))?;
    Ok(outcome.holds())
}
