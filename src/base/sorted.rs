//! A map in one piece of memory: pairs in the order of their keys.
//!
//! What a large cycle remembers has a hundred thousand keys, is made at once and then only read. A tree of it needs half as much memory
//! again, and both stand side by side while the tree is built.

use super::order::arrange;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Borrow;
use std::fmt;
use std::marker::PhantomData;

/// Pairs by key, each key once. On paper it is a plain map.
#[derive(Clone, PartialEq, Eq)]
pub struct SortedMap<K, V>(Vec<(K, V)>);

impl<K: Ord, V> SortedMap<K, V> {
    pub const fn new() -> SortedMap<K, V> {
        SortedMap(Vec::new())
    }

    /// Sorts the pairs where they stand. Of two with one key the later counts.
    pub fn from_pairs(mut pairs: Vec<(K, V)>) -> SortedMap<K, V> {
        if !pairs.is_sorted_by(|(before, _), (after, _)| before < after) {
            // A stable sort of the pairs themselves would need half as much memory again.
            let mut order: Vec<u32> = (0..pairs.len() as u32).collect();
            order.sort_unstable_by(|a, b| pairs[*a as usize].0.cmp(&pairs[*b as usize].0).then(b.cmp(a)));
            arrange(&mut pairs, order);
            // Of equals the one that came last stands first, and the first is kept.
            pairs.dedup_by(|(later, _), (first, _)| later == first);
        }
        SortedMap(pairs)
    }

    fn place<Q: Ord + ?Sized>(&self, key: &Q) -> Result<usize, usize>
    where
        K: Borrow<Q>,
    {
        self.0.binary_search_by(|(known, _)| known.borrow().cmp(key))
    }

    pub fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.place(key).ok().map(|at| &self.0[at].1)
    }

    pub fn contains_key<Q: Ord + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.place(key).is_ok()
    }

    /// Adds pairs; a key that is there already gets the new value. Takes as long as there are pairs in all.
    pub fn add(&mut self, more: impl IntoIterator<Item = (K, V)>) {
        let mut pairs = std::mem::take(&mut self.0);
        pairs.extend(more);
        *self = SortedMap::from_pairs(pairs);
    }

    /// Adds those pairs whose keys are not there yet.
    pub fn add_missing(&mut self, more: impl IntoIterator<Item = (K, V)>) {
        let missing: Vec<(K, V)> = more.into_iter().filter(|(key, _)| !self.contains_key(key)).collect();
        self.add(missing);
    }

    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.0.iter().map(|(key, value)| (key, value))
    }

    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.0.iter().map(|(_, value)| value)
    }

    pub fn retain(&mut self, keeps: impl Fn(&K, &V) -> bool) {
        self.0.retain(|(key, value)| keeps(key, value));
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<K, V> Default for SortedMap<K, V> {
    fn default() -> SortedMap<K, V> {
        SortedMap(Vec::new())
    }
}

impl<K: fmt::Debug, V: fmt::Debug> fmt::Debug for SortedMap<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.0.iter().map(|(key, value)| (key, value))).finish()
    }
}

impl<K: Ord, V> FromIterator<(K, V)> for SortedMap<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> SortedMap<K, V> {
        SortedMap::from_pairs(pairs.into_iter().collect())
    }
}

impl<K, V> IntoIterator for SortedMap<K, V> {
    type Item = (K, V);
    type IntoIter = std::vec::IntoIter<(K, V)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<K: Serialize, V: Serialize> Serialize for SortedMap<K, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key, value)))
    }
}

impl<'de, K: Deserialize<'de> + Ord, V: Deserialize<'de>> Deserialize<'de> for SortedMap<K, V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<SortedMap<K, V>, D::Error> {
        struct Pairs<K, V>(PhantomData<(K, V)>);

        impl<'de, K: Deserialize<'de> + Ord, V: Deserialize<'de>> Visitor<'de> for Pairs<K, V> {
            type Value = SortedMap<K, V>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<SortedMap<K, V>, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(SortedMap::from_pairs(pairs))
            }
        }

        deserializer.deserialize_map(Pairs(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn it_is_the_tree_it_stands_for(first in prop::collection::vec((0_u8..40, 0_u8..9), 0..60), more in prop::collection::vec((0_u8..40, 0_u8..9), 0..60), absent in 0_u8..50) {
            let mut tree: BTreeMap<u8, u8> = first.iter().copied().collect();
            let mut map: SortedMap<u8, u8> = first.iter().copied().collect();
            prop_assert!(map.iter().eq(tree.iter()));
            map.add_missing(BTreeMap::from_iter(more.iter().copied()));
            BTreeMap::from_iter(more.iter().copied()).into_iter().for_each(|(key, value)| { tree.entry(key).or_insert(value); });
            prop_assert!(map.iter().eq(tree.iter()));
            map.add(first.iter().chain(&more).copied());
            tree.extend(first.iter().chain(&more).copied());
            prop_assert!(map.iter().eq(tree.iter()) && map.values().eq(tree.values()));
            prop_assert_eq!(map.get(&absent), tree.get(&absent));
            prop_assert_eq!(map.contains_key(&absent), tree.contains_key(&absent));
            let json = serde_json::to_string(&map).expect("plain numbers");
            prop_assert_eq!(&json, &serde_json::to_string(&tree).expect("plain numbers"));
            prop_assert_eq!(&serde_json::from_str::<SortedMap<u8, u8>>(&json).expect("just written"), &map);
            map.retain(|key, _| key % 3 == 0);
            tree.retain(|key, _| key % 3 == 0);
            prop_assert_eq!((map.len(), map.is_empty()), (tree.len(), tree.is_empty()));
            prop_assert!(map.into_iter().eq(tree));
        }
    }
}
