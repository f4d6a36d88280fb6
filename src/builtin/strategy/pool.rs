//! Signals of one topic as one, and the pillar that a topic belongs to.

use crate::base::{InOrder, Timestamp};
use crate::builtin::common::topic::stems;
use crate::client_os::Pillar;
use crate::model::Item;
use crate::model::goods::{Evidence, Point, Signal};
use crate::stats::summary::median;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// One topic: its signals merged, and the items they came in.
#[derive(Clone, Debug, PartialEq)]
pub struct Topic {
    /// The merged signal; its evidence is never empty.
    pub signal: Signal,
    pub items: Vec<Arc<Item>>,
}

/// Merges signals by topic, in topic order. Counts of different sources cannot be added, so volume, series and growth are
/// those of the signal with the most volume; evidence of all is kept.
pub fn by_topic<'a>(signals: impl Iterator<Item = (&'a Arc<Item>, &'a Signal)>) -> Vec<Topic> {
    let mut groups: BTreeMap<&str, Vec<(&Arc<Item>, &Signal)>> = BTreeMap::new();
    for (item, signal) in signals {
        groups.entry(signal.topic.as_str()).or_default().push((item, signal));
    }
    groups.into_values().filter_map(merged).collect()
}

fn merged(mut group: Vec<(&Arc<Item>, &Signal)>) -> Option<Topic> {
    // The one with the most volume speaks for the topic; then the one with most evidence, then the newest, then by id.
    group.order_by(|(a_item, a), (b_item, b)| {
        let volume = |signal: &Signal| signal.volume.filter(|volume| volume.is_finite()).unwrap_or(-1.0);
        (volume(b).total_cmp(&volume(a)))
            .then(b.evidence.len().cmp(&a.evidence.len()))
            .then(b.at.cmp(&a.at))
            .then(a_item.id.cmp(&b_item.id))
    });
    let (_, first) = group.first()?;
    let mut signal = (*first).clone();
    let mut evidence: Vec<Evidence> = Vec::new();
    for (item, part) in &group {
        let own = if part.evidence.is_empty() { vec![part.as_evidence(item.id)] } else { part.evidence.clone() };
        evidence.extend(own);
        signal.growth = signal.growth.or(part.growth);
        signal.intent = signal.intent.or_else(|| part.intent.clone());
        signal.url = signal.url.or_else(|| part.url.clone());
        signal.emerging |= part.emerging;
        signal.position = larger(signal.position, part.position, |a, b| b < a);
        signal.strength = larger(signal.strength, part.strength, |a, b| b > a);
        signal.novelty = larger(signal.novelty, part.novelty, |a, b| b > a);
        signal.at = signal.at.max(part.at);
        for fact in &part.facts {
            if !signal.facts.contains(fact) {
                signal.facts.push(fact.clone());
            }
        }
    }
    // Newest first; one piece of evidence may have come by two ways.
    evidence.order_by(|a, b| (b.at, &a.source, a.signal, &a.url).cmp(&(a.at, &b.source, b.signal, &b.url)));
    evidence.dedup_by(|a, b| a.signal == b.signal && a.url == b.url && a.quote == b.quote);
    signal.evidence = evidence;
    Some(Topic { signal, items: group.into_iter().map(|(item, _)| item.clone()).collect() })
}

fn larger(a: Option<f64>, b: Option<f64>, better: impl Fn(f64, f64) -> bool) -> Option<f64> {
    match (a, b) {
        (Some(a), Some(b)) => Some(if better(a, b) { b } else { a }),
        (a, b) => a.or(b),
    }
}

/// Pillars with the stems of their topics, taken once for all texts that are held against them.
pub struct Pillars<'p> {
    pillars: Vec<(&'p Pillar, Vec<BTreeSet<String>>)>,
}

impl<'p> Pillars<'p> {
    pub fn new(pillars: &'p [Pillar]) -> Pillars<'p> {
        let topics = |pillar: &Pillar| pillar.topics.iter().map(|words| stems(words)).filter(|words| !words.is_empty()).collect();
        Pillars { pillars: pillars.iter().map(|pillar| (pillar, topics(pillar))).collect() }
    }

    /// The pillar with the most topics whose words are all in the topic's key; when no pillar has any there, in its title.
    /// Ties go to the pillar that stands first in its file.
    pub fn of(&self, topic: &str, title: &str) -> Option<&'p Pillar> {
        [topic, title].into_iter().find_map(|text| {
            let stems = stems(text);
            let mut best: Option<(usize, &Pillar)> = None;
            for (pillar, topics) in &self.pillars {
                let hits = topics.iter().filter(|words| words.is_subset(&stems)).count();
                if hits > best.map_or(0, |(most, _)| most) {
                    best = Some((hits, pillar));
                }
            }
            best.map(|(_, pillar)| pillar)
        })
    }
}

/// The last value of a series against the mean of the up to three before it, as a ratio minus one.
pub fn growth(series: &[Point]) -> Option<f64> {
    let (last, before) = series.split_last()?;
    let past = &before[before.len().saturating_sub(3)..];
    let mean = past.iter().map(|point| point.value).sum::<f64>() / past.len() as f64;
    (mean > 0.0 && last.value.is_finite()).then(|| last.value / mean - 1.0)
}

/// Days from one period to the next; `None` for fewer than two periods.
pub fn period_days(series: &[Point]) -> Option<f64> {
    let gaps: Vec<f64> = series.windows(2).map(|pair| pair[1].at.days_since(pair[0].at)).filter(|days| *days > 0.0).collect();
    (!gaps.is_empty()).then(|| median(&gaps))
}

/// A topic as it was known when the period `at` (an index of its series) had just been counted. What cannot be known for the
/// past is absent, so that a rule that asks for it is neutral instead of knowing the future.
pub fn as_of(signal: &Signal, at: usize) -> Signal {
    let series: Vec<Point> = signal.series[..=at].to_vec();
    let then: Timestamp = series[at].at;
    Signal {
        volume: Some(series[at].value),
        growth: growth(&series),
        at: then,
        fetched_at: then,
        emerging: false,
        position: None,
        strength: None,
        novelty: None,
        exposure: signal.exposure.iter().take(at + 1).copied().collect(),
        facts: Vec::new(),
        evidence: signal.evidence.iter().filter(|evidence| evidence.at <= then).cloned().collect(),
        series,
        ..signal.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Digest, StepId};
    use crate::model::Untrusted;
    use crate::model::goods::SignalKind;

    fn item(topic: &str, volume: Option<f64>, day: i64, source: &str) -> Arc<Item> {
        let at = Timestamp(day * 86_400_000);
        let mut signal = Signal::new(SignalKind::Query, topic, Untrusted::new(topic), source, at, Digest::of(source));
        signal.volume = volume;
        Arc::new(Item::new(signal.into(), Vec::new(), StepId::new(source)))
    }

    fn pooled(items: &[Arc<Item>]) -> Vec<Topic> {
        by_topic(items.iter().filter_map(|item| match &item.good {
            crate::model::Good::Signal(signal) => Some((item, signal)),
            _ => None,
        }))
    }

    #[test]
    fn signals_of_one_topic_become_one_and_keep_all_evidence() {
        let items = [
            item("b", None, 3, "press"),
            item("a", Some(5.0), 1, "demand"),
            item("a", Some(9.0), 2, "searches"),
            item("a", None, 4, "press"),
        ];
        let topics = pooled(&items);
        assert_eq!(topics.iter().map(|topic| topic.signal.topic.as_str()).collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(topics[0].signal.volume, Some(9.0));
        assert_eq!(topics[0].signal.at, Timestamp(4 * 86_400_000));
        let sources: Vec<&str> = topics[0].signal.evidence.iter().map(|evidence| evidence.source.as_str()).collect();
        assert_eq!(sources, ["press", "searches", "demand"]);
        assert_eq!(topics[0].items.len(), 3);
        let turned: Vec<Arc<Item>> = items.iter().rev().cloned().collect();
        assert_eq!(pooled(&turned)[0].signal, topics[0].signal);
    }

    #[test]
    fn a_topic_goes_to_the_pillar_with_most_of_its_words() {
        let pillar = |name: &str, topics: &[&str]| Pillar {
            name: name.into(),
            about: String::new(),
            weight: 0.5,
            locked: false,
            topics: topics.iter().map(|topic| (*topic).to_owned()).collect(),
        };
        let pillars = [pillar("Operations", &["deploy", "load balancing"]), pillar("Cost", &["price", "bill"])];
        let of = |topic: &str, title: &str| Pillars::new(&pillars).of(topic, title).map(|pillar| pillar.name.clone());
        assert_eq!(of("deployments", ""), of("deploys", ""));
        assert_eq!(of("prices-bill-deploy", ""), Some("Cost".into()));
        assert_eq!(of("load-balancing", ""), Some("Operations".into()));
        assert_eq!(of("balancing", ""), None);
        assert_eq!(of("x", "What a bill says"), Some("Cost".into()));
        assert_eq!(of("deploy", "price bill"), Some("Operations".into()));
        assert_eq!(of("price-deploy", ""), Some("Operations".into()), "ties go to the first");
    }

    #[test]
    fn the_past_does_not_know_the_future() {
        let point = |day: i64, value: f64| Point { at: Timestamp(day * 86_400_000), value };
        let mut signal = Signal::new(SignalKind::Query, "a", Untrusted::new("a"), "s", Timestamp(i64::MAX), Digest::of(""));
        signal.series = vec![point(0, 2.0), point(30, 4.0), point(60, 6.0), point(90, 100.0)];
        signal.strength = Some(1.0);
        let past = as_of(&signal, 2);
        assert_eq!((past.volume, past.growth, past.strength), (Some(6.0), Some(1.0), None));
        assert_eq!(past.series.len(), 3);
        assert_eq!(period_days(&signal.series), Some(30.0));
        assert_eq!(growth(&signal.series[..1]), None);
    }
}
