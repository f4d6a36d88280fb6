//! Points in time, to the millisecond. The clock is a door (`runtime::Clock`); here time is only a value.

use jiff::tz::TimeZone;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::time::Duration;

/// Milliseconds since 1970-01-01T00:00:00Z. Shown and serialised as RFC 3339 in UTC.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Reads RFC 3339 (`2026-11-22T06:00:00Z`); a bare date or a date-time without offset is read in `zone`.
    pub fn parse_in(text: &str, zone: &TimeZone) -> Option<Timestamp> {
        let text = text.trim();
        if let Ok(stamp) = text.parse::<jiff::Timestamp>() {
            return Some(stamp.into());
        }
        let civil = text
            .parse::<jiff::civil::DateTime>()
            .ok()
            .or_else(|| text.parse::<jiff::civil::Date>().ok().map(|date| date.at(0, 0, 0, 0)))?;
        zone.to_zoned(civil).ok().map(|zoned| zoned.timestamp().into())
    }

    /// [`Timestamp::parse_in`] with UTC.
    pub fn parse(text: &str) -> Option<Timestamp> {
        Timestamp::parse_in(text, &TimeZone::UTC)
    }

    /// Time from `earlier` to `self`, zero when `earlier` is later.
    pub fn since(self, earlier: Timestamp) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0).max(0) as u64)
    }

    /// Days from `earlier` to `self`, negative when `earlier` is later.
    pub fn days_since(self, earlier: Timestamp) -> f64 {
        (self.0 - earlier.0) as f64 / 86_400_000.0
    }

    pub fn in_zone(self, zone: &TimeZone) -> jiff::Zoned {
        jiff::Timestamp::from_millisecond(self.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH).to_zoned(zone.clone())
    }

    /// `Sun 22 Nov 2026 06:00` in `zone`.
    pub fn friendly(self, zone: &TimeZone) -> String {
        self.in_zone(zone).strftime("%a %-d %b %Y %H:%M").to_string()
    }
}

impl std::ops::Add<Duration> for Timestamp {
    type Output = Timestamp;
    fn add(self, duration: Duration) -> Timestamp {
        Timestamp(self.0.saturating_add(duration.as_millis() as i64))
    }
}

impl std::ops::Sub<Duration> for Timestamp {
    type Output = Timestamp;
    fn sub(self, duration: Duration) -> Timestamp {
        Timestamp(self.0.saturating_sub(duration.as_millis() as i64))
    }
}

impl From<jiff::Timestamp> for Timestamp {
    fn from(stamp: jiff::Timestamp) -> Timestamp {
        Timestamp(stamp.as_millisecond())
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(stamp) => stamp.fmt(f),
            Err(_) => write!(f, "{}ms", self.0),
        }
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
        let text = String::deserialize(deserializer)?;
        Timestamp::parse(&text).ok_or_else(|| serde::de::Error::custom("expected an RFC 3339 time"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_in_a_zone() {
        let zone = TimeZone::get("Europe/London").expect("bundled zone");
        assert_eq!(Timestamp::parse_in("2026-06-01 06:00", &zone), Timestamp::parse("2026-06-01T05:00:00Z"));
        assert_eq!(Timestamp::parse_in("2026-06-01", &TimeZone::UTC), Timestamp::parse("2026-06-01T00:00:00Z"));
        assert_eq!(Timestamp::parse("soon"), None);
    }
}
