//! Duplicate topic: a piece on what an own page already answers.

use super::words::words;
use super::{Subject, finding};
use crate::client_os::Snapshot;
use crate::model::goods::Finding;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Of all stems of both titles so many are shared (Jaccard 1912).
const SAME: f64 = 0.6;

pub fn check(subject: &Subject<'_>) -> Vec<Finding> {
    check_text(subject.text, &subject.brief.title, subject.client_os)
}

/// The same for a text that no step has written; `title` counts when it has no first heading.
pub fn check_text(text: &str, title: &str, client_os: &Snapshot) -> Vec<Finding> {
    let first = text.lines().find(|line| line.starts_with("# "));
    let title = first.map_or(title, |line| line.trim_start_matches('#').trim());
    let start = first.and_then(|line| text.find(line)).unwrap_or(0);
    let end = start + first.map_or(0, str::len);
    let own = stems(title);
    client_os
        .pages
        .iter()
        .filter(|(page, _)| alike(&own, &stems(page)) >= SAME)
        .map(|(page, url)| {
            let message =
                format!("the page “{page}” ({url}) answers this already: bring it up to date instead, or say what is new");
            finding("duplicate", text, start..end, message, false)
        })
        .collect()
}

/// Stems that carry meaning.
fn stems(title: &str) -> BTreeSet<Arc<str>> {
    const EMPTY: &[&str] = &[
        "a", "an", "and", "are", "as", "at", "be", "by", "do", "doe", "for", "from", "how", "in", "is", "it", "of", "on", "or",
        "our", "the", "to", "we", "what", "when", "whi", "why", "with", "you", "your",
    ];
    words(title).into_iter().map(|word| word.stem).filter(|stem| !EMPTY.contains(&&**stem)).collect()
}

fn alike(a: &BTreeSet<Arc<str>>, b: &BTreeSet<Arc<str>>) -> f64 {
    let shared = a.intersection(b).count() as f64;
    let all = a.union(b).count() as f64;
    // One shared word is a subject, not a duplicate.
    if shared < 2.0 { 0.0 } else { shared / all }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_that_say_the_same_are_alike_and_others_are_not() {
        let alike = |a: &str, b: &str| alike(&stems(a), &stems(b)) >= SAME;
        assert!(alike("What a hosting bill is really made of", "What a hosting bill is made of"));
        assert!(alike("How we review deployments", "How we review a deployment"));
        assert!(!alike("Hosting prices moved in March", "What a hosting bill is made of"));
        assert!(!alike("Bills", "A bill"), "one word is a subject");
    }
}
