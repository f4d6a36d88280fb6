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
        ("voice.kdl", MODULE, "from \"feed\"", 7, "wire", "by hand"),
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
