//! Modules in an editor: their own files are written with the same help as workflows, and a use leads to what it means and back.

use super::client::{Client, applied, place};
use crate::cli::place::Place;
use serde_json::{Value, json};

const WORKFLOW: &str = r#"workflow "w" phase=1 {
    use "./voice.kdl"
    use "std/rivals@1"
    intelligence {
        voice.press "p" {
            address "https://example.com/feed"
        }
        rivals.prices "pricing" { pages "https://rival.example/pricing" }
    }
    learning {
        report "r" { from "p" "pricing" }
    }
}
"#;

const MODULE: &str = r#"module "acme/voice" version="1.0.0" {
    about "What is said elsewhere."
    step "press" {
        about "What the press says."
        param "address" type="url" { about "Where the feed is." }
        param "team" type="text" default="us" { about "Who reads it." }
        result "joined"
        source "feed" kind="feed" { url (param)"address" }
        aggregate "joined" { from "feed" }
    }
}
"#;

/// A folder with a workflow and a module that are both sound.
fn started() -> Client {
    let place = Place::empty();
    place.write("voice.kdl", MODULE);
    place.write("w.kdl", WORKFLOW);
    place.run("validate w.kdl").exit(0);
    let mut client = Client::new(place);
    client.open("w.kdl");
    client.open("voice.kdl");
    client
}

fn at(text: &str, word: &str, further: usize) -> (usize, usize) {
    place(text, text.find(word).unwrap_or_else(|| panic!("`{word}` is in the text")) + further)
}

fn hover(client: &mut Client, name: &str, position: (usize, usize)) -> String {
    let hover = client.ask("textDocument/hover", client.at(name, position));
    hover["contents"]["value"].as_str().unwrap_or_default().to_owned()
}

fn labels(client: &mut Client, text: &str) -> Vec<String> {
    let offset = text.find('|').expect("a `|` marks the place");
    let text = text.replacen('|', "", 1);
    client.change("voice.kdl", &text);
    let answer = client.ask("textDocument/completion", client.at("voice.kdl", place(&text, offset)));
    let items = answer.get("items").unwrap_or(&answer);
    items
        .as_array()
        .map_or(Vec::new(), |items| items.iter().filter_map(|item| Some(item["label"].as_str()?.to_owned())).collect())
}

#[test]
fn a_module_file_is_written_with_help() {
    let mut client = started();
    let with = |from: &str, to: &str| {
        assert!(MODULE.contains(from), "{from}");
        MODULE.replacen(from, to, 1)
    };
    for (text, there, not_there) in [
        // In the module's own block, in the block of a step, and in that of a parameter.
        (with("    step \"press\"", "    |\n    step \"press\""), vec!["use", "step"], vec!["about", "source", "param"]),
        (
            with("        result", "        |\n        result"),
            vec!["param", "example", "score", "draft"],
            vec!["result", "use", "every"],
        ),
        (with("{ about \"Who reads it.\" }", "{ about \"Who reads it.\"; | }"), vec!["one-of"], vec!["about"]),
        // Properties of a parameter, and the words of its type.
        (with("type=\"text\" default=\"us\"", "default=\"us\" |"), vec!["type=", "many=", "least="], vec!["default="]),
        (with("type=\"text\"", "type=\"|\""), vec!["text", "window", "step", "choice"], vec!["address"]),
        // Values: parameters where the module leaves them to its use, and its own steps.
        (with("(param)\"address\"", "|"), vec!["(param)\"address\"", "(param)\"team\""], vec![]),
        (with("(param)\"address\"", "(param)\"|\""), vec!["address", "team"], vec!["feed"]),
        (with("(param)\"address\"", "(text)\"https://{|\""), vec!["address", "team"], vec!["feed"]),
        (with("from \"feed\"", "from \"|\""), vec!["feed"], vec!["joined", "press"]),
        // A setting of a built-in step, while the file has no end.
        (with("{ from \"feed\" }\n    }\n}\n", "{ from \"feed\"; |"), vec!["dedupe", "half-life"], vec!["from\""]),
    ] {
        let found = labels(&mut client, &text);
        for label in there {
            assert!(found.iter().any(|found| found == label), "`{label}` in {text}: {found:?}");
        }
        for label in not_there {
            assert!(!found.iter().any(|found| found == label), "no `{label}` in {text}: {found:?}");
        }
    }
    let other = with("    about \"What is said", "    use \"std/rivals@1\"\n    about \"What is said");
    let found = labels(&mut client, &other.replacen("        result", "        |\n        result", 1));
    assert!(found.iter().any(|found| found == "rivals.prices"), "{found:?}");
    assert_eq!(client.quit(), 0);
}

#[test]
fn the_words_of_a_module_explain_themselves() {
    let mut client = started();
    for (word, further, expected) in [
        ("module \"acme", 2, "Steps for others to use"),
        ("version=", 2, "Three numbers by semantic versioning"),
        ("step \"press\"", 1, "A step for others to use"),
        ("param \"address\"", 2, "Something that a use says"),
        ("type=\"url\"", 2, "What a value can be."),
        ("default=\"us\"", 2, "What it is when a use does not say it"),
        ("result \"joined\"", 2, "takes the user's name"),
        ("result \"joined\"", 9, "aggregate \"joined\""),
        ("source \"feed\"", 2, "source kind=feed"),
        ("(param)\"address\"", 10, "Where the feed is."),
        ("from \"feed\"", 7, "source \"feed\" kind=\"feed\""),
    ] {
        let words = hover(&mut client, "voice.kdl", at(MODULE, word, further));
        assert!(words.contains(expected), "{word}: {words}");
    }
    // In a broken file as well.
    let broken = MODULE.replace("    }\n}\n", "");
    client.change("voice.kdl", &broken);
    assert!(hover(&mut client, "voice.kdl", at(&broken, "(param)\"address\"", 10)).contains("Where the feed is."));
    let words = hover(&mut client, "w.kdl", at(WORKFLOW, "std/rivals", 4));
    assert!(words.contains("`std/rivals` 1.") && words.contains("rivals.prices"), "{words}");
    assert_eq!(client.quit(), 0);
}

#[test]
fn a_built_in_module_is_gone_to_as_a_file_to_read() {
    let mut client = started();
    for (word, further, line) in
        [("std/rivals", 4, "module \"std/rivals\""), ("rivals.prices", 9, "step \"prices\""), ("pages ", 2, "param \"pages\"")]
    {
        let found = client.ask("textDocument/definition", client.at("w.kdl", at(WORKFLOW, word, further)));
        let uri = found[0]["uri"].as_str().unwrap_or_else(|| panic!("{word}: {found}"));
        let path = uri.strip_prefix("file://").expect("a file").replace("%20", " ");
        let text = std::fs::read_to_string(&path).expect("it is there");
        let start = found[0]["range"]["start"]["line"].as_u64().expect("a line") as usize;
        let around: Vec<&str> = text.lines().skip(start).take(6).collect();
        assert!(around.iter().any(|found| found.contains(line)), "{word}: {around:?}");
        assert!(std::fs::metadata(&path).expect("there").permissions().readonly());
    }
    assert_eq!(client.quit(), 0);
}

#[test]
fn what_a_module_exports_is_found_and_renamed_over_files() {
    let mut client = started();
    let definition = |client: &mut Client, name: &str, text: &str, word: &str, further: usize| {
        let found = client.ask("textDocument/definition", client.at(name, at(text, word, further)));
        (found[0]["uri"].clone(), found[0]["range"]["start"]["line"].clone())
    };
    let module = json!(client.uri("voice.kdl"));
    assert_eq!(definition(&mut client, "w.kdl", WORKFLOW, "voice.press", 8), (module.clone(), json!(2)));
    assert_eq!(definition(&mut client, "w.kdl", WORKFLOW, "address", 3), (module.clone(), json!(4)));
    assert_eq!(definition(&mut client, "voice.kdl", MODULE, "(param)\"address\"", 10), (module.clone(), json!(4)));
    assert_eq!(definition(&mut client, "voice.kdl", MODULE, "from \"feed\"", 7), (module.clone(), json!(7)));
    assert_eq!(definition(&mut client, "voice.kdl", MODULE, "result \"joined\"", 10), (module, json!(8)));
    for (name, text, word, further, count) in [
        ("voice.kdl", MODULE, "step \"press\"", 7, 2),
        ("w.kdl", WORKFLOW, "voice.press", 8, 2),
        ("voice.kdl", MODULE, "param \"address\"", 8, 3),
        ("w.kdl", WORKFLOW, "address", 2, 3),
    ] {
        let mut params = client.at(name, at(text, word, further));
        params["context"] = json!({"includeDeclaration": true});
        let found = client.ask("textDocument/references", params);
        assert_eq!(found.as_array().map_or(0, Vec::len), count, "{word}: {found}");
        assert!(found.as_array().expect("a list").iter().any(|place| place["uri"] == client.uri("w.kdl")));
    }
    // Renamed from either side, both files stay sound together.
    for (word, further, new) in [("voice.press", 8, "papers"), ("address", 2, "feed-address")] {
        let mut params = client.at("w.kdl", at(WORKFLOW, word, further));
        params["newName"] = json!(new);
        let edits = client.ask("textDocument/rename", params)["changes"].clone();
        for (name, text) in [("w.kdl", WORKFLOW), ("voice.kdl", MODULE)] {
            let edits = edits[client.uri(name)].as_array().unwrap_or_else(|| panic!("{name}: {edits}"));
            client.place.write(name, applied(text, &Value::from(edits.clone())));
        }
        client.place.run("validate w.kdl").exit(0);
        client.place.run("validate voice.kdl").exit(0);
        assert!(client.place.read("w.kdl").contains(new) && client.place.read("voice.kdl").contains(new));
    }
    for (name, text, word, further, new, why) in [
        ("w.kdl", WORKFLOW, "rivals.prices", 9, "costs", "built in"),
        ("voice.kdl", MODULE, "step \"press\"", 7, "The Press", "small letters"),
        ("voice.kdl", MODULE, "param \"address\"", 8, "team", "another parameter"),
        ("voice.kdl", MODULE, "from \"feed\"", 7, "joined", "another step"),
    ] {
        let mut params = client.at(name, at(text, word, further));
        params["newName"] = json!(new);
        let refused = client.refused("textDocument/rename", params);
        assert!(refused["message"].as_str().expect("words").contains(why), "{word}: {refused}");
    }
    assert_eq!(client.quit(), 0);
}

#[test]
fn a_module_has_an_outline_and_any_damage_leaves_the_server_alive() {
    let mut client = started();
    let outline = client.ask("textDocument/documentSymbol", json!({"textDocument": {"uri": client.uri("voice.kdl")}}));
    let step = &outline[0]["children"][0];
    assert_eq!((&outline[0]["name"], &step["name"]), (&json!("acme/voice"), &json!("press")), "{outline}");
    let inside: Vec<&str> =
        step["children"].as_array().expect("a list").iter().filter_map(|child| child["name"].as_str()).collect();
    assert_eq!(inside, ["address", "team", "feed", "joined"]);
    let mut cut = 0;
    while cut < MODULE.len() {
        let text = &MODULE[..cut];
        client.change("voice.kdl", text);
        let place = place(text, cut);
        for method in ["completion", "hover", "definition", "prepareRename", "signatureHelp"] {
            let id = client.post(&format!("textDocument/{method}"), client.at("voice.kdl", place));
            client.answer(&json!(id));
        }
        cut += 17;
    }
    assert_eq!(client.quit(), 0);
}

const LOOP: &str = r#"workflow "w" phase=1 {
    use "./voice.kdl"
    use "./outer.kdl"
    intelligence {
        voice.press "p" { address "https://example.com/feed" }
        outer.both "two" { also "p" }
    }
    learning {
        report "r" { from "p" "p:feed" "two:papers:feed" "two:papers" }
    }
}
"#;

const OUTER: &str = r#"module "acme/outer" version="1.0.0" {
    about "What is said elsewhere, and more."
    use "./voice.kdl"
    step "both" {
        about "What the press says, with something else."
        param "also" type="step" { about "What else." }
        result "all"
        voice.press "papers" { address "https://example.com/papers" }
        aggregate "all" { from "papers" (param)"also" }
    }
}
"#;

const TESTS: &str = r#"test "t" {
    workflow "w.kdl"; at "2024-07-01 06:00"
    expect "p:feed" count=0
    expect "two:papers:feed" count=0
    expect "two" count=0
}
"#;

/// Where a name is meant, as `file:line:column` from 1.
fn meant(client: &mut Client, name: &str, position: (usize, usize)) -> Vec<String> {
    let mut params = client.at(name, position);
    params["context"] = json!({"includeDeclaration": true});
    let found = client.ask("textDocument/references", params);
    let told = |place: &Value| {
        let file = place["uri"].as_str().and_then(|uri| uri.rsplit('/').next()).unwrap_or_default().to_owned();
        let start = &place["range"]["start"];
        format!("{file}:{}:{}", start["line"].as_u64().unwrap_or(0) + 1, start["character"].as_u64().unwrap_or(0) + 1)
    };
    let mut all: Vec<String> = found.as_array().into_iter().flatten().map(told).collect();
    all.sort();
    all
}

#[test]
fn a_step_inside_a_module_is_found_and_renamed_wherever_it_is_reached() {
    let place = Place::empty();
    let files = [("voice.kdl", MODULE), ("outer.kdl", OUTER), ("w.kdl", LOOP), ("w.test.kdl", TESTS)];
    files.iter().for_each(|(name, text)| place.write(name, text));
    let mut client = Client::new(place);
    // The file of tests and the outer module lie on the disk only.
    client.open("w.kdl");
    client.open("voice.kdl");
    let feed = ["voice.kdl:8:17", "voice.kdl:9:36", "w.kdl:9:34", "w.kdl:9:52", "w.test.kdl:3:15", "w.test.kdl:4:24"];
    for (name, text, word, further) in [
        ("voice.kdl", MODULE, "source \"feed\"", 9),
        ("voice.kdl", MODULE, "from \"feed\"", 7),
        ("w.kdl", LOOP, "\"p:feed\"", 4),
        ("w.kdl", LOOP, "two:papers:feed", 12),
    ] {
        assert_eq!(meant(&mut client, name, at(text, word, further)), feed, "{word}");
        let found = client.ask("textDocument/definition", client.at(name, at(text, word, further)));
        assert_eq!(
            (&found[0]["uri"], &found[0]["range"]["start"]["line"]),
            (&json!(client.uri("voice.kdl")), &json!(7)),
            "{word}"
        );
    }
    // The use inside the other module, and a use of the workflow itself with the parameter that names it.
    let papers = ["outer.kdl:8:22", "outer.kdl:9:33", "w.kdl:9:45", "w.kdl:9:63", "w.test.kdl:4:17"];
    assert_eq!(meant(&mut client, "w.kdl", at(LOOP, "two:papers:feed", 6)), papers);
    let own = ["w.kdl:5:22", "w.kdl:6:34", "w.kdl:9:28", "w.kdl:9:32", "w.test.kdl:3:13"];
    assert_eq!(meant(&mut client, "w.kdl", at(LOOP, "from \"p\"", 6)), own);
    // Renamed from either side, everything stays sound together.
    let mut texts: Vec<(&str, String)> = files.iter().map(|(name, text)| (*name, (*text).to_owned())).collect();
    for (name, word, further, new, count) in [
        ("w.kdl", "two:papers:feed", 12, "wire", 6),
        ("voice.kdl", "from \"wire\"", 7, "stream", 6),
        ("w.kdl", "two:papers", 6, "sheets", 5),
        ("w.kdl", "voice.press \"p\"", 13, "press", 5),
    ] {
        let text = texts.iter().find(|(other, _)| *other == name).map(|(_, text)| text.clone()).expect("one of them");
        let mut params = client.at(name, at(&text, word, further));
        params["newName"] = json!(new);
        let edits = client.ask("textDocument/rename", params)["changes"].clone();
        let mut seen = 0;
        for (other, text) in &mut texts {
            let Some(edits) = edits[client.uri(other)].as_array() else { continue };
            seen += edits.len();
            *text = applied(text, &Value::from(edits.clone()));
            client.place.write(other, text.as_str());
            if *other == "w.kdl" || *other == "voice.kdl" {
                client.change(other, text);
            }
        }
        assert_eq!(seen, count, "{word}: {edits}");
        client.place.run("validate w.kdl").exit(0);
        client.place.run("validate outer.kdl").exit(0);
        client.place.run("validate w.test.kdl").exit(0);
    }
    assert!(texts[2].1.contains(r#"from "press" "press:stream" "two:sheets:stream" "two:sheets""#), "{}", texts[2].1);
    assert!(texts[3].1.contains(r#"expect "two:sheets:stream""#), "{}", texts[3].1);
    assert_eq!(client.quit(), 0);
}

#[test]
fn what_uses_stand_for_is_offered_where_steps_are_named() {
    let place = Place::empty();
    [("voice.kdl", MODULE), ("outer.kdl", OUTER), ("w.kdl", LOOP), ("w.test.kdl", TESTS)]
        .iter()
        .for_each(|(name, text)| place.write(name, text));
    let mut client = Client::new(place);
    client.open("w.kdl");
    let asked = |client: &mut Client, before: &str, after: &str| {
        let text = LOOP.replacen(before, after, 1);
        let offset = text.find('|').expect("a `|` marks the place");
        let text = text.replacen('|', "", 1);
        client.change("w.kdl", &text);
        let answer = client.ask("textDocument/completion", client.at("w.kdl", super::client::place(&text, offset)));
        let items = answer.get("items").unwrap_or(&answer).as_array().cloned().unwrap_or_default();
        items.iter().filter_map(|item| Some(item["label"].as_str()?.to_owned())).collect::<Vec<_>>()
    };
    let found = asked(&mut client, "\"p:feed\"", "\"|\"");
    for label in ["two", "p:feed"] {
        assert!(found.iter().any(|found| found == label), "`{label}`: {found:?}");
    }
    assert!(!found.iter().any(|found| found == "p"), "it is named already: {found:?}");
    // A parameter that is a step.
    let found = asked(&mut client, "also \"p\"", "also \"|\"");
    assert!(found.iter().any(|found| found == "p") && !found.iter().any(|found| found == "two"), "{found:?}");
    assert_eq!(client.quit(), 0);
}
