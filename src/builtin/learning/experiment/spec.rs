//! What may be written in an `experiment`.

use crate::model::{GoodKind, Layer};
use crate::step::spec::no_tunables;
use crate::step::{ArgSpec, KindSpec, Mode, NodeSpec, Occurs, PropSpec, ValueType};

pub(super) static SPEC: KindSpec = KindSpec {
    verb: "experiment",
    connector: None,
    layers: &[Layer::Learning],
    summary: "Says which arm of an experiment is better, and whether to ship, stop or keep running.",
    doc: "Reads who was in which arm from a field of the events, and what came of it: a field of the same row, or later events of the \
metric's name within `window`. Where no field names the arm, everybody belongs to the one that a hash of the experiment's name and the \
person gives, the same in every cycle. First it checks that the arms came in the sizes they were meant to (chi-squared, gate .0005) and that \
nobody changed arms; if not, the experiment is broken and no effect is told. Then each arm is compared with the control by an \
always-valid test and interval, so looking in every cycle raises no false alarms; several arms share the error. The first metric \
decides, the others are told beside it, and a `guardrail` that gets clearly worse stops an arm; with a `margin` \
it must even be shown to be no worse than that before an arm ships. Effects within a `segment` are told and share the error, but decide \
nothing. The chance to win assumes a flat prior \
on every rate (or mean). People whose window is still open are not counted as failures.",
    takes: &[GoodKind::Events],
    gives: &[GoodKind::Insight],
    mode: Mode::All,
    nodes: &[
        NodeSpec {
            name: "arms",
            props: &[
                PropSpec {
                    name: "by",
                    ty: ValueType::Text,
                    required: false,
                    default: None,
                    doc: "The field of the events that names the arm. Without it a person belongs to the arm on which the first eight bytes \
of SHA-256 of `experiment/person`, as a number from 0 to 1, fall along the shares, the control first; the arms must then be declared.",
                },
                PropSpec {
                    name: "control",
                    ty: ValueType::Text,
                    required: true,
                    default: None,
                    doc: "The arm that the others are compared with.",
                },
                PropSpec {
                    name: "exposed",
                    ty: ValueType::Text,
                    required: false,
                    default: None,
                    doc: "The event that assigns; without it, any event that names an arm.",
                },
                PropSpec {
                    name: "share",
                    ty: ValueType::Number,
                    required: false,
                    default: Some("1"),
                    doc: "The control's part of the split, beside those of the arms.",
                },
            ],
            occurs: Occurs::Once,
            doc: "How people came into arms.",
            example: r#"arms by="variant" control="old headline""#,
            ..NodeSpec::EMPTY
        },
        NodeSpec {
            name: "arm",
            args: &[ArgSpec { name: "name", ty: ValueType::Text, required: true }],
            props: &[PropSpec {
                name: "share",
                ty: ValueType::Number,
                required: false,
                default: Some("1"),
                doc: "Its part of the split, beside those of the others.",
            }],
            occurs: Occurs::Many,
            doc: "An arm besides the control; without any, every arm found counts, with equal parts.",
            example: r#"arm "new headline" share=1"#,
            ..NodeSpec::EMPTY
        },
        METRIC,
        NodeSpec {
            name: "guardrail",
            occurs: Occurs::Many,
            props: &[AS, OF, AT, BETTER, MARGIN],
            doc: "What must not get worse: an arm that clearly does is stopped.",
            example: r#"guardrail "unsubscribed" better="less" margin=0.1"#,
            ..METRIC
        },
        NodeSpec::value(
            "window",
            ValueType::Duration,
            "How long after assignment an event counts; people younger than that are left out.",
            r#"window "14d""#,
        )
        .or("\"14d\""),
        NodeSpec::value(
            "covariate",
            ValueType::Text,
            "A numeric field known before the experiment: what it explains is taken out of the noise, if that helps.",
            r#"covariate "visits_before""#,
        ),
        NodeSpec::value(
            "segment",
            ValueType::Text,
            "A field of the assigning event: the first metric is also told for each of its eight commonest values.",
            r#"segment "country""#,
        ),
        NodeSpec::value(
            "minimum-effect",
            ValueType::Share,
            "The smallest change worth having, relative to the control: what planning and giving up go by.",
            "minimum-effect 0.05",
        )
        .or("0.1"),
        NodeSpec::value("level", ValueType::Share, "How sure an answer must be.", "level 0.95").or("0.95"),
    ],
    example: r#"experiment "headline" {
    from "site"
    arms by="variant" control="old headline"
    metric "qualified"
    guardrail "unsubscribed" better="less"
    window "14d"
}"#,
    keeps: None,
    generates: false,
    publishes: false,
    decides: false,
    tunables: no_tunables,
};

const AS: PropSpec = PropSpec {
    name: "as",
    ty: ValueType::Choice(&["rate", "value", "ratio", "quantile"]),
    required: false,
    default: Some("\"rate\""),
    doc: "`rate` is how many people had it at all; `value` adds its values up; `ratio` sets its values (an event without one counts one) \
against the number of another event, by person; `quantile` is a quantile of the sums of those who had it.",
};

const OF: PropSpec = PropSpec {
    name: "of",
    ty: ValueType::Text,
    required: false,
    default: None,
    doc: "For `ratio`: the event (or field) below the line.",
};

const AT: PropSpec = PropSpec {
    name: "at",
    ty: ValueType::Share,
    required: false,
    default: Some("0.5"),
    doc: "For `quantile`: which one; 0.5 is the median.",
};

const BETTER: PropSpec = PropSpec {
    name: "better",
    ty: ValueType::Choice(&["more", "less"]),
    required: false,
    default: Some("\"more\""),
    doc: "Which way is good.",
};

const MARGIN: PropSpec = PropSpec {
    name: "margin",
    ty: ValueType::Share,
    required: false,
    default: None,
    doc: "How much worse than the control is bearable, relative to it: an arm ships only when it is surely not worse by more.",
};

const METRIC: NodeSpec = NodeSpec {
    name: "metric",
    args: &[ArgSpec { name: "name", ty: ValueType::Text, required: true }],
    props: &[AS, OF, AT, BETTER],
    occurs: Occurs::AtLeastOnce,
    doc: "What is compared; the first one decides.",
    example: r#"metric "click" as="ratio" of="send""#,
    ..NodeSpec::EMPTY
};
