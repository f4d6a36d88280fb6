//! The world for real: files, HTTP, providers, channels, and a scripted stand-in for rehearsals and tests.

pub mod clock;
pub mod disk;
pub mod http;
pub mod polite;
pub mod secrets;
#[cfg(test)]
mod test_server;
pub mod trouble;
pub mod web;
pub mod wildcard;

pub use clock::{FrozenClock, SystemClock};
pub use disk::DiskFiles;
pub use secrets::{Secret, SecretError, Secrets};
