//! Words beside the text: how much of a cap is used, and when the next cycle comes.

use super::documents::Source;
use super::grammar::{Word, walk};
use super::past::Past;
use crate::base::Timestamp;
use crate::model::{CapUnit, Workflow};
use crate::report::view::CapView;
use crate::step::Registry;
use crate::syntax::Node;
use lsp_types::{InlayHint, InlayHintLabel, InlayHintTooltip};
use std::ops::Range;
use std::time::Duration;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

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
            "every" if within.is_none() => next(workflow, past, now),
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
        CapUnit::Pieces | CapUnit::Tokens => value.to_string(),
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
    let every = workflow.every?;
    let zone = &workflow.zone;
    let last = past.and_then(|past| past.last(workflow));
    if past.is_some_and(|past| past.is_open(workflow)) {
        let (cycle, opened) = last?;
        return Some((format!("cycle {cycle} is open"), format!("cycle {cycle} opened with {}", opened.friendly(zone))));
    }
    if let Some(from) = workflow.recorded_from {
        let at = last.map_or(from, |(_, opened)| opened + every);
        return Some((
            format!("next cycle sees {}", at.friendly(zone)),
            "the data is a recording: the next cycle opens at this time of it".to_owned(),
        ));
    }
    let at = next_run(every, workflow.at_minute, zone, last.map(|(_, opened)| opened), now)?;
    Some(match at <= now {
        true => (format!("due since {}", at.friendly(zone)), "`loopctl run` opens it now".to_owned()),
        false => (format!("next {}", at.friendly(zone)), format!("the next cycle, in {}", zone.iana_name().unwrap_or("UTC"))),
    })
}

/// When a cycle comes after one that opened at `last`. With a time of day, days are counted by the calendar of the zone, so that six
/// o'clock stays six o'clock when the clocks change.
pub fn next_run(
    every: Duration,
    at_minute: Option<u32>,
    zone: &jiff::tz::TimeZone,
    last: Option<Timestamp>,
    now: Timestamp,
) -> Option<Timestamp> {
    let Some(minute) = at_minute else { return Some(last.map_or(now, |last| last + every)) };
    let at_time = |day: jiff::civil::Date| {
        let time = jiff::civil::time((minute / 60).min(23) as i8, (minute % 60) as i8, 0, 0);
        zone.to_zoned(day.to_datetime(time)).ok().map(|zoned| Timestamp::from(zoned.timestamp()))
    };
    match last {
        Some(last) => {
            let days = i64::try_from(every.as_secs().div_ceil(DAY.as_secs())).ok()?;
            let day = last.in_zone(zone).date().checked_add(jiff::Span::new().try_days(days).ok()?).ok()?;
            at_time(day)
        }
        None => {
            let today = now.in_zone(zone).date();
            at_time(today).filter(|at| *at > now).or_else(|| at_time(today.tomorrow().ok()?))
        }
    }
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
    fn the_next_run_is_at_the_time_of_day_of_the_zone() {
        let zone = jiff::tz::TimeZone::get("Europe/London").expect("bundled zone");
        let next = |every: u64, at, last: Option<&str>, now| {
            let every = Duration::from_secs(every * 3600);
            next_run(every, at, &zone, last.map(stamp), stamp(now)).map(|at| at.to_string()).unwrap_or_default()
        };
        // Summer time ends on 26 October 2025.
        assert_eq!(next(24, Some(360), Some("2025-10-25T05:00:00Z"), "2025-10-25T12:00:00Z"), "2025-10-26T06:00:00Z");
        assert_eq!(next(24 * 7, Some(360), Some("2026-06-01T05:03:00Z"), "2026-06-02T00:00:00Z"), "2026-06-08T05:00:00Z");
        assert_eq!(next(24, Some(360), None, "2026-06-01T04:00:00Z"), "2026-06-01T05:00:00Z");
        assert_eq!(next(24, Some(360), None, "2026-06-01T05:00:00Z"), "2026-06-02T05:00:00Z");
        assert_eq!(next(6, None, Some("2026-06-01T05:00:00Z"), "2026-06-01T06:00:00Z"), "2026-06-01T11:00:00Z");
        assert_eq!(next(6, None, None, "2026-06-01T06:00:00Z"), "2026-06-01T06:00:00Z");
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
