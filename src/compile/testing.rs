//! A small registry for tests of the compiler: the verbs of the real one, with just enough settings, and steps that do nothing.
//! The compiler knows specs and not kinds, so this proves as much as the real registry, and faster.

use crate::base::Money;
use crate::diag::Diagnostic;
use crate::model::{Config, GoodKind, Layer, NEXT_CYCLE, Provider, Scalar, Step, Workflow};
use crate::step::spec::no_tunables;
use crate::step::{
    ArgSpec, ConnectorSpec, KindSpec, LeastSpend, Mode, NodeSpec, Occurs, Output, PropSpec, Registry, StepContext, StepError,
    StepKind, Tunable, Turn, ValueType,
};

struct Toy(&'static KindSpec);

impl StepKind for Toy {
    fn least_spend(&self, _: &Config, line: &[&Provider]) -> Option<LeastSpend> {
        let asks_a_model = self.0.generates && line.iter().any(|provider| provider.kind != "template");
        asks_a_model.then(|| LeastSpend { tokens: 1_264, money: Some(Money { currency: "usd".to_owned(), micros: 20_000 }) })
    }

    fn spec(&self) -> &'static KindSpec {
        self.0
    }

    fn check(&self, step: &Step, _workflow: &Workflow, sink: &mut Vec<Diagnostic>) {
        // Stands for what only a kind knows.
        if let Some(keep) = step.config.child("keep")
            && keep.arg().and_then(Scalar::integer).is_some_and(|most| most < 1)
        {
            sink.push(
                Diagnostic::error("loop::out-of-range", "`keep` takes a whole number from 1")
                    .at(keep.span, "nothing would be kept")
                    .help("write how many to keep: `keep 10`"),
            );
        }
    }

    fn advance(&self, _cx: &StepContext<'_>) -> Result<Turn, StepError> {
        Ok(Turn::Done(Output::default()))
    }
}

const BASE: KindSpec = KindSpec {
    verb: "",
    connector: None,
    layers: &[],
    summary: "",
    doc: "",
    takes: &[],
    gives: &[],
    mode: Mode::All,
    nodes: &[],
    example: "",
    keeps: None,
    generates: false,
    publishes: false,
    decides: false,
    tunables: no_tunables,
};

const CSV: KindSpec = KindSpec {
    verb: "source",
    connector: Some("csv"),
    layers: &[Layer::Intelligence],
    gives: &[GoodKind::Signal],
    mode: Mode::Source,
    nodes: &[
        NodeSpec::value("path", ValueType::File, "The file to read.", "path \"data/signals.csv\"").required(),
        NodeSpec::value("every", ValueType::Duration, "How often it is read.", "every \"1h\""),
        NodeSpec::value("most", ValueType::Size, "The largest file that is read.", "most \"10MiB\"").or("64MiB"),
        NodeSpec::value("key", ValueType::Secret, "The password of the file.", "key (env)\"CSV_KEY\""),
        NodeSpec::value("header", ValueType::Bool, "Whether the first row names the columns.", "header").or("#true"),
        NodeSpec {
            name: "column",
            args: &[ArgSpec { name: "name", ty: ValueType::Text, required: true }],
            props: &[PropSpec {
                name: "as",
                ty: ValueType::Choice(&["title", "url", "time", "volume"]),
                required: true,
                default: None,
                doc: "What it holds.",
            }],
            occurs: Occurs::Many,
            doc: "What a column holds.",
            example: "column \"Clicks\" as=\"volume\"",
            ..NodeSpec::EMPTY
        },
    ],
    ..BASE
};

const FEED: KindSpec = KindSpec {
    connector: Some("feed"),
    nodes: &[
        NodeSpec::value("url", ValueType::Url, "Where the feed is.", "url \"https://example.com/feed.xml\"").required(),
        NodeSpec::value("every", ValueType::Duration, "How often it is read.", "every \"1h\""),
        NodeSpec::value("note", ValueType::Text, "A remark.", "note \"…\""),
    ],
    ..CSV
};

const EVENTS: KindSpec = KindSpec {
    connector: Some("events"),
    layers: &[],
    gives: &[GoodKind::Events],
    nodes: &[NodeSpec::value("path", ValueType::File, "The file to read.", "path \"data/events.jsonl\"").required()],
    ..CSV
};

const AGGREGATE: KindSpec = KindSpec {
    verb: "aggregate",
    layers: &[Layer::Intelligence],
    takes: &[GoodKind::Signal],
    gives: &[GoodKind::Signal],
    nodes: &[NodeSpec::value("half-life", ValueType::Duration, "How fast signals fade.", "half-life \"10d\"").or("7d")],
    ..BASE
};

const SCORE: KindSpec = KindSpec {
    verb: "score",
    layers: &[Layer::Strategy],
    takes: &[GoodKind::Signal],
    gives: &[GoodKind::Opportunity],
    nodes: &[
        NodeSpec {
            name: "rule",
            args: &[ArgSpec { name: "name", ty: ValueType::Text, required: true }],
            props: &[PropSpec {
                name: "weight",
                ty: ValueType::Share,
                required: true,
                default: None,
                doc: "How much it counts.",
            }],
            children: &[NodeSpec::value("value", ValueType::Expression, "From 0 to 1.", "value \"pillar.weight\"").required()],
            occurs: Occurs::AtLeastOnce,
            doc: "One part of the score.",
            example: "rule \"fit\" weight=0.5 { value \"pillar.weight\" }",
            ..NodeSpec::EMPTY
        },
        NodeSpec {
            name: "keep",
            args: &[ArgSpec { name: "most", ty: ValueType::Integer, required: true }],
            props: &[PropSpec {
                name: "above",
                ty: ValueType::Share,
                required: false,
                default: Some("0.0"),
                doc: "The least score.",
            }],
            default: Some("10"),
            doc: "How many are kept.",
            example: "keep 10 above=0.5",
            ..NodeSpec::EMPTY
        },
    ],
    tunables: rule_weights,
    ..BASE
};

fn rule_weights(config: &Config) -> Vec<Tunable> {
    let rules = config.all("rule").filter_map(|rule| {
        let declared = rule.prop("weight")?.number()?;
        Some(Tunable { name: rule.arg()?.text()?.to_owned(), declared, least: 0.0, most: 1.0 })
    });
    rules.collect()
}

const fn bound(name: &'static str) -> PropSpec {
    PropSpec { name, ty: ValueType::Money, required: false, default: None, doc: "A bound." }
}

const ALLOCATE: KindSpec = KindSpec {
    verb: "allocate",
    layers: &[Layer::Strategy],
    takes: &[GoodKind::Events],
    gives: &[GoodKind::Allocation],
    nodes: &[
        NodeSpec::value("total", ValueType::Money, "What is divided.", "total (usd)100").required(),
        NodeSpec::value("change", ValueType::Share, "How far one cycle may move.", "change 0.2"),
        NodeSpec {
            name: "channel",
            args: &[ArgSpec { name: "name", ty: ValueType::Text, required: true }],
            props: &[bound("floor"), bound("ceiling"), bound("lock")],
            occurs: Occurs::AtLeastOnce,
            doc: "Where money may go.",
            example: "channel \"tv\" floor=(usd)10",
            ..NodeSpec::EMPTY
        },
        NodeSpec {
            name: "group",
            args: &[
                ArgSpec { name: "name", ty: ValueType::Text, required: true },
                ArgSpec { name: "channel", ty: ValueType::Text, required: true },
            ],
            rest: Some(ValueType::Text),
            props: &[bound("floor"), bound("ceiling")],
            occurs: Occurs::Many,
            doc: "Channels with a bound together.",
            example: "group \"brand\" \"tv\" \"print\" floor=(usd)10",
            ..NodeSpec::EMPTY
        },
    ],
    ..BASE
};

const SCENARIO: KindSpec = KindSpec {
    verb: "scenario",
    layers: &[Layer::Strategy],
    takes: &[GoodKind::Allocation],
    gives: &[GoodKind::Scenario],
    nodes: &[NodeSpec {
        name: "choice",
        args: &[ArgSpec { name: "name", ty: ValueType::Text, required: true }],
        children: &[NodeSpec {
            name: "set",
            args: &[
                ArgSpec { name: "channel", ty: ValueType::Text, required: true },
                ArgSpec { name: "amount", ty: ValueType::Money, required: true },
            ],
            occurs: Occurs::Many,
            doc: "What a channel gets.",
            example: "set \"tv\" (usd)10",
            ..NodeSpec::EMPTY
        }],
        occurs: Occurs::Many,
        doc: "What to play.",
        example: "choice \"no tv\" { set \"tv\" (usd)0 }",
        ..NodeSpec::EMPTY
    }],
    ..BASE
};

const BRIEF: KindSpec = KindSpec {
    verb: "brief",
    layers: &[Layer::Production],
    takes: &[GoodKind::Opportunity],
    gives: &[GoodKind::Brief],
    mode: Mode::Each,
    ..BASE
};

const IDEA: KindSpec = KindSpec { verb: "idea", takes: &[], generates: true, ..BRIEF };

const OUTLINE: KindSpec = KindSpec {
    verb: "outline",
    layers: &[Layer::Production],
    takes: &[GoodKind::Brief],
    gives: &[GoodKind::Outline],
    mode: Mode::Each,
    nodes: &[
        NodeSpec::value("provider", ValueType::Provider, "Who writes.", "provider \"drafter\"").required(),
        NodeSpec::value("template", ValueType::Template, "What is asked.", "template \"templates/outline.hbs\""),
    ],
    generates: true,
    ..BASE
};

const GATE: KindSpec = KindSpec {
    verb: "gate",
    takes: &[GoodKind::Outline, GoodKind::Draft],
    gives: &[GoodKind::Outline, GoodKind::Draft],
    mode: Mode::Each,
    nodes: &[
        NodeSpec {
            name: "by",
            args: &[ArgSpec { name: "who", ty: ValueType::Text, required: true }],
            rest: Some(ValueType::Text),
            occurs: Occurs::Once,
            doc: "Who decides.",
            example: "by \"content-team\"",
            ..NodeSpec::EMPTY
        },
        NodeSpec {
            name: "remind",
            args: &[ArgSpec { name: "after", ty: ValueType::Duration, required: true }],
            props: &[PropSpec {
                name: "every",
                ty: ValueType::Duration,
                required: false,
                default: None,
                doc: "Again so long after each reminder.",
            }],
            doc: "How long an item waits before people are told again.",
            example: "remind \"24h\"",
            ..NodeSpec::EMPTY
        },
        NodeSpec {
            name: "escalate",
            args: &[ArgSpec { name: "after", ty: ValueType::Duration, required: true }],
            props: &[PropSpec { name: "to", ty: ValueType::Text, required: true, default: None, doc: "Who is asked as well." }],
            doc: "How long an item waits before somebody else is asked as well.",
            example: "escalate \"48h\" to=\"head-of-content\"",
            ..NodeSpec::EMPTY
        },
        NodeSpec {
            name: "expires",
            args: &[ArgSpec { name: "after", ty: ValueType::Duration, required: true }],
            props: &[PropSpec {
                name: "then",
                ty: ValueType::Choice(&["reject", "approve"]),
                required: false,
                default: Some("reject"),
                doc: "What happens then.",
            }],
            doc: "When nobody decides.",
            example: "expires \"72h\" then=\"reject\"",
            ..NodeSpec::EMPTY
        },
        NodeSpec {
            name: "send-back",
            args: &[ArgSpec { name: "step", ty: ValueType::Step, required: true }],
            rest: Some(ValueType::Step),
            props: &[PropSpec { name: "rounds", ty: ValueType::Integer, required: false, default: Some("3"), doc: "How often." }],
            doc: "Who may be asked to make it again.",
            example: "send-back \"outlines\" rounds=2",
            ..NodeSpec::EMPTY
        },
    ],
    decides: true,
    ..BASE
};

const DRAFT: KindSpec = KindSpec { verb: "draft", takes: &[GoodKind::Outline], gives: &[GoodKind::Draft], ..OUTLINE };

const ROUTE: KindSpec = KindSpec {
    verb: "route",
    layers: &[Layer::Distribution],
    takes: &[GoodKind::Draft],
    gives: &[GoodKind::Placement],
    nodes: &[NodeSpec {
        name: "to",
        args: &[ArgSpec { name: "channel", ty: ValueType::Channel, required: true }],
        rest: Some(ValueType::Channel),
        occurs: Occurs::AtLeastOnce,
        doc: "Where pieces go.",
        example: "to \"blog\"",
        ..NodeSpec::EMPTY
    }],
    ..BASE
};

const PUBLISH: KindSpec = KindSpec {
    verb: "publish",
    layers: &[Layer::Distribution],
    takes: &[GoodKind::Placement],
    gives: &[GoodKind::Receipt],
    mode: Mode::Each,
    publishes: true,
    ..BASE
};

const RELAY: KindSpec = KindSpec { verb: "relay", takes: &[GoodKind::Signal], ..PUBLISH };

const LEAD_SCORE: KindSpec =
    KindSpec { verb: "lead-score", layers: &[Layer::Conversion], takes: &[GoodKind::Events], gives: &[GoodKind::Lead], ..BASE };

const ATTRIBUTE: KindSpec = KindSpec {
    verb: "attribute",
    layers: &[Layer::Learning],
    takes: &[GoodKind::Events, GoodKind::Receipt, GoodKind::Lead],
    gives: &[GoodKind::Insight],
    ..BASE
};

const ANOMALY: KindSpec = KindSpec {
    verb: "anomaly",
    layers: &[Layer::Intelligence, Layer::Learning],
    takes: &[GoodKind::Signal, GoodKind::Events],
    gives: &[GoodKind::Insight, GoodKind::Signal],
    nodes: &[
        NodeSpec::value("metric", ValueType::Text, "What is followed.", "metric \"qualified\""),
        NodeSpec {
            name: NEXT_CYCLE,
            args: &[ArgSpec { name: "step", ty: ValueType::Step, required: true }],
            rest: Some(ValueType::Step),
            doc: "Who reads it in the next cycle.",
            example: "next-cycle \"market\"",
            ..NodeSpec::EMPTY
        },
    ],
    ..BASE
};

const FEEDBACK: KindSpec = KindSpec {
    verb: "feedback",
    layers: &[Layer::Learning],
    takes: &[GoodKind::Insight],
    nodes: &[NodeSpec {
        name: "tune",
        args: &[ArgSpec { name: "parameter", ty: ValueType::Parameter, required: true }],
        children: &[
            NodeSpec::value("rate", ValueType::Share, "How much it may move in a cycle.", "rate 0.2").or("0.1"),
            NodeSpec {
                name: "within",
                args: &[
                    ArgSpec { name: "least", ty: ValueType::Number, required: true },
                    ArgSpec { name: "most", ty: ValueType::Number, required: true },
                ],
                occurs: Occurs::Once,
                doc: "Its bounds.",
                example: "within 0.1 0.8",
                ..NodeSpec::EMPTY
            },
        ],
        occurs: Occurs::AtLeastOnce,
        doc: "What is learned changes this parameter.",
        example: "tune \"opportunities.demand\" { within 0.1 0.8 }",
        ..NodeSpec::EMPTY
    }],
    ..BASE
};

const REPORT: KindSpec = KindSpec {
    verb: "report",
    layers: &[Layer::Learning],
    takes: &[GoodKind::Insight, GoodKind::Receipt],
    gives: &[GoodKind::Report],
    ..BASE
};

const PROVIDERS: &[ConnectorSpec] = &[
    ConnectorSpec { kind: "template", summary: "", doc: "", nodes: &[], example: "" },
    ConnectorSpec {
        kind: "openai-chat",
        summary: "",
        doc: "",
        nodes: &[
            NodeSpec::value("base-url", ValueType::Url, "Where it answers.", "base-url \"http://127.0.0.1:11434/v1\"").required(),
            NodeSpec::value("model", ValueType::Text, "Which model.", "model \"llama3.2\"").required(),
            NodeSpec::value("key", ValueType::Secret, "Its key.", "key (env)\"LLM_KEY\""),
        ],
        example: "",
    },
];

const CHANNELS: &[ConnectorSpec] = &[
    ConnectorSpec {
        kind: "files",
        summary: "",
        doc: "",
        nodes: &[
            NodeSpec::value("dir", ValueType::OutputPath, "Where files are written.", "dir \"out/blog\"").required(),
            NodeSpec::value("front-matter", ValueType::Bool, "Whether facts stand above the text.", "front-matter #true")
                .or("#true"),
        ],
        example: "",
    },
    ConnectorSpec {
        kind: "webhook",
        summary: "",
        doc: "",
        nodes: &[NodeSpec::value("url", ValueType::Url, "Where pieces are sent.", "url \"https://example.com/hook\"").required()],
        example: "",
    },
];

/// The toy registry.
pub fn registry() -> Registry {
    static KINDS: &[Toy] = &[
        Toy(&CSV),
        Toy(&FEED),
        Toy(&EVENTS),
        Toy(&AGGREGATE),
        Toy(&SCORE),
        Toy(&ALLOCATE),
        Toy(&SCENARIO),
        Toy(&BRIEF),
        Toy(&IDEA),
        Toy(&OUTLINE),
        Toy(&GATE),
        Toy(&DRAFT),
        Toy(&ROUTE),
        Toy(&PUBLISH),
        Toy(&RELAY),
        Toy(&LEAD_SCORE),
        Toy(&ATTRIBUTE),
        Toy(&FEEDBACK),
        Toy(&REPORT),
        Toy(&ANOMALY),
    ];
    Registry { kinds: KINDS.iter().map(|kind| kind as &'static dyn StepKind).collect(), providers: PROVIDERS, channels: CHANNELS }
}
