//! The plan as a page: for a terminal, and as Markdown for a review.

use super::changed;
use super::commands::plan::{Changes, Facts, Since};
use super::project::Project;
use crate::base::{Money, StepId};
use crate::engine::{StepOutlook, Will};
use crate::plan::Change;
use crate::report::CycleState;
use crate::report::expected::{Basis, Expected, StepExpected};
use crate::report::style::{CODE, DIM, GOOD, TITLE, WAIT, count, grouped, paint, plural};
use crate::report::view::CapView;
use std::fmt::Write as _;

/// What is shown.
pub struct Page<'a> {
    pub project: &'a Project,
    pub facts: &'a Facts,
}

/// For a terminal.
pub fn text(page: &Page<'_>) -> String {
    let Page { project, facts } = page;
    let mut text = format!(
        "{} {}\n",
        paint(TITLE, format!("{} · cycle {}", project.workflow.id, facts.cycle)),
        paint(DIM, format!("· {}", facts.now.friendly(&project.workflow.zone)))
    );
    match &facts.open {
        Some(view) if view.state == CycleState::Waiting => {
            let waiting = count(view.waiting.len(), "decision");
            push(&mut text, &format!("  This cycle is open and waits for {waiting}. `loopctl run` goes on after them."));
        }
        Some(_) => {
            push(
                &mut text,
                "  This cycle is open. `loopctl run` goes on with what is not finished; what is finished is not run again.",
            );
        }
        None => {}
    }
    if let Some(changes) = &facts.changes {
        text.push_str(&changes_text(changes, facts));
    }
    push(&mut text, &format!("\n{}", paint(TITLE, "Steps")));
    for step in &facts.steps {
        push(&mut text, &step_line(step, facts));
    }
    text.push_str(&expected_text(facts));
    text.push_str(&caps_text(facts));
    if !facts.carry.parameters.is_empty() {
        push(&mut text, &format!("\n{}", paint(TITLE, "Tuned settings")));
        for (path, value) in &facts.carry.parameters {
            push(&mut text, &format!("  {path:<32} {value:.3}"));
        }
    }
    let _ = write!(text, "\n{}", paint(CODE, format!("loopctl run {}", project.file)));
    text
}

fn push(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}

/// `cycle 3`, `origin/main (1a2b3c4)`.
fn since(since: &Since) -> String {
    match since {
        Since::Cycle(cycle) => format!("cycle {cycle}"),
        Since::Revision { revision, commit } if commit.starts_with(revision.as_str()) => revision.clone(),
        Since::Revision { revision, commit } => format!("{revision} ({})", &commit[..commit.len().min(7)]),
    }
}

fn changes_text(changes: &Changes, facts: &Facts) -> String {
    let told = format!("{}{}", changed::reruns(&changes.reruns), changed::besides(&changes.diff, &changes.reruns));
    let mut text = format!("\n{}\n", paint(TITLE, format!("Changed since {}", since(&changes.since))));
    if changes.is_new {
        push(&mut text, "  The workflow was not there yet: everything is new.");
    } else if told.is_empty() {
        push(&mut text, &format!("  {}", paint(DIM, "Nothing: no step does anything again because of a change.")));
    } else {
        text.push_str(&told);
        if facts.open.is_some() && matches!(changes.since, Since::Cycle(_)) {
            push(&mut text, "  The open cycle keeps the version it began with; the next one uses this.");
        }
    }
    text
}

fn step_line(step: &StepOutlook, facts: &Facts) -> String {
    let (mark, words) = match &step.will {
        Will::Read => (paint(GOOD, "→"), "reads the outside".to_owned()),
        Will::Ask => (paint(WAIT, "◐"), "asks people about every item".to_owned()),
        Will::Publish => (paint(GOOD, "→"), "sends every new item, once".to_owned()),
        Will::Remember => (paint(GOOD, "→"), "runs: it keeps state from cycle to cycle".to_owned()),
        Will::FollowClock => (paint(GOOD, "→"), "runs: what it says depends on the date".to_owned()),
        Will::ReuseUnchanged => (paint(DIM, "="), "nothing about it changed: only new or changed items run".to_owned()),
        Will::RunAgain(parts) => (paint(GOOD, "→"), format!("re-runs: {}", because(&step.step, parts, facts))),
        Will::RunFirst => (paint(GOOD, "→"), "runs: nothing is remembered of it".to_owned()),
    };
    let mut deferred = if step.deferred == 0 { String::new() } else { format!("; {} waiting and first in line", step.deferred) };
    if let Some(waited) = step.waited.as_ref().filter(|waited| !waited.reason.is_empty()) {
        deferred.push_str(&format!(" ({})", waited.reason));
    }
    if step.void > 0 {
        deferred.push_str(&format!(", of which {} must be approved again", step.void));
    }
    format!("  {mark} {:<16} {}", step.step, paint(DIM, format!("{words}{deferred}")))
}

/// The reasons with their lines where the last cycle's texts explain them, else the names of what changed.
fn because(step: &StepId, parts: &[String], facts: &Facts) -> String {
    let since_cycle = facts.changes.as_ref().filter(|changes| matches!(changes.since, Since::Cycle(_)));
    match since_cycle.and_then(|changes| changes.reruns.of(step)) {
        Some(because) => changed::reasons(because),
        None => format!("{} changed", parts.join(", ")),
    }
}

/// What is expected, and where that comes from.
fn expected_from(facts: &Facts) -> String {
    let left = if facts.open.is_some() { "in what is left of the cycle, " } else { "" };
    match facts.expected.last_cycle {
        Some(cycle) => format!("{left}as in cycle {cycle}, within the caps"),
        None => format!("{left}by the caps"),
    }
}

fn expected_text(facts: &Facts) -> String {
    let expected = &facts.expected;
    if expected.steps.is_empty() {
        return String::new();
    }
    let from = expected_from(facts);
    let mut text = format!("\n{} {}\n", paint(TITLE, "Expected"), paint(DIM, from));
    for step in &expected.steps {
        let by_caps = expected.last_cycle.is_some() && step.basis == Basis::Caps;
        let note = if by_caps { paint(DIM, ", by the caps") } else { String::new() };
        push(&mut text, &format!("  {:<18} {}{note}", step.step, amounts(step)));
    }
    if expected.steps.len() > 1 {
        push(&mut text, &format!("  {:<18} {}", "together", together(expected)));
    }
    text
}

/// `3 model calls, 4,210 tokens, USD 0.0123`, `at most 2 sends`.
fn amounts(step: &StepExpected) -> String {
    if step.basis == Basis::Unknown {
        return "not known before the first cycle; no cap limits it".to_owned();
    }
    let mut parts = Vec::new();
    let most = step.at_most.clone().unwrap_or_default();
    if step.by_template {
        parts.push(format!("{} by template, no model", range(step.pieces, most.pieces, "piece")));
    } else if step.calls.is_some() {
        parts.push(range(step.calls, most.calls, "model call"));
        parts.extend(step.tokens.filter(|tokens| *tokens > 0).map(|tokens| range(Some(tokens), most.tokens, "token")));
        parts.extend(money(step.cost.as_ref(), most.cost.as_ref()));
        parts.extend(step.answer_tokens.and_then(|tokens| answers(tokens, step.answer_cost.as_ref())));
    }
    parts.extend(step.sends.map(|sends| range(Some(sends), most.sends, "send")));
    let or_more = if step.open_ended { ", or more: a change reaches it and no cap bounds it" } else { "" };
    let most = if step.basis == Basis::Caps { "at most " } else { "" };
    format!("{most}{}{or_more}", parts.join(", "))
}

/// `7,200 tokens of answers (USD 0.0720)`, where the questions are not known yet.
fn answers(tokens: u64, cost: Option<&Money>) -> Option<String> {
    let cost = cost.map_or_else(String::new, |cost| format!(" ({cost})"));
    (tokens > 0).then(|| format!("{} of answers{cost}", number(Some(tokens), "token")))
}

fn together(expected: &Expected) -> String {
    let up_to = expected.at_most.clone().unwrap_or_default();
    let mut parts = vec![range(Some(expected.calls), up_to.calls, "model call")];
    if expected.tokens > 0 {
        parts.push(range(Some(expected.tokens), up_to.tokens, "token"));
    }
    parts.extend(money(expected.cost.as_ref(), up_to.cost.as_ref()));
    parts.extend(answers(expected.answer_tokens, expected.answer_cost.as_ref()));
    parts.push(range(Some(expected.sends), up_to.sends, "send"));
    let more = match (expected.incomplete, expected.open_ended) {
        (true, _) => ", and what is not known",
        (false, true) => ", or more",
        (false, false) => "",
    };
    let most = if expected.steps.iter().any(|step| step.basis == Basis::Caps) { "at most " } else { "" };
    format!("{most}{}{more}", parts.join(", "))
}

/// `3 to 5 sends`, or one number when that is all.
fn range(least: Option<u64>, most: Option<u64>, word: &str) -> String {
    match (least, most) {
        (Some(least), Some(most)) if most > least => {
            format!("{} to {}", grouped(usize::try_from(least).unwrap_or(usize::MAX)), number(Some(most), word))
        }
        _ => number(least, word),
    }
}

fn money(least: Option<&Money>, most: Option<&Money>) -> Option<String> {
    match (least?, most) {
        (least, Some(most)) if most.micros > least.micros => Some(format!("{least} to {most}")),
        (least, _) => Some(least.to_string()),
    }
}

fn number(n: Option<u64>, word: &str) -> String {
    n.map_or_else(|| plural(word), |n| count(usize::try_from(n).unwrap_or(usize::MAX), word))
}

fn caps_text(facts: &Facts) -> String {
    if facts.caps.is_empty() && facts.people_caps.is_empty() {
        return String::new();
    }
    let mut text = format!("\n{}\n", paint(TITLE, "Caps"));
    for cap in &facts.caps {
        push(&mut text, &format!("  {:<16} {}", cap.cap, cap_words(cap, &facts.expected)));
    }
    for cap in &facts.people_caps {
        push(&mut text, &format!("  {:<16} {}", cap.cap, cap.says()));
    }
    text
}

/// `3 of 3 pieces left in 2024-W27; 2 expected`
fn cap_words(cap: &CapView, expected: &Expected) -> String {
    let (amount, unit) = (|value: i64| cap.amount(value), cap.unit_word());
    let left = (cap.most - cap.used).max(0);
    let expected = match expected.of_cap(cap) {
        Some((least, most)) => {
            let words = if most > least { format!("{} to {}", amount(least), amount(most)) } else { amount(least) };
            let rest = if least > left { ", so the rest waits" } else { "" };
            format!("; {words} expected{rest}")
        }
        None => String::new(),
    };
    format!("{} of {}{unit} left in {}{expected}", amount(left), amount(cap.most), cap.window)
}

/// For a pull request. Names come from files that a stranger may have sent, so nothing in them is markup.
pub fn markdown(page: &Page<'_>) -> String {
    let Page { project, facts } = page;
    let mut text = format!("### Plan of {}\n\n", code(project.workflow.id.as_str()));
    if let Some(changes) = &facts.changes {
        text.push_str(&changes_markdown(changes));
    }
    let expected = &facts.expected;
    if !expected.steps.is_empty() {
        let from = expected_from(facts);
        let _ = write!(text, "\n**Expected** ({from})\n\n| step | asks for |\n|---|---|\n");
        for step in &expected.steps {
            let _ = writeln!(text, "| {} | {} |", code(step.step.as_str()), amounts(step));
        }
        let _ = writeln!(text, "| together | {} |", together(expected));
    }
    if !facts.caps.is_empty() || !facts.people_caps.is_empty() {
        text.push_str("\n**Caps**\n\n");
        for cap in &facts.caps {
            let _ = writeln!(text, "- {}: {}", code(&cap.cap), cap_words(cap, expected));
        }
        for cap in &facts.people_caps {
            let _ = writeln!(text, "- {}: {}", code(&cap.cap), cap.says());
        }
    }
    text
}

fn changes_markdown(changes: &Changes) -> String {
    let mut text = format!("Compared with {}.\n", code(&since(&changes.since)));
    let (diff, reruns) = (&changes.diff, &changes.reruns);
    if changes.is_new {
        text.push_str("\nThe workflow was not there yet: everything is new.\n");
        return text;
    }
    if diff.is_empty() && reruns.direct.is_empty() {
        text.push_str("\nNothing changed that a step would do again.\n");
        return text;
    }
    let place = |change: &Change| change.at.as_ref().map_or_else(String::new, |at| code(&format!("{}:{}", at.file, at.line)));
    if !reruns.direct.is_empty() {
        text.push_str("\n| runs again | because | where |\n|---|---|---|\n");
        for (steps, because) in reruns.groups() {
            for (n, change) in because.iter().enumerate() {
                let steps = if n == 0 { names(steps.iter().copied()) } else { String::new() };
                let _ = writeln!(text, "| {steps} | {} | {} |", code(&change.what), place(change));
            }
        }
    }
    if !reruns.after.is_empty() {
        let _ = write!(text, "\nAfter it, where what they get changes: {}.\n", names(reruns.after.iter()));
    }
    if !reruns.kept.is_empty() {
        let _ = write!(text, "\nNot touched by it: {}.\n", names(reruns.kept.iter()));
    }
    let besides = changed::besides_of(diff, reruns);
    if !besides.is_empty() {
        text.push_str("\nBesides:\n\n");
        besides.iter().for_each(|line| push(&mut text, &format!("- {}", code(line))));
    }
    text
}

fn names<'a>(steps: impl Iterator<Item = &'a StepId>) -> String {
    steps.map(|step| code(step.as_str())).collect::<Vec<_>>().join(", ")
}

/// As code that stays code: its fence is longer than any run of backticks inside, and a table's bar does not end its cell.
fn code(text: &str) -> String {
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let mut longest = 0;
    let mut run = 0;
    for c in text.chars() {
        run = if c == '`' { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    let fence = "`".repeat(longest + 1);
    let pad = if longest > 0 { " " } else { "" };
    format!("{fence}{pad}{}{pad}{fence}", text.replace('|', "\\|"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_stranger_wrote_cannot_leave_its_cell() {
        assert_eq!(code("a | b"), "`a \\| b`");
        assert_eq!(code("x` <script> `y"), "`` x` <script> `y ``");
        assert_eq!(code("two\nlines"), "`two lines`");
    }
}
