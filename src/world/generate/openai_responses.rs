//! The `openai-responses` wire: `POST {base-url}/responses`, OpenAI's newer interface. Answers are not kept by the server.

use super::wire::{Answer, Question, Stop, Unreadable, Wire, error_words};
use reqwest::RequestBuilder;
use serde::Deserialize;
use serde_json::{Value, json};

/// The wire.
pub struct OpenAiResponses;

impl Wire for OpenAiResponses {
    fn name(&self) -> &'static str {
        "OpenAI responses"
    }

    fn answer_name(&self) -> &'static str {
        "response"
    }

    fn base_url(&self) -> Option<&'static str> {
        Some("https://api.openai.com/v1")
    }

    fn url(&self, base: &str, _question: &Question<'_>) -> String {
        if base.ends_with("/responses") { base.to_owned() } else { format!("{base}/responses") }
    }

    fn sign(&self, call: RequestBuilder, key: Option<&str>) -> RequestBuilder {
        match key {
            Some(key) => call.bearer_auth(key),
            None => call,
        }
    }

    fn body(&self, question: &Question<'_>) -> Value {
        let mut body = json!({
            "model": question.model,
            "instructions": question.system,
            "input": question.user,
            "max_output_tokens": question.limit,
            "store": false,
            "stream": question.stream,
        });
        if let Some((name, schema)) = question.schema {
            body["text"] = json!({ "format": { "type": "json_schema", "name": name, "schema": schema } });
        }
        body
    }

    fn read(&self, answer: Value) -> Result<Answer, Unreadable> {
        let response: Response = serde_json::from_value(answer)?;
        if let Some(error) = response.error.filter(|error| !error.is_null()) {
            return Err(Unreadable::Broken(error_words(&error)));
        }
        if response.output.is_empty() {
            return Err(Unreadable::Empty);
        }
        let mut read = Answer { model: response.model, ended: true, ..Answer::default() };
        for part in response.output.into_iter().flat_map(|item| item.content) {
            match part {
                Part::OutputText { text } => read.text.push_str(&text),
                Part::Refusal { refusal } => read.refusal = Some(refusal),
                Part::Other => {}
            }
        }
        read.stop = match response.incomplete_details.and_then(|details| details.reason).as_deref() {
            Some("max_output_tokens") => Stop::Limit,
            Some("content_filter") => Stop::Filter,
            _ => Stop::End,
        };
        if let Some(usage) = response.usage {
            read.tokens_in = usage.input_tokens;
            read.tokens_out = usage.output_tokens;
            read.tokens_cached = usage.input_tokens_details.and_then(|details| details.cached_tokens).unwrap_or(0);
        }
        Ok(read)
    }

    fn hear(&self, heard: &mut Answer, mut event: Value) -> Result<(), Unreadable> {
        match event["type"].as_str().unwrap_or_default() {
            "response.output_text.delta" => heard.text.push_str(event["delta"].as_str().unwrap_or_default()),
            "response.completed" | "response.incomplete" => *heard = self.read(event["response"].take())?,
            "response.failed" => return Err(Unreadable::Broken(error_words(&event["response"]))),
            "error" => return Err(Unreadable::Broken(error_words(&event))),
            _ => {}
        }
        Ok(())
    }
}

#[derive(Deserialize)]
struct Response {
    model: Option<String>,
    output: Vec<Item>,
    error: Option<Value>,
    incomplete_details: Option<Incomplete>,
    usage: Option<Usage>,
}

#[derive(Deserialize)]
struct Item {
    #[serde(default)]
    content: Vec<Part>,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Part {
    OutputText {
        text: String,
    },
    Refusal {
        refusal: String,
    },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct Incomplete {
    reason: Option<String>,
}

#[derive(Deserialize)]
struct Usage {
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    input_tokens_details: Option<InputDetails>,
}

#[derive(Deserialize)]
struct InputDetails {
    cached_tokens: Option<u64>,
}
