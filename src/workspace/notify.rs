//! Telling people what waits for them and what went wrong: each thing once, several in one message.
//!
//! What there is to tell is worked out from the view of a cycle, so it is the same however the cycle came to stand where it stands. What
//! was told is kept in the state folder; a message that did not arrive is told again with the next one.

use super::links::{Signer, Target};
use crate::base::{Digest, Timestamp, WorkflowId};
use crate::engine::Nudge;
use crate::model::{Notify, Workflow};
use crate::report::CycleView;
use crate::report::style::count;
use crate::runtime::World;
use crate::step::request::NOTICE;
use crate::step::{FailureKind, Publish, Reply, Request};
use jiff::tz::TimeZone;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A gate that expires within this time is about to expire.
const SOON: Duration = Duration::from_secs(12 * 3_600);
/// So many things that were told are remembered; older ones belong to cycles that are long closed.
const REMEMBERED: usize = 20_000;
/// So many things stand in one message; the rest is counted.
const SHOWN: usize = 12;

/// One thing to tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// The same thing has the same key for ever.
    pub key: String,
    pub event: &'static str,
    pub line: String,
    /// The piece it is about, when a person can decide about it.
    pub piece: Option<Piece>,
}

/// A piece that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    pub id: String,
    pub pins: Digest,
    /// In real time; over a recording, whose time is its own, `None`.
    pub expires: Option<Timestamp>,
}

/// Everything in a cycle that somebody may want to be told. Times are those of the workflow's `zone`.
pub fn facts(view: &CycleView, zone: &TimeZone, now: Timestamp) -> Vec<Fact> {
    // A recording has a clock of its own, and its gates expire by that one.
    let now = if view.recorded { view.now } else { now };
    let mut facts = Vec::new();
    let mut put = |event: &'static str, key: String, line: String, piece: Option<Piece>| {
        facts.push(Fact { key: format!("{event} {} {} {key}", view.workflow, view.cycle), event, line, piece });
    };
    for gate in &view.waiting {
        let by = gate.approve.by.join(", ");
        let expires = gate.approve.expires.filter(|_| !view.recorded);
        let piece = Some(Piece { id: gate.id.clone(), pins: gate.approve.pins, expires });
        let mut add = |event: &'static str, key: String, line: String| put(event, key, line, piece.clone());
        let (title, since) = (&gate.approve.title, gate.since.friendly(zone));
        add("gate-opened", gate.id.clone(), format!("“{title}” waits for {by} at {}", gate.step));
        for nudged in &gate.nudged {
            let (event, what) = match nudged.nudge {
                Nudge::Reminded => ("gate-reminder", format!("still waits for {by}, since {since}")),
                Nudge::Escalated => (
                    "gate-escalated",
                    format!("has waited since {since}; now it is also for {}", gate.approve.nudging.escalate_to.join(", ")),
                ),
            };
            add(event, format!("{} {}", gate.id, nudged.at), format!("“{title}” {what} at {}", gate.step));
        }
        if let Some(expires) = gate.approve.expires.filter(|expires| expires.since(now) <= SOON) {
            add("gate-expiring", gate.id.clone(), format!("“{title}” waits for {by} and expires on {}", expires.friendly(zone)));
        }
    }
    let mut add = |event: &'static str, key: String, line: String| put(event, key, line, None);
    for failure in &view.failures {
        add("cycle-failed", failure.task.to_string(), format!("{} failed: {}", failure.task.step, failure.message));
    }
    for (step, says) in &view.alarms {
        add("anomaly", format!("{step} {says}"), format!("{step}: {}", says.trim_end_matches('.')));
    }
    for doubt in &view.in_doubt {
        let line = format!("nobody knows whether “{}” went out on {}", doubt.title, doubt.channel);
        add("in-doubt", doubt.id.clone(), line);
    }
    // A window may hold many cycles; that its cap is reached is told once.
    for cap in view.caps.iter().filter(|cap| cap.is_reached()) {
        let (used, most, unit) = (cap.amount(cap.used), cap.amount(cap.most), cap.unit_word());
        let line = format!("the cap of {} is reached: {used} of {most}{unit} {}", cap.cap, cap.every());
        let key = format!("cap-reached {} {} {} {}", view.workflow, cap.cap, cap.every(), cap.window);
        facts.push(Fact { key, event: "cap-reached", line, piece: None });
    }
    facts
}

/// What keeps a workflow from going on at all: a file that was broken, a disk that is full. While it lasts it is told once a day.
pub fn stuck(workflow: &WorkflowId, code: &str, message: &str, now: Timestamp) -> Fact {
    let day = now.to_string().chars().take(10).collect::<String>();
    let line = format!("it does not go on: {message}");
    Fact { key: format!("cycle-failed {workflow} {code} {day}"), event: "cycle-failed", line, piece: None }
}

/// What was told already.
pub struct Told {
    file: PathBuf,
    keys: Vec<String>,
    /// Signs links; without it a notice leads to the review page's door.
    signer: Option<Signer>,
}

impl Told {
    /// From the state folder.
    pub fn open(state: &Path) -> Told {
        let file = state.join("told");
        let keys = fs::read_to_string(&file).unwrap_or_default().lines().map(str::to_owned).collect();
        Told { file, keys, signer: Signer::open(state).ok() }
    }

    fn has(&self, to: &str, fact: &Fact) -> bool {
        self.keys.contains(&mark(to, fact))
    }

    /// Written beside its place and moved there: a crash leaves the old list, and then something is told twice rather than never.
    fn add(&mut self, to: &str, facts: &[Fact]) -> io::Result<()> {
        self.keys.extend(facts.iter().map(|fact| mark(to, fact)));
        let from = self.keys.len().saturating_sub(REMEMBERED);
        self.keys.drain(..from);
        let draft = self.file.with_extension(format!("told-{}", std::process::id()));
        fs::write(&draft, self.keys.join("\n") + "\n")?;
        fs::rename(&draft, &self.file)
    }
}

fn mark(to: &str, fact: &Fact) -> String {
    Digest::of(format!("{to}\n{}", fact.key)).short(32)
}

/// Tells what is new, one message for each place. Returns what could not be told, in words; it is tried again next time.
/// `beside` is what no cycle knows of.
pub async fn tell(
    workflow: &Workflow,
    (views, beside): (&[CycleView], &[Fact]),
    told: &mut Told,
    world: &dyn World,
    now: Timestamp,
) -> Vec<String> {
    let mut troubles = Vec::new();
    for (to, (on, link)) in places(&workflow.notify) {
        let all = views.iter().flat_map(|view| facts(view, &workflow.zone, now));
        let all = all.chain(beside.iter().cloned());
        let mut seen = BTreeSet::new();
        // Two open cycles may tell of one cap.
        let all = all.filter(|fact| seen.insert(fact.key.clone()));
        let news: Vec<Fact> = all.filter(|fact| on.contains(fact.event) && !told.has(to, fact)).collect();
        if news.is_empty() {
            continue;
        }
        let request = Request::Publish(message(&workflow.id, to, &news, (link, told.signer.as_ref()), now));
        let key = crate::base::RequestKey {
            cycle: views.last().map(|view| view.cycle).unwrap_or_default(),
            task: crate::base::TaskId { step: crate::base::StepId::new("notify"), item: None },
            turn: 0,
            index: 0,
        };
        match world.perform(&key, &request).await {
            // A message of which nobody knows is not sent again: rather one too few than the same all night.
            Reply::Published(_) => keep(told, to, &news, &mut troubles),
            Reply::Failed(failure) => {
                if failure.kind == FailureKind::InDoubt {
                    keep(told, to, &news, &mut troubles);
                }
                troubles.push(format!("nobody was told over `{to}`: {}", failure.message));
            }
            _ => troubles.push(format!("nobody was told over `{to}`: the channel gave no receipt")),
        }
    }
    troubles
}

fn keep(told: &mut Told, to: &str, news: &[Fact], troubles: &mut Vec<String>) {
    if let Err(error) = told.add(to, news) {
        troubles.push(format!("what was told over `{to}` cannot be remembered: {error}"));
    }
}

/// By channel: what is told there, and the link.
fn places(notify: &[Notify]) -> BTreeMap<&str, (BTreeSet<&str>, Option<&str>)> {
    let mut places: BTreeMap<&str, (BTreeSet<&str>, Option<&str>)> = BTreeMap::new();
    for one in notify {
        let place = places.entry(&one.to).or_default();
        place.0.extend(one.on.iter().map(String::as_str));
        place.1 = place.1.or(one.link.as_deref());
    }
    places
}

/// How much of what there is, for the subject of a message: `3 pieces wait, 1 failure`.
fn in_short(news: &[Fact]) -> String {
    let pieces: BTreeSet<&str> = news.iter().filter_map(|fact| fact.piece.as_ref()).map(|piece| piece.id.as_str()).collect();
    let waiting = match pieces.len() {
        0 => None,
        1 => Some("1 piece waits".to_owned()),
        several => Some(format!("{} wait", count(several, "piece"))),
    };
    let others = [
        ("cycle-failed", "failure", ""),
        ("cap-reached", "cap", " reached"),
        ("anomaly", "anomaly", ""),
        ("in-doubt", "piece", " in doubt"),
    ];
    let said = others.iter().filter_map(|(event, word, what)| {
        let of_these = news.iter().filter(|fact| fact.event == *event).count();
        (of_these > 0).then(|| format!("{}{what}", count(of_these, word)))
    });
    waiting.into_iter().chain(said).collect::<Vec<_>>().join(", ")
}

fn message(
    workflow: &WorkflowId,
    to: &str,
    news: &[Fact],
    (link, signer): (Option<&str>, Option<&Signer>),
    now: Timestamp,
) -> Publish {
    let title = match news {
        [one] => format!("{workflow}: {}", one.line),
        several => format!("{workflow}: {}", in_short(several)),
    };
    // An address of its own for each piece, good for that piece alone.
    let address = |fact: &Fact| {
        let (link, signer, piece) = (link?, signer?, fact.piece.as_ref()?);
        let (workflow, until) = (workflow.to_string(), Signer::until(now, piece.expires));
        let target = Target { workflow, id: piece.id.clone(), pins: piece.pins, until };
        Some(format!("  {}/go/{}\n", link.trim_end_matches('/'), signer.sign(&target)))
    };
    // A piece that waits and is about to expire is told once, with its end.
    let ends = |piece: &Piece| news.iter().any(|other| other.event == "gate-expiring" && other.piece.as_ref() == Some(piece));
    let told: Vec<&Fact> =
        news.iter().filter(|fact| fact.event != "gate-opened" || !fact.piece.as_ref().is_some_and(ends)).collect();
    // Twenty pieces that failed for one reason are one line.
    let mut lines: Vec<(&Fact, usize)> = Vec::new();
    for fact in told {
        match lines.iter_mut().find(|(known, _)| known.piece.is_none() && fact.piece.is_none() && known.line == fact.line) {
            Some((_, times)) => *times += 1,
            None => lines.push((fact, 1)),
        }
    }
    let one = |(fact, times): &(&Fact, usize)| {
        let times = if *times > 1 { format!(" ({times} times)") } else { String::new() };
        format!("- {}{times}\n{}", fact.line, address(fact).unwrap_or_default())
    };
    let mut text: String = lines.iter().take(SHOWN).map(one).collect();
    if lines.len() > SHOWN {
        text.push_str(&format!("- and {} more\n", lines.len() - SHOWN));
    }
    match link {
        Some(link) if news.iter().all(|fact| fact.piece.is_none()) => text.push_str(&format!("\nMore at {link}\n")),
        Some(link) => text.push_str(&format!("\nDecide at {link}\n")),
        None if news.iter().any(|fact| fact.event.starts_with("gate")) => {
            text.push_str("\n`loopctl gate list` shows what waits.\n")
        }
        None => {}
    }
    let events: BTreeSet<&str> = news.iter().map(|fact| fact.event).collect();
    let keys: Vec<&str> = news.iter().map(|fact| fact.key.as_str()).collect();
    Publish {
        channel: to.to_owned(),
        key: Digest::of_json(&(to, keys)).short(32),
        title,
        text,
        fields: [(NOTICE.to_owned(), serde_json::json!(events))].into(),
        at: now,
        update: false,
        over: None,
        people: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fact(event: &'static str, line: &str, n: usize) -> Fact {
        Fact { key: format!("{event} {n}"), event, line: line.to_owned(), piece: None }
    }

    fn told(news: &[Fact]) -> Publish {
        message(&WorkflowId::new("acme"), "team", news, (Some("https://loop.example"), None), Timestamp::default())
    }

    #[test]
    fn what_failed_for_one_reason_is_one_line_and_all_of_it_is_counted() {
        let news = [fact("cycle-failed", "drafts failed: refused", 1), fact("cycle-failed", "drafts failed: refused", 2)];
        let message = told(&news);
        assert_eq!(message.title, "acme: 2 failures");
        assert_eq!(message.text, "- drafts failed: refused (2 times)\n\nMore at https://loop.example\n");
        let many: Vec<Fact> = (0..30).map(|n| fact("anomaly", &format!("alarm {n}"), n)).collect();
        let message = told(&many);
        assert!(message.text.contains("- alarm 11\n- and 18 more\n"), "{}", message.text);
    }

    #[test]
    fn what_keeps_a_workflow_from_going_on_is_the_same_thing_all_day() {
        const HOUR: i64 = 3_600_000;
        let stuck = |hour: i64| stuck(&WorkflowId::new("acme"), "store::full", "the disk is full", Timestamp(hour * HOUR)).key;
        assert_eq!(stuck(3), stuck(23));
        assert_ne!(stuck(3), stuck(26));
    }
}
