//! What the same way would have said from every point of the past, beside what came; and the steps ahead, with the
//! intervals that these misses give (`bounds`).
//!
//! It is kept with a forecast, because whoever changes the forecast, as making it add up with others does, changes what
//! would have been said before in the same way, and the intervals with it.

use super::Rolled;
use super::bounds::{Misses, What};

/// What one step ahead is expected to be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    pub expected: f64,
    /// In here with a chance of 80 %.
    pub range_80: (f64, f64),
    /// In here with a chance of 95 %.
    pub range_95: (f64, f64),
    /// This step and all before it together.
    pub sum: Sum,
}

/// What some steps bring together. Its ranges are narrower than the sum of the steps' ranges, because misses cancel.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sum {
    pub expected: f64,
    pub range_80: (f64, f64),
    pub range_95: (f64, f64),
}

/// Paths of the past with what came.
#[derive(Clone, Debug, PartialEq)]
pub struct Past {
    /// One for each origin in order, `late` steps longer than the horizon; the last stands at the end of the series and is
    /// the forecast itself.
    pub paths: Rolled,
    /// The values after the first origin.
    pub came: Vec<f64>,
    /// Whether each of them was there; the others were filled in, and nothing is measured against them.
    pub known: Vec<bool>,
    /// Steps between the last value and the first that is asked for.
    pub late: usize,
    /// Values that were fitted to, and how many speeds and phases were fitted.
    pub count: usize,
    pub parameters: usize,
    /// Nothing was at or below zero.
    pub positive: bool,
    /// Nothing was below zero.
    pub counted: bool,
}

/// Numbers in the paths that are kept: with a horizon of hundreds of steps, fewer origins.
const NUMBERS_MAX: usize = 40_000;

impl Past {
    /// The steps ahead, and the variance of the first one.
    pub fn steps(&self) -> (Vec<Step>, f64) {
        let Some(last) = self.paths.last() else { return (Vec::new(), 0.0) };
        let horizon = last.len().saturating_sub(self.late);
        let mut pairs: Vec<Vec<(f64, f64)>> = vec![Vec::new(); last.len()];
        let mut sums: Vec<Vec<(f64, f64)>> = vec![Vec::new(); horizon];
        for (origin, path) in self.paths.iter().enumerate() {
            let (mut sum, mut whole) = ((0.0, 0.0), true);
            for (h, forecast) in path.iter().enumerate().take_while(|(h, _)| origin + h < self.came.len()) {
                let (known, actual) = (self.known[origin + h], self.came[origin + h]);
                if known {
                    pairs[h].push((*forecast, actual));
                }
                if h >= self.late {
                    (sum, whole) = ((sum.0 + forecast, sum.1 + actual), whole && known);
                    if whole {
                        sums[h - self.late].push(sum);
                    }
                }
            }
        }
        let misses = Misses::of(&pairs, What::Value, self.count, self.parameters, self.positive);
        let missed_sums = Misses::of(&sums, What::Sum, self.count, self.parameters, self.positive);
        let around = |misses: &Option<Misses>, expected: f64, distance: usize, level: f64| {
            let (low, high) = misses.as_ref().map_or((expected, expected), |misses| misses.around(expected, distance, level));
            (self.floor(low), high)
        };
        let mut total = 0.0;
        let steps: Vec<Step> = last[self.late.min(last.len())..]
            .iter()
            .enumerate()
            .map(|(h, expected)| {
                let expected = self.floor(*expected);
                total += expected;
                Step {
                    expected,
                    range_80: around(&misses, expected, self.late + h + 1, 0.8),
                    range_95: around(&misses, expected, self.late + h + 1, 0.95),
                    sum: Sum {
                        expected: total,
                        range_80: around(&missed_sums, total, h + 1, 0.8),
                        range_95: around(&missed_sums, total, h + 1, 0.95),
                    },
                }
            })
            .collect();
        let variance = steps.first().zip(misses).map_or(0.0, |(step, misses)| misses.variance(step.expected));
        (steps, variance)
    }

    /// Not below zero where nothing was.
    pub fn floor(&self, value: f64) -> f64 {
        if self.counted { value.max(0.0) } else { value }
    }

    /// Leaves out the oldest origins when there are more numbers than are worth their memory.
    pub fn shorten(&mut self) {
        let reach = self.paths.last().map_or(1, |path| path.len().max(1));
        self.keep((NUMBERS_MAX / reach).max(2));
    }

    /// Keeps so many origins at most, the youngest.
    pub fn keep(&mut self, origins: usize) {
        let away = self.paths.len().saturating_sub(origins);
        self.paths.drain(..away);
        self.came.drain(..away);
        self.known.drain(..away);
    }
}
