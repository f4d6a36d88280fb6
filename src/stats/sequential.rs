//! Answers that stay true however often one looks: always-valid tests of two arms, and the interval to go with them.
//!
//! Under "the arm changes nothing", who of the next two sorts of people turns up is decided by the assignment alone, whatever
//! their outcome was. So one may bet on the arm after seeing the outcome; wealth won that way is a martingale from the first
//! person on, and by Ville's inequality it reaches 1/α with a chance of at most α at any time. `ValueTest` bets on the
//! arm of every value with bounded bets (Waudby-Smith and Ramdas, 2024), so it needs neither a variance nor a least number of people;
//! `rates` does the same for outcomes that are had or not. The interval is the
//! asymptotic confidence sequence of Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas (2021, theorem 2.2): exact in the limit, so it
//! is given only when there are enough outcomes to know a variance by.

use crate::stats::intervals::Interval;
use crate::stats::special::normal_quantile;

/// The sizes of bets, as a share of the wealth.
const BETS: [f64; 6] = [0.02, 0.05, 0.1, 0.2, 0.4, 0.8];
/// Values are bounded at so many deviations before a bet.
const CLIP: f64 = 3.0;
/// A bet multiplies a wealth by at least 0.2, so a hundred of them stay far from the smallest number.
const SCALED_EVERY: f64 = 100.0;

/// The largest p-value this much evidence leaves possible, at any time: 1/wealth.
pub fn p_value(log_evidence: f64) -> f64 {
    if log_evidence.is_nan() { 1.0 } else { (-log_evidence).exp().min(1.0) }
}

/// Evidence from numbers of any size and tail, taken one person at a time in the order of assignment.
#[derive(Clone, Debug, PartialEq)]
pub struct ValueTest {
    /// The chance of anybody to be in the first arm.
    share: f64,
    /// One wealth for each size of bet in each direction, divided by e to the power of `log_scale`.
    wealth: [f64; BETS.len() * 2],
    log_scale: f64,
    count: f64,
    mean: f64,
    /// Sum of squared distances from the mean.
    squares: f64,
}

impl ValueTest {
    /// `share` is brought strictly between 0 and 1.
    pub fn new(share: f64) -> ValueTest {
        ValueTest {
            share: share.clamp(1e-6, 1.0 - 1e-6),
            wealth: [1.0; BETS.len() * 2],
            log_scale: 0.0,
            count: 0.0,
            mean: 0.0,
            squares: 0.0,
        }
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
            for (k, wealth) in self.wealth.iter_mut().enumerate() {
                let bet = if k % 2 == 0 { BETS[k / 2] } else { -BETS[k / 2] };
                *wealth *= 1.0 + bet * stand * turn;
            }
        }
        self.count += 1.0;
        self.mean += away / self.count;
        self.squares += away * (value - self.mean);
        if self.count % SCALED_EVERY == 0.0 {
            self.scale();
        }
    }

    /// Brings the richest to 1, so that products stay numbers. Who has nearly nothing beside it has nothing, which is the safe side.
    fn scale(&mut self) {
        let top = self.wealth.iter().copied().fold(0.0, f64::max);
        self.log_scale += top.ln();
        for wealth in &mut self.wealth {
            *wealth = if *wealth > top * 1e-200 { *wealth / top } else { 0.0 };
        }
    }

    /// The wealth of the mixture of all bets (natural logarithm).
    pub fn log_evidence(&self) -> f64 {
        self.log_scale + (self.wealth.iter().sum::<f64>() / self.wealth.len() as f64).ln()
    }
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
