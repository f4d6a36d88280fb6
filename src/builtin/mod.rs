//! To be furnished.

pub mod common;
