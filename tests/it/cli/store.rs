//! `loopctl store` and `--store`: which engine keeps the state, and moving between them. The real binary.

use crate::desk::{Desk, FIRST};

#[test]
fn old_cycles_give_up_their_detail_and_still_say_who_decided_what() {
    let desk = Desk::new();
    for _ in 0..3 {
        desk.run(&format!("run {FIRST} --approve-all")).exit(0);
    }
    desk.run(&format!("store keep {FIRST}")).exit(0).says("The last 400 cycles of each workflow keep everything.");
    desk.run(&format!("replay {FIRST} 1")).exit(0);
    let log = desk.run(&format!("log {FIRST} --cycle 1 --json")).exit(0).out;
    let pieces = desk.files("workflows/first-loop/out").len();

    desk.run(&format!("store keep {FIRST} --cycles 2")).exit(0).says("The last 2 cycles");
    desk.run(&format!("run {FIRST} --approve-all")).exit(0);
    desk.run(&format!("replay {FIRST} 1")).exit(2).warns("cli::given-up").warns("loopctl store keep");
    desk.run(&format!("replay {FIRST} 3")).exit(0);
    // What lasts is there: decisions, their log, and where a published piece comes from.
    assert_eq!(desk.run(&format!("log {FIRST} --cycle 1 --json")).exit(0).out, log);
    desk.run(&format!("log {FIRST} --verify")).exit(0);
    desk.run(&format!("store verify {FIRST}")).exit(0).says("is whole");
    desk.run(&format!("status {FIRST} --cycle 1")).exit(0);
    desk.run(&format!("report {FIRST} --cycle 1")).exit(0);
    assert!(desk.files("workflows/first-loop/out").len() >= pieces);
    desk.run(&format!("store keep {FIRST} --days 30 --json")).exit(0);
    desk.run(&format!("store keep {FIRST}")).exit(0).says("if they closed in the last 30 days");
    desk.run(&format!("store keep {FIRST} --cycles 0")).exit(2);
}

#[test]
fn the_engine_is_chosen_once_remembered_and_can_be_changed() {
    let desk = Desk::new();
    desk.run(&format!("run {FIRST} --approve-all --store sled")).exit(0).says("(sled, durable)");
    // Nobody needs to say it again, and saying something else tells how to change it.
    desk.run(&format!("status {FIRST}")).exit(0);
    let refused = desk.run(&format!("status {FIRST} --store redb")).exit(2).warns("store::other-engine");
    refused.warns("loopctl store gc --store redb");
    let before = desk.run(&format!("status {FIRST} --json")).exit(0).out;
    let verified = desk.run(&format!("store verify {FIRST} --json")).exit(0).json();
    assert_eq!(verified["store"]["engine"], "sled");

    desk.run(&format!("store gc {FIRST} --store redb")).exit(0).says("kept by redb from now on");
    assert_eq!(desk.run(&format!("store verify {FIRST} --json")).exit(0).json()["store"]["engine"], "redb");
    assert_eq!(desk.run(&format!("status {FIRST} --json")).exit(0).out, before);
    desk.run(&format!("run {FIRST} --approve-all")).exit(0).says("cycle 2").says("(redb, durable)");

    // The way over an export goes in both directions too.
    desk.run(&format!("store export {FIRST} all.jsonl")).exit(0);
    desk.run("store import all.jsonl --state elsewhere --store sled").exit(0);
    desk.run(&format!("store verify {FIRST} --state elsewhere")).exit(0).says("is whole (sled)");
}
