//! `loopctl os`: looking after the Client OS.

use crate::cli::args::{Os, OsCommand, OsDiff, OsShow, WorkflowFile};
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::project::{self, Place, Project};
use crate::cli::rewrite;
use crate::client_os;
use crate::diag::nearest;
use crate::engine::Entry;
use crate::report::style::{BAD, DIM, GOOD, TITLE, WAIT, count, paint, plain};
use crate::runtime::Clock as _;
use crate::world::{DiskFiles, SystemClock};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

pub fn run(args: &Os, place: &Place, output: &Output) -> Result<Exit, Failure> {
    match &args.command {
        OsCommand::Init(args) => super::os_init::run(args, output),
        OsCommand::Check(file) => check(file, output),
        OsCommand::Show(args) => show(args, place, output),
        OsCommand::Export(args) => super::os_export::run(args, place, output),
        OsCommand::Diff(args) => diff(args, place, output),
        OsCommand::Review(args) => super::os_review::run(args, place, output),
    }
}

/// The Client OS folder of a workflow.
pub(super) fn folder(project: &Project) -> Result<&str, Failure> {
    project.workflow.client_os.as_deref().ok_or_else(|| no_client_os(&project.file))
}

fn no_client_os(file: &str) -> Failure {
    Failure::new("cli::no-client-os", format!("`{file}` names no Client OS"))
        .help("add `client-os \"client-os\"` to the workflow; `loopctl init` writes a first one")
}

/// Exactly what a step is given to read.
fn show(args: &OsShow, place: &Place, output: &Output) -> Result<Exit, Failure> {
    let project = Project::load(place, args.workflow.file.as_deref(), output)?;
    folder(&project)?;
    let Some(step) = project.workflow.steps.iter().find(|step| step.id.as_str() == args.step) else {
        let near = nearest(&args.step, project.workflow.steps.iter().map(|step| step.id.as_str()));
        let help = near.map_or_else(|| "`loopctl plan` lists the steps".to_owned(), |near| format!("did you mean `{near}`?"));
        return Err(Failure::new("cli::no-such-item", format!("there is no step `{}`", args.step)).help(help));
    };
    let pack = client_os::pack(&project.client_os, &step.verb, args.platform.as_deref(), client_os::READING_SECONDS);
    let facts = json!({
        "step": step.id,
        "version": project.client_os.digest().short(12),
        "text": pack.text,
        "reading_seconds": pack.seconds,
        "tokens": pack.tokens,
        "left_out": pack.left_out,
    });
    output.either("context", &facts, || {
        let head = format!(
            "version {} · {:.0} seconds of reading · about {}",
            project.client_os.digest().short(12),
            pack.seconds,
            count(pack.tokens as usize, "token")
        );
        format!("{} {}\n\n{}", paint(TITLE, format!("What {} reads", step.id)), paint(DIM, head), plain_lines(&pack.text))
    });
    Ok(Exit::Ok)
}

fn plain_lines(text: &str) -> String {
    text.lines().map(plain).collect::<Vec<_>>().join("\n")
}

/// The Client OS as a cycle used it against the files as they are now.
fn diff(args: &OsDiff, place: &Place, output: &Output) -> Result<Exit, Failure> {
    let (project, _) = Project::load_or_pinned(place, args.workflow.file.as_deref(), output)?;
    let folder = folder(&project)?.trim_end_matches('/').to_owned();
    if !project.has_state() {
        return Err(project.nothing_yet());
    }
    let journal = project.open()?;
    let entries = project.entries(journal.as_ref(), args.cycle)?;
    let Some(Entry::Opened { pins, .. }) = entries.first() else { return Err(project.nothing_yet()) };
    let prefix = format!("{folder}/");
    let before: BTreeMap<&str, &str> =
        pins.sources.iter().filter_map(|(path, text)| Some((path.strip_prefix(&prefix)?, text.as_str()))).collect();
    let (now, _) = client_os::read(&DiskFiles::new(&project.root), &folder);
    let paths: BTreeSet<&str> = before.keys().copied().chain(now.files.keys().map(String::as_str)).collect();
    let changed: Vec<(&str, &str, &str)> = paths
        .into_iter()
        .map(|path| (path, before.get(path).copied().unwrap_or(""), now.files.get(path).map_or("", String::as_str)))
        .filter(|(_, old, new)| old != new)
        .collect();
    let (old, new) = (pins.client_os_digest.short(12), now.digest().short(12));
    let facts = json!({
        "cycle": pins.cycle,
        "used": old,
        "now": new,
        "files": changed.iter().map(|(path, old, new)| json!({"file": path, "before": old, "after": new})).collect::<Vec<_>>(),
    });
    output.either("changes", &facts, || {
        let head = format!("cycle {} used version {old}, now it is {new}", pins.cycle);
        if changed.is_empty() {
            return format!(
                "{} {}",
                paint(TITLE, format!("Client OS {folder}")),
                paint(DIM, format!("unchanged since cycle {}", pins.cycle))
            );
        }
        let diffs: Vec<String> =
            changed.iter().map(|(path, old, new)| rewrite::diff(&format!("{folder}/{path}"), old, new)).collect();
        format!("{} {}\n\n{}", paint(TITLE, format!("Client OS {folder}")), paint(DIM, head), diffs.join("\n"))
    });
    Ok(if changed.is_empty() { Exit::Ok } else { Exit::Findings })
}

/// What stands in the Client OS of a workflow, or in a folder that no workflow names yet.
fn check(file: &WorkflowFile, output: &Output) -> Result<Exit, Failure> {
    let generates = |verb: &str, connector: Option<&str>| {
        crate::builtin::registry().find(verb, connector).is_some_and(|kind| kind.spec().generates)
    };
    let (files, folder, now, steps) = match file.file.as_deref().filter(|path| path.is_dir()) {
        Some(folder) => {
            let registry = crate::builtin::registry();
            let writes = |verb: &&str| registry.of_verb(verb).any(|kind| kind.spec().generates);
            let steps: Vec<(String, String)> =
                registry.verbs().into_iter().filter(writes).map(|verb| (format!("a step `{verb}`"), verb.to_owned())).collect();
            (DiskFiles::new(folder), ".".to_owned(), SystemClock.now(), steps)
        }
        None => {
            let path = project::find(file.file.as_deref())?;
            let (files, compiled) = project::compile(&path)?;
            let Some(workflow) = compiled.workflow else {
                return Err(project::invalid(&path, &compiled));
            };
            let Some(folder) = workflow.client_os.as_deref().map(str::to_owned) else {
                return Err(no_client_os(&path.display().to_string()));
            };
            // A recording has a time of its own.
            let now = workflow.recorded_from.unwrap_or_else(|| SystemClock.now());
            let steps = workflow.steps.iter().filter(|step| generates(&step.verb, step.connector.as_deref()));
            let steps = steps.map(|step| (step.id.to_string(), step.verb.clone().into_owned())).collect::<Vec<_>>();
            (files, folder, now, steps)
        }
    };
    let (snapshot, findings) = client_os::read(&files, &folder);
    let findings: Vec<_> =
        findings.into_iter().chain(client_os::check(&snapshot)).chain(client_os::stale(&snapshot, now)).collect();
    let packs: Vec<(String, f64, u64)> = steps
        .into_iter()
        .map(|(step, verb)| {
            let text = client_os::context_for(&snapshot, &verb, None);
            (step, client_os::reading_seconds(&text), client_os::token_estimate(&text))
        })
        .collect();
    let shown = file.file.as_deref().filter(|path| path.is_dir()).map_or(folder, |path| path.display().to_string());
    let tokens: u64 = snapshot.files.values().map(|text| client_os::token_estimate(text)).sum();
    let facts = json!({
        "version": snapshot.digest().short(12),
        "files": snapshot.files.len(),
        "tokens": tokens,
        "reading_seconds": packs.iter().map(|(step, seconds, tokens)| json!({"step": step, "seconds": seconds, "tokens": tokens})).collect::<Vec<_>>(),
        "findings": findings,
    });
    output.either("client_os", &facts, || {
        let mut text = format!(
            "{} {}\n",
            paint(TITLE, format!("Client OS {shown}")),
            paint(
                DIM,
                format!(
                    "version {} · {}, about {} in all",
                    snapshot.digest().short(12),
                    count(snapshot.files.len(), "file"),
                    count(usize::try_from(tokens).unwrap_or(usize::MAX), "token")
                )
            )
        );
        for (step, seconds, tokens) in &packs {
            let mark = if *seconds <= 90.0 { paint(GOOD, "✓") } else { paint(WAIT, "!") };
            text.push_str(&format!(
                "  {mark} {step} reads {seconds:.0} seconds of context, about {}\n",
                count(usize::try_from(*tokens).unwrap_or(usize::MAX), "token")
            ));
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
