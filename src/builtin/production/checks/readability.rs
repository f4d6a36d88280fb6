//! Readability: how many years of school a text asks of its reader.

use super::{Subject, finding};
use crate::builtin::production::rules::Document;
use crate::model::goods::Finding;

/// A text above this grade is told: beyond the first years at a university few people read with ease.
const HARDEST: f64 = 14.0;
/// Fewer words say nothing about a text.
const LEAST_WORDS: usize = 100;

pub fn check(subject: &Subject<'_>) -> Vec<Finding> {
    check_text(subject.text)
}

/// Told of the whole text; the place is its longest sentence, which is the first to mend.
pub fn check_text(text: &str) -> Vec<Finding> {
    let document = Document::new(text);
    let sentences = document.sentences();
    let words =
        |part: &str| part.split(|c: char| !c.is_alphanumeric() && c != '\'' && c != '’').filter(|word| !word.is_empty()).count();
    let counts: Vec<usize> = sentences.iter().map(|range| words(&document.prose()[range.clone()])).collect();
    let total: usize = counts.iter().sum();
    let Some((longest, most)) = counts.iter().enumerate().max_by_key(|(at, count)| (**count, usize::MAX - at)) else {
        return Vec::new();
    };
    if total < LEAST_WORDS {
        return Vec::new();
    }
    let syllables: usize =
        sentences.iter().map(|range| document.prose()[range.clone()].split_whitespace().map(syllables).sum::<usize>()).sum();
    let grade = grade(total, sentences.len(), syllables);
    if grade <= HARDEST {
        return Vec::new();
    }
    let message = format!(
        "hard to read: it asks for {grade:.0} years of school, {HARDEST:.0} is the most; this sentence has {most} words and is the first to split"
    );
    vec![finding("readability", text, sentences[longest].clone(), message, false)]
}

/// Flesch–Kincaid grade level (Kincaid, Fishburne, Rogers and Chissom 1975, Navy Research Branch Report 8-75).
pub fn grade(words: usize, sentences: usize, syllables: usize) -> f64 {
    0.39 * words as f64 / sentences.max(1) as f64 + 11.8 * syllables as f64 / words.max(1) as f64 - 15.59
}

/// Groups of vowels, without a silent `e` at the end; at least one in a word with letters. Right for about nine English words in ten.
fn syllables(word: &str) -> usize {
    let letters: Vec<char> = word.chars().filter(|c| c.is_alphabetic()).map(|c| c.to_lowercase().next().unwrap_or(c)).collect();
    if letters.is_empty() {
        return 0;
    }
    let vowel = |c: &char| matches!(c, 'a' | 'e' | 'i' | 'o' | 'u' | 'y');
    let mut count = letters.iter().enumerate().filter(|(at, c)| vowel(c) && (*at == 0 || !vowel(&letters[at - 1]))).count();
    let silent =
        letters.ends_with(&['e']) && !letters.ends_with(&['l', 'e']) && letters.len() > 2 && !vowel(&letters[letters.len() - 2]);
    if silent {
        count = count.saturating_sub(1);
    }
    count.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn syllables_are_counted_as_they_are_spoken() {
        for (word, count) in
            [("the", 1), ("price", 1), ("table", 2), ("reading", 2), ("evidence", 3), ("organisation", 5), ("42", 0), ("GB", 1)]
        {
            assert_eq!(syllables(word), count, "{word}");
        }
    }

    #[test]
    fn the_grade_is_that_of_the_formula() {
        // 100 words in 5 sentences with 150 syllables: 0.39 · 20 + 11.8 · 1.5 − 15.59.
        assert!((grade(100, 5, 150) - 9.91).abs() < 1e-9);
    }

    #[test]
    fn hard_texts_are_told_at_their_longest_sentence_and_plain_ones_are_not() {
        let hard = "Organisational transformation initiatives necessitate comprehensive stakeholder communication strategies encompassing \
                    multidimensional considerations regarding infrastructural modernisation, operational accountability and technological \
                    interoperability, notwithstanding administrative complexities. ";
        let found = check_text(&hard.repeat(5));
        assert_eq!(found.len(), 1);
        assert!(found[0].message.contains("years of school") && found[0].end > found[0].start);
        assert!(check_text(&"Prices moved on Thursday. Your bill moves with them. Here is the sum. ".repeat(12)).is_empty());
        assert!(check_text(hard).is_empty(), "too little to tell");
    }
}
