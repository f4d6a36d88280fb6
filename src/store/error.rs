//! What can go wrong with a store, each with its code and the next step for the user.

use crate::runtime::JournalError;
use std::io;
use std::path::Path;

type Source = Box<dyn std::error::Error + Send + Sync>;

fn error(code: &'static str, message: String, help: String, source: Option<Source>) -> JournalError {
    JournalError { code, message, help, source }
}

/// The bytes are not what was written.
pub fn damaged(message: impl Into<String>, source: Option<Source>) -> JournalError {
    error(
        "store::damaged",
        message.into(),
        "keep a copy of the state folder, then bring back an export with `loopctl store import`, \
         or go on with what is readable with `loopctl store recover`"
            .to_owned(),
        source,
    )
}

/// The store has less than it once acknowledged. `lost` says what is missing.
pub fn shortened(folder: &Path, lost: &str) -> JournalError {
    error(
        "store::shortened",
        format!("the state in `{}` is older than what was acknowledged: {lost}", folder.display()),
        "if a backup was put back on purpose, accept it with `loopctl store recover`; \
         otherwise find the newer copy first, because finished work would be done again"
            .to_owned(),
        None,
    )
}

/// Another process owns the folder.
pub fn locked(folder: &Path, owner: &str) -> JournalError {
    error(
        "store::locked",
        format!("the state in `{}` is in use by {owner}", folder.display()),
        "wait until that command has finished, or stop it with Ctrl-C, then try again".to_owned(),
        None,
    )
}

/// A value that could be written but not read again.
pub fn unreadable(message: impl Into<String>, source: Option<Source>) -> JournalError {
    error(
        "store::unreadable-entry",
        message.into(),
        "nothing was written; this is a fault of the step that gave the value, please report it".to_owned(),
        source,
    )
}

/// An entry for a cycle that has ended.
pub fn closed(workflow: &str, cycle: u32) -> JournalError {
    error(
        "store::cycle-closed",
        format!("cycle {cycle} of `{workflow}` is closed and takes no more entries"),
        "start a new cycle with `loopctl run`".to_owned(),
        None,
    )
}

/// Not enough room to go on safely.
pub fn full(folder: &Path, source: Option<Source>) -> JournalError {
    error(
        "store::full",
        format!("the disk that holds `{}` is full", folder.display()),
        "make room (at least 64 MB), then run the same command again; nothing acknowledged is lost".to_owned(),
        source,
    )
}

/// A write failed, so what memory holds may differ from what the disk holds.
pub fn stopped() -> JournalError {
    error(
        "store::stopped",
        "the store stopped after a write failed".to_owned(),
        "run the same command again: it starts from what is on the disk".to_owned(),
        None,
    )
}

/// A write does not come back. What it was about is not acknowledged, so nothing that was is lost.
pub fn stuck(seconds: u64) -> JournalError {
    error(
        "store::stuck",
        format!("the store has not finished a write for {seconds} seconds, and is given up"),
        "nothing acknowledged is lost: run the same command again; if the disk is well and it happens again, \
         `loopctl store gc --store redb` moves the state to the other engine"
            .to_owned(),
        None,
    )
}

/// The disk does not answer.
pub fn never_opened(folder: &Path, seconds: u64) -> JournalError {
    error(
        "store::stuck",
        format!("the state in `{}` has not opened for {seconds} seconds: its disk does not answer", folder.display()),
        "nothing acknowledged is lost: look after the disk (is it a network disk that is away?), then run the same command again"
            .to_owned(),
        None,
    )
}

/// The folder is kept by another engine than the one asked for.
pub fn other_engine(folder: &Path, is: &str, asked: &str) -> JournalError {
    error(
        "store::other-engine",
        format!("the state in `{}` is kept by {is}, not by {asked}", folder.display()),
        format!("leave `--store` out, or move the state with `loopctl store gc --store {asked}`"),
        None,
    )
}

/// `LOOPCTL_STORE` names none that there is.
pub fn unknown_engine(name: &str) -> JournalError {
    error(
        "store::unknown-engine",
        format!("`LOOPCTL_STORE` is `{name}`, and there is no such store"),
        "set it to `redb` or `sled`, or leave it out".to_owned(),
        None,
    )
}

/// Sorts an I/O error into the kinds a user can act on.
pub fn io(folder: &Path, doing: &str, cause: io::Error) -> JournalError {
    match cause.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            full(folder, Some(cause.into()))
        }
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => error(
            "store::read-only",
            format!("cannot write to `{}`: {cause}", folder.display()),
            "give yourself write access to that folder, or choose another with `--state FOLDER`".to_owned(),
            Some(cause.into()),
        ),
        io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory => error(
            "store::no-folder",
            format!("`{}` is not a folder, so no state can be kept in it", folder.display()),
            "move that file away, or choose another folder with `--state FOLDER`".to_owned(),
            Some(cause.into()),
        ),
        _ => error(
            "store::io",
            format!("cannot {doing} in `{}`: {cause}", folder.display()),
            "check the disk, then run the same command again; nothing acknowledged is lost".to_owned(),
            Some(cause.into()),
        ),
    }
}

/// The same for what sled says.
pub fn sled(folder: &Path, doing: &str, cause: sled::Error) -> JournalError {
    match cause {
        sled::Error::Io(cause) => io(folder, doing, cause),
        cause => damaged(format!("cannot {doing} in `{}`: {cause}", folder.display()), Some(cause.into())),
    }
}

/// The same for what redb says.
pub fn redb(folder: &Path, doing: &str, cause: redb::Error) -> JournalError {
    match cause {
        redb::Error::Io(cause) if !matches!(cause.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof) => {
            io(folder, doing, cause)
        }
        cause => damaged(format!("cannot {doing} in `{}`: {cause}", folder.display()), Some(cause.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn io_errors_become_what_a_user_can_act_on() {
        let code = |kind: io::ErrorKind| io(Path::new("state"), "write", kind.into()).code;
        assert_eq!(code(io::ErrorKind::StorageFull), "store::full");
        assert_eq!(code(io::ErrorKind::ReadOnlyFilesystem), "store::read-only");
        assert_eq!(code(io::ErrorKind::PermissionDenied), "store::read-only");
        assert_eq!(code(io::ErrorKind::Other), "store::io");
    }
}
