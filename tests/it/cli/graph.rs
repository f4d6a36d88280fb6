//! `loopctl graph`: four drawings of the same graph.

use super::place::{B2B, Place, list, text};
use quick_xml::Reader;
use quick_xml::events::Event;
use std::collections::BTreeSet;

#[test]
fn every_format_shows_every_step() {
    let place = Place::new();
    let json: serde_json::Value =
        serde_json::from_str(&place.run(&format!("graph {B2B} --format json")).exit(0).out).expect("it is JSON");
    assert_eq!(json["version"], 1);
    let steps: BTreeSet<String> = list(&json["steps"]).iter().map(|step| text(&step["name"])).collect();
    assert!(steps.len() > 20 && steps.contains("aim"));
    let mermaid = place.run(&format!("graph {B2B}")).exit(0);
    let dot = place.run(&format!("graph {B2B} --format dot")).exit(0);
    let svg = place.run(&format!("graph {B2B} --format svg")).exit(0);
    assert!(mermaid.out.starts_with("flowchart "));
    assert!(dot.out.starts_with("digraph ") && dot.out.trim_end().ends_with('}'));
    for step in &steps {
        for drawing in [&mermaid.out, &dot.out, &svg.out] {
            assert!(drawing.contains(step.as_str()), "{step}\n{drawing}");
        }
    }
    assert!(!place.path("workflows/.loopctl").exists(), "drawing makes no state");
}

#[test]
fn the_picture_is_well_formed() {
    let place = Place::new();
    // Names and texts of the user's may hold anything.
    place.edit(B2B, "about \"A B2B team's whole loop", "about \"<b> & \\\"quotes\\\" ]]> A B2B team's whole loop");
    let svg = place.run(&format!("graph {B2B} --format svg")).exit(0).out;
    let mut reader = Reader::from_str(&svg);
    let (mut open, mut texts, mut root) = (0, 0, None);
    loop {
        match reader.read_event().unwrap_or_else(|error| panic!("{error} at {}\n{svg}", reader.buffer_position())) {
            Event::Start(tag) => {
                root.get_or_insert_with(|| tag.name().as_ref().to_owned());
                tag.attributes().for_each(|attribute| drop(attribute.expect("attributes are well formed")));
                open += 1;
            }
            Event::Empty(tag) => tag.attributes().for_each(|attribute| drop(attribute.expect("attributes are well formed"))),
            Event::End(_) => open -= 1,
            Event::Text(_) => texts += 1,
            Event::Eof => break,
            _ => {}
        }
    }
    assert_eq!((root.as_deref(), open), (Some("svg"), 0));
    assert!(texts > 20);
}

#[test]
fn json_wins_over_the_format() {
    let place = Place::new();
    let json = place.run(&format!("graph {B2B} --json")).exit(0).json();
    assert!(!list(&json["carries"]).is_empty(), "the learning edges are carried, not drawn as edges");
}
