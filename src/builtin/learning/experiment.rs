//! `experiment`: which arm is better, asked as often as one likes, answered in words: ship, stop, keep running, or broken.
//!
//! The split is checked first, because an experiment that lost people has no result. Then every arm is compared with the control by a
//! test and an interval that stay true however often one looks. A difference is clear only when both say so.

use super::arms::{self, Metric, Trial};
use crate::model::goods::{Insight, Subject, Verdict};
use crate::model::{Config, Good, GoodKind, Layer, Scalar};
use crate::stats::bandit::{Arm, probabilities_of_best};
use crate::stats::intervals::{Interval, Sample, welch};
use crate::stats::rates::RateTest;
use crate::stats::special::normal_cdf;
use crate::stats::{cuped, sequential, srm};
use crate::step::spec::no_tunables;
use crate::step::{
    ArgSpec, KindSpec, Mode, NodeSpec, NoteLevel, Occurs, Output, PropSpec, StepContext, StepError, StepKind, Turn, ValueType,
};
use std::time::Duration;

pub struct Experiment;

/// People in each arm, and outcomes that are not zero over both, before a variance is trusted.
const PEOPLE_MIN: f64 = 50.0;
const OUTCOMES_MIN: f64 = 30.0;
/// A covariate that explains less of the variance is left out.
const EXPLAINED_MIN: f64 = 0.01;
/// More people than this share in two arms at once, and the assignment does not stick.
const MIXED_MAX: f64 = 0.01;
/// The chance to find the smallest effect that matters, in planning.
const POWER: f64 = 0.8;

static SPEC: KindSpec = KindSpec {
    verb: "experiment",
    connector: None,
    layers: &[Layer::Learning],
    summary: "Says which arm of an experiment is better, and whether to ship, stop or keep running.",
    doc: "Reads who was in which arm from a field of the events, and what came of it: a field of the same row, or later events of the \
metric's name within `window`. First it checks that the arms came in the sizes they were meant to (chi-squared, gate .0005) and that \
nobody changed arms; if not, the experiment is broken and no effect is told. Then each arm is compared with the control by an \
always-valid test and interval, so looking in every cycle raises no false alarms; several arms share the error. The first metric \
decides, the others are told beside it, and a `guardrail` that gets clearly worse stops an arm. The chance to win assumes a flat prior \
on every rate (or mean). People whose window is still open are not counted as failures.",
    takes: &[GoodKind::Events],
    gives: &[GoodKind::Insight],
    mode: Mode::All,
    nodes: &[
        NodeSpec {
            name: "arms",
            props: &[
                PropSpec {
                    name: "by",
                    ty: ValueType::Text,
                    required: true,
                    default: None,
                    doc: "The field of the events that names the arm.",
                },
                PropSpec {
                    name: "control",
                    ty: ValueType::Text,
                    required: true,
                    default: None,
                    doc: "The arm that the others are compared with.",
                },
                PropSpec {
                    name: "exposed",
                    ty: ValueType::Text,
                    required: false,
                    default: None,
                    doc: "The event that assigns; without it, any event that names an arm.",
                },
                PropSpec {
                    name: "share",
                    ty: ValueType::Number,
                    required: false,
                    default: Some("1"),
                    doc: "The control's part of the split, beside those of the arms.",
                },
            ],
            occurs: Occurs::Once,
            doc: "How people came into arms.",
            example: r#"arms by="variant" control="old headline""#,
            ..NodeSpec::EMPTY
        },
        NodeSpec {
            name: "arm",
            args: &[ArgSpec { name: "name", ty: ValueType::Text, required: true }],
            props: &[PropSpec {
                name: "share",
                ty: ValueType::Number,
                required: false,
                default: Some("1"),
                doc: "Its part of the split, beside those of the others.",
            }],
            occurs: Occurs::Many,
            doc: "An arm besides the control; without any, every arm found counts, with equal parts.",
            example: r#"arm "new headline" share=1"#,
            ..NodeSpec::EMPTY
        },
        METRIC,
        NodeSpec {
            name: "guardrail",
            occurs: Occurs::Many,
            doc: "What must not get worse: an arm that clearly does is stopped.",
            example: r#"guardrail "unsubscribed" better="less""#,
            ..METRIC
        },
        NodeSpec::value(
            "window",
            ValueType::Duration,
            "How long after assignment an event counts; people younger than that are left out.",
            r#"window "14d""#,
        )
        .or("\"14d\""),
        NodeSpec::value(
            "covariate",
            ValueType::Text,
            "A numeric field known before the experiment: what it explains is taken out of the noise, if that helps.",
            r#"covariate "visits_before""#,
        ),
        NodeSpec::value(
            "minimum-effect",
            ValueType::Share,
            "The smallest change worth having, relative to the control: what planning and giving up go by.",
            "minimum-effect 0.05",
        )
        .or("0.1"),
        NodeSpec::value("level", ValueType::Share, "How sure an answer must be.", "level 0.95").or("0.95"),
    ],
    example: r#"experiment "headline" {
    from "site"
    arms by="variant" control="old headline"
    metric "qualified"
    guardrail "unsubscribed" better="less"
    window "14d"
}"#,
    keeps: None,
    generates: false,
    publishes: false,
    decides: false,
    tunables: no_tunables,
};

const METRIC: NodeSpec = NodeSpec {
    name: "metric",
    args: &[ArgSpec { name: "name", ty: ValueType::Text, required: true }],
    props: &[
        PropSpec {
            name: "as",
            ty: ValueType::Choice(&["rate", "value"]),
            required: false,
            default: Some("\"rate\""),
            doc: "`rate` is how many people had it at all; `value` adds its values up.",
        },
        PropSpec {
            name: "better",
            ty: ValueType::Choice(&["more", "less"]),
            required: false,
            default: Some("\"more\""),
            doc: "Which way is good.",
        },
    ],
    occurs: Occurs::AtLeastOnce,
    doc: "What is compared; the first one decides.",
    example: r#"metric "purchase" as="value""#,
    ..NodeSpec::EMPTY
};

/// What one metric node says.
struct Asked<'a> {
    metric: Metric<'a>,
    more_is_better: bool,
    guardrail: bool,
}

impl<'a> Asked<'a> {
    fn read(node: &'a Config, guardrail: bool) -> Option<Asked<'a>> {
        let word = |name: &str| node.prop(name).and_then(Scalar::text);
        Some(Asked {
            metric: Metric { name: node.arg()?.text()?, value: word("as") == Some("value") },
            more_is_better: word("better") != Some("less"),
            guardrail,
        })
    }
}

/// One arm against the control in one metric.
#[derive(Clone, Debug, PartialEq)]
struct Comparison {
    treatment: Sample,
    control: Sample,
    /// Arm minus control, valid at all looks; `None` while there are too few outcomes.
    interval: Option<Interval>,
    /// Valid at all looks.
    p_always: f64,
    /// As if this were the only look: p and interval.
    one_look: Option<(f64, Interval)>,
    /// What is believed of both rates after a flat prior; `None` for values and adjusted rates, whose means are taken as normal.
    beliefs: Option<[Arm; 2]>,
    more_is_better: bool,
    /// The share of variance that the covariate took out.
    explained: Option<f64>,
    /// The error this comparison may make.
    alpha: f64,
}

impl Comparison {
    /// How likely it is that the arm is better than the control.
    fn chance_to_win(&self) -> f64 {
        let up = match (self.beliefs, welch(self.treatment, self.control, 0.95)) {
            (Some(beliefs), _) => probabilities_of_best(&beliefs).map_or(0.5, |best| best[0]),
            (None, Some(difference)) => normal_cdf(difference.interval.estimate / difference.standard_error),
            (None, None) => 0.5,
        };
        if self.more_is_better { up } else { 1.0 - up }
    }

    fn is_clear(&self) -> bool {
        self.p_always <= self.alpha && self.interval.is_some_and(|interval| !interval.contains(0.0))
    }

    fn estimate(&self) -> f64 {
        let plain = self.treatment.mean - self.control.mean;
        // Without anybody in an arm there is no mean.
        self.interval.map_or(if plain.is_finite() { plain } else { 0.0 }, |interval| interval.estimate)
    }

    /// −1, 0 or 1: clearly worse, not clear, clearly better.
    fn direction(&self, more_is_better: bool) -> i8 {
        let up = (self.estimate() > 0.0) == more_is_better;
        if !self.is_clear() {
            0
        } else if up {
            1
        } else {
            -1
        }
    }
}

fn compare(trial: &Trial, arm: usize, at: usize, asked: &Asked<'_>, share: f64, alpha: f64, covariate: bool) -> Comparison {
    let mut arms: [Vec<(f64, f64)>; 2] = [Vec::new(), Vec::new()];
    let (mut values, mut rates) = (sequential::ValueTest::new(share), RateTest::new(share));
    let mut counts = [0.0, 0.0];
    for person in trial.people.iter().filter(|person| person.arm == arm || person.arm == 0) {
        let Some(outcome) = person.outcomes[at] else { continue };
        let side = usize::from(person.arm == 0);
        arms[side].push((person.covariate.unwrap_or(f64::NAN), outcome));
        counts[side] += f64::from(u8::from(outcome != 0.0));
        if asked.metric.value {
            values.observe(outcome, side == 0);
        } else {
            rates.observe(outcome != 0.0, side == 0);
        }
    }
    let adjusted = if covariate { cuped::adjust(&arms, EXPLAINED_MIN) } else { None };
    let sample = |side: usize| match (&adjusted, asked.metric.value) {
        (Some(adjusted), _) => Sample::of(&adjusted.arms[side]),
        (None, true) => Sample::of(&arms[side].iter().map(|(_, y)| *y).collect::<Vec<_>>()),
        (None, false) => Sample::of_proportion(counts[side], arms[side].len() as f64),
    };
    let (treatment, control) = (sample(0), sample(1));
    let one_look = welch(treatment, control, 1.0 - alpha);
    let people = treatment.count + control.count;
    let enough = treatment.count.min(control.count) >= PEOPLE_MIN && counts[0] + counts[1] >= OUTCOMES_MIN;
    // Narrowest about where it stands, rounded to a power of two so that it does not follow every single look.
    let people_best = people.max(1_000.0).log2().ceil().exp2();
    let interval = one_look.filter(|_| enough).map(|difference| {
        sequential::interval(difference.interval.estimate, difference.standard_error, people, alpha, people_best)
    });
    let evidence = if asked.metric.value { values.log_evidence() } else { rates.log_evidence() };
    let rates = !asked.metric.value && adjusted.is_none();
    let belief =
        |side: usize| Arm { successes: counts[side] + 1.0, failures: (arms[side].len() as f64 - counts[side]).max(0.0) + 1.0 };
    // The interval of a rate takes the binomial variance, as experiment platforms do; its p-value the sample variance, as
    // statistics packages do, so both can be compared with what others print.
    let unbiased = |sample: Sample| Sample { variance: sample.variance * sample.count / (sample.count - 1.0), ..sample };
    let by_sample = if rates { welch(unbiased(treatment), unbiased(control), 1.0 - alpha) } else { one_look };
    Comparison {
        treatment,
        control,
        interval,
        p_always: sequential::p_value(evidence),
        one_look: one_look.zip(by_sample).map(|(difference, by_sample)| (by_sample.p_value, difference.interval)),
        beliefs: rates.then(|| [belief(0), belief(1)]),
        more_is_better: asked.more_is_better,
        explained: adjusted.map(|adjusted| adjusted.explained),
        alpha,
    }
}

/// The answer.
#[derive(Clone, Debug, PartialEq)]
enum Decision {
    Ship { arm: usize, why: String },
    Stop { why: String },
    KeepRunning { need: String },
    Broken { why: String },
}

impl StepKind for Experiment {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    /// Windows close with time.
    fn reads_clock(&self) -> bool {
        true
    }

    fn advance(&self, cx: &StepContext<'_>) -> Result<Turn, StepError> {
        let config = cx.config();
        let node = config.child("arms").ok_or_else(|| StepError::new("the experiment does not say how people came into arms"))?;
        let word = |name: &str| node.prop(name).and_then(Scalar::text);
        let part = |node: &Config| node.prop("share").and_then(Scalar::number).unwrap_or(1.0);
        let declared: Vec<(&str, f64)> = config.all("arm").filter_map(|arm| Some((arm.arg()?.text()?, part(arm)))).collect();
        let asked: Vec<Asked<'_>> = config
            .all("metric")
            .filter_map(|node| Asked::read(node, false))
            .chain(config.all("guardrail").filter_map(|node| Asked::read(node, true)))
            .collect();
        let metrics: Vec<Metric<'_>> = asked.iter().map(|asked| asked.metric.clone()).collect();
        let rules = arms::Rules {
            by: word("by").unwrap_or_default(),
            exposed: word("exposed"),
            control: word("control").unwrap_or_default(),
            declared: declared.iter().map(|(name, _)| *name).collect(),
            metrics: &metrics,
            covariate: config.text("covariate"),
            window: config.duration("window").unwrap_or(Duration::from_secs(14 * 86_400)),
            now: cx.now,
        };
        let batches: Vec<_> = cx.goods(|good| if let Good::Events(events) = good { Some(events) } else { None }).collect();
        let parents: Vec<_> = batches.iter().map(|(item, _)| item.id).collect();
        let trial = arms::read(batches.iter().flat_map(|(_, events)| &events.rows), &rules);
        let mut shares = vec![part(node)];
        shares.extend(
            trial.arms[1..].iter().map(|arm| declared.iter().find(|(name, _)| name == arm).map_or(1.0, |(_, share)| *share)),
        );
        if shares.iter().any(|share| !(share.is_finite() && *share > 0.0)) {
            return Err(StepError::new("a share of the split is not above zero"));
        }
        let mut output = Output::default();
        left_out(&trial, &mut output);
        let level = config.number("level").unwrap_or(0.95).clamp(0.5, 0.999_999);
        let effect_min = config.number("minimum-effect").unwrap_or(0.1);
        let (decision, comparisons) = judge(&trial, &asked, &shares, 1.0 - level, effect_min, rules.covariate.is_some());
        let best = comparisons.first();
        let (headline, verdict, says) = words(&decision, &trial, &asked, &comparisons);
        output.headline = Some(headline);
        output.give(
            Insight {
                subject: Subject::Model(cx.step.id.to_string()),
                measure: "decision".to_owned(),
                value: best.map_or(0.0, |(_, _, comparison)| comparison.estimate()),
                interval: best.and_then(|(_, _, comparison)| comparison.interval).map(|interval| (interval.low, interval.high)),
                level,
                n: trial.people.len() as u64,
                verdict,
                says,
                at: cx.now,
                basis: None,
                plot: trial
                    .arms
                    .iter()
                    .enumerate()
                    .map(|(arm, name)| (name.clone(), trial.people.iter().filter(|person| person.arm == arm).count() as f64))
                    .collect(),
            },
            parents.clone(),
        );
        for (arm, at, comparison) in &comparisons {
            output.give(insight(cx, &trial, &asked[*at], *arm, comparison), parents.clone());
        }
        Ok(Turn::Done(output))
    }
}

fn left_out(trial: &Trial, output: &mut Output) {
    for (count, level, one, many) in [
        (trial.open, NoteLevel::Info, "1 person's window is still open.", "people's windows are still open."),
        (trial.future, NoteLevel::Warning, "1 row dated in the future was left out.", "rows dated in the future were left out."),
        (
            trial.mixed,
            NoteLevel::Warning,
            "1 person was in two arms and was left out.",
            "people were in two arms and were left out.",
        ),
        (
            trial.strangers,
            NoteLevel::Warning,
            "1 person was in an arm that is not declared.",
            "people were in arms that are not declared.",
        ),
    ] {
        match count {
            0 => {}
            1 => output.note(level, one),
            _ => output.note(level, format!("{count} {many}")),
        }
    }
}

/// The decision and all comparisons, those of the first metric first, the best arm on top. Nothing is compared in a broken one.
fn judge(
    trial: &Trial,
    asked: &[Asked<'_>],
    shares: &[f64],
    alpha: f64,
    effect_min: f64,
    covariate: bool,
) -> (Decision, Vec<(usize, usize, Comparison)>) {
    let rivals = trial.arms.len() - 1;
    if rivals == 0 || asked.is_empty() || trial.people.is_empty() {
        return (Decision::KeepRunning { need: "people in the control and in another arm".to_owned() }, Vec::new());
    }
    let counts: Vec<f64> =
        (0..trial.arms.len()).map(|arm| trial.people.iter().filter(|person| person.arm == arm).count() as f64).collect();
    if trial.mixed as f64 > MIXED_MAX * (trial.people.len() + trial.mixed) as f64 && trial.mixed >= 5 {
        let why = format!("{} people were in more than one arm, so the assignment does not stick", trial.mixed);
        return (Decision::Broken { why }, Vec::new());
    }
    if let Some(mismatch) = srm::test(&counts, shares).filter(srm::Mismatch::is_broken) {
        let sizes: Vec<String> = trial.arms.iter().zip(&counts).map(|(arm, count)| format!("{arm} {count}")).collect();
        let why = format!("the arms did not come as meant ({}; p = {:.1e})", sizes.join(", "), mismatch.p_value);
        return (Decision::Broken { why }, Vec::new());
    }
    let beside = asked.iter().skip(1).filter(|asked| !asked.guardrail).count().max(1);
    let mut comparisons = Vec::new();
    for (at, metric) in asked.iter().enumerate() {
        // The error is shared by the arms, and among the metrics told beside by those too.
        let alpha = alpha / rivals as f64 / if at == 0 || metric.guardrail { 1.0 } else { beside as f64 };
        let mut of_metric: Vec<(usize, usize, Comparison)> = (1..trial.arms.len())
            .map(|arm| {
                let share = shares[arm] / (shares[arm] + shares[0]);
                (arm, at, compare(trial, arm, at, metric, share, alpha, covariate))
            })
            .collect();
        let sign = if metric.more_is_better { 1.0 } else { -1.0 };
        of_metric.sort_by(|a, b| (b.2.estimate() * sign).total_cmp(&(a.2.estimate() * sign)));
        comparisons.extend(of_metric);
    }
    (decide(trial, asked, &comparisons, effect_min), comparisons)
}

fn decide(trial: &Trial, asked: &[Asked<'_>], comparisons: &[(usize, usize, Comparison)], effect_min: f64) -> Decision {
    let harmed = |arm: usize| {
        comparisons
            .iter()
            .find(|(of, at, comparison)| {
                *of == arm && asked[*at].guardrail && comparison.direction(asked[*at].more_is_better) < 0
            })
            .map(|(_, at, _)| asked[*at].metric.name)
    };
    let more = asked[0].more_is_better;
    let first: Vec<(usize, &Comparison)> =
        comparisons.iter().filter(|(_, at, _)| *at == 0).map(|(arm, _, comparison)| (*arm, comparison)).collect();
    let shippable = first.iter().find(|(arm, comparison)| comparison.direction(more) > 0 && harmed(*arm).is_none());
    if let Some((arm, comparison)) = shippable {
        let why = format!("its {} is clearly better{}", asked[0].metric.name, range(comparison));
        return Decision::Ship { arm: *arm, why };
    }
    // What rules an arm out: it is clearly worse, harms, or can no longer be worth having.
    let out = |arm: usize, comparison: &Comparison| -> Option<String> {
        if let Some(name) = harmed(arm) {
            return Some(format!("{} makes {name} clearly worse", trial.arms[arm]));
        }
        if comparison.direction(more) < 0 {
            return Some(format!("{} is clearly worse{}", trial.arms[arm], range(comparison)));
        }
        let interval = comparison.interval?;
        let worth = effect_min * comparison.control.mean.abs();
        let most = if more { interval.high } else { -interval.low };
        (effect_min > 0.0 && most < worth).then(|| {
            format!("{} cannot be better by as much as {:.0} %{}", trial.arms[arm], effect_min * 100.0, range(comparison))
        })
    };
    let reasons: Vec<String> = first.iter().filter_map(|(arm, comparison)| out(*arm, comparison)).collect();
    if reasons.len() == first.len() {
        return Decision::Stop { why: reasons.join("; ") };
    }
    let needs = first.iter().filter(|(arm, comparison)| out(*arm, comparison).is_none());
    let need = needs.filter_map(|(_, comparison)| planned(trial, comparison, effect_min)).next_back();
    Decision::KeepRunning { need: need.unwrap_or_else(|| format!("at least {OUTCOMES_MIN} people with the outcome")) }
}

/// How many more people, and days at the present pace, until the smallest effect that matters would be found.
fn planned(trial: &Trial, comparison: &Comparison, effect_min: f64) -> Option<String> {
    comparison.interval?;
    let have = comparison.treatment.count + comparison.control.count;
    let variance = (comparison.treatment.variance + comparison.control.variance) / 2.0;
    let effect = effect_min * comparison.control.mean.abs();
    let best = |people: f64| people.max(1_000.0).log2().ceil().exp2();
    // The interval is tuned to the size it ends at, so ask twice.
    let rough = sequential::people_needed(effect, variance, comparison.alpha, POWER, best(have))?;
    let needed = sequential::people_needed(effect, variance, comparison.alpha, POWER, best(rough))?;
    let more = (needed - have).max(1.0);
    let (first, last) = (trial.people.first()?.since, trial.people.last()?.since);
    let days = last.days_since(first);
    let people = if more > 10.0 { (more / 10.0).ceil() * 10.0 } else { more };
    Some(if days >= 1.0 {
        let wait = (more / (have / days)).ceil();
        format!("about {people:.0} more people, {wait:.0} more {} at this pace", if wait == 1.0 { "day" } else { "days" })
    } else {
        format!("about {people:.0} more people")
    })
}

fn range(comparison: &Comparison) -> String {
    comparison.interval.map_or_else(String::new, |interval| {
        format!(" ({}: {} to {})", signed(interval.estimate), signed(interval.low), signed(interval.high))
    })
}

fn signed(value: f64) -> String {
    if value.abs() >= 10.0 { format!("{value:+.1}") } else { format!("{value:+.4}") }
}

fn words(
    decision: &Decision,
    trial: &Trial,
    asked: &[Asked<'_>],
    comparisons: &[(usize, usize, Comparison)],
) -> (String, Verdict, String) {
    match decision {
        Decision::Ship { arm, why } => {
            let name = &trial.arms[*arm];
            let win =
                comparisons.iter().find(|(of, at, _)| of == arm && *at == 0).map_or(0.0, |(.., found)| found.chance_to_win());
            let says = format!("Ship {name}: {why}, chance to beat {} {}.", trial.arms[0], chance(win));
            (format!("ship {name}"), Verdict::Clear, says)
        }
        Decision::Stop { why } => {
            let worse = comparisons.iter().any(|(_, at, found)| found.direction(asked[*at].more_is_better) < 0);
            let verdict = if worse { Verdict::Clear } else { Verdict::NotDistinguishable };
            ("stop".to_owned(), verdict, format!("Stop and keep {}: {why}.", trial.arms[0]))
        }
        Decision::KeepRunning { need } => {
            let says = format!("Keep running: nothing is clear yet among {} people; it takes {need}.", trial.people.len());
            ("keep running".to_owned(), Verdict::NotEnough { need: need.clone() }, says)
        }
        Decision::Broken { why } => {
            let says = format!("Broken: {why}. No effect can be read from it; find out who was lost, and start again.");
            ("broken".to_owned(), Verdict::Clear, says)
        }
    }
}

fn chance(share: f64) -> String {
    if share > 0.9995 { "over 99.9 %".to_owned() } else { format!("{:.1} %", share * 100.0) }
}

fn insight(cx: &StepContext<'_>, trial: &Trial, asked: &Asked<'_>, arm: usize, comparison: &Comparison) -> Insight {
    let win = comparison.chance_to_win();
    let (name, control, metric) = (&trial.arms[arm], &trial.arms[0], asked.metric.name);
    let n = comparison.treatment.count + comparison.control.count;
    let explained = comparison
        .explained
        .map_or_else(String::new, |share| format!(" The past explained {:.0} % of the noise.", share * 100.0));
    let verdict = match comparison.interval {
        _ if comparison.is_clear() => Verdict::Clear,
        Some(_) => Verdict::NotDistinguishable,
        None => Verdict::NotEnough { need: format!("{PEOPLE_MIN} people in each arm and {OUTCOMES_MIN} with the outcome") },
    };
    let says = match (&verdict, comparison.interval) {
        (Verdict::Clear, _) => format!(
            "{name} changes {metric} against {control}{}, whenever one looks; chance to win {}.{explained}",
            range(comparison),
            chance(win)
        ),
        (_, Some(_)) => format!(
            "{name} does not clearly change {metric} against {control}{}; chance to win {}.{explained}",
            range(comparison),
            chance(win)
        ),
        (_, None) => format!("There are too few outcomes to say what {name} does to {metric}."),
    };
    let mut plot = vec![
        (name.clone(), comparison.treatment.mean),
        (control.clone(), comparison.control.mean),
        ("chance to win".to_owned(), win),
        ("p, at any time".to_owned(), comparison.p_always),
    ];
    if let Some((p, interval)) = comparison.one_look {
        plot.extend([
            ("p, one look".to_owned(), p),
            ("low, one look".to_owned(), interval.low),
            ("high, one look".to_owned(), interval.high),
        ]);
    }
    plot.retain(|(_, value)| value.is_finite());
    Insight {
        subject: Subject::Metric(format!("{metric}: {name}")),
        measure: format!("difference from {control}"),
        value: comparison.estimate(),
        interval: comparison.interval.map(|interval| (interval.low, interval.high)),
        level: 1.0 - comparison.alpha,
        n: n as u64,
        verdict,
        says,
        at: cx.now,
        basis: None,
        plot,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Rng, Timestamp};
    use crate::builtin::common::rehearse::{Bench, notes, shared};
    use crate::model::goods::{Event, Events};
    use std::io::Read;

    const DAY: i64 = 86_400_000;
    const NOW: &str = "2026-09-01T06:00:00Z";

    fn run(nodes: &str, rows: Vec<Event>) -> Output {
        let mut bench = Bench::new(&Experiment, &format!("experiment \"test\" {{ {nodes}\n }}"));
        bench.input(Events { source: "site".into(), rows });
        bench.run(NOW).unwrap()
    }

    fn insights(output: &Output) -> Vec<&Insight> {
        let goods = output.goods.iter();
        goods.filter_map(|(good, _)| if let Good::Insight(insight) = good { Some(insight) } else { None }).collect()
    }

    fn part(insight: &Insight, name: &str) -> f64 {
        insight.plot.iter().find(|(label, _)| label == name).map(|(_, value)| *value).unwrap()
    }

    #[track_caller]
    fn close(found: f64, expected: f64, tolerance: f64) {
        assert!((found - expected).abs() <= tolerance * expected.abs(), "found {found:e}, expected {expected:e}");
    }

    /// People spread over sixty days, each in an arm by a fair draw, who buy with the chance of their arm.
    fn people(count: usize, chances: &[(&str, f64)], seed: u64) -> Vec<Event> {
        let mut rng = Rng::new(seed);
        let start = Timestamp::parse(NOW).unwrap().0 - 80 * DAY;
        let mut rows = Vec::new();
        for who in 0..count {
            let (arm, chance) = chances[rng.below(chances.len() as u64) as usize];
            let at = start + (who as f64 / count as f64 * 60.0 * DAY as f64) as i64;
            let view = Event {
                at: Timestamp(at),
                who: format!("p{who}"),
                name: "view".into(),
                fields: [("variant".to_owned(), arm.to_owned())].into(),
                ..Event::default()
            };
            if rng.uniform() < chance {
                rows.push(Event {
                    at: Timestamp(at + DAY),
                    name: "buy".into(),
                    fields: [].into(),
                    value: Some(10.0),
                    ..view.clone()
                });
            }
            rows.push(view);
        }
        rows
    }

    const NODES: &str = r#"arms by="variant" control="old"; metric "buy""#;

    fn email() -> Option<Vec<Event>> {
        let mut text = String::new();
        let packed = shared("learning/experiments/hillstrom_even.csv.gz")?;
        flate2::read::GzDecoder::new(&packed[..]).read_to_string(&mut text).unwrap();
        // Some cells are quoted and hold commas.
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let rows: Vec<Event> = reader.deserialize().map(|fields| Event { fields: fields.unwrap(), ..Event::default() }).collect();
        assert_eq!(rows.len(), 32_000);
        Some(rows)
    }

    // scipy.stats and gbstats on the public e-mail test, men's mail against none.
    #[test]
    fn the_email_test_ships_the_mens_mail_with_the_numbers_of_the_reference() {
        let Some(rows) = email() else { return };
        let nodes = r#"arms by="treatment" control="No E-Mail"
            metric "visit"
            metric "spend" as="value"
            covariate "history""#;
        let plain = run(&nodes.replace("covariate \"history\"", ""), rows.clone());
        assert_eq!(plain.headline.as_deref(), Some("ship Mens E-Mail"));
        let found = insights(&plain);
        assert_eq!(found.len(), 5);
        assert!(found[0].says.starts_with("Ship Mens E-Mail: its visit is clearly better (+0.0750: "), "{}", found[0].says);
        let mens = found[1];
        assert_eq!((mens.subject.to_string(), &mens.verdict), ("metric visit: Mens E-Mail".into(), &Verdict::Clear));
        close(mens.value, 0.0749891398383893, 1e-12);
        close(part(mens, "p, one look"), 8.309934114575706e-55, 1e-9);
        assert!(part(mens, "p, at any time") > part(mens, "p, one look"));
        let (low, high) = mens.interval.unwrap();
        // Two arms share the error here; alone, the one-look interval is that of the reference.
        assert!(low < part(mens, "low, one look") && part(mens, "high, one look") < high);
        let two = rows.iter().filter(|row| row.fields["treatment"] != "Womens E-Mail").cloned().collect();
        let output = run(&nodes.replace("covariate \"history\"", ""), two);
        let mens = insights(&output)[1];
        close(part(mens, "low, one look"), 0.0655903523, 1e-9);
        close(part(mens, "high, one look"), 0.0843879274, 1e-9);
        // What was spent before says little about who visits, but never makes the interval wider than it was by more than chance.
        let with = run(nodes, rows);
        assert_eq!(with.headline.as_deref(), Some("ship Mens E-Mail"));
    }

    #[test]
    fn the_same_arms_keep_running_or_stop_but_never_ship() {
        for seed in 0..12 {
            let output = run(NODES, people(1_500, &[("old", 0.1), ("new", 0.1)], seed));
            assert_eq!(output.headline.as_deref(), Some("keep running"), "seed {seed}");
            assert_eq!(insights(&output)[1].verdict, Verdict::NotDistinguishable);
        }
        let output = run(NODES, people(1_500, &[("old", 0.1), ("new", 0.1)], 1));
        let says = &insights(&output)[0].says;
        assert!(says.contains("more people, ") && says.ends_with("more days at this pace."), "{says}");
    }

    #[test]
    fn a_better_arm_ships_a_worse_one_stops_and_less_can_be_better() {
        let better = people(6_000, &[("old", 0.1), ("new", 0.15)], 3);
        assert_eq!(run(NODES, better.clone()).headline.as_deref(), Some("ship new"));
        let less = r#"arms by="variant" control="old"; metric "buy" better="less""#;
        let output = run(less, better.clone());
        assert_eq!(output.headline.as_deref(), Some("stop"));
        assert!(
            insights(&output)[0].says.starts_with("Stop and keep old: new is clearly worse (+0.0"),
            "{}",
            insights(&output)[0].says
        );
        assert!(part(insights(&output)[1], "chance to win") < 0.001);
        // The same number as a guardrail stops what the metric would ship.
        let guarded = r#"arms by="variant" control="old"; metric "buy" as="value"; guardrail "buy" better="less""#;
        let output = run(guarded, better);
        assert_eq!(insights(&output)[0].says, "Stop and keep old: new makes buy clearly worse.");
    }

    #[test]
    fn what_can_no_longer_be_worth_having_is_stopped() {
        let nodes = r#"arms by="variant" control="old"; metric "buy"; minimum-effect 0.5"#;
        let output = run(nodes, people(6_000, &[("old", 0.2), ("new", 0.2)], 5));
        let decision = insights(&output)[0];
        assert!(decision.says.starts_with("Stop and keep old: new cannot be better by as much as 50 %"), "{}", decision.says);
        assert_eq!(decision.verdict, Verdict::NotDistinguishable);
    }

    #[test]
    fn a_lost_arm_or_people_in_two_arms_are_broken_and_no_effect_is_told() {
        let mut rows = people(4_000, &[("old", 0.1), ("new", 0.3)], 7);
        // A quarter of the new arm's people was lost: those who did not buy.
        let mut turn = 0;
        let bought: Vec<String> = rows.iter().filter(|row| row.name == "buy").map(|row| row.who.clone()).collect();
        rows.retain(|row| {
            let lost = row.fields.get("variant").is_some_and(|arm| arm == "new") && !bought.contains(&row.who);
            turn += usize::from(lost);
            !(lost && turn % 3 == 0)
        });
        let output = run(NODES, rows);
        assert_eq!((output.headline.as_deref(), insights(&output).len()), (Some("broken"), 1));
        assert!(insights(&output)[0].says.starts_with("Broken: the arms did not come as meant (old "));
        // The same sizes are fine when they were meant.
        let uneven = people(3_000, &[("old", 0.1), ("old", 0.1), ("old", 0.1), ("new", 0.1)], 8);
        assert_eq!(run(NODES, uneven.clone()).headline.as_deref(), Some("broken"));
        let nodes = r#"arms by="variant" control="old" share=3; arm "new" share=1; metric "buy""#;
        assert_eq!(run(nodes, uneven).headline.as_deref(), Some("keep running"));
        let mut mixed = people(400, &[("old", 0.1), ("new", 0.1)], 9);
        let again: Vec<Event> = mixed.iter().filter(|row| row.name == "view").take(20).cloned().collect();
        mixed.extend(again.into_iter().map(|row| {
            let other = if row.fields["variant"] == "old" { "new" } else { "old" };
            Event { fields: [("variant".to_owned(), other.to_owned())].into(), ..row }
        }));
        let output = run(NODES, mixed);
        assert!(insights(&output)[0].says.contains("the assignment does not stick"));
        assert_eq!(notes(&output), ["- 20 people were in two arms and were left out."]);
    }

    #[test]
    fn too_little_gives_no_number() {
        for rows in [vec![], people(10, &[("old", 0.5)], 1), people(60, &[("old", 0.1), ("new", 0.1)], 1)] {
            let output = run(NODES, rows);
            assert_eq!(output.headline.as_deref(), Some("keep running"));
            assert!(
                insights(&output)
                    .iter()
                    .all(|found| matches!(found.verdict, Verdict::NotEnough { .. }) && found.interval.is_none())
            );
        }
        // Windows that are still open are no failures.
        let output =
            run(r#"arms by="variant" control="old"; metric "buy"; window "200d""#, people(500, &[("old", 0.5), ("new", 0.1)], 1));
        assert_eq!(output.headline.as_deref(), Some("keep running"));
        assert_eq!(notes(&output), ["- 500 people's windows are still open."]);
        // One row in the future, and a constant outcome.
        let mut rows = people(500, &[("old", 1.0), ("new", 1.0)], 1);
        rows.push(Event { at: Timestamp::parse("2030-01-01T00:00:00Z").unwrap(), ..rows[0].clone() });
        let output = run(NODES, rows);
        assert_eq!(output.headline.as_deref(), Some("keep running"));
        assert_eq!(notes(&output), ["- 1 row dated in the future was left out."]);
    }

    // Looked at after every two hundred people, as cycles would; `sequential` looks after everybody, and more often.
    #[test]
    fn looking_in_every_cycle_ships_the_same_thing_at_most_once_in_twenty() {
        let rules = [Asked { metric: Metric { name: "buy", value: false }, more_is_better: true, guardrail: false }];
        let runs = 100;
        let mut told = 0;
        for seed in 0..runs {
            let mut rng = Rng::new(1_000 + seed);
            let mut trial = Trial { arms: vec!["old".into(), "new".into()], ..Trial::default() };
            for _ in 0..10 {
                trial.people.extend((0..200).map(|_| arms::Person {
                    arm: rng.below(2) as usize,
                    since: Timestamp(0),
                    outcomes: vec![Some(f64::from(rng.uniform() < 0.05))],
                    covariate: None,
                }));
                let found = compare(&trial, 1, 0, &rules[0], 0.5, 0.05, false);
                if found.is_clear() {
                    told += 1;
                    break;
                }
            }
        }
        assert!(f64::from(told) / runs as f64 <= 0.05, "{told} of {runs}");
    }
}
