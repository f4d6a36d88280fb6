//! `source kind="folder"`: notes, interviews and call transcripts, a signal per file.

use super::readers::transcript;
use super::reading::{self, count, warn};
use crate::base::{Digest, Timestamp};
use crate::builtin::common::{date, topic};
use crate::model::goods::{Signal, SignalKind};
use crate::model::{GoodKind, Layer, Untrusted};
use crate::step::spec::no_tunables;
use crate::step::{KindSpec, Mode, NodeSpec, Output, StepContext, StepError, StepKind, Turn, ValueType};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Reads notes and transcripts.
pub struct Folder;

static SPEC: KindSpec = KindSpec {
    verb: "source",
    connector: Some("folder"),
    layers: &[Layer::Intelligence],
    summary: "Reads notes, interviews and call transcripts.",
    doc: "Each text file becomes one note signal: Markdown, plain text, HTML, and transcripts as WebVTT, SubRip or Otter write \
        them, with time codes taken out and speakers named. A date at the start of a file name (`2026-09-20 call.vtt`) is when \
        it happened; such a file waits until then. A file is given once, and again when its content changes.",
    takes: &[],
    gives: &[GoodKind::Signal],
    mode: Mode::Source,
    nodes: &[
        NodeSpec { example: r#"folder "data/calls" glob="*.vtt""#, ..reading::FOLDER },
        NodeSpec { doc: "A single file.", example: r#"path "notes/visit.md""#, ..reading::PATH },
        NodeSpec::value(
            "quote-of",
            ValueType::Text,
            "The speaker whose words are quoted; without it the first words of the file.",
            r#"quote-of "Customer""#,
        ),
    ],
    example: "source \"calls\" kind=\"folder\" {\n    folder \"data/calls\" glob=\"*.vtt\"\n    quote-of \"Customer\"\n}",
    keeps: Some("the digest of each file that was given"),
    generates: false,
    publishes: false,
    decides: false,
    tunables: no_tunables,
};

#[derive(Default, Serialize, Deserialize)]
struct Kept {
    #[serde(default)]
    given: BTreeMap<String, Digest>,
}

impl StepKind for Folder {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    fn advance(&self, cx: &StepContext<'_>) -> Result<Turn, StepError> {
        let targets = reading::targets(cx.config());
        let Some(replies) = cx.replies.first() else {
            if targets.is_empty() {
                return Err(StepError::new("there is nothing to read").help("add `folder` or `path`"));
            }
            return Ok(Turn::Ask(reading::requests(&targets, &BTreeMap::new())));
        };
        let mut kept: Kept = reading::state(cx);
        let mut output = Output::default();
        let readings = reading::readings(&targets, replies, &mut output)?;
        let mut later = 0;
        for document in &readings.documents {
            let name = document.key.rsplit('/').next().unwrap_or(&document.key);
            let dated = date_in_name(name, cx);
            if dated.is_some_and(|at| at > cx.now) {
                later += 1;
                continue;
            }
            if kept.given.get(&document.key) == Some(&document.digest) {
                continue;
            }
            if document.bytes.contains(&0)
                && !document.bytes.starts_with(&[0xff, 0xfe])
                && !document.bytes.starts_with(&[0xfe, 0xff])
            {
                warn(&mut output, Some(document.place.clone()), format!("{} is not a text file.", document.place));
                continue;
            }
            let transcript = transcript::read(name, &document.bytes);
            if transcript.said.is_empty() {
                warn(&mut output, Some(document.place.clone()), format!("{} has no text.", document.place));
                continue;
            }
            kept.given.insert(document.key.clone(), document.digest);
            output.give(note(cx, name, document, transcript, dated), Vec::new());
        }
        let mut headline = format!("{}, {} new", count(readings.documents.len(), "file"), output.goods.len());
        if later > 0 {
            headline.push_str(&format!(", {later} dated later"));
        }
        output.headline = Some(headline);
        output.state = reading::keep(&kept);
        Ok(Turn::Done(output))
    }
}

/// `2026-09-20 call.vtt`, `2026-09-20_call.md`, `20260920-call.txt`
fn date_in_name(name: &str, cx: &StepContext<'_>) -> Option<Timestamp> {
    [10, 8].iter().find_map(|length| {
        let start = name.get(..*length)?;
        let ends = name[*length..].chars().next().is_none_or(|c| !c.is_alphanumeric());
        (ends && start.bytes().all(|b| b.is_ascii_digit() || b == b'-'))
            .then(|| date::parse(start, &[], &cx.workflow.zone))
            .flatten()
    })
}

fn note(
    cx: &StepContext<'_>,
    name: &str,
    document: &reading::Document<'_>,
    transcript: transcript::Transcript,
    dated: Option<Timestamp>,
) -> Signal {
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem).replace(['_', '-'], " ");
    let title = Untrusted::new(transcript.title.unwrap_or(stem));
    let quoted = cx.config().text("quote-of").map(str::to_lowercase);
    let by_wanted = |said: &&transcript::Said| said.by.as_ref().is_some_and(|by| Some(by.to_lowercase()) == quoted);
    let quote = transcript.said.iter().filter(by_wanted).max_by_key(|said| said.text.len()).or(transcript.said.first());
    let quote = quote.map_or(String::new(), |said| reading::quote(&said.text, 280));
    let lines = transcript.said.iter().map(|said| match &said.by {
        Some(by) => format!("{by}: {}", said.text),
        None => said.text.clone(),
    });
    let summary: String = lines.collect::<Vec<_>>().join("\n").chars().take(20_000).collect();
    Signal {
        summary: Untrusted::new(summary),
        url: document.url().map(str::to_owned),
        fetched_at: cx.now,
        quote: Untrusted::new(quote),
        ..Signal::new(
            SignalKind::Note,
            topic::key(title.as_data()),
            title,
            cx.step.id.as_str(),
            dated.unwrap_or(cx.now),
            document.digest,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builtin::common::rehearse::{Bench, notes, shared, signals};

    #[test]
    fn transcripts_become_notes_once() {
        let Some(bytes) = shared("sources/transcripts/call.vtt") else { return };
        let step = r#"source "calls" kind="folder" { folder "calls"; quote-of "customer" }"#;
        let mut bench = Bench::new(&Folder, step).file("calls/2026-09-20 first-call.vtt", bytes).file("calls/empty.md", "\n");
        let early = bench.run("2026-09-19").unwrap();
        assert_eq!(early.headline.as_deref(), Some("2 files, 0 new, 1 dated later"));
        let output = bench.run("2026-09-21").unwrap();
        let found = signals(&output);
        assert_eq!(
            (found[0].title.as_data(), found[0].at.to_string().as_str()),
            ("2026 09 20 first call", "2026-09-20T00:00:00Z")
        );
        assert_eq!(found[0].quote.as_data(), "We stopped trusting the drafts in week three.");
        assert!(found[0].summary.as_data().contains("Rep: What changed?"));
        assert_eq!(notes(&output), ["calls/empty.md calls/empty.md has no text."]);
        assert_eq!(bench.run("2026-09-22").unwrap().goods.len(), 0);
    }
}
