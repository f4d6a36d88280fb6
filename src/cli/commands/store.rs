//! `loopctl store`: check the durable state, back it up, bring it back, tidy it, and go on after damage.
//!
//! None of these needs a valid workflow: with `--state` they need no workflow at all, so that a broken file never stands
//! between a person and their data.

use crate::cli::args::{Store, StoreCommand, StoreKeep, StoreRecover};
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::project::{self, Place, split_path};
use crate::report::style::{BAD, CODE, DIM, GOOD, TITLE, count, grouped, paint};
use crate::runtime::{CycleStatus, Journal, JournalError};
use crate::store::{self, CheckpointStore, DiskStore, EngineKind, Keep, LogJournal, OpenOptions};
use serde::Serialize;
use serde_json::json;
use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

pub fn run(args: &Store, engine: Option<EngineKind>, place: &Place, output: &Output) -> Result<Exit, Failure> {
    match &args.command {
        StoreCommand::Verify(file) => verify(&there(place, file.file.as_deref())?, output),
        StoreCommand::Export(export) => {
            let (file, to) = words(&export.words)?;
            self::export(&there(place, file.as_deref())?, &to, output)
        }
        StoreCommand::Import(import) => {
            let (file, from) = words(&import.words)?;
            self::import(&folder(place, file.as_deref())?, &from, output)
        }
        StoreCommand::Gc(file) => gc(&there(place, file.file.as_deref())?, engine, output),
        StoreCommand::Keep(keep) => self::keep(&there(place, keep.workflow.file.as_deref())?, keep, output),
        StoreCommand::Recover(recover) => self::recover(&there(place, recover.workflow.file.as_deref())?, recover, output),
    }
}

/// `[WORKFLOW] FILE`: of two words the first is the workflow.
fn words(words: &[String]) -> Result<(Option<PathBuf>, PathBuf), Failure> {
    match words {
        [file] => Ok((None, PathBuf::from(file))),
        [workflow, file] => Ok((Some(PathBuf::from(workflow)), PathBuf::from(file))),
        _ => Err(Failure::new("cli::usage", "name one file").help("`-` is standard input or output")),
    }
}

/// The state folder: the one named with `--state`, or the one beside the workflow.
fn folder(place: &Place, file: Option<&Path>) -> Result<PathBuf, Failure> {
    match &place.state {
        Some(state) => Ok(state.clone()),
        None => Ok(split_path(&project::find(file)?).0.join(".loopctl")),
    }
}

/// The state folder, which must be there: looking makes none.
fn there(place: &Place, file: Option<&Path>) -> Result<PathBuf, Failure> {
    let folder = folder(place, file)?;
    if folder.is_dir() {
        return Ok(folder);
    }
    Err(Failure::new("cli::no-store", format!("there is no state in `{}`", folder.display()))
        .help("the first `loopctl run` makes it; `--state DIR` names another folder"))
}

fn open(folder: &Path) -> Result<LogJournal<DiskStore>, JournalError> {
    store::open(folder, &OpenOptions::default())
}

#[derive(Serialize)]
struct Facts {
    folder: String,
    engine: &'static str,
    sound: bool,
    values: u64,
    bytes: u64,
    files: u64,
    cycles: Vec<CycleFacts>,
    findings: Vec<String>,
}

#[derive(Serialize)]
struct CycleFacts {
    workflow: String,
    cycle: u32,
    state: &'static str,
    entries: usize,
}

/// Whether opening failed because of what the store holds, not because it could not be looked at.
fn is_damage(error: &JournalError) -> bool {
    matches!(error.code, "store::damaged" | "store::shortened")
}

fn inspect(folder: &Path) -> Result<Facts, JournalError> {
    let mut facts = Facts {
        folder: folder.display().to_string(),
        engine: store::engine_of(folder).name(),
        sound: true,
        values: 0,
        bytes: 0,
        files: 0,
        cycles: Vec::new(),
        findings: Vec::new(),
    };
    let finding = |error: JournalError, facts: &mut Facts| {
        if is_damage(&error) {
            facts.findings.push(error.message);
            Ok(())
        } else {
            Err(error)
        }
    };
    match open(folder) {
        Err(error) => finding(error, &mut facts)?,
        Ok(journal) => {
            let health = journal.store().verify()?;
            (facts.values, facts.bytes, facts.files) = (health.keys, health.bytes, health.files);
            facts.findings.extend(health.findings);
            for workflow in journal.workflows()? {
                match journal.log(&workflow).map(|log| log.broken) {
                    Ok(None) => {}
                    Ok(Some(broken)) => facts.findings.push(format!(
                        "The log of decisions of `{workflow}` was changed: record {}: {}.",
                        broken.number, broken.why
                    )),
                    Err(error) => finding(error, &mut facts)?,
                }
                for (cycle, status) in journal.cycles(&workflow)? {
                    let entries = match journal.read(&workflow, cycle) {
                        Ok(entries) => entries.len(),
                        Err(error) => {
                            finding(error, &mut facts)?;
                            0
                        }
                    };
                    let state = if status == CycleStatus::Closed { "closed" } else { "open" };
                    facts.cycles.push(CycleFacts { workflow: workflow.to_string(), cycle: cycle.0, state, entries });
                }
            }
        }
    }
    facts.sound = facts.findings.is_empty();
    Ok(facts)
}

fn verify(folder: &Path, output: &Output) -> Result<Exit, Failure> {
    let facts = inspect(folder)?;
    output.either("store", &facts, || {
        let mut text = String::new();
        for cycle in &facts.cycles {
            let entries = if cycle.entries == 1 { "1 entry".to_owned() } else { format!("{} entries", grouped(cycle.entries)) };
            text.push_str(&format!(
                "  {} · cycle {}  {}\n",
                cycle.workflow,
                cycle.cycle,
                paint(DIM, format!("{}, {entries}", cycle.state))
            ));
        }
        if facts.sound {
            let files = if facts.files == 0 { String::new() } else { format!(" ({} in files)", grouped(facts.files as usize)) };
            let size = format!("{}{files}, {}", count(facts.values as usize, "value"), bytes(facts.bytes));
            return format!("{} `{}` is whole ({}): {size}.\n{text}", paint(GOOD, "✓"), facts.folder, facts.engine);
        }
        text.push_str(&format!("{} `{}` is damaged\n", paint(BAD, "✗"), facts.folder));
        for finding in &facts.findings {
            text.push_str(&format!("  {finding}\n"));
        }
        text.push_str(&format!(
            "\n{}\n  {}  bring back a backup into an empty folder\n  {}           go on with what is readable",
            paint(TITLE, "What to type next"),
            paint(CODE, "loopctl store import FILE"),
            paint(CODE, "loopctl store recover")
        ));
        text
    });
    Ok(if facts.sound { Exit::Ok } else { Exit::Findings })
}

fn unwritable(path: &Path, error: &io::Error) -> Failure {
    Failure::new("cli::cannot-write", format!("cannot write `{}`: {error}", path.display()))
        .help("choose another place; the state is as it was")
}

fn export(folder: &Path, to: &Path, output: &Output) -> Result<Exit, Failure> {
    let journal = open(folder)?;
    if to == Path::new("-") {
        let mut out = BufWriter::new(io::stdout().lock());
        store::export(journal.store(), &mut out)?;
        return Ok(Exit::Ok);
    }
    // Under its own name only when it is whole and on the disk: a backup is there or it is not.
    let part = to.with_file_name(format!("{}.part", to.file_name().unwrap_or_default().to_string_lossy()));
    let file = File::create(&part).map_err(|error| unwritable(&part, &error))?;
    let mut out = BufWriter::new(file);
    let written = store::export(journal.store(), &mut out).map_err(Failure::from).and_then(|values| {
        let synced = out.flush().and_then(|()| out.get_ref().sync_all()).and_then(|()| fs::rename(&part, to));
        synced.map(|()| values).map_err(|error| unwritable(to, &error))
    });
    let values = written.inspect_err(|_| {
        // Half an export is of no use to anyone.
        let _ = fs::remove_file(&part);
    })?;
    let size = fs::metadata(to).map_or(0, |metadata| metadata.len());
    output.either("exported", &json!({"file": to.display().to_string(), "values": values, "bytes": size}), || {
        format!(
            "{} {} written to `{}` ({}).\n{}",
            paint(GOOD, "✓"),
            count(values as usize, "value"),
            to.display(),
            bytes(size),
            paint(CODE, format!("loopctl store import {} --state EMPTY-FOLDER", to.display()))
        )
    });
    Ok(Exit::Ok)
}

fn import(folder: &Path, from: &Path, output: &Output) -> Result<Exit, Failure> {
    let unreadable = |error: io::Error| {
        Failure::new("cli::no-such-file", format!("cannot read `{}`: {error}", from.display()))
            .help("name a file that `loopctl store export` wrote")
    };
    let is_new = !folder.exists();
    let source: Box<dyn io::Read> =
        if from == Path::new("-") { Box::new(io::stdin()) } else { Box::new(File::open(from).map_err(unreadable)?) };
    let aside = format!("move `{}` away first, or bring the export in elsewhere with `--state DIR`", folder.display());
    let in_the_way = |error: JournalError| {
        let failure = Failure::from(error);
        if failure.code.starts_with("store::") { failure.help(aside.clone()) } else { failure }
    };
    // All of it is one write, so that it is there as a whole or not at all.
    let options = OpenOptions { patience: Duration::from_secs(3_600), ..OpenOptions::default() };
    let opened = store::open(folder, &options);
    let mut journal = opened.map_err(|error| if is_damage(&error) { in_the_way(error) } else { error.into() })?;
    let imported = store::import(journal.store_mut()?, &mut BufReader::new(source));
    let values = match imported {
        Ok(values) => values,
        Err(error) if error.code == "store::not-empty" => return Err(in_the_way(error)),
        Err(error) => {
            drop(journal);
            if is_new {
                // It held nothing, and an empty one would only look like a state.
                let _ = fs::remove_dir_all(folder);
            }
            let help = "nothing was written; take another export";
            return Err(if is_damage(&error) { Failure::from(error).help(help) } else { error.into() });
        }
    };
    journal.close()?;
    output.either("imported", &json!({"folder": folder.display().to_string(), "values": values}), || {
        format!("{} {} brought into `{}`.", paint(GOOD, "✓"), count(values as usize, "value"), folder.display())
    });
    Ok(Exit::Ok)
}

fn gc(folder: &Path, engine: Option<EngineKind>, output: &Output) -> Result<Exit, Failure> {
    // The engine that was asked for is where it goes, not what it has to be already.
    let mut journal = store::open(folder, &OpenOptions { engine: None, ..OpenOptions::default() })?;
    let from = journal.store().engine()?;
    let to = engine.unwrap_or(from);
    let done = journal.store_mut()?.compact_into(to)?;
    journal.close()?;
    let facts = json!({"before": done.before, "after": done.after, "engine": to.name()});
    output.either("gc", &facts, || {
        let freed = done.before.saturating_sub(done.after);
        let moved = if from == to { String::new() } else { format!(" It is kept by {} from now on.", to.name()) };
        format!(
            "{} {} given back: {} before, {} now. Nothing of what is in force was removed.{moved}",
            paint(GOOD, "✓"),
            bytes(freed),
            bytes(done.before),
            bytes(done.after)
        )
    });
    Ok(Exit::Ok)
}

fn keep(folder: &Path, args: &StoreKeep, output: &Output) -> Result<Exit, Failure> {
    let mut journal = open(folder)?;
    let mut keep = journal.keep()?;
    if args.cycles.is_some() || args.days.is_some() {
        let days = args.days.map_or(keep.days, |days| (days > 0).then_some(days));
        keep = Keep { cycles: args.cycles.unwrap_or(keep.cycles), days };
        journal.set_keep(keep)?;
    }
    journal.close()?;
    output.either("keep", &keep, || {
        let days = keep.days.map_or_else(String::new, |days| format!(", if they closed in the last {}", count(days as usize, "day")));
        format!(
            "The last {} of each workflow keep everything{days}. Decisions, receipts and what published pieces come from are kept for ever.",
            count(keep.cycles as usize, "cycle")
        )
    });
    Ok(Exit::Ok)
}

#[derive(Serialize)]
struct Recovered {
    found: Option<String>,
    copy: Option<String>,
    losses: Vec<LossFacts>,
}

#[derive(Serialize)]
struct LossFacts {
    workflow: String,
    cycle: u32,
    kept: u32,
    lost: u32,
}

fn recover(folder: &Path, args: &StoreRecover, output: &Output) -> Result<Exit, Failure> {
    let found = match inspect(folder)?.findings {
        findings if findings.is_empty() => None,
        findings => Some(findings.join(" ")),
    };
    let mut recovered = Recovered { found, copy: None, losses: Vec::new() };
    if recovered.found.is_some() {
        if !args.no_copy {
            let copy = free_name(folder);
            copy_folder(folder, &copy).map_err(|error| {
                // A copy that is not whole is none.
                let _ = fs::remove_dir_all(&copy);
                Failure::new("cli::cannot-copy", format!("cannot copy the state to `{}`: {error}", copy.display()))
                    .help("make room, or say `--no-copy` when the folder is already saved elsewhere")
            })?;
            recovered.copy = Some(copy.display().to_string());
        }
        let (journal, losses) = store::recover(folder, OpenOptions::default().wait).map_err(|error| {
            let failure = Failure::from(error);
            match failure.code {
                "store::damaged" => failure.help(format!(
                    "so little is readable that only a backup helps: move `{}` away, then `loopctl store import FILE`",
                    folder.display()
                )),
                _ => failure,
            }
        })?;
        journal.close()?;
        recovered.losses = losses
            .into_iter()
            .map(|loss| LossFacts { workflow: loss.workflow.to_string(), cycle: loss.cycle.0, kept: loss.kept, lost: loss.lost })
            .collect();
    }
    output.either("recovered", &recovered, || told(folder, &recovered));
    Ok(if recovered.found.is_some() { Exit::Findings } else { Exit::Ok })
}

fn told(folder: &Path, recovered: &Recovered) -> String {
    let Some(found) = &recovered.found else {
        return format!(
            "{} `{}` is whole: there was nothing to recover, and nothing was changed.",
            paint(GOOD, "✓"),
            folder.display()
        );
    };
    let mut text = format!("Found: {found}\n");
    if let Some(copy) = &recovered.copy {
        text.push_str(&format!("Kept as it was: `{copy}`\n"));
    }
    for loss in &recovered.losses {
        text.push_str(&format!(
            "{} {} · cycle {}: the last {} of {} entries are lost\n",
            paint(BAD, "✗"),
            loss.workflow,
            loss.cycle,
            loss.lost,
            loss.kept + loss.lost
        ));
    }
    if recovered.losses.is_empty() {
        text.push_str("No entry that was still here had to be given up.\n");
    }
    text.push_str(&format!(
        "{} `{}` can be used again. What was done after the last entry that is left will be done again; before you run, look \
whether pieces went out that `loopctl status` does not show.",
        paint(GOOD, "✓"),
        folder.display()
    ));
    text
}

/// A name beside the folder that nothing has: `.loopctl-before-recover-1`.
fn free_name(folder: &Path) -> PathBuf {
    let name = folder.file_name().map_or_else(|| "state".into(), |name| name.to_string_lossy().into_owned());
    let mut number = 1;
    loop {
        let copy = folder.with_file_name(format!("{name}-before-recover-{number}"));
        if !copy.exists() {
            return copy;
        }
        number += 1;
    }
}

fn copy_folder(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.metadata()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// `7.2 MB`
fn bytes(n: u64) -> String {
    match n {
        0..1_000 => count(n as usize, "byte"),
        1_000..1_000_000 => format!("{:.1} kB", n as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", n as f64 / 1e6),
        _ => format!("{:.1} GB", n as f64 / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_said_in_three_figures_or_fewer_words() {
        assert_eq!([1, 999, 7_249, 7_200_000, 3_000_000_000].map(bytes), ["1 byte", "999 bytes", "7.2 kB", "7.2 MB", "3.0 GB"]);
    }
}
