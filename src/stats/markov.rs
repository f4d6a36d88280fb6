//! Credit by removal: how many conversions would be lost if a channel were not there.
//!
//! Journeys become an absorbing Markov chain from *start* over channels to *conversion* or *nothing* (Anderl, Becker,
//! von Wangenheim and Schumann, 2016). Removing a channel sends every step into it to *nothing*; the removal effect is
//! the share of the conversion probability that disappears, and credit is given in proportion. The effects are solved
//! for, not simulated, so they carry no sampling noise and do not depend on the order of the journeys: counts are whole
//! numbers, whose sums are exact.
//!
//! A chain of order k remembers the last k touches. Order 1 over `n` channels is an `n × n` system solved by
//! elimination; when the states are too many for that, Gauss–Seidel sweeps over the sparse rows reach the same answer.

use crate::base::Rng;
use crate::stats::attribution::{Path, channel_count};
use crate::stats::linear::{Matrix, solve};
use crate::stats::sampling::poisson;
use crate::stats::summary::quantile_sorted;

/// Above this many states elimination gives way to sweeps.
const DENSE_STATES_MAX: usize = 300;
/// Bits of one remembered channel in the key of a state.
const CHANNEL_BITS: u32 = 20;

/// What removing each channel would cost.
#[derive(Clone, Debug, PartialEq)]
pub struct Removal {
    /// The share (0–1) of the conversion probability lost without the channel, by channel index.
    pub effects: Vec<f64>,
    /// Conversions credited to each channel; they sum to the conversions of the paths with a touch.
    pub conversions: Vec<f64>,
    /// Value credited to each channel, in the same proportions.
    pub value: Vec<f64>,
    /// The probability (0–1) that a journey converts.
    pub conversion_probability: f64,
}

/// The journeys as a chain. Building it once serves the point estimate and every resample.
#[derive(Clone, Debug)]
pub struct Chain {
    channels: usize,
    /// The channel last touched in each state; state 0 is the start and has none.
    last: Vec<Option<u32>>,
    /// Distinct steps (from, to), sorted; never empty rows in between.
    steps: Vec<(u32, u32)>,
    /// For each path where its steps begin in `path_steps`; one longer than `paths`.
    bounds: Vec<usize>,
    path_steps: Vec<u32>,
    paths: Vec<Journey>,
}

#[derive(Clone, Copy, Debug)]
struct Journey {
    final_state: u32,
    conversions: f64,
    value: f64,
    nulls: f64,
}

impl Journey {
    fn of(path: &Path, final_state: u32) -> Journey {
        let weight = |x: f64| if x.is_finite() { x.max(0.0) } else { 0.0 };
        Journey {
            final_state,
            conversions: weight(path.conversions),
            value: if path.value.is_finite() { path.value } else { 0.0 },
            nulls: weight(path.nulls),
        }
    }
}

/// Weighted counts over a chain: how often each step and each ending was seen.
struct Counts {
    steps: Vec<f64>,
    conversions: Vec<f64>,
    nulls: Vec<f64>,
}

impl Chain {
    /// A chain that remembers `order` touches (1–3; other values are brought into that range). Paths without a touch
    /// are left out. Weights that are negative or not numbers count as zero.
    pub fn new(paths: &[Path], channels: usize, order: u8) -> Chain {
        let channels = channel_count(paths, channels);
        let order = usize::from(order.clamp(1, 3));
        if order == 1 && channels < DENSE_STATES_MAX {
            return Chain::of_single_touches(paths, channels);
        }
        let mut keys = Vec::new();
        let mut bounds = vec![0];
        let mut journeys = Vec::new();
        for path in paths {
            let mask = (1u64 << (CHANNEL_BITS * order as u32)) - 1;
            let mut key = 0;
            for touch in path.touches.iter().filter(|touch| (**touch as usize) < channels) {
                key = ((key << CHANNEL_BITS) | (u64::from(*touch) + 1)) & mask;
                keys.push(key);
            }
            if bounds.last() == Some(&keys.len()) {
                continue;
            }
            bounds.push(keys.len());
            journeys.push(Journey::of(path, 0));
        }
        let (states, last) = number_states(&keys, channels, order);
        for (journey, end) in journeys.iter_mut().zip(&bounds[1..]) {
            journey.final_state = states[end - 1];
        }
        let (steps, path_steps) = number_steps(&states, &bounds, last.len());
        Chain { channels, last, steps, bounds, path_steps, paths: journeys }
    }

    /// Order 1 over few channels, where a touch is its state: two passes over the touches and a table of all pairs.
    fn of_single_touches(paths: &[Path], channels: usize) -> Chain {
        let size = channels + 1;
        let mut number = vec![u32::MAX; size * size];
        let (mut touches, mut journeys) = (0, 0);
        for path in paths {
            let mut from = 0;
            for touch in &path.touches {
                let to = *touch as usize + 1;
                number[from * size + to] = 0;
                from = to;
            }
            touches += path.touches.len();
            journeys += usize::from(!path.touches.is_empty());
        }
        let mut steps = Vec::new();
        for (cell, number) in number.iter_mut().enumerate().filter(|(_, number)| **number == 0) {
            *number = steps.len() as u32;
            steps.push(((cell / size) as u32, (cell % size) as u32));
        }
        let mut chain = Chain {
            channels,
            last: std::iter::once(None).chain((0..channels as u32).map(Some)).collect(),
            steps,
            bounds: Vec::with_capacity(journeys + 1),
            path_steps: Vec::with_capacity(touches),
            paths: Vec::with_capacity(journeys),
        };
        chain.bounds.push(0);
        for path in paths.iter().filter(|path| !path.touches.is_empty()) {
            let mut from = 0;
            for touch in &path.touches {
                let to = *touch as usize + 1;
                chain.path_steps.push(number[from * size + to]);
                from = to;
            }
            chain.bounds.push(chain.path_steps.len());
            chain.paths.push(Journey::of(path, from as u32));
        }
        chain
    }

    /// Removal effects and credits with the counts as observed.
    pub fn removal(&self) -> Removal {
        let counts = self.count(|path| (path.conversions, path.nulls));
        let (effects, conversion_probability) = self.effects(&counts);
        let conversions = self.paths.iter().map(|path| path.conversions).sum();
        let mut values: Vec<f64> = self.paths.iter().map(|path| path.value).collect();
        // Sorted before summing, so that the order of the paths cannot reach the last digit.
        values.sort_unstable_by(f64::total_cmp);
        Removal {
            conversions: in_proportion(&effects, conversions),
            value: in_proportion(&effects, values.iter().sum()),
            effects,
            conversion_probability,
        }
    }

    /// The removal effects of `replicates` resamples: every count of every path is redrawn from a Poisson distribution
    /// around it, which is the bootstrap of journeys in the limit of many (Chamandy et al., 2012).
    pub fn resample(&self, replicates: usize, rng: &mut Rng) -> Resample {
        let draws = (0..replicates)
            .map(|_| {
                let counts = self.count(|path| (poisson(rng, path.conversions) as f64, poisson(rng, path.nulls) as f64));
                self.effects(&counts).0
            })
            .collect();
        Resample { channels: self.channels, draws }
    }

    /// The log-likelihood (natural) of other journeys under this chain, per journey, with half a count added to every step
    /// seen or possible; the order to choose is the one where it is highest on journeys not used to build the chain.
    pub fn held_out_log_likelihood(train: &[Path], test: &[Path], channels: usize, order: u8) -> f64 {
        let channels = channel_count(train, channel_count(test, channels));
        let mut both = train.to_vec();
        both.extend(test.iter().cloned());
        let chain = Chain::new(&both, channels, order);
        let known = train.iter().filter(|path| !path.touches.is_empty()).count();
        let mut index = 0;
        let counts = chain.count(|path| {
            index += 1;
            if index <= known { (path.conversions, path.nulls) } else { (0.0, 0.0) }
        });
        let mut totals: Vec<f64> = counts.conversions.iter().zip(&counts.nulls).map(|(c, n)| c + n).collect();
        for ((from, _), count) in chain.steps.iter().zip(&counts.steps) {
            totals[*from as usize] += count;
        }
        let choices = channels as f64 + 2.0;
        let log = |count: f64, from: u32| ((count + 0.5) / (totals[from as usize] + 0.5 * choices)).ln();
        let (mut sum, mut weight) = (0.0, 0.0);
        for (path, bounds) in chain.paths.iter().zip(chain.bounds.windows(2)).skip(known) {
            let steps = &chain.path_steps[bounds[0]..bounds[1]];
            let walk: f64 = steps.iter().map(|step| log(counts.steps[*step as usize], chain.steps[*step as usize].0)).sum();
            let end = path.final_state;
            sum += path.conversions * (walk + log(counts.conversions[end as usize], end));
            sum += path.nulls * (walk + log(counts.nulls[end as usize], end));
            weight += path.conversions + path.nulls;
        }
        sum / weight
    }

    fn count(&self, mut weights: impl FnMut(&Journey) -> (f64, f64)) -> Counts {
        let mut counts = Counts {
            steps: vec![0.0; self.steps.len()],
            conversions: vec![0.0; self.last.len()],
            nulls: vec![0.0; self.last.len()],
        };
        for (path, bounds) in self.paths.iter().zip(self.bounds.windows(2)) {
            let (conversions, nulls) = weights(path);
            let journeys = conversions + nulls;
            if journeys > 0.0 {
                for step in &self.path_steps[bounds[0]..bounds[1]] {
                    counts.steps[*step as usize] += journeys;
                }
                counts.conversions[path.final_state as usize] += conversions;
                counts.nulls[path.final_state as usize] += nulls;
            }
        }
        counts
    }

    /// The effects by channel and the conversion probability of the whole chain.
    fn effects(&self, counts: &Counts) -> (Vec<f64>, f64) {
        let size = self.last.len();
        let mut totals: Vec<f64> = counts.conversions.iter().zip(&counts.nulls).map(|(c, n)| c + n).collect();
        for ((from, _), count) in self.steps.iter().zip(&counts.steps) {
            totals[*from as usize] += count;
        }
        // A state nobody reached in this resample leads nowhere.
        let share = |count: f64, from: usize| if totals[from] > 0.0 { count / totals[from] } else { 0.0 };
        let steps: Vec<(usize, usize, f64)> = self
            .steps
            .iter()
            .zip(&counts.steps)
            .map(|((from, to), count)| (*from as usize, *to as usize, share(*count, *from as usize)))
            .collect();
        let convert: Vec<f64> = (0..size).map(|state| share(counts.conversions[state], state)).collect();
        let one_state_a_channel = self.last.iter().flatten().count() <= self.channels && size <= DENSE_STATES_MAX;
        let solved = if one_state_a_channel { self.effects_by_inverse(&steps, &convert) } else { None };
        solved.unwrap_or_else(|| self.effects_by_sweeps(&steps, &convert))
    }

    /// Order 1: with N = (I − Q)⁻¹, the chance to ever visit channel c is N[0,c] / N[c,c], and what is lost without c
    /// is that times the chance to convert from c. One elimination answers for all channels.
    fn effects_by_inverse(&self, steps: &[(usize, usize, f64)], convert: &[f64]) -> Option<(Vec<f64>, f64)> {
        let size = convert.len();
        let mut system = Matrix::identity(size);
        for (from, to, share) in steps {
            *system.at_mut(*from, *to) -= share;
        }
        let inverse = solve(&system, &Matrix::identity(size))?;
        let from_state = inverse.times(convert);
        let mut effects = vec![0.0; self.channels];
        for (state, channel) in self.last.iter().enumerate() {
            if let Some(channel) = channel {
                let visited = inverse.at(0, state) / inverse.at(state, state);
                effects[*channel as usize] = lost(visited * from_state[state], from_state[0]);
            }
        }
        Some((effects, from_state[0]))
    }

    /// Any order: solve the chain whole, then once for each channel with its states closed.
    fn effects_by_sweeps(&self, steps: &[(usize, usize, f64)], convert: &[f64]) -> (Vec<f64>, f64) {
        let whole = sweep(steps, convert, |_| false);
        let effects = (0..self.channels as u32).map(|channel| {
            let without = sweep(steps, convert, |state| self.last[state] == Some(channel));
            lost(whole - without, whole)
        });
        (effects.collect(), whole)
    }
}

fn lost(amount: f64, whole: f64) -> f64 {
    if whole > 0.0 { (amount / whole).clamp(0.0, 1.0) } else { 0.0 }
}

/// The chance to convert from the start when closed states lead nowhere: Gauss–Seidel from the end of the table to its
/// beginning until nothing moves by more than 1e-15. `steps` are sorted by origin.
fn sweep(steps: &[(usize, usize, f64)], convert: &[f64], closed: impl Fn(usize) -> bool) -> f64 {
    let mut chance: Vec<f64> = (0..convert.len()).map(|state| if closed(state) { 0.0 } else { convert[state] }).collect();
    for _ in 0..20_000 {
        let mut moved = 0.0f64;
        let mut end = steps.len();
        for state in (0..convert.len()).rev() {
            let start = steps[..end].partition_point(|step| step.0 < state);
            if !closed(state) {
                let (mut sum, mut stay) = (convert[state], 0.0);
                for (_, to, share) in &steps[start..end] {
                    if *to == state { stay += share } else { sum += share * chance[*to] }
                }
                let next = if stay < 1.0 { sum / (1.0 - stay) } else { 0.0 };
                moved = moved.max((next - chance[state]).abs());
                chance[state] = next;
            }
            end = start;
        }
        if moved <= 1e-15 {
            break;
        }
    }
    chance[0]
}

fn in_proportion(effects: &[f64], total: f64) -> Vec<f64> {
    let sum: f64 = effects.iter().sum();
    effects.iter().map(|effect| if sum > 0.0 { effect / sum * total } else { 0.0 }).collect()
}

/// Replaces keys by state numbers in the order of the keys, 0 being the start.
fn number_states(keys: &[u64], channels: usize, order: usize) -> (Vec<u32>, Vec<Option<u32>>) {
    if order == 1 {
        let last = std::iter::once(None).chain((0..channels as u32).map(Some)).collect();
        return (keys.iter().map(|key| *key as u32).collect(), last);
    }
    let mut known = keys.to_vec();
    known.sort_unstable();
    known.dedup();
    let states = keys.iter().map(|key| known.partition_point(|other| other < key) as u32 + 1).collect();
    let channel = |key: &u64| Some((key & ((1 << CHANNEL_BITS) - 1)) as u32 - 1);
    (states, std::iter::once(None).chain(known.iter().map(channel)).collect())
}

/// The distinct steps in sorted order, and for every touch the number of the step that led to it.
fn number_steps(states: &[u32], bounds: &[usize], size: usize) -> (Vec<(u32, u32)>, Vec<u32>) {
    let walk = || {
        bounds
            .windows(2)
            .flat_map(|pair| (pair[0]..pair[1]).map(move |i| (if i == pair[0] { 0 } else { states[i - 1] }, states[i])))
    };
    if size <= DENSE_STATES_MAX {
        // A table of all pairs beats sorting when the states are few.
        let mut number = vec![u32::MAX; size * size];
        walk().for_each(|(from, to)| number[from as usize * size + to as usize] = 0);
        let mut steps = Vec::new();
        for (cell, number) in number.iter_mut().enumerate().filter(|(_, number)| **number == 0) {
            *number = steps.len() as u32;
            steps.push(((cell / size) as u32, (cell % size) as u32));
        }
        let path_steps = walk().map(|(from, to)| number[from as usize * size + to as usize]).collect();
        return (steps, path_steps);
    }
    let mut steps: Vec<(u32, u32)> = walk().collect();
    steps.sort_unstable();
    steps.dedup();
    let path_steps = walk().map(|step| steps.partition_point(|other| *other < step) as u32).collect();
    (steps, path_steps)
}

/// Removal effects of many resamples, and what they let us say.
#[derive(Clone, Debug)]
pub struct Resample {
    channels: usize,
    /// One vector of effects a replicate.
    draws: Vec<Vec<f64>>,
}

/// An interval of a resampled number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    pub low: f64,
    pub high: f64,
}

impl Resample {
    /// The percentile interval of each channel's effect at `confidence` (such as 0.95).
    pub fn effects(&self, confidence: f64) -> Vec<Range> {
        (0..self.channels).map(|channel| range(self.draws.iter().map(|draw| draw[channel]), confidence)).collect()
    }

    /// The percentile interval of each channel's share (0–1) of all credit.
    pub fn shares(&self, confidence: f64) -> Vec<Range> {
        let totals: Vec<f64> = self.draws.iter().map(|draw| draw.iter().sum()).collect();
        let share = |channel: usize| {
            let draws = self.draws.iter().zip(&totals);
            range(draws.map(move |(draw, total)| if *total > 0.0 { draw[channel] / total } else { 0.0 }), confidence)
        };
        (0..self.channels).map(share).collect()
    }

    /// Whether two channels' effects differ by more than chance at this confidence: zero lies outside the interval of
    /// their difference, which accounts for the journeys they share.
    pub fn distinguishable(&self, one: usize, other: usize, confidence: f64) -> bool {
        if one >= self.channels || other >= self.channels {
            return false;
        }
        let difference = range(self.draws.iter().map(|draw| draw[one] - draw[other]), confidence);
        difference.low > 0.0 || difference.high < 0.0
    }

    /// Whether a channel's effect is more than nothing at this confidence. Effects cannot be negative, so the question is
    /// asked against `floor`, the smallest effect worth acting on (such as 0.005, half a percent of conversions).
    pub fn more_than(&self, channel: usize, floor: f64, confidence: f64) -> bool {
        channel < self.channels && range(self.draws.iter().map(|draw| draw[channel]), confidence).low > floor
    }
}

fn range(values: impl Iterator<Item = f64>, confidence: f64) -> Range {
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_by(f64::total_cmp);
    let tail = (1.0 - confidence.clamp(0.0, 1.0)) / 2.0;
    Range { low: quantile_sorted(&sorted, tail), high: quantile_sorted(&sorted, 1.0 - tail) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::attribution::tests::example;
    use crate::stats::test_data::close;

    fn path(touches: &[u32], conversions: f64, nulls: f64) -> Path {
        Path { touches: touches.to_vec(), conversions, value: conversions, nulls }
    }

    // By hand: two of three journeys convert and all of them pass 0.
    #[test]
    fn a_channel_every_conversion_passes_has_effect_one() {
        let paths = [path(&[0], 1.0, 1.0), path(&[0, 1], 1.0, 0.0)];
        let removal = Chain::new(&paths, 2, 1).removal();
        close(removal.conversion_probability, 2.0 / 3.0, 1e-15);
        close(removal.effects[0], 1.0, 1e-15);
        // Out of 0: a third converts, a third ends, a third goes to 1, which always converts.
        close(removal.effects[1], 0.5, 1e-15);
        close(removal.conversions[0], 4.0 / 3.0, 1e-15);
    }

    /// Exact values for the example file, by channel in alphabetical order (numpy.linalg.solve, once per channel).
    const EFFECTS: [(&str, f64); 12] = [
        ("alpha", 0.5583994895077),
        ("beta", 0.2640385357412),
        ("delta", 0.0004819957580),
        ("epsilon", 0.0626385822755),
        ("eta", 0.3490263318711),
        ("gamma", 0.0178799744190),
        ("iota", 0.4058350044719),
        ("kappa", 0.0286633866555),
        ("lambda", 0.1340221228097),
        ("mi", 0.0001799458199),
        ("theta", 0.2060104627728),
        ("zeta", 0.0398105178174),
    ];

    #[test]
    fn effects_of_the_example_are_exact_and_credits_sum_to_its_conversions() {
        let Some((names, paths)) = example() else { return };
        let removal = Chain::new(&paths, names.len(), 1).removal();
        for ((name, effect), (found_name, found)) in EFFECTS.iter().zip(names.iter().zip(&removal.effects)) {
            assert_eq!(name, found_name);
            close(*found, *effect, 2e-12);
        }
        close(removal.conversions.iter().sum(), 19_785.0, 1e-13);
        close(removal.conversions[0], 5344.947682085167, 1e-12);
        close(removal.conversion_probability, 0.22384513559686378, 1e-13);
    }

    #[test]
    fn the_order_of_the_paths_does_not_matter() {
        let Some((names, mut paths)) = example() else { return };
        let before = Chain::new(&paths, names.len(), 1).removal();
        Rng::new(5).shuffle(&mut paths);
        assert_eq!(Chain::new(&paths, names.len(), 1).removal(), before);
    }

    #[test]
    fn sweeps_and_elimination_agree() {
        let Some((names, paths)) = example() else { return };
        let chain = Chain::new(&paths, names.len(), 1);
        let counts = chain.count(|path| (path.conversions, path.nulls));
        let totals = |state: u32| -> f64 {
            let out = chain.steps.iter().zip(&counts.steps).filter(|(step, _)| step.0 == state).map(|(_, count)| count);
            out.sum::<f64>() + counts.conversions[state as usize] + counts.nulls[state as usize]
        };
        let totals: Vec<f64> = (0..chain.last.len() as u32).map(totals).collect();
        let steps: Vec<_> = chain
            .steps
            .iter()
            .zip(&counts.steps)
            .map(|((from, to), count)| (*from as usize, *to as usize, count / totals[*from as usize]))
            .collect();
        let convert: Vec<f64> =
            (0..totals.len()).map(|i| if totals[i] > 0.0 { counts.conversions[i] / totals[i] } else { 0.0 }).collect();
        let (swept, _) = chain.effects_by_sweeps(&steps, &convert);
        let (solved, _) = chain.effects_by_inverse(&steps, &convert).unwrap();
        swept.iter().zip(&solved).for_each(|(a, b)| close(*a, *b, 1e-12));
    }

    // In the data a journey converts only when 0 came before 1; order 1 cannot see it, order 2 can.
    #[test]
    fn a_longer_memory_sees_what_a_short_one_blurs() {
        let paths = [path(&[0, 1], 50.0, 0.0), path(&[2, 1], 0.0, 50.0)];
        let effect = |order, channel: usize| Chain::new(&paths, 3, order).removal().effects[channel];
        close(effect(1, 2), 0.5, 1e-12);
        close(effect(2, 2), 0.0, 1e-12);
        close(effect(2, 0), 1.0, 1e-12);
        let likelihood = |order| Chain::held_out_log_likelihood(&paths, &paths, 3, order);
        assert!(likelihood(2) > likelihood(1) + 0.3, "{} {}", likelihood(2), likelihood(1));
    }

    #[test]
    fn resampling_covers_the_estimate_and_says_what_cannot_be_told_apart() {
        let Some((names, paths)) = example() else { return };
        let chain = Chain::new(&paths, names.len(), 1);
        let removal = chain.removal();
        let resample = chain.resample(60, &mut Rng::new(1));
        let index = |name: &str| names.iter().position(|known| known == name).unwrap();
        for (channel, range) in resample.effects(0.95).iter().enumerate() {
            println!("{} {:?} {}", names[channel], range, removal.effects[channel]);
            assert!(range.low <= removal.effects[channel] && removal.effects[channel] <= range.high);
        }
        assert!(!resample.distinguishable(index("delta"), index("mi"), 0.95));
        assert!(resample.distinguishable(index("alpha"), index("iota"), 0.95));
        assert!(!resample.more_than(index("mi"), 0.001, 0.95) && !resample.more_than(index("delta"), 0.001, 0.95));
        assert!(resample.more_than(index("gamma"), 0.001, 0.95));
    }

    #[test]
    fn nothing_in_gives_nothing_out() {
        let removal = Chain::new(&[Path::default()], 2, 1).removal();
        assert_eq!(removal.effects, [0.0, 0.0]);
        assert_eq!(removal.conversion_probability, 0.0);
    }
}
