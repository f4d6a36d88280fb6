//! What happens, for whoever listens: pages that refresh, metrics, the log. No titles, texts or names of people.

use crate::base::{CycleNo, Timestamp, WorkflowId};
use crate::engine::{Notice, Nudge};
use serde::Serialize;
use tokio::sync::broadcast;

/// So many happenings wait for a slow listener.
const WAITING: usize = 256;

/// Where everything that happens is told: to whoever listens, and to the one who writes the log.
pub struct Bus {
    listeners: broadcast::Sender<Happened>,
    writer: Box<dyn Fn(&Happened) + Send + Sync>,
}

impl Bus {
    /// `writer` gets everything, in order of happening for each workflow.
    pub fn new(writer: impl Fn(&Happened) + Send + Sync + 'static) -> Bus {
        Bus { listeners: broadcast::channel(WAITING).0, writer: Box::new(writer) }
    }

    pub fn tell(&self, happened: Happened) {
        (self.writer)(&happened);
        if matches!(happened.what, What::TaskStarted { .. }) {
            return;
        }
        // Nobody may be listening.
        let _ = self.listeners.send(happened);
    }

    pub fn subscribe(&self) -> broadcast::Receiver<Happened> {
        self.listeners.subscribe()
    }
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Happened {
    pub at: Timestamp,
    pub workflow: WorkflowId,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cycle: Option<CycleNo>,
    #[serde(flatten)]
    pub what: What,
}

/// What it was.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "event")]
pub enum What {
    /// A cycle was opened; `missed` openings while nothing ran are caught up with this one.
    Opened {
        missed: usize,
    },
    /// A cycle that was open when the service started is taken up.
    TakenUp,
    /// Told to the writer only: listeners ask what there is, and nothing is there yet.
    TaskStarted {
        step: String,
    },
    TaskFinished {
        step: String,
        items: usize,
        recalled: bool,
    },
    TaskFailed {
        step: String,
    },
    TaskDeferred {
        step: String,
    },
    /// An item waits for a person.
    Waiting {
        step: String,
    },
    /// Nobody has decided: people were reminded, or others are asked as well.
    Nudged {
        step: String,
        escalated: bool,
    },
    /// A person, or a command on their behalf, decided.
    Decided {
        step: String,
        verdict: &'static str,
    },
    /// Nothing can go on before people decide, or before the time when the next gate expires.
    Parked {
        waiting: usize,
        until: Option<Timestamp>,
    },
    Closed,
    /// A stop was asked for; the next start goes on from here.
    Stopped,
    /// Something cannot go on; it is tried again.
    Trouble {
        code: String,
        message: String,
    },
    /// A changed file counts from the next cycle.
    Reloaded,
    /// A changed file is not valid; the next cycle begins with what was valid before.
    Kept,
    /// Something was received at `/hooks/NAME`.
    Received {
        hook: String,
    },
}

impl What {
    /// What a notice of a running cycle says, if it says something that counts here.
    pub fn of(notice: &Notice) -> Option<What> {
        Some(match notice {
            Notice::Finished { task, items, recalled, .. } => {
                What::TaskFinished { step: task.step.to_string(), items: *items, recalled: *recalled }
            }
            Notice::Failed { task, .. } => What::TaskFailed { step: task.step.to_string() },
            Notice::Deferred { task, .. } => What::TaskDeferred { step: task.step.to_string() },
            Notice::Waiting { task, .. } => What::Waiting { step: task.step.to_string() },
            Notice::Nudged { key, nudge, .. } => {
                What::Nudged { step: key.task.step.to_string(), escalated: *nudge == Nudge::Escalated }
            }
            Notice::Started(task) => What::TaskStarted { step: task.step.to_string() },
            Notice::StepDone(_) | Notice::Void { .. } => return None,
        })
    }
}
