//! The texts an editor has open, and the disk behind them: what is typed counts before it is saved.

use super::positions::{Encoding, Lines};
use super::uris;
use crate::base::files::{FileError, Files};
use crate::diag::FileId;
use crate::syntax::{self, Tree};
use crate::world::DiskFiles;
use lsp_types::{TextDocumentContentChangeEvent, Uri};
use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// One text with its line table, and its tree once somebody asks for it.
#[derive(Debug)]
pub struct Source {
    /// Absolute, without `.` and `..`.
    pub path: PathBuf,
    pub text: Arc<str>,
    pub lines: Lines,
    tree: OnceCell<Tree>,
}

impl Source {
    pub fn new(path: PathBuf, text: Arc<str>, encoding: Encoding) -> Source {
        let lines = Lines::new(&text, encoding);
        Source { path, text, lines, tree: OnceCell::new() }
    }

    /// What could be read; there is always a tree.
    pub fn tree(&self) -> &Tree {
        self.tree.get_or_init(|| syntax::read(FileId(0), &self.text).0)
    }

    /// The folder that paths in it are relative to.
    pub fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("/"))
    }
}

/// An open document.
#[derive(Debug)]
pub struct Document {
    /// As the editor writes it.
    pub uri: Uri,
    pub version: i32,
    pub source: Source,
}

impl Document {
    /// Applies changes in order: each counts positions in the text that the one before it left.
    pub fn apply(&mut self, changes: Vec<TextDocumentContentChangeEvent>, version: i32) {
        let encoding = self.source.lines.encoding();
        for change in changes {
            let Some(range) = change.range else {
                self.source = Source::new(std::mem::take(&mut self.source.path), change.text.into(), encoding);
                continue;
            };
            let source = &mut self.source;
            let bytes = source.lines.bytes(&source.text, range);
            let old = &source.text;
            source.text = [&old[..bytes.start], &change.text, &old[bytes.end..]].concat().into();
            source.lines.edit(&source.text, bytes, change.text.len());
            source.tree = OnceCell::new();
        }
        self.version = version;
    }
}

/// All open documents by path.
#[derive(Debug, Default)]
pub struct Documents(pub BTreeMap<PathBuf, Document>);

impl Documents {
    pub fn get(&self, path: &Path) -> Option<&Document> {
        self.0.get(path)
    }

    /// The address of a path, as the editor writes it when it has it open.
    pub fn uri(&self, path: &Path) -> Option<Uri> {
        match self.get(path) {
            Some(document) => Some(document.uri.clone()),
            None => uris::uri_of(path),
        }
    }

    /// The files as seen from a folder.
    pub fn seen_from(&self, folder: &Path) -> ProjectFiles<'_> {
        ProjectFiles { folder: folder.to_owned(), disk: DiskFiles::new(folder), open: self }
    }
}

/// Open documents in front of the disk, as seen from the folder of a workflow.
pub struct ProjectFiles<'d> {
    folder: PathBuf,
    disk: DiskFiles,
    open: &'d Documents,
}

impl ProjectFiles<'_> {
    fn document(&self, path: &str) -> Option<&Document> {
        self.open.get(&uris::normal(&self.folder.join(path)))
    }
}

impl Files for ProjectFiles<'_> {
    fn text(&self, path: &str) -> Result<Arc<str>, FileError> {
        match self.document(path) {
            Some(document) => Ok(Arc::clone(&document.source.text)),
            None => self.disk.text(path),
        }
    }

    fn exists(&self, path: &str) -> bool {
        self.document(path).is_some() || self.disk.exists(path)
    }

    fn list(&self, folder: &str) -> Vec<String> {
        let mut names = self.disk.list(folder);
        let place = uris::normal(&self.folder.join(folder));
        for path in self.open.0.keys() {
            // Below the same folder, and not hidden: as the disk lists it.
            if let Ok(Some(name)) = path.strip_prefix(&place).map(Path::to_str)
                && !name.is_empty()
                && !name.split('/').any(|part| part.starts_with('.'))
                && !names.iter().any(|other| other == name)
            {
                names.push(name.to_owned());
            }
        }
        names.sort();
        names
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lsp_types::{Position, Range};
    use std::str::FromStr as _;

    fn document(text: &str) -> Document {
        let uri = Uri::from_str("file:///p/a.kdl").expect("an address");
        Document { uri, version: 1, source: Source::new("/p/a.kdl".into(), text.into(), Encoding::Utf16) }
    }

    fn change(from: (u32, u32), to: (u32, u32), text: &str) -> TextDocumentContentChangeEvent {
        let position = |(line, character)| Position { line, character };
        TextDocumentContentChangeEvent {
            range: Some(Range { start: position(from), end: position(to) }),
            range_length: None,
            text: text.to_owned(),
        }
    }

    #[test]
    fn changes_build_on_one_another() {
        let mut document = document("one\n😀 two\n");
        document.apply(vec![change((1, 2), (1, 3), "_"), change((0, 0), (0, 3), "1\n2"), change((2, 3), (9, 9), "!")], 2);
        assert_eq!((&*document.source.text, document.version), ("1\n2\n😀_!", 2));
        let whole = TextDocumentContentChangeEvent { range: None, range_length: None, text: "new".into() };
        document.apply(vec![whole], 3);
        assert_eq!(&*document.source.text, "new");
    }

    #[test]
    fn what_is_open_stands_before_the_disk_and_is_listed_with_it() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("t")).expect("ours");
        std::fs::write(folder.path().join("t/a.hbs"), "disk").expect("ours");
        let mut documents = Documents::default();
        for (name, text) in [("t/a.hbs", "typed"), ("t/new.hbs", "new"), ("t/.hidden", "")] {
            let path = folder.path().join(name);
            let source = Source::new(path.clone(), text.into(), Encoding::Utf16);
            documents.0.insert(path.clone(), Document { uri: uris::uri_of(&path).expect("absolute"), version: 0, source });
        }
        let files = documents.seen_from(&folder.path().join("t"));
        assert_eq!(files.text("../t/a.hbs").as_deref(), Ok("typed"));
        assert!(files.exists("new.hbs") && !files.exists("none.hbs"));
        assert_eq!(documents.seen_from(folder.path()).list("t"), ["a.hbs", "new.hbs"]);
    }
}
