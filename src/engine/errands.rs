//! Requests on their way: asked, queued for a free place, in flight, answered; and the ones that people answer.

use super::action::{Action, Notice, Resolution};
use super::caps::Room;
use super::cycle::{Ask, Cycle, Errand, tell};
use super::doors::Door;
use super::entry::Entry;
use super::fold::{addressed_key, audience_key, probe_key, probed_key};
use super::gates::{OpenGate, Void};
use crate::base::{RequestKey, Timestamp};
use crate::step::request::ExpiryAction;
use crate::step::{Decision, Failure, FailureKind, Query, Reply, Request, Verdict};

impl Cycle {
    /// Asks the requests of a task's turn, as far as caps allow.
    pub(super) fn ask(&mut self, task: usize, out: &mut Vec<Action>) {
        let (room, wanted) = self.spend_room(task);
        match room {
            Room::Never(slot) => return self.defer(task, slot, out),
            Room::Later => {
                if self.short.is_empty() {
                    self.short_tried = self.fold.caps.settlements;
                }
                return self.wait_for_room(task);
            }
            // Nobody overtakes those who wait, unless what he does comes before what they do.
            Room::Free if !wanted.is_empty() && self.waits_before(task) => return self.wait_for_room(task),
            Room::Free => {}
        }
        self.reserve(task, &wanted, out);
        self.ask_now(task, out);
    }

    /// Opens gates, and queues what the world has to answer.
    pub(super) fn ask_now(&mut self, task: usize, out: &mut Vec<Action>) {
        let Some(run) = self.runs.get(&task) else { return };
        let turn = run.replies.len() as u32;
        let requests = run.requests.clone();
        for (index, request) in requests.into_iter().enumerate() {
            let index = index as u32;
            let known = self.fold.tasks.get(task).asked.get(&(turn, index));
            if known.is_some_and(|known| known.reply.is_some() || known.doubt) {
                continue;
            }
            let (asked, cleared) = (known.is_some(), known.is_some_and(|known| known.cleared));
            let errand = Errand { task, turn, index, ask: Ask::Itself };
            match request {
                Request::Approve(approve) => {
                    let title = approve.title.clone();
                    if !asked {
                        self.record_asked(errand, &Request::Approve(approve), out);
                    }
                    tell(out, Notice::Waiting { task: self.fold.tasks.get(task).id.clone(), title });
                }
                Request::Wait(_) => self.perform(errand, out),
                // It was on its way when the process ended: first ask whether it arrived.
                // A new text of a piece that is there may be sent twice: asking would only find the old one.
                Request::Publish(publish) if asked && !cleared && !publish.update => {
                    self.enqueue(Errand { ask: Ask::Placed, ..errand });
                }
                Request::Publish(publish) => self.address_or_send(errand, &publish),
                Request::Fetch(_) | Request::Query(_) | Request::Generate(_) => self.enqueue(errand),
            }
        }
    }

    /// Starts the next request in the queue when there is a free place.
    pub(super) fn dispatch(&mut self, out: &mut Vec<Action>) -> bool {
        if self.moving >= self.fold.shape.workflow.concurrency.max(1) {
            return false;
        }
        let Some(errand) = self.queue.pop(&self.fold.shape.workflow) else { return false };
        if let Some(why) = self.held_back(errand) {
            let request = self.runs.get(&errand.task).and_then(|run| run.requests.get(errand.index as usize));
            self.queue.done(&request.map(Door::of).unwrap_or_default());
            self.defer_because(errand.task, why, out);
            return true;
        }
        self.perform(errand, out);
        true
    }

    /// Puts an errand into the queue.
    pub(super) fn enqueue(&mut self, errand: Errand) {
        let request = self.runs.get(&errand.task).and_then(|run| run.requests.get(errand.index as usize));
        let door = request.map(Door::of).unwrap_or_default();
        self.queue.push(errand, door, self.priority(errand.task));
    }

    pub(super) fn priority(&self, task: usize) -> i64 {
        self.fold.shape.step(self.fold.tasks.get(task).step).priority
    }

    /// Whether somebody stands in line for room whom this task may not overtake.
    fn waits_before(&self, task: usize) -> bool {
        self.short.front().is_some_and(|first| self.priority(*first) >= self.priority(task))
    }

    /// Stands in line for room under a cap on money or tokens: behind all whose priority is as high.
    fn wait_for_room(&mut self, task: usize) {
        let own = self.priority(task);
        let place = self.short.iter().position(|other| self.priority(*other) < own).unwrap_or(self.short.len());
        self.short.insert(place, task);
    }

    pub(super) fn key(&self, errand: Errand) -> RequestKey {
        let task = self.fold.tasks.get(errand.task).id.clone();
        RequestKey { cycle: self.fold.pins.cycle, task, turn: errand.turn, index: errand.index }
    }

    fn perform(&mut self, errand: Errand, out: &mut Vec<Action>) {
        let Some(run) = self.runs.get(&errand.task) else { return };
        let Some(request) = run.requests.get(errand.index as usize).cloned() else { return };
        let mut key = self.key(errand);
        let request = match (errand.ask, request) {
            (Ask::Placed, Request::Publish(publish)) => {
                key = probe_key(&key);
                let request = Request::Query(Query::Placed { channel: publish.channel, key: publish.key });
                let entry = Entry::Asked { key: key.clone(), digest: request.digest(), request: None, at: None };
                self.record(entry, false, out);
                request
            }
            (Ask::Audience, Request::Publish(publish)) => {
                key = audience_key(&key);
                Request::Query(Query::Audience { channel: publish.channel })
            }
            (_, request) => {
                let known = self.fold.tasks.get(errand.task).asked.get(&(errand.turn, errand.index));
                if known.is_none_or(|known| known.cleared) {
                    self.record_asked(errand, &request, out);
                }
                self.with_readers(&key, request)
            }
        };
        let waits = matches!(request, Request::Wait(_));
        self.in_flight.insert(key.clone(), (!waits).then(|| Door::of(&request)));
        self.moving += usize::from(!waits);
        out.push(Action::Perform { key, request });
    }

    pub(super) fn record_asked(&mut self, errand: Errand, request: &Request, out: &mut Vec<Action>) {
        let lasting = matches!(request, Request::Publish(_) | Request::Approve(_));
        let at = matches!(request, Request::Approve(_)).then_some(self.now);
        let kept = lasting.then(|| Box::new(request.clone()));
        let entry = Entry::Asked { key: self.key(errand), digest: request.digest(), request: kept, at };
        self.record(entry, lasting, out);
    }

    /// The world, or a person, has answered.
    pub(super) fn replied(&mut self, key: RequestKey, reply: Reply, out: &mut Vec<Action>) {
        let task = self.fold.tasks.find(&key.task).filter(|_| key.cycle == self.fold.pins.cycle);
        let Some(task) = task else { return };
        if let Reply::Decided(decision) = reply {
            return self.decide(task, key, decision, out);
        }
        // Answers to questions that are not open are late or doubled; the first answer counts.
        let Some(door) = self.in_flight.remove(&key) else { return };
        if let Some(door) = door {
            self.moving -= 1;
            self.queue.done(&door);
        }
        if let Some(publish) = addressed_key(&key) {
            return self.heard_of_readers(task, &publish, reply, out);
        }
        match probed_key(&key) {
            None => {
                let Some(request) = self.runs.get(&task).and_then(|run| run.requests.get(key.index as usize)) else { return };
                let (reply, durable) = (self.with_reach(&key, fitting(request, reply)), request.is_dear());
                self.answered(task, &key.clone(), Entry::Replied { key, reply }, durable, out);
            }
            Some(publish) => {
                let durable = !matches!(reply, Reply::Placed(None));
                let reply = self.with_reach(&publish, reply);
                self.answered(task, &publish, Entry::Replied { key, reply }, durable, out);
                if !durable {
                    self.send_again(task, &publish);
                }
            }
        }
    }

    /// Records an answer and lets its task go on when its turn is answered in full.
    pub(super) fn answered(&mut self, task: usize, key: &RequestKey, entry: Entry, durable: bool, out: &mut Vec<Action>) {
        self.record(entry, durable, out);
        let asked = self.fold.tasks.get(task).asked.get(&(key.turn, key.index));
        let has_reply = asked.is_some_and(|asked| asked.reply.is_some());
        if let Some(run) = self.runs.get_mut(&task)
            && has_reply
        {
            run.left = run.left.saturating_sub(1);
            if run.left == 0 {
                self.ready.push_back(task);
            }
        }
    }

    fn decide(&mut self, task: usize, key: RequestKey, decision: Decision, out: &mut Vec<Action>) {
        match self.fold.gates.check(&key, &decision) {
            Ok(()) => {
                let entry = Entry::Replied { key: key.clone(), reply: Reply::Decided(decision) };
                self.answered(task, &key, entry, true, out);
            }
            Err(void) => tell(out, Notice::Void { key, message: void.to_string() }),
        }
    }

    pub(super) fn expire_gate(&mut self, gate: &OpenGate, out: &mut Vec<Action>) {
        let verdict = Verdict::Expired { approve: gate.approve.on_expiry == ExpiryAction::Approve };
        let decision = Decision::new(verdict, "clock", gate.approve.expires.unwrap_or(self.now), gate.approve.pins);
        let Some(task) = self.fold.tasks.find(&gate.key.task) else { return };
        let entry = Entry::Replied { key: gate.key.clone(), reply: Reply::Decided(decision) };
        self.answered(task, &gate.key, entry, true, out);
    }

    /// A person says what became of an effect in doubt.
    pub(super) fn resolve(&mut self, key: RequestKey, resolution: Resolution, out: &mut Vec<Action>) {
        let known = self.fold.gates.doubts.contains_key(&key);
        let (true, Some(task)) = (known, self.fold.tasks.find(&key.task)) else {
            let message = Void::NoDoubt(Box::new(key.clone())).to_string();
            return tell(out, Notice::Void { key, message });
        };
        let reply = match resolution {
            Resolution::Confirm(receipt) => Reply::Published(receipt),
            Resolution::Drop { by } => Reply::Failed(Failure {
                attempts: 0,
                ..Failure::new(FailureKind::Permanent, format!("{by} decided not to send it"))
            }),
            Resolution::Retry => {
                let entry = Entry::Replied { key: probe_key(&key), reply: Reply::Placed(None) };
                self.record(entry, true, out);
                return self.send_again(task, &key);
            }
        };
        let reply = self.with_reach(&key, reply);
        self.answered(task, &key.clone(), Entry::Replied { key, reply }, true, out);
    }

    /// The wall-clock time of the event at hand.
    pub(super) fn wall_clock(&self) -> Timestamp {
        self.now
    }
}

/// A reply of another kind than was asked for is a failure of the world, not of the step.
fn fitting(request: &Request, reply: Reply) -> Reply {
    let fits = match (request, &reply) {
        (_, Reply::Failed(_))
        | (Request::Fetch(_), Reply::Fetched(_))
        | (Request::Query(Query::Placed { .. }), Reply::Placed(_))
        | (Request::Query(Query::Audience { .. }), Reply::Audience(_))
        | (Request::Generate(_), Reply::Generated(_))
        | (Request::Publish(_), Reply::Published(_))
        | (Request::Wait(_), Reply::Elapsed(_)) => true,
        (Request::Fetch(_) | Request::Query(_) | Request::Generate(_), _)
        | (Request::Approve(_) | Request::Publish(_) | Request::Wait(_), _) => false,
    };
    if fits {
        return reply;
    }
    let kind = if request.is_effect() { FailureKind::InDoubt } else { FailureKind::Permanent };
    Reply::Failed(Failure::new(kind, "the answer is of another kind than the question"))
}
