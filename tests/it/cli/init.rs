//! `loopctl init`: a loop by phase that is valid and runs at once.

use super::place::Place;

/// Starts a loop and takes it as far as it goes without a person.
fn start(phase: u8) -> (Place, super::place::Ran) {
    let place = Place::empty();
    let ran = place.run(&format!("init my-loop --phase {phase}")).exit(0);
    assert!(ran.out.contains("loopctl run my-loop/my-loop.kdl"), "{}", ran.told());
    place.run("validate my-loop/my-loop.kdl --deny warnings").exit(0).says("is valid");
    place.run("os check my-loop/my-loop.kdl").exit(0);
    let ran = place.run("run my-loop/my-loop.kdl");
    (place, ran)
}

#[test]
fn phase_one_senses_and_reports() {
    let (place, ran) = start(1);
    let ran = ran.exit(0).says("1 Intelligence").says("6 Learning");
    assert!(!ran.out.contains("2 Strategy"), "{}", ran.told());
    place.run("report my-loop/my-loop.kdl").exit(0).says("my-loop");
}

#[test]
fn phase_two_chooses_as_well() {
    let (_, ran) = start(2);
    ran.exit(0).says("2 Strategy").says("What to write, and why");
}

#[test]
fn phase_three_writes_waits_and_publishes() {
    let (place, ran) = start(3);
    ran.exit(4).says("Waiting for content-team");
    assert!(place.files("my-loop/out").is_empty());
    place.run("gate approve my-loop/my-loop.kdl --all").exit(0);
    place.run("run my-loop/my-loop.kdl").exit(4);
    place.run("gate approve my-loop/my-loop.kdl --all").exit(0);
    place.run("run my-loop/my-loop.kdl").exit(0).says("What went out");
    assert!(!place.files("my-loop/out").is_empty());
}

#[test]
fn nothing_is_ever_overwritten() {
    let place = Place::empty();
    place.run("init my-loop").exit(0);
    let before = place.files("");
    place.run("init my-loop").fails(2, "cli::exists").warns("nothing was written");
    place.run("init my-loop --phase 1").fails(2, "cli::exists");
    assert_eq!(place.files(""), before);
    // One file that is in the way is enough.
    place.write("other/client-os/brand.md", "mine");
    place.run("init other").fails(2, "cli::exists");
    assert_eq!(place.files("other").len(), 1);
    place.write("taken", "a file");
    place.run("init taken").fails(2, "cli::cannot-write");
    place.run("init ///").fails(2, "cli::usage");
}

#[test]
fn machines_get_the_list_of_files() {
    let place = Place::empty();
    let written = place.run("init --json my-loop").exit(0).json();
    let written = super::place::list(&written["written"]);
    assert_eq!(written.len(), place.files("").len());
    assert!(written.iter().any(|path| path == "my-loop/my-loop.kdl"));
}
