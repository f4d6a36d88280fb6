//! A receipt: proof that a placement went out, and the key under which its outcomes come home.

use crate::base::{ItemId, Timestamp};
use serde::{Deserialize, Serialize};

/// Proof that a placement went out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Receipt {
    pub placement: ItemId,
    pub title: String,
    pub topic: String,
    pub pillar: Option<String>,
    pub channel: String,
    /// The idempotency key handed to the channel; also the `piece` that links carry.
    pub key: String,
    /// A path or URL.
    pub location: String,
    pub at: Timestamp,
    /// Whether a person edited the piece on its way.
    pub edited: bool,
}
