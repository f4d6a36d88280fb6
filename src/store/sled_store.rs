//! sled, made trustworthy. The rules and why they are needed are in `docs/design/store.md`.
//!
//! ```text
//! owner            locked by the process that uses the folder
//! HEAD             what was acknowledged
//! store-1/         sled; the number is the generation, compacting moves to the next
//! blobs-loopctl/   large values by digest
//! ```

use super::acknowledged::{self, Acknowledged, Found, Mark};
use super::blobs::{BlobError, Blobs};
use super::checkpoint::{Batch, CheckpointStore, Compaction, Head, Health, Visit};
use super::envelope::{self, Content};
use super::guarded::{guarded, guarded_on_a_thread};
use super::open::OpenOptions;
use super::owner::Owner;
use super::{error, keys};
use crate::runtime::JournalError;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Larger values become files of their own.
const INLINE_MOST: usize = 64 << 10;
/// Less free room than this and nothing is written any more: sled takes segments of 16 MiB at a time.
const FREE_LEAST: u64 = 40 << 20;
/// sled's largest segment: what does not fit into one goes to files that sled never syncs.
const SEGMENT: usize = 16 << 20;

type RawVisit<'a> = dyn FnMut(&[u8], &[u8]) -> Result<(), JournalError> + 'a;

/// Says in words what is missing, from the note of the last acknowledged batch and what is there.
pub type Explain = dyn Fn(&SledStore, &[u8]) -> String;

/// A store on a disk. See [`super::open()`].
pub struct SledStore {
    folder: PathBuf,
    db: Db,
    blobs: Blobs,
    acknowledged: Acknowledged,
    head: Head,
    note: Vec<u8>,
    /// A write failed or sled panicked: memory and disk may differ, so nothing is taken or given any more.
    stopped: AtomicBool,
    // Last, so that the folder is given free after sled has let go of it.
    _owner: Owner,
}

/// One open sled folder with our own handle on its file.
struct Db {
    sled: Option<sled::Db>,
    file: File,
    folder: PathBuf,
}

impl Drop for Db {
    fn drop(&mut self) {
        let sled = self.sled.take();
        // sled writes what is left while it is dropped, and may panic there as anywhere.
        let _ = guarded(move || drop(sled));
    }
}

impl Db {
    fn open(folder: PathBuf) -> Result<Db, JournalError> {
        let config = sled::Config::new()
            .path(&folder)
            .segment_size(SEGMENT)
            .cache_capacity(64 << 20)
            // Our own flush is the only one, so that what is on the disk is always a whole number of commits.
            .flush_every_ms(None);
        // A store that was dropped a moment ago in this process may still hold sled's lock.
        let until = Instant::now() + Duration::from_secs(2);
        let sled = loop {
            match guarded_on_a_thread(|| config.open()) {
                Ok(Ok(sled)) => break sled,
                Ok(Err(sled::Error::Io(cause))) if cause.to_string().contains("could not acquire lock") => {
                    if Instant::now() > until {
                        return Err(error::locked(&folder, "another process"));
                    }
                    std::thread::sleep(Duration::from_millis(10));
                }
                Ok(Err(cause)) => return Err(error::sled(&folder, "open the store", cause)),
                Err(panic) => {
                    return Err(error::damaged(format!("the store in `{}` cannot be opened: {panic}", folder.display()), None));
                }
            }
        };
        let file = File::open(folder.join("db")).map_err(|cause| error::io(&folder, "open the store", cause))?;
        Ok(Db { sled: Some(sled), file, folder })
    }

    fn sled(&self) -> &sled::Db {
        self.sled.as_ref().expect("taken only when dropped")
    }

    /// Brings everything applied so far to the disk.
    fn sync(&self) -> Result<(), JournalError> {
        self.sled().flush().map_err(|cause| error::sled(&self.folder, "write", cause))?;
        // sled's flush ends in sync_file_range, which neither flushes the disk's cache nor the file's length.
        self.file.sync_data().map_err(|cause| error::io(&self.folder, "sync", cause))
    }

    /// sled never syncs these, so there must be none.
    fn has_unsynced_files(&self) -> bool {
        fs::read_dir(self.folder.join("blobs")).is_ok_and(|mut entries| entries.next().is_some())
    }
}

impl SledStore {
    /// Opens or makes the store in `folder`.
    pub fn open(folder: &Path, options: &OpenOptions, explain: &Explain) -> Result<SledStore, JournalError> {
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
        let store_folder = folder.join(format!("store-{generation}"));
        let is_new = !store_folder.exists();
        if is_new && free(folder).is_some_and(|free| free < FREE_LEAST) {
            return Err(error::full(folder, None));
        }
        // HEAD comes first: a store without one is a store whose HEAD was lost.
        let first = Mark { generation, ..Mark::default() };
        let acknowledged = Acknowledged::open(&head_path, first).map_err(io("write HEAD"))?;
        if is_new {
            sync_folder(folder).map_err(io("sync the state folder"))?;
        }
        let blobs = Blobs::open(folder.join("blobs-loopctl")).map_err(io("open the large values"))?;
        let db = Db::open(store_folder)?;
        let note = acknowledged.mark.note.clone();
        let mut store = SledStore {
            folder: folder.to_owned(),
            db,
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
            store.settle().map_err(io("sync the state folder"))?;
        }
        // What an interrupted compaction left, now that the generation in use has proved whole.
        for old in generations.into_iter().filter(|old| *old != generation) {
            fs::remove_dir_all(folder.join(format!("store-{old}"))).map_err(io("remove an old generation"))?;
        }
        Ok(store)
    }

    /// Refuses a store that has less than it acknowledged, or other bytes.
    fn check(&mut self, options: &OpenOptions, explain: &Explain) -> Result<(), JournalError> {
        if self.db.has_unsynced_files() {
            let what = format!("`{}` holds files that were never synced", self.db.folder.join("blobs").display());
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
            let health = self.verify()?;
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
        let mut broken = sled::Batch::default();
        self.each_raw(b"", &mut |key, bytes| {
            match self.unwrap(key, bytes) {
                _ if key == keys::HEAD => {}
                Ok(_) => head.add(key.len() + bytes.len(), envelope::stored_checksum(bytes)),
                Err(_) => broken.remove(key),
            }
            Ok(())
        })?;
        // Numbers already given to lost batches are not given again.
        head.sequence = head.sequence.max(self.acknowledged.mark.sequence) + 1;
        broken.insert(keys::HEAD, encode_head(&head));
        self.head = head;
        let mended = guarded(|| {
            self.db.sled().apply_batch(broken).map_err(|cause| error::sled(&self.folder, "mend", cause))?;
            self.db.sync()
        });
        mended.unwrap_or_else(|panic| Err(error::damaged(format!("the store cannot be mended: {panic}"), None)))?;
        self.acknowledge()
    }

    /// The names of new files must be on the disk before anything is acknowledged: called until the first time it is.
    fn settle(&self) -> io::Result<()> {
        self.db.file.sync_all()?;
        for name in ["conf", "db"] {
            File::open(self.db.folder.join(name))?.sync_all()?;
        }
        sync_folder(&self.db.folder)?;
        sync_folder(&self.folder)
    }

    fn acknowledge(&mut self) -> Result<(), JournalError> {
        let generation = self.acknowledged.mark.generation;
        let mark = Mark { generation, sequence: self.head.sequence, chain: self.head.chain, note: self.note.clone() };
        self.acknowledged.set(mark).map_err(|cause| error::io(&self.folder, "write HEAD", cause))
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

    fn raw(&self, key: &[u8]) -> Result<Option<sled::IVec>, JournalError> {
        match guarded(|| self.db.sled().get(key)) {
            Ok(found) => found.map_err(|cause| error::sled(&self.folder, "read", cause)),
            Err(panic) => Err(self.panicked(&panic)),
        }
    }

    /// Visits keys and envelopes, the store's own head included.
    fn each_raw(&self, prefix: &[u8], visit: &mut RawVisit<'_>) -> Result<(), JournalError> {
        let mut found = self.db.sled().scan_prefix(prefix);
        loop {
            match guarded(|| found.next()) {
                Ok(Some(Ok((key, bytes)))) => visit(&key, &bytes)?,
                Ok(Some(Err(cause))) => return Err(error::sled(&self.folder, "read", cause)),
                Ok(None) => return Ok(()),
                Err(panic) => return Err(self.panicked(&panic)),
            }
        }
    }

    /// The value inside an envelope, or what is wrong with it.
    fn unwrap(&self, key: &[u8], bytes: &[u8]) -> Result<Vec<u8>, String> {
        match envelope::open(key, bytes).map_err(|cause| cause.to_string())?.content {
            Content::Inline(value) => Ok(value.to_vec()),
            Content::File { digest, length } => self.blobs.read(&digest, length).map_err(|cause: BlobError| cause.to_string()),
        }
    }

    /// Builds the new head and sled's batch; large values are on the disk when this returns.
    fn prepare(&self, batch: &Batch) -> Result<(Head, sled::Batch), JournalError> {
        let mut head = self.head;
        head.sequence += 1;
        let mut chain = crc32fast::Hasher::new();
        chain.update(&head.chain.to_be_bytes());
        let mut changes = sled::Batch::default();
        let mut files = false;
        for (key, change) in &batch.changes {
            if let Some(old) = self.raw(key)? {
                head.take(key.len() + old.len(), envelope::stored_checksum(&old));
            }
            let Some(value) = change else {
                changes.remove(key.as_slice());
                continue;
            };
            let content = if value.len() > INLINE_MOST {
                files = true;
                let digest = self.blobs.write(value).map_err(|cause| error::io(&self.folder, "write a large value", cause))?;
                Content::File { digest, length: value.len() as u64 }
            } else {
                Content::Inline(value)
            };
            let sealed = envelope::seal(key, head.sequence, &content);
            let crc = envelope::stored_checksum(&sealed);
            chain.update(&crc.to_be_bytes());
            head.add(key.len() + sealed.len(), crc);
            changes.insert(key.as_slice(), sealed);
        }
        if files {
            self.blobs.sync().map_err(|cause| error::io(&self.folder, "sync large values", cause))?;
        }
        head.chain = chain.finalize();
        changes.insert(keys::HEAD, encode_head(&head));
        Ok((head, changes))
    }
}

impl CheckpointStore for SledStore {
    fn commit(&mut self, batch: Batch, durable: bool) -> Result<Head, JournalError> {
        self.usable()?;
        // Looked at before sled is: a full disk in the middle of a write would stop the store, this only refuses.
        if free(&self.folder).is_some_and(|free| free < FREE_LEAST) {
            return Err(error::full(&self.folder, None));
        }
        let (head, changes) = self.prepare(&batch)?;
        let written = guarded(|| {
            self.db.sled().apply_batch(changes).map_err(|cause| error::sled(&self.folder, "write", cause))?;
            if durable { self.db.sync() } else { Ok(()) }
        });
        if let Err(cause) = written.unwrap_or_else(|panic| Err(self.panicked(&panic))) {
            self.stop();
            return Err(cause);
        }
        self.head = head;
        if let Some(note) = batch.note {
            self.note = note;
        }
        if durable {
            self.acknowledge().inspect_err(|_| self.stop())?;
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
        self.usable()?;
        let mut health = Health::default();
        let mut found = Head::default();
        self.each_raw(b"", &mut |key, bytes| {
            if key == keys::HEAD {
                return Ok(());
            }
            found.add(key.len() + bytes.len(), envelope::stored_checksum(bytes));
            if matches!(envelope::open(key, bytes), Ok(envelope::Opened { content: Content::File { .. }, .. })) {
                health.files += 1;
            }
            if let Err(what) = self.unwrap(key, bytes) {
                health.findings.push(format!("{}.", self.broken(key, &what).message));
            }
            Ok(())
        })?;
        (health.keys, health.bytes) = (found.keys, found.bytes);
        if found.keys != self.head.keys {
            health.findings.push(format!("It holds {} values where {} were written.", found.keys, self.head.keys));
        } else if found.sum != self.head.sum {
            health.findings.push("It holds other values than were written.".to_owned());
        }
        if self.db.has_unsynced_files() {
            health.findings.push(format!("`{}` holds files that were never synced.", self.db.folder.join("blobs").display()));
        }
        Ok(health)
    }

    fn compact(&mut self) -> Result<Compaction, JournalError> {
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
        let new = Db::open(new_folder)?;
        let mut live = BTreeSet::new();
        let mut pending = sled::Batch::default();
        let mut count = 0;
        let write = |batch: sled::Batch| {
            let applied = guarded(|| new.sled().apply_batch(batch));
            match applied {
                Ok(applied) => applied.map_err(|cause| error::sled(&new.folder, "compact", cause)),
                Err(panic) => Err(error::damaged(format!("compacting failed: {panic}"), None)),
            }
        };
        self.each_raw(b"", &mut |key, bytes| {
            if key != keys::HEAD {
                let opened = envelope::open(key, bytes).map_err(|cause| self.broken(key, &cause.to_string()))?;
                if let Content::File { digest, .. } = opened.content {
                    live.insert(envelope::file_name(&digest));
                }
            }
            pending.insert(key, bytes);
            count += 1;
            if count % 256 == 0 { write(std::mem::take(&mut pending)) } else { Ok(()) }
        })?;
        pending.insert(keys::HEAD, encode_head(&self.head));
        write(pending)?;
        guarded(|| new.sync()).unwrap_or_else(|panic| Err(error::damaged(format!("compacting failed: {panic}"), None)))?;
        let old = std::mem::replace(&mut self.db, new);
        self.settle().map_err(io("sync the new generation")).inspect_err(|_| self.stop())?;
        // The one step that counts: from here on the new generation is the store.
        let mark = Mark { generation, sequence: self.head.sequence, chain: self.head.chain, note: self.note.clone() };
        self.acknowledged.set(mark).map_err(io("write HEAD")).inspect_err(|_| self.stop())?;
        let old_folder = old.folder.clone();
        drop(old);
        fs::remove_dir_all(old_folder).map_err(io("remove the old generation"))?;
        self.blobs.retain(&live).map_err(io("remove large values nobody names"))?;
        let after = size(folder).map_err(io("measure the store"))?;
        Ok(Compaction { before, after })
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
