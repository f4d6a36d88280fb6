//! `loopctl os check`.

use super::place::{B2B, FIRST, Place, list};

#[test]
fn the_bundled_client_os_is_in_order() {
    let place = Place::new();
    for file in [FIRST, B2B] {
        place.run(&format!("os check {file}")).exit(0).says("nothing is missing").says("seconds of context");
        let facts = place.run(&format!("os check {file} --json")).exit(0).json()["client_os"].clone();
        assert!(facts["findings"].as_array().is_some_and(Vec::is_empty), "{facts}");
        for step in list(&facts["reading_seconds"]) {
            assert!(step["seconds"].as_f64().is_some_and(|seconds| seconds > 0.0 && seconds <= 90.0), "{step}");
        }
    }
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
fn a_workflow_without_one_is_told_how_to_get_one() {
    let place = Place::empty();
    place.run("init bare --phase 1").exit(0);
    place.edit("bare/bare.kdl", "    client-os \"client-os\"\n", "");
    let ran = place.run("os check bare/bare.kdl");
    assert!(matches!(ran.code, 2 | 3), "{}", ran.told());
    assert!(ran.err.contains("client-os"), "{}", ran.told());
}
