//! The runtime: carries out what the engine says. The doors to the outside are traits here; `store` and `world` implement them.

pub mod clock;
pub mod decide;
pub mod dispatcher;
pub mod doors;
pub mod reload;
pub mod run;
pub mod stop;

pub use clock::FixedClock;
pub use decide::{DecideError, Gate, decide, open_gates, resolve};
pub use dispatcher::{Dispatcher, DriveOptions, GatePolicy, Machine, Outcome};
pub use doors::{Changes, Clock, CycleStatus, Journal, JournalError, Means, World};
pub use reload::{Definition, Reading, ReloadOutcome, Reloader};
pub use run::{Again, Ran, Run, RunError, Which, open_again, pins, recover, run_cycle};
pub use stop::{StopHandle, StopSignal, Urgency, stop_pair};
