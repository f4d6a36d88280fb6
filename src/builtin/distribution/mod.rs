//! Layer 4: which channel a piece goes to, and its way out.

pub mod publish;
pub mod route;

pub use publish::untagged;

use crate::step::StepKind;

pub fn kinds() -> Vec<&'static dyn StepKind> {
    vec![&route::Route, &publish::PublishKind]
}
