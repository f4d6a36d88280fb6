//! Mending a workflow: apply the fixes that its diagnostics carry, compile again, until nothing more can be mended.
//!
//! All of it happens in memory, so that the files change once, at the end, and `--diff` can show the whole of it.

use super::test_file::{self, TestFile};
use super::world_file::{self, WorldFile};
use super::{Compiled, compile};
use crate::base::files::{Files, MemoryFiles, Overlay};
use crate::diag::{Diagnostic, Sources, mend};
use crate::step::Registry;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Fixing one thing can bring the next to light; nothing needs more rounds than this.
const ROUNDS_MOST: usize = 10;

/// A file after mending: a workflow, or tests.
pub struct Mended<C = Compiled> {
    /// What is still said.
    pub compiled: C,
    /// Each changed file by its path: the text before and the text after.
    pub changes: BTreeMap<String, (Arc<str>, Arc<str>)>,
    /// In the order in which they were applied.
    pub fixed: Vec<Fixed>,
}

/// One fix that was applied.
pub struct Fixed {
    pub code: &'static str,
    pub file: String,
    /// Line and column from 1, in the text of its round.
    pub place: (usize, usize),
    pub title: String,
}

/// Mends the workflow at `path`. A diagnostic for which `wanted` is false is not mended.
pub fn mended(files: &dyn Files, path: &str, registry: &Registry, wanted: impl Fn(&Diagnostic) -> bool) -> Mended {
    rounds(files, |files| compile(files, path, registry), |compiled| (&compiled.diagnostics, &compiled.sources), wanted)
}

/// The same for the file of tests at `path`.
pub fn mended_tests(
    files: &dyn Files,
    path: &str,
    registry: &Registry,
    wanted: impl Fn(&Diagnostic) -> bool,
) -> Mended<TestFile> {
    rounds(files, |files| test_file::read(files, path, registry), |tests| (&tests.diagnostics, &tests.sources), wanted)
}

/// The same for the file of worlds at `path`.
pub fn mended_worlds(
    files: &dyn Files,
    path: &str,
    registry: &Registry,
    wanted: impl Fn(&Diagnostic) -> bool,
) -> Mended<WorldFile> {
    rounds(files, |files| world_file::read(files, path, registry), |worlds| (&worlds.diagnostics, &worlds.sources), wanted)
}

fn rounds<C>(
    files: &dyn Files,
    check: impl Fn(&dyn Files) -> C,
    said: impl Fn(&C) -> (&Vec<Diagnostic>, &Sources),
    wanted: impl Fn(&Diagnostic) -> bool,
) -> Mended<C> {
    let mut overlay = Overlay { front: MemoryFiles::default(), behind: files };
    let mut compiled = check(&overlay);
    let mut fixed = Vec::new();
    for _ in 0..ROUNDS_MOST {
        let mut texts: Vec<(String, String)> = Vec::new();
        let (diagnostics, sources) = said(&compiled);
        for (id, file) in sources.iter() {
            let fixable = diagnostics.iter().filter(|finding| wanted(finding));
            let carried: Vec<_> = fixable.filter_map(|finding| Some((finding.code, finding.fix.as_ref()?))).collect();
            let (text, applied) = mend(&file.text, carried.iter().map(|(_, fix)| *fix).filter(|fix| fix.span.file == id));
            for fix in &applied {
                let code = carried.iter().find(|(_, other)| std::ptr::eq(*other, *fix)).map_or("", |(code, _)| *code);
                let place = file.position(fix.span.start as usize);
                fixed.push(Fixed { code, file: file.name.clone(), place, title: fix.title.clone() });
            }
            if !applied.is_empty() {
                texts.push((file.name.clone(), text));
            }
        }
        if texts.is_empty() {
            break;
        }
        overlay.front.0.extend(texts.into_iter().map(|(name, text)| (name, Arc::from(text))));
        compiled = check(&overlay);
    }
    let changes = std::mem::take(&mut overlay.front.0).into_iter().filter_map(|(name, after)| {
        let before = files.text(&name).ok()?;
        (before != after).then_some((name, (before, after)))
    });
    Mended { compiled, changes: changes.collect(), fixed }
}
