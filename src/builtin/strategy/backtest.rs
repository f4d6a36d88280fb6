//! Which weights the past speaks for.
//!
//! Every topic with a series is scored as of past periods, from what was known then, and the rules' values are compared with
//! the rank of the topic's volume one horizon later. Weights are learned by regression that starts from the weights in force.
//! The intervals come from drawing whole topics again, because the periods of one topic are not independent of each other;
//! the verdict needs both: learned weights that rank later periods better, and an interval without the present weight.

use super::pool::{Pillars, Topic, as_of, period_days};
use super::score::{Rule, Subject, values};
use crate::base::{Hasher, InOrder, Rng, Timestamp};
use crate::client_os::Pillar;
use crate::model::goods::insight::{Basis, HeldOut};
use crate::model::goods::{Insight, Subject as About, Verdict};
use crate::stats::linear::Matrix;
use crate::stats::regression::{Comparison, Options, compare_out_of_time, learn};
use crate::stats::summary::{quantile_sorted, ranks, sorted};
use crate::step::StepContext;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Most topics looked at, those with the most volume first.
const MOST_TOPICS: usize = 120;
/// Most past periods looked at, the latest first.
const MOST_PERIODS: usize = 18;
/// Fewest topics and periods for any verdict.
const FEWEST_TOPICS: usize = 8;
const FEWEST_PERIODS: usize = 6;
/// Times the topics are drawn again for the intervals.
const DRAWS: usize = 100;
/// Share of the latest rows that the comparison holds out.
const HELD_OUT: f64 = 0.3;
const LEVEL: f64 = 0.95;

/// Scored past: one row per topic and period, in time order.
struct Past {
    table: Matrix,
    outcomes: Vec<f64>,
    /// The topic of each row.
    topics: Vec<usize>,
    topic_count: usize,
    periods: usize,
    /// Days from a score to what followed it.
    ahead_days: f64,
}

/// One insight for each rule.
pub(super) fn insights(cx: &StepContext<'_>, rules: &[Rule], topics: &[Topic], horizon: Duration) -> Vec<Insight> {
    let past = past(cx, rules, topics, horizon);
    let in_force: Vec<f64> = rules.iter().map(|rule| rule.weight).collect();
    let raw: f64 = rules.iter().map(|rule| rule.raw).sum();
    // Parameters keep the scale in which they were declared.
    let scale = if raw > 0.0 { raw } else { 1.0 };
    let about = |rule: &Rule| About::Parameter(format!("{}.{}", cx.step.id, rule.name));
    if past.topic_count < FEWEST_TOPICS || past.periods < FEWEST_PERIODS {
        let need = format!("{FEWEST_TOPICS} topics with a series of at least {} periods", FEWEST_PERIODS + 1);
        return rules
            .iter()
            .map(|rule| Insight {
                subject: about(rule),
                measure: "weight".into(),
                value: rule.weight * scale,
                interval: None,
                level: LEVEL,
                n: past.outcomes.len() as u64,
                verdict: Verdict::NotEnough { need: need.clone() },
                says: format!(
                    "`{}` stays at {:.2}: there is too little past to learn from ({need} are needed).",
                    rule.name,
                    rule.weight * scale
                ),
                at: cx.now,
                basis: None,
                plot: Vec::new(),
            })
            .collect();
    }
    let options = Options { confidence: LEVEL, ..Options::default() };
    let Some(fitted) = fit(&past, &in_force, &options, None) else { return Vec::new() };
    let intervals = intervals(&past, &in_force, &options, &mut cx.rng());
    let comparison = compare_out_of_time(&past.table, &past.outcomes, &in_force, &options, HELD_OUT, &mut cx.rng());
    let basis = basis(topics);
    let parts = held_out(&past, &in_force, &options);
    let wins = comparison.as_ref().is_some_and(Comparison::learned_wins);
    rules
        .iter()
        .enumerate()
        .map(|(at, rule)| {
            let (low, high) = intervals[at];
            let decided = wins && !(low..=high).contains(&rule.weight);
            Insight {
                subject: about(rule),
                measure: "weight".into(),
                value: fitted[at] * scale,
                interval: Some((low * scale, high * scale)),
                level: LEVEL,
                n: past.outcomes.len() as u64,
                verdict: if decided { Verdict::Clear } else { Verdict::NotDistinguishable },
                says: says(rule, fitted[at], (low, high), scale, &past, comparison.as_ref(), decided),
                at: cx.now,
                basis: Some(Basis {
                    held_out: parts
                        .as_ref()
                        .map(|(learned, judged)| HeldOut { learned: learned[at] * scale, held_out: judged[at] * scale }),
                    ..basis.clone()
                }),
                plot: comparison.as_ref().map_or_else(Vec::new, |comparison| {
                    vec![("weights in force".into(), comparison.declared), ("learned weights".into(), comparison.learned)]
                }),
            }
        })
        .collect()
}

/// What the past consists of, whatever the weights are.
fn basis(topics: &[Topic]) -> Basis {
    let mut hasher = Hasher::new();
    for topic in topics.iter().filter(|topic| !topic.signal.series.is_empty()) {
        hasher.part(&topic.signal.topic).json(&topic.signal.series);
    }
    let times = || topics.iter().flat_map(|topic| topic.signal.series.iter().map(|point| point.at));
    let (from, to) = (times().min().unwrap_or(Timestamp(0)), times().max().unwrap_or(Timestamp(0)));
    Basis { digest: hasher.finish(), from, to, held_out: None }
}

/// The weights that the earlier part of the past speaks for, and those of the later part, each learned without the other.
fn held_out(past: &Past, in_force: &[f64], options: &Options) -> Option<(Vec<f64>, Vec<f64>)> {
    let cut = ((past.outcomes.len() as f64) * (1.0 - HELD_OUT)) as usize;
    let (early, late): (Vec<usize>, Vec<usize>) = (0..past.outcomes.len()).partition(|row| *row < cut);
    Some((fit(past, in_force, options, Some(&early))?, fit(past, in_force, options, Some(&late))?))
}

fn says(
    rule: &Rule,
    fitted: f64,
    (low, high): (f64, f64),
    scale: f64,
    past: &Past,
    comparison: Option<&Comparison>,
    decided: bool,
) -> String {
    let over = format!("Over {} past periods and {} topics", past.periods, past.topic_count);
    let (low, high) = (format!("{:.2}", low * scale), format!("{:.2}", high * scale));
    // At a bound every draw may agree; then the interval says nothing more than the value.
    let between = if low == high { String::new() } else { format!(" (between {low} and {high})") };
    let weight = format!("{:.2}{between}", fitted * scale);
    let now = rule.weight * scale;
    match comparison {
        Some(found) if decided => format!(
            "{over}, what followed within {:.0} days speaks for a weight of {weight} for `{}`, which is {now:.2} now; learned weights rank later \
topics better than the present ones (rank correlation {:.2} against {:.2}).",
            past.ahead_days, rule.name, found.learned, found.declared
        ),
        Some(found) if !found.learned_wins() => format!(
            "{over}, learned weights do not rank later topics better than the present ones (rank correlation {:.2} against {:.2}), so `{}` \
stays at {now:.2}.",
            found.learned, found.declared, rule.name
        ),
        _ => format!("{over}, the evidence for `{}` is {weight}, which cannot be told from {now:.2}.", rule.name),
    }
}

/// Scores the past. Only what was known at each period enters the values of its row.
fn past(cx: &StepContext<'_>, rules: &[Rule], topics: &[Topic], horizon: Duration) -> Past {
    let mut with_series: Vec<&Topic> = topics.iter().filter(|topic| topic.signal.series.len() >= 3).collect();
    with_series.order_by(|a, b| b.signal.volume.unwrap_or(0.0).total_cmp(&a.signal.volume.unwrap_or(0.0)));
    with_series.truncate(MOST_TOPICS);
    let mut rows: Vec<Vec<f64>> = Vec::new();
    let mut past = Past {
        table: Matrix::zeros(0, rules.len()),
        outcomes: Vec::new(),
        topics: Vec::new(),
        topic_count: 0,
        periods: 0,
        ahead_days: 0.0,
    };
    let days: Vec<f64> = with_series.iter().filter_map(|topic| period_days(&topic.signal.series)).collect();
    let Some(period) = days.iter().copied().reduce(f64::min) else { return past };
    let ahead = ((horizon.as_secs_f64() / 86_400.0 / period).round() as usize).max(1);
    past.ahead_days = ahead as f64 * period;
    // Periods that some topic has, in time order; the last `ahead` of them have not been followed by anything yet.
    let times: BTreeSet<_> = with_series.iter().flat_map(|topic| topic.signal.series.iter().map(|point| point.at)).collect();
    let times: Vec<_> = times.into_iter().collect();
    let last = times.len().saturating_sub(ahead);
    let mut seen = BTreeSet::new();
    // A topic's pillar is the same in every period.
    let pillars = Pillars::new(&cx.client_os.pillars);
    let pillar = |topic: &&Topic| pillars.of(&topic.signal.topic, topic.signal.title.as_data());
    let pillar_of: Vec<Option<&Pillar>> = with_series.iter().map(pillar).collect();
    for then in &times[last.saturating_sub(MOST_PERIODS)..last] {
        // A topic takes part when it had two periods already and its future is known.
        let mut part: Vec<(usize, Topic, f64)> = Vec::new();
        for (number, topic) in with_series.iter().enumerate() {
            let series = &topic.signal.series;
            let Ok(at) = series.binary_search_by(|point| point.at.cmp(then)) else { continue };
            let Some(next) = series.get(at + ahead) else { continue };
            if at >= 1 && next.value.is_finite() {
                part.push((number, Topic { signal: as_of(&topic.signal, at), items: Vec::new() }, next.value));
            }
        }
        if part.len() < FEWEST_TOPICS {
            continue;
        }
        let subjects: Vec<Subject<'_>> =
            part.iter().map(|(number, topic, _)| Subject::new(topic, pillar_of[*number], *then)).collect();
        let table = values(rules, &subjects, &mut BTreeMap::new());
        let followed: Vec<f64> = part.iter().map(|(_, _, next)| *next).collect();
        let count = followed.len() as f64;
        for (((number, _, _), row), rank) in part.iter().zip(table).zip(ranks(&followed)) {
            rows.push(row.into_iter().map(|value| value.unwrap_or(0.5)).collect());
            past.outcomes.push((rank - 0.5) / count);
            past.topics.push(*number);
            seen.insert(*number);
        }
        past.periods += 1;
    }
    past.topic_count = seen.len();
    past.table = Matrix::from_rows(&rows).unwrap_or_else(|| Matrix::zeros(0, rules.len()));
    past
}

/// Learned weights that sum to 1, from all rows or from some of them.
fn fit(past: &Past, in_force: &[f64], options: &Options, rows: Option<&[usize]>) -> Option<Vec<f64>> {
    let learned = match rows {
        None => learn(&past.table, &past.outcomes, in_force, options)?,
        Some(rows) => {
            let table: Vec<Vec<f64>> = rows.iter().map(|row| past.table.row(*row).to_vec()).collect();
            let outcomes: Vec<f64> = rows.iter().map(|row| past.outcomes[*row]).collect();
            learn(&Matrix::from_rows(&table)?, &outcomes, in_force, options)?
        }
    };
    let total: f64 = learned.coefficients.iter().sum();
    if total > 1e-9 { Some(learned.coefficients.iter().map(|weight| weight / total).collect()) } else { Some(in_force.to_vec()) }
}

/// Percentile intervals of each weight, from fits on topics drawn with replacement (the cluster bootstrap: Cameron, Gelbach
/// and Miller, 2008).
fn intervals(past: &Past, in_force: &[f64], options: &Options, rng: &mut Rng) -> Vec<(f64, f64)> {
    let mut rows_of: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (row, topic) in past.topics.iter().enumerate() {
        rows_of.entry(*topic).or_default().push(row);
    }
    let clusters: Vec<Vec<usize>> = rows_of.into_values().collect();
    let mut draws = vec![Vec::with_capacity(DRAWS); in_force.len()];
    for _ in 0..DRAWS {
        let rows: Vec<usize> =
            (0..clusters.len()).flat_map(|_| clusters[rng.below(clusters.len() as u64) as usize].iter().copied()).collect();
        if let Some(weights) = fit(past, in_force, options, Some(&rows)) {
            for (draw, weight) in draws.iter_mut().zip(weights) {
                draw.push(weight);
            }
        }
    }
    let tail = (1.0 - options.confidence) / 2.0;
    draws
        .iter()
        .map(|draws| {
            let draws = sorted(draws);
            if draws.is_empty() { (0.0, 1.0) } else { (quantile_sorted(&draws, tail), quantile_sorted(&draws, 1.0 - tail)) }
        })
        .collect()
}
