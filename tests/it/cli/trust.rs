//! Providers other than the template, through the real binary: a command, a recording, a fallback.

use super::place::{FIRST, Place, Ran, list, text};
use crate::wire::{Mood, Wire};

const TEMPLATE: &str = r#"provider "drafter" kind="template""#;

fn with(provider: &str) -> Place {
    let place = Place::new();
    place.edit(FIRST, TEMPLATE, provider);
    place.run(&format!("validate {FIRST}")).exit(0);
    place
}

fn outlines(place: &Place, cycle: u32) -> Vec<serde_json::Value> {
    list(&place.cycle(FIRST, cycle)["written"]).into_iter().filter(|piece| piece["kind"] == "outline").collect()
}

#[cfg(unix)]
#[test]
fn a_command_writes_only_after_a_person_has_agreed_to_it() {
    let place = with(
        r#"provider "drafter" kind="exec" { command "sh" "-c" "cat > asked.json; echo '# From a command'; echo; echo '## Why'" }"#,
    );
    let run = |words: &str| Ran::of(place.command(words).env("LOOPCTL_TRUST", place.path("trusted")));
    run(&format!("trust {FIRST} --list")).exit(1).says("may not run");
    let refused = run(&format!("run {FIRST}")).exit(1);
    assert!(
        refused.out.contains("nobody has agreed on this machine") && refused.out.contains("`loopctl trust`"),
        "{}",
        refused.told()
    );
    assert!(!place.path("workflows/asked.json").exists(), "nothing ran");
    // Without a terminal nobody can be asked.
    run(&format!("trust {FIRST}")).exit(1);
    let agreed = run(&format!("trust {FIRST} --yes --json")).exit(0).json();
    assert_eq!(agreed["trust"][0]["trusted"], true, "{agreed}");
    run(&format!("trust {FIRST} --list")).exit(0).says("may run");
    run(&format!("run {FIRST}")).exit(4);
    assert!(outlines(&place, 2).iter().all(|outline| outline["model"] == "sh"));
    let asked = place.read("workflows/asked.json");
    assert!(asked.contains("\"task\":\"outline\""), "{asked}");
    // Another command is another question.
    place.edit(FIRST, "echo; echo", "echo; rm -rf out; echo");
    run(&format!("trust {FIRST} --list")).exit(1);
}

#[test]
fn a_recorded_model_answers_again_without_a_server() {
    let wire = Wire::open(Mood::Say("# A title\n\n## Why\n- it matters [c1]"));
    let place = with(&format!(
        r#"provider "drafter" kind="openai-chat" {{ base-url "{}"; model "small"; cassette "tapes" mode="record" }}"#,
        wire.url
    ));
    place.run(&format!("run {FIRST}")).exit(4);
    let (asked, recorded) = (wire.asked(), outlines(&place, 1));
    assert!(asked > 0 && !recorded.is_empty());
    assert_eq!(place.files("workflows/tapes").len(), asked, "one recording a question");
    // The same cycle again from nothing; nobody listens any more.
    wire.set(Mood::Break);
    std::fs::remove_dir_all(place.path("workflows/.loopctl")).expect("the state is there");
    place.edit(FIRST, "mode=\"record\"", "mode=\"replay\"");
    place.run(&format!("run {FIRST}")).exit(4);
    let played = outlines(&place, 1);
    assert_eq!(wire.asked(), asked);
    assert_eq!(played.len(), recorded.len());
    assert!(played.iter().zip(&recorded).all(|(played, recorded)| played["title"] == recorded["title"]), "{played:?}");
}

#[test]
fn a_fallback_writes_while_the_model_is_away_and_a_missing_one_is_told() {
    let wire = Wire::open(Mood::Break);
    let provider = format!(
        r#"provider "drafter" kind="openai-chat" {{ base-url "{}"; model "small"; fallback "plain" }}
    provider "plain" kind="template""#,
        wire.url
    );
    let place = with(&provider);
    place.run(&format!("run {FIRST}")).exit(4);
    let outlines = outlines(&place, 1);
    assert!(outlines.len() > 1 && outlines.iter().all(|outline| text(&outline["model"]) == "template"), "{outlines:?}");
    assert!(wire.asked() > 0, "the model was asked first");
    place.edit(FIRST, "fallback \"plain\"", "fallback \"plian\"");
    place.run(&format!("validate {FIRST}")).exit(3).warns("did you mean `plain`?");
}
