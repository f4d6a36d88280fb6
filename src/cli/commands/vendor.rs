//! `loopctl vendor`: the locked modules beside the workflow, for a repository that holds all it needs.

use super::update::together;
use crate::cli::args::Vendor;
use crate::cli::exit::{Exit, Failure};
use crate::cli::modules::{Modules, shown};
use crate::cli::output::Output;
use crate::compile::lock::{VENDOR_FOLDER, vendor_path};
use crate::packages::keep::{Holding, holding};
use crate::packages::vendor::{Vendored, at_hand, replaceable, strays, vendor, vendored_at};
use crate::report::style::{DIM, GOOD, WAIT, count, paint};
use serde_json::{Value, json};

pub fn run(args: &Vendor, output: &Output) -> Result<Exit, Failure> {
    let modules = Modules::open(args.workflow.as_deref())?;
    let folder = shown(&modules.folder.join(VENDOR_FOLDER));
    let mut rows = Vec::new();
    let mut told = String::new();
    let mut failed = Vec::new();
    let mut differing = 0;
    let mut changed = false;
    for (name, locked) in &modules.lock.modules {
        let word = if args.check {
            match holding(&vendored_at(&modules.folder, name), &locked.sha256) {
                Holding::Whole => "as it was locked",
                Holding::Nothing => "not there",
                Holding::Changed(_) => {
                    changed = true;
                    "not what was locked"
                }
            }
        } else {
            let fetcher = modules.fetcher();
            let allowed = if args.force { Ok(()) } else { replaceable(&fetcher, name, locked, None).map(|_| ()) };
            let vendored = allowed
                .and_then(|()| at_hand(&fetcher, name, locked))
                .and_then(|(tree, _)| vendor(&fetcher, name, locked, &tree));
            match vendored {
                Ok(Vendored::Unchanged) => "as it was locked",
                Ok(Vendored::Written) => "copied",
                Ok(Vendored::Replaced) => "replaced",
                Err(error) => {
                    failed.push((name.clone(), error));
                    continue;
                }
            }
        };
        differing += usize::from(args.check && word != "as it was locked");
        rows.push(json!({"module": name, "version": locked.version.to_string(), "folder": vendor_path(name), "state": word}));
        told.push_str(&format!("  {name}  {} {}\n", locked.version, paint(DIM, word)));
    }
    if !failed.is_empty() {
        return Err(together(&failed, "the folder was left as it was", output));
    }
    let strays = strays(&modules.folder, |module| modules.lock.modules.contains_key(module));
    let exit = if differing > 0 { Exit::Findings } else { Exit::Ok };
    if output.json {
        output.document(&[("modules", Value::from(rows)), ("not_locked", Value::from(strays))]);
        return Ok(exit);
    }
    let all = modules.lock.modules.len();
    let said = match (all, args.check, differing) {
        (0, _, _) => format!("{} Nothing is locked in `{}`.", paint(GOOD, "✓"), modules.lock_path()),
        (_, true, 0) => format!("{} `{folder}` holds {} as locked.", paint(GOOD, "✓"), count(all, "module")),
        (_, true, _) => {
            format!(
                "{} `{folder}` is not what is locked, in {} of {all}; run `loopctl vendor{}`.",
                paint(WAIT, "!"),
                count(differing, "module"),
                if changed { " --force" } else { "" }
            )
        }
        (_, false, _) => format!("{} `{folder}` holds {}.", paint(GOOD, "✓"), count(all, "module")),
    };
    for stray in &strays {
        told.push_str(&format!("{} `{folder}/{stray}` is not locked; nobody reads it\n", paint(WAIT, "note:")));
    }
    output.text(&format!("{said}\n{told}"));
    Ok(exit)
}
