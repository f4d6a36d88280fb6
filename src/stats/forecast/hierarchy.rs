//! Forecasts that add up: those of a total, its parts and their parts, moved as little as their own spreads say (minimum
//! trace reconciliation with a diagonal matrix; Wickramasuriya, Athanasopoulos and Hyndman, 2019).
//!
//! The published form is S (S'W⁻¹S)⁻¹ S'W⁻¹ ŷ, a matrix with a row for every series. In a tree the same numbers come out of two walks:
//! upwards, each total is weighed against the sum of its parts; downwards, what is left over is shared in proportion to the
//! variances. So any number of levels costs one step a series.

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Rng;
    use crate::stats::linear::{Matrix, solve};
    use crate::stats::test_data::close;

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
}
