//! `loopctl review` and `os review --ask` through the real binary, with answers from a script.

use super::place::{FIRST, Place, Ran, Stage, list, text};
use std::io::Write as _;
use std::process::Stdio;

/// Runs a command with these answers and this editor.
fn ask(place: &Place, words: &str, answers: &str, editor: &str) -> Ran {
    let mut command = place.command(words);
    command.env("EDITOR", editor).env("COLUMNS", "48").stdin(Stdio::piped());
    let mut child = command.spawn().expect("loopctl starts");
    // It may end before it has read everything.
    let _ = child.stdin.take().expect("it is piped").write_all(answers.as_bytes());
    Ran::wait(child, words)
}

fn script(place: &Place, name: &str, text: &str) -> String {
    place.write(name, format!("#!/bin/sh\n{text}\n"));
    format!("sh {}", place.path(name).display())
}

#[test]
fn a_script_approves_edits_rejects_and_skips_what_waits() {
    let place = Place::at(Stage::Parked);
    let queue = list(&place.run(&format!("review {FIRST} --json")).exit(4).json()["waiting"]);
    assert_eq!(queue.len(), 3);
    assert!(queue.iter().all(|piece| text(&piece["kind"]) == "outline" && piece["words"].as_u64() > Some(5)), "{queue:?}");
    let editor = script(&place, "editor.sh", "printf '\\nA sentence by hand.\\n' >> \"$1\"");

    let skipped = ask(&place, &format!("review {FIRST}"), "x\ns\nq\n", &editor).exit(4).says("Decided 0. 3 decisions left.");
    assert!(skipped.err.contains("one of the letters in brackets"), "{}", skipped.told());
    assert!(skipped.out.contains("What it rests on"), "the evidence stands beside it\n{}", skipped.told());
    // No colour, and nothing wider than the terminal but addresses, which do not break.
    assert!(!skipped.out.contains('\u{1b}'), "{}", skipped.told());
    let wide: Vec<&str> = skipped.out.lines().filter(|line| line.chars().count() > 48 && !line.contains('[')).collect();
    assert!(wide.is_empty(), "{wide:?}");

    // The evidence of a claim, asked for by its number; neither that nor a slip shows the whole piece again.
    let asked = ask(&place, &format!("review {FIRST}"), "c1\nx\nc99\nq\n", &editor).exit(4).says("c1  Interest in “");
    assert_eq!(asked.out.matches("What it rests on").count(), 1, "{}", asked.told());
    assert!(asked.out.contains("in the period") && asked.out.contains("loopctl trace"), "{}", asked.told());
    assert!(!asked.out.contains("T00:00:00Z"), "a time is written for people\n{}", asked.told());

    let ran = ask(&place, &format!("review {FIRST} --as Ada"), "a\ne\ny\nr\nnot this month\n", &editor).exit(0);
    assert!(ran.out.contains("{+A sentence by hand.+}"), "the change is shown word by word\n{}", ran.told());
    assert!(ran.out.contains("Decided 3. Nothing else waits."), "{}", ran.told());
    place.run(&format!("run {FIRST}")).exit(0);
    let published = place.files("workflows/first-loop/out");
    assert_eq!(published.len(), 2, "what was approved went out");
    assert!(published.values().any(|page| page.contains("A sentence by hand.")), "the edit is what went out");
    place.run(&format!("log {FIRST}")).says("Ada").says("not this month");
    ask(&place, &format!("review {FIRST}"), "", &editor).exit(0).says("Nothing waits for a person.");
}

#[test]
fn a_piece_that_was_decided_meanwhile_is_told_and_what_was_typed_is_kept() {
    let place = Place::at(Stage::Parked);
    let first = text(&list(&place.run(&format!("review {FIRST} --json")).json()["waiting"])[0]["id"]);
    let binary = env!("CARGO_BIN_EXE_loopctl");
    let editor = script(
        &place,
        "editor.sh",
        &format!("LOOPCTL_AS=Ben {binary} gate approve {FIRST} {first} >/dev/null && printf '\\nMine.\\n' >> \"$1\""),
    );
    let ran = ask(&place, &format!("review {FIRST} --as Ada"), "e\ny\nq\n", &editor).exit(4);
    assert!(ran.out.contains("Ben approved it while you looked at it"), "{}", ran.told());
    let kept = ran.out.lines().find_map(|line| line.strip_prefix("Your text is kept in ")).expect("it is kept");
    assert!(std::fs::read_to_string(kept).expect("it is there").ends_with("Mine."));
    assert!(ran.out.contains("Decided 0. 2 decisions left."), "{}", ran.told());
}

#[test]
fn an_editor_that_fails_or_changes_nothing_decides_nothing() {
    let place = Place::at(Stage::Parked);
    for (editor, said) in [("false", "nothing was decided"), ("true", "nothing was changed"), ("no-such-editor", "cannot start")]
    {
        let ran = ask(&place, &format!("review {FIRST}"), "e\nq\n", editor).exit(4);
        assert!(ran.err.contains(said), "{editor}\n{}", ran.told());
    }
    let editor = script(&place, "editor.sh", ": > \"$1\"");
    ask(&place, &format!("review {FIRST}"), "e\nq\n", &editor).exit(4).warns("the text is empty");
    assert_eq!(place.waiting(FIRST).len(), 3);
    Place::new().run(&format!("review {FIRST}")).fails(2, "cli::nothing-yet");
}

#[test]
fn a_piece_goes_back_to_its_step_with_a_reason() {
    let place = Place::new();
    place.edit(FIRST, "from \"outlines\"; by \"content-team\"", "from \"outlines\"; by \"content-team\"; send-back \"outlines\"");
    place.run(&format!("run {FIRST}")).exit(4);
    let ran = ask(&place, &format!("review {FIRST}"), "b\n\nb\nsay what it costs\nq\n", "true").exit(4);
    assert!(ran.err.contains("without a reason"), "{}", ran.told());
    assert!(ran.out.contains("Sent back o-"), "{}", ran.told());
    place.run(&format!("log {FIRST}")).says("say what it costs");
}

#[test]
fn proposals_are_decided_one_by_one_from_a_script() {
    let place = super::os_review::after_five();
    let open = list(&place.run(&format!("os review list {FIRST} --json")).json()["proposals"]);
    // Whoever has nothing to decide about pieces is told where these are.
    let said = ask(&place, &format!("review {FIRST}"), "", "true");
    assert!(said.out.contains("to the Client OS") && said.out.contains("loopctl os review"), "{}", said.told());
    let edit = open.iter().position(|proposal| text(&proposal["amendment"]["key"]) == "pillar-weight/Operations");
    let edit = edit.expect("it proposes a weight");
    let mut answers = "s\n".repeat(edit) + "e\n0.33\n";
    // The others: one is turned down with a reason, the rest wait.
    answers.push_str("r\nnot now\nq\n");
    let ran = ask(&place, &format!("os review {FIRST} --ask"), &answers, "true").exit(4);
    assert!(ran.out.contains("weight=0.33"), "{}", ran.told());
    assert!(place.read("workflows/first-loop/client-os/pillars.kdl").contains("\"Operations\" weight=0.33"), "{}", ran.told());
    place.run(&format!("os review list {FIRST}")).says("in other words").says(": not now");
}
