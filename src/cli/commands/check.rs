//! `loopctl check`: the checks of drafts on any text, like a linter.

use crate::base::InOrder;
use crate::builtin::production::checks::{duplicate, forbidden, markup, platform, readability, voice};
use crate::builtin::production::rules::Level;
use crate::cli::args::{Check, CheckLevel, Format};
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::project;
use crate::cli::rewrite::{diff, replace};
use crate::client_os::{self, Snapshot};
use crate::diag::formats::{harmless, json_value};
use crate::diag::{Diagnostic, FileId, Severity, Sources, Span, diagnostic, render_github, render_sarif};
use crate::model::goods::Finding;
use crate::report::style::{GOOD, count, paint};
use crate::world::DiskFiles;
use serde_json::json;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// What standard input is called in messages.
const STDIN: &str = "<stdin>";
/// A larger file is no text for people: 16 MiB.
const LARGEST: u64 = 16 << 20;

/// One text to check.
struct Text {
    /// `None` for standard input.
    path: Option<PathBuf>,
    id: FileId,
    text: String,
}

pub fn run(args: &Check, output: &Output) -> Result<Exit, Failure> {
    let (folder, client_os) = client_os(args, output)?;
    let mut sources = Sources::default();
    let texts = texts(args, &mut sources)?;
    let least = match args.level {
        CheckLevel::Suggestion => Level::Suggestion,
        CheckLevel::Warning => Level::Warning,
        CheckLevel::Error => Level::Error,
    };
    let mut fixed = 0;
    let mut findings = broken_rules(&folder, &client_os, &mut sources);
    for text in &texts {
        let found = look(text, &client_os, least, args.platform.as_deref());
        let (after, mended) = if args.fix { mend(&text.text, &found) } else { (text.text.clone(), 0) };
        match &text.path {
            _ if mended == 0 => findings.extend(found),
            Some(path) if args.diff => {
                output.text(&diff(&path.display().to_string(), &text.text, &after));
                findings.extend(found);
            }
            Some(path) => {
                replace(path, &text.text, &after)?;
                fixed += mended;
                let id = sources.add(path.display().to_string(), after.clone());
                findings.extend(look(&Text { path: None, id, text: after }, &client_os, least, args.platform.as_deref()));
            }
            // Of standard input the mended text is the answer.
            None => {
                output.exactly(&after);
                fixed += mended;
                let id = sources.add(STDIN, after.clone());
                findings.extend(look(&Text { path: None, id, text: after }, &client_os, least, args.platform.as_deref()));
            }
        }
    }
    diagnostic::sort(&mut findings);
    match if output.json { Format::Json } else { args.format } {
        Format::Human => {
            output.diagnostics(&sources, &findings);
            let told = |text: String| {
                if texts.iter().any(|text| text.path.is_none()) { output.progress(&text) } else { output.text(&text) }
            };
            if fixed > 0 {
                told(format!("{} Fixed {}.", paint(GOOD, "✓"), count(fixed, "finding")));
            }
            if findings.is_empty() {
                told(format!("{} Nothing to mend in {}.", paint(GOOD, "✓"), count(texts.len(), "text")));
            }
        }
        Format::Json => {
            let mut document = json_value(&findings, &sources);
            document["texts"] = json!(texts.len());
            document["fixed"] = json!(fixed);
            output.text(&harmless(document.to_string()));
        }
        Format::Sarif => output.text(&render_sarif(&findings, &sources)),
        Format::Github => output.text(&render_github(&findings, &sources)),
    }
    Ok(if findings.is_empty() { Exit::Ok } else { Exit::Findings })
}

/// What is found in one text, as `--json` tells it.
pub(super) fn facts(text: &str, client_os: &Snapshot) -> serde_json::Value {
    let mut sources = Sources::default();
    let text = Text { path: None, id: sources.add("text", text.to_owned()), text: text.to_owned() };
    let mut findings = look(&text, client_os, Level::Warning, None);
    diagnostic::sort(&mut findings);
    json_value(&findings, &sources)
}

/// The Client OS that is checked against: the one named, or that of the only workflow here; without one, the built-in pack alone counts.
fn client_os(args: &Check, output: &Output) -> Result<(PathBuf, Snapshot), Failure> {
    let folder = match &args.client_os {
        Some(folder) if folder.is_dir() => folder.clone(),
        Some(folder) => {
            return Err(Failure::new("cli::no-client-os", format!("there is no folder `{}`", folder.display()))
                .help("name the folder of a Client OS, with its `brand.md`"));
        }
        None => {
            let path = match project::find(None) {
                Ok(path) => path,
                Err(failure) => {
                    // Otherwise a forbidden phrase would pass, and nobody would know why.
                    if failure.code == "cli::which-workflow" {
                        output.progress(
                            "note: there are several workflows here, so no Client OS was read; `--client-os DIR` names one",
                        );
                    }
                    return Ok(Default::default());
                }
            };
            let (_, compiled) = project::compile(&path)?;
            let (root, _) = project::split_path(&path);
            match compiled.workflow.and_then(|workflow| workflow.client_os) {
                Some(folder) => root.join(folder),
                None => return Ok(Default::default()),
            }
        }
    };
    let snapshot = client_os::read(&DiskFiles::new(&folder), ".").0;
    let shown = folder.strip_prefix(".").unwrap_or(&folder).to_owned();
    Ok((shown, snapshot))
}

fn texts(args: &Check, sources: &mut Sources) -> Result<Vec<Text>, Failure> {
    let mut texts = Vec::new();
    for file in &args.files {
        if file == Path::new("-") {
            let mut text = String::new();
            std::io::stdin().lock().take(LARGEST).read_to_string(&mut text).map_err(|error| unreadable(file, &error))?;
            texts.push(Text { path: None, id: sources.add(STDIN, text.clone()), text });
            continue;
        }
        let mut paths = Vec::new();
        if file.is_dir() {
            markdown_below(file, 0, &mut paths)
        } else {
            paths.push(file.clone())
        }
        paths.sort();
        for path in paths {
            if fs::metadata(&path).is_ok_and(|about| about.len() > LARGEST) {
                return Err(Failure::new("cli::too-large", format!("`{}` is larger than 16 MiB", path.display()))
                    .help("check a text for people"));
            }
            let text = fs::read_to_string(&path).map_err(|error| unreadable(&path, &error))?;
            texts.push(Text { id: sources.add(path.display().to_string(), text.clone()), path: Some(path), text });
        }
    }
    Ok(texts)
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    let reason = crate::world::trouble::plain_io(error);
    Failure::new("cli::no-such-file", format!("cannot read `{}`: {reason}", path.display()))
        .help("name Markdown files, folders of them, or `-`")
}

/// Folders are not looked into for ever: a link may lead back up.
fn markdown_below(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if name.starts_with('.') || matches!(name.as_str(), "target" | "node_modules") {
            continue;
        }
        if path.is_dir() && depth < 16 {
            markdown_below(&path, depth + 1, found);
        } else if name.ends_with(".md") || name.ends_with(".markdown") {
            found.push(path);
        }
    }
}

/// Rules of the Client OS that do not run, each at its own file.
fn broken_rules(folder: &Path, client_os: &Snapshot, sources: &mut Sources) -> Vec<Diagnostic> {
    voice::packs(client_os)
        .faults
        .iter()
        .map(|(path, fault)| {
            let text = client_os.rules.get(path).cloned().unwrap_or_default();
            let end = text.lines().next().map_or(0, str::len);
            let file = sources.add(folder.join(path).display().to_string(), text);
            Diagnostic::warning("check::broken-rule", format!("this rule does not run: {}", fault.message))
                .at(Span::new(file, 0, end), "in this rule")
                .help(fault.help.clone())
        })
        .collect()
}

fn look(text: &Text, client_os: &Snapshot, least: Level, platform: Option<&str>) -> Vec<Diagnostic> {
    let mut found: Vec<(&'static str, Finding)> = Vec::new();
    let of = |code: &'static str, findings: Vec<Finding>| findings.into_iter().map(move |finding| (code, finding));
    found.extend(of("check::forbidden", forbidden::check_text(&text.text, client_os)));
    found.extend(of("check::markup", markup::check_text(&text.text)));
    if let Some(platform) = platform {
        found.extend(of("check::platform", platform::check_text(&text.text, platform, client_os)));
    }
    found.extend(of("check::voice", voice::check_from(&text.text, client_os, least)));
    if least <= Level::Warning {
        found.extend(of("check::readability", readability::check_text(&text.text)));
        found.extend(of("check::duplicate", duplicate::check_text(&text.text, "", client_os)));
    }
    found.into_iter().map(|(code, finding)| told(code, finding, text.id)).collect()
}

fn told(code: &'static str, finding: Finding, file: FileId) -> Diagnostic {
    let span = Span::new(file, finding.start as usize, finding.end as usize);
    let severity = if finding.blocking { Severity::Error } else { Severity::Warning };
    let diagnostic = Diagnostic { severity, ..Diagnostic::error(code, finding.message) }.at(span, "here");
    match finding.fix {
        Some(fix) if fix.is_empty() => diagnostic.help("leave it out").fix("leave it out", span, ""),
        Some(fix) => diagnostic.help(format!("write “{fix}”")).fix(format!("write “{fix}”"), span, fix),
        None => diagnostic.help(match code {
            "check::forbidden" => "say it in other words; what others said stands on a line that begins with `>`",
            "check::markup" => "leave it out, or show it as code between backticks",
            "check::platform" => "make it shorter, or let an `adapt` step bring it into the platform's form",
            "check::readability" => "split it where it says a second thing",
            "check::duplicate" => "bring that page up to date, or say in the title what is new",
            _ => "say the plain thing; `loopctl explain check::voice` tells where rules come from",
        }),
    }
}

/// The text with every fix that touches no other applied, and how many. What is left out takes the blank behind it along, and the next
/// word takes over its capital.
fn mend(text: &str, findings: &[Diagnostic]) -> (String, usize) {
    let mut fixes: Vec<_> =
        findings.iter().filter_map(|finding| finding.fix.as_ref()).map(|fix| (fix.span.range(), &fix.replacement)).collect();
    fixes.order_by_key(|(range, _)| (range.start, range.end));
    let (mut out, mut at, mut done) = (String::with_capacity(text.len()), 0, 0);
    for (range, replacement) in fixes {
        if range.start < at {
            continue;
        }
        out.push_str(&text[at..range.start]);
        out.push_str(replacement);
        at = range.end;
        done += 1;
        if replacement.is_empty() {
            let rest = &text[at..];
            at += rest.len() - rest.trim_start_matches([' ', ',']).len();
            let was_capital = text[range].chars().next().is_some_and(char::is_uppercase);
            if let (true, Some(next)) = (was_capital, text[at..].chars().next()) {
                out.extend(next.to_uppercase());
                at += next.len_utf8();
            }
        }
    }
    out.push_str(&text[at..]);
    (out, done)
}
