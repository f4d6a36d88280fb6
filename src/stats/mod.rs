//! The mathematics: one method a file, each with its source and a published or independently computed example as test.
//!
//! Nothing here knows what the numbers stand for; the step kinds bring the meaning. Everything is pure and
//! deterministic: chance comes in as a seeded `Rng`, and the same input gives the same output. In reading order:
//!
//! *Tools:* `linear` small dense matrices · `minimise` the lowest point of a function · `special` gamma, beta, normal, t and count tails that keep their digits ·
//! `sampling` draws from distributions · `summary` quantiles, MAD, ranks and rank correlation.
//!
//! *How sure we may be:* `intervals` Wilson, Newcombe, Welch · `multiplicity` many tests at once · `scoring` log-loss, Brier,
//! AUC, calibration error.
//!
//! *Who deserves the credit:* `attribution` credit by rule · `markov` exact removal effects with resampling ·
//! `shapley` what each brings to a game of any worth.
//!
//! *Probabilities with reasons:* `logistic` penalised regression · `boosting` trees for tables that bend · `calibration` Platt,
//! isotonic and base-rate shift.
//!
//! *Learning by doing:* `bandit` Thompson sampling with exact propensities · `off_policy` what another policy would have
//! earned · `regression` learning from a declared belief.
//!
//! *Experiments:* `srm` whether the arms came as meant · `cuped` the past takes noise out · `delta` ratios and quantiles by person ·
//! `sequential` answers that stay true however often one looks · `rates` the same for outcomes that are had or not.
//!
//! *What changed:* `anomaly` a streaming watch over one series · `records` one over a dense stream · `root_cause` which part
//! of a total explains it · `burst` rising counts and new terms.
//!
//! *Which combinations do better:* `bits` sets of rows · `fisher` the exact test · `amounts` money, where most is zero and a little is
//! huge · `subgroup` combinations that beat their parts, and chance.
//!
//! *What comes next:* `forecast` smoothing, Theta and their median, chosen by trial, with intervals from past misses.
//!
//! *What an amount brings:* `response` effects that last and saturate, and the best division of a total among them.
//!
//! *What texts say:* `text` tokens, folding, shingles · `minhash` near-duplicates · `tfidf` cosine · `bm25` search ·
//! `short_text` classes with "unsure" · `difference` two versions of a text · `merge` three of them.

pub mod kappa;
pub mod linear;
pub mod minimise;
pub mod sampling;
pub mod special;
pub mod summary;

pub mod intervals;
pub mod multiplicity;
pub mod scoring;

pub mod attribution;
pub mod markov;
pub mod shapley;

pub mod boosting;
pub mod calibration;
pub mod experts;
pub mod logistic;

pub mod bandit;
pub mod off_policy;
pub mod regression;

pub mod cuped;
pub mod delta;
pub mod rates;
pub mod sequential;
pub mod srm;

pub mod anomaly;
pub mod burst;
pub mod records;
pub mod root_cause;

pub mod amounts;
pub mod bits;
pub mod fisher;
pub mod subgroup;

pub mod forecast;

pub mod response;

pub mod bm25;
pub mod difference;
pub mod merge;
pub mod minhash;
pub mod short_text;
pub mod text;
pub mod tfidf;

#[cfg(test)]
mod test_data;
