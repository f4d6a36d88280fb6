//! An event: something that somebody did. They travel in batches ([`super::Events`]), because a site has many and a journal
//! entry for each would help nobody.

use crate::base::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Something that somebody did, or an aggregated path of such things.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Event {
    pub at: Timestamp,
    /// A pseudonym: the source hashes whatever identified the person.
    pub who: String,
    /// `page_view`, `qualified`, `purchase` …; `path` for an aggregated journey.
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// The piece it came through, when links carried one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub piece: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// For an aggregated journey: its touches in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub path: Vec<String>,
    /// For an aggregated journey: how many ended in a conversion, and how many in none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub conversions: f64,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub nulls: f64,
    /// Everything else the row said.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, String>,
}

fn is_zero(value: &f64) -> bool {
    *value == 0.0
}
