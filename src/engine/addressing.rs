//! Who gets a piece: asked of the channel before the piece is sent, where a cap counts people.
//!
//! The question changes nothing and is not journaled; what came of it is, as [`Entry::Addressed`], before the piece is on its
//! way. Pieces get their readers in the order in which they came to be sent, whatever order the answers arrive in, so what is
//! first in line gets the people who have room. After a crash whoever is not addressed is asked for again.

use super::action::Action;
use super::cycle::{Ask, Cycle, Errand};
use super::entry::Entry;
use super::people::{self, Addressed, Addressing, Written};
use crate::base::RequestKey;
use crate::step::{Audience, Failure, FailureKind, Publish, Reach, Reply, Request};

/// A piece whose readers are asked for.
#[derive(Debug)]
pub(super) struct Addressee {
    errand: Errand,
    /// What the channel said, when it has said something.
    heard: Option<Reply>,
}

impl Cycle {
    /// Queues a publish, or first the question who gets it.
    pub(super) fn address_or_send(&mut self, errand: Errand, publish: &Publish) {
        let key = self.key(errand);
        // A new text of a piece that is out goes to nobody anew.
        let caps = people::of_channel(&self.fold.shape.workflow, &publish.channel);
        if publish.update || caps.is_empty() || self.fold.sends.to(&key).is_some() {
            return self.enqueue(errand);
        }
        let errand = Errand { ask: Ask::Audience, ..errand };
        let own = self.priority(errand.task);
        let place = self.addressing.iter().position(|other| self.priority(other.errand.task) < own);
        self.addressing.insert(place.unwrap_or(self.addressing.len()), Addressee { errand, heard: None });
        self.enqueue(errand);
    }

    /// It is certain that a publish did not go out: it is addressed anew, because a day may have passed.
    pub(super) fn send_again(&mut self, task: usize, key: &RequestKey) {
        let publish = self.runs.get(&task).and_then(|run| run.requests.get(key.index as usize));
        if let Some(Request::Publish(publish)) = publish.cloned() {
            self.address_or_send(Errand { task, turn: key.turn, index: key.index, ask: Ask::Itself }, &publish);
        }
    }

    /// The channel has said who reads it.
    pub(super) fn heard_of_readers(&mut self, task: usize, publish: &RequestKey, reply: Reply, out: &mut Vec<Action>) {
        let is_it = |other: &&mut Addressee| {
            (other.errand.task, other.errand.turn, other.errand.index) == (task, publish.turn, publish.index)
        };
        if let Some(addressee) = self.addressing.iter_mut().find(is_it) {
            addressee.heard = Some(reply);
        }
        self.try_addressing(out);
    }

    /// Gives pieces their readers, first come, first served; `false` when nothing moved.
    pub(super) fn try_addressing(&mut self, out: &mut Vec<Action>) -> bool {
        let mut moved = false;
        while let Some(first) = self.addressing.front() {
            let Errand { task, turn, index, .. } = first.errand;
            let called_off = self.fold.tasks.get(task).state().is_final();
            if !called_off && first.heard.is_none() {
                break;
            }
            let heard = self.addressing.pop_front().and_then(|first| first.heard);
            moved = true;
            if called_off {
                continue;
            }
            match heard {
                Some(Reply::Audience(audience)) => self.address(task, turn, index, audience, out),
                Some(Reply::Failed(failure)) => self.without_readers(task, turn, index, failure, out),
                _ => {
                    let failure = Failure::new(FailureKind::Permanent, "the answer is of another kind than the question");
                    self.without_readers(task, turn, index, failure, out);
                }
            }
        }
        moved
    }

    fn address(&mut self, task: usize, turn: u32, index: u32, audience: Audience, out: &mut Vec<Action>) {
        let request = self.runs.get(&task).and_then(|run| run.requests.get(index as usize));
        let Some(Request::Publish(publish)) = request.cloned() else { return };
        let workflow = self.fold.shape.workflow.clone();
        let errand = Errand { task, turn, index, ask: Ask::Itself };
        let addressing = if audience.people.is_empty() {
            // The channel does not know them: nobody is counted.
            Addressing::To(Addressed { audience, left_out: Vec::new(), counts: Vec::new() })
        } else {
            let caps = people::of_channel(&workflow, &publish.channel);
            let beside = self.written_beside.iter().map(AsRef::as_ref);
            let counted: Vec<&Written> =
                [&self.fold.carry.written, self.fold.sends.own().as_ref()].into_iter().chain(beside).collect();
            people::address(&publish.channel, audience, &caps, &workflow.zone, &counted)
        };
        match addressing {
            Addressing::To(to) => {
                self.record(Entry::Addressed { key: self.key(errand), to: Box::new(to) }, true, out);
                self.enqueue(errand);
            }
            Addressing::Nobody(nobody, why) if self.runs.get(&task).is_some_and(|run| run.requests.len() == 1) => {
                // What the list said is in the journal too, so that a replay comes to the same.
                self.record(Entry::Addressed { key: self.key(errand), to: Box::new(nobody) }, false, out);
                self.defer_because(task, why, out);
            }
            // What else it asks is under way, so it cannot wait as a whole.
            Addressing::Nobody(_, why) => {
                self.without_readers(task, turn, index, Failure::new(FailureKind::Permanent, why), out);
            }
        }
    }

    /// Nobody can be asked who gets it, so it is not sent.
    fn without_readers(&mut self, task: usize, turn: u32, index: u32, failure: Failure, out: &mut Vec<Action>) {
        let Some(request) = self.runs.get(&task).and_then(|run| run.requests.get(index as usize)).cloned() else { return };
        let errand = Errand { task, turn, index, ask: Ask::Itself };
        let known = self.fold.tasks.get(task).asked.get(&(turn, index));
        if known.is_none_or(|known| known.cleared) {
            self.record_asked(errand, &request, out);
        }
        // Nothing was on its way, so nothing is in doubt.
        let kind = if failure.kind == FailureKind::InDoubt { FailureKind::Permanent } else { failure.kind };
        let key = self.key(errand);
        self.answered(task, &key.clone(), Entry::Replied { key, reply: Reply::Failed(Failure { kind, ..failure }) }, true, out);
    }

    /// A publish with those who get it.
    pub(super) fn with_readers(&self, key: &RequestKey, request: Request) -> Request {
        match (request, self.fold.sends.to(key)) {
            (Request::Publish(publish), Some(to)) if !to.audience.people.is_empty() => {
                Request::Publish(Publish { people: Some(to.people()), ..publish })
            }
            (request, _) => request,
        }
    }

    /// A receipt that also says who was left out.
    pub(super) fn with_reach(&self, key: &RequestKey, reply: Reply) -> Reply {
        let Some(to) = self.fold.sends.to(key).filter(|to| !to.audience.people.is_empty()) else { return reply };
        let fill = |mut receipt: crate::step::Published| {
            // A replay hands in a receipt that says it already.
            if receipt.reach.as_ref().is_none_or(|reach| reach.left_out.is_empty()) {
                let of = to.audience.people.len() as u32;
                let people = receipt.reach.map_or_else(|| to.people().len() as u32, |reach| reach.people);
                let left_out = to.left_out.iter().map(|(people, why)| (people.len() as u32, why.clone())).collect();
                receipt.reach = Some(Reach { people, of, left_out });
            }
            receipt
        };
        match reply {
            Reply::Published(receipt) => Reply::Published(fill(receipt)),
            Reply::Placed(Some(receipt)) => Reply::Placed(Some(fill(receipt))),
            reply => reply,
        }
    }
}
