//! The questions an editor may ask, and what this server says it can do: two sides of one list.

use super::checking::{Role, role};
use super::completion::{self, Setting};
use super::documents::Source;
use super::grammar::Word;
use super::positions::Encoding;
use super::session::Session;
use super::{actions, formatting, grammar, hints, hover, library, modules, navigate, rename, symbols, tokens, uris};
use crate::base::Timestamp;
use crate::model::GoodKind;
use crate::step::ValueType;
use lsp_server::ErrorCode;
use lsp_types::{
    CodeActionKind, CodeActionOptions, CodeActionParams, CodeActionProviderCapability, CompletionItem, CompletionOptions,
    CompletionParams, DocumentFormattingParams, DocumentHighlight, DocumentHighlightKind, DocumentLink, DocumentLinkOptions,
    DocumentLinkParams, DocumentRangeFormattingParams, DocumentSymbolParams, FoldingRangeParams, FoldingRangeProviderCapability,
    GotoDefinitionParams, Hover, HoverContents, HoverParams, HoverProviderCapability, InlayHintParams, Location, MarkupContent,
    MarkupKind, OneOf, PrepareRenameResponse, ReferenceParams, RenameOptions, RenameParams, SaveOptions, SemanticTokens,
    SemanticTokensFullOptions, SemanticTokensOptions, SemanticTokensParams, SemanticTokensRangeParams,
    SemanticTokensServerCapabilities, ServerCapabilities, TextDocumentPositionParams, TextDocumentSyncCapability,
    TextDocumentSyncKind, TextDocumentSyncOptions, TextDocumentSyncSaveOptions, Uri, WorkDoneProgressOptions,
    WorkspaceFoldersServerCapabilities, WorkspaceServerCapabilities, WorkspaceSymbolParams,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use std::path::Path;
use std::str::FromStr as _;

/// Most names in an answer about the whole workspace.
const MOST_SYMBOLS: usize = 1_000;

/// Why a request has no answer.
#[derive(Debug)]
pub struct Refusal {
    pub code: ErrorCode,
    /// For a person: editors show it.
    pub message: String,
}

impl Refusal {
    pub fn failed(message: impl Into<String>) -> Refusal {
        Refusal { code: ErrorCode::RequestFailed, message: message.into() }
    }
}

/// What the server can do.
pub fn capabilities(encoding: Encoding) -> ServerCapabilities {
    let characters = |characters: &[&str]| Some(characters.iter().map(|character| (*character).to_owned()).collect());
    ServerCapabilities {
        position_encoding: Some(encoding.kind()),
        text_document_sync: Some(TextDocumentSyncCapability::Options(TextDocumentSyncOptions {
            open_close: Some(true),
            change: Some(TextDocumentSyncKind::INCREMENTAL),
            save: Some(TextDocumentSyncSaveOptions::SaveOptions(SaveOptions { include_text: Some(false) })),
            ..TextDocumentSyncOptions::default()
        })),
        completion_provider: Some(CompletionOptions {
            trigger_characters: characters(&["\"", "=", ".", " ", "/", "{", "#"]),
            ..CompletionOptions::default()
        }),
        hover_provider: Some(HoverProviderCapability::Simple(true)),
        definition_provider: Some(OneOf::Left(true)),
        references_provider: Some(OneOf::Left(true)),
        document_highlight_provider: Some(OneOf::Left(true)),
        rename_provider: Some(OneOf::Right(RenameOptions {
            prepare_provider: Some(true),
            work_done_progress_options: WorkDoneProgressOptions::default(),
        })),
        document_symbol_provider: Some(OneOf::Left(true)),
        workspace_symbol_provider: Some(OneOf::Left(true)),
        folding_range_provider: Some(FoldingRangeProviderCapability::Simple(true)),
        document_link_provider: Some(DocumentLinkOptions {
            resolve_provider: None,
            work_done_progress_options: WorkDoneProgressOptions::default(),
        }),
        document_formatting_provider: Some(OneOf::Left(true)),
        document_range_formatting_provider: Some(OneOf::Left(true)),
        code_action_provider: Some(CodeActionProviderCapability::Options(CodeActionOptions {
            code_action_kinds: Some(vec![CodeActionKind::QUICKFIX, actions::FIX_ALL]),
            ..CodeActionOptions::default()
        })),
        semantic_tokens_provider: Some(SemanticTokensServerCapabilities::SemanticTokensOptions(SemanticTokensOptions {
            legend: tokens::legend(),
            range: Some(true),
            full: Some(SemanticTokensFullOptions::Bool(true)),
            ..SemanticTokensOptions::default()
        })),
        inlay_hint_provider: Some(OneOf::Left(true)),
        workspace: Some(WorkspaceServerCapabilities {
            workspace_folders: Some(WorkspaceFoldersServerCapabilities {
                supported: Some(true),
                change_notifications: Some(OneOf::Left(true)),
            }),
            file_operations: None,
        }),
        ..ServerCapabilities::default()
    }
}

/// Answers one request.
pub fn answer(session: &mut Session, method: &str, params: Value, now: Timestamp) -> Result<Value, Refusal> {
    match method {
        "textDocument/completion" => {
            let at = read::<CompletionParams>(params)?.text_document_position;
            at_place(session, &at, |session, source, offset| Some(complete(session, source, offset)))
        }
        "textDocument/hover" => {
            let at = read::<HoverParams>(params)?.text_document_position_params;
            at_place(session, &at, hovered)
        }
        "textDocument/definition" => {
            let at = read::<GotoDefinitionParams>(params)?.text_document_position_params;
            at_place(session, &at, |session, source, offset| Some(navigate::definition(session, source, offset)))
        }
        "textDocument/references" => {
            let params: ReferenceParams = read(params)?;
            let with_definition = params.context.include_declaration;
            at_place(session, &params.text_document_position, |session, source, offset| {
                navigate::references(session, source, offset, with_definition)
            })
        }
        "textDocument/documentHighlight" => {
            let at = read::<lsp_types::DocumentHighlightParams>(params)?.text_document_position_params;
            at_place(session, &at, |session, source, offset| {
                let kind = |is_definition| if is_definition { DocumentHighlightKind::WRITE } else { DocumentHighlightKind::READ };
                let found = navigate::highlights(session, source, offset).into_iter();
                let shown = found.map(|(range, is_definition)| DocumentHighlight { range, kind: Some(kind(is_definition)) });
                Some(shown.collect::<Vec<_>>())
            })
        }
        "textDocument/prepareRename" => {
            let at: TextDocumentPositionParams = read(params)?;
            at_place(session, &at, |session, source, offset| {
                let (range, placeholder) = rename::prepare(session, source, offset)?;
                let range = source.lines.range(&source.text, range);
                Some(PrepareRenameResponse::RangeWithPlaceholder { range, placeholder })
            })
        }
        "textDocument/rename" => {
            let params: RenameParams = read(params)?;
            let at = params.text_document_position;
            let (path, offset) = place(session, &at)?;
            let Some(document) = session.documents.get(&path) else { return Ok(Value::Null) };
            let edits = rename::rename(session, &document.source, offset, &params.new_name)?;
            let mut changes = Map::new();
            for (path, edits) in edits {
                if let Some(uri) = session.documents.uri(&path) {
                    changes.insert(uri.as_str().to_owned(), json!(edits));
                }
            }
            Ok(json!({ "changes": changes }))
        }
        "textDocument/documentSymbol" => {
            let uri = read::<DocumentSymbolParams>(params)?.text_document.uri;
            in_document(session, &uri, |session, source| Some(symbols::outline(source, session.registry)))
        }
        "textDocument/foldingRange" => {
            let uri = read::<FoldingRangeParams>(params)?.text_document.uri;
            in_document(session, &uri, |_, source| is_kdl(source).then(|| symbols::folds(source)))
        }
        "textDocument/documentLink" => {
            let uri = read::<DocumentLinkParams>(params)?.text_document.uri;
            in_document(session, &uri, |session, source| Some(links(session, source)))
        }
        "workspace/symbol" => {
            let query = read::<WorkspaceSymbolParams>(params)?.query;
            Ok(json!(workspace_symbols(session, &query)))
        }
        "textDocument/formatting" => {
            let uri = read::<DocumentFormattingParams>(params)?.text_document.uri;
            in_document(session, &uri, |_, source| is_kdl(source).then(|| formatting::edits(source)).flatten())
        }
        "textDocument/rangeFormatting" => {
            let params: DocumentRangeFormattingParams = read(params)?;
            in_document(session, &params.text_document.uri, |_, source| {
                let range = source.lines.bytes(&source.text, params.range);
                is_kdl(source).then(|| formatting::edits_in(source, range)).flatten()
            })
        }
        "textDocument/codeAction" => {
            let params: CodeActionParams = read(params)?;
            in_document(session, &params.text_document.uri, |session, source| {
                let range = source.lines.bytes(&source.text, params.range);
                let context = &params.context;
                Some(actions::actions(session, source, range, &context.diagnostics, context.only.as_deref()))
            })
        }
        "textDocument/semanticTokens/full" => {
            let uri = read::<SemanticTokensParams>(params)?.text_document.uri;
            in_document(session, &uri, |session, source| {
                let pieces = if is_kdl(source) { tokens::pieces(source, session.registry) } else { Vec::new() };
                Some(SemanticTokens { result_id: None, data: tokens::encoded(source, &pieces) })
            })
        }
        "textDocument/semanticTokens/range" => {
            let params: SemanticTokensRangeParams = read(params)?;
            in_document(session, &params.text_document.uri, |session, source| {
                let range = source.lines.bytes(&source.text, params.range);
                let mut pieces = if is_kdl(source) { tokens::pieces(source, session.registry) } else { Vec::new() };
                pieces.retain(|piece| piece.range.start <= range.end && range.start <= piece.range.end);
                Some(SemanticTokens { result_id: None, data: tokens::encoded(source, &pieces) })
            })
        }
        "textDocument/inlayHint" => {
            let params: InlayHintParams = read(params)?;
            let path = session.path(&params.text_document.uri);
            session.look_at_state(path.parent().unwrap_or(Path::new("/")));
            in_document(session, &params.text_document.uri, |session, source| {
                let workflow = session.sound(&source.path)?;
                let past = session.past(source.folder());
                let range = source.lines.bytes(&source.text, params.range);
                Some(hints::hints(source, range, workflow, past, now, session.registry))
            })
        }
        other => Err(Refusal { code: ErrorCode::MethodNotFound, message: format!("unknown method `{other}`") }),
    }
}

/// Reads the parameters of a request or a notification.
pub fn read<T: DeserializeOwned>(params: Value) -> Result<T, Refusal> {
    serde_json::from_value(params)
        .map_err(|error| Refusal { code: ErrorCode::InvalidParams, message: format!("wrong parameters: {error}") })
}

/// Answers a question about an open document; nothing is known about one that is not open.
fn in_document<T: Serialize>(
    session: &Session,
    uri: &Uri,
    with: impl FnOnce(&Session, &Source) -> Option<T>,
) -> Result<Value, Refusal> {
    match session.documents.get(&session.path(uri)) {
        Some(document) => Ok(with(session, &document.source).map_or(Value::Null, |answer| json!(answer))),
        None => Err(Refusal { code: ErrorCode::InvalidParams, message: format!("`{}` is not open", uri.as_str()) }),
    }
}

/// The same about a place in it.
fn at_place<T: Serialize>(
    session: &Session,
    at: &TextDocumentPositionParams,
    with: impl FnOnce(&Session, &Source, usize) -> Option<T>,
) -> Result<Value, Refusal> {
    in_document(session, &at.text_document.uri, |session, source| {
        with(session, source, source.lines.offset(&source.text, at.position))
    })
}

fn place(session: &Session, at: &TextDocumentPositionParams) -> Result<(std::path::PathBuf, usize), Refusal> {
    let path = session.path(&at.text_document.uri);
    match session.documents.get(&path) {
        Some(document) => {
            let source = &document.source;
            Ok((path, source.lines.offset(&source.text, at.position)))
        }
        None => {
            Err(Refusal { code: ErrorCode::InvalidParams, message: format!("`{}` is not open", at.text_document.uri.as_str()) })
        }
    }
}

fn is_kdl(source: &Source) -> bool {
    matches!(role(source), Role::Workflow | Role::Tests | Role::Module | Role::Kdl)
}

/// The workflow that the names at a place belong to: the file itself, or the workflow of a test.
fn with_names<T>(session: &Session, source: &Source, offset: usize, with: impl FnOnce(&Source) -> T) -> T {
    if role(source) == Role::Tests {
        let test = source.tree().at(offset).and_then(|node| std::iter::successors(Some(node), |node| node.parent()).last());
        let named = test.and_then(|test| test.child("workflow")?.arg(0)?.value().text());
        if let Some(named) = named {
            let path = uris::normal(&source.folder().join(named));
            return session.source_or(&path, source, with);
        }
    }
    with(source)
}

fn complete(session: &Session, source: &Source, offset: usize) -> Vec<CompletionItem> {
    let folder = source.folder();
    let files = |typed: &str| listed(&folder.join(typed));
    let is_template = role(source) == Role::Template;
    let takes = if is_template { template_takes(session, &source.path) } else { Vec::new() };
    with_names(session, source, offset, |names_of| {
        let known = match role(source) {
            Role::Workflow | Role::Module | Role::Tests => modules::of(session, names_of),
            Role::Worlds | Role::Kdl | Role::Template | Role::Other => Vec::new(),
        };
        let place = super::place::place(&source.text, offset);
        let steps = match place.outer(session.registry) {
            Word::Layer(layer) => modules::steps(&known, Some(layer)),
            Word::Export => modules::steps(&known, None),
            _ => Vec::new(),
        };
        let setting = Setting {
            registry: session.registry,
            names_of,
            sound: session.sound(&names_of.path),
            files: &files,
            modules: &steps,
            used: &known,
            snippets: session.snippets,
        };
        match is_template {
            true => completion::complete_template(source, offset, &takes, &setting),
            false => completion::complete(source, offset, &setting),
        }
    })
}

/// What lies in a folder; folders end in `/`.
fn listed(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten().take(1_000) {
        let Ok(name) = entry.file_name().into_string() else { continue };
        if !name.starts_with('.') {
            names.push(if entry.path().is_dir() { format!("{name}/") } else { name });
        }
    }
    names.sort();
    names
}

fn hovered(session: &Session, source: &Source, offset: usize) -> Option<Hover> {
    let (value, range) = match role(source) {
        Role::Template => hover::hover_template(source, offset, &template_takes(session, &source.path))?,
        _ => match modules::hover(session, source, offset) {
            Some(found) => found,
            None => with_names(session, source, offset, |names_of| hover::hover(source, offset, names_of, session.registry))?,
        },
    };
    Some(Hover {
        contents: HoverContents::Markup(MarkupContent { kind: MarkupKind::Markdown, value }),
        range: Some(source.lines.range(&source.text, range)),
    })
}

/// What the steps take whose template a file is, in all workflows that name it.
fn template_takes(session: &Session, template: &Path) -> Vec<GoodKind> {
    let mut takes: Vec<GoodKind> = Vec::new();
    library::each(session, |source, _| {
        grammar::walk(source.tree(), session.registry, |node, word| {
            let Some(step) = word.step() else { return };
            for (entry, ty) in grammar::typed(node, word) {
                if ty == ValueType::Template
                    && entry.value().text().is_some_and(|text| uris::normal(&source.folder().join(text)) == template)
                {
                    takes.extend(step.takes.iter().filter(|kind| !takes.contains(kind)).copied().collect::<Vec<_>>());
                }
            }
        });
    });
    takes
}

/// Files, folders and addresses that a file names.
fn links(session: &Session, source: &Source) -> Vec<DocumentLink> {
    let mut found = Vec::new();
    grammar::walk(source.tree(), session.registry, |node, word| {
        for (entry, ty) in grammar::typed(node, word) {
            let Some(text) = entry.value().text() else { continue };
            let target = match ty {
                ValueType::Url => Uri::from_str(text).ok(),
                ValueType::File | ValueType::Template => {
                    let path = uris::normal(&source.folder().join(text));
                    path.is_file().then(|| session.documents.uri(&path)).flatten()
                }
                _ => None,
            };
            if target.is_some() {
                let range = entry.inner_span().unwrap_or(entry.value_span()).range();
                let range = source.lines.range(&source.text, range);
                found.push(DocumentLink { range, target, tooltip: None, data: None });
            }
        }
    });
    found
}

/// Names over all workflows and tests that hold the letters of the query in their order.
fn workspace_symbols(session: &Session, query: &str) -> Vec<Value> {
    let wanted = query.to_lowercase();
    let fits = |name: &str| {
        let mut letters = name.chars().flat_map(char::to_lowercase);
        wanted.chars().all(|letter| letters.any(|other| other == letter))
    };
    let mut found = Vec::new();
    library::each(session, |source, _| {
        let file = source.path.file_name().map(|name| name.to_string_lossy().into_owned());
        let named = symbols::symbols(source, session.registry).into_iter();
        for symbol in named.filter(|symbol| !symbol.detail.is_empty() && fits(&symbol.name)) {
            let location: Option<Location> = navigate::location(session, source, symbol.selection);
            if let Some(location) = location.filter(|_| found.len() < MOST_SYMBOLS) {
                found.push(json!({"name": symbol.name, "kind": symbol.kind, "location": location, "containerName": file}));
            }
        }
    });
    found
}
