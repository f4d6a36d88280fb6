//! `loopctl run`: one cycle, or on with the open one. The main job.

use crate::cli::args::Run;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::progress::Progress;
use crate::cli::project::{Place, Project, Standing};
use crate::report::style::{DIM, WAIT, count, paint};
use crate::report::{CycleState, CycleView, summary};
use crate::runtime::{self, Clock, CycleStatus, DriveOptions, FixedClock, Journal, Outcome, StopSignal, Urgency, Which};
use crate::step::{Decision, Verdict};
use crate::workspace::notify;
use crate::world::{Paces, RealWorld, Secrets, SystemClock, WebSettings};
use std::sync::Arc;

pub fn run(args: &Run, place: &Place, output: &Output) -> Result<Exit, Failure> {
    if args.watch {
        return super::run_watch::run(args, place, output);
    }
    let (project, standing) = Project::load_or_pinned(place, args.workflow.file.as_deref(), output)?;
    project.tell_missing_secrets(output);
    project.tell_missing_client_os(output);
    #[cfg(unix)]
    if let Some(mut service) = project.service() {
        match through(args, &project, &mut service, output) {
            // It keeps this state for other workflows, and passes on what is done here.
            Err(failure) if failure.code == "serve::no-such-workflow" => {}
            done => return done,
        }
    }
    let mut journal = project.open()?;
    let reactor = reactor()?;
    let stop = reactor.block_on(async { StopSignal::on_interrupt() });
    if !output.json {
        reactor.spawn(say_how_to_stop(stop.clone()));
    }
    let mut views = Vec::new();
    let mut exit = Exit::Ok;
    // The next cycle must not begin with files that are not valid.
    let cycles = if standing == Standing::Pinned { 1 } else { args.cycles };
    for _ in 0..cycles {
        let outcome = one_cycle(args, &project, journal.as_mut(), &reactor, &stop, output)?;
        let view = project.view(&project.entries(journal.as_ref(), None)?)?;
        exit = match outcome {
            Outcome::Stopped => Exit::Interrupted,
            Outcome::Parked { .. } => Exit::Waiting,
            Outcome::Finished if !view.failures.is_empty() => Exit::Findings,
            Outcome::Finished if exit == Exit::Ok && is_capped(&view) => Exit::CapReached,
            Outcome::Finished => exit,
        };
        let go_on = matches!(outcome, Outcome::Finished);
        views.push(view);
        if !go_on {
            break;
        }
        if args.cycles > 1
            && let Some(view) = views.last()
        {
            output.progress(&round(view));
        }
    }
    tell_people(&project, &views, &reactor, output);
    show(&project, &views, output);
    Ok(exit)
}

/// Tells people what waits and what went wrong, when the workflow says `notify`. That a message did not arrive fails nothing.
fn tell_people(project: &Project, views: &[CycleView], reactor: &tokio::runtime::Runtime, output: &Output) {
    if project.workflow.notify.is_empty() || views.is_empty() {
        return;
    }
    let secrets = Secrets::new(&project.root);
    let world = RealWorld::with(&project.workflow, &project.root, Arc::new(SystemClock), WebSettings::default(), secrets);
    let mut told = notify::Told::open(&project.state);
    let telling = notify::tell(&project.workflow, (views, &[]), &mut told, &world, SystemClock.now());
    for trouble in reactor.block_on(telling) {
        output.progress(&format!("{} {trouble}", paint(WAIT, "warning:")));
    }
}

/// The same through the service that keeps this workflow going.
#[cfg(unix)]
fn through(
    args: &Run,
    project: &Project,
    service: &mut crate::workspace::remote::RemoteJournal,
    output: &Output,
) -> Result<Exit, Failure> {
    output.progress("A service keeps this workflow going; it runs the cycle.");
    let mut views = Vec::new();
    let mut exit = Exit::Ok;
    for _ in 0..args.cycles {
        let mut cycle = None;
        let view = loop {
            let number = service.run(&project.workflow.id, cycle)?;
            cycle = Some(number);
            let view = project.view(&project.entries(service, Some(number.0))?)?;
            let waiting = view.state == CycleState::Waiting;
            if !(waiting && args.approve_all) || approve_all(args, project, service)? == 0 {
                break view;
            }
        };
        exit = match view.state {
            CycleState::Waiting => Exit::Waiting,
            CycleState::Open => Exit::Interrupted,
            CycleState::Closed if !view.failures.is_empty() => Exit::Findings,
            CycleState::Closed if exit == Exit::Ok && is_capped(&view) => Exit::CapReached,
            CycleState::Closed => exit,
        };
        let go_on = view.state == CycleState::Closed;
        views.push(view);
        if !go_on {
            break;
        }
    }
    show(project, &views, output);
    Ok(exit)
}

/// What requests run on.
pub(super) fn reactor() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().map_err(|error| {
        Failure::new("cli::no-runtime", format!("cannot start: {error}")).help("free some memory or file handles and try again")
    })
}

/// A person who wants to publish was only held back by a cap: nothing at all was written or sent.
pub(super) fn is_capped(view: &CycleView) -> bool {
    !view.deferred.is_empty() && view.written.is_empty() && view.published.is_empty()
}

pub(super) fn one_cycle(
    args: &Run,
    project: &Project,
    journal: &mut dyn Journal,
    reactor: &tokio::runtime::Runtime,
    stop: &StopSignal,
    output: &Output,
) -> Result<Outcome, Failure> {
    let pinned = project.as_pinned(journal)?;
    if pinned.is_some() {
        output.progress(
            "The open cycle goes on with the files as they were when it began; your changes count from the next cycle.",
        );
    }
    let project = pinned.as_ref().unwrap_or(project);
    let clock = clock(project, journal)?;
    let secrets = Secrets::new(&project.root);
    Paces::of(&project.root).keep_in(&project.state);
    let world = Arc::new(RealWorld::with(&project.workflow, &project.root, clock.clone(), WebSettings::default(), secrets));
    loop {
        let mut progress = Progress::new(output, &project.workflow);
        let run = runtime::Run {
            workflow: project.workflow.clone(),
            registry: crate::builtin::registry(),
            client_os: project.client_os.clone(),
            journal,
            world: world.clone(),
            clock: clock.as_ref(),
            sources: project.sources.clone(),
            stop: stop.clone(),
            which: Which::OpenOrNext,
            options: DriveOptions::default(),
        };
        let ran = reactor.block_on(runtime::run_cycle(run, &mut |notice| progress.tell(notice)));
        progress.finish();
        let ran = ran.map_err(Failure::from)?;
        tell_unread(&ran.unread, output);
        let outcome = ran.outcome;
        let waiting = matches!(outcome, Outcome::Parked { .. });
        if !(waiting && args.approve_all) || approve_all(args, project, journal)? == 0 {
            return Ok(outcome);
        }
    }
}

/// Channels that could not be read back: nothing is lost, and the next cycle asks again.
pub(super) fn tell_unread(unread: &[runtime::Unread], output: &Output) {
    for runtime::Unread { channel, why } in unread {
        let warning = paint(WAIT, "warning:");
        output.progress(&format!(
            "{warning} what people changed on `{channel}` could not be looked at: {why}; the next cycle asks again"
        ));
    }
}

/// Looks at how pieces stand in their channels before a cycle opens.
pub(super) fn look_back(project: &Project, journal: &mut dyn Journal, output: &Output) -> Result<(), Failure> {
    let clock = clock(project, journal)?;
    let (outs, cycle) = runtime::pieces_out(&project.workflow, &project.client_os, journal, clock.as_ref(), &[])?;
    if outs.is_empty() {
        return Ok(());
    }
    let secrets = Secrets::new(&project.root);
    let world = Arc::new(RealWorld::with(&project.workflow, &project.root, clock.clone(), WebSettings::default(), secrets));
    let back = runtime::LookBack { workflow: &project.workflow, world, clock: clock.as_ref(), outs, cycle };
    let unread = reactor()?.block_on(runtime::look_back(back, journal))?;
    tell_unread(&unread, output);
    Ok(())
}

/// Real time; over a recording, the time that the cycle has, which stands still.
pub(super) fn clock(project: &Project, journal: &dyn Journal) -> Result<Arc<dyn Clock>, Failure> {
    if project.workflow.recorded_from.is_none() {
        return Ok(Arc::new(SystemClock));
    }
    let cycles = journal.cycles(&project.workflow.id)?;
    let open = cycles.iter().find(|(_, status)| *status == CycleStatus::Open).map(|(cycle, _)| *cycle);
    let cycle = open.unwrap_or_else(|| cycles.last().map(|(cycle, _)| *cycle).unwrap_or_default().next());
    Ok(Arc::new(FixedClock::new(runtime::pins(&project.workflow, &project.client_os, cycle, &SystemClock).now)))
}

/// Approves everything that waits, and says how much that was.
fn approve_all(args: &Run, project: &Project, journal: &mut dyn Journal) -> Result<usize, Failure> {
    let view = project.view(&project.entries(journal, None)?)?;
    let by = args.by.clone().unwrap_or_else(|| "approve-all".to_owned());
    let mut decided = 0;
    for gate in &view.waiting {
        let decision = Decision::new(Verdict::Approve, by.clone(), view.now, gate.approve.pins);
        // One name is one approval: where a gate wants more, or it is this name's own work, it goes on waiting for others.
        if gate.check(&decision).is_err() {
            continue;
        }
        runtime::decide(journal, &project.workflow.id, view.cycle, &gate.key, decision)?;
        decided += 1;
    }
    Ok(decided)
}

pub(super) async fn say_how_to_stop(mut stop: StopSignal) {
    stop.beyond(Urgency::None).await;
    anstream::eprintln!(
        "Stopping: what runs may finish, nothing new is started. Press Ctrl-C again to stop at once; nothing is lost either way."
    );
}

/// One line per round, for `--cycles`.
fn round(view: &CycleView) -> String {
    let weights: Vec<String> =
        view.changes.iter().map(|change| format!("{} {:.3} → {:.3}", change.path, change.old, change.new)).collect();
    let learned = if weights.is_empty() { "no weight changed".to_owned() } else { weights.join(", ") };
    format!("cycle {}: {} published, {}", view.cycle, count(view.published.len(), "piece"), learned)
}

fn show(project: &Project, views: &[CycleView], output: &Output) {
    let Some(last) = views.last() else { return };
    if output.json {
        output.facts("cycles", &views);
        return;
    }
    let store = project.store_name();
    let setting = summary::Setting { width: output.width(), file: &project.file, store: &store };
    output.text(&format!("\n{}", summary::render(last, &setting)));
    if views.len() > 1 {
        output.text(&rounds(views));
    }
    if last.state == CycleState::Closed && last.recorded {
        output.text(&paint(DIM, "This workflow reads recorded data; the next run opens the next cycle of the recording."));
    }
}

/// What several rounds did, side by side.
fn rounds(views: &[CycleView]) -> String {
    let mut text = "\nRound by round\n".to_owned();
    for view in views {
        text.push_str(&format!("  {}\n", round(view)));
    }
    text
}
