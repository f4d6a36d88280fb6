//! The texts that spans point into, with a line table each, so that a line number costs a binary search. A text that nobody asks about
//! has none.

use serde::Serialize;
use std::sync::{Arc, OnceLock};

/// The number of a file in [`Sources`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct FileId(pub u32);

/// A byte range `start..end` in one file. `start <= end`, both on character boundaries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Span {
    pub file: FileId,
    pub start: u32,
    pub end: u32,
}

impl Span {
    pub fn new(file: FileId, start: usize, end: usize) -> Span {
        Span { file, start: start as u32, end: end as u32 }
    }

    pub fn len(&self) -> usize {
        (self.end - self.start) as usize
    }

    pub fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// The smallest span that covers both. Both must be in one file.
    pub fn to(self, other: Span) -> Span {
        Span { file: self.file, start: self.start.min(other.start), end: self.end.max(other.end) }
    }

    /// A part of this span, by byte offsets from its start.
    pub fn part(self, start: usize, end: usize) -> Span {
        Span { file: self.file, start: self.start + start as u32, end: self.start + end as u32 }
    }

    /// Follows an edit before `from`: what stands there or behind it has moved `by` bytes. Places before it stay, such as those of values
    /// that nobody wrote.
    pub fn follow(&mut self, from: u32, by: i64) {
        if self.start >= from {
            self.start = (i64::from(self.start) + by) as u32;
            self.end = (i64::from(self.end) + by) as u32;
        }
    }

    pub fn range(&self) -> std::ops::Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// One text.
#[derive(Clone, Debug)]
pub struct SourceFile {
    /// As the user would type it.
    pub name: String,
    pub text: Arc<str>,
    table: OnceLock<Table>,
}

/// Where lines and characters are in a text.
#[derive(Clone, Debug)]
struct Table {
    /// Byte offset of the start of each line; the first is 0.
    lines: Vec<u32>,
    /// How many characters begin before each block of [`BLOCK`] bytes, so that a column on a very long line costs no walk along it.
    marks: Vec<u32>,
}

impl Table {
    fn of(text: &str) -> Table {
        let starts = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at as u32 + 1);
        let mut seen = 0;
        // One more than there are blocks, for the offset behind the last byte.
        let marks = std::iter::once(0).chain(text.as_bytes().chunks(BLOCK).map(|block| {
            seen += characters(block) as u32;
            seen
        }));
        Table { lines: std::iter::once(0).chain(starts).collect(), marks: marks.collect() }
    }
}

/// Bytes between two marks.
const BLOCK: usize = 1024;

/// How many characters begin in these bytes of UTF-8.
fn characters(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte & 0xC0 != 0x80).count()
}

impl SourceFile {
    fn table(&self) -> &Table {
        self.table.get_or_init(|| Table::of(&self.text))
    }

    /// Line and column of a byte offset, both from 1; columns count characters.
    pub fn position(&self, offset: usize) -> (usize, usize) {
        let offset = offset.min(self.text.len());
        let lines = &self.table().lines;
        let line = lines.partition_point(|start| *start as usize <= offset) - 1;
        (line + 1, self.characters_before(offset) - self.characters_before(lines[line] as usize) + 1)
    }

    fn characters_before(&self, offset: usize) -> usize {
        let block = offset / BLOCK;
        self.table().marks[block] as usize + characters(&self.text.as_bytes()[block * BLOCK..offset])
    }

    /// The byte offset where a line starts, counted from 1; beyond the last line the end of the text.
    pub fn line_start(&self, number: usize) -> usize {
        self.table().lines.get(number.wrapping_sub(1)).map_or(self.text.len(), |start| *start as usize)
    }

    /// The text of a line, counted from 1, without its line break.
    pub fn line(&self, number: usize) -> &str {
        let lines = &self.table().lines;
        let Some(start) = lines.get(number.wrapping_sub(1)) else { return "" };
        let end = lines.get(number).map_or(self.text.len(), |next| *next as usize);
        self.text[*start as usize..end].trim_end_matches(['\n', '\r'])
    }
}

/// All texts of one run, in the order they were added.
#[derive(Clone, Debug, Default)]
pub struct Sources(Vec<SourceFile>);

impl Sources {
    pub fn add(&mut self, name: impl Into<String>, text: impl Into<Arc<str>>) -> FileId {
        self.0.push(SourceFile { name: name.into(), text: text.into(), table: OnceLock::new() });
        FileId(self.0.len() as u32 - 1)
    }

    /// Adds all texts of others; their numbers go up by what is returned.
    pub fn append(&mut self, others: Sources) -> u32 {
        let by = self.0.len() as u32;
        self.0.extend(others.0);
        by
    }

    /// How many texts there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Forgets the texts that were added after the first `length`. No span may point into them any more.
    pub fn truncate(&mut self, length: usize) {
        self.0.truncate(length);
    }

    pub fn get(&self, file: FileId) -> Option<&SourceFile> {
        self.0.get(file.0 as usize)
    }

    /// The text a span covers; empty when the span is outside.
    pub fn slice(&self, span: Span) -> &str {
        self.get(span.file).and_then(|file| file.text.get(span.range())).unwrap_or("")
    }

    /// The same texts with their names as seen from another folder.
    pub fn renamed(&self, name: impl Fn(&str) -> String) -> Sources {
        Sources(self.0.iter().map(|file| SourceFile { name: name(&file.name), ..file.clone() }).collect())
    }

    pub fn iter(&self) -> impl Iterator<Item = (FileId, &SourceFile)> {
        self.0.iter().enumerate().map(|(at, file)| (FileId(at as u32), file))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_also_far_out_on_one_line() {
        let text = "aé𝄞\n".to_owned() + &"é x𝄞 ".repeat(2_000) + "\nend";
        let mut sources = Sources::default();
        let id = sources.add("long", text.clone());
        let file = sources.get(id).unwrap();
        for (offset, _) in text.char_indices().chain([(text.len(), ' ')]) {
            let before = &text[..offset];
            let start = before.rfind('\n').map_or(0, |at| at + 1);
            let expected = (before.matches('\n').count() + 1, before[start..].chars().count() + 1);
            assert_eq!(file.position(offset), expected, "at {offset}");
        }
        assert_eq!(file.position(usize::MAX).0, 3);
        let empty = sources.add("empty", "");
        assert_eq!(sources.get(empty).unwrap().position(5), (1, 1));
    }

    #[test]
    fn positions_count_lines_and_characters() {
        let mut sources = Sources::default();
        let file = sources.add("a.kdl", "é1\r\nsecond\n");
        let file = sources.get(file).expect("just added");
        assert_eq!(file.position(0), (1, 1));
        assert_eq!(file.position(2), (1, 2));
        assert_eq!(file.position(5), (2, 1));
        assert_eq!(file.position(999), (3, 1));
        assert_eq!(file.line(1), "é1");
        assert_eq!(file.line(2), "second");
        assert_eq!(file.line(9), "");
    }
}
