//! loopctl: a declarative engine for a growth team's six-layer loop.
//!
//! The rooms in reading order; a room imports only rooms above it in this list with a lower rank
//! (`tests/it/house.rs` keeps this true, `docs/ARCHITECTURE.md` is the map).

// Rank 0
pub mod base;
// Rank 1
pub mod diag;
pub mod stats;
// Rank 2
pub mod model;
pub mod syntax;
// Rank 3
pub mod client_os;
// Rank 4
pub mod step;
// Rank 5
pub mod builtin;
pub mod compile;
// Rank 6
pub mod plan;
// Rank 7
pub mod engine;
// Rank 8
pub mod runtime;
// Rank 9
pub mod packages;
pub mod report;
pub mod store;
pub mod world;
// Rank 10
pub mod workspace;
// Rank 11
pub mod lsp;
pub mod rehearse;
pub mod serve;
// Rank 12
pub mod cli;
