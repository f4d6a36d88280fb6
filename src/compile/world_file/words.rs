//! The words of a `*.world.kdl` file, as the same node specs that workflows use.

use crate::step::{ArgSpec, NodeSpec, Occurs, PropSpec, ValueType};

const fn prop(name: &'static str, ty: ValueType, default: Option<&'static str>, doc: &'static str) -> PropSpec {
    PropSpec { name, ty, required: false, default, doc }
}

const fn needed(name: &'static str, ty: ValueType, doc: &'static str) -> PropSpec {
    PropSpec { name, ty, required: true, default: None, doc }
}

/// What stands in the block of `channel`.
const CHANNEL_INSIDE: &[NodeSpec] = &[
    NodeSpec {
        name: "season",
        props: &[
            needed("swing", ValueType::Share, "How far the pull swings around its mean: 0.5 is from half to one and a half."),
            needed("period", ValueType::Number, "Cycles from one high season to the next."),
            prop("high", ValueType::Number, Some("1"), "The first cycle of a high season."),
        ],
        occurs: Occurs::Many,
        doc: "The pull comes and goes.",
        example: "season swing=0.5 period=13 high=4",
        ..NodeSpec::EMPTY
    },
    NodeSpec {
        name: "change",
        props: &[
            needed("cycle", ValueType::Integer, "The first cycle with the new pull."),
            needed("pull", ValueType::Number, "The new pull."),
            prop("over", ValueType::Integer, Some("1"), "How many cycles it takes to get there, in even steps."),
        ],
        occurs: Occurs::Many,
        doc: "The pull becomes another one, at once or little by little.",
        example: "change cycle=20 pull=0.2 over=10",
        ..NodeSpec::EMPTY
    },
];

/// What stands in the block of `world`.
pub const INSIDE: &[NodeSpec] = &[
    NodeSpec::value(
        "workflow",
        ValueType::File,
        "The workflow that learns in it, relative to the world file.",
        "workflow \"garden.kdl\"",
    )
    .required(),
    NodeSpec::value(
        "at",
        ValueType::Time,
        "When the first people come, in the workflow's time zone. Left out, it is the workflow's `recorded` time.",
        "at \"2026-01-05\"",
    ),
    NodeSpec::value("cycles", ValueType::Integer, "How many cycles are played, from 1 to 520.", "cycles 50").or("50"),
    NodeSpec::value(
        "events",
        ValueType::Text,
        "The file that the world writes and a source of the workflow reads, relative to the workflow; it need not exist.",
        "events \"events.jsonl\"",
    )
    .or("\"events.jsonl\""),
    NodeSpec::value(
        "people",
        ValueType::Number,
        "How many people a channel with pull 1 and all the attention brings in a cycle.",
        "people 160",
    )
    .required(),
    NodeSpec::value("visit", ValueType::Text, "The name of the event of somebody who comes.", "visit \"visit\"").or("\"visit\""),
    NodeSpec {
        name: "convert",
        args: &[ArgSpec { name: "event", ty: ValueType::Text, required: true }],
        props: &[
            needed("chance", ValueType::Share, "The share of the people who come that will convert."),
            prop("delay", ValueType::Duration, Some("\"3d\""), "How long after the visit, on average; it is never negative."),
        ],
        occurs: Occurs::Once,
        doc: "What the world counts as won, and the loop only sees late.",
        example: "convert \"buy\" chance=0.25 delay=\"3d\"",
        ..NodeSpec::EMPTY
    },
    NodeSpec::value(
        "returns",
        ValueType::Share,
        "How returns fall: a channel with the part `a` of the attention brings people × pull × a^returns. At 1 they do not fall.",
        "returns 0.5",
    )
    .or("0.5"),
    NodeSpec {
        name: "channel",
        args: &[ArgSpec { name: "name", ty: ValueType::Text, required: true }],
        props: &[
            needed("pull", ValueType::Number, "How many people it brings, beside the other channels."),
            needed("parameter", ValueType::Parameter, "The parameter of the workflow that gives it attention."),
        ],
        children: CHANNEL_INSIDE,
        occurs: Occurs::AtLeastOnce,
        doc: "Where people come from. Its part of the attention is its parameter's part of the sum of all channels' parameters.",
        example: "channel \"search\" pull=1.0 parameter=\"attention.search\"",
        ..NodeSpec::EMPTY
    },
];

/// One world.
pub const WORLD: NodeSpec = NodeSpec {
    name: "world",
    args: &[ArgSpec { name: "name", ty: ValueType::Text, required: true }],
    children: INSIDE,
    occurs: Occurs::AtLeastOnce,
    doc: "A pretended outside that answers to what a workflow does, to see what its learning is worth.",
    example: "world \"three channels\" { … }",
    ..NodeSpec::EMPTY
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_of_a_world_is_described() {
        for spec in INSIDE.iter().chain(CHANNEL_INSIDE).chain([&WORLD]) {
            assert!(!spec.doc.is_empty() && !spec.example.is_empty(), "`{}` lacks words", spec.name);
            assert!(spec.props.iter().all(|prop| !prop.doc.is_empty()), "`{}`", spec.name);
        }
    }
}
