//! How a provider or a channel may be asked: how many at once, how many in a while, how often again, and for how long. The same
//! words for all of them. What they say decides when an answer comes and never what it is, so a change of them makes no step run
//! again.

use crate::step::{ArgSpec, NodeSpec, PropSpec, ValueType};

pub const AT_ONCE: NodeSpec = NodeSpec::value(
    "at-once",
    ValueType::Integer,
    "The most requests that are under way here at once, over all open cycles, from 1 to 1024. Left out, only `limit { concurrency }` counts.",
    "at-once 2",
);

pub const RATE: NodeSpec = NodeSpec {
    name: "rate",
    args: &[ArgSpec { name: "most", ty: ValueType::Integer, required: true }],
    props: &[PropSpec {
        name: "per",
        ty: ValueType::Choice(&["second", "minute", "hour", "day"]),
        required: false,
        default: Some("\"minute\""),
        doc: "The length of time: no second, minute, hour or day, wherever it begins, sees more.",
    }],
    doc: "The most requests that go out here in a while, from 1 to 1000, retries among them, over all open cycles and over restarts. \
          A request that comes too soon waits; one that would have to wait longer than two minutes is first in line in the next cycle.",
    example: "rate 30 per=\"minute\"",
    ..NodeSpec::EMPTY
};

pub const RETRIES: NodeSpec = NodeSpec::value(
    "retries",
    ValueType::Integer,
    "How often a request is tried again when trying again can help, from 0 to 20. Left out, three times. Pauses grow from about a second to \
     half a minute, differ by chance, and are as long as the other side asks for.",
    "retries 5",
);

pub const IN_ALL: &[PropSpec] = &[PropSpec {
    name: "in-all",
    ty: ValueType::Duration,
    required: false,
    default: None,
    doc: "How long all attempts together may take, pauses among them.",
}];

/// `timeout` of a channel.
pub const TIMEOUT: NodeSpec = NodeSpec {
    props: IN_ALL,
    ..NodeSpec::value(
        "timeout",
        ValueType::Duration,
        "How long one attempt may take. Left out, 30 seconds.",
        "timeout \"10s\" in-all=\"2m\"",
    )
};
