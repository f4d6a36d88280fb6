//! A layer without steps, and what the loop lacks without it. `phase=` says that it is on purpose.

use super::CheckContext;
use crate::compile::language::{LAYERS, phase_of};
use crate::diag::Diagnostic;

pub(super) fn rule(cx: &CheckContext<'_>, sink: &mut Vec<Diagnostic>) {
    let sketch = cx.sketch;
    let phase = sketch.phase.unwrap_or(i64::MAX);
    let missing: Vec<_> = LAYERS.iter().filter(|(layer, _)| phase_of(*layer) <= phase && !sketch.has(*layer)).collect();
    let (Some((first, _)), false) = (missing.first(), sketch.has_unknown_kinds()) else { return };
    let message = match missing.len() {
        1 => format!("layer {} is missing", first.title()),
        count => format!("{count} of the six layers are missing"),
    };
    let lacks: Vec<String> = missing.iter().map(|(layer, lack)| format!("without `{}` {lack}", layer.name())).collect();
    sink.push(
        Diagnostic::warning("loop::missing-layer", message)
            .at(sketch.head_span, "this loop is not closed")
            .help(format!("{}; if that is on purpose for now, write `phase=` 1 or 2 behind the name", lacks.join("; "))),
    );
}
