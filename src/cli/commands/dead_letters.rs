//! What failed in any cycle that is kept and was not made good since: the list of `loopctl retry --list`.
//!
//! An item that came up again at the same step in a later cycle is that cycle's matter, and a step that works on all its input,
//! or on none, is made good by the next time it ends well. So nothing has to be kept beside the journals.

use crate::base::{CycleNo, InOrder, ItemId, StepId, TaskId};
use crate::cli::exit::Failure;
use crate::cli::output::Output;
use crate::cli::project::{Project, long_handle, pick};
use crate::engine::{Entry, failing};
use crate::model::Workflow;
use crate::report::style::{BAD, CODE, DIM, count, fit, paint};
use crate::report::view::{handle, items};
use crate::runtime::Journal;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

/// One failed task.
#[derive(Clone, Debug)]
pub struct DeadLetter {
    pub cycle: CycleNo,
    pub task: TaskId,
    /// What people type; none for a step that works on all its input.
    pub id: Option<String>,
    long: Option<String>,
    pub title: String,
    pub message: String,
    pub help: Option<String>,
    /// It is tried again in the next cycle by itself.
    pub waits: bool,
    then: Option<String>,
}

/// Oldest first.
pub fn of(journal: &dyn Journal, workflow: &Workflow) -> Result<Vec<DeadLetter>, Failure> {
    let mut dead: Vec<DeadLetter> = Vec::new();
    for (cycle, _) in journal.cycles(&workflow.id)? {
        let entries = journal.read(&workflow.id, cycle)?;
        let known = items(&entries);
        let Some(Entry::Opened { carry, .. }) = entries.first() else { continue };
        let came_up: BTreeSet<(&StepId, ItemId)> =
            carry.deferred.iter().flat_map(|(step, items)| items.iter().map(move |item| (step, item.id))).collect();
        let made_good: BTreeSet<&TaskId> =
            entries.iter().filter_map(|entry| if let Entry::Done { task, .. } = entry { Some(task) } else { None }).collect();
        dead.retain(|letter| match letter.task.item {
            Some(item) => !came_up.contains(&(&letter.task.step, item)) && !made_good.contains(&letter.task),
            None => !made_good.contains(&letter.task),
        });
        let handed_on = entries.iter().rev().find_map(|entry| match entry {
            Entry::Closed { carry, .. } => Some(&carry.deferred),
            _ => None,
        });
        for entry in &entries {
            let Entry::Failed { task, message, help } = entry else { continue };
            let item = task.item.and_then(|id| known.get(&id).copied());
            let waiting = handed_on.and_then(|deferred| deferred.get(&task.step));
            let waits = task.item.is_none_or(|id| waiting.is_some_and(|items| items.iter().any(|item| item.id == id)));
            let tried = task.item.map(|id| carry.waited.get(&id).map_or(0, |waited| waited.failed) + 1);
            // A step without an item that failed again is told once, for the last time.
            dead.retain(|letter| letter.task != *task);
            dead.push(DeadLetter {
                cycle,
                task: task.clone(),
                id: item.map(handle),
                long: item.map(long_handle),
                title: item.map_or_else(|| "the step as a whole".to_owned(), |item| item.good.title()),
                message: message.clone(),
                help: help.clone(),
                waits,
                then: workflow.step(&task.step).and_then(|step| failing::says(step, tried)),
            });
        }
    }
    Ok(dead)
}

/// The letters that are meant: all, those of a step, or those about an item.
pub fn chosen<'a>(dead: &[&'a DeadLetter], words: &[String], file: &str) -> Result<Vec<&'a DeadLetter>, Failure> {
    if words.is_empty() {
        return Ok(dead.to_vec());
    }
    let named: BTreeMap<ItemId, String> =
        dead.iter().filter_map(|letter| Some((letter.task.item?, letter.long.clone()?))).collect();
    let mut chosen: BTreeSet<&TaskId> = BTreeSet::new();
    for word in words {
        let of_step = dead.iter().filter(|letter| letter.task.step.as_str() == word);
        let of_step: Vec<&TaskId> = of_step.map(|letter| &letter.task).collect();
        if of_step.is_empty() {
            let names = named.iter().map(|(id, name)| (name.clone(), *id));
            let id = pick(word, names, &format!("loopctl retry {file} --list")).map_err(|failure| match failure.code {
                "cli::no-such-item" => {
                    Failure::new(failure.code, format!("nothing called `{word}` failed and waits to be tried again"))
                        .help(format!("`loopctl retry {file} --list` shows what failed in all cycles, and why"))
                }
                _ => failure,
            })?;
            chosen.extend(dead.iter().filter(|letter| letter.task.item == Some(id)).map(|letter| &letter.task));
        } else {
            chosen.extend(of_step);
        }
    }
    Ok(dead.iter().filter(|letter| chosen.contains(&letter.task)).copied().collect())
}

/// Prints the list, newest cycle first.
pub fn show(dead: &[DeadLetter], project: &Project, words: &[String], output: &Output) -> Result<(), Failure> {
    let all: Vec<&DeadLetter> = dead.iter().collect();
    let mut chosen = chosen(&all, words, &project.file)?;
    chosen.order_by_key(|letter| std::cmp::Reverse(letter.cycle));
    let facts: Vec<_> = chosen
        .iter()
        .map(|letter| {
            json!({
                "cycle": letter.cycle,
                "step": letter.task.step,
                "id": letter.id,
                "title": letter.title,
                "message": letter.message,
                "help": letter.help,
                "waits": letter.waits,
                "then": letter.then,
            })
        })
        .collect();
    output.either("retry-list", &json!({ "failed": facts }), || {
        if chosen.is_empty() {
            return "Nothing failed that was not made good since.".to_owned();
        }
        let mut text = format!("{} failed and not made good since:\n", count(chosen.len(), "thing"));
        for letter in &chosen {
            let id = letter.id.as_deref().unwrap_or(letter.task.step.as_str());
            let title = fit(&letter.title, output.width().saturating_sub(40));
            let place = format!("{}, cycle {}", letter.task.step, letter.cycle);
            text.push_str(&format!("  {}  {title}  {}\n", paint(CODE, id), paint(DIM, place)));
            text.push_str(&format!("    {} {}\n", paint(BAD, "✗"), fit(&letter.message, output.width().saturating_sub(6))));
            let then = match (&letter.then, letter.waits, letter.task.item) {
                (Some(then), _, Some(_)) => Some(then.clone()),
                (_, true, Some(_)) => Some("it is first in line in the next cycle".to_owned()),
                (_, _, None) => Some("it runs again in every cycle".to_owned()),
                _ => None,
            };
            if let Some(then) = then {
                text.push_str(&format!("    {then}\n"));
            }
        }
        text.push_str(&paint(CODE, format!("loopctl retry {} --all", project.file)));
        text
    });
    Ok(())
}
