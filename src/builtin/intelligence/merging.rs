//! Which signals are about the same thing: near-duplicates, and texts that mention what people search for.

use crate::builtin::common::{links, topic};
use crate::model::goods::{Signal, SignalKind};
use crate::stats::minhash::{similar_pairs, text_signature};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Words in a run that near-duplicates share. Headlines are short, so runs are too.
const SHINGLE: usize = 2;

/// Groups of signals (by index, each sorted, in the order of their first members) that are the same news: the same page, the same
/// content, the same query in other words, or nearly the same text; members follow one another within `within`.
pub fn groups(signals: &[&Signal], within: Duration, above: f64) -> Vec<Vec<usize>> {
    let mut groups = UnionFind::new(signals.len());
    let near = |a: usize, b: usize| {
        let (a, b) = (signals[a].at, signals[b].at);
        a.since(b).max(b.since(a)) <= within
    };
    let mut first: BTreeMap<(u8, String), usize> = BTreeMap::new();
    for (index, signal) in signals.iter().enumerate() {
        let mut keys = vec![(0, format!("{} {}", signal.kind.name(), signal.content))];
        match signal.kind {
            SignalKind::Query => keys.push((1, topic::cluster(signal.title.as_data()))),
            SignalKind::Article => keys.extend(signal.url.as_deref().map(|url| (2, links::key(url)))),
            SignalKind::Page | SignalKind::Change | SignalKind::Note | SignalKind::Alarm => {}
        }
        for key in keys {
            // The latest member before this one decides whether they are near in time.
            if let Some(other) = first.insert(key, index)
                && near(index, other)
            {
                groups.join(index, other);
            }
        }
    }
    let texts: Vec<usize> =
        (0..signals.len()).filter(|index| matches!(signals[*index].kind, SignalKind::Article | SignalKind::Note)).collect();
    let signatures: Vec<_> = texts.iter().map(|index| text_signature(&text_of(signals[*index]), SHINGLE)).collect();
    for (a, b, _) in similar_pairs(&signatures, above) {
        let (a, b) = (texts[a], texts[b]);
        if near(a, b) && signals[a].kind == signals[b].kind {
            groups.join(a, b);
        }
    }
    groups.sets()
}

/// What a signal says, for comparing.
pub fn text_of(signal: &Signal) -> String {
    format!("{} {}", signal.title.as_data(), signal.summary.as_data())
}

struct UnionFind(Vec<usize>);

impl UnionFind {
    fn new(size: usize) -> UnionFind {
        UnionFind((0..size).collect())
    }

    fn root(&mut self, mut index: usize) -> usize {
        while self.0[index] != index {
            self.0[index] = self.0[self.0[index]];
            index = self.0[index];
        }
        index
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        // The smaller index is the root, so the outcome does not depend on the order of joins.
        self.0[a.max(b)] = a.min(b);
    }

    fn sets(&mut self) -> Vec<Vec<usize>> {
        let mut sets: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for index in 0..self.0.len() {
            let root = self.root(index);
            sets.entry(root).or_default().push(index);
        }
        sets.into_values().collect()
    }
}

/// A text as the stems of its telling words, for finding mentions. Stop words are left out on both sides, so `approval of
/// content` is mentioned by `approval content`; order still counts.
pub struct Mentionable {
    stems: Vec<String>,
}

impl Mentionable {
    pub fn of(text: &str) -> Mentionable {
        Mentionable { stems: topic::stems_in_order(text) }
    }

    fn mentions(&self, wanted: &[String]) -> bool {
        !wanted.is_empty() && self.stems.windows(wanted.len()).any(|window| window == wanted)
    }
}

/// A term that more than this share of many texts mention tells nothing about any of them.
const COMMON_SHARE: f64 = 0.2;
/// Below this many texts a share means little, and up to this many mentions are always fine.
const COMMON_MIN: usize = 4;

/// For each query text the indexes of the texts that mention it as whole words. Queries without a telling word, of one
/// short or numeric word, and terms that are too common in these texts have no mentions.
pub fn mentions(queries: &[&str], texts: &[Mentionable]) -> Vec<Vec<usize>> {
    let mut by_stem: BTreeMap<&str, BTreeSet<usize>> = BTreeMap::new();
    for (index, text) in texts.iter().enumerate() {
        for stem in &text.stems {
            by_stem.entry(stem).or_default().insert(index);
        }
    }
    let most = ((texts.len() as f64 * COMMON_SHARE).floor() as usize).max(COMMON_MIN);
    queries
        .iter()
        .map(|query| {
            let wanted = topic::stems_in_order(query);
            let telling = wanted.iter().any(|stem| stem.chars().count() >= 3 && stem.chars().any(char::is_alphabetic));
            let Some(first) = wanted.first().filter(|_| telling) else { return Vec::new() };
            let candidates = by_stem.get(first.as_str()).into_iter().flatten().copied();
            let found: Vec<usize> = candidates.filter(|index| texts[*index].mentions(&wanted)).collect();
            if found.len() > most { Vec::new() } else { found }
        })
        .collect()
}

/// The sentence of a text that mentions a query, at most `max` characters.
pub fn sentence_with(text: &str, query: &str, max: usize) -> Option<String> {
    let wanted = topic::stems_in_order(query);
    let mut ends: Vec<usize> = super::reading::sentence_ends(text).chain(text.match_indices('\n').map(|(at, _)| at)).collect();
    ends.push(text.len());
    ends.sort_unstable();
    let starts = std::iter::once(0).chain(ends.iter().copied());
    let found = starts
        .zip(&ends)
        .map(|(start, end)| text[start..*end].trim())
        .find(|sentence| Mentionable::of(sentence).mentions(&wanted))?;
    Some(super::reading::quote(found, max))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Digest, Timestamp};
    use crate::model::Untrusted;

    fn article(title: &str, summary: &str, day: i64) -> Signal {
        let at = Timestamp(day * 86_400_000);
        let content = Digest::of(format!("{title}{summary}{day}"));
        let title = Untrusted::new(title);
        Signal { summary: Untrusted::new(summary), ..Signal::new(SignalKind::Article, "t", title, "s", at, content) }
    }

    fn grouped(signals: &[Signal]) -> Vec<Vec<usize>> {
        groups(&signals.iter().collect::<Vec<_>>(), Duration::from_secs(14 * 86_400), 0.5)
    }

    const STORY: &str =
        "The maker of approval tools said on Monday that it has bought a small company which checks drafts for facts";

    #[test]
    fn near_duplicates_meet_and_other_news_does_not() {
        let other = article("Something else", "Nothing in this text has anything to do with the first story at all", 2);
        let found = grouped(&[
            article("Acme buys Facts", STORY, 1),
            other,
            article("Acme buys Facts Inc", STORY, 3),
            article("Acme buys Facts", STORY, 40),
        ]);
        assert_eq!(found, [vec![0, 2], vec![1], vec![3]]);
    }

    #[test]
    fn one_page_and_one_query_in_other_words_are_one() {
        let mut signals = vec![
            article("a", "first", 1),
            article("b", "second", 2),
            article("Approval gates", "", 1),
            article("the gate approval", "", 1),
        ];
        signals[0].url = Some("https://a.example/x?utm_source=y".into());
        signals[1].url = Some("https://a.example/x/".into());
        signals[2].kind = SignalKind::Query;
        signals[3].kind = SignalKind::Query;
        assert_eq!(grouped(&signals), [vec![0, 1], vec![2, 3]]);
    }

    #[test]
    fn mentions_are_whole_words_in_order() {
        let texts: Vec<Mentionable> = [
            "Content approvals made easy",
            "Approve the content",
            "Discontent approval",
            "An approval of content gate",
            "gpu gpus",
        ]
        .iter()
        .map(|text| Mentionable::of(text))
        .collect();
        let found = mentions(&["content approval", "gpu", "the", "42", "approval of the content"], &texts);
        assert_eq!(found, [vec![0], vec![4], vec![], vec![], vec![1, 3]]);
    }

    #[test]
    fn terms_that_are_everywhere_mention_nothing() {
        let texts: Vec<Mentionable> = (0..30).map(|n| Mentionable::of(&format!("add thing{n}"))).collect();
        assert_eq!(mentions(&["add", "thing7"], &texts), [vec![], vec![7]]);
    }

    #[test]
    fn the_sentence_is_quoted() {
        let text = "First words. We added GPU machines today. Last.";
        assert_eq!(sentence_with(text, "gpus", 100).as_deref(), Some("We added GPU machines today."));
        assert_eq!(sentence_with(text, "mcp", 100), None);
    }

    #[test]
    fn on_real_revisions_near_duplicates_are_told_from_different_pages() {
        let Some(packed) = crate::builtin::common::rehearse::shared("decisions/site/page_revision_pairs.jsonl.gz") else {
            return;
        };
        let bytes = crate::builtin::common::bytes::unpack(&packed).unwrap();
        let (mut right, mut all) = (0, 0);
        for line in std::str::from_utf8(&bytes).unwrap().lines() {
            let value: serde_json::Value = serde_json::from_str(line).unwrap();
            let text = |names: [&str; 2]| {
                names
                    .iter()
                    .find_map(|name| value[*name].as_str())
                    .unwrap_or_else(|| panic!("{:?}", value.as_object().unwrap().keys()))
                    .to_owned()
            };
            let pair = [article("", &text(["a", "text_a"]), 1), article("", &text(["b", "text_b"]), 1)];
            let merged = grouped(&pair).len() == 1;
            right += usize::from(merged == (value["label"].as_i64() == Some(1)));
            all += 1;
        }
        println!("{right} of {all} pairs are told right");
        assert!(right * 100 >= all * 90);
    }
}
