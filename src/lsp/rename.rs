//! Another name for a step, a provider, a channel or a parameter, everywhere it is meant; also for what a module exports.
//!
//! A new name must be one that the compiler takes and that nothing else of the workflow has, because wires, caps and history go by name.

use super::documents::Source;
use super::inner::Inner;
use super::modules::{self, Thing};
use super::names::{Name, What, all_names, name_at};
use super::navigate::is_same;
use super::requests::Refusal;
use super::session::Session;
use super::{library, shelf};
use crate::compile::modules::is_word;
use lsp_types::TextEdit;
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;

/// The bytes of the name at an offset and what it is now; `None` when nothing there can be renamed.
pub fn prepare(session: &Session, source: &Source, offset: usize) -> Option<(Range<usize>, String)> {
    if let Some(thing) = modules::thing_at(session, source, offset) {
        let is_here = thing.range.start <= offset && offset <= thing.range.end && !shelf::is_kept(&thing.file);
        return is_here.then(|| (thing.range.clone(), thing.own().to_owned()));
    }
    let inner = Inner::new(session);
    let all = all_names(source, &inner, session.registry);
    let name = name_at(&all, offset).filter(|name| !shelf::is_kept(&name.scope))?;
    is_defined(session, &inner, name).then(|| (name.range.clone(), name.own().to_owned()))
}

/// The edits by file.
pub fn rename(session: &Session, source: &Source, offset: usize, new: &str) -> Result<BTreeMap<PathBuf, Vec<TextEdit>>, Refusal> {
    if let Some(thing) = modules::thing_at(session, source, offset) {
        return exported(session, &thing, new);
    }
    let inner = Inner::new(session);
    let all = all_names(source, &inner, session.registry);
    let name = name_at(&all, offset).ok_or_else(|| Refusal::failed("there is no name here that can be changed"))?;
    if shelf::is_kept(&name.scope) {
        return Err(Refusal::failed("this module is built in or was fetched; its author names its parts"));
    }
    if !is_defined(session, &inner, name) {
        return Err(Refusal::failed(format!("no {} is called `{}`", name.what.noun(), name.own())));
    }
    allowed(new, name.what)?;
    let taken = session.source(&name.scope, |scope, session| {
        let whole = match name.text.split_once('.') {
            Some((step, _)) if name.what == What::Parameter => format!("{step}.{new}"),
            _ => new.to_owned(),
        };
        let others = all_names(scope, &inner, session.registry);
        let mut others = others.iter().filter(|other| other.is_definition && other.within == name.within);
        others.any(|other| other.what == name.what && other.text == whole)
    });
    if taken == Some(true) && new != name.own() {
        return Err(Refusal::failed(format!("another {} is called `{new}` already", name.what.noun())));
    }
    let mut edits: BTreeMap<PathBuf, Vec<TextEdit>> = BTreeMap::new();
    library::each(session, |other, _| {
        let same = all_names(other, &inner, session.registry).into_iter().filter(|other| is_same(other, name));
        let changes: Vec<TextEdit> = same
            .map(|same| {
                let (range, new_text) = same.renamed(new);
                TextEdit { range: other.lines.range(&other.text, range), new_text }
            })
            .collect();
        if !changes.is_empty() {
            edits.insert(other.path.clone(), changes);
        }
    });
    Ok(edits)
}

/// Another name for what a module exports, in the module and wherever it is used.
fn exported(session: &Session, thing: &Thing, new: &str) -> Result<BTreeMap<PathBuf, Vec<TextEdit>>, Refusal> {
    if shelf::is_kept(&thing.file) {
        return Err(Refusal::failed("this module is built in or was fetched; its author names its parts"));
    }
    if !is_word(new) {
        return Err(Refusal::failed("a name in a module has small letters, digits and `-`, and a letter first"));
    }
    let spots = modules::spots(session, thing, new);
    if !spots.iter().any(|spot| spot.is_definition) {
        return Err(Refusal::failed(format!("no {} is called `{}`", thing.noun(), thing.own())));
    }
    let other = match thing.param {
        Some(_) => Thing { param: Some(new.to_owned()), export: thing.export.clone(), file: thing.file.clone(), range: 0..0 },
        None => Thing { param: None, export: new.to_owned(), file: thing.file.clone(), range: 0..0 },
    };
    if new != thing.own() && modules::spots(session, &other, new).iter().any(|spot| spot.is_definition) {
        return Err(Refusal::failed(format!("another {} is called `{new}` already", thing.noun())));
    }
    let mut edits: BTreeMap<PathBuf, Vec<TextEdit>> = BTreeMap::new();
    for spot in spots {
        edits.entry(spot.path).or_default().push(spot.edit);
    }
    Ok(edits)
}

/// Only what is defined somewhere has a name to change: a misspelled one would stay misspelled.
fn is_defined(session: &Session, inner: &Inner<'_>, name: &Name) -> bool {
    let found = session.source(&name.scope, |scope, session| {
        all_names(scope, inner, session.registry).iter().any(|other| other.is_definition && is_same(other, name))
    });
    found == Some(true)
}

/// The compiler's rule for names, and our words for it.
fn allowed(new: &str, what: What) -> Result<(), Refusal> {
    let odd = new.chars().find(|c| c.is_whitespace() || c.is_control() || matches!(c, '.' | '/' | '\\' | '"'));
    match odd {
        _ if new.is_empty() => Err(Refusal::failed("a name is not empty")),
        Some(c) if c.is_whitespace() => Err(Refusal::failed("a name has no spaces")),
        Some(c) => Err(Refusal::failed(format!("a name has no `{}`", c.escape_default()))),
        None if what == What::Step && new == "workflow" => {
            Err(Refusal::failed("`workflow` stands for the whole workflow; choose another name"))
        }
        None => Ok(()),
    }
}
