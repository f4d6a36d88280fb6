//! Where in a spelling the parts of its text stand, also when the text has escapes or several lines.
//!
//! A finding inside an expression counts bytes of the text that was meant; the person looks at what was written. Nearly all texts are written
//! as they are meant, and for the others the spelling is read once more, only when something has to be said about it.

use super::characters::newline_length;
use super::literal::{self, Parts};
use std::ops::Range;

/// The place in a spelling of the bytes `part` of its text; `None` when the spelling is broken or has no such bytes.
pub fn place_in(spelling: &str, part: Range<usize>) -> Option<Range<usize>> {
    let hashes = spelling.bytes().take_while(|byte| *byte == b'#').count();
    let marks = spelling[hashes..].strip_suffix(&spelling[..hashes])?;
    let mut found = Places { length: 0, parts: Vec::new() };
    let base = if let Some(body) = marks.strip_prefix("\"\"\"").and_then(|after| after.strip_suffix("\"\"\"")) {
        let newline = newline_length(body.as_bytes(), 0);
        if newline == 0 || literal::lines(&body[newline..], hashes == 0, &mut found) != (None, None) {
            return None;
        }
        hashes + 3 + newline
    } else {
        let inner = marks.strip_prefix('"')?.strip_suffix('"')?;
        match hashes {
            0 if literal::unescape(inner, &mut found).is_some() => return None,
            0 => {}
            _ => found.copied(inner, 0),
        }
        hashes + 1
    };
    let place = found.place(part)?;
    Some(base + place.start..base + place.end)
}

/// The parts of a text, in order and without gaps.
struct Places {
    /// Of the text until now.
    length: usize,
    parts: Vec<Part>,
}

struct Part {
    /// Where it begins in the text.
    start: usize,
    /// Where it stands in the spelling.
    place: Range<usize>,
    /// Whether it stands there as it is, or as something that means it.
    is_copied: bool,
}

impl Parts for Places {
    fn copied(&mut self, text: &str, at: usize) {
        if !text.is_empty() {
            self.parts.push(Part { start: self.length, place: at..at + text.len(), is_copied: true });
            self.length += text.len();
        }
    }

    fn made(&mut self, character: char, place: Range<usize>) {
        self.parts.push(Part { start: self.length, place, is_copied: false });
        self.length += character.len_utf8();
    }
}

impl Places {
    fn at(&self, offset: usize) -> Option<&Part> {
        let after = self.parts.partition_point(|part| part.start <= offset);
        self.parts.get(after.checked_sub(1)?)
    }

    fn place(&self, wanted: Range<usize>) -> Option<Range<usize>> {
        if wanted.start > wanted.end || wanted.end > self.length {
            return None;
        }
        let first = self.at(wanted.start)?;
        let start = first.place.start + if first.is_copied { wanted.start - first.start } else { 0 };
        if wanted.is_empty() {
            return Some(start..start);
        }
        let last = self.at(wanted.end - 1)?;
        let end = if last.is_copied { last.place.start + (wanted.end - last.start) } else { last.place.end };
        Some(start..end.max(start))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::FileId;
    use crate::syntax::{Value, read};

    /// What is written where `part` of the text stands.
    fn written<'s>(spelling: &'s str, part: &str) -> Option<&'s str> {
        let file = format!("a {spelling}\n");
        let (tree, _) = read(FileId(0), &file);
        let entry = tree.roots().next().and_then(|node| node.arg(0))?;
        assert_eq!(entry.spelling(), spelling);
        let Value::Text(text) = entry.value() else { return None };
        let start = text.find(part).unwrap_or_else(|| panic!("`{part}` is in `{text}`"));
        place_in(spelling, start..start + part.len()).map(|place| &spelling[place])
    }

    #[test]
    fn a_part_is_found_in_every_way_to_write_a_text() {
        for (spelling, part, expected) in [
            (r#""signal.volum""#, "volum", "volum"),
            (r##"#"a "b" c"#"##, "\"b\"", "\"b\""),
            (r#""a == \"é\" && volum""#, "volum", "volum"),
            (r#""a == \"é\" && volum""#, "\"é\"", r#"\"é\""#),
            (r#""\u{73}ignal.x""#, "signal", r"\u{73}ignal"),
            ("\"a \\\n   b.volum\"", "volum", "volum"),
            ("\"a \\\n   b.volum\"", "a b", "a \\\n   b"),
            ("\"\"\"\n    a.b\n      && c.volum\n    \"\"\"", "volum", "volum"),
            ("\"\"\"\r\n    a.b\r\n\r\n    c == \\\"x\\\"\r\n    \"\"\"", "\"x\"", "\\\"x\\\""),
            ("\"\"\"\n    a.b \\\n      c.volum\n    d\n    \"\"\"", "volum\nd", "volum\n    d"),
            ("#\"\"\"\n  a \\d\n  b.volum\n  \"\"\"#", "volum", "volum"),
        ] {
            assert_eq!(written(spelling, part), Some(expected), "{spelling}");
        }
    }

    #[test]
    fn what_is_broken_or_not_there_has_no_place() {
        for (spelling, part) in [
            ("\"abc", 0..1),
            ("\"a\\d\"", 0..1),
            ("\"abc\"", 2..4),
            ("\"\"\"x\"\"\"", 0..1),
            ("\"\"\"\n  a\n b\n  \"\"\"", 0..1),
            ("bare", 0..1),
            ("", 0..0),
            ("#", 0..0),
            ("\"", 0..0),
            ("##\"", 0..0),
        ] {
            assert_eq!(place_in(spelling, part), None, "{spelling}");
        }
    }
}
