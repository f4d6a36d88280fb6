//! How people decide: per gate and per person, over any number of cycles. What takes long, what is changed every time and what
//! is turned down for the same reason tells what the steps before the gate do not do well yet.

use crate::base::{InOrder, ItemId, RequestKey, Timestamp};
use crate::engine::{Ballot, Entry};
use crate::model::Act;
use crate::model::found::{Change, Found};
use crate::model::goods::share_changed;
use crate::stats::kappa;
use crate::step::{Decision, Reply, Request, Verdict};
use serde::Serialize;
use std::collections::BTreeMap;

/// How often each decision was made, and what it took. Times are hours, from when an item was put to people.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Tally {
    pub approved: usize,
    pub edited: usize,
    pub rejected: usize,
    /// Sent back to be made again.
    pub sent_back: usize,
    pub expired: usize,
    /// The middle one of the times to decide, in hours; `None` before the first decision that is dated.
    pub hours_median: Option<f64>,
    /// Nine of ten decisions took no longer, in hours.
    pub hours_most: Option<f64>,
    /// The middle one of the shares of words that edits changed, from 0 to 1.
    pub edit_share: Option<f64>,
    /// Reasons of rejections and of what was sent back, the most frequent first; one without a reason is not among them.
    pub reasons: Vec<Reason>,
}

/// A reason and how often it was given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reason {
    pub reason: String,
    pub times: usize,
}

/// One gate over all cycles.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct GateStats {
    pub gate: String,
    /// How many items came to it.
    pub asked: usize,
    /// How many of them wait.
    pub waiting: usize,
    #[serde(flatten)]
    pub all: Tally,
    pub people: Vec<PersonStats>,
    /// The judges whose word stood beside what came here.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub judges: Vec<JudgeStats>,
}

/// How far a model that judges pieces agrees with the people who decide about them.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct JudgeStats {
    pub judge: String,
    pub both_yes: u64,
    /// The judge would let it out, people did not.
    pub judge_only: u64,
    pub people_only: u64,
    pub both_no: u64,
    /// Cohen's kappa; `None` when it is not defined.
    pub kappa: Option<f64>,
    /// Its 95 % interval.
    pub low: Option<f64>,
    pub high: Option<f64>,
    /// What that means for relying on it.
    pub says: String,
}

impl JudgeStats {
    fn new(judge: String, table: &kappa::Table) -> JudgeStats {
        let found = table.kappa(0.95);
        JudgeStats {
            judge,
            both_yes: table.both_yes,
            judge_only: table.first_only,
            people_only: table.second_only,
            both_no: table.both_no,
            kappa: found.map(|kappa| kappa.estimate),
            low: found.map(|kappa| kappa.low),
            high: found.map(|kappa| kappa.high),
            says: kappa::words(table),
        }
    }
}

/// An edit that leaves this share of the words alone is a yes to the piece.
const SMALL_EDIT: f64 = 0.2;

/// Whether a person said yes to a piece as it was; `None` when nobody did anything.
fn yes(decision: &Decision, shown: &str) -> Option<bool> {
    match &decision.verdict {
        Verdict::Approve => Some(true),
        Verdict::Edit { text } => Some(share_changed(shown, text) < SMALL_EDIT),
        Verdict::Reject { .. } | Verdict::SendBack { .. } => Some(false),
        Verdict::Expired { .. } => None,
    }
}

/// What one person decided at one gate.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct PersonStats {
    pub person: String,
    #[serde(flatten)]
    pub tally: Tally,
}

/// What is counted before it is summed up.
#[derive(Default)]
struct Count {
    tally: Tally,
    hours: Vec<f64>,
    edits: Vec<f64>,
    reasons: BTreeMap<String, usize>,
}

#[derive(Default)]
struct Gate {
    asked: usize,
    waiting: usize,
    all: Count,
    people: BTreeMap<String, Count>,
    judges: BTreeMap<String, kappa::Table>,
}

/// Counts cycles in any order.
#[derive(Default)]
pub struct GateCounter {
    gates: BTreeMap<String, Gate>,
}

impl GateCounter {
    /// Takes in one cycle, from its entries in order.
    pub fn add(&mut self, entries: &[Entry]) {
        let Some(Entry::Opened { pins, .. }) = entries.first() else { return };
        for operation in &pins.operations {
            if let Act::Found(found) = &operation.act {
                self.found(found, &operation.by);
            }
        }
        let mut open: BTreeMap<&RequestKey, (Timestamp, Ballot)> = BTreeMap::new();
        // What a judge said, by item.
        let mut judged: BTreeMap<ItemId, (&str, bool)> = BTreeMap::new();
        for entry in entries {
            match entry {
                Entry::Done { items, .. } => judged.extend(items.iter().filter_map(|item| {
                    let judgement = item.good.piece()?.judged.as_ref()?;
                    Some((item.id, (judgement.provider.as_str(), judgement.pass)))
                })),
                Entry::Asked { key, request: Some(request), at, .. } => {
                    if let Request::Approve(approve) = request.as_ref() {
                        self.gates.entry(key.task.step.to_string()).or_default().asked += 1;
                        // Journals of earlier versions did not date it; a gate opens soon after its cycle.
                        open.insert(key, (at.unwrap_or(pins.now), Ballot::new(approve.clone())));
                    }
                }
                Entry::Replied { key, reply: Reply::Decided(decision) } => {
                    let Some((since, ballot)) = open.get_mut(key) else { continue };
                    let gate = self.gates.entry(key.task.step.to_string()).or_default();
                    gate.all.add(decision, *since, &ballot.approve.text);
                    if !matches!(decision.verdict, Verdict::Expired { .. }) {
                        let person = gate.people.entry(decision.by.trim().to_owned()).or_default();
                        person.add(decision, *since, &ballot.approve.text);
                    }
                    if let (Some((judge, pass)), Some(yes)) =
                        (judged.get(&ballot.approve.item), yes(decision, &ballot.approve.text))
                    {
                        gate.judges.entry((*judge).to_owned()).or_default().add(*pass, yes);
                    }
                    if ballot.take(decision.clone()).is_some() {
                        open.remove(key);
                    }
                }
                Entry::Closed { .. } => open.clear(),
                _ => {}
            }
        }
        for key in open.keys() {
            self.gates.entry(key.task.step.to_string()).or_default().waiting += 1;
        }
    }

    /// What people do to pieces in a channel is their decision too, made after the gates.
    fn found(&mut self, found: &Found, by: &str) {
        let gate = self.gates.entry(format!("channel {}", found.channel)).or_default();
        let counts = [&mut gate.all, gate.people.entry(by.to_owned()).or_default()];
        for count in counts {
            match &found.change {
                Change::Edited(words) => {
                    count.tally.edited += 1;
                    count.edits.push(words.share());
                }
                Change::Withdrawn | Change::Gone => count.tally.rejected += 1,
                Change::Back => count.tally.approved += 1,
            }
        }
        gate.asked += 1;
    }

    /// By the gates' names; people by how much they decided.
    pub fn stats(self) -> Vec<GateStats> {
        let of = |(gate, counted): (String, Gate)| {
            let mut people: Vec<PersonStats> =
                counted.people.into_iter().map(|(person, count)| PersonStats { person, tally: count.sum() }).collect();
            let judges = counted.judges.iter().map(|(judge, table)| JudgeStats::new(judge.clone(), table)).collect();
            people.order_by_key(|person| std::cmp::Reverse(person.tally.decisions()));
            GateStats { gate, asked: counted.asked, waiting: counted.waiting, all: counted.all.sum(), people, judges }
        };
        self.gates.into_iter().map(of).collect()
    }
}

impl Tally {
    /// How many decisions these are.
    pub fn decisions(&self) -> usize {
        self.approved + self.edited + self.rejected + self.sent_back + self.expired
    }
}

impl Count {
    fn add(&mut self, decision: &Decision, since: Timestamp, shown: &str) {
        match &decision.verdict {
            Verdict::Approve => self.tally.approved += 1,
            Verdict::Edit { text } => {
                self.tally.edited += 1;
                self.edits.push(share_changed(shown, text));
            }
            Verdict::Reject { reason } => {
                self.tally.rejected += 1;
                if let Some(reason) = reason.as_deref().map(str::trim).filter(|reason| !reason.is_empty()) {
                    *self.reasons.entry(reason.to_owned()).or_default() += 1;
                }
            }
            Verdict::SendBack { reason, .. } => {
                self.tally.sent_back += 1;
                *self.reasons.entry(reason.trim().to_owned()).or_default() += 1;
            }
            Verdict::Expired { .. } => {
                self.tally.expired += 1;
                return;
            }
        }
        // A clock that was set back makes no decision faster than at once.
        self.hours.push((decision.at.0 - since.0).max(0) as f64 / 3_600_000.0);
    }

    fn sum(mut self) -> Tally {
        self.tally.hours_median = quantile(&mut self.hours, 0.5);
        self.tally.hours_most = quantile(&mut self.hours, 0.9);
        self.tally.edit_share = quantile(&mut self.edits, 0.5);
        self.tally.reasons = self.reasons.into_iter().map(|(reason, times)| Reason { reason, times }).collect();
        self.tally.reasons.order_by_key(|reason| std::cmp::Reverse(reason.times));
        self.tally
    }
}

/// The smallest value that is not below this share of all values.
fn quantile(values: &mut [f64], share: f64) -> Option<f64> {
    values.order_by(f64::total_cmp);
    let at = ((values.len() as f64 * share).ceil() as usize).saturating_sub(1);
    values.get(at).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{CycleNo, Digest, ItemId, StepId, TaskId, WorkflowId};
    use crate::engine::{Carry, Pins};
    use crate::step::Approve;
    use crate::step::request::{ExpiryAction, GateRules};

    const HOUR: i64 = 3_600_000;

    fn key(item: &str) -> RequestKey {
        let item = Some(ItemId(Digest::of(item)));
        RequestKey { cycle: CycleNo(1), task: TaskId { step: StepId::new("editor"), item }, turn: 0, index: 0 }
    }

    fn asked(item: &str, approvals: u32) -> Entry {
        let approve = Approve {
            item: ItemId(Digest::of(item)),
            title: item.to_owned(),
            text: "one two three four".to_owned(),
            by: vec!["editors".to_owned()],
            expires: None,
            on_expiry: ExpiryAction::Reject,
            pins: Digest::of(item),
            rules: GateRules { approvals, ..GateRules::default() },
            nudging: Default::default(),
            again: None,
        };
        let request = Some(Box::new(Request::Approve(approve)));
        Entry::Asked { key: key(item), digest: Digest::of(item), request, at: Some(Timestamp(HOUR)) }
    }

    fn said(item: &str, by: &str, hours: i64, verdict: Verdict) -> Entry {
        let decision = Decision::new(verdict, by, Timestamp((1 + hours) * HOUR), Digest::of(item));
        Entry::Replied { key: key(item), reply: Reply::Decided(decision) }
    }

    fn opened() -> Entry {
        let pins = Pins {
            workflow: WorkflowId::new("w"),
            cycle: CycleNo(1),
            now: Timestamp(0),
            seed: 1,
            workflow_digest: Digest::of("w"),
            client_os_digest: Digest::of("os"),
            sources: BTreeMap::new(),
            beside: Vec::new(),
            operations: Vec::new(),
        };
        Entry::Opened { pins, carry: Box::new(Carry::default()) }
    }

    #[test]
    fn times_edits_and_reasons_are_counted_by_gate_and_person() {
        let no = |reason: &str| Verdict::Reject { reason: Some(reason.to_owned()) };
        let entries = [
            opened(),
            asked("a", 1),
            asked("b", 1),
            asked("c", 2),
            asked("d", 1),
            said("a", "ann", 2, Verdict::Edit { text: "one two three five".to_owned() }),
            said("b", "ann", 4, no("off our pillar")),
            said("c", "bob", 6, Verdict::Approve),
        ];
        let mut counter = GateCounter::default();
        counter.add(&entries);
        let stats = counter.stats();
        let [gate] = &stats[..] else { panic!("one gate: {stats:?}") };
        assert_eq!((gate.gate.as_str(), gate.asked, gate.waiting), ("editor", 4, 2), "one yes of two leaves it open");
        assert_eq!((gate.all.approved, gate.all.edited, gate.all.rejected), (1, 1, 1));
        assert_eq!((gate.all.hours_median, gate.all.hours_most), (Some(4.0), Some(6.0)));
        assert_eq!(gate.all.edit_share, Some(0.25), "one of four words is another");
        assert_eq!(gate.all.reasons, [Reason { reason: "off our pillar".to_owned(), times: 1 }]);
        let people: Vec<_> = gate.people.iter().map(|person| (person.person.as_str(), person.tally.decisions())).collect();
        assert_eq!(people, [("ann", 2), ("bob", 1)]);
    }
}
