//! Several forecasters of the same yes or no, weighed by how each has done so far.
//!
//! The weights are a posterior over "which of them is right", brought up to date by Bayes' rule after every stretch of outcomes; a
//! hundredth of all weight is then shared out again, so that one that was wrong for long can come back when the world turns (fixed
//! share; Herbster and Warmuth, 1998, with the logarithmic loss). Nothing is chosen: whatever comes, the mixture loses at most
//! ln(forecasters) more than the best of them, and a little for every stretch.

/// The part of all weight that is shared out again after a stretch.
const SHARED: f64 = 0.01;

/// Forecasters and what is thought of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Experts {
    /// Positive, with sum 1.
    pub weights: Vec<f64>,
}

impl Experts {
    /// So many of whom nothing is known.
    pub fn new(count: usize) -> Experts {
        Experts { weights: vec![1.0 / count.max(1) as f64; count] }
    }

    /// The probability that all of them together give.
    pub fn mix(&self, probabilities: &[f64]) -> f64 {
        self.weights.iter().zip(probabilities).map(|(weight, p)| weight * p).sum()
    }

    /// Takes what each lost in a stretch of outcomes, as the sum of −ln of what it gave to what happened.
    pub fn learn(&mut self, losses: &[f64]) {
        let least = losses.iter().copied().fold(f64::INFINITY, f64::min);
        if !least.is_finite() {
            return;
        }
        self.weights.iter_mut().zip(losses).for_each(|(weight, loss)| *weight *= (least - loss).exp());
        let sum: f64 = self.weights.iter().sum();
        let each = SHARED / self.weights.len() as f64;
        self.weights.iter_mut().for_each(|weight| *weight = (1.0 - SHARED) * *weight / sum + each);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Rng;

    #[test]
    fn the_mixture_loses_little_more_than_the_best_and_turns_with_the_world() {
        let mut rng = Rng::new(17);
        let experts = [0.1, 0.3, 0.7];
        let mut mixture = Experts::new(experts.len());
        let (mut ours, mut theirs) = (0.0, [0.0; 3]);
        // Each outcome is a stretch; the world turns once.
        for at in 0..2_000 {
            let won = rng.uniform() < if at < 1_000 { 0.1 } else { 0.7 };
            let loss = |p: f64| -(if won { p } else { 1.0 - p }).ln();
            ours += loss(mixture.mix(&experts));
            let losses = experts.map(loss);
            theirs.iter_mut().zip(losses).for_each(|(sum, loss)| *sum += loss);
            mixture.learn(&losses);
            assert!((mixture.weights.iter().sum::<f64>() - 1.0).abs() < 1e-12);
            if at == 999 {
                // The bound of the paper for one segment: ln K, and −ln(1 − share) for each outcome.
                assert!(ours <= theirs[0] + 3.0f64.ln() - 1_000.0 * (1.0 - SHARED).ln(), "{ours} {theirs:?}");
                assert!(mixture.weights[0] > 0.9);
            }
        }
        assert!(mixture.weights[2] > 0.9);
        assert!(ours < theirs.into_iter().fold(f64::INFINITY, f64::min), "{ours} {theirs:?}");
        // A loss that is no number teaches nothing.
        let before = mixture.clone();
        mixture.learn(&[f64::NAN; 3]);
        assert_eq!(mixture, before);
    }
}
