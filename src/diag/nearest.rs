//! Did-you-mean: the closest known name, if it is close enough to be worth saying.

use std::borrow::Cow;

/// The candidate nearest to `word` by Damerau–Levenshtein distance, at most a third of its length away (and at least 1).
/// `_` and `-` count as equal, because mixing them up is the commonest slip. Ties go to the candidate listed first.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = plain(word);
    let letters = Letters::of(&word);
    let limit = (word.chars().count() / 3).max(1);
    let mut best: Option<(usize, &'a str)> = None;
    for candidate in candidates {
        // The distance is computed for few: most names differ in too many letters to be near.
        let most = best.map_or(limit, |(distance, _)| distance - 1);
        let known = plain(candidate);
        if letters.apart(&Letters::of(&known)) > most {
            continue;
        }
        let distance = strsim::damerau_levenshtein(&word, &known);
        if distance <= most {
            best = Some((distance, candidate));
            if distance == 0 {
                break;
            }
        }
    }
    best.map(|(_, candidate)| candidate)
}

fn plain(text: &str) -> Cow<'_, str> {
    match text.bytes().any(|byte| byte == b'_' || byte.is_ascii_uppercase() || !byte.is_ascii()) {
        true => text.to_lowercase().replace('_', "-").into(),
        false => text.into(),
    }
}

/// How often each letter stands in a word, whatever the order. What is no ASCII letter shares a place with others.
struct Letters([u16; 32]);

impl Letters {
    fn of(word: &str) -> Letters {
        let mut letters = [0u16; 32];
        for character in word.chars() {
            let count = &mut letters[character as usize % 32];
            *count = count.saturating_add(1);
        }
        Letters(letters)
    }

    /// A number of edits that certainly does not suffice for less: each edit takes away at most one letter and adds at most one.
    fn apart(&self, other: &Letters) -> usize {
        let (mut less, mut more) = (0usize, 0usize);
        for (one, other) in self.0.iter().zip(&other.0) {
            less += usize::from(other.saturating_sub(*one));
            more += usize::from(one.saturating_sub(*other));
        }
        less.max(more)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_found_and_far_ones_are_not() {
        let names = ["score", "source", "lead-score", "gate"];
        assert_eq!(nearest("sorce", names), Some("source"));
        assert_eq!(nearest("lead_score", names), Some("lead-score"));
        assert_eq!(nearest("publish", names), None);
        assert_eq!(nearest("", names), None);
        assert_eq!(nearest("Score", names), Some("score"));
        assert_eq!(nearest("früh", ["frueh", "fruh", "früh-auf"]), Some("fruh"));
    }
}
