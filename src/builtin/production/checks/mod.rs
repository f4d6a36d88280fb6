//! Checks on a text, each a pure function in a file of its own. They find like a linter: position, message, fix.

pub mod dates;
pub mod duplicate;
pub mod forbidden;
pub mod grounding;
pub mod markup;
pub mod platform;
pub mod readability;
pub mod voice;
pub mod words;

use crate::base::InOrder;
use crate::client_os::Snapshot;
use crate::model::goods::{Brief, Finding};
use std::ops::Range;

/// The names that a workflow may use, in the order they run.
pub const CHECKS: &[&str] = &["forbidden", "grounding", "platform", "voice", "readability", "duplicate"];

/// What is checked, and what it is checked against.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    /// Markdown.
    pub text: &'a str,
    pub brief: &'a Brief,
    /// What a person has approved before: their words need no source.
    pub approved: &'a str,
    pub client_os: &'a Snapshot,
    /// Where it is meant to go out, when that is known.
    pub platform: Option<&'a str>,
}

/// Runs the named checks, and `markup`, which nobody has to ask for. Findings come in text order.
pub fn run(names: &[&str], subject: &Subject<'_>) -> Vec<Finding> {
    let mut findings = markup::check_text(subject.text);
    for name in CHECKS.iter().filter(|name| names.contains(name)) {
        match *name {
            "forbidden" => findings.extend(forbidden::check(subject)),
            "grounding" => findings.extend(grounding::check(subject)),
            "platform" => findings.extend(platform::check(subject)),
            "voice" => findings.extend(voice::check(subject)),
            "readability" => findings.extend(readability::check(subject)),
            "duplicate" => findings.extend(duplicate::check(subject)),
            _ => {}
        }
    }
    findings.order_by(|a, b| (a.start, a.end, &a.check).cmp(&(b.start, b.end, &b.check)));
    findings
}

/// A finding at a byte range of `text`. Where there may be many, [`Places`] knows the lines.
pub(super) fn finding(check: &str, text: &str, range: Range<usize>, message: String, blocking: bool) -> Finding {
    Places::new(text).finding(check, range, message, blocking)
}

/// Where a byte stands in a text, for many bytes in about their order: a text is gone through once, not once for each finding.
pub(super) struct Places<'a> {
    text: &'a str,
    /// The last answer: the byte, its line and its column.
    last: (usize, u32, u32),
}

impl<'a> Places<'a> {
    pub fn new(text: &'a str) -> Places<'a> {
        Places { text, last: (0, 1, 1) }
    }

    /// Line and column of a byte, from 1; columns count characters.
    fn of(&mut self, at: usize) -> (u32, u32) {
        if at < self.last.0 {
            self.last = (0, 1, 1);
        }
        let (from, mut line, mut column) = self.last;
        let between = &self.text[from..at];
        let breaks = between.matches('\n').count() as u32;
        let characters = |text: &str| text.chars().count() as u32;
        if breaks > 0 {
            let start = from + between.rfind('\n').map_or(0, |at| at + 1);
            line += breaks;
            column = 1 + characters(&self.text[start..at]);
        } else {
            column += characters(between);
        }
        self.last = (at, line, column);
        (line, column)
    }

    pub fn finding(&mut self, check: &str, range: Range<usize>, message: String, blocking: bool) -> Finding {
        let (line, column) = self.of(range.start);
        Finding {
            check: check.to_owned(),
            line,
            column,
            start: range.start as u32,
            end: range.end as u32,
            message,
            fix: None,
            blocking,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_the_same_in_whatever_order_it_is_asked_for() {
        let text = "one\ntwé three\n\nfour";
        let slow = |at: usize| {
            let before = &text[..at];
            let line = before.rfind('\n').map_or(0, |at| at + 1);
            (before.matches('\n').count() as u32 + 1, before[line..].chars().count() as u32 + 1)
        };
        let ends: Vec<usize> = (0..=text.len()).filter(|at| text.is_char_boundary(*at)).collect();
        for first in &ends {
            for second in &ends {
                let mut places = Places::new(text);
                assert_eq!((places.of(*first), places.of(*second)), (slow(*first), slow(*second)), "{first} {second}");
            }
        }
    }
}
