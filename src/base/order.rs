//! Putting short lists in order with little code.
//!
//! The library's own sort is fast because it is compiled anew for every kind of element and every comparison, some eight kilobytes
//! each time. Where a list is short, or read by people, that is not worth it: here places are sorted, by code that is compiled once,
//! and the elements are then moved to them. What is hot keeps to `sort_by`.

use std::cmp::Ordering;

/// Sorts like `sort_by` and `sort_by_key`: equals keep their order.
pub trait InOrder<T> {
    fn order_by(&mut self, compare: impl FnMut(&T, &T) -> Ordering);

    fn order_by_key<K: Ord>(&mut self, mut key: impl FnMut(&T) -> K) {
        self.order_by(|a, b| key(a).cmp(&key(b)));
    }
}

impl<T> InOrder<T> for [T] {
    fn order_by(&mut self, mut compare: impl FnMut(&T, &T) -> Ordering) {
        let places = places(self.len(), &mut |a, b| compare(&self[a as usize], &self[b as usize]));
        arrange(self, places);
    }
}

/// For each place, where what belongs there stands now.
fn places(len: usize, compare: &mut dyn FnMut(u32, u32) -> Ordering) -> Vec<u32> {
    let mut places: Vec<u32> = (0..len as u32).collect();
    places.sort_by(|a, b| compare(*a, *b));
    places
}

/// Puts what stands at place `order[n]` at place `n`, each moved once.
pub fn arrange<T>(pairs: &mut [T], mut order: Vec<u32>) {
    for start in 0..order.len() {
        let mut at = start;
        while order[at] as usize != start {
            let from = std::mem::replace(&mut order[at], at as u32) as usize;
            pairs.swap(at, from);
            at = from;
        }
        order[at] = at as u32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn lists_come_out_as_from_the_library_and_equals_keep_their_order(list in prop::collection::vec((0_u8..9, any::<u16>()), 0..80)) {
            let (mut ours, mut theirs) = (list.clone(), list.clone());
            ours.order_by_key(|(key, _)| *key);
            theirs.sort_by_key(|(key, _)| *key);
            prop_assert_eq!(&ours, &theirs);
            ours.order_by(|a, b| b.1.cmp(&a.1));
            theirs.sort_by_key(|b| std::cmp::Reverse(b.1));
            prop_assert_eq!(ours, theirs);
        }
    }
}
