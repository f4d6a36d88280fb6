//! Topic keys: the same subject has the same key in each cycle and each source.

use crate::base::Digest;
use rust_stemmers::{Algorithm, Stemmer};
use std::collections::BTreeSet;

/// Words that say nothing about a subject. Kept short on purpose: a topic may well be "how to".
pub const STOP_WORDS: &[&str] = &[
    "a", "about", "all", "also", "an", "and", "any", "are", "as", "at", "be", "been", "but", "by", "can", "do", "does", "for",
    "from", "get", "had", "has", "have", "he", "her", "his", "how", "i", "if", "in", "into", "is", "it", "its", "just", "like",
    "make", "may", "me", "more", "most", "my", "new", "no", "not", "now", "of", "on", "one", "only", "or", "other", "our", "out",
    "over", "s", "she", "should", "so", "some", "such", "t", "than", "that", "the", "their", "them", "then", "there", "these",
    "they", "this", "to", "up", "us", "use", "using", "very", "was", "we", "were", "what", "when", "where", "which", "who",
    "why", "will", "with", "would", "you", "your",
];

/// The most words a key has.
const KEY_WORDS: usize = 10;

/// Lower-case words: runs of letters and digits, with `+` and `#` kept at the end (`c++`, `c#`).
pub fn words(text: &str) -> Vec<String> {
    let lower = text.to_lowercase();
    let mut words: Vec<String> = Vec::new();
    let mut word = String::new();
    for c in lower.chars() {
        if c.is_alphanumeric() || (!word.is_empty() && matches!(c, '+' | '#')) {
            word.push(c);
        } else if matches!(c, '\'' | '’') {
            // `don't` stays one word.
        } else if !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

pub fn is_stop_word(word: &str) -> bool {
    STOP_WORDS.binary_search(&word).is_ok()
}

/// A readable key: `Workflow automation for marketing` is `workflow-automation-marketing`. A text without any word is known
/// by its digest.
pub fn key(text: &str) -> String {
    let all = words(text);
    let telling: Vec<&String> = all.iter().filter(|word| !is_stop_word(word)).collect();
    let chosen: Vec<&str> = if telling.is_empty() {
        all.iter().map(String::as_str).collect()
    } else {
        telling.into_iter().map(String::as_str).collect()
    };
    if chosen.is_empty() {
        return format!("text-{}", Digest::of(text).short(12));
    }
    chosen[..chosen.len().min(KEY_WORDS)].join("-")
}

/// The stems of the telling words, each once.
pub fn stems(text: &str) -> BTreeSet<String> {
    let stemmer = Stemmer::create(Algorithm::English);
    words(text).iter().filter(|word| !is_stop_word(word)).map(|word| stemmer.stem(word).into_owned()).collect()
}

/// The stem of one lower-case word.
pub fn stem(word: &str) -> String {
    Stemmer::create(Algorithm::English).stem(word).into_owned()
}

/// The cluster a text belongs to: the set of its stems, so that order, number and stop words do not matter.
pub fn cluster(text: &str) -> String {
    let stems = stems(text);
    if stems.is_empty() { key(text) } else { stems.into_iter().collect::<Vec<_>>().join("-") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stop_words_are_sorted_for_the_search() {
        assert!(STOP_WORDS.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn keys_are_readable_and_stable() {
        assert_eq!(key("Workflow automation for Marketing"), "workflow-automation-marketing");
        assert_eq!(key("  workflow  AUTOMATION: marketing!"), "workflow-automation-marketing");
        assert_eq!(key("C++ don't"), "c++-dont");
        assert_eq!(key("how to"), "how-to");
        assert!(key("🎈🎈").starts_with("text-"));
    }

    #[test]
    fn clusters_ignore_order_and_number() {
        assert_eq!(cluster("approval gates for content"), cluster("Content approvals: the gate"));
        assert_ne!(cluster("approval gates"), cluster("approval"));
    }
}
