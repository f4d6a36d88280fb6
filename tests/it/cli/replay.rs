//! `loopctl replay`: what happened comes out again, what was changed is found, and "what if" touches nothing.

use super::place::{B2B, FIRST, Place, Stage, list, text};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::collections::BTreeMap;

/// Everything that a command could have touched: pieces, and the state apart from the files that its lock lives in.
fn kept(place: &Place) -> (BTreeMap<String, String>, String) {
    let out = place.files("workflows").into_iter().filter(|(name, _)| !name.contains(".loopctl")).collect();
    place.run(&format!("store export {FIRST} state.jsonl")).exit(0);
    let state = place.read("state.jsonl");
    std::fs::remove_file(place.path("state.jsonl")).expect("just written");
    (out, state)
}

/// Edits the first thing that waits, rejects the second, approves the rest, one command each.
fn decide(place: &Place, workflow: &str) {
    for (at, gate) in place.waiting(workflow).into_iter().enumerate() {
        let id = text(&gate["id"]);
        match at {
            0 => {
                let edited = format!("{}\n\nIn our own words.\n", text(&gate["approve"]["text"]));
                place.run_with_input(&format!("gate edit {workflow} {id} --file -"), &edited).exit(0);
                place.run(&format!("run {workflow}"));
            }
            1 => drop(place.run(&format!("gate reject {workflow} {id} --reason later")).exit(0)),
            _ => drop(place.run(&format!("gate approve {workflow} {id}")).exit(0)),
        }
    }
}

/// Runs a cycle to its end.
fn whole(place: &Place, workflow: &str) {
    for _ in 0..10 {
        let ran = place.run(&format!("run {workflow}"));
        if ran.code != 4 {
            assert!([0, 1, 5].contains(&ran.code), "{}", ran.told());
            return;
        }
        decide(place, workflow);
    }
    panic!("it never closes");
}

#[test]
fn two_cycles_with_edits_rejections_and_restarts_come_out_to_the_bit() {
    let place = Place::at(Stage::Parked);
    place.run(&format!("replay {FIRST} 1")).exit(0).says("reproduced").says("The cycle is open");
    decide(&place, FIRST);
    whole(&place, FIRST);
    whole(&place, FIRST);
    // The file as it is now is another one; a cycle replays with its own.
    place.edit(FIRST, "weight=0.4", "weight=0.1");
    let before = kept(&place);
    for cycle in [1, 2] {
        place.run(&format!("replay {FIRST} {cycle}")).exit(0).says("reproduced").says("all equal");
        let facts = place.run(&format!("replay {FIRST} {cycle} --json")).exit(0).json()["replay"].clone();
        assert_eq!((&facts["reproduced"], &facts["closed"]), (&true.into(), &true.into()));
        assert!(facts["tasks"].as_u64() > Some(20) && facts["items"].as_u64() > Some(20), "{facts}");
    }
    assert_eq!(kept(&place), before, "nothing was written");
}

#[test]
fn all_six_layers_come_out_to_the_bit() {
    let place = Place::new();
    whole(&place, B2B);
    whole(&place, B2B);
    for cycle in [1, 2] {
        place.run(&format!("replay {B2B} {cycle}")).exit(0).says("reproduced");
    }
}

#[test]
fn a_journal_that_somebody_changed_does_not_come_out() {
    let place = Place::at(Stage::Closed);
    place.run(&format!("store export {FIRST} backup.jsonl")).exit(0);
    let title = text(&list(&place.cycle(FIRST, 1)["opportunities"])[0]["title"]);
    let changed = tampered(&place.read("backup.jsonl"), &title, "Nobody ever wrote this");
    place.write("changed.jsonl", changed);
    place.run(&format!("store import {FIRST} changed.jsonl --state elsewhere")).exit(0);
    let ran = place.run(&format!("replay {FIRST} 1 --state elsewhere")).exit(1).says("does not come out as it did");
    assert!(ran.out.contains("opportunities") || ran.out.contains("market"), "{}", ran.told());
    let facts = place.run(&format!("replay {FIRST} 1 --state elsewhere --json")).exit(1).json()["replay"].clone();
    assert_eq!(facts["reproduced"], false);
    assert!(!list(&facts["differences"]).is_empty());
    place.run(&format!("replay {FIRST} 1")).exit(0);
}

/// An export in which a text is another one, with checksums that fit: damage is another test's matter.
fn tampered(export: &str, from: &str, to: &str) -> String {
    let mut all = crc32fast::Hasher::new();
    let mut lines = Vec::new();
    for line in export.lines() {
        let mut value: serde_json::Value = serde_json::from_str(line).expect("a line of an export");
        if let Some(key) = value["key"].as_str().map(str::to_owned) {
            if let Some(old) = value["text"].as_str().map(str::to_owned) {
                // One entry a line; only what the step said it gave is changed, not what it was given.
                let is_choice = |line: &str| line.starts_with("{\"done\"") && line.contains("\"breakdown\"");
                let reworded = |line: &str| if is_choice(line) { line.replacen(from, to, 1) } else { line.to_owned() };
                value["text"] = old.split('\n').map(reworded).collect::<Vec<_>>().join("\n").into();
            }
            let bytes = |text: &str| STANDARD.decode(text).expect("an export is base64");
            let key = bytes(&key);
            let stored = match (value["text"].as_str(), value["base64"].as_str()) {
                (Some(text), _) => text.as_bytes().to_vec(),
                (None, Some(text)) => bytes(text),
                _ => Vec::new(),
            };
            let mut hasher = crc32fast::Hasher::new();
            hasher.update(&(key.len() as u32).to_be_bytes());
            hasher.update(&key);
            hasher.update(&stored);
            let crc = hasher.finalize();
            all.update(&crc.to_be_bytes());
            value["crc"] = crc.into();
        } else if value.get("end").is_some() {
            value["crc"] = all.clone().finalize().into();
        }
        lines.push(value.to_string());
    }
    lines.join("\n") + "\n"
}

const OTHER: &str = "workflows/other.kdl";

#[test]
fn the_same_workflow_would_have_chosen_the_same_and_touches_nothing() {
    let place = Place::at(Stage::Closed);
    place.write(OTHER, place.read(FIRST));
    let before = kept(&place);
    let facts = place.run(&format!("replay {FIRST} 1 --with {OTHER} --json")).exit(0).json()["what_if"].clone();
    assert!(list(&facts["choices"]).iter().all(|choice| choice["change"] == "same"), "{facts:#}");
    assert!(list(&facts["pieces"]).iter().all(|piece| piece["change"] == "same"), "{facts:#}");
    assert_eq!(facts["state"], "closed", "people decided all of this");
    assert_eq!(facts["recorded"]["sends"], facts["other"]["sends"]);
    assert_eq!(facts["recorded"]["learned"], facts["other"]["learned"]);
    assert_eq!(list(&facts["told"]["lacking"]).len(), 0);
    assert_eq!(kept(&place), before, "nothing was written");
}

#[test]
fn another_weight_would_have_chosen_otherwise() {
    let place = Place::at(Stage::Closed);
    let changed = place.read(FIRST).replace("rule \"demand\" weight=0.4", "rule \"demand\" weight=0.02");
    place.write(OTHER, changed);
    let before = kept(&place);
    let words = format!("replay {FIRST} 1 --with {OTHER} --approve-all");
    place.run(&words).exit(0).says("opportunities.demand").says("Chosen").says("Spend and reach").says("nothing was asked");
    let facts = place.run(&format!("{words} --json")).exit(0).json()["what_if"].clone();
    let weights = list(&facts["weights"]);
    let demand = weights.iter().find(|change| change["rule"] == "opportunities.demand").expect("it was changed");
    assert!(demand["recorded"].as_f64() > demand["other"].as_f64(), "{demand}");
    let choices = list(&facts["choices"]);
    assert!(choices.iter().any(|choice| choice["change"] != "same"), "{facts:#}");
    assert_eq!(facts["state"], "closed");
    assert_eq!(facts["told"]["pretended"], facts["other"]["sends"]["blog"]);
    assert_eq!(kept(&place), before, "nothing was written");
}

#[test]
fn a_source_that_nobody_read_then_is_told_and_left_empty() {
    let place = Place::at(Stage::Closed);
    let source = "intelligence {\n        source \"more\" kind=\"feed\" { folder \"first-loop/data/feeds\" glob=\"none-*\" }";
    let changed = place.read(FIRST).replacen("intelligence {", source, 1);
    place
        .write(OTHER, changed.replace("from \"press\" \"rivals\" \"queries\"", "from \"press\" \"rivals\" \"queries\" \"more\""));
    let ran = place.run(&format!("replay {FIRST} 1 --with {OTHER}")).exit(0).says("the record lacks it");
    assert!(ran.out.contains("`more` would read first-loop/data/feeds/none-*"), "{}", ran.told());
}

#[test]
fn wrong_words_are_told() {
    let place = Place::at(Stage::Closed);
    place.run(&format!("replay {FIRST} one")).fails(2, "cli::usage").warns("loopctl replay 1");
    place.run(&format!("replay {FIRST} 9")).fails(2, "cli::no-such-cycle");
    place.run(&format!("replay {FIRST} 1 --with none.kdl")).fails(2, "cli::no-such-file");
    place.run(&format!("replay {FIRST} 1 --approve-all")).exit(2);
    place.write(OTHER, "workflow \"x\" { nonsense }");
    place.run(&format!("replay {FIRST} 1 --with {OTHER}")).exit(3);
    Place::new().run(&format!("replay {FIRST} 1")).fails(2, "cli::nothing-yet");
}
