//! Did-you-mean: the closest known name, if it is close enough to be worth saying.

/// The candidate nearest to `word` by Damerau–Levenshtein distance, at most a third of its length away (and at least 1).
/// `_` and `-` count as equal, because mixing them up is the commonest slip. Ties go to the candidate listed first.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |text: &str| text.to_lowercase().replace('_', "-");
    let word = plain(word);
    let limit = (word.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&word, &plain(candidate)), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
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
    }
}
