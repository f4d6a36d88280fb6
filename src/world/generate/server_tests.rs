//! Every wire against a server that answers as the interface does, and in ways no server should.

use super::cassette::Cassette;
use super::server::{ModelServer, model_name};
use super::template::tests::request;
use super::{Provider, wire};
use crate::base::Money;
use crate::model::{self, Config, Scalar, SecretRef};
use crate::step::{Failure, FailureKind};
use crate::step::{Generate, Reply};
use crate::world::disk::DiskFiles;
use crate::world::secrets::Secrets;
use crate::world::test_server::{Answer as Http, TestServer, quick_web};
use serde_json::{Value, json};

const KEY: &str = "sk-very-secret";

fn node(name: &str, arg: Scalar) -> Config {
    Config { name: name.to_owned().into(), args: [arg].into(), ..Config::default() }
}

fn provider(base_url: String, more: Vec<Config>) -> ModelServer {
    speaking("openai-chat", base_url, more)
}

fn speaking(kind: &str, base_url: String, more: Vec<Config>) -> ModelServer {
    let mut children = vec![
        node("base-url", Scalar::Text(base_url)),
        node("model", Scalar::Text("small".into())),
        node("key", Scalar::Secret(SecretRef::Env("LLM_KEY".into()))),
    ];
    children.extend(more);
    let config = Config { children, ..Config::default() };
    let provider = model::Provider { name: "drafter".into(), kind: kind.into(), config };
    let secrets = Secrets::new("").with_environment(|name| (name == "LLM_KEY").then(|| KEY.to_owned()));
    let cassette = Cassette::of(&provider.config, &DiskFiles::new("/"), None).unwrap();
    ModelServer::new(wire(kind).unwrap(), &provider, quick_web(), secrets, cassette)
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
async fn a_model_that_is_busy_for_an_hour_is_not_waited_for() {
    let server = TestServer::start(|_, _| Http::new(429).with("retry-after", "3600").text("slow down")).await;
    let failure = failure(&server).await;
    // Later is another cycle, so the kind says that it may work then.
    assert_eq!(failure.kind, FailureKind::Transient, "{failure:?}");
    assert!(failure.attempts <= 4 && failure.message.contains("“slow down”"), "{failure:?}");
}

#[tokio::test]
async fn a_refused_key_is_told_without_the_key() {
    let server =
        TestServer::start(|_, _| Http::new(401).text(r#"{"error":{"message":"Incorrect API key provided: sk-very-secret."}}"#))
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
        (r#"{"choices":[{"finish_reason":"length","message":{"content":" "}}]}"#, "cut off at 300 tokens before its first word"),
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
    let other = node("key", Scalar::Secret(SecretRef::Env("OTHER".into())));
    let mut without = provider("http://127.0.0.1:9/v1".into(), Vec::new());
    without.set_key(other.args[0].secret().cloned());
    let reply = without.generate(&request("")).await;
    assert!(matches!(&reply, Reply::Failed(failure) if failure.message.contains("`OTHER` is not set")), "{reply:?}");
    let url = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}/v1", listener.local_addr().unwrap())
    };
    let reply = provider(url, Vec::new()).generate(&request("")).await;
    assert!(matches!(&reply, Reply::Failed(failure) if failure.message.contains("connection refused") && failure.attempts == 4));
}

/// One recorded exchange of an interface: what it answers whole, what it answers in pieces.
struct Contract {
    kind: &'static str,
    whole: Value,
    pieces: &'static [&'static str],
}

/// In the forms that the interfaces document; the words and numbers are ours.
fn contracts() -> Vec<Contract> {
    vec![
        Contract {
            kind: "openai-chat",
            whole: json!({
                "id": "c1", "object": "chat.completion", "model": "small-2",
                "choices": [{ "index": 0, "message": { "role": "assistant", "content": "# Prices moved", "refusal": null }, "logprobs": null, "finish_reason": "stop" }],
                "usage": { "prompt_tokens": 1_000, "completion_tokens": 500, "total_tokens": 1_500, "prompt_tokens_details": { "cached_tokens": 400 } },
            }),
            pieces: &[
                r#"{"model":"small-2","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}],"usage":null}"#,
                r##"{"model":"small-2","choices":[{"index":0,"delta":{"content":"# Prices"},"finish_reason":null}]}"##,
                r#"{"model":"small-2","choices":[{"index":0,"delta":{"content":" moved"},"finish_reason":null}]}"#,
                r#"{"model":"small-2","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#,
                r#"{"model":"small-2","choices":[],"usage":{"prompt_tokens":1000,"completion_tokens":500,"prompt_tokens_details":{"cached_tokens":400}}}"#,
                "[DONE]",
            ],
        },
        Contract {
            kind: "openai-responses",
            whole: json!({
                "id": "r1", "object": "response", "status": "completed", "error": null, "incomplete_details": null, "model": "small-2",
                "output": [
                    { "type": "reasoning", "id": "x", "summary": [] },
                    { "type": "message", "role": "assistant", "content": [{ "type": "output_text", "text": "# Prices moved", "annotations": [] }] },
                ],
                "usage": { "input_tokens": 1_000, "input_tokens_details": { "cached_tokens": 400 }, "output_tokens": 500, "total_tokens": 1_500 },
            }),
            pieces: &[
                r#"{"type":"response.created","response":{"status":"in_progress","output":[]}}"#,
                r##"{"type":"response.output_text.delta","delta":"# Prices"}"##,
                r#"{"type":"response.output_text.delta","delta":" moved"}"#,
                r##"{"type":"response.completed","response":{"status":"completed","model":"small-2","output":[{"type":"message","content":[{"type":"output_text","text":"# Prices moved"}]}],"usage":{"input_tokens":1000,"input_tokens_details":{"cached_tokens":400},"output_tokens":500}}}"##,
            ],
        },
        Contract {
            kind: "anthropic-messages",
            whole: json!({
                "id": "m1", "type": "message", "role": "assistant", "model": "small-2", "stop_reason": "end_turn", "stop_sequence": null,
                "content": [{ "type": "text", "text": "# Prices moved" }],
                "usage": { "input_tokens": 500, "cache_creation_input_tokens": 100, "cache_read_input_tokens": 400, "output_tokens": 500 },
            }),
            pieces: &[
                r#"{"type":"message_start","message":{"model":"small-2","content":[],"usage":{"input_tokens":500,"cache_creation_input_tokens":100,"cache_read_input_tokens":400,"output_tokens":1}}}"#,
                r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
                r#"{"type":"ping"}"#,
                r##"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"# Prices"}}"##,
                r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":" moved"}}"#,
                r#"{"type":"content_block_stop","index":0}"#,
                r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":500}}"#,
                r#"{"type":"message_stop"}"#,
            ],
        },
        Contract {
            kind: "gemini",
            whole: json!({
                "candidates": [{ "content": { "role": "model", "parts": [{ "text": "I think.", "thought": true }, { "text": "# Prices moved" }] }, "finishReason": "STOP", "index": 0 }],
                "usageMetadata": { "promptTokenCount": 1_000, "cachedContentTokenCount": 400, "candidatesTokenCount": 450, "thoughtsTokenCount": 50, "totalTokenCount": 1_500 },
                "modelVersion": "small-2",
            }),
            pieces: &[
                r##"{"candidates":[{"content":{"parts":[{"text":"# Prices"}]}}],"usageMetadata":{"promptTokenCount":1000},"modelVersion":"small-2"}"##,
                r#"{"candidates":[{"content":{"parts":[{"text":" moved"}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":1000,"cachedContentTokenCount":400,"candidatesTokenCount":450,"thoughtsTokenCount":50},"modelVersion":"small-2"}"#,
            ],
        },
    ]
}

fn price() -> Config {
    let props = [("input", 1.0), ("cached", 0.5), ("output", 2.0)].map(|(name, value)| (name.to_owned(), Scalar::Number(value)));
    Config { name: "price".into(), props: props.into(), ..Config::default() }
}

#[tokio::test]
async fn every_wire_says_the_same_of_the_same_answer_whole_or_in_pieces() {
    for contract in contracts() {
        for stream in [false, true] {
            let whole = contract.whole.to_string();
            let pieces: String = contract.pieces.iter().map(|piece| format!("data: {piece}\n\n")).collect();
            let server = TestServer::start(move |_, _| match stream {
                false => Http::new(200).text(&whole),
                true => Http::new(200).with("content-type", "text/event-stream").text(&pieces),
            })
            .await;
            let provider = speaking(contract.kind, server.at("/v1"), vec![price(), node("stream", Scalar::Bool(stream))]);
            let reply = provider.generate(&request("")).await;
            let Reply::Generated(generated) = reply else { panic!("{} stream={stream}: {reply:?}", contract.kind) };
            assert_eq!(generated.text, "# Prices moved", "{} stream={stream}", contract.kind);
            assert_eq!((generated.model.as_str(), generated.tokens_in, generated.tokens_out), ("small-2", 1_000, 500));
            assert_eq!(generated.cost.unwrap().micros, 600 + 200 + 1_000, "{} stream={stream}", contract.kind);
            assert!(!generated.cut);
            let asked = &server.requests()[0];
            let body = asked.body.clone();
            assert!(body.contains("Write plainly.") && body.contains("Write about prices.") && body.contains("300"), "{body}");
            assert!(!body.contains(KEY) && !asked.path.contains(KEY), "the key is a header");
        }
    }
}

#[tokio::test]
async fn every_wire_asks_where_and_as_its_interface_wants() {
    for (kind, path, header, value) in [
        ("openai-chat", "/v1/chat/completions", "authorization", "Bearer sk-very-secret"),
        ("openai-responses", "/v1/responses", "authorization", "Bearer sk-very-secret"),
        ("anthropic-messages", "/v1/messages", "x-api-key", "sk-very-secret"),
        ("gemini", "/v1/models/small:generateContent", "x-goog-api-key", "sk-very-secret"),
    ] {
        let server = TestServer::start(|_, _| Http::new(400).text("no")).await;
        let mut wanted = request("");
        wanted.schema = Some(json!({ "type": "object", "additionalProperties": false }));
        let Reply::Failed(failure) = speaking(kind, server.at("/v1"), Vec::new()).generate(&wanted).await else {
            panic!("{kind}")
        };
        assert_eq!(failure.kind, FailureKind::Permanent);
        let asked = &server.requests()[0];
        assert_eq!((asked.path.as_str(), asked.header(header)), (path, Some(value)), "{kind}");
        let body = asked.json();
        let schema = match kind {
            "openai-chat" => &body["response_format"]["json_schema"]["schema"],
            "openai-responses" => &body["text"]["format"]["schema"],
            "anthropic-messages" => &body["tools"][0]["input_schema"],
            _ => &body["generationConfig"]["responseSchema"],
        };
        assert_eq!(schema["type"], "object", "{kind}: {body}");
        assert_eq!(schema.get("additionalProperties").is_some(), kind != "gemini");
        if kind == "anthropic-messages" {
            assert_eq!(asked.header("anthropic-version"), Some("2023-06-01"));
            assert_eq!(body["system"][0]["cache_control"]["type"], "ephemeral");
        }
    }
}

#[tokio::test]
async fn limits_refusals_and_filters_are_known_on_every_wire() {
    for (kind, answer, expected) in [
        (
            "openai-responses",
            json!({"output":[{"type":"message","content":[{"type":"refusal","refusal":"I cannot."}]}]}),
            "declined",
        ),
        (
            "openai-responses",
            json!({"output":[{"type":"reasoning"}],"status":"incomplete","incomplete_details":{"reason":"max_output_tokens"}}),
            "cut off",
        ),
        ("openai-responses", json!({"output":[],"error":{"message":"boom"}}), "“boom”"),
        ("anthropic-messages", json!({"content":[],"stop_reason":"refusal"}), "declined"),
        ("anthropic-messages", json!({"content":[],"stop_reason":"max_tokens"}), "cut off"),
        ("anthropic-messages", json!({"type":"message"}), "missing field `content`"),
        ("gemini", json!({"promptFeedback":{"blockReason":"SAFETY"}}), "declined"),
        ("gemini", json!({"candidates":[{"finishReason":"SAFETY"}]}), "content filter"),
        ("gemini", json!({"candidates":[{"finishReason":"MAX_TOKENS"}]}), "cut off"),
        ("gemini", json!({}), "without a choice"),
    ] {
        let text = answer.to_string();
        let server = TestServer::start(move |_, _| Http::new(200).text(&text)).await;
        let reply = speaking(kind, server.at("/v1"), Vec::new()).generate(&request("")).await;
        assert!(matches!(&reply, Reply::Failed(failure) if failure.message.contains(expected)), "{kind}: {reply:?}");
    }
    let cut = json!({"content":[{"type":"text","text":"half a"}],"stop_reason":"max_tokens"}).to_string();
    let server = TestServer::start(move |_, _| Http::new(200).text(&cut)).await;
    let reply = speaking("anthropic-messages", server.at("/v1"), Vec::new()).generate(&request("")).await;
    assert!(matches!(&reply, Reply::Generated(generated) if generated.cut && generated.text == "half a"), "{reply:?}");
}

#[tokio::test]
async fn a_stream_that_breaks_or_talks_nonsense_is_told_and_paid_for() {
    let start = r#"data: {"type":"message_start","message":{"model":"m","usage":{"input_tokens":100,"output_tokens":1}}}"#;
    for (rest, expected, kind) in [
        ("", "stopped before its end", FailureKind::Transient),
        (
            "data: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}\n\n",
            "gave up in the middle: “Overloaded”",
            FailureKind::Transient,
        ),
        ("data: <html>\n\n", "it is not JSON", FailureKind::Permanent),
    ] {
        let text = format!("{start}\n\n{rest}");
        let server = TestServer::start(move |_, _| Http::new(200).with("content-type", "text/event-stream").text(&text)).await;
        let provider = speaking("anthropic-messages", server.at("/v1"), vec![node("stream", Scalar::Bool(true))]);
        let Reply::Failed(failure) = provider.generate(&request("")).await else { panic!("expected a failure") };
        assert!(failure.message.contains(expected), "{failure:?}");
        assert_eq!((failure.kind, failure.tokens >= 100), (kind, true), "{failure:?}");
    }
}

#[tokio::test]
async fn an_answer_without_the_wanted_form_is_sent_back_with_what_is_wrong() {
    let server = TestServer::start(|_, nth| match nth {
        0 => Http::new(200).text(&completion("Gladly!")),
        1 => Http::new(200).text(&completion("{}")),
        _ => Http::new(200).text(&completion("```json\n{\"verdict\":\"pass\"}\n```")),
    })
    .await;
    let mut wanted = request("");
    wanted.schema = Some(json!({ "type": "object", "required": ["verdict"] }));
    let Reply::Generated(generated) = ask(&server, &wanted).await else { panic!("expected an answer") };
    assert_eq!(generated.text, "{\"verdict\":\"pass\"}");
    assert_eq!((generated.tokens_in, generated.tokens_out), (3_000, 1_500), "every attempt is counted");
    let last = server.requests()[2].body.clone();
    assert!(last.contains("the answer lacks `verdict`"), "{last}");
    let stubborn = TestServer::start(|_, _| Http::new(200).text(&completion("Gladly!"))).await;
    let Reply::Failed(failure) = ask(&stubborn, &wanted).await else { panic!("expected a failure") };
    assert!(failure.message.contains("does not have the form") && failure.tokens == 4_500, "{failure:?}");
    assert_eq!(stubborn.requests().len(), 3);
}

#[tokio::test]
async fn what_was_recorded_is_played_back_without_a_server_and_without_the_key() {
    let folder = tempfile::tempdir().unwrap();
    let tapes = |mode: &str| {
        let place = folder.path().join("tapes").display().to_string();
        let props = [("mode".to_owned(), Scalar::Text(mode.to_owned()))].into();
        Config { name: "cassette".into(), args: [Scalar::Text(place)].into(), props, ..Config::default() }
    };
    for stream in [false, true] {
        let contract = contracts().remove(0);
        let (whole, pieces) = (contract.whole.to_string(), contract.pieces.to_vec());
        let server = TestServer::start(move |_, _| match stream {
            false => Http::new(200).text(&whole),
            true => {
                let text: String = pieces.iter().map(|piece| format!("data: {piece}\n\n")).collect();
                Http::new(200).with("content-type", "text/event-stream").text(&text)
            }
        })
        .await;
        let at = server.at("/v1");
        let with = |mode: &str| provider(at.clone(), vec![tapes(mode), node("stream", Scalar::Bool(stream))]);
        let recorded = with("record").generate(&request("")).await;
        let played = with("replay").generate(&request("")).await;
        assert_eq!((server.requests().len(), &played), (1, &recorded));
        assert!(matches!(played, Reply::Generated(_)));
        let mut other = request("");
        other.prompt = "Another question.".into();
        let Reply::Failed(failure) = with("replay").generate(&other).await else { panic!("never recorded") };
        assert!(failure.message.contains("never recorded") && failure.attempts == 1, "{failure:?}");
    }
    for entry in std::fs::read_dir(folder.path().join("tapes")).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        assert!(!text.contains(KEY) && !text.contains("Write about prices"), "{text}");
    }
}
