//! `loopctl log` and `loopctl undo`: what was decided, whether anybody changed it afterwards, and taking it back.

use super::place::{FIRST, Place, Stage, list, text};
use serde_json::Value;

/// The only event of this sort about this subject.
fn record(place: &Place, what: &str, subject: &str) -> u64 {
    let events = list(&place.run(&format!("log {FIRST} --what {what} --json")).exit(0).json()["log"]);
    let found = events.iter().find(|event| event["subject"] == subject || subject.is_empty());
    found.and_then(|event| event["record"].as_u64()).unwrap_or_else(|| panic!("no {what} {subject} in {events:#?}"))
}

#[test]
fn every_decision_has_a_record_and_the_chain_holds() {
    let place = Place::at(Stage::Closed);
    let events = list(&place.run(&format!("log {FIRST} --json")).exit(0).json()["log"]);
    assert!(events.iter().all(|event| event["record"].is_u64()), "{events:#?}");
    let approved = events.iter().filter(|event| event["what"] == "approved").count();
    assert_eq!(approved, 3);
    let chain = place.run(&format!("log {FIRST} --verify --json")).exit(0).json()["chain"].clone();
    assert_eq!(chain["whole"], true);
    assert!(chain["records"].as_u64() >= Some(approved as u64 + 2), "{chain}");
    place
        .run(&format!("log {FIRST} --verify"))
        .exit(0)
        .says("each with the digest of the one before")
        .says(&text(&chain["head"]));
    // What came before stays as it was when more is decided.
    place.run(&format!("tune revert {FIRST} opportunities.demand --as Ada")).exit(0);
    let later = place.run(&format!("log {FIRST} --verify --json")).exit(0).json()["chain"].clone();
    assert_eq!(later["records"].as_u64(), chain["records"].as_u64().map(|records| records + 1));
    place.run(&format!("log {FIRST} --who ada")).exit(0).says("Ada set");
    assert_eq!(list(&place.run(&format!("log {FIRST} --who nobody --json")).exit(0).json()["log"]).len(), 0);
}

/// An export with one text replaced in every value that has it, and all its checksums made to fit again.
fn forged(export: &str, from: &str, to: &str) -> String {
    use base64::Engine as _;
    let mut all = crc32fast::Hasher::new();
    let mut lines = Vec::new();
    for line in export.lines() {
        let mut line: Value = serde_json::from_str(line).expect("a line of JSON");
        if line.get("end").is_some() {
            line["crc"] = all.clone().finalize().into();
        } else if line.get("key").is_some() {
            if let Some(text) = line["text"].as_str() {
                line["text"] = text.replace(from, to).into();
            }
            let key = base64::engine::general_purpose::STANDARD.decode(text(&line["key"])).expect("base64");
            let value = line["text"]
                .as_str()
                .map(str::as_bytes)
                .map(<[u8]>::to_vec)
                .unwrap_or_else(|| base64::engine::general_purpose::STANDARD.decode(text(&line["base64"])).expect("base64"));
            let mut hasher = crc32fast::Hasher::new();
            hasher.update(&(key.len() as u32).to_be_bytes());
            hasher.update(&key);
            hasher.update(&value);
            let crc = hasher.finalize();
            all.update(&crc.to_be_bytes());
            line["crc"] = crc.into();
        }
        lines.push(line.to_string());
    }
    lines.join("\n") + "\n"
}

#[test]
fn a_decision_that_somebody_changed_afterwards_is_named() {
    let place = Place::at(Stage::Parked);
    let id = text(&place.waiting(FIRST)[0]["id"]);
    place.run(&format!("gate reject {FIRST} {id} --reason thin --as ann")).exit(0);
    let number = record(&place, "rejected", &id);
    place.run(&format!("gate approve {FIRST} --all --as bob")).exit(0);
    place.run(&format!("store export {FIRST} backup.jsonl")).exit(0);
    let changed = forged(&place.read("backup.jsonl"), "\"by\":\"ann\"", "\"by\":\"eve\"");
    assert_ne!(changed, place.read("backup.jsonl"));
    place.write("forged.jsonl", changed);
    std::fs::remove_dir_all(place.path("workflows/.loopctl")).expect("the state is ours");
    place.run(&format!("store import {FIRST} forged.jsonl")).exit(0);
    // Every checksum fits; only the chain tells.
    place.run(&format!("store verify {FIRST}")).exit(1).says("The log of decisions of `first-loop` was changed");
    let chain = place.run(&format!("log {FIRST} --verify --json")).exit(1).json()["chain"].clone();
    assert_eq!((chain["whole"].as_bool(), chain["broken"]["number"].as_u64()), (Some(false), Some(number)));
    place.run(&format!("log {FIRST} --verify")).exit(1).says(&format!("Record {number} does not fit")).says("changed afterwards");
    place.run(&format!("log {FIRST}")).exit(0).warns("--verify");
    place.run(&format!("undo {FIRST} 1")).fails(1, "log::broken");
}

#[test]
fn a_tuned_setting_is_taken_back_once_and_what_went_out_is_not() {
    let place = Place::at(Stage::Closed);
    let number = record(&place, "tuned", "opportunities.demand");
    place
        .run(&format!("undo {FIRST} {number} --as Ada --reason premature"))
        .exit(0)
        .says("opportunities.demand goes from 0.480 back to 0.400");
    place.run(&format!("log {FIRST}")).exit(0).says("Ada set").says("premature");
    place.run(&format!("undo {FIRST} {number}")).fails(1, "log::cannot-undo").warns("moved again since");
    let approved = record(&place, "approved", "");
    place.run(&format!("undo {FIRST} {approved}")).fails(1, "log::cannot-undo").warns("gone on to other steps");
    place.run(&format!("undo {FIRST} 1")).fails(1, "log::cannot-undo").warns("files as they were");
    place.run(&format!("undo {FIRST} 9999")).fails(2, "cli::no-such-item").warns("loopctl log");
    place.run(&format!("log {FIRST} --verify")).exit(0);
    place.run(&format!("run {FIRST} --approve-all")).exit(0).says("Ada set opportunities.demand from 0.480 to 0.400");
}
