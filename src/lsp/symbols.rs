//! The outline of a file, the places where its blocks fold, and names over the whole workspace.

use super::documents::Source;
use super::grammar::{Word, kind_of, walk};
use crate::step::Registry;
use crate::syntax::{Node, NodeId};
use lsp_types::{DocumentSymbol, FoldingRange, FoldingRangeKind, SymbolKind};

/// A name that is worth a line in an outline.
pub struct Symbol {
    pub name: String,
    pub detail: String,
    pub kind: SymbolKind,
    /// How deep it stands among the other symbols, from 0.
    pub depth: usize,
    pub range: std::ops::Range<usize>,
    /// The name itself.
    pub selection: std::ops::Range<usize>,
}

/// All symbols in the order of the file, outer ones before what is in them.
pub fn symbols(source: &Source, registry: &'static Registry) -> Vec<Symbol> {
    let mut found = Vec::new();
    let mut open: Vec<NodeId> = Vec::new();
    walk(source.tree(), registry, |node, word| {
        let kind = match word {
            Word::Workflow | Word::Module => SymbolKind::MODULE,
            Word::Export => SymbolKind::METHOD,
            Word::Layer(_) => SymbolKind::NAMESPACE,
            Word::Door { .. } => SymbolKind::INTERFACE,
            Word::Step { .. } => SymbolKind::FUNCTION,
            Word::Setting { spec, .. } if spec.name == "test" => SymbolKind::METHOD,
            Word::Setting { spec, .. } if spec.name == "param" => SymbolKind::VARIABLE,
            // The step of a module, and a step that is misspelled.
            Word::Unknown if is_like_a_step(node, registry) => SymbolKind::FUNCTION,
            _ => return,
        };
        while open.last().is_some_and(|outer| !is_inside(node, *outer)) {
            open.pop();
        }
        let title = match kind_of(node) {
            Some(kind) => format!("{} {kind}", node.name()),
            None => node.name().to_owned(),
        };
        let name = node.arg(0).and_then(|entry| Some((entry.value().text()?, entry.value_span())));
        let (name, detail, selection) = match name.filter(|(name, _)| !name.is_empty()) {
            Some((name, span)) => (name.to_owned(), title, span),
            None => (title, String::new(), node.name_span()),
        };
        let (range, depth) = (node.span().range(), open.len());
        // A node without a name has nothing to select.
        if !name.is_empty() {
            found.push(Symbol { name, detail, kind, depth, range, selection: selection.range() });
            open.push(node.id());
        }
    });
    found
}

fn is_like_a_step(node: Node<'_>, registry: &'static Registry) -> bool {
    node.parent().is_some_and(|parent| matches!(super::grammar::word_of(parent, registry), Word::Layer(_) | Word::Export))
}

fn is_inside(node: Node<'_>, outer: NodeId) -> bool {
    std::iter::successors(node.parent(), |node| node.parent()).any(|parent| parent.id() == outer)
}

/// The symbols as a tree.
pub fn outline(source: &Source, registry: &'static Registry) -> Vec<DocumentSymbol> {
    let mut open: Vec<(usize, DocumentSymbol)> = Vec::new();
    let mut roots = Vec::new();
    let close = |open: &mut Vec<(usize, DocumentSymbol)>, roots: &mut Vec<DocumentSymbol>, depth: usize| {
        while open.last().is_some_and(|(other, _)| *other >= depth) {
            if let Some((_, done)) = open.pop() {
                match open.last_mut() {
                    Some((_, outer)) => outer.children.get_or_insert_default().push(done),
                    None => roots.push(done),
                }
            }
        }
    };
    for symbol in symbols(source, registry) {
        close(&mut open, &mut roots, symbol.depth);
        #[allow(deprecated, reason = "the field is there and must be filled")]
        let made = DocumentSymbol {
            name: symbol.name,
            detail: (!symbol.detail.is_empty()).then_some(symbol.detail),
            kind: symbol.kind,
            tags: None,
            deprecated: None,
            range: source.lines.range(&source.text, symbol.range),
            selection_range: source.lines.range(&source.text, symbol.selection),
            children: None,
        };
        open.push((symbol.depth, made));
    }
    close(&mut open, &mut roots, 0);
    roots
}

/// Blocks of more than one line.
pub fn folds(source: &Source) -> Vec<FoldingRange> {
    let blocks = source.tree().all().filter_map(|node| node.block_span());
    let lines = blocks.map(|block| (source.lines.line(block.start as usize), source.lines.line(block.end as usize)));
    let fold = |(start, end): (usize, usize)| FoldingRange {
        start_line: start as u32,
        // The closing brace stays in sight.
        end_line: end as u32 - 1,
        kind: Some(FoldingRangeKind::Region),
        ..FoldingRange::default()
    };
    lines.filter(|(start, end)| *end > start + 1).map(fold).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builtin::registry;
    use crate::lsp::positions::Encoding;

    #[test]
    fn an_outline_has_layers_and_steps_also_of_a_broken_file() {
        let text = "workflow \"w\" {\n  intelligence {\n    source \"a\" kind=\"feed\" {\n      url \"x\"\n    }\n    voice.check \"tone\"\n    source\n  learning { report \"r\" {";
        let source = Source::new("/p/w.kdl".into(), text.into(), Encoding::Utf16);
        let lines: Vec<String> = symbols(&source, registry())
            .iter()
            .map(|symbol| format!("{}{} {}", " ".repeat(symbol.depth), symbol.name, symbol.detail))
            .collect();
        assert_eq!(lines[..5], ["w workflow", " intelligence ", "  a source feed", "  tone voice.check", "  source "]);
        assert!(lines.iter().any(|line| line.contains("learning")), "{lines:?}");
        let outline = outline(&source, registry());
        assert_eq!((outline.len(), outline[0].name.as_str()), (1, "w"));
        assert!(folds(&source).iter().any(|fold| (fold.start_line, fold.end_line) == (2, 3)));
    }
}
