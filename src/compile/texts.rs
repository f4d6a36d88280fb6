//! Expressions and templates: what `step` finds wrong in their text, placed in the file they stand in.

use super::decode::Reference;
use crate::diag::{Diagnostic, FileId};
use crate::model::GoodKind;
use crate::step::expression::{self, Wanted};

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

pub(super) fn template(_file: FileId, _text: &str, _takes: &[GoodKind], _reference: &Reference, _sink: &mut Vec<Diagnostic>) {}
