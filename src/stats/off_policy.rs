//! What another policy would have earned, from decisions already made.
//!
//! Three estimates from logged propensities: inverse propensity weighting (IPW; Horvitz and Thompson, 1952), its
//! self-normalised form (SNIPW; Swaminathan and Joachims, 2015), and doubly robust (DR; Dudík, Langford and Li, 2011), which
//! is right when either the propensities or the predictions are. The effective sample size says how many decisions the
//! answer really rests on; too few and no change of policy should follow from it.

use crate::stats::intervals::{Interval, z_of};

/// Below this effective sample size an estimate is not evidence.
pub const EFFECTIVE_SIZE_MIN: f64 = 100.0;

/// One decision as logged, seen from the policy in question.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Logged {
    /// What followed, in any one unit.
    pub reward: f64,
    /// The probability with which the logged action was taken; in (0, 1].
    pub propensity: f64,
    /// The probability (0–1) with which the policy in question would take the logged action here.
    pub target: f64,
    /// A model's expected reward of the logged action; 0 without a model.
    pub predicted_logged: f64,
    /// The model's expected reward under the policy in question: the mean over its actions; 0 without a model.
    pub predicted_target: f64,
}

/// The reward per decision under the policy in question.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    pub ipw: Interval,
    pub snipw: Interval,
    pub doubly_robust: Interval,
    /// (Σw)² / Σw² (Kish, 1965).
    pub effective_size: f64,
    /// The largest share (0–1) of all weight that a single decision carries.
    pub heaviest: f64,
}

impl Estimate {
    /// Whether there is enough to act on.
    pub fn is_evidence(&self) -> bool {
        self.effective_size >= EFFECTIVE_SIZE_MIN
    }
}

/// Estimates with normal intervals at `confidence`. Decisions whose propensity is not in (0, 1] or whose numbers are not
/// finite are left out; `None` when no weight remains.
pub fn estimate(decisions: &[Logged], confidence: f64) -> Option<Estimate> {
    let usable = |d: &&Logged| {
        d.propensity > 0.0
            && d.propensity <= 1.0
            && [d.reward, d.target, d.predicted_logged, d.predicted_target].iter().all(|x| x.is_finite())
    };
    let decisions: Vec<&Logged> = decisions.iter().filter(usable).collect();
    let n = decisions.len() as f64;
    let weight = |d: &Logged| d.target.max(0.0) / d.propensity;
    let (mut total, mut squares, mut largest) = (0.0, 0.0, 0.0f64);
    for decision in &decisions {
        let w = weight(decision);
        total += w;
        squares += w * w;
        largest = largest.max(w);
    }
    if total <= 0.0 {
        return None;
    }
    let z = z_of(confidence);
    let around = |estimate: f64, error: f64| Interval { estimate, low: estimate - z * error, high: estimate + z * error };
    let mean_of = |term: &dyn Fn(&Logged) -> f64| {
        let mean = decisions.iter().map(|d| term(d)).sum::<f64>() / n;
        let spread = decisions.iter().map(|d| (term(d) - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
        around(mean, (spread / n).sqrt())
    };
    let normalised = decisions.iter().map(|d| weight(d) * d.reward).sum::<f64>() / total;
    let error = decisions.iter().map(|d| (weight(d) * (d.reward - normalised)).powi(2)).sum::<f64>().sqrt() / total;
    Some(Estimate {
        ipw: mean_of(&|d| weight(d) * d.reward),
        snipw: around(normalised, error),
        doubly_robust: mean_of(&|d| d.predicted_target + weight(d) * (d.reward - d.predicted_logged)),
        effective_size: total * total / squares,
        heaviest: largest / total,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Rng;
    use crate::stats::test_data::{self, close};

    fn logged(reward: f64, propensity: f64, target: f64) -> Logged {
        Logged { reward, propensity, target, predicted_logged: 0.0, predicted_target: 0.0 }
    }

    // By hand: weights 2, 0, 4; Σw r = 2·1 + 4·0.5 = 4.
    #[test]
    fn three_decisions_by_hand() {
        let mut decisions = [logged(1.0, 0.5, 1.0), logged(1.0, 0.5, 0.0), logged(0.5, 0.25, 1.0)];
        let found = estimate(&decisions, 0.95).unwrap();
        close(found.ipw.estimate, 4.0 / 3.0, 1e-15);
        close(found.snipw.estimate, 4.0 / 6.0, 1e-15);
        close(found.doubly_robust.estimate, 4.0 / 3.0, 1e-15);
        close(found.effective_size, 36.0 / 20.0, 1e-15);
        close(found.heaviest, 4.0 / 6.0, 1e-15);
        assert!(!found.is_evidence());
        // With a model that knows the rewards nothing is left to weight.
        decisions.iter_mut().for_each(|d| (d.predicted_logged, d.predicted_target) = (d.reward, 0.7));
        close(estimate(&decisions, 0.95).unwrap().doubly_robust.estimate, 0.7, 1e-15);
    }

    // Random items logged with their propensity; the policy in question shows one of the items 0–4, each alike.
    // numpy: w = (item < 5) / 5 / propensity; mean(w·click), sum(w·click)/sum(w), sum(w)²/sum(w²).
    #[test]
    fn a_constant_policy_on_public_logs_agrees_with_numpy() {
        let Some((header, rows)) = test_data::rows("decisions/bandit/obd_men_random_10k.csv.gz") else { return };
        let column = |name: &str| header.iter().position(|known| known == name).unwrap();
        let (item, click, propensity) = (column("item_id"), column("click"), column("propensity_score"));
        let decisions: Vec<Logged> = rows
            .iter()
            .map(|row| {
                let target = f64::from(u8::from(row[item].parse::<f64>().unwrap() < 5.0)) / 5.0;
                logged(row[click].parse().unwrap(), row[propensity].parse().unwrap(), target)
            })
            .collect();
        let found = estimate(&decisions, 0.95).unwrap();
        close(found.ipw.estimate, REFERENCE[0], 1e-9);
        close(found.snipw.estimate, REFERENCE[1], 1e-9);
        close(found.effective_size, REFERENCE[2], 1e-9);
    }

    const REFERENCE: [f64; 3] = [0.00476, 0.004791238877481177, 1461.0];

    #[test]
    fn intervals_cover_the_truth_of_a_simulated_world() {
        let mut rng = Rng::new(6);
        let mut covered = [0; 3];
        for _ in 0..200 {
            let decisions: Vec<Logged> = (0..400)
                .map(|_| {
                    let first = rng.uniform() < 0.3;
                    let rate = if first { 0.5 } else { 0.2 };
                    let reward = f64::from(u8::from(rng.uniform() < rate));
                    let (propensity, target) = if first { (0.3, 0.8) } else { (0.7, 0.2) };
                    // The model is wrong on purpose; the propensities repair it.
                    Logged { reward, propensity, target, predicted_logged: 0.35, predicted_target: 0.35 }
                })
                .collect();
            let found = estimate(&decisions, 0.95).unwrap();
            for (count, interval) in covered.iter_mut().zip([found.ipw, found.snipw, found.doubly_robust]) {
                *count += usize::from(interval.contains(0.8 * 0.5 + 0.2 * 0.2));
            }
        }
        assert!(covered.iter().all(|count| (180..=198).contains(count)), "{covered:?}");
    }

    #[test]
    fn decisions_that_cannot_be_weighted_are_left_out() {
        assert_eq!(estimate(&[logged(1.0, 0.0, 1.0), logged(f64::NAN, 0.5, 1.0), logged(1.0, 0.5, 0.0)], 0.95), None);
    }
}
