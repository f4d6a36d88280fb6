//! Completion and hover in workflows, templates and tests, on lines that are being written.

use super::client::{Client, cursor, place};
use crate::cli::place::{FIRST, Place};
use serde_json::{Value, json};

const OUTLINE: &str = "workflows/first-loop/templates/outline.hbs";
const TESTS: &str = "workflows/first-loop/tests/first-loop.test.kdl";

fn labels(answer: &Value) -> Vec<&str> {
    answer.as_array().expect("a list").iter().map(|item| item["label"].as_str().expect("a label")).collect()
}

/// Replaces a piece of the open workflow by one with a `|` in it, and asks there.
fn asked(client: &mut Client, name: &str, text: &str, from: &str, to: &str) -> Value {
    assert!(text.contains(from), "{from}");
    let (text, at) = cursor(&text.replacen('|', "", usize::MAX).replacen(from, to, 1));
    client.change(name, &text);
    client.ask("textDocument/completion", client.at(name, at))
}

#[test]
fn what_may_stand_at_a_place_is_proposed() {
    let mut client = Client::new(Place::new());
    let text = client.open(FIRST);
    for (from, to, there, not_there) in [
        // Nodes: of the workflow, of a layer, of a step.
        ("    strategy {", "    |\n    strategy {", &["channel", "conversion", "limit"][..], &["strategy", "about", "score"][..]),
        ("        publish", "        p|\n        publish", &["publish", "route", "gate"], &["score", "brief"]),
        ("look-back \"14d\"", "look-back \"14d\"\n            |", &["page", "sitemap"], &["from", "look-back"]),
        // Names of steps that fit and stand before, but not the one itself or one that is named already.
        (
            "from \"press\" \"rivals\" \"queries\"",
            "from \"press\" \"|",
            &["rivals", "queries"],
            &["press", "market", "opportunities"],
        ),
        (
            "brief \"briefs\" { from \"opportunities\" }",
            "brief \"briefs\" { from \"|\" }",
            &["opportunities"],
            &["press", "drafts"],
        ),
        ("to \"blog\"", "to |", &["blog"], &["drafter"]),
        (
            "provider \"drafter\"\n            template \"first-loop/templates/outline.hbs\"",
            "provider \"|\"",
            &["drafter"],
            &["blog"],
        ),
        ("tune \"opportunities.demand\"", "tune \"|\"", &["opportunities.demand", "opportunities.fit"], &["opportunities"]),
        // Values of choices, connectors, properties, files, windows, zones.
        ("give \"signal\"", "give \"|\"", &["signal", "event"], &[]),
        ("kind=\"feed\"", "kind=\"|\"", &["feed", "csv", "sitemap"], &["template"]),
        ("kind=\"template\"", "kind=|", &["template", "openai-chat"], &["feed"]),
        ("keep 10 above=0.4", "keep 10 |", &["above="], &[]),
        ("per=\"week\"", "per=\"|\"", &["day", "week", "cycle"], &[]),
        (
            "template \"first-loop/templates/outline.hbs\"",
            "template \"first-loop/templates/|\"",
            &["first-loop/templates/outline.hbs"],
            &["first-loop/templates/"],
        ),
        ("client-os \"first-loop/client-os\"", "client-os \"first-loop/|\"", &["first-loop/client-os/", "first-loop/data/"], &[]),
        ("timezone \"Europe/London\"", "timezone \"|\"", &["Europe/Vienna"], &[]),
        // Fields in expressions.
        ("percentile(signal.volume)", "percentile(signal.|)", &["volume", "topic", "evidence"], &["score", "name"]),
        ("percentile(signal.volume)", "|", &["signal", "pillar", "percentile", "clamp"], &["lead"]),
        ("size(signal.evidence)", "signal.evidence.exists(e, e.|", &["source", "url"], &["volume"]),
    ] {
        let answer = asked(&mut client, FIRST, &text, from, to);
        let labels = labels(&answer);
        for label in there {
            assert!(labels.contains(label), "{to}: no `{label}` in {labels:?}");
        }
        for label in not_there {
            assert!(!labels.contains(label), "{to}: `{label}` in {labels:?}");
        }
    }
    // In a comment nothing is proposed.
    assert_eq!(asked(&mut client, FIRST, &text, "// The blog", "// The |blog"), json!([]));
    assert_eq!(client.quit(), 0);
}

#[test]
fn what_is_chosen_reads_right_and_gaps_are_left_where_the_editor_fills_them() {
    let snippets = json!({"textDocument": {"completion": {"completionItem": {"snippetSupport": true}}}});
    for (capabilities, expected) in [(json!({}), "publish"), (snippets, "publish \"${1:name}\" {\n    $0\n}")] {
        let mut client = Client::with(Place::new(), capabilities);
        let text = client.open(FIRST);
        let answer = asked(&mut client, FIRST, &text, "publish \"out\"", "publ|");
        let item = answer.as_array().expect("a list").iter().find(|item| item["label"] == "publish").expect("proposed").clone();
        assert_eq!(item["textEdit"]["newText"], expected);
        let at = text.find("publish \"out\"").expect("in the text");
        let (line, column) = place(&text, at);
        assert_eq!(
            item["textEdit"]["range"],
            json!({"start": {"line": line, "character": column}, "end": {"line": line, "character": column + 4}})
        );
        // A value without quotation marks gets them.
        let answer = asked(&mut client, FIRST, &text, "to \"blog\"", "to |");
        assert_eq!(answer[0]["textEdit"]["newText"], "\"blog\"");
        assert_eq!(client.quit(), 0);
    }
}

#[test]
fn an_empty_file_begins_with_a_workflow_and_a_test_with_its_words() {
    let mut client = Client::new(Place::new());
    client.open_as("new.kdl", "");
    assert!(labels(&client.ask("textDocument/completion", client.at("new.kdl", (0, 0)))).contains(&"workflow"));
    let text = client.open(TESTS);
    let line = text.lines().find(|line| line.trim_start().starts_with("expect \"")).expect("an expectation").trim().to_owned();
    let answer = asked(&mut client, TESTS, &text, &line, "expect \"|\"");
    assert!(labels(&answer).contains(&"opportunities"), "steps of the workflow: {:?}", labels(&answer));
    let answer = asked(&mut client, TESTS, &text, &line, "expect \"opportunities\" where=\"opportunity.|\"");
    assert!(labels(&answer).contains(&"score"), "{:?}", labels(&answer));
    let answer = asked(&mut client, TESTS, &text, &line, "expect \"opportunities\" |");
    assert!(labels(&answer).contains(&"count="), "{:?}", labels(&answer));
    assert_eq!(client.quit(), 0);
}

#[test]
fn templates_know_their_fields_and_helpers() {
    let mut client = Client::new(Place::new());
    client.open_as(OUTLINE, "");
    for (marked, there) in [
        ("# {{brief.|", "title"),
        ("{{|}}", "brief"),
        ("{{jo|}}", "join"),
        ("{{#each brief.claims}}{{|", "quote"),
        ("{{#each brief.claims as |claim|}}{{claim.§}}", "quote"),
    ] {
        let mark = if marked.contains('§') { '§' } else { '|' };
        let at = marked.find(mark).expect("marked");
        let text = marked.replacen(mark, "", 1);
        client.change(OUTLINE, &text);
        let answer = client.ask("textDocument/completion", client.at(OUTLINE, place(&text, at)));
        assert!(labels(&answer).contains(&there), "{marked}: {:?}", labels(&answer));
    }
    client.change(OUTLINE, "no tag here ");
    assert_eq!(client.ask("textDocument/completion", client.at(OUTLINE, (0, 5))), json!([]));
    client.change(OUTLINE, "# {{brief.title}}");
    let hover = client.ask("textDocument/hover", client.at(OUTLINE, (0, 12)));
    assert!(hover["contents"]["value"].as_str().expect("words").contains("working title"), "{hover}");
    assert_eq!(client.quit(), 0);
}

#[test]
fn words_explain_themselves() {
    let mut client = Client::new(Place::new());
    let text = client.open(FIRST);
    for (word, expected) in [
        ("score \"opp", "Ranks topics by declared rules"),
        ("every \"7d", "How often a cycle opens."),
        ("percentile", "rank among all inputs of the step"),
        ("volume)", "searches, visits or mentions"),
        ("weight=0.4", "How much the rule counts"),
        ("strategy {", "layer 2 of six"),
    ] {
        let at = place(&text, text.find(word).expect("in the workflow") + 1);
        let hover = client.ask("textDocument/hover", client.at(FIRST, at));
        assert!(hover["contents"]["value"].as_str().expect("words").contains(expected), "{word}: {hover}");
    }
    let (line, column) = place(&text, text.find("from \"briefs\"").expect("in the workflow") + 8);
    let hover = client.ask("textDocument/hover", client.at(FIRST, (line, column)));
    assert!(hover["contents"]["value"].as_str().expect("words").contains("brief \"briefs\""), "{hover}");
    assert_eq!(client.ask("textDocument/hover", client.at(FIRST, (5, 0))), Value::Null);
    assert_eq!(client.quit(), 0);
}

#[test]
fn steps_of_modules_and_their_parameters_are_known() {
    let mut client = Client::new(Place::empty());
    let module = client.place.run("kinds --json").exit(0).json();
    assert!(module.is_object());
    client.place.write("voice.kdl", MODULE);
    let text = "workflow \"w\" {\n    use \"./voice.kdl\"\n    intelligence {\n        voice.press \"p\" {\n            address \"https://example.com/feed\"\n        }\n    }\n}\n";
    client.open_as("w.kdl", text);
    let answer = asked(&mut client, "w.kdl", text, "        voice.press", "        |\n        voice.press");
    assert!(labels(&answer).contains(&"voice.press"), "{:?}", labels(&answer));
    let answer = asked(&mut client, "w.kdl", text, "            address", "            |\n            #address");
    assert!(labels(&answer).contains(&"address"), "{:?}", labels(&answer));
    client.change("w.kdl", text);
    let verb = place(text, text.find("voice.press").expect("there") + 8);
    let hover = client.ask("textDocument/hover", client.at("w.kdl", verb));
    assert!(hover["contents"]["value"].as_str().expect("words").contains("What the press says."), "{hover}");
    let parameter = place(text, text.find("address").expect("there") + 2);
    let hover = client.ask("textDocument/hover", client.at("w.kdl", parameter));
    assert!(hover["contents"]["value"].as_str().expect("words").contains("Where the feed is."), "{hover}");
    for (at, line) in [(verb, 2), (place(text, text.find("./voice").expect("there") + 3), 0)] {
        let found = client.ask("textDocument/definition", client.at("w.kdl", at));
        assert_eq!(found[0]["uri"], client.uri("voice.kdl"), "{found}");
        assert_eq!(found[0]["range"]["start"]["line"], line, "{found}");
    }
    assert_eq!(client.quit(), 0);
}

const MODULE: &str = r#"module "acme/voice" version="1.0.0" {
    about "What is said elsewhere."
    step "press" {
        about "What the press says."
        param "address" type="url" { about "Where the feed is." }
        source "feed" kind="feed" { url (param)"address" }
    }
}
"#;
