//! `loopctl backfill`: cycles over the past, in memory unless they are kept.

use super::place::{FIRST, Place, list};

const FROM_TO: &str = "--from 2024-06-24T06:00 --to 2024-07-01T06:00";

#[test]
fn the_past_is_run_window_by_window_and_nothing_is_left_behind() {
    let place = Place::new();
    let before = place.files("");
    let ran = place.run(&format!("backfill {FIRST} {FROM_TO}")).exit(0).says("2 cycles").says("2024-06-24 06:00");
    assert!(ran.out.contains("opportunities.demand") && ran.out.contains("pretended"), "{}", ran.told());
    let facts = place.run(&format!("backfill {FIRST} {FROM_TO} --json")).exit(0).json()["backfill"].clone();
    let cycles = list(&facts["cycles"]);
    assert_eq!(cycles.len(), 2);
    assert_eq!((&cycles[0]["at"], &cycles[1]["at"]), (&"2024-06-24T05:00:00Z".into(), &"2024-07-01T05:00:00Z".into()));
    for cycle in &cycles {
        assert_eq!(cycle["failed"], 0, "{cycle:#}");
        assert_eq!(cycle["pieces"], cycle["pretended"], "{cycle:#}");
    }
    // The second window starts from what the first one learned.
    let after = |cycle: usize| list(&cycles[cycle]["learned"]);
    assert_eq!(after(0)[0][2], after(1)[0][1], "{facts:#}");
    assert_eq!(place.files(""), before, "no state, no pieces");
}

#[test]
fn kept_cycles_are_real_ones_that_the_next_run_goes_on_from() {
    let place = Place::new();
    place.run(&format!("backfill {FIRST} {FROM_TO} --keep")).fails(2, "cli::recorded").warns("loopctl run");
    place.edit(FIRST, "    recorded from=\"2024-07-01 06:00\"\n", "");
    place.run(&format!("backfill {FIRST} {FROM_TO} --keep")).exit(0).says("They are kept");
    assert!(place.files("workflows/first-loop/out").is_empty(), "nothing went out");
    for cycle in [1, 2] {
        assert_eq!(place.cycle(FIRST, cycle)["state"], "closed");
        place.run(&format!("replay {FIRST} {cycle}")).exit(0).says("reproduced");
    }
    place.run(&format!("backfill {FIRST} {FROM_TO} --keep")).fails(2, "cli::not-empty").warns("--state");
    // To look only, a state is no hindrance.
    place.run(&format!("backfill {FIRST} --from 2024-07-01T06:00 --to 2024-07-01T06:00")).exit(0).says("1 cycle");
}

#[test]
fn wrong_times_are_told() {
    let place = Place::new();
    for (words, part) in [
        ("--from soon --to 2024-07-01", "no date"),
        ("--from 2024-07-01 --to 2024-06-01", "before"),
        ("--from 2024-01-01 --to 2024-06-01 --every 1s", "between cycles"),
        ("--from 1990-01-01 --to 2024-06-01 --every 1d", "520"),
    ] {
        place.run(&format!("backfill {FIRST} {words}")).fails(2, "cli::usage").warns(part);
    }
}

#[cfg(unix)]
#[test]
fn an_interrupt_ends_it_and_leaves_nothing() {
    let place = Place::new();
    let before = place.files("");
    let mut command = place.command(&format!("backfill {FIRST} --from 2023-01-02T06:00 --to 2024-07-01T06:00"));
    let mut child = command.spawn().expect("loopctl starts");
    let mut seen = String::new();
    let out = child.stdout.as_mut().expect("it is piped");
    // The first row is there: it runs.
    while !seen.contains("2023-01-02 06:00") {
        let mut byte = [0];
        std::io::Read::read_exact(out, &mut byte).expect("it goes on");
        seen.push(char::from(byte[0]));
    }
    let pid = child.id().to_string();
    std::process::Command::new("kill").args(["-INT", &pid]).status().expect("kill is there");
    let ran = super::place::Ran::wait(child, "backfill").exit(130);
    assert!(ran.out.contains("Stopped; the cycles above are whole."), "{}", ran.told());
    assert_eq!(place.files(""), before);
}
