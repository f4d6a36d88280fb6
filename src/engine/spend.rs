//! Reserving and settling in a running cycle: pieces per task, money and tokens per turn.

use super::action::{Action, Notice};
use super::caps::Room;
use super::cycle::{Cycle, counted, tell};
use super::entry::Entry;
use super::tasks::TaskState;
use crate::base::Money;
use crate::model::{Cap, CapUnit, Provider};
use crate::step::prices;
use crate::step::{Failure, Generate, Generated, Reply, Request};

/// What a request for text is expected to use at most.
#[derive(Clone, Debug, PartialEq)]
struct Estimate {
    tokens: i64,
    /// `None` when the price is not known.
    money: Option<Money>,
}

impl Cycle {
    /// Records room for a task; every amount is positive.
    pub(super) fn reserve(&mut self, task: usize, amounts: &[(usize, i64)], out: &mut Vec<Action>) {
        let turn = self.runs.get(&task).map_or(0, |run| run.replies.len() as u32);
        for (slot, amount) in amounts {
            let (cap, window) = self.slot_names(*slot);
            let entry = Entry::Reserved { cap, window, task: self.fold.tasks.get(task).id.clone(), amount: *amount, turn };
            self.record(entry, true, out);
        }
    }

    fn settle(&mut self, task: usize, slot: usize, amount: i64, out: &mut Vec<Action>) {
        let (cap, window) = self.slot_names(slot);
        let entry = Entry::Settled { cap, window, task: self.fold.tasks.get(task).id.clone(), amount };
        self.record(entry, false, out);
    }

    fn slot_names(&self, slot: usize) -> (String, String) {
        let slot = self.fold.caps.slot(slot);
        (slot.name.clone(), slot.window.clone())
    }

    /// Settles what a task still holds at its end: one piece when it gave something, else nothing.
    ///
    /// A task counts as one piece, however many variants of it it gives. What it holds of money or tokens at its end
    /// was reserved for a turn that was never asked.
    pub(super) fn settle_pieces(&mut self, task: usize, out: &mut Vec<Action>) {
        let gave = self.fold.tasks.get(task).outcome.as_ref().is_some_and(|outcome| !outcome.items.is_empty());
        for slot in self.fold.caps.held_by(task) {
            let is_pieces = self.fold.caps.slot(slot).cap.unit == CapUnit::Pieces;
            self.settle(task, slot, i64::from(gave && is_pieces), out);
        }
    }

    /// Settles what the requests of a task may have cost that is called off while they are under way: nobody waits for the
    /// answers that would say it, so what was reserved counts.
    pub(super) fn settle_unknown(&mut self, task: usize, out: &mut Vec<Action>) {
        let id = &self.fold.tasks.get(task).id;
        let turn = self.runs.get(&task).map_or(0, |run| run.replies.len() as u32);
        if !self.in_flight.keys().any(|key| key.task == *id) {
            return;
        }
        for slot in self.fold.caps.held_in_turn(task, turn) {
            if self.fold.caps.slot(slot).cap.unit != CapUnit::Pieces {
                let held = self.fold.caps.held(task, slot);
                self.settle(task, slot, held, out);
            }
        }
    }

    /// Settles what the turn that is now answered has really used.
    pub(super) fn settle_spend(&mut self, task: usize, out: &mut Vec<Action>) {
        let shape = self.shape();
        let record = self.fold.tasks.get(task);
        let Some(run) = self.runs.get(&task) else { return };
        let turn = run.replies.len() as u32;
        let spend = &shape.steps[record.step].spend;
        // After a crash old turns are walked through again; what is held then is for a later one.
        let mut held = self.fold.caps.held_in_turn(task, turn);
        held.retain(|slot| spend.contains(slot));
        if held.is_empty() {
            return;
        }
        let amounts: Vec<i64> = held
            .iter()
            .map(|slot| {
                let unit = &self.fold.caps.slot(*slot).cap.unit;
                let amounts = run.requests.iter().enumerate().filter_map(|(index, request)| {
                    let asked = record.asked.get(&(turn, index as u32))?;
                    match (request, &asked.reply) {
                        (Request::Generate(generate), Some(Reply::Generated(generated))) => {
                            Some(self.used(unit, generate, generated))
                        }
                        (Request::Generate(_), Some(Reply::Failed(failure))) => Some(wasted(unit, failure)),
                        _ => None,
                    }
                });
                amounts.sum()
            })
            .collect();
        for (slot, amount) in held.into_iter().zip(amounts) {
            self.settle(task, slot, amount, out);
        }
    }

    fn used(&self, unit: &CapUnit, generate: &Generate, generated: &Generated) -> i64 {
        match unit {
            CapUnit::Pieces | CapUnit::Sends => 0,
            CapUnit::Tokens => (generated.tokens_in + generated.tokens_out) as i64,
            CapUnit::Money(currency) => match &generated.cost {
                Some(cost) if cost.currency == *currency => cost.micros,
                Some(_) => 0,
                None => {
                    let provider = self.fold.shape.workflow.providers.get(&generate.provider);
                    let price = provider.and_then(prices::of).map(|price| price.of(generated.tokens_in, 0, generated.tokens_out));
                    price.filter(|price| price.currency == *currency).map_or(0, |price| price.micros)
                }
            },
        }
    }

    /// What the turn's requests for text need from the spend caps, and whether it is there. Slots in which the task
    /// holds something are left out: that is this turn's reservation from before a crash.
    pub(super) fn spend_room(&self, task: usize) -> (Room, Vec<(usize, i64)>) {
        let shape = &self.fold.shape;
        let slots = &shape.steps[self.fold.tasks.get(task).step].spend;
        let Some(run) = self.runs.get(&task).filter(|_| !slots.is_empty()) else { return (Room::Free, Vec::new()) };
        let turn = run.replies.len() as u32;
        let asked = &self.fold.tasks.get(task).asked;
        let estimates: Vec<Estimate> = run
            .requests
            .iter()
            .enumerate()
            .filter(|(index, _)| asked.get(&(turn, *index as u32)).is_none_or(|asked| asked.reply.is_none()))
            .filter_map(|(_, request)| match request {
                Request::Generate(generate) => estimate(&shape.workflow.provider_line(&generate.provider), generate),
                Request::Fetch(_) | Request::Query(_) | Request::Approve(_) | Request::Publish(_) | Request::Wait(_) => None,
            })
            .collect();
        if estimates.is_empty() {
            return (Room::Free, Vec::new());
        }
        let held = self.fold.caps.held_in_turn(task, turn);
        let mut wanted = Vec::new();
        for slot in slots.iter().filter(|slot| !held.contains(slot)) {
            let amount = match &self.fold.caps.slot(*slot).cap.unit {
                CapUnit::Pieces | CapUnit::Sends => continue,
                CapUnit::Tokens => estimates.iter().map(|estimate| estimate.tokens).sum(),
                CapUnit::Money(currency) => {
                    let known: Option<Vec<&Money>> = estimates.iter().map(|estimate| estimate.money.as_ref()).collect();
                    match known {
                        Some(prices) => prices.iter().filter(|p| p.currency == *currency).map(|p| p.micros).sum(),
                        // Without a price all that is left is reserved, so that calls go one at a time and the budget
                        // can be passed by no more than one call.
                        None => self.left_beside_others(*slot).max(1),
                    }
                }
            };
            if amount > 0 {
                wanted.push((*slot, amount));
            }
        }
        (self.fold.caps.room(&wanted, &self.beside), wanted)
    }

    fn left_beside_others(&self, slot: usize) -> i64 {
        self.fold.caps.left(slot).saturating_sub(self.beside.get(slot).copied().unwrap_or(0))
    }

    /// Tasks that wait for money or tokens go on, the longest waiting first.
    pub(super) fn try_short(&mut self, out: &mut Vec<Action>) -> bool {
        if self.short.is_empty() || self.short_tried == self.fold.caps.settlements {
            return false;
        }
        while let Some(task) = self.short.front().copied() {
            // It was called off while it waited.
            if self.fold.tasks.get(task).state().is_final() {
                self.short.pop_front();
                continue;
            }
            let (room, wanted) = self.spend_room(task);
            match room {
                Room::Later => break,
                Room::Never(slot) => self.defer(task, slot, out),
                Room::Free => {
                    self.reserve(task, &wanted, out);
                    self.ask_now(task, out);
                }
            }
            self.short.pop_front();
        }
        self.short_tried = self.fold.caps.settlements;
        true
    }

    /// A task that is over a cap waits for the next cycle.
    pub(super) fn defer(&mut self, task: usize, slot: usize, out: &mut Vec<Action>) {
        self.defer_because(task, full(&self.fold.caps.slot(slot).cap), out);
    }

    pub(super) fn defer_because(&mut self, task: usize, reason: String, out: &mut Vec<Action>) {
        let record = self.fold.tasks.get(task);
        debug_assert!(record.state() != TaskState::Done);
        let (id, step) = (record.id.clone(), record.step);
        self.record(Entry::Deferred { task: id.clone(), reason: reason.clone() }, false, out);
        self.runs.remove(&task);
        self.settle_pieces(task, out);
        tell(out, Notice::Deferred { task: id, reason });
        self.look_again(step);
    }
}

/// What a failure has used: an answer that nobody can use is paid for as well.
fn wasted(unit: &CapUnit, failure: &Failure) -> i64 {
    match unit {
        CapUnit::Pieces | CapUnit::Sends => 0,
        CapUnit::Tokens => i64::try_from(failure.tokens).unwrap_or(i64::MAX),
        CapUnit::Money(currency) => failure.cost.as_ref().filter(|cost| cost.currency == *currency).map_or(0, |cost| cost.micros),
    }
}

/// Why a task has to wait: `the cap of 3 pieces a day is reached`.
fn full(cap: &Cap) -> String {
    let window = format!("a {}", cap.per);
    match &cap.unit {
        CapUnit::Pieces => format!("the cap of {} {window} is reached", counted(cap.most.max(0) as usize, "piece")),
        CapUnit::Tokens => format!("the cap of {} {window} is reached", counted(cap.most.max(0) as usize, "token")),
        CapUnit::Sends => format!("nobody is written to more than {} {window}", counted(cap.most.max(0) as usize, "time")),
        CapUnit::Money(currency) => {
            format!("the budget of {} {window} is used up", Money { currency: currency.clone(), micros: cap.most })
        }
    }
}

/// `None` for the composer, which uses nothing. With fallbacks the dearest of the line counts; when one of them has no price,
/// the price is not known.
///
/// Tokens are counted from above: English has about four bytes a token, other scripts at most one token a byte.
fn estimate(line: &[&Provider], generate: &Generate) -> Option<Estimate> {
    let paid: Vec<&&Provider> = line.iter().filter(|provider| provider.kind != "template").collect();
    if paid.is_empty() && !line.is_empty() {
        return None;
    }
    let bytes = || generate.system.bytes().chain(generate.prompt.bytes()).chain(generate.composed.bytes());
    let ascii = bytes().filter(u8::is_ascii).count() as u64;
    let other = bytes().count() as u64 - ascii;
    let (tokens_in, tokens_out) = (ascii / 3 + other + 64, u64::from(generate.max_tokens));
    let prices: Option<Vec<Money>> =
        paid.iter().map(|provider| Some(prices::of(provider)?.of(tokens_in, 0, tokens_out))).collect();
    let money = prices.and_then(|prices| prices.into_iter().max_by_key(|price| price.micros));
    Some(Estimate { tokens: (tokens_in + tokens_out) as i64, money })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Config, Scalar};

    fn provider(kind: &str, price: Option<f64>) -> Provider {
        let node = price.map(|dollars| {
            let props = ["input", "output"].map(|name| (name.to_owned(), Scalar::Number(dollars))).into();
            Config { name: "price".into(), props, ..Config::default() }
        });
        let config = Config { children: node.into_iter().collect(), ..Config::default() };
        Provider { name: "drafter".to_owned(), kind: kind.to_owned(), config }
    }

    #[test]
    fn the_dearest_of_a_line_is_reserved_and_the_template_costs_nothing() {
        let generate = Generate {
            provider: "drafter".into(),
            task: "draft".into(),
            system: String::new(),
            prompt: "x".repeat(300),
            composed: "é".into(),
            max_tokens: 100,
            schema: None,
        };
        let (cheap, dear) = (provider("openai-chat", Some(1.0)), provider("gemini", Some(10.0)));
        let (unknown, template) = (provider("openai-chat", None), provider("template", None));
        let estimate = |line: &[&Provider]| estimate(line, &generate);
        let usd = |micros| Some(Money { currency: "usd".to_owned(), micros });
        let tokens = 100 + 2 + 64 + 100;
        assert_eq!(estimate(&[&cheap, &dear, &template]), Some(Estimate { tokens, money: usd(tokens * 10) }));
        assert_eq!(estimate(&[&cheap, &unknown]), Some(Estimate { tokens, money: None }));
        assert_eq!(estimate(&[&template]), None);
    }
}
