//! `loopctl undo`: takes back what one record of the log says, where that is possible, and says why where it is not.
//!
//! Nothing in the log is removed: taking back is a decision of its own and gets a record of its own.

use super::gate::{one, who};
use crate::cli::args::Undo;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::project::{Place, Project, split_words};
use crate::cli::rewrite;
use crate::engine::Entry;
use crate::model::goods::{Change, Edit};
use crate::model::{Act, Good, Operation, Review, ReviewVerdict};
use crate::report::style::{GOOD, paint};
use crate::runtime::review::operate;
use crate::runtime::{Clock as _, Journal, LogPlace};
use crate::step::{Reply, Verdict};
use crate::world::SystemClock;
use crate::world::amending::take_back;
use serde_json::json;

/// A setting that was moved, and by which record.
struct Moved {
    place: LogPlace,
    path: String,
    old: f64,
    new: f64,
}

pub fn run(args: &Undo, place: &Place, output: &Output) -> Result<Exit, Failure> {
    let (file, words) = split_words(&args.words);
    let (project, _) = Project::load_or_pinned(place, file.as_deref(), output)?;
    if !project.has_state() {
        return Err(project.nothing_yet());
    }
    let word = one(&words)?;
    let mut journal = project.open()?;
    let log = journal.log(&project.workflow.id)?;
    if let Some(broken) = &log.broken {
        return Err(Failure::new("log::broken", format!("record {} of the log does not fit: {}", broken.number, broken.why))
            .help("nothing is taken back from a log that somebody has changed; `loopctl log --verify` checks it")
            .exit(Exit::Findings));
    }
    let number: Option<u32> = word.trim_start_matches('#').parse().ok();
    let record = log.records.iter().find(|record| Some(record.number) == number).ok_or_else(|| {
        Failure::new("cli::no-such-item", format!("the log has no record `{word}`"))
            .help(format!("`loopctl log {}` shows the number of each", project.file))
    })?;
    let undo =
        Undoing { project: &project, by: who(args.decider.by.as_deref()), number: record.number, place: record.place, output };
    match record.place {
        LogPlace::Operation { index } => {
            let operations = journal.operations(&project.workflow.id)?;
            match operations.get(index as usize) {
                Some(Operation { act: Act::Set { .. }, .. }) => undo.settings(journal.as_mut(), args.reason.as_deref()),
                Some(Operation { act: Act::Reviewed(review), .. }) => undo.review(journal.as_mut(), review),
                Some(Operation { act: Act::TakenBack { .. }, .. }) => {
                    Err(undo
                        .impossible("it took something back itself", "accept the proposal again, or edit the Client OS by hand"))
                }
                Some(Operation { act: Act::Again { .. }, .. }) => {
                    Err(undo.impossible("a cycle was opened with it", "`loopctl cancel` calls that cycle off while it is open"))
                }
                Some(Operation { act: Act::Reloaded { .. }, .. }) => {
                    Err(undo
                        .impossible("the files were taken as they were then", "change the files back; the next cycle reads them"))
                }
                Some(Operation { act: Act::Found(_), .. }) => {
                    Err(undo
                        .impossible("a person did that in the channel", "change the piece there again; the next cycle finds it"))
                }
                None => Err(undo.impossible("what it stands for is kept no longer", "")),
            }
        }
        LogPlace::Entry { cycle, index } => {
            let entry = journal.read(&project.workflow.id, cycle)?.into_iter().nth(index as usize);
            match entry {
                Some(Entry::Done { .. }) => undo.settings(journal.as_mut(), args.reason.as_deref()),
                Some(Entry::Cancelled { .. }) => {
                    Err(undo.impossible("what was called off is over", "`loopctl retry` puts it first in line in the next cycle"))
                }
                Some(Entry::Opened { .. }) => Err(undo.impossible(
                    "a cycle was opened with the files as they were then",
                    "change the files back; the next cycle reads them",
                )),
                Some(Entry::Replied { reply: Reply::Decided(decision), .. }) => Err(match decision.verdict {
                    Verdict::Reject { .. } | Verdict::Expired { .. } => undo.impossible(
                        "what was turned down at a gate is over for its cycle",
                        "the next cycle may choose the topic again; `loopctl run` opens it",
                    ),
                    _ => undo.impossible(
                        "what was let through a gate has gone on to other steps",
                        "where a later gate still waits, reject it there",
                    ),
                }),
                Some(Entry::Replied { .. }) => Err(undo.impossible(
                    "what went out has been seen",
                    "take it down in the channel itself; the log keeps that it was there",
                )),
                Some(_) | None => Err(undo.impossible("what it stands for is kept no longer", "")),
            }
        }
    }
}

struct Undoing<'u> {
    project: &'u Project,
    by: String,
    number: u32,
    place: LogPlace,
    output: &'u Output,
}

impl Undoing<'_> {
    fn impossible(&self, why: &str, help: &str) -> Failure {
        let failure = Failure::new("log::cannot-undo", format!("record {} cannot be taken back: {why}", self.number));
        if help.is_empty() { failure } else { failure.help(help) }.exit(Exit::Findings)
    }

    /// Sets back what a record moved, for the next cycle. What was moved again since is left alone.
    fn settings(&self, journal: &mut dyn Journal, reason: Option<&str>) -> Result<Exit, Failure> {
        let workflow = &self.project.workflow.id;
        let (moved, now) = self.moved(journal)?;
        let mine: Vec<&Moved> = moved.iter().filter(|change| change.place == self.place).collect();
        for change in &mine {
            let last = moved.iter().rev().find(|other| other.path == change.path);
            if let Some(last) = last.filter(|last| last.place != self.place) {
                let why = format!("`{}` was moved again since, from {:.3} to {:.3}", change.path, last.old, last.new);
                return Err(self.impossible(&why, "take the later record back first, or set it with `loopctl tune revert`"));
            }
        }
        for change in &mine {
            let reason = reason.map_or_else(|| format!("record {} taken back", self.number), str::to_owned);
            let act = Act::Set { path: change.path.clone(), from: change.new, to: change.old, reason };
            operate(journal, workflow, act, &self.by, now)?;
        }
        let facts: Vec<_> =
            mine.iter().map(|change| json!({"parameter": change.path, "from": change.new, "to": change.old})).collect();
        self.output.either("undone", &json!({"record": self.number, "settings": facts}), || {
            let lines: Vec<String> = mine
                .iter()
                .map(|change| format!("{} goes from {:.3} back to {:.3} in the next cycle.", change.path, change.new, change.old))
                .collect();
            format!("{} Record {} is taken back. {}", paint(GOOD, "✓"), self.number, lines.join(" "))
        });
        Ok(Exit::Ok)
    }

    /// All that moved settings, oldest first, and the time now: over a recording, that of its last cycle.
    fn moved(&self, journal: &dyn Journal) -> Result<(Vec<Moved>, crate::base::Timestamp), Failure> {
        let workflow = &self.project.workflow.id;
        let (mut moved, mut now) = (Vec::new(), SystemClock.now());
        let operations = journal.operations(workflow)?;
        for (cycle, _) in journal.cycles(workflow)? {
            for (entry, index) in journal.read(workflow, cycle)?.into_iter().zip(0..) {
                match entry {
                    Entry::Opened { pins, .. } if self.project.workflow.recorded_from.is_some() => now = pins.now,
                    Entry::Done { parameters, .. } => moved.extend(parameters.into_iter().map(|change| Moved {
                        place: LogPlace::Entry { cycle, index },
                        path: change.path,
                        old: change.old,
                        new: change.new,
                    })),
                    _ => {}
                }
            }
            for (operation, index) in operations.iter().zip(0..).filter(|(operation, _)| operation.cycle == cycle) {
                if let Act::Set { path, from, to, .. } = &operation.act {
                    moved.push(Moved { place: LogPlace::Operation { index }, path: path.clone(), old: *from, new: *to });
                }
            }
        }
        Ok((moved, now))
    }

    /// Takes an accepted proposal out of its file again, where the file still says what was accepted.
    fn review(&self, journal: &mut dyn Journal, review: &Review) -> Result<Exit, Failure> {
        let ReviewVerdict::Accepted { text, .. } = &review.verdict else {
            return Err(self.impossible("a proposal that was turned down changed nothing", "it is proposed again after its rest"));
        };
        let workflow = &self.project.workflow.id;
        let mut edit: Option<Edit> = None;
        for (cycle, _) in journal.cycles(workflow)? {
            for entry in journal.read(workflow, cycle)? {
                let Entry::Done { items, .. } = entry else { continue };
                for item in items.into_iter().filter(|item| item.id == review.amendment) {
                    if let Good::Amendment(amendment) = item.take().good
                        && let Change::Edit(change) = amendment.change
                    {
                        edit = Some(change);
                    }
                }
            }
        }
        let edit = edit.ok_or_else(|| self.impossible("it was a question, and changed no file", ""))?;
        let edit = Edit { after: text.clone().unwrap_or_else(|| edit.after.clone()), ..edit };
        let folder = self.project.workflow.client_os.clone().unwrap_or_default();
        let (patched, client_os) = take_back(&self.project.root, &folder, &edit)?;
        let now = self.moved(journal)?.1;
        let act = Act::TakenBack { record: self.number, key: review.key.clone(), title: review.title.clone(), client_os };
        operate(journal, workflow, act, &self.by, now)?;
        let name = format!("{}/{}", folder.trim_end_matches('/'), patched.file);
        self.output.either("undone", &json!({"record": self.number, "file": name, "client_os": client_os.short(12)}), || {
            format!(
                "{} Record {} is taken back: {name} is changed; the next cycle reads version {}.\n{}",
                paint(GOOD, "✓"),
                self.number,
                client_os.short(12),
                rewrite::diff(&name, patched.old.as_deref().unwrap_or(""), &patched.new)
            )
        });
        Ok(Exit::Ok)
    }
}
