//! A turn of a step: it asks, or it is done.

use super::Request;
use crate::base::{ItemId, StepId};
use crate::model::Good;
use serde::{Deserialize, Serialize};

/// The result of one call of [`super::StepKind::advance`].
#[derive(Clone, Debug, PartialEq)]
pub enum Turn {
    /// Never empty. The replies come back whole, in this order.
    Ask(Vec<Request>),
    Done(Output),
}

/// What a task gives.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Output {
    /// Goods with the items they were made from.
    pub goods: Vec<(Good, Vec<ItemId>)>,
    /// What the step keeps for its next cycle (cursor, posterior). `None` keeps what it had.
    pub state: Option<serde_json::Value>,
    /// One line for the progress display, such as `16 feeds, 214 entries`.
    pub headline: Option<String>,
    pub notes: Vec<Note>,
    /// The step that makes it again: then what is given goes there, and nowhere else. Only a step that decides fills it.
    pub back: Option<StepId>,
    /// Parameters for the next cycle. Only `feedback` fills it.
    pub parameters: Vec<ParameterChange>,
}

impl Output {
    pub fn give(&mut self, good: impl Into<Good>, parents: Vec<ItemId>) {
        self.goods.push((good.into(), parents));
    }

    pub fn note(&mut self, level: NoteLevel, text: impl Into<String>) {
        self.notes.push(Note { level, text: text.into(), place: None });
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NoteLevel {
    Info,
    /// Something was left out or is missing; the summary says so.
    Warning,
}

/// Something the user should know about what a step did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Note {
    pub level: NoteLevel,
    /// A sentence with a period.
    pub text: String,
    /// Where: `data/leads.csv:14:3`, a URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
}

/// A tuned parameter: old and new value with the evidence, for the operation log and the summary.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ParameterChange {
    /// `opportunities.demand`
    pub path: String,
    pub old: f64,
    pub new: f64,
    /// One sentence with the numbers.
    pub evidence: String,
}
