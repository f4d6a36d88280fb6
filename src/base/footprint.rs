//! What a reader asked of a set of files, and what it was told.
//!
//! Whether a definition must be read again is a question about its files, and nobody knows better which files those are
//! than the reader itself: the workflow, what it includes, its templates, the Client OS, and also the file that was *not*
//! there. So the reader's questions are kept with a digest of each answer. While all answers stay the same, reading again
//! would give the same; when one differs, it may not. A file that no reader asked for, such as an editor's swap file,
//! cannot matter.

use super::Digest;
use super::files::{FileError, Files};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

/// Questions with their answers, by path; the paths are those of [`Files`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Footprint {
    texts: BTreeMap<String, Result<Digest, FileError>>,
    existing: BTreeMap<String, bool>,
    lists: BTreeMap<String, Vec<String>>,
}

impl Footprint {
    /// The same questions, answered now.
    pub fn again(&self, files: &dyn Files) -> Footprint {
        Footprint {
            texts: self.texts.keys().map(|path| (path.clone(), digest(&files.text(path)))).collect(),
            existing: self.existing.keys().map(|path| (path.clone(), files.exists(path))).collect(),
            lists: self.lists.keys().map(|path| (path.clone(), files.list(path))).collect(),
        }
    }

    /// Files that were read or looked for, whether they are there or not. Sorted.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        let mut paths: Vec<&str> = self.texts.keys().chain(self.existing.keys()).map(String::as_str).collect();
        paths.sort_unstable();
        paths.dedup();
        paths.into_iter()
    }

    /// Folders whose files were listed. Sorted.
    pub fn folders(&self) -> impl Iterator<Item = &str> {
        self.lists.keys().map(String::as_str)
    }

    /// Files that had a text `before` and are now empty, gone or unreadable: often a save that is half done.
    pub fn lost_since<'a>(&'a self, before: &'a Footprint) -> impl Iterator<Item = &'a str> {
        let nothing = digest(&Ok(Arc::from("")));
        self.texts.iter().filter_map(move |(path, now)| {
            let had_text = matches!(before.texts.get(path), Some(Ok(text)) if Ok(*text) != nothing);
            (had_text && (now.is_err() || *now == nothing)).then_some(path.as_str())
        })
    }

    /// Paths that both asked about and that got another answer than `before`. Sorted.
    pub fn changed_since(&self, before: &Footprint) -> Vec<String> {
        fn differ<'a, T: PartialEq>(now: &'a BTreeMap<String, T>, before: &BTreeMap<String, T>) -> Vec<&'a String> {
            now.iter()
                .filter(|(path, answer)| before.get(*path).is_some_and(|was| was != *answer))
                .map(|(path, _)| path)
                .collect()
        }
        let texts = differ(&self.texts, &before.texts);
        let existing = differ(&self.existing, &before.existing);
        let lists = differ(&self.lists, &before.lists);
        let paths: BTreeSet<&String> = texts.into_iter().chain(existing).chain(lists).collect();
        paths.into_iter().cloned().collect()
    }
}

fn digest(text: &Result<Arc<str>, FileError>) -> Result<Digest, FileError> {
    match text {
        Ok(text) => Ok(Digest::of(text.as_bytes())),
        Err(error) => Err(error.clone()),
    }
}

/// Files that remember what they were asked.
pub struct Traced<'a> {
    files: &'a dyn Files,
    footprint: Mutex<Footprint>,
}

impl<'a> Traced<'a> {
    pub fn new(files: &'a dyn Files) -> Traced<'a> {
        Traced { files, footprint: Mutex::default() }
    }

    /// What was asked up to now.
    pub fn footprint(self) -> Footprint {
        self.footprint.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, note: impl FnOnce(&mut Footprint)) {
        note(&mut self.footprint.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Files for Traced<'_> {
    fn text(&self, path: &str) -> Result<Arc<str>, FileError> {
        let text = self.files.text(path);
        // A file that changes while it is read twice keeps the first answer, so that looking again finds the difference.
        self.note(|seen| {
            seen.texts.entry(path.to_owned()).or_insert_with(|| digest(&text));
        });
        text
    }

    fn exists(&self, path: &str) -> bool {
        let exists = self.files.exists(path);
        self.note(|seen| {
            seen.existing.entry(path.to_owned()).or_insert(exists);
        });
        exists
    }

    fn list(&self, folder: &str) -> Vec<String> {
        let names = self.files.list(folder);
        self.note(|seen| {
            seen.lists.entry(folder.to_owned()).or_insert_with(|| names.clone());
        });
        names
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::files::MemoryFiles;

    fn files() -> MemoryFiles {
        MemoryFiles::new([("loop.kdl", "workflow"), ("os/brand.md", "calm"), ("other.txt", "x")])
    }

    fn read(files: &MemoryFiles) -> Footprint {
        let traced = Traced::new(files);
        assert!(traced.text("loop.kdl").is_ok());
        assert_eq!(traced.text("part.hbs"), Err(FileError::Missing));
        assert!(!traced.exists("data.csv"));
        assert_eq!(traced.list("os"), ["brand.md"]);
        traced.footprint()
    }

    #[test]
    fn only_what_was_asked_for_can_differ() {
        let mut files = files();
        let before = read(&files);
        assert_eq!(before.files().collect::<Vec<_>>(), ["data.csv", "loop.kdl", "part.hbs"]);
        assert_eq!(before.folders().collect::<Vec<_>>(), ["os"]);
        files.0.insert("other.txt".into(), "y".into());
        files.0.insert(".loop.kdl.swp".into(), "y".into());
        assert_eq!(before.again(&files), before);
        for path in ["loop.kdl", "part.hbs", "data.csv", "os/styles/blog.md"] {
            let mut files = files.clone();
            files.0.insert(path.into(), "new".into());
            let now = before.again(&files);
            let told = if path.starts_with("os/") { "os" } else { path };
            assert_eq!(now.changed_since(&before), [told]);
        }
    }

    #[test]
    fn an_emptied_or_missing_file_is_lost_but_an_empty_one_is_not() {
        let mut files = files();
        let before = read(&files);
        files.0.insert("loop.kdl".into(), "".into());
        let emptied = before.again(&files);
        assert_eq!(emptied.lost_since(&before).collect::<Vec<_>>(), ["loop.kdl"]);
        assert_eq!(emptied.lost_since(&emptied).count(), 0);
        files.0.remove("loop.kdl");
        assert_eq!(before.again(&files).lost_since(&before).collect::<Vec<_>>(), ["loop.kdl"]);
        files.0.insert("loop.kdl".into(), "another".into());
        assert_eq!(before.again(&files).lost_since(&before).count(), 0);
    }
}
