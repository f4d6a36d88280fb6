//! The chain of decisions: an append-only log in which every record carries the digest of the one before.
//!
//! A record does not repeat a decision; it says where it stands in the journal and what its stored bytes hash to. So nothing of a
//! decision can be changed, taken out or put in later without the chain telling, unless all records behind it are made again; and
//! whoever noted the last record's digest elsewhere can tell even that. A record goes to the disk in the same commit as what it is
//! about.

use super::keys;
use crate::base::{CycleNo, Digest, WorkflowId};
use crate::engine::Entry;
use crate::runtime::{BrokenRecord, Log, LogPlace, LogRecord};
use crate::step::Reply;
use std::collections::BTreeMap;

/// How a record that stands for a decision of this workflow begins: the digest before the first one.
pub fn beginning(workflow: &WorkflowId) -> Digest {
    Digest::of(workflow.as_str())
}

/// The end of a workflow's chain: what the next record goes on from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    pub next: u32,
    pub before: Digest,
}

impl End {
    /// Of a chain with these records.
    pub fn of(workflow: &WorkflowId, last: Option<&LogRecord>) -> End {
        match last {
            Some(last) => End { next: last.number + 1, before: last.digest() },
            None => End { next: 1, before: beginning(workflow) },
        }
    }

    /// Makes the next record, and is the end behind it.
    pub fn link(&mut self, place: LogPlace, stored: &[u8]) -> LogRecord {
        let record = LogRecord { number: self.next, before: self.before, place, what: Digest::of(stored) };
        *self = End { next: record.number + 1, before: record.digest() };
        record
    }
}

/// Whether an entry is something that a person, learning or an edited file decided, or something that left the house for good.
pub fn is_decision(entry: &Entry) -> bool {
    match entry {
        // Which workflow, caps and Client OS were in force from here on.
        Entry::Opened { .. } | Entry::Cancelled { .. } => true,
        Entry::Replied { reply: Reply::Decided(_) | Reply::Published(_) | Reply::Placed(_), .. } => true,
        Entry::Done { parameters, .. } => !parameters.is_empty(),
        _ => false,
    }
}

/// Compares a chain with what it speaks of. `stored` are the digests of all decisions that are there, by place.
pub fn verify(workflow: &WorkflowId, records: Vec<LogRecord>, stored: &BTreeMap<LogPlace, Digest>, kept: &[CycleNo]) -> Log {
    let mut end = End::of(workflow, None);
    let mut log = Log::default();
    let mut known = std::collections::BTreeSet::new();
    for record in &records {
        let is = |why: &str| Some(BrokenRecord { number: record.number, why: why.to_owned() });
        if record.number != end.next {
            log.broken = is(&format!("it stands where record {} belongs", end.next));
        } else if record.before != end.before {
            log.broken = is("it does not go on from the record before it, so that one was changed or replaced");
        } else {
            log.broken = match (stored.get(&record.place), record.place) {
                (Some(found), _) if *found == record.what => None,
                (Some(_), _) => is("what it stands for was changed afterwards"),
                // A cycle that is kept no longer leaves its records behind.
                (None, LogPlace::Entry { cycle, .. }) if !kept.contains(&cycle) => {
                    log.gone += 1;
                    None
                }
                (None, _) => is("what it stands for is not in the journal any more"),
            };
        }
        if log.broken.is_some() {
            break;
        }
        known.insert(record.place);
        end = End::of(workflow, Some(record));
    }
    // A store of an earlier version has none until something is decided in it.
    if log.broken.is_none()
        && !records.is_empty()
        && let Some(place) = stored.keys().find(|place| !known.contains(place))
    {
        let why = format!("{place} is a decision that no record stands for");
        log.broken = Some(BrokenRecord { number: end.next, why });
    }
    log.head = records.last().map(LogRecord::digest);
    log.records = records;
    log
}

/// Where a record is stored.
pub fn key(workflow: &WorkflowId, record: &LogRecord) -> Vec<u8> {
    keys::link(workflow, record.number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(index: u32) -> LogPlace {
        LogPlace::Entry { cycle: CycleNo(1), index }
    }

    /// Three decisions, and the chain over them.
    fn chain() -> (WorkflowId, Vec<LogRecord>, BTreeMap<LogPlace, Digest>) {
        let workflow = WorkflowId::new("w");
        let mut end = End::of(&workflow, None);
        let records: Vec<LogRecord> = (0..3).map(|n| end.link(place(n), format!("decision {n}").as_bytes())).collect();
        let stored = records.iter().map(|record| (record.place, record.what)).collect();
        (workflow, records, stored)
    }

    fn broken(records: Vec<LogRecord>, stored: &BTreeMap<LogPlace, Digest>) -> Option<u32> {
        verify(&WorkflowId::new("w"), records, stored, &[CycleNo(1)]).broken.map(|broken| broken.number)
    }

    #[test]
    fn an_untouched_chain_holds_and_its_head_is_its_last_record() {
        let (workflow, records, stored) = chain();
        let log = verify(&workflow, records.clone(), &stored, &[CycleNo(1)]);
        assert_eq!((log.broken, log.head, log.gone), (None, Some(records[2].digest()), 0));
        let gone = verify(&workflow, records, &BTreeMap::new(), &[CycleNo(2)]);
        assert_eq!((gone.broken, gone.gone), (None, 3), "a cycle that is kept no longer breaks nothing");
    }

    #[test]
    fn whatever_is_changed_taken_out_or_put_in_is_named_by_its_record() {
        let (_, records, stored) = chain();
        let mut changed = stored.clone();
        changed.insert(place(1), Digest::of("another decision"));
        assert_eq!(broken(records.clone(), &changed), Some(2));
        let mut taken = stored.clone();
        taken.remove(&place(2));
        assert_eq!(broken(records.clone(), &taken), Some(3));
        let mut added = stored.clone();
        added.insert(place(9), Digest::of("a decision behind its back"));
        assert_eq!(broken(records.clone(), &added), Some(4));
        // A record made to fit the changed decision does not fit the one behind it.
        let mut forged = records.clone();
        forged[1].what = Digest::of("another decision");
        assert_eq!(broken(forged, &changed), Some(3));
        let shorter: Vec<LogRecord> = records.iter().filter(|record| record.number != 2).cloned().collect();
        assert_eq!(broken(shorter, &stored), Some(3));
    }
}
