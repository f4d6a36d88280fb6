//! From a node of the file and its spec to a `Config`: every name known, every value typed, every default filled in.
//!
//! A misspelled node that is near a known one is reported and then read as if it had been spelled right, so that one slip gives one
//! diagnostic and not a second one for the "missing" node. Names of other things (steps, channels, files, expressions) are not looked up
//! here: they are collected as references for `resolve`.

use super::{language, scalar, secrets};
use crate::base::InOrder;
use crate::diag::{Diagnostic, Span, nearest};
use crate::model::{Config, Scalar};
use crate::step::{NodeSpec, Occurs, PropSpec, ValueType};
use crate::syntax::{Entry, Node, place_in};

/// A value that names something outside its own node.
#[derive(Clone, Debug)]
pub(super) struct Reference {
    pub ty: ValueType,
    pub text: String,
    /// The value as written.
    pub span: Span,
    /// How it is written, when its bytes are not those of the file.
    pub spelling: Option<Box<str>>,
    /// How many bytes stand around it on either side, when they are.
    pub marks: u8,
    /// The name of the node or property that holds the value.
    pub holder: &'static str,
    /// Whether it is an argument of a node, or else a property.
    pub is_argument: bool,
    /// The node that holds the value, to tell the lists of one node from those of another.
    pub node: Span,
}

impl Reference {
    /// The place of a byte range of the text; all of it when the spelling is broken.
    pub fn part(&self, start: usize, end: usize) -> Span {
        let place = match &self.spelling {
            Some(spelling) => place_in(spelling, start..end),
            None if start <= end && end <= self.text.len() => {
                let before = usize::from(self.marks);
                Some(before + start..before + end)
            }
            None => None,
        };
        place.map_or(self.span, |place| self.span.part(place.start, place.end))
    }
}

/// Reads nodes by their specs.
pub(super) struct Decoder<'s> {
    pub sink: &'s mut Vec<Diagnostic>,
    pub references: Vec<Reference>,
    /// Needed settings whose absence a rule of `check` tells better.
    pub said_elsewhere: &'static [&'static str],
    /// Whether this is the block of a step: then its `from` holds wires, and these are no references.
    pub is_step: bool,
    /// How many nodes the block that is being read lies within.
    depth: usize,
    /// Inside of a step's `from`.
    in_from: bool,
    /// The block that was asked for holds a node that is near to none: it may have been meant for any that is missing.
    pub has_strangers: bool,
}

impl<'s> Decoder<'s> {
    pub fn new(sink: &'s mut Vec<Diagnostic>) -> Decoder<'s> {
        Decoder {
            sink,
            references: Vec::new(),
            said_elsewhere: &[],
            is_step: false,
            depth: 0,
            in_from: false,
            has_strangers: false,
        }
    }

    /// A node with its arguments, properties and children.
    pub fn node(&mut self, node: Node<'_>, spec: &NodeSpec) -> Config {
        let mut config = self.head(node, spec);
        config.children = self.children(node, &[spec.children], spec.props, spec.name);
        config
    }

    /// Arguments and properties without the block.
    pub fn head(&mut self, node: Node<'_>, spec: &NodeSpec) -> Config {
        let mut config = Config { name: spec.name.into(), span: node.span(), ..Config::default() };
        if let Some((word, span)) = node.annotation() {
            self.sink.push(
                Diagnostic::error("loop::unknown-annotation", format!("`{}` takes no annotation, found `({word})`", spec.name))
                    .at(span, "unexpected annotation")
                    .help("remove it: annotations stand before values, as in `(usd)20`"),
            );
        }
        self.arguments(node, spec, &mut config);
        self.properties(node, spec, &mut config);
        config
    }

    fn arguments(&mut self, node: Node<'_>, spec: &NodeSpec, config: &mut Config) {
        let mut extra: Option<(Span, usize)> = None;
        for (number, entry) in node.args().enumerate() {
            let Some(ty) = spec.args.get(number).map(|arg| arg.ty).or(spec.rest) else {
                let (span, count) = extra.unwrap_or((entry.span(), 0));
                extra = Some((span.to(entry.span()), count + 1));
                continue;
            };
            let what = match spec.args.get(number) {
                Some(arg) if spec.args.len() > 1 => What::Part(arg.name, spec.name),
                _ => What::Whole(spec.name),
            };
            // A wrong value keeps its place, so that those behind it keep theirs.
            let value = self.value(&entry, ty, what, spec.name, node).unwrap_or(Scalar::Text(String::new()));
            config.args.push(value);
            config.arg_spans.push(entry.span());
        }
        if node.is_broken() {
            return;
        }
        if let Some((span, count)) = extra {
            self.sink.push(too_many(spec, span, count));
        }
        let given = config.args.len();
        if let Some(arg) = spec.args.iter().skip(given).find(|arg| arg.required) {
            let what = if spec.args.len() > 1 || arg.name != "value" { format!(" `{}`", arg.name) } else { String::new() };
            self.sink.push(
                Diagnostic::error("loop::missing-argument", format!("`{}` needs a value{what}", spec.name))
                    .at(node.head_span(), format!("expected {} here", scalar::expected(arg.ty)))
                    .help(example_help(spec)),
            );
        }
        // A flag may stand alone.
        if let [arg] = spec.args
            && arg.ty == ValueType::Bool
            && given == 0
        {
            config.args.push(Scalar::Bool(true));
            config.arg_spans.push(node.name_span());
        }
    }

    fn properties(&mut self, node: Node<'_>, spec: &NodeSpec, config: &mut Config) {
        let mut seen: Vec<(&str, Span)> = Vec::new();
        for entry in node.props() {
            let Some((name, name_span)) = entry.name() else { continue };
            let mut prop = spec.props.iter().find(|prop| prop.name == name);
            if prop.is_none() {
                let finding = unknown_property(spec, &entry, name, name_span);
                // Read on as if it had been spelled right.
                prop = nearest(name, spec.props.iter().map(|prop| prop.name))
                    .and_then(|near| spec.props.iter().find(|prop| prop.name == near));
                self.sink.push(finding);
            }
            let Some(prop) = prop else { continue };
            if let Some((_, first)) = seen.iter().find(|(seen, _)| *seen == prop.name) {
                self.sink.push(
                    Diagnostic::error("loop::repeated-property", format!("`{}` is set twice", prop.name))
                        .at(entry.span(), "set again here")
                        .at(*first, "first set here")
                        .help("keep one of them"),
                );
                continue;
            }
            seen.push((prop.name, entry.span()));
            if let Some(value) = self.value(&entry, prop.ty, What::Whole(prop.name), prop.name, node) {
                config.props.insert(prop.name, value);
            }
        }
        for prop in spec.props {
            if seen.iter().any(|(name, _)| *name == prop.name) {
                continue;
            }
            if prop.required && !node.is_broken() {
                self.sink.push(
                    Diagnostic::error("loop::missing-property", format!("`{}` needs `{}=`", spec.name, prop.name))
                        .at(node.head_span(), format!("`{}` is missing here", prop.name))
                        .help(example_help(spec)),
                );
            }
            if let Some(value) = default_of(prop) {
                config.props.insert(prop.name, value);
            }
        }
    }

    fn value(
        &mut self,
        entry: &Entry<'_>,
        ty: ValueType,
        what: What<'_>,
        holder: &'static str,
        node: Node<'_>,
    ) -> Option<Scalar> {
        match scalar::read(entry, ty, what) {
            Ok(value) => {
                if let Scalar::Text(text) = &value
                    && let Some(looks) = secrets::looks_like(text)
                {
                    self.sink.push(
                        Diagnostic::error("loop::secret-in-plain-text", format!("{what} holds what looks like {looks}"))
                            .at(entry.value_span(), "everyone who reads this file can read it")
                            .help("keep it in an environment variable and name that where a secret is expected: `(env)\"NAME\"`"),
                    );
                }
                if names_something(ty)
                    && !self.in_from
                    && let Scalar::Text(text) = &value
                {
                    let inner = entry.inner_span();
                    let marks = inner.and_then(|inner| u8::try_from(inner.start - entry.value_span().start).ok());
                    self.references.push(Reference {
                        ty,
                        text: text.clone(),
                        span: entry.value_span(),
                        spelling: marks.is_none().then(|| entry.spelling().into()),
                        marks: marks.unwrap_or(0),
                        holder,
                        is_argument: entry.name().is_none(),
                        node: node.span(),
                    });
                }
                Some(value)
            }
            Err(finding) => {
                self.sink.push(finding);
                None
            }
        }
    }

    /// The block of a node by the specs of its children.
    pub fn children(
        &mut self,
        node: Node<'_>,
        groups: &[&'static [NodeSpec]],
        props: &'static [PropSpec],
        inside: &str,
    ) -> Vec<Config> {
        let names = || groups.iter().flat_map(|group| group.iter()).map(|spec| spec.name);
        let mut nodes = Vec::new();
        let mut strangers = 0;
        for child in node.children() {
            let mut number = names().position(|name| name == child.name());
            if number.is_none() {
                // Read on as if it had been spelled right.
                let near = nearest(child.name(), names());
                number = near.and_then(|near| names().position(|name| name == near));
                strangers += usize::from(number.is_none());
                if !child.name().is_empty() {
                    self.sink.push(unknown_node(child, near, props, names(), inside));
                }
            }
            nodes.extend(number.map(|number| (child, number)));
        }
        self.has_strangers |= self.depth == 0 && strangers > 0;
        self.block(node, &nodes, strangers, groups, inside)
    }

    /// Nodes with the numbers of their specs in `groups`, in the order of those: the order in a file never matters. Beside them stand
    /// `strangers` that nobody knows: each has been said, and was meant for something that seems to be missing.
    pub fn block(
        &mut self,
        node: Node<'_>,
        nodes: &[(Node<'_>, usize)],
        mut strangers: usize,
        groups: &[&'static [NodeSpec]],
        inside: &str,
    ) -> Vec<Config> {
        let specs = || groups.iter().flat_map(|group| group.iter());
        let mut found: Vec<(usize, Config)> = Vec::with_capacity(nodes.len());
        // Most blocks know few names, and these need no memory of their own.
        let (mut few, mut many) = ([None; 32], Vec::new());
        let count: usize = groups.iter().map(|group| group.len()).sum();
        let first: &mut [Option<Span>] = match few.get_mut(..count) {
            Some(few) => few,
            None => {
                many.resize(count, None);
                &mut many
            }
        };
        for (child, number) in nodes.iter().copied() {
            let Some(spec) = specs().nth(number) else { continue };
            if matches!(spec.occurs, Occurs::Once | Occurs::Optional)
                && let Some(first) = first[number]
            {
                self.sink.push(repeated_node(child, spec.name, first));
                continue;
            }
            first[number].get_or_insert(child.head_span());
            let annotated = child.arg(0).is_some_and(|entry| entry.annotation().is_some());
            let was_in_from = self.in_from;
            self.in_from |= self.is_step && self.depth == 0 && spec.name == "from";
            self.depth += 1;
            found.push((number, self.node(child, language::variant(spec, annotated))));
            self.depth -= 1;
            self.in_from = was_in_from;
        }
        for (number, spec) in specs().enumerate() {
            if first[number].is_some() {
                continue;
            }
            if let Some(config) = default_node(spec, node.span()) {
                found.push((number, config));
            } else if matches!(spec.occurs, Occurs::Once | Occurs::AtLeastOnce)
                && !node.is_broken()
                && !self.said_elsewhere.contains(&spec.name)
            {
                match strangers {
                    0 => self.sink.push(missing_node(node, spec, inside)),
                    _ => strangers -= 1,
                }
            }
        }
        found.order_by_key(|(number, _)| *number);
        // Exactly as many as there are: they stay, and there are very many such blocks.
        let mut block = Vec::with_capacity(found.len());
        block.extend(found.into_iter().map(|(_, config)| config));
        block
    }
}

/// The number that [`Decoder::block`] wants for a node of this name, when `specs` is the first group.
pub(super) fn number_of(specs: &[NodeSpec], name: &str) -> Option<usize> {
    specs.iter().position(|spec| spec.name == name)
}

/// What a value is for, in words that are only put together when something is wrong with it.
#[derive(Clone, Copy)]
pub(super) enum What<'w> {
    /// `` `weight` ``: a property, or the one argument of a node.
    Whole(&'w str),
    /// `` `most` of `cap` ``: one of several arguments.
    Part(&'w str, &'w str),
}

impl std::fmt::Display for What<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            What::Whole(name) => write!(f, "`{name}`"),
            What::Part(name, of) => write!(f, "`{name}` of `{of}`"),
        }
    }
}

fn names_something(ty: ValueType) -> bool {
    matches!(
        ty,
        ValueType::Step
            | ValueType::Provider
            | ValueType::Channel
            | ValueType::Parameter
            | ValueType::Template
            | ValueType::File
            | ValueType::Folder
            | ValueType::Expression
    )
}

fn default_of(prop: &PropSpec) -> Option<Scalar> {
    prop.default.and_then(|written| scalar::from_default(written, prop.ty))
}

/// The node that stands for one that was left out.
fn default_node(spec: &NodeSpec, span: Span) -> Option<Config> {
    let written = spec.default?;
    let ty = spec.args.first().map(|arg| arg.ty).or(spec.rest)?;
    let value = scalar::from_default(written, ty)?;
    let props = spec.props.iter().filter_map(|prop| Some((prop.name, default_of(prop)?))).collect();
    let children = spec.children.iter().filter_map(|child| default_node(child, span)).collect();
    Some(Config { name: spec.name.into(), args: [value].into(), props, children, span, arg_spans: [span].into() })
}

fn example_help(spec: &NodeSpec) -> String {
    match spec.example.is_empty() {
        true => "add it".to_owned(),
        false => format!("write it like `{}`", one_line(spec.example)),
    }
}

fn one_line(example: &str) -> String {
    example.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn too_many(spec: &NodeSpec, span: Span, count: usize) -> Diagnostic {
    let most = match spec.args.len() {
        0 => "no value".to_owned(),
        1 => "one value".to_owned(),
        more => format!("{more} values"),
    };
    let found = if count == 1 { "one too many" } else { "too many" };
    Diagnostic::error("loop::extra-argument", format!("`{}` takes {most}", spec.name))
        .at(span, found)
        .help(if spec.children.is_empty() && spec.props.is_empty() { "remove it".to_owned() } else { example_help(spec) })
}

pub(super) fn unknown_property(spec: &NodeSpec, entry: &Entry<'_>, name: &str, name_span: Span) -> Diagnostic {
    let finding = Diagnostic::error("loop::unknown-property", format!("`{}` has no property `{name}`", spec.name));
    if spec.children.iter().any(|child| child.name == name) {
        return finding
            .at(entry.span(), "this belongs in the block")
            .help(format!("write it inside the braces: `{{ {name} {} }}`", entry.spelling()));
    }
    if let Some(near) = nearest(name, spec.props.iter().map(|prop| prop.name)) {
        return finding.at(name_span, "unknown property").help(format!("did you mean `{near}`?")).fix(
            format!("write `{near}`"),
            name_span,
            near,
        );
    }
    let finding = finding.at(name_span, "unknown property");
    match spec.props {
        [] => finding.help(format!("`{}` takes no properties; settings stand inside its braces", spec.name)),
        props => finding.help(format!("expected {}", scalar::one_of(props.iter().map(|prop| prop.name)))),
    }
}

pub(super) fn unknown_node<'a>(
    child: Node<'_>,
    near: Option<&str>,
    props: &[PropSpec],
    known: impl Iterator<Item = &'a str>,
    inside: &str,
) -> Diagnostic {
    let name = child.name();
    let finding = Diagnostic::error("loop::unknown-node", format!("`{inside}` has no setting `{name}`"));
    if props.iter().any(|prop| prop.name == name) {
        let value = child.arg(0).map_or("…", |entry| entry.spelling());
        return finding
            .at(child.name_span(), "this is a property")
            .help(format!("write it on the line of `{inside}`: `{name}={value}`"));
    }
    let finding = finding.at(child.name_span(), "unknown setting");
    match near {
        Some(near) => {
            finding.help(format!("did you mean `{near}`?")).fix(format!("write `{near}`"), child.name_span(), near.to_owned())
        }
        None => {
            let known: Vec<&str> = known.collect();
            match known.is_empty() {
                true => finding.help(format!("`{inside}` has no block")),
                false => finding.help(format!("expected {}", scalar::one_of(known))),
            }
        }
    }
}

pub(super) fn repeated_node(child: Node<'_>, name: &str, first: Span) -> Diagnostic {
    Diagnostic::error("loop::repeated-node", format!("`{name}` stands here twice"))
        .at(child.head_span(), "written again here")
        .at(first, "first written here")
        .help("keep one of them")
}

fn missing_node(node: Node<'_>, spec: &NodeSpec, inside: &str) -> Diagnostic {
    let finding = Diagnostic::error("loop::missing-node", format!("`{inside}` needs `{}`", spec.name))
        .at(node.head_span(), format!("`{}` is missing in its block", spec.name));
    match spec.example.is_empty() {
        true => finding.help(format!("add `{}`: {}", spec.name, spec.doc)),
        false => finding.help(format!("add `{}`", one_line(spec.example))),
    }
}
