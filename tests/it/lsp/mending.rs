//! Fixes as actions, colours, and words beside the text.

use super::client::{Client, applied, place};
use crate::cli::place::{FIRST, Place, Stage};
use serde_json::{Value, json};

fn actions(client: &mut Client, name: &str, text: &str, word: &str, only: Value) -> Vec<Value> {
    let (line, character) = place(text, text.find(word).expect("in the text"));
    let at = json!({"line": line, "character": character});
    let mut context = json!({"diagnostics": client.diagnostics(name)});
    if !only.is_null() {
        context["only"] = only;
    }
    let params = json!({"textDocument": {"uri": client.uri(name)}, "range": {"start": at, "end": at}, "context": context});
    client.ask("textDocument/codeAction", params).as_array().expect("a list").clone()
}

#[test]
fn a_fix_is_an_action_and_all_fixes_are_one() {
    let mut client = Client::new(Place::new());
    let sound = client.open(FIRST);
    let text = sound.replace("score \"opp", "scor \"opp").replace("provider \"drafter\"\n", "provider \"draftr\"\n");
    client.change(FIRST, &text);
    let found = actions(&mut client, FIRST, &text, "scor \"opp", json!(["quickfix"]));
    assert_eq!((found.len(), &found[0]["title"], &found[0]["isPreferred"]), (1, &json!("Write `score`"), &json!(true)));
    assert_eq!(found[0]["diagnostics"][0]["code"], "loop::unknown-kind");
    let edits = found[0]["edit"]["changes"][client.uri(FIRST)].clone();
    assert!(applied(&text, &edits).contains("score \"opp"));
    // Asked for right after a keystroke, the fix counts in the new text.
    let moved = format!("// é\n{text}");
    client.change(FIRST, &moved);
    let found = actions(&mut client, FIRST, &moved, "scor \"opp", json!(["quickfix"]));
    assert!(applied(&moved, &found[0]["edit"]["changes"][client.uri(FIRST)]).contains("score \"opp"));
    client.change(FIRST, &text);
    let all = actions(&mut client, FIRST, &text, "workflow", json!(["source.fixAll"]));
    assert_eq!((all.len(), &all[0]["kind"]), (1, &json!("source.fixAll.loopctl")));
    assert_eq!(applied(&text, &all[0]["edit"]["changes"][client.uri(FIRST)]), sound);
    client.change(FIRST, &sound);
    assert!(actions(&mut client, FIRST, &sound, "workflow", Value::Null).is_empty());
    assert_eq!(client.quit(), 0);
}

#[test]
fn colours_are_told_by_meaning() {
    let mut client = Client::new(Place::new());
    let text = client.open(FIRST);
    let document = json!({"textDocument": {"uri": client.uri(FIRST)}});
    let whole = client.ask("textDocument/semanticTokens/full", document.clone())["data"].as_array().expect("numbers").len();
    assert!(whole > 5 * 150 && whole.is_multiple_of(5), "{whole}");
    let mut part = document.clone();
    part["range"] = json!({"start": {"line": 0, "character": 0}, "end": {"line": 8, "character": 0}});
    let part = client.ask("textDocument/semanticTokens/range", part)["data"].as_array().expect("numbers").len();
    assert!(part > 0 && part < whole);
    client.change(FIRST, &text[..text.len() / 2]);
    assert!(!client.ask("textDocument/semanticTokens/full", document)["data"].as_array().expect("numbers").is_empty());
    assert_eq!(client.quit(), 0);
}

fn hints(client: &mut Client) -> Vec<String> {
    let range = json!({"start": {"line": 0, "character": 0}, "end": {"line": 999, "character": 0}});
    let found = client.ask("textDocument/inlayHint", json!({"textDocument": {"uri": client.uri(FIRST)}, "range": range}));
    found.as_array().into_iter().flatten().map(|hint| hint["label"].as_str().expect("words").to_owned()).collect()
}

#[test]
fn used_caps_and_the_next_cycle_are_shown_and_the_state_stays_free() {
    let capabilities = json!({"workspace": {"inlayHint": {"refreshSupport": true}}});
    let mut client = Client::with(Place::at(Stage::Closed), capabilities.clone());
    client.open(FIRST);
    client.diagnostics(FIRST);
    // The first answer does not wait for the folder; the server says when there is more.
    hints(&mut client);
    assert_eq!(client.hear()["method"], "workspace/inlayHint/refresh");
    assert_eq!(hints(&mut client), ["next cycle sees Mon 8 Jul 2024 06:00", "0 used, 3 left in 2024-W28"]);
    // The folder is free for a command, and what the command changed is seen.
    client.place.run(&format!("run {FIRST}")).exit(4);
    hints(&mut client);
    assert_eq!(client.hear()["method"], "workspace/inlayHint/refresh");
    let after = hints(&mut client);
    assert_eq!(after[0], "cycle 2 is open");
    assert!(after[1].ends_with("left in 2024-W28") && !after[1].starts_with("0 used"), "{after:?}");
    assert_eq!(client.quit(), 0);
    // Without state nothing is read and nothing is made.
    let mut client = Client::with(Place::new(), capabilities);
    client.open(FIRST);
    client.diagnostics(FIRST);
    assert_eq!(hints(&mut client), ["next cycle sees Mon 1 Jul 2024 06:00"]);
    assert!(!client.place.path("workflows/.loopctl").exists());
    assert_eq!(client.quit(), 0);
}
