//! A set of kinds of goods, with a bit for each: what a wire carries, and what fits on it. There is one for every wire of a workflow.

use super::GoodKind;
use serde::{Serialize, Serializer};
use std::fmt;

/// Some kinds of goods, each once. On paper it is a list in the order of [`GoodKind::ALL`].
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Kinds(u32);

const _: () = assert!(GoodKind::ALL.len() <= 32, "each kind has a bit");

impl Kinds {
    pub const NONE: Kinds = Kinds(0);

    pub fn of(kinds: &[GoodKind]) -> Kinds {
        kinds.iter().copied().collect()
    }

    pub fn contains(self, kind: GoodKind) -> bool {
        self.0 & (1 << kind as u32) != 0
    }

    pub fn is_empty(self) -> bool {
        self == Kinds::NONE
    }

    pub fn both(self, other: Kinds) -> Kinds {
        Kinds(self.0 & other.0)
    }

    pub fn either(self, other: Kinds) -> Kinds {
        Kinds(self.0 | other.0)
    }

    pub fn without(self, other: Kinds) -> Kinds {
        Kinds(self.0 & !other.0)
    }

    pub fn iter(self) -> impl Iterator<Item = GoodKind> {
        GoodKind::ALL.iter().copied().filter(move |kind| self.contains(*kind))
    }
}

impl FromIterator<GoodKind> for Kinds {
    fn from_iter<I: IntoIterator<Item = GoodKind>>(kinds: I) -> Kinds {
        Kinds(kinds.into_iter().fold(0, |all, kind| all | 1 << kind as u32))
    }
}

impl fmt::Debug for Kinds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

impl Serialize for Kinds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_of_kinds_is_a_list_on_paper() {
        let some = Kinds::of(&[GoodKind::Draft, GoodKind::Signal, GoodKind::Draft]);
        assert_eq!(serde_json::to_string(&some).expect("plain words"), r#"["signal","draft"]"#);
        assert!(some.contains(GoodKind::Draft) && !some.contains(GoodKind::Asset) && !some.is_empty());
        assert_eq!(some.both(Kinds::of(&[GoodKind::Signal, GoodKind::Asset])), Kinds::of(&[GoodKind::Signal]));
        assert_eq!(some.without(some), Kinds::NONE);
        assert!(some.either(Kinds::of(GoodKind::ALL)).iter().eq(GoodKind::ALL.iter().copied()));
    }
}
