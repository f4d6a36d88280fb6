//! How `fit` learns: a collapsed Gibbs sampler (Liu, 1994).
//!
//! The coefficients of what would have come anyway are integrated out, each input's shape is proposed by Metropolis and Hastings with its
//! own height integrated out under a half-normal belief, and then heights, coefficients and chance are drawn given the rest. How wide the
//! beliefs about heights and coefficients are is learned with them (Gelman, 2006), so that inputs which show nothing are held near nothing.
//! Chance is Student's t by weights (Geweke, 1993). Everything is seeded; the same past gives the same draws.

use super::carry::Carry;
use super::curve::Curve;
use super::fit::{Design, Draw, Form, Past, centre};
use crate::base::Rng;
use crate::stats::linear::{Matrix, cholesky, dot};
use crate::stats::sampling::{gamma, normal, open_uniform, weighted_index};
use crate::stats::special::{ln_gamma, normal_cdf, normal_quantile};
use std::f64::consts::TAU;

/// The belief about the level, as a standard deviation in units of the mean outcome.
const LEVEL_SPREAD: f64 = 2.0;
/// The belief about the variance of heights, and of coefficients of one sort: inverse gamma with this shape, around the square of this spread.
const HEIGHT: (f64, f64) = (1.0, 0.1);
const BASE: (f64, f64) = (0.5, 0.05);
/// Spreads that chains start from.
const START_SPREAD: f64 = 0.3;
/// Chance is Student's t with one of these degrees of freedom, each as likely to begin with: periods that were like no other must not decide.
const FREEDOMS: [f64; 6] = [2.0, 3.0, 5.0, 8.0, 15.0, 40.0];

/// The shape of an input's effect in free coordinates, each with a standard normal belief.
type Shape = [f64; 3];

/// What a shape means, for amounts in units of the input's usual one.
fn meaning(form: Form, shape: &Shape) -> (Carry, f64, f64) {
    // Half of the belief is below a share of .3 kept, or below a scale of 1.6 periods; a shape of 1.5 rises a little before it falls.
    let carry = match form {
        Form::Geometric => Carry::Geometric { keep: 1.0 / (1.0 + (0.85 - shape[0]).exp()) },
        Form::Weibull => Carry::Weibull { shape: 1.5, scale: (0.5 + 0.7 * shape[0]).exp() },
    };
    // Half of the top is around the usual amount, a third or three times of it in nine of ten; steepness mostly from .6 to 2.2.
    (carry, (0.7 * shape[1]).exp(), (0.15 + 0.4 * shape[2]).exp())
}

/// The past in the sampler's units, with what does not change.
pub(super) struct Sampler<'p> {
    past: &'p Past,
    /// Mean outcome; the usual amount of each input.
    unit: f64,
    usual: Vec<f64>,
    y: Vec<f64>,
    /// The design, a row a period, and the belief about its coefficients as precisions.
    w: Vec<Vec<f64>>,
    beliefs: Vec<f64>,
    waves: usize,
}

/// One chain's state.
pub(super) struct State {
    shapes: Vec<Shape>,
    pub tops: Vec<f64>,
    pub z: Vec<Vec<f64>>,
    /// Outcome without the inputs.
    left: Vec<f64>,
    base: Vec<f64>,
    /// The belief about coefficients as precisions, and about heights; learned with them.
    beliefs: Vec<f64>,
    height: f64,
    /// Chance in one period has this variance, divided by the period's weight.
    variance: f64,
    weights: Vec<f64>,
    freedom: f64,
    steps: Vec<f64>,
}

/// What takes the coefficients out, for the weights of one sweep.
struct Base {
    /// L⁻¹W′Ω, a row a column of W, for W′ΩW + σ²Λ = LL′.
    whitened: Vec<Vec<f64>>,
    factor: Matrix,
}

impl<'p> Sampler<'p> {
    pub fn new(past: &'p Past) -> Sampler<'p> {
        let n = past.outcome.len();
        let (mean, spread) = centre(&past.outcome);
        let unit = if mean.abs() > 1e-3 * spread { mean.abs() } else { spread };
        let usual = past
            .inputs
            .iter()
            .map(|input| {
                let some: Vec<f64> = input.iter().copied().filter(|x| *x > 0.0).collect();
                if some.is_empty() { 1.0 } else { some.iter().sum::<f64>() / some.len() as f64 }
            })
            .collect();
        let y: Vec<f64> = past.outcome.iter().map(|y| y / unit).collect();
        let design = Design::of(past);
        let w: Vec<Vec<f64>> = (0..n).map(|at| design.row(at, past.others.iter().map(|column| column[at]))).collect();
        let spread = |column: usize| if column == 0 { LEVEL_SPREAD } else { START_SPREAD };
        let beliefs = (0..design.columns()).map(|column| f64::powi(spread(column), -2)).collect();
        Sampler { past, unit, usual, y, w, beliefs, waves: design.waves }
    }

    fn column(&self, input: usize, shape: &Shape, into: &mut Vec<f64>) {
        let (carry, half, steep) = meaning(self.past.form, shape);
        carry.felt(&self.past.inputs[input], into);
        let curve = Curve { top: 1.0, half: half * self.usual[input], steep };
        into.iter_mut().for_each(|x| *x = curve.share(*x));
    }

    pub fn start(&self, rng: &mut Rng) -> State {
        let inputs = self.past.inputs.len();
        let shapes: Vec<Shape> = (0..inputs).map(|_| std::array::from_fn(|_| 0.7 * normal(rng))).collect();
        let mut z = vec![Vec::new(); inputs];
        (0..inputs).for_each(|input| self.column(input, &shapes[input], &mut z[input]));
        let (_, spread) = centre(&self.y);
        State {
            shapes,
            tops: vec![0.0; inputs],
            z,
            left: self.y.clone(),
            base: vec![0.0; self.beliefs.len()],
            beliefs: self.beliefs.clone(),
            height: START_SPREAD.powi(2),
            variance: (0.1 * spread * spread).max(1e-10),
            weights: vec![1.0; self.y.len()],
            freedom: FREEDOMS[FREEDOMS.len() - 1],
            steps: vec![0.6; inputs],
        }
    }

    fn base(&self, state: &State) -> Option<Base> {
        let (n, p) = (self.y.len(), self.beliefs.len());
        let mut system = Matrix::zeros(p, p);
        for (row, weight) in self.w.iter().zip(&state.weights) {
            for j in 0..p {
                let share = weight * row[j];
                for (k, value) in row.iter().enumerate().take(j + 1) {
                    *system.at_mut(j, k) += share * value;
                }
            }
        }
        for j in 0..p {
            for k in 0..j {
                *system.at_mut(k, j) = system.at(j, k);
            }
            *system.at_mut(j, j) += state.variance * state.beliefs[j];
        }
        let factor = cholesky(&system)?;
        let mut whitened: Vec<Vec<f64>> = Vec::with_capacity(p);
        for j in 0..p {
            let mut row: Vec<f64> = (0..n).map(|i| self.w[i][j] * state.weights[i]).collect();
            for (k, before) in whitened.iter().enumerate() {
                let share = factor.at(j, k);
                row.iter_mut().zip(before).for_each(|(x, b)| *x -= share * b);
            }
            row.iter_mut().for_each(|x| *x /= factor.at(j, j));
            whitened.push(row);
        }
        Some(Base { whitened, factor })
    }

    pub fn sweep(&self, state: &mut State, rng: &mut Rng, adapt: bool) -> Option<()> {
        let base = self.base(state)?;
        let mut column = Vec::new();
        // What is left of the outcome after the best coefficients, weighted.
        let mut m_left = Vec::new();
        for input in 0..state.tops.len() {
            // The outcome without the other inputs.
            let top = state.tops[input];
            state.left.iter_mut().zip(&state.z[input]).for_each(|(left, z)| *left += top * z);
            base.without(&state.left, &state.weights, &mut m_left);
            let weigh = |z: &[f64]| {
                let taken: f64 = base.whitened.iter().map(|row| dot(row, z).powi(2)).sum();
                let whole: f64 = z.iter().zip(&state.weights).map(|(z, weight)| weight * z * z).sum();
                let a = (whole - taken).max(0.0) / state.variance + 1.0 / state.height;
                let b = dot(z, &m_left) / state.variance;
                // ∫₀^∞ exp(bβ − aβ²/2) dβ, without what does not depend on z.
                (a, b, 0.5 * b * b / a - 0.5 * a.ln() + ln_normal_cdf(b / a.sqrt()))
            };
            let mut now = weigh(&state.z[input]);
            // A small step of all three, and one of them anew: the first settles, the second finds other places.
            for anew in [false, true] {
                let old = state.shapes[input];
                let mut next = old;
                let mut belief = 0.0;
                if anew {
                    next[rng.below(3) as usize] = normal(rng);
                } else {
                    next.iter_mut().for_each(|x| *x += state.steps[input] * normal(rng));
                    belief = 0.5 * (dot(&old, &old) - dot(&next, &next));
                }
                self.column(input, &next, &mut column);
                let then = weigh(&column);
                let accepted = open_uniform(rng).ln() < then.2 - now.2 + belief;
                if accepted {
                    state.shapes[input] = next;
                    std::mem::swap(&mut state.z[input], &mut column);
                    now = then;
                }
                if adapt && !anew {
                    // Towards three steps of ten, which suits three coordinates (Roberts and Rosenthal, 2001).
                    let factor: f64 = if accepted { 1.07 } else { 0.97 };
                    state.steps[input] = (state.steps[input] * factor).clamp(0.05, 2.5);
                }
            }
            let (a, b, _) = now;
            let top = positive_normal(rng, b / a, 1.0 / a.sqrt());
            state.tops[input] = top;
            state.left.iter_mut().zip(&state.z[input]).for_each(|(left, z)| *left -= top * z);
        }
        // How large effects are is learned from all of them: where few show, all are held smaller.
        let squares: f64 = state.tops.iter().map(|top| top * top).sum();
        state.height = inverse_gamma(rng, HEIGHT.0 + 0.5 * state.tops.len() as f64, HEIGHT.0 * HEIGHT.1.powi(2) + 0.5 * squares);
        self.chance(state, &base, rng);
        Some(())
    }

    /// Draws the coefficients, then what chance is like.
    fn chance(&self, state: &mut State, base: &Base, rng: &mut Rng) {
        let p = self.beliefs.len();
        // L′x = L⁻¹W′Ωr + σε has the mean and the spread of the coefficients.
        let deviation = state.variance.sqrt();
        let mut x: Vec<f64> = base.whitened.iter().map(|row| dot(row, &state.left) + deviation * normal(rng)).collect();
        for j in (0..p).rev() {
            let after: f64 = (j + 1..p).map(|k| base.factor.at(k, j) * x[k]).sum();
            x[j] = (x[j] - after) / base.factor.at(j, j);
        }
        let rest: Vec<f64> = self.w.iter().zip(&state.left).map(|(row, left)| left - dot(row, &x)).collect();
        // The same for seasons and for other drivers, each among themselves.
        let waves = 2 + 2 * self.waves;
        for (from, to) in [(1, 2), (2, waves), (waves, p)] {
            if from < to {
                let squares = dot(&x[from..to], &x[from..to]);
                let variance = inverse_gamma(rng, BASE.0 + 0.5 * (to - from) as f64, BASE.0 * BASE.1.powi(2) + 0.5 * squares);
                state.beliefs[from..to].fill(1.0 / variance);
            }
        }
        state.base = x;
        let n = rest.len() as f64;
        let sum: f64 = rest.iter().zip(&state.weights).map(|(rest, weight)| weight * rest * rest).sum();
        state.variance = (0.5 * (sum + 1e-6) / gamma(rng, 0.5 * n + 1.0).max(1e-12)).max(1e-12);
        // Degrees of freedom by their likelihood without the weights, then the weights (Geweke, 1993).
        let squares: Vec<f64> = rest.iter().map(|rest| rest * rest / state.variance).collect();
        let likelihood = |freedom: f64| {
            let whole = ln_gamma(0.5 * (freedom + 1.0)) - ln_gamma(0.5 * freedom) - 0.5 * freedom.ln();
            let each: f64 = squares.iter().map(|square| (square / freedom).ln_1p()).sum();
            n * whole - 0.5 * (freedom + 1.0) * each
        };
        let all: Vec<f64> = FREEDOMS.iter().map(|freedom| likelihood(*freedom)).collect();
        let most = all.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let shares: Vec<f64> = all.iter().map(|one| (one - most).exp()).collect();
        state.freedom = weighted_index(rng, &shares).map_or(state.freedom, |at| FREEDOMS[at]);
        let shape = 0.5 * (state.freedom + 1.0);
        for (weight, square) in state.weights.iter_mut().zip(&squares) {
            *weight = (gamma(rng, shape) / (0.5 * (state.freedom + square))).max(1e-9);
        }
    }

    pub fn draw(&self, state: &State) -> Draw {
        let base = state.base.iter().map(|x| x * self.unit).collect();
        let (mut carries, mut curves) = (Vec::new(), Vec::new());
        for (input, shape) in state.shapes.iter().enumerate() {
            let (carry, half, steep) = meaning(self.past.form, shape);
            carries.push(carry);
            curves.push(Curve { top: state.tops[input] * self.unit, half: half * self.usual[input], steep });
        }
        Draw { carries, curves, base, noise: state.variance.sqrt() * self.unit, freedom: state.freedom }
    }
}

impl Base {
    /// Ω(r − Wγ) for the coefficients that suit r best.
    fn without(&self, left: &[f64], weights: &[f64], into: &mut Vec<f64>) {
        into.clear();
        into.extend(left.iter().zip(weights).map(|(left, weight)| left * weight));
        for row in &self.whitened {
            let share = dot(row, left);
            into.iter_mut().zip(row).for_each(|(x, u)| *x -= share * u);
        }
    }
}

/// ln Φ(x), also far to the left (Mills' ratio).
fn ln_normal_cdf(x: f64) -> f64 {
    if x > -30.0 { normal_cdf(x).ln() } else { -0.5 * x * x - (-x).ln() - 0.5 * TAU.ln() }
}

fn inverse_gamma(rng: &mut Rng, shape: f64, scale: f64) -> f64 {
    (scale / gamma(rng, shape).max(1e-12)).clamp(1e-8, 1e4)
}

/// A normal that is not negative: by the inverse, and far in the tail by the exponential it then is (Robert, 1995).
fn positive_normal(rng: &mut Rng, mean: f64, spread: f64) -> f64 {
    let cut = -mean / spread;
    if cut > 6.0 {
        return -open_uniform(rng).ln() / cut * spread;
    }
    let below = normal_cdf(cut);
    let u = below + (1.0 - below) * open_uniform(rng);
    (mean + spread * normal_quantile(u.clamp(1e-300, 1.0 - 1e-16))).max(0.0)
}
