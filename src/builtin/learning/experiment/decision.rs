//! The decision: whether the experiment is sound, and if so whether an arm ships, all stop, or it needs more people.

use super::arms::Trial;
use super::metrics::{Asked, Comparison, OUTCOMES_MIN, POWER, Terms, compare, people_best};
use super::words::range;
use crate::base::InOrder;
use crate::stats::{sequential, srm};

/// More people than this share in two arms at once, and the assignment does not stick.
const MIXED_MAX: f64 = 0.01;
/// More segments than this share too little error each to find anything.
const SEGMENTS_MAX: usize = 8;

/// One comparison and what it is about.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Found {
    pub arm: usize,
    /// The metric.
    pub at: usize,
    /// Among these people only.
    pub segment: Option<String>,
    pub comparison: Comparison,
}

/// The answer.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Decision {
    Ship { arm: usize, why: String },
    Stop { why: String },
    KeepRunning { need: String },
    Broken { why: String },
}

/// The decision and all comparisons, those of the first metric first, the best arm on top. Nothing is compared in a broken one.
pub(super) fn judge(
    trial: &Trial,
    asked: &[Asked<'_>],
    shares: &[f64],
    alpha: f64,
    effect_min: f64,
    covariate: bool,
) -> (Decision, Vec<Found>) {
    let rivals = trial.arms.len() - 1;
    if rivals == 0 || asked.is_empty() || trial.people() == 0 {
        return (Decision::KeepRunning { need: "people in the control and in another arm".to_owned() }, Vec::new());
    }
    let counts = trial.sizes();
    if trial.mixed as f64 > MIXED_MAX * (trial.people() + trial.mixed) as f64 && trial.mixed >= 5 {
        let why = format!("{} people were in more than one arm, so the assignment does not stick", trial.mixed);
        return (Decision::Broken { why }, Vec::new());
    }
    if let Some(mismatch) = srm::test(&counts, shares).filter(srm::Mismatch::is_broken) {
        let sizes: Vec<String> = trial.arms.iter().zip(&counts).map(|(arm, count)| format!("{arm} {count}")).collect();
        let why = format!("the arms did not come as meant ({}; p = {:.1e})", sizes.join(", "), mismatch.p_value);
        return (Decision::Broken { why }, Vec::new());
    }
    let beside = asked.iter().skip(1).filter(|asked| !asked.guardrail).count().max(1);
    let segments = segments(trial);
    let mut comparisons = Vec::new();
    for (at, metric) in asked.iter().enumerate() {
        // The error is shared by the arms, and among the metrics told beside by those too.
        let alpha = alpha / rivals as f64 / if at == 0 || metric.guardrail { 1.0 } else { beside as f64 };
        comparisons.extend(of_metric(trial, metric, at, shares, Terms { share: 0.5, alpha, covariate, segment: None }));
    }
    for segment in &segments {
        // So is it by the segments: looking at many parts finds something in one of them.
        let alpha = alpha / rivals as f64 / segments.len() as f64;
        let terms = Terms { share: 0.5, alpha, covariate, segment: Some(segment) };
        comparisons.extend(of_metric(trial, &asked[0], 0, shares, terms));
    }
    (decide(trial, asked, &comparisons, effect_min), comparisons)
}

/// Every arm against the control in one metric, the best arm on top.
fn of_metric(trial: &Trial, metric: &Asked<'_>, at: usize, shares: &[f64], terms: Terms<'_>) -> Vec<Found> {
    let mut found: Vec<Found> = (1..trial.arms.len())
        .map(|arm| {
            let terms = Terms { share: shares[arm] / (shares[arm] + shares[0]), ..terms };
            let comparison = compare(trial, arm, at, metric, terms);
            Found { arm, at, segment: terms.segment.map(str::to_owned), comparison }
        })
        .collect();
    let sign = if metric.more_is_better { 1.0 } else { -1.0 };
    found.order_by(|a, b| (b.comparison.estimate() * sign).total_cmp(&(a.comparison.estimate() * sign)));
    found
}

/// The commonest values of the segment, in the order of names.
fn segments(trial: &Trial) -> Vec<String> {
    let mut sizes = vec![0usize; trial.segments.len()];
    trial.segment.iter().flatten().for_each(|at| sizes[*at as usize] += 1);
    let mut order: Vec<(&str, usize)> =
        trial.segments.iter().map(String::as_str).zip(sizes).filter(|(_, size)| *size > 0).collect();
    order.order_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(b.0)));
    order.truncate(SEGMENTS_MAX);
    let mut names: Vec<String> = order.into_iter().map(|(name, _)| name.to_owned()).collect();
    names.sort();
    names
}

/// How much worse than the control the comparison leaves possible, and at least is, relative to the control's mean (below zero when
/// better); `None` while there is no interval.
fn harm(comparison: &Comparison, more_is_better: bool) -> Option<(f64, f64)> {
    let interval = comparison.interval?;
    let scale = comparison.control.mean.abs();
    let (least, most) = if more_is_better { (-interval.high, -interval.low) } else { (interval.low, interval.high) };
    (scale > 0.0).then(|| (least / scale, most / scale))
}

fn decide(trial: &Trial, asked: &[Asked<'_>], found: &[Found], effect_min: f64) -> Decision {
    let guardrails = |arm: usize| {
        let of_arm = found.iter().filter(move |found| found.arm == arm && found.segment.is_none());
        of_arm.map(|found| (&asked[found.at], &found.comparison)).filter(|(asked, _)| asked.guardrail)
    };
    // Within its margin a guardrail may be clearly worse; that is what the margin says.
    let harmed = |arm: usize| {
        let clearly = |(asked, comparison): &(&Asked<'_>, &Comparison)| match asked.margin {
            None => comparison.direction(asked.more_is_better) < 0,
            Some(margin) => harm(comparison, asked.more_is_better).is_some_and(|(least, _)| least > margin),
        };
        guardrails(arm).find(clearly).map(|(asked, _)| asked.title())
    };
    let unproven = |arm: usize| {
        guardrails(arm).find_map(|(asked, comparison)| {
            let margin = asked.margin?;
            let proven = harm(comparison, asked.more_is_better).is_some_and(|(_, most)| most <= margin);
            (!proven).then_some((asked, margin, comparison))
        })
    };
    let more = asked[0].more_is_better;
    let first: Vec<(usize, &Comparison)> = found
        .iter()
        .filter(|found| found.at == 0 && found.segment.is_none())
        .map(|found| (found.arm, &found.comparison))
        .collect();
    let better = || first.iter().filter(|(arm, comparison)| comparison.direction(more) > 0 && harmed(*arm).is_none());
    if let Some((arm, comparison)) = better().find(|(arm, _)| unproven(*arm).is_none()) {
        let why = format!("its {} is clearly better{}", asked[0].title(), range(comparison));
        return Decision::Ship { arm: *arm, why };
    }
    if let Some((guardrail, margin, comparison)) = better().find_map(|(arm, _)| unproven(*arm)) {
        let need = format!("proof that {} gets worse by at most {:.0} %{}", guardrail.title(), margin * 100.0, range(comparison));
        return Decision::KeepRunning { need };
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
    // The interval is tuned to the size it ends at, so ask twice.
    let rough = sequential::people_needed(effect, variance, comparison.alpha, POWER, people_best(have))?;
    let needed = sequential::people_needed(effect, variance, comparison.alpha, POWER, people_best(rough))?;
    let more = (needed - have).max(1.0);
    let (first, last) = (*trial.since.first()?, *trial.since.last()?);
    let days = last.days_since(first);
    let people = if more > 10.0 { (more / 10.0).ceil() * 10.0 } else { more };
    Some(if days >= 1.0 {
        let wait = (more / (have / days)).ceil();
        format!("about {people:.0} more people, {wait:.0} more {} at this pace", if wait == 1.0 { "day" } else { "days" })
    } else {
        format!("about {people:.0} more people")
    })
}
