//! Steps of modules: what a workflow can use, which parameters they take, and where they are written.

use super::documents::Source;
use super::positions::Lines;
use super::session::Session;
use super::uris;
use crate::compile::modules::known::{Known, known};
use crate::compile::modules::{Export, Param};
use crate::model::Layer;
use crate::syntax::Node;
use lsp_types::Location;
use std::fmt::Write as _;

/// The modules of a workflow file.
pub fn of(session: &Session, source: &Source) -> Vec<Known> {
    // Most workflows use none, and then nothing is read.
    let uses = source.tree().roots().flat_map(|root| root.children()).any(|node| node.name() == "use");
    if !uses {
        return Vec::new();
    }
    known(source.tree(), &session.documents.seen_from(source.folder()), "", session.registry)
}

/// The exported step that a node's name means.
pub fn export<'k>(modules: &'k [Known], name: &str) -> Option<(&'k Known, &'k Export)> {
    let (alias, step) = name.split_once('.')?;
    let known = modules.iter().find(|known| known.alias == alias)?;
    Some((known, known.module.steps.iter().find(|export| export.name == step)?))
}

/// The steps that may stand in a layer: how they are written, and their pages.
pub fn steps(modules: &[Known], layer: Layer) -> Vec<(String, String)> {
    let exports = modules.iter().flat_map(|known| known.module.steps.iter().map(move |export| (known, export)));
    let fitting = exports.filter(|(_, export)| export.layers().contains(&layer));
    fitting.map(|(known, export)| (format!("{}.{}", known.alias, export.name), page(known, export))).collect()
}

/// What an exported step is and takes, in Markdown.
pub fn page(known: &Known, export: &Export) -> String {
    let mut page = format!(
        "### `{}.{}`\n\n{}\n\nFrom `{}` {}.\n",
        known.alias, export.name, export.about, known.module.name, known.module.version
    );
    for param in &export.params {
        write!(page, "\n- {}", param_words(param)).expect("writing to a string");
    }
    if let Some(example) = &export.example {
        write!(page, "\n\n```kdl\n{}\n```", example.trim()).expect("writing to a string");
    }
    page
}

/// A parameter in one line.
pub fn param_words(param: &Param) -> String {
    let required = if param.is_required() { ", required" } else { "" };
    let default = param.default.as_ref().map_or_else(String::new, |default| format!("; without it, `{}`", default.spelling));
    format!("`{}`: {}{required}{default}. {}", param.name, param.expected(), param.about)
}

/// Where the module or its step at an offset is written: on the name of a step, or on a `use` line.
pub fn definition(session: &Session, source: &Source, node: Node<'_>, offset: usize) -> Option<Location> {
    let holds = |range: std::ops::Range<usize>| range.start <= offset && offset <= range.end;
    let modules = of(session, source);
    let (known, span) = if node.name() == "use" && node.entries().any(|entry| holds(entry.value_span().range())) {
        let written = node.arg(0)?.value().text()?;
        let is_it = |known: &&Known| {
            let own = written.split('@').next().unwrap_or(written);
            known.module.name == own
                || uris::normal(&source.folder().join(&known.path)) == uris::normal(&source.folder().join(written))
        };
        (modules.iter().find(is_it)?, None)
    } else if holds(node.name_span().range()) {
        let (known, export) = export(&modules, node.name())?;
        (known, Some(export.name_span))
    } else {
        return None;
    };
    let path = uris::normal(&source.folder().join(&known.path));
    // A module that is built in is no file.
    if !path.is_file() && session.documents.get(&path).is_none() {
        return None;
    }
    let lines = Lines::new(&known.text, session.encoding);
    let range = span.map_or_else(lsp_types::Range::default, |span| lines.range(&known.text, span.range()));
    Some(Location { uri: session.documents.uri(&path)?, range })
}

/// What the step of a module, or a parameter of it, under the cursor is.
pub fn hover(session: &Session, source: &Source, offset: usize) -> Option<(String, std::ops::Range<usize>)> {
    let node = source.tree().at(offset)?;
    let range = node.name_span().range();
    if offset < range.start || range.end < offset {
        return None;
    }
    let modules = of(session, source);
    if let Some((known, export)) = export(&modules, node.name()) {
        return Some((page(known, export), range));
    }
    let (_, export) = export(&modules, node.parent()?.name())?;
    Some((param_words(export.param(node.name())?), range))
}
