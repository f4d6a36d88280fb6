//! `brief`: from an opportunity to a research brief, whose every claim cites a signal. No model is asked.

use super::claims;
use crate::base::{InOrder, ItemId};
use crate::builtin::common::topic;
use crate::client_os::{Pillar, Snapshot};
use crate::model::goods::{Brief, Claim, Opportunity, Signal, SignalKind};
use crate::model::{Good, GoodKind, Untrusted};
use crate::step::spec::no_tunables;
use crate::step::{KindSpec, Mode, NodeSpec, NoteLevel, Output, StepContext, StepError, StepKind, Turn, ValueType};
use std::collections::BTreeSet;

pub struct BriefKind;

static SPEC: KindSpec = KindSpec {
    verb: "brief",
    connector: None,
    layers: &[crate::model::Layer::Production],
    summary: "Turns an opportunity into a research brief.",
    doc: "A brief says what a piece may say: claims with ids (`c1`, `c2` …), each with the words it rests on, an address and the signal \
it comes from. Claims are made from typed facts only (counts, prices, dates), never from what a page asserts. It also says for whom, \
in which pillar, from which angle, what not to say (forbidden phrases and those of locked decisions), which call to action, and \
which own pages belong to the topic. An opportunity without a signal becomes no brief.\n\n\
The same opportunity always becomes the same brief.",
    takes: &[GoodKind::Opportunity],
    gives: &[GoodKind::Brief],
    mode: Mode::Each,
    nodes: &[
        NodeSpec::value("claims", ValueType::Integer, "The most claims of a brief, newest evidence first.", "claims 12").or("12"),
        NodeSpec::value("related", ValueType::Integer, "The most own pages it names.", "related 3").or("3"),
    ],
    example: r#"brief "briefs" {
    from "opportunities"
    claims 12
}"#,
    keeps: None,
    generates: false,
    publishes: false,
    decides: false,
    tunables: no_tunables,
};

impl StepKind for BriefKind {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    fn advance(&self, cx: &StepContext<'_>) -> Result<Turn, StepError> {
        let [item] = cx.inputs else { return Err(StepError::new("a brief is made from one opportunity")) };
        let Good::Opportunity(opportunity) = &item.good else {
            return Err(StepError::new(format!("cannot brief a {}", item.kind())));
        };
        let most = |name: &str, otherwise: i64| usize::try_from(cx.config().integer(name).unwrap_or(otherwise)).unwrap_or(0);
        let signals = Signals::find(cx, opportunity, &item.parents);
        let claims = signals.claims(cx, opportunity, most("claims", 12).max(1));
        if claims.is_empty() {
            return Err(StepError::new(format!("“{}” has no source signal, so there is nothing to write from", opportunity.title))
                .help("`loopctl trace` shows where it came from; an opportunity must come from `score` or another step that keeps its evidence"));
        }
        let os = cx.client_os;
        let pillar = opportunity.pillar.as_deref().and_then(|name| os.pillars.iter().find(|pillar| pillar.name == name));
        let mut output = Output::default();
        let audience = audience(os, &opportunity.topic);
        if os.audience.trim().is_empty() {
            output.note(
                NoteLevel::Warning,
                "The Client OS does not say who we write for, so the brief names the readers by their topic.",
            );
        }
        let subject = words(&format!("{} {}", claims::readable(&opportunity.topic), opportunity.title));
        let takes = signals.takes(opportunity);
        let brief = Brief {
            title: title(opportunity, &takes),
            topic: opportunity.topic.clone(),
            pillar: opportunity.pillar.clone(),
            audience,
            angle: angle(opportunity, &takes, pillar),
            avoid: avoid(os),
            cta: cta(os, &subject, pillar),
            related: related(os, &subject, pillar, most("related", 3)),
            claims,
            evidence: opportunity.evidence.clone(),
            score: opportunity.score,
            rank: opportunity.rank,
            volume: opportunity.volume,
            growth: opportunity.growth,
            intent: opportunity.intent.clone(),
            wishes: Vec::new(),
        };
        let count = brief.claims.len();
        output.headline = Some(if count == 1 { "1 claim".to_owned() } else { format!("{count} claims") });
        output.give(brief, vec![item.id]);
        Ok(Turn::Done(output))
    }
}

/// The signals behind an opportunity, as far as this cycle still has them.
struct Signals {
    /// By the id under which evidence cites them.
    cited: Vec<(ItemId, Signal)>,
    /// What `score` took: the merged signals with their facts and series.
    taken: Vec<(ItemId, Signal)>,
}

impl Signals {
    fn find(cx: &StepContext<'_>, opportunity: &Opportunity, parents: &[ItemId]) -> Signals {
        let signal = |id: &ItemId| {
            cx.lineage
                .item(id)
                .and_then(|item| if let Good::Signal(signal) = &item.good { Some((*id, signal.clone())) } else { None })
        };
        let ids: BTreeSet<ItemId> = opportunity.evidence.iter().map(|evidence| evidence.signal).collect();
        Signals { cited: ids.iter().filter_map(signal).collect(), taken: parents.iter().filter_map(signal).collect() }
    }

    /// Claims with ids, each text once: typed facts first, then what was merely written, both newest first.
    fn claims(&self, cx: &StepContext<'_>, opportunity: &Opportunity, most: usize) -> Vec<Claim> {
        let zone = &cx.workflow.zone;
        let mut typed: Vec<Claim> = Vec::new();
        let mut written: Vec<Claim> = Vec::new();
        for evidence in &opportunity.evidence {
            match self.cited.iter().find(|(id, _)| *id == evidence.signal) {
                Some((_, signal)) => {
                    let claims = claims::of_signal(signal, evidence, zone);
                    if is_typed(signal) { typed.extend(claims) } else { written.extend(claims) }
                }
                None => written.push(claims::of_evidence(evidence, &opportunity.topic, zone)),
            }
        }
        // A merged signal may know what its parts, from an earlier cycle, can no longer be asked for. Its title may be that of
        // any part, so the topic stands for it.
        let taken = if typed.is_empty() { self.taken.as_slice() } else { &[] };
        for (id, signal) in taken.iter().filter(|(_, signal)| is_typed(signal)) {
            let cited =
                opportunity.evidence.iter().find(|evidence| evidence.source == signal.source || evidence.url == signal.url);
            let evidence = cited.cloned().unwrap_or_else(|| signal.as_evidence(*id));
            let named = Signal { title: Untrusted::new(claims::readable(&signal.topic)), ..signal.clone() };
            typed.extend(claims::of_signal(&named, &evidence, zone));
        }
        let mut seen = BTreeSet::new();
        typed.extend(written);
        typed.retain(|claim| seen.insert((claim.text.clone(), is_article(&claim.text).then(|| claim.url.clone()))));
        typed.truncate(most);
        (1..).zip(typed).map(|(number, claim)| Claim { id: format!("c{number}"), ..claim }).collect()
    }

    /// What kind of story this is.
    fn takes(&self, opportunity: &Opportunity) -> Story {
        let all = || self.cited.iter().chain(&self.taken).map(|(_, signal)| signal);
        let prices: Vec<String> =
            all().flat_map(|signal| &signal.facts).filter(|fact| fact.name == "price").map(|fact| fact.about.clone()).collect();
        Story {
            prices: prices.into_iter().collect(),
            changes: all().any(|signal| !signal.facts.is_empty()),
            emerging: all().any(|signal| signal.emerging),
            asked: all().any(|signal| signal.kind == SignalKind::Query) || opportunity.intent.is_some(),
        }
    }
}

fn is_typed(signal: &Signal) -> bool {
    !signal.facts.is_empty() || signal.volume.is_some() || !signal.series.is_empty()
}

/// Two articles of one publisher on one day have the same text but are two claims.
fn is_article(text: &str) -> bool {
    text.contains(" wrote about ")
}

struct Story {
    /// What the prices that changed are for; sorted.
    prices: BTreeSet<String>,
    changes: bool,
    emerging: bool,
    asked: bool,
}

/// The topic with a capital letter.
fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

fn title(opportunity: &Opportunity, story: &Story) -> String {
    let topic = claims::readable(&opportunity.topic);
    let subject = capital(&topic);
    if !story.prices.is_empty() {
        return match story.prices.iter().next().filter(|about| story.prices.len() == 1 && !about.trim().is_empty()) {
            Some(about) => {
                format!("The price of {} moved: what it means for your bill", Untrusted::new(about).quoted(60))
            }
            None => format!("{subject}: prices moved, and what it means for your bill"),
        };
    }
    if topic.starts_with("how ") || topic.starts_with("what ") || topic.starts_with("why ") {
        return format!("{subject}?");
    }
    match (story.changes, story.emerging, story.asked) {
        (true, ..) => format!("{subject}: what changed and what to do about it"),
        (_, true, _) => format!("{subject}: why people ask about it now"),
        (_, _, true) => format!("{subject}: what people want to know"),
        _ => format!("{subject}: what happened and what it means"),
    }
}

/// How to take the topic. Holds no number, because a number would need a claim.
fn angle(opportunity: &Opportunity, story: &Story, pillar: Option<&Pillar>) -> String {
    let angle = if !story.prices.is_empty() {
        "Say which prices moved, by how much and since when, and show what that does to a bill."
    } else if story.changes {
        "Say what changed and since when, who notices it, and what to do about it."
    } else if story.emerging {
        "More people ask about this than before: answer the question first, then say why it comes up now."
    } else {
        match opportunity.intent.as_deref() {
            Some("informational") => "Answer the question in the first paragraph, then show how.",
            Some("commercial" | "comparison") => "Help to choose: name the choices and what decides between them.",
            Some("transactional") => "The reader is ready to act: say what to do, in order.",
            Some("navigational") => "The reader looks for a place: say where it is and what is there.",
            _ if story.asked => "Answer what people look for in the first paragraph, then show how.",
            _ => "Say what happened, then what it means for the reader.",
        }
    };
    match pillar.map(|pillar| pillar.about.trim()).filter(|about| !about.is_empty()) {
        Some(about) => format!("{angle} Keep to our territory: {}", about),
        None => angle.to_owned(),
    }
}

/// The first paragraph of the audience, as the end of a sentence.
fn audience(os: &Snapshot, topic: &str) -> String {
    let first = os.audience.split("\n\n").next().unwrap_or("").split_whitespace().collect::<Vec<_>>().join(" ");
    let first = first.trim_end_matches('.').to_owned();
    if first.is_empty() { format!("people who care about {}", claims::readable(topic)) } else { first }
}

/// Phrases of locked decisions, then forbidden phrases, each once.
fn avoid(os: &Snapshot) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let decided = os.decisions.iter().flat_map(|decision| &decision.forbids);
    decided.chain(&os.forbidden).filter(|phrase| seen.insert(phrase.to_lowercase())).cloned().collect()
}

/// The stems of the words that carry meaning.
fn words(text: &str) -> BTreeSet<String> {
    topic::stems(text)
}

/// How much a text of ours has to do with the subject: its own words count double, those of the pillar once.
fn closeness(text: &str, subject: &BTreeSet<String>, pillar: Option<&Pillar>) -> usize {
    let text = words(text);
    let pillar: BTreeSet<String> =
        pillar.map(|pillar| words(&format!("{} {}", pillar.name, pillar.topics.join(" ")))).unwrap_or_default();
    text.iter().map(|word| 2 * usize::from(subject.contains(word)) + usize::from(pillar.contains(word))).sum()
}

/// The call to action that is closest to the subject; the first when none is close.
fn cta(os: &Snapshot, subject: &BTreeSet<String>, pillar: Option<&Pillar>) -> Option<String> {
    let mut best: Option<(usize, &String)> = None;
    for cta in &os.ctas {
        let close = closeness(cta, subject, pillar);
        if best.is_none_or(|(most, _)| close > most) {
            best = Some((close, cta));
        }
    }
    best.map(|(_, cta)| cta.clone())
}

/// Own pages that share words with the subject or its pillar, the closest first.
fn related(os: &Snapshot, subject: &BTreeSet<String>, pillar: Option<&Pillar>, most: usize) -> Vec<(String, String)> {
    let mut pages: Vec<(usize, &(String, String))> = os
        .pages
        .iter()
        .map(|page| {
            let path = page.1.split_once("://").map_or(page.1.as_str(), |(_, rest)| rest);
            let path = path.split_once('/').map_or("", |(_, path)| path);
            (closeness(&format!("{} {}", page.0, path.replace(['-', '/', '_'], " ")), subject, pillar), page)
        })
        .filter(|(close, _)| *close > 0)
        .collect();
    // The sort is stable: pages that are equally close stay in the order of the file.
    pages.order_by_key(|(close, _)| std::cmp::Reverse(*close));
    pages.into_iter().take(most).map(|(_, page)| page.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Digest, StepId};
    use crate::builtin::common::rehearse::{Bench, notes, time};
    use crate::client_os::Decision;
    use crate::model::Item;
    use crate::model::goods::signal::Fact;
    use crate::model::goods::{Evidence, Point};
    use std::sync::Arc;

    fn signal(kind: SignalKind, title: &str, url: Option<&str>, day: &str) -> Signal {
        let mut signal = Signal::new(kind, "volume-price", Untrusted::new(title), "press", time(day), Digest::of(title));
        signal.url = url.map(str::to_owned);
        signal
    }

    fn item(signal: Signal) -> Arc<Item> {
        Arc::new(Item::new(signal.into(), Vec::new(), StepId::new("press")))
    }

    fn opportunity(evidence: Vec<Evidence>) -> Opportunity {
        Opportunity {
            topic: "volume-price".into(),
            title: "Volume price".into(),
            score: 0.7,
            confidence: 1.0,
            rank: 1,
            breakdown: Vec::new(),
            pillar: Some("Cost".into()),
            volume: None,
            growth: None,
            intent: None,
            evidence,
        }
    }

    fn bench() -> Bench {
        let mut bench = Bench::new(&BriefKind, "brief \"briefs\" { claims 4 }");
        bench.client_os = Snapshot {
            audience: "Engineers in small teams.\n\nAnd others.".into(),
            ctas: vec!["Book a time".into(), "Bring your bill, we read the price".into()],
            forbidden: vec!["Unlock".into(), "seamless".into()],
            decisions: vec![Decision {
                name: "No ranking".into(),
                text: String::new(),
                forbids: vec!["better than".into(), "unlock".into()],
            }],
            pages: vec![
                ("About us".into(), "https://us.example/about".into()),
                ("Book".into(), "https://us.example/what-a-bill-is".into()),
                ("Volumes and their price".into(), "https://us.example/volumes".into()),
            ],
            pillars: vec![Pillar {
                name: "Cost".into(),
                about: "What hosting costs.".into(),
                weight: 1.0,
                locked: false,
                topics: vec!["bill".into()],
            }],
            ..Snapshot::default()
        };
        bench
    }

    fn run(bench: &mut Bench) -> Brief {
        let output = bench.run("2026-06-10").expect("a brief");
        let Some((Good::Brief(brief), parents)) = output.goods.into_iter().next() else { panic!("one brief") };
        assert_eq!(parents.len(), 1);
        brief
    }

    #[test]
    fn every_claim_cites_a_signal_and_its_words() {
        let mut change = signal(SignalKind::Change, "Pricing", Some("https://rival.example/pricing"), "2026-06-03");
        change.quote = Untrusted::new("Volumes $0.12/GB");
        change.facts = vec![Fact {
            name: "price".into(),
            about: "Volumes".into(),
            old: Some("0.15".into()),
            new: Some("0.12".into()),
            unit: Some("usd/GB".into()),
        }];
        let items = [
            item(change),
            item(signal(SignalKind::Article, "Prices!", Some("https://a.example/1"), "2026-06-05")),
            item(signal(SignalKind::Article, "More", Some("https://a.example/2"), "2026-06-05")),
        ];
        let evidence = items
            .iter()
            .map(|item| if let Good::Signal(signal) = &item.good { signal.as_evidence(item.id) } else { panic!("signals only") })
            .collect();
        let mut bench = bench();
        bench.before = items.to_vec();
        bench.input(opportunity(evidence));
        let brief = run(&mut bench);
        let claims: Vec<String> =
            brief.claims.iter().map(|claim| format!("{} {} | {}", claim.id, claim.text, claim.quote.as_data())).collect();
        assert_eq!(
            claims,
            [
                "c1 The price of Volumes changed from $0.15 to $0.12 per GB (seen on 3 June 2026) | Volumes $0.12/GB",
                "c2 a.example wrote about volume price on 5 June 2026 | Prices!",
                "c3 a.example wrote about volume price on 5 June 2026 | More",
            ]
        );
        assert!(brief.claims.iter().all(|claim| items.iter().any(|item| item.id == claim.signal)));
        assert_eq!(brief.title, "The price of Volumes moved: what it means for your bill");
        assert_eq!(brief.audience, "Engineers in small teams");
        assert_eq!(brief.avoid, ["better than", "unlock", "seamless"]);
        assert_eq!(brief.cta.as_deref(), Some("Bring your bill, we read the price"));
        assert_eq!(brief.related.iter().map(|page| page.0.as_str()).collect::<Vec<_>>(), ["Volumes and their price", "Book"]);
        assert!(brief.angle.ends_with("Keep to our territory: What hosting costs."));
        assert!(!brief.angle.contains(|c: char| c.is_ascii_digit()));
    }

    #[test]
    fn counts_of_a_query_become_claims_and_the_question_the_title() {
        let mut query = signal(SignalKind::Query, "how to resize a volume", None, "2026-06-01");
        query.topic = "how-to-resize-volume".into();
        query.series = [("2026-03-01", 10.0), ("2026-04-01", 20.0), ("2026-05-01", 30.0)]
            .map(|(day, value)| Point { at: time(day), value })
            .into();
        let item = item(query);
        let Good::Signal(signal) = &item.good else { panic!("a signal") };
        let mut bench = bench();
        bench.before = vec![item.clone()];
        bench.input(Opportunity { topic: signal.topic.clone(), ..opportunity(vec![signal.as_evidence(item.id)]) });
        let brief = run(&mut bench);
        assert_eq!(brief.title, "How to resize volume?");
        assert_eq!(
            brief.claims[0].text,
            "Interest in “how to resize a volume”: 30 in May 2026, up 100 % on the two months before"
        );
        assert_eq!(brief.claims.len(), 1);
    }

    #[test]
    fn evidence_of_earlier_cycles_still_makes_claims() {
        let gone = signal(SignalKind::Article, "Old", Some("https://www.b.example/x"), "2026-05-01");
        let mut bench = bench();
        bench.client_os.audience.clear();
        bench.input(opportunity(vec![gone.as_evidence(crate::base::ItemId(Digest::of("gone")))]));
        let output = bench.run("2026-06-10").expect("a brief");
        assert_eq!(notes(&output).len(), 1);
        let Good::Brief(brief) = &output.goods[0].0 else { panic!("a brief") };
        assert_eq!(brief.claims[0].text, "b.example wrote about volume price on 1 May 2026");
        assert_eq!(brief.audience, "people who care about volume price");
    }

    #[test]
    fn no_signal_no_brief() {
        let mut bench = bench();
        bench.input(opportunity(Vec::new()));
        let error = bench.run("2026-06-10").expect_err("nothing to write from");
        assert!(error.message.contains("no source signal"));
    }

    #[test]
    fn claims_are_bounded_and_numbered() {
        let items: Vec<Arc<Item>> = (1..=9)
            .map(|n| item(signal(SignalKind::Article, &format!("T{n}"), Some(&format!("https://{n}.example/")), "2026-06-05")))
            .collect();
        let evidence =
            items.iter().map(|item| if let Good::Signal(signal) = &item.good { signal.as_evidence(item.id) } else { panic!() });
        let mut bench = bench();
        bench.input(opportunity(evidence.collect()));
        assert_eq!(run(&mut bench).claims.iter().map(|claim| claim.id.as_str()).collect::<Vec<_>>(), ["c1", "c2", "c3", "c4"]);
    }
}
