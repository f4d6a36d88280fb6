//! The files of a project that nobody has open: which workflows and tests there are below the folders of the editor.
//!
//! The search is bounded: hidden folders, what a build left and links to folders are passed by, and a folder with very many files
//! is not searched to its end.

use super::checking::{Role, role};
use super::documents::Source;
use super::session::Session;
use super::uris;
use std::path::{Path, PathBuf};

/// Entries of folders that are looked at, and `.kdl` files that are read.
const MOST_ENTRIES: usize = 20_000;
const MOST_FILES: usize = 1_000;
const DEEPEST: usize = 16;

/// Every `.kdl` file below some folders, sorted.
pub fn kdl_files(roots: &[PathBuf]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut entries_seen = 0;
    let mut open: Vec<(PathBuf, usize)> = roots.iter().map(|root| (root.clone(), 0)).collect();
    while let Some((folder, depth)) = open.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            entries_seen += 1;
            if entries_seen > MOST_ENTRIES || found.len() >= MOST_FILES {
                open.clear();
                break;
            }
            let name = entry.file_name().to_string_lossy().into_owned();
            let Ok(kind) = entry.file_type() else { continue };
            let is_ours = !name.starts_with('.') && !matches!(name.as_str(), "target" | "node_modules");
            if kind.is_dir() && is_ours && depth < DEEPEST {
                open.push((entry.path(), depth + 1));
            } else if kind.is_file() && is_ours && name.ends_with(".kdl") {
                found.push(entry.path());
            }
        }
    }
    found.sort();
    found.dedup();
    found
}

/// Calls `visit` with every workflow, every module and every file of tests, open or on the disk.
pub fn each(session: &Session, mut visit: impl FnMut(&Source, Role)) {
    let mut paths = kdl_files(&session.roots);
    paths.extend(session.documents.0.keys().cloned());
    paths.sort();
    paths.dedup();
    for path in paths {
        session.source(&path, |source, _| match role(source) {
            role @ (Role::Workflow | Role::Tests | Role::Module) => visit(source, role),
            Role::Worlds | Role::Kdl | Role::Template | Role::Other => {}
        });
    }
}

/// The workflows in which a value names this file.
pub fn workflows_naming(session: &Session, template: &Path) -> Vec<PathBuf> {
    let Some(name) = template.file_name().and_then(|name| name.to_str()) else { return Vec::new() };
    let mut found = Vec::new();
    each(session, |source, role| {
        let names_it = |text: &str| text.ends_with(name) && uris::normal(&source.folder().join(text)) == template;
        if role == Role::Workflow
            && source.text.contains(name)
            && source.tree().all().any(|node| node.entries().any(|entry| entry.value().text().is_some_and(names_it)))
        {
            found.push(source.path.clone());
        }
    });
    found
}
