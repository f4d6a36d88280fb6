//! An asset: a version of a piece for one purpose, such as a test of its hook, one audience, or one platform.
//!
//! It holds a whole draft with the same brief and provenance as the piece it was made from, so whatever shows, checks, decides about
//! or sends out a draft does the same with an asset.

use super::draft::Draft;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What makes a version different from its siblings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// The same in every cycle, so that results of a test add up: `question-short`, `founders`, `thread`. A version of a version
    /// has both names: `founders/thread`.
    pub name: String,
    /// The value on each declared axis, for a variant.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub axes: BTreeMap<String, String>,
    /// For whom, when it was personalised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub segment: Option<String>,
    /// For which platform, when it was adapted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
}

impl Version {
    /// This version with another name below its own.
    #[must_use]
    pub fn then(&self, name: &str) -> Version {
        let name = if self.name.is_empty() { name.to_owned() } else { format!("{}/{name}", self.name) };
        Version { name, ..self.clone() }
    }
}

/// A version of a piece.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Asset {
    pub draft: Draft,
    pub version: Version,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_of_a_version_has_both_names() {
        let founders = Version { segment: Some("founders".into()), ..Version::default().then("founders") };
        let thread = founders.then("thread");
        assert_eq!((thread.name.as_str(), thread.segment.as_deref()), ("founders/thread", Some("founders")));
    }
}
