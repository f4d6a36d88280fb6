//! `loopctl os review`: the changes that the last report proposes to the Client OS, and a person's decision about each.

use super::gate::{in_editor, one, who};
use crate::base::Timestamp;
use crate::cli::args::{OsReview, OsReviewCommand, OsReviewEdit};
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::project::{Place, Project, long_handle, pick, split_words};
use crate::cli::rewrite;
use crate::engine::Entry;
use crate::model::goods::{Change, Effect};
use crate::model::{Act, Operation, ReviewVerdict};
use crate::report::plot::number;
use crate::report::style::{BAD, CODE, DIM, GOOD, TITLE, WAIT, count, fit, paint, plain};
use crate::report::view::handle;
use crate::runtime::review::{Proposed, proposals, record_review};
use crate::runtime::{Clock as _, Journal};
use crate::world::SystemClock;
use crate::world::amending::{Accepted, AmendError, Decider, accept, preview};
use serde_json::{Value, json};
use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

pub fn run(args: &OsReview, place: &Place, output: &Output) -> Result<Exit, Failure> {
    match &args.command {
        None if args.ask || (!output.json && std::io::stdin().is_terminal() && output.is_watched()) => {
            Desk::load(place, args.workflow.file.as_deref(), output)?.ask(output)
        }
        None => Desk::load(place, args.workflow.file.as_deref(), output)?.list(output),
        Some(OsReviewCommand::List(file)) => Desk::load(place, file.file.as_deref(), output)?.list(output),
        Some(OsReviewCommand::Show(item)) => {
            let (file, words) = split_words(&item.words);
            let desk = Desk::load(place, file.as_deref(), output)?;
            desk.show(desk.find(&one(&words)?)?, output)
        }
        Some(OsReviewCommand::Accept(decision)) => {
            let (mut desk, chosen) = chosen(place, &decision.words, decision.all, output)?;
            let by = who(decision.decider.by.as_deref());
            desk.accept(&chosen, None, &by, output)
        }
        Some(OsReviewCommand::Reject(reject)) => {
            let (mut desk, chosen) = chosen(place, &reject.decision.words, reject.decision.all, output)?;
            desk.reject(&chosen, reject.reason.as_deref(), &who(reject.decision.decider.by.as_deref()), output)
        }
        Some(OsReviewCommand::Edit(edit)) => self::edit(place, edit, output),
    }
}

/// What the last report proposes, with everything that is needed to decide about it.
struct Desk {
    project: Project,
    journal: Box<dyn Journal>,
    folder: String,
    proposals: Vec<Proposed>,
    /// A recording has a clock of its own; a decision in it happens at the recording's time.
    now: Timestamp,
}

fn chosen(place: &Place, words: &[String], all: bool, output: &Output) -> Result<(Desk, Vec<Proposed>), Failure> {
    let (file, words): (Option<PathBuf>, Vec<String>) = split_words(words);
    let desk = Desk::load(place, file.as_deref(), output)?;
    let chosen = if all {
        desk.open().cloned().collect()
    } else if words.is_empty() {
        return Err(Failure::new("cli::usage", "name the proposals, or say `--all`")
            .help(format!("`loopctl os review list {}` shows them", desk.project.file)));
    } else {
        words.iter().map(|word| desk.find(word).cloned()).collect::<Result<_, _>>()?
    };
    Ok((desk, chosen))
}

impl Desk {
    fn load(place: &Place, file: Option<&Path>, output: &Output) -> Result<Desk, Failure> {
        let (project, _) = Project::load_or_pinned(place, file, output)?;
        let folder = super::os::folder(&project)?.to_owned();
        if !project.has_state() {
            return Err(project.nothing_yet());
        }
        let journal = project.open()?;
        let proposals = proposals(journal.as_ref(), &project.workflow.id)?;
        let now = match project.entries(journal.as_ref(), None)?.first() {
            Some(Entry::Opened { pins, .. }) if project.workflow.recorded_from.is_some() => pins.now,
            _ => SystemClock.now(),
        };
        Ok(Desk { project, journal, folder, proposals, now })
    }

    fn open(&self) -> impl Iterator<Item = &Proposed> {
        self.proposals.iter().filter(|proposed| proposed.is_open())
    }

    fn find(&self, word: &str) -> Result<&Proposed, Failure> {
        let named = self.proposals.iter().map(|proposed| (long_handle(&proposed.item), proposed));
        pick(word, named, &format!("loopctl os review list {}", self.project.file))
    }

    fn facts(&self, proposed: &Proposed) -> Value {
        json!({
            "id": handle(&proposed.item),
            "item": proposed.item.id,
            "cycle": proposed.cycle,
            "amendment": proposed.amendment,
            "decided": proposed.decided,
        })
    }

    fn list(&self, output: &Output) -> Result<Exit, Failure> {
        let open = self.open().count();
        if output.json {
            output.facts("proposals", &self.proposals.iter().map(|proposed| self.facts(proposed)).collect::<Vec<_>>());
            return Ok(if open == 0 { Exit::Ok } else { Exit::Waiting });
        }
        let Some(first) = self.proposals.first() else {
            output.text("Nothing is proposed. A `report` with `amend` proposes changes when the evidence is clear.");
            return Ok(Exit::Ok);
        };
        let head =
            format!("{} · report of cycle {}: {} to decide", self.project.workflow.id, first.cycle, count(open, "proposal"));
        let mut text = format!("{}\n", paint(TITLE, head));
        for proposed in &self.proposals {
            let amendment = &proposed.amendment;
            let (mark, state) = match &proposed.decided {
                None => (paint(WAIT, handle(&proposed.item)), String::new()),
                Some(operation) => (paint(DIM, handle(&proposed.item)), format!("  {}", decided(operation))),
            };
            text.push_str(&format!(
                "  {mark}  {}{}\n",
                fit(&amendment.title, output.width().saturating_sub(12)),
                paint(DIM, state)
            ));
            let what = match &amendment.change {
                Change::Edit(edit) => edit.target.to_string(),
                Change::Question { about, .. } => format!("{} · a question about {about}", about.file()),
            };
            text.push_str(&format!("            {}\n", paint(DIM, fit(&what, output.width().saturating_sub(12)))));
        }
        if let Some(open) = self.open().next() {
            let file = &self.project.file;
            let command = format!("loopctl os review show {file} {}", handle(&open.item));
            text.push_str(&format!("\n{}  {}", paint(CODE, command), paint(DIM, "then accept, edit or reject")));
        }
        output.text(&text);
        Ok(if open == 0 { Exit::Ok } else { Exit::Waiting })
    }

    fn show(&self, proposed: &Proposed, output: &Output) -> Result<Exit, Failure> {
        let patch = preview(&self.project.root, &self.folder, proposed, None);
        if output.json {
            let mut facts = self.facts(proposed);
            match &patch {
                Ok(Some(patched)) => facts["patch"] = json!({"file": patched.file, "before": patched.old, "after": patched.new}),
                Ok(None) => {}
                Err(error) => facts["conflict"] = json!(error.to_string()),
            }
            output.facts("proposal", &facts);
            return Ok(Exit::Ok);
        }
        let mut text = self.told(proposed, &patch, output.width());
        let (file, id) = (&self.project.file, handle(&proposed.item));
        if proposed.is_open() {
            text.push_str(&format!(
                "\n{}\n{}\n{}",
                paint(CODE, format!("loopctl os review accept {file} {id}")),
                paint(CODE, format!("loopctl os review edit {file} {id} --text \"…\"")),
                paint(CODE, format!("loopctl os review reject {file} {id} --reason \"…\""))
            ));
        }
        output.text(&text);
        Ok(Exit::Ok)
    }

    /// A proposal for a person: what, why, what it should bring, and the change of the file.
    fn told(&self, proposed: &Proposed, patch: &Result<Option<crate::client_os::Patched>, AmendError>, width: usize) -> String {
        let amendment = &proposed.amendment;
        let state = proposed.decided.as_ref().map_or_else(String::new, |operation| format!(" · {}", decided(operation)));
        let mut text = format!(
            "{}  {}\n",
            paint(TITLE, format!("{}  {}", handle(&proposed.item), plain(&amendment.title))),
            paint(DIM, format!("report of cycle {}{state}", proposed.cycle))
        );
        let mut add = |label: &str, words: &str| {
            let options = textwrap::Options::new(width.max(30)).initial_indent("  ").subsequent_indent("  ");
            text.push_str(&format!("\n{}\n", paint(TITLE, label)));
            for line in textwrap::wrap(&plain(words), options) {
                text.push_str(&format!("{line}\n"));
            }
        };
        add("Why", &amendment.reason);
        if let Change::Question { asks, .. } = &amendment.change {
            add("The question", asks);
        }
        add("What it should bring", &expected(&amendment.expects));
        let short: Vec<String> = amendment.evidence.iter().take(6).map(|id| id.short()).collect();
        let more = amendment.evidence.len().saturating_sub(short.len());
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        add("Evidence", &format!("{}{more}; `loopctl trace ID` walks back from each.", short.join(", ")));
        match patch {
            Ok(Some(patched)) => {
                let name = format!("{}/{}", self.folder.trim_end_matches('/'), patched.file);
                text.push_str(&format!("\n{}", rewrite::diff(&name, patched.old.as_deref().unwrap_or(""), &patched.new)));
            }
            Ok(None) => {}
            Err(error) if proposed.is_open() => text.push_str(&format!("\n{} {error}\n", paint(BAD, "conflict:"))),
            Err(_) => {}
        }
        text
    }

    /// Applies the proposals one after the other; one that does not go in stays open and stops nothing.
    fn accept(&mut self, chosen: &[Proposed], text: Option<&str>, by: &str, output: &Output) -> Result<Exit, Failure> {
        let (mut done, mut refused) = (Vec::new(), Vec::new());
        for proposed in chosen {
            let decider = Decider { by, at: self.now };
            let place = (self.project.root.as_path(), self.folder.as_str());
            match accept(self.journal.as_mut(), &self.project.workflow.id, place, proposed, text, decider) {
                Ok(accepted) => done.push((proposed, accepted)),
                Err(error) if chosen.len() == 1 => return Err(error.into()),
                Err(error @ AmendError::Journal(_)) => return Err(error.into()),
                Err(error) => refused.push((proposed, Failure::from(error))),
            }
        }
        let left = self.left(chosen) + refused.len();
        if output.json {
            let applied: Vec<Value> = done
                .iter()
                .map(|(proposed, accepted)| {
                    json!({
                        "id": handle(&proposed.item),
                        "file": accepted.patched.as_ref().map(|patched| patched.file.clone()),
                        "client_os": accepted.client_os.short(12),
                    })
                })
                .collect();
            let refused: Vec<Value> = refused
                .iter()
                .map(
                    |(proposed, failure)| json!({"id": handle(&proposed.item), "message": failure.message, "help": failure.help}),
                )
                .collect();
            output.facts("accepted", &json!({"applied": applied, "refused": refused, "left": left}));
        } else {
            let mut said = String::new();
            for (proposed, accepted) in &done {
                said.push_str(&self.applied(proposed, accepted));
            }
            for (proposed, failure) in &refused {
                said.push_str(&format!("{} {}: {}\n", paint(BAD, "✗"), handle(&proposed.item), failure.message));
                said.push_str(&format!("  help: {}\n", failure.help.as_deref().unwrap_or_default()));
            }
            said.push_str(&self.rest(left));
            output.text(&said);
        }
        Ok(if refused.is_empty() { Exit::Ok } else { Exit::Findings })
    }

    fn applied(&self, proposed: &Proposed, accepted: &Accepted) -> String {
        let id = handle(&proposed.item);
        match &accepted.patched {
            Some(patched) => {
                let name = format!("{}/{}", self.folder.trim_end_matches('/'), patched.file);
                format!(
                    "{} Accepted {id}: {name} is changed; the next cycle reads version {}.\n{}",
                    paint(GOOD, "✓"),
                    accepted.client_os.short(12),
                    rewrite::diff(&name, patched.old.as_deref().unwrap_or(""), &patched.new)
                )
            }
            None if matches!(proposed.amendment.change, Change::Question { .. }) => {
                format!("{} Noted {id}: the question is yours now; nothing was changed.\n", paint(GOOD, "✓"))
            }
            None => format!("{} Accepted {id}: the file says so already.\n", paint(GOOD, "✓")),
        }
    }

    fn reject(&mut self, chosen: &[Proposed], reason: Option<&str>, by: &str, output: &Output) -> Result<Exit, Failure> {
        let reason = reason.map(str::trim).filter(|reason| !reason.is_empty());
        for proposed in chosen {
            let verdict = ReviewVerdict::Rejected { reason: reason.map(str::to_owned) };
            record_review(self.journal.as_mut(), &self.project.workflow.id, proposed, verdict, by, self.now)?;
        }
        let ids: Vec<String> = chosen.iter().map(|proposed| handle(&proposed.item)).collect();
        let left = self.left(chosen);
        output.either("rejected", &json!({"items": ids, "left": left}), || {
            format!(
                "{} Rejected {}. It is not proposed again for 90 days.\n{}",
                paint(GOOD, "✓"),
                ids.join(", "),
                self.rest(left)
            )
        });
        Ok(Exit::Ok)
    }

    fn left(&self, chosen: &[Proposed]) -> usize {
        self.open().filter(|open| !chosen.iter().any(|done| done.item.id == open.item.id)).count()
    }

    fn rest(&self, left: usize) -> String {
        if left == 0 { "Nothing else is proposed.".to_owned() } else { format!("{} left.", count(left, "proposal")) }
    }

    /// One proposal after the other, in a terminal.
    fn ask(mut self, output: &Output) -> Result<Exit, Failure> {
        let open: Vec<Proposed> = self.open().cloned().collect();
        if open.is_empty() {
            return self.list(output);
        }
        let by = who(None);
        let all = open.len();
        for (at, proposed) in open.iter().enumerate() {
            let patch = preview(&self.project.root, &self.folder, proposed, None);
            output.text(&format!("{} of {all}\n{}", at + 1, self.told(proposed, &patch, output.width())));
            loop {
                anstream::print!("{} ", paint(CODE, "[a]ccept  [e]dit  [r]eject  [s]kip  [q]uit:"));
                let _ = std::io::stdout().flush();
                let Some(answer) = line() else { return Ok(Exit::Waiting) };
                let one = std::slice::from_ref(proposed);
                let done = match answer.to_lowercase().as_str() {
                    "a" | "accept" => self.accept(one, None, &by, output).map(|_| ()),
                    "e" | "edit" => {
                        anstream::print!("{} ", paint(CODE, "what shall stand there:"));
                        let _ = std::io::stdout().flush();
                        let Some(text) = line().filter(|text| !text.is_empty()) else { continue };
                        self.accept(one, Some(&text), &by, output).map(|_| ())
                    }
                    "r" | "reject" => {
                        anstream::print!("{} ", paint(CODE, "why:"));
                        let _ = std::io::stdout().flush();
                        let reason = line();
                        self.reject(one, reason.as_deref(), &by, output).map(|_| ())
                    }
                    "s" | "skip" => break,
                    "q" | "quit" => return Ok(Exit::Waiting),
                    _ => continue,
                };
                match done {
                    Ok(()) => {
                        self.proposals = proposals(self.journal.as_ref(), &self.project.workflow.id)?;
                        break;
                    }
                    Err(failure) => {
                        output.progress(&format!("{} {}", paint(BAD, "not accepted:"), failure.message));
                        output.progress(&format!("  help: {}", failure.help.as_deref().unwrap_or_default()));
                    }
                }
            }
        }
        Ok(if self.open().next().is_none() { Exit::Ok } else { Exit::Waiting })
    }
}

/// A line from the terminal; `None` at its end.
fn line() -> Option<String> {
    let mut text = String::new();
    match std::io::stdin().lock().read_line(&mut text) {
        Ok(0) | Err(_) => None,
        Ok(_) => Some(text.trim().to_owned()),
    }
}

fn decided(operation: &Operation) -> String {
    match &operation.act {
        Act::Reviewed(review) => match &review.verdict {
            ReviewVerdict::Accepted { text: Some(_), .. } => format!("accepted by {} in other words", operation.by),
            ReviewVerdict::Accepted { text: None, .. } => format!("accepted by {}", operation.by),
            ReviewVerdict::Rejected { reason: Some(reason) } => format!("rejected by {}: {}", operation.by, plain(reason)),
            ReviewVerdict::Rejected { reason: None } => format!("rejected by {}", operation.by),
        },
        Act::Set { .. } | Act::TakenBack { .. } | Act::Again { .. } | Act::Reloaded { .. } | Act::Found(_) => String::new(),
    }
}

fn expected(effect: &Effect) -> String {
    let change = match (effect.value, effect.interval) {
        (Some(value), Some((low, high))) => {
            format!(" Expected change: {} (between {} and {}).", number(value), number(low), number(high))
        }
        (Some(value), None) => format!(" Expected change: {}.", number(value)),
        (None, _) => String::new(),
    };
    format!("{}{change} Judged by: {}.", effect.says, effect.measure.name())
}

fn edit(place: &Place, args: &OsReviewEdit, output: &Output) -> Result<Exit, Failure> {
    let (file, words) = split_words(&args.words);
    let mut desk = Desk::load(place, file.as_deref(), output)?;
    let proposed = desk.find(&one(&words)?)?.clone();
    let Change::Edit(edit) = &proposed.amendment.change else { return Err(AmendError::Question.into()) };
    let text = match &args.text {
        Some(text) => text.clone(),
        None => {
            // The store is given back while a person thinks.
            let project = desk.project;
            drop(desk.journal);
            let text = in_editor(&handle(&proposed.item), &edit.after)?;
            let journal = project.open()?;
            desk = Desk { project, journal, ..desk };
            text
        }
    };
    if text.trim().is_empty() {
        return Err(Failure::new("cli::empty-edit", "the text is empty, so nothing was decided")
            .help("to turn a proposal down, use `loopctl os review reject`"));
    }
    let own = (text.trim() != edit.after).then(|| text.trim().to_owned());
    desk.accept(&[proposed], own.as_deref(), &who(args.decider.by.as_deref()), output)
}
