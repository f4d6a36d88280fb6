//! People's answers, written straight into the journal of a parked cycle.
//!
//! A gate is an `Approve` request that was asked and not answered, and the journal keeps it whole. So a decision needs
//! the journal only: it can be taken while the workflow file is being edited, and by a process that knows no step kinds.

use super::doors::{Clock, Journal, JournalError};
use crate::base::{CycleNo, RequestKey, Timestamp, WorkflowId};
use crate::engine::{Action, Cycle, Entry, Event, Notice, Resolution, Void};
use crate::step::{Approve, Decision, Reply, Request};
use std::collections::BTreeMap;

/// Why an answer was not taken.
#[derive(Debug, thiserror::Error)]
pub enum DecideError {
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error(transparent)]
    Void(#[from] Void),
    #[error("{0}")]
    Refused(String),
}

/// A gate that waits, as the journal shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Gate {
    pub key: RequestKey,
    pub approve: Approve,
}

/// All open gates of a cycle in the order in which they opened. None when the cycle is closed.
///
/// # Errors
/// When the journal cannot be read.
pub fn open_gates(journal: &dyn Journal, workflow: &WorkflowId, cycle: CycleNo) -> Result<Vec<Gate>, JournalError> {
    let mut gates: BTreeMap<RequestKey, (usize, Approve)> = BTreeMap::new();
    for (at, entry) in journal.read(workflow, cycle)?.into_iter().enumerate() {
        match entry {
            Entry::Asked { key, request: Some(request), .. } => {
                if let Request::Approve(approve) = *request {
                    gates.insert(key, (at, approve));
                }
            }
            Entry::Replied { key, .. } => {
                gates.remove(&key);
            }
            Entry::Closed { .. } => gates.clear(),
            _ => {}
        }
    }
    let mut gates: Vec<_> = gates.into_iter().map(|(key, (at, approve))| (at, Gate { key, approve })).collect();
    gates.sort_by_key(|(at, _)| *at);
    Ok(gates.into_iter().map(|(_, gate)| gate).collect())
}

/// Writes a decision down; it is on the disk when this returns, and the next run goes on from it.
///
/// # Errors
/// When the gate is not open, expired before the decision, or shows something else by now; when the journal fails.
pub fn decide(
    journal: &mut dyn Journal,
    workflow: &WorkflowId,
    cycle: CycleNo,
    key: &RequestKey,
    decision: Decision,
) -> Result<(), DecideError> {
    let gate = open_gates(journal, workflow, cycle)?.into_iter().find(|gate| gate.key == *key);
    let gate = gate.ok_or_else(|| Void::NoGate(Box::new(key.clone())))?;
    if decision.pins != gate.approve.pins {
        return Err(Void::OtherPins.into());
    }
    if let Some(at) = gate.approve.expires.filter(|at| decision.at >= *at) {
        return Err(Void::Expired(at).into());
    }
    let entry = Entry::Replied { key: key.clone(), reply: Reply::Decided(decision) };
    Ok(journal.append(workflow, cycle, &[entry], true)?)
}

/// Settles an effect in doubt. `cycle` was taken up with [`super::recover`] and is used up by this.
///
/// # Errors
/// When nothing is in doubt under this key, or the journal fails.
pub fn resolve(
    journal: &mut dyn Journal,
    mut cycle: Cycle,
    key: RequestKey,
    resolution: Resolution,
    clock: &dyn Clock,
) -> Result<(), DecideError> {
    let now: Timestamp = clock.now();
    let (workflow, number) = (cycle.pins().workflow.clone(), cycle.pins().cycle);
    // A stopped cycle records the answer and does nothing else.
    cycle.handle(Event::Stop, now);
    let mut entries = Vec::new();
    for action in cycle.handle(Event::Resolve { key, resolution }, now) {
        match action {
            Action::Record { entry, .. } => entries.push(entry),
            Action::Tell(Notice::Void { message, .. }) => return Err(DecideError::Refused(message)),
            Action::Tell(_) | Action::Perform { .. } | Action::Park { .. } | Action::Finish => {}
        }
    }
    Ok(journal.append(&workflow, number, &entries, true)?)
}
