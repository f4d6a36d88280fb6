//! Plays a test: its cycles one after another, with the answers that it gives at gates.

use super::Failure;
use super::stage::Stage;
use crate::base::{CycleNo, RequestKey, StepId};
use crate::compile::test_file::{Answer, Decision, Test};
use crate::diag::Diagnostic;
use crate::engine::Entry;
use crate::engine::ballot::is_among;
use crate::report::{CycleView, GateView};
use crate::runtime::{self, DriveOptions, FixedClock, Journal, Outcome, Run, StopSignal, Which};
use crate::step::{self, Publish, Registry, Reply, Verdict};
use crate::store;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

/// In whose name a test decides.
const TESTER: &str = "test";

/// What happened.
pub struct Played {
    /// Those that were begun, in order; a cycle that waits for people is the last.
    pub cycles: Vec<PlayedCycle>,
    pub published: Vec<Publish>,
    /// Lines of the test, by number, that decided something.
    pub used: BTreeSet<usize>,
    /// The last cycle waits for people.
    pub waiting: bool,
}

/// One cycle.
pub struct PlayedCycle {
    pub view: CycleView,
    pub entries: Vec<Entry>,
    /// Tuned parameters after it, by path.
    pub parameters: BTreeMap<String, f64>,
}

/// Plays all cycles of a test, or as far as its answers let it come.
///
/// # Errors
/// When a cycle cannot be run at all; the failure says where.
pub fn play(test: &Test, root: &Path, registry: &Registry) -> Result<Played, Box<Failure>> {
    let broken = |what: String| Box::new(cannot_run(test, what));
    let reactor = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .map_err(|error| broken(format!("cannot start: {error}")))?;
    let clock = FixedClock::default();
    let pins = |cycle| runtime::pins(&test.workflow, &test.client_os, cycle, &clock);
    let stage = Arc::new(Stage::new(test, root, pins(CycleNo(1)).now));
    let mut journal = store::memory();
    let mut played = Played { cycles: Vec::new(), published: Vec::new(), used: BTreeSet::new(), waiting: false };
    let mut parameters = BTreeMap::new();
    for number in 1..=test.cycles {
        let cycle = CycleNo(number);
        clock.set(pins(cycle).now);
        let mut seen: BTreeMap<StepId, Vec<RequestKey>> = BTreeMap::new();
        let (view, entries) = loop {
            let run = Run {
                workflow: test.workflow.clone(),
                registry,
                client_os: test.client_os.clone(),
                journal: &mut journal,
                world: stage.clone(),
                clock: &clock,
                stop: StopSignal::never(),
                which: Which::OpenOrNext,
                sources: BTreeMap::new(),
                options: DriveOptions::default(),
            };
            let ran = reactor.block_on(runtime::run_cycle(run, &mut |_| {})).map_err(|error| broken(error.to_string()))?;
            played.waiting = matches!(ran.outcome, Outcome::Parked { .. });
            let entries = journal.read(&test.workflow.id, cycle).map_err(|error| broken(error.to_string()))?;
            let view =
                CycleView::gather(&test.workflow, &entries).ok_or_else(|| broken(format!("cycle {cycle} did not open")))?;
            let answers = if played.waiting { answers(test, &view, &mut seen, &mut played.used) } else { Vec::new() };
            if answers.is_empty() {
                break (view, entries);
            }
            // One append for all of them: the gates are those that this very journal has just shown.
            journal.append(&test.workflow.id, cycle, &answers, true).map_err(|error| broken(error.to_string()))?;
        };
        parameters.extend(view.changes.iter().map(|change| (change.path.clone(), change.new)));
        played.cycles.push(PlayedCycle { view, entries, parameters: parameters.clone() });
        if played.waiting {
            break;
        }
    }
    played.published = stage.published();
    Ok(played)
}

fn cannot_run(test: &Test, what: String) -> Failure {
    let diagnostic = Diagnostic::error("test::cannot-run", what).at(test.span, "this test was not run to its end");
    Failure { diagnostic: diagnostic.help("`loopctl run` on the workflow shows more"), found: Vec::new() }
}

/// The answers to what waits and is not to wait.
fn answers(
    test: &Test,
    view: &CycleView,
    seen: &mut BTreeMap<StepId, Vec<RequestKey>>,
    used: &mut BTreeSet<usize>,
) -> Vec<Entry> {
    let mut answers = Vec::new();
    for gate in &view.waiting {
        let seen = seen.entry(gate.step.clone()).or_default();
        if !seen.contains(&gate.key) {
            seen.push(gate.key.clone());
        }
        let item = seen.iter().position(|key| *key == gate.key).map_or(0, |at| at as u32 + 1);
        let line = narrowest(&test.decisions, gate, item, view.cycle);
        used.extend(line.map(|(number, _)| number));
        let verdict = match line.map(|(_, decision)| &decision.answer) {
            Some(Answer::Wait) => continue,
            Some(Answer::Edit(text)) => Verdict::Edit { text: text.trim().to_owned() },
            Some(Answer::Reject(reason)) => Verdict::Reject { reason: reason.clone() },
            Some(Answer::SendBack { to, reason }) if gate.approve.rules.back.contains(to) => {
                Verdict::SendBack { to: to.clone(), reason: reason.clone() }
            }
            Some(Answer::Approve | Answer::SendBack { .. }) | None => Verdict::Approve,
        };
        let decision = step::Decision::new(verdict, somebody(gate), view.now, gate.approve.pins);
        answers.push(Entry::Replied { key: gate.key.clone(), reply: Reply::Decided(decision) });
    }
    answers
}

/// The tester; where more people have to decide, one of the tester's colleagues who has not yet.
fn somebody(gate: &GateView) -> String {
    let names = std::iter::once(TESTER.to_owned()).chain((2..).map(|n| format!("{TESTER} {n}")));
    let free = |name: &String| !gate.approved_by.contains(name) && !is_among(&gate.approve.rules.authors, name);
    names.take(gate.approved_by.len() + gate.approve.rules.authors.len() + 1).find(free).unwrap_or_else(|| TESTER.to_owned())
}

/// The line that speaks of this item: of several, the one that names the item counts before one that names only the cycle,
/// and of two equals the first.
fn narrowest<'d>(decisions: &'d [Decision], gate: &GateView, item: u32, cycle: CycleNo) -> Option<(usize, &'d Decision)> {
    let fits = |decision: &Decision| {
        decision.gate == gate.step
            && decision.item.is_none_or(|wanted| wanted == item)
            && decision.cycle.is_none_or(|wanted| CycleNo(wanted) == cycle)
    };
    let width = |decision: &Decision| (decision.item.is_none(), decision.cycle.is_none());
    decisions.iter().enumerate().filter(|(_, decision)| fits(decision)).min_by_key(|(_, decision)| width(decision))
}
