//! Caps and budgets: how much may happen in one window of the workflow's time zone.

use crate::base::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A calendar window. Days, weeks (from Monday) and months are those of the workflow's time zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Window {
    Cycle,
    Day,
    Week,
    Month,
}

impl Window {
    pub const ALL: [Window; 4] = [Window::Cycle, Window::Day, Window::Week, Window::Month];

    pub fn name(self) -> &'static str {
        match self {
            Window::Cycle => "cycle",
            Window::Day => "day",
            Window::Week => "week",
            Window::Month => "month",
        }
    }

    pub fn parse(name: &str) -> Option<Window> {
        Window::ALL.into_iter().find(|window| window.name() == name)
    }

    /// The key of the window that contains `at`: `2026-11-22`, `2026-W47`, `2026-11`; for a cycle its number.
    pub fn key(self, at: Timestamp, zone: &TimeZone, cycle: crate::base::CycleNo) -> String {
        let zoned = at.in_zone(zone);
        match self {
            Window::Cycle => format!("cycle-{cycle}"),
            Window::Day => zoned.strftime("%Y-%m-%d").to_string(),
            Window::Week => {
                let week = zoned.date().iso_week_date();
                format!("{}-W{:02}", week.year(), week.week())
            }
            Window::Month => zoned.strftime("%Y-%m").to_string(),
        }
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What a cap counts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CapUnit {
    /// New pieces that leave a step.
    Pieces,
    /// Millionths of a currency unit.
    Money(String),
    Tokens,
    /// How often one person may be written to: counted for each of them, so no single number says how much of it is used.
    Sends,
}

/// A ceiling: `cap 3 per="day"`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cap {
    /// Who shares it: the step's name, or `workflow`.
    pub key: String,
    pub unit: CapUnit,
    /// Pieces, tokens, or millionths of a currency unit.
    pub most: i64,
    pub per: Window,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::CycleNo;

    #[test]
    fn windows_count_in_the_zone_of_the_workflow() {
        let zone = TimeZone::get("Europe/London").expect("bundled zone");
        let late = Timestamp::parse("2026-06-30T23:30:00Z").expect("a time");
        assert_eq!(Window::Day.key(late, &zone, CycleNo(1)), "2026-07-01");
        assert_eq!(Window::Month.key(late, &TimeZone::UTC, CycleNo(1)), "2026-06");
        assert_eq!(Window::Week.key(late, &zone, CycleNo(1)), "2026-W27");
    }
}
