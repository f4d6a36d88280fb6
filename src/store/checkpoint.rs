//! The lower floor: a store of bytes by key that takes whole batches.
//!
//! Small on purpose, so that another engine can stand in: keys are plain bytes in one tree, in byte order, and a batch is
//! all or nothing. Batches are numbered from 1 without gaps; the head is the number of the last one.

use crate::runtime::JournalError;
use std::collections::BTreeMap;

/// Changes that are applied together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// By key: the new value, or `None` to remove it. The last word on a key wins.
    pub changes: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    /// Kept beside the store from the next durable commit on, to say what was lost if the store ever comes back shorter.
    /// At most [`Batch::NOTE_MOST`] bytes; `None` keeps the last one.
    pub note: Option<Vec<u8>>,
}

impl Batch {
    /// How long a note may be, in bytes.
    pub const NOTE_MOST: usize = 3_500;

    pub fn put(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.changes.insert(key, Some(value));
    }

    pub fn remove(&mut self, key: Vec<u8>) {
        self.changes.insert(key, None);
    }

    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }
}

/// Where a store stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// The number of the last batch; 0 before the first.
    pub sequence: u64,
    /// A checksum over all batches so far: two stores with the same history have the same chain.
    pub chain: u32,
    /// How many keys are live.
    pub keys: u64,
    /// The sum of the live values' checksums: a value that went missing is noticed, whichever it is.
    pub sum: u64,
    /// Live bytes in keys and values, values kept as files not counted.
    pub bytes: u64,
}

impl Head {
    /// Counts a value of `bytes` (with its key) in.
    pub(super) fn add(&mut self, bytes: usize, crc: u32) {
        self.keys += 1;
        self.bytes += bytes as u64;
        self.sum = self.sum.wrapping_add(u64::from(crc));
    }

    /// Counts it out again.
    pub(super) fn take(&mut self, bytes: usize, crc: u32) {
        self.keys = self.keys.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(bytes as u64);
        self.sum = self.sum.wrapping_sub(u64::from(crc));
    }
}

/// What a full check found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    pub keys: u64,
    pub bytes: u64,
    /// Values that live in files of their own.
    pub files: u64,
    /// Sentences, one per finding; empty when all is well.
    pub findings: Vec<String>,
}

/// What compacting did, in bytes on the disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Compaction {
    pub before: u64,
    pub after: u64,
}

/// What is called for each key of a scan.
pub type Visit<'a> = dyn FnMut(&[u8], Vec<u8>) -> Result<(), JournalError> + 'a;

/// A key and its value.
pub type Pair = (Vec<u8>, Vec<u8>);

/// A store of bytes. One owner.
pub trait CheckpointStore: Send {
    /// Applies a batch, all or nothing. With `durable` it returns only when this batch and all before it are on the disk.
    /// After an error nothing more is taken: open the store again.
    fn commit(&mut self, batch: Batch, durable: bool) -> Result<Head, JournalError>;

    /// The same, durable, without waiting where the store can work beside its caller: a later call tells when it failed.
    fn commit_later(&mut self, batch: Batch) -> Result<(), JournalError> {
        self.commit(batch, true).map(|_| ())
    }

    /// Returns when all that was committed is on the disk, and tells when it is not.
    fn wait(&self) -> Result<(), JournalError> {
        Ok(())
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, JournalError>;

    /// Visits all keys with a prefix in byte order.
    fn scan(&self, prefix: &[u8], visit: &mut Visit<'_>) -> Result<(), JournalError>;

    fn head(&self) -> Head;

    /// Reads everything and compares it with the head.
    fn verify(&self) -> Result<Health, JournalError>;

    /// Gives back room that removed and overwritten values still take.
    fn compact(&mut self) -> Result<Compaction, JournalError>;

    /// Bytes that its files take on the disk, where it has any.
    fn bytes_on_disk(&self) -> Option<u64> {
        None
    }

    /// How long the values are that journal entries are joined into, at most, in bytes.
    fn value_most(&self) -> usize {
        2 << 10
    }

    /// All keys with a prefix and their values, in byte order.
    fn list(&self, prefix: &[u8]) -> Result<Vec<Pair>, JournalError> {
        let mut found = Vec::new();
        self.scan(prefix, &mut |key, value| {
            found.push((key.to_vec(), value));
            Ok(())
        })?;
        Ok(found)
    }
}
