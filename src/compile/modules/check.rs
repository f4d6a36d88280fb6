//! Trying a module out before anybody uses it: every exported step is expanded once with values that fit its parameters, and read like
//! a workflow. What is said about the values themselves, and about all that a real workflow would have around it, is left out.

use super::arguments::sample;
use super::definition::{Export, Module, is_module, read};
use super::holes::{Fragment, Hole, fragments, hole};
use super::library::{Library, is_below};
use super::map::EXPANDED;
use super::parameter::Param;
use super::write::{Scope, Writer};
use crate::base::both::one_after_another;
use crate::base::files::Files;
use crate::compile::scalar::one_of;
use crate::compile::{flow, frame, language, lower, paths, resolve};
use crate::diag::{Diagnostic, FileId, Sources, Span, nearest};
use crate::step::{NodeSpec, Registry, ValueType};
use crate::syntax::{self, Node, Tree};
use std::collections::BTreeSet;

/// What stands around the bodies has no file.
const NOWHERE: Span = Span { file: FileId(u32::MAX - 1), start: 0, end: 0 };

/// Checks a module file that stands alone. `None` when the tree is not that of a module.
pub fn check_file(
    tree: &Tree,
    path: &str,
    files: &dyn Files,
    registry: &Registry,
    sources: &mut Sources,
) -> Option<(Option<Module>, Vec<Diagnostic>)> {
    if !is_module(tree) {
        return None;
    }
    let mut sink = Vec::new();
    let folder = paths::parent(path);
    let Some(module) = read(tree.file(), tree.text(), &folder, registry, &mut sink) else { return Some((None, sink)) };
    let mut library = Library::new(files, registry, sources, &folder);
    let number = library.take(path, module, &mut sink);
    check_all(&mut library, &mut sink);
    let module = library.modules.swap_remove(number);
    Some((Some(module), sink))
}

/// Checks every module that was read; those that are built in were checked when they were built in.
pub fn check_all(library: &mut Library<'_>, sink: &mut Vec<Diagnostic>) {
    // Modules stand behind those that they are made of.
    for number in 0..library.modules.len() {
        let parts = library.aliases[number].values().flatten();
        if parts.into_iter().any(|part| library.modules[*part].broken) {
            library.modules[number].broken = true;
            library.modules[number].incomplete = true;
        }
        let module = &library.modules[number];
        if module.incomplete || module.folder.starts_with(super::stdlib::ROOT) {
            continue;
        }
        let mut findings = Vec::new();
        // A mistake elsewhere in the file says nothing about these.
        let sound: Vec<usize> = (0..module.steps.len()).filter(|at| !module.steps[*at].broken).collect();
        for export in sound.iter().map(|at| &module.steps[*at]) {
            holes(export, module, &mut findings);
            if library.layers(number, export).is_empty() {
                findings.push(
                    Diagnostic::error("loop::wrong-layer", format!("the steps of `{}` stand in no common layer", export.name))
                        .at(export.name_span, "a use stands in one layer")
                        .help("split it into one step for each layer"),
                );
            }
        }
        if !findings.iter().any(Diagnostic::is_error) {
            for at in sound {
                tried(number, at, library, &mut findings);
            }
        }
        library.modules[number].broken |= findings.iter().any(Diagnostic::is_error);
        sink.extend(findings);
    }
}

/// What can be said about a body without expanding it: parameters that are not there, and names of things that only a workflow has.
fn holes(export: &Export, module: &Module, sink: &mut Vec<Diagnostic>) {
    let mut used = BTreeSet::new();
    for part in &export.parts {
        let Some(node) = module.tree.node(part.node) else { continue };
        let nodes = part.kind.map_or(&[][..], |kind| kind.spec().nodes);
        Walk { export, module, used: &mut used, sink }.node(node, None, &[nodes, language::WIRED]);
    }
    for param in export.params.iter().filter(|param| !used.contains(param.name.as_str()) && !param.name.is_empty()) {
        sink.push(
            Diagnostic::warning(
                "loop::unused-parameter",
                format!("nothing in `{}` uses the parameter `{}`", export.name, param.name),
            )
            .at(param.span, "changes nothing")
            .help(format!("write `(param)\"{}\"` where its value belongs, or remove it", param.name)),
        );
    }
}

struct Walk<'w> {
    export: &'w Export,
    module: &'w Module,
    used: &'w mut BTreeSet<String>,
    sink: &'w mut Vec<Diagnostic>,
}

impl Walk<'_> {
    fn node(&mut self, node: Node<'_>, spec: Option<&NodeSpec>, children: &[&'static [NodeSpec]]) {
        let mut args = 0;
        for entry in node.entries() {
            let place = args;
            args += usize::from(entry.name().is_none());
            match hole(&entry) {
                Some(Hole::Param(name) | Hole::Each(name)) => self.parameter(name, entry.value_span()),
                Some(Hole::Filled { text, .. }) => {
                    for fragment in fragments(text) {
                        if let Fragment::Param(name) = fragment {
                            self.parameter(name, entry.value_span());
                            if self.export.param(name).is_some_and(|param| param.optional) {
                                self.sink.push(
                                    Diagnostic::error(
                                        "loop::undeclared-parameter",
                                        format!("`{name}` may be left out, and then this text has a gap"),
                                    )
                                    .at(entry.value_span(), "in this text")
                                    .help("give it a default instead of `optional`"),
                                );
                            }
                        }
                    }
                }
                None => {
                    let ty = match (entry.name(), spec) {
                        (Some((name, _)), Some(spec)) => spec.props.iter().find(|prop| prop.name == name).map(|prop| prop.ty),
                        (None, Some(spec)) => spec.args.get(place).map(|arg| arg.ty).or(spec.rest),
                        (_, None) => None,
                    };
                    if let (Some(ty), Some(text)) = (ty, entry.value().text()) {
                        self.literal(ty, text, entry.value_span());
                    }
                }
            }
        }
        for child in node.children() {
            let spec = children.iter().flat_map(|group| group.iter()).find(|spec| spec.name == child.name());
            self.node(child, spec, &[spec.map_or(&[][..], |spec| spec.children)]);
        }
    }

    fn parameter(&mut self, name: &str, span: Span) {
        self.used.insert(name.to_owned());
        if self.export.param(name).is_some() {
            return;
        }
        let names = || self.export.params.iter().map(|param| param.name.as_str());
        let finding =
            Diagnostic::error("loop::undeclared-parameter", format!("`{}` has no parameter `{name}`", self.export.name))
                .at(span, "not declared");
        let near = nearest(name, names());
        let finding = match near {
            Some(near) => {
                self.used.insert(near.to_owned());
                let finding = finding.help(format!("did you mean `{near}`?"));
                match span.len() == name.len() + 2 {
                    true => finding.fix(format!("write `{near}`"), span, format!("\"{near}\"")),
                    false => finding,
                }
            }
            None => finding.help(format!("declare it: `param \"{name}\" {{ about \"…\" }}`")),
        };
        self.sink.push(finding);
    }

    /// A module knows its own steps and templates, and nothing else of the workflow it will stand in.
    fn literal(&mut self, ty: ValueType, text: &str, span: Span) {
        let (what, word) = match ty {
            ValueType::Step => ("a step of the workflow", "step"),
            ValueType::Parameter => ("a parameter of a step of the workflow", "step"),
            ValueType::Provider => ("a provider of the workflow", "provider"),
            ValueType::Channel => ("a channel of the workflow", "channel"),
            ValueType::File => ("a file of the workflow", "file"),
            ValueType::Folder => ("a folder of the workflow", "folder"),
            ValueType::Template => {
                if is_below(&paths::join(&self.module.folder, text), &self.module.folder) {
                    return;
                }
                self.sink.push(
                    Diagnostic::error("loop::module-reaches-out", format!("`{text}` is outside the module's own folder"))
                        .at(span, "a module is whole wherever it lies")
                        .help("put the template into the module's folder, or make it a parameter"),
                );
                return;
            }
            _ => return,
        };
        let step = text.split_once('.').map_or(text, |(step, _)| step);
        let names = || self.export.parts.iter().map(|part| part.name.as_str());
        if matches!(ty, ValueType::Step | ValueType::Parameter) {
            if names().any(|name| name == step) {
                return;
            }
            if let Some(near) = nearest(step, names()) {
                self.sink.push(
                    Diagnostic::error("loop::unknown-step", format!("`{}` is not made of a step `{step}`", self.export.name))
                        .at(span, "no step of it has this name")
                        .help(format!("did you mean `{near}`?")),
                );
                return;
            }
        }
        self.sink.push(
            Diagnostic::error("loop::module-reaches-out", format!("a module cannot name {what}"))
                .at(span, format!("`{text}` is not known here"))
                .help(format!("make it a parameter: `param \"{word}\" type=\"{word}\" {{ about \"…\" }}`, and write `(param)\"{word}\"` here")),
        );
    }
}

/// Expands one step of a module and keeps what is said about the module's own text.
fn tried(number: usize, at: usize, library: &mut Library<'_>, sink: &mut Vec<Diagnostic>) {
    let module = &library.modules[number];
    let export = &module.steps[at];
    let Some(layer) = library.layers(number, export).first().copied() else { return };
    unknown_inner(export, module, number, library, sink);
    let mut writer = Writer::new(module.tree.text().len() * 2);
    let site = writer.map.site(NOWHERE);
    writer.put(&format!("workflow \"sample\" phase=1 {{\n{} {{\n", layer.name()), NOWHERE, NOWHERE, None);
    // Once with everything that can be said, and once with only what must be.
    let rounds = 1 + usize::from(export.params.iter().any(|param| param.optional));
    for (round, all) in [("full", true), ("bare", false)].into_iter().take(rounds) {
        let value = |param: &Param| if all || !param.optional { sample(param, module) } else { Vec::new() };
        let values = export.params.iter().map(|param| (param.name.clone(), value(param))).collect();
        let scope = Scope { module, export, values, name: format!("{round}-{}", export.name), name_span: export.name_span };
        writer.expand(&scope, library, site, sink);
    }
    if let Some(much) = writer.overflow {
        sink.push(
            Diagnostic::error("loop::recursive-module", format!("`{}` stands for too many steps", export.name))
                .at(export.name_span, much)
                .help("modules that are made of modules multiply; use fewer of them"),
        );
        return;
    }
    writer.put("}\n}\n", NOWHERE, NOWHERE, None);
    let (tree, _) = syntax::read(EXPANDED, &writer.text);
    let known = library.sources.len();
    let mut findings = Vec::new();
    if let Some(mut sketch) = frame::read(&tree, library.registry, &one_after_another, None, &mut findings) {
        resolve::Resolver::new(library.files, &library.root, library.sources, &mut findings).resolve(&mut sketch);
        flow::flow(&mut sketch, library.registry, &mut findings);
        lower::checked(&mut sketch, &library.root, false, &mut findings);
    }
    let map = &writer.map;
    let own = library.modules[number].file;
    for finding in findings {
        let Some(span) = finding.span() else { continue };
        // A sample stands for what a user will write; what is wrong with it will be said then.
        let place = map.back(span);
        if place.file == NOWHERE.file || (map.is_made(span) && place.file != own) {
            continue;
        }
        let mut finding = map.brought_back(finding);
        finding.labels.retain(|label| label.span.file != NOWHERE.file);
        let said = |other: &Diagnostic| other.code == finding.code && other.span() == finding.span();
        if !sink.iter().any(said) {
            sink.push(finding);
        }
    }
    // Templates are read again where the step is used.
    if !sink
        .iter()
        .flat_map(|finding| &finding.labels)
        .any(|label| label.span.file.0 as usize >= known && label.span.file.0 < NOWHERE.file.0)
    {
        library.sources.truncate(known);
    }
}

/// Steps of other modules that are not there.
fn unknown_inner(export: &Export, module: &Module, number: usize, library: &Library<'_>, sink: &mut Vec<Diagnostic>) {
    for part in &export.parts {
        let Some(node) = module.tree.node(part.node) else { continue };
        let Some((alias, verb)) = node.name().split_once('.') else { continue };
        match library.aliases.get(number).and_then(|aliases| aliases.get(alias)) {
            None => sink.push(
                Diagnostic::error("loop::unknown-module", format!("no module is called `{alias}` here"))
                    .at(node.name_span(), "not used by this module")
                    .help("name it with `use` in the block of `module`"),
            ),
            Some(None) => {}
            Some(Some(inner)) => {
                let inner = &library.modules[*inner];
                if !inner.broken && !inner.steps.iter().any(|step| step.name == verb) {
                    sink.push(
                        Diagnostic::error("loop::unknown-export", format!("module `{}` has no step `{verb}`", inner.name))
                            .at(node.name_span(), "not exported")
                            .help(format!("expected {}", one_of(inner.steps.iter().map(|step| step.name.as_str())))),
                    );
                }
            }
        }
    }
}
