//! What comes next in a series of numbers, with intervals that keep what they promise.
//!
//! `choose` is the front door: a series with gaps goes in, and out come expected values, 80 and 95 % intervals, what was
//! used and how it did against repeating the last season. Behind it, in reading order: `prepare` fills gaps · `season`
//! finds and removes a season · `naive`, `ets`, `theta` and `ces` are the candidates, each a filter that can be run from any
//! point of the series · `past` is what was said before and what came · `bounds` turns its misses into intervals ·
//! `hierarchy` makes parts add up to their total · `score` judges forecasts as the M4 competition did.

pub mod bounds;
pub mod ces;
pub mod choose;
pub mod ets;
pub mod hierarchy;
pub mod naive;
pub mod past;
pub mod prepare;
pub mod score;
pub mod season;
pub mod theta;

pub use choose::{Answer, Forecast, Remark, Trial, VALUES_MIN, forecast};
pub use past::{Past, Step, Sum};

/// Forecast paths, one for each origin in order: what was expected of the values after it.
pub type Rolled = Vec<Vec<f64>>;

/// A fitted model that can stand at any point of a series and look ahead.
pub trait Filter {
    /// Such as `ETS(M,Ad,M)`.
    fn name(&self) -> String;

    /// The same form fitted to other values; `None` when they are too few for it.
    fn again(&self, values: &[f64]) -> Option<Box<dyn Filter>>;

    /// What is expected of the next `horizon` values after having seen the first `first`, `first + 1`, … and all of
    /// `values`. The speeds stay as they were fitted; only the states follow.
    fn roll(&self, values: &[f64], first: usize, horizon: usize) -> Rolled;
}
