//! Applying fixes to a text: from the front, each once, and none that touches one before it.

use super::Fix;
use crate::base::InOrder;
use std::ops::Range;

/// The text with its fixes applied, and which of them were: one that overlaps an earlier one, or stands outside the text, waits for
/// another round.
pub fn mend<'f>(text: &str, fixes: impl IntoIterator<Item = &'f Fix>) -> (String, Vec<&'f Fix>) {
    in_order(text, fixes.into_iter().collect())
}

fn in_order<'f>(text: &str, mut waiting: Vec<&'f Fix>) -> (String, Vec<&'f Fix>) {
    // Stable, so that of two fixes for one place the first that was told wins.
    waiting.order_by_key(|fix| (fix.span.start, fix.span.end));
    let mut out = String::with_capacity(text.len());
    let mut applied: Vec<&Fix> = Vec::new();
    let mut copied = 0;
    for fix in waiting {
        let range = match fix.replacement.is_empty() {
            true => with_its_line(text, fix.span.range()),
            false => fix.span.range(),
        };
        // Two insertions at one place, or one at the end of a replacement, could mean either order.
        let touches = applied
            .last()
            .is_some_and(|last| range.start < copied || (range.start == copied && last.span.len() * range.len() == 0));
        if touches || text.get(range.clone()).is_none_or(|old| old == fix.replacement) {
            continue;
        }
        out.push_str(&text[copied..range.start]);
        out.push_str(&fix.replacement);
        copied = range.end;
        applied.push(fix);
    }
    out.push_str(&text[copied..]);
    (out, applied)
}

/// What is taken out is taken out with its line, when nothing else stands there.
fn with_its_line(text: &str, range: Range<usize>) -> Range<usize> {
    let (Some(before), Some(after)) = (text.get(..range.start), text.get(range.end..)) else { return range };
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    let end = range.end + after.find('\n').map_or(after.len(), |at| at + 1);
    let lonely = text[start..range.start].trim().is_empty() && text[range.end..end].trim().is_empty();
    if lonely && !range.is_empty() && text[range.clone()].trim() != "" { start..end } else { range }
}

#[cfg(test)]
mod tests {
    use super::super::{FileId, Span};
    use super::*;

    fn mended(text: &str, fixes: &[(usize, usize, &str)]) -> (String, usize) {
        let fixes: Vec<Fix> = fixes
            .iter()
            .map(|(start, end, replacement)| Fix {
                title: String::new(),
                span: Span::new(FileId(0), *start, *end),
                replacement: (*replacement).to_owned(),
            })
            .collect();
        let (text, applied) = mend(text, &fixes);
        (text, applied.len())
    }

    #[test]
    fn fixes_are_applied_from_the_front_in_any_order() {
        assert_eq!(mended("one two three", &[(8, 13, "3"), (0, 3, "1"), (3, 3, "!")]), ("1 two 3".to_owned(), 2));
        assert_eq!(mended("one two", &[(3, 4, ""), (4, 7, "2")]), ("one2".to_owned(), 2));
    }

    #[test]
    fn a_line_of_which_nothing_is_left_goes_as_a_whole() {
        assert_eq!(mended("a {\n    b\n    c\n}\n", &[(8, 9, "")]), ("a {\n    c\n}\n".to_owned(), 1));
        assert_eq!(mended("a {\n    b // why\n}\n", &[(8, 9, "")]), ("a {\n     // why\n}\n".to_owned(), 1));
        assert_eq!(mended("b", &[(0, 1, "")]), (String::new(), 1));
    }

    #[test]
    fn what_overlaps_changes_nothing_or_is_out_of_range_is_left_out() {
        assert_eq!(mended("abc", &[(0, 2, "x"), (1, 3, "y")]), ("xc".to_owned(), 1));
        assert_eq!(mended("abc", &[(0, 1, "a"), (2, 9, "y")]), ("abc".to_owned(), 0));
        assert_eq!(mended("é", &[(1, 2, "y")]), ("é".to_owned(), 0));
        assert_eq!(mended("ab", &[(1, 1, "x"), (1, 1, "y")]), ("axb".to_owned(), 1));
    }
}
