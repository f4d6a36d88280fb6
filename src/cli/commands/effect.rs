//! `loopctl effect`: pieces of which nobody knows whether they went out, and what a person found out about them.
//!
//! A channel that broke off between taking a piece and answering leaves it in doubt. Nothing is sent again by itself: a
//! person looks at the receiver and says what is there.

use crate::cli::args::{Effect, EffectCommand, EffectDecision};
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::project::{Place, Project, pick, split_words};
use crate::engine::{Doubt, Entry, Resolution, doubts};
use crate::report::style::{CODE, GOOD, count, paint};
use crate::report::summary;
use crate::runtime::{self, Clock, CycleStatus, FixedClock, Journal};
use crate::step::Published;
use crate::world::SystemClock;
use serde_json::json;
use std::path::Path;

pub fn run(args: &Effect, place: &Place, output: &Output) -> Result<Exit, Failure> {
    match &args.command {
        EffectCommand::List(file) => list(place, file.file.as_deref(), output),
        EffectCommand::Confirm(confirm) => {
            let place_of = |doubt: &Doubt, by: &str| {
                confirm.location.clone().unwrap_or_else(|| format!("{} (confirmed by {by})", doubt.publish.channel))
            };
            let resolution = |doubt: &Doubt, by: &str| {
                Resolution::Confirm(Published { location: place_of(doubt, by), version: None, at: doubt.publish.at, reach: None })
            };
            settle(place, &confirm.decision, "confirmed", &resolution, output)
        }
        EffectCommand::Retry(decision) => settle(place, decision, "will be sent again", &|_, _| Resolution::Retry, output),
        EffectCommand::Drop(decision) => {
            settle(place, decision, "dropped", &|_, by| Resolution::Drop { by: by.to_owned() }, output)
        }
    }
}

/// The open cycle with what is in doubt in it.
struct Open {
    project: Project,
    journal: Box<dyn Journal>,
    entries: Vec<Entry>,
    doubts: Vec<Doubt>,
}

impl Open {
    fn load(place: &Place, file: Option<&Path>, output: &Output) -> Result<Open, Failure> {
        let project = Project::load(place, file, output)?;
        if !project.has_state() {
            return Err(project.nothing_yet());
        }
        let journal = project.open()?;
        let cycles = journal.cycles(&project.workflow.id)?;
        let open = cycles.iter().find(|(_, status)| *status == CycleStatus::Open).or(cycles.last());
        let (cycle, _) = open.ok_or_else(|| project.nothing_yet())?;
        let entries = journal.read(&project.workflow.id, *cycle)?;
        let doubts = doubts(&entries);
        Ok(Open { project, journal, entries, doubts })
    }

    /// The doubts that are meant.
    fn chosen(&self, words: &[String], all: bool) -> Result<Vec<Doubt>, Failure> {
        let list = format!("loopctl effect list {}", self.project.file);
        if all {
            return Ok(self.doubts.clone());
        }
        if words.is_empty() {
            return Err(Failure::new("cli::usage", "name the pieces, or say `--all`").help(format!("`{list}` shows them")));
        }
        let named =
            |word: &String| pick(word, self.doubts.iter().map(|doubt| (doubt.publish.key.to_lowercase(), doubt.clone())), &list);
        words.iter().map(named).collect()
    }
}

fn list(place: &Place, file: Option<&Path>, output: &Output) -> Result<Exit, Failure> {
    let open = Open::load(place, file, output)?;
    let view = open.project.view(&open.entries)?;
    let setting = summary::Setting { width: output.width(), file: &open.project.file, store: &open.project.store_name() };
    output.either("in_doubt", &view.in_doubt, || {
        if view.in_doubt.is_empty() {
            return "Nothing is in doubt.".to_owned();
        }
        let mut text = String::new();
        summary::in_doubt(&mut text, &view, &setting);
        text.trim_start().to_owned()
    });
    Ok(if view.in_doubt.is_empty() { Exit::Ok } else { Exit::Waiting })
}

fn settle(
    place: &Place,
    decision: &EffectDecision,
    word: &str,
    resolution: &dyn Fn(&Doubt, &str) -> Resolution,
    output: &Output,
) -> Result<Exit, Failure> {
    let (file, words) = split_words(&decision.words);
    let mut open = Open::load(place, file.as_deref(), output)?;
    let chosen = open.chosen(&words, decision.all)?;
    let by = super::gate::who(decision.decider.by.as_deref());
    let pinned = open.project.as_pinned(open.journal.as_ref())?;
    let project = pinned.as_ref().unwrap_or(&open.project);
    for doubt in &chosen {
        let registry = crate::builtin::registry();
        let cycle = runtime::recover(&project.workflow, registry, &project.client_os, open.journal.as_ref(), doubt.key.cycle)?;
        let clock: Box<dyn Clock> = match project.workflow.recorded_from {
            Some(_) => Box::new(FixedClock::new(cycle.pins().now)),
            None => Box::new(SystemClock),
        };
        runtime::resolve(open.journal.as_mut(), cycle, doubt.key.clone(), resolution(doubt, &by), clock.as_ref())?;
    }
    let ids: Vec<&str> = chosen.iter().map(|doubt| doubt.publish.key.as_str()).collect();
    let left = open.doubts.len() - chosen.len();
    output.either("settled", &json!({"pieces": ids, "decision": word, "left": left}), || {
        if ids.is_empty() {
            return "Nothing is in doubt.".to_owned();
        }
        let left =
            if left == 0 { "Nothing else is in doubt.".to_owned() } else { format!("{} left in doubt.", count(left, "piece")) };
        format!(
            "{} {}: {word}. {left}\n{}",
            paint(GOOD, "✓"),
            ids.join(", "),
            paint(CODE, format!("loopctl run {}", open.project.file))
        )
    });
    Ok(Exit::Ok)
}
