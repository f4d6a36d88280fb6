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

#[test]
fn rows_of_nobody_are_in_no_journey_no_arm_and_no_case() {
    // Of every fourth row nobody knows whose it is.
    let lines = usual().into_iter().enumerate().map(|(at, line)| match at % 4 {
        0 => {
            let (before, after) = line.split_once("\"who\":\"").expect("everybody has a name");
            format!("{before}\"who\":\"{}", &after[after.find('"').expect("it ends")..])
        }
        _ => line,
    });
    let (place, ran) = ran(&lines.collect::<String>());
    let said = said(&place, &ran);
    for words in [
        "rows without a person belong to no journey",
        "rows in an arm are of nobody, so what came of them is unknown; they were left out",
        "rows are of nobody and were left out",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
}

#[test]
fn an_empty_channel_is_none_and_no_touch() {
    let lines: String = usual().concat().replace("\"channel\":\"ads\"", "\"channel\":\"\"");
    let (place, ran) = ran(&lines);
    let said = said(&place, &ran);
    assert!(said.contains("Conversions with no touch before them, credited to nobody"), "{said}");
    assert!(said.contains("2 channels share"), "{said}");
}

#[test]
fn days_on_which_nothing_at_all_was_logged_are_unknown_and_not_zero() {
    let lines: String =
        usual().into_iter().filter(|line| !(8..13).any(|at| line.contains(&format!("2026-02-{at:02}")))).collect();
    let (place, ran) = ran(&lines);
    let said = said(&place, &ran);
    assert!(
        said.contains("No event of any name came on 5 days from 2026-02-08 to 2026-02-12, so those days are unknown"),
        "{said}"
    );
    assert!(said.contains("weeks were filled in"), "{said}");
    assert!(!said.contains("is above the usual") && !said.contains("is below the usual"), "{said}");
}

#[test]
fn negative_amounts_are_told_where_they_change_a_sum() {
    let lines: String = usual().concat().replace("\"value\":20", "\"value\":-15");
    let (place, ran) = ran(&lines);
    let said = said(&place, &ran);
    assert!(said.contains("117 journeys have a negative value, -1755 in all"), "{said}");
    // What costs is forecast as a cost.
    assert!(said.contains("buy: -") && !said.contains("worth -"), "{said}");
}

#[test]
fn an_arm_that_hardly_anybody_is_in_breaks_the_experiment() {
    let mut lines = usual();
    lines.push(event("2026-02-01", "lost", "visit", ",\"channel\":\"ads\",\"variant\":\"third\""));
    let (place, ran) = ran(&lines.concat());
    let said = said(&place, &ran);
    assert!(said.contains("Broken: the arms did not come as meant (old 528, new 528, third 1"), "{said}");
}

/// The same rows as a table: what a shape cannot read is kept aside, and the rest is learned from alike.
#[test]
fn a_table_says_the_same_as_a_log() {
    let (_, log) = ran(&usual().concat());
    let mut table = String::from("at,who,name,channel,variant,value\n");
    for line in usual() {
        let row: serde_json::Value = serde_json::from_str(&line).expect("JSON");
        let cell = |name: &str| {
            row[name].as_str().map_or_else(|| row[name].as_i64().map_or(String::new(), |n| n.to_string()), str::to_owned)
        };
        table.push_str(&["at", "who", "name", "channel", "variant", "value"].map(cell).join(","));
        table.push('\n');
    }
    table.push_str("soon,p1-1,visit,ads,old,\n2031-01-01T10:00:00Z,p1-1,buy,,,20\n");
    let place = Place::empty();
    let shape = r#"source "site" kind="csv" {
            path "events.csv"
            give "event"
            shape {
                date "at"
                column "who" as="who"; column "name" as="name"; column "channel" as="channel"; column "value" as="value"
            }
        }"#;
    place.write("loop.kdl", LOOP.replace(r#"source "site" kind="events" { path "events.jsonl"; window "90d" }"#, shape));
    place.write("events.csv", table);
    place.run("validate loop.kdl").exit(0);
    let ran = place.run("run loop.kdl").exit(0);
    let learned = |out: &str| {
        let all = out.split_once("What was learned").expect("something was").1;
        all.split_once("No weight").map_or(all, |(learned, _)| learned).to_owned()
    };
    assert_eq!(learned(&log.out), learned(&ran.out));
    let said = said(&place, &ran);
    assert!(said.contains("soon"), "the row that has no date is shown: {said}");
}

/// Sixty days of people, in whom three days stand out: a holiday, a day on which ads brought three times as many, and one on which a
/// little more came than usual.
fn days_that_stand_out() -> String {
    let mut lines = String::new();
    for at in 0..60 {
        for (channel, usual) in [("ads", 20), ("mail", 12)] {
            let chance = (at * 7 + usual * 5) % 9;
            let people = match (at, channel) {
                (52, _) => 3 * usual,
                (55, "ads") => 3 * usual,
                (57, _) => usual + usual / 2 + 3,
                _ => usual + chance - 4,
            };
            (0..people).for_each(|n| {
                lines.push_str(&event(&day(at), &format!("{channel}{at}-{n}"), "visit", &format!(",\"channel\":\"{channel}\"")))
            });
        }
    }
    lines
}

/// The days on which so many cycles, one a day from the first morning on, raise an alarm, and what the alarms say.
fn alarms(first: usize, cycles: usize, settings: &str) -> Vec<(String, String)> {
    let place = Place::empty();
    place.write(
        "loop.kdl",
        format!(
            r#"workflow "daily" phase=1 {{
    timezone "UTC"
    every "1d"
    recorded from="{}"
    intelligence {{ source "site" kind="events" {{ path "events.jsonl"; window "90d" }} }}
    learning {{
        anomaly "alarms" {{ from "site"; metric "visit"; explain "channel"; {settings} }}
        report "weekly" {{ from "alarms" }}
    }}
}}
"#,
            day(first)
        ),
    );
    place.write("events.jsonl", days_that_stand_out());
    let mut found = Vec::new();
    for _ in 0..cycles {
        let told = place.run("run loop.kdl --json").exit(0).json();
        let cycle = told["cycles"].as_array().and_then(|cycles| cycles.last().cloned()).expect("a cycle");
        for insight in cycle["insights"].as_array().expect("a list") {
            let word = |name: &str| insight[name].as_str().unwrap_or_default().to_owned();
            found.push((word("at").chars().take(10).collect(), word("says")));
        }
    }
    found
}

#[test]
fn alarms_are_the_same_day_by_day_and_at_once_and_the_knob_and_holidays_count() {
    let dates = |alarms: &[(String, String)]| alarms.iter().map(|(at, _)| at.clone()).collect::<Vec<_>>();
    let streamed = alarms(52, 8, "alarms 1");
    // A cycle for itself on each of these mornings, which remembers nothing.
    let apart: Vec<(String, String)> = [53, 54, 56, 58, 59].into_iter().flat_map(|first| alarms(first, 1, "alarms 1")).collect();
    assert_eq!(streamed, apart);
    assert_eq!(dates(&streamed)[..2], [day(52), day(55)], "{streamed:#?}");
    let (_, ads) = &streamed[1];
    assert!(ads.contains("of the difference is channel ads") && ads.contains("without that the day was as usual"), "{ads}");
    let ignored = alarms(52, 8, &format!(r#"alarms 1; ignore "{}" because="a holiday""#, day(52)));
    assert_eq!(dates(&ignored)[0], day(55), "{ignored:#?}");
    let (few, many) = (alarms(52, 8, "alarms 0.001"), alarms(52, 8, "alarms 20"));
    assert!(few.len() <= streamed.len() && streamed.len() <= many.len() && few.len() < many.len(), "{few:#?} {many:#?}");
}
