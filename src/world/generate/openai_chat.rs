//! The `openai-chat` wire: `POST {base-url}/chat/completions`, which OpenAI and most servers of open models speak (Ollama,
//! vLLM, llama.cpp).

use super::wire::{Answer, Question, Stop, Unreadable, Wire, error_words};
use reqwest::RequestBuilder;
use serde::Deserialize;
use serde_json::{Value, json};

/// The wire.
pub struct OpenAiChat;

impl Wire for OpenAiChat {
    fn name(&self) -> &'static str {
        "OpenAI chat-completions"
    }

    fn answer_name(&self) -> &'static str {
        "chat completion"
    }

    fn url(&self, base: &str, _question: &Question<'_>) -> String {
        if base.ends_with("/chat/completions") { base.to_owned() } else { format!("{base}/chat/completions") }
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
            "messages": [{ "role": "system", "content": question.system }, { "role": "user", "content": question.user }],
            "stream": question.stream,
        });
        // Newer models know the limit by another name.
        body[if question.other_spelling { "max_completion_tokens" } else { "max_tokens" }] = json!(question.limit);
        if question.stream {
            body["stream_options"] = json!({ "include_usage": true });
        }
        if let Some((name, schema)) = question.schema {
            body["response_format"] = json!({ "type": "json_schema", "json_schema": { "name": name, "schema": schema } });
        }
        body
    }

    fn wants_other_spelling(&self, said: &str) -> bool {
        said.contains("max_completion_tokens")
    }

    fn read(&self, answer: Value) -> Result<Answer, Unreadable> {
        let completion: Completion = serde_json::from_value(answer)?;
        let Some(choice) = completion.choices.into_iter().next() else { return Err(Unreadable::Empty) };
        let usage = completion.usage.unwrap_or_default();
        Ok(Answer {
            text: choice.message.content.unwrap_or_default(),
            refusal: choice.message.refusal.filter(|text| !text.is_empty()),
            stop: stop(choice.finish_reason.as_deref()),
            tokens_in: usage.prompt_tokens,
            tokens_cached: usage.cached(),
            tokens_out: usage.completion_tokens,
            model: completion.model,
            ended: true,
        })
    }

    fn hear(&self, heard: &mut Answer, event: Value) -> Result<(), Unreadable> {
        if event.get("error").is_some_and(|error| !error.is_null()) {
            return Err(Unreadable::Broken(error_words(&event)));
        }
        let piece: Piece = serde_json::from_value(event)?;
        heard.model = piece.model.or(heard.model.take());
        if let Some(usage) = piece.usage {
            heard.tokens_cached = usage.cached();
            (heard.tokens_in, heard.tokens_out) = (usage.prompt_tokens, usage.completion_tokens);
        }
        if let Some(choice) = piece.choices.into_iter().next() {
            heard.text.push_str(choice.delta.content.as_deref().unwrap_or_default());
            if let Some(words) = choice.delta.refusal {
                heard.refusal.get_or_insert_default().push_str(&words);
            }
            if choice.finish_reason.is_some() {
                (heard.stop, heard.ended) = (stop(choice.finish_reason.as_deref()), true);
            }
        }
        Ok(())
    }
}

fn stop(reason: Option<&str>) -> Stop {
    match reason {
        Some("length") => Stop::Limit,
        Some("content_filter") => Stop::Filter,
        _ => Stop::End,
    }
}

#[derive(Deserialize)]
struct Completion {
    model: Option<String>,
    choices: Vec<Choice>,
    usage: Option<Usage>,
}

#[derive(Deserialize)]
struct Choice {
    message: Words,
    finish_reason: Option<String>,
}

#[derive(Default, Deserialize)]
struct Words {
    content: Option<String>,
    refusal: Option<String>,
}

#[derive(Default, Deserialize)]
struct Usage {
    prompt_tokens: Option<u64>,
    completion_tokens: Option<u64>,
    prompt_tokens_details: Option<PromptDetails>,
}

impl Usage {
    fn cached(&self) -> u64 {
        self.prompt_tokens_details.as_ref().and_then(|details| details.cached_tokens).unwrap_or(0)
    }
}

#[derive(Deserialize)]
struct PromptDetails {
    cached_tokens: Option<u64>,
}

#[derive(Deserialize)]
struct Piece {
    model: Option<String>,
    #[serde(default)]
    choices: Vec<PieceChoice>,
    usage: Option<Usage>,
}

#[derive(Deserialize)]
struct PieceChoice {
    #[serde(default)]
    delta: Words,
    finish_reason: Option<String>,
}
