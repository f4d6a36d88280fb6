//! `loopctl trace`: from a published file down to its signals.

use super::place::{FIRST, Place, Stage, list, text};
use serde_json::Value;

#[test]
fn a_published_piece_tells_its_whole_story() {
    let place = Place::at(Stage::Closed);
    let receipt = list(&place.cycle(FIRST, 1)["published"]).remove(0);
    let key = text(&receipt["key"]);
    place
        .run(&format!("trace {FIRST} {key}"))
        .exit(0)
        .says("approved by tester")
        .says("rule demand")
        .says("× weight 0.400")
        .says("Client OS ")
        .says("(template)")
        .says("signal by ")
        .says(&text(&receipt["title"]));
}

#[test]
fn anything_that_has_a_handle_can_be_traced() {
    let place = Place::at(Stage::Parked);
    let gate = place.waiting(FIRST).remove(0);
    let id = text(&gate["id"]);
    let lineage = place.run(&format!("trace {FIRST} {id} --json")).exit(0).json()["lineage"].clone();
    assert_eq!(lineage["kind"], "outline");
    let mut node = &lineage;
    let mut way = vec![text(&node["made_by"])];
    while let Some(next) = node["from"].as_array().and_then(|from| from.first()) {
        node = next;
        way.push(text(&node["made_by"]));
    }
    assert_eq!(way[..4], ["outlines", "briefs", "opportunities", "market"]);
    assert_eq!(node["kind"], "signal");
    // Every handle that the lineage shows is one.
    let signal = text(&node["id"]);
    place.run(&format!("trace {FIRST} {signal}")).exit(0).says(&text(&node["title"]));
}

#[test]
fn what_is_not_there_is_told() {
    let place = Place::at(Stage::Parked);
    place.run(&format!("trace {FIRST} o-ffffffffff")).fails(2, "cli::no-such-item").warns("loopctl status");
    place.run(&format!("trace {FIRST} o-")).fails(2, "cli::which-item");
    place.run(&format!("trace {FIRST}")).fails(2, "cli::usage");
    Place::new().run(&format!("trace {FIRST} o-1")).fails(2, "cli::nothing-yet");
    let error = place.run(&format!("trace {FIRST} o-ffffffffff --json")).exit(2).json();
    assert_ne!(error["error"]["help"], Value::Null);
}
