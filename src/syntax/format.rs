//! The formatter: the same file in the house's layout.
//!
//! Four spaces a level, one node a line, one space between the parts of a node, at most one blank line. What a person chose stays: every
//! comment and everything behind `/-`, the spelling of each number and text, lines continued with `\`, and a block that was written on one
//! line as long as that line is no wider than [`WIDTH_MOST`]. What is written is compared with what was read before it leaves: should they
//! differ in anything that has a meaning, the file is returned as it came.

use super::layout::{Block, Comment, Item, Node, Part, layout, substance};
use super::{print, read};
use crate::diag::{Diagnostic, FileId};

/// Characters of a line beyond which a block is spread over several.
pub const WIDTH_MOST: usize = 120;

/// The text in its layout; for a file with errors its diagnostics, because what was meant is not certain.
pub fn format(file: FileId, text: &str) -> Result<String, Vec<Diagnostic>> {
    let (tree, diagnostics) = read(file, text);
    if diagnostics.iter().any(Diagnostic::is_error) {
        return Err(diagnostics);
    }
    let same = |formatted: &String| {
        let (again, findings) = read(file, formatted);
        findings.len() == diagnostics.len() && print(&again) == print(&tree) && substance(formatted) == substance(text)
    };
    Ok(laid_out(text).filter(same).unwrap_or_else(|| text.to_owned()))
}

/// The new layout, not yet compared with the old one.
pub(super) fn laid_out(text: &str) -> Option<String> {
    let (block, newline) = layout(text)?;
    let mut writer = Writer { out: String::with_capacity(text.len() + text.len() / 8), newline, line: 0, in_comment: false };
    if text.starts_with('\u{FEFF}') {
        writer.out.push('\u{FEFF}');
        writer.line = writer.out.len();
    }
    writer.items(&block, 0);
    Some(writer.out)
}

struct Writer {
    out: String,
    newline: &'static str,
    /// Where the last line starts.
    line: usize,
    /// The last line ends in a `//` comment, so nothing more may stand on it.
    in_comment: bool,
}

impl Writer {
    fn push(&mut self, text: &str) {
        self.out.push_str(text);
        if let Some(found) = text.rfind(['\n', '\r']) {
            self.line = self.out.len() - text.len() + found + 1;
        }
    }

    fn end_line(&mut self) {
        self.push(self.newline);
        self.in_comment = false;
    }

    fn indent(&mut self, depth: usize) {
        self.out.extend(std::iter::repeat_n("    ", depth));
    }

    fn is_too_wide(&self) -> bool {
        self.out.len() - self.line > WIDTH_MOST && self.out[self.line..].chars().count() > WIDTH_MOST
    }

    /// Comments behind something on its line.
    fn behind(&mut self, comments: &[Comment<'_>], depth: usize) {
        for comment in comments {
            if self.in_comment {
                self.end_line();
                self.indent(depth);
            } else {
                self.push(" ");
            }
            self.push(comment);
            self.in_comment = comment.starts_with("//");
        }
    }

    fn items(&mut self, block: &Block<'_>, depth: usize) {
        for item in &block.items {
            match item {
                Item::Node(node) => {
                    self.indent(depth);
                    self.node(node, depth);
                }
                Item::Comments(comments) => {
                    self.indent(depth);
                    self.push(&comments.join(" "));
                }
                Item::Blank => {}
            }
            self.end_line();
        }
    }

    fn node(&mut self, node: &Node<'_>, depth: usize) {
        self.prefix(node);
        let (mark, line) = (self.out.len(), self.line);
        let is_written_on_one_line = node.parts.iter().all(|part| match part {
            Part::Block(_, block) => block.one_line,
            _ => true,
        });
        if !is_written_on_one_line || !self.parts(node, depth, true) {
            self.out.truncate(mark);
            self.line = line;
            self.parts(node, depth, false);
        }
        self.behind(&node.trailing, depth);
    }

    fn prefix(&mut self, node: &Node<'_>) {
        for comment in &node.prefix {
            self.push(comment);
            self.push(" ");
        }
    }

    /// The parts of a node. On one line it gives up as soon as the line becomes too wide because of a block.
    fn parts(&mut self, node: &Node<'_>, depth: usize, on_one_line: bool) -> bool {
        let mut spaced = true;
        let mut has_block = false;
        for part in &node.parts {
            if !std::mem::replace(&mut spaced, false) {
                self.push(" ");
            }
            match part {
                Part::Word(word) => self.push(word),
                Part::Comment(comment) => self.push(comment),
                Part::Break(comments) => {
                    self.push("\\");
                    for comment in comments {
                        self.push(" ");
                        self.push(comment);
                    }
                    self.end_line();
                    self.indent(depth + 1);
                    spaced = true;
                }
                Part::Block(slashes, block) => {
                    self.push(slashes);
                    has_block |= !block.items.is_empty();
                    if block.items.is_empty() && block.opening.is_empty() {
                        self.push("{}");
                    } else if on_one_line {
                        if !self.block_on_one_line(block) {
                            return false;
                        }
                    } else {
                        self.push("{");
                        self.behind(&block.opening, depth + 1);
                        self.end_line();
                        self.items(block, depth + 1);
                        self.indent(depth);
                        self.push("}");
                    }
                }
            }
        }
        !(on_one_line && has_block && self.is_too_wide())
    }

    /// `{ one; two }`; false as soon as it is too wide.
    fn block_on_one_line(&mut self, block: &Block<'_>) -> bool {
        self.push("{");
        self.behind(&block.opening, 0);
        let mut first = true;
        for item in &block.items {
            let Item::Node(node) = item else { return false };
            self.push(if std::mem::take(&mut first) { " " } else { "; " });
            self.prefix(node);
            if self.is_too_wide() || !self.parts(node, 0, true) {
                return false;
            }
            self.behind(&node.trailing, 0);
        }
        self.push(" }");
        true
    }
}
