//! The mathematics: one method a file, each with its source and a published or independently computed example as test.
//!
//! Nothing here knows what the numbers stand for; the step kinds bring the meaning. Everything is pure and
//! deterministic: chance comes in as a seeded `Rng`, and the same input gives the same output.

// Tools the methods are made of.
pub mod linear;
pub mod sampling;
pub mod special;
pub mod summary;
// How sure we may be.
pub mod intervals;
pub mod multiplicity;
pub mod scoring;
// Probabilities with reasons.
pub mod boosting;
pub mod calibration;
// Learning by doing.
pub mod bandit;
pub mod off_policy;
pub mod regression;
// What changed.
pub mod anomaly;
pub mod burst;
// What texts say.
pub mod bm25;
pub mod logistic;
pub mod minhash;
pub mod short_text;
pub mod text;
pub mod tfidf;
// Who deserves the credit.
pub mod attribution;
pub mod markov;

#[cfg(test)]
mod test_data;
