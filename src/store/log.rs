//! The upper floor: journal entries as numbered values of a [`CheckpointStore`].
//!
//! Entries that need not be durable wait in memory and ride the next durable commit, in order; so what is on the disk is
//! always a beginning of what was appended. Entries of one cycle that are committed together are stored as one value, a
//! line of JSON each, under the number of the first: that makes a step that rides along cost a line. What a cycle hands on is stored once, under the cycle that made it; `Opened`
//! and `Closed` only refer to it.

use super::chain::{self, End};
use super::checkpoint::{Batch, CheckpointStore};
use super::lines::{checked, joined, json, parse};
use super::{error, keys, remembered};
use crate::base::{CycleNo, Digest, Timestamp, WorkflowId};
use crate::engine::{Carry, Entry};
use crate::model::Operation;
use crate::runtime::{CycleStatus, Journal, JournalError, Log, LogPlace, LogRecord, TakeEntry};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::ControlFlow;

/// So many waiting entries are committed even when nobody asks for it, and so many bytes of them.
const WAITING_MOST: usize = 1_024;
const WAITING_BYTES: usize = 256 << 10;
/// How many cycles the note beside the store names.
const NOTED_CYCLES: usize = 16;

/// A journal on any store.
pub struct LogJournal<S: CheckpointStore> {
    store: S,
    /// Cycles that this process has written to lately, as they will be after the next commit.
    records: BTreeMap<(WorkflowId, CycleNo), CycleRecord>,
    /// Changes that wait, but for the entries.
    waiting: Batch,
    /// Entries that wait, in their stored form, by cycle.
    lines: BTreeMap<(WorkflowId, CycleNo), Lines>,
    /// How many entries wait, and how many bytes they are.
    count: usize,
    bytes: usize,
    /// The cycles written last, newest last, for the note. All of them stand in `records`.
    recent: VecDeque<(WorkflowId, CycleNo)>,
    /// The ends of the chains of decisions, as they will be after the next commit.
    pub(super) chains: BTreeMap<WorkflowId, End>,
    /// A commit failed, so what is remembered here is ahead of the store.
    failed: bool,
}

/// Entries of one cycle that wait.
#[derive(Clone, Debug, Default)]
struct Lines {
    /// The number of the first one.
    first: u32,
    lines: Vec<Vec<u8>>,
}

/// What is stored about a cycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct CycleRecord {
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub closed: bool,
    pub entries: u32,
    /// When it closed; older stores do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// Its detail was given up.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub thin: bool,
}

impl CycleRecord {
    fn open(entries: u32) -> CycleRecord {
        CycleRecord { closed: false, entries, at: None, thin: false }
    }
}

/// What is stored about a workflow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct WorkflowRecord {
    pub last_closed: CycleNo,
}

/// A part of a cycle that a damaged store has lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss {
    pub workflow: WorkflowId,
    pub cycle: CycleNo,
    pub kept: u32,
    pub lost: u32,
}

impl<S: CheckpointStore> LogJournal<S> {
    pub fn new(store: S) -> LogJournal<S> {
        LogJournal {
            store,
            records: BTreeMap::new(),
            waiting: Batch::default(),
            lines: BTreeMap::new(),
            count: 0,
            bytes: 0,
            recent: VecDeque::new(),
            chains: BTreeMap::new(),
            failed: false,
        }
    }

    pub fn store(&self) -> &S {
        &self.store
    }

    /// The store itself, with nothing waiting: for compacting and importing.
    pub fn store_mut(&mut self) -> Result<&mut S, JournalError> {
        self.commit()?;
        // Whoever has the store may change what is remembered here.
        self.records.clear();
        self.recent.clear();
        self.chains.clear();
        Ok(&mut self.store)
    }

    /// Commits what waits and gives the store free. Dropping does the same but cannot say when it fails.
    pub fn close(mut self) -> Result<(), JournalError> {
        self.commit()
    }

    /// Throws away what waits, as a crash would.
    pub fn abandon(mut self) {
        self.waiting = Batch::default();
        self.lines.clear();
    }

    /// Brings what waits to the disk.
    fn commit(&mut self) -> Result<(), JournalError> {
        let written = match self.waiting_batch()? {
            Some(batch) => self.store.commit(batch, true).map(|_| ()),
            // What was sent to the disk before has to be there all the same.
            None => self.store.wait(),
        };
        written.inspect_err(|_| self.failed = true)
    }

    /// Puts in a value that nobody reads before a later entry says that it is there.
    pub(super) fn put_ahead(&mut self, key: Vec<u8>, value: Vec<u8>) -> Result<(), JournalError> {
        self.bytes += value.len();
        self.waiting.put(key, value);
        if self.bytes >= WAITING_BYTES { self.commit_later() } else { Ok(()) }
    }

    /// The same, while the caller goes on: nobody asked for it, so nobody waits.
    fn commit_later(&mut self) -> Result<(), JournalError> {
        let Some(batch) = self.waiting_batch()? else { return Ok(()) };
        self.store.commit_later(batch).inspect_err(|_| self.failed = true)
    }

    fn waiting_batch(&mut self) -> Result<Option<Batch>, JournalError> {
        if self.failed {
            return Err(error::stopped());
        }
        if self.waiting.is_empty() && self.lines.is_empty() {
            return Ok(None);
        }
        let mut batch = std::mem::take(&mut self.waiting);
        (self.count, self.bytes) = (0, 0);
        let most = self.store.value_most();
        for (id, Lines { first, lines }) in std::mem::take(&mut self.lines) {
            let record = self.records.get(&id).expect("a written cycle has its record");
            let (workflow, cycle) = id;
            batch.put(keys::cycle(&workflow, cycle), json(record));
            for (index, value) in joined(first, lines, most) {
                batch.put(keys::entry(&workflow, cycle, index), value);
            }
        }
        batch.note = Some(self.note());
        Ok(Some(batch))
    }

    /// `[["b2b-growth",3,42],…]`: how many entries the cycles written last have.
    fn note(&self) -> Vec<u8> {
        let mut note = vec![b'['];
        for (workflow, cycle) in self.recent.iter().rev() {
            let entries = self.records.get(&(workflow.clone(), *cycle)).map_or(0, |record| record.entries);
            let one = json(&(workflow.as_str(), cycle.0, entries));
            if note.len() + one.len() + 2 > Batch::NOTE_MOST {
                break;
            }
            if note.len() > 1 {
                note.push(b',');
            }
            note.extend(one);
        }
        note.push(b']');
        note
    }

    pub(super) fn value<T: for<'a> Deserialize<'a>>(&self, key: &[u8]) -> Result<Option<T>, JournalError> {
        let value = match self.waiting.changes.get(key) {
            Some(change) => change.clone(),
            None => self.store.get(key)?,
        };
        value.map(|value| parse(key, &value)).transpose()
    }

    /// Entries of a cycle that wait for the next commit, with the number of the first.
    pub(super) fn waiting_lines(&self, workflow: &WorkflowId, cycle: CycleNo) -> Option<(u32, &[Vec<u8>])> {
        self.lines.get(&(workflow.clone(), cycle)).map(|waiting| (waiting.first, waiting.lines.as_slice()))
    }

    pub(super) fn record(&self, workflow: &WorkflowId, cycle: CycleNo) -> Result<Option<CycleRecord>, JournalError> {
        match self.records.get(&(workflow.clone(), cycle)) {
            Some(record) => Ok(Some(*record)),
            None => self.value(&keys::cycle(workflow, cycle)),
        }
    }

    /// The stored form of an entry. A carry goes to its own place and is replaced by a reference.
    /// Cuts every cycle at its first gap and forgets references to what is gone. Says what each cycle lost.
    pub fn mend(&mut self) -> Result<Vec<Loss>, JournalError> {
        // By cycle: the number of each value's first entry, and how many there are in it.
        let mut found: BTreeMap<(WorkflowId, CycleNo), Vec<(u32, u32)>> = BTreeMap::new();
        let mut records: BTreeMap<(WorkflowId, CycleNo), CycleRecord> = BTreeMap::new();
        for (key, value) in self.store.list(keys::CYCLE)? {
            if let (Some((workflow, cycle, None)), Ok(record)) = (keys::parse(keys::CYCLE, &key), parse(&key, &value)) {
                records.insert((workflow, cycle), record);
            }
        }
        self.store.scan(keys::ENTRY, &mut |key, value| {
            if let Some((workflow, cycle, Some(index))) = keys::parse(keys::ENTRY, key)
                && value.split(|byte| *byte == b'\n').all(|line| self.decode(&workflow, cycle, key, line).is_ok())
            {
                let lines = value.split(|byte| *byte == b'\n').count() as u32;
                found.entry((workflow, cycle)).or_default().push((index, lines));
            }
            Ok(())
        })?;
        let mut batch = Batch::default();
        let mut losses = Vec::new();
        let mut last_closed: BTreeMap<WorkflowId, CycleNo> = BTreeMap::new();
        let cycles: BTreeSet<_> = records.keys().chain(found.keys()).cloned().collect();
        for (workflow, cycle) in cycles {
            let id = (workflow.clone(), cycle);
            let indexes = found.remove(&id).unwrap_or_default();
            let mut kept = 0;
            for (first, lines) in &indexes {
                if *first == kept {
                    kept += lines;
                }
            }
            let record = records.get(&id).copied();
            let there = indexes.last().map_or(0, |(first, lines)| first + lines);
            let written = record.map_or(0, |record| record.entries).max(there);
            let mut closed = record.is_some_and(|record| record.closed) && kept == written;
            if kept < written {
                indexes
                    .iter()
                    .filter(|(first, _)| *first >= kept)
                    .for_each(|(first, _)| batch.remove(keys::entry(&workflow, cycle, *first)));
                losses.push(Loss { workflow: workflow.clone(), cycle, kept, lost: written - kept });
            } else if let (None, Some((first, _))) = (record, indexes.last()) {
                let key = keys::entry(&workflow, cycle, *first);
                let value = self.store.get(&key)?.unwrap_or_default();
                let last = value.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
                closed = matches!(self.decode(&workflow, cycle, &key, last), Ok(Entry::Closed { .. }));
            }
            if kept == 0 {
                batch.remove(keys::cycle(&workflow, cycle));
            } else {
                batch.put(
                    keys::cycle(&workflow, cycle),
                    json(&CycleRecord { closed, entries: kept, ..record.unwrap_or(CycleRecord::open(kept)) }),
                );
            }
            if closed {
                last_closed.insert(workflow, cycle);
            }
        }
        for (key, _) in self.store.list(keys::WORKFLOW)? {
            batch.remove(key);
        }
        for (workflow, last_closed) in last_closed {
            batch.put(keys::workflow(&workflow), json(&WorkflowRecord { last_closed }));
        }
        // What a chain stood for is gone: it begins anew, with what is left.
        for loss in &losses {
            for (key, _) in self.store.list(&keys::links(&loss.workflow))? {
                batch.remove(key);
            }
        }
        self.records.clear();
        self.recent.clear();
        self.chains.clear();
        if !batch.is_empty() {
            self.store.commit(batch, true)?;
        }
        Ok(losses)
    }
}

impl<S: CheckpointStore> Journal for LogJournal<S> {
    fn append(&mut self, workflow: &WorkflowId, cycle: CycleNo, entries: &[Entry], durable: bool) -> Result<(), JournalError> {
        if self.failed {
            return Err(error::stopped());
        }
        let mut closes = None;
        if !entries.is_empty() {
            let mut record = self.record(workflow, cycle)?.unwrap_or(CycleRecord::open(0));
            if let Some(Entry::Closed { carry, .. }) = entries.last()
                && !record.closed
                && remembered::is_large(carry)
            {
                self.write_pieces(workflow, cycle, carry)?;
            }
            let mut changes = Batch::default();
            let (first, mut lines) = (record.entries, Vec::with_capacity(entries.len()));
            let mut chained = None;
            for entry in entries {
                if record.closed {
                    return Err(error::closed(workflow.as_str(), cycle.0));
                }
                let line = self.encode(workflow, cycle, entry, &mut changes)?;
                if chain::is_decision(entry) {
                    let mut end = match chained {
                        Some(end) => end,
                        None => self.end_of_chain(workflow, &mut changes)?,
                    };
                    let record_of_it = end.link(LogPlace::Entry { cycle, index: record.entries }, &line);
                    changes.put(chain::key(workflow, &record_of_it), json(&record_of_it));
                    chained = Some(end);
                }
                lines.push(line);
                record.entries += 1;
                if let Entry::Closed { at, .. } = entry {
                    (record.closed, record.at, closes) = (true, Some(*at), Some(*at));
                }
            }
            // Nothing can fail from here on, so an append is taken whole or not at all.
            self.waiting.changes.append(&mut changes.changes);
            if let Some(end) = chained {
                self.chains.insert(workflow.clone(), end);
            }
            self.count += entries.len();
            self.bytes += lines.iter().map(Vec::len).sum::<usize>();
            let id = (workflow.clone(), cycle);
            self.recent.retain(|recent| recent != &id);
            self.recent.push_back(id.clone());
            if self.recent.len() > NOTED_CYCLES
                && let Some(long_ago) = self.recent.pop_front()
                && !self.lines.contains_key(&long_ago)
            {
                // The store knows it as well.
                self.records.remove(&long_ago);
            }
            let waiting = self.lines.entry(id.clone()).or_insert_with(|| Lines { first, lines: Vec::new() });
            waiting.lines.append(&mut lines);
            self.records.insert(id, record);
        }
        if durable {
            self.commit()?;
            // Tidying up is nothing that the one who closes a cycle waits for an answer about; where the store has failed, the
            // next call says so.
            if let Some(at) = closes {
                let _ = self.prune(workflow, at);
            }
            Ok(())
        } else if self.count >= WAITING_MOST || self.bytes >= WAITING_BYTES {
            self.commit_later()
        } else {
            Ok(())
        }
    }

    fn read(&self, workflow: &WorkflowId, cycle: CycleNo) -> Result<Vec<Entry>, JournalError> {
        let mut entries = Vec::new();
        self.hand_entries(workflow, cycle, &mut |entry| {
            entries.push(entry);
            ControlFlow::Continue(None)
        })?;
        Ok(entries)
    }

    fn read_each(&self, workflow: &WorkflowId, cycle: CycleNo, take: &mut TakeEntry<'_>) -> Result<(), JournalError> {
        self.hand_entries(workflow, cycle, take)
    }

    fn opening(&self, workflow: &WorkflowId, cycle: CycleNo) -> Result<Option<Entry>, JournalError> {
        let waiting = self.lines.get(&(workflow.clone(), cycle)).filter(|lines| lines.first == 0);
        if let Some(line) = waiting.and_then(|lines| lines.lines.first()) {
            return self.decode(workflow, cycle, &keys::entries(workflow, cycle), line).map(Some);
        }
        let key = keys::entry(workflow, cycle, 0);
        let value = self.store.get(&key)?;
        value
            .map(|value| self.decode(workflow, cycle, &key, value.split(|byte| *byte == b'\n').next().unwrap_or_default()))
            .transpose()
    }

    fn has_detail(&self, workflow: &WorkflowId, cycle: CycleNo) -> Result<bool, JournalError> {
        Ok(self.record(workflow, cycle)?.is_none_or(|record| !record.thin))
    }

    fn cycles(&self, workflow: &WorkflowId) -> Result<Vec<(CycleNo, CycleStatus)>, JournalError> {
        let status = |record: CycleRecord| if record.closed { CycleStatus::Closed } else { CycleStatus::Open };
        let mut cycles = BTreeMap::new();
        for (key, value) in self.store.list(&keys::cycles(workflow))? {
            if let Some((_, cycle, None)) = keys::parse(keys::CYCLE, &key) {
                cycles.insert(cycle, status(parse(&key, &value)?));
            }
        }
        for ((_, cycle), record) in self.records.iter().filter(|((name, _), _)| name == workflow) {
            cycles.insert(*cycle, status(*record));
        }
        Ok(cycles.into_iter().collect())
    }

    fn workflows(&self) -> Result<Vec<WorkflowId>, JournalError> {
        let stored = self.store.list(keys::CYCLE)?;
        let stored = stored.iter().filter_map(|(key, _)| keys::parse(keys::CYCLE, key).map(|(workflow, ..)| workflow));
        let mut workflows: Vec<_> = stored.chain(self.records.keys().map(|(workflow, _)| workflow.clone())).collect();
        workflows.sort();
        workflows.dedup();
        Ok(workflows)
    }

    fn carry(&self, workflow: &WorkflowId) -> Result<Carry, JournalError> {
        match self.value::<WorkflowRecord>(&keys::workflow(workflow))? {
            Some(WorkflowRecord { last_closed }) => self.carry_of(workflow, last_closed),
            None => Ok(Carry::default()),
        }
    }

    fn operate(&mut self, workflow: &WorkflowId, operation: &Operation) -> Result<(), JournalError> {
        if self.failed {
            return Err(error::stopped());
        }
        // Numbers go on after the last one, so that one that was lost to damage is never given again to another.
        let last = self.store.list(&keys::operations(workflow))?.last().map(|(key, _)| key.clone());
        let next = last.and_then(|key| Some(u32::from_be_bytes(*key.last_chunk::<4>()?) + 1)).unwrap_or(0);
        let stored = checked::<_, Operation>(operation)?;
        let mut changes = Batch::default();
        let mut end = self.end_of_chain(workflow, &mut changes)?;
        let record = end.link(LogPlace::Operation { index: next }, &stored);
        changes.put(chain::key(workflow, &record), json(&record));
        changes.put(keys::operation(workflow, next), stored);
        self.waiting.changes.append(&mut changes.changes);
        self.chains.insert(workflow.clone(), end);
        self.commit()
    }

    fn operations(&self, workflow: &WorkflowId) -> Result<Vec<Operation>, JournalError> {
        let stored = self.store.list(&keys::operations(workflow))?;
        stored.iter().map(|(key, value)| parse(key, value)).collect()
    }

    fn log(&self, workflow: &WorkflowId) -> Result<Log, JournalError> {
        let links = self.store.list(&keys::links(workflow))?;
        let records = links.iter().map(|(key, value)| parse(key, value)).collect::<Result<Vec<LogRecord>, _>>()?;
        let stored = self.decisions(workflow)?.into_iter().map(|(place, line)| (place, Digest::of(&line))).collect();
        let kept: Vec<CycleNo> = self.cycles(workflow)?.into_iter().map(|(cycle, _)| cycle).collect();
        Ok(chain::verify(workflow, records, &stored, &kept))
    }
}

impl<S: CheckpointStore> Drop for LogJournal<S> {
    fn drop(&mut self) {
        // Only entries that nobody asked to be durable can wait here: losing them loses nothing acknowledged.
        let _ = self.commit();
    }
}

/// What is missing, in words, from the note beside the store and the cycles that are there.
pub(super) fn explain_loss(store: &dyn CheckpointStore, note: &[u8]) -> String {
    let Ok(cycles) = serde_json::from_slice::<Vec<(String, u32, u32)>>(note) else {
        return "the note beside the store does not say which cycles".to_owned();
    };
    let mut lost = Vec::new();
    for (workflow, cycle, entries) in cycles {
        let key = keys::cycle(&WorkflowId::new(&workflow), CycleNo(cycle));
        let record = store.get(&key).ok().flatten().and_then(|value| parse::<CycleRecord>(&key, &value).ok());
        let found = record.map_or(0, |record| record.entries);
        if found < entries {
            lost.push(format!("cycle {cycle} of `{workflow}` has {found} of {entries} entries"));
        }
    }
    if lost.is_empty() { "no entry of the last cycles is missing".to_owned() } else { lost.join(", ") }
}
