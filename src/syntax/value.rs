//! The reader's words: names, annotations, texts, numbers and keywords. Each returns the best it can, so that one slip costs one diagnostic.

use super::characters::{CLASS, STOP, line_end, newline_length, word_end};
use super::literal::{self, LinesTrouble, Number};
use super::read::Reader;
use super::slip;
use super::tree::{DECODED, Piece, Stored, Word};

/// Closing marks with more `#` than this are not looked for: nobody writes them, and looking costs time.
const HASHES_MOST: usize = 255;

/// A value as it was found.
pub(super) struct Found {
    pub stored: Stored,
    /// Set when the value could also be a name.
    pub word: Option<Word>,
    pub bare: bool,
    /// The keyword that a bare word was meant to be.
    pub keyword: Option<&'static str>,
    /// A mistake was reported that makes the rest of the node doubtful.
    pub broken: bool,
}

impl Found {
    fn plain(stored: Stored) -> Found {
        Found { stored, word: None, bare: false, keyword: None, broken: false }
    }

    fn text(piece: Piece, start: usize, end: usize, broken: bool) -> Found {
        let word = Word { piece, start: start as u32, end: end as u32 };
        Found { word: Some(word), broken, ..Found::plain(Stored::Text(piece)) }
    }
}

impl Reader<'_> {
    /// The value that starts here; nothing, and nothing reported, when none starts here.
    pub(super) fn value(&mut self) -> Option<Found> {
        let start = self.at;
        match self.peek()? {
            b'"' => Some(self.quoted()),
            b'#' => Some(self.hash()),
            b'0'..=b'9' => Some(self.number()),
            b'+' | b'-' | b'.' => {
                let signed = usize::from(self.bytes[start] != b'.');
                let digit = |at: usize| self.bytes.get(at).is_some_and(u8::is_ascii_digit);
                let dotted = self.bytes.get(start + signed) == Some(&b'.') && digit(start + signed + 1);
                if (signed == 1 && digit(start + 1)) || dotted { Some(self.number()) } else { Some(self.bare()) }
            }
            _ if word_end(self.bytes, start) > start => Some(self.bare()),
            _ => None,
        }
    }

    /// The name of a node, and whether it is one; nothing, and nothing reported, when no value starts here.
    pub(super) fn name(&mut self) -> Option<(Word, bool)> {
        let start = self.at;
        let found = self.value()?;
        let end = self.at;
        if found.keyword.is_some() {
            self.report(|reader| slip::keyword_as_name(reader.span(start, end), &reader.text[start..end]));
        }
        let Some(word) = found.word else {
            if !found.broken {
                self.report(|reader| slip::bad_name(reader.span(start, end), &reader.text[start..end]));
            }
            return Some((Word { piece: Piece::default(), start: start as u32, end: end as u32 }, false));
        };
        if found.bare && end - start > 1 && self.bytes[end - 1] == b':' {
            self.report(|reader| slip::colon_after_name(reader.span(end - 1, end), &reader.text[start..end - 1]));
            return Some((Word { piece: Piece { end: word.piece.end - 1, ..word.piece }, end: word.end - 1, ..word }, true));
        }
        Some((word, !found.broken))
    }

    /// A bare word.
    fn bare(&mut self) -> Found {
        let start = self.at;
        let end = word_end(self.bytes, start);
        self.at = end;
        let word = &self.text[start..end];
        if word == "r"
            && matches!(self.peek(), Some(b'"' | b'#'))
            && let Some(found) = self.old_raw(start)
        {
            return found;
        }
        let (keyword, stored) = match word {
            "true" => (Some("#true"), Some(Stored::Bool(true))),
            "false" => (Some("#false"), Some(Stored::Bool(false))),
            "null" => (Some("#null"), Some(Stored::Null)),
            "inf" => (Some("#inf"), Some(Stored::Number(f64::INFINITY))),
            "-inf" => (Some("#-inf"), Some(Stored::Number(f64::NEG_INFINITY))),
            "nan" => (Some("#nan"), Some(Stored::Number(f64::NAN))),
            _ => (None, None),
        };
        let piece = Piece { start: start as u32, end: end as u32 };
        let mut found = Found::text(piece, start, end, false);
        found.stored = stored.unwrap_or(found.stored);
        Found { bare: true, keyword, ..found }
    }

    fn number(&mut self) -> Found {
        let start = self.at;
        let end = word_end(self.bytes, start);
        self.at = end;
        let word = &self.text[start..end];
        match literal::number(word) {
            Ok(Number::Integer(integer)) => Found::plain(match i64::try_from(integer) {
                Ok(integer) => Stored::Integer(integer),
                Err(_) => {
                    self.tree.integers.push(integer);
                    Stored::Big(self.tree.integers.len() as u32 - 1)
                }
            }),
            Ok(Number::Float(float)) => Found::plain(Stored::Number(float)),
            Err(trouble) => {
                self.report(|reader| slip::bad_number(reader.span(start, end), word, trouble));
                Found { broken: true, ..Found::plain(Stored::Text(Piece { start: start as u32, end: end as u32 })) }
            }
        }
    }

    /// `#true`, `#"raw"#`, and what people write instead.
    fn hash(&mut self) -> Found {
        let start = self.at;
        let hashes = self.bytes[start..].iter().take_while(|byte| **byte == b'#').count();
        if self.bytes.get(start + hashes) == Some(&b'"') {
            return self.raw(start, hashes);
        }
        self.at = word_end(self.bytes, start + hashes);
        let end = self.at;
        let stored = match &self.text[start..end] {
            "#true" => Some(Stored::Bool(true)),
            "#false" => Some(Stored::Bool(false)),
            "#null" => Some(Stored::Null),
            "#inf" => Some(Stored::Number(f64::INFINITY)),
            "#-inf" => Some(Stored::Number(f64::NEG_INFINITY)),
            "#nan" => Some(Stored::Number(f64::NAN)),
            _ => None,
        };
        if let Some(stored) = stored {
            return Found::plain(stored);
        }
        let blank = end == start + hashes;
        if blank {
            // `# like this`: in many other languages the rest of the line is a comment.
            self.at = line_end(self.bytes, end);
            self.report(|reader| slip::hash_comment(reader.span(start, start + hashes)));
        } else {
            self.report(|reader| slip::unknown_keyword(reader.span(start, end), &reader.text[start..end]));
        }
        Found { broken: true, ..Found::plain(Stored::Null) }
    }

    /// `r"raw"` and `r#"raw"#` of KDL 1, after the `r`.
    fn old_raw(&mut self, start: usize) -> Option<Found> {
        let hashes = self.bytes[self.at..].iter().take_while(|byte| **byte == b'#').count();
        let open = self.at + hashes;
        if self.bytes.get(open) != Some(&b'"') || hashes > HASHES_MOST {
            return None;
        }
        let line = line_end(self.bytes, open);
        let closing = format!("\"{}", "#".repeat(hashes));
        let inner = open + 1;
        let end = inner + self.text[inner..line].find(&closing)?;
        self.at = end + closing.len();
        let after = self.at;
        self.report(|reader| slip::old_raw_text(reader.span(start, after), &reader.text[start + 1..after], hashes == 0));
        Some(Found::text(Piece { start: inner as u32, end: end as u32 }, start, after, false))
    }

    fn decoded(&mut self, from: usize) -> Piece {
        Piece { start: from as u32 | DECODED, end: self.tree.decoded.len() as u32 }
    }

    /// `"text"` and `"""` with lines.
    fn quoted(&mut self) -> Found {
        let start = self.at;
        if self.starts_with("\"\"\"") {
            return self.lines(start, 0);
        }
        let mut at = start + 1;
        let mut escapes = false;
        loop {
            // The inner loop is where most of a file is read.
            while at < self.bytes.len() && CLASS[self.bytes[at] as usize] & STOP == 0 {
                at += 1;
            }
            match self.bytes.get(at) {
                Some(b'"') => break,
                Some(b'\\') => {
                    escapes = true;
                    let blank = literal::blank_end(self.bytes, at + 1);
                    at = if blank > at + 1 { blank } else { at + 1 + self.character_length(at + 1) };
                }
                Some(_) if newline_length(self.bytes, at) == 0 => at += 1,
                _ => return self.unclosed(start),
            }
        }
        self.at = at + 1;
        if !escapes {
            return Found::text(Piece { start: start as u32 + 1, end: at as u32 }, start, at + 1, false);
        }
        let from = self.tree.decoded.len();
        let bad = literal::unescape(&self.text[start + 1..at], &mut self.tree.decoded);
        if let Some(bad) = bad {
            let spelling = &self.text[start + 1..at];
            self.report(|reader| {
                slip::bad_escape(reader.span(start + 1 + bad.start, start + 1 + bad.end), &spelling[bad.start..bad.end])
            });
        }
        let piece = self.decoded(from);
        Found::text(piece, start, at + 1, bad.is_some())
    }

    /// `#"raw"#` and `#"""` with lines, both with any number of `#`.
    fn raw(&mut self, start: usize, hashes: usize) -> Found {
        let open = start + hashes;
        if self.bytes[open..].starts_with(b"\"\"\"") {
            return self.lines(start, hashes);
        }
        match self.closing_on_line(open + 1, hashes, true) {
            Some(quote) => {
                self.at = quote + 1 + hashes;
                Found::text(Piece { start: open as u32 + 1, end: quote as u32 }, start, self.at, false)
            }
            None => self.unclosed(start),
        }
    }

    /// The quotation mark on this line that ends a text. Stops at the line's end, and looks no further than it must: lines can be long.
    fn closing_on_line(&self, from: usize, hashes: usize, raw: bool) -> Option<usize> {
        let mut at = from;
        loop {
            match *self.bytes.get(at)? {
                b'"' => {
                    let closing = self.bytes[at + 1..].iter().take(hashes).take_while(|byte| **byte == b'#').count();
                    if closing == hashes {
                        return Some(at);
                    }
                    at += 1 + closing;
                }
                b'\\' if !raw => at += 1 + self.character_length(at + 1),
                byte if CLASS[byte as usize] & STOP != 0 && newline_length(self.bytes, at) > 0 => return None,
                _ => at += 1,
            }
        }
    }

    /// A text of several lines, raw when `hashes` is not 0.
    fn lines(&mut self, start: usize, hashes: usize) -> Found {
        let open = start + hashes + 3;
        let Some(closing) = self.closing_marks(open, hashes) else {
            return self.unclosed_lines(start, open);
        };
        let end = closing + 3 + hashes;
        self.at = end;
        let from = self.tree.decoded.len();
        let newline = newline_length(self.bytes, open);
        if newline == 0 {
            self.report(|reader| {
                slip::text_after_marks(reader.span(start, open), reader.span(open, line_end(&reader.bytes[..closing], open)))
            });
            let piece = Piece { start: open as u32, end: closing as u32 };
            return Found::text(piece, start, end, true);
        }
        let body = &self.text[open + newline..closing];
        let base = open + newline;
        let (trouble, bad) = literal::lines(body, hashes == 0, &mut self.tree.decoded);
        let broken = trouble.is_some() || bad.is_some();
        match trouble {
            Some(LinesTrouble::Closing) => self.report(|reader| slip::text_before_marks(reader.span(closing, end))),
            Some(LinesTrouble::Indentation { line, end: stop }) => {
                self.report(|reader| slip::bad_indentation(reader.span(base + line, base + stop), reader.span(closing, end)))
            }
            None => {}
        }
        if let Some(bad) = bad {
            self.report(|reader| slip::bad_escape(reader.span(base + bad.start, base + bad.end), &body[bad.start..bad.end]));
        }
        let piece = self.decoded(from);
        Found::text(piece, start, end, broken)
    }

    /// The place of the `"""` that ends a text of several lines.
    fn closing_marks(&mut self, open: usize, hashes: usize) -> Option<usize> {
        // Once they were looked for in vain, looking again would make a long file of such openings slow.
        if hashes > HASHES_MOST || self.no_closing.is_some_and(|none| none <= hashes) {
            return None;
        }
        let mut at = open;
        while at < self.bytes.len() {
            match self.bytes[at] {
                b'\\' if hashes == 0 => at += 1 + self.character_length(at + 1),
                b'"' if self.bytes[at..].starts_with(b"\"\"\"") => {
                    let found = self.bytes[at + 3..].iter().take(hashes).take_while(|byte| **byte == b'#').count();
                    if found == hashes {
                        return Some(at);
                    }
                    at += 1;
                }
                _ => at += 1,
            }
        }
        self.no_closing = Some(hashes);
        None
    }

    fn unclosed_lines(&mut self, start: usize, open: usize) -> Found {
        if newline_length(self.bytes, open) == 0 {
            return self.unclosed(start);
        }
        // Nothing after this point can be told from text.
        self.report(|reader| slip::unclosed_lines(reader.span(start, open)));
        self.swallowed = true;
        self.at = self.bytes.len();
        let piece = Piece { start: open as u32, end: self.at as u32 };
        Found::text(piece, start, self.at, true)
    }

    /// A quotation mark that has no partner on its line. The text is taken to end where the line ends, before braces that only make sense
    /// as braces; or at the quotation mark that ends it a few lines further down.
    fn unclosed(&mut self, start: usize) -> Found {
        let line = line_end(self.bytes, start);
        if let Some(end) = self.closing_below(line) {
            self.report(|reader| slip::newline_in_text(reader.span(start, line), reader.span(end - 1, end)));
            self.at = end;
            return Found::text(Piece { start: start as u32 + 1, end: end as u32 - 1 }, start, end, true);
        }
        let end = self.tail(start, line);
        self.report(|reader| slip::unclosed_text(reader.span(start, end)));
        self.at = end;
        Found::text(Piece { start: start as u32 + 1, end: end.max(start + 1) as u32 }, start, end, true)
    }

    /// The end of a text that was written over several lines between simple quotation marks: a following line whose first quotation mark
    /// touches the word before it, and has no partner on that line.
    fn closing_below(&self, line: usize) -> Option<usize> {
        const LINES_MOST: usize = 16;
        const BYTES_MOST: usize = 2000;
        let mut at = line;
        for _ in 0..LINES_MOST {
            at += newline_length(self.bytes, at);
            let end = line_end(&self.bytes[..self.bytes.len().min(line + BYTES_MOST)], at);
            if at >= end && end + 1 >= self.bytes.len().min(line + BYTES_MOST) {
                return None;
            }
            let marks = self.bytes[at..end].iter().filter(|byte| **byte == b'"').count();
            if marks > 0 {
                let first = at + self.bytes[at..end].iter().position(|byte| *byte == b'"')?;
                let touches = first > at && !matches!(self.bytes[first - 1], b' ' | b'\t' | b'=' | b'#' | b'(' | b'\\');
                let lonely = self.bytes[at..first].iter().all(|byte| matches!(byte, b' ' | b'\t'))
                    && self.bytes[first + 1..end].iter().all(|byte| matches!(byte, b' ' | b'\t' | b'{' | b'}' | b';'));
                return (marks % 2 == 1 && (touches || lonely)).then_some(first + 1);
            }
            if self.bytes[at..end].iter().any(|byte| matches!(byte, b'{' | b'}')) {
                return None;
            }
            at = end;
        }
        None
    }

    /// Where a text without its closing mark ends on its line: before trailing braces that have no partner inside the text.
    fn tail(&self, start: usize, line: usize) -> usize {
        let inside = &self.bytes[start + 1..line];
        let opening = inside.iter().filter(|byte| **byte == b'{').count();
        let closing = inside.iter().filter(|byte| **byte == b'}').count();
        let mut end = line;
        let trimmed = |end: usize| start + 1 + self.text[start + 1..end].trim_end().len();
        if opening > closing && self.text[start + 1..line].trim_end().ends_with('{') {
            end = trimmed(line) - 1;
        } else if closing > opening {
            for _ in 0..closing - opening {
                let next = trimmed(end);
                match self.bytes[next - 1] {
                    b'}' => end = next - 1,
                    b';' if self.text[start + 1..next - 1].trim_end().ends_with('}') => end = trimmed(next - 1) - 1,
                    _ => break,
                }
            }
        }
        trimmed(end)
    }

    /// Passes over a text without a word, after a mistake before it.
    pub(super) fn pass_over_text(&mut self) {
        let start = self.at;
        let hashes = self.bytes[start..].iter().take_while(|byte| **byte == b'#').count();
        let open = start + hashes;
        if self.bytes[open..].starts_with(b"\"\"\"") && newline_length(self.bytes, open + 3) > 0 {
            self.at = match self.closing_marks(open + 3, hashes) {
                Some(closing) => closing + 3 + hashes,
                None => {
                    self.swallowed = true;
                    self.bytes.len()
                }
            };
            return;
        }
        self.at = match self.closing_on_line(open + 1, hashes, hashes > 0) {
            Some(quote) => quote + 1 + hashes,
            None => self.tail(open, line_end(self.bytes, open)),
        };
    }

    /// `(type)`: its number among the words, or nothing after a diagnostic, with the rest of the node's head passed over.
    pub(super) fn annotation_word(&mut self) -> Option<u32> {
        let start = self.at;
        self.at += 1;
        self.node_space();
        let inside = self.at;
        let word = match self.value() {
            Some(found) if found.word.is_some() && found.keyword.is_none() => found.word,
            Some(_) => None,
            None => None,
        };
        let read = self.at;
        self.node_space();
        if let Some(word) = word.filter(|_| self.peek() == Some(b')')) {
            self.at += 1;
            self.tree.words.push(word);
            return Some(self.tree.words.len() as u32 - 1);
        }
        let end = line_end(&self.bytes[..read.max(inside)], start).max(start + 1);
        self.report(|reader| {
            let closed = reader.peek() == Some(b')');
            slip::bad_annotation(reader.span(start, end), &reader.text[inside.min(end)..end], closed)
        });
        if self.peek() == Some(b')') {
            self.at += 1;
        }
        None
    }
}
