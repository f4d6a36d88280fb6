//! `loopctl mcp`, driven as an agent drives it: one JSON message a line.

use super::place::{FIRST, Place, Stage, text};
use serde_json::{Value, json};

/// Says all lines and returns the answers.
fn talk(place: &Place, words: &str, lines: &[String]) -> Vec<Value> {
    let said = place.run_with_input(&format!("mcp {FIRST} {words}"), &format!("{}\n", lines.join("\n"))).exit(0);
    said.out.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

fn ask(id: u32, method: &str, params: Value) -> String {
    json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }).to_string()
}

fn tool(id: u32, name: &str, words: Value) -> String {
    ask(id, "tools/call", json!({ "name": name, "arguments": words }))
}

/// The document that a tool answered with.
fn document(answer: &Value) -> Value {
    assert_eq!(answer["result"]["isError"], false, "{answer}");
    serde_json::from_str(&text(&answer["result"]["content"][0]["text"])).expect("a tool answers with JSON")
}

#[test]
fn an_agent_reads_the_client_os_the_queue_and_a_lineage_and_cannot_decide() {
    let place = Place::at(Stage::Parked);
    let waiting = place.waiting(FIRST);
    let id = text(&waiting[0]["id"]);
    let answers = talk(
        &place,
        "",
        &[
            ask(
                1,
                "initialize",
                json!({ "protocolVersion": "2025-03-26", "capabilities": {}, "clientInfo": { "name": "t", "version": "1" } }),
            ),
            json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }).to_string(),
            ask(2, "tools/list", json!({})),
            tool(3, "queue", json!({})),
            tool(4, "trace", json!({ "item": id })),
            tool(5, "client_os", json!({})),
            tool(6, "client_os", json!({ "step": "outlines" })),
            tool(7, "check_text", json!({ "text": "We leverage a tapestry." })),
            tool(8, "approve", json!({ "item": id })),
            tool(9, "trace", json!({ "item": "--state=/tmp/elsewhere" })),
            tool(10, "trace", json!({})),
            ask(11, "resources/list", json!({})),
            ask(12, "resources/read", json!({ "uri": "loopctl://client-os/brand.md" })),
            ask(13, "resources/read", json!({ "uri": "loopctl://client-os/../../Cargo.toml" })),
            tool(14, "show", json!({ "item": id })),
            tool(15, "status", json!({ "cycle": 1 })),
        ],
    );
    assert_eq!(answers.len(), 15, "a notification has no answer");
    let of = |id: u32| answers.iter().find(|answer| answer["id"] == id).unwrap_or_else(|| panic!("no answer to {id}"));
    assert_eq!(of(1)["result"]["protocolVersion"], "2025-03-26");
    let tools: Vec<String> = of(2)["result"]["tools"].as_array().unwrap().iter().map(|tool| text(&tool["name"])).collect();
    assert!(tools.contains(&"queue".to_owned()) && !tools.contains(&"approve".to_owned()), "{tools:?}");
    assert_eq!(document(of(3))["waiting"].as_array().unwrap().len(), waiting.len());
    assert!(document(of(4))["lineage"].to_string().contains("signal"));
    assert!(document(of(5))["client_os"]["forbidden"].as_array().is_some_and(|list| !list.is_empty()));
    assert!(document(of(6))["context"]["text"].as_str().is_some_and(|text| text.contains("## ")));
    assert_eq!(document(of(7))["diagnostics"].as_array().unwrap().len(), 2);
    assert_eq!(of(8)["error"]["code"], -32602, "deciding was not allowed");
    assert_eq!(of(9)["result"]["isError"], true, "a word is never an option");
    assert_eq!(of(10)["result"]["isError"], true);
    assert!(of(11)["result"]["resources"].to_string().contains("brand.md"));
    assert!(text(&of(12)["result"]["contents"][0]["text"]).contains("## Voice"));
    assert!(of(13)["error"]["code"].is_i64());
    assert_eq!(text(&document(of(14))["item"]["gate"]["id"]), id);
    assert_eq!(document(of(15))["cycle"]["cycle"], 1);
    assert_eq!(place.waiting(FIRST).len(), waiting.len(), "nothing was decided");
}

#[test]
fn an_agent_that_may_decide_does_so_in_a_persons_name() {
    let place = Place::at(Stage::Parked);
    let waiting = place.waiting(FIRST);
    let (first, second) = (text(&waiting[0]["id"]), text(&waiting[1]["id"]));
    let answers = talk(
        &place,
        "--allow-decisions --as content-team",
        &[tool(1, "approve", json!({ "item": first })), tool(2, "reject", json!({ "item": second, "reason": "too late" }))],
    );
    assert!(answers.iter().all(|answer| answer["result"]["isError"] == false), "{answers:?}");
    assert_eq!(place.waiting(FIRST).len(), waiting.len() - 2);
    let log = place.run(&format!("log {FIRST} --json")).exit(0);
    assert!(log.out.contains("content-team") && log.out.contains("too late"), "{}", log.told());
}

#[test]
fn what_is_no_request_is_a_protocol_error_and_the_conversation_goes_on() {
    let place = Place::at(Stage::Parked);
    let lines = [
        "nonsense".to_owned(),
        "[]".to_owned(),
        "{}".to_owned(),
        json!({ "jsonrpc": "2.0", "id": 1, "method": "fly" }).to_string(),
        json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/call" }).to_string(),
        format!("\"{}\"", "x".repeat(5 << 20)),
        json!([{ "jsonrpc": "2.0", "id": 3, "method": "ping" }, { "jsonrpc": "2.0", "method": "notifications/cancelled" }])
            .to_string(),
        "\u{0}\u{1b}".to_owned(),
        ask(4, "ping", json!({})),
    ];
    let answers = talk(&place, "", &lines);
    let codes: Vec<i64> = answers.iter().filter_map(|answer| answer["error"]["code"].as_i64()).collect();
    assert_eq!(codes, [-32700, -32600, -32600, -32601, -32602, -32600, -32700]);
    assert_eq!(answers[6][0]["id"], 3, "{answers:?}");
    assert_eq!(answers.last().unwrap()["result"], json!({}));
}

#[test]
fn the_client_os_is_exported_for_agents_chats_and_programs() {
    let place = Place::new();
    let agents = place.run(&format!("os export {FIRST}")).exit(0);
    for part in ["# Client OS", "Version ", "## "] {
        assert!(agents.out.contains(part), "{part}\n{}", agents.told());
    }
    let chat = place.run(&format!("os export {FIRST} --for chat")).exit(0);
    assert!(chat.out.starts_with("Write and judge everything"), "{}", chat.told());
    let data = place.run(&format!("os export {FIRST} --for json")).exit(0).json();
    assert!(data["client_os"]["pillars"].as_array().is_some_and(|pillars| !pillars.is_empty()), "{data}");
}
