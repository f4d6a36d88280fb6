//! `loopctl retry`: what failed in the last cycle is first in line in the next one; or, with `--from`, a part of the last cycle
//! is made again.
//!
//! A closed cycle takes no more entries, so the next cycle is opened with the failed items waiting at their steps, as items
//! over a cap would; the next run does the work. What failed in earlier cycles can be named too: see `dead_letters`. Caps, gates and keys are as ever: a piece that did go out has the same key.

use super::dead_letters::{self, DeadLetter};
use crate::base::{StepId, TaskId};
use crate::cli::args::Retry;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::project::{Place, Project, split_words};
use crate::diag::nearest;
use crate::engine::{Cycle, From};
use crate::model::{Act, Operation, Workflow};
use crate::report::style::{CODE, DIM, GOOD, count, fit, paint};
use crate::runtime::{self, Again, CycleStatus, Journal, RunError};
use serde_json::json;
use std::collections::BTreeSet;

pub fn run(args: &Retry, place: &Place, output: &Output) -> Result<Exit, Failure> {
    let (file, words) = split_words(&args.words);
    let project = Project::load(place, file.as_deref(), output)?;
    if !project.has_state() {
        return Err(project.nothing_yet());
    }
    let mut journal = project.open()?;
    let cycles = journal.cycles(&project.workflow.id)?;
    let (number, status) = cycles.last().copied().ok_or_else(|| project.nothing_yet())?;
    let dead = dead_letters::of(journal.as_ref(), &project.workflow)?;
    if args.list {
        dead_letters::show(&dead, &project, &words, output)?;
        return Ok(Exit::Ok);
    }
    let entries = journal.read(&project.workflow.id, number)?;
    if status == CycleStatus::Open {
        return Err(Failure::new("cli::still-open", format!("cycle {number} is still open"))
            .help(format!("finish it with `loopctl run {}`; what failed in it can be tried again then", project.file)));
    }
    let then = project.as_of(&entries)?;
    let then = then.as_ref().unwrap_or(&project);
    let registry = crate::builtin::registry();
    let last = Cycle::recover(then.workflow.clone(), registry, then.client_os.clone(), &entries)
        .map_err(|error| Failure::from(RunError::from(error)))?;
    if let Some(step) = &args.from {
        return from(step, args, &words, &project, &last, journal.as_mut(), output);
    }
    // By default the last cycle's; what is named, or all, may be of any cycle.
    let wide = args.all || !words.is_empty();
    let failed: Vec<&DeadLetter> = dead.iter().filter(|letter| wide || letter.cycle == number).collect();
    let chosen = dead_letters::chosen(&failed, &words, &project.file)?;
    let mut older: Vec<(Cycle, Vec<TaskId>)> = Vec::new();
    for letter in chosen.iter().filter(|letter| letter.cycle != number && letter.task.item.is_some()) {
        match older.last_mut().filter(|(cycle, _)| cycle.pins().cycle == letter.cycle) {
            Some((_, tasks)) => tasks.push(letter.task.clone()),
            None => {
                let entries = journal.read(&project.workflow.id, letter.cycle)?;
                let then = project.as_of(&entries)?;
                let then = then.as_ref().unwrap_or(&project);
                let cycle = Cycle::recover(then.workflow.clone(), registry, then.client_os.clone(), &entries)
                    .map_err(|error| Failure::from(RunError::from(error)))?;
                older.push((cycle, vec![letter.task.clone()]));
            }
        }
    }
    let named: Vec<(String, String, String)> = chosen
        .iter()
        .filter_map(|letter| Some((letter.task.step.to_string(), letter.id.clone()?, letter.title.clone())))
        .collect();
    let chosen: Vec<TaskId> = chosen
        .iter()
        .filter(|letter| letter.cycle == number || letter.task.item.is_none())
        .map(|letter| letter.task.clone())
        .collect();
    let (again, whole): (Vec<TaskId>, Vec<TaskId>) = chosen.into_iter().partition(|task| task.item.is_some());
    let cycle = if again.is_empty() && older.is_empty() {
        None
    } else {
        super::run::look_back(&project, journal.as_mut(), output)?;
        let clock = super::run::clock(&project, journal.as_ref())?;
        let again = Again {
            workflow: project.workflow.clone(),
            registry,
            client_os: project.client_os.clone(),
            sources: project.sources.clone(),
            clock: clock.as_ref(),
            last: &last,
            tasks: &again,
            older: &older,
        };
        Some(runtime::open_again(again, journal.as_mut())?)
    };
    let whole: BTreeSet<&str> = whole.iter().map(|task| task.step.as_str()).collect();
    let facts = json!({
        "cycle": cycle,
        "items": named.iter().map(|(step, id, title)| json!({"step": step, "id": id, "title": title})).collect::<Vec<_>>(),
        "by_themselves": whole,
    });
    output.either("retry", &facts, || {
        let mut text = String::new();
        if let Some(cycle) = cycle {
            text.push_str(&format!("{} {} first in line in cycle {cycle}:\n", paint(GOOD, "✓"), count(named.len(), "item")));
            for (step, id, title) in &named {
                text.push_str(&format!(
                    "  {}  {}  {}\n",
                    paint(CODE, id),
                    fit(title, output.width().saturating_sub(40)),
                    paint(DIM, step)
                ));
            }
        }
        for step in &whole {
            text.push_str(&format!("{} `{step}` runs again in the next cycle by itself.\n", paint(GOOD, "✓")));
        }
        if cycle.is_none() && whole.is_empty() {
            return match wide {
                true => "Nothing failed that was not made good since.".to_owned(),
                false => format!("Nothing failed in cycle {number}."),
            };
        }
        text.push_str(&paint(CODE, format!("loopctl run {}", project.file)));
        text
    });
    Ok(Exit::Ok)
}

/// Makes the last cycle again from a step on.
fn from(
    step: &str,
    args: &Retry,
    words: &[String],
    project: &Project,
    last: &Cycle,
    journal: &mut dyn Journal,
    output: &Output,
) -> Result<Exit, Failure> {
    let number = last.pins().cycle;
    if let Some(word) = words.first() {
        return Err(Failure::new("cli::usage", format!("`--from` makes the whole step again, and `{word}` is one more word"))
            .help("`loopctl retry ITEM` tries one failed item again"));
    }
    let id = StepId::new(step);
    let ids = |workflow: &Workflow| workflow.steps.iter().map(|step| step.id.to_string()).collect::<Vec<_>>();
    if project.workflow.step(&id).is_none() || last.plan().index(&id).is_none() {
        let known = ids(&project.workflow);
        let failure =
            Failure::new("cli::no-such-item", format!("cycle {number} and the workflow as it is now have no step `{step}`"));
        return Err(match nearest(step, known.iter().map(String::as_str)) {
            Some(near) => failure.help(format!("did you mean `{near}`?")),
            None => failure.help(format!("its steps are {}", known.join(", "))),
        });
    }
    super::run::look_back(project, journal, output)?;
    let by = super::gate::who(args.by.as_deref());
    let clock = super::run::clock(project, journal)?;
    let act = Act::Again { of: number, from: id.clone(), only: args.only, reason: args.reason.clone() };
    let operation = Operation { at: clock.now(), by, cycle: number, act };
    let again = Again {
        workflow: project.workflow.clone(),
        registry: crate::builtin::registry(),
        client_os: project.client_os.clone(),
        sources: project.sources.clone(),
        clock: clock.as_ref(),
        last,
        tasks: &[],
        older: &[],
    };
    journal.operate(&project.workflow.id, &operation)?;
    let cycle = runtime::open_from(again, From { step: &id, only: args.only }, journal)?;
    let facts = json!({ "cycle": cycle, "of": number, "from": step, "only": args.only });
    output.either("retry", &facts, || {
        let what = if args.only { "alone" } else { "and what follows" };
        format!(
            "{} Cycle {cycle} makes `{step}` of cycle {number} again, {what}; what the other steps gave is taken over.\n{}",
            paint(GOOD, "✓"),
            paint(CODE, format!("loopctl run {}", project.file))
        )
    });
    Ok(Exit::Ok)
}
