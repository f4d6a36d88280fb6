//! A world that has only what a cycle heard, for asking what another workflow would have made of it.
//!
//! Reading is answered from the journal: by the request's digest, or by the place when only its conditions are others. What
//! the record lacks is missing, and told. Writing is answered from the journal when exactly the same was asked, else by the
//! composer of the templates: nobody is paid for a question of "what if". Decisions are those that people took about the same
//! text. Nothing goes out: a publish is pretended.

use super::generate::template::Template;
use crate::base::{Digest, Money, RequestKey, Timestamp};
use crate::engine::replay::says;
use crate::engine::{Answers, Entry, OpenGate};
use crate::step::{
    Audience, Decision, Failure, FailureKind, Fetch, Fetched, Generate, Publish, Published, Query, Reply, Request, Target,
    Verdict,
};
use serde::Serialize;
use std::collections::{BTreeMap, VecDeque};

/// Four characters are about one token of English.
const CHARACTERS_PER_TOKEN: usize = 4;

/// What was done without the record, and how often.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Told {
    /// What was asked for and is not in the record, in the words of the request, with the step that asked.
    pub lacking: Vec<Lacking>,
    /// Texts that were answered from the record.
    pub texts_recorded: usize,
    /// Texts that the composer wrote, because a model would have been asked something else.
    pub texts_composed: usize,
    /// What a model would have read and written for the composed ones, by length.
    pub tokens_estimated: u64,
    /// The same at the prices that the record shows.
    pub cost_estimated: BTreeMap<String, f64>,
    /// Gates answered as people did then, answered for all, and left open.
    pub decided_recorded: usize,
    pub decided_for_all: usize,
    pub left_open: usize,
    /// Pieces that would have gone out.
    pub pretended: usize,
}

/// A reading that the record has no answer to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Lacking {
    pub step: String,
    pub what: String,
}

/// The outside as one journal shows it.
#[derive(Clone, Debug, Default)]
pub struct Recorded {
    by_request: BTreeMap<Digest, Reply>,
    by_place: BTreeMap<String, Reply>,
    /// By the text that was shown first: what people said about it, in order.
    decisions: BTreeMap<Digest, Vec<Decision>>,
    /// By gate: what people are still to say at it.
    to_say: BTreeMap<RequestKey, VecDeque<Decision>>,
    /// Tokens and money of models in the record, by provider's answer: the prices for an estimate.
    paid: BTreeMap<String, (u64, i64)>,
    /// By channel: who read it when a piece last went out there.
    audiences: BTreeMap<String, Audience>,
    /// Everything that the record does not decide is approved in this name.
    approver: Option<String>,
    told: Told,
}

impl Recorded {
    /// What stands in the journal of a cycle.
    pub fn new(entries: &[Entry]) -> Recorded {
        let mut recorded = Recorded::default();
        let mut asked: BTreeMap<&RequestKey, (Digest, Option<Digest>)> = BTreeMap::new();
        let mut addressed: BTreeMap<&RequestKey, &Audience> = BTreeMap::new();
        for entry in entries {
            match entry {
                Entry::Addressed { key, to } => drop(addressed.insert(key, &to.audience)),
                Entry::Asked { key, digest, request, .. } => {
                    if let (Some(Request::Publish(publish)), Some(audience)) = (request.as_deref(), addressed.get(key)) {
                        recorded.audiences.insert(publish.channel.clone(), Audience::clone(audience));
                    }
                    let text = match request.as_deref() {
                        Some(Request::Approve(approve)) => Some(shown(&approve.title, &approve.text)),
                        _ => None,
                    };
                    asked.insert(key, (*digest, text));
                }
                Entry::Replied { key, reply } => {
                    let Some((digest, text)) = asked.get(key) else { continue };
                    recorded.learn(*digest, *text, reply);
                }
                _ => {}
            }
        }
        recorded
    }

    /// Approves in this name what people did not decide then.
    pub fn approving_all(self, by: impl Into<String>) -> Recorded {
        Recorded { approver: Some(by.into()), ..self }
    }

    fn learn(&mut self, request: Digest, text: Option<Digest>, reply: &Reply) {
        match reply {
            Reply::Fetched(fetched) => {
                if let Fetched::Content { place, .. } | Fetched::Missing { place } | Fetched::Blocked { place, .. } = fetched {
                    self.by_place.entry(place.clone()).or_insert_with(|| reply.clone());
                }
                self.by_request.insert(request, reply.clone());
            }
            Reply::Generated(generated) => {
                if let Some(Money { currency, micros }) = &generated.cost {
                    let paid = self.paid.entry(currency.clone()).or_default();
                    paid.0 += generated.tokens_in + generated.tokens_out;
                    paid.1 += micros;
                }
                self.by_request.insert(request, reply.clone());
            }
            Reply::Decided(decision) => {
                if let Some(text) = text {
                    self.decisions.entry(text).or_default().push(decision.clone());
                }
            }
            Reply::Failed(_) => {
                self.by_request.insert(request, reply.clone());
            }
            // What went out then says nothing about what would.
            Reply::Published(_) | Reply::Placed(_) | Reply::Audience(_) | Reply::Elapsed(_) => {}
        }
    }

    /// What was done without the record so far.
    pub fn told(&self) -> &Told {
        &self.told
    }

    fn fetch(&mut self, key: &RequestKey, digest: Digest, fetch: &Fetch, request: &Request) -> Reply {
        if let Some(reply) = self.by_request.get(&digest) {
            return reply.clone();
        }
        let place = match &fetch.target {
            Target::Url(place) | Target::File(place) => place.clone(),
            Target::Folder { path, glob } => format!("{}/{glob}", path.trim_end_matches('/')),
        };
        // The same page under other conditions, such as the version that we have: its text answers all of them.
        if let Some(reply) = self.by_place.get(&place) {
            return reply.clone();
        }
        self.told.lacking.push(Lacking { step: key.task.step.to_string(), what: says(request) });
        match &fetch.target {
            Target::Folder { .. } => Reply::Fetched(Fetched::Entries(Vec::new())),
            Target::Url(_) | Target::File(_) => Reply::Fetched(Fetched::Missing { place }),
        }
    }

    fn generate(&mut self, digest: Digest, generate: &Generate) -> Reply {
        if let Some(reply) = self.by_request.get(&digest) {
            self.told.texts_recorded += 1;
            return reply.clone();
        }
        self.told.texts_composed += 1;
        if !self.paid.is_empty() {
            let characters = generate.system.len() + generate.prompt.len() + generate.composed.len();
            let tokens = characters.div_ceil(CHARACTERS_PER_TOKEN) as u64;
            self.told.tokens_estimated += tokens;
            for (currency, (paid_for, micros)) in &self.paid {
                let price = *micros as f64 / (*paid_for).max(1) as f64;
                *self.told.cost_estimated.entry(currency.clone()).or_default() += price * tokens as f64 / 1e6;
            }
        }
        Template::answer(generate)
    }

    fn publish(&mut self, publish: &Publish) -> Reply {
        self.told.pretended += 1;
        Reply::Published(pretended(publish))
    }
}

/// The receipt of a piece that did not go out.
pub fn pretended(publish: &Publish) -> Published {
    Published { location: format!("pretended:{}/{}", publish.channel, publish.key), version: None, at: publish.at, reach: None }
}

/// What a person saw.
fn shown(title: &str, text: &str) -> Digest {
    Digest::of_json(&(title, text))
}

impl Answers for Recorded {
    fn perform(&mut self, key: &RequestKey, request: &Request) -> Reply {
        match request {
            Request::Fetch(fetch) => self.fetch(key, request.digest(), fetch, request),
            // Nothing of this went out.
            Request::Query(Query::Placed { .. }) => Reply::Placed(None),
            Request::Query(Query::Audience { channel }) => {
                Reply::Audience(self.audiences.get(channel).cloned().unwrap_or_default())
            }
            Request::Generate(generate) => self.generate(request.digest(), generate),
            Request::Publish(publish) => self.publish(publish),
            Request::Wait(until) => Reply::Elapsed(*until),
            Request::Approve(_) => Reply::Failed(Failure::new(FailureKind::Permanent, "gates are decided, not performed")),
        }
    }

    fn decide(&mut self, gate: &OpenGate) -> Option<Decision> {
        let (approve, first) = (&gate.approve, gate.given.is_empty());
        if first && let Some(said) = self.decisions.get(&shown(&approve.title, &approve.text)) {
            self.told.decided_recorded += 1;
            self.to_say.insert(gate.key.clone(), said.iter().cloned().collect());
        }
        // A decision made in time then is made in time here.
        let in_time = |at: Timestamp| approve.expires.map_or(at, |expires| at.min(Timestamp(expires.0 - 1)));
        if let Some(then) = self.to_say.get_mut(&gate.key).and_then(VecDeque::pop_front) {
            let verdict = match then.verdict {
                Verdict::Expired { approve: true } => Verdict::Approve,
                Verdict::Expired { approve: false } => Verdict::Reject { reason: Some("nobody decided in time".to_owned()) },
                verdict => verdict,
            };
            // What is approved is the same text; what it is pinned to is the other workflow's.
            return Some(Decision::new(verdict, then.by, in_time(then.at), approve.pins));
        }
        let Some(by) = &self.approver else {
            self.told.left_open += 1;
            return None;
        };
        self.told.decided_for_all += usize::from(first);
        // Where several people have to approve, several do.
        let by = if first { by.clone() } else { format!("{by} {}", gate.given.len() + 1) };
        Some(Decision::new(Verdict::Approve, by, in_time(Timestamp(0)), approve.pins))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::step::{Body, Generated};
    use crate::world::generate::template::tests::request as generate;
    use crate::world::publish::front_matter::tests::piece;
    use crate::world::real::tests::{approval, key};

    fn heard(request: &Request, reply: Reply) -> Vec<Entry> {
        let lasting = matches!(request, Request::Approve(_)).then(|| Box::new(request.clone()));
        vec![
            Entry::Asked { key: key(), digest: request.digest(), request: lasting, at: None },
            Entry::Replied { key: key(), reply },
        ]
    }

    fn page(place: &str) -> Reply {
        Reply::Fetched(Fetched::Content {
            body: Body::new(b"heard".to_vec()),
            content_type: None,
            etag: None,
            last_modified: None,
            place: place.to_owned(),
        })
    }

    #[test]
    fn what_was_heard_is_heard_again_and_the_rest_is_missing_and_told() {
        let request = Request::Fetch(Fetch::new(Target::File("a.csv".into())));
        let mut world = Recorded::new(&heard(&request, page("a.csv")));
        assert_eq!(world.perform(&key(), &request), page("a.csv"));
        let other = Fetch { etag: Some("x".into()), ..Fetch::new(Target::File("a.csv".into())) };
        assert_eq!(world.perform(&key(), &Request::Fetch(other)), page("a.csv"));
        assert!(world.told().lacking.is_empty());
        let unknown = world.perform(&key(), &Request::Fetch(Fetch::new(Target::File("b.csv".into()))));
        assert!(matches!(unknown, Reply::Fetched(Fetched::Missing { .. })));
        assert_eq!(world.told().lacking[0].what, "read b.csv");
    }

    #[test]
    fn a_text_is_the_recorded_one_or_composed_and_its_price_an_estimate() {
        let request = Request::Generate(generate("composed"));
        let dear = Generated {
            text: "by a model".into(),
            model: "m".into(),
            tokens_in: 600,
            tokens_out: 400,
            cost: Some(Money::new("usd", 0.5)),
            cut: false,
        };
        let mut world = Recorded::new(&heard(&request, Reply::Generated(dear.clone())));
        assert_eq!(world.perform(&key(), &request), Reply::Generated(dear));
        let other = world.perform(&key(), &Request::Generate(generate("another")));
        assert!(matches!(other, Reply::Generated(generated) if generated.text == "another" && generated.model == "template"));
        let told = world.told();
        assert_eq!((told.texts_recorded, told.texts_composed), (1, 1));
        assert!(told.tokens_estimated > 0 && told.cost_estimated.values().all(|cost| *cost > 0.0));
    }

    #[test]
    fn people_decide_the_same_text_as_they_did_and_nothing_goes_out() {
        let request = Request::Approve(approval());
        let decision = Decision::new(Verdict::Reject { reason: None }, "ann", Timestamp(1), approval().pins);
        let mut world = Recorded::new(&heard(&request, Reply::Decided(decision.clone())));
        let gate = |approve| OpenGate {
            key: key(),
            step: key().task.step,
            approve,
            given: Vec::new(),
            opened: 1,
            asked: Default::default(),
            nudged: Vec::new(),
        };
        let pins = Digest::of("another workflow");
        let again = world.decide(&gate(crate::step::Approve { pins, ..approval() })).unwrap();
        assert_eq!((again.verdict, again.by.as_str(), again.pins), (decision.verdict, "ann", pins));
        assert_eq!(world.decide(&gate(crate::step::Approve { text: "new".into(), ..approval() })), None);
        let reply = world.perform(&key(), &Request::Publish(piece("k", "t")));
        assert!(matches!(reply, Reply::Published(published) if published.location == "pretended:blog/k"));
        assert_eq!(world.told().pretended, 1);
    }
}
