//! One owner: the file `owner` is locked as long as a process uses the folder, and says which process that is.
//!
//! The kernel drops the lock with the process, however it ends, so a stale file never locks anyone out.

use super::error;
use crate::runtime::JournalError;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;
use std::time::{Duration, Instant};

/// The lock. Dropping it gives the folder free.
#[derive(Debug)]
pub struct Owner(#[expect(dead_code, reason = "held for its lock")] File);

impl Owner {
    /// Takes the folder, trying for at most `wait`.
    pub fn take(folder: &Path, wait: Duration) -> Result<Owner, JournalError> {
        let path = folder.join("owner");
        let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let mut file = open.map_err(|cause| error::io(folder, "take the lock", cause))?;
        let until = Instant::now() + wait;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if Instant::now() < until => std::thread::sleep(Duration::from_millis(20)),
                Err(TryLockError::WouldBlock) => {
                    let mut text = String::new();
                    // Who it is is a courtesy; that it is locked is already certain.
                    let _ = file.read_to_string(&mut text);
                    return Err(error::locked(folder, &describe(&text)));
                }
                Err(TryLockError::Error(cause)) => return Err(error::io(folder, "take the lock", cause)),
            }
        }
        let command = std::env::args().nth(1).unwrap_or_default();
        let write = |file: &mut File| {
            file.set_len(0)?;
            file.rewind()?;
            write!(file, "{}\n{command}\n", std::process::id())?;
            file.flush()
        };
        write(&mut file).map_err(|cause| error::io(folder, "write the lock", cause))?;
        Ok(Owner(file))
    }
}

/// `process 4711 (loopctl run)`
fn describe(text: &str) -> String {
    let mut lines = text.lines();
    match (lines.next().filter(|pid| !pid.is_empty()), lines.next().filter(|command| !command.is_empty())) {
        (Some(pid), Some(command)) => format!("process {pid} (`loopctl {command}`)"),
        (Some(pid), None) => format!("process {pid}"),
        (None, _) => "another process".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_owner_is_told_who_the_first_is() {
        let folder = tempfile::tempdir().expect("a folder");
        let owner = Owner::take(folder.path(), Duration::ZERO).expect("free");
        let refused = Owner::take(folder.path(), Duration::ZERO).expect_err("taken");
        assert_eq!(refused.code, "store::locked");
        assert!(refused.message.contains(&format!("process {}", std::process::id())), "{}", refused.message);
        drop(owner);
        Owner::take(folder.path(), Duration::ZERO).expect("free again");
    }
}
