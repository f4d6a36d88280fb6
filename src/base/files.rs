//! Reading files without touching a disk: the compiler and the Client OS ask this trait; `world` answers from a disk,
//! tests and the language server from memory.

use std::collections::BTreeMap;
use std::sync::Arc;

/// Why a file could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    #[error("no such file")]
    Missing,
    #[error("it is not UTF-8 text")]
    NotText,
    /// More than the reader's limit in bytes.
    #[error("it is larger than {}", size(*.0))]
    TooLarge(u64),
    #[error("{0}")]
    Other(String),
}

/// `10 MiB`, for messages.
pub fn size(bytes: u64) -> String {
    let units = [(1u64 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    match units.iter().find(|(unit, _)| bytes >= *unit && bytes.is_multiple_of(*unit)) {
        Some((unit, name)) => format!("{} {name}", bytes / unit),
        None => format!("{bytes} bytes"),
    }
}

/// A set of files by `/`-separated path, relative to the folder of the workflow.
pub trait Files {
    fn text(&self, path: &str) -> Result<Arc<str>, FileError>;

    /// Whether a file or folder is there.
    fn exists(&self, path: &str) -> bool;

    /// All files below a folder, as paths relative to that folder, sorted. Empty when there is no such folder.
    fn list(&self, folder: &str) -> Vec<String>;
}

/// Some files in memory in front of others: what is not in memory is answered from behind.
pub struct Overlay<'a> {
    pub front: MemoryFiles,
    pub behind: &'a dyn Files,
}

impl Files for Overlay<'_> {
    fn text(&self, path: &str) -> Result<Arc<str>, FileError> {
        self.front.text(path).or_else(|_| self.behind.text(path))
    }

    fn exists(&self, path: &str) -> bool {
        self.front.exists(path) || self.behind.exists(path)
    }

    /// A folder that is in memory is wholly there: a file added behind it since is not part of it.
    fn list(&self, folder: &str) -> Vec<String> {
        let front = self.front.list(folder);
        if front.is_empty() { self.behind.list(folder) } else { front }
    }
}

/// Files in memory.
#[derive(Clone, Debug, Default)]
pub struct MemoryFiles(pub BTreeMap<String, Arc<str>>);

impl MemoryFiles {
    pub fn new<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> MemoryFiles {
        MemoryFiles(files.into_iter().map(|(path, text)| (path.to_owned(), Arc::from(text))).collect())
    }
}

impl Files for MemoryFiles {
    fn text(&self, path: &str) -> Result<Arc<str>, FileError> {
        self.0.get(path).cloned().ok_or(FileError::Missing)
    }

    fn exists(&self, path: &str) -> bool {
        self.0.contains_key(path) || !self.list(path).is_empty()
    }

    fn list(&self, folder: &str) -> Vec<String> {
        let prefix = format!("{}/", folder.trim_end_matches('/'));
        self.0.keys().filter_map(|path| path.strip_prefix(&prefix)).map(str::to_owned).collect()
    }
}
