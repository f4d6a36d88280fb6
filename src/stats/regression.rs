//! Linear regression that starts from a belief: coefficients are shrunk towards declared ones, not towards zero.
//!
//! With no data the answer is exactly the declared coefficients; with much data it is least squares. In between, the belief
//! weighs as much as `strength` rows would. This is ridge regression around a prior mean, the posterior mean under a
//! normal prior (Lindley and Smith, 1972; Hoerl and Kennard, 1970, for the ridge). The intercept is free.

use crate::base::Rng;
use crate::stats::linear::{Matrix, cholesky, cholesky_inverse, cholesky_solve, dot};
use crate::stats::markov::Range;
use crate::stats::special::student_quantile;
use crate::stats::summary::{quantile_sorted, sorted, spearman};

/// What was learned from outcomes.
#[derive(Clone, Debug, PartialEq)]
pub struct Learned {
    pub intercept: f64,
    pub coefficients: Vec<f64>,
    /// The interval of each coefficient; unbounded where the data say nothing about it.
    pub intervals: Vec<Range>,
    /// Rows used.
    pub rows: usize,
    /// How many coefficients' worth the data decided, from 0 to the number of columns: the trace of the hat matrix.
    pub effective_parameters: f64,
}

impl Learned {
    pub fn predict(&self, row: &[f64]) -> f64 {
        self.intercept + dot(&self.coefficients, row)
    }
}

/// How to learn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Options {
    /// How many rows the declared coefficients are worth; positive.
    pub strength: f64,
    /// Coefficients below zero are not possible.
    pub non_negative: bool,
    /// Of the intervals, such as 0.95.
    pub confidence: f64,
}

impl Default for Options {
    fn default() -> Options {
        Options { strength: 30.0, non_negative: true, confidence: 0.95 }
    }
}

/// Learns from rows and outcomes, starting from `declared` (one coefficient a column). `None` when the shapes do not fit or
/// a number is not finite.
pub fn learn(table: &Matrix, outcomes: &[f64], declared: &[f64], options: &Options) -> Option<Learned> {
    let (n, p) = (table.rows, declared.len());
    let finite = table.data.iter().chain(outcomes).chain(declared).all(|x| x.is_finite());
    if (n > 0 && table.columns != p) || outcomes.len() != n || !finite {
        return None;
    }
    let nothing = Range { low: f64::NEG_INFINITY, high: f64::INFINITY };
    if n == 0 {
        let intervals = vec![nothing; p];
        return Some(Learned { intercept: 0.0, coefficients: declared.to_vec(), intervals, rows: 0, effective_parameters: 0.0 });
    }
    let count = n as f64;
    let means: Vec<f64> = (0..p).map(|j| (0..n).map(|i| table.at(i, j)).sum::<f64>() / count).collect();
    let outcome_mean = outcomes.iter().sum::<f64>() / count;
    // What the declared coefficients leave unexplained, in centred columns; the correction to them is shrunk to zero.
    let mut products = Matrix::zeros(p, p);
    let mut against = vec![0.0; p];
    for (i, outcome) in outcomes.iter().enumerate() {
        let x: Vec<f64> = table.row(i).iter().zip(&means).map(|(x, mean)| x - mean).collect();
        let left = outcome - outcome_mean - dot(declared, &x);
        for j in 0..p {
            against[j] += x[j] * left;
            for k in 0..p {
                *products.at_mut(j, k) += x[j] * x[k];
            }
        }
    }
    let strength = options.strength.max(1e-9);
    // The prior of a column weighs `strength` of its own average rows; a constant column stays where it was.
    let ridge: Vec<f64> =
        (0..p).map(|j| if products.at(j, j) > 0.0 { strength * products.at(j, j) / count } else { strength }).collect();
    let mut system = products.clone();
    (0..p).for_each(|j| *system.at_mut(j, j) += ridge[j]);
    let factor = cholesky(&system)?;
    let mut correction = cholesky_solve(&factor, &against);
    if options.non_negative {
        correction = bounded(&system, &against, declared, correction);
    }
    let coefficients: Vec<f64> = declared.iter().zip(&correction).map(|(b, d)| b + d).collect();
    let inverse = cholesky_inverse(&factor);
    let effective_parameters = (0..p).map(|j| 1.0 - ridge[j] * inverse.at(j, j)).sum::<f64>();
    let intercept = outcome_mean - dot(&coefficients, &means);
    let residual: f64 =
        outcomes.iter().enumerate().map(|(i, y)| (y - intercept - dot(&coefficients, table.row(i))).powi(2)).sum();
    let freedom = count - 1.0 - effective_parameters;
    let quantile = if freedom < 1.0 { f64::INFINITY } else { student_quantile(0.5 + options.confidence / 2.0, freedom) };
    let interval = |j: usize| {
        if freedom < 1.0 {
            return nothing;
        }
        let reach = quantile * (residual / freedom * inverse.at(j, j)).sqrt();
        let low = coefficients[j] - reach;
        Range { low: if options.non_negative { low.max(0.0) } else { low }, high: coefficients[j] + reach }
    };
    let intervals = (0..p).map(interval).collect();
    Some(Learned { intercept, coefficients, intervals, rows: n, effective_parameters })
}

/// The correction that minimises the same quadratic with every declared + correction at least zero: cyclic coordinate
/// descent, which reaches the optimum of a strictly convex quadratic under bounds (Luo and Tseng, 1992).
fn bounded(system: &Matrix, against: &[f64], declared: &[f64], start: Vec<f64>) -> Vec<f64> {
    if start.iter().zip(declared).all(|(d, b)| b + d >= 0.0) {
        return start;
    }
    let mut correction: Vec<f64> = start.iter().zip(declared).map(|(d, b)| d.max(-b.max(0.0))).collect();
    for _ in 0..10_000 {
        let mut moved = 0.0f64;
        for j in 0..correction.len() {
            let slope = dot(system.row(j), &correction) - against[j];
            let next = (correction[j] - slope / system.at(j, j)).max(-declared[j]);
            moved = moved.max((next - correction[j]).abs());
            correction[j] = next;
        }
        if moved < 1e-13 {
            break;
        }
    }
    correction
}

/// Learned against declared coefficients on later rows neither has seen.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// Rank correlation (−1 to 1) of the declared score with the outcome.
    pub declared: f64,
    /// The same for the learned score.
    pub learned: f64,
    /// The interval of learned minus declared, by resampling the later rows in pairs.
    pub difference: Range,
    /// Later rows compared on.
    pub rows: usize,
}

impl Comparison {
    /// Whether the learned coefficients are better beyond chance.
    pub fn learned_wins(&self) -> bool {
        self.difference.low > 0.0
    }
}

/// Learns on the first rows and compares on the last `share` (0–1) of them; rows are in time order. `None` when fewer than
/// ten rows are held out, nothing can be learned, or one side ranks nothing (a constant score or outcome).
pub fn compare_out_of_time(
    table: &Matrix,
    outcomes: &[f64],
    declared: &[f64],
    options: &Options,
    share: f64,
    rng: &mut Rng,
) -> Option<Comparison> {
    let later = (table.rows as f64 * share.clamp(0.0, 1.0)).round() as usize;
    let cut = table.rows - later;
    if later < 10 || outcomes.len() != table.rows {
        return None;
    }
    let earlier = Matrix { rows: cut, columns: table.columns, data: table.data[..cut * table.columns].to_vec() };
    let learned = learn(&earlier, &outcomes[..cut], declared, options)?;
    let rows: Vec<usize> = (cut..table.rows).collect();
    let correlations = |rows: &[usize]| {
        let actual: Vec<f64> = rows.iter().map(|row| outcomes[*row]).collect();
        let score = |coefficients: &[f64]| rows.iter().map(|row| dot(coefficients, table.row(*row))).collect::<Vec<_>>();
        (spearman(&score(declared), &actual), spearman(&score(&learned.coefficients), &actual))
    };
    let (by_declared, by_learned) = correlations(&rows);
    if !(by_declared.is_finite() && by_learned.is_finite()) {
        return None;
    }
    let draws: Vec<f64> = (0..400)
        .map(|_| correlations(&(0..later).map(|_| rows[rng.below(later as u64) as usize]).collect::<Vec<_>>()))
        .map(|(declared, learned)| learned - declared)
        .filter(|difference| difference.is_finite())
        .collect();
    let draws = sorted(&draws);
    let tail = (1.0 - options.confidence) / 2.0;
    let difference = Range { low: quantile_sorted(&draws, tail), high: quantile_sorted(&draws, 1.0 - tail) };
    Some(Comparison { declared: by_declared, learned: by_learned, difference, rows: later })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::sampling::normal;
    use crate::stats::test_data::close;

    fn world(rows: usize, truth: &[f64], seed: u64) -> (Matrix, Vec<f64>) {
        let mut rng = Rng::new(seed);
        let mut table = Matrix::zeros(rows, truth.len());
        table.data.iter_mut().for_each(|x| *x = rng.uniform());
        let outcomes = (0..rows).map(|i| dot(truth, table.row(i)) + 0.3 * normal(&mut rng)).collect();
        (table, outcomes)
    }

    fn options(strength: f64, non_negative: bool) -> Options {
        Options { strength, non_negative, confidence: 0.95 }
    }

    #[test]
    fn without_outcomes_the_declared_coefficients_come_back_exactly() {
        let declared = [0.1, 0.7, 0.2];
        let learned = learn(&Matrix::zeros(0, 3), &[], &declared, &Options::default()).unwrap();
        assert_eq!(learned.coefficients, declared);
        assert_eq!(learned.effective_parameters, 0.0);
    }

    // One column: the correction is n / (n + strength) of the way to least squares (slope 2 here).
    #[test]
    fn the_declared_coefficient_weighs_as_much_as_its_rows() {
        let table = Matrix { rows: 4, columns: 1, data: vec![0.0, 1.0, 2.0, 3.0] };
        let learned = learn(&table, &[1.0, 3.0, 5.0, 7.0], &[0.5], &options(4.0, false)).unwrap();
        close(learned.coefficients[0], 1.25, 1e-14);
        close(learned.effective_parameters, 0.5, 1e-14);
        let free = learn(&table, &[1.0, 3.0, 5.0, 7.0], &[0.5], &options(1e-9, false)).unwrap();
        close(free.predict(&[10.0]), 21.0, 1e-8);
    }

    #[test]
    fn intervals_cover_the_truth_and_narrow_with_data() {
        let truth = [0.2, 0.9, 0.4];
        let mut covered = 0;
        for seed in 0..100 {
            let (table, outcomes) = world(200, &truth, seed);
            let learned = learn(&table, &outcomes, &[0.4; 3], &options(2.0, false)).unwrap();
            covered += learned.intervals.iter().zip(truth).filter(|(range, b)| range.low <= *b && *b <= range.high).count();
        }
        assert!((275..=298).contains(&covered), "{covered} of 300");
    }

    #[test]
    fn a_negative_effect_is_held_at_zero_and_the_others_make_up_for_it() {
        let (table, outcomes) = world(500, &[-0.8, 1.0], 3);
        let learned = learn(&table, &outcomes, &[0.5, 0.5], &options(1.0, true)).unwrap();
        assert_eq!(learned.coefficients[0], 0.0);
        close(learned.coefficients[1], 1.0, 0.15);
        assert_eq!(learned.intervals[0].low, 0.0);
    }

    #[test]
    fn learned_wins_later_only_when_the_declaration_was_wrong() {
        let (table, outcomes) = world(600, &[1.0, 0.0, 0.0], 7);
        let compare = |declared: &[f64]| {
            compare_out_of_time(&table, &outcomes, declared, &options(20.0, true), 0.3, &mut Rng::new(1)).unwrap()
        };
        let wrong = compare(&[0.1, 0.8, 0.1]);
        assert!(wrong.learned_wins() && wrong.learned > wrong.declared + 0.2, "{wrong:?}");
        assert!(!compare(&[1.0, 0.0, 0.0]).learned_wins());
    }

    #[test]
    fn shapes_that_do_not_fit_are_refused() {
        assert_eq!(learn(&Matrix::zeros(2, 1), &[1.0], &[1.0], &Options::default()), None);
        assert_eq!(learn(&Matrix::zeros(2, 1), &[1.0, f64::NAN], &[1.0], &Options::default()), None);
        let few = compare_out_of_time(&Matrix::zeros(5, 1), &[0.0; 5], &[1.0], &Options::default(), 0.5, &mut Rng::new(1));
        assert_eq!(few, None);
    }
}
