//! What went wrong with a module, with the next step.

use std::io;
use std::path::Path;

/// A failure of this room. Each code has a page, which `loopctl explain` shows.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// `packages::…`
    pub code: &'static str,
    /// In the user's words, without a period.
    pub message: String,
    /// The next step.
    pub help: String,
}

impl Error {
    pub fn new(code: &'static str, message: impl Into<String>, help: impl Into<String>) -> Error {
        // Names and reasons may be a stranger's, and a terminal obeys some characters.
        let plain = |text: String| text.replace(|c: char| c.is_control() && c != '\n', "\u{fffd}");
        Error { code, message: plain(message.into()), help: plain(help.into()) }
    }

    /// The source cannot be had: not there, not reachable, not allowed.
    pub fn unreachable(message: impl Into<String>, help: impl Into<String>) -> Error {
        Error::new("packages::unreachable-source", message, help)
    }

    /// Something in what was fetched may not be there.
    pub fn unsafe_content(message: impl Into<String>) -> Error {
        let help = "nothing of it was kept; a module is small text files in plain folders, so ask its author what this is for";
        Error::new("packages::unsafe-content", message, help)
    }

    pub fn not_a_module(message: impl Into<String>, help: impl Into<String>) -> Error {
        Error::new("packages::no-module", message, help)
    }

    pub fn bad_source(message: impl Into<String>, help: impl Into<String>) -> Error {
        Error::new("packages::bad-source", message, help)
    }

    /// The disk said no while a file was written.
    pub fn unwritable(place: &Path, error: &io::Error) -> Error {
        let help = match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                "make room on that disk; what was there before is untouched"
            }
            _ => "check that you may write there; what was there before is untouched",
        };
        Error::new("packages::unwritable", format!("cannot write `{}`: {error}", place.display()), help)
    }

    /// What was fetched is not what was locked.
    pub fn mismatch(module: &str, place: &str, locked: &str, found: &str, help: impl Into<String>) -> Error {
        Error::new(
            "packages::checksum-mismatch",
            format!(
                "{place} of module `{module}` is not what was locked\n    locked: sha256 {locked}\n    found:  sha256 {found}"
            ),
            help,
        )
    }
}
