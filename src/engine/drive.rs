//! The schedule: which tasks go on, when a step is complete, when a cycle parks or closes.

use super::action::{Action, Notice};
use super::caps::Room;
use super::cycle::{Cycle, Line, tell};
use super::entry::Entry;
use super::finite;
use super::memory;
use super::queues::QueueRoom;
use super::tasks::TaskState;
use crate::base::{Digest, Hasher, Shared};
use crate::model::{Good, Item};
use crate::step::{Mode, Note, NoteLevel, Output, Reply, StepContext, StepError, Turn};
use std::cmp::Reverse;

impl Cycle {
    /// Does all that can be done now.
    pub(super) fn pump(&mut self, out: &mut Vec<Action>) {
        self.unfinished = false;
        if self.fold.closed.is_some() {
            return;
        }
        while !self.stopping && self.pump_once(out) {
            if self.slice_is_full(out) {
                self.unfinished = true;
                return;
            }
        }
        if self.fold.closed.is_none() && self.in_flight.is_empty() && (self.stopping || self.queue.is_empty()) {
            out.push(Action::Park { waiting: self.fold.gates.waiting() });
        }
    }

    /// One thing, by urgency; `false` when there is nothing to do but wait.
    fn pump_once(&mut self, out: &mut Vec<Action>) -> bool {
        if let Some(task) = self.unsettled.pop() {
            self.settle_pieces(task, out);
        } else if self.seen < self.fold.tasks.len() {
            self.admit(self.seen, out);
            self.seen += 1;
        } else if let Some(task) = self.ready.pop_front() {
            self.drive(task, out);
        } else if let Some(step) = self.check.pop_first() {
            self.complete_if_finished(step, out);
        } else if self.fold.steps_left == 0 {
            self.close(out);
            return false;
        } else if self.try_addressing(out) || self.try_short(out) || self.try_lines(true, out) || self.dispatch(out) {
            return true;
        } else {
            // Nothing moves but people: whoever stands in line goes on with those who are there.
            return self.moving == 0 && self.try_lines(false, out);
        }
        true
    }

    /// Looks at a task for the first time in this process.
    fn admit(&mut self, task: usize, out: &mut Vec<Action>) {
        let record = self.fold.tasks.get(task);
        let step = record.step;
        match record.state() {
            state if state.is_final() => {}
            _ if self.call_off(task, out) => {}
            TaskState::Ready if self.drop_if_too_old(task, out) => {}
            TaskState::Ready if self.recall(task, out) => {}
            // It had its places before a crash. Behind somebody who waits for them it would wait for itself.
            TaskState::Ready if self.has_its_places(task) => self.ready.push_back(task),
            TaskState::Ready if !self.fold.shape.steps[step].pieces.is_empty() || self.fold.shape.steps[step].fills.is_some() => {
                let line = self.lines.entry(step).or_default();
                line.tasks.push(task);
                line.sorted = false;
                line.tried = None;
            }
            _ => self.ready.push_back(task),
        }
    }

    fn has_its_places(&self, task: usize) -> bool {
        let slots = &self.fold.shape.steps[self.fold.tasks.get(task).step].pieces;
        !slots.is_empty() && slots.iter().all(|slot| self.fold.caps.has_share(task, &[*slot]))
    }

    /// Gives out the places under caps on pieces, in the order of the input.
    ///
    /// A line moves when its step's input is complete (`whole`), or else when nothing but people could add to it: so
    /// who gets the last place does not depend on whose answer came first.
    fn try_lines(&mut self, whole: bool, out: &mut Vec<Action>) -> bool {
        // A queue gets shorter when a task ends.
        let settlements = self.fold.caps.settlements + self.fold.tasks.ended();
        let shape = self.shape();
        let can_move = |(step, line): &(&usize, &Line)| {
            line.tried != Some(settlements) && (!whole || self.fold.steps[**step].upstream_left == 0)
        };
        let next = self
            .lines
            .iter()
            .filter(can_move)
            .map(|(step, _)| *step)
            .min_by_key(|step| (Reverse(shape.step(*step).priority), shape.rank[*step]));
        let Some(step) = next else { return false };
        let mut line = self.lines.remove(&step).expect("just found");
        if !line.sorted {
            line.tasks.sort_by_cached_key(|task| Reverse((self.rank_anew(*task), self.fold.place(*task))));
            line.sorted = true;
        }
        while let Some(task) = line.tasks.last().copied() {
            // It was called off while it stood in line.
            if self.fold.tasks.get(task).state().is_final() {
                line.tasks.pop();
                continue;
            }
            match self.queue_room(step, line.tasks.len()) {
                QueueRoom::Free => {}
                QueueRoom::Later => {
                    line.tried = Some(settlements);
                    self.lines.insert(step, line);
                    return true;
                }
                QueueRoom::Never(reason) => {
                    self.defer_because(task, reason, out);
                    line.tasks.pop();
                    continue;
                }
            }
            let slots = &shape.steps[step].pieces;
            let wanted: Vec<(usize, i64)> =
                slots.iter().filter(|slot| !self.fold.caps.has_share(task, &[**slot])).map(|slot| (*slot, 1)).collect();
            match self.fold.caps.room(&wanted, &self.beside) {
                Room::Free => {
                    self.reserve(task, &wanted, out);
                    self.ready.push_back(task);
                }
                Room::Later => {
                    line.tried = Some(settlements);
                    self.lines.insert(step, line);
                    return true;
                }
                Room::Never(slot) => self.defer(task, slot, out),
            }
            line.tasks.pop();
        }
        true
    }

    /// Whether outputs of a step may be remembered at all: it reads something, keeps nothing, and nobody is asked.
    pub(super) fn may_remember(&self, step: usize) -> bool {
        let shape = &self.fold.shape.steps[step];
        let spec = shape.spec();
        shape.mode != Mode::Source && spec.keeps.is_none() && !spec.decides && !spec.publishes
    }

    fn memo(&self, task: usize) -> Digest {
        let record = self.fold.tasks.get(task);
        memory::memo(&self.fold.shape.steps[record.step].parts_digest, &record.inputs)
    }

    /// Takes a task's output from memory when nothing it depends on has changed.
    fn recall(&mut self, task: usize, out: &mut Vec<Action>) -> bool {
        let step = self.fold.tasks.get(task).step;
        if let Some((items, headline)) = self.taken_over(task) {
            self.done_before(task, items, headline, Vec::new(), out);
            return true;
        }
        if self.fold.carry.memory.is_empty() || !self.may_remember(step) {
            return false;
        }
        let memo = self.memo(task);
        let carry = self.fold.carry.clone();
        let Some(memory) = carry.memory.get(&memo) else { return false };
        let mut notes = memory.notes().to_vec();
        let items = self.recalled_with_edits(task, memory.items.to_vec(), &mut notes);
        self.done_before(task, items, memory.headline().cloned(), notes, out);
        true
    }

    /// What a task gave in the cycle of which this one makes a part again, when that still counts.
    fn taken_over(&self, task: usize) -> Option<(Vec<Shared<Item>>, Option<String>)> {
        let again = self.fold.carry.again.as_ref()?;
        let record = self.fold.tasks.get(task);
        if self.fold.shape.steps[record.step].kept {
            return Some((again.given.get(&record.id.step)?.iter().cloned().map(Shared::new).collect(), None));
        }
        let done = again.of(&record.id)?;
        Some((done.items.iter().cloned().map(Shared::new).collect(), done.headline.clone()))
    }

    /// Records that a task gives what it gave before, without running.
    fn done_before(
        &mut self,
        task: usize,
        items: Vec<Shared<Item>>,
        headline: Option<String>,
        notes: Vec<Note>,
        out: &mut Vec<Action>,
    ) {
        let (id, memo) = (self.fold.tasks.get(task).id.clone(), self.memo(task));
        let (step, count) = (self.fold.tasks.get(task).step, items.len());
        let told = headline.clone();
        let entry = Entry::Done {
            task: id.clone(),
            items,
            state: None,
            headline,
            notes,
            parameters: Vec::new(),
            back: None,
            memo,
            recalled: true,
        };
        self.record(entry, false, out);
        tell(out, Notice::Finished { task: id, headline: told, items: count, recalled: true });
        self.look_again(step);
    }

    /// Calls the step as long as it can go on, then asks what it asks.
    pub(super) fn drive(&mut self, task: usize, out: &mut Vec<Action>) {
        if self.fold.tasks.get(task).state().is_final() {
            return;
        }
        if !self.runs.contains_key(&task) {
            tell(out, Notice::Started(self.fold.tasks.get(task).id.clone()));
        }
        loop {
            let run = self.runs.entry(task).or_default();
            if !run.requests.is_empty() {
                if run.left > 0 {
                    return;
                }
                self.settle_spend(task, out);
                self.end_turn(task);
            }
            let replies = std::mem::take(&mut self.runs.entry(task).or_default().replies);
            let turn = self.advance(task, &replies);
            self.runs.entry(task).or_default().replies = replies;
            match turn {
                Err(error) => return self.fail(task, error, out),
                Ok(Turn::Done(output)) => return self.finish(task, output, out),
                Ok(Turn::Ask(requests)) if requests.is_empty() => {
                    return self.fail(task, StepError::new("the step asks for nothing and is not done"), out);
                }
                Ok(Turn::Ask(requests)) => {
                    let run = self.runs.entry(task).or_default();
                    let turn = run.replies.len() as u32;
                    let asked = &self.fold.tasks.get(task).asked;
                    let answered = asked.range((turn, 0)..=(turn, u32::MAX)).filter(|(_, asked)| asked.reply.is_some());
                    run.left = requests.len().saturating_sub(answered.count());
                    run.requests = requests;
                    if run.left > 0 {
                        return self.ask(task, out);
                    }
                }
            }
        }
    }

    /// Hands the replies of a turn to the next one.
    fn end_turn(&mut self, task: usize) {
        let Some(run) = self.runs.get_mut(&task) else { return };
        let turn = run.replies.len() as u32;
        let asked = &self.fold.tasks.get(task).asked;
        let replies: Vec<Reply> =
            asked.range((turn, 0)..=(turn, u32::MAX)).filter_map(|(_, asked)| asked.reply.clone()).collect();
        run.replies.push(replies);
        run.requests.clear();
    }

    /// One call of the step's function.
    pub(super) fn advance(&self, task: usize, replies: &[Vec<Reply>]) -> Result<Turn, StepError> {
        let record = self.fold.tasks.get(task);
        let shape = &self.fold.shape;
        let pins = &self.fold.pins;
        let mut seed = Hasher::new();
        seed.part(pins.seed.to_be_bytes()).part(record.id.step.as_str());
        if let Some(item) = &record.id.item {
            seed.part(item.0.bytes());
        }
        shape.steps[record.step].kind.advance(&StepContext {
            workflow: &shape.workflow,
            step: shape.step(record.step),
            inputs: &record.inputs,
            replies,
            cycle: pins.cycle,
            now: pins.now,
            seed: seed.finish().seed(),
            client_os: &shape.client_os,
            client_os_digest: pins.client_os_digest,
            state: self.fold.carry.states.get(&record.id.step),
            parameters: &self.fold.carry.parameters,
            lineage: &self.fold.items,
            operations: &pins.operations,
            again: record.inputs.first().and_then(|item| self.fold.carry.void.get(&item.id)).map(|void| void.reason.as_str()),
            went_out: self.fold.carry.again.as_ref().map_or(&[], |again| &again.out),
        })
    }

    fn finish(&mut self, task: usize, output: Output, out: &mut Vec<Action>) {
        let record = self.fold.tasks.get(task);
        let (id, step) = (record.id.clone(), record.step);
        if !finite::is_finite(&output.goods) || !finite::is_finite(&output.parameters) {
            let error = StepError::new("the step gave a number that is infinite or no number at all");
            return self.fail(task, error.help("a division by zero in its input or its rules is the usual cause"), out);
        }
        if let Some(back) = &output.back {
            let to = self.plan().index(back);
            // The compiler sees to this; a workflow that was put together otherwise must not break the cycle.
            if to.is_none_or(|to| !self.fold.shape.steps[to].round.contains(&step) || self.fold.steps[to].completed) {
                let error = StepError::new(format!("the piece cannot go back to `{back}` from here"));
                return self.fail(task, error.help("only steps that work item by item may stand between the two"), out);
            }
        }
        let mut items = Vec::with_capacity(output.goods.len());
        let out_already = self.out_already(task);
        let mut notes = output.notes;
        for (good, parents) in output.goods {
            if let Good::Placement(placement) = &good
                && out_already.contains(&placement.channel)
            {
                let text =
                    format!("“{}” is out on `{}` already and goes out no second time.", placement.draft.title, placement.channel);
                notes.push(Note { level: NoteLevel::Info, text, place: None });
                continue;
            }
            let good = self.keep_edits(task, good, &mut notes);
            let item = Item::new(good, parents, id.step.clone());
            if let Err(error) = self.fold.items.admit(&item) {
                return self.fail(task, error, out);
            }
            items.push(Shared::new(item));
        }
        let (headline, count) = (output.headline.clone(), items.len());
        let entry = Entry::Done {
            task: id.clone(),
            items,
            state: output.state,
            headline: output.headline,
            notes,
            parameters: output.parameters,
            back: output.back,
            memo: self.memo(task),
            recalled: false,
        };
        self.record(entry, false, out);
        self.runs.remove(&task);
        self.settle_pieces(task, out);
        tell(out, Notice::Finished { task: id, headline, items: count, recalled: false });
        self.look_again(step);
    }

    pub(super) fn fail(&mut self, task: usize, error: StepError, out: &mut Vec<Action>) {
        let record = self.fold.tasks.get(task);
        let (id, step) = (record.id.clone(), record.step);
        self.record(Entry::Failed { task: id.clone(), message: error.message.clone(), help: error.help }, false, out);
        self.runs.remove(&task);
        self.settle_pieces(task, out);
        tell(out, Notice::Failed { task: id, message: error.message });
        self.look_again(step);
    }

    /// Records that a step will get no more tasks, when that is so.
    fn complete_if_finished(&mut self, step: usize, out: &mut Vec<Action>) {
        let run = &self.fold.steps[step];
        if run.completed || run.upstream_left > 0 || self.fold.tasks.counts(step).open() > 0 {
            return;
        }
        let shape = self.shape();
        // Where pieces go round, a step is over when nothing can be sent back to it any more.
        let round = &shape.steps[step].round;
        let may_grow = |member: &usize| {
            let ends_outside = |before: &usize| round.contains(before) || self.fold.steps[*before].completed;
            self.fold.tasks.counts(*member).open() > 0 || !shape.steps[*member].upstream.iter().all(ends_outside)
        };
        if round.iter().any(may_grow) {
            return;
        }
        let id = shape.id(step).clone();
        self.record(Entry::Completed { step: id.clone() }, false, out);
        tell(out, Notice::StepDone(id));
        for feed in &shape.steps[step].feeds {
            self.look_again(feed.to);
        }
    }

    /// A step may have come to its end, and with it those that pieces go round through.
    pub(super) fn look_again(&mut self, step: usize) {
        self.check.insert(step);
        self.check.extend(&self.fold.shape.steps[step].round);
    }
}
