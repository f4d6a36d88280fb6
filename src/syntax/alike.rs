//! Whether two nodes of two readings are the same piece of text, read the same way, wherever each of them stands.
//!
//! The same bytes are not always read alike: in a broken file a brace far above decides what a line belongs to. So the rows are compared as
//! well, by their distance from the start of the node. Of two alike nodes everything that can be asked is the same but for the places, and
//! these differ by one distance.

use super::tree::{DECODED, EntryRow, NONE, Node, NodeRow, Piece, Stored, Tree, Word};

/// A node with everything in it: the rows of its tree that belong to it.
struct Rows<'t> {
    tree: &'t Tree,
    nodes: &'t [NodeRow],
    entries: &'t [EntryRow],
    /// Where the node starts in the text, and its number.
    start: u32,
    first: u32,
    first_entry: u32,
}

impl<'t> Rows<'t> {
    fn of(node: Node<'t>) -> Rows<'t> {
        let (tree, id) = (node.tree(), node.id().0 as usize);
        let row = tree.nodes[id];
        // Nodes stand in the order of the file, so all that start inside of it follow it.
        let count = 1 + tree.nodes[id + 1..].iter().take_while(|inner| inner.start < row.end).count();
        let nodes = &tree.nodes[id..id + count];
        let entry_end = nodes.iter().map(|row| row.entry_end).max().unwrap_or(row.entry_end).max(row.first_entry);
        let entries = &tree.entries[row.first_entry as usize..entry_end as usize];
        Rows { tree, nodes, entries, start: row.start, first: id as u32, first_entry: row.first_entry }
    }

    fn text(&self) -> &'t str {
        self.tree.text.get(self.start as usize..self.nodes[0].end as usize).unwrap_or("")
    }

    /// A place, or none, by its distance from the start.
    fn place(&self, at: u32) -> u32 {
        if at == NONE { NONE } else { at.wrapping_sub(self.start) }
    }

    fn number(&self, node: u32) -> u32 {
        if node == NONE { NONE } else { node.wrapping_sub(self.first) }
    }

    fn row(&self, row: &NodeRow) -> [u32; 7] {
        [
            row.first_entry.wrapping_sub(self.first_entry),
            row.entry_end.wrapping_sub(self.first_entry),
            self.number(row.first_child),
            self.place(row.start),
            self.place(row.end),
            self.place(row.block_start),
            self.place(row.block_end),
        ]
    }
}

fn same_piece(one: &Rows<'_>, mine: Piece, other: &Rows<'_>, theirs: Piece) -> bool {
    match (mine.start & DECODED, theirs.start & DECODED) {
        (0, 0) => (one.place(mine.start), one.place(mine.end)) == (other.place(theirs.start), other.place(theirs.end)),
        (0, _) | (_, 0) => false,
        _ => one.tree.piece(mine) == other.tree.piece(theirs),
    }
}

fn same_word(one: &Rows<'_>, mine: Word, other: &Rows<'_>, theirs: Word) -> bool {
    (one.place(mine.start), one.place(mine.end)) == (other.place(theirs.start), other.place(theirs.end))
        && same_piece(one, mine.piece, other, theirs.piece)
}

/// Words by their numbers, of which either may be none.
fn same_words(one: &Rows<'_>, mine: u32, other: &Rows<'_>, theirs: u32) -> bool {
    match (one.tree.words.get(mine as usize), other.tree.words.get(theirs as usize)) {
        (Some(mine), Some(theirs)) => same_word(one, *mine, other, *theirs),
        (None, None) => true,
        _ => false,
    }
}

fn same_value(one: &Rows<'_>, mine: Stored, other: &Rows<'_>, theirs: Stored) -> bool {
    match (mine, theirs) {
        (Stored::Text(mine), Stored::Text(theirs)) => same_piece(one, mine, other, theirs),
        (Stored::Integer(mine), Stored::Integer(theirs)) => mine == theirs,
        (Stored::Big(mine), Stored::Big(theirs)) => {
            one.tree.integers.get(mine as usize) == other.tree.integers.get(theirs as usize)
        }
        (Stored::Number(mine), Stored::Number(theirs)) => mine.to_bits() == theirs.to_bits(),
        (Stored::Bool(mine), Stored::Bool(theirs)) => mine == theirs,
        (Stored::Null, Stored::Null) => true,
        _ => false,
    }
}

fn same_entry(one: &Rows<'_>, mine: &EntryRow, other: &Rows<'_>, theirs: &EntryRow) -> bool {
    let places = |rows: &Rows<'_>, row: &EntryRow| [row.start, row.value_start, row.end].map(|at| rows.place(at));
    places(one, mine) == places(other, theirs)
        && same_value(one, mine.value, other, theirs.value)
        && same_words(one, mine.name, other, theirs.name)
        && same_words(one, mine.annotation, other, theirs.annotation)
}

/// Whether they are. Comments above a node, and what stands beside it, are not looked at; a broken node is like no other.
pub fn alike(one: Node<'_>, other: Node<'_>) -> bool {
    let (one, other) = (Rows::of(one), Rows::of(other));
    let same_nodes = || {
        one.nodes.iter().zip(other.nodes).enumerate().all(|(at, (mine, theirs))| {
            let broken = mine.broken || theirs.broken;
            !broken
                && one.row(mine) == other.row(theirs)
                && same_word(&one, mine.name, &other, theirs.name)
                && same_words(&one, mine.annotation, &other, theirs.annotation)
                // What follows the node itself does not belong to it.
                && (at == 0 || one.number(mine.next) == other.number(theirs.next))
        })
    };
    one.nodes.len() == other.nodes.len()
        && one.entries.len() == other.entries.len()
        && one.text() == other.text()
        && same_nodes()
        && one.entries.iter().zip(other.entries).all(|(mine, theirs)| same_entry(&one, mine, &other, theirs))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::FileId;
    use crate::syntax::read;

    fn last(text: &str) -> Tree {
        read(FileId(0), text).0
    }

    /// Compares the last children of the last roots.
    fn are_alike(one: &str, other: &str) -> bool {
        let (one, other) = (last(one), last(other));
        let node = |tree: &Tree| tree.roots().last().and_then(|root| root.children().last()).expect("a child").id();
        alike(one.node(node(&one)).expect("there"), other.node(node(&other)).expect("there"))
    }

    #[test]
    fn the_same_text_elsewhere_is_alike() {
        let step =
            "score \"s\\n\" (usd)2 weight=0.5 big=99999999999999999999 { from \"a\" #null; /- x; rule { value (t)#true } }";
        assert!(are_alike(&format!("w {{ {step} }}"), &format!("// more\nother 1 \"e\\t\" {{\n  a b=1 {{ c }}\n {step}\n}}")));
        // What follows does not matter, and what stands above neither.
        assert!(are_alike(&format!("w {{ {step} }}"), &format!("w {{\n// said\n{step} }}\n")));
    }

    #[test]
    fn another_value_or_another_reading_is_not() {
        for other in
            ["w { a 2 { b } }", "w { a 1 { c } }", "w { a 1 { b; } }", "w { a 1 { b 1 } }", "w { a 1 }", "w { a x=1 { b } }"]
        {
            assert!(!are_alike("w { a 1 { b } }", other), "{other}");
        }
        assert!(!are_alike("w { a 1 = { b } }", "w { a 1 = { b } }"), "it is broken");
    }
}
