//! What a durable step costs, next to what the disk alone costs, in the same run: only the ratios travel between machines.
//!
//! `cargo bench --bench durability`

use loopctl::base::{CycleNo, StepId, TaskId, WorkflowId};
use loopctl::engine::Entry;
use loopctl::runtime::Journal;
use loopctl::store::{CheckpointStore, LogJournal, OpenOptions, SledStore};
use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::time::Instant;

const ROUNDS: u32 = 400;

fn entry(index: u32) -> Entry {
    Entry::Deferred { task: TaskId { step: StepId::new("rank"), item: None }, reason: format!("reason {index}") }
}

/// What a step without input and output leaves behind when it is done.
fn no_op(index: u32) -> Entry {
    serde_json::from_value(serde_json::json!({
        "done": {
            "task": { "step": format!("step-{index}") },
            "items": [],
            "memo": loopctl::base::Digest::of(index.to_be_bytes()),
        }
    }))
    .expect("an entry")
}

/// The middle of the sorted times, in microseconds.
fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn time(mut work: impl FnMut(u32)) -> f64 {
    let measure = |index| {
        let start = Instant::now();
        work(index);
        start.elapsed().as_secs_f64() * 1e6
    };
    median((0..ROUNDS).map(measure).collect())
}

/// 4 KB, then `fdatasync`: written over bytes that are there, the least that durable can mean, or appended to a growing file.
fn raw(folder: &Path, grows: bool) -> f64 {
    let mut file = File::create(folder.join("raw")).expect("writable");
    if !grows {
        file.write_all(&vec![1; ROUNDS as usize * 4096]).expect("room");
    }
    file.sync_all().expect("synced");
    time(|index| {
        file.seek(SeekFrom::Start(u64::from(index) * 4096)).expect("seekable");
        file.write_all(&[7; 4096]).expect("room");
        file.sync_data().expect("synced");
    })
}

fn open(folder: &Path) -> LogJournal<SledStore> {
    loopctl::store::open(folder, &OpenOptions::default()).expect("a free folder")
}

fn bytes_on_disk(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).expect("readable").flatten();
    entries
        .map(|entry| entry.path())
        .map(|path| if path.is_dir() { bytes_on_disk(&path) } else { path.metadata().map_or(0, |m| m.len()) })
        .sum()
}

fn main() {
    let folder = tempfile::tempdir_in(".").expect("a folder on a real disk");
    let workflow = WorkflowId::new("bench");
    let raw_before = raw(folder.path(), false);
    println!("raw fdatasync of 4 KB             {raw_before:9.1} µs     1.00 ×");
    let show = |what: &str, micros: f64, per: f64| {
        println!("{what:<34}{:9.1} µs  {:7.2} ×", micros / per, micros / per / raw_before);
    };

    show("the same on a growing file", raw(folder.path(), true), 1.0);

    let mut journal = open(&folder.path().join("one"));
    show("one durable entry", time(|index| journal.append(&workflow, CycleNo(1), &[entry(index)], true).expect("taken")), 1.0);
    let mut next = ROUNDS;
    for group in [8, 32, 256] {
        let micros = time(|_| {
            let entries: Vec<_> = (next..next + group).map(entry).collect();
            next += group;
            journal.append(&workflow, CycleNo(1), &entries, true).expect("taken");
        });
        show(&format!("the same in groups of {group}, each"), micros, f64::from(group));
    }
    drop(journal);

    let state = folder.path().join("steps");
    let mut journal = open(&state);
    let steps: u32 = 20_000;
    let start = Instant::now();
    for index in 0..steps {
        journal.append(&workflow, CycleNo(1), &[no_op(index)], false).expect("taken");
    }
    journal.append(&workflow, CycleNo(1), &[], true).expect("taken");
    show("no-op step, riding along, each", start.elapsed().as_secs_f64() * 1e6, f64::from(steps));
    let head = journal.store().head();
    println!("bytes per no-op step              {:9.1}", head.bytes as f64 / f64::from(steps));
    drop(journal);
    println!("the same on the disk              {:9.1}", bytes_on_disk(&state) as f64 / f64::from(steps));

    let start = Instant::now();
    let journal = open(&state);
    println!("open and check {} entries      {:9.1} ms", steps, start.elapsed().as_secs_f64() * 1e3);
    let start = Instant::now();
    assert_eq!(journal.read(&workflow, CycleNo(1)).expect("readable").len(), steps as usize);
    println!("read them all                     {:9.1} ms", start.elapsed().as_secs_f64() * 1e3);
    drop(journal);

    let fresh = folder.path().join("fresh");
    let start = Instant::now();
    drop(open(&fresh));
    println!("make a new store                  {:9.1} ms", start.elapsed().as_secs_f64() * 1e3);
    for _ in 0..3 {
        let start = Instant::now();
        let journal = open(&fresh);
        let opened = start.elapsed();
        drop(journal);
        let closed = start.elapsed() - opened;
        println!("open an empty store               {:9.1} ms", opened.as_secs_f64() * 1e3);
        println!("close it                          {:9.1} ms", closed.as_secs_f64() * 1e3);
    }
    show("raw fdatasync of 4 KB, again", raw(folder.path(), false), 1.0);
}
