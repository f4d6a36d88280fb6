//! `loopctl status`.

use super::place::{FIRST, Place, Stage};

#[test]
fn it_says_what_the_run_said() {
    let place = Place::at(Stage::Parked);
    let ran = place.run(&format!("run {FIRST}")).exit(4);
    let status = place.run(&format!("status {FIRST}")).exit(4);
    assert_eq!(status.out.trim(), ran.out.trim());
    assert_eq!(place.cycle(FIRST, 1)["state"], "waiting");
}

#[test]
fn any_cycle_can_be_looked_at() {
    let place = Place::at(Stage::Closed);
    place.run(&format!("run {FIRST}")).exit(4);
    place.run(&format!("status {FIRST}")).exit(4).says("cycle 2");
    place.run(&format!("status {FIRST} --cycle 1")).exit(0).says("cycle 1").says("The cycle is complete.");
    place.run(&format!("status {FIRST} --cycle 7")).fails(2, "cli::no-such-cycle").warns("1 to 2");
}

#[test]
fn looking_changes_nothing() {
    let place = Place::at(Stage::Closed);
    let before = place.files("workflows/first-loop");
    let first = place.run(&format!("status {FIRST}")).exit(0);
    for command in ["status", "plan", "report", "gate list", "graph", "os check", "validate"] {
        place.run(&format!("{command} {FIRST}")).exit(0);
    }
    assert_eq!(place.run(&format!("status {FIRST}")).out, first.out);
    assert_eq!(place.files("workflows/first-loop"), before);
}
