//! The files of a module, and the one digest that stands for all of them.
//!
//! A module is text: `module.kdl`, templates, and what explains them. Names with a dot in front and files that are not UTF-8 (a logo, a
//! compiled thing) are no part of it: they are neither kept nor digested, wherever the module comes from.

use crate::base::files::{FileError, Files};
use sha2::{Digest as _, Sha256};
use std::sync::Arc;

/// The file that makes a folder a module.
pub const MANIFEST: &str = "module.kdl";

/// Whether a file with this path belongs to a module: no part of the path begins with a dot.
pub fn is_part(path: &str) -> bool {
    !path.split('/').any(|part| part.starts_with('.'))
}

/// The files of a module by path.
pub type ModuleFiles = Vec<(String, Arc<str>)>;

/// The files of the module in a folder, in path order, and whatever keeps one from being read.
pub fn module_files(files: &dyn Files, folder: &str) -> Result<ModuleFiles, (String, FileError)> {
    let mut found = Vec::new();
    let mut paths = files.list(folder);
    paths.retain(|path| is_part(path));
    paths.sort();
    for path in paths {
        let place = match folder.trim_end_matches('/') {
            "" => path.clone(),
            folder => format!("{folder}/{path}"),
        };
        match files.text(&place) {
            Ok(text) => found.push((path, text)),
            Err(FileError::NotText) => {}
            Err(error) => return Err((place, error)),
        }
    }
    Ok(found)
}

/// SHA-256, as hexadecimal digits, over each file in path order: its path, NUL, its length in bytes as a decimal number, NUL, its bytes.
pub fn tree_digest<P: AsRef<str>, B: AsRef<[u8]>>(files: &[(P, B)]) -> String {
    let mut files: Vec<(&str, &[u8])> = files.iter().map(|(path, bytes)| (path.as_ref(), bytes.as_ref())).collect();
    files.sort();
    let mut hasher = Sha256::new();
    for (path, bytes) in files {
        hasher.update(path.as_bytes());
        hasher.update([0]);
        hasher.update(bytes.len().to_string());
        hasher.update([0]);
        hasher.update(bytes);
    }
    hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::files::MemoryFiles;

    #[test]
    fn the_digest_is_over_paths_lengths_and_bytes_in_path_order() {
        let files = [("module.kdl".to_owned(), b"module".to_vec()), ("a/b.hbs".to_owned(), b"hello".to_vec())];
        // printf 'a/b.hbs\0005\000hellomodule.kdl\0006\000module' | sha256sum
        assert_eq!(tree_digest(&files), "fbe772932bef8693ae9636672d988e607ed598ba9d137cc479c8313f1350fb3d");
        let mut turned = files.clone();
        turned.reverse();
        assert_eq!(tree_digest(&files), tree_digest(&turned));
        let moved = [("module.kdl", "modul"), ("a/b.hbs", "helloe")];
        assert_ne!(tree_digest(&files), tree_digest(&moved));
        // SHA-256 of nothing.
        let none: [(String, Vec<u8>); 0] = [];
        assert_eq!(tree_digest(&none), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }

    #[test]
    fn dot_files_are_no_part_of_a_module() {
        let files = MemoryFiles::new([("m/module.kdl", "x"), ("m/.git/config", "y"), ("m/t/a.hbs", "z"), ("other", "o")]);
        let found = module_files(&files, "m").unwrap();
        assert_eq!(found.iter().map(|(path, _)| path.as_str()).collect::<Vec<_>>(), ["module.kdl", "t/a.hbs"]);
        assert!(module_files(&files, "none").unwrap().is_empty());
    }
}
