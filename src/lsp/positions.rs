//! Where something stands, as an editor counts and as we count.
//!
//! We count bytes. An editor counts lines from 0 and, within a line, the units that were agreed on when it said hello: UTF-16 code
//! units unless it can do better. A place an editor names may be stale or wrong, so every conversion bends it to the nearest place
//! that exists; none fails.

use lsp_types::{Position, PositionEncodingKind, Range};

/// What one step within a line counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    Utf8,
    Utf16,
    Utf32,
}

impl Encoding {
    /// The cheapest one that the editor offers; UTF-16 when it offers nothing we know.
    pub fn agreed(offered: &[PositionEncodingKind]) -> Encoding {
        let offers = |kind| offered.contains(&kind);
        match () {
            () if offers(PositionEncodingKind::UTF8) => Encoding::Utf8,
            () if offers(PositionEncodingKind::UTF32) && !offers(PositionEncodingKind::UTF16) => Encoding::Utf32,
            () => Encoding::Utf16,
        }
    }

    pub fn kind(self) -> PositionEncodingKind {
        match self {
            Encoding::Utf8 => PositionEncodingKind::UTF8,
            Encoding::Utf16 => PositionEncodingKind::UTF16,
            Encoding::Utf32 => PositionEncodingKind::UTF32,
        }
    }

    /// How many units a piece of a line has.
    pub fn length(self, text: &str) -> u32 {
        let length = match self {
            _ if text.is_ascii() => text.len(),
            Encoding::Utf8 => text.len(),
            Encoding::Utf16 => text.chars().map(char::len_utf16).sum(),
            Encoding::Utf32 => text.chars().count(),
        };
        u32::try_from(length).unwrap_or(u32::MAX)
    }

    /// The byte offset of a number of units within a line; inside of a character, its beginning.
    fn offset(self, line: &str, units: u32) -> usize {
        let units = units as usize;
        let mut counted = 0;
        for (at, c) in line.char_indices() {
            let length = match self {
                Encoding::Utf8 => c.len_utf8(),
                Encoding::Utf16 => c.len_utf16(),
                Encoding::Utf32 => 1,
            };
            if counted + length > units {
                return at;
            }
            counted += length;
        }
        line.len()
    }
}

/// The line table of one text. Lines end in `\n`, `\r\n` or `\r`, as the protocol says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lines {
    /// The byte offset of the start of each line; the first is 0.
    starts: Vec<u32>,
    encoding: Encoding,
}

/// Whether a line ends with this byte.
fn ends_line(bytes: &[u8], at: usize) -> bool {
    bytes[at] == b'\n' || (bytes[at] == b'\r' && bytes.get(at + 1) != Some(&b'\n'))
}

impl Lines {
    pub fn new(text: &str, encoding: Encoding) -> Lines {
        let bytes = text.as_bytes();
        let mut starts = Vec::with_capacity(bytes.len() / 24 + 1);
        starts.push(0);
        starts.extend((0..bytes.len()).filter(|at| ends_line(bytes, *at)).map(|at| at as u32 + 1));
        Lines { starts, encoding }
    }

    /// Follows an edit: the bytes of `range` became `inserted` others, and the whole is `text` now. Of a large file only the surroundings
    /// are looked at.
    pub fn edit(&mut self, text: &str, range: std::ops::Range<usize>, inserted: usize) {
        let bytes = text.as_bytes();
        // A line starts at a place because of the byte before it and, when that is `\r`, the one at it.
        let kept = self.starts.partition_point(|start| (*start as usize) < range.start).max(1);
        let behind = self.starts.partition_point(|start| (*start as usize) <= range.end).max(kept);
        let looked_at = range.start.saturating_sub(1)..(range.start + inserted).min(bytes.len());
        let found: Vec<u32> = looked_at.filter(|at| ends_line(bytes, *at)).map(|at| at as u32 + 1).collect();
        let count = found.len();
        self.starts.splice(kept..behind, found);
        for start in &mut self.starts[kept + count..] {
            *start = (*start as usize + inserted - range.len()) as u32;
        }
    }

    pub fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// How many lines there are; at least one.
    pub fn count(&self) -> usize {
        self.starts.len()
    }

    /// The line of a byte offset, from 0.
    pub fn line(&self, offset: usize) -> usize {
        self.starts.partition_point(|start| *start as usize <= offset).saturating_sub(1)
    }

    /// The byte offset where a line starts, counted from 0; beyond the last line the end of the text.
    pub fn start(&self, text: &str, line: usize) -> usize {
        self.starts.get(line).map_or(text.len(), |start| *start as usize)
    }

    pub fn position(&self, text: &str, offset: usize) -> Position {
        let mut offset = offset.min(text.len());
        while !text.is_char_boundary(offset) {
            offset -= 1;
        }
        let line = self.line(offset);
        Position { line: line as u32, character: self.encoding.length(&text[self.start(text, line)..offset]) }
    }

    /// The byte offset of a position: beyond the end of a line, the end of that line; beyond the last line, the end of the text.
    pub fn offset(&self, text: &str, position: Position) -> usize {
        let line = position.line as usize;
        let start = self.start(text, line);
        let end = self.start(text, line.saturating_add(1));
        let content = text[start..end].trim_end_matches(['\n', '\r']);
        start + self.encoding.offset(content, position.character)
    }

    /// A range of bytes as the editor writes it.
    pub fn range(&self, text: &str, range: std::ops::Range<usize>) -> Range {
        Range { start: self.position(text, range.start), end: self.position(text, range.end) }
    }

    /// The bytes of an editor's range; one that ends before it starts is empty.
    pub fn bytes(&self, text: &str, range: Range) -> std::ops::Range<usize> {
        let start = self.offset(text, range.start);
        start..self.offset(text, range.end).max(start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TEXT: &str = "a\r\né😀x\rlast\n";

    fn at(line: u32, character: u32) -> Position {
        Position { line, character }
    }

    #[test]
    fn a_character_counts_what_was_agreed_on() {
        for (encoding, after_face) in [(Encoding::Utf8, 6), (Encoding::Utf16, 3), (Encoding::Utf32, 2)] {
            let lines = Lines::new(TEXT, encoding);
            let offset = TEXT.find('x').expect("in the text");
            assert_eq!(lines.position(TEXT, offset), at(1, after_face), "{encoding:?}");
            assert_eq!(lines.offset(TEXT, at(1, after_face)), offset, "{encoding:?}");
        }
    }

    #[test]
    fn places_that_do_not_exist_bend_to_the_nearest() {
        let lines = Lines::new(TEXT, Encoding::Utf16);
        assert_eq!(lines.count(), 4);
        // Behind the end of a line: before its line break. Behind the last line: the end.
        assert_eq!(lines.offset(TEXT, at(0, 99)), 1);
        assert_eq!(lines.offset(TEXT, at(99, 0)), TEXT.len());
        assert_eq!(lines.offset(TEXT, at(u32::MAX, u32::MAX)), TEXT.len());
        // Between the two halves of a face: before it.
        assert_eq!(lines.offset(TEXT, at(1, 2)), TEXT.find('😀').expect("in the text"));
        assert_eq!(lines.position(TEXT, TEXT.find('😀').expect("in the text") + 2), at(1, 1));
        assert_eq!(lines.position(TEXT, 9999), at(3, 0));
        assert_eq!(lines.bytes(TEXT, Range { start: at(1, 0), end: at(0, 0) }), 3..3);
    }

    #[test]
    fn the_cheapest_common_encoding_is_taken() {
        let kinds = |names: &[&'static str]| names.iter().map(|name| PositionEncodingKind::new(name)).collect::<Vec<_>>();
        assert_eq!(Encoding::agreed(&kinds(&["utf-16", "utf-8"])), Encoding::Utf8);
        assert_eq!(Encoding::agreed(&kinds(&["utf-32"])), Encoding::Utf32);
        assert_eq!(Encoding::agreed(&kinds(&["utf-32", "utf-16"])), Encoding::Utf16);
        assert_eq!(Encoding::agreed(&kinds(&["ebcdic"])), Encoding::Utf16);
        assert_eq!(Encoding::agreed(&[]), Encoding::Utf16);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_table_that_was_edited_is_that_of_the_new_text(
            parts in prop::collection::vec(prop::sample::select(&["a", "é", "\n", "\r\n", "\r"][..]), 0..20),
            from in 0usize..20,
            taken in 0usize..6,
            put in prop::collection::vec(prop::sample::select(&["b", "\n", "\r"][..]), 0..4),
        ) {
            let (from, put) = (from.min(parts.len()), put.concat());
            let behind = (from + taken).min(parts.len());
            let (before, gone, after) = (parts[..from].concat(), parts[from..behind].concat(), parts[behind..].concat());
            let mut lines = Lines::new(&parts.concat(), Encoding::Utf16);
            let text = format!("{before}{put}{after}");
            lines.edit(&text, before.len()..before.len() + gone.len(), put.len());
            prop_assert_eq!(lines, Lines::new(&text, Encoding::Utf16));
        }

        #[test]
        fn every_character_boundary_comes_back(parts in prop::collection::vec(prop::sample::select(&["a", "é", "😀", "\n", "\r\n", "\r", "\t"][..]), 0..30)) {
            let text = parts.concat();
            for encoding in [Encoding::Utf8, Encoding::Utf16, Encoding::Utf32] {
                let lines = Lines::new(&text, encoding);
                for (offset, _) in text.char_indices() {
                    // Inside of a line break there is no place of its own.
                    if text[..offset].ends_with('\r') && text[offset..].starts_with('\n') {
                        continue;
                    }
                    prop_assert_eq!(lines.offset(&text, lines.position(&text, offset)), offset);
                }
            }
        }
    }
}
