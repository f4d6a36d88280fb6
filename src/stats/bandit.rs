//! Choosing among arms while learning which is best: Thompson sampling with its probabilities in the open.
//!
//! Thompson sampling (1933) plays each arm with the probability that it is the best one. Those probabilities are computed here
//! by integration instead of being left implicit in a draw, so every decision can log the exact propensity it was made
//! with, and choosing costs one random number. Mixing in a floor keeps every arm observable, which off-policy estimates
//! need.

use crate::base::Rng;
use crate::stats::sampling::weighted_index;
use crate::stats::special::{beta_lower, beta_quantile};

/// Grid points spent on all arms together.
const GRID_POINTS: usize = 2048;

/// What is believed of an arm's success rate: a Beta distribution.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Arm {
    /// Successes seen plus the prior's; positive.
    pub successes: f64,
    /// Failures seen plus the prior's; positive. An outcome still pending is neither.
    pub failures: f64,
}

impl Arm {
    /// The flat prior.
    pub const UNKNOWN: Arm = Arm { successes: 1.0, failures: 1.0 };

    pub fn mean(&self) -> f64 {
        self.successes / (self.successes + self.failures)
    }

    fn deviation(&self) -> f64 {
        let total = self.successes + self.failures;
        (self.successes * self.failures / (total * total * (total + 1.0))).sqrt()
    }

    /// The central interval of the rate at `confidence`, as (low, high).
    pub fn interval(&self, confidence: f64) -> (f64, f64) {
        let at = |p| beta_quantile(p, self.successes, self.failures);
        (at((1.0 - confidence) / 2.0), at((1.0 + confidence) / 2.0))
    }

    /// The arm after more outcomes. `memory` in (0, 1] fades what was believed before towards the flat prior; 1 forgets
    /// nothing.
    pub fn after(&self, successes: f64, failures: f64, memory: f64) -> Arm {
        let fade = |x: f64| 1.0 + (x - 1.0) * memory;
        Arm { successes: fade(self.successes) + successes, failures: fade(self.failures) + failures }
    }

    fn is_proper(&self) -> bool {
        self.successes.is_finite() && self.failures.is_finite() && self.successes > 0.0 && self.failures > 0.0
    }
}

/// A choice and the probability it had.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Choice {
    pub arm: usize,
    /// In (0, 1]; what inverse propensity weighting divides by.
    pub propensity: f64,
}

/// The probabilities with which the arms are played until beliefs change.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    propensities: Vec<f64>,
}

impl Policy {
    /// Thompson's probabilities with at least `floor` for every arm (brought into 0 … 1/number of arms). `None` without
    /// arms or with an improper one.
    pub fn thompson(arms: &[Arm], floor: f64) -> Option<Policy> {
        let best = probabilities_of_best(arms)?;
        let floor = if floor.is_finite() { floor.clamp(0.0, 1.0 / arms.len() as f64) } else { 0.0 };
        let free = 1.0 - floor * arms.len() as f64;
        Some(Policy { propensities: best.iter().map(|p| floor + free * p).collect() })
    }

    /// Every arm alike.
    pub fn uniform(arms: usize) -> Option<Policy> {
        (arms > 0).then(|| Policy { propensities: vec![1.0 / arms as f64; arms] })
    }

    /// By arm; they sum to one.
    pub fn propensities(&self) -> &[f64] {
        &self.propensities
    }

    pub fn choose(&self, rng: &mut Rng) -> Choice {
        let arm = weighted_index(rng, &self.propensities).unwrap_or(0);
        Choice { arm, propensity: self.propensities[arm] }
    }
}

/// For each arm the probability that its rate is the highest: ∫ Π F_j dF_i, summed over a grid that is dense where any arm
/// has mass, with one Richardson step. Good to about 1e-6. `None` without arms or with an improper one.
pub fn probabilities_of_best(arms: &[Arm]) -> Option<Vec<f64>> {
    if arms.is_empty() || !arms.iter().all(Arm::is_proper) {
        return None;
    }
    let grid = grid(arms);
    let tables: Vec<Vec<f64>> =
        arms.iter().map(|arm| grid.iter().map(|x| beta_lower(arm.successes, arm.failures, *x)).collect()).collect();
    let fine = integrate(&tables, 1);
    let coarse = integrate(&tables, 2);
    let mut best: Vec<f64> = fine.iter().zip(&coarse).map(|(f, c)| (f + (f - c) / 3.0).max(0.0)).collect();
    let total: f64 = best.iter().sum();
    best.iter_mut().for_each(|p| *p /= total);
    Some(best)
}

/// An ascending grid over [0, 1] with an odd number of points; each second point halves an interval of the coarser grid.
fn grid(arms: &[Arm]) -> Vec<f64> {
    let per_arm = (GRID_POINTS / 2 / arms.len()).clamp(16, 256) as i32;
    let mut coarse = vec![0.0, 1.0];
    for arm in arms {
        // sinh spacing: steps are fine near the mean and reach 20 deviations out, where skewed tails end.
        let points =
            (-per_arm..=per_arm).map(|k| arm.mean() + arm.deviation() * (3.7 * f64::from(k) / f64::from(per_arm)).sinh());
        coarse.extend(points.filter(|x| *x > 0.0 && *x < 1.0));
    }
    coarse.sort_by(f64::total_cmp);
    coarse.dedup();
    let mut grid = vec![coarse[0]];
    for pair in coarse.windows(2) {
        grid.push((pair[0] + pair[1]) / 2.0);
        grid.push(pair[1]);
    }
    grid
}

fn integrate(tables: &[Vec<f64>], stride: usize) -> Vec<f64> {
    let mut sums = vec![0.0; tables.len()];
    let product_without = |point: usize, skip: usize| -> f64 {
        tables.iter().enumerate().filter(|(arm, _)| *arm != skip).map(|(_, table)| table[point]).product()
    };
    for (arm, table) in tables.iter().enumerate() {
        let mut before = product_without(0, arm);
        for point in (stride..table.len()).step_by(stride) {
            let mass = table[point] - table[point - stride];
            let after = product_without(point, arm);
            sums[arm] += mass * (before + after) / 2.0;
            before = after;
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::sampling::beta;
    use crate::stats::test_data::close;

    fn arm(successes: f64, failures: f64) -> Arm {
        Arm { successes, failures }
    }

    // P(Beta(3,5) > Beta(2,9)) by scipy.integrate.quad(beta.pdf · beta.cdf), scipy 1.17.1.
    #[test]
    fn the_chance_to_beat_another_arm_agrees_with_quadrature() {
        for (a, b, expected) in [
            (arm(3.0, 5.0), arm(2.0, 9.0), REFERENCE[0]),
            (arm(120.0, 2280.0), arm(95.0, 2305.0), REFERENCE[1]),
            (arm(0.5, 0.5), arm(1.0, 1000.0), REFERENCE[2]),
        ] {
            let best = probabilities_of_best(&[a, b]).unwrap();
            close(best[0], expected, 1e-6);
            close(best[0] + best[1], 1.0, 1e-14);
        }
    }

    const REFERENCE: [f64; 3] = [0.8382352941176455, 0.9599133882531132, 0.9821609888541546];

    #[test]
    fn the_probabilities_are_those_of_drawing_and_taking_the_highest() {
        let arms = [arm(12.0, 80.0), arm(9.0, 90.0), arm(4.0, 20.0), arm(1.0, 1.0)];
        let best = probabilities_of_best(&arms).unwrap();
        let mut rng = Rng::new(4);
        let mut wins = [0.0; 4];
        for _ in 0..40_000 {
            let draws = arms.map(|arm| beta(&mut rng, arm.successes, arm.failures));
            wins[(0..4).max_by(|a, b| draws[*a].total_cmp(&draws[*b])).unwrap()] += 1.0 / 40_000.0;
        }
        wins.iter().zip(&best).for_each(|(x, y)| close(*x, *y, 0.012));
    }

    #[test]
    fn the_floor_keeps_every_arm_in_play_and_the_choice_logs_its_propensity() {
        let policy = Policy::thompson(&[arm(500.0, 500.0), arm(1.0, 999.0), arm(1.0, 999.0)], 0.05).unwrap();
        close(policy.propensities()[0], 0.9, 1e-9);
        close(policy.propensities()[1], 0.05, 1e-9);
        let mut rng = Rng::new(1);
        let plays = (0..2000).filter(|_| {
            let choice = policy.choose(&mut rng);
            assert_eq!(choice.propensity, policy.propensities()[choice.arm]);
            choice.arm == 1
        });
        assert!((60..140).contains(&plays.count()));
        // A floor nobody can grant becomes the even split.
        Policy::thompson(&[arm(9.0, 1.0), arm(1.0, 9.0)], 0.9).unwrap().propensities().iter().for_each(|p| close(*p, 0.5, 1e-12));
    }

    #[test]
    fn thompson_learns_and_forgetting_returns_to_the_prior() {
        let (rates, mut rng) = ([0.04, 0.06, 0.10], Rng::new(9));
        let mut arms = [Arm::UNKNOWN; 3];
        for _ in 0..40 {
            let policy = Policy::thompson(&arms, 0.02).unwrap();
            for _ in 0..100 {
                let choice = policy.choose(&mut rng).arm;
                let success = f64::from(u8::from(rng.uniform() < rates[choice]));
                arms[choice] = arms[choice].after(success, 1.0 - success, 1.0);
            }
        }
        assert!(Policy::thompson(&arms, 0.0).unwrap().propensities()[2] > 0.9);
        assert_eq!(arm(101.0, 1.0).after(0.0, 0.0, 0.5), arm(51.0, 1.0));
    }

    #[test]
    fn improper_arms_have_no_policy() {
        assert_eq!(Policy::thompson(&[], 0.1), None);
        assert_eq!(Policy::thompson(&[arm(0.0, 1.0)], 0.1), None);
        assert_eq!(Policy::uniform(0), None);
    }
}
