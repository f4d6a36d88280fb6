//! `attribute`: which touches really moved a conversion, with an interval for every share.

use super::journeys::{self, Journeys};
use crate::model::goods::{Insight, Subject, Verdict};
use crate::model::{Good, GoodKind, Layer};
use crate::stats::attribution::{Path, Rule, credit};
use crate::stats::markov::{Chain, Range};
use crate::stats::sampling::poisson;
use crate::stats::summary::quantile;
use crate::step::spec::no_tunables;
use crate::step::{ArgSpec, KindSpec, Mode, NodeSpec, NoteLevel, Output, StepContext, StepError, StepKind, Turn, ValueType};
use std::time::Duration;

pub struct Attribute;

/// Fewer conversions than this say nothing about shares.
const CONVERSIONS_MIN: f64 = 30.0;
const LEVEL: f64 = 0.95;

const MODELS: &[&str] = &["first", "last", "linear", "markov"];

static SPEC: KindSpec = KindSpec {
    verb: "attribute",
    connector: None,
    layers: &[Layer::Learning],
    summary: "Credits conversions to the channels that moved them.",
    doc: "Reads journeys from events, aggregated or raw, and splits the credit: all to the `first` or the `last` touch, the same to every \
touch (`linear`), or by removal effect (`markov`): how many conversions would be lost without the channel, solved exactly. Every share \
comes with a bootstrap interval; a channel whose interval does not tell it from nothing is called not distinguishable. Journeys that \
may still convert are left out, not counted as failures.",
    takes: &[GoodKind::Events, GoodKind::Receipt],
    gives: &[GoodKind::Insight],
    mode: Mode::All,
    nodes: &[
        NodeSpec {
            name: "model",
            args: &[ArgSpec { name: "name", ty: ValueType::Choice(MODELS), required: true }],
            default: Some("\"markov\""),
            doc: "How credit is split.",
            example: r#"model "markov""#,
            ..NodeSpec::EMPTY
        },
        NodeSpec::value(
            "window",
            ValueType::Duration,
            "How long before a conversion a touch counts, and how long a journey may stay open.",
            r#"window "90d""#,
        )
        .or("\"90d\""),
        NodeSpec::value(
            "conversion",
            ValueType::Text,
            "The event that counts as a conversion, for raw events.",
            r#"conversion "qualified""#,
        )
        .or("\"qualified\""),
        NodeSpec::value("resamples", ValueType::Integer, "How many bootstrap resamples the intervals rest on.", "resamples 200")
            .or("200"),
    ],
    example: r#"attribute "credit" {
    from "site"
    model "markov"
    window "90d"
}"#,
    keeps: None,
    generates: false,
    publishes: false,
    decides: false,
    tunables: no_tunables,
};

impl StepKind for Attribute {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    fn reads_clock(&self) -> bool {
        true
    }

    fn advance(&self, cx: &StepContext<'_>) -> Result<Turn, StepError> {
        let rules = journeys::Rules {
            conversion: cx.config().text("conversion").unwrap_or("qualified"),
            window: cx.config().duration("window").unwrap_or(Duration::from_secs(90 * 86_400)),
            now: cx.now,
        };
        let model = cx.config().text("model").unwrap_or("markov");
        let batches: Vec<_> = cx.goods(|good| if let Good::Events(events) = good { Some(events) } else { None }).collect();
        let parents: Vec<_> = batches.iter().map(|(item, _)| item.id).collect();
        let journeys = journeys::read(batches.iter().flat_map(|(_, events)| &events.rows), &rules);
        let conversions: f64 = journeys.paths.iter().filter(|path| !path.touches.is_empty()).map(|path| path.conversions).sum();
        let mut output = Output::default();
        if journeys.open > 0 {
            output.note(NoteLevel::Info, format!("{} journeys may still convert and were left out.", journeys.open));
        }
        if conversions < CONVERSIONS_MIN {
            let need = format!("{} more conversions", (CONVERSIONS_MIN - conversions).ceil());
            output.headline = Some(format!("not enough evidence yet: {conversions} conversions"));
            output.give(
                Insight {
                    subject: Subject::Model(cx.step.id.to_string()),
                    measure: "conversions".to_owned(),
                    value: conversions,
                    interval: None,
                    level: LEVEL,
                    n: conversions as u64,
                    verdict: Verdict::NotEnough { need: need.clone() },
                    says: format!(
                        "There are {conversions} conversions to learn from; {need} are needed before credit can be split."
                    ),
                    at: cx.now,
                    plot: Vec::new(),
                },
                parents,
            );
            return Ok(Turn::Done(output));
        }
        let replicates = usize::try_from(cx.config().integer("resamples").unwrap_or(200)).unwrap_or(200).clamp(20, 10_000);
        let credits = credits(model, &journeys, replicates, cx);
        output.headline = Some(format!("{} channels share {conversions} conversions", journeys.channels.len()));
        for credit in credits {
            output.give(insight(cx, model, credit, conversions), parents.clone());
        }
        Ok(Turn::Done(output))
    }
}

/// One channel's share of credit with its interval, and for `markov` its removal effect with the interval of that.
struct Share {
    channel: String,
    share: f64,
    interval: (f64, f64),
    effect: Option<(f64, f64, f64)>,
}

fn credits(model: &str, journeys: &Journeys, replicates: usize, cx: &StepContext<'_>) -> Vec<Share> {
    let channels = journeys.channels.len();
    let mut rng = cx.rng();
    let share_of = |parts: &[f64]| -> Vec<f64> {
        let total: f64 = parts.iter().sum();
        parts.iter().map(|part| if total > 0.0 { part / total } else { 0.0 }).collect()
    };
    let rule = match model {
        "first" => Some(Rule::First),
        "last" => Some(Rule::Last),
        "linear" => Some(Rule::Linear),
        _ => None,
    };
    let (estimate, intervals, effects) = match rule {
        Some(rule) => {
            let shares = |paths: &[Path]| {
                share_of(&credit(paths, channels, rule).iter().map(|credit| credit.conversions).collect::<Vec<_>>())
            };
            // The same resampling as for the chain: every count is redrawn around itself.
            let draws: Vec<Vec<f64>> = (0..replicates)
                .map(|_| {
                    let redraw = |path: &Path| Path { conversions: poisson(&mut rng, path.conversions) as f64, ..path.clone() };
                    shares(&journeys.paths.iter().map(redraw).collect::<Vec<_>>())
                })
                .collect();
            let interval = |channel: usize| {
                let values: Vec<f64> = draws.iter().map(|draw| draw[channel]).collect();
                (quantile(&values, (1.0 - LEVEL) / 2.0), quantile(&values, (1.0 + LEVEL) / 2.0))
            };
            (shares(&journeys.paths), (0..channels).map(interval).collect(), None)
        }
        None => {
            let chain = Chain::new(&journeys.paths, channels, 1);
            let effects = chain.removal().effects;
            let resample = chain.resample(replicates, &mut rng);
            let ends = |ranges: Vec<Range>| ranges.into_iter().map(|range| (range.low, range.high)).collect::<Vec<_>>();
            (share_of(&effects), ends(resample.shares(LEVEL)), Some((effects, ends(resample.effects(LEVEL)))))
        }
    };
    let mut shares: Vec<Share> = (0..channels)
        .map(|channel| Share {
            channel: journeys.channels[channel].clone(),
            share: estimate[channel],
            interval: intervals[channel],
            effect: effects.as_ref().map(|(effects, intervals)| (effects[channel], intervals[channel].0, intervals[channel].1)),
        })
        .collect();
    shares.sort_by(|a, b| b.share.total_cmp(&a.share).then_with(|| a.channel.cmp(&b.channel)));
    shares
}

fn insight(cx: &StepContext<'_>, model: &str, share: Share, conversions: f64) -> Insight {
    let percent = |value: f64| format!("{:.1} %", value * 100.0);
    // A share this small moves less than one conversion: whatever its sign, nothing can be done about it.
    let distinguishable = share.interval.0 * conversions >= 1.0;
    let channel = &share.channel;
    let says = if distinguishable {
        let effect = share
            .effect
            .map_or_else(String::new, |(effect, ..)| format!(" Without it, {} of conversions would be lost.", percent(effect)));
        format!(
            "{channel} earned {} of {conversions} conversions ({} to {}, {model}).{effect}",
            percent(share.share),
            percent(share.interval.0),
            percent(share.interval.1)
        )
    } else {
        format!("{channel} is not distinguishable from no effect on {conversions} conversions ({model}).")
    };
    Insight {
        subject: Subject::Channel(share.channel),
        measure: "share of credit".to_owned(),
        value: share.share,
        interval: Some(share.interval),
        level: LEVEL,
        n: conversions as u64,
        verdict: if distinguishable { Verdict::Clear } else { Verdict::NotDistinguishable },
        says,
        at: cx.now,
        plot: share.effect.map_or_else(Vec::new, |(effect, low, high)| {
            vec![("removal effect".to_owned(), effect), ("low".to_owned(), low), ("high".to_owned(), high)]
        }),
    }
}
