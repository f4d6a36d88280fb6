//! How good forecasts were: the measures of the M4 competition (Makridakis, Spiliotis and Assimakopoulos, 2020).
//!
//! Errors are divided by what repeating the last season would have missed inside the history (MASE), or by the size of
//! the numbers (sMAPE); the OWA is the mean of both, each relative to a simple benchmark. Intervals are judged by their
//! width plus a fine for every miss (MSIS).

use super::season::{Join, is_seasonal, profile, with, without};

/// The mean absolute step over one season inside the history, which scaled errors are divided by. `None` when there is
/// no full season or nothing ever changed.
pub fn scale(history: &[f64], period: usize) -> Option<f64> {
    let lag = period.max(1);
    let steps = history.len().checked_sub(lag).filter(|steps| *steps > 0)?;
    let sum: f64 = history.iter().zip(&history[lag..]).map(|(before, after)| (after - before).abs()).sum();
    Some(sum / steps as f64).filter(|scale| *scale > 0.0)
}

/// The mean absolute error.
pub fn mean_error(actual: &[f64], forecast: &[f64]) -> f64 {
    let sum: f64 = actual.iter().zip(forecast).map(|(a, f)| (a - f).abs()).sum();
    sum / actual.len().min(forecast.len()).max(1) as f64
}

/// The symmetric mean absolute percentage error, from 0 to 200; both zero is no error.
pub fn smape(actual: &[f64], forecast: &[f64]) -> f64 {
    let one = |(a, f): (&f64, &f64)| if a.abs() + f.abs() > 0.0 { 200.0 * (a - f).abs() / (a.abs() + f.abs()) } else { 0.0 };
    actual.iter().zip(forecast).map(one).sum::<f64>() / actual.len().min(forecast.len()).max(1) as f64
}

/// The mean interval score at `level` such as 0.95, not yet scaled: width, and `2/α` times the distance of every miss.
pub fn interval_score(actual: &[f64], intervals: &[(f64, f64)], level: f64) -> f64 {
    let fine = 2.0 / (1.0 - level);
    let one = |(a, (low, high)): (&f64, &(f64, f64))| high - low + fine * ((low - a).max(0.0) + (a - high).max(0.0));
    actual.iter().zip(intervals).map(one).sum::<f64>() / actual.len().min(intervals.len()).max(1) as f64
}

/// The benchmark of the M competitions: the last value without its season, with the season of a classical decomposition
/// put back, when the series has one.
pub fn naive2(history: &[f64], period: usize, horizon: usize) -> Vec<f64> {
    let Some(last) = history.last().copied() else { return Vec::new() };
    let found = if is_seasonal(history, period) { profile(history, period, Join::Product) } else { None };
    let Some(shape) = found else { return vec![last; horizon] };
    let flat = without(history, &shape, Join::Product);
    let level = flat[flat.len() - 1];
    (0..horizon).map(|h| with(level, history.len() + h, &shape, Join::Product)).collect()
}

/// The same season again: each value is the last one of its phase.
pub fn seasonal_naive(history: &[f64], period: usize, horizon: usize) -> Vec<f64> {
    let lag = if history.len() >= period { period.max(1) } else { 1 };
    let Some(start) = history.len().checked_sub(lag) else { return vec![0.0; horizon] };
    (0..horizon).map(|h| history[start + h % lag]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::test_data::close;

    #[test]
    fn the_measures_are_what_their_definitions_say() {
        let history = [10.0, 20.0, 12.0, 22.0, 14.0, 24.0];
        close(scale(&history, 2).unwrap(), 2.0, 1e-15);
        assert_eq!(scale(&history, 6), None);
        assert_eq!(scale(&[4.0; 8], 2), None);
        close(mean_error(&[16.0, 26.0], &[14.0, 24.0]), 2.0, 1e-15);
        close(smape(&[100.0, 0.0], &[50.0, 0.0]), (200.0 / 3.0) / 2.0, 1e-13);
        // One miss by 1 at 95 %: the width 4 plus 40.
        close(interval_score(&[5.0, 11.0], &[(3.0, 7.0), (6.0, 10.0)], 0.95), (4.0 + 4.0 + 40.0) / 2.0, 1e-9);
    }

    #[test]
    fn the_benchmarks_repeat_what_was() {
        assert_eq!(seasonal_naive(&[1.0, 2.0, 3.0, 4.0], 2, 3), [3.0, 4.0, 3.0]);
        assert_eq!(seasonal_naive(&[1.0], 12, 2), [1.0, 1.0]);
        assert_eq!(seasonal_naive(&[], 12, 2), [0.0, 0.0]);
        let factors = [0.5, 1.5, 1.2, 0.8];
        let values: Vec<f64> = (0..24).map(|i| 50.0 * factors[i % 4]).collect();
        for (found, meant) in naive2(&values, 4, 4).iter().zip(factors) {
            close(*found, 50.0 * meant, 1e-12);
        }
        assert_eq!(naive2(&[3.0, 5.0], 12, 2), [5.0, 5.0]);
    }
}
