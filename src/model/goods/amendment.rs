//! An amendment: one change that Learning proposes to a file of the Client OS, with its evidence, what it should bring and how that
//! will be judged. A person accepts, edits or rejects it.
//!
//! There is no [`Target`] for a locked decision: what the team has decided for good can be questioned, never edited.

use crate::base::{Digest, ItemId, Timestamp};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The part of the Client OS that an edit changes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Target {
    /// `weight=` of a pillar in `pillars.kdl`. The other unlocked weights share what is left, in proportion.
    PillarWeight { pillar: String },
    /// `target=` of a goal in `strategy.kdl`.
    GoalTarget { goal: String },
    /// A phrase under `## Forbidden phrases` in `brand.md`.
    ForbiddenPhrase,
    /// A paragraph under `## Approved samples` in `brand.md`.
    Sample,
    /// A line under `## Audience` in `brand.md`.
    Audience,
    /// A line in `styles/<platform>.md`.
    Style { platform: String },
}

impl Target {
    /// The file it stands in, relative to the Client OS folder.
    pub fn file(&self) -> String {
        match self {
            Target::PillarWeight { .. } => "pillars.kdl".to_owned(),
            Target::GoalTarget { .. } => "strategy.kdl".to_owned(),
            Target::ForbiddenPhrase | Target::Sample | Target::Audience => "brand.md".to_owned(),
            Target::Style { platform } => format!("styles/{platform}.md"),
        }
    }

    /// The place in the file, as people find it: `pillar "Operations"`, `## Audience`.
    pub fn anchor(&self) -> String {
        match self {
            Target::PillarWeight { pillar } => format!("pillar \"{pillar}\""),
            Target::GoalTarget { goal } => format!("goal \"{goal}\""),
            Target::ForbiddenPhrase => "## Forbidden phrases".to_owned(),
            Target::Sample => "## Approved samples".to_owned(),
            Target::Audience => "## Audience".to_owned(),
            Target::Style { .. } => "the end of the file".to_owned(),
        }
    }

    /// Whether the value is one number.
    pub fn is_number(&self) -> bool {
        matches!(self, Target::PillarWeight { .. } | Target::GoalTarget { .. })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} · {}", self.file(), self.anchor())
    }
}

/// A change of one place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Edit {
    pub target: Target,
    /// What stood there: the number, or nothing when a line is added.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub before: String,
    /// What shall stand there: the number, or the line without a list mark. Never empty.
    pub after: String,
}

/// What may be questioned, though no proposal edits it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Questioned {
    /// A locked decision in `decisions.md`.
    Decision(String),
    /// A pillar whose weight is locked in `pillars.kdl`.
    LockedPillar(String),
    /// A goal in `strategy.kdl` that nothing counts towards.
    Goal(String),
}

impl Questioned {
    pub fn file(&self) -> &'static str {
        match self {
            Questioned::Decision(_) => "decisions.md",
            Questioned::LockedPillar(_) => "pillars.kdl",
            Questioned::Goal(_) => "strategy.kdl",
        }
    }
}

impl fmt::Display for Questioned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Questioned::Decision(name) => write!(f, "the locked decision “{name}”"),
            Questioned::LockedPillar(name) => write!(f, "the locked weight of pillar “{name}”"),
            Questioned::Goal(name) => write!(f, "the goal “{name}”"),
        }
    }
}

/// What is asked of a person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    Edit(Edit),
    /// Nothing is edited: a person looks at it again, or says why it stays.
    Question {
        about: Questioned,
        asks: String,
    },
}

/// What is counted to see whether a change helped. Each is one number a piece.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Measure {
    /// How often the outcome happened through a piece.
    Outcomes,
    /// How many people asked about the piece's topic, as a natural logarithm of one more: volumes differ by factors, not by sums.
    Demand,
    /// 1 when a person cut this phrase out of the piece, else 0.
    Cut(String),
    /// 1 when a person changed the piece, else 0.
    Edited,
    /// 1 when the piece was turned down because it was for somebody else, else 0.
    OffAudience,
    /// Nothing in the loop counts it: a person judges.
    Person,
}

impl Measure {
    /// In words, for `judged by …`.
    pub fn name(&self) -> String {
        match self {
            Measure::Outcomes => "outcomes a piece".to_owned(),
            Measure::Demand => "demand for the topics written about (natural logarithm)".to_owned(),
            Measure::Cut(phrase) => format!("share of pieces from which people cut “{phrase}”"),
            Measure::Edited => "share of pieces that people change".to_owned(),
            Measure::OffAudience => "share of pieces turned down as meant for somebody else".to_owned(),
            Measure::Person => "a person's judgement".to_owned(),
        }
    }

    /// Whether more of it is better.
    pub fn more_is_better(&self) -> bool {
        matches!(self, Measure::Outcomes | Measure::Demand | Measure::Person)
    }
}

/// What a change should bring.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Effect {
    pub measure: Measure,
    /// The expected change of the measure, when the evidence gives one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// Its interval at 95 %.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<(f64, f64)>,
    /// One sentence with a period.
    pub says: String,
}

/// One proposed change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Amendment {
    /// What it is about, the same in every cycle that proposes it: `pillar-weight/Operations`.
    pub key: String,
    /// One line: `Raise the weight of “Operations” from 0.3 to 0.36`.
    pub title: String,
    pub change: Change,
    /// Sentences with numbers.
    pub reason: String,
    /// The items it rests on. Never empty.
    pub evidence: Vec<ItemId>,
    pub expects: Effect,
    /// Who may decide.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub by: Vec<String>,
    /// The Client OS it was proposed for.
    pub client_os: Digest,
    pub at: Timestamp,
}

impl Amendment {
    /// The file that a person has to look at.
    pub fn file(&self) -> String {
        match &self.change {
            Change::Edit(edit) => edit.target.file(),
            Change::Question { about, .. } => about.file().to_owned(),
        }
    }
}
