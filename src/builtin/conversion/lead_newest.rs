//! Lines on the newest outcomes, for when the market has moved and older ones mislead.
//!
//! Before every cycle two lines are fitted on the newest outcomes: one on all fields, and one without those whose values tell the
//! time, such as an interest rate, because what lies outside everything seen before is guessed at by such a line. Each is read as it
//! is, and at the base rates of the newest 200 and 400 outcomes; beside them stands the newest base rate alone. All seven are mixed
//! by how they did in the cycles before (`stats::experts`), so that nothing is chosen, and nothing by what came later.

use super::lead_score::rate;
use super::lead_table::Encoding;
use crate::base::InOrder;
use crate::model::goods::Event;
use crate::stats::experts::Experts;
use crate::stats::linear::Matrix;
use crate::stats::logistic::{self, Unfit};
use crate::stats::scoring::log_loss;
use crate::stats::special::logistic as probability;
use crate::stats::summary::sorted;

/// What people are told was chosen.
pub(super) const NEWEST_NAME: &str = "lines on the newest outcomes";
/// Cycles in which the newer outcomes arrive; before each the lines are fitted anew.
const CYCLES: usize = 50;
/// The newest outcomes that a line of its own learns from, as strongly shrunk as so few ask for; there must be twice as many old ones.
const NEWEST: usize = 2_000;
const NEWEST_PENALTY: f64 = 100.0;
/// How a line is read: as it is, or at the base rate of so many newest outcomes.
const TRACKED: [usize; 3] = [0, 200, 400];
/// The newest outcomes whose base rate stands alone.
const ALONE: usize = 200;
/// A field tells the time when its newest values and the older ones lie further apart than this, by Kolmogorov and Smirnov's distance:
/// more than half of all values would have to move.
const APART: f64 = 0.5;
/// Lines, by their readings, and the base rate.
const FORECASTERS: usize = 2 * TRACKED.len() + 1;

/// Everything that is mixed, as it stands for the next cycle.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Newest {
    lines: [logistic::Model; 2],
    /// By line: what moves its log-odds to each base rate.
    shifts: [[f64; TRACKED.len()]; 2],
    rate: f64,
    experts: Experts,
}

impl Newest {
    fn forecasts(&self, row: &[f64]) -> [f64; FORECASTERS] {
        let odds = [self.lines[0].log_odds(row), self.lines[1].log_odds(row)];
        forecasts(odds, self.shifts, self.rate)
    }

    pub fn log_odds(&self, row: &[f64]) -> f64 {
        log_odds(self.experts.mix(&self.forecasts(row)))
    }

    /// What each column adds, by both lines as they are weighed; the base rate has no reasons.
    pub fn reasons(&self, row: &[f64]) -> Vec<(usize, f64)> {
        let mut effects = vec![0.0; row.len()];
        for (line, weights) in self.lines.iter().zip(self.experts.weights.chunks(TRACKED.len())) {
            let weight: f64 = weights.iter().sum();
            line.reasons(row).into_iter().for_each(|(column, effect)| effects[column] += weight * effect);
        }
        let mut reasons: Vec<(usize, f64)> = effects.into_iter().enumerate().collect();
        reasons.order_by(|a, b| b.1.abs().total_cmp(&a.1.abs()).then(a.0.cmp(&b.0)));
        reasons
    }
}

fn log_odds(p: f64) -> f64 {
    (p / (1.0 - p)).ln()
}

fn forecasts(odds: [f64; 2], shifts: [[f64; TRACKED.len()]; 2], rate: f64) -> [f64; FORECASTERS] {
    let mut all = [rate; FORECASTERS];
    for (place, (line, reading)) in (0..2).flat_map(|line| (0..TRACKED.len()).map(move |reading| (line, reading))).enumerate() {
        all[place] = probability(odds[line] + shifts[line][reading]);
    }
    all
}

/// Outcomes that come between two fits, when so many newer ones are looked at.
pub(super) fn cycle_rows(newer: usize) -> usize {
    newer.div_ceil(CYCLES).max(1)
}

/// The log-odds of all rows from `cut` on, each from what was known before its cycle, and what stands at the end.
pub(super) fn follow(known: &[&Event], outcomes: &[bool], cut: usize, encoding: &Encoding) -> Result<(Vec<f64>, Newest), Unfit> {
    if cut < 2 * NEWEST {
        return Err(Unfit::Shape);
    }
    let table = encoding.table(known).ok_or(Unfit::Shape)?;
    let steady = without(&table, &telling_time(&table, cut));
    let lines = |to: usize| -> Result<[logistic::Model; 2], Unfit> {
        let rows: Vec<usize> = (to - NEWEST..to).collect();
        let fit = |table: &Matrix| logistic::fit_rows(table, outcomes, &rows, NEWEST_PENALTY);
        Ok([fit(&table)?, fit(&steady)?])
    };
    let size = cycle_rows(known.len() - cut);
    let mut experts = Experts::new(FORECASTERS);
    let mut odds: [Vec<f64>; 2] = Default::default();
    let mut mixed = Vec::with_capacity(known.len() - cut);
    // Where the lines stood below the newest outcomes, learned from those that have been forecast.
    let shifts = |odds: &[Vec<f64>; 2], newer: &[bool]| {
        [0, 1].map(|line: usize| {
            TRACKED.map(|tracked| {
                let from = newer.len().saturating_sub(tracked);
                shift(&odds[line][from..], &newer[from..])
            })
        })
    };
    for from in (cut..known.len()).step_by(size) {
        let to = (from + size).min(known.len());
        let lines = lines(from)?;
        let shifts = shifts(&odds, &outcomes[cut..from]);
        let rate = rate(&outcomes[from.saturating_sub(ALONE)..from]);
        let mut given: Vec<Vec<f64>> = vec![Vec::new(); FORECASTERS];
        for row in &known[from..to] {
            let row = encoding.row(row);
            let here = [lines[0].log_odds(&row), lines[1].log_odds(&row)];
            let all = forecasts(here, shifts, rate);
            mixed.push(log_odds(experts.mix(&all)));
            odds.iter_mut().zip(here).for_each(|(odds, here)| odds.push(here));
            given.iter_mut().zip(all).for_each(|(given, p)| given.push(p));
        }
        let losses: Vec<f64> = given.iter().map(|p| log_loss(p, &outcomes[from..to]) * p.len() as f64).collect();
        experts.learn(&losses);
    }
    let newest = Newest {
        lines: lines(known.len())?,
        shifts: shifts(&odds, &outcomes[cut..]),
        rate: rate(&outcomes[known.len() - ALONE..]),
        experts,
    };
    Ok((mixed, newest))
}

/// Which columns tell the time, by the newest rows before `cut` against all older ones.
fn telling_time(table: &Matrix, cut: usize) -> Vec<bool> {
    let column = |rows: std::ops::Range<usize>, at: usize| sorted(&rows.map(|row| table.row(row)[at]).collect::<Vec<_>>());
    (0..table.columns).map(|at| distance(&column(0..cut - NEWEST, at), &column(cut - NEWEST..cut, at)) > APART).collect()
}

/// The distance of Kolmogorov and Smirnov between two sorted samples: where their shares below a number differ most.
fn distance(a: &[f64], b: &[f64]) -> f64 {
    let (mut i, mut j, mut most) = (0, 0, 0.0f64);
    while i < a.len() && j < b.len() {
        let here = a[i].min(b[j]);
        while i < a.len() && a[i] <= here {
            i += 1;
        }
        while j < b.len() && b[j] <= here {
            j += 1;
        }
        most = most.max((i as f64 / a.len() as f64 - j as f64 / b.len() as f64).abs());
    }
    most
}

/// The table with these columns empty, which a line reads as no reason either way.
fn without(table: &Matrix, columns: &[bool]) -> Matrix {
    let mut table = table.clone();
    for row in table.data.chunks_mut(columns.len().max(1)) {
        row.iter_mut().zip(columns).filter(|(_, out)| **out).for_each(|(cell, _)| *cell = 0.0);
    }
    table
}

/// How far outcomes lie from log-odds, by penalised likelihood: believed as little as four coin flips say before there are any.
fn shift(log_odds: &[f64], outcomes: &[bool]) -> f64 {
    const PRIOR: f64 = 4.0;
    let mut by = 0.0;
    for _ in 0..20 {
        let (mut slope, mut curve) = (PRIOR * by, PRIOR);
        for (eta, won) in log_odds.iter().zip(outcomes) {
            let p = probability(eta + by);
            slope += p - f64::from(u8::from(*won));
            curve += p * (1.0 - p);
        }
        let step = slope / curve;
        by -= step;
        if step.abs() < 1e-9 {
            break;
        }
    }
    by
}

#[cfg(test)]
mod tests {
    use super::super::lead_score::tests::bank;
    use super::*;
    use std::collections::BTreeSet;

    /// The bank's calls in the order of time: in the last fifth the share of yes goes from one in twenty to one in two. A minute or
    /// more without optimisation: `cargo test --lib when_the_base_rate_drifts -- --ignored --nocapture`.
    #[test]
    #[ignore = "a measurement of a minute"]
    fn when_the_base_rate_drifts_the_mixture_stays_below_the_goal() {
        let Some((rows, won)) = bank() else { return };
        for (slice, every) in [("all", 1), ("odd", 2)] {
            let known: Vec<&Event> = rows.iter().skip(every - 1).step_by(every).collect();
            let won: Vec<bool> = won.iter().skip(every - 1).step_by(every).copied().collect();
            let cut = known.len() * 4 / 5;
            let encoding = Encoding::learn(&known[..cut], &BTreeSet::from(["row", "duration", "y"]));
            let (log_odds, newest) = follow(&known, &won, cut, &encoding).unwrap();
            let p: Vec<f64> = log_odds.iter().map(|eta| probability(*eta)).collect();
            let loss = log_loss(&p, &won[cut..]);
            println!("{slice} rows: {loss:.4}, weights {:.2?}", newest.experts.weights);
            assert!(every > 1 || loss <= 0.52, "{loss}");
        }
    }

    #[test]
    fn a_shift_is_what_outcomes_ask_for_and_few_ask_for_little() {
        let outcomes: Vec<bool> = (0..1_000).map(|at| at % 5 == 0).collect();
        let by = shift(&vec![0.0; 1_000], &outcomes);
        assert!((probability(by) - 0.2).abs() < 0.01, "{by}");
        assert!(shift(&[0.0; 2], &[true, true]).abs() < 0.5);
        assert_eq!(shift(&[], &[]), 0.0);
    }

    // scipy.stats.ks_2samp([1, 2, 2, 3], [2, 3, 4, 4, 5]).statistic is 0.6.
    #[test]
    fn samples_are_as_far_apart_as_the_reference_says() {
        assert!((distance(&[1.0, 2.0, 2.0, 3.0], &[2.0, 3.0, 4.0, 4.0, 5.0]) - 0.6).abs() < 1e-15);
        assert_eq!(distance(&[1.0, 2.0], &[3.0]), 1.0);
        assert_eq!(distance(&[], &[3.0]), 0.0);
    }
}
