//! One cycle from its opening, or from where it stopped, to where it can go no further.

use super::beside::{SharedCaps, Sharing};
use super::dispatcher::{Dispatcher, DriveOptions, Outcome};
use super::doors::{Clock, CycleStatus, Journal, JournalError, World};
use super::inbox::Inbox;
use super::look_back::{LookBack, Unread, look_back};
use super::stop::StopSignal;
use crate::base::{CycleNo, Hasher, TaskId, Timestamp, WorkflowId};
use crate::client_os::Snapshot;
use crate::engine::{Action, Carry, Cycle, EngineError, Entry, From, Notice, Outs, Passed, Pins, Recovery, next_carry};
use crate::model::{Item, Workflow};
use crate::step::Registry;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
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
    /// Channels that could not be asked how pieces stand there when it opened.
    pub unread: Vec<Unread>,
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
    run_cycle_with(run, Together { caps: &SharedCaps::default(), inbox: &mut Inbox::closed() }, progress).await
}

/// What a cycle shares with others that are open, and with people who decide while it runs.
pub struct Together<'a> {
    pub caps: &'a SharedCaps,
    pub inbox: &'a mut Inbox,
}

/// [`run_cycle`] beside others.
///
/// # Errors
/// As [`run_cycle`].
pub async fn run_cycle_with(run: Run<'_>, together: Together<'_>, progress: &mut dyn FnMut(&Notice)) -> Result<Ran, RunError> {
    let taken = take_up(&run)?;
    let resumed = taken.is_some();
    let mut unread = Vec::new();
    let (mut cycle, first) = match taken {
        Some(cycle) => (cycle, Vec::new()),
        None => {
            let (outs, cycle) = pieces_out(&run.workflow, &run.client_os, &*run.journal, run.clock, &[])?;
            let back = LookBack { workflow: &run.workflow, world: run.world.clone(), clock: run.clock, outs, cycle };
            unread = look_back(back, run.journal).await?;
            open(&run)?
        }
    };
    let number = cycle.pins().cycle;
    let mut machine = Sharing { cycle: &mut cycle, caps: together.caps };
    let dispatcher = Dispatcher {
        workflow: run.workflow.id.clone(),
        cycle: number,
        machine: &mut machine,
        journal: run.journal,
        world: run.world,
        clock: run.clock,
        options: run.options,
    };
    let outcome = dispatcher.drive_with(first, run.stop, progress, together.inbox).await?;
    Ok(Ran { outcome, cycle, resumed, unread })
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
    let mut recovery = Recovery::new(workflow.clone(), registry, client_os.clone());
    let mut taken = Ok(());
    journal.read_each(&workflow.id, cycle, &mut |entry| {
        taken = recovery.take(&entry);
        if taken.is_ok() { ControlFlow::Continue(Some(entry)) } else { ControlFlow::Break(()) }
    })?;
    taken?;
    Ok(recovery.finish()?)
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

/// Opens the next cycle with what those before it handed on.
fn open(run: &Run<'_>) -> Result<(Cycle, Vec<Action>), RunError> {
    let (pins, carry) = next(&run.workflow, &run.client_os, &*run.journal, run.clock, &run.sources, &[])?;
    Ok(Cycle::open(run.workflow.clone(), run.registry, run.client_os.clone(), pins, carry)?)
}

/// What to open a cycle with while others may be open.
pub struct Opening<'a> {
    pub workflow: Arc<Workflow>,
    pub registry: &'a Registry,
    pub client_os: Arc<Snapshot>,
    pub sources: BTreeMap<String, String>,
    pub clock: &'a dyn Clock,
    /// The open cycles as they stand, oldest first: what they have seen and learned so far is not seen and learned again.
    pub beside: &'a [Cycle],
}

/// Opens the next cycle and says which that is. It is on the disk when this returns; a run of [`Which::This`] takes it up.
///
/// # Errors
/// When the journal fails, or the workflow is not one that can be run.
pub fn open_next(opening: Opening<'_>, journal: &mut dyn Journal) -> Result<CycleNo, RunError> {
    let Opening { workflow, registry, client_os, sources, clock, beside } = opening;
    let (pins, carry) = next(&workflow, &client_os, journal, clock, &sources, beside)?;
    let (id, cycle) = (workflow.id.clone(), pins.cycle);
    let (_, actions) = Cycle::open(workflow, registry, client_os, pins, carry)?;
    journal.append(&id, cycle, &recorded(actions), true)?;
    Ok(cycle)
}

/// The pins of the next cycle and what it starts from.
fn next(
    workflow: &Workflow,
    client_os: &Snapshot,
    journal: &dyn Journal,
    clock: &dyn Clock,
    sources: &BTreeMap<String, String>,
    beside: &[Cycle],
) -> Result<(Pins, Carry), JournalError> {
    let cycles = journal.cycles(&workflow.id)?;
    let of = |wanted: CycleStatus| cycles.iter().filter(move |(_, status)| *status == wanted).map(|(cycle, _)| *cycle);
    let last = cycles.last().map(|(cycle, _)| *cycle).unwrap_or_default();
    let mut pins = pins(workflow, client_os, last.next(), clock);
    pins.sources.clone_from(sources);
    pins.operations = journal.operations(&workflow.id)?;
    pins.operations.retain(|operation| operation.cycle >= last);
    pins.beside = of(CycleStatus::Open).collect();
    let Some(youngest) = of(CycleStatus::Closed).next_back() else { return Ok((pins, journal.carry(&workflow.id)?)) };
    let Some(Entry::Opened { pins: before, .. }) = journal.opening(&workflow.id, youngest)? else {
        return Ok((pins, journal.carry(&workflow.id)?));
    };
    let mut missed = Vec::new();
    for cycle in before.beside.into_iter().filter(|cycle| !pins.beside.contains(cycle)) {
        missed.extend(Passed::of(&journal.read(&workflow.id, cycle)?));
    }
    let last = if missed.is_empty() && pins.beside.is_empty() {
        journal.carry(&workflow.id)?
    } else {
        let passed = Passed::of(&journal.read(&workflow.id, youngest)?);
        passed.map_or_else(|| journal.carry(&workflow.id), |passed| Ok(passed.handed_on))?
    };
    let open: Vec<Passed> =
        beside.iter().map(|cycle| Passed { opened_with: cycle.carried_in().clone(), handed_on: cycle.carry_out() }).collect();
    Ok((pins, next_carry(last, &missed, &open)))
}

/// The pieces that the next cycle would know to be out, and the newest cycle: what to look back at before it opens.
///
/// # Errors
/// When the journal cannot be read.
pub fn pieces_out(
    workflow: &Workflow,
    client_os: &Snapshot,
    journal: &dyn Journal,
    clock: &dyn Clock,
    beside: &[Cycle],
) -> Result<(Outs, CycleNo), JournalError> {
    let (pins, carry) = next(workflow, client_os, journal, clock, &BTreeMap::new(), beside)?;
    let cycle = CycleNo(pins.cycle.0.saturating_sub(1));
    Ok((carry.after(&pins.operations).out, cycle))
}

/// The entries that actions record.
fn recorded(actions: Vec<Action>) -> Vec<Entry> {
    let entry = |action| if let Action::Record { entry, .. } = action { Some(entry) } else { None };
    actions.into_iter().filter_map(entry).collect()
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
    /// The same of cycles before it, oldest first.
    pub older: &'a [(Cycle, Vec<TaskId>)],
}

/// Opens the next cycle with the items of failed tasks first in line at their steps, and says which cycle that is. It is on
/// the disk when this returns; the next run takes it up.
///
/// # Errors
/// When the journal fails, or the workflow is not one that can be run.
pub fn open_again(again: Again<'_>, journal: &mut dyn Journal) -> Result<CycleNo, RunError> {
    let (pins, mut carry) = next(&again.workflow, &again.client_os, &*journal, again.clock, &again.sources, &[])?;
    let older = again.older.iter().map(|(cycle, tasks)| (cycle, tasks.as_slice()));
    for (cycle, tasks) in older.chain([(again.last, again.tasks)]) {
        let items = cycle.items();
        let mut lost: Vec<Item> = Vec::new();
        for task in tasks {
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
    }
    let cycle = pins.cycle;
    let (_, actions) = Cycle::open(again.workflow.clone(), again.registry, again.client_os, pins, carry)?;
    journal.append(&again.workflow.id, cycle, &recorded(actions), true)?;
    Ok(cycle)
}

/// Opens the next cycle so that it makes a part of the last one again, and says which cycle that is. It is on the disk when
/// this returns; the next run takes it up.
///
/// # Errors
/// As [`open_again`].
pub fn open_from(again: Again<'_>, from: From<'_>, journal: &mut dyn Journal) -> Result<CycleNo, RunError> {
    let (pins, mut carry) = next(&again.workflow, &again.client_os, &*journal, again.clock, &again.sources, &[])?;
    again.last.again(&mut carry, &again.workflow, again.registry, &again.client_os, from);
    let cycle = pins.cycle;
    let (_, actions) = Cycle::open(again.workflow.clone(), again.registry, again.client_os, pins, carry)?;
    journal.append(&again.workflow.id, cycle, &recorded(actions), true)?;
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
        operations: Vec::new(),
        workflow: workflow.id.clone(),
        cycle,
        now,
        seed: seed.finish().seed(),
        workflow_digest: workflow.digest(),
        client_os_digest: client_os.digest(),
        beside: Vec::new(),
    }
}

fn recorded_time(workflow: &Workflow, from: Timestamp, cycle: CycleNo) -> Timestamp {
    let every = workflow.every.unwrap_or_default();
    from + every.saturating_mul(cycle.0.saturating_sub(1))
}
