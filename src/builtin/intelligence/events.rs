//! `source kind="events"`: what people did on the site and in the product, one JSON object a line.

use super::csv::MOST;
use super::newest::{Kept, Newest};
use super::readers::{event_log, shape};
use super::reading::{self, count, inform, warn};
use crate::builtin::common::bytes;
use crate::model::GoodKind;
use crate::model::goods::Batch;
use crate::step::spec::no_tunables;
use crate::step::{KindSpec, Mode, NodeSpec, Output, StepContext, StepError, StepKind, Turn, ValueType};
use std::collections::BTreeMap;

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
        the cycle wait, lines that cannot be read are kept aside with line and column, and events that name nobody are counted. Of more \
        events than `most`, the newest are taken and the others counted: a cycle keeps its events in memory. \
        What is longer is better said in fewer rows: journeys as paths with counts, days as a table of numbers.",
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
        MOST,
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
        let piece = cx.config().text("piece").unwrap_or("utm_content");
        let window = cx.config().duration("window");
        let mut kept = Newest::of(cx, Batch::unique());
        let (mut aside, mut later) = (0, 0);
        let mut notes: Vec<(String, String)> = Vec::new();
        reading::visit(&targets, replies, &mut output, |document| {
            let mut log = event_log::read(&bytes::text(&document.bytes), piece, &cx.workflow.zone);
            aside += log.broken.len();
            notes.extend(shape::kept_aside(&document.place, &mut log.broken));
            for event in log.events.rows() {
                if event.at() > cx.now {
                    later += 1;
                } else if window.is_none_or(|window| cx.now.since(event.at()) <= window) {
                    kept.take(event);
                }
            }
        })?;
        notes.into_iter().for_each(|(place, text)| warn(&mut output, Some(place), text));
        let Kept { events, duplicates, beyond } = kept.finish(cx, "window", &mut output);
        let nameless = events.rows().filter(|event| event.who().is_empty() && !event.is_journey()).count();
        if later > 0 {
            inform(&mut output, None, format!("Dated after this cycle and left for a later one: {}.", count(later, "event")));
        }
        if nameless > 0 {
            let text =
                format!("{} of {} name nobody; they count, but belong to no journey.", nameless, count(events.len(), "event"));
            inform(&mut output, None, text);
        }
        let people = events.people().len();
        let persons = format!("{people} {}", if people == 1 { "person" } else { "people" });
        let mut headline = format!("{}, {persons}", count(events.len(), "event"));
        for (number, what) in
            [(beyond, "older left out"), (duplicates, "repeated"), (aside, "kept aside"), (later, "dated later")]
        {
            if number > 0 {
                headline.push_str(&format!(", {number} {what}"));
            }
        }
        output.headline = Some(headline);
        if !events.is_empty() {
            output.give(events, Vec::new());
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
            events.rows().map(|row| row.at().to_string()[5..10].to_owned()).collect::<Vec<_>>(),
            ["01-01", "01-01", "01-02"]
        );
        assert!(events.rows().all(|row| row.who().is_empty() || row.who().len() == 16));
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

    #[test]
    fn of_too_many_events_the_newest_are_taken_and_the_others_counted() {
        let line = |minute: usize| {
            format!("{{\"at\":\"2026-01-02T{:02}:{:02}:00Z\",\"who\":\"p{minute}\",\"name\":\"view\"}}", minute / 60, minute % 60)
        };
        // Newest last, newest first, and everything twice.
        for order in [0, 1, 2] {
            let mut lines: Vec<String> = (0..1_000).map(line).collect();
            if order == 1 {
                lines.reverse();
            }
            if order == 2 {
                lines.extend(lines.clone());
            }
            let mut bench = Bench::new(&EventLog, r#"source "site" kind="events" { path "e.jsonl"; most 100 }"#)
                .file("e.jsonl", lines.join("\n"));
            let output = bench.run("2026-01-03T00:00:00Z").unwrap();
            let Good::Events(events) = &output.goods[0].0 else { panic!("events") };
            let times: Vec<String> = events.rows().map(|row| row.at().to_string()[11..16].to_owned()).collect();
            assert_eq!((times.len(), times[0].as_str(), times[99].as_str()), (100, "15:00", "16:39"));
            assert!(
                output
                    .headline
                    .as_deref()
                    .is_some_and(|line| line.starts_with("100 events, 100 people, ") && line.contains("older left out")),
                "{:?}",
                output.headline
            );
            let said = &notes(&output)[0];
            assert!(said.contains("are more than one cycle takes: the newest 100 from 2 January 2026 on are used"), "{said}");
            assert!(
                order == 2 || said.starts_with("- 1,000 events are more") && said.contains("900 are older and left out"),
                "{said}"
            );
        }
    }
}
