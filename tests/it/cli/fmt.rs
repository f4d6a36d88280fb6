//! `loopctl fmt`: files and standard input, looking and writing.

use super::place::{FIRST, Place, list};

const UNTIDY: &str = "a   1 // why\nb {\nc ; d=1 }\n";
const TIDY: &str = "a 1 // why\nb {\n    c\n    d=1\n}\n";

fn untidy() -> Place {
    let place = Place::empty();
    place.write("one.kdl", UNTIDY.replace("d=1", "d x=1"));
    place.write("sub/two.kdl", "x\n");
    place.write(".hidden/three.kdl", "x   1\n");
    place
}

fn tidy() -> String {
    TIDY.replace("d=1", "d x=1")
}

#[test]
fn the_bundled_workflows_are_in_order() {
    Place::new().run("fmt --check").exit(0);
}

#[test]
fn a_new_loop_is_in_order_in_every_phase() {
    let place = Place::empty();
    for phase in 1..=3 {
        place.run(&format!("init loop-{phase} --phase {phase}")).exit(0);
        place.run(&format!("validate loop-{phase}/loop-{phase}.kdl --deny warnings")).exit(0);
    }
    place.run("fmt --check").exit(0);
}

#[test]
fn everything_below_the_folder_is_formatted_once() {
    let place = untidy();
    place.run("fmt").exit(0).warns("Formatted 1 of 2 files.");
    assert_eq!(place.read("one.kdl"), tidy());
    assert_eq!(place.read(".hidden/three.kdl"), "x   1\n", "hidden folders are somebody else's");
    place.run("fmt one.kdl sub").exit(0).warns("Everything is in order already.");
}

#[test]
fn check_and_diff_only_look() {
    let place = untidy();
    let ran = place.run("fmt --check").exit(1);
    assert_eq!(ran.out, "one.kdl\n");
    place
        .run("fmt --diff one.kdl")
        .exit(1)
        .says("--- one.kdl\n+++ one.kdl\n@@ -1,3 +1,5 @@\n-a   1 // why\n")
        .says("+    d x=1\n");
    let facts = place.run("fmt --check --json").exit(1).json();
    assert_eq!((list(&facts["fmt"]["would_change"]).len(), facts["fmt"]["files"].as_u64()), (1, Some(2)));
    assert_eq!(place.read("one.kdl"), UNTIDY.replace("d=1", "d x=1"));
}

#[test]
fn a_file_with_mistakes_is_left_alone_and_the_others_are_formatted() {
    let place = untidy();
    place.write("broken.kdl", "a   {\n");
    place.run("fmt").exit(3).warns("kdl::unclosed-block").warns("broken.kdl:1");
    assert_eq!((place.read("broken.kdl").as_str(), place.read("one.kdl")), ("a   {\n", tidy()));
    let facts = place.run("fmt --json").exit(3).json();
    assert_eq!((list(&facts["fmt"]["broken"]).len(), list(&facts["fmt"]["diagnostics"]).len()), (1, 1));
    place.write("bytes.kdl", [0xFF, 0xFE, 0]);
    place.run("fmt --check").exit(2).warns("cannot read `bytes.kdl`: it is not UTF-8 text");
    place.run("fmt nothing.kdl").fails(2, "cli::cannot-read");
}

#[test]
fn standard_input_goes_to_standard_output() {
    let place = Place::empty();
    let text = UNTIDY.replace("d=1", "d x=1");
    assert_eq!(place.run_with_input("fmt -", &text).exit(0).out, tidy());
    assert_eq!(place.run_with_input("fmt -", "").exit(0).out, "");
    assert_eq!(place.run_with_input("fmt - --check", &tidy()).exit(0).out, "");
    place.run_with_input("fmt - --check", &text).exit(1).says("<stdin>");
    assert_eq!(place.run_with_input("fmt -", "a {").exit(3).warns("<stdin>:1").out, "");
    place.run_with_input("fmt - x.kdl", "").fails(2, "cli::usage");
}

#[test]
fn what_is_formatted_is_still_the_same_workflow() {
    let place = Place::new();
    let text = place.read(FIRST);
    place.write(FIRST, text.replace("    ", "\t \t").replace(" {\n", "   {\n\n\n"));
    place.run(&format!("fmt {FIRST}")).exit(0);
    assert_eq!(place.read(FIRST), text);
}
