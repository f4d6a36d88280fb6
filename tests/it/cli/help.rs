//! `--help` and wrong usage.

use super::place::Place;
use clap::CommandFactory as _;
use loopctl::cli::args::Args;

/// Every command as it is typed: `run`, `gate`, `gate list` …
fn commands() -> Vec<String> {
    fn walk(command: &clap::Command, typed: &str, found: &mut Vec<String>) {
        for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
            let typed = format!("{typed} {}", sub.get_name()).trim().to_owned();
            walk(sub, &typed, found);
            found.push(typed);
        }
    }
    let mut found = Vec::new();
    walk(&Args::command(), "", &mut found);
    assert!(found.len() >= 19, "{found:?}");
    found
}

#[test]
fn every_command_helps_with_examples() {
    let place = Place::empty();
    for command in commands() {
        let ran = place.run(&format!("{command} --help")).exit(0).says("Usage: ").says("Examples:");
        assert!(ran.out.contains(&format!("\n  loopctl {command}")), "an example shows it\n{}", ran.told());
    }
    place.run("--help").exit(0).says("Examples:").says("Exit codes:").says("waiting for people");
    place.run("-h").exit(0).says("Usage: loopctl");
    place.run("--version").exit(0).says(env!("CARGO_PKG_VERSION"));
}

#[test]
fn wrong_usage_is_told_on_standard_error() {
    let place = Place::empty();
    for wrong in ["", "rum", "run --cycles 0", "run --cycles many", "init x --phase 4", "graph --format gif", "gate", "trace"] {
        let ran = place.run(wrong).exit(2);
        assert_eq!(ran.out, "", "{}", ran.told());
        assert!(ran.err.contains("Usage:") || ran.err.contains("--help"), "{}", ran.told());
    }
    place.run("rum").warns("run");
}

#[test]
fn without_a_workflow_the_next_step_is_told() {
    let empty = Place::empty();
    let several = Place::new();
    for command in ["run", "validate", "plan", "status", "gate list", "report", "graph", "os check", "trace o-1"] {
        let ran = empty.run(command).fails(2, "cli::no-workflow");
        assert!(ran.err.contains("loopctl init"), "{}", ran.told());
        several.run(command).fails(2, "cli::which-workflow").warns("workflows/first-loop.kdl");
        let with_file = match command {
            "trace o-1" => "trace none.kdl o-1".to_owned(),
            command => format!("{command} none.kdl"),
        };
        empty.run(&with_file).fails(2, "cli::no-such-file").warns("none.kdl");
    }
    assert!(empty.files("").is_empty(), "commands that fail leave nothing behind");
}

#[test]
fn the_only_workflow_needs_no_name() {
    let place = Place::new();
    std::fs::remove_file(place.path("workflows/b2b-growth.kdl")).expect("it is there");
    place.run("validate").exit(0).says("workflows/first-loop.kdl");
    place.run("status").fails(2, "cli::nothing-yet").warns("loopctl run workflows/first-loop.kdl");
}

#[test]
fn failures_are_json_for_machines() {
    let place = Place::new();
    for (command, code) in [
        ("run none.kdl", "cli::no-such-file"),
        ("status workflows/first-loop.kdl", "cli::nothing-yet"),
        ("explain loop::nonsense", "cli::unknown-code"),
        ("kinds scroe", "cli::unknown-kind"),
    ] {
        let ran = place.run(&format!("{command} --json")).exit(2);
        let error = ran.json()["error"].clone();
        assert_eq!(error["code"], code);
        assert_ne!(error["message"], "");
        assert!(error["help"].is_string(), "{error}");
        assert_eq!(ran.err, "", "{}", ran.told());
    }
}

#[test]
fn colour_is_only_there_when_it_is_wanted() {
    let place = Place::new();
    let plain = place.run("kinds").exit(0);
    assert!(!plain.out.contains('\u{1b}'));
    place.run("kinds --color always").exit(0).says("\u{1b}[");
    place.run("status workflows/first-loop.kdl --color always").exit(2).warns("\u{1b}[");
}
