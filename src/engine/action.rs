//! What goes into the engine and what comes out.

use super::nudges::Nudge;
use super::{Entry, Scope};
use crate::base::{CycleNo, RequestKey, StepId, TaskId};
use crate::step::{Published, Reply, Request};

/// Something happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A new cycle opens, or a recovered one goes on.
    Start,
    /// The world answered.
    Replied { key: RequestKey, reply: Reply },
    /// A person settles an effect that is in doubt. `key` is the one that [`super::Cycle::in_doubt`] lists.
    Resolve { key: RequestKey, resolution: Resolution },
    /// A person calls something off in this cycle.
    Cancel { cycle: CycleNo, scope: Scope, by: String, reason: Option<String> },
    /// The user asks to stop: start nothing new, let running requests finish.
    Stop,
}

/// What a person says about an effect of which nobody knows whether it happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Resolution {
    /// It went out: this is its proof.
    Confirm(Published),
    /// It did not go out: send it (again).
    Retry,
    /// It did not go out, and shall not.
    Drop { by: String },
}

/// Something to do, in order. `Record` comes before the `Perform` that depends on it.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Append to the journal. `durable`: must be on disk before any later `Perform` of this list is carried out, and
    /// before its event is acknowledged; several records in a row may share one sync.
    Record { entry: Entry, durable: bool },
    /// Perform a request. After a crash the same key may be performed again, unless it is an effect.
    Perform { key: RequestKey, request: Request },
    /// For progress displays; carries no truth.
    Tell(Notice),
    /// Nothing is left to do until people decide: how many decisions are awaited.
    Park { waiting: usize },
    /// The cycle is closed. Its outcome is in its journal.
    Finish,
}

/// Progress.
#[derive(Clone, Debug, PartialEq)]
pub enum Notice {
    Started(TaskId),
    Finished {
        task: TaskId,
        headline: Option<String>,
        items: usize,
        recalled: bool,
    },
    Failed {
        task: TaskId,
        message: String,
    },
    Deferred {
        task: TaskId,
        reason: String,
    },
    Waiting {
        task: TaskId,
        title: String,
    },
    /// Nobody has decided yet: people were reminded, or others are asked as well.
    Nudged {
        key: RequestKey,
        nudge: Nudge,
        title: String,
    },
    StepDone(StepId),
    /// A decision or resolution that was not taken, and why; what it was about stays as it was.
    Void {
        key: RequestKey,
        message: String,
    },
}
