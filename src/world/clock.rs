//! The real clock. Everything below this room gets time as an argument; here is where it comes from.

use crate::base::Timestamp;
use crate::runtime::Clock;
use std::time::{SystemTime, UNIX_EPOCH};

/// The clock of this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        // A clock set before 1970 reads as 1970 rather than stopping the work.
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}

/// A clock that stands still: rehearsals and tests.
#[derive(Clone, Copy, Debug)]
pub struct FrozenClock(pub Timestamp);

impl Clock for FrozenClock {
    fn now(&self) -> Timestamp {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_clock_is_past_the_day_this_was_written_or_at_least_never_negative() {
        assert!(SystemClock.now() >= Timestamp(0));
        assert_eq!(FrozenClock(Timestamp(7)).now(), Timestamp(7));
    }
}
