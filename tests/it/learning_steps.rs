//! What the learning steps answer on events that a shop could have, through the real binary: money by combination, forecasts at
//! three levels, alarms and patterns that become pieces, and more events than one cycle takes.

use crate::cli::place::{Place, list, text};
use serde_json::Value;
use std::fmt::Write as _;

/// A loop over `events.jsonl`, with these steps in its layers.
fn looped(intelligence: &str, rest: &str) -> String {
    format!(
        r#"workflow "shop" phase=1 {{
    timezone "UTC"
    every "7d"
    recorded from="2026-04-25"
    intelligence {{
        source "site" kind="events" {{ path "events.jsonl" }}
        {intelligence}
    }}
    {rest}
}}
"#
    )
}

/// Numbers from 0 to 1 that look like chance and are the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// 115 days of visits from two regions through three channels. Three in ten buy, in the north for twice as much; on the last full
/// day, ads bring five times as many.
fn days() -> String {
    let mut dice = Dice(7);
    let mut log = String::new();
    for day in 0..114 {
        let date = jiff::civil::date(2026, 1, 1) + jiff::Span::new().days(day);
        for region in ["north", "south"] {
            for channel in ["mail", "ads", "search"] {
                let people = 8 + (dice.roll() * 6.0) as usize;
                let people = if day == 113 && channel == "ads" { 60 } else { people };
                for person in 0..people {
                    let who = format!("{region}-{channel}-{day}-{person}");
                    let _ = writeln!(
                        log,
                        r#"{{"at":"{date}T10:00:00Z","who":"{who}","name":"visit","channel":"{channel}","region":"{region}"}}"#
                    );
                    if dice.roll() < 0.3 {
                        // Heavy tails: now and then an order is worth a hundred others.
                        let size = 15.0 / dice.roll().max(0.001).powf(0.7) * if region == "north" { 2.0 } else { 1.0 };
                        let _ = writeln!(
                            log,
                            r#"{{"at":"{date}T13:00:00Z","who":"{who}","name":"buy","value":{size:.2},"channel":"{channel}","region":"{region}"}}"#
                        );
                    }
                }
            }
        }
    }
    log
}

fn ran(workflow: &str) -> (Place, Value, String) {
    let place = Place::empty();
    place.write("loop.kdl", workflow);
    place.write("events.jsonl", days());
    place.run("validate loop.kdl").exit(0);
    let ran = place.run("run loop.kdl");
    assert!([0, 4].contains(&ran.code), "{}", ran.told());
    let json = place.run("report loop.kdl --json").exit(0).json();
    (place, json, ran.out)
}

/// Every insight in a report.
fn insights(value: &Value) -> Vec<Value> {
    match value {
        Value::Object(members) if members.contains_key("verdict") && members.contains_key("says") => vec![value.clone()],
        Value::Object(members) => members.values().flat_map(insights).collect(),
        Value::Array(values) => values.iter().flat_map(insights).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn money_is_compared_by_combination_and_forecast_at_three_levels() {
    let learning = r#"learning {
        pattern "spend" { from "site"; outcome "buy" as="value"; by "region" "channel"; window "7d" }
        forecast "next" { from "site"; metric "buy" as="value" { by "region" "channel" }; per "week"; horizon 4; plan "buy" 90000 per="month" }
        report "weekly" { from "spend" "next" }
    }"#;
    let (place, json, _) = ran(&looped("", learning));
    let all = insights(&json);
    let says: Vec<String> = all.iter().map(|insight| text(&insight["says"])).collect();
    let north = says.iter().find(|says| says.starts_with("Where region is north, buy comes to "));
    let north = north.unwrap_or_else(|| panic!("{says:#?}"));
    assert!(north.contains(" a case against ") && north.contains("it held on later data, +"), "{north}");
    assert!(!says.iter().any(|says| says.starts_with("Where channel is")), "{says:#?}");
    // Ten series: the total, two regions, three channels in each; and the gap to the plan.
    let value = |subject: &str| {
        let found = all
            .iter()
            .find(|insight| insight["subject"]["metric"] == subject && text(&insight["measure"]).contains("expected over"));
        let insight = found.unwrap_or_else(|| panic!("no {subject} in {says:#?}"));
        let (value, interval) = (insight["value"].as_f64().expect("a number"), list(&insight["interval"]));
        assert!(interval[0].as_f64() < Some(value) && Some(value) < interval[1].as_f64(), "{insight}");
        value
    };
    let sum = |parts: &[&str]| parts.iter().map(|part| value(&format!("buy of {part}"))).sum::<f64>();
    let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-6 * a.abs(), "{a} {b}");
    near(value("buy"), sum(&["north", "south"]));
    for region in ["north", "south"] {
        near(
            sum(&[region]),
            sum(&["ads", "mail", "search"].map(|channel| format!("{region}, {channel}")).each_ref().map(String::as_str)),
        );
    }
    let gap = says.iter().find(|says| says.contains("the plan asks for")).expect("the plan");
    assert!(gap.contains("the difference is made by") && gap.contains("most of it is"), "{gap}");
    let report = place.run("report loop.kdl").exit(0).out;
    assert!(report.contains("buy of north, ads:"), "{report}");
}

#[test]
fn an_alarm_and_a_pattern_become_evidence_for_pieces_in_the_same_cycle() {
    let place_for = |intelligence: &str, strategy: &str, from: &str| {
        let rest = format!(
            r#"provider "drafter" kind="template"
    strategy {{ {strategy} }}
    production {{
        brief "briefs" {{ from "{from}" }}
        outline "outlines" {{ from "briefs"; provider "drafter"; template "outline.hbs"; cap 3 per="week" }}
        gate "editor" {{ from "outlines"; by "team" }}
    }}"#
        );
        let place = Place::empty();
        place.write("loop.kdl", looped(intelligence, &rest));
        place.write("outline.hbs", "# {{brief.title}}\n\n{{#each brief.claims}}\n- {{text}} [{{id}}]\n{{/each}}\n");
        place.write("events.jsonl", days());
        place.run("run loop.kdl").exit(4);
        let waiting = place.waiting("loop.kdl");
        waiting.iter().map(|item| text(&item["approve"]["text"])).collect::<String>()
    };
    let alarms = r#"anomaly "alarms" { from "site"; metric "visit"; explain "channel" }
        aggregate "market" { from "alarms" }"#;
    let score = r#"score "opportunities" { from "market"; rule "evidence" weight=1.0 { value "1.0" }; keep 3 }"#;
    let written = place_for(alarms, score, "opportunities");
    assert!(written.contains("is above the usual") || written.contains("visit"), "{written}");
    let pattern = r#"pattern "works" { from "site"; outcome "buy" as="value"; by "region" "channel"; window "7d" }"#;
    let written = place_for("", pattern, "works");
    assert!(written.contains("region is north"), "{written}");
}

/// What Learning noticed is evidence in the next cycle: the alarm is raised in the first, a piece is written from it in the second,
/// and in the third it is told no more.
#[test]
fn an_alarm_of_learning_is_read_by_the_next_cycle_and_traced_back_to_the_one_that_raised_it() {
    let workflow = looped(
        r#"source "press" kind="csv" { path "press.csv"; give "signal"; shape { date "day" } }
        aggregate "market" { from "press" }"#,
        r#"provider "drafter" kind="template"
    strategy { score "opportunities" { from "market"; rule "alarm" weight=1.0 { value "signal.kind == 'alarm' ? 1.0 : 0.0" }; keep 3 above=0.5 } }
    production {
        brief "briefs" { from "opportunities" }
        outline "outlines" { from "briefs"; provider "drafter"; template "outline.hbs"; cap 3 per="week" }
        gate "editor" { from "outlines"; by "team" }
    }
    learning {
        anomaly "alarms" { from "site"; metric "visit"; explain "channel"; next-cycle "market" }
        report "weekly" { from "alarms" }
    }"#,
    )
    .replace(r#"every "7d""#, r#"every "1d""#);
    let place = Place::empty();
    place.write("loop.kdl", workflow);
    place.write("outline.hbs", "# {{brief.title}}\n\n{{#each brief.claims}}\n- {{text}} [{{id}}]\n{{/each}}\n");
    place.write("press.csv", "day,topic,times\n2026-04-01,crm,3\n2026-04-08,crm,4\n");
    // The days after the alarm are as usual.
    let mut log = days();
    let before = |day: usize| {
        log.lines().filter(|line| line.contains(&format!("2026-04-{day}T"))).fold(String::new(), |all, line| all + line + "\n")
    };
    let after: String =
        (18..=21).map(|day| before(day).replace(&format!("2026-04-{day}T"), &format!("2026-04-{}T", day + 7))).collect();
    log.push_str(&after);
    place.write("events.jsonl", log);
    place.run("validate loop.kdl").exit(0);
    let graph = place.run("graph loop.kdl --format mermaid").exit(0).out;
    assert!(graph.contains("-.->|\"next cycle\"|"), "{graph}");
    // Nothing is written in the first cycle: the alarm came after Intelligence.
    let first = place.run("run loop.kdl").exit(0).out;
    assert!(first.contains("1 alarm in 1 series"), "{first}");
    assert!(place.waiting("loop.kdl").is_empty());
    let plan = place.run("plan loop.kdl").exit(0).out;
    assert!(plan.contains("1 waiting and first in line (handed on by `alarms`)"), "{plan}");
    place.run("run loop.kdl").exit(4);
    let waiting = place.waiting("loop.kdl");
    let [piece] = &waiting[..] else { panic!("{waiting:#?}") };
    assert!(text(&piece["approve"]["text"]).contains("An alarm about visit was raised on 24 April 2026"), "{piece:#}");
    let traced = place.run(&format!("trace loop.kdl {} --json", text(&piece["id"]))).exit(0).json();
    let line = line_to(&traced["lineage"], "alarms").unwrap_or_else(|| panic!("{traced:#}"));
    assert_eq!(line, ["outlines", "briefs", "opportunities", "market", "alarms", "site"], "{traced:#}");
    place.run("gate approve loop.kdl --all").exit(0);
    place.run("run loop.kdl").exit(0);
    // It went on once.
    let third = place.run("run loop.kdl").exit(0).out;
    assert!(third.contains("0 alarms in 1 series"), "{third}");
    assert!(place.waiting("loop.kdl").is_empty());
    let plan = place.run("plan loop.kdl").exit(0).out;
    assert!(!plan.contains("first in line"), "{plan}");
}

/// Who made each item on the way down to what `step` made, and one further.
fn line_to(node: &Value, step: &str) -> Option<Vec<String>> {
    let made = text(&node["made_by"]);
    if made == step {
        let below = list(&node["from"]).first().map(|below| text(&below["made_by"]));
        return Some([Some(made), below].into_iter().flatten().collect());
    }
    let mut line = list(&node["from"]).iter().find_map(|below| line_to(below, step))?;
    line.insert(0, made);
    Some(line)
}

#[test]
fn more_events_than_one_cycle_takes_are_counted_and_the_newest_used() {
    let learning = r#"learning {
        anomaly "alarms" { from "site"; metric "visit" }
        report "weekly" { from "alarms" }
    }"#;
    let workflow = looped("", learning).replace(r#"path "events.jsonl""#, r#"path "events.jsonl"; most 2000"#);
    let (place, _, out) = ran(&workflow);
    let said = out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("2,000 events"), "{out}");
    let told = place.run("report loop.kdl").exit(0);
    let all = format!("{said} {}", told.out.split_whitespace().collect::<Vec<_>>().join(" "));
    assert!(all.contains("are more than one cycle takes: the newest 2,000 from") && all.contains("older and left out"), "{all}");
}
