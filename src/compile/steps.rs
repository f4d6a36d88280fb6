//! Reads the steps of a workflow, each for itself, so that the two halves of a large one can be read at once.

use super::check;
use super::decode::Decoder;
use super::frame::{cap, check_name, unknown_connector};
use super::kept::{Kept, Reading};
use super::language::{self, STEP, STEP_WITH_KIND};
use super::scalar::one_of;
use super::sketch::{StepSketch, WireSketch};
use crate::base::StepId;
use crate::base::both::{Both, one_after_another};
use crate::diag::{Diagnostic, Span, nearest};
use crate::model::{Cap, CapUnit, Config, Layer, Scalar};
use crate::step::{Mode, NodeSpec, Registry, StepKind};
use crate::syntax::Node;
use std::collections::{BTreeMap, HashMap};

/// Kinds by verb, in registry order: one look instead of a search for each step.
pub(super) struct Verbs {
    kinds: HashMap<&'static str, Vec<&'static dyn StepKind>>,
    /// In registry order, for messages.
    names: Vec<&'static str>,
}

impl Verbs {
    pub fn new(registry: &Registry) -> Verbs {
        let mut verbs = Verbs { kinds: HashMap::new(), names: Vec::new() };
        for kind in &registry.kinds {
            let verb = kind.spec().verb;
            let kinds = verbs.kinds.entry(verb).or_default();
            if kinds.is_empty() {
                verbs.names.push(verb);
            }
            kinds.push(*kind);
        }
        verbs
    }

    pub fn kinds(&self, verb: &str) -> Option<&[&'static dyn StepKind]> {
        self.kinds.get(verb).map(Vec::as_slice)
    }
}

/// Reads steps and hands each to `keep`, in their order. The findings are the same whether `both` runs two halves at once or not, and
/// whether steps that stand unchanged are taken out of `kept` or not.
pub(super) fn read(
    verbs: &Verbs,
    nodes: &[(Layer, Node<'_>)],
    both: Both<'_>,
    kept: Option<Kept>,
    sink: &mut Vec<Diagnostic>,
    mut keep: impl FnMut(StepSketch, &mut Vec<Diagnostic>),
) {
    let keeps = kept.is_some();
    let mut same = kept.unwrap_or_default().same(nodes);
    let (front, others) = nodes.split_at(same.front());
    let (others, back) = others.split_at(others.len() - same.back());
    for (_, node) in front {
        same.next_of_front(*node).into_iter().for_each(|step| keep(said_again(step, sink), sink));
    }
    read_afresh(verbs, others, both, keeps, sink, &mut keep);
    for (_, node) in back {
        same.next_of_back(*node).into_iter().for_each(|step| keep(said_again(step, sink), sink));
    }
}

/// A step that was taken over, with what was wrong when it was read.
fn said_again(step: StepSketch, sink: &mut Vec<Diagnostic>) -> StepSketch {
    sink.extend(step.reading.iter().flat_map(|reading| reading.found.iter().cloned()));
    step
}

fn read_afresh(
    verbs: &Verbs,
    nodes: &[(Layer, Node<'_>)],
    both: Both<'_>,
    keeps: bool,
    sink: &mut Vec<Diagnostic>,
    keep: &mut impl FnMut(StepSketch, &mut Vec<Diagnostic>),
) {
    // So many are read before they are kept: what waits stays small.
    const AT_ONCE: usize = 8_192;
    // Fewer are read before a thread has started.
    const WORTH_IT: usize = 256;
    let half = |nodes: &[(Layer, Node<'_>)]| {
        let mut found = Vec::new();
        let mut reader = StepReader { verbs, sink: &mut found };
        let step = |(layer, node): &(Layer, Node<'_>)| {
            let before = reader.sink.len();
            let step = reader.step(*layer, *node);
            let reading = keeps.then(|| Reading { node: node.id(), found: reader.sink[before..].into() });
            StepSketch { reading, ..step }
        };
        let steps: Vec<StepSketch> = nodes.iter().map(step).collect();
        (steps, found)
    };
    for nodes in nodes.chunks(AT_ONCE) {
        let (front, back) = nodes.split_at(nodes.len() / 2);
        let (mut first, mut second) = Default::default();
        let both: Both<'_> = if nodes.len() < WORTH_IT { &one_after_another } else { both };
        both(&mut || first = half(front), &mut || second = half(back));
        for (steps, found) in [first, second] {
            sink.extend(found);
            steps.into_iter().for_each(|step| keep(step, sink));
        }
    }
}

struct StepReader<'v, 's> {
    verbs: &'v Verbs,
    sink: &'s mut Vec<Diagnostic>,
}

impl StepReader<'_, '_> {
    fn step(&mut self, layer: Layer, node: Node<'_>) -> StepSketch {
        let before = self.sink.len();
        let mut verb = node.name();
        if self.verbs.kinds(verb).is_none() {
            // A step of a module that is still there could not be expanded, and why has been said.
            let is_of_module = verb.contains('.');
            let near = if is_of_module { None } else { nearest(verb, self.verbs.names.iter().copied()) };
            if !is_of_module {
                self.sink.push(self.unknown_verb(node, layer, near));
            }
            // Read on as if it had been spelled right.
            verb = near.unwrap_or(verb);
        }
        let kinds = self.verbs.kinds(verb).unwrap_or_default();
        let has_connectors = kinds.iter().any(|kind| kind.spec().connector.is_some());
        let line = if has_connectors { STEP_WITH_KIND } else { STEP };
        // Of an example only the line itself: the settings have examples of their own.
        let example = kinds.first().and_then(|kind| kind.spec().example.split('{').next()).unwrap_or("").trim_end();
        let line = NodeSpec { name: kinds.first().map_or("step", |kind| kind.spec().verb), example, ..line };
        let mut config = match kinds.is_empty() {
            // Of an unknown verb only the name is known.
            true => {
                let name = node.arg(0);
                Config {
                    args: name
                        .iter()
                        .filter_map(|entry| entry.value().text())
                        .map(|text| Scalar::Text(text.to_owned()))
                        .collect(),
                    arg_spans: name.iter().map(|entry| entry.span()).collect(),
                    span: node.span(),
                    ..Config::default()
                }
            }
            false => Decoder::new(self.sink).head(node, &line),
        };
        config.name = kinds.first().map_or_else(|| verb.to_owned().into(), |kind| kind.spec().verb.into());
        let connector = config.props.remove("kind").as_ref().and_then(Scalar::text).map(str::to_owned);
        let mut kind = kinds.iter().copied().find(|kind| kind.spec().connector == connector.as_deref());
        if kind.is_none()
            && let Some(connector) = &connector
        {
            let span = node.prop("kind").map_or(node.head_span(), |entry| entry.value_span());
            let known = kinds.iter().filter_map(|kind| kind.spec().connector);
            self.sink.push(unknown_connector(verb, connector, span, known.clone()));
            let near = nearest(connector, known);
            kind = kinds.iter().copied().find(|kind| near.is_some() && kind.spec().connector == near);
        }
        let mut misplaced = false;
        let mut references = Vec::new();
        let mut has_strangers = false;
        if let Some(kind) = kind {
            let spec = kind.spec();
            if !spec.layers.is_empty() && !spec.layers.contains(&layer) {
                misplaced = true;
                self.sink.push(
                    Diagnostic::error(
                        "loop::wrong-layer",
                        format!("`{verb}` belongs to {}, not to {layer}", one_of(spec.layers.iter().map(|layer| layer.title()))),
                    )
                    .at(node.name_span(), format!("inside `{}`", layer.name()))
                    .help(format!("move it into {}", one_of(spec.layers.iter().map(|layer| layer.name())))),
                );
            }
            let wired = language::common(spec.mode);
            let mut decoder = Decoder::new(self.sink);
            decoder.said_elsewhere = check::said_by_rules(spec);
            decoder.is_step = true;
            config.children = decoder.children(node, &[spec.nodes, wired], line.props, verb);
            has_strangers = decoder.has_strangers;
            references = decoder.references;
            references.shrink_to_fit();
        }
        let id = StepId::new(config.arg().and_then(Scalar::text).unwrap_or(""));
        let name = id.as_str();
        let name_span = config.arg_spans.first().copied().unwrap_or(node.head_span());
        let what = if name == "workflow" { "reserved" } else { "step" };
        check_name(name, name_span, what, self.sink);
        let wires = wires(&config, self.sink);
        let mut caps = Vec::new();
        for node in config.all("cap") {
            let Some(cap) = cap(node, name, CapUnit::Pieces, self.sink) else { continue };
            match caps.iter().find(|(other, _): &&(Cap, Span)| other.unit == cap.unit && other.per == cap.per) {
                Some((_, first)) => self.sink.push(
                    Diagnostic::error("loop::repeated-node", format!("two caps of this step count the same in each {}", cap.per))
                        .at(node.span, "written again here")
                        .at(*first, "first written here")
                        .help("keep one of them: the lower one holds"),
                ),
                None => caps.push((cap, node.span)),
            }
        }
        times(&config, self.sink);
        let wired = kind.is_some_and(|kind| kind.spec().mode != Mode::Source);
        let priority = if wired { priority(&config, self.sink) } else { 0 };
        // From here on they live in the step itself.
        if wired {
            config.children.retain(|child| !matches!(&*child.name, "from" | "cap" | "priority"));
            config.children.shrink_to_fit();
        }
        let broken = self.sink[before..].iter().any(Diagnostic::is_error);
        StepSketch {
            id,
            layer,
            verb: config.name.clone(),
            connector: kind.and_then(|kind| kind.spec().connector).map(str::to_owned),
            kind,
            config,
            caps,
            priority,
            wires,
            references,
            files: BTreeMap::new(),
            reads: Vec::new(),
            hands: Vec::new(),
            tunes: Vec::new(),
            name_span,
            head_span: node.head_span(),
            span: node.span(),
            broken,
            misplaced,
            has_strangers,
            reading: None,
        }
    }

    fn unknown_verb(&self, node: Node<'_>, layer: Layer, near: Option<&str>) -> Diagnostic {
        let verb = node.name();
        let finding =
            Diagnostic::error("loop::unknown-kind", format!("unknown step kind `{verb}`")).at(node.name_span(), "no such verb");
        match near {
            Some(near) => finding.help(format!("did you mean `{near}`?")).fix(format!("write `{near}`"), node.name_span(), near),
            None => {
                let fitting = self.verbs.names.iter().copied().filter(|verb| {
                    let layers = self.verbs.kinds(verb).and_then(<[_]>::first).map_or(&[][..], |kind| kind.spec().layers);
                    layers.is_empty() || layers.contains(&layer)
                });
                finding.help(format!("in `{}` you can use {}", layer.name(), one_of(fitting)))
            }
        }
    }
}

/// A wire for each name after `from`.
fn wires(config: &Config, sink: &mut Vec<Diagnostic>) -> Vec<WireSketch> {
    // Of a few a look at all is cheaper than a map.
    const FEW: usize = 8;
    let mut wires: Vec<WireSketch> = Vec::new();
    let mut others: HashMap<&str, Span> = HashMap::new();
    let named = config.all("from").flat_map(|from| from.args.iter().zip(&from.arg_spans));
    for (name, span) in named.filter_map(|(arg, span)| Some((arg.text().filter(|name| !name.is_empty())?, *span))) {
        let first = wires.iter().take(FEW).find(|wire| wire.name == name).map(|wire| wire.span);
        if let Some(first) = first.or_else(|| others.get(name).copied()) {
            sink.push(
                Diagnostic::warning("loop::repeated-wire", format!("`{name}` is named twice after `from`"))
                    .at(span, "named again here")
                    .at(first, "first named here")
                    .help("remove one: what it gives flows once"),
            );
            continue;
        }
        if wires.len() >= FEW {
            others.insert(name, span);
        }
        if wires.capacity() == 0 {
            wires.reserve_exact(1);
        }
        wires.push(WireSketch { name: name.to_owned(), span, from: None, guessed: false, carries: None });
    }
    wires
}

/// `on-failure "next-cycle" times=5`: how many cycles make sense, and where.
fn times(config: &Config, sink: &mut Vec<Diagnostic>) {
    let Some(node) = config.child(language::ON_FAILURE.name) else { return };
    // Filled in where it is left out: then it has no place in the file.
    let Some(times) = node.prop("times").and_then(Scalar::integer).filter(|times| !(1..=100).contains(times)) else { return };
    sink.push(
        Diagnostic::error("loop::out-of-range", format!("`times` takes 1 to 100, found `{times}`"))
            .at(node.span, "out of range")
            .help("3 is usual: what fails in three cycles needs a person"),
    );
}

/// Whose turn it is first; 0 where nothing is said.
fn priority(config: &Config, sink: &mut Vec<Diagnostic>) -> i64 {
    let Some(node) = config.child("priority") else { return 0 };
    let Some(number) = node.arg().and_then(Scalar::integer) else { return 0 };
    if !(-100..=100).contains(&number) {
        sink.push(
            Diagnostic::error("loop::out-of-range", format!("`priority` takes -100 to 100, found `{number}`"))
                .at(node.arg_spans.first().copied().unwrap_or(node.span), "out of range")
                .help("0 is where every step stands; 10 comes before all of those"),
        );
    }
    number
}
