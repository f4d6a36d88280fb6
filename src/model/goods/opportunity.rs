//! An opportunity: a topic with its score, and the whole reckoning behind the score.

use super::signal::Evidence;
use serde::{Deserialize, Serialize};

/// What one rule said about an opportunity.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RuleScore {
    pub rule: String,
    /// The weight in force in this cycle, after normalising all weights to sum to 1.
    pub weight: f64,
    /// From 0 to 1; `None` when the signal did not have what the rule asks for. It then counts as 0.5 with lower confidence.
    pub value: Option<f64>,
}

impl RuleScore {
    /// The rule's share of the score.
    pub fn contribution(&self) -> f64 {
        self.weight * self.value.unwrap_or(0.5)
    }
}

/// A scored chance to write something worth reading.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Opportunity {
    /// The topic of its signals.
    pub topic: String,
    pub title: String,
    /// From 0 to 1: the sum of the contributions.
    pub score: f64,
    /// From 0 to 1: the share of weight whose rules had data.
    pub confidence: f64,
    /// From 1: the place in its cycle.
    pub rank: u32,
    pub breakdown: Vec<RuleScore>,
    /// The Client OS pillar it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pillar: Option<String>,
    /// Latest volume, growth and intent of the topic, for the brief.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volume: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub growth: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intent: Option<String>,
    /// Never empty.
    pub evidence: Vec<Evidence>,
}
