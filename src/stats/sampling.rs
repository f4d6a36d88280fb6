//! Draws from the usual distributions, made from seeded chance.
//!
//! Normals come from the inverse of the distribution function: one uniform a draw, so two scenarios that share a seed
//! share their luck (common random numbers). Gamma is Marsaglia and Tsang (2000), Poisson is inversion for small means
//! and Hörmann's PTRS (1993) for large ones.

use crate::base::Rng;
use crate::stats::special::{ln_gamma, normal_quantile};

/// Uniform in the open interval (0, 1).
pub fn open_uniform(rng: &mut Rng) -> f64 {
    ((rng.next_u64() >> 12) as f64 + 0.5) / (1u64 << 52) as f64
}

/// Standard normal.
pub fn normal(rng: &mut Rng) -> f64 {
    normal_quantile(open_uniform(rng))
}

/// Exponential with mean 1.
pub fn exponential(rng: &mut Rng) -> f64 {
    -open_uniform(rng).ln()
}

/// Gamma with this shape and scale 1. A shape that is not positive gives 0.
pub fn gamma(rng: &mut Rng, shape: f64) -> f64 {
    if shape.is_nan() || shape <= 0.0 {
        return 0.0;
    }
    if shape < 1.0 {
        // Boosting: a draw at shape + 1 times U^(1/shape).
        let boost = open_uniform(rng).powf(1.0 / shape);
        return gamma(rng, shape + 1.0) * boost;
    }
    let d = shape - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    loop {
        let x = normal(rng);
        let v = (1.0 + c * x).powi(3);
        if v > 0.0 && open_uniform(rng).ln() < 0.5 * x * x + d - d * v + d * v.ln() {
            return d * v;
        }
    }
}

/// Beta with these shapes, in `[0, 1]`.
pub fn beta(rng: &mut Rng, a: f64, b: f64) -> f64 {
    let (x, y) = (gamma(rng, a), gamma(rng, b));
    if x + y > 0.0 { x / (x + y) } else { 0.5 }
}

/// A Poisson count with this mean. A mean that is not positive gives 0.
pub fn poisson(rng: &mut Rng, mean: f64) -> u64 {
    if mean.is_nan() || mean <= 0.0 {
        return 0;
    }
    if mean < 10.0 {
        // Inversion by walking the distribution up from 0.
        let uniform = open_uniform(rng);
        let (mut count, mut density) = (0u64, (-mean).exp());
        let mut cumulated = density;
        while uniform > cumulated && count < 200 {
            count += 1;
            density *= mean / count as f64;
            cumulated += density;
        }
        return count;
    }
    let b = 0.931 + 2.53 * mean.sqrt();
    let a = -0.059 + 0.02483 * b;
    let inverse_alpha = 1.1239 + 1.1328 / (b - 3.4);
    let squeeze = 0.9277 - 3.6224 / (b - 2.0);
    loop {
        let u = open_uniform(rng) - 0.5;
        let v = open_uniform(rng);
        let us = 0.5 - u.abs();
        let k = ((2.0 * a / us + b) * u + mean + 0.43).floor();
        if us >= 0.07 && v <= squeeze {
            return k as u64;
        }
        if k < 0.0 || (us < 0.013 && v > us) {
            continue;
        }
        if (v * inverse_alpha / (a / (us * us) + b)).ln() <= k * mean.ln() - mean - ln_gamma(k + 1.0) {
            return k as u64;
        }
    }
}

/// A binomial count of `trials` with this chance (0–1) each. Many trials are halved by the beta-distributed median of their
/// uniforms (Relles, 1972), so the work grows with the logarithm of the trials.
pub fn binomial(rng: &mut Rng, trials: u64, chance: f64) -> u64 {
    let (mut trials, mut chance, mut count) = (trials, chance.clamp(0.0, 1.0), 0);
    while trials > 64 {
        let middle = trials.div_ceil(2);
        let median = beta(rng, middle as f64, (trials + 1 - middle) as f64);
        if median <= chance {
            count += middle;
            trials -= middle;
            chance = ((chance - median) / (1.0 - median)).clamp(0.0, 1.0);
        } else {
            trials = middle - 1;
            chance = (chance / median).clamp(0.0, 1.0);
        }
    }
    count + (0..trials).filter(|_| rng.uniform() < chance).count() as u64
}

/// An index drawn with these weights (none negative); `None` when they sum to nothing.
pub fn weighted_index(rng: &mut Rng, weights: &[f64]) -> Option<usize> {
    let total: f64 = weights.iter().sum();
    if total.is_nan() || total <= 0.0 {
        return None;
    }
    let mut left = rng.uniform() * total;
    for (index, weight) in weights.iter().enumerate() {
        left -= weight;
        if left < 0.0 {
            return Some(index);
        }
    }
    weights.iter().rposition(|weight| *weight > 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moments(mut draw: impl FnMut(&mut Rng) -> f64) -> (f64, f64) {
        let mut rng = Rng::new(11);
        let draws: Vec<f64> = (0..40_000).map(|_| draw(&mut rng)).collect();
        let mean = draws.iter().sum::<f64>() / draws.len() as f64;
        (mean, draws.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / draws.len() as f64)
    }

    /// Mean and variance of 40,000 draws lie within five standard errors of the truth.
    #[track_caller]
    fn check(found: (f64, f64), mean: f64, variance: f64, excess_kurtosis: f64) {
        let n = 40_000.0f64;
        assert!((found.0 - mean).abs() < 5.0 * (variance / n).sqrt(), "mean {found:?}, expected {mean}");
        assert!((found.1 - variance).abs() < 5.0 * variance * ((excess_kurtosis + 2.0) / n).sqrt(), "{found:?} {variance}");
    }

    #[test]
    fn draws_have_the_moments_of_their_distribution() {
        check(moments(normal), 0.0, 1.0, 0.0);
        check(moments(exponential), 1.0, 1.0, 6.0);
        for shape in [0.3, 1.0, 7.5] {
            check(moments(|rng| gamma(rng, shape)), shape, shape, 6.0 / shape);
        }
        for mean in [0.2, 4.0, 10.0, 37.5, 2500.0] {
            check(moments(|rng| poisson(rng, mean) as f64), mean, mean, 1.0 / mean);
        }
        for (trials, chance) in [(20, 0.3), (1_000, 0.02), (5_000, 0.8)] {
            let variance = trials as f64 * chance * (1.0 - chance);
            check(moments(|rng| binomial(rng, trials, chance) as f64), trials as f64 * chance, variance, 1.0 / variance);
        }
        check(moments(|rng| beta(rng, 2.0, 6.0)), 0.25, 12.0 / (64.0 * 9.0), 0.1);
    }

    #[test]
    fn weighted_indices_follow_the_weights() {
        let mut rng = Rng::new(3);
        let mut counts = [0u32; 3];
        for _ in 0..10_000 {
            counts[weighted_index(&mut rng, &[1.0, 0.0, 3.0]).unwrap()] += 1;
        }
        assert_eq!(counts[1], 0);
        assert!((counts[0] as f64 - 2500.0).abs() < 220.0, "{counts:?}");
        assert_eq!(weighted_index(&mut rng, &[0.0, 0.0]), None);
    }
}
