//! `aggregate`: one view of the market from many sources.
//!
//! The same news told twice is one signal with two pieces of evidence; what is written about a thing people search for is
//! evidence for that search. Strength says how much fresh evidence there is, novelty how little it resembles earlier cycles.

use super::merging::{self, Mentionable};
use super::reading::{self, count};
use crate::base::{Digest, ItemId, Timestamp};
use crate::builtin::common::{links, topic};
use crate::model::goods::{Evidence, Signal, SignalKind};
use crate::model::{Good, GoodKind, Item, Layer, Untrusted};
use crate::stats::minhash::jaccard;
use crate::stats::text::hash;
use crate::step::spec::no_tunables;
use crate::step::{KindSpec, Mode, NodeSpec, Output, PropSpec, StepContext, StepError, StepKind, Turn, ValueType};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// Makes one view of many sources.
pub struct Aggregate;

static SPEC: KindSpec = KindSpec {
    verb: "aggregate",
    connector: None,
    layers: &[Layer::Intelligence],
    summary: "Merges what many sources say, links it to what people search for, and weighs it by age.",
    doc: "Near-duplicates within `dedupe` become one signal that keeps all of them as evidence. Articles, notes, pages and changes \
        that mention a searched topic, as whole words, become evidence of that topic; words that are in many texts are not taken \
        for a mention.\n\nStrength (0–1) is 1 − ½ʷ, where w is the number of distinct pieces of evidence, each halved for every `half-life` \
        of age; evidence of earlier cycles still counts, fading. Novelty (0–1) is one minus the likeness to the most alike topic of \
        earlier cycles. The strongest come first.",
    takes: &[GoodKind::Signal],
    gives: &[GoodKind::Signal],
    mode: Mode::All,
    nodes: &[
        NodeSpec {
            name: "dedupe",
            props: &[
                PropSpec {
                    name: "within",
                    ty: ValueType::Duration,
                    required: false,
                    default: Some("14d"),
                    doc: "How far apart in time the same news may be.",
                },
                PropSpec {
                    name: "above",
                    ty: ValueType::Share,
                    required: false,
                    default: Some("0.5"),
                    doc: "The likeness (Jaccard, of word pairs) from which texts are the same news.",
                },
            ],
            doc: "When two texts are the same news.",
            example: r#"dedupe within="14d" above=0.5"#,
            ..NodeSpec::EMPTY
        },
        NodeSpec::value(
            "half-life",
            ValueType::Duration,
            "After this time a piece of evidence counts half.",
            r#"half-life "10d""#,
        )
        .or("10d"),
        NodeSpec::value("keep", ValueType::Integer, "Only the strongest so many are given.", "keep 100"),
    ],
    example: "aggregate \"market\" {\n    from \"press\" \"rivals\" \"queries\"\n    dedupe within=\"14d\"\n    half-life \"10d\"\n}",
    keeps: Some("topics of earlier cycles, with the age of their evidence"),
    generates: false,
    publishes: false,
    decides: false,
    tunables: no_tunables,
};

/// At most this many topics are remembered; the longest unseen are forgotten first.
const TOPICS_MAX: usize = 3_000;
/// At most this many pieces of evidence are kept per signal, the freshest.
const EVIDENCE_MAX: usize = 20;

#[derive(Default, Serialize, Deserialize)]
struct Kept {
    #[serde(default)]
    topics: BTreeMap<String, KeptTopic>,
}

#[derive(Clone, Default, Serialize, Deserialize)]
struct KeptTopic {
    last: Timestamp,
    /// When each piece of evidence was from, by its fingerprint.
    evidence: BTreeMap<String, Timestamp>,
}

impl StepKind for Aggregate {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    fn advance(&self, cx: &StepContext<'_>) -> Result<Turn, StepError> {
        let mut kept: Kept = reading::state(cx);
        let found: Vec<(&Arc<Item>, &Signal)> =
            cx.goods(|good| if let Good::Signal(signal) = good { Some(signal) } else { None }).collect();
        let signals: Vec<&Signal> = found.iter().map(|(_, signal)| *signal).collect();
        let dedupe = cx.config().child("dedupe");
        let prop = |name: &str| dedupe.and_then(|node| node.prop(name));
        let within = prop("within").and_then(|value| value.duration()).unwrap_or(Duration::from_secs(14 * 86_400));
        let above = prop("above").and_then(|value| value.number()).unwrap_or(0.5);
        let groups = merging::groups(&signals, within, above);
        let merged = found.len() - groups.len();
        let mut views: Vec<View> = groups.iter().map(|group| view(&found, group)).collect();
        let linked = link(&mut views);
        let half_life = cx.config().duration("half-life").unwrap_or(Duration::from_secs(10 * 86_400));
        let before = std::mem::take(&mut kept.topics);
        let known: Vec<Vec<u64>> = before.keys().map(|key| stem_hashes(key)).collect();
        kept.topics = before.clone();
        for view in &mut views {
            let topic = kept.topics.entry(view.signal.topic.clone()).or_default();
            topic.last = cx.now;
            for (fingerprint, at) in &view.fingerprints {
                let kept = topic.evidence.entry(fingerprint.clone()).or_insert(*at);
                *kept = (*kept).max(*at);
            }
            let weight =
                |at: &Timestamp| 0.5f64.powf(cx.now.days_since(*at).max(0.0) * 86_400.0 / half_life.as_secs_f64().max(1.0));
            // Faded evidence is forgotten, so the memory does not grow for ever.
            topic.evidence.retain(|_, at| weight(at) >= 0.01);
            let total: f64 = topic.evidence.values().map(weight).sum();
            view.signal.strength = Some(1.0 - 0.5f64.powf(total));
            view.signal.novelty = Some(novelty(&view.signal, &before, &known));
        }
        forget(&mut kept.topics);
        views.sort_by(|a, b| {
            let strength = |view: &View| view.signal.strength.unwrap_or(0.0);
            let volume = |view: &View| view.signal.volume.unwrap_or(0.0);
            strength(b)
                .total_cmp(&strength(a))
                .then(volume(b).total_cmp(&volume(a)))
                .then(a.signal.topic.cmp(&b.signal.topic))
                .then(a.parents.cmp(&b.parents))
        });
        if let Some(most) = cx.config().integer("keep") {
            views.truncate(most.max(0) as usize);
        }
        let sources: BTreeSet<&str> = signals.iter().map(|signal| signal.source.as_str()).collect();
        let mut output = Output { state: reading::keep(&kept), ..Output::default() };
        let mut headline = format!("{} from {}, {merged} merged", count(found.len(), "signal"), count(sources.len(), "source"));
        if linked > 0 {
            headline.push_str(&format!(", {linked} written about"));
        }
        output.headline = Some(headline);
        for view in views {
            output.give(view.signal, view.parents.into_iter().collect());
        }
        Ok(Turn::Done(output))
    }
}

/// One signal of the view.
struct View {
    signal: Signal,
    parents: BTreeSet<ItemId>,
    /// What each piece of evidence is known by from cycle to cycle, and when it was from.
    fingerprints: BTreeMap<String, Timestamp>,
}

/// Merges a group: the member that says most is the signal, all of them are its evidence.
fn view(found: &[(&Arc<Item>, &Signal)], group: &[usize]) -> View {
    let said = |index: &usize| {
        let signal = found[*index].1;
        (signal.volume.unwrap_or(0.0), signal.summary.as_data().len())
    };
    let more = |a: &&usize, b: &&usize| {
        let ((volume_a, text_a), (volume_b, text_b)) = (said(a), said(b));
        // Of equals, the first told is the source of the others.
        volume_a.total_cmp(&volume_b).then(text_a.cmp(&text_b)).then(found[**b].1.at.cmp(&found[**a].1.at)).then(b.cmp(a))
    };
    let best = group.iter().max_by(more).expect("a group has members");
    let mut signal = found[*best].1.clone();
    let mut evidence: BTreeMap<ItemId, Evidence> = BTreeMap::new();
    let mut view = View { signal: signal.clone(), parents: BTreeSet::new(), fingerprints: BTreeMap::new() };
    for (item, member) in group.iter().map(|index| found[*index]) {
        view.parents.insert(item.id);
        let own = member.evidence.iter().cloned().chain(member.evidence.is_empty().then(|| member.as_evidence(item.id)));
        evidence.extend(own.map(|evidence| (evidence.signal, evidence)));
        view.fingerprints.insert(fingerprint(member), member.at);
        signal.emerging |= member.emerging;
        if signal.series.is_empty() {
            signal.series.clone_from(&member.series);
            signal.exposure.clone_from(&member.exposure);
            signal.growth = signal.growth.or(member.growth);
        }
        signal.position = signal.position.or(member.position);
        let sure = |intent: &Option<String>| intent.as_deref().is_some_and(|intent| intent != "unsure");
        if !sure(&signal.intent) && member.intent.is_some() {
            signal.intent.clone_from(&member.intent);
        }
        signal.at = signal.at.max(member.at);
    }
    signal.evidence = freshest(evidence.into_values().collect());
    view.signal = signal;
    view
}

/// The same piece of evidence in the next cycle: a search is the same search though its numbers moved.
fn fingerprint(signal: &Signal) -> String {
    let what = match signal.kind {
        SignalKind::Query => format!("{} {}", signal.source, topic::cluster(signal.title.as_data())),
        SignalKind::Article => signal.url.as_deref().map_or_else(|| signal.content.to_string(), links::key),
        _ => format!("{} {}", signal.source, signal.content),
    };
    Digest::of(format!("{} {what}", signal.kind.name())).short(12)
}

/// Newest first; ties by id.
fn freshest(mut evidence: Vec<Evidence>) -> Vec<Evidence> {
    evidence.sort_by(|a, b| b.at.cmp(&a.at).then(a.signal.cmp(&b.signal)));
    evidence.truncate(EVIDENCE_MAX);
    evidence
}

/// Adds what mentions a searched topic to its evidence; says how many topics are written about.
fn link(views: &mut [View]) -> usize {
    let (queries, texts): (Vec<usize>, Vec<usize>) =
        (0..views.len()).partition(|index| views[*index].signal.kind == SignalKind::Query);
    let mentionable: Vec<Mentionable> =
        texts.iter().map(|index| Mentionable::of(&merging::text_of(&views[*index].signal))).collect();
    let titles: Vec<String> = queries.iter().map(|index| views[*index].signal.title.as_data().to_owned()).collect();
    let mentions = merging::mentions(&titles.iter().map(String::as_str).collect::<Vec<_>>(), &mentionable);
    let mut linked = 0;
    for ((query, title), found) in queries.iter().zip(&titles).zip(mentions) {
        linked += usize::from(!found.is_empty());
        for text in found {
            let other = &views[texts[text]];
            let said = merging::text_of(&other.signal);
            let quote = merging::sentence_with(&said, title, 280);
            let evidence: Vec<Evidence> = other
                .signal
                .evidence
                .iter()
                .map(|evidence| Evidence {
                    quote: quote.as_ref().map_or_else(|| evidence.quote.clone(), Untrusted::new),
                    ..evidence.clone()
                })
                .collect();
            let (parents, fingerprints) = (other.parents.clone(), other.fingerprints.clone());
            let view = &mut views[*query];
            view.signal.evidence.extend(evidence);
            view.parents.extend(parents);
            view.fingerprints.extend(fingerprints);
        }
        let view = &mut views[*query];
        let mut seen = BTreeSet::new();
        view.signal.evidence.retain(|evidence| seen.insert(evidence.signal));
        view.signal.evidence = freshest(std::mem::take(&mut view.signal.evidence));
    }
    linked
}

fn stem_hashes(text: &str) -> Vec<u64> {
    let mut hashes: Vec<u64> = topic::stems(text).iter().map(|stem| hash(stem)).collect();
    hashes.sort_unstable();
    hashes
}

fn novelty(signal: &Signal, before: &BTreeMap<String, KeptTopic>, known: &[Vec<u64>]) -> f64 {
    if before.contains_key(&signal.topic) {
        return 0.0;
    }
    let own = stem_hashes(&signal.topic);
    1.0 - known.iter().map(|other| jaccard(&own, other)).fold(0.0, f64::max)
}

fn forget(topics: &mut BTreeMap<String, KeptTopic>) {
    if topics.len() <= TOPICS_MAX {
        return;
    }
    let mut ages: Vec<(Timestamp, String)> = topics.iter().map(|(key, topic)| (topic.last, key.clone())).collect();
    ages.sort();
    for (_, key) in ages.iter().take(topics.len() - TOPICS_MAX) {
        topics.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builtin::common::rehearse::{Bench, signals, time};

    fn signal(kind: SignalKind, source: &str, title: &str, summary: &str, at: &str) -> Signal {
        let content = Digest::of(format!("{title}{summary}"));
        let title = Untrusted::new(title);
        Signal {
            summary: Untrusted::new(summary),
            ..Signal::new(kind, topic::key(title.as_data()), title, source, time(at), content)
        }
    }

    fn bench() -> Bench {
        Bench::new(&Aggregate, r#"aggregate "market" { from "a" "b"; dedupe within="14d"; half-life "10d" }"#)
    }

    const STORY: &str =
        "The maker of approval gates said on Monday that it has bought a company which checks drafts for facts. It costs a lot.";

    #[test]
    fn duplicates_are_merged_with_their_evidence_and_searches_gain_what_is_written() {
        let mut bench = bench();
        let query = Signal { volume: Some(40.0), ..signal(SignalKind::Query, "demand", "approval gate", "", "2026-01-10") };
        bench.inputs([
            signal(SignalKind::Article, "press", "Acme buys Facts", STORY, "2026-01-08"),
            signal(SignalKind::Article, "blogs", "Acme buys Facts Inc", STORY, "2026-01-09"),
            query,
            signal(SignalKind::Article, "press", "Unrelated", "Words about the weather in the north", "2026-01-09"),
        ]);
        let output = bench.run("2026-01-10").unwrap();
        assert_eq!(output.headline.as_deref(), Some("4 signals from 3 sources, 1 merged, 1 written about"));
        let found = signals(&output);
        assert_eq!(
            found.iter().map(|s| (s.title.as_data(), s.evidence.len())).collect::<Vec<_>>(),
            [("approval gate", 3), ("Acme buys Facts", 2), ("Unrelated", 1)]
        );
        assert!(found[0].evidence.iter().any(|e| e.source == "press" && e.quote.as_data().contains("approval gates")));
        assert_eq!(output.goods[0].1.len(), 3);
        assert!(found.iter().all(|s| (0.0..=1.0).contains(&s.strength.unwrap()) && s.novelty == Some(1.0)));
    }

    #[test]
    fn evidence_counts_half_after_a_half_life_and_once_over_cycles() {
        let mut bench = bench();
        bench.inputs([signal(SignalKind::Article, "press", "One thing", "text", "2026-01-01")]);
        let strength = |output: &Output| signals(output)[0].strength.unwrap();
        assert!((strength(&bench.run("2026-01-01").unwrap()) - 0.5).abs() < 1e-12);
        let again = bench.run("2026-01-11").unwrap();
        assert!((strength(&again) - (1.0 - 0.5f64.powf(0.5))).abs() < 1e-12);
        assert_eq!(signals(&again)[0].novelty, Some(0.0));
        bench.inputs([signal(SignalKind::Article, "press", "One thing", "more about it", "2026-01-11")]);
        assert!((strength(&bench.run("2026-01-11").unwrap()) - (1.0 - 0.5f64.powf(1.5))).abs() < 1e-12);
    }

    #[test]
    fn novelty_falls_with_likeness() {
        let mut bench = bench();
        bench.inputs([signal(SignalKind::Article, "press", "approval gates for drafts", "", "2026-01-01")]);
        bench.run("2026-01-01").unwrap();
        bench.inputs([
            signal(SignalKind::Article, "press", "approval gate prices", "", "2026-01-02"),
            signal(SignalKind::Article, "press", "weather", "", "2026-01-02"),
        ]);
        let output = bench.run("2026-01-02").unwrap();
        let novelty: BTreeMap<&str, f64> = signals(&output).into_iter().map(|s| (s.topic.as_str(), s.novelty.unwrap())).collect();
        assert_eq!(novelty["weather"], 1.0);
        assert!((novelty["approval-gate-prices"] - 0.5).abs() < 1e-12);
    }

    #[test]
    fn one_search_from_two_sources_keeps_what_each_knows() {
        let mut bench = bench();
        let big = Signal { volume: Some(90.0), ..signal(SignalKind::Query, "console", "gpu pricing", "", "2026-01-01") };
        let rising = Signal {
            volume: Some(5.0),
            emerging: true,
            growth: Some(2.0),
            ..signal(SignalKind::Query, "trends", "GPUs pricing", "", "2026-01-01")
        };
        bench.inputs([rising, big]);
        let output = bench.run("2026-01-02").unwrap();
        let found = signals(&output);
        assert_eq!((found.len(), found[0].volume, found[0].emerging, found[0].growth), (1, Some(90.0), true, Some(2.0)));
    }

    #[test]
    fn nothing_in_gives_nothing() {
        let output = bench().run("2026-01-01").unwrap();
        assert_eq!((output.goods.len(), output.headline.as_deref()), (0, Some("0 signals from 0 sources, 0 merged")));
    }
}
