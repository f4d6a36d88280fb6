//! Summaries of a column of numbers: quantiles, spread, ranks and rank correlation.
//!
//! Values that are not numbers are the caller's business: filter them first. An empty column has no summary and gives
//! `NaN`, which no comparison mistakes for evidence.

/// Makes the MAD of a normal sample estimate its standard deviation: 1 / Φ⁻¹(3/4).
pub const MAD_TO_SIGMA: f64 = 1.482_602_218_505_602;

/// The mean; `NaN` of nothing.
pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The sample variance (n − 1 below the line), by two passes; `NaN` of fewer than two values.
pub fn variance(values: &[f64]) -> f64 {
    if values.len() < 2 {
        return f64::NAN;
    }
    let mean = mean(values);
    values.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / (values.len() - 1) as f64
}

/// The quantile at `p` (0–1) of a sorted slice, interpolated linearly: type 7 of Hyndman and Fan (1996), the default of
/// R and numpy.
pub fn quantile_sorted(sorted: &[f64], p: f64) -> f64 {
    if sorted.is_empty() || p.is_nan() {
        return f64::NAN;
    }
    let place = p.clamp(0.0, 1.0) * (sorted.len() - 1) as f64;
    let below = place.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + (place - below as f64) * (sorted[above] - sorted[below])
}

/// The quantile at `p` (0–1) of values in any order.
pub fn quantile(values: &[f64], p: f64) -> f64 {
    quantile_sorted(&sorted(values), p)
}

/// The middle value.
pub fn median(values: &[f64]) -> f64 {
    quantile(values, 0.5)
}

/// The median absolute deviation from the median, unscaled; times `MAD_TO_SIGMA` it compares to a standard deviation.
pub fn mad(values: &[f64]) -> f64 {
    let middle = median(values);
    median(&values.iter().map(|x| (x - middle).abs()).collect::<Vec<_>>())
}

/// The mean with weights (not negative); `NaN` when they sum to nothing.
pub fn weighted_mean(values: &[f64], weights: &[f64]) -> f64 {
    let total: f64 = weights.iter().sum();
    values.iter().zip(weights).map(|(x, w)| x * w).sum::<f64>() / total
}

/// The share (0–1) of `values` below `x`, ties counted half.
pub fn percentile_rank(values: &[f64], x: f64) -> f64 {
    let below = values.iter().filter(|value| **value < x).count() as f64;
    let equal = values.iter().filter(|value| **value == x).count() as f64;
    (below + equal / 2.0) / values.len() as f64
}

/// Ranks from 1, ties sharing their mean rank.
pub fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    let mut ranks = vec![0.0; values.len()];
    let mut start = 0;
    while start < order.len() {
        let mut end = start + 1;
        while end < order.len() && values[order[end]] == values[order[start]] {
            end += 1;
        }
        for place in &order[start..end] {
            ranks[*place] = (start + end + 1) as f64 / 2.0;
        }
        start = end;
    }
    ranks
}

/// Pearson's correlation (−1 to 1); `NaN` when a column is constant or shorter than two.
pub fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let (mean_a, mean_b) = (mean(a), mean(b));
    let sum = |f: &dyn Fn(f64, f64) -> f64| a.iter().zip(b).map(|(x, y)| f(x - mean_a, y - mean_b)).sum::<f64>();
    sum(&|x, y| x * y) / (sum(&|x, _| x * x) * sum(&|_, y| y * y)).sqrt()
}

/// Spearman's rank correlation (−1 to 1), ties by mean ranks.
pub fn spearman(a: &[f64], b: &[f64]) -> f64 {
    correlation(&ranks(a), &ranks(b))
}

/// A sorted copy.
pub fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::test_data::close;

    // numpy 2: np.quantile([3,1,4,1,5,9,2,6], …), scipy.stats.median_abs_deviation, spearmanr, rankdata.
    #[test]
    fn summaries_agree_with_numpy() {
        let values = [3.0, 1.0, 4.0, 1.0, 5.0, 9.0, 2.0, 6.0];
        close(quantile(&values, 0.1), 1.0, 1e-15);
        close(quantile(&values, 0.33), 2.31, 1e-15);
        close(median(&values), 3.5, 1e-15);
        close(mad(&values), 2.0, 1e-15);
        close(variance(&values), 7.553571428571429, 1e-15);
        assert_eq!(ranks(&values), [4.0, 1.5, 5.0, 1.5, 6.0, 8.0, 3.0, 7.0]);
        close(spearman(&values, &[2.0, 7.0, 1.0, 8.0, 2.0, 8.0, 1.0, 8.0]), 0.19885368120992467, 1e-15);
        close(percentile_rank(&values, 1.0), 0.125, 1e-15);
        close(weighted_mean(&[1.0, 3.0], &[3.0, 1.0]), 1.5, 1e-15);
    }

    #[test]
    fn nothing_has_no_summary_and_a_constant_no_correlation() {
        assert!(median(&[]).is_nan() && variance(&[1.0]).is_nan() && percentile_rank(&[], 1.0).is_nan());
        assert!(spearman(&[1.0, 1.0], &[1.0, 2.0]).is_nan());
    }
}
