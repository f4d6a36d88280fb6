//! What each player brings to a game whose coalitions have any worth at all (Shapley, 1953): the mean of what it adds, over all orders in
//! which players may join.
//!
//! Orders need not be walked: a coalition of `s` that lacks the player stands before it in s! (n - s - 1)! of n! orders, so one pass over
//! the 2ⁿ coalitions is exact. That doubles with every player, hence the limit.

use super::attribution::Path;

/// More players than this are not asked: 2¹⁶ coalitions.
pub const PLAYERS_MAX: usize = 16;

/// The Shapley value of every player. `worth[s]` is what the coalition is worth whose members are the bits of `s`; that of nobody is
/// subtracted from all. `None` when the number of coalitions is no power of two, or there are more than [`PLAYERS_MAX`] players.
pub fn values(worth: &[f64]) -> Option<Vec<f64>> {
    let n = worth.len().checked_ilog2()? as usize;
    if worth.len() != 1 << n || n > PLAYERS_MAX {
        return None;
    }
    // s! (n - s - 1)! / n! by its neighbour, so that no factorial is needed.
    let mut weights = vec![0.0; n];
    for size in 0..n {
        weights[size] = if size == 0 { 1.0 / n as f64 } else { weights[size - 1] * size as f64 / (n - size) as f64 };
    }
    let mut values = vec![0.0; n];
    for (coalition, before) in worth.iter().enumerate() {
        let size = coalition.count_ones() as usize;
        for (player, value) in values.iter_mut().enumerate().filter(|(player, _)| coalition & (1 << player) == 0) {
            *value += weights[size] * (worth[coalition | (1 << player)] - before);
        }
    }
    Some(values)
}

/// Journeys by the set of channels that they touch: conversions, their value, and journeys that came to nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct Sets {
    channels: usize,
    /// The set as bits, and its counts; sorted by set, each once.
    pub counts: Vec<(usize, [f64; 3])>,
}

impl Sets {
    /// `None` with more channels than [`PLAYERS_MAX`]. Paths without a touch belong to nobody.
    pub fn of(paths: &[Path], channels: usize) -> Option<Sets> {
        if channels > PLAYERS_MAX {
            return None;
        }
        let mut all: std::collections::BTreeMap<usize, [f64; 3]> = std::collections::BTreeMap::new();
        for path in paths.iter().filter(|path| !path.touches.is_empty()) {
            let set = path.touches.iter().fold(0usize, |set, touch| set | (1 << touch));
            let counts = all.entry(set).or_default();
            counts[0] += path.conversions;
            counts[1] += path.value;
            counts[2] += path.nulls;
        }
        Some(Sets { channels, counts: all.into_iter().collect() })
    }

    /// What each channel brings when a coalition is worth the rate at which journeys convert that touch none but its members (Shao and
    /// Li, 2011, weigh by such rates): in conversions a journey, and in value a journey. `draw` gives the counts to use of each set.
    pub fn rates(&self, mut draw: impl FnMut(&[f64; 3]) -> [f64; 3]) -> [Vec<f64>; 2] {
        let mut sums = vec![[0.0; 3]; 1 << self.channels];
        for (set, counts) in &self.counts {
            sums[*set] = draw(counts);
        }
        // Every subset adds up into every set that holds it, one channel after the other.
        for channel in 0..self.channels {
            for set in (0..sums.len()).filter(|set| set & (1 << channel) != 0) {
                let below = sums[set & !(1 << channel)];
                sums[set].iter_mut().zip(below).for_each(|(sum, below)| *sum += below);
            }
        }
        [0, 1].map(|of| {
            let rate = |counts: &[f64; 3]| {
                let journeys = counts[0] + counts[2];
                if journeys > 0.0 { counts[of] / journeys } else { 0.0 }
            };
            values(&sums.iter().map(rate).collect::<Vec<f64>>()).unwrap_or_default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Rng;
    use crate::stats::attribution::{Rule, credit};
    use crate::stats::test_data::close;

    // Published: the glove game (one left glove, two right ones) gives 2/3, 1/6, 1/6; the runway of Littlechild and Owen (1973), where
    // planes need 1, 2 and 4 lengths, shares 4 as 1/3, 1/3 + 1/2, 1/3 + 1/2 + 2.
    #[test]
    fn known_games_have_their_known_values() {
        let gloves: Vec<f64> = (0..8).map(|s: usize| f64::from(u8::from(s & 1 == 1 && s & 6 != 0))).collect();
        let runway: Vec<f64> = (0..8)
            .map(|s: usize| {
                [1.0, 2.0, 4.0]
                    .iter()
                    .enumerate()
                    .filter(|(i, _)| s >> i & 1 == 1)
                    .fold(0.0, |most, (_, cost)| f64::max(most, *cost))
            })
            .collect();
        for (game, known) in [(gloves, [2.0 / 3.0, 1.0 / 6.0, 1.0 / 6.0]), (runway, [1.0 / 3.0, 5.0 / 6.0, 17.0 / 6.0])] {
            values(&game).unwrap().iter().zip(known).for_each(|(ours, known)| close(*ours, known, 1e-12));
        }
        assert_eq!(values(&[0.0, 1.0, 2.0]), None);
        assert_eq!(values(&[0.0; 1 << 17]), None);
        assert_eq!(values(&[3.0]), Some(vec![]));
    }

    #[test]
    fn the_mean_over_all_orders_comes_out() {
        let mut rng = Rng::new(5);
        let worth: Vec<f64> = (0..32).map(|_| rng.uniform() - 0.3).collect();
        let mut sums = [0.0; 5];
        let mut orders = 0.0;
        let mut stack = vec![(0usize, Vec::new())];
        while let Some((set, order)) = stack.pop() {
            if order.len() == 5 {
                orders += 1.0;
                let mut set = 0usize;
                for player in order {
                    sums[player] += worth[set | (1usize << player)] - worth[set];
                    set |= 1usize << player;
                }
                continue;
            }
            for player in (0..5).filter(|player| set >> player & 1 == 0) {
                stack.push((set | (1 << player), [order.clone(), vec![player]].concat()));
            }
        }
        assert_eq!(orders, 120.0);
        values(&worth).unwrap().iter().zip(sums).for_each(|(ours, sum)| close(*ours, sum / orders, 1e-12));
    }

    fn path(touches: &[u32], conversions: f64, nulls: f64) -> Path {
        Path { touches: touches.to_vec(), conversions, value: 3.0 * conversions, nulls }
    }

    // Where every journey converts as often whatever it touches, rates cannot tell channels apart from each other; and where worth is the
    // count of conversions, the general value is the closed form.
    #[test]
    fn counts_as_worth_are_the_closed_form_and_rates_see_what_came_to_nothing() {
        let paths = [path(&[0, 1, 0], 7.0, 1.0), path(&[1], 2.0, 9.0), path(&[2, 1, 0], 4.0, 0.0), path(&[2], 0.0, 30.0)];
        let sets = Sets::of(&paths, 3).unwrap();
        let mut worth = vec![0.0; 8];
        for (set, counts) in &sets.counts {
            (0..8).filter(|coalition| set & !coalition == 0).for_each(|coalition| worth[coalition] += counts[0]);
        }
        let closed = credit(&paths, 3, Rule::Shapley);
        values(&worth).unwrap().iter().zip(closed).for_each(|(ours, closed)| close(*ours, closed.conversions, 1e-12));
        // By hand: {} 0, {0} 0, {1} 2/11, {2} 0, {01} 9/19, {02} 0, {12} 2/41, {012} 13/53.
        let [rates, values] = sets.rates(|counts| *counts);
        let v = [0.0, 0.0, 2.0 / 11.0, 9.0 / 19.0, 0.0, 0.0, 2.0 / 41.0, 13.0 / 53.0];
        let zero = (v[1] - v[0]) / 3.0 + (v[3] - v[2]) / 6.0 + (v[5] - v[4]) / 6.0 + (v[7] - v[6]) / 3.0;
        close(rates[0], zero, 1e-12);
        close(rates.iter().sum(), 13.0 / 53.0, 1e-12);
        close(values[0], 3.0 * zero, 1e-12);
        assert!(rates[2] < 0.0, "what only comes before failures takes away: {rates:?}");
        assert_eq!(Sets::of(&paths, 17), None);
    }
}
