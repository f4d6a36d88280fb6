//! What we tell the person who wrote the workflow: diagnostics with codes, spans, labels, help and fixes.

pub mod catalog;
pub mod diagnostic;
pub mod nearest;
pub mod pages;
pub mod source;

pub use diagnostic::{Diagnostic, Fix, Label, Severity};
pub use nearest::nearest;
pub use source::{FileId, Sources, Span};
