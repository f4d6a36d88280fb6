//! The step kinds, one file each, a folder per layer.

pub mod common;
pub mod intelligence;
