//! `loopctl validate`: every independent mistake in one run.

use crate::cli::args::{Format, Validate};
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::project;
use crate::diag::{Diagnostic, Severity, render_github, render_json, render_sarif};
use crate::report::style::{GOOD, count, paint};

pub fn run(args: &Validate, output: &Output) -> Result<Exit, Failure> {
    let path = project::find(args.workflow.file.as_deref())?;
    let (_, compiled) = project::compile(&path)?;
    let diagnostics = judged(compiled.diagnostics, args)?;
    let errors = diagnostics.iter().filter(|diagnostic| diagnostic.is_error()).count();
    let sources = project::as_typed(&compiled.sources, &path);
    let format = if output.json { Format::Json } else { args.format };
    match format {
        Format::Human if diagnostics.is_empty() => {
            let steps = compiled.workflow.as_ref().map_or(0, |workflow| workflow.steps.len());
            output.text(&format!("{} `{}` is valid: {}.", paint(GOOD, "✓"), path.display(), count(steps, "step")));
        }
        Format::Human => output.diagnostics(&sources, &diagnostics),
        Format::Json => output.text(&render_json(&diagnostics, &sources)),
        Format::Sarif => output.text(&render_sarif(&diagnostics, &sources)),
        Format::Github => output.text(&render_github(&diagnostics, &sources)),
    }
    Ok(if errors > 0 { Exit::InvalidWorkflow } else { Exit::Ok })
}

/// Applies `--deny` and `--allow`.
fn judged(diagnostics: Vec<Diagnostic>, args: &Validate) -> Result<Vec<Diagnostic>, Failure> {
    for code in args.deny.iter().chain(&args.allow).filter(|code| *code != "warnings") {
        if crate::diag::catalog::find(code).is_none() {
            return Err(Failure::new("cli::unknown-code", format!("there is no diagnostic `{code}`"))
                .help("`loopctl explain` lists all codes"));
        }
    }
    let named = |list: &[String], diagnostic: &Diagnostic| {
        list.iter().any(|code| {
            code == diagnostic.code
                || diagnostic.code.split("::").nth(1) == Some(code)
                || (code == "warnings" && !diagnostic.is_error())
        })
    };
    Ok(diagnostics
        .into_iter()
        .filter(|diagnostic| diagnostic.is_error() || !named(&args.allow, diagnostic))
        .map(|mut diagnostic| {
            if named(&args.deny, &diagnostic) {
                diagnostic.severity = Severity::Error;
            }
            diagnostic
        })
        .collect())
}
