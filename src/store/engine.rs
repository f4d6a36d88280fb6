//! What a store engine has to do for us: keep sealed bytes by key, take changes whole, and bring them to the disk.
//!
//! Everything that makes a store trustworthy (envelopes, the head, `HEAD`, large values, generations) stands above this line, in
//! `rules.rs`, and is the same for all engines. So an engine is one file of about a hundred lines.

use super::redb_engine::RedbEngine;
use super::sled_engine::SledEngine;
use crate::runtime::JournalError;
use std::path::Path;

/// Which engine keeps a state folder. The folder remembers it in `HEAD`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EngineKind {
    /// The first one, so what old folders are.
    #[default]
    Sled,
    Redb,
}

impl EngineKind {
    pub const ALL: [EngineKind; 2] = [EngineKind::Redb, EngineKind::Sled];

    /// What a new folder gets when nobody says otherwise; see `docs/decisions/0018-redb-keeps-new-state.md`.
    pub const NEW: EngineKind = EngineKind::Redb;

    pub fn name(self) -> &'static str {
        match self {
            EngineKind::Sled => "sled",
            EngineKind::Redb => "redb",
        }
    }

    pub fn from_name(name: &str) -> Option<EngineKind> {
        EngineKind::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// As it stands in `HEAD`; 0 is what folders say that are older than the choice.
    pub(super) fn code(self) -> u8 {
        match self {
            EngineKind::Sled => 0,
            EngineKind::Redb => 1,
        }
    }

    pub(super) fn from_code(code: u8) -> Option<EngineKind> {
        EngineKind::ALL.into_iter().find(|kind| kind.code() == code)
    }

    /// Its file in a generation's folder.
    pub(super) fn file(self) -> &'static str {
        match self {
            EngineKind::Sled => "db",
            EngineKind::Redb => "redb",
        }
    }

    /// Whether losing `HEAD`'s last change in a power cut is harmless, because this engine never comes back with less than it
    /// synced. sled was seen to shorten its history without a word when its file is damaged, so there `HEAD` is synced each time.
    pub(super) fn head_may_lag(self) -> bool {
        self == EngineKind::Redb
    }

    /// Lines of the journal are joined into values of at most this many bytes. sled writes a leaf of 16 values anew after ten
    /// changes to it, so longer values make every later commit write more; redb compresses better in larger ones.
    pub(super) fn value_most(self) -> usize {
        match self {
            EngineKind::Sled => 2 << 10,
            EngineKind::Redb => 16 << 10,
        }
    }

    /// Opens or makes the engine's files in `folder`. `check` reads all of it and compares it with its own checksums.
    pub(super) fn open(self, folder: &Path, check: bool) -> Result<Box<dyn Engine>, JournalError> {
        Ok(match self {
            EngineKind::Sled => Box::new(SledEngine::open(folder)?),
            EngineKind::Redb => Box::new(RedbEngine::open(folder, check)?),
        })
    }
}

/// Called with each key and its sealed bytes.
pub(super) type RawVisit<'a> = dyn FnMut(&[u8], &[u8]) -> Result<(), JournalError> + 'a;

/// Called for those keys that have a value, with their place in the list.
pub(super) type FoundVisit<'a> = dyn FnMut(usize, &[u8]) + 'a;

/// A key and its new sealed bytes, or `None` to remove it.
pub(super) type Change = (Vec<u8>, Option<Vec<u8>>);

/// An open engine. A panic inside it is the caller's to catch.
pub(super) trait Engine: Send {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, JournalError>;

    /// Looks many keys up at once.
    fn find(&self, keys: &mut dyn Iterator<Item = &[u8]>, found: &mut FoundVisit<'_>) -> Result<(), JournalError>;

    /// Visits all keys with a prefix in byte order.
    fn each(&self, prefix: &[u8], visit: &mut RawVisit<'_>) -> Result<(), JournalError>;

    /// Applies changes, all or nothing. With `durable` these and all before them are on the disk when it returns.
    fn apply(&mut self, changes: Vec<Change>, durable: bool) -> Result<(), JournalError>;

    /// Brings the names of new files to the disk: called until the first batch is acknowledged.
    fn settle(&self) -> Result<(), JournalError>;

    /// What makes its files untrustworthy as a whole, in a sentence without its full stop.
    fn finding(&self) -> Option<String>;
}
