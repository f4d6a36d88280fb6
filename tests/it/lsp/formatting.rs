//! Formatting is `loopctl fmt` as edits.

use super::client::{Client, applied};
use crate::cli::place::Place;
use serde_json::{Value, json};

const UNTIDY: &str = "workflow   \"a\" {\n  about   \"é 😀\" // why\n\n\n}\n";

fn options(client: &Client, name: &str) -> Value {
    json!({"textDocument": {"uri": client.uri(name)}, "options": {"tabSize": 2, "insertSpaces": false}})
}

#[test]
fn a_file_is_laid_out_as_the_command_does_it() {
    let mut client = Client::new(Place::empty());
    client.place.write("a.kdl", UNTIDY);
    client.open("a.kdl");
    let edits = client.ask("textDocument/formatting", options(&client, "a.kdl"));
    client.place.run("fmt a.kdl").exit(0);
    assert_eq!(applied(UNTIDY, &edits), client.place.read("a.kdl"));
    let mut range = options(&client, "a.kdl");
    range["range"] = json!({"start": {"line": 1, "character": 0}, "end": {"line": 1, "character": 1}});
    let edits = client.ask("textDocument/rangeFormatting", range);
    assert!(applied(UNTIDY, &edits).contains("\n    about \"é 😀\" // why\n"), "{edits}");
    assert_eq!(client.quit(), 0);
}

#[test]
fn a_broken_file_and_one_that_is_not_open_are_left_alone() {
    let mut client = Client::new(Place::empty());
    client.open_as("a.kdl", "a {\n  b =\n");
    assert_eq!(client.ask("textDocument/formatting", options(&client, "a.kdl")), Value::Null);
    assert_eq!(client.refused("textDocument/formatting", options(&client, "b.kdl"))["code"], -32602);
    assert_eq!(client.quit(), 0);
}
