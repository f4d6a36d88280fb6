//! A rejection: what a person turned down, and why. It goes where Learning can count reasons; the piece itself goes nowhere.

use crate::base::{ItemId, Timestamp};
use serde::{Deserialize, Serialize};

/// What a person turned down at a gate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rejection {
    /// The outline or draft.
    pub item: ItemId,
    pub title: String,
    pub topic: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pillar: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    pub by: String,
    pub at: Timestamp,
}
