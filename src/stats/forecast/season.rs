//! Whether a series has a season, and taking it out: the autocorrelation test of the M4 competition and classical
//! decomposition (Makridakis, Wheelwright and Hyndman, 1998, chapter 3).

/// How a season joins the level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Join {
    /// Level plus season.
    Sum,
    /// Level times season; needs positive numbers.
    Product,
}

/// The autocorrelation at `lag`; 0 for a constant series.
pub fn autocorrelation(values: &[f64], lag: usize) -> f64 {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let total: f64 = values.iter().map(|x| (x - mean) * (x - mean)).sum();
    let lagged: f64 = values.iter().zip(values.iter().skip(lag)).map(|(x, y)| (x - mean) * (y - mean)).sum();
    if total > 0.0 { lagged / total } else { 0.0 }
}

/// Whether the autocorrelation at one season is beyond what chance gives at 90 % (Bartlett's formula), as the M4
/// competition tested it. Needs three full seasons.
pub fn is_seasonal(values: &[f64], period: usize) -> bool {
    let n = values.len();
    if period < 2 || n < 3 * period {
        return false;
    }
    let squares: f64 = (1..period).map(|lag| autocorrelation(values, lag).powi(2)).sum();
    autocorrelation(values, period).abs() > 1.644_853_626_951_472_7 * ((1.0 + 2.0 * squares) / n as f64).sqrt()
}

/// The season's profile by classical decomposition: the mean distance of each phase from a centred moving average,
/// summing to 0 (or averaging 1). Phase 0 is the first value. `None` for fewer than two full seasons, or when a
/// product is asked of numbers that are not all positive.
pub fn profile(values: &[f64], period: usize, join: Join) -> Option<Vec<f64>> {
    let n = values.len();
    if period < 2 || n < 2 * period || (join == Join::Product && values.iter().any(|x| *x <= 0.0)) {
        return None;
    }
    let half = period / 2;
    let even = period.is_multiple_of(2);
    let mut sums = vec![(0.0, 0.0f64); period];
    for at in half..n - half {
        let window = &values[at - half..=at + half];
        let mut sum: f64 = window.iter().sum();
        if even {
            sum -= 0.5 * (window[0] + window[period]);
        }
        let level = sum / period as f64;
        let apart = match join {
            Join::Sum => values[at] - level,
            Join::Product => values[at] / level,
        };
        let (total, count) = &mut sums[at % period];
        *total += apart;
        *count += 1.0;
    }
    let mut found: Vec<f64> = sums.iter().map(|(total, count)| total / count.max(1.0)).collect();
    let mean = found.iter().sum::<f64>() / period as f64;
    found.iter_mut().for_each(|x| match join {
        Join::Sum => *x -= mean,
        Join::Product => *x /= mean,
    });
    let sound = found.iter().all(|x| x.is_finite() && (join == Join::Sum || *x > 1e-9));
    sound.then_some(found)
}

/// The series without this profile.
pub fn without(values: &[f64], profile: &[f64], join: Join) -> Vec<f64> {
    let phases = profile.iter().cycle();
    match join {
        Join::Sum => values.iter().zip(phases).map(|(x, s)| x - s).collect(),
        Join::Product => values.iter().zip(phases).map(|(x, s)| x / s).collect(),
    }
}

/// Puts the season back on a value that stands at `at` counted from the first value of the series.
pub fn with(value: f64, at: usize, profile: &[f64], join: Join) -> f64 {
    match (profile.get(at % profile.len().max(1)), join) {
        (None, _) => value,
        (Some(season), Join::Sum) => value + season,
        (Some(season), Join::Product) => value * season,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::test_data::close;

    #[test]
    fn a_profile_on_a_slope_is_found_exactly() {
        let shape = [-6.0, 2.0, 1.0, 3.0];
        let sums: Vec<f64> = (0..24).map(|i| 50.0 + 0.5 * i as f64 + shape[i % 4]).collect();
        for (found, meant) in profile(&sums, 4, Join::Sum).unwrap().iter().zip(shape) {
            close(*found, meant, 1e-12);
        }
        let factors = [0.5, 1.5, 1.2, 0.8];
        let products: Vec<f64> = (0..24).map(|i| 50.0 * factors[i % 4]).collect();
        for (found, meant) in profile(&products, 4, Join::Product).unwrap().iter().zip(factors) {
            close(*found, meant, 1e-12);
        }
        assert_eq!(profile(&sums[..7], 4, Join::Sum), None);
        assert_eq!(profile(&[0.0; 24], 4, Join::Product), None);
    }

    #[test]
    fn the_test_tells_a_season_from_none() {
        let seasonal: Vec<f64> = (0..48).map(|i| if i % 12 < 3 { 20.0 } else { 10.0 } + (i * 7 % 5) as f64).collect();
        assert!(is_seasonal(&seasonal, 12));
        assert!(!is_seasonal(&seasonal[..30], 12) && !is_seasonal(&[3.0; 48], 12));
        let noise: Vec<f64> = (0..60u64).map(|i| (i * i * 2_654_435_761 % 97) as f64).collect();
        assert!(!is_seasonal(&noise, 12));
    }

    // Worked out apart, by the definition of Box and Jenkins.
    #[test]
    fn the_autocorrelation_divides_by_the_whole_sum_of_squares() {
        let values = [2.0, 4.0, 6.0, 8.0, 10.0, 7.0, 5.0, 3.0];
        close(autocorrelation(&values, 1), 0.4683583959899749, 1e-14);
        close(autocorrelation(&values, 2), -0.13345864661654136, 1e-14);
        assert_eq!(autocorrelation(&[5.0; 9], 1), 0.0);
    }
}
