//! The reader's walk over nodes and blocks. It keeps its own stack, never goes back more than a few spaces, and always returns a tree.
//!
//! A mistake is reported once: afterwards the rest of the node's head is passed over without a word, up to the place where the node must
//! end (a new line, `;`, a brace), and reading goes on there. Braces that do not match are the exception, because the place where the
//! trouble is *noticed* is far from the place where it *is*: then the file is read a second time with the indentation as a witness, and
//! the second reading is kept when it needs no more diagnostics than the first.
//!
//! One thing is stricter than KDL 2: a bare word that ends in `:` as a node's name, or before a value, is reported as the slip `a: 1`.

use super::characters::{self, CLASS, blank_length, line_end, newline_length};
use super::slip;
use super::tree::{EntryRow, NONE, NodeRow, Tree, Word};
use crate::diag::{self, Diagnostic, FileId, Span};

/// What the reader refuses.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of one file, at most 2^31 − 1.
    pub size: usize,
    /// Blocks within blocks.
    pub depth: usize,
    /// Diagnostics of one file; what is found beyond is counted.
    pub diagnostics: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { size: 64 << 20, depth: 512, diagnostics: 1000 }
    }
}

/// Reads a file. Never fails: the tree holds what was readable, the diagnostics are in the order of the file.
pub fn read(file: FileId, text: &str) -> (Tree, Vec<Diagnostic>) {
    read_with(file, text, &Limits::default())
}

/// Reads a file with other limits than the usual ones.
pub fn read_with(file: FileId, text: &str, limits: &Limits) -> (Tree, Vec<Diagnostic>) {
    let most = limits.size.min(i32::MAX as usize);
    if text.len() > most {
        return (Tree::empty(file, ""), vec![slip::too_large(Span::new(file, 0, 0), text.len(), most)]);
    }
    let first = Reader::new(file, text, limits, false).run();
    let reading = if first.braces_differ {
        let second = Reader::new(file, text, limits, true).run();
        if second.diagnostics.len() <= first.diagnostics.len() { second } else { first }
    } else {
        first
    };
    let Reader { mut tree, mut diagnostics, unsaid, .. } = reading;
    diag::diagnostic::sort(&mut diagnostics);
    if unsaid > 0 {
        diagnostics.push(slip::too_many(Span::new(file, text.len(), text.len()), unsaid));
    }
    tree.text = text.into();
    (tree, diagnostics)
}

/// How long the rows were before something that `/-` takes out.
#[derive(Clone, Copy)]
struct Mark {
    nodes: usize,
    entries: usize,
    words: usize,
    comments: usize,
    integers: usize,
    decoded: usize,
}

/// How far a node has come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Entries,
    /// A block after `/-` was seen: only blocks may follow.
    SlashedBlock,
    /// The block was seen.
    Block,
}

/// The node being read.
#[derive(Clone, Copy)]
struct Open {
    node: u32,
    phase: Phase,
    last_child: u32,
    /// Set when `/-` takes the whole node out.
    slashed: Option<Mark>,
    /// A mistake was reported; what follows from it is not.
    broken: bool,
    /// The node already stands among its siblings and goes on after all.
    linked: bool,
}

/// An open block.
struct Frame {
    owner: Open,
    /// Set when `/-` takes only the block out.
    slashed: Option<Mark>,
    /// The owner's last child before this block.
    child_before: u32,
    brace: usize,
    /// Where the owner's line starts, and how many bytes its indentation has.
    line: usize,
    indentation: usize,
}

fn without_colon(word: Word) -> Word {
    Word { piece: super::tree::Piece { end: word.piece.end - 1, ..word.piece }, end: word.end - 1, ..word }
}

pub(super) struct Reader<'s> {
    pub(super) file: FileId,
    pub(super) text: &'s str,
    pub(super) bytes: &'s [u8],
    pub(super) at: usize,
    pub(super) tree: Tree,
    pub(super) diagnostics: Vec<Diagnostic>,
    /// No closing marks with this many `#` or more stand after this place.
    pub(super) no_closing: Option<usize>,
    /// A text or comment ran to the end of the file, so open blocks are no news.
    pub(super) swallowed: bool,
    limits: Limits,
    unsaid: usize,
    frames: Vec<Frame>,
    last_root: u32,
    /// Where the last name, entry or brace stood.
    begin: usize,
    end: usize,
    line: usize,
    indentation: usize,
    /// Nothing but white space was seen on this line.
    fresh: bool,
    comment_mark: usize,
    by_indentation: bool,
    braces_differ: bool,
    told_depth: bool,
}

impl<'s> Reader<'s> {
    fn new(file: FileId, text: &'s str, limits: &Limits, by_indentation: bool) -> Reader<'s> {
        let mut tree = Tree::empty(file, "");
        // A guess from real workflow files saves most of the growing.
        tree.nodes.reserve(text.len() / 40);
        tree.entries.reserve(text.len() / 30);
        Reader {
            file,
            text,
            bytes: text.as_bytes(),
            at: 0,
            tree,
            diagnostics: Vec::new(),
            no_closing: None,
            swallowed: false,
            limits: *limits,
            unsaid: 0,
            frames: Vec::new(),
            last_root: NONE,
            begin: 0,
            end: 0,
            line: 0,
            indentation: 0,
            fresh: true,
            comment_mark: 0,
            by_indentation,
            braces_differ: false,
            told_depth: false,
        }
    }

    fn run(mut self) -> Reader<'s> {
        if self.text.starts_with('\u{FEFF}') {
            self.at = 3;
        }
        self.report_forbidden();
        loop {
            self.line_space();
            match self.peek() {
                None => break,
                Some(b'}') => self.close(),
                Some(_) => self.node(),
            }
        }
        self.finish_file();
        self
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    pub(super) fn starts_with(&self, text: &str) -> bool {
        self.bytes[self.at..].starts_with(text.as_bytes())
    }

    pub(super) fn span(&self, start: usize, end: usize) -> Span {
        Span::new(self.file, start, end)
    }

    /// Building a diagnostic costs more than reading a line, so beyond the limit it is not built.
    pub(super) fn report(&mut self, build: impl FnOnce(&Self) -> Diagnostic) {
        if self.diagnostics.len() < self.limits.diagnostics {
            let diagnostic = build(self);
            self.diagnostics.push(diagnostic);
        } else {
            self.unsaid += 1;
        }
    }

    fn report_forbidden(&mut self) {
        const MOST: usize = 20;
        let (found, more) = characters::forbidden(self.bytes, self.at, MOST);
        let last = found.len().saturating_sub(1);
        for (index, (start, end)) in found.into_iter().enumerate() {
            self.report(|reader| {
                let character = reader.text[start..end].chars().next().unwrap_or_default();
                slip::forbidden_character(reader.span(start, end), character, if index == last { more } else { 0 })
            });
        }
    }

    // White space.

    /// Spaces and `/* */`; whether there were any.
    fn white_space(&mut self) -> bool {
        let start = self.at;
        loop {
            match self.peek() {
                Some(b' ' | b'\t') => self.at += 1,
                Some(b'/') if self.bytes.get(self.at + 1) == Some(&b'*') => self.block_comment(),
                Some(byte) if !(b' '..0x7F).contains(&byte) => match blank_length(self.bytes, self.at) {
                    0 => break,
                    length => self.at += length,
                },
                _ => break,
            }
        }
        self.at > start
    }

    /// `/* /* */ */`: a count instead of recursion.
    fn block_comment(&mut self) {
        let start = self.at;
        let mut depth = 0usize;
        let mut at = start;
        loop {
            match (self.bytes.get(at), self.bytes.get(at + 1)) {
                (Some(b'/'), Some(b'*')) => {
                    depth += 1;
                    at += 2;
                }
                (Some(b'*'), Some(b'/')) => {
                    depth -= 1;
                    at += 2;
                    if depth == 0 {
                        break;
                    }
                }
                (Some(_), _) => at += 1,
                (None, _) => {
                    // The space after a word may be read twice, to look for a `=`; one diagnostic is enough.
                    if !std::mem::replace(&mut self.swallowed, true) {
                        self.report(|reader| slip::unclosed_comment(reader.span(start, start + 2)));
                    }
                    break;
                }
            }
        }
        self.at = at;
    }

    /// Spaces, comments and lines continued with `\`; whether there were any.
    pub(super) fn node_space(&mut self) -> bool {
        let start = self.at;
        loop {
            self.white_space();
            if self.peek() != Some(b'\\') {
                return self.at > start;
            }
            let backslash = self.at;
            self.at += 1;
            self.white_space();
            if self.starts_with("//") {
                self.at = line_end(self.bytes, self.at);
            }
            match newline_length(self.bytes, self.at) {
                0 if self.at < self.bytes.len() => {
                    self.at = backslash;
                    return backslash > start;
                }
                length => self.at += length,
            }
        }
    }

    /// Everything between nodes; the `//` lines directly above the next node are kept.
    fn line_space(&mut self) {
        self.comment_mark = self.tree.comments.len();
        let mut lines_since_comment = 0;
        loop {
            let moved = self.node_space();
            if let length @ 1.. = newline_length(self.bytes, self.at) {
                self.at += length;
                self.line = self.at;
                self.fresh = true;
                lines_since_comment += 1;
                if lines_since_comment > 1 {
                    self.tree.comments.truncate(self.comment_mark);
                }
            } else if self.starts_with("//") {
                let end = line_end(self.bytes, self.at);
                self.tree.comments.push((self.at as u32 + 2, end as u32));
                self.at = end;
                lines_since_comment = 0;
            } else if !moved {
                return;
            }
        }
    }

    // Nodes.

    fn mark(&self) -> Mark {
        Mark {
            nodes: self.tree.nodes.len(),
            entries: self.tree.entries.len(),
            words: self.tree.words.len(),
            comments: self.tree.comments.len(),
            integers: self.tree.integers.len(),
            decoded: self.tree.decoded.len(),
        }
    }

    fn take_out(&mut self, mark: Mark) {
        self.tree.nodes.truncate(mark.nodes);
        self.tree.entries.truncate(mark.entries);
        self.tree.words.truncate(mark.words);
        self.tree.comments.truncate(mark.comments);
        self.tree.integers.truncate(mark.integers);
        self.tree.decoded.truncate(mark.decoded);
    }

    fn node(&mut self) {
        if self.fresh {
            self.close_by_indentation(false);
            self.comment_mark = self.comment_mark.min(self.tree.comments.len());
            self.indentation = self.at - self.line;
            self.fresh = false;
        }
        let mark = self.mark();
        let slashed = if self.starts_with("/-") {
            if !self.slashdash("a node") {
                return;
            }
            Some(mark)
        } else {
            None
        };
        let start = self.at;
        let row = NodeRow {
            name: Word { start: start as u32, end: start as u32, ..Word::default() },
            annotation: NONE,
            first_entry: self.tree.entries.len() as u32,
            entry_end: self.tree.entries.len() as u32,
            first_child: NONE,
            next: NONE,
            parent: self.frames.last().map_or(NONE, |frame| frame.owner.node),
            start: start as u32,
            end: start as u32,
            block_start: NONE,
            block_end: NONE,
            first_comment: self.comment_mark as u32,
            comment_end: self.tree.comments.len() as u32,
            broken: false,
        };
        let mut open = Open {
            node: self.tree.nodes.len() as u32,
            phase: Phase::Entries,
            last_child: NONE,
            slashed,
            broken: false,
            linked: false,
        };
        if self.peek() == Some(b'{') && slashed.is_none() && self.block_on_next_line() {
            return;
        }
        self.tree.nodes.push(row);
        self.end = start;
        // `/- {` was reported: the block is read without a name and without another word.
        let mut named = !(slashed.is_some() && self.peek() == Some(b'{'));
        open.broken |= !named;
        if self.peek() == Some(b'(') {
            match self.annotation(&mut open) {
                Some(annotation) => {
                    self.tree.nodes[open.node as usize].annotation = annotation;
                    self.node_space();
                }
                None => named = false,
            }
        }
        if named {
            match self.name() {
                Some((name, certain)) => {
                    open.broken |= !certain;
                    let row = &mut self.tree.nodes[open.node as usize];
                    (row.name, row.broken) = (name, row.broken || !certain);
                    (self.begin, self.end) = (name.start as usize, self.at);
                    self.equals_after_name(&mut open);
                }
                None => self.no_name(&mut open),
            }
        }
        self.rest(open);
    }

    /// A `{` where a node should start. When the node before it has no block, the block is meant for that node.
    fn block_on_next_line(&mut self) -> bool {
        let previous = self.frames.last().map_or(self.last_root, |frame| frame.owner.last_child);
        let Some(row) = self.tree.nodes.get(previous as usize) else { return false };
        if row.block_start != NONE || row.broken || row.end as usize > self.at {
            return false;
        }
        let between = &self.text[row.end as usize..self.at];
        let end = row.end as usize;
        if between.contains("/-") {
            return false;
        }
        let certain = between.trim().is_empty();
        self.report(|reader| {
            slip::block_on_next_line(reader.span(reader.at, reader.at + 1), reader.span(end, reader.at), certain)
        });
        self.rest(Open { node: previous, phase: Phase::Entries, last_child: NONE, slashed: None, broken: false, linked: true });
        true
    }

    /// Reads `/-` and the space after it; false, with a diagnostic, when nothing follows that it could take out.
    fn slashdash(&mut self, what: &str) -> bool {
        let start = self.at;
        let mut runs = 0usize;
        while self.starts_with("/-") {
            self.at += 2;
            runs += 1;
            self.line_space_quietly();
        }
        let nothing = match self.peek() {
            None | Some(b'}' | b';') => true,
            Some(b'{') => what == "a node",
            _ => false,
        };
        if (nothing && !(self.at >= self.bytes.len() && self.swallowed)) || runs > 1 {
            self.report(|reader| slip::dangling_slashdash(reader.span(start, start + 2), what, runs > 1 && !nothing));
        }
        if nothing && self.peek() == Some(b';') {
            self.at += 1;
        }
        !nothing || self.peek() == Some(b'{')
    }

    fn line_space_quietly(&mut self) {
        let kept = self.tree.comments.len();
        self.line_space();
        self.tree.comments.truncate(kept);
        self.comment_mark = kept;
    }

    fn no_name(&mut self, open: &mut Open) {
        let start = self.at;
        match self.peek() {
            Some(b'{') => self.report(|reader| slip::nameless_block(reader.span(start, start + 1))),
            Some(b';') => {
                self.report(|reader| slip::unexpected(reader.span(start, start + 1), ";", "a node has already ended here"))
            }
            None => self.report(|reader| slip::bad_name(reader.span(start, start), "")),
            Some(b'}') => self.report(|reader| slip::bad_name(reader.span(start, start + 1), "}")),
            Some(_) if newline_length(self.bytes, start) > 0 => {
                self.report(|reader| slip::bad_name(reader.span(start, start), ""))
            }
            Some(_) => {
                self.report_unexpected();
                if self.at == start {
                    self.pass_one();
                }
            }
        }
        self.spoil(open);
    }

    /// `a = 1` and `a=1` where `a` is the node's name.
    fn equals_after_name(&mut self, open: &mut Open) {
        let name_end = self.at;
        self.node_space();
        if self.peek() != Some(b'=') {
            self.at = name_end;
            return;
        }
        self.at += 1;
        while self.peek() == Some(b'=') {
            self.at += 1;
        }
        let equals = self.at;
        self.node_space();
        let value = self.at;
        let row = self.tree.nodes[open.node as usize];
        let plain = !self.at_node_end()
            && self.text[name_end..value].chars().all(|character| character == '=' || character == ' ' || character == '\t');
        self.report(|reader| {
            slip::spaced_equals(
                reader.span(row.name.start as usize, row.name.end as usize),
                &reader.text[row.name.start as usize..row.name.end as usize],
                reader.span(name_end, if plain { value } else { equals }),
                plain,
            )
        });
        // The value is an argument; the walk goes on before it, so that it sees the space it needs.
        self.at = equals;
        if value == equals && !self.at_node_end() {
            self.entry(open);
        }
    }

    fn at_node_end(&self) -> bool {
        match self.peek() {
            None | Some(b';' | b'{' | b'}') => true,
            _ => self.starts_with("//") || newline_length(self.bytes, self.at) > 0,
        }
    }

    /// Entries, blocks and the end of a node whose name was read.
    fn rest(&mut self, mut open: Open) {
        loop {
            let spaced = self.node_space();
            match self.peek() {
                None | Some(b'}') => break,
                Some(b'{') => {
                    if self.open_block(&mut open, None) {
                        return;
                    }
                }
                Some(b';') => {
                    self.at += 1;
                    break;
                }
                Some(b'/') if self.starts_with("//") => {
                    self.at = line_end(self.bytes, self.at);
                    break;
                }
                Some(_) if newline_length(self.bytes, self.at) > 0 => break,
                Some(b'/') if self.starts_with("/-") => {
                    if !spaced && !open.broken {
                        self.report(|reader| slip::missing_space(reader.span(reader.at, reader.at + 2), "", "/-"));
                    }
                    let mark = self.mark();
                    if !self.slashdash("an argument, a property or a block") {
                        continue;
                    }
                    if self.peek() == Some(b'{') {
                        if self.open_block(&mut open, Some(mark)) {
                            return;
                        }
                        continue;
                    }
                    if open.phase == Phase::Entries {
                        self.entry(&mut open);
                        self.take_out(mark);
                        self.tree.nodes[open.node as usize].entry_end = mark.entries as u32;
                        continue;
                    }
                    self.wrong_entry(&mut open);
                }
                Some(_) if open.phase != Phase::Entries || !spaced => self.wrong_entry(&mut open),
                Some(_) => self.entry(&mut open),
            }
        }
        self.finish(open);
    }

    /// Something stands where no entry may stand: after a block, or without a space before it.
    fn wrong_entry(&mut self, open: &mut Open) {
        let start = self.at;
        if open.broken {
            // Told already.
        } else if open.phase != Phase::Entries {
            let done = open.phase == Phase::Block;
            self.report(|reader| slip::entry_after_block(reader.span(start, start + reader.character_length(start)), done));
        } else if self.starts_a_value() {
            self.report(|reader| {
                let end = reader.word_or_text_end(start);
                slip::missing_space(
                    reader.span(start, end),
                    &reader.text[reader.begin.min(reader.end)..reader.end],
                    &reader.text[start..end],
                )
            });
        } else {
            self.report_unexpected();
        }
        self.spoil(open);
    }

    /// The end of what looks like one value, for messages only.
    fn word_or_text_end(&self, start: usize) -> usize {
        let end = characters::word_end(self.bytes, start);
        if end > start {
            return end;
        }
        let near = &self.bytes[start + 1..self.bytes.len().min(start + 80)];
        match near.iter().position(|byte| matches!(byte, b'"' | b'\n')) {
            Some(found) if self.bytes[start] == b'"' && near[found] == b'"' => start + 1 + found + 1,
            _ => start + self.character_length(start),
        }
    }

    pub(super) fn character_length(&self, at: usize) -> usize {
        self.text.get(at..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8)
    }

    fn starts_a_value(&self) -> bool {
        match self.peek() {
            Some(b'"' | b'#' | b'(') => true,
            Some(byte) => CLASS[byte as usize] & (characters::WORD | characters::LEAD) != 0,
            None => false,
        }
    }

    pub(super) fn report_unexpected(&mut self) {
        let start = self.at;
        let length = self.character_length(start);
        self.report(|reader| {
            slip::unexpected_at(reader.span(start, start + length), &reader.text[start..], &reader.text[..start])
        });
    }

    fn pass_one(&mut self) {
        self.at += self.character_length(self.at);
    }

    /// Marks the node as broken and passes over the rest of its head.
    fn spoil(&mut self, open: &mut Open) {
        open.broken = true;
        self.tree.nodes[open.node as usize].broken = true;
        self.pass_over();
        let passed = self.text.get(self.end..self.at).unwrap_or("");
        self.end += passed.trim_end().len();
    }

    /// Passes over everything up to the end of the node's head, without a word.
    fn pass_over(&mut self) {
        loop {
            self.node_space();
            match self.peek() {
                None | Some(b'{' | b'}' | b';') => return,
                Some(b'/') if self.starts_with("//") => return,
                Some(b'"') => self.pass_over_text(),
                Some(b'#') => {
                    let hashes = self.bytes[self.at..].iter().take_while(|byte| **byte == b'#').count();
                    if self.bytes.get(self.at + hashes) == Some(&b'"') { self.pass_over_text() } else { self.at += hashes }
                }
                Some(_) if newline_length(self.bytes, self.at) > 0 => return,
                Some(_) => match characters::word_end(self.bytes, self.at) {
                    end if end > self.at => self.at = end,
                    _ => self.pass_one(),
                },
            }
        }
    }

    /// `(type)`; after a mistake the rest of the node's head is passed over and nothing is returned.
    fn annotation(&mut self, open: &mut Open) -> Option<u32> {
        let found = self.annotation_word();
        if found.is_none() {
            self.spoil(open);
        }
        found
    }

    // Entries.

    fn entry(&mut self, open: &mut Open) {
        let start = self.at;
        let mut name = NONE;
        let mut annotation = NONE;
        if self.peek() == Some(b'(') {
            let Some(found) = self.annotation(open) else { return };
            annotation = found;
            self.node_space();
        }
        let mut value_start = self.at;
        let Some(mut value) = self.value() else {
            if annotation == NONE {
                self.report_unexpected();
            } else {
                self.report(|reader| slip::lonely_annotation(reader.span(start, value_start), "a value"));
            }
            return self.spoil(open);
        };
        let mut end = self.at;
        if let Some(word) = value.word {
            self.node_space();
            let colon = self.colon_before_value(value.bare, start, end);
            if self.peek() == Some(b'=') || colon {
                if annotation != NONE {
                    self.report(|reader| slip::annotation_before_name(reader.span(start, value_start)));
                    return self.spoil(open);
                }
                if value.keyword.is_some() {
                    self.report(|reader| slip::keyword_as_name(reader.span(start, end), &reader.text[start..end]));
                }
                let word = if colon { without_colon(word) } else { word };
                let equals = self.at;
                if !colon {
                    self.at += 1;
                }
                self.node_space();
                self.tree.words.push(word);
                name = self.tree.words.len() as u32 - 1;
                if self.peek() == Some(b'(') {
                    let Some(found) = self.annotation(open) else { return };
                    annotation = found;
                    self.node_space();
                }
                value_start = self.at;
                let Some(found) = self.value() else {
                    self.report(|reader| {
                        let spelling = &reader.text[word.start as usize..word.end as usize];
                        slip::missing_value(reader.span(start, equals + 1), spelling, reader.starts_with("/-"))
                    });
                    return self.spoil(open);
                };
                value = found;
                end = self.at;
            } else {
                self.at = end;
            }
        }
        if let Some(keyword) = value.keyword {
            self.report(|reader| slip::bare_keyword(reader.span(value_start, end), &reader.text[value_start..end], keyword));
        }
        if value.broken {
            open.broken = true;
            self.tree.nodes[open.node as usize].broken = true;
        }
        self.begin = start;
        self.end = end;
        self.tree.entries.push(EntryRow {
            name,
            annotation,
            value: value.stored,
            start: start as u32,
            value_start: value_start as u32,
            end: end as u32,
        });
        self.tree.nodes[open.node as usize].entry_end = self.tree.entries.len() as u32;
    }

    /// `kind: "feed"` inside a node: true, with a diagnostic, when a bare word that ends in `:` stands before a value.
    fn colon_before_value(&mut self, bare: bool, start: usize, end: usize) -> bool {
        if !bare || self.at == end || !self.text[..end].ends_with(':') || self.at_node_end() || !self.starts_a_value() {
            return false;
        }
        let value = self.at;
        if end - start < 2 {
            return false;
        }
        self.report(|reader| slip::colon_in_property(reader.span(end - 1, value), &reader.text[start..end - 1]));
        true
    }

    // Blocks.

    /// Opens the block at `{`; false when it was passed over or only the braces were dropped.
    fn open_block(&mut self, open: &mut Open, slashed: Option<Mark>) -> bool {
        let brace = self.at;
        if open.phase == Phase::Block && slashed.is_none() && !open.broken {
            self.report(|reader| slip::second_block(reader.span(brace, brace + 1)));
            open.broken = true;
            self.tree.nodes[open.node as usize].broken = true;
        }
        self.at += 1;
        if self.frames.len() >= self.limits.depth {
            if !self.told_depth {
                self.told_depth = true;
                let depth = self.limits.depth;
                self.report(|reader| slip::too_deep(reader.span(brace, brace + 1), depth));
            }
            self.pass_over_block();
            self.end = self.at;
            open.phase = Phase::Block;
            return false;
        }
        let row = &mut self.tree.nodes[open.node as usize];
        if slashed.is_none() {
            if row.block_start == NONE {
                row.block_start = brace as u32;
            }
            open.phase = Phase::Block;
        } else if open.phase == Phase::Entries {
            open.phase = Phase::SlashedBlock;
        }
        self.end = brace + 1;
        let (line, indentation) = (self.line, self.indentation);
        self.frames.push(Frame { owner: *open, slashed, child_before: open.last_child, brace, line, indentation });
        true
    }

    /// Passes over a block that is too deep: braces are counted, nothing is kept.
    fn pass_over_block(&mut self) {
        let mut depth = 1usize;
        while depth > 0 {
            self.pass_over();
            match self.peek() {
                None => {
                    self.swallowed = true;
                    return;
                }
                Some(b'{') => depth += 1,
                Some(b'}') => depth -= 1,
                Some(b'/') => {
                    self.at = line_end(self.bytes, self.at);
                    continue;
                }
                Some(_) => {}
            }
            self.at += newline_length(self.bytes, self.at).max(1);
        }
    }

    /// A `}` between nodes.
    fn close(&mut self) {
        let brace = self.at;
        if self.fresh {
            self.indentation = brace - self.line;
            self.close_by_indentation(true);
            let stray = self.by_indentation
                && self.frames.last().is_some_and(|frame| frame.line != self.line && frame.indentation < self.indentation);
            self.fresh = false;
            if stray {
                self.at += 1;
                return self.report(|reader| slip::stray_brace(reader.span(brace, brace + 1)));
            }
        }
        self.at += 1;
        if self.frames.is_empty() {
            self.braces_differ = true;
            self.report(|reader| slip::stray_brace(reader.span(brace, brace + 1)));
            return;
        }
        self.close_frame(brace + 1);
    }

    fn close_frame(&mut self, end: usize) {
        let Some(frame) = self.frames.pop() else { return };
        self.end = end;
        let owner = self.end_block(frame, end);
        self.tree.nodes[owner.node as usize].end = end as u32;
        self.rest(owner);
    }

    /// In the second reading, a line that stands further left than the block it would belong to ends that block.
    fn close_by_indentation(&mut self, brace: bool) {
        if !self.by_indentation {
            return;
        }
        let here = self.at - self.line;
        while let Some(frame) = self.frames.last() {
            let outside = if brace { frame.indentation > here } else { frame.indentation >= here };
            if !outside || frame.line == self.line {
                return;
            }
            let (open, at) = (frame.brace, self.at);
            self.report(|reader| {
                slip::unclosed_block(reader.span(at, at + reader.character_length(at)), reader.span(open, open + 1), true)
            });
            let Some(frame) = self.frames.pop() else { return };
            self.end_block_early(frame);
        }
    }

    /// The block is done: its children stay, or are taken out.
    fn end_block(&mut self, frame: Frame, end: usize) -> Open {
        let mut owner = frame.owner;
        match frame.slashed {
            Some(mark) => {
                self.take_out(mark);
                owner.last_child = frame.child_before;
                match self.tree.nodes.get_mut(frame.child_before as usize) {
                    Some(last) => last.next = NONE,
                    None => self.tree.nodes[owner.node as usize].first_child = NONE,
                }
            }
            None => self.tree.nodes[owner.node as usize].block_end = end as u32,
        }
        owner
    }

    fn end_block_early(&mut self, frame: Frame) {
        let end = self.end;
        let mut owner = self.end_block(frame, end);
        owner.broken = true;
        self.tree.nodes[owner.node as usize].broken = true;
        self.finish(owner);
    }

    /// The end of a node: it joins its siblings, unless `/-` takes it out.
    fn finish(&mut self, open: Open) {
        if let Some(mark) = open.slashed {
            return self.take_out(mark);
        }
        let row = &mut self.tree.nodes[open.node as usize];
        row.end = self.end.max(row.end as usize) as u32;
        if open.linked {
            return;
        }
        let (first, last) = match self.frames.last_mut() {
            Some(frame) => {
                let owner = frame.owner.node as usize;
                (&mut self.tree.nodes[owner].first_child, &mut frame.owner.last_child)
            }
            None => (&mut self.tree.first_root, &mut self.last_root),
        };
        let previous = std::mem::replace(last, open.node);
        if *first == NONE {
            *first = open.node;
        }
        if previous != NONE {
            self.tree.nodes[previous as usize].next = open.node;
        }
    }

    fn finish_file(&mut self) {
        let end = self.bytes.len();
        let last = self.text.trim_end().len();
        while let Some(frame) = self.frames.pop() {
            self.braces_differ = true;
            if !self.swallowed {
                let open = frame.brace;
                self.report(|reader| slip::unclosed_block(reader.span(last, last), reader.span(open, open + 1), false));
            }
            self.end = self.end.min(end);
            self.end_block_early(frame);
        }
        self.braces_differ &= !self.swallowed;
    }
}
