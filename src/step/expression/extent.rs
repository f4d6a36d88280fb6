//! Where a part of an expression stands in its text: what a diagnostic underlines.

use super::parse::Program;
use cel::IdedExpr;
use cel::common::ast::{CallExpr, Expr, SelectExpr};
use std::ops::Range;

/// Where the reader of the grammar says a part is: mostly its first sign, not all of it.
pub(super) fn mark(program: &Program, id: u64) -> Range<usize> {
    let length = program.text.len();
    let (start, end) = program.source.offset_for(id).map_or((0, length), |(start, stop)| (start as usize, stop as usize + 1));
    let (start, end) = (start.min(length), end.clamp(start.min(length), length));
    if program.text.get(start..end).is_some() { start..end } else { 0..length }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The name of the field that a selection names.
pub(super) fn field_range(program: &Program, expr: &IdedExpr, select: &SelectExpr) -> Range<usize> {
    let own = mark(program, expr.id);
    // The mark of a selection is its dot; `has(…)` is marked elsewhere, so the dot is looked for after the operand.
    let from = if program.text[own.clone()].starts_with('.') { own.start } else { mark(program, select.operand.id).start };
    let mut at = from;
    while let Some(dot) = program.text[at..].find('.') {
        let after = at + dot + 1;
        let rest = program.text[after..].trim_start();
        let start = program.text.len() - rest.len();
        let name: usize = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        if rest[..name] == select.field {
            return start..start + name;
        }
        at = after;
    }
    own
}

/// The name of the function that is called.
pub(super) fn call_range(program: &Program, expr: &IdedExpr, call: &CallExpr) -> Range<usize> {
    let own = mark(program, expr.id);
    let before = program.text[..own.start].trim_end();
    if before.ends_with(call.func_name.as_str()) { before.len() - call.func_name.len()..before.len() } else { own }
}

/// All of a part.
pub(super) fn extent(program: &Program, expr: &IdedExpr) -> Range<usize> {
    let own = mark(program, expr.id);
    match &expr.expr {
        Expr::Select(select) => {
            let operand = extent(program, &select.operand);
            let field = field_range(program, expr, select);
            operand.start.min(field.start)..field.end.max(operand.end)
        }
        Expr::Call(call) => {
            let name = call_range(program, expr, call);
            let parts = call.target.iter().map(|target| &**target).chain(&call.args);
            let whole = parts
                .map(|part| extent(program, part))
                .fold(own.start.min(name.start)..own.end, |whole, part| whole.start.min(part.start)..whole.end.max(part.end));
            // A call ends with the bracket behind its last argument.
            let closes = matches!(program.text.get(own.clone()), Some("(" | "["));
            let tail = &program.text[whole.end..];
            match tail.trim_start().chars().next() {
                Some(')' | ']') if closes => whole.start..whole.end + (tail.len() - tail.trim_start().len()) + 1,
                _ => whole,
            }
        }
        _ => own,
    }
}
