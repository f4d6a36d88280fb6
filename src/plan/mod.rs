//! The plan: a checked workflow as a graph, in the order in which a cycle walks it, and how two workflows differ.

pub mod graph;

pub use graph::{CarryEdge, CyclePlan, PlanError};
