//! Versions of a piece through the built program: made, decided about, edited, sent out, traced, judged.

use super::place::{FIRST, Place, copy, list, text};
use crate::wire::{Mood, Wire};
use std::path::Path;

pub const FOLDER: &str = "stdlib/production/versions";
pub const FILE: &str = "stdlib/production/versions/example.kdl";
const WORDS: &str = "The lighthouse keeper of Whitby read this before you.";

/// The example of `std/versions` where a user would have it, on recorded data.
pub fn place() -> Place {
    let place = Place::empty();
    let bundled = Path::new(env!("CARGO_MANIFEST_DIR")).join("stdlib");
    for folder in ["production/versions", "shared"] {
        copy(&bundled.join(folder), &place.path("stdlib").join(folder));
    }
    place.edit(FILE, "every \"7d\"", "every \"7d\"\n    recorded from=\"2024-07-01 06:00\"");
    place
}

/// Runs and approves until versions wait.
pub fn versions(place: &Place) -> Vec<serde_json::Value> {
    for _ in 0..2 {
        place.run(&format!("run {FILE}")).exit(4);
        place.run(&format!("gate approve {FILE} --all")).exit(0);
    }
    place.run(&format!("run {FILE}")).exit(4);
    place.waiting(FILE)
}

#[test]
fn versions_are_made_decided_about_sent_out_and_traced() {
    let place = place();
    let waiting = versions(&place);
    assert_eq!(waiting.len(), 8, "two variants, two audiences, four forms");
    let thread = waiting.iter().find(|gate| text(&gate["step"]) == "forms").expect("a form waits");
    let id = text(&thread["id"]);
    let shown = place.run(&format!("gate show {FILE} {id}")).exit(0);
    assert!(shown.out.contains("What it rests on") && shown.out.contains("---"), "{}", shown.told());
    let edited = format!("{WORDS}\n\n---\n\n{}", text(&thread["approve"]["text"]));
    place.write("edited.md", edited);
    place.run(&format!("gate edit {FILE} {id} --file edited.md")).exit(0);
    place.run(&format!("gate approve {FILE} --all")).exit(0);
    place.run(&format!("run {FILE}")).exit(0);

    let cycle = place.cycle(FILE, 1);
    let assets = list(&cycle["written"]).into_iter().filter(|piece| piece["kind"] == "asset").count();
    assert_eq!(assets, 8);
    let social = place.files(&format!("{FOLDER}/out/social"));
    assert_eq!(social.len(), 4, "{:?}", social.keys());
    let out: Vec<&String> = social.values().filter(|piece| piece.contains(WORDS)).collect();
    assert_eq!(out.len(), 1, "the person's words are published, once");
    assert!(out[0].contains("platform: ") && out[0].contains("edited: true"), "{}", out[0]);
    let blog = place.files(&format!("{FOLDER}/out/blog"));
    assert!(blog.values().any(|piece| piece.contains("segment: ") && piece.contains("This is for people who pay the bill.")));
    assert!(blog.values().any(|piece| piece.contains("version-hook: ")), "{blog:?}");

    let receipt = list(&cycle["published"]).into_iter().find(|receipt| receipt["channel"] == "social").expect("a receipt");
    let traced = place.run(&format!("trace {FILE} {}", text(&receipt["key"])));
    let told = format!("{}{}", traced.out, traced.err);
    assert!(told.contains("version ") && told.contains("brief") && told.contains("signal"), "{}", traced.told());
    place.run(&format!("report {FILE}")).exit(0);
    place.run(&format!("plan {FILE}")).exit(0).says("forms");
    place.run(&format!("os show {FILE} --for forms:forms --platform x")).exit(0).says("seconds of reading");
}

#[test]
fn a_judge_says_its_word_people_decide_and_their_agreement_is_told() {
    let wire = Wire::open(Mood::Say("{\"pass\": false, \"reasons\": [\"it says nothing new\"]}"));
    let place = Place::new();
    let provider = format!(
        "provider \"drafter\" kind=\"template\"\n    provider \"critic\" kind=\"openai-chat\" {{ base-url \"{}\"; model \"small\" }}",
        wire.url
    );
    place.edit(FIRST, "provider \"drafter\" kind=\"template\"", &provider);
    place.edit(
        FIRST,
        "        //   gate \"publisher\" { from \"drafts\"; by \"content-team\" }",
        "        check \"judged\" { from \"drafts\"; run \"forbidden\"; judge \"critic\" \"it says something new\" }\n        \
         gate \"publisher\" { from \"judged\"; by \"content-team\" }",
    );
    place.edit(FIRST, "from \"drafts\"; to \"blog\"", "from \"publisher\"; to \"blog\"");
    place.run(&format!("run {FIRST}")).exit(4);
    place.run(&format!("gate approve {FIRST} --all")).exit(0);
    place.run(&format!("run {FIRST}")).exit(4);
    let judged = place.waiting(FIRST).remove(0);
    assert_eq!(judged["step"], "publisher", "what the judge would not let out waits for a person all the same");
    let shown = place.run(&format!("gate show {FIRST} {}", text(&judged["id"]))).exit(0);
    assert!(shown.out.contains("would not let it out: it says nothing new"), "{}", shown.told());
    place.run(&format!("gate approve {FIRST} --all")).exit(0);
    place.run(&format!("run {FIRST}")).exit(0);
    assert_eq!(list(&place.cycle(FIRST, 1)["published"]).len(), 3, "the judge overrules nobody");
    let stats = place.run(&format!("gate stats {FIRST}")).exit(0);
    assert!(stats.out.contains("judge critic") && stats.out.contains("not to be relied on yet"), "{}", stats.told());
    let report = place.run(&format!("report {FIRST}")).exit(0);
    assert!(report.out.contains("The judge `critic`: too few decisions"), "{}", report.told());
    assert!(wire.questions()[0].contains("it says something new"));
}
