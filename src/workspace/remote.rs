//! A journal that another process owns, over its Unix socket: commands work unchanged while the service runs.
//!
//! The service listens at `STATE/serve/socket`, in a folder that only its user may enter. A frame is its length in four bytes,
//! big-endian, and JSON. Every question gets one answer, in order. What a command appends the service checks and puts in
//! line with all else that happens to that cycle, so a decision reaches a running cycle, and nobody writes behind its back.

use super::failure::Failure;
use crate::base::{CycleNo, WorkflowId};
use crate::engine::{Carry, Entry};
use crate::model::Operation;
use crate::runtime::{CycleStatus, Journal, JournalError, Log};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Longer frames are refused.
pub const FRAME_MOST: usize = 64 << 20;
/// What a Unix socket's address can hold, with room for its end.
const ADDRESS_MOST: usize = 100;

/// A question.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ask {
    Append {
        workflow: WorkflowId,
        cycle: CycleNo,
        entries: Vec<Entry>,
        durable: bool,
    },
    Read {
        workflow: WorkflowId,
        cycle: CycleNo,
    },
    Opening {
        workflow: WorkflowId,
        cycle: CycleNo,
    },
    Cycles {
        workflow: WorkflowId,
    },
    Workflows,
    Carry {
        workflow: WorkflowId,
    },
    Operate {
        workflow: WorkflowId,
        operation: Operation,
    },
    Operations {
        workflow: WorkflowId,
    },
    Log {
        workflow: WorkflowId,
    },
    /// Run a cycle, or wait for the one that is under way; answered when it can go no further.
    /// With a number, wait for that one.
    Run {
        workflow: WorkflowId,
        cycle: Option<CycleNo>,
    },
}

/// An answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    Done,
    Entries(Vec<Entry>),
    Opening(Option<Box<Entry>>),
    /// With whether each is closed.
    Cycles(Vec<(CycleNo, bool)>),
    Workflows(Vec<WorkflowId>),
    Carry(Box<Carry>),
    Operations(Vec<Operation>),
    Log(Box<Log>),
    /// The cycle that was run.
    Ran(CycleNo),
    Refused {
        code: String,
        message: String,
        help: Option<String>,
    },
}

impl Answer {
    pub fn refused(failure: &Failure) -> Answer {
        Answer::Refused { code: failure.code.to_owned(), message: failure.message.clone(), help: failure.help.clone() }
    }
}

/// Where the service of a state folder listens.
///
/// An address holds about a hundred bytes, so for a deeper folder it is a name in the folder for temporary files.
pub fn address(state: &Path) -> PathBuf {
    let near = state.join("serve").join("socket");
    if near.as_os_str().len() <= ADDRESS_MOST {
        return near;
    }
    let whole = std::fs::canonicalize(state).unwrap_or_else(|_| state.to_owned());
    let name = crate::base::Digest::of(whole.to_string_lossy().as_bytes()).short(16);
    std::env::temp_dir().join(format!("loopctl-{name}")).join("socket")
}

/// Codes are fixed words in failures; the service's own come back as the same words.
fn code(text: &str) -> &'static str {
    const KNOWN: &[&str] = &[
        "store::locked",
        "store::damaged",
        "store::shortened",
        "store::unreadable-entry",
        "store::cycle-closed",
        "store::full",
        "store::stopped",
        "store::stuck",
        "store::other-engine",
        "store::unknown-engine",
        "store::read-only",
        "store::io",
        "gate::not-you",
        "gate::void",
        "serve::not-owner",
        "serve::too-many-open",
        "serve::stopping",
        "serve::no-such-workflow",
        "run::cannot-resume",
    ];
    KNOWN.iter().find(|known| **known == text).copied().unwrap_or("serve::refused")
}

/// A journal that the service of a state folder owns.
#[cfg(unix)]
pub struct RemoteJournal {
    stream: std::sync::Mutex<std::os::unix::net::UnixStream>,
    state: PathBuf,
}

#[cfg(unix)]
impl RemoteJournal {
    /// Connects to the service of a state folder; `None` when none listens, or another user does.
    pub fn connect(state: &Path) -> Option<RemoteJournal> {
        use std::os::unix::fs::MetadataExt as _;
        let address = address(state);
        // Whoever owns the state folder is the one whose service we talk to.
        let owner = std::fs::metadata(state).ok()?.uid();
        if std::fs::symlink_metadata(&address).ok()?.uid() != owner {
            return None;
        }
        let stream = std::os::unix::net::UnixStream::connect(address).ok()?;
        Some(RemoteJournal { stream: std::sync::Mutex::new(stream), state: state.to_owned() })
    }

    /// Runs a cycle there, or goes on with `cycle`, and says which that was when it can go no further.
    ///
    /// # Errors
    /// What the service says, or that it is gone.
    pub fn run(&self, workflow: &WorkflowId, cycle: Option<CycleNo>) -> Result<CycleNo, JournalError> {
        match self.ask(&Ask::Run { workflow: workflow.clone(), cycle })? {
            Answer::Ran(cycle) => Ok(cycle),
            other => Err(self.strange(&other)),
        }
    }

    fn ask(&self, ask: &Ask) -> Result<Answer, JournalError> {
        use std::io::{Read as _, Write as _};
        let mut stream = self.stream.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let lost = |cause: std::io::Error| self.lost(cause.into());
        let bytes = serde_json::to_vec(ask).map_err(|cause| self.lost(cause.into()))?;
        stream.write_all(&(bytes.len() as u32).to_be_bytes()).and_then(|()| stream.write_all(&bytes)).map_err(lost)?;
        let mut length = [0; 4];
        stream.read_exact(&mut length).map_err(lost)?;
        let length = u32::from_be_bytes(length) as usize;
        if length > FRAME_MOST {
            return Err(self.lost("its answer is too long".into()));
        }
        let mut bytes = vec![0; length];
        stream.read_exact(&mut bytes).map_err(lost)?;
        match serde_json::from_slice(&bytes).map_err(|cause| self.lost(cause.into()))? {
            Answer::Refused { code: text, message, help } => {
                let help = help.unwrap_or_else(|| "`loopctl status` shows where it stands".to_owned());
                Err(JournalError { code: code(&text), message, help, source: None })
            }
            answer => Ok(answer),
        }
    }

    fn lost(&self, cause: Box<dyn std::error::Error + Send + Sync>) -> JournalError {
        JournalError {
            code: "serve::stopping",
            message: format!("the service that owns `{}` went away in the middle", self.state.display()),
            help: "run the same command again; what it had written down is not lost".to_owned(),
            source: Some(cause),
        }
    }

    fn strange(&self, _answer: &Answer) -> JournalError {
        self.lost("it answered something else than was asked".into())
    }
}

#[cfg(unix)]
impl Journal for RemoteJournal {
    fn append(&mut self, workflow: &WorkflowId, cycle: CycleNo, entries: &[Entry], durable: bool) -> Result<(), JournalError> {
        let ask = Ask::Append { workflow: workflow.clone(), cycle, entries: entries.to_vec(), durable };
        match self.ask(&ask)? {
            Answer::Done => Ok(()),
            other => Err(self.strange(&other)),
        }
    }

    fn read(&self, workflow: &WorkflowId, cycle: CycleNo) -> Result<Vec<Entry>, JournalError> {
        match self.ask(&Ask::Read { workflow: workflow.clone(), cycle })? {
            Answer::Entries(entries) => Ok(entries),
            other => Err(self.strange(&other)),
        }
    }

    fn opening(&self, workflow: &WorkflowId, cycle: CycleNo) -> Result<Option<Entry>, JournalError> {
        match self.ask(&Ask::Opening { workflow: workflow.clone(), cycle })? {
            Answer::Opening(entry) => Ok(entry.map(|entry| *entry)),
            other => Err(self.strange(&other)),
        }
    }

    fn cycles(&self, workflow: &WorkflowId) -> Result<Vec<(CycleNo, CycleStatus)>, JournalError> {
        let status = |closed: bool| if closed { CycleStatus::Closed } else { CycleStatus::Open };
        match self.ask(&Ask::Cycles { workflow: workflow.clone() })? {
            Answer::Cycles(cycles) => Ok(cycles.into_iter().map(|(cycle, closed)| (cycle, status(closed))).collect()),
            other => Err(self.strange(&other)),
        }
    }

    fn workflows(&self) -> Result<Vec<WorkflowId>, JournalError> {
        match self.ask(&Ask::Workflows)? {
            Answer::Workflows(workflows) => Ok(workflows),
            other => Err(self.strange(&other)),
        }
    }

    fn carry(&self, workflow: &WorkflowId) -> Result<Carry, JournalError> {
        match self.ask(&Ask::Carry { workflow: workflow.clone() })? {
            Answer::Carry(carry) => Ok(*carry),
            other => Err(self.strange(&other)),
        }
    }

    fn operate(&mut self, workflow: &WorkflowId, operation: &Operation) -> Result<(), JournalError> {
        match self.ask(&Ask::Operate { workflow: workflow.clone(), operation: operation.clone() })? {
            Answer::Done => Ok(()),
            other => Err(self.strange(&other)),
        }
    }

    fn log(&self, workflow: &WorkflowId) -> Result<Log, JournalError> {
        match self.ask(&Ask::Log { workflow: workflow.clone() })? {
            Answer::Log(log) => Ok(*log),
            other => Err(self.strange(&other)),
        }
    }

    fn operations(&self, workflow: &WorkflowId) -> Result<Vec<Operation>, JournalError> {
        match self.ask(&Ask::Operations { workflow: workflow.clone() })? {
            Answer::Operations(operations) => Ok(operations),
            other => Err(self.strange(&other)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deep_folder_has_an_address_that_fits() {
        assert_eq!(address(Path::new(".loopctl")), Path::new(".loopctl/serve/socket"));
        let deep = address(&Path::new("/").join("deep/".repeat(40)));
        assert!(deep.as_os_str().len() <= ADDRESS_MOST, "{}", deep.display());
    }
}
