//! How often something may be asked: `rate 30 per="minute"` means that no minute, wherever it begins, sees more than thirty.
//!
//! A token bucket lets a burst through and then refills, so a minute that holds the burst and the refill sees up to twice the
//! number; people who write thirty a minute mean thirty. So the times of the last requests are kept, at most as many as the
//! rate allows, and the next may go when the oldest of them is old enough. Time is an argument: a clock that goes back makes
//! waits no longer than one window, and never lets more through.

use crate::base::Timestamp;
use crate::model::Config;
use std::collections::VecDeque;
use std::time::Duration;

/// The most that `rate` takes. The times of so many requests are kept.
pub const RATE_MOST: i64 = 1_000;

/// So many in any window of this length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// At least 1.
    pub most: usize,
    pub per: Duration,
}

impl Rate {
    /// The `rate` of a provider or a channel, when it has one.
    pub fn of(config: &Config) -> Option<Rate> {
        let node = config.child("rate")?;
        let most = node.arg()?.integer()?.clamp(1, RATE_MOST);
        let seconds = match node.prop("per").and_then(|per| per.text())? {
            "second" => 1,
            "hour" => 3_600,
            "day" => 86_400,
            _ => 60,
        };
        Some(Rate { most: usize::try_from(most).ok()?, per: Duration::from_secs(seconds) })
    }
}

/// When the last requests went out, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Went(VecDeque<Timestamp>);

impl Went {
    /// From times as they were kept, in any order.
    pub fn new(mut times: Vec<Timestamp>) -> Went {
        times.sort_unstable();
        times.drain(..times.len().saturating_sub(RATE_MOST as usize));
        Went(times.into())
    }

    pub fn times(&self) -> impl Iterator<Item = Timestamp> + '_ {
        self.0.iter().copied()
    }

    /// Counts one request that goes out now.
    ///
    /// # Errors
    /// How long to wait before asking again, at most one window. Nothing is counted then.
    pub fn take(&mut self, rate: Rate, now: Timestamp) -> Result<(), Duration> {
        // The clock went back: what it says has not happened yet happened just now.
        self.0.iter_mut().for_each(|at| *at = (*at).min(now));
        // What is older than any window says nothing; of the others no more than a rate can ask about is kept.
        while self.0.front().is_some_and(|at| now.since(*at) >= rate.per.max(Duration::from_secs(86_400)))
            || self.0.len() > RATE_MOST as usize
        {
            self.0.pop_front();
        }
        let Some(before) = self.0.len().checked_sub(rate.most) else {
            self.0.push_back(now);
            return Ok(());
        };
        let age = now.since(self.0[before]);
        if age < rate.per {
            return Err(rate.per - age);
        }
        self.0.push_back(now);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Rng;

    fn minute(most: usize) -> Rate {
        Rate { most, per: Duration::from_secs(60) }
    }

    #[test]
    fn the_first_go_at_once_and_the_next_when_the_oldest_is_a_window_old() {
        let mut went = Went::default();
        let at = |seconds: i64| Timestamp(seconds * 1_000);
        assert_eq!(went.take(minute(2), at(0)), Ok(()));
        assert_eq!(went.take(minute(2), at(10)), Ok(()));
        assert_eq!(went.take(minute(2), at(20)), Err(Duration::from_secs(40)));
        assert_eq!(went.take(minute(2), at(60)), Ok(()));
        assert_eq!(went.take(minute(2), at(61)), Err(Duration::from_secs(9)));
    }

    #[test]
    fn no_window_ever_sees_more_whatever_the_clock_does_and_however_often_it_is_restarted() {
        for seed in 0..200 {
            let mut rng = Rng::new(seed);
            let rate = Rate { most: 1 + rng.below(7) as usize, per: Duration::from_secs(60) };
            // Real time only goes forward; the clock on the wall is set now and then.
            let (mut real, mut offset) = (0_i64, 0_i64);
            let mut went = Went::default();
            let mut let_through: Vec<i64> = Vec::new();
            for _ in 0..400 {
                real += rng.below(20_000) as i64;
                if rng.below(20) == 0 {
                    // Back by up to an hour: forward jumps really are later for all that a clock can know.
                    offset -= rng.below(3_600_000) as i64;
                }
                if rng.below(20) == 0 {
                    went = Went::new(went.times().collect());
                }
                if went.take(rate, Timestamp(real + offset)).is_ok() {
                    let_through.push(real);
                }
            }
            for (at, first) in let_through.iter().enumerate() {
                let within = let_through[at..].iter().take_while(|time| *time - first < 60_000).count();
                assert!(within <= rate.most, "seed {seed}: {within} within a minute, {} allowed", rate.most);
            }
            assert!(let_through.len() > 20, "seed {seed}: it went on");
        }
    }

    #[test]
    fn a_lowered_rate_counts_what_went_before() {
        let mut went = Went::default();
        for second in 0..5 {
            assert_eq!(went.take(minute(5), Timestamp(second * 1_000)), Ok(()));
        }
        assert_eq!(went.take(minute(2), Timestamp(10_000)), Err(Duration::from_secs(53)));
        assert_eq!(went.take(minute(6), Timestamp(10_000)), Ok(()));
    }
}
