//! Mending from within the editor: the fixes that findings carry, one by one or all that are certain at once.

use super::checking::{Checked, Role, role};
use super::documents::Source;
use super::formatting;
use super::session::Session;
use crate::compile::mending::mended;
use crate::diag::Fix;
use lsp_types::{CodeAction, CodeActionKind, Diagnostic, NumberOrString, TextEdit, Uri, WorkspaceEdit};
use std::collections::HashMap;
use std::ops::Range;

/// What `source.fixAll` is called here, so that an editor may ask for ours alone.
pub const FIX_ALL: CodeActionKind = CodeActionKind::new("source.fixAll.loopctl");

/// The actions for a range of bytes. `known` are the findings that the editor shows there; `wanted` the kinds it asks for.
pub fn actions(
    session: &Session,
    source: &Source,
    range: Range<usize>,
    known: &[Diagnostic],
    wanted: Option<&[CodeActionKind]>,
) -> Vec<CodeAction> {
    let wants = |kind: &CodeActionKind| {
        // A kind asks for all below it: `source` for `source.fixAll`.
        let below = |asked: &CodeActionKind| {
            kind.as_str() == asked.as_str()
                || kind.as_str().strip_prefix(asked.as_str()).is_some_and(|rest| rest.starts_with('.'))
        };
        wanted.is_none_or(|wanted| wanted.iter().any(|asked| asked.as_str().is_empty() || below(asked)))
    };
    let Some(uri) = session.documents.uri(&source.path) else { return Vec::new() };
    let mut found: Vec<CodeAction> = Vec::new();
    if wants(&CodeActionKind::QUICKFIX) {
        for (_, checked) in session.units() {
            for (code, fix, at) in fixes(checked, source) {
                let touches = at.start <= range.end && range.start <= at.end;
                let action = touches.then(|| quick(source, &uri, code, fix, known));
                // A template of two workflows has each finding twice.
                found.extend(
                    action.filter(|action| !found.iter().any(|other| other.title == action.title && other.edit == action.edit)),
                );
            }
        }
    }
    if wants(&FIX_ALL)
        && let Some(edits) = all(session, source)
    {
        found.push(CodeAction {
            title: "Mend everything that is certain".to_owned(),
            kind: Some(FIX_ALL),
            edit: Some(edit(&uri, edits)),
            ..CodeAction::default()
        });
    }
    found
}

/// The fixes in one file, each with its code and with the bytes of its finding.
fn fixes<'c>(checked: &'c Checked, source: &Source) -> Vec<(&'static str, &'c Fix, Range<usize>)> {
    let in_file = |fix: &Fix| checked.path(fix.span.file).as_ref() == Some(&source.path);
    let current = |fix: &Fix| checked.sources.get(fix.span.file).is_some_and(|text| text.text == source.text);
    let findings = checked.diagnostics.iter().filter_map(|finding| Some((finding, finding.fix.as_ref()?)));
    let fitting = findings.filter(|(_, fix)| in_file(fix) && current(fix));
    let place = |(finding, fix): (&'c crate::diag::Diagnostic, &'c Fix)| {
        let at = finding.span().filter(|span| span.file == fix.span.file).unwrap_or(fix.span);
        (finding.code, fix, at.to(fix.span).range())
    };
    fitting.map(place).collect()
}

fn quick(source: &Source, uri: &Uri, code: &str, fix: &Fix, known: &[Diagnostic]) -> CodeAction {
    let range = source.lines.range(&source.text, fix.span.range());
    let is_it = |shown: &&Diagnostic| {
        shown.code == Some(NumberOrString::String(code.to_owned()))
            && shown.range.start <= range.end
            && range.start <= shown.range.end
    };
    let mut title = fix.title.clone();
    if let Some(first) = title.get(..1) {
        title.replace_range(..1, &first.to_uppercase());
    }
    CodeAction {
        title,
        kind: Some(CodeActionKind::QUICKFIX),
        diagnostics: Some(known.iter().filter(is_it).cloned().collect()),
        edit: Some(edit(uri, vec![TextEdit { range, new_text: fix.replacement.clone() }])),
        is_preferred: Some(true),
        ..CodeAction::default()
    }
}

/// The edits that mend a workflow as `validate --fix` does; `None` when there are none.
fn all(session: &Session, source: &Source) -> Option<Vec<TextEdit>> {
    if role(source) != Role::Workflow {
        return None;
    }
    let name = source.path.file_name()?.to_str()?;
    let files = session.documents.seen_from(source.folder());
    let mended = mended(&files, name, session.registry, |_| true);
    let (_, after) = mended.changes.get(name)?;
    let edits = formatting::between(source, after);
    (!edits.is_empty()).then_some(edits)
}

/// An edit of one document. The protocol has a map here; with one key its order means nothing.
fn edit(uri: &Uri, edits: Vec<TextEdit>) -> WorkspaceEdit {
    WorkspaceEdit { changes: Some(HashMap::from([(uri.clone(), edits)])), ..WorkspaceEdit::default() }
}
