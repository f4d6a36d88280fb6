//! Intelligence: sensing the market. Sources and watches read the outside; `intent` and `aggregate` make sense of it.

pub mod intent_words;
pub mod merging;
pub mod newest;
pub mod readers;
pub mod reading;
pub mod rising;

pub mod aggregate;
pub mod csv;
pub mod events;
pub mod feed;
pub mod folder;
pub mod intent;
pub mod search_console;
pub mod sitemap;
pub mod watch;
pub mod webhook;

use crate::step::StepKind;

/// The kinds of this layer, in the order they are documented.
pub const KINDS: &[&dyn StepKind] = &[
    &feed::Feed,
    &sitemap::SitemapSource,
    &csv::Csv,
    &search_console::SearchConsole,
    &events::EventLog,
    &folder::Folder,
    &webhook::Webhook,
    &watch::Watch,
    &intent::Intent,
    &aggregate::Aggregate,
];
