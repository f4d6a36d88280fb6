//! `loopctl validate --fix`: what is certain is mended, the rest is told.

use super::place::{FIRST, Place, list};

/// Four slips that can be mended and one that cannot.
fn wrong() -> Place {
    let place = Place::new();
    place.edit(FIRST, "client-os \"first", "client_os \"first");
    place.edit(FIRST, "timezone \"", "timezone = \"");
    place.edit(FIRST, "brief \"briefs\"", "breif \"briefs\"");
    place.edit(FIRST, "from \"market\"", "from \"markte\"");
    place
}

#[test]
fn several_faults_are_mended_at_once_and_the_second_run_changes_nothing() {
    let place = wrong();
    let sound = Place::new().read(FIRST);
    let ran = place.run(&format!("validate {FIRST} --fix")).exit(0).says("Fixed 4 mistakes.").says("is valid: 14 steps.");
    // Under the path that was typed.
    assert!(ran.out.contains(&format!("  {FIRST}:10:5")) && ran.out.contains("kdl::spaced-equals"), "{}", ran.told());
    assert_eq!(place.read(FIRST), sound);
    let again = place.run(&format!("validate {FIRST} --fix")).exit(0);
    assert!(!again.out.contains("Fixed"), "{}", again.told());
    assert_eq!(place.files("workflows").keys().filter(|name| name.ends_with(".part")).count(), 0);
}

#[test]
fn with_diff_nothing_is_written_and_the_findings_are_those_of_the_file() {
    let place = wrong();
    let before = place.read(FIRST);
    place
        .run(&format!("validate {FIRST} --fix --diff"))
        .exit(3)
        .says("--- workflows/first-loop.kdl")
        .says("\n-    client_os \"first-loop/client-os\"\n")
        .says("\n+    client-os \"first-loop/client-os\"\n")
        .says("Would fix 4 mistakes.")
        .warns("4 errors");
    assert_eq!(place.read(FIRST), before);
    place.run(&format!("validate {FIRST} --diff")).exit(2);
}

#[test]
fn what_cannot_be_mended_is_left_and_told() {
    let place = wrong();
    place.edit(FIRST, "from \"channels\"", "from \"nowhere-near\"");
    place.run(&format!("validate {FIRST} --fix")).exit(3).says("Fixed 4 mistakes.").warns("loop::unknown-step").warns("1 error.");
    let facts = wrong().run(&format!("validate {FIRST} --fix --json")).exit(0).json();
    assert_eq!((list(&facts["fixed"]).len(), list(&facts["diagnostics"]).len()), (4, 0));
    assert!(list(&facts["fixed"]).iter().any(|fix| fix["code"] == "loop::unknown-node" && fix["title"] == "write `client-os`"));
}

#[test]
fn a_layer_that_is_there_is_taken_from_the_list_of_missing_ones() {
    let place = Place::new();
    place.edit(FIRST, "    without \"conversion\"\n", "    without \"conversion\" \"strategy\"\n    without \"learning\"\n");
    place.run(&format!("validate {FIRST} --fix")).exit(0).says("Fixed 2 mistakes.").says("is valid: 14 steps.");
    assert_eq!(place.read(FIRST), Place::new().read(FIRST), "the line that is left empty goes as well");
}

#[test]
fn a_file_of_tests_is_mended_and_formatted_as_well() {
    let tests = "workflows/first-loop/tests/first-loop.test.kdl";
    let place = Place::new();
    let sound = place.read(tests);
    place.edit(tests, "\"editor\" \"wait\"\n    expect \"opportunities\"", "  \"editor\" \"wiat\"\n    expect \"opportunities\"");
    place.edit(tests, "cycles 2\n    expect \"outlines\" cycle=1", "cycles = 2\n    expect \"outlines\" cycle=1");
    place.run(&format!("validate {tests} --fix --diff")).exit(3).says("Would fix 2 mistakes.").says("+    cycles 2");
    place.run(&format!("validate {tests} --fix")).exit(0).says("Fixed 2 mistakes.").says("is valid");
    place.run(&format!("fmt --check {tests}")).exit(1);
    place.run(&format!("fmt {tests}")).exit(0);
    assert_eq!(place.read(tests), sound);
}
