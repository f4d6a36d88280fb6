//! Forecasts that add up: those of a total, its parts and their parts, moved as little as their own spreads say (minimum
//! trace reconciliation with a diagonal matrix; Wickramasuriya, Athanasopoulos and Hyndman, 2019).
//!
//! The published form is S (S'W⁻¹S)⁻¹ S'W⁻¹ ŷ, a matrix with a row for every series. In a tree the same numbers come out of two walks:
//! upwards, each total is weighed against the sum of its parts; downwards, what is left over is shared in proportion to the
//! variances. So any number of levels costs one step a series.
//!
//! `add_up` does so to whole forecasts: to what they expect, and in the same way to all that they would have said before. The
//! intervals are those of the misses that are left then, because parts and totals that are held together miss otherwise than apart.

use super::choose::Forecast;

/// One forecast with the variance it is trusted by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Part {
    pub expected: f64,
    /// Not negative; 0 is never moved while another can be.
    pub variance: f64,
}

/// The forecasts in the same order, so that at every place the parts sum to their total. `parents` says whose part each is;
/// totals stand before their parts. Whoever is least sure moves most, and without any variance the parts are believed (bottom-up).
pub fn reconcile(parts: &[Part], parents: &[Option<usize>]) -> Vec<f64> {
    let clean = |variance: f64| if variance.is_finite() && variance > 0.0 { variance } else { 0.0 };
    let n = parts.len();
    // What its own parts say about each, added up: expectation and variance; and what that and its own forecast say together.
    let mut below = vec![None::<(f64, f64)>; n];
    let mut known = vec![(0.0, 0.0); n];
    for at in (0..n).rev() {
        let (own, variance) = (parts[at].expected, clean(parts[at].variance));
        known[at] = match below[at] {
            None => (own, variance),
            Some((sum, spread)) if spread > 0.0 => {
                ((sum * variance + own * spread) / (variance + spread), variance * spread / (variance + spread))
            }
            Some((sum, _)) => (sum, 0.0),
        };
        if let Some(parent) = parents[at] {
            let (sum, spread) = below[parent].unwrap_or_default();
            below[parent] = Some((sum + known[at].0, spread + known[at].1));
        }
    }
    let mut settled: Vec<f64> = known.iter().map(|(expected, _)| *expected).collect();
    for at in 0..n {
        let Some((parent, (sum, spread))) = parents[at].and_then(|parent| Some((parent, below[parent]?))) else { continue };
        let share = if spread > 0.0 { known[at].1 / spread } else { 0.0 };
        settled[at] = known[at].0 + (settled[parent] - sum) * share;
    }
    settled
}

/// Moves forecasts of series that end together, so that totals and parts add up at every step; the intervals are made anew.
pub fn add_up(all: &mut [&mut Forecast], parents: &[Option<usize>]) {
    let counted = all.iter().all(|found| found.past.counted);
    let variances: Vec<f64> = all.iter().map(|found| found.variance).collect();
    let origins = all.iter().map(|found| found.past.paths.len()).min().unwrap_or(0);
    let reach = all.iter().filter_map(|found| found.past.paths.last()).map(Vec::len).min().unwrap_or(0);
    for found in all.iter_mut() {
        found.past.keep(origins);
    }
    for origin in 0..origins {
        // Whoever knows less of the end looks further ahead, so paths are held together by where they end.
        for back in 1..=reach {
            let at = |path: &[f64]| path.len() - back;
            let parts: Vec<Part> = all
                .iter()
                .zip(&variances)
                .map(|(found, variance)| {
                    let path = &found.past.paths[origin];
                    let expected = path[at(path)];
                    Part { expected: if counted { expected.max(0.0) } else { expected }, variance: *variance }
                })
                .collect();
            let mut moved = reconcile(&parts, parents);
            if counted {
                not_below_zero(&mut moved, parents);
            }
            for (found, value) in all.iter_mut().zip(moved) {
                let path = &mut found.past.paths[origin];
                let at = at(path);
                path[at] = value;
            }
        }
    }
    for found in all.iter_mut() {
        (found.steps, found.variance) = found.past.steps();
    }
}

/// A count is never below zero; what a part lacks then, its totals lack too.
fn not_below_zero(moved: &mut [f64], parents: &[Option<usize>]) {
    let mut whole = vec![false; moved.len()];
    parents.iter().flatten().for_each(|parent| whole[*parent] = true);
    for at in 0..moved.len() {
        moved[at] = if whole[at] { 0.0 } else { moved[at].max(0.0) };
    }
    for at in (1..moved.len()).rev() {
        if let Some(parent) = parents[at] {
            moved[parent] += moved[at];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Rng;
    use crate::stats::forecast::{Answer, forecast};
    use crate::stats::linear::{Matrix, solve};
    use crate::stats::test_data::{self, close};

    fn part(expected: f64, variance: f64) -> Part {
        Part { expected, variance }
    }

    const TWO: [Option<usize>; 3] = [None, Some(0), Some(0)];

    // Worked out apart with numpy: S (S'W⁻¹S)⁻¹ S'W⁻¹ ŷ for S = [1 1; 1 0; 0 1], W = diag(4, 1, 3), ŷ = (20, 8, 10).
    #[test]
    fn the_closed_form_is_the_matrix_formula() {
        let settled = reconcile(&[part(20.0, 4.0), part(8.0, 1.0), part(10.0, 3.0)], &TWO);
        settled.iter().zip([19.0, 8.25, 10.75]).for_each(|(ours, theirs)| close(*ours, theirs, 1e-12));
    }

    #[test]
    fn what_is_sure_stays_and_without_spreads_the_parts_are_believed() {
        assert_eq!(reconcile(&[part(20.0, 0.0), part(8.0, 0.0), part(10.0, 2.0)], &TWO), [20.0, 8.0, 12.0]);
        assert_eq!(reconcile(&[part(20.0, 0.0), part(8.0, 0.0), part(10.0, f64::NAN)], &TWO), [18.0, 8.0, 10.0]);
        assert_eq!(reconcile(&[part(20.0, 1.0)], &[None]), [20.0]);
        assert!(reconcile(&[], &[]).is_empty());
    }

    /// The published formula, with matrices.
    fn by_matrices(parts: &[Part], parents: &[Option<usize>]) -> Vec<f64> {
        let n = parts.len();
        let leaves: Vec<usize> = (0..n).filter(|at| !parents.contains(&Some(*at))).collect();
        let mut s = Matrix::zeros(n, leaves.len());
        for (column, leaf) in leaves.iter().enumerate() {
            let mut at = Some(*leaf);
            while let Some(row) = at {
                *s.at_mut(row, column) = 1.0;
                at = parents[row];
            }
        }
        let k = leaves.len();
        let (mut left, mut right) = (Matrix::zeros(k, k), Matrix::zeros(k, 1));
        for (row, part) in parts.iter().enumerate() {
            for i in 0..k {
                *right.at_mut(i, 0) += s.at(row, i) * part.expected / part.variance;
                for j in 0..k {
                    *left.at_mut(i, j) += s.at(row, i) * s.at(row, j) / part.variance;
                }
            }
        }
        let bottom = solve(&left, &right).unwrap();
        s.times(&bottom.data)
    }

    #[test]
    fn trees_of_any_depth_are_the_matrix_formula() {
        let mut rng = Rng::new(3);
        for _ in 0..50 {
            let n = 2 + rng.below(20) as usize;
            let parents: Vec<Option<usize>> = (0..n).map(|at| (at > 0).then(|| rng.below(at as u64) as usize)).collect();
            let parts: Vec<Part> = (0..n).map(|_| part(100.0 * rng.uniform(), 0.1 + 5.0 * rng.uniform())).collect();
            let ours = reconcile(&parts, &parents);
            ours.iter().zip(by_matrices(&parts, &parents)).for_each(|(ours, theirs)| close(*ours, theirs, 1e-8));
            for at in 0..n {
                let of: Vec<f64> = (0..n).filter(|part| parents[*part] == Some(at)).map(|part| ours[part]).collect();
                assert!(of.is_empty() || (of.iter().sum::<f64>() - ours[at]).abs() < 1e-8);
            }
        }
    }

    /// A tree of forecasts over these parts of the total, before they add up.
    fn found(series: &[Vec<f64>], period: usize, horizon: usize) -> Vec<Forecast> {
        let one = |values: &Vec<f64>| {
            let values: Vec<Option<f64>> = values.iter().copied().map(Some).collect();
            let Answer::Forecast(found) = forecast(&values, period, horizon) else { panic!("enough values") };
            *found
        };
        series.iter().map(one).collect()
    }

    #[test]
    fn what_adds_up_already_stays_and_so_do_its_intervals() {
        // Twice the same part: whatever is said of it, the total says twice that.
        let part: Vec<f64> = (0..60).map(|i| 100.0 + f64::from(i * 37 % 11)).collect();
        let total: Vec<f64> = part.iter().map(|value| 2.0 * value).collect();
        let mut all = found(&[total, part.clone(), part], 1, 4);
        let before = all.clone();
        add_up(&mut all.iter_mut().collect::<Vec<_>>(), &TWO);
        for (now, before) in all.iter().zip(&before) {
            for (now, before) in now.steps.iter().zip(&before.steps) {
                close(now.expected, before.expected, 1e-6);
                close(now.range_80.0, before.range_80.0, 1e-6);
                close(now.sum.range_95.1, before.sum.range_95.1, 1e-6);
            }
        }
    }

    #[test]
    fn a_constant_or_empty_part_and_gaps_keep_everything_adding_up() {
        let mut rng = Rng::new(9);
        let part: Vec<f64> = (0..80).map(|i| 20.0 + f64::from(i % 7) + 5.0 * rng.uniform()).collect();
        let zero = vec![0.0; 80];
        let mut series: Vec<Vec<Option<f64>>> =
            [&part, &part, &zero].iter().map(|values| values.iter().copied().map(Some).collect()).collect();
        // One of them is late, all have a gap.
        series.iter_mut().for_each(|values| values[40] = None);
        series[1][79] = None;
        let mut all: Vec<Forecast> = series
            .iter()
            .map(|values| {
                let Answer::Forecast(found) = forecast(values, 7, 5) else { panic!("enough values") };
                *found
            })
            .collect();
        add_up(&mut all.iter_mut().collect::<Vec<_>>(), &TWO);
        for step in 0..5 {
            let at = |of: usize| all[of].steps[step];
            close(at(0).expected, at(1).expected + at(2).expected, 1e-9);
            close(at(0).sum.expected, at(1).sum.expected + at(2).sum.expected, 1e-9);
            assert!(at(0).range_80.1 - at(0).range_80.0 < 60.0 && at(2).expected >= 0.0, "{:?} {:?}", at(0), at(2));
        }
    }

    /// How many values fell inside at a level of the tree: of the steps at 80 and 95 %, of all steps together at 80 %; the squared
    /// error and the width, in units of one season's change.
    #[derive(Clone, Copy, Default)]
    struct Held {
        steps: f64,
        in_80: f64,
        in_95: f64,
        error: f64,
        width: f64,
    }

    /// Every so many of the trees of six public series in two groups, scaled to one size so that no part is the total by itself.
    /// What was held before adding up, and after, at the total, the groups and the parts.
    fn trees(rows: &[(Vec<f64>, Vec<f64>)], every: usize, period: usize) -> [[Held; 3]; 2] {
        let parents = [None, Some(0), Some(1), Some(1), Some(1), Some(0), Some(5), Some(5), Some(5)];
        let level = [0, 1, 2, 2, 2, 1, 2, 2, 2];
        let mut held = [[Held::default(); 3]; 2];
        for six in rows.chunks_exact(6).step_by(every) {
            let (long, horizon) = (six[0].0.len(), six[0].1.len());
            let mut nodes = vec![(vec![0.0; long], vec![0.0; horizon]); 9];
            for (leaf, (history, came)) in [2, 3, 4, 6, 7, 8].into_iter().zip(six) {
                let size = history.iter().sum::<f64>() / long as f64 / 100.0;
                let mut at = Some(leaf);
                while let Some(node) = at {
                    nodes[node].0.iter_mut().zip(history).for_each(|(sum, value)| *sum += value / size);
                    nodes[node].1.iter_mut().zip(came).for_each(|(sum, value)| *sum += value / size);
                    at = parents[node];
                }
            }
            let histories: Vec<Vec<f64>> = nodes.iter().map(|(history, _)| history.clone()).collect();
            let before = found(&histories, period, horizon);
            let mut after = before.clone();
            add_up(&mut after.iter_mut().collect::<Vec<_>>(), &parents);
            for (held, all) in held.iter_mut().zip([&before, &after]) {
                for (at, one) in all.iter().enumerate() {
                    let changes = nodes[at].0.windows(period + 1).map(|window| (window[period] - window[0]).abs());
                    let unit = changes.sum::<f64>() / (long - period) as f64;
                    let inside = |(low, high): (f64, f64), value: f64| f64::from(u8::from(low <= value && value <= high));
                    let held = &mut held[level[at]];
                    for (step, actual) in one.steps.iter().zip(&nodes[at].1) {
                        held.steps += 1.0;
                        held.in_80 += inside(step.range_80, *actual);
                        held.in_95 += inside(step.range_95, *actual);
                        held.error += ((step.expected - actual) / unit).powi(2);
                        held.width += (step.range_80.1 - step.range_80.0) / unit;
                    }
                }
            }
        }
        held
    }

    /// The series of a file as they were known `back` steps before their end, `long` values each.
    fn known(file: &str, long: usize, horizon: usize, back: usize) -> Option<Vec<(Vec<f64>, Vec<f64>)>> {
        let (_, rows) = test_data::rows(file)?;
        let numbers = |text: &str| text.split(' ').map(|x| x.parse::<f64>().unwrap()).collect::<Vec<f64>>();
        let cut = |row: &Vec<String>| {
            let all = [numbers(&row[2]), numbers(&row[3])].concat();
            let end = all.len().checked_sub(horizon + back).filter(|end| *end >= long)?;
            Some((all[end - long..end].to_vec(), all[end..end + horizon].to_vec()))
        };
        Some(rows.iter().filter_map(cut).collect())
    }

    /// One end of the series is one year's weather for all of them, so several are looked at.
    #[test]
    fn intervals_of_totals_and_parts_hold_what_they_promise_at_every_level() {
        for (file, long, horizon, backs, every) in [
            ("learning/forecast/tourism_monthly_odd.csv.gz", 120, 12, &[0, 12, 24, 36, 48, 60, 72][..], 2),
            ("learning/forecast/m3_monthly_odd.csv.gz", 96, 18, &[0][..], 1),
        ] {
            let mut sums = [[Held::default(); 3]; 2];
            for back in backs {
                let Some(rows) = known(file, long, horizon, *back) else { return };
                for (sum, held) in sums.as_flattened_mut().iter_mut().zip(trees(&rows, every, 12).as_flattened()) {
                    sum.steps += held.steps;
                    sum.in_80 += held.in_80;
                    sum.in_95 += held.in_95;
                    sum.error += held.error;
                    sum.width += held.width;
                }
            }
            let [befores, afters] = sums;
            for (level, (before, after)) in befores.into_iter().zip(afters).enumerate() {
                let (in_80, in_95) = (after.in_80 / after.steps, after.in_95 / after.steps);
                let told = format!(
                    "{file}, level {level}: {in_80:.3} in 80 %, {in_95:.3} in 95 %, error {:.3} and width {:.3} of before",
                    after.error / before.error,
                    after.width / before.width
                );
                println!("{told}");
                assert!((0.77..=0.83).contains(&in_80) && (0.92..=0.97).contains(&in_95), "{told}");
                assert!(after.error < 1.03 * before.error && after.width < before.width, "{told}");
            }
        }
    }
}
