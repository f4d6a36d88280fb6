//! What the server knows: the open documents, what was found in each file that matters to them, and what the editor was told.
//!
//! A keystroke marks a file, and checking happens when no message waits any more, so that ten keystrokes in a row cost one check.
//! The file that was typed in comes first; those that only depend on it, such as its tests, come when the typing rests.

use super::checking::{self, Checked, Role};
use super::documents::{Document, Documents, Source};
use super::past::{self, Past};
use super::positions::Encoding;
use super::{library, uris};
use crate::base::files::Files as _;
use crate::compile::{Kept, compile_with};
use crate::model::Workflow;
use crate::runtime::at_once;
use crate::step::Registry;
use lsp_types::{Diagnostic, TextDocumentContentChangeEvent, Uri};
use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What was found in one file and in those it names.
pub struct Unit {
    pub checked: Checked,
    /// What the next check of this file can take over.
    kept: Kept,
    /// The workflow, when nothing is wrong with it and somebody has asked for it.
    workflow: OnceCell<Option<Arc<Workflow>>>,
    /// The workflow as it was before, without errors.
    before: Option<Arc<Workflow>>,
    shown: BTreeMap<PathBuf, Vec<Diagnostic>>,
}

impl Unit {
    /// The workflow as it last was known without errors.
    fn sound(&self) -> Option<&Arc<Workflow>> {
        self.workflow.get().and_then(Option::as_ref).or(self.before.as_ref())
    }
}

/// Findings of one document, for the editor.
#[derive(Debug)]
pub struct Published {
    pub uri: Uri,
    /// The version that was looked at; `None` when it is not open.
    pub version: Option<i32>,
    pub diagnostics: Vec<Diagnostic>,
}

/// Everything between two messages.
pub struct Session {
    pub registry: &'static Registry,
    pub encoding: Encoding,
    /// Folders that the editor has open, and otherwise nothing: we look at no file outside of them that no document names.
    pub roots: Vec<PathBuf>,
    pub documents: Documents,
    units: BTreeMap<PathBuf, Unit>,
    told: BTreeMap<PathBuf, Vec<Diagnostic>>,
    urgent: BTreeSet<PathBuf>,
    later: BTreeSet<PathBuf>,
    /// Where the state is, when it is not beside the workflow.
    pub state: Option<PathBuf>,
    /// By state folder: its head when it was read, and what was read.
    pasts: BTreeMap<PathBuf, (Option<Vec<u8>>, Option<Past>)>,
    to_read: Option<PathBuf>,
    /// What was found before and no longer counts. Giving back its memory takes a while that nobody has to wait for.
    spent: Vec<Unit>,
    /// The editor can fill in gaps.
    pub snippets: bool,
}

/// A text from where it was found.
enum Text<'s> {
    Open(&'s Source),
    Disk(Box<Source>),
}

impl Session {
    pub fn new(registry: &'static Registry, encoding: Encoding, roots: Vec<PathBuf>) -> Session {
        Session {
            registry,
            encoding,
            roots,
            documents: Documents::default(),
            units: BTreeMap::new(),
            told: BTreeMap::new(),
            urgent: BTreeSet::new(),
            later: BTreeSet::new(),
            state: None,
            pasts: BTreeMap::new(),
            to_read: None,
            spent: Vec::new(),
            snippets: false,
        }
    }

    /// The path that stands for a document's address.
    pub fn path(&self, uri: &Uri) -> PathBuf {
        uris::path_of(uri.as_str()).unwrap_or_else(|| {
            let folder = self.roots.first().cloned().unwrap_or_else(|| PathBuf::from("/"));
            uris::stand_in(&folder, uri.as_str())
        })
    }

    pub fn open(&mut self, uri: Uri, version: i32, text: String) {
        let path = self.path(&uri);
        let source = Source::new(path.clone(), text.into(), self.encoding);
        self.documents.0.insert(path.clone(), Document { uri, version, source });
        self.touched(&path);
    }

    /// False when no such document is open.
    pub fn change(&mut self, uri: &Uri, version: i32, changes: Vec<TextDocumentContentChangeEvent>) -> bool {
        let path = self.path(uri);
        let Some(document) = self.documents.0.get_mut(&path) else { return false };
        document.apply(changes, version);
        self.touched(&path);
        true
    }

    pub fn close(&mut self, uri: &Uri) {
        let path = self.path(uri);
        self.documents.0.remove(&path);
        self.urgent.remove(&path);
        self.later.remove(&path);
        // A file that nobody looks at any more is not checked any more.
        let open = &self.documents.0;
        self.units.retain(|_, unit| unit.checked.depends.iter().any(|path| open.contains_key(path)));
        self.units.remove(&path);
        self.touched(&path);
    }

    /// Files on the disk have changed, appeared or gone.
    pub fn disk_changed(&mut self, changed: &[PathBuf]) {
        // What is open is read from the editor, so the disk says nothing new about it.
        let news: Vec<&PathBuf> = changed.iter().filter(|path| self.documents.get(path).is_none()).collect();
        if !news.is_empty() {
            // A file that was missing is in nobody's dependencies.
            self.later.extend(self.units.keys().cloned());
        }
    }

    /// Marks what must be checked again after a text changed.
    fn touched(&mut self, path: &Path) {
        let role = self.documents.get(path).map(|document| checking::role(&document.source));
        if matches!(role, Some(Role::Workflow | Role::Tests | Role::Module | Role::Kdl)) {
            self.urgent.insert(path.to_owned());
        }
        let dependent: Vec<PathBuf> = self
            .units
            .iter()
            .filter(|(other, unit)| *other != path && unit.checked.depends.contains(path))
            .map(|(other, _)| other.clone())
            .collect();
        if role == Some(Role::Template) {
            if dependent.is_empty() {
                self.urgent.extend(library::workflows_naming(self, path));
            }
            self.urgent.extend(dependent);
        } else {
            self.later.extend(dependent);
        }
    }

    /// Whether a file that was typed in waits to be checked.
    pub fn is_urgent(&self) -> bool {
        !self.urgent.is_empty()
    }

    /// Whether there is something to do when the typing rests.
    pub fn has_later(&self) -> bool {
        !self.later.is_empty() || !self.unread().is_empty()
    }

    /// Workflows without errors that nobody has asked for yet.
    fn unread(&self) -> Vec<PathBuf> {
        let units = self.units.iter().filter(|(_, unit)| unit.checked.is_sound && unit.workflow.get().is_none());
        units.map(|(path, _)| path.clone()).collect()
    }

    /// Checks one waiting file and gives what the editor must be told now.
    pub fn check_next(&mut self) -> Vec<Published> {
        let Some(path) = self.urgent.pop_first().or_else(|| self.later.pop_first()) else {
            // Nobody waits now, and when something is wrong later this is what it was before.
            for path in self.unread() {
                let _ = self.sound(&path);
            }
            return Vec::new();
        };
        self.later.remove(&path);
        let mut before = self.units.remove(&path);
        let mut kept = before.as_mut().map(|unit| std::mem::take(&mut unit.kept)).unwrap_or_default();
        let found = self.source(&path, |source, session| {
            let checked = checking::check(source, &session.documents, session.registry, &mut kept);
            let shown = checking::shown(&checked, &path, &session.documents, session.encoding);
            (checked, shown)
        });
        if let Some((checked, shown)) = found {
            let sound = before.as_ref().and_then(Unit::sound).cloned();
            self.units.insert(path, Unit { checked, kept, workflow: OnceCell::new(), before: sound, shown });
        }
        self.spent.extend(before);
        self.publish()
    }

    /// Gives back what no longer counts: when the editor has been told what is new.
    pub fn tidy(&mut self) {
        self.spent.clear();
    }

    /// What has changed since the editor was last told.
    pub fn publish(&mut self) -> Vec<Published> {
        let mut now: BTreeMap<&Path, Vec<&Diagnostic>> = BTreeMap::new();
        for unit in self.units.values() {
            for (path, found) in &unit.shown {
                let all = now.entry(path).or_default();
                // A template of two workflows is shown what both find, once.
                for diagnostic in found {
                    if !all.contains(&diagnostic) {
                        all.push(diagnostic);
                    }
                }
            }
        }
        let mut news: Vec<(PathBuf, Vec<Diagnostic>)> = Vec::new();
        for (path, found) in &now {
            let same = self.told.get(*path).is_some_and(|told| told.iter().eq(found.iter().copied()));
            // An open document is told also that nothing is wrong with it.
            let nothing = found.is_empty() && !self.told.contains_key(*path) && self.documents.get(path).is_none();
            if !same && !nothing {
                news.push(((*path).to_owned(), found.iter().map(|diagnostic| (*diagnostic).clone()).collect()));
            }
        }
        let gone: Vec<PathBuf> = self.told.keys().filter(|path| !now.contains_key(path.as_path())).cloned().collect();
        for path in gone {
            if self.told.remove(&path).is_some_and(|told| !told.is_empty()) {
                news.push((path, Vec::new()));
            }
        }
        let mut published = Vec::new();
        for (path, diagnostics) in news {
            if let Some(uri) = self.documents.uri(&path) {
                let version = self.documents.get(&path).map(|document| document.version);
                published.push(Published { uri, version, diagnostics: diagnostics.clone() });
            }
            if !diagnostics.is_empty() || self.documents.get(&path).is_some() {
                self.told.insert(path, diagnostics);
            } else {
                self.told.remove(&path);
            }
        }
        published
    }

    /// What was found in a file when it was last checked.
    pub fn unit(&self, path: &Path) -> Option<&Checked> {
        self.units.get(path).map(|unit| &unit.checked)
    }

    /// Every file that is being checked, with what was found.
    pub fn units(&self) -> impl Iterator<Item = (&Path, &Checked)> {
        self.units.iter().map(|(path, unit)| (path.as_path(), &unit.checked))
    }

    /// A text, open or on the disk; `otherwise` when it cannot be read.
    pub fn source_or<T>(&self, path: &Path, otherwise: &Source, with: impl FnOnce(&Source) -> T) -> T {
        match self.text(path) {
            Some(Text::Open(source)) => with(source),
            Some(Text::Disk(source)) => with(&source),
            None => with(otherwise),
        }
    }

    /// A text, open or on the disk; `None` when it cannot be read.
    pub fn source<T>(&self, path: &Path, with: impl FnOnce(&Source, &Session) -> T) -> Option<T> {
        match self.text(path)? {
            Text::Open(source) => Some(with(source, self)),
            Text::Disk(source) => Some(with(&source, self)),
        }
    }

    fn text(&self, path: &Path) -> Option<Text<'_>> {
        if let Some(document) = self.documents.get(path) {
            return Some(Text::Open(&document.source));
        }
        let name = path.file_name()?.to_str()?;
        let text: Arc<str> = self.documents.seen_from(path.parent()?).text(name).ok()?;
        Some(Text::Disk(Box::new(Source::new(path.to_owned(), text, self.encoding))))
    }

    /// A workflow as it last was without errors.
    pub fn sound(&self, path: &Path) -> Option<&Workflow> {
        let unit = self.units.get(path)?;
        if unit.checked.is_sound {
            // Its steps are kept for the next keystroke, so it is compiled for itself.
            unit.workflow.get_or_init(|| {
                let files = self.documents.seen_from(&unit.checked.folder);
                let compiled = compile_with(&files, path.file_name()?.to_str()?, self.registry, &at_once);
                compiled.workflow.map(Arc::new)
            });
        }
        unit.sound().map(Arc::as_ref)
    }

    /// What is known of the state folder of the workflows in a folder.
    pub fn past(&self, folder: &Path) -> Option<&Past> {
        self.pasts.get(&self.state_folder(folder))?.1.as_ref()
    }

    /// Notes that the state of the workflows in a folder is of interest, so that it is read when it has changed.
    pub fn look_at_state(&mut self, folder: &Path) {
        let folder = self.state_folder(folder);
        let head = past::head(&folder);
        let known = self.pasts.get(&folder).map(|(head, _)| head);
        if head.is_some() && known != Some(&head) {
            self.to_read = Some(folder);
        }
    }

    /// The state folder that must be read, once.
    pub fn state_to_read(&mut self) -> Option<PathBuf> {
        self.to_read.take()
    }

    /// What was read of a state folder; of one that was in use, what was known before stays.
    pub fn state_was_read(&mut self, folder: PathBuf, read: Option<Past>) {
        let Some(past) = read else { return };
        let head = past::head(&folder);
        self.pasts.insert(folder, (head, Some(past)));
    }

    fn state_folder(&self, folder: &Path) -> PathBuf {
        self.state.clone().unwrap_or_else(|| folder.join(".loopctl"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builtin::registry;
    use proptest::prelude::*;
    use std::str::FromStr as _;

    const WRONG: &str = "workflow \"w\" {\n    intelligence { sorce \"x\" }\n}\n";

    fn session() -> (tempfile::TempDir, Session) {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().canonicalize().expect("there");
        (folder, Session::new(registry(), Encoding::Utf16, vec![root]))
    }

    fn uri(session: &Session, name: &str) -> Uri {
        uris::uri_of(&session.roots[0].join(name)).expect("absolute")
    }

    fn all(session: &mut Session) -> Vec<Published> {
        let mut told = Vec::new();
        while session.is_urgent() || session.has_later() {
            told.extend(session.check_next());
        }
        told
    }

    #[test]
    fn many_changes_are_checked_once_and_told_when_they_differ() {
        let (_folder, mut session) = session();
        let uri = uri(&session, "w.kdl");
        session.open(uri.clone(), 1, WRONG.to_owned());
        let told = all(&mut session);
        assert_eq!((told.len(), told[0].version), (1, Some(1)));
        assert!(told[0].diagnostics.iter().any(|found| found.message.contains("sorce")));
        let space = TextDocumentContentChangeEvent { range: None, range_length: None, text: WRONG.to_owned() + "\n" };
        assert!(session.change(&uri, 2, vec![space.clone()]) && session.change(&uri, 3, vec![space]));
        // The same findings at the same places are not told again.
        assert!(session.check_next().is_empty() && !session.is_urgent());
        session.close(&uri);
        let told = session.publish();
        assert!(told.len() == 1 && told[0].diagnostics.is_empty() && told[0].version.is_none());
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn after_any_edits_the_findings_are_those_of_the_text(
            edits in prop::collection::vec((0usize..5_000, 0usize..30, prop::sample::select(PIECES)), 1..6),
        ) {
            let (_folder, mut session) = session();
            let uri = uri(&session, "w.kdl");
            let mut text = include_str!("../../workflows/first-loop.kdl").to_owned();
            session.open(uri.clone(), 0, text.clone());
            all(&mut session);
            for (version, (at, taken, put)) in (1..).zip(edits) {
                let floor = |offset: usize| (0..=offset.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).expect("0 is one");
                let range = floor(at)..floor(at + taken);
                let lines = crate::lsp::positions::Lines::new(&text, session.encoding);
                let change = TextDocumentContentChangeEvent {
                    range: Some(lines.range(&text, range.clone())),
                    range_length: None,
                    text: put.to_owned(),
                };
                text.replace_range(range, put);
                session.change(&uri, version, vec![change]);
                all(&mut session);
                session.tidy();
                let mut fresh = Session::new(registry(), session.encoding, session.roots.clone());
                fresh.open(uri.clone(), version, text.clone());
                all(&mut fresh);
                let (path, found) = session.units.first_key_value().expect("it is checked");
                prop_assert_eq!(&*session.documents.get(path).expect("open").source.text, text.as_str());
                prop_assert_eq!(&found.shown, &fresh.units[path].shown);
                prop_assert_eq!(&found.checked.diagnostics, &fresh.units[path].checked.diagnostics);
            }
        }
    }

    /// What people type, and what breaks things.
    const PIECES: &[&str] = &["", "x", "\"", "{", "}", "\n", "/*", "/-", "é😀", " from \"x\"\n", "score \"s\" { }\n", "weight=2"];

    #[test]
    fn a_template_alone_is_checked_by_the_workflow_that_names_it() {
        let (folder, mut session) = session();
        std::fs::write(folder.path().join("w.kdl"), "workflow \"w\" {\n  provider \"d\" kind=\"template\"\n  production { outline \"o\" { from \"x\"; provider \"d\"; template \"t.hbs\" } }\n}\n").expect("ours");
        let uri = uri(&session, "t.hbs");
        session.open(uri.clone(), 1, "{{nothing}}".to_owned());
        let told = all(&mut session);
        let own = told.iter().find(|told| told.uri == uri).expect("told");
        assert!(own.diagnostics[0].message.contains("nothing"), "{own:?}");
    }

    #[test]
    fn a_document_without_a_file_is_checked_too() {
        let (_folder, mut session) = session();
        let uri = Uri::from_str("untitled:Untitled-1").expect("an address");
        session.open(uri.clone(), 1, WRONG.to_owned());
        let told = all(&mut session);
        assert!(told[0].uri == uri && !told[0].diagnostics.is_empty());
        let other = Uri::from_str("untitled:Untitled-2").expect("an address");
        assert!(!session.change(&other, 1, Vec::new()), "it is not open");
    }
}
