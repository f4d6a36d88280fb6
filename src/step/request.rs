//! What a step may ask of the world. A closed set: the engine and every world match it without a wildcard.

use crate::base::{Digest, ItemId, StepId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// One request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Request {
    Fetch(Fetch),
    Query(Query),
    Generate(Generate),
    Approve(Approve),
    Publish(Publish),
    /// Answered with [`super::Reply::Elapsed`] at or after this time.
    Wait(Timestamp),
}

impl Request {
    pub fn digest(&self) -> Digest {
        Digest::of_json(self)
    }

    /// Whether the outside world can see it: then its intent is durable before it is performed.
    pub fn is_effect(&self) -> bool {
        matches!(self, Request::Publish(_))
    }

    /// Whether its reply is paid for or irreversible: then the reply is durable before it is used.
    pub fn is_dear(&self) -> bool {
        matches!(self, Request::Publish(_) | Request::Generate(_) | Request::Approve(_))
    }
}

/// What to read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Target {
    Url(String),
    /// A file, relative to the workflow's folder.
    File(String),
    /// The files of a folder that match a glob such as `*.xml`, in name order, as one [`Fetched::entries`] list.
    ///
    /// [`Fetched::entries`]: super::Fetched
    Folder {
        path: String,
        glob: String,
    },
}

/// Reads a URL, a file or a folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fetch {
    pub target: Target,
    /// Validators of what we have: answered with `NotModified` when it is still the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_modified: Option<String>,
    /// A larger body is cut off and answered as a failure.
    pub max_bytes: u64,
}

impl Fetch {
    /// Reads without validators, at most 10 MiB.
    pub fn new(target: Target) -> Fetch {
        Fetch { target, etag: None, last_modified: None, max_bytes: 10 << 20 }
    }
}

/// Asks without changing anything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Query {
    /// Did a piece with this key go out on this channel?
    Placed { channel: String, key: String },
    /// Who gets what goes out on this channel, as digests. Answered with [`super::Reply::Audience`].
    Audience { channel: String },
}

/// Asks a provider to write.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Generate {
    /// The role name of the provider.
    pub provider: String,
    /// What is being written: `outline`, `draft`, `repair`.
    pub task: String,
    /// Standing instructions: voice, rules, how to cite. Only our words and the Client OS.
    pub system: String,
    /// The request, with untrusted text fenced.
    pub prompt: String,
    /// What the step's template composed from the facts alone: the `template` provider answers with it as it is,
    /// a model is told to write from it.
    pub composed: String,
    pub max_tokens: u32,
    /// JSON schema of the answer, when it must have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Value>,
}

/// Asks people to decide about one item.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Approve {
    pub item: ItemId,
    pub title: String,
    /// The text that is approved, and that an edit replaces.
    pub text: String,
    /// Who may decide: names or teams.
    pub by: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
    /// What happens when nobody decides in time: approve or reject.
    pub on_expiry: ExpiryAction,
    /// The digest of what is approved; an approval of something else is void.
    pub pins: Digest,
    /// How it is decided, where that is more than one person saying yes.
    #[serde(default, skip_serializing_if = "GateRules::is_plain")]
    pub rules: GateRules,
    /// When people are told again, and who is asked as well, while nobody decides.
    #[serde(default, skip_serializing_if = "Nudging::is_none")]
    pub nudging: Nudging,
    /// Why it is put to people again although somebody had approved it; a sentence without its period.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again: Option<String>,
}

/// Reminders and escalation. All times are milliseconds, counted from when the item was put to people.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Nudging {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remind_after: Option<u64>,
    /// Again so long after each reminder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remind_every: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub escalate_after: Option<u64>,
    /// Who may decide as well from then on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub escalate_to: Vec<String>,
}

impl Nudging {
    /// Nobody is told twice.
    pub fn is_none(&self) -> bool {
        *self == Nudging::default()
    }
}

/// How people decide together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateRules {
    /// How many different people must approve; 0 and 1 both mean one.
    #[serde(default, skip_serializing_if = "is_none_or_one")]
    pub approvals: u32,
    /// Whoever edits the text here may not be one of those who approve it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub no_self_approval: bool,
    /// Whose work this is, so that they may not approve it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub authors: Vec<String>,
    /// The steps that may be asked to make it again, while rounds are left.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub back: Vec<StepId>,
}

impl GateRules {
    /// One person says yes or no, whoever it is.
    pub fn is_plain(&self) -> bool {
        *self == GateRules::default()
    }

    /// How many different people must approve, at least one.
    pub fn needed(&self) -> usize {
        self.approvals.max(1) as usize
    }
}

fn is_none_or_one(count: &u32) -> bool {
    *count <= 1
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ExpiryAction {
    Approve,
    Reject,
}

/// The field of a [`Publish`] that is no piece but something people are told: the names of what happened.
pub const NOTICE: &str = "notice";

/// Sends a piece to a channel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Publish {
    pub channel: String,
    /// The idempotency key: the same in every attempt, different for every piece.
    pub key: String,
    pub title: String,
    /// Markdown.
    pub text: String,
    /// Front matter or fields: pillar, topic, signals, cycle …
    pub fields: BTreeMap<String, Value>,
    /// The piece's date: the cycle's time.
    pub at: Timestamp,
    /// A piece with this key is there already: this is its new text.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub update: bool,
    /// The version that the new text takes the place of, with what a person made of it: any other one is left as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over: Option<String>,
    /// Who of the channel's audience gets it, where people are counted; else everybody does. Set on the way out, and never part of
    /// what is journaled as asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub people: Option<super::People>,
}
