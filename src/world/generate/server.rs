//! A model behind an HTTP interface: asks, waits, asks again, reads, counts. What differs between interfaces is a [`Wire`].
//!
//! The key is read when it is used and struck out of everything a server says. An answer that was cut at the token limit is
//! handed on and says so: it is paid for, and the step that asked knows what half a piece is worth. An answer that cannot be
//! used at all is a failure that still tells what it cost. An answer that must have a form is checked, and a wrong one is sent
//! back with what is wrong with it; every attempt is counted.

use super::cassette::{Cassette, Tape};
use super::shape;
use super::sse::Events;
use super::wire::{Answer, Question, Stop, Unreadable, Wire, error_words};
use super::{Provider, Replying};
use crate::base::Money;
use crate::model::{self, Scalar, SecretRef, Untrusted};
use crate::step::prices::{self, Price};
use crate::step::{Generate, Generated, Reply};
use crate::world::secrets::{Secret, Secrets};
use crate::world::tries::Door;
use crate::world::trouble::{Trouble, excerpt};
use crate::world::web::{Web, host_name, may_pass, parse_url, read_body, status_name};
use reqwest::{Response, StatusCode};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;

/// Tokens of one answer when the workflow does not say.
pub const MAX_TOKENS: u32 = 1_200;
/// Time for one answer when the workflow does not say. Models on a small machine are slow.
pub const TIMEOUT: Duration = Duration::from_secs(120);
/// In a stream, the longest silence between two pieces: pings count as signs of life.
const SILENCE: Duration = Duration::from_secs(60);
/// An answer larger than this is not text for people: 4 MiB.
const ANSWER_BYTES: u64 = 4 << 20;
/// Characters of what the template composed that a model is shown.
const COMPOSED_CHARS: usize = 24_000;
/// How often an answer without the wanted form is sent back.
const REPAIRS: u32 = 2;

/// A server that speaks one of the wires.
pub struct ModelServer {
    wire: Box<dyn Wire>,
    name: String,
    base_url: String,
    model: String,
    key: Option<SecretRef>,
    max_tokens: u32,
    door: Door,
    stream: bool,
    price: Option<Price>,
    cassette: Cassette,
    web: Arc<Web>,
    secrets: Secrets,
}

/// One question with all that is needed to ask it again.
struct Asking<'a> {
    request: &'a Generate,
    user: String,
    schema_name: String,
    other_spelling: bool,
}

impl ModelServer {
    pub fn new(
        wire: Box<dyn Wire>,
        provider: &model::Provider,
        web: Arc<Web>,
        secrets: Secrets,
        cassette: Cassette,
    ) -> ModelServer {
        let config = &provider.config;
        let model = config.text("model").unwrap_or_default().to_owned();
        ModelServer {
            name: provider.name.clone(),
            base_url: config.text("base-url").or(wire.base_url()).unwrap_or_default().trim_end_matches('/').to_owned(),
            price: prices::of(provider),
            model,
            key: config.value("key").and_then(Scalar::secret).cloned(),
            max_tokens: config.integer("max-tokens").and_then(|count| u32::try_from(count).ok()).unwrap_or(MAX_TOKENS),
            door: Door::new("provider", &provider.name, config, TIMEOUT, web.clone()),
            stream: config.flag("stream"),
            wire,
            cassette,
            web,
            secrets,
        }
    }

    #[cfg(test)]
    pub fn set_key(&mut self, key: Option<SecretRef>) {
        self.key = key;
    }

    /// The step's wish, but never more than the provider allows.
    fn limit(&self, request: &Generate) -> u32 {
        if request.max_tokens == 0 { self.max_tokens } else { request.max_tokens.min(self.max_tokens) }
    }

    fn question<'a>(&'a self, asking: &'a Asking<'_>) -> Question<'a> {
        Question {
            model: &self.model,
            system: &asking.request.system,
            user: &asking.user,
            limit: self.limit(asking.request),
            schema: asking.request.schema.as_ref().map(|schema| (asking.schema_name.as_str(), schema)),
            stream: self.stream,
            other_spelling: asking.other_spelling,
        }
    }

    async fn run(&self, request: &Generate) -> Reply {
        // Names of schemas may hold letters, digits, `_` and `-` only.
        let schema_name = request.task.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
        let mut asking = Asking { request, user: user_text(request), schema_name, other_spelling: false };
        let mut tries = self.door.begin().await;
        let mut repairs = 0;
        let mut spent: Option<Generated> = None;
        loop {
            let begun = if self.cassette.is_live() { tries.next().await } else { Ok(tries.pretend()) };
            let attempted = match begun {
                Ok(timeout) => self.attempt(&asking, timeout).await,
                Err(trouble) => Err(trouble),
            };
            let trouble = match attempted {
                Ok(generated) => {
                    let generated = match spent.take() {
                        Some(before) => add(generated, &before),
                        None => generated,
                    };
                    let Err(wrong) = shape::checked(request.schema.as_ref(), &generated) else {
                        return Reply::Generated(shape::bare(request.schema.is_some(), generated));
                    };
                    if repairs == REPAIRS {
                        let trouble = Trouble::permanent(
                            format!("the {} does not have the form that was asked for: {wrong}", request.task),
                            format!("use a model that keeps to a JSON schema for provider `{}`", self.name),
                        );
                        let tokens = generated.tokens_in + generated.tokens_out;
                        return Trouble { tokens, cost: generated.cost, ..trouble }.into_reply(tries.made());
                    }
                    repairs += 1;
                    asking.user = format!(
                        "{}\n\nYour last answer could not be used: {wrong}. Answer again with JSON only, in the form that was asked for.",
                        user_text(request)
                    );
                    spent = Some(generated);
                    continue;
                }
                Err(trouble) => trouble,
            };
            if !asking.other_spelling && self.wire.wants_other_spelling(&trouble.message) {
                asking.other_spelling = true;
                continue;
            }
            let again = if self.cassette.is_live() { tries.again(trouble).await } else { Err(trouble) };
            if let Err(trouble) = again {
                let (tokens, cost) = match spent {
                    Some(spent) => (trouble.tokens + spent.tokens_in + spent.tokens_out, sum(trouble.cost.clone(), spent.cost)),
                    None => (trouble.tokens, trouble.cost.clone()),
                };
                return Trouble { tokens, cost, ..trouble }.into_reply(tries.made());
            }
        }
    }

    async fn attempt(&self, asking: &Asking<'_>, timeout: Duration) -> Result<Generated, Trouble> {
        let question = self.question(asking);
        let url = parse_url(&self.wire.url(&self.base_url, &question))?;
        let host = host_name(&url);
        let body = self.wire.body(&question);
        let tape = self.cassette.tape(self.wire.name(), &body);
        if let Some(played) = tape.play()? {
            return self.understand(asking, &host, &played, None);
        }
        let key = self.key.as_ref().map(|key| self.secrets.read(key)).transpose()?;
        let call = self.wire.sign(self.web.client()?.post(url), key.as_ref().map(Secret::expose)).json(&body);
        let mut response = self.web.send(call, &host, timeout).await.map_err(|error| error.trouble)?;
        let status = response.status();
        if !status.is_success() {
            let overloaded = self.web.overloaded(&host, status, response.headers());
            let body = read_body(&mut response, ANSWER_BYTES, &host, timeout).await.unwrap_or_default();
            return Err(self.refused(status, &host, &said(&body, key.as_ref()), overloaded));
        }
        if self.is_stream(&response) {
            return self.listen(asking, &host, response, timeout, key.as_ref(), &tape).await;
        }
        let body = read_body(&mut response, ANSWER_BYTES, &host, timeout).await?;
        let generated = self.understand(asking, &host, &body, key.as_ref())?;
        tape.record(&strike(&String::from_utf8_lossy(&body), key.as_ref()))?;
        Ok(generated)
    }

    /// Some servers answer whole although they were asked for pieces.
    fn is_stream(&self, response: &Response) -> bool {
        let kind = response.headers().get(reqwest::header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        self.stream && kind.is_some_and(|kind| kind.starts_with("text/event-stream"))
    }

    /// Hears a stream to its end. What was written before a stream broke is not used: half a piece without its end marker may
    /// be any part of it.
    async fn listen(
        &self,
        asking: &Asking<'_>,
        host: &str,
        mut response: Response,
        timeout: Duration,
        key: Option<&Secret>,
        tape: &Tape<'_>,
    ) -> Result<Generated, Trouble> {
        let (mut events, mut heard, mut bytes) = (Events::default(), Answer::default(), 0u64);
        let mut written = String::new();
        let mut take = |data: String, heard: &mut Answer| {
            written.push_str("data: ");
            written.push_str(&data.replace('\n', "\ndata: "));
            written.push_str("\n\n");
            self.hear(heard, &data, host, key)
        };
        loop {
            let piece = match tokio::time::timeout(SILENCE.min(timeout), response.chunk()).await {
                Ok(Ok(piece)) => piece,
                Ok(Err(_)) => {
                    return Err(self.half(
                        asking,
                        &heard,
                        format!("the connection to `{host}` broke in the middle of the answer"),
                    ));
                }
                Err(_) => return Err(self.half(asking, &heard, format!("`{host}` fell silent in the middle of the answer"))),
            };
            let Some(piece) = piece else { break };
            bytes += piece.len() as u64;
            if bytes > ANSWER_BYTES * 8 {
                return Err(Trouble::permanent(format!("the answer of `{host}` does not end"), self.other_model()));
            }
            for data in events.feed(&piece) {
                take(data, &mut heard).map_err(|trouble| self.paid(asking, &heard, trouble))?;
            }
        }
        if let Some(data) = events.finish() {
            take(data, &mut heard).map_err(|trouble| self.paid(asking, &heard, trouble))?;
        }
        if !heard.ended {
            return Err(self.half(asking, &heard, format!("the answer of `{host}` stopped before its end")));
        }
        let generated = self.judge(asking, host, heard, key)?;
        tape.record(&strike(&written, key))?;
        Ok(generated)
    }

    fn hear(&self, heard: &mut Answer, data: &str, host: &str, key: Option<&Secret>) -> Result<(), Trouble> {
        if data.trim() == "[DONE]" {
            heard.ended = true;
            return Ok(());
        }
        let event: Value = serde_json::from_str(data).map_err(|error| self.stranger(host, &json_reason(&error), data, key))?;
        self.wire.hear(heard, event).map_err(|error| self.unreadable(host, error, data, key))
    }

    /// Reads a whole answer: one JSON value, or the recording of a stream.
    fn understand(&self, asking: &Asking<'_>, host: &str, body: &[u8], key: Option<&Secret>) -> Result<Generated, Trouble> {
        let text = String::from_utf8_lossy(body);
        if text.starts_with("data: ") {
            let (mut events, mut heard) = (Events::default(), Answer::default());
            for data in events.feed(body) {
                self.hear(&mut heard, &data, host, key)?;
            }
            return self.judge(asking, host, heard, key);
        }
        let value: Value = serde_json::from_slice(body).map_err(|error| self.stranger(host, &json_reason(&error), &text, key))?;
        let answer = self.wire.read(value).map_err(|error| self.unreadable(host, error, &text, key))?;
        self.judge(asking, host, answer, key)
    }

    /// Whether an answer can be used, and what it cost.
    fn judge(&self, asking: &Asking<'_>, host: &str, answer: Answer, key: Option<&Secret>) -> Result<Generated, Trouble> {
        let task = &asking.request.task;
        let paid = |trouble| self.paid(asking, &answer, trouble);
        if let Some(refusal) = &answer.refusal {
            let words = strike(&excerpt(refusal, 160), key);
            return Err(paid(Trouble::permanent(
                format!("the model declined to write the {task}: “{words}”"),
                "read the prompt as the model did, and change the template or the model",
            )));
        }
        let is_empty = answer.text.trim().is_empty();
        match answer.stop {
            Stop::Filter => Err(paid(Trouble::permanent(
                format!("the content filter of `{host}` stopped the {task}"),
                "look for what it may have taken amiss in the signals, or use another model",
            ))),
            // Some models spend the whole limit on thinking, of which nothing is handed on.
            Stop::Limit if is_empty => Err(paid(Trouble::permanent(
                format!("the {task} was cut off at {} tokens before its first word", self.limit(asking.request)),
                format!("raise `max-tokens` of provider `{}` and of the step", self.name),
            ))),
            _ if is_empty => Err(paid(Trouble::permanent(format!("the model wrote nothing for the {task}"), self.other_model()))),
            stop => {
                let (tokens_in, tokens_out, cost) = self.used(asking, &answer);
                let model = answer.model.as_deref().map(model_name).filter(|model| !model.is_empty()).unwrap_or(&self.model);
                let model = model.to_owned();
                Ok(Generated { text: answer.text, model, tokens_in, tokens_out, cost, cut: stop == Stop::Limit })
            }
        }
    }

    /// Tokens in and out, and what they cost when the price is known.
    fn used(&self, asking: &Asking<'_>, answer: &Answer) -> (u64, u64, Option<Money>) {
        // A server that does not count is counted for: four bytes a token is the usual rule of thumb, rounded up.
        let estimate = |bytes: usize| bytes.div_ceil(4) as u64;
        let tokens_in = answer.tokens_in.unwrap_or_else(|| estimate(asking.request.system.len() + asking.user.len()));
        let tokens_out = answer.tokens_out.unwrap_or_else(|| estimate(answer.text.len()));
        (tokens_in, tokens_out, self.price.map(|price| price.of(tokens_in, answer.tokens_cached, tokens_out)))
    }

    fn paid(&self, asking: &Asking<'_>, answer: &Answer, trouble: Trouble) -> Trouble {
        let (tokens_in, tokens_out, cost) = self.used(asking, answer);
        Trouble { tokens: tokens_in + tokens_out, cost, ..trouble }
    }

    fn half(&self, asking: &Asking<'_>, heard: &Answer, message: String) -> Trouble {
        let trouble = Trouble::passing(message, "run again later; nothing was kept of the half answer, though it was paid for");
        self.paid(asking, heard, trouble)
    }

    fn unreadable(&self, host: &str, error: Unreadable, text: &str, key: Option<&Secret>) -> Trouble {
        match error {
            Unreadable::Stranger(reason) => self.stranger(host, &excerpt(&reason, 80), text, key),
            Unreadable::Empty => Trouble::permanent(format!("`{host}` answered without a choice"), self.other_model()),
            Unreadable::Broken(words) => Trouble::passing(
                format!("`{host}` gave up in the middle: “{}”", strike(&excerpt(&words, 160), key)),
                "nothing is wrong on this side: run again later",
            ),
        }
    }

    fn stranger(&self, host: &str, reason: &str, text: &str, key: Option<&Secret>) -> Trouble {
        let words = strike(&excerpt(text, 120), key);
        Trouble::permanent(
            format!("the answer of `{host}` is not a {} ({reason}): “{words}”", self.wire.answer_name()),
            format!("check `base-url` of provider `{}`: it must speak the {} interface", self.name, self.wire.name()),
        )
    }

    fn refused(&self, status: StatusCode, host: &str, said: &str, overloaded: Trouble) -> Trouble {
        let with_words = |message: String| if said.is_empty() { message } else { format!("{message}: “{said}”") };
        let answered = with_words(format!("`{host}` answered {}", status_name(status)));
        match status.as_u16() {
            // No credit left is told with 429, and waiting does not help.
            402 => Trouble::permanent(answered, format!("add credit to the account of provider `{}`", self.name)),
            429 if said.contains("quota") && overloaded.wait.is_none() => {
                Trouble::permanent(answered, format!("check the plan and the credit of provider `{}`", self.name))
            }
            _ if may_pass(status) => Trouble { message: with_words(overloaded.message.clone()), ..overloaded },
            401 | 403 => Trouble::permanent(answered, self.key_help()),
            404 => Trouble::permanent(
                answered,
                format!("check `base-url` (it often ends in `/v1`) and `model \"{}\"` of provider `{}`", self.model, self.name),
            ),
            400 | 413 if said.to_lowercase().contains("context") => Trouble::permanent(
                answered,
                format!(
                    "the prompt and an answer are too long together: lower `max-tokens` of provider `{}` or `claims` of the brief, \
                     or use a model that reads more",
                    self.name
                ),
            ),
            300..=399 => Trouble::permanent(answered, "write the address that it redirects to as `base-url`"),
            _ => Trouble::permanent(
                answered,
                format!("check `model` and `max-tokens` of provider `{}`, and whether the prompt is too long for it", self.name),
            ),
        }
    }

    fn key_help(&self) -> String {
        match &self.key {
            None => format!("give provider `{}` a key: `key (env)\"LLM_KEY\"`", self.name),
            Some(SecretRef::Env(name)) => format!("check the key in the environment variable `{name}`, and what it may use"),
            Some(SecretRef::File(path)) => format!("check the key in `{path}`, and what it may use"),
        }
    }

    fn other_model(&self) -> String {
        format!("try again, or use another `model` for provider `{}`", self.name)
    }
}

impl Provider for ModelServer {
    fn generate<'a>(&'a self, request: &'a Generate) -> Replying<'a> {
        Box::pin(self.run(request))
    }
}

/// What the model is asked: the prompt, and the composed version when the step has not put it there itself.
fn user_text(request: &Generate) -> String {
    let mut user = request.prompt.clone();
    // The composed version holds quotations, so it is fenced like everything from outside.
    if !request.composed.trim().is_empty() && !request.prompt.contains(request.composed.trim()) {
        user.push_str("\n\nA first version, composed from the facts alone. Write from it: keep its facts, names, numbers and links, and add none.\n");
        user.push_str(&Untrusted::new(&request.composed).fenced("composed", COMPOSED_CHARS));
    }
    user
}

/// The newer answer with what the older one cost added.
fn add(newer: Generated, older: &Generated) -> Generated {
    Generated {
        tokens_in: newer.tokens_in + older.tokens_in,
        tokens_out: newer.tokens_out + older.tokens_out,
        cost: sum(newer.cost.clone(), older.cost.clone()),
        ..newer
    }
}

fn sum(a: Option<Money>, b: Option<Money>) -> Option<Money> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a + b),
        (one, other) => one.or(other),
    }
}

/// Some servers name the model by its file; the folders of somebody's machine do not belong into receipts and front matter.
pub fn model_name(model: &str) -> &str {
    match model.starts_with('/') || model.contains('\\') || model.ends_with(".gguf") {
        true => model.rsplit(['/', '\\']).next().unwrap_or(model),
        false => model,
    }
}

/// What a server said in an error, on one short line and without the key.
fn said(body: &[u8], key: Option<&Secret>) -> String {
    let text = String::from_utf8_lossy(body);
    let message = serde_json::from_str::<Value>(&text).ok().map(|value| error_words(&value));
    // Struck out before it is shortened: half a key is still a secret.
    excerpt(&strike(message.as_deref().unwrap_or(&text), key), 200)
}

fn strike(text: &str, key: Option<&Secret>) -> String {
    key.map_or_else(|| text.to_owned(), |key| key.strike_out(text))
}

fn json_reason(error: &serde_json::Error) -> String {
    match error.classify() {
        serde_json::error::Category::Eof => "it ends in the middle".to_owned(),
        serde_json::error::Category::Syntax => "it is not JSON".to_owned(),
        _ => excerpt(&error.to_string(), 80),
    }
}
