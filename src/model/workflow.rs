//! A checked workflow: the value everyone below the runtime speaks. Names are resolved, types hold, wires fit.

use super::{Calendar, Cap, Config, Kinds, Layer};
use crate::base::{Cached, Digest, StepId, Timestamp, WorkflowId};
use crate::diag::Span;
use jiff::tz::TimeZone;
use serde::Serialize;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

/// One wire: everything `from` gives of kind `carries` flows to the step that names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Wire {
    pub from: StepId,
    /// The kinds that flow on this wire; never empty.
    pub carries: Kinds,
}

/// One step of a checked workflow.
#[derive(Clone, Debug, Serialize)]
pub struct Step {
    pub id: StepId,
    pub layer: Layer,
    /// The kind's verb, such as `source`.
    pub verb: Cow<'static, str>,
    /// The connector chosen with `kind=`, such as `feed`.
    pub connector: Option<String>,
    pub config: Config,
    pub from: Vec<Wire>,
    pub caps: Vec<Cap>,
    /// Whose turn it is first where something is scarce: higher first, from -100 to 100.
    #[serde(skip_serializing_if = "is_zero")]
    pub priority: i64,
    /// Files that the step reads besides its inputs (templates), path and digest of the content.
    pub files: BTreeMap<String, Digest>,
    #[serde(skip)]
    pub span: Span,
}

/// The node by which a step names those that read it in the next cycle.
pub const NEXT_CYCLE: &str = "next-cycle";

impl Step {
    /// The steps that what this one gives goes to in the next cycle.
    pub fn hands_to(&self) -> Vec<&str> {
        self.config.texts(NEXT_CYCLE)
    }
}

/// A provider of generated text, by role name.
#[derive(Clone, Debug, Serialize)]
pub struct Provider {
    pub name: String,
    /// `template`, `openai-chat` …
    pub kind: String,
    pub config: Config,
}

/// A place where pieces are published.
#[derive(Clone, Debug, Serialize)]
pub struct Channel {
    pub name: String,
    /// `files`, `webhook` …
    pub kind: String,
    pub config: Config,
}

/// Who is told of what happens, over one of the workflow's channels.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Notify {
    /// `gate-opened`, `gate-expiring` …
    pub on: Vec<String>,
    /// The name of a channel.
    pub to: String,
    /// What happens within this time is told together.
    pub digest: Duration,
    /// Where people decide, such as the address of the review page.
    pub link: Option<String>,
}

/// A checked workflow.
#[derive(Clone, Debug, Serialize)]
pub struct Workflow {
    pub id: WorkflowId,
    pub about: String,
    /// The folder of the workflow file, relative to the working folder: paths in the file are relative to it.
    pub folder: String,
    /// The Client OS folder, relative to `folder`.
    pub client_os: Option<String>,
    #[serde(serialize_with = "zone_name")]
    pub zone: TimeZone,
    pub every: Option<Duration>,
    /// Time of day for schedules in minutes from midnight.
    pub at_minute: Option<u32>,
    /// Openings as a cron pattern, and days on which nothing opens.
    #[serde(skip_serializing_if = "Calendar::is_empty")]
    pub calendar: Calendar,
    /// The workflow's data is a recording that starts here: cycle 1 opens at this time, each next one `every` later.
    pub recorded_from: Option<Timestamp>,
    pub concurrency: usize,
    /// Caps that the whole workflow shares: spend, tokens.
    pub caps: Vec<Cap>,
    pub steps: Vec<Step>,
    pub providers: BTreeMap<String, Provider>,
    pub channels: BTreeMap<String, Channel>,
    /// Who is told of what.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notify: Vec<Notify>,
    /// Template texts by path, as read when the workflow was compiled.
    pub templates: BTreeMap<String, String>,
    /// Its digest, once somebody has asked for it.
    #[serde(skip)]
    pub digested: Cached<Digest>,
}

impl Workflow {
    pub fn step(&self, id: &StepId) -> Option<&Step> {
        self.steps.iter().find(|step| &step.id == id)
    }

    /// The providers to ask for one role, in order: see [`provider_line`].
    pub fn provider_line(&self, role: &str) -> Vec<&Provider> {
        provider_line(&self.providers, role)
    }

    /// Digest of all that decides what the workflow does: same digest, same behaviour on the same input.
    pub fn digest(&self) -> Digest {
        self.digested.get(|| Digest::of_json(self))
    }
}

/// The providers to ask for one role, in order: the one named, then its `fallback`, and so on. Each stands there once.
pub fn provider_line<'p>(providers: &'p BTreeMap<String, Provider>, role: &str) -> Vec<&'p Provider> {
    let mut line: Vec<&Provider> = Vec::new();
    let mut next = providers.get(role);
    while let Some(provider) = next.filter(|next| line.iter().all(|known| known.name != next.name)) {
        line.push(provider);
        next = provider.config.text("fallback").and_then(|name| providers.get(name));
    }
    line
}

fn is_zero(number: &i64) -> bool {
    *number == 0
}

fn zone_name<S: serde::Serializer>(zone: &TimeZone, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(zone.iana_name().unwrap_or("UTC"))
}
