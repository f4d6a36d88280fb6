//! The files of a module in memory, gathered one by one from a stranger's archive or repository.
//!
//! Whatever the source, the same rules hold: plain relative paths that mean the same on every system, no path twice, bounded numbers and
//! sizes. A file that is no text, or has a dot in front of its name, is looked at and not kept.

use super::error::Error;
use crate::compile::lock::{MANIFEST, is_part, tree_digest};
use std::collections::{BTreeMap, BTreeSet};

/// Files in one module.
pub const FILES_MOST: usize = 1_000;
/// Bytes in one file of a module, the most that the compiler reads: 8 MiB.
pub const FILE_MOST: u64 = 8 << 20;
/// Bytes in all files of a module together: 64 MiB.
pub const BYTES_MOST: u64 = 64 << 20;
/// Folders below one another, as deep as the compiler lists.
const DEPTH_MOST: usize = 32;
/// Names that mean a device on Windows, with any extension.
const DEVICES: &[&str] = &["con", "prn", "aux", "nul", "conin$", "conout$"];

/// The files of a module: paths as in `templates/draft.hbs`, all text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModuleTree {
    files: BTreeMap<String, Vec<u8>>,
}

impl ModuleTree {
    pub fn digest(&self) -> String {
        let files: Vec<(&str, &[u8])> = self.iter().collect();
        tree_digest(&files)
    }

    /// In path order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.files.iter().map(|(path, bytes)| (path.as_str(), bytes.as_slice()))
    }

    pub fn len(&self) -> usize {
        self.files.len()
    }

    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// A file's text.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.files.get(path).and_then(|bytes| std::str::from_utf8(bytes).ok())
    }

    pub fn has_manifest(&self) -> bool {
        self.files.contains_key(MANIFEST)
    }
}

/// Gathers files, and refuses what cannot be part of a module.
#[derive(Debug)]
pub struct Gathering {
    /// How the source is called in messages: "the archive", "the repository".
    source: &'static str,
    files: BTreeMap<String, Vec<u8>>,
    /// Paths as a file system without upper case sees them.
    seen: BTreeSet<String>,
    bytes: u64,
}

impl Gathering {
    pub fn new(source: &'static str) -> Gathering {
        Gathering { source, files: BTreeMap::new(), seen: BTreeSet::new(), bytes: 0 }
    }

    /// Asks whether a file of this name and size may come in, before its bytes are read.
    ///
    /// # Errors
    /// Names the file and the rule it breaks.
    pub fn admit(&mut self, path: &str, size: u64) -> Result<(), Error> {
        let source = self.source;
        if let Some(reason) = odd(path) {
            return Err(Error::unsafe_content(format!("{source} holds `{}`: {reason}", shown(path))));
        }
        if !self.seen.insert(path.to_lowercase()) {
            return Err(Error::unsafe_content(format!("{source} holds `{path}` twice, or with other capitals")));
        }
        if self.seen.len() > FILES_MOST {
            return Err(Error::unsafe_content(format!("{source} holds more than {FILES_MOST} files, `{path}` among them")));
        }
        if size > FILE_MOST {
            return Err(Error::unsafe_content(format!("{source} holds `{path}` with {size} bytes; a file may have {FILE_MOST}")));
        }
        self.bytes = self.bytes.saturating_add(size);
        if self.bytes > BYTES_MOST {
            return Err(Error::unsafe_content(format!("{source} holds more than {BYTES_MOST} bytes, up to `{path}`")));
        }
        Ok(())
    }

    /// Takes a file that was admitted. What is no part of a module is dropped here.
    pub fn take(&mut self, path: &str, bytes: Vec<u8>) {
        if is_part(path) && std::str::from_utf8(&bytes).is_ok() {
            self.files.insert(path.to_owned(), bytes);
        }
    }

    /// The module's files.
    ///
    /// # Errors
    /// When one path is a file and a folder.
    pub fn finish(self) -> Result<ModuleTree, Error> {
        for path in &self.seen {
            if let Some((at, _)) = path.match_indices('/').find(|(at, _)| self.seen.contains(&path[..*at])) {
                let both = &path[..at];
                return Err(Error::unsafe_content(format!("{} holds `{both}` as a file and as a folder", self.source)));
            }
        }
        Ok(ModuleTree { files: self.files })
    }
}

/// Why a path may not be in a module; `None` when it may.
pub fn odd(path: &str) -> Option<&'static str> {
    if path.is_empty() {
        return Some("it has no name");
    }
    if path.len() > 1024 {
        return Some("the path is too long");
    }
    if path.starts_with('/') {
        return Some("the path is absolute");
    }
    if path.split('/').count() > DEPTH_MOST {
        return Some("it stands too deep");
    }
    for part in path.split('/') {
        if part == ".." {
            return Some("the path climbs with `..`");
        }
        if part.is_empty() || part == "." {
            return Some("the path has an empty part");
        }
        if part.len() > 255 {
            return Some("the name is too long");
        }
        if part.chars().any(|c| c.is_control() || matches!(c, '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|')) {
            return Some("the name has a character that is not safe on every system");
        }
        // Such characters turn what is read around, so that a name looks like another.
        if part
            .chars()
            .any(|c| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}'))
        {
            return Some("the name has an invisible character");
        }
        if part.ends_with(['.', ' ']) {
            return Some("the name ends with a dot or a space");
        }
        let stem = part.split('.').next().unwrap_or(part).to_lowercase();
        let numbered = |device: &str| stem.strip_prefix(device).is_some_and(|rest| matches!(rest.as_bytes(), [b'0'..=b'9']));
        if DEVICES.contains(&stem.as_str()) || numbered("com") || numbered("lpt") {
            return Some("the name means a device on Windows");
        }
    }
    None
}

/// A stranger's path for a message: short, and without what a terminal would obey.
pub fn shown(path: &str) -> String {
    let clean: String = path.chars().take(120).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if path.chars().count() > 120 { format!("{clean}…") } else { clean }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_that_mean_the_same_everywhere_come_in() {
        for path in ["module.kdl", "templates/draft.hbs", "docs/Über uns.md", ".gitignore", "a..b/c"] {
            assert_eq!(odd(path), None, "{path}");
        }
        for path in [
            "",
            "/etc/passwd",
            "../x",
            "a/../../x",
            "a//b",
            "./a",
            "a/",
            "C:/x",
            "a\\b",
            "a\nb",
            "con",
            "a/NUL.txt",
            "com1",
            "x.",
            "x ",
            "a\u{202e}b",
            "what?",
        ] {
            assert!(odd(path).is_some(), "{path}");
        }
        assert!(odd(&"a/".repeat(40)).is_some() && odd(&"a".repeat(300)).is_some() && odd(&"a".repeat(2000)).is_some());
    }

    #[test]
    fn numbers_and_sizes_are_bounded_before_anything_is_read() {
        let mut gathering = Gathering::new("the archive");
        assert!(gathering.admit("a", FILE_MOST).is_ok());
        let error = gathering.admit("b", FILE_MOST + 1).unwrap_err();
        assert!(error.message.contains("`b`") && error.code == "packages::unsafe-content", "{error:?}");
        for number in 0..7 {
            gathering.admit(&format!("f{number}"), FILE_MOST).unwrap();
        }
        assert!(gathering.admit("last", 1).unwrap_err().message.contains("up to `last`"));
        let mut gathering = Gathering::new("the archive");
        (0..FILES_MOST).for_each(|number| gathering.admit(&number.to_string(), 0).unwrap());
        assert!(gathering.admit("more", 0).is_err());
    }

    #[test]
    fn a_path_stands_once_and_as_one_thing() {
        let mut gathering = Gathering::new("the archive");
        gathering.admit("Module.kdl", 1).unwrap();
        assert!(gathering.admit("module.kdl", 1).unwrap_err().message.contains("twice"));
        let mut gathering = Gathering::new("the archive");
        gathering.admit("a", 1).unwrap();
        gathering.admit("a/b", 1).unwrap();
        assert!(gathering.finish().unwrap_err().message.contains("as a file and as a folder"));
    }

    #[test]
    fn a_module_is_its_text_files() {
        let mut gathering = Gathering::new("the archive");
        for (path, bytes) in [("module.kdl", b"m".as_slice()), ("logo.png", b"\x89PNG\xff"), (".github/x.yml", b"x")] {
            gathering.admit(path, bytes.len() as u64).unwrap();
            gathering.take(path, bytes.to_vec());
        }
        let tree = gathering.finish().unwrap();
        assert_eq!(tree.iter().map(|(path, _)| path).collect::<Vec<_>>(), ["module.kdl"]);
        assert_eq!(tree.digest(), tree_digest(&[("module.kdl", "m")]));
    }
}
