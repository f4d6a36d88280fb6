//! The simplest forecasts, as filters: the last season again, or the last value. Whatever is more elaborate has to beat
//! them first.

use super::{Filter, Rolled};

/// Each value is the one of the same phase one season before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeasonalNaive {
    /// At least 1; 1 repeats the last value.
    pub period: usize,
}

impl Filter for SeasonalNaive {
    fn name(&self) -> String {
        if self.period > 1 { "last season again".to_owned() } else { "last value again".to_owned() }
    }

    fn again(&self, _: &[f64]) -> Option<Box<dyn Filter>> {
        Some(Box::new(*self))
    }

    fn roll(&self, values: &[f64], first: usize, horizon: usize) -> Rolled {
        (first..=values.len()).map(|at| super::score::seasonal_naive(&values[..at], self.period, horizon)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_origin_repeats_its_own_last_season() {
        let rolled = SeasonalNaive { period: 2 }.roll(&[1.0, 2.0, 3.0, 4.0], 3, 2);
        assert_eq!(rolled, [[2.0, 3.0], [3.0, 4.0]]);
    }
}
