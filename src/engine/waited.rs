//! Work that waited for a later cycle: since when, why, and on whose word.
//!
//! A piece that a person approved may stand behind a cap until tomorrow. Its approval is pinned to what was approved: the piece,
//! which is its id; the Client OS; and where it goes. When one of the last two is another when the next cycle opens, the approval
//! is void, and the piece goes to its gate again with the reason beside it. Else it keeps its approval and goes out first.
//!
//! What is judged here follows from the carry, the workflow and the Client OS of the cycle that opens, so recovery and replay
//! arrive at the same.

use super::carry::Carry;
use super::lineage::Items;
use crate::base::{Digest, ItemId, StepId, Timestamp};
use crate::builtin::production::gate;
use crate::model::{Good, Item, Workflow};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// One item that waits for a later cycle.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Waited {
    /// The time of the cycle in which it was deferred first.
    pub since: Timestamp,
    /// Why it was deferred last: `the cap of 3 pieces a day is reached`.
    pub reason: String,
    /// How many cycles have tried it and failed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub failed: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved: Option<Approved>,
}

fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// The approval that a waiting item rests on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Approved {
    pub gate: StepId,
    /// What the gate let through: the item itself, or the piece that it was made from.
    pub piece: ItemId,
    pub by: String,
    pub client_os: Digest,
    /// The digest of where pieces go from that gate.
    pub target: Digest,
    /// Channels on which the same piece has gone out already.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub out: BTreeSet<String>,
}

/// A piece whose approval is void.
#[derive(Clone, Debug, PartialEq)]
pub struct Revoked {
    /// A sentence without its period.
    pub reason: String,
    /// Channels on which it has gone out already, and goes out no second time.
    pub out: BTreeSet<String>,
}

/// The approval that an item rests on: that of the nearest gate among the item and its ancestors.
pub(super) fn approval(
    items: &Items,
    workflow: &Workflow,
    decides: impl Fn(&StepId) -> bool,
    client_os: Digest,
    item: &Item,
) -> Option<Approved> {
    let (mut seen, mut row) = (BTreeSet::from([item.id]), vec![item.clone()]);
    while !row.is_empty() {
        let mut next = Vec::new();
        for item in row {
            let by = match &item.good {
                Good::Outline(outline) => outline.approved_by.clone(),
                Good::Draft(draft) => draft.approved_by.clone(),
                _ => None,
            };
            if let (Some(by), true) = (by, decides(&item.made_by)) {
                let gate = item.made_by.clone();
                let target = gate::target(workflow, &gate);
                return Some(Approved { gate, piece: item.id, by, client_os, target, out: BTreeSet::new() });
            }
            let parents = item.parents.iter().filter(|parent| seen.insert(**parent));
            next.extend(parents.filter_map(|parent| items.get(parent)).map(|parent| Item::clone(parent)));
        }
        row = next;
    }
    None
}

impl Carry {
    /// Takes back approvals of what is another by now: those pieces go to their gates again. `decides` says which steps of the
    /// workflow are gates; a piece whose gate is gone has nobody to go to, and stays where it is.
    pub(super) fn judged(mut self, workflow: &Workflow, client_os: Digest, decides: impl Fn(&StepId) -> bool) -> Carry {
        let mut again: BTreeMap<StepId, Vec<Item>> = BTreeMap::new();
        let mut targets: BTreeMap<StepId, Digest> = BTreeMap::new();
        let mut deferred = std::mem::take(&mut self.deferred);
        for (step, items) in &mut deferred {
            items.retain(|item| {
                let approved = self.waited.get(&item.id).and_then(|waited| waited.approved.as_ref());
                let Some(approved) = approved.filter(|approved| approved.gate != *step && decides(&approved.gate)) else {
                    return true;
                };
                let target = targets.entry(approved.gate.clone()).or_insert_with(|| gate::target(workflow, &approved.gate));
                let changed = match (approved.client_os != client_os, approved.target != *target) {
                    (false, false) => return true,
                    (true, false) => "the Client OS has changed",
                    (false, true) => "where it goes has changed",
                    (true, true) => "the Client OS and where it goes have changed",
                };
                let piece = if item.id == approved.piece {
                    Some(item)
                } else {
                    self.ancestors.iter().find(|known| known.id == approved.piece)
                };
                let Some(piece) = piece else { return true };
                let reason = format!("{} approved it, and {changed} since", approved.by);
                let void = self.void.entry(piece.id).or_insert_with(|| Revoked { reason, out: BTreeSet::new() });
                void.out.extend(approved.out.iter().cloned());
                let line = again.entry(approved.gate.clone()).or_default();
                if line.iter().all(|known| known.id != piece.id) {
                    line.push(piece.clone());
                }
                false
            });
        }
        for (gate, pieces) in again {
            deferred.entry(gate).or_default().splice(0..0, pieces);
        }
        deferred.retain(|_, items| !items.is_empty());
        self.deferred = deferred;
        self
    }
}
