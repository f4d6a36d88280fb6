//! Reads the file into a sketch: the workflow's settings, its doors, and its steps by layer, verb and connector.

use super::decode::{Decoder, number_of, repeated_node, unknown_node};
use super::kept::Kept;
use super::language::{self, CHANNEL, PROVIDER, SETTINGS, USE, WORKFLOW};
use super::scalar::one_of;
use super::sketch::{DoorSketch, LayerSketch, Lists, Names, Sketch, Strangers};
use super::steps::{self, Verbs};
use crate::base::both::Both;
use crate::diag::{Diagnostic, Span, nearest};
use crate::model::{Cap, CapUnit, Config, Cron, Except, Layer, Scalar, Window};
use crate::step::{ConnectorSpec, NodeSpec, Registry};
use crate::syntax::{Node, Tree};
use std::collections::BTreeMap;

struct Frame<'s> {
    registry: &'s Registry,
    verbs: Verbs,
    sink: &'s mut Vec<Diagnostic>,
    sketch: Sketch,
}

/// Reads the one workflow of a file; `None` when there is none, which has then been said.
pub(super) fn read(
    tree: &Tree,
    registry: &Registry,
    both: Both<'_>,
    kept: Option<Kept>,
    sink: &mut Vec<Diagnostic>,
) -> Option<Sketch> {
    let root = find_workflow(tree, sink)?;
    let mut decoder = Decoder::new(sink);
    let head = decoder.head(root, &WORKFLOW);
    let references = std::mem::take(&mut decoder.references);
    let name = head.arg().and_then(Scalar::text).unwrap_or("").to_owned();
    let sketch = Sketch {
        name_span: head.arg_spans.first().copied().unwrap_or(root.head_span()),
        name,
        head_span: root.head_span(),
        phase: head.prop("phase").and_then(Scalar::integer),
        settings: Config::default(),
        references,
        caps: Vec::new(),
        layers: Vec::new(),
        steps: Vec::new(),
        by_name: Names::default(),
        providers: BTreeMap::new(),
        channels: BTreeMap::new(),
        templates: BTreeMap::new(),
        strangers: Strangers::default(),
        readers: Lists::default(),
        order: Vec::new(),
    };
    if let Some(phase) = sketch.phase
        && !(1..=3).contains(&phase)
    {
        let span = root.prop("phase").map_or(root.head_span(), |entry| entry.value_span());
        sink.push(
            Diagnostic::error("loop::out-of-range", format!("`phase` takes 1, 2 or 3, found `{phase}`"))
                .at(span, "out of range")
                .help("1 is Intelligence and Learning, 2 adds Strategy and Conversion, 3 Production and Distribution"),
        );
    }
    let mut frame = Frame { registry, verbs: Verbs::new(registry), sink, sketch };
    check_name(&frame.sketch.name, frame.sketch.name_span, "workflow", frame.sink);
    frame.workflow(root, both, kept);
    Some(frame.sketch)
}

fn find_workflow<'t>(tree: &'t Tree, sink: &mut Vec<Diagnostic>) -> Option<Node<'t>> {
    let mut found: Option<Node<'t>> = None;
    let mut strangers: Vec<Node<'t>> = Vec::new();
    for node in tree.roots() {
        match (node.name(), found) {
            ("workflow", None) => found = Some(node),
            ("workflow", Some(first)) => sink.push(
                Diagnostic::error("loop::repeated-node", "a file holds one workflow, found a second one")
                    .at(node.head_span(), "the second workflow")
                    .at(first.head_span(), "the first one")
                    .help("move it to a file of its own"),
            ),
            _ => strangers.push(node),
        }
    }
    if found.is_none() {
        // A misspelled `workflow` is read as the workflow, and so is what holds layers.
        let is_near = |node: &Node<'_>| nearest(node.name(), ["workflow"]).is_some();
        let is_alike =
            |node: &Node<'_>| node.name() != "module" && node.children().any(|child| Layer::parse(child.name()).is_some());
        if let Some(at) = strangers.iter().position(is_near).or_else(|| strangers.iter().position(is_alike)) {
            let node = strangers.remove(at);
            sink.push(
                Diagnostic::error("loop::no-workflow", format!("expected `workflow`, found `{}`", node.name()))
                    .at(node.name_span(), "unknown word")
                    .help(match is_near(&node) {
                        true => "did you mean `workflow`?",
                        false => "write `workflow`: layers stand inside of one",
                    })
                    .fix("write `workflow`", node.name_span(), "workflow"),
            );
            found = Some(node);
        }
    }
    let missing = found.is_none();
    for node in strangers.iter().take(if missing { 1 } else { usize::MAX }) {
        let finding = Diagnostic::error(
            if missing { "loop::no-workflow" } else { "loop::unknown-node" },
            match (missing, node.name()) {
                (true, "module") => "this file is a module, not a workflow".to_owned(),
                (true, name) => format!("expected `workflow` around everything, found `{name}`"),
                (false, name) => format!("`{name}` stands outside the workflow"),
            },
        )
        .at(node.head_span(), if missing { "not a workflow" } else { "not part of the workflow" });
        sink.push(finding.help(match missing {
            true => "start the file with `workflow \"name\" {` and close it with `}` at the end",
            false => "move it inside the braces of `workflow`",
        }));
    }
    if missing && strangers.is_empty() {
        sink.push(
            Diagnostic::error("loop::no-workflow", "the file holds no workflow")
                .at(Span::new(tree.file(), 0, 0), "nothing here")
                .help("start with `workflow \"first-loop\" { … }`; `loopctl init` writes a first one"),
        );
    }
    found
}

impl Frame<'_> {
    fn workflow(&mut self, root: Node<'_>, both: Both<'_>, kept: Option<Kept>) {
        let mut settings: Vec<(Node<'_>, usize)> = Vec::new();
        let mut layers: Vec<(Layer, Node<'_>)> = Vec::new();
        let mut doors: Vec<(Node<'_>, bool)> = Vec::new();
        for child in root.children() {
            let mut name = language::top_level().find(|name| *name == child.name());
            if name.is_none() && !child.name().is_empty() {
                name = self.stray(child);
            }
            match name {
                Some("provider") => doors.push((child, true)),
                Some("channel") => doors.push((child, false)),
                // What it names was looked up before the workflow was read: see `modules`.
                Some("use") => drop(Decoder::new(self.sink).node(child, &USE)),
                Some(name) => match Layer::parse(name) {
                    Some(layer) => layers.push((layer, child)),
                    None => settings.extend(number_of(SETTINGS, name).map(|number| (child, number))),
                },
                None => {}
            }
        }
        let mut decoder = Decoder::new(self.sink);
        let children = decoder.block(root, &settings, 0, &[SETTINGS], WORKFLOW.name);
        let references = decoder.references;
        self.sketch.references.extend(references);
        self.sketch.settings = Config { name: WORKFLOW.name.into(), children, span: root.span(), ..Config::default() };
        self.schedule();
        self.limits();
        for (node, is_provider) in doors {
            self.door(node, is_provider);
        }
        let mut nodes: Vec<(Layer, Node<'_>)> = Vec::new();
        for (layer, node) in layers {
            self.layer(layer, node, &mut nodes);
        }
        self.steps(&nodes, both, kept);
    }

    /// A node that does not belong directly into a workflow: often a step outside its layer.
    fn stray(&mut self, child: Node<'_>) -> Option<&'static str> {
        if let Some(kinds) = self.verbs.kinds(child.name()) {
            self.sketch.strangers.add(child);
            let home = kinds.first().and_then(|kind| kind.spec().layers.first()).copied().unwrap_or(Layer::Intelligence);
            self.sink.push(
                Diagnostic::error("loop::wrong-layer", format!("step `{}` stands outside a layer", child.name()))
                    .at(child.head_span(), "steps stand inside a layer")
                    .help(format!("move it inside `{} {{ … }}`", home.name())),
            );
            return None;
        }
        let near = nearest(child.name(), language::top_level());
        if near.is_none() {
            self.sketch.strangers.add(child);
        }
        self.sink.push(unknown_node(child, near, WORKFLOW.props, language::top_level(), WORKFLOW.name));
        near
    }

    /// What one setting needs of another.
    fn schedule(&mut self) {
        let settings = &self.sketch.settings;
        if let (Some(recorded), None) = (settings.child("recorded"), settings.child("every"))
            && !self.sketch.strangers.is_any()
        {
            self.sink.push(
                Diagnostic::error("loop::missing-node", "a recording needs `every`")
                    .at(recorded.span, "when does the second cycle open?")
                    .help("add `every \"1d\"`: each cycle sees the recording up to that much later"),
            );
        }
        if let Some(every) = settings.child("every")
            && every.arg().and_then(Scalar::duration).is_some_and(|length| length.is_zero())
        {
            self.sink.push(
                Diagnostic::error("loop::out-of-range", "`every` takes a length of time above zero")
                    .at(every.arg_spans.first().copied().unwrap_or(every.span), "cycles would never end")
                    .help("write how often a cycle opens: `every \"1d\"`"),
            );
        }
        self.calendar();
    }

    /// Times of day, cron patterns and days that are left out.
    fn calendar(&mut self) {
        let settings = &self.sketch.settings;
        if let Some(every) = settings.child("every")
            && let Some(length) = every.arg().and_then(Scalar::duration)
            && every.prop("at").is_some()
            && length.as_secs() > 86_400
            && length.as_secs() % 86_400 != 0
        {
            self.sink.push(
                Diagnostic::error("loop::out-of-range", "with `at`, `every` takes whole days or a part of one day")
                    .at(every.arg_spans.first().copied().unwrap_or(every.span), "neither")
                    .help("write `every \"2d\" at=\"06:00\"`, or leave `at` out"),
            );
        }
        if let Some(cron) = settings.child("cron") {
            if let Some(every) = settings.child("every") {
                self.sink.push(
                    Diagnostic::error("loop::repeated-node", "`cron` and `every` both say when a cycle opens")
                        .at(cron.span, "here")
                        .at(every.span, "and here")
                        .help("keep one of them"),
                );
            }
            if let Some(Err(wrong)) = cron.arg().and_then(Scalar::text).map(Cron::parse) {
                self.sink.push(
                    Diagnostic::error(
                        "loop::malformed-value",
                        "`cron` takes five fields: minute, hour, day, month, day of the week",
                    )
                    .at(cron.arg_spans.first().copied().unwrap_or(cron.span), lower_first(wrong.trim_end_matches('.')))
                    .help("`cron \"0 6 * * 1-5\"` opens a cycle at 06:00 from Monday to Friday"),
                );
            }
        }
        if let Some(except) = settings.child("except") {
            for (at, day) in except.args.iter().enumerate() {
                if let Some(text) = day.text().filter(|text| Except::parse(text).is_none()) {
                    self.sink.push(
                        Diagnostic::error("loop::malformed-value", format!("`except` takes days, found `{text}`"))
                            .at(except.arg_spans.get(at).copied().unwrap_or(except.span), "not a day")
                            .help(
                                "write a date such as `\"2026-12-25\"`, a day of every year such as `\"12-25\"`, or `\"sunday\"`",
                            ),
                    );
                }
            }
        }
    }

    fn limits(&mut self) {
        let Some(limit) = self.sketch.settings.child("limit").cloned() else { return };
        for spend in limit.children.iter().filter(|child| matches!(&*child.name, "spend" | "tokens" | "sends")) {
            let unit_of_integer = if spend.name == "sends" { CapUnit::Sends } else { CapUnit::Tokens };
            if let Some(cap) = cap(spend, "workflow", unit_of_integer, self.sink) {
                self.sketch.caps.push((cap, spend.span));
            }
        }
        if let Some(concurrency) = limit.child("concurrency")
            && let Some(number) = concurrency.arg().and_then(Scalar::integer)
            && !(1..=1024).contains(&number)
        {
            self.sink.push(
                Diagnostic::error("loop::out-of-range", format!("`concurrency` takes 1 to 1024, found `{number}`"))
                    .at(concurrency.arg_spans[0], "out of range")
                    .help("8 is a good start"),
            );
        }
    }

    fn door(&mut self, node: Node<'_>, is_provider: bool) {
        let (spec, known) = match is_provider {
            true => (&PROVIDER, self.registry.providers),
            false => (&CHANNEL, self.registry.channels),
        };
        let before = self.sink.len();
        let mut decoder = Decoder::new(self.sink);
        let mut config = decoder.head(node, spec);
        let written = node.prop("kind").map(|entry| entry.value_span());
        let kind = config.prop("kind").and_then(Scalar::text).map(str::to_owned);
        let found: Option<&'static ConnectorSpec> = kind.as_deref().and_then(|kind| known.iter().find(|spec| spec.kind == kind));
        if let Some(found) = found {
            config.children = decoder.children(node, &[found.nodes], spec.props, &format!("{} kind={}", spec.name, found.kind));
        }
        let references = decoder.references;
        if let (None, Some(kind), Some(span)) = (found, &kind, written) {
            self.sink.push(unknown_connector(spec.name, kind, span, known.iter().map(|spec| spec.kind)));
        }
        let name = config.arg().and_then(Scalar::text).unwrap_or("").to_owned();
        let name_span = config.arg_spans.first().copied().unwrap_or(node.head_span());
        check_name(&name, name_span, spec.name, self.sink);
        config.props.remove("kind");
        let broken = self.sink[before..].iter().any(Diagnostic::is_error);
        let doors = if is_provider { &mut self.sketch.providers } else { &mut self.sketch.channels };
        if let Some(first) = doors.get(&name).map(|door| door.name_span) {
            self.sink.push(repeated_name(spec.name, &name, name_span, first));
        } else {
            doors.insert(name.clone(), DoorSketch { name, kind: found, config, references, name_span, used: false, broken });
        }
    }

    /// Reads the head of a layer, and adds its steps to `nodes`.
    fn layer<'t>(&mut self, layer: Layer, node: Node<'t>, nodes: &mut Vec<(Layer, Node<'t>)>) {
        if let Some(first) = self.sketch.layers.iter().find(|block| block.layer == layer) {
            self.sink.push(repeated_node(node, layer.name(), first.head_span).help("put all its steps into one block"));
        }
        const BLOCK: NodeSpec = NodeSpec::EMPTY;
        // The annotation, argument and property rules of a node without any.
        Decoder::new(self.sink).head(node, &NodeSpec { name: layer.name(), ..BLOCK });
        let before = nodes.len();
        nodes.extend(node.children().filter(|child| !child.name().is_empty()).map(|child| (layer, child)));
        self.sketch.layers.push(LayerSketch { layer, head_span: node.head_span(), steps: nodes.len() - before });
    }

    /// The steps of all layers.
    fn steps(&mut self, nodes: &[(Layer, Node<'_>)], both: Both<'_>, kept: Option<Kept>) {
        let sketch = &mut self.sketch;
        steps::read(&self.verbs, nodes, both, kept, self.sink, |mut step, sink| {
            let number = sketch.steps.len();
            if !step.id.as_str().is_empty()
                && let Some(first) = sketch.by_name.insert(step.id.clone(), number)
            {
                step.broken = true;
                sink.push(repeated_name("step", step.id.as_str(), step.name_span, sketch.steps[first].name_span));
            }
            sketch.steps.push(step);
        });
    }
}

/// A cap as its node says, when it lets anything through.
pub(super) fn cap(config: &Config, key: &str, unit_of_integer: CapUnit, sink: &mut Vec<Diagnostic>) -> Option<Cap> {
    let (unit, most) = match config.arg()? {
        Scalar::Integer(most) => (unit_of_integer, *most),
        Scalar::Money(money) => (CapUnit::Money(money.currency.clone()), money.micros),
        _ => return None,
    };
    let per = config.prop("per").and_then(Scalar::text).and_then(Window::parse)?;
    if most < 1 {
        sink.push(
            Diagnostic::error("loop::out-of-range", format!("a cap of {most} lets nothing through"))
                .at(config.arg_spans.first().copied().unwrap_or(config.span), "expected at least 1")
                .help("write how many may pass, or remove the step if none should"),
        );
        return None;
    }
    Some(Cap { key: key.to_owned(), unit, most, per })
}

/// Names are ids: they stand in paths of parameters, in keys of the store and in commands.
pub(super) fn check_name(name: &str, span: Span, what: &str, sink: &mut Vec<Diagnostic>) {
    let reserved = what == "reserved";
    let odd = name.chars().find(|c| c.is_whitespace() || c.is_control() || matches!(c, '.' | '/' | '\\' | '"'));
    if name.is_empty() {
        // A missing name has been reported; an empty one has not.
        if span.len() == 2 {
            sink.push(
                Diagnostic::error("loop::unusable-name", format!("the name of this {what} is empty"))
                    .at(span, "empty")
                    .help("write a short name of letters, digits and `-`"),
            );
        }
    } else if reserved || odd.is_some() {
        let why = match odd {
            Some(c) if c.is_whitespace() => "a name has no spaces".to_owned(),
            Some(c) => format!("a name has no `{}`", c.escape_default()),
            None => "this name stands for the whole workflow".to_owned(),
        };
        let plain: String = name.chars().map(|c| if c.is_alphanumeric() { c } else { '-' }).collect::<String>().to_lowercase();
        let finding =
            Diagnostic::error("loop::unusable-name", format!("`{}` cannot be a name", name.escape_default())).at(span, why);
        sink.push(match reserved {
            true => finding.help("choose another name"),
            false => finding.help(format!("write `\"{}\"`", plain.trim_matches('-'))),
        });
    }
}

pub(super) fn unknown_connector(
    verb: &str,
    kind: &str,
    span: Span,
    known: impl Iterator<Item = &'static str> + Clone,
) -> Diagnostic {
    let finding = Diagnostic::error("loop::unknown-connector", format!("`{verb}` has no kind `{kind}`")).at(span, "no such kind");
    match nearest(kind, known.clone()) {
        Some(near) => finding.help(format!("did you mean `{near}`?")).fix(format!("write `{near}`"), span, format!("\"{near}\"")),
        None => {
            let known: Vec<&str> = known.collect();
            match known.is_empty() {
                true => finding.help(format!("`{verb}` has only one kind; remove `kind=`")),
                false => finding.help(format!("expected {}", one_of(known))),
            }
        }
    }
}

fn repeated_name(what: &str, name: &str, span: Span, first: Span) -> Diagnostic {
    Diagnostic::error("loop::repeated-name", format!("two {what}s are named `{name}`"))
        .at(span, "named again here")
        .at(first, "first defined here")
        .help("give one of them another name: wires, caps and history go by name")
}

/// Words of another program in the middle of ours.
fn lower_first(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map(|first| first.to_lowercase().chain(characters).collect()).unwrap_or_default()
}
