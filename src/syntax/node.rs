//! The reader's nodes: name, entries, and where a node ends, also when something in it is wrong.

use super::characters::{self, CLASS, line_end, newline_length};
use super::read::{Mark, Open, Phase, Reader};
use super::slip;
use super::tree::{EntryRow, NONE, NodeRow, Piece, Word};

fn without_colon(word: Word) -> Word {
    Word { piece: Piece { end: word.piece.end - 1, ..word.piece }, end: word.end - 1, ..word }
}

impl Reader<'_> {
    pub(super) fn mark(&self) -> Mark {
        Mark {
            nodes: self.tree.nodes.len(),
            entries: self.tree.entries.len(),
            words: self.tree.words.len(),
            comments: self.tree.comments.len(),
            integers: self.tree.integers.len(),
            decoded: self.tree.decoded.len(),
        }
    }

    pub(super) fn take_out(&mut self, mark: Mark) {
        self.tree.nodes.truncate(mark.nodes);
        self.tree.entries.truncate(mark.entries);
        self.tree.words.truncate(mark.words);
        self.tree.comments.truncate(mark.comments);
        self.tree.integers.truncate(mark.integers);
        self.tree.decoded.truncate(mark.decoded);
    }

    pub(super) fn node(&mut self) {
        if self.fresh {
            self.close_by_indentation(false);
            self.open_by_indentation();
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
    pub(super) fn block_on_next_line(&mut self) -> bool {
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
    pub(super) fn slashdash(&mut self, what: &str) -> bool {
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

    pub(super) fn line_space_quietly(&mut self) {
        let kept = self.tree.comments.len();
        self.line_space();
        self.tree.comments.truncate(kept);
        self.comment_mark = kept;
    }

    pub(super) fn no_name(&mut self, open: &mut Open) {
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
    pub(super) fn equals_after_name(&mut self, open: &mut Open) {
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

    pub(super) fn at_node_end(&self) -> bool {
        match self.peek() {
            None | Some(b';' | b'{' | b'}') => true,
            _ => self.starts_with("//") || newline_length(self.bytes, self.at) > 0,
        }
    }

    /// Entries, blocks and the end of a node whose name was read.
    pub(super) fn rest(&mut self, mut open: Open) {
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
                Some(_) if open.phase == Phase::Block && !open.broken && self.starts_a_node() => {
                    // What follows is read as the node that it is.
                    let (end, at) = (self.end, self.at);
                    let word = characters::word_end(self.bytes, at);
                    let plain = self.text[end..at].chars().all(|c| matches!(c, ' ' | '\t'));
                    self.report(|reader| slip::node_after_block(reader.span(at, word), plain.then(|| reader.span(end, at))));
                    break;
                }
                Some(_) if open.phase != Phase::Entries || !spaced => self.wrong_entry(&mut open),
                Some(_) => self.entry(&mut open),
            }
        }
        self.finish(open);
    }

    /// A bare word that is neither a keyword nor the name of a property.
    fn starts_a_node(&self) -> bool {
        let end = characters::word_end(self.bytes, self.at);
        let word = &self.text[self.at..end];
        let rest = self.text[end..].trim_start_matches([' ', '\t']);
        word.starts_with(|c: char| c.is_alphabetic())
            && !matches!(word, "true" | "false" | "null" | "inf" | "nan")
            && !word.ends_with(':')
            && !rest.starts_with(['=', ':'])
    }

    /// Something stands where no entry may stand: after a block, or without a space before it.
    pub(super) fn wrong_entry(&mut self, open: &mut Open) {
        let start = self.at;
        if open.broken {
            // Told already.
        } else if self.starts_hash_comment() {
            self.value();
            return;
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

    /// `# like this`, as many other languages write comments.
    fn starts_hash_comment(&self) -> bool {
        let rest = &self.bytes[self.at..];
        let hashes = rest.iter().take_while(|byte| **byte == b'#').count();
        hashes > 0 && rest.get(hashes).is_none_or(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'))
    }

    /// The end of what looks like one value, for messages only.
    pub(super) fn word_or_text_end(&self, start: usize) -> usize {
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

    pub(super) fn starts_a_value(&self) -> bool {
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

    pub(super) fn pass_one(&mut self) {
        self.at += self.character_length(self.at);
    }

    /// Marks the node as broken and passes over the rest of its head.
    pub(super) fn spoil(&mut self, open: &mut Open) {
        open.broken = true;
        self.spoiled = self.line;
        self.tree.nodes[open.node as usize].broken = true;
        self.pass_over();
        let passed = self.text.get(self.end..self.at).unwrap_or("");
        self.end += passed.trim_end().len();
    }

    /// Passes over everything up to the end of the node's head, without a word.
    pub(super) fn pass_over(&mut self) {
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
    pub(super) fn annotation(&mut self, open: &mut Open) -> Option<u32> {
        let found = self.annotation_word();
        if found.is_none() {
            self.spoil(open);
        }
        found
    }

    pub(super) fn entry(&mut self, open: &mut Open) {
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
    pub(super) fn colon_before_value(&mut self, bare: bool, start: usize, end: usize) -> bool {
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
}
