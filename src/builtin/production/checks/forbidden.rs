//! Phrases that the Client OS forbids, and those that would break a locked decision.

use super::words::{occurrences, words};
use super::{Places, Subject};
use crate::client_os::Snapshot;
use crate::model::goods::Finding;

/// Every forbidden phrase, in any inflection. Quotations of other people's words (`>` lines) are left alone.
pub fn check(subject: &Subject<'_>) -> Vec<Finding> {
    check_text(subject.text, subject.client_os)
}

/// The same for a text that no step has written.
pub fn check_text(text: &str, client_os: &Snapshot) -> Vec<Finding> {
    let words = words(text);
    let own_words = |start: usize| {
        let line = text[..start].rfind('\n').map_or(0, |at| at + 1);
        !text[line..].trim_start().starts_with('>')
    };
    let mut findings = Vec::new();
    let mut look = |phrase: &str, why: &str| {
        let mut places = Places::new(text);
        for range in occurrences(&words, phrase).into_iter().filter(|range| own_words(range.start)) {
            let found = &text[range.clone()];
            findings.push(places.finding("forbidden", range.clone(), format!("“{found}” {why}"), true));
        }
    };
    for phrase in &client_os.forbidden {
        look(phrase, "is a forbidden phrase of the brand");
    }
    for decision in &client_os.decisions {
        for phrase in &decision.forbids {
            look(phrase, &format!("breaks the locked decision “{}”", decision.name));
        }
    }
    findings
}
