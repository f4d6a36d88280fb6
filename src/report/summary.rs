//! The summary after a run: half a minute of reading for somebody who runs a growth team.
//!
//! It answers in this order: what was sensed and done, what to write and why, what was written, what waits for you and what
//! to type, what went out, what was learned and what that changes, what is missing.

use super::style::{BAD, CODE, DIM, GOOD, TITLE, WAIT, count, fit, grouped, paint, plain};
use super::view::{CycleState, CycleView, FailureView, StepView};
use crate::base::{StepId, Timestamp};
use crate::model::goods::{Insight, Subject, Verdict};
use crate::model::{CapUnit, Layer};
use jiff::tz::TimeZone;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// How many lines of each list are shown; the rest is counted.
const SHOWN: usize = 5;

/// What the summary needs besides the view.
#[derive(Clone, Copy, Debug)]
pub struct Setting<'a> {
    /// Columns of the terminal.
    pub width: usize,
    /// The workflow file as the user typed it, for the commands that are suggested.
    pub file: &'a str,
    /// Where the store is.
    pub store: &'a str,
}

/// The first line: `first-loop · cycle 1 · Sun 22 Nov 2026 06:00 Europe/London · store .loopctl`.
pub fn heading(view: &CycleView, store: &str) -> String {
    let zone = TimeZone::get(&view.zone).unwrap_or(TimeZone::UTC);
    let recorded = if view.recorded { " (recorded data)" } else { "" };
    let place = format!("· {} {}{recorded} · store {store}", view.now.friendly(&zone), view.zone);
    format!("{} {}", paint(TITLE, format!("{} · cycle {}", view.workflow, view.cycle)), paint(DIM, place))
}

/// The whole summary, with colours; the writer strips them where they cannot be shown.
pub fn render(view: &CycleView, setting: &Setting<'_>) -> String {
    let mut out = String::new();
    writeln!(out, "{}", heading(view, setting.store)).expect("writing to a string");
    decided(&mut out, view, setting.width);
    layers(&mut out, view, setting.width);
    opportunities(&mut out, view, setting.width);
    divided(&mut out, view, setting.width);
    written(&mut out, view, setting.width);
    published(&mut out, view, setting.width);
    people(&mut out, view, setting.width);
    learned(&mut out, view, setting.width);
    proposed(&mut out, view, setting);
    missing(&mut out, view, setting.width);
    waiting(&mut out, view, setting);
    out
}

fn section(out: &mut String, title: &str) {
    writeln!(out, "\n{}", paint(TITLE, title)).expect("writing to a string");
}

/// What people did beside the cycles: this one reads it.
fn decided(out: &mut String, view: &CycleView, width: usize) {
    for says in &view.decided {
        para(out, "  ", says, width);
    }
    if !view.decided.is_empty() {
        para(out, "  ", &format!("This cycle reads Client OS {}.", view.client_os), width);
    }
}

/// Caps on what one person gets.
fn people(out: &mut String, view: &CycleView, width: usize) {
    if view.people_caps.is_empty() {
        return;
    }
    section(out, "What one person gets");
    for cap in &view.people_caps {
        para(out, "  ", &format!("{}: {}.", cap.cap, cap.says()), width);
    }
}

/// Where a person decides about what is proposed.
fn proposed(out: &mut String, view: &CycleView, setting: &Setting<'_>) {
    if view.amendments.is_empty() {
        return;
    }
    section(out, &format!("Proposed for the Client OS: {}", count(view.amendments.len(), "change")));
    for proposal in view.amendments.iter().take(SHOWN) {
        writeln!(out, "  {}  {}", paint(WAIT, &proposal.id), fit(&proposal.amendment.title, setting.width.saturating_sub(12)))
            .expect("writing to a string");
    }
    more(out, view.amendments.len(), "proposal");
    let command = format!("loopctl os review {}", setting.file);
    writeln!(out, "  {}  {}", paint(CODE, command), paint(DIM, "accept, edit or reject them")).expect("writing to a string");
}

fn layers(out: &mut String, view: &CycleView, width: usize) {
    for layer in Layer::ALL {
        let steps: Vec<&StepView> = view.layer(layer).collect();
        if steps.is_empty() {
            continue;
        }
        let label = format!(" {} {:<13} ", layer.number(), layer.title());
        let indent = " ".repeat(label.chars().count());
        for (at, step) in steps.into_iter().enumerate() {
            let lead = if at == 0 { &label } else { &indent };
            writeln!(out, "{lead}{}", step_line(view, step, width.saturating_sub(indent.len()))).expect("writing to a string");
        }
    }
}

/// `✓ press 16 feeds, 214 entries`
pub fn step_line(view: &CycleView, step: &StepView, width: usize) -> String {
    let mark = if step.failed > 0 {
        paint(BAD, "✗")
    } else if step.waiting > 0 {
        paint(WAIT, "◐")
    } else if step.completed || view.state == CycleState::Closed {
        paint(GOOD, "✓")
    } else if step.done > 0 {
        paint(WAIT, "◐")
    } else {
        paint(DIM, "·")
    };
    let mut facts = Vec::new();
    match &step.headline {
        Some(headline) => facts.push(headline.clone()),
        None if step.done > 0 => facts.push(if step.items == 0 { "nothing".to_owned() } else { grouped(step.items) }),
        None => {}
    }
    if step.recalled > 0 {
        facts.push(format!("{} unchanged since the last cycle", step.recalled));
    }
    if step.deferred > 0 {
        let cap = view.caps.iter().find(|cap| cap.cap == step.step.as_str() && cap.unit == CapUnit::Pieces);
        // A step with places left waits for the money or the tokens of the whole workflow.
        let cap = cap.filter(|cap| cap.used >= cap.most).map(|cap| format!("cap {} per {}", cap.most, cap.per));
        let cap = cap.or_else(|| step.deferred_reason.clone()).unwrap_or_else(|| "over a cap".to_owned());
        facts.push(format!("{} deferred, {cap}", step.deferred));
    }
    if step.failed > 0 {
        facts.push(format!("{} failed", step.failed));
    }
    if step.waiting > 0 {
        facts.push(format!("{} waiting for a person", step.waiting));
    }
    if facts.is_empty() && step.failed == 0 {
        facts.push(if step.completed { "nothing to do".to_owned() } else { "not yet".to_owned() });
    }
    format!("{mark} {}", fit(&format!("{}  {}", step.step, facts.join(" · ")), width.saturating_sub(2)))
}

fn opportunities(out: &mut String, view: &CycleView, width: usize) {
    if view.opportunities.is_empty() {
        return;
    }
    section(out, "What to write, and why");
    let title_width = 30.min(width / 3);
    for opportunity in view.opportunities.iter().take(SHOWN) {
        let pillar = opportunity.pillar.iter().map(|pillar| format!("pillar {pillar}"));
        let rules: Vec<String> = opportunity
            .breakdown
            .iter()
            .map(|rule| rule.value.map_or_else(|| format!("{} ?", rule.rule), |value| format!("{} {}", rule.rule, short(value))))
            .chain(pillar)
            .collect();
        let title = fit(&opportunity.title, title_width);
        let pad = " ".repeat(title_width.saturating_sub(unicode_width::UnicodeWidthStr::width(title.as_str())));
        let why = format!("{} · {}", rules.join(" · "), count(opportunity.evidence.len(), "signal"));
        writeln!(
            out,
            " {:>2}  {:.2}  {title}{pad}  {}",
            opportunity.rank,
            opportunity.score,
            paint(DIM, fit(&why, width.saturating_sub(title_width + 13)))
        )
        .expect("writing to a string");
    }
    more(out, view.opportunities.len(), "opportunity");
}

/// Where money goes, and what the alternatives would do.
fn divided(out: &mut String, view: &CycleView, width: usize) {
    for shown in &view.allocations {
        let allocation = &shown.good;
        section(out, &format!("Where the budget `{}` goes  {}", allocation.name, paint(CODE, &shown.id)));
        para(out, "  ", &allocation.says, width);
        if !allocation.is_learned() {
            continue;
        }
        for line in super::budget::lines(allocation) {
            writeln!(out, "  {}", fit(&line, width.saturating_sub(2))).expect("writing to a string");
        }
    }
    for shown in &view.scenarios {
        let scenario = &shown.good;
        section(out, &format!("What `{}` plays  {}", scenario.name, paint(CODE, &shown.id)));
        para(out, "  ", &scenario.says, width);
        for line in super::budget::courses(scenario) {
            writeln!(out, "  {}", fit(&line, width.saturating_sub(2))).expect("writing to a string");
        }
    }
}

/// `.92`, `1.0`
fn short(value: f64) -> String {
    let text = format!("{value:.2}");
    text.strip_prefix('0').map_or_else(|| text.clone(), str::to_owned)
}

/// A paragraph, wrapped and indented.
fn para(out: &mut String, indent: &str, text: &str, width: usize) {
    let text = plain(text);
    for line in textwrap::wrap(&text, width.saturating_sub(indent.len()).max(20)) {
        writeln!(out, "{indent}{}", paint(DIM, line)).expect("writing to a string");
    }
}

fn more(out: &mut String, all: usize, word: &str) {
    if all > SHOWN {
        writeln!(out, "     {}", paint(DIM, format!("and {} more", count(all - SHOWN, word)))).expect("writing to a string");
    }
}

fn written(out: &mut String, view: &CycleView, width: usize) {
    if view.written.is_empty() {
        return;
    }
    section(out, "What was written");
    for piece in view.written.iter().take(2 * SHOWN) {
        let mut facts = format!("{} words, by {}", grouped(piece.words), piece.model);
        if let Some(cost) = &piece.cost {
            write!(facts, ", {cost}").expect("writing to a string");
        }
        if !piece.findings.is_empty() {
            write!(facts, ", {}", count(piece.findings.len(), "finding")).expect("writing to a string");
        }
        writeln!(out, "  {:<8} {}  {}", piece.kind, fit(&piece.title, width.saturating_sub(50)), paint(DIM, facts))
            .expect("writing to a string");
    }
    if !view.deferred.is_empty() {
        writeln!(
            out,
            "  {}",
            paint(DIM, format!("{} over a cap: first in line in the next cycle.", count(view.deferred.len(), "item")))
        )
        .expect("writing to a string");
    }
}

fn published(out: &mut String, view: &CycleView, width: usize) {
    if !view.published.is_empty() {
        section(out, "What went out");
        for receipt in &view.published {
            let edited = if receipt.edited { " (with your edits)" } else { "" };
            let title = format!("{}{edited}", fit(&receipt.title, width / 2));
            writeln!(out, "  {:<8} {title}  {}", receipt.channel, paint(DIM, fit(&receipt.location, width / 2)))
                .expect("writing to a string");
        }
    }
    if !view.leads.is_empty() {
        section(out, "Leads");
        for leads in &view.leads {
            let to = leads.to.as_deref().map_or_else(String::new, |to| format!(" → {to}"));
            writeln!(out, "  {:<12} {}{to}", leads.state, grouped(leads.leads)).expect("writing to a string");
        }
    }
}

fn learned(out: &mut String, view: &CycleView, width: usize) {
    if view.insights.is_empty() && view.changes.is_empty() {
        return;
    }
    section(out, "What was learned");
    // What moved a setting is told with the setting; other clear findings come first; what is not clear is counted.
    let told = |insight: &&Insight| view.changes.iter().any(|change| change.evidence == insight.says);
    let (clear, open): (Vec<&Insight>, Vec<&Insight>) =
        view.insights.iter().filter(|insight| !told(insight)).partition(|insight| insight.verdict == Verdict::Clear);
    // Alarms after what is about the loop itself: there may be many of them.
    let (alarms, rest): (Vec<&Insight>, Vec<&Insight>) =
        clear.iter().partition(|insight| matches!(insight.subject, Subject::Metric(_)));
    let clear: Vec<&Insight> = rest.into_iter().chain(alarms).collect();
    for insight in clear.iter().take(SHOWN) {
        para(out, "  ", &insight.says, width);
    }
    if clear.len() > SHOWN {
        let more = clear.len() - SHOWN;
        let findings = if more == 1 { "finding" } else { "findings" };
        writeln!(out, "  {}", paint(DIM, format!("and {more} more clear {findings} in the report")))
            .expect("writing to a string");
    }
    let thin = open.iter().filter(|insight| matches!(insight.verdict, Verdict::NotEnough { .. })).count();
    if clear.is_empty()
        && view.changes.is_empty()
        && let Some(insight) = open.first()
    {
        para(out, "  ", &insight.says, width);
    }
    if thin > 0 {
        writeln!(out, "  {}", paint(DIM, format!("{} had not enough evidence yet", count(thin, "question"))))
            .expect("writing to a string");
    }
    for change in &view.changes {
        writeln!(out, "  {} {:.3} → {:.3}", paint(GOOD, &change.path), change.old, change.new).expect("writing to a string");
        para(out, "    ", &change.evidence, width);
    }
    if view.changes.is_empty() {
        writeln!(out, "  {}", paint(DIM, "No weight was changed.")).expect("writing to a string");
    } else {
        writeln!(out, "  {}", paint(DIM, format!("{} in force from the next cycle.", count(view.changes.len(), "new setting"))))
            .expect("writing to a string");
    }
}

fn missing(out: &mut String, view: &CycleView, width: usize) {
    let mut warnings: Vec<_> = view.warnings().collect();
    // The first of each step comes first, so that one step with much to say does not hide the others.
    let mut seen: BTreeMap<&StepId, usize> = BTreeMap::new();
    warnings.sort_by_cached_key(|warning| {
        let nth = seen.entry(&warning.step).or_default();
        *nth += 1;
        *nth
    });
    if warnings.is_empty() && view.failures.is_empty() {
        return;
    }
    section(out, "What was missing");
    // What went wrong the same way several times is said once.
    let mut said: Vec<(&FailureView, usize)> = Vec::new();
    for failure in &view.failures {
        let same = |other: &&mut (&FailureView, usize)| {
            (&other.0.task.step, &other.0.message, &other.0.then) == (&failure.task.step, &failure.message, &failure.then)
        };
        match said.iter_mut().find(same) {
            Some((_, times)) => *times += 1,
            None => said.push((failure, 1)),
        }
    }
    for (failure, times) in said {
        let of = if times > 1 { format!(" ({})", count(times, "item")) } else { String::new() };
        writeln!(out, "  {} {}{of}: {}", paint(BAD, "✗"), failure.task.step, plain(&failure.message))
            .expect("writing to a string");
        if let Some(help) = &failure.help {
            writeln!(out, "    help: {}", fit(help, width.saturating_sub(10))).expect("writing to a string");
        }
        if let Some(then) = &failure.then {
            writeln!(out, "    then: {}", fit(then, width.saturating_sub(10))).expect("writing to a string");
        }
    }
    for warning in warnings.iter().take(SHOWN) {
        let place = warning.note.place.as_deref().map_or_else(String::new, |place| format!(" ({place})"));
        let text = format!("{}: {}{place}", warning.step, warning.note.text);
        let wrap = textwrap::Options::new(width.max(30)).initial_indent("  ! ").subsequent_indent("    ");
        for line in textwrap::wrap(&plain(&text), wrap) {
            writeln!(out, "{}", paint(DIM, line)).expect("writing to a string");
        }
    }
    more(out, warnings.len(), "note");
}

fn waiting(out: &mut String, view: &CycleView, setting: &Setting<'_>) {
    let file = setting.file;
    in_doubt(out, view, setting);
    match view.state {
        CycleState::Waiting if view.waiting.is_empty() => {}
        CycleState::Waiting => {
            let by: std::collections::BTreeSet<&str> =
                view.waiting.iter().flat_map(|gate| gate.approve.by.iter().map(String::as_str)).collect();
            section(out, &format!("Waiting for {}: {}", Vec::from_iter(by).join(", "), count(view.waiting.len(), "decision")));
            for gate in view.waiting.iter().take(2 * SHOWN) {
                let expires = gate.approve.expires.map_or_else(String::new, |at| format!(", expires {}", friendly(view, at)));
                writeln!(
                    out,
                    "  {}  {}  {}",
                    paint(WAIT, &gate.id),
                    fit(&gate.approve.title, setting.width.saturating_sub(40)),
                    paint(DIM, format!("{}{expires}", gate.step))
                )
                .expect("writing to a string");
                let mut facts = Vec::from_iter(gate.approve.again.as_ref().map(|again| format!("put to you again: {again}")));
                facts.extend(Some(gate.nudges()).filter(|nudges| !nudges.is_empty()));
                for fact in facts {
                    writeln!(out, "            {}", paint(WAIT, fit(&fact, setting.width.saturating_sub(12))))
                        .expect("writing to a string");
                }
            }
            for (gate, most) in &view.full {
                let full = format!("The queue at `{gate}` is full ({most}): no more is written for it until somebody decides.");
                writeln!(out, "  {}", paint(WAIT, full)).expect("writing to a string");
            }
            let first = view.waiting.first().map_or("ID", |gate| gate.id.as_str());
            writeln!(out, "\nWhat to type next").expect("writing to a string");
            let commands = [
                (format!("loopctl gate show {file} {first}"), "read it with its evidence"),
                (format!("loopctl gate approve {file} {first}"), "approve it (or --all)"),
                (format!("loopctl gate edit {file} {first}"), "change it in your editor; your words win"),
                (format!("loopctl run {file}"), "go on where it stopped"),
            ];
            typed(out, &commands);
        }
        CycleState::Closed => {
            writeln!(out, "\n{} The cycle is complete.  {}", paint(GOOD, "✓"), paint(CODE, format!("loopctl report {file}")))
                .expect("writing to a string");
        }
        CycleState::Open => {
            writeln!(out, "\nThe cycle is not finished.  {}", paint(CODE, format!("loopctl run {file}")))
                .expect("writing to a string");
        }
    }
}

/// Pieces of which nobody knows whether they went out, and what to type about them.
pub fn in_doubt(out: &mut String, view: &CycleView, setting: &Setting<'_>) {
    let Some(first) = view.in_doubt.first() else { return };
    section(out, &format!("In doubt: {}", count(view.in_doubt.len(), "piece")));
    for doubt in &view.in_doubt {
        writeln!(
            out,
            "  {}  {}  {}",
            paint(WAIT, &doubt.id),
            fit(&doubt.title, setting.width.saturating_sub(50)),
            paint(DIM, format!("to {}", doubt.channel))
        )
        .expect("writing to a string");
        if let Some(message) = &doubt.message {
            para(out, "    ", message, setting.width);
        }
    }
    para(
        out,
        "  ",
        "Look at the receiver for this id, then say what you found there. Nothing is sent again by itself.",
        setting.width,
    );
    let (file, id) = (setting.file, &first.id);
    let commands = [
        (format!("loopctl effect confirm {file} {id}"), "it arrived"),
        (format!("loopctl effect retry {file} {id}"), "it did not: send it again under the same id"),
        (format!("loopctl effect drop {file} {id}"), "it did not, and it shall not go out"),
        (format!("loopctl run {file}"), "then go on where it stopped"),
    ];
    typed(out, &commands);
}

/// Commands, and what each is for.
fn typed(out: &mut String, commands: &[(String, &str)]) {
    let longest = commands.iter().map(|(command, _)| command.chars().count()).max().unwrap_or(0);
    for (command, what) in commands {
        writeln!(out, "  {}  {}", paint(CODE, format!("{command:<longest$}")), paint(DIM, what)).expect("writing to a string");
    }
}

fn friendly(view: &CycleView, at: Timestamp) -> String {
    at.friendly(&TimeZone::get(&view.zone).unwrap_or(TimeZone::UTC))
}
