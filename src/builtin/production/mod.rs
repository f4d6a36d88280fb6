//! Layer 3: from an opportunity to a checked piece, with people in charge.

pub mod adapt;
pub mod answer;
#[cfg(test)]
pub mod bench;
pub mod brief;
pub mod check;
pub mod checks;
pub mod claims;
pub mod draft;
pub mod fit;
pub mod gate;
pub mod judge;
pub mod outline;
pub mod personal;
pub mod personalize;
pub mod platforms;
pub mod recast;
pub mod rules;
pub mod sections;
pub mod vary;
pub mod versions;
pub mod workshop;
pub mod writing;

use crate::step::StepKind;

pub fn kinds() -> Vec<&'static dyn StepKind> {
    vec![
        &brief::BriefKind,
        &outline::OutlineKind,
        &gate::Gate,
        &draft::DraftKind,
        &check::Check,
        &vary::Vary,
        &personalize::Personalize,
        &adapt::Adapt,
    ]
}
