//! `loopctl remove`: a module that nobody needs any more.
//!
//! The workflow comes first and the lock last: a stop in between leaves a lock that says too much, never too little.

use crate::cli::args::Remove;
use crate::cli::exit::{Exit, Failure};
use crate::cli::modules::{Modules, shown};
use crate::cli::output::Output;
use crate::cli::rewrite::replace;
use crate::compile::lock::vendor_path;
use crate::packages::edit::{remove, uses};
use crate::packages::keep::{Holding, holding};
use crate::packages::vendor::vendored_at;
use crate::report::style::{GOOD, WAIT, paint};
use serde_json::json;
use std::fs;

pub fn run(args: &Remove, output: &Output) -> Result<Exit, Failure> {
    let mut modules = Modules::open(args.workflow.as_deref())?;
    let module = modules.named(&args.module)?;
    let users: Vec<_> =
        modules.workflows().into_iter().filter(|beside| beside.uses.iter().any(|found| found.module == module)).collect();
    let chosen = match &args.workflow {
        Some(file) => users.iter().find(|beside| shown(&beside.path) == shown(file)),
        None if users.len() > 1 => {
            let names: Vec<String> = users.iter().map(|beside| shown(&beside.path)).collect();
            return Err(Failure::new("cli::which-workflow", format!("several workflows use `{module}`: {}", names.join(", ")))
                .help(format!("name one, such as `--workflow {}`; the last one that lets go unlocks it", names[0])));
        }
        None => users.first(),
    };
    if let (Some(file), None) = (&args.workflow, chosen)
        && let Some(other) = users.first()
    {
        return Err(Failure::new(
            "packages::still-used",
            format!("`{}` does not use `{module}`, but `{}` does", shown(file), shown(&other.path)),
        )
        .help(format!("name that one: `--workflow {}`", shown(&other.path))));
    }
    if let Some(beside) = chosen {
        let (found, usages) = uses(&beside.text).unwrap_or_default();
        let aliases: Vec<&str> = found.iter().filter(|found| found.module == module).map(|found| found.alias.as_str()).collect();
        let still: Vec<_> = usages.iter().filter(|usage| aliases.contains(&usage.alias.as_str())).collect();
        if !still.is_empty() {
            let lines: Vec<String> =
                still.iter().map(|usage| format!("\n    {}:{}: {}", shown(&beside.path), usage.line, usage.head)).collect();
            return Err(Failure::new("packages::still-used", format!("`{module}` is still used{}", lines.concat()))
                .help("take these steps out first; nothing was changed"));
        }
        let mut text = beside.text.clone();
        while let Some((found, _)) = uses(&text)
            && let Some(found) = found.iter().find(|found| found.module == module)
        {
            text = remove(&text, found);
        }
        replace(&beside.path, &beside.text, &text)?;
    }
    let others = users.len() - usize::from(chosen.is_some());
    let mut kept = None;
    let mut vendored = false;
    if others == 0
        && let Some(locked) = modules.lock.modules.remove(&module)
    {
        let place = vendored_at(&modules.folder, &module);
        match holding(&place, &locked.sha256) {
            Holding::Nothing => {}
            Holding::Whole => {
                vendored = true;
                fs::remove_dir_all(&place).map_err(|error| {
                    Failure::new("cli::cannot-write", format!("cannot remove `{}`: {error}", place.display()))
                        .help("remove the folder yourself and run this command again")
                })?;
                // It stays while another module of this owner is in it.
                let _ = place.parent().map(fs::remove_dir);
            }
            // A person's changes are not thrown away.
            Holding::Changed(_) => kept = Some(vendor_path(&module)),
        }
        modules.save()?;
    }
    if output.json {
        output.facts(
            "removed",
            &json!({
                "module": module,
                "workflow": chosen.map(|beside| shown(&beside.path)),
                "unlocked": others == 0,
                "vendor_removed": vendored,
                "vendor_kept": kept,
            }),
        );
        return Ok(Exit::Ok);
    }
    let from = chosen.map_or(String::new(), |beside| format!(" from `{}`", shown(&beside.path)));
    let mut told = match others {
        0 => format!("{} Removed `{module}`{from}; it is not locked any more.\n", paint(GOOD, "✓")),
        _ => format!("{} Removed `{module}`{from}; it stays locked, because another workflow uses it.\n", paint(GOOD, "✓")),
    };
    if let Some(kept) = kept {
        told.push_str(&format!(
            "{} `{kept}` was changed by hand and stays; delete it when you do not need it\n",
            paint(WAIT, "note:")
        ));
    }
    output.text(&told);
    Ok(Exit::Ok)
}
