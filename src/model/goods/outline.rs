//! An outline: the plan of a piece in Markdown, which a person approves or edits before anything is drafted.

use super::GoodKind;
use super::brief::Brief;
use super::draft::Finding;
use super::provenance::{Provenance, Writer};
use crate::base::Timestamp;
use crate::stats::difference::Difference;
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
        /// They are words of an earlier version, kept when the text was generated anew.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        kept: bool,
    },
}

/// A person's edit of a text: what was generated and what they made of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TextEdit {
    /// An outline or a draft.
    pub of: GoodKind,
    pub by: String,
    pub at: Timestamp,
    pub before: String,
    pub after: String,
}

impl Revision {
    /// The share of words that a person changed to make `text`, from 0 to 1; 0 for what was generated.
    pub fn share_changed(&self, text: &str) -> f64 {
        match self {
            Revision::Generated => 0.0,
            Revision::Edited { before, .. } => share_changed(before, text),
        }
    }
}

/// The share of words that differ between two texts, from 0 (none) to 1 (all): one less Ratcliff and Obershelp's ratio over the
/// words of a Myers diff, as Python's `difflib` defines it.
pub fn share_changed(before: &str, after: &str) -> f64 {
    let (before, after): (Vec<&str>, Vec<&str>) = (before.split_whitespace().collect(), after.split_whitespace().collect());
    if before.is_empty() && after.is_empty() {
        return 0.0;
    }
    let both = before.len() + after.len();
    1.0 - 2.0 * Difference::between(before, after, None).same() as f64 / both as f64
}

/// The plan of a piece.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outline {
    pub title: String,
    /// Markdown. The first heading is the title.
    pub text: String,
    /// In a box of its own, as all that is large in few goods: an item has the size of the largest good.
    pub brief: Box<Brief>,
    pub provenance: Provenance,
    pub writer: Box<Writer>,
    pub revision: Revision,
    /// What a person should know about the text beforehand.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
    /// Who approved it; drafts are only made from approved outlines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved_by: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_measured_in_words() {
        assert_eq!(share_changed("one two  three\nfour", "one two three four"), 0.0, "space is no word");
        assert_eq!(share_changed("one two three four", "one two three five"), 0.25);
        assert_eq!((share_changed("", ""), share_changed("one", ""), share_changed("one", "two")), (0.0, 1.0, 1.0));
    }
}
