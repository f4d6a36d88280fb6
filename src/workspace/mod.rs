//! The workspace: everything a request needs around a workflow, as values and without printing.
//!
//! A workflow file is found, checked, and put together with its Client OS, its texts and its state folder. Commands, the
//! service and other front doors all start here; each says in its own way what came out. What stops them is a [`Failure`]:
//! a code, a sentence, a next step, and the findings that led to it.

pub mod failure;
pub mod find;
pub mod links;
pub mod names;
pub mod notify;
pub mod project;
pub mod remote;

pub use failure::{Exit, Failure, Findings};
pub use find::{as_typed, compile, find, find_all, invalid, split_path, typed_name};
pub use names::{long_handle, pick, split_words};
pub use project::{Place, Project};
