//! A provider that does not answer is left alone for a while: each piece that waits would otherwise pay its retries again.
//!
//! A circuit breaker (Nygard, "Release It!", 2007) with one fault to open and one question to try again: after a passing failure
//! that outlived its retries, questions of the next half minute are answered with that failure at once. Nobody is paid for them.

use super::{Provider, Replying};
use crate::base::Timestamp;
use crate::runtime::Clock;
use crate::step::{Failure, FailureKind, Generate, Reply};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long a provider is left alone.
const REST: Duration = Duration::from_secs(30);

/// A provider with a breaker in front.
pub struct Breaker {
    inner: Box<dyn Provider>,
    clock: Arc<dyn Clock>,
    open: Mutex<Option<(Timestamp, Failure)>>,
}

impl Breaker {
    pub fn new(inner: Box<dyn Provider>, clock: Arc<dyn Clock>) -> Breaker {
        Breaker { inner, clock, open: Mutex::new(None) }
    }

    /// The failure that is still fresh.
    fn resting(&self) -> Option<Failure> {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, failure) = open.as_ref()?;
        // A clock that was set back ends the rest.
        let now = self.clock.now();
        (now >= *since && now.since(*since) < REST).then(|| Failure { attempts: 0, tokens: 0, cost: None, ..failure.clone() })
    }

    async fn run(&self, request: &Generate) -> Reply {
        if let Some(failure) = self.resting() {
            return Reply::Failed(failure);
        }
        let reply = self.inner.generate(request).await;
        let state = match &reply {
            Reply::Failed(failure) if failure.kind == FailureKind::Transient => Some((self.clock.now(), failure.clone())),
            _ => None,
        };
        *self.open.lock().unwrap_or_else(PoisonError::into_inner) = state;
        reply
    }
}

impl Provider for Breaker {
    fn generate<'a>(&'a self, request: &'a Generate) -> Replying<'a> {
        Box::pin(self.run(request))
    }
}

#[cfg(test)]
mod tests {
    use super::super::template::tests::request;
    use super::*;
    use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

    struct Hands(AtomicI64);

    impl Clock for Hands {
        fn now(&self) -> Timestamp {
            Timestamp(self.0.load(Ordering::SeqCst))
        }
    }

    struct Dead(Arc<AtomicUsize>, FailureKind);

    impl Provider for Dead {
        fn generate<'a>(&'a self, _: &'a Generate) -> Replying<'a> {
            self.0.fetch_add(1, Ordering::SeqCst);
            Box::pin(async { Reply::Failed(Failure { attempts: 4, ..Failure::new(self.1, "nobody there") }) })
        }
    }

    #[tokio::test]
    async fn a_dead_provider_is_asked_once_in_half_a_minute() {
        let (asked, clock) = (Arc::new(AtomicUsize::new(0)), Arc::new(Hands(AtomicI64::new(0))));
        let breaker = Breaker::new(Box::new(Dead(asked.clone(), FailureKind::Transient)), clock.clone());
        for _ in 0..5 {
            assert!(matches!(breaker.generate(&request("")).await, Reply::Failed(failure) if failure.message == "nobody there"));
        }
        assert_eq!(asked.load(Ordering::SeqCst), 1);
        // Timestamps count milliseconds.
        clock.0.store(30_000, Ordering::SeqCst);
        breaker.generate(&request("")).await;
        assert_eq!(asked.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn a_question_that_cannot_work_says_nothing_about_the_next_one() {
        let asked = Arc::new(AtomicUsize::new(0));
        let inner = Box::new(Dead(asked.clone(), FailureKind::Permanent));
        let breaker = Breaker::new(inner, Arc::new(Hands(AtomicI64::new(0))));
        for _ in 0..3 {
            breaker.generate(&request("")).await;
        }
        assert_eq!(asked.load(Ordering::SeqCst), 3);
    }
}
