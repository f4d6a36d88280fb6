//! `feedback`: moves declared parameters, by evidence, within their bounds, a little at a time.
//!
//! It is the only kind that sets parameters for the next cycle. It moves a parameter only when an insight about exactly that
//! parameter is clear and its interval leaves out where the parameter stands, never further than the interval's estimate, never by
//! more than the declared rate, never out of its bounds. So on a stationary world it converges and cannot oscillate past them.
//!
//! Evidence is counted once. What an insight rests on is remembered when it moves a parameter; the same data moves it no further,
//! and of data that has grown only the new part counts: with a tenth of it new, the step is a tenth of the rate. Where the step that
//! learned made a hold-out, moving must come nearer to what the held-out part says than leaving the parameter alone.

use crate::base::{Digest, InOrder, Timestamp};
use crate::model::goods::insight::Basis;
use crate::model::goods::{Insight, Subject, Verdict};
use crate::model::{Config, Good, GoodKind, Layer, Scalar};
use crate::step::spec::no_tunables;
use crate::step::{
    ArgSpec, KindSpec, Mode, NodeSpec, NoteLevel, Occurs, Output, ParameterChange, PropSpec, StepContext, StepError, StepKind,
    Turn, ValueType,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

pub struct Feedback;

static SPEC: KindSpec = KindSpec {
    verb: "feedback",
    connector: None,
    layers: &[Layer::Learning],
    summary: "Moves declared parameters for the next cycle, by evidence and within bounds.",
    doc: "Each `tune` names one parameter (`step.parameter`), the largest relative change per cycle and the bounds. The evidence is an \
insight about that parameter, or about the channel it stands for (`from=` when their names differ); what speaks about the parameter \
itself goes first, then what rests on more observations. Without clear evidence, when the evidence does not exclude the present \
setting, or when clear insights pull in opposite directions, it is left alone, and the summary says why. Evidence is counted once: \
the same data moves a parameter no further, and of data that has grown only the new share counts. Where there is a hold-out, moving must \
do better on it than leaving the parameter alone. Every change is journaled with its evidence; `loopctl tune` lists and reverts them.",
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
    keeps: Some("which evidence it has used for which parameter; the parameters it sets are in force from the next cycle"),
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
        let within: Vec<f64> = node.child("within")?.args.iter().filter_map(Scalar::number).filter(|x| x.is_finite()).collect();
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
enum Move<'a> {
    /// The new setting and the sentence that speaks for it.
    To(f64, &'a str),
    /// Why it is left alone.
    Stay(String),
}

/// Where one insight wants the parameter: on the other side of `old`, or nowhere else.
fn pull(old: f64, insight: &Insight) -> f64 {
    let excludes = insight.interval.is_none_or(|(low, high)| !(low <= old && old <= high));
    if insight.verdict == Verdict::Clear && excludes { (insight.value - old).signum() } else { 0.0 }
}

/// The evidence that last moved a parameter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Used {
    digest: Digest,
    to: Timestamp,
}

/// What an insight rests on; for steps that do not say, the numbers themselves: the same numbers are the same evidence.
fn basis(insight: &Insight) -> Basis {
    insight.basis.clone().unwrap_or_else(|| Basis {
        digest: Digest::of_json(&(&insight.subject, &insight.measure, insight.value, insight.interval, insight.n)),
        from: Timestamp(0),
        to: Timestamp(0),
        held_out: None,
    })
}

/// The share of the evidence that has not been used, from 0 to 1.
fn fresh(basis: &Basis, used: Option<&Used>) -> f64 {
    match used {
        None => 1.0,
        Some(used) if used.digest == basis.digest => 0.0,
        // Data without times: another content is other evidence.
        Some(_) if basis.from >= basis.to => 1.0,
        Some(used) => (basis.to.days_since(used.to) / basis.to.days_since(basis.from)).clamp(0.0, 1.0),
    }
}

fn decide<'a>(tune: &Tune<'_>, old: f64, insights: &[&'a Insight], used: Option<&Used>) -> (Move<'a>, Option<Basis>) {
    match choose(tune, old, insights) {
        Err(why) => (Move::Stay(why), None),
        Ok(insight) => {
            let basis = basis(insight);
            (step(tune, old, insight, &basis, used), Some(basis))
        }
    }
}

/// The insight to go by.
fn choose<'a>(tune: &Tune<'_>, old: f64, insights: &[&'a Insight]) -> Result<&'a Insight, String> {
    let stay = |why: &str| Err(why.to_owned());
    if !old.is_finite() {
        return stay("its setting is not a number");
    }
    let mut about: Vec<&Insight> = insights.iter().copied().filter(|insight| tune.is_about(insight)).collect();
    if about.iter().any(|insight| matches!(insight.subject, Subject::Parameter(_))) {
        about.retain(|insight| matches!(insight.subject, Subject::Parameter(_)));
    }
    if about.is_empty() {
        return stay("nothing was learned about it");
    }
    let sound = |insight: &&Insight| {
        insight.value.is_finite() && insight.interval.is_none_or(|(low, high)| low.is_finite() && high.is_finite())
    };
    about.retain(sound);
    // The clear ones first, then those that rest on more; equals stay in the order they came.
    about.order_by_key(|insight| (insight.verdict != Verdict::Clear, std::cmp::Reverse(insight.n)));
    let Some(insight) = about.first() else { return stay("the evidence is not a number") };
    match &insight.verdict {
        Verdict::NotEnough { need } => return Err(format!("not enough evidence yet; it takes {need}")),
        Verdict::NotDistinguishable => return stay("the evidence does not speak for another setting"),
        Verdict::Clear => {}
    }
    let pulls = |side: f64| about.iter().any(|insight| pull(old, insight) == side);
    if pulls(1.0) && pulls(-1.0) {
        return stay("clear insights pull in opposite directions");
    }
    if pull(old, insight) == 0.0 {
        return stay("the evidence agrees with where it is");
    }
    Ok(insight)
}

/// Where a setting goes when it may go by `most` towards what is estimated, within its bounds.
fn moved(tune: &Tune<'_>, old: f64, estimate: f64, share: f64) -> f64 {
    let target = estimate.clamp(tune.least, tune.most);
    // A setting near zero could never leave it by relative steps, so a step is at least the rate of a tenth of the bounds.
    let step = (old.abs() * tune.rate).max((tune.most - tune.least) * 0.1 * tune.rate) * share;
    // The bounds go before the rate: a setting that was declared outside comes in at once.
    (old + (target - old).clamp(-step, step)).clamp(tune.least, tune.most)
}

fn step<'a>(tune: &Tune<'_>, old: f64, insight: &'a Insight, basis: &Basis, used: Option<&Used>) -> Move<'a> {
    let stay = |why: &str| Move::Stay(why.to_owned());
    let share = fresh(basis, used);
    let inside = (tune.least..=tune.most).contains(&old);
    if share <= 0.0 && inside {
        return stay("this evidence has moved it already, and there is none since");
    }
    if let Some(parts) = basis.held_out
        && inside
        && parts.learned.is_finite()
        && parts.held_out.is_finite()
    {
        let after = moved(tune, old, parts.learned, share);
        if (after - parts.held_out).abs() >= (old - parts.held_out).abs() {
            return stay("on the part of the data that was held out, leaving it alone does as well");
        }
    }
    let new = moved(tune, old, insight.value, share);
    if (new - old).abs() < 1e-9 { stay("it stands at its bound") } else { Move::To(new, &insight.says) }
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
        let mut used: BTreeMap<String, Used> =
            cx.state.and_then(|state| serde_json::from_value(state.clone()).ok()).unwrap_or_default();
        let mut stayed = 0;
        for tune in cx.config().all("tune").filter_map(Tune::read) {
            let old = cx.parameters.get(tune.path).copied().or_else(|| declared(cx, tune.path)).ok_or_else(|| {
                StepError::new(format!("there is no parameter `{}`", tune.path))
                    .help("`loopctl validate` lists the parameters a step has")
            })?;
            let (decided, basis) = decide(&tune, old, &insights, used.get(tune.path));
            match decided {
                Move::To(new, evidence) => {
                    if let Some(basis) = basis {
                        if let Some(parts) = basis.held_out {
                            let far = |setting: f64| (setting - parts.held_out).abs();
                            let text = format!(
                                "{}: on the part of the data that was held out, {new:.3} is {:.3} away from what it says, and leaving it at {old:.3} would be {:.3}.",
                                tune.path,
                                far(new),
                                far(old)
                            );
                            output.note(NoteLevel::Info, text);
                        }
                        used.insert(tune.path.to_owned(), Used { digest: basis.digest, to: basis.to });
                    }
                    output.parameters.push(ParameterChange {
                        path: tune.path.to_owned(),
                        old,
                        new,
                        evidence: evidence.to_owned(),
                    });
                }
                Move::Stay(why) => {
                    stayed += 1;
                    output.note(NoteLevel::Info, format!("{} stays at {old:.3}: {why}.", tune.path));
                }
            }
        }
        output.state = serde_json::to_value(&used).ok();
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
    use crate::model::goods::insight::HeldOut;

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
            basis: None,
            plot: vec![],
        }
    }

    const TUNE: Tune<'static> = Tune { path: "opportunities.demand", evidence: None, rate: 0.2, least: 0.1, most: 0.8 };

    #[track_caller]
    fn moved(old: f64, insights: &[&Insight]) -> f64 {
        match decide(&TUNE, old, insights, None).0 {
            Move::To(new, _) => new,
            Move::Stay(why) => panic!("stayed: {why}"),
        }
    }

    #[track_caller]
    fn stays(insights: &[&Insight], why: &str) {
        match decide(&TUNE, 0.4, insights, None).0 {
            Move::Stay(said) => assert!(said.contains(why), "{said}"),
            Move::To(new, _) => panic!("moved to {new} though {why}"),
        }
    }

    #[test]
    fn it_moves_by_at_most_the_rate_and_never_past_the_evidence() {
        assert_eq!(moved(0.4, &[&insight(0.9, (0.7, 1.0), Verdict::Clear)]), 0.4 + 0.4 * 0.2);
        assert_eq!(moved(0.4, &[&insight(0.35, (0.3, 0.39), Verdict::Clear)]), 0.35);
        // A setting of zero can be left.
        assert!((moved(0.1, &[&insight(0.5, (0.4, 0.6), Verdict::Clear)]) - 0.12).abs() < 1e-12);
    }

    #[test]
    fn without_clear_evidence_it_stays() {
        stays(&[], "nothing was learned");
        stays(&[&insight(0.6, (0.3, 0.9), Verdict::Clear)], "agrees");
        stays(&[&insight(0.6, (0.5, 0.7), Verdict::NotDistinguishable)], "does not speak");
        stays(&[&insight(0.6, (0.5, 0.7), Verdict::NotEnough { need: "20 more topics".into() })], "it takes 20 more topics");
        stays(&[&insight(f64::NAN, (0.5, 0.7), Verdict::Clear)], "not a number");
        stays(&[&insight(0.6, (f64::NAN, 0.7), Verdict::Clear)], "not a number");
        let (up, down) = (insight(0.6, (0.5, 0.7), Verdict::Clear), insight(0.2, (0.1, 0.3), Verdict::Clear));
        stays(&[&up, &down], "opposite directions");
    }

    #[test]
    fn the_parameters_own_evidence_goes_before_the_channels_and_a_name_may_differ() {
        let tune = Tune { path: "channels.blog", evidence: Some("alpha"), ..TUNE };
        let channel = |name: &str, value: f64| Insight {
            subject: Subject::Channel(name.into()),
            ..insight(value, (value - 0.05, value + 0.05), Verdict::Clear)
        };
        let (alpha, blog) = (channel("alpha", 0.45), channel("blog", 0.2));
        assert_eq!(decide(&tune, 0.39, &[&blog], None).0, Move::Stay("nothing was learned about it".into()));
        assert_eq!(decide(&tune, 0.39, &[&blog, &alpha], None).0, Move::To(0.45, "The evidence."));
        let own = Insight { subject: Subject::Parameter("channels.blog".into()), ..channel("", 0.35) };
        assert_eq!(decide(&Tune { evidence: None, ..tune }, 0.42, &[&blog, &own], None).0, Move::To(0.35, "The evidence."));
    }

    fn resting_on(insight: Insight, content: &str, to: i64, held_out: Option<HeldOut>) -> Insight {
        let basis = Basis { digest: Digest::of(content), from: Timestamp(0), to: Timestamp(to * 86_400_000), held_out };
        Insight { basis: Some(basis), ..insight }
    }

    /// The setting after evidence, and what was remembered.
    fn after(old: f64, insight: &Insight, used: &mut Option<Used>) -> f64 {
        let (decided, basis) = decide(&TUNE, old, &[insight], used.as_ref());
        let Move::To(new, _) = decided else { return old };
        *used = basis.map(|basis| Used { digest: basis.digest, to: basis.to });
        new
    }

    #[test]
    fn the_same_evidence_moves_a_setting_once_and_grown_evidence_by_its_new_share() {
        let strong = || insight(0.8, (0.75, 0.85), Verdict::Clear);
        let mut used = None;
        let once = after(0.4, &resting_on(strong(), "june", 100, None), &mut used);
        assert!((once - 0.48).abs() < 1e-12);
        // The same data again, whatever the estimate has become: not again.
        let again = insight(0.9, (0.85, 0.95), Verdict::Clear);
        assert_eq!(after(once, &resting_on(again, "june", 100, None), &mut used), once);
        // A quarter of it is new: a quarter of the step.
        let grown = resting_on(insight(0.8, (0.75, 0.85), Verdict::Clear), "july", 100 * 4 / 3, None);
        let more = after(once, &grown, &mut used);
        assert!((more - once - once * 0.2 * 0.25).abs() < 1e-3, "{more}");
        // Revised, but with nothing later in it: nothing new.
        assert_eq!(after(more, &resting_on(strong(), "july, revised", 100, None), &mut used), more);
    }

    #[test]
    fn evidence_that_does_not_say_what_it_rests_on_is_known_by_its_numbers() {
        let mut used = None;
        let once = after(0.4, &insight(0.8, (0.75, 0.85), Verdict::Clear), &mut used);
        assert_eq!(after(once, &insight(0.8, (0.75, 0.85), Verdict::Clear), &mut used), once);
        assert!(after(once, &insight(0.79, (0.75, 0.85), Verdict::Clear), &mut used) > once);
    }

    #[test]
    fn a_move_must_do_better_on_what_was_held_out_than_leaving_it_alone() {
        let strong = || insight(0.8, (0.75, 0.85), Verdict::Clear);
        let split = |learned: f64, held_out: f64| Some(HeldOut { learned, held_out });
        let mut used = None;
        assert_eq!(after(0.4, &resting_on(strong(), "a", 10, split(0.8, 0.35)), &mut used), 0.4);
        assert!(after(0.4, &resting_on(strong(), "a", 10, split(0.8, 0.7)), &mut used) > 0.4);
    }

    proptest::proptest! {
        #[test]
        fn whatever_the_evidence_it_stays_in_bounds_keeps_the_rate_and_never_turns_back(
            start in 0.0f64..1.0,
            bounds in (0.0f64..1.0, 0.0f64..1.0),
            rate in 0.0f64..1.0,
            values in proptest::collection::vec((-2.0f64..3.0, 0.0f64..0.5), 1..40),
        ) {
            let (least, most) = (bounds.0.min(bounds.1), bounds.0.max(bounds.1));
            let tune = Tune { rate, least, most, ..TUNE };
            let mut at = start.clamp(least, most);
            for (value, reach) in values {
                let insight = insight(value, (value - reach, value + reach), Verdict::Clear);
                if let Move::To(new, _) = decide(&tune, at, &[&insight], None).0 {
                    proptest::prop_assert!((least..=most).contains(&new));
                    proptest::prop_assert!((new - at).abs() <= (at * rate).max((most - least) * 0.1 * rate) + 1e-12);
                    // Towards the evidence, and not past it.
                    let target = value.clamp(least, most);
                    proptest::prop_assert!((target - new).abs() < (target - at).abs());
                    proptest::prop_assert!((target - new) * (target - at) >= -1e-12);
                    at = new;
                }
            }
        }

        // On a stationary world, where the evidence stays about one place, it arrives and rests.
        #[test]
        fn on_a_stationary_world_it_converges(start in 0.1f64..0.8, truth in 0.1f64..0.8) {
            let mut at = start;
            let insight = insight(truth, (truth - 1e-6, truth + 1e-6), Verdict::Clear);
            for _ in 0..60 {
                if let Move::To(new, _) = decide(&TUNE, at, &[&insight], None).0 {
                    at = new;
                }
            }
            proptest::prop_assert!((at - truth).abs() <= 1e-6, "{at} {truth}");
        }
    }
}
