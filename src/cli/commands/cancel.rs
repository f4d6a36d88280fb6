//! `loopctl cancel`: calls off an open cycle, or a step or an item of it.
//!
//! The word is written into the cycle's journal with who said it and why. A whole cycle is closed by it, unless a piece may
//! already be out: then it closes when that is settled.

use crate::base::{CycleNo, StepId};
use crate::cli::args::Cancel;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::project::{Place, Project, long_handle, pick, split_words};
use crate::engine::Scope;
use crate::report::style::{CODE, GOOD, paint};
use crate::report::view::items;
use crate::runtime::{self, Clock, CycleStatus, DecideError, FixedClock};
use crate::world::SystemClock;
use serde_json::json;

pub fn run(args: &Cancel, place: &Place, output: &Output) -> Result<Exit, Failure> {
    let (file, words) = split_words(&args.words);
    let (project, _) = Project::load_or_pinned(place, file.as_deref(), output)?;
    if !project.has_state() {
        return Err(project.nothing_yet());
    }
    let mut journal = project.open()?;
    let cycles = journal.cycles(&project.workflow.id)?;
    let open: Vec<CycleNo> = cycles.iter().filter(|(_, status)| *status == CycleStatus::Open).map(|(cycle, _)| *cycle).collect();
    let word = match words.as_slice() {
        [] => None,
        [word] => Some(word.as_str()),
        _ => {
            return Err(Failure::new("cli::usage", "name one cycle, step or item").help("`loopctl cancel --help` shows examples"));
        }
    };
    let number = word.and_then(|word| word.parse().ok()).map(CycleNo);
    let cycle = match (number, open.as_slice()) {
        (_, []) => {
            return Err(Failure::new("cli::nothing-open", "no cycle is open, so there is nothing to call off")
                .help(format!("`loopctl status {}` shows the last one", project.file)));
        }
        (Some(wanted), open) if open.contains(&wanted) => wanted,
        (Some(wanted), _) => {
            return Err(
                Failure::new("cli::no-such-cycle", format!("cycle {wanted} is not open")).help(format!("open: {}", list(&open)))
            );
        }
        (None, [one]) => *one,
        (None, [_, ..]) if word.is_none() => {
            return Err(Failure::new("cli::usage", format!("several cycles are open: {}", list(&open)))
                .help(format!("say which, such as `loopctl cancel {} {}`", project.file, open[0])));
        }
        (None, [oldest, ..]) => *oldest,
    };
    let entries = journal.read(&project.workflow.id, cycle)?;
    let then = project.as_of(&entries)?;
    let then = then.as_ref().unwrap_or(&project);
    let scope = match word {
        Some(word) if number.is_none() => {
            let step = StepId::new(word);
            if then.workflow.step(&step).is_some() {
                Scope::Step(step)
            } else {
                let known = items(&entries);
                let named = known.values().map(|item| (long_handle(item), item.id));
                Scope::Item(pick(word, named, &format!("loopctl status {}", project.file))?)
            }
        }
        _ => Scope::Cycle,
    };
    let by = super::gate::who(args.by.as_deref());
    let taken = runtime::recover(&then.workflow, crate::builtin::registry(), &then.client_os, journal.as_ref(), cycle)?;
    let clock: Box<dyn Clock> = match then.workflow.recorded_from {
        Some(_) => Box::new(FixedClock::new(taken.pins().now)),
        None => Box::new(SystemClock),
    };
    let doubts = taken.in_doubt().len();
    let closed = runtime::cancel(journal.as_mut(), taken, scope.clone(), &by, args.reason.as_deref(), clock.as_ref()).map_err(
        |error| match error {
            DecideError::Refused(message) => Failure::new("cli::nothing-open", message)
                .help(format!("`loopctl status {}` shows what is still to be done", project.file)),
            other => Failure::from(other),
        },
    )?;
    let facts = json!({ "cycle": cycle, "scope": scope, "closed": closed, "in_doubt": doubts });
    output.either("cancelled", &facts, || {
        let done = format!("{} Called off: {scope} of cycle {cycle}.", paint(GOOD, "✓")).replace("the cycle of cycle", "cycle");
        let next = match (&scope, closed) {
            (_, true) => "The cycle is closed.".to_owned(),
            (Scope::Cycle, false) if doubts > 0 => format!(
                "It closes when it is known what became of {}: {}",
                crate::report::style::count(doubts, "piece"),
                paint(CODE, format!("loopctl effect list {}", project.file))
            ),
            _ => format!("The rest goes on: {}", paint(CODE, format!("loopctl run {}", project.file))),
        };
        format!("{done}\n{next}")
    });
    Ok(Exit::Ok)
}

fn list(open: &[CycleNo]) -> String {
    open.iter().map(|cycle| format!("cycle {cycle}")).collect::<Vec<_>>().join(", ")
}
