//! Rules that look for words: that they stand there, that better ones exist, that one stands twice.

use super::document::Document;
use super::{RuleError, Scope};
use crate::base::InOrder;
use regex::{Regex, RegexBuilder};
use std::ops::Range;

/// Words or expressions that should not stand there.
#[derive(Debug)]
pub struct Pattern {
    regex: Regex,
    exceptions: Exceptions,
    /// Whether a match must be whole words.
    words: bool,
}

/// What is fine although it matches. As in Vale, each is whole words in their own case, and a match that has one in it is let through.
#[derive(Debug, Default)]
struct Exceptions(Option<Regex>);

impl Exceptions {
    fn new(texts: &[String]) -> Result<Exceptions, RuleError> {
        let texts: Vec<String> = longest_first(texts.iter().map(|text| curly(text)));
        let source = (!texts.is_empty()).then(|| format!(r"\b(?:{})\b", texts.join("|")));
        Ok(Exceptions(source.map(|source| compile(&source, false)).transpose()?))
    }

    fn has(&self, found: &str) -> bool {
        self.0.as_ref().is_some_and(|fine| fine.is_match(found.trim()))
    }
}

/// An alternation takes the first that fits, so the longer one stands before what it begins with.
fn longest_first(texts: impl Iterator<Item = String>) -> Vec<String> {
    let mut texts: Vec<String> = texts.collect();
    texts.order_by_key(|text| std::cmp::Reverse(text.len()));
    texts
}

impl Pattern {
    /// `raw` stands before the tokens, as in Vale, or with `append` behind them; without tokens it stands alone.
    ///
    /// # Errors
    /// When an expression cannot be read, or needs what the `regex` crate leaves out for the sake of linear time.
    pub fn new(
        raw: &[String],
        tokens: &[String],
        ignore_case: bool,
        nonword: bool,
        append: bool,
        exceptions: &[String],
    ) -> Result<Pattern, RuleError> {
        let tokens: Vec<String> = tokens.iter().filter(|token| !token.trim().is_empty()).map(|token| curly(token)).collect();
        let raw = curly(&raw.concat());
        let words = !nonword && !tokens.is_empty();
        let source = match (tokens.is_empty(), words) {
            (true, _) => raw,
            // Bounds of ASCII words keep the fast engine in use; the rest is looked at match by match.
            (false, true) => around(&raw, append, &format!("(?-u:\\b)(?:{})(?-u:\\b)", tokens.join("|"))),
            (false, false) => around(&raw, append, &format!("(?:{})", tokens.join("|"))),
        };
        Ok(Pattern { regex: compile(&source, ignore_case)?, exceptions: Exceptions::new(exceptions)?, words })
    }

    pub fn find(&self, document: &Document<'_>, scope: Scope, hit: &mut dyn FnMut(Range<usize>)) {
        for (start, part) in document.parts(scope) {
            for found in self.regex.find_iter(part) {
                if !found.is_empty() && !self.exceptions.has(found.as_str()) && (!self.words || stands_alone(part, found.range()))
                {
                    hit(start + found.start()..start + found.end());
                }
            }
        }
    }
}

/// Words for which there are better ones.
#[derive(Debug)]
pub struct Swaps {
    regex: Regex,
    /// What to write, by the number of the group that matched.
    better: Vec<String>,
    exceptions: Exceptions,
    words: bool,
}

impl Swaps {
    /// # Errors
    /// As [`Pattern::new`].
    pub fn new(swaps: &[(String, String)], ignore_case: bool, nonword: bool, exceptions: &[String]) -> Result<Swaps, RuleError> {
        // `a number of` stands before `a number`.
        let mut swaps: Vec<&(String, String)> = swaps.iter().collect();
        swaps.order_by_key(|(from, _)| std::cmp::Reverse(from.len()));
        let groups: Vec<String> = swaps.iter().map(|(from, _)| format!("({})", without_groups(&curly(from)))).collect();
        let source = match nonword {
            true => groups.join("|"),
            false => format!("(?-u:\\b)(?:{})(?-u:\\b)", groups.join("|")),
        };
        Ok(Swaps {
            regex: compile(&source, ignore_case)?,
            better: swaps.iter().map(|(_, to)| to.clone()).collect(),
            exceptions: Exceptions::new(exceptions)?,
            words: !nonword,
        })
    }

    pub fn find(&self, document: &Document<'_>, scope: Scope, hit: &mut dyn FnMut(Range<usize>, &str)) {
        for (start, part) in document.parts(scope) {
            for found in self.regex.find_iter(part) {
                if found.is_empty() || self.exceptions.has(found.as_str()) || (self.words && !stands_alone(part, found.range())) {
                    continue;
                }
                let Some(captures) = self.regex.captures_at(part, found.start()) else { continue };
                let Some(better) =
                    (1..captures.len()).find(|group| captures.get(*group).is_some()).map(|group| &self.better[group - 1])
                else {
                    continue;
                };
                // `e-?mail` also matches what it asks for.
                if !better.split('|').any(|word| word == found.as_str()) {
                    hit(start + found.start()..start + found.end(), better);
                }
            }
        }
    }
}

/// The same thing twice in a row: a word with words, or what a pattern names with nothing else of it between.
#[derive(Debug)]
pub struct Repetition {
    regex: Regex,
    ignore_case: bool,
    /// So often it may be.
    most: usize,
    exceptions: Exceptions,
    /// Only words with letters count.
    alpha: bool,
}

impl Repetition {
    /// # Errors
    /// As [`Pattern::new`].
    pub fn new(
        tokens: &[String],
        ignore_case: bool,
        alpha: bool,
        most: usize,
        exceptions: &[String],
    ) -> Result<Repetition, RuleError> {
        let source = if tokens.is_empty() { r"[^\s]+".to_owned() } else { tokens.join("|") };
        Ok(Repetition {
            regex: compile(&source, ignore_case)?,
            ignore_case,
            most,
            exceptions: Exceptions::new(exceptions)?,
            alpha,
        })
    }

    /// Tells the range of both, and that of the second.
    pub fn find(&self, document: &Document<'_>, scope: Scope, hit: &mut dyn FnMut(Range<usize>, Range<usize>)) {
        for (start, part) in document.parts(scope) {
            let (mut last, mut times): (Option<Range<usize>>, usize) = (None, 0);
            for found in self.regex.find_iter(part) {
                let (range, word) = (found.range(), found.as_str());
                if let Some(before) = last.take() {
                    // What was blanked out stands between two words all the same.
                    let between = document.text(&(start + before.end..start + range.start));
                    let next = !self.regex.is_match(between);
                    let same = match self.ignore_case {
                        true => part[before.clone()].to_lowercase() == word.to_lowercase(),
                        false => part[before.clone()] == *word,
                    };
                    let again = next && same && (!self.alpha || word.chars().all(char::is_alphabetic));
                    times += usize::from(again);
                    // As in Vale, a repetition over the end of a line is none.
                    let found = &part[before.start..range.end];
                    if again && times > self.most && !found.contains('\n') && !self.exceptions.has(found) {
                        times = 0;
                        hit(start + before.start..start + range.end, start + range.start..start + range.end);
                    }
                }
                last = Some(range);
            }
        }
    }
}

fn around(raw: &str, append: bool, tokens: &str) -> String {
    if append { format!("{tokens}{raw}") } else { format!("{raw}{tokens}") }
}

/// Compiles an expression, with a plain word about what it may not use.
pub(super) fn compile(source: &str, ignore_case: bool) -> Result<Regex, RuleError> {
    RegexBuilder::new(source).case_insensitive(ignore_case).multi_line(true).size_limit(32 << 20).build().map_err(|error| {
        let text = error.to_string();
        match text.contains("look-around") || text.contains("backreference") {
            true => RuleError::new(
                "its pattern uses look-around or a back reference",
                "write it without: `tokens` and `exceptions` say most of it",
            ),
            false => {
                let reason = text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
                RuleError::new(format!("its pattern cannot be read: {reason}"), "check brackets and backslashes")
            }
        }
    })
}

/// A straight apostrophe in a pattern also stands for a curly one. Inside brackets it is left alone.
fn curly(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len());
    let (mut in_class, mut escaped) = (false, false);
    for c in pattern.chars() {
        match c {
            '\'' if !in_class && !escaped => out.push_str("['’]"),
            _ => out.push(c),
        }
        match c {
            '[' if !escaped => in_class = true,
            ']' if !escaped => in_class = false,
            _ => {}
        }
        escaped = c == '\\' && !escaped;
    }
    out
}

/// The pattern with its capturing groups made plain, so that the number of a group is the number of a swap.
fn without_groups(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len() + 8);
    let (mut in_class, mut escaped) = (false, false);
    let mut rest = pattern.chars().peekable();
    while let Some(c) = rest.next() {
        out.push(c);
        match c {
            '(' if !in_class && !escaped && rest.peek() != Some(&'?') => out.push_str("?:"),
            '[' if !escaped => in_class = true,
            ']' if !escaped => in_class = false,
            _ => {}
        }
        escaped = c == '\\' && !escaped;
    }
    out
}

/// Whether letters or digits stand neither before nor after: bounds of ASCII words see an end within `café`.
fn stands_alone(text: &str, range: Range<usize>) -> bool {
    let word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    let begins = word(text[range.clone()].chars().next()) && word(text[..range.start].chars().next_back());
    let ends = word(text[range.clone()].chars().next_back()) && word(text[range.end..].chars().next());
    !begins && !ends
}

/// `use` for `Utilise` is `Use`.
pub(super) fn in_the_case_of(better: &str, found: &str) -> String {
    let mut letters = found.chars();
    let first_is_capital = letters.next().is_some_and(char::is_uppercase) && letters.next().is_none_or(|c| !c.is_uppercase());
    let mut chars = better.chars();
    match (first_is_capital, chars.next()) {
        (true, Some(first)) => first.to_uppercase().chain(chars).collect(),
        _ => better.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found<'a>(text: &'a str, pattern: &Pattern) -> Vec<&'a str> {
        let document = Document::new(text);
        let mut hits = Vec::new();
        pattern.find(&document, Scope::Text, &mut |range| hits.push(&text[range]));
        hits
    }

    fn strings(words: &[&str]) -> Vec<String> {
        words.iter().map(|&word| word.to_owned()).collect()
    }

    #[test]
    fn whole_words_are_found_in_any_case_and_with_either_apostrophe() {
        let pattern = Pattern::new(&[], &strings(&["very", "it's", "caf"]), true, false, false, &[]).unwrap();
        assert_eq!(found("Very every it’s café it's VERY", &pattern), ["Very", "it’s", "it's", "VERY"]);
        let part = Pattern::new(&[], &strings(&["ver"]), false, true, false, &[]).unwrap();
        assert_eq!(found("every", &part), ["ver"]);
        let excepted = Pattern::new(&[], &strings(&["ver[a-z]+"]), true, false, false, &strings(&["verse"])).unwrap();
        assert_eq!(found("verse Verse verb", &excepted), ["Verse", "verb"], "an exception has its own case");
        let appended = Pattern::new(&strings(&[" much"]), &strings(&["very"]), true, false, true, &[]).unwrap();
        assert_eq!(found("very much very", &appended), ["very much"]);
    }

    #[test]
    fn what_linear_time_cannot_do_is_said() {
        let error = Pattern::new(&strings(&["a(?=b)"]), &[], true, false, false, &[]).unwrap_err();
        assert!(error.message.contains("look-around"), "{error:?}");
        assert!(Pattern::new(&strings(&["a("]), &[], true, false, false, &[]).unwrap_err().message.contains("cannot be read"));
    }

    #[test]
    fn the_better_word_is_that_of_the_pattern_that_matched() {
        let pairs = [("utili[sz]e(d)?", "use"), ("e-?mail", "email"), ("in order", "so"), ("in order to", "to")]
            .map(|(a, b)| (a.to_owned(), b.to_owned()));
        let swaps = Swaps::new(&pairs, true, false, &strings(&["E-mail"])).unwrap();
        let text = "Utilize email and e-mail in order to win E-mail.";
        let document = Document::new(text);
        let mut hits = Vec::new();
        swaps.find(&document, Scope::Text, &mut |range, better| hits.push((text[range].to_owned(), better.to_owned())));
        let hits: Vec<(&str, &str)> = hits.iter().map(|(found, better)| (found.as_str(), better.as_str())).collect();
        assert_eq!(hits, [("Utilize", "use"), ("e-mail", "email"), ("in order to", "to")]);
        assert_eq!(in_the_case_of("use", "Utilize"), "Use");
        assert_eq!(in_the_case_of("application interface", "API"), "application interface");
    }

    #[test]
    fn a_word_twice_is_found_in_a_line_and_not_across_lines_or_code() {
        let told = |ignore_case: bool, most: usize, tokens: &[&str], text: &str| {
            let repetition = Repetition::new(&strings(tokens), ignore_case, true, most, &[]).unwrap();
            let document = Document::new(text);
            let mut hits = Vec::new();
            repetition.find(&document, Scope::Text, &mut |range, _| hits.push(text[range].to_owned()));
            hits
        };
        let text = "The the end\nend of of it\n\nit is `a` a 5 5 code.\n";
        assert_eq!(told(true, 0, &[], text), ["The the", "of of"]);
        assert_eq!(told(false, 0, &[], text), ["of of"], "two cases are two words");
        assert_eq!(told(false, 1, &[], "so so it is so so"), ["so so"], "once is fine");
        assert_eq!(told(false, 0, &["very"], "very big and very small"), ["very big and very"]);
    }
}
