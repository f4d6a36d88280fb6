//! `loopctl breaking`: what the users of a shared module would notice, before it is released.

use crate::cli::args::Breaking;
use crate::cli::exit::{Exit, Failure};
use crate::cli::modules::shown;
use crate::cli::output::Output;
use crate::compile::lock::MANIFEST;
use crate::packages::breaking::{Comparison, Weight, compare};
use crate::packages::history::{at, modules_below};
use crate::packages::interface::Interface;
use crate::packages::keep::{Cache, read_folder};
use crate::report::style::{BAD, CODE, DIM, GOOD, TITLE, WAIT, count, paint, plain};
use crate::world::cache_folder;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// One module, looked at twice.
struct Looked {
    folder: PathBuf,
    now: Interface,
    /// The version then, and what differs; `None` for a module that was not there.
    before: Option<(Interface, Comparison)>,
}

pub fn run(args: &Breaking, output: &Output) -> Result<Exit, Failure> {
    let folders = folders(args.module.as_deref())?;
    let around = cache_folder().map(|folder| Cache::new(folder).scratch()).ok_or_else(|| {
        Failure::new("packages::unwritable", "there is no folder to work in")
            .help("set LOOPCTL_CACHE to a folder, or HOME to your own")
    })?;
    let registry = crate::builtin::registry();
    let mut all = Vec::new();
    for folder in folders {
        let named = |error: crate::packages::Error| {
            Failure::new(error.code, format!("`{}`: {}", shown(&folder), error.message)).help(error.help)
        };
        let tree = read_folder(&folder).map_err(named)?;
        let now = Interface::of(&tree, registry).map_err(named)?;
        let before = match at(&folder, &args.against, &around).map_err(named)? {
            Some(then) => {
                let before = Interface::of(&then, registry).map_err(named)?;
                let comparison = compare(&before, &now, then.digest() == tree.digest());
                Some((before, comparison))
            }
            None => None,
        };
        all.push(Looked { folder, now, before });
    }
    let unannounced = all
        .iter()
        .filter(|looked| looked.before.as_ref().is_some_and(|(_, comparison)| comparison.breaks() && !comparison.is_enough))
        .count();
    match output.json {
        true => output.document(&[("against", Value::from(args.against.clone())), ("modules", all.iter().map(facts).collect())]),
        false => output.text(&all.iter().map(|looked| told(looked, &args.against)).collect::<Vec<_>>().join("\n")),
    }
    Ok(if unannounced > 0 { Exit::Findings } else { Exit::Ok })
}

fn folders(module: Option<&Path>) -> Result<Vec<PathBuf>, Failure> {
    let place = module.unwrap_or(Path::new("."));
    let place = if place.file_name().is_some_and(|name| name == MANIFEST) { place.parent().unwrap_or(place) } else { place };
    let place = if place.as_os_str().is_empty() { Path::new(".") } else { place };
    if place.join(MANIFEST).is_file() {
        return Ok(vec![place.to_owned()]);
    }
    let found = if place.is_dir() { modules_below(place) } else { Vec::new() };
    if found.is_empty() {
        return Err(Failure::new("packages::no-module", format!("there is no `{MANIFEST}` in `{}` or below", place.display()))
            .help("name the folder of the module"));
    }
    Ok(found)
}

fn facts(looked: &Looked) -> Value {
    let comparison = looked.before.as_ref().map(|(_, comparison)| comparison);
    let changes = comparison.into_iter().flat_map(|comparison| &comparison.changes);
    json!({
        "module": looked.now.name,
        "folder": shown(&looked.folder),
        "version": looked.now.version.to_string(),
        "before": looked.before.as_ref().map(|(before, _)| before.version.to_string()),
        "breaking": comparison.is_some_and(Comparison::breaks),
        "needed": comparison.map(|comparison| comparison.needed.to_string()),
        "version_is_enough": comparison.is_none_or(|comparison| comparison.is_enough),
        "changes": changes
            .map(|change| json!({"weight": change.weight.to_string(), "step": change.step, "message": change.message}))
            .collect::<Vec<_>>(),
    })
}

fn told(looked: &Looked, against: &str) -> String {
    let now = &looked.now;
    let Some((before, comparison)) = &looked.before else {
        return format!("{} `{}` {} is new since {}.\n", paint(GOOD, "✓"), now.name, now.version, plain(against));
    };
    let versions = match before.version == now.version {
        true => now.version.to_string(),
        false => format!("{} → {}", before.version, now.version),
    };
    let mut told = format!(
        "{} {versions}  {}\n",
        paint(TITLE, &now.name),
        paint(DIM, format!("{}, against {}", shown(&looked.folder), plain(against)))
    );
    for change in &comparison.changes {
        let weight = match change.weight {
            Weight::Breaking => paint(BAD, "breaking"),
            Weight::Addition => paint(GOOD, "addition"),
            Weight::Inside => paint(DIM, "inside  "),
        };
        let step = change.step.as_ref().map_or(String::new(), |step| format!("{}: ", paint(CODE, plain(step))));
        told.push_str(&format!("  {weight}  {step}{}\n", plain(&change.message)));
    }
    let breaking = comparison.changes.iter().filter(|change| change.weight == Weight::Breaking).count();
    let why = match breaking {
        0 if comparison.changes.iter().any(|change| change.weight == Weight::Addition) => "Additions need".to_owned(),
        0 => "Other files need".to_owned(),
        1 => "1 breaking change needs".to_owned(),
        several => format!("{} need", count(several, "breaking change")),
    };
    told.push_str(&match (comparison.changes.is_empty(), comparison.is_enough) {
        (true, _) => format!("{} Nothing has changed for its users.\n", paint(GOOD, "✓")),
        (false, true) => {
            format!("{} {why} at least version {}, and it is {}.\n", paint(GOOD, "✓"), comparison.needed, now.version)
        }
        (false, false) => format!(
            "{} {why} at least version {}, and it is {}: write `version=\"{}\"`.\n",
            paint(if breaking > 0 { BAD } else { WAIT }, if breaking > 0 { "✗" } else { "!" }),
            comparison.needed,
            now.version,
            comparison.needed
        ),
    });
    told
}
