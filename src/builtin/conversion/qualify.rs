//! `qualify`: every lead in exactly one state, by rules in order.

use crate::model::{Good, GoodKind, Layer, Scalar};
use crate::step::expression::{self, Scope};
use crate::step::spec::no_tunables;
use crate::step::{
    ArgSpec, KindSpec, Mode, NodeSpec, NoteLevel, Occurs, Output, PropSpec, StepContext, StepError, StepKind, Turn, ValueType,
};

pub struct Qualify;

static SPEC: KindSpec = KindSpec {
    verb: "qualify",
    connector: None,
    layers: &[Layer::Conversion],
    summary: "Puts every lead in one state, by rules in order.",
    doc: "The first rule whose condition holds decides; a rule without `when` always holds, so put it last. A condition about a score that \
is not known does not hold, and neither does one that cannot be decided for a lead (the summary says so). A lead that no rule takes is \
`unqualified`, so every lead is in exactly one state.",
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
        let Good::Lead(lead) = &item.good else {
            return Err(StepError::new(format!("only leads are qualified, not goods of the kind {}", item.kind())));
        };
        let scope = Scope::of(&item.good, cx.now);
        let mut lead = lead.clone();
        let mut output = Output::default();
        lead.state = Some("unqualified".to_owned());
        lead.to = None;
        for rule in cx.config().all("rule") {
            let state = rule.arg().and_then(Scalar::text).unwrap_or("unqualified");
            match holds(rule.prop("when").and_then(Scalar::text), &scope)? {
                Ok(false) => {}
                Ok(true) => {
                    lead.state = Some(state.to_owned());
                    lead.to = rule.prop("to").and_then(Scalar::text).map(str::to_owned);
                    break;
                }
                Err(why) => output.note(NoteLevel::Warning, format!("Rule `{state}` cannot be decided for a lead: {why}.")),
            }
        }
        output.give(lead, vec![item.id]);
        Ok(Turn::Done(output))
    }
}

/// Whether a condition holds, or why that cannot be decided for this lead.
fn holds(condition: Option<&str>, scope: &Scope) -> Result<Result<bool, String>, StepError> {
    let Some(condition) = condition else { return Ok(Ok(true)) };
    let program = expression::compile(condition)
        .map_err(|problem| StepError::new(problem.message).help("`loopctl validate` shows where"))?;
    Ok(expression::evaluate(&program, scope).map(|outcome| outcome.holds()).map_err(|error| error.message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builtin::common::rehearse::{Bench, notes};
    use crate::model::goods::Lead;

    const RULES: &str = r#"
        rule "hot" when="lead.score >= 0.7" to="sales"
        rule "local" when="lead.fields.country == 'DE'" to="newsletter"
        rule "cold" when="lead.score < 0.1""#;

    fn lead(score: Option<f64>, country: Option<&str>) -> Lead {
        Lead {
            who: "p1".into(),
            score,
            reasons: vec![],
            fields: country.map(|country| ("country".to_owned(), country.to_owned())).into_iter().collect(),
            state: Some("left over".into()),
            to: Some("nowhere".into()),
        }
    }

    /// The state, where it goes, and the notes.
    fn run(rules: &str, lead: Lead) -> (String, Option<String>, Vec<String>) {
        let mut bench = Bench::new(&Qualify, &format!("qualify \"pipeline\" {{ {rules}\n }}"));
        bench.input(lead);
        let output = bench.run("2026-09-01T06:00:00Z").unwrap();
        let [(Good::Lead(lead), parents)] = &output.goods[..] else { panic!("one lead: {output:?}") };
        assert_eq!(parents[..], [bench.input_items()[0].id]);
        (lead.state.clone().expect("a state"), lead.to.clone(), notes(&output))
    }

    #[test]
    fn the_first_rule_that_holds_decides_and_a_lead_no_rule_takes_is_unqualified() {
        for (score, country, state, to) in [
            (Some(0.7), Some("DE"), "hot", Some("sales")),
            (Some(0.5), Some("DE"), "local", Some("newsletter")),
            (Some(0.05), Some("FR"), "cold", None),
            (Some(0.5), Some("FR"), "unqualified", None),
            // An unknown score and an unknown field decide nothing.
            (None, Some("DE"), "local", Some("newsletter")),
            (None, None, "unqualified", None),
        ] {
            let found = run(RULES, lead(score, country));
            assert_eq!((found.0.as_str(), found.1.as_deref()), (state, to), "{score:?} {country:?}");
        }
        assert_eq!(run(r#"rule "all""#, lead(None, None)).0, "all");
    }

    #[test]
    fn a_condition_that_cannot_be_decided_does_not_hold_and_is_told() {
        let rules = r#"
            rule "big" when="lead.fields.country > 3"
            rule "rest" to="newsletter""#;
        let (state, to, notes) = run(rules, lead(None, Some("DE")));
        assert_eq!((state.as_str(), to.as_deref()), ("rest", Some("newsletter")));
        assert!(notes.len() == 1 && notes[0].contains("Rule `big` cannot be decided"), "{notes:?}");
    }

    #[test]
    fn two_leads_at_once_and_a_good_of_another_kind_are_refused() {
        let mut bench = Bench::new(&Qualify, r#"qualify "pipeline" { rule "all" }"#);
        assert!(bench.run("2026-09-01T06:00:00Z").is_err());
        bench.input(crate::model::goods::Events::default());
        assert_eq!(
            bench.run("2026-09-01T06:00:00Z").unwrap_err().message,
            "only leads are qualified, not goods of the kind event"
        );
    }

    proptest::proptest! {
        #[test]
        fn every_lead_is_in_exactly_one_of_the_named_states(score in proptest::option::of(-1.0f64..2.0), country in "[A-Z]{0,2}") {
            let (state, ..) = run(RULES, lead(score, Some(&country)));
            proptest::prop_assert!(["hot", "local", "cold", "unqualified"].contains(&state.as_str()));
        }
    }
}
