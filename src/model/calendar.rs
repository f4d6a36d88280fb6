//! The calendar of a workflow: openings as a cron pattern, and days on which nothing opens.

use jiff::civil::{Date, DateTime, Weekday};
use jiff::tz::TimeZone;
use serde::Serialize;
use std::fmt;

/// When cycles open beside, or in place of, `every`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Calendar {
    /// Five fields, checked: minute, hour, day of the month, month, day of the week.
    pub cron: Option<Cron>,
    /// Days on which nothing opens.
    pub except: Vec<Except>,
}

impl Calendar {
    pub fn is_empty(&self) -> bool {
        self.cron.is_none() && self.except.is_empty()
    }

    pub fn is_excepted(&self, date: Date) -> bool {
        self.except.iter().any(|except| except.is(date))
    }
}

/// A cron pattern that is known to be one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Cron(String);

impl Cron {
    /// Reads five fields.
    ///
    /// # Errors
    /// What is wrong with them, in the reader's words.
    pub fn parse(text: &str) -> Result<Cron, String> {
        Cron::pattern(text).map(|_| Cron(text.to_owned()))
    }

    fn pattern(text: &str) -> Result<croner::Cron, String> {
        use croner::parser::{CronParser, Seconds, Year};
        let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
        parser.parse(text).map_err(|error| error.to_string())
    }

    /// The first time after `after` that fits, both on the wall; `None` when none is near.
    pub fn next_after(&self, after: DateTime) -> Option<DateTime> {
        let pattern = Cron::pattern(&self.0).expect("it was parsed before");
        // The pattern knows nothing of zones: what stands on the wall is handed over as if it were UTC, and comes back so.
        let after = after.to_zoned(TimeZone::UTC).ok()?.timestamp().as_second();
        let next = pattern.find_next_occurrence(&chrono::DateTime::from_timestamp(after, 0)?, false).ok()?;
        let next = jiff::Timestamp::from_second(next.timestamp()).ok()?;
        Some(next.to_zoned(TimeZone::UTC).datetime())
    }
}

impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A day on which nothing opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Except {
    /// `2026-12-25`
    Date(Date),
    /// `12-25`: month and day of every year.
    EveryYear(i8, i8),
    /// `saturday`: days from Monday, 1 to 7.
    Weekday(i8),
}

impl Except {
    pub const WEEKDAYS: [&'static str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

    /// Reads a date, a month and day, or a day of the week.
    pub fn parse(text: &str) -> Option<Except> {
        if let Some(at) = Except::WEEKDAYS.iter().position(|day| *day == text) {
            return Some(Except::Weekday(at as i8 + 1));
        }
        if let Ok(date) = text.parse::<Date>() {
            return (text.len() == 10).then_some(Except::Date(date));
        }
        let (month, day) = text.split_once('-')?;
        let number = |text: &str| if text.len() == 2 { text.parse::<i8>().ok() } else { None };
        let (month, day) = (number(month)?, number(day)?);
        // A leap year, so that 02-29 is a day.
        Date::new(2024, month, day).ok().map(|_| Except::EveryYear(month, day))
    }

    fn is(self, date: Date) -> bool {
        match self {
            Except::Date(except) => except == date,
            Except::EveryYear(month, day) => (date.month(), date.day()) == (month, day),
            Except::Weekday(day) => date.weekday() == Weekday::from_monday_one_offset(day).expect("from 1 to 7"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn a_day_is_a_date_a_day_of_the_year_or_of_the_week() {
        assert_eq!(Except::parse("2026-12-25"), Some(Except::Date(date(2026, 12, 25))));
        assert_eq!(Except::parse("02-29"), Some(Except::EveryYear(2, 29)));
        assert_eq!(Except::parse("sunday"), Some(Except::Weekday(7)));
        for wrong in ["2026-13-01", "13-01", "02-30", "Sun", "25.12.", "", "20261225"] {
            assert_eq!(Except::parse(wrong), None, "{wrong}");
        }
        let calendar = Calendar { cron: None, except: vec![Except::EveryYear(12, 25), Except::Weekday(6)] };
        assert!(calendar.is_excepted(date(2027, 12, 25)) && calendar.is_excepted(date(2026, 11, 21)));
        assert!(!calendar.is_excepted(date(2026, 11, 22)));
    }

    #[test]
    fn a_pattern_has_five_fields() {
        let next = |pattern: &str| Cron::parse(pattern).unwrap().next_after(date(2026, 11, 22).at(6, 0, 0, 0)).unwrap();
        assert_eq!(next("0 6 * * 1-5"), date(2026, 11, 23).at(6, 0, 0, 0));
        assert_eq!(next("*/20 * * * *"), date(2026, 11, 22).at(6, 20, 0, 0));
        assert_eq!(next("0 0 29 2 *"), date(2028, 2, 29).at(0, 0, 0, 0));
        for wrong in ["", "0 6 * *", "61 6 * * *", "0 0 6 * * 1", "every day"] {
            assert!(Cron::parse(wrong).is_err(), "{wrong}");
        }
    }
}
