//! A watch over a dense stream, such as a number every five minutes: a point is news when it departs further than the points
//! before it ever did.
//!
//! Departures are measured in five ways at once: of the point from a long mean; of the mean of a window from a slow level; of that
//! mean from the same time yesterday and a week ago, whichever is nearer; and of how rough the stream is from how rough it was, as a
//! difference and as a ratio. Each way keeps its records, and the answer is the largest ratio of a departure to the second largest
//! before it: one wild point early on must not make the watch deaf. Records make the watch grow calmer with age, and no spread has to
//! be estimated where there is none. Ranks of several scores are how the best of the Numenta benchmark combine them as well (Lavin
//! and Ahmad, 2015). For daily numbers `anomaly` is the better watch; this one takes memory for one week of points, and the same
//! time at every point.

use std::collections::VecDeque;

/// The long mean follows as slowly as a mean of so many points.
const LONG: f64 = 1_000.0;
/// Points of the window that is compared with the slow level, and of the one that is compared with yesterday.
const LEVEL: usize = 80;
const AGAINST: usize = 40;
/// Points over which roughness is taken, as a ratio and as a difference.
const ROUGH_RATIO: usize = 24;
const ROUGH: usize = 48;
/// So many windows a slow level takes to follow: the one of the mean, and those of roughness.
const SLOW_LEVEL: f64 = 3.0;
const SLOW_ROUGH: f64 = 10.0;
/// The ratio when there was no departure yet: a constant stream that moves at all.
const RATIO_MAX: f64 = 20.0;
/// Days after which days are alike again.
const DAYS: usize = 7;

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

/// In which way a point departs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Way {
    /// The point itself, from the long mean.
    #[default]
    Far,
    /// The mean of the last points, from where it slowly was.
    Level,
    /// The mean of the last points, from the same time of other days.
    OtherDays,
    /// The steps between points have become larger, or smaller.
    Roughness,
    /// The steps between points are a multiple of what they were.
    Bursts,
}

/// How a point compares with the records.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Departure {
    /// Against the second largest departure before; 0 to 20.
    pub ratio: f64,
    /// The way with the largest ratio.
    pub way: Way,
    /// What the long mean leads to expect, and how far points have been from it.
    pub usual: (f64, f64),
}

/// The sum of the last so many values.
#[derive(Clone, Debug, Default, PartialEq)]
struct Window {
    values: VecDeque<f64>,
    sum: f64,
}

impl Window {
    /// The mean of the last values, at most `length` of them, and the part of the window that is filled.
    fn push(&mut self, value: f64, length: usize) -> (f64, f64) {
        self.values.push_back(value);
        self.sum += value;
        if self.values.len() > length
            && let Some(oldest) = self.values.pop_front()
        {
            self.sum -= oldest;
        }
        (self.sum / self.values.len() as f64, self.values.len() as f64 / length as f64)
    }
}

/// The mean of a window beside a level that follows it slowly.
#[derive(Clone, Debug, Default, PartialEq)]
struct Followed {
    window: Window,
    slow: f64,
    /// The window was full before the last value.
    full: bool,
}

impl Followed {
    /// The mean, and the level before this value moved it; the level begins where the first window stands.
    fn push(&mut self, value: f64, length: usize, windows: f64) -> (f64, f64) {
        let (mean, part) = self.window.push(value, length);
        if !self.full {
            self.slow = mean;
        }
        self.full = part >= 1.0;
        let before = self.slow;
        self.slow += (mean - self.slow) / (windows * length as f64);
        (mean, before)
    }
}

/// A watch over one stream.
#[derive(Clone, Debug, PartialEq)]
pub struct Records {
    options: Options,
    seen: usize,
    long: f64,
    level: Followed,
    roughness: [Followed; 2],
    /// The mean size of all steps so far.
    steps: f64,
    last: f64,
    /// The last week.
    week: VecDeque<f64>,
    against: [Window; 2],
    /// The two largest departures so far, by way of measuring.
    records: [[f64; 2]; 5],
    quiet: usize,
}

const WAYS: [Way; 5] = [Way::Far, Way::Level, Way::OtherDays, Way::Roughness, Way::Bursts];

impl Records {
    pub fn new(options: Options) -> Records {
        Records {
            options,
            seen: 0,
            long: 0.0,
            level: Followed::default(),
            roughness: Default::default(),
            steps: 0.0,
            last: 0.0,
            week: VecDeque::new(),
            against: Default::default(),
            records: [[0.0; 2]; 5],
            quiet: 0,
        }
    }

    /// Takes the next point and says how it compares with the records. `None` while warming up and for what is no number.
    pub fn observe(&mut self, value: f64) -> Option<Departure> {
        if !value.is_finite() {
            // Days stay where they are: a missing point is as the one before it.
            if self.seen > 0 {
                self.other_days(self.last, false);
            }
            return None;
        }
        if self.seen == 0 {
            (self.long, self.last) = (value, value);
        }
        let far = (value - self.long).abs();
        let usual = (self.long, self.records[0][1]);
        self.long += (value - self.long) / LONG.min(self.seen as f64 + 1.0);
        let (mean, level) = self.level.push(value, LEVEL, SLOW_LEVEL);
        let step = (value - self.last).abs();
        self.last = value;
        self.steps += (step - self.steps) / (self.seen as f64 + 1.0);
        let (rough, rough_level) = self.roughness[0].push(step, ROUGH, SLOW_ROUGH);
        let (burst, burst_level) = self.roughness[1].push(step, ROUGH_RATIO, SLOW_ROUGH);
        // A stream that hardly moves would be wild at every tremor.
        let tremor = 1e-3 * self.steps + 1e-12;
        let bursts = ((burst + tremor) / (burst_level + tremor)).ln().max(0.0);
        let other_days = self.other_days(value, true);
        self.seen += 1;
        // What is left of sums that should cancel is no departure.
        let size = 1e-9 * value.abs().max(1e-9);
        let real = |departure: f64| if departure > size { departure } else { 0.0 };
        let departures =
            [real(far), real((mean - level).abs()), real(other_days), real((rough - rough_level).abs()), real(bursts)];
        let mut largest = Departure { usual, ..Departure::default() };
        for ((departure, record), way) in departures.into_iter().zip(&mut self.records).zip(WAYS) {
            let unheard_of = if departure > 0.0 { RATIO_MAX } else { 0.0 };
            let ratio = if record[1] > 1e-12 { (departure / record[1]).min(RATIO_MAX) } else { unheard_of };
            if ratio > largest.ratio {
                (largest.ratio, largest.way) = (ratio, way);
            }
            if departure > record[0] {
                *record = [departure, record[0]];
            } else if departure > record[1] {
                record[1] = departure;
            }
        }
        (self.seen > self.options.warm_up).then_some(largest)
    }

    /// The mean of the last differences from yesterday or from a week ago, whichever is nearer to nothing.
    fn other_days(&mut self, value: f64, counts: bool) -> f64 {
        let Some(period) = self.options.period.filter(|period| *period > 1) else { return 0.0 };
        let mut nearest = f64::INFINITY;
        for (days, window) in [1, DAYS].into_iter().zip(&mut self.against).filter(|_| counts) {
            if let Some(then) = self.week.len().checked_sub(days * period).and_then(|at| self.week.get(at)) {
                // A window that has only begun would be all noise.
                let (mean, part) = window.push(value - then, AGAINST);
                nearest = nearest.min((mean * part).abs());
            }
        }
        self.week.push_back(value);
        if self.week.len() > DAYS * period {
            self.week.pop_front();
        }
        if nearest.is_finite() { nearest } else { 0.0 }
    }

    /// As `observe`, and whether this is an alarm at a threshold such as 1: not in the refractory points after another.
    pub fn alarms(&mut self, value: f64, threshold: f64) -> bool {
        let departure = self.observe(value);
        self.quiet = self.quiet.saturating_sub(1);
        let alarm = self.quiet == 0 && departure.is_some_and(|departure| departure.ratio >= threshold);
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
        values.into_iter().enumerate().filter(|(_, value)| records.alarms(*value, 1.5)).map(|(at, _)| at).collect()
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
