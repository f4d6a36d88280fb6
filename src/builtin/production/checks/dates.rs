//! Dates in a text, as English and ISO 8601 write them, so that a date can be looked up in what a piece rests on.

use regex::Regex;
use std::ops::Range;
use std::sync::LazyLock;

const MONTHS: [&str; 12] =
    ["january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december"];

/// A date as far as it is said; the month always is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Date {
    pub year: Option<u32>,
    /// From 1.
    pub month: u32,
    pub day: Option<u32>,
}

impl Date {
    /// Whether both may be the same day: what one leaves open does not differ.
    pub fn agrees(&self, other: &Date) -> bool {
        let same = |a: Option<u32>, b: Option<u32>| a.is_none() || b.is_none() || a == b;
        self.month == other.month && same(self.day, other.day) && same(self.year, other.year)
    }
}

static DATE: LazyLock<Regex> = LazyLock::new(|| {
    let months = r"(January|February|March|April|May|June|July|August|September|October|November|December|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)\b\.?";
    Regex::new(&format!(
        r"\b(\d{{4}})-(\d{{2}})(?:-(\d{{2}}))?\b|(?:\b(\d{{1,2}})(?:st|nd|rd|th)? (?:of )?)?\b{months}(?: (\d{{1,2}})(?:st|nd|rd|th)?\b)?(?:,? (\d{{4}})\b)?"
    ))
    .expect("a valid pattern")
});

/// Every date with its place, in order. `May` and `March` alone are words.
pub fn dates(text: &str) -> Vec<(Range<usize>, Date)> {
    let number = |found: Option<regex::Match<'_>>| found.and_then(|found| found.as_str().parse::<u32>().ok());
    let read = |found: regex::Captures<'_>| {
        let range = found.get(0)?.range();
        if let Some(month) = number(found.get(2)) {
            let date = Date { year: number(found.get(1)), month, day: number(found.get(3)) };
            return (1..=12).contains(&month).then_some((range, date));
        }
        let name = found.get(5)?.as_str().to_lowercase();
        let month = MONTHS.iter().position(|month| month.starts_with(name.trim_end_matches('t')) || *month == name)?;
        // `June 2026` has no day; `June 20 2026` does.
        let day = number(found.get(4)).or(number(found.get(6)));
        let date = Date { year: number(found.get(7)), month: month as u32 + 1, day };
        let said = date.day.is_some()
            || date.year.is_some()
            || !matches!(name.as_str(), "may" | "march" | "mar" | "dec" | "jan" | "sep");
        said.then_some((range, date))
    };
    DATE.captures_iter(text).filter_map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_as_people_write_them() {
        let read = |text: &str| -> Vec<(u32, u32, u32)> {
            dates(text).iter().map(|(_, date)| (date.year.unwrap_or(0), date.month, date.day.unwrap_or(0))).collect()
        };
        for (text, expected) in [
            ("seen on 3 June 2026", (2026, 6, 3)),
            ("on June 3rd, 2026", (2026, 6, 3)),
            ("in June 2026", (2026, 6, 0)),
            ("since Sept 2025", (2025, 9, 0)),
            ("2026-06-03", (2026, 6, 3)),
            ("in 2026-06 already", (2026, 6, 0)),
            ("in September", (0, 9, 0)),
            ("in May 2026", (2026, 5, 0)),
            ("on 31 December", (0, 12, 31)),
        ] {
            assert_eq!(read(text), [expected], "{text}");
        }
        assert_eq!(read("It may march on. May we? Version 2026-99, 1-2-3, page 12"), []);
    }

    #[test]
    fn what_is_left_open_does_not_differ() {
        let date = |text: &str| dates(text)[0].1;
        assert!(date("June 2026").agrees(&date("3 June 2026")));
        assert!(!date("4 June 2026").agrees(&date("3 June 2026")));
        assert!(!date("June 2025").agrees(&date("2026-06-03")));
    }
}
