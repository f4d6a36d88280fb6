//! The doors: world, journal, clock and changes of files. Tests put scripted ones in their place.

use super::look_back::{Look, Standing};
use crate::base::{CycleNo, Digest, Footprint, RequestKey, Timestamp, WorkflowId};
use crate::engine::{Carry, Entry};
use crate::model::Operation;
use crate::step::{Reply, Request};
use serde::{Deserialize, Serialize};
use std::future::Future;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::time::Duration;

/// Performs requests. One attempt policy (time-outs, retries, rate limits) is inside: what comes back is final.
pub trait World: Send + Sync {
    /// Never fails otherwise than by `Reply::Failed`. `Request::Approve` is answered only by tests and `--approve-all`:
    /// a real world leaves it to the inbox, so the dispatcher does not perform it.
    fn perform<'a>(&'a self, key: &'a RequestKey, request: &'a Request) -> Pin<Box<dyn Future<Output = Reply> + Send + 'a>>;

    /// How a piece that is out stands in its channel, between cycles. Nobody is asked by default: only a real world has channels.
    fn look<'a>(&'a self, look: &'a Look) -> Pin<Box<dyn Future<Output = Standing> + Send + 'a>> {
        let _ = look;
        Box::pin(async { Standing::Unknown })
    }
}

/// The time now. Only the runtime asks it.
pub trait Clock: Send + Sync {
    fn now(&self) -> Timestamp;
}

/// Where a cycle stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CycleStatus {
    Open,
    Closed,
}

/// What went wrong with the journal; always with the next step in `help`.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct JournalError {
    /// `store::locked`, `store::damaged`, `store::full` …
    pub code: &'static str,
    pub message: String,
    pub help: String,
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// The log of decisions, checked against the journal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Log {
    /// Oldest first.
    pub records: Vec<LogRecord>,
    /// The digest of the last record: noted elsewhere, it proves that the log is the same and only longer.
    pub head: Option<Digest>,
    /// How many records stand for cycles that are kept no longer.
    pub gone: u32,
    /// The first record that does not fit.
    pub broken: Option<BrokenRecord>,
}

/// One record of the log. It carries the digest of the record before it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogRecord {
    /// From 1, without gaps.
    pub number: u32,
    pub before: Digest,
    pub place: LogPlace,
    /// The digest of what stands at that place, as it is stored.
    pub what: Digest,
}

impl LogRecord {
    /// What the next record carries.
    pub fn digest(&self) -> Digest {
        Digest::of_json(self)
    }
}

/// Where a decision stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogPlace {
    /// The entry of a cycle with this number, from 0.
    Entry { cycle: CycleNo, index: u32 },
    /// What a person did beside the cycles, from 0.
    Operation { index: u32 },
}

impl std::fmt::Display for LogPlace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            LogPlace::Entry { cycle, index } => write!(f, "entry {index} of cycle {cycle}"),
            LogPlace::Operation { index } => write!(f, "operation {index}"),
        }
    }
}

/// A record that does not fit, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BrokenRecord {
    pub number: u32,
    pub why: String,
}

/// Takes entries one by one, and breaks when it has seen enough. An entry that was only looked at is given back: where it was made by
/// another thread, it costs least to let that one give its memory free.
pub type TakeEntry<'t> = dyn FnMut(Entry) -> ControlFlow<(), Option<Entry>> + 't;

/// The durable truth. One owner; entries of one cycle come back in the order they were appended.
pub trait Journal: Send {
    /// Appends in order, all or nothing. With `durable` it returns only when the entries are on disk.
    fn append(&mut self, workflow: &WorkflowId, cycle: CycleNo, entries: &[Entry], durable: bool) -> Result<(), JournalError>;

    /// All entries of a cycle; empty when there is no such cycle.
    fn read(&self, workflow: &WorkflowId, cycle: CycleNo) -> Result<Vec<Entry>, JournalError>;

    /// Hands over all entries of a cycle, one by one and in order, until `take` has seen enough.
    fn read_each(&self, workflow: &WorkflowId, cycle: CycleNo, take: &mut TakeEntry<'_>) -> Result<(), JournalError> {
        let _ = self.read(workflow, cycle)?.into_iter().try_for_each(|entry| take(entry).map_continue(drop));
        Ok(())
    }

    /// How a cycle was opened; `None` when there is no such cycle.
    fn opening(&self, workflow: &WorkflowId, cycle: CycleNo) -> Result<Option<Entry>, JournalError> {
        Ok(self.read(workflow, cycle)?.into_iter().next())
    }

    /// Whether a cycle has all it was made from; of an old one only what lasts may be kept.
    fn has_detail(&self, workflow: &WorkflowId, cycle: CycleNo) -> Result<bool, JournalError> {
        let _ = (workflow, cycle);
        Ok(true)
    }

    /// All cycles of a workflow in order.
    fn cycles(&self, workflow: &WorkflowId) -> Result<Vec<(CycleNo, CycleStatus)>, JournalError>;

    /// Names of workflows that have a cycle here.
    fn workflows(&self) -> Result<Vec<WorkflowId>, JournalError>;

    /// What the last closed cycle handed on; the default before the first.
    fn carry(&self, workflow: &WorkflowId) -> Result<Carry, JournalError>;

    /// Keeps what a person did beside the cycles; it is on disk when this returns.
    fn operate(&mut self, workflow: &WorkflowId, operation: &Operation) -> Result<(), JournalError>;

    /// All operations on a workflow in the order in which they were made.
    fn operations(&self, workflow: &WorkflowId) -> Result<Vec<Operation>, JournalError>;

    /// The log of decisions about a workflow, compared with the journal. Empty where none is kept.
    fn log(&self, workflow: &WorkflowId) -> Result<Log, JournalError> {
        let _ = workflow;
        Ok(Log::default())
    }
}

/// How [`Changes`] hears of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Means {
    /// The system tells.
    Events,
    /// It looks every so often: because it was asked to, or for the reason given here.
    Polling { every: Duration, because: Option<String> },
}

/// Says when the files of a definition have changed.
///
/// One save is one change, however an editor makes it: in two writes, by a new file under the old name, or by a link to
/// another folder. What does not change an answer in the footprint is no change.
pub trait Changes: Send {
    /// From now on these files count, as they were when the footprint was taken, and no others.
    fn watch(&mut self, footprint: Footprint) -> Means;

    /// Returns when an answer is another one than in the footprint and has stayed so for a moment. Until `watch` is called
    /// again it would return at once. Dropping the future loses nothing.
    fn next<'a>(&'a mut self) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>>;
}
