//! Many tests at once: which finds survive.
//!
//! Benjamini and Hochberg (1995) keep the expected share of false finds among the finds below a level, for tests that are
//! independent or move together. Holm (1979) keeps the chance of even one false find below it.

/// Benjamini–Hochberg adjusted p-values, in the order given: a find at false discovery rate `q` is one with an adjusted
/// value of at most `q`. Values that are not numbers count as 1.
pub fn benjamini_hochberg(p_values: &[f64]) -> Vec<f64> {
    let total = p_values.len() as f64;
    adjust(p_values, true, |p, rank| p * total / (rank + 1) as f64)
}

/// Benjamini–Yekutieli adjusted p-values (2001), in the order given: as Benjamini–Hochberg, but whatever the tests have to do
/// with each other, which costs a factor of the harmonic number of their count.
pub fn benjamini_yekutieli(p_values: &[f64]) -> Vec<f64> {
    let harmonic: f64 = (1..=p_values.len()).map(|k| 1.0 / k as f64).sum();
    benjamini_hochberg(p_values).into_iter().map(|p| (p * harmonic).min(1.0)).collect()
}

/// Holm adjusted p-values, in the order given.
pub fn holm(p_values: &[f64]) -> Vec<f64> {
    let total = p_values.len();
    adjust(p_values, false, |p, rank| p * (total - rank) as f64)
}

fn adjust(p_values: &[f64], from_largest: bool, scaled: impl Fn(f64, usize) -> f64) -> Vec<f64> {
    let clean = |i: usize| if p_values[i].is_nan() { 1.0 } else { p_values[i] };
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|a, b| clean(*a).total_cmp(&clean(*b)));
    let mut adjusted = vec![1.0; p_values.len()];
    // Adjusted values may not fall when the raw ones rise.
    if from_largest {
        let mut bound = 1.0f64;
        for (rank, index) in order.iter().enumerate().rev() {
            bound = bound.min(scaled(clean(*index), rank));
            adjusted[*index] = bound;
        }
    } else {
        let mut bound = 0.0f64;
        for (rank, index) in order.iter().enumerate() {
            bound = bound.max(scaled(clean(*index), rank)).min(1.0);
            adjusted[*index] = bound;
        }
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::test_data::close;

    // The fifteen p-values of the 1995 paper: at 5 %, Benjamini–Hochberg finds four where Bonferroni and Holm find three.
    #[test]
    fn the_example_of_the_paper_has_four_finds() {
        let p =
            [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0];
        let finds = |adjusted: Vec<f64>| adjusted.iter().filter(|p| **p <= 0.05).count();
        assert_eq!(finds(benjamini_hochberg(&p)), 4);
        assert_eq!(finds(holm(&p)), 3);
        close(benjamini_hochberg(&p)[3], 0.0095 * 15.0 / 4.0, 1e-15);
    }

    #[test]
    fn without_any_assumption_every_value_is_larger_by_the_harmonic_number() {
        let adjusted = benjamini_yekutieli(&[0.01, 0.9, 0.02]);
        close(adjusted[0], 0.03 * (1.0 + 0.5 + 1.0 / 3.0), 1e-15);
        assert_eq!(adjusted[1], 1.0);
    }

    #[test]
    fn the_answer_keeps_the_order_of_the_question() {
        let adjusted = benjamini_hochberg(&[0.04, f64::NAN, 0.01]);
        close(adjusted[0], 0.06, 1e-15);
        assert_eq!(adjusted[1], 1.0);
        close(adjusted[2], 0.03, 1e-15);
        assert!(benjamini_hochberg(&[]).is_empty());
    }
}
