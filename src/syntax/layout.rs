//! A file as the formatter sees it: nodes and blocks with every comment, every line that is continued and every blank line between them.
//!
//! The tree of `read` knows what a file says; this knows how it is written, and also what `/-` takes out. It is made only of text that the
//! reader has accepted, so it need not understand mistakes: whatever it does not expect ends it with `None`, and the file stays as it is.

use super::characters::{blank_length, line_end, newline_length, word_end};

/// A comment with its marks; of a `//` comment without the spaces at its end.
pub(super) type Comment<'t> = &'t str;

/// What stands between two braces, or in the whole file.
#[derive(Debug, Default)]
pub(super) struct Block<'t> {
    /// Comments on the line of the opening brace.
    pub opening: Vec<Comment<'t>>,
    pub items: Vec<Item<'t>>,
    /// Written without a new line between its braces, or empty.
    pub one_line: bool,
}

#[derive(Debug)]
pub(super) enum Item<'t> {
    Node(Node<'t>),
    /// Comments that stand on a line of their own; never empty.
    Comments(Vec<Comment<'t>>),
    /// A line with nothing on it, always between two other items.
    Blank,
}

#[derive(Debug)]
pub(super) struct Node<'t> {
    /// `/* */` before the node on its line.
    pub prefix: Vec<Comment<'t>>,
    /// Never empty; the first is the name.
    pub parts: Vec<Part<'t>>,
    /// Comments behind the node on its line.
    pub trailing: Vec<Comment<'t>>,
}

#[derive(Debug)]
pub(super) enum Part<'t> {
    /// A name, an argument or a property with its annotation and its `/-`.
    Word(String),
    Comment(Comment<'t>),
    /// `\` and the comments behind it.
    Break(Vec<Comment<'t>>),
    /// What stands before the brace (nothing, or `/-`), and the block.
    Block(String, Block<'t>),
}

/// A file's layout, and the new line that it uses.
pub(super) fn layout(text: &str) -> Option<(Block<'_>, &'static str)> {
    let mut scanner = Scanner { text, bytes: text.as_bytes(), at: 0, lines: 0, newline: None, is_first: true };
    if text.starts_with('\u{FEFF}') {
        scanner.at = '\u{FEFF}'.len_utf8();
    }
    let block = scanner.block(false)?;
    Some((block, scanner.newline.unwrap_or("\n")))
}

/// Everything that a formatter must keep, in order: words, marks and comments, without spaces, new lines, `;` and `\`.
pub(super) fn substance(text: &str) -> Option<Vec<&str>> {
    let bytes = text.as_bytes();
    let mut scanner = Scanner { text, bytes, at: 0, lines: 0, newline: None, is_first: true };
    let mut found = Vec::new();
    while let Some(byte) = scanner.peek() {
        let start = scanner.at;
        if scanner.starts_with("/*") {
            found.push(scanner.block_comment()?);
        } else if scanner.starts_with("//") {
            found.push(scanner.line_comment());
        } else if matches!(byte, b'{' | b'}' | b'(' | b')' | b'=' | b'/') {
            scanner.at += if scanner.starts_with("/-") { 2 } else { 1 };
            found.push(&text[start..scanner.at]);
        } else if let length @ 1.. = blank_length(bytes, start) + newline_length(bytes, start) {
            scanner.at += length;
        } else if matches!(byte, b';' | b'\\') {
            scanner.at += 1;
        } else {
            found.push(scanner.word()?);
        }
    }
    Some(found)
}

/// One thing that may stand between the parts of a node.
enum Trivia<'t> {
    None,
    Comment(Comment<'t>),
    Break(Vec<Comment<'t>>),
}

struct Scanner<'t> {
    text: &'t str,
    bytes: &'t [u8],
    at: usize,
    /// How many new lines were passed, also inside of texts and comments.
    lines: usize,
    /// The first new line between nodes: those in texts say nothing about the file.
    newline: Option<&'static str>,
    /// No node was read yet.
    is_first: bool,
}

impl<'t> Scanner<'t> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn starts_with(&self, text: &str) -> bool {
        self.bytes[self.at..].starts_with(text.as_bytes())
    }

    /// Goes on to `end` and returns what was passed.
    fn pass(&mut self, end: usize) -> &'t str {
        let start = self.at;
        while self.at < end {
            match newline_length(self.bytes, self.at) {
                0 => self.at += 1,
                length => {
                    self.lines += 1;
                    self.at += length;
                }
            }
        }
        self.at = end;
        &self.text[start..end]
    }

    fn spaces(&mut self) {
        while let length @ 1.. = blank_length(self.bytes, self.at) {
            self.at += length;
        }
    }

    fn block_comment(&mut self) -> Option<Comment<'t>> {
        let (mut depth, mut at) = (0usize, self.at);
        loop {
            match (self.bytes.get(at)?, self.bytes.get(at + 1)) {
                (b'/', Some(b'*')) => {
                    depth += 1;
                    at += 2;
                }
                (b'*', Some(b'/')) => {
                    depth -= 1;
                    at += 2;
                    if depth == 0 {
                        return Some(self.pass(at));
                    }
                }
                _ => at += 1,
            }
        }
    }

    fn line_comment(&mut self) -> Comment<'t> {
        self.pass(line_end(self.bytes, self.at)).trim_end()
    }

    /// The next thing between parts of one node.
    fn trivia(&mut self) -> Option<Trivia<'t>> {
        self.spaces();
        if self.starts_with("/*") {
            return self.block_comment().map(Trivia::Comment);
        }
        if self.peek() != Some(b'\\') {
            return Some(Trivia::None);
        }
        self.at += 1;
        let mut comments = Vec::new();
        self.spaces();
        while self.starts_with("/*") {
            comments.push(self.block_comment()?);
            self.spaces();
        }
        if self.starts_with("//") {
            comments.push(self.line_comment());
        }
        let length = newline_length(self.bytes, self.at);
        if length == 0 && self.at < self.bytes.len() {
            return None;
        }
        self.pass(self.at + length);
        Some(Trivia::Break(comments))
    }

    /// Passes over what may stand between parts of one node; whether it held no comment.
    fn quiet(&mut self) -> Option<bool> {
        let mut quiet = true;
        loop {
            match self.trivia()? {
                Trivia::None => return Some(quiet),
                Trivia::Comment(_) => quiet = false,
                Trivia::Break(comments) => quiet &= comments.is_empty(),
            }
        }
    }

    /// `/-` and what stands behind it; nothing when there is none. Comments there keep their place to the letter.
    fn slashdash(&mut self) -> Option<String> {
        let start = self.at;
        if !self.starts_with("/-") {
            return Some(String::new());
        }
        self.at += 2;
        let mut quiet = true;
        loop {
            quiet &= self.quiet()?;
            if self.starts_with("//") {
                self.line_comment();
                quiet = false;
            } else if let length @ 1.. = newline_length(self.bytes, self.at) {
                self.pass(self.at + length);
            } else {
                return Some(if quiet { "/-".to_owned() } else { self.text[start..self.at].to_owned() });
            }
        }
    }

    /// A bare word, a number, a keyword or a text as it is written.
    fn word(&mut self) -> Option<&'t str> {
        let start = self.at;
        let hashes = self.bytes[start..].iter().take_while(|byte| **byte == b'#').count();
        let open = start + hashes;
        if self.bytes.get(open) != Some(&b'"') {
            let end = word_end(self.bytes, open);
            return (end > start).then(|| self.pass(end));
        }
        let marks = if self.bytes[open..].starts_with(b"\"\"\"") { 3 } else { 1 };
        let mut at = open + marks;
        loop {
            match self.bytes.get(at)? {
                b'\\' if hashes == 0 => at += 2,
                b'"' => {
                    let closing = &self.bytes[at..];
                    let quotes = closing.iter().take(marks).take_while(|byte| **byte == b'"').count();
                    let follows = closing.iter().skip(marks).take(hashes).take_while(|byte| **byte == b'#').count();
                    if quotes == marks && follows == hashes {
                        let end = at + marks + hashes;
                        return self.text.is_char_boundary(end).then(|| self.pass(end));
                    }
                    at += 1;
                }
                _ => at += 1,
            }
        }
    }

    /// `(annotation)word` in its plain spelling; whether nothing in it held a comment.
    fn annotated(&mut self, out: &mut String) -> Option<bool> {
        let mut quiet = true;
        if self.peek() == Some(b'(') {
            self.at += 1;
            quiet &= self.quiet()?;
            let annotation = self.word()?;
            quiet &= self.quiet()?;
            if self.peek() != Some(b')') {
                return None;
            }
            self.at += 1;
            quiet &= self.quiet()?;
            out.extend(["(", annotation, ")"]);
        }
        out.push_str(self.word()?);
        Some(quiet)
    }

    /// An argument or a property. One with comments between its own parts is kept to the letter.
    fn entry(&mut self) -> Option<String> {
        let start = self.at;
        let mut out = String::new();
        let mut quiet = self.annotated(&mut out)?;
        let (end, lines) = (self.at, self.lines);
        let before_equals = self.quiet()?;
        if self.peek() == Some(b'=') {
            self.at += 1;
            quiet &= before_equals & self.quiet()?;
            out.push('=');
            quiet &= self.annotated(&mut out)?;
        } else {
            (self.at, self.lines) = (end, lines);
        }
        Some(if quiet { out } else { self.text[start..self.at].to_owned() })
    }

    /// A block up to its `}`, which is passed, or the whole file. It recurses no deeper than the reader allows blocks to stand.
    fn block(&mut self, braced: bool) -> Option<Block<'t>> {
        let lines = self.lines;
        let mut block = Block::default();
        // The lines of comments since the last node: the first of them is on its line.
        let mut gap = vec![Vec::new()];
        loop {
            self.gap(&mut gap)?;
            match self.peek() {
                None | Some(b'}') => {
                    place(&mut block, gap, braced, false);
                    if matches!(block.items.last(), Some(Item::Blank)) {
                        block.items.pop();
                    }
                    break;
                }
                Some(_) => {
                    let prefix = place(&mut block, gap, braced, true);
                    let (node, behind) = self.node(prefix)?;
                    block.items.push(Item::Node(node));
                    gap = behind;
                }
            }
        }
        let is_empty = block.items.is_empty() && block.opening.is_empty();
        block.one_line = self.lines == lines || is_empty;
        if braced {
            if self.peek() != Some(b'}') {
                return None;
            }
            self.at += 1;
        } else if self.at < self.bytes.len() {
            return None;
        }
        Some(block)
    }

    /// Everything between two nodes, by lines.
    fn gap(&mut self, gap: &mut Vec<Vec<Comment<'t>>>) -> Option<()> {
        loop {
            match self.trivia()? {
                Trivia::Comment(comment) => gap.last_mut()?.push(comment),
                Trivia::Break(comments) => end_line(gap, comments),
                Trivia::None if self.starts_with("//") => {
                    let comment = self.line_comment();
                    gap.last_mut()?.push(comment);
                }
                Trivia::None => match newline_length(self.bytes, self.at) {
                    0 => return Some(()),
                    length => {
                        let newline = if self.pass(self.at + length) == "\r\n" { "\r\n" } else { "\n" };
                        self.newline.get_or_insert(newline);
                        gap.push(Vec::new());
                    }
                },
            }
        }
    }

    /// A node with its end, and the lines of comments that were read behind it.
    fn node(&mut self, prefix: Vec<Comment<'t>>) -> Option<(Node<'t>, Vec<Vec<Comment<'t>>>)> {
        let is_first = std::mem::replace(&mut self.is_first, false);
        let mut name = self.slashdash()?;
        let start = self.at;
        let slashes = name.len();
        if !self.annotated(&mut name)? {
            name.truncate(slashes);
            name.push_str(&self.text[start..self.at]);
        }
        // The mark of the language's version is written with a space.
        if is_first && name == "/-kdl-version" {
            name = "/- kdl-version".to_owned();
        }
        let mut parts = vec![Part::Word(name)];
        let ended = loop {
            match self.trivia()? {
                Trivia::None => {}
                Trivia::Comment(comment) => {
                    parts.push(Part::Comment(comment));
                    continue;
                }
                Trivia::Break(comments) => {
                    match parts.last_mut() {
                        Some(Part::Break(before)) if before.is_empty() => *before = comments,
                        Some(Part::Break(_)) if comments.is_empty() => {}
                        _ => parts.push(Part::Break(comments)),
                    }
                    continue;
                }
            }
            match self.peek() {
                None | Some(b'}') => break false,
                Some(b';') => {
                    self.at += 1;
                    break true;
                }
                Some(b'/') if self.starts_with("//") => break false,
                Some(_) if newline_length(self.bytes, self.at) > 0 => break false,
                Some(_) => {
                    let slashes = self.slashdash()?;
                    parts.push(if self.peek() == Some(b'{') {
                        self.at += 1;
                        Part::Block(slashes, self.block(true)?)
                    } else {
                        Part::Word(slashes + &self.entry()?)
                    });
                }
            }
        };
        // What nothing follows belongs behind the node.
        let last = parts.iter().rposition(|part| !matches!(part, Part::Comment(_) | Part::Break(_))).unwrap_or(0);
        let mut behind = vec![Vec::new()];
        for part in parts.drain(last + 1..) {
            match part {
                Part::Comment(comment) => behind.last_mut()?.push(comment),
                Part::Break(comments) => end_line(&mut behind, comments),
                _ => {}
            }
        }
        let mut trailing = Vec::new();
        if ended {
            trailing = behind.concat();
            behind = vec![Vec::new()];
        }
        Some((Node { prefix, parts, trailing }, behind))
    }
}

fn end_line<'t>(gap: &mut Vec<Vec<Comment<'t>>>, comments: Vec<Comment<'t>>) {
    if let Some(line) = gap.last_mut() {
        line.extend(comments);
    }
    gap.push(Vec::new());
}

/// Puts the lines between two nodes where they belong. Returns what stands before the next node on its line.
fn place<'t>(block: &mut Block<'t>, gap: Vec<Vec<Comment<'t>>>, braced: bool, node_follows: bool) -> Vec<Comment<'t>> {
    let last = gap.len() - 1;
    for (number, line) in gap.into_iter().enumerate() {
        let after_node = matches!(block.items.last(), Some(Item::Node(_)));
        if number == last && node_follows {
            return line;
        } else if number == 0 && after_node {
            if let Some(Item::Node(node)) = block.items.last_mut() {
                node.trailing.extend(line);
            }
        } else if number == 0 && braced && block.items.is_empty() {
            block.opening = line;
        } else if !line.is_empty() {
            block.items.push(Item::Comments(line));
        } else if number > 0 && number < last && !matches!(block.items.last(), None | Some(Item::Blank)) {
            block.items.push(Item::Blank);
        }
    }
    Vec::new()
}
