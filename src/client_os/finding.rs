//! A finding about the Client OS: which file and line, what is wrong or missing, what to write.

use crate::diag::Severity;
use serde::Serialize;

/// Something a person should look at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Relative to the Client OS folder, such as `brand.md`.
    pub path: String,
    /// From 1; 1 also when the finding is about the whole file.
    pub line: u32,
    /// One short sentence without a period.
    pub message: String,
    /// What degrades, or what to write.
    pub help: String,
    pub severity: Severity,
}

impl Finding {
    pub(super) fn new(severity: Severity, path: &str, line: u32, message: impl Into<String>, help: impl Into<String>) -> Finding {
        Finding { path: path.to_owned(), line, message: message.into(), help: help.into(), severity }
    }

    /// A part could not be used as it was written.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}
