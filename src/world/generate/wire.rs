//! What differs between the interfaces of model servers, and nothing else: where a question goes, how the key is shown, how the
//! question is written, and how an answer is read, whole or in pieces. A wire is pure; asking, waiting and paying is done by
//! [`super::server::ModelServer`], the same for all.

use reqwest::RequestBuilder;
use serde_json::Value;

/// What a model is asked.
pub struct Question<'a> {
    pub model: &'a str,
    /// Standing instructions.
    pub system: &'a str,
    pub user: &'a str,
    /// Tokens of the longest answer.
    pub limit: u32,
    /// The name and the JSON schema of the answer, when it must have one.
    pub schema: Option<(&'a str, &'a Value)>,
    /// Whether the answer comes in pieces, as it is written.
    pub stream: bool,
    /// The server asked for the other spelling of this question, see [`Wire::wants_other_spelling`].
    pub other_spelling: bool,
}

/// Why a model stopped writing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stop {
    /// It had said all.
    #[default]
    End,
    /// It reached the limit of tokens.
    Limit,
    /// Somebody else stopped it: a content filter.
    Filter,
}

/// What a model answered, as far as it is known.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    pub text: String,
    /// In its own words, when it declined.
    pub refusal: Option<String>,
    pub stop: Stop,
    /// All tokens of the question, those from a prompt cache too.
    pub tokens_in: Option<u64>,
    /// Of them those that the server still remembered, which cost less.
    pub tokens_cached: u64,
    /// All tokens that were paid as output, thoughts too.
    pub tokens_out: Option<u64>,
    pub model: Option<String>,
    /// Whether the end of a stream was seen.
    pub ended: bool,
}

/// What was wrong with an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// Not an answer of this interface; the reason, such as ``missing field `choices` ``.
    Stranger(String),
    /// An answer without anything to choose.
    Empty,
    /// The server gave up in the middle, in its words. It may work later.
    Broken(String),
}

impl From<serde_json::Error> for Unreadable {
    fn from(error: serde_json::Error) -> Unreadable {
        Unreadable::Stranger(error.to_string())
    }
}

/// One interface of model servers.
pub trait Wire: Send + Sync {
    /// As a person knows the interface: `OpenAI chat-completions`.
    fn name(&self) -> &'static str;

    /// What an answer is called in it: `chat completion`.
    fn answer_name(&self) -> &'static str;

    /// The address when the workflow names none.
    fn base_url(&self) -> Option<&'static str> {
        None
    }

    /// The whole address, from a base without a slash at its end.
    fn url(&self, base: &str, question: &Question<'_>) -> String;

    /// Puts the key and what else the interface wants beside the body.
    fn sign(&self, call: RequestBuilder, key: Option<&str>) -> RequestBuilder;

    fn body(&self, question: &Question<'_>) -> Value;

    /// Whether an error says that the question has to be spelled another way.
    fn wants_other_spelling(&self, _said: &str) -> bool {
        false
    }

    /// Reads a whole answer.
    fn read(&self, answer: Value) -> Result<Answer, Unreadable>;

    /// Adds one event of a stream to what has been heard so far.
    fn hear(&self, heard: &mut Answer, event: Value) -> Result<(), Unreadable>;
}

/// The words of an `error` object, or of the value itself.
pub fn error_words(value: &Value) -> String {
    let error = value.get("error").filter(|error| !error.is_null()).unwrap_or(value);
    let message = error.get("message").or_else(|| error.get("detail")).unwrap_or(error);
    message.as_str().map_or_else(|| message.to_string(), str::to_owned)
}
