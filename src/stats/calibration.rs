//! Making scores honest: from "higher is more likely" to "this likely".
//!
//! Platt's sigmoid suits few data and keeps the order; isotonic regression bends to any shape and needs some hundreds of
//! outcomes of each kind. Both are fitted on rows the score did not see.

use crate::stats::special::{logistic, softplus};

/// P = logistic(slope · score + intercept).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Platt {
    pub slope: f64,
    pub intercept: f64,
}

impl Platt {
    /// Fitted to scores (any unit; log-odds work best) by Newton's method on Platt's smoothed targets: (n₊ + 1) / (n₊ + 2) and
    /// 1 / (n₋ + 2) instead of 1 and 0 (Platt, 1999; Lin, Lin and Weng, 2007). `None` when one class is missing or a score
    /// is not finite.
    pub fn fit(scores: &[f64], outcomes: &[bool]) -> Option<Platt> {
        let positives = outcomes.iter().filter(|y| **y).count() as f64;
        let negatives = outcomes.len() as f64 - positives;
        if positives == 0.0 || negatives == 0.0 || scores.len() != outcomes.len() || scores.iter().any(|s| !s.is_finite()) {
            return None;
        }
        let target = |y: bool| if y { (positives + 1.0) / (positives + 2.0) } else { 1.0 / (negatives + 2.0) };
        let loss = |platt: Platt| -> f64 {
            let rows = scores.iter().zip(outcomes).map(|(s, y)| {
                let eta = platt.slope * s + platt.intercept;
                softplus(eta) - target(*y) * eta
            });
            rows.sum()
        };
        let mut platt = Platt { slope: 0.0, intercept: ((positives + 1.0) / (negatives + 1.0)).ln() };
        let mut current = loss(platt);
        for _ in 0..100 {
            let (mut g1, mut g0, mut h11, mut h10, mut h00) = (0.0, 0.0, 1e-12, 0.0, 1e-12);
            for (s, y) in scores.iter().zip(outcomes) {
                let p = platt.apply(*s);
                let (error, weight) = (p - target(*y), p * (1.0 - p));
                g1 += error * s;
                g0 += error;
                h11 += weight * s * s;
                h10 += weight * s;
                h00 += weight;
            }
            let determinant = h11 * h00 - h10 * h10;
            let (d1, d0) = ((h00 * g1 - h10 * g0) / determinant, (h11 * g0 - h10 * g1) / determinant);
            if !(d1.is_finite() && d0.is_finite()) || g1.abs().max(g0.abs()) < 1e-9 {
                break;
            }
            let mut length = 1.0;
            loop {
                let next = Platt { slope: platt.slope - length * d1, intercept: platt.intercept - length * d0 };
                let value = loss(next);
                if value <= current || length < 1e-9 {
                    (platt, current) = (next, value);
                    break;
                }
                length /= 2.0;
            }
        }
        Some(platt)
    }

    /// The probability (0–1) of a score.
    pub fn apply(&self, score: f64) -> f64 {
        logistic(self.slope * score + self.intercept)
    }
}

/// A non-decreasing step function through the data, interpolated between its steps.
#[derive(Clone, Debug, PartialEq)]
pub struct Isotonic {
    /// Strictly ascending.
    pub scores: Vec<f64>,
    /// Ascending; as many as `scores`.
    pub probabilities: Vec<f64>,
}

impl Isotonic {
    /// Fitted by pooling adjacent violators (Ayer et al., 1955; Zadrozny and Elkan, 2002). Scores that are not finite are
    /// left out; without any the answer is one half everywhere.
    pub fn fit(scores: &[f64], outcomes: &[bool]) -> Isotonic {
        let mut points: Vec<(f64, f64)> =
            scores.iter().zip(outcomes).filter(|(s, _)| s.is_finite()).map(|(s, y)| (*s, f64::from(u8::from(*y)))).collect();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        // Blocks of (first score, last score, sum of outcomes, count); equal scores start as one block.
        let mut blocks: Vec<(f64, f64, f64, f64)> = Vec::new();
        for (score, outcome) in points {
            match blocks.last_mut() {
                Some(last) if last.1 == score && last.0 == score => {
                    last.2 += outcome;
                    last.3 += 1.0;
                }
                _ => {
                    pool(&mut blocks);
                    blocks.push((score, score, outcome, 1.0));
                }
            }
        }
        pool(&mut blocks);
        let mut fitted = Isotonic { scores: Vec::new(), probabilities: Vec::new() };
        for (first, last, sum, count) in blocks {
            let ends = if first == last { vec![first] } else { vec![first, last] };
            for score in ends {
                fitted.scores.push(score);
                fitted.probabilities.push(sum / count);
            }
        }
        fitted
    }

    /// The probability (0–1) of a score; flat beyond the data.
    pub fn apply(&self, score: f64) -> f64 {
        let above = self.scores.partition_point(|known| *known < score);
        match (above.checked_sub(1), self.scores.get(above)) {
            (None, None) => 0.5,
            (None, Some(_)) => self.probabilities[0],
            (Some(below), None) => self.probabilities[below],
            (Some(below), Some(next)) => {
                let share = (score - self.scores[below]) / (next - self.scores[below]);
                self.probabilities[below] + share * (self.probabilities[above] - self.probabilities[below])
            }
        }
    }
}

/// Merges the last blocks until their means rise.
fn pool(blocks: &mut Vec<(f64, f64, f64, f64)>) {
    while let [.., before, last] = blocks.as_mut_slice() {
        if before.2 * last.3 < last.2 * before.3 {
            break;
        }
        *before = (before.0, last.1, before.2 + last.2, before.3 + last.3);
        blocks.pop();
    }
}

/// Log-odds moved from the base rate a model was trained at to the one seen now (both in the open interval 0–1), which is
/// exact when only the rate changed (Elkan, 2001, theorem 2).
pub fn shift_base_rate(log_odds: f64, trained: f64, now: f64) -> f64 {
    let logit = |p: f64| (p / (1.0 - p)).ln();
    log_odds + logit(now) - logit(trained)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Rng;
    use crate::stats::scoring::calibration_error;
    use crate::stats::test_data::close;

    // sklearn.isotonic.isotonic_regression([0,1,0,1,0,0,1,1]) = [0, .4, .4, .4, .4, .4, 1, 1].
    #[test]
    fn isotonic_pools_the_violators() {
        let scores: Vec<f64> = (0..8).map(f64::from).collect();
        let fitted = Isotonic::fit(&scores, &[0, 1, 0, 1, 0, 0, 1, 1].map(|y| y == 1));
        let found: Vec<f64> = scores.iter().map(|s| fitted.apply(*s)).collect();
        found.iter().zip([0.0, 0.4, 0.4, 0.4, 0.4, 0.4, 1.0, 1.0]).for_each(|(x, y)| close(*x, y, 1e-15));
        close(fitted.apply(5.5), 0.7, 1e-15);
        assert_eq!((fitted.apply(-9.0), fitted.apply(99.0)), (0.0, 1.0));
        assert_eq!(Isotonic::fit(&[], &[]).apply(1.0), 0.5);
    }

    #[test]
    fn both_repair_scores_that_are_too_sure_of_themselves() {
        let mut rng = Rng::new(8);
        let truth: Vec<f64> = (0..6000).map(|_| 4.0 * rng.uniform() - 3.0).collect();
        let outcomes: Vec<bool> = truth.iter().map(|eta| rng.uniform() < logistic(*eta)).collect();
        let scores: Vec<f64> = truth.iter().map(|eta| 3.0 * eta + 1.0).collect();
        let error = |apply: &dyn Fn(f64) -> f64| {
            calibration_error(&scores[3000..].iter().map(|s| apply(*s)).collect::<Vec<_>>(), &outcomes[3000..], 10)
        };
        let platt = Platt::fit(&scores[..3000], &outcomes[..3000]).unwrap();
        let isotonic = Isotonic::fit(&scores[..3000], &outcomes[..3000]);
        close(platt.slope, 1.0 / 3.0, 0.03);
        assert!(error(&|s| logistic(s)) > 0.1);
        assert!(error(&|s| platt.apply(s)) < 0.03);
        assert!(error(&|s| isotonic.apply(s)) < 0.03);
    }

    #[test]
    fn one_class_has_no_sigmoid_and_a_moved_base_rate_moves_the_odds() {
        assert_eq!(Platt::fit(&[1.0, 2.0], &[true, true]), None);
        close(logistic(shift_base_rate(0.0, 0.5, 0.1)), 0.1, 1e-15);
    }
}
