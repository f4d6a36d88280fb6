//! `loopctl cancel`, and limits of providers and channels as they are checked.

use crate::desk::{Desk, FIRST};

#[test]
fn a_cycle_that_waits_is_called_off_with_its_reason_and_the_next_one_opens() {
    let desk = Desk::new();
    desk.run(&format!("cancel {FIRST}")).exit(2);
    desk.run(&format!("run {FIRST}")).exit(4);
    desk.run(&format!("cancel {FIRST} nothing-like-it")).exit(2).warns("cli::no-such-item");
    desk.run(&format!("cancel {FIRST} 7")).exit(2).warns("cli::no-such-cycle");
    let said = desk.run(&format!("cancel {FIRST} --as ana --reason moved")).exit(0);
    said.says("Called off: cycle 1").says("The cycle is closed.");
    desk.run(&format!("cancel {FIRST}")).exit(2).warns("cli::nothing-open");
    desk.run(&format!("status {FIRST}")).exit(1).says("ana called it off: moved");
    desk.run(&format!("why {FIRST} editor")).exit(0).says("ana called it off: moved");
    desk.run(&format!("log {FIRST} --what cancelled")).exit(0).says("ana").says("moved");
    desk.run(&format!("log {FIRST} --verify")).exit(0);
    assert!(desk.files("workflows/first-loop/out").is_empty(), "nothing went out");
    desk.run(&format!("replay {FIRST} 1")).exit(0).says("reproduced");
    desk.run(&format!("retry {FIRST}")).exit(0).says("first in line in cycle 2");
    desk.run(&format!("run {FIRST} --approve-all")).exit(0);
}

#[test]
fn a_step_or_an_item_is_called_off_and_the_rest_goes_on() {
    let desk = Desk::new();
    desk.run(&format!("run {FIRST}")).exit(4);
    let waiting = desk.run(&format!("gate list {FIRST} --json")).exit(4).json();
    let id = waiting["waiting"][0]["id"].as_str().expect("an item").to_owned();
    desk.run(&format!("cancel {FIRST} {id} --as ana")).exit(0).says("The rest goes on");
    let left = desk.run(&format!("gate list {FIRST} --json")).exit(4).json();
    assert_eq!(left["waiting"].as_array().map(Vec::len), Some(2));
    desk.run(&format!("run {FIRST} --approve-all")).exit(1);
    assert_eq!(desk.files("workflows/first-loop/out").len(), 2);

    let desk = Desk::new();
    desk.run(&format!("run {FIRST}")).exit(4);
    desk.run(&format!("cancel {FIRST} drafts")).exit(0);
    desk.run(&format!("run {FIRST} --approve-all")).exit(1).says("called it off");
    assert!(desk.files("workflows/first-loop/out").is_empty());
}

#[test]
fn limits_that_let_nothing_through_are_told() {
    let desk = Desk::new();
    for (limit, says) in [
        ("at-once 0", "`at-once` takes 1 to 1024, found `0`"),
        ("rate 5000", "`rate` takes 1 to 1000, found `5000`"),
        ("retries 99", "`retries` takes 0 to 20, found `99`"),
    ] {
        let text = desk.read(FIRST);
        let provider =
            format!("provider \"drafter\" kind=\"exec\" {{ command \"x\"; {} }}", limit.replace("retries 99", "rate 0"));
        let channel = format!("kind=\"webhook\" {{ url \"https://example.com\"; {limit} }}");
        desk.write(FIRST, &text.replace("kind=\"files\" { dir \"first-loop/out/blog\" }", &channel));
        desk.run(&format!("validate {FIRST}")).exit(3).warns(says);
        desk.write(FIRST, &text.replace("provider \"drafter\" kind=\"template\"", &provider));
        desk.run(&format!("validate {FIRST}")).exit(3).warns("loop::out-of-range");
        desk.write(FIRST, &text);
    }
}
