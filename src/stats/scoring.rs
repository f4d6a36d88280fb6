//! How good a set of predicted probabilities was: log-loss, Brier score, AUC and calibration error.
//!
//! Log-loss and Brier are proper: they are best when the probability said is the one believed. AUC looks at order alone,
//! calibration error at size alone. Every function takes predictions (0–1) and outcomes (true: it happened) of equal length
//! and gives `NaN` when there is nothing to say.

use crate::stats::summary::ranks;

/// Predictions are kept this far from 0 and 1 in the log-loss, so that one certain mistake costs 34.5 and not infinity.
pub const CLIP: f64 = 1e-15;

/// The mean of −ln(probability given to what happened), in nats. Lower is better.
pub fn log_loss(predicted: &[f64], outcomes: &[bool]) -> f64 {
    let loss = |(p, y): (&f64, &bool)| if *y { -p.clamp(CLIP, 1.0).ln() } else { -(-p.clamp(0.0, 1.0 - CLIP)).ln_1p() };
    predicted.iter().zip(outcomes).map(loss).sum::<f64>() / outcomes.len() as f64
}

/// The mean squared distance between probability and outcome (0–1). Lower is better (Brier, 1950).
pub fn brier(predicted: &[f64], outcomes: &[bool]) -> f64 {
    predicted.iter().zip(outcomes).map(|(p, y)| (p - f64::from(u8::from(*y))).powi(2)).sum::<f64>() / outcomes.len() as f64
}

/// The chance that a random positive is ranked above a random negative, ties half: the area under the ROC curve
/// (Hanley and McNeil, 1982). 0.5 is no order at all.
pub fn auc(predicted: &[f64], outcomes: &[bool]) -> f64 {
    let positives = outcomes.iter().filter(|y| **y).count() as f64;
    let negatives = outcomes.len() as f64 - positives;
    let rank_sum: f64 = ranks(predicted).iter().zip(outcomes).filter(|(_, y)| **y).map(|(rank, _)| rank).sum();
    (rank_sum - positives * (positives + 1.0) / 2.0) / (positives * negatives)
}

/// Expected calibration error over `bins` of equal width: the mean distance between what was said and what happened, weighted
/// by how often it was said (Naeini, Cooper and Hauskrecht, 2015).
pub fn calibration_error(predicted: &[f64], outcomes: &[bool], bins: usize) -> f64 {
    reliability(predicted, outcomes, bins).iter().map(|bin| (bin.predicted - bin.observed).abs() * bin.count).sum::<f64>()
        / outcomes.len() as f64
}

/// One bin of a reliability diagram.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bin {
    pub count: f64,
    /// The mean probability said.
    pub predicted: f64,
    /// The share that happened.
    pub observed: f64,
}

/// The bins that have anything in them, from low to high.
pub fn reliability(predicted: &[f64], outcomes: &[bool], bins: usize) -> Vec<Bin> {
    let bins = bins.max(1);
    let mut table = vec![Bin { count: 0.0, predicted: 0.0, observed: 0.0 }; bins];
    for (p, y) in predicted.iter().zip(outcomes) {
        let bin = &mut table[((p * bins as f64) as usize).min(bins - 1)];
        bin.count += 1.0;
        bin.predicted += p;
        bin.observed += f64::from(u8::from(*y));
    }
    table.retain(|bin| bin.count > 0.0);
    table.iter_mut().for_each(|bin| {
        bin.predicted /= bin.count;
        bin.observed /= bin.count;
    });
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::test_data::close;

    // sklearn.metrics 1.9.1: log_loss, brier_score_loss, roc_auc_score.
    #[test]
    fn scores_agree_with_sklearn() {
        let predicted = [0.1, 0.4, 0.35, 0.8, 0.4, 0.95];
        let outcomes = [false, false, true, true, true, false];
        close(log_loss(&predicted, &outcomes), 0.9668624701108083, 1e-14);
        close(brier(&predicted, &outcomes), 0.31583333333333335, 1e-14);
        close(auc(&predicted, &outcomes), 0.5, 1e-14);
    }

    // By hand: two bins of width one half; .1 .4 .35 .4 (mean .3125, half happened) and .8 .95 (mean .875, half happened).
    #[test]
    fn calibration_error_of_two_bins_by_hand() {
        let predicted = [0.1, 0.4, 0.35, 0.8, 0.4, 0.95];
        let outcomes = [false, false, true, true, true, false];
        close(calibration_error(&predicted, &outcomes, 2), (0.1875 * 4.0 + 0.375 * 2.0) / 6.0, 1e-14);
        assert_eq!(reliability(&predicted, &outcomes, 10).len(), 5);
    }

    #[test]
    fn a_certain_mistake_is_expensive_and_finite() {
        assert!((34.0..35.0).contains(&log_loss(&[1.0], &[false])));
        assert!(auc(&[0.5], &[true]).is_nan() && log_loss(&[], &[]).is_nan());
    }
}
