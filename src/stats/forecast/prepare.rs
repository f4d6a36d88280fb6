//! A series as it comes, made ready: gaps at the ends cut, gaps inside filled along the season and a line between their
//! neighbours, and history too old to matter left out.

use crate::stats::summary::median;

/// A series without gaps.
#[derive(Clone, Debug, PartialEq)]
pub struct Prepared {
    pub values: Vec<f64>,
    /// Whether each value was there.
    pub known: Vec<bool>,
    /// Gaps that were filled.
    pub filled: usize,
    /// Old values left out.
    pub left_out: usize,
    /// Points at the end without a value: the forecast begins that much earlier than wanted.
    pub late: usize,
}

/// So many values are enough for any season up to a sixth of it; what is older says little about what comes next.
const HISTORY_MAX: usize = 480;

/// Makes a series ready; numbers that are not finite are gaps.
pub fn prepare(series: &[Option<f64>], period: usize) -> Prepared {
    let clean: Vec<Option<f64>> = series.iter().map(|value| value.filter(|value| value.is_finite())).collect();
    let Some(first) = clean.iter().position(Option::is_some) else {
        return Prepared { values: Vec::new(), known: Vec::new(), filled: 0, left_out: 0, late: series.len() };
    };
    let last = clean.iter().rposition(Option::is_some).unwrap_or(first);
    let longest = HISTORY_MAX.max(6 * period);
    let start = first.max((last + 1).saturating_sub(longest));
    // A gap where the history is cut belongs to the part that is left out.
    let start = (start..=last).find(|at| clean[*at].is_some()).unwrap_or(last);
    let inside = &clean[start..=last];
    let known: Vec<bool> = inside.iter().map(Option::is_some).collect();
    let filled = known.iter().filter(|known| !**known).count();
    let values = if filled == 0 { inside.iter().flatten().copied().collect() } else { fill(inside, period) };
    Prepared { values, known, filled, left_out: start - first, late: series.len() - 1 - last }
}

fn fill(series: &[Option<f64>], period: usize) -> Vec<f64> {
    let lag = period.max(1);
    let seasonal = lag > 1 && series.len() >= 2 * lag;
    let known = |values: &mut dyn Iterator<Item = &Option<f64>>| -> Vec<f64> { values.flatten().copied().collect() };
    let middle = median(&known(&mut series.iter()));
    let shape: Vec<f64> = (0..lag)
        .map(|phase| {
            let values = known(&mut series.iter().skip(phase).step_by(lag));
            if !seasonal || values.is_empty() { 0.0 } else { median(&values) - middle }
        })
        .collect();
    let positive = series.iter().flatten().all(|value| *value >= 0.0);
    let mut filled: Vec<f64> = Vec::with_capacity(series.len());
    let mut before = 0;
    for (at, value) in series.iter().enumerate() {
        if let Some(value) = value {
            filled.push(*value);
            before = at;
            continue;
        }
        let after = (at..series.len()).find(|at| series[*at].is_some()).unwrap_or(before);
        let flat = |at: usize| series[at].unwrap_or(middle) - shape[at % lag];
        let share = if after > before { (at - before) as f64 / (after - before) as f64 } else { 0.0 };
        let found = flat(before) + share * (flat(after) - flat(before)) + shape[at % lag];
        filled.push(if positive { found.max(0.0) } else { found });
    }
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_filled_along_the_season_and_the_ends_are_cut() {
        let shape = [0.0, 30.0, -10.0, 5.0];
        let mut series: Vec<Option<f64>> = (0..24).map(|i| Some(100.0 + shape[i % 4])).collect();
        (series[9], series[14]) = (None, Some(f64::NAN));
        series.insert(0, None);
        series.insert(0, Some(f64::INFINITY));
        series.push(None);
        let found = prepare(&series, 4);
        assert_eq!((found.filled, found.late, found.left_out), (2, 1, 0));
        assert_eq!((found.values[9], found.values[14], found.known[9]), (130.0, 90.0, false));
        assert_eq!(found.values.len(), 24);
    }

    #[test]
    fn nothing_is_nothing_and_long_histories_are_shortened() {
        assert!(prepare(&[], 12).values.is_empty());
        assert_eq!(prepare(&[None, None], 12).late, 2);
        let long: Vec<Option<f64>> = (0..5_000).map(|i| Some(f64::from(i))).collect();
        let found = prepare(&long, 7);
        assert_eq!((found.values.len(), found.values[479], found.left_out), (480, 4_999.0, 4_520));
        assert_eq!(prepare(&[None, Some(3.0)], 0).values, [3.0]);
    }
}
