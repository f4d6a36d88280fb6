//! Topic keys: the same subject has the same key in each cycle and each source.

use crate::base::Digest;
use crate::stats::text::{is_stop_word, tokens};
use rust_stemmers::{Algorithm, Stemmer};
use std::collections::BTreeSet;

/// The most words a key has.
const KEY_WORDS: usize = 10;

/// A readable key: `Workflow automation for marketing` is `workflow-automation-marketing`. A text without any word is known
/// by its digest.
pub fn key(text: &str) -> String {
    let all = tokens(text);
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

/// The words of a text, lower-case and without diacritics.
pub fn words(text: &str) -> Vec<String> {
    tokens(text)
}

/// The stem of one lower-case word.
pub fn stem(word: &str) -> String {
    stem_with(&Stemmer::create(Algorithm::English), word)
}

/// The stems of the telling words, each once.
pub fn stems(text: &str) -> BTreeSet<String> {
    stems_in_order(text).into_iter().collect()
}

/// The stems of the telling words, in the order of the text.
pub fn stems_in_order(text: &str) -> Vec<String> {
    let stemmer = Stemmer::create(Algorithm::English);
    tokens(text).iter().filter(|word| !is_stop_word(word)).map(|word| stem_with(&stemmer, word)).collect()
}

fn stem_with(stemmer: &Stemmer, word: &str) -> String {
    // The stemmer keeps the plural of short forms such as `gpus`, because it takes `us` for Latin.
    match word.strip_suffix('s') {
        Some(one) if one.ends_with('u') && !one[..one.len() - 1].contains(['a', 'e', 'i', 'o', 'u', 'y']) => one.to_owned(),
        _ => stemmer.stem(word).into_owned(),
    }
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
    fn keys_are_readable_and_stable() {
        assert_eq!(key("Workflow automation for Marketing"), "workflow-automation-marketing");
        assert_eq!(key("  workflow  AUTOMATION: marketing!"), "workflow-automation-marketing");
        assert_eq!(key("Café don't close"), "cafe-close");
        assert_eq!(key("how to"), "how-to");
        assert!(key("🎈🎈").starts_with("text-"));
    }

    #[test]
    fn clusters_ignore_order_and_number() {
        assert_eq!(cluster("approval gates for content"), cluster("Content approvals: the gate"));
        assert_ne!(cluster("approval gates"), cluster("approval"));
        assert_eq!(cluster("GPUs"), cluster("gpu"));
    }
}
