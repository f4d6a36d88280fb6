//! What a step wants done when it fails: go on without what failed, try it again in the next cycle, or let nothing go out.
//!
//! The choice is part of the workflow, so the fold knows it, and a recovered cycle and a replay choose the same.

use super::cycle::{Ask, Cycle, Errand};
use super::fold::Fold;
use crate::base::StepId;
use crate::model::{Scalar, Step};
use crate::step::Request;

/// The name of the node.
pub const NODE: &str = "on-failure";
/// How many cycles try an item, when `times` is left out.
pub const TIMES: u32 = 3;

/// The choice of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFailure {
    /// What failed is left out, and its siblings go on.
    GoOn,
    /// An item that failed is first in line in the next cycle, in so many cycles at most.
    NextCycle { times: u32 },
    /// From then on nothing goes out in this cycle: what was to go out is first in line in the next.
    HoldBack,
}

/// What a step chooses.
pub fn of(step: &Step) -> OnFailure {
    let Some(node) = step.config.child(NODE) else { return OnFailure::GoOn };
    let times = node.prop("times").and_then(Scalar::integer).and_then(|times| u32::try_from(times).ok());
    match node.arg().and_then(Scalar::text) {
        Some("next-cycle") => OnFailure::NextCycle { times: times.unwrap_or(TIMES) },
        Some("hold-back") => OnFailure::HoldBack,
        _ => OnFailure::GoOn,
    }
}

/// What becomes of a failure, for people; `failed` is how many cycles have tried the item by now, when there is one. Nothing when
/// it is left out as usual.
pub fn says(step: &Step, failed: Option<u32>) -> Option<String> {
    match (of(step), failed) {
        (OnFailure::NextCycle { times }, Some(failed)) if failed < times => {
            Some(format!("it is first in line in the next cycle, for try {} of {times}", failed + 1))
        }
        (OnFailure::NextCycle { times }, Some(_)) if times > 1 => {
            Some(format!("{times} cycles have tried it; `loopctl retry` tries it once more"))
        }
        (OnFailure::HoldBack, _) => Some("nothing more goes out in this cycle".to_owned()),
        _ => None,
    }
}

impl Fold {
    /// How many cycles have tried an item, with this one.
    pub fn tries(&self, task: usize) -> u32 {
        let item = self.tasks.get(task).id.item;
        1 + item.and_then(|item| self.carry.waited.get(&item)).map_or(0, |waited| waited.failed)
    }

    /// A task has failed: whether its item is to be tried again in the next cycle.
    pub fn chose(&mut self, task: usize, message: &str) -> bool {
        let step = self.shape.step(self.tasks.get(task).step);
        // A person who called it off has chosen already.
        if self.called_off(task).is_some_and(|reason| reason == message) {
            return false;
        }
        match of(step) {
            OnFailure::GoOn => false,
            OnFailure::NextCycle { times } => self.tasks.get(task).id.item.is_some() && self.tries(task) < times,
            OnFailure::HoldBack => {
                let id: StepId = step.id.clone();
                self.holds_back.get_or_insert(id);
                false
            }
        }
    }
}

impl Cycle {
    /// Why a piece is not sent now: a step before it has failed and says so. What may be out already is not held back.
    pub(super) fn held_back(&self, errand: Errand) -> Option<String> {
        let step = self.fold.holds_back.as_ref()?;
        let run = self.runs.get(&errand.task)?;
        let is_publish = matches!(run.requests.get(errand.index as usize), Some(Request::Publish(_)));
        let asked = self.fold.tasks.get(errand.task).asked.get(&(errand.turn, errand.index));
        let may_be_out = errand.ask == Ask::Placed || asked.is_some_and(|asked| !asked.cleared);
        let waits = is_publish && !may_be_out && run.requests.len() == 1;
        waits.then(|| format!("`{step}` failed in this cycle, and then nothing goes out"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::simulation::*;
    use crate::engine::testing::*;
    use crate::engine::{Carry, Entry, Event, TaskState};
    use crate::model::{Config, Workflow};

    fn choosing(mut step: Step, choice: &str, times: Option<i64>) -> Step {
        let props = times.map(|times| ("times".to_owned(), Scalar::Integer(times))).into_iter().collect();
        let args = [Scalar::Text(choice.to_owned())].into();
        step.config.children.push(Config { name: NODE.into(), args, props, ..Config::default() });
        step
    }

    /// Five topics, of which one always fails to be written.
    fn picky(choice: &str, times: Option<i64>, sources: i64) -> Workflow {
        workflow(vec![
            step("read", "a", &[], &[("count", sources)]),
            choosing(step("write", "outlines", &["a"], &[("picky", 1)]), choice, times),
            step("send", "posts", &["outlines"], &[]),
        ])
    }

    fn ran(workflow: Workflow, carry: Carry, cycle: u32) -> Simulation {
        let mut simulation = Simulation::new(workflow, carry, cycle, 1);
        simulation.compare = true;
        simulation.event(Event::Start);
        answer_all(&mut simulation);
        assert!(simulation.finished);
        simulation
    }

    fn failed(simulation: &Simulation) -> usize {
        simulation.cycle.totals().of(TaskState::Failed)
    }

    #[test]
    fn left_alone_a_failed_item_is_left_out_and_its_siblings_go_on() {
        let first = ran(picky("go-on", None, 5), Carry::default(), 1);
        assert_eq!((failed(&first), first.world.sent.len()), (1, 3), "one failed, one gave nothing");
        assert!(first.carry().deferred.is_empty());
    }

    #[test]
    fn an_item_is_tried_in_as_many_cycles_as_the_step_says_and_first_in_line() {
        let mut carry = ran(picky("next-cycle", None, 5), Carry::default(), 1).carry();
        for (cycle, failures) in [(2, 1), (3, 2)] {
            assert_eq!(carry.deferred[&"outlines".into()].len(), 1);
            assert_eq!(carry.waited.values().map(|waited| waited.failed).collect::<Vec<_>>(), [failures]);
            let next = ran(picky("next-cycle", None, 0), carry, cycle);
            assert_eq!(failed(&next), 1);
            carry = next.carry();
        }
        assert!(carry.deferred.is_empty(), "after three tries it stays failed");
        assert!(ran(picky("next-cycle", Some(1), 5), Carry::default(), 1).carry().deferred.is_empty());
    }

    #[test]
    fn what_a_person_called_off_is_not_tried_again() {
        let mut simulation = Simulation::new(picky("next-cycle", None, 5), Carry::default(), 1, 1);
        simulation.event(Event::Start);
        let scope = crate::engine::Scope::Step("outlines".into());
        let cycle = simulation.cycle.pins().cycle;
        simulation.event(Event::Cancel { cycle, scope, by: "ann".to_owned(), reason: None });
        answer_all(&mut simulation);
        assert!(simulation.finished && simulation.carry().deferred.is_empty());
    }

    #[test]
    fn nothing_goes_out_after_a_failure_that_holds_back_and_it_is_first_in_line_next_time() {
        // The check fails before anything is sent: it is driven first, and the pieces come from elsewhere.
        let held = |breaks: i64, sources: i64| {
            workflow(vec![
                choosing(step("read", "check", &[], &[("breaks", breaks), ("pages", 1)]), "hold-back", None),
                step("read", "a", &[], &[("count", sources), ("pages", 3)]),
                step("write", "outlines", &["a"], &[]),
                step("gate", "editor", &["outlines"], &[]),
                step("send", "posts", &["editor"], &[]),
            ])
        };
        let mut simulation = Simulation::new(held(1, 2), Carry::default(), 1, 1);
        simulation.compare = true;
        simulation.event(Event::Start);
        answer_all(&mut simulation);
        assert_eq!(failed(&simulation), 1);
        while let Some(gate) = simulation.cycle.gates().pop() {
            decide(&mut simulation, &gate.key, yes(&gate, NOW));
            answer_all(&mut simulation);
        }
        assert!(simulation.finished && simulation.world.sent.is_empty());
        let reasons: Vec<String> = simulation.cycle.deferred().into_iter().map(|(_, reason)| reason).collect();
        assert_eq!(reasons, ["`check` failed in this cycle, and then nothing goes out"; 2]);
        // Their approvals still count.
        let mut next = Simulation::new(held(0, 0), simulation.carry(), 2, 1);
        next.event(Event::Start);
        answer_all(&mut next);
        assert!(next.finished && next.cycle.gates().is_empty());
        assert_eq!(next.world.sent.len(), 2);
    }

    #[test]
    fn a_crash_anywhere_chooses_the_same() {
        let clean = ran(picky("next-cycle", None, 5), Carry::default(), 1);
        for seed in 0..60 {
            let mut simulation = Simulation::new(picky("next-cycle", None, 5), Carry::default(), 1, seed);
            simulation.crash_chance = 0.1;
            let crashed = simulation.run();
            assert_eq!(crashed.carry().deferred, clean.carry().deferred, "seed {seed}");
            assert!(crashed.journal.iter().any(|entry| matches!(entry, Entry::Failed { .. })));
        }
    }
}
