//! An allocation: how a budget is divided among channels, with what each division is expected to bring and how sure that is.

use super::insight::Verdict;
use crate::base::{Money, Timestamp};
use serde::{Deserialize, Serialize};

/// A number that is not known exactly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    pub expected: f64,
    /// Nine of ten cases lie between these.
    pub low: f64,
    pub high: f64,
}

/// Which bound decides an amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Held {
    Lock,
    Floor,
    Ceiling,
    /// It may not move further in one cycle.
    Change,
    /// The past says nothing about it, so it stays where it is.
    Unknown,
}

impl Held {
    /// As people read it: `at its floor`.
    pub fn words(self) -> &'static str {
        match self {
            Held::Lock => "locked",
            Held::Floor => "at its floor",
            Held::Ceiling => "at its ceiling",
            Held::Change => "as far as `change` lets it",
            Held::Unknown => "kept, as its past says nothing about it",
        }
    }
}

/// What one channel gets. Amounts and what they bring are per period of the budget.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Share {
    pub channel: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    pub amount: Money,
    /// What it got lately.
    pub present: Money,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<Held>,
    /// What the amount brings, and what the present one brings.
    pub brings: Estimate,
    pub brought: Estimate,
    /// What one more unit of money would bring.
    pub next: f64,
}

/// How well the outcome was told on periods that were held out.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct HeldOutError {
    pub periods: u64,
    /// Mean absolute error relative to the outcome.
    pub error: f64,
    /// The same for a model that knows nothing of the spend.
    pub without: f64,
    /// The share of periods inside their 90 % interval.
    pub covered: f64,
}

/// One way the world may be, given the past: for `scenario`. Six digits are kept of each number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Way {
    /// What comes anyway in a period of the data; then the scale and the degrees of freedom of chance in one.
    pub base: f64,
    pub noise: f64,
    pub freedom: f64,
    /// For each channel: two numbers for how its effect lasts (a share kept and 0, or a Weibull shape and scale), then top, half and steepness
    /// of its curve.
    pub channels: Vec<[f64; 5]>,
}

/// A division of a budget.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Allocation {
    /// The step that made it.
    pub name: String,
    /// The metric it is for.
    pub outcome: String,
    pub total: Money,
    /// `day`, `week` or `month`.
    pub per: String,
    /// The first is the first in the file.
    pub shares: Vec<Share>,
    /// The whole outcome in a period: with this division, with the present one, and with none at all.
    pub expected: Estimate,
    pub present: Estimate,
    pub nothing: Estimate,
    /// This division against the present one.
    pub gain: Estimate,
    /// From 0 to 1: how likely it is that it brings more than the present one.
    pub better: f64,
    /// How far at most it is from the best division of these curves, relative to what spend brings.
    pub gap: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tried: Option<HeldOutError>,
    /// Periods of data.
    pub periods: u64,
    pub verdict: Verdict,
    /// One sentence for a person, with a period.
    pub says: String,
    /// When the data ended.
    pub at: Timestamp,
    /// Days in a period of the data.
    pub days: f64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ways: Vec<Way>,
}

impl Allocation {
    /// Whether there was enough data to say what anything brings.
    pub fn is_learned(&self) -> bool {
        !matches!(self.verdict, Verdict::NotEnough { .. })
    }
}
