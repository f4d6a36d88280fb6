//! `attribute`: which touches really moved a conversion, with an interval for every share.

use super::journeys::{self, Journeys};
use crate::base::{Hasher, InOrder, Rng, Timestamp};
use crate::model::goods::insight::{Basis, HeldOut};
use crate::model::goods::{Events, Insight, Subject, Verdict};
use crate::model::{Config, Good, GoodKind, Item, Layer, Scalar};
use crate::stats::attribution::{Path, Rule, shares};
use crate::stats::markov::{Chain, Range};
use crate::stats::sampling::{binomial, poisson};
use crate::stats::shapley::{PLAYERS_MAX, Sets};
use crate::stats::summary::quantile;
use crate::step::spec::no_tunables;
use crate::step::{
    ArgSpec, KindSpec, Mode, NodeSpec, NoteLevel, Occurs, Output, PropSpec, StepContext, StepError, StepKind, Turn, ValueType,
};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

pub struct Attribute;

/// Fewer conversions than this say nothing about shares.
const CONVERSIONS_MIN: f64 = 30.0;
const LEVEL: f64 = 0.95;
/// A channel that surely moves less than this share of the conversions is no reason to do anything.
const SHARE_MIN: f64 = 0.0005;
/// The share of journeys that judges how many touches a chain should remember.
const HELD_OUT: f64 = 0.2;
/// A longer memory must explain a held-out journey better by this much (nats), or the shorter one stays.
const GAIN_MIN: f64 = 1e-3;

const MODELS: &[&str] = &["first", "last", "linear", "time-decay", "position", "shapley", "markov"];
const ORDERS: &[&str] = &["auto", "1", "2", "3"];

static SPEC: KindSpec = KindSpec {
    verb: "attribute",
    connector: None,
    layers: &[Layer::Learning],
    summary: "Credits conversions to the channels that moved them.",
    doc: "Reads journeys from events, aggregated or raw, and splits the credit: all to the `first` or the `last` touch, the same to every \
touch (`linear`), less to older touches (`time-decay`, halved with every `half-life`), most to both ends (`position`), the same to every \
distinct channel (`shapley`; or, where a set of channels is worth a rate, by what each adds to the rate at which journeys convert, so that journeys which came to \
nothing count too), or by removal effect (`markov`): how many conversions would be lost without the channel, solved exactly; \
`order` says how many touches it remembers. Conversions and their value are credited alike. Every share comes with a bootstrap interval; \
a channel whose interval does not tell it from nothing is called not distinguishable. Journeys that may still convert are left out, not \
counted as failures, and so are rows in the future, without a person, or seen twice. Aggregated journeys have no clock: there, a touch \
counts as a day.",
    takes: &[GoodKind::Events, GoodKind::Receipt],
    gives: &[GoodKind::Insight],
    mode: Mode::All,
    nodes: &[
        NodeSpec {
            name: "model",
            args: &[ArgSpec { name: "name", ty: ValueType::Choice(MODELS), required: true }],
            props: &[
                PropSpec {
                    name: "half-life",
                    ty: ValueType::Duration,
                    required: false,
                    default: Some("\"7d\""),
                    doc: "For `time-decay`: after this long before the conversion a touch counts half.",
                },
                PropSpec {
                    name: "first",
                    ty: ValueType::Share,
                    required: false,
                    default: Some("0.4"),
                    doc: "For `position`: what the oldest touch gets.",
                },
                PropSpec {
                    name: "last",
                    ty: ValueType::Share,
                    required: false,
                    default: Some("0.4"),
                    doc: "For `position`: what the newest touch gets.",
                },
                PropSpec {
                    name: "worth",
                    ty: ValueType::Choice(&["conversions", "rate"]),
                    required: false,
                    default: Some("\"conversions\""),
                    doc: "For `shapley`: what a set of channels is worth, the conversions of journeys that touch no other channel, or the \
rate at which these convert. A rate can be lowered by a channel, whose share is then negative; it takes 16 channels at most.",
                },
            ],
            default: Some("\"markov\""),
            doc: "How credit is split.",
            example: r#"model "time-decay" half-life="7d""#,
            ..NodeSpec::EMPTY
        },
        NodeSpec {
            name: "order",
            args: &[ArgSpec { name: "touches", ty: ValueType::Choice(ORDERS), required: true }],
            default: Some("\"1\""),
            doc: "For `markov`: how many touches it remembers; `auto` takes what explains journeys best that it has not seen.",
            example: r#"order "auto""#,
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
        NodeSpec::value(
            "session",
            ValueType::Duration,
            "A channel seen again within this time is the same touch, for raw events.",
            r#"session "30m""#,
        )
        .or("\"30m\""),
        NodeSpec {
            name: "identity",
            args: &[ArgSpec { name: "field", ty: ValueType::Text, required: true }],
            rest: Some(ValueType::Text),
            doc: "Fields of raw events that name a person: pseudonyms that share a value of one are the same person. A value that more \
than five share joins nobody.",
            example: r#"identity "account" "email_hash""#,
            ..NodeSpec::EMPTY
        },
        NodeSpec {
            name: "group",
            args: &[
                ArgSpec { name: "name", ty: ValueType::Text, required: true },
                ArgSpec { name: "channel", ty: ValueType::Text, required: true },
            ],
            rest: Some(ValueType::Text),
            occurs: Occurs::Many,
            doc: "Channels that count as one. Case does not matter, and a `*` at the end stands for anything; of several groups the \
first that fits counts.",
            example: r#"group "search" "google" "bing*""#,
            ..NodeSpec::EMPTY
        },
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
            session: cx.config().duration("session").unwrap_or(Duration::from_secs(1_800)),
            identity: cx.config().all("identity").flat_map(|node| node.args.iter().filter_map(Scalar::text)).collect(),
            groups: cx
                .config()
                .all("group")
                .filter_map(|node| {
                    let names: Vec<&str> = node.args.iter().filter_map(Scalar::text).collect();
                    let (name, channels) = names.split_first()?;
                    Some((*name, channels.to_vec()))
                })
                .collect(),
            now: cx.now,
        };
        let batches: Vec<_> = cx.goods(|good| if let Good::Events(events) = good { Some(events) } else { None }).collect();
        let parents: Vec<_> = batches.iter().map(|(item, _)| item.id).collect();
        let journeys = journeys::read(batches.iter().flat_map(|(_, events)| events.rows()), &rules);
        let conversions: f64 =
            journeys.paths.iter().filter(|path| !path.touches.is_empty()).fold(0.0, |sum, path| sum + path.conversions);
        let mut output = Output::default();
        match journeys.open {
            0 => {}
            1 => output.note(NoteLevel::Info, "1 journey may still convert and was left out."),
            open => output.note(NoteLevel::Info, format!("{open} journeys may still convert and were left out.")),
        }
        match journeys.joined {
            0 => {}
            1 => output.note(NoteLevel::Info, "1 pseudonym was joined with another by what identifies people."),
            joined => {
                output.note(NoteLevel::Info, format!("{joined} pseudonyms were joined with others by what identifies people."))
            }
        }
        match journeys.shared {
            0 => {}
            1 => output.note(
                NoteLevel::Info,
                "1 value of `identity` stands beside too many pseudonyms to name a person; it joined nobody.",
            ),
            shared => output.note(
                NoteLevel::Info,
                format!("{shared} values of `identity` stand beside too many pseudonyms to name a person; they joined nobody."),
            ),
        }
        match journeys.left_out.unused {
            0 => {}
            1 => output.note(NoteLevel::Info, "1 row names no channel and is no conversion, so it is no touch."),
            unused => output
                .note(NoteLevel::Info, format!("{unused} rows name no channel and are no conversion, so they are no touch.")),
        }
        for says in journeys.left_out.says() {
            output.note(NoteLevel::Warning, says);
        }
        let untouched: f64 = journeys.paths.iter().filter(|path| path.touches.is_empty()).map(|path| path.conversions).sum();
        if untouched > 0.0 {
            output.note(NoteLevel::Warning, format!("Conversions with no touch before them, credited to nobody: {untouched}."));
        }
        let refunds: Vec<f64> = journeys.paths.iter().map(|path| path.value).filter(|value| *value < 0.0).collect();
        if !refunds.is_empty() {
            let (count, sum) = (refunds.len(), refunds.iter().sum::<f64>());
            let what = if count == 1 { "1 conversion has".to_owned() } else { format!("{count} journeys have") };
            output.note(
                NoteLevel::Warning,
                format!("{what} a negative value, {sum} in all; it was taken off what its channels are worth, as a refund is."),
            );
        }
        if conversions < CONVERSIONS_MIN {
            let have = if conversions == 1.0 { "1 conversion".to_owned() } else { format!("{conversions} conversions") };
            let need = match (CONVERSIONS_MIN - conversions).ceil() {
                missing if missing <= 1.0 => "1 more conversion".to_owned(),
                missing => format!("{missing} more conversions"),
            };
            output.headline = Some(format!("not enough evidence yet: {have}"));
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
                        "There {} {have} to learn from; before credit can be split it takes {need}.",
                        if conversions == 1.0 { "is" } else { "are" }
                    ),
                    at: cx.now,
                    basis: None,
                    plot: Vec::new(),
                },
                parents,
            );
            return Ok(Turn::Done(output));
        }
        let replicates = usize::try_from(cx.config().integer("resamples").unwrap_or(200)).unwrap_or(200).clamp(20, 10_000);
        let mut model = Model::read(cx.config());
        if model == Model::Rates && journeys.channels.len() > PLAYERS_MAX {
            model = Model::Rule(Rule::Shapley, "Shapley value");
            output.note(
                NoteLevel::Warning,
                format!(
                    "There are {} channels, and a rate can be told for every set of {PLAYERS_MAX} at most: the conversions of each set are \
used instead. `group` brings channels together.",
                    journeys.channels.len()
                ),
            );
        }
        let mut rng = cx.rng();
        let (credits, name) = match model {
            Model::Rule(rule, name) => (by_rule(rule, &journeys, replicates, &mut rng), name.to_owned()),
            Model::Rates => (by_rates(&journeys, replicates, &mut rng), "Shapley value of rates".to_owned()),
            Model::Markov(order) => {
                let order = order.unwrap_or_else(|| choose_order(&journeys, &mut rng));
                let name = if order == 1 { "markov".to_owned() } else { format!("markov, {order} touches remembered") };
                (by_removal(order, &journeys, replicates, &mut rng), name)
            }
        };
        output.headline = Some(format!("{} channels share {conversions} conversions ({name})", journeys.channels.len()));
        let value: f64 = credits.iter().map(|credit| credit.value).sum();
        let basis = basis(&batches, &journeys);
        // The same journeys are split alike in every cycle: another split of them is no new evidence.
        let held_out = held_out(&model, &journeys, &mut Rng::new(basis.digest.seed()));
        for credit in credits {
            let basis = Basis { held_out: held_out.get(&credit.channel).copied(), ..basis.clone() };
            output.give(insight(cx, &name, credit, conversions, value, basis), parents.clone());
        }
        Ok(Turn::Done(output))
    }
}

/// How credit is split, as written.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Model {
    Rule(Rule, &'static str),
    /// Shapley values of the rates of all sets of channels.
    Rates,
    /// Touches remembered; `None` is for the data to say.
    Markov(Option<u8>),
}

impl Model {
    fn read(config: &Config) -> Model {
        let node = config.child("model");
        let number = |name: &str| node.and_then(|node| node.prop(name)).and_then(Scalar::number);
        let half_life = node.and_then(|node| node.prop("half-life")).and_then(Scalar::duration);
        match node.and_then(|node| node.arg()).and_then(Scalar::text).unwrap_or("markov") {
            "first" => Model::Rule(Rule::First, "first"),
            "last" => Model::Rule(Rule::Last, "last"),
            "linear" => Model::Rule(Rule::Linear, "linear"),
            "time-decay" => {
                let half_life = half_life.map_or(7.0, |half_life| half_life.as_secs_f64() / 86_400.0);
                Model::Rule(Rule::TimeDecay { half_life }, "time decay")
            }
            "position" => {
                let (first, last) = (number("first").unwrap_or(0.4), number("last").unwrap_or(0.4));
                Model::Rule(Rule::Position { first, last }, "position")
            }
            "shapley" if node.and_then(|node| node.prop("worth")).and_then(Scalar::text) == Some("rate") => Model::Rates,
            "shapley" => Model::Rule(Rule::Shapley, "Shapley value"),
            _ => Model::Markov(config.text("order").unwrap_or("1").parse().ok()),
        }
    }
}

/// What the credit rests on: the journeys, whatever the order and the time in which their rows were read.
fn basis(batches: &[(&Arc<Item>, &Events)], journeys: &Journeys) -> Basis {
    let mut hasher = Hasher::new();
    journeys.channels.iter().for_each(|channel| {
        hasher.part(channel);
    });
    for path in &journeys.paths {
        path.touches.iter().for_each(|touch| {
            hasher.part(touch.to_be_bytes());
        });
        for number in [path.conversions, path.nulls, path.value] {
            hasher.part(number.to_bits().to_be_bytes());
        }
    }
    // Aggregated journeys have no clock.
    let times = || batches.iter().flat_map(|(_, events)| events.rows().filter(|row| !row.is_journey()).map(|row| row.at()));
    let (from, to) = (times().min().unwrap_or(Timestamp(0)), times().max().unwrap_or(Timestamp(0)));
    Basis { digest: hasher.finish(), from, to, held_out: None }
}

/// The shares from two parts of the journeys that have nothing in common, by channel: four fifths to learn from, one to judge.
fn held_out(model: &Model, journeys: &Journeys, rng: &mut Rng) -> BTreeMap<String, HeldOut> {
    let (mut teach, mut judge) = (journeys.clone(), journeys.clone());
    for (at, path) in journeys.paths.iter().enumerate() {
        let conversions = binomial(rng, path.conversions.round() as u64, HELD_OUT) as f64;
        let nulls = binomial(rng, path.nulls.round() as u64, HELD_OUT) as f64;
        (judge.paths[at].conversions, judge.paths[at].nulls) = (conversions, nulls);
        (teach.paths[at].conversions, teach.paths[at].nulls) =
            ((path.conversions - conversions).max(0.0), (path.nulls - nulls).max(0.0));
    }
    let mut shares = |journeys: &Journeys| -> BTreeMap<String, f64> {
        match model {
            Model::Rule(rule, _) => {
                by_rule(*rule, journeys, 1, rng).into_iter().map(|share| (share.channel, share.share)).collect()
            }
            Model::Rates => by_rates(journeys, 1, rng).into_iter().map(|share| (share.channel, share.share)).collect(),
            Model::Markov(order) => {
                let effects = Chain::new(&journeys.paths, journeys.channels.len(), order.unwrap_or(1)).removal().effects;
                let total: f64 = effects.iter().sum();
                let share = |effect: f64| if total > 0.0 { effect / total } else { 0.0 };
                journeys.channels.iter().cloned().zip(effects.into_iter().map(share)).collect()
            }
        }
    };
    let (learned, judged) = (shares(&teach), shares(&judge));
    let both = learned.into_iter().filter_map(|(channel, learned)| {
        let held_out = *judged.get(&channel)?;
        Some((channel, HeldOut { learned, held_out }))
    });
    both.collect()
}

/// One channel's share of credit with its interval, and for `markov` its removal effect with the interval of that.
#[derive(Clone, Debug, PartialEq)]
struct Share {
    channel: String,
    share: f64,
    interval: (f64, f64),
    conversions: f64,
    value: f64,
    effect: Option<(f64, f64, f64)>,
}

fn by_rule(rule: Rule, journeys: &Journeys, replicates: usize, rng: &mut Rng) -> Vec<Share> {
    let channels = journeys.channels.len();
    // What each channel gets of one conversion of each path: the draws below only weigh these anew.
    let parts: Vec<(&Path, Vec<(usize, f64)>)> = journeys
        .paths
        .iter()
        .zip(&journeys.ages)
        .filter(|(path, _)| path.conversions > 0.0 && !path.touches.is_empty())
        .map(|(path, ages)| {
            let split = shares(rule, &path.touches, ages.as_deref());
            (path, path.touches.iter().map(|touch| *touch as usize).zip(split).collect())
        })
        .collect();
    let credit = |weigh: &mut dyn FnMut(&Path) -> f64| -> Vec<f64> {
        let mut credits = vec![0.0; channels];
        for (path, split) in &parts {
            let weight = weigh(path);
            split.iter().for_each(|(channel, share)| credits[*channel] += share * weight);
        }
        credits
    };
    let share_of = |credits: &[f64]| -> Vec<f64> {
        let total: f64 = credits.iter().sum();
        credits.iter().map(|credit| if total > 0.0 { credit / total } else { 0.0 }).collect()
    };
    let conversions = credit(&mut |path| path.conversions);
    let value = credit(&mut |path| path.value);
    let estimate = share_of(&conversions);
    // The same resampling as for the chain: every count is redrawn around itself.
    let draws: Vec<Vec<f64>> =
        (0..replicates).map(|_| share_of(&credit(&mut |path| poisson(rng, path.conversions) as f64))).collect();
    let interval = |channel: usize| {
        let values: Vec<f64> = draws.iter().map(|draw| draw[channel]).collect();
        (quantile(&values, (1.0 - LEVEL) / 2.0), quantile(&values, (1.0 + LEVEL) / 2.0))
    };
    ranked((0..channels).map(|channel| Share {
        channel: journeys.channels[channel].clone(),
        share: estimate[channel],
        interval: interval(channel),
        conversions: conversions[channel],
        value: value[channel],
        effect: None,
    }))
}

fn by_rates(journeys: &Journeys, replicates: usize, rng: &mut Rng) -> Vec<Share> {
    let Some(sets) = Sets::of(&journeys.paths, journeys.channels.len()) else { return Vec::new() };
    let parts = |rates: Vec<f64>| -> Vec<f64> {
        let total: f64 = rates.iter().sum();
        rates.into_iter().map(|rate| if total > 0.0 { rate / total } else { 0.0 }).collect()
    };
    let [shares, worth] = sets.rates(|counts| *counts).map(parts);
    let sum = |of: usize| sets.counts.iter().map(|(_, counts)| counts[of]).sum::<f64>();
    let (conversions, value) = (sum(0), sum(1));
    let draws: Vec<Vec<f64>> = (0..replicates)
        .map(|_| {
            let [drawn, _] = sets.rates(|[won, value, lost]| [poisson(rng, *won) as f64, *value, poisson(rng, *lost) as f64]);
            parts(drawn)
        })
        .collect();
    ranked((0..journeys.channels.len()).map(|channel| {
        let values: Vec<f64> = draws.iter().map(|draw| draw[channel]).collect();
        Share {
            channel: journeys.channels[channel].clone(),
            share: shares[channel],
            interval: (quantile(&values, (1.0 - LEVEL) / 2.0), quantile(&values, (1.0 + LEVEL) / 2.0)),
            conversions: shares[channel] * conversions,
            value: worth[channel] * value,
            effect: None,
        }
    }))
}

fn by_removal(order: u8, journeys: &Journeys, replicates: usize, rng: &mut Rng) -> Vec<Share> {
    let chain = Chain::new(&journeys.paths, journeys.channels.len(), order);
    let removal = chain.removal();
    let total: f64 = removal.effects.iter().sum();
    let resample = chain.resample(replicates, rng);
    let ends = |range: &Range| (range.low, range.high);
    let (shares, effects) = (resample.shares(LEVEL), resample.effects(LEVEL));
    ranked((0..journeys.channels.len()).map(|channel| Share {
        channel: journeys.channels[channel].clone(),
        share: if total > 0.0 { removal.effects[channel] / total } else { 0.0 },
        interval: ends(&shares[channel]),
        conversions: removal.conversions[channel],
        value: removal.value[channel],
        effect: Some((removal.effects[channel], effects[channel].low, effects[channel].high)),
    }))
}

/// The most credit first.
fn ranked(shares: impl Iterator<Item = Share>) -> Vec<Share> {
    let mut shares: Vec<Share> = shares.collect();
    shares.order_by(|a, b| b.share.total_cmp(&a.share).then_with(|| a.channel.cmp(&b.channel)));
    shares
}

/// The number of touches to remember: journeys are split at random, one by one, into those that teach and those that judge, and
/// a longer memory is taken only if it explains the judging ones clearly better.
fn choose_order(journeys: &Journeys, rng: &mut Rng) -> u8 {
    let (mut teach, mut judge) = (Vec::new(), Vec::new());
    for path in journeys.paths.iter().filter(|path| !path.touches.is_empty()) {
        let conversions = binomial(rng, path.conversions.round() as u64, HELD_OUT) as f64;
        let nulls = binomial(rng, path.nulls.round() as u64, HELD_OUT) as f64;
        judge.push(Path { conversions, nulls, ..path.clone() });
        teach.push(Path {
            conversions: (path.conversions - conversions).max(0.0),
            nulls: (path.nulls - nulls).max(0.0),
            ..path.clone()
        });
    }
    let likelihood = |order| Chain::held_out_log_likelihood(&teach, &judge, journeys.channels.len(), order);
    let mut best = (1, likelihood(1));
    for order in 2..=3 {
        let found = likelihood(order);
        if found > best.1 + GAIN_MIN {
            best = (order, found);
        }
    }
    best.0
}

fn insight(cx: &StepContext<'_>, model: &str, share: Share, conversions: f64, value: f64, basis: Basis) -> Insight {
    let percent = |value: f64| format!("{:.1} %", value * 100.0);
    // A share that may be less than one conversion, or too small to matter: nothing can be done about it.
    let distinguishable = share.interval.0 * conversions >= 1.0 && share.interval.0 >= SHARE_MIN;
    let takes_away = share.interval.1 * conversions <= -1.0 && share.interval.1 <= -SHARE_MIN;
    let channel = &share.channel;
    let says = if takes_away {
        format!(
            "{channel} goes with fewer conversions: its share of {conversions} is {} ({} to {}, {model}).",
            percent(share.share),
            percent(share.interval.0),
            percent(share.interval.1)
        )
    } else if distinguishable {
        let worth = if value > 0.0 { format!(", worth {:.0} of {value:.0}", share.value) } else { String::new() };
        let effect = share
            .effect
            .map_or_else(String::new, |(effect, ..)| format!(" Without it, {} of conversions would be lost.", percent(effect)));
        format!(
            "{channel} earned {} of {conversions} conversions ({} to {}, {model}){worth}.{effect}",
            percent(share.share),
            percent(share.interval.0),
            percent(share.interval.1)
        )
    } else {
        format!("{channel} is not distinguishable from no effect on {conversions} conversions ({model}).")
    };
    let mut plot = vec![("conversions".to_owned(), share.conversions), ("value".to_owned(), share.value)];
    if let Some((effect, low, high)) = share.effect {
        plot.extend([("removal effect".to_owned(), effect), ("low".to_owned(), low), ("high".to_owned(), high)]);
    }
    Insight {
        subject: Subject::Channel(share.channel),
        measure: format!("share of credit ({model})"),
        value: share.share,
        interval: Some(share.interval),
        level: LEVEL,
        n: conversions as u64,
        verdict: if distinguishable || takes_away { Verdict::Clear } else { Verdict::NotDistinguishable },
        says,
        at: cx.now,
        basis: Some(basis),
        plot,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builtin::common::rehearse::{Bench, notes, shared};
    use crate::model::goods::Event;
    use std::io::Read;

    /// Removal effects of the example, solved independently.
    const EFFECTS: [(&str, f64); 12] = [
        ("alpha", 0.5583994895077),
        ("iota", 0.4058350044719),
        ("eta", 0.3490263318711),
        ("beta", 0.2640385357412),
        ("theta", 0.2060104627728),
        ("lambda", 0.1340221228097),
        ("epsilon", 0.0626385822755),
        ("zeta", 0.0398105178174),
        ("kappa", 0.0286633866555),
        ("gamma", 0.0178799744190),
        ("delta", 0.0004819957580),
        ("mi", 0.0001799458199),
    ];

    fn example() -> Option<Vec<Event>> {
        let packed = shared("learning/attribution/paths_10k.csv.gz")?;
        let mut text = String::new();
        flate2::read::GzDecoder::new(&packed[..]).read_to_string(&mut text).unwrap();
        let number = |text: &str| text.parse::<f64>().unwrap();
        let rows = text.lines().skip(1).map(|line| {
            let cells: Vec<&str> = line.split(',').collect();
            Event {
                name: "path".into(),
                path: cells[0].split(" > ").map(str::to_owned).collect(),
                conversions: number(cells[1]),
                value: Some(number(cells[2])),
                nulls: number(cells[3]),
                ..Event::default()
            }
        });
        Some(rows.collect())
    }

    fn run(nodes: &str, rows: Vec<Event>) -> Output {
        let mut bench = Bench::new(&Attribute, &format!("attribute \"credit\" {{ {nodes} }}"));
        bench.input(Events::new("site", &rows));
        bench.run("2026-09-01T06:00:00Z").unwrap()
    }

    fn insights(output: &Output) -> Vec<&Insight> {
        let goods = output.goods.iter();
        goods.filter_map(|(good, _)| if let Good::Insight(insight) = good { Some(insight) } else { None }).collect()
    }

    fn by_channel(output: &Output) -> BTreeMap<String, &Insight> {
        insights(output)
            .into_iter()
            .map(|insight| match &insight.subject {
                Subject::Channel(name) => (name.clone(), insight),
                other => panic!("{other}"),
            })
            .collect()
    }

    fn part(insight: &Insight, name: &str) -> f64 {
        insight.plot.iter().find(|(label, _)| label == name).map(|(_, value)| *value).unwrap()
    }

    #[track_caller]
    fn close(found: f64, expected: f64, tolerance: f64) {
        assert!((found - expected).abs() <= tolerance * expected.abs().max(1.0), "found {found}, expected {expected}");
    }

    #[test]
    fn removal_effects_of_the_example_are_exact_and_the_two_smallest_channels_are_called_not_distinguishable() {
        let Some(rows) = example() else { return };
        let output = run("resamples 60", rows.clone());
        let found = by_channel(&output);
        let total: f64 = EFFECTS.iter().map(|(_, effect)| effect).sum();
        assert_eq!(found.len(), 12);
        for (channel, effect) in EFFECTS {
            let insight = found[channel];
            close(part(insight, "removal effect"), effect, 1e-9);
            close(insight.value, effect / total, 1e-9);
            close(part(insight, "conversions"), effect / total * 19_785.0, 1e-9);
            let (low, high) = insight.interval.unwrap();
            assert!(low <= insight.value && insight.value <= high, "{channel}");
            let small = channel == "delta" || channel == "mi";
            assert_eq!(insight.verdict == Verdict::NotDistinguishable, small, "{}", insight.says);
        }
        close(found.values().map(|insight| part(insight, "conversions")).sum(), 19_785.0, 1e-12);
        close(found.values().map(|insight| part(insight, "value")).sum(), 74_802.971_587_210_84, 1e-12);
        // The order of the rows reaches nothing, not even the last digit of an interval.
        let mut turned = rows;
        turned.reverse();
        assert_eq!(insights(&run("resamples 60", turned)), insights(&output));
    }

    #[test]
    fn every_model_credits_all_conversions_and_all_value() {
        let Some(rows) = example() else { return };
        // The credit of `alpha` was recomputed in twenty lines of Python over the same file.
        for (model, alpha) in [
            (r#"model "first""#, Some(6308.0)),
            (r#"model "last""#, Some(8447.0)),
            (r#"model "linear""#, Some(7574.718593751173)),
            (r#"model "shapley""#, Some(7627.9440476191085)),
            (r#"model "shapley" worth="rate""#, None),
            (r#"model "time-decay" half-life="2d""#, None),
            (r#"model "position" first=0.3 last=0.5"#, None),
            (r#"model "markov"; order "2""#, None),
        ] {
            let output = run(&format!("{model}; resamples 20"), rows.clone());
            let found = by_channel(&output);
            close(found.values().map(|insight| part(insight, "conversions")).sum(), 19_785.0, 1e-11);
            close(found.values().map(|insight| part(insight, "value")).sum(), 74_802.971_587_210_84, 1e-11);
            close(found.values().map(|insight| insight.value).sum(), 1.0, 1e-12);
            if let Some(alpha) = alpha {
                close(part(found["alpha"], "conversions"), alpha, 1e-11);
            }
        }
    }

    fn event(who: usize, day: f64, name: &str, channel: Option<&str>, value: Option<f64>) -> Event {
        Event {
            at: Timestamp((20_000.0 * 86_400_000.0 + day * 86_400_000.0) as i64),
            who: format!("p{who}"),
            name: name.into(),
            channel: channel.map(str::to_owned),
            value,
            ..Event::default()
        }
    }

    fn bought(count: usize) -> Vec<Event> {
        (0..count)
            .flat_map(|who| {
                [
                    event(who, 1.0, "visit", Some("blog"), None),
                    event(who, 8.0, "visit", Some("mail"), None),
                    event(who, 15.0, "qualified", None, Some(10.0)),
                ]
            })
            .collect()
    }

    // By hand: the blog was seen 14 days before, the mail 7: with a half-life of 7 days one counts ¼ and the other ½.
    #[test]
    fn time_decay_goes_by_the_clock_of_raw_events_and_values_are_credited_too() {
        let output = run(r#"model "time-decay" half-life="7d""#, bought(40));
        let found = by_channel(&output);
        close(found["blog"].value, 1.0 / 3.0, 1e-12);
        close(part(found["mail"], "value"), 400.0 * 2.0 / 3.0, 1e-12);
        assert!(found["mail"].says.ends_with(", worth 267 of 400."), "{}", found["mail"].says);
    }

    // A purchase comes only when the blog came before the mail; a chain that remembers one touch cannot know.
    #[test]
    fn the_data_say_how_many_touches_to_remember() {
        let path = |touches: &[&str], conversions: f64, nulls: f64| Event {
            name: "path".into(),
            path: touches.iter().map(|touch| (*touch).to_owned()).collect(),
            conversions,
            nulls,
            ..Event::default()
        };
        let output = run(r#"order "auto""#, vec![path(&["blog", "mail"], 200.0, 0.0), path(&["ads", "mail"], 0.0, 200.0)]);
        assert_eq!(output.headline.as_deref(), Some("3 channels share 200 conversions (markov, 2 touches remembered)"));
        let found = by_channel(&output);
        close(part(found["blog"], "removal effect"), 1.0, 1e-12);
        assert_eq!(found["ads"].verdict, Verdict::NotDistinguishable);
        // Wanderers who go anywhere with the same chance at every touch: one is enough.
        let (mut rng, names) = (Rng::new(4), ["blog", "mail", "ads"]);
        let wander = (0..600).map(|_| {
            let mut touches = vec![names[rng.below(3) as usize]];
            while rng.uniform() < 0.5 {
                touches.push(names[rng.below(3) as usize]);
            }
            let bought = rng.uniform() < 0.3;
            path(&touches, f64::from(bought), f64::from(!bought))
        });
        assert!(run(r#"order "auto""#, wander.collect()).headline.unwrap().ends_with("(markov)"));
    }

    #[test]
    fn rates_see_what_came_to_nothing_and_more_than_sixteen_channels_are_told() {
        let path = |touches: &[String], conversions: f64, nulls: f64| Event {
            name: "path".into(),
            path: touches.to_vec(),
            conversions,
            nulls,
            ..Event::default()
        };
        let names = |of: &[&str]| of.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let rows = [
            path(&names(&["blog"]), 400.0, 600.0),
            path(&names(&["mail"]), 400.0, 600.0),
            path(&names(&["blog", "spam"]), 50.0, 950.0),
            path(&names(&["spam"]), 0.0, 900.0),
        ];
        let output = run(r#"model "shapley" worth="rate""#, rows.to_vec());
        let found = by_channel(&output);
        assert!(found["blog"].says.starts_with("blog earned "), "{}", found["blog"].says);
        assert!(
            found["spam"].says.starts_with("spam goes with fewer conversions: its share of 850 is -"),
            "{}",
            found["spam"].says
        );
        assert_eq!(found["spam"].verdict, Verdict::Clear);
        let many: Vec<Event> = (0..17).map(|n| path(&[format!("c{n}")], 10.0, 10.0)).collect();
        let output = run(r#"model "shapley" worth="rate""#, many);
        assert!(notes(&output)[0].contains("There are 17 channels"), "{:?}", notes(&output));
        close(by_channel(&output)["c3"].value, 1.0 / 17.0, 1e-12);
    }

    #[test]
    fn too_few_conversions_give_no_share_and_bad_rows_are_told() {
        let output = run("", bought(29));
        let [insight] = insights(&output)[..] else { panic!("one insight") };
        assert_eq!(insight.verdict, Verdict::NotEnough { need: "1 more conversion".into() });
        let mut rows = bought(30);
        rows.push(event(1, 9e4, "visit", Some("mail"), None));
        rows.push(Event { who: String::new(), ..event(1, 2.0, "visit", Some("mail"), None) });
        let output = run("", rows);
        assert_eq!(insights(&output).len(), 2);
        assert_eq!(
            notes(&output),
            ["- 1 row without a person belongs to no journey.", "- 1 row dated in the future was left out."]
        );
        let output = run("", Vec::new());
        assert!(matches!(insights(&output)[0].verdict, Verdict::NotEnough { .. }));
    }
}
