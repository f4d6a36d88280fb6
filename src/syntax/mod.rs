//! KDL 2 text to a tree with spans, and back to its plain spelling or its proper layout.
//!
//! `read` never fails: it returns what could be read and one diagnostic for each mistake. The tree is flat (rows in vectors, not boxes in
//! boxes), so that a hostile depth can neither overflow a stack while reading nor while dropping, and a big file costs few allocations.

mod alike;
mod block;
mod characters;
mod format;
mod layout;
mod literal;
mod node;
mod places;
mod print;
mod read;
mod slip;
mod tree;
mod value;

#[cfg(test)]
mod faults;
#[cfg(test)]
mod formatting;
#[cfg(test)]
mod suite;

pub use alike::alike;
pub use format::{WIDTH_MOST, format};
pub use places::place_in;
pub use print::{print, quoted};
pub use read::{Limits, read, read_shared, read_with};
pub use tree::{Children, Entry, Node, NodeId, Tree, Value};
