//! Names and keys. A step's name is its id: unique in a workflow and stable across edits of the rest of the file.

use super::Digest;
use serde::{Deserialize, Serialize};
use std::cell::RefCell;
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

/// Reads a name. A journal says the same few names over and over, and they are one text in memory.
struct Name;

/// So many names are known at once; then it begins anew.
const NAMES_MOST: usize = 1_024;

thread_local! {
    static NAMES: RefCell<HashSet<Arc<str>>> = RefCell::default();
}

impl serde::de::Visitor<'_> for Name {
    type Value = Arc<str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Arc<str>, E> {
        Ok(NAMES.with_borrow_mut(|names| {
            if let Some(known) = names.get(text) {
                return known.clone();
            }
            if names.len() >= NAMES_MOST {
                names.clear();
            }
            let name: Arc<str> = text.into();
            names.insert(name.clone());
            name
        }))
    }
}

macro_rules! name_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<$name, D::Error> {
                deserializer.deserialize_str(Name).map($name)
            }
        }

        impl $name {
            pub fn new(text: impl AsRef<str>) -> $name {
                $name(Arc::from(text.as_ref()))
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &self.0)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> $name {
                $name::new(text)
            }
        }
    };
}

name_id!(
    /// The name of a workflow, as written after `workflow`.
    WorkflowId
);
name_id!(
    /// The name of a step, as written after its verb.
    StepId
);

/// The content hash of an item: kind, data, parents and the step that made it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ItemId(pub Digest);

impl ItemId {
    /// The first hexadecimal digits, enough to type: `7f3a1c`.
    pub fn short(&self) -> String {
        self.0.short(6)
    }
}

impl fmt::Display for ItemId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for ItemId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ItemId({})", self.short())
    }
}

/// The number of a cycle, from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CycleNo(pub u32);

impl CycleNo {
    pub fn next(self) -> CycleNo {
        CycleNo(self.0 + 1)
    }
}

impl fmt::Display for CycleNo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One step applied to one item (`each`) or to all of its input (`all`, `item` is `None`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TaskId {
    pub step: StepId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<ItemId>,
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.item {
            Some(item) => write!(f, "{}/{}", self.step, item.short()),
            None => write!(f, "{}", self.step),
        }
    }
}

/// Where a request stands: which task of which cycle asked it, in which turn, as which of that turn's requests.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RequestKey {
    pub cycle: CycleNo,
    pub task: TaskId,
    pub turn: u32,
    pub index: u32,
}

impl fmt::Display for RequestKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}.{}", self.cycle, self.task, self.turn, self.index)
    }
}
