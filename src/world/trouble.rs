//! Trouble: what went wrong outside, whether asking again can help, and how long to wait before that.
//!
//! Every door answers trouble in the same way: a message in the user's words, the next step, and a [`Patience`] that decides
//! about another attempt. The decision is a pure function of the attempt, the server's wish and a number drawn beforehand.

use crate::base::{Money, Rng, Timestamp, duration};
use crate::step::{Failure, FailureKind, Reply};
use std::io;
use std::time::Duration;

/// Something that went wrong in one attempt.
#[derive(Clone, Debug, PartialEq)]
pub struct Trouble {
    pub kind: FailureKind,
    /// In the user's words, without a period.
    pub message: String,
    /// The next step for the user.
    pub help: String,
    /// Whether another attempt may help.
    pub again: bool,
    /// How long the other side asked us to wait.
    pub wait: Option<Duration>,
    /// What the attempt cost although it failed.
    pub tokens: u64,
    pub cost: Option<Money>,
}

impl Trouble {
    /// Will not work as it is.
    pub fn permanent(message: impl Into<String>, help: impl Into<String>) -> Trouble {
        Trouble {
            kind: FailureKind::Permanent,
            message: message.into(),
            help: help.into(),
            again: false,
            wait: None,
            tokens: 0,
            cost: None,
        }
    }

    /// May work later, and is tried again now.
    pub fn passing(message: impl Into<String>, help: impl Into<String>) -> Trouble {
        Trouble { kind: FailureKind::Transient, again: true, ..Trouble::permanent(message, help) }
    }

    /// An effect that may have happened: a person decides, so it is never tried again by itself.
    pub fn in_doubt(message: impl Into<String>, help: impl Into<String>) -> Trouble {
        Trouble { kind: FailureKind::InDoubt, ..Trouble::permanent(message, help) }
    }

    /// Not tried again in this cycle, though it may work in the next one.
    pub fn for_later(self) -> Trouble {
        Trouble { kind: FailureKind::Transient, again: false, ..self }
    }

    pub fn into_reply(self, attempts: u32) -> Reply {
        let failure = Failure::new(self.kind, self.message);
        Reply::Failed(Failure { help: Some(self.help), attempts, tokens: self.tokens, cost: self.cost, ..failure })
    }
}

/// How often and how long to try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// Attempts after the first one.
    pub retries: u32,
    /// The longest pause before the first retry; it doubles with each one.
    pub first_pause: Duration,
    /// No pause of ours is longer.
    pub longest_pause: Duration,
    /// When the other side asks for a longer wait than this, it is left alone until the next cycle.
    pub longest_wait: Duration,
}

impl Default for Patience {
    fn default() -> Patience {
        Patience {
            retries: 3,
            first_pause: Duration::from_secs(1),
            longest_pause: Duration::from_secs(30),
            longest_wait: Duration::from_secs(120),
        }
    }
}

impl Patience {
    /// The pause before the next attempt, or `None` when it is time to give up. `attempts` counts those made so far, from 1.
    ///
    /// Equal jitter (Brooker, "Exponential backoff and jitter", 2015): between half and all of an exponentially growing pause,
    /// so that many steps that failed together do not come back together, and none comes back at once.
    pub fn pause(&self, attempts: u32, trouble: &Trouble, rng: &mut Rng) -> Option<Duration> {
        if !trouble.again || attempts > self.retries {
            return None;
        }
        let doubled = self.first_pause.saturating_mul(1u32 << attempts.saturating_sub(1).min(16));
        let own = doubled.min(self.longest_pause).mul_f64(0.5 + 0.5 * rng.uniform());
        match trouble.wait {
            Some(wait) if wait > self.longest_wait => None,
            Some(wait) => Some(wait.max(own)),
            None => Some(own),
        }
    }
}

/// Reads `Retry-After`: seconds or an HTTP date (RFC 9110, section 10.2.3).
pub fn retry_after(text: &str, now: Timestamp) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        // A century is as good as for ever, and keeps sums of durations far from overflow.
        return Some(Duration::from_secs(seconds.min(100 * 365 * 86_400)));
    }
    let date = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    Some(Timestamp::from(date).since(now))
}

/// `: it asks to wait 1h` for a message, or nothing.
pub fn wish(wait: Option<Duration>) -> String {
    match wait {
        Some(wait) if !wait.is_zero() => {
            format!(" and asks to wait {}", duration::format(Duration::from_secs(wait.as_secs().max(1))))
        }
        _ => String::new(),
    }
}

/// What an I/O error means, in plain words and without its number.
pub fn plain_io(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "no such file".to_owned(),
        io::ErrorKind::PermissionDenied => "no permission".to_owned(),
        io::ErrorKind::StorageFull => "the disk is full".to_owned(),
        io::ErrorKind::QuotaExceeded => "the disk quota is used up".to_owned(),
        io::ErrorKind::ReadOnlyFilesystem => "the file system is read-only".to_owned(),
        io::ErrorKind::IsADirectory => "it is a folder".to_owned(),
        io::ErrorKind::NotADirectory => "a part of the path is a file, not a folder".to_owned(),
        io::ErrorKind::InvalidData => "it is not UTF-8 text".to_owned(),
        _ => {
            let text = error.to_string();
            text.split(" (os error").next().unwrap_or_default().to_lowercase()
        }
    }
}

/// The beginning of a text on one line, at most `max` characters, for a message.
pub fn excerpt(text: &str, max: usize) -> String {
    crate::model::Untrusted::new(text).quoted(max)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passing(wait: Option<u64>) -> Trouble {
        Trouble { wait: wait.map(Duration::from_secs), ..Trouble::passing("x", "y") }
    }

    #[test]
    fn pauses_double_with_jitter_up_to_a_limit_and_end() {
        let patience = Patience { retries: 8, ..Patience::default() };
        let mut rng = Rng::new(1);
        for attempts in 1..=8 {
            let full = Duration::from_secs((1u64 << (attempts - 1)).min(30));
            let pause = patience.pause(attempts, &passing(None), &mut rng).unwrap();
            assert!(pause >= full / 2 && pause <= full, "{attempts}: {pause:?}");
        }
        assert_eq!(patience.pause(9, &passing(None), &mut rng), None);
        assert_eq!(patience.pause(u32::MAX, &passing(None), &mut rng), None);
    }

    #[test]
    fn the_other_sides_wish_is_kept_or_the_attempt_is_given_up() {
        let mut rng = Rng::new(1);
        let pause = |wait, rng: &mut Rng| Patience::default().pause(1, &passing(Some(wait)), rng);
        assert_eq!(pause(7, &mut rng), Some(Duration::from_secs(7)));
        assert!(pause(0, &mut rng).unwrap() >= Duration::from_millis(500), "never at once");
        assert_eq!(pause(3_600, &mut rng), None);
    }

    #[test]
    fn only_passing_trouble_is_tried_again() {
        let mut rng = Rng::new(1);
        for trouble in [Trouble::permanent("x", "y"), Trouble::in_doubt("x", "y"), passing(None).for_later()] {
            assert_eq!(Patience::default().pause(1, &trouble, &mut rng), None);
        }
    }

    #[test]
    fn retry_after_reads_seconds_and_dates() {
        let now = Timestamp::parse("2026-11-22T06:00:00Z").unwrap();
        assert_eq!(retry_after(" 120", now), Some(Duration::from_secs(120)));
        assert_eq!(retry_after("Sun, 22 Nov 2026 06:01:30 GMT", now), Some(Duration::from_secs(90)));
        assert_eq!(retry_after("Sun, 22 Nov 2026 05:00:00 GMT", now), Some(Duration::ZERO));
        assert_eq!(retry_after("soon", now), None);
        assert_eq!(retry_after("-1", now), None);
        assert!(retry_after(&u64::MAX.to_string(), now).is_some());
    }
}
