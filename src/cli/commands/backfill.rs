//! `loopctl backfill`: cycles over the past, to see what the loop would have chosen and learned.
//!
//! Each cycle has its clock set to its window and starts from what the one before handed on, as cycles do. Sources leave out
//! what is later than their cycle's clock. All of it stays in memory unless `--keep` is said, and nothing goes out either way.

use super::replay_with::Side;
use super::run::{reactor, say_how_to_stop};
use crate::base::{Timestamp, duration};
use crate::cli::args::Backfill;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::project::{Place, Project};
use crate::engine::Cycle;
use crate::model::Workflow;
use crate::report::CycleView;
use crate::report::style::{DIM, TITLE, WAIT, count, fit, paint, plain};
use crate::runtime::{self, DriveOptions, FixedClock, GatePolicy, Journal, Outcome, StopSignal, Which};
use crate::step::{Decision, Verdict};
use crate::store;
use crate::world::pretended::PretendedWorld;
use crate::world::{RealWorld, Secrets, WebSettings};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// So many cycles are run at most: ten years of weeks.
const CYCLES_MOST: usize = 520;

/// One cycle of the past.
#[derive(Clone, Debug, Serialize)]
struct Row {
    cycle: u32,
    at: Timestamp,
    /// In order of rank.
    chosen: Vec<String>,
    pieces: usize,
    pretended: usize,
    deferred: usize,
    failed: usize,
    tokens: u64,
    cost: BTreeMap<String, f64>,
    /// What learning set: path, before, after.
    learned: Vec<(String, f64, f64)>,
}

pub fn run(args: &Backfill, place: &Place, output: &Output) -> Result<Exit, Failure> {
    let project = Project::read(place, args.workflow.file.as_deref())?;
    let windows = windows(args, &project.workflow)?;
    let mut journal: Box<dyn Journal> = if args.keep { empty_state(&project)? } else { Box::new(store::memory()) };
    let workflow = if args.keep {
        project.workflow.clone()
    } else {
        // The clock says when a cycle is; a recording would say it itself.
        Arc::new(Workflow { recorded_from: None, ..Workflow::clone(&project.workflow) })
    };
    let first = windows.first().copied().unwrap_or_default();
    let clock = Arc::new(FixedClock::new(first));
    let real = RealWorld::with(&workflow, &project.root, clock.clone(), WebSettings::default(), Secrets::new(&project.root));
    let world = PretendedWorld::new(real, clock.clone(), "backfill");
    let world = Arc::new(if args.models { world.with_models() } else { world });
    let reactor = reactor()?;
    let stop = reactor.block_on(async { StopSignal::on_interrupt() });
    if !output.json {
        reactor.spawn(say_how_to_stop(stop.clone()));
        output.text(&head(&project, windows.len(), args.keep));
    }
    let mut rows: Vec<Row> = Vec::new();
    let mut stopped = false;
    for at in &windows {
        clock.set(*at);
        let mut which = Which::Next;
        let cycle = loop {
            let run = runtime::Run {
                workflow: workflow.clone(),
                registry: crate::builtin::registry(),
                client_os: project.client_os.clone(),
                journal: journal.as_mut(),
                world: world.clone(),
                clock: clock.as_ref(),
                sources: project.sources.clone(),
                stop: stop.clone(),
                which,
                options: DriveOptions { gates: GatePolicy::AskWorld, ..DriveOptions::default() },
            };
            let ran = reactor.block_on(runtime::run_cycle(run, &mut |_| {})).map_err(Failure::from)?;
            let cycle = ran.cycle.pins().cycle;
            match ran.outcome {
                Outcome::Stopped => break None,
                Outcome::Finished => break Some(cycle),
                // The world approves once; where several people have to, others follow.
                Outcome::Parked { .. } if more_approve(&ran.cycle, *at, journal.as_mut())? == 0 => break Some(cycle),
                Outcome::Parked { .. } => which = Which::This(cycle),
            }
        };
        let Some(cycle) = cycle else {
            stopped = true;
            break;
        };
        let entries = journal.read(&workflow.id, cycle)?;
        let row = row(&project.view(&entries)?, &Side::of(&entries), *at);
        if !output.json {
            output.text(&line(&row, &workflow, output.width()));
        }
        rows.push(row);
    }
    let facts = serde_json::json!({
        "cycles": rows,
        "planned": windows.len(),
        "stopped": stopped,
        "kept": args.keep,
        "pages_of_today": world.pages(),
        "learned": learned(&rows),
    });
    output.either("backfill", &facts, || tail(&rows, stopped, world.pages(), args, &project));
    let failed = rows.iter().any(|row| row.failed > 0);
    Ok(match (stopped, failed) {
        (true, _) => Exit::Interrupted,
        (false, true) => Exit::Findings,
        (false, false) => Exit::Ok,
    })
}

/// One more person approves at each gate that waits; says at how many.
fn more_approve(cycle: &Cycle, at: Timestamp, journal: &mut dyn Journal) -> Result<usize, Failure> {
    let mut taken = 0;
    for gate in cycle.gates() {
        let by = format!("backfill {}", gate.given.len() + 1);
        let decision = Decision::new(Verdict::Approve, by, at, gate.approve.pins);
        if cycle.check_decision(&gate.key, &decision).is_ok() {
            runtime::decide(journal, &cycle.pins().workflow, cycle.pins().cycle, &gate.key, decision)?;
            taken += 1;
        }
    }
    Ok(taken)
}

/// The times of the cycles, oldest first.
fn windows(args: &Backfill, workflow: &Workflow) -> Result<Vec<Timestamp>, Failure> {
    let wrong = |message: String, help: &str| Failure::new("cli::usage", message).help(help);
    let time = |name: &str, text: &str| {
        Timestamp::parse_in(text, &workflow.zone).ok_or_else(|| {
            wrong(
                format!("`{}` is no date for `--{name}`", plain(text)),
                "write 2024-07-01, or 2024-07-01 06:00 for another hour",
            )
        })
    };
    let (from, to) = (time("from", &args.from)?, time("to", &args.to)?);
    let every = match &args.every {
        Some(text) => duration::parse(text).filter(|every| *every >= Duration::from_secs(60)).ok_or_else(|| {
            wrong(format!("`{}` is no time between cycles", plain(text)), "write 1d, 7d or 12h; a minute is the least")
        })?,
        None => workflow.every.ok_or_else(|| {
            wrong("the workflow does not say how often it runs".to_owned(), "say it for these cycles: `--every 7d`")
        })?,
    };
    if to < from {
        return Err(wrong("`--to` lies before `--from`".to_owned(), "give the earlier date first"));
    }
    let mut windows = Vec::new();
    let mut at = from;
    while at <= to {
        if windows.len() == CYCLES_MOST {
            let help = "take a shorter time, or a longer `--every`";
            return Err(wrong(format!("these are more than {CYCLES_MOST} cycles"), help));
        }
        windows.push(at);
        at = at + every;
    }
    Ok(windows)
}

/// The state, which must have no cycles of this workflow.
fn empty_state(project: &Project) -> Result<Box<dyn Journal>, Failure> {
    if project.workflow.recorded_from.is_some() {
        return Err(Failure::new("cli::recorded", "this workflow has the time of its recording, so it cannot be given another")
            .help(format!("`loopctl run {} --cycles N` runs its cycles; leave `--keep` out to look only", project.file)));
    }
    let journal = project.open()?;
    if journal.cycles(&project.workflow.id)?.is_empty() {
        return Ok(journal);
    }
    Err(Failure::new("cli::not-empty", format!("`{}` has cycles already, and the past comes before them", project.workflow.id))
        .help("leave `--keep` out, or choose a new folder with `--state DIR`"))
}

fn row(view: &CycleView, side: &Side, at: Timestamp) -> Row {
    let mut chosen: Vec<(u32, String)> = side.chosen.values().map(|choice| (choice.rank, choice.title.clone())).collect();
    chosen.sort();
    Row {
        cycle: view.cycle.0,
        at,
        chosen: chosen.into_iter().map(|(_, title)| title).collect(),
        pieces: view.written.iter().filter(|piece| piece.kind == "draft").count(),
        pretended: side.sends.values().sum(),
        deferred: side.deferred,
        failed: side.failed,
        tokens: side.tokens,
        cost: side.cost.clone(),
        learned: view.changes.iter().map(|change| (change.path.clone(), change.old, change.new)).collect(),
    }
}

/// From the first value to the last, by path.
fn learned(rows: &[Row]) -> BTreeMap<&str, (f64, f64)> {
    let mut learned: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
    for (path, old, new) in rows.iter().flat_map(|row| &row.learned) {
        learned.entry(path).or_insert((*old, *new)).1 = *new;
    }
    learned
}

fn head(project: &Project, cycles: usize, kept: bool) -> String {
    let place = if kept { "kept in the state" } else { "in memory" };
    format!(
        "{} {}\n{}",
        paint(TITLE, format!("{} over the past", project.workflow.id)),
        paint(DIM, format!("· {}, {place}; nothing goes out", count(cycles, "cycle"))),
        paint(DIM, format!("{:>5}  {:<16}  {:>6} {:>6} {:>4}  first choice", "cycle", "at", "chosen", "pieces", "sent"))
    )
}

fn line(row: &Row, workflow: &Workflow, width: usize) -> String {
    let at = row.at.in_zone(&workflow.zone).strftime("%Y-%m-%d %H:%M").to_string();
    let first = row.chosen.first().map_or_else(|| "–".to_owned(), |title| plain(title));
    let mut text = format!(
        "{:>5}  {at:<16}  {:>6} {:>6} {:>4}  {}",
        row.cycle,
        row.chosen.len(),
        row.pieces,
        row.pretended,
        fit(&first, width.saturating_sub(46))
    );
    for (path, old, new) in &row.learned {
        text.push_str(&paint(DIM, format!("\n{:>25}{path} {old:.3} → {new:.3}", "")));
    }
    if row.failed > 0 {
        text.push_str(&format!("\n{:>25}{} {} failed", "", paint(WAIT, "warning:"), count(row.failed, "task")));
    }
    text
}

fn tail(rows: &[Row], stopped: bool, pages: usize, args: &Backfill, project: &Project) -> String {
    let sent: usize = rows.iter().map(|row| row.pretended).sum();
    let mut text = format!("\n{}, {} pretended to go out.", count(rows.len(), "cycle"), count(sent, "piece"));
    for (path, (old, new)) in learned(rows) {
        text.push_str(&format!("\n  {path}  {old:.3} → {new:.3}"));
    }
    if stopped {
        text.push_str("\nStopped; the cycles above are whole.");
    }
    if pages > 0 {
        let read = count(pages, "reading");
        let note = format!("\n{read} of the web showed what it shows today, not what it showed then.");
        text.push_str(&paint(DIM, note));
    }
    if !args.models {
        text.push_str(&paint(DIM, "\nTexts were composed from the templates; `--models` asks the workflow's own providers."));
    }
    if args.keep {
        text.push_str(&format!("\nThey are kept: the next `loopctl run {}` goes on from them.", project.file));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_learned_is_from_the_first_value_to_the_last() {
        let row = |old: f64, new: f64| Row {
            cycle: 1,
            at: Timestamp(0),
            chosen: Vec::new(),
            pieces: 0,
            pretended: 0,
            deferred: 0,
            failed: 0,
            tokens: 0,
            cost: BTreeMap::new(),
            learned: vec![("score.demand".to_owned(), old, new)],
        };
        assert_eq!(learned(&[row(0.4, 0.5), row(0.5, 0.3)])["score.demand"], (0.4, 0.3));
    }
}
