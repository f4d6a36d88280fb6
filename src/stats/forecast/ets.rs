//! Exponential smoothing in state-space form: a level, perhaps a trend (fading or not), perhaps a season, each following
//! the data at its own speed (Hyndman, Koehler, Ord and Snyder, 2008).
//!
//! The speeds are found by likelihood; where the states begin is found by running the filter backwards over the series
//! (backcasting), so that a season of twelve does not add twelve numbers to search for. The form is chosen by the
//! corrected Akaike criterion.

use super::season::{Join, profile};
use super::{Filter, Rolled};
use crate::stats::minimise::minimise;

/// How the level moves on its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trend {
    None,
    Straight,
    /// A slope that fades with every step.
    Fading,
}

/// Whether errors have one size or grow with the level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Noise {
    Constant,
    Proportional,
}

/// A form of the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Form {
    pub noise: Noise,
    pub trend: Trend,
    pub season: Option<Join>,
}

impl Form {
    /// Its name in the usual taxonomy, such as `ETS(M,Ad,M)`.
    pub fn name(&self) -> String {
        let noise = if self.noise == Noise::Constant { "A" } else { "M" };
        let trend = match self.trend {
            Trend::None => "N",
            Trend::Straight => "A",
            Trend::Fading => "Ad",
        };
        let season = match self.season {
            None => "N",
            Some(Join::Sum) => "A",
            Some(Join::Product) => "M",
        };
        format!("ETS({noise},{trend},{season})")
    }
}

/// How fast each state follows, 0–1; what a form does not have is 0 (1 for `fade`).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Speeds {
    pub level: f64,
    pub trend: f64,
    pub season: f64,
    /// What is left of the slope after each step.
    pub fade: f64,
}

/// A fitted model.
#[derive(Clone, Debug, PartialEq)]
pub struct Ets {
    pub form: Form,
    pub speeds: Speeds,
    /// The corrected Akaike criterion; lower is better.
    pub aicc: f64,
    period: usize,
    start: State,
}

/// Where the filter stands. The season is indexed by the time of its value modulo the period.
#[derive(Clone, Debug, PartialEq)]
struct State {
    level: f64,
    slope: f64,
    season: Vec<f64>,
}

/// Evaluations of the likelihood a search may take.
const EVALUATIONS: usize = 110;
/// Values that are run back over to find where the states begin; what lies further ahead says little about it.
const BACK: usize = 40;

impl State {
    #[inline]
    fn expected(&self, phase: usize, fade: f64, join: Option<Join>) -> f64 {
        let level = self.level + fade * self.slope;
        match join {
            None => level,
            Some(Join::Sum) => level + self.season[phase],
            Some(Join::Product) => level * self.season[phase],
        }
    }

    /// One step of the recursions; the same for both kinds of noise.
    #[inline]
    fn observe(&mut self, value: f64, phase: usize, speeds: &Speeds, join: Option<Join>) {
        let slope = speeds.fade * self.slope;
        let level = self.level + slope;
        let seen = match join {
            None => value,
            Some(Join::Sum) => value - self.season[phase],
            Some(Join::Product) => value / self.season[phase],
        };
        self.level = level + speeds.level * (seen - level);
        // `speeds.trend` is the share of the level's error, at most that of the level.
        self.slope = slope + speeds.trend * (seen - level);
        match join {
            None => {}
            Some(Join::Sum) => self.season[phase] += speeds.season * (value - level - self.season[phase]),
            Some(Join::Product) => self.season[phase] += speeds.season * (value / level - self.season[phase]),
        }
    }
}

/// A rough beginning: a season by decomposition, level and slope by a line through the first points without it.
fn rough(values: &[f64], period: usize, form: Form) -> Option<State> {
    let season = match form.season {
        Some(join) => profile(&values[..values.len().min(4 * period.max(1))], period, join)?,
        None => Vec::new(),
    };
    let join = form.season.unwrap_or(Join::Sum);
    let count = values.len().min(10.max(if season.is_empty() { 10 } else { period }));
    let flat: Vec<f64> = values[..count]
        .iter()
        .enumerate()
        .map(|(at, value)| match (season.get(at % period.max(1)), join) {
            (None, _) => *value,
            (Some(s), Join::Sum) => value - s,
            (Some(s), Join::Product) => value / s,
        })
        .collect();
    let (intercept, slope) = line(&flat);
    Some(if form.trend == Trend::None {
        State { level: flat.iter().sum::<f64>() / flat.len() as f64, slope: 0.0, season }
    } else {
        State { level: intercept - slope, slope, season }
    })
}

/// Least squares through equally spaced points: the value at the first one, and the step.
pub(super) fn line(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let middle = (n - 1.0) / 2.0;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = (0..values.len()).map(|i| (i as f64 - middle).powi(2)).sum();
    let products: f64 = values.iter().enumerate().map(|(i, x)| (i as f64 - middle) * (x - mean)).sum();
    let slope = if squares > 0.0 { products / squares } else { 0.0 };
    (mean - slope * middle, slope)
}

/// Where the states begin, given the speeds: the filter runs to the end and back again, from a rough beginning.
fn backcast(values: &[f64], period: usize, form: Form, speeds: &Speeds, rough: &State) -> State {
    let mut state = rough.clone();
    let lag = period.max(1);
    let values = &values[..values.len().min(BACK.max(6 * lag))];
    let mut phase = 0;
    for value in values {
        state.observe(*value, phase, speeds, form.season);
        phase = if phase + 1 == lag { 0 } else { phase + 1 };
    }
    // Backwards the slope has the other sign; a fading one cannot be run backwards with its fading.
    let back = Speeds { fade: if form.trend == Trend::Fading { 1.0 } else { speeds.fade }, ..*speeds };
    state.slope = -state.slope;
    for value in values.iter().rev() {
        phase = if phase == 0 { lag - 1 } else { phase - 1 };
        state.observe(*value, phase, &back, form.season);
    }
    state.slope = -state.slope;
    // The level now stands at the first value; the filter begins one step before it.
    state.level -= state.slope;
    state
}

impl Ets {
    /// Fits one form; `None` when the numbers do not allow it (a product of numbers that are not positive, fewer than
    /// two seasons, or too few values for the corrected criterion).
    pub fn fit(values: &[f64], period: usize, form: Form) -> Option<Ets> {
        let n = values.len();
        let proportional = form.noise == Noise::Proportional || form.season == Some(Join::Product);
        if proportional && values.iter().any(|x| *x <= 0.0) {
            return None;
        }
        let seasonal = form.season.is_some();
        let (has_trend, fades) = (form.trend != Trend::None, form.trend == Trend::Fading);
        let states = 1 + usize::from(has_trend) + if seasonal { period - 1 } else { 0 };
        let searched = 1 + usize::from(has_trend) + usize::from(fades) + usize::from(seasonal);
        let counted = (states + searched + 1) as f64;
        if n as f64 <= counted + 2.0 {
            return None;
        }
        let rough = rough(values, period, form)?;
        let unpack = |x: &[f64]| {
            let mut rest = x.iter().copied();
            let mut next = |wanted: bool| if wanted { rest.next().unwrap_or(0.0) } else { 0.0 };
            let level = next(true);
            let trend = next(has_trend);
            let season = next(seasonal);
            let fade = if fades { next(true) } else { 1.0 };
            Speeds { level, trend, season, fade }
        };
        let allowed = |s: &Speeds| {
            (1e-4..=0.9999).contains(&s.level)
                && (!has_trend || (1e-4..=s.level).contains(&s.trend))
                && (!seasonal || (1e-4..=1.0 - s.level).contains(&s.season))
                && (!fades || (0.8..=0.98).contains(&s.fade))
        };
        let mut start = vec![0.3];
        let mut steps = vec![0.25];
        if has_trend {
            start.push(0.03);
            steps.push(0.06);
        }
        if seasonal {
            start.push(0.1);
            steps.push(0.12);
        }
        if fades {
            start.push(0.95);
            steps.push(-0.06);
        }
        let found = minimise(&start, &steps, EVALUATIONS, 1e-7, |x| {
            let speeds = unpack(x);
            if !allowed(&speeds) {
                return f64::INFINITY;
            }
            let begin = backcast(values, period, form, &speeds, &rough);
            minus_two_log_likelihood(values, period, form, &speeds, begin)
        });
        let speeds = unpack(&found.at);
        let extra = 2.0 * counted * (counted + 1.0) / (n as f64 - counted - 1.0);
        let aicc = found.value + 2.0 * counted + extra;
        let begin = backcast(values, period, form, &speeds, &rough);
        aicc.is_finite().then_some(Ets { form, speeds, aicc, period, start: begin })
    }

    /// The best of the forms that the numbers allow: first noise and season, with a fading slope, then the slope for the
    /// winner. Trying all fifteen finds hardly better ones and takes twice as long.
    pub fn best(values: &[f64], period: usize) -> Option<Ets> {
        let mut best: Option<Ets> = None;
        let mut consider = |form: Form| {
            if let Some(found) = Ets::fit(values, period, form)
                && best.as_ref().is_none_or(|best| found.aicc < best.aicc)
            {
                best = Some(found);
            }
            best.as_ref().map(|best| best.form)
        };
        let mut first = None;
        for (noise, season) in joins(values, period) {
            first = consider(Form { noise, trend: Trend::Fading, season });
        }
        let Form { noise, season, .. } = first.unwrap_or(Form { noise: Noise::Constant, trend: Trend::None, season: None });
        consider(Form { noise, trend: Trend::None, season });
        consider(Form { noise, trend: Trend::Straight, season });
        best
    }
}

/// Noise and season to try: all but a product of seasons with errors of one size, which is numerically unstable.
fn joins(values: &[f64], period: usize) -> Vec<(Noise, Option<Join>)> {
    let positive = values.iter().all(|x| *x > 0.0);
    let seasonal = period > 1 && values.len() >= 2 * period;
    let all = [
        (Noise::Constant, None),
        (Noise::Proportional, None),
        (Noise::Constant, Some(Join::Sum)),
        (Noise::Proportional, Some(Join::Sum)),
        (Noise::Proportional, Some(Join::Product)),
    ];
    all.into_iter().filter(|(noise, season)| (positive || *noise == Noise::Constant) && (seasonal || season.is_none())).collect()
}

/// But for a constant: `n ln Σe²`, and with proportional errors twice the sum of the logarithms of what was expected.
fn minus_two_log_likelihood(values: &[f64], period: usize, form: Form, speeds: &Speeds, mut state: State) -> f64 {
    let proportional = form.noise == Noise::Proportional;
    let lag = period.max(1);
    let (mut squares, mut phase) = (0.0, 0);
    // Logarithms are dear: the product is taken over as many factors as fit into a number.
    let (mut logs, mut product) = (0.0, 1.0f64);
    for value in values {
        let expected = state.expected(phase, speeds.fade, form.season);
        let error = if proportional {
            if expected <= 0.0 {
                return f64::INFINITY;
            }
            product *= expected;
            if !(1e-200..1e200).contains(&product) {
                logs += product.ln();
                product = 1.0;
            }
            (value - expected) / expected
        } else {
            value - expected
        };
        squares += error * error;
        state.observe(*value, phase, speeds, form.season);
        phase = if phase + 1 == lag { 0 } else { phase + 1 };
    }
    values.len() as f64 * squares.max(1e-300).ln() + 2.0 * (logs + product.ln())
}

impl Filter for Ets {
    fn name(&self) -> String {
        self.form.name()
    }

    fn again(&self, values: &[f64]) -> Option<Box<dyn Filter>> {
        Ets::fit(values, self.period, self.form).map(|ets| Box::new(ets) as Box<dyn Filter>)
    }

    fn roll(&self, values: &[f64], first: usize, horizon: usize) -> Rolled {
        let mut state = self.start.clone();
        let lag = self.period.max(1);
        let mut paths = Vec::with_capacity((values.len() + 1).saturating_sub(first));
        for at in 0..=values.len() {
            if at >= first {
                let mut ahead = state.clone();
                let mut path = Vec::with_capacity(horizon);
                for h in 0..horizon {
                    let fade = self.speeds.fade;
                    path.push(ahead.expected((at + h) % lag, fade, self.form.season));
                    ahead.slope *= fade;
                    ahead.level += ahead.slope;
                }
                paths.push(path);
            }
            if let Some(value) = values.get(at) {
                state.observe(*value, at % lag, &self.speeds, self.form.season);
            }
        }
        paths
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::test_data::close;

    fn last(model: &Ets, values: &[f64], horizon: usize) -> Vec<f64> {
        model.roll(values, values.len(), horizon).remove(0)
    }

    // Hyndman and Athanasopoulos, Forecasting: Principles and Practice (2nd edition, 2018), table 7.1: annual oil production of
    // Saudi Arabia, α = 0.8339 and l₀ = 446.5868 give 542.68 for every year ahead.
    #[test]
    fn simple_smoothing_reproduces_the_oil_table_of_the_textbook() {
        let oil = [
            445.3641, 453.1950, 454.4096, 422.3789, 456.0371, 440.3866, 425.1944, 486.2052, 500.4291, 521.2759, 508.9488,
            488.8889, 509.8706, 456.7229, 473.8166, 525.9509, 549.8338, 542.3405,
        ];
        let form = Form { noise: Noise::Constant, trend: Trend::None, season: None };
        let speeds = Speeds { level: 0.8339, trend: 0.0, season: 0.0, fade: 1.0 };
        let start = State { level: 446.5868, slope: 0.0, season: vec![] };
        let model = Ets { form, speeds, aicc: 0.0, period: 1, start };
        for value in last(&model, &oil, 3) {
            close(value, 542.68, 1e-5);
        }
        // Our own search ends nearby, though it lets the series say where it begins.
        let found = Ets::fit(&oil, 1, form).unwrap();
        assert!((found.speeds.level - 0.8339).abs() < 0.1, "{:?}", found.speeds);
        close(last(&found, &oil, 1)[0], 542.68, 2e-3);
    }

    #[test]
    fn growth_with_a_season_is_continued_and_a_fading_slope_levels_off() {
        let factors = [0.5, 1.5, 1.2, 0.8];
        let value = |i: usize| (100.0 + i as f64) * factors[i % 4];
        // A tenth of a percent of noise, so that there is something to be likely.
        let values: Vec<f64> = (0..48).map(|i| value(i) * (1.0 + 0.001 * f64::from((i * 7 % 5) as i32 - 2))).collect();
        let best = Ets::best(&values, 4).unwrap();
        assert_eq!(best.form.season, Some(Join::Product), "{}", best.name());
        for (h, found) in last(&best, &values, 8).iter().enumerate() {
            close(*found, value(48 + h), 0.02);
        }
        let fading = Ets::fit(&values, 4, Form { trend: Trend::Fading, ..best.form }).unwrap();
        let far = last(&fading, &values, 400);
        assert!(far[399] < far[7] * 2.0 && far[399] > 0.0, "{far:?}");
    }

    #[test]
    fn a_form_the_numbers_do_not_allow_is_not_fitted() {
        let form = Form { noise: Noise::Proportional, trend: Trend::None, season: None };
        assert_eq!(Ets::fit(&[0.0; 30], 1, form), None);
        let seasonal = Form { noise: Noise::Constant, trend: Trend::None, season: Some(Join::Sum) };
        assert_eq!(Ets::fit(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 4, seasonal), None);
        assert_eq!(Ets::best(&[1.0, 2.0], 4), None);
        let negative: Vec<f64> = (0..40).map(|i| f64::from(i % 7) - 3.0).collect();
        assert_eq!(Ets::best(&negative, 7).unwrap().form.noise, Noise::Constant);
    }
}
