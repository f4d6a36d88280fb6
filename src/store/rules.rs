//! The rules that make an engine trustworthy; they and why they are needed are in `docs/design/store.md`.
//!
//! ```text
//! owner            locked by the process that uses the folder
//! HEAD             what was acknowledged, and which engine keeps it
//! store-1/         the engine's files; the number is the generation, compacting moves to the next
//! blobs-loopctl/   large values by digest
//! ```

use super::acknowledged::{self, Acknowledged, Found, Mark};
use super::blobs::{BlobError, Blobs};
use super::checkpoint::{Batch, CheckpointStore, Compaction, Head, Health, Visit};
use super::engine::{Change, Engine, EngineKind, RawVisit};
use super::envelope::{self, Content};
use super::guarded::guarded;
use super::open::OpenOptions;
use super::owner::Owner;
use super::{error, keys};
use crate::runtime::JournalError;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

/// Larger values become files of their own.
const INLINE_MOST: usize = 64 << 10;
/// Less free room than this and nothing is written any more: sled takes segments of 16 MiB at a time, and redb grows its file by large steps.
const FREE_LEAST: u64 = 40 << 20;
/// So many bytes are copied in one batch when compacting.
const COPIED_AT_ONCE: usize = 1 << 20;
/// Where `HEAD` may lag behind, it is synced after so many batches all the same.
const LAG_MOST: u32 = 64;

/// Says in words what is missing, from the note of the last acknowledged batch and what is there.
pub type Explain = dyn Fn(&RuledStore, &[u8]) -> String;

/// How an engine is opened in a folder, and whether it is to check all of its files.
pub(super) type Engines = dyn Fn(EngineKind, &Path, bool) -> Result<Box<dyn Engine>, JournalError>;

/// A store on a disk. See [`super::open()`].
pub struct RuledStore {
    folder: PathBuf,
    /// Where the engine keeps its files.
    generation_folder: PathBuf,
    kind: EngineKind,
    engine: Box<dyn Engine>,
    blobs: Blobs,
    acknowledged: Acknowledged,
    head: Head,
    note: Vec<u8>,
    /// A write failed or the engine panicked: memory and disk may differ, so nothing is taken or given any more.
    stopped: AtomicBool,
    // Last, so that the folder is given free after the engine has let go of it.
    _owner: Owner,
}

impl Drop for RuledStore {
    fn drop(&mut self) {
        // A mark that lags is written already; what is lost without this sync is only that damage beside a power cut is noticed.
        let _ = self.acknowledged.sync();
    }
}

impl RuledStore {
    /// Opens or makes the store in `folder`.
    pub fn open(folder: &Path, options: &OpenOptions, explain: &Explain) -> Result<RuledStore, JournalError> {
        RuledStore::open_with(folder, options, explain, &EngineKind::open)
    }

    /// The same with engines from elsewhere, for the tests of power cuts.
    pub(super) fn open_with(
        folder: &Path,
        options: &OpenOptions,
        explain: &Explain,
        engines: &Engines,
    ) -> Result<RuledStore, JournalError> {
        let io = |doing: &'static str| move |cause: io::Error| error::io(folder, doing, cause);
        fs::create_dir_all(folder).map_err(io("make the state folder"))?;
        let owner = Owner::take(folder, options.wait)?;
        let head_path = folder.join("HEAD");
        let generations = generations(folder).map_err(io("read the state folder"))?;
        let latest = generations.last().copied();
        let mark = match acknowledged::read(&head_path).map_err(io("read HEAD"))? {
            Found::Mark(mark) => Some(mark),
            Found::Absent if latest.is_none() => None,
            Found::Absent | Found::Damaged if options.accept_loss => None,
            Found::Absent => {
                let what =
                    format!("the file HEAD is missing from `{}`, so nobody can say whether the store is whole", folder.display());
                return Err(error::damaged(what, None));
            }
            Found::Damaged => return Err(error::damaged(format!("the file HEAD in `{}` is damaged", folder.display()), None)),
        };
        let generation = mark.as_ref().map_or(latest.unwrap_or(1), |mark| mark.generation);
        let generation_folder = folder.join(format!("store-{generation}"));
        let is_new = !generation_folder.exists();
        let kind = match (&mark, found_engine(&generation_folder)) {
            (Some(mark), _) => mark.engine,
            (None, Some(found)) => found,
            (None, None) => options.engine.map_or_else(engine_for_new, Ok)?,
        };
        if let Some(asked) = options.engine.filter(|asked| *asked != kind) {
            return Err(error::other_engine(folder, kind.name(), asked.name()));
        }
        if is_new && free(folder).is_some_and(|free| free < FREE_LEAST) {
            return Err(error::full(folder, None));
        }
        // HEAD comes first: a store without one is a store whose HEAD was lost.
        let first = Mark { generation, engine: kind, ..Mark::default() };
        let acknowledged = Acknowledged::open(&head_path, first).map_err(io("write HEAD"))?;
        if is_new {
            sync_folder(folder).map_err(io("sync the state folder"))?;
        }
        let blobs = Blobs::open(folder.join("blobs-loopctl")).map_err(io("open the large values"))?;
        let small = size(&generation_folder).is_ok_and(|bytes| bytes <= options.check_up_to);
        let engine = engines(kind, &generation_folder, small && !options.accept_loss)?;
        let note = acknowledged.mark.note.clone();
        let mut store = RuledStore {
            folder: folder.to_owned(),
            generation_folder,
            kind,
            engine,
            blobs,
            acknowledged,
            head: Head::default(),
            note,
            stopped: AtomicBool::new(false),
            _owner: owner,
        };
        if options.accept_loss {
            store.mend()?;
        } else {
            store.check(options, explain)?;
        }
        if store.acknowledged.mark.sequence == 0 {
            store.settle()?;
        }
        // What an interrupted compaction left, now that the generation in use has proved whole.
        for old in generations.into_iter().filter(|old| *old != generation) {
            fs::remove_dir_all(folder.join(format!("store-{old}"))).map_err(io("remove an old generation"))?;
        }
        Ok(store)
    }

    /// Refuses a store that has less than it acknowledged, or other bytes.
    fn check(&mut self, options: &OpenOptions, explain: &Explain) -> Result<(), JournalError> {
        if let Some(what) = self.engine.finding() {
            return Err(error::damaged(what, None));
        }
        let found =
            self.raw(keys::HEAD)?.map(|bytes| decode_head(&bytes)).transpose().map_err(|what| self.broken(keys::HEAD, &what))?;
        self.head = found.unwrap_or_default();
        let mark = &self.acknowledged.mark;
        if self.head.sequence < mark.sequence {
            let missing = mark.sequence - self.head.sequence;
            let commits = if missing == 1 { "1 commit is missing".to_owned() } else { format!("{missing} commits are missing") };
            let lost = explain(self, &mark.note);
            return Err(error::shortened(&self.folder, &format!("{commits} of {}; {lost}", mark.sequence)));
        }
        if self.head.sequence == mark.sequence && self.head.chain != mark.chain {
            let what = format!("the store in `{}` has another history than the one acknowledged", self.folder.display());
            return Err(error::damaged(what, None));
        }
        if self.head.bytes <= options.check_up_to {
            let health = self.verified(false)?;
            if let Some(finding) = health.findings.first() {
                let more = health.findings.len() - 1;
                let more = if more == 0 { String::new() } else { format!(" And {more} more.") };
                return Err(error::damaged(
                    format!("the store in `{}` is damaged. {finding}{more}", self.folder.display()),
                    None,
                ));
            }
        }
        Ok(())
    }

    /// Removes what cannot be read and takes the rest as the truth.
    fn mend(&mut self) -> Result<(), JournalError> {
        let mut head = self.raw(keys::HEAD)?.and_then(|bytes| decode_head(&bytes).ok()).unwrap_or_default();
        (head.keys, head.bytes, head.sum) = (0, 0, 0);
        let mut changes: Vec<Change> = Vec::new();
        self.each_raw(b"", &mut |key, bytes| {
            match self.unwrap(key, bytes) {
                _ if key == keys::HEAD => {}
                Ok(_) => head.add(key.len() + bytes.len(), envelope::stored_checksum(bytes)),
                Err(_) => changes.push((key.to_vec(), None)),
            }
            Ok(())
        })?;
        // Numbers already given to lost batches are not given again.
        head.sequence = head.sequence.max(self.acknowledged.mark.sequence) + 1;
        changes.push((keys::HEAD.to_vec(), Some(encode_head(&head))));
        self.head = head;
        let mended = guarded(|| self.engine.apply(changes, true));
        mended.unwrap_or_else(|panic| Err(error::damaged(format!("the store cannot be mended: {panic}"), None)))?;
        self.acknowledge(true)
    }

    /// The names of new files must be on the disk before anything is acknowledged: called until the first time it is.
    fn settle(&self) -> Result<(), JournalError> {
        self.engine.settle()?;
        sync_folder(&self.folder).map_err(|cause| error::io(&self.folder, "sync the state folder", cause))
    }

    fn acknowledge(&mut self, sync: bool) -> Result<(), JournalError> {
        let generation = self.acknowledged.mark.generation;
        let mark = self.mark(generation);
        self.acknowledged.set(mark, sync).map_err(|cause| error::io(&self.folder, "write HEAD", cause))
    }

    /// What is acknowledged now, in a generation.
    fn mark(&self, generation: u64) -> Mark {
        Mark { generation, engine: self.kind, sequence: self.head.sequence, chain: self.head.chain, note: self.note.clone() }
    }

    /// Which engine keeps this folder.
    pub fn kind(&self) -> EngineKind {
        self.kind
    }

    fn usable(&self) -> Result<(), JournalError> {
        if self.stopped.load(Ordering::Relaxed) { Err(error::stopped()) } else { Ok(()) }
    }

    fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    fn broken(&self, key: &[u8], what: &str) -> JournalError {
        let key: String = key.iter().map(|byte| if byte.is_ascii_graphic() { *byte as char } else { '·' }).collect();
        error::damaged(format!("the value of `{key}` in `{}` is damaged: {what}", self.folder.display()), None)
    }

    fn panicked(&self, panic: &str) -> JournalError {
        self.stop();
        error::damaged(format!("the store in `{}` is damaged: {panic}", self.folder.display()), None)
    }

    fn raw(&self, key: &[u8]) -> Result<Option<Vec<u8>>, JournalError> {
        guarded(|| self.engine.get(key)).unwrap_or_else(|panic| Err(self.panicked(&panic)))
    }

    /// Visits keys and envelopes, the store's own head included.
    fn each_raw(&self, prefix: &[u8], visit: &mut RawVisit<'_>) -> Result<(), JournalError> {
        guarded(|| self.engine.each(prefix, visit)).unwrap_or_else(|panic| Err(self.panicked(&panic)))
    }

    /// The value inside an envelope, or what is wrong with it.
    fn unwrap(&self, key: &[u8], bytes: &[u8]) -> Result<Vec<u8>, String> {
        let unpack = |packed: &[u8], length: u64| envelope::unpack(packed, length).map_err(|cause| cause.to_string());
        let read = |digest: &[u8; 32], length: u64| self.blobs.read(digest, length).map_err(|cause: BlobError| cause.to_string());
        match envelope::open(key, bytes).map_err(|cause| cause.to_string())?.content {
            Content::Inline(value) => Ok(value.to_vec()),
            Content::File { digest, length } => read(&digest, length),
            Content::Packed { bytes, length } => unpack(bytes, u64::from(length)),
            Content::PackedFile { digest, stored, length } => unpack(&read(&digest, stored)?, length),
        }
    }

    /// A value in its envelope; one that becomes a file is on the disk when this returns, but for its name.
    fn sealed(&self, key: &[u8], sequence: u64, value: &[u8], files: &mut bool) -> Result<Vec<u8>, JournalError> {
        let packed = envelope::pack(value);
        let stored = packed.as_deref().unwrap_or(value);
        let length = value.len() as u64;
        let content = if stored.len() > INLINE_MOST {
            *files = true;
            let digest = self.blobs.write(stored).map_err(|cause| error::io(&self.folder, "write a large value", cause))?;
            match packed {
                None => Content::File { digest, length },
                Some(_) => Content::PackedFile { digest, stored: stored.len() as u64, length },
            }
        } else {
            match &packed {
                None => Content::Inline(value),
                // Packing refuses what is longer than that.
                Some(packed) => Content::Packed { bytes: packed, length: length as u32 },
            }
        };
        Ok(envelope::seal(key, sequence, &content))
    }

    /// Builds the new head and the engine's changes; large values are on the disk when this returns.
    fn prepare(&self, batch: Batch) -> Result<(Head, Vec<Change>), JournalError> {
        let mut head = self.head;
        head.sequence += 1;
        let mut chain = crc32fast::Hasher::new();
        chain.update(&head.chain.to_be_bytes());
        let mut changes: Vec<Change> = batch.changes.into_iter().collect();
        let keys: Vec<&[u8]> = changes.iter().map(|(key, _)| key.as_slice()).collect();
        let found = guarded(|| {
            self.engine.find(&mut keys.iter().copied(), &mut |place, old| {
                head.take(keys[place].len() + old.len(), envelope::stored_checksum(old));
            })
        });
        found.unwrap_or_else(|panic| Err(self.panicked(&panic)))?;
        let mut files = false;
        for (key, change) in &mut changes {
            let Some(value) = change else { continue };
            let sealed = self.sealed(key, head.sequence, value, &mut files)?;
            let crc = envelope::stored_checksum(&sealed);
            chain.update(&crc.to_be_bytes());
            head.add(key.len() + sealed.len(), crc);
            *value = sealed;
        }
        if files {
            self.blobs.sync().map_err(|cause| error::io(&self.folder, "sync large values", cause))?;
        }
        head.chain = chain.finalize();
        changes.push((keys::HEAD.to_vec(), Some(encode_head(&head))));
        Ok((head, changes))
    }

    /// Reads everything and compares it with what was written. What rots on a disk changes a checksum, and those are taken over bytes
    /// as they are stored; `deep` unpacks what is compressed as well.
    fn verified(&self, deep: bool) -> Result<Health, JournalError> {
        self.usable()?;
        let mut health = Health::default();
        let mut found = Head::default();
        self.each_raw(b"", &mut |key, bytes| {
            if key == keys::HEAD {
                return Ok(());
            }
            found.add(key.len() + bytes.len(), envelope::stored_checksum(bytes));
            match self.whole(key, bytes, deep) {
                Ok(is_file) => health.files += u64::from(is_file),
                Err(what) => health.findings.push(format!("{}.", self.broken(key, &what).message)),
            }
            Ok(())
        })?;
        (health.keys, health.bytes) = (found.keys, found.bytes);
        if found.keys != self.head.keys {
            health.findings.push(format!("It holds {} values where {} were written.", found.keys, self.head.keys));
        } else if found.sum != self.head.sum {
            health.findings.push("It holds other values than were written.".to_owned());
        }
        health.findings.extend(self.engine.finding().map(|what| format!("{what}.")));
        Ok(health)
    }

    /// Whether a value is what was written, and whether it stands in a file of its own; or what is wrong with it.
    fn whole(&self, key: &[u8], bytes: &[u8], deep: bool) -> Result<bool, String> {
        let content = envelope::open(key, bytes).map_err(|cause| cause.to_string())?.content;
        let is_file = matches!(content, Content::File { .. } | Content::PackedFile { .. });
        match content {
            Content::Packed { .. } if deep => drop(self.unwrap(key, bytes)?),
            Content::Inline(_) | Content::Packed { .. } => {}
            // Its digest is looked at when it is read.
            Content::File { .. } | Content::PackedFile { .. } => drop(self.unwrap(key, bytes)?),
        }
        Ok(is_file)
    }

    /// Copies what is live into a new generation, kept by the same engine or another one.
    pub fn compact_into(&mut self, kind: EngineKind) -> Result<Compaction, JournalError> {
        self.usable()?;
        let generation = self.acknowledged.mark.generation + 1;
        let new_folder = self.folder.join(format!("store-{generation}"));
        let folder = self.folder.clone();
        let folder = folder.as_path();
        let io = |doing: &'static str| move |cause: io::Error| error::io(folder, doing, cause);
        let before = size(folder).map_err(io("measure the store"))?;
        if new_folder.exists() {
            fs::remove_dir_all(&new_folder).map_err(io("remove an interrupted compaction"))?;
        }
        let mut new = kind.open(&new_folder, false)?;
        let mut live = BTreeSet::new();
        let mut pending: Vec<Change> = Vec::new();
        let mut bytes = 0;
        let failed = |panic: String| Err(error::damaged(format!("compacting failed: {panic}"), None));
        let mut write = |changes: Vec<Change>, durable| guarded(|| new.apply(changes, durable)).unwrap_or_else(failed);
        self.each_raw(b"", &mut |key, sealed| {
            if key != keys::HEAD {
                let opened = envelope::open(key, sealed).map_err(|cause| self.broken(key, &cause.to_string()))?;
                if let Content::File { digest, .. } | Content::PackedFile { digest, .. } = opened.content {
                    live.insert(envelope::file_name(&digest));
                }
                bytes += key.len() + sealed.len();
                pending.push((key.to_vec(), Some(sealed.to_vec())));
            }
            if bytes < COPIED_AT_ONCE {
                return Ok(());
            }
            bytes = 0;
            write(std::mem::take(&mut pending), false)
        })?;
        pending.push((keys::HEAD.to_vec(), Some(encode_head(&self.head))));
        write(pending, true)?;
        let old = std::mem::replace(&mut self.engine, new);
        let old_folder = std::mem::replace(&mut self.generation_folder, new_folder);
        self.kind = kind;
        self.settle().inspect_err(|_| self.stop())?;
        // The one step that counts: from here on the new generation is the store.
        let mark = self.mark(generation);
        self.acknowledged.set(mark, true).map_err(io("write HEAD")).inspect_err(|_| self.stop())?;
        drop(old);
        fs::remove_dir_all(old_folder).map_err(io("remove the old generation"))?;
        self.blobs.retain(&live).map_err(io("remove large values nobody names"))?;
        let after = size(folder).map_err(io("measure the store"))?;
        Ok(Compaction { before, after })
    }

    /// Whether `HEAD` is on the disk as it stands.
    #[cfg(test)]
    pub fn head_is_synced(&self) -> bool {
        self.acknowledged.lag == 0
    }
}

impl CheckpointStore for RuledStore {
    fn commit(&mut self, batch: Batch, durable: bool) -> Result<Head, JournalError> {
        self.usable()?;
        // Looked at before the engine is: a full disk in the middle of a write would stop the store, this only refuses.
        if free(&self.folder).is_some_and(|free| free < FREE_LEAST) {
            return Err(error::full(&self.folder, None));
        }
        let note = batch.note.clone();
        let (head, changes) = self.prepare(batch)?;
        let written = guarded(|| self.engine.apply(changes, durable));
        if let Err(cause) = written.unwrap_or_else(|panic| Err(self.panicked(&panic))) {
            self.stop();
            return Err(cause);
        }
        self.head = head;
        if let Some(note) = note {
            self.note = note;
        }
        if durable {
            let sync = !self.kind.head_may_lag() || self.acknowledged.lag >= LAG_MOST;
            self.acknowledge(sync).inspect_err(|_| self.stop())?;
        }
        Ok(head)
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, JournalError> {
        self.usable()?;
        self.raw(key)?.map(|bytes| self.unwrap(key, &bytes).map_err(|what| self.broken(key, &what))).transpose()
    }

    fn scan(&self, prefix: &[u8], visit: &mut Visit<'_>) -> Result<(), JournalError> {
        self.usable()?;
        self.each_raw(prefix, &mut |key, bytes| {
            if key == keys::HEAD {
                return Ok(());
            }
            visit(key, self.unwrap(key, bytes).map_err(|what| self.broken(key, &what))?)
        })
    }

    fn head(&self) -> Head {
        self.head
    }

    fn verify(&self) -> Result<Health, JournalError> {
        self.verified(true)
    }

    fn compact(&mut self) -> Result<Compaction, JournalError> {
        self.compact_into(self.kind)
    }

    fn bytes_on_disk(&self) -> Option<u64> {
        Some(size(&self.generation_folder).ok()? + size(&self.folder.join("blobs-loopctl")).ok()?)
    }

    fn value_most(&self) -> usize {
        self.kind.value_most()
    }
}

/// The engine whose file stands in a generation's folder.
fn found_engine(folder: &Path) -> Option<EngineKind> {
    EngineKind::ALL.into_iter().find(|kind| folder.join(kind.file()).exists())
}

/// The engine of a folder that is made now: what `LOOPCTL_STORE` says, else the default.
pub(super) fn engine_for_new() -> Result<EngineKind, JournalError> {
    match std::env::var("LOOPCTL_STORE") {
        Ok(name) if !name.trim().is_empty() => {
            EngineKind::from_name(name.trim()).ok_or_else(|| error::unknown_engine(name.trim()))
        }
        _ => Ok(EngineKind::NEW),
    }
}

/// The numbers of the `store-N` folders, in order.
fn generations(folder: &Path) -> io::Result<Vec<u64>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        found.extend(name.to_string_lossy().strip_prefix("store-").and_then(|number| number.parse::<u64>().ok()));
    }
    found.sort_unstable();
    Ok(found)
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Bytes that all files below a folder take.
fn size(folder: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        bytes += if metadata.is_dir() { size(&entry.path())? } else { metadata.len() };
    }
    Ok(bytes)
}

/// Free bytes on the disk that holds `folder`; `None` where that cannot be asked.
#[cfg(unix)]
fn free(folder: &Path) -> Option<u64> {
    use std::os::unix::ffi::OsStrExt;
    let path = std::ffi::CString::new(folder.as_os_str().as_bytes()).ok()?;
    let mut answer = std::mem::MaybeUninit::<libc::statvfs>::uninit();
    // SAFETY: the path ends in a zero byte and the answer is read only when the call says that it was filled in.
    #[expect(clippy::unnecessary_cast, reason = "the fields' widths differ between systems")]
    unsafe {
        (libc::statvfs(path.as_ptr(), answer.as_mut_ptr()) == 0).then(|| {
            let answer = answer.assume_init();
            (answer.f_bavail as u64).saturating_mul(answer.f_frsize as u64)
        })
    }
}

#[cfg(not(unix))]
fn free(_folder: &Path) -> Option<u64> {
    None
}

fn encode_head(head: &Head) -> Vec<u8> {
    let mut value = Vec::with_capacity(28);
    value.extend(head.chain.to_be_bytes());
    value.extend(head.keys.to_be_bytes());
    value.extend(head.sum.to_be_bytes());
    value.extend(head.bytes.to_be_bytes());
    envelope::seal(keys::HEAD, head.sequence, &Content::Inline(&value))
}

fn decode_head(bytes: &[u8]) -> Result<Head, String> {
    let opened = envelope::open(keys::HEAD, bytes).map_err(|cause| cause.to_string())?;
    let Content::Inline(value) = opened.content else {
        return Err("it is not a head".to_owned());
    };
    let number = |at: usize| Some(u64::from_be_bytes(value.get(at..at + 8)?.try_into().ok()?));
    let chain = value.get(..4).map(|chain| u32::from_be_bytes(chain.try_into().expect("4 bytes")));
    match (chain, number(4), number(12), number(20)) {
        (Some(chain), Some(keys), Some(sum), Some(bytes)) => Ok(Head { sequence: opened.sequence, chain, keys, sum, bytes }),
        _ => Err("it is not a head".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_goes_both_ways() {
        let head = Head { sequence: 7, chain: 8, keys: 9, sum: 10, bytes: 11 };
        assert_eq!(decode_head(&encode_head(&head)), Ok(head));
    }
}
