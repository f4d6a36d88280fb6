//! The world for real as far as reading goes; everything else is pretended.
//!
//! For running cycles over the past: sources are read, and nothing goes out, nobody is asked and no model is paid unless that
//! was said. Time stands where the clock is set, so that a wait is over at once.

use super::generate::template::Template;
use super::real::RealWorld;
use super::recorded::pretended;
use crate::base::RequestKey;
use crate::runtime::{Clock, World};
use crate::step::{Audience, Decision, Query, Reply, Request, Target, Verdict};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Reads for real and pretends the rest.
pub struct PretendedWorld {
    real: RealWorld,
    clock: Arc<dyn Clock>,
    /// Everything is approved in this name.
    approver: String,
    /// Texts come from the workflow's own providers, which may cost money; else from the composer.
    models: bool,
    pages: AtomicUsize,
}

impl PretendedWorld {
    pub fn new(real: RealWorld, clock: Arc<dyn Clock>, approver: impl Into<String>) -> PretendedWorld {
        PretendedWorld { real, clock, approver: approver.into(), models: false, pages: AtomicUsize::new(0) }
    }

    /// Has texts written by the workflow's own providers.
    pub fn with_models(self) -> PretendedWorld {
        PretendedWorld { models: true, ..self }
    }

    /// How many readings were of the web, which shows what it shows today, whatever the clock says.
    pub fn pages(&self) -> usize {
        self.pages.load(Ordering::Relaxed)
    }

    async fn answer(&self, key: &RequestKey, request: &Request) -> Reply {
        match request {
            Request::Fetch(fetch) => {
                if matches!(fetch.target, Target::Url(_)) {
                    self.pages.fetch_add(1, Ordering::Relaxed);
                }
                self.real.perform(key, request).await
            }
            Request::Query(Query::Placed { .. }) => Reply::Placed(None),
            // Nothing goes out, so nobody's count grows, but whom it would reach is read for real.
            Request::Query(Query::Audience { .. }) => match self.real.perform(key, request).await {
                Reply::Audience(audience) => Reply::Audience(Audience { at: self.clock.now(), ..audience }),
                reply => reply,
            },
            Request::Generate(_) if self.models => self.real.perform(key, request).await,
            Request::Generate(generate) => Template::answer(generate),
            Request::Approve(approve) => {
                Reply::Decided(Decision::new(Verdict::Approve, self.approver.as_str(), self.clock.now(), approve.pins))
            }
            Request::Publish(publish) => Reply::Published(pretended(publish)),
            Request::Wait(until) => Reply::Elapsed((*until).max(self.clock.now())),
        }
    }
}

impl World for PretendedWorld {
    fn perform<'a>(&'a self, key: &'a RequestKey, request: &'a Request) -> Pin<Box<dyn Future<Output = Reply> + Send + 'a>> {
        Box::pin(self.answer(key, request))
    }
}
