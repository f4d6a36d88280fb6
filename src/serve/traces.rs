//! Traces for OpenTelemetry (the feature `otel`): one for each stretch of a cycle from where it goes on to where it rests, with a span
//! for each step that worked in it. No titles, texts or names of people.
//!
//! Where they go is said by the usual variables: `OTEL_EXPORTER_OTLP_ENDPOINT`, `OTEL_EXPORTER_OTLP_PROTOCOL` (`http/protobuf` or
//! `http/json`), `OTEL_SERVICE_NAME` and the others of the standard. A collector that is away stops nothing.

use super::events::{Happened, What};
use crate::base::{CycleNo, Timestamp, WorkflowId};
use std::collections::BTreeMap;

/// The variables that turn traces on.
pub const VARIABLES: [&str; 2] = ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"];

/// Whether somebody asked for traces in the environment, and has not turned them off there.
pub fn are_wanted() -> bool {
    let is_off = std::env::var("OTEL_SDK_DISABLED").is_ok_and(|value| value.eq_ignore_ascii_case("true"));
    !is_off && VARIABLES.iter().any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
}

/// What one step did in a stretch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Worked {
    pub began: Timestamp,
    pub ended: Timestamp,
    pub tasks: i64,
    pub items: i64,
    pub recalled: i64,
    pub failed: i64,
    pub deferred: i64,
}

/// A stretch of a cycle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stretch {
    pub workflow: WorkflowId,
    pub cycle: CycleNo,
    pub began: Timestamp,
    pub ended: Timestamp,
    /// `parked`, `closed`, `stopped` or the code of what is wrong.
    pub end: String,
    /// How many decisions it waits for.
    pub waiting: usize,
    /// Something went wrong with the cycle itself.
    pub troubled: bool,
    pub steps: BTreeMap<String, Worked>,
}

/// Puts what happens together to stretches.
#[derive(Default)]
pub struct Gathering(BTreeMap<(WorkflowId, CycleNo), Stretch>);

impl Gathering {
    /// Takes in what happened, and gives the stretch that has come to its end with it.
    pub fn take(&mut self, happened: &Happened) -> Option<Stretch> {
        let key = (happened.workflow.clone(), happened.cycle?);
        let at = happened.at;
        let stretch = || Stretch {
            workflow: key.0.clone(),
            cycle: key.1,
            began: at,
            ended: at,
            end: String::new(),
            waiting: 0,
            troubled: false,
            steps: BTreeMap::new(),
        };
        let mut worked = |step: &str, change: &dyn Fn(&mut Worked)| {
            let stretch = self.0.entry(key.clone()).or_insert_with(stretch);
            let none = Worked { began: at, ended: at, tasks: 0, items: 0, recalled: 0, failed: 0, deferred: 0 };
            let worked = stretch.steps.entry(step.to_owned()).or_insert(none);
            worked.ended = worked.ended.max(at);
            change(worked);
        };
        let (end, waiting, troubled) = match &happened.what {
            What::Opened { .. } | What::TakenUp => {
                self.0.entry(key.clone()).or_insert_with(stretch);
                return None;
            }
            What::TaskStarted { step } => {
                worked(step, &|_| {});
                return None;
            }
            What::TaskFinished { step, items, recalled } => {
                worked(step, &|worked| {
                    worked.tasks += 1;
                    worked.items += *items as i64;
                    worked.recalled += i64::from(*recalled);
                });
                return None;
            }
            What::TaskFailed { step } => {
                worked(step, &|worked| {
                    worked.tasks += 1;
                    worked.failed += 1;
                });
                return None;
            }
            What::TaskDeferred { step } => {
                worked(step, &|worked| {
                    worked.tasks += 1;
                    worked.deferred += 1;
                });
                return None;
            }
            What::Parked { waiting, .. } => ("parked", *waiting, false),
            What::Closed => ("closed", 0, false),
            What::Stopped => ("stopped", 0, false),
            What::Trouble { code, .. } => (code.as_str(), 0, true),
            What::Waiting { .. }
            | What::Nudged { .. }
            | What::Decided { .. }
            | What::Reloaded
            | What::Kept
            | What::Received { .. } => return None,
        };
        let stretch = self.0.remove(&key)?;
        Some(Stretch { ended: at.max(stretch.began), end: end.to_owned(), waiting, troubled, ..stretch })
    }
}

#[cfg(feature = "otel")]
pub use exporting::Traces;

/// Whether this build sends traces.
pub const ARE_BUILT_IN: bool = cfg!(feature = "otel");

/// A build without the feature has none.
#[cfg(not(feature = "otel"))]
pub enum Traces {}

#[cfg(not(feature = "otel"))]
impl Traces {
    /// There is none to be made.
    ///
    /// # Errors
    /// Always.
    pub fn from_env() -> Result<Traces, String> {
        Err("this build sends no traces".to_owned())
    }

    pub fn take(&self, _: &Happened) {
        match *self {}
    }

    pub fn finish(&self) {
        match *self {}
    }
}

#[cfg(feature = "otel")]
mod exporting {
    use super::{Gathering, Happened, Stretch, Timestamp};
    use opentelemetry::trace::{Span as _, Status, TraceContextExt as _, Tracer as _, TracerProvider as _};
    use opentelemetry::{Context, KeyValue};
    use opentelemetry_sdk::Resource;
    use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
    use std::sync::{Mutex, PoisonError};
    use std::time::{Duration, SystemTime};

    /// Sends traces to a collector from a thread of its own.
    pub struct Traces {
        provider: SdkTracerProvider,
        tracer: SdkTracer,
        gathering: Mutex<Gathering>,
    }

    impl Traces {
        /// An exporter as the environment describes it. To be made outside of an asynchronous runtime.
        ///
        /// # Errors
        /// When the environment describes none that could work.
        pub fn from_env() -> Result<Traces, String> {
            // The exporter's client asks for it, and whoever was first has set the same.
            let _ = rustls::crypto::ring::default_provider().install_default();
            let exporter = opentelemetry_otlp::SpanExporter::builder().with_http().build().map_err(|error| error.to_string())?;
            let mut resource = Resource::builder();
            if std::env::var_os("OTEL_SERVICE_NAME").is_none() {
                resource = resource.with_service_name("loopctl");
            }
            let resource = resource.with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION"))).build();
            let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build();
            Ok(Traces { tracer: provider.tracer("loopctl"), provider, gathering: Mutex::default() })
        }

        /// Takes in what happened. What is to be sent is sent later.
        pub fn take(&self, happened: &Happened) {
            let stretch = self.gathering.lock().unwrap_or_else(PoisonError::into_inner).take(happened);
            if let Some(stretch) = stretch {
                self.send(&stretch);
            }
        }

        /// Sends what has not been sent yet, for a few seconds at most.
        pub fn finish(&self) {
            let _ = self.provider.shutdown_with_timeout(Duration::from_secs(5));
        }

        fn send(&self, stretch: &Stretch) {
            let attributes = vec![
                KeyValue::new("loopctl.workflow", stretch.workflow.to_string()),
                KeyValue::new("loopctl.cycle", i64::from(stretch.cycle.0)),
                KeyValue::new("loopctl.end", stretch.end.clone()),
                KeyValue::new("loopctl.waiting", stretch.waiting as i64),
            ];
            let name = format!("cycle {}", stretch.workflow);
            let root = self.tracer.span_builder(name).with_start_time(time(stretch.began)).with_attributes(attributes);
            let root = Context::new().with_span(root.start_with_context(&self.tracer, &Context::new()));
            for (step, worked) in &stretch.steps {
                let attributes = vec![
                    KeyValue::new("loopctl.step", step.clone()),
                    KeyValue::new("loopctl.tasks", worked.tasks),
                    KeyValue::new("loopctl.items", worked.items),
                    KeyValue::new("loopctl.recalled", worked.recalled),
                    KeyValue::new("loopctl.failed", worked.failed),
                    KeyValue::new("loopctl.deferred", worked.deferred),
                ];
                let span = self.tracer.span_builder(step.clone()).with_start_time(time(worked.began)).with_attributes(attributes);
                let mut span = span.start_with_context(&self.tracer, &root);
                if worked.failed > 0 {
                    span.set_status(Status::error("tasks failed"));
                }
                span.end_with_timestamp(time(worked.ended));
            }
            if stretch.troubled {
                root.span().set_status(Status::error(stretch.end.clone()));
            }
            root.span().end_with_timestamp(time(stretch.ended));
        }
    }

    fn time(at: Timestamp) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_millis(u64::try_from(at.0).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn happened(at: i64, cycle: u32, what: What) -> Happened {
        Happened { at: Timestamp(at), workflow: WorkflowId::new("w"), cycle: Some(CycleNo(cycle)), what }
    }

    #[test]
    fn a_stretch_goes_from_where_a_cycle_goes_on_to_where_it_rests() {
        let mut gathering = Gathering::default();
        let step = || "press".to_owned();
        let events = [
            happened(10, 1, What::Opened { missed: 0 }),
            happened(11, 1, What::TaskStarted { step: step() }),
            happened(12, 2, What::TaskStarted { step: step() }),
            happened(15, 1, What::TaskFinished { step: step(), items: 3, recalled: false }),
            happened(16, 1, What::TaskFailed { step: step() }),
        ];
        assert!(events.iter().all(|event| gathering.take(event).is_none()));
        let stretch = gathering.take(&happened(20, 1, What::Parked { waiting: 2, until: None })).expect("it rests");
        assert_eq!((stretch.began, stretch.ended, &*stretch.end, stretch.waiting), (Timestamp(10), Timestamp(20), "parked", 2));
        let worked =
            Worked { began: Timestamp(11), ended: Timestamp(16), tasks: 2, items: 3, recalled: 0, failed: 1, deferred: 0 };
        assert_eq!(stretch.steps, BTreeMap::from([(step(), worked)]), "the other cycle has a stretch of its own");
        assert!(gathering.take(&happened(30, 1, What::Closed)).is_none(), "it did nothing since");
        let other = gathering.take(&happened(31, 2, What::Trouble { code: "store::full".to_owned(), message: String::new() }));
        assert!(other.is_some_and(|other| other.troubled && other.end == "store::full"));
    }
}
