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
