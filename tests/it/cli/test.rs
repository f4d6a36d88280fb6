//! `loopctl test`: the bundled tests pass, and what is not met is told at its line with what was found.

use super::place::{FIRST, Place, Ran, list, text};

/// A loop that reads a small file and writes nothing, so that it runs in a moment.
const LOOP: &str = r#"workflow "small" phase=1 {
    timezone "Europe/London"
    intelligence {
        source "demand" kind="csv" {
            path "data/demand.csv"
            give "signal"
            shape {
                date "month" format="%Y-%m"
                wide as="topic" value="volume"
            }
        }
    }
    learning {
        anomaly "alarms" { from "demand"; metric "volume"; alarms 1 }
        report "weekly" { from "alarms" }
    }
}
"#;

const DEMAND: &str = "month,deploy,pricing\n2024-04,10,5\n2024-05,11,5\n2024-06,12,6\n";

const TESTS: &str = r#"test "both topics are read" {
    workflow "../small.kdl"
    at "2024-07-01"
    expect "demand" count=2 all="signal.volume > 0.0"
}

test "what a fixture says is what is read" {
    workflow "../small.kdl"
    at "2024-07-01"
    file "data/demand.csv" text="month,boats\n2024-06,7\n"
    expect "demand" count=1 contains="boats" where="signal.volume == 7.0"
}

test "there are three topics" {
    workflow "../small.kdl"
    at "2024-07-01"
    expect "demand" count=3
    expect "demand" where="signal.volume > 10.0" count=2
    expect "demand" all="signal.volume > 10.0"
    expect "demand" failed=1 note="no such words"
    expect-end "waiting"
}
"#;

fn small() -> Place {
    let place = Place::empty();
    place.write("loops/small.kdl", LOOP);
    place.write("loops/data/demand.csv", DEMAND);
    place.write("loops/tests/small.test.kdl", TESTS);
    // Neither what is built nor what is hidden is looked into.
    for folder in ["target", "node_modules", ".hidden"] {
        place.write(&format!("{folder}/broken.test.kdl"), "test {");
    }
    place
}

/// Without durations, which differ from run to run.
fn steady(ran: &Ran) -> String {
    let seconds = regex::Regex::new(r"\d+\.\d{3}s").expect("a valid pattern");
    regex::Regex::new(" +TIME")
        .expect("a valid pattern")
        .replace_all(&seconds.replace_all(&ran.out, "TIME"), " TIME")
        .into_owned()
}

#[test]
fn the_tests_of_the_bundled_workflows_pass_and_leave_nothing_behind() {
    let place = Place::new();
    let before = place.files("workflows");
    let ran = place.run("test workflows").exit(0).says(" passed");
    assert!(!ran.out.contains("FAIL"), "{}", ran.told());
    for file in ["first-loop/tests/first-loop.test.kdl", "b2b-growth/tests/b2b-growth.test.kdl"] {
        assert!(ran.out.matches(&format!("workflows/{file}")).count() >= 4, "{}", ran.told());
    }
    assert!(place.files("workflows") == before, "a test wrote something");
}

#[test]
fn what_is_not_met_is_told_at_its_line_with_what_was_found() {
    let ran = small().run("test").exit(1);
    let expected = "\
PASS TIME  loops/tests/small.test.kdl  both topics are read
PASS TIME  loops/tests/small.test.kdl  what a fixture says is what is read
FAIL TIME  loops/tests/small.test.kdl  there are three topics
error[test::not-met]: expected 3 items from `demand`, found 2
    ╭─[loops/tests/small.test.kdl:17:5]
 17 │     expect \"demand\" count=3
    ·     ───────────┬───────────
    ·                ╰── found 2
    ╰────
  found: deploy
         pricing

error[test::not-met]: expected 2 items like this from `demand`, found 1
    ╭─[loops/tests/small.test.kdl:18:5]
 18 │     expect \"demand\" where=\"signal.volume > 10.0\" count=2
    ·     ──────────────────────────┬─────────────────────────
    ·                               ╰── 1 of 2 items
    ╰────
  found: pricing

error[test::not-met]: expected `signal.volume > 10.0` for all from `demand`
    ╭─[loops/tests/small.test.kdl:19:5]
 19 │     expect \"demand\" all=\"signal.volume > 10.0\"
    ·     ─────────────────────┬────────────────────
    ·                          ╰── does not hold for 1 item
    ╰────
  found: pricing

error[test::not-met]: expected 1 failed at `demand`, found 0
    ╭─[loops/tests/small.test.kdl:20:5]
 20 │     expect \"demand\" failed=1 note=\"no such words\"
    ·     ──────────────────────┬──────────────────────
    ·                           ╰── 0 failed
    ╰────

error[test::not-met]: expected a note of `demand` with “no such words”
    ╭─[loops/tests/small.test.kdl:20:5]
 20 │     expect \"demand\" failed=1 note=\"no such words\"
    ·     ──────────────────────┬──────────────────────
    ·                           ╰── it made no note
    ╰────

error[test::not-met]: expected the last cycle to be waiting for people, found it complete
    ╭─[loops/tests/small.test.kdl:21:5]
 21 │     expect-end \"waiting\"
    ·     ──────────┬─────────
    ·               ╰── is complete
    ╰────

✗ 2 passed, 1 failed (TIME)
";
    same(&steady(&ran), expected);
}

#[track_caller]
fn same(found: &str, expected: &str) {
    let diff = similar::TextDiff::from_lines(expected, found);
    assert!(found == expected, "{}", diff.unified_diff().context_radius(2).header("expected", "found"));
}

#[test]
fn one_test_can_be_chosen_by_its_name() {
    let ran = small().run("test --filter FIXTURE loops").exit(0);
    assert_eq!(ran.out.matches("PASS").count(), 1, "{}", ran.told());
    small().run("test --filter nonsense").fails(2, "cli::no-tests");
}

#[test]
fn machines_get_facts_and_a_junit_report() {
    let place = small();
    let facts = place.run("test loops/tests/small.test.kdl --json --junit report.xml").exit(1).json();
    let tests = &facts["tests"];
    assert_eq!((tests["passed"].as_u64(), tests["failed"].as_u64()), (Some(2), Some(1)));
    let results = list(&tests["results"]);
    assert_eq!(text(&results[2]["name"]), "there are three topics");
    let failures = list(&results[2]["failures"]);
    assert_eq!(failures.len(), 6);
    assert_eq!((&failures[0]["diagnostic"]["line"], &failures[0]["found"][0]), (&17.into(), &"deploy".into()));
    let report = place.read("report.xml");
    assert!(report.contains("<testsuite name=\"loops/tests/small.test.kdl\" tests=\"3\" failures=\"1\""), "{report}");
    place.run("test --junit none/report.xml").exit(2).warns("error[cli::cannot-write]");
}

#[test]
fn a_decision_about_nothing_fails_the_test() {
    let place = Place::new();
    place.write(
        "a.test.kdl",
        format!("test \"a\" {{\n    workflow \"{FIRST}\"\n    decide \"editor\" \"wait\"\n    decide \"editor\" \"reject\" item=4\n    expect \"press\"\n}}\n"),
    );
    let ran = place.run("test a.test.kdl").exit(1);
    assert!(
        ran.out.contains("error[test::idle-decision]") && ran.out.contains("cycle 1: 3 items waited at `editor`"),
        "{}",
        ran.told()
    );
}

#[test]
fn a_file_with_a_mistake_is_told_by_test_and_by_validate_and_the_others_run() {
    let place = small();
    place.write("loops/tests/wrong.test.kdl", "test \"x\" { workflow \"../small.kdl\"; at \"2024-07-01\"; expect \"demnad\" }\n");
    place
        .run("test loops --filter topics --junit report.xml")
        .exit(3)
        .says("1 passed, 1 failed, 1 file not valid")
        .warns("did you mean `demand`?");
    let report = place.read("report.xml");
    assert!(report.contains("tests=\"3\" failures=\"1\" errors=\"1\"") && report.contains("<error message="), "{report}");
    place.run("validate loops/tests/wrong.test.kdl").exit(3).warns("error[loop::unknown-step]");
    place.run("validate loops/tests/small.test.kdl").exit(0).says("is valid: 3 tests.");
}

#[test]
fn without_a_test_it_says_how_to_write_one() {
    Place::empty().run("test").fails(2, "cli::no-tests");
    small().run("test loops/data").fails(2, "cli::no-tests");
    small().run("test nowhere").fails(2, "cli::no-such-file");
}
