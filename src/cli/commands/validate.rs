//! `loopctl validate`: every independent mistake in one run, and with `--fix` those that can be mended for certain, mended.

use crate::cli::args::{Format, Validate};
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::project;
use crate::cli::rewrite::{diff, replace};
use crate::compile::mending::{Fixed, mended, mended_tests, mended_worlds};
use crate::compile::{test_file, world_file};
use crate::diag::formats::{harmless, json_value};
use crate::diag::{Diagnostic, Severity, Sources, catalog, render_github, render_sarif};
use crate::report::style::{DIM, GOOD, count, paint};
use crate::world::DiskFiles;
use serde_json::json;
use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub fn run(args: &Validate, output: &Output) -> Result<Exit, Failure> {
    known_codes(args)?;
    let paths = if args.files.is_empty() { vec![project::find(None)?] } else { args.files.clone() };
    let mut checked = Vec::with_capacity(paths.len());
    for path in &paths {
        checked.push(check(path, args, output)?);
    }
    let exit = match checked.iter().any(|checked| checked.diagnostics.iter().any(Diagnostic::is_error)) {
        true => Exit::InvalidWorkflow,
        false => Exit::Ok,
    };
    match format(args, output) {
        Format::Human => checked.iter().for_each(|checked| tell(checked, args, output)),
        other => tell_machines(other, together(checked), args, output),
    }
    Ok(exit)
}

/// What was found in one file.
struct Checked {
    path: PathBuf,
    /// What it holds, for when nothing is wrong: `14 steps`.
    holds: String,
    diagnostics: Vec<Diagnostic>,
    sources: Sources,
    fixed: Vec<Fixed>,
}

/// Checks a file of any kind, and mends it when that is wanted.
fn check(path: &Path, args: &Validate, output: &Output) -> Result<Checked, Failure> {
    if test_file::is_test_file(&path.to_string_lossy()) {
        return tests(path, args, output);
    }
    if world_file::is_world_file(&path.to_string_lossy()) {
        return worlds(path, args, output);
    }
    let (files, mut compiled) = project::compile(path)?;
    let (folder, name) = project::split_path(path);
    let mut fixed = Vec::new();
    // What is shown with `--diff` is not done, so the findings stay those of the file as it is.
    if args.fix {
        let mended = mended(&files, &name, crate::builtin::registry(), |finding| wanted(finding, args));
        write(&mended.changes, &folder, args, output)?;
        let typed = |fix: Fixed| Fixed { file: project::typed_name(&fix.file, path), ..fix };
        fixed = mended.fixed.into_iter().map(typed).collect();
        if !args.diff {
            compiled = mended.compiled;
        }
    }
    let sources = project::as_typed(&compiled.sources, path);
    let steps = match &compiled.module {
        Some(module) => module.steps.len(),
        None => compiled.workflow.as_ref().map_or(0, |workflow| workflow.steps.len()),
    };
    // The program is about to end, which gives back the memory of a large workflow at once instead of piece by piece.
    std::mem::forget(compiled.workflow);
    let diagnostics = judged(compiled.diagnostics, args);
    Ok(Checked { path: path.to_owned(), holds: count(steps, "step"), diagnostics, sources, fixed })
}

/// The same for a file of tests, which is checked against the workflows it names.
fn tests(path: &Path, args: &Validate, output: &Output) -> Result<Checked, Failure> {
    let name = path.display().to_string();
    let (files, registry) = (DiskFiles::new(""), crate::builtin::registry());
    let mut file = test_file::read(&files, &name, registry);
    let mut fixed = Vec::new();
    if args.fix {
        let mended = mended_tests(&files, &name, registry, |finding| wanted(finding, args));
        write(&mended.changes, Path::new(""), args, output)?;
        fixed = mended.fixed;
        if !args.diff {
            file = mended.compiled;
        }
    }
    let holds = count(file.tests.len(), "test");
    let diagnostics = judged(file.diagnostics, args);
    Ok(Checked { path: path.to_owned(), holds, diagnostics, sources: file.sources, fixed })
}

/// The same for a file of worlds.
fn worlds(path: &Path, args: &Validate, output: &Output) -> Result<Checked, Failure> {
    let name = path.display().to_string();
    let (files, registry) = (DiskFiles::new(""), crate::builtin::registry());
    let mut file = world_file::read(&files, &name, registry);
    let mut fixed = Vec::new();
    if args.fix {
        let mended = mended_worlds(&files, &name, registry, |finding| wanted(finding, args));
        write(&mended.changes, Path::new(""), args, output)?;
        fixed = mended.fixed;
        if !args.diff {
            file = mended.compiled;
        }
    }
    let holds = count(file.worlds.len(), "world");
    let diagnostics = judged(file.diagnostics, args);
    Ok(Checked { path: path.to_owned(), holds, diagnostics, sources: file.sources, fixed })
}

/// All findings as those of one reading, in the order of the files. What two files share, such as a template, is told once.
fn together(checked: Vec<Checked>) -> (Vec<Diagnostic>, Sources, Vec<Fixed>) {
    let mut checked = checked.into_iter();
    let Some(Checked { mut diagnostics, mut sources, mut fixed, .. }) = checked.next() else {
        return (Vec::new(), Sources::default(), Vec::new());
    };
    let place = |sources: &Sources, finding: &Diagnostic| {
        let span = finding.span()?;
        Some((sources.get(span.file)?.name.clone(), span.start, finding.code, finding.message.clone()))
    };
    let mut told: HashSet<_> = diagnostics.iter().filter_map(|finding| place(&sources, finding)).collect();
    for other in checked {
        let by = sources.append(other.sources);
        for finding in other.diagnostics {
            let finding = finding.renumbered(by);
            if place(&sources, &finding).is_none_or(|place| told.insert(place)) {
                diagnostics.push(finding);
            }
        }
        fixed.extend(other.fixed);
    }
    (diagnostics, sources, fixed)
}

/// What is allowed needs no mending.
fn wanted(finding: &Diagnostic, args: &Validate) -> bool {
    finding.is_error() || !named(&args.allow, finding)
}

fn format(args: &Validate, output: &Output) -> Format {
    if output.json { Format::Json } else { args.format }
}

/// Writes what was mended, or with `--diff` shows it.
fn write(
    changes: &BTreeMap<String, (Arc<str>, Arc<str>)>,
    folder: &Path,
    args: &Validate,
    output: &Output,
) -> Result<(), Failure> {
    let shown = |name: &str| folder.join(name).strip_prefix(".").map_or_else(|_| folder.join(name), Path::to_owned);
    for (name, (before, after)) in changes {
        match args.diff {
            true if format(args, output) != Format::Human => {}
            true => output.text(&diff(&shown(name).display().to_string(), before, after)),
            false => replace(&folder.join(name), before, after)?,
        }
    }
    Ok(())
}

/// The findings of one file for people.
fn tell(checked: &Checked, args: &Validate, output: &Output) {
    if !checked.fixed.is_empty() {
        tell_fixed(&checked.fixed, args.diff, output);
    }
    match checked.diagnostics.is_empty() {
        true => output.text(&format!("{} `{}` is valid: {}.", paint(GOOD, "✓"), checked.path.display(), checked.holds)),
        false => output.diagnostics(&checked.sources, &checked.diagnostics),
    }
}

/// The findings of all files as one document.
fn tell_machines(
    format: Format,
    (diagnostics, sources, fixed): (Vec<Diagnostic>, Sources, Vec<Fixed>),
    args: &Validate,
    output: &Output,
) {
    match format {
        Format::Human | Format::Json => {
            let mut document = json_value(&diagnostics, &sources);
            if args.fix {
                let facts = |fix: &Fixed| {
                    let (line, column) = fix.place;
                    json!({"code": fix.code, "file": fix.file, "line": line, "column": column, "title": fix.title})
                };
                document[if args.diff { "would_fix" } else { "fixed" }] = fixed.iter().map(facts).collect();
            }
            output.text(&harmless(document.to_string()));
        }
        Format::Sarif => output.text(&render_sarif(&diagnostics, &sources)),
        Format::Github => output.text(&render_github(&diagnostics, &sources)),
    }
}

/// One line for each fix.
fn tell_fixed(fixed: &[Fixed], only_looks: bool, output: &Output) {
    let mut text = String::new();
    for fix in fixed {
        let (line, column) = fix.place;
        text.push_str(&format!("  {}:{line}:{column}  {}  {}\n", fix.file, fix.title, paint(DIM, fix.code)));
    }
    let said = if only_looks { "Would fix" } else { "Fixed" };
    output.text(&format!("{} {said} {}.\n{text}", paint(GOOD, "✓"), count(fixed.len(), "mistake")));
}

fn known_codes(args: &Validate) -> Result<(), Failure> {
    match args.deny.iter().chain(&args.allow).find(|code| *code != "warnings" && catalog::find(code).is_none()) {
        Some(code) => Err(Failure::new("cli::unknown-code", format!("there is no diagnostic `{code}`"))
            .help("`loopctl explain` lists all codes")),
        None => Ok(()),
    }
}

fn named(list: &[String], diagnostic: &Diagnostic) -> bool {
    list.iter().any(|code| {
        code == diagnostic.code
            || diagnostic.code.split("::").nth(1) == Some(code)
            || (code == "warnings" && !diagnostic.is_error())
    })
}

/// Applies `--deny` and `--allow`.
fn judged(diagnostics: Vec<Diagnostic>, args: &Validate) -> Vec<Diagnostic> {
    let kept = diagnostics.into_iter().filter(|diagnostic| diagnostic.is_error() || !named(&args.allow, diagnostic));
    let judged = kept.map(|mut diagnostic| {
        if named(&args.deny, &diagnostic) {
            diagnostic.severity = Severity::Error;
        }
        diagnostic
    });
    judged.collect()
}
