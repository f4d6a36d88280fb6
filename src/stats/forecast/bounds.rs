//! Intervals around forecasts, from how far the same method missed before at the same distance (split conformal
//! prediction over rolling origins; Lei, G'Sell, Rinaldo, Tibshirani and Wasserman, 2018).
//!
//! Formulas for the spread of a model trust the model, and are too narrow on real series. Here the misses of all
//! distances are brought to one size first: divided by a power of the level (errors of one size, in proportion, or
//! between) that fits them best, and by a spread that grows with the distance by a power law. The quantiles of what is
//! left are the reach of the interval. Misses on data that the speeds were fitted to are too small; they are enlarged as
//! Akaike's final prediction error says (1969).

use crate::stats::summary::quantile_sorted;

/// How far forecasts miss, by distance.
#[derive(Clone, Debug, PartialEq)]
pub struct Misses {
    /// Errors are in proportion to this power of the forecast: 0, 0.5 or 1.
    power: f64,
    /// Logarithm of the spread one step ahead, and the power of the distance by which it grows.
    spread: (f64, f64),
    /// Sizes of all errors in units of their spread, sorted. Never empty.
    sizes: Vec<f64>,
    /// By which errors on new data are larger.
    larger: f64,
    /// Nothing was below zero, and nothing is expected to be.
    positive: bool,
}

/// What is forecast: one value at a distance, or the sum of all values up to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    Value,
    Sum,
}

impl What {
    /// The power of the distance by which spreads usually grow.
    fn growth(self) -> f64 {
        match self {
            What::Value => 0.3,
            What::Sum => 0.85,
        }
    }
}

/// How many errors' worth of trust the usual growth has.
const TRUST: f64 = 200.0;

impl Misses {
    /// From pairs of forecast and actual value at each distance, `pairs[h - 1]` at `h` steps; `parameters` were fitted to
    /// `count` values. `None` without a single error that is not zero.
    pub fn of(pairs: &[Vec<(f64, f64)>], what: What, count: usize, parameters: usize, positive: bool) -> Option<Misses> {
        let power = if positive { best_power(pairs, what) } else { 0.0 };
        let errors: Vec<Vec<f64>> = pairs
            .iter()
            .map(|at| at.iter().map(|(forecast, actual)| (actual - forecast).abs() / unit(*forecast, power)).collect())
            .collect();
        let spread = growth(&errors, what)?;
        let mut sizes: Vec<f64> = errors
            .iter()
            .enumerate()
            .flat_map(|(h, errors)| errors.iter().map(move |error| error / width(spread, h + 1)))
            .collect();
        sizes.sort_by(f64::total_cmp);
        let (n, k) = (count as f64, (parameters as f64).min(count as f64 / 3.0));
        Some(Misses { power, spread, sizes, larger: ((n + k) / (n - k)).sqrt(), positive })
    }

    /// How far from `expected`, `distance` steps ahead, the value lies with a chance of `level`.
    pub fn around(&self, expected: f64, distance: usize, level: f64) -> (f64, f64) {
        let quantile = quantile_sorted(&self.sizes, level);
        let reach = quantile * self.larger * width(self.spread, distance) * unit(expected, self.power);
        let low = expected - reach;
        (if self.positive { low.max(0.0) } else { low }, expected + reach)
    }

    /// The variance one step ahead at this level, for weighing series against each other.
    pub fn variance(&self, expected: f64) -> f64 {
        (self.larger * width(self.spread, 1) * unit(expected, self.power)).powi(2)
    }
}

fn unit(forecast: f64, power: f64) -> f64 {
    if power == 0.0 { 1.0 } else { forecast.abs().max(1e-9).powf(power) }
}

fn width((start, growth): (f64, f64), distance: usize) -> f64 {
    (start + growth * (distance as f64).ln()).exp()
}

/// Laplace errors whose size is a power of the forecast: the power with the largest likelihood.
fn best_power(pairs: &[Vec<(f64, f64)>], what: What) -> f64 {
    let cost = |power: f64| {
        let (mut size, mut logs, mut count) = (0.0, 0.0, 0.0);
        for (h, at) in pairs.iter().enumerate() {
            let usual = ((h + 1) as f64).powf(what.growth());
            for (forecast, actual) in at {
                let unit = unit(*forecast, power);
                size += (actual - forecast).abs() / unit / usual;
                logs += unit.ln();
                count += 1.0;
            }
        }
        (size / count).ln() + logs / count
    };
    let costs = [0.0, 0.5, 1.0].map(|power| (power, cost(power)));
    costs.into_iter().min_by(|a, b| a.1.total_cmp(&b.1)).map_or(0.0, |(power, _)| power)
}

/// The straight line of log spread over log distance, weighted by how many errors there are, leaning to the usual slope.
fn growth(errors: &[Vec<f64>], what: What) -> Option<(f64, f64)> {
    let points: Vec<(f64, f64, f64)> = errors
        .iter()
        .enumerate()
        .filter(|(_, errors)| errors.iter().any(|error| *error > 0.0))
        .map(|(h, errors)| {
            let square = errors.iter().map(|error| error * error).sum::<f64>() / errors.len() as f64;
            (((h + 1) as f64).ln(), 0.5 * square.ln(), errors.len() as f64)
        })
        .collect();
    let total: f64 = points.iter().map(|(.., weight)| weight).sum();
    if total <= 0.0 {
        return None;
    }
    let mean = |of: &dyn Fn(&(f64, f64, f64)) -> f64| points.iter().map(|point| of(point) * point.2).sum::<f64>() / total;
    let (x, y) = (mean(&|p| p.0), mean(&|p| p.1));
    let squares: f64 = points.iter().map(|p| p.2 * (p.0 - x).powi(2)).sum();
    let products: f64 = points.iter().map(|p| p.2 * (p.0 - x) * (p.1 - y)).sum();
    let slope = ((products + TRUST * what.growth()) / (squares + TRUST)).clamp(0.0, 1.5);
    Some((y - slope * x, slope))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Rng;
    use crate::stats::sampling::normal;

    /// Forecasts of a random walk by its last value: the spread at h steps is √h.
    fn walk(seed: u64, scale: impl Fn(f64) -> f64) -> Vec<Vec<(f64, f64)>> {
        let mut rng = Rng::new(seed);
        let mut pairs = vec![Vec::new(); 8];
        for _ in 0..400 {
            let start = 50.0 + 100.0 * rng.uniform();
            let mut value = start;
            for at in &mut pairs {
                value += scale(start) * normal(&mut rng);
                at.push((start, value));
            }
        }
        pairs
    }

    #[test]
    fn intervals_cover_what_they_say_at_every_distance() {
        for (seed, scale) in [(1, (|_| 2.0) as fn(f64) -> f64), (2, |level| 0.04 * level)] {
            let misses = Misses::of(&walk(seed, scale), What::Value, 400, 3, true).unwrap();
            for (h, at) in walk(seed + 10, scale).iter().enumerate() {
                for level in [0.8, 0.95] {
                    let inside = |(forecast, actual): &&(f64, f64)| {
                        let (low, high) = misses.around(*forecast, h + 1, level);
                        low <= *actual && *actual <= high
                    };
                    let share = at.iter().filter(inside).count() as f64 / at.len() as f64;
                    assert!((share - level).abs() < 0.06, "{seed} {h} {level}: {share}");
                }
            }
        }
    }

    #[test]
    fn the_power_of_the_level_is_recognised() {
        assert_eq!(Misses::of(&walk(3, |_| 2.0), What::Value, 400, 3, true).unwrap().power, 0.0);
        assert_eq!(Misses::of(&walk(4, |level| 0.04 * level), What::Value, 400, 3, true).unwrap().power, 1.0);
    }

    #[test]
    fn without_misses_there_is_no_interval_and_counts_stay_above_zero() {
        assert_eq!(Misses::of(&[vec![(1.0, 1.0)], vec![]], What::Value, 20, 3, true), None);
        assert_eq!(Misses::of(&[], What::Value, 20, 3, true), None);
        let misses = Misses::of(&[vec![(1.0, 9.0), (2.0, 0.0)]], What::Value, 20, 30, true).unwrap();
        assert_eq!(misses.around(1.0, 1, 0.95).0, 0.0);
    }
}
