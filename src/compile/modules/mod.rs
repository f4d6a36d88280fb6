//! Modules: steps that others have put together from built-in ones.
//!
//! ```text
//! tree ─ use ─► library (files, lock, stdlib) ─► definitions ─ arguments ─► write ─► expanded text + the way back ─► frame …
//! ```
//! A use such as `rivals.prices "pricing" { … }` becomes the built-in steps it stands for, in a text of its own that the stages behind
//! read like any file. They know nothing of modules: what they say is brought back to the place that a person wrote, and gets a label at
//! the use when that place is in a module. A use that cannot be expanded stays as it is; only its name is known then, and nothing is said
//! about the consequences.

mod arguments;
mod check;
mod definition;
mod holes;
pub mod known;
mod library;
mod map;
pub mod page;
mod parameter;
mod reference;
pub mod stdlib;
pub mod words;
mod write;

pub use definition::{Export, Module, is_module};
pub use holes::{Fragment, Hole, fragments, hole};
pub use parameter::Param;
pub use reference::{Malformed, Reference, is_word};

pub(super) use check::check_file;
pub(super) use map::{EXPANDED, SpanMap};

use crate::base::files::Files;
use crate::compile::language;
use crate::diag::{Diagnostic, Sources, Span, nearest};
use crate::model::Layer;
use crate::step::Registry;
use crate::syntax::{self, Node, NodeId, Tree};
use library::{Aliases, Library};
use std::collections::BTreeMap;
use write::{Scope, Writer};

/// A workflow without uses, and the way back.
pub(super) struct Expanded {
    pub tree: Tree,
    pub map: SpanMap,
}

/// A use of a module's step.
struct Site {
    node: NodeId,
    module: usize,
    step: usize,
    values: arguments::Values,
}

/// Expands the uses in a workflow. `None` when there is nothing to do, so that a workflow without modules pays nothing.
pub(super) fn expand(
    tree: &Tree,
    files: &dyn Files,
    folder: &str,
    registry: &Registry,
    sources: &mut Sources,
    sink: &mut Vec<Diagnostic>,
) -> Option<Expanded> {
    let uses: Vec<Node<'_>> = tree.roots().flat_map(|root| root.children()).filter(|node| node.name() == "use").collect();
    let blocks = || tree.roots().flat_map(|root| root.children());
    // A misspelled layer is read as the one that was meant; see `frame`.
    let layer = |name: &str| Layer::parse(name).or_else(|| nearest(name, language::top_level()).and_then(Layer::parse));
    let steps = blocks().filter_map(|block| Some((layer(block.name())?, block)));
    let dotted: Vec<(Layer, Node<'_>)> = steps
        .flat_map(|(layer, block)| block.children().map(move |node| (layer, node)))
        .filter(|(_, node)| node.name().contains('.'))
        .collect();
    if uses.is_empty() && dotted.is_empty() {
        return None;
    }
    let mut library = Library::new(files, registry, sources, folder);
    let mut aliases = Aliases::default();
    let mut modules_of_project = Vec::new();
    for node in uses {
        // What is wrong with the line itself is said where the workflow is read.
        let used = definition::used(node, &mut Vec::new());
        let loaded = library.load(&used, None, sink);
        aliases.add(&used, loaded, sink);
        if used.text.starts_with('.') {
            modules_of_project.extend(loaded);
        }
    }
    check::check_all(&mut library, sink);
    let mut idle: BTreeMap<String, Span> = std::mem::take(&mut aliases.spans);
    let mut sites = Vec::new();
    for (layer, node) in dotted {
        let alias = node.name().split_once('.').map_or("", |(alias, _)| alias);
        idle.remove(alias);
        // A misspelled one counts as used.
        if !aliases.modules.contains_key(alias)
            && let Some(near) = nearest(alias, aliases.modules.keys().map(String::as_str))
        {
            idle.remove(near);
        }
        sites.extend(site(layer, node, &aliases, &library, sink));
    }
    // What stands in a block that nobody knows may be a use as well.
    let strange = blocks().filter(|block| layer(block.name()).is_none()).flat_map(|block| block.children());
    for (alias, _) in strange.filter_map(|node| node.name().split_once('.')) {
        idle.remove(alias);
    }
    for (alias, span) in idle {
        if aliases.modules.get(&alias).is_some_and(Option::is_some) {
            sink.push(
                Diagnostic::warning("loop::unused-module", format!("no step of module `{alias}` is used"))
                    .at(span, "read and not used")
                    .help(format!("write a step of it, such as `{}`, or remove this line", a_step(&alias, &aliases, &library))),
            );
        }
    }
    let mut writer = Writer::new(tree.text().len() * 2);
    writer.map.may_be_fixed(tree.file());
    for module in modules_of_project {
        writer.map.may_be_fixed(library.modules[module].file);
    }
    let mut at = 0;
    for found in &sites {
        let Some(node) = tree.node(found.node) else { continue };
        let module = &library.modules[found.module];
        let export = &module.steps[found.step];
        let name = node.arg(0).and_then(|entry| entry.value().text()).unwrap_or("").to_owned();
        let name_span = node.arg(0).map_or(node.head_span(), |entry| entry.value_span());
        writer.copy(tree.file(), tree.text(), at, node.span().start, None);
        let number = writer.map.site(node.span());
        let scope = Scope { module, export, values: found.values.clone(), name, name_span };
        writer.expand(&scope, &library, number, sink);
        at = node.span().end;
        if let Some(much) = writer.overflow {
            sink.push(
                Diagnostic::error("loop::recursive-module", "modules stand for too many steps")
                    .at(node.head_span(), much)
                    .help("modules that are made of modules multiply; use fewer of them"),
            );
            // Nothing is expanded then: half a workflow would only give consequences.
            return None;
        }
    }
    writer.copy(tree.file(), tree.text(), at, tree.text().len() as u32, None);
    // What is wrong with the spelling of the workflow has been said, and modules with such mistakes are not expanded.
    let (expanded, _) = syntax::read(EXPANDED, &writer.text);
    Some(Expanded { tree: expanded, map: writer.map })
}

/// Reads one module as a workflow in `folder` would, by what stands after `use`: for commands and editors that tell about it.
pub fn load(files: &dyn Files, folder: &str, reference: &str, registry: &Registry) -> (Option<Module>, Sources, Vec<Diagnostic>) {
    let mut sources = Sources::default();
    let mut sink = Vec::new();
    let place = Span::new(sources.add("use", reference), 0, reference.len());
    let files = stdlib::WithStdlib(files);
    let mut library = Library::new(&files, registry, &mut sources, folder);
    let used = definition::Used { text: reference.to_owned(), alias: None, span: place, arg: place, inner: Some(place) };
    let number = library.load(&used, None, &mut sink);
    check::check_all(&mut library, &mut sink);
    let module = number.map(|number| library.modules.swap_remove(number));
    (module, sources, sink)
}

fn a_step(alias: &str, aliases: &Aliases, library: &Library<'_>) -> String {
    let module = aliases.modules.get(alias).copied().flatten().map(|number| &library.modules[number]);
    let step = module.and_then(|module| module.steps.first()).map_or("…", |step| step.name.as_str());
    format!("{alias}.{step} \"name\" {{ … }}")
}

/// What a use means, when it can be expanded.
fn site(layer: Layer, node: Node<'_>, aliases: &Aliases, library: &Library<'_>, sink: &mut Vec<Diagnostic>) -> Option<Site> {
    let (alias, verb) = node.name().split_once('.')?;
    let dot = node.name_span().start as usize + alias.len();
    let plain = node.name_span().len() == node.name().len();
    let alias_span =
        if plain { Span::new(node.name_span().file, node.name_span().start as usize, dot) } else { node.name_span() };
    let verb_span =
        if plain { Span::new(node.name_span().file, dot + 1, node.name_span().end as usize) } else { node.name_span() };
    let Some(module) = aliases.modules.get(alias) else {
        let finding = Diagnostic::error("loop::unknown-module", format!("no module is called `{alias}` here"))
            .at(alias_span, "not used by this workflow");
        let near = nearest(alias, aliases.modules.keys().map(String::as_str));
        let built_in = stdlib::names().find(|(_, name)| *name == alias).is_some();
        sink.push(match near {
            Some(near) if plain => {
                finding.help(format!("did you mean `{near}.{verb}`?")).fix(format!("write `{near}`"), alias_span, near)
            }
            Some(near) => finding.help(format!("did you mean `{near}.{verb}`?")),
            None if built_in => finding.help(format!("add `use \"std/{alias}@1\"` to the workflow")),
            None => finding.help("name its module with `use \"owner/name@1\"` in the workflow"),
        });
        return None;
    };
    // A module that could not be read has been told of.
    let module = (*module)?;
    let definition = &library.modules[module];
    let Some(step) = definition.steps.iter().position(|step| step.name == verb) else {
        if definition.broken {
            return None;
        }
        let names = || definition.steps.iter().map(|step| step.name.as_str());
        let finding = Diagnostic::error("loop::unknown-export", format!("module `{}` has no step `{verb}`", definition.name))
            .at(verb_span, "not exported");
        sink.push(match nearest(verb, names()) {
            Some(near) if plain => {
                finding.help(format!("did you mean `{alias}.{near}`?")).fix(format!("write `{near}`"), verb_span, near)
            }
            Some(near) => finding.help(format!("did you mean `{alias}.{near}`?")),
            None => finding.help(format!("expected {}", super::scalar::one_of(names()))),
        });
        return None;
    };
    if definition.broken {
        return None;
    }
    let export = &definition.steps[step];
    let layers = library.layers(module, export);
    if !layers.contains(&layer) {
        let titles: Vec<&str> = layers.iter().map(|layer| layer.name()).collect();
        sink.push(
            Diagnostic::error(
                "loop::wrong-layer",
                format!(
                    "`{}` belongs to {}, not to {}",
                    node.name(),
                    super::scalar::one_of(titles.iter().copied()),
                    layer.name()
                ),
            )
            .at(node.name_span(), format!("inside `{}`", layer.name()))
            .help(format!("move it into {}", super::scalar::one_of(titles))),
        );
        return None;
    }
    if node.is_broken() {
        return None;
    }
    let values = arguments::read(node, definition, export, None, sink)?;
    Some(Site { node: node.id(), module, step, values })
}
