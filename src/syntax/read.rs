//! The reader's walk over nodes and blocks. It keeps its own stack, never goes back more than a few spaces, and always returns a tree.
//!
//! A mistake is reported once: afterwards the rest of the node's head is passed over without a word, up to the place where the node must
//! end (a new line, `;`, a brace), and reading goes on there. Braces that do not match are the exception, because the place where the
//! trouble is *noticed* is far from the place where it *is*: then the file is read a second time with the indentation as a witness, and
//! the second reading is kept when it needs no more diagnostics than the first.
//!
//! One thing is stricter than KDL 2: a bare word that ends in `:` as a node's name, or before a value, is reported as the slip `a: 1`.

use super::characters::{self, blank_length, line_end, newline_length};
use super::slip;
use super::tree::{NONE, Tree};
use crate::diag::{self, Diagnostic, FileId, Span};
use std::sync::Arc;

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
    read_shared(file, Arc::from(text), limits)
}

/// The same for a text that others hold as well: the tree keeps it without a copy of its own.
pub fn read_shared(file: FileId, shared: Arc<str>, limits: &Limits) -> (Tree, Vec<Diagnostic>) {
    let text: &str = &shared;
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
    tree.text = shared;
    (tree, diagnostics)
}

/// How long the rows were before something that `/-` takes out.
#[derive(Clone, Copy)]
pub(super) struct Mark {
    pub(super) nodes: usize,
    pub(super) entries: usize,
    pub(super) words: usize,
    pub(super) comments: usize,
    pub(super) integers: usize,
    pub(super) decoded: usize,
}

/// How far a node has come.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Entries,
    /// A block after `/-` was seen: only blocks may follow.
    SlashedBlock,
    /// The block was seen.
    Block,
}

/// The node being read.
#[derive(Clone, Copy)]
pub(super) struct Open {
    pub(super) node: u32,
    pub(super) phase: Phase,
    pub(super) last_child: u32,
    /// Set when `/-` takes the whole node out.
    pub(super) slashed: Option<Mark>,
    /// A mistake was reported; what follows from it is not.
    pub(super) broken: bool,
    /// The node already stands among its siblings and goes on after all.
    pub(super) linked: bool,
}

/// An open block.
pub(super) struct Frame {
    pub(super) owner: Open,
    /// Set when `/-` takes only the block out.
    pub(super) slashed: Option<Mark>,
    /// The owner's last child before this block.
    pub(super) child_before: u32,
    pub(super) brace: usize,
    /// Where the owner's line starts, and how many bytes its indentation has.
    pub(super) line: usize,
    pub(super) indentation: usize,
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
    pub(super) limits: Limits,
    pub(super) unsaid: usize,
    pub(super) frames: Vec<Frame>,
    pub(super) last_root: u32,
    /// Where the last name, entry or brace stood.
    pub(super) begin: usize,
    pub(super) end: usize,
    pub(super) line: usize,
    pub(super) indentation: usize,
    /// Nothing but white space was seen on this line.
    pub(super) fresh: bool,
    pub(super) comment_mark: usize,
    pub(super) by_indentation: bool,
    pub(super) braces_differ: bool,
    pub(super) told_depth: bool,
    /// Where the line starts on which something was passed over.
    pub(super) spoiled: usize,
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
            spoiled: usize::MAX,
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

    /// Spaces and `/* */`; whether there were any.
    fn white_space(&mut self) -> bool {
        let start = self.at;
        loop {
            // Mostly it is the indentation of a line.
            while self.peek() == Some(b' ') {
                self.at += 1;
            }
            match self.peek() {
                Some(b'\t') => self.at += 1,
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
    pub(super) fn line_space(&mut self) {
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
}
