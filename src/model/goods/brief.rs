//! A research brief: what may be said, with the words it rests on.

use super::outline::TextEdit;
use super::signal::Evidence;
use crate::base::{ItemId, Timestamp};
use crate::model::Untrusted;
use serde::{Deserialize, Serialize};

/// Something the piece may say, and the signal that says it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Claim {
    /// `c1`, `c2` …: how drafts cite it.
    pub id: String,
    /// In our words, from typed facts only.
    pub text: String,
    pub quote: Untrusted,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    pub signal: ItemId,
}

/// A research brief.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Brief {
    pub title: String,
    pub topic: String,
    pub pillar: Option<String>,
    pub audience: String,
    pub angle: String,
    /// Never empty.
    pub claims: Vec<Claim>,
    /// What not to say: locked decisions and forbidden phrases.
    pub avoid: Vec<String>,
    /// Call to action from the Client OS.
    pub cta: Option<String>,
    /// Own related pages, title and URL.
    pub related: Vec<(String, String)>,
    pub evidence: Vec<Evidence>,
    /// Score and place of its opportunity.
    pub score: f64,
    pub rank: u32,
    pub volume: Option<f64>,
    pub growth: Option<f64>,
    pub intent: Option<String>,
    /// What people asked to be made otherwise when they sent an earlier version back, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub wishes: Vec<Wish>,
}

/// Why a piece was sent back to be made again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Wish {
    /// In the person's words.
    pub reason: String,
    pub by: String,
    pub at: Timestamp,
    /// What somebody had changed about it before it was sent back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edit: Option<TextEdit>,
    /// The name of the version that was sent back, where it was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}
