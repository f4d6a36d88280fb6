//! How an effect lasts: the amount of one period is felt in later ones too (adstock; Broadbent, 1979).
//!
//! Both forms keep what was put in: their weights sum to 1, so a steady amount is felt as itself. *Geometric*: of what is felt, a share `keep`
//! stays for the next period (Koyck, 1954). *Weibull*: the weight after `k` periods is the density of a Weibull distribution at
//! `k + 1`, which may rise before it falls (Jin et al., 2017, call this a delayed effect; Robyn has it as the Weibull PDF form).

/// Weights below this share of the whole are not followed any further.
const TAIL: f64 = 1e-4;
/// Periods that a Weibull effect is followed at most.
const LAGS_MAX: usize = 26;

/// How an effect lasts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Carry {
    /// From 0 (gone at once) to below 1.
    Geometric { keep: f64 },
    /// Both positive; a shape above 1 peaks later.
    Weibull { shape: f64, scale: f64 },
}

impl Carry {
    /// What is felt in each period of what was put in. Before the first period nothing is known, so it is taken to have been like the first.
    pub fn felt(self, amounts: &[f64], into: &mut Vec<f64>) {
        into.clear();
        let Some(first) = amounts.first().copied() else { return };
        match self {
            Carry::Geometric { keep } => {
                let mut felt = first;
                into.extend(amounts.iter().map(|amount| {
                    felt = keep * felt + (1.0 - keep) * amount;
                    felt
                }));
            }
            Carry::Weibull { .. } => {
                let weights = self.weights();
                into.extend((0..amounts.len()).map(|at| {
                    weights.iter().enumerate().map(|(lag, weight)| weight * amounts[at.saturating_sub(lag)]).sum::<f64>()
                }));
            }
        }
    }

    /// The share of an effect that is felt so many periods later, from the same period on; sums to 1.
    pub fn weights(self) -> Vec<f64> {
        let mut weights: Vec<f64> = match self {
            Carry::Geometric { keep } => {
                let most = if keep <= 0.0 { 1 } else { (TAIL.ln() / keep.ln()).ceil().clamp(1.0, 520.0) as usize };
                (0..most).map(|lag| keep.powi(lag as i32)).collect()
            }
            Carry::Weibull { shape, scale } => {
                let density = |at: f64| {
                    let ratio = at / scale;
                    shape / scale * ratio.powf(shape - 1.0) * (-ratio.powf(shape)).exp()
                };
                (0..LAGS_MAX).map(|lag| density(lag as f64 + 1.0)).collect()
            }
        };
        let sum: f64 = weights.iter().sum();
        if !(sum.is_finite() && sum > 0.0) {
            return vec![1.0];
        }
        weights.iter_mut().for_each(|weight| *weight /= sum);
        weights
    }

    /// After how many periods half of an effect has been felt.
    pub fn half(self) -> usize {
        let mut felt = 0.0;
        let weights = self.weights();
        let reached = weights.iter().position(|weight| {
            felt += weight;
            felt >= 0.5
        });
        reached.unwrap_or(weights.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::test_data::close;

    fn felt(carry: Carry, amounts: &[f64]) -> Vec<f64> {
        let mut into = Vec::new();
        carry.felt(amounts, &mut into);
        into
    }

    // By hand: half of what is felt stays, and half of what comes is added.
    #[test]
    fn a_geometric_effect_fades_by_its_share() {
        let found = felt(Carry::Geometric { keep: 0.5 }, &[0.0, 8.0, 0.0, 0.0]);
        assert_eq!(found, [0.0, 4.0, 2.0, 1.0]);
        assert_eq!(felt(Carry::Geometric { keep: 0.0 }, &[3.0, 1.0]), [3.0, 1.0]);
        assert_eq!((Carry::Geometric { keep: 0.5 }.half(), Carry::Geometric { keep: 0.9 }.half()), (0, 6));
    }

    // With shape and scale 2 the density is x/2 · e^(−x²/4).
    #[test]
    fn a_weibull_effect_has_the_weights_of_its_density() {
        let weights = Carry::Weibull { shape: 2.0, scale: 2.0 }.weights();
        close(weights[1] / weights[0], (-1.0f64).exp() / (0.5 * (-0.25f64).exp()), 1e-12);
        close(weights[2] / weights[0], 1.5 * (-2.25f64).exp() / (0.5 * (-0.25f64).exp()), 1e-12);
        close(weights.iter().sum::<f64>(), 1.0, 1e-12);
        let late = Carry::Weibull { shape: 4.0, scale: 4.0 }.weights();
        assert!(late[3] > late[0] && late[3] > late[6], "{late:?}");
    }

    #[test]
    fn a_steady_amount_is_felt_as_itself_in_both_forms() {
        for carry in [Carry::Geometric { keep: 0.7 }, Carry::Weibull { shape: 1.7, scale: 3.0 }] {
            assert!(felt(carry, &[5.0; 40]).iter().all(|felt| (felt - 5.0).abs() < 1e-9));
            close(carry.weights().iter().sum::<f64>(), 1.0, 1e-12);
        }
        assert!(felt(Carry::Weibull { shape: 1.0, scale: 1.0 }, &[]).is_empty());
        assert_eq!(Carry::Weibull { shape: f64::NAN, scale: 1.0 }.weights(), [1.0]);
    }
}
