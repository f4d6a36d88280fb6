//! Where things stand in a list, found by what they are called.
//!
//! A cycle has a hundred thousand tasks and as many items. A map that holds their names again costs more than the names; so this holds
//! only 64 bits of a name and a place, and the list says whether it is the one that was meant. Two names that agree in 64 bits are
//! told apart all the same, by asking about both.

use crate::base::{ItemId, TaskId};
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, DefaultHasher, Hash, Hasher};

/// 64 bits of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark(u64);

impl From<&ItemId> for Mark {
    fn from(id: &ItemId) -> Mark {
        // The id is a digest, so any part of it is as good as a hash of it.
        Mark(id.0.seed())
    }
}

impl From<&TaskId> for Mark {
    fn from(id: &TaskId) -> Mark {
        // With fixed keys: the same in every process.
        let mut hasher = DefaultHasher::new();
        id.step.as_str().hash(&mut hasher);
        id.item.as_ref().map(|item| item.0.seed()).hash(&mut hasher);
        Mark(hasher.finish())
    }
}

/// Marks are spread evenly already.
#[derive(Clone, Copy, Default)]
struct AsIs(u64);

impl Hasher for AsIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("only whole marks are looked up")
    }

    fn write_u64(&mut self, mark: u64) {
        self.0 = mark;
    }
}

/// Places by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Places {
    first: HashMap<u64, u32, BuildHasherDefault<AsIs>>,
    /// Those whose mark another one had before.
    more: Vec<(u64, u32)>,
}

impl Places {
    /// The place of the one with this mark that is meant.
    pub fn find(&self, mark: Mark, is_it: impl Fn(usize) -> bool) -> Option<usize> {
        let first = *self.first.get(&mark.0)? as usize;
        if is_it(first) {
            return Some(first);
        }
        self.more.iter().filter(|(other, _)| *other == mark.0).map(|(_, at)| *at as usize).find(|at| is_it(*at))
    }

    /// Puts one in that is not there yet.
    pub fn put(&mut self, mark: Mark, at: usize) {
        let at = u32::try_from(at).expect("a cycle has fewer than four thousand million of anything");
        match self.first.entry(mark.0) {
            std::collections::hash_map::Entry::Vacant(slot) => {
                slot.insert(at);
            }
            std::collections::hash_map::Entry::Occupied(_) => self.more.push((mark.0, at)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Digest, StepId};

    #[test]
    fn names_with_the_same_mark_are_told_apart() {
        let names = ["a", "b", "c"];
        let mut places = Places::default();
        (0..names.len()).for_each(|at| places.put(Mark(7), at));
        for (at, name) in names.iter().enumerate() {
            assert_eq!(places.find(Mark(7), |at| names[at] == *name), Some(at));
        }
        assert_eq!(places.find(Mark(7), |_| false), None);
        assert_eq!(places.find(Mark(8), |_| true), None);
    }

    #[test]
    fn the_mark_of_a_task_is_of_its_step_and_its_item() {
        let task =
            |step: &str, item: Option<&str>| TaskId { step: StepId::new(step), item: item.map(|id| ItemId(Digest::of(id))) };
        let all = [task("a", None), task("b", None), task("a", Some("x")), task("a", Some("y")), task("b", Some("x"))];
        let marks: Vec<u64> = all.iter().map(|task| Mark::from(task).0).collect();
        for (at, mark) in marks.iter().enumerate() {
            assert_eq!(marks.iter().position(|other| other == mark), Some(at));
        }
    }
}
