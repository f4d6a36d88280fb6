//! What steps of several layers share: the specs of providers and channels, and reading the outside — bytes, text, dirty
//! tables, dates, numbers and topic keys.

pub mod channels;
pub mod providers;

pub mod bytes;
pub mod date;
pub mod depth;
pub mod html;
pub mod limits;
pub mod links;
pub mod number;
pub mod pdf;
pub mod table;
pub mod topic;

#[cfg(test)]
pub mod rehearse;
