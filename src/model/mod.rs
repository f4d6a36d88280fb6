//! The words of the domain: layers, workflows, steps, and the goods that flow between them.

pub mod calendar;
pub mod config;
mod few;
pub mod found;
pub mod goods;
pub mod item;
mod kinds;
pub mod layer;
pub mod limit;
pub mod operation;
mod props;
pub mod untrusted;
pub mod workflow;

pub use calendar::{Calendar, Cron, Except};
pub use config::{Config, Scalar, SecretRef};
pub use few::Few;
pub use goods::{Good, GoodKind};
pub use item::Item;
pub use kinds::Kinds;
pub use layer::Layer;
pub use limit::{Cap, CapUnit, Window};
pub use operation::{Act, Operation, Review, ReviewVerdict};
pub use props::Props;
pub use untrusted::Untrusted;
pub use workflow::{Channel, NEXT_CYCLE, Notify, Provider, Step, Wire, Workflow, provider_line};
