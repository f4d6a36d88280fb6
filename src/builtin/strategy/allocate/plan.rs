//! From a past and a budget to a division: what each channel brings is learned, the best division of the total is found, and both are put
//! beside what is spent today and beside nothing.

use super::budget::{Budget, InForce, told};
use super::history::History;
use crate::base::InOrder;
use crate::model::goods::{Allocation, Estimate, HeldOutError, Share, Verdict, Way};
use crate::stats::response::carry::Carry;
use crate::stats::response::fit::{Draw, Fit, Options, Past, fit};
use crate::stats::response::split::{Split, split};
use crate::stats::response::trial::{Trial, trial};
use crate::stats::summary::{mean, quantile_sorted, sorted};
use crate::step::StepError;

/// Held out for the trial: this share of the past, within these bounds.
const HELD: (f64, usize, usize) = (0.15, 6, 52);
/// The trial needs an error, not a distribution.
const TRIAL: Options = Options { chains: 2, warm_up: 200, sweeps: 400, draws: 200, seed: 1 };
/// The present division is the mean of about so many days, and the outcome is told for as many ahead.
const SEASON_OF_SPEND: f64 = 91.0;
/// A division is called better when this many of the ways the world may be say so.
const SURE: f64 = 0.9;

/// A plan with what is to be said about it.
pub struct Plan {
    pub allocation: Allocation,
    pub notes: Vec<String>,
}

/// Periods that a budget of so many channels and controls needs before anything is said about it: half a year, and five for each of them.
pub fn needed(budget: &Budget) -> usize {
    26 + 5 * (budget.lines.len() + budget.controls.len())
}

/// Periods of the past that are the present, and as many ahead.
fn lately(budget: &Budget) -> usize {
    (SEASON_OF_SPEND / budget.period.days()).round().max(1.0) as usize
}

/// Today's division, per period of the budget.
pub fn present(budget: &Budget, history: &History) -> Vec<f64> {
    history.present(lately(budget)).iter().map(|amount| amount * budget.periods()).collect()
}

/// Learns and divides.
pub fn plan(name: &str, budget: &Budget, history: &History, sampling: &Options) -> Result<Plan, StepError> {
    let past = Past {
        outcome: history.outcome.clone(),
        inputs: history.spend.clone(),
        others: history.controls.clone(),
        season: season(budget.period),
        form: budget.form,
    };
    let learned = fit(&past, sampling).ok_or_else(|| StepError::new("nothing can be learned from these numbers"))?;
    let held = ((history.len() as f64 * HELD.0) as usize).clamp(HELD.1, HELD.2);
    let tried = trial(&past, held, &Options { seed: sampling.seed, sweeps: TRIAL.sweeps.min(sampling.sweeps), ..TRIAL });
    let present = present(budget, history);
    let unknown = history.unknown();
    let in_force = InForce::of(budget, &present, &unknown);
    let factor = budget.periods();
    let curves = Curves { draws: &learned.draws, factor };
    let found = split(&in_force.parts, &in_force.groups, in_force.total, |at, amount| curves.mean(at, amount)).map_err(|_| {
        StepError::new("the bounds of this budget cannot all be kept").help("`loopctl validate` names the bounds that collide")
    })?;
    let base = ahead(&learned, history, lately(budget), factor);
    let allocation = told_as(name, budget, history, &in_force, &curves, &base, &present, &found, tried, &learned);
    let mut notes = in_force.notes.clone();
    notes.extend(warnings(budget, history, &allocation, &unknown, &learned));
    Ok(Plan { allocation, notes })
}

/// What the draws say each channel brings, per period of the budget.
struct Curves<'d> {
    draws: &'d [Draw],
    factor: f64,
}

impl Curves<'_> {
    fn one(&self, draw: &Draw, at: usize, amount: f64) -> f64 {
        self.factor * draw.curves[at].at(amount / self.factor)
    }

    fn mean(&self, at: usize, amount: f64) -> f64 {
        self.draws.iter().map(|draw| self.one(draw, at, amount)).sum::<f64>() / self.draws.len() as f64
    }

    fn each(&self, at: usize, amount: f64) -> Vec<f64> {
        self.draws.iter().map(|draw| self.one(draw, at, amount)).collect()
    }

    /// What all channels bring, in every draw.
    fn all(&self, amounts: &[f64]) -> Vec<f64> {
        let sum = |draw: &Draw| amounts.iter().enumerate().map(|(at, amount)| self.one(draw, at, *amount)).sum();
        self.draws.iter().map(sum).collect()
    }

    /// What one more unit brings, on average over `step` units: at nothing at all, the first one may bring nothing, or no end of it.
    fn next(&self, at: usize, amount: f64, step: f64) -> f64 {
        (self.mean(at, amount + step) - self.mean(at, amount)) / step
    }
}

/// What would come anyway, per period of the budget on average over the periods ahead, in every draw. Controls are taken to be as they were
/// a season ago, or else as lately.
fn ahead(learned: &Fit, history: &History, periods: usize, factor: f64) -> Vec<f64> {
    let controls: Vec<Vec<f64>> = history
        .controls
        .iter()
        .map(|column| {
            let season = 52.min(column.len());
            let seasonal = column.len() >= 52 && periods <= season;
            let lately = mean(&column[column.len().saturating_sub(periods)..]);
            (0..periods).map(|at| if seasonal { column[column.len() - season + at] } else { lately }).collect()
        })
        .collect();
    learned.draws.iter().map(|draw| mean(&learned.base(draw, periods, &controls)) * factor).collect()
}

pub fn estimate(values: &[f64]) -> Estimate {
    let ordered = sorted(values);
    Estimate { expected: mean(values), low: quantile_sorted(&ordered, 0.05), high: quantile_sorted(&ordered, 0.95) }
}

fn plus(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a + b).collect()
}

#[expect(clippy::too_many_arguments, reason = "one place where everything that was found comes together")]
fn told_as(
    name: &str,
    budget: &Budget,
    history: &History,
    in_force: &InForce,
    curves: &Curves<'_>,
    base: &[f64],
    present: &[f64],
    found: &Split,
    tried: Option<Trial>,
    learned: &Fit,
) -> Allocation {
    let unknown = history.unknown();
    let shares = budget.lines.iter().enumerate().map(|(at, line)| {
        let amount = found.amounts[at];
        Share {
            channel: line.channel.clone(),
            group: budget.groups.iter().find(|group| group.members.contains(&at)).map(|group| group.name.clone()),
            amount: budget.money(amount),
            present: budget.money(present[at]),
            held: in_force.held(budget, at, amount, unknown[at]),
            brings: estimate(&curves.each(at, amount)),
            brought: estimate(&curves.each(at, present[at])),
            next: curves.next(at, amount, (0.01 * in_force.total).max(1e-6)),
        }
    });
    let (planned, today) = (curves.all(&found.amounts), curves.all(present));
    let gains: Vec<f64> = planned.iter().zip(&today).map(|(planned, today)| planned - today).collect();
    let better = gains.iter().filter(|gain| **gain > 0.0).count() as f64 / gains.len().max(1) as f64;
    let tells = tried.is_none_or(|tried| tried.error < tried.simple_error);
    let tried = tried.filter(|tried| tried.error.is_finite() && tried.simple_error.is_finite());
    let mut allocation = Allocation {
        name: name.to_owned(),
        outcome: budget.outcome.clone(),
        total: budget.money(in_force.total),
        per: budget.per.word(1).to_owned(),
        shares: shares.collect(),
        expected: estimate(&plus(base, &planned)),
        present: estimate(&plus(base, &today)),
        nothing: estimate(base),
        gain: estimate(&gains),
        better,
        gap: if found.value > 0.0 { ((found.bound - found.value) / found.value).max(0.0) } else { 0.0 },
        tried: tried.map(|tried| HeldOutError {
            periods: tried.held as u64,
            error: tried.error,
            without: tried.simple_error,
            covered: tried.covered,
        }),
        periods: history.len() as u64,
        verdict: if better >= SURE && tells { Verdict::Clear } else { Verdict::NotDistinguishable },
        says: String::new(),
        at: history.to,
        days: budget.period.days(),
        ways: learned.draws.iter().zip(base).map(|(draw, base)| way(draw, base / curves.factor)).collect(),
    };
    allocation.says = says(&allocation);
    allocation
}

fn way(draw: &Draw, base: f64) -> Way {
    let channel = |(carry, curve): (&Carry, &crate::stats::response::curve::Curve)| {
        let (one, two) = match *carry {
            Carry::Geometric { keep } => (keep, 0.0),
            Carry::Weibull { shape, scale } => (shape, scale),
        };
        [one, two, curve.top, curve.half, curve.steep].map(short)
    };
    let channels = draw.carries.iter().zip(&draw.curves).map(channel).collect();
    Way { base: short(base), noise: short(draw.noise), freedom: draw.freedom, channels }
}

/// Six digits: what a journal need not keep is not kept.
fn short(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return 0.0;
    }
    format!("{value:.5e}").parse().unwrap_or(value)
}

/// The sentence for a person.
pub fn says(allocation: &Allocation) -> String {
    let (per, outcome) = (&allocation.per, &allocation.outcome);
    let moved = |share: &&Share| (share.amount.units() - share.present.units()).abs() > 0.005 * allocation.total.units();
    let mut moves: Vec<&Share> = allocation.shares.iter().filter(moved).collect();
    moves.order_by(|a, b| {
        let by = |share: &Share| (share.amount.units() - share.present.units()).abs();
        by(b).total_cmp(&by(a))
    });
    let moves: Vec<String> = moves
        .iter()
        .take(3)
        .map(|share| format!("{} from {} to {}", share.channel, told(share.present.units()), told(share.amount.units())))
        .collect();
    let total = format!("{} {} a {per}", allocation.total.currency, told(allocation.total.units()));
    let gain = &allocation.gain;
    let against = if allocation.verdict == Verdict::Clear {
        format!(
            "{} more {outcome} a {per} than with today's division ({} to {} in nine of ten cases)",
            told(gain.expected),
            told(gain.low),
            told(gain.high)
        )
    } else {
        format!(
            "that this brings more {outcome} than today's division is not clear ({} to {} a {per} in nine of ten cases)",
            told(gain.low),
            told(gain.high)
        )
    };
    let today: f64 = allocation.shares.iter().map(|share| share.present.units()).sum();
    let more = allocation.total.units() - today;
    let more = match more.abs() > 0.02 * allocation.total.units() {
        true if more > 0.0 => format!(", and {} more is spent than today", told(more)),
        true => format!(", and {} less is spent than today", told(-more)),
        false => String::new(),
    };
    let what = if moves.is_empty() { "stays divided as it is".to_owned() } else { format!("moves {}", moves.join(", ")) };
    format!(
        "{total} {what}{more}: {against}; without any spend {} would come, {} with today's.",
        told(allocation.nothing.expected),
        told(allocation.present.expected)
    )
}

fn warnings(budget: &Budget, history: &History, allocation: &Allocation, unknown: &[bool], learned: &Fit) -> Vec<String> {
    let mut notes = Vec::new();
    let factor = budget.periods();
    for (at, share) in allocation.shares.iter().enumerate() {
        let most = history.spend[at].iter().copied().fold(0.0, f64::max) * factor;
        if unknown[at] && budget.lines[at].lock.is_none() {
            notes.push(format!(
                "{} was always given the same, so nothing tells what it brings; it stays where it is until it is varied.",
                share.channel
            ));
        } else if share.amount.units() > 1.2 * most {
            notes.push(format!(
                "{} gets {}, and more than {} was never tried: what it brings there is a guess of the curve.",
                share.channel,
                told(share.amount.units()),
                told(most)
            ));
        }
    }
    if let Some(tried) = allocation.tried
        && tried.error >= tried.without
    {
        notes.push(format!(
            "On the last {} {}, which were held out, spend did not help to tell {}: {:.1} % error with it and {:.1} % without.",
            tried.periods,
            budget.period.word(tried.periods as usize),
            budget.outcome,
            tried.error * 100.0,
            tried.without * 100.0
        ));
    }
    if learned.disagreement > 1.1 {
        notes.push(format!("The sampler's chains do not agree well (R̂ {:.2}), so intervals are rough.", learned.disagreement));
    }
    if history.filled > 0 {
        notes.push(format!(
            "{} {} had no {}; it was taken from its neighbours.",
            history.filled,
            budget.period.word(history.filled),
            budget.outcome
        ));
    }
    notes
}

/// Periods in a year, where a year has so many that its waves can be told.
fn season(per: crate::builtin::learning::series::Per) -> f64 {
    365.25 / per.days()
}
