//! Intervals for proportions and means, and for their differences.
//!
//! Proportions use Wilson's score interval, which never leaves 0–1 and keeps its promise at small counts, and Newcombe's
//! combination of two of them for a difference (Newcombe, Statistics in Medicine 17, 1998, methods 3 and 10). Means use
//! Welch's t, which does not assume equal variances.

use crate::stats::special::{normal_quantile, normal_two_sided, student_quantile, student_two_sided};

/// An estimate with the interval around it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    pub estimate: f64,
    pub low: f64,
    pub high: f64,
}

impl Interval {
    /// Whether the interval keeps `value` possible.
    pub fn contains(&self, value: f64) -> bool {
        self.low <= value && value <= self.high
    }
}

/// What is known of one sample of numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sample {
    pub count: f64,
    pub mean: f64,
    /// The sample variance (n − 1 below the line).
    pub variance: f64,
}

impl Sample {
    /// Count, mean and variance of these numbers.
    pub fn of(values: &[f64]) -> Sample {
        use crate::stats::summary::{mean, variance};
        Sample { count: values.len() as f64, mean: mean(values), variance: variance(values) }
    }

    /// The sample of zeros and ones with this many ones, with the binomial variance p(1 − p), which is what experiment
    /// platforms use for proportions; `of` gives the slightly larger sample variance.
    pub fn of_proportion(successes: f64, trials: f64) -> Sample {
        let share = successes / trials;
        Sample { count: trials, mean: share, variance: share * (1.0 - share) }
    }
}

/// A difference of two means with its test.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Difference {
    /// First minus second, with its interval.
    pub interval: Interval,
    pub standard_error: f64,
    /// Welch–Satterthwaite degrees of freedom.
    pub freedom: f64,
    /// Two-sided.
    pub p_value: f64,
}

/// The two-sided normal quantile of a confidence such as 0.95.
pub fn z_of(confidence: f64) -> f64 {
    normal_quantile(0.5 + confidence / 2.0)
}

/// Wilson's interval for a proportion; `None` without trials or with more successes than trials.
pub fn wilson(successes: f64, trials: f64, confidence: f64) -> Option<Interval> {
    if trials.is_nan() || trials <= 0.0 || !(0.0..=trials).contains(&successes) {
        return None;
    }
    let z = z_of(confidence);
    let share = successes / trials;
    let centre = share + z * z / (2.0 * trials);
    let spread = z * (share * (1.0 - share) / trials + z * z / (4.0 * trials * trials)).sqrt();
    let scale = 1.0 + z * z / trials;
    // At the ends the formula is 0 or 1 but for rounding.
    let low = if successes == 0.0 { 0.0 } else { (centre - spread) / scale };
    let high = if successes == trials { 1.0 } else { (centre + spread) / scale };
    Some(Interval { estimate: share, low, high })
}

/// Newcombe's interval for the first proportion minus the second.
pub fn newcombe(first: (f64, f64), second: (f64, f64), confidence: f64) -> Option<Interval> {
    let a = wilson(first.0, first.1, confidence)?;
    let b = wilson(second.0, second.1, confidence)?;
    let difference = a.estimate - b.estimate;
    Some(Interval {
        estimate: difference,
        low: difference - (a.estimate - a.low).hypot(b.high - b.estimate),
        high: difference + (a.high - a.estimate).hypot(b.estimate - b.low),
    })
}

/// The z test of two proportions being equal (pooled variance): z and its two-sided p-value.
pub fn two_proportions(first: (f64, f64), second: (f64, f64)) -> Option<(f64, f64)> {
    let pooled = (first.0 + second.0) / (first.1 + second.1);
    let error = (pooled * (1.0 - pooled) * (1.0 / first.1 + 1.0 / second.1)).sqrt();
    let z = (first.0 / first.1 - second.0 / second.1) / error;
    z.is_finite().then(|| (z, normal_two_sided(z)))
}

/// Welch's test and interval for the first mean minus the second (Welch, 1947). `None` with fewer than two values on a
/// side, or when neither side varies.
pub fn welch(first: Sample, second: Sample, confidence: f64) -> Option<Difference> {
    let (a, b) = (first.variance / first.count, second.variance / second.count);
    let enough = first.count >= 2.0 && second.count >= 2.0;
    let square = a + b;
    if !enough || square.is_nan() || square <= 0.0 {
        return None;
    }
    let standard_error = square.sqrt();
    let freedom = square * square / (a * a / (first.count - 1.0) + b * b / (second.count - 1.0));
    let estimate = first.mean - second.mean;
    let reach = student_quantile(0.5 + confidence / 2.0, freedom) * standard_error;
    Some(Difference {
        interval: Interval { estimate, low: estimate - reach, high: estimate + reach },
        standard_error,
        freedom,
        p_value: student_two_sided(estimate / standard_error, freedom),
    })
}

/// The first minus the second within strata, each a pair of samples: the differences weighted by n₁n₂/(n₁+n₂), as Cochran (1954) and
/// Mantel and Haenszel (1959) weight them, with Welch's variances and Satterthwaite's degrees of freedom. Strata with fewer than two
/// values on a side say nothing. `None` when none is left, or nothing varies.
pub fn within_strata(strata: &[(Sample, Sample)], confidence: f64) -> Option<Difference> {
    let (mut weights, mut sum, mut square, mut freedom) = (0.0, 0.0, 0.0, 0.0);
    for (a, b) in strata.iter().filter(|(a, b)| a.count >= 2.0 && b.count >= 2.0) {
        let weight = a.count * b.count / (a.count + b.count);
        weights += weight;
        sum += weight * (a.mean - b.mean);
        for side in [a, b] {
            let part = weight * weight * side.variance / side.count;
            square += part;
            freedom += part * part / (side.count - 1.0);
        }
    }
    if weights <= 0.0 || square.is_nan() || square <= 0.0 {
        return None;
    }
    let (estimate, standard_error, freedom) = (sum / weights, square.sqrt() / weights, square * square / freedom);
    let reach = student_quantile(0.5 + confidence / 2.0, freedom) * standard_error;
    Some(Difference {
        interval: Interval { estimate, low: estimate - reach, high: estimate + reach },
        standard_error,
        freedom,
        p_value: student_two_sided(estimate / standard_error, freedom),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::test_data::{self, close, close_relative};

    // Newcombe (1998): table II of the paper on differences, 56/70 against 48/80: 0.0524 to 0.3339.
    #[test]
    fn proportions_reproduce_newcombes_tables() {
        let one = wilson(81.0, 263.0, 0.95).unwrap();
        close(one.low, 0.2553, 5e-5);
        close(one.high, 0.3662, 5e-5);
        let difference = newcombe((56.0, 70.0), (48.0, 80.0), 0.95).unwrap();
        close(difference.low, 0.0524, 5e-5);
        close(difference.high, 0.3339, 5e-5);
        let none = wilson(0.0, 20.0, 0.95).unwrap();
        assert_eq!(none.low, 0.0);
        close(none.high, 0.1611, 5e-5);
    }

    // By hand: differences 2 and 4 with weights 1 and 1.5, so 3.2. One stratum alone is Welch's.
    #[test]
    fn differences_within_strata_are_weighted_by_what_both_sides_have() {
        let strata = [
            (Sample::of(&[2.0, 4.0]), Sample::of(&[0.0, 2.0])),
            (Sample::of(&[4.0, 5.0, 6.0]), Sample::of(&[0.0, 1.0, 2.0])),
            (Sample::of(&[9.0]), Sample::of(&[1.0, 1.0, 1.0])),
        ];
        let found = within_strata(&strata, 0.95).unwrap();
        close(found.interval.estimate, 3.2, 1e-15);
        // Variances 2 and 2 over two each, 1 and 1 over three each: 1 (1 + 1) + 2.25 (1/3 + 1/3) = 3.5, over 2.5².
        close(found.standard_error, (3.5f64).sqrt() / 2.5, 1e-15);
        close(found.freedom, 3.5 * 3.5 / (1.0 + 1.0 + 2.0 * 0.75 * 0.75 / 2.0), 1e-12);
        let alone = within_strata(&strata[..1], 0.9).unwrap();
        let plain = welch(strata[0].0, strata[0].1, 0.9).unwrap();
        close(alone.interval.low, plain.interval.low, 1e-12);
        close(alone.freedom, plain.freedom, 1e-12);
        assert_eq!(within_strata(&strata[2..], 0.95), None);
    }

    #[test]
    fn impossible_counts_have_no_interval() {
        assert_eq!(wilson(1.0, 0.0, 0.95), None);
        assert_eq!(wilson(3.0, 2.0, 0.95), None);
        assert_eq!(welch(Sample::of(&[1.0, 1.0]), Sample::of(&[1.0, 1.0]), 0.95), None);
    }

    // scipy.stats.ttest_ind(equal_var=False) on the public e-mail test, men's mail against none, outcome `visit`.
    #[test]
    fn welch_reproduces_the_email_test() {
        let Some((header, rows)) = test_data::rows("learning/experiments/hillstrom_even.csv.gz") else { return };
        let column = |name: &str| header.iter().position(|known| known == name).unwrap();
        let (segment, visit) = (column("treatment"), column("visit"));
        let visits = |arm: &str| -> Vec<f64> {
            rows.iter().filter(|row| row[segment] == arm).map(|row| row[visit].parse().unwrap()).collect()
        };
        let (mens, none) = (visits("Mens E-Mail"), visits("No E-Mail"));
        let difference = welch(Sample::of(&mens), Sample::of(&none), 0.95).unwrap();
        close(difference.interval.estimate, 0.0749891398383893, 1e-12);
        close(difference.interval.low, 0.06558991308559964, 1e-12);
        close(difference.interval.high, 0.08438836659117896, 1e-12);
        close_relative(difference.p_value, 8.309934114575706e-55, 1e-9);
        close(difference.freedom, 20552.936794856676, 1e-10);
        let share = |visits: &[f64]| Sample::of_proportion(visits.iter().sum(), visits.len() as f64);
        let difference = welch(share(&mens), share(&none), 0.95).unwrap();
        close(difference.interval.low, 0.0655903523, 1e-10);
        close(difference.interval.high, 0.0843879274, 1e-10);
    }
}
