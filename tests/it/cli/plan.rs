//! `loopctl plan`: what would run, before it runs.

use super::place::{FIRST, Place, Stage, list, text};
use serde_json::Value;
use std::process::Command;

fn step(plan: &Value, name: &str) -> Value {
    list(&plan["steps"]).into_iter().find(|step| step["step"] == name).unwrap_or_else(|| panic!("{name} is not in {plan}"))
}

fn plan(place: &Place) -> Value {
    place.run(&format!("plan {FIRST} --json")).exit(0).json()["plan"].clone()
}

#[test]
fn before_the_first_run_everything_is_to_do() {
    let place = Place::new();
    place.run(&format!("plan {FIRST}")).exit(0).says("cycle 1").says("3 of 3 pieces left").says(&format!("loopctl run {FIRST}"));
    let plan = plan(&place);
    assert_eq!(plan["cycle"], 1);
    assert_eq!(plan["open"], Value::Null);
    assert!(!place.path("workflows/.loopctl").exists(), "planning makes no state");
}

#[test]
fn while_people_decide_the_open_cycle_is_shown() {
    let place = Place::at(Stage::Parked);
    place.run(&format!("plan {FIRST}")).exit(0).says("waits for 3 decisions").says("0 of 3 pieces left");
    let plan = plan(&place);
    assert_eq!(plan["cycle"], 1);
    assert_eq!(plan["waiting"], 3);
}

#[test]
fn after_a_cycle_it_says_what_is_unchanged_and_what_a_change_touches() {
    let place = Place::at(Stage::Closed);
    let before = plan(&place);
    assert_eq!(before["cycle"], 2);
    assert!(!before["parameters"].as_object().expect("a table").is_empty(), "what was learned is in force");
    assert_eq!(step(&before, "drafts")["will"], "reuse-unchanged", "{before}");
    assert_eq!(step(&before, "outlines")["deferred"], 7);
    let template = "workflows/first-loop/templates/draft.hbs";
    place.write(template, place.read(template) + "\nRead on.\n");
    let line = place.read(template).lines().count() - 1;
    let after = plan(&place);
    let parts = list(&step(&after, "drafts")["because"]);
    assert!(parts.iter().any(|part| text(part).contains("template")), "{parts:?}");
    assert_eq!(step(&after, "outlines")["will"], "reuse-unchanged", "{after}");
    place
        .run(&format!("plan {FIRST}"))
        .exit(0)
        .says(&format!("re-runs: template first-loop/templates/draft.hbs changed at line {line}"));
}

/// Writes everything in the folder down as a commit.
fn commit(place: &Place) {
    for words in [&["init", "-q"][..], &["add", "-A"], &["commit", "-q", "-m", "a version"]] {
        let mut git = Command::new("git");
        git.args(["-c", "user.name=tester", "-c", "user.email=tester@example.com", "-c", "commit.gpgsign=false"]);
        let done = git.args(words).current_dir(place.path("")).env("HOME", place.path("")).output().expect("git starts");
        assert!(done.status.success(), "git {words:?}: {}", String::from_utf8_lossy(&done.stderr));
    }
}

/// Two versions of the bundled workflows; the second is the one on disk.
fn two_versions() -> Place {
    let place = Place::new();
    commit(&place);
    place.edit(FIRST, "weight=0.4", "weight=0.3");
    place.edit(FIRST, "cap 3 per=\"week\"", "cap 5 per=\"week\"");
    let template = "workflows/first-loop/templates/draft.hbs";
    place.write(template, place.read(template) + "Read on.\n");
    commit(&place);
    place
}

#[test]
fn a_review_sees_what_a_branch_changes_and_what_that_re_runs() {
    let place = two_versions();
    let line = place.read(FIRST).lines().position(|line| line.contains("weight=0.3")).expect("it is there") + 1;
    let told = place.run(&format!("plan {FIRST} --against HEAD~1")).exit(0);
    for part in [
        "Changed since HEAD~1 (".to_owned(),
        format!("opportunities re-runs: weight of rule \"demand\": 0.4 → 0.3 at first-loop.kdl:{line}"),
        "drafts re-runs: template first-loop/templates/draft.hbs changed at line ".to_owned(),
        "not touched by it: press, demand, rivals, queries and market".to_owned(),
        "outlines: cap: 3 pieces per week → 5 pieces per week at first-loop.kdl:".to_owned(),
        "at most 5 sends".to_owned(),
    ] {
        assert!(told.out.contains(&part), "{part}\n{}", told.told());
    }
    assert!(!place.path("workflows/.loopctl").exists(), "a review makes no state");
    let changes = place.run(&format!("plan {FIRST} --against HEAD~1 --json")).exit(0).json()["plan"]["changes"].clone();
    let direct = list(&changes["reruns"]["direct"]);
    assert_eq!(direct.iter().map(|rerun| text(&rerun["step"])).collect::<Vec<_>>(), ["opportunities", "drafts"]);
    assert_eq!(direct[0]["because"][0]["at"]["line"], line);
    assert_eq!(text(&changes["since"]["revision"]["commit"]).len(), 40);
    // What is not committed counts as well: the files on disk are the new version.
    place.edit(FIRST, "keep 10 above=0.4", "keep 9 above=0.4");
    place.run(&format!("plan {FIRST} --against HEAD")).exit(0).says("keep: 10 → 9");
    // From another folder, and for a workflow that is one of two.
    let mut command = place.command("plan first-loop.kdl --against HEAD");
    super::place::Ran::of(command.current_dir(place.path("workflows"))).exit(0).says("keep: 10 → 9");
}

#[test]
fn a_review_can_be_a_comment() {
    let place = two_versions();
    let told = place.run(&format!("plan {FIRST} --against HEAD~1 --format markdown")).exit(0);
    for part in [
        "### Plan of `first-loop`",
        "| runs again | because | where |",
        "| `drafts` | `template first-loop/templates/draft.hbs changed` | `first-loop/templates/draft.hbs:",
        "Not touched by it: `press`, `demand`, `rivals`, `queries`, `market`.",
        "| `out` | at most 5 sends |",
    ] {
        assert!(told.out.contains(part), "{part}\n{}", told.told());
    }
    assert!(!told.out.contains('\u{1b}'), "no colour in a comment");
    let same = place.run(&format!("plan {FIRST} --against HEAD --format github")).exit(0);
    assert!(same.out.contains("Nothing changed"), "{}", same.told());
}

#[test]
fn a_revision_that_cannot_be_compared_says_why() {
    let place = Place::new();
    place.run(&format!("plan {FIRST} --against HEAD")).fails(2, "plan::no-revision");
    let good = place.read(FIRST);
    place.write(FIRST, good.replace("keep 10 above=0.4", "kepe 10 above=0.4"));
    commit(&place);
    place.write(FIRST, &good);
    let ran = place.run(&format!("plan {FIRST} --against HEAD")).fails(3, "plan::invalid-revision");
    assert!(ran.err.contains("did you mean `keep`?"), "{}", ran.told());
    place.run(&format!("plan {FIRST} --against nowhere")).fails(2, "plan::no-revision");
    // A workflow that was not there yet is new as a whole.
    place.write("workflows/second.kdl", good.replace("workflow \"first-loop\"", "workflow \"second\""));
    place.run("plan workflows/second.kdl --against HEAD").exit(0).says("everything is new");
}

#[test]
fn the_last_cycle_says_what_the_next_one_asks_for() {
    let place = Place::at(Stage::Closed);
    let expected = plan(&place)["expected"].clone();
    assert_eq!(expected["last_cycle"], 1);
    let steps = list(&expected["steps"]);
    let drafts = steps.iter().find(|step| step["step"] == "drafts").expect("it generates");
    assert_eq!((&drafts["pieces"], &drafts["calls"], &drafts["by_template"]), (&3.into(), &0.into(), &true.into()), "{drafts}");
    let out = steps.iter().find(|step| step["step"] == "out").expect("it sends");
    assert_eq!((&out["sends"], &out["basis"]), (&3.into(), &"last-cycle".into()), "{out}");
    place.run(&format!("plan {FIRST}")).exit(0).says("as in cycle 1, within the caps").says("3 pieces by template, no model");
    // Before the first cycle only the caps say something.
    let before = Place::new();
    before.run(&format!("plan {FIRST}")).exit(0).says("by the caps").says("at most 3 sends");
}

#[test]
fn what_a_change_may_bring_reaches_every_step_behind_it_as_a_range() {
    let place = Place::at(Stage::Closed);
    place.edit(FIRST, "cap 3 per=\"week\"", "cap 5 per=\"week\"");
    let told = place.run(&format!("plan {FIRST}")).exit(0);
    for part in ["3 to 5 pieces by template, no model", "3 to 5 sends", "0 model calls, 3 to 5 sends", "; 5 expected"] {
        assert!(told.out.contains(part), "{part}\n{}", told.told());
    }
    let expected = plan(&place)["expected"].clone();
    let out = list(&expected["steps"]).into_iter().find(|step| step["step"] == "out").expect("it sends");
    assert_eq!((&out["sends"], &out["at_most"]["sends"], &out["open_ended"]), (&3.into(), &5.into(), &false.into()), "{out}");
    assert_eq!(expected["at_most"]["sends"], 5);
    // Fewer is no range: the cap says it.
    place.edit(FIRST, "cap 5 per=\"week\"", "cap 2 per=\"week\"");
    place.run(&format!("plan {FIRST}")).exit(0).says("2 sends");
}

#[test]
fn the_open_cycle_keeps_its_version_in_the_plan_too() {
    let place = Place::at(Stage::Parked);
    place.run(&format!("plan {FIRST}")).exit(0).says("Nothing: no step does anything again").says("at most 3 sends");
    let template = "workflows/first-loop/templates/outline.hbs";
    place.write(template, place.read(template) + "\nMore.\n");
    let told = place.run(&format!("plan {FIRST}")).exit(0);
    told.says("outlines re-runs: template first-loop/templates/outline.hbs changed at line")
        .says("The open cycle keeps the version it began with");
}
