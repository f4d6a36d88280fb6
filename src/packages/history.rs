//! A module as it was at another commit of the repository it stands in.

use super::archive::read_archive;
use super::error::Error;
use super::git::{bounded, is_revision, quiet_git};
use super::scratch::Scratch;
use super::tree::ModuleTree;
use crate::compile::lock::MANIFEST;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

/// Folders below one another that are searched for modules.
const DEPTH_MOST: usize = 8;

/// The module in `folder` at `reference`; `None` when it was not there.
///
/// # Errors
/// When the folder is in no repository, or the repository does not know the reference.
pub fn at(folder: &Path, reference: &str, around: &Path) -> Result<Option<ModuleTree>, Error> {
    let scratch = Scratch::new(around)?;
    let git = |words: &[&str]| {
        let mut command = quiet_git();
        command.args(words).current_dir(folder);
        bounded(command, &scratch, Stdio::null()).map_err(|trouble| trouble.into_error(&folder.display().to_string()))
    };
    let within = git(&["rev-parse", "--is-inside-work-tree"])?;
    if !within.done {
        let message = format!("`{}` is in no git repository: {}", folder.display(), within.reason());
        return Err(Error::unreachable(message, "`--against` names a commit, so the module has to be under version control"));
    }
    let commit = format!("{reference}^{{commit}}");
    let found = git(&["rev-parse", "--verify", "--quiet", "--end-of-options", &commit])?;
    let revision = String::from_utf8_lossy(&found.out).trim().to_owned();
    if !found.done || !is_revision(&revision) {
        let message = format!("this repository has no commit `{}`", super::tree::shown(reference));
        return Err(Error::unreachable(
            message,
            "name a tag, a branch or a commit; after a shallow clone fetch it first: `git fetch --tags`",
        ));
    }
    // Relative to the folder it runs in.
    let listed = git(&["ls-tree", "--name-only", &revision, MANIFEST])?;
    if listed.out.is_empty() {
        return Ok(None);
    }
    let packed = git(&["archive", "--format=tar", &revision])?;
    if !packed.done {
        let message = format!("git cannot read `{}` at `{reference}`: {}", folder.display(), packed.reason());
        return Err(Error::unreachable(message, "check the repository with `git fsck`"));
    }
    read_archive(&packed.out, None).map(Some)
}

/// The folders below `folder` that hold a module, by path. Names that begin with a dot, `vendor` and `target` are left out.
pub fn modules_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![(folder.to_owned(), 0)];
    while let Some((folder, depth)) = open.pop() {
        if folder.join(MANIFEST).is_file() {
            found.push(folder.clone());
        }
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let other = name.starts_with('.') || matches!(name.as_str(), "vendor" | "target" | "node_modules");
            if depth < DEPTH_MOST && !other && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                open.push((entry.path(), depth + 1));
            }
        }
    }
    found.sort();
    found
}
