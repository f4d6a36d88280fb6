//! What each amount brought, learned from a past: a regression whose inputs last (`carry`) and saturate (`curve`), with all that is not known
//! about it.
//!
//! The outcome of a period is what would have come anyway (a level, a trend, seasons, other drivers) plus, for each input, a Hill curve of
//! what is still felt of it, plus chance: the model of Jin et al. (2017). Effects cannot be negative. A past of a
//! few years hardly tells the shape of a curve, so beliefs about shapes are declared here and what is left open stays open: the result is draws from the posterior, not one
//! curve.

use super::carry::Carry;
use super::curve::Curve;
use super::sampler::Sampler;
use crate::base::Rng;
use crate::stats::linear::dot;
use crate::stats::sampling::{gamma, normal};
use std::f64::consts::TAU;

/// How effects last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    #[default]
    Geometric,
    Weibull,
}

/// What was, period by period; all of one length.
#[derive(Clone, Debug, Default)]
pub struct Past {
    pub outcome: Vec<f64>,
    /// One an input; not negative.
    pub inputs: Vec<Vec<f64>>,
    /// What else drives the outcome.
    pub others: Vec<Vec<f64>>,
    /// Periods in a year, such as 52.18; below 2 for none.
    pub season: f64,
    pub form: Form,
}

/// How to learn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Options {
    pub chains: usize,
    /// Sweeps of each chain that are thrown away, and then those that are used.
    pub warm_up: usize,
    pub sweeps: usize,
    /// Draws kept of all chains together.
    pub draws: usize,
    pub seed: u64,
}

impl Default for Options {
    fn default() -> Options {
        Options { chains: 4, warm_up: 400, sweeps: 1_000, draws: 400, seed: 1 }
    }
}

/// One way the world may be.
#[derive(Clone, Debug, PartialEq)]
pub struct Draw {
    pub carries: Vec<Carry>,
    pub curves: Vec<Curve>,
    /// Of the columns of `Design`.
    pub(super) base: Vec<f64>,
    /// Chance in one period is Student's t of this scale and these degrees of freedom.
    pub noise: f64,
    pub freedom: f64,
}

/// What was learned.
#[derive(Clone, Debug)]
pub struct Fit {
    pub draws: Vec<Draw>,
    design: Design,
    /// What is still felt of the inputs at the end of the past.
    inputs: Vec<Vec<f64>>,
    /// The largest split R̂ (Gelman et al., 2013) of what the inputs brought: near 1 when the chains agree.
    pub disagreement: f64,
}

/// Pairs of waves for a season.
const WAVES: usize = 3;

/// The columns of what would have come anyway, each in its own units.
#[derive(Clone, Debug)]
pub(super) struct Design {
    periods: usize,
    season: f64,
    pub waves: usize,
    /// Mean and spread of each other driver.
    others: Vec<(f64, f64)>,
}

impl Design {
    pub fn of(past: &Past) -> Design {
        let periods = past.outcome.len();
        // A season is learned when most of one and a half was seen.
        let waves = if past.season >= 2.0 && periods as f64 >= 1.25 * past.season {
            WAVES.min((past.season / 2.0 - 0.5).floor().max(0.0) as usize)
        } else {
            0
        };
        let others = past.others.iter().map(|column| centre(column)).collect();
        Design { periods, season: past.season, waves, others }
    }

    pub fn columns(&self) -> usize {
        2 + 2 * self.waves + self.others.len()
    }

    /// The row of a period, counted from the begin of the past, with what the other drivers were.
    pub fn row(&self, period: usize, others: impl Iterator<Item = f64>) -> Vec<f64> {
        let mut row = Vec::with_capacity(self.columns());
        row.push(1.0);
        row.push(2.0 * period as f64 / self.periods as f64 - 1.0);
        for wave in 1..=self.waves {
            let angle = TAU * wave as f64 * period as f64 / self.season;
            row.push(angle.sin());
            row.push(angle.cos());
        }
        row.extend(others.zip(&self.others).map(|(value, (mean, spread))| (value - mean) / spread));
        row
    }
}

/// Mean and standard deviation; 1 where nothing varies.
pub(super) fn centre(column: &[f64]) -> (f64, f64) {
    let n = column.len() as f64;
    let mean = column.iter().sum::<f64>() / n;
    let spread = (column.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n).sqrt();
    (mean, if spread > 0.0 { spread } else { 1.0 })
}

/// Learns. `None` when there are fewer than three periods, shapes do not fit or a number is not finite.
pub fn fit(past: &Past, options: &Options) -> Option<Fit> {
    let n = past.outcome.len();
    let columns = past.inputs.iter().chain(&past.others);
    let finite = past.outcome.iter().chain(columns.clone().flatten()).all(|x| x.is_finite());
    if n < 3 || !finite || columns.clone().any(|column| column.len() != n) || options.chains == 0 {
        return None;
    }
    let sampler = Sampler::new(past);
    let kept_each = options.draws.div_ceil(options.chains).max(1);
    let every = (options.sweeps / kept_each).max(1);
    let mut draws = Vec::new();
    let mut brought: Vec<Vec<Vec<f64>>> = Vec::new();
    for chain in 0..options.chains {
        let mut rng = Rng::new(options.seed.wrapping_mul(0x9e37_79b9).wrapping_add(chain as u64));
        let mut state = sampler.start(&mut rng);
        let mut means = vec![Vec::new(); past.inputs.len()];
        for sweep in 0..options.warm_up + options.sweeps {
            sampler.sweep(&mut state, &mut rng, sweep < options.warm_up)?;
            if let Some(used) = sweep.checked_sub(options.warm_up) {
                for (input, means) in means.iter_mut().enumerate() {
                    means.push(state.tops[input] * state.z[input].iter().sum::<f64>());
                }
                if used % every == every - 1 && draws.len() < kept_each * (chain + 1) {
                    draws.push(sampler.draw(&state));
                }
            }
        }
        brought.push(means);
    }
    let disagreement =
        (0..past.inputs.len()).map(|input| split_r_hat(brought.iter().map(|chain| chain[input].as_slice()))).fold(1.0, f64::max);
    Some(Fit { draws, design: Design::of(past), inputs: past.inputs.clone(), disagreement })
}

impl Draw {
    /// Chance of one period: Student's t.
    pub fn luck(&self, rng: &mut Rng) -> f64 {
        let weight = gamma(rng, 0.5 * self.freedom) / (0.5 * self.freedom);
        self.noise * normal(rng) / weight.max(1e-9).sqrt()
    }
}

impl Fit {
    /// What would have come anyway in the periods after the past, in one draw; `others` are the other drivers in them.
    pub fn base(&self, draw: &Draw, ahead: usize, others: &[Vec<f64>]) -> Vec<f64> {
        let row = |at: usize| self.design.row(self.design.periods + at, others.iter().map(|column| column[at]));
        (0..ahead).map(|at| dot(&row(at), &draw.base)).collect()
    }

    /// What comes in the periods after the past without chance, in every draw: a row a draw.
    pub fn ahead(&self, inputs: &[Vec<f64>], others: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let ahead = inputs.first().or(others.first()).map_or(0, Vec::len);
        let mut felt = Vec::new();
        self.draws
            .iter()
            .map(|draw| {
                let mut sum = self.base(draw, ahead, others);
                for (input, next) in inputs.iter().enumerate() {
                    let whole: Vec<f64> = self.inputs[input].iter().chain(next).copied().collect();
                    draw.carries[input].felt(&whole, &mut felt);
                    let new = &felt[self.design.periods..];
                    sum.iter_mut().zip(new).for_each(|(sum, x)| *sum += draw.curves[input].at(*x));
                }
                sum
            })
            .collect()
    }
}

/// Split R̂: how much further the halves of chains lie apart than each is wide.
fn split_r_hat<'a>(chains: impl Iterator<Item = &'a [f64]>) -> f64 {
    let halves: Vec<&[f64]> = chains.flat_map(|chain| [&chain[..chain.len() / 2], &chain[chain.len() / 2..]]).collect();
    let n = halves.iter().map(|half| half.len()).min().unwrap_or(0) as f64;
    if n < 2.0 {
        return f64::INFINITY;
    }
    let stats: Vec<(f64, f64)> = halves.iter().map(|half| centre_plain(half)).collect();
    let means: Vec<f64> = stats.iter().map(|(mean, _)| *mean).collect();
    let within = stats.iter().map(|(_, variance)| variance).sum::<f64>() / stats.len() as f64;
    let (_, between) = centre_plain(&means);
    if within <= 0.0 {
        return 1.0;
    }
    ((n - 1.0) / n + between / within).sqrt()
}

fn centre_plain(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    (mean, values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::summary::quantile;

    /// Two years of weeks with two inputs, of which the first brings up to 300 a week and the second nothing.
    fn world(seed: u64, weeks: usize) -> Past {
        let mut rng = Rng::new(seed);
        let inputs: Vec<Vec<f64>> =
            (0..2).map(|_| (0..weeks).map(|_| if rng.uniform() < 0.3 { 0.0 } else { 100.0 * rng.uniform() }).collect()).collect();
        let mut felt = Vec::new();
        Carry::Geometric { keep: 0.5 }.felt(&inputs[0], &mut felt);
        let curve = Curve { top: 400.0, half: 40.0, steep: 1.3 };
        let outcome = (0..weeks)
            .map(|week| {
                let season = 80.0 * (TAU * week as f64 / 52.18).sin();
                1_000.0 + season + curve.at(felt[week]) + 20.0 * normal(&mut rng)
            })
            .collect();
        Past { outcome, inputs, others: Vec::new(), season: 52.18, form: Form::Geometric }
    }

    const QUICK: Options = Options { chains: 2, warm_up: 150, sweeps: 250, draws: 200, seed: 1 };

    fn brings(fit: &Fit, input: usize, amount: f64, p: f64) -> f64 {
        quantile(&fit.draws.iter().map(|draw| draw.curves[input].at(amount)).collect::<Vec<_>>(), p)
    }

    #[test]
    fn what_an_input_brings_is_found_again_and_what_brings_nothing_is_held_near_nothing() {
        let fit = fit(&world(5, 104), &QUICK).unwrap();
        let truth = Curve { top: 400.0, half: 40.0, steep: 1.3 };
        for amount in [25.0, 50.0, 75.0] {
            let (low, high) = (brings(&fit, 0, amount, 0.02), brings(&fit, 0, amount, 0.98));
            assert!((low..=high).contains(&truth.at(amount)), "{low} to {high} at {amount}, {}", truth.at(amount));
            assert!(high - low < 200.0, "{low} to {high}");
        }
        assert!(brings(&fit, 1, 50.0, 0.5) < 20.0, "{}", brings(&fit, 1, 50.0, 0.5));
        assert!(fit.disagreement < 1.2, "{}", fit.disagreement);
    }

    #[test]
    fn the_same_past_gives_the_same_draws_and_one_mad_week_changes_little() {
        let past = world(6, 80);
        let once = fit(&past, &QUICK).unwrap();
        assert_eq!(once.draws, fit(&past, &QUICK).unwrap().draws);
        let mut mad = past.clone();
        mad.outcome[40] *= 4.0;
        let robust = fit(&mad, &QUICK).unwrap();
        let (before, after) = (brings(&once, 0, 50.0, 0.5), brings(&robust, 0, 50.0, 0.5));
        assert!((before - after).abs() < 60.0, "{before} {after}");
        assert!(robust.draws.iter().map(|draw| draw.freedom).sum::<f64>() < 8.0 * robust.draws.len() as f64);
    }

    #[test]
    fn effects_that_rise_late_are_found_and_nothing_to_learn_from_is_refused() {
        let late = fit(
            &Past { form: Form::Weibull, ..world(7, 60) },
            &Options { chains: 1, warm_up: 60, sweeps: 60, draws: 30, seed: 1 },
        );
        assert!(late.unwrap().draws.iter().all(|draw| matches!(draw.carries[0], Carry::Weibull { .. })));
        let past = world(8, 20);
        assert!(fit(&Past { outcome: vec![1.0; 2], inputs: vec![], others: vec![], ..past.clone() }, &QUICK).is_none());
        assert!(fit(&Past { outcome: past.outcome[1..].to_vec(), ..past.clone() }, &QUICK).is_none());
        let mut broken = past.clone();
        broken.inputs[0][3] = f64::NAN;
        assert!(fit(&broken, &QUICK).is_none());
        // Constants, zeros and a driver that never changes are no reason to stop.
        let flat = Past { outcome: vec![0.0; 20], inputs: vec![vec![0.0; 20]], others: vec![vec![3.0; 20]], ..past };
        let fit = fit(&flat, &Options { sweeps: 20, warm_up: 10, draws: 10, chains: 1, seed: 1 }).unwrap();
        assert!(fit.ahead(&[vec![1.0; 3]], &[vec![3.0; 3]]).iter().flatten().all(|x| x.is_finite()));
    }
}
