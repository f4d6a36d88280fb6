//! `intent`: what people who search want, which topics are the same, and which are rising.

use super::readers::shape;
use super::reading::{self, Outcome, count, inform, warn};
use super::{intent_words, rising};
use crate::base::{Rng, Timestamp};
use crate::builtin::common::{table, topic};
use crate::model::goods::{Signal, SignalKind};
use crate::model::{Good, GoodKind, Layer};
use crate::stats::burst::Options;
use crate::stats::short_text::Classifier;
use crate::step::spec::no_tunables;
use crate::step::{
    ArgSpec, KindSpec, Mode, NodeSpec, Occurs, Output, PropSpec, StepContext, StepError, StepKind, Target, Turn, ValueType,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// Tells what searches are for.
pub struct Intent;

static SPEC: KindSpec = KindSpec {
    verb: "intent",
    connector: None,
    layers: &[Layer::Intelligence],
    summary: "Tells what searches are for, which are the same, and which are rising.",
    doc: "Each query signal gets an intent: by a classifier learned from your own labelled `examples`, or without them by a table of \
        words (informational, navigational, commercial, transactional). `unsure` is an answer.\n\n\
        Queries with the same words in another order or number share one topic, which keeps its name from cycle to cycle.\n\n\
        With `emerging`, a topic that rose beyond chance is marked: the counts of a period (at least a week) are compared with the topic's share of all \
        that was counted before, new topics among themselves, at a bounded rate of false alarms. The mark stays for `within`. Signals \
        that are not queries pass unchanged.",
    takes: &[GoodKind::Signal],
    gives: &[GoodKind::Signal],
    mode: Mode::All,
    nodes: &[
        NodeSpec {
            name: "emerging",
            props: &[
                PropSpec {
                    name: "within",
                    ty: ValueType::Duration,
                    required: false,
                    default: Some("28d"),
                    doc: "How recent the rise must be.",
                },
                PropSpec {
                    name: "history",
                    ty: ValueType::Integer,
                    required: false,
                    default: Some("24"),
                    doc: "Periods of history before anything is said.",
                },
                PropSpec {
                    name: "floor",
                    ty: ValueType::Integer,
                    required: false,
                    default: Some("5"),
                    doc: "The least count of a known topic; new topics need two.",
                },
            ],
            doc: "Marks topics that rise beyond chance.",
            example: r#"emerging within="28d""#,
            ..NodeSpec::EMPTY
        },
        NodeSpec {
            name: "examples",
            args: &[ArgSpec { name: "table", ty: ValueType::File, required: true }],
            props: &[
                PropSpec {
                    name: "text",
                    ty: ValueType::Text,
                    required: false,
                    default: Some("text"),
                    doc: "The column with the query.",
                },
                PropSpec {
                    name: "label",
                    ty: ValueType::Text,
                    required: false,
                    default: Some("label"),
                    doc: "The column with its class.",
                },
                PropSpec {
                    name: "with",
                    ty: ValueType::Text,
                    required: false,
                    default: None,
                    doc: "A second column of text that is read before the query, when there is one.",
                },
            ],
            doc: "A table of labelled queries to learn the classes from.",
            example: r#"examples "data/labelled.csv" text="query" label="intent""#,
            ..NodeSpec::EMPTY
        },
        NodeSpec::value(
            "coverage",
            ValueType::Share,
            "With `examples`: the share of queries to answer, the surest first; the others are `unsure`.",
            "coverage 0.8",
        )
        .or("1"),
        NodeSpec {
            name: "class",
            args: &[ArgSpec { name: "name", ty: ValueType::Text, required: true }],
            rest: Some(ValueType::Text),
            occurs: Occurs::Many,
            doc: "Own words or phrases that speak for a class, besides the built-in ones.",
            example: r#"class "navigational" "acme" "acme console""#,
            ..NodeSpec::EMPTY
        },
    ],
    example: "intent \"queries\" {\n    from \"demand\"\n    emerging within=\"28d\"\n    class \"navigational\" \"acme\"\n}",
    keeps: Some("the name of each topic, and when it was last found to rise"),
    generates: false,
    publishes: false,
    decides: false,
    tunables: no_tunables,
};

/// At most this many topic names are remembered; those last seen longest ago are forgotten first.
const TOPICS_MAX: usize = 5_000;

#[derive(Default, Serialize, Deserialize)]
struct Kept {
    /// By cluster of stems.
    #[serde(default)]
    topics: BTreeMap<String, KeptTopic>,
}

#[derive(Clone, Serialize, Deserialize)]
struct KeptTopic {
    name: String,
    last: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rose: Option<Timestamp>,
}

impl StepKind for Intent {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    fn advance(&self, cx: &StepContext<'_>) -> Result<Turn, StepError> {
        let examples = cx.config().child("examples");
        let targets: Vec<Target> = cx.config().text("examples").map(|path| Target::File(path.to_owned())).into_iter().collect();
        if !targets.is_empty() && cx.replies.is_empty() {
            return Ok(Turn::Ask(reading::requests(&targets, &BTreeMap::new())));
        }
        let mut output = Output::default();
        let prop = |name: &str, default: &'static str| {
            examples.and_then(|node| node.prop(name)).and_then(|value| value.text()).unwrap_or(default)
        };
        let columns = (prop("with", ""), prop("text", "text"), prop("label", "label"));
        let classifier = match cx.replies.first() {
            Some(replies) => Some(learn(reading::outcomes(&targets, replies), columns, &mut output)?),
            None => None,
        };
        let mut kept: Kept = reading::state(cx);
        let mut signals: Vec<(Signal, crate::base::ItemId)> = cx
            .goods(|good| if let Good::Signal(signal) = good { Some(signal) } else { None })
            .map(|(item, signal)| (signal.clone(), item.id))
            .collect();
        let answer = answerer(cx, classifier.as_ref());
        let (mut queries, mut unsure) = (0, 0);
        for (signal, _) in signals.iter_mut().filter(|(signal, _)| signal.kind == SignalKind::Query) {
            queries += 1;
            let intent = answer(signal.title.as_data());
            unsure += usize::from(intent == intent_words::UNSURE);
            signal.intent = Some(intent);
            let cluster = topic::cluster(signal.title.as_data());
            let known =
                kept.topics.entry(cluster).or_insert_with(|| KeptTopic { name: signal.topic.clone(), last: cx.now, rose: None });
            known.last = cx.now;
            signal.topic.clone_from(&known.name);
        }
        let rising = mark_rising(cx, &mut signals, &mut kept, &mut output);
        forget(&mut kept.topics);
        let named = if queries == 1 { "query" } else { "queries" };
        let mut headline = format!("{} {named}, {unsure} unsure", queries);
        if cx.config().has("emerging") {
            headline.push_str(&format!(", {rising} rising"));
        }
        output.headline = Some(headline);
        output.state = reading::keep(&kept);
        for (signal, id) in signals {
            output.give(signal, vec![id]);
        }
        Ok(Turn::Done(output))
    }
}

/// How a text is classified in this cycle.
fn answerer<'a>(cx: &StepContext<'a>, classifier: Option<&'a Classifier>) -> impl Fn(&str) -> String + use<'a> {
    let own: Vec<(&str, &str)> = cx
        .config()
        .all("class")
        .flat_map(|node| {
            let mut words = node.args.iter().filter_map(|arg| arg.text());
            let class = words.next().unwrap_or("");
            words.map(move |word| (class, word))
        })
        .collect();
    let sure_from = classifier.map(|classifier| classifier.threshold_for_coverage(cx.config().number("coverage").unwrap_or(1.0)));
    move |text: &str| match (classifier, sure_from) {
        (Some(classifier), Some(sure_from)) => {
            classifier.answer_if_sure(text, sure_from).map_or(intent_words::UNSURE.to_owned(), |answer| answer.class.to_owned())
        }
        _ => intent_words::classify(text, &own).to_owned(),
    }
}

/// Learns from the table of examples.
fn learn(outcomes: Vec<Outcome<'_>>, columns: (&str, &str, &str), output: &mut Output) -> Result<Classifier, StepError> {
    let document = match outcomes.into_iter().next() {
        Some(Outcome::Read(document)) => document,
        Some(Outcome::Failed { key, message, .. }) => return Err(StepError::new(format!("{key} cannot be read: {message}"))),
        _ => return Err(StepError::new("the table of examples is not there").help("check the name after `examples`")),
    };
    let place = document.place.clone();
    let mut table =
        table::read(&document.bytes, &table::Layout::default()).map_err(|reason| StepError::new(format!("{place}: {reason}")))?;
    let column = |name: &str| {
        table.column(&[name]).ok_or_else(|| {
            let help = format!("the table has `{}`; choose with `text` and `label`", table.header.join("`, `"));
            StepError::new(format!("{place} has no column `{name}`")).help(help)
        })
    };
    let (with, text, label) = columns;
    let with = if with.is_empty() { None } else { Some(column(with)?) };
    let (text, label) = (column(text)?, column(label)?);
    let read = |row: &table::Row| match with {
        Some(with) => format!("{} {}", row.cells[with], row.cells[text]),
        None => row.cells[text].clone(),
    };
    let mut rows: Vec<(String, String)> = table.rows.iter().map(|row| (read(row), row.cells[label].clone())).collect();
    rows.retain(|(text, label)| !text.trim().is_empty() && !label.is_empty());
    // The seed is fixed, so that the same examples give the same classes in each cycle.
    let mut rng = Rng::new(1);
    rng.shuffle(&mut rows);
    if let Some((place, text)) = shape::kept_aside(&place, &mut table.broken) {
        warn(output, Some(place), text);
    }
    let texts: Vec<&str> = rows.iter().map(|(text, _)| text.as_str()).collect();
    let labels: Vec<&str> = rows.iter().map(|(_, label)| label.as_str()).collect();
    let classifier = Classifier::fit(&texts, &labels, &mut rng).map_err(|_| {
        StepError::new(format!("{place} does not hold examples of two classes")).help("label queries of at least two classes")
    })?;
    let (_, accuracy) = classifier.coverage_and_accuracy(0.0);
    if accuracy.is_finite() {
        let text =
            format!("Learned from {}; right on {:.0} % of those held back.", count(rows.len(), "example"), accuracy * 100.0);
        inform(output, Some(place), text);
    }
    Ok(classifier)
}

/// Marks what rises, source by source; says how many signals are marked.
fn mark_rising(
    cx: &StepContext<'_>,
    signals: &mut [(Signal, crate::base::ItemId)],
    kept: &mut Kept,
    output: &mut Output,
) -> usize {
    let Some(node) = cx.config().child("emerging") else { return 0 };
    let within = node.prop("within").and_then(|value| value.duration()).unwrap_or(Duration::from_secs(28 * 86_400));
    let whole = |name: &str, default: i64| node.prop(name).and_then(|value| value.integer()).unwrap_or(default).max(1);
    let options =
        Options { windows_min: whole("history", 24) as usize, floor_known: whole("floor", 5) as u64, ..Options::default() };
    let mut sources: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (index, (signal, _)) in signals.iter().enumerate() {
        if signal.kind == SignalKind::Query && !signal.series.is_empty() {
            sources.entry(signal.source.clone()).or_default().push(index);
        }
    }
    for (source, members) in &sources {
        let of_source: Vec<&Signal> = members.iter().map(|index| &signals[*index].0).collect();
        match rising::detect(&of_source, within, cx.now, &options) {
            Ok(found) => {
                for (index, at) in found.into_iter().map(|(index, at)| (members[index], at)) {
                    if let Some(known) = kept.topics.get_mut(&topic::cluster(signals[index].0.title.as_data())) {
                        known.rose = Some(known.rose.map_or(at, |rose| rose.max(at)));
                    }
                    signals[index].0.emerging = true;
                }
            }
            Err(little) => {
                let text = format!(
                    "Not enough history of `{source}` to tell what is rising: {} of {} periods.",
                    little.have, little.need
                );
                inform(output, None, text);
            }
        }
    }
    for (signal, _) in signals.iter_mut().filter(|(signal, _)| signal.kind == SignalKind::Query) {
        let known = kept.topics.get(&topic::cluster(signal.title.as_data()));
        signal.emerging |= known.and_then(|known| known.rose).is_some_and(|rose| cx.now.since(rose) <= within);
    }
    signals.iter().filter(|(signal, _)| signal.emerging).count()
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
    use crate::base::Digest;
    use crate::builtin::common::rehearse::{Bench, notes, shared, signals, time};
    use crate::builtin::intelligence::csv::Csv;
    use crate::model::Untrusted;

    fn query(text: &str) -> Signal {
        let title = Untrusted::new(text);
        Signal::new(SignalKind::Query, topic::key(text), title, "demand", time("2026-01-01"), Digest::of(text))
    }

    #[test]
    fn queries_get_intent_and_a_lasting_topic_and_others_pass() {
        let mut bench = Bench::new(&Intent, r#"intent "queries" { from "demand"; class "navigational" "acme" }"#);
        let article = Signal { kind: SignalKind::Article, ..query("how to") };
        bench.inputs([query("approval gates"), query("acme"), query("how to approve"), article]);
        let output = bench.run("2026-01-01").unwrap();
        let intents: Vec<Option<&str>> = signals(&output).iter().map(|s| s.intent.as_deref()).collect();
        assert_eq!(intents, [Some("unsure"), Some("navigational"), Some("informational"), None]);
        assert_eq!(output.headline.as_deref(), Some("3 queries, 1 unsure"));
        bench.inputs([query("the gate approval")]);
        assert_eq!(signals(&bench.run("2026-01-02").unwrap())[0].topic, "approval-gates");
        assert!(output.goods.iter().all(|(_, parents)| parents.len() == 1));
    }

    #[test]
    fn own_examples_teach_the_classes_and_little_coverage_makes_careful() {
        let rows: String = (0..40)
            .map(|n| if n % 2 == 0 { format!("cancel order {n},cancel\n") } else { format!("price of plan {n},price\n") })
            .collect();
        let step = |coverage: &str| {
            let text =
                format!(r#"intent "q" {{ from "demand"; examples "e.csv" text="query" label="intent"; coverage {coverage} }}"#);
            let mut bench = Bench::new(&Intent, &text).file("e.csv", format!("query,intent\n{rows}"));
            bench.inputs([query("cancel my order"), query("plan price")]);
            bench.run("2026-01-01").unwrap()
        };
        let output = step("1.0");
        assert_eq!(signals(&output).iter().map(|s| s.intent.as_deref().unwrap()).collect::<Vec<_>>(), ["cancel", "price"]);
        assert_eq!(notes(&output), ["e.csv Learned from 40 examples; right on 100 % of those held back."]);
        let error =
            Bench::new(&Intent, r#"intent "q" { from "d"; examples "e.csv" }"#).file("e.csv", "a,b\n1,2\n").run("2026-01-01");
        assert_eq!(error.unwrap_err().message, "e.csv has no column `text`");
    }

    #[test]
    fn labelled_searches_are_learned_better_than_the_commonest_class() {
        let Some(bytes) = shared("decisions/intent/search_refiners_intent.tsv") else { return };
        let text = String::from_utf8(bytes).unwrap();
        let (mut train, mut held) = (String::new(), Vec::new());
        let mut lines = text.lines();
        train.push_str(&format!("{}\n", lines.next().unwrap()));
        // Every fifth of the rows that are here is held back.
        for (index, line) in lines.enumerate() {
            if index % 5 == 4 {
                let cells: Vec<&str> = line.split('\t').collect();
                held.push((format!("{} {}", cells[1], cells[2]), cells[3].to_owned()));
            } else {
                train.push_str(&format!("{line}\n"));
            }
        }
        let run = |coverage: &str| {
            let step = format!(
                r#"intent "q" {{ from "d"; coverage {coverage}; examples "e.tsv" with="Type" text="Intent" label="Top_judged_category" }}"#
            );
            let mut bench = Bench::new(&Intent, &step).file("e.tsv", train.as_str());
            bench.inputs(held.iter().map(|(text, _)| query(text)));
            let output = bench.run("2026-01-01").unwrap();
            let answers: Vec<String> = signals(&output).iter().map(|s| s.intent.clone().unwrap()).collect();
            let right = answers.iter().zip(&held).filter(|(found, (_, label))| *found == label).count() as f64;
            let answered = answers.iter().filter(|found| *found != "unsure").count() as f64;
            (right / answered, answered / held.len() as f64)
        };
        let (all, _) = run("1.0");
        let (sure, coverage) = run("0.8");
        println!("refiners: {all:.3} of all right; {sure:.3} of the {coverage:.2} answered");
        assert!(all >= 0.70 && sure >= all && coverage > 0.7);
    }

    #[test]
    fn on_a_real_stream_new_topics_are_marked_in_their_first_month_and_few_others() {
        let Some(bytes) = shared("decisions/site/emerging_terms_monthly.csv") else { return };
        let text = String::from_utf8(bytes.clone()).unwrap();
        let step = r#"source "demand" kind="csv" { path "t.csv"; shape { date "month" format="%Y-%m"; wide total="_total" } }"#;
        let mut source = Bench::new(&Csv, step).file("t.csv", bytes);
        let mut intent = Bench::new(&Intent, r#"intent "queries" { from "demand"; emerging within="28d" }"#);
        let mut first: BTreeMap<String, String> = BTreeMap::new();
        let months: Vec<String> = text.lines().skip(1).map(|line| line[..7].to_owned()).collect();
        // Before there are 24 months of history nothing can be said.
        for pair in months.windows(2).skip(23) {
            let now = format!("{}-01T00:00:00Z", pair[1]);
            let found: Vec<Signal> = signals(&source.run(&now).unwrap()).into_iter().cloned().collect();
            intent.inputs(found);
            let output = intent.run(&now).unwrap();
            for signal in signals(&output).into_iter().filter(|signal| signal.emerging) {
                first.entry(signal.title.as_data().to_owned()).or_insert_with(|| pair[0].clone());
            }
        }
        let header: Vec<&str> = text.lines().next().unwrap().split(',').collect();
        let first_month = |term: &str| {
            let column = header.iter().position(|name| *name == term).unwrap();
            text.lines().skip(1).find(|line| line.split(',').nth(column) != Some("0")).map(|line| line[..7].to_owned())
        };
        println!("{} topics were marked: {first:?}", first.len());
        for term in ["gpus", "mcp", "mpg"] {
            assert_eq!(first.get(term).cloned(), first_month(term), "{term}");
        }
        assert!(first.len() <= 60);
    }
}
