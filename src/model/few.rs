//! A list that mostly holds one thing, which then stands in the list itself.
//!
//! Nearly every node of a workflow has one argument at one place. A vector for each would be a piece of memory of its own, and a large
//! workflow has a million of them.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::ops::{Deref, DerefMut};

/// None, one or more values in their order; reads like a slice.
#[derive(Clone)]
pub struct Few<T>(Held<T>);

#[derive(Clone)]
enum Held<T> {
    One(T),
    /// None, or more than one; one as well after something was put in as a vector.
    Many(Vec<T>),
}

impl<T> Few<T> {
    pub const fn new() -> Few<T> {
        Few(Held::Many(Vec::new()))
    }

    pub fn push(&mut self, value: T) {
        self.0 = match std::mem::replace(&mut self.0, Held::Many(Vec::new())) {
            Held::One(first) => Held::Many(vec![first, value]),
            Held::Many(none) if none.is_empty() => Held::One(value),
            Held::Many(mut many) => {
                many.push(value);
                Held::Many(many)
            }
        };
    }
}

impl<T> Default for Few<T> {
    fn default() -> Few<T> {
        Few::new()
    }
}

impl<T> Deref for Few<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        match &self.0 {
            Held::One(one) => std::slice::from_ref(one),
            Held::Many(many) => many,
        }
    }
}

impl<T> DerefMut for Few<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        match &mut self.0 {
            Held::One(one) => std::slice::from_mut(one),
            Held::Many(many) => many,
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for Few<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: PartialEq> PartialEq for Few<T> {
    fn eq(&self, other: &Few<T>) -> bool {
        **self == **other
    }
}

impl<T> From<Vec<T>> for Few<T> {
    fn from(values: Vec<T>) -> Few<T> {
        Few(Held::Many(values))
    }
}

impl<T, const COUNT: usize> From<[T; COUNT]> for Few<T> {
    fn from(values: [T; COUNT]) -> Few<T> {
        values.into_iter().collect()
    }
}

impl<T> FromIterator<T> for Few<T> {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Few<T> {
        let mut few = Few::new();
        values.into_iter().for_each(|value| few.push(value));
        few
    }
}

impl<'f, T> IntoIterator for &'f Few<T> {
    type Item = &'f T;
    type IntoIter = std::slice::Iter<'f, T>;

    fn into_iter(self) -> std::slice::Iter<'f, T> {
        self.iter()
    }
}

impl<T: Serialize> Serialize for Few<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Few<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Few<T>, D::Error> {
        Ok(Vec::<T>::deserialize(deserializer)?.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_behave_like_a_vector() {
        let mut few: Few<String> = Few::new();
        let mut vector: Vec<String> = Vec::new();
        for word in ["one", "two", "three", "four"] {
            assert_eq!(*few, *vector);
            let json = serde_json::to_string(&few).expect("plain texts");
            assert_eq!(json, serde_json::to_string(&vector).expect("plain texts"), "stored forms and digests stay as they were");
            assert_eq!(serde_json::from_str::<Few<String>>(&json).expect("just written"), few);
            assert_eq!(Few::from(vector.clone()), few, "also when the one stands in a vector");
            few.push(word.to_owned());
            vector.push(word.to_owned());
        }
        few[0].push('!');
        few.iter_mut().for_each(|word| word.push('.'));
        assert_eq!((few.first().map(String::as_str), few.len()), (Some("one!."), 4));
        assert!((&few).into_iter().eq(few.iter()) && Few::<u8>::default().is_empty());
    }

    #[test]
    fn one_value_needs_no_memory_of_its_own() {
        use crate::diag::Span;
        use crate::model::{Config, Scalar};
        assert_eq!(size_of::<Few<Scalar>>(), size_of::<Scalar>());
        assert_eq!(size_of::<Few<Span>>(), 24);
        assert!(size_of::<Config>() <= 152);
    }
}
