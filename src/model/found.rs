//! What was found in a channel: a piece that went out and is not there any more as it went out, because a person changed it, took it
//! back or threw it away. It is their word, and it is in the log like a decision.

use super::goods::{TextEdit, share_changed};
use crate::base::StepId;
use serde::{Deserialize, Serialize};

/// One piece, found otherwise than it was known.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Found {
    /// The piece's key.
    pub key: String,
    pub channel: String,
    /// As it is called there now.
    pub title: String,
    pub location: String,
    /// The channel's own version of what was found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    pub change: Change,
}

/// What a person did to a piece in its channel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// They changed its words.
    Edited(Box<Words>),
    /// It is there, and readers do not see it: in the bin, a draft again.
    Withdrawn,
    /// It is not there.
    Gone,
    /// It can be read again as it was.
    Back,
}

/// A changed text, as an edit of what a step wrote.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Words {
    /// The step that wrote it; none where that is not known any more, and then it is only told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<StepId>,
    /// What it is about, and for a version of a piece its name on a second line.
    pub topic: String,
    /// From what was generated to what stands in the channel.
    pub edit: TextEdit,
    /// What went out, where a person had changed it before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent: Option<String>,
    /// So many passages have no form in Markdown that comes out the same, and are kept as the HTML that they are.
    #[serde(default, skip_serializing_if = "is_none")]
    pub html: u32,
}

fn is_none(count: &u32) -> bool {
    *count == 0
}

impl Words {
    /// What went out.
    pub fn sent(&self) -> &str {
        self.sent.as_deref().unwrap_or(&self.edit.before)
    }

    /// The share of words that differ between what went out and what stands there, from 0 to 1.
    pub fn share(&self) -> f64 {
        share_changed(self.sent(), &self.edit.after)
    }
}

impl Found {
    /// What became of it, for machines: `edited-in-channel`, `withdrawn`, `gone` or `back`.
    pub fn what(&self) -> &'static str {
        match self.change {
            Change::Edited(_) => "edited-in-channel",
            Change::Withdrawn => "withdrawn",
            Change::Gone => "gone",
            Change::Back => "back",
        }
    }

    /// What is worth knowing beside that it happened; no sentence.
    pub fn details(&self) -> Option<String> {
        let Change::Edited(words) = &self.change else { return None };
        let html = match words.html {
            0 => String::new(),
            1 => ", one passage kept as HTML".to_owned(),
            n => format!(", {n} passages kept as HTML"),
        };
        Some(format!("{:.0} % of the words{html}", words.share() * 100.0))
    }

    /// One sentence for a person, with a period.
    pub fn says(&self, by: &str) -> String {
        let (title, channel) = (&self.title, &self.channel);
        match &self.change {
            Change::Edited(words) => {
                let kept = if words.step.is_some() { "; their words are kept when it is written again" } else { "" };
                format!("{by} changed “{title}” on `{channel}` ({}){kept}.", self.details().unwrap_or_default())
            }
            Change::Withdrawn => format!("“{title}” is not public on `{channel}` any more; it is not sent again by itself."),
            Change::Gone => format!("“{title}” is not on `{channel}` any more; it is not sent again by itself."),
            Change::Back => format!("“{title}” is on `{channel}` again."),
        }
    }
}

/// Who may have done something there: a channel knows that it was somebody, not who.
pub fn somebody_in(kind: &str, channel: &str) -> String {
    match kind {
        "wordpress" => "somebody in WordPress".to_owned(),
        "ghost" => "somebody in Ghost".to_owned(),
        _ => format!("somebody in the files of `{channel}`"),
    }
}
