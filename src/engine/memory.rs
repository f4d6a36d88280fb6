//! Memory: a task whose every dependency is as it was gives what it gave, without running.
//!
//! A task depends on its inputs and on the parts listed by `parts_of_step`. Each part has its own digest, so that
//! the question "why did this run again?" has an answer with names in it.

use super::carry::{Carry, Memory};
use super::parts::{Common, Parts};
use crate::base::{CycleNo, Digest, Hasher, StepId, TaskId, Timestamp};
use crate::client_os::Snapshot;
use crate::model::{Channel, Config, Item, Provider, Scalar, Step, Workflow};
use serde_json::Value;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Why a task ran, or did not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// Nothing it depends on has changed: its output was taken from memory.
    Recalled,
    /// This cycle makes a part of that one again, and what the task gave then still counts.
    Kept(CycleNo),
    /// A person wanted the step's work of that cycle made again.
    Again(CycleNo),
    /// These parts have changed since the last cycle: `inputs`, `config`, `file templates/draft.hbs`, `client-os` …
    Changed(Vec<String>),
    /// There is no output of this task to compare with: the item is new, or the step runs for the first time.
    New,
    /// The step looks at the world, keeps state or asks people, so it runs in every cycle.
    AlwaysRuns,
    /// Its turn has not come.
    NotYet,
}

/// Settings of a provider or a channel that decide when an answer comes, and never what it is.
const LIMITS: [&str; 4] = ["at-once", "rate", "retries", "sends"];

/// The name of the part that is about a task's input.
const INPUTS: &str = "inputs";

/// What all steps of a workflow depend on, taken once for them.
pub(super) fn common_parts(workflow: &Workflow, client_os: Digest) -> Common {
    Common::new(&[
        ("workflow", Digest::of_json(&(workflow.zone.iana_name(), &workflow.folder))),
        ("program", Digest::of(env!("CARGO_PKG_VERSION"))),
        ("client-os", client_os),
    ])
}

/// Digests of what a step depends on beside its input, by name. `clock` is the cycle's time for a step that reads it.
pub(super) fn parts_of_step(
    workflow: &Workflow,
    step: &Step,
    common: &Common,
    parameters: &BTreeMap<String, f64>,
    state: Option<&Value>,
    clock: Option<Timestamp>,
) -> Parts {
    // Caps, the layer and the place in the file decide whether and when a step runs, not what it gives.
    // So does what becomes of a failure.
    let config = without(&step.config, |node| &*node.name == super::failing::NODE);
    let config = config.as_ref().unwrap_or(&step.config);
    let config = Digest::of_json(&(&step.id, &step.verb, &step.connector, config));
    let mut parts: Vec<(Cow<'_, str>, Digest)> = vec![("config".into(), config)];
    for (path, digest) in &step.files {
        parts.push((format!("file {path}").into(), *digest));
    }
    let mut words = Vec::new();
    collect_words(&step.config, &mut words);
    for word in &words {
        for provider in workflow.provider_line(word) {
            let digest = match without_limits(&provider.config) {
                None => Digest::of_json(provider),
                Some(config) => Digest::of_json(&Provider { config, ..provider.clone() }),
            };
            parts.push((format!("provider {}", provider.name).into(), digest));
        }
        if let Some(channel) = workflow.channels.get(*word) {
            let digest = match without_limits(&channel.config) {
                None => Digest::of_json(channel),
                Some(config) => Digest::of_json(&Channel { config, ..channel.clone() }),
            };
            parts.push((format!("channel {word}").into(), digest));
        }
        // What a step tunes, it also reads.
        if let Some(value) = parameters.get(*word) {
            parts.push((format!("parameter {word}").into(), Digest::of_json(value)));
        }
    }
    let own = format!("{}.", step.id);
    for (path, value) in parameters.range(own.clone()..).take_while(|(path, _)| path.starts_with(&own)) {
        parts.push((format!("parameter {path}").into(), Digest::of_json(value)));
    }
    if let Some(state) = state {
        parts.push(("state".into(), Digest::of_json(state)));
    }
    if let Some(clock) = clock {
        parts.push(("clock".into(), Digest::of_json(&clock)));
    }
    Parts::new(common, parts.iter().map(|(name, digest)| (&**name, *digest)))
}

/// A provider's or a channel's settings without those that say when and how often it may be asked, when it has any.
fn without_limits(config: &Config) -> Option<Config> {
    without(config, |node| LIMITS.contains(&&*node.name))
}

/// Settings without some of them, when there are any.
fn without(config: &Config, is_left_out: impl Fn(&Config) -> bool) -> Option<Config> {
    config.children.iter().any(&is_left_out).then(|| {
        let mut config = config.clone();
        config.children.retain(|node| !is_left_out(node));
        config
    })
}

fn collect_words<'a>(config: &'a Config, words: &mut Vec<&'a str>) {
    words.extend(config.args.iter().chain(config.props.values()).filter_map(Scalar::text));
    config.children.iter().for_each(|child| collect_words(child, words));
}

/// What has changed for each step since the cycle that handed `carry` on, input aside: an empty list for a step that
/// would recall what it gave for the same input. Steps that the last cycle did not have are left out.
pub fn changed_steps(workflow: &Workflow, client_os: &Snapshot, carry: &Carry) -> BTreeMap<StepId, Vec<String>> {
    let mut changes = BTreeMap::new();
    let common = common_parts(workflow, client_os.digest());
    for step in &workflow.steps {
        if let Some(old) = carry.parts.get(&step.id) {
            let new = parts_of_step(workflow, step, &common, &carry.parameters, carry.states.get(&step.id), None);
            changes.insert(step.id.clone(), changed(old, &new));
        }
    }
    changes
}

pub(super) fn digest_of_inputs(inputs: &[Arc<Item>]) -> Digest {
    let mut hasher = Hasher::new();
    for item in inputs {
        hasher.part(item.id.0.bytes());
    }
    hasher.finish()
}

/// The digest of a step's parts, taken once for all its tasks.
pub(super) fn digest_of_parts(parts: &Parts) -> Digest {
    let mut hasher = Hasher::new();
    for (name, digest) in parts.all() {
        hasher.part(name).part(digest.bytes());
    }
    hasher.finish()
}

/// The digest of all that a task depends on.
pub(super) fn memo(step: &Digest, inputs: &[Arc<Item>]) -> Digest {
    let mut hasher = Hasher::new();
    hasher.part(step.bytes()).part(digest_of_inputs(inputs).bytes());
    hasher.finish()
}

/// What an earlier cycle remembers about each task.
#[derive(Clone, Debug, Default)]
pub(super) struct Recollection {
    by_task: BTreeMap<TaskId, Digest>,
}

impl Recollection {
    pub fn new(carry: &Carry) -> Recollection {
        let by_task = carry.memory.iter().filter_map(|(digest, memory)| Some((memory.task.clone()?, *digest)));
        Recollection { by_task: by_task.collect() }
    }

    /// What the last cycle remembers of this task, whatever has changed since.
    pub fn of<'a>(&self, task: &TaskId, carry: &'a Carry) -> Option<&'a Memory> {
        carry.memory.get(self.by_task.get(task)?)
    }
}

/// What has changed for a task since it was remembered.
pub(super) fn changed_task(memory: &Memory, task: &TaskId, carry: &Carry, step: &Parts, inputs: &[Arc<Item>]) -> Vec<String> {
    let mut names = carry.parts.get(&task.step).map(|old| changed(old, step)).unwrap_or_default();
    if memory.inputs != Some(digest_of_inputs(inputs)) {
        names.insert(0, INPUTS.to_owned());
    }
    names
}

/// The names of parts that differ, appeared or went away.
pub(super) fn changed(old: &Parts, new: &Parts) -> Vec<String> {
    let (before, now) = (old.all(), new.all());
    let names = before.iter().chain(&now).map(|(name, _)| *name);
    let mut names: Vec<String> = names.filter(|name| old.get(name) != new.get(name)).map(str::to_owned).collect();
    names.sort();
    names.dedup();
    names
}
