//! Damage to a store on disk: what comes back is whole, or the store is refused. Never silently shorter.

use loopctl::base::{CycleNo, Rng, StepId, TaskId, WorkflowId};
use loopctl::engine::Entry;
use loopctl::runtime::{Journal, JournalError};
use loopctl::step::{Body, Fetched, Reply};
use loopctl::store::{CheckpointStore, DiskStore, EngineKind, LogJournal, OpenOptions};
use std::fs;
use std::path::Path;

fn workflow() -> WorkflowId {
    WorkflowId::new("b2b-growth")
}

fn note(index: u32) -> Entry {
    Entry::Deferred { task: TaskId { step: StepId::new("rank"), item: None }, reason: format!("reason {index}") }
}

fn open(folder: &Path) -> Result<LogJournal<DiskStore>, JournalError> {
    loopctl::store::open(folder, &OpenOptions::default())
}

fn new(folder: &Path, engine: EngineKind) -> LogJournal<DiskStore> {
    let options = OpenOptions { engine: Some(engine), ..OpenOptions::default() };
    loopctl::store::open(folder, &options).expect("a new store")
}

/// The file in which an engine keeps everything.
fn file(state: &Path, engine: EngineKind) -> std::path::PathBuf {
    state.join("store-1").join(if engine == EngineKind::Sled { "db" } else { "redb" })
}

/// Runs a test for each engine.
macro_rules! for_each_engine {
    ($($name:ident),* $(,)?) => {
        mod sled {
            $(#[test] fn $name() { super::$name(loopctl::store::EngineKind::Sled); })*
        }
        mod redb {
            $(#[test] fn $name() { super::$name(loopctl::store::EngineKind::Redb); })*
        }
    };
}

for_each_engine!(
    an_older_copy_is_refused_and_names_the_cycles_it_lacks,
    a_store_or_a_head_that_went_missing_is_refused,
    a_torn_tail_is_whole_or_refused,
    flipped_bytes_are_whole_or_refused,
    a_large_value_that_changed_is_refused_and_can_be_given_up,
);

/// A store with `count` durable entries, one commit each, closed cleanly.
fn filled(folder: &Path, engine: EngineKind, count: u32) {
    let mut journal = new(folder, engine);
    for index in 0..count {
        journal.append(&workflow(), CycleNo(1), &[note(index)], true).expect("taken");
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("writable");
    for entry in fs::read_dir(from).expect("readable").flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("copied");
        }
    }
}

/// Opens and reads everything: how many entries there are, or why not.
fn entries(folder: &Path) -> Result<Vec<Entry>, JournalError> {
    open(folder)?.read(&workflow(), CycleNo(1))
}

/// The promise: all of it, or a refusal with a code that people can look up.
fn assert_whole_or_refused(folder: &Path, expected: &[Entry], what: &str) -> bool {
    match entries(folder) {
        Ok(found) => {
            assert_eq!(found, expected, "{what}: silently shorter");
            true
        }
        Err(error) => {
            assert!(matches!(error.code, "store::damaged" | "store::shortened"), "{what}: {} {}", error.code, error.message);
            assert!(error.help.contains("loopctl store"), "{what}: no next step");
            false
        }
    }
}

fn an_older_copy_is_refused_and_names_the_cycles_it_lacks(engine: EngineKind) {
    let folder = tempfile::tempdir().expect("a folder");
    let state = folder.path().join("state");
    filled(&state, engine, 3);
    copy(&state.join("store-1"), &folder.path().join("backup"));
    let mut journal = open(&state).expect("whole");
    journal.append(&workflow(), CycleNo(1), &[note(3), note(4)], true).expect("taken");
    journal.append(&workflow(), CycleNo(2), &[note(5)], true).expect("taken");
    drop(journal);
    fs::remove_dir_all(state.join("store-1")).expect("removed");
    copy(&folder.path().join("backup"), &state.join("store-1"));

    for _ in 0..2 {
        let refused = open(&state).err().expect("shorter than acknowledged");
        assert_eq!(refused.code, "store::shortened");
        for fact in ["2 commits are missing of 5", "cycle 1 of `b2b-growth` has 3 of 5", "cycle 2 of `b2b-growth` has 0 of 1"] {
            assert!(refused.message.contains(fact), "{}", refused.message);
        }
    }
    // Accepting it on purpose takes the copy as the truth, once and for all.
    let options = OpenOptions { accept_loss: true, ..OpenOptions::default() };
    let mut journal = loopctl::store::open(&state, &options).expect("accepted");
    journal.append(&workflow(), CycleNo(1), &[note(9)], true).expect("taken");
    drop(journal);
    assert_eq!(entries(&state).expect("whole again"), [note(0), note(1), note(2), note(9)]);
}

fn a_store_or_a_head_that_went_missing_is_refused(engine: EngineKind) {
    let folder = tempfile::tempdir().expect("a folder");
    let state = folder.path().join("state");
    filled(&state, engine, 3);
    fs::rename(state.join("store-1"), folder.path().join("aside")).expect("moved");
    let refused = open(&state).err().expect("nothing there");
    assert_eq!(refused.code, "store::shortened");
    fs::remove_dir_all(state.join("store-1")).expect("removed");
    fs::rename(folder.path().join("aside"), state.join("store-1")).expect("moved back");
    assert_eq!(entries(&state).expect("whole").len(), 3);

    fs::remove_file(state.join("HEAD")).expect("removed");
    assert_eq!(open(&state).err().expect("no HEAD").code, "store::damaged");
    fs::write(state.join("HEAD"), b"something else").expect("written");
    assert_eq!(open(&state).err().expect("no HEAD").code, "store::damaged");
    let (journal, losses) = loopctl::store::recover(&state, std::time::Duration::ZERO).expect("readable");
    assert_eq!(losses, []);
    drop(journal);
    assert_eq!(entries(&state).expect("whole").len(), 3);
}

fn a_torn_tail_is_whole_or_refused(engine: EngineKind) {
    let folder = tempfile::tempdir().expect("a folder");
    let good = folder.path().join("good");
    filled(&good, engine, 40);
    let expected: Vec<_> = (0..40).map(note).collect();
    let bytes = fs::read(file(&good, engine)).expect("readable");
    let used = bytes.iter().rposition(|byte| *byte != 0).expect("something was written") + 1;
    // An undamaged copy is taken: what is refused below is refused for its damage.
    copy(&good, &folder.path().join("control"));
    assert!(assert_whole_or_refused(&folder.path().join("control"), &expected, "a plain copy"));
    let mut refused = 0;
    for round in 0..24 {
        let state = folder.path().join(format!("round-{round}"));
        copy(&good, &state);
        let length = used * (24 - round) / 25;
        let file = fs::OpenOptions::new().write(true).open(file(&state, engine)).expect("writable");
        file.set_len(length as u64).expect("cut");
        refused += u32::from(!assert_whole_or_refused(&state, &expected, &format!("cut at {length} of {used}")));
    }
    assert!(refused > 12, "cuts this deep must be noticed: {refused}");
}

/// The places in a file that are not zero.
fn not_empty(bytes: &[u8]) -> Vec<usize> {
    bytes.iter().enumerate().filter(|(_, byte)| **byte != 0).map(|(at, _)| at).collect()
}

fn flipped_bytes_are_whole_or_refused(engine: EngineKind) {
    let folder = tempfile::tempdir().expect("a folder");
    let good = folder.path().join("good");
    filled(&good, engine, 40);
    let expected: Vec<_> = (0..40).map(note).collect();
    let bytes = fs::read(file(&good, engine)).expect("readable");
    let used = bytes.iter().rposition(|byte| *byte != 0).expect("something was written") + 1;
    let mut rng = Rng::new(40);
    // An undamaged copy is taken: what is refused below is refused for its damage.
    copy(&good, &folder.path().join("control"));
    assert!(assert_whole_or_refused(&folder.path().join("control"), &expected, "a plain copy"));
    let mut refused = 0;
    // redb leaves most of its file free, so more of these hit nothing that counts.
    let (rounds, written) = if engine == EngineKind::Sled { (24, Vec::new()) } else { (96, not_empty(&bytes)) };
    for round in 0..rounds {
        let state = folder.path().join(format!("round-{round}"));
        copy(&good, &state);
        let mut changed = bytes.clone();
        let at = match written.len() {
            0 => rng.below(used as u64) as usize,
            most => written[rng.below(most as u64) as usize],
        };
        let length = 1 + rng.below(64) as usize;
        changed[at..(at + length).min(used)].iter_mut().for_each(|byte| *byte ^= 0x5a);
        fs::write(file(&state, engine), changed).expect("writable");
        refused += u32::from(!assert_whole_or_refused(&state, &expected, &format!("{length} bytes flipped at {at} of {used}")));
    }
    assert!(refused > 0, "damage must be noticed");
}

fn a_large_value_that_changed_is_refused_and_can_be_given_up(engine: EngineKind) {
    let folder = tempfile::tempdir().expect("a folder");
    let state = folder.path();
    let mut journal = new(state, engine);
    // It does not become small enough to stay inside when it is compressed.
    let mut rng = Rng::new(7);
    let noise: Vec<u8> = (0..90_000).map(|_| rng.below(256) as u8).collect();
    let reply = Reply::Fetched(Fetched::Entries(vec![("a".to_owned(), Body::new(noise))]));
    let task = TaskId { step: StepId::new("read"), item: None };
    let key = loopctl::base::RequestKey { cycle: CycleNo(1), task, turn: 0, index: 0 };
    for entry in [note(0), Entry::Replied { key, reply }, note(2)] {
        journal.append(&workflow(), CycleNo(1), &[entry], true).expect("taken");
    }
    drop(journal);
    let file = fs::read_dir(state.join("blobs-loopctl")).expect("readable").flatten().next().expect("one large value");
    fs::write(file.path(), b"other").expect("writable");
    assert_eq!(open(state).err().expect("changed").code, "store::damaged");

    let (journal, losses) = loopctl::store::recover(state, std::time::Duration::ZERO).expect("the rest is readable");
    assert_eq!(losses.len(), 1);
    assert_eq!((losses[0].cycle, losses[0].kept, losses[0].lost), (CycleNo(1), 1, 2));
    assert_eq!(journal.store().verify().expect("readable").findings, Vec::<String>::new());
    drop(journal);
    assert_eq!(entries(state).expect("whole again"), [note(0)]);
}

#[cfg(unix)]
#[test]
fn a_folder_that_cannot_be_written_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    // A file where the folder should be stands for every kind of "cannot": it works for root too.
    let state = folder.path().join("state");
    fs::write(&state, b"").expect("written");
    let refused = open(&state).err().expect("not a folder");
    assert!(refused.code.starts_with("store::"), "{}", refused.code);
    assert!(refused.message.contains("state"), "{}", refused.message);
}
