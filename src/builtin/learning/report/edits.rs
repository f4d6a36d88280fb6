//! What people do to a text: how much of it they keep, which phrases they cut, how its form changes.

use crate::base::InOrder;
use crate::stats::difference::{ChangeTag, Difference};
use crate::stats::text::is_stop_word;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Cut phrases of more words say nothing that comes again.
const WORDS_MOST: usize = 5;
/// A longer run of cut words is a passage that was taken out, which says nothing about its phrases.
const RUN_MOST: usize = 12;
/// Phrases remembered of one piece.
const CUT_MOST: usize = 40;

/// Lower-case words with single spaces, punctuation and Markdown left out, with a space at both ends, so that a search for
/// ` phrase ` finds whole words.
pub fn folded(text: &str) -> String {
    let mut folded = String::with_capacity(text.len() + 2);
    folded.push(' ');
    for word in words(text) {
        folded.push_str(&word);
        folded.push(' ');
    }
    folded
}

fn words(text: &str) -> impl Iterator<Item = String> + '_ {
    text.split_whitespace()
        .map(|word| word.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase().replace('’', "'"))
        .filter(|word| !word.is_empty())
}

/// Whether a folded text holds a phrase as whole words.
pub fn holds(folded_text: &str, phrase: &str) -> bool {
    let phrase = phrase.trim();
    !phrase.is_empty() && folded_text.contains(&format!(" {phrase} "))
}

/// The share of the words before that stand in the text after, in their order: 1 when nothing was cut.
pub fn kept(before: &str, after: &str) -> f64 {
    let (old, new): (Vec<String>, Vec<String>) = (words(before).collect(), words(after).collect());
    if old.is_empty() {
        return if new.is_empty() { 1.0 } else { 0.0 };
    }
    // Against the longer of both, so that a person who wrote ten times as much beside it counts as its author.
    let longer = old.len().max(new.len()) as f64;
    let same = same_words(&old, &new);
    same as f64 / longer
}

fn same_words(old: &[String], new: &[String]) -> usize {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.iter().map(String::as_str).collect(), new.iter().map(String::as_str).collect());
    Difference::between(old, new, None).same()
}

/// The phrases of one to five words that a person cut and that stand nowhere in the new text. Empty when hardly anything was
/// kept: who writes anew says nothing about single phrases.
pub fn cut(before: &str, after: &str) -> Vec<String> {
    if kept(before, after) < 0.5 {
        return Vec::new();
    }
    let (old, new): (Vec<String>, Vec<String>) = (words(before).collect(), words(after).collect());
    let (old, new): (Vec<&str>, Vec<&str>) = (old.iter().map(String::as_str).collect(), new.iter().map(String::as_str).collect());
    let mut runs: Vec<Vec<&str>> = vec![Vec::new()];
    for (tag, word) in Difference::between(old, new, None).changes() {
        match tag {
            ChangeTag::Delete => runs.last_mut().expect("it is never empty").push(word),
            // What is put in between belongs to the same place.
            ChangeTag::Insert => {}
            ChangeTag::Equal => runs.push(Vec::new()),
        }
    }
    let left = folded(after);
    let mut phrases = BTreeSet::new();
    for run in runs.into_iter().filter(|run| run.len() <= RUN_MOST) {
        for length in 1..=WORDS_MOST.min(run.len()) {
            for phrase in run.windows(length) {
                if telling(phrase) && !holds(&left, &phrase.join(" ")) {
                    phrases.insert(phrase.join(" "));
                }
            }
        }
    }
    let mut phrases: Vec<String> = phrases.into_iter().collect();
    // The long ones say most.
    phrases.order_by_key(|phrase| std::cmp::Reverse(phrase.split(' ').count()));
    phrases.truncate(CUT_MOST);
    phrases
}

/// Whether a phrase can be forbidden at all: it has a word that means something, and no number.
fn telling(phrase: &[&str]) -> bool {
    let numbers = phrase.iter().any(|word| word.chars().any(|c| c.is_ascii_digit()) || word.contains("://"));
    let means = phrase.iter().filter(|word| word.chars().count() >= 4 && !is_stop_word(word)).count();
    let edge = |word: &&str| is_stop_word(word);
    !numbers && means > 0 && (phrase.len() > 2 || !phrase.first().is_some_and(edge)) && !phrase.last().is_some_and(edge)
}

/// Whether the change put one number in the place of another: a fact was wrong.
pub fn corrects_a_fact(before: &str, after: &str) -> bool {
    let numbers = |text: &str| -> BTreeSet<String> {
        let kept = |word: String| word.chars().any(|c| c.is_ascii_digit()).then_some(word);
        words(text).filter(|word| !word.starts_with("c") || word.len() > 3).filter_map(kept).collect()
    };
    let (old, new) = (numbers(before), numbers(after));
    kept(before, after) >= 0.5 && old.difference(&new).next().is_some() && new.difference(&old).next().is_some()
}

/// The form of a text in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Shape {
    pub words: f64,
    /// Mean words a sentence.
    pub sentence: f64,
    pub headings: f64,
    pub exclamations: f64,
}

impl Shape {
    pub fn of(text: &str) -> Shape {
        let is_heading = |line: &&str| line.trim_start().starts_with('#');
        let prose: Vec<&str> = text.lines().filter(|line| !is_heading(line)).collect();
        let count = prose.iter().map(|line| line.split_whitespace().count()).sum::<usize>() as f64;
        // A line of its own is a sentence too, as in a list.
        let ends = |line: &&str| {
            let ends = line.matches(['.', '!', '?']).count();
            ends.max(usize::from(line.split_whitespace().next().is_some()))
        };
        let sentences = prose.iter().map(ends).sum::<usize>() as f64;
        Shape {
            words: count,
            sentence: if sentences > 0.0 { count / sentences } else { 0.0 },
            headings: text.lines().filter(is_heading).count() as f64,
            exclamations: text.matches('!').count() as f64,
        }
    }
}

/// The first paragraph that can stand as an example: plain sentences of 12 to 70 words without links and citations. Empty when
/// there is none.
pub fn sample(text: &str) -> String {
    let plain = |paragraph: &&str| {
        let count = paragraph.split_whitespace().count();
        (12..=70).contains(&count)
            && !paragraph.starts_with(['#', '-', '*', '>', '|', '`'])
            && !paragraph.contains(['[', '<', '`'])
    };
    let paragraphs = text.split("\n\n").map(str::trim);
    paragraphs
        .filter(plain)
        .map(|paragraph| paragraph.split_whitespace().collect::<Vec<_>>().join(" "))
        .next()
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_cut_is_found_and_what_they_keep_is_not() {
        let before = "# Prices\nIt is a truly game-changing offer for small teams, and it costs 12 dollars a month.";
        let after = "# Prices\nIt is an offer for small teams, and it costs 12 dollars a month.";
        let cut = cut(before, after);
        assert!(cut.contains(&"truly game-changing".to_owned()), "{cut:?}");
        assert!(!cut.iter().any(|phrase| phrase.contains("offer") || phrase == "a"), "{cut:?}");
        assert!((0.8..1.0).contains(&kept(before, after)));
        assert_eq!(kept(before, before), 1.0);
    }

    #[test]
    fn a_passage_that_was_taken_out_whole_hides_no_phrase() {
        let rest = "It costs 12 dollars a month. Nobody signs anything before the first machine is up and somebody has looked at it. \
A second one is added when the first is full, and taken away when nobody needs it.";
        let passage =
            "Bring your last bill along: half an hour with us, free, on what teams of your size pay elsewhere and why that is so";
        let before = format!("This is a truly game-changing offer for small teams. {rest}\n\n{passage}.");
        let after = format!("This is an offer for small teams. {rest}\n");
        let cut = cut(&before, &after);
        assert!(cut.contains(&"truly game-changing".to_owned()) && !cut.iter().any(|phrase| phrase.contains("bill")), "{cut:?}");
    }

    #[test]
    fn a_text_written_anew_is_a_persons_and_names_no_phrase() {
        let before = "Interest in deploys rose. Answer what people look for.";
        let after = "We moved forty services last month and wrote down every hour that it took, because nobody else does.";
        assert!(kept(before, after) < 0.2);
        assert!(cut(before, after).is_empty());
        // The same when the generated text is only a small part of it.
        assert!(kept(before, &format!("{before} {}", after.repeat(5))) < 0.2);
        assert_eq!(kept("", ""), 1.0);
    }

    #[test]
    fn a_number_in_the_place_of_another_is_a_correction() {
        assert!(corrects_a_fact("It costs 12 dollars a month for each team", "It costs 15 dollars a month for each team"));
        assert!(!corrects_a_fact("It costs 12 dollars a month for each team", "It costs 12 dollars a month for a team"));
        assert!(!corrects_a_fact("It costs 12 dollars", "We moved 40 services and then nothing at all was left of it"));
    }

    #[test]
    fn form_is_counted_and_a_sample_is_plain_prose() {
        let text = "# Title\n\nShort. Very short!\n\n- [a link](https://x.example) here\n\nThis paragraph has enough words in it to stand as an example of how we write things.\n";
        let shape = Shape::of(text);
        assert_eq!((shape.headings, shape.exclamations), (1.0, 1.0));
        assert!(sample(text).starts_with("This paragraph"));
        assert_eq!(sample("# Only\n\n- a list"), "");
        assert_eq!(Shape::of(""), Shape::default());
    }
}
