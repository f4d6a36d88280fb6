//! `loopctl log`: every decision by a person or by learning, over all cycles, the latest first.
//!
//! The journal has it all, and this reads it back. Beside it a chain of records, each with the digest of the one before, tells
//! whether anything was changed afterwards; a decision's number is that of its record.

use crate::base::{CycleNo, RequestKey, Timestamp};
use crate::cli::args::Log as Arguments;
use crate::cli::exit::{self, Exit};
use crate::cli::output::Output;
use crate::cli::project::{Place, Project};
use crate::engine::fold::probed_key;
use crate::engine::{Doubt, Entry, Pins, Scope, doubts};
use crate::model::{Act, Operation, ReviewVerdict};
use crate::report::style::{BAD, CODE, DIM, GOOD, TITLE, count, fit, paint, plain};
use crate::report::view::{handle, items};
use crate::runtime::{Log, LogPlace};
use crate::step::{Approve, Decision, Failure, FailureKind, Reply, Request, Verdict};
use serde::Serialize;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// One decision.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct Event {
    /// Of its record, for `loopctl undo`; a store of an earlier version has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    record: Option<u32>,
    cycle: CycleNo,
    /// When; for what the journal does not date, when the cycle opened.
    at: Timestamp,
    who: String,
    /// `approved`, `edited`, `rejected`, `sent-back`, `expired`, `confirmed`, `to-send-again`, `dropped`, `tuned`, `workflow-changed`,
    /// `client-os-changed`; beside the cycles `accepted`, `turned-down`, `set`, `taken-back`, `made-again`, `cancelled`, `reloaded`,
    /// and what was found in a channel: `edited-in-channel`, `withdrawn`, `gone`, `back`.
    what: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<String>,
    /// The item's handle, the piece's key, or the parameter's path.
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    title: String,
    /// A reason or evidence.
    #[serde(skip_serializing_if = "Option::is_none")]
    says: Option<String>,
}

pub fn run(args: &Arguments, place: &Place, output: &Output) -> Result<Exit, exit::Failure> {
    let project = Project::load(place, args.workflow.file.as_deref(), output)?;
    if !project.has_state() {
        return Err(project.nothing_yet());
    }
    let journal = project.open()?;
    let log = journal.log(&project.workflow.id)?;
    if args.verify {
        return Ok(verified(&log, output));
    }
    let numbers: BTreeMap<LogPlace, u32> = log.records.iter().map(|record| (record.place, record.number)).collect();
    let mut events = Vec::new();
    let operations = journal.operations(&project.workflow.id)?;
    let mut before = None;
    let cycles = journal.cycles(&project.workflow.id)?;
    for (cycle, _) in &cycles {
        let entries = journal.read(&project.workflow.id, *cycle)?;
        let of_cycle = gather(&entries, before.as_ref(), project.workflow.client_os.as_deref(), &numbers);
        if args.cycle.is_none_or(|wanted| wanted == cycle.0) {
            events.extend(of_cycle);
            let made = operations.iter().zip(0..).filter(|(operation, _)| operation.cycle == *cycle);
            events.extend(made.map(|(operation, index)| Event {
                record: numbers.get(&LogPlace::Operation { index }).copied(),
                ..beside(operation)
            }));
        }
        if let Some(Entry::Opened { pins, .. }) = entries.first() {
            before = Some(pins.clone());
        }
    }
    if let Some(wanted) = args.cycle.filter(|wanted| !cycles.iter().any(|(cycle, _)| cycle.0 == *wanted)) {
        return Err(exit::Failure::new("cli::no-such-cycle", format!("there is no cycle {wanted} of `{}`", project.workflow.id))
            .help(format!("there are cycles 1 to {}", cycles.last().map_or(0, |(cycle, _)| cycle.0))));
    }
    events.reverse();
    let is =
        |wanted: &Option<String>, found: &str| wanted.as_ref().is_none_or(|wanted| wanted.trim().eq_ignore_ascii_case(found));
    events.retain(|event| is(&args.who, event.who.trim()) && is(&args.what, event.what));
    output.either("log", &events, || text(&project, &events, output.width()));
    if log.broken.is_some() {
        output.progress("The log does not fit the journal; `loopctl log --verify` says where.");
    }
    Ok(Exit::Ok)
}

/// Says whether the chain holds.
fn verified(log: &Log, output: &Output) -> Exit {
    let head = log.head.map(|head| head.to_string());
    let facts = json!({
        "whole": log.broken.is_none(),
        "records": log.records.len(),
        "gone": log.gone,
        "head": head,
        "broken": log.broken,
    });
    output.either("chain", &facts, || match &log.broken {
        Some(broken) => format!("{} Record {} does not fit: {}.", paint(BAD, "✗"), broken.number, broken.why),
        None => {
            let head = head.as_deref().map_or_else(String::new, |head| {
                format!("\nThe last record is {head}; noted elsewhere, it proves that nothing before it was changed.")
            });
            let records = count(log.records.len(), "record");
            format!(
                "{} {records}, each with the digest of the one before, and all stand for what is in the journal.{head}",
                paint(GOOD, "✓")
            )
        }
    });
    if log.broken.is_some() { Exit::Findings } else { Exit::Ok }
}

/// What a person did beside the cycles.
fn beside(operation: &Operation) -> Event {
    let (what, subject, title, says) = match &operation.act {
        Act::Reviewed(review) => match &review.verdict {
            ReviewVerdict::Accepted { text, .. } => ("accepted", review.key.clone(), review.title.clone(), text.clone()),
            ReviewVerdict::Rejected { reason } => ("turned-down", review.key.clone(), review.title.clone(), reason.clone()),
        },
        Act::TakenBack { record, key, title, .. } => ("taken-back", key.clone(), title.clone(), Some(format!("record {record}"))),
        Act::Again { of, from, only, reason } => {
            let what = if *only { "this step alone" } else { "from this step on" };
            ("made-again", from.to_string(), format!("cycle {of}, {what}"), reason.clone())
        }
        Act::Reloaded { what } => ("reloaded", operation.cycle.to_string(), what.clone(), None),
        Act::Found(found) => (found.what(), found.key.clone(), found.title.clone(), found.details()),
        Act::Set { path, from, to, reason } => ("set", path.clone(), format!("{from:.3} → {to:.3}"), Some(reason.clone())),
    };
    Event {
        record: None,
        cycle: operation.cycle,
        at: operation.at,
        who: operation.by.clone(),
        what,
        step: None,
        subject: Some(subject),
        title,
        says: says.filter(|says| !says.is_empty()),
    }
}

/// The decisions of one cycle in the order in which they were made. `before` are the pins of the cycle before.
fn gather(entries: &[Entry], before: Option<&Pins>, client_os: Option<&str>, numbers: &BTreeMap<LogPlace, u32>) -> Vec<Event> {
    let Some(Entry::Opened { pins, .. }) = entries.first() else { return Vec::new() };
    let number = |index: usize| numbers.get(&LogPlace::Entry { cycle: pins.cycle, index: index as u32 }).copied();
    let blank = Event {
        record: number(0),
        cycle: pins.cycle,
        at: pins.now,
        who: "the files".to_owned(),
        what: "workflow-changed",
        step: None,
        subject: None,
        title: String::new(),
        says: None,
    };
    let mut events = before.map(|before| changed_files(before, pins, client_os, &blank)).unwrap_or_default();
    let items = items(entries);
    let mut gates: BTreeMap<&RequestKey, &Approve> = BTreeMap::new();
    let mut in_doubt: Vec<Doubt> = Vec::new();
    for (at, entry) in entries.iter().enumerate() {
        match entry {
            Entry::Asked { key, request: Some(request), .. } => {
                if let Request::Approve(approve) = request.as_ref() {
                    gates.insert(key, approve);
                }
            }
            Entry::Replied { key, reply: Reply::Decided(decision) } => {
                if let Some(approve) = gates.get(key) {
                    let subject = items.get(&approve.item).map_or_else(|| approve.item.short(), |item| handle(item));
                    events.push(Event {
                        step: Some(key.task.step.to_string()),
                        subject: Some(subject),
                        record: number(at),
                        ..decided(decision, approve, &blank)
                    });
                }
            }
            // Only a person can end a doubt, so whatever ends one is a person's word.
            Entry::Replied { key, reply } if concerns_doubt(key, reply, &in_doubt) => {
                let now = doubts(&entries[..=at]);
                let settled = in_doubt.iter().filter(|doubt| !now.iter().any(|other| other.key == doubt.key));
                events.extend(settled.map(|doubt| Event { record: number(at), ..settled_event(doubt, reply, &blank) }));
                in_doubt = now;
            }
            Entry::Cancelled { scope, by, reason, at: when } => events.push(Event {
                at: *when,
                who: by.clone(),
                what: "cancelled",
                record: number(at),
                step: if let Scope::Step(step) = scope { Some(step.to_string()) } else { None },
                title: match scope {
                    Scope::Item(id) => items.get(id).map_or_else(|| id.short(), |item| item.good.title()),
                    scope => scope.to_string(),
                },
                says: reason.clone(),
                ..blank.clone()
            }),
            Entry::Done { task, parameters, .. } => events.extend(parameters.iter().map(|change| Event {
                who: "learning".to_owned(),
                what: "tuned",
                record: number(at),
                step: Some(task.step.to_string()),
                subject: Some(change.path.clone()),
                title: format!("{:.3} → {:.3}", change.old, change.new),
                says: Some(change.evidence.clone()),
                ..blank.clone()
            })),
            _ => {}
        }
    }
    events
}

/// Whether an answer can begin or end a doubt; most cannot, and looking costs a walk through the cycle.
fn concerns_doubt(key: &RequestKey, reply: &Reply, in_doubt: &[Doubt]) -> bool {
    let in_doubt_now = |key: &RequestKey| in_doubt.iter().any(|doubt| doubt.key == *key);
    matches!(reply, Reply::Failed(Failure { kind: FailureKind::InDoubt, .. })) || probed_key(key).is_some() || in_doubt_now(key)
}

fn decided(decision: &Decision, approve: &Approve, blank: &Event) -> Event {
    let words = |text: &str| text.split_whitespace().count();
    let (what, says) = match &decision.verdict {
        Verdict::Approve => ("approved", None),
        Verdict::Edit { text } => ("edited", Some(format!("{} words became {}", words(&approve.text), words(text)))),
        Verdict::Reject { reason } => ("rejected", reason.clone()),
        Verdict::SendBack { to, reason } => ("sent-back", Some(format!("to `{to}`: {reason}"))),
        Verdict::Expired { approve } => {
            let then = if *approve { "approved" } else { "rejected" };
            ("expired", Some(format!("nobody decided in time, so it counts as {then}")))
        }
    };
    Event { at: decision.at, who: decision.by.clone(), what, title: approve.title.clone(), says, ..blank.clone() }
}

fn settled_event(doubt: &Doubt, reply: &Reply, blank: &Event) -> Event {
    let (what, says) = match reply {
        Reply::Published(published) => ("confirmed", Some(format!("it went out: {}", published.location))),
        Reply::Failed(failure) => ("dropped", Some(failure.message.clone())),
        _ => ("to-send-again", Some("it had not gone out".to_owned())),
    };
    Event {
        who: "a person".to_owned(),
        what,
        step: Some(doubt.step.to_string()),
        subject: Some(doubt.publish.key.clone()),
        title: doubt.publish.title.clone(),
        says,
        ..blank.clone()
    }
}

/// What was changed in the files since the cycle before.
fn changed_files(before: &Pins, pins: &Pins, client_os: Option<&str>, blank: &Event) -> Vec<Event> {
    let changed: BTreeSet<&String> = before
        .sources
        .keys()
        .chain(pins.sources.keys())
        .filter(|path| before.sources.get(*path) != pins.sources.get(*path))
        .collect();
    let folder = client_os.map(|folder| format!("{}/", folder.trim_end_matches('/')));
    let (os, rest): (Vec<&String>, Vec<&String>) =
        changed.into_iter().partition(|path| folder.as_ref().is_some_and(|folder| path.starts_with(folder.as_str())));
    let mut events = Vec::new();
    let mut add = |what: &'static str, is_changed: bool, old: String, new: String, files: &[&String]| {
        if is_changed {
            let names: Vec<&str> = files.iter().map(|path| path.as_str()).collect();
            let says = (!names.is_empty()).then(|| names.join(", "));
            events.push(Event { what, title: format!("version {old} → {new}"), says, ..blank.clone() });
        }
    };
    let (old, new) = (before.workflow_digest, pins.workflow_digest);
    add("workflow-changed", old != new, old.short(8), new.short(8), &rest);
    let (old, new) = (before.client_os_digest, pins.client_os_digest);
    add("client-os-changed", old != new, old.short(8), new.short(8), &os);
    events
}

fn text(project: &Project, events: &[Event], width: usize) -> String {
    if events.is_empty() {
        return "Nothing was decided yet.".to_owned();
    }
    let mut text = format!("{}\n", paint(TITLE, format!("{} · what was decided, the latest first", project.workflow.id)));
    let mut cycle = None;
    for event in events {
        if cycle.replace(event.cycle) != Some(event.cycle) {
            writeln!(text, "\n{}", paint(TITLE, format!("cycle {}", event.cycle))).expect("writing to a string");
        }
        let subject = event.subject.as_deref().map_or_else(String::new, |subject| format!("{}  ", paint(CODE, plain(subject))));
        writeln!(
            text,
            "  {:>4}  {}  {} {}  {subject}{}",
            event.record.map_or_else(String::new, |record| record.to_string()),
            paint(DIM, event.at.friendly(&project.workflow.zone)),
            plain(&event.who),
            event.what.replace('-', " "),
            fit(&event.title, width.saturating_sub(60).max(24))
        )
        .expect("writing to a string");
        if let Some(says) = &event.says {
            for line in textwrap::wrap(&plain(says), width.saturating_sub(6).max(20)) {
                writeln!(text, "      {}", paint(DIM, line)).expect("writing to a string");
            }
        }
    }
    text
}
