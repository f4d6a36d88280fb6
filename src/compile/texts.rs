//! Expressions and templates: what `step` finds wrong in their text, placed in the file they stand in.

use super::decode::Reference;
use crate::diag::{Diagnostic, FileId, Span};
use crate::model::GoodKind;
use crate::step::expression::{self, Wanted};
use crate::step::template;

/// Checks an expression against the fields of what its step takes.
pub(super) fn expression(reference: &Reference, takes: &[GoodKind], sink: &mut Vec<Diagnostic>) {
    for problem in expression::check_for(&reference.text, takes, Wanted::of_node(reference.holder)) {
        let finding = Diagnostic::error("loop::bad-expression", problem.message)
            .at(reference.part(problem.range.start, problem.range.end), "in this expression");
        sink.push(match problem.help {
            Some(help) => finding.help(help),
            None => finding,
        });
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
