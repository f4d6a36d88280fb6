//! Grounding: every number, link and quotation of a piece must come from a claim, from the Client OS, or from a person.
//!
//! It compares what can be compared exactly and judges nothing: a number that no source has is a finding, whether or not it
//! happens to be true.

use super::dates::{Date, dates};
use super::{Places, Subject};
use crate::model::goods::Finding;
use crate::stats::text::tokens;
use regex::Regex;
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::LazyLock;

static NUMBER: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\d+(?:[.,]\d+)*").expect("a valid pattern"));
static URL: LazyLock<Regex> = LazyLock::new(|| Regex::new(r#"https?://[^\s)\]<>"]+"#).expect("a valid pattern"));
static QUOTE: LazyLock<Regex> = LazyLock::new(|| Regex::new(r#"“([^”\n]{12,})”|"([^"\n]{12,})""#).expect("a valid pattern"));
static CITATION: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\[(c\d+)\]").expect("a valid pattern"));

/// Names inside a sentence: capital letters that no rule of spelling asks for.
static NAME: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"[\p{Ll}\d,;)] (\p{Lu}[\p{L}\p{N}]*(?:['’&.\-][\p{L}\p{N}]+)*(?: \p{Lu}[\p{L}\p{N}]*(?:['’&.\-][\p{L}\p{N}]+)*)*)",
    )
    .expect("a valid pattern")
});

/// What is neither cited nor given.
pub fn check(subject: &Subject<'_>) -> Vec<Finding> {
    let sources = Sources::of(subject);
    let mut findings = Vec::new();
    let text = subject.text;
    let mut places = Places::new(text);
    let urls: Vec<Range<usize>> = URL.find_iter(text).map(|found| found.range()).collect();
    for range in &urls {
        let url = trim_url(&text[range.clone()]);
        if !sources.urls.contains(url) {
            findings.push(places.finding("grounding", range.clone(), format!("the link {url} comes from no source"), true));
        }
    }
    for found in CITATION.captures_iter(text) {
        let id = &found[1];
        if !subject.brief.claims.iter().any(|claim| claim.id == id) {
            let range = found.get(0).expect("the whole match").range();
            findings.push(places.finding("grounding", range, format!("the brief has no claim {id}"), true));
        }
    }
    for found in QUOTE.captures_iter(text) {
        let quoted = found.get(1).or_else(|| found.get(2)).expect("one of both matched");
        if !sources.has_words(quoted.as_str()) {
            findings.push(places.finding("grounding", quoted.range(), "this quotation stands in no source".to_owned(), true));
        }
    }
    for found in NUMBER.find_iter(text) {
        let range = found.range();
        if urls.iter().any(|url| url.contains(&range.start)) || is_bookkeeping(text, &range) {
            continue;
        }
        if !sources.numbers.contains(&plain_number(found.as_str())) {
            findings.push(places.finding(
                "grounding",
                range,
                format!("the number {} comes from no source", found.as_str()),
                true,
            ));
        }
    }
    for (range, date) in dates(text) {
        if !urls.iter().any(|url| url.contains(&range.start)) && !sources.dates.iter().any(|known| known.agrees(&date)) {
            let message = format!("the date {} comes from no source", &text[range.clone()]);
            findings.push(places.finding("grounding", range, message, true));
        }
    }
    for found in NAME.captures_iter(text) {
        let name = found.get(1).expect("it matched");
        let line = text[..name.start()].rfind('\n').map_or(0, |at| at + 1);
        let in_heading = text[line..].starts_with('#') || text[line..].trim_start().starts_with('>');
        // A name that was cut short is not the name.
        let is_cut = text[name.end()..].starts_with('…');
        if in_heading || is_cut || urls.iter().any(|url| url.contains(&name.start())) || sources.names(name.as_str()) {
            continue;
        }
        // Spelling tells a name less surely than a digit tells a number, so a person may let it stand.
        let message = format!("the name {} stands in no source", name.as_str());
        findings.push(places.finding("grounding", name.range(), message, false));
    }
    findings
}

/// Everything a piece may take facts from.
struct Sources {
    numbers: BTreeSet<String>,
    urls: BTreeSet<String>,
    dates: Vec<Date>,
    /// Lower case, white space folded.
    words: String,
    /// Single words of it, for names.
    known: BTreeSet<String>,
}

impl Sources {
    fn of(subject: &Subject<'_>) -> Sources {
        let mut sources = Sources {
            numbers: BTreeSet::new(),
            urls: BTreeSet::new(),
            dates: Vec::new(),
            words: String::new(),
            known: BTreeSet::new(),
        };
        let brief = subject.brief;
        for claim in &brief.claims {
            sources.add(&claim.text);
            sources.add(claim.quote.as_data());
            sources.add(claim.url.as_deref().unwrap_or(""));
        }
        for evidence in &brief.evidence {
            sources.add(evidence.title.as_data());
            sources.add(evidence.quote.as_data());
            sources.add(evidence.url.as_deref().unwrap_or(""));
        }
        for (title, url) in brief.related.iter().chain(&subject.client_os.pages) {
            sources.add(title);
            sources.add(url);
        }
        for text in [&brief.title, &brief.angle, &brief.audience].into_iter().chain(&brief.cta).chain(&subject.client_os.ctas) {
            sources.add(text);
        }
        for file in subject.client_os.files.values() {
            sources.add(file);
        }
        sources.add(subject.approved);
        sources
    }

    fn add(&mut self, text: &str) {
        self.numbers.extend(NUMBER.find_iter(text).map(|found| plain_number(found.as_str())));
        self.urls.extend(URL.find_iter(text).map(|found| trim_url(found.as_str()).to_owned()));
        self.dates.extend(dates(text).into_iter().map(|(_, date)| date));
        self.known.extend(tokens(text));
        self.words.push_str(&fold(text));
        self.words.push('\n');
    }

    /// Whether every word of a name is known, or is no name: a day, a month, `I`.
    fn names(&self, name: &str) -> bool {
        const NO_NAMES: &[&str] = &[
            "i",
            "monday",
            "tuesday",
            "wednesday",
            "thursday",
            "friday",
            "saturday",
            "sunday",
            "january",
            "february",
            "march",
            "april",
            "may",
            "june",
            "july",
            "august",
            "september",
            "october",
            "november",
            "december",
            "english",
            "internet",
            "im",
            "ive",
            "ill",
        ];
        tokens(name).iter().all(|word| {
            let singular = word.strip_suffix('s').unwrap_or(word);
            NO_NAMES.contains(&word.as_str()) || self.known.contains(word) || self.known.contains(singular)
        })
    }

    fn has_words(&self, quote: &str) -> bool {
        self.words.contains(fold(quote).trim_matches(|c: char| c == '…' || c == '.'))
    }
}

fn fold(text: &str) -> String {
    text.to_lowercase().replace('’', "'").split_whitespace().collect::<Vec<_>>().join(" ")
}

fn trim_url(url: &str) -> &str {
    url.trim_end_matches(['.', ',', ';', ':', '!', '?', '\''])
}

/// `1,020` and `1020` and `1020.0` are one number; a comma before other than three digits is a decimal comma.
fn plain_number(text: &str) -> String {
    let groups: Vec<&str> = text.split(',').collect();
    let grouped =
        groups.len() > 1 && groups[1..].iter().all(|group| group.split('.').next().is_some_and(|whole| whole.len() == 3));
    let joined = if grouped { groups.concat() } else { groups.join(".") };
    match joined.parse::<f64>() {
        Ok(value) => format!("{value}"),
        Err(_) => joined,
    }
}

/// List numbers, claim ids, and digits inside names (`v2`, `HTTP2`): not statements of fact.
fn is_bookkeeping(text: &str, range: &Range<usize>) -> bool {
    let before = &text[..range.start];
    let after = &text[range.end..];
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let starts_line = before[line_start..].chars().all(|c| c.is_whitespace() || c == '>' || c == '#');
    let in_list = starts_line && after.starts_with(". ");
    let in_name = before.chars().next_back().is_some_and(|c| c.is_alphabetic() || c == '_');
    in_list || in_name
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Digest, ItemId};
    use crate::client_os::Snapshot;
    use crate::model::Untrusted;
    use crate::model::goods::{Brief, Claim};

    fn found(text: &str, approved: &str) -> Vec<String> {
        let brief = Brief {
            title: "Prices moved".into(),
            topic: "prices".into(),
            pillar: None,
            audience: "engineers".into(),
            angle: "what it means".into(),
            claims: vec![Claim {
                id: "c1".into(),
                text: "The price changed from $0.15 to $0.12".into(),
                quote: Untrusted::new("Volumes now cost $0.12 per GB, and 1,020 teams noticed"),
                url: Some("https://rival.example/pricing".into()),
                signal: ItemId(Digest::of("s")),
            }],
            avoid: vec![],
            cta: None,
            related: vec![],
            evidence: vec![],
            score: 0.5,
            rank: 1,
            volume: None,
            growth: None,
            intent: None,
            wishes: Vec::new(),
        };
        let client_os = Snapshot::default();
        check(&Subject { text, brief: &brief, approved, client_os: &client_os, platform: None })
            .into_iter()
            .map(|finding| finding.message)
            .collect()
    }

    #[test]
    fn what_the_sources_say_passes() {
        let text = "1. From $0.15 to $0.12 [c1]\n2. “Volumes now cost $0.12 per GB” for 1020 teams, see https://rival.example/pricing. IPv6 is a name.";
        assert_eq!(found(text, ""), Vec::<String>::new());
    }

    #[test]
    fn what_no_source_says_is_found() {
        let text = "It fell by 20 % [c9], “everybody loves the new prices”, see https://evil.example/x.";
        assert_eq!(
            found(text, ""),
            [
                "the link https://evil.example/x comes from no source",
                "the brief has no claim c9",
                "this quotation stands in no source",
                "the number 20 comes from no source",
            ]
        );
    }

    #[test]
    fn dates_and_names_come_from_a_source() {
        let seen = "Seen on 3 June 2026 by Northpier";
        assert_eq!(
            found("The price was seen on June 3rd, 2026 by Northpier's team; I read it on Monday.", seen),
            Vec::<String>::new()
        );
        let text = "It moved on 4 June 2026, says Ann Smith of Acme.";
        let messages = found(text, seen);
        for expected in [
            "the date 4 June 2026 comes from no source",
            "the name Ann Smith stands in no source",
            "the name Acme stands in no source",
        ] {
            assert!(messages.iter().any(|message| message == expected), "{expected} in {messages:?}");
        }
        assert_eq!(
            found("## About Acme And Others\n\n> said Acme", ""),
            Vec::<String>::new(),
            "headings and quotations are others' spelling"
        );
    }

    #[test]
    fn a_person_needs_no_source() {
        assert_eq!(found("We measured 37 teams.", "- we measured 37 teams"), Vec::<String>::new());
    }

    #[test]
    fn numbers_compare_by_value() {
        assert_eq!(plain_number("1,020"), plain_number("1020"));
        assert_eq!(plain_number("4,2"), plain_number("4.2"));
        assert_eq!(plain_number("1,234,567.50"), plain_number("1234567.5"));
    }
}
