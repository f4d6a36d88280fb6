//! The runtime: carries out what the engine says. The doors to the outside are traits here; `store` and `world` implement them.

pub mod beside;
pub mod clock;
pub mod decide;
pub mod dispatcher;
pub mod doors;
pub mod inbox;
pub mod reload;
pub mod review;
pub mod run;
pub mod stop;

pub use beside::{SharedCaps, Sharing};
pub use clock::FixedClock;
pub use decide::{DecideError, Gate, decide, open_gates, resolve};
pub use dispatcher::{Dispatcher, DriveOptions, GatePolicy, Machine, Outcome};
pub use doors::{Changes, Clock, CycleStatus, Journal, JournalError, Means, World};
pub use inbox::{Inbox, Letter, NotTaken, Post};
pub use reload::{Definition, Reading, ReloadOutcome, Reloader};
pub use review::{Proposed, proposals};
pub use run::{
    Again, Opening, Ran, Run, RunError, Together, Which, open_again, open_next, pins, recover, run_cycle, run_cycle_with,
};
pub use stop::{StopHandle, StopSignal, Urgency, stop_pair};
