//! `loopctl run`.

use super::place::{FIRST, Place, Stage, list};

#[test]
fn a_run_waits_for_people_and_says_what_to_type() {
    let place = Place::at(Stage::Parked);
    let ran = place.run(&format!("run {FIRST}")).exit(4);
    for part in ["What to write, and why", "Waiting for content-team: 3 decisions", "What to type next"] {
        assert!(ran.out.contains(part), "{part}\n{}", ran.told());
    }
    // What it proposes can be typed.
    let commands: Vec<&str> = ran.out.lines().filter_map(|line| line.trim_start().strip_prefix("loopctl ")).collect();
    assert!(commands.len() >= 4, "{commands:?}");
    for command in commands {
        let command = command.split("  ").next().expect("a command");
        let place = Place::at(Stage::Parked);
        let told = place.command(command).env("EDITOR", "true").output().expect("loopctl starts");
        assert_ne!(told.status.code(), Some(2), "{command}: {}", String::from_utf8_lossy(&told.stderr));
    }
}

#[test]
fn progress_goes_to_standard_error_and_facts_to_standard_output() {
    let place = Place::new();
    let ran = place.run(&format!("run {FIRST}")).exit(4).says("first-loop · cycle 1").warns("✓").warns("waits for a person");
    assert!(ran.err.lines().any(|line| line.contains("press")), "{}", ran.told());
    assert!(place.path("workflows/.loopctl").is_dir(), "the state is beside the workflow");
}

#[test]
fn state_goes_where_it_is_told_to() {
    let place = Place::new();
    let ran = place.run(&format!("run {FIRST} --state elsewhere --json")).exit(4);
    assert_eq!(ran.err, "", "machines want no progress");
    let cycles = list(&ran.json()["cycles"]);
    assert_eq!(cycles.len(), 1);
    assert_eq!(cycles[0]["state"], "waiting");
    assert_eq!(list(&cycles[0]["waiting"]).len(), 3);
    assert!(!place.path("workflows/.loopctl").exists());
    place.run(&format!("status {FIRST} --state elsewhere")).exit(4);
    place.run(&format!("status {FIRST}")).fails(2, "cli::nothing-yet");
    let mut command = place.command(&format!("status {FIRST}"));
    super::place::Ran::of(command.env("LOOPCTL_STATE", "elsewhere")).exit(4);
}

#[test]
fn several_cycles_stop_where_people_are_needed() {
    let place = Place::at(Stage::Closed);
    let cycles = list(&place.run(&format!("run {FIRST} --cycles 3 --json")).exit(4).json()["cycles"]);
    assert_eq!(cycles.len(), 1, "the second cycle waits, so the third is not begun");
    assert_eq!(cycles[0]["cycle"], 2);
}

#[test]
fn approving_everything_is_done_in_a_name() {
    let place = Place::at(Stage::Parked);
    place.run(&format!("run {FIRST} --approve-all --by Ada")).exit(0).says("The cycle is complete.");
    let pieces = place.files("workflows/first-loop/out");
    assert_eq!(pieces.len(), 3);
    assert!(pieces.values().all(|piece| piece.contains("approved-by: \"Ada\"")), "{pieces:?}");
}

#[test]
fn a_cap_that_leaves_nothing_to_do_has_its_own_exit_code() {
    let place = Place::at(Stage::Closed);
    // The second cycle falls into the same week, whose three pieces are written.
    place.edit(FIRST, "every \"7d\" at=\"06:00\"", "every \"1d\" at=\"06:00\"");
    let ran = place.run(&format!("run {FIRST}")).exit(5).says("cap 3 per week");
    assert!(ran.out.contains("deferred"), "{}", ran.told());
    assert_eq!(place.files("workflows/first-loop/out").len(), 3);
    // In the next week they are first in line.
    place.edit(FIRST, "every \"1d\" at=\"06:00\"", "every \"7d\" at=\"06:00\"");
    place.run(&format!("run {FIRST}")).exit(4);
}

#[test]
fn an_invalid_workflow_runs_nothing() {
    let place = Place::new();
    place.edit(FIRST, "keep 10 above=0.4", "kepe 10 above=0.4");
    let ran = place.run(&format!("run {FIRST}")).fails(3, "cli::invalid-workflow");
    assert!(ran.err.contains("did you mean `keep`?") && ran.err.contains("first-loop.kdl:"), "{}", ran.told());
    assert!(!place.path("workflows/.loopctl").exists());
    for command in ["run", "status", "plan", "graph", "gate list", "report", "os check", "validate"] {
        let ran = place.run(&format!("{command} {FIRST} --json")).exit(3);
        let diagnostics = list(&ran.json()["diagnostics"]);
        assert_eq!(diagnostics[0]["file"], FIRST, "{}", ran.told());
    }
}
