//! Layer 3: from an opportunity to a checked piece, with people in charge.

pub mod answer;
pub mod brief;
pub mod check;
pub mod checks;
pub mod claims;
pub mod draft;
pub mod gate;
pub mod outline;
pub mod rules;
pub mod sections;
pub mod writing;

use crate::step::StepKind;

pub fn kinds() -> Vec<&'static dyn StepKind> {
    vec![&brief::BriefKind, &outline::OutlineKind, &gate::Gate, &draft::DraftKind, &check::Check]
}
