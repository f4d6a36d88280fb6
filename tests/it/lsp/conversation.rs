//! The conversation itself: hello and goodbye, and everything that is no proper message.

use super::client::Client;
use crate::cli::place::{FIRST, Place};
use serde_json::{Value, json};

const NOT_INITIALIZED: i64 = -32002;
const INVALID_REQUEST: i64 = -32600;
const UNKNOWN_METHOD: i64 = -32601;
const INVALID_PARAMS: i64 = -32602;
const PARSE_ERROR: i64 = -32700;
const CANCELLED: i64 = -32800;

#[test]
fn hello_and_goodbye() {
    let client = Client::new(Place::empty());
    assert_eq!(client.capabilities["positionEncoding"], "utf-16");
    assert_eq!(client.quit(), 0);
}

#[test]
fn an_editor_that_goes_away_ends_the_server() {
    assert_eq!(Client::silent(Place::empty()).end(), 1);
    let mut client = Client::new(Place::empty());
    client.open_as("a.kdl", "workflow \"a\"");
    assert_eq!(client.end(), 1);
    let mut client = Client::new(Place::empty());
    client.say("exit", Value::Null);
    assert_eq!(client.end(), 1);
    let mut client = Client::new(Place::empty());
    client.raw(b"Content-Length: 1000\r\n\r\n{\"jsonrpc\"");
    assert_eq!(client.end(), 1);
}

#[test]
fn what_comes_too_early_or_too_late_is_refused() {
    let mut client = Client::silent(Place::empty());
    assert_eq!(client.refused("textDocument/hover", json!({}))["code"], NOT_INITIALIZED);
    assert_eq!(client.refused("shutdown", Value::Null)["code"], NOT_INITIALIZED);
    client.say("textDocument/didOpen", json!({"nonsense": 1}));
    assert_eq!(client.refused("initialize", json!([1, 2]))["code"], INVALID_PARAMS);
    client.ask("initialize", json!({"capabilities": {}}));
    assert_eq!(client.refused("initialize", json!({"capabilities": {}}))["code"], INVALID_REQUEST);
    client.ask("shutdown", Value::Null);
    assert_eq!(client.refused("textDocument/formatting", json!({}))["code"], INVALID_REQUEST);
    client.say("exit", Value::Null);
    assert_eq!(client.end(), 0);
}

#[test]
fn what_is_no_message_is_an_error_and_the_conversation_goes_on() {
    let mut client = Client::new(Place::empty());
    for (bytes, code) in [
        ("Content-Length: 3\r\n\r\n{]}", PARSE_ERROR),
        ("Content-Length: 2\r\n\r\n[]", INVALID_REQUEST),
        ("Content-Length: 15\r\n\r\n{\"method\": null", PARSE_ERROR),
        ("Content-Length: none\r\n\r\n", PARSE_ERROR),
        ("GET / HTTP/1.1\r\nHost: x\r\n\r\n", PARSE_ERROR),
        ("Content-Length: 2\r\n\r\n\u{0}\u{1}", PARSE_ERROR),
    ] {
        client.raw(bytes.as_bytes());
        let answer = client.answer(&Value::Null);
        assert_eq!(answer["error"]["code"], code, "{bytes:?}: {answer}");
    }
    client.raw(b"Content-Length: 4\r\n\r\n\"\xff\xfe\"");
    assert_eq!(client.answer(&Value::Null)["error"]["code"], PARSE_ERROR);
    assert_eq!(client.refused("workspace/nonsense", json!({}))["code"], UNKNOWN_METHOD);
    assert_eq!(client.refused("$/nonsense", json!({}))["code"], UNKNOWN_METHOD);
    client.say("$/nonsense", json!({}));
    client.say("window/workDoneProgress/cancel", json!("x"));
    assert_eq!(client.quit(), 0);
}

#[test]
fn wrong_parameters_are_refused_one_by_one() {
    let mut client = Client::new(Place::empty());
    let capabilities = client.capabilities.clone();
    assert!(capabilities["documentFormattingProvider"].is_boolean());
    for method in ["textDocument/formatting", "textDocument/rangeFormatting"] {
        for params in [json!(null), json!([]), json!({"textDocument": 1}), json!({"textDocument": {"uri": "no address at all"}})]
        {
            let error = client.refused(method, params.clone());
            assert_eq!(error["code"], INVALID_PARAMS, "{method} {params}: {error}");
        }
    }
    // Of a notification the mistake is told as words.
    client.say("textDocument/didOpen", json!({"textDocument": {"uri": "file:///a.kdl"}}));
    assert!(client.hear()["params"]["message"].as_str().expect("words").starts_with("textDocument/didOpen: wrong parameters"));
    client.changes("never-opened.kdl", json!([{"text": "a"}]));
    assert!(client.hear()["params"]["message"].as_str().expect("words").contains("not open"));
    assert_eq!(client.quit(), 0);
}

#[test]
fn a_request_that_is_cancelled_while_it_waits_is_not_worked_on() {
    let mut client = Client::new(Place::empty());
    // All in one piece, so that everything has arrived when the first is worked on; of two requests at least the second waits.
    let params = json!({"textDocument": {"uri": client.uri("a.kdl")}, "options": {"tabSize": 4, "insertSpaces": true}});
    let frame = |message: Value| {
        let text = message.to_string();
        format!("Content-Length: {}\r\n\r\n{text}", text.len())
    };
    let text = "workflow \"x\" {\n".to_owned() + &"    // a\n".repeat(20_000) + "}\n";
    let open = json!({"jsonrpc": "2.0", "method": "textDocument/didOpen", "params": {"textDocument":
        {"uri": client.uri("a.kdl"), "languageId": "kdl", "version": 1, "text": text}}});
    let all = frame(open)
        + &frame(json!({"jsonrpc": "2.0", "id": 100, "method": "textDocument/formatting", "params": params}))
        + &frame(json!({"jsonrpc": "2.0", "id": "second", "method": "textDocument/formatting", "params": params}))
        + &frame(json!({"jsonrpc": "2.0", "method": "$/cancelRequest", "params": {"id": "second"}}))
        + &frame(json!({"jsonrpc": "2.0", "method": "$/cancelRequest", "params": {"id": 77}}))
        + &frame(json!({"jsonrpc": "2.0", "method": "$/cancelRequest", "params": null}));
    client.raw(all.as_bytes());
    assert!(client.answer(&json!(100)).get("result").is_some());
    let second = client.answer(&json!("second"));
    // It may have been answered before the rest arrived; what must not happen is silence or two answers.
    assert!(second.get("result").is_some() || second["error"]["code"] == CANCELLED, "{second}");
    assert_eq!(client.quit(), 0);
}

#[test]
fn the_server_writes_nothing() {
    let place = Place::new();
    let before = place.files("");
    let mut client = Client::new(place);
    let text = client.open(FIRST);
    client.diagnostics(FIRST);
    client.change(FIRST, &text.replace("score \"opportunities\"", "scor  \"opportunities\""));
    client.diagnostics(FIRST);
    client.ask(
        "textDocument/formatting",
        json!({"textDocument": {"uri": client.uri(FIRST)}, "options": {"tabSize": 4, "insertSpaces": true}}),
    );
    assert_eq!(client.place.files(""), before);
    assert_eq!(client.place.read(FIRST), text);
    assert_eq!(client.quit(), 0);
}
