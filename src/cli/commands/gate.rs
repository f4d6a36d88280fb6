//! `loopctl gate`: what waits for a person, and the person's decision.

use crate::base::{InOrder, ItemId, StepId, Timestamp};
use crate::cli::args::{Gate, GateCommand, GateEdit};
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::project::{Place, Project, long_handle, pick, split_words};
use crate::engine::Nudge;
use crate::model::goods::Evidence;
use crate::model::{Good, Item};
use crate::report::style::{CODE, DIM, GOOD, TITLE, WAIT, count, fit, paint, plain};
use crate::report::{CycleView, GateView, summary};
use crate::runtime::{self, Clock as _, Journal};
use crate::step::{Decision, Verdict};
use crate::world::SystemClock;
use serde_json::json;
use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};

pub fn run(args: &Gate, place: &Place, output: &Output) -> Result<Exit, Failure> {
    match &args.command {
        GateCommand::List(file) => {
            let open = Open::load(place, file.file.as_deref(), output)?;
            open.list(output)
        }
        GateCommand::Show(item) => {
            let (file, words) = split_words(&item.words);
            let open = Open::load(place, file.as_deref(), output)?;
            open.show(open.gate(&one(&words)?)?, output)
        }
        GateCommand::Approve(decision) => {
            decide_all(place, &decision.words, decision.all, decision.decider.by.as_deref(), &Verdict::Approve, output)
        }
        GateCommand::Reject(reject) => {
            let verdict = Verdict::Reject { reason: reject.reason.clone() };
            decide_all(
                place,
                &reject.decision.words,
                reject.decision.all,
                reject.decision.decider.by.as_deref(),
                &verdict,
                output,
            )
        }
        GateCommand::SendBack(back) => {
            let to = back.to.as_deref().unwrap_or_default();
            let verdict = Verdict::SendBack { to: StepId::new(to), reason: back.reason.clone() };
            decide_all(place, &back.decision.words, back.decision.all, back.decision.decider.by.as_deref(), &verdict, output)
        }
        GateCommand::Edit(edit) => self::edit(place, edit, output),
        GateCommand::Stats(stats) => super::gate_stats::run(stats, place, output),
    }
}

/// The last cycle with what waits in it.
struct Open {
    project: Project,
    journal: Box<dyn Journal>,
    view: CycleView,
    items: BTreeMap<ItemId, Item>,
}

impl Open {
    fn load(place: &Place, file: Option<&Path>, output: &Output) -> Result<Open, Failure> {
        let (project, _) = Project::load_or_pinned(place, file, output)?;
        if !project.has_state() {
            return Err(project.nothing_yet());
        }
        let journal = project.open()?;
        let entries = project.entries(journal.as_ref(), None)?;
        let view = project.view(&entries)?;
        let items = crate::report::view::items(&entries).into_iter().map(|(id, item)| (id, item.clone())).collect();
        Ok(Open { project, journal, view, items })
    }

    fn gate(&self, word: &str) -> Result<&GateView, Failure> {
        let named = self.view.waiting.iter().map(|gate| {
            let name = self.items.get(&gate.approve.item).map_or_else(|| gate.id.clone(), long_handle);
            (name, gate)
        });
        pick(word, named, &format!("loopctl gate list {}", self.project.file))
    }

    fn list(&self, output: &Output) -> Result<Exit, Failure> {
        let mut waiting: Vec<&GateView> = self.view.waiting.iter().collect();
        waiting.order_by_key(|gate| (gate.approve.expires.is_none(), gate.approve.expires));
        let text = || {
            let mut doubts = String::new();
            let setting = summary::Setting { width: output.width(), file: &self.project.file, store: &self.project.store_name() };
            summary::in_doubt(&mut doubts, &self.view, &setting);
            if waiting.is_empty() {
                return if doubts.is_empty() { "Nothing waits for a person.".to_owned() } else { doubts.trim_start().to_owned() };
            }
            let mut text = format!(
                "{}\n",
                paint(TITLE, format!("{} · cycle {}: {}", self.view.workflow, self.view.cycle, count(waiting.len(), "decision")))
            );
            for gate in &waiting {
                let expires = gate
                    .approve
                    .expires
                    .map_or_else(String::new, |at| format!(" · expires {}", at.friendly(&self.project.workflow.zone)));
                text.push_str(&format!(
                    "  {}  {}\n            {}\n",
                    paint(WAIT, &gate.id),
                    fit(&gate.approve.title, output.width().saturating_sub(12)),
                    paint(
                        DIM,
                        format!(
                            "{} · by {}{} · {} words{expires}",
                            gate.step,
                            gate.approve.by.join(", "),
                            so_far(gate),
                            gate.approve.text.split_whitespace().count()
                        )
                    )
                ));
            }
            let file = &self.project.file;
            text.push_str(&format!(
                "\n{}  {}",
                paint(CODE, format!("loopctl gate show {file} {}", waiting[0].id)),
                paint(DIM, "then approve, edit or reject")
            ));
            text + "\n" + &doubts
        };
        if output.json {
            output.document(&[("waiting", json!(waiting)), ("in_doubt", json!(self.view.in_doubt))]);
        } else {
            output.text(&text());
        }
        Ok(if waiting.is_empty() && self.view.in_doubt.is_empty() { Exit::Ok } else { Exit::Waiting })
    }

    fn show(&self, gate: &GateView, output: &Output) -> Result<Exit, Failure> {
        let evidence = self.evidence(gate);
        let facts = json!({"gate": gate, "evidence": evidence});
        output.either("item", &facts, || {
            let width = output.width();
            let mut text = format!(
                "{}  {}\n\n",
                paint(TITLE, &gate.id),
                paint(DIM, format!("{} · waits for {}{}", gate.step, gate.approve.by.join(", "), so_far(gate)))
            );
            if let Some(again) = &gate.approve.again {
                text.push_str(&format!("{}\n\n", paint(WAIT, format!("Put to you again: {}.", plain(again)))));
            }
            if let Some(next) = gate.next_nudge {
                let at = next.at.friendly(&self.project.workflow.zone);
                let what = match next.nudge {
                    Nudge::Reminded => format!("A reminder follows {at}."),
                    Nudge::Escalated => format!("It is escalated to {} {at}.", gate.approve.nudging.escalate_to.join(", ")),
                };
                text.push_str(&format!("{}\n\n", paint(DIM, plain(&what))));
            }
            for line in gate.approve.text.lines() {
                text.push_str(&format!("{}\n", plain(line)));
            }
            let findings = match self.items.get(&gate.approve.item).map(|item| &item.good) {
                Some(Good::Outline(outline)) => outline.findings.as_slice(),
                good => good.and_then(Good::piece).map_or(&[][..], |draft| draft.findings.as_slice()),
            };
            if !findings.is_empty() {
                text.push_str(&format!("\n{}\n", paint(TITLE, "What the checks found")));
                for finding in findings {
                    text.push_str(&format!(
                        "  {}:{} {}: {}\n",
                        finding.line,
                        finding.column,
                        finding.check,
                        plain(&finding.message)
                    ));
                }
            }
            text.push_str(&format!("\n{}\n", paint(TITLE, "What it rests on")));
            for evidence in &evidence {
                text.push_str(&format!(
                    "  {}  {}\n",
                    paint(CODE, format!("s-{}", evidence.signal.short())),
                    fit(evidence.title.as_data(), width.saturating_sub(14))
                ));
                let place = evidence.url.clone().unwrap_or_else(|| evidence.source.clone());
                text.push_str(&format!(
                    "            {}\n",
                    paint(
                        DIM,
                        fit(
                            &format!("{} · {place}", evidence.at.friendly(&self.project.workflow.zone)),
                            width.saturating_sub(14)
                        )
                    )
                ));
            }
            let file = &self.project.file;
            text.push_str(&format!(
                "\n{}\n{}\n{}",
                paint(CODE, format!("loopctl gate approve {file} {}", gate.id)),
                paint(CODE, format!("loopctl gate edit {file} {}", gate.id)),
                paint(CODE, format!("loopctl gate reject {file} {} --reason \"…\"", gate.id))
            ));
            for step in &gate.approve.rules.back {
                let command = format!("loopctl gate send-back {file} {} --to {step} --reason \"…\"", gate.id);
                text.push_str(&format!("\n{}", paint(CODE, command)));
            }
            text
        });
        Ok(Exit::Ok)
    }

    fn evidence(&self, gate: &GateView) -> Vec<Evidence> {
        match self.items.get(&gate.approve.item).map(|item| &item.good) {
            Some(Good::Outline(outline)) => outline.brief.evidence.clone(),
            good => good.and_then(Good::piece).map_or_else(Vec::new, |draft| draft.brief.evidence.clone()),
        }
    }
}

/// ` · 1 of 2 approvals (ann)`, where it takes several people.
fn so_far(gate: &GateView) -> String {
    let needed = gate.approve.rules.needed();
    let mut text = String::new();
    if needed > 1 {
        let names =
            if gate.approved_by.is_empty() { String::new() } else { format!(" ({})", plain(&gate.approved_by.join(", "))) };
        text = format!(" · {} of {needed} approvals{names}", gate.approved_by.len());
    }
    if gate.approve.again.is_some() {
        text.push_str(" · was approved before");
    }
    let nudges = gate.nudges();
    if !nudges.is_empty() {
        text.push_str(&format!(" · {}", plain(&nudges)));
    }
    if !gate.approve.rules.authors.is_empty() {
        text.push_str(&format!(" · not by {}", plain(&gate.approve.rules.authors.join(", "))));
    }
    text
}

pub(super) fn one(words: &[String]) -> Result<String, Failure> {
    match words {
        [word] => Ok(word.clone()),
        _ => Err(Failure::new("cli::usage", "name one item").help("`loopctl gate list` shows what waits")),
    }
}

/// Who decides: named, or the login name.
pub(super) fn who(by: Option<&str>) -> String {
    by.map(str::to_owned)
        .or_else(|| ["USER", "USERNAME"].iter().find_map(|name| std::env::var(name).ok()))
        .filter(|name| !name.trim().is_empty())
        .unwrap_or_else(|| "somebody".to_owned())
}

fn decide_all(
    place: &Place,
    words: &[String],
    all: bool,
    by: Option<&str>,
    verdict: &Verdict,
    output: &Output,
) -> Result<Exit, Failure> {
    let (file, words) = split_words(words);
    let mut open = Open::load(place, file.as_deref(), output)?;
    let chosen: Vec<GateView> = if all {
        open.view.waiting.clone()
    } else if words.is_empty() {
        return Err(Failure::new("cli::usage", "name the items, or say `--all`")
            .help(format!("`loopctl gate list {}` shows what waits", open.project.file)));
    } else {
        words.iter().map(|word| open.gate(word).cloned()).collect::<Result<_, _>>()?
    };
    if chosen.is_empty() {
        output.either("decided", &json!({"items": [], "left": 0}), || "Nothing waits for a person.".to_owned());
        return Ok(Exit::Ok);
    }
    // A recording has a clock of its own; a decision in it happens at the recording's time.
    let (at, by) = (open.now(), who(by));
    let decision = |gate: &GateView| Decision::new(meant(verdict, gate), by.clone(), at, gate.approve.pins);
    // One that cannot be taken decides nothing about the others; of everything, what this person may decide is decided.
    let (chosen, refused): (Vec<_>, Vec<_>) = chosen.into_iter().partition(|gate| gate.check(&decision(gate)).is_ok());
    if let Some(first) = refused.first().filter(|_| !all || chosen.is_empty()) {
        let void = first.check(&decision(first)).expect_err("it was refused just now");
        return Err(runtime::DecideError::Void(void).into());
    }
    let mut missing = Vec::with_capacity(chosen.len());
    for gate in &chosen {
        let (workflow, cycle) = (&open.project.workflow.id, open.view.cycle);
        missing.push(runtime::decide(open.journal.as_mut(), workflow, cycle, &gate.key, decision(gate))?);
    }
    let word = match verdict {
        Verdict::Reject { .. } => "Rejected",
        Verdict::SendBack { .. } => "Sent back",
        _ => "Approved",
    };
    if !refused.is_empty() {
        let ids: Vec<&str> = refused.iter().map(|gate| gate.id.as_str()).collect();
        output.progress(&format!("Left to somebody else, because `{by}` may not decide about them: {}.", ids.join(", ")));
    }
    told(&open, &chosen, &missing, word, output);
    Ok(Exit::Ok)
}

/// A piece that is sent back to no step in particular goes to the only one there is.
fn meant(verdict: &Verdict, gate: &GateView) -> Verdict {
    match (verdict, gate.approve.rules.back.as_slice()) {
        (Verdict::SendBack { to, reason }, [only]) if to.as_str().is_empty() => {
            Verdict::SendBack { to: only.clone(), reason: reason.clone() }
        }
        _ => verdict.clone(),
    }
}

impl Open {
    fn now(&self) -> Timestamp {
        if self.view.recorded { self.view.now } else { SystemClock.now() }
    }
}

/// Says what was decided. `missing`: how many approvals each of the items still needs.
fn told(open: &Open, chosen: &[GateView], missing: &[usize], word: &str, output: &Output) {
    let ids: Vec<&str> = chosen.iter().map(|gate| gate.id.as_str()).collect();
    let more: Vec<(&str, usize)> = ids.iter().copied().zip(missing.iter().copied()).filter(|(_, missing)| *missing > 0).collect();
    let left = open.view.waiting.len() - chosen.len() + more.len();
    let mut facts = json!({"items": ids, "decision": word.to_lowercase(), "left": left});
    if !more.is_empty() {
        facts["missing"] = more.iter().map(|(id, missing)| ((*id).to_owned(), json!(missing))).collect();
    }
    output.either("decided", &facts, || {
        let wanted: String =
            more.iter().map(|(id, missing)| format!(" {id} needs {} by somebody else.", count(*missing, "approval"))).collect();
        let left = if left == 0 { "Nothing else waits.".to_owned() } else { format!("{} left.", count(left, "decision")) };
        format!(
            "{} {word} {}.{wanted} {left}\n{}",
            paint(GOOD, "✓"),
            ids.join(", "),
            paint(CODE, format!("loopctl run {}", open.project.file))
        )
    });
}

fn edit(place: &Place, args: &GateEdit, output: &Output) -> Result<Exit, Failure> {
    let (file, words) = split_words(&args.words);
    let mut open = Open::load(place, file.as_deref(), output)?;
    let gate = open.gate(&one(&words)?)?.clone();
    let text = match &args.file {
        Some(path) => read_edit(path)?,
        None => {
            // The store is given back while a person thinks.
            let project = open.project;
            drop(open.journal);
            let text = in_editor(&gate.id, &gate.approve.text)?;
            let journal = project.open()?;
            open = Open { project, journal, view: open.view, items: open.items };
            text
        }
    };
    if text.trim().is_empty() {
        return Err(Failure::new("cli::empty-edit", "the text is empty, so nothing was decided")
            .help("to stop a piece, use `loopctl gate reject`"));
    }
    let verdict =
        if text.trim() == gate.approve.text.trim() { Verdict::Approve } else { Verdict::Edit { text: text.trim().to_owned() } };
    let word = if verdict == Verdict::Approve { "Approved without a change:" } else { "Kept your words and approved" };
    let decision = Decision::new(verdict, who(args.decider.by.as_deref()), open.now(), gate.approve.pins);
    let missing = runtime::decide(open.journal.as_mut(), &open.project.workflow.id, open.view.cycle, &gate.key, decision)?;
    let word = if missing > 0 && word.starts_with("Kept") { "Kept your words in" } else { word };
    told(&open, &[gate], &[missing], word, output);
    Ok(Exit::Ok)
}

fn read_edit(path: &Path) -> Result<String, Failure> {
    let unreadable = |error: std::io::Error| {
        Failure::new("cli::no-such-file", format!("cannot read `{}`: {error}", path.display()))
            .help("check the path; the item still waits")
    };
    if path == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map_err(unreadable)?;
        return Ok(text);
    }
    std::fs::read_to_string(path).map_err(unreadable)
}

/// Opens the text in `$VISUAL` or `$EDITOR` and reads it back. The file is kept when something goes wrong.
pub(super) fn in_editor(id: &str, text: &str) -> Result<String, Failure> {
    let editor = ["VISUAL", "EDITOR"]
        .iter()
        .find_map(|name| std::env::var(name).ok())
        .filter(|editor| !editor.trim().is_empty())
        .unwrap_or_else(|| "vi".to_owned());
    let path: PathBuf = std::env::temp_dir().join(format!("loopctl-{id}-{}.md", std::process::id()));
    let kept = |what: String| {
        Failure::new("cli::editor", what).help(format!("set $EDITOR, or use `--file`; your text is in {}", path.display()))
    };
    std::fs::write(&path, text).map_err(|error| kept(format!("cannot write `{}`: {error}", path.display())))?;
    let mut words = editor.split_whitespace();
    let program = words.next().unwrap_or("vi");
    let status = std::process::Command::new(program)
        .args(words)
        .arg(&path)
        .status()
        .map_err(|error| kept(format!("cannot start the editor `{program}`: {error}")))?;
    if !status.success() {
        return Err(kept(format!("the editor `{program}` ended with {status}, so nothing was decided")));
    }
    let text = std::fs::read_to_string(&path).map_err(|error| kept(format!("cannot read the edited text: {error}")))?;
    // Only a leftover; nothing depends on it.
    let _ = std::fs::remove_file(&path);
    Ok(text)
}
