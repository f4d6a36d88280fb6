//! A judge through the real binary: its word stands beside the piece, blocks nothing, and how far it agrees with people is measured.

use crate::cli::place::{FIRST, Place, list, text};
use crate::wire::{Mood, Wire};

/// The first loop with a judge behind its drafts and people behind the judge.
fn place(wire: &Wire) -> Place {
    let place = Place::new();
    let provider = "provider \"drafter\" kind=\"template\"";
    let critic = format!("provider \"critic\" kind=\"openai-chat\" {{ base-url \"{}\"; model \"small\"; retries 0 }}", wire.url);
    place.edit(FIRST, provider, &format!("{provider}\n    {critic}"));
    let after = "        // The composer says only what";
    let judged = "        check \"judged\" { from \"drafts\"; run \"forbidden\"; judge \"critic\" \"the first line makes a promise\" }\n        \
                  gate \"publisher\" { from \"judged\"; by \"content-team\" }\n";
    place.edit(FIRST, after, &format!("{judged}{after}"));
    place.edit(FIRST, "route \"channels\" { from \"drafts\"", "route \"channels\" { from \"publisher\"");
    place
}

/// What waits at the last gate: title and what people type.
fn drafts(place: &Place) -> Vec<(String, String)> {
    let waiting = place.waiting(FIRST).into_iter().filter(|gate| gate["step"] == "publisher");
    waiting.map(|gate| (text(&gate["approve"]["title"]), text(&gate["id"]))).collect()
}

fn says(question: &str) -> &'static str {
    // Whom it judges stands in the piece.
    match question.contains("machine") || question.contains("Machine") {
        true => "{\"pass\": false, \"reasons\": [\"the prices lack a reader\"]}",
        false => "{\"pass\": true, \"reasons\": []}",
    }
}

#[test]
fn how_far_a_judge_agrees_with_people_is_measured_and_shown_beside_its_word() {
    let wire = Wire::open(Mood::By(says));
    let place = place(&wire);
    place.run(&format!("run {FIRST}")).exit(4);
    place.run(&format!("gate approve {FIRST} --all")).exit(0);
    place.run(&format!("run {FIRST}")).exit(4);
    assert_eq!(wire.asked(), 3, "once for each draft");
    let drafts = drafts(&place);
    let (no, yes): (Vec<_>, Vec<_>) = drafts.iter().partition(|(title, _)| title.contains("Machine"));
    assert_eq!((no.len(), yes.len()), (1, 2), "{drafts:?}");
    let shown = place.run(&format!("gate show {FIRST} {}", no[0].1)).exit(0);
    assert!(shown.out.contains("the judge `critic` would not let it out: the prices lack a reader"), "{}", shown.told());
    // A person agrees about two of the three. By hand: .667 agree, .444 would by chance, so kappa is .4.
    place.run(&format!("gate approve {FIRST} {}", yes[0].1)).exit(0);
    place.run(&format!("gate reject {FIRST} {} {} --reason no", yes[1].1, no[0].1)).exit(0);
    let stats = place.run(&format!("gate stats {FIRST} --json")).exit(0).json();
    let gates = list(&stats["gates"]);
    let publisher = gates.iter().find(|gate| gate["gate"] == "publisher").unwrap_or_else(|| panic!("{stats}"));
    let judge = &publisher["judges"][0];
    assert_eq!((&judge["judge"], &judge["judge_only"]), (&"critic".into(), &1.into()), "{judge}");
    assert!(judge["kappa"].as_f64().is_some_and(|kappa| (kappa - 0.4).abs() < 1e-9), "{judge}");
    place.run(&format!("gate stats {FIRST}")).exit(0).says("judge critic");
    place.run(&format!("run {FIRST}")).exit(0);
    assert_eq!(place.files("workflows/first-loop/out").len(), 1, "what people let out goes out");
}

#[test]
fn a_budget_that_runs_out_half_way_makes_no_call_that_would_pass_it() {
    // Each answer costs nearly half of the cap, so one or two fit and the next would pass it.
    let wire = Wire::open(Mood::Costly("# A title\n\n## Why\n- it matters [c1]", 1000, 900));
    let place = Place::new();
    let model = format!(
        "limit {{ tokens 4000 per=\"day\" }}\n    provider \"drafter\" kind=\"openai-chat\" {{ base-url \"{}\"; model \"small\"; retries 0; max-tokens 900 }}",
        wire.url
    );
    place.edit(FIRST, "provider \"drafter\" kind=\"template\"", &model);
    place.run(&format!("run {FIRST}")).says("the cap of");
    let cycle = place.cycle(FIRST, 1);
    let tokens = list(&cycle["caps"]).into_iter().find(|cap| cap["unit"] == "tokens").expect("a cap on tokens");
    let used = tokens["used"].as_i64().expect("a number");
    assert!(used <= 4000, "{tokens}");
    assert_eq!(used, 1900 * wire.asked() as i64, "what was asked for is what was paid for");
    assert!((1..3).contains(&wire.asked()), "{} calls", wire.asked());
    assert_eq!(list(&cycle["deferred"]).len(), 10 - wire.asked(), "the rest waits for the next day");
}
