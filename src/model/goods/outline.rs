//! An outline: the plan of a piece in Markdown, which a person approves or edits before anything is drafted.

use super::brief::Brief;
use super::draft::Finding;
use super::provenance::{Provenance, Writer};
use crate::base::Timestamp;
use serde::{Deserialize, Serialize};

/// Whose words a text is. An edit always wins over anything generated.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Revision {
    Generated,
    /// A person changed the text; what it was before is kept for the merge.
    Edited {
        by: String,
        at: Timestamp,
        before: String,
    },
}

/// The plan of a piece.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outline {
    pub title: String,
    /// Markdown. The first heading is the title.
    pub text: String,
    pub brief: Brief,
    pub provenance: Provenance,
    pub writer: Writer,
    pub revision: Revision,
    /// What a person should know about the text beforehand.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
    /// Who approved it; drafts are only made from approved outlines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved_by: Option<String>,
}
