//! Words beside the text: how much of a cap is used, and when the next cycle comes.

use super::documents::Source;
use super::grammar::{Word, walk};
use super::past::Past;
use crate::base::Timestamp;
use crate::model::{CapUnit, Workflow};
use crate::report::view::CapView;
use crate::runtime::next_opening;
use crate::step::Registry;
use crate::syntax::Node;
use lsp_types::{InlayHint, InlayHintLabel, InlayHintTooltip};
use std::ops::Range;

/// The hints in a range of bytes. `workflow` is the file as it last was without errors.
pub fn hints(
    source: &Source,
    range: Range<usize>,
    workflow: &Workflow,
    past: Option<&Past>,
    now: Timestamp,
    registry: &'static Registry,
) -> Vec<InlayHint> {
    let caps = past.map(|past| past.caps(workflow, now)).unwrap_or_default();
    let mut found = Vec::new();
    let mut step = String::new();
    walk(source.tree(), registry, |node, word| {
        if let Word::Step { .. } = word {
            step = node.arg(0).and_then(|entry| entry.value().text()).unwrap_or("").to_owned();
        }
        let end = node.head_span().end as usize;
        let Word::Setting { spec, step: within } = word else { return };
        if !range.contains(&end) && range.end != end {
            return;
        }
        let told = match spec.name {
            "every" | "cron" if within.is_none() => next(workflow, past, now),
            "cap" => cap(&caps, &step, node),
            "spend" | "tokens" if within.is_none() => cap(&caps, "workflow", node),
            _ => None,
        };
        if let Some((label, tooltip)) = told {
            found.push(InlayHint {
                position: source.lines.position(&source.text, end),
                label: InlayHintLabel::String(label),
                kind: None,
                text_edits: None,
                tooltip: Some(InlayHintTooltip::String(tooltip)),
                padding_left: Some(true),
                padding_right: None,
                data: None,
            });
        }
    });
    found
}

/// How a cap stands.
fn cap(caps: &[CapView], key: &str, node: Node<'_>) -> Option<(String, String)> {
    let per = node.prop("per").and_then(|entry| entry.value().text()).unwrap_or("day");
    let currency = node.arg(0).and_then(|entry| entry.annotation()).map(|(currency, _)| currency);
    let is_it = |view: &&CapView| {
        let unit = match (&view.unit, currency) {
            (CapUnit::Money(money), Some(currency)) => money == currency,
            (CapUnit::Tokens, None) => node.name() == "tokens",
            (CapUnit::Pieces, None) => node.name() == "cap",
            _ => false,
        };
        view.cap == key && view.per == per && unit
    };
    let view = caps.iter().find(is_it)?;
    let amount = |value: i64| match &view.unit {
        CapUnit::Money(_) => format!("{:.2}", value as f64 / 1e6),
        CapUnit::Pieces | CapUnit::Tokens | CapUnit::Sends => value.to_string(),
    };
    let left = (view.most - view.used).max(0);
    let window = match view.per {
        "cycle" => "this cycle".to_owned(),
        _ => format!("in {}", view.window),
    };
    Some((
        format!("{} used, {} left {window}", amount(view.used), amount(left)),
        format!("{} of {} are used {window}", amount(view.used), amount(view.most)),
    ))
}

/// When the next cycle opens.
fn next(workflow: &Workflow, past: Option<&Past>, now: Timestamp) -> Option<(String, String)> {
    let zone = &workflow.zone;
    let last = past.and_then(|past| past.last(workflow));
    if past.is_some_and(|past| past.is_open(workflow)) {
        let (cycle, opened) = last?;
        return Some((format!("cycle {cycle} is open"), format!("cycle {cycle} opened with {}", opened.friendly(zone))));
    }
    if let Some(from) = workflow.recorded_from {
        let every = workflow.every?;
        let at = last.map_or(from, |(_, opened)| opened + every);
        return Some((
            format!("next cycle sees {}", at.friendly(zone)),
            "the data is a recording: the next cycle opens at this time of it".to_owned(),
        ));
    }
    let at = next_opening(workflow, last.map(|(_, opened)| opened), now)?.at;
    Some(match at <= now {
        true => (format!("due since {}", at.friendly(zone)), "`loopctl run` opens it now".to_owned()),
        false => (format!("next {}", at.friendly(zone)), format!("the next cycle, in {}", zone.iana_name().unwrap_or("UTC"))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::files::MemoryFiles;
    use crate::builtin::registry;
    use crate::lsp::positions::Encoding;

    fn stamp(text: &str) -> Timestamp {
        Timestamp::parse(text).expect("a time")
    }

    #[test]
    fn a_cap_and_a_schedule_have_words_before_anything_ran() {
        let text = r#"workflow "w" phase=1 {
    every "7d" at="06:00"
    limit { tokens 1000; spend (usd)5 per="week" }
    provider "d" kind="template"
    intelligence { source "press" kind="feed" { url "https://example.com/feed" } }
    learning { report "r" { from "press" } }
}
"#;
        let files = MemoryFiles::new([("w.kdl", text)]);
        let compiled = crate::compile::compile(&files, "w.kdl", registry());
        let Some(workflow) = compiled.workflow else { panic!("{:#?}", compiled.diagnostics) };
        let source = Source::new("/p/w.kdl".into(), text.into(), Encoding::Utf16);
        let told = |past: Option<&Past>| -> Vec<String> {
            let hints = hints(&source, 0..text.len(), &workflow, past, stamp("2026-06-01T04:00:00Z"), registry());
            let label = |hint: InlayHint| match hint.label {
                InlayHintLabel::String(text) => format!("{} {text}", hint.position.line),
                InlayHintLabel::LabelParts(_) => String::new(),
            };
            hints.into_iter().map(label).collect()
        };
        assert_eq!(told(None), ["1 next Mon 1 Jun 2026 06:00"]);
        let told = told(Some(&Past::default()));
        assert_eq!(told[1..], ["2 0 used, 1000 left in 2026-06-01", "2 0.00 used, 5.00 left in 2026-W23"]);
    }
}
