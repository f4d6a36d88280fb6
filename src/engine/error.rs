//! Why a journal cannot be taken up again.

use crate::base::{Digest, RequestKey, TaskId};
use crate::plan::PlanError;

/// The workflow, the Client OS and the journal do not belong together. The messages say what to do.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum EngineError {
    #[error(transparent)]
    Plan(#[from] PlanError),
    #[error("this build has no step kind `{0}`; run the cycle with the version of loopctl that opened it")]
    UnknownKind(String),
    #[error("the journal of this cycle has no opening entry; nothing of it can be recovered")]
    NoOpening,
    #[error(
        "the cycle was opened with workflow version {}, this is version {}; go on with the version it was opened with, or close it",
        .pinned.short(12), .found.short(12)
    )]
    OtherWorkflow { pinned: Digest, found: Digest },
    #[error(
        "the cycle was opened with Client OS version {}, this is version {}; go on with the version it was opened with, or close it",
        .pinned.short(12), .found.short(12)
    )]
    OtherClientOs { pinned: Digest, found: Digest },
    #[error(
        "the journal answers another request than the one `{key}` asks now: the step's code has changed since; \
         go on with the version of loopctl that opened the cycle"
    )]
    Diverged { key: Box<RequestKey> },
    #[error("the journal speaks of the task `{0}`, which this cycle does not have; it is damaged or from another workflow")]
    UnknownTask(Box<TaskId>),
    #[error("the journal speaks of `{0}`, which this workflow does not have; it is damaged or from another workflow")]
    UnknownName(String),
    #[error("the journal goes on after the cycle was closed; it is damaged")]
    AfterTheEnd,
}
