//! The folder in which this machine keeps modules that were fetched, for every workflow of the user.
//!
//! `<cache>/modules/<sha256>/…` holds the files of one module. The name is the digest of what is in it, so a folder never changes after
//! it appeared, and two workflows that lock the same module share it.

use std::env;
use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

/// The cache of this user: `$LOOPCTL_CACHE`, else `loopctl` in the cache folder that the XDG rules give (`$XDG_CACHE_HOME`, else
/// `~/.cache`), or in `%LOCALAPPDATA%`. `None` when the environment tells of no home.
pub fn cache_folder() -> Option<PathBuf> {
    folder_of(|name| env::var_os(name))
}

fn folder_of(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let set = |name: &str| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(own) = set("LOOPCTL_CACHE") {
        return Some(own);
    }
    // The XDG rules say that a relative path counts as not set.
    let base = set("XDG_CACHE_HOME").filter(|path| path.is_absolute());
    let base = base.or_else(|| set("HOME").map(|home| home.join(".cache"))).or_else(|| set("LOCALAPPDATA"));
    base.map(|base| base.join("loopctl"))
}

/// The place of `<sha256>/path` in the modules of a cache, or `None` when it is no such path: a digest is 64 lower-case hexadecimal
/// digits, and nothing climbs out of its folder.
pub fn module_place(cache: &Path, path: &str) -> Option<PathBuf> {
    let (digest, rest) = path.split_once('/').unwrap_or((path, ""));
    let proper = digest.len() == 64 && digest.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let below = Path::new(rest).components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    (proper && below).then(|| cache.join("modules").join(digest).join(rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_variable_that_counts_names_the_cache() {
        let folder = |set: &[(&str, &str)]| {
            let set = set.to_vec();
            folder_of(move |name| set.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into()))
        };
        let home = ("HOME", "/home/ann");
        assert_eq!(folder(&[home]), Some("/home/ann/.cache/loopctl".into()));
        assert_eq!(folder(&[home, ("XDG_CACHE_HOME", "/tmp/c")]), Some("/tmp/c/loopctl".into()));
        assert_eq!(folder(&[home, ("XDG_CACHE_HOME", "relative")]), Some("/home/ann/.cache/loopctl".into()));
        assert_eq!(folder(&[home, ("LOOPCTL_CACHE", "here")]), Some("here".into()));
        assert_eq!(folder(&[home, ("LOOPCTL_CACHE", "")]), Some("/home/ann/.cache/loopctl".into()));
        assert_eq!(folder(&[]), None);
    }

    #[test]
    fn only_paths_below_a_digest_are_in_the_cache() {
        let digest = "ab".repeat(32);
        let place = |path: &str| module_place(Path::new("/c"), path);
        assert_eq!(place(&format!("{digest}/t/a.hbs")), Some(format!("/c/modules/{digest}/t/a.hbs").into()));
        assert!(place(&digest).is_some());
        for path in
            [format!("{digest}/../x"), format!("{digest}//etc"), "..".into(), "abc/module.kdl".into(), digest.to_uppercase()]
        {
            assert_eq!(place(&path), None, "{path}");
        }
    }
}
