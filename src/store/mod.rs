//! The store: the journal on a disk, so that nothing acknowledged is ever lost without a word.
//!
//! Two floors. Below, [`CheckpointStore`] keeps bytes: batches go in whole, the head says how many there were, and an
//! acknowledged batch is on the disk. Above, [`LogJournal`] turns journal entries into batches. redb or sled stand behind the
//! lower floor by the rules of `docs/design/store.md`; memory stands there for rehearsals and tests.

pub mod checkpoint;
pub mod engine;
pub mod envelope;
pub mod error;
pub mod export;
pub mod keys;
pub mod log;
pub mod memory;
pub mod open;
pub mod retention;
pub mod rules;
pub mod watched;

mod acknowledged;
mod blobs;
mod chain;
mod guarded;
mod lines;
mod owner;
#[cfg(test)]
mod power_cut;
mod reading;
mod redb_engine;
mod remembered;
mod sled_engine;

pub use checkpoint::{Batch, CheckpointStore, Compaction, Head, Health, Pair, Visit};
pub use engine::EngineKind;
pub use export::{export, import};
pub use log::{LogJournal, Loss};
pub use memory::MemoryStore;
pub use open::{DiskStore, OpenOptions, engine_of, memory, open, prefer, pulse, recover};
pub use retention::{Keep, Pruned};
