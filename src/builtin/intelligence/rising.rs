//! Which topics rise beyond chance: series of volumes as windows of the burst test.

use crate::base::Timestamp;
use crate::model::goods::Signal;
use crate::stats::burst::{self, NotEnoughHistory, Options, Window};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Shorter windows than this say little: a day of searches is mostly noise.
const WINDOW_MIN: Duration = Duration::from_secs(7 * 86_400);

/// The signals of one source (by index) that rose in a window that ended within `within` before `now`, with the end of the latest such
/// window; the latest window of all is looked at in any case.
///
/// A window is one period of the series, or as many as make a week. What the periods were counted out of is the `exposure` of the
/// signals; without it the sum over all of them.
pub fn detect(
    signals: &[&Signal],
    within: Duration,
    now: Timestamp,
    options: &Options,
) -> Result<BTreeMap<usize, Timestamp>, NotEnoughHistory> {
    let starts: BTreeSet<Timestamp> = signals.iter().flat_map(|signal| signal.series.iter().map(|point| point.at)).collect();
    let starts: Vec<Timestamp> = starts.into_iter().collect();
    let windows = windows(signals, &starts);
    let periods = periods_in(&starts, WINDOW_MIN);
    let mut rose: BTreeMap<usize, Timestamp> = BTreeMap::new();
    // The last period ended when its signals say.
    let last_end = signals.iter().map(|signal| signal.at).max().unwrap_or(now);
    for back in 0..windows.len() {
        let end = if back == 0 { last_end } else { starts[starts.len() - back * periods] };
        if back > 0 && now.since(end) > within {
            break;
        }
        let (history, rest) = windows.split_at(windows.len() - 1 - back);
        match burst::detect(history, &rest[0], options) {
            Ok(bursts) => bursts.into_iter().for_each(|burst| {
                rose.entry(burst.term).or_insert(end);
            }),
            Err(little) if back == 0 => return Err(little),
            Err(_) => break,
        }
    }
    if windows.is_empty() { Err(NotEnoughHistory { have: 0, need: options.windows_min }) } else { Ok(rose) }
}

/// Windows counted back from the latest period, oldest first; an incomplete first one is left out.
fn windows(signals: &[&Signal], starts: &[Timestamp]) -> Vec<Window> {
    let column: BTreeMap<Timestamp, usize> = starts.iter().enumerate().map(|(index, at)| (*at, index)).collect();
    let mut totals = vec![0.0f64; starts.len()];
    let known = signals.iter().find(|signal| !signal.exposure.is_empty() && signal.exposure.len() == signal.series.len());
    match known {
        Some(signal) => signal.series.iter().zip(&signal.exposure).for_each(|(point, total)| totals[column[&point.at]] = *total),
        None => signals.iter().flat_map(|signal| &signal.series).for_each(|point| totals[column[&point.at]] += point.value),
    }
    let mut values = vec![vec![0u64; signals.len()]; starts.len()];
    for (term, signal) in signals.iter().enumerate() {
        for point in &signal.series {
            values[column[&point.at]][term] += point.value.max(0.0).round() as u64;
        }
    }
    let periods = periods_in(starts, WINDOW_MIN);
    let window = |back: usize| {
        let end = starts.len() - back * periods;
        let span = end - periods..end;
        let counts = (0..signals.len()).map(|term| span.clone().map(|index| values[index][term]).sum()).collect();
        Window { total: span.map(|index| totals[index]).sum::<f64>().round() as u64, counts }
    };
    (0..starts.len() / periods).rev().map(window).collect()
}

/// How many periods make one window: at least one, by the usual step between periods.
fn periods_in(starts: &[Timestamp], window: Duration) -> usize {
    let mut steps: Vec<i64> = starts.windows(2).map(|pair| pair[1].0 - pair[0].0).collect();
    steps.sort_unstable();
    let Some(step) = steps.get(steps.len() / 2).filter(|step| **step > 0) else { return 1 };
    ((window.as_millis() as f64 / *step as f64).round() as usize).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Digest;
    use crate::model::Untrusted;
    use crate::model::goods::{Point, SignalKind};

    const DAY: i64 = 86_400_000;

    fn series(values: impl IntoIterator<Item = u32>, step_days: i64) -> Signal {
        let points = values
            .into_iter()
            .enumerate()
            .map(|(index, value)| Point { at: Timestamp(index as i64 * step_days * DAY), value: f64::from(value) });
        let signal = Signal::new(SignalKind::Query, "t", Untrusted::new("t"), "s", Timestamp(0), Digest::of("t"));
        Signal { series: points.collect(), ..signal }
    }

    fn found(signals: &[Signal], within_days: u64) -> Result<Vec<usize>, NotEnoughHistory> {
        let points = signals[0].series.len();
        let step = signals[0].series[1].at.0;
        let now = Timestamp(points as i64 * step);
        let signals: Vec<Signal> = signals.iter().cloned().map(|signal| Signal { at: now, ..signal }).collect();
        let all: Vec<&Signal> = signals.iter().collect();
        detect(&all, Duration::from_secs(within_days * 86_400), now, &Options::default()).map(|found| found.into_keys().collect())
    }

    #[test]
    fn a_jump_is_found_and_growth_of_everything_is_not() {
        let steady = |last: u32| series((0..30).map(|index| if index == 29 { last } else { 50 }), 30);
        assert_eq!(found(&[steady(50), steady(400), steady(50)], 28), Ok(vec![1]));
        assert_eq!(found(&[steady(200), steady(200), steady(200)], 28), Ok(vec![]));
    }

    #[test]
    fn a_jump_is_still_news_within_the_time_asked_for() {
        let jumped = series((0..30).map(|index| if index == 27 { 400 } else { 50 }), 30);
        let steady = || series((0..30).map(|_| 50), 30);
        assert_eq!(found(&[steady(), jumped.clone(), steady()], 28), Ok(vec![]));
        assert_eq!(found(&[steady(), jumped, steady()], 90), Ok(vec![1]));
    }

    #[test]
    fn daily_counts_are_put_into_weeks() {
        let other = || series((0..7 * 30).map(|_| 20), 1);
        // Five times as many a day in the last week; no single day stands out much.
        let rising = series((0..7 * 30).map(|day| if day >= 7 * 29 { 10 } else { 2 }), 1);
        assert_eq!(found(&[other(), rising, other()], 7), Ok(vec![1]));
        assert_eq!(found(&[series((0..20).map(|_| 20), 1)], 60), Err(NotEnoughHistory { have: 1, need: 24 }));
    }
}
