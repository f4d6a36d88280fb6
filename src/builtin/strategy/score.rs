//! `score`: which topics are worth a piece, by declared rules whose weights are learned.

use super::backtest;
use super::pool::{Pillars, Topic, by_topic};
use crate::base::{InOrder, Timestamp};
use crate::client_os::Pillar;
use crate::model::goods::{Opportunity, RuleScore};
use crate::model::{Config, Good, GoodKind, Scalar};
use crate::step::expression::{Pool, Program, Scope, compile, evaluate_in};
use crate::step::fields;
use crate::step::{
    ArgSpec, KindSpec, Mode, NodeSpec, NoteLevel, Occurs, Output, PropSpec, StepContext, StepError, StepKind, Tunable, Turn,
    ValueType,
};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

pub struct Score;

static SPEC: KindSpec = KindSpec {
    verb: "score",
    connector: None,
    layers: &[crate::model::Layer::Strategy],
    summary: "Ranks topics by declared rules and keeps the best.",
    doc: "Signals of one topic are taken together. Each rule gives a number from 0 to 1 (more is cut off); the score is their mean, \
weighted by the rules' weights, which are made to sum to 1. A rule whose data is missing counts as 0.5 and lowers the confidence of \
the score. The whole reckoning is kept with each opportunity.\n\n\
The weights are parameters: `feedback` may move them within bounds. With `backtest`, past periods are scored as they were known \
then and compared with what followed; the step then says, as insights, which weights the past speaks for. Without enough past the \
declared weights stand.\n\n\
A topic that was kept is not proposed again during the `cooldown`. In expressions, `signal` is the topic's signal and `pillar` the \
Client OS pillar it belongs to (weight 0 and an empty name when it belongs to none).",
    takes: &[GoodKind::Signal],
    gives: &[GoodKind::Opportunity, GoodKind::Insight],
    mode: Mode::All,
    nodes: &[
        NodeSpec {
            name: "rule",
            args: &[ArgSpec { name: "name", ty: ValueType::Text, required: true }],
            props: &[PropSpec {
                name: "weight",
                ty: ValueType::Number,
                required: true,
                default: None,
                doc: "How much the rule counts, against the weights of the other rules. Tuned as `<step>.<rule>`.",
            }],
            children: &[NodeSpec::value(
                "value",
                ValueType::Expression,
                "A number from 0 to 1.",
                r#"value "percentile(signal.volume)""#,
            )
            .required()],
            occurs: Occurs::AtLeastOnce,
            doc: "One thing that makes a topic worth a piece.",
            example: r#"rule "demand" weight=0.4 { value "percentile(signal.volume)" }"#,
            ..NodeSpec::EMPTY
        },
        NodeSpec::value(
            "where",
            ValueType::Expression,
            "Only topics for which this holds are scored. A topic that lacks the data does not hold.",
            r#"where "pillar.weight > 0.0""#,
        ),
        NodeSpec {
            name: "keep",
            args: &[ArgSpec { name: "most", ty: ValueType::Integer, required: true }],
            props: &[PropSpec {
                name: "above",
                ty: ValueType::Share,
                required: false,
                default: Some("0.0"),
                doc: "Keep only scores of at least this.",
            }],
            default: Some("10"),
            doc: "How many opportunities go on, the best first.",
            example: "keep 10 above=0.5",
            ..NodeSpec::EMPTY
        },
        NodeSpec::value(
            "cooldown",
            ValueType::Duration,
            "How long a topic that was kept is not proposed again. `\"0s\"` proposes it every cycle.",
            r#"cooldown "28d""#,
        )
        .or(r#""28d""#),
        NodeSpec {
            name: "backtest",
            props: &[PropSpec {
                name: "horizon",
                ty: ValueType::Duration,
                required: false,
                default: Some(r#""30d""#),
                doc: "How far ahead the score should see, at least one period of the series.",
            }],
            doc: "Scores past periods as they were known then, compares with the volume that followed, and says which weights the past \
speaks for. Needs signals with a series.",
            example: r#"backtest horizon="30d""#,
            ..NodeSpec::EMPTY
        },
    ],
    example: r#"score "opportunities" {
    from "market"
    rule "demand" weight=0.4 { value "percentile(signal.volume)" }
    rule "fit" weight=0.3 { value "pillar.weight" }
    rule "evidence" weight=0.3 { value "size(signal.evidence) / 5.0" }
    keep 10 above=0.5
    cooldown "28d"
    backtest horizon="30d"
}"#,
    keeps: Some("when each topic was last kept, for the cooldown"),
    generates: false,
    publishes: false,
    decides: false,
    tunables,
};

fn tunables(config: &Config) -> Vec<Tunable> {
    declared(config).map(|(name, weight, _)| Tunable { name: name.to_owned(), declared: weight, least: 0.0, most: 1.0 }).collect()
}

/// Name, declared weight and expression of each rule.
fn declared(config: &Config) -> impl Iterator<Item = (&str, f64, &str)> {
    config.all("rule").filter_map(|rule| {
        let name = rule.arg()?.text()?;
        let weight = rule.prop("weight").and_then(Scalar::number).unwrap_or(0.0);
        Some((name, weight, rule.text("value")?))
    })
}

/// A rule ready to compute.
pub(super) struct Rule {
    pub name: String,
    /// As it is in force, before normalising; never negative.
    pub raw: f64,
    /// Of all weights' sum.
    pub weight: f64,
    pub program: Program,
}

/// A topic with what expressions read of it.
pub(super) struct Subject<'p> {
    pub scope: Scope,
    pub pillar: Option<&'p Pillar>,
}

impl<'p> Subject<'p> {
    pub fn new(topic: &Topic, pillar: Option<&'p Pillar>, now: Timestamp) -> Subject<'p> {
        let scope = Scope::of(&Good::Signal(topic.signal.clone()), now).with("pillar", fields::pillar(pillar));
        Subject { scope, pillar }
    }
}

fn program(text: &str, what: &str) -> Result<Program, StepError> {
    compile(text).map_err(|problem| {
        StepError::new(format!("{what} cannot be read: {}", problem.message)).help("`loopctl validate` shows the place")
    })
}

fn rules(cx: &StepContext<'_>) -> Result<Vec<Rule>, StepError> {
    let mut rules = Vec::new();
    for (name, weight, text) in declared(cx.config()) {
        let raw = cx.parameter(name, weight);
        let raw = if raw.is_finite() { raw.max(0.0) } else { 0.0 };
        rules.push(Rule { name: name.to_owned(), raw, weight: 0.0, program: program(text, &format!("the rule `{name}`"))? });
    }
    let total: f64 = rules.iter().map(|rule| rule.raw).sum();
    let count = rules.len() as f64;
    for rule in &mut rules {
        // With all weights at zero, no rule is better than another.
        rule.weight = if total > 0.0 { rule.raw / total } else { 1.0 / count };
    }
    Ok(rules)
}

/// What went wrong with a rule: how often, and the first message.
type Troubles = BTreeMap<String, (usize, String)>;

/// The rules' values for each topic: from 0 to 1, `None` when the topic lacks the data.
pub(super) fn values(rules: &[Rule], subjects: &[Subject<'_>], troubles: &mut Troubles) -> Vec<Vec<Option<f64>>> {
    let mut table = vec![Vec::with_capacity(rules.len()); subjects.len()];
    for rule in rules {
        let pool = Pool::new(&rule.program, subjects.iter().map(|subject| &subject.scope));
        for (row, subject) in table.iter_mut().zip(subjects) {
            let value = match evaluate_in(&rule.program, &subject.scope, &pool) {
                Ok(outcome) => outcome.number().map(|value| value.clamp(0.0, 1.0)),
                Err(error) => {
                    troubles.entry(rule.name.clone()).or_insert((0, error.message)).0 += 1;
                    None
                }
            };
            row.push(value);
        }
    }
    table
}

/// Topics that were kept not long ago, with the time.
fn kept_before(state: Option<&Value>, since: Timestamp) -> BTreeMap<String, Timestamp> {
    let kept = state.and_then(|state| state.get("kept")).and_then(Value::as_object);
    kept.into_iter()
        .flatten()
        .filter_map(|(topic, at)| Some((topic.clone(), Timestamp::parse(at.as_str()?)?)))
        .filter(|(_, at)| *at > since)
        .collect()
}

impl StepKind for Score {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    fn advance(&self, cx: &StepContext<'_>) -> Result<Turn, StepError> {
        let config = cx.config();
        let rules = rules(cx)?;
        let topics = by_topic(cx.goods(|good| if let Good::Signal(signal) = good { Some(signal) } else { None }));
        let pillars = Pillars::new(&cx.client_os.pillars);
        let subject = |topic: &Topic| Subject::new(topic, pillars.of(&topic.signal.topic, topic.signal.title.as_data()), cx.now);
        let subjects: Vec<Subject<'_>> = topics.iter().map(subject).collect();
        let mut output = Output::default();
        let mut troubles = Troubles::new();
        let table = values(&rules, &subjects, &mut troubles);
        let filter = config.text("where").map(|text| program(text, "`where`")).transpose()?;
        let filter_pool = filter.as_ref().map(|filter| Pool::new(filter, subjects.iter().map(|subject| &subject.scope)));
        let mut scored: Vec<(f64, usize)> = Vec::new();
        for (at, subject) in subjects.iter().enumerate() {
            if let (Some(filter), Some(pool)) = (&filter, &filter_pool) {
                match evaluate_in(filter, &subject.scope, pool) {
                    Ok(outcome) if outcome.holds() => {}
                    Ok(_) => continue,
                    Err(error) => {
                        troubles.entry("where".to_owned()).or_insert((0, error.message)).0 += 1;
                        continue;
                    }
                }
            }
            scored.push((rules.iter().zip(&table[at]).map(|(rule, value)| rule.weight * value.unwrap_or(0.5)).sum(), at));
        }
        for (rule, (count, message)) in &troubles {
            let times = if *count == 1 { "1 topic".to_owned() } else { format!("{count} topics") };
            output.note(
                NoteLevel::Warning,
                format!("`{rule}` could not be computed for {times} ({message}); it counted as missing."),
            );
        }
        // Topics are in order already, and the sort is stable: equal scores stay in topic order.
        scored.order_by(|(a, _), (b, _)| b.total_cmp(a));
        let cooldown = config.duration("cooldown").unwrap_or(Duration::from_secs(28 * 86_400));
        let mut kept = kept_before(cx.state, cx.now - cooldown);
        let keep = config.child("keep");
        let most = keep.and_then(Config::arg).and_then(Scalar::integer).unwrap_or(10);
        let above = keep.and_then(|keep| keep.prop("above")).and_then(Scalar::number).unwrap_or(0.0);
        let mut cooling = 0;
        let mut rank = 0;
        for (score, at) in &scored {
            if i64::from(rank) >= most || *score < above {
                break;
            }
            let topic = &topics[*at];
            if kept.contains_key(&topic.signal.topic) {
                cooling += 1;
                continue;
            }
            rank += 1;
            let breakdown: Vec<RuleScore> = rules
                .iter()
                .zip(&table[*at])
                .map(|(rule, value)| RuleScore { rule: rule.name.clone(), weight: rule.weight, value: *value })
                .collect();
            // An empty sum of floats is −0.
            let confidence = breakdown.iter().filter(|rule| rule.value.is_some()).map(|rule| rule.weight).sum::<f64>() + 0.0;
            let opportunity = Opportunity {
                topic: topic.signal.topic.clone(),
                title: topic.signal.title.quoted(120),
                score: *score,
                confidence,
                rank,
                breakdown,
                pillar: subjects[*at].pillar.map(|pillar| pillar.name.clone()),
                volume: topic.signal.volume,
                growth: topic.signal.growth,
                intent: topic.signal.intent.clone(),
                evidence: topic.signal.evidence.clone(),
            };
            output.give(opportunity, topic.items.iter().map(|item| item.id).collect());
        }
        for (good, _) in &output.goods {
            if let Good::Opportunity(opportunity) = good
                && !cooldown.is_zero()
            {
                kept.insert(opportunity.topic.clone(), cx.now);
            }
        }
        output.state = Some(json!({ "kept": kept }));
        if cooling > 0 {
            let days = crate::base::duration::format(cooldown);
            let (topics, they) =
                if cooling == 1 { ("1 topic was".to_owned(), "it was") } else { (format!("{cooling} topics were"), "they were") };
            output.note(NoteLevel::Info, format!("{topics} left out because {they} kept during the last {days}."));
        }
        if scored.is_empty() && !topics.is_empty() {
            output.note(NoteLevel::Warning, "No topic passed `where`, so there is nothing to choose from.");
        }
        if let Some(node) = config.child("backtest") {
            let horizon = node.prop("horizon").and_then(Scalar::duration).unwrap_or(Duration::from_secs(30 * 86_400));
            let by_pillar = super::pillar_demand::insights(cx, &topics);
            for insight in backtest::insights(cx, &rules, &topics, horizon).into_iter().chain(by_pillar) {
                // An insight rests on every topic that has a past; naming all of them would help nobody.
                output.give(insight, Vec::new());
            }
        }
        output.headline = Some(format!("{} scored, {rank} kept", scored.len()));
        Ok(Turn::Done(output))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Digest;
    use crate::builtin::common::rehearse::{Bench, notes, time};
    use crate::model::Untrusted;
    use crate::model::goods::{Insight, Point, Signal, SignalKind, Subject as About, Verdict};

    const STEP: &str = r#"score "opportunities" {
        rule "demand" weight=0.4 { value "percentile(signal.volume)" }
        rule "growth" weight=0.2 { value "signal.growth" }
        rule "fit" weight=0.4 { value "pillar.weight * 2.0" }
        keep 2 above=0.3
    }"#;

    fn signal(topic: &str, volume: Option<f64>, growth: Option<f64>) -> Signal {
        let mut signal =
            Signal::new(SignalKind::Query, topic, Untrusted::new(topic), "demand", time("2026-06-01"), Digest::of(topic));
        (signal.volume, signal.growth) = (volume, growth);
        signal
    }

    fn bench(text: &str) -> Bench {
        let mut bench = Bench::new(&Score, text);
        let pillar = |name: &str, weight: f64, topic: &str| Pillar {
            name: name.into(),
            about: String::new(),
            weight,
            locked: false,
            topics: vec![topic.into()],
        };
        bench.client_os.pillars = vec![pillar("Operations", 0.4, "deploy"), pillar("Cost", 0.6, "price")];
        bench
    }

    fn kept(output: &Output) -> Vec<String> {
        opportunities(output).iter().map(|o| format!("{} {} {:.3} {:.1}", o.rank, o.topic, o.score, o.confidence)).collect()
    }

    fn opportunities(output: &Output) -> Vec<&Opportunity> {
        let goods = output.goods.iter();
        goods.filter_map(|(good, _)| if let Good::Opportunity(opportunity) = good { Some(opportunity) } else { None }).collect()
    }

    fn insights(output: &Output) -> Vec<&Insight> {
        output.goods.iter().filter_map(|(good, _)| if let Good::Insight(insight) = good { Some(insight) } else { None }).collect()
    }

    #[test]
    fn topics_are_ranked_with_the_whole_reckoning() {
        let mut bench = bench(STEP);
        bench.inputs([signal("deploy", Some(30.0), Some(0.5)), signal("price", Some(10.0), None), signal("news", None, None)]);
        let output = bench.run("2026-06-02").unwrap();
        // deploy: 0.4 · 0.75 + 0.2 · 0.5 + 0.4 · 0.8; price: 0.4 · 0.25 + 0.2 · neutral + 0.4 · 1 (cut off); news: below 0.3.
        assert_eq!(kept(&output), ["1 deploy 0.720 1.0", "2 price 0.600 0.8"]);
        let opportunities = opportunities(&output);
        assert_eq!(opportunities[0].pillar.as_deref(), Some("Operations"));
        assert_eq!(opportunities[0].breakdown[0], RuleScore { rule: "demand".into(), weight: 0.4, value: Some(0.75) });
        assert_eq!(opportunities[1].breakdown[1].value, None);
        assert_eq!(opportunities[1].evidence.len(), 1);
        let sum: f64 = opportunities[0].breakdown.iter().map(RuleScore::contribution).sum();
        assert!((sum - opportunities[0].score).abs() < 1e-12);
        assert_eq!(output.goods[0].1.len(), 1, "parents are the signals");
        assert_eq!(output.headline.as_deref(), Some("3 scored, 2 kept"));
    }

    #[test]
    fn a_kept_topic_cools_down_and_comes_back() {
        let mut bench = bench(STEP);
        bench.inputs([
            signal("deploy", Some(30.0), None),
            signal("price", Some(10.0), None),
            signal("price-deploy", Some(5.0), None),
        ]);
        let first = kept(&bench.run("2026-06-02").unwrap());
        assert_eq!(first.len(), 2);
        let second = bench.run("2026-06-09").unwrap();
        assert_eq!(kept(&second).len(), 1, "only the topic that was not kept before");
        assert_eq!(notes(&second), ["- 2 topics were left out because they were kept during the last 4w."]);
        assert_eq!(kept(&bench.run("2026-07-01").unwrap()), first);
    }

    #[test]
    fn tuned_weights_replace_the_declared_ones_and_are_normalised() {
        let mut bench = bench(STEP);
        bench.parameters = BTreeMap::from([("opportunities.demand".to_owned(), 1.4), ("opportunities.fit".to_owned(), -1.0)]);
        bench.inputs([signal("deploy", Some(30.0), Some(0.5))]);
        let output = bench.run("2026-06-02").unwrap();
        let weights: Vec<f64> = opportunities(&output)[0].breakdown.iter().map(|rule| rule.weight).collect();
        assert!(
            weights.iter().zip([0.875, 0.125, 0.0]).all(|(weight, expected)| (weight - expected).abs() < 1e-12),
            "{weights:?}"
        );
    }

    #[test]
    fn where_leaves_topics_out_and_equal_scores_stay_in_topic_order() {
        let mut bench =
            bench(r#"score "s" { rule "one" weight=1 { value "0.5" }; where "pillar.weight > 0.5 || signal.growth > 1.0" }"#);
        bench.inputs([
            signal("price-b", None, None),
            signal("price-a", None, None),
            signal("deploy", None, None),
            signal("x", None, Some(2.0)),
        ]);
        assert_eq!(kept(&bench.run("2026-06-02").unwrap()), ["1 price-a 0.500 1.0", "2 price-b 0.500 1.0", "3 x 0.500 1.0"]);
    }

    #[test]
    fn a_rule_that_fails_counts_as_missing_and_is_told() {
        let mut bench = bench(r#"score "s" { rule "broken" weight=1 { value "1 / signal.volume" } }"#);
        bench.inputs([signal("a", Some(0.0), None), signal("b", Some(2.0), None)]);
        let output = bench.run("2026-06-02").unwrap();
        assert_eq!(kept(&output), ["1 a 0.500 0.0", "2 b 0.500 1.0"]);
        assert_eq!(notes(&output), ["- `broken` could not be computed for 1 topic (a division by zero); it counted as missing."]);
    }

    #[test]
    fn no_signals_give_no_opportunities() {
        let output = bench(STEP).run("2026-06-02").unwrap();
        assert!(output.goods.is_empty());
        assert_eq!(output.headline.as_deref(), Some("0 scored, 0 kept"));
    }

    /// Topics whose volume persists and whose growth means nothing: demand is the rule that sees what follows.
    fn persistent(topics: usize, months: i64, seed: u64) -> Vec<Signal> {
        let mut rng = crate::base::Rng::new(seed);
        (0..topics)
            .map(|number| {
                let level = 5.0 + 3.0 * number as f64;
                let mut signal = signal(&format!("topic-{number:02}"), None, None);
                signal.series = (0..months)
                    .map(|month| Point {
                        at: Timestamp(month * 30 * 86_400_000),
                        value: (level * (0.6 + 0.8 * rng.uniform())).round(),
                    })
                    .collect();
                signal.volume = signal.series.last().map(|point| point.value);
                signal.growth = super::super::pool::growth(&signal.series);
                signal
            })
            .collect()
    }

    const BACKTEST: &str = r#"score "opportunities" {
        rule "demand" weight=0.2 { value "percentile(signal.volume)" }
        rule "growth" weight=0.8 { value "percentile(signal.growth)" }
        keep 0
        backtest horizon="30d"
    }"#;

    #[test]
    fn the_past_speaks_for_the_rule_that_saw_what_followed() {
        let mut bench = bench(BACKTEST);
        bench.inputs(persistent(30, 24, 5));
        let output = bench.run("2026-06-02").unwrap();
        let found = insights(&output);
        assert_eq!(found[0].subject, About::Parameter("opportunities.demand".into()));
        assert_eq!(found[0].verdict, Verdict::Clear, "{}", found[0].says);
        assert!(found[0].value > 0.6 && found[1].value < 0.4, "{} {}", found[0].value, found[1].value);
        let (low, high) = found[0].interval.unwrap();
        assert!(low > 0.2 && low <= found[0].value && found[0].value <= high);
        assert!((found[0].value + found[1].value - 1.0).abs() < 1e-9, "weights keep their sum");
        assert!(found[0].plot[1].1 > found[0].plot[0].1, "learned ranks later topics better");
    }

    #[test]
    fn good_weights_are_left_alone() {
        let mut bench = bench(&BACKTEST.replace("0.2 {", "1.0 {").replace("0.8 {", "0.0 {"));
        bench.inputs(persistent(30, 24, 5));
        let output = bench.run("2026-06-02").unwrap();
        assert!(
            insights(&output).iter().all(|insight| insight.verdict == Verdict::NotDistinguishable),
            "{:#?}",
            insights(&output)
        );
    }

    #[test]
    fn without_a_past_the_declared_weights_stand() {
        for topics in [0, 7, 30] {
            let mut bench = bench(BACKTEST);
            bench.inputs(persistent(topics, if topics == 30 { 5 } else { 24 }, 5));
            let output = bench.run("2026-06-02").unwrap();
            let found = insights(&output);
            assert_eq!(found.iter().map(|insight| insight.value).collect::<Vec<_>>(), [0.2, 0.8]);
            assert!(found.iter().all(|insight| matches!(insight.verdict, Verdict::NotEnough { .. })));
        }
    }

    /// The bundled loop's own data: what cycle after cycle would say.
    #[test]
    fn recorded_demand_gives_an_insight_for_each_rule() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/workflows/first-loop/data/demand.csv");
        let Ok(text) = std::fs::read_to_string(path) else { return println!("skipped: {path} is not here") };
        let mut rows = text.lines().map(|line| line.split(',').collect::<Vec<_>>());
        let topics = rows.next().expect("a header");
        let months: Vec<Vec<&str>> = rows.filter(|row| row[0] < "2024-07").collect();
        let signals = topics.iter().enumerate().skip(2).map(|(column, topic)| {
            let mut signal = signal(topic, None, None);
            signal.series = months
                .iter()
                .map(|row| Point { at: time(&format!("{}-01", row[0])), value: row[column].parse().unwrap_or(0.0) })
                .collect();
            signal.volume = signal.series.last().map(|point| point.value);
            signal.growth = super::super::pool::growth(&signal.series);
            signal
        });
        let mut bench = bench(&BACKTEST.replace("0.2 {", "0.4 {").replace("0.8 {", "0.2 {"));
        bench.inputs(signals);
        let output = bench.run("2024-07-01").unwrap();
        for insight in insights(&output) {
            println!("{:?} {}", insight.verdict, insight.says);
            assert!(insight.n > 500 && insight.interval.is_some());
        }
    }
}
