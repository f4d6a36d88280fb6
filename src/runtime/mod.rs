//! The runtime: carries out what the engine says. The doors to the outside are traits here; `store` and `world` implement them.

pub mod doors;

pub use doors::{Clock, CycleStatus, Journal, JournalError, World};
