//! What crosses from one cycle to the next: the only way back in the circle.

use super::again::Again;
use super::edits::Edits;
use super::out::{Outs, Stands};
use super::parts::Parts;
use super::people::Written;
use super::waited::{Revoked, Waited};
use crate::base::{Digest, ItemId, Shared, SortedMap, StepId, TaskId};
use crate::model::{Act, Few, Item, Operation};
use crate::step::Note;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// How much of each cap is used, by cap key and window key (`outlines`, `2026-11-22`).
///
/// The window keys come from [`crate::model::Window::key`]; amounts are pieces, tokens or millionths of a currency unit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Ledger(pub BTreeMap<String, BTreeMap<String, i64>>);

impl Ledger {
    pub fn used(&self, cap: &str, window: &str) -> i64 {
        self.0.get(cap).and_then(|windows| windows.get(window)).copied().unwrap_or(0)
    }

    /// Adds all of another one.
    pub fn add_all(&mut self, other: &Ledger) {
        for (cap, windows) in &other.0 {
            windows.iter().for_each(|(window, amount)| self.add(cap, window, *amount));
        }
    }

    pub fn add(&mut self, cap: &str, window: &str, amount: i64) {
        *self.0.entry(cap.to_owned()).or_default().entry(window.to_owned()).or_default() += amount;
    }
}

/// A task's remembered output: the step is not run again while nothing it depends on has changed. A large cycle has one for each of
/// its tasks, so what few of them have stands apart.
#[derive(Clone, Debug, PartialEq)]
pub struct Memory {
    /// The cycle's own, not copies of them.
    pub items: Few<Shared<Item>>,
    pub said: Option<Box<Said>>,
    /// Whose output it is, so that a later run can say what has changed since.
    pub task: Option<TaskId>,
    /// The digest of its inputs; what else it depended on is in [`Carry::parts`], once for all tasks of its step.
    pub inputs: Option<Digest>,
}

/// What a task told people.
#[derive(Clone, Debug, PartialEq)]
pub struct Said {
    pub headline: Option<String>,
    pub notes: Vec<Note>,
}

impl Said {
    /// Nothing where nothing was said.
    pub fn new(headline: Option<String>, notes: Vec<Note>) -> Option<Box<Said>> {
        (headline.is_some() || !notes.is_empty()).then(|| Box::new(Said { headline, notes }))
    }
}

impl Memory {
    pub fn headline(&self) -> Option<&String> {
        self.said.as_ref()?.headline.as_ref()
    }

    pub fn notes(&self) -> &[Note] {
        self.said.as_ref().map_or(&[], |said| &said.notes)
    }
}

/// A memory as it is stored.
#[derive(Serialize)]
struct Stored<'m> {
    items: &'m Few<Shared<Item>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    headline: Option<&'m String>,
    #[serde(skip_serializing_if = "<[Note]>::is_empty")]
    notes: &'m [Note],
    #[serde(skip_serializing_if = "Option::is_none")]
    task: Option<&'m TaskId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    inputs: Option<&'m Digest>,
}

impl Serialize for Memory {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Memory { items, task, inputs, .. } = self;
        let (headline, notes) = (self.headline(), self.notes());
        Stored { items, headline, notes, task: task.as_ref(), inputs: inputs.as_ref() }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Memory {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Memory, D::Error> {
        #[derive(Deserialize)]
        struct Read {
            items: Few<Shared<Item>>,
            #[serde(default)]
            headline: Option<String>,
            #[serde(default)]
            notes: Vec<Note>,
            #[serde(default)]
            task: Option<TaskId>,
            #[serde(default)]
            inputs: Option<Digest>,
        }
        let Read { items, headline, notes, task, inputs } = Read::deserialize(deserializer)?;
        Ok(Memory { items, said: Said::new(headline, notes), task, inputs })
    }
}

/// What one cycle hands to the next.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Carry {
    /// What each step keeps.
    pub states: BTreeMap<StepId, Value>,
    /// Tuned parameters by path.
    pub parameters: BTreeMap<String, f64>,
    /// Work over a cap: the items that wait at each step, in rank order. They are first in line.
    pub deferred: BTreeMap<StepId, Vec<Item>>,
    /// The last edits that people made, by the step that writes and the topic: they are kept when it is written anew.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub edits: Edits,
    /// Since when, why and on whose word deferred items wait.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub waited: BTreeMap<ItemId, Waited>,
    /// Pieces whose approval is void in the cycle that opened with this. Worked out when it opens, and so never stored.
    #[serde(skip)]
    pub void: BTreeMap<ItemId, Revoked>,
    /// The ancestors of deferred items, oldest first, so that a piece that waited still leads back to its signals.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ancestors: Vec<Item>,
    /// Outputs of the tasks of the last cycle, by task digest.
    pub memory: SortedMap<Digest, Memory>,
    /// The digests of what each step depended on beside its input, by name: `config`, `provider drafter` …
    #[serde(default, skip_serializing_if = "SortedMap::is_empty")]
    pub parts: SortedMap<StepId, Parts>,
    pub ledger: Ledger,
    /// The pieces that are out, by key, and how they stand in their channels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub out: Outs,
    /// Who was written to how often, where a cap counts people.
    #[serde(default, skip_serializing_if = "Written::is_empty")]
    pub written: Written,
    /// What it takes over, when it makes a part of an earlier cycle again. Never handed on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again: Option<Arc<Again>>,
}

impl Carry {
    /// As a cycle would open with it after these operations.
    pub fn after(self, operations: &[Operation]) -> Carry {
        self.with(operations)
    }

    /// With what people set by hand since: their word goes before what the last cycle tuned.
    pub(super) fn with(mut self, operations: &[Operation]) -> Carry {
        for operation in operations {
            match &operation.act {
                Act::Set { path, to, .. } if to.is_finite() => {
                    self.parameters.insert(path.clone(), *to);
                }
                Act::Found(found) => self.found(found),
                Act::Set { .. } | Act::Reviewed(_) | Act::TakenBack { .. } | Act::Again { .. } | Act::Reloaded { .. } => {}
            }
        }
        if let Some(again) = &mut self.again {
            let again = Arc::make_mut(again);
            for out in &mut again.out {
                if let Some(known) = self.out.get(&out.key) {
                    out.version.clone_from(&known.version);
                    out.location.clone_from(&known.location);
                    out.public = known.stands == Stands::Public;
                }
            }
        }
        self
    }
}
