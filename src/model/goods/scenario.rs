//! A scenario: what several divisions of a budget would do over the coming periods, in many possible futures.

use super::allocation::Estimate;
use super::insight::Verdict;
use crate::base::{Money, Timestamp};
use serde::{Deserialize, Serialize};

/// One division in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Course {
    /// `as today`, `as planned`, or its name in the file.
    pub name: String,
    /// All it spends over the horizon.
    pub spend: Money,
    /// The whole outcome over the horizon.
    pub outcome: Estimate,
    /// Against today's division.
    pub gain: Estimate,
    /// From 0 to 1: how likely it is that it brings more than today's.
    pub better: f64,
    /// What one unit of the outcome must be worth for the additional spend to pay; absent when nothing more is spent or nothing more comes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub break_even: Option<f64>,
    /// From 0 to 1: how likely it is that what it brings more is worth what it costs more, when it is said what a unit is worth.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pays: Option<f64>,
    /// Points of the distribution of outcomes: share of futures, outcome.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub plot: Vec<(String, f64)>,
}

/// Divisions side by side.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scenario {
    /// The step that made it.
    pub name: String,
    pub outcome: String,
    /// Periods looked ahead, and what they are: `week`.
    pub horizon: u64,
    pub per: String,
    /// Futures played.
    pub draws: u64,
    /// The first is today's.
    pub courses: Vec<Course>,
    pub verdict: Verdict,
    /// One sentence for a person, with a period.
    pub says: String,
    pub at: Timestamp,
}
