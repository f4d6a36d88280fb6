//! What steps of every layer share.

pub mod channels;
pub mod providers;
