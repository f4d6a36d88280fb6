//! The properties of one configuration node: a few values by name, sorted.
//!
//! A node has one or two of them and a workflow has many nodes, so they stand side by side in a vector: a map of this size would take ten
//! times the memory. The names come from the specs of the language, so mostly nothing is copied for them either.

use super::Scalar;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Values by name. Iterated, compared and serialized in the order of the names.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Props(
    /// Sorted by name; no name twice.
    Vec<(Cow<'static, str>, Scalar)>,
);

impl Props {
    fn place(&self, name: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(known, _)| known.as_ref().cmp(name))
    }

    pub fn get(&self, name: &str) -> Option<&Scalar> {
        self.place(name).ok().map(|at| &self.0[at].1)
    }

    /// Sets a value; returns the one that was set before.
    pub fn insert(&mut self, name: impl Into<Cow<'static, str>>, value: Scalar) -> Option<Scalar> {
        let name = name.into();
        match self.place(&name) {
            Ok(at) => Some(std::mem::replace(&mut self.0[at].1, value)),
            Err(at) => {
                // Most nodes with properties have one.
                if self.0.capacity() == self.0.len() {
                    self.0.reserve_exact(1);
                }
                self.0.insert(at, (name, value));
                None
            }
        }
    }

    pub fn remove(&mut self, name: &str) -> Option<Scalar> {
        let at = self.place(name).ok()?;
        let (_, value) = self.0.remove(at);
        if self.0.is_empty() {
            self.0 = Vec::new();
        }
        Some(value)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &Scalar)> {
        self.0.iter().map(|(name, value)| (name.as_ref(), value))
    }

    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.iter().map(|(name, _)| name)
    }

    pub fn values(&self) -> impl Iterator<Item = &Scalar> {
        self.0.iter().map(|(_, value)| value)
    }
}

impl<N: Into<Cow<'static, str>>> FromIterator<(N, Scalar)> for Props {
    fn from_iter<I: IntoIterator<Item = (N, Scalar)>>(pairs: I) -> Props {
        let mut props = Props::default();
        for (name, value) in pairs {
            props.insert(name, value);
        }
        props
    }
}

impl<N: Into<Cow<'static, str>>, const COUNT: usize> From<[(N, Scalar); COUNT]> for Props {
    fn from(pairs: [(N, Scalar); COUNT]) -> Props {
        pairs.into_iter().collect()
    }
}

impl Serialize for Props {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<'de> Deserialize<'de> for Props {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Props, D::Error> {
        Ok(BTreeMap::<String, Scalar>::deserialize(deserializer)?.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_behave_like_a_sorted_map() {
        let mut props: Props = [("weight", Scalar::Number(0.4)), ("above", Scalar::Integer(2))].into();
        assert_eq!(props.insert("per".to_owned(), Scalar::Text("day".into())), None);
        assert_eq!(props.insert("above", Scalar::Integer(3)), Some(Scalar::Integer(2)));
        assert_eq!(props.keys().collect::<Vec<_>>(), ["above", "per", "weight"]);
        assert_eq!((props.get("above"), props.get("below")), (Some(&Scalar::Integer(3)), None));
        let map: BTreeMap<String, Scalar> = props.iter().map(|(name, value)| (name.to_owned(), value.clone())).collect();
        let json = serde_json::to_string(&props).expect("plain values");
        assert_eq!(json, serde_json::to_string(&map).expect("plain values"), "stored forms and digests stay as they were");
        assert_eq!(serde_json::from_str::<Props>(&json).expect("just written"), props);
        assert_eq!(props.remove("per"), Some(Scalar::Text("day".into())));
        assert_eq!((props.len(), props.remove("per"), props.is_empty()), (2, None, false));
    }
}
