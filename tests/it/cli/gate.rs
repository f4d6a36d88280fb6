//! `loopctl gate`: per item, by handle, in any order.

use super::place::{FIRST, Place, Ran, Stage, list, text};
use std::os::unix::fs::PermissionsExt as _;

fn ids(place: &Place) -> Vec<String> {
    place.waiting(FIRST).iter().map(|gate| text(&gate["id"])).collect()
}

#[test]
fn what_waits_is_listed_and_shown_with_its_evidence() {
    let place = Place::at(Stage::Parked);
    let listed = place.run(&format!("gate list {FIRST}")).exit(4).says("3 decisions").says("by content-team");
    for gate in place.waiting(FIRST) {
        let id = text(&gate["id"]);
        assert!(listed.out.contains(&id));
        place
            .run(&format!("gate show {FIRST} {id}"))
            .exit(0)
            .says(&text(&gate["approve"]["title"]))
            .says("What it rests on")
            .says(&format!("loopctl gate approve {FIRST} {id}"));
        let shown = place.run(&format!("gate show {FIRST} {id} --json")).exit(0).json()["item"].clone();
        assert!(!list(&shown["evidence"]).is_empty());
        assert_eq!(shown["gate"]["id"], id.as_str());
    }
}

#[test]
fn items_are_decided_one_by_one_and_the_rest_still_waits() {
    let place = Place::at(Stage::Parked);
    let all = ids(&place);
    place.run(&format!("gate approve {FIRST} {}", all[1])).exit(0).says("2 decisions left").says(&format!("loopctl run {FIRST}"));
    assert_eq!(ids(&place), [all[0].clone(), all[2].clone()]);
    // What was approved flows on at once.
    place.run(&format!("run {FIRST}")).exit(4);
    assert_eq!(place.files("workflows/first-loop/out").len(), 1);
    let decided = place.run(&format!("gate reject {FIRST} {} {} --reason later --json", all[0], all[2])).exit(0).json();
    assert_eq!(decided["decided"]["left"], 0);
    assert_eq!(decided["decided"]["decision"], "rejected");
    place.run(&format!("gate list {FIRST}")).exit(0).says("Nothing waits");
    place.run(&format!("run {FIRST}")).exit(0);
    assert_eq!(place.files("workflows/first-loop/out").len(), 1);
}

#[test]
fn the_start_of_a_handle_is_enough_when_it_is_the_only_one() {
    let place = Place::at(Stage::Parked);
    let all = ids(&place);
    // Upper case, the letter left out, and more digits than are shown are all understood.
    let item = text(&place.waiting(FIRST)[0]["approve"]["item"]);
    for word in [all[0].to_uppercase(), all[0][2..].to_owned(), format!("o-{}", &item[..12]), item] {
        place.run(&format!("gate show {FIRST} {word}")).exit(0).says(&all[0]);
    }
    place.run(&format!("gate show {FIRST} o-")).fails(2, "cli::which-item").warns("3 items");
    place.run(&format!("gate approve {FIRST} o-ffffffffff")).fails(2, "cli::no-such-item").warns("loopctl gate list");
    place.run(&format!("gate approve {FIRST}")).fails(2, "cli::usage").warns("--all");
    // One word that is wrong decides nothing about the others.
    place.run(&format!("gate approve {FIRST} {} nonsense", all[0])).fails(2, "cli::no-such-item");
    assert_eq!(ids(&place), all);
}

#[test]
fn a_decision_is_made_once() {
    let place = Place::at(Stage::Parked);
    let all = ids(&place);
    place.run(&format!("gate reject {FIRST} {} --reason no", all[0])).exit(0);
    place.run(&format!("gate approve {FIRST} {}", all[0])).fails(2, "cli::no-such-item");
    place.run(&format!("gate approve {FIRST} --all")).exit(0).says("Nothing else waits.");
    let again = place.run(&format!("gate approve {FIRST} --all"));
    assert!(again.code == 0 || again.code == 2, "{}", again.told());
    place.run(&format!("run {FIRST}")).exit(0);
    assert_eq!(place.files("workflows/first-loop/out").len(), 2);
}

/// An editor that is a shell script; it finds the file in `$1`.
fn editor(place: &Place, script: &str) -> String {
    place.write("editor.sh", format!("#!/bin/sh\n{script}\n"));
    let path = place.path("editor.sh");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("the file is ours");
    path.display().to_string()
}

#[test]
fn the_editor_changes_the_text_and_the_change_is_published() {
    let place = Place::at(Stage::Parked);
    let id = ids(&place).remove(0);
    let editor = editor(&place, "sed -i 's/^## What it means$/## What it means to Whitby/' \"$1\"");
    let mut command = place.command(&format!("gate edit {FIRST} {id}"));
    Ran::of(command.env("EDITOR", editor)).exit(0).says("Kept your words and approved");
    assert!(place.files("").keys().all(|name| !name.ends_with(".md") || name.contains('/')), "the editor's file is tidied away");
    place.run(&format!("run {FIRST}")).exit(4);
    let pieces = place.files("workflows/first-loop/out");
    assert_eq!(pieces.len(), 1);
    assert!(pieces.values().all(|piece| piece.contains("\n## What it means to Whitby\n")), "{pieces:?}");
}

#[test]
fn an_editor_that_fails_decides_nothing_and_keeps_the_text() {
    let place = Place::at(Stage::Parked);
    let all = ids(&place);
    let failing = editor(&place, "echo 'half a thought' > \"$1\"; exit 1");
    for (program, word) in [(failing.as_str(), "nothing was decided"), ("/no/such/editor", "cannot start the editor")] {
        let mut command = place.command(&format!("gate edit {FIRST} {}", all[0]));
        Ran::of(command.env("VISUAL", program)).fails(2, "cli::editor").warns(word).warns("your text is in");
    }
    assert_eq!(ids(&place), all);
    let kept = place.files("");
    assert!(kept.iter().any(|(name, text)| name.starts_with("loopctl-") && !text.is_empty()), "{:?}", kept.keys());
    let emptied = editor(&place, ": > \"$1\"");
    let mut command = place.command(&format!("gate edit {FIRST} {}", all[0]));
    Ran::of(command.env("EDITOR", emptied)).fails(2, "cli::empty-edit").warns("loopctl gate reject");
    assert_eq!(ids(&place), all);
}

#[test]
fn an_edit_may_come_from_a_file_or_from_standard_input() {
    let place = Place::at(Stage::Parked);
    let all = ids(&place);
    let shown = text(&place.waiting(FIRST)[0]["approve"]["text"]);
    place.run_with_input(&format!("gate edit {FIRST} {} --file -", all[0]), &shown).exit(0).says("Approved without a change");
    place.write("new.md", "# A lighthouse\n\n## Why\n\n- It is dark [c1]\n");
    place.run(&format!("gate edit {FIRST} {} --file new.md", all[1])).exit(0).says("Kept your words");
    place.run(&format!("gate edit {FIRST} {} --file none.md", all[2])).fails(2, "cli::no-such-file").warns("still waits");
    place.run_with_input(&format!("gate edit {FIRST} {} --file -", all[2]), " \n").fails(2, "cli::empty-edit");
    std::fs::write(place.path("latin.md"), b"# caf\xe9\n").expect("the folder is ours");
    place.run(&format!("gate edit {FIRST} {} --file latin.md", all[2])).fails(2, "cli::no-such-file");
    assert_eq!(ids(&place), [all[2].clone()]);
    place.run(&format!("run {FIRST}")).exit(4);
    let pieces = place.files("workflows/first-loop/out");
    assert_eq!(pieces.len(), 2);
    assert!(pieces.values().any(|piece| piece.contains("\n# A lighthouse\n") && piece.contains("It is dark")), "{pieces:?}");
}

#[test]
fn before_the_first_run_nothing_waits() {
    let place = Place::new();
    for command in ["list", "approve --all", "show o-1", "reject o-1", "edit o-1 --file -"] {
        let (verb, rest) = command.split_once(' ').unwrap_or((command, ""));
        place.run(&format!("gate {verb} {FIRST} {rest}")).fails(2, "cli::nothing-yet").warns(&format!("loopctl run {FIRST}"));
    }
    assert!(!place.path("workflows/.loopctl").exists(), "looking makes no state");
}

/// `first-loop` with these rules at its gate, waiting.
fn ruled(rules: &str) -> Place {
    let place = Place::new();
    let plain = r#"gate "editor" { from "outlines"; by "content-team" }"#;
    place.edit(FIRST, plain, &format!(r#"gate "editor" {{ from "outlines"; by "content-team"; {rules} }}"#));
    place.run(&format!("run {FIRST}")).exit(4);
    place
}

#[test]
fn two_people_have_to_approve_and_one_of_them_does_not_count_twice() {
    let place = ruled("approvals 2");
    let all = ids(&place);
    let (one, other) = (&all[0], &all[1]);
    let said = place.run(&format!("gate approve {FIRST} {one} --as ann --json")).exit(0).json()["decided"].clone();
    assert_eq!((said["missing"][one].as_u64(), said["left"].as_u64()), (Some(1), Some(3)));
    place.run(&format!("gate approve {FIRST} {one} --as Ann")).fails(2, "gate::not-you").warns("another person");
    place.run(&format!("gate list {FIRST}")).exit(4).says("1 of 2 approvals (ann)");
    // A run in between changes nothing about it.
    place.run(&format!("run {FIRST}")).exit(4);
    assert_eq!(place.files("workflows/first-loop/out").len(), 0);
    assert_eq!(place.waiting(FIRST)[0]["approved_by"][0], "ann");
    place.run(&format!("gate approve {FIRST} {one} --as bob")).exit(0).says("2 decisions left");
    place.run(&format!("run {FIRST}")).exit(4);
    assert_eq!(place.files("workflows/first-loop/out").len(), 1);
    // One no is enough, and both are told of.
    place.run(&format!("gate approve {FIRST} {other} --as ann")).exit(0).says("needs 1 approval by somebody else");
    place.run(&format!("gate reject {FIRST} {other} --as bob --reason thin")).exit(0).says("1 decision left");
    place.run(&format!("log {FIRST}")).exit(0).says("ann approved").says("bob approved").says("bob rejected");
    // Of everything, a person decides what is theirs to decide.
    place.run(&format!("gate approve {FIRST} --all --as ann")).exit(0).says("needs 1 approval");
    place.run(&format!("gate approve {FIRST} --all --as ann")).fails(2, "gate::not-you");
    place.run(&format!("gate approve {FIRST} --all --as bob")).exit(0).says("Nothing else waits.");
    place.run(&format!("run {FIRST}")).exit(0);
    assert_eq!(place.files("workflows/first-loop/out").len(), 2);
}

#[test]
fn whoever_edits_does_not_approve_where_that_is_ruled_out() {
    let place = ruled("no-self-approval #true");
    let id = ids(&place).remove(0);
    place.write("new.md", "# A lighthouse\n\n## Why\n\n- It is dark [c1]\n");
    place.run(&format!("gate edit {FIRST} {id} --file new.md --as ann")).exit(0).says("needs 1 approval by somebody else");
    place.run(&format!("gate show {FIRST} {id}")).exit(0).says("# A lighthouse").says("not by ann");
    place.run(&format!("gate approve {FIRST} {id} --as ann")).fails(2, "gate::not-you").warns("wrote or edited");
    place.run(&format!("gate approve {FIRST} {id} --as bob")).exit(0);
    place.run(&format!("run {FIRST}")).exit(4);
    let pieces = place.files("workflows/first-loop/out");
    assert!(pieces.values().any(|piece| piece.contains("# A lighthouse")), "{pieces:?}");
}

#[test]
fn who_edited_the_outline_does_not_approve_the_draft() {
    let place = Place::new();
    place.edit(
        FIRST,
        "        // The composer says only",
        "        gate \"publisher\" { from \"drafts\"; by \"content-team\"; no-self-approval #true }\n        // The composer says only",
    );
    place.edit(FIRST, r#"from "drafts"; to "blog""#, r#"from "publisher"; to "blog""#);
    place.run(&format!("run {FIRST}")).exit(4);
    let id = ids(&place).remove(0);
    let shown = text(&place.waiting(FIRST)[0]["approve"]["text"]);
    let edited = format!("{shown}\n- One more point\n");
    place.run_with_input(&format!("gate edit {FIRST} {id} --file - --as ann"), &edited).exit(0);
    place.run(&format!("run {FIRST}")).exit(4);
    let draft = place.waiting(FIRST).into_iter().find(|gate| gate["step"] == "publisher").expect("a draft waits");
    assert_eq!(draft["approve"]["rules"]["authors"][0], "ann");
    let draft = text(&draft["id"]);
    place.run(&format!("gate approve {FIRST} {draft} --as ann")).fails(2, "gate::not-you");
    place.run(&format!("gate approve {FIRST} {draft} --as bob")).exit(0);
    place.run(&format!("run {FIRST}")).exit(4);
    assert_eq!(place.files("workflows/first-loop/out").len(), 1);
}

#[test]
fn how_people_decide_is_counted_by_gate_and_person() {
    let place = Place::at(Stage::Parked);
    place.run(&format!("gate stats {FIRST}")).exit(0).says("editor").says("3 items, 3 waiting").says("no decision yet");
    let all = ids(&place);
    let shown = text(&place.waiting(FIRST)[1]["approve"]["text"]);
    place.run(&format!("gate reject {FIRST} {} --reason thin --as ann", all[0])).exit(0);
    place.run_with_input(&format!("gate edit {FIRST} {} --file - --as bob", all[1]), &format!("{shown} and more")).exit(0);
    let stats = place.run(&format!("gate stats {FIRST} --json")).exit(0).json()["gates"][0].clone();
    assert_eq!((stats["gate"].as_str(), stats["asked"].as_u64(), stats["waiting"].as_u64()), (Some("editor"), Some(3), Some(1)));
    assert_eq!((stats["rejected"].as_u64(), stats["edited"].as_u64()), (Some(1), Some(1)));
    let share = stats["edit_share"].as_f64().expect("something was edited");
    assert!(share > 0.0 && share < 0.2, "{share}");
    assert_eq!(stats["reasons"][0]["reason"], "thin");
    assert_eq!(list(&stats["people"]).len(), 2);
    place.run(&format!("gate stats {FIRST}")).exit(0).says("ann").says("1×: thin");
}

#[test]
fn what_is_sent_back_is_made_again_with_the_reason_until_the_rounds_are_over() {
    let place = ruled("send-back \"outlines\" rounds=2");
    // The cap on outlines is on what is made again too.
    let all = ids(&place);
    place.run(&format!("gate send-back {FIRST} {} --reason ,", all[0])).exit(0);
    place.run(&format!("run {FIRST}")).exit(4);
    assert_eq!(ids(&place), all[1..], "the cap of three a week is used up, so it is made again next week");

    let place = Place::new();
    place.edit(FIRST, "            cap 3 per=\"week\"\n", "            cap 20 per=\"week\"\n");
    let plain = r#"gate "editor" { from "outlines"; by "content-team" }"#;
    place.edit(FIRST, plain, r#"gate "editor" { from "outlines"; by "content-team"; send-back "outlines" rounds=2 }"#);
    place.run(&format!("run {FIRST}")).exit(4);
    let all = ids(&place);
    let id = &all[0];
    place.run(&format!("gate show {FIRST} {id}")).exit(0).says(&format!("loopctl gate send-back {FIRST} {id} --to outlines"));
    place.run(&format!("gate send-back {FIRST} {id} --to drafts --reason thin")).fails(2, "gate::void").warns("`outlines`");
    place.run(&format!("gate send-back {FIRST} {id} --to outlines")).exit(2);
    let topic = text(&place.waiting(FIRST)[0]["approve"]["title"]);
    let back = |id: &str, reason: &str| {
        let words = format!("gate send-back {FIRST} {id} --to outlines --as ann --reason {reason}");
        place.run(&words).exit(0).says("Sent back");
        // Nothing but what is made again is written, and it comes to the gate again.
        place.run(&format!("run {FIRST}")).exit(4);
        assert_eq!(ids(&place).len(), all.len());
        let again = place.waiting(FIRST).into_iter().find(|gate| !all.contains(&text(&gate["id"]))).expect("made again");
        assert_eq!(text(&again["approve"]["title"]), topic);
        text(&again["id"])
    };
    let second = back(id, "thin");
    place.run(&format!("trace {FIRST} {second}")).exit(0);
    let third = back(&second, "thinner");
    // Two rounds are over: it can only be decided.
    let over = place.run(&format!("gate send-back {FIRST} {third} --to outlines --reason more"));
    over.fails(2, "gate::void").warns("rounds are used up");
    place.run(&format!("gate approve {FIRST} --all --as bob")).exit(0);
    place.run(&format!("run {FIRST}")).exit(0);
    assert_eq!(place.files("workflows/first-loop/out").len(), all.len());
    place.run(&format!("log {FIRST}")).exit(0).says("ann sent back").says("thinner");
    let stats = place.run(&format!("gate stats {FIRST} --json")).exit(0).json()["gates"][0].clone();
    assert_eq!((stats["sent_back"].as_u64(), stats["asked"].as_u64()), (Some(2), Some(all.len() as u64 + 2)));
}

/// `first-loop` with a cap of one piece a day on what goes out, after everything of its first cycle was approved.
fn put_off() -> Place {
    let place = Place::new();
    place.edit(FIRST, r#"publish "out" { from "channels" }"#, r#"publish "out" { from "channels"; cap 1 per="day" }"#);
    place.run(&format!("run {FIRST}")).exit(4);
    place.run(&format!("gate approve {FIRST} --all --as ann")).exit(0);
    place.run(&format!("run {FIRST}")).exit(0);
    assert_eq!(place.files("workflows/first-loop/out").len(), 1);
    place
}

#[test]
fn what_was_approved_and_put_off_goes_out_first_while_nothing_it_was_about_has_changed() {
    let place = put_off();
    place.run(&format!("plan {FIRST}")).exit(0).says("2 waiting and first in line").says("the cap of 1 piece a day is reached");
    place.run(&format!("run {FIRST}")).exit(4);
    assert_eq!(place.files("workflows/first-loop/out").len(), 2, "nobody was asked again");
    assert!(place.waiting(FIRST).iter().all(|gate| gate["approve"]["again"].is_null()));
}

#[test]
fn an_approval_is_void_when_the_client_os_changed_before_the_piece_went_out() {
    let place = put_off();
    let brand = "workflows/first-loop/client-os/brand.md";
    place.write(brand, format!("{}\nWe never say that something is the last of its kind.\n", place.read(brand)));
    place.run(&format!("plan {FIRST}")).exit(0).says("of which 2 must be approved again");
    place.run(&format!("run {FIRST}")).exit(4).says("put to you again: ann approved it, and the Client OS has changed since");
    assert_eq!(place.files("workflows/first-loop/out").len(), 1, "nothing goes out on a word about something else");
    let again: Vec<_> = place.waiting(FIRST).into_iter().filter(|gate| !gate["approve"]["again"].is_null()).collect();
    assert_eq!(again.len(), 2);
    let id = text(&again[0]["id"]);
    place.run(&format!("gate list {FIRST}")).exit(4).says("was approved before");
    place.run(&format!("gate show {FIRST} {id}")).exit(0).says("Put to you again").says("What it rests on");
    place.run(&format!("gate approve {FIRST} {id} --as bob")).exit(0);
    place.run(&format!("run {FIRST}")).exit(4);
    assert_eq!(place.files("workflows/first-loop/out").len(), 2);
}

#[test]
fn a_full_queue_writes_no_more_until_somebody_decides() {
    let place = ruled("queue 2");
    let all = ids(&place);
    assert_eq!(all.len(), 2, "the cap is three, and two may wait");
    place.run(&format!("status {FIRST}")).exit(4).says("The queue at `editor` is full (2)");
    place.run(&format!("run {FIRST}")).exit(4);
    assert_eq!(ids(&place), all);
    place.run(&format!("gate reject {FIRST} {} --reason no", all[0])).exit(0);
    place.run(&format!("run {FIRST}")).exit(4);
    assert_eq!(ids(&place).len(), 2);
    place.run(&format!("gate approve {FIRST} --all")).exit(0);
    place.run(&format!("run {FIRST}")).exit(0);
    assert_eq!(place.files("workflows/first-loop/out").len(), 2);
}

#[test]
fn a_persons_words_outlive_sending_back_and_are_told_of() {
    let place = Place::new();
    place.edit(FIRST, "            cap 3 per=\"week\"\n", "            cap 20 per=\"week\"\n");
    let plain = r#"gate "editor" { from "outlines"; by "content-team" }"#;
    place.edit(FIRST, plain, r#"gate "editor" { from "outlines"; by "content-team"; approvals 2; send-back "outlines" }"#);
    place.run(&format!("run {FIRST}")).exit(4);
    let all = ids(&place);
    let shown = text(&place.waiting(FIRST)[0]["approve"]["text"]);
    let mine = shown.replace("## What it means", "## What it means to Whitby");
    assert_ne!(mine, shown);
    place.run_with_input(&format!("gate edit {FIRST} {} --file - --as ann", all[0]), &mine).exit(0);
    place.run(&format!("gate send-back {FIRST} {} --to outlines --as bob --reason thin", all[0])).exit(0);
    place.run(&format!("run {FIRST}")).exit(4);
    let again = place.waiting(FIRST).into_iter().find(|gate| !all.contains(&text(&gate["id"]))).expect("made again");
    assert!(text(&again["approve"]["text"]).contains("## What it means to Whitby"), "{again}");
    place.run(&format!("trace {FIRST} {}", text(&again["id"]))).exit(0).says("keeps the words of ann");
}
