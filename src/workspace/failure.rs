//! What stops a request, as a value: whoever asked says it in their own way.

use crate::diag::{Diagnostic, Sources};
use crate::engine::Void;
use crate::packages;
use crate::runtime::{DecideError, JournalError, RunError};
use crate::world::amending::AmendError;
use crate::world::save::SaveError;

/// How a request ended. The command line gives each a number, the service a status.
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

/// Diagnostics with the texts they point into, under the paths that the user would type.
#[derive(Clone, Debug)]
pub struct Findings {
    pub sources: Sources,
    pub diagnostics: Vec<Diagnostic>,
}

/// A request that cannot go on.
#[derive(Clone, Debug)]
pub struct Failure {
    pub exit: Exit,
    /// `store::locked`, `cli::no-such-item` …
    pub code: &'static str,
    /// Without a period.
    pub message: String,
    /// The next step for the user.
    pub help: Option<String>,
    /// What led to it.
    pub findings: Option<Box<Findings>>,
}

impl Failure {
    pub fn new(code: &'static str, message: impl Into<String>) -> Failure {
        Failure { exit: Exit::Usage, code, message: message.into(), help: None, findings: None }
    }

    pub fn help(mut self, help: impl Into<String>) -> Failure {
        self.help = Some(help.into());
        self
    }

    pub fn with(mut self, findings: Findings) -> Failure {
        self.findings = Some(Box::new(findings));
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

impl From<packages::Error> for Failure {
    fn from(error: packages::Error) -> Failure {
        Failure::new(error.code, error.message).help(error.help)
    }
}

impl From<SaveError> for Failure {
    fn from(error: SaveError) -> Failure {
        let help = match error {
            SaveError::Meanwhile(_) => "nothing was changed in it; run the command again",
            SaveError::Unwritable { .. } => "nothing was changed in it; check that you may write to its folder",
        };
        let code = if matches!(error, SaveError::Meanwhile(_)) { "cli::changed-meanwhile" } else { "cli::cannot-write" };
        Failure::new(code, error.to_string()).help(help)
    }
}

impl From<AmendError> for Failure {
    fn from(error: AmendError) -> Failure {
        match error {
            AmendError::Refused(refusal) => {
                Failure::new("os::refused", refusal.to_string()).help(refusal.help()).exit(Exit::Findings)
            }
            AmendError::Save(error) => error.into(),
            AmendError::Journal(error) => error.into(),
            AmendError::Question => {
                Failure::new("cli::usage", error.to_string()).help("accept or reject it, with `--reason` when you like")
            }
        }
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
            DecideError::Void(void @ (Void::OwnWork(_) | Void::Twice(_))) => {
                Failure::new("gate::not-you", void.to_string()).help("`--as NAME` says who decides; one person counts once")
            }
            other => Failure::new("gate::void", other.to_string()).help("`loopctl gate list` shows what waits now"),
        }
    }
}
