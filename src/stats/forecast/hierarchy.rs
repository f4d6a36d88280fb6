//! Forecasts that add up: the forecast of a total and those of its parts, moved as little as their own spreads say
//! (minimum trace reconciliation with a diagonal matrix; Wickramasuriya, Athanasopoulos and Hyndman, 2019).

/// One forecast with the variance it is trusted by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Part {
    pub expected: f64,
    /// Not negative; 0 is never moved while another can be.
    pub variance: f64,
}

/// The expected total and parts, so that the parts sum to the total. The difference is shared in proportion to the
/// variances, total included: whoever is least sure moves most. Without any variance the parts are believed
/// (bottom-up).
pub fn reconcile(total: Part, parts: &[Part]) -> (f64, Vec<f64>) {
    let sum: f64 = parts.iter().map(|part| part.expected).sum();
    let clean = |variance: f64| if variance.is_finite() && variance > 0.0 { variance } else { 0.0 };
    let all = clean(total.variance) + parts.iter().map(|part| clean(part.variance)).sum::<f64>();
    let gap = total.expected - sum;
    if parts.is_empty() {
        return (total.expected, Vec::new());
    }
    if all <= 0.0 {
        return (sum, parts.iter().map(|part| part.expected).collect());
    }
    let moved: Vec<f64> = parts.iter().map(|part| part.expected + gap * clean(part.variance) / all).collect();
    (moved.iter().sum(), moved)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::test_data::close;

    // Worked out apart with numpy: S (S'W⁻¹S)⁻¹ S'W⁻¹ ŷ for S = [1 1; 1 0; 0 1], W = diag(4, 1, 3), ŷ = (20, 8, 10).
    #[test]
    fn the_closed_form_is_the_matrix_formula() {
        let part = |expected, variance| Part { expected, variance };
        let (total, parts) = reconcile(part(20.0, 4.0), &[part(8.0, 1.0), part(10.0, 3.0)]);
        close(total, 19.0, 1e-12);
        close(parts[0], 8.25, 1e-12);
        close(parts[1], 10.75, 1e-12);
    }

    #[test]
    fn what_is_sure_stays_and_without_spreads_the_parts_are_believed() {
        let part = |expected, variance| Part { expected, variance };
        assert_eq!(reconcile(part(20.0, 0.0), &[part(8.0, 0.0), part(10.0, 2.0)]), (20.0, vec![8.0, 12.0]));
        assert_eq!(reconcile(part(20.0, 0.0), &[part(8.0, 0.0), part(10.0, f64::NAN)]), (18.0, vec![8.0, 10.0]));
        assert_eq!(reconcile(part(20.0, 1.0), &[]), (20.0, vec![]));
    }
}
