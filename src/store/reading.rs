//! Reading a cycle's entries back, one by one and in order.
//!
//! Of a large cycle, this thread gets the values out of the store and another one makes entries of them; whoever reads takes the
//! entries here while the other thread goes on. So what is done with an entry costs no time of its own where there are two cores, and
//! the entries of a large cycle never stand in memory all at once.

use super::checkpoint::CheckpointStore;
use super::lines::{REFERRING, lines_of, parse};
use super::log::{CycleRecord, LogJournal};
use super::{error, keys};
use crate::base::{CycleNo, WorkflowId};
use crate::engine::Entry;
use crate::runtime::{JournalError, TakeEntry};
use std::ops::ControlFlow;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};

/// A cycle with more entries is read by two threads, and so many of its values wait between them.
const READ_AT_ONCE: u32 = 2_000;
const VALUES_AHEAD: usize = 64;
/// Entries may be nested as deep as JSON is read.
const DECODING_STACK: usize = 8 << 20;

/// A stored value under its key.
type Stored = (Vec<u8>, Vec<u8>);

/// What the other thread made of the lines of a value. A line that refers to something else in the store is left as it is: only this
/// thread reads the store.
type Decoded = Vec<Result<Entry, Stored>>;

/// Where the other thread's work comes back, and where entries go that were only looked at: memory that another thread has made is
/// given free by that one, because two threads at one heap wait for each other.
struct Other {
    decoded: Receiver<Result<Decoded, JournalError>>,
    spent: Sender<Vec<Entry>>,
}

/// What hands entries over, and knows how many it has handed over.
struct Handing<'r, 't, S: CheckpointStore> {
    journal: &'r LogJournal<S>,
    workflow: &'r WorkflowId,
    cycle: CycleNo,
    record: CycleRecord,
    take: &'r mut TakeEntry<'t>,
    taken: usize,
    /// Whoever reads has seen enough.
    enough: bool,
}

impl<S: CheckpointStore> Handing<'_, '_, S> {
    /// Fewer entries than there are said to be.
    fn gap(&self, found: usize) -> JournalError {
        let message = format!("cycle {} of `{}` has {found} of its {} entries", self.cycle, self.workflow, self.record.entries);
        error::damaged(message, None)
    }

    /// Hands an entry over. It comes back where it was only looked at.
    fn hand(&mut self, entry: Entry) -> Option<Entry> {
        if self.enough {
            return Some(entry);
        }
        self.taken += 1;
        match (self.take)(entry) {
            ControlFlow::Continue(spent) => spent,
            ControlFlow::Break(()) => {
                self.enough = true;
                None
            }
        }
    }

    fn hand_line(&mut self, key: &[u8], line: &[u8]) -> Result<(), JournalError> {
        if !self.enough {
            self.hand(self.journal.decode(self.workflow, self.cycle, key, line)?);
        }
        Ok(())
    }

    /// Hands over what the other thread has made so far, or with `all` until there is no more.
    fn hand_decoded(&mut self, other: &Other, all: bool) -> Result<(), JournalError> {
        while let Some(decoded) = if all { other.decoded.recv().ok() } else { other.decoded.try_recv().ok() } {
            let decoded = decoded?;
            let mut spent = Vec::with_capacity(decoded.len());
            for one in decoded {
                match one {
                    Ok(entry) => spent.extend(self.hand(entry)),
                    Err((key, line)) => self.hand_line(&key, &line)?,
                }
            }
            // Nobody takes them when the other thread has ended; then they end here.
            let _ = other.spent.send(spent);
        }
        Ok(())
    }

    /// What the store has, by this thread alone.
    fn alone(&mut self) -> Result<(), JournalError> {
        let (journal, prefix) = (self.journal, keys::entries(self.workflow, self.cycle));
        journal.store().scan(&prefix, &mut |key, value| {
            if !self.enough && key != keys::entry(self.workflow, self.cycle, self.taken as u32) {
                return Err(self.gap(self.taken));
            }
            lines_of(&value).try_for_each(|line| self.hand_line(key, line))
        })
    }

    /// What the store has, by two threads.
    fn beside(&mut self) -> Result<(), JournalError> {
        std::thread::scope(|scope| {
            let (give, values) = sync_channel::<Stored>(VALUES_AHEAD);
            let ((back, decoded), (spent, freed)) = (channel(), channel());
            let other = Other { decoded, spent };
            let builder = std::thread::Builder::new().name("entries".to_owned()).stack_size(DECODING_STACK);
            let started = builder.spawn_scoped(scope, move || decode_all(values, &back, &freed));
            let thread = started.map_err(|cause| error::io(std::path::Path::new("the store"), "start a thread", cause))?;
            let scanned = self.scan_to(give, &other);
            // What came before a gap is read first: it may be enough, or tell more.
            let handed = self.hand_decoded(&other, true);
            // It ends when nobody gives or takes any more.
            drop(other);
            let joined = thread.join().map_err(|_| error::damaged("an entry cannot be read".to_owned(), None));
            match self.enough {
                true => Ok(()),
                false => handed.and(joined).and(scanned),
            }
        })
    }

    /// Gives what the store has to the other thread, and takes what that has made meanwhile.
    fn scan_to(&mut self, give: SyncSender<Stored>, other: &Other) -> Result<(), JournalError> {
        let (journal, prefix) = (self.journal, keys::entries(self.workflow, self.cycle));
        let mut next = 0;
        journal.store().scan(&prefix, &mut |key, value| {
            if self.enough {
                return Ok(());
            }
            if key != keys::entry(self.workflow, self.cycle, next as u32) {
                return Err(self.gap(next));
            }
            next += lines_of(&value).count();
            // When nobody takes it, the other one has found something wrong, and says so below.
            let _ = give.send((key.to_vec(), value));
            self.hand_decoded(other, false)
        })
    }
}

/// The other thread: makes entries of values until there are no more, nobody wants them, or one cannot be read. Meanwhile it gives
/// free what is spent.
fn decode_all(values: Receiver<Stored>, back: &Sender<Result<Decoded, JournalError>>, freed: &Receiver<Vec<Entry>>) {
    for (key, value) in values {
        freed.try_iter().for_each(drop);
        let decoded: Result<Decoded, JournalError> = lines_of(&value)
            .map(|line| match line.starts_with(REFERRING) {
                true => Ok(Err((key.clone(), line.to_vec()))),
                false => parse::<Entry>(&key, line).map(Ok),
            })
            .collect();
        let failed = decoded.is_err();
        if back.send(decoded).is_err() || failed {
            break;
        }
    }
}

impl<S: CheckpointStore> LogJournal<S> {
    /// Hands over all entries of a cycle, those that wait for the next commit as well.
    pub(super) fn hand_entries(
        &self,
        workflow: &WorkflowId,
        cycle: CycleNo,
        take: &mut TakeEntry<'_>,
    ) -> Result<(), JournalError> {
        let Some(record) = self.record(workflow, cycle)? else { return Ok(()) };
        let mut handing = Handing { journal: self, workflow, cycle, record, take, taken: 0, enough: false };
        if record.entries > READ_AT_ONCE {
            handing.beside()?
        } else {
            handing.alone()?
        }
        if let Some((first, lines)) = self.waiting_lines(workflow, cycle) {
            if !handing.enough && first as usize != handing.taken {
                return Err(handing.gap(handing.taken));
            }
            let prefix = keys::entries(workflow, cycle);
            lines.iter().try_for_each(|line| handing.hand_line(&prefix, line))?;
        }
        match handing.enough || handing.taken == record.entries as usize {
            true => Ok(()),
            false => Err(handing.gap(handing.taken)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::MemoryStore;
    use super::super::checkpoint::Batch;
    use super::*;
    use crate::base::{Digest, StepId, Timestamp};
    use crate::engine::{Carry, Pins};
    use crate::runtime::Journal;
    use std::collections::BTreeMap;

    const CYCLE: CycleNo = CycleNo(1);

    fn workflow() -> WorkflowId {
        WorkflowId::new("w")
    }

    /// A cycle of so many entries: its opening, steps that are over, and an end that refers to what it hands on.
    fn entries(count: u32) -> Vec<Entry> {
        let digest = Digest::of("x");
        let pins = Pins {
            workflow: workflow(),
            cycle: CYCLE,
            now: Timestamp(0),
            seed: 1,
            workflow_digest: digest,
            client_os_digest: digest,
            sources: BTreeMap::new(),
            beside: Vec::new(),
            operations: Vec::new(),
        };
        let opened = Entry::Opened { pins, carry: Box::default() };
        let steps = (2..count).map(|n| Entry::Completed { step: StepId::new(format!("step-{n}")) });
        let closed = Entry::Closed { at: Timestamp(1), carry: Box::<Carry>::default() };
        std::iter::once(opened).chain(steps).chain([closed]).collect()
    }

    /// A store with such a cycle on its disk, but for the last `waiting` entries, which the journal still holds.
    fn written(count: u32, waiting: usize) -> (MemoryStore, LogJournal<MemoryStore>, Vec<Entry>) {
        let (store, entries) = (MemoryStore::new(), entries(count));
        let mut journal = LogJournal::new(store.clone());
        let (durable, later) = entries.split_at(entries.len() - waiting);
        durable.chunks(300).for_each(|some| journal.append(&workflow(), CYCLE, some, true).expect("written"));
        journal.append(&workflow(), CYCLE, later, false).expect("taken");
        (store, journal, entries)
    }

    fn handed(journal: &LogJournal<MemoryStore>, most: usize) -> Result<Vec<Entry>, JournalError> {
        let mut found = Vec::new();
        journal.read_each(&workflow(), CYCLE, &mut |entry| {
            found.push(entry.clone());
            // Some are kept, some only looked at.
            let spent = found.len().is_multiple_of(2).then_some(entry);
            if found.len() == most { ControlFlow::Break(()) } else { ControlFlow::Continue(spent) }
        })?;
        Ok(found)
    }

    #[test]
    fn entries_come_one_by_one_in_order_and_no_more_than_are_wanted() {
        for count in [20, READ_AT_ONCE, READ_AT_ONCE + 1, 3 * READ_AT_ONCE] {
            for waiting in [0, 7] {
                let (_, journal, entries) = written(count, waiting);
                assert_eq!(handed(&journal, usize::MAX).expect("readable"), entries, "{count} {waiting}");
                for most in [1, 9, entries.len() - 3] {
                    assert_eq!(handed(&journal, most).expect("readable"), entries[..most], "{count} {waiting} {most}");
                }
            }
        }
    }

    #[test]
    fn what_is_missing_or_cannot_be_read_is_told_in_large_cycles_as_in_small_ones() {
        for count in [600, 3 * READ_AT_ONCE] {
            let (mut store, journal, entries) = written(count, 0);
            let second = keys::entry(&workflow(), CYCLE, 300);
            let value = store.get(&second).expect("readable").expect("a value for every 300 entries");
            let change = |store: &mut MemoryStore, value: Option<&[u8]>| {
                let mut batch = Batch::default();
                match value {
                    Some(value) => batch.put(second.clone(), value.to_vec()),
                    None => batch.remove(second.clone()),
                }
                store.commit(batch, true).expect("written");
            };
            change(&mut store, Some(b"{\"completed\":{\"st"));
            let unreadable = handed(&journal, usize::MAX).expect_err("half a line");
            assert!(unreadable.message.contains("cannot be read"), "{}", unreadable.message);
            change(&mut store, None);
            let gap = handed(&journal, usize::MAX).expect_err("a gap");
            assert!(gap.message.contains(&format!("has 300 of its {count} entries")), "{}", gap.message);
            assert_eq!(handed(&journal, 300).expect("nobody looked further"), entries[..300]);
            change(&mut store, Some(&value));
            assert_eq!(handed(&journal, usize::MAX).expect("readable again"), entries);
        }
    }
}
