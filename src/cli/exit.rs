//! Exit codes. What ends a command early is a [`Failure`] of the workspace.

pub use crate::workspace::{Exit, Failure};

impl Exit {
    /// What the process says.
    pub fn code(self) -> u8 {
        match self {
            Exit::Ok => 0,
            Exit::Findings => 1,
            Exit::Usage => 2,
            Exit::InvalidWorkflow => 3,
            Exit::Waiting => 4,
            Exit::CapReached => 5,
            Exit::Interrupted => 130,
        }
    }

    pub const TABLE: &'static str = "\
Exit codes:
  0    done
  1    failed steps, or findings
  2    wrong usage, or something could not be read or written
  3    the workflow is not valid
  4    waiting for people
  5    a budget or cap was reached
  130  interrupted";
}
