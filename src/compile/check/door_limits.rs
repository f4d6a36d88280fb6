//! Limits of a provider or a channel that let nothing through, or more than can be counted.

use super::CheckContext;
use crate::diag::Diagnostic;
use crate::model::Scalar;

/// A setting, its least and its most.
const RANGES: [(&str, i64, i64); 4] = [("at-once", 1, 1_024), ("rate", 1, 1_000), ("retries", 0, 20), ("sends", 1, 1_000)];

pub(super) fn rule(cx: &CheckContext<'_>, sink: &mut Vec<Diagnostic>) {
    for door in cx.sketch.providers.values().chain(cx.sketch.channels.values()) {
        for (name, least, most) in RANGES {
            let Some(node) = door.config.child(name) else { continue };
            let Some(number) = node.arg().and_then(Scalar::integer) else { continue };
            if (least..=most).contains(&number) {
                continue;
            }
            let help = match (name, number > most) {
                ("rate", true) => "count in a shorter time: `per=\"second\"` allows as much as anybody can send".to_owned(),
                ("rate" | "at-once" | "sends", false) => {
                    format!("write a whole number from {least}; to use `{}` no more, remove it", door.name)
                }
                _ => format!("write a whole number from {least} to {most}"),
            };
            sink.push(
                Diagnostic::error("loop::out-of-range", format!("`{name}` takes {least} to {most}, found `{number}`"))
                    .at(node.arg_spans.first().copied().unwrap_or(node.span), "out of range")
                    .help(help),
            );
        }
    }
}
