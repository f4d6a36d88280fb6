//! Dense series of `anomaly`: a number every hour or oftener, watched by records instead of by a forecast for each point.
//!
//! Here all points that came since the last cycle are judged, because a cycle brings hundreds of them, and the one that departs
//! furthest is told. The knob is kept by the series' own past: the threshold is what would have raised no more than the wanted
//! number of alarms a month until now, and never less than a tenth of what all ways of looking could say.

use super::anomaly::plain;
use crate::base::Timestamp;
use crate::stats::records::{Departure, Options, Records, WAYS, Way};

/// An hourly series has this many points a month, or nearly.
const POINTS_A_MONTH_MIN: f64 = 700.0;
/// Fewer points say too little about records.
const POINTS_MIN: usize = 500;
/// Below this share of what all ways could say, a departure is nothing to tell: among the public labelled streams the best
/// threshold is a little above it, whichever half of them it is fitted on (0.10 to 0.13).
const SHARE_MIN: f64 = 0.1;
/// Days in a month.
const MONTH: f64 = 30.4;

/// An alarm of a dense series.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Found {
    pub at: Timestamp,
    pub value: f64,
    pub departure: Departure,
    /// New points that were judged.
    pub judged: usize,
}

/// Whether a series is for this watch.
pub(super) fn is_dense(points: &[(Timestamp, Option<f64>)], points_per_month: f64) -> bool {
    points_per_month >= POINTS_A_MONTH_MIN && points.len() >= POINTS_MIN
}

/// The point since `since` with which the furthest departure begins, when it is an alarm; in a first look the last day counts.
pub(super) fn newest(
    points: &[(Timestamp, Option<f64>)],
    points_per_month: f64,
    alarms_per_month: f64,
    since: Option<Timestamp>,
) -> Option<Found> {
    let day = (points_per_month / MONTH).round().max(1.0) as usize;
    let warm_up = (0.15 * points.len() as f64).min(750.0) as usize;
    let refractory = (warm_up / 5).max(1);
    let mut records = Records::new(Options { period: Some(day), warm_up, refractory });
    let departures: Vec<Option<Departure>> = points.iter().map(|(_, value)| records.observe(value.unwrap_or(f64::NAN))).collect();
    let fresh = match since {
        Some(since) => points.partition_point(|(at, _)| *at <= since),
        None => points.len().saturating_sub(day),
    };
    let share = |at: usize| departures[at].map_or(0.0, |departure| departure.share);
    // The largest of each stretch in which a second alarm would be the same story, largest first.
    let past: Vec<usize> = (warm_up..fresh).collect();
    let mut peaks: Vec<f64> = past.chunks(refractory).map(|part| part.iter().map(|at| share(*at)).fold(0.0, f64::max)).collect();
    peaks.sort_by(|a, b| b.total_cmp(a));
    let allowed = (alarms_per_month * past.len() as f64 / points_per_month).ceil() as usize;
    let threshold = peaks.get(allowed).copied().unwrap_or(0.0).max(SHARE_MIN);
    let told = |at: usize| (at.saturating_sub(refractory)..at).any(|before| before < fresh && share(before) >= threshold);
    // Where each story begins, and the largest share in it.
    let mut stories: Vec<(usize, f64)> = Vec::new();
    for at in (fresh..points.len()).filter(|at| share(*at) >= threshold && departures[*at].is_some() && !told(*at)) {
        match stories.last_mut().filter(|(start, _)| at < start + refractory) {
            Some((_, peak)) => *peak = peak.max(share(at)),
            None => stories.push((at, share(at))),
        }
    }
    let (at, _) = stories.into_iter().max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)))?;
    let departure = departures[at]?;
    Some(Found { at: points[at].0, value: points[at].1?, departure, judged: points.len() - fresh })
}

impl Found {
    /// What the usual is, by the long mean and how far points have been from it.
    pub fn range(&self, counted: bool) -> (f64, f64) {
        let (mean, reach) = self.departure.usual;
        let low = if counted { (mean - reach).max(0.0) } else { mean - reach };
        (low, mean + reach)
    }

    /// One sentence.
    pub fn says(&self, subject: &str, counted: bool) -> String {
        let (low, high) = self.range(counted);
        let what = match self.departure.way {
            Way::Far => "is further from the long mean than points have been".to_owned(),
            Way::Level => "ends a stretch that has left its level further than any before".to_owned(),
            Way::OtherDays => {
                "ends a stretch that differs from the same time yesterday and a week ago more than any before".to_owned()
            }
            Way::Roughness | Way::Bursts => "ends a stretch that jumps about unlike any before".to_owned(),
        };
        format!(
            "{subject}: {} at {} {what}; in {} of {WAYS} ways of looking it goes furthest so far (points have been between {} and {}; {} new points were judged).",
            plain(self.value),
            self.at,
            self.departure.records,
            plain(low),
            plain(high),
            self.judged
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Rng;
    use crate::stats::sampling::normal;

    const HOUR: i64 = 3_600_000;

    fn hourly(days: usize) -> Vec<(Timestamp, Option<f64>)> {
        let mut rng = Rng::new(12);
        let value = |hour: usize| 50.0 + 20.0 * ((hour % 24) as f64 / 24.0 * std::f64::consts::TAU).sin();
        (0..days * 24).map(|hour| (Timestamp(hour as i64 * HOUR), Some(value(hour) + normal(&mut rng)))).collect()
    }

    #[test]
    fn an_hour_that_is_wild_is_told_once_and_a_calm_month_is_not() {
        let mut points = hourly(60);
        assert!(is_dense(&points, 730.0) && !is_dense(&points[..400], 730.0) && !is_dense(&points, 30.0));
        assert_eq!(newest(&points, 730.0, 1.0, None), None);
        let last = points.len() - 10;
        points[last].1 = Some(150.0);
        let found = newest(&points, 730.0, 1.0, None).expect("an alarm");
        assert_eq!((found.at, found.value, found.departure.way, found.judged), (points[last].0, 150.0, Way::Far, 24));
        let says = found.says("visits", true);
        assert!(
            says.starts_with("visits: 150 at 1970-03-01T14:00:00Z is further from the long mean than points have been; in "),
            "{says}"
        );
        // Seen already.
        assert_eq!(newest(&points, 730.0, 1.0, Some(points[last].0)), None);
    }

    #[test]
    fn gaps_and_constants_are_quiet() {
        let mut points: Vec<(Timestamp, Option<f64>)> = (0..900).map(|hour| (Timestamp(hour * HOUR), Some(7.0))).collect();
        assert_eq!(newest(&points, 730.0, 1.0, None), None);
        points[600..700].iter_mut().for_each(|point| point.1 = None);
        assert_eq!(newest(&points, 730.0, 1.0, None), None);
        assert_eq!(newest(&points, 730.0, 1.0, Some(Timestamp(i64::MAX))), None);
        points[895].1 = Some(7.5);
        assert_eq!(newest(&points, 730.0, 1.0, None).map(|found| found.value), Some(7.5));
    }
}
