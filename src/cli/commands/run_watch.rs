//! `loopctl run --watch`: runs a cycle and stays. A save is checked at once and used by the next cycle; a decision that is made
//! in another terminal lets the open cycle go on.
//!
//! While it waits it holds nothing: the state folder is free for `loopctl gate`, `status` and the others. What moves it on is
//! a change of the files, a pulse of the state folder, or the time at which a gate expires.
//!
//! What a save does:
//! * It is not valid: its mistakes are shown, and everything goes on as before.
//! * A cycle waits for people: that cycle keeps the version it began with, because people are deciding about what it made. What
//!   will run again, and why, is said at once; the next cycle begins by itself when this one is complete.
//! * Nothing is open: the next cycle begins with it. What is unchanged is not done again.

use super::run::{is_capped, one_cycle, reactor, say_how_to_stop};
use crate::base::{Footprint, Timestamp};
use crate::builtin;
use crate::cli::args::Run;
use crate::cli::changed;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::project::{Place, Project, as_typed, find, split_path};
use crate::diag::Diagnostic;
use crate::diag::formats::json_value;
use crate::engine::Reruns;
use crate::report::style::{BAD, CODE, DIM, GOOD, TITLE, WAIT, count, paint};
use crate::report::{CycleView, summary};
use crate::runtime::reload::{self, Reloaded};
use crate::runtime::{Changes, Clock, CycleStatus, Journal, Means, Outcome, ReloadOutcome, Reloader, StopSignal, Urgency};
use crate::store;
use crate::world::{DiskChanges, DiskFiles, Patience, SystemClock};
use serde_json::json;
use std::path::PathBuf;
use std::time::Duration;

/// How often to feel the pulse of the state folder.
const PULSE: Duration = Duration::from_millis(250);
/// How long to let another command have the state folder before trying again.
const BUSY: Duration = Duration::from_secs(1);

pub fn run(args: &Run, place: &Place, output: &Output) -> Result<Exit, Failure> {
    let path = find(args.workflow.file.as_deref())?;
    let (root, name) = split_path(&path);
    let files = DiskFiles::new(&root);
    let reactor = reactor()?;
    let stop = reactor.block_on(async { StopSignal::on_interrupt() });
    let patience = Patience { poll: args.poll, ..Patience::default() };
    let mut ears = Ears { changes: DiskChanges::new(files.clone(), patience), footprint: Footprint::default(), reactor, stop };
    let Some(project) = first_project(&path, &name, place, output, &files, &mut ears)? else { return Ok(Exit::Ok) };
    project.tell_missing_secrets(output);
    project.tell_missing_client_os(output);
    #[cfg(unix)]
    if project.service().is_some() {
        return Err(Failure::new(
            "serve::running",
            "a service keeps this workflow going, and takes every save for the next cycle",
        )
        .help("`loopctl run` opens a cycle there; stop the service to watch here"));
    }
    let reloader = Reloader::new(name, builtin::registry(), project.definition());
    Watching { args, output, path, files, ears, reloader, project, open: false, until: None, pulse: None }.run()
}

/// The project to begin with: waits until it is valid, unless an open cycle began with one that was. None when it was stopped.
fn first_project(
    path: &std::path::Path,
    name: &str,
    place: &Place,
    output: &Output,
    files: &DiskFiles,
    ears: &mut Ears,
) -> Result<Option<Project>, Failure> {
    loop {
        // The footprint is taken first: what is saved between the two readings is then a change.
        let means = ears.watch(reload::read(files, name, builtin::registry()).footprint);
        match Project::read_or_pinned(place, Some(path)) {
            Ok((project, wrong)) => {
                if let Some(wrong) = wrong {
                    output.findings(&wrong);
                    output.progress("The open cycle goes on with the files as they were when it began.");
                }
                return Ok(Some(project));
            }
            Err(failure) if failure.exit == Exit::InvalidWorkflow => {
                output.failure(&failure);
                tell_means(output, &means);
                output.progress("Waiting for it to be mended. Ctrl-C ends.");
                if ears.wait(None) == Heard::Stop {
                    return Ok(None);
                }
            }
            Err(failure) => return Err(failure),
        }
    }
}

/// What is listened to while nothing runs.
struct Ears {
    changes: DiskChanges,
    footprint: Footprint,
    reactor: tokio::runtime::Runtime,
    stop: StopSignal,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Heard {
    Stop,
    Files,
    /// The state moved, or it is time to look at it.
    State,
}

/// What to listen for in the state.
struct State {
    folder: PathBuf,
    pulse: Option<(u64, u64)>,
    /// When a gate expires.
    until: Option<Timestamp>,
    /// Another command has it: look again soon, whatever its pulse says.
    busy: bool,
}

impl Ears {
    fn watch(&mut self, footprint: Footprint) -> Means {
        self.footprint = footprint.clone();
        // A watcher may start threads and timers of the runtime.
        let _inside = self.reactor.enter();
        self.changes.watch(footprint)
    }

    fn wait(&mut self, state: Option<State>) -> Heard {
        let Ears { changes, reactor, stop, .. } = self;
        reactor.block_on(async {
            tokio::select! {
                biased;
                _ = stop.beyond(Urgency::None) => Heard::Stop,
                () = changes.next() => Heard::Files,
                () = moved(state) => Heard::State,
            }
        })
    }
}

/// Returns when the state has moved; never without one.
async fn moved(state: Option<State>) {
    let Some(state) = state else { return std::future::pending().await };
    if state.busy {
        return tokio::time::sleep(BUSY).await;
    }
    loop {
        tokio::time::sleep(PULSE).await;
        let is_time = state.until.is_some_and(|until| SystemClock.now() >= until);
        if is_time || store::pulse(&state.folder) != state.pulse {
            return;
        }
    }
}

struct Watching<'a> {
    args: &'a Run,
    output: &'a Output,
    path: PathBuf,
    files: DiskFiles,
    ears: Ears,
    reloader: Reloader<'static>,
    /// The version in force.
    project: Project,
    /// A cycle is open and waits.
    open: bool,
    /// When one of its gates expires.
    until: Option<Timestamp>,
    /// The pulse of the state folder when it was given free.
    pulse: Option<(u64, u64)>,
}

/// What a turn at the state found.
enum Turn {
    /// Nothing more can be done for now.
    Waits,
    /// Another command has the state.
    Busy,
    Stopped,
}

impl Watching<'_> {
    fn run(mut self) -> Result<Exit, Failure> {
        let mut begin = true;
        let mut told_means = None;
        let mut told_busy = false;
        loop {
            let turn = match self.project.open() {
                Ok(mut journal) => {
                    let turn = self.turn(begin, journal.as_mut());
                    // Before the folder is given free: what others write from then on moves it.
                    self.pulse = store::pulse(&self.project.state);
                    turn?
                }
                Err(failure) if failure.code == "store::locked" => Turn::Busy,
                Err(failure) => return Err(failure),
            };
            let busy = matches!(turn, Turn::Busy);
            match turn {
                Turn::Stopped => return Ok(Exit::Interrupted),
                Turn::Busy if !told_busy => {
                    self.output.progress("Another loopctl uses the state; this one goes on when it is done.");
                    told_busy = true;
                }
                Turn::Busy => {}
                Turn::Waits => {
                    begin = false;
                    told_busy = false;
                }
            }
            let means = self.ears.watch(self.ears.footprint.clone());
            if told_means.as_ref() != Some(&means) {
                self.tell_watching(&means);
                told_means = Some(means);
            }
            loop {
                let state = State { folder: self.project.state.clone(), pulse: self.pulse, until: self.until, busy };
                match self.ears.wait(Some(state)) {
                    Heard::Stop => {
                        self.output.progress("Stopped watching. Nothing was cut off; `loopctl run` goes on from here.");
                        return Ok(Exit::Ok);
                    }
                    Heard::State => break,
                    Heard::Files if self.reload() => break,
                    Heard::Files => {}
                }
            }
        }
    }

    /// Lets the open cycle go on, and opens the next one when the version in force has not run yet.
    fn turn(&mut self, mut begin: bool, journal: &mut dyn Journal) -> Result<Turn, Failure> {
        loop {
            let cycles = journal.cycles(&self.project.workflow.id)?;
            let is_open = cycles.iter().any(|(_, status)| *status == CycleStatus::Open);
            let last = match cycles.last() {
                Some((cycle, _)) => journal.read(&self.project.workflow.id, *cycle)?,
                None => Vec::new(),
            };
            let has_run = self.project.is_as_in(&last);
            self.open = is_open;
            self.until = None;
            if !begin && !is_open && has_run {
                return Ok(Turn::Waits);
            }
            let was_waiting = is_open && !begin;
            let Ears { reactor, stop, .. } = &self.ears;
            // Only while something runs: who stops the waiting cuts nothing off.
            let hint = (!self.output.json).then(|| reactor.spawn(say_how_to_stop(stop.clone())));
            let outcome = one_cycle(self.args, &self.project, journal, reactor, stop, self.output);
            hint.inspect(|hint| hint.abort());
            let outcome = outcome?;
            let view = self.project.view(&self.project.entries(journal, None)?)?;
            begin = false;
            match outcome {
                Outcome::Stopped => return Ok(Turn::Stopped),
                Outcome::Parked { waiting, until } => {
                    self.open = true;
                    // A recording's clock stands still.
                    self.until = until.filter(|_| self.project.workflow.recorded_from.is_none());
                    self.show(&view, was_waiting.then_some(waiting));
                    return Ok(Turn::Waits);
                }
                Outcome::Finished => {
                    self.open = false;
                    self.show(&view, None);
                }
            }
        }
    }

    /// Reads the files again and says what came of it. True when a cycle can begin with the change now.
    fn reload(&mut self) -> bool {
        let Reloaded { outcome, before, texts, warnings: _, footprint } = self.reloader.reload(&self.files);
        let changed_files = footprint.changed_since(&self.ears.footprint);
        self.ears.watch(footprint);
        let title = format!("{} changed", changed::files(&changed_files));
        match outcome {
            ReloadOutcome::Kept(diagnostics) => {
                self.tell_kept(&diagnostics, &as_typed(&texts, &self.path), &changed_files, &title);
                false
            }
            ReloadOutcome::Unchanged => {
                self.output.event("unchanged", json!({"files": changed_files}));
                self.output.progress(&format!("{} {title}: valid, and nothing that counts is different.", paint(GOOD, "✓")));
                false
            }
            ReloadOutcome::NextCycle(diff) => {
                self.project = self.project.with(self.reloader.current());
                let before = before.expect("a change has something before it");
                let reruns = Reruns::between(before.version(), self.project.version(), builtin::registry(), &diff);
                let facts =
                    json!({"files": changed_files, "diff": diff, "reruns": reruns, "open-cycle-keeps-its-version": self.open});
                self.output.event("changed", facts);
                self.output.progress(&format!("\n{} {}", paint(GOOD, "✓"), paint(TITLE, &title)));
                let told = format!("{}{}", changed::reruns(&reruns), changed::besides(&diff, &reruns));
                self.output.progress(told.trim_end());
                self.output.progress(if self.open {
                    "The open cycle keeps the version it began with; the next one begins with this when it is complete."
                } else {
                    "The next cycle begins with it."
                });
                !self.open
            }
        }
    }

    fn tell_kept(&self, diagnostics: &[Diagnostic], texts: &crate::diag::Sources, files: &[String], title: &str) {
        if self.output.json {
            let mut findings = json_value(diagnostics, texts);
            self.output.event("kept", json!({"files": files, "diagnostics": findings["diagnostics"].take()}));
            return;
        }
        self.output.progress(&format!("\n{} {}", paint(BAD, "✗"), paint(TITLE, title)));
        self.output.diagnostics(texts, diagnostics);
        self.output.progress("It is not used: what was valid before stays in force.");
    }

    fn tell_watching(&self, means: &Means) {
        let (means_name, every, because) = match means {
            Means::Events => ("events", None, None),
            Means::Polling { every, because } => ("polling", Some(every.as_secs_f64()), because.as_ref()),
        };
        let paths: Vec<&str> = self.ears.footprint.files().chain(self.ears.footprint.folders()).collect();
        let facts = json!({"means": means_name, "every-seconds": every, "because": because, "paths": paths});
        self.output.event("watching", facts);
        tell_means(self.output, means);
        let state = if self.open { "A decision in another terminal lets the open cycle go on. " } else { "" };
        let what = format!("Watching {} and all it is made of. {state}Ctrl-C ends.", self.path.display());
        self.output.progress(&paint(DIM, what));
    }

    /// The whole summary, or, when the cycle still waits after a decision, how many are left.
    fn show(&self, view: &CycleView, still_waiting: Option<usize>) {
        self.output.event("cycle", json!({"cycle": view, "capped": is_capped(view)}));
        if self.output.json {
            return;
        }
        if let Some(waiting) = still_waiting {
            let left = count(waiting, "decision");
            self.output.progress(&format!("{} cycle {} still waits for {left}.", paint(WAIT, "◐"), view.cycle));
            return;
        }
        let store = self.project.store_name();
        let setting = summary::Setting { width: self.output.width(), file: &self.project.file, store: &store };
        self.output.text(&format!("\n{}", summary::render(view, &setting)));
    }
}

/// Says when and why it looks instead of being told.
fn tell_means(output: &Output, means: &Means) {
    if let Means::Polling { every, because: Some(because) } = means {
        let every = crate::base::duration::format(*every);
        output.progress(&format!("{} {because}; looking every {every} instead", paint(WAIT, "warning:")));
        output.progress(&format!("  {} raise `fs.inotify.max_user_watches` and `max_user_instances`", paint(CODE, "help:")));
    }
}
