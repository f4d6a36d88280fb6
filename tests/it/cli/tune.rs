//! `loopctl tune`: what learning moved, and taking it back.

use super::place::{FIRST, Place, Stage, list, text};
use std::fmt::Write as _;

#[test]
fn a_setting_is_taken_back_and_the_same_evidence_does_not_move_it_again() {
    let place = Place::at(Stage::Closed);
    let changes = list(&place.run(&format!("tune list {FIRST} --json")).exit(0).json()["changes"]);
    let demand = changes.iter().find(|change| text(&change["path"]) == "opportunities.demand").expect("it was moved");
    assert_eq!((demand["old"].as_f64(), text(&demand["by"]).as_str()), (Some(0.4), "learning"));
    place.run(&format!("tune revert {FIRST} opportunities.demand --reason premature --as Ada")).exit(0).says("back to 0.400");
    place.run(&format!("log {FIRST}")).exit(0).says("Ada").says("opportunities.demand");
    place.run(&format!("tune revert {FIRST} opportunities.deman")).fails(2, "cli::no-such-item").warns("did you mean");
    place.run(&format!("run {FIRST} --approve-all")).exit(0).says("Ada set opportunities.demand from 0.480 to 0.400: premature.");
    let changes = list(&place.run(&format!("tune list {FIRST} --json")).exit(0).json()["changes"]);
    let later = changes.iter().filter(|change| change["cycle"] == 2 && text(&change["path"]) == "opportunities.demand");
    assert_eq!(later.count(), 0, "{changes:#?}");
    place.run(&format!("plan {FIRST}")).exit(0);
}

/// Credit of three channels moves three settings: a step at a time, within their bounds, by evidence that is counted once, and back.
#[test]
fn credit_moves_settings_and_the_same_journeys_move_them_no_further() {
    let place = Place::new();
    let world = "workflows/worlds/garden.kdl";
    place.edit(world, "every \"7d\"", "every \"7d\"\n    recorded from=\"2026-11-25\"");
    let mut log = String::new();
    for visitor in 0..600 {
        let channel =
            ["search", "search", "search", "search", "search", "search", "search", "mail", "mail", "social"][visitor % 10];
        // All journeys are over when the first cycle opens.
        let (day, minute) = (1 + visitor % 10, visitor % 60);
        let _ = writeln!(
            log,
            r#"{{"at":"2026-11-{day:02}T09:{minute:02}:00Z","who":"p{visitor}","name":"visit","channel":"{channel}"}}"#
        );
        if visitor % 7 < 2 {
            let day = day + 2;
            let _ = writeln!(
                log,
                r#"{{"at":"2026-11-{day:02}T10:{minute:02}:00Z","who":"p{visitor}","name":"buy","channel":"{channel}"}}"#
            );
        }
    }
    place.write("workflows/worlds/events.jsonl", log);
    let settings = |cycle: u64| -> Vec<(String, f64)> {
        let all = list(&place.run(&format!("tune list {world} --json")).exit(0).json()["changes"]);
        let of_cycle = all.iter().filter(|change| change["cycle"] == cycle && change["by"] == "learning");
        of_cycle.map(|change| (text(&change["path"]), change["new"].as_f64().expect("a number"))).collect()
    };
    place.run(&format!("run {world}")).exit(0).says("attention.search 0.330 → 0.495");
    let moved = settings(1);
    let to = |name: &str| moved.iter().find(|(path, _)| path == name).map(|(_, new)| *new);
    // By half of itself at most, and no further than what was found: a fifth came by mail, a tenth by social.
    assert_eq!(to("attention.search"), Some(0.495));
    assert_eq!(to("attention.social"), Some(0.165));
    assert!(to("attention.mail").is_none_or(|mail| (0.165..0.33).contains(&mail)), "{moved:?}");
    // The same journeys again: no other draw of a hold-out lets anything through that did not go before.
    place.run(&format!("run {world}")).exit(0).says("No weight was changed.");
    assert_eq!(settings(2), []);
    let log = list(&place.run(&format!("log {world} --what tuned --json")).exit(0).json()["log"]);
    let record = log.iter().find(|event| event["subject"] == "attention.search").expect("it is in the log")["record"].clone();
    place
        .run(&format!("undo {world} {record} --as Ada --reason early"))
        .exit(0)
        .says("attention.search goes from 0.495 back to 0.330");
    // What a person set stays, as there is no new evidence.
    place.run(&format!("run {world}")).exit(0);
    assert!(!settings(3).iter().any(|(path, _)| path == "attention.search"));
    place.run(&format!("log {world} --verify")).exit(0);
}
