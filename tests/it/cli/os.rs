//! `loopctl os check`.

use super::place::{B2B, FIRST, Place, list};

#[test]
fn the_bundled_client_os_is_in_order() {
    let place = Place::new();
    for file in [FIRST, B2B] {
        place.run(&format!("os check {file}")).exit(0).says("nothing is missing").says("seconds of context, about ");
        let facts = place.run(&format!("os check {file} --json")).exit(0).json()["client_os"].clone();
        assert!(facts["findings"].as_array().is_some_and(Vec::is_empty), "{facts}");
        for step in list(&facts["reading_seconds"]) {
            assert!(step["seconds"].as_f64().is_some_and(|seconds| seconds > 0.0 && seconds <= 90.0), "{step}");
            assert!(step["tokens"].as_u64() > Some(100) && step["tokens"].as_u64() <= facts["tokens"].as_u64(), "{step}");
        }
    }
}

#[test]
fn a_folder_is_checked_before_a_workflow_names_it() {
    let place = Place::new();
    let folder = "workflows/first-loop/client-os";
    let said = place.run(&format!("os check {folder}")).exit(0).says("nothing is missing").says("a step `draft` reads");
    assert!(said.out.contains(folder), "{}", said.told());
    std::fs::remove_file(place.path(&format!("{folder}/pillars.kdl"))).expect("it is there");
    place.run(&format!("os check {folder}")).exit(1).says("pillars.kdl");
}

#[test]
fn what_is_missing_or_contradictory_in_a_client_os_is_named() {
    let place = Place::new();
    std::fs::remove_file(place.path("workflows/first-loop/client-os/brand.md")).expect("it is there");
    let ran = place.run(&format!("os check {FIRST}"));
    assert!(matches!(ran.code, 1 | 3), "{}", ran.told());
    let said = format!("{}{}", ran.out, ran.err);
    assert!(said.contains("brand.md") && said.contains("help: "), "{}", ran.told());
}

#[test]
fn a_sample_against_the_forbidden_phrases_and_a_goal_whose_time_is_over_are_named_with_their_lines() {
    let place = Place::new();
    let brand = "workflows/first-loop/client-os/brand.md";
    place.edit(brand, "## Approved samples\n", "## Approved samples\n- A seamless start for everyone.\n");
    let goal = "goal \"spring\" target=3 per=\"month\" metric=\"published\" until=\"2024-05-31\"\n";
    let strategy = "workflows/first-loop/client-os/strategy.kdl";
    place.write(strategy, place.read(strategy) + goal);
    let ran = place.run(&format!("os check {FIRST}")).exit(1).says("the goal `spring` was for the time until 2024-05-31");
    assert!(ran.out.contains("seamless") && ran.out.contains("brand.md:"), "{}", ran.told());
    let last = place.read(strategy).lines().count();
    assert!(ran.out.contains(&format!("strategy.kdl:{last}")), "{}", ran.told());
}

#[test]
fn a_workflow_without_one_is_told_how_to_get_one() {
    let place = Place::empty();
    place.run("init bare --phase 1").exit(0);
    place.edit("bare/bare.kdl", "    client-os \"client-os\"\n", "");
    let ran = place.run("os check bare/bare.kdl");
    assert!(matches!(ran.code, 2 | 3), "{}", ran.told());
    assert!(ran.err.contains("client-os"), "{}", ran.told());
}
