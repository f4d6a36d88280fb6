//! `loopctl kinds`.

use super::place::{Place, list, text};

#[test]
fn every_kind_is_listed_and_explained() {
    let place = Place::empty();
    let listed = place.run("kinds").exit(0);
    for entry in list(&place.run("kinds --json").exit(0).json()["kinds"]) {
        let kind = text(&entry["kind"]);
        assert!(listed.out.contains(&kind), "{kind}");
        place.run(&format!("kinds {kind}")).exit(0).says("```kdl");
    }
    // Kinds that this house promises from its first issue.
    for kind in [
        "source",
        "watch",
        "intent",
        "aggregate",
        "score",
        "brief",
        "outline",
        "gate",
        "draft",
        "route",
        "publish",
        "lead-score",
        "qualify",
        "attribute",
        "anomaly",
        "pattern",
        "forecast",
        "feedback",
        "report",
    ] {
        let pages = list(&place.run(&format!("kinds {kind} --json")).exit(0).json()["kinds"]);
        assert!(!pages.is_empty(), "{kind}");
    }
}

#[test]
fn connectors_are_found_by_how_they_are_written() {
    let place = Place::empty();
    let page = place.run("kinds source kind=csv").exit(0);
    assert_eq!(place.run("kinds source csv").exit(0).out, page.out);
    assert!(place.run("kinds source").exit(0).out.len() > page.out.len(), "all sources together");
    place.run("kinds scroe").fails(2, "cli::unknown-kind").warns("did you mean `loopctl kinds score`?");
}
