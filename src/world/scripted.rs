//! A world that does as it is told: for rehearsals, tests of workflows and tests of the engine. No network, no clock, no writes.
//!
//! What it answers depends on the request and the script alone, never on the order in which requests arrive, so a cycle
//! gives the same result under every schedule. What it was asked and what was published can be looked at afterwards.

use super::clock::FrozenClock;
use super::disk::DiskFiles;
use super::generate::template::Template;
use super::trouble::Trouble;
use crate::base::{Digest, Hasher, RequestKey, Rng, Timestamp};
use crate::runtime::World;
use crate::step::{
    Approve, Audience, Body, Decision, Failure, FailureKind, Fetch, Fetched, Generate, Generated, People, Publish, Published,
    Query, Reply, Request, Target, Verdict,
};
use std::collections::BTreeMap;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A failure that the script wants.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    failure: Failure,
    step: Option<String>,
    kind: Option<&'static str>,
    times: Option<u32>,
    share: Option<(u64, f64)>,
}

impl Fault {
    /// Every request fails like this, until the fault is narrowed.
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Fault {
        let failure = Failure { help: Some("this failure was scripted".to_owned()), ..Failure::new(kind, message) };
        Fault { failure, step: None, kind: None, times: None, share: None }
    }

    /// Only requests of this step.
    pub fn at_step(self, step: impl Into<String>) -> Fault {
        Fault { step: Some(step.into()), ..self }
    }

    /// Only requests of this kind: `fetch`, `query`, `generate`, `approve`, `publish` or `wait`.
    pub fn on(self, kind: &'static str) -> Fault {
        Fault { kind: Some(kind), ..self }
    }

    /// Only the first times that each request is performed: what is asked again after that works.
    pub fn times(self, times: u32) -> Fault {
        Fault { times: Some(times), ..self }
    }

    /// Only this share of requests, from 0 to 1, chosen by the seed and the request's key.
    pub fn share(self, seed: u64, share: f64) -> Fault {
        Fault { share: Some((seed, share)), ..self }
    }

    fn hits(&self, key: &RequestKey, request: &Request, performed: u32) -> bool {
        self.step.as_deref().is_none_or(|step| step == key.task.step.as_str())
            && self.kind.is_none_or(|kind| kind == kind_of(request))
            && self.times.is_none_or(|times| performed < times)
            && self.share.is_none_or(|(seed, share)| {
                let mut hasher = Hasher::new();
                hasher.part(seed.to_be_bytes()).part(key.to_string());
                Rng::new(hasher.finish().seed()).uniform() < share
            })
    }
}

fn kind_of(request: &Request) -> &'static str {
    match request {
        Request::Fetch(_) => "fetch",
        Request::Query(_) => "query",
        Request::Generate(_) => "generate",
        Request::Approve(_) => "approve",
        Request::Publish(_) => "publish",
        Request::Wait(_) => "wait",
    }
}

/// A world with a script.
pub struct ScriptedWorld {
    now: Timestamp,
    files: Option<DiskFiles>,
    /// By URL or path; a folder's by `path/glob`.
    fetches: BTreeMap<String, Reply>,
    /// What a provider writes, by task; without one it answers like `template`.
    texts: BTreeMap<String, String>,
    /// By the title that is shown.
    verdicts: BTreeMap<String, Verdict>,
    /// By channel; nobody in particular where none is named.
    audiences: BTreeMap<String, People>,
    approver: Option<String>,
    faults: Vec<Fault>,
    memory: Mutex<Memory>,
}

#[derive(Default)]
struct Memory {
    performed: BTreeMap<RequestKey, u32>,
    log: Vec<(RequestKey, Request)>,
    published: BTreeMap<(String, String), Publish>,
}

impl ScriptedWorld {
    /// Time stands still at `now`. Nothing is there to be read, nobody decides, and everything can be published.
    pub fn new(now: Timestamp) -> ScriptedWorld {
        ScriptedWorld {
            now,
            files: None,
            fetches: BTreeMap::new(),
            texts: BTreeMap::new(),
            verdicts: BTreeMap::new(),
            audiences: BTreeMap::new(),
            approver: None,
            faults: Vec::new(),
            memory: Mutex::default(),
        }
    }

    /// Files and folders that the script does not name are read from this folder.
    pub fn reading(self, folder: impl Into<PathBuf>) -> ScriptedWorld {
        ScriptedWorld { files: Some(DiskFiles::new(folder)), ..self }
    }

    /// `place` (a URL or a path) holds this text.
    pub fn page(self, place: &str, text: impl Into<String>) -> ScriptedWorld {
        let content = Fetched::Content {
            body: Body::new(text.into().into_bytes()),
            content_type: None,
            etag: None,
            last_modified: None,
            place: place.to_owned(),
        };
        self.answering(place, Reply::Fetched(content))
    }

    /// Reading `place` is answered with this.
    pub fn answering(mut self, place: &str, reply: Reply) -> ScriptedWorld {
        self.fetches.insert(place.to_owned(), reply);
        self
    }

    /// A provider asked for this task writes this text.
    pub fn writing(mut self, task: &str, text: impl Into<String>) -> ScriptedWorld {
        self.texts.insert(task.to_owned(), text.into());
        self
    }

    /// These people read a channel, each known by what stands here.
    pub fn read_by<'a>(mut self, channel: &str, people: impl IntoIterator<Item = &'a str>) -> ScriptedWorld {
        let people = People::new(people.into_iter().map(|person| Digest::of(person).seed()));
        self.audiences.insert(channel.to_owned(), people);
        self
    }

    /// Every gate is approved in this name.
    pub fn approve_all(self, by: impl Into<String>) -> ScriptedWorld {
        ScriptedWorld { approver: Some(by.into()), ..self }
    }

    /// The item with this title is decided so, in the name of `approve_all` or `script`.
    pub fn deciding(mut self, title: &str, verdict: Verdict) -> ScriptedWorld {
        self.verdicts.insert(title.to_owned(), verdict);
        self
    }

    /// Adds a failure; the first that hits a request counts.
    pub fn failing(mut self, fault: Fault) -> ScriptedWorld {
        self.faults.push(fault);
        self
    }

    pub fn clock(&self) -> FrozenClock {
        FrozenClock(self.now)
    }

    /// Everything that was asked, in the order it arrived.
    pub fn log(&self) -> Vec<(RequestKey, Request)> {
        self.memory().log.clone()
    }

    /// What went out, by channel and key. A piece stands here once, however often it was sent.
    pub fn published(&self) -> Vec<Publish> {
        self.memory().published.values().cloned().collect()
    }

    /// Request keys that were performed more than once, and how often: after a crash, only what was in doubt may be here.
    pub fn repeated(&self) -> Vec<(RequestKey, u32)> {
        self.memory().performed.iter().filter(|(_, count)| **count > 1).map(|(key, count)| (key.clone(), *count)).collect()
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The answer, at once: for drivers without an executor.
    pub fn answer(&self, key: &RequestKey, request: &Request) -> Reply {
        let performed = {
            let mut memory = self.memory();
            memory.log.push((key.clone(), request.clone()));
            let count = memory.performed.entry(key.clone()).or_default();
            *count += 1;
            *count - 1
        };
        if let Some(fault) = self.faults.iter().find(|fault| fault.hits(key, request, performed)) {
            return Reply::Failed(fault.failure.clone());
        }
        match request {
            Request::Fetch(fetch) => self.fetch(fetch),
            Request::Query(Query::Placed { channel, key }) => {
                let found = self.memory().published.get(&(channel.clone(), key.clone())).map(receipt);
                Reply::Placed(found)
            }
            Request::Query(Query::Audience { channel }) => {
                let people = self.audiences.get(channel).cloned().unwrap_or_default();
                Reply::Audience(Audience { people, key: "script".to_owned(), at: self.now })
            }
            Request::Generate(generate) => self.generate(generate),
            Request::Approve(approve) => self.decide(approve),
            Request::Publish(piece) => {
                let mut memory = self.memory();
                let piece = memory.published.entry((piece.channel.clone(), piece.key.clone())).or_insert_with(|| piece.clone());
                Reply::Published(receipt(piece))
            }
            Request::Wait(until) => Reply::Elapsed(*until.max(&self.now)),
        }
    }

    fn fetch(&self, fetch: &Fetch) -> Reply {
        let place = match &fetch.target {
            Target::Url(place) | Target::File(place) => place.clone(),
            Target::Folder { path, glob } => format!("{}/{glob}", path.trim_end_matches('/')),
        };
        if let Some(reply) = self.fetches.get(&place) {
            return reply.clone();
        }
        match (&self.files, &fetch.target) {
            (Some(files), Target::File(_) | Target::Folder { .. }) => match files.fetch(&fetch.target, fetch.max_bytes) {
                Ok(fetched) => Reply::Fetched(fetched),
                Err(trouble) => trouble.into_reply(1),
            },
            _ => Reply::Fetched(Fetched::Missing { place }),
        }
    }

    fn generate(&self, request: &Generate) -> Reply {
        match self.texts.get(&request.task) {
            Some(text) => Reply::Generated(Generated {
                text: text.clone(),
                model: "script".to_owned(),
                tokens_in: (request.system.len() + request.prompt.len()).div_ceil(4) as u64,
                tokens_out: text.len().div_ceil(4) as u64,
                cost: None,
                cut: false,
            }),
            None => Template::answer(request),
        }
    }

    fn decide(&self, approve: &Approve) -> Reply {
        let verdict = self.verdicts.get(&approve.title).cloned().or_else(|| self.approver.as_ref().map(|_| Verdict::Approve));
        match verdict {
            Some(verdict) => {
                let by = self.approver.clone().unwrap_or_else(|| "script".to_owned());
                Reply::Decided(Decision::new(verdict, by, self.now, approve.pins))
            }
            None => Trouble::permanent(
                format!("nobody decides about “{}” in this script", approve.title),
                "approve all, or script a verdict for this title",
            )
            .into_reply(1),
        }
    }
}

impl World for ScriptedWorld {
    fn perform<'a>(&'a self, key: &'a RequestKey, request: &'a Request) -> Pin<Box<dyn Future<Output = Reply> + Send + 'a>> {
        Box::pin(async move { self.answer(key, request) })
    }
}

fn receipt(piece: &Publish) -> Published {
    Published {
        location: format!("memory:{}/{}", piece.channel, piece.key),
        version: Some(Digest::of(&piece.text).short(12)),
        at: piece.at,
        reach: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::StepId;
    use crate::world::generate::template::tests::request as generate;
    use crate::world::publish::front_matter::tests::piece;
    use crate::world::real::tests::{approval, key};

    fn world() -> ScriptedWorld {
        ScriptedWorld::new(Timestamp::parse("2026-11-22T06:00:00Z").unwrap())
    }

    fn key_of(step: &str, index: u32) -> RequestKey {
        let mut key = key();
        key.task.step = StepId::new(step);
        RequestKey { index, ..key }
    }

    fn read(world: &ScriptedWorld, target: Target) -> Reply {
        world.answer(&key(), &Request::Fetch(Fetch::new(target)))
    }

    #[test]
    fn the_script_comes_before_the_disk_and_the_rest_is_missing() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.csv"), "disk").unwrap();
        std::fs::write(folder.path().join("b.csv"), "disk").unwrap();
        let world = world().reading(folder.path()).page("b.csv", "script").page("https://example.com/", "page");
        for (target, expected) in [
            (Target::File("a.csv".into()), "disk"),
            (Target::File("b.csv".into()), "script"),
            (Target::Url("https://example.com/".into()), "page"),
        ] {
            let Reply::Fetched(Fetched::Content { body, .. }) = read(&world, target) else { panic!("expected content") };
            assert_eq!(body.bytes(), expected.as_bytes());
        }
        let elsewhere = read(&world, Target::Url("https://example.com/other".into()));
        assert!(matches!(elsewhere, Reply::Fetched(Fetched::Missing { .. })));
    }

    #[test]
    fn a_piece_goes_out_once_and_is_found_again() {
        let world = world();
        let asked = Request::Query(Query::Placed { channel: "blog".into(), key: "k".into() });
        assert_eq!(world.answer(&key(), &asked), Reply::Placed(None));
        let first = world.answer(&key_of("out", 0), &Request::Publish(piece("k", "t")));
        assert_eq!(world.answer(&key_of("out", 0), &Request::Publish(piece("k", "t"))), first);
        let Reply::Published(published) = first else { panic!("expected a receipt") };
        assert_eq!(world.answer(&key(), &asked), Reply::Placed(Some(published)));
        assert_eq!(world.published().len(), 1);
        assert_eq!(world.repeated(), [(key_of("out", 0), 2), (key(), 2)]);
        assert_eq!(world.log().len(), 4);
    }

    #[test]
    fn gates_are_decided_by_script_or_for_all_or_not() {
        let request = Request::Approve(approval());
        assert!(matches!(world().answer(&key(), &request), Reply::Failed(_)));
        assert!(matches!(world().approve_all("ann").answer(&key(), &request),
            Reply::Decided(decision) if decision.verdict == Verdict::Approve && decision.by == "ann" && decision.pins == approval().pins));
        let rejecting = world().approve_all("ann").deciding("Prices moved", Verdict::Reject { reason: None });
        assert!(
            matches!(rejecting.answer(&key(), &request), Reply::Decided(decision) if decision.verdict == Verdict::Reject { reason: None })
        );
    }

    #[test]
    fn texts_come_from_the_script_or_the_template() {
        let world = world().writing("draft", "# Scripted");
        assert!(
            matches!(world.answer(&key(), &Request::Generate(generate("x"))), Reply::Generated(generated) if generated.text == "# Scripted")
        );
        let outline = Generate { task: "outline".into(), ..generate("composed") };
        assert!(
            matches!(world.answer(&key(), &Request::Generate(outline)), Reply::Generated(generated) if generated.text == "composed")
        );
    }

    #[test]
    fn faults_hit_what_they_name_as_often_as_they_say() {
        let fault = Fault::new(FailureKind::Transient, "down").at_step("press").on("fetch").times(2);
        let world = world().page("a", "text").failing(fault);
        let ask = |key: &RequestKey| {
            matches!(world.answer(key, &Request::Fetch(Fetch::new(Target::File("a".into())))), Reply::Failed(_))
        };
        let (press, other) = (key_of("press", 0), key_of("other", 0));
        assert_eq!([ask(&press), ask(&other), ask(&press), ask(&press)], [true, false, true, false]);
        assert!(matches!(world.answer(&key_of("press", 9), &Request::Wait(Timestamp(0))), Reply::Elapsed(_)));
    }

    #[test]
    fn a_share_of_requests_fails_whatever_the_order() {
        let failed = |order: &mut dyn Iterator<Item = u32>| {
            let world = world().failing(Fault::new(FailureKind::Transient, "down").share(7, 0.3));
            let mut failed: Vec<u32> = order
                .filter(|n| matches!(world.answer(&key_of("s", *n), &Request::Wait(Timestamp(0))), Reply::Failed(_)))
                .collect();
            failed.sort_unstable();
            failed
        };
        let forwards = failed(&mut (0..1_000));
        assert_eq!(forwards, failed(&mut (0..1_000).rev()));
        assert!((250..350).contains(&forwards.len()), "{}", forwards.len());
    }
}
