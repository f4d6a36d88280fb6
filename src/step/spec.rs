//! The description of a kind and of every node it takes: one table that feeds the checker, did-you-mean, `loopctl kinds`,
//! the reference pages, completion, hover and the schema export.

use crate::model::{Config, GoodKind, Layer};

/// The setting of a step that decides which names the steps that may be asked to make a piece again.
pub const SEND_BACK: &str = "send-back";

/// How a step is applied to its input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Has no wires in; reads the outside.
    Source,
    /// One task per item, as soon as the item is there.
    Each,
    /// One task with everything, when every step before it has finished.
    All,
}

/// The type of a value in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueType {
    Text,
    Integer,
    Number,
    /// A number from 0 to 1.
    Share,
    Bool,
    /// `"90s"`, `"7d"`
    Duration,
    /// `"10MiB"`
    Size,
    /// `(usd)20`
    Money,
    Url,
    /// A file or folder relative to the workflow; must exist.
    File,
    Folder,
    /// A file or folder that will be written.
    OutputPath,
    Glob,
    /// `"06:00"`
    TimeOfDay,
    /// RFC 3339 or a civil date(-time) in the workflow's zone.
    Time,
    Zone,
    /// `"day"`, `"week"`, `"month"`, `"cycle"`
    Window,
    /// A CEL expression; the fields it may use come from [`KindSpec::takes`].
    Expression,
    /// A Handlebars file; the variables come from what the step takes.
    Template,
    /// The name of a step, a provider, a channel.
    Step,
    Provider,
    Channel,
    /// `step.parameter`
    Parameter,
    /// `(env)"NAME"` or `(file)"path"`; a literal is an error.
    Secret,
    /// One of these words.
    Choice(&'static [&'static str]),
}

/// How often a node may stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occurs {
    Once,
    Optional,
    Many,
    AtLeastOnce,
}

/// An argument of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArgSpec {
    pub name: &'static str,
    pub ty: ValueType,
    pub required: bool,
}

/// A property of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PropSpec {
    pub name: &'static str,
    pub ty: ValueType,
    pub required: bool,
    /// As it would be written; `None` when leaving it out means "not set".
    pub default: Option<&'static str>,
    pub doc: &'static str,
}

/// One node that may stand inside another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NodeSpec {
    pub name: &'static str,
    pub args: &'static [ArgSpec],
    /// More arguments of this type may follow.
    pub rest: Option<ValueType>,
    pub props: &'static [PropSpec],
    pub children: &'static [NodeSpec],
    pub occurs: Occurs,
    /// The first argument when the node is left out, as it would be written.
    pub default: Option<&'static str>,
    pub doc: &'static str,
    pub example: &'static str,
}

impl NodeSpec {
    /// A node with nothing in it: the base for `NodeSpec { name: …, ..NodeSpec::EMPTY }`.
    pub const EMPTY: NodeSpec = NodeSpec {
        name: "",
        args: &[],
        rest: None,
        props: &[],
        children: &[],
        occurs: Occurs::Optional,
        default: None,
        doc: "",
        example: "",
    };

    /// An optional node with one argument.
    pub const fn value(name: &'static str, ty: ValueType, doc: &'static str, example: &'static str) -> NodeSpec {
        let args: &'static [ArgSpec] = match ty {
            ValueType::Text => &[ArgSpec { name: "value", ty: ValueType::Text, required: true }],
            ValueType::Integer => &[ArgSpec { name: "value", ty: ValueType::Integer, required: true }],
            ValueType::Number => &[ArgSpec { name: "value", ty: ValueType::Number, required: true }],
            ValueType::Share => &[ArgSpec { name: "value", ty: ValueType::Share, required: true }],
            // A flag node may stand alone.
            ValueType::Bool => &[ArgSpec { name: "value", ty: ValueType::Bool, required: false }],
            ValueType::Duration => &[ArgSpec { name: "value", ty: ValueType::Duration, required: true }],
            ValueType::Size => &[ArgSpec { name: "value", ty: ValueType::Size, required: true }],
            ValueType::Money => &[ArgSpec { name: "value", ty: ValueType::Money, required: true }],
            ValueType::Url => &[ArgSpec { name: "value", ty: ValueType::Url, required: true }],
            ValueType::File => &[ArgSpec { name: "value", ty: ValueType::File, required: true }],
            ValueType::Folder => &[ArgSpec { name: "value", ty: ValueType::Folder, required: true }],
            ValueType::OutputPath => &[ArgSpec { name: "value", ty: ValueType::OutputPath, required: true }],
            ValueType::Glob => &[ArgSpec { name: "value", ty: ValueType::Glob, required: true }],
            ValueType::TimeOfDay => &[ArgSpec { name: "value", ty: ValueType::TimeOfDay, required: true }],
            ValueType::Time => &[ArgSpec { name: "value", ty: ValueType::Time, required: true }],
            ValueType::Zone => &[ArgSpec { name: "value", ty: ValueType::Zone, required: true }],
            ValueType::Window => &[ArgSpec { name: "value", ty: ValueType::Window, required: true }],
            ValueType::Expression => &[ArgSpec { name: "value", ty: ValueType::Expression, required: true }],
            ValueType::Template => &[ArgSpec { name: "value", ty: ValueType::Template, required: true }],
            ValueType::Step => &[ArgSpec { name: "value", ty: ValueType::Step, required: true }],
            ValueType::Provider => &[ArgSpec { name: "value", ty: ValueType::Provider, required: true }],
            ValueType::Channel => &[ArgSpec { name: "value", ty: ValueType::Channel, required: true }],
            ValueType::Parameter => &[ArgSpec { name: "value", ty: ValueType::Parameter, required: true }],
            ValueType::Secret => &[ArgSpec { name: "value", ty: ValueType::Secret, required: true }],
            // Choices differ in their words, so such a node spells its argument out.
            ValueType::Choice(_) => panic!("spell the argument of a choice node out"),
        };
        NodeSpec { name, args, doc, example, ..NodeSpec::EMPTY }
    }

    pub const fn required(self) -> NodeSpec {
        NodeSpec { occurs: Occurs::Once, ..self }
    }

    pub const fn many(self) -> NodeSpec {
        NodeSpec { occurs: Occurs::Many, ..self }
    }

    pub const fn or(self, default: &'static str) -> NodeSpec {
        NodeSpec { default: Some(default), ..self }
    }

    pub fn child(&self, name: &str) -> Option<&'static NodeSpec> {
        self.children.iter().find(|child| child.name == name)
    }
}

/// A parameter that `feedback` may tune.
#[derive(Clone, Debug, PartialEq)]
pub struct Tunable {
    pub name: String,
    /// What the file declares.
    pub declared: f64,
    pub least: f64,
    pub most: f64,
}

/// What a kind says about itself.
pub struct KindSpec {
    pub verb: &'static str,
    /// The word after `kind=` for verbs with many connectors.
    pub connector: Option<&'static str>,
    /// Layers it may stand in; empty means any.
    pub layers: &'static [Layer],
    /// One line.
    pub summary: &'static str,
    /// A paragraph or two of Markdown.
    pub doc: &'static str,
    /// Kinds it takes; empty for a source.
    pub takes: &'static [GoodKind],
    pub gives: &'static [GoodKind],
    pub mode: Mode,
    /// Nodes besides `from` and `cap`, which every kind with wires has.
    pub nodes: &'static [NodeSpec],
    /// A whole step as it would be written.
    pub example: &'static str,
    /// What it keeps from cycle to cycle, in words; `None` when nothing.
    pub keeps: Option<&'static str>,
    /// It makes new text, so it wants a cap, and its input must come from a signal.
    pub generates: bool,
    /// Its output reaches the outside world.
    pub publishes: bool,
    /// People decide here.
    pub decides: bool,
    pub tunables: fn(&Config) -> Vec<Tunable>,
}

/// For kinds without tunable parameters.
pub fn no_tunables(_config: &Config) -> Vec<Tunable> {
    Vec::new()
}

impl KindSpec {
    pub fn node(&self, name: &str) -> Option<&'static NodeSpec> {
        self.nodes.iter().find(|node| node.name == name)
    }

    /// `source kind=feed`, or just the verb.
    pub fn title(&self) -> String {
        match self.connector {
            Some(connector) => format!("{} kind={connector}", self.verb),
            None => self.verb.to_owned(),
        }
    }
}

/// What a provider kind or a channel kind says about itself. The behaviour lives in `world`.
pub struct ConnectorSpec {
    pub kind: &'static str,
    pub summary: &'static str,
    pub doc: &'static str,
    pub nodes: &'static [NodeSpec],
    pub example: &'static str,
}

/// `sends` of a channel, and of the whole workflow.
pub const SENDS: NodeSpec = NodeSpec {
    name: "sends",
    args: &[ArgSpec { name: "most", ty: ValueType::Integer, required: true }],
    props: &[
        PropSpec {
            name: "per",
            ty: ValueType::Choice(&["day", "week", "month"]),
            required: true,
            default: None,
            doc: "The window, in the workflow's time zone; weeks begin on Monday.",
        },
        PropSpec {
            name: "each",
            ty: ValueType::Choice(&["person"]),
            required: true,
            default: None,
            doc: "What is counted: each person.",
        },
    ],
    occurs: Occurs::Many,
    doc: "The most pieces that one person gets in one window, from 1 to 1000, over all steps, cycles and restarts. Whoever has had them \
          is left out of the next piece; when that is everybody, the piece waits and is first in line in the next cycle.",
    example: "sends 2 per=\"week\" each=\"person\"",
    ..NodeSpec::EMPTY
};
