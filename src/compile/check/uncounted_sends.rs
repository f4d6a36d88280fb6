//! A limit on what one person gets, in a workflow none of whose channels knows its readers, counts nobody.

use super::CheckContext;
use crate::diag::Diagnostic;
use crate::model::CapUnit;
use crate::step::spec::SENDS;

pub(super) fn rule(cx: &CheckContext<'_>, sink: &mut Vec<Diagnostic>) {
    let counts = |kind: &crate::step::ConnectorSpec| kind.nodes.iter().any(|node| node.name == SENDS.name);
    if cx.sketch.channels.values().any(|channel| channel.kind.is_none_or(counts)) {
        return;
    }
    if let Some((_, span)) = cx.sketch.caps.iter().find(|(cap, _)| cap.unit == CapUnit::Sends) {
        sink.push(
            Diagnostic::warning("loop::uncounted-sends", "no channel here knows its readers, so this limit counts nobody")
                .at(*span, "counts people")
                .help("add a `channel` with `kind=\"smtp\"` that people get letters over, or remove the limit"),
        );
    }
}
