//! Layer 5: who may buy, why we think so, and what happens next.

mod lead_newest;
pub mod lead_score;
pub mod lead_table;
pub mod qualify;

use crate::step::StepKind;

pub fn kinds() -> Vec<&'static dyn StepKind> {
    vec![&lead_score::LeadScore, &qualify::Qualify]
}
