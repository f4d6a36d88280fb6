//! An operation: what a person did beside a cycle, between two of them. The journal keeps operations in order, and the next cycle
//! is pinned to those made since the last one opened; so what people decide reaches steps like everything else, and replay sees it.

use super::found::Found;
use crate::base::{CycleNo, Digest, ItemId, StepId, Timestamp};
use serde::{Deserialize, Serialize};

/// One thing that a person did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Operation {
    pub at: Timestamp,
    pub by: String,
    /// The newest cycle at that time; the one after it sees the operation.
    pub cycle: CycleNo,
    pub act: Act,
}

impl Operation {
    /// One sentence for a person, with a period.
    pub fn says(&self) -> String {
        let because = |reason: &str| match reason.trim().trim_end_matches('.') {
            "" => String::new(),
            reason => format!(": {reason}"),
        };
        match &self.act {
            Act::Reviewed(review) => match &review.verdict {
                ReviewVerdict::Accepted { client_os, .. } => {
                    format!("{} accepted “{}”, which made Client OS {}.", self.by, review.title, client_os.short(12))
                }
                ReviewVerdict::Rejected { reason } => {
                    format!("{} turned “{}” down{}.", self.by, review.title, because(reason.as_deref().unwrap_or("")))
                }
            },
            Act::TakenBack { record, title, .. } => format!("{} took “{title}” back, which was record {record}.", self.by),
            Act::Again { of, from, only, reason } => {
                let only = if *only { ", and nothing behind it" } else { "" };
                format!("{} wanted `{from}` of cycle {of} made again{only}{}.", self.by, because(reason.as_deref().unwrap_or("")))
            }
            Act::Reloaded { what } => format!("{what}."),
            Act::Found(found) => found.says(&self.by),
            Act::Set { path, from, to, reason } => {
                format!("{} set {path} from {from:.3} to {to:.3}{}.", self.by, because(reason))
            }
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Act {
    /// A proposed change of the Client OS was decided about.
    Reviewed(Review),
    /// A parameter was set by hand, usually back to what it was.
    Set { path: String, from: f64, to: f64, reason: String },
    /// A part of a cycle is made again by the next one.
    Again {
        of: CycleNo,
        from: StepId,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        only: bool,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// A saved file was taken, or refused, by a running service.
    Reloaded {
        /// A sentence without a period.
        what: String,
    },
    /// A piece was found in its channel otherwise than it went out.
    Found(Box<Found>),
    /// An accepted change of the Client OS was taken out of its file again.
    TakenBack {
        /// The record of the log that was undone.
        record: u32,
        /// The proposal's key.
        key: String,
        title: String,
        /// The Client OS afterwards.
        client_os: Digest,
    },
}

/// A decision about an amendment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Review {
    /// The amendment that was shown.
    pub amendment: ItemId,
    /// Its key, the same in every cycle that proposes it.
    pub key: String,
    pub title: String,
    pub verdict: ReviewVerdict,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReviewVerdict {
    /// Applied, in the person's words when they changed them.
    Accepted {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        text: Option<String>,
        /// The Client OS afterwards.
        client_os: Digest,
    },
    Rejected {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Written by the first version of operations. They must open for ever, and be written the same today.
    const OLD: [&str; 6] = [
        r#"{"at":"2026-11-22T08:00:00Z","by":"Ada","cycle":5,"act":{"reviewed":{"amendment":"2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824","key":"pillar-weight/Operations","title":"Raise it","verdict":{"accepted":{"text":"0.33","client_os":"2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"}}}}}"#,
        r#"{"at":"2026-11-22T08:00:00Z","by":"Ada","cycle":5,"act":{"reviewed":{"amendment":"2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824","key":"k","title":"t","verdict":{"rejected":{"reason":"summer"}}}}}"#,
        r#"{"at":"2026-11-22T08:00:00Z","by":"Ada","cycle":5,"act":{"set":{"path":"opportunities.demand","from":0.48,"to":0.4,"reason":"too soon"}}}"#,
        r#"{"at":"2026-11-22T08:00:00Z","by":"Ada","cycle":5,"act":{"taken-back":{"record":12,"key":"k","title":"t","client_os":"2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"}}}"#,
        r#"{"at":"2026-11-22T08:00:00Z","by":"somebody in Ghost","cycle":5,"act":{"found":{"key":"k","channel":"site","title":"t","location":"https://us.example/t/","version":"2026-11-22T07:00:00.000Z 0a","change":{"edited":{"step":"drafts","topic":"a","edit":{"of":"draft","by":"somebody in Ghost","at":"2026-11-22T07:00:00Z","before":"a","after":"b"}}}}}}"#,
        r#"{"at":"2026-11-22T08:00:00Z","by":"somebody in WordPress","cycle":5,"act":{"found":{"key":"k","channel":"site","title":"t","location":"https://us.example/t/","change":"gone"}}}"#,
    ];

    #[test]
    fn old_bytes_still_open() {
        for old in OLD {
            let operation: Operation = serde_json::from_str(old).expect(old);
            assert_eq!(serde_json::to_string(&operation).expect("ours"), old);
        }
    }
}
