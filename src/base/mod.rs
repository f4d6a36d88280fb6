//! Ids, names, time, money, digests and seeded chance: the small words every room speaks.

pub mod both;
pub mod cached;
pub mod digest;
pub mod duration;
pub mod files;
pub mod footprint;
pub mod id;
pub mod money;
pub mod order;
pub mod packed;
pub mod rng;
pub mod shared;
pub mod sorted;
pub mod time;

#[cfg(test)]
pub mod skip;

pub use cached::Cached;
pub use digest::{Digest, Hasher};
pub use footprint::{Footprint, Traced};
pub use id::{CycleNo, ItemId, RequestKey, StepId, TaskId, WorkflowId};
pub use money::Money;
pub use order::InOrder;
pub use rng::Rng;
pub use shared::Shared;
pub use sorted::SortedMap;
pub use time::Timestamp;
