//! A report: what a cycle has to say to people, as data. The `report` room turns it into Markdown and HTML.

use super::insight::Insight;
use crate::base::Timestamp;
use serde::{Deserialize, Serialize};

/// One section: a question and its answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Section {
    pub title: String,
    /// Sentences.
    pub says: Vec<String>,
    /// A bar or line chart: label, value, and an interval where there is one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bars: Vec<Bar>,
    /// What the bars measure.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub unit: String,
}

/// One bar of a chart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bar {
    pub label: String,
    pub value: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<(f64, f64)>,
}

/// What a cycle has to say.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    pub title: String,
    pub at: Timestamp,
    pub sections: Vec<Section>,
    /// The insights it rests on.
    pub insights: Vec<Insight>,
}
