//! `loopctl plan`: what a cycle would run, what a change makes it run again and why, and what it is expected to ask for.
//!
//! The change is the one since the last cycle: a cycle keeps the texts it began with, so they can be compared with the files
//! now. With `--against` it is the one since a revision of the git repository; then the journal is only asked, where there is
//! one, how much the steps asked for.

use crate::base::{CycleNo, StepId, Timestamp};
use crate::builtin;
use crate::cli::args::{Plan, PlanFormat};
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::plan_page::{self, Page};
use crate::cli::project::{Place, Project, as_typed, split_path};
use crate::engine::{Carry, Entry, Reruns, StepOutlook, outlook};
use crate::plan::{CyclePlan, WorkflowDiff};
use crate::report::expected::{Evidence, Expected};
use crate::report::view::{CapView, CycleView, PeopleCapView, people_caps};
use crate::runtime::{self, CycleStatus, reload};
use crate::workspace::Findings;
use crate::world::{GitFiles, SystemClock};
use serde::Serialize;
use serde_json::json;
use std::collections::BTreeSet;
use std::path::Path;

/// What the plan is compared with.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Since {
    /// The last cycle, which began with other files or went on to other settings.
    Cycle(CycleNo),
    /// A revision as it was typed, and its commit.
    Revision { revision: String, commit: String },
}

/// What is different since then, and what it does.
#[derive(Clone, Debug, Serialize)]
pub struct Changes {
    pub since: Since,
    pub diff: WorkflowDiff,
    pub reruns: Reruns,
    /// The workflow was not there at that revision.
    pub is_new: bool,
}

/// All there is to say.
pub struct Facts {
    pub cycle: CycleNo,
    pub now: Timestamp,
    /// The cycle that is open, if one is.
    pub open: Option<CycleView>,
    pub steps: Vec<StepOutlook>,
    pub caps: Vec<CapView>,
    pub people_caps: Vec<PeopleCapView>,
    pub carry: Carry,
    /// None before the first cycle.
    pub changes: Option<Changes>,
    pub expected: Expected,
}

pub fn run(args: &Plan, place: &Place, output: &Output) -> Result<Exit, Failure> {
    let project = Project::load(place, args.workflow.file.as_deref(), output)?;
    if args.against.is_none() {
        project.tell_missing_secrets(output);
    }
    CyclePlan::new(&project.workflow)
        .map_err(|error| Failure::new("cli::no-plan", error.to_string()).help("`loopctl validate` shows where"))?;
    let facts = gather(&project, args.against.as_deref())?;
    let page = Page { project: &project, facts: &facts };
    let document = json!({
        "cycle": facts.cycle,
        "now": facts.now,
        "open": facts.open.as_ref().map(|view| view.state),
        "waiting": facts.open.as_ref().map_or(0, |view| view.waiting.len()),
        "steps": facts.steps,
        "caps": facts.caps,
        "people_caps": facts.people_caps,
        "parameters": facts.carry.parameters,
        "changes": facts.changes,
        "expected": facts.expected,
    });
    output.either("plan", &document, || match args.format {
        PlanFormat::Text => plan_page::text(&page),
        PlanFormat::Markdown => plan_page::markdown(&page),
    });
    Ok(Exit::Ok)
}

/// What the journal tells about the past.
#[derive(Default)]
struct Past {
    carry: Carry,
    /// All cycles have been opened up to this one.
    last: Option<CycleNo>,
    /// The open cycle.
    open: Option<(CycleView, Vec<Entry>)>,
    /// The last complete cycle.
    closed: Option<(CycleNo, Vec<Entry>)>,
}

impl Past {
    fn of(project: &Project) -> Result<Past, Failure> {
        if !project.has_state() {
            return Ok(Past::default());
        }
        let journal = project.open()?;
        let id = &project.workflow.id;
        let cycles = journal.cycles(id)?;
        let newest = |status: CycleStatus| cycles.iter().filter(move |(_, is)| *is == status).map(|(cycle, _)| *cycle);
        let open = match newest(CycleStatus::Open).next() {
            Some(cycle) => {
                let entries = journal.read(id, cycle)?;
                Some((project.view(&entries)?, entries))
            }
            None => None,
        };
        let closed = match newest(CycleStatus::Closed).next_back() {
            Some(cycle) => Some((cycle, journal.read(id, cycle)?)),
            None => None,
        };
        Ok(Past { carry: journal.carry(id)?, last: cycles.last().map(|(cycle, _)| *cycle), open, closed })
    }
}

fn gather(project: &Project, against: Option<&str>) -> Result<Facts, Failure> {
    let past = Past::of(project)?;
    let steps = outlook(&project.workflow, builtin::registry(), &project.client_os, &past.carry);
    let (cycle, now, caps, people_caps) = match &past.open {
        Some((view, _)) => (view.cycle, view.now, view.caps.clone(), view.people_caps.clone()),
        None => {
            let cycle = past.last.unwrap_or_default().next();
            let pins = runtime::pins(&project.workflow, &project.client_os, cycle, &SystemClock);
            let caps = crate::report::view::caps(&project.workflow, &past.carry.ledger, pins.now, cycle);
            // People are counted by the time outside, also over a recording.
            let wall = runtime::Clock::now(&SystemClock);
            (cycle, pins.now, caps, people_caps(&project.workflow, &past.carry.written, wall))
        }
    };
    let changes = match against {
        Some(revision) => Some(since_revision(project, revision)?),
        None => since_cycle(project, &past),
    };
    let none = Reruns::default();
    let diff = changes.as_ref().map(|changes| &changes.diff);
    let steps_of =
        |diff: &WorkflowDiff| diff.added.iter().chain(diff.changed.iter().map(|change| &change.step)).cloned().collect();
    let changed: BTreeSet<StepId> = diff.map(steps_of).unwrap_or_default();
    let expected = Expected::new(&Evidence {
        workflow: &project.workflow,
        registry: builtin::registry(),
        carry: &past.carry,
        caps: &caps,
        last: past.closed.as_ref().map(|(cycle, entries)| (*cycle, entries.as_slice())),
        under_way: past.open.as_ref().map_or(&[], |(_, entries)| entries.as_slice()),
        reruns: changes.as_ref().map_or(&none, |changes| &changes.reruns),
        changed: &changed,
    });
    Ok(Facts {
        cycle,
        now,
        open: past.open.map(|(view, _)| view),
        steps,
        caps,
        people_caps,
        carry: past.carry,
        changes,
        expected,
    })
}

/// What is different since the open cycle began, or, when none is open, since the last one handed on what it remembers.
fn since_cycle(project: &Project, past: &Past) -> Option<Changes> {
    let (cycle, entries) = match (&past.open, &past.closed) {
        (Some((view, entries)), _) => (view.cycle, entries),
        (None, Some((cycle, entries))) => (*cycle, entries),
        (None, None) => return None,
    };
    // A version that cannot be read any more is compared by its digests alone, which needs no texts.
    let before = project.as_of(entries).ok().flatten();
    let diff = before.as_ref().map(|before| WorkflowDiff::between(before.version(), project.version())).unwrap_or_default();
    let registry = builtin::registry();
    let reruns = match (&past.open, &before) {
        (None, _) => Reruns::since(&past.carry, project.version(), registry, &diff),
        (Some(_), Some(before)) => Reruns::between(before.version(), project.version(), registry, &diff),
        (Some(_), None) if project.is_as_in(entries) => Reruns::default(),
        (Some(_), None) => return None,
    };
    Some(Changes { since: Since::Cycle(cycle), diff, reruns, is_new: false })
}

/// What is different since a revision.
fn since_revision(project: &Project, revision: &str) -> Result<Changes, Failure> {
    let path = Path::new(&project.file);
    let (root, name) = split_path(path);
    let files = GitFiles::open(&root, revision)
        .map_err(|error| Failure::new("plan::no-revision", error.to_string()).help(error.help()))?;
    let since = Since::Revision { revision: revision.to_owned(), commit: files.commit().to_owned() };
    let registry = builtin::registry();
    if !files.is_kept(&name) {
        let empty = crate::model::Workflow { steps: Vec::new(), ..crate::model::Workflow::clone(&project.workflow) };
        let old = crate::plan::Version { workflow: &empty, ..project.version() };
        let diff = WorkflowDiff::between(old, project.version());
        let reruns = Reruns::between(old, project.version(), registry, &diff);
        return Ok(Changes { since, diff, reruns, is_new: true });
    }
    let reading = reload::read(&files, &name, registry);
    let Some(before) = reading.definition else {
        let findings = Findings { sources: as_typed(&reading.texts, path), diagnostics: reading.diagnostics };
        return Err(Failure::new("plan::invalid-revision", format!("`{}` was not valid at `{revision}`", project.file))
            .help("compare with a revision at which `loopctl validate` passes")
            .exit(Exit::InvalidWorkflow)
            .with(findings));
    };
    let diff = WorkflowDiff::between(before.version(), project.version());
    let reruns = Reruns::between(before.version(), project.version(), registry, &diff);
    Ok(Changes { since, diff, reruns, is_new: false })
}
