//! `loopctl tune`: the settings that learning moved, cycle by cycle, and setting one back.
//!
//! The journal has every change with its evidence. Taking one back is an operation beside the cycles: the next cycle opens with it.

use super::gate::{one, who};
use crate::base::{CycleNo, Timestamp};
use crate::cli::args::{Tune, TuneCommand, TuneRevert};
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::project::{Place, Project, split_words};
use crate::diag::nearest;
use crate::engine::Entry;
use crate::model::Act;
use crate::report::style::{DIM, GOOD, TITLE, fit, paint, plain};
use crate::runtime::review::operate;
use crate::runtime::{Clock as _, Journal};
use crate::world::SystemClock;
use serde::Serialize;
use serde_json::json;
use std::path::Path;

/// One change of a setting.
#[derive(Clone, Debug, Serialize)]
struct Change {
    cycle: CycleNo,
    path: String,
    old: f64,
    new: f64,
    /// `learning`, or who set it.
    by: String,
    /// The evidence, or the reason.
    because: String,
}

pub fn run(args: &Tune, place: &Place, output: &Output) -> Result<Exit, Failure> {
    match &args.command {
        None => list(place, args.workflow.file.as_deref(), output),
        Some(TuneCommand::List(file)) => list(place, file.file.as_deref(), output),
        Some(TuneCommand::Revert(revert)) => self::revert(place, revert, output),
    }
}

/// A project with its journal, what learning has changed in it, and the time there.
type Loaded = (Project, Box<dyn Journal>, Vec<Change>, Timestamp);

fn load(place: &Place, file: Option<&Path>, output: &Output) -> Result<Loaded, Failure> {
    let (project, _) = Project::load_or_pinned(place, file, output)?;
    if !project.has_state() {
        return Err(project.nothing_yet());
    }
    let journal = project.open()?;
    let operations = journal.operations(&project.workflow.id)?;
    let mut changes = Vec::new();
    let mut now = SystemClock.now();
    for (cycle, _) in journal.cycles(&project.workflow.id)? {
        for entry in journal.read(&project.workflow.id, cycle)? {
            match entry {
                Entry::Opened { pins, .. } if project.workflow.recorded_from.is_some() => now = pins.now,
                Entry::Done { parameters, .. } => changes.extend(parameters.into_iter().map(|change| Change {
                    cycle,
                    path: change.path,
                    old: change.old,
                    new: change.new,
                    by: "learning".to_owned(),
                    because: change.evidence,
                })),
                _ => {}
            }
        }
        for operation in operations.iter().filter(|operation| operation.cycle == cycle) {
            if let Act::Set { path, from, to, reason } = &operation.act {
                changes.push(Change {
                    cycle,
                    path: path.clone(),
                    old: *from,
                    new: *to,
                    by: operation.by.clone(),
                    because: reason.clone(),
                });
            }
        }
    }
    Ok((project, journal, changes, now))
}

fn list(place: &Place, file: Option<&Path>, output: &Output) -> Result<Exit, Failure> {
    let (project, _, changes, _) = load(place, file, output)?;
    output.either("changes", &changes, || {
        if changes.is_empty() {
            return "Nothing was tuned yet. `feedback` moves the parameters that its `tune` nodes name, when the evidence is clear.".to_owned();
        }
        let mut text = format!("{}\n", paint(TITLE, format!("{}: settings that were moved", project.workflow.id)));
        for change in &changes {
            let line = format!("cycle {:<3} {:<26} {:.3} → {:.3}", change.cycle, change.path, change.old, change.new);
            text.push_str(&format!("  {line}  {}\n", paint(DIM, format!("by {}", change.by))));
            text.push_str(&format!("            {}\n", paint(DIM, fit(&plain(&change.because), output.width().saturating_sub(12)))));
        }
        text
    });
    Ok(Exit::Ok)
}

fn revert(place: &Place, args: &TuneRevert, output: &Output) -> Result<Exit, Failure> {
    let (file, words) = split_words(&args.words);
    let (project, mut journal, changes, now) = load(place, file.as_deref(), output)?;
    let path = one(&words)?;
    let Some(last) = changes.iter().rev().find(|change| change.path == path) else {
        let near = nearest(&path, changes.iter().map(|change| change.path.as_str()));
        let help = near.map_or_else(
            || format!("`loopctl tune list {}` shows what was moved", project.file),
            |near| format!("did you mean `{near}`?"),
        );
        return Err(Failure::new("cli::no-such-item", format!("nothing has moved `{path}`")).help(help));
    };
    let reason = args.reason.clone().map(|reason| reason.trim().to_owned()).filter(|reason| !reason.is_empty());
    let reason = reason.unwrap_or_else(|| "taken back".to_owned());
    let act = Act::Set { path: path.clone(), from: last.new, to: last.old, reason };
    operate(journal.as_mut(), &project.workflow.id, act, &who(args.decider.by.as_deref()), now)?;
    output.either("reverted", &json!({"parameter": path, "from": last.new, "to": last.old}), || {
        format!(
            "{} {path} goes from {:.3} back to {:.3} in the next cycle. The evidence that moved it does not move it again.",
            paint(GOOD, "✓"),
            last.new,
            last.old
        )
    });
    Ok(Exit::Ok)
}
