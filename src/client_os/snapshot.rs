//! What every generating step reads, taken once when a cycle opens and pinned to its end.

use crate::base::Digest;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A territory the team wants to be known for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pillar {
    pub name: String,
    pub about: String,
    /// From 0 to 1; the weights of all pillars sum to 1 after reading.
    pub weight: f64,
    /// A locked weight is changed by no proposal.
    pub locked: bool,
    /// Words that place a topic in this pillar.
    pub topics: Vec<String>,
}

/// A goal in numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Goal {
    pub name: String,
    pub target: f64,
    /// `month`, `quarter` …
    pub per: String,
    /// The metric that counts towards it.
    pub metric: String,
    /// The last day on which it counts, such as `2026-12-31`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
}

/// Something the team has decided for good: a proposal may question it, never edit it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    pub name: String,
    pub text: String,
    /// Phrases that would break it.
    pub forbids: Vec<String>,
}

/// The whole Client OS as one value.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The text of each file by its path in the folder, `/`-separated.
    pub files: BTreeMap<String, String>,
    pub company: String,
    pub voice: String,
    /// Who we write for.
    pub audience: String,
    pub services: Vec<String>,
    pub ctas: Vec<String>,
    pub forbidden: Vec<String>,
    pub samples: Vec<String>,
    /// Own pages: title and URL.
    pub pages: Vec<(String, String)>,
    pub goals: Vec<Goal>,
    pub pillars: Vec<Pillar>,
    pub decisions: Vec<Decision>,
    /// Style guides by platform.
    pub styles: BTreeMap<String, String>,
    /// Rule files by their path in the folder: `rules/<pack>/<Rule>.yml`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub rules: BTreeMap<String, String>,
}

impl Snapshot {
    /// The version of the Client OS: the digest of its files.
    pub fn digest(&self) -> Digest {
        Digest::of_json(&self.files)
    }
}
