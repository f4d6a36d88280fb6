//! Steps of modules: what a workflow can use, which parameters they take, and where they are written.

use super::documents::Source;
use super::grammar::{Word, word_of};
use super::names::{Name, What, name_at, names};
use super::positions::Lines;
use super::session::Session;
use super::{library, shelf, uris};
use crate::compile::lock::MANIFEST;
use crate::compile::modules::known::{Known, known};
use crate::compile::modules::stdlib::ROOT;
use crate::compile::modules::{Export, Param};
use crate::model::Layer;
use crate::syntax::{Node, quoted};
use crate::world::DiskFiles;
use lsp_types::{Location, TextEdit};
use std::fmt::Write as _;
use std::ops::Range;
use std::path::PathBuf;

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

/// The steps that may stand in a layer, or in the step of another module: how they are written, and their pages.
pub fn steps(modules: &[Known], layer: Option<Layer>) -> Vec<(String, String)> {
    let exports = modules.iter().flat_map(|known| known.module.steps.iter().map(move |export| (known, export)));
    let fitting = exports.filter(|(_, export)| layer.is_none_or(|layer| export.layers().contains(&layer)));
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

/// What a node says of another module: the module, a step of it, or a parameter of that.
struct Meant<'k> {
    known: &'k Known,
    export: Option<&'k Export>,
    param: Option<&'k Param>,
    /// The bytes of its name where it is used.
    range: Range<usize>,
}

/// What is meant at an offset of a node, in a workflow or in a module that is made of others.
fn meant<'k>(modules: &'k [Known], source: &Source, node: Node<'_>, offset: usize) -> Option<Meant<'k>> {
    let holds = |range: &Range<usize>| range.start <= offset && offset <= range.end;
    if node.name() == "use" {
        let entry = node.entries().find(|entry| holds(&entry.value_span().range()))?;
        let written = node.arg(0)?.value().text()?;
        let own = written.split('@').next().unwrap_or(written);
        let place = uris::normal(&source.folder().join(written));
        let is_it = |known: &&Known| {
            let path = uris::normal(&source.folder().join(&known.path));
            known.module.name == own || path == place || path == place.join(MANIFEST)
        };
        let known = modules.iter().find(is_it)?;
        return Some(Meant { known, export: None, param: None, range: entry.value_span().range() });
    }
    let whole = node.name_span().range();
    if !holds(&whole) {
        return None;
    }
    if let Some((known, export)) = export(modules, node.name()) {
        let alias = node.name().find('.').map_or(0, |dot| dot + 1);
        let start = if whole.len() == node.name().len() { whole.start + alias } else { whole.start };
        return Some(Meant { known, export: Some(export), param: None, range: start..whole.end });
    }
    let (known, export) = export(modules, node.parent()?.name())?;
    Some(Meant { known, export: Some(export), param: Some(export.param(node.name())?), range: whole })
}

/// Where the file of a module is, or would be.
pub fn place(source: &Source, known: &Known) -> Option<PathBuf> {
    match known.path.starts_with(ROOT) {
        true => shelf::place(&known.path),
        false => Some(uris::normal(&DiskFiles::new(source.folder()).place(&known.path))),
    }
}

/// Where the module, its step or a parameter of it is written. A built-in module is put on the shelf for this.
pub fn definition(session: &Session, source: &Source, node: Node<'_>, offset: usize) -> Option<Location> {
    let modules = of(session, source);
    let meant = meant(&modules, source, node, offset)?;
    let path = match meant.known.path.starts_with(ROOT) {
        true => shelf::put(&meant.known.path)?,
        false => place(source, meant.known)?,
    };
    if !path.is_file() && session.documents.get(&path).is_none() {
        return None;
    }
    let text = &meant.known.text;
    let span = meant.param.map(|param| param.span).or(meant.export.map(|export| export.name_span));
    let lines = Lines::new(text, session.encoding);
    let range = span.map_or_else(lsp_types::Range::default, |span| lines.range(text, span.range()));
    Some(Location { uri: session.documents.uri(&path)?, range })
}

/// What the module, its step or a parameter of it under the cursor is.
pub fn hover(session: &Session, source: &Source, offset: usize) -> Option<(String, Range<usize>)> {
    let node = source.tree().at(offset)?;
    let modules = of(session, source);
    let Meant { known, export, param, range } = meant(&modules, source, node, offset)?;
    let words = match (export, param) {
        (_, Some(param)) => param_words(param),
        (Some(export), None) => page(known, export),
        (None, None) => {
            let mut page = format!("### `{}` {}\n\n{}\n", known.module.name, known.module.version, known.module.about);
            for export in &known.module.steps {
                write!(page, "\n- `{}.{}`: {}", known.alias, export.name, export.about).expect("writing to a string");
            }
            page
        }
    };
    let name = node.name_span().range();
    Some((words, if export.is_some() { name } else { range }))
}

/// A step that a module exports, or a parameter of it, wherever it is meant.
pub struct Thing {
    /// The file of the module.
    pub file: PathBuf,
    pub export: String,
    pub param: Option<String>,
    /// The bytes of the name that was asked about.
    pub range: Range<usize>,
}

impl Thing {
    /// Its own name.
    pub fn own(&self) -> &str {
        self.param.as_deref().unwrap_or(&self.export)
    }

    pub fn noun(&self) -> &'static str {
        if self.param.is_some() { "parameter" } else { "step" }
    }
}

/// What is exported under the cursor, in the module itself or where it is used.
pub fn thing_at(session: &Session, source: &Source, offset: usize) -> Option<Thing> {
    let node = source.tree().at(offset)?;
    let all = names(source, session.registry);
    if let Some(Name { what: What::Input, text, within: Some(export), range, .. }) = name_at(&all, offset) {
        let (export, param) = (export.clone(), Some(text.clone()));
        return Some(Thing { file: source.path.clone(), export, param, range: range.clone() });
    }
    if let Word::Export = word_of(node, session.registry)
        && let Some(entry) = node.arg(0).filter(|entry| entry.value_span().range().contains(&offset))
    {
        let range = entry.inner_span().unwrap_or(entry.value_span()).range();
        return Some(Thing { file: source.path.clone(), export: entry.value().text()?.to_owned(), param: None, range });
    }
    let modules = of(session, source);
    let meant = meant(&modules, source, node, offset)?;
    Some(Thing {
        file: place(source, meant.known)?,
        export: meant.export?.name.clone(),
        param: meant.param.map(|param| param.name.clone()),
        range: meant.range,
    })
}

/// One place where an exported thing is meant.
pub struct Spot {
    pub path: PathBuf,
    pub range: lsp_types::Range,
    /// What gives it the new name.
    pub edit: TextEdit,
    pub is_definition: bool,
}

/// Every place where it is meant: in its module, and in all files of the workspace that use it.
pub fn spots(session: &Session, thing: &Thing, new: &str) -> Vec<Spot> {
    let mut found = Vec::new();
    session.source(&thing.file, |source, _| {
        let range = |range: Range<usize>| source.lines.range(&source.text, range);
        if thing.param.is_none() {
            let exports = source.tree().roots().flat_map(|root| root.children()).filter(|node| node.name() == "step");
            for entry in exports.filter_map(|node| node.arg(0)).filter(|entry| entry.value().text() == Some(&thing.export)) {
                let edit = TextEdit { range: range(entry.value_span().range()), new_text: quoted(new) };
                let inner = range(entry.inner_span().unwrap_or(entry.value_span()).range());
                found.push(Spot { path: source.path.clone(), range: inner, edit, is_definition: true });
            }
        }
        let is_it = |name: &Name| {
            name.what == What::Input && name.within.as_ref() == Some(&thing.export) && Some(&name.text) == thing.param.as_ref()
        };
        for name in names(source, session.registry).into_iter().filter(is_it) {
            let (bytes, new_text) = name.renamed(new);
            let edit = TextEdit { range: range(bytes), new_text };
            let is_definition = name.is_definition;
            found.push(Spot { path: source.path.clone(), range: range(name.range), edit, is_definition });
        }
    });
    library::each(session, |source, _| {
        if !source.tree().all().any(|node| node.name().contains('.')) {
            return;
        }
        let modules = of(session, source);
        let mut push = |bytes: Range<usize>| {
            let range = source.lines.range(&source.text, bytes);
            let edit = TextEdit { range, new_text: new.to_owned() };
            found.push(Spot { path: source.path.clone(), range, edit, is_definition: false });
        };
        for node in source.tree().all() {
            let Some((known, found)) = export(&modules, node.name()) else { continue };
            if found.name != thing.export || place(source, known).as_ref() != Some(&thing.file) {
                continue;
            }
            let whole = node.name_span().range();
            match &thing.param {
                Some(param) => node.children_named(param).for_each(|child| push(child.name_span().range())),
                // A name that is written with escapes is left to a person.
                None if whole.len() == node.name().len() => push(whole.end - found.name.len()..whole.end),
                None => {}
            }
        }
    });
    found
}
