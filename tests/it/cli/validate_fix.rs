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
    assert!(ran.out.contains("first-loop.kdl:10:5") && ran.out.contains("kdl::spaced-equals"), "{}", ran.told());
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
