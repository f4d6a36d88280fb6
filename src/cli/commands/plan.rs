//! `loopctl plan`: what a cycle would run, what it would not run again and why, and what the caps have left.

use crate::builtin;
use crate::cli::args::Plan;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::project::{Place, Project};
use crate::engine::{Carry, StepOutlook, Will, outlook};
use crate::model::CapUnit;
use crate::plan::CyclePlan;
use crate::report::CycleState;
use crate::report::style::{CODE, DIM, GOOD, TITLE, WAIT, count, grouped, paint};
use crate::report::view::CapView;
use crate::runtime::{self, CycleStatus};
use crate::world::SystemClock;
use serde_json::json;

pub fn run(args: &Plan, place: &Place, output: &Output) -> Result<Exit, Failure> {
    let project = Project::load(place, args.workflow.file.as_deref(), output)?;
    project.tell_missing_secrets(output);
    CyclePlan::new(&project.workflow)
        .map_err(|error| Failure::new("cli::no-plan", error.to_string()).help("`loopctl validate` shows where"))?;
    let (carry, last, open) = if project.has_state() {
        let journal = project.open()?;
        let cycles = journal.cycles(&project.workflow.id)?;
        let open = cycles.iter().find(|(_, status)| *status == CycleStatus::Open).map(|(cycle, _)| *cycle);
        let view = match open {
            Some(cycle) => Some(project.view(&project.entries(journal.as_ref(), Some(cycle.0))?)?),
            None => None,
        };
        (journal.carry(&project.workflow.id)?, cycles.last().map(|(cycle, _)| *cycle), view)
    } else {
        (Carry::default(), None, None)
    };
    let steps = outlook(&project.workflow, builtin::registry(), &project.client_os, &carry);
    let (cycle, now, caps) = match &open {
        Some(view) => (view.cycle, view.now, view.caps.clone()),
        None => {
            let cycle = last.unwrap_or_default().next();
            let pins = runtime::pins(&project.workflow, &project.client_os, cycle, &SystemClock);
            (cycle, pins.now, crate::report::view::caps(&project.workflow, &carry.ledger, pins.now, cycle))
        }
    };
    let facts = json!({
        "cycle": cycle,
        "now": now,
        "open": open.as_ref().map(|view| view.state),
        "waiting": open.as_ref().map_or(0, |view| view.waiting.len()),
        "steps": steps,
        "caps": caps,
        "parameters": carry.parameters,
    });
    output.either("plan", &facts, || {
        let zone = &project.workflow.zone;
        let mut text = format!(
            "{} {}\n",
            paint(TITLE, format!("{} · cycle {cycle}", project.workflow.id)),
            paint(DIM, format!("· {}", now.friendly(zone)))
        );
        match &open {
            Some(view) if view.state == CycleState::Waiting => {
                text.push_str(&format!(
                    "  This cycle is open and waits for {}. `loopctl run` goes on after them.\n",
                    count(view.waiting.len(), "decision")
                ));
            }
            Some(_) => text.push_str(
                "  This cycle is open. `loopctl run` goes on with what is not finished; what is finished is not run again.\n",
            ),
            None => {}
        }
        text.push_str(&format!("\n{}\n", paint(TITLE, "Steps")));
        for step in &steps {
            text.push_str(&line(step));
        }
        text.push_str(&caps_left(&caps));
        if !carry.parameters.is_empty() {
            text.push_str(&format!("\n{}\n", paint(TITLE, "Tuned settings")));
            for (path, value) in &carry.parameters {
                text.push_str(&format!("  {path:<32} {value:.3}\n"));
            }
        }
        text.push_str(&format!("\n{}", paint(CODE, format!("loopctl run {}", project.file))));
        text
    });
    Ok(Exit::Ok)
}

fn line(step: &StepOutlook) -> String {
    let (mark, words) = match &step.will {
        Will::Read => (paint(GOOD, "→"), "reads the outside".to_owned()),
        Will::Ask => (paint(WAIT, "◐"), "asks people about every item".to_owned()),
        Will::Publish => (paint(GOOD, "→"), "sends every new item, once".to_owned()),
        Will::Remember => (paint(GOOD, "→"), "runs: it keeps state from cycle to cycle".to_owned()),
        Will::FollowClock => (paint(GOOD, "→"), "runs: what it says depends on the date".to_owned()),
        Will::ReuseUnchanged => (paint(DIM, "="), "nothing about it changed: only new or changed items run".to_owned()),
        Will::RunAgain(parts) => (paint(GOOD, "→"), format!("runs again: {} changed", parts.join(", "))),
        Will::RunFirst => (paint(GOOD, "→"), "runs: nothing is remembered of it".to_owned()),
    };
    let deferred = if step.deferred == 0 { String::new() } else { format!("; {} deferred and first in line", step.deferred) };
    format!("  {mark} {:<16} {}\n", step.step, paint(DIM, format!("{words}{deferred}")))
}

fn caps_left(caps: &[CapView]) -> String {
    if caps.is_empty() {
        return String::new();
    }
    let mut text = format!("\n{}\n", paint(TITLE, "Caps"));
    for cap in caps {
        let amount = |value: i64| match &cap.unit {
            CapUnit::Money(currency) => format!("{} {:.2}", currency.to_uppercase(), value as f64 / 1e6),
            CapUnit::Pieces | CapUnit::Tokens => grouped(usize::try_from(value).unwrap_or(0)),
        };
        let unit = match &cap.unit {
            CapUnit::Pieces => " pieces",
            CapUnit::Tokens => " tokens",
            CapUnit::Money(_) => "",
        };
        text.push_str(&format!(
            "  {:<16} {} of {}{unit} left in {}\n",
            cap.cap,
            amount((cap.most - cap.used).max(0)),
            amount(cap.most),
            cap.window
        ));
    }
    text
}
