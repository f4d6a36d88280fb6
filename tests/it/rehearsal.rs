//! Both bundled workflows, rehearsed through the real binary: what a marketer sees, and what must be true behind it.
//!
//! What is printed is kept in `workflows/<name>/tests/`; `UPDATE_GOLDEN=1 cargo test --test it rehearsal` writes it anew. The
//! texts are for reading, so everything that must hold is asserted as well, from `--json` and from the published files.

use crate::cli::place::{B2B, FIRST, Place, list, text};
use serde_json::Value;
use similar::TextDiff;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

const WORDS: &str = "The lighthouse keeper of Whitby read this before you.";

/// One round trip of a workflow: an edit, a rejection, an approval, and on to the second cycle.
fn rehearse(file: &str) -> Place {
    let place = Place::new();
    let parked = place.run(&format!("run {file}")).exit(4);
    golden(file, "cycle-1.txt", &parked.out);
    let waiting = place.waiting(file);
    assert_eq!(waiting.len(), 3);
    for gate in &waiting {
        assert!(parked.out.contains(&text(&gate["id"])), "the summary names what waits\n{}", parked.told());
    }

    // Asking again before anybody decided changes nothing.
    place.run(&format!("run {file}")).exit(4);
    assert_eq!(place.waiting(file), waiting);
    assert_eq!(published(&place, file), BTreeMap::new(), "nothing goes out before it is approved");

    let [edited, rejected, approved] = [0, 1, 2].map(|n| text(&waiting[n]["id"]));
    let outline = text(&waiting[0]["approve"]["text"]).replace("## What it means\n", &format!("## What it means\n- {WORDS}\n"));
    assert!(outline.contains(WORDS));
    place.write("edited.md", outline);
    place.run(&format!("gate edit {file} {edited} --file edited.md")).exit(0).says(&edited);
    place.run(&format!("gate reject {file} {rejected} --reason elsewhere")).exit(0).says(&rejected);
    place.run(&format!("gate approve {file} {approved}")).exit(0).says("Nothing else waits.");
    if file == B2B {
        // The pieces themselves are read as well before they go out.
        place.run(&format!("run {file}")).exit(4);
        assert_eq!(published(&place, file), BTreeMap::new());
        place.run(&format!("gate approve {file} --all")).exit(0);
    }
    let done = place.run(&format!("run {file}"));
    golden(file, "cycle-1-done.txt", &done.exit(0).out);

    let first = place.cycle(file, 1);
    assert_eq!(first["state"], "closed");
    let pieces = published(&place, file);
    assert_eq!(pieces.len(), 2, "what was rejected is not published: {:?}", pieces.keys());
    let rejected_title = text(&waiting[1]["approve"]["title"]);
    assert!(pieces.values().all(|piece| !piece.contains(&rejected_title)), "`{rejected_title}` was rejected");
    let with_words: Vec<&String> = pieces.values().filter(|piece| piece.contains(WORDS)).collect();
    assert_eq!(with_words.len(), 1, "the person's words are published, once");
    assert!(with_words[0].contains(&text(&waiting[0]["approve"]["title"])), "in the piece that was edited");
    let receipts = list(&first["published"]);
    assert_eq!(receipts.len(), 2);
    assert_eq!(receipts.iter().filter(|receipt| receipt["edited"] == true).count(), 1);

    let second = place.run(&format!("run {file}")).exit(4);
    golden(file, "cycle-2.txt", &second.out);
    assert_eq!(published(&place, file), pieces, "what is out stays as it is");
    assert_eq!(place.cycle(file, 1), first, "a closed cycle stays as it is");
    let second = place.cycle(file, 2);
    assert!(!list(&first["changes"]).is_empty(), "nothing was learned");
    assert!(!list(&second["opportunities"]).is_empty(), "nothing was chosen by what was learned");
    learned_is_in_force(&mut declared(&first), &first, &second);
    waited_is_first(&first, &second);
    place
}

#[test]
fn first_loop_turns() {
    rehearse(FIRST);
}

#[test]
fn b2b_growth_turns() {
    rehearse(B2B);
}

/// What Learning changed in a cycle weighs in the next. `weights` are those in force before.
fn learned_is_in_force(weights: &mut BTreeMap<String, f64>, before: &Value, after: &Value) {
    for change in list(&before["changes"]) {
        let (path, new) = (text(&change["path"]), number(&change["new"]));
        let (low, high) = bounds(&path);
        assert!((low..=high).contains(&new), "{path} is {new}, outside {low} to {high}");
        assert_ne!(change["old"], change["new"], "{path}: what did not move is no change");
        assert_ne!(text(&change["evidence"]), "");
        if let Some(rule) = path.strip_prefix("opportunities.") {
            let old = weights.insert(rule.to_owned(), new);
            assert_eq!(old, Some(number(&change["old"])), "{path} was told to be something else");
        }
    }
    // A breakdown shows shares, so that scores stay between 0 and 1.
    let sum: f64 = weights.values().sum();
    for opportunity in list(&after["opportunities"]) {
        for part in list(&opportunity["breakdown"]) {
            let (rule, share) = (text(&part["rule"]), number(&part["weight"]));
            assert!((share - weights[&rule] / sum).abs() < 1e-12, "{rule} is {share} in {opportunity}, not {weights:?}");
        }
    }
}

/// The weights that the bundled workflows start from, as the first cycle shows them.
fn declared(first: &Value) -> BTreeMap<String, f64> {
    let breakdown = list(&list(&first["opportunities"])[0]["breakdown"]);
    let weights: BTreeMap<_, _> = breakdown.iter().map(|part| (text(&part["rule"]), number(&part["weight"]))).collect();
    let declared = [("demand", 0.4), ("growth", 0.2), ("fit", 0.2), ("evidence", 0.2)];
    assert_eq!(weights, declared.map(|(rule, weight)| (rule.to_owned(), weight)).into());
    weights
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("not a number: {value}"))
}

/// As the bundled workflows declare them.
fn bounds(path: &str) -> (f64, f64) {
    match path {
        "opportunities.demand" => (0.1, 0.8),
        "opportunities.growth" => (0.05, 0.6),
        "channels.blog" | "channels.newsletter" => (0.2, 0.8),
        other => panic!("{other} is not declared"),
    }
}

/// What a cap held back is written first in the next cycle, by rank.
fn waited_is_first(before: &Value, after: &Value) {
    let waited: Vec<String> = list(&before["deferred"]).iter().map(|pair| text(&pair[1])).collect();
    assert!(waited.len() >= 3, "{waited:?}");
    assert_eq!(titles(after, "outline"), waited[..3]);
}

fn titles(cycle: &Value, kind: &str) -> Vec<String> {
    let written = list(&cycle["written"]);
    written.iter().filter(|piece| piece["kind"] == kind).map(|piece| text(&piece["title"])).collect()
}

/// Five cycles on one machine and three on another.
fn turn_often(file: &str) {
    let here = Place::new();
    let five = list(&here.run(&format!("run {file} --cycles 5 --approve-all --json")).exit(0).json()["cycles"]);
    assert_eq!(five.len(), 5);
    let mut keys = BTreeSet::new();
    let mut weeks: BTreeMap<String, usize> = BTreeMap::new();
    for cycle in &five {
        assert_eq!(cycle["state"], "closed");
        assert_eq!(list(&cycle["failures"]), [] as [Value; 0]);
        let cap = list(&cycle["caps"]).into_iter().find(|cap| cap["cap"] == "outlines").expect("outlines are capped");
        assert_eq!(cap["per"], "week");
        assert!(cap["used"].as_i64() <= cap["most"].as_i64(), "{cap}");
        *weeks.entry(text(&cap["window"])).or_default() += titles(cycle, "outline").len();
        let receipts = list(&cycle["published"]);
        assert_eq!(receipts.len(), titles(cycle, "draft").len(), "everything was approved, so everything went out");
        for receipt in receipts {
            assert!(keys.insert(text(&receipt["key"])), "a key is used once: {receipt}");
        }
    }
    assert!(weeks.values().all(|pieces| *pieces <= 3), "{weeks:?}");
    assert!(weeks.len() >= 4, "{weeks:?}");
    let mut weights = declared(&five[0]);
    for pair in five.windows(2) {
        learned_is_in_force(&mut weights, &pair[0], &pair[1]);
    }

    let pieces = published(&here, file);
    let in_files: BTreeSet<String> = pieces.values().map(|piece| front_matter(piece, "key")).collect();
    assert_eq!(in_files, keys, "one file for each receipt");
    assert_eq!(pieces.len(), keys.len());
    for key in &keys {
        let lineage = here.run(&format!("trace {file} {key} --json")).exit(0).json()["lineage"].clone();
        assert_eq!(lineage["kind"], "receipt");
        let mut ends = BTreeSet::new();
        leaves(&lineage, &mut ends);
        assert_eq!(ends, BTreeSet::from(["signal".to_owned()]), "{key} rests on signals and on nothing else");
    }

    let there = Place::new();
    let three = list(&there.run(&format!("run {file} --cycles 3 --approve-all --json")).exit(0).json()["cycles"]);
    assert_eq!(three[..], five[..3], "two machines agree");
    let early = pieces.into_iter().filter(|(_, piece)| front_matter(piece, "cycle").parse::<u32>().expect("a number") <= 3);
    assert_eq!(published(&there, file), early.collect());
}

#[test]
fn first_loop_holds_its_promises_over_five_cycles_on_any_machine() {
    turn_often(FIRST);
}

#[test]
fn b2b_growth_holds_its_promises_over_five_cycles_on_any_machine() {
    turn_often(B2B);
}

/// The kinds of the items that a lineage ends in.
fn leaves(node: &Value, found: &mut BTreeSet<String>) {
    let from = list(&node["from"]);
    if from.is_empty() {
        found.insert(text(&node["kind"]));
    }
    from.iter().for_each(|node| leaves(node, found));
}

/// The value of a key in the front matter of a piece, without quotes.
fn front_matter(piece: &str, key: &str) -> String {
    let head = piece.strip_prefix("---\n").and_then(|rest| rest.split("\n---\n").next()).expect("front matter");
    let line = head.lines().find_map(|line| line.strip_prefix(&format!("{key}: "))).expect("the key");
    line.trim_matches('"').to_owned()
}

/// Every published file of a workflow.
fn published(place: &Place, file: &str) -> BTreeMap<String, String> {
    place.files(&format!("{}/out", file.trim_end_matches(".kdl")))
}

/// Compares with the text that is kept, or keeps it.
#[track_caller]
fn golden(workflow: &str, name: &str, found: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(workflow.trim_end_matches(".kdl")).join("tests").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some_and(|value| value == "1") {
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("the repository can be written");
        std::fs::write(&path, found).expect("the repository can be written");
        return;
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    if kept != found {
        let diff = TextDiff::from_lines(kept.as_str(), found);
        let diff = diff.unified_diff().context_radius(2).header("kept", "found").to_string();
        panic!("{} is not what was printed:\n{diff}\nUPDATE_GOLDEN=1 keeps what was printed.", path.display());
    }
}
