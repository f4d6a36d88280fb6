//! What we tell the person who wrote the workflow: diagnostics with codes, spans, labels, help and fixes.

pub mod catalog;
pub mod diagnostic;
pub mod formats;
pub mod mend;
mod miniature;
pub mod nearest;
pub mod pages;
pub mod render;
pub mod source;

pub use diagnostic::{Diagnostic, Fix, Label, Severity};
pub use formats::{render_github, render_json, render_sarif};
pub use mend::mend;
pub use nearest::nearest;
pub use render::{Style, render, summary};
pub use source::{FileId, Sources, Span};
