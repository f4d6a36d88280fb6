//! Formatting: what `loopctl fmt` would write, as the fewest edits, so that a cursor and folded blocks stay where they are.

use super::documents::Source;
use crate::diag::FileId;
use crate::stats::difference::{DiffOp, Difference};
use crate::syntax;
use lsp_types::TextEdit;
use std::ops::Range;
use std::time::{Duration, Instant};

/// A text in which so much differs is rather replaced as a whole than compared for longer than this.
const LONGEST: Duration = Duration::from_millis(200);

/// The edits that lay a file out; `None` when it has errors, because then what was meant is not certain.
pub fn edits(source: &Source) -> Option<Vec<TextEdit>> {
    let formatted = syntax::format(FileId(0), &source.text).ok()?;
    Some(between(source, &formatted))
}

/// The edits of [`edits`] that touch a range of bytes.
pub fn edits_in(source: &Source, range: Range<usize>) -> Option<Vec<TextEdit>> {
    let touches = |edit: &TextEdit| {
        let bytes = source.lines.bytes(&source.text, edit.range);
        bytes.start <= range.end && range.start <= bytes.end
    };
    Some(edits(source)?.into_iter().filter(touches).collect())
}

/// The edits, line by line, that make one text of another.
pub fn between(source: &Source, after: &str) -> Vec<TextEdit> {
    let before: Vec<&str> = source.text.split_inclusive('\n').collect();
    let lines: Vec<&str> = after.split_inclusive('\n').collect();
    let diff = Difference::between(before, lines, Some(Instant::now() + LONGEST));
    let starts: Vec<usize> = std::iter::once(0)
        .chain(diff.before.iter().scan(0, |at, line| {
            *at += line.len();
            Some(*at)
        }))
        .collect();
    let edit = |op: &DiffOp| {
        let (old, new) = (op.old_range(), op.new_range());
        let range = source.lines.range(&source.text, starts[old.start]..starts[old.end]);
        TextEdit { range, new_text: diff.after[new].concat() }
    };
    diff.steps.iter().filter(|op| !matches!(op, DiffOp::Equal { .. })).map(edit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lsp::positions::Encoding;

    fn source(text: &str) -> Source {
        Source::new("/p/a.kdl".into(), text.into(), Encoding::Utf16)
    }

    /// Applies edits as an editor does.
    fn applied(source: &Source, mut edits: Vec<TextEdit>) -> String {
        let mut text = source.text.to_string();
        edits.sort_by_key(|edit| std::cmp::Reverse(edit.range.start));
        for edit in edits {
            text.replace_range(source.lines.bytes(&source.text, edit.range), &edit.new_text);
        }
        text
    }

    #[test]
    fn edits_make_what_fmt_makes_and_leave_the_rest_alone() {
        let text = "a   1\nb 2\n// é 😀\nc  {\n  d\n}";
        let source = source(text);
        let edits = edits(&source).expect("no errors");
        assert_eq!(applied(&source, edits.clone()), syntax::format(FileId(0), text).expect("no errors"));
        assert!(edits.iter().all(|edit| edit.range.start.line != 1), "{edits:?}");
        let first = edits_in(&source, 0..1).expect("no errors");
        assert_eq!((first.len(), first[0].new_text.as_str()), (1, "a 1\n"));
    }

    #[test]
    fn a_file_with_errors_is_left_alone_and_a_tidy_one_needs_nothing() {
        assert_eq!(edits(&source("a {")), None);
        assert_eq!(edits(&source("a 1\n")), Some(Vec::new()));
        assert_eq!(edits(&source("")), Some(Vec::new()));
    }
}
