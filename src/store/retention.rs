//! Retention: what an old cycle keeps when its detail is given up, so that a store does not grow for ever.
//!
//! Every entry keeps its place and number. What people and learning decided, what went out with its receipt, and how the cycle opened
//! and closed stay to the byte, for the log of decisions is made over those bytes. So do the items that a decided, published or failed
//! piece comes from, back to its signals. What goes is what was fetched and generated on the way, and items that led nowhere.

use super::checkpoint::{Batch, CheckpointStore};
use super::lines::{joined, json};
use super::log::LogJournal;
use super::{chain, keys};
use crate::base::{CycleNo, ItemId, SortedMap, Timestamp, WorkflowId};
use crate::engine::{Addressed, Carry, Entry};
use crate::model::Item;
use crate::runtime::{Journal, JournalError};
use crate::step::{Audience, Fetched, People, Reply};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// How long cycles keep their detail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keep {
    /// The last so many closed cycles of a workflow keep it.
    pub cycles: u32,
    /// And none that closed longer ago than this, in days; `None` for however long ago.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub days: Option<u32>,
}

impl Default for Keep {
    /// More than a year of daily cycles, almost eight of weekly ones.
    fn default() -> Keep {
        Keep { cycles: 400, days: None }
    }
}

/// What giving detail up brought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Pruned {
    /// Cycles that have only what lasts from now on.
    pub cycles: u32,
    /// By how many bytes their entries became shorter, before compressing.
    pub bytes: u64,
}

/// Cycles that are open may have begun with what one so far back handed on: at most so many are open at once, and a few more.
const HANDED_ON: u32 = 32;
/// A store smaller than this is not compacted by itself.
const COMPACT_LEAST: u64 = 64 << 20;
/// After so many cycles it is looked whether compacting is worth it.
const COMPACT_EVERY: u32 = 16;

impl<S: CheckpointStore> LogJournal<S> {
    /// How long cycles keep their detail in this store.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn keep(&self) -> Result<Keep, JournalError> {
        Ok(self.value(keys::KEEP)?.unwrap_or_default())
    }

    /// Says how long cycles keep their detail from now on. Nothing is given up before the next cycle closes.
    ///
    /// # Errors
    /// As writing.
    pub fn set_keep(&mut self, keep: Keep) -> Result<(), JournalError> {
        let mut batch = Batch::default();
        batch.put(keys::KEEP.to_vec(), json(&keep));
        self.store_mut()?.commit(batch, true).map(|_| ())
    }

    /// Gives up the detail of cycles that are past what is kept. The last closed cycle and what is behind an open one are never
    /// touched.
    ///
    /// # Errors
    /// As reading and writing; each cycle is given up as a whole or not at all.
    pub fn prune(&mut self, workflow: &WorkflowId, now: Timestamp) -> Result<Pruned, JournalError> {
        let keep = self.keep()?;
        let Some(last) = self.value::<super::log::WorkflowRecord>(&keys::workflow(workflow))?.map(|record| record.last_closed)
        else {
            return Ok(Pruned::default());
        };
        let mut next = self.value::<CycleNo>(&keys::kept(workflow))?.unwrap_or(CycleNo(1));
        let mut pruned = Pruned::default();
        while next < last {
            let record = self.record(workflow, next)?;
            if record.is_some_and(|record| !record.closed) {
                break;
            }
            let day = 24 * 60 * 60 * 1_000;
            let too_old = |at: Timestamp| keep.days.is_some_and(|days| now.0.saturating_sub(at.0) > i64::from(days) * day);
            let too_many = u64::from(next.0) + u64::from(keep.cycles) <= u64::from(last.0);
            if !too_many && !record.and_then(|record| record.at).is_some_and(too_old) {
                break;
            }
            // A cycle that is not there, or is thin already, is passed over.
            if record.is_some_and(|record| !record.thin) {
                pruned.bytes += self.thin(workflow, next)?;
                pruned.cycles += 1;
            }
            next = CycleNo(next.0 + 1);
        }
        let wasteful = |store: &S| store.bytes_on_disk().is_some_and(|bytes| bytes > COMPACT_LEAST.max(3 * store.head().bytes));
        if pruned.cycles > 0 && last.0.is_multiple_of(COMPACT_EVERY) && wasteful(self.store()) {
            self.store_mut()?.compact()?;
        }
        Ok(pruned)
    }

    /// Gives up the detail of one closed cycle, and says by how many bytes it became shorter.
    fn thin(&mut self, workflow: &WorkflowId, cycle: CycleNo) -> Result<u64, JournalError> {
        let entries = self.read(workflow, cycle)?;
        let lasting = lasting(&entries);
        let mut batch = Batch::default();
        let (mut lines, mut before) = (Vec::with_capacity(entries.len()), 0);
        self.store().scan(&keys::entries(workflow, cycle), &mut |key, value| {
            before += value.len();
            batch.remove(key.to_vec());
            lines.extend(value.split(|byte| *byte == b'\n').map(<[u8]>::to_vec));
            Ok(())
        })?;
        for (line, entry) in lines.iter_mut().zip(&entries) {
            if let Some(thin) = thinned(entry, &lasting) {
                *line = json(&thin);
            }
        }
        let mut after = 0;
        for (index, value) in joined(0, lines, self.store().value_most()) {
            after += value.len();
            batch.put(keys::entry(workflow, cycle, index), value);
        }
        if let Some(record) = self.record(workflow, cycle)? {
            batch.put(keys::cycle(workflow, cycle), json(&super::log::CycleRecord { thin: true, ..record }));
        }
        batch.put(keys::kept(workflow), json(&CycleNo(cycle.0 + 1)));
        // What a cycle remembered for the next one is of no use any more when nothing that is open can have begun with it.
        let handed_on = CycleNo(cycle.0.saturating_sub(HANDED_ON));
        let key = keys::carry(workflow, handed_on);
        if let Some(carry) = self.value::<Carry>(&key)? {
            let thin = Carry { memory: SortedMap::new(), parts: SortedMap::new(), ..carry };
            batch.put(key, json(&thin));
            self.forget_pieces(workflow, handed_on, &mut batch)?;
        }
        self.store_mut()?.commit(batch, true)?;
        Ok((before as u64).saturating_sub(after as u64))
    }
}

/// The entry without its detail; `None` when it stays as it is.
pub(super) fn thinned(entry: &Entry, lasting: &BTreeSet<ItemId>) -> Option<Entry> {
    if chain::is_decision(entry) {
        return None;
    }
    match entry {
        Entry::Replied { key, reply: Reply::Fetched(Fetched::Content { .. } | Fetched::Entries(_)) } => {
            Some(Entry::Replied { key: key.clone(), reply: Reply::Fetched(Fetched::NotModified) })
        }
        // Whom it counted is in what later cycles were handed on, for as long as a window needs it.
        Entry::Addressed { key, to } if !to.audience.people.is_empty() => {
            let audience = Audience { people: People::default(), ..to.audience.clone() };
            Some(Entry::Addressed {
                key: key.clone(),
                to: Box::new(Addressed { audience, left_out: Vec::new(), counts: Vec::new() }),
            })
        }
        Entry::Replied { key, reply: Reply::Generated(generated) } if !generated.text.is_empty() => {
            let generated = crate::step::Generated { text: String::new(), ..generated.clone() };
            Some(Entry::Replied { key: key.clone(), reply: Reply::Generated(generated) })
        }
        Entry::Done { task, items, state, headline, notes, parameters, back, memo, recalled }
            if state.is_some() || items.iter().any(|item| !lasting.contains(&item.id)) =>
        {
            Some(Entry::Done {
                task: task.clone(),
                items: items.iter().filter(|item| lasting.contains(&item.id)).cloned().collect(),
                state: None,
                headline: headline.clone(),
                notes: notes.clone(),
                parameters: parameters.clone(),
                back: back.clone(),
                memo: *memo,
                recalled: *recalled,
            })
        }
        _ => None,
    }
}

/// The items that last: those that somebody decided about, that went out or failed, what those became, and all that they come from.
pub(super) fn lasting(entries: &[Entry]) -> BTreeSet<ItemId> {
    let mut made: BTreeMap<ItemId, &Item> = BTreeMap::new();
    let mut left: Vec<ItemId> = Vec::new();
    let mut decided = BTreeSet::new();
    for entry in entries {
        match entry {
            Entry::Replied { key, .. } if chain::is_decision(entry) => {
                left.extend(key.task.item);
                decided.insert(&key.task);
            }
            Entry::Failed { task, .. } | Entry::Deferred { task, .. } => left.extend(task.item),
            Entry::Done { items, .. } => made.extend(items.iter().map(|item| (item.id, &**item))),
            _ => {}
        }
    }
    for entry in entries {
        match entry {
            Entry::Done { task, items, .. } if decided.contains(task) || chain::is_decision(entry) => {
                left.extend(items.iter().map(|item| item.id));
            }
            _ => {}
        }
    }
    let mut lasting = BTreeSet::new();
    while let Some(id) = left.pop() {
        if lasting.insert(id)
            && let Some(item) = made.get(&id)
        {
            left.extend(&item.parents);
        }
    }
    lasting
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{CycleNo, Digest, RequestKey, StepId, TaskId, Timestamp};
    use crate::model::Untrusted;
    use crate::model::goods::{Signal, SignalKind};
    use crate::step::{Body, Published};

    fn item(topic: &str, parents: Vec<ItemId>) -> Item {
        let now = Timestamp(1_700_000_000_000);
        let signal = Signal::new(SignalKind::Note, topic, Untrusted::new(topic), "press", now, Digest::of(topic));
        Item::new(signal.into(), parents, StepId::new("press"))
    }

    fn done(step: &str, about: Option<ItemId>, items: Vec<Item>) -> Entry {
        Entry::Done {
            task: TaskId { step: StepId::new(step), item: about },
            items: items.into_iter().map(Into::into).collect(),
            state: Some(serde_json::json!({"seen": "a long list"})),
            headline: None,
            notes: Vec::new(),
            parameters: Vec::new(),
            back: None,
            memo: Digest::of(step),
            recalled: false,
        }
    }

    #[test]
    fn what_a_published_piece_comes_from_lasts_and_what_led_nowhere_goes() {
        let (source, other) = (item("source", Vec::new()), item("other", Vec::new()));
        let piece = item("piece", vec![source.id]);
        let key = |step: &str| RequestKey {
            cycle: CycleNo(1),
            task: TaskId { step: StepId::new(step), item: Some(piece.id) },
            turn: 0,
            index: 0,
        };
        let receipt = Published { location: "https://example.com".into(), version: None, at: Timestamp(1), reach: None };
        let entries = [
            Entry::Replied {
                key: key("press"),
                reply: Reply::Fetched(Fetched::Entries(vec![("a".into(), Body::new(vec![1; 9]))])),
            },
            done("press", None, vec![source.clone(), other.clone()]),
            done("drafts", Some(source.id), vec![piece.clone()]),
            Entry::Replied { key: key("out"), reply: Reply::Published(receipt) },
            Entry::Completed { step: StepId::new("press") },
        ];
        let lasting = lasting(&entries);
        assert_eq!(lasting, BTreeSet::from([source.id, piece.id]));
        let thin: Vec<Option<Entry>> = entries.iter().map(|entry| thinned(entry, &lasting)).collect();
        assert!(matches!(&thin[0], Some(Entry::Replied { reply: Reply::Fetched(Fetched::NotModified), .. })));
        let Some(Entry::Done { items, state: None, .. }) = &thin[1] else { panic!("{:?}", thin[1]) };
        assert_eq!(**items, [source.clone().into()]);
        let Some(Entry::Done { items, .. }) = &thin[2] else { panic!("{:?}", thin[2]) };
        assert_eq!(**items, [piece.clone().into()]);
        assert_eq!((&thin[3], &thin[4]), (&None, &None), "a receipt and what is small stay to the byte");
        // What is thin stays as it is.
        let again: Vec<_> = thin.iter().flatten().map(|entry| thinned(entry, &lasting)).collect();
        assert!(again.iter().skip(1).all(Option::is_none), "{again:?}");
    }
}
