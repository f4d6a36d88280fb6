//! The real binary, one file per command: exit codes, what is said where, and what is machine-readable.

pub mod place;

mod fmt;
mod test;
mod validate_fix;
