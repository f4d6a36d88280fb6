//! `loopctl remove`: a module that nobody needs any more.
//!
//! The workflow comes first and the lock last: a stop in between leaves a lock that says too much, never too little.

use crate::cli::args::Remove;
use crate::cli::exit::{Exit, Failure};
use crate::cli::modules::{Modules, shown};
use crate::cli::output::Output;
use crate::cli::rewrite::replace;
use crate::compile::lock::vendor_path;
use crate::packages::closure;
use crate::packages::edit::{remove, uses};
use crate::packages::keep::Holding;
use crate::report::style::{GOOD, WAIT, paint};
use serde_json::json;

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
    // What another module is made of stays, and what only this one was made of goes with it.
    let needed = closure::needed(&modules.lock);
    let parent = modules.lock.modules.iter().find(|(_, locked)| locked.needs.contains_key(&module)).map(|(name, _)| name.clone());
    let mut kept = Vec::new();
    let mut vendored = false;
    let mut gone = Vec::new();
    if others == 0 && parent.is_none() {
        let used: Vec<String> =
            modules.workflows().into_iter().flat_map(|beside| beside.uses).map(|found| found.module).collect();
        gone.extend(modules.lock.modules.remove(&module).map(|locked| (module.clone(), locked)));
        for name in closure::idle(&modules.lock, |name| used.iter().any(|used| used == name), &needed) {
            gone.extend(modules.lock.modules.remove(&name).map(|locked| (name, locked)));
        }
        for (name, locked) in &gone {
            match modules.unvendor(name, locked)? {
                Holding::Nothing => {}
                Holding::Whole => vendored = true,
                // A person's changes are not thrown away.
                Holding::Changed(_) => kept.push(vendor_path(name)),
            }
        }
        modules.save()?;
    }
    let parts: Vec<&String> = gone.iter().map(|(name, _)| name).filter(|name| **name != module).collect();
    if output.json {
        output.facts(
            "removed",
            &json!({
                "module": module,
                "workflow": chosen.map(|beside| shown(&beside.path)),
                "unlocked": !gone.is_empty(),
                "parts_unlocked": parts,
                "needed_by": parent,
                "vendor_removed": vendored,
                "vendor_kept": kept.first(),
            }),
        );
        return Ok(Exit::Ok);
    }
    let from = chosen.map_or(String::new(), |beside| format!(" from `{}`", shown(&beside.path)));
    let mut told = match (others, &parent) {
        (0, Some(parent)) => {
            format!("{} Removed `{module}`{from}; it stays locked, because `{parent}` is made of it.\n", paint(GOOD, "✓"))
        }
        (0, None) => format!("{} Removed `{module}`{from}; it is not locked any more.\n", paint(GOOD, "✓")),
        _ => format!("{} Removed `{module}`{from}; it stays locked, because another workflow uses it.\n", paint(GOOD, "✓")),
    };
    for name in &parts {
        told.push_str(&format!("  `{name}` is not locked any more either: only `{module}` was made of it.\n"));
    }
    for kept in &kept {
        told.push_str(&format!(
            "{} `{kept}` was changed by hand and stays; delete it when you do not need it\n",
            paint(WAIT, "note:")
        ));
    }
    output.text(&told);
    Ok(Exit::Ok)
}
