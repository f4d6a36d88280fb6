//! CUPED: what was known about everybody before the experiment takes noise out of its result.
//!
//! An outcome is compared not with zero but with what the same person's past led to expect: y − θ (x − x̄) with θ = cov(x, y) /
//! var(x) (Deng, Xu, Kohavi and Walker, WSDM 2013). The mean difference stays unbiased because the past cannot depend on the arm;
//! its variance falls by the squared correlation. θ is pooled over the arms so that it cannot carry the effect itself.

/// What the adjustment did.
#[derive(Clone, Debug, PartialEq)]
pub struct Adjusted {
    /// The outcomes of each arm, adjusted, in the order given.
    pub arms: Vec<Vec<f64>>,
    /// Outcome per unit of the covariate.
    pub theta: f64,
    /// The share (0–1) of the variance within the arms that the covariate explains.
    pub explained: f64,
}

/// Adjusts the outcomes of several arms, each a list of (covariate, outcome). `None` when the covariate does not vary, a number is
/// not finite, or it explains less than `explained_min` (0–1) of the variance: then the plain outcomes are the better answer.
pub fn adjust(arms: &[Vec<(f64, f64)>], explained_min: f64) -> Option<Adjusted> {
    let all = || arms.iter().flatten();
    let count = all().count() as f64;
    if count < 3.0 || all().any(|(x, y)| !x.is_finite() || !y.is_finite()) {
        return None;
    }
    let centre = all().map(|(x, _)| x).sum::<f64>() / count;
    let (mut xx, mut xy, mut yy) = (0.0, 0.0, 0.0);
    for arm in arms.iter().filter(|arm| !arm.is_empty()) {
        let n = arm.len() as f64;
        let (mx, my) = (arm.iter().map(|(x, _)| x).sum::<f64>() / n, arm.iter().map(|(_, y)| y).sum::<f64>() / n);
        for (x, y) in arm {
            xx += (x - mx) * (x - mx);
            xy += (x - mx) * (y - my);
            yy += (y - my) * (y - my);
        }
    }
    if xx <= 0.0 || yy <= 0.0 {
        return None;
    }
    let (theta, explained) = (xy / xx, (xy * xy / (xx * yy)).min(1.0));
    if explained.is_nan() || explained < explained_min {
        return None;
    }
    let arms = arms.iter().map(|arm| arm.iter().map(|(x, y)| y - theta * (x - centre)).collect()).collect();
    Some(Adjusted { arms, theta, explained })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Rng;
    use crate::stats::intervals::{Sample, welch};
    use crate::stats::sampling::normal;
    use crate::stats::test_data::close;

    // By hand: within each arm y rises by 2 per x, and the second arm lies 1 higher.
    #[test]
    fn a_past_that_explains_everything_leaves_only_the_effect() {
        let arms = [vec![(0.0, 0.0), (1.0, 2.0), (2.0, 4.0)], vec![(1.0, 3.0), (2.0, 5.0), (3.0, 7.0)]];
        let adjusted = adjust(&arms, 0.01).unwrap();
        close(adjusted.theta, 2.0, 1e-15);
        close(adjusted.explained, 1.0, 1e-15);
        // x̄ = 1.5, so everyone is brought to 3 or to 4.
        adjusted.arms[0].iter().for_each(|y| close(*y, 3.0, 1e-15));
        adjusted.arms[1].iter().for_each(|y| close(*y, 4.0, 1e-15));
    }

    #[test]
    fn the_variance_falls_by_the_squared_correlation_and_the_effect_stays() {
        let mut rng = Rng::new(12);
        let arm = |effect: f64, rng: &mut Rng| -> Vec<(f64, f64)> {
            let person = |rng: &mut Rng| {
                let past = normal(rng);
                (past, 0.8 * past + 0.6 * normal(rng) + effect)
            };
            (0..4_000).map(|_| person(rng)).collect()
        };
        let arms = [arm(0.1, &mut rng), arm(0.0, &mut rng)];
        let adjusted = adjust(&arms, 0.01).unwrap();
        close(adjusted.explained, 0.64, 0.03);
        let plain = |arm: &[(f64, f64)]| Sample::of(&arm.iter().map(|(_, y)| *y).collect::<Vec<_>>());
        let before = welch(plain(&arms[0]), plain(&arms[1]), 0.95).unwrap();
        let after = welch(Sample::of(&adjusted.arms[0]), Sample::of(&adjusted.arms[1]), 0.95).unwrap();
        close((after.standard_error / before.standard_error).powi(2), 1.0 - adjusted.explained, 0.01);
        assert!(after.interval.contains(0.1), "{after:?}");
    }

    #[test]
    fn a_past_that_says_nothing_is_left_alone() {
        assert_eq!(adjust(&[vec![(1.0, 2.0); 5], vec![(1.0, 3.0); 5]], 0.0), None);
        assert_eq!(adjust(&[vec![(f64::NAN, 2.0), (1.0, 1.0), (2.0, 0.0)]], 0.0), None);
        assert_eq!(adjust(&[], 0.0), None);
        let mut rng = Rng::new(1);
        let noise: Vec<(f64, f64)> = (0..500).map(|_| (normal(&mut rng), normal(&mut rng))).collect();
        assert_eq!(adjust(&[noise], 0.02), None);
    }
}
