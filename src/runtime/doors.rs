//! The doors: world, journal and clock. Tests put scripted ones in their place.

use crate::base::{CycleNo, RequestKey, Timestamp, WorkflowId};
use crate::engine::{Carry, Entry};
use crate::step::{Reply, Request};
use std::future::Future;
use std::pin::Pin;

/// Performs requests. One attempt policy (time-outs, retries, rate limits) is inside: what comes back is final.
pub trait World: Send + Sync {
    /// Never fails otherwise than by `Reply::Failed`. `Request::Approve` is answered only by tests and `--approve-all`:
    /// a real world leaves it to the inbox, so the dispatcher does not perform it.
    fn perform<'a>(&'a self, key: &'a RequestKey, request: &'a Request) -> Pin<Box<dyn Future<Output = Reply> + Send + 'a>>;
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

/// The durable truth. One owner; entries of one cycle come back in the order they were appended.
pub trait Journal: Send {
    /// Appends in order, all or nothing. With `durable` it returns only when the entries are on disk.
    fn append(&mut self, workflow: &WorkflowId, cycle: CycleNo, entries: &[Entry], durable: bool) -> Result<(), JournalError>;

    /// All entries of a cycle; empty when there is no such cycle.
    fn read(&self, workflow: &WorkflowId, cycle: CycleNo) -> Result<Vec<Entry>, JournalError>;

    /// All cycles of a workflow in order.
    fn cycles(&self, workflow: &WorkflowId) -> Result<Vec<(CycleNo, CycleStatus)>, JournalError>;

    /// Names of workflows that have a cycle here.
    fn workflows(&self) -> Result<Vec<WorkflowId>, JournalError>;

    /// What the last closed cycle handed on; the default before the first.
    fn carry(&self, workflow: &WorkflowId) -> Result<Carry, JournalError>;
}
