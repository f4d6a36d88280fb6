//! People's answers, written straight into the journal of a parked cycle.
//!
//! A gate is an `Approve` request that was asked and not answered, and the journal keeps it whole. So a decision needs
//! the journal only: it can be taken while the workflow file is being edited, and by a process that knows no step kinds.

use super::doors::{Clock, Journal, JournalError};
use crate::base::{CycleNo, InOrder, RequestKey, Timestamp, WorkflowId};
use crate::engine::{Action, Ballot, Cycle, Entry, Event, Notice, Resolution, Scope, Void, nudges};
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
    /// As it stands now: after an edit, what was edited.
    pub approve: Approve,
    /// What people have said without deciding it, oldest first.
    pub given: Vec<Decision>,
}

/// All open gates of a cycle in the order in which they opened. None when the cycle is closed.
///
/// # Errors
/// When the journal cannot be read.
pub fn open_gates(journal: &dyn Journal, workflow: &WorkflowId, cycle: CycleNo) -> Result<Vec<Gate>, JournalError> {
    let mut gates: BTreeMap<RequestKey, (usize, Ballot)> = BTreeMap::new();
    for (at, entry) in journal.read(workflow, cycle)?.into_iter().enumerate() {
        match entry {
            Entry::Asked { key, request: Some(request), .. } => {
                if let Request::Approve(approve) = *request {
                    gates.insert(key, (at, Ballot::new(approve)));
                }
            }
            Entry::Replied { key, reply } => {
                let waits = match (gates.get_mut(&key), reply) {
                    (Some((_, ballot)), Reply::Decided(decision)) => ballot.take(decision).is_none(),
                    _ => false,
                };
                if !waits {
                    gates.remove(&key);
                }
            }
            Entry::Nudged { key, nudge, .. } => {
                if let Some((_, ballot)) = gates.get_mut(&key) {
                    nudges::nudge(&mut ballot.approve, nudge);
                }
            }
            Entry::Closed { .. } => gates.clear(),
            _ => {}
        }
    }
    let mut gates: Vec<_> =
        gates.into_iter().map(|(key, (at, Ballot { approve, given }))| (at, Gate { key, approve, given })).collect();
    gates.order_by_key(|(at, _)| *at);
    Ok(gates.into_iter().map(|(_, gate)| gate).collect())
}

/// Writes a decision down; it is on the disk when this returns, and the next run goes on from it. Says how many approvals the
/// gate still needs: 0 when this decided it.
///
/// # Errors
/// When the gate is not open, expired before the decision, or shows something else by now; when the journal fails.
pub fn decide(
    journal: &mut dyn Journal,
    workflow: &WorkflowId,
    cycle: CycleNo,
    key: &RequestKey,
    decision: Decision,
) -> Result<usize, DecideError> {
    let gate = open_gates(journal, workflow, cycle)?.into_iter().find(|gate| gate.key == *key);
    let gate = gate.ok_or_else(|| Void::NoGate(Box::new(key.clone())))?;
    let mut ballot = Ballot { approve: gate.approve, given: gate.given };
    ballot.check(key, &decision)?;
    let entry = Entry::Replied { key: key.clone(), reply: Reply::Decided(decision.clone()) };
    journal.append(workflow, cycle, &[entry], true)?;
    Ok(if ballot.take(decision).is_some() { 0 } else { ballot.missing() })
}

/// Calls off a parked cycle, or a part of it, and says whether the cycle is closed by that. `cycle` was taken up with
/// [`super::recover`] and is used up by this.
///
/// # Errors
/// When there is nothing to call off, or the journal fails.
pub fn cancel(
    journal: &mut dyn Journal,
    mut cycle: Cycle,
    scope: Scope,
    by: &str,
    reason: Option<&str>,
    clock: &dyn Clock,
) -> Result<bool, DecideError> {
    let now: Timestamp = clock.now();
    let (workflow, number) = (cycle.pins().workflow.clone(), cycle.pins().cycle);
    let whole = scope == Scope::Cycle;
    if !whole {
        // Only the word is written down; the next run goes on from it.
        cycle.handle(Event::Stop, now);
    }
    let event = Event::Cancel { cycle: number, scope, by: by.to_owned(), reason: reason.map(str::to_owned) };
    let mut entries = Vec::new();
    for action in cycle.handle(event, now) {
        match action {
            Action::Record { entry, .. } => entries.push(entry),
            Action::Tell(Notice::Void { message, .. }) => return Err(DecideError::Refused(message)),
            // The next run asks what may be out.
            Action::Tell(_) | Action::Perform { .. } | Action::Park { .. } | Action::Finish => {}
        }
    }
    journal.append(&workflow, number, &entries, true)?;
    Ok(cycle.is_closed())
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
