//! The items of a cycle and where they come from: "no source signal, no piece", checked item by item.

use super::places::{Mark, Places};
use crate::base::{InOrder, ItemId};
use crate::model::{Good, GoodKind, Item};
use crate::step::{Lineage, StepError};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The code in the message of a piece that comes from no signal.
pub const NO_SIGNAL: &str = "loop::no-source-signal";

#[derive(Clone, Debug, PartialEq)]
struct Known {
    item: Arc<Item>,
    /// It is a signal, or one of its ancestors is.
    from_signal: bool,
}

/// All items that a cycle has seen: its own, those that waited, and the ancestors of those.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Items {
    /// In the order in which they were made.
    order: Vec<Known>,
    places: Places,
}

impl Items {
    /// Adds an item after its parents.
    pub(super) fn add(&mut self, item: Arc<Item>) {
        if self.known(&item.id).is_some() {
            return;
        }
        let from_signal = self.comes_from_signal(&item);
        self.places.put(Mark::from(&item.id), self.order.len());
        self.order.push(Known { item, from_signal });
    }

    fn known(&self, id: &ItemId) -> Option<&Known> {
        self.places.find(Mark::from(id), |at| self.order[at].item.id == *id).map(|at| &self.order[at])
    }

    /// Whether a signal is among the ancestors of an item that may still be new here.
    pub fn comes_from_signal(&self, item: &Item) -> bool {
        item.kind() == GoodKind::Signal
            || item.parents.iter().any(|parent| self.known(parent).is_some_and(|known| known.from_signal))
            || named_signals(&item.good)
                .iter()
                .any(|id| self.known(id).is_some_and(|known| known.item.kind() == GoodKind::Signal))
    }

    /// The rule of production at run time.
    ///
    /// # Errors
    /// For an outline, draft or placement that no signal led to.
    pub(super) fn admit(&self, item: &Item) -> Result<(), StepError> {
        let is_piece = matches!(item.kind(), GoodKind::Outline | GoodKind::Draft | GoodKind::Asset | GoodKind::Placement);
        if !is_piece || self.comes_from_signal(item) {
            return Ok(());
        }
        Err(StepError::new(format!("{NO_SIGNAL}: no signal led to the {} `{}`", item.kind(), item.good.title()))
            .help("every piece must come from market evidence; wire the step to something that reads a source"))
    }

    pub fn get(&self, id: &ItemId) -> Option<&Arc<Item>> {
        self.known(id).map(|known| &known.item)
    }

    /// In the order in which they were made.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Item>> {
        self.order.iter().map(|known| &known.item)
    }

    pub fn len(&self) -> usize {
        self.order.len()
    }

    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// Items whose id starts with these hexadecimal digits, as people type them.
    pub fn starting_with(&self, prefix: &str) -> Vec<&Arc<Item>> {
        let prefix = prefix.to_ascii_lowercase();
        self.iter().filter(|item| item.id.to_string().starts_with(&prefix)).collect()
    }

    /// All known ancestors of these items: parents before what was made from them, and otherwise by id, so that the order does
    /// not depend on whose answer came first.
    pub fn ancestors<'a>(&self, of: impl IntoIterator<Item = &'a Item>) -> Vec<Arc<Item>> {
        let mut stack: Vec<ItemId> = Vec::new();
        for item in of {
            stack.extend(&item.parents);
            stack.extend(named_signals(&item.good));
        }
        self.all_above(stack)
    }

    /// Those that were named, and all known ancestors of them.
    fn all_above(&self, mut stack: Vec<ItemId>) -> Vec<Arc<Item>> {
        let mut wanted: BTreeSet<ItemId> = BTreeSet::new();
        while let Some(id) = stack.pop() {
            if let Some(item) = self.get(&id)
                && wanted.insert(id)
            {
                stack.extend(&item.parents);
                stack.extend(named_signals(&item.good));
            }
        }
        // How far each is from the items that came from outside.
        let mut depths: BTreeMap<ItemId, u32> = BTreeMap::new();
        let mut found: Vec<(u32, Arc<Item>)> = Vec::with_capacity(wanted.len());
        for item in self.iter().filter(|item| wanted.contains(&item.id)) {
            let depth = item.parents.iter().filter_map(|parent| depths.get(parent)).max().map_or(0, |depth| depth + 1);
            depths.insert(item.id, depth);
            found.push((depth, item.clone()));
        }
        found.order_by_key(|(depth, item)| (*depth, item.id));
        found.into_iter().map(|(_, item)| item).collect()
    }
}

/// Signals that a piece names as its evidence beside its parents.
fn named_signals(good: &Good) -> Vec<ItemId> {
    match good {
        Good::Outline(outline) => outline.provenance.signals().to_vec(),
        Good::Draft(draft) => draft.provenance.signals().to_vec(),
        Good::Asset(asset) => asset.draft.provenance.signals().to_vec(),
        Good::Placement(placement) => placement.draft.provenance.signals().to_vec(),
        Good::Signal(_)
        | Good::Events(_)
        | Good::Opportunity(_)
        | Good::Brief(_)
        | Good::Receipt(_)
        | Good::Lead(_)
        | Good::Insight(_)
        | Good::Report(_)
        | Good::Rejection(_)
        | Good::Amendment(_)
        | Good::Allocation(_)
        | Good::Scenario(_) => Vec::new(),
    }
}

impl Lineage for Items {
    fn item(&self, id: &ItemId) -> Option<Arc<Item>> {
        self.get(id).cloned()
    }
}
