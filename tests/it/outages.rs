//! The other side is away, busy or not there, and the disk is not ours: told, bounded, and nothing lost or sent twice. The real
//! binary, with a receiver on this machine.

use crate::desk::{Desk, FIRST, assert_sound};
use crate::durability::{Receiver, TAKEN, desk_with};

const BUSY: &str = "HTTP/1.1 429 Too Many Requests\r\nretry-after: 3600\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
const BROKEN: &str = "HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

#[test]
fn a_channel_that_is_busy_for_an_hour_gets_the_piece_in_the_next_cycle() {
    let receiver = Receiver::new(BUSY);
    let desk = desk_with(&receiver);
    desk.run(&format!("run {FIRST} --approve-all")).exit(1).says("429 Too Many Requests and asks to wait 1h");
    assert_eq!(receiver.ids().len(), 1, "an hour is left to the next cycle");
    receiver.answer(TAKEN);
    desk.run(&format!("run {FIRST} --approve-all")).exit(0);
    let ids = receiver.ids();
    assert_eq!(ids.iter().filter(|id| **id == ids[0]).count(), 2, "the same piece under the same id");
    assert_sound(&desk.cycles(), "after a busy hour");
}

#[test]
fn a_channel_that_answers_500_leaves_the_piece_to_a_person() {
    let receiver = Receiver::new(BROKEN);
    let desk = desk_with(&receiver);
    desk.run(&format!("run {FIRST} --approve-all")).exit(4).says("In doubt: 1 piece");
    desk.run(&format!("run {FIRST}")).exit(4);
    assert_eq!(receiver.ids().len(), 1, "nothing is sent again by itself");
    receiver.answer(TAKEN);
    desk.run(&format!("effect retry {FIRST} --all")).exit(0);
    desk.run(&format!("run {FIRST}")).exit(0);
    assert_eq!(receiver.ids().len(), 2);
}

#[test]
fn a_rate_holds_over_cycles_and_restarts_and_what_is_over_it_waits() {
    let receiver = Receiver::new(TAKEN);
    let desk = desk_with(&receiver);
    desk.edit(FIRST, "cap 1 per=\"week\"", "cap 3 per=\"week\"");
    desk.edit(FIRST, &format!("url \"{}\"", receiver.url), &format!("url \"{}\"; rate 1 per=\"day\"", receiver.url));
    desk.run(&format!("run {FIRST} --approve-all")).exit(1).says("the `rate` of channel blog lets nothing through");
    assert_eq!(receiver.ids().len(), 1);
    desk.run(&format!("run {FIRST} --approve-all")).exit(1);
    assert_eq!(receiver.ids().len(), 1, "the day is not over");
    desk.edit(FIRST, "; rate 1 per=\"day\"", "");
    desk.run(&format!("run {FIRST} --approve-all")).exit(0);
    let ids = receiver.ids();
    let different: std::collections::BTreeSet<_> = ids.iter().collect();
    assert_eq!(ids.len(), different.len(), "each piece went out once");
    assert!(ids.len() >= 6, "those that waited went out too: {ids:?}");
}

#[test]
fn a_name_that_nobody_has_is_told_and_the_rest_goes_on() {
    let desk = Desk::new();
    let far = "press\" kind=\"feed\" { url \"http://no-such-host.invalid/feed.xml\" }";
    desk.edit(FIRST, "press\" kind=\"feed\" { folder \"first-loop/data/feeds\" glob=\"*\" }", far);
    let said = desk.run(&format!("run {FIRST} --approve-all"));
    assert!(said.code == Some(0) || said.code == Some(1), "{}", said.told());
    assert!(said.told().contains("no-such-host.invalid"), "{}", said.told());
    assert_eq!(desk.closed(), 1, "the cycle went on without it");
}

#[cfg(target_os = "linux")]
#[test]
fn a_place_that_cannot_be_written_is_told_before_anything_runs() {
    let desk = Desk::new();
    let said = desk.run(&format!("run {FIRST} --approve-all --state /proc/loopctl")).exit(2);
    assert!(said.err.contains("/proc/loopctl") && said.err.contains("help"), "{}", said.told());
    assert!(desk.files("workflows/first-loop/out").is_empty(), "nothing went out");
}
