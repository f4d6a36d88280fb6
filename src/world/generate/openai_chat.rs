//! The `openai-chat` wire: `POST {base-url}/chat/completions`, which OpenAI and most servers of open models speak (Ollama,
//! vLLM, llama.cpp). The key is read when it is used and struck out of everything a server says.
//!
//! An answer that was cut at the token limit is handed on and says so: it is paid for, and the step that asked knows what half
//! a piece is worth. An answer that cannot be used at all is a failure that still tells what it cost.

use super::{Provider, Replying};
use crate::base::Money;
use crate::model::{self, Config, Scalar, SecretRef, Untrusted};
use crate::step::{Generate, Generated, Reply};
use crate::world::secrets::{Secret, Secrets};
use crate::world::trouble::{Trouble, excerpt};
use crate::world::web::{Web, host_name, may_pass, parse_url, read_body, status_name};
use reqwest::{StatusCode, Url};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// Tokens of one answer when the workflow does not say.
pub const MAX_TOKENS: u32 = 1_200;
/// Time for one answer when the workflow does not say. Models on a small machine are slow.
pub const TIMEOUT: Duration = Duration::from_secs(120);
/// An answer larger than this is not text for people: 4 MiB.
const ANSWER_BYTES: u64 = 4 << 20;
/// Characters of what the template composed that a model is shown.
const COMPOSED_CHARS: usize = 24_000;

/// A server that speaks the chat-completions wire.
pub struct OpenAiChat {
    name: String,
    base_url: String,
    model: String,
    key: Option<SecretRef>,
    max_tokens: u32,
    timeout: Duration,
    /// Per million tokens in and out, in US dollars.
    price: Option<(f64, f64)>,
    web: Arc<Web>,
    secrets: Secrets,
}

impl OpenAiChat {
    pub fn new(provider: &model::Provider, web: Arc<Web>, secrets: Secrets) -> OpenAiChat {
        let config = &provider.config;
        let price = |node: &Config, name: &str| node.prop(name).and_then(Scalar::number).unwrap_or(0.0);
        OpenAiChat {
            name: provider.name.clone(),
            base_url: config.text("base-url").unwrap_or_default().to_owned(),
            model: config.text("model").unwrap_or_default().to_owned(),
            key: config.value("key").and_then(Scalar::secret).cloned(),
            max_tokens: config.integer("max-tokens").and_then(|count| u32::try_from(count).ok()).unwrap_or(MAX_TOKENS),
            timeout: config.duration("timeout").unwrap_or(TIMEOUT),
            price: config.child("price").map(|node| (price(node, "input"), price(node, "output"))),
            web,
            secrets,
        }
    }

    fn url(&self) -> Result<Url, Trouble> {
        let base = self.base_url.trim_end_matches('/');
        match base.ends_with("/chat/completions") {
            true => parse_url(base),
            false => parse_url(&format!("{base}/chat/completions")),
        }
    }

    /// The step's wish, but never more than the provider allows.
    fn limit(&self, request: &Generate) -> u32 {
        if request.max_tokens == 0 { self.max_tokens } else { request.max_tokens.min(self.max_tokens) }
    }

    /// What the model is asked: the prompt, and the composed version when the step has not put it there itself.
    fn question(request: &Generate) -> String {
        let mut user = request.prompt.clone();
        // The composed version holds quotations, so it is fenced like everything from outside.
        if !request.composed.trim().is_empty() && !request.prompt.contains(request.composed.trim()) {
            user.push_str("\n\nA first version, composed from the facts alone. Write from it: keep its facts, names, numbers and links, and add none.\n");
            user.push_str(&Untrusted::new(&request.composed).fenced("composed", COMPOSED_CHARS));
        }
        user
    }

    fn body(&self, request: &Generate, limit_name: &str) -> Value {
        let mut body = json!({
            "model": self.model,
            "messages": [{ "role": "system", "content": request.system }, { "role": "user", "content": Self::question(request) }],
            "stream": false,
        });
        body[limit_name] = json!(self.limit(request));
        if let Some(schema) = &request.schema {
            // Names may hold letters, digits, `_` and `-` only.
            let name: String = request.task.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
            body["response_format"] = json!({ "type": "json_schema", "json_schema": { "name": name, "schema": schema } });
        }
        body
    }

    async fn run(&self, request: &Generate) -> Reply {
        let mut attempts = 0;
        // Newer models know the limit by another name and say so; then it is asked again with that one.
        let mut limit_name = "max_tokens";
        loop {
            attempts += 1;
            let trouble = match self.attempt(request, limit_name).await {
                Ok(generated) => return Reply::Generated(generated),
                Err(trouble) => trouble,
            };
            if limit_name == "max_tokens" && trouble.message.contains("max_completion_tokens") {
                limit_name = "max_completion_tokens";
                continue;
            }
            match self.web.pause(attempts, &trouble) {
                Some(pause) => tokio::time::sleep(pause).await,
                None => return trouble.into_reply(attempts),
            }
        }
    }

    async fn attempt(&self, request: &Generate, limit_name: &str) -> Result<Generated, Trouble> {
        let url = self.url()?;
        let host = host_name(&url);
        let key = self.key.as_ref().map(|key| self.secrets.read(key)).transpose()?;
        let mut call = self.web.client()?.post(url).json(&self.body(request, limit_name));
        if let Some(key) = &key {
            call = call.bearer_auth(key.expose());
        }
        let mut response = self.web.send(call, &host, self.timeout).await.map_err(|error| error.trouble)?;
        let status = response.status();
        if !status.is_success() {
            let overloaded = self.web.overloaded(&host, status, response.headers());
            let body = read_body(&mut response, ANSWER_BYTES, &host, self.timeout).await.unwrap_or_default();
            return Err(self.refused(status, &host, &said(&body, key.as_ref()), overloaded));
        }
        let body = read_body(&mut response, ANSWER_BYTES, &host, self.timeout).await?;
        self.read_answer(request, &host, &body, key.as_ref())
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

    fn read_answer(&self, request: &Generate, host: &str, body: &[u8], key: Option<&Secret>) -> Result<Generated, Trouble> {
        let answer: Answer = serde_json::from_slice(body).map_err(|error| {
            let words = strike(&excerpt(&String::from_utf8_lossy(body), 120), key);
            Trouble::permanent(
                format!("the answer of `{host}` is not a chat completion ({}): “{words}”", json_reason(&error)),
                format!("check `base-url` of provider `{}`: it must speak the OpenAI chat-completions interface", self.name),
            )
        })?;
        let Some(choice) = answer.choices.into_iter().next() else {
            return Err(Trouble::permanent(format!("`{host}` answered without a choice"), self.other_model()));
        };
        let text = choice.message.content.unwrap_or_default();
        let (tokens_in, tokens_out, cost) = self.used(request, &answer.usage.unwrap_or_default(), &text);
        let paid = |trouble: Trouble| Trouble { tokens: tokens_in + tokens_out, cost: cost.clone(), ..trouble };
        if let Some(refusal) = choice.message.refusal.filter(|text| !text.is_empty()) {
            let words = strike(&excerpt(&refusal, 160), key);
            return Err(paid(Trouble::permanent(
                format!("the model declined to write the {}: “{words}”", request.task),
                "read the prompt as the model did, and change the template or the model",
            )));
        }
        match choice.finish_reason.as_deref() {
            Some("content_filter") => {
                return Err(paid(Trouble::permanent(
                    format!("the content filter of `{host}` stopped the {}", request.task),
                    "look for what it may have taken amiss in the signals, or use another model",
                )));
            }
            // Some models spend the whole limit on thinking, of which nothing is handed on.
            Some("length") if text.trim().is_empty() => {
                return Err(paid(Trouble::permanent(
                    format!("the {} was cut off at {} tokens before its first word", request.task, self.limit(request)),
                    format!("raise `max-tokens` of provider `{}` and of the step", self.name),
                )));
            }
            _ if text.trim().is_empty() => {
                return Err(paid(Trouble::permanent(
                    format!("the model wrote nothing for the {}", request.task),
                    self.other_model(),
                )));
            }
            _ => {}
        }
        let cut = choice.finish_reason.as_deref() == Some("length");
        let model = answer.model.as_deref().map(model_name).filter(|model| !model.is_empty()).unwrap_or(&self.model).to_owned();
        Ok(Generated { text, model, tokens_in, tokens_out, cost, cut })
    }

    /// Tokens in and out, and what they cost when the price is known.
    fn used(&self, request: &Generate, usage: &Usage, text: &str) -> (u64, u64, Option<Money>) {
        // A server that does not count is counted for: four bytes a token is the usual rule of thumb, rounded up.
        let estimate = |bytes: usize| bytes.div_ceil(4) as u64;
        let sent = request.system.len() + Self::question(request).len();
        let tokens_in = usage.prompt_tokens.unwrap_or_else(|| estimate(sent));
        let tokens_out = usage.completion_tokens.unwrap_or_else(|| estimate(text.len()));
        let cost =
            self.price.map(|(input, output)| Money::new("usd", (tokens_in as f64 * input + tokens_out as f64 * output) / 1e6));
        (tokens_in, tokens_out, cost)
    }

    fn other_model(&self) -> String {
        format!("try again, or use another `model` for provider `{}`", self.name)
    }
}

impl Provider for OpenAiChat {
    fn generate<'a>(&'a self, request: &'a Generate) -> Replying<'a> {
        Box::pin(self.run(request))
    }
}

/// Some servers name the model by its file; the folders of somebody's machine do not belong into receipts and front matter.
fn model_name(model: &str) -> &str {
    match model.starts_with('/') || model.contains('\\') || model.ends_with(".gguf") {
        true => model.rsplit(['/', '\\']).next().unwrap_or(model),
        false => model,
    }
}

/// What a server said in an error, on one short line and without the key.
fn said(body: &[u8], key: Option<&Secret>) -> String {
    let text = String::from_utf8_lossy(body);
    let message = serde_json::from_str::<Value>(&text).ok().and_then(|value| {
        let error = value.get("error").unwrap_or(&value);
        let message = error.get("message").or_else(|| error.get("detail")).unwrap_or(error);
        message.as_str().map(str::to_owned)
    });
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

#[derive(Deserialize)]
struct Answer {
    model: Option<String>,
    choices: Vec<Choice>,
    usage: Option<Usage>,
}

#[derive(Deserialize)]
struct Choice {
    message: Message,
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Message {
    content: Option<String>,
    refusal: Option<String>,
}

#[derive(Default, Deserialize)]
struct Usage {
    prompt_tokens: Option<u64>,
    completion_tokens: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::super::template::tests::request;
    use super::*;
    use crate::step::{Failure, FailureKind};
    use crate::world::test_server::{Answer as Http, TestServer, quick_web};

    const KEY: &str = "sk-very-secret";

    fn node(name: &str, arg: Scalar) -> Config {
        Config { name: name.into(), args: vec![arg], ..Config::default() }
    }

    fn provider(base_url: String, more: Vec<Config>) -> OpenAiChat {
        let mut children = vec![
            node("base-url", Scalar::Text(base_url)),
            node("model", Scalar::Text("small".into())),
            node("key", Scalar::Secret(SecretRef::Env("LLM_KEY".into()))),
        ];
        children.extend(more);
        let config = Config { children, ..Config::default() };
        let provider = model::Provider { name: "drafter".into(), kind: "openai-chat".into(), config };
        let secrets = Secrets::new("").with_environment(|name| (name == "LLM_KEY").then(|| KEY.to_owned()));
        OpenAiChat::new(&provider, quick_web(), secrets)
    }

    fn completion(text: &str) -> String {
        json!({
            "id": "1", "model": "small-2", "choices": [{ "index": 0, "finish_reason": "stop", "message": { "role": "assistant", "content": text } }],
            "usage": { "prompt_tokens": 1_000, "completion_tokens": 500 }
        })
        .to_string()
    }

    async fn ask(server: &TestServer, request: &Generate) -> Reply {
        provider(server.at("/v1/"), Vec::new()).generate(request).await
    }

    async fn failure(server: &TestServer) -> Failure {
        match ask(server, &request("")).await {
            Reply::Failed(failure) => {
                assert!(failure.help.is_some() && !format!("{failure:?}").contains(KEY), "{failure:?}");
                failure
            }
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn a_model_is_asked_with_the_key_and_its_tokens_and_cost_are_counted() {
        let server = TestServer::start(|_, _| Http::new(200).text(&completion("# Prices moved"))).await;
        let price = Config {
            name: "price".into(),
            props: [("input".to_owned(), Scalar::Number(0.5)), ("output".to_owned(), Scalar::Integer(2))].into(),
            ..Config::default()
        };
        let limit = node("max-tokens", Scalar::Integer(200));
        let reply = provider(server.at("/v1/"), vec![price, limit]).generate(&request("A first version.")).await;
        let Reply::Generated(generated) = reply else { panic!("{reply:?}") };
        assert_eq!(generated.text, "# Prices moved");
        assert_eq!((generated.model.as_str(), generated.tokens_in, generated.tokens_out), ("small-2", 1_000, 500));
        assert_eq!(generated.cost, Some(Money { currency: "usd".into(), micros: 1_500 }));
        let asked = &server.requests()[0];
        assert_eq!((asked.method.as_str(), asked.path.as_str()), ("POST", "/v1/chat/completions"));
        assert_eq!(asked.header("authorization"), Some("Bearer sk-very-secret"));
        let body = asked.json();
        assert_eq!(body["max_tokens"], 200);
        assert_eq!(body["messages"][0]["content"], "Write plainly.");
        let user = body["messages"][1]["content"].as_str().unwrap();
        assert!(user.starts_with("Write about prices.") && user.contains("<<<composed\nA first version.\n>>>composed"), "{user}");
        assert!(body.get("response_format").is_none());
    }

    #[tokio::test]
    async fn a_schema_is_passed_on_and_uncounted_tokens_are_estimated() {
        let server = TestServer::start(|_, _| Http::new(200).text(r#"{"choices":[{"message":{"content":"{\"a\":1}"}}]}"#)).await;
        let mut request = request("");
        request.schema = Some(json!({ "type": "object" }));
        let Reply::Generated(generated) = ask(&server, &request).await else { panic!("expected a text") };
        assert_eq!((generated.model.as_str(), generated.tokens_out, generated.cost), ("small", 2, None));
        assert_eq!(generated.tokens_in, 9, "33 bytes of prompt");
        let format = &server.requests()[0].json()["response_format"];
        assert_eq!(format["json_schema"]["schema"]["type"], "object");
        assert_eq!(format["json_schema"]["name"], "draft");
    }

    #[test]
    fn a_model_named_by_its_file_loses_the_folders() {
        assert_eq!(model_name("/home/ann/models/small.gguf"), "small.gguf");
        assert_eq!(model_name("models/small.gguf"), "small.gguf");
        assert_eq!(model_name("C:\\models\\small.gguf"), "small.gguf");
        assert_eq!(model_name("meta-llama/Llama-3"), "meta-llama/Llama-3");
    }

    #[tokio::test]
    async fn a_busy_model_is_asked_again() {
        let server = TestServer::start(|_, nth| match nth {
            0 => Http::new(429).with("retry-after-ms", "3"),
            1 => Http::new(529).text("overloaded"),
            2 => Http::new(200).text(&completion("x")).cut_to(20),
            _ => Http::new(200).text(&completion("done")),
        })
        .await;
        assert!(matches!(ask(&server, &request("")).await, Reply::Generated(generated) if generated.text == "done"));
        let busy = TestServer::start(|_, _| Http::new(503).text("loading model")).await;
        let failure = failure(&busy).await;
        assert_eq!((failure.kind, failure.attempts), (FailureKind::Transient, 4));
        assert!(failure.message.contains("“loading model”"), "{failure:?}");
    }

    #[tokio::test]
    async fn a_refused_key_is_told_without_the_key() {
        let server = TestServer::start(|_, _| {
            Http::new(401).text(r#"{"error":{"message":"Incorrect API key provided: sk-very-secret."}}"#)
        })
        .await;
        let failure = failure(&server).await;
        assert_eq!((failure.kind, failure.attempts), (FailureKind::Permanent, 1));
        assert!(failure.message.contains("Incorrect API key provided: ***."), "{failure:?}");
        assert!(failure.help.unwrap().contains("`LLM_KEY`"));
    }

    #[tokio::test]
    async fn wrong_content_is_a_calm_failure_with_an_excerpt() {
        for (answer, expected) in [
            ("<html><body>It works!</body></html>", "it is not JSON"),
            (r#"{"choices":[{"mess"#, "it ends in the middle"),
            (r#"{"object":"list"}"#, "missing field `choices`"),
            (r#"{"choices":[]}"#, "without a choice"),
            (r#"{"choices":[{"message":{"content":null}}]}"#, "wrote nothing"),
            (r#"{"choices":[{"message":{"content":"","refusal":"I cannot."}}]}"#, "declined to write the draft: “I cannot.”"),
            (
                r#"{"choices":[{"finish_reason":"length","message":{"content":" "}}]}"#,
                "cut off at 300 tokens before its first word",
            ),
            (r#"{"choices":[{"finish_reason":"content_filter","message":{"content":""}}]}"#, "content filter"),
        ] {
            let server = TestServer::start(move |_, _| Http::new(200).text(answer)).await;
            let failure = failure(&server).await;
            assert!(failure.message.contains(expected), "{failure:?}");
            assert_eq!((failure.kind, failure.attempts), (FailureKind::Permanent, 1));
        }
    }

    #[tokio::test]
    async fn an_answer_that_was_cut_is_handed_on_and_says_so() {
        let server = TestServer::start(|_, _| {
            Http::new(200).text(r#"{"choices":[{"finish_reason":"length","message":{"content":"half a"}}]}"#)
        })
        .await;
        let Reply::Generated(generated) = ask(&server, &request("")).await else { panic!("expected a text") };
        assert_eq!((generated.text.as_str(), generated.cut), ("half a", true));
    }

    #[tokio::test]
    async fn an_answer_that_cannot_be_used_is_paid_for() {
        let server = TestServer::start(|_, _| Http::new(200).text(&completion(" "))).await;
        let price = Config {
            name: "price".into(),
            props: [("input".to_owned(), Scalar::Number(0.5)), ("output".to_owned(), Scalar::Integer(2))].into(),
            ..Config::default()
        };
        let reply = provider(server.at("/v1/"), vec![price]).generate(&request("")).await;
        let Reply::Failed(failure) = reply else { panic!("{reply:?}") };
        assert_eq!((failure.tokens, failure.cost), (1_500, Some(Money { currency: "usd".into(), micros: 1_500 })));
    }

    #[tokio::test]
    async fn statuses_have_their_own_next_step() {
        for (status, text, help) in [
            (404, "model not found", "`model \"small\"`"),
            (400, "context length exceeded", "too long"),
            (402, "", "credit"),
            (308, "", "`base-url`"),
            (429, r#"{"error":{"message":"You exceeded your current quota"}}"#, "credit"),
        ] {
            let server = TestServer::start(move |_, _| Http::new(status).text(text)).await;
            let failure = failure(&server).await;
            assert_eq!((failure.kind, failure.attempts), (FailureKind::Permanent, 1), "{status}");
            assert!(failure.help.as_ref().unwrap().contains(help), "{status}: {failure:?}");
        }
    }

    #[tokio::test]
    async fn newer_models_get_the_limit_by_its_newer_name() {
        let server = TestServer::start(|request, _| match request.json().get("max_completion_tokens") {
            Some(_) => Http::new(200).text(&completion("ok")),
            None => Http::new(400).text(r#"{"error":{"message":"Use 'max_completion_tokens' instead."}}"#),
        })
        .await;
        assert!(matches!(ask(&server, &request("")).await, Reply::Generated(_)));
    }

    #[tokio::test]
    async fn a_missing_key_and_a_missing_server_name_themselves() {
        let mut without = provider("http://127.0.0.1:9/v1".into(), Vec::new());
        without.key = Some(SecretRef::Env("OTHER".into()));
        let reply = without.generate(&request("")).await;
        assert!(matches!(&reply, Reply::Failed(failure) if failure.message.contains("`OTHER` is not set")), "{reply:?}");
        let url = {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            format!("http://{}/v1", listener.local_addr().unwrap())
        };
        let reply = provider(url, Vec::new()).generate(&request("")).await;
        assert!(
            matches!(&reply, Reply::Failed(failure) if failure.message.contains("connection refused") && failure.attempts == 4)
        );
    }
}
