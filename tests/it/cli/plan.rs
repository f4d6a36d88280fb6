//! `loopctl plan`: what would run, before it runs.

use super::place::{FIRST, Place, Stage, list, text};
use serde_json::Value;

fn step(plan: &Value, name: &str) -> Value {
    list(&plan["steps"]).into_iter().find(|step| step["step"] == name).unwrap_or_else(|| panic!("{name} is not in {plan}"))
}

fn plan(place: &Place) -> Value {
    place.run(&format!("plan {FIRST} --json")).exit(0).json()["plan"].clone()
}

#[test]
fn before_the_first_run_everything_is_to_do() {
    let place = Place::new();
    place.run(&format!("plan {FIRST}")).exit(0).says("cycle 1").says("3 of 3 pieces left").says(&format!("loopctl run {FIRST}"));
    let plan = plan(&place);
    assert_eq!(plan["cycle"], 1);
    assert_eq!(plan["open"], Value::Null);
    assert!(!place.path("workflows/.loopctl").exists(), "planning makes no state");
}

#[test]
fn while_people_decide_the_open_cycle_is_shown() {
    let place = Place::at(Stage::Parked);
    place.run(&format!("plan {FIRST}")).exit(0).says("waits for 3 decisions").says("0 of 3 pieces left");
    let plan = plan(&place);
    assert_eq!(plan["cycle"], 1);
    assert_eq!(plan["waiting"], 3);
}

#[test]
fn after_a_cycle_it_says_what_is_unchanged_and_what_a_change_touches() {
    let place = Place::at(Stage::Closed);
    let before = plan(&place);
    assert_eq!(before["cycle"], 2);
    assert!(!before["parameters"].as_object().expect("a table").is_empty(), "what was learned is in force");
    assert_eq!(step(&before, "drafts")["will"], "reuse-unchanged", "{before}");
    assert_eq!(step(&before, "outlines")["deferred"], 7);
    let template = "workflows/first-loop/templates/draft.hbs";
    place.write(template, place.read(template) + "\nRead on.\n");
    let after = plan(&place);
    let parts = list(&step(&after, "drafts")["because"]);
    assert!(parts.iter().any(|part| text(part).contains("template")), "{parts:?}");
    assert_eq!(step(&after, "outlines")["will"], "reuse-unchanged", "{after}");
    place.run(&format!("plan {FIRST}")).exit(0).says("runs again: file first-loop/templates/draft.hbs changed");
}
