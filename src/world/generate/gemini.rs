//! The `gemini` wire: `POST {base-url}/models/{model}:generateContent`, or `:streamGenerateContent` for an answer in pieces.
//! Its schemas know fewer words than JSON Schema, so the others are left out; the answer is checked against the whole one.

use super::wire::{Answer, Question, Stop, Unreadable, Wire, error_words};
use reqwest::RequestBuilder;
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// The words of a schema that the interface takes.
const SCHEMA_WORDS: &[&str] = &[
    "type",
    "format",
    "title",
    "description",
    "nullable",
    "enum",
    "items",
    "minItems",
    "maxItems",
    "properties",
    "required",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "pattern",
    "anyOf",
    "propertyOrdering",
];

/// The wire.
pub struct Gemini;

impl Wire for Gemini {
    fn name(&self) -> &'static str {
        "Gemini"
    }

    fn answer_name(&self) -> &'static str {
        "Gemini answer"
    }

    fn base_url(&self) -> Option<&'static str> {
        Some("https://generativelanguage.googleapis.com/v1beta")
    }

    fn url(&self, base: &str, question: &Question<'_>) -> String {
        let model = question.model.trim_start_matches("models/");
        match question.stream {
            true => format!("{base}/models/{model}:streamGenerateContent?alt=sse"),
            false => format!("{base}/models/{model}:generateContent"),
        }
    }

    fn sign(&self, call: RequestBuilder, key: Option<&str>) -> RequestBuilder {
        // As a header, so that the key stands in no address.
        match key {
            Some(key) => call.header("x-goog-api-key", key),
            None => call,
        }
    }

    fn body(&self, question: &Question<'_>) -> Value {
        let mut body = json!({
            "contents": [{ "role": "user", "parts": [{ "text": question.user }] }],
            "generationConfig": { "maxOutputTokens": question.limit },
        });
        if !question.system.is_empty() {
            body["systemInstruction"] = json!({ "parts": [{ "text": question.system }] });
        }
        if let Some((_, schema)) = question.schema {
            body["generationConfig"]["responseMimeType"] = json!("application/json");
            body["generationConfig"]["responseSchema"] = known_words(schema);
        }
        body
    }

    fn read(&self, answer: Value) -> Result<Answer, Unreadable> {
        let mut read = Answer::default();
        self.hear(&mut read, answer)?;
        match read.ended {
            true => Ok(read),
            false => Err(Unreadable::Empty),
        }
    }

    /// A whole answer and a piece of one have the same form.
    fn hear(&self, heard: &mut Answer, event: Value) -> Result<(), Unreadable> {
        if event.get("error").is_some() {
            return Err(Unreadable::Broken(error_words(&event)));
        }
        let piece: Piece = serde_json::from_value(event)?;
        if let Some(usage) = piece.usage {
            heard.tokens_in = usage.prompt.or(heard.tokens_in);
            heard.tokens_cached = usage.cached.unwrap_or(heard.tokens_cached);
            if usage.written.is_some() || usage.thoughts.is_some() {
                heard.tokens_out = Some(usage.written.unwrap_or(0).saturating_add(usage.thoughts.unwrap_or(0)));
            }
        }
        heard.model = piece.model.or(heard.model.take());
        if let Some(reason) = piece.feedback.and_then(|feedback| feedback.block_reason) {
            (heard.stop, heard.ended) = (Stop::Filter, true);
            heard.refusal = Some(format!("the prompt was blocked: {reason}"));
        }
        let Some(candidate) = piece.candidates.into_iter().next() else { return Ok(()) };
        for part in candidate.content.unwrap_or_default().parts {
            if !part.thought {
                heard.text.push_str(&part.text);
            }
        }
        heard.ended |= candidate.finish_reason.is_some();
        match candidate.finish_reason.as_deref() {
            Some("MAX_TOKENS") => heard.stop = Stop::Limit,
            Some("SAFETY" | "RECITATION" | "BLOCKLIST" | "PROHIBITED_CONTENT" | "SPII" | "LANGUAGE") => heard.stop = Stop::Filter,
            _ => {}
        }
        Ok(())
    }
}

/// The schema without the words that the interface refuses. The names of properties are no words of it.
fn known_words(schema: &Value) -> Value {
    let Value::Object(words) = schema else { return schema.clone() };
    let kept = words.iter().filter(|(word, _)| SCHEMA_WORDS.contains(&word.as_str())).map(|(word, value)| {
        let value = match (word.as_str(), value) {
            ("properties", Value::Object(named)) => {
                Value::Object(named.iter().map(|(name, schema)| (name.clone(), known_words(schema))).collect())
            }
            ("items", schema) => known_words(schema),
            ("anyOf", Value::Array(all)) => Value::Array(all.iter().map(known_words).collect()),
            (_, value) => value.clone(),
        };
        (word.clone(), value)
    });
    Value::Object(kept.collect::<Map<String, Value>>())
}

#[derive(Deserialize)]
struct Piece {
    #[serde(default)]
    candidates: Vec<Candidate>,
    #[serde(rename = "usageMetadata")]
    usage: Option<Usage>,
    #[serde(rename = "modelVersion")]
    model: Option<String>,
    #[serde(rename = "promptFeedback")]
    feedback: Option<Feedback>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Candidate {
    content: Option<Content>,
    finish_reason: Option<String>,
}

#[derive(Default, Deserialize)]
struct Content {
    #[serde(default)]
    parts: Vec<Part>,
}

#[derive(Deserialize)]
struct Part {
    #[serde(default)]
    text: String,
    /// What it thought on the way is not its answer.
    #[serde(default)]
    thought: bool,
}

#[derive(Deserialize)]
struct Usage {
    #[serde(rename = "promptTokenCount")]
    prompt: Option<u64>,
    #[serde(rename = "cachedContentTokenCount")]
    cached: Option<u64>,
    #[serde(rename = "candidatesTokenCount")]
    written: Option<u64>,
    #[serde(rename = "thoughtsTokenCount")]
    thoughts: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Feedback {
    block_reason: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_loses_the_words_that_the_interface_refuses_and_no_property() {
        let schema = json!({
            "$schema": "x", "type": "object", "additionalProperties": false, "required": ["default"],
            "properties": { "default": { "type": "array", "items": { "type": "string", "const": "a" } } },
        });
        assert_eq!(
            known_words(&schema),
            json!({ "type": "object", "required": ["default"], "properties": { "default": { "type": "array", "items": { "type": "string" } } } })
        );
    }
}
