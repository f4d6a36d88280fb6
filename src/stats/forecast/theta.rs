//! The Theta method: a series between its straight line and its own wiggles (Assimakopoulos and Nikolopoulos, 2000), in
//! the dynamic state-space form that finds the best theta and lets the line follow the data (Fiorucci, Pellegrini,
//! Louzada, Petropoulos and Koehler, 2016).

use super::season::{Join, is_seasonal, profile, with, without};
use super::{Filter, Rolled};
use crate::stats::minimise::minimise;

/// A fitted model.
#[derive(Clone, Debug, PartialEq)]
pub struct Theta {
    /// How strongly the wiggles count; 2 is the classical method, 1 is plain smoothing.
    pub theta: f64,
    /// How fast the level follows, 0–1.
    pub speed: f64,
    level: f64,
    period: usize,
    season: Option<(Vec<f64>, Join)>,
}

#[derive(Clone, Copy, Debug)]
struct State {
    level: f64,
    mean: f64,
    /// The line so far: value at 0, and slope.
    line: (f64, f64),
    /// Values seen.
    count: f64,
    /// `(1 − speed)^count`.
    decay: f64,
}

impl State {
    fn start(level: f64) -> State {
        State { level, mean: 0.0, line: (0.0, 0.0), count: 0.0, decay: 1.0 }
    }

    #[inline]
    fn expected(&self, theta: f64, speed: f64) -> f64 {
        // The level, and what the line adds to it in (1 − 1/θ) parts.
        let sum = (1.0 - self.decay * (1.0 - speed)) / speed;
        self.level + (1.0 - 1.0 / theta) * (self.decay * self.line.0 + sum * self.line.1)
    }

    #[inline]
    fn observe(&mut self, value: f64, speed: f64) {
        let t = self.count + 1.0;
        // The least-squares line through the values so far, updated by the new one.
        let slope = if t > 1.0 { ((t - 2.0) * self.line.1 + 6.0 / t * (value - self.mean)) / (t + 1.0) } else { 0.0 };
        self.mean += (value - self.mean) / t;
        self.line = (self.mean - (t + 1.0) / 2.0 * slope, slope);
        self.level += speed * (value - self.level);
        self.decay *= 1.0 - speed;
        self.count = t;
    }
}

/// The largest theta that is looked at; beyond it nothing changes any more.
const THETA_MAX: f64 = 1e3;
const EVALUATIONS: usize = 150;

impl Theta {
    /// Fits theta, speed and level; `None` for fewer than five values.
    pub fn fit(values: &[f64], period: usize) -> Option<Theta> {
        if values.len() < 5 {
            return None;
        }
        let shape = if is_seasonal(values, period) {
            profile(values, period, Join::Product)
                .map(|shape| (shape, Join::Product))
                .or_else(|| profile(values, period, Join::Sum).map(|shape| (shape, Join::Sum)))
        } else {
            None
        };
        let flat = shape.as_ref().map_or_else(|| values.to_vec(), |(shape, join)| without(values, shape, *join));
        // The level is searched in units of the size of the series.
        let unit = flat.iter().map(|x| x.abs()).sum::<f64>() / flat.len() as f64;
        if unit <= 0.0 {
            return None;
        }
        let model = |x: &[f64]| -> Option<(f64, f64, f64)> {
            let theta = x[2].exp();
            ((0.1..=0.99).contains(&x[1]) && (1.0..=THETA_MAX).contains(&theta)).then_some((x[0] * unit, x[1], theta))
        };
        let (start, steps) = ([flat[0] / unit / 2.0, 0.5, 2f64.ln()], [0.25, -0.2, 0.5]);
        let squares = |level: f64, speed: f64, theta: f64| {
            let mut state = State::start(level);
            let mut sum = 0.0;
            for (at, value) in flat.iter().enumerate() {
                // The first values only tell where the line begins.
                if at >= 2 {
                    sum += (value - state.expected(theta, speed)).powi(2);
                }
                state.observe(*value, speed);
            }
            sum
        };
        let found = minimise(&start, &steps, EVALUATIONS, 1e-8, |x| {
            model(x).map_or(f64::INFINITY, |(level, speed, theta)| squares(level, speed, theta) / (unit * unit))
        });
        let (level, speed, theta) = model(&found.at)?;
        Some(Theta { theta, speed, level, period, season: shape })
    }
}

impl Filter for Theta {
    fn name(&self) -> String {
        format!("Theta({:.1})", self.theta)
    }

    fn again(&self, values: &[f64]) -> Option<Box<dyn Filter>> {
        Theta::fit(values, self.period).map(|theta| Box::new(theta) as Box<dyn Filter>)
    }

    fn roll(&self, values: &[f64], first: usize, horizon: usize) -> Rolled {
        let (shape, join) = self.season.as_ref().map_or((&[][..], Join::Sum), |(shape, join)| (&shape[..], *join));
        let flat = if shape.is_empty() { values.to_vec() } else { without(values, shape, join) };
        let mut state = State::start(self.level);
        let mut paths = Vec::with_capacity((values.len() + 1).saturating_sub(first));
        for at in 0..=flat.len() {
            if at >= first {
                let mut ahead = state;
                let mut path = Vec::with_capacity(horizon);
                for h in 0..horizon {
                    let expected = ahead.expected(self.theta, self.speed);
                    path.push(with(expected, at + h, shape, join));
                    ahead.observe(expected, self.speed);
                }
                paths.push(path);
            }
            if let Some(value) = flat.get(at) {
                state.observe(*value, self.speed);
            }
        }
        paths
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::test_data::close;

    #[test]
    fn the_line_along_the_way_is_the_least_squares_line() {
        let values = [3.0, 7.0, 4.0, 9.0, 12.0, 8.0];
        let mut state = State::start(0.0);
        values.iter().for_each(|value| state.observe(*value, 0.5));
        // numpy.polyfit(range(1, 7), values, 1).
        close(state.line.1, 1.2857142857142858, 1e-12);
        close(state.line.0, 2.6666666666666665, 1e-12);
    }

    #[test]
    fn a_straight_line_goes_on_at_half_its_slope_or_more_and_a_season_comes_back() {
        let line: Vec<f64> = (0..40).map(|i| 20.0 + 3.0 * i as f64).collect();
        let path = Theta::fit(&line, 1).unwrap().roll(&line, 40, 4).remove(0);
        assert!(path.windows(2).all(|pair| pair[1] - pair[0] >= 1.4 && pair[1] - pair[0] <= 3.1), "{path:?}");
        let factors = [0.5, 1.5, 1.2, 0.8];
        let seasonal: Vec<f64> = (0..40).map(|i| 100.0 * factors[i % 4]).collect();
        let path = Theta::fit(&seasonal, 4).unwrap().roll(&seasonal, 40, 4).remove(0);
        for (found, factor) in path.iter().zip(factors) {
            close(*found, 100.0 * factor, 1e-3);
        }
    }

    #[test]
    fn short_or_empty_series_have_no_line() {
        assert_eq!(Theta::fit(&[1.0, 2.0, 3.0, 4.0], 1), None);
        assert_eq!(Theta::fit(&[0.0; 20], 1), None);
        let negative: Vec<f64> = (0..40).map(|i| f64::from(i % 4) - 2.0).collect();
        assert!(Theta::fit(&negative, 4).is_some());
    }
}
