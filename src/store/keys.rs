//! Where things stand in the tree. Names carry their length and numbers are big-endian, so byte order is the order of time.
//!
//! ```text
//! meta/head                          written by the store itself
//! workflow/ name                     the last closed cycle
//! cycle/    name  cycle              open or closed, and how many entries
//! entry/    name  cycle  index       journal entries from this one on, a line of JSON each
//! carry/    name  cycle              what that cycle handed on
//! remembered/ name cycle             how many pieces of it follow, where it is large: what it remembers and what its steps depended on
//! remembered/ name cycle index       one of them
//! operation/ name index              what a person did beside the cycles, in order
//! link/     name number             the chain of decisions
//! kept/     name                    the first cycle that has its detail
//! meta/keep                         how long cycles keep their detail
//! ```

use crate::base::{CycleNo, WorkflowId};

/// The store's own head; no batch may touch it.
pub const HEAD: &[u8] = b"meta/head";

pub const WORKFLOW: &[u8] = b"workflow/";
pub const CYCLE: &[u8] = b"cycle/";
pub const ENTRY: &[u8] = b"entry/";
pub const CARRY: &[u8] = b"carry/";
pub const REMEMBERED: &[u8] = b"remembered/";
pub const OPERATION: &[u8] = b"operation/";
pub const LINK: &[u8] = b"link/";
pub const KEPT: &[u8] = b"kept/";
/// How long cycles keep their detail.
pub const KEEP: &[u8] = b"meta/keep";

fn named(area: &[u8], workflow: &WorkflowId) -> Vec<u8> {
    let name = workflow.as_str().as_bytes();
    let mut key = area.to_vec();
    // Names come from workflow files; the compiler keeps them far below this length.
    key.extend((name.len() as u16).to_be_bytes());
    key.extend(name);
    key
}

pub fn workflow(workflow: &WorkflowId) -> Vec<u8> {
    named(WORKFLOW, workflow)
}

pub fn kept(workflow: &WorkflowId) -> Vec<u8> {
    named(KEPT, workflow)
}

/// The prefix of all cycles of a workflow.
pub fn cycles(workflow: &WorkflowId) -> Vec<u8> {
    named(CYCLE, workflow)
}

pub fn cycle(workflow: &WorkflowId, cycle: CycleNo) -> Vec<u8> {
    numbered(CYCLE, workflow, cycle)
}

pub fn carry(workflow: &WorkflowId, cycle: CycleNo) -> Vec<u8> {
    numbered(CARRY, workflow, cycle)
}

/// How many pieces there are; a piece has its number behind it.
pub fn remembered(workflow: &WorkflowId, cycle: CycleNo) -> Vec<u8> {
    numbered(REMEMBERED, workflow, cycle)
}

pub fn piece(workflow: &WorkflowId, cycle: CycleNo, index: u32) -> Vec<u8> {
    let mut key = remembered(workflow, cycle);
    key.extend(index.to_be_bytes());
    key
}

/// The prefix of all operations on a workflow.
pub fn operations(workflow: &WorkflowId) -> Vec<u8> {
    named(OPERATION, workflow)
}

pub fn operation(workflow: &WorkflowId, index: u32) -> Vec<u8> {
    let mut key = operations(workflow);
    key.extend(index.to_be_bytes());
    key
}

/// The prefix of the chain of decisions about a workflow.
pub fn links(workflow: &WorkflowId) -> Vec<u8> {
    named(LINK, workflow)
}

pub fn link(workflow: &WorkflowId, number: u32) -> Vec<u8> {
    let mut key = links(workflow);
    key.extend(number.to_be_bytes());
    key
}

/// The prefix of all entries of all cycles of a workflow.
pub fn all_entries(workflow: &WorkflowId) -> Vec<u8> {
    named(ENTRY, workflow)
}

/// The prefix of all entries of a cycle.
pub fn entries(workflow: &WorkflowId, cycle: CycleNo) -> Vec<u8> {
    numbered(ENTRY, workflow, cycle)
}

pub fn entry(workflow: &WorkflowId, cycle: CycleNo, index: u32) -> Vec<u8> {
    let mut key = entries(workflow, cycle);
    key.extend(index.to_be_bytes());
    key
}

fn numbered(area: &[u8], workflow: &WorkflowId, cycle: CycleNo) -> Vec<u8> {
    let mut key = named(area, workflow);
    key.extend(cycle.0.to_be_bytes());
    key
}

/// The workflow and cycle of a key in `area`, and the index where there is one.
pub fn parse(area: &[u8], key: &[u8]) -> Option<(WorkflowId, CycleNo, Option<u32>)> {
    let rest = key.strip_prefix(area)?;
    let (length, rest) = rest.split_first_chunk::<2>()?;
    let (name, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
    let (cycle, rest) = rest.split_first_chunk::<4>()?;
    let index = if rest.is_empty() { None } else { Some(u32::from_be_bytes(rest.try_into().ok()?)) };
    Some((WorkflowId::new(std::str::from_utf8(name).ok()?), CycleNo(u32::from_be_bytes(*cycle)), index))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_go_both_ways_and_sort_by_time() {
        let name = WorkflowId::new("b2b/growth");
        let key = entry(&name, CycleNo(3), 256);
        assert_eq!(parse(ENTRY, &key), Some((name.clone(), CycleNo(3), Some(256))));
        assert_eq!(parse(CYCLE, &cycle(&name, CycleNo(3))), Some((name.clone(), CycleNo(3), None)));
        assert!(entry(&name, CycleNo(3), 255) < key);
        assert!(key < entry(&name, CycleNo(256), 0));
    }

    #[test]
    fn one_workflow_is_never_the_prefix_of_another() {
        assert!(!cycle(&WorkflowId::new("growth2"), CycleNo(1)).starts_with(&cycles(&WorkflowId::new("growth"))));
    }
}
