//! Layer 2: choosing what is worth doing, with the whole reckoning kept.

pub mod allocate;
pub mod backtest;
mod pillar_demand;
pub mod pool;
pub mod scenario;
pub mod score;

use crate::step::StepKind;

/// The kinds of this layer, in the order they are documented.
pub fn kinds() -> Vec<&'static dyn StepKind> {
    vec![&score::Score, &allocate::Allocate, &scenario::Scenario]
}
