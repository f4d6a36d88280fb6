//! What several layers need to read the outside: bytes, text, dirty tables, dates, numbers and topic keys.

pub mod bytes;
pub mod date;
pub mod html;
pub mod links;
pub mod number;
pub mod table;
pub mod topic;

#[cfg(test)]
pub mod rehearse;
