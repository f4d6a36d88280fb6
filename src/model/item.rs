//! An item: anything that flows. Its parents make the lineage graph that `loopctl trace` walks.

use super::goods::{Good, GoodKind};
use crate::base::{Hasher, ItemId, StepId};
use serde::{Deserialize, Serialize};

/// A good with its identity and lineage. The id is the hash of everything else.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Item {
    pub id: ItemId,
    pub good: Good,
    /// Items this one was made from; sorted and without repeats. Empty only for goods that came from outside.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parents: Vec<ItemId>,
    pub made_by: StepId,
}

impl Item {
    pub fn new(good: Good, mut parents: Vec<ItemId>, made_by: StepId) -> Item {
        parents.sort();
        parents.dedup();
        let mut hasher = Hasher::new();
        hasher.json(&good).json(&parents).part(made_by.as_str());
        Item { id: ItemId(hasher.finish()), good, parents, made_by }
    }

    pub fn kind(&self) -> GoodKind {
        self.good.kind()
    }
}
