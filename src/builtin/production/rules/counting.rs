//! Rules that look at a part as a whole: how often something stands in it, whether two spellings are mixed, how it is capitalised,
//! whether what needs an explanation has one.

use super::document::Document;
use super::matching::compile;
use super::{RuleError, Scope};
use regex::Regex;
use std::collections::BTreeSet;
use std::ops::Range;

/// Something may stand only so often in a part, or must stand at least so often.
#[derive(Debug)]
pub struct Occurrence {
    regex: Regex,
    least: Option<usize>,
    most: Option<usize>,
}

impl Occurrence {
    /// # Errors
    /// When the expression cannot be read, or there is neither a least nor a most.
    pub fn new(token: &str, least: Option<usize>, most: Option<usize>, ignore_case: bool) -> Result<Occurrence, RuleError> {
        if least.is_none() && most.is_none() {
            return Err(RuleError::new("it counts without a bound", "add `max:` or `min:`"));
        }
        Ok(Occurrence { regex: compile(token, ignore_case)?, least, most })
    }

    /// Tells the part, from the first that was counted, and the count.
    pub fn find(&self, document: &Document<'_>, scope: Scope, hit: &mut dyn FnMut(Range<usize>, usize)) {
        for (start, part) in document.parts(scope) {
            let count = self.regex.find_iter(part).count();
            if self.least.is_some_and(|least| count < least) || self.most.is_some_and(|most| count > most) {
                let whole = trimmed(start, part);
                let first = self.regex.find(part).map_or(whole.start, |found| start + found.start());
                hit(first.min(whole.end)..whole.end, count);
            }
        }
    }
}

/// Two spellings of one thing: either is fine, both are not.
#[derive(Debug)]
pub struct Consistency {
    pairs: Vec<(Regex, Regex)>,
}

impl Consistency {
    /// # Errors
    /// When an expression cannot be read.
    pub fn new(either: &[(String, String)], ignore_case: bool, nonword: bool) -> Result<Consistency, RuleError> {
        let word = |text: &str| match nonword {
            true => compile(text, ignore_case),
            false => compile(&format!(r"\b(?:{text})\b"), ignore_case),
        };
        let pairs = either.iter().map(|(a, b)| Ok((word(a)?, word(b)?))).collect::<Result<_, RuleError>>()?;
        Ok(Consistency { pairs })
    }

    /// Tells every use of the rarer spelling, and the other one; of two equally rare the second in the pair.
    pub fn find(&self, document: &Document<'_>, scope: Scope, hit: &mut dyn FnMut(Range<usize>, &str)) {
        for (start, part) in document.parts(scope) {
            for (first, second) in &self.pairs {
                let (a, b): (Vec<_>, Vec<_>) = (first.find_iter(part).collect(), second.find_iter(part).collect());
                let (rare, common) = if a.len() < b.len() { (&a, &b) } else { (&b, &a) };
                if let Some(other) = common.first() {
                    rare.iter().for_each(|found| hit(start + found.start()..start + found.end(), other.as_str()));
                }
            }
        }
    }
}

/// How headings and the like are capitalised.
#[derive(Debug)]
pub struct Capitalization {
    style: Style,
    exceptions: BTreeSet<String>,
    /// The share of words that must be as the style says.
    threshold: f64,
}

#[derive(Debug)]
enum Style {
    Sentence,
    Title,
    Lower,
    Upper,
    Like(Regex),
}

/// Words that stay small inside a title (Associated Press Stylebook).
const SMALL: &[&str] = &[
    "a", "an", "and", "as", "at", "but", "by", "for", "if", "in", "nor", "of", "on", "or", "so", "the", "to", "up", "via", "vs",
    "yet",
];

impl Capitalization {
    /// # Errors
    /// When the style is neither one of ours nor an expression.
    pub fn new(style: &str, exceptions: &[String], threshold: Option<f64>) -> Result<Capitalization, RuleError> {
        let style = match style {
            "$sentence" => Style::Sentence,
            "$title" => Style::Title,
            "$lower" => Style::Lower,
            "$upper" => Style::Upper,
            other => Style::Like(compile(other, false)?),
        };
        // Four of five, as in Vale.
        let threshold = threshold.filter(|share| *share > 0.0).unwrap_or(0.8);
        Ok(Capitalization { style, exceptions: exceptions.iter().cloned().collect(), threshold })
    }

    pub fn find(&self, document: &Document<'_>, scope: Scope, hit: &mut dyn FnMut(Range<usize>)) {
        for (start, part) in document.parts(scope) {
            let range = trimmed(start, part);
            if !range.is_empty() && !self.holds(part.trim()) {
                hit(range);
            }
        }
    }

    fn holds(&self, text: &str) -> bool {
        if let Style::Like(regex) = &self.style {
            return regex.is_match(text);
        }
        let words: Vec<&str> = text
            .split(|c: char| c.is_whitespace() || c == '-')
            .map(|word| word.trim_matches(|c: char| !c.is_alphanumeric()))
            .collect();
        let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
        let last = words.len().saturating_sub(1);
        let mut fresh = true;
        let mut as_it_says = |at: usize, word: &&str| {
            let first = fresh;
            // After a colon a sentence may begin again.
            fresh = text.contains(&format!("{word}:"));
            // A name keeps its letters: `GitHub`, `API`, `iPhone`.
            let is_name =
                word.chars().skip(1).any(char::is_uppercase) || *word == "I" || word.starts_with("I'") || word.starts_with("I’");
            if self.exceptions.contains(*word) || (is_name && !matches!(self.style, Style::Lower)) {
                return true;
            }
            let capital = word.chars().next().is_some_and(char::is_uppercase);
            let digit = word.chars().next().is_some_and(char::is_numeric);
            match self.style {
                _ if digit => true,
                Style::Sentence => capital == (at == 0) || (first && capital),
                Style::Title if at == 0 || at == last => capital,
                Style::Title => capital != SMALL.contains(&word.to_lowercase().as_str()) || (capital && first),
                Style::Lower => !word.chars().any(char::is_uppercase),
                Style::Upper => !word.chars().any(char::is_lowercase),
                Style::Like(_) => true,
            }
        };
        let fine: Vec<bool> = words.iter().enumerate().map(|(at, word)| as_it_says(at, word)).collect();
        match self.style {
            // A sentence begins with a capital, whatever comes after it.
            Style::Sentence if fine.first() == Some(&false) => false,
            Style::Sentence | Style::Title => {
                fine.iter().filter(|fine| **fine).count() as f64 >= self.threshold * fine.len() as f64
            }
            _ => fine.iter().all(|fine| *fine),
        }
    }
}

/// What stands somewhere must be explained somewhere: an abbreviation its long form.
#[derive(Debug)]
pub struct Conditional {
    first: Regex,
    second: Regex,
    exceptions: BTreeSet<String>,
}

impl Conditional {
    /// Both expressions have a group for the thing itself.
    ///
    /// # Errors
    /// When an expression cannot be read.
    pub fn new(first: &str, second: &str, ignore_case: bool, exceptions: &[String]) -> Result<Conditional, RuleError> {
        Ok(Conditional {
            first: compile(first, ignore_case)?,
            second: compile(second, ignore_case)?,
            exceptions: exceptions.iter().cloned().collect(),
        })
    }

    /// Tells the first use of everything that is explained nowhere.
    pub fn find(&self, document: &Document<'_>, scope: Scope, hit: &mut dyn FnMut(Range<usize>)) {
        for (start, part) in document.parts(scope) {
            let mut known: BTreeSet<&str> = BTreeSet::new();
            for captures in self.second.captures_iter(part) {
                known.extend(captures.get(1).or(captures.get(0)).map(|found| found.as_str()));
            }
            for captures in self.first.captures_iter(part) {
                let Some(found) = captures.get(1).or(captures.get(0)) else { continue };
                if !self.exceptions.contains(found.as_str()) && known.insert(found.as_str()) {
                    hit(start + found.start()..start + found.end());
                }
            }
        }
    }
}

/// The range of a part without the blanks around it.
fn trimmed(start: usize, part: &str) -> Range<usize> {
    let lead = part.len() - part.trim_start().len();
    let begin = start + lead;
    begin..begin + part.trim().len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_sentences_are_counted_by_their_words() {
        let text = "One two three. One two three four five.\n\nOne two.";
        let document = Document::new(text);
        let mut hits = Vec::new();
        let rule = Occurrence::new(r"\b\w+\b", None, Some(4), true).unwrap();
        rule.find(&document, Scope::Sentence, &mut |range, count| hits.push((&text[range], count)));
        assert_eq!(hits, [("One two three four five.", 5)]);
        assert!(Occurrence::new("x", None, None, true).is_err());
    }

    #[test]
    fn the_rarer_of_two_spellings_is_told() {
        let text = "An advisor met an adviser and another advisor.";
        let document = Document::new(text);
        let rule = Consistency::new(&[("advisor".into(), "adviser".into())], true, false).unwrap();
        let mut hits = Vec::new();
        rule.find(&document, Scope::Text, &mut |range, other| hits.push((text[range].to_owned(), other.to_owned())));
        assert_eq!(hits, [("adviser".to_owned(), "advisor".to_owned())]);
    }

    #[test]
    fn headings_follow_their_style() {
        let holds = |style: &str, text: &str| Capitalization::new(style, &["Kubernetes".to_owned()], None).unwrap().holds(text);
        for good in ["What changed on Kubernetes", "3 things to do", "API prices in the US", "Prices: What changed", "I think so"]
        {
            assert!(holds("$sentence", good), "{good}");
        }
        for bad in ["What Changed Today", "what changed", "what we found out on it today"] {
            assert!(!holds("$sentence", bad), "{bad}");
        }
        assert!(holds("$title", "What Changed in the Market") && !holds("$title", "What changed In the market"));
        assert!(holds("$sentence", "What we found out on the Market"), "one of seven is no style");
        let strict = Capitalization::new("$sentence", &[], Some(1.0)).unwrap();
        assert!(!strict.holds("What we found out on the Market"));
        assert!(holds("$lower", "all small") && !holds("$lower", "Not small"));
        assert!(holds("$upper", "ALL BIG") && !holds("$upper", "NOT big"));
        assert!(holds("^[A-Z]", "Any way") && !holds("^[A-Z]", "any way"));
    }

    #[test]
    fn an_abbreviation_without_its_long_form_is_told_once() {
        let text = "The Cost Per Lead (CPL) fell. CPL is fine, MQL is not, and MQL again; HTTP is known.";
        let document = Document::new(text);
        let rule =
            Conditional::new(r"\b([A-Z]{3,5})\b", r"(?:\b[A-Z][a-z]+ )+\(([A-Z]{3,5})\)", false, &["HTTP".to_owned()]).unwrap();
        let mut hits = Vec::new();
        rule.find(&document, Scope::Text, &mut |range| hits.push(text[range].to_owned()));
        assert_eq!(hits, ["MQL"]);
    }
}
