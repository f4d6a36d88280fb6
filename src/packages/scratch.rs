//! A folder to work in, gone when the work is done.
//!
//! It stands inside the cache, so that what was made in it can be moved to its place in one step. One that a crash has left behind is
//! swept out by the next command, a day later.

use super::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// What is older than this belongs to nobody who is still at work.
const LEFT_BEHIND: Duration = Duration::from_secs(24 * 60 * 60);

/// A new, empty folder below `around`; dropped, it is removed with all that is in it.
#[derive(Debug)]
pub struct Scratch {
    place: PathBuf,
}

impl Scratch {
    pub fn new(around: &Path) -> Result<Scratch, Error> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        fs::create_dir_all(around).map_err(|error| Error::unwritable(around, &error))?;
        sweep(around);
        loop {
            let number = NUMBER.fetch_add(1, Ordering::Relaxed);
            let place = around.join(format!("{}-{number}", std::process::id()));
            match fs::create_dir(&place) {
                Ok(()) => return Ok(Scratch { place }),
                // An earlier process had the same number.
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(Error::unwritable(&place, &error)),
            }
        }
    }

    pub fn place(&self) -> &Path {
        &self.place
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // It may have been moved to its place; what cannot be removed now is swept out later.
        let _ = fs::remove_dir_all(&self.place);
    }
}

fn sweep(around: &Path) {
    for entry in fs::read_dir(around).into_iter().flatten().flatten() {
        let age = entry.metadata().and_then(|metadata| metadata.modified()).ok().and_then(|time| time.elapsed().ok());
        if age.is_some_and(|age| age > LEFT_BEHIND) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// The bytes of all files below a folder together.
pub fn bytes_below(folder: &Path) -> u64 {
    let mut total = 0u64;
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => open.push(entry.path()),
                _ => total = total.saturating_add(entry.metadata().map_or(0, |metadata| metadata.len())),
            }
        }
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_gone_when_the_work_is_done() {
        let folder = tempfile::tempdir().unwrap();
        let (one, two) = (Scratch::new(folder.path()).unwrap(), Scratch::new(folder.path()).unwrap());
        assert_ne!(one.place(), two.place());
        fs::write(one.place().join("a"), "abc").unwrap();
        assert_eq!(bytes_below(folder.path()), 3);
        drop((one, two));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
