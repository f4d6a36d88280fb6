//! One journal for everybody in this process: cycles that run, people who decide, commands over the socket, and pages.
//!
//! Every call is one turn under a lock, so appends never mix. Each cycle has a version that grows with every append to it:
//! whoever keeps a view of a cycle looks there whether it is still true, and is given what was appended since rather than all of it.

use crate::base::{CycleNo, WorkflowId};
use crate::engine::{Carry, Entry};
use crate::model::Operation;
use crate::runtime::{CycleStatus, Journal, JournalError, Log, TakeEntry};
use crate::store;
use std::collections::{HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// A journal that is shared. Clones are the same one.
#[derive(Clone)]
pub struct SharedJournal {
    inner: Arc<Inner>,
    /// Set for one that writes only as long as the journal has not been opened anew.
    since: Option<u64>,
}

struct Inner {
    state: PathBuf,
    /// How often a write has failed. Entries that waited were lost then, so whoever wrote them has to begin again from the disk.
    failures: AtomicU64,
    /// `None` after a write failed: what memory holds may then differ from the disk, so the next call opens it anew.
    journal: Mutex<Option<Box<dyn Journal>>>,
    versions: Mutex<HashMap<(WorkflowId, CycleNo), Appends>>,
    /// How often somebody had the journal to themselves or it was opened anew: then nobody knows what was appended.
    epoch: AtomicU64,
    /// A write did not come back. The folder stays with the thread that stands still, so no call of this process will help.
    stuck: watch::Sender<Option<Stuck>>,
}

/// What is said about a write that did not come back.
#[derive(Clone, Debug)]
struct Stuck {
    message: String,
    help: String,
}

/// What was appended to one cycle.
#[derive(Default)]
struct Appends {
    count: u64,
    /// The last ones, each with its number.
    last: VecDeque<(u64, Vec<Entry>)>,
    held: usize,
    /// Somebody has a view of the cycle, and may ask for what came since. Otherwise nothing is held.
    asked_for: bool,
}

/// So many entries of a cycle are kept for those who have the ones before: more than one step of a cycle appends.
const HELD_MOST: usize = 512;

impl Appends {
    /// The cycle rests: whoever looks at it next reads it from the disk.
    fn let_go(&mut self) {
        *self = Appends { count: self.count, ..Appends::default() };
    }

    fn add(&mut self, entries: &[Entry]) {
        self.count += 1;
        if !self.asked_for {
            return;
        }
        self.held += entries.len();
        self.last.push_back((self.count, entries.to_vec()));
        while self.held > HELD_MOST {
            let Some((_, gone)) = self.last.pop_front() else { break };
            self.held -= gone.len();
        }
    }
}

/// How far a cycle has come: equal means that nothing was appended in between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version {
    epoch: u64,
    appends: u64,
}

impl SharedJournal {
    /// Opens the state folder and owns it from here on.
    ///
    /// # Errors
    /// As [`store::open()`].
    pub fn open(state: &Path) -> Result<SharedJournal, JournalError> {
        let journal = store::open(state, &store::OpenOptions::default())?;
        Ok(SharedJournal::of(state, Box::new(journal)))
    }

    pub(super) fn of(state: &Path, journal: Box<dyn Journal>) -> SharedJournal {
        let inner = Inner {
            state: state.to_owned(),
            failures: AtomicU64::new(0),
            journal: Mutex::new(Some(journal)),
            versions: Mutex::new(HashMap::new()),
            epoch: AtomicU64::new(0),
            stuck: watch::channel(None).0,
        };
        SharedJournal { inner: Arc::new(inner), since: None }
    }

    /// The same journal for somebody who remembers what they wrote, as a running cycle does: it takes nothing more from them
    /// once a write has failed.
    pub fn session(&self) -> SharedJournal {
        SharedJournal { inner: self.inner.clone(), since: Some(self.inner.failures.load(Ordering::SeqCst)) }
    }

    /// A journal in memory, for tests.
    #[cfg(test)]
    pub fn in_memory() -> SharedJournal {
        SharedJournal::of(Path::new(""), Box::new(store::memory()))
    }

    pub fn state(&self) -> &Path {
        &self.inner.state
    }

    /// Several calls with nobody in between.
    ///
    /// # Errors
    /// When the journal cannot be opened, or as `work` says.
    pub fn with<T, E: From<JournalError>>(&self, work: impl FnOnce(&mut dyn Journal) -> Result<T, E>) -> Result<T, E> {
        let mut journal = self.lock();
        let worked = work(self.opened(&mut journal)?);
        // Before anybody else reads: what was written in there is in no list of ours.
        self.inner.epoch.fetch_add(1, Ordering::SeqCst);
        worked
    }

    /// Only reads, so what is known of appends stays true.
    fn reading<T>(&self, read: impl FnOnce(&dyn Journal) -> Result<T, JournalError>) -> Result<T, JournalError> {
        // Whoever reads waits for what was sent to the disk before.
        read(self.opened(&mut self.lock())?).inspect_err(|error| self.notice(error))
    }

    fn opened<'a>(&self, journal: &'a mut Option<Box<dyn Journal>>) -> Result<&'a mut dyn Journal, JournalError> {
        if journal.is_none() {
            *journal = Some(Box::new(store::open(&self.inner.state, &store::OpenOptions::default())?));
        }
        Ok(journal.as_mut().expect("just opened").as_mut())
    }

    /// How far a cycle has come since this process began.
    pub fn version(&self, workflow: &WorkflowId, cycle: CycleNo) -> Version {
        let mut versions = self.versions();
        let appends = versions.entry((workflow.clone(), cycle)).or_default();
        appends.asked_for = true;
        let appends = appends.count;
        Version { epoch: self.inner.epoch.load(Ordering::SeqCst), appends }
    }

    /// What was appended to a cycle after `version`, and the version with it; `None` when that is not known any more.
    pub fn since(&self, workflow: &WorkflowId, cycle: CycleNo, version: Version) -> Option<(Vec<Entry>, Version)> {
        let versions = self.versions();
        let epoch = self.inner.epoch.load(Ordering::SeqCst);
        let appends = versions.get(&(workflow.clone(), cycle)).filter(|appends| appends.count > 0 && epoch == version.epoch)?;
        let first = appends.last.front().map_or(appends.count + 1, |(number, _)| *number);
        // The one after `version` has to be among them.
        let after =
            (first <= version.appends + 1).then(|| appends.last.iter().filter(|(number, _)| *number > version.appends))?;
        let entries = after.flat_map(|(_, entries)| entries.iter().cloned()).collect();
        Some((entries, Version { epoch, appends: appends.count }))
    }

    /// Lets go of what is held for those who look at a cycle: it rests, and may do so for days.
    pub fn let_go(&self, workflow: &WorkflowId, cycle: CycleNo) {
        if let Some(appends) = self.versions().get_mut(&(workflow.clone(), cycle)) {
            appends.let_go();
        }
    }

    /// Comes back when a write has not, with what to say about it.
    pub async fn stuck(&self) -> JournalError {
        let mut stuck = self.inner.stuck.subscribe();
        // The sender lives as long as we do.
        let found = stuck.wait_for(Option::is_some).await.ok().and_then(|stuck| stuck.clone());
        let Some(Stuck { message, help }) = found else { return std::future::pending().await };
        JournalError { code: "store::stuck", message, help, source: None }
    }

    fn notice(&self, error: &JournalError) {
        if error.code == "store::stuck" {
            let stuck = Stuck { message: error.message.clone(), help: error.help.clone() };
            self.inner.stuck.send_replace(Some(stuck));
        }
    }

    /// Brings what waits to the disk and gives the folder free.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn close(&self) -> Result<(), JournalError> {
        let Some(mut journal) = self.lock().take() else { return Ok(()) };
        // An append of nothing that must last commits what waits.
        journal.append(&WorkflowId::new(""), CycleNo(0), &[], true)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Box<dyn Journal>>> {
        // A panic inside the store has already stopped it; the next call opens it anew.
        self.inner.journal.lock().unwrap_or_else(|poisoned| {
            let mut journal = poisoned.into_inner();
            *journal = None;
            self.inner.failures.fetch_add(1, Ordering::SeqCst);
            self.inner.epoch.fetch_add(1, Ordering::SeqCst);
            self.inner.journal.clear_poison();
            journal
        })
    }

    fn versions(&self) -> MutexGuard<'_, HashMap<(WorkflowId, CycleNo), Appends>> {
        self.inner.versions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn stopped() -> JournalError {
    JournalError {
        code: "store::stopped",
        message: "a write to the state folder failed a moment ago".to_owned(),
        help: "the service goes on from what is on the disk by itself; `loopctl status` shows where".to_owned(),
        source: None,
    }
}

impl Journal for SharedJournal {
    fn append(&mut self, workflow: &WorkflowId, cycle: CycleNo, entries: &[Entry], durable: bool) -> Result<(), JournalError> {
        let mut journal = self.lock();
        if self.since.is_some_and(|since| since != self.inner.failures.load(Ordering::SeqCst)) {
            return Err(stopped());
        }
        let written = self.opened(&mut journal)?.append(workflow, cycle, entries, durable);
        let written = written.inspect_err(|error| self.notice(error));
        if let Err(error) = &written
            && !matches!(error.code, "store::cycle-closed" | "store::unreadable-entry")
        {
            *journal = None;
            self.inner.failures.fetch_add(1, Ordering::SeqCst);
            self.inner.epoch.fetch_add(1, Ordering::SeqCst);
        }
        // In the same turn: whoever reads the journal and finds a version before and after has read what belongs to it.
        if !entries.is_empty() {
            match written {
                Ok(()) => self.versions().entry((workflow.clone(), cycle)).or_default().add(entries),
                Err(_) => drop(self.inner.epoch.fetch_add(1, Ordering::SeqCst)),
            }
        }
        drop(journal);
        written
    }

    fn read(&self, workflow: &WorkflowId, cycle: CycleNo) -> Result<Vec<Entry>, JournalError> {
        self.reading(|journal| journal.read(workflow, cycle))
    }

    fn read_each(&self, workflow: &WorkflowId, cycle: CycleNo, take: &mut TakeEntry<'_>) -> Result<(), JournalError> {
        self.reading(|journal| journal.read_each(workflow, cycle, take))
    }

    fn opening(&self, workflow: &WorkflowId, cycle: CycleNo) -> Result<Option<Entry>, JournalError> {
        self.reading(|journal| journal.opening(workflow, cycle))
    }

    fn has_detail(&self, workflow: &WorkflowId, cycle: CycleNo) -> Result<bool, JournalError> {
        self.with(|journal| journal.has_detail(workflow, cycle))
    }

    fn cycles(&self, workflow: &WorkflowId) -> Result<Vec<(CycleNo, CycleStatus)>, JournalError> {
        self.reading(|journal| journal.cycles(workflow))
    }

    fn workflows(&self) -> Result<Vec<WorkflowId>, JournalError> {
        self.reading(|journal| journal.workflows())
    }

    fn carry(&self, workflow: &WorkflowId) -> Result<Carry, JournalError> {
        self.reading(|journal| journal.carry(workflow))
    }

    fn operate(&mut self, workflow: &WorkflowId, operation: &Operation) -> Result<(), JournalError> {
        let mut journal = self.lock();
        if self.since.is_some_and(|since| since != self.inner.failures.load(Ordering::SeqCst)) {
            return Err(stopped());
        }
        let written = self.opened(&mut journal)?.operate(workflow, operation).inspect_err(|error| self.notice(error));
        if let Err(error) = &written
            && error.code != "store::unreadable-entry"
        {
            *journal = None;
            self.inner.failures.fetch_add(1, Ordering::SeqCst);
        }
        written
    }

    fn operations(&self, workflow: &WorkflowId) -> Result<Vec<Operation>, JournalError> {
        self.reading(|journal| journal.operations(workflow))
    }

    fn log(&self, workflow: &WorkflowId) -> Result<Log, JournalError> {
        self.reading(|journal| journal.log(workflow))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::StepId;

    #[test]
    fn every_append_makes_a_new_version_of_its_cycle_only() {
        let mut journal = SharedJournal::in_memory();
        let (workflow, step) = (WorkflowId::new("w"), StepId::new("s"));
        journal.append(&workflow, CycleNo(1), &[Entry::Completed { step }], false).unwrap();
        let versions = [1, 2].map(|cycle| journal.version(&workflow, CycleNo(cycle)).appends);
        assert_eq!(versions, [1, 0]);
        assert_eq!(journal.clone().read(&workflow, CycleNo(1)).unwrap().len(), 1);
    }

    #[test]
    fn what_was_appended_since_is_given_as_long_as_it_is_known() {
        let mut journal = SharedJournal::in_memory();
        let (workflow, cycle) = (WorkflowId::new("w"), CycleNo(1));
        let entry = |name: &str| Entry::Completed { step: StepId::new(name) };
        let begin = journal.version(&workflow, cycle);
        assert!(journal.since(&workflow, cycle, begin).is_none(), "nothing is known of it");
        journal.append(&workflow, cycle, &[entry("a")], false).unwrap();
        let first = journal.version(&workflow, cycle);
        journal.append(&workflow, cycle, &[entry("b"), entry("c")], false).unwrap();
        let (more, now) = journal.since(&workflow, cycle, first).expect("it is known");
        assert_eq!((more, now), (vec![entry("b"), entry("c")], journal.version(&workflow, cycle)));
        assert_eq!(journal.since(&workflow, cycle, now).expect("it is known").0, Vec::new());
        assert_eq!(journal.since(&workflow, cycle, begin).expect("from the beginning").0.len(), 3);
        // Nobody looks any more, so nothing is held for them.
        journal.let_go(&workflow, cycle);
        journal.append(&workflow, cycle, &[entry("d")], false).unwrap();
        assert!(journal.since(&workflow, cycle, now).is_none());
        assert_eq!(journal.inner.versions.lock().unwrap()[&(workflow.clone(), cycle)].held, 0);
        let first = journal.version(&workflow, cycle);
        journal.append(&workflow, cycle, &[entry("e")], false).unwrap();
        assert_eq!(journal.since(&workflow, cycle, first).expect("it is known").0.len(), 1);
        // More than is held: the whole cycle has to be read again.
        let many: Vec<Entry> = (0..HELD_MOST).map(|_| entry("d")).collect();
        journal.append(&workflow, cycle, &many, false).unwrap();
        assert!(journal.since(&workflow, cycle, first).is_none());
        // Somebody had it to themselves and may have written anything.
        let before = journal.version(&workflow, cycle);
        journal.with(|_| Ok::<_, JournalError>(())).unwrap();
        assert!(journal.since(&workflow, cycle, before).is_none());
        assert_ne!(journal.version(&workflow, cycle), before);
    }
}
