//! Counts that rise: what is mentioned more now than its history explains, and what was never mentioned before.
//!
//! Each term's count in this window is compared with its share of everything counted so far. The share is uncertain, so the
//! count to expect is negative binomial: a Poisson count whose rate has a Gamma posterior, widened by how bursty the term has
//! been (moment estimate of the overdispersion). Terms never seen before are a class of their own, tested against each other
//! and not against hundreds of old ones, because their rate can only be small: with nothing in N exposures its posterior is
//! Gamma(½, N). Each class has its own false discovery rate (Benjamini–Hochberg) and a floor of volume.

use crate::stats::multiplicity::benjamini_hochberg;
use crate::stats::special::negative_binomial_at_least;

/// Jeffreys' prior of a Poisson rate, in counts.
const PRIOR_COUNT: f64 = 0.5;

/// How careful to be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Options {
    /// Windows of history before anything is said. "Never seen before" means little after a handful of windows.
    pub windows_min: usize,
    /// A new term needs this many counts in the window.
    pub floor_new: u64,
    /// A known term needs this many.
    pub floor_known: u64,
    /// False discovery rate (0–1) among new terms.
    pub rate_new: f64,
    /// False discovery rate (0–1) among known terms. Stricter, because counts that come in bundles (one event, many
    /// mentions) break the independence the test assumes.
    pub rate_known: f64,
}

impl Default for Options {
    fn default() -> Options {
        Options { windows_min: 24, floor_new: 2, floor_known: 5, rate_new: 0.01, rate_known: 0.001 }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Not once in the whole history.
    New,
    Known,
}

/// A term that rose.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Burst {
    /// Its index in the table.
    pub term: usize,
    pub class: Class,
    pub count: u64,
    /// The count its history leads one to expect in a window of this size.
    pub expected: f64,
    /// The chance of this count or more if nothing had changed.
    pub p_value: f64,
    /// The p-value after correction within its class.
    pub adjusted: f64,
}

/// One window: how much was counted in all, and how often each term occurred.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Window {
    /// The exposure: documents, queries or commits looked at.
    pub total: u64,
    /// By term; a term beyond the end counts zero.
    pub counts: Vec<u64>,
}

/// Windows of history there are and are needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotEnoughHistory {
    pub have: usize,
    pub need: usize,
}

/// The terms that rose in `now` against `history` (oldest first), the most surprising first.
pub fn detect(history: &[Window], now: &Window, options: &Options) -> Result<Vec<Burst>, NotEnoughHistory> {
    let exposure: f64 = history.iter().map(|window| window.total as f64).sum();
    if history.len() < options.windows_min || exposure <= 0.0 {
        return Err(NotEnoughHistory { have: history.len(), need: options.windows_min.max(1) });
    }
    let mut classes: [Vec<Burst>; 2] = [Vec::new(), Vec::new()];
    for (term, count) in now.counts.iter().copied().enumerate() {
        let seen: u64 = history.iter().map(|window| count_of(window, term)).sum();
        let shape = PRIOR_COUNT + seen as f64;
        let expected = shape / exposure * now.total as f64;
        let mut burst = Burst { term, class: Class::New, count, expected, p_value: 1.0, adjusted: 1.0 };
        if seen == 0 {
            if count >= options.floor_new.max(1) {
                burst.p_value = negative_binomial_at_least(count, expected, shape);
                classes[0].push(burst);
            }
            continue;
        }
        burst.class = Class::Known;
        if count >= options.floor_known {
            let spread = 1.0 / shape + overdispersion(history, term, seen as f64 / exposure);
            burst.p_value = negative_binomial_at_least(count, expected, 1.0 / spread);
        }
        // Terms below the floor stay in the family: they were looked at too.
        classes[1].push(burst);
    }
    let mut bursts: Vec<Burst> = Vec::new();
    for (class, rate) in classes.iter_mut().zip([options.rate_new, options.rate_known]) {
        let adjusted = benjamini_hochberg(&class.iter().map(|burst| burst.p_value).collect::<Vec<_>>());
        class.iter_mut().zip(adjusted).for_each(|(burst, adjusted)| burst.adjusted = adjusted);
        bursts.extend(class.iter().filter(|burst| burst.p_value < 1.0 && burst.adjusted <= rate));
    }
    bursts.sort_by(|a, b| a.p_value.total_cmp(&b.p_value).then(a.term.cmp(&b.term)));
    Ok(bursts)
}

fn count_of(window: &Window, term: usize) -> u64 {
    window.counts.get(term).copied().unwrap_or(0)
}

/// φ in variance = mean + φ·mean², by moments over the history (Breslow, 1984); never negative.
fn overdispersion(history: &[Window], term: usize, rate: f64) -> f64 {
    let (mut excess, mut scale) = (0.0, 0.0);
    for window in history {
        let mean = rate * window.total as f64;
        excess += (count_of(window, term) as f64 - mean).powi(2) - mean;
        scale += mean * mean;
    }
    if scale > 0.0 { (excess / scale).max(0.0) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Rng;
    use crate::stats::sampling::{gamma, poisson};
    use crate::stats::test_data::{self, close, close_relative};
    use std::collections::BTreeMap;

    fn steady(windows: usize, counts: &[u64]) -> Vec<Window> {
        vec![Window { total: 100, counts: counts.to_vec() }; windows]
    }

    #[test]
    fn a_jump_and_a_newcomer_alarm_and_the_steady_term_does_not() {
        let now = Window { total: 100, counts: vec![10, 40, 5] };
        let bursts = detect(&steady(24, &[10, 10]), &now, &Options::default()).unwrap();
        assert_eq!(bursts.iter().map(|b| (b.term, b.class)).collect::<Vec<_>>(), [(1, Class::Known), (2, Class::New)]);
        close(bursts[0].expected, 240.5 / 24.0, 1e-12);
    }

    // scipy.stats.nbinom.sf(4, 0.5, 2400 / 2500).
    #[test]
    fn the_p_value_of_a_newcomer_is_its_posterior_tail() {
        let now = Window { total: 100, counts: vec![0, 0, 5] };
        let bursts = detect(&steady(24, &[10, 10]), &now, &Options::default()).unwrap();
        close_relative(bursts[0].p_value, REFERENCE, 1e-11);
    }

    const REFERENCE: f64 = 2.5631125128477408e-08;

    #[test]
    fn little_history_says_so() {
        let now = Window { total: 100, counts: vec![50] };
        assert_eq!(detect(&steady(3, &[1]), &now, &Options::default()), Err(NotEnoughHistory { have: 3, need: 24 }));
    }

    #[test]
    fn bursty_terms_that_only_do_what_they_always_did_rarely_alarm() {
        let mut rng = Rng::new(12);
        let mut window = || Window {
            total: 200,
            counts: (0..100)
                .map(|_| {
                    let rate = 4.0 * gamma(&mut rng, 1.0);
                    poisson(&mut rng, rate)
                })
                .collect(),
        };
        let history: Vec<Window> = (0..40).map(|_| window()).collect();
        let alarms: usize = (0..50).map(|_| detect(&history, &window(), &Options::default()).unwrap().len()).sum();
        assert!(alarms <= 5, "{alarms} false alarms in 5,000 looks");
    }

    #[test]
    fn on_a_real_stream_the_new_topics_alarm_in_their_first_month_and_few_others_do() {
        let Some((header, rows)) = test_data::rows("decisions/site/emerging_terms_monthly.csv") else { return };
        let windows: Vec<Window> = rows
            .iter()
            .map(|row| Window { total: row[1].parse().unwrap(), counts: row[2..].iter().map(|x| x.parse().unwrap()).collect() })
            .collect();
        let mut first_alarm = BTreeMap::new();
        for month in 0..windows.len() {
            for burst in detect(&windows[..month], &windows[month], &Options::default()).unwrap_or_default() {
                first_alarm.entry(header[burst.term + 2].as_str()).or_insert(rows[month][0].as_str());
            }
        }
        println!("{} terms alarm: {first_alarm:?}", first_alarm.len());
        let first_seen = |term: &str| {
            let column = header.iter().position(|name| name == term).unwrap();
            rows.iter().find(|row| row[column] != "0").map(|row| row[0].as_str())
        };
        for term in ["gpus", "mcp", "mpg"] {
            assert_eq!(first_alarm.get(term).copied(), first_seen(term), "{term}");
        }
        assert!(first_alarm.len() <= 60);
    }
}
