//! From the sketch to the value that everyone below the runtime speaks.

use super::scalar::minute_of_day;
use super::sketch::{DoorSketch, Sketch};
use crate::base::{StepId, Timestamp, WorkflowId};
use crate::model::{Channel, Config, Provider, Scalar, Step, Wire, Workflow};
use jiff::tz::TimeZone;

/// The workflow of a sketch. Without errors it is whole; with errors it holds what was understood, so that the steps that are right can
/// still check themselves.
pub(super) fn lower(sketch: &Sketch, folder: &str) -> Workflow {
    let settings = &sketch.settings;
    let zone = settings.text("timezone").and_then(|name| TimeZone::get(name).ok()).unwrap_or(TimeZone::UTC);
    let recorded = settings.child("recorded").and_then(|node| node.prop("from")).and_then(Scalar::text);
    let at = settings.child("every").and_then(|node| node.prop("at")).and_then(Scalar::text);
    let concurrency = settings.child("limit").and_then(|limit| limit.integer("concurrency"));
    Workflow {
        id: WorkflowId::new(&sketch.name),
        about: settings.text("about").unwrap_or("").to_owned(),
        folder: folder.to_owned(),
        client_os: settings.text("client-os").map(str::to_owned),
        recorded_from: recorded.and_then(|text| Timestamp::parse_in(text, &zone)),
        zone,
        every: settings.duration("every"),
        at_minute: at.and_then(minute_of_day),
        concurrency: concurrency.and_then(|number| usize::try_from(number).ok()).unwrap_or(DEFAULT_CONCURRENCY),
        caps: sketch.caps.iter().map(|(cap, _)| cap.clone()).collect(),
        steps: sketch.steps.iter().filter(|step| step.kind.is_some()).map(|step| lower_step(step, sketch)).collect(),
        providers: sketch
            .providers
            .iter()
            .filter_map(|(name, door)| {
                let kind = door.kind?.kind.to_owned();
                Some((name.clone(), Provider { name: name.clone(), kind, config: config(door) }))
            })
            .collect(),
        channels: sketch
            .channels
            .iter()
            .filter_map(|(name, door)| {
                let kind = door.kind?.kind.to_owned();
                Some((name.clone(), Channel { name: name.clone(), kind, config: config(door) }))
            })
            .collect(),
        templates: sketch.templates.clone(),
    }
}

/// As many tasks at once as when `limit` is left out.
const DEFAULT_CONCURRENCY: usize = 8;

fn config(door: &DoorSketch) -> Config {
    door.config.clone()
}

fn lower_step(step: &super::sketch::StepSketch, sketch: &Sketch) -> Step {
    let from = step
        .wires
        .iter()
        .filter_map(|wire| {
            let from: StepId = sketch.steps[wire.from?].id.clone();
            Some(Wire { from, carries: wire.carries.clone()? })
        })
        .collect();
    Step {
        id: step.id.clone(),
        layer: step.layer,
        verb: step.verb.clone(),
        connector: step.connector.clone(),
        config: step.config.clone(),
        from,
        caps: step.caps.iter().map(|(cap, _)| cap.clone()).collect(),
        files: step.files.clone(),
        span: step.span,
    }
}
