//! What the world answers.

use super::people::People;
use crate::base::{Digest, Money, StepId, Timestamp};
use base64::Engine as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::sync::Arc;

/// One reply. It is journaled before it is used.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reply {
    Fetched(Fetched),
    /// Answer to `Query::Placed`: the receipt, or nothing when it did not go out.
    Placed(Option<Published>),
    /// Answer to `Query::Audience`.
    Audience(Audience),
    Generated(Generated),
    Decided(Decision),
    Published(Published),
    Elapsed(Timestamp),
    Failed(Failure),
}

/// Bytes in a journal: as text when they are UTF-8, else as base64. Cheap to clone.
#[derive(Clone, PartialEq, Eq)]
pub struct Body(Arc<[u8]>);

impl Body {
    pub fn new(bytes: impl Into<Arc<[u8]>>) -> Body {
        Body(bytes.into())
    }

    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    pub fn digest(&self) -> Digest {
        Digest::of(&self.0)
    }
}

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Body({} bytes)", self.0.len())
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum BodyForm {
    Text(String),
    Base64(String),
}

impl Serialize for Body {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match std::str::from_utf8(&self.0) {
            Ok(text) => BodyForm::Text(text.to_owned()),
            Err(_) => BodyForm::Base64(base64::engine::general_purpose::STANDARD.encode(&self.0)),
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Body {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Body, D::Error> {
        Ok(match BodyForm::deserialize(deserializer)? {
            BodyForm::Text(text) => Body::new(text.into_bytes()),
            BodyForm::Base64(text) => {
                Body::new(base64::engine::general_purpose::STANDARD.decode(text).map_err(serde::de::Error::custom)?)
            }
        })
    }
}

/// What was read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fetched {
    Content {
        body: Body,
        /// `Content-Type`, when there was one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        content_type: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        etag: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        last_modified: Option<String>,
        /// Where it was read in the end, after redirects.
        place: String,
    },
    /// A folder: file names and contents, in name order.
    Entries(Vec<(String, Body)>),
    NotModified,
    /// 404 or 410, or no such file.
    Missing {
        place: String,
    },
    /// robots.txt forbids it, or the server answered 401, 403 or 451.
    Blocked {
        place: String,
        reason: String,
    },
}

/// What a provider wrote.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Generated {
    pub text: String,
    /// The model that answered; `template` for the composer.
    pub model: String,
    pub tokens_in: u64,
    pub tokens_out: u64,
    /// `None` when no price is known for the model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Money>,
    /// The model had more to say when it reached the limit: the text ends somewhere.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cut: bool,
}

/// What a person, or the clock, decided.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    pub verdict: Verdict,
    pub by: String,
    pub at: Timestamp,
    /// The digest that was shown to the person; must equal `Approve::pins`.
    pub pins: Digest,
    /// What others had decided at the same gate before this decided it, oldest first. A step sees it; a journal, which has each
    /// of them as an entry of its own, never does.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub before: Vec<Decision>,
}

impl Decision {
    /// A decision as a person makes it.
    pub fn new(verdict: Verdict, by: impl Into<String>, at: Timestamp, pins: Digest) -> Decision {
        Decision { verdict, by: by.into(), at, pins, before: Vec::new() }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    Approve,
    /// Approve with this text instead.
    Edit {
        text: String,
    },
    Reject {
        reason: Option<String>,
    },
    /// Let this step make it again, with the reason before its eyes.
    SendBack {
        to: StepId,
        reason: String,
    },
    /// Nobody decided in time; `approve` says what the gate does then.
    Expired {
        approve: bool,
    },
}

/// Who gets what goes out on a channel.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Audience {
    /// Empty when the channel does not know its readers, such as a blog.
    pub people: People,
    /// Which key the digests were made with: digests of another key say nothing about these people.
    pub key: String,
    /// When the list was read: the windows of caps on people are those of this moment.
    pub at: Timestamp,
}

/// How many people a piece went to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reach {
    /// Who got it.
    pub people: u32,
    /// How many the channel's audience has.
    pub of: u32,
    /// Left out because of a cap on people, and its words: `already written to twice this week`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<(u32, String)>,
}

/// Proof from a channel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Published {
    /// A path or URL.
    pub location: String,
    /// The channel's own version of the piece, for detecting later edits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    pub at: Timestamp,
    /// Where the channel knows its readers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reach: Option<Reach>,
}

/// How a request failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureKind {
    /// May work later: time-out, connection, 429, 5xx. Retried by the runtime before it is reported.
    Transient,
    /// Will not work as it is.
    Permanent,
    /// An effect that may or may not have happened: a person decides.
    InDoubt,
}

/// A request that failed after all its attempts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    pub kind: FailureKind,
    /// What happened, in the user's words, without a period.
    pub message: String,
    /// The next step for the user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    pub attempts: u32,
    /// What was paid for all the same: an answer that cannot be used has a price too.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub tokens: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Money>,
}

impl Failure {
    /// After one attempt, with nothing paid.
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Failure {
        Failure { kind, message: message.into(), help: None, attempts: 1, tokens: 0, cost: None }
    }
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}
