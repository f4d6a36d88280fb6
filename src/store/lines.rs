//! The stored form of entries: a line of JSON each. What a cycle hands on stands in a place of its own, and the entries that speak of it
//! refer to it.

use super::chain::{self, End};
use super::checkpoint::{Batch, CheckpointStore};
use super::log::{LogJournal, WorkflowRecord};
use super::{error, keys, remembered};
use crate::base::{CycleNo, Timestamp, WorkflowId};
use crate::engine::{Carry, Entry, Pins};
use crate::runtime::{JournalError, LogPlace, LogRecord};
use serde::{Deserialize, Serialize};

/// What a line usually needs at most, in bytes.
const USUAL_LINE: usize = 512;

/// An entry whose carry stands elsewhere.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum ByReference {
    /// It was opened with what that cycle handed on.
    Opened { pins: Pins, carry: CycleNo },
    /// It handed on what is stored under its own number.
    Closed { at: Timestamp },
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Referring {
    by_reference: ByReference,
}

/// How a stored reference starts; no plain entry does.
pub(super) const REFERRING: &[u8] = b"{\"by-reference\"";

impl<S: CheckpointStore> LogJournal<S> {
    pub(super) fn encode(
        &self,
        workflow: &WorkflowId,
        cycle: CycleNo,
        entry: &Entry,
        changes: &mut Batch,
    ) -> Result<Vec<u8>, JournalError> {
        let reference = match entry {
            Entry::Closed { at, carry } => {
                if remembered::is_large(carry) {
                    changes.put(keys::carry(workflow, cycle), checked::<_, Carry>(&remembered::rest(carry))?);
                    remembered::put_count(workflow, cycle, carry, changes);
                } else {
                    changes.put(keys::carry(workflow, cycle), checked::<_, Carry>(&**carry)?);
                }
                changes.put(keys::workflow(workflow), json(&WorkflowRecord { last_closed: cycle }));
                ByReference::Closed { at: *at }
            }
            Entry::Opened { pins, carry } => match self.value::<WorkflowRecord>(&keys::workflow(workflow))? {
                Some(WorkflowRecord { last_closed }) if self.carry_of(workflow, last_closed)? == **carry => {
                    ByReference::Opened { pins: pins.clone(), carry: last_closed }
                }
                _ => return checked::<_, Entry>(entry),
            },
            entry => return checked::<_, Entry>(entry),
        };
        checked::<_, Referring>(&Referring { by_reference: reference })
    }

    /// Where the chain of decisions goes on. A store of an earlier version has none: what was decided in it so far is taken in
    /// first, in order.
    pub(super) fn end_of_chain(&self, workflow: &WorkflowId, changes: &mut Batch) -> Result<End, JournalError> {
        if let Some(end) = self.chains.get(workflow) {
            return Ok(*end);
        }
        let links = self.store().list(&keys::links(workflow))?;
        let last = links.last().map(|(key, value)| parse::<LogRecord>(key, value)).transpose()?;
        let mut end = End::of(workflow, last.as_ref());
        if last.is_none() {
            for (place, line) in self.decisions(workflow)? {
                let record = end.link(place, &line);
                changes.put(chain::key(workflow, &record), json(&record));
            }
        }
        Ok(end)
    }

    /// All decisions about a workflow that are on the disk, in their stored form: cycle by cycle, then what was done beside them.
    pub(super) fn decisions(&self, workflow: &WorkflowId) -> Result<Vec<(LogPlace, Vec<u8>)>, JournalError> {
        let mut found = Vec::new();
        self.store().scan(&keys::all_entries(workflow), &mut |key, value| {
            let Some((_, cycle, Some(first))) = keys::parse(keys::ENTRY, key) else { return Ok(()) };
            for (line, index) in value.split(|byte| *byte == b'\n').zip(first..) {
                // What a record cannot stand for is told by how it starts, and is not read.
                let may_be = [&b"{\"opened\""[..], REFERRING, b"{\"replied\"", b"{\"done\"", b"{\"cancelled\""]
                    .iter()
                    .any(|start| line.starts_with(start));
                let is_opening = index == 0;
                if may_be && (is_opening || (!line.starts_with(REFERRING) && chain::is_decision(&parse(key, line)?))) {
                    found.push((LogPlace::Entry { cycle, index }, line.to_vec()));
                }
            }
            Ok(())
        })?;
        for (key, value) in self.store().list(&keys::operations(workflow))? {
            if let Some(index) = key.last_chunk::<4>() {
                found.push((LogPlace::Operation { index: u32::from_be_bytes(*index) }, value));
            }
        }
        Ok(found)
    }

    pub(super) fn decode(&self, workflow: &WorkflowId, cycle: CycleNo, key: &[u8], value: &[u8]) -> Result<Entry, JournalError> {
        if !value.starts_with(REFERRING) {
            return parse(key, value);
        }
        Ok(match parse::<Referring>(key, value)?.by_reference {
            ByReference::Opened { pins, carry } => Entry::Opened { pins, carry: Box::new(self.carry_of(workflow, carry)?) },
            ByReference::Closed { at } => Entry::Closed { at, carry: Box::new(self.carry_of(workflow, cycle)?) },
        })
    }

    pub(super) fn carry_of(&self, workflow: &WorkflowId, cycle: CycleNo) -> Result<Carry, JournalError> {
        let gone = || error::damaged(format!("what cycle {cycle} of `{workflow}` handed on is missing"), None);
        let carry = self.value(&keys::carry(workflow, cycle))?.ok_or_else(gone)?;
        self.with_pieces(workflow, cycle, carry)
    }
}

pub(super) fn json<T: Serialize>(value: &T) -> Vec<u8> {
    serde_json::to_vec(value).expect("our own types always serialise")
}

/// The lines of a stored value.
pub(super) fn lines_of(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b'\n')
}

/// Lines as values of a size that stays inside the store, each with the number of its first line.
pub(super) fn joined(first: u32, lines: Vec<Vec<u8>>, most: usize) -> Vec<(u32, Vec<u8>)> {
    let mut values: Vec<(u32, Vec<u8>)> = Vec::new();
    for (line, index) in lines.into_iter().zip(first..) {
        match values.last_mut() {
            Some((_, value)) if value.len() + line.len() < most => {
                value.push(b'\n');
                value.extend(line);
            }
            _ => values.push((index, line)),
        }
    }
    values
}

/// JSON that is known to come back. Numbers that JSON does not have become `null` without a word and could never be read
/// again, so a value with a `null` in it is read back before it is taken.
pub(super) fn checked<T: Serialize, R: for<'a> Deserialize<'a>>(value: &T) -> Result<Vec<u8>, JournalError> {
    // Most entries fit: growing from nothing would copy them several times.
    let mut bytes = Vec::with_capacity(USUAL_LINE);
    serde_json::to_writer(&mut bytes, value)
        .map_err(|cause| error::unreadable("an entry has no stored form", Some(cause.into())))?;
    if memchr::memmem::find(&bytes, b"null").is_some() {
        serde_json::from_slice::<R>(&bytes).map(drop).map_err(|cause| {
            let message = format!("an entry would not be readable again: {cause}");
            error::unreadable(message, Some(cause.into()))
        })?;
    }
    Ok(bytes)
}

pub(super) fn parse<T: for<'a> Deserialize<'a>>(key: &[u8], value: &[u8]) -> Result<T, JournalError> {
    serde_json::from_slice(value).map_err(|cause| {
        let area = String::from_utf8_lossy(key.split(|byte| *byte == b'/').next().unwrap_or_default()).into_owned();
        error::damaged(format!("a stored {area} cannot be read: {cause}"), Some(cause.into()))
    })
}
