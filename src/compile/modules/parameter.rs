//! A parameter of a step that a module exports, and the check of a value for it.

use crate::compile::decode::What;
use crate::compile::scalar::{self, one_of};
use crate::diag::{Diagnostic, Span, nearest};
use crate::model::Scalar;
use crate::step::ValueType;
use crate::syntax::Entry;

/// Something a use may or must say.
pub struct Param {
    pub name: String,
    /// The word after `type=`.
    pub type_word: String,
    pub ty: ValueType,
    /// For a `choice`.
    pub words: Vec<String>,
    pub default: Option<Default>,
    pub optional: bool,
    pub many: bool,
    pub least: Option<f64>,
    pub most: Option<f64>,
    pub about: String,
    pub span: Span,
}

/// A default as it is written.
pub struct Default {
    pub spelling: String,
    /// What it means, as text.
    pub plain: String,
    pub span: Span,
    /// The bytes at `span` are those of `spelling`.
    pub exact: bool,
}

impl Param {
    pub fn is_required(&self) -> bool {
        self.default.is_none() && !self.optional
    }

    /// What a value looks like, for messages.
    pub fn expected(&self) -> String {
        match self.ty {
            ValueType::Choice(_) => one_of(self.words.iter().map(String::as_str)),
            ty => scalar::expected(ty),
        }
    }

    /// Checks one value.
    #[expect(clippy::result_large_err, reason = "a finding is made once per mistake, and mistakes are few")]
    pub fn check(&self, entry: &Entry<'_>) -> Result<Scalar, Diagnostic> {
        let what = format!("`{}`", self.name);
        let ty = if let ValueType::Choice(_) = self.ty { ValueType::Text } else { self.ty };
        let value = scalar::read(entry, ty, What::Whole(&self.name))?;
        if let (ValueType::Choice(_), Scalar::Text(text)) = (self.ty, &value)
            && !self.words.contains(text)
        {
            let span = entry.value_span();
            let words = || self.words.iter().map(String::as_str);
            let finding = Diagnostic::error("loop::unknown-choice", format!("{what} cannot be `{text}`"))
                .at(span, format!("expected {}", one_of(words())));
            return Err(match nearest(text, words()) {
                Some(near) => {
                    finding.help(format!("did you mean `{near}`?")).fix(format!("write `{near}`"), span, format!("\"{near}\""))
                }
                None => finding.help(format!("write {}", self.expected())),
            });
        }
        if let Some(number) = value.number()
            && (self.least.is_some_and(|least| number < least) || self.most.is_some_and(|most| number > most))
        {
            let range = match (self.least, self.most) {
                (Some(least), Some(most)) => format!("{least} to {most}"),
                (Some(least), None) => format!("{least} or more"),
                (_, most) => format!("at most {}", most.unwrap_or_default()),
            };
            return Err(Diagnostic::error("loop::out-of-range", format!("{what} takes {range}, found `{}`", entry.spelling()))
                .at(entry.value_span(), "out of range")
                .help(format!("write {range}")));
        }
        Ok(value)
    }
}
