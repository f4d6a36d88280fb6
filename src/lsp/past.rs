//! What a workflow has done so far, as far as an editor shows it: how much of its caps is used, and when it last ran.
//!
//! The state folder has one owner at a time, and an editor must not be in its way. So nothing is asked of a folder that is in use or
//! has never been used; a folder is read once for each change of its head, on a thread of its own, and given free at once.

use crate::base::{CycleNo, Timestamp};
use crate::engine::{Entry, Ledger};
use crate::model::Workflow;
use crate::report::CycleView;
use crate::report::view::{CapView, caps};
use crate::runtime::{CycleStatus, Journal as _};
use crate::store::{self, OpenOptions};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// What is known of the workflows of one state folder.
#[derive(Debug, Default)]
pub struct Past {
    workflows: BTreeMap<String, Told>,
}

#[derive(Debug)]
struct Told {
    last: CycleNo,
    /// When the last cycle opened, on its own clock.
    opened: Option<Timestamp>,
    /// The entries of the open cycle.
    open: Option<Vec<Entry>>,
    /// What closed cycles have used.
    ledger: Ledger,
}

/// The head of a state folder; `None` when nothing was ever kept there.
pub fn head(folder: &Path) -> Option<Vec<u8>> {
    std::fs::read(folder.join("HEAD")).ok()
}

/// Reads a state folder. `None` when it is in use, damaged or not there.
pub fn read(folder: &Path) -> Option<Past> {
    head(folder)?;
    let options = OpenOptions { wait: Duration::ZERO, check_up_to: 0, ..OpenOptions::default() };
    let journal = store::open(folder, &options).ok()?;
    let mut past = Past::default();
    for workflow in journal.workflows().ok()? {
        let cycles = journal.cycles(&workflow).ok()?;
        let Some((last, status)) = cycles.last().copied() else { continue };
        let entries = journal.read(&workflow, last).ok()?;
        let opened = entries.first().and_then(|entry| match entry {
            Entry::Opened { pins, .. } => Some(pins.now),
            _ => None,
        });
        let ledger = journal.carry(&workflow).ok()?.ledger;
        let open = (status == CycleStatus::Open).then_some(entries);
        past.workflows.insert(workflow.as_str().to_owned(), Told { last, opened, open, ledger });
    }
    Some(past)
}

impl Past {
    /// How the caps of a workflow stand in the window of now; of a recording, in that of its open or next cycle.
    pub fn caps(&self, workflow: &Workflow, now: Timestamp) -> Vec<CapView> {
        let told = self.workflows.get(workflow.id.as_str());
        if let Some(view) = told.and_then(|told| CycleView::gather(workflow, told.open.as_ref()?)) {
            return view.caps;
        }
        let cycle = told.map_or(CycleNo(1), |told| told.last.next());
        let now = match workflow.recorded_from {
            Some(from) => from + workflow.every.unwrap_or_default().saturating_mul(cycle.0.saturating_sub(1)),
            None => now,
        };
        caps(workflow, told.map_or(&Ledger::default(), |told| &told.ledger), now, cycle)
    }

    /// When the last cycle of a workflow opened, and which it was.
    pub fn last(&self, workflow: &Workflow) -> Option<(CycleNo, Timestamp)> {
        let told = self.workflows.get(workflow.id.as_str())?;
        Some((told.last, told.opened?))
    }

    /// Whether a cycle of a workflow is open.
    pub fn is_open(&self, workflow: &Workflow) -> bool {
        self.workflows.get(workflow.id.as_str()).is_some_and(|told| told.open.is_some())
    }
}
