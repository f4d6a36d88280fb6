//! An insight: something learned, with its uncertainty and in plain words.

use crate::base::{Digest, Timestamp};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What an insight is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Subject {
    Channel(String),
    Pillar(String),
    Piece(String),
    Topic(String),
    Metric(String),
    /// A tunable parameter by its path: `opportunities.demand`. `value` is then the setting the evidence speaks for.
    Parameter(String),
    Model(String),
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Subject::Channel(name) => write!(f, "channel {name}"),
            Subject::Pillar(name) => write!(f, "pillar {name}"),
            Subject::Piece(name) => write!(f, "piece {name}"),
            Subject::Topic(name) => write!(f, "topic {name}"),
            Subject::Metric(name) => write!(f, "metric {name}"),
            Subject::Parameter(name) => write!(f, "parameter {name}"),
            Subject::Model(name) => write!(f, "model {name}"),
        }
    }
}

/// How far the evidence carries.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The interval says something that can be acted on.
    Clear,
    /// There is data, but it does not tell this from the alternative.
    NotDistinguishable,
    /// Too little data; `need` says how much more, in words.
    NotEnough { need: String },
}

/// The same estimate from two parts of the data that have nothing in common.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct HeldOut {
    /// From the part that one would have learned from.
    pub learned: f64,
    /// From the part that was held out.
    pub held_out: f64,
}

/// The data that an insight rests on: evidence is counted once, so it must be known again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Basis {
    /// Of the data itself, not of what was made of it: the same data has the same digest, whatever the weights were.
    pub digest: Digest,
    /// The time that the data covers. Both are the same when the data has no times.
    pub from: Timestamp,
    pub to: Timestamp,
    /// What a hold-out says, where the step made one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_out: Option<HeldOut>,
}

/// Something learned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Insight {
    pub subject: Subject,
    /// What `value` measures: `removal effect`, `share of credit`, `weight` …
    pub measure: String,
    pub value: f64,
    /// Lower and upper bound at `level`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<(f64, f64)>,
    /// Confidence level of the interval, such as 0.95.
    pub level: f64,
    /// How many observations it rests on.
    pub n: u64,
    pub verdict: Verdict,
    /// One sentence for a person, with a period.
    pub says: String,
    /// When the data ended.
    pub at: Timestamp,
    /// Points for a plot: label or time, value.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub plot: Vec<(String, f64)>,
    /// The data it rests on, where the step can tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub basis: Option<Basis>,
}
