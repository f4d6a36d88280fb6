//! Gates: what waits for people. A gate is an `Approve` request that has been asked and not been answered; it is
//! journaled with all that a person must see, so it outlives the process that opened it.

use super::ballot::Ballot;
use super::entry::Entry;
use super::fold::probed_key;
use super::nudges::{self, Nudge, Nudged};
use crate::base::{RequestKey, StepId, Timestamp};
use crate::step::{Approve, Decision, Failure, FailureKind, Publish, Reply, Request};
use std::collections::{BTreeMap, BTreeSet};

/// One item that waits for a decision.
#[derive(Clone, Debug, PartialEq)]
pub struct OpenGate {
    /// What a decision is sent to.
    pub key: RequestKey,
    pub step: StepId,
    /// As it stands now: after an edit, what was edited.
    pub approve: Approve,
    /// What people have said without deciding it, oldest first.
    pub given: Vec<Decision>,
    /// The number of the journal entry that opened it: gates in order of opening.
    pub opened: u64,
    /// When it was put to people.
    pub asked: Timestamp,
    /// What happened while nobody decided, oldest first.
    pub nudged: Vec<Nudged>,
}

impl OpenGate {
    pub fn ballot(&self) -> Ballot {
        Ballot { approve: self.approve.clone(), given: self.given.clone() }
    }

    /// The next nudge and when it is due.
    pub fn next_nudge(&self) -> Option<Nudged> {
        nudges::next_nudge(&self.approve, self.asked, &self.nudged)
    }
}

/// One effect of which nobody knows whether it happened.
#[derive(Clone, Debug, PartialEq)]
pub struct Doubt {
    /// What a resolution is sent to.
    pub key: RequestKey,
    pub step: StepId,
    pub publish: Publish,
    /// What the channel said, when it said something.
    pub message: Option<String>,
}

/// Why a decision cannot be taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Void {
    #[error("there is no open gate `{0}`; it was decided before, has expired, or its cycle is closed")]
    NoGate(Box<RequestKey>),
    #[error("the piece has changed since it was shown; look at it again and decide on what it is now")]
    OtherPins,
    #[error("the gate expired at {0}, before the decision")]
    Expired(Timestamp),
    #[error("`{0}` has approved this already; another person has to")]
    Twice(String),
    #[error("`{0}` wrote or edited this, so another person has to approve it")]
    OwnWork(String),
    #[error("a piece cannot be sent back to `{to}` from here; {}", back_to(.back))]
    NotBack { to: StepId, back: Vec<StepId> },
    #[error("who sends a piece back says what is to be made otherwise")]
    NoReason,
    #[error("there is no effect in doubt under `{0}`")]
    NoDoubt(Box<RequestKey>),
}

fn back_to(steps: &[StepId]) -> String {
    let names: Vec<String> = steps.iter().map(|step| format!("`{step}`")).collect();
    match names.as_slice() {
        [] => "it names no step to send back to, or the rounds are used up".to_owned(),
        names => format!("it may go back to {}", names.join(" or ")),
    }
}

/// The effects in doubt of a cycle from its journal alone, in the order of their keys: what [`super::Cycle::in_doubt`] says
/// of the same entries, without the workflow.
pub fn doubts(entries: &[Entry]) -> Vec<Doubt> {
    let mut sent: BTreeMap<&RequestKey, &Publish> = BTreeMap::new();
    let mut doubts: BTreeMap<RequestKey, Doubt> = BTreeMap::new();
    for entry in entries {
        match entry {
            Entry::Asked { key, request: Some(request), .. } => {
                if let Request::Publish(publish) = request.as_ref() {
                    sent.insert(key, publish);
                }
            }
            Entry::Replied { key, reply } => {
                let probed = probed_key(key);
                let message = match reply {
                    Reply::Failed(Failure { kind: FailureKind::InDoubt, message, .. }) => Some(Some(message.clone())),
                    Reply::Failed(failure) if probed.is_some() => Some(Some(failure.message.clone())),
                    Reply::Placed(_) => None,
                    // A channel that answers a question with something else has not answered it.
                    _ if probed.is_some() => Some(None),
                    _ => None,
                };
                let key = probed.unwrap_or_else(|| key.clone());
                match (message, sent.get(&key)) {
                    (Some(message), Some(publish)) => {
                        let step = key.task.step.clone();
                        let doubt = Doubt { key: key.clone(), step, publish: Publish::clone(publish), message };
                        doubts.entry(key).or_insert(doubt);
                    }
                    _ => {
                        doubts.remove(&key);
                    }
                }
            }
            Entry::Failed { task, .. } => doubts.retain(|key, _| key.task != *task),
            Entry::Closed { .. } => doubts.clear(),
            _ => {}
        }
    }
    doubts.into_values().collect()
}

/// All that waits for people.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Gates {
    open: BTreeMap<RequestKey, OpenGate>,
    by_opening: BTreeMap<u64, RequestKey>,
    by_expiry: BTreeSet<(Timestamp, RequestKey)>,
    by_nudge: BTreeSet<(Timestamp, RequestKey)>,
    pub doubts: BTreeMap<RequestKey, Doubt>,
}

impl Gates {
    pub fn open(&mut self, gate: OpenGate) {
        self.by_opening.insert(gate.opened, gate.key.clone());
        if let Some(at) = gate.approve.expires {
            self.by_expiry.insert((at, gate.key.clone()));
        }
        self.by_nudge.extend(gate.next_nudge().map(|next| (next.at, gate.key.clone())));
        self.open.insert(gate.key.clone(), gate);
    }

    pub fn close(&mut self, key: &RequestKey) {
        if let Some(gate) = self.open.remove(key) {
            self.by_opening.remove(&gate.opened);
            if let Some(at) = gate.approve.expires {
                self.by_expiry.remove(&(at, key.clone()));
            }
            if let Some(next) = gate.next_nudge() {
                self.by_nudge.remove(&(next.at, key.clone()));
            }
        }
    }

    /// Counts a decision; `Some` when the gate is decided by it and closed.
    pub fn take(&mut self, key: &RequestKey, decision: Decision) -> Option<Decision> {
        let gate = self.open.get_mut(key)?;
        let mut ballot = Ballot { approve: gate.approve.clone(), given: std::mem::take(&mut gate.given) };
        let decided = ballot.take(decision);
        (gate.approve, gate.given) = (ballot.approve, ballot.given);
        if decided.is_some() {
            self.close(key);
        }
        decided
    }

    /// Folds a nudge in. A gate that is not open needs none.
    pub fn nudge(&mut self, key: &RequestKey, nudge: Nudge, at: Timestamp) {
        let Some(gate) = self.open.get_mut(key) else { return };
        if let Some(next) = gate.next_nudge() {
            self.by_nudge.remove(&(next.at, key.clone()));
        }
        gate.nudged.push(Nudged { nudge, at });
        nudges::nudge(&mut gate.approve, nudge);
        self.by_nudge.extend(gate.next_nudge().map(|next| (next.at, key.clone())));
    }

    /// When something happens next at a gate without anybody doing anything: a nudge, or its expiry.
    pub fn next_timer(&self) -> Option<Timestamp> {
        let first = |timers: &BTreeSet<(Timestamp, RequestKey)>| timers.first().map(|(at, _)| *at);
        [first(&self.by_expiry), first(&self.by_nudge)].into_iter().flatten().min()
    }

    /// A nudge that is due at `now`, the longest due first.
    pub fn due(&self, now: Timestamp) -> Option<(&OpenGate, Nudge)> {
        let gate = self.by_nudge.first().filter(|(at, _)| *at <= now).and_then(|(_, key)| self.open.get(key))?;
        Some((gate, gate.next_nudge()?.nudge))
    }

    /// In order of opening.
    pub fn all(&self) -> impl Iterator<Item = &OpenGate> {
        self.by_opening.values().filter_map(|key| self.open.get(key))
    }

    /// How many answers people owe.
    pub fn waiting(&self) -> usize {
        self.open.len() + self.doubts.len()
    }

    /// When the next gate expires.
    pub fn next_expiry(&self) -> Option<Timestamp> {
        self.by_expiry.first().map(|(at, _)| *at)
    }

    /// A gate whose time is over at `now`, the longest over first.
    pub fn overdue(&self, now: Timestamp) -> Option<&OpenGate> {
        self.by_expiry.first().filter(|(at, _)| *at <= now).and_then(|(_, key)| self.open.get(key))
    }

    /// Whether a decision can be taken: it must be about what the gate shows, and made in time.
    pub fn check(&self, key: &RequestKey, decision: &Decision) -> Result<(), Void> {
        let gate = self.open.get(key).ok_or_else(|| Void::NoGate(Box::new(key.clone())))?;
        gate.ballot().check(key, decision)
    }
}
