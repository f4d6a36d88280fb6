//! A lead: somebody who may buy, with a calibrated probability and its reasons.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What moved a lead's score, and by how much in log-odds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reason {
    pub feature: String,
    pub effect: f64,
}

/// A person or company that may buy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lead {
    /// A pseudonym.
    pub who: String,
    /// Calibrated probability from 0 to 1; `None` when there was not enough evidence for a model.
    pub score: Option<f64>,
    /// The strongest first.
    pub reasons: Vec<Reason>,
    pub fields: BTreeMap<String, String>,
    /// The state that `qualify` put it in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Where `qualify` sends it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}
