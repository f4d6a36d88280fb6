//! `feedback`: moves declared parameters, by evidence, within their bounds, a little at a time.
//!
//! It is the only kind that sets parameters for the next cycle. It moves a parameter only when an insight about exactly that
//! parameter is clear and its interval leaves out where the parameter stands, never further than the interval's estimate, never by
//! more than the declared rate, never out of its bounds. So on a stationary world it converges and cannot oscillate past them.

use crate::model::goods::{Insight, Subject, Verdict};
use crate::model::{Config, Good, GoodKind, Layer, Scalar};
use crate::step::spec::no_tunables;
use crate::step::{
    ArgSpec, KindSpec, Mode, NodeSpec, NoteLevel, Occurs, Output, ParameterChange, PropSpec, StepContext, StepError, StepKind,
    Turn, ValueType,
};

pub struct Feedback;

static SPEC: KindSpec = KindSpec {
    verb: "feedback",
    connector: None,
    layers: &[Layer::Learning],
    summary: "Moves declared parameters for the next cycle, by evidence and within bounds.",
    doc: "Each `tune` names one parameter (`step.parameter`), the largest relative change per cycle and the bounds. The evidence is an \
insight about that parameter, or about the channel it stands for (`from=` when their names differ). Without clear evidence, or when \
the evidence does not exclude the present setting, it is left alone, and the summary says why. Every change is journaled with its evidence.",
    takes: &[GoodKind::Insight],
    gives: &[],
    mode: Mode::All,
    nodes: &[NodeSpec {
        name: "tune",
        args: &[ArgSpec { name: "parameter", ty: ValueType::Parameter, required: true }],
        props: &[PropSpec {
            name: "from",
            ty: ValueType::Text,
            required: false,
            default: None,
            doc: "The name the evidence uses for it, when that differs from the parameter's own.",
        }],
        children: &[
            NodeSpec::value("rate", ValueType::Share, "The largest relative change per cycle.", "rate 0.2").or("0.2"),
            NodeSpec {
                name: "within",
                args: &[
                    ArgSpec { name: "least", ty: ValueType::Number, required: true },
                    ArgSpec { name: "most", ty: ValueType::Number, required: true },
                ],
                occurs: Occurs::Once,
                doc: "The bounds it never leaves.",
                example: "within 0.1 0.8",
                ..NodeSpec::EMPTY
            },
        ],
        occurs: Occurs::AtLeastOnce,
        doc: "A parameter to move.",
        example: r#"tune "opportunities.demand" { rate 0.2; within 0.1 0.8 }"#,
        ..NodeSpec::EMPTY
    }],
    example: r#"feedback "aim" {
    from "opportunities"
    tune "opportunities.demand" { rate 0.2; within 0.1 0.8 }
}"#,
    keeps: Some("nothing of its own; the parameters it sets are in force from the next cycle"),
    generates: false,
    publishes: false,
    decides: false,
    tunables: no_tunables,
};

/// What one `tune` node says.
struct Tune<'a> {
    path: &'a str,
    evidence: Option<&'a str>,
    rate: f64,
    least: f64,
    most: f64,
}

impl<'a> Tune<'a> {
    fn read(node: &'a Config) -> Option<Tune<'a>> {
        let within: Vec<f64> = node.child("within")?.args.iter().filter_map(Scalar::number).collect();
        let [least, most] = within[..] else { return None };
        Some(Tune {
            path: node.arg()?.text()?,
            evidence: node.prop("from").and_then(Scalar::text),
            rate: node.number("rate").unwrap_or(0.2),
            least: least.min(most),
            most: least.max(most),
        })
    }

    fn is_about(&self, insight: &Insight) -> bool {
        let name = self.path.split_once('.').map_or(self.path, |(_, name)| name);
        match &insight.subject {
            Subject::Parameter(path) => path == self.path,
            Subject::Channel(channel) => channel == self.evidence.unwrap_or(name),
            Subject::Pillar(pillar) => self.evidence == Some(pillar),
            Subject::Piece(_) | Subject::Topic(_) | Subject::Metric(_) | Subject::Model(_) => false,
        }
    }
}

/// What to do about one parameter.
#[derive(Debug, PartialEq)]
enum Move {
    To(f64),
    /// Why it is left alone.
    Stay(String),
}

fn decide(tune: &Tune<'_>, old: f64, insight: Option<&Insight>) -> Move {
    let Some(insight) = insight else { return Move::Stay("nothing was learned about it".to_owned()) };
    match &insight.verdict {
        Verdict::NotEnough { need } => return Move::Stay(format!("not enough evidence yet: {need} are needed")),
        Verdict::NotDistinguishable => return Move::Stay("the evidence does not speak for another setting".to_owned()),
        Verdict::Clear => {}
    }
    if insight.interval.is_some_and(|(low, high)| (low..=high).contains(&old)) {
        return Move::Stay("the evidence agrees with where it is".to_owned());
    }
    let target = insight.value.clamp(tune.least, tune.most);
    // A setting near zero could never leave it by relative steps, so a step is at least the rate of a tenth of the bounds.
    let step = (old.abs() * tune.rate).max((tune.most - tune.least) * 0.1 * tune.rate);
    let new = (old + (target - old).clamp(-step, step)).clamp(tune.least, tune.most);
    if (new - old).abs() < 1e-9 { Move::Stay("it stands at its bound".to_owned()) } else { Move::To(new) }
}

/// The declared value of a parameter, from the step that has it.
fn declared(cx: &StepContext<'_>, path: &str) -> Option<f64> {
    let (step, name) = path.split_once('.')?;
    let step = cx.workflow.steps.iter().find(|candidate| candidate.id.as_str() == step)?;
    let kind = crate::builtin::registry().find(&step.verb, step.connector.as_deref())?;
    (kind.spec().tunables)(&step.config).into_iter().find(|tunable| tunable.name == name).map(|tunable| tunable.declared)
}

impl StepKind for Feedback {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    fn advance(&self, cx: &StepContext<'_>) -> Result<Turn, StepError> {
        let insights: Vec<&Insight> = cx
            .goods(|good| if let Good::Insight(insight) = good { Some(insight) } else { None })
            .map(|(_, insight)| insight)
            .collect();
        let mut output = Output::default();
        let mut stayed = 0;
        for tune in cx.config().all("tune").filter_map(Tune::read) {
            let old = cx.parameters.get(tune.path).copied().or_else(|| declared(cx, tune.path)).ok_or_else(|| {
                StepError::new(format!("there is no parameter `{}`", tune.path))
                    .help("`loopctl validate` lists the parameters a step has")
            })?;
            let insight = insights.iter().copied().find(|insight| tune.is_about(insight));
            match decide(&tune, old, insight) {
                Move::To(new) => output.parameters.push(ParameterChange {
                    path: tune.path.to_owned(),
                    old,
                    new,
                    evidence: insight.map_or_else(String::new, |insight| insight.says.clone()),
                }),
                Move::Stay(why) => {
                    stayed += 1;
                    output.note(NoteLevel::Info, format!("{} stays at {old:.3}: {why}.", tune.path));
                }
            }
        }
        output.headline = Some(match (output.parameters.len(), stayed) {
            (0, 0) => "nothing to tune".to_owned(),
            (0, _) => "left everything alone".to_owned(),
            (moved, 0) => format!("moved {moved}"),
            (moved, stayed) => format!("moved {moved}, left {stayed} alone"),
        });
        Ok(Turn::Done(output))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Timestamp;

    fn insight(value: f64, interval: (f64, f64), verdict: Verdict) -> Insight {
        Insight {
            subject: Subject::Parameter("opportunities.demand".into()),
            measure: "weight".into(),
            value,
            interval: Some(interval),
            level: 0.95,
            n: 100,
            verdict,
            says: "The evidence.".into(),
            at: Timestamp(0),
            plot: vec![],
        }
    }

    const TUNE: Tune<'static> = Tune { path: "opportunities.demand", evidence: None, rate: 0.2, least: 0.1, most: 0.8 };

    #[test]
    fn it_moves_by_at_most_the_rate_and_stays_in_bounds() {
        assert_eq!(decide(&TUNE, 0.4, Some(&insight(0.9, (0.7, 1.0), Verdict::Clear))), Move::To(0.4 + 0.4 * 0.2));
        assert_eq!(decide(&TUNE, 0.4, Some(&insight(0.35, (0.3, 0.39), Verdict::Clear))), Move::To(0.35));
        let mut at = 0.4;
        for _ in 0..100 {
            if let Move::To(new) = decide(&TUNE, at, Some(&insight(2.0, (1.5, 2.5), Verdict::Clear))) {
                assert!(new <= 0.8 && new - at <= at * 0.2 + 1e-12);
                at = new;
            }
        }
        assert!((at - 0.8).abs() < 1e-9);
    }

    #[test]
    fn without_clear_evidence_it_stays() {
        for (insight, why) in [
            (None, "nothing was learned"),
            (Some(insight(0.6, (0.3, 0.9), Verdict::Clear)), "agrees"),
            (Some(insight(0.6, (0.5, 0.7), Verdict::NotDistinguishable)), "does not speak"),
            (Some(insight(0.6, (0.5, 0.7), Verdict::NotEnough { need: "20 more topics".into() })), "20 more topics"),
        ] {
            match decide(&TUNE, 0.4, insight.as_ref()) {
                Move::Stay(said) => assert!(said.contains(why), "{said}"),
                Move::To(_) => panic!("moved without evidence: {why}"),
            }
        }
    }
}
