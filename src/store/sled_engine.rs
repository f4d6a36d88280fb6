//! sled 0.34 as an engine, by the rules of `docs/design/store.md`: our own sync behind its flush, segments as large as it takes, and
//! nothing larger than one of them.

use super::engine::{Change, Engine, FoundVisit, RawVisit};
use super::error;
use super::guarded::{guarded, guarded_on_a_thread};
use crate::runtime::JournalError;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// sled's largest segment: what does not fit into one goes to files that sled never syncs.
const SEGMENT: usize = 16 << 20;
pub(super) struct SledEngine {
    sled: Option<sled::Db>,
    file: File,
    folder: PathBuf,
}

impl Drop for SledEngine {
    fn drop(&mut self) {
        let sled = self.sled.take();
        // sled writes what is left while it is dropped, and may panic there as anywhere.
        let _ = guarded(move || drop(sled));
    }
}

impl SledEngine {
    pub fn open(folder: &Path) -> Result<SledEngine, JournalError> {
        let config = sled::Config::new()
            .path(folder)
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
                        return Err(error::locked(folder, "another process"));
                    }
                    std::thread::sleep(Duration::from_millis(10));
                }
                Ok(Err(cause)) => return Err(error::sled(folder, "open the store", cause)),
                Err(panic) => {
                    return Err(error::damaged(format!("the store in `{}` cannot be opened: {panic}", folder.display()), None));
                }
            }
        };
        let file = File::open(folder.join("db")).map_err(|cause| error::io(folder, "open the store", cause))?;
        Ok(SledEngine { sled: Some(sled), file, folder: folder.to_owned() })
    }

    fn sled(&self) -> &sled::Db {
        self.sled.as_ref().expect("taken only when dropped")
    }

    fn failed(&self, doing: &'static str) -> impl Fn(sled::Error) -> JournalError {
        let folder = self.folder.clone();
        move |cause| error::sled(&folder, doing, cause)
    }

    fn sync(&self) -> Result<(), JournalError> {
        self.sled().flush().map_err(self.failed("write"))?;
        // sled's flush ends in sync_file_range, which neither flushes the disk's cache nor the file's length.
        self.file.sync_data().map_err(|cause| error::io(&self.folder, "sync", cause))
    }
}

impl Engine for SledEngine {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, JournalError> {
        Ok(self.sled().get(key).map_err(self.failed("read"))?.map(|bytes| bytes.to_vec()))
    }

    fn find(&self, keys: &mut dyn Iterator<Item = &[u8]>, found: &mut FoundVisit<'_>) -> Result<(), JournalError> {
        for (place, key) in keys.enumerate() {
            if let Some(bytes) = self.sled().get(key).map_err(self.failed("read"))? {
                found(place, &bytes);
            }
        }
        Ok(())
    }

    fn each(&self, prefix: &[u8], visit: &mut RawVisit<'_>) -> Result<(), JournalError> {
        for pair in self.sled().scan_prefix(prefix) {
            let (key, bytes) = pair.map_err(self.failed("read"))?;
            visit(&key, &bytes)?;
        }
        Ok(())
    }

    fn apply(&mut self, changes: Vec<Change>, durable: bool) -> Result<(), JournalError> {
        let mut batch = sled::Batch::default();
        for (key, value) in changes {
            match value {
                Some(value) => batch.insert(key, value),
                None => batch.remove(key),
            }
        }
        self.sled().apply_batch(batch).map_err(self.failed("write"))?;
        if durable { self.sync() } else { Ok(()) }
    }

    fn settle(&self) -> Result<(), JournalError> {
        let synced = self.file.sync_all().and_then(|()| {
            for name in ["conf", "db"] {
                File::open(self.folder.join(name))?.sync_all()?;
            }
            File::open(&self.folder)?.sync_all()
        });
        synced.map_err(|cause| error::io(&self.folder, "sync the store", cause))
    }

    fn finding(&self) -> Option<String> {
        let unsynced = self.folder.join("blobs");
        let any = fs::read_dir(&unsynced).is_ok_and(|mut entries| entries.next().is_some());
        any.then(|| format!("`{}` holds files that were never synced", unsynced.display()))
    }
}
