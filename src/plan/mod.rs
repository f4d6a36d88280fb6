//! The plan: a checked workflow as a graph, in the order in which a cycle walks it, and how two workflows differ.

pub mod diff;
pub mod draw;
pub mod graph;
mod settings;
pub mod svg;

pub use diff::{At, Change, StepChange, Version, WorkflowDiff};
pub use draw::{dot, json, mermaid};
pub use graph::{CarryEdge, CyclePlan, PlanError};
pub use svg::svg;
