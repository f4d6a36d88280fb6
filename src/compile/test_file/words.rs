//! The words of a `*.test.kdl` file, as the same node specs that workflows use.

use crate::step::{ArgSpec, NodeSpec, Occurs, PropSpec, ValueType};

const fn prop(name: &'static str, ty: ValueType, doc: &'static str) -> PropSpec {
    PropSpec { name, ty, required: false, default: None, doc }
}

const TEXT: PropSpec = prop("text", ValueType::Text, "The content itself.");

const FROM: PropSpec = prop("from", ValueType::File, "A file that holds the content, relative to the test file.");

const CYCLE: PropSpec = prop("cycle", ValueType::Integer, "Which cycle, from 1; left out, the last one.");

const CONTAINS: PropSpec = prop("contains", ValueType::Text, "Only what has these words in its title or text counts.");

const COUNT: PropSpec = prop("count", ValueType::Integer, "Exactly so many.");

const LEAST: PropSpec = prop("least", ValueType::Integer, "At least so many.");

const MOST: PropSpec = prop("most", ValueType::Integer, "At most so many.");

/// The names of all goods; a test keeps them so.
const KINDS: &[&str] = &[
    "signal",
    "event",
    "opportunity",
    "brief",
    "outline",
    "draft",
    "asset",
    "placement",
    "receipt",
    "lead",
    "insight",
    "report",
    "rejection",
    "amendment",
    "allocation",
    "scenario",
];

/// What stands in the block of `test`.
pub const INSIDE: &[NodeSpec] = &[
    NodeSpec::value(
        "workflow",
        ValueType::File,
        "The workflow that is run, relative to the test file.",
        "workflow \"../first-loop.kdl\"",
    )
    .required(),
    NodeSpec::value(
        "at",
        ValueType::Time,
        "When cycle 1 opens, in the workflow's time zone; time stands still in a cycle. Left out, it is the workflow's `recorded` time.",
        "at \"2024-07-01 06:00\"",
    ),
    NodeSpec::value("cycles", ValueType::Integer, "How many cycles are run, from 1 to 100.", "cycles 2").or("1"),
    NodeSpec {
        name: "file",
        args: &[ArgSpec { name: "path", ty: ValueType::Text, required: true }],
        props: &[TEXT, FROM],
        occurs: Occurs::Many,
        doc: "A file laid over the workflow's folder for this test; its path is relative to the workflow.",
        example: "file \"client-os/voice.md\" text=\"# Voice\"",
        ..NodeSpec::EMPTY
    },
    NodeSpec {
        name: "page",
        args: &[ArgSpec { name: "address", ty: ValueType::Url, required: true }],
        props: &[TEXT, FROM],
        occurs: Occurs::Many,
        doc: "What the web answers at an address. Every other address is missing: a test never touches the network.",
        example: "page \"https://example.com/pricing\" from=\"pricing.html\"",
        ..NodeSpec::EMPTY
    },
    NodeSpec {
        name: "writes",
        args: &[ArgSpec { name: "task", ty: ValueType::Choice(&["outline", "draft", "repair"]), required: true }],
        props: &[TEXT, FROM],
        occurs: Occurs::Many,
        doc: "What a provider answers when it is asked for this; left out, it answers with what the step's template composed.",
        example: "writes \"draft\" text=\"# Prices\"",
        ..NodeSpec::EMPTY
    },
    NodeSpec {
        name: "decide",
        args: &[
            ArgSpec { name: "gate", ty: ValueType::Step, required: true },
            ArgSpec {
                name: "answer",
                ty: ValueType::Choice(&["approve", "edit", "reject", "send-back", "wait"]),
                required: true,
            },
        ],
        props: &[
            prop("item", ValueType::Integer, "Which of the items that wait there, by rank from 1; left out, every one."),
            prop("cycle", ValueType::Integer, "In which cycle, from 1; left out, in every one."),
            prop("text", ValueType::Text, "The new text of an edit."),
            prop("from", ValueType::File, "A file with the new text, relative to the test file."),
            prop("reason", ValueType::Text, "Why it is rejected, or sent back."),
            prop("to", ValueType::Step, "The step that makes it again; as long as rounds are left, then it is approved."),
        ],
        occurs: Occurs::Many,
        doc: "What people answer at a gate. Everything that no `decide` speaks of is approved; of two that fit, the narrower counts.",
        example: "decide \"editor\" \"reject\" item=1 reason=\"off our pillar\"",
        ..NodeSpec::EMPTY
    },
    NodeSpec {
        name: "expect",
        args: &[ArgSpec { name: "step", ty: ValueType::Step, required: true }],
        props: &[
            prop("kind", ValueType::Choice(KINDS), "Only goods of this kind count; for steps that give several."),
            prop("where", ValueType::Expression, "Only items for which this holds count."),
            CONTAINS,
            COUNT,
            LEAST,
            MOST,
            prop("all", ValueType::Expression, "This holds for each item that counts."),
            prop("deferred", ValueType::Integer, "So many pieces wait for the next cycle at this step, because of a cap."),
            prop("failed", ValueType::Integer, "So many pieces of work failed at this step."),
            prop("note", ValueType::Text, "A note of this step has these words."),
            CYCLE,
        ],
        occurs: Occurs::Many,
        doc: "What a step gives. Without a number, at least one item.",
        example: "expect \"outlines\" count=3 where=\"outline.edited\"",
        ..NodeSpec::EMPTY
    },
    NodeSpec {
        name: "expect-published",
        args: &[ArgSpec { name: "channel", ty: ValueType::Channel, required: true }],
        props: &[CONTAINS, COUNT, LEAST, MOST],
        occurs: Occurs::Many,
        doc: "What went out on a channel in all cycles together. Without a number, at least one piece.",
        example: "expect-published \"blog\" count=3",
        ..NodeSpec::EMPTY
    },
    NodeSpec {
        name: "expect-parameter",
        args: &[ArgSpec { name: "parameter", ty: ValueType::Parameter, required: true }],
        props: &[
            prop("least", ValueType::Number, "It is at least this."),
            prop("most", ValueType::Number, "It is at most this."),
            CYCLE,
        ],
        occurs: Occurs::Many,
        doc: "What a tuned parameter is after a cycle.",
        example: "expect-parameter \"opportunities.demand\" least=0.4 most=0.5",
        ..NodeSpec::EMPTY
    },
    NodeSpec {
        name: "expect-end",
        args: &[ArgSpec { name: "end", ty: ValueType::Choice(&["complete", "waiting"]), required: true }],
        doc: "How the last cycle ends: everything done, or waiting for people.",
        example: "expect-end \"waiting\"",
        ..NodeSpec::EMPTY
    },
];

/// One test.
pub const TEST: NodeSpec = NodeSpec {
    name: "test",
    args: &[ArgSpec { name: "name", ty: ValueType::Text, required: true }],
    children: INSIDE,
    occurs: Occurs::AtLeastOnce,
    doc: "A sentence about a workflow, and what proves it: a world going in, expectations of what comes out.",
    example: "test \"an edited outline is what is drafted\" { … }",
    ..NodeSpec::EMPTY
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::GoodKind;

    #[test]
    fn the_words_for_goods_are_those_of_the_model() {
        assert_eq!(KINDS, GoodKind::ALL.iter().map(|kind| kind.name()).collect::<Vec<_>>());
    }

    #[test]
    fn every_word_of_a_test_is_described() {
        for spec in INSIDE.iter().chain([&TEST]) {
            assert!(!spec.doc.is_empty() && !spec.example.is_empty(), "`{}` lacks words", spec.name);
            assert!(spec.props.iter().all(|prop| !prop.doc.is_empty()), "`{}`", spec.name);
        }
    }
}
