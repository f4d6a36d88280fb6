//! What people type about the durable state: pieces in doubt, the store, why, the log, what failed. The real binary, on the
//! bundled first loop.

use crate::desk::{Desk, FIRST, LOOPCTL, Said, assert_sound, copy};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread;

/// A receiver that takes every message whole and answers it, or closes without a word.
pub struct Receiver {
    pub url: String,
    /// The `webhook-id` of each message, in order.
    ids: Arc<Mutex<Vec<String>>>,
    answers: Arc<Mutex<&'static str>>,
}

const SILENCE: &str = "";
pub const TAKEN: &str = "HTTP/1.1 201 Created\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
const REFUSED: &str = "HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

impl Receiver {
    pub fn new(answer: &'static str) -> Receiver {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}/hook", listener.local_addr().expect("bound"));
        let ids = Arc::new(Mutex::new(Vec::new()));
        let answers = Arc::new(Mutex::new(answer));
        let receiver = Receiver { url, ids: ids.clone(), answers: answers.clone() };
        thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                let mut lines = BufReader::new(stream.try_clone().expect("a second handle"));
                let (mut length, mut line) = (0, String::new());
                while lines.read_line(&mut line).is_ok_and(|read| read > 2) {
                    let (name, value) = line.split_once(':').unwrap_or((&line, ""));
                    match name.to_lowercase().as_str() {
                        "webhook-id" => ids.lock().expect("no panic").push(value.trim().to_owned()),
                        "content-length" => length = value.trim().parse().expect("a number"),
                        _ => {}
                    }
                    line.clear();
                }
                let _ = lines.read_exact(&mut vec![0; length]);
                let answer = *answers.lock().expect("no panic");
                let _ = stream.write_all(answer.as_bytes());
            }
        });
        receiver
    }

    pub fn ids(&self) -> Vec<String> {
        self.ids.lock().expect("no panic").clone()
    }

    pub fn answer(&self, answer: &'static str) {
        *self.answers.lock().expect("no panic") = answer;
    }
}

/// The first loop with a receiver in place of the blog, one piece a week, so that one message goes out.
pub fn desk_with(receiver: &Receiver) -> Desk {
    let desk = Desk::new();
    let channel = format!("kind=\"webhook\" {{ url \"{}\" }}", receiver.url);
    desk.edit(FIRST, "kind=\"files\" { dir \"first-loop/out/blog\" }", &channel);
    desk.edit(FIRST, "cap 3 per=\"week\"", "cap 1 per=\"week\"");
    desk
}

fn list(value: &Value) -> Vec<Value> {
    value.as_array().unwrap_or_else(|| panic!("not a list: {value}")).clone()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("not a text: {value}")).to_owned()
}

/// One piece is in doubt; returns its key.
fn doubtful(desk: &Desk) -> String {
    desk.run(&format!("run {FIRST} --approve-all")).exit(4).says("In doubt: 1 piece").says("loopctl effect confirm");
    let listed = desk.run(&format!("effect list {FIRST} --json")).exit(4);
    let doubts = list(&listed.json()["in_doubt"]);
    assert_eq!(doubts.len(), 1);
    text(&doubts[0]["id"])
}

#[test]
fn a_piece_in_doubt_waits_for_a_person_who_says_that_it_arrived() {
    let receiver = Receiver::new(SILENCE);
    let desk = desk_with(&receiver);
    let key = doubtful(&desk);
    assert_eq!(receiver.ids(), std::slice::from_ref(&key), "nothing is sent again by itself");
    desk.run(&format!("status {FIRST}")).exit(4).says("In doubt: 1 piece").says(&format!("loopctl effect retry {FIRST} {key}"));
    desk.run(&format!("gate list {FIRST}")).exit(4).says("In doubt: 1 piece");
    let listed = desk.run(&format!("gate list {FIRST} --json")).exit(4).json();
    assert_eq!((list(&listed["waiting"]).len(), text(&listed["in_doubt"][0]["id"])), (0, key.clone()));
    desk.run(&format!("effect list {FIRST}")).exit(4).says(&key).says("may or may not have gone out");
    desk.run(&format!("why {FIRST} out")).exit(0).says("in doubt");
    desk.run(&format!("run {FIRST}")).exit(4);
    desk.run(&format!("effect confirm {FIRST} 00ff")).exit(2).warns("cli::no-such-item");
    desk.run(&format!("effect confirm {FIRST}")).exit(2).warns("cli::usage");

    let place = "https://example.com/there";
    desk.run(&format!("effect confirm {FIRST} {} --location {place}", &key[..6])).exit(0).says("Nothing else is in doubt.");
    desk.run(&format!("effect list {FIRST}")).exit(0).says("Nothing is in doubt.");
    desk.run(&format!("run {FIRST}")).exit(0).says(place);
    assert_eq!(receiver.ids().len(), 1, "what arrived is not sent again");
    desk.run(&format!("log {FIRST}")).exit(0).says("a person confirmed").says(place);
    assert_sound(&desk.cycles(), "after a doubt");
}

#[test]
fn a_piece_that_did_not_arrive_is_sent_again_under_the_same_id() {
    let receiver = Receiver::new(SILENCE);
    let desk = desk_with(&receiver);
    let key = doubtful(&desk);
    receiver.answer(TAKEN);
    desk.run(&format!("effect retry {FIRST} --all --json")).exit(0);
    desk.run(&format!("run {FIRST}")).exit(0).says("The cycle is complete.");
    assert_eq!(receiver.ids(), [key.clone(), key.clone()]);
    let log = desk.run(&format!("log {FIRST} --json")).exit(0).json();
    let event = list(&log["log"]).into_iter().find(|event| event["what"] == "to-send-again").expect("it is in the log");
    assert_eq!(text(&event["subject"]), key);
}

#[test]
fn a_dropped_piece_is_not_sent_and_can_be_tried_again_in_the_next_cycle() {
    let receiver = Receiver::new(SILENCE);
    let desk = desk_with(&receiver);
    let key = doubtful(&desk);
    desk.run(&format!("effect drop {FIRST} {key} --as ana")).exit(0);
    // A step failed, which the exit code says.
    desk.run(&format!("run {FIRST}")).exit(1).says("ana decided not to send it");
    assert_eq!(receiver.ids().len(), 1);
    desk.run(&format!("why {FIRST} out")).exit(0).says("failed").says("ana decided not to send it");

    receiver.answer(TAKEN);
    desk.run(&format!("retry {FIRST} drafts")).exit(2).warns("cli::no-such-item");
    desk.run(&format!("retry {FIRST} out")).exit(0).says("1 item first in line in cycle 2");
    desk.run(&format!("retry {FIRST}")).exit(2).warns("cli::still-open");
    desk.run(&format!("run {FIRST} --approve-all")).exit(0);
    assert_eq!(receiver.ids().iter().filter(|id| **id == key).count(), 2, "the same id as in the cycle before");
    desk.run(&format!("retry {FIRST}")).exit(0).says("Nothing failed in cycle 2.");
    assert_sound(&desk.cycles(), "after a retry");
}

#[test]
fn what_a_receiver_refused_goes_out_after_retry() {
    let receiver = Receiver::new(REFUSED);
    let desk = desk_with(&receiver);
    desk.run(&format!("run {FIRST} --approve-all")).exit(1).says("401");
    receiver.answer(TAKEN);
    let retried = desk.run(&format!("retry {FIRST} --json")).exit(0).json();
    assert_eq!((retried["retry"]["cycle"].as_u64(), list(&retried["retry"]["items"]).len()), (Some(2), 1));
    desk.run(&format!("run {FIRST} --approve-all")).exit(0);
    let ids = receiver.ids();
    assert_eq!(ids.iter().filter(|id| **id == ids[0]).count(), 2);
}

/// A first loop after one cycle.
fn run_once() -> Desk {
    let desk = Desk::new();
    desk.run(&format!("run {FIRST} --approve-all")).exit(0);
    desk
}

#[test]
fn a_store_goes_out_and_comes_back_whole() {
    let desk = run_once();
    let verified = desk.run(&format!("store verify {FIRST} --json")).exit(0).json();
    assert_eq!(verified["store"]["sound"], true);
    let cycles = list(&verified["store"]["cycles"]);
    assert_eq!((cycles.len(), text(&cycles[0]["state"])), (1, "closed".to_owned()));
    desk.run(&format!("store verify {FIRST}")).exit(0).says("is whole").says("first-loop · cycle 1");

    desk.run(&format!("store export {FIRST} backup.jsonl")).exit(0).says("backup.jsonl");
    let streamed = desk.run(&format!("store export {FIRST} -")).exit(0);
    assert_eq!(streamed.out, desk.read("backup.jsonl"));
    desk.run(&format!("store import {FIRST} backup.jsonl")).exit(2).warns("store::not-empty").warns("--state DIR");

    desk.run("store import backup.jsonl --state elsewhere").exit(0).says("brought into");
    let there = desk.run(&format!("status {FIRST} --state elsewhere --json")).exit(0);
    let here = desk.run(&format!("status {FIRST} --json")).exit(0);
    assert_eq!(there.out, here.out);
    // The one that was brought back goes on like the one that stayed.
    desk.run(&format!("run {FIRST} --approve-all --state elsewhere")).exit(0).says("cycle 2");

    let whole = desk.read("backup.jsonl");
    desk.write("cut.jsonl", &whole[..whole.len() / 2]);
    desk.run("store import cut.jsonl --state other").exit(2).warns("store::damaged").warns("nothing was written");
    assert!(!desk.path("other").exists());
    desk.run("store import nothing.jsonl --state other").exit(2).warns("cli::no-such-file");
    assert!(!desk.path("other").exists());
    desk.run("store verify --state other").exit(2).warns("cli::no-store");
    desk.run(&format!("store gc {FIRST}")).exit(0).says("given back");
    assert_eq!(desk.run(&format!("status {FIRST} --json")).out, here.out);
}

#[test]
fn a_damaged_store_is_refused_and_recovery_says_what_is_lost() {
    let desk = run_once();
    let state = desk.path("workflows/.loopctl");
    desk.run(&format!("store recover {FIRST}")).exit(0).says("nothing to recover, and nothing was changed");
    desk.run(&format!("store export {FIRST} backup.jsonl")).exit(0);
    copy(&state, &desk.path("kept"));

    // The state of a cycle ago comes back, and the file that says what was acknowledged stays: a backup put back by hand.
    desk.run(&format!("run {FIRST} --approve-all")).exit(0);
    std::fs::remove_dir_all(state.join("store-1")).expect("removed");
    copy(&desk.path("kept/store-1"), &state.join("store-1"));
    let refused = desk.run(&format!("run {FIRST}")).exit(2).warns("store::shortened").warns("loopctl store recover");
    assert!(refused.err.contains("cycle 2 of `first-loop`"), "{}", refused.told());
    let verified = desk.run(&format!("store verify {FIRST} --json")).exit(1).json();
    assert_eq!(verified["store"]["sound"], false);
    desk.run(&format!("store import {FIRST} backup.jsonl")).exit(2).warns("away first");

    desk.run(&format!("store recover {FIRST}")).exit(1).says("cycle 2 of `first-loop`").says("can be used again");
    assert!(desk.path("workflows/.loopctl-before-recover-1/HEAD").is_file(), "a copy is kept");
    desk.run(&format!("store verify {FIRST}")).exit(0);
    assert_eq!(desk.closed(), 1);
    desk.run(&format!("run {FIRST} --approve-all")).exit(0);
    // The files channel knows its pieces by their keys, so that a cycle done again publishes none twice.
    assert_eq!(desk.files("workflows/first-loop/out").len(), 6);
}

#[test]
fn why_tells_what_ran_what_was_reused_and_what_is_not_there() {
    let desk = Desk::new();
    desk.run(&format!("run {FIRST}")).exit(4);
    desk.run(&format!("why {FIRST} drafts")).exit(0).says("Nothing has come in yet: `editor` is not finished");
    desk.run(&format!("why {FIRST} press")).exit(0).says("it reads the outside, so it runs in every cycle");
    desk.run(&format!("why {FIRST} outlines")).exit(0).says("ran 3: it is new").says("the cap of 3 pieces a week is reached");

    let waiting = list(&desk.run(&format!("gate list {FIRST} --json")).exit(4).json()["waiting"]);
    let first = text(&waiting[0]["id"]);
    let reason = "off-pillar";
    desk.run(&format!("gate reject {FIRST} {first} --reason {reason}")).exit(0);
    desk.run(&format!("why {FIRST} {first}")).exit(0).says("made by `outlines`").says("rejected by tester on").says(reason);
    desk.run(&format!("run {FIRST} --approve-all")).exit(0);

    let cycle = desk.run(&format!("status {FIRST} --json")).exit(0).json();
    let kept = text(&list(&cycle["cycle"]["opportunities"])[0]["topic"]);
    desk.run(&format!("why {FIRST} {}", kept.replace(' ', "-"))).says("it was kept: rank 1");
    // Most topics are left behind, and each says where.
    let told: Vec<Value> = ["er", "in", "st"]
        .iter()
        .flat_map(|word| list(&desk.run(&format!("why {FIRST} {word} --json")).exit(0).json()["why"]["topics"]))
        .collect();
    assert!(told.len() > 10, "{told:?}");
    assert!(told.iter().all(|topic| topic["is"] != "unknown"), "{told:?}");
    assert!(
        told.iter().any(|topic| ["beyond", "below", "left-out"].contains(&topic["is"].as_str().expect("a word"))),
        "{told:?}"
    );
    desk.run(&format!("why {FIRST} no-such-thing-anywhere")).exit(2).warns("no step, item or topic of cycle 1");

    desk.run(&format!("run {FIRST} --approve-all")).exit(0);
    desk.run(&format!("why {FIRST} {kept}")).says("it cools down");
    let briefs = desk.run(&format!("why {FIRST} briefs --json")).exit(0).json();
    assert_eq!(text(&briefs["why"]["step"]), "briefs");
    desk.run(&format!("why {FIRST} outlines --cycle 1")).exit(0).says("ran 3: it is new");
}

#[test]
fn the_log_has_every_decision_with_the_latest_first() {
    let desk = Desk::new();
    desk.run(&format!("log {FIRST}")).exit(2).warns("cli::nothing-yet");
    desk.run(&format!("run {FIRST}")).exit(4);
    desk.run(&format!("log {FIRST}")).exit(0).says("Nothing was decided yet.");
    let waiting = list(&desk.run(&format!("gate list {FIRST} --json")).json()["waiting"]);
    let ids: Vec<String> = waiting.iter().map(|gate| text(&gate["id"])).collect();
    desk.run(&format!("gate approve {FIRST} {}", ids[0])).exit(0);
    desk.run(&format!("gate reject {FIRST} {} --reason off-pillar", ids[1])).exit(0);
    let outline = text(&waiting[2]["approve"]["text"]);
    desk.write("mine.md", &format!("{outline}\n\nAnd one line of our own."));
    desk.run(&format!("gate edit {FIRST} {} --file mine.md", ids[2])).exit(0);
    desk.run(&format!("run {FIRST}")).exit(0);
    let brand = desk
        .files("workflows/first-loop/client-os")
        .into_keys()
        .find(|name| name.ends_with(".md"))
        .expect("a Client OS has a page");
    let page = format!("workflows/first-loop/client-os/{brand}");
    desk.write(&page, &format!("{}\n\nOne more line.\n", desk.read(&page)));
    desk.run(&format!("run {FIRST} --approve-all")).exit(0);

    let events = list(&desk.run(&format!("log {FIRST} --json")).exit(0).json()["log"]);
    let of_first: Vec<(String, String)> = events
        .iter()
        .filter(|event| event["cycle"] == 1 && event["who"] == "tester")
        .map(|event| (text(&event["what"]), text(&event["subject"])))
        .collect();
    let expected = [("edited", &ids[2]), ("rejected", &ids[1]), ("approved", &ids[0])];
    assert_eq!(of_first, expected.map(|(what, id)| (what.to_owned(), id.clone())));
    assert!(events.windows(2).all(|pair| pair[0]["cycle"].as_u64() >= pair[1]["cycle"].as_u64()));
    let changed = events.iter().find(|event| event["what"] == "client-os-changed").expect("the Client OS was changed");
    assert!(changed["cycle"] == 2 && text(&changed["says"]).ends_with(&brand), "{changed}");
    assert!(!events.iter().any(|event| event["what"] == "workflow-changed"));
    desk.run(&format!("log {FIRST} --cycle 1")).exit(0).says("tester rejected").says("off-pillar");
    desk.run(&format!("log {FIRST} --cycle 9")).exit(2).warns("cli::no-such-cycle");
}

#[test]
fn each_command_has_examples_in_its_help() {
    for words in ["effect", "effect list", "store", "store verify", "store recover", "why", "log", "retry"] {
        let said = Said::of(
            std::process::Command::new(LOOPCTL).args(words.split(' ')).arg("--help").output().expect("loopctl starts"),
            words,
        );
        assert!(said.out.contains("Examples:") && said.out.contains(&format!("loopctl {words}")), "{}", said.told());
    }
}
