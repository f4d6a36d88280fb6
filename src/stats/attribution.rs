//! Credit by rule: how much of each outcome every touch before it receives.
//!
//! A journey is a list of touches, oldest first, and journeys that look alike are kept as one `Path` with counts. A rule
//! splits one conversion over the touches of its path; the shares of a path always sum to one, so the credits of all
//! channels sum to the conversions of all paths that have a touch. Removal effects live in `markov`.

/// Channel indices end here: they number a table, so they are meant to be dense and small.
pub const CHANNELS_MAX: usize = 1_000_000;

/// Journeys with the same touches, counted together.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Path {
    /// Channel indices, oldest first. A path without touches earns nobody credit.
    pub touches: Vec<u32>,
    /// Journeys that ended in a conversion; not negative.
    pub conversions: f64,
    /// The worth of those conversions together, in any one unit.
    pub value: f64,
    /// Journeys that ended without one; not negative.
    pub nulls: f64,
}

/// How one conversion is split over the touches before it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rule {
    /// All to the oldest touch.
    First,
    /// All to the newest touch.
    Last,
    /// The same to every touch.
    Linear,
    /// Halved for every `half_life` of age (the same unit as the ages; positive).
    TimeDecay { half_life: f64 },
    /// `first` and `last` (each 0–1, together at most 1) to the ends and the rest evenly between; the usual choice is
    /// 0.4 and 0.4. With two touches the ends share in proportion.
    Position { first: f64, last: f64 },
    /// The same to every distinct channel. This is the Shapley value of the game in which a coalition wins the
    /// conversions of the paths that use no other channel (Zhao, Mahboobi and Bagheri, 2018, eq. 12).
    Shapley,
}

/// What a channel is credited with.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Credit {
    pub conversions: f64,
    /// In the unit of `Path::value`.
    pub value: f64,
}

/// The share of every touch, summing to one; empty for an empty path. `ages` is the time from each touch to the outcome
/// (oldest first, any unit); without it a touch's age is the number of touches after it.
pub fn shares(rule: Rule, touches: &[u32], ages: Option<&[f64]>) -> Vec<f64> {
    let n = touches.len();
    let mut shares = vec![0.0; n];
    if n == 0 {
        return shares;
    }
    match rule {
        Rule::First => shares[0] = 1.0,
        Rule::Last => shares[n - 1] = 1.0,
        Rule::Linear => shares.fill(1.0),
        Rule::TimeDecay { half_life } => {
            let age = |i: usize| ages.and_then(|ages| ages.get(i)).copied().unwrap_or((n - 1 - i) as f64);
            // Only differences of age matter; the youngest gets weight one, so very old journeys do not vanish.
            let youngest = (0..n).map(age).fold(f64::INFINITY, f64::min);
            shares.iter_mut().enumerate().for_each(|(i, share)| *share = (-(age(i) - youngest) / half_life).exp2());
        }
        Rule::Position { first, last } => match n {
            1 => shares[0] = 1.0,
            2 if first + last <= 0.0 => shares.fill(1.0),
            2 => (shares[0], shares[1]) = (first, last),
            _ => {
                shares.fill((1.0 - first - last).max(0.0) / (n - 2) as f64);
                (shares[0], shares[n - 1]) = (first, last);
            }
        },
        Rule::Shapley => {
            for (i, share) in shares.iter_mut().enumerate() {
                *share = f64::from(u8::from(!touches[..i].contains(&touches[i])));
            }
        }
    }
    let total: f64 = shares.iter().sum();
    if total.is_finite() && total > 0.0 {
        shares.iter_mut().for_each(|share| *share /= total);
    } else {
        // A half-life of nothing leaves no weights: what remains is the newest touch.
        shares.fill(0.0);
        shares[n - 1] = 1.0;
    }
    shares
}

/// The credit of every channel, `channels` long (longer if a path names a higher index, up to `CHANNELS_MAX`). Time decay counts an age in
/// touches here, because aggregated paths have no clock.
pub fn credit(paths: &[Path], channels: usize, rule: Rule) -> Vec<Credit> {
    let mut credits = vec![Credit::default(); channel_count(paths, channels)];
    let mut give = |channel: u32, share: f64, path: &Path| {
        if let Some(credit) = credits.get_mut(channel as usize) {
            credit.conversions += share * path.conversions;
            credit.value += share * path.value;
        }
    };
    let mut decay = Decay::default();
    for path in paths {
        let touches = &path.touches;
        match (rule, touches.first(), touches.last()) {
            (Rule::First, Some(first), _) => give(*first, 1.0, path),
            (Rule::Last, _, Some(last)) => give(*last, 1.0, path),
            (Rule::Linear, ..) => touches.iter().for_each(|touch| give(*touch, 1.0 / touches.len() as f64, path)),
            // Millions of paths: the same shares as those of `shares`, without a list for each.
            (Rule::TimeDecay { half_life }, ..) if half_life > 0.0 && half_life.is_finite() => {
                let total = decay.total(touches.len(), half_life);
                touches.iter().rev().zip(&decay.weights).for_each(|(touch, weight)| give(*touch, weight / total, path));
            }
            (Rule::Position { first, last }, ..) if touches.len() > 2 && first >= 0.0 && last >= 0.0 && first + last <= 1.0 => {
                let between = (1.0 - first - last) / (touches.len() - 2) as f64;
                let ends = touches.len() - 1;
                give(touches[0], first, path);
                touches[1..ends].iter().for_each(|touch| give(*touch, between, path));
                give(touches[ends], last, path);
            }
            _ => touches.iter().zip(shares(rule, touches, None)).for_each(|(touch, share)| give(*touch, share, path)),
        }
    }
    credits
}

/// The weights of ages 0, 1, 2 … and their running totals, as far as the longest path needed them.
#[derive(Default)]
struct Decay {
    weights: Vec<f64>,
    totals: Vec<f64>,
}

impl Decay {
    /// The weights of the first `count` ages together.
    fn total(&mut self, count: usize, half_life: f64) -> f64 {
        while self.weights.len() < count {
            let weight = (-(self.weights.len() as f64) / half_life).exp2();
            self.totals.push(self.totals.last().copied().unwrap_or(0.0) + weight);
            self.weights.push(weight);
        }
        if count == 0 { 1.0 } else { self.totals[count - 1] }
    }
}

/// At least `channels`, and enough for every index the paths name, up to `CHANNELS_MAX`.
pub(crate) fn channel_count(paths: &[Path], channels: usize) -> usize {
    paths.iter().flat_map(|path| &path.touches).map(|touch| *touch as usize + 1).fold(channels, usize::max).min(CHANNELS_MAX)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::stats::test_data::{self, close};

    #[test]
    fn the_fast_way_over_many_paths_gives_the_shares_of_one() {
        let path = |touches: &[u32]| Path { touches: touches.to_vec(), conversions: 3.0, value: 7.0, nulls: 1.0 };
        let paths = [path(&[0, 1, 2, 1, 0]), path(&[2]), path(&[]), path(&[1, 0]), path(&[0, 0, 2])];
        for rule in
            [Rule::TimeDecay { half_life: 1.5 }, Rule::Position { first: 0.4, last: 0.3 }, Rule::TimeDecay { half_life: 0.0 }]
        {
            let mut slow = [0.0; 3];
            for path in &paths {
                path.touches
                    .iter()
                    .zip(shares(rule, &path.touches, None))
                    .for_each(|(at, share)| slow[*at as usize] += 3.0 * share);
            }
            credit(&paths, 3, rule).iter().zip(slow).for_each(|(fast, slow)| close(fast.conversions, slow, 1e-12));
        }
    }

    /// Twelve channels, 10,000 paths (the example of the package ChannelAttribution), channels in alphabetical order.
    pub(crate) fn example() -> Option<(Vec<String>, Vec<Path>)> {
        let (_, rows) = test_data::rows("learning/attribution/paths_10k.csv.gz")?;
        let mut names: Vec<String> = rows.iter().flat_map(|row| row[0].split(" > ")).map(str::to_owned).collect();
        names.sort();
        names.dedup();
        let index = |name: &str| names.iter().position(|known| known == name).unwrap() as u32;
        let number = |text: &str| text.parse::<f64>().unwrap();
        let paths = rows
            .iter()
            .map(|row| Path {
                touches: row[0].split(" > ").map(index).collect(),
                conversions: number(&row[1]),
                value: number(&row[2]),
                nulls: number(&row[3]),
            })
            .collect();
        Some((names, paths))
    }

    fn path(touches: &[u32]) -> Path {
        Path { touches: touches.to_vec(), conversions: 10.0, value: 50.0, nulls: 0.0 }
    }

    #[track_caller]
    fn check(rule: Rule, touches: &[u32], expected: &[f64]) {
        let found = shares(rule, touches, None);
        assert_eq!(found.len(), expected.len());
        found.iter().zip(expected).for_each(|(x, y)| close(*x, *y, 1e-15));
    }

    #[test]
    fn each_rule_splits_by_its_definition() {
        check(Rule::First, &[4, 5, 6], &[1.0, 0.0, 0.0]);
        check(Rule::Last, &[4, 5, 6], &[0.0, 0.0, 1.0]);
        check(Rule::Linear, &[4, 5, 6, 4], &[0.25; 4]);
        check(Rule::TimeDecay { half_life: 1.0 }, &[4, 5, 6], &[1.0 / 7.0, 2.0 / 7.0, 4.0 / 7.0]);
        check(Rule::Position { first: 0.4, last: 0.4 }, &[4, 5, 6, 7], &[0.4, 0.1, 0.1, 0.4]);
        check(Rule::Position { first: 0.3, last: 0.1 }, &[4, 5], &[0.75, 0.25]);
        check(Rule::Position { first: 0.0, last: 0.0 }, &[4, 5], &[0.5, 0.5]);
        check(Rule::Shapley, &[4, 5, 4, 4], &[0.5, 0.5, 0.0, 0.0]);
        check(Rule::Linear, &[], &[]);
    }

    #[test]
    fn decay_goes_by_age_when_ages_are_known_and_survives_any_half_life() {
        let rule = Rule::TimeDecay { half_life: 7.0 };
        let found = shares(rule, &[1, 2], Some(&[21.0, 7.0]));
        close(found[0], 0.2, 1e-15);
        assert_eq!(shares(Rule::TimeDecay { half_life: 0.0 }, &[1, 2], None).iter().sum::<f64>(), 1.0);
        assert_eq!(shares(rule, &[1, 1], Some(&[1e9, 1e9 + 7.0])).iter().sum::<f64>(), 1.0);
    }

    // The sums for the channel `alpha` were recomputed in twenty lines of Python over the same file.
    #[test]
    fn credits_of_every_rule_sum_to_the_conversions() {
        let Some((names, paths)) = example() else { return };
        let rules = [
            Rule::First,
            Rule::Last,
            Rule::Linear,
            Rule::TimeDecay { half_life: 2.0 },
            Rule::Position { first: 0.4, last: 0.4 },
            Rule::Shapley,
        ];
        for rule in rules {
            let credits = credit(&paths, names.len(), rule);
            close(credits.iter().map(|c| c.conversions).sum(), 19_785.0, 1e-12);
            close(credits.iter().map(|c| c.value).sum(), 74_802.971_587_210_84, 1e-12);
        }
        let alpha = |rule| credit(&paths, names.len(), rule)[0].conversions;
        REFERENCE_ALPHA
            .iter()
            .zip([Rule::First, Rule::Last, Rule::Linear, Rule::Shapley])
            .for_each(|(x, rule)| close(alpha(rule), *x, 1e-12));
    }

    const REFERENCE_ALPHA: [f64; 4] = [6308.0, 8447.0, 7574.718593751173, 7627.9440476191085];

    #[test]
    fn an_index_beyond_the_declared_channels_widens_the_table() {
        let credits = credit(&[path(&[7]), Path::default()], 2, Rule::Linear);
        assert_eq!(credits.len(), 8);
        assert_eq!(credits[7], Credit { conversions: 10.0, value: 50.0 });
    }
}
