//! Complex exponential smoothing: a level and what is known of its growth as one complex number, smoothed by a complex
//! speed, so that no form of trend has to be chosen (Svetunkov, Kourentzes and Ord, 2022).
//!
//! Where the states begin is found by backcasting, the speeds by least squares, the form of the season by the corrected
//! Akaike criterion.

use super::{Filter, Rolled};
use crate::stats::minimise::minimise;

/// How the season takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Season {
    None,
    /// Every state is that of one season ago.
    Simple,
    /// A season beside the level, added.
    Partial,
    /// A season with a complex state of its own beside the level.
    Full,
}

/// A fitted model.
#[derive(Clone, Debug, PartialEq)]
pub struct Ces {
    pub season: Season,
    /// Real and imaginary part of the speed; then those of the season.
    speeds: [f64; 4],
    pub aicc: f64,
    period: usize,
    start: State,
}

/// Level and growth; with `Simple`, and for the season of the others, one for every phase.
#[derive(Clone, Debug, PartialEq)]
struct State {
    level: (f64, f64),
    phases: Vec<(f64, f64)>,
}

const EVALUATIONS: usize = 160;
/// Values that are run back over to find where the states begin, as in `ets`.
const BACK: usize = 40;

#[inline]
fn turn(state: &mut (f64, f64), error: f64, a0: f64, a1: f64) {
    let (level, growth) = *state;
    *state = (level - (1.0 - a1) * growth + (a0 - a1) * error, level + (1.0 - a0) * growth + (a0 + a1) * error);
}

impl State {
    #[inline]
    fn expected(&self, phase: usize, season: Season) -> f64 {
        match season {
            Season::None => self.level.0,
            Season::Simple => self.phases[phase].0,
            Season::Partial | Season::Full => self.level.0 + self.phases[phase].0,
        }
    }

    #[inline]
    fn observe(&mut self, error: f64, phase: usize, season: Season, speeds: &[f64; 4]) {
        match season {
            Season::None => turn(&mut self.level, error, speeds[0], speeds[1]),
            Season::Simple => turn(&mut self.phases[phase], error, speeds[0], speeds[1]),
            Season::Partial => {
                turn(&mut self.level, error, speeds[0], speeds[1]);
                self.phases[phase].0 += speeds[2] * error;
            }
            Season::Full => {
                turn(&mut self.level, error, speeds[0], speeds[1]);
                turn(&mut self.phases[phase], error, speeds[2], speeds[3]);
            }
        }
    }
}

fn rough(values: &[f64], period: usize, season: Season) -> Option<State> {
    use super::season::{Join, profile};
    let begin = |count: usize| values[..count].iter().sum::<f64>() / count as f64;
    let lag = period.max(1);
    Some(match season {
        Season::None => {
            let level = begin(values.len().min(10.max(lag)));
            State { level: (level, level / 1.1), phases: Vec::new() }
        }
        Season::Simple => State { level: (0.0, 0.0), phases: values[..lag].iter().map(|x| (*x, x / 1.1)).collect() },
        Season::Partial | Season::Full => {
            let level = begin(lag);
            let shape = profile(values, period, Join::Sum)?;
            State { level: (level, level / 1.1), phases: shape.into_iter().map(|s| (s, s / 1.1)).collect() }
        }
    })
}

/// Runs forward (or backward) over the values and returns the sum of squared errors.
fn pass(values: &[f64], lag: usize, season: Season, speeds: &[f64; 4], state: &mut State, backward: bool) -> f64 {
    let mut squares = 0.0;
    let mut step = |value: f64, phase: usize| {
        let error = value - state.expected(phase, season);
        squares += error * error;
        state.observe(error, phase, season, speeds);
    };
    if backward {
        let mut phase = values.len() % lag;
        for value in values.iter().rev() {
            phase = if phase == 0 { lag - 1 } else { phase - 1 };
            step(*value, phase);
        }
    } else {
        let mut phase = 0;
        for value in values {
            step(*value, phase);
            phase = if phase + 1 == lag { 0 } else { phase + 1 };
        }
    }
    squares
}

impl Ces {
    /// Fits one form; `None` when there are too few values for it.
    pub fn fit(values: &[f64], period: usize, season: Season) -> Option<Ces> {
        let n = values.len();
        let lag = if season == Season::None { 1 } else { period.max(1) };
        let (states, searched) = match season {
            Season::None => (2, 2),
            Season::Simple => (2 * lag, 2),
            Season::Partial => (2 + lag, 3),
            Season::Full => (2 + 2 * lag, 4),
        };
        let counted = (states + searched + 1) as f64;
        if n < 2 * lag || n as f64 <= counted + 2.0 || (season != Season::None && lag < 2) {
            return None;
        }
        let rough = rough(values, period, season)?;
        let begin = |speeds: &[f64; 4]| {
            let mut state = rough.clone();
            let near = &values[..n.min(BACK.max(6 * period))];
            pass(near, lag, season, speeds, &mut state, false);
            pass(near, lag, season, speeds, &mut state, true);
            state
        };
        let unpack = |x: &[f64]| {
            let mut speeds = [0.0; 4];
            speeds[..x.len()].copy_from_slice(x);
            speeds
        };
        let allowed = |x: &[f64]| {
            let own = x[0] > 0.01 && x[0] < 2.5 && x[1] > 0.01 && x[1] < 1.8;
            own && match season {
                Season::Partial => x[2] > 0.0 && x[2] < 1.0,
                Season::Full => x[2] > 0.01 && x[2] < 1.8 && x[3] > 0.01 && x[3] < 1.5,
                Season::None | Season::Simple => true,
            }
        };
        let (start, steps): (&[f64], &[f64]) = match season {
            Season::None | Season::Simple => (&[1.3, 1.0], &[0.2, 0.02]),
            Season::Partial => (&[1.3, 1.0, 0.1], &[0.2, 0.02, 0.1]),
            Season::Full => (&[1.3, 1.0, 1.3, 1.0], &[0.2, 0.02, -0.2, 0.02]),
        };
        let found = minimise(start, steps, EVALUATIONS, 1e-7, |x| {
            if !allowed(x) {
                return f64::INFINITY;
            }
            let speeds = unpack(x);
            let mut state = begin(&speeds);
            let squares = pass(values, lag, season, &speeds, &mut state, false);
            n as f64 * squares.max(1e-300).ln()
        });
        let speeds = unpack(&found.at);
        let aicc = found.value + 2.0 * counted + 2.0 * counted * (counted + 1.0) / (n as f64 - counted - 1.0);
        aicc.is_finite().then(|| Ces { season, speeds, aicc, period: lag, start: begin(&speeds) })
    }

    /// The best of the forms that the numbers allow.
    pub fn best(values: &[f64], period: usize) -> Option<Ces> {
        let mut best: Option<Ces> = None;
        for season in [Season::None, Season::Simple, Season::Partial, Season::Full] {
            if let Some(found) = Ces::fit(values, period, season)
                && best.as_ref().is_none_or(|best| found.aicc < best.aicc)
            {
                best = Some(found);
            }
        }
        best
    }
}

impl Filter for Ces {
    fn name(&self) -> String {
        let season = match self.season {
            Season::None => "n",
            Season::Simple => "s",
            Season::Partial => "p",
            Season::Full => "f",
        };
        format!("CES({season})")
    }

    fn again(&self, values: &[f64]) -> Option<Box<dyn Filter>> {
        Ces::fit(values, self.period, self.season).map(|ces| Box::new(ces) as Box<dyn Filter>)
    }

    fn roll(&self, values: &[f64], first: usize, horizon: usize) -> Rolled {
        let lag = self.period;
        let mut state = self.start.clone();
        let mut paths = Vec::with_capacity((values.len() + 1).saturating_sub(first));
        for at in 0..=values.len() {
            if at >= first {
                let mut ahead = state.clone();
                let mut path = Vec::with_capacity(horizon);
                for h in 0..horizon {
                    let phase = (at + h) % lag;
                    path.push(ahead.expected(phase, self.season));
                    ahead.observe(0.0, phase, self.season, &self.speeds);
                }
                paths.push(path);
            }
            if let Some(value) = values.get(at) {
                let phase = at % lag;
                let error = value - state.expected(phase, self.season);
                state.observe(error, phase, self.season, &self.speeds);
            }
        }
        paths
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::test_data::close;

    // Worked out by hand from the equations of the paper.
    #[test]
    fn the_recursions_are_those_of_the_paper() {
        let mut state = State { level: (10.0, 4.0), phases: vec![] };
        let speeds = [1.5, 0.8, 0.0, 0.0];
        let squares = pass(&[12.0, 11.0], 1, Season::None, &speeds, &mut state, false);
        // e₁ = 2: l = 10 − 0.2·4 + 0.7·2 = 10.6, c = 10 − 0.5·4 + 2.3·2 = 12.6; e₂ = 0.4.
        close(squares, 4.0 + 0.16, 1e-12);
        close(state.level.0, 10.6 - 0.2 * 12.6 + 0.7 * 0.4, 1e-12);
        close(state.level.1, 10.6 - 0.5 * 12.6 + 2.3 * 0.4, 1e-12);
    }

    #[test]
    fn growth_and_a_season_go_on() {
        let shape = [-20.0, 5.0, 25.0, -10.0];
        let value = |i: usize| 100.0 + 2.0 * i as f64 + shape[i % 4];
        let values: Vec<f64> = (0..60).map(|i| value(i) + 0.5 * f64::from((i * 7 % 5) as i32 - 2)).collect();
        let path = Ces::best(&values, 4).unwrap().roll(&values, 60, 4).remove(0);
        for (h, found) in path.iter().enumerate() {
            assert!((found - value(60 + h)).abs() < 6.0, "{h}: {found} for {}", value(60 + h));
        }
    }

    #[test]
    fn what_is_too_short_is_not_fitted() {
        assert_eq!(Ces::fit(&[1.0, 2.0, 3.0, 4.0, 5.0], 4, Season::Full), None);
        assert_eq!(Ces::best(&[1.0, 2.0], 1), None);
        assert!(Ces::best(&[0.0; 20], 1).is_none_or(|ces| ces.roll(&[0.0; 20], 20, 2)[0] == [0.0, 0.0]));
    }
}
