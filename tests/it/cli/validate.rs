//! `loopctl validate`: all independent mistakes in one run, in four formats.

use super::place::{B2B, FIRST, Place, list};
use serde_json::Value;

/// Two mistakes that have nothing to do with each other.
fn broken() -> Place {
    let place = Place::new();
    place.edit(FIRST, "keep 10 above=0.4", "kepe 10 above=0.4");
    place.edit(FIRST, "half-life \"10d\"", "half-life \"10 fortnights\"");
    place
}

#[test]
fn the_bundled_workflows_are_valid() {
    let place = Place::new();
    for file in [FIRST, B2B] {
        place.run(&format!("validate {file}")).exit(0);
        place.run(&format!("validate {file} --deny warnings")).exit(0).says("is valid");
    }
    assert!(!place.path("workflows/.loopctl").exists(), "validating makes no state");
}

#[test]
fn people_see_every_mistake_with_its_place_and_help() {
    let ran = broken().run(&format!("validate {FIRST}")).exit(3);
    assert_eq!(ran.out, "", "findings belong on standard error");
    for part in ["`kepe`", "did you mean `keep`?", "10 fortnights", "workflows/first-loop.kdl:", "2 errors"] {
        assert!(ran.err.contains(part), "{part}\n{}", ran.told());
    }
}

#[test]
fn several_files_are_one_run() {
    let place = broken();
    place.run(&format!("validate {B2B} workflows/b2b-growth/tests/b2b-growth.test.kdl")).exit(0).says("is valid");
    let ran = place.run(&format!("validate {B2B} {FIRST}")).exit(3).says("b2b-growth.kdl` is valid").warns("2 errors");
    assert!(ran.err.contains("workflows/first-loop.kdl:"), "{}", ran.told());
    // A template that both workflows write with.
    place.write("workflows/first-loop/templates/draft.hbs", "{{outline.titel}}\n");
    place.edit(B2B, "b2b-growth/templates/draft.hbs", "first-loop/templates/draft.hbs");
    for format in ["json", "sarif", "github"] {
        let out = place.run(&format!("validate {FIRST} {B2B} --format {format}")).exit(3).out;
        assert_eq!(out.matches("unknown-node").count(), out.matches("malformed-value").count(), "{format}: {out}");
        match format {
            "github" => assert_eq!(out.lines().count(), 3, "{out}"),
            _ => drop(serde_json::from_str::<Value>(&out).expect("one document")),
        }
    }
    let json = place.run(&format!("validate {B2B} {FIRST} --json")).exit(3).json();
    let findings = list(&json["diagnostics"]);
    let files: Vec<&str> = findings.iter().filter_map(|finding| finding["labels"][0]["file"].as_str()).collect();
    assert_eq!(files, ["workflows/first-loop/templates/draft.hbs", FIRST, FIRST], "{json}");
    place.run(&format!("validate {FIRST} {B2B} nowhere.kdl")).fails(2, "cli::no-such-file");
    place.run(&format!("validate {B2B} {FIRST} --fix")).exit(3).says("Fixed 1 mistake");
}

#[test]
fn people_see_the_first_thousand_and_how_many_there_are() {
    let place = Place::empty();
    let steps: String = (0..1_200).map(|n| format!("    source \"s{n}\" kind=\"nothing\"\n")).collect();
    place.write("many.kdl", format!("workflow \"many\" {{\n  intelligence {{\n{steps}  }}\n}}\n"));
    let all = list(&place.run("validate many.kdl --format json").exit(3).json()["diagnostics"]).len();
    assert!(all >= 1_200, "{all}");
    let ran = place.run("validate many.kdl").exit(3);
    assert_eq!(ran.err.matches("many.kdl:").count(), 1_000, "{}", &ran.err[..2_000]);
    assert!(ran.err.contains("Only the first 1,000 are drawn; `loopctl validate --format json FILE`"), "and it says so");
}

#[test]
fn machines_get_json_sarif_and_github_annotations() {
    let place = broken();
    let json = place.run(&format!("validate {FIRST} --format json")).exit(3);
    assert_eq!(list(&json.json()["diagnostics"]).len(), 2, "{}", json.told());
    assert_eq!(place.run(&format!("validate {FIRST} --json")).exit(3).out, json.out);

    let sarif = place.run(&format!("validate {FIRST} --format sarif")).exit(3);
    let sarif: Value = serde_json::from_str(&sarif.out).expect("SARIF is JSON");
    assert_eq!(sarif["version"], "2.1.0");
    let results = list(&sarif["runs"][0]["results"]);
    assert_eq!(results.len(), 2);
    assert!(results.iter().all(|result| result["level"] == "error" && result["locations"][0]["physicalLocation"].is_object()));

    let github = place.run(&format!("validate {FIRST} --format github")).exit(3);
    let lines: Vec<&str> = github.out.lines().collect();
    assert_eq!(lines.len(), 2, "{}", github.told());
    assert!(
        lines.iter().all(|line| line.starts_with("::error file=workflows/first-loop.kdl,") && line.contains("line=")),
        "{}",
        github.told()
    );
}

/// What SARIF 2.1.0 requires of a log (its public JSON schema, the parts under `required` and the bounds of numbers), for what we write.
fn follows_sarif(log: &Value) {
    assert_eq!(log["version"], "2.1.0");
    assert!(log["$schema"].as_str().is_some_and(|schema| schema.contains("sarif-2.1.0")), "{log}");
    for run in list(&log["runs"]) {
        let driver = &run["tool"]["driver"];
        assert!(driver["name"].is_string(), "{driver}");
        let rules = list(&driver["rules"]);
        let message = |value: &Value| assert!(value["text"].as_str().is_some_and(|text| !text.is_empty()), "{value}");
        let region = |value: &Value| {
            for key in ["startLine", "startColumn", "endLine", "endColumn"] {
                assert!(value[key].as_u64().is_some_and(|number| number >= 1), "{key}: {value}");
            }
            for key in ["byteOffset", "byteLength"] {
                assert!(value[key].as_u64().is_some(), "{key}: {value}");
            }
        };
        let artifact = |value: &Value| {
            let uri = value["uri"].as_str().expect("a reference");
            assert!(uri.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~/%".contains(&byte)), "{uri}");
        };
        for rule in &rules {
            assert!(rule["id"].is_string(), "{rule}");
            message(&rule["shortDescription"]);
            message(&rule["help"]);
        }
        assert!(["utf16CodeUnits", "unicodeCodePoints"].contains(&run["columnKind"].as_str().expect("a word")), "{run}");
        for result in list(&run["results"]) {
            message(&result["message"]);
            let rule = &rules[result["ruleIndex"].as_u64().expect("a number") as usize];
            assert_eq!(rule["id"], result["ruleId"]);
            assert!(["none", "note", "warning", "error"].contains(&result["level"].as_str().expect("a word")), "{result}");
            let related = result.get("relatedLocations").map(list).unwrap_or_default();
            for location in list(&result["locations"]).iter().chain(&related) {
                artifact(&location["physicalLocation"]["artifactLocation"]);
                region(&location["physicalLocation"]["region"]);
            }
            for fix in result.get("fixes").map(list).unwrap_or_default() {
                message(&fix["description"]);
                for change in list(&fix["artifactChanges"]) {
                    artifact(&change["artifactLocation"]);
                    let replacements = list(&change["replacements"]);
                    assert!(!replacements.is_empty());
                    for replacement in replacements {
                        region(&replacement["deletedRegion"]);
                        assert!(replacement["insertedContent"]["text"].is_string());
                    }
                }
            }
        }
    }
}

#[test]
fn every_format_is_whole_and_nothing_in_it_is_obeyed_by_a_terminal() {
    let place = Place::new();
    // A step that reads what a stranger named: escape sequences of both kinds, text that runs backwards, a new line.
    place.edit(FIRST, "from \"market\"", "from \"mar\\u{1b}[31m\\u{9b}2Jket\\u{202e}\\nx%\"");
    place.edit(FIRST, "timezone \"", "timezone = \"");
    let strange = |c: char| {
        c.is_control() && c != '\n' || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
    };
    for format in ["human", "json", "sarif", "github"] {
        let ran = place.run(&format!("validate {FIRST} --format {format}")).exit(3);
        let all = format!("{}{}", ran.out, ran.err);
        assert!(all.contains("unknown-step") && !all.chars().any(strange), "{format}: {all:?}");
        match format {
            "json" => {
                // What stands there is still told to the letter.
                let found = list(&ran.json()["diagnostics"]);
                assert!(
                    found.iter().any(|found| found["message"].as_str().is_some_and(|text| text.contains("\u{9b}2Jket\u{202e}"))),
                    "{all}"
                );
            }
            "sarif" => follows_sarif(&serde_json::from_str(&ran.out).expect("SARIF is JSON")),
            "github" => assert!(ran.out.lines().all(|line| line.starts_with("::error ")), "{all}"),
            _ => {}
        }
    }
}

#[test]
fn a_valid_file_is_an_empty_list() {
    let place = Place::new();
    assert_eq!(list(&place.run(&format!("validate {B2B} --json")).exit(0).json()["diagnostics"]), [] as [Value; 0]);
    assert_eq!(place.run(&format!("validate {B2B} --format github")).exit(0).out.trim(), "");
}

#[test]
fn warnings_can_be_denied_and_allowed() {
    let place = Place::new();
    // Without the loop's last edges, what learning tunes and what it proposes, there is nothing to learn from: a warning, for it may be on purpose.
    let text = place.read(FIRST);
    let start = text.find("        feedback \"aim\"").expect("it is there");
    let end = text.find("        report \"weekly\"").expect("it is there");
    place.write(FIRST, format!("{}{}", &text[..start], &text[end..]));
    place.edit(FIRST, "            amend \"client-os\" by=\"head-of-content\"\n", "");
    let warned = place.run(&format!("validate {FIRST}")).exit(0).warns("warning[loop::");
    let code = warned.err.split("warning[").nth(1).and_then(|rest| rest.split(']').next()).expect("a code").to_owned();
    place.run(&format!("validate {FIRST} --deny warnings")).exit(3).warns(&format!("error[{code}]"));
    place.run(&format!("validate {FIRST} --deny {code}")).exit(3);
    place.run(&format!("validate {FIRST} --allow {code}")).exit(0).says("is valid");
    place.run(&format!("validate {FIRST} --deny loop::nonsense")).fails(2, "cli::unknown-code");
    // An error cannot be allowed away.
    place.edit(FIRST, "keep 10 above=0.4", "kepe 10 above=0.4");
    place.run(&format!("validate {FIRST} --allow loop::unknown-node --allow {code}")).exit(3);
}

#[test]
fn files_that_are_no_workflows_are_told_calmly() {
    let place = Place::empty();
    let not_utf8: &[u8] = b"workflow \"x\xff\" {}\n";
    let cases: [(&str, &[u8]); 6] = [
        ("empty.kdl", b""),
        ("bytes.kdl", not_utf8),
        ("open.kdl", b"workflow \"x\" {\n  intelligence {\n"),
        ("prose.kdl", b"Dear reader, this is a letter.\n"),
        ("zeros.kdl", &[0; 64]),
        ("deep.kdl", "a { ".repeat(20_000).leak().as_bytes()),
    ];
    for (name, content) in cases {
        place.write(name, content);
        let ran = place.run(&format!("validate {name}"));
        assert!(ran.code == 3 || ran.code == 2, "{}", ran.told());
        assert!(ran.err.contains("error["), "{}", ran.told());
    }
    std::fs::create_dir(place.path("folder.kdl")).expect("the folder is ours");
    let ran = place.run("validate folder.kdl");
    assert!(ran.code == 3 || ran.code == 2, "{}", ran.told());
    assert!(ran.err.contains("error["), "{}", ran.told());
}
