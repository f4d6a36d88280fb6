//! `loopctl os`: looking after the Client OS.

use crate::cli::args::{Os, OsCommand};
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::project;
use crate::client_os;
use crate::report::style::{BAD, DIM, GOOD, TITLE, WAIT, count, paint};
use serde_json::json;

pub fn run(args: &Os, output: &Output) -> Result<Exit, Failure> {
    let OsCommand::Check(file) = &args.command;
    let path = project::find(file.file.as_deref())?;
    let (files, compiled) = project::compile(&path)?;
    let Some(workflow) = compiled.workflow else {
        return Err(project::invalid(&path, &compiled));
    };
    let Some(folder) = &workflow.client_os else {
        return Err(Failure::new("cli::no-client-os", format!("`{}` names no Client OS", path.display()))
            .help("add `client-os \"client-os\"` to the workflow; `loopctl init` writes a first one"));
    };
    let (snapshot, findings) = client_os::read(&files, folder);
    let findings: Vec<_> = findings.into_iter().chain(client_os::check(&snapshot)).collect();
    let packs: Vec<_> = workflow
        .steps
        .iter()
        .filter(|step| {
            crate::builtin::registry().find(&step.verb, step.connector.as_deref()).is_some_and(|kind| kind.spec().generates)
        })
        .map(|step| (step.id.clone(), client_os::reading_seconds(&client_os::context_for(&snapshot, &step.verb, None))))
        .collect();
    let facts = json!({
        "version": snapshot.digest().short(12),
        "files": snapshot.files.len(),
        "reading_seconds": packs.iter().map(|(step, seconds)| json!({"step": step, "seconds": seconds})).collect::<Vec<_>>(),
        "findings": findings,
    });
    output.either("client_os", &facts, || {
        let mut text = format!(
            "{} {}\n",
            paint(TITLE, format!("Client OS {folder}")),
            paint(DIM, format!("version {} · {}", snapshot.digest().short(12), count(snapshot.files.len(), "file")))
        );
        for (step, seconds) in &packs {
            let mark = if *seconds <= 90.0 { paint(GOOD, "✓") } else { paint(WAIT, "!") };
            text.push_str(&format!("  {mark} {step} reads {seconds:.0} seconds of context\n"));
        }
        for finding in &findings {
            let mark = if finding.is_error() { paint(BAD, "✗") } else { paint(WAIT, "!") };
            text.push_str(&format!(
                "  {mark} {}:{}: {}\n    help: {}\n",
                finding.path, finding.line, finding.message, finding.help
            ));
        }
        if findings.is_empty() {
            text.push_str(&format!("  {} nothing is missing and nothing contradicts\n", paint(GOOD, "✓")));
        }
        text
    });
    Ok(if findings.is_empty() { Exit::Ok } else { Exit::Findings })
}
