//! Having a locked module at hand: vendored, in the cache, or fetched once more, and always the very bytes that were locked.

use super::error::Error;
use super::fetch::Fetcher;
use super::keep::{Holding, holding, put_folder};
use super::tree::ModuleTree;
use crate::compile::lock::{Locked, VENDOR_FOLDER, vendor_path};
use std::fs;
use std::path::{Path, PathBuf};

/// Where a module was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    Vendored,
    Cached,
    /// It was not here, or not as it was locked, and was fetched.
    Fetched,
}

/// What became of one folder below `vendor/`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vendored {
    Unchanged,
    Written,
    /// Another content made room.
    Replaced,
}

/// The place of a vendored module.
pub fn vendored_at(folder: &Path, module: &str) -> PathBuf {
    folder.join(vendor_path(module))
}

/// Makes sure that the compiler finds a locked module.
///
/// # Errors
/// When a vendored module was changed, or the module cannot be fetched as it was locked.
pub fn ensure(fetcher: &Fetcher<'_>, module: &str, locked: &Locked) -> Result<Found, Error> {
    match holding(&vendored_at(fetcher.folder, module), &locked.sha256) {
        Holding::Whole => return Ok(Found::Vendored),
        Holding::Changed(found) => return Err(changed(module, locked, &found)),
        Holding::Nothing => {}
    }
    at_hand(fetcher, module, locked).map(|(_, found)| found)
}

/// The files of a locked module from the cache, or fetched into it.
pub fn at_hand(fetcher: &Fetcher<'_>, module: &str, locked: &Locked) -> Result<(ModuleTree, Found), Error> {
    if let Some(tree) = fetcher.cache.read(&locked.sha256) {
        return Ok((tree, Found::Cached));
    }
    let tree = fetcher.fetch_locked(module, locked)?;
    fetcher.cache.put(&tree)?;
    Ok((tree, Found::Fetched))
}

/// Whether a vendored module may be replaced: there is none, it is this one, or it is one that was locked or fetched before. Anything else is
/// the work of a person.
///
/// # Errors
/// Tells the digests of both.
pub fn replaceable(fetcher: &Fetcher<'_>, module: &str, locked: &Locked, before: Option<&Locked>) -> Result<Holding, Error> {
    let holding = holding(&vendored_at(fetcher.folder, module), &locked.sha256);
    match &holding {
        Holding::Changed(found)
            if before.is_none_or(|before| before.sha256 != *found) && fetcher.cache.holding(found) != Holding::Whole =>
        {
            Err(changed(module, locked, found))
        }
        _ => Ok(holding),
    }
}

/// Writes a module to its place below `vendor/`, whatever stands there: ask [`replaceable`] before.
pub fn vendor(fetcher: &Fetcher<'_>, module: &str, locked: &Locked, tree: &ModuleTree) -> Result<Vendored, Error> {
    let place = vendored_at(fetcher.folder, module);
    let vendored = match holding(&place, &locked.sha256) {
        Holding::Whole => return Ok(Vendored::Unchanged),
        Holding::Nothing => Vendored::Written,
        Holding::Changed(_) => Vendored::Replaced,
    };
    // Beside its place: the cache may be on another disk.
    let scratch = fetcher.folder.join(VENDOR_FOLDER).join(".loopctl");
    let put = put_folder(tree, &place, &scratch);
    // It stays while another command works in it.
    let _ = fs::remove_dir(&scratch);
    put.map(|()| vendored)
}

fn changed(module: &str, locked: &Locked, found: &str) -> Error {
    let place = vendor_path(module);
    let help = "`loopctl vendor --force` puts the locked files back; to keep the change, move the folder elsewhere and `loopctl add` it from there";
    Error::mismatch(module, &format!("`{place}`"), &locked.sha256, found, help)
}

/// The modules below `vendor/` that no lock knows.
pub fn strays(folder: &Path, known: impl Fn(&str) -> bool) -> Vec<String> {
    let names = |place: &Path| {
        let mut names: Vec<String> = fs::read_dir(place)
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| entry.file_name().into_string().ok())
            .collect();
        names.sort();
        names
    };
    let vendor = folder.join(VENDOR_FOLDER);
    let mut found = Vec::new();
    for owner in names(&vendor).into_iter().filter(|owner| !owner.starts_with('.')) {
        for name in names(&vendor.join(&owner)) {
            let module = format!("{owner}/{name}");
            if !known(&module) {
                found.push(module);
            }
        }
    }
    found
}
