//! The contract of a step: what a kind says about itself, what it may ask of the world, and what it gives back.

pub mod context;
pub mod expression;
pub mod fields;
pub mod kind;
pub mod people;
pub mod prices;
pub mod reference;
pub mod registry;
pub mod reply;
pub mod request;
pub mod spec;
pub mod template;
pub mod turn;

pub use context::{Lineage, StepContext, WentOut};
pub use kind::{Effort, LeastSpend, StepError, StepKind};
pub use people::People;
pub use registry::Registry;
pub use reply::{Audience, Body, Decision, Failure, FailureKind, Fetched, Generated, Published, Reach, Reply, Verdict};
pub use request::{Approve, Fetch, Generate, Nudging, Publish, Query, Request, Target};
pub use spec::{ArgSpec, ConnectorSpec, KindSpec, Mode, NodeSpec, Occurs, PropSpec, Tunable, ValueType};
pub use turn::{Note, NoteLevel, Output, ParameterChange, Turn};
