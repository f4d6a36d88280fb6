//! Expressions and templates: what `step` finds wrong in their text, placed in the file they stand in.

use super::decode::Reference;
use crate::diag::{Diagnostic, FileId};
use crate::model::GoodKind;

pub(super) fn expression(_reference: &Reference, _takes: &[GoodKind], _sink: &mut Vec<Diagnostic>) {}

pub(super) fn template(_file: FileId, _text: &str, _takes: &[GoodKind], _reference: &Reference, _sink: &mut Vec<Diagnostic>) {}
