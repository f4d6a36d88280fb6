//! A ballot: what one gate shows, and what people have said about it so far.
//!
//! Every decision is a journal entry of its own. Whether the gate is decided by it follows from the request and the decisions
//! before it, and from nothing else; so the live cycle, recovery, and everybody who reads a journal count the same way.

use super::gates::Void;
use crate::base::{Digest, Hasher, RequestKey, Timestamp};
use crate::step::{Approve, Decision, Verdict};

/// One gate as it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Ballot {
    /// What is shown now: after an edit its text and pins are those of the edit.
    pub approve: Approve,
    /// Decisions that did not decide it, oldest first.
    pub given: Vec<Decision>,
}

impl Ballot {
    /// Nobody has said anything yet.
    pub fn new(approve: Approve) -> Ballot {
        Ballot { approve, given: Vec::new() }
    }

    /// Who has approved what is shown now. An edit makes another text, so what was approved before it does not count.
    pub fn approvers(&self) -> Vec<&str> {
        let mut names = Vec::new();
        for decision in &self.given {
            match &decision.verdict {
                Verdict::Approve => names.push(decision.by.as_str()),
                Verdict::Edit { .. } => {
                    names.clear();
                    if !self.approve.rules.no_self_approval {
                        names.push(decision.by.as_str());
                    }
                }
                Verdict::Reject { .. } | Verdict::SendBack { .. } | Verdict::Expired { .. } => {}
            }
        }
        names
    }

    /// How many approvals it still needs.
    pub fn missing(&self) -> usize {
        self.approve.rules.needed().saturating_sub(self.approvers().len())
    }

    /// Whether a decision can be taken: it must be about what is shown, made in time, and by somebody who may make it.
    ///
    /// # Errors
    /// The reason, for the person who decided.
    pub fn check(&self, key: &RequestKey, decision: &Decision) -> Result<(), Void> {
        if decision.pins != self.approve.pins {
            return Err(Void::OtherPins);
        }
        if let Some(at) = self.approve.expires.filter(|at: &Timestamp| decision.at >= *at) {
            return Err(Void::Expired(at));
        }
        let rules = &self.approve.rules;
        match &decision.verdict {
            Verdict::Approve if is_among(&rules.authors, &decision.by) => Err(Void::OwnWork(decision.by.clone())),
            Verdict::Approve if is_among(&self.approvers(), &decision.by) => Err(Void::Twice(decision.by.clone())),
            Verdict::Expired { .. } => Err(Void::NoGate(Box::new(key.clone()))),
            Verdict::SendBack { to, .. } if !rules.back.contains(to) => {
                Err(Void::NotBack { to: to.clone(), back: rules.back.clone() })
            }
            Verdict::SendBack { reason, .. } if reason.trim().is_empty() => Err(Void::NoReason),
            Verdict::SendBack { .. } => Ok(()),
            Verdict::Approve | Verdict::Edit { .. } | Verdict::Reject { .. } => Ok(()),
        }
    }

    /// Counts a decision. `Some` when the gate is decided by it: that decision with the ones before it, as the step gets it.
    pub fn take(&mut self, decision: Decision) -> Option<Decision> {
        match &decision.verdict {
            Verdict::Reject { .. } | Verdict::SendBack { .. } | Verdict::Expired { .. } => return Some(self.close(decision)),
            Verdict::Approve => {}
            Verdict::Edit { text } => {
                self.approve.pins = edited(self.approve.pins, text);
                self.approve.text.clone_from(text);
                if self.approve.rules.no_self_approval && !is_among(&self.approve.rules.authors, &decision.by) {
                    self.approve.rules.authors.push(decision.by.clone());
                }
            }
        }
        self.given.push(decision);
        if self.missing() > 0 {
            return None;
        }
        let last = self.given.pop().expect("just pushed");
        Some(self.close(last))
    }

    fn close(&self, decision: Decision) -> Decision {
        Decision { before: self.given.clone(), ..decision }
    }
}

impl Decision {
    /// The last edit among this decision and those before it: who wrote what, and when.
    pub fn edit(&self) -> Option<(&Decision, &str)> {
        self.before.iter().chain([self]).rev().find_map(|decision| match &decision.verdict {
            Verdict::Edit { text } => Some((decision, text.as_str())),
            _ => None,
        })
    }
}

/// The pins of a text that a person wrote in place of what was shown.
fn edited(shown: Digest, text: &str) -> Digest {
    let mut hasher = Hasher::new();
    hasher.part(shown.bytes()).part(text);
    hasher.finish()
}

/// Names are the same when they differ in case or in space around them.
pub fn is_among(names: &[impl AsRef<str>], name: &str) -> bool {
    let plain = |name: &str| name.trim().to_lowercase();
    names.iter().any(|known| plain(known.as_ref()) == plain(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{CycleNo, ItemId, StepId, TaskId};
    use crate::step::request::{ExpiryAction, GateRules};

    fn ballot(approvals: u32, no_self_approval: bool, authors: &[&str]) -> Ballot {
        let authors = authors.iter().map(|name| (*name).to_owned()).collect();
        Ballot::new(Approve {
            item: ItemId(Digest::of("item")),
            title: "Prices moved".to_owned(),
            text: "text".to_owned(),
            by: vec!["editors".to_owned()],
            expires: None,
            on_expiry: ExpiryAction::Reject,
            pins: Digest::of("text"),
            rules: GateRules { approvals, no_self_approval, authors, back: Vec::new() },
            nudging: Default::default(),
            again: None,
        })
    }

    fn says(ballot: &mut Ballot, by: &str, verdict: Verdict) -> Result<Option<Decision>, Void> {
        let decision = Decision::new(verdict, by, Timestamp(0), ballot.approve.pins);
        let task = TaskId { step: StepId::new("editor"), item: None };
        ballot.check(&RequestKey { cycle: CycleNo(1), task, turn: 0, index: 0 }, &decision)?;
        Ok(ballot.take(decision))
    }

    fn edit(text: &str) -> Verdict {
        Verdict::Edit { text: text.to_owned() }
    }

    #[test]
    fn one_yes_decides_where_nothing_else_is_said() {
        let decided = says(&mut ballot(0, false, &[]), "ann", Verdict::Approve).expect("taken").expect("decided");
        assert_eq!((decided.by.as_str(), decided.before.len()), ("ann", 0));
        let decided = says(&mut ballot(1, false, &[]), "ann", edit("mine")).expect("taken").expect("decided");
        assert_eq!(decided.edit().map(|(by, text)| (by.by.as_str(), text)), Some(("ann", "mine")));
    }

    #[test]
    fn the_first_approver_does_not_count_twice() {
        let mut ballot = ballot(2, false, &[]);
        assert_eq!(says(&mut ballot, "ann", Verdict::Approve), Ok(None));
        assert_eq!(says(&mut ballot, " Ann", Verdict::Approve), Err(Void::Twice(" Ann".to_owned())));
        assert_eq!((ballot.approvers(), ballot.missing()), (vec!["ann"], 1));
        let decided = says(&mut ballot, "bob", Verdict::Approve).expect("taken").expect("decided");
        assert_eq!(decided.before.iter().map(|before| before.by.as_str()).collect::<Vec<_>>(), ["ann"]);
    }

    #[test]
    fn one_no_is_enough_even_after_a_yes_and_from_its_author() {
        let mut ballot = ballot(3, true, &["cleo"]);
        assert_eq!(says(&mut ballot, "ann", Verdict::Approve), Ok(None));
        assert_eq!(says(&mut ballot, "cleo", Verdict::Approve), Err(Void::OwnWork("cleo".to_owned())));
        let decided = says(&mut ballot, "cleo", Verdict::Reject { reason: None }).expect("taken").expect("decided");
        assert_eq!(decided.before.len(), 1);
    }

    #[test]
    fn a_piece_goes_back_only_where_the_gate_says_and_with_a_reason() {
        let mut ballot = ballot(2, false, &[]);
        let back = |to: &str, reason: &str| Verdict::SendBack { to: StepId::new(to), reason: reason.to_owned() };
        let refused = says(&mut ballot, "ann", back("outlines", "thin"));
        assert_eq!(refused, Err(Void::NotBack { to: StepId::new("outlines"), back: Vec::new() }));
        ballot.approve.rules.back = vec![StepId::new("outlines")];
        assert_eq!(says(&mut ballot, "ann", back("outlines", " ")), Err(Void::NoReason));
        assert!(says(&mut ballot, "ann", back("outlines", "thin")).expect("taken").is_some());
    }

    #[test]
    fn an_edit_voids_what_was_approved_before_it() {
        let mut ballot = ballot(2, false, &[]);
        let shown = ballot.approve.pins;
        assert_eq!(says(&mut ballot, "ann", Verdict::Approve), Ok(None));
        assert_eq!(says(&mut ballot, "bob", edit("other")), Ok(None));
        assert_eq!((ballot.approvers(), ballot.approve.text.as_str()), (vec!["bob"], "other"));
        // Who looked at the old text decides about nothing.
        let late = Decision::new(Verdict::Approve, "cleo", Timestamp(0), shown);
        let task = TaskId { step: StepId::new("editor"), item: None };
        assert_eq!(ballot.check(&RequestKey { cycle: CycleNo(1), task, turn: 0, index: 0 }, &late), Err(Void::OtherPins));
        let decided = says(&mut ballot, "ann", Verdict::Approve).expect("taken").expect("decided");
        assert_eq!(decided.edit().map(|(by, text)| (by.by.as_str(), text)), Some(("bob", "other")));
    }

    #[test]
    fn who_edits_cannot_approve_where_self_approval_is_ruled_out() {
        let mut ballot = ballot(1, true, &[]);
        assert_eq!(says(&mut ballot, "ann", edit("mine")), Ok(None), "an edit alone approves nothing");
        assert_eq!(says(&mut ballot, "ann", Verdict::Approve), Err(Void::OwnWork("ann".to_owned())));
        let decided = says(&mut ballot, "bob", Verdict::Approve).expect("taken").expect("decided");
        assert_eq!((decided.by.as_str(), decided.edit().map(|(by, _)| by.by.as_str())), ("bob", Some("ann")));
    }
}
