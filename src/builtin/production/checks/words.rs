//! Words of a text with their places and stems: what phrase checks compare, so that inflections are found and parts of words are not.

use rust_stemmers::{Algorithm, Stemmer};
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

/// A word and where it stands.
pub struct Word {
    pub stem: Arc<str>,
    pub range: Range<usize>,
}

/// Words are runs of letters, digits and inner apostrophes. Stems are those of Porter's English stemmer (Snowball).
pub fn words(text: &str) -> Vec<Word> {
    let stemmer = Stemmer::create(Algorithm::English);
    // A text says most of its words again and again, and a stem costs more than a look.
    let mut stems: HashMap<&str, Arc<str>> = HashMap::new();
    let mut words = Vec::new();
    let mut start = None;
    let ends = text.char_indices().map(|(at, c)| (at, is_inside(c))).chain([(text.len(), false)]);
    for (at, inside) in ends {
        match (inside, start) {
            (true, None) => start = Some(at),
            (false, Some(begin)) => {
                let word = text[begin..at].trim_end_matches(['\'', '’']);
                if !word.is_empty() {
                    let stem = stems.entry(word).or_insert_with(|| {
                        let lower = word.to_lowercase().replace('’', "'");
                        Arc::from(stemmer.stem(&lower).as_ref())
                    });
                    words.push(Word { stem: stem.clone(), range: begin..begin + word.len() });
                }
                start = None;
            }
            _ => {}
        }
    }
    words
}

fn is_inside(c: char) -> bool {
    c.is_alphanumeric() || c == '\'' || c == '’'
}

/// Every place where `phrase` stands in `words`, as byte ranges of their text: whole words, in any inflection.
pub fn occurrences(words: &[Word], phrase: &str) -> Vec<Range<usize>> {
    let wanted: Vec<Arc<str>> = self::words(phrase).into_iter().map(|word| word.stem).collect();
    if wanted.is_empty() {
        return Vec::new();
    }
    words
        .windows(wanted.len())
        .filter(|window| window.iter().zip(&wanted).all(|(word, stem)| word.stem == *stem))
        .map(|window| window[0].range.start..window[window.len() - 1].range.end)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inflections_are_found_and_parts_of_words_are_not() {
        let text = "We leveraged synergies. A lever is fine. Leveraging helps; game-changing, too.";
        let words = words(text);
        let found =
            |phrase: &str| occurrences(&words, phrase).into_iter().map(|range| text[range].to_owned()).collect::<Vec<_>>();
        assert_eq!(found("leverage"), ["leveraged", "Leveraging"]);
        assert_eq!(found("game changing"), ["game-changing"]);
        assert_eq!(found("synergy"), ["synergies"]);
        assert!(found("").is_empty());
    }
}
