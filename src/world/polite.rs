//! Politeness towards one host: its robots.txt, one request at a time, a pause between requests, and rest when it asks for rest.
//!
//! Whoever holds a host's turn is the only one who talks to it. What the host has told us (rules, how long to wait, that it
//! is down) lives in the turn, so every later request knows it too.

use super::trouble::{Patience, Trouble};
use crate::base::duration;
use reqwest::Url;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;
use texting_robots::Robot;
use tokio::sync::{Mutex as TurnMutex, OwnedMutexGuard};
use tokio::time::Instant;

/// Rules are read again after a day (RFC 9309, section 2.4).
const RULES_AGE: Duration = Duration::from_secs(86_400);
/// A host that did not answer several times in a row is left alone for a minute.
const DOWN_TIME: Duration = Duration::from_secs(60);

/// What robots.txt says about us.
pub struct Rules(Option<Robot>);

impl Rules {
    /// No robots.txt: everything may be read.
    pub fn none() -> Rules {
        Rules(None)
    }

    /// The rules for `loopctl`. A file that cannot be understood counts as none, as for other readers.
    pub fn parse(text: &[u8]) -> Rules {
        // A stranger's bytes go through a foreign parser: if it ever trips, that must not be our fall.
        let robot = catch_unwind(|| Robot::new("loopctl", text));
        Rules(robot.ok().and_then(Result::ok))
    }

    pub fn allow(&self, url: &Url) -> bool {
        let Some(robot) = &self.0 else { return true };
        catch_unwind(AssertUnwindSafe(|| robot.allowed(url.as_str()))).unwrap_or(true)
    }

    fn delay(&self) -> Duration {
        let seconds = self.0.as_ref().and_then(|robot| robot.delay).unwrap_or(0.0);
        Duration::try_from_secs_f32(seconds).unwrap_or_default()
    }
}

/// What is known about one host.
#[derive(Default)]
pub struct Host {
    rules: Option<(Rules, Instant)>,
    /// Not before this time.
    free_at: Option<Instant>,
    /// Attempts without any answer, in a row.
    silences: u32,
    down: Option<(Instant, Trouble)>,
}

impl Host {
    /// The rules, when they are known and young enough.
    pub fn rules(&self) -> Option<&Rules> {
        self.rules.as_ref().filter(|(_, read)| read.elapsed() < RULES_AGE).map(|(rules, _)| rules)
    }

    pub fn learn(&mut self, rules: Rules) {
        self.rules = Some((rules, Instant::now()));
    }

    /// Waits until the host may be asked again; trouble when it is down or wants a longer rest than we have patience for.
    pub async fn wait(&self, name: &str, patience: &Patience) -> Result<(), Trouble> {
        let now = Instant::now();
        if let Some((until, trouble)) = &self.down
            && *until > now
        {
            return Err(trouble.clone().for_later());
        }
        let Some(rest) = self.free_at.and_then(|free_at| free_at.checked_duration_since(now)) else { return Ok(()) };
        if rest > patience.longest_wait {
            let rest = duration::format(Duration::from_secs(rest.as_secs().max(1)));
            return Err(Trouble::passing(
                format!("`{name}` asks not to be read again for {rest}"),
                "the next cycle reads it again; make `every` longer if this happens often",
            )
            .for_later());
        }
        tokio::time::sleep(rest).await;
        Ok(())
    }

    /// The host answered: the next request waits for the gap or the crawl delay, whichever is longer.
    pub fn answered(&mut self, gap: Duration) {
        let delay = self.rules().map(Rules::delay).unwrap_or_default();
        self.silences = 0;
        self.down = None;
        self.free_at = Instant::now().checked_add(gap.max(delay));
    }

    /// The host asked for rest, for all of us.
    pub fn rest(&mut self, wait: Duration) {
        let until = Instant::now().checked_add(wait);
        self.free_at = self.free_at.max(until);
    }

    /// The host gave no answer. After as many silences as one request has attempts it is down for a while, so that a hundred
    /// pages of a dead host cost the patience for one.
    pub fn silent(&mut self, trouble: &Trouble, patience: &Patience) {
        self.silences += 1;
        if self.silences > patience.retries {
            self.silences = 0;
            self.down = Some((Instant::now() + DOWN_TIME, trouble.clone()));
        }
    }
}

/// Hosts and what is known about them.
#[derive(Default)]
pub struct Hosts(Mutex<BTreeMap<String, Arc<TurnMutex<Host>>>>);

impl Hosts {
    /// Those of this process: a new cycle makes a new world, and the hosts stay who they are.
    pub fn of_process() -> Arc<Hosts> {
        static HOSTS: LazyLock<Arc<Hosts>> = LazyLock::new(Arc::default);
        HOSTS.clone()
    }

    /// Waits for the turn at the host of `url`. Scheme and port count: they have robots.txt files of their own.
    pub async fn turn(&self, url: &Url) -> OwnedMutexGuard<Host> {
        let origin = url.origin().ascii_serialization();
        let host = self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(origin).or_default().clone();
        host.lock_owned().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Patience =
        Patience { retries: 1, first_pause: Duration::ZERO, longest_pause: Duration::ZERO, longest_wait: Duration::from_secs(5) };

    fn url(path: &str) -> Url {
        Url::parse("https://example.com").unwrap().join(path).unwrap()
    }

    #[test]
    fn rules_for_us_come_before_rules_for_all() {
        let rules = Rules::parse(b"User-agent: *\nDisallow: /\n\nUser-agent: loopctl\nDisallow: /private\nCrawl-delay: 2");
        assert!(rules.allow(&url("/pricing")));
        assert!(!rules.allow(&url("/private/x")));
        assert_eq!(rules.delay(), Duration::from_secs(2));
    }

    #[test]
    fn a_strange_file_forbids_nothing() {
        for text in [&b"<html>not found</html>"[..], b"", b"\xff\xfe\x00", b"Crawl-delay: -1e40\nUser-agent"] {
            let rules = Rules::parse(text);
            assert!(rules.allow(&url("/")), "{text:?}");
            assert_eq!(rules.delay(), Duration::ZERO);
        }
        assert!(Rules::none().allow(&url("/")));
    }

    #[tokio::test]
    async fn a_host_that_wants_a_long_rest_is_left_for_the_next_cycle() {
        let mut host = Host::default();
        host.learn(Rules::parse(b"User-agent: *\nCrawl-delay: 3600"));
        assert_eq!(host.wait("h", &PATIENCE).await, Ok(()), "the first page is read at once");
        host.answered(Duration::ZERO);
        let trouble = host.wait("h", &PATIENCE).await.unwrap_err();
        assert!(trouble.message.contains("not to be read again for") && !trouble.again, "{trouble:?}");
    }

    #[tokio::test]
    async fn a_silent_host_is_down_until_it_answers() {
        let mut host = Host::default();
        let trouble = Trouble::passing("cannot reach `h`", "wait");
        host.silent(&trouble, &PATIENCE);
        assert_eq!(host.wait("h", &PATIENCE).await, Ok(()));
        host.silent(&trouble, &PATIENCE);
        assert_eq!(host.wait("h", &PATIENCE).await, Err(trouble.for_later()));
        host.answered(Duration::ZERO);
        assert_eq!(host.wait("h", &PATIENCE).await, Ok(()));
    }
}
