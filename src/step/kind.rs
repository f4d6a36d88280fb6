//! `StepKind`: one pure function from configuration, inputs and the replies so far to the next requests or the output.
//!
//! After a crash the journal's replies are fed to the same function and it arrives at the same place without asking
//! the world again. So durability needs no code in any step, but it needs every step to be deterministic.

use super::{KindSpec, StepContext, Turn};
use crate::base::Money;
use crate::diag::Diagnostic;
use crate::model::{Config, Provider, Step, Workflow};

/// A kind of step. One file in `builtin/<layer>/`, one line in `builtin::registry`.
pub trait StepKind: Send + Sync {
    fn spec(&self) -> &'static KindSpec;

    /// What only this kind knows to check about its own configuration. Names, types and required nodes are already checked.
    fn check(&self, _step: &Step, _workflow: &Workflow, _sink: &mut Vec<Diagnostic>) {}

    /// What is set aside for the cheapest piece that it can ask one of the providers in `line` for: the one it names and those that stand
    /// in for it. `None` when it asks none of them, or cannot know.
    fn least_spend(&self, _config: &Config, _line: &[&Provider]) -> Option<LeastSpend> {
        None
    }

    /// Whether its output depends on the cycle's time, so that it is not reused in a later cycle though its input is the same.
    fn reads_clock(&self) -> bool {
        false
    }

    /// The next requests, or the output. Called again with all replies so far after each turn is answered in full.
    fn advance(&self, cx: &StepContext<'_>) -> Result<Turn, StepError>;
}

/// What one piece needs of caps on tokens and money; see [`StepKind::least_spend`].
#[derive(Clone, Debug, PartialEq)]
pub struct LeastSpend {
    pub tokens: i64,
    /// `None` when a price is not known.
    pub money: Option<Money>,
}

/// A task that cannot go on. Its siblings do.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct StepError {
    /// What happened, in the user's words, without a period.
    pub message: String,
    /// The next step for the user.
    pub help: Option<String>,
}

impl StepError {
    pub fn new(message: impl Into<String>) -> StepError {
        StepError { message: message.into(), help: None }
    }

    pub fn help(mut self, help: impl Into<String>) -> StepError {
        self.help = Some(help.into());
        self
    }
}
