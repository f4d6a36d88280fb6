//! One journal for everybody in this process: cycles that run, people who decide, commands over the socket, and pages.
//!
//! Every call is one turn under a lock, so appends never mix. Each cycle has a version that grows with every append to it:
//! whoever keeps a view of a cycle looks there whether it is still true.

use crate::base::{CycleNo, WorkflowId};
use crate::engine::{Carry, Entry};
use crate::model::Operation;
use crate::runtime::{CycleStatus, Journal, JournalError, Log};
use crate::store;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

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
    versions: Mutex<HashMap<(WorkflowId, CycleNo), u64>>,
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

    fn of(state: &Path, journal: Box<dyn Journal>) -> SharedJournal {
        let inner = Inner {
            state: state.to_owned(),
            failures: AtomicU64::new(0),
            journal: Mutex::new(Some(journal)),
            versions: Mutex::new(HashMap::new()),
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
        work(self.opened(&mut self.lock())?)
    }

    fn opened<'a>(&self, journal: &'a mut Option<Box<dyn Journal>>) -> Result<&'a mut dyn Journal, JournalError> {
        if journal.is_none() {
            *journal = Some(Box::new(store::open(&self.inner.state, &store::OpenOptions::default())?));
        }
        Ok(journal.as_mut().expect("just opened").as_mut())
    }

    /// How often a cycle was appended to since this process began.
    pub fn version(&self, workflow: &WorkflowId, cycle: CycleNo) -> u64 {
        self.versions().get(&(workflow.clone(), cycle)).copied().unwrap_or(0)
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
            self.inner.journal.clear_poison();
            journal
        })
    }

    fn versions(&self) -> MutexGuard<'_, HashMap<(WorkflowId, CycleNo), u64>> {
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
        if let Err(error) = &written
            && !matches!(error.code, "store::cycle-closed" | "store::unreadable-entry")
        {
            *journal = None;
            self.inner.failures.fetch_add(1, Ordering::SeqCst);
        }
        drop(journal);
        if !entries.is_empty() {
            *self.versions().entry((workflow.clone(), cycle)).or_default() += 1;
        }
        written
    }

    fn read(&self, workflow: &WorkflowId, cycle: CycleNo) -> Result<Vec<Entry>, JournalError> {
        self.with(|journal| journal.read(workflow, cycle))
    }

    fn opening(&self, workflow: &WorkflowId, cycle: CycleNo) -> Result<Option<Entry>, JournalError> {
        self.with(|journal| journal.opening(workflow, cycle))
    }

    fn has_detail(&self, workflow: &WorkflowId, cycle: CycleNo) -> Result<bool, JournalError> {
        self.with(|journal| journal.has_detail(workflow, cycle))
    }

    fn cycles(&self, workflow: &WorkflowId) -> Result<Vec<(CycleNo, CycleStatus)>, JournalError> {
        self.with(|journal| journal.cycles(workflow))
    }

    fn workflows(&self) -> Result<Vec<WorkflowId>, JournalError> {
        self.with(|journal| journal.workflows())
    }

    fn carry(&self, workflow: &WorkflowId) -> Result<Carry, JournalError> {
        self.with(|journal| journal.carry(workflow))
    }

    fn operate(&mut self, workflow: &WorkflowId, operation: &Operation) -> Result<(), JournalError> {
        let mut journal = self.lock();
        if self.since.is_some_and(|since| since != self.inner.failures.load(Ordering::SeqCst)) {
            return Err(stopped());
        }
        let written = self.opened(&mut journal)?.operate(workflow, operation);
        if let Err(error) = &written
            && error.code != "store::unreadable-entry"
        {
            *journal = None;
            self.inner.failures.fetch_add(1, Ordering::SeqCst);
        }
        written
    }

    fn operations(&self, workflow: &WorkflowId) -> Result<Vec<Operation>, JournalError> {
        self.with(|journal| journal.operations(workflow))
    }

    fn log(&self, workflow: &WorkflowId) -> Result<Log, JournalError> {
        self.with(|journal| journal.log(workflow))
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
        let versions = [1, 2].map(|cycle| journal.version(&workflow, CycleNo(cycle)));
        assert_eq!(versions, [1, 0]);
        assert_eq!(journal.clone().read(&workflow, CycleNo(1)).unwrap().len(), 1);
    }
}
