//! The Client OS: brand, strategy, pillars, locked decisions and style guides as one snapshot.

pub mod snapshot;

pub use snapshot::{Decision, Goal, Pillar, Snapshot};
