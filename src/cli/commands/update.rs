//! `loopctl update`: the newest versions within range, or with `--locked` just what the lock says.
//!
//! Every module is looked up before anything is written, and one that cannot be had keeps all as they are.

use crate::cli::args::Update;
use crate::cli::exit::{Exit, Failure};
use crate::cli::modules::Modules;
use crate::cli::output::Output;
use crate::compile::lock::{Locked, LockedSource, Reference};
use crate::packages::fetch::{Fetched, origin_of};
use crate::packages::vendor::{Found, ensure, replaceable, vendored_at};
use crate::packages::{self};
use crate::report::style::{BAD, CODE, DIM, GOOD, count, paint, plain};
use semver::VersionReq;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

pub fn run(args: &Update, output: &Output) -> Result<Exit, Failure> {
    let mut modules = Modules::open(args.workflow.as_deref())?;
    let names: Vec<String> = match &args.module {
        Some(name) => vec![modules.named(name)?],
        None => modules.lock.modules.keys().cloned().collect(),
    };
    if args.locked {
        return fetch_locked(&modules, &names, output);
    }
    // What workflows use is looked for first, and what that is made of with it.
    let roots = modules.roots();
    let mut fresh = Vec::new();
    let mut failed = Vec::new();
    for name in names.iter().filter(|name| roots.contains(*name)) {
        let Some(locked) = modules.lock.modules.get(name) else { continue };
        output.progress(&format!("Looking at {name} …"));
        match look(&modules, name, locked) {
            Ok(found) => fresh.push(found),
            Err(error) => failed.push((name.clone(), error)),
        }
    }
    let renewed: BTreeSet<&String> = names.iter().filter(|name| !roots.contains(*name)).collect();
    if let Some(name) = renewed.first().filter(|_| failed.is_empty()) {
        output.progress(&format!("Looking at {} …", if renewed.len() > 1 { "what they are made of" } else { name.as_str() }));
    }
    let mut closed = BTreeMap::new();
    if failed.is_empty() {
        match modules.closed(fresh, |name| renewed.iter().any(|renewed| *renewed == name)) {
            Ok(found) => closed = found,
            Err(error) => failed.push((names.first().cloned().unwrap_or_default(), error)),
        }
    }
    for (name, piece) in &closed {
        let before = modules.lock.modules.get(name);
        if let Some(before) = before.filter(|_| piece.fetched.is_some()) {
            failed.extend(unchanged(name, before, &piece.locked).err().map(|error| (name.clone(), error)));
        }
        // What a person has changed in `vendor/` is noticed before anything is written.
        failed.extend(replaceable(&modules.fetcher(), name, &piece.locked, before).err().map(|error| (name.clone(), error)));
    }
    if !failed.is_empty() {
        return Err(together(&failed, "nothing was changed", output));
    }
    let mut rows = Vec::new();
    let mut told = String::new();
    let mut changes = 0;
    for (name, piece) in &closed {
        let (before, now) = (modules.lock.modules.get(name), &piece.locked);
        let same_files = before.is_some_and(|before| before.sha256 == now.sha256);
        if same_files && !names.contains(name) {
            continue;
        }
        changes += usize::from(!same_files);
        told.push_str(&match before {
            _ if same_files => format!("  {name}  {} {}\n", now.version, paint(DIM, "is the newest within range")),
            None => format!("  {name}  {} {}\n", paint(CODE, &now.version), paint(DIM, "is needed by another module now")),
            Some(before) if before.version == now.version => {
                format!("  {name}  {} {}\n", now.version, paint(CODE, "has other files"))
            }
            Some(before) => format!("  {name}  {} → {}\n", before.version, paint(CODE, &now.version)),
        });
        rows.push(json!({
            "module": name,
            "before": before.map(|before| before.version.to_string()),
            "version": now.version.to_string(),
            "sha256_before": before.map(|before| before.sha256.clone()),
            "sha256": now.sha256,
            "source": now.source.describe(),
            "changed": !same_files,
        }));
    }
    let gone: Vec<&String> = modules.lock.modules.keys().filter(|name| !closed.contains_key(*name)).collect();
    for name in gone {
        changes += 1;
        told.push_str(&format!("  {name}  {}\n", paint(DIM, "is not needed any more")));
    }
    if !args.dry_run {
        let vendored = closed.keys().any(|name| vendored_at(&modules.folder, name).exists());
        modules.take(&closed, |_| vendored)?;
    }
    if output.json {
        output.document(&[("modules", Value::from(rows)), ("dry_run", Value::from(args.dry_run))]);
        return Ok(Exit::Ok);
    }
    let said = match (names.is_empty(), args.dry_run, changes) {
        (true, _, _) => format!("Nothing is locked in `{}`; `loopctl add` brings a module in.", modules.lock_path()),
        (_, _, 0) => "Nothing to update.".to_owned(),
        (_, true, changes) => format!("Would update {}.", count(changes, "module")),
        (_, false, changes) => format!("Updated {} in `{}`.", count(changes, "module"), modules.lock_path()),
    };
    output.text(&format!("{} {said}\n{told}", paint(GOOD, "✓")));
    Ok(Exit::Ok)
}

/// What a module is today, once it is sure that it is the same module: its name, its files, and the range that counts.
fn look(modules: &Modules, name: &str, locked: &Locked) -> Result<(String, Fetched, VersionReq), packages::Error> {
    let wanted = modules.wanted(name, locked);
    let fetched = modules.fetcher().fetch(&origin_of(locked), Some(&wanted))?;
    if fetched.interface.name != name {
        let message = format!("`{name}` is called `{}` at its source now", fetched.interface.name);
        return Err(packages::Error::not_a_module(message, format!("`loopctl remove {name}` and add the new one")));
    }
    unchanged(name, locked, &fetched.locked(wanted.clone()))?;
    Ok((name.to_owned(), fetched, wanted))
}

/// A release is what it was when it was locked.
fn unchanged(name: &str, locked: &Locked, now: &Locked) -> Result<(), packages::Error> {
    let is_release = match (&locked.source, &now.source) {
        (
            LockedSource::Git { reference: Reference::Tag(before), .. },
            LockedSource::Git { reference: Reference::Tag(tag), .. },
        ) => before == tag,
        (LockedSource::Archive { .. }, _) => true,
        _ => false,
    };
    if is_release && now.version == locked.version && now.sha256 != locked.sha256 {
        return Err(packages::Error::new(
            "packages::changed-release",
            format!(
                "version {} of `{name}` was changed after it was published\n    locked: sha256 {}\n    found:  sha256 {}",
                now.version, locked.sha256, now.sha256
            ),
            format!("ask its owner why; when it is right, `loopctl add` it again from {}", locked.source.describe()),
        ));
    }
    Ok(())
}

fn fetch_locked(modules: &Modules, names: &[String], output: &Output) -> Result<Exit, Failure> {
    let mut failed = Vec::new();
    let mut rows = Vec::new();
    let mut told = String::new();
    for name in names {
        let Some(locked) = modules.lock.modules.get(name) else { continue };
        match ensure(&modules.fetcher(), name, locked) {
            Ok(found) => {
                let word = match found {
                    Found::Vendored => "vendored",
                    Found::Cached => "cached",
                    Found::Fetched => "fetched",
                };
                rows.push(json!({"module": name, "version": locked.version.to_string(), "sha256": locked.sha256, "found": word}));
                told.push_str(&format!("  {name}  {} {}\n", locked.version, paint(DIM, word)));
            }
            Err(error) => failed.push((name.clone(), error)),
        }
    }
    if !failed.is_empty() {
        return Err(together(&failed, "the lock was not changed", output));
    }
    if output.json {
        output.document(&[("modules", Value::from(rows))]);
        return Ok(Exit::Ok);
    }
    let said = match names.len() {
        0 => format!("Nothing is locked in `{}`.", modules.lock_path()),
        1 => "1 module is here as it was locked.".to_owned(),
        several => format!("{several} modules are here as they were locked."),
    };
    output.text(&format!("{} {said}\n{told}", paint(GOOD, "✓")));
    Ok(Exit::Ok)
}

/// One failure for several modules: the first in full, and the others before it.
pub fn together(failed: &[(String, packages::Error)], kept: &str, output: &Output) -> Failure {
    for (name, error) in &failed[1..] {
        output.progress(&format!("{}: `{name}`: {}", paint(BAD, format!("error[{}]", error.code)), plain_lines(&error.message)));
        output.progress(&format!("  {} {}", paint(CODE, "help:"), error.help));
    }
    let (name, error) = &failed[0];
    let message = match error.message.contains(name.as_str()) {
        true => plain_lines(&error.message),
        false => format!("`{name}`: {}", plain_lines(&error.message)),
    };
    Failure::new(error.code, message).help(format!("{} ({kept})", error.help))
}

/// What a stranger's words may do to a terminal is taken out; lines stay.
fn plain_lines(text: &str) -> String {
    text.split('\n').map(plain).collect::<Vec<_>>().join("\n")
}
