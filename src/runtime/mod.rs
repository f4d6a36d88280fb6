//! The runtime: carries out what the engine says. The doors to the outside are traits here; `store` and `world` implement them.

mod at_once;
pub mod beside;
pub mod clock;
pub mod decide;
pub mod dispatcher;
pub mod doors;
pub mod inbox;
pub mod look_back;
pub mod reload;
pub mod review;
pub mod run;
pub mod schedule;
pub mod stop;

pub use at_once::at_once;
pub use beside::{SharedCaps, Sharing};
pub use clock::FixedClock;
pub use decide::{DecideError, Gate, cancel, decide, open_gates, resolve};
pub use dispatcher::{Dispatcher, DriveOptions, GatePolicy, Machine, Outcome};
pub use doors::{
    BrokenRecord, Changes, Clock, CycleStatus, Journal, JournalError, Log, LogPlace, LogRecord, Means, TakeEntry, World,
};
pub use inbox::{Inbox, Letter, NotTaken, Post};
pub use look_back::{Look, LookBack, SentText, Standing, StandingText, Unread, look_back};
pub use reload::{Definition, Reading, ReloadOutcome, Reloader};
pub use review::{Proposed, proposals};
pub use run::{
    Again, Opening, Ran, Run, RunError, Together, Which, open_again, open_from, open_next, pieces_out, pins, recover, run_cycle,
    run_cycle_with,
};
pub use schedule::{NextOpening, next_opening};
pub use stop::{StopHandle, StopSignal, Urgency, stop_pair};

#[cfg(test)]
pub(crate) mod test_workflow {
    //! A workflow without anything, for tests of what stands around it.

    use crate::base::WorkflowId;
    use crate::model::Workflow;
    use std::collections::BTreeMap;

    pub(crate) fn blank() -> Workflow {
        Workflow {
            id: WorkflowId::new("w"),
            about: String::new(),
            folder: String::new(),
            client_os: None,
            zone: jiff::tz::TimeZone::UTC,
            every: None,
            at_minute: None,
            calendar: Default::default(),
            recorded_from: None,
            notify: Vec::new(),
            concurrency: 1,
            caps: Vec::new(),
            steps: Vec::new(),
            providers: BTreeMap::new(),
            channels: BTreeMap::new(),
            templates: BTreeMap::new(),
            digested: Default::default(),
        }
    }
}
