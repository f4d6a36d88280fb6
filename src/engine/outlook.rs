//! What the next cycle would run, before it runs: the question behind `loopctl plan`.
//!
//! It compares what every step depends on with what the last cycle remembers. Whether an item is new is only known when the
//! sources have been read, so the answer is about steps: what has changed about the step itself.

use super::carry::Carry;
use super::memory::changed_steps;
use super::waited::Waited;
use crate::base::StepId;
use crate::client_os::Snapshot;
use crate::model::Workflow;
use crate::step::{Mode, Registry};
use serde::Serialize;

/// What is known about a step's next run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "will", content = "because")]
pub enum Will {
    /// It reads the outside, so it always runs.
    Read,
    /// People decide, so it asks for every item.
    Ask,
    /// It publishes every new item.
    Publish,
    /// It keeps state from cycle to cycle, so it always runs.
    Remember,
    /// What it says depends on the date, so it always runs.
    FollowClock,
    /// Items that are as they were in the last cycle are not worked on again.
    ReuseUnchanged,
    /// These parts have changed since the last cycle, so everything is worked on again.
    RunAgain(Vec<String>),
    /// The last cycle remembers nothing of it.
    RunFirst,
}

/// One step's outlook.
#[derive(Clone, Debug, Serialize)]
pub struct StepOutlook {
    pub step: StepId,
    #[serde(flatten)]
    pub will: Will,
    /// Items that wait at this step from the last cycle, first in line.
    pub deferred: usize,
    /// Why the one that waited longest was deferred, and since when it waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waited: Option<Waited>,
    /// Of those, how many lost their approval because what it was about has changed: they go to their gate again.
    #[serde(skip_serializing_if = "is_zero")]
    pub void: usize,
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// The outlook of every step, in file order. `carry` is what the last closed cycle handed on.
pub fn outlook(workflow: &Workflow, registry: &Registry, client_os: &Snapshot, carry: &Carry) -> Vec<StepOutlook> {
    let mut changes = changed_steps(workflow, client_os, carry);
    let decides = |id: &StepId| {
        let kind = workflow.step(id).and_then(|step| registry.find(&step.verb, step.connector.as_deref()));
        kind.is_some_and(|kind| kind.spec().decides)
    };
    let judged = carry.clone().judged(workflow, client_os.digest(), decides);
    workflow
        .steps
        .iter()
        .map(|step| {
            let kind = registry.find(&step.verb, step.connector.as_deref());
            let will = match kind.map(|kind| kind.spec()) {
                Some(spec) if spec.mode == Mode::Source => Will::Read,
                Some(spec) if spec.decides => Will::Ask,
                Some(spec) if spec.publishes => Will::Publish,
                Some(spec) if spec.keeps.is_some() => Will::Remember,
                _ if kind.is_some_and(|kind| kind.reads_clock()) => Will::FollowClock,
                _ => match changes.remove(&step.id) {
                    None => Will::RunFirst,
                    Some(parts) if parts.is_empty() => Will::ReuseUnchanged,
                    Some(parts) => Will::RunAgain(parts),
                },
            };
            let line = carry.deferred.get(&step.id).map_or(&[][..], Vec::as_slice);
            let waited = line.iter().filter_map(|item| carry.waited.get(&item.id)).min_by_key(|waited| waited.since).cloned();
            let void = line.len()
                - judged
                    .deferred
                    .get(&step.id)
                    .map_or(0, |left| left.iter().filter(|item| line.iter().any(|known| known.id == item.id)).count());
            StepOutlook { step: step.id.clone(), will, deferred: line.len(), waited, void }
        })
        .collect()
}
