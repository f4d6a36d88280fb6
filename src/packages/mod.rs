//! Modules from elsewhere: finding, fetching, checking, keeping and comparing them.
//!
//! In reading order: what a module's files may be, the three kinds of sources, the cache, and what the commands do with them.

pub mod archive;
pub mod breaking;
pub mod closure;
pub mod edit;
pub mod error;
pub mod fetch;
pub mod git;
pub mod history;
pub mod interface;
pub mod keep;
pub mod scratch;
pub mod source;
pub mod tree;
pub mod vendor;

pub use error::Error;
pub use tree::ModuleTree;
