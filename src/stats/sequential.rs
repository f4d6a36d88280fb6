//! Answers that stay true however often one looks: always-valid tests of two arms, and the interval to go with them.
//!
//! Under "the arm changes nothing", who of the next two sorts of people turns up is decided by the assignment alone, whatever
//! their outcome was. So one may bet on the arm after seeing the outcome; wealth won that way is a martingale from the first
//! person on, and by Ville's inequality it reaches 1/α with a chance of at most α at any time. `CountTest` bets on the arm of every
//! success with a mixture of beta distributions (Robbins, 1970; Lindon and Malek, 2022), `ValueTest` on the arm of every value with
//! bounded bets (Waudby-Smith and Ramdas, 2024), so neither needs a variance or a least number of people. The interval is the
//! asymptotic confidence sequence of Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas (2021, theorem 2.2): exact in the limit, so it
//! is given only when there are enough outcomes to know a variance by.

use crate::stats::intervals::Interval;
use crate::stats::special::{ln_gamma, normal_quantile};

/// The mixture: how firmly each part believes in "no difference", in successes, and its weight. The first sees large effects in a
/// hundred successes, the second small ones in thousands.
const PARTS: [(f64, f64); 2] = [(50.0, 0.3), (500.0, 0.7)];
/// The sizes of bets, as a share of the wealth.
const BETS: [f64; 6] = [0.02, 0.05, 0.1, 0.2, 0.4, 0.8];
/// Values are bounded at so many deviations before a bet.
const CLIP: f64 = 3.0;

/// Evidence that the arm changes how many succeed, from how many successes each arm had: the wealth of a bettor who started with 1
/// (natural logarithm). `share` (strictly between 0 and 1) is the chance of anybody to be in the first arm.
pub fn log_evidence_of_counts(first: f64, second: f64, share: f64) -> f64 {
    let beta = |a: f64, b: f64| ln_gamma(a) + ln_gamma(b) - ln_gamma(a + b);
    let null = first * share.ln() + second * (1.0 - share).ln();
    let parts = PARTS.map(|(strength, weight)| {
        let (a, b) = (strength * share, strength * (1.0 - share));
        beta(a + first, b + second) - beta(a, b) - null + weight.ln()
    });
    log_sum(&parts)
}

/// The largest p-value this much evidence leaves possible, at any time: 1/wealth.
pub fn p_value(log_evidence: f64) -> f64 {
    if log_evidence.is_nan() { 1.0 } else { (-log_evidence).exp().min(1.0) }
}

/// Evidence from numbers of any size and tail, taken one person at a time in the order of assignment.
#[derive(Clone, Debug, PartialEq)]
pub struct ValueTest {
    /// The chance of anybody to be in the first arm.
    share: f64,
    /// One wealth (natural logarithm) for each size of bet in each direction.
    log_wealth: [f64; BETS.len() * 2],
    count: f64,
    mean: f64,
    /// Sum of squared distances from the mean.
    squares: f64,
}

impl ValueTest {
    /// `share` is brought strictly between 0 and 1.
    pub fn new(share: f64) -> ValueTest {
        ValueTest { share: share.clamp(1e-6, 1.0 - 1e-6), log_wealth: [0.0; BETS.len() * 2], count: 0.0, mean: 0.0, squares: 0.0 }
    }

    /// One person's value and whether they were in the first arm. A value that is not finite is left out.
    pub fn observe(&mut self, value: f64, first: bool) {
        if !value.is_finite() {
            return;
        }
        // Where to stand is decided by those before: only then is the bet fair.
        let deviation = if self.count > 1.0 { (self.squares / (self.count - 1.0)).sqrt() } else { 0.0 };
        let away = value - self.mean;
        let stand = match (away == 0.0 || self.count == 0.0, deviation > 0.0) {
            (true, _) => 0.0,
            (false, true) => (away / (CLIP * deviation)).clamp(-1.0, 1.0),
            (false, false) => away.signum(),
        };
        if stand != 0.0 {
            let turn = (f64::from(u8::from(first)) - self.share) / self.share.max(1.0 - self.share);
            for (k, wealth) in self.log_wealth.iter_mut().enumerate() {
                let bet = if k % 2 == 0 { BETS[k / 2] } else { -BETS[k / 2] };
                *wealth += (bet * stand * turn).ln_1p();
            }
        }
        self.count += 1.0;
        self.mean += away / self.count;
        self.squares += away * (value - self.mean);
    }

    /// The wealth of the mixture of all bets (natural logarithm).
    pub fn log_evidence(&self) -> f64 {
        log_sum(&self.log_wealth) - (self.log_wealth.len() as f64).ln()
    }
}

fn log_sum(parts: &[f64]) -> f64 {
    let top = parts.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    top + parts.iter().map(|part| (part - top).exp()).sum::<f64>().ln()
}

/// Half the width of the confidence sequence, in standard errors, after `people` at level 1 − `alpha`; narrowest near
/// `people_best`.
pub fn reach(people: f64, alpha: f64, people_best: f64) -> f64 {
    // The tuning of Waudby-Smith et al., appendix B.2.
    let square = (-2.0 * alpha.ln() + (1.0 - 2.0 * alpha.ln()).ln()) / people_best.max(1.0);
    let grown = people * square + 1.0;
    (2.0 * grown / (people * square) * (grown.sqrt() / alpha).ln()).sqrt()
}

/// The interval around a difference with this standard error that holds at all times together.
pub fn interval(estimate: f64, standard_error: f64, people: f64, alpha: f64, people_best: f64) -> Interval {
    let half = reach(people, alpha, people_best) * standard_error;
    Interval { estimate, low: estimate - half, high: estimate + half }
}

/// How many people two equal arms need together until the confidence sequence leaves out zero with this `power` (0–1) when the
/// true difference is `effect` (not zero, in units of the outcome) and one person's outcome has this `variance`. `None` beyond 10¹².
pub fn people_needed(effect: f64, variance: f64, alpha: f64, power: f64, people_best: f64) -> Option<f64> {
    let z = normal_quantile(power);
    let enough = |people: f64| {
        let standard_error = (4.0 * variance / people).sqrt();
        effect.abs() >= (reach(people, alpha, people_best) + z) * standard_error
    };
    let (mut low, mut high) = (2.0, 1e12);
    if !enough(high) {
        return None;
    }
    while high / low > 1.0001 {
        let middle = (low * high).sqrt();
        if enough(middle) { high = middle } else { low = middle }
    }
    Some(high.ceil())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Rng;
    use crate::stats::sampling::normal;
    use crate::stats::test_data::close;

    // By hand for one strength: with a Beta(1, 1) mixture, 3 against 1 has the wealth B(4, 2) / (1/2)^4 = 0.8. The mixture here
    // has other strengths, so it is checked by adding up over all ways to split: a fair bet pays 1 on average.
    #[test]
    fn wealth_is_one_on_average_when_nothing_differs() {
        for share in [0.5f64, 0.2] {
            let n = 12;
            let mean: f64 = (0..=n)
                .map(|first| {
                    let ways = ln_gamma(13.0) - ln_gamma(first as f64 + 1.0) - ln_gamma((n - first) as f64 + 1.0);
                    let chance = ways + first as f64 * share.ln() + (n - first) as f64 * (1.0 - share).ln();
                    (chance + log_evidence_of_counts(first as f64, (n - first) as f64, share)).exp()
                })
                .sum();
            close(mean, 1.0, 1e-10);
        }
        close(log_evidence_of_counts(0.0, 0.0, 0.5), 0.0, 1e-12);
    }

    // Waudby-Smith et al. (2021), eq. 8 computed once in Python for t = 1000, alpha = .05, best at 1000.
    #[test]
    fn the_interval_is_that_of_the_paper_and_always_wider_than_one_look() {
        let square: f64 = (-2.0 * 0.05f64.ln() + (1.0 - 2.0 * 0.05f64.ln()).ln()) / 1000.0;
        let by_hand = (2.0 * (1000.0 * square + 1.0) / (1000.0 * square) * ((1000.0 * square + 1.0).sqrt() / 0.05).ln()).sqrt();
        close(reach(1000.0, 0.05, 1000.0), by_hand, 1e-14);
        for people in [10.0, 100.0, 1_000.0, 10_000.0, 1e6] {
            assert!(reach(people, 0.05, 1_000.0) > 2.7, "{people}");
            assert!(reach(people, 0.05, people) <= reach(people, 0.05, 1_000.0) + 1e-12);
        }
    }

    /// The share of A/A experiments in which somebody who looks after every person would ever have seen a difference.
    fn false_alarms(runs: usize, people: usize, seed: u64, mut outcome: impl FnMut(&mut Rng) -> f64) -> (f64, f64) {
        let mut rng = Rng::new(seed);
        let (mut by_count, mut by_value) = (0, 0);
        for _ in 0..runs {
            let mut values = ValueTest::new(0.5);
            let (mut counts, mut told, mut told_value) = ([0.0, 0.0], false, false);
            for _ in 0..people {
                let (value, first) = (outcome(&mut rng), rng.uniform() < 0.5);
                values.observe(value, first);
                if value > 0.0 {
                    counts[usize::from(!first)] += 1.0;
                    told = told || p_value(log_evidence_of_counts(counts[0], counts[1], 0.5)) <= 0.05;
                    told_value = told_value || p_value(values.log_evidence()) <= 0.05;
                }
            }
            by_count += usize::from(told);
            by_value += usize::from(told_value);
        }
        (by_count as f64 / runs as f64, by_value as f64 / runs as f64)
    }

    // A z test that is looked at after everybody calls a third to a half of these a difference.
    #[test]
    fn looking_after_everybody_finds_a_difference_in_at_most_one_of_twenty_same_arms() {
        for (name, p, spend) in [("5 %", 0.05, false), ("0.5 %", 0.005, false), ("heavy spend", 0.02, true)] {
            let (runs, people) = (400, 2_000);
            let found = false_alarms(runs, people, 11, |rng| {
                let buys = rng.uniform() < p;
                let size = if spend { (1.5 * normal(rng)).exp() * 20.0 } else { 1.0 };
                if buys { size } else { 0.0 }
            });
            println!("{name}: {:.4} by count, {:.4} by value", found.0, found.1);
            // .05 and two standard errors of 400 runs.
            assert!(found.0 <= 0.072 && found.1 <= 0.072, "{name}: {found:?}");
        }
    }

    /// A measurement over 10,000 runs each: `cargo test --lib peeking_over_ten_thousand -- --ignored --nocapture`.
    #[test]
    #[ignore = "a measurement of minutes"]
    fn peeking_over_ten_thousand_runs() {
        for (name, p, spend) in [("5 %", 0.05, false), ("0.5 %", 0.005, false), ("heavy spend", 0.02, true)] {
            let found = false_alarms(10_000, 2_000, 3, |rng| {
                let buys = rng.uniform() < p;
                let size = if spend { (1.5 * normal(rng)).exp() * 20.0 } else { 1.0 };
                if buys { size } else { 0.0 }
            });
            println!("{name}: {:.4} by count, {:.4} by value", found.0, found.1);
            assert!(found.0 <= 0.05 && found.1 <= 0.05, "{name}: {found:?}");
        }
    }

    // 5 % against 6 %, at most 20,000 people in each arm (a single look at the end would find it in .992 of runs).
    #[test]
    fn a_fifth_more_conversions_is_found_nearly_always() {
        let mut rng = Rng::new(21);
        let runs = 200;
        let mut found = 0;
        for _ in 0..runs {
            let draw = |p: f64, rng: &mut Rng| crate::stats::sampling::binomial(rng, 500, p) as f64;
            let (mut first, mut second) = (0.0, 0.0);
            for _ in 0..40 {
                first += draw(0.06, &mut rng);
                second += draw(0.05, &mut rng);
                if p_value(log_evidence_of_counts(first, second, 0.5)) <= 0.05 {
                    found += 1;
                    break;
                }
            }
        }
        println!("power {:.3}", found as f64 / runs as f64);
        assert!(found as f64 / runs as f64 >= 0.9, "{found} of {runs}");
    }

    #[test]
    fn a_difference_in_values_is_found_and_the_people_needed_are_enough() {
        let mut rng = Rng::new(4);
        let needed = people_needed(0.2, 1.0, 0.05, 0.8, 2_000.0).unwrap();
        assert!((900.0..3_000.0).contains(&needed), "{needed}");
        let (mut found, mut covered) = (0, 0);
        for _ in 0..100 {
            let mut test = ValueTest::new(0.5);
            let mut arms = [Vec::new(), Vec::new()];
            for _ in 0..needed as usize {
                let first = rng.uniform() < 0.5;
                let value = normal(&mut rng) + if first { 0.2 } else { 0.0 };
                test.observe(value, first);
                arms[usize::from(!first)].push(value);
            }
            let [a, b] = arms.map(|arm| crate::stats::intervals::Sample::of(&arm));
            let error = (a.variance / a.count + b.variance / b.count).sqrt();
            let interval = interval(a.mean - b.mean, error, needed, 0.05, 2_000.0);
            covered += usize::from(interval.contains(0.2));
            found += usize::from(interval.low > 0.0);
            assert!(test.log_evidence().is_finite());
        }
        assert!(found >= 70 && covered >= 97, "{found} {covered}");
        assert_eq!(people_needed(1e-9, 1.0, 0.05, 0.8, 1_000.0), None);
    }

    #[test]
    fn values_that_never_vary_or_are_no_numbers_say_nothing() {
        let mut test = ValueTest::new(0.5);
        for at in 0..50 {
            test.observe(3.0, at % 2 == 0);
            test.observe(f64::NAN, true);
        }
        close(test.log_evidence(), 0.0, 1e-12);
        assert_eq!(p_value(f64::NAN), 1.0);
    }
}
