//! Intelligence: sensing the market. Sources and watches read the outside; `intent` and `aggregate` make sense of it.

pub mod readers;
pub mod reading;

pub mod feed;

use crate::step::StepKind;

/// The kinds of this layer, in the order they are documented.
pub const KINDS: &[&dyn StepKind] = &[&feed::Feed];
