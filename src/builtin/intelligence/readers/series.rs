//! Series of volumes: which periods count, and how the latest compares with the ones before it.

use crate::base::Timestamp;
use crate::builtin::common::date;
use jiff::tz::TimeZone;

/// The latest period is compared with the mean of this many before it.
const COMPARED: usize = 3;

/// How many of the periods that start at these times (ascending) have ended by `now`, and when the last of those ended.
pub fn ended(starts: &[Timestamp], now: Timestamp, zone: &TimeZone) -> Option<(usize, Timestamp)> {
    let length = date::period(starts);
    let end = |index: usize| starts.get(index + 1).copied().unwrap_or_else(|| date::end(starts[index], length, zone));
    (0..starts.len()).rev().map(|index| (index + 1, end(index))).find(|(_, end)| *end <= now)
}

/// Change of the last value against the mean of the up to three before it, as a ratio minus one. With exposures (same length,
/// such as all searches of the period) shares are compared instead of counts. `None` when there is nothing to compare with.
pub fn growth(values: &[f64], exposure: &[f64]) -> Option<f64> {
    let (last, before) = values.split_last()?;
    let from = before.len().saturating_sub(COMPARED);
    if from == before.len() {
        return None;
    }
    let (last, past) = if exposure.len() == values.len() {
        let shown: f64 = exposure[from..before.len()].iter().sum();
        let now = exposure[exposure.len() - 1];
        if shown <= 0.0 || now <= 0.0 {
            return None;
        }
        (last / now, before[from..].iter().sum::<f64>() / shown)
    } else {
        (*last, before[from..].iter().sum::<f64>() / (before.len() - from) as f64)
    };
    (past > 0.0).then(|| last / past - 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builtin::common::rehearse::time;

    #[test]
    fn only_periods_that_have_ended_count() {
        let starts: Vec<Timestamp> = ["2026-01-01", "2026-02-01", "2026-03-01"].iter().map(|text| time(text)).collect();
        let at = |now: &str| ended(&starts, time(now), &TimeZone::UTC).map(|(count, end)| (count, end.to_string()));
        assert_eq!(at("2026-01-31T23:59:59Z"), None);
        assert_eq!(at("2026-02-01"), Some((1, "2026-02-01T00:00:00Z".into())));
        assert_eq!(at("2026-03-31"), Some((2, "2026-03-01T00:00:00Z".into())));
        assert_eq!(at("2026-05-05"), Some((3, "2026-04-01T00:00:00Z".into())));
    }

    #[test]
    fn growth_compares_with_the_mean_of_three() {
        assert_eq!(growth(&[100.0, 10.0, 20.0, 30.0, 40.0], &[]), Some(1.0));
        assert_eq!(growth(&[10.0, 20.0], &[100.0, 200.0]), Some(0.0));
        assert_eq!(growth(&[5.0], &[]), None);
        assert_eq!(growth(&[0.0, 5.0], &[]), None);
    }
}
