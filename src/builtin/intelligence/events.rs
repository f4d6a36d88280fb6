//! `source kind="events"`: what people did on the site and in the product, one JSON object a line.

use super::readers::{event_log, shape};
use super::reading::{self, count, inform, warn};
use crate::base::Digest;
use crate::builtin::common::bytes;
use crate::model::GoodKind;
use crate::model::goods::{Event, Events};
use crate::step::spec::no_tunables;
use crate::step::{KindSpec, Mode, NodeSpec, Output, StepContext, StepError, StepKind, Turn, ValueType};
use std::collections::{BTreeMap, BTreeSet};

/// Reads event logs.
pub struct EventLog;

static SPEC: KindSpec = KindSpec {
    verb: "source",
    connector: Some("events"),
    layers: &[],
    summary: "Reads what people did, from GA4 exports or plain JSON lines.",
    doc: "Reads the GA4 export to BigQuery as newline-delimited JSON, and plain objects with `at`, `who`, `name` and, when known, \
        `channel`, `piece`, `value`; everything else becomes fields. Whoever is named is hashed at the door; a device that only \
        one account used is that account, also before the login.\n\n\
        The log is read whole in each cycle, because exports are revised for days: duplicates are removed, events dated after \
        the cycle wait, lines that cannot be read are kept aside with line and column, and events that name nobody are counted.",
    takes: &[],
    gives: &[GoodKind::Events],
    mode: Mode::Source,
    nodes: &[
        NodeSpec { doc: "A log; `.gz` is unpacked.", example: r#"path "data/events.jsonl""#, ..reading::PATH },
        NodeSpec { doc: "The address of a log.", example: r#"url "https://example.com/events.jsonl""#, ..reading::URL },
        NodeSpec { example: r#"folder "data/ga4" glob="*.ndjson""#, ..reading::FOLDER },
        NodeSpec::value("window", ValueType::Duration, "Older events are left out.", r#"window "90d""#),
        NodeSpec::value("piece", ValueType::Text, "The link parameter or member that names the piece.", r#"piece "utm_content""#)
            .or("utm_content"),
    ],
    example: "source \"site\" kind=\"events\" {\n    path \"data/events.jsonl\"\n    window \"90d\"\n}",
    keeps: None,
    generates: false,
    publishes: false,
    decides: false,
    tunables: no_tunables,
};

impl StepKind for EventLog {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    fn advance(&self, cx: &StepContext<'_>) -> Result<Turn, StepError> {
        let targets = reading::targets(cx.config());
        let Some(replies) = cx.replies.first() else {
            if targets.is_empty() {
                return Err(StepError::new("there is no log to read").help("add `path`, `url` or `folder`"));
            }
            return Ok(Turn::Ask(reading::requests(&targets, &BTreeMap::new())));
        };
        let mut output = Output::default();
        let readings = reading::readings(&targets, replies, &mut output)?;
        let piece = cx.config().text("piece").unwrap_or("utm_content");
        let window = cx.config().duration("window");
        let mut rows: Vec<Event> = Vec::new();
        let mut aside = 0;
        for document in &readings.documents {
            let mut log = event_log::read(&bytes::text(&document.bytes), piece, &cx.workflow.zone);
            aside += log.broken.len();
            if let Some((place, text)) = shape::kept_aside(&document.place, &mut log.broken) {
                warn(&mut output, Some(place), text);
            }
            rows.extend(log.events);
        }
        let all = rows.len();
        rows.retain(|event| event.at <= cx.now);
        let later = all - rows.len();
        rows.retain(|event| window.is_none_or(|window| cx.now.since(event.at) <= window));
        let before = rows.len();
        let mut seen: BTreeSet<Digest> = BTreeSet::new();
        rows.retain(|event| seen.insert(Digest::of_json(event)));
        let duplicates = before - rows.len();
        let nameless = rows.iter().filter(|event| event.who.is_empty() && event.path.is_empty()).count();
        rows.sort_by_key(|event| event.at);
        if later > 0 {
            inform(&mut output, None, format!("Dated after this cycle and left for a later one: {}.", count(later, "event")));
        }
        if nameless > 0 {
            let text =
                format!("{} of {} name nobody; they count, but belong to no journey.", nameless, count(rows.len(), "event"));
            inform(&mut output, None, text);
        }
        let people: BTreeSet<&str> = rows.iter().map(|event| event.who.as_str()).filter(|who| !who.is_empty()).collect();
        let persons = format!("{} {}", people.len(), if people.len() == 1 { "person" } else { "people" });
        let mut headline = format!("{}, {persons}", count(rows.len(), "event"));
        for (number, what) in [(duplicates, "repeated"), (aside, "kept aside"), (later, "dated later")] {
            if number > 0 {
                headline.push_str(&format!(", {number} {what}"));
            }
        }
        output.headline = Some(headline);
        if !rows.is_empty() {
            output.give(Events { source: cx.step.id.as_str().to_owned(), rows }, Vec::new());
        }
        Ok(Turn::Done(output))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builtin::common::rehearse::{Bench, notes};
    use crate::model::Good;

    #[test]
    fn a_log_is_cleaned_and_says_what_it_left_out() {
        let text = [
            r#"{"at":"2026-01-02T00:00:00Z","who":"b","name":"view"}"#,
            r#"{"at":"2026-01-01T00:00:00Z","who":"a","name":"view"}"#,
            r#"{"at":"2026-01-01T00:00:00Z","who":"a","name":"view"}"#,
            r#"{"at":"2026-01-01T06:00:00Z","name":"view"}"#,
            r#"{"at":"2025-01-01T00:00:00Z","who":"a","name":"old"}"#,
            r#"{"at":"2026-02-01T00:00:00Z","who":"a","name":"future"}"#,
            r#"{"at":"2026-01"#,
        ]
        .join("\n");
        let mut bench =
            Bench::new(&EventLog, r#"source "site" kind="events" { path "e.jsonl"; window "30d" }"#).file("e.jsonl", text);
        let output = bench.run("2026-01-03T00:00:00Z").unwrap();
        let Good::Events(events) = &output.goods[0].0 else { panic!("events") };
        assert_eq!(
            events.rows.iter().map(|row| row.at.to_string()[5..10].to_owned()).collect::<Vec<_>>(),
            ["01-01", "01-01", "01-02"]
        );
        assert!(events.rows.iter().all(|row| row.who.is_empty() || row.who.len() == 16));
        assert_eq!(output.headline.as_deref(), Some("3 events, 2 people, 1 repeated, 1 kept aside, 1 dated later"));
        let notes = notes(&output);
        assert!(notes[0].starts_with("e.jsonl:7:14 1 row was kept aside"), "{notes:?}");
        assert_eq!(
            notes[1..],
            [
                "- Dated after this cycle and left for a later one: 1 event.",
                "- 1 of 3 events name nobody; they count, but belong to no journey."
            ]
        );
    }
}
