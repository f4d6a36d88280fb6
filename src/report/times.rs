//! Times inside a text of facts, as people read them.
//!
//! What is quoted of a table holds the machine's form of a time, `2024-07-01T00:00:00Z`: it is part of what an item's id is a digest of,
//! so it stays as it is and is only shown otherwise.

use crate::base::Timestamp;
use jiff::tz::TimeZone;
use std::borrow::Cow;

/// The text with every such time as `1 Jul 2024` where it is midnight in UTC or in `zone`, and else as `Mon 1 Jul 2024 08:30`.
pub fn readable<'t>(text: &'t str, zone: &TimeZone) -> Cow<'t, str> {
    let mut out = String::new();
    let mut copied = 0;
    for (at, _) in text.match_indices('T') {
        let Some(start) = at.checked_sub(10).filter(|start| *start >= copied && text.is_char_boundary(*start)) else { continue };
        let Some(end) = text[at..].find('Z').filter(|len| *len <= 20).map(|len| at + len + 1) else { continue };
        let alone = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric());
        if !alone(text[..start].chars().next_back()) || !alone(text[end..].chars().next()) {
            continue;
        }
        let Ok(time) = text[start..end].parse::<jiff::Timestamp>() else { continue };
        out.push_str(&text[copied..start]);
        let midnight = |zone: &TimeZone| time.to_zoned(zone.clone()).time() == jiff::civil::Time::midnight();
        let day = |zone: &TimeZone| time.to_zoned(zone.clone()).strftime("%-d %b %Y").to_string();
        out.push_str(&match (midnight(&TimeZone::UTC), midnight(zone)) {
            (_, true) => day(zone),
            (true, false) => day(&TimeZone::UTC),
            (false, false) => Timestamp::from(time).friendly(zone),
        });
        copied = end;
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    out.push_str(&text[copied..]);
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_machines_are_read_as_days_and_nothing_else_is_touched() {
        let zone = TimeZone::get("Europe/London").expect("it is known everywhere");
        let cases = [
            ("deploy: 2 in the period that ended 2024-07-01T00:00:00Z", "deploy: 2 in the period that ended 1 Jul 2024"),
            ("ended 2024-06-30T23:00:00Z, then 2024-01-05T08:30:00.250Z.", "ended 1 Jul 2024, then Fri 5 Jan 2024 08:30."),
            ("Took x2024-07-01T00:00:00Z and 2024-13-01T00:00:00Z", "Took x2024-07-01T00:00:00Z and 2024-13-01T00:00:00Z"),
            ("ŤTest šT Z — T", "ŤTest šT Z — T"),
        ];
        for (text, read) in cases {
            assert_eq!(readable(text, &zone), read);
        }
    }
}
