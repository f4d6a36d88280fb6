//! What people are told of a cycle that went wrong, through the real binary: each thing once, with what it is about.

use crate::cli::place::Place;

const WORKFLOW: &str = r#"
workflow "acme" {
    client-os "workflows/first-loop/client-os"
    every "7d"
    without "conversion"
    provider "drafter" kind="template"
    provider "away" kind="openai-chat" { base-url "http://127.0.0.1:9/v1"; model "m"; retries 0 }
    channel "blog" kind="files" { dir "out" }
    channel "team" kind="files" { dir "told" }
    notify "gate-opened" "gate-expiring" "cycle-failed" "cap-reached" "anomaly" to="team" link="https://loop.acme.example"
    intelligence {
        source "demand" kind="csv" {
            path "demand.csv"
            give "signal"
            shape { date "month" format="%Y-%m"; wide total="_total" as="topic" value="volume" }
        }
        aggregate "market" { from "demand" }
    }
    strategy { score "opportunities" { from "market"; rule "demand" weight=1.0 { value "percentile(signal.volume)" }; keep 5 above=0.1 } }
    production {
        brief "briefs" { from "opportunities" }
        outline "outlines" { from "briefs"; provider "drafter"; cap 2 per="week" }
        gate "editor" { from "outlines"; by "content-team"; expires "6h" }
        draft "drafts" { from "editor"; provider "away" }
    }
    distribution {
        route "channels" { from "drafts"; to "blog" }
        publish "out" { from "channels" }
    }
    learning {
        anomaly "alarms" { from "market"; metric "volume" }
        report "weekly" { from "opportunities" "out" "alarms" }
    }
}
"#;

/// Three years of three topics; one of them jumps in the last month.
fn demand() -> String {
    let mut rows = "month,_total,deployments,volumes,secrets\n".to_owned();
    for month in 0..36 {
        let (year, of_year) = (2023 + month / 12, month % 12 + 1);
        let wobble = [0, 3, -2, 1, -3, 2, 0, -1][month % 8];
        let jump = if month == 35 { 300 } else { 0 };
        rows.push_str(&format!("{year}-{of_year:02},900,{},{},{}\n", 100 + wobble + jump, 60 - wobble, 50 + wobble));
    }
    rows
}

/// The messages so far, without what `files` writes at their head.
fn told(place: &Place) -> Vec<String> {
    place.files("told").into_values().collect()
}

#[test]
fn a_failure_an_alarm_and_a_cap_are_told_once_with_what_they_are_about() {
    let place = Place::new();
    place.write("acme.kdl", WORKFLOW);
    place.write("demand.csv", demand());
    place.run("run acme.kdl").exit(4);
    let first = told(&place);
    assert_eq!(first.len(), 1, "one message: {first:#?}");
    for part in [
        "2 pieces wait, 1 cap reached, 1 anomaly",
        "the cap of outlines is reached: 2 of 2 pieces a week",
        "401 is above the usual",
        "deployments",
        "expires on",
        "https://loop.acme.example/go/",
    ] {
        assert!(first[0].contains(part), "{part}\n{}", first[0]);
    }
    place.run("run acme.kdl").exit(4);
    assert_eq!(told(&place).len(), 1, "nothing is told twice");

    place.run("gate approve acme.kdl --all").exit(0);
    place.run("run acme.kdl").exit(1);
    let mut then = told(&place);
    then.retain(|text| !first.contains(text));
    assert_eq!(then.len(), 1, "{then:#?}");
    assert!(then[0].contains("drafts failed") && then[0].contains("refused (2 times)"), "{}", then[0]);
    assert!(then[0].contains("acme: 2 failures") && then[0].contains("More at https://loop.acme.example"), "{}", then[0]);

    // The next cycle of the same week: its cap is the same cap.
    place.run("run acme.kdl");
    for text in told(&place) {
        assert!(first.contains(&text) || !text.contains("cap of outlines"), "told again: {text}");
    }
}
