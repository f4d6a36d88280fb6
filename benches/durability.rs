//! What a durable step costs, next to what the disk alone costs, in the same run: only the ratios travel between machines.
//!
//! `cargo bench --bench durability`

use loopctl::base::{CycleNo, StepId, TaskId, WorkflowId};
use loopctl::engine::Entry;
use loopctl::runtime::Journal;
use loopctl::store::{CheckpointStore, DiskStore, LogJournal, OpenOptions};
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

fn micros(work: impl FnOnce()) -> f64 {
    let start = Instant::now();
    work();
    start.elapsed().as_secs_f64() * 1e6
}

/// 4 KB written over bytes that are there, then `fdatasync`: the least that durable can mean.
struct Raw(File);

impl Raw {
    fn new(folder: &Path) -> Raw {
        let mut file = File::create(folder.join("raw")).expect("writable");
        file.write_all(&vec![1; ROUNDS as usize * 4096]).expect("room");
        file.sync_all().expect("synced");
        Raw(file)
    }

    fn once(&mut self, index: u32) {
        self.0.seek(SeekFrom::Start(u64::from(index % ROUNDS) * 4096)).expect("seekable");
        self.0.write_all(&[7; 4096]).expect("room");
        self.0.sync_data().expect("synced");
    }
}

/// Raw and ours in turn, so that what else the machine does hits both alike. Ours is divided by `per`.
fn compare(what: &str, raw: &mut Raw, per: u32, mut ours: impl FnMut(u32)) {
    let times = (0..ROUNDS).map(|index| (micros(|| raw.once(index)), micros(|| ours(index))));
    let (raw, ours): (Vec<f64>, Vec<f64>) = times.unzip();
    let (raw, ours) = (median(raw), median(ours) / f64::from(per));
    println!("{what:<36}{ours:9.1} µs  {:8.3} × of {raw:.1} µs", ours / raw);
}

fn open(folder: &Path) -> LogJournal<DiskStore> {
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
    println!("{:<36}{:>9}     {:>8}   raw fdatasync of 4 KB", "", "each", "ratio");
    let mut raw = Raw::new(folder.path());
    let mut growing = File::create(folder.path().join("growing")).expect("writable");
    compare("a growing file, 4 KB and fdatasync", &mut raw, 1, |_| {
        growing.write_all(&[7; 4096]).expect("room");
        growing.sync_data().expect("synced");
    });

    let mut journal = open(&folder.path().join("one"));
    let mut next = 0;
    for (what, group) in [
        ("one durable entry", 1),
        ("durable in groups of 8", 8),
        ("durable in groups of 32", 32),
        ("durable in groups of 256", 256),
    ] {
        compare(what, &mut raw, group, |_| {
            let entries: Vec<_> = (next..next + group).map(entry).collect();
            next += group;
            journal.append(&workflow, CycleNo(1), &entries, true).expect("taken");
        });
    }
    drop(journal);

    let state = folder.path().join("steps");
    let mut journal = open(&state);
    let steps: u32 = 100_000;
    let start = Instant::now();
    for index in 0..steps {
        journal.append(&workflow, CycleNo(1), &[no_op(index)], false).expect("taken");
    }
    journal.append(&workflow, CycleNo(1), &[], true).expect("taken");
    println!("{:<36}{:9.1} µs", "no-op step that rides along", start.elapsed().as_secs_f64() * 1e6 / f64::from(steps));
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
}
