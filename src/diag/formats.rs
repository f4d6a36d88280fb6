//! Diagnostics for machines: our own JSON, annotations of GitHub Actions, and SARIF 2.1.0.
//!
//! Lines and columns count from 1, columns in characters; `start` and `end` are byte offsets. The JSON has a version number, which grows
//! when a field changes its meaning or goes away. What a terminal would obey, or what turns a line around, is written so that it does
//! neither: as an escape in JSON, which keeps the text, and as a visible character in a line for people.

use super::miniature::{clean, is_obeyed};
use super::render::severity_word;
use super::{Diagnostic, Severity, Sources, Span, catalog};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write;

/// The version of [`render_json`].
pub const JSON_VERSION: u32 = 1;

/// `{"version":1,"diagnostics":[…]}` on one line. A finding without a place has `null` for file, line and column.
pub fn render_json(diagnostics: &[Diagnostic], sources: &Sources) -> String {
    harmless(json_value(diagnostics, sources).to_string())
}

/// The same JSON, in which characters that a terminal obeys are escapes. Those of ASCII are so already; the others only stand in texts.
pub fn harmless(json: String) -> String {
    if json.is_ascii() || !json.chars().any(|c| !c.is_ascii() && is_obeyed(c)) {
        return json;
    }
    let mut out = String::with_capacity(json.len() + 16);
    for character in json.chars() {
        match !character.is_ascii() && is_obeyed(character) {
            // All of them are in the first plane.
            true => drop(write!(out, "\\u{:04x}", character as u32)),
            false => out.push(character),
        }
    }
    out
}

/// The same as a value, to stand inside a larger answer.
pub fn json_value(diagnostics: &[Diagnostic], sources: &Sources) -> Value {
    let list: Vec<Value> = diagnostics.iter().map(|diagnostic| one(diagnostic, sources)).collect();
    json!({ "version": JSON_VERSION, "diagnostics": list })
}

fn one(diagnostic: &Diagnostic, sources: &Sources) -> Value {
    let mut object = place(diagnostic.span(), sources);
    object["code"] = diagnostic.code.into();
    object["severity"] = severity_word(diagnostic.severity).into();
    object["message"] = diagnostic.message.as_str().into();
    object["labels"] = diagnostic
        .labels
        .iter()
        .map(|label| {
            let mut value = place(Some(label.span), sources);
            value["text"] = label.text.as_str().into();
            value
        })
        .collect();
    object["help"] = diagnostic.help.as_deref().into();
    object["fix"] = match &diagnostic.fix {
        Some(fix) => {
            let mut value = place(Some(fix.span), sources);
            value["title"] = fix.title.as_str().into();
            value["replacement"] = fix.replacement.as_str().into();
            value
        }
        None => Value::Null,
    };
    object
}

fn place(span: Option<Span>, sources: &Sources) -> Value {
    let found = span.and_then(|span| Some((span, sources.get(span.file)?)));
    let Some((span, file)) = found else {
        return json!({ "file": null, "line": null, "column": null, "end_line": null, "end_column": null, "start": null, "end": null });
    };
    let (line, column) = file.position(span.start as usize);
    let (end_line, end_column) = file.position(span.end as usize);
    json!({
        "file": file.name, "line": line, "column": column, "end_line": end_line, "end_column": end_column,
        "start": span.start, "end": span.end,
    })
}

/// Workflow commands of GitHub Actions, one a line.
pub fn render_github(diagnostics: &[Diagnostic], sources: &Sources) -> String {
    let mut out = String::new();
    for diagnostic in diagnostics {
        let command = match diagnostic.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Advice => "notice",
        };
        let mut properties = String::new();
        if let Some((span, file)) = diagnostic.span().and_then(|span| Some((span, sources.get(span.file)?))) {
            let (line, column) = file.position(span.start as usize);
            let (end_line, end_column) = file.position(span.end as usize);
            let name = property(&clean(&file.name, true));
            let _ = write!(properties, "file={name},line={line},endLine={end_line},col={column},");
            // GitHub takes the last column as part of the range, and only on one line.
            if end_line == line {
                let _ = write!(properties, "endColumn={},", end_column.saturating_sub(1).max(column));
            }
        }
        let mut message = clean(&diagnostic.message, true);
        if let Some(help) = &diagnostic.help {
            message.push_str("\nhelp: ");
            message.push_str(&clean(help, true));
        }
        let _ = writeln!(out, "::{command} {properties}title={}::{}", property(diagnostic.code), escape(&message));
    }
    out
}

fn escape(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    escape(text).replace(':', "%3A").replace(',', "%2C")
}

/// One SARIF 2.1.0 log with the rules that were met, related places and fixes.
pub fn render_sarif(diagnostics: &[Diagnostic], sources: &Sources) -> String {
    let mut rules: BTreeMap<&str, usize> = diagnostics.iter().map(|diagnostic| (diagnostic.code, 0)).collect();
    for (index, number) in rules.values_mut().enumerate() {
        *number = index;
    }
    let described: Vec<Value> = rules
        .keys()
        .map(|code| {
            let title = catalog::find(code).map_or(*code, |entry| entry.title);
            json!({ "id": code, "shortDescription": { "text": title }, "help": { "text": format!("Run `loopctl explain {code}`.") } })
        })
        .collect();
    let results: Vec<Value> = diagnostics.iter().map(|diagnostic| result(diagnostic, sources, &rules)).collect();
    let log = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": { "name": env!("CARGO_PKG_NAME"), "version": env!("CARGO_PKG_VERSION"), "rules": described } },
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    });
    harmless(log.to_string())
}

fn result(diagnostic: &Diagnostic, sources: &Sources, rules: &BTreeMap<&str, usize>) -> Value {
    let level = match diagnostic.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Advice => "note",
    };
    let text = match &diagnostic.help {
        Some(help) => format!("{}\nhelp: {help}", diagnostic.message),
        None => diagnostic.message.clone(),
    };
    let mut value = json!({
        "ruleId": diagnostic.code, "ruleIndex": rules.get(diagnostic.code), "level": level, "message": { "text": text },
        "locations": diagnostic.span().and_then(|span| physical(span, sources)).map(|place| json!({ "physicalLocation": place })).into_iter().collect::<Vec<_>>(),
    });
    let related: Vec<Value> = diagnostic
        .labels
        .iter()
        .skip(1)
        .filter_map(|label| {
            Some(json!({ "physicalLocation": physical(label.span, sources)?, "message": { "text": label.text } }))
        })
        .collect();
    if !related.is_empty() {
        value["relatedLocations"] = related.into();
    }
    if let Some((fix, place)) = diagnostic.fix.as_ref().and_then(|fix| Some((fix, physical(fix.span, sources)?))) {
        value["fixes"] = json!([{
            "description": { "text": fix.title },
            "artifactChanges": [{
                "artifactLocation": place["artifactLocation"],
                "replacements": [{ "deletedRegion": place["region"], "insertedContent": { "text": fix.replacement } }],
            }],
        }]);
    }
    value
}

fn physical(span: Span, sources: &Sources) -> Option<Value> {
    let file = sources.get(span.file)?;
    let (line, column) = file.position(span.start as usize);
    let (end_line, end_column) = file.position(span.end as usize);
    Some(json!({
        "artifactLocation": { "uri": uri(&file.name) },
        "region": {
            "startLine": line, "startColumn": column, "endLine": end_line, "endColumn": end_column,
            "byteOffset": span.start, "byteLength": span.len(),
        },
    }))
}

/// A relative reference as RFC 3986 wants it.
fn uri(name: &str) -> String {
    let mut out = String::new();
    for byte in name.replace('\\', "/").bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => out.push(byte as char),
            _ => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
    out
}
