//! What is wrong with a file, as an editor shows it: the same findings as `loopctl validate`, spread over the files they are in.

use super::documents::{Documents, Source};
use super::lexer::{Kind, tokens};
use super::positions::{Encoding, Lines};
use super::uris;
use crate::compile::modules::is_module;
use crate::compile::{Kept, compile_again, test_file, world_file};
use crate::diag::{Diagnostic, FileId, Severity, Sources, nearest};
use crate::runtime::at_once;
use crate::step::Registry;
use crate::syntax;
use lsp_types::{DiagnosticRelatedInformation, DiagnosticSeverity, DiagnosticTag, Location, NumberOrString, Range, Uri};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What a file is to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Workflow,
    Tests,
    /// Simulated worlds.
    Worlds,
    /// Steps for workflows: checked like one.
    Module,
    /// KDL that is neither, such as `pillars.kdl`: only its syntax can be checked.
    Kdl,
    /// Handlebars: checked by the workflows that name it.
    Template,
    Other,
}

/// By its name and, for KDL, what stands at its top.
pub fn role(source: &Source) -> Role {
    let name = source.path.to_string_lossy();
    match source.path.extension().and_then(|extension| extension.to_str()) {
        _ if test_file::is_test_file(&name) => Role::Tests,
        _ if world_file::is_world_file(&name) => Role::Worlds,
        Some("hbs" | "handlebars") => Role::Template,
        // A document without a file yet is most likely the first workflow.
        Some("kdl") | None if first_word(&source.text) == Some("workflow") => Role::Workflow,
        Some("kdl") | None => match source.tree().roots().any(|root| nearest(root.name(), ["workflow"]).is_some()) {
            true => Role::Workflow,
            false if is_module(source.tree()) => Role::Module,
            false => Role::Kdl,
        },
        Some(_) => Role::Other,
    }
}

/// The name of the first node. Asked at every keystroke, so it reads no further than that.
fn first_word(text: &str) -> Option<&str> {
    let first = tokens(text).find(|token| !matches!(token.kind, Kind::End | Kind::LineComment | Kind::BlockComment))?;
    (first.kind == Kind::Bare).then(|| &text[first.range])
}

/// What checking one file found.
#[derive(Debug)]
pub struct Checked {
    /// The folder that the names in `sources` are relative to.
    pub folder: PathBuf,
    pub sources: Sources,
    pub diagnostics: Vec<Diagnostic>,
    /// The file is a workflow, and no diagnostic is an error.
    pub is_sound: bool,
    /// Every file that was read for it, itself included.
    pub depends: BTreeSet<PathBuf>,
}

impl Checked {
    /// Where a text of `sources` is.
    pub fn path(&self, file: FileId) -> Option<PathBuf> {
        self.sources.get(file).map(|source| uris::normal(&self.folder.join(&source.name)))
    }
}

/// Checks one file with everything that is open in front of the disk. `kept` is what the check before has left of the same file.
pub fn check(source: &Source, documents: &Documents, registry: &Registry, kept: &mut Kept) -> Checked {
    let folder = source.folder().to_owned();
    let files = documents.seen_from(&folder);
    let name = source.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let mut depends = BTreeSet::from([source.path.clone()]);
    let role = role(source);
    let (sources, diagnostics) = match role {
        Role::Workflow | Role::Module => {
            let compiled = compile_again(&files, &name, registry, &at_once, kept);
            (compiled.sources, compiled.diagnostics)
        }
        Role::Tests | Role::Worlds => {
            let (sources, diagnostics) = if role == Role::Tests {
                let file = test_file::read(&files, &name, registry);
                (file.sources, file.diagnostics)
            } else {
                let file = world_file::read(&files, &name, registry);
                (file.sources, file.diagnostics)
            };
            let workflows = source.tree().roots().flat_map(|root| root.children()).filter(|node| node.name() == "workflow");
            depends.extend(workflows.filter_map(|node| {
                let path = node.arg(0)?.value().text()?;
                Some(uris::normal(&folder.join(path)))
            }));
            (sources, diagnostics)
        }
        Role::Kdl => {
            let mut sources = Sources::default();
            let file = sources.add(name, Arc::clone(&source.text));
            let (_, diagnostics) = syntax::read(file, &source.text);
            (sources, diagnostics)
        }
        Role::Template | Role::Other => (Sources::default(), Vec::new()),
    };
    let is_sound = role == Role::Workflow && !diagnostics.iter().any(Diagnostic::is_error);
    let checked = Checked { folder, sources, diagnostics, is_sound, depends };
    let read: Vec<PathBuf> = checked.sources.iter().filter_map(|(file, _)| checked.path(file)).collect();
    Checked { depends: checked.depends.iter().cloned().chain(read).collect(), ..checked }
}

/// The findings by file, as an editor takes them. The file itself is always there, so that what was mended goes away.
pub fn shown(
    checked: &Checked,
    own: &Path,
    documents: &Documents,
    encoding: Encoding,
) -> BTreeMap<PathBuf, Vec<lsp_types::Diagnostic>> {
    let mut shown: BTreeMap<PathBuf, Vec<lsp_types::Diagnostic>> = BTreeMap::from([(own.to_owned(), Vec::new())]);
    let mut lines = LineTables { checked, documents, encoding, made: BTreeMap::new() };
    for finding in &checked.diagnostics {
        let place = finding.span().and_then(|span| Some((checked.path(span.file)?, lines.range(span)?)));
        let (path, range) = place.unwrap_or_else(|| (own.to_owned(), Range::default()));
        let related: Vec<DiagnosticRelatedInformation> = finding
            .labels
            .iter()
            .skip(1)
            .filter_map(|label| {
                let location = Location { uri: lines.uri(label.span.file)?, range: lines.range(label.span)? };
                Some(DiagnosticRelatedInformation { location, message: label.text.clone() })
            })
            .collect();
        shown.entry(path).or_default().push(lsp_types::Diagnostic {
            range,
            severity: Some(severity(finding)),
            code: Some(NumberOrString::String(finding.code.to_owned())),
            source: Some("loopctl".to_owned()),
            message: words(finding),
            related_information: (!related.is_empty()).then_some(related),
            tags: is_unneeded(finding).then(|| vec![DiagnosticTag::UNNECESSARY]),
            ..lsp_types::Diagnostic::default()
        });
    }
    shown
}

/// The message, and below it what to do.
fn words(finding: &Diagnostic) -> String {
    match &finding.help {
        Some(help) => format!("{}\nhelp: {help}", finding.message),
        None => finding.message.clone(),
    }
}

fn severity(finding: &Diagnostic) -> DiagnosticSeverity {
    match finding.severity {
        Severity::Error => DiagnosticSeverity::ERROR,
        Severity::Warning => DiagnosticSeverity::WARNING,
        Severity::Advice => DiagnosticSeverity::HINT,
    }
}

/// Editors fade out what nobody uses.
fn is_unneeded(finding: &Diagnostic) -> bool {
    matches!(finding.code, "loop::unused-definition" | "loop::repeated-wire")
}

/// A line table for each text that a finding points into and that is not open, made when it is first needed.
struct LineTables<'c> {
    checked: &'c Checked,
    documents: &'c Documents,
    encoding: Encoding,
    made: BTreeMap<FileId, Lines>,
}

impl LineTables<'_> {
    fn range(&mut self, span: crate::diag::Span) -> Option<Range> {
        let source = self.checked.sources.get(span.file)?;
        // What is open has its table already.
        let open = self.checked.path(span.file).and_then(|path| self.documents.get(&path)).map(|document| &document.source);
        if let Some(open) = open.filter(|open| Arc::ptr_eq(&open.text, &source.text)) {
            return Some(open.lines.range(&source.text, span.range()));
        }
        let lines = self.made.entry(span.file).or_insert_with(|| Lines::new(&source.text, self.encoding));
        Some(lines.range(&source.text, span.range()))
    }

    fn uri(&self, file: FileId) -> Option<Uri> {
        self.documents.uri(&self.checked.path(file)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builtin::registry;
    use crate::lsp::documents::Document;

    fn opened(files: &[(&str, &str)]) -> Documents {
        let mut documents = Documents::default();
        for (path, text) in files {
            let source = Source::new(path.into(), (*text).into(), Encoding::Utf16);
            let uri = uris::uri_of(Path::new(path)).expect("absolute");
            documents.0.insert(path.into(), Document { uri, version: 1, source });
        }
        documents
    }

    fn found(documents: &Documents, path: &str) -> BTreeMap<PathBuf, Vec<lsp_types::Diagnostic>> {
        let path = Path::new(path);
        let source = &documents.get(path).expect("open").source;
        shown(&check(source, documents, registry(), &mut Kept::default()), path, documents, Encoding::Utf16)
    }

    const WORKFLOW: &str = r#"workflow "w" phase=1 {
    provider "drafter" kind="template"
    intelligence { source "site" kind="folder" { path "data"; glob "*" } }
    production {
        outline "o" { from "site"; provider "drafter"; template "t.hbs" }
    }
}
"#;

    #[test]
    fn findings_go_to_the_file_they_are_in() {
        let documents = opened(&[("/none/w.kdl", WORKFLOW), ("/none/t.hbs", "😀 {{nothing}}\n")]);
        let found = found(&documents, "/none/w.kdl");
        let in_template = &found[Path::new("/none/t.hbs")][0];
        assert_eq!((in_template.range.start.line, in_template.range.start.character), (0, 5), "{in_template:?}");
        let related = in_template.related_information.as_ref().expect("where it is named");
        assert_eq!((related[0].location.uri.as_str(), related[0].location.range.start.line), ("file:///none/w.kdl", 4));
        assert!(!found[Path::new("/none/w.kdl")].is_empty());
    }

    #[test]
    fn a_file_has_the_role_that_it_shows() {
        for (path, text, expected) in [
            ("/p/a.kdl", "workflow \"x\"", Role::Workflow),
            ("/p/a.kdl", "/* a */ // b\n/-x\nworkflow \"x\"", Role::Workflow),
            ("/p/a.kdl", "module \"a/b\"", Role::Module),
            ("/p/a.kdl", "// first\nworklow \"x\" {", Role::Workflow),
            ("/p/a.test.kdl", "", Role::Tests),
            ("/p/pillars.kdl", "pillar \"x\"", Role::Kdl),
            ("/p/a.hbs", "workflow", Role::Template),
            ("/p/a.md", "workflow", Role::Other),
            ("/p/unsaved untitled_Untitled-1", "workflow \"x\"", Role::Workflow),
        ] {
            assert_eq!(role(&Source::new(path.into(), text.into(), Encoding::Utf16)), expected, "{path} {text}");
        }
    }

    #[test]
    fn a_test_file_depends_on_its_workflow() {
        let documents =
            opened(&[("/none/w.kdl", "workflow \"w\""), ("/none/t/a.test.kdl", "test \"x\" { workflow \"../w.kdl\" }")]);
        let checked = check(
            &documents.get(Path::new("/none/t/a.test.kdl")).expect("open").source,
            &documents,
            registry(),
            &mut Kept::default(),
        );
        assert!(checked.depends.contains(Path::new("/none/w.kdl")));
        assert!(!checked.diagnostics.is_empty());
    }
}
