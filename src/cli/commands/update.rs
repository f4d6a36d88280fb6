//! `loopctl update`: the newest versions within range, or with `--locked` just what the lock says.
//!
//! Every module is looked up before anything is written, and one that cannot be had keeps all as they are.

use crate::cli::args::Update;
use crate::cli::exit::{Exit, Failure};
use crate::cli::modules::Modules;
use crate::cli::output::Output;
use crate::compile::lock::{Locked, LockedSource, Reference};
use crate::packages::fetch::{Fetched, origin_of};
use crate::packages::vendor::{Found, ensure, replaceable, vendor, vendored_at};
use crate::packages::{self};
use crate::report::style::{BAD, CODE, DIM, GOOD, count, paint, plain};
use serde_json::{Value, json};

pub fn run(args: &Update, output: &Output) -> Result<Exit, Failure> {
    let mut modules = Modules::open(args.workflow.as_deref())?;
    let names: Vec<String> = match &args.module {
        Some(name) => vec![modules.named(name)?],
        None => modules.lock.modules.keys().cloned().collect(),
    };
    if args.locked {
        return fetch_locked(&modules, &names, output);
    }
    let mut found: Vec<(String, Locked, Fetched)> = Vec::new();
    let mut failed = Vec::new();
    for name in &names {
        let Some(locked) = modules.lock.modules.get(name) else { continue };
        output.progress(&format!("Looking at {name} …"));
        match look(&modules, name, locked) {
            // What a person has changed in `vendor/` is noticed before anything is written.
            Ok((now, fetched)) => match replaceable(&modules.fetcher(), name, &now, Some(locked)) {
                Ok(_) => found.push((name.clone(), now, fetched)),
                Err(error) => failed.push((name.clone(), error)),
            },
            Err(error) => failed.push((name.clone(), error)),
        }
    }
    if !failed.is_empty() {
        return Err(together(&failed, "nothing was changed", output));
    }
    let mut rows = Vec::new();
    let mut told = String::new();
    let mut changes = 0;
    for (name, now, fetched) in &found {
        let before = modules.lock.modules[name].clone();
        let same_files = before.sha256 == now.sha256;
        let changed = !same_files || before.source != now.source || before.wanted != now.wanted;
        changes += usize::from(!same_files);
        if changed && !args.dry_run {
            modules.cache.put(&fetched.tree)?;
            modules.lock.modules.insert(name.clone(), now.clone());
        }
        told.push_str(&match (same_files, before.version == now.version) {
            (true, _) => format!("  {name}  {} {}\n", now.version, paint(DIM, "is the newest within range")),
            (false, true) => format!("  {name}  {} {}\n", now.version, paint(CODE, "has other files")),
            (false, false) => format!("  {name}  {} → {}\n", before.version, paint(CODE, &now.version)),
        });
        rows.push(json!({
            "module": name,
            "before": before.version.to_string(),
            "version": now.version.to_string(),
            "sha256_before": before.sha256,
            "sha256": now.sha256,
            "source": now.source.describe(),
            "changed": !same_files,
        }));
    }
    if !args.dry_run {
        modules.save()?;
        for (name, now, fetched) in &found {
            if vendored_at(&modules.folder, name).exists() {
                vendor(&modules.fetcher(), name, now, &fetched.tree)?;
            }
        }
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

/// What a module is today, once it is sure that it is the same module and that no release was changed after it was made.
fn look(modules: &Modules, name: &str, locked: &Locked) -> Result<(Locked, Fetched), packages::Error> {
    let wanted = modules.wanted(name, locked);
    let fetched = modules.fetcher().fetch(&origin_of(locked), Some(&wanted))?;
    if fetched.interface.name != name {
        let message = format!("`{name}` is called `{}` at its source now", fetched.interface.name);
        return Err(packages::Error::not_a_module(message, format!("`loopctl remove {name}` and add the new one")));
    }
    let now = fetched.locked(wanted);
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
    Ok((now, fetched))
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
