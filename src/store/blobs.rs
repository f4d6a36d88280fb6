//! Large values as files: named by their content, written before the batch that names them.
//!
//! sled keeps what does not fit a segment in files that it never syncs, so nothing large may reach it.

use super::envelope::{file_digest, file_name};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::PathBuf;

/// The folder of large values.
#[derive(Debug)]
pub struct Blobs {
    folder: PathBuf,
}

/// Why a large value cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    #[error("the file of a large value is missing: {0}")]
    Missing(String),
    #[error("the file of a large value is not what was written: {0}")]
    Changed(String),
    #[error("{0}")]
    Io(#[from] io::Error),
}

impl Blobs {
    /// Opens or makes the folder, and removes what an interrupted write left.
    pub fn open(folder: PathBuf) -> io::Result<Blobs> {
        fs::create_dir_all(&folder)?;
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "part") {
                fs::remove_file(path)?;
            }
        }
        Ok(Blobs { folder })
    }

    /// Keeps a value; its file is on the disk when [`Blobs::sync`] has returned after it.
    pub fn write(&self, value: &[u8]) -> io::Result<[u8; 32]> {
        let digest = file_digest(value);
        let path = self.folder.join(file_name(&digest));
        // A file gets its name only after its bytes are synced, so one with the right length is whole.
        if fs::metadata(&path).is_ok_and(|found| found.len() == value.len() as u64) {
            return Ok(digest);
        }
        let part = path.with_extension("part");
        let mut file = File::create(&part)?;
        file.write_all(value)?;
        file.sync_all()?;
        fs::rename(&part, &path)?;
        Ok(digest)
    }

    /// Makes the names of all files written so far durable.
    pub fn sync(&self) -> io::Result<()> {
        File::open(&self.folder)?.sync_all()
    }

    pub fn read(&self, digest: &[u8; 32], length: u64) -> Result<Vec<u8>, BlobError> {
        let name = file_name(digest);
        let value = match fs::read(self.folder.join(&name)) {
            Ok(value) => value,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Err(BlobError::Missing(name)),
            Err(cause) => return Err(cause.into()),
        };
        if value.len() as u64 != length || file_digest(&value) != *digest {
            return Err(BlobError::Changed(name));
        }
        Ok(value)
    }

    /// Removes all files but those in `live` and says how many bytes that gave back.
    pub fn retain(&self, live: &BTreeSet<String>) -> io::Result<u64> {
        let mut freed = 0;
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            if !live.contains(entry.file_name().to_string_lossy().as_ref()) {
                freed += entry.metadata()?.len();
                fs::remove_file(entry.path())?;
            }
        }
        Ok(freed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_value_comes_back_or_says_why_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let blobs = Blobs::open(folder.path().join("blobs")).expect("made");
        let value = vec![9; 70_000];
        let digest = blobs.write(&value).expect("written");
        blobs.sync().expect("synced");
        assert_eq!(blobs.read(&digest, 70_000).expect("there"), value);

        let path = blobs.folder.join(file_name(&digest));
        let mut changed = value.clone();
        changed[5] = 8;
        fs::write(&path, changed).expect("writable");
        assert!(matches!(blobs.read(&digest, 70_000), Err(BlobError::Changed(_))));
        fs::remove_file(&path).expect("removable");
        assert!(matches!(blobs.read(&digest, 70_000), Err(BlobError::Missing(_))));
    }

    #[test]
    fn leftovers_of_an_interrupted_write_are_removed() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("abc.part"), b"half").expect("writable");
        Blobs::open(folder.path().to_owned()).expect("opened");
        assert!(!folder.path().join("abc.part").exists());
    }
}
