//! The real world of one workflow: requests go to the disk, the web, the providers and the channels that it names.
//!
//! Nothing is opened before it is asked for, so a workflow that reads files and writes with the template never makes an HTTP
//! client. Whatever happens outside comes back as a reply; a request for a provider or a channel that is not there does too.

use super::clock::SystemClock;
use super::disk::DiskFiles;
use super::generate::{self, Provider};
use super::http::Reader;
use super::pace::Paces;
use super::polite::Hosts;
use super::publish::{self, Channel};
use super::secrets::{SecretError, Secrets};
use super::trouble::Trouble;
use super::web::{Web, WebSettings};
use crate::base::{Money, RequestKey, Timestamp};
use crate::model::{Config, Scalar, Workflow};
use crate::runtime::{Clock, Look, Standing, World};
use crate::step::{Decision, Failure, FailureKind, Fetch, Generate, Generated, Query, Reply, Request, Target, Verdict};
use std::collections::BTreeMap;
use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

/// A sleep is never longer than this, so that a clock that is set or a machine that wakes up is noticed.
const LONGEST_NAP: Duration = Duration::from_secs(30);

/// The world for real.
pub struct RealWorld {
    clock: Arc<dyn Clock>,
    files: DiskFiles,
    reader: Reader,
    providers: BTreeMap<String, Box<dyn Provider>>,
    /// Who is asked for a role: its provider, then the fallbacks.
    lines: BTreeMap<String, Vec<String>>,
    channels: BTreeMap<String, Box<dyn Channel>>,
    /// Who approves everything at once, when somebody does.
    approver: Option<String>,
}

impl RealWorld {
    /// `folder` is the one that paths in the workflow are relative to.
    pub fn new(workflow: Arc<Workflow>, folder: impl AsRef<Path>) -> RealWorld {
        let folder = folder.as_ref();
        RealWorld::with(&workflow, folder, Arc::new(SystemClock), WebSettings::default(), Secrets::new(folder))
    }

    /// With another clock, other patience or other secrets.
    pub fn with(workflow: &Workflow, folder: &Path, clock: Arc<dyn Clock>, settings: WebSettings, secrets: Secrets) -> RealWorld {
        let web = Arc::new(Web::new(settings, clock.clone()).with_wall(Arc::new(SystemClock)).with_paces(Paces::of(folder)));
        let files = DiskFiles::new(folder);
        let providers =
            workflow.providers.iter().map(|(name, provider)| (name.clone(), generate::open(provider, &files, &web, &secrets)));
        let channels = workflow
            .channels
            .iter()
            .map(|(name, channel)| (name.clone(), publish::open(channel, &workflow.zone, &files, &web, &secrets)));
        RealWorld {
            clock,
            providers: providers.collect(),
            lines: workflow
                .providers
                .keys()
                .map(|role| (role.clone(), workflow.provider_line(role).iter().map(|provider| provider.name.clone()).collect()))
                .collect(),
            channels: channels.collect(),
            reader: Reader::new(web, Hosts::of_process()),
            files,
            approver: None,
        }
    }

    /// Answers every gate with "approve" in this name, for a quick look at a whole loop.
    pub fn approving_all(self, by: impl Into<String>) -> RealWorld {
        RealWorld { approver: Some(by.into()), ..self }
    }

    async fn answer(&self, request: &Request) -> Reply {
        match request {
            Request::Fetch(fetch) => self.fetch(fetch).await,
            Request::Query(Query::Placed { channel, key }) => match self.channel(channel) {
                Ok(channel) => channel.placed(key).await,
                Err(trouble) => trouble.into_reply(1),
            },
            Request::Query(Query::Audience { channel }) => match self.channel(channel) {
                Ok(channel) => channel.audience().await,
                Err(trouble) => trouble.into_reply(1),
            },
            Request::Generate(generate) => self.generate(generate).await,
            Request::Approve(approve) => match &self.approver {
                Some(by) => Reply::Decided(Decision::new(Verdict::Approve, by.clone(), self.clock.now(), approve.pins)),
                None => Trouble::permanent(
                    format!("“{}” waits for a person, not for the world", approve.title),
                    "decide with `loopctl gate approve`, `edit` or `reject`",
                )
                .into_reply(1),
            },
            Request::Publish(piece) => match self.channel(&piece.channel) {
                Ok(channel) => channel.publish(piece).await,
                Err(trouble) => trouble.into_reply(1),
            },
            Request::Wait(until) => self.wait(*until).await,
        }
    }

    /// Asks the provider of the role and, while one fails, the next in its line. What failed attempts cost is counted.
    async fn generate(&self, request: &Generate) -> Reply {
        let Some(line) = self.lines.get(&request.provider) else {
            return Trouble::permanent(
                format!("there is no provider `{}`", request.provider),
                format!("declare it: `provider \"{}\" kind=\"template\"`", request.provider),
            )
            .into_reply(1);
        };
        let mut failed: Option<Failure> = None;
        for provider in line.iter().filter_map(|name| self.providers.get(name)) {
            match (provider.generate(request).await, failed.take()) {
                (Reply::Failed(last), before) => failed = Some(before.map_or(last.clone(), |before| both(before, last))),
                (Reply::Generated(generated), Some(before)) => return Reply::Generated(after(generated, before)),
                (reply, _) => return reply,
            }
        }
        Reply::Failed(failed.unwrap_or_else(|| Failure::new(FailureKind::Permanent, "nobody was asked")))
    }

    async fn fetch(&self, fetch: &Fetch) -> Reply {
        let target = match &fetch.target {
            Target::Url(url) => return self.reader.fetch(url, fetch).await,
            target => target.clone(),
        };
        let (files, max_bytes) = (self.files.clone(), fetch.max_bytes);
        match tokio::task::spawn_blocking(move || files.fetch(&target, max_bytes)).await {
            Ok(Ok(fetched)) => Reply::Fetched(fetched),
            Ok(Err(trouble)) => trouble.into_reply(1),
            Err(_) => Trouble::passing("the reading was stopped in the middle", "run again").into_reply(1),
        }
    }

    fn channel(&self, name: &str) -> Result<&dyn Channel, Trouble> {
        self.channels.get(name).map(Box::as_ref).ok_or_else(|| {
            Trouble::permanent(
                format!("there is no channel `{name}`"),
                format!("declare it: `channel \"{name}\" kind=\"files\" {{ dir \"out/{name}\" }}`"),
            )
        })
    }

    async fn wait(&self, until: Timestamp) -> Reply {
        loop {
            let now = self.clock.now();
            if now >= until {
                return Reply::Elapsed(now);
            }
            tokio::time::sleep(until.since(now).min(LONGEST_NAP)).await;
        }
    }
}

/// The failure of a whole line: the first one's words, because that is the provider that should have answered.
fn both(first: Failure, last: Failure) -> Failure {
    let message = format!("{}; its fallback failed too: {}", first.message, last.message);
    let kind = if last.kind == FailureKind::Transient { last.kind } else { first.kind };
    Failure {
        kind,
        message,
        attempts: first.attempts + last.attempts,
        tokens: first.tokens + last.tokens,
        cost: total(first.cost, last.cost),
        ..first
    }
}

/// A fallback's answer with what the failed attempts before it cost.
fn after(generated: Generated, failed: Failure) -> Generated {
    Generated { tokens_in: generated.tokens_in + failed.tokens, cost: total(generated.cost, failed.cost), ..generated }
}

fn total(a: Option<Money>, b: Option<Money>) -> Option<Money> {
    match (a, b) {
        (Some(a), Some(b)) if a.currency == b.currency => Some(a + b),
        (one, other) => one.or(other),
    }
}

impl World for RealWorld {
    fn perform<'a>(&'a self, _key: &'a RequestKey, request: &'a Request) -> Pin<Box<dyn Future<Output = Reply> + Send + 'a>> {
        Box::pin(self.answer(request))
    }

    fn look<'a>(&'a self, look: &'a Look) -> Pin<Box<dyn Future<Output = Standing> + Send + 'a>> {
        match self.channel(&look.channel) {
            Ok(channel) => channel.read_back(look),
            Err(_) => Box::pin(async { Standing::Unknown }),
        }
    }
}

/// The secrets of a workflow that cannot be read now: where each is used, and why it is missing. In the order of names; for
/// `validate` and `plan`, so that a missing key is told before the first model call and not in the middle of a cycle.
pub fn missing_secrets(workflow: &Workflow, secrets: &Secrets) -> Vec<(String, SecretError)> {
    let providers = workflow.providers.values().map(|provider| (format!("provider \"{}\"", provider.name), &provider.config));
    let channels = workflow.channels.values().map(|channel| (format!("channel \"{}\"", channel.name), &channel.config));
    let steps = workflow.steps.iter().map(|step| (format!("{} \"{}\"", step.verb, step.id), &step.config));
    let mut missing = Vec::new();
    for (place, config) in providers.chain(channels).chain(steps) {
        let mut open: Vec<&Config> = vec![config];
        while let Some(node) = open.pop() {
            let scalars = node.args.iter().chain(node.props.values());
            let errors = scalars.filter_map(Scalar::secret).filter_map(|secret| secrets.read(secret).err());
            missing.extend(errors.map(|error| (place.clone(), error)));
            open.extend(node.children.iter().rev());
        }
    }
    missing
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::base::{CycleNo, Digest, ItemId, StepId, TaskId, WorkflowId};
    use crate::model;
    use crate::model::SecretRef;
    use crate::step::request::ExpiryAction;
    use crate::step::{Approve, Fetched, Published};
    use crate::world::generate::template::tests::request as generate;
    use crate::world::publish::front_matter::tests::piece;
    use crate::world::test_server::{Answer, TestServer, test_clock};

    pub fn key() -> RequestKey {
        RequestKey { cycle: CycleNo(1), task: TaskId { step: StepId::new("press"), item: None }, turn: 0, index: 0 }
    }

    pub fn approval() -> Approve {
        Approve {
            item: ItemId(Digest::of("item")),
            title: "Prices moved".into(),
            text: "text".into(),
            by: vec!["editor".into()],
            expires: None,
            on_expiry: ExpiryAction::Reject,
            pins: Digest::of("text"),
            rules: Default::default(),
            nudging: Default::default(),
            again: None,
        }
    }

    fn node(name: &str, arg: Scalar) -> Config {
        Config { name: name.to_owned().into(), args: [arg].into(), ..Config::default() }
    }

    fn workflow() -> Workflow {
        let config = Config { children: vec![node("dir", Scalar::Text("out/blog".into()))], ..Config::default() };
        let key = node("key", Scalar::Secret(SecretRef::Env("LLM_KEY".into())));
        let model =
            Config { children: vec![node("base-url", Scalar::Text("http://127.0.0.1:9/v1".into())), key], ..Config::default() };
        let provider = |name: &str, kind: &str, config: &Config| {
            (name.to_owned(), model::Provider { name: name.into(), kind: kind.into(), config: config.clone() })
        };
        Workflow {
            id: WorkflowId::new("w"),
            about: String::new(),
            folder: String::new(),
            client_os: None,
            zone: jiff::tz::TimeZone::UTC,
            every: None,
            at_minute: None,
            calendar: Default::default(),
            recorded_from: None,
            notify: Vec::new(),
            concurrency: 1,
            caps: Vec::new(),
            steps: Vec::new(),
            providers: [provider("drafter", "template", &Config::default()), provider("model", "openai-chat", &model)].into(),
            channels: [("blog".to_owned(), model::Channel { name: "blog".into(), kind: "files".into(), config })].into(),
            templates: BTreeMap::new(),
            digested: Default::default(),
        }
    }

    fn world(folder: &Path) -> RealWorld {
        let settings = WebSettings { proxy: false, gap: Duration::ZERO, ..WebSettings::default() };
        let secrets = Secrets::new(folder).with_environment(|_| None);
        RealWorld::with(&workflow(), folder, Arc::new(test_clock()), settings, secrets)
    }

    fn failure(reply: Reply) -> Failure {
        match reply {
            Reply::Failed(failure) if failure.help.is_some() => failure,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn every_request_finds_its_door() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.csv"), "a").unwrap();
        let server = TestServer::start(
            |request, _| if request.path == "/robots.txt" { Answer::new(404) } else { Answer::new(200).text("b") },
        )
        .await;
        let world = world(folder.path());
        let perform = |request: Request| {
            let world = &world;
            async move { world.perform(&key(), &request).await }
        };
        for target in [Target::File("a.csv".into()), Target::Url(server.at("/"))] {
            let reply = perform(Request::Fetch(Fetch::new(target))).await;
            assert!(matches!(reply, Reply::Fetched(Fetched::Content { .. })), "{reply:?}");
        }
        assert!(matches!(perform(Request::Generate(generate("x"))).await, Reply::Generated(_)));
        let asked = Request::Query(Query::Placed { channel: "blog".into(), key: "k".into() });
        assert_eq!(perform(asked.clone()).await, Reply::Placed(None));
        let Reply::Published(Published { location, .. }) = perform(Request::Publish(piece("k", "t"))).await else {
            panic!("expected a receipt")
        };
        assert!(folder.path().join(location).is_file());
        assert!(matches!(perform(asked).await, Reply::Placed(Some(_))));
        let now = test_clock().now();
        assert_eq!(perform(Request::Wait(now)).await, Reply::Elapsed(now));
    }

    #[tokio::test]
    async fn what_is_not_declared_is_a_calm_failure() {
        let folder = tempfile::tempdir().unwrap();
        let world = world(folder.path());
        let mut elsewhere = piece("k", "t");
        elsewhere.channel = "nowhere".into();
        let mut nobody = generate("x");
        nobody.provider = "nobody".into();
        let placed = Request::Query(Query::Placed { channel: "nowhere".into(), key: "k".into() });
        for (request, name) in
            [(Request::Publish(elsewhere), "`nowhere`"), (Request::Generate(nobody), "`nobody`"), (placed, "`nowhere`")]
        {
            let failure = failure(world.perform(&key(), &request).await);
            assert!(failure.message.contains(name), "{failure:?}");
        }
    }

    #[tokio::test]
    async fn a_fallback_answers_when_the_first_provider_cannot_and_each_is_asked_once() {
        let folder = tempfile::tempdir().unwrap();
        let mut workflow = workflow();
        let with_fallback = |name: &str, to: &str, workflow: &mut Workflow| {
            let provider = workflow.providers.get_mut(name).expect("it is there");
            provider.config.children.push(node("fallback", Scalar::Text(to.into())));
        };
        with_fallback("model", "drafter", &mut workflow);
        // A line that bites its own tail is walked once.
        with_fallback("drafter", "model", &mut workflow);
        let settings = WebSettings { proxy: false, gap: Duration::ZERO, ..WebSettings::default() };
        let secrets = Secrets::new(folder.path()).with_environment(|_| None);
        let world = RealWorld::with(&workflow, folder.path(), Arc::new(test_clock()), settings, secrets);
        let mut asked = generate("# composed");
        asked.provider = "model".into();
        let reply = world.perform(&key(), &Request::Generate(asked.clone())).await;
        assert!(matches!(&reply, Reply::Generated(generated) if generated.model == "template"), "{reply:?}");
        asked.composed = String::new();
        let failure = failure(world.perform(&key(), &Request::Generate(asked)).await);
        assert!(failure.message.contains("`LLM_KEY` is not set; its fallback failed too: the template"), "{failure:?}");
    }

    #[tokio::test]
    async fn only_a_world_told_so_approves_and_then_what_was_shown() {
        let folder = tempfile::tempdir().unwrap();
        let request = Request::Approve(approval());
        failure(world(folder.path()).perform(&key(), &request).await);
        let Reply::Decided(decision) = world(folder.path()).approving_all("ann").perform(&key(), &request).await else {
            panic!("expected a decision")
        };
        assert_eq!((decision.verdict, decision.by.as_str(), decision.pins), (Verdict::Approve, "ann", approval().pins));
    }

    #[test]
    fn missing_secrets_are_told_with_their_place() {
        let missing = missing_secrets(&workflow(), &Secrets::new("").with_environment(|_| None));
        assert_eq!(missing, [("provider \"model\"".to_owned(), SecretError::NotSet("LLM_KEY".into()))]);
        assert!(missing_secrets(&workflow(), &Secrets::new("").with_environment(|_| Some("x".into()))).is_empty());
    }
}
