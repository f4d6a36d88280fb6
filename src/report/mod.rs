//! What happened, for people and machines: a cycle's entries become one view, and the view becomes progress lines, the summary,
//! Markdown, HTML and JSON.

pub mod because;
pub mod budget;
pub mod expected;
pub mod gates;
pub mod html;
pub mod lineage;
pub mod markdown;
pub mod plot;
pub mod style;
pub mod summary;
pub mod times;
pub mod view;

pub use view::{AmendmentView, CycleState, CycleView, DoubtView, GateView, StepView};
