//! Bad input of the learning steps through the real binary: what was left out is said, and there is no number where there is not
//! enough evidence. Nothing panics: `Ran` looks for that in all that is said.

use crate::cli::place::{Place, Ran};

const LOOP: &str = r#"workflow "bad" phase=1 {
    timezone "UTC"
    every "7d"
    recorded from="2026-04-01"
    intelligence {
        source "site" kind="events" { path "events.jsonl"; window "90d" }
    }
    learning {
        attribute "credit" { from "site"; model "linear"; conversion "buy"; window "14d"; resamples 20 }
        experiment "headline" { from "site"; arms by="variant" control="old"; metric "buy"; window "7d" }
        anomaly "alarms" { from "site"; metric "visit"; explain "channel" }
        forecast "next" { from "site"; metric "buy" as="value"; per "week"; horizon 2 }
        pattern "works" { from "site"; outcome "buy"; by "channel" }
        report "weekly" { from "credit" "headline" "alarms" "next" "works" }
    }
}
"#;

/// A cycle over these events.
fn ran(events: &str) -> (Place, Ran) {
    let place = Place::empty();
    place.write("loop.kdl", LOOP);
    place.write("events.jsonl", events);
    place.run("validate loop.kdl").exit(0);
    let ran = place.run("run loop.kdl").exit(0);
    (place, ran)
}

/// Everything the cycle says, as one text.
fn said(place: &Place, ran: &Ran) -> String {
    let report = place.run("report loop.kdl").exit(0);
    let text = format!("{} {} {}", ran.out, ran.err, report.out);
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn day(at: usize) -> String {
    let (month, day) = if at < 31 {
        (1, at + 1)
    } else if at < 59 {
        (2, at - 30)
    } else {
        (3, at - 58)
    };
    format!("2026-{month:02}-{day:02}")
}

fn event(at: &str, who: &str, name: &str, more: &str) -> String {
    format!("{{\"at\":\"{at}T10:00:00Z\",\"who\":\"{who}\",\"name\":\"{name}\"{more}}}\n")
}

/// Ninety days of visits in two arms, of whom some buy two days later.
fn usual() -> Vec<String> {
    let mut lines = Vec::new();
    for at in 0..88 {
        for person in 0..12 {
            let who = format!("p{at}-{person}");
            let (arm, channel) = (if person % 2 == 0 { "old" } else { "new" }, ["ads", "mail", "search"][person % 3]);
            lines.push(event(&day(at), &who, "visit", &format!(",\"channel\":\"{channel}\",\"variant\":\"{arm}\"")));
            if (at * 5 + person * 7) % 9 == 0 {
                lines.push(event(&day(at + 2), &who, "buy", ",\"value\":20"));
            }
        }
    }
    lines
}

#[test]
fn order_and_repetition_of_events_change_no_finding() {
    let lines = usual();
    let (_, straight) = ran(&lines.concat());
    let mut turned = lines.clone();
    turned.reverse();
    // Every seventh row came twice.
    turned.extend(lines.iter().step_by(7).cloned());
    let (other, again) = ran(&turned.concat());
    let learned = |ran: &Ran| ran.out.split_once("What was learned").map(|(_, learned)| learned.to_owned());
    assert!(learned(&straight).is_some_and(|learned| learned.contains("earned 34.2 % of 117 conversions")), "{}", straight.out);
    assert_eq!(learned(&straight), learned(&again));
    assert!(said(&other, &again).contains("168 repeated"), "{}", again.out);
}

#[test]
fn rows_of_the_future_of_nobody_and_broken_ones_are_counted_as_left_out() {
    let mut lines = usual();
    lines.push(event("2031-01-01", "p1-1", "buy", ""));
    lines.push(event("2026-02-01", "", "visit", ",\"channel\":\"ads\""));
    lines.push("{\"who\":\"p\",\"name\":\"visit\"}\n".into());
    lines.push("not json at all\n".into());
    lines.push(event("2026-02-01", "px", "visit", ",\"channel\":\"a channel that nobody knows\""));
    lines.push(event("2026-02-02", "px", "buy", ",\"value\":-40"));
    let (place, ran) = ran(&lines.concat());
    let said = said(&place, &ran);
    for words in [
        "1 dated later",
        "1 row without a person",
        "there is no `at`",
        "the line is cut off or not JSON",
        "a negative value, -40 in all",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
}

#[test]
fn where_there_is_not_enough_no_number_is_told() {
    let visits: Vec<String> = usual().into_iter().filter(|line| line.contains("visit")).collect();
    let one_arm: Vec<String> = usual().into_iter().filter(|line| !line.contains("\"new\"")).collect();
    for (what, events) in [
        ("no events at all", String::new()),
        ("no conversion", visits.concat()),
        ("one arm", one_arm.concat()),
        ("three rows", usual()[..3].concat()),
    ] {
        let (place, ran) = ran(&events);
        let said = said(&place, &ran);
        assert!(!said.contains("ship new") && !said.contains("Ship new"), "{what}: {said}");
        assert!(!said.contains("NaN") && !said.contains(" inf") && !said.contains("-0 "), "{what}: {said}");
        assert!(said.contains("not enough evidence yet"), "{what}: {said}");
    }
}

#[test]
fn a_constant_series_with_a_gap_is_quiet() {
    let mut lines: Vec<String> = Vec::new();
    for at in (0..90).filter(|at| !(40..47).contains(at)) {
        lines.extend((0..5).map(|person| event(&day(at), &format!("p{person}"), "visit", ",\"channel\":\"ads\"")));
    }
    let (place, ran) = ran(&lines.concat());
    let said = said(&place, &ran);
    assert!(!said.contains("is above the usual") && !said.contains("is below the usual"), "{said}");
}
