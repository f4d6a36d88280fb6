//! A watch over one series of numbers: what is usual now, and is this point outside it.
//!
//! Each point is compared with a forecast made before it was seen: a level that follows at one of three speeds (the one
//! that has been forecasting best), a slow trend and, when a period is given, a seasonal profile: exponential
//! smoothing with errors clipped at two deviations, so a spike teaches the detector almost nothing (robust Holt–Winters;
//! Gelper, Fried and Croux, 2010). The spread is the larger of what the middle and the outer parts of recent errors say,
//! and the threshold comes from the number of false alarms a month one is willing to read. Points beyond it that keep
//! coming on one side are a new level, which is then adopted.
//!
//! The detector is causal, takes constant memory, and all it knows is in public fields that can be kept and restored.

use crate::stats::special::student_quantile;
use crate::stats::summary::{MAD_TO_SIGMA, median, quantile_sorted, sorted};

/// Gains of the three speeds, for level and trend.
const SPEEDS: [(f64, f64); 3] = [(0.03, 0.002), (0.12, 0.005), (0.5, 0.0)];
/// Gain of the seasonal profile.
const SEASON_GAIN: f64 = 0.1;
/// Errors remembered for the spread.
const ERRORS_KEPT: usize = 128;
/// Errors are clipped here, in deviations, before anything is learned from them.
const CLIP: f64 = 2.0;
/// So many points in a row leaning to one side, the first of them outside, are a new level.
const RUN_MAX: usize = 4;
/// z is reported up to this size; a change in a constant series would be infinite.
const Z_MAX: f64 = 99.0;
/// The median of a sample knows its spread as well as a standard deviation of 0.37 times as many points.
const MAD_EFFICIENCY: f64 = 0.37;

/// What the user knows about the series and wants to read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Options {
    /// Points in one season, such as 7 for daily numbers with a week in them.
    pub period: Option<usize>,
    /// False alarms one is willing to read in a month; positive.
    pub alarms_per_month: f64,
    /// 30 for daily numbers, 720 for hourly ones.
    pub points_per_month: f64,
    /// Points after an alarm in which another one would be the same story.
    pub refractory: usize,
}

/// A point against what was expected of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reading {
    pub expected: f64,
    /// Below this or above `high` is outside the usual.
    pub low: f64,
    pub high: f64,
    /// Distance from the expected in robust standard deviations, from −99 to 99.
    pub z: f64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Verdict {
    /// Too few points to say what is usual.
    NotEnoughHistory {
        have: usize,
        need: usize,
    },
    /// No number here.
    Gap,
    Usual(Reading),
    /// Outside the usual.
    Alarm(Reading),
    /// Outside the usual, but so soon after an alarm that it is the same story.
    Quiet(Reading),
}

/// One speed of following.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Follower {
    pub level: f64,
    /// Per point.
    pub trend: f64,
    /// The fading mean of its absolute (clipped) forecast errors.
    pub error: f64,
}

/// A detector of one series: options and everything it remembers.
#[derive(Clone, Debug, PartialEq)]
pub struct Detector {
    pub options: Options,
    /// Points seen before there was enough to start; empty afterwards. Gaps are NaN.
    pub warm_up: Vec<f64>,
    pub followers: [Follower; 3],
    /// By phase; empty without a period.
    pub season: Vec<f64>,
    /// The last forecast errors, oldest overwritten first.
    pub errors: Vec<f64>,
    /// The threshold in deviations, and how many errors it was computed for.
    pub threshold: (f64, usize),
    /// Where the next error goes.
    pub cursor: usize,
    /// The next point's place in the season.
    pub phase: usize,
    /// Points left in which an alarm is the same story.
    pub quiet: usize,
    /// The z of the last alarm.
    pub told: f64,
    /// The last points in a row leaning to one side, without their season.
    pub run: Vec<f64>,
    /// Whether that run lies above.
    pub run_above: bool,
}

impl Detector {
    pub fn new(options: Options) -> Detector {
        Detector {
            options,
            warm_up: Vec::new(),
            followers: [Follower::default(); 3],
            season: Vec::new(),
            errors: Vec::new(),
            threshold: (0.0, 0),
            cursor: 0,
            phase: 0,
            quiet: 0,
            told: 0.0,
            run: Vec::new(),
            run_above: false,
        }
    }

    /// Numbers needed before the first judgement: two weeks of daily points, or two full seasons and a little.
    pub fn need(&self) -> usize {
        14.max(self.period() * 2 + 2)
    }

    /// Takes the next point in time order; `None` where one is missing.
    pub fn observe(&mut self, value: Option<f64>) -> Verdict {
        let value = value.filter(|value| value.is_finite());
        if self.errors.is_empty() {
            return self.warm_up(value);
        }
        let season = self.season.get(self.phase).copied().unwrap_or(0.0);
        let best = self.best();
        let forecast = |follower: &Follower| follower.level + follower.trend;
        let expected = forecast(&self.followers[best]) + season;
        let Some(value) = value else {
            self.followers.iter_mut().for_each(|follower| follower.level += follower.trend);
            self.advance();
            return Verdict::Gap;
        };
        let spread = self.spread(expected);
        let reach = self.threshold() * spread;
        let error = value - expected;
        let reading =
            Reading { expected, low: expected - reach, high: expected + reach, z: (error / spread).clamp(-Z_MAX, Z_MAX) };
        let outside = error.abs() > reach;
        // A point on the other side, or half as far out again, is not the story the last alarm told.
        let same_story = self.quiet > 0 && reading.z * self.told.signum() > 0.0 && reading.z.abs() <= 1.5 * self.told.abs();
        let verdict = match (outside, same_story) {
            (false, _) => Verdict::Usual(reading),
            (true, true) => Verdict::Quiet(reading),
            (true, false) => Verdict::Alarm(reading),
        };
        self.quiet = self.quiet.saturating_sub(1);
        if matches!(verdict, Verdict::Alarm(_)) {
            (self.quiet, self.told) = (self.options.refractory, reading.z);
        }
        self.remember(error);
        self.learn(value, season, spread, reach);
        self.advance();
        verdict
    }

    fn period(&self) -> usize {
        self.options.period.filter(|period| *period > 1).unwrap_or(0)
    }

    fn advance(&mut self) {
        self.phase = if self.season.is_empty() { 0 } else { (self.phase + 1) % self.season.len() };
    }

    fn best(&self) -> usize {
        (0..3).min_by(|a, b| self.followers[*a].error.total_cmp(&self.followers[*b].error)).unwrap_or(0)
    }

    fn remember(&mut self, error: f64) {
        if self.errors.len() < ERRORS_KEPT {
            self.errors.push(error);
        } else {
            self.errors[self.cursor % ERRORS_KEPT] = error;
        }
        self.cursor = (self.cursor + 1) % ERRORS_KEPT;
    }

    /// One robust standard deviation of the forecast errors; never zero.
    fn spread(&self, expected: f64) -> f64 {
        let sizes = sorted(&self.errors.iter().map(|error| error.abs()).collect::<Vec<_>>());
        let middle = quantile_sorted(&sizes, 0.5) * MAD_TO_SIGMA;
        // Heavier tails than the normal's show in the outer part first: its 90 % point is at 1.645 deviations. It must say
        // so by more than the tenth by which two estimates of one number differ anyway.
        let outer = quantile_sorted(&sizes, 0.9) / 1.644_853_626_951_472_7;
        let mut spread = middle.max(outer / 1.1);
        if spread <= 0.0 {
            // More than nine in ten errors are zero: the mean is what is left (Iglewicz and Hoaglin, 1993).
            spread = sizes.iter().sum::<f64>() / sizes.len() as f64 * 1.253_314;
        }
        spread.max(1e-9 * expected.abs().max(1e-3))
    }

    /// In deviations: the two-sided t quantile that leaves the wanted number of alarms a month.
    fn threshold(&mut self) -> f64 {
        if self.threshold.1 != self.errors.len() {
            let share = (self.options.alarms_per_month / self.options.points_per_month).clamp(1e-9, 0.2);
            let share = if share.is_nan() { 0.01 } else { share };
            let freedom = (MAD_EFFICIENCY * self.errors.len() as f64).max(3.0);
            self.threshold = (student_quantile(1.0 - share / 2.0, freedom), self.errors.len());
        }
        self.threshold.0
    }

    fn learn(&mut self, value: f64, season: f64, spread: f64, reach: f64) {
        let best = self.best();
        let error = value - season - self.followers[best].level - self.followers[best].trend;
        let outside = error.abs() > reach;
        for (follower, (gain, trend_gain)) in self.followers.iter_mut().zip(SPEEDS) {
            let forecast = follower.level + follower.trend;
            let clipped = (value - season - forecast).clamp(-CLIP * spread, CLIP * spread);
            follower.level = forecast + gain * clipped;
            follower.trend += trend_gain * gain * clipped;
            // Which speed is best is not learned from a shock, where the fastest always looks best for a while.
            if !outside {
                follower.error += 0.03 * (clipped.abs() - follower.error);
            }
        }
        // Inside a run the error belongs to the level, not to the season.
        if let Some(place) = self.season.get_mut(self.phase).filter(|_| self.run.is_empty()) {
            *place += SEASON_GAIN * (1.0 - SPEEDS[best].0) * error.clamp(-CLIP * spread, CLIP * spread);
        }
        self.follow_run(value - season, error, outside, reach);
    }

    /// A run begins with a point outside and goes on while points lean to its side; a long one is a new level.
    fn follow_run(&mut self, flat: f64, error: f64, outside: bool, reach: f64) {
        let above = error > 0.0;
        // The followers creep towards a new level, so later points of it need not be outside any more.
        let leans = !self.run.is_empty() && above == self.run_above && error.abs() > reach / 3.0;
        if !leans {
            self.run.clear();
        }
        if !(outside || leans) {
            return;
        }
        self.run_above = above;
        self.run.push(flat);
        if self.run.len() < RUN_MAX {
            return;
        }
        let level = median(&self.run);
        self.followers.iter_mut().for_each(|follower| (follower.level, follower.trend) = (level, 0.0));
        // Against the new level the points of the run were nothing special.
        for (back, value) in std::mem::take(&mut self.run).into_iter().rev().enumerate() {
            let slot = (self.cursor + ERRORS_KEPT - 1 - back) % ERRORS_KEPT;
            if let Some(error) = self.errors.get_mut(slot) {
                *error = value - level;
            }
        }
    }

    fn warm_up(&mut self, value: Option<f64>) -> Verdict {
        self.warm_up.push(value.unwrap_or(f64::NAN));
        let have = self.warm_up.iter().filter(|x| !x.is_nan()).count();
        let need = self.need();
        // A long run of gaps must not grow the buffer for ever.
        if self.warm_up.len() > 8 * need {
            self.warm_up.remove(0);
        }
        if have >= need {
            self.start();
        }
        if value.is_none() { Verdict::Gap } else { Verdict::NotEnoughHistory { have, need } }
    }

    /// Medians of the first points: a slope, a profile, a level, and the errors those leave.
    fn start(&mut self) {
        let points = std::mem::take(&mut self.warm_up);
        let (n, period) = (points.len(), self.period());
        // Slopes between points one season (or half the history) apart, so that the season cancels.
        let lag = if period > 0 { period } else { n / 2 };
        let slopes: Vec<f64> =
            (0..n - lag).map(|i| (points[i + lag] - points[i]) / lag as f64).filter(|slope| !slope.is_nan()).collect();
        let mut slope = if slopes.is_empty() { 0.0 } else { median(&slopes) };
        // A slope that noise alone would give is none: its size is judged by how much the slopes disagree.
        let doubt = if slopes.is_empty() { 0.0 } else { crate::stats::summary::mad(&slopes) * MAD_TO_SIGMA };
        if slope.abs() < doubt {
            slope = 0.0;
        }
        let flat: Vec<f64> = points.iter().enumerate().map(|(i, x)| x - slope * i as f64).collect();
        let known = |values: &mut dyn Iterator<Item = f64>| median(&values.filter(|x| !x.is_nan()).collect::<Vec<_>>());
        let middle = known(&mut flat.iter().copied());
        self.season = (0..period)
            .map(|phase| known(&mut flat.iter().skip(phase).step_by(period).copied()) - middle)
            .map(|offset| if offset.is_nan() { 0.0 } else { offset })
            .collect();
        let left: Vec<f64> = flat
            .iter()
            .enumerate()
            .map(|(i, x)| x - middle - self.season.get(i % period.max(1)).copied().unwrap_or(0.0))
            .collect();
        // The profile took part of the noise with it: with k points a phase, a share 1 − 1/k of the variance is left.
        let shrunk = if period > 0 { (1.0 - period as f64 / n as f64).max(0.25).sqrt() } else { 1.0 };
        left.iter().filter(|x| !x.is_nan()).for_each(|error| self.remember(error / shrunk));
        let level = middle + slope * (n as f64 - 1.0);
        self.followers = [Follower { level, trend: slope, error: 0.0 }; 3];
        self.phase = if period > 0 { n % period } else { 0 };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Rng;
    use crate::stats::sampling::normal;

    fn daily(period: Option<usize>) -> Detector {
        Detector::new(Options { period, alarms_per_month: 1.0, points_per_month: 30.0, refractory: 3 })
    }

    fn alarms(detector: &mut Detector, values: impl IntoIterator<Item = f64>) -> Vec<usize> {
        let verdicts = values.into_iter().map(|value| detector.observe(Some(value))).enumerate();
        verdicts.filter(|(_, verdict)| matches!(verdict, Verdict::Alarm(_))).map(|(i, _)| i).collect()
    }

    #[test]
    fn a_short_history_says_so() {
        let mut detector = daily(Some(7));
        assert_eq!(detector.observe(Some(1.0)), Verdict::NotEnoughHistory { have: 1, need: 16 });
        assert_eq!(detector.observe(None), Verdict::Gap);
    }

    #[test]
    fn a_constant_series_never_alarms_until_it_changes() {
        let mut detector = daily(None);
        assert!(alarms(&mut detector, vec![20.0; 200]).is_empty());
        let Verdict::Alarm(reading) = detector.observe(Some(21.0)) else { panic!("a change of a constant is news") };
        assert_eq!((reading.expected, reading.z), (20.0, Z_MAX));
        assert!(alarms(&mut daily(None), vec![0.0; 50]).is_empty());
    }

    #[test]
    fn a_new_level_alarms_once_and_is_then_the_usual() {
        let mut rng = Rng::new(3);
        let values: Vec<f64> = (0..120).map(|i| if i < 60 { 100.0 } else { 160.0 } + 2.0 * normal(&mut rng)).collect();
        let mut detector = Detector::new(Options { alarms_per_month: 0.05, refractory: 5, ..daily(None).options });
        assert_eq!(alarms(&mut detector, values), [60]);
    }

    #[test]
    fn a_weekly_profile_with_growth_is_not_news_but_a_missing_weekend_is() {
        let mut rng = Rng::new(5);
        let shape = [0.0, 5.0, 8.0, 6.0, 2.0, -20.0, -25.0];
        let mut values: Vec<f64> = (0..140).map(|i| 100.0 + 0.3 * i as f64 + shape[i % 7] + normal(&mut rng)).collect();
        values[131] += 20.0;
        let mut detector = Detector::new(Options { alarms_per_month: 0.02, ..daily(Some(7)).options });
        assert_eq!(alarms(&mut detector, values), [131]);
    }

    #[test]
    fn gaps_are_stepped_over_and_the_season_keeps_its_place() {
        let mut detector = daily(Some(7));
        let value = |i: usize| if i % 7 == 6 { 50.0 } else { 100.0 } + (i % 3) as f64;
        for i in 0..100 {
            let verdict = detector.observe((i % 11 != 0).then(|| value(i)));
            assert!(!matches!(verdict, Verdict::Alarm(_)), "{i} {verdict:?}");
            assert!(i % 11 != 0 || verdict == Verdict::Gap);
        }
    }

    #[test]
    fn a_restored_detector_goes_on_as_if_nothing_had_happened() {
        let mut rng = Rng::new(8);
        let values: Vec<f64> = (0..80).map(|_| normal(&mut rng)).collect();
        let mut whole = daily(None);
        let mut first = daily(None);
        values[..40].iter().for_each(|x| _ = (whole.observe(Some(*x)), first.observe(Some(*x))));
        let mut second = Detector { ..first.clone() };
        values[40..].iter().for_each(|x| assert_eq!(whole.observe(Some(*x)), second.observe(Some(*x))));
    }

    /// Twenty months of daily numbers with an event every forty days or so; each may be found within three days.
    fn trial(seed: u64, kind: usize, event: usize) -> (usize, usize, usize) {
        let mut rng = Rng::new(seed);
        let (days, sigma) = (600, 3.0);
        let profile = [0.0, 6.0, 9.0, 4.0, 0.0, -12.0, -15.0];
        let mut values: Vec<f64> = (0..days)
            .map(|i| {
                let base = match kind {
                    0 => 50.0,
                    1 => 200.0 + profile[i % 7],
                    _ => 100.0 + 0.05 * i as f64 + profile[i % 7],
                };
                base + sigma * normal(&mut rng)
            })
            .collect();
        let mut events = Vec::new();
        let mut at = 60 + rng.below(20) as usize;
        while at + 10 < days {
            let sign = if rng.below(2) == 0 { 1.0 } else { -1.0 };
            match event {
                0 => values[at] += sign * 4.0 * sigma,
                1 => values[at..].iter_mut().for_each(|x| *x += sign * 4.0 * sigma),
                _ => values[at..at + 2].fill(0.0),
            }
            events.push(at);
            at += 35 + rng.below(15) as usize;
        }
        let found = alarms(&mut daily((kind > 0).then_some(7)), values);
        let hits = events.iter().filter(|event| found.iter().any(|i| (**event..**event + 3).contains(i))).count();
        let near = |i: &usize| events.iter().any(|event| (*event..event + 8).contains(i));
        (events.len(), hits, found.iter().filter(|i| !near(i)).count())
    }

    #[test]
    fn injected_spikes_shifts_and_dropouts_are_found_at_less_than_one_false_alarm_a_month() {
        let mut worst = (1.0f64, 0.0f64);
        for kind in 0..3 {
            for event in 0..3 {
                let trials = (0..12).map(|seed| trial(seed * 17 + 1, kind, event));
                let (events, hits, false_alarms) = trials.fold((0, 0, 0), |a, b| (a.0 + b.0, a.1 + b.1, a.2 + b.2));
                let (recall, rate) = (hits as f64 / events as f64, false_alarms as f64 / (12.0 * 20.0));
                println!("kind {kind} event {event}: recall {recall:.3}, {rate:.2} false alarms a month");
                worst = (worst.0.min(recall), worst.1.max(rate));
            }
        }
        assert!(worst.0 >= 0.9 && worst.1 <= 1.0, "{worst:?}");
    }
}
