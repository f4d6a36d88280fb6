//! From a name to where it is defined, and to everywhere it is meant, over all files of the workspace.

use super::documents::Source;
use super::grammar::{typed, word_of};
use super::inner::Inner;
use super::names::{Name, all_names, name_at};
use super::session::Session;
use super::{library, modules, shelf, uris};
use crate::step::ValueType;
use lsp_types::{Location, Range};
use std::path::Path;

/// Where the thing at a byte offset is defined: a name, a file, a module.
pub fn definition(session: &Session, source: &Source, offset: usize) -> Vec<Location> {
    let inner = Inner::new(session);
    let all = all_names(source, &inner, session.registry);
    if let Some(name) = name_at(&all, offset) {
        shelf::put_file(&name.scope);
        let found = session.source(&name.scope, |scope, session| {
            let defined = all_names(scope, &inner, session.registry);
            let same = defined.iter().filter(|other| other.is_definition && is_same(other, name));
            same.filter_map(|other| location(session, scope, other.range.clone())).collect::<Vec<_>>()
        });
        let found = found.unwrap_or_default();
        if !found.is_empty() {
            return found;
        }
    }
    let Some(node) = source.tree().at(offset) else { return Vec::new() };
    if let Some(found) = modules::definition(session, source, node, offset) {
        return vec![found];
    }
    let word = word_of(node, session.registry);
    let entry = typed(node, word).find(|(entry, _)| {
        let range = entry.value_span().range();
        range.start <= offset && offset <= range.end
    });
    let Some((entry, ValueType::File | ValueType::Folder | ValueType::Template)) = entry else { return Vec::new() };
    let Some(text) = entry.value().text() else { return Vec::new() };
    let path = uris::normal(&source.folder().join(text));
    // A folder has no place of its own: its most telling file stands for it.
    let path = if path.is_dir() {
        ["brand.md", "README.md"].iter().map(|name| path.join(name)).find(|path| path.is_file())
    } else {
        Some(path)
    };
    path.and_then(|path| beginning(session, &path)).into_iter().collect()
}

/// Every place where the name at a byte offset is meant. `None` when there is no name.
pub fn references(session: &Session, source: &Source, offset: usize, with_definition: bool) -> Option<Vec<Location>> {
    if let Some(thing) = modules::thing_at(session, source, offset) {
        let spots = modules::spots(session, &thing, thing.own()).into_iter();
        let spots = spots.filter(|spot| with_definition || !spot.is_definition);
        return Some(
            spots.filter_map(|spot| Some(Location { uri: session.documents.uri(&spot.path)?, range: spot.range })).collect(),
        );
    }
    let inner = Inner::new(session);
    let all = all_names(source, &inner, session.registry);
    let name = name_at(&all, offset)?;
    let mut found = Vec::new();
    library::each(session, |other, _| {
        let same = all_names(other, &inner, session.registry).into_iter();
        let same = same.filter(|other| is_same(other, name) && (with_definition || !other.is_definition));
        found.extend(same.filter_map(|same| location(session, other, same.range)));
    });
    Some(found)
}

/// The same in this file only, with whether each is the definition.
pub fn highlights(session: &Session, source: &Source, offset: usize) -> Vec<(Range, bool)> {
    let all = all_names(source, &Inner::new(session), session.registry);
    let Some(name) = name_at(&all, offset) else { return Vec::new() };
    let same = all.iter().filter(|other| is_same(other, name));
    same.map(|same| (source.lines.range(&source.text, same.range.clone()), same.is_definition)).collect()
}

/// Whether two names name one thing.
pub fn is_same(one: &Name, other: &Name) -> bool {
    (one.what, &one.text, &one.within, &one.scope) == (other.what, &other.text, &other.within, &other.scope)
}

/// A range of a text.
pub fn location(session: &Session, source: &Source, range: std::ops::Range<usize>) -> Option<Location> {
    Some(Location { uri: session.documents.uri(&source.path)?, range: source.lines.range(&source.text, range) })
}

/// The first character of a file that is there.
fn beginning(session: &Session, path: &Path) -> Option<Location> {
    let is_there = session.documents.get(path).is_some() || path.is_file();
    is_there.then(|| session.documents.uri(path)).flatten().map(|uri| Location { uri, range: Range::default() })
}
