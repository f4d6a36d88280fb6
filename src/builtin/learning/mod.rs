//! Layer 6: what really worked, what changed, and what the next cycle does about it.

pub mod anomaly;
pub mod attribute;
pub mod cases;
mod dense;
pub mod experiment;
pub mod feedback;
pub mod forecast;
pub mod identity;
pub mod journeys;
mod levels;
pub mod pattern;
pub mod report;
pub mod series;

use crate::step::StepKind;

pub fn kinds() -> Vec<&'static dyn StepKind> {
    vec![
        &attribute::Attribute,
        &experiment::Experiment,
        &anomaly::Anomaly,
        &pattern::Pattern,
        &forecast::Forecast,
        &feedback::Feedback,
        &report::ReportKind,
    ]
}
