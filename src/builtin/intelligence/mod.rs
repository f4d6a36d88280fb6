//! Intelligence: sensing the market. Sources and watches read the outside; `intent` and `aggregate` make sense of it.

pub mod readers;
pub mod reading;

pub mod csv;
pub mod events;
pub mod feed;
pub mod search_console;

use crate::step::StepKind;

/// The kinds of this layer, in the order they are documented.
pub const KINDS: &[&dyn StepKind] = &[&feed::Feed, &csv::Csv, &search_console::SearchConsole, &events::EventLog];
