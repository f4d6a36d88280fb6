//! The tree that `read` returns: rows in vectors, seen through small `Copy` views.
//!
//! The tree shares the text it was read from. A name or a text value is a piece of that copy, or of `decoded` when its spelling differs from its
//! value (escapes, several lines). Nodes point to their first child and next sibling by index; nothing here recurses.

use super::literal;
use crate::diag::{FileId, Span};
use std::sync::Arc;

/// The number of a node in its tree, in the order of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub(super) u32);

pub(super) const NONE: u32 = u32::MAX;

/// A range of the text, or of `decoded` when the highest bit of `start` is set.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Piece {
    pub start: u32,
    pub end: u32,
}

pub(super) const DECODED: u32 = 1 << 31;

/// A name or an annotation with the place of its spelling.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Word {
    pub piece: Piece,
    pub start: u32,
    pub end: u32,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Stored {
    Text(Piece),
    Integer(i64),
    /// An index into `integers`, for what does not fit 64 bits.
    Big(u32),
    Number(f64),
    Bool(bool),
    Null,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct EntryRow {
    pub name: u32,
    pub annotation: u32,
    pub value: Stored,
    pub start: u32,
    pub value_start: u32,
    pub end: u32,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct NodeRow {
    pub name: Word,
    pub annotation: u32,
    pub first_entry: u32,
    pub entry_end: u32,
    pub first_child: u32,
    pub next: u32,
    pub parent: u32,
    pub start: u32,
    pub end: u32,
    /// The braces of the block, both inclusive; `NONE` without a block.
    pub block_start: u32,
    pub block_end: u32,
    pub first_comment: u32,
    pub comment_end: u32,
    pub broken: bool,
}

/// A file as nodes.
#[derive(Clone, Debug)]
pub struct Tree {
    pub(super) file: FileId,
    pub(super) text: Arc<str>,
    pub(super) decoded: String,
    pub(super) nodes: Vec<NodeRow>,
    pub(super) entries: Vec<EntryRow>,
    pub(super) words: Vec<Word>,
    pub(super) comments: Vec<(u32, u32)>,
    pub(super) integers: Vec<i128>,
    pub(super) first_root: u32,
}

/// What an argument or a property holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'t> {
    Text(&'t str),
    Integer(i128),
    /// Anything with a fraction or an exponent, `#inf`, `#-inf` and `#nan`. The spelling is [`Entry::spelling`].
    Number(f64),
    Bool(bool),
    Null,
}

impl<'t> Value<'t> {
    /// What a person calls this kind of value.
    pub fn describe(&self) -> &'static str {
        match self {
            Value::Text(_) => "a text",
            Value::Integer(_) => "a whole number",
            Value::Number(_) => "a number",
            Value::Bool(_) => "`#true` or `#false`",
            Value::Null => "`#null`",
        }
    }

    pub fn text(&self) -> Option<&'t str> {
        match self {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    pub fn integer(&self) -> Option<i128> {
        match self {
            Value::Integer(integer) => Some(*integer),
            _ => None,
        }
    }

    /// Any number, whole or not; a whole number beyond 2^53 is rounded.
    pub fn number(&self) -> Option<f64> {
        match self {
            Value::Integer(integer) => Some(*integer as f64),
            Value::Number(number) => Some(*number),
            _ => None,
        }
    }

    pub fn bool(&self) -> Option<bool> {
        match self {
            Value::Bool(value) => Some(*value),
            _ => None,
        }
    }
}

/// One node: `(annotation)name argument property=value { children }`.
#[derive(Clone, Copy)]
pub struct Node<'t> {
    tree: &'t Tree,
    id: NodeId,
}

/// One argument or property of a node.
#[derive(Clone, Copy)]
pub struct Entry<'t> {
    tree: &'t Tree,
    row: &'t EntryRow,
}

impl Tree {
    pub(super) fn empty(file: FileId, text: &str) -> Tree {
        Tree {
            file,
            text: text.into(),
            decoded: String::new(),
            nodes: Vec::new(),
            entries: Vec::new(),
            words: Vec::new(),
            comments: Vec::new(),
            integers: Vec::new(),
            first_root: NONE,
        }
    }

    pub fn file(&self) -> FileId {
        self.file
    }

    /// The text the tree was read from; the spans of the tree point into it.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The nodes that stand in no block.
    pub fn roots(&self) -> Children<'_> {
        Children { tree: self, next: self.first_root }
    }

    pub fn node(&self, id: NodeId) -> Option<Node<'_>> {
        ((id.0 as usize) < self.nodes.len()).then_some(Node { tree: self, id })
    }

    /// Every node at every depth, in the order of the file.
    pub fn all(&self) -> impl Iterator<Item = Node<'_>> {
        (0..self.nodes.len()).map(|id| Node { tree: self, id: NodeId(id as u32) })
    }

    /// How many nodes there are at every depth.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The innermost node whose text holds the byte offset.
    pub fn at(&self, offset: usize) -> Option<Node<'_>> {
        let last = self.nodes.partition_point(|row| row.start as usize <= offset).checked_sub(1)?;
        let mut node = Some(Node { tree: self, id: NodeId(last as u32) });
        while let Some(candidate) = node {
            if (candidate.row().end as usize) >= offset {
                return Some(candidate);
            }
            node = candidate.parent();
        }
        None
    }

    pub(super) fn piece(&self, piece: Piece) -> &str {
        let (text, start) = match piece.start & DECODED {
            0 => (&*self.text, piece.start),
            _ => (self.decoded.as_str(), piece.start & !DECODED),
        };
        text.get(start as usize..piece.end as usize).unwrap_or("")
    }

    fn span(&self, start: u32, end: u32) -> Span {
        Span { file: self.file, start, end }
    }

    fn word(&self, index: u32) -> Option<(&str, Span)> {
        let word = self.words.get(index as usize)?;
        Some((self.piece(word.piece), self.span(word.start, word.end)))
    }
}

/// Nodes side by side.
#[derive(Clone)]
pub struct Children<'t> {
    tree: &'t Tree,
    next: u32,
}

impl<'t> Iterator for Children<'t> {
    type Item = Node<'t>;

    fn next(&mut self) -> Option<Node<'t>> {
        let row = self.tree.nodes.get(self.next as usize)?;
        let node = Node { tree: self.tree, id: NodeId(self.next) };
        self.next = row.next;
        Some(node)
    }
}

impl<'t> Node<'t> {
    fn row(&self) -> &'t NodeRow {
        &self.tree.nodes[self.id.0 as usize]
    }

    pub fn id(&self) -> NodeId {
        self.id
    }

    pub(super) fn tree(&self) -> &'t Tree {
        self.tree
    }

    /// Empty only when the node is broken: a block without a name.
    pub fn name(&self) -> &'t str {
        self.tree.piece(self.row().name.piece)
    }

    pub fn name_span(&self) -> Span {
        self.tree.span(self.row().name.start, self.row().name.end)
    }

    /// From the annotation or the name to the last entry or the closing brace.
    pub fn span(&self) -> Span {
        self.tree.span(self.row().start, self.row().end)
    }

    /// From the annotation or the name to the last entry, without the block.
    pub fn head_span(&self) -> Span {
        let row = self.row();
        let end = self.entries().last().map_or(row.name.end, |entry| entry.row.end);
        self.tree.span(row.start, end.max(row.start))
    }

    /// The block from `{` to `}`; an empty block counts.
    pub fn block_span(&self) -> Option<Span> {
        let row = self.row();
        (row.block_start != NONE).then(|| self.tree.span(row.block_start, row.block_end))
    }

    pub fn annotation(&self) -> Option<(&'t str, Span)> {
        self.tree.word(self.row().annotation)
    }

    /// A mistake was found in the head of this node: what is missing may have been there, so do not complain that it is missing.
    pub fn is_broken(&self) -> bool {
        self.row().broken
    }

    /// Arguments and properties in the order of the file, repeated properties included.
    pub fn entries(&self) -> impl DoubleEndedIterator<Item = Entry<'t>> + use<'t> {
        let (tree, row) = (self.tree, self.row());
        tree.entries[row.first_entry as usize..row.entry_end as usize].iter().map(move |row| Entry { tree, row })
    }

    pub fn args(&self) -> impl DoubleEndedIterator<Item = Entry<'t>> + use<'t> {
        self.entries().filter(|entry| entry.row.name == NONE)
    }

    /// The argument with this number, counted from 0.
    pub fn arg(&self, number: usize) -> Option<Entry<'t>> {
        self.args().nth(number)
    }

    /// Properties in the order of the file, repeated ones included.
    pub fn props(&self) -> impl DoubleEndedIterator<Item = Entry<'t>> + use<'t> {
        self.entries().filter(|entry| entry.row.name != NONE)
    }

    /// The property with this name; of repeated ones the last counts, as KDL says.
    pub fn prop(&self, name: &str) -> Option<Entry<'t>> {
        self.props().rfind(|entry| entry.name().is_some_and(|(found, _)| found == name))
    }

    pub fn children(&self) -> Children<'t> {
        Children { tree: self.tree, next: self.row().first_child }
    }

    /// The first child with this name.
    pub fn child(&self, name: &str) -> Option<Node<'t>> {
        self.children().find(|child| child.name() == name)
    }

    pub fn children_named(&self, name: &str) -> impl Iterator<Item = Node<'t>> {
        self.children().filter(move |child| child.name() == name)
    }

    pub fn parent(&self) -> Option<Node<'t>> {
        self.tree.node(NodeId(self.row().parent))
    }

    /// The `//` lines directly above the node, without their slashes and the space after them.
    pub fn comments(&self) -> impl Iterator<Item = &'t str> + use<'t> {
        let (tree, row) = (self.tree, self.row());
        tree.comments[row.first_comment as usize..row.comment_end as usize].iter().map(move |(start, end)| {
            let line = tree.piece(Piece { start: *start, end: *end });
            line.strip_prefix(' ').unwrap_or(line).trim_end()
        })
    }
}

impl<'t> Entry<'t> {
    /// The name of a property, without it an argument.
    pub fn name(&self) -> Option<(&'t str, Span)> {
        self.tree.word(self.row.name)
    }

    pub fn value(&self) -> Value<'t> {
        match self.row.value {
            Stored::Text(piece) => Value::Text(self.tree.piece(piece)),
            Stored::Integer(integer) => Value::Integer(integer.into()),
            Stored::Big(index) => Value::Integer(self.tree.integers.get(index as usize).copied().unwrap_or_default()),
            Stored::Number(number) => Value::Number(number),
            Stored::Bool(value) => Value::Bool(value),
            Stored::Null => Value::Null,
        }
    }

    pub fn annotation(&self) -> Option<(&'t str, Span)> {
        self.tree.word(self.row.annotation)
    }

    /// Name, annotation and value.
    pub fn span(&self) -> Span {
        self.tree.span(self.row.start, self.row.end)
    }

    /// The value as it is written, without its annotation.
    pub fn value_span(&self) -> Span {
        self.tree.span(self.row.value_start, self.row.end)
    }

    /// The value as it is written: `1_000`, `"a\nb"`.
    pub fn spelling(&self) -> &'t str {
        self.tree.piece(Piece { start: self.row.value_start, end: self.row.end })
    }

    /// Whether a text is written as one plain piece between quotation marks, so that the value's offset `n` is the file's `inner.start + n`.
    /// Then this is the span of the text inside the quotation marks (or of the bare word).
    pub fn inner_span(&self) -> Option<Span> {
        match self.row.value {
            Stored::Text(piece) if piece.start & DECODED == 0 => Some(self.tree.span(piece.start, piece.end)),
            _ => None,
        }
    }

    /// The place in the file of the byte range `start..end` of a text value; the whole value when its spelling is broken.
    pub fn span_of(&self, start: usize, end: usize) -> Span {
        match self.inner_span() {
            Some(inner) if start <= end && end <= inner.len() => inner.part(start, end),
            Some(_) => self.value_span(),
            None => super::place_in(self.spelling(), start..end)
                .map_or(self.value_span(), |place| self.value_span().part(place.start, place.end)),
        }
    }
}

impl std::fmt::Debug for Node<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", literal::shorten(self.tree.text.get(self.span().range()).unwrap_or("")))
    }
}

impl std::fmt::Debug for Entry<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", literal::shorten(self.tree.text.get(self.span().range()).unwrap_or("")))
    }
}
