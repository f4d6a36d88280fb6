//! The lowest point of a function of a few numbers, without derivatives: Nelder and Mead's simplex (1965) with the
//! usual coefficients.
//!
//! A point outside the allowed region is said by returning infinity; the simplex then turns away from it. The search is
//! deterministic, and stops when the simplex is flat or the number of evaluations is spent: it finds a good point, and
//! nobody promises the best one.

/// Where the search ended and what the function is there.
#[derive(Clone, Debug, PartialEq)]
pub struct Minimum {
    pub at: Vec<f64>,
    pub value: f64,
}

/// Searches from `start` with first steps of `steps` along each axis, evaluating at most `evaluations` times and
/// stopping when best and worst corner differ by less than `tolerance`, relative to their size.
pub fn minimise(
    start: &[f64],
    steps: &[f64],
    evaluations: usize,
    tolerance: f64,
    mut value_at: impl FnMut(&[f64]) -> f64,
) -> Minimum {
    let n = start.len();
    let mut value_of = |at: &[f64]| {
        let value = value_at(at);
        if value.is_nan() { f64::INFINITY } else { value }
    };
    let mut corners: Vec<(Vec<f64>, f64)> = Vec::with_capacity(n + 1);
    corners.push((start.to_vec(), value_of(start)));
    for axis in 0..n {
        let mut at = start.to_vec();
        at[axis] += steps[axis];
        let mut value = value_of(&at);
        if value.is_infinite() {
            at[axis] = start[axis] - steps[axis];
            value = value_of(&at);
        }
        corners.push((at, value));
    }
    let mut spent = n + 1;
    while n > 0 && spent < evaluations {
        corners.sort_by(|a, b| a.1.total_cmp(&b.1));
        let (best, worst) = (corners[0].1, corners[n].1);
        if (worst - best).abs() <= tolerance * (best.abs() + worst.abs() + 1e-12) {
            break;
        }
        let middle: Vec<f64> = (0..n).map(|axis| corners[..n].iter().map(|(at, _)| at[axis]).sum::<f64>() / n as f64).collect();
        let along = |factor: f64, from: &[f64]| -> Vec<f64> {
            middle.iter().zip(from).map(|(centre, corner)| centre + factor * (corner - centre)).collect()
        };
        let mirrored = along(-1.0, &corners[n].0);
        let mirrored_value = value_of(&mirrored);
        spent += 1;
        if mirrored_value < best {
            let further = along(-2.0, &corners[n].0);
            let further_value = value_of(&further);
            spent += 1;
            corners[n] = if further_value < mirrored_value { (further, further_value) } else { (mirrored, mirrored_value) };
        } else if mirrored_value < corners[n - 1].1 {
            corners[n] = (mirrored, mirrored_value);
        } else {
            let nearer = along(if mirrored_value < worst { -0.5 } else { 0.5 }, &corners[n].0);
            let nearer_value = value_of(&nearer);
            spent += 1;
            if nearer_value < mirrored_value.min(worst) {
                corners[n] = (nearer, nearer_value);
            } else {
                let (first, rest) = corners.split_first_mut().expect("a simplex has a first corner");
                for (at, value) in rest {
                    at.iter_mut().zip(&first.0).for_each(|(x, centre)| *x = centre + 0.5 * (*x - centre));
                    *value = value_of(at);
                }
                spent += n;
            }
        }
    }
    let (at, value) = corners.into_iter().min_by(|a, b| a.1.total_cmp(&b.1)).expect("a simplex has corners");
    Minimum { at, value }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::test_data::close;

    // The test function of the paper: Rosenbrock's valley, minimum 0 at (1, 1).
    #[test]
    fn the_valley_of_rosenbrock_is_found_from_the_usual_start() {
        let valley = |x: &[f64]| 100.0 * (x[1] - x[0] * x[0]).powi(2) + (1.0 - x[0]).powi(2);
        let found = minimise(&[-1.2, 1.0], &[0.5, 0.5], 2_000, 1e-14, valley);
        close(found.at[0], 1.0, 1e-5);
        close(found.at[1], 1.0, 1e-5);
    }

    #[test]
    fn a_wall_is_respected_and_nothing_to_search_is_fine() {
        let walled = |x: &[f64]| if x[0] < 2.0 { f64::INFINITY } else { x[0] * x[0] };
        let found = minimise(&[5.0], &[1.0], 500, 1e-14, walled);
        close(found.at[0], 2.0, 1e-5);
        assert_eq!(minimise(&[], &[], 10, 1e-9, |_| 3.0).value, 3.0);
        assert!(minimise(&[1.0], &[0.1], 50, 1e-9, |_| f64::NAN).value.is_infinite());
    }
}
