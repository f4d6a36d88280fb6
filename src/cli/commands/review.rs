//! `loopctl review`: what waits for a person, one piece after the other, the most urgent first.
//!
//! The store is given back while a person thinks, so whoever decides somewhere else meanwhile is not kept waiting. Before a decision is
//! written down the piece is looked at again: when it is another by now, nothing is decided and the difference is shown.
//!
//! It asks on standard input line by line, so that a screen reader, a narrow terminal and a script all get the same.

use super::gate::{in_editor, who};
use crate::base::{CycleNo, InOrder, RequestKey, StepId, Timestamp};
use crate::cli::args::Review;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::project::{Place, Project};
use crate::cli::word_diff::word_diff;
use crate::engine::Entry;
use crate::model::goods::Claim;
use crate::model::{Good, Item};
use crate::report::style::{BAD, CODE, DIM, GOOD, TITLE, WAIT, count, fit, paint, plain};
use crate::report::times::readable;
use crate::report::{CycleView, GateView};
use crate::runtime::review::proposals;
use crate::runtime::{self, Clock as _, CycleStatus, Journal};
use crate::step::{Decision, Reply, Verdict};
use crate::world::SystemClock;
use serde_json::json;
use std::collections::BTreeSet;
use std::io::{BufRead as _, Write as _};

pub fn run(args: &Review, place: &Place, output: &Output) -> Result<Exit, Failure> {
    let (project, _) = Project::load_or_pinned(place, args.workflow.file.as_deref(), output)?;
    if !project.has_state() {
        return Err(project.nothing_yet());
    }
    let queue = queue(&project)?;
    if output.json {
        let facts: Vec<_> = queue.iter().map(Piece::facts).collect();
        output.facts("waiting", &facts);
        return Ok(if queue.is_empty() { Exit::Ok } else { Exit::Waiting });
    }
    Session { project, by: who(args.decider.by.as_deref()), output, passed: BTreeSet::new(), decided: 0 }.go()
}

/// One thing that waits.
struct Piece {
    cycle: CycleNo,
    gate: GateView,
    item: Option<Item>,
    /// A recording has a clock of its own; a decision in it happens at the recording's time.
    recorded: Option<Timestamp>,
}

impl Piece {
    fn kind(&self) -> &'static str {
        self.item.as_ref().map_or("piece", |item| item.kind().name())
    }

    fn facts(&self) -> serde_json::Value {
        json!({
            "cycle": self.cycle,
            "id": self.gate.id,
            "item": self.gate.approve.item,
            "step": self.gate.step,
            "kind": self.kind(),
            "title": self.gate.approve.title,
            "words": self.gate.approve.text.split_whitespace().count(),
            "by": self.gate.approve.by,
            "expires": self.gate.approve.expires,
            "approved_by": self.gate.approved_by,
            "missing": self.gate.missing,
            "pins": self.gate.approve.pins,
            "findings": self.findings().len(),
        })
    }

    fn findings(&self) -> &[crate::model::goods::Finding] {
        match self.item.as_ref().map(|item| &item.good) {
            Some(Good::Draft(draft)) => &draft.findings,
            Some(Good::Outline(outline)) => &outline.findings,
            _ => &[],
        }
    }

    fn evidence(&self) -> &[crate::model::goods::Evidence] {
        match self.item.as_ref().map(|item| &item.good) {
            Some(Good::Draft(draft)) => &draft.brief.evidence,
            Some(Good::Outline(outline)) => &outline.brief.evidence,
            _ => &[],
        }
    }

    fn claims(&self) -> &[Claim] {
        match self.item.as_ref().map(|item| &item.good) {
            Some(Good::Outline(outline)) => &outline.brief.claims,
            Some(good) => good.piece().map_or(&[], |draft| &draft.brief.claims),
            None => &[],
        }
    }

    fn now(&self) -> Timestamp {
        self.recorded.unwrap_or_else(|| SystemClock.now())
    }
}

/// What waits in all open cycles: what expires first stands first.
fn queue(project: &Project) -> Result<Vec<Piece>, Failure> {
    let journal = project.open()?;
    let mut queue = Vec::new();
    for (cycle, status) in journal.cycles(&project.workflow.id)? {
        if status == CycleStatus::Open {
            let entries = journal.read(&project.workflow.id, cycle)?;
            queue.extend(pieces(project, cycle, &entries)?);
        }
    }
    queue.order_by_key(|piece| (piece.gate.approve.expires.is_none(), piece.gate.approve.expires));
    Ok(queue)
}

fn pieces(project: &Project, cycle: CycleNo, entries: &[Entry]) -> Result<Vec<Piece>, Failure> {
    let pinned = project.as_of(entries)?;
    let view: CycleView = pinned.as_ref().unwrap_or(project).view(entries)?;
    let items = crate::report::view::items(entries);
    let recorded = view.recorded.then_some(view.now);
    let piece = |gate: &GateView| {
        let item = items.get(&gate.approve.item).map(|item| (*item).clone());
        Piece { cycle, gate: gate.clone(), item, recorded }
    };
    Ok(view.waiting.iter().map(piece).collect())
}

/// What became of a piece when its decision was about to be written.
enum Now {
    /// It is as it was shown.
    Same(Box<dyn Journal>),
    Changed(Box<Piece>),
    /// In words.
    Gone(String),
}

struct Session<'a> {
    project: Project,
    by: String,
    output: &'a Output,
    /// Skipped, or left to somebody else.
    passed: BTreeSet<(CycleNo, RequestKey)>,
    decided: usize,
}

/// What a person wants.
enum Wish {
    Verdict(Verdict, &'static str),
    Skip,
    Quit,
    /// Nothing was decided; ask again.
    Again,
}

impl Session<'_> {
    fn go(mut self) -> Result<Exit, Failure> {
        loop {
            let queue = queue(&self.project)?;
            let left = queue.len();
            let mut ahead = queue.into_iter().filter(|piece| !self.passed.contains(&(piece.cycle, piece.gate.key.clone())));
            let Some(mut piece) = ahead.next() else { return Ok(self.end(left)) };
            let more = ahead.count();
            loop {
                self.show(&piece, more);
                match self.ask(&piece)? {
                    Wish::Quit => return Ok(self.end(left)),
                    Wish::Skip => {
                        self.passed.insert((piece.cycle, piece.gate.key));
                        break;
                    }
                    Wish::Again => {}
                    Wish::Verdict(verdict, word) => match self.decide(&piece, verdict, word)? {
                        None => break,
                        Some(changed) => piece = changed,
                    },
                }
            }
        }
    }

    fn end(&self, left: usize) -> Exit {
        let said = match (self.decided, left) {
            (0, 0) => "Nothing waits for a person.".to_owned(),
            (done, 0) => format!("Decided {done}. Nothing else waits."),
            (done, left) => format!("Decided {done}. {} left.", count(left, "decision")),
        };
        let next = if self.decided > 0 {
            format!("\n{}", paint(CODE, format!("loopctl run {}", self.project.file)))
        } else {
            String::new()
        };
        self.output.text(&format!("{said}{next}{}", self.proposed()));
        if left == 0 { Exit::Ok } else { Exit::Waiting }
    }

    /// Where the changes are decided that the last report proposes to the Client OS.
    fn proposed(&self) -> String {
        let id = &self.project.workflow.id;
        let all = self.project.open().ok().and_then(|journal| proposals(journal.as_ref(), id).ok()).unwrap_or_default();
        let open = all.iter().filter(|proposed| proposed.is_open()).count();
        if open == 0 {
            return String::new();
        }
        let command = format!("loopctl os review {}", self.project.file);
        let (changes, are) = (count(open, "change"), if open == 1 { "is" } else { "are" });
        format!("\n{changes} to the Client OS {are} proposed: {}", paint(CODE, command))
    }

    fn show(&self, piece: &Piece, more: usize) {
        let (gate, width) = (&piece.gate, self.output.width());
        let mut facts = vec![piece.kind().to_owned(), gate.step.to_string(), format!("cycle {}", piece.cycle)];
        if !gate.approve.by.is_empty() {
            facts.push(format!("for {}", gate.approve.by.join(", ")));
        }
        if gate.approve.rules.needed() > 1 {
            facts.push(format!("{} of {} approvals", gate.approved_by.len(), gate.approve.rules.needed()));
        }
        if let Some(expires) = gate.approve.expires {
            facts.push(format!("expires {}", expires.friendly(&self.project.workflow.zone)));
        }
        let behind = if more == 0 { "the last one".to_owned() } else { format!("{more} more behind it") };
        let mut text = format!(
            "\n{}  {}\n{}\n\n",
            paint(WAIT, &gate.id),
            paint(TITLE, fit(&gate.approve.title, width.saturating_sub(gate.id.len() + 2))),
            paint(DIM, wrapped(&format!("{} · {behind}", facts.join(" · ")), width, ""))
        );
        for line in gate.approve.text.lines() {
            text.push_str(&wrapped(line, width, ""));
            text.push('\n');
        }
        if !piece.findings().is_empty() {
            text.push_str(&format!("\n{}\n", paint(TITLE, "What the checks found")));
            for finding in piece.findings() {
                let said = format!("{}:{} {}: {}", finding.line, finding.column, finding.check, finding.message);
                text.push_str(&format!("{}\n", wrapped(&said, width, "  ")));
            }
        }
        if !piece.evidence().is_empty() {
            text.push_str(&format!("\n{}\n", paint(TITLE, "What it rests on")));
        }
        for evidence in piece.evidence() {
            let place = evidence.url.as_deref().unwrap_or(&evidence.source);
            let at = evidence.at.friendly(&self.project.workflow.zone);
            text.push_str(&format!(
                "  {}  {}\n    {}\n",
                paint(CODE, format!("s-{}", evidence.signal.short())),
                fit(evidence.title.as_data(), width.saturating_sub(14)),
                paint(DIM, fit(&format!("{at} · {place}"), width.saturating_sub(4)))
            ));
        }
        self.output.text(&text);
    }

    fn ask(&self, piece: &Piece) -> Result<Wish, Failure> {
        let back = !piece.gate.approve.rules.back.is_empty();
        let claims = match piece.claims() {
            [] => String::new(),
            [only] => format!("[{}] its evidence  ", only.id),
            [first, .., last] => format!("[{}…{}] evidence  ", first.id, last.id),
        };
        let choices = format!("[a]pprove  [e]dit  [r]eject  {}{claims}[s]kip  [q]uit:", if back { "send [b]ack  " } else { "" });
        loop {
            let Some(answer) = prompt(&choices) else { return Ok(Wish::Quit) };
            let answer = answer.to_lowercase();
            if let Some(claim) = piece.claims().iter().find(|claim| claim.id == answer) {
                self.evidence(piece, claim);
                continue;
            }
            return Ok(match answer.as_str() {
                "a" | "approve" => Wish::Verdict(Verdict::Approve, "Approved"),
                "e" | "edit" => self.edit(piece)?,
                "r" | "reject" => match prompt("why (Enter: no reason):") {
                    None => Wish::Quit,
                    Some(reason) => {
                        Wish::Verdict(Verdict::Reject { reason: Some(reason).filter(|reason| !reason.is_empty()) }, "Rejected")
                    }
                },
                "b" | "back" if back => self.back(piece),
                "s" | "skip" => Wish::Skip,
                "q" | "quit" => Wish::Quit,
                _ => {
                    self.output.progress("one of the letters in brackets, please");
                    continue;
                }
            });
        }
    }

    /// What a claim rests on: our words, then what was read, where and when.
    fn evidence(&self, piece: &Piece, claim: &Claim) {
        let (zone, width) = (&self.project.workflow.zone, self.output.width());
        let mut text = format!("{}\n", wrapped(&format!("{}  {}", claim.id, claim.text), width, ""));
        let quote = readable(claim.quote.as_data(), zone);
        if !quote.trim().is_empty() {
            text.push_str(&format!("{}\n", wrapped(&format!("“{}”", quote.trim()), width, "  ")));
        }
        let from = piece.evidence().iter().find(|evidence| evidence.signal == claim.signal);
        let place = claim.url.as_deref().or_else(|| from.and_then(|from| from.url.as_deref()));
        let mut facts: Vec<String> = from.map(|from| vec![from.source.clone(), from.at.friendly(zone)]).unwrap_or_default();
        facts.extend(place.map(str::to_owned));
        facts.push(format!("loopctl trace {} s-{}", self.project.file, claim.signal.short()));
        facts.iter().for_each(|fact| text.push_str(&format!("  {}\n", paint(DIM, plain(fact)))));
        self.output.text(&text);
    }

    /// The text in an editor, then what is changed in it, then a word of assent: an editor is closed more easily than a decision is made.
    fn edit(&self, piece: &Piece) -> Result<Wish, Failure> {
        let mut text = piece.gate.approve.text.clone();
        loop {
            text = match in_editor(&piece.gate.id, &text) {
                Ok(text) => text.trim().to_owned(),
                Err(failure) => {
                    self.trouble(&failure);
                    return Ok(Wish::Again);
                }
            };
            if text.is_empty() {
                self.output.progress("the text is empty, so nothing was decided; to stop a piece, reject it");
                return Ok(Wish::Again);
            }
            let changes = word_diff(piece.gate.approve.text.trim(), &text, self.output.width());
            if changes.is_empty() {
                self.output.progress("nothing was changed, so nothing was decided");
                return Ok(Wish::Again);
            }
            self.output.text(&format!("\n{}\n{changes}", paint(TITLE, "Your changes")));
            match prompt("[y]es, approve these words  [e]dit again  [n]o:").as_deref() {
                Some("y" | "yes") => return Ok(Wish::Verdict(Verdict::Edit { text }, "Kept your words and approved")),
                Some("e" | "edit") => {}
                Some(_) => return Ok(Wish::Again),
                None => {
                    self.keep(piece, &text);
                    return Ok(Wish::Quit);
                }
            }
        }
    }

    fn back(&self, piece: &Piece) -> Wish {
        let steps = &piece.gate.approve.rules.back;
        let to: Option<StepId> = match steps.as_slice() {
            [only] => Some(only.clone()),
            several => {
                let names: Vec<&str> = several.iter().map(StepId::as_str).collect();
                let Some(word) = prompt(&format!("to which step ({}):", names.join(", "))) else { return Wish::Quit };
                several.iter().find(|step| step.as_str() == word).cloned()
            }
        };
        let Some(to) = to else {
            self.output.progress("there is no such step to send it back to");
            return Wish::Again;
        };
        match prompt(&format!("what shall {to} make otherwise:")) {
            None => Wish::Quit,
            Some(reason) if reason.is_empty() => {
                self.output.progress("without a reason nothing would be made otherwise, so nothing was decided");
                Wish::Again
            }
            Some(reason) => Wish::Verdict(Verdict::SendBack { to, reason }, "Sent back"),
        }
    }

    /// Writes it down. A piece comes back when it is another by now, or waits for another answer of this person.
    fn decide(&mut self, piece: &Piece, verdict: Verdict, word: &str) -> Result<Option<Piece>, Failure> {
        let id = &piece.gate.id;
        let mut journal = match self.look_again(piece)? {
            Now::Same(journal) => journal,
            Now::Changed(changed) => {
                let changes = word_diff(&piece.gate.approve.text, &changed.gate.approve.text, self.output.width());
                self.output.text(&format!(
                    "\n{} {id} changed while you looked at it, so nothing was decided.\n{changes}",
                    paint(WAIT, "Look again:")
                ));
                self.keep_edit(piece, &verdict);
                return Ok(Some(*changed));
            }
            Now::Gone(why) => {
                self.output.text(&format!("\n{} {why}", paint(WAIT, "Too late:")));
                self.keep_edit(piece, &verdict);
                return Ok(None);
            }
        };
        let decision = Decision::new(verdict.clone(), self.by.clone(), piece.now(), piece.gate.approve.pins);
        let (workflow, key) = (&self.project.workflow.id, &piece.gate.key);
        match runtime::decide(journal.as_mut(), workflow, piece.cycle, key, decision) {
            Ok(missing) => {
                self.decided += 1;
                let wanted = match missing {
                    0 => String::new(),
                    missing => format!(" It needs {} by somebody else.", count(missing, "approval")),
                };
                if missing > 0 {
                    self.passed.insert((piece.cycle, piece.gate.key.clone()));
                }
                self.output.text(&format!("{} {word} {id}.{wanted}", paint(GOOD, "✓")));
            }
            Err(error) => {
                // Somebody else may decide it; this person goes on to the next.
                self.trouble(&Failure::from(error));
                self.keep_edit(piece, &verdict);
                self.passed.insert((piece.cycle, piece.gate.key.clone()));
            }
        }
        Ok(None)
    }

    fn look_again(&self, piece: &Piece) -> Result<Now, Failure> {
        let journal = self.project.open()?;
        let entries = journal.read(&self.project.workflow.id, piece.cycle)?;
        let waits = pieces(&self.project, piece.cycle, &entries)?.into_iter().find(|now| now.gate.key == piece.gate.key);
        if let Some(now) = waits {
            let same = now.gate.approve.pins == piece.gate.approve.pins;
            return Ok(if same { Now::Same(journal) } else { Now::Changed(Box::new(now)) });
        }
        let last = entries.iter().rev().find_map(|entry| match entry {
            Entry::Replied { key, reply: Reply::Decided(decision) } if *key == piece.gate.key => Some(decision),
            _ => None,
        });
        let id = &piece.gate.id;
        Ok(Now::Gone(match last {
            Some(decision) => {
                let what = match decision.verdict {
                    Verdict::Approve => "approved it",
                    Verdict::Edit { .. } => "changed and approved it",
                    Verdict::Reject { .. } => "rejected it",
                    Verdict::SendBack { .. } => "sent it back",
                    Verdict::Expired { .. } => "let it expire",
                };
                format!("{id} is decided: {} {what} while you looked at it.", plain(&decision.by))
            }
            None => format!("{id} does not wait any more."),
        }))
    }

    fn keep_edit(&self, piece: &Piece, verdict: &Verdict) {
        if let Verdict::Edit { text } = verdict {
            self.keep(piece, text);
        }
    }

    /// What a person wrote is never lost because somebody else was quicker.
    fn keep(&self, piece: &Piece, text: &str) {
        let path = std::env::temp_dir().join(format!("loopctl-{}-kept-{}.md", piece.gate.id, std::process::id()));
        match std::fs::write(&path, text) {
            Ok(()) => self.output.text(&format!("Your text is kept in {}", path.display())),
            Err(error) => self.output.progress(&format!("your text cannot be kept in {}: {error}", path.display())),
        }
    }

    fn trouble(&self, failure: &Failure) {
        self.output.progress(&format!("{} {}", paint(BAD, "not decided:"), failure.message));
        if let Some(help) = &failure.help {
            self.output.progress(&format!("  help: {help}"));
        }
    }
}

/// A line of `text` over as many rows as it takes; nothing in it is obeyed by the terminal.
fn wrapped(text: &str, width: usize, indent: &str) -> String {
    let text = plain(text);
    let options = textwrap::Options::new(width.max(30)).initial_indent(indent).subsequent_indent(indent);
    textwrap::wrap(&text, options).join("\n")
}

/// Asks, and reads a line; `None` at the end of input.
pub(super) fn prompt(question: &str) -> Option<String> {
    anstream::print!("{} ", paint(CODE, question));
    let _ = std::io::stdout().flush();
    let mut line = String::new();
    match std::io::stdin().lock().read_line(&mut line) {
        Ok(0) | Err(_) => {
            anstream::println!();
            None
        }
        Ok(_) => Some(line.trim().to_owned()),
    }
}
