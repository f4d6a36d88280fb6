//! One cycle as facts: everything the summary, the pages and `--json` say, gathered once from the journal.

use crate::base::{CycleNo, InOrder, ItemId, Money, RequestKey, StepId, TaskId, Timestamp};
use crate::engine::failing;
use crate::engine::{Ballot, Entry, Nudge, Nudged, PersonCap, Sends, Void, Written, doubts, nudges, people};
use crate::model::goods::report::{Bar, Section};
use crate::model::goods::{Allocation, Amendment, Finding, Insight, Opportunity, Receipt, Report, Revision, Scenario};
use crate::model::{CapUnit, Good, GoodKind, Item, Layer, Workflow};
use crate::step::{Approve, Decision, Note, NoteLevel, ParameterChange, Reply, Request};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Where a cycle stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CycleState {
    /// Work is left that needs no person.
    Open,
    /// Only people can move it on.
    Waiting,
    Closed,
}

/// How one step is doing.
#[derive(Clone, Debug, Serialize)]
pub struct StepView {
    pub step: StepId,
    pub verb: String,
    pub layer: Layer,
    pub completed: bool,
    pub done: usize,
    /// Of those done, how many were taken from an earlier cycle's memory.
    pub recalled: usize,
    pub failed: usize,
    pub deferred: usize,
    /// Why the last of those deferred has to wait: `the cap of 300 tokens a day is reached`.
    #[serde(skip)]
    pub deferred_reason: Option<String>,
    pub waiting: usize,
    pub items: usize,
    /// What the step says of itself.
    pub headline: Option<String>,
}

/// A text that was written in this cycle.
#[derive(Clone, Debug, Serialize)]
pub struct PieceView {
    pub item: ItemId,
    pub step: StepId,
    /// `outline` or `draft`.
    pub kind: &'static str,
    pub title: String,
    pub words: usize,
    pub model: String,
    /// Read and written by the model, over all attempts.
    pub tokens: u64,
    pub cost: Option<Money>,
    pub edited: bool,
    pub findings: Vec<Finding>,
}

/// A decision that is awaited.
#[derive(Clone, Debug, Serialize)]
pub struct GateView {
    /// What people type: `o-7f3a1c`.
    pub id: String,
    pub step: StepId,
    pub key: RequestKey,
    /// As it stands now: after an edit, what was edited.
    pub approve: Approve,
    /// Who has approved it, when it takes several people.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub approved_by: Vec<String>,
    /// How many more people have to approve it.
    pub missing: usize,
    /// When it was put to people.
    pub since: Timestamp,
    /// What happened while nobody decided, oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub nudged: Vec<Nudged>,
    /// The next reminder or escalation, and when it is due.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_nudge: Option<Nudged>,
    /// What people have said without deciding it, oldest first.
    #[serde(skip)]
    pub given: Vec<Decision>,
}

impl GateView {
    /// How often people were reminded, and to whom it was escalated: `reminded twice, escalated to head-of-content`. Empty
    /// while nothing happened.
    pub fn nudges(&self) -> String {
        let reminders = self.nudged.iter().filter(|nudged| nudged.nudge == Nudge::Reminded).count();
        let mut words = match reminders {
            0 => Vec::new(),
            1 => vec!["reminded once".to_owned()],
            2 => vec!["reminded twice".to_owned()],
            n => vec![format!("reminded {n} times")],
        };
        if self.nudged.iter().any(|nudged| nudged.nudge == Nudge::Escalated) {
            words.push(format!("escalated to {}", self.approve.nudging.escalate_to.join(", ")));
        }
        words.join(", ")
    }

    /// Whether a decision would be taken, and if not, why.
    ///
    /// # Errors
    /// The reason, for the person who decided.
    pub fn check(&self, decision: &Decision) -> Result<(), Void> {
        Ballot { approve: self.approve.clone(), given: self.given.clone() }.check(&self.key, decision)
    }
}

/// A piece of which nobody knows whether it went out.
#[derive(Clone, Debug, Serialize)]
pub struct DoubtView {
    /// What people type: the piece's key, which the receiver got as well.
    pub id: String,
    pub step: StepId,
    pub channel: String,
    pub title: String,
    /// What the channel said, when it said something.
    pub message: Option<String>,
}

/// A cap and how much of it is used in the window of this cycle.
#[derive(Clone, Debug, Serialize)]
pub struct CapView {
    pub cap: String,
    pub unit: CapUnit,
    pub per: &'static str,
    pub window: String,
    pub used: i64,
    pub most: i64,
}

/// A cap on what one person gets, and how many people are near it in its window.
#[derive(Clone, Debug, Serialize)]
pub struct PeopleCapView {
    /// `workflow`, or the channel as `channel letters`.
    pub cap: String,
    pub most: u32,
    pub per: &'static str,
    pub window: String,
    /// People who were written to in the window.
    pub people: usize,
    /// Of these, who get nothing more in it.
    pub at_limit: usize,
}

impl PeopleCapView {
    /// `at most 2 a week to one person; in 2026-W48 328 people were written to, 12 of them get no more`
    pub fn says(&self) -> String {
        let were = if self.people == 1 { "1 person was".to_owned() } else { format!("{} people were", self.people) };
        let more = match (self.people, self.at_limit) {
            (0, _) | (_, 0) => String::new(),
            (people, full) if people == full => " and get no more".to_owned(),
            (_, 1) => ", 1 of them gets no more".to_owned(),
            (_, full) => format!(", {full} of them get no more"),
        };
        format!("at most {} a {} to one person; in {} {were} written to{more}", self.most, self.per, self.window)
    }
}

/// How the caps on people stand in the windows that `now` is in.
pub fn people_caps(workflow: &Workflow, written: &Written, now: Timestamp) -> Vec<PeopleCapView> {
    let view = |cap: PersonCap| {
        let window = cap.per.key(now, &workflow.zone, CycleNo(0));
        let (people, at_limit) = written.standing(&cap, &window);
        PeopleCapView { cap: cap.owner, most: cap.most, per: cap.per.name(), window, people, at_limit }
    };
    people::of_workflow(workflow).into_iter().map(view).collect()
}

impl CapView {
    /// An amount as people write it: `USD 20.00`, `1,200`.
    pub fn amount(&self, value: i64) -> String {
        match &self.unit {
            CapUnit::Money(currency) => format!("{} {:.2}", currency.to_uppercase(), value as f64 / 1e6),
            CapUnit::Pieces | CapUnit::Tokens | CapUnit::Sends => super::style::grouped(usize::try_from(value).unwrap_or(0)),
        }
    }

    /// The window in words: `a week`, `in this cycle`.
    pub fn every(&self) -> String {
        if self.per == "cycle" { "in this cycle".to_owned() } else { format!("a {}", self.per) }
    }

    /// Whether nothing more goes through in this window.
    pub fn is_reached(&self) -> bool {
        self.most > 0 && self.used >= self.most
    }

    /// What stands behind an amount: ` pieces`, ` tokens`, or nothing behind money.
    pub fn unit_word(&self) -> &'static str {
        match &self.unit {
            CapUnit::Pieces => " pieces",
            CapUnit::Tokens => " tokens",
            CapUnit::Money(_) | CapUnit::Sends => "",
        }
    }
}

/// Something that went wrong for one task.
#[derive(Clone, Debug, Serialize)]
pub struct FailureView {
    pub task: TaskId,
    pub message: String,
    pub help: Option<String>,
    /// What its step wants done: a sentence without its period. None when it is left out, and the rest goes on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub then: Option<String>,
}

/// A note with the step that made it.
#[derive(Clone, Debug, Serialize)]
pub struct NoteView {
    pub step: StepId,
    #[serde(flatten)]
    pub note: Note,
}

/// How many leads are in a state.
#[derive(Clone, Debug, Serialize)]
pub struct LeadsView {
    pub state: String,
    pub leads: usize,
    pub to: Option<String>,
}

/// A change that is proposed to the Client OS.
#[derive(Clone, Debug, Serialize)]
pub struct AmendmentView {
    /// What people type: `a-7f3a1c`.
    pub id: String,
    pub item: ItemId,
    #[serde(flatten)]
    pub amendment: Amendment,
}

impl AmendmentView {
    pub fn new(item: &Item, amendment: &Amendment) -> AmendmentView {
        AmendmentView { id: handle(item), item: item.id, amendment: amendment.clone() }
    }
}

/// One cycle.
#[derive(Clone, Debug, Serialize)]
pub struct CycleView {
    pub workflow: String,
    pub cycle: CycleNo,
    pub now: Timestamp,
    pub zone: String,
    pub recorded: bool,
    pub state: CycleState,
    /// The version of the Client OS that it reads.
    pub client_os: String,
    /// What people did beside the cycles before it opened: it is in force here.
    pub decided: Vec<String>,
    pub steps: Vec<StepView>,
    pub opportunities: Vec<Opportunity>,
    pub written: Vec<PieceView>,
    pub waiting: Vec<GateView>,
    /// Gates at which as many items wait as may, with how many that are: production is held back there.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub full: Vec<(StepId, usize)>,
    pub in_doubt: Vec<DoubtView>,
    pub published: Vec<Receipt>,
    pub leads: Vec<LeadsView>,
    pub insights: Vec<Insight>,
    /// What alarms were raised, each as the step that raised it and what it says.
    #[serde(skip)]
    pub alarms: Vec<(StepId, String)>,
    /// Divisions of budgets, without the ways the world may be.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allocations: Vec<Shown<Allocation>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub scenarios: Vec<Shown<Scenario>>,
    pub changes: Vec<ParameterChange>,
    pub reports: Vec<Report>,
    /// Changes that are proposed to the Client OS, with what people type for them.
    pub amendments: Vec<AmendmentView>,
    pub notes: Vec<NoteView>,
    pub failures: Vec<FailureView>,
    /// Work that waits for the next cycle: step and title.
    pub deferred: Vec<(StepId, String)>,
    pub caps: Vec<CapView>,
    /// Caps on what one person gets.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub people_caps: Vec<PeopleCapView>,
}

/// A good with what people type for it, as in `loopctl trace`.
#[derive(Clone, Debug, Serialize)]
pub struct Shown<G> {
    pub id: String,
    #[serde(flatten)]
    pub good: G,
}

/// What people type for an item: the first letter of its kind and the start of its id.
pub fn handle(item: &Item) -> String {
    format!("{}-{}", &item.kind().name()[..1], item.id.short())
}

/// The place of a piece in the cycle that chose it; what was chosen earlier and waited comes first.
fn rank(good: &Good) -> u32 {
    match good {
        Good::Opportunity(opportunity) => opportunity.rank,
        Good::Brief(brief) => brief.rank,
        Good::Outline(outline) => outline.brief.rank,
        good => good.piece().map_or(0, |draft| draft.brief.rank),
    }
}

/// All items of a cycle by id: those it made and those it got from the last one.
pub fn items(entries: &[Entry]) -> BTreeMap<ItemId, &Item> {
    let mut items = BTreeMap::new();
    for entry in entries {
        match entry {
            Entry::Opened { carry, .. } => {
                items.extend(carry.ancestors.iter().chain(carry.deferred.values().flatten()).map(|item| (item.id, item)))
            }
            Entry::Done { items: made, .. } => items.extend(made.iter().map(|item| (item.id, &**item))),
            _ => {}
        }
    }
    items
}

impl CycleView {
    /// `entries` are one cycle's, in order; `None` when they do not start with `Opened`.
    pub fn gather(workflow: &Workflow, entries: &[Entry]) -> Option<CycleView> {
        let Entry::Opened { pins, carry } = entries.first()? else { return None };
        let mut view = CycleView {
            workflow: pins.workflow.to_string(),
            cycle: pins.cycle,
            now: pins.now,
            zone: workflow.zone.iana_name().unwrap_or("UTC").to_owned(),
            recorded: workflow.recorded_from.is_some(),
            state: CycleState::Open,
            client_os: pins.client_os_digest.short(12),
            decided: pins.operations.iter().map(|operation| operation.says()).collect(),
            steps: workflow.steps.iter().map(StepView::new).collect(),
            opportunities: Vec::new(),
            written: Vec::new(),
            waiting: Vec::new(),
            full: Vec::new(),
            in_doubt: Vec::new(),
            published: Vec::new(),
            leads: Vec::new(),
            insights: Vec::new(),
            alarms: Vec::new(),
            allocations: Vec::new(),
            scenarios: Vec::new(),
            changes: Vec::new(),
            reports: Vec::new(),
            amendments: Vec::new(),
            notes: Vec::new(),
            failures: Vec::new(),
            deferred: Vec::new(),
            caps: Vec::new(),
            people_caps: Vec::new(),
        };
        let items = items(entries);
        let index: BTreeMap<&StepId, usize> = workflow.steps.iter().enumerate().map(|(at, step)| (&step.id, at)).collect();
        let mut ledger = carry.ledger.clone();
        let mut reserved: BTreeMap<(&str, &str, &TaskId), i64> = BTreeMap::new();
        // In the order in which they opened, which is the order of rank.
        let mut gates: Vec<(&RequestKey, Ballot)> = Vec::new();
        let mut nudged: BTreeMap<&RequestKey, Vec<Nudged>> = BTreeMap::new();
        let mut asked_at: BTreeMap<&RequestKey, Timestamp> = BTreeMap::new();
        let mut unanswered: BTreeSet<&RequestKey> = BTreeSet::new();
        let mut closed = false;
        for entry in entries {
            let mut step = |id: &StepId, change: &mut dyn FnMut(&mut StepView)| {
                if let Some(at) = index.get(id) {
                    change(&mut view.steps[*at]);
                }
            };
            match entry {
                Entry::Opened { .. } => {}
                Entry::Asked { key, request, at, .. } => {
                    if let Some(Request::Approve(approve)) = request.as_deref() {
                        asked_at.insert(key, at.unwrap_or(pins.now));
                        gates.push((key, Ballot::new(approve.clone())));
                    } else {
                        unanswered.insert(key);
                    }
                }
                Entry::Replied { key, reply } => {
                    unanswered.remove(key);
                    if let Reply::Decided(decision) = reply {
                        gates.retain_mut(|(open, ballot)| *open != key || ballot.take(decision.clone()).is_none());
                    }
                }
                Entry::Done { task, items, headline, notes, parameters, recalled, back, .. } => {
                    step(&task.step, &mut |step| {
                        step.done += 1;
                        step.recalled += usize::from(*recalled);
                        let given = items.iter().filter(|item| item.kind() != GoodKind::Rejection && back.is_none());
                        step.items += given.count();
                        // A task of one item speaks for itself only.
                        if headline.is_some() && task.item.is_none() {
                            step.headline.clone_from(headline);
                        }
                    });
                    view.notes.extend(notes.iter().map(|note| NoteView { step: task.step.clone(), note: note.clone() }));
                    view.changes.extend(parameters.iter().cloned());
                    for item in items {
                        view.take(item);
                    }
                }
                Entry::Failed { task, message, help } => {
                    // Nobody is asked about what was called off or has run out of time.
                    gates.retain(|(open, _)| open.task != *task);
                    step(&task.step, &mut |step| step.failed += 1);
                    let tried = task.item.map(|item| carry.waited.get(&item).map_or(0, |waited| waited.failed) + 1);
                    let then = workflow.step(&task.step).and_then(|step| failing::says(step, tried));
                    view.failures.push(FailureView { task: task.clone(), message: message.clone(), help: help.clone(), then });
                }
                // What it is about fails with it, and says so.
                Entry::Cancelled { .. } => {}
                // People are counted for all entries together.
                Entry::Addressed { .. } => {}
                Entry::Deferred { task, reason } => {
                    step(&task.step, &mut |step| {
                        step.deferred += 1;
                        step.deferred_reason = Some(reason.clone());
                    });
                    let title = task.item.and_then(|id| items.get(&id)).map_or_else(String::new, |item| item.good.title());
                    view.deferred.push((task.step.clone(), title));
                }
                Entry::Reserved { cap, window, task, amount, .. } => {
                    ledger.add(cap, window, *amount);
                    reserved.insert((cap, window, task), *amount);
                }
                Entry::Settled { cap, window, task, amount } => {
                    let before = reserved.remove(&(cap.as_str(), window.as_str(), task)).unwrap_or(0);
                    ledger.add(cap, window, amount - before);
                }
                Entry::Nudged { key, nudge, at } => {
                    if let Some((_, ballot)) = gates.iter_mut().find(|(open, _)| *open == key) {
                        nudges::nudge(&mut ballot.approve, *nudge);
                    }
                    nudged.entry(key).or_default().push(Nudged { nudge: *nudge, at: *at });
                }
                Entry::Completed { step: id } => step(id, &mut |step| step.completed = true),
                Entry::Closed { .. } => closed = true,
            }
        }
        for (key, ballot) in gates {
            let approve = &ballot.approve;
            if let Some(at) = index.get(&key.task.step) {
                view.steps[*at].waiting += 1;
            }
            let id = items.get(&approve.item).map_or_else(|| approve.item.short(), |item| handle(item));
            let approved_by = ballot.approvers().into_iter().map(str::to_owned).collect();
            let (nudged, since) = (nudged.remove(key).unwrap_or_default(), asked_at.get(key).copied().unwrap_or(pins.now));
            let next_nudge = nudges::next_nudge(approve, since, &nudged);
            let (missing, step, key) = (ballot.missing(), key.task.step.clone(), key.clone());
            let Ballot { approve, given } = ballot;
            view.waiting.push(GateView { id, step, key, approved_by, missing, since, nudged, next_nudge, approve, given });
        }
        for step in &workflow.steps {
            let waiting = view.waiting.iter().filter(|gate| gate.step == step.id).count();
            let most = step.config.integer("queue").and_then(|most| usize::try_from(most).ok()).filter(|most| *most > 0);
            view.full.extend(most.filter(|most| waiting >= *most).map(|most| (step.id.clone(), most)));
        }
        for doubt in doubts(entries) {
            unanswered.retain(|key| **key != doubt.key);
            if let Some(at) = index.get(&doubt.step) {
                view.steps[*at].waiting += 1;
            }
            view.in_doubt.push(DoubtView {
                id: doubt.publish.key,
                step: doubt.step,
                channel: doubt.publish.channel,
                title: doubt.publish.title,
                message: doubt.message,
            });
        }
        // Answers arrive in any order; people read by step and rank, and two runs of the same thing read the same.
        let done = entries.iter().filter_map(|entry| match entry {
            Entry::Done { task, items, .. } => Some((index.get(&task.step), items)),
            _ => None,
        });
        let mut made: Vec<(Option<&usize>, &Item)> =
            done.flat_map(|(at, items)| items.iter().map(move |item| (at, &**item))).collect();
        made.order_by_key(|(at, _)| *at);
        let raises = |step: &StepId| workflow.step(step).is_some_and(|step| step.verb == "anomaly");
        view.alarms = made
            .iter()
            .filter_map(|(_, item)| match &item.good {
                Good::Insight(insight) if raises(&item.made_by) => Some((item.made_by.clone(), insight.says.clone())),
                _ => None,
            })
            .collect();
        view.insights = made
            .into_iter()
            .filter_map(|(_, item)| if let Good::Insight(insight) = &item.good { Some(insight.clone()) } else { None })
            .collect();
        view.notes.order_by_key(|note| index.get(&note.step).copied());
        view.failures.order_by_key(|failure| (index.get(&failure.task.step).copied(), failure.task.item));
        view.deferred.order_by_key(|(step, _)| index.get(step).copied());
        let place = |step: &StepId, item: &ItemId| (index.get(step).copied(), items.get(item).map(|item| rank(&item.good)));
        view.written.order_by_key(|piece| place(&piece.step, &piece.item));
        view.waiting.order_by_key(|gate| place(&gate.step, &gate.approve.item));
        view.published.order_by_key(|receipt| items.get(&receipt.placement).map(|item| rank(&item.good)));
        view.caps = caps(workflow, &ledger, pins.now, pins.cycle);
        // People are counted by the clock on the wall: in the window of the last piece.
        let last = entries.iter().rev().find_map(|entry| match entry {
            Entry::Addressed { to, .. } => Some(to.audience.at),
            _ => None,
        });
        let written = Sends::of(entries).together(&carry.written);
        view.people_caps = people_caps(workflow, &written, last.map_or(pins.now, |last| last.max(pins.now)));
        view.leads = leads(&items);
        view.state = match (closed, view.waiting.is_empty() && view.in_doubt.is_empty()) {
            (true, _) => CycleState::Closed,
            (false, false) if unanswered.is_empty() => CycleState::Waiting,
            _ => CycleState::Open,
        };
        Some(view)
    }

    fn take(&mut self, item: &Item) {
        let piece =
            |kind, title: &str, text: &str, writer: &crate::model::goods::Writer, revision: &Revision, findings: &[Finding]| {
                PieceView {
                    item: item.id,
                    step: item.made_by.clone(),
                    kind,
                    title: title.to_owned(),
                    words: text.split_whitespace().count(),
                    model: writer.model.clone(),
                    tokens: writer.tokens,
                    cost: writer.cost.clone(),
                    edited: matches!(revision, Revision::Edited { .. }),
                    findings: findings.to_vec(),
                }
            };
        match &item.good {
            Good::Opportunity(opportunity) => self.opportunities.push(opportunity.clone()),
            // A gate hands on what was written before; only the writing counts.
            Good::Outline(outline) if outline.approved_by.is_none() => {
                self.written.push(piece(
                    "outline",
                    &outline.title,
                    &outline.text,
                    &outline.writer,
                    &outline.revision,
                    &outline.findings,
                ));
            }
            Good::Draft(draft) if draft.approved_by.is_none() => {
                self.written.push(piece("draft", &draft.title, &draft.text, &draft.writer, &draft.revision, &draft.findings));
            }
            Good::Asset(asset) if asset.draft.approved_by.is_none() => {
                let draft = &asset.draft;
                let title = item.good.title();
                self.written.push(piece("asset", &title, &draft.text, &draft.writer, &draft.revision, &draft.findings));
            }
            Good::Receipt(receipt) => self.published.push(receipt.clone()),
            // Taken in order of the steps when all entries are read.
            Good::Insight(_) => {}
            Good::Allocation(allocation) => {
                let good = Allocation { ways: Vec::new(), ..allocation.clone() };
                self.allocations.push(Shown { id: handle(item), good });
            }
            Good::Scenario(scenario) => self.scenarios.push(Shown { id: handle(item), good: scenario.clone() }),
            Good::Report(report) => self.reports.push(report.clone()),
            Good::Amendment(amendment) => self.amendments.push(AmendmentView::new(item, amendment)),
            _ => {}
        }
    }

    /// What was missing or left out.
    pub fn warnings(&self) -> impl Iterator<Item = &NoteView> {
        self.notes.iter().filter(|note| note.note.level == NoteLevel::Warning)
    }

    /// The steps of a layer, in file order.
    pub fn layer(&self, layer: Layer) -> impl Iterator<Item = &StepView> {
        self.steps.iter().filter(move |step| step.layer == layer)
    }

    pub fn step(&self, id: &StepId) -> Option<&StepView> {
        self.steps.iter().find(|step| &step.step == id)
    }
}

impl StepView {
    fn new(step: &crate::model::Step) -> StepView {
        StepView {
            step: step.id.clone(),
            verb: step.verb.to_string(),
            layer: step.layer,
            completed: false,
            done: 0,
            recalled: 0,
            failed: 0,
            deferred: 0,
            deferred_reason: None,
            waiting: 0,
            items: 0,
            headline: None,
        }
    }
}

/// How the caps stand in the window that `now` is in.
pub fn caps(workflow: &Workflow, ledger: &crate::engine::Ledger, now: Timestamp, cycle: CycleNo) -> Vec<CapView> {
    workflow
        .steps
        .iter()
        .flat_map(|step| &step.caps)
        .chain(&workflow.caps)
        // Each person has a count of their own: see [`people_caps`].
        .filter(|cap| cap.unit != CapUnit::Sends)
        .map(|cap| {
            let window = cap.per.key(now, &workflow.zone, cycle);
            CapView {
                cap: cap.key.clone(),
                unit: cap.unit.clone(),
                per: cap.per.name(),
                used: ledger.used(&crate::engine::caps::ledger_name(cap), &window),
                window,
                most: cap.most,
            }
        })
        .collect()
}

fn leads(items: &BTreeMap<ItemId, &Item>) -> Vec<LeadsView> {
    let mut states: BTreeMap<(&str, Option<&str>), usize> = BTreeMap::new();
    for item in items.values() {
        if let Good::Lead(lead) = &item.good
            && let Some(state) = &lead.state
        {
            *states.entry((state, lead.to.as_deref())).or_default() += 1;
        }
    }
    states
        .into_iter()
        .map(|((state, to), leads)| LeadsView { state: state.to_owned(), leads, to: to.map(str::to_owned) })
        .collect()
}

/// The cycle's own facts as report sections, for the pages.
pub fn sections(view: &CycleView) -> Vec<Section> {
    let mut sections = Vec::new();
    let mut add = |title: &str, says: Vec<String>, bars: Vec<Bar>, unit: &str| {
        if !says.is_empty() || !bars.is_empty() {
            sections.push(Section { title: title.to_owned(), says, bars, unit: unit.to_owned() });
        }
    };
    let reads = (!view.decided.is_empty()).then(|| format!("This cycle reads Client OS {}.", view.client_os));
    add("What people decided since the last cycle", view.decided.iter().cloned().chain(reads).collect(), Vec::new(), "");
    let sensed =
        view.layer(Layer::Intelligence).filter_map(|step| step.headline.as_ref().map(|line| format!("{}: {line}.", step.step)));
    add("What was sensed", sensed.collect(), Vec::new(), "");
    let bars =
        view.opportunities.iter().take(10).map(|o| Bar { label: o.title.clone(), value: o.score, interval: None }).collect();
    let says = view.opportunities.iter().take(10).map(|opportunity| {
        let rules: Vec<String> = opportunity
            .breakdown
            .iter()
            .map(|rule| format!("{} {:.2} × {:.2}", rule.rule, rule.value.unwrap_or(0.5), rule.weight))
            .collect();
        format!("{}. {}: {:.2} = {}.", opportunity.rank, opportunity.title, opportunity.score, rules.join(" + "))
    });
    add("What was chosen, and why", says.collect(), bars, "score");
    for section in super::budget::sections(view) {
        add(&section.title, section.says, section.bars, &section.unit);
    }
    let says =
        view.written.iter().map(|piece| format!("{} “{}”, {} words, by {}.", piece.kind, piece.title, piece.words, piece.model));
    add("What was written", says.collect(), Vec::new(), "");
    let says = view.published.iter().map(|receipt| format!("“{}” on {}: {}.", receipt.title, receipt.channel, receipt.location));
    add("What went out", says.collect(), Vec::new(), "");
    let says = view.leads.iter().map(|leads| format!("{}: {}.", leads.state, leads.leads));
    add("Leads", says.collect(), Vec::new(), "");
    let says =
        view.changes.iter().map(|change| format!("{}: {:.3} → {:.3}. {}", change.path, change.old, change.new, change.evidence));
    add("What changes in the next cycle", says.collect(), Vec::new(), "");
    let failures = view.failures.iter().map(|failure| format!("{}: {}.", failure.task.step, failure.message));
    let says = failures.chain(view.warnings().map(|warning| format!("{}: {}", warning.step, warning.note.text)));
    add("What was missing", says.collect(), Vec::new(), "");
    sections
}
