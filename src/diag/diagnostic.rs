//! One diagnostic: what is wrong, where, what to write instead.

use super::Span;
use crate::base::InOrder;
use serde::Serialize;

/// How bad it is. Warnings may be denied or allowed by code; errors stop a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Advice,
    Warning,
    Error,
}

/// A place with a few words beside it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Label {
    pub span: Span,
    pub text: String,
}

/// A replacement that is certainly right.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fix {
    pub title: String,
    pub span: Span,
    pub replacement: String,
}

/// A finding for the person who wrote the workflow. `code` stands in [`super::catalog`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    pub code: &'static str,
    pub severity: Severity,
    /// One short sentence in the user's words, without a period.
    pub message: String,
    /// The exact place first; empty only when the finding is about something that has no text.
    pub labels: Vec<Label>,
    pub help: Option<String>,
    pub fix: Option<Fix>,
}

impl Diagnostic {
    pub fn error(code: &'static str, message: impl Into<String>) -> Diagnostic {
        Diagnostic { code, severity: Severity::Error, message: message.into(), labels: Vec::new(), help: None, fix: None }
    }

    pub fn warning(code: &'static str, message: impl Into<String>) -> Diagnostic {
        Diagnostic { severity: Severity::Warning, ..Diagnostic::error(code, message) }
    }

    /// Adds a place. The first one added is the primary span.
    pub fn at(mut self, span: Span, text: impl Into<String>) -> Diagnostic {
        self.labels.push(Label { span, text: text.into() });
        self
    }

    pub fn help(mut self, help: impl Into<String>) -> Diagnostic {
        self.help = Some(help.into());
        self
    }

    pub fn fix(mut self, title: impl Into<String>, span: Span, replacement: impl Into<String>) -> Diagnostic {
        self.fix = Some(Fix { title: title.into(), span, replacement: replacement.into() });
        self
    }

    pub fn span(&self) -> Option<Span> {
        self.labels.first().map(|label| label.span)
    }

    /// Every place in it follows an edit; see [`Span::follow`].
    pub fn follow(&mut self, from: u32, by: i64) {
        self.labels.iter_mut().for_each(|label| label.span.follow(from, by));
        self.fix.iter_mut().for_each(|fix| fix.span.follow(from, by));
    }

    /// Every place in it keeps to its text when the texts before it have become `by` more.
    pub fn renumbered(mut self, by: u32) -> Diagnostic {
        self.labels.iter_mut().for_each(|label| label.span.file.0 += by);
        self.fix.iter_mut().for_each(|fix| fix.span.file.0 += by);
        self
    }

    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// Sorts into file order; findings without a place come last.
pub fn sort(diagnostics: &mut [Diagnostic]) {
    diagnostics.order_by_key(|diagnostic| (diagnostic.span().is_none(), diagnostic.span(), diagnostic.code));
}
