//! Where commands write: facts to standard output, as text or as JSON; progress and failures to standard error.

use super::args::ColorChoice;
use super::exit::Failure;
use crate::diag::formats::harmless;
use crate::diag::{Diagnostic, Sources};
use crate::report::style::{BAD, CODE, grouped, paint};
use serde::Serialize;
use std::io::{IsTerminal, Write};
use std::sync::{Mutex, PoisonError};

/// The version of every JSON document that commands print.
pub const JSON_VERSION: u32 = 1;

/// So many findings are drawn for people. Nobody mends more before looking again, and a terminal forgets them.
const DRAWN_MOST: usize = 1_000;

pub struct Output {
    pub json: bool,
    /// Takes what would go to standard output, for a command that runs inside another.
    captured: Option<Mutex<String>>,
}

impl Output {
    pub fn new(json: bool, color: ColorChoice) -> Output {
        match color {
            ColorChoice::Auto => anstream::ColorChoice::Auto,
            ColorChoice::Always => anstream::ColorChoice::Always,
            ColorChoice::Never => anstream::ColorChoice::Never,
        }
        .write_global();
        Output { json, captured: None }
    }

    /// Facts as JSON, kept instead of written.
    pub fn capturing() -> Output {
        Output { json: true, captured: Some(Mutex::default()) }
    }

    /// What was kept.
    pub fn captured(self) -> String {
        self.captured.map(|text| text.into_inner().unwrap_or_else(PoisonError::into_inner)).unwrap_or_default()
    }

    /// Whether the text was kept.
    fn keep(&self, text: &str) -> bool {
        let Some(kept) = &self.captured else { return false };
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push_str(text);
        true
    }

    /// Columns to write into: the terminal's, or 100 when there is none.
    pub fn width(&self) -> usize {
        let told = || std::env::var("COLUMNS").ok()?.trim().parse::<usize>().ok();
        let seen = terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
        seen.or_else(told).map_or(100, |width| width.clamp(40, 160))
    }

    /// Whether a person watches standard error.
    pub fn is_watched(&self) -> bool {
        std::io::stderr().is_terminal()
    }

    /// Writes text. A closed pipe ends the output quietly.
    pub fn text(&self, text: &str) {
        if self.keep(text) {
            return;
        }
        let mut out = anstream::stdout().lock();
        // A reader that went away (`| head`) is no failure of ours.
        let _ = out.write_all(text.as_bytes()).and_then(|()| if text.ends_with('\n') { Ok(()) } else { out.write_all(b"\n") });
        let _ = out.flush();
    }

    /// Writes text to the letter: nothing is taken out of it and no new line is put behind it.
    pub fn exactly(&self, text: &str) {
        if self.keep(text) {
            return;
        }
        let mut out = std::io::stdout().lock();
        // A reader that went away is no failure of ours.
        let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    }

    /// Writes `{"version":1,"KIND":…}`.
    pub fn facts<T: Serialize>(&self, kind: &str, value: &T) {
        let document = serde_json::json!({"version": JSON_VERSION, kind: value});
        self.text(&harmless(format!("{document:#}")));
    }

    /// Writes `{"version":1,"event":"KIND",…}` on one line, for commands that go on talking. Nothing without `--json`.
    pub fn event(&self, kind: &str, mut facts: serde_json::Value) {
        if self.json {
            facts["version"] = JSON_VERSION.into();
            facts["event"] = kind.into();
            self.text(&harmless(facts.to_string()));
        }
    }

    /// Writes several kinds of facts as one document, `{"version":1,"KIND":…,"KIND":…}`.
    pub fn document(&self, kinds: &[(&str, serde_json::Value)]) {
        let mut document = serde_json::json!({"version": JSON_VERSION});
        for (kind, value) in kinds {
            document[*kind] = value.clone();
        }
        self.text(&harmless(format!("{document:#}")));
    }

    /// Writes facts as JSON with `--json`, else the text.
    pub fn either<T: Serialize>(&self, kind: &str, value: &T, text: impl FnOnce() -> String) {
        if self.json { self.facts(kind, value) } else { self.text(&text()) }
    }

    /// A line of progress on standard error; nothing with `--json`.
    pub fn progress(&self, line: &str) {
        if !self.json {
            anstream::eprintln!("{line}");
        }
    }

    /// Diagnostics of a workflow for people, on standard error.
    pub fn diagnostics(&self, sources: &Sources, diagnostics: &[Diagnostic]) {
        let color = anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never;
        let style = crate::diag::Style { width: self.width(), color, unicode: true };
        let (drawn, rest) = diagnostics.split_at(diagnostics.len().min(DRAWN_MOST));
        anstream::eprint!("{}", crate::diag::render(drawn, sources, &style));
        if !diagnostics.is_empty() {
            anstream::eprintln!("{}.", crate::diag::summary(diagnostics));
        }
        if !rest.is_empty() {
            let most = grouped(DRAWN_MOST);
            anstream::eprintln!("Only the first {most} are drawn; `loopctl validate --format json FILE` lists all of them.");
        }
    }

    /// What led to a failure, for people.
    pub fn findings(&self, failure: &Failure) {
        if let (false, Some(findings)) = (self.json, &failure.findings) {
            self.diagnostics(&findings.sources, &findings.diagnostics);
        }
    }

    pub fn failure(&self, failure: &Failure) {
        if self.json {
            let mut document = serde_json::json!({
                "version": JSON_VERSION,
                "error": {"code": failure.code, "message": failure.message, "help": failure.help},
            });
            // With the findings, so that there is one document.
            if let Some(findings) = &failure.findings {
                let mut value = crate::diag::formats::json_value(&findings.diagnostics, &findings.sources);
                document["diagnostics"] = value["diagnostics"].take();
            }
            self.text(&harmless(format!("{document:#}")));
            return;
        }
        self.findings(failure);
        anstream::eprintln!("{}: {}", paint(BAD, format!("error[{}]", failure.code)), failure.message);
        if let Some(help) = &failure.help {
            anstream::eprintln!("  {} {help}", paint(CODE, "help:"));
        }
    }
}
