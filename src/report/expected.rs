//! What the next cycle is expected to ask of models and channels, before it asks: calls, tokens, money, sends.
//!
//! There are two honest sources. The last cycle's journal says what each step really asked for, so the next one is expected to
//! ask for as much, plus what a change makes it do again. Where a step has not run yet, caps say how much it may ask for at
//! most. Where there is neither, nothing is claimed. Caps bound both: what is over a cap is not asked for.
//!
//! A change can bring more than the last cycle had, and what it changes in one step reaches every step behind it: a higher cap on outlines is
//! more drafts and more sends. How much more is not knowable before it is asked, so such a step has a range, from the last cycle's amount to
//! what can come through to it.

use crate::base::{CycleNo, Money, StepId, TaskId};
use crate::builtin::production::writing;
use crate::engine::{Carry, Entry, Reruns};
use crate::model::{CapUnit, Provider, Scalar, Step, Workflow};
use crate::plan::CyclePlan;
use crate::report::view::CapView;
use crate::step::prices;
use crate::step::{Effort, KindSpec, Mode, Registry, Reply};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Where a number comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Basis {
    /// As much as in the last cycle.
    LastCycle,
    /// At most so much, because caps leave no more.
    Caps,
    /// Nothing is known.
    Unknown,
}

/// One step that asks a model or sends.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StepExpected {
    pub step: StepId,
    pub basis: Basis,
    /// Pieces that it is asked to write or send. Unknown, like everything else here, with [`Basis::Unknown`].
    pub pieces: Option<u64>,
    /// Calls of a model; 0 when the provider is the template.
    pub calls: Option<u64>,
    pub tokens: Option<u64>,
    /// None when no price is known.
    pub cost: Option<Money>,
    pub sends: Option<u64>,
    /// Tokens of all answers at most, and what they cost where a price is known. Only with [`Basis::Caps`]: before the first cycle
    /// nobody knows how long a question will be, but answers have an end.
    pub answer_tokens: Option<u64>,
    pub answer_cost: Option<Money>,
    /// It writes without a model.
    pub by_template: bool,
    /// What it may come to because of a change, here or in a step before it; None when the numbers above are the whole estimate.
    pub at_most: Option<Amounts>,
    /// A change reaches it, and nothing bounds what that brings.
    pub open_ended: bool,
}

/// The upper end of an estimate.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Amounts {
    pub pieces: Option<u64>,
    pub calls: Option<u64>,
    pub tokens: Option<u64>,
    pub cost: Option<Money>,
    pub sends: Option<u64>,
}

/// The whole cycle.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Expected {
    /// The cycle that [`Basis::LastCycle`] speaks of.
    pub last_cycle: Option<CycleNo>,
    /// Steps that generate or publish, in the order of the plan.
    pub steps: Vec<StepExpected>,
    pub calls: u64,
    pub tokens: u64,
    pub cost: Option<Money>,
    /// Answers of steps that have not run yet, at most.
    pub answer_tokens: u64,
    pub answer_cost: Option<Money>,
    pub sends: u64,
    /// Some step has [`Basis::Unknown`], so that the sums are too small.
    pub incomplete: bool,
    /// What the sums may come to because of a change.
    pub at_most: Option<Amounts>,
    /// Some step is open-ended.
    pub open_ended: bool,
}

/// What there is to go by.
pub struct Evidence<'a> {
    pub workflow: &'a Workflow,
    pub registry: &'a Registry,
    pub carry: &'a Carry,
    pub caps: &'a [CapView],
    /// The last complete cycle with its entries.
    pub last: Option<(CycleNo, &'a [Entry])>,
    /// The entries of the open cycle: then only what is left of it is expected.
    pub under_way: &'a [Entry],
    /// What a change since then makes it do again.
    pub reruns: &'a Reruns,
    /// The steps in which something is different since then, new ones included.
    pub changed: &'a BTreeSet<StepId>,
}

/// What one step asked for in a cycle.
#[derive(Clone, Debug, Default)]
struct Used {
    tasks: BTreeSet<TaskId>,
    recalled: u64,
    calls: u64,
    tokens: u64,
    cost: Option<Money>,
    sends: u64,
}

impl Expected {
    pub fn new(evidence: &Evidence<'_>) -> Expected {
        let mut expected = Expected { last_cycle: evidence.last.map(|(cycle, _)| cycle), ..Expected::default() };
        // A workflow that the compiler has checked always has a plan.
        let Ok(plan) = CyclePlan::new(evidence.workflow) else { return expected };
        let used = evidence.last.map(|(_, entries)| used(entries)).unwrap_or_default();
        let mut remembered: BTreeMap<&StepId, u64> = BTreeMap::new();
        for task in evidence.carry.memory.values().filter_map(|memory| memory.task.as_ref()) {
            *remembered.entry(&task.step).or_default() += 1;
        }
        let mut flow = Flow {
            evidence,
            given: BTreeMap::new(),
            fresh: BTreeMap::new(),
            under_way: under_way(evidence.under_way),
            remembered,
        };
        let mut reached: BTreeSet<&StepId> = BTreeSet::new();
        for at in &plan.order {
            let step = &evidence.workflow.steps[*at];
            let Some(kind) = evidence.registry.find(&step.verb, step.connector.as_deref()) else { continue };
            let effort = kind.effort(&step.config, longest_answer(evidence.workflow, step));
            let most = flow.through(step, kind.spec(), effort.gives);
            let Reruns { after, .. } = evidence.reruns;
            let own = evidence.changed.contains(&step.id) || evidence.reruns.of(&step.id).is_some() || after.contains(&step.id);
            // The open cycle keeps the version that it began with.
            if evidence.under_way.is_empty() && (own || step.from.iter().any(|wire| reached.contains(&wire.from))) {
                reached.insert(&step.id);
            }
            if effort.calls > 0 || kind.spec().publishes {
                expected.add(one(evidence, step, (kind.spec(), effort), most, used.get(&step.id), reached.contains(&step.id)));
            }
        }
        expected.up_to();
        expected
    }

    /// The sums of the upper ends, when there are any.
    fn up_to(&mut self) {
        if self.steps.iter().all(|step| step.at_most.is_none()) {
            return;
        }
        let mut all = Amounts::default();
        let add = |sum: &mut Option<u64>, more: Option<u64>| *sum = Some(sum.unwrap_or(0) + more.unwrap_or(0));
        for step in &self.steps {
            let most = step.most();
            add(&mut all.pieces, most.pieces);
            add(&mut all.calls, most.calls);
            add(&mut all.tokens, most.tokens);
            add(&mut all.sends, most.sends);
            all.cost = sum(all.cost.take(), most.cost);
        }
        self.at_most = Some(all);
    }

    fn add(&mut self, step: StepExpected) {
        self.calls += step.calls.unwrap_or(0);
        self.tokens += step.tokens.unwrap_or(0);
        self.sends += step.sends.unwrap_or(0);
        self.cost = sum(self.cost.take(), step.cost.clone());
        self.answer_tokens += step.answer_tokens.unwrap_or(0);
        self.answer_cost = sum(self.answer_cost.take(), step.answer_cost.clone());
        self.incomplete |= step.basis == Basis::Unknown;
        self.open_ended |= step.open_ended;
        self.steps.push(step);
    }

    /// How much of a cap is expected to be used, in its unit, from and to; None where no cycle tells.
    pub fn of_cap(&self, cap: &CapView) -> Option<(i64, i64)> {
        let of_step: Vec<&StepExpected> =
            self.steps.iter().filter(|step| cap.cap == "workflow" || cap.cap == step.step.as_str()).collect();
        // What the cap itself allows is no expectation.
        if of_step.is_empty() || of_step.iter().any(|step| step.basis != Basis::LastCycle) {
            return None;
        }
        let whole = |all: Vec<Amounts>| -> Option<i64> {
            Some(match &cap.unit {
                CapUnit::Pieces if cap.cap == "workflow" => all.iter().filter_map(|step| step.sends).sum::<u64>() as i64,
                // Each person has a count of their own.
                CapUnit::Sends => return None,
                CapUnit::Pieces => all.iter().filter_map(|step| step.pieces).sum::<u64>() as i64,
                CapUnit::Tokens => all.iter().map(|step| step.tokens.map(|n| n as i64)).sum::<Option<i64>>()?,
                CapUnit::Money(_) => {
                    let free = all.iter().all(|step| step.cost.is_some() || step.calls.unwrap_or(0) == 0);
                    free.then(|| all.iter().filter_map(|step| step.cost.as_ref()).map(|cost| cost.micros).sum())?
                }
            })
        };
        let least = whole(of_step.iter().map(|step| step.least()).collect())?;
        let most = whole(of_step.iter().map(|step| step.most()).collect())?;
        Some((least, most.max(least)))
    }
}

impl StepExpected {
    fn least(&self) -> Amounts {
        let StepExpected { pieces, calls, tokens, sends, cost, .. } = self;
        Amounts { pieces: *pieces, calls: *calls, tokens: *tokens, cost: cost.clone(), sends: *sends }
    }

    fn most(&self) -> Amounts {
        self.at_most.clone().unwrap_or_else(|| self.least())
    }
}

/// How many pieces can come through the steps at most, walked in the order of the plan.
struct Flow<'a> {
    evidence: &'a Evidence<'a>,
    /// Pieces that a step gives at most; a step that is not in here may give any number.
    given: BTreeMap<StepId, u64>,
    /// Of these, the ones that were not there in the last cycle.
    fresh: BTreeMap<StepId, u64>,
    /// How many tasks a step has finished in the open cycle, and what they gave.
    under_way: BTreeMap<StepId, (u64, u64)>,
    /// How many tasks of a step the last cycle remembers.
    remembered: BTreeMap<&'a StepId, u64>,
}

impl Flow<'_> {
    /// The most pieces that this step is asked to work on; None for any number.
    fn through(&mut self, step: &Step, spec: &KindSpec, gives: u64) -> Option<u64> {
        let Evidence { workflow, carry, caps, reruns, .. } = self.evidence;
        let left = |key: &str| {
            let of_key = caps.iter().filter(|cap| cap.cap == key && cap.unit == CapUnit::Pieces);
            of_key.map(|cap| u64::try_from((cap.most - cap.used).max(0)).unwrap_or(0)).min()
        };
        let own = [left(step.id.as_str()), if spec.publishes { left("workflow") } else { None }].into_iter().flatten().min();
        let waiting = carry.deferred.get(&step.id).map_or(0, |items| items.len() as u64);
        let each = spec.mode == Mode::Each && !step.from.is_empty();
        let coming: Option<u64> =
            each.then(|| step.from.iter().map(|wire| self.given.get(&wire.from).copied()).sum::<Option<u64>>()).flatten();
        let (finished, made) = self.under_way.get(&step.id).copied().unwrap_or_default();
        let coming = coming.map(|pieces| (pieces + waiting).saturating_sub(finished));
        // What a step remembers is not asked for again, unless a change reaches it; it goes on to the next steps all the same.
        let is_touched = reruns.of(&step.id).is_some() || reruns.after.contains(&step.id);
        let remembered = self.remembered.get(&step.id).copied().unwrap_or(0);
        let reused = if is_touched { 0 } else { remembered.min(coming.unwrap_or(remembered)) };
        // A piece that was sent is not sent again: only new ones come to be sent.
        let sent: Option<u64> = step.from.iter().map(|wire| self.fresh.get(&wire.from).copied()).sum();
        let sent = sent.filter(|_| each && spec.publishes && self.under_way.is_empty()).map(|fresh| fresh + waiting);
        let own = own.into_iter().chain(sent).min();
        let work = match (coming.map(|coming| coming - reused.min(coming)), own) {
            (Some(coming), Some(own)) => Some(coming.min(own)),
            (one, None) => one,
            (None, own) => own,
        };
        if let Some(work) = work {
            let again = if is_touched { remembered.min(coming.unwrap_or(remembered)) } else { 0 };
            let gives = gives.saturating_mul(if gives > 1 { 1 } else { channels_of(workflow, step) });
            self.fresh.insert(step.id.clone(), work.max(again) * gives);
            let given = work + if is_touched { remembered.min(coming.unwrap_or(remembered)) } else { reused };
            self.given.insert(step.id.clone(), given * gives + made);
        }
        work
    }
}

fn under_way(entries: &[Entry]) -> BTreeMap<StepId, (u64, u64)> {
    let mut all: BTreeMap<StepId, (u64, u64)> = BTreeMap::new();
    for entry in entries {
        let (task, made) = match entry {
            Entry::Done { task, items, .. } => (task, items.len() as u64),
            Entry::Failed { task, .. } | Entry::Deferred { task, .. } => (task, 0),
            _ => continue,
        };
        let (finished, given) = all.entry(task.step.clone()).or_default();
        (*finished, *given) = (*finished + 1, *given + made);
    }
    all
}

/// A step that chooses channels gives a piece for each of them; others give one.
fn channels_of(workflow: &Workflow, step: &Step) -> u64 {
    let words = step.config.children.iter().flat_map(|node| &node.args).filter_map(Scalar::text);
    let channels: BTreeSet<&str> = words.filter(|word| workflow.channels.contains_key(*word)).collect();
    channels.len().max(1) as u64
}

/// The provider that a step asks: its writer or its judge.
fn provider_of<'a>(workflow: &'a Workflow, step: &Step) -> Option<&'a Provider> {
    let named = step.config.value("provider").or_else(|| step.config.child("judge").and_then(|judge| judge.arg()));
    named.and_then(Scalar::text).and_then(|name| workflow.providers.get(name))
}

/// The longest answer that a step and its provider allow, in tokens.
fn longest_answer(workflow: &Workflow, step: &Step) -> u64 {
    u64::from(writing::longest(&step.config, provider_of(workflow, step)))
}

fn one(
    evidence: &Evidence<'_>,
    step: &Step,
    (spec, effort): (&KindSpec, Effort),
    most: Option<u64>,
    used: Option<&Used>,
    is_reached: bool,
) -> StepExpected {
    let provider = provider_of(evidence.workflow, step);
    let generates = effort.calls > 0;
    let by_template = generates && provider.is_some_and(|provider| provider.kind == "template");
    let mut expected = StepExpected {
        step: step.id.clone(),
        basis: Basis::Unknown,
        pieces: None,
        calls: None,
        tokens: None,
        cost: None,
        sends: None,
        answer_tokens: None,
        answer_cost: None,
        by_template,
        at_most: None,
        open_ended: false,
    };
    let was_there = evidence.last.is_some() && used.is_some_and(|used| !used.tasks.is_empty() || used.recalled > 0);
    let waiting = evidence.carry.deferred.get(&step.id).map_or(0, |items| items.len() as u64);
    let pieces = match (used.filter(|_| was_there), most) {
        (Some(used), _) => {
            expected.basis = Basis::LastCycle;
            let again = if evidence.reruns.of(&step.id).is_some() { used.recalled } else { 0 };
            let likely = (used.tasks.len() as u64 + again).max(waiting);
            most.map_or(likely, |most| likely.min(most))
        }
        (None, Some(most)) => {
            expected.basis = Basis::Caps;
            most
        }
        (None, None) => return expected,
    };
    // Caps say the most already.
    let ranges = is_reached && expected.basis == Basis::LastCycle;
    let amounts = |pieces: u64| {
        let mut amounts = Amounts { pieces: Some(pieces), ..Amounts::default() };
        // The last cycle's amounts, scaled to the number of pieces.
        let asked = used.map_or(0, |used| used.tasks.len() as u64);
        let scaled = |amount: u64| if asked == 0 { None } else { Some((amount * pieces).div_ceil(asked)) };
        if spec.publishes {
            amounts.sends = Some(pieces);
        }
        if generates {
            let used = used.cloned().unwrap_or_default();
            amounts.calls = Some(if by_template { 0 } else { scaled(used.calls).unwrap_or(pieces * effort.most_calls) });
            amounts.tokens = if by_template || pieces == 0 { Some(0) } else { scaled(used.tokens) };
            amounts.cost = used.cost.filter(|_| !by_template && asked > 0).map(|cost| Money {
                micros: (i128::from(cost.micros) * i128::from(pieces) / i128::from(asked)).try_into().unwrap_or(i64::MAX),
                currency: cost.currency,
            });
        }
        amounts
    };
    let likely = amounts(pieces);
    if expected.basis == Basis::Caps && generates && !by_template {
        let tokens = pieces * effort.answer_tokens;
        expected.answer_tokens = Some(tokens);
        expected.answer_cost = provider.and_then(prices::of).map(|price| price.of(0, 0, tokens));
    }
    StepExpected {
        pieces: likely.pieces,
        calls: likely.calls,
        tokens: likely.tokens,
        cost: likely.cost,
        sends: likely.sends,
        at_most: most.filter(|most| ranges && *most > pieces).map(amounts),
        open_ended: ranges && most.is_none(),
        ..expected
    }
}

fn used(entries: &[Entry]) -> BTreeMap<StepId, Used> {
    let mut all: BTreeMap<StepId, Used> = BTreeMap::new();
    for entry in entries {
        match entry {
            Entry::Replied { key, reply: Reply::Generated(generated) } => {
                let used = all.entry(key.task.step.clone()).or_default();
                used.tasks.insert(key.task.clone());
                used.calls += 1;
                used.tokens += generated.tokens_in + generated.tokens_out;
                used.cost = sum(used.cost.take(), generated.cost.clone());
            }
            // Paid for, though it came to nothing.
            Entry::Replied { key, reply: Reply::Failed(failure) } if failure.tokens > 0 || failure.cost.is_some() => {
                let used = all.entry(key.task.step.clone()).or_default();
                used.tasks.insert(key.task.clone());
                used.calls += u64::from(failure.attempts);
                used.tokens += failure.tokens;
                used.cost = sum(used.cost.take(), failure.cost.clone());
            }
            Entry::Replied { key, reply: Reply::Published(_) } => {
                let used = all.entry(key.task.step.clone()).or_default();
                used.tasks.insert(key.task.clone());
                used.sends += 1;
            }
            Entry::Done { task, recalled: true, .. } => all.entry(task.step.clone()).or_default().recalled += 1,
            _ => {}
        }
    }
    all
}

fn sum(one: Option<Money>, other: Option<Money>) -> Option<Money> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one + other),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::files::MemoryFiles;
    use crate::base::{Digest, ItemId, RequestKey, Timestamp};
    use crate::builtin;
    use crate::step::reply::{Generated, Published};

    const LOOP: &str = r#"
workflow "small" {
    without "conversion" "learning"
    provider "model" kind="openai-chat" { base-url "http://127.0.0.1:9/v1"; model "small" }
    provider "composer" kind="template"
    channel "blog" kind="files" { dir "out" }
    channel "news" kind="files" { dir "news" }
    limit { spend (usd)5 per="day" }
    intelligence { source "press" kind="csv" { path "data.csv" } }
    strategy { score "topics" { from "press"; rule "fit" weight=1.0 { value "1.0" } } }
    production {
        brief "briefs" { from "topics" }
        outline "outlines" { from "briefs"; provider "composer"; cap 3 per="day" }
        gate "review" { from "outlines"; by "editor" }
        draft "drafts" { from "review"; provider "model" }
    }
    distribution { route "places" { from "drafts"; to "blog" "news" }; publish "out" { from "places" } }
}
"#;

    fn workflow() -> Workflow {
        let files = MemoryFiles::new([("loop.kdl", LOOP), ("data.csv", "x")]);
        let compiled = crate::compile::compile(&files, "loop.kdl", builtin::registry());
        compiled.workflow.unwrap_or_else(|| panic!("{:?}", compiled.diagnostics))
    }

    fn task(step: &str, n: u8) -> TaskId {
        TaskId { step: StepId::new(step), item: Some(ItemId(Digest::of([n]))) }
    }

    fn replied(step: &str, n: u8, turn: u32, reply: Reply) -> Entry {
        Entry::Replied { key: RequestKey { cycle: CycleNo(4), task: task(step, n), turn, index: 0 }, reply }
    }

    fn generated() -> Reply {
        let cost = Some(Money { currency: "usd".to_owned(), micros: 2_000 });
        Reply::Generated(Generated {
            text: String::new(),
            model: "small".to_owned(),
            tokens_in: 80,
            tokens_out: 20,
            cost,
            cut: false,
        })
    }

    fn sent() -> Reply {
        Reply::Published(Published { location: "out/a.md".to_owned(), version: None, at: Timestamp(0), reach: None })
    }

    fn expected(carry: &Carry, used: i64, last: Option<&[Entry]>, reruns: &Reruns) -> Vec<String> {
        let workflow = workflow();
        let mut ledger = carry.ledger.clone();
        let now = Timestamp(0);
        let window = crate::model::Window::Day.key(now, &workflow.zone, CycleNo(5));
        ledger.add("outlines", &window, used);
        let caps = crate::report::view::caps(&workflow, &ledger, now, CycleNo(5));
        let last = last.map(|entries| (CycleNo(4), entries));
        let evidence = Evidence {
            workflow: &workflow,
            registry: builtin::registry(),
            carry,
            caps: &caps,
            last,
            under_way: &[],
            reruns,
            changed: &BTreeSet::new(),
        };
        let expected = Expected::new(&evidence);
        let step = |step: &StepExpected| {
            let cost = step.cost.as_ref().map_or_else(|| "?".to_owned(), ToString::to_string);
            let number = |n: Option<u64>| n.map_or_else(|| "?".to_owned(), |n| n.to_string());
            let (calls, tokens, sends) = (number(step.calls), number(step.tokens), number(step.sends));
            format!("{} {:?}: {calls} calls, {tokens} tokens, {cost}, {sends} sends", step.step, step.basis)
        };
        expected.steps.iter().map(step).collect()
    }

    #[test]
    fn without_a_last_cycle_the_caps_say_how_much_at_most() {
        let told = expected(&Carry::default(), 1, None, &Reruns::default());
        assert_eq!(
            told,
            [
                "outlines Caps: 0 calls, 0 tokens, ?, ? sends",
                // Each may be asked for twice more.
                "drafts Caps: 6 calls, ? tokens, ?, ? sends",
                // Two channels for each piece.
                "out Caps: ? calls, ? tokens, ?, 4 sends",
            ]
        );
    }

    #[test]
    fn versions_are_counted_with_what_they_ask_and_how_many_come_of_a_piece() {
        let text = LOOP
            .replace("model \"small\"", "model \"small\"; price input=1.0 output=10.0; max-tokens 1000")
            .replace(
                "provider \"model\" }\n    }",
                r#"provider "model"; repair 0 }
        vary "variants" { from "drafts"; provider "model"; axis "hook" "question" "number"; axis "length" "short" "full"; count 3; repair 1 }
        personalize "audiences" { from "drafts"; provider "model"; segment "a" about="x"; segment "b" about="y"; repair 0 }
        adapt "formats" { from "drafts"; provider "model"; to "x" "linkedin" "x"; repair 0 }
        check "judged" { from "drafts"; run "forbidden"; judge "model" }
    }"#,
            )
            .replace("from \"drafts\"; to \"blog\"", "from \"variants\" \"audiences\" \"formats\"; to \"blog\"");
        let files = MemoryFiles::new([("loop.kdl", text.as_str()), ("data.csv", "x")]);
        let compiled = crate::compile::compile(&files, "loop.kdl", builtin::registry());
        let workflow = compiled.workflow.unwrap_or_else(|| panic!("{:?}", compiled.diagnostics));
        let carry = Carry::default();
        let caps = crate::report::view::caps(&workflow, &carry.ledger, Timestamp(0), CycleNo(1));
        let (reruns, changed) = (Reruns::default(), BTreeSet::new());
        let (registry, workflow, carry, caps) = (builtin::registry(), &workflow, &carry, caps.as_slice());
        let (reruns, changed) = (&reruns, &changed);
        let evidence = Evidence { workflow, registry, carry, caps, last: None, under_way: &[], reruns, changed };
        let expected = Expected::new(&evidence);
        let told = expected.steps.iter().map(|step| {
            let cost = step.answer_cost.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string);
            format!("{}: {:?} {:?} {cost}", step.step, step.calls.or(step.sends).unwrap_or(0), step.answer_tokens.unwrap_or(0))
        });
        assert_eq!(
            told.collect::<Vec<_>>(),
            [
                "outlines: 0 0 -",
                "drafts: 3 3000 USD 0.03",
                // Three versions of three pieces, each of which may be asked for again.
                "variants: 18 18000 USD 0.18",
                // The piece once, then 400 tokens for each audience.
                "audiences: 9 5400 USD 0.0540",
                "formats: 6 6000 USD 0.06",
                "judged: 3 900 USD 0.0090",
                // (3 + 2 + 2) versions of three pieces, on two channels.
                "out: 42 0 -",
            ]
        );
    }

    #[test]
    fn the_last_cycle_says_what_a_step_asks_for_and_caps_bound_it() {
        // Two drafts, of which one was written twice.
        let entries = [
            replied("drafts", 1, 0, generated()),
            replied("drafts", 1, 1, generated()),
            replied("drafts", 2, 0, generated()),
            replied("out", 1, 0, sent()),
            replied("out", 2, 0, sent()),
        ];
        let told = expected(&Carry::default(), 0, Some(&entries), &Reruns::default());
        assert_eq!(
            told[1..],
            ["drafts LastCycle: 3 calls, 300 tokens, USD 0.0060, ? sends", "out LastCycle: ? calls, ? tokens, ?, 2 sends",]
        );
        let told = expected(&Carry::default(), 2, Some(&entries), &Reruns::default());
        assert_eq!(told[1], "drafts LastCycle: 2 calls, 150 tokens, USD 0.0030, ? sends", "one piece is left under the cap");
        let told = expected(&Carry::default(), 3, Some(&entries), &Reruns::default());
        assert_eq!(told[1], "drafts LastCycle: 0 calls, 0 tokens, USD 0.00, ? sends");
    }

    #[test]
    fn a_change_gives_a_range_to_every_step_behind_it() {
        let workflow = workflow();
        let entries = [replied("drafts", 1, 0, generated()), replied("drafts", 2, 0, generated()), replied("out", 1, 0, sent())];
        let carry = Carry::default();
        let range = |changed: &[&str], caps: &[CapView]| -> Vec<String> {
            let changed = changed.iter().map(|step| StepId::new(*step)).collect();
            let last = Some((CycleNo(4), entries.as_slice()));
            let reruns = &Reruns::default();
            let (workflow, carry) = (&workflow, &carry);
            let registry = builtin::registry();
            let evidence = Evidence { workflow, registry, carry, caps, last, under_way: &[], reruns, changed: &changed };
            let expected = Expected::new(&evidence);
            let told = expected.steps[1..].iter().map(|step| {
                let most = step.at_most.as_ref().and_then(|most| most.pieces).map_or_else(String::new, |most| format!("-{most}"));
                let open = if step.open_ended { "+" } else { "" };
                format!("{} {}{most}{open}", step.step, step.pieces.unwrap_or(0))
            });
            told.collect()
        };
        let caps = crate::report::view::caps(&workflow, &carry.ledger, Timestamp(0), CycleNo(5));
        assert_eq!(range(&[], &caps), ["drafts 2", "out 1"]);
        // Three outlines may come, and each draft goes to two channels.
        assert_eq!(range(&["outlines"], &caps), ["drafts 2-3", "out 1-6"]);
        assert_eq!(range(&["places"], &caps), ["drafts 2", "out 1-6"]);
        assert_eq!(range(&["press"], &[]), ["drafts 2+", "out 1+"]);
    }

    #[test]
    fn what_a_change_makes_a_step_do_again_is_counted() {
        let recalled = |n| Entry::Done {
            back: None,
            task: task("drafts", n),
            items: Vec::new(),
            state: None,
            headline: None,
            notes: Vec::new(),
            parameters: Vec::new(),
            memo: Digest::of("x"),
            recalled: true,
        };
        let entries = [replied("drafts", 1, 0, generated()), recalled(2), recalled(3)];
        let plain = expected(&Carry::default(), 0, Some(&entries), &Reruns::default());
        assert_eq!(plain[1], "drafts LastCycle: 1 calls, 100 tokens, USD 0.0020, ? sends");
        let because = vec![crate::plan::Change { part: "config".to_owned(), what: "x".to_owned(), at: None }];
        let reruns = Reruns { direct: vec![crate::engine::Rerun { step: StepId::new("drafts"), because }], ..Reruns::default() };
        let again = expected(&Carry::default(), 0, Some(&entries), &reruns);
        assert_eq!(again[1], "drafts LastCycle: 3 calls, 300 tokens, USD 0.0060, ? sends");
    }
}
