//! A watch over a dense stream, such as a number every five minutes: a point is news when it breaks records in many ways of looking.
//!
//! Five questions are asked at eleven lengths of time, from 8 to 256 points in half octaves: how far the point is from a long mean; how
//! far the mean of the last points is from where it slowly was, and from the same time yesterday or a week ago, whichever is nearer;
//! and how much rougher the stream is than it was, as a difference and as a ratio. Each of the 55 ways votes by the place of its
//! departure among those before: 1 for a record, 1/2 for the second place, down to 1/10. The answer is the mean of the votes.
//!
//! No way is chosen, and none can be wrong alone: that is the point. Picking five good ways among such a ladder does better on the
//! series it was picked on and worse on others (docs/decisions/0028). Places make the watch grow calmer with age, need no spread where
//! there is none, and one wild point early on takes one place only. Ranks of several scores are how the best of the Numenta benchmark
//! combine them as well (Lavin and Ahmad, 2015); a record has the chance 1/n among n numbers in random order (Rényi, 1962). For daily
//! numbers `anomaly` is the better watch; this one takes memory for one week of points, and the same time at every point.

use std::collections::VecDeque;

/// Points over which is looked, in half octaves.
const WINDOWS: [usize; 11] = [8, 11, 16, 23, 32, 45, 64, 91, 128, 181, 256];
const LENGTHS: usize = WINDOWS.len();
const LONGEST: usize = WINDOWS[LENGTHS - 1];
/// The length whose long mean is told as the usual: that of 910 points.
const TOLD: usize = 7;
/// So many windows a level takes to follow.
const FOLLOWS: f64 = 10.0;
/// The best so many departures of each way have a vote.
const PLACES: usize = 10;
/// Days after which days are alike again.
const DAYS: usize = 7;
/// Ways of looking: every question at every length.
pub const WAYS: usize = QUESTIONS.len() * LENGTHS;

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

const QUESTIONS: [Way; 5] = [Way::Far, Way::Level, Way::OtherDays, Way::Roughness, Way::Bursts];

/// How a point compares with the records.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Departure {
    /// The mean of all votes: 1 is a record in every way, and 0 is nothing that is among the ten furthest in any.
    pub share: f64,
    /// Ways in which it is the furthest so far.
    pub records: usize,
    /// The question with most votes.
    pub way: Way,
    /// What the long mean leads to expect, and how far points have been from it.
    pub usual: (f64, f64),
}

/// Means of the last values at every length.
#[derive(Clone, Debug, Default, PartialEq)]
struct Windows {
    values: VecDeque<f64>,
    sums: [f64; LENGTHS],
    seen: usize,
}

impl Windows {
    fn push(&mut self, value: f64) -> [f64; LENGTHS] {
        self.seen += 1;
        let mut means = [0.0; LENGTHS];
        for (at, length) in WINDOWS.into_iter().enumerate() {
            self.sums[at] += value;
            if let Some(oldest) = self.values.len().checked_sub(length).and_then(|oldest| self.values.get(oldest)) {
                self.sums[at] -= oldest;
            }
            means[at] = self.sums[at] / self.seen.min(length) as f64;
        }
        self.values.push_back(value);
        if self.values.len() > LONGEST {
            self.values.pop_front();
        }
        means
    }

    /// The part of the window at this place that is filled.
    fn part(&self, at: usize) -> f64 {
        self.seen.min(WINDOWS[at]) as f64 / WINDOWS[at] as f64
    }
}

/// Means beside levels that follow them slowly.
#[derive(Clone, Debug, Default, PartialEq)]
struct Followed {
    windows: Windows,
    slow: [f64; LENGTHS],
}

impl Followed {
    /// The means, and the levels before this value moved them; a level begins where its first window stands.
    fn push(&mut self, value: f64) -> ([f64; LENGTHS], [f64; LENGTHS]) {
        let means = self.windows.push(value);
        let mut before = [0.0; LENGTHS];
        for (at, length) in WINDOWS.into_iter().enumerate() {
            if self.windows.seen <= length {
                self.slow[at] = means[at];
            }
            before[at] = self.slow[at];
            self.slow[at] += (means[at] - self.slow[at]) / (FOLLOWS * length as f64);
        }
        (means, before)
    }
}

/// A watch over one stream.
#[derive(Clone, Debug, PartialEq)]
pub struct Records {
    options: Options,
    seen: usize,
    long: [f64; LENGTHS],
    level: Followed,
    roughness: Followed,
    /// The mean size of all steps so far.
    steps: f64,
    last: f64,
    /// The last week.
    week: VecDeque<f64>,
    against: [Windows; 2],
    /// The largest departures so far by question and length, the largest first.
    places: Vec<[f64; PLACES]>,
    quiet: usize,
}

impl Records {
    pub fn new(options: Options) -> Records {
        Records {
            options,
            seen: 0,
            long: [0.0; LENGTHS],
            level: Followed::default(),
            roughness: Followed::default(),
            steps: 0.0,
            last: 0.0,
            week: VecDeque::new(),
            against: Default::default(),
            places: vec![[0.0; PLACES]; WAYS],
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
            (self.long, self.last) = ([value; LENGTHS], value);
        }
        self.seen += 1;
        let usual = (self.long[TOLD], self.places[TOLD][1]);
        let far = self.long.map(|long| (value - long).abs());
        for (long, length) in self.long.iter_mut().zip(WINDOWS) {
            *long += (value - *long) / (FOLLOWS * length as f64).min(self.seen as f64);
        }
        let (means, levels) = self.level.push(value);
        let step = (value - self.last).abs();
        self.last = value;
        self.steps += (step - self.steps) / self.seen as f64;
        let (rough, smooth) = self.roughness.push(step);
        let other_days = self.other_days(value, true);
        // A stream that hardly moves would be wild at every tremor.
        let tremor = 1e-3 * self.steps + 1e-12;
        let apart = |a: [f64; LENGTHS], b: [f64; LENGTHS]| std::array::from_fn::<f64, LENGTHS, _>(|at| (a[at] - b[at]).abs());
        let bursts = std::array::from_fn(|at| ((rough[at] + tremor) / (smooth[at] + tremor)).ln());
        // What is left of sums that should cancel is no departure.
        let size = 1e-9 * value.abs().max(1e-9);
        let departures = [far, apart(means, levels), other_days, apart(rough, smooth), bursts];
        let mut found = Departure { usual, ..Departure::default() };
        let (mut most, mut votes) = (0.0, 0.0);
        for ((departures, places), way) in departures.iter().zip(self.places.chunks_mut(LENGTHS)).zip(QUESTIONS) {
            let mut of_question = 0.0;
            for (departure, places) in departures.iter().zip(places) {
                let least = if way == Way::Bursts { 0.0 } else { size };
                if *departure > least
                    && let Some(place) = enter(places, *departure)
                {
                    of_question += 1.0 / (place + 1) as f64;
                    found.records += usize::from(place == 0);
                }
            }
            votes += of_question;
            if of_question > most {
                (most, found.way) = (of_question, way);
            }
        }
        found.share = votes / WAYS as f64;
        (self.seen > self.options.warm_up).then_some(found)
    }

    /// The means of the last differences from yesterday or from a week ago, whichever are nearer to nothing.
    fn other_days(&mut self, value: f64, counts: bool) -> [f64; LENGTHS] {
        let Some(period) = self.options.period.filter(|period| *period > 1) else { return [0.0; LENGTHS] };
        let mut nearest = [f64::INFINITY; LENGTHS];
        for (days, windows) in [1, DAYS].into_iter().zip(&mut self.against).filter(|_| counts) {
            if let Some(then) = self.week.len().checked_sub(days * period).and_then(|at| self.week.get(at)) {
                let means = windows.push(value - then);
                for (at, nearest) in nearest.iter_mut().enumerate() {
                    // A window that has only begun would be all noise.
                    *nearest = nearest.min((means[at] * windows.part(at)).abs());
                }
            }
        }
        self.week.push_back(value);
        if self.week.len() > DAYS * period {
            self.week.pop_front();
        }
        nearest.map(|nearest| if nearest.is_finite() { nearest } else { 0.0 })
    }

    /// As `observe`, and whether this is an alarm at a threshold such as 0.1: not in the refractory points after another.
    pub fn alarms(&mut self, value: f64, threshold: f64) -> bool {
        let departure = self.observe(value);
        self.quiet = self.quiet.saturating_sub(1);
        let alarm = self.quiet == 0 && departure.is_some_and(|departure| departure.share >= threshold);
        if alarm {
            self.quiet = self.options.refractory;
        }
        alarm
    }
}

/// Puts a departure in its place among the largest, and says which that is; `None` when it is not among them.
fn enter(places: &mut [f64; PLACES], departure: f64) -> Option<usize> {
    if departure < places[PLACES - 1] {
        return None;
    }
    let place = places.iter().position(|other| departure >= *other)?;
    places[place..].rotate_right(1);
    places[place] = departure;
    Some(place)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Rng;
    use crate::stats::sampling::normal;

    fn watch(values: impl IntoIterator<Item = f64>, period: Option<usize>) -> Vec<usize> {
        let mut records = Records::new(Options { period, warm_up: 600, refractory: 100 });
        values.into_iter().enumerate().filter(|(_, value)| records.alarms(*value, 0.15)).map(|(at, _)| at).collect()
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

    // The votes of the first points, by hand: a step of 2 after a constant is a record in every way that has moved.
    #[test]
    fn places_vote_by_their_rank() {
        let mut places = [0.0; PLACES];
        assert_eq!([3.0, 5.0, 4.0, 5.0, 1.0].map(|x| enter(&mut places, x)), [Some(0), Some(0), Some(1), Some(0), Some(4)]);
        assert_eq!(places[..6], [5.0, 5.0, 4.0, 3.0, 1.0, 0.0]);
        let mut records = Records::new(Options { period: None, warm_up: 0, refractory: 0 });
        (0..300).for_each(|_| assert_eq!(records.observe(4.0).map(|found| found.share), Some(0.0)));
        // Eleven ways each for the point, the level, and roughness as a difference and as a ratio; there are no other days.
        let found = records.observe(6.0).expect("no warm-up");
        assert_eq!((found.records, found.share, found.usual.0), (44, 44.0 / 55.0, 4.0));
        // Back at the usual: the second step is as large as the first, so only roughness goes further still.
        let back = records.observe(4.0).expect("no warm-up");
        assert_eq!((back.records, back.way), (11, Way::Roughness));
        assert!(back.share < found.share);
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
