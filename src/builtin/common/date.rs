//! Dates as files write them, and the calendar periods a table's rows stand for.

use crate::base::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::fmt::strtime;
use jiff::tz::TimeZone;
use jiff::{Span, ToSpan};

/// Reads a time. Formats (strftime, or `unix`, `unix-ms`, `unix-us`) are tried first, in order; then RFC 3339, a civil date or
/// date-time in `zone`, and `20260920`. Dates with slashes need a format: nobody can tell `02/03` from `03/02`.
pub fn parse(text: &str, formats: &[&str], zone: &TimeZone) -> Option<Timestamp> {
    let text = text.trim();
    formats.iter().find_map(|format| with_format(text, format, zone)).or_else(|| without_format(text, zone))
}

fn with_format(text: &str, format: &str, zone: &TimeZone) -> Option<Timestamp> {
    let per_second = match format {
        "unix" => 1.0,
        "unix-ms" => 1e3,
        "unix-us" => 1e6,
        _ => return with_strftime(text, format, zone),
    };
    let value: f64 = text.parse().ok()?;
    let millis = value / per_second * 1e3;
    (millis.abs() < 1e16).then_some(Timestamp(millis.floor() as i64))
}

fn with_strftime(text: &str, format: &str, zone: &TimeZone) -> Option<Timestamp> {
    let parts = strtime::parse(format, text).ok()?;
    if let Ok(stamp) = parts.to_timestamp() {
        return Some(stamp.into());
    }
    // What the format leaves out is the start of the period: `%Y-%m` is the first of the month.
    let date = match parts.to_date() {
        Ok(date) => date,
        Err(_) => Date::new(parts.year()?, parts.month().unwrap_or(1), parts.day().unwrap_or(1)).ok()?,
    };
    let time = parts.to_time().unwrap_or(Time::midnight());
    zone.to_zoned(date.to_datetime(time)).ok().map(|zoned| zoned.timestamp().into())
}

fn without_format(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    if text.len() == 8 && text.bytes().all(|b| b.is_ascii_digit()) {
        return with_strftime(text, "%Y%m%d", zone);
    }
    let civil = |text: &str| text.parse::<DateTime>().is_ok() || text.parse::<Date>().is_ok();
    if let Some(stamp) = Timestamp::parse_in(text, zone) {
        return Some(stamp);
    }
    // `2026-06-01 09:00 UTC`, as warehouses write it.
    let bare = text.strip_suffix(" UTC").or_else(|| text.strip_suffix('Z'))?;
    civil(bare).then(|| Timestamp::parse(bare)).flatten()
}

/// The length of the periods that rows start, judged from the smallest step between neighbours; a month for a single row.
pub fn period(starts: &[Timestamp]) -> Span {
    let days = starts.windows(2).map(|pair| (pair[1].0 - pair[0].0) as f64 / 86_400_000.0).filter(|days| *days > 0.0);
    let days = days.fold(f64::INFINITY, f64::min);
    match days {
        days if days < 0.9 => ((days * 24.0).round().max(1.0) as i64).hours(),
        days if days < 27.5 => (days.round() as i64).days(),
        days if days < 80.0 => 1.month(),
        days if days < 360.0 => 3.months(),
        days if days.is_finite() => 1.year(),
        _ => 1.month(),
    }
}

/// When a period that starts at `start` ends: its length later on the calendar of `zone`.
pub fn end(start: Timestamp, length: Span, zone: &TimeZone) -> Timestamp {
    start.in_zone(zone).checked_add(length).map_or(start, |zoned| zoned.timestamp().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utc(text: &str, formats: &[&str]) -> String {
        parse(text, formats, &TimeZone::UTC).map_or("none".to_owned(), |stamp| stamp.to_string())
    }

    #[test]
    fn dates_read_by_format_and_without() {
        assert_eq!(utc("2026-09", &["%Y-%m"]), "2026-09-01T00:00:00Z");
        assert_eq!(utc("09/02/2026 08:00 AM", &["%Y-%m-%d %H:%M", "%m/%d/%Y %I:%M %p"]), "2026-09-02T08:00:00Z");
        assert_eq!(utc("2026-09-01 09:14", &["%m/%d/%Y"]), "2026-09-01T09:14:00Z");
        assert_eq!(utc("20260920", &[]), "2026-09-20T00:00:00Z");
        assert_eq!(utc("1789862400123456", &["unix-us"]), "2026-09-20T00:00:00.123Z");
        assert_eq!(utc("2022-09-03 21:00:00 UTC", &[]), "2022-09-03T21:00:00Z");
        assert_eq!(utc("02/03/2026", &[]), "none");
    }

    #[test]
    fn periods_follow_the_calendar() {
        let starts: Vec<Timestamp> =
            ["2026-01-01", "2026-02-01", "2026-03-01"].iter().map(|text| Timestamp::parse(text).unwrap()).collect();
        let length = period(&starts);
        assert_eq!(end(starts[1], length, &TimeZone::UTC), starts[2]);
        let weeks: Vec<Timestamp> = ["2026-08-30", "2026-09-06"].iter().map(|text| Timestamp::parse(text).unwrap()).collect();
        assert_eq!(end(weeks[1], period(&weeks), &TimeZone::UTC), Timestamp::parse("2026-09-13").unwrap());
    }
}
