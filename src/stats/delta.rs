//! Ratios and quantiles by person, as samples that tests of means understand.
//!
//! People are assigned, but clicks per mail has mails below the line and the median has no variance of its own. Both become numbers
//! with a standard error by the delta method (Deng, Knoblich and Lu, KDD 2018): a ratio of means is nearly the mean of
//! (x − R y) / ȳ over people, which keeps together what belongs to one person, and a quantile has the standard error that its
//! order-statistic interval implies (their section 4), which needs no density.
//!
//! The tests that hold at all times take one number a person: for a ratio x − R y, for a quantile whether the value lies above it,
//! with R and the quantile known from people before. Under "the arm changes nothing" neither depends on the arm.

use crate::stats::intervals::{Sample, z_of};
use crate::stats::summary::{quantile_sorted, sorted};

/// The confidence of the interval that a quantile's standard error is read from; any usual value gives nearly the same.
const SPREAD_CONFIDENCE: f64 = 0.95;

/// The ratio Σx / Σy over people as the mean of a sample, whose variance over its count is the ratio's squared standard error.
/// `None` with fewer than two people, or when the bottoms do not add up to more than zero.
pub fn ratio(people: &[(f64, f64)]) -> Option<Sample> {
    let count = people.len() as f64;
    let (top, bottom) = people.iter().fold((0.0, 0.0), |(top, bottom), (x, y)| (top + x, bottom + y));
    if people.len() < 2 || !(top.is_finite() && bottom.is_finite() && bottom > 0.0) {
        return None;
    }
    let ratio = top / bottom;
    // The distances add up to zero by the choice of the ratio.
    let squares: f64 = people.iter().map(|(x, y)| (x - ratio * y) * (x - ratio * y)).sum();
    let bottom_mean = bottom / count;
    Some(Sample { count, mean: ratio, variance: squares / (count - 1.0) / (bottom_mean * bottom_mean) })
}

/// The quantile at `share` (strictly between 0 and 1) as the mean of a sample, whose variance over its count is the quantile's
/// squared standard error. `None` when an end of the interval would lie outside the values.
pub fn quantile(values: &[f64], share: f64) -> Option<Sample> {
    let (values, count) = (sorted(values), values.len() as f64);
    let z = z_of(SPREAD_CONFIDENCE);
    let reach = z * (count * share * (1.0 - share)).sqrt();
    let (low, high) = (count * share - reach, count * share + reach + 1.0);
    if !(0.0 < share && share < 1.0) || low < 1.0 || high > count {
        return None;
    }
    let spread = values[high.ceil() as usize - 1] - values[low.floor() as usize - 1];
    let standard_error = spread / (2.0 * z);
    Some(Sample { count, mean: quantile_sorted(&values, share), variance: standard_error * standard_error * count })
}

/// How many come before each look at the people before: fifty, then a quarter more each time.
fn next_look(people: usize) -> usize {
    people + (people / 4).max(50)
}

/// For each person in order, how far their top lies above what people before would lead to expect from their bottom.
pub fn ratio_distances(people: &[(f64, f64)]) -> Vec<f64> {
    let (mut top, mut bottom, mut before) = (0.0, 0.0, 0.0);
    let distance = |(x, y): &(f64, f64)| {
        let found = x - before * y;
        (top, bottom) = (top + x, bottom + y);
        before = if bottom > 0.0 { top / bottom } else { 0.0 };
        found
    };
    people.iter().map(distance).collect()
}

/// For each person in order, whether their value lies above the quantile of people before; `None` until there are fifty of them.
pub fn above_quantile(values: &[f64], share: f64) -> Vec<Option<bool>> {
    let mut above = Vec::with_capacity(values.len());
    let (mut line, mut look) = (None, next_look(0));
    for (at, value) in values.iter().enumerate() {
        if at == look {
            line = Some(quantile_sorted(&sorted(&values[..at]), share));
            look = next_look(at);
        }
        above.push(line.map(|line| *value > line));
    }
    above
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Rng;
    use crate::stats::rates::RateTest;
    use crate::stats::sampling::{normal, poisson};
    use crate::stats::sequential::{ValueTest, p_value};
    use crate::stats::test_data::close;

    // By hand: Σx = 3, Σy = 6, R = 1/2; distances ½, 0, −½; their variance ¼, over ȳ² = 4.
    #[test]
    fn a_ratio_is_that_of_the_sums_and_its_error_is_by_person() {
        let found = ratio(&[(1.0, 1.0), (1.0, 2.0), (1.0, 3.0)]).unwrap();
        close(found.mean, 0.5, 1e-15);
        close(found.variance, 0.25 / 4.0, 1e-15);
        // With one below the line of everybody it is the plain mean.
        let plain: Vec<(f64, f64)> = [3.0, 1.0, 4.0, 1.0, 5.0].iter().map(|x| (*x, 1.0)).collect();
        let mean = Sample::of(&[3.0, 1.0, 4.0, 1.0, 5.0]);
        close(ratio(&plain).unwrap().mean, mean.mean, 1e-15);
        close(ratio(&plain).unwrap().variance, mean.variance, 1e-15);
        assert!(ratio(&[(1.0, 0.0), (2.0, 0.0)]).is_none() && ratio(&[(1.0, 1.0)]).is_none());
    }

    /// People with many mails, who differ in how much they click.
    fn clicker(rng: &mut Rng) -> (f64, f64) {
        let (mails, taste) = (1.0 + poisson(rng, 5.0) as f64, (0.5 * normal(rng)).exp());
        (poisson(rng, mails * taste * 0.2) as f64, mails)
    }

    #[test]
    fn the_errors_are_those_of_many_repetitions() {
        let mut rng = Rng::new(8);
        let (mut ratios, mut medians, mut errors) = (vec![], vec![], [0.0, 0.0]);
        let runs = 300;
        for _ in 0..runs {
            let people: Vec<(f64, f64)> = (0..400).map(|_| clicker(&mut rng)).collect();
            let values: Vec<f64> = (0..400).map(|_| normal(&mut rng).exp()).collect();
            let (by_ratio, by_median) = (ratio(&people).unwrap(), quantile(&values, 0.5).unwrap());
            ratios.push(by_ratio.mean);
            medians.push(by_median.mean);
            errors[0] += by_ratio.variance / by_ratio.count / f64::from(runs);
            errors[1] += by_median.variance / by_median.count / f64::from(runs);
        }
        // The variance of 300 repetitions is known to a twelfth or so.
        close(errors[0] / crate::stats::summary::variance(&ratios), 1.0, 0.25);
        close(errors[1] / crate::stats::summary::variance(&medians), 1.0, 0.25);
    }

    #[test]
    fn too_few_values_for_a_high_quantile_have_none() {
        let values: Vec<f64> = (0..60).map(f64::from).collect();
        assert!(quantile(&values, 0.5).is_some() && quantile(&values, 0.99).is_none() && quantile(&values, 1.0).is_none());
        assert!(quantile(&[], 0.5).is_none());
    }

    #[test]
    fn looking_always_at_the_same_arms_rarely_finds_ratios_or_quantiles_to_differ() {
        let mut rng = Rng::new(5);
        let (runs, mut told) = (150, [0, 0]);
        for _ in 0..runs {
            let people: Vec<(f64, f64)> = (0..1_000).map(|_| clicker(&mut rng)).collect();
            let values: Vec<f64> = people.iter().map(|(x, y)| x / y).collect();
            let (mut of_ratio, mut of_quantile) = (ValueTest::new(0.5), RateTest::new(0.5));
            let mut found = [false, false];
            for (distance, above) in ratio_distances(&people).into_iter().zip(above_quantile(&values, 0.8)) {
                let first = rng.uniform() < 0.5;
                of_ratio.observe(distance, first);
                if let Some(above) = above {
                    of_quantile.observe(above, first);
                }
                found[0] |= p_value(of_ratio.log_evidence()) <= 0.05;
                found[1] |= p_value(of_quantile.log_evidence()) <= 0.05;
            }
            (0..2).for_each(|at| told[at] += usize::from(found[at]));
        }
        // .05 and three standard errors of 150 runs.
        assert!(told.iter().all(|told| *told as f64 / f64::from(runs) <= 0.103), "{told:?}");
    }
}
