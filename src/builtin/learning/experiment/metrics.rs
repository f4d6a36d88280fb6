//! Metrics: one arm against the control, by the rate, the value, the ratio or the quantile, in numbers that hold at all looks.

use super::arms::{Measure, Metric, Trial};
use crate::model::{Config, Scalar};
use crate::stats::bandit::{Arm, probabilities_of_best};
use crate::stats::intervals::{Interval, Sample, welch};
use crate::stats::rates::RateTest;
use crate::stats::sequential::{self, ValueTest};
use crate::stats::special::{normal_cdf, normal_quantile};
use crate::stats::{cuped, delta};

/// People in each arm, and outcomes that are not zero over both, before a variance is trusted.
pub(super) const PEOPLE_MIN: f64 = 50.0;
pub(super) const OUTCOMES_MIN: f64 = 30.0;
/// A covariate that explains less of the variance is left out.
const EXPLAINED_MIN: f64 = 0.01;
/// The chance to find the smallest effect that matters, in planning.
pub(super) const POWER: f64 = 0.8;

/// What one metric node says.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Asked<'a> {
    pub metric: Metric<'a>,
    pub more_is_better: bool,
    pub guardrail: bool,
    /// How much worse a guardrail may be (0–1, relative to the control), if it must be shown.
    pub margin: Option<f64>,
}

impl<'a> Asked<'a> {
    /// `None` when the node has no name; an error in words when a ratio does not say what is below the line.
    pub fn read(node: &'a Config, guardrail: bool) -> Option<Result<Asked<'a>, String>> {
        let word = |name: &str| node.prop(name).and_then(Scalar::text);
        let number = |name: &str| node.prop(name).and_then(Scalar::number);
        let name = node.arg()?.text()?;
        let measure = match (word("as"), word("of")) {
            (Some("value"), _) => Measure::Value,
            (Some("ratio"), Some(of)) => Measure::Ratio { of },
            (Some("ratio"), None) => {
                return Some(Err(format!("the ratio `{name}` does not say what is below the line; add `of`")));
            }
            (Some("quantile"), _) => Measure::Quantile { at: number("at").unwrap_or(0.5) },
            _ => Measure::Rate,
        };
        Some(Ok(Asked {
            metric: Metric { name, measure },
            more_is_better: word("better") != Some("less"),
            guardrail,
            margin: number("margin").filter(|margin| guardrail && *margin >= 0.0),
        }))
    }

    /// As people say it: `click per send`, `the .9 quantile of wait`.
    pub fn title(&self) -> String {
        match self.metric.measure {
            Measure::Rate | Measure::Value => self.metric.name.to_owned(),
            Measure::Ratio { of } => format!("{} per {of}", self.metric.name),
            Measure::Quantile { at: 0.5 } => format!("median {}", self.metric.name),
            Measure::Quantile { at } => format!("{} at the {} quantile", self.metric.name, at),
        }
    }
}

/// One arm against the control in one metric.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Comparison {
    pub treatment: Sample,
    pub control: Sample,
    /// Arm minus control, valid at all looks; `None` while there are too few outcomes.
    pub interval: Option<Interval>,
    /// Valid at all looks.
    pub p_always: f64,
    /// As if this were the only look: p and interval.
    pub one_look: Option<(f64, Interval)>,
    /// What is believed of both rates after a flat prior; `None` for values and adjusted rates, whose means are taken as normal.
    pub beliefs: Option<[Arm; 2]>,
    pub more_is_better: bool,
    /// The smallest true difference that people as many as these would show with the usual power.
    pub detectable: Option<f64>,
    /// The share of variance that the covariate took out.
    pub explained: Option<f64>,
    /// The error this comparison may make.
    pub alpha: f64,
}

impl Comparison {
    /// How likely it is that the arm is better than the control.
    pub fn chance_to_win(&self) -> f64 {
        let up = match (self.beliefs, welch(self.treatment, self.control, 0.95)) {
            (Some(beliefs), _) => probabilities_of_best(&beliefs).map_or(0.5, |best| best[0]),
            (None, Some(difference)) => normal_cdf(difference.interval.estimate / difference.standard_error),
            (None, None) => 0.5,
        };
        if self.more_is_better { up } else { 1.0 - up }
    }

    pub fn is_clear(&self) -> bool {
        self.p_always <= self.alpha && self.interval.is_some_and(|interval| !interval.contains(0.0))
    }

    pub fn estimate(&self) -> f64 {
        let plain = self.treatment.mean - self.control.mean;
        // Without anybody in an arm there is no mean.
        self.interval.map_or(if plain.is_finite() { plain } else { 0.0 }, |interval| interval.estimate)
    }

    /// −1, 0 or 1: clearly worse, not clear, clearly better.
    pub fn direction(&self, more_is_better: bool) -> i8 {
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

/// Everybody in the arm or in the control who has an outcome, by columns, in the order of assignment.
#[derive(Clone, Debug, Default)]
struct Cases {
    /// In the arm.
    first: Vec<bool>,
    amount: Vec<f64>,
    /// What is below the line; only of a ratio.
    per: Vec<f64>,
}

impl Cases {
    /// Those of the arm, or those of the control.
    fn side<'a>(&'a self, of_arm: bool, column: &'a [f64]) -> impl Iterator<Item = f64> + Clone + 'a {
        self.first.iter().zip(column).filter(move |(first, _)| **first == of_arm).map(|(_, value)| *value)
    }

    fn pairs(&self) -> impl Iterator<Item = (f64, f64)> + '_ {
        self.amount.iter().copied().zip(self.per.iter().copied())
    }
}

/// Evidence that the arm changes the outcome at all, from everybody in the order of assignment.
fn evidence(measure: &Measure<'_>, cases: &Cases, share: f64) -> f64 {
    let (mut rates, mut values) = (RateTest::new(share), ValueTest::new(share));
    let firsts = cases.first.iter().copied();
    let amounts = cases.amount.iter().copied();
    match measure {
        Measure::Rate => amounts.zip(firsts).for_each(|(amount, first)| rates.observe(amount != 0.0, first)),
        Measure::Value => amounts.zip(firsts).for_each(|(amount, first)| values.observe(amount, first)),
        Measure::Ratio { .. } => {
            let pairs: Vec<(f64, f64)> = cases.pairs().collect();
            delta::ratio_distances(&pairs).into_iter().zip(firsts).for_each(|(away, first)| values.observe(away, first));
        }
        Measure::Quantile { at } => {
            let above = delta::above_quantile(&cases.amount, *at);
            above.into_iter().zip(firsts).filter_map(|(above, first)| Some((above?, first))).for_each(|(above, first)| {
                rates.observe(above, first);
            });
        }
    }
    match measure {
        Measure::Rate | Measure::Quantile { .. } => rates.log_evidence(),
        Measure::Value | Measure::Ratio { .. } => values.log_evidence(),
    }
}

/// How a comparison is made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms<'a> {
    /// The chance of somebody in either arm to be in the treated one.
    pub share: f64,
    /// The error it may make.
    pub alpha: f64,
    pub covariate: bool,
    /// Only people with this value of the segment.
    pub segment: Option<&'a str>,
}

/// Narrowest about where it stands, rounded to a power of two so that it does not follow every single look.
pub(super) fn people_best(people: f64) -> f64 {
    people.max(1_000.0).log2().ceil().exp2()
}

pub(super) fn compare(trial: &Trial, arm: usize, at: usize, asked: &Asked<'_>, terms: Terms<'_>) -> Comparison {
    let Terms { share, alpha, .. } = terms;
    let segment = terms.segment.map(|name| trial.segments.iter().position(|known| known == name).map(|at| at as u32));
    let (mut cases, mut before) = (Cases::default(), Vec::new());
    let measure = &asked.metric.measure;
    let adjusts = terms.covariate && matches!(measure, Measure::Rate | Measure::Value);
    let divides = matches!(measure, Measure::Ratio { .. });
    for (person, (of_person, outcome)) in trial.arm.iter().zip(&trial.outcomes[at]).enumerate() {
        let first = usize::from(*of_person) == arm;
        let meant = (first || *of_person == 0) && segment.is_none_or(|segment| trial.segment[person] == segment);
        let Some(outcome) = outcome.filter(|_| meant) else { continue };
        cases.first.push(first);
        cases.amount.push(outcome.amount);
        if divides {
            cases.per.push(outcome.per);
        }
        if adjusts {
            before.push(trial.covariate.get(person).copied().flatten().unwrap_or(f64::NAN));
        }
    }
    let (mut counts, mut sizes) = ([0.0; 2], [0.0; 2]);
    for (first, amount) in cases.first.iter().zip(&cases.amount) {
        sizes[usize::from(!first)] += 1.0;
        counts[usize::from(!first)] += f64::from(u8::from(*amount != 0.0));
    }
    let amounts = |side: usize| cases.side(side == 0, &cases.amount);
    let adjusted = if adjusts {
        let mut pairs: [Vec<(f64, f64)>; 2] = [Vec::new(), Vec::new()];
        for ((first, amount), before) in cases.first.iter().zip(&cases.amount).zip(&before) {
            pairs[usize::from(!first)].push((*before, *amount));
        }
        cuped::adjust(&pairs, EXPLAINED_MIN)
    } else {
        None
    };
    let sample = |side: usize| {
        let count = sizes[side];
        let nothing = Sample { count, mean: f64::NAN, variance: f64::NAN };
        match (&adjusted, measure) {
            (Some(adjusted), _) => Sample::of(&adjusted.arms[side]),
            (None, Measure::Rate) => Sample::of_proportion(counts[side], count),
            (None, Measure::Value) => Sample::of(&amounts(side).collect::<Vec<f64>>()),
            (None, Measure::Ratio { .. }) => {
                let pairs: Vec<(f64, f64)> = amounts(side).zip(cases.side(side == 0, &cases.per)).collect();
                delta::ratio(&pairs).unwrap_or(nothing)
            }
            (None, Measure::Quantile { at }) => delta::quantile(&amounts(side).collect::<Vec<f64>>(), *at).unwrap_or(nothing),
        }
    };
    let (treatment, control) = (sample(0), sample(1));
    let one_look = welch(treatment, control, 1.0 - alpha);
    let count = treatment.count + control.count;
    let enough = treatment.count.min(control.count) >= PEOPLE_MIN && counts[0] + counts[1] >= OUTCOMES_MIN;
    let best = people_best(count);
    let known = one_look.filter(|_| enough);
    let interval = known.map(|found| sequential::interval(found.interval.estimate, found.standard_error, count, alpha, best));
    let detectable = known.map(|found| (sequential::reach(count, alpha, best) + normal_quantile(POWER)) * found.standard_error);
    let rates = *measure == Measure::Rate && adjusted.is_none();
    let belief = |side: usize| Arm { successes: counts[side] + 1.0, failures: (sizes[side] - counts[side]).max(0.0) + 1.0 };
    // The interval of a rate takes the binomial variance, as experiment platforms do; its p-value the sample variance, as
    // statistics packages do, so both can be compared with what others print.
    let unbiased = |sample: Sample| Sample { variance: sample.variance * sample.count / (sample.count - 1.0), ..sample };
    let by_sample = if rates { welch(unbiased(treatment), unbiased(control), 1.0 - alpha) } else { one_look };
    Comparison {
        treatment,
        control,
        interval,
        p_always: sequential::p_value(evidence(measure, &cases, share)),
        one_look: one_look.zip(by_sample).map(|(difference, by_sample)| (by_sample.p_value, difference.interval)),
        beliefs: rates.then(|| [belief(0), belief(1)]),
        more_is_better: asked.more_is_better,
        detectable,
        explained: adjusted.map(|adjusted| adjusted.explained),
        alpha,
    }
}

#[cfg(test)]
mod tests {
    use super::super::arms::Outcome;
    use super::*;
    use crate::base::{Rng, Timestamp};

    // Looked at after every two hundred people, as cycles would; `sequential` looks after everybody, and more often.
    #[test]
    fn looking_in_every_cycle_ships_the_same_thing_at_most_once_in_twenty() {
        let rules = Asked {
            metric: Metric { name: "buy", measure: Measure::Rate },
            more_is_better: true,
            guardrail: false,
            margin: None,
        };
        let runs = 100;
        let mut told = 0;
        for seed in 0..runs {
            let mut rng = Rng::new(1_000 + seed);
            let mut trial = Trial { arms: vec!["old".into(), "new".into()], outcomes: vec![Vec::new()], ..Trial::default() };
            for _ in 0..10 {
                for _ in 0..200 {
                    trial.arm.push(rng.below(2) as u16);
                    trial.since.push(Timestamp(0));
                    let amount = f64::from(u8::from(rng.uniform() < 0.05));
                    trial.outcomes[0].push(Some(Outcome { amount, per: 1.0 }));
                }
                let found = compare(&trial, 1, 0, &rules, Terms { share: 0.5, alpha: 0.05, covariate: false, segment: None });
                if found.is_clear() {
                    told += 1;
                    break;
                }
            }
        }
        assert!(f64::from(told) / runs as f64 <= 0.05, "{told} of {runs}");
    }
}
