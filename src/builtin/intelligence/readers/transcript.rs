//! Conversations and notes as turns: WebVTT, SubRip, Otter's plain text, Markdown, plain text.

use crate::builtin::common::{bytes, html};
use regex::Regex;
use std::sync::LazyLock;

/// Something somebody said, or a paragraph that somebody wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// `None` when nobody is named.
    pub by: Option<String>,
    pub text: String,
}

/// A file of text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transcript {
    /// The first heading or front-matter title, when there is one.
    pub title: Option<String>,
    pub said: Vec<Said>,
}

static CUE_TIME: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^\s*(?:\d+:)?\d{1,2}:\d{2}[.,]\d{3}\s+-->").expect("a valid pattern"));
static VOICE: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"<v(?:\.[^ >]*)?\s+([^>]+)>").expect("a valid pattern"));
static OTTER: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^(\S.{0,60}?) {2,}(?:\d+:)?\d{1,2}:\d{2}\s*$").expect("a valid pattern"));
static SPEAKER: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"^([A-Z][\w .'-]{0,30}):\s+(.+)$").expect("a valid pattern"));

/// Reads a file by what it looks like; `name` only helps with HTML and Markdown.
pub fn read(name: &str, content: &[u8]) -> Transcript {
    let text = bytes::text(content).replace("\r\n", "\n");
    let text = text.trim_start_matches('\u{feff}');
    let mut transcript = if text.starts_with("WEBVTT") || text.lines().take(6).any(|line| CUE_TIME.is_match(line)) {
        cues(text)
    } else if text.lines().any(|line| OTTER.is_match(line)) {
        otter(text)
    } else if html::looks_like(text) || name.ends_with(".html") || name.ends_with(".htm") {
        let title = html::title(text);
        Transcript { title, ..paragraphs(&html::lines(text, None).replace('\n', "\n\n")) }
    } else {
        paragraphs(text)
    };
    join_turns(&mut transcript.said);
    transcript
}

/// Blocks of a time line and what was said; numbers, notes and styles between them are left out.
fn cues(text: &str) -> Transcript {
    let mut transcript = Transcript::default();
    for block in text.split("\n\n") {
        let mut lines = block.lines().skip_while(|line| !CUE_TIME.is_match(line));
        if lines.next().is_none() {
            continue;
        }
        for line in lines {
            let voice = VOICE.captures(line).map(|found| found[1].trim().to_owned());
            let line = html::line(line);
            let (by, text) = match (voice, SPEAKER.captures(&line)) {
                (Some(by), _) => (Some(by), line),
                (None, Some(found)) => (Some(found[1].to_owned()), found[2].to_owned()),
                (None, None) => (None, line),
            };
            if !text.is_empty() {
                transcript.said.push(Said { by, text });
            }
        }
    }
    transcript
}

fn otter(text: &str) -> Transcript {
    let mut transcript = Transcript::default();
    let mut by: Option<String> = None;
    for line in text.lines().map(str::trim_end).filter(|line| !line.is_empty()) {
        if let Some(found) = OTTER.captures(line) {
            by = Some(found[1].to_owned());
        } else if !line.starts_with("Transcribed by ") {
            transcript.said.push(Said { by: by.clone(), text: line.trim().to_owned() });
        }
    }
    transcript
}

/// Paragraphs of Markdown or plain text. Front matter gives the title and is left out.
fn paragraphs(text: &str) -> Transcript {
    let mut transcript = Transcript::default();
    let mut body = text;
    if let Some((front, rest)) = text.strip_prefix("---\n").and_then(|rest| rest.split_once("\n---")) {
        let title = front.lines().find_map(|line| line.strip_prefix("title:"));
        transcript.title = title.map(|title| title.trim().trim_matches(['"', '\'']).to_owned());
        body = rest;
    }
    for block in body.split("\n\n") {
        let mut kept = Vec::new();
        for line in block.lines().map(str::trim).filter(|line| !line.is_empty()) {
            match line.strip_prefix('#') {
                Some(heading) if transcript.title.is_none() => {
                    transcript.title = Some(heading.trim_start_matches('#').trim().to_owned());
                }
                Some(_) => {}
                None => kept.push(line),
            }
        }
        let joined = kept.join(" ");
        let found = SPEAKER.captures(&joined).filter(|_| kept.len() == 1);
        match found {
            Some(found) => transcript.said.push(Said { by: Some(found[1].to_owned()), text: found[2].to_owned() }),
            None if !joined.is_empty() => transcript.said.push(Said { by: None, text: joined }),
            None => {}
        }
    }
    transcript
}

/// Neighbouring lines of one named speaker are one turn.
fn join_turns(said: &mut Vec<Said>) {
    said.dedup_by(|next, last| {
        let same = last.by.is_some() && last.by == next.by;
        if same {
            last.text.push(' ');
            last.text.push_str(&next.text);
        }
        same
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builtin::common::rehearse::shared;

    fn told(name: &str) -> Option<Vec<String>> {
        let transcript = read(name, &shared(&format!("sources/transcripts/{name}"))?);
        Some(transcript.said.iter().map(|said| format!("{}: {}", said.by.as_deref().unwrap_or("-"), said.text)).collect())
    }

    #[test]
    fn the_example_transcripts_are_read() {
        let Some(vtt) = told("call.vtt") else { return };
        let first = "We stopped trusting the drafts in week three.";
        assert_eq!(
            vtt,
            [
                format!("Customer: {first}"),
                "Rep: What changed?".into(),
                "Customer: Nobody read them before they went out.".into()
            ]
        );
        assert_eq!(told("call.srt").unwrap(), [format!("CUSTOMER: {first}"), "REP: What changed?".into()]);
        assert_eq!(told("otter.txt").unwrap(), [format!("Ada Example: {first}"), "Rep: What changed?".into()]);
    }

    #[test]
    fn notes_are_read_by_paragraph() {
        let text = "---\ntitle: \"Visit\"\n---\n# Heading\nOne\ntwo.\n\nAda: three\n\nfour";
        let transcript = read("n.md", text.as_bytes());
        assert_eq!(transcript.title.as_deref(), Some("Visit"));
        assert_eq!(
            transcript.said,
            [
                Said { by: None, text: "One two.".into() },
                Said { by: Some("Ada".into()), text: "three".into() },
                Said { by: None, text: "four".into() },
            ]
        );
    }
}
