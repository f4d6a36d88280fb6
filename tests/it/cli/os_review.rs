//! `loopctl os review`, `os diff` and `os show`: from a report's proposal to a changed file, the next cycle, and what it brought.
//!
//! One long story on the recorded data, because every cycle costs a second or more.

use super::place::{FIRST, Place, list, text};
use serde_json::Value;
use std::sync::OnceLock;

const PILLARS: &str = "workflows/first-loop/client-os/pillars.kdl";

/// `first-loop` after five cycles, everything approved by a flag.
pub fn after_five() -> Place {
    static RUN: OnceLock<Place> = OnceLock::new();
    let run = RUN.get_or_init(|| {
        let place = Place::new();
        place.run(&format!("run {FIRST} --cycles 5 --approve-all")).exit(0);
        place
    });
    run.twin()
}

fn proposals(place: &Place) -> Vec<Value> {
    list(&place.run(&format!("os review list {FIRST} --json")).json()["proposals"])
}

fn find(place: &Place, key: &str) -> String {
    let all = proposals(place);
    let found = all.iter().find(|proposal| text(&proposal["amendment"]["key"]) == key);
    text(&found.unwrap_or_else(|| panic!("no {key} in {all:#?}"))["id"])
}

#[test]
fn an_accepted_proposal_changes_its_file_and_the_next_cycle_and_a_later_report_says_what_it_brought() {
    let place = after_five();
    let weight = find(&place, "pillar-weight/Operations");
    let before = place.read(PILLARS);
    place.run(&format!("os review show {FIRST} {weight}")).exit(0).says("+pillar \"Operations\" weight=0.36 {").says("Judged by");
    assert_eq!(place.read(PILLARS), before, "showing changes nothing");
    // Somebody changed another place of the file meanwhile, which is no conflict.
    place.edit(PILLARS, "// The territories", "// All the territories");
    place.run(&format!("os review accept {FIRST} {weight} --as Ada")).exit(0).says("weight=0.36");
    let after = place.read(PILLARS);
    let expected = before
        .replace("// The territories", "// All the territories")
        .replace("\"Operations\" weight=0.3 ", "\"Operations\" weight=0.36 ")
        .replace("\"Data\" weight=0.25", "\"Data\" weight=0.22")
        .replace("\"Security\" weight=0.2 ", "\"Security\" weight=0.17 ");
    assert_eq!(after, expected, "every other byte is as it was");
    place.run(&format!("os diff {FIRST}")).exit(1).says("-pillar \"Operations\" weight=0.3 {").says("cycle 5 used version");

    // What is turned down is not proposed again, and its reason is kept.
    let goal = find(&place, "question/the goal “qualified half hours”");
    let reject = ["os", "review", "reject", FIRST, &goal, "--reason", "we count them by hand", "--as", "Ada"];
    let ran = place.command("").args(reject).output().expect("loopctl runs");
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    place.run(&format!("os review list {FIRST}")).says("rejected by Ada: we count them by hand").says("accepted by Ada");

    let used = place.cycle(FIRST, 5)["client_os"].clone();
    let next = place.run(&format!("run {FIRST} --approve-all")).exit(0);
    assert!(next.out.contains("Ada accepted “Raise the weight of “Operations” from 0.3 to 0.36”"), "{}", next.told());
    assert_ne!(place.cycle(FIRST, 6)["client_os"], used, "the next cycle reads another version");
    place.run(&format!("os diff {FIRST}")).exit(0).says("unchanged since cycle 6");
    place.run(&format!("report {FIRST}")).exit(0).says("accepted by Ada 7 days ago: too early to say; it takes");
    let keys: Vec<String> = proposals(&place).iter().map(|proposal| text(&proposal["amendment"]["key"])).collect();
    assert!(!keys.iter().any(|key| key.contains("Operations") || key.contains("goal")), "{keys:?}");
    place.run(&format!("run {FIRST} --cycles 2 --approve-all")).exit(0);
    let report = place.run(&format!("report {FIRST}")).exit(0);
    assert!(report.out.contains("demand for the topics written about (natural logarithm)"), "{}", report.told());
    assert!(report.out.contains(" pieces before, ") && report.out.contains("(change "), "{}", report.told());
}

#[test]
fn a_place_that_was_changed_meanwhile_is_a_conflict_and_what_is_locked_is_only_questioned() {
    let place = after_five();
    let weight = find(&place, "pillar-weight/Operations");
    place.edit(PILLARS, "\"Operations\" weight=0.3 ", "\"Operations\" weight=0.4 ");
    let mine = place.read(PILLARS);
    let ran = place.run(&format!("os review accept {FIRST} {weight}"));
    assert_eq!(ran.code, 1, "{}", ran.told());
    assert!(ran.err.contains("it said `0.3`, the proposal says `0.36`, and now it says `0.4`"), "{}", ran.told());
    assert!(ran.err.contains("help: nothing was changed"), "{}", ran.told());
    assert_eq!(place.read(PILLARS), mine, "nothing is lost");
    place.run(&format!("os review list {FIRST}")).exit(4).says(&weight);
    // The person's own number settles it.
    place.run(&format!("os review edit {FIRST} {weight} --text 0.42 --as Ada")).exit(0);
    assert!(place.read(PILLARS).contains("\"Operations\" weight=0.42 {"));
    place.run(&format!("os review list {FIRST}")).says("accepted by Ada in other words");

    // The locked weight of `Cost` is in no proposal but in a question, which edits nothing.
    let question = find(&place, "question/the locked weight of pillar “Cost”");
    let before = place.read(PILLARS);
    assert!(before.contains("\"Cost\" weight=0.25 locked=#true"));
    place.run(&format!("os review edit {FIRST} {question} --text 0.1")).fails(2, "cli::usage");
    place.run(&format!("os review accept {FIRST} {question}")).exit(0).says("nothing was changed");
    assert_eq!(place.read(PILLARS), before);

    // Locked after the proposal was made: refused as well.
    let place = after_five();
    let weight = find(&place, "pillar-weight/Operations");
    place.edit(PILLARS, "\"Operations\" weight=0.3 {", "\"Operations\" weight=0.3 locked=#true {");
    let ran = place.run(&format!("os review accept {FIRST} {weight}"));
    assert!(ran.code == 1 && ran.err.contains("is locked"), "{}", ran.told());
}

#[test]
fn a_step_s_context_is_shown_and_unknown_names_are_told() {
    let place = Place::new();
    place.run(&format!("os show {FIRST} --for drafts")).exit(0).says("## Voice").says("seconds of reading");
    let facts = place.run(&format!("os show {FIRST} --for drafts --json")).exit(0).json()["context"].clone();
    assert!(facts["tokens"].as_u64().is_some_and(|tokens| tokens > 50), "{facts}");
    place.run(&format!("os show {FIRST} --for draft")).fails(2, "cli::no-such-item").warns("did you mean `drafts`?");
    place.run(&format!("os review list {FIRST}")).fails(2, "cli::nothing-yet");
    place.run(&format!("os diff {FIRST}")).fails(2, "cli::nothing-yet");
}

#[test]
fn an_accepted_proposal_is_taken_back_out_of_its_file_unless_the_file_says_something_else_by_now() {
    let place = after_five();
    let weight = find(&place, "pillar-weight/Operations");
    place.run(&format!("os review accept {FIRST} {weight} --as Ada")).exit(0);
    let events = list(&place.run(&format!("log {FIRST} --what accepted --json")).exit(0).json()["log"]);
    let record = events[0]["record"].as_u64().expect("it has a record");
    let accepted = place.read(PILLARS);
    place.edit(PILLARS, "\"Operations\" weight=0.36 ", "\"Operations\" weight=0.4 ");
    let other = place.read(PILLARS);
    place.run(&format!("undo {FIRST} {record} --as Ada")).fails(1, "os::refused").warns("now it says `0.4`");
    assert_eq!(place.read(PILLARS), other, "nothing was changed");
    place.write(PILLARS, accepted);
    place.run(&format!("undo {FIRST} {record} --as Ada")).exit(0).says("+pillar \"Operations\" weight=0.3 {");
    assert!(place.read(PILLARS).contains("\"Operations\" weight=0.3 "));
    place.run(&format!("log {FIRST}")).exit(0).says("Ada taken back");
    place.run(&format!("log {FIRST} --verify")).exit(0);
}
