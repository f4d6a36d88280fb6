//! Checks on a text, each a pure function in a file of its own. They find like a linter: position, message, fix.

pub mod duplicate;
pub mod forbidden;
pub mod grounding;
pub mod readability;
pub mod voice;
pub mod words;

use crate::client_os::Snapshot;
use crate::model::goods::{Brief, Finding};

/// The names that a workflow may use, in the order they run.
pub const CHECKS: &[&str] = &["forbidden", "grounding", "voice", "readability", "duplicate"];

/// What is checked, and what it is checked against.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    /// Markdown.
    pub text: &'a str,
    pub brief: &'a Brief,
    /// What a person has approved before: their words need no source.
    pub approved: &'a str,
    pub client_os: &'a Snapshot,
}

/// Runs the named checks. Findings come in text order.
pub fn run(names: &[&str], subject: &Subject<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for name in CHECKS.iter().filter(|name| names.contains(name)) {
        match *name {
            "forbidden" => findings.extend(forbidden::check(subject)),
            "grounding" => findings.extend(grounding::check(subject)),
            "voice" => findings.extend(voice::check(subject)),
            "readability" => findings.extend(readability::check(subject)),
            "duplicate" => findings.extend(duplicate::check(subject)),
            _ => {}
        }
    }
    findings.sort_by(|a, b| (a.start, a.end, &a.check).cmp(&(b.start, b.end, &b.check)));
    findings
}

/// A finding at a byte range of `text`.
pub(super) fn finding(check: &str, text: &str, range: std::ops::Range<usize>, message: String, blocking: bool) -> Finding {
    let before = &text[..range.start];
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    Finding {
        check: check.to_owned(),
        line: before.matches('\n').count() as u32 + 1,
        column: text[line_start..range.start].chars().count() as u32 + 1,
        start: range.start as u32,
        end: range.end as u32,
        message,
        fix: None,
        blocking,
    }
}
