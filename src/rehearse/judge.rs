//! Compares what happened with what a test expects, and says what was found instead.

use super::Failure;
use super::play::{Played, PlayedCycle};
use crate::base::InOrder;
use crate::builtin::strategy::pool::Pillars;
use crate::client_os::Snapshot;
use crate::compile::test_file::{Expectation, Expected, Items, Range, Test};
use crate::diag::{Diagnostic, Span};
use crate::engine::Entry;
use crate::model::goods::Row;
use crate::model::{Good, GoodKind, Item};
use crate::report::style::count;
use crate::step::expression::{self, Program, Scope};
use crate::step::fields;
use std::collections::BTreeSet;

/// So many of what was found are shown.
const SHOWN: usize = 5;

/// Everything that is not as the test says, in the order of its file.
pub fn judge(test: &Test, played: &Played) -> Vec<Failure> {
    let mut judge = Judge { test, played, failures: Vec::new() };
    for (number, decision) in test.decisions.iter().enumerate() {
        if !played.used.contains(&number) {
            judge.idle(decision.span, decision.gate.as_str());
        }
    }
    for expectation in &test.expectations {
        judge.expectation(expectation);
    }
    judge.failures.order_by_key(|failure| failure.diagnostic.span());
    judge.failures
}

struct Judge<'j> {
    test: &'j Test,
    played: &'j Played,
    failures: Vec<Failure>,
}

/// One thing that a step gave: a whole item, or one event of a batch.
struct Given<'g> {
    scope: Scope,
    kind: GoodKind,
    title: String,
    texts: Vec<&'g str>,
}

impl<'j> Judge<'j> {
    fn fail(&mut self, span: Span, message: String, label: String, help: &str, found: Vec<String>) {
        let diagnostic = Diagnostic::error("test::not-met", message).at(span, label);
        let diagnostic = if help.is_empty() { diagnostic } else { diagnostic.help(help) };
        self.failures.push(Failure { diagnostic, found });
    }

    fn idle(&mut self, span: Span, gate: &str) {
        let played = self.played;
        let waited: Vec<String> = (played.cycles.iter())
            .map(|cycle| {
                let number = (cycle.entries.iter())
                    .filter(|entry| {
                        matches!(entry, Entry::Asked { key, request: Some(request), .. }
                        if key.task.step.as_str() == gate && matches!(**request, crate::step::Request::Approve(_)))
                    })
                    .count();
                format!("cycle {}: {} waited at `{gate}`", cycle.view.cycle, count(number, "item"))
            })
            .collect();
        let diagnostic = Diagnostic::error("test::idle-decision", format!("nothing was decided here at `{gate}`"))
            .at(span, "what this line speaks of never waited")
            .help("name an item that waits, or take the line out");
        self.failures.push(Failure { diagnostic, found: waited });
    }

    /// The cycle that a line is about; `None`, with a failure, when the test did not come so far.
    fn cycle(&mut self, wanted: Option<u32>, span: Span) -> Option<&'j PlayedCycle> {
        let played = self.played;
        // Left out, it is the last one that the test asks for, not the last one that was reached.
        let number = wanted.unwrap_or(self.test.cycles);
        let found = played.cycles.get(number as usize - 1);
        if found.is_none() {
            let reached = played.cycles.len();
            let waiting = waiting(played);
            self.fail(
                span,
                format!("cycle {number} was not reached"),
                format!("cycle {reached} waits for people"),
                "`decide … \"wait\"` keeps a cycle open; without it everything is approved",
                waiting,
            );
        }
        found
    }

    fn expectation(&mut self, expectation: &Expectation) {
        let span = expectation.span;
        match &expectation.what {
            Expected::Items(items) => self.items(items, span),
            Expected::Published { channel, contains, count } => self.published(channel, contains.as_deref(), *count, span),
            Expected::Parameter { path, declared, least, most, cycle } => {
                let Some(cycle) = self.cycle(*cycle, span) else { return };
                let value = cycle.parameters.get(path).copied();
                let found = match value {
                    Some(_) => Vec::new(),
                    None => vec!["nothing has changed it: it is what the file declares".to_owned()],
                };
                let value = value.unwrap_or(*declared);
                if least.is_some_and(|least| value < least) || most.is_some_and(|most| value > most) {
                    let wanted = match (least, most) {
                        (Some(least), Some(most)) => format!("from {least} to {most}"),
                        (Some(least), None) => format!("at least {least}"),
                        (None, Some(most)) => format!("at most {most}"),
                        (None, None) => "anything".to_owned(),
                    };
                    let learned: Vec<String> = (cycle.view.changes.iter())
                        .filter(|change| change.path == *path)
                        .map(|change| format!("{:.4} → {:.4}: {}", change.old, change.new, change.evidence))
                        .collect();
                    let found = if learned.is_empty() { found } else { learned };
                    self.fail(span, format!("expected `{path}` {wanted}, found {value:.4}"), format!("is {value:.4}"), "", found);
                }
            }
            Expected::End { waiting: wanted } => {
                if *wanted == self.played.waiting {
                    return;
                }
                let (expected, found) =
                    if *wanted { ("waiting for people", "complete") } else { ("complete", "waiting for people") };
                let lines = waiting(self.played);
                let message = format!("expected the last cycle to be {expected}, found it {found}");
                self.fail(span, message, format!("is {found}"), "", lines);
            }
        }
    }

    fn items(&mut self, items: &Items, span: Span) {
        let test = self.test;
        let Some(cycle) = self.cycle(items.cycle, span) else { return };
        let step = items.step.as_str();
        let made: Vec<&Item> = (cycle.entries.iter())
            .filter_map(|entry| match entry {
                Entry::Done { task, items: made, .. } if task.step == items.step => Some(made),
                _ => None,
            })
            .flatten()
            .map(|item| &**item)
            // What a gate turned down is counted only when it is asked for.
            .filter(|item| items.kind.map_or(item.kind() != GoodKind::Rejection, |kind| item.kind() == kind))
            .collect();
        let kinds: BTreeSet<GoodKind> = made.iter().map(|item| item.kind()).collect();
        let view = cycle.view.step(&items.step);
        let (deferred, failed) = view.map_or((0, 0), |view| (view.deferred, view.failed));
        let notes: Vec<String> =
            cycle.view.notes.iter().filter(|note| note.step == items.step).map(|note| note.note.text.clone()).collect();
        let deferrals: Vec<String> =
            cycle.view.deferred.iter().filter(|(at, _)| *at == items.step).map(|(_, title)| title.clone()).collect();
        let failures: Vec<String> = (cycle.view.failures.iter())
            .filter(|failure| failure.task.step == items.step)
            .map(|failure| failure.message.clone())
            .collect();
        let pillars = Pillars::new(&test.client_os.pillars);
        let mut given: Vec<Given<'_>> =
            made.iter().flat_map(|item| given(item, &pillars, &test.client_os, cycle.view.now)).collect();
        if kinds.len() > 1 {
            // So that it is seen what `kind=` would take out.
            given.iter_mut().for_each(|given| given.title.insert_str(0, &format!("{}: ", given.kind)));
        }
        let total = given.len();
        if let Some(range) = items.count {
            let filter = program(items.filter.as_deref());
            let fits = |given: &Given<'_>| {
                filter.as_ref().is_none_or(|filter| holds(filter, &given.scope))
                    && items.contains.as_deref().is_none_or(|words| given.has(words))
            };
            let (kept, others): (Vec<_>, Vec<_>) = given.into_iter().partition(|given| fits(given));
            let narrowed = items.kind.is_some() || items.filter.is_some() || items.contains.is_some();
            if !range.holds(kept.len()) {
                let which = if narrowed { " like this" } else { "" };
                let message = format!("expected {}{which} from `{step}`, found {}", words(range), kept.len());
                let label =
                    if narrowed { format!("{} of {}", kept.len(), count(total, "item")) } else { format!("found {total}") };
                // What is missing is among the others; what is too much is among those that count.
                let too_many = kept.len() as u64 > range.least.unwrap_or(0);
                let shown = if too_many || !narrowed { &kept } else { &others };
                let mut found = titles(shown, total);
                found.extend(failures.iter().take(SHOWN).map(|failure| format!("failed: {failure}")));
                self.fail(span, message, label, "", found);
            }
            if let Some(all) = program(items.all.as_deref()) {
                let (_, wrong): (Vec<_>, Vec<_>) = kept.into_iter().partition(|given| holds(&all, &given.scope));
                if !wrong.is_empty() {
                    let message = format!("expected `{}` for all from `{step}`", all.text());
                    let label = format!("does not hold for {}", count(wrong.len(), "item"));
                    let found = titles(&wrong, total);
                    self.fail(span, message, label, "", found);
                }
            }
        }
        let mut number = |what: &str, wanted: Option<u64>, number: usize, found: &[String]| {
            if wanted.is_some_and(|wanted| wanted != number as u64) {
                let message = format!("expected {} {what} at `{step}`, found {number}", wanted.unwrap_or(0));
                let found = found.iter().take(SHOWN).cloned().collect();
                self.fail(span, message, format!("{number} {what}"), "", found);
            }
        };
        number("deferred", items.deferred, deferred, &deferrals);
        number("failed", items.failed, failed, &failures);
        if let Some(words) = &items.note
            && !notes.iter().any(|note| note.contains(words.as_str()))
        {
            let message = format!("expected a note of `{step}` with “{words}”");
            let found = notes.into_iter().take(SHOWN).collect::<Vec<_>>();
            let label = if found.is_empty() { "it made no note".to_owned() } else { "no note has these words".to_owned() };
            self.fail(span, message, label, "", found);
        }
    }

    fn published(&mut self, channel: &str, contains: Option<&str>, range: Range, span: Span) {
        let pieces: Vec<_> = self.played.published.iter().filter(|piece| piece.channel == channel).collect();
        let fits = |text: &str, title: &str| contains.is_none_or(|words| text.contains(words) || title.contains(words));
        let kept = pieces.iter().filter(|piece| fits(&piece.text, &piece.title)).count();
        if !range.holds(kept) {
            let which = if contains.is_some() { " with these words" } else { "" };
            let found = pieces.iter().take(SHOWN).map(|piece| piece.title.clone()).collect();
            let message = format!("expected {}{which} published on `{channel}`, found {kept}", words(range));
            let label = format!("{kept} of {} published here", count(pieces.len(), "piece"));
            self.fail(span, message, label, "", found);
        }
    }
}

/// `3`, `at least 1`, `2 to 4`, with the noun.
fn words(range: Range) -> String {
    let noun = |n: u64| if n == 1 { "item" } else { "items" };
    match (range.least, range.most) {
        (Some(least), Some(most)) if least == most => format!("{least} {}", noun(least)),
        (Some(least), Some(most)) => format!("{least} to {most} items"),
        (Some(least), None) => format!("at least {least} {}", noun(least)),
        (None, Some(most)) => format!("at most {most} {}", noun(most)),
        (None, None) => "any number of items".to_owned(),
    }
}

fn titles(given: &[Given<'_>], total: usize) -> Vec<String> {
    let mut lines: Vec<String> = given.iter().take(SHOWN).map(|given| given.title.clone()).collect();
    if given.len() > SHOWN {
        lines.push(format!("… and {} more", given.len() - SHOWN));
    }
    if lines.is_empty() && total == 0 {
        lines.push("nothing at all".to_owned());
    }
    lines
}

fn waiting(played: &Played) -> Vec<String> {
    let last = played.cycles.last();
    let gates = last.into_iter().flat_map(|cycle| &cycle.view.waiting);
    gates.take(SHOWN).map(|gate| format!("waits at `{}`: {}", gate.step, gate.approve.title)).collect()
}

/// Expressions of a test were checked when it was read.
fn program(text: Option<&str>) -> Option<Program> {
    text.and_then(|text| expression::compile(text).ok())
}

/// A condition that lacks a field, or cannot be computed for this item, does not hold.
fn holds(program: &Program, scope: &Scope) -> bool {
    expression::evaluate(program, scope).is_ok_and(|outcome| outcome.holds())
}

fn given<'g>(item: &'g Item, pillars: &Pillars<'_>, client_os: &Snapshot, now: crate::base::Timestamp) -> Vec<Given<'g>> {
    let good = &item.good;
    if let Good::Events(events) = good {
        let one = |row: Row<'g>| Given {
            scope: Scope::new(now).with("event", fields::event(&row.to_event())),
            kind: GoodKind::Events,
            title: format!("{} {}", row.name(), row.who()),
            texts: row.fields().map(|(_, value)| value).chain([row.name(), row.who()]).collect(),
        };
        return events.rows().map(one).collect();
    }
    let pillar = match good {
        Good::Signal(signal) => Some(pillars.of(&signal.topic, signal.title.as_data())),
        Good::Opportunity(opportunity) => {
            Some(client_os.pillars.iter().find(|pillar| Some(&pillar.name) == opportunity.pillar.as_ref()))
        }
        _ => None,
    };
    let mut scope = Scope::of(good, now);
    if let Some(pillar) = pillar {
        scope = scope.with("pillar", fields::pillar(pillar));
    }
    vec![Given { scope, kind: good.kind(), title: good.title(), texts: texts(good) }]
}

impl Given<'_> {
    fn has(&self, words: &str) -> bool {
        self.title.contains(words) || self.texts.iter().any(|text| text.contains(words))
    }
}

/// What a person would read of a good.
fn texts(good: &Good) -> Vec<&str> {
    match good {
        Good::Signal(signal) => vec![signal.title.as_data(), signal.summary.as_data(), signal.quote.as_data(), &signal.topic],
        Good::Opportunity(opportunity) => vec![&opportunity.title, &opportunity.topic],
        Good::Brief(brief) => {
            let claims = brief.claims.iter().flat_map(|claim| [claim.text.as_str(), claim.quote.as_data()]);
            claims.chain([brief.title.as_str(), brief.angle.as_str()]).collect()
        }
        Good::Outline(outline) => vec![&outline.title, &outline.text],
        Good::Draft(draft) => vec![&draft.title, &draft.text],
        Good::Asset(asset) => vec![&asset.draft.title, &asset.draft.text, &asset.version.name],
        Good::Placement(placement) => vec![&placement.draft.title, &placement.draft.text, &placement.channel],
        Good::Receipt(receipt) => vec![&receipt.title, &receipt.location],
        Good::Lead(lead) => lead.fields.values().map(String::as_str).chain([lead.who.as_str()]).collect(),
        Good::Insight(insight) => vec![&insight.says],
        Good::Report(report) => {
            let sections = report.sections.iter().flat_map(|section| section.says.iter().chain([&section.title]));
            sections.map(String::as_str).chain([report.title.as_str()]).collect()
        }
        Good::Rejection(rejection) => rejection.reason.as_deref().into_iter().chain([rejection.title.as_str()]).collect(),
        Good::Amendment(amendment) => vec![&amendment.title, &amendment.reason],
        Good::Allocation(allocation) => {
            allocation.shares.iter().map(|share| share.channel.as_str()).chain([allocation.says.as_str()]).collect()
        }
        Good::Scenario(scenario) => {
            scenario.courses.iter().map(|course| course.name.as_str()).chain([scenario.says.as_str()]).collect()
        }
        Good::Events(_) => Vec::new(),
    }
}
