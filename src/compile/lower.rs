//! From the sketch to the value that everyone below the runtime speaks.

use super::scalar::minute_of_day;
use super::sketch::{DoorSketch, Sketch, StepSketch};
use crate::base::{StepId, Timestamp, WorkflowId};
use crate::diag::Diagnostic;
use crate::model::{Calendar, Channel, Config, Cron, Except, Notify, Provider, Scalar, Step, Wire, Workflow};
use jiff::tz::TimeZone;
use std::collections::BTreeMap;
use std::mem::take;

/// The workflow of a sketch, in which the steps that are right have checked themselves. What it needs of the sketch is taken out.
pub(super) fn checked(sketch: &mut Sketch, folder: &str, keeps: bool, sink: &mut Vec<Diagnostic>) -> Workflow {
    let kinds: Vec<_> = sketch.steps.iter().filter_map(|step| Some((step.kind?, step.broken))).collect();
    let workflow = lower(sketch, folder, keeps);
    for ((kind, _), step) in kinds.into_iter().zip(&workflow.steps).filter(|((_, broken), _)| !broken) {
        kind.check(step, &workflow, sink);
    }
    workflow
}

/// Puts the steps of a lowered workflow back into the sketch that they were taken from.
pub(super) fn give_back(workflow: Workflow, sketch: &mut Sketch) {
    let known = sketch.steps.iter_mut().filter(|step| step.kind.is_some());
    for (sketch, step) in known.zip(workflow.steps) {
        (sketch.config, sketch.verb, sketch.connector) = (step.config, step.verb, step.connector);
    }
}

/// The workflow of a sketch: a step for each that has a kind, in their order. Without errors it is whole; with errors it holds what was
/// understood, so that the steps that are right can still check themselves. `keeps` leaves what is left of the steps in the sketch.
fn lower(sketch: &mut Sketch, folder: &str, keeps: bool) -> Workflow {
    let settings = &sketch.settings;
    let zone = settings.text("timezone").and_then(|name| TimeZone::get(name).ok()).unwrap_or(TimeZone::UTC);
    let recorded = settings.child("recorded").and_then(|node| node.prop("from")).and_then(Scalar::text);
    let at = settings.child("every").and_then(|node| node.prop("at")).and_then(Scalar::text);
    let concurrency = settings.child("limit").and_then(|limit| limit.integer("concurrency"));
    let ids: Vec<StepId> = sketch.steps.iter().map(|step| step.id.clone()).collect();
    let is_known = |step: &StepSketch| step.kind.is_some();
    let steps = match keeps {
        true => sketch.steps.iter_mut().filter(|step| is_known(step)).map(|step| lower_step(step, &ids)).collect(),
        // Each is given up before the next one is made.
        false => take(&mut sketch.steps).into_iter().filter(is_known).map(|mut step| lower_step(&mut step, &ids)).collect(),
    };
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
        caps: sketch.caps.drain(..).map(|(cap, _)| cap).collect(),
        steps,
        providers: doors(take(&mut sketch.providers), |name, kind, config| Provider { name, kind, config }),
        channels: doors(take(&mut sketch.channels), |name, kind, config| Channel { name, kind, config }),
        templates: take(&mut sketch.templates),
        digested: Default::default(),
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

fn lower_step(step: &mut StepSketch, ids: &[StepId]) -> Step {
    let from = step.wires.iter().filter_map(|wire| Some(Wire { from: ids.get(wire.from?)?.clone(), carries: wire.carries? }));
    Step {
        from: from.collect(),
        id: step.id.clone(),
        layer: step.layer,
        verb: take(&mut step.verb),
        connector: step.connector.take(),
        config: take(&mut step.config),
        caps: step.caps.iter().map(|(cap, _)| cap.clone()).collect(),
        priority: step.priority,
        files: take(&mut step.files),
        span: step.span,
    }
}
