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
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

pub fn run(args: &Validate, output: &Output) -> Result<Exit, Failure> {
    let path = project::find(args.workflow.file.as_deref())?;
    known_codes(args)?;
    if test_file::is_test_file(&path.to_string_lossy()) {
        return tests(&path, args, output);
    }
    if world_file::is_world_file(&path.to_string_lossy()) {
        return worlds(&path, args, output);
    }
    let (files, mut compiled) = project::compile(&path)?;
    let (folder, name) = project::split_path(&path);
    let mut fixed = Vec::new();
    // What is shown with `--diff` is not done, so the findings stay those of the file as it is.
    if args.fix {
        let mended = mended(&files, &name, crate::builtin::registry(), |finding| wanted(finding, args));
        write(&mended.changes, &folder, args, output)?;
        let typed = |fix: Fixed| Fixed { file: project::typed_name(&fix.file, &path), ..fix };
        fixed = mended.fixed.into_iter().map(typed).collect();
        if !args.diff {
            compiled = mended.compiled;
        }
    }
    let sources = project::as_typed(&compiled.sources, &path);
    let steps = match &compiled.module {
        Some(module) => module.steps.len(),
        None => compiled.workflow.as_ref().map_or(0, |workflow| workflow.steps.len()),
    };
    let exit = tell(judged(compiled.diagnostics, args), &sources, &fixed, (&path, count(steps, "step")), args, output);
    // The program is about to end, which gives back the memory of a large workflow at once instead of piece by piece.
    std::mem::forget(compiled.workflow);
    Ok(exit)
}

/// The same for a file of tests, which is checked against the workflows it names.
fn tests(path: &Path, args: &Validate, output: &Output) -> Result<Exit, Failure> {
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
    let found = count(file.tests.len(), "test");
    Ok(tell(judged(file.diagnostics, args), &file.sources, &fixed, (path, found), args, output))
}

/// The same for a file of worlds.
fn worlds(path: &Path, args: &Validate, output: &Output) -> Result<Exit, Failure> {
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
    let found = count(file.worlds.len(), "world");
    Ok(tell(judged(file.diagnostics, args), &file.sources, &fixed, (path, found), args, output))
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

/// The findings in the format that was asked for. `sound` is the file and what it holds, for when there are none.
fn tell(
    diagnostics: Vec<Diagnostic>,
    sources: &Sources,
    fixed: &[Fixed],
    sound: (&Path, String),
    args: &Validate,
    output: &Output,
) -> Exit {
    let format = format(args, output);
    if !fixed.is_empty() && format == Format::Human {
        tell_fixed(fixed, args.diff, output);
    }
    match format {
        Format::Human if diagnostics.is_empty() => {
            output.text(&format!("{} `{}` is valid: {}.", paint(GOOD, "✓"), sound.0.display(), sound.1));
        }
        Format::Human => output.diagnostics(sources, &diagnostics),
        Format::Json => {
            let mut document = json_value(&diagnostics, sources);
            if args.fix {
                let facts = |fix: &Fixed| {
                    let (line, column) = fix.place;
                    json!({"code": fix.code, "file": fix.file, "line": line, "column": column, "title": fix.title})
                };
                document[if args.diff { "would_fix" } else { "fixed" }] = fixed.iter().map(facts).collect();
            }
            output.text(&harmless(document.to_string()));
        }
        Format::Sarif => output.text(&render_sarif(&diagnostics, sources)),
        Format::Github => output.text(&render_github(&diagnostics, sources)),
    }
    if diagnostics.iter().any(Diagnostic::is_error) { Exit::InvalidWorkflow } else { Exit::Ok }
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
