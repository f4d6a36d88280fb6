//! Exit codes, and failures that end a command.

use crate::runtime::{DecideError, JournalError, RunError};

/// What the process says with its exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    Ok,
    /// Failed steps, or findings.
    Findings,
    Usage,
    InvalidWorkflow,
    /// People have to decide.
    Waiting,
    /// A budget or cap was reached and nothing else could be done.
    CapReached,
    Interrupted,
}

impl Exit {
    pub fn code(self) -> u8 {
        match self {
            Exit::Ok => 0,
            Exit::Findings => 1,
            Exit::Usage => 2,
            Exit::InvalidWorkflow => 3,
            Exit::Waiting => 4,
            Exit::CapReached => 5,
            Exit::Interrupted => 130,
        }
    }

    pub const TABLE: &'static str = "\
Exit codes:
  0    done
  1    failed steps, or findings
  2    wrong usage, or something could not be read or written
  3    the workflow is not valid
  4    waiting for people
  5    a budget or cap was reached
  130  interrupted";
}

/// A command that cannot go on.
#[derive(Debug)]
pub struct Failure {
    pub exit: Exit,
    /// `store::locked`, `cli::no-such-item` …
    pub code: &'static str,
    /// Without a period.
    pub message: String,
    /// The next step for the user.
    pub help: Option<String>,
    /// Findings that led to it, for JSON.
    pub diagnostics: Option<serde_json::Value>,
}

impl Failure {
    pub fn new(code: &'static str, message: impl Into<String>) -> Failure {
        Failure { exit: Exit::Usage, code, message: message.into(), help: None, diagnostics: None }
    }

    pub fn help(mut self, help: impl Into<String>) -> Failure {
        self.help = Some(help.into());
        self
    }

    pub fn with(mut self, diagnostics: serde_json::Value) -> Failure {
        self.diagnostics = Some(diagnostics);
        self
    }

    pub fn exit(mut self, exit: Exit) -> Failure {
        self.exit = exit;
        self
    }
}

impl From<JournalError> for Failure {
    fn from(error: JournalError) -> Failure {
        Failure::new(error.code, error.message).help(error.help)
    }
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Failure {
        let failure = Failure::new(error.code(), error.to_string());
        match error.help() {
            Some(help) => failure.help(help),
            None => failure,
        }
    }
}

impl From<DecideError> for Failure {
    fn from(error: DecideError) -> Failure {
        match error {
            DecideError::Journal(error) => error.into(),
            other => Failure::new("gate::void", other.to_string()).help("`loopctl gate list` shows what waits now"),
        }
    }
}
