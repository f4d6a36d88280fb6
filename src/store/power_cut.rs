//! Power cuts, simulated: what was synced survives, and of what was written since, any part in any state.
//!
//! redb is run over bytes that we keep ourselves: at each sync, files are made as a power cut a moment earlier would have left them,
//! with every write since the sync before it there, missing, or torn at any sector. sled writes to files of its own, so there the
//! sectors that differ between two acknowledged commits are mixed. Each such file is opened by the program's own way in.

use super::engine::{Engine, EngineKind};
use super::log::LogJournal;
use super::open::{OpenOptions, open};
use super::redb_engine::RedbEngine;
use super::rules::RuledStore;
use crate::base::{CycleNo, Rng, StepId, TaskId, WorkflowId};
use crate::engine::Entry;
use crate::runtime::{Journal, JournalError};
use std::fs;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

/// What a disk writes whole or not at all.
const SECTOR: usize = 512;

/// A disk of one file.
#[derive(Debug, Default)]
struct Disk {
    synced: Vec<u8>,
    /// As programs see it.
    now: Vec<u8>,
    /// What was written since the last sync.
    since: Vec<(usize, Vec<u8>)>,
    syncs: usize,
    rng: Option<Rng>,
    /// What power cuts just before the last sync left.
    cuts: Vec<Vec<u8>>,
}

#[derive(Clone, Debug, Default)]
struct Recorded(Arc<Mutex<Disk>>);

impl Recorded {
    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.0.lock().expect("no test panics while it holds the disk")
    }
}

impl Disk {
    /// The file as a power cut now would leave it.
    fn cut(&self, rng: &mut Rng) -> Vec<u8> {
        let mut file = self.synced.clone();
        for (at, bytes) in &self.since {
            match rng.below(3) {
                0 => {}
                1 => put(&mut file, *at, bytes),
                _ => {
                    for (n, sector) in bytes.chunks(SECTOR).enumerate() {
                        if rng.below(2) == 0 {
                            put(&mut file, at + n * SECTOR, sector);
                        }
                    }
                }
            }
        }
        file
    }
}

fn put(file: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    if file.len() < at + bytes.len() {
        file.resize(at + bytes.len(), 0);
    }
    file[at..at + bytes.len()].copy_from_slice(bytes);
}

impl redb::StorageBackend for Recorded {
    fn len(&self) -> Result<u64, io::Error> {
        Ok(self.disk().now.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), io::Error> {
        let disk = self.disk();
        let from = offset as usize;
        let bytes = disk.now.get(from..from + out.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(bytes);
        Ok(())
    }

    fn set_len(&self, len: u64) -> Result<(), io::Error> {
        let mut disk = self.disk();
        disk.now.resize(len as usize, 0);
        // A length alone is metadata, which a journaling file system brings to the disk in its own time: here, at once.
        disk.synced.resize(len as usize, 0);
        disk.since.retain(|(at, bytes)| at + bytes.len() <= len as usize);
        Ok(())
    }

    fn sync_data(&self) -> Result<(), io::Error> {
        let mut disk = self.disk();
        disk.syncs += 1;
        if let Some(mut rng) = disk.rng.take() {
            disk.cuts = (0..4).map(|_| disk.cut(&mut rng)).collect();
            disk.rng = Some(rng);
        }
        disk.synced = disk.now.clone();
        disk.since.clear();
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), io::Error> {
        let mut disk = self.disk();
        put(&mut disk.now, offset as usize, data);
        disk.since.push((offset as usize, data.to_vec()));
        Ok(())
    }
}

fn workflow() -> WorkflowId {
    WorkflowId::new("cut")
}

fn note(index: u32) -> Entry {
    let reason = format!("reason {index} {}", "and more of it ".repeat(index as usize % 40));
    Entry::Deferred { task: TaskId { step: StepId::new("rank"), item: None }, reason }
}

/// Opens what a power cut left, and says how many entries there are; they must be a beginning.
fn entries(state: &Path) -> Result<usize, JournalError> {
    let found = open(state, &OpenOptions::default())?.read(&workflow(), CycleNo(1))?;
    assert_eq!(found, (0..found.len() as u32).map(note).collect::<Vec<_>>(), "not a beginning");
    Ok(found.len())
}

/// A state folder as it is found after the power is back.
fn found(folder: &Path, file: &str, bytes: &[u8], head: &[u8]) -> tempfile::TempDir {
    let state = tempfile::tempdir_in(folder).expect("a folder");
    fs::create_dir_all(state.path().join("store-1")).expect("writable");
    fs::write(state.path().join("store-1").join(file), bytes).expect("writable");
    fs::write(state.path().join("HEAD"), head).expect("writable");
    state
}

/// Two versions of a file, sector by sector.
fn mixed(old: &[u8], new: &[u8], rng: &mut Rng) -> Vec<u8> {
    let mut file = old.to_vec();
    file.resize(old.len().max(new.len()), 0);
    for (n, sector) in new.chunks(SECTOR).enumerate() {
        if rng.below(2) == 0 {
            put(&mut file, n * SECTOR, sector);
        }
    }
    file
}

#[test]
fn after_a_power_cut_redb_has_all_that_was_acknowledged() {
    for seed in 0..4 {
        let folder = tempfile::tempdir().expect("a folder");
        let state = folder.path().join("state");
        let disk = Recorded::default();
        let recorded = disk.clone();
        let engines = move |_: EngineKind, folder: &Path, _: bool| -> Result<Box<dyn Engine>, JournalError> {
            fs::create_dir_all(folder).expect("writable");
            fs::write(folder.join("redb"), b"").expect("writable");
            Ok(Box::new(RedbEngine::on(recorded.clone(), folder)?))
        };
        let options = OpenOptions { engine: Some(EngineKind::Redb), ..OpenOptions::default() };
        let store = RuledStore::open_with(&state, &options, &|_, _| String::new(), &engines).expect("a new store");
        let mut journal = LogJournal::new(store);
        let head_file = state.join("HEAD");
        let mut synced_head = fs::read(&head_file).expect("it was made");
        let mut rng = Rng::new(seed);
        disk.disk().rng = Some(Rng::new(seed + 100));
        let mut acknowledged = 0u32;
        for commit in 0..24 {
            let many = if rng.below(6) == 0 { 200 } else { 1 + rng.below(4) as u32 };
            let group: Vec<_> = (acknowledged..acknowledged + many).map(note).collect();
            let head = fs::read(&head_file).expect("readable");
            journal.append(&workflow(), CycleNo(1), &group, true).expect("taken");
            let cuts = std::mem::take(&mut disk.disk().cuts);
            assert!(!cuts.is_empty(), "a durable commit is synced");
            for cut in cuts {
                // What was written to HEAD and not synced may be there, missing, or torn.
                let head = match rng.below(3) {
                    0 => synced_head.clone(),
                    1 => head.clone(),
                    _ => mixed(&synced_head, &head, &mut rng),
                };
                let state = found(folder.path(), "redb", &cut, &head);
                let left =
                    entries(state.path()).unwrap_or_else(|error| panic!("seed {seed}, commit {commit}: {}", error.message));
                assert!(left >= acknowledged as usize, "seed {seed}, commit {commit}: {left} of {acknowledged}");
            }
            acknowledged += many;
            if journal.store().head_is_synced() {
                synced_head = fs::read(&head_file).expect("readable");
            }
            // Right behind the acknowledgement, with the mark not on the disk.
            let after = found(folder.path(), "redb", &disk.disk().synced.clone(), &synced_head);
            assert_eq!(entries(after.path()).expect("whole"), acknowledged as usize, "seed {seed}, commit {commit}");
        }
        assert!(disk.disk().syncs >= 24, "the recording saw every commit");
    }
}

#[test]
fn after_a_power_cut_sled_has_all_that_was_acknowledged_or_refuses() {
    let folder = tempfile::tempdir().expect("a folder");
    let state = folder.path().join("state");
    let options = OpenOptions { engine: Some(EngineKind::Sled), ..OpenOptions::default() };
    let mut journal = open(&state, &options).expect("a new store");
    let mut rng = Rng::new(5);
    let mut before: Option<(Vec<u8>, Vec<u8>)> = None;
    let (mut acknowledged, mut whole) = (0u32, 0);
    for commit in 0..8 {
        let many = 1 + rng.below(30) as u32;
        let group: Vec<_> = (acknowledged..acknowledged + many).map(note).collect();
        journal.append(&workflow(), CycleNo(1), &group, true).expect("taken");
        let now = (fs::read(state.join("store-1/db")).expect("readable"), fs::read(state.join("HEAD")).expect("readable"));
        if let Some((file, head)) = &before {
            for _ in 0..3 {
                let cut = found(folder.path(), "db", &mixed(file, &now.0, &mut rng), head);
                fs::copy(state.join("store-1/conf"), cut.path().join("store-1/conf")).expect("copied");
                match entries(cut.path()) {
                    Ok(left) => {
                        assert!(left >= acknowledged as usize, "commit {commit}: {left} of {acknowledged}");
                        whole += 1;
                    }
                    Err(error) => assert!(matches!(error.code, "store::damaged" | "store::shortened"), "{}", error.code),
                }
            }
        }
        acknowledged += many;
        before = Some(now);
    }
    assert!(whole > 0, "a power cut must not make every store useless");
}
