//! Tries: the one loop that asks again. Every door that talks to somebody else goes through it, so patience, pauses, places and
//! rates are the same everywhere.
//!
//! Each attempt is counted by the door's rate, the whole holds one place among those that may ask at once, and no pause goes
//! beyond the time that there is for all attempts together.

use super::pace::{Allowed, Paces, Turn};
use super::trouble::Trouble;
use super::web::Web;
use crate::model::Config;
use crate::step::Reply;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// The most that `retries` takes.
pub const RETRIES_MOST: i64 = 20;

/// How a provider or a channel is asked.
pub struct Door {
    /// `provider drafter`
    name: String,
    allowed: Allowed,
    retries: Option<u32>,
    in_all: Option<Duration>,
    timeout: Duration,
    web: Arc<Web>,
    paces: Arc<Paces>,
}

/// The attempts at one question.
pub struct Tries<'a> {
    door: &'a Door,
    made: u32,
    until: Option<Instant>,
    _place: Turn,
}

impl Door {
    /// `what` is `provider` or `channel`; `timeout` is for one attempt where the workflow does not say.
    pub fn new(what: &str, name: &str, config: &Config, timeout: Duration, web: Arc<Web>) -> Door {
        Door {
            name: format!("{what} {name}"),
            allowed: Allowed::of(config),
            retries: config.integer("retries").map(|count| count.clamp(0, RETRIES_MOST) as u32),
            in_all: config.child("timeout").and_then(|node| node.prop("in-all")).and_then(|most| most.duration()),
            timeout: config.duration("timeout").unwrap_or(timeout),
            paces: web.paces.clone(),
            web,
        }
    }

    /// Somebody who is asked without limits of their own.
    pub fn unlimited(web: Arc<Web>) -> Door {
        Door::new("source", "", &Config::default(), web.settings.page_timeout, web)
    }

    /// With another time for one attempt.
    #[cfg(test)]
    pub fn hasty(self, timeout: Duration) -> Door {
        Door { timeout, ..self }
    }

    /// Begins to ask, when there is a place.
    pub async fn begin(&self) -> Tries<'_> {
        let until = self.in_all.map(|most| Instant::now() + most);
        Tries { made: 0, until, _place: self.paces.place(&self.name, self.allowed).await, door: self }
    }

    /// Asks until there is an answer or the patience is at its end. What comes back is final.
    pub async fn ask<T, F>(&self, reply: fn(T) -> Reply, attempt: impl FnMut(Duration) -> F) -> Reply
    where
        F: Future<Output = Result<T, Trouble>>,
    {
        match self.patiently(attempt).await {
            Ok(answer) => reply(answer),
            Err((trouble, attempts)) => trouble.into_reply(attempts),
        }
    }

    /// The same, for somebody who makes more of the answer.
    ///
    /// # Errors
    /// The last trouble, with how many attempts were made.
    pub async fn patiently<T, F>(&self, mut attempt: impl FnMut(Duration) -> F) -> Result<T, (Trouble, u32)>
    where
        F: Future<Output = Result<T, Trouble>>,
    {
        let mut tries = self.begin().await;
        loop {
            let answer = match tries.next().await {
                Ok(timeout) => attempt(timeout).await,
                Err(trouble) => Err(trouble),
            };
            match answer {
                Ok(answer) => return Ok(answer),
                Err(trouble) => {
                    if let Err(trouble) = tries.again(trouble).await {
                        return Err((trouble, tries.made()));
                    }
                }
            }
        }
    }
}

impl Tries<'_> {
    /// How many attempts were made.
    pub fn made(&self) -> u32 {
        self.made
    }

    /// Counts an attempt that begins now, once the rate lets it, and says how long it may take.
    ///
    /// # Errors
    /// When the rate lets nothing through for longer than the patience is, or there is no time left.
    pub async fn next(&mut self) -> Result<Duration, Trouble> {
        let left = self.left();
        let patience = self.door.web.settings.patience.longest_wait;
        self.door.paces.go(&self.door.name, self.door.allowed, left.map_or(patience, |left| left.min(patience))).await?;
        self.made += 1;
        // An attempt with no time left at all could only fail.
        Ok(self.left().map_or(self.door.timeout, |left| left.min(self.door.timeout)).max(Duration::from_millis(1)))
    }

    /// Counts an attempt that asks nobody, such as one from a recording.
    pub fn pretend(&mut self) -> Duration {
        self.made += 1;
        self.door.timeout
    }

    /// Waits before the next attempt.
    ///
    /// # Errors
    /// The trouble as it is when there will be none.
    pub async fn again(&mut self, trouble: Trouble) -> Result<(), Trouble> {
        let pause = self.door.web.pause(self.made, &trouble, self.door.retries);
        match pause {
            Some(pause) if self.left().is_none_or(|left| pause < left) => {
                tokio::time::sleep(pause).await;
                Ok(())
            }
            _ => Err(trouble),
        }
    }

    fn left(&self) -> Option<Duration> {
        self.until.map(|until| until.saturating_duration_since(Instant::now()))
    }
}
