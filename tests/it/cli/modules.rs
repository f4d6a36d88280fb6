//! Modules through the binary: told about, checked, used, run and tested.

use super::place::{Place, list, text};

const MODULE: &str = r##"module "acme/rank" version="1.2.0" {
    about "Ranks topics."
    step "best" {
        about "Ranks by demand."
        example #"rank.best "top" { from "demand"; keep 3 }"#
        param "from" type="step" many=#true { about "The signals." }
        param "keep" type="integer" default=10 least=1 { about "How many go on." }
        score "ranked" {
            from (param)"from"
            rule "demand" weight=1.0 { value "percentile(signal.volume)" }
            keep (param)"keep"
        }
    }
}
"##;

const LOOP: &str = r#"workflow "small" phase=2 {
    without "conversion"
    every "7d"
    recorded from="2024-07-01 06:00"
    use "./modules/rank.kdl"
    use "std/demand@1"
    intelligence { demand.rising "queries" { exports "queries.csv"; floor 1 } }
    strategy { rank.best "top" { from "queries"; keep 2 } }
    learning {
        feedback "aim" { from "top"; tune "top.demand" { rate 0.2; within 0.1 0.8 } }
        report "weekly" { from "top" }
    }
}
"#;

fn place() -> Place {
    let place = Place::empty();
    place.write("modules/rank.kdl", MODULE);
    place.write("loop.kdl", LOOP);
    place.write("queries.csv", "Top queries,Clicks,Impressions,CTR,Position\na b,1,20,5%,3\nc d,1,30,3%,4\ne f,1,10,9%,5\n");
    place
}

#[test]
fn a_module_is_told_about_from_the_program_a_path_and_the_project() {
    let place = place();
    place.run("kinds").exit(0).says("std/article");
    let page = place.run("kinds std/rivals").exit(0);
    page.says("rivals.prices").says("look-back").says("```kdl");
    place.run("kinds ./modules/rank.kdl").exit(0).says("rank.best").says("How many go on.");
    place.write("modules/acme/rank/module.kdl", MODULE);
    let facts = place.run("kinds acme/rank --json").exit(0).json()["module"].clone();
    assert_eq!((text(&facts["name"]).as_str(), text(&facts["version"]).as_str()), ("acme/rank", "1.2.0"));
    assert_eq!(list(&list(&facts["steps"])[0]["params"]).len(), 2);
    place.run("kinds std/rivls").exit(2).warns("did you mean `std/rivals`?");
    place.run("kinds ./modules/none.kdl").exit(2).warns("no such file");
}

#[test]
fn a_module_file_is_checked_and_laid_out_like_any_other() {
    let place = place();
    place.run("validate modules/rank.kdl").exit(0).says("is valid: 1 step");
    place.run("fmt --check modules/rank.kdl").exit(0);
    place.run("run modules/rank.kdl").exit(3).warns("is a module, not a workflow");
    place.edit("modules/rank.kdl", "signal.volume", "signal.volum");
    place.run("validate modules/rank.kdl").exit(3).warns("did you mean `volume`?");
    let found = list(&place.run("validate loop.kdl --json").exit(3).json()["diagnostics"]);
    assert_eq!(found.len(), 1);
    assert!(found[0].to_string().contains("modules/rank.kdl"), "{found:?}");
}

#[test]
fn a_workflow_with_modules_runs_and_is_asked_about_by_the_names_it_gives() {
    let place = place();
    place.run("validate loop.kdl").exit(0).says("5 steps");
    place.run("plan loop.kdl").exit(0).says("queries:exports");
    place.run("run loop.kdl").exit(0).says("queries:exports").says("2 kept");
    place.run("why loop.kdl top").exit(0).says("top");
    place.run("why loop.kdl queries:exports").exit(0).says("queries:exports");
    // What the cycle read is kept with it, the built-in module included.
    place.run("status loop.kdl").exit(0);
}

#[test]
fn a_mistake_in_a_value_is_shown_in_the_workflow_and_one_in_a_wire_with_both_places() {
    let place = place();
    place.edit("loop.kdl", "floor 1", "flor 1");
    place.run("validate loop.kdl").exit(3).warns("loop.kdl:7").warns("did you mean `floor`?");
    place.run("validate loop.kdl --fix").exit(0);
    assert_eq!(place.read("loop.kdl"), LOOP);
}
