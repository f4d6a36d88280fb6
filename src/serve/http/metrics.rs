//! What Prometheus reads: what happened, by workflow, and how things stand now.

use super::Front;
use crate::base::CycleNo;
use crate::serve::desk::WorkflowFacts;
use crate::serve::events::{Happened, What};
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Of {
    workflow: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfStep {
    workflow: String,
    step: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    path: String,
    status: u16,
}

/// All that is counted.
pub struct Metrics {
    registry: Registry,
    opened: Family<Of, Counter>,
    missed: Family<Of, Counter>,
    closed: Family<Of, Counter>,
    finished: Family<OfStep, Counter>,
    failed: Family<OfStep, Counter>,
    deferred: Family<OfStep, Counter>,
    decided: Family<OfStep, Counter>,
    troubles: Family<Of, Counter>,
    received: Family<Of, Counter>,
    open: Family<Of, Gauge>,
    waiting: Family<Of, Gauge>,
    next: Family<Of, Gauge>,
    answers: Family<Answered, Counter>,
}

impl Default for Metrics {
    fn default() -> Metrics {
        let mut metrics = Metrics {
            registry: Registry::with_prefix("loopctl"),
            opened: Family::default(),
            missed: Family::default(),
            closed: Family::default(),
            finished: Family::default(),
            failed: Family::default(),
            deferred: Family::default(),
            decided: Family::default(),
            troubles: Family::default(),
            received: Family::default(),
            open: Family::default(),
            waiting: Family::default(),
            next: Family::default(),
            answers: Family::default(),
        };
        let registry = &mut metrics.registry;
        registry.register("cycles_opened", "Cycles that were opened", metrics.opened.clone());
        registry.register("openings_missed", "Openings that were due while nothing ran", metrics.missed.clone());
        registry.register("cycles_closed", "Cycles that came to their end", metrics.closed.clone());
        registry.register("tasks_finished", "Tasks that finished", metrics.finished.clone());
        registry.register("tasks_failed", "Tasks that failed", metrics.failed.clone());
        registry.register("tasks_deferred", "Tasks over a cap that wait for the next cycle", metrics.deferred.clone());
        registry.register("decisions", "Decisions that were taken", metrics.decided.clone());
        registry.register("troubles", "Times that something could not go on", metrics.troubles.clone());
        registry.register("hooks_received", "Webhooks that were taken in", metrics.received.clone());
        registry.register("cycles_open", "Cycles that are open now", metrics.open.clone());
        registry.register("items_waiting", "Items that wait for a person now", metrics.waiting.clone());
        registry.register(
            "next_opening_seconds",
            "When the next cycle opens, in seconds since 1970; 0 when none is due",
            metrics.next.clone(),
        );
        registry.register("http_answers", "Answers over HTTP", metrics.answers.clone());
        metrics
    }
}

impl Metrics {
    /// Counts something that happened.
    pub fn count(&self, happened: &Happened) {
        let of = || Of { workflow: happened.workflow.to_string() };
        let of_step = |step: &str| OfStep { workflow: happened.workflow.to_string(), step: step.to_owned() };
        match &happened.what {
            What::Opened { missed } => {
                self.opened.get_or_create(&of()).inc();
                self.missed.get_or_create(&of()).inc_by(*missed as u64);
            }
            What::Closed => drop(self.closed.get_or_create(&of()).inc()),
            What::TaskFinished { step, .. } => drop(self.finished.get_or_create(&of_step(step)).inc()),
            What::TaskFailed { step } => drop(self.failed.get_or_create(&of_step(step)).inc()),
            What::TaskDeferred { step } => drop(self.deferred.get_or_create(&of_step(step)).inc()),
            What::Decided { step, .. } => drop(self.decided.get_or_create(&of_step(step)).inc()),
            What::Trouble { .. } => drop(self.troubles.get_or_create(&of()).inc()),
            What::Received { .. } => drop(self.received.get_or_create(&of()).inc()),
            What::TakenUp
            | What::TaskStarted { .. }
            | What::Nudged { .. }
            | What::Waiting { .. }
            | What::Parked { .. }
            | What::Stopped
            | What::Reloaded
            | What::Kept => {}
        }
    }

    /// Counts an answer. `path` is the pattern of the route, so that there are few.
    pub fn answered(&self, path: &str, status: u16) {
        self.answers.get_or_create(&Answered { path: path.to_owned(), status }).inc();
    }

    fn stand(&self, workflows: &[WorkflowFacts]) {
        for facts in workflows {
            let of = Of { workflow: facts.workflow.clone() };
            let open: &Vec<CycleNo> = &facts.open;
            self.open.get_or_create(&of).set(open.len() as i64);
            self.waiting.get_or_create(&of).set(facts.waiting as i64);
            self.next.get_or_create(&of).set(facts.next.map_or(0, |at| at.0 / 1000));
        }
    }
}

/// `GET /metrics`
pub async fn show(State(front): State<Front>) -> Response {
    if let Ok(workflows) = front.desk.workflows().await {
        front.metrics.stand(&workflows);
    }
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = encode(&mut text, &front.metrics.registry);
    ([(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text).into_response()
}
