//! The Client OS: brand, strategy, pillars, locked decisions and style guides as one snapshot.
//!
//! [`read`] makes the snapshot of a folder of plain files, [`check`] finds what is missing in it and what contradicts,
//! [`context_for`] packs what one step reads into about 90 seconds of reading, and [`amended`] puts an accepted proposal into its file.

pub mod amend;
mod brand;
mod check;
mod context;
mod finding;
pub mod guess;
mod limits;
mod markdown;
mod read;
pub mod snapshot;
mod tables;

pub use amend::{Patched, Refusal, amended, taken_back};
pub use check::{check, stale};
pub use context::{Pack, READING_SECONDS, context_about, context_for, pack, pack_about, reading_seconds, token_estimate};
pub use finding::Finding;
pub use limits::{LIMITS, style_limits};
pub use read::read;
pub use snapshot::{Decision, Goal, Pillar, Snapshot};
