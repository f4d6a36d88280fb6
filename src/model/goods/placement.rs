//! A placement: one piece for one channel, with the probability with which that channel was chosen.

use super::asset::Version;
use super::draft::Draft;
use serde::{Deserialize, Serialize};

/// A piece assigned to a channel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Placement {
    pub draft: Draft,
    /// Which version of the piece, when there are several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<Version>,
    pub channel: String,
    /// `fixed`, `thompson` …
    pub policy: String,
    /// From 0 to 1: how likely the policy was to choose this channel. Logged so that later estimates are honest.
    pub propensity: f64,
    /// Why, in a few words.
    pub why: String,
}
