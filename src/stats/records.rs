//! A watch over a dense stream, such as a number every five minutes: a point is news when it departs further than any
//! point before.
//!
//! Departures are measured in several ways at once: from where a quick mean was, of the mean of a short and a longer window
//! from a slow level, and, when a day has a known number of points, of those windows from the same time yesterday. Each way
//! keeps its record, and the answer is the largest ratio of a departure to its record: above 1 it is a new one. Records
//! make the watch grow calmer with age, and no spread has to be estimated where there is none. For daily numbers with a
//! season `anomaly` is the better watch; this one takes memory for one day of points and the same time at every point.

use std::collections::VecDeque;

/// Windows whose mean is watched, in points.
const WINDOWS: [usize; 2] = [12, 40];
/// How fast the quick mean follows; and how many windows the slow level takes to follow.
const QUICK: f64 = 0.3;
const SLOW: f64 = 10.0;
/// The ratio when the record was zero: a constant stream that moves at all.
const RATIO_MAX: f64 = 20.0;

/// What the user knows about the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Points in a day (or another season); `None` when there is none.
    pub period: Option<usize>,
    /// Points from which records are only taken.
    pub warm_up: usize,
    /// Points after an alarm in which another one would be the same story.
    pub refractory: usize,
}

/// The sum of the last so many values.
#[derive(Clone, Debug, Default, PartialEq)]
struct Window {
    values: VecDeque<f64>,
    sum: f64,
}

impl Window {
    fn push(&mut self, value: f64, length: usize) -> f64 {
        self.values.push_back(value);
        self.sum += value;
        if self.values.len() > length
            && let Some(oldest) = self.values.pop_front()
        {
            self.sum -= oldest;
        }
        self.sum / self.values.len() as f64
    }
}

/// A watch over one stream.
#[derive(Clone, Debug, PartialEq)]
pub struct Records {
    options: Options,
    seen: usize,
    quick: f64,
    windows: [Window; 2],
    slow: [f64; 2],
    /// The last day.
    day: VecDeque<f64>,
    against_yesterday: [Window; 2],
    /// The largest departure so far, by way of measuring.
    records: [f64; 5],
    quiet: usize,
}

impl Records {
    pub fn new(options: Options) -> Records {
        Records {
            options,
            seen: 0,
            quick: 0.0,
            windows: Default::default(),
            slow: [0.0; 2],
            day: VecDeque::new(),
            against_yesterday: Default::default(),
            records: [0.0; 5],
            quiet: 0,
        }
    }

    /// Takes the next point and says how its departure compares with the record: above 1 is a new one. `None` while
    /// warming up and for what is no number.
    pub fn observe(&mut self, value: f64) -> Option<f64> {
        if !value.is_finite() {
            return None;
        }
        if self.seen == 0 {
            (self.quick, self.slow) = (value, [value; 2]);
        }
        let mut departures = [(value - self.quick).abs(), 0.0, 0.0, 0.0, 0.0];
        self.quick += QUICK * (value - self.quick);
        for (at, length) in WINDOWS.into_iter().enumerate() {
            let mean = self.windows[at].push(value, length);
            if self.seen < length {
                // The level begins where the first window stands.
                self.slow[at] = mean;
            }
            departures[1 + at] = (mean - self.slow[at]).abs();
            self.slow[at] += (mean - self.slow[at]) / (SLOW * length as f64);
        }
        if let Some(period) = self.options.period.filter(|period| *period > 1) {
            if self.day.len() == period
                && let Some(yesterday) = self.day.pop_front()
            {
                for (at, length) in WINDOWS.into_iter().enumerate() {
                    let mean = self.against_yesterday[at].push(value - yesterday, length);
                    // A window that has only begun would be all noise.
                    let part = self.against_yesterday[at].values.len() as f64 / length as f64;
                    departures[3 + at] = (mean * part).abs();
                }
            }
            self.day.push_back(value);
        }
        self.seen += 1;
        let ratio = |(departure, record): (&f64, &f64)| {
            let moved = *departure > 1e-9 * value.abs().max(1e-9);
            let unheard_of = if moved { RATIO_MAX } else { 0.0 };
            if *record > 1e-12 { (departure / record).min(RATIO_MAX) } else { unheard_of }
        };
        let largest = departures.iter().zip(&self.records).map(ratio).fold(0.0, f64::max);
        self.records.iter_mut().zip(departures).for_each(|(record, departure)| *record = record.max(departure));
        (self.seen > self.options.warm_up).then_some(largest)
    }

    /// As `observe`, and whether this is an alarm at a threshold such as 1: not in the refractory points after another.
    pub fn alarms(&mut self, value: f64, threshold: f64) -> bool {
        let ratio = self.observe(value);
        self.quiet = self.quiet.saturating_sub(1);
        let alarm = self.quiet == 0 && ratio.is_some_and(|ratio| ratio >= threshold);
        if alarm {
            self.quiet = self.options.refractory;
        }
        alarm
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Rng;
    use crate::stats::sampling::normal;

    fn watch(values: impl IntoIterator<Item = f64>, period: Option<usize>) -> Vec<usize> {
        let mut records = Records::new(Options { period, warm_up: 600, refractory: 100 });
        values.into_iter().enumerate().filter(|(_, value)| records.alarms(*value, 1.2)).map(|(at, _)| at).collect()
    }

    #[test]
    fn spikes_and_shifts_are_news_once_and_a_daily_shape_is_not() {
        let mut rng = Rng::new(4);
        let day = |i: usize| 50.0 + 20.0 * (i as f64 / 144.0 * std::f64::consts::TAU).sin();
        let calm: Vec<f64> = (0..3_000).map(|i| day(i) + normal(&mut rng)).collect();
        assert_eq!(watch(calm.iter().copied(), Some(144)), Vec::<usize>::new());
        let mut spike = calm.clone();
        spike[2_000] += 40.0;
        assert_eq!(watch(spike, Some(144)), [2_000]);
        // A shift that stays inside the daily range shows against yesterday.
        let shifted = calm.iter().enumerate().map(|(i, x)| if i < 2_000 { *x } else { x + 8.0 });
        let found = watch(shifted, Some(144));
        assert!(found.first().is_some_and(|at| (2_000..2_030).contains(at)), "{found:?}");
    }

    #[test]
    fn a_constant_that_moves_is_news_and_what_is_no_number_is_passed_over() {
        let mut values = vec![7.0; 900];
        assert_eq!(watch(values.iter().copied(), None), Vec::<usize>::new());
        (values[650], values[700]) = (f64::NAN, 7.5);
        assert_eq!(watch(values, None), [700]);
        assert_eq!(watch([], Some(0)), Vec::<usize>::new());
    }
}
