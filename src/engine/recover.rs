//! Recovery: a cycle from its journal. The entries are folded, and every step that had begun is called again with the
//! replies it had, to see that it still asks what it asked then.

use super::carry::Carry;
use super::cycle::Cycle;
use super::entry::Entry;
use super::error::EngineError;
use super::tasks::Asked;
use crate::base::RequestKey;
use crate::client_os::Snapshot;
use crate::model::Workflow;
use crate::step::{Registry, Reply, Request, Turn};
use std::sync::Arc;

/// A cycle that is taken up from its journal, entry by entry.
pub struct Recovery<'r> {
    workflow: Arc<Workflow>,
    registry: &'r Registry,
    client_os: Arc<Snapshot>,
    cycle: Option<Cycle>,
}

impl<'r> Recovery<'r> {
    /// Of a cycle of this workflow, with this Client OS.
    pub fn new(workflow: Arc<Workflow>, registry: &'r Registry, client_os: Arc<Snapshot>) -> Recovery<'r> {
        Recovery { workflow, registry, client_os, cycle: None }
    }

    /// Takes the next entry in.
    ///
    /// # Errors
    /// When the journal does not begin with an opening, belongs to another workflow or Client OS version, or holds what is not
    /// about this cycle.
    pub fn take(&mut self, entry: &Entry) -> Result<(), EngineError> {
        match (&mut self.cycle, entry) {
            (Some(cycle), entry) => cycle.fold.apply(entry),
            (None, Entry::Opened { pins, carry }) => {
                let (workflow, client_os) = (self.workflow.clone(), self.client_os.clone());
                self.cycle = Some(Cycle::opened(workflow, self.registry, client_os, pins.clone(), Carry::clone(carry))?);
                Ok(())
            }
            (None, _) => Err(EngineError::NoOpening),
        }
    }

    /// All entries have been taken in. The cycle goes on with [`super::Event::Start`].
    ///
    /// # Errors
    /// When there was none, or when the code of a step asks something else than it did when the journal was written.
    pub fn finish(self) -> Result<Cycle, EngineError> {
        let mut cycle = self.cycle.ok_or(EngineError::NoOpening)?;
        for task in 0..cycle.fold.tasks.len() {
            if cycle.fold.tasks.get(task).state().is_final() {
                if !cycle.fold.caps.held_by(task).is_empty() {
                    cycle.unsettled.push(task);
                }
            } else {
                cycle.verify(task)?;
            }
        }
        Ok(cycle)
    }
}

impl Cycle {
    /// Takes a cycle up from its journal, which is in memory. [`Recovery`] does the same entry by entry.
    ///
    /// # Errors
    /// As [`Recovery::take`] and [`Recovery::finish`].
    pub fn recover(
        workflow: Arc<Workflow>,
        registry: &Registry,
        client_os: Arc<Snapshot>,
        entries: &[Entry],
    ) -> Result<Cycle, EngineError> {
        let mut recovery = Recovery::new(workflow, registry, client_os);
        entries.iter().try_for_each(|entry| recovery.take(entry))?;
        recovery.finish()
    }

    /// Compares what a task asks with what the journal says it asked.
    fn verify(&self, task: usize) -> Result<(), EngineError> {
        let record = self.fold.tasks.get(task);
        let mut replies: Vec<Vec<Reply>> = Vec::new();
        let mut compared = 0;
        while compared < record.asked.len() {
            let turn = replies.len() as u32;
            let asked: Vec<(&(u32, u32), &Asked)> = record.asked.range((turn, 0)..=(turn, u32::MAX)).collect();
            let requests = match self.advance(task, &replies) {
                Ok(Turn::Ask(requests)) => requests,
                Ok(Turn::Done(_)) | Err(_) => Vec::new(),
            };
            let mut answers = Vec::new();
            for ((turn, index), asked) in &asked {
                if requests.get(*index as usize).map(Request::digest) != Some(asked.digest) {
                    let key = RequestKey { cycle: self.fold.pins.cycle, task: record.id.clone(), turn: *turn, index: *index };
                    return Err(EngineError::Diverged { key: Box::new(key) });
                }
                answers.extend(asked.reply.clone());
            }
            compared += asked.len();
            if compared < record.asked.len() && (answers.len() < requests.len() || asked.is_empty()) {
                // The journal goes on to a later turn, but this one is not answered in full.
                let (turn, index) = (turn, asked.len() as u32);
                let key = RequestKey { cycle: self.fold.pins.cycle, task: record.id.clone(), turn, index };
                return Err(EngineError::Diverged { key: Box::new(key) });
            }
            replies.push(answers);
        }
        Ok(())
    }
}
