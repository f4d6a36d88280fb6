//! Opening a store: lock, check, and refuse rather than go on with less than was acknowledged.

use super::acknowledged;
use super::log::{LogJournal, Loss, explain_loss};
use super::memory::MemoryStore;
use super::sled_store::SledStore;
use crate::runtime::JournalError;
use std::path::Path;
use std::time::Duration;

/// How to open.
#[derive(Clone, Copy, Debug)]
pub struct OpenOptions {
    /// How long to try while another process owns the folder.
    pub wait: Duration,
    /// Go on with what is readable, even when less is there than was acknowledged. Damaged values are removed and each
    /// cycle is cut at its first gap.
    pub accept_loss: bool,
    /// Read everything and compare it with the head when at most this many bytes are live. Beyond it, each cycle is
    /// checked when it is read.
    pub check_up_to: u64,
}

impl Default for OpenOptions {
    fn default() -> OpenOptions {
        OpenOptions { wait: Duration::from_secs(2), accept_loss: false, check_up_to: 64 << 20 }
    }
}

/// Opens the journal in a folder, or makes one.
///
/// Errors: `store::locked` (names the owner), `store::read-only`, `store::full`, `store::damaged`, `store::shortened`
/// (names the cycles concerned), `store::io`.
pub fn open(folder: &Path, options: &OpenOptions) -> Result<LogJournal<SledStore>, JournalError> {
    let mut journal = LogJournal::new(SledStore::open(folder, options, &|store, note| explain_loss(store, note))?);
    if options.accept_loss {
        journal.mend()?;
    }
    Ok(journal)
}

/// A number that moves on whenever something is acknowledged in a folder, by whatever process; `None` when nothing has been.
/// It takes no lock, so that one who waits for others' decisions is in nobody's way.
pub fn pulse(folder: &Path) -> Option<(u64, u64)> {
    match acknowledged::read(&folder.join("HEAD")) {
        Ok(acknowledged::Found::Mark(mark)) => Some((mark.generation, mark.sequence)),
        Ok(acknowledged::Found::Absent | acknowledged::Found::Damaged) | Err(_) => None,
    }
}

/// Opens a damaged or shortened journal, cuts each cycle at its first gap, and says what each one lost.
///
/// Fails with `store::damaged` when sled itself cannot read the folder: then only an export helps.
pub fn recover(folder: &Path, wait: Duration) -> Result<(LogJournal<SledStore>, Vec<Loss>), JournalError> {
    let options = OpenOptions { wait, accept_loss: true, ..OpenOptions::default() };
    let mut journal = LogJournal::new(SledStore::open(folder, &options, &|_, _| String::new())?);
    let losses = journal.mend()?;
    Ok((journal, losses))
}

/// A journal in memory, for rehearsals and tests.
pub fn memory() -> LogJournal<MemoryStore> {
    LogJournal::new(MemoryStore::new())
}
