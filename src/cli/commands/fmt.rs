//! `loopctl fmt`: the house's layout for KDL files. A file with syntax errors is left alone; the others are still formatted.

use crate::cli::args::Fmt;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::rewrite::{diff, replace};
use crate::diag::{Diagnostic, Sources, formats};
use crate::report::style::{GOOD, count, paint};
use crate::syntax;
use serde_json::json;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// What standard input is called in messages.
const STDIN: &str = "<stdin>";

pub fn run(args: &Fmt, output: &Output) -> Result<Exit, Failure> {
    if args.files.iter().any(|file| file == Path::new("-")) {
        if args.files.len() > 1 {
            return Err(Failure::new("cli::usage", "`-` stands alone").help("format standard input and files in two commands"));
        }
        return standard_input(args, output);
    }
    let files = files(&args.files)?;
    let mut sources = Sources::default();
    let mut findings: Vec<Diagnostic> = Vec::new();
    let mut changed: Vec<PathBuf> = Vec::new();
    let mut broken: Vec<PathBuf> = Vec::new();
    let mut failures: Vec<Failure> = Vec::new();
    let mut diffs = String::new();
    for path in &files {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) => {
                failures.push(unreadable(path, &error));
                continue;
            }
        };
        let name = path.display().to_string();
        match syntax::format(sources.add(name.clone(), text.clone()), &text) {
            Err(found) => {
                broken.push(path.clone());
                findings.extend(found);
            }
            Ok(formatted) if formatted == text => {}
            Ok(formatted) => {
                if args.diff {
                    diffs.push_str(&diff(&name, &text, &formatted));
                } else if !args.check
                    && let Err(failure) = replace(path, &text, &formatted)
                {
                    failures.push(failure);
                    continue;
                }
                changed.push(path.clone());
            }
        }
    }
    let only_looks = args.check || args.diff;
    if output.json {
        let word = if only_looks { "would_change" } else { "changed" };
        let mut facts = json!({"files": files.len(), word: changed, "broken": broken});
        facts["diagnostics"] = formats::json_value(&findings, &sources)["diagnostics"].take();
        let told = |failure: &Failure| json!({"code": failure.code, "message": failure.message, "help": failure.help});
        facts["failures"] = failures.iter().map(told).collect();
        output.facts("fmt", &facts);
    } else {
        failures.iter().for_each(|failure| output.failure(failure));
        if !findings.is_empty() {
            output.diagnostics(&sources, &findings);
        }
        if args.diff {
            if !diffs.is_empty() {
                output.text(&diffs);
            }
        } else if args.check {
            changed.iter().for_each(|path| output.text(&path.display().to_string()));
        } else if !changed.is_empty() || broken.len() + failures.len() < files.len() {
            let said = match changed.len() {
                0 => "Everything is in order already.".to_owned(),
                formatted => format!("Formatted {} of {}.", formatted, count(files.len(), "file")),
            };
            output.progress(&format!("{} {said}", paint(GOOD, "✓")));
        }
    }
    Ok(match () {
        () if !failures.is_empty() => Exit::Usage,
        () if !broken.is_empty() => Exit::InvalidWorkflow,
        () if only_looks && !changed.is_empty() => Exit::Findings,
        () => Exit::Ok,
    })
}

/// Text in, text out; nothing comes out of a text with errors.
fn standard_input(args: &Fmt, output: &Output) -> Result<Exit, Failure> {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).map_err(|error| unreadable(Path::new(STDIN), &error))?;
    let mut sources = Sources::default();
    match syntax::format(sources.add(STDIN, text.clone()), &text) {
        Err(found) => {
            output.diagnostics(&sources, &found);
            Ok(Exit::InvalidWorkflow)
        }
        Ok(formatted) => {
            let differs = formatted != text;
            if args.diff && differs {
                output.text(&diff(STDIN, &text, &formatted));
            } else if args.check && differs {
                output.text(STDIN);
            } else if !args.diff && !args.check {
                output.exactly(&formatted);
            }
            Ok(if differs && (args.check || args.diff) { Exit::Findings } else { Exit::Ok })
        }
    }
}

/// The files that were named and the `.kdl` files below the folders that were named; without any, below this folder.
fn files(named: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let here = [PathBuf::from(".")];
    let mut found = Vec::new();
    for path in if named.is_empty() { &here } else { named } {
        let is_folder = std::fs::metadata(path).map_err(|error| unreadable(path, &error))?.is_dir();
        if is_folder { below(path, &mut found)? } else { found.push(path.clone()) }
    }
    for path in &mut found {
        if let Ok(plain) = path.strip_prefix("./") {
            *path = plain.to_owned();
        }
    }
    found.sort();
    found.dedup();
    Ok(found)
}

/// Hidden folders, what a build left and links to folders are passed by.
fn below(folder: &Path, found: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let mut waiting = vec![folder.to_owned()];
    while let Some(folder) = waiting.pop() {
        for entry in std::fs::read_dir(&folder).map_err(|error| unreadable(&folder, &error))? {
            let entry = entry.map_err(|error| unreadable(&folder, &error))?;
            let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
            let Ok(kind) = entry.file_type() else { continue };
            if kind.is_dir() {
                if !name.starts_with('.') && !matches!(name.as_str(), "target" | "node_modules") {
                    waiting.push(path);
                }
            } else if name.ends_with(".kdl") && path.is_file() {
                found.push(path);
            }
        }
    }
    Ok(())
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    let why = match error.kind() {
        std::io::ErrorKind::NotFound => "no such file".to_owned(),
        std::io::ErrorKind::InvalidData => "it is not UTF-8 text".to_owned(),
        _ => error.to_string(),
    };
    Failure::new("cli::cannot-read", format!("cannot read `{}`: {why}", path.display()))
        .help("name files or folders; without any, everything below this folder is formatted")
}
