//! The world for real: files, HTTP, providers, channels, and a scripted stand-in for rehearsals and tests.
//!
//! In reading order: what all doors share, the doors, and the worlds that put them together.

pub mod clock;
pub mod secrets;
pub mod trouble;
pub mod trust;

pub mod cache;
pub mod changes;
pub mod disk;
pub mod download;
pub mod git;
pub mod http;
pub mod interest;
pub mod pace;
pub mod people_key;
pub mod polite;
pub mod rate;
pub mod save;
pub mod tries;
pub mod web;
pub mod wildcard;

pub mod generate;
pub mod publish;

pub mod amending;
pub mod pretended;
pub mod real;
pub mod recorded;
pub mod scripted;

#[cfg(test)]
mod test_server;

pub use cache::cache_folder;
pub use changes::{DiskChanges, Patience};
pub use clock::{FrozenClock, SystemClock};
pub use disk::DiskFiles;
pub use download::download;
pub use git::{GitError, GitFiles};
pub use pace::Paces;
pub use real::{RealWorld, missing_secrets};
pub use scripted::{Fault, ScriptedWorld};
pub use secrets::{Secret, SecretError, Secrets};
pub use trust::Trust;
pub use web::WebSettings;
