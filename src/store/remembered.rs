//! What a large cycle remembers, in pieces.
//!
//! A cycle hands on what each of its tasks gave, so that the next one does not run what has not changed. Of a hundred thousand tasks that
//! is a long text, so it is written piece by piece before the cycle is closed and never stands in memory as a whole. Until the cycle is
//! closed nobody reads the pieces: after a crash in between, they are written again.

use super::checkpoint::{Batch, CheckpointStore};
use super::lines::{checked, json};
use super::log::LogJournal;
use super::{error, keys};
use crate::base::{CycleNo, Digest, SortedMap, StepId, WorkflowId};
use crate::engine::{Carry, Memory, Parts};
use crate::runtime::JournalError;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What remembers more tasks is stored in pieces, each with so many of them.
const MANY: usize = 256;
const IN_A_PIECE: usize = 64;

#[derive(Debug, Serialize, Deserialize)]
struct Piece<M: Ord, T, S: Ord, P> {
    #[serde(default = "BTreeMap::new", skip_serializing_if = "BTreeMap::is_empty")]
    memory: BTreeMap<M, T>,
    #[serde(default = "BTreeMap::new", skip_serializing_if = "BTreeMap::is_empty")]
    parts: BTreeMap<S, P>,
}

type Written<'c> = Piece<&'c Digest, &'c Memory, &'c StepId, &'c Parts>;
type Read = Piece<Digest, Memory, StepId, Parts>;

/// Whether it is stored in pieces.
pub(super) fn is_large(carry: &Carry) -> bool {
    carry.memory.len() > MANY
}

/// All but what stands in the pieces.
pub(super) fn rest(carry: &Carry) -> Carry {
    Carry {
        states: carry.states.clone(),
        parameters: carry.parameters.clone(),
        deferred: carry.deferred.clone(),
        edits: carry.edits.clone(),
        waited: carry.waited.clone(),
        void: BTreeMap::new(),
        ancestors: carry.ancestors.clone(),
        memory: SortedMap::new(),
        parts: SortedMap::new(),
        ledger: carry.ledger.clone(),
        written: carry.written.clone(),
        out: carry.out.clone(),
        again: carry.again.clone(),
    }
}

/// In how many pieces it is.
pub(super) fn count(carry: &Carry) -> u32 {
    (carry.memory.len().div_ceil(IN_A_PIECE) + carry.parts.len().div_ceil(IN_A_PIECE)) as u32
}

impl<S: CheckpointStore> LogJournal<S> {
    /// Writes the pieces of a large carry, and lets the disk work on them meanwhile.
    pub(super) fn write_pieces(&mut self, workflow: &WorkflowId, cycle: CycleNo, carry: &Carry) -> Result<(), JournalError> {
        let mut index = 0;
        let mut memory = carry.memory.iter();
        let mut parts = carry.parts.iter();
        loop {
            let of_memory: BTreeMap<_, _> = memory.by_ref().take(IN_A_PIECE).collect();
            let piece = if of_memory.is_empty() {
                Written { memory: of_memory, parts: parts.by_ref().take(IN_A_PIECE).collect() }
            } else {
                Written { memory: of_memory, parts: BTreeMap::new() }
            };
            if piece.memory.is_empty() && piece.parts.is_empty() {
                return Ok(());
            }
            let value = checked::<_, Read>(&piece)?;
            self.put_ahead(keys::piece(workflow, cycle, index), value)?;
            index += 1;
        }
    }

    /// Puts the pieces back where they belong, when there are any.
    pub(super) fn with_pieces(&self, workflow: &WorkflowId, cycle: CycleNo, mut carry: Carry) -> Result<Carry, JournalError> {
        let pieces: u32 = self.value(&keys::remembered(workflow, cycle))?.unwrap_or(0);
        let mut memory: Vec<(Digest, Memory)> = Vec::new();
        let mut parts: Vec<(StepId, Parts)> = Vec::new();
        for index in 0..pieces {
            let gone = || error::damaged(format!("a part of what cycle {cycle} of `{workflow}` handed on is missing"), None);
            let piece: Read = self.value(&keys::piece(workflow, cycle, index))?.ok_or_else(gone)?;
            memory.extend(piece.memory);
            parts.extend(piece.parts);
        }
        if pieces > 0 {
            carry.memory = SortedMap::from_pairs(memory);
            carry.parts = SortedMap::from_pairs(parts);
        }
        Ok(carry)
    }

    /// Takes the pieces away with `batch`.
    pub(super) fn forget_pieces(&self, workflow: &WorkflowId, cycle: CycleNo, batch: &mut Batch) -> Result<(), JournalError> {
        let pieces: Option<u32> = self.value(&keys::remembered(workflow, cycle))?;
        if let Some(pieces) = pieces {
            batch.remove(keys::remembered(workflow, cycle));
            (0..pieces).for_each(|index| batch.remove(keys::piece(workflow, cycle, index)));
        }
        Ok(())
    }
}

/// How many pieces belong to what is stored under the carry itself.
pub(super) fn put_count(workflow: &WorkflowId, cycle: CycleNo, carry: &Carry, batch: &mut Batch) {
    batch.put(keys::remembered(workflow, cycle), json(&count(carry)));
}

#[cfg(test)]
mod tests {
    use super::super::MemoryStore;
    use super::super::log::WorkflowRecord;
    use super::*;
    use crate::base::{TaskId, Timestamp};
    use crate::engine::{Entry, Pins, Said};
    use crate::model::Few;
    use crate::runtime::Journal;

    fn carry(tasks: usize) -> Carry {
        let digest = |n: usize| Digest::of(n.to_be_bytes());
        let step = |n: usize| StepId::new(format!("step-{}", n % 300));
        let memory = |n: usize| Memory {
            items: Few::new(),
            said: Said::new(n.is_multiple_of(7).then(|| format!("headline {n}")), Vec::new()),
            task: Some(TaskId { step: step(n), item: None }),
            inputs: Some(digest(n + 1)),
        };
        let parts: Parts = serde_json::from_value(serde_json::json!({"config": digest(7)})).expect("digests by name");
        Carry {
            states: BTreeMap::from([(step(0), serde_json::json!({"seen": 3}))]),
            memory: (0..tasks).map(|n| (digest(n), memory(n))).collect(),
            parts: (0..tasks).map(|n| (step(n), parts.clone())).collect(),
            ..Carry::default()
        }
    }

    fn opened(cycle: u32, carry: Carry) -> Entry {
        let digest = Digest::of("x");
        let pins = Pins {
            workflow: WorkflowId::new("w"),
            cycle: CycleNo(cycle),
            now: Timestamp(0),
            seed: 1,
            workflow_digest: digest,
            client_os_digest: digest,
            sources: BTreeMap::new(),
            beside: Vec::new(),
            operations: Vec::new(),
        };
        Entry::Opened { pins, carry: Box::new(carry) }
    }

    #[test]
    fn a_large_carry_comes_back_from_its_pieces_also_for_another_process() {
        let (store, workflow) = (MemoryStore::new(), WorkflowId::new("w"));
        for tasks in [MANY, MANY + 1, 5_000] {
            let mut journal = LogJournal::new(store.clone());
            let cycle = journal.cycles(&workflow).expect("readable").len() as u32 + 1;
            let before = journal.carry(&workflow).expect("readable");
            let carry = carry(tasks);
            let entries = [opened(cycle, before), Entry::Closed { at: Timestamp(1), carry: Box::new(carry.clone()) }];
            journal.append(&workflow, CycleNo(cycle), &entries, true).expect("written");
            drop(journal);
            let journal = LogJournal::new(store.clone());
            assert_eq!(journal.carry(&workflow).expect("readable"), carry);
            assert_eq!(journal.read(&workflow, CycleNo(cycle)).expect("readable"), entries);
            let pieces = journal.store().list(&keys::remembered(&workflow, CycleNo(cycle))).expect("readable").len();
            assert_eq!(pieces, if tasks > MANY { 1 + count(&carry) as usize } else { 0 });
        }
    }

    #[test]
    fn a_carry_that_an_earlier_version_stored_as_one_value_is_read() {
        let (mut store, workflow) = (MemoryStore::new(), WorkflowId::new("w"));
        let carry = carry(1_000);
        let mut batch = Batch::default();
        batch.put(keys::carry(&workflow, CycleNo(3)), json(&carry));
        batch.put(keys::workflow(&workflow), json(&WorkflowRecord { last_closed: CycleNo(3) }));
        store.commit(batch, true).expect("written");
        assert_eq!(LogJournal::new(store).carry(&workflow).expect("readable"), carry);
    }
}
