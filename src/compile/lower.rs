//! From the sketch to the value that everyone below the runtime speaks.

use super::scalar::minute_of_day;
use super::sketch::{DoorSketch, Sketch, StepSketch};
use crate::base::{StepId, Timestamp, WorkflowId};
use crate::diag::Diagnostic;
use crate::model::{Calendar, Channel, Config, Cron, Except, Notify, Provider, Scalar, Step, Wire, Workflow};
use jiff::tz::TimeZone;
use std::collections::BTreeMap;

/// The workflow of a sketch, in which the steps that are right have checked themselves.
pub(super) fn checked(sketch: Sketch, folder: &str, sink: &mut Vec<Diagnostic>) -> Workflow {
    let kinds: Vec<_> = sketch.steps.iter().filter_map(|step| Some((step.kind?, step.broken))).collect();
    let workflow = lower(sketch, folder);
    for ((kind, _), step) in kinds.into_iter().zip(&workflow.steps).filter(|((_, broken), _)| !broken) {
        kind.check(step, &workflow, sink);
    }
    workflow
}

/// The workflow of a sketch: a step for each that has a kind, in their order. Without errors it is whole; with errors it holds what was
/// understood, so that the steps that are right can still check themselves.
fn lower(sketch: Sketch, folder: &str) -> Workflow {
    let settings = &sketch.settings;
    let zone = settings.text("timezone").and_then(|name| TimeZone::get(name).ok()).unwrap_or(TimeZone::UTC);
    let recorded = settings.child("recorded").and_then(|node| node.prop("from")).and_then(Scalar::text);
    let at = settings.child("every").and_then(|node| node.prop("at")).and_then(Scalar::text);
    let concurrency = settings.child("limit").and_then(|limit| limit.integer("concurrency"));
    let ids: Vec<StepId> = sketch.steps.iter().map(|step| step.id.clone()).collect();
    Workflow {
        id: WorkflowId::new(&sketch.name),
        about: settings.text("about").unwrap_or("").to_owned(),
        folder: folder.to_owned(),
        client_os: settings.text("client-os").map(str::to_owned),
        recorded_from: recorded.and_then(|text| Timestamp::parse_in(text, &zone)),
        zone,
        every: settings.duration("every"),
        notify: settings.all("notify").filter_map(notify).collect(),
        at_minute: at.and_then(minute_of_day),
        calendar: Calendar {
            cron: settings.text("cron").and_then(|pattern| Cron::parse(pattern).ok()),
            except: settings
                .child("except")
                .map(|node| node.args.iter().filter_map(Scalar::text).filter_map(Except::parse).collect())
                .unwrap_or_default(),
        },
        concurrency: concurrency.and_then(|number| usize::try_from(number).ok()).unwrap_or(DEFAULT_CONCURRENCY),
        caps: sketch.caps.into_iter().map(|(cap, _)| cap).collect(),
        steps: sketch.steps.into_iter().filter(|step| step.kind.is_some()).map(|step| lower_step(step, &ids)).collect(),
        providers: doors(sketch.providers, |name, kind, config| Provider { name, kind, config }),
        channels: doors(sketch.channels, |name, kind, config| Channel { name, kind, config }),
        templates: sketch.templates,
    }
}

fn notify(node: &Config) -> Option<Notify> {
    Some(Notify {
        on: node.args.iter().filter_map(Scalar::text).map(str::to_owned).collect(),
        to: node.prop("to").and_then(Scalar::text)?.to_owned(),
        digest: node.prop("digest").and_then(Scalar::duration).unwrap_or_default(),
        link: node.prop("link").and_then(Scalar::text).map(str::to_owned),
    })
}

/// As many tasks at once as when `limit` is left out.
const DEFAULT_CONCURRENCY: usize = 8;

fn doors<D>(sketches: BTreeMap<String, DoorSketch>, door: impl Fn(String, String, Config) -> D) -> BTreeMap<String, D> {
    let known = sketches.into_iter().filter_map(|(name, sketch)| {
        let kind = sketch.kind?.kind.to_owned();
        Some((name.clone(), door(name, kind, sketch.config)))
    });
    known.collect()
}

fn lower_step(step: StepSketch, ids: &[StepId]) -> Step {
    let from =
        step.wires.into_iter().filter_map(|wire| Some(Wire { from: ids.get(wire.from?)?.clone(), carries: wire.carries? }));
    Step {
        from: from.collect(),
        id: step.id,
        layer: step.layer,
        verb: step.verb,
        connector: step.connector,
        config: step.config,
        caps: step.caps.into_iter().map(|(cap, _)| cap).collect(),
        priority: step.priority,
        files: step.files,
        span: step.span,
    }
}
