//! One cycle from its opening, or from where it stopped, to where it can go no further.

use super::dispatcher::{Dispatcher, DriveOptions, Outcome};
use super::doors::{Clock, CycleStatus, Journal, JournalError, World};
use super::stop::StopSignal;
use crate::base::{CycleNo, Hasher, TaskId, Timestamp, WorkflowId};
use crate::client_os::Snapshot;
use crate::engine::{Action, Cycle, EngineError, Entry, Notice, Pins};
use crate::model::{Item, Workflow};
use crate::step::Registry;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Which cycle to run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Which {
    /// The oldest open one; when none is open, the next.
    #[default]
    OpenOrNext,
    /// The next, though others may still wait for people.
    Next,
    /// This one, which must be open.
    This(CycleNo),
}

/// All that a run needs.
pub struct Run<'a> {
    pub workflow: Arc<Workflow>,
    pub registry: &'a Registry,
    pub client_os: Arc<Snapshot>,
    pub journal: &'a mut dyn Journal,
    pub world: Arc<dyn World>,
    pub clock: &'a dyn Clock,
    pub stop: StopSignal,
    pub which: Which,
    /// The texts of the workflow, its templates and its Client OS by path; a new cycle is pinned to them.
    pub sources: BTreeMap<String, String>,
    pub options: DriveOptions,
}

/// How a run ended, with the cycle as it stands then.
pub struct Ran {
    pub outcome: Outcome,
    pub cycle: Cycle,
    /// It was taken up, not opened.
    pub resumed: bool,
}

/// Why a run stopped before its end.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error("cycle {cycle} of `{workflow}` is not open")]
    NotOpen { workflow: WorkflowId, cycle: CycleNo },
}

impl RunError {
    /// The code of the diagnostic.
    pub fn code(&self) -> &'static str {
        match self {
            RunError::Journal(error) => error.code,
            RunError::Engine(_) => "run::cannot-resume",
            RunError::NotOpen { .. } => "run::not-open",
        }
    }

    /// The next step, where the message does not already say it.
    pub fn help(&self) -> Option<&str> {
        match self {
            RunError::Journal(error) => Some(&error.help),
            RunError::Engine(_) => None,
            RunError::NotOpen { .. } => Some("`loopctl status` lists the open cycles"),
        }
    }
}

/// Runs one cycle until it finishes, parks or is stopped. Must be called inside a tokio runtime.
///
/// # Errors
/// When the journal fails, or when an open cycle does not belong to this workflow and Client OS any more. Nothing
/// acknowledged is lost: the next run takes the cycle up from the journal.
pub async fn run_cycle(run: Run<'_>, progress: &mut dyn FnMut(&Notice)) -> Result<Ran, RunError> {
    let taken = take_up(&run)?;
    let resumed = taken.is_some();
    let (mut cycle, first) = match taken {
        Some(cycle) => (cycle, Vec::new()),
        None => open(&run)?,
    };
    let dispatcher = Dispatcher {
        workflow: run.workflow.id.clone(),
        cycle: cycle.pins().cycle,
        machine: &mut cycle,
        journal: run.journal,
        world: run.world,
        clock: run.clock,
        options: run.options,
    };
    let outcome = dispatcher.drive(first, run.stop, progress).await?;
    Ok(Ran { outcome, cycle, resumed })
}

/// Takes a cycle up from its journal without running it: for people's decisions, `status` and `trace`.
///
/// # Errors
/// As [`run_cycle`].
pub fn recover(
    workflow: &Arc<Workflow>,
    registry: &Registry,
    client_os: &Arc<Snapshot>,
    journal: &dyn Journal,
    cycle: CycleNo,
) -> Result<Cycle, RunError> {
    let entries = journal.read(&workflow.id, cycle)?;
    Ok(Cycle::recover(workflow.clone(), registry, client_os.clone(), &entries)?)
}

/// The open cycle that this run is about, if there is one.
fn take_up(run: &Run<'_>) -> Result<Option<Cycle>, RunError> {
    let cycles = run.journal.cycles(&run.workflow.id)?;
    let mut open = cycles.iter().filter(|(_, status)| *status == CycleStatus::Open).map(|(cycle, _)| *cycle);
    let cycle = match run.which {
        Which::Next => None,
        Which::OpenOrNext => open.next(),
        Which::This(wanted) => match open.find(|cycle| *cycle == wanted) {
            Some(cycle) => Some(cycle),
            None => return Err(RunError::NotOpen { workflow: run.workflow.id.clone(), cycle: wanted }),
        },
    };
    cycle.map(|cycle| recover(&run.workflow, run.registry, &run.client_os, run.journal, cycle)).transpose()
}

/// Opens the next cycle with what the last closed one handed on.
fn open(run: &Run<'_>) -> Result<(Cycle, Vec<Action>), RunError> {
    let carry = run.journal.carry(&run.workflow.id)?;
    let pins = next_pins(&run.workflow, &run.client_os, run.journal, run.clock, &run.sources)?;
    Ok(Cycle::open(run.workflow.clone(), run.registry, run.client_os.clone(), pins, carry)?)
}

fn next_pins(
    workflow: &Workflow,
    client_os: &Snapshot,
    journal: &dyn Journal,
    clock: &dyn Clock,
    sources: &BTreeMap<String, String>,
) -> Result<Pins, JournalError> {
    let last = journal.cycles(&workflow.id)?.last().map(|(cycle, _)| *cycle);
    let mut pins = pins(workflow, client_os, last.unwrap_or_default().next(), clock);
    pins.sources.clone_from(sources);
    Ok(pins)
}

/// What to open a cycle with that tries again what failed in the last one.
pub struct Again<'a> {
    pub workflow: Arc<Workflow>,
    pub registry: &'a Registry,
    pub client_os: Arc<Snapshot>,
    pub sources: BTreeMap<String, String>,
    pub clock: &'a dyn Clock,
    /// The last cycle, which is closed.
    pub last: &'a Cycle,
    /// The tasks that failed in it. Those without an item run again in every cycle and are left out.
    pub tasks: &'a [TaskId],
}

/// Opens the next cycle with the items of failed tasks first in line at their steps, and says which cycle that is. It is on
/// the disk when this returns; the next run takes it up.
///
/// # Errors
/// When the journal fails, or the workflow is not one that can be run.
pub fn open_again(again: Again<'_>, journal: &mut dyn Journal) -> Result<CycleNo, RunError> {
    let mut carry = journal.carry(&again.workflow.id)?;
    let items = again.last.items();
    let mut lost: Vec<Item> = Vec::new();
    for task in again.tasks {
        let Some(item) = task.item.and_then(|id| items.get(&id)) else { continue };
        let waiting = carry.deferred.entry(task.step.clone()).or_default();
        if !waiting.iter().any(|known| known.id == item.id) {
            waiting.push(Item::clone(item));
            lost.push(Item::clone(item));
        }
    }
    for ancestor in items.ancestors(&lost) {
        if !carry.ancestors.iter().any(|known| known.id == ancestor.id) {
            carry.ancestors.push(Item::clone(&ancestor));
        }
    }
    let pins = next_pins(&again.workflow, &again.client_os, journal, again.clock, &again.sources)?;
    let cycle = pins.cycle;
    let (_, actions) = Cycle::open(again.workflow.clone(), again.registry, again.client_os, pins, carry)?;
    let entries: Vec<Entry> = actions
        .into_iter()
        .filter_map(|action| if let Action::Record { entry, .. } = action { Some(entry) } else { None })
        .collect();
    journal.append(&again.workflow.id, cycle, &entries, true)?;
    Ok(cycle)
}

/// What a new cycle is pinned to. Over a recording, time is the recording's; else it is the clock's.
pub fn pins(workflow: &Workflow, client_os: &Snapshot, cycle: CycleNo, clock: &dyn Clock) -> Pins {
    let now = match workflow.recorded_from {
        Some(from) => recorded_time(workflow, from, cycle),
        None => clock.now(),
    };
    let mut seed = Hasher::new();
    seed.part(workflow.id.as_str()).part(cycle.0.to_be_bytes());
    Pins {
        sources: BTreeMap::new(),
        workflow: workflow.id.clone(),
        cycle,
        now,
        seed: seed.finish().seed(),
        workflow_digest: workflow.digest(),
        client_os_digest: client_os.digest(),
    }
}

fn recorded_time(workflow: &Workflow, from: Timestamp, cycle: CycleNo) -> Timestamp {
    let every = workflow.every.unwrap_or_default();
    from + every.saturating_mul(cycle.0.saturating_sub(1))
}
