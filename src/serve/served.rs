//! One workflow that is served: its files as the next cycle will begin with them, its journal, and its open cycles.

use super::events::{Bus, Happened, What};
use super::shared::{self, SharedJournal};
use crate::base::{CycleNo, Digest, ItemId, Timestamp, WorkflowId};
use crate::engine::{Cycle, Entry, Outs};
use crate::model::Item;
use crate::report::CycleView;
use crate::report::view::items;
use crate::runtime::{self, Clock, CycleStatus, FixedClock, Journal as _, Opening, Post, SharedCaps, StopSignal, World};
use crate::workspace::{Failure, Place, Project};
use crate::world::{Paces, RealWorld, Secrets, SystemClock, WebSettings};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// So many cycles of one workflow are open at most. Then a review queue is full, and more pieces would only make it longer.
pub const OPEN_MOST: usize = 16;

/// A version of the files with the doors it opens.
type Version = (Arc<Project>, Arc<dyn World>);

/// One workflow that is served.
pub struct Served {
    pub id: WorkflowId,
    pub file: PathBuf,
    pub place: Place,
    pub journal: SharedJournal,
    pub caps: SharedCaps,
    pub stop: StopSignal,
    /// Somebody asks for something: look again.
    pub wake: Notify,
    bus: Arc<Bus>,
    /// How many drivers there are.
    drivers: AtomicUsize,
    now: Mutex<Now>,
}

/// A driver at work; it is counted until this is dropped.
pub struct Driven(Arc<Served>);

impl Drop for Driven {
    fn drop(&mut self) {
        self.0.drivers.fetch_sub(1, Ordering::SeqCst);
    }
}

/// What changes while it is served.
struct Now {
    project: Arc<Project>,
    /// Versions that open cycles are pinned to.
    versions: BTreeMap<(Digest, Digest), Version>,
    open: BTreeMap<CycleNo, Post>,
    /// Of those, the ones that nobody but a person can move on.
    parked: BTreeSet<CycleNo>,
    next: Option<Timestamp>,
    trouble: Option<Failure>,
    /// With the version; without one when it changed while it was read.
    views: BTreeMap<CycleNo, (Option<shared::Version>, Arc<Seen>)>,
}

/// A cycle as its entries tell it.
pub struct Seen {
    pub project: Arc<Project>,
    pub view: CycleView,
    pub entries: Vec<Entry>,
    /// What kind each item is: `outline`, `draft` …
    pub kinds: BTreeMap<ItemId, &'static str>,
    /// How many words each piece that waits has, by the digest of what is shown. They are counted once.
    pub words: HashMap<Digest, usize>,
}

impl Served {
    pub fn new(
        place: &Place,
        project: Project,
        journal: SharedJournal,
        stop: StopSignal,
        bus: Arc<Bus>,
    ) -> Result<Served, Failure> {
        let caps = SharedCaps::load(&journal, &project.workflow.id)?;
        Ok(Served {
            id: project.workflow.id.clone(),
            file: PathBuf::from(&project.file),
            place: place.clone(),
            journal,
            caps,
            stop,
            wake: Notify::new(),
            bus,
            drivers: AtomicUsize::new(0),
            now: Mutex::new(Now {
                project: Arc::new(project),
                versions: BTreeMap::new(),
                open: BTreeMap::new(),
                parked: BTreeSet::new(),
                next: None,
                trouble: None,
                views: BTreeMap::new(),
            }),
        })
    }

    /// Counts a driver.
    pub fn driven(self: &Arc<Served>) -> Driven {
        self.drivers.fetch_add(1, Ordering::SeqCst);
        Driven(self.clone())
    }

    /// Whether any driver is at work.
    pub fn is_driven(&self) -> bool {
        self.drivers.load(Ordering::SeqCst) > 0
    }

    fn now(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The files as the next cycle begins with them.
    pub fn project(&self) -> Arc<Project> {
        self.now().project.clone()
    }

    /// Another version of the files counts from the next cycle.
    pub fn replace(&self, project: Project) {
        self.now().project = Arc::new(project);
    }

    /// Everything that happens from now on, in all workflows.
    pub fn listen(&self) -> tokio::sync::broadcast::Receiver<Happened> {
        self.bus.subscribe()
    }

    pub fn tell(&self, cycle: Option<CycleNo>, what: What) {
        self.bus.tell(Happened { at: SystemClock.now(), workflow: self.id.clone(), cycle, what });
    }

    /// When the next cycle opens by itself.
    pub fn next_opening(&self) -> Option<Timestamp> {
        self.now().next
    }

    pub fn set_next_opening(&self, next: Option<Timestamp>) {
        self.now().next = next;
    }

    /// What keeps it from going on, until it goes on.
    pub fn trouble(&self) -> Option<Failure> {
        self.now().trouble.clone()
    }

    pub fn set_trouble(&self, trouble: Option<Failure>) {
        self.now().trouble = trouble;
    }

    /// The way into an open cycle.
    pub fn post(&self, cycle: CycleNo) -> Option<Post> {
        self.now().open.get(&cycle).cloned()
    }

    pub fn admit(&self, cycle: CycleNo, post: Post) {
        self.now().open.insert(cycle, post);
    }

    /// A cycle is closed.
    pub fn dismiss(&self, cycle: CycleNo) {
        self.caps.close(cycle);
        let mut now = self.now();
        now.open.remove(&cycle);
        now.parked.remove(&cycle);
    }

    pub fn set_parked(&self, cycle: CycleNo, parked: bool) {
        let mut now = self.now();
        if parked {
            now.parked.insert(cycle);
        } else {
            now.parked.remove(&cycle);
        }
    }

    /// Whether a cycle is being driven now: it is open here and does not wait for people.
    pub fn is_moving(&self, cycle: CycleNo) -> bool {
        let now = self.now();
        now.open.contains_key(&cycle) && !now.parked.contains(&cycle)
    }

    pub fn open_cycles(&self) -> Vec<CycleNo> {
        self.now().open.keys().copied().collect()
    }

    /// The files that a cycle began with, and the doors they open. Reads texts, so it may take a moment.
    pub fn version_of(&self, entries: &[Entry]) -> Result<Version, Failure> {
        let current = self.project();
        let project = match current.as_of(entries)? {
            Some(pinned) => Arc::new(pinned),
            None => current,
        };
        let key = (project.workflow.digest(), project.client_os.digest());
        let mut now = self.now();
        if let Some(version) = now.versions.get(&key) {
            return Ok(version.clone());
        }
        if now.versions.len() > OPEN_MOST {
            now.versions.clear();
        }
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let secrets = Secrets::new(&project.root);
        Paces::of(&project.root).keep_in(&project.state);
        let world = RealWorld::with(&project.workflow, &project.root, clock, WebSettings::default(), secrets);
        let version: Version = (project, Arc::new(world));
        now.versions.insert(key, version.clone());
        Ok(version)
    }

    /// The time for a cycle: real, or over a recording the one that the cycle has, which stands still.
    pub fn clock_of(project: &Project, entries: &[Entry]) -> Arc<dyn Clock> {
        match (project.workflow.recorded_from, entries.first()) {
            (Some(_), Some(Entry::Opened { pins, .. })) => Arc::new(FixedClock::new(pins.now)),
            _ => Arc::new(SystemClock),
        }
    }

    /// Opens the next cycle and says which that is. Blocks while it reads and writes.
    ///
    /// # Errors
    /// `serve::too-many-open`, or when the journal or the workflow says no.
    pub fn open_next(&self) -> Result<CycleNo, Failure> {
        let project = self.project();
        let beside = self.beside(&project)?;
        let opening = Opening {
            workflow: project.workflow.clone(),
            registry: crate::builtin::registry(),
            client_os: project.client_os.clone(),
            sources: project.sources.clone(),
            clock: &SystemClock,
            beside: &beside,
        };
        Ok(self.journal.with(|journal| runtime::open_next(opening, journal))?)
    }

    /// The pieces that are out as the next cycle would know them, and the newest cycle.
    ///
    /// # Errors
    /// As [`Served::open_next`].
    pub fn pieces_out(&self) -> Result<(Outs, CycleNo), Failure> {
        let project = self.project();
        let beside = self.beside(&project)?;
        let (workflow, client_os) = (&project.workflow, &project.client_os);
        Ok(self.journal.with(|journal| runtime::pieces_out(workflow, client_os, journal, &SystemClock, &beside))?)
    }

    /// The cycles that are open, as they stand.
    fn beside(&self, project: &Project) -> Result<Vec<Cycle>, Failure> {
        let open = self.open_in_journal()?;
        if open.len() >= OPEN_MOST {
            return Err(Failure::new("serve::too-many-open", format!("{} cycles of `{}` wait for people", open.len(), self.id))
                .help("decide what waits, or let gates expire; no more is made until then"));
        }
        let mut beside: Vec<Cycle> = Vec::new();
        for cycle in open {
            let entries = self.journal.read(&self.id, cycle)?;
            let then = project.as_of(&entries)?;
            let then = then.as_ref().unwrap_or(project);
            let registry = crate::builtin::registry();
            beside.push(runtime::recover(&then.workflow, registry, &then.client_os, &self.journal, cycle)?);
        }
        Ok(beside)
    }

    /// Cycles that are open, as the journal says.
    pub fn open_in_journal(&self) -> Result<Vec<CycleNo>, Failure> {
        let cycles = self.journal.cycles(&self.id)?;
        Ok(cycles.into_iter().filter(|(_, status)| *status == CycleStatus::Open).map(|(cycle, _)| cycle).collect())
    }

    /// A cycle as it stands. Kept until the cycle changes, because pages ask again and again; then only what is new is taken in.
    pub fn seen(&self, cycle: CycleNo) -> Result<Arc<Seen>, Failure> {
        let version = self.journal.version(&self.id, cycle);
        let project = self.project();
        // Taken out, so that its entries can be moved into the next one. Whoever comes meanwhile reads the journal.
        let mut now = self.now();
        let before = match now.views.get(&cycle) {
            Some((known, seen)) if *known == Some(version) => return Ok(seen.clone()),
            _ => now.views.remove(&cycle),
        };
        drop(now);
        let counted = before.as_ref().map(|(_, seen)| seen.words.clone()).unwrap_or_default();
        let (entries, version) = match before {
            Some((Some(at), seen)) => match self.journal.since(&self.id, cycle, at) {
                Some((more, now)) => {
                    let mut entries = Arc::try_unwrap(seen).map_or_else(|seen| seen.entries.clone(), |seen| seen.entries);
                    entries.extend(more);
                    (entries, Some(now))
                }
                None => self.read(&project, cycle)?,
            },
            _ => self.read(&project, cycle)?,
        };
        let project = match project.as_of(&entries)? {
            Some(pinned) => Arc::new(pinned),
            None => project,
        };
        let view = project.view(&entries)?;
        let kinds = items(&entries).into_iter().map(|(id, item)| (id, item.kind().name())).collect();
        let words = view.waiting.iter().map(|gate| {
            let known = counted.get(&gate.approve.pins).copied();
            (gate.approve.pins, known.unwrap_or_else(|| gate.approve.text.split_whitespace().count()))
        });
        let words = words.collect();
        let seen = Arc::new(Seen { project, view, entries, kinds, words });
        let mut now = self.now();
        if now.views.len() > OPEN_MOST {
            now.views.pop_first();
        }
        now.views.insert(cycle, (version, seen.clone()));
        Ok(seen)
    }

    /// The whole cycle, with its version when nothing was appended while it was read.
    fn read(&self, project: &Project, cycle: CycleNo) -> Result<(Vec<Entry>, Option<shared::Version>), Failure> {
        let version = self.journal.version(&self.id, cycle);
        let entries = project.entries(&self.journal, Some(cycle.0))?;
        Ok((entries, Some(version).filter(|version| *version == self.journal.version(&self.id, cycle))))
    }

    /// All items of all cycles. Cycles that were read before and have not changed are not read again.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn items(&self) -> Result<BTreeMap<ItemId, Item>, Failure> {
        let mut all = BTreeMap::new();
        for (cycle, _) in self.journal.cycles(&self.id)? {
            let seen = self.seen(cycle)?;
            all.extend(items(&seen.entries).into_iter().map(|(id, item)| (id, item.clone())));
        }
        Ok(all)
    }

    /// The state folder.
    pub fn state(&self) -> &Path {
        self.journal.state()
    }
}
