//! Expressions: `value "percentile(signal.volume)"`, `when "lead.score >= 0.7"`.
//!
//! The language is CEL, read by the `cel` crate. We evaluate its tree ourselves, for four reasons: a missing field must
//! be a value of its own (a rule without data is neutral, not failed), the work must be bounded, numbers must be one type
//! (in standard CEL `size(x) / 5.0` is an error, because the sides are an integer and a double), and `percentile` must see
//! all inputs of the step. [`compile`] reads, [`check`] compares with the fields of the goods, [`evaluate`] computes.

mod calls;
mod check;
mod evaluate;
mod extent;
mod functions;
mod operands;
mod parse;

pub use check::{Wanted, check, check_for};
pub use evaluate::{EvaluationError, Outcome, Pool, Scope, evaluate, evaluate_in};
pub use functions::FUNCTIONS;
pub use parse::{ExpressionProblem, Program, compile};
