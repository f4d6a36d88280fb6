//! Two rates compared at all times: an always-valid test that bets on the arm of everybody, those with the outcome and those without.
//!
//! Under "the arm changes nothing" the assignment is the only thing that decides who is in which arm, whatever came of them. So one
//! may bet on each person's arm after seeing their outcome; the wealth is a martingale from the first person on, and by Ville's
//! inequality it ever reaches 1/α with a chance of at most α. Each bettor of a mixture believes in one ratio of the two rates
//! (Robbins, 1970); what it bets on somebody with the outcome follows from the ratio, and what it bets on somebody without it also
//! from how common the outcome is (the likelihood ratio of a 2×2 table, Turner, Ly and Grünwald, 2024). How common it is was learned
//! from people before, in blocks that grow, so that a bet never knows what it bets on.

/// Sizes of the believed effects: the natural logarithm of the ratio of the rates, in both directions, and each one's weight.
/// Small effects need the most help, because they are told apart last; large ones win whatever they weigh.
const BELIEFS: [(f64, f64); 6] = [(0.02, 0.06), (0.045, 0.14), (0.09, 0.26), (0.17, 0.32), (0.32, 0.14), (0.7, 0.08)];
const BETTORS: usize = BELIEFS.len() * 2;
/// A block ends when so many people have come, and each is larger than all before by this part.
const BLOCK_FIRST: f64 = 50.0;
const BLOCK_GROWTH: f64 = 0.25;
/// What a bettor believes leaves at least this share of an arm without the outcome.
const LEFT_MIN: f64 = 0.02;

/// People with and without the outcome in the two arms.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Block {
    with: [f64; 2],
    without: [f64; 2],
}

/// What one bettor wins (natural logarithm) by one person of each sort.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Odds {
    with: [f64; 2],
    without: [f64; 2],
}

/// Evidence that two arms have different rates, taken one person at a time in the order of assignment.
#[derive(Clone, Debug, PartialEq)]
pub struct RateTest {
    share: f64,
    /// Before the present block.
    log_wealth: [f64; BETTORS],
    odds: [Odds; BETTORS],
    block: Block,
    people: f64,
    outcomes: f64,
    block_end: f64,
}

impl RateTest {
    /// `share` is the chance of anybody to be in the first arm; it is brought strictly between 0 and 1.
    pub fn new(share: f64) -> RateTest {
        let share = share.clamp(1e-6, 1.0 - 1e-6);
        let mut test = RateTest {
            share,
            log_wealth: std::array::from_fn(|at| BELIEFS[at / 2].1.ln() - (2.0 * total_weight()).ln()),
            odds: [Odds::default(); BETTORS],
            block: Block::default(),
            people: 0.0,
            outcomes: 0.0,
            block_end: BLOCK_FIRST,
        };
        test.odds = test.odds_at(0.0);
        test
    }

    /// One person: whether they had the outcome, and whether they were in the first arm.
    pub fn observe(&mut self, had: bool, first: bool) {
        if self.people >= self.block_end {
            self.close();
        }
        self.people += 1.0;
        self.outcomes += f64::from(u8::from(had));
        let sort = if had { &mut self.block.with } else { &mut self.block.without };
        sort[usize::from(!first)] += 1.0;
    }

    /// Moves on to the next block, with what is known by now of how common the outcome is.
    fn close(&mut self) {
        for (wealth, odds) in self.log_wealth.iter_mut().zip(&self.odds) {
            *wealth += won(odds, &self.block);
        }
        self.block = Block::default();
        self.block_end = self.people * (1.0 + BLOCK_GROWTH);
        // Rather too rare than too common: a bet on those without the outcome that is too small loses less than one too large.
        self.odds = self.odds_at(self.outcomes / (self.people + BLOCK_FIRST));
    }

    fn odds_at(&self, rate: f64) -> [Odds; BETTORS] {
        let share = self.share;
        std::array::from_fn(|at| {
            let ratio = if at % 2 == 0 { BELIEFS[at / 2].0.exp() } else { (-BELIEFS[at / 2].0).exp() };
            // The two rates that are in this ratio and come to `rate` over both arms.
            let of_second = 1.0 / (share * ratio + 1.0 - share);
            let relative = [ratio * of_second, of_second];
            // Of those without the outcome: what the ratio leaves, kept a fair bet where it would leave less than nothing.
            let most = relative[0].max(relative[1]);
            let rate = rate.min((1.0 - LEFT_MIN) / most);
            Odds { with: relative.map(f64::ln), without: relative.map(|part| ((1.0 - rate * part) / (1.0 - rate)).ln()) }
        })
    }

    /// The wealth of the mixture (natural logarithm) of a bettor who started with 1.
    pub fn log_evidence(&self) -> f64 {
        let wealth: [f64; BETTORS] = std::array::from_fn(|at| self.log_wealth[at] + won(&self.odds[at], &self.block));
        let top = wealth.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        top + wealth.iter().map(|part| (part - top).exp()).sum::<f64>().ln()
    }
}

fn total_weight() -> f64 {
    BELIEFS.iter().map(|(_, weight)| weight).sum()
}

fn won(odds: &Odds, block: &Block) -> f64 {
    (0..2).map(|arm| odds.with[arm] * block.with[arm] + odds.without[arm] * block.without[arm]).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Rng;
    use crate::stats::intervals::wilson;
    use crate::stats::sampling::normal;
    use crate::stats::sequential::{ValueTest, p_value};
    use crate::stats::test_data::close;

    /// The mean wealth over all ways in which `outcomes` could have come into arms, from person `at` on.
    fn mean_wealth(test: &RateTest, outcomes: &[bool]) -> f64 {
        let Some((had, rest)) = outcomes.split_first() else { return test.log_evidence().exp() };
        let by_arm = |first: bool| {
            let mut next = test.clone();
            next.observe(*had, first);
            mean_wealth(&next, rest)
        };
        test.share * by_arm(true) + (1.0 - test.share) * by_arm(false)
    }

    // Added up over all ways to assign twelve people after a block has ended: a fair bet pays 1 on average, whoever has the outcome.
    #[test]
    fn wealth_is_one_on_average_when_nothing_differs() {
        for (share, common) in [(0.5f64, 3), (0.2, 2), (0.5, 40)] {
            let mut test = RateTest::new(share);
            close(test.log_evidence(), 0.0, 1e-12);
            (0..49).for_each(|at| test.observe(at % 40 < common, at % 2 == 0));
            let before = test.log_evidence().exp();
            let outcomes: Vec<bool> = (0..12).map(|at| at % 3 == 0).collect();
            close(mean_wealth(&test, &outcomes) / before, 1.0, 1e-10);
        }
    }

    /// In how many of `runs` A/A experiments of `people` somebody who looks after every person would ever have seen a difference,
    /// by rate and by value.
    fn false_alarms(runs: usize, people: usize, seed: u64, mut outcome: impl FnMut(&mut Rng) -> f64) -> [usize; 2] {
        let mut rng = Rng::new(seed);
        let mut found = [0, 0];
        for _ in 0..runs {
            let (mut rates, mut values) = (RateTest::new(0.5), ValueTest::new(0.5));
            let mut told = [false, false];
            for _ in 0..people {
                let (value, first) = (outcome(&mut rng), rng.uniform() < 0.5);
                rates.observe(value > 0.0, first);
                values.observe(value, first);
                told[0] = told[0] || p_value(rates.log_evidence()) <= 0.05;
                told[1] = told[1] || p_value(values.log_evidence()) <= 0.05;
            }
            (0..2).for_each(|at| found[at] += usize::from(told[at]));
        }
        found
    }

    const WORLDS: [(&str, f64, bool); 3] = [("5 %", 0.05, false), ("0.5 %", 0.005, false), ("heavy spend", 0.02, true)];

    fn person(rng: &mut Rng, chance: f64, spend: bool) -> f64 {
        let size = if spend { (1.5 * normal(rng)).exp() * 20.0 } else { 1.0 };
        if rng.uniform() < chance { size } else { 0.0 }
    }

    // A z test that is looked at after everybody calls a third to a half of these a difference. A test that keeps its word fails
    // here once in a thousand seeds at most; this seed is fixed.
    #[test]
    fn looking_after_everybody_finds_a_difference_in_at_most_one_of_twenty_same_arms() {
        for (name, chance, spend) in WORLDS {
            let runs = 300;
            for found in false_alarms(runs, 2_000, 11, |rng| person(rng, chance, spend)) {
                let interval = wilson(found as f64, runs as f64, 0.998).unwrap();
                assert!(interval.low <= 0.05, "{name}: {found} of {runs}");
            }
        }
    }

    /// A measurement: `cargo test --release --lib peeking_over_ten_thousand -- --ignored --nocapture`.
    #[test]
    #[ignore = "a measurement of minutes"]
    fn peeking_over_ten_thousand_runs() {
        for (name, chance, spend) in WORLDS {
            let runs = 10_000;
            for (what, found) in ["rate", "value"].iter().zip(false_alarms(runs, 10_000, 3, |rng| person(rng, chance, spend))) {
                let interval = wilson(found as f64, runs as f64, 0.95).unwrap();
                println!("{name} by {what}: {:.4} ({:.4} to {:.4})", interval.estimate, interval.low, interval.high);
                assert!(interval.estimate <= 0.05, "{name} by {what}");
            }
        }
    }

    // 5 % against 6 %, at most 20,000 people in each arm (a single look at the end would find it in .992 of runs).
    #[test]
    fn a_fifth_more_conversions_is_found_nearly_always() {
        let mut rng = Rng::new(21);
        let runs = 150;
        let mut found = 0;
        for _ in 0..runs {
            let mut test = RateTest::new(0.5);
            for at in 1..=40_000 {
                let first = rng.uniform() < 0.5;
                test.observe(rng.uniform() < if first { 0.06 } else { 0.05 }, first);
                if at % 1_000 == 0 && p_value(test.log_evidence()) <= 0.05 {
                    found += 1;
                    break;
                }
            }
        }
        // Measured over 20,000 runs: .94; see docs/benchmarks.md. Below .88 in 150 runs would be bad luck of one in a thousand.
        assert!(f64::from(found) / f64::from(runs) >= 0.88, "{found} of {runs}");
    }

    #[test]
    fn extremes_stay_numbers() {
        for (had, share) in [(true, 0.5), (false, 0.5), (true, 0.0), (false, 1.0)] {
            let mut test = RateTest::new(share);
            (0..3_000).for_each(|at| test.observe(had, at % 2 == 0));
            assert!(test.log_evidence().is_finite());
        }
    }
}
