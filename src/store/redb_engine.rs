//! redb 4 as an engine: one file, one table, one sync per commit.
//!
//! redb writes the pages of a commit and the slot of its header that is not in use, with checksums over both, and syncs once. After a
//! crash the newest slot whose checksums fit is the store. So what was synced is there, and a commit that was not is gone as a whole.

use super::engine::{Change, Engine, FoundVisit, RawVisit};
use super::error;
use super::guarded::guarded_on_a_thread;
use crate::runtime::JournalError;
use redb::{Builder, Database, DatabaseError, Durability, ReadableDatabase, StorageError, TableDefinition};
use std::fs::File;
use std::io;
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const TABLE: TableDefinition<'static, &'static [u8], &'static [u8]> = TableDefinition::new("loopctl");
/// Bytes of pages kept in memory. A cycle reads what it wrote last; everything else is read once.
const CACHE: usize = 4 << 20;

pub(super) struct RedbEngine {
    database: Database,
    folder: PathBuf,
}

/// What the calls of redb's transactions and tables fail with.
fn failed<E: Into<redb::Error>>(folder: &Path, doing: &'static str) -> impl Fn(E) -> JournalError {
    let folder = folder.to_owned();
    move |cause| error::redb(&folder, doing, cause.into())
}

impl RedbEngine {
    /// Opens or makes the file. `check` has redb compare every page with its checksum, which it otherwise does only after a crash.
    pub fn open(folder: &Path, check: bool) -> Result<RedbEngine, JournalError> {
        std::fs::create_dir_all(folder).map_err(|cause| error::io(folder, "make the store's folder", cause))?;
        let path = folder.join("redb");
        if !path.exists() {
            // A file under this name is whole: whoever is killed while it is made leaves one under the other name, which
            // nobody ever acknowledged anything in.
            let beside = folder.join("redb.new");
            let io = |doing: &'static str| move |cause: io::Error| error::io(folder, doing, cause);
            match std::fs::remove_file(&beside) {
                Err(cause) if cause.kind() != io::ErrorKind::NotFound => return Err(io("remove an unfinished store")(cause)),
                _ => {}
            }
            drop(RedbEngine::of(database(&beside, folder, false)?, folder)?);
            File::open(&beside).and_then(|file| file.sync_all()).map_err(io("sync the new store"))?;
            std::fs::rename(&beside, &path).map_err(io("name the new store"))?;
        }
        RedbEngine::of(database(&path, folder, check)?, folder)
    }

    /// On any bytes, for the tests of power cuts.
    #[cfg(test)]
    pub fn on(backend: impl redb::StorageBackend, folder: &Path) -> Result<RedbEngine, JournalError> {
        let database = builder(false).create_with_backend(backend);
        RedbEngine::of(database.map_err(|cause| error::redb(folder, "open the store", cause.into()))?, folder)
    }

    fn of(database: Database, folder: &Path) -> Result<RedbEngine, JournalError> {
        let has_table = database.begin_read().map_err(failed(folder, "read"))?.open_table(TABLE).is_ok();
        let engine = RedbEngine { database, folder: folder.to_owned() };
        if !has_table {
            let transaction = engine.database.begin_write().map_err(failed(folder, "write"))?;
            transaction.open_table(TABLE).map_err(failed(folder, "write"))?;
            transaction.commit().map_err(failed(folder, "write"))?;
        }
        Ok(engine)
    }

    fn table(&self) -> Result<redb::ReadOnlyTable<&'static [u8], &'static [u8]>, JournalError> {
        let reading = self.database.begin_read().map_err(failed(&self.folder, "read"))?;
        reading.open_table(TABLE).map_err(failed(&self.folder, "read"))
    }
}

/// Opens or makes a database file of the store in `folder`.
fn database(path: &Path, folder: &Path, check: bool) -> Result<Database, JournalError> {
    // A store that was dropped a moment ago in this process may still be locked.
    let until = Instant::now() + Duration::from_secs(2);
    loop {
        match guarded_on_a_thread(|| builder(check).create(path)) {
            Ok(Ok(database)) => return Ok(database),
            Ok(Err(DatabaseError::DatabaseAlreadyOpen)) if Instant::now() < until => {
                std::thread::sleep(Duration::from_millis(10));
            }
            Ok(Err(DatabaseError::DatabaseAlreadyOpen)) => return Err(error::locked(folder, "another process")),
            Ok(Err(cause)) => return Err(error::redb(folder, "open the store", cause.into())),
            Err(panic) => {
                return Err(error::damaged(format!("the store in `{}` cannot be opened: {panic}", folder.display()), None));
            }
        }
    }
}

fn builder(check: bool) -> Builder {
    let mut builder = Database::builder();
    builder.set_cache_size(CACHE).set_check_integrity_on_open(check);
    builder
}

impl Engine for RedbEngine {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, JournalError> {
        let value = self.table()?.get(key).map_err(failed::<StorageError>(&self.folder, "read"))?;
        Ok(value.map(|value| value.value().to_vec()))
    }

    fn find(&self, keys: &mut dyn Iterator<Item = &[u8]>, found: &mut FoundVisit<'_>) -> Result<(), JournalError> {
        let table = self.table()?;
        for (place, key) in keys.enumerate() {
            if let Some(value) = table.get(key).map_err(failed::<StorageError>(&self.folder, "read"))? {
                found(place, value.value());
            }
        }
        Ok(())
    }

    fn each(&self, prefix: &[u8], visit: &mut RawVisit<'_>) -> Result<(), JournalError> {
        let table = self.table()?;
        let from = (Bound::Included(prefix), Bound::Unbounded);
        for pair in table.range::<&[u8]>(from).map_err(failed::<StorageError>(&self.folder, "read"))? {
            let (key, value) = pair.map_err(failed::<StorageError>(&self.folder, "read"))?;
            if !key.value().starts_with(prefix) {
                break;
            }
            visit(key.value(), value.value())?;
        }
        Ok(())
    }

    fn apply(&mut self, changes: Vec<Change>, durable: bool) -> Result<(), JournalError> {
        let folder = &self.folder;
        let mut transaction = self.database.begin_write().map_err(failed(folder, "write"))?;
        if !durable {
            transaction.set_durability(Durability::None).map_err(failed(folder, "write"))?;
        }
        {
            let mut table = transaction.open_table(TABLE).map_err(failed(folder, "write"))?;
            for (key, value) in changes {
                match value {
                    Some(value) => table.insert(key.as_slice(), value.as_slice()).map(drop),
                    None => table.remove(key.as_slice()).map(drop),
                }
                .map_err(failed::<StorageError>(folder, "write"))?;
            }
        }
        transaction.commit().map_err(failed(folder, "write"))
    }

    fn settle(&self) -> Result<(), JournalError> {
        let synced = File::open(self.folder.join("redb")).and_then(|file| file.sync_all());
        let synced = synced.and_then(|()| File::open(&self.folder)?.sync_all());
        synced.map_err(|cause| error::io(&self.folder, "sync the store", cause))
    }

    fn finding(&self) -> Option<String> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_whose_making_was_cut_off_is_made_again() {
        let folder = tempfile::tempdir().expect("a folder");
        drop(RedbEngine::open(folder.path(), true).expect("made"));
        let whole = std::fs::read(folder.path().join("redb")).expect("there");
        // What a kill leaves: any part of the file under its first name, or all of it.
        for kept in [0, 1, 100, 4096, whole.len() / 2, whole.len()] {
            let folder = tempfile::tempdir().expect("a folder");
            std::fs::write(folder.path().join("redb.new"), &whole[..kept]).expect("writable");
            let mut engine =
                RedbEngine::open(folder.path(), true).unwrap_or_else(|error| panic!("{kept} bytes: {}", error.message));
            engine.apply(vec![(b"key".to_vec(), Some(b"value".to_vec()))], true).expect("written");
            assert!(!folder.path().join("redb.new").exists());
            drop(engine);
            let engine = RedbEngine::open(folder.path(), true).expect("opened");
            assert_eq!(engine.get(b"key").expect("read"), Some(b"value".to_vec()));
        }
    }
}
