//! A signal: market evidence. It says where it came from, when, and what exactly was read.

use crate::base::{Digest, ItemId, Timestamp};
use crate::model::Untrusted;
use serde::{Deserialize, Serialize};

/// What a signal is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SignalKind {
    /// A post, news item or release note.
    Article,
    /// What people search for.
    Query,
    /// A page that appeared, changed, moved or went away.
    Page,
    /// A typed fact that changed: a price, a plan, a headline.
    Change,
    /// A plain text file, note or transcript.
    Note,
    /// An alarm raised by Learning.
    Alarm,
}

impl SignalKind {
    pub fn name(self) -> &'static str {
        match self {
            SignalKind::Article => "article",
            SignalKind::Query => "query",
            SignalKind::Page => "page",
            SignalKind::Change => "change",
            SignalKind::Note => "note",
            SignalKind::Alarm => "alarm",
        }
    }
}

/// One point of a time series.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    pub at: Timestamp,
    pub value: f64,
}

/// One piece of evidence behind a merged signal, opportunity or claim.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// The signal it came with.
    pub signal: ItemId,
    pub source: String,
    pub title: Untrusted,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    pub at: Timestamp,
    /// The words that carry the evidence.
    #[serde(default, skip_serializing_if = "Untrusted::is_empty")]
    pub quote: Untrusted,
}

/// A typed fact that changed on a watched page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fact {
    /// `price`, `plan`, `headline` …
    pub name: String,
    /// What the fact is about: a plan or a product, as written on the page.
    pub about: String,
    pub old: Option<String>,
    pub new: Option<String>,
    /// `usd/GB/month` …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
}

/// Market evidence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Signal {
    pub kind: SignalKind,
    /// A stable key of what it is about: the same topic in the next cycle has the same key.
    pub topic: String,
    pub title: Untrusted,
    #[serde(default, skip_serializing_if = "Untrusted::is_empty")]
    pub summary: Untrusted,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The step that read it.
    pub source: String,
    /// When it happened or was published.
    pub at: Timestamp,
    pub fetched_at: Timestamp,
    /// Digest of the bytes it was read from.
    pub content: Digest,
    #[serde(default, skip_serializing_if = "Untrusted::is_empty")]
    pub quote: Untrusted,
    /// Searches, visits or mentions in the latest period.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volume: Option<f64>,
    /// Volume per period, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub series: Vec<Point>,
    /// What each period of `series` was counted out of, such as all searches; as long as `series`, or empty when unknown.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exposure: Vec<f64>,
    /// Change of volume against its own past, as a ratio minus one: 0.5 is half again as much.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub growth: Option<f64>,
    /// The topic is rising beyond chance.
    #[serde(default)]
    pub emerging: bool,
    /// Mean position in search results, 1 is first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<f64>,
    /// Search-intent class, or `unsure`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intent: Option<String>,
    /// From 0 to 1: how much evidence, weighted by age.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strength: Option<f64>,
    /// From 0 to 1: how little it resembles what was seen before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub novelty: Option<f64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub facts: Vec<Fact>,
    /// What was merged into it; for a fresh signal, empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Evidence>,
}

impl Signal {
    /// A signal with only what every signal has.
    pub fn new(
        kind: SignalKind,
        topic: impl Into<String>,
        title: Untrusted,
        source: impl Into<String>,
        at: Timestamp,
        content: Digest,
    ) -> Signal {
        Signal {
            kind,
            topic: topic.into(),
            title,
            summary: Untrusted::default(),
            url: None,
            source: source.into(),
            at,
            fetched_at: at,
            content,
            quote: Untrusted::default(),
            volume: None,
            series: Vec::new(),
            exposure: Vec::new(),
            growth: None,
            emerging: false,
            position: None,
            intent: None,
            strength: None,
            novelty: None,
            facts: Vec::new(),
            evidence: Vec::new(),
        }
    }

    /// This signal as a piece of evidence.
    pub fn as_evidence(&self, id: ItemId) -> Evidence {
        Evidence {
            signal: id,
            source: self.source.clone(),
            title: self.title.clone(),
            url: self.url.clone(),
            at: self.at,
            quote: if self.quote.is_empty() { self.title.clone() } else { self.quote.clone() },
        }
    }
}
