//! The `anthropic-messages` wire: `POST {base-url}/messages`.
//!
//! The standing instructions are marked for the prompt cache. An answer with a schema is asked for as the input of a tool, which
//! every model of this interface knows. In a stream the counts of `message_delta` are cumulative, so the last one counts.

use super::wire::{Answer, Question, Stop, Unreadable, Wire, error_words};
use reqwest::RequestBuilder;
use serde::Deserialize;
use serde_json::{Value, json};

/// The version of the interface that this wire speaks.
const VERSION: &str = "2023-06-01";

/// The wire.
pub struct AnthropicMessages;

impl Wire for AnthropicMessages {
    fn name(&self) -> &'static str {
        "Anthropic messages"
    }

    fn answer_name(&self) -> &'static str {
        "message"
    }

    fn base_url(&self) -> Option<&'static str> {
        Some("https://api.anthropic.com/v1")
    }

    fn url(&self, base: &str, _question: &Question<'_>) -> String {
        if base.ends_with("/messages") { base.to_owned() } else { format!("{base}/messages") }
    }

    fn sign(&self, call: RequestBuilder, key: Option<&str>) -> RequestBuilder {
        let call = call.header("anthropic-version", VERSION);
        match key {
            Some(key) => call.header("x-api-key", key),
            None => call,
        }
    }

    fn body(&self, question: &Question<'_>) -> Value {
        let mut body = json!({
            "model": question.model,
            "max_tokens": question.limit,
            "messages": [{ "role": "user", "content": question.user }],
            "stream": question.stream,
        });
        if !question.system.is_empty() {
            body["system"] = json!([{ "type": "text", "text": question.system, "cache_control": { "type": "ephemeral" } }]);
        }
        if let Some((name, schema)) = question.schema {
            body["tools"] = json!([{ "name": name, "description": "Gives the answer.", "input_schema": schema }]);
            body["tool_choice"] = json!({ "type": "tool", "name": name });
        }
        body
    }

    fn read(&self, answer: Value) -> Result<Answer, Unreadable> {
        let message: Message = serde_json::from_value(answer)?;
        let mut read = Answer { model: message.model, ended: true, ..Answer::default() };
        for block in message.content {
            match block {
                Block::Text { text } => read.text.push_str(&text),
                Block::ToolUse { input } => read.text.push_str(&input.to_string()),
                Block::Other => {}
            }
        }
        stopped(&mut read, message.stop_reason.as_deref());
        message.usage.unwrap_or_default().count(&mut read);
        Ok(read)
    }

    fn hear(&self, heard: &mut Answer, event: Value) -> Result<(), Unreadable> {
        match event["type"].as_str().unwrap_or_default() {
            "message_start" => {
                let message = &event["message"];
                heard.model = message["model"].as_str().map(str::to_owned);
                Usage::of(&message["usage"]).count(heard);
            }
            "content_block_delta" => {
                let delta = &event["delta"];
                let piece = delta["text"].as_str().or_else(|| delta["partial_json"].as_str());
                heard.text.push_str(piece.unwrap_or_default());
            }
            "message_delta" => {
                stopped(heard, event["delta"]["stop_reason"].as_str());
                Usage::of(&event["usage"]).count(heard);
            }
            "message_stop" => heard.ended = true,
            "error" => return Err(Unreadable::Broken(error_words(&event))),
            _ => {}
        }
        Ok(())
    }
}

fn stopped(answer: &mut Answer, reason: Option<&str>) {
    match reason {
        Some("max_tokens" | "model_context_window_exceeded") => answer.stop = Stop::Limit,
        Some("refusal") => answer.refusal = Some("it gave no reason".to_owned()),
        _ => {}
    }
}

#[derive(Deserialize)]
struct Message {
    model: Option<String>,
    content: Vec<Block>,
    stop_reason: Option<String>,
    usage: Option<Usage>,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Block {
    Text {
        text: String,
    },
    ToolUse {
        input: Value,
    },
    #[serde(other)]
    Other,
}

/// What stands in cache is counted beside `input_tokens`, not in it.
#[derive(Default, Deserialize)]
struct Usage {
    input_tokens: Option<u64>,
    cache_creation_input_tokens: Option<u64>,
    cache_read_input_tokens: Option<u64>,
    output_tokens: Option<u64>,
}

impl Usage {
    fn of(value: &Value) -> Usage {
        Usage::deserialize(value).unwrap_or_default()
    }

    fn count(self, answer: &mut Answer) {
        if let Some(fresh) = self.input_tokens {
            let cached = self.cache_read_input_tokens.unwrap_or(0);
            answer.tokens_in = Some(fresh.saturating_add(cached).saturating_add(self.cache_creation_input_tokens.unwrap_or(0)));
            answer.tokens_cached = cached;
        }
        if self.output_tokens.is_some() {
            answer.tokens_out = self.output_tokens;
        }
    }
}
