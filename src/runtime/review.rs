//! Proposals that wait for a person, and what people decided about them.
//!
//! A report gives amendments as goods, so they stand in the journal of the cycle that made them. The last cycle with a report
//! speaks for all: what is still worth proposing is in it again. Decisions are operations on the workflow, so they can be made
//! while nothing runs and while another cycle waits.

use super::doors::{Journal, JournalError};
use crate::base::{CycleNo, Shared, Timestamp, WorkflowId};
use crate::engine::Entry;
use crate::model::goods::Amendment;
use crate::model::{Act, Good, Item, Operation, Review, ReviewVerdict};

/// A proposal as the journal shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Proposed {
    pub item: Item,
    pub amendment: Amendment,
    /// The cycle whose report proposed it.
    pub cycle: CycleNo,
    /// The last decision about it.
    pub decided: Option<Operation>,
}

impl Proposed {
    pub fn is_open(&self) -> bool {
        self.decided.is_none()
    }
}

/// All proposals of the last report, in its order, decided or not. Empty when no cycle has reported yet.
///
/// # Errors
/// When the journal cannot be read.
pub fn proposals(journal: &dyn Journal, workflow: &WorkflowId) -> Result<Vec<Proposed>, JournalError> {
    for (cycle, _) in journal.cycles(workflow)?.into_iter().rev() {
        let made = journal.read(workflow, cycle)?.into_iter().filter_map(|entry| match entry {
            Entry::Done { items, .. } => Some(items),
            _ => None,
        });
        let items: Vec<Item> = made.flatten().map(Shared::take).collect();
        if !items.iter().any(|item| matches!(item.good, Good::Report(_))) {
            continue;
        }
        let operations = journal.operations(workflow)?;
        let decided = |item: &Item| {
            let about = |operation: &&Operation| matches!(&operation.act, Act::Reviewed(review) if review.amendment == item.id);
            operations.iter().rev().find(about).cloned()
        };
        return Ok(items
            .into_iter()
            .filter_map(|item| match &item.good {
                Good::Amendment(amendment) => {
                    let amendment = amendment.clone();
                    Some(Proposed { decided: decided(&item), item, amendment, cycle })
                }
                _ => None,
            })
            .collect());
    }
    Ok(Vec::new())
}

/// Writes a decision down; it is on the disk when this returns, and the next cycle is pinned to it.
///
/// # Errors
/// When the journal fails.
pub fn record_review(
    journal: &mut dyn Journal,
    workflow: &WorkflowId,
    proposed: &Proposed,
    verdict: ReviewVerdict,
    by: &str,
    at: Timestamp,
) -> Result<Operation, JournalError> {
    let review = Review {
        amendment: proposed.item.id,
        key: proposed.amendment.key.clone(),
        title: proposed.amendment.title.clone(),
        verdict,
    };
    operate(journal, workflow, Act::Reviewed(review), by, at)
}

/// Writes down what a person did beside the cycles.
///
/// # Errors
/// When the journal fails.
pub fn operate(
    journal: &mut dyn Journal,
    workflow: &WorkflowId,
    act: Act,
    by: &str,
    at: Timestamp,
) -> Result<Operation, JournalError> {
    let cycle = journal.cycles(workflow)?.last().map(|(cycle, _)| *cycle).unwrap_or_default();
    let operation = Operation { at, by: by.to_owned(), cycle, act };
    journal.operate(workflow, &operation)?;
    Ok(operation)
}
