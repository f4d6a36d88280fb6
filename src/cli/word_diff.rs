//! Two versions of a text, word by word, for a terminal: `[-old-]` and `{+new+}`, which also says it without colour.
//!
//! Lines without a change are left out but for one on each side, so that a long text shows what is new in it.

use crate::report::style::{BAD, DIM, GOOD, paint, plain};
use crate::stats::difference::{ChangeTag, Difference};

/// The lines in which something changed, at most `width` columns wide; empty when nothing did.
pub fn word_diff(old: &str, new: &str, width: usize) -> String {
    let mut lines: Vec<(bool, String)> = vec![(false, String::new())];
    let mut changes = Difference::of_words(old, new, None).changes().into_iter().peekable();
    while let Some((tag, part)) = changes.next() {
        let mut run = part.to_owned();
        while let Some((_, next)) = changes.next_if(|(next, _)| *next == tag) {
            run.push_str(next);
        }
        for (at, part) in run.split('\n').enumerate() {
            if at > 0 {
                // A break that was put in or taken out belongs to a changed line, too.
                lines.push((tag != ChangeTag::Equal, String::new()));
            }
            let Some((changed, line)) = lines.last_mut() else { continue };
            let part = plain(part);
            if part.is_empty() {
                continue;
            }
            match tag {
                ChangeTag::Equal => line.push_str(&part),
                ChangeTag::Delete => line.push_str(&marked(&part, "[-", "-]", BAD)),
                ChangeTag::Insert => line.push_str(&marked(&part, "{+", "+}", GOOD)),
            }
            *changed |= tag != ChangeTag::Equal;
        }
    }
    if lines.iter().all(|(changed, _)| !changed) {
        return String::new();
    }
    let near = |at: usize| lines[at.saturating_sub(1)..lines.len().min(at + 2)].iter().any(|(changed, _)| *changed);
    let mut out = String::new();
    let mut gap = false;
    for (at, (_, line)) in lines.iter().enumerate() {
        if !near(at) {
            gap = true;
            continue;
        }
        if std::mem::take(&mut gap) {
            out.push_str(&format!("  {}\n", paint(DIM, "…")));
        }
        let options = textwrap::Options::new(width.max(30)).initial_indent("  ").subsequent_indent("  ");
        for row in textwrap::wrap(line, options) {
            out.push_str(row.trim_end());
            out.push('\n');
        }
    }
    out
}

/// White space at the ends stands outside of the marks.
fn marked(part: &str, open: &str, close: &str, style: anstyle::Style) -> String {
    let inner = part.trim();
    if inner.is_empty() {
        return part.to_owned();
    }
    let (before, after) = (part.len() - part.trim_start().len(), part.trim_end().len());
    format!("{}{}{}", &part[..before], paint(style, format!("{open}{inner}{close}")), &part[after..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn diff(old: &str, new: &str) -> String {
        anstream::adapter::strip_str(&word_diff(old, new, 60)).to_string()
    }

    #[test]
    fn only_changed_words_are_marked_and_far_lines_left_out() {
        let old = "# Title\n\none\n\nPrices rose by two per cent.\n\nlast";
        let new = "# Title\n\none\n\nPrices fell by two per cent.\n\nlast";
        assert_eq!(diff(old, new), "  …\n\n  Prices [-rose-]{+fell+} by two per cent.\n\n");
        assert_eq!(diff("same", "same"), "");
    }

    #[test]
    fn a_new_paragraph_is_marked_and_nothing_is_obeyed() {
        let said = diff("one", "one\n\ntwo \u{1b}[2J words");
        assert!(said.contains("{+two  [2J words+}"), "{said:?}");
    }

    #[test]
    fn long_lines_are_wrapped() {
        let said = diff(&"word ".repeat(60), &format!("{}new", "word ".repeat(60)));
        assert!(said.lines().all(|line| line.len() <= 60) && said.lines().count() > 4, "{said}");
    }
}
