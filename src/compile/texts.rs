//! Expressions and templates: what `step` finds wrong in their text, placed in the file they stand in.

use super::decode::Reference;
use crate::diag::{Diagnostic, FileId, Span};
use crate::model::GoodKind;
use crate::step::expression::ExpressionProblem;
use crate::step::template;

/// What is wrong with the expression of a reference.
pub(super) fn in_expression(reference: &Reference, problem: &ExpressionProblem) -> Diagnostic {
    let finding = Diagnostic::error("loop::bad-expression", problem.message.clone())
        .at(reference.part(problem.range.start, problem.range.end), "in this expression");
    match &problem.help {
        Some(help) => finding.help(help.clone()),
        None => finding,
    }
}

/// Checks a template against the fields of what its step takes. The places are in the template's own file.
pub(super) fn template(file: FileId, text: &str, takes: &[GoodKind], reference: &Reference, sink: &mut Vec<Diagnostic>) {
    for problem in template::check(text, takes) {
        let finding = Diagnostic::error("loop::bad-template", problem.message)
            .at(Span::new(file, problem.range.start, problem.range.end), "in this template")
            .at(reference.span, "the template is named here");
        sink.push(match problem.help {
            Some(help) => finding.help(help),
            None => finding,
        });
    }
}
