//! The words of a workflow file above the level of steps, as the same node specs that step kinds use. Steps bring their own.

use super::scalar;
use crate::model::Layer;
use crate::step::spec::SENDS;
use crate::step::{ArgSpec, Mode, NodeSpec, Occurs, PropSpec, Registry, ValueType};

const NAME: &[ArgSpec] = &[ArgSpec { name: "name", ty: ValueType::Text, required: true }];

const WINDOW_NAMES: &[&str] = &["cycle", "day", "week", "month"];

const LAYER_NAMES: &[&str] = &["intelligence", "strategy", "production", "distribution", "conversion", "learning"];

const PER_DAY: PropSpec = PropSpec {
    name: "per",
    ty: ValueType::Choice(WINDOW_NAMES),
    required: false,
    default: Some("day"),
    doc: "The window that is counted: a cycle, or a day, week or month of the workflow's time zone.",
};

/// What people may be told of.
pub const NOTIFY_EVENTS: &[&str] =
    &["gate-opened", "gate-reminder", "gate-escalated", "gate-expiring", "cycle-failed", "cap-reached", "anomaly", "in-doubt"];

const LIMIT: &[NodeSpec] = &[
    NodeSpec::value("concurrency", ValueType::Integer, "How many tasks may run at once, from 1 to 1024.", "concurrency 8")
        .or("8"),
    NodeSpec {
        name: "spend",
        args: &[ArgSpec { name: "most", ty: ValueType::Money, required: true }],
        props: &[PER_DAY],
        occurs: Occurs::Many,
        doc: "The most money that all providers together may cost in one window.",
        example: "spend (usd)20 per=\"day\"",
        ..NodeSpec::EMPTY
    },
    NodeSpec {
        name: "tokens",
        args: &[ArgSpec { name: "most", ty: ValueType::Integer, required: true }],
        props: &[PER_DAY],
        occurs: Occurs::Many,
        doc: "The most tokens that all providers together may use in one window.",
        example: "tokens 200_000 per=\"day\"",
        ..NodeSpec::EMPTY
    },
    SENDS,
];

/// What stands in the block of `workflow` besides layers, providers, channels and modules.
pub const SETTINGS: &[NodeSpec] = &[
    NodeSpec::value(
        "about",
        ValueType::Text,
        "What this loop is for, in one sentence.",
        "about \"Three posts a week, each from a real signal.\"",
    ),
    NodeSpec::value(
        "client-os",
        ValueType::Folder,
        "The folder of the Client OS: plain files that every generating step reads.",
        "client-os \"client-os\"",
    ),
    NodeSpec::value(
        "timezone",
        ValueType::Zone,
        "The time zone in which days, caps and schedules count.",
        "timezone \"Europe/London\"",
    )
    .or("UTC"),
    NodeSpec {
        name: "every",
        args: &[ArgSpec { name: "interval", ty: ValueType::Duration, required: true }],
        props: &[PropSpec {
            name: "at",
            ty: ValueType::TimeOfDay,
            required: false,
            default: None,
            doc: "The time of day in the workflow's time zone.",
        }],
        doc: "How often a cycle opens.",
        example: "every \"1d\" at=\"06:00\"",
        ..NodeSpec::EMPTY
    },
    NodeSpec::value(
        "cron",
        ValueType::Text,
        "When a cycle opens, as a cron pattern in the workflow's time zone, in place of `every`.",
        "cron \"0 6 * * 1-5\"",
    ),
    NodeSpec {
        name: "except",
        args: &[ArgSpec { name: "day", ty: ValueType::Text, required: true }],
        rest: Some(ValueType::Text),
        doc: "Days on which nothing opens by itself: a date, a month and day of every year, or a day of the week.",
        example: "except \"2026-12-24\" \"12-25\" \"sunday\"",
        ..NodeSpec::EMPTY
    },
    NodeSpec {
        name: "recorded",
        props: &[PropSpec {
            name: "from",
            ty: ValueType::Time,
            required: true,
            default: None,
            doc: "When cycle 1 opens, in the workflow's time zone.",
        }],
        doc: "The data is a recording: cycle 1 opens at this time and each next one `every` later, whatever the clock says.",
        example: "recorded from=\"2026-06-29 06:00\"",
        ..NodeSpec::EMPTY
    },
    NodeSpec {
        name: "without",
        args: &[ArgSpec { name: "layer", ty: ValueType::Choice(LAYER_NAMES), required: true }],
        rest: Some(ValueType::Choice(LAYER_NAMES)),
        occurs: Occurs::Many,
        doc: "Layers that are missing on purpose, so that nothing is said about them.",
        example: "without \"conversion\"",
        ..NodeSpec::EMPTY
    },
    NodeSpec {
        name: "notify",
        args: &[ArgSpec { name: "event", ty: ValueType::Choice(NOTIFY_EVENTS), required: true }],
        rest: Some(ValueType::Choice(NOTIFY_EVENTS)),
        props: &[
            PropSpec {
                name: "to",
                ty: ValueType::Channel,
                required: true,
                default: None,
                doc: "The channel that it is told over.",
            },
            PropSpec {
                name: "digest",
                ty: ValueType::Duration,
                required: false,
                default: Some("\"10m\""),
                doc: "What happens within this time is told in one message. `loopctl run` tells once, at its end.",
            },
            PropSpec {
                name: "link",
                ty: ValueType::Url,
                required: false,
                default: None,
                doc: "Where people decide: the address of the review page, for the foot of the message.",
            },
        ],
        occurs: Occurs::Many,
        doc: "Tells people what waits for them and what went wrong, each thing once.",
        example: "notify \"gate-opened\" \"cycle-failed\" to=\"team\"",
        ..NodeSpec::EMPTY
    },
    NodeSpec {
        name: "limit",
        children: LIMIT,
        doc: "What the whole workflow may use.",
        example: "limit { concurrency 8; spend (usd)20 per=\"day\" }",
        ..NodeSpec::EMPTY
    },
];

/// The line of `workflow` itself.
pub const WORKFLOW: NodeSpec = NodeSpec {
    name: "workflow",
    args: NAME,
    props: &[PropSpec {
        name: "phase",
        ty: ValueType::Integer,
        required: false,
        default: None,
        doc: "Layers are added in phases: 1 is Intelligence and Learning, 2 adds Strategy and Conversion, 3 Production and Distribution. \
              The layers of later phases may be missing without a warning.",
    }],
    children: SETTINGS,
    occurs: Occurs::Once,
    doc: "One loop: its settings, the doors it uses, and its steps in six layers.",
    example: "workflow \"b2b-content\" { … }",
    ..NodeSpec::EMPTY
};

const KIND: PropSpec =
    PropSpec { name: "kind", ty: ValueType::Text, required: true, default: None, doc: "Which connector it uses." };

/// The line of `provider`; the kind brings the specs of the block.
pub const PROVIDER: NodeSpec = NodeSpec {
    name: "provider",
    args: NAME,
    props: &[KIND],
    occurs: Occurs::Many,
    doc: "Who writes text for generating steps, by the name of its role.",
    example: "provider \"drafter\" kind=\"template\"",
    ..NodeSpec::EMPTY
};

/// The line of `channel`; the kind brings the specs of the block.
pub const CHANNEL: NodeSpec = NodeSpec {
    name: "channel",
    args: NAME,
    props: &[KIND],
    occurs: Occurs::Many,
    doc: "Where pieces are published.",
    example: "channel \"blog\" kind=\"files\" { dir \"out/blog\" }",
    ..NodeSpec::EMPTY
};

/// A module whose steps the workflow wants to use.
pub const USE: NodeSpec = NodeSpec {
    name: "use",
    args: &[ArgSpec { name: "module", ty: ValueType::Text, required: true }],
    props: &[PropSpec {
        name: "as",
        ty: ValueType::Text,
        required: false,
        default: None,
        doc: "The name that stands before the dot: `voice.check`.",
    }],
    occurs: Occurs::Many,
    doc: "Uses the steps of a versioned module.",
    example: "use \"acme/voice@^1.2\" as=\"voice\"",
    ..NodeSpec::EMPTY
};

/// The line of a step whose verb has one kind.
pub const STEP: NodeSpec = NodeSpec { name: "step", args: NAME, occurs: Occurs::Many, ..NodeSpec::EMPTY };

/// The line of a step whose verb has several connectors.
pub const STEP_WITH_KIND: NodeSpec = NodeSpec { props: &[KIND], ..STEP };

/// `from "press" "rivals"`. That it is there is for `check::unreachable_step` to say, which can name the steps that would fit.
pub const FROM: NodeSpec = NodeSpec {
    name: "from",
    args: &[ArgSpec { name: "step", ty: ValueType::Step, required: true }],
    rest: Some(ValueType::Step),
    occurs: Occurs::Many,
    doc: "The steps whose output this step takes.",
    example: "from \"press\" \"rivals\"",
    ..NodeSpec::EMPTY
};

/// `cap 3 per="day"`.
pub const CAP: NodeSpec = NodeSpec {
    name: "cap",
    args: &[ArgSpec { name: "most", ty: ValueType::Integer, required: true }],
    props: &[PER_DAY],
    occurs: Occurs::Many,
    doc: "The most pieces that may leave this step in one window, or the most money it may cost. What is over the cap waits for the next window.",
    example: "cap 3 per=\"day\"",
    ..NodeSpec::EMPTY
};

/// `defer max-age="14d" rank="fresh"`.
pub const DEFER: NodeSpec = NodeSpec {
    name: "defer",
    props: &[
        PropSpec {
            name: "max-age",
            ty: ValueType::Duration,
            required: false,
            default: None,
            doc: "What has waited longer is dropped, and the summary says so.",
        },
        PropSpec {
            name: "rank",
            ty: ValueType::Choice(&["waited", "fresh"]),
            required: false,
            default: Some("waited"),
            doc: "Who goes first: `waited`, what waited longest; `fresh`, whatever has the best score by now.",
        },
    ],
    doc: "What becomes of work that was over a cap. It is first in line in the next cycle; without this node it waits for ever, in the order \
in which it came.",
    example: "defer max-age=\"14d\" rank=\"fresh\"",
    ..NodeSpec::EMPTY
};

/// `cap (usd)5 per="day"`.
pub const CAP_OF_MONEY: NodeSpec = NodeSpec {
    args: &[ArgSpec { name: "most", ty: ValueType::Money, required: true }],
    example: "cap (usd)5 per=\"day\"",
    ..CAP
};

/// The spec that fits: a cap may count pieces or, with a currency in front, money.
pub fn variant(spec: &'static NodeSpec, annotated: bool) -> &'static NodeSpec {
    const MONEY: &NodeSpec = &CAP_OF_MONEY;
    if annotated && *spec == CAP { MONEY } else { spec }
}

/// `priority 10`.
pub const PRIORITY: NodeSpec = NodeSpec::value(
    "priority",
    ValueType::Integer,
    "Whose turn it is first where something is scarce: places under `concurrency`, `at-once` or a cap that several steps share. Higher \
     comes first, from -100 to 100; a step without it stands at 0.",
    "priority 10",
);

/// `on-failure "next-cycle" times=5`.
pub const ON_FAILURE: NodeSpec = NodeSpec {
    name: "on-failure",
    args: &[ArgSpec { name: "choice", ty: ValueType::Choice(&["go-on", "next-cycle", "hold-back"]), required: true }],
    props: &[PropSpec {
        name: "times",
        ty: ValueType::Integer,
        required: false,
        default: Some("3"),
        doc: "With `next-cycle`: how many cycles try one item, the first among them, from 1 to 100.",
    }],
    doc: "What becomes of the cycle when this step fails. `go-on`, also without this node: what failed is left out, and everything else goes on. `next-cycle`: an \
item that failed is first in line here in the next cycle, as what was over a cap is. `hold-back`: from then on nothing goes out in this \
cycle; pieces that were to go out keep their approvals and are first in line in the next one.",
    example: "on-failure \"next-cycle\" times=5",
    ..NodeSpec::EMPTY
};

/// What stands in the block of every step that takes something.
pub const WIRED: &[NodeSpec] = &[FROM, CAP, DEFER, PRIORITY, ON_FAILURE];

/// What stands in the block of every step that works so.
pub const fn common(mode: Mode) -> &'static [NodeSpec] {
    const SOURCE: &[NodeSpec] = &[ON_FAILURE];
    match mode {
        Mode::Source => SOURCE,
        Mode::Each | Mode::All => WIRED,
    }
}

/// Layer blocks: name and what the loop lacks without it.
pub const LAYERS: [(Layer, &str); 6] = [
    (Layer::Intelligence, "nothing is sensed, so every piece would be guesswork"),
    (Layer::Strategy, "signals are not ranked, so the loudest is written about instead of the best"),
    (Layer::Production, "what is worth saying is found but never written"),
    (Layer::Distribution, "pieces are written but reach nobody"),
    (Layer::Conversion, "attention is not turned into leads, so nobody knows what it was worth"),
    (Layer::Learning, "the next cycle starts from the same place as this one"),
];

/// The name of every node that may stand in the block of `workflow`.
pub fn top_level() -> impl Iterator<Item = &'static str> {
    SETTINGS
        .iter()
        .map(|spec| spec.name)
        .chain([PROVIDER.name, CHANNEL.name, USE.name])
        .chain(Layer::ALL.into_iter().map(Layer::name))
}

/// The defaults in a registry that are no values of their type, as `kind: node`. Empty in a sound registry; a test keeps it so.
pub fn wrong_defaults(registry: &Registry) -> Vec<String> {
    let steps = registry.kinds.iter().map(|kind| (kind.spec().title(), kind.spec().nodes));
    let doors = registry.providers.iter().chain(registry.channels).map(|spec| (spec.kind.to_owned(), spec.nodes));
    let mut wrong = Vec::new();
    for (kind, nodes) in steps.chain(doors) {
        let mut waiting: Vec<&NodeSpec> = nodes.iter().collect();
        while let Some(spec) = waiting.pop() {
            waiting.extend(spec.children);
            let ty = spec.args.first().map(|arg| arg.ty).or(spec.rest);
            let reads = |written: &str, ty: Option<ValueType>| ty.is_some_and(|ty| scalar::from_default(written, ty).is_some());
            if spec.default.is_some_and(|written| !reads(written, ty)) {
                wrong.push(format!("{kind}: {}", spec.name));
            }
            for prop in spec.props {
                if prop.default.is_some_and(|written| !reads(written, Some(prop.ty))) {
                    wrong.push(format!("{kind}: {} {}=", spec.name, prop.name));
                }
            }
        }
    }
    wrong
}

/// Which phase a layer belongs to.
pub fn phase_of(layer: Layer) -> i64 {
    match layer {
        Layer::Intelligence | Layer::Learning => 1,
        Layer::Strategy | Layer::Conversion => 2,
        Layer::Production | Layer::Distribution => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn each(specs: &[NodeSpec], visit: &mut impl FnMut(&NodeSpec)) {
        for spec in specs {
            visit(spec);
            each(spec.children, visit);
        }
    }

    #[test]
    fn the_words_after_without_are_the_layers() {
        assert_eq!(LAYER_NAMES, Layer::ALL.map(Layer::name));
    }

    #[test]
    fn every_word_is_described_and_every_default_reads() {
        let mut visit = |spec: &NodeSpec| {
            assert!(!spec.doc.is_empty() && !spec.example.is_empty(), "`{}` lacks words", spec.name);
            if let Some(default) = spec.default {
                assert!(scalar::from_default(default, spec.args[0].ty).is_some(), "default of `{}`", spec.name);
            }
            for prop in spec.props {
                assert!(!prop.doc.is_empty());
                assert!(prop.default.is_none_or(|default| scalar::from_default(default, prop.ty).is_some()), "{}", prop.name);
            }
        };
        each(&[WORKFLOW, PROVIDER, CHANNEL, USE, CAP, CAP_OF_MONEY], &mut visit);
        each(WIRED, &mut visit);
    }
}
