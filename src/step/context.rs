//! All that a step may look at. What is not in here cannot influence a step.

use super::Reply;
use crate::base::{CycleNo, Digest, ItemId, Rng, StepId, Timestamp};
use crate::client_os::Snapshot;
use crate::model::{Config, Good, Item, Operation, Step, Workflow};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Looks items of this cycle up by id, to walk from a piece to its signals.
pub trait Lineage {
    fn item(&self, id: &ItemId) -> Option<Arc<Item>>;
}

/// A lineage with nothing in it, for tests of steps that do not walk.
pub struct NoLineage;

impl Lineage for NoLineage {
    fn item(&self, _id: &ItemId) -> Option<Arc<Item>> {
        None
    }
}

/// A piece that went out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WentOut {
    pub step: StepId,
    pub channel: String,
    pub topic: String,
    pub placement: ItemId,
    /// Its idempotency key: by it the channel knows it.
    pub key: String,
    pub location: String,
    /// Under which the channel keeps it, as it was last known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Readers find it, as far as is known.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub public: bool,
}

fn yes() -> bool {
    true
}

fn is_yes(public: &bool) -> bool {
    *public
}

/// What a step sees when it is called.
#[derive(Clone, Copy)]
pub struct StepContext<'a> {
    pub workflow: &'a Workflow,
    pub step: &'a Step,
    /// Exactly one item for an `each` step, all of them in wire order for an `all` step, none for a source.
    pub inputs: &'a [Arc<Item>],
    /// One list per finished turn, each as long as that turn's requests.
    pub replies: &'a [Vec<Reply>],
    pub cycle: CycleNo,
    /// When the cycle opened. The same through all its life.
    pub now: Timestamp,
    /// Differs per cycle and task; the same on replay.
    pub seed: u64,
    pub client_os: &'a Snapshot,
    /// Its digest, taken once for the cycle.
    pub client_os_digest: Digest,
    /// What this step kept from the last cycle.
    pub state: Option<&'a Value>,
    /// Tuned parameters in force, by path (`opportunities.demand`).
    pub parameters: &'a BTreeMap<String, f64>,
    pub lineage: &'a dyn Lineage,
    /// What people did beside the cycles since the last one opened, in order.
    pub operations: &'a [Operation],
    /// Why this item is put to people again although somebody had approved it.
    pub again: Option<&'a str>,
    /// What went out in the cycle of which this one makes a part again; else nothing.
    pub went_out: &'a [WentOut],
}

impl<'a> StepContext<'a> {
    pub fn config(&self) -> &'a Config {
        &self.step.config
    }

    pub fn rng(&self) -> Rng {
        Rng::new(self.seed)
    }

    /// The tuned value of this step's parameter `name`, or what the file declares.
    pub fn parameter(&self, name: &str, declared: f64) -> f64 {
        self.parameters.get(&format!("{}.{name}", self.step.id)).copied().unwrap_or(declared)
    }

    /// Inputs of one kind of good, with their items: `cx.goods(|good| match good { Good::Signal(s) => Some(s), _ => None })`.
    pub fn goods<T: 'a>(&self, pick: impl Fn(&'a Good) -> Option<&'a T> + 'a) -> impl Iterator<Item = (&'a Arc<Item>, &'a T)> {
        self.inputs.iter().filter_map(move |item| pick(&item.good).map(|good| (item, good)))
    }
}
