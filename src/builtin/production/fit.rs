//! Making a text fit a platform, by rule: what a model or a composer wrote never goes out longer than the platform takes.
//!
//! What is too much is left out from the end, whole sentences first, because a sentence carries its citation. A thread that is too long
//! for a post goes on in the next one. [`faults`] finds with places what [`fit`] would change; a fitted text has none.

use super::platforms::{Form, HASHTAG, Limits, URL};
use crate::base::InOrder;
use regex::Regex;
use std::ops::Range;
use std::sync::LazyLock;

/// Parts of a thread or a sequence are parted by a line of their own.
const BREAK: &str = "---";

static LINK: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"!?\[([^\]\n]*)\]\((https?://[^\s)]+)\)").expect("a valid pattern"));
static CITATION: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\[c\d+(?:, c\d+)*\]").expect("a valid pattern"));

/// The parts of a text with their places: posts, letters; a whole text is one part.
pub fn parts(text: &str, form: Form) -> Vec<Range<usize>> {
    if !matches!(form, Form::Thread | Form::Letters) {
        return vec![trimmed(text, 0..text.len())];
    }
    let (mut parts, mut start, mut at) = (Vec::new(), 0, 0);
    for line in text.split_inclusive('\n') {
        if line.trim() == BREAK {
            parts.push(start..at);
            start = at + line.len();
        }
        at += line.len();
    }
    parts.push(start..text.len());
    parts.into_iter().map(|range| trimmed(text, range)).filter(|range| !range.is_empty()).collect()
}

fn trimmed(text: &str, range: Range<usize>) -> Range<usize> {
    let part = &text[range.clone()];
    let start = range.start + (part.len() - part.trim_start().len());
    start..start + part.trim().len()
}

/// Where a text is more than a platform takes, and what to say about it.
pub fn faults(text: &str, form: Form, limits: &Limits) -> Vec<(Range<usize>, String)> {
    let mut faults = Vec::new();
    let parts = parts(text, form);
    let what = match form {
        Form::Thread => "post",
        Form::Letters => "letter",
        Form::Article | Form::Post | Form::Script => "text",
    };
    if let Some(most) = limits.parts
        && let Some(first) = parts.get(most)
    {
        faults.push((first.clone(), format!("this is {what} {} of {}, and {most} is the most", most + 1, parts.len())));
    }
    for range in &parts {
        let part = &text[range.clone()];
        if let Some(most) = limits.characters {
            let length = limits.length(part);
            if length > most {
                let over = range.start + reach(part, limits, most);
                faults.push((over..range.end, format!("the {what} is {length} characters long, and {most} is the most")));
            }
        }
        let mut many = |found: Vec<Range<usize>>, most: Option<usize>, name: &str| {
            if let Some(most) = most
                && let Some(first) = found.get(most)
            {
                let range = range.start + first.start..range.start + first.end;
                faults.push((range, format!("the {what} has {} {name}, and {most} is the most", found.len())));
            }
        };
        many(URL.find_iter(part).map(|found| found.range()).collect(), limits.links, "links");
        many(hashtags(part), limits.hashtags, "hashtags");
        if form == Form::Letters
            && let (Some(most), Some(subject)) = (limits.title, subject(part))
        {
            let length = part[subject.clone()].chars().count();
            if length > most {
                let range = range.start + subject.start..range.start + subject.end;
                faults.push((range, format!("the subject is {length} characters long, and {most} is the most")));
            }
        }
    }
    if let Some(most) = limits.words {
        let words = word_places(text);
        if let Some(first) = words.get(most) {
            faults.push((first.start..text.len(), format!("the text has {} words, and {most} is the most", words.len())));
        }
    }
    faults.order_by_key(|(range, _)| (range.start, range.end));
    faults
}

/// How far a text may be read until it is too long, in bytes.
fn reach(text: &str, limits: &Limits, most: usize) -> usize {
    let ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
    ends.take_while(|end| limits.length(&text[..*end]) <= most).last().unwrap_or(0)
}

fn hashtags(text: &str) -> Vec<Range<usize>> {
    HASHTAG.captures_iter(text).filter_map(|found| found.get(1)).map(|tag| tag.range()).collect()
}

/// The words after `Subject:` in the first line.
fn subject(part: &str) -> Option<Range<usize>> {
    let line = part.lines().next()?;
    let rest = line.strip_prefix("Subject:")?;
    let start = line.len() - rest.trim_start().len();
    Some(start..start + rest.trim().len())
}

/// What is spoken or read: words with a letter or a digit, without citations.
fn word_places(text: &str) -> Vec<Range<usize>> {
    let mut places = Vec::new();
    let mut start = None;
    for (at, c) in text.char_indices().chain([(text.len(), ' ')]) {
        match (c.is_whitespace(), start) {
            (false, None) => start = Some(at),
            (true, Some(begin)) => {
                let word = &text[begin..at];
                if word.chars().any(char::is_alphanumeric) && !CITATION.is_match(word) {
                    places.push(begin..at);
                }
                start = None;
            }
            _ => {}
        }
    }
    places
}

/// The text as the platform takes it. A text that fits comes back as it is, but for blanks around its parts.
pub fn fit(text: &str, form: Form, limits: &Limits) -> String {
    let mut text = fit_once(text, form, limits);
    // What is cut anew may begin with what looks like a tag; that is rare, and a second look ends it.
    for _ in 0..8 {
        if faults(&text, form, limits).is_empty() {
            return text;
        }
        text = fit_once(&text, form, limits);
    }
    let good = parts(&text, form).into_iter().map(|range| &text[range]).filter(|part| faults(part, form, limits).is_empty());
    good.collect::<Vec<_>>().join(&format!("\n\n{BREAK}\n\n"))
}

fn fit_once(text: &str, form: Form, limits: &Limits) -> String {
    let plain = match form {
        Form::Post | Form::Thread => without_markup(text),
        Form::Article | Form::Letters | Form::Script => text.to_owned(),
    };
    let mut fitted: Vec<String> = Vec::new();
    for range in parts(&plain, form) {
        let part = fewer_tags(&fewer_links(&plain[range], limits.links), limits.hashtags);
        let part = if form == Form::Letters { shorter_subject(&part, limits.title) } else { part };
        match limits.characters {
            Some(most) if limits.length(&part) > most && form == Form::Thread => fitted.extend(split(&part, limits, most)),
            Some(most) if limits.length(&part) > most => fitted.push(cut(&part, limits, most)),
            _ => fitted.push(part),
        }
    }
    fitted.retain(|part| !part.trim().is_empty());
    fitted.truncate(limits.parts.unwrap_or(usize::MAX));
    let text = fitted.join(&format!("\n\n{BREAK}\n\n"));
    match limits.words {
        Some(most) => fewer_words(&text, most),
        None => text,
    }
}

/// Without the marks that a plain post would show: headings, emphasis, links with a label. Code keeps its words.
fn without_markup(text: &str) -> String {
    let text = LINK.replace_all(text, |found: &regex::Captures<'_>| match found[1].trim() {
        "" => found[2].to_owned(),
        label if label == &found[2] => found[2].to_owned(),
        label => format!("{label} {}", &found[2]),
    });
    let lines: Vec<String> = text
        .lines()
        .map(|line| {
            let marks = line.bytes().take_while(|byte| *byte == b'#').count();
            let line = if marks > 0 && line[marks..].starts_with(' ') { line[marks..].trim_start() } else { line };
            let line = line.strip_prefix("> ").unwrap_or(line);
            line.replace("**", "").replace('`', "")
        })
        .collect();
    lines.join("\n").trim().to_owned()
}

fn fewer_links(part: &str, most: Option<usize>) -> String {
    let Some(most) = most else { return part.to_owned() };
    // A link with a label keeps its label.
    let part = if URL.find_iter(part).count() > most { LINK.replace_all(part, "$1 $2").into_owned() } else { part.to_owned() };
    let places: Vec<Range<usize>> = URL.find_iter(&part).map(|found| found.range()).skip(most).collect();
    without(&part, &places)
}

/// Without these places and the blank before each.
fn without(text: &str, places: &[Range<usize>]) -> String {
    let (mut out, mut at) = (String::with_capacity(text.len()), 0);
    for place in places {
        out.push_str(text[at..place.start].trim_end_matches(' '));
        at = place.end;
    }
    out.push_str(&text[at..]);
    out.trim().to_owned()
}

/// Tags beyond the most become words.
fn fewer_tags(part: &str, most: Option<usize>) -> String {
    let Some(most) = most else { return part.to_owned() };
    let mut part = part.to_owned();
    // Taking one mark away may show another, as in `##word`.
    while let Some(tag) = hashtags(&part).get(most).cloned() {
        part.replace_range(tag.start..tag.start + 1, "");
    }
    part
}

fn shorter_subject(part: &str, most: Option<usize>) -> String {
    let (Some(most), Some(range)) = (most, subject(part)) else { return part.to_owned() };
    if part[range.clone()].chars().count() <= most {
        return part.to_owned();
    }
    let words = part[range.clone()].split(' ');
    let mut short = String::new();
    for word in words {
        if short.chars().count() + word.chars().count() + 1 > most {
            break;
        }
        short.push_str(if short.is_empty() { "" } else { " " });
        short.push_str(word);
    }
    if short.is_empty() {
        short = part[range.clone()].chars().take(most).collect();
    }
    format!("{}{}{}", &part[..range.start], short.trim_end(), &part[range.end..])
}

/// Sentences, each with the white space behind it; together they are the text.
fn sentences(text: &str) -> Vec<&str> {
    let (mut sentences, mut start) = (Vec::new(), 0);
    let mut ends = false;
    for (at, c) in text.char_indices() {
        if c.is_whitespace() {
            continue;
        }
        // A sentence begins after an end and white space, or on a line of its own; a citation behind the end belongs to it.
        let gap = &text[start..at];
        let blank = gap.len() > gap.trim_end().len();
        let breaks = gap[gap.trim_end().len()..].contains('\n');
        if at > start && blank && !gap.trim().is_empty() && (breaks || (ends && c != '[')) {
            sentences.push(&text[start..at]);
            start = at;
        }
        ends = match c {
            '.' | '!' | '?' => true,
            ')' | '"' | '”' | '’' | ']' => ends || c == ']',
            _ => false,
        };
    }
    sentences.push(&text[start..]);
    sentences
}

/// Whole sentences from the start, as many as fit; of a first sentence that is too long its beginning and its citation.
fn cut(part: &str, limits: &Limits, most: usize) -> String {
    let mut kept = String::new();
    for sentence in sentences(part) {
        let next = format!("{kept}{sentence}");
        if limits.length(next.trim_end()) > most {
            break;
        }
        kept = next;
    }
    if !kept.trim().is_empty() {
        return kept.trim().to_owned();
    }
    let first = sentences(part).first().copied().unwrap_or_default().trim();
    let citation = CITATION.find_iter(first).last().map_or_else(String::new, |found| format!(" {}", found.as_str()));
    let end = format!("…{citation}");
    let room = most.saturating_sub(limits.length(&end));
    let words = CITATION.replace_all(first, "");
    let mut short = String::new();
    for word in words.split_whitespace() {
        let next = if short.is_empty() { word.to_owned() } else { format!("{short} {word}") };
        if limits.length(&next) > room {
            break;
        }
        short = next;
    }
    let short = format!("{short}{end}");
    if limits.length(&short) <= most && short != end {
        short
    } else {
        pieces(first, limits, most).into_iter().next().unwrap_or_default()
    }
}

/// A post as several: whole sentences together, a sentence that is too long in its words.
fn split(part: &str, limits: &Limits, most: usize) -> Vec<String> {
    let mut posts: Vec<String> = Vec::new();
    let mut open = String::new();
    for sentence in sentences(part) {
        let next = format!("{open}{sentence}");
        if limits.length(next.trim()) <= most {
            open = next;
            continue;
        }
        posts.push(std::mem::take(&mut open).trim().to_owned());
        if limits.length(sentence.trim()) <= most {
            open = sentence.to_owned();
        } else {
            posts.extend(pieces(sentence.trim(), limits, most));
        }
    }
    posts.push(open.trim().to_owned());
    posts.retain(|post| !post.is_empty());
    posts
}

/// A text in runs of words that fit; a word that is too long for itself in its characters, and an address that is too long not at all.
fn pieces(text: &str, limits: &Limits, most: usize) -> Vec<String> {
    let mut pieces: Vec<String> = Vec::new();
    let mut open = String::new();
    for word in text.split_whitespace() {
        let next = if open.is_empty() { word.to_owned() } else { format!("{open} {word}") };
        if limits.length(&next) <= most {
            open = next;
            continue;
        }
        pieces.push(std::mem::take(&mut open));
        if limits.length(word) <= most {
            open = word.to_owned();
        } else if !word.contains("://") {
            for c in word.chars() {
                if limits.length(&open) + limits.weight(c) > most {
                    pieces.push(std::mem::take(&mut open));
                }
                if limits.weight(c) <= most {
                    open.push(c);
                }
            }
        }
    }
    pieces.push(open);
    pieces.retain(|piece| !piece.is_empty());
    pieces
}

/// Without what is spoken beyond the most: up to the last whole sentence, or to the last word when there is none.
fn fewer_words(text: &str, most: usize) -> String {
    let words = word_places(text);
    let Some(over) = words.get(most) else { return text.to_owned() };
    let mut end = 0;
    for sentence in sentences(text) {
        if end + sentence.trim_end().len() > over.start {
            break;
        }
        end += sentence.len();
    }
    let end = if text[..end].trim().is_empty() { over.start } else { end };
    text[..end].trim().trim_end_matches(BREAK).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::platforms::{Count, PLATFORMS, platform};
    use super::*;

    #[test]
    fn a_thread_goes_on_in_the_next_post_and_sentences_keep_their_citations() {
        let limits = Limits { characters: Some(40), ..platform("bluesky").unwrap().limits };
        let text = "# Prices moved\n\nFrom $0.15 to $0.12 a month. [c1] Your bill moves too [c2].\n\n---\n\nSee [the page](https://a.example/x).";
        assert_eq!(
            fit(text, Form::Thread, &limits),
            "Prices moved\n\n---\n\nFrom $0.15 to $0.12 a month. [c1]\n\n---\n\nYour bill moves too [c2].\n\n---\n\nSee the page https://a.example/x."
        );
    }

    #[test]
    fn faults_say_where_the_text_is_too_much() {
        let limits =
            Limits { characters: Some(10), parts: Some(1), links: Some(0), hashtags: Some(0), ..platform("x").unwrap().limits };
        let text = "0123456789AB\n---\n#tag https://a.example";
        let found: Vec<(&str, String)> =
            faults(text, Form::Thread, &limits).into_iter().map(|(range, message)| (&text[range], message)).collect();
        assert_eq!(found[0], ("AB", "the post is 12 characters long, and 10 is the most".to_owned()));
        assert_eq!(found.len(), 5, "{found:?}");
        assert!(found.iter().any(|(place, message)| *place == "#tag" && message.contains("1 hashtags")), "{found:?}");
        assert!(found.iter().any(|(place, message)| *place == "https://a.example" && message.contains("0 is the most")));
        assert!(found.iter().any(|(_, message)| message.contains("post 2 of 2, and 1 is the most")));
    }

    #[test]
    fn a_script_ends_with_a_sentence_and_a_subject_with_a_word() {
        let script = platform("script").unwrap();
        let limits = Limits { words: Some(5), ..script.limits };
        assert_eq!(fit("One two three. [c1] Four five six.", Form::Script, &limits), "One two three. [c1]");
        let letters = Limits { title: Some(12), ..platform("email").unwrap().limits };
        assert_eq!(fit("Subject: Volume prices moved\n\nHello.", Form::Letters, &letters), "Subject: Volume\n\nHello.");
    }

    /// Whatever is written, and however tight the limits are.
    #[test]
    fn limits_are_never_exceeded() {
        let words = [
            "# Title",
            "## Part",
            "\n\n",
            "\n---\n",
            "word",
            "prices.",
            "[c1]",
            "[c12].",
            "#tag",
            "##tag",
            "https://a.example/very/long/path",
            "[the page](https://b.example)",
            "日本語",
            "🙂",
            "Subject: a long subject of a letter",
            "antidisestablishmentarianism",
            "`code`",
            "!",
            "- item",
            "> quote",
            "\n",
            "x]",
            "(#in)",
        ];
        let mut rng = crate::base::Rng::new(2026);
        for round in 0..4_000u64 {
            let text: String =
                (0..rng.below(60)).map(|_| format!("{} ", words[rng.below(words.len() as u64) as usize])).collect();
            let known = PLATFORMS[(round % PLATFORMS.len() as u64) as usize];
            let mut tight = |most: u64| (rng.below(3) > 0).then(|| rng.below(most) as usize);
            let limits = Limits {
                characters: tight(120).map(|most| most + 1),
                parts: tight(6).map(|most| most + 1),
                links: tight(3),
                hashtags: tight(3),
                words: tight(40).map(|most| most + 1),
                title: tight(30).map(|most| most + 1),
                count: [Count::Plain, Count::ShortLinks, Count::Weighted, Count::EmojiBytes][(round % 4) as usize],
            };
            for limits in [limits, known.limits] {
                let fitted = fit(&text, known.form, &limits);
                assert_eq!(faults(&fitted, known.form, &limits), [], "{} {limits:?}\n{text:?}\n{fitted:?}", known.name);
            }
        }
    }

    #[test]
    fn what_fits_is_left_as_it_is() {
        for (form, text) in [
            (Form::Thread, "One.\n\n---\n\nTwo [c1]."),
            (Form::Article, "# T\n\n**bold** [a](https://a.example)"),
            (Form::Post, "Plain."),
        ] {
            assert_eq!(fit(text, form, &platform("linkedin").unwrap().limits), text);
        }
    }
}
