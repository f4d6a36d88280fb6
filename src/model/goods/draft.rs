//! A draft: the written piece, with what the checks found.

use super::brief::Brief;
use super::outline::Revision;
use super::provenance::{Provenance, Writer};
use crate::base::Money;
use serde::{Deserialize, Serialize};

/// What a check found, like a linter: where, what, and what to write instead.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// `forbidden`, `grounding` …
    pub check: String,
    /// Line and column in the text, from 1; columns count characters.
    pub line: u32,
    pub column: u32,
    /// Byte range in the text.
    pub start: u32,
    pub end: u32,
    pub message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
    /// A finding that must be resolved before the piece can go out.
    pub blocking: bool,
}

/// What a model said about a piece when it was asked to judge it. It decides nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    /// The role name of the judge.
    pub provider: String,
    pub model: String,
    /// It could go out as it is.
    pub pass: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<String>,
    pub tokens: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Money>,
}

/// The written piece.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Draft {
    pub title: String,
    /// Markdown. The first heading is the title.
    pub text: String,
    /// In a box of its own, as all that is large in few goods: an item has the size of the largest good.
    pub brief: Box<Brief>,
    pub provenance: Provenance,
    pub writer: Box<Writer>,
    pub revision: Revision,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
    /// What a judge said about these words, when one was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judged: Option<Box<Judgement>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved_by: Option<String>,
    /// Who approved the outline it was written from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outline_by: Option<String>,
    /// The outline carries a person's words.
    #[serde(default)]
    pub outline_edited: bool,
}
