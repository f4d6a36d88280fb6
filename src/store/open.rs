//! Opening a store: lock, check, and refuse rather than go on with less than was acknowledged.

use super::checkpoint::Compaction;
use super::engine::EngineKind;
use super::log::{LogJournal, Loss, explain_loss};
use super::memory::MemoryStore;
use super::rules::RuledStore;
use super::watched::{PATIENCE, Watched};
use super::{acknowledged, error};
use crate::runtime::JournalError;
use std::path::Path;
use std::sync::OnceLock;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

/// A store on a disk: an engine under our rules, on a thread of its own.
pub type DiskStore = Watched<RuledStore>;

static PREFERRED: OnceLock<EngineKind> = OnceLock::new();

/// Says once, from the command line, which engine keeps the folders that this process opens. A folder that another engine keeps is
/// then refused.
pub fn prefer(engine: EngineKind) {
    // Said twice, the first one counts; there is one command line.
    let _ = PREFERRED.set(engine);
}

impl DiskStore {
    /// Which engine keeps it.
    ///
    /// # Errors
    /// When the store has stopped.
    pub fn engine(&self) -> Result<EngineKind, JournalError> {
        self.look(RuledStore::kind)
    }

    /// Gives back room, and moves everything to another engine where that is not the one that keeps it now.
    ///
    /// # Errors
    /// As writing; the store is then what it was.
    pub fn compact_into(&mut self, engine: EngineKind) -> Result<Compaction, JournalError> {
        self.work_long(move |store| store.compact_into(engine))
    }
}

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
    /// The engine of a folder that is made now, and the only one that is taken. `None`: the folder's own, and for a new one what
    /// `LOOPCTL_STORE` says or the default.
    pub engine: Option<EngineKind>,
    /// How long one write may take before the store is given up.
    pub patience: Duration,
}

impl Default for OpenOptions {
    fn default() -> OpenOptions {
        OpenOptions {
            wait: Duration::from_secs(2),
            accept_loss: false,
            check_up_to: 64 << 20,
            engine: PREFERRED.get().copied(),
            patience: PATIENCE,
        }
    }
}

/// Opens the journal in a folder, or makes one.
///
/// Errors: `store::locked` (names the owner), `store::read-only`, `store::full`, `store::damaged`, `store::shortened`
/// (names the cycles concerned), `store::io`.
pub fn open(folder: &Path, options: &OpenOptions) -> Result<LogJournal<DiskStore>, JournalError> {
    let store = opened(folder, options, |store, note| explain_loss(store, note))?;
    let mut journal = LogJournal::new(Watched::new(store, options.patience));
    if options.accept_loss {
        journal.mend()?;
    }
    Ok(journal)
}

/// Says what a store has lost, by its note.
type Explain = fn(&RuledStore, &[u8]) -> String;

/// Opens on another thread, so that a disk that does not answer does not hold whoever opens for good. When that thread comes back
/// after all, it closes what it has opened.
fn opened(folder: &Path, options: &OpenOptions, explain: Explain) -> Result<RuledStore, JournalError> {
    let (tell, told) = channel();
    let (at, with) = (folder.to_owned(), *options);
    let open = move || {
        let _ = tell.send(RuledStore::open(&at, &with, &explain));
    };
    let started = std::thread::Builder::new().name("opening".to_owned()).spawn(open);
    started.map_err(|cause| error::io(folder, "start a thread", cause))?;
    let most = options.wait + options.patience;
    told.recv_timeout(most).unwrap_or_else(|why| match why {
        RecvTimeoutError::Timeout => Err(error::never_opened(folder, most.as_secs())),
        RecvTimeoutError::Disconnected => Err(error::stopped()),
    })
}

/// A number that moves on whenever something is acknowledged in a folder, by whatever process; `None` when nothing has been.
/// It takes no lock, so that one who waits for others' decisions is in nobody's way.
pub fn pulse(folder: &Path) -> Option<(u64, u64)> {
    match acknowledged::read(&folder.join("HEAD")) {
        Ok(acknowledged::Found::Mark(mark)) => Some((mark.generation, mark.sequence)),
        Ok(acknowledged::Found::Absent | acknowledged::Found::Damaged) | Err(_) => None,
    }
}

/// Which engine keeps a folder, or will when it is made now. It takes no lock.
pub fn engine_of(folder: &Path) -> EngineKind {
    match acknowledged::read(&folder.join("HEAD")) {
        Ok(acknowledged::Found::Mark(mark)) => mark.engine,
        Ok(acknowledged::Found::Absent | acknowledged::Found::Damaged) | Err(_) => {
            PREFERRED.get().copied().or_else(|| super::rules::engine_for_new().ok()).unwrap_or(EngineKind::NEW)
        }
    }
}

/// Opens a damaged or shortened journal, cuts each cycle at its first gap, and says what each one lost.
///
/// Fails with `store::damaged` when the engine itself cannot read the folder: then only an export helps.
pub fn recover(folder: &Path, wait: Duration) -> Result<(LogJournal<DiskStore>, Vec<Loss>), JournalError> {
    let options = OpenOptions { wait, accept_loss: true, ..OpenOptions::default() };
    let store = opened(folder, &options, |_, _| String::new())?;
    let mut journal = LogJournal::new(Watched::new(store, options.patience));
    let losses = journal.mend()?;
    Ok((journal, losses))
}

/// A journal in memory, for rehearsals and tests.
pub fn memory() -> LogJournal<MemoryStore> {
    LogJournal::new(MemoryStore::new())
}
