//! Where a piece comes from: "no source signal, no piece", as a type.

use crate::base::{Digest, ItemId, Money};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The signals behind a piece and the Client OS version it was made with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    /// Never empty; sorted, without repeats.
    signals: Vec<ItemId>,
    pub client_os: Digest,
}

impl Provenance {
    /// `None` when there is no signal: such a piece cannot be made.
    pub fn new(mut signals: Vec<ItemId>, client_os: Digest) -> Option<Provenance> {
        signals.sort();
        signals.dedup();
        (!signals.is_empty()).then_some(Provenance { signals, client_os })
    }

    pub fn signals(&self) -> &[ItemId] {
        &self.signals
    }
}

/// Who wrote a text, and what it cost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Writer {
    /// The role name of the provider.
    pub provider: String,
    /// The model that answered; `template` when no model was asked.
    pub model: String,
    pub tokens: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Money>,
    /// Digest of the prompt.
    pub prompt: Digest,
    /// Personal data that was taken out of what the model was told, by kind: `e-mail`, `phone`, `name`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub redacted: BTreeMap<String, u64>,
}
