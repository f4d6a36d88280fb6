//! A clock that moves only when it is told to, for rehearsals and tests.

use super::Clock;
use crate::base::Timestamp;
use std::sync::atomic::{AtomicI64, Ordering};

/// Stands still until it is set. Share it to move it while a cycle runs.
#[derive(Debug, Default)]
pub struct FixedClock(AtomicI64);

impl FixedClock {
    pub fn new(at: Timestamp) -> FixedClock {
        FixedClock(AtomicI64::new(at.0))
    }

    pub fn set(&self, at: Timestamp) {
        self.0.store(at.0, Ordering::Relaxed);
    }
}

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::Relaxed))
    }
}
