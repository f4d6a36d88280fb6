//! What a step depends on beside its input: digests by name.
//!
//! Every step has some, and most have the same four names and three of the same digests. So a name is a number where it is one of
//! the usual ones, and what is the same for all steps of a workflow is held once. On paper it is a plain map from names to digests.

use crate::base::Digest;
use crate::model::Few;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::sync::Arc;

/// The names that most steps have.
const USUAL: [&str; 6] = ["client-os", "clock", "config", "program", "state", "workflow"];

#[derive(Clone, Debug)]
enum Name {
    Usual(u8),
    Other(Arc<str>),
}

impl Name {
    fn new(name: &str) -> Name {
        match USUAL.iter().position(|usual| *usual == name) {
            Some(at) => Name::Usual(at as u8),
            None => Name::Other(name.into()),
        }
    }

    fn text(&self) -> &str {
        match self {
            Name::Usual(at) => USUAL[usize::from(*at)],
            Name::Other(name) => name,
        }
    }
}

type Part = (Name, Digest);

/// What all steps of a workflow depend on.
#[derive(Clone, Debug)]
pub(super) struct Common(Arc<[Part]>);

impl Common {
    pub fn new(parts: &[(&str, Digest)]) -> Common {
        Common(parts.iter().map(|(name, digest)| (Name::new(name), *digest)).collect())
    }
}

/// The parts of one step. The step and what it hands on hold the same ones.
#[derive(Clone, Debug, Default)]
pub struct Parts(Arc<Held>);

#[derive(Debug, Default)]
struct Held {
    common: Arc<[Part]>,
    /// No name stands in both.
    own: Few<Part>,
}

impl Parts {
    /// The names of `own` are not among the common ones. Of two with one name the later counts.
    pub(super) fn new<'n>(common: &Common, own: impl IntoIterator<Item = (&'n str, Digest)>) -> Parts {
        let mut parts: Vec<Part> = Vec::new();
        for (name, digest) in own {
            match parts.iter_mut().find(|(known, _)| known.text() == name) {
                Some(known) => known.1 = digest,
                None => parts.push((Name::new(name), digest)),
            }
        }
        Parts(Arc::new(Held { common: common.0.clone(), own: parts.into_iter().collect() }))
    }

    /// The digest of one part.
    pub fn get(&self, name: &str) -> Option<Digest> {
        self.unsorted().find(|(known, _)| *known == name).map(|(_, digest)| digest)
    }

    fn unsorted(&self) -> impl Iterator<Item = (&str, Digest)> {
        self.0.common.iter().chain(&self.0.own).map(|(name, digest)| (name.text(), *digest))
    }

    /// All of them, by name.
    pub fn all(&self) -> Vec<(&str, Digest)> {
        let mut all: Vec<(&str, Digest)> = self.unsorted().collect();
        all.sort_unstable_by_key(|(name, _)| *name);
        all
    }
}

impl PartialEq for Parts {
    fn eq(&self, other: &Parts) -> bool {
        self.all() == other.all()
    }
}

impl Serialize for Parts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.all())
    }
}

impl<'de> Deserialize<'de> for Parts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Parts, D::Error> {
        struct Names;

        impl<'de> Visitor<'de> for Names {
            type Value = Parts;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("digests by name")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Parts, A::Error> {
                let mut own: Vec<Part> = Vec::new();
                while let Some((name, digest)) = map.next_entry::<std::borrow::Cow<'_, str>, Digest>()? {
                    own.push((Name::new(&name), digest));
                }
                Ok(Parts(Arc::new(Held { common: Arc::default(), own: own.into_iter().collect() })))
            }
        }

        deserializer.deserialize_map(Names)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn on_paper_they_are_a_plain_map_whichever_way_they_are_held() {
        let digest = |text: &str| Digest::of(text);
        let plain: BTreeMap<String, Digest> =
            ["workflow", "config", "file a.hbs", "channel x", "clock"].map(|name| (name.to_owned(), digest(name))).into();
        let common = Common::new(&[("workflow", digest("workflow")), ("clock", digest("clock"))]);
        let own = ["file a.hbs", "config", "channel x"].map(|name| (name, digest(name)));
        let parts = Parts::new(&common, own);
        let json = serde_json::to_string(&plain).expect("plain texts");
        assert_eq!(serde_json::to_string(&parts).expect("plain texts"), json);
        let read: Parts = serde_json::from_str(&json).expect("its own text");
        assert_eq!(read, parts);
        assert_eq!((parts.get("config"), parts.get("nothing")), (Some(digest("config")), None));
        assert_ne!(parts, Parts::new(&common, [("config", digest("other"))]));
    }
}
