//! Which topics rise beyond chance: series of volumes as windows of the burst test.

use crate::base::Timestamp;
use crate::model::goods::Signal;
use crate::stats::burst::{self, NotEnoughHistory, Options, Window};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Indexes of the signals of one source whose latest window rose. Windows are as long as `within`, in whole periods of the
/// series, and at least one period. What the periods were counted out of is the `exposure` of the signals; without it the sum
/// over all of them.
pub fn detect(signals: &[&Signal], within: Duration, options: &Options) -> Result<BTreeSet<usize>, NotEnoughHistory> {
    let starts: BTreeSet<Timestamp> = signals.iter().flat_map(|signal| signal.series.iter().map(|point| point.at)).collect();
    let starts: Vec<Timestamp> = starts.into_iter().collect();
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
    let periods = periods_in(&starts, within);
    // Windows are counted back from the latest period; an incomplete first one is left out.
    let windows: Vec<Window> = (0..starts.len() / periods)
        .map(|window| {
            let end = starts.len() - window * periods;
            let span = end - periods..end;
            let counts = (0..signals.len()).map(|term| span.clone().map(|index| values[index][term]).sum()).collect();
            Window { total: span.map(|index| totals[index]).sum::<f64>().round() as u64, counts }
        })
        .rev()
        .collect();
    let Some((now, history)) = windows.split_last() else {
        return Err(NotEnoughHistory { have: 0, need: options.windows_min });
    };
    burst::detect(history, now, options).map(|bursts| bursts.into_iter().map(|burst| burst.term).collect())
}

/// How many periods make one window: at least one, by the usual step between periods.
fn periods_in(starts: &[Timestamp], within: Duration) -> usize {
    let mut steps: Vec<i64> = starts.windows(2).map(|pair| pair[1].0 - pair[0].0).collect();
    steps.sort_unstable();
    let Some(step) = steps.get(steps.len() / 2).filter(|step| **step > 0) else { return 1 };
    ((within.as_millis() as f64 / *step as f64).round() as usize).max(1)
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

    fn found(signals: &[Signal], days: u64) -> Result<Vec<usize>, NotEnoughHistory> {
        let all: Vec<&Signal> = signals.iter().collect();
        detect(&all, Duration::from_secs(days * 86_400), &Options::default()).map(|set| set.into_iter().collect())
    }

    #[test]
    fn a_jump_is_found_and_growth_of_everything_is_not() {
        let steady = |last: u32| series((0..30).map(|index| if index == 29 { last } else { 50 }), 30);
        assert_eq!(found(&[steady(50), steady(400), steady(50)], 28), Ok(vec![1]));
        assert_eq!(found(&[steady(200), steady(200), steady(200)], 28), Ok(vec![]));
    }

    #[test]
    fn daily_counts_are_put_into_windows() {
        let other = || series((0..7 * 30).map(|_| 20), 1);
        // Five a day more in the last week; no single day stands out.
        let rising = series((0..7 * 30).map(|day| if day >= 7 * 29 { 10 } else { 2 }), 1);
        assert_eq!(found(&[other(), rising, other()], 7), Ok(vec![1]));
        assert_eq!(found(&[other()], 60), Err(NotEnoughHistory { have: 2, need: 24 }));
    }
}
