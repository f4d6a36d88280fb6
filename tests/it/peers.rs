//! What users of other engines complain about, each with the tests of ours that try it. A test that is gone or renamed is told here.

use crate::cli::place::{FIRST, Place, text};
use std::fs;
use std::path::Path;

/// The complaint, what it is about, and who tries it here.
const KNOWN: &[(&str, &str, &[&str])] = &[
    (
        "dagu#2839, langgraph#4028, langgraph#4796",
        "gates on two branches, decided independently and in any order",
        &["gates_on_two_branches_are_decided_in_any_order_over_restarts", "the_order_of_answers_does_not_matter"],
    ),
    (
        "prefect#9895, prefect#17415, dbos-transact-py#805",
        "places under a limit that stay taken after a crash",
        &[
            "caps_on_pieces_are_exact_over_days_and_crashes",
            "no_cap_or_budget_is_passed_in_ten_thousand_days_of_crashes_reloads_and_clock_jumps",
            "a_killed_run_leaves_no_place_under_a_cap_taken",
        ],
    ),
    (
        "n8n#23807",
        "recovery that runs work twice",
        &["a_run_that_is_killed_at_random_moments_ends_like_one_that_was_not", "random_crashes_change_nothing"],
    ),
    (
        "langgraphjs#1138",
        "checkpoints that grow without an end",
        &["old_cycles_give_up_their_detail_and_still_say_who_decided_what", "giving_room_back_may_be_killed_at_any_moment"],
    ),
    (
        "vector#2002, vector#20547, vector#23820, vector#23899, vector#24125",
        "a reload that is half applied, or lost",
        &[
            "a_broken_file_keeps_the_old_workflow",
            "a_save_while_people_decide_is_used_by_the_next_cycle",
            "a_file_that_is_broken_while_a_cycle_is_open_stops_only_the_next_one",
            "a_module_of_the_project_counts_like_the_workflow",
        ],
    ),
    (
        "dagu#876, n8n#14718",
        "running again from any step, with or without what follows",
        &[
            "one_step_alone_leaves_those_behind_it_as_they_are",
            "a_step_made_again_with_another_template_renews_what_is_published",
        ],
    ),
    (
        "restate#5060",
        "limits for each step, key and day",
        &[
            "no_person_gets_more_than_allowed_whatever_crashes_and_whatever_the_clock_does",
            "a_day_has_its_cap_once_when_the_clocks_change",
        ],
    ),
];

fn read_all(folder: &Path, into: &mut String) {
    for entry in fs::read_dir(folder).expect("our own folder").flatten() {
        let path = entry.path();
        match path.is_dir() {
            true => read_all(&path, into),
            false if path.extension().is_some_and(|end| end == "rs") => {
                into.push_str(&fs::read_to_string(&path).expect("our own file"));
            }
            false => {}
        }
    }
}

#[test]
fn each_known_failure_of_a_peer_is_tried_by_tests_that_are_there() {
    let mut sources = String::new();
    for folder in ["src", "tests/it"] {
        read_all(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut sources);
    }
    for (issues, what, tests) in KNOWN {
        for test in *tests {
            assert!(sources.contains(&format!("fn {test}()")), "{issues} ({what}): no test is called {test}");
        }
    }
}

/// Two outlines of each brief, each with a gate of its own, before one step that drafts both.
fn two_branches() -> Place {
    let place = Place::new();
    let template = place.read("workflows/first-loop/templates/outline.hbs");
    place.write("workflows/first-loop/templates/second.hbs", format!("{template}\n\nSeen from the other side.\n"));
    place.edit(
        FIRST,
        r#"gate "editor" { from "outlines"; by "content-team" }"#,
        r#"outline "others" { from "briefs"; provider "drafter"; template "first-loop/templates/second.hbs"; cap 3 per="week" }
        gate "editor" { from "outlines"; by "content-team" }
        gate "lawyer" { from "others"; by "legal" }"#,
    );
    place.edit(
        FIRST,
        r#"draft "drafts" {
            from "editor""#,
        r#"draft "drafts" {
            from "editor" "lawyer""#,
    );
    place.run(&format!("validate {FIRST}")).exit(0);
    place.run(&format!("run {FIRST}")).exit(4);
    place
}

#[test]
fn gates_on_two_branches_are_decided_in_any_order_over_restarts() {
    let orders: [fn(usize) -> usize; 3] = [|_| 0, |left| left - 1, |left| left / 2];
    let mut outs = Vec::new();
    for order in orders {
        let place = two_branches();
        let mut decided = 0;
        loop {
            let waiting = place.waiting(FIRST);
            if waiting.is_empty() {
                break;
            }
            assert_eq!(waiting.len(), 6 - decided, "each decision takes its own gate and no other");
            let id = text(&waiting[order(waiting.len())]["id"]);
            // Each command is a process of its own.
            place.run(&format!("gate approve {FIRST} {id}")).exit(0);
            place.run(&format!("run {FIRST}")).exit(if waiting.len() == 1 { 0 } else { 4 });
            decided += 1;
            assert_eq!(
                place.files("workflows/first-loop/out").len(),
                decided,
                "what is approved on one branch waits for nobody on the other"
            );
        }
        assert_eq!(decided, 6);
        outs.push(place.files("workflows/first-loop/out"));
    }
    assert!(outs.windows(2).all(|pair| pair[0] == pair[1]), "the order changes nothing that goes out");
}

#[test]
fn a_killed_run_leaves_no_place_under_a_cap_taken() {
    let clean = Place::new();
    clean.run(&format!("run {FIRST} --approve-all")).exit(0);
    let whole = clean.cycle(FIRST, 1);
    for delay in [20, 60, 120, 250] {
        let place = Place::new();
        let mut running = place.command(&format!("run {FIRST} --approve-all")).spawn().expect("loopctl starts");
        std::thread::sleep(std::time::Duration::from_millis(delay));
        // It may have ended already.
        let _ = running.kill();
        running.wait().expect("it ends");
        place.run(&format!("run {FIRST} --approve-all")).exit(0);
        assert_eq!(place.cycle(FIRST, 1)["caps"], whole["caps"], "killed after {delay} ms");
        assert_eq!(place.files("workflows/first-loop/out").len(), 3);
    }
}

#[test]
fn what_failed_in_any_cycle_is_listed_with_its_reason_and_tried_again_by_name_or_all_at_once() {
    let place = Place::new();
    // Something stands where the posts should go, so none of them goes out.
    place.write("workflows/first-loop/out", "in the way");
    place.run(&format!("run {FIRST} --approve-all")).exit(1);
    place.run(&format!("run {FIRST} --approve-all")).exit(1);
    let listed = place.run(&format!("retry {FIRST} --list")).exit(0);
    let facts = place.run(&format!("retry {FIRST} --list --json")).exit(0).json()["retry-list"]["failed"].clone();
    let facts = crate::cli::place::list(&facts);
    let of = |cycle: u64| facts.iter().filter(|letter| letter["cycle"] == cycle).collect::<Vec<_>>();
    assert!(of(1).len() == 3 && !of(2).is_empty(), "{}", listed.told());
    assert!(listed.out.contains("did not go out on `blog`") && listed.out.contains("cycle 1"), "{}", listed.told());
    fs::remove_file(place.path("workflows/first-loop/out")).expect("ours");
    // One of the first cycle by its name, and the rest at once.
    let id = text(&of(1)[0]["id"]);
    place.run(&format!("retry {FIRST} {id}")).exit(0).says("1 item first in line in cycle 3");
    place.run(&format!("run {FIRST} --approve-all"));
    let out = place.files("workflows/first-loop/out").len();
    assert!(out >= 1);
    place.run(&format!("retry {FIRST} --all")).exit(0);
    place.run(&format!("run {FIRST} --approve-all")).exit(0);
    place.run(&format!("retry {FIRST} --list")).exit(0).says("Nothing failed");
    assert!(place.files("workflows/first-loop/out").len() >= out + facts.len() - 1);
}

#[test]
fn a_step_says_what_becomes_of_its_failures() {
    let place = Place::new();
    place.edit(
        FIRST,
        r#"publish "out" { from "channels" }"#,
        r#"publish "out" { from "channels"; on-failure "next-cycle" times=2 }"#,
    );
    place.write("workflows/first-loop/out", "in the way");
    place.run(&format!("run {FIRST} --approve-all")).exit(1).says("then: it is first in line in the next cycle, for try 2 of 2");
    fs::remove_file(place.path("workflows/first-loop/out")).expect("ours");
    place.run(&format!("run {FIRST} --approve-all")).exit(0);
    assert!(place.files("workflows/first-loop/out").len() > 3, "those of the first cycle went out by themselves");

    // A source that cannot be read, and says that nothing goes out then.
    let place = Place::new();
    place.edit(FIRST, r#"glob="*" }"#, r#"glob="*"; on-failure "hold-back" }"#);
    place.run(&format!("validate {FIRST}")).exit(0);
    fs::rename(place.path("workflows/first-loop/data/feeds"), place.path("workflows/first-loop/data/gone")).expect("ours");
    place.write("workflows/first-loop/data/feeds", "no folder");
    let ran = place.run(&format!("run {FIRST} --approve-all"));
    assert!(ran.told().contains("nothing more goes out in this cycle"), "{}", ran.told());
    assert!(place.files("workflows/first-loop/out").is_empty(), "{}", ran.told());
    for (wrong, code) in [("\"perhaps\"", "loop::"), ("\"next-cycle\" times=0", "loop::out-of-range")] {
        let place = Place::new();
        place.edit(
            FIRST,
            r#"publish "out" { from "channels" }"#,
            &format!(r#"publish "out" {{ from "channels"; on-failure {wrong} }}"#),
        );
        assert!(place.run(&format!("validate {FIRST}")).exit(3).told().contains(code));
    }
}
