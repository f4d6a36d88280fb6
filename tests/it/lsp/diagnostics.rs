//! Diagnostics as one types: in the workflow, in its templates, in its tests.

use super::client::{Client, place};
use crate::cli::place::{FIRST, Place};
use serde_json::{Value, json};

const OUTLINE: &str = "workflows/first-loop/templates/outline.hbs";
const TESTS: &str = "workflows/first-loop/tests/first-loop.test.kdl";

fn codes(found: &[Value]) -> Vec<&str> {
    found.iter().map(|finding| finding["code"].as_str().expect("a code")).collect()
}

#[test]
fn a_sound_workflow_is_told_to_be_sound_and_a_slip_is_shown_where_it_is() {
    let mut client = Client::new(Place::new());
    let text = client.open(FIRST);
    assert_eq!(client.diagnostics(FIRST), Vec::<Value>::new());
    // Typed, not saved; behind a character of two UTF-16 units on the same line.
    let at = text.find("outline \"outlines\"").expect("in the workflow");
    let (line, column) = place(&text, at);
    let start = json!({"line": line, "character": column});
    let end = json!({"line": line, "character": column + "outline".len()});
    client.changes(FIRST, json!([{"range": {"start": start, "end": end}, "text": "/* 😀 */ outlin"}]));
    let found = client.diagnostics(FIRST);
    assert_eq!(codes(&found), ["loop::unknown-kind"]);
    assert_eq!(found[0]["range"]["start"], json!({"line": line, "character": column + "/* xx */ ".len()}));
    assert_eq!(found[0]["severity"], 1);
    assert!(found[0]["message"].as_str().expect("words").contains("help: did you mean `outline`?"));
    client.change(FIRST, &text);
    assert_eq!(client.diagnostics(FIRST), Vec::<Value>::new());
    assert_eq!(client.quit(), 0);
}

#[test]
fn utf_8_counts_bytes_when_the_editor_offers_it() {
    let mut client = Client::with(Place::empty(), json!({"general": {"positionEncodings": ["utf-16", "utf-8"]}}));
    assert_eq!(client.capabilities["positionEncoding"], "utf-8");
    client.open_as("a.kdl", "/* 😀é */ worklow \"a\"\n");
    let found = client.diagnostics("a.kdl");
    assert_eq!(found[0]["range"]["start"]["character"], "/* 😀é */ ".len());
    // And reads them: the face is four bytes.
    client.changes(
        "a.kdl",
        json!([{"range": {"start": {"line": 0, "character": 3}, "end": {"line": 0, "character": 9}}, "text": ""}]),
    );
    assert_eq!(client.diagnostics("a.kdl")[0]["range"]["start"]["character"], "/*  */ ".len());
    assert_eq!(client.quit(), 0);
}

#[test]
fn a_template_is_checked_while_it_is_typed() {
    let mut client = Client::new(Place::new());
    client.open(FIRST);
    let text = client.open(OUTLINE);
    assert_eq!(client.diagnostics(FIRST), Vec::<Value>::new());
    client.change(OUTLINE, &text.replacen("brief.title", "brief.titel", 1));
    let found = client.found(OUTLINE, |found| !found.is_empty());
    assert_eq!(codes(&found), ["loop::bad-template"]);
    let named = &found[0]["relatedInformation"][0]["location"]["uri"];
    assert_eq!(*named, client.uri(FIRST));
    client.change(OUTLINE, &text);
    client.found(OUTLINE, <[Value]>::is_empty);
    assert_eq!(client.quit(), 0);
}

#[test]
fn a_template_alone_is_checked_by_the_workflow_on_the_disk() {
    let mut client = Client::new(Place::new());
    let text = client.place.read(OUTLINE).replacen("brief.title", "brief.titel", 1);
    client.open_as(OUTLINE, &text);
    assert_eq!(codes(&client.found(OUTLINE, |found| !found.is_empty())), ["loop::bad-template"]);
    assert_eq!(client.quit(), 0);
}

#[test]
fn tests_are_checked_against_the_workflow_as_it_is_typed() {
    let mut client = Client::new(Place::new());
    client.open(TESTS);
    assert_eq!(client.diagnostics(TESTS), Vec::<Value>::new());
    let text = client.open(FIRST);
    client.diagnostics(FIRST);
    // A step that the tests speak of gets another name.
    client.change(FIRST, &text.replace("\"outlines\"", "\"plans\""));
    let found = client.found(TESTS, |found| !found.is_empty());
    assert!(codes(&found).contains(&"loop::unknown-step"), "{found:#?}");
    client.close(FIRST);
    client.say("workspace/didChangeWatchedFiles", json!({"changes": [{"uri": client.uri(FIRST), "type": 2}]}));
    client.found(TESTS, <[Value]>::is_empty);
    assert_eq!(client.quit(), 0);
}

#[test]
fn a_file_that_appears_on_the_disk_is_noticed() {
    let place = Place::new();
    let data = "workflows/first-loop/data/demand.csv";
    let kept = place.read(data);
    std::fs::remove_file(place.path(data)).expect("ours");
    let capabilities = json!({"workspace": {"didChangeWatchedFiles": {"dynamicRegistration": true}}});
    let mut client = Client::with(place, capabilities);
    assert_eq!(client.hear()["method"], "client/registerCapability");
    client.open(FIRST);
    assert_eq!(codes(&client.diagnostics(FIRST)), ["loop::missing-file"]);
    client.place.write(data, kept);
    client.say("workspace/didChangeWatchedFiles", json!({"changes": [{"uri": client.uri(data), "type": 1}]}));
    client.found(FIRST, <[Value]>::is_empty);
    assert_eq!(client.quit(), 0);
}

#[test]
fn what_was_found_goes_away_with_the_document() {
    let mut client = Client::new(Place::empty());
    client.open_as("a.kdl", "worklow \"a\"");
    assert!(!client.diagnostics("a.kdl").is_empty());
    client.close("a.kdl");
    client.found("a.kdl", <[Value]>::is_empty);
    assert_eq!(client.quit(), 0);
}

#[test]
fn any_damage_while_typing_leaves_the_server_alive() {
    let mut client = Client::new(Place::new());
    let text = client.open(FIRST);
    let boundary = |mut at: usize| {
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        at
    };
    for number in 0..40 {
        let at = boundary(number * text.len() / 40);
        let piece =
            ["{", "}", "\"", "\"\"\"", "/*", "/-", "\\", "#\"", "=", "(", "\u{0}", "\u{feff}", "from \"", "{{"][number % 14];
        client.change(FIRST, &format!("{}{piece}{}", &text[..at], &text[at..]));
    }
    client.change(FIRST, &"a {".repeat(100_000));
    client.diagnostics(FIRST);
    client.change(FIRST, &text);
    assert_eq!(client.diagnostics(FIRST), Vec::<Value>::new());
    assert_eq!(client.quit(), 0);
}
