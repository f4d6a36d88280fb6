//! A layer without steps, and what the loop lacks without it. `without` and `phase=` say that it is on purpose.

use super::CheckContext;
use crate::compile::language::{LAYERS, phase_of};
use crate::diag::{Diagnostic, Span};
use crate::model::Layer;

pub(super) fn rule(cx: &CheckContext<'_>, sink: &mut Vec<Diagnostic>) {
    let sketch = cx.sketch;
    let without = named_after_without(cx);
    for (layer, span, rest) in without.iter().filter_map(|(layer, span, rest)| Some(((*layer)?, *span, *rest))) {
        if let Some(block) = sketch.layers.iter().find(|block| block.layer == layer && block.steps > 0) {
            sink.push(
                Diagnostic::warning(
                    "loop::needless-without",
                    format!("layer {layer} is here, and `without` says that it is missing"),
                )
                .at(span, "said to be missing")
                .at(block.head_span, "its steps stand here")
                .help(match without.len() {
                    1 => format!("remove `without \"{}\"`", layer.name()),
                    _ => format!("remove `\"{}\"` after `without`", layer.name()),
                })
                .fix(format!("remove `\"{}\"`", layer.name()), rest, ""),
            );
        }
    }
    let phase = sketch.phase.unwrap_or(i64::MAX);
    let missing: Vec<_> = LAYERS
        .iter()
        .filter(|(layer, _)| phase_of(*layer) <= phase && !sketch.is_without(*layer) && !sketch.has(*layer))
        .collect();
    let Some((first, _)) = missing.first() else { return };
    // A misspelled layer after `without`, or a verb nobody knows, may be what is missing here.
    if sketch.has_unknown_kinds() || without.iter().any(|(layer, ..)| layer.is_none()) {
        return;
    }
    let message = match missing.len() {
        1 => format!("layer {} is missing", first.title()),
        count => format!("{count} of the six layers are missing"),
    };
    let lacks: Vec<String> = missing.iter().map(|(layer, lack)| format!("without `{}` {lack}", layer.name())).collect();
    let names: Vec<String> = missing.iter().map(|(layer, _)| format!("\"{}\"", layer.name())).collect();
    sink.push(Diagnostic::warning("loop::missing-layer", message).at(sketch.head_span, "this loop is not closed").help(format!(
        "{}; if that is on purpose, say so: `without {}`",
        lacks.join("; "),
        names.join(" ")
    )));
}

/// Every word after `without` with its place, and what to take out to remove it: the space to its neighbour as well, or the whole node
/// with its only word. No layer for a word that is none, which has been said.
fn named_after_without(cx: &CheckContext<'_>) -> Vec<(Option<Layer>, Span, Span)> {
    let mut words = Vec::new();
    for node in cx.sketch.settings.all("without") {
        let spans = &node.arg_spans;
        for (at, (word, span)) in node.args.iter().zip(spans).enumerate() {
            let rest = match (at.checked_sub(1).map(|before| spans[before]), spans.get(at + 1)) {
                (Some(before), _) => Span { start: before.end, ..*span },
                (None, Some(after)) => Span { end: after.start, ..*span },
                (None, None) => node.span,
            };
            words.push((word.text().and_then(Layer::parse), *span, rest));
        }
    }
    words
}
