//! `route`: which channel a piece goes to, with the probability of the choice written down.
//!
//! A channel's prior comes from the workflow (or from what `feedback` has learned) as a Beta distribution with the declared strength.
//! Thompson sampling draws from each and takes the best, so a channel is chosen as often as it is likely to be the best one; `explore`
//! puts a floor under every channel. The propensity is what later off-policy estimates need to be honest.

use crate::model::goods::Placement;
use crate::model::{Config, GoodKind, Layer, Scalar};
use crate::stats::bandit::{Arm, Policy};
use crate::step::{
    ArgSpec, KindSpec, Mode, NodeSpec, Occurs, Output, PropSpec, StepContext, StepError, StepKind, Tunable, Turn, ValueType,
};

pub struct Route;

static SPEC: KindSpec = KindSpec {
    verb: "route",
    connector: None,
    layers: &[Layer::Distribution],
    summary: "Chooses the channel of each piece.",
    doc: "With `policy \"fixed\"`, every piece goes to every channel listed. With `policy \"thompson\"`, each piece goes to one channel, \
chosen as often as that channel is likely to be the best, and never less often than `explore` allows. What is known about a channel is \
its prior here, moved by `feedback` (`tune \"channels.blog\"`). Every placement records the policy and the probability of the choice.",
    takes: &[GoodKind::Draft, GoodKind::Asset],
    gives: &[GoodKind::Placement],
    mode: Mode::Each,
    nodes: &[
        NodeSpec {
            name: "to",
            args: &[ArgSpec { name: "channel", ty: ValueType::Channel, required: true }],
            rest: Some(ValueType::Channel),
            props: &[PropSpec {
                name: "prior",
                ty: ValueType::Share,
                required: false,
                default: Some("0.5"),
                doc: "How good the channels on this line are expected to be, from 0 to 1.",
            }],
            occurs: Occurs::AtLeastOnce,
            doc: "Channels to choose from. Several lines give channels different priors.",
            example: r#"to "blog" "list""#,
            ..NodeSpec::EMPTY
        },
        NodeSpec {
            name: "policy",
            args: &[ArgSpec { name: "name", ty: ValueType::Choice(&["fixed", "thompson"]), required: true }],
            props: &[
                PropSpec {
                    name: "explore",
                    ty: ValueType::Share,
                    required: false,
                    default: Some("0.1"),
                    doc: "The share of choices that is spread evenly, whatever is known.",
                },
                PropSpec {
                    name: "strength",
                    ty: ValueType::Number,
                    required: false,
                    default: Some("10"),
                    doc: "How many observations a declared prior is worth.",
                },
            ],
            doc: "How to choose. Left out, it is `fixed`.",
            example: r#"policy "thompson" explore=0.1"#,
            ..NodeSpec::EMPTY
        },
    ],
    example: r#"route "channels" {
    from "publish-gate"
    to "blog" "list"
    policy "thompson" explore=0.1
}"#,
    keeps: None,
    generates: false,
    publishes: false,
    decides: false,
    tunables,
};

/// The channels of a step with their declared priors, in file order.
fn channels(config: &Config) -> Vec<(&str, f64)> {
    config
        .all("to")
        .flat_map(|node| {
            let prior = node.prop("prior").and_then(Scalar::number).unwrap_or(0.5);
            node.args.iter().filter_map(Scalar::text).map(move |channel| (channel, prior))
        })
        .collect()
}

fn tunables(config: &Config) -> Vec<Tunable> {
    channels(config)
        .into_iter()
        .map(|(channel, prior)| Tunable { name: channel.to_owned(), declared: prior, least: 0.0, most: 1.0 })
        .collect()
}

impl StepKind for Route {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    fn advance(&self, cx: &StepContext<'_>) -> Result<Turn, StepError> {
        let [item] = cx.inputs else { return Err(StepError::new("one piece is routed at a time")) };
        let Some(draft) = item.good.piece() else { return Err(StepError::new(format!("cannot route a {}", item.kind()))) };
        let version = item.good.version();
        let channels = channels(cx.config());
        let policy = cx.config().child("policy");
        let name = policy.and_then(|node| node.arg()).and_then(Scalar::text).unwrap_or("fixed");
        let mut output = Output::default();
        let mut place = |channel: &str, propensity: f64, why: String| {
            let placement = Placement {
                draft: draft.clone(),
                version: version.cloned(),
                channel: channel.to_owned(),
                policy: name.to_owned(),
                propensity,
                why,
            };
            output.give(placement, vec![item.id]);
        };
        if name == "fixed" {
            for (channel, _) in &channels {
                place(channel, 1.0, "every piece goes to every channel".to_owned());
            }
            return Ok(Turn::Done(output));
        }
        let number =
            |prop: &str, default: f64| policy.and_then(|node| node.prop(prop)).and_then(Scalar::number).unwrap_or(default);
        let strength = number("strength", 10.0).max(2.0);
        let arms: Vec<Arm> = channels
            .iter()
            .map(|(channel, prior)| {
                // A Beta distribution with this mean; the floor keeps both of its parameters positive.
                let mean = cx.parameter(channel, *prior).clamp(0.01, 0.99);
                Arm { successes: mean * strength, failures: (1.0 - mean) * strength }
            })
            .collect();
        let floor = number("explore", 0.1) / arms.len().max(1) as f64;
        let policy = Policy::thompson(&arms, floor).ok_or_else(|| StepError::new("there is no channel to choose from"))?;
        let choice = policy.choose(&mut cx.rng());
        let (channel, _) = channels[choice.arm];
        let mean = arms[choice.arm].mean();
        place(channel, choice.propensity, format!("expected value {mean:.2}; chosen with probability {:.2}", choice.propensity));
        Ok(Turn::Done(output))
    }
}
