//! The questions an editor may ask, and what this server says it can do: two sides of one list.

use super::formatting;
use super::positions::Encoding;
use super::session::Session;
use lsp_server::ErrorCode;
use lsp_types::{
    DocumentFormattingParams, DocumentRangeFormattingParams, OneOf, SaveOptions, ServerCapabilities, TextDocumentSyncCapability,
    TextDocumentSyncKind, TextDocumentSyncOptions, TextDocumentSyncSaveOptions, Uri,
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

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
    ServerCapabilities {
        position_encoding: Some(encoding.kind()),
        text_document_sync: Some(TextDocumentSyncCapability::Options(TextDocumentSyncOptions {
            open_close: Some(true),
            change: Some(TextDocumentSyncKind::INCREMENTAL),
            save: Some(TextDocumentSyncSaveOptions::SaveOptions(SaveOptions { include_text: Some(false) })),
            ..TextDocumentSyncOptions::default()
        })),
        document_formatting_provider: Some(OneOf::Left(true)),
        document_range_formatting_provider: Some(OneOf::Left(true)),
        ..ServerCapabilities::default()
    }
}

/// Answers one request.
pub fn answer(session: &mut Session, method: &str, params: Value) -> Result<Value, Refusal> {
    match method {
        "textDocument/formatting" => {
            let params: DocumentFormattingParams = read(params)?;
            in_document(session, &params.text_document.uri, |session, path| {
                session.source(path, |source, _| formatting::edits(source)).flatten()
            })
        }
        "textDocument/rangeFormatting" => {
            let params: DocumentRangeFormattingParams = read(params)?;
            in_document(session, &params.text_document.uri, |session, path| {
                session
                    .source(path, |source, _| formatting::edits_in(source, source.lines.bytes(&source.text, params.range)))
                    .flatten()
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
fn in_document<T: serde::Serialize>(
    session: &Session,
    uri: &Uri,
    with: impl FnOnce(&Session, &std::path::Path) -> Option<T>,
) -> Result<Value, Refusal> {
    let path = session.path(uri);
    if session.documents.get(&path).is_none() {
        return Err(Refusal { code: ErrorCode::InvalidParams, message: format!("`{}` is not open", uri.as_str()) });
    }
    Ok(with(session, &path).map_or(Value::Null, |answer| json!(answer)))
}
