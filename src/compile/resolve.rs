//! From names to things: wires to steps, providers and channels to their definitions, parameters to what a step declares tunable,
//! paths to files, and the fields in expressions and templates to the goods a step takes.

use super::decode::Reference;
use super::paths;
use super::scalar::{one_of, shorten};
use super::sketch::{DoorSketch, Lists, Names, Sketch, StepSketch};
use super::texts;
use crate::base::Digest;
use crate::base::files::{FileError, Files};
use crate::diag::{Diagnostic, FileId, Sources, Span, nearest};
use crate::model::{GoodKind, NEXT_CYCLE};
use crate::step::ValueType;
use crate::step::expression::{self, ExpressionProblem, Wanted};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// All that names are looked up in.
pub(super) struct Resolver<'s> {
    files: &'s dyn Files,
    /// The folder of the workflow file.
    folder: &'s str,
    sources: &'s mut Sources,
    sink: &'s mut Vec<Diagnostic>,
    /// What reading each template gave, so that a template of many steps is read and reported once.
    templates: BTreeMap<String, Result<Template, FileError>>,
    /// How many names did-you-mean has looked at.
    looked_at: usize,
    /// What was wrong with each expression for each input: rules are copied more often than they are written.
    expressions: HashMap<String, Vec<Checked>>,
}

/// A template that could be read.
struct Template {
    file: FileId,
    text: Arc<str>,
    digest: Digest,
    /// The inputs that it was checked for already.
    checked: Vec<&'static [GoodKind]>,
}

/// What was wrong with an expression for one input.
struct Checked {
    takes: &'static [GoodKind],
    wanted: Wanted,
    problems: Vec<ExpressionProblem>,
}

/// What one reference turned out to name.
enum Found {
    Nothing,
    Step(usize),
    Parameter(usize, String),
    Provider,
    Channel,
    Template(Digest),
    Fine,
}

impl<'s> Resolver<'s> {
    pub fn new(files: &'s dyn Files, folder: &'s str, sources: &'s mut Sources, sink: &'s mut Vec<Diagnostic>) -> Resolver<'s> {
        Resolver { files, folder, sources, sink, templates: BTreeMap::new(), looked_at: 0, expressions: HashMap::new() }
    }

    pub fn resolve(&mut self, sketch: &mut Sketch) {
        self.wires(sketch);
        let settings = std::mem::take(&mut sketch.references);
        for reference in &settings {
            // A channel that people are told over is used.
            if let Found::Channel = self.reference(sketch, reference, &[])
                && let Some(door) = sketch.channels.get_mut(&reference.text)
            {
                door.used = true;
            }
        }
        sketch.references = settings;
        let doors = sketch.providers.values().chain(sketch.channels.values());
        let references: Vec<Reference> = doors.flat_map(|door| door.references.clone()).collect();
        for reference in &references {
            // A fallback is used by the provider that names it.
            if let Found::Provider = self.reference(sketch, reference, &[])
                && let Some(door) = sketch.providers.get_mut(&reference.text)
            {
                door.used = true;
            }
        }
        for at in 0..sketch.steps.len() {
            let takes = sketch.steps[at].spec().map_or(&[][..], |spec| spec.takes);
            let references = std::mem::take(&mut sketch.steps[at].references);
            for reference in &references {
                let found = self.reference(sketch, reference, takes);
                let step = &mut sketch.steps[at];
                match found {
                    Found::Nothing => step.broken = true,
                    Found::Step(other) if reference.holder == NEXT_CYCLE => step.hands.push((other, reference.span)),
                    Found::Step(other) => step.reads.push(other),
                    Found::Parameter(other, name) => step.tunes.push((other, name, reference.span)),
                    Found::Provider => mark_used(sketch.providers.get_mut(&reference.text), step),
                    Found::Channel => mark_used(sketch.channels.get_mut(&reference.text), step),
                    Found::Template(digest) => {
                        step.files.insert(reference.text.clone(), digest);
                    }
                    Found::Fine => {}
                }
            }
            sketch.steps[at].references = references;
        }
        let steps = &sketch.steps;
        let pairs = steps.iter().enumerate().flat_map(|(at, step)| {
            let here =
                step.wires.iter().filter_map(|wire| wire.from).chain(step.reads.iter().copied()).map(move |from| (from, at));
            here.chain(step.hands.iter().map(move |(to, _)| (at, *to)))
        });
        sketch.readers = Lists::new(steps.len(), pairs);
    }

    fn wires(&mut self, sketch: &mut Sketch) {
        let Sketch { steps, by_name, providers, channels, strangers, .. } = sketch;
        for step in steps {
            for wire in &mut step.wires {
                wire.from = by_name.get(&wire.name);
                if wire.from.is_some() {
                    continue;
                }
                step.broken = true;
                if strangers.has(&wire.name) {
                    continue;
                }
                let near = near_step(&mut self.looked_at, &wire.name, by_name).map(str::to_owned);
                let elsewhere = match (providers.contains_key(&wire.name), channels.contains_key(&wire.name)) {
                    (true, _) => Some("a provider"),
                    (_, true) => Some("a channel"),
                    _ => None,
                };
                self.sink.push(unknown_step(&wire.name, wire.span, near.as_deref(), elsewhere));
                if elsewhere.is_none() {
                    wire.from = near.and_then(|near| by_name.get(&near));
                    wire.guessed = true;
                }
            }
        }
    }

    fn reference(&mut self, sketch: &mut Sketch, reference: &Reference, takes: &'static [GoodKind]) -> Found {
        let text = reference.text.as_str();
        let is_name = matches!(reference.ty, ValueType::Step | ValueType::Provider | ValueType::Channel | ValueType::Parameter);
        if is_name && sketch.strangers.has(text.split('.').next().unwrap_or(text)) && !sketch.knows(reference.ty, text) {
            return Found::Nothing;
        }
        match reference.ty {
            ValueType::Step => match self.step(sketch, text, reference.span) {
                Some(step) => Found::Step(step),
                None => Found::Nothing,
            },
            ValueType::Parameter => self.parameter(sketch, reference),
            ValueType::Provider if sketch.providers.contains_key(text) => Found::Provider,
            ValueType::Provider => {
                let near = near(&mut self.looked_at, text, &sketch.providers).map(str::to_owned);
                self.sink.push(unknown_door("provider", text, reference.span, near.as_deref(), &sketch.providers));
                use_nearest(&mut sketch.providers, near.as_deref());
                Found::Nothing
            }
            ValueType::Channel if sketch.channels.contains_key(text) => Found::Channel,
            ValueType::Channel => {
                let near = near(&mut self.looked_at, text, &sketch.channels).map(str::to_owned);
                self.sink.push(unknown_door("channel", text, reference.span, near.as_deref(), &sketch.channels));
                use_nearest(&mut sketch.channels, near.as_deref());
                Found::Nothing
            }
            ValueType::File | ValueType::Folder => {
                if self.files.exists(&paths::join(self.folder, text)) {
                    return Found::Fine;
                }
                self.missing_file(reference, &FileError::Missing);
                Found::Nothing
            }
            ValueType::Template => self.template(sketch, reference, takes),
            ValueType::Expression => {
                let problems = self.expression(reference, takes);
                let found = if problems.is_empty() { Found::Fine } else { Found::Nothing };
                let findings: Vec<Diagnostic> = problems.iter().map(|problem| texts::in_expression(reference, problem)).collect();
                self.sink.extend(findings);
                found
            }
            _ => Found::Fine,
        }
    }

    fn step(&mut self, sketch: &Sketch, name: &str, span: Span) -> Option<usize> {
        let found = sketch.by_name.get(name);
        if found.is_none() {
            let near = near_step(&mut self.looked_at, name, &sketch.by_name);
            self.sink.push(unknown_step(name, span, near, None));
        }
        found
    }

    fn parameter(&mut self, sketch: &Sketch, reference: &Reference) -> Found {
        let Some((step, parameter)) = reference.text.split_once('.') else { return Found::Nothing };
        let Some(target) = self.step(sketch, step, reference.part(0, step.len())) else { return Found::Nothing };
        let target_step = &sketch.steps[target];
        let Some(spec) = target_step.spec() else { return Found::Nothing };
        if target_step.broken {
            return Found::Parameter(target, parameter.to_owned());
        }
        let tunables = (spec.tunables)(&target_step.config);
        if tunables.iter().any(|tunable| tunable.name == parameter) {
            return Found::Parameter(target, parameter.to_owned());
        }
        let place = reference.part(step.len() + 1, reference.text.len());
        let finding = Diagnostic::error("loop::unknown-parameter", format!("`{step}` has no parameter `{parameter}` to tune"))
            .at(place, "nothing of this name can be tuned")
            .at(target_step.name_span, format!("`{step}` is defined here"));
        let names: Vec<&str> = tunables.iter().map(|tunable| tunable.name.as_str()).collect();
        self.sink.push(match nearest(parameter, names.iter().copied()) {
            Some(near) => finding.help(format!("did you mean `{step}.{near}`?")),
            None if names.is_empty() => finding.help(format!("a `{}` has nothing that can be tuned", target_step.verb)),
            None => finding.help(format!("expected {}", one_of(names))),
        });
        Found::Nothing
    }

    /// What is wrong with an expression in a step that takes these goods.
    fn expression(&mut self, reference: &Reference, takes: &'static [GoodKind]) -> &[ExpressionProblem] {
        let wanted = Wanted::of_node(reference.holder);
        if !self.expressions.contains_key(&reference.text) {
            self.expressions.insert(reference.text.clone(), Vec::new());
        }
        let Some(checked) = self.expressions.get_mut(&reference.text) else { return &[] };
        let at = match checked.iter().position(|checked| checked.takes == takes && checked.wanted == wanted) {
            Some(at) => at,
            None => {
                checked.push(Checked { takes, wanted, problems: expression::check_for(&reference.text, takes, wanted) });
                checked.len() - 1
            }
        };
        &checked[at].problems
    }

    fn template(&mut self, sketch: &mut Sketch, reference: &Reference, takes: &'static [GoodKind]) -> Found {
        let path = &reference.text;
        if !self.templates.contains_key(path) {
            let full = paths::join(self.folder, path);
            let read = self.files.text(&full).map(|text| {
                sketch.templates.insert(path.clone(), text.to_string());
                let file = self.sources.add(full, Arc::clone(&text));
                Template { file, digest: Digest::of(text.as_bytes()), text, checked: Vec::new() }
            });
            self.templates.insert(path.clone(), read);
        }
        match self.templates.get_mut(path) {
            Some(Ok(template)) => {
                let before = self.sink.len();
                if !template.checked.contains(&takes) {
                    template.checked.push(takes);
                    texts::template(template.file, &template.text, takes, reference, self.sink);
                }
                if self.sink.len() == before { Found::Template(template.digest) } else { Found::Nothing }
            }
            Some(Err(error)) => {
                let error = error.clone();
                self.missing_file(reference, &error);
                Found::Nothing
            }
            None => Found::Nothing,
        }
    }

    fn missing_file(&mut self, reference: &Reference, error: &FileError) {
        let path = &reference.text;
        let finding = Diagnostic::error("loop::missing-file", format!("cannot read `{}`: {error}", shorten(path)))
            .at(reference.span, "named here");
        let full = paths::join(self.folder, path);
        let folder = paths::parent(&full);
        let siblings: Vec<String> = match error {
            FileError::Missing => self.files.list(&folder).into_iter().filter(|name| !name.contains('/')).collect(),
            _ => Vec::new(),
        };
        let near = nearest(paths::name(&full), siblings.iter().map(String::as_str));
        self.sink.push(match near {
            Some(near) => {
                let written = match path.rsplit_once('/') {
                    Some((folder, _)) => format!("{folder}/{near}"),
                    None => near.to_owned(),
                };
                finding.help(format!("did you mean `{written}`?")).fix(
                    format!("write `{written}`"),
                    reference.span,
                    format!("\"{written}\""),
                )
            }
            None => finding.help(format!("paths are relative to the folder of the workflow: `{full}` was looked for")),
        });
    }
}

/// How many names a file with very many wrong ones is compared with; by then the person has enough to do.
const LOOKED_AT_MOST: usize = 2_000_000;

/// The known name that was meant.
fn near<'n, V>(looked_at: &mut usize, name: &str, known: &'n BTreeMap<String, V>) -> Option<&'n str> {
    *looked_at = looked_at.saturating_add(known.len());
    if *looked_at > LOOKED_AT_MOST { None } else { nearest(name, known.keys().map(String::as_str)) }
}

/// The step that was meant.
fn near_step<'n>(looked_at: &mut usize, name: &str, known: &'n Names) -> Option<&'n str> {
    *looked_at = looked_at.saturating_add(known.len());
    if *looked_at > LOOKED_AT_MOST { None } else { nearest(name, known.sorted()) }
}

/// A misspelled door counts as used, so that it is not also reported as unused.
fn use_nearest(doors: &mut BTreeMap<String, DoorSketch>, near: Option<&str>) {
    match near {
        Some(near) => doors.get_mut(near).into_iter().for_each(|door| door.used = true),
        None => doors.values_mut().for_each(|door| door.used = true),
    }
}

fn mark_used(door: Option<&mut DoorSketch>, step: &mut StepSketch) {
    if let Some(door) = door {
        door.used = true;
        step.broken |= door.broken;
    }
}

fn unknown_step(name: &str, span: Span, near: Option<&str>, elsewhere: Option<&str>) -> Diagnostic {
    if let Some(elsewhere) = elsewhere {
        return Diagnostic::error("loop::unknown-step", format!("`{name}` is {elsewhere}, not a step"))
            .at(span, "expected the name of a step")
            .help("name a step that gives items; channels are named after `to`, providers after `provider`");
    }
    let finding = Diagnostic::error("loop::unknown-step", format!("unknown step `{name}`")).at(span, "no step has this name");
    match near {
        Some(near) if span.len() == name.len() + 2 => {
            finding.help(format!("did you mean `{near}`?")).fix(format!("write `{near}`"), span, format!("\"{near}\""))
        }
        Some(near) => finding.help(format!("did you mean `{near}`?")),
        None => finding.help("name a step of this workflow, or add one with this name"),
    }
}

fn unknown_door(what: &str, name: &str, span: Span, near: Option<&str>, known: &BTreeMap<String, DoorSketch>) -> Diagnostic {
    // More than a person reads.
    const NAMED_MOST: usize = 12;
    let code = if what == "provider" { "loop::unknown-provider" } else { "loop::unknown-channel" };
    let finding = Diagnostic::error(code, format!("unknown {what} `{name}`")).at(span, format!("no {what} has this name"));
    match near {
        Some(near) => finding.help(format!("did you mean `{near}`?")).fix(format!("write `{near}`"), span, format!("\"{near}\"")),
        None if known.is_empty() => finding.help(format!("add `{what} \"{name}\" kind=…` at the top of the workflow")),
        None => finding.help(format!("expected {}", one_of(known.keys().map(String::as_str).take(NAMED_MOST)))),
    }
}
