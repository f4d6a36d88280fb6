//! `loopctl add`: a module is fetched, looked at, locked, and named in the workflow.
//!
//! In this order, so that a stop in between leaves nothing half: files into the cache, the line into the lock, the line into the workflow.

use crate::cli::args::Add;
use crate::cli::exit::{Exit, Failure};
use crate::cli::modules::{Modules, shown};
use crate::cli::output::Output;
use crate::cli::project;
use crate::cli::rewrite::replace;
use crate::compile::lock::{Locked, MANIFEST, Reference, is_module_name};
use crate::packages::edit::{Use, insert, is_module_file, use_line, uses, with_range};
use crate::packages::fetch::Fetched;
use crate::packages::interface::{Interface, Param};
use crate::packages::source::{Choice, Details, Origin, Wish};
use crate::packages::vendor::vendored_at;
use crate::report::style::{CODE, DIM, GOOD, TITLE, WAIT, paint, plain};
use crate::syntax::quoted;
use semver::{Comparator, Op, Version, VersionReq};
use serde_json::json;
use std::fs;
use std::path::Path;

pub fn run(args: &Add, output: &Output) -> Result<Exit, Failure> {
    let path = project::find(args.workflow.as_deref())?;
    let mut modules = Modules::open(Some(&path))?;
    let text = fs::read_to_string(&path).map_err(|error| {
        Failure::new("cli::cannot-read", format!("cannot read `{}`: {error}", path.display()))
            .help("name a workflow file with `--workflow`")
    })?;
    let Some((used, _)) = uses(&text) else {
        return Err(Failure::new(
            "cli::invalid-workflow",
            format!("`{}` cannot be changed safely while it has mistakes in its spelling", path.display()),
        )
        .help(format!("mend them first: `loopctl validate {}`", path.display()))
        .exit(Exit::InvalidWorkflow));
    };
    let wish = wish(args, &modules)?;
    output.progress(&format!("Fetching {} …", plain(&args.source)));
    let (fetched, wanted) = fetch(&modules, &wish, &used)?;
    let module = fetched.interface.name.clone();
    let existing = used.iter().find(|found| found.module == module);
    let alias = alias(args, &module, existing, &used)?;
    let changed = match existing {
        Some(found) if found.wanted.as_ref() == Some(&wanted) || wish.range.is_none() && found.wanted.is_some() => None,
        Some(found) => Some(with_range(&text, found, &wanted)),
        None => {
            let own = module.rsplit('/').next().unwrap_or(&module);
            let line = use_line(&module, &wanted, (alias != own).then_some(alias.as_str()));
            let line = if is_module_file(&text) { format!("{line}{}", origin_words(&wish)) } else { line };
            let changed =
                insert(&text, &line).filter(|changed| uses(changed).is_some_and(|(now, _)| now.len() == used.len() + 1));
            Some(changed.ok_or_else(|| {
                Failure::new("cli::invalid-workflow", format!("there is no place for `use` in `{}`", path.display()))
                    .help(format!("write `{line}` into its `workflow` block and run this command again"))
            })?)
        }
    };
    let before = modules.lock.clone();
    let closed = modules.closed(vec![(module.clone(), fetched.clone(), wanted)], |_| false)?;
    let locked = closed[&module].locked.clone();
    // What suits everybody may be another version than the one that was looked at first.
    let fetched = closed[&module].fetched.clone().unwrap_or(fetched);
    let interface = &fetched.interface;
    let is_vendored = vendored_at(&modules.folder, &module).exists();
    modules.take(&closed, |name| is_vendored && name != module)?;
    let parts: Vec<(&String, &Locked)> = closed
        .iter()
        .filter(|(name, _)| !before.modules.contains_key(*name) && **name != module)
        .map(|(name, piece)| (name, &piece.locked))
        .collect();
    let before = before.modules.get(&module).cloned();
    if let Some(changed) = &changed {
        replace(&path, &text, changed)?;
    }
    let own_copy = modules.folder.join("modules").join(&module).join(MANIFEST);
    let own_copy = own_copy.exists().then(|| shown(&own_copy));
    if output.json {
        let steps: Vec<_> = interface
            .steps
            .iter()
            .map(|(name, step)| {
                let params = step.params.iter().map(|(name, param)| {
                    json!({"name": name, "type": param.ty, "default": param.default, "required": param.is_required(), "many": param.many})
                });
                json!({"verb": format!("{alias}.{name}"), "about": step.about, "params": params.collect::<Vec<_>>()})
            })
            .collect();
        output.facts(
            "added",
            &json!({
                "module": module,
                "version": locked.version.to_string(),
                "before": before.map(|before| before.version.to_string()),
                "sha256": locked.sha256,
                "wanted": locked.wanted.to_string(),
                "source": locked.source.describe(),
                "alias": alias,
                "lock": modules.lock_path(),
                "workflow": shown(&path),
                "workflow_changed": changed.is_some(),
                "steps": steps,
                "made_of": parts
                    .iter()
                    .map(|(name, locked)| {
                        json!({"module": name, "version": locked.version.to_string(), "sha256": locked.sha256, "source": locked.source.describe()})
                    })
                    .collect::<Vec<_>>(),
                "hidden_by": own_copy,
            }),
        );
        return Ok(Exit::Ok);
    }
    let was = match &before {
        Some(before) if before.version != locked.version => format!(", in the place of {}", before.version),
        Some(before) if before.sha256 != locked.sha256 => ", whose files have changed".to_owned(),
        Some(_) => ", as it was".to_owned(),
        None => String::new(),
    };
    let mut told =
        format!("{} Added `{module}` {}{was}, from {}.\n", paint(GOOD, "✓"), locked.version, plain(&locked.source.describe()));
    let place = shown(&path);
    told.push_str(&match changed {
        Some(_) => format!("  Locked in `{}`; `{place}` uses it as `{alias}`.\n", modules.lock_path()),
        None => format!("  Locked in `{}`; `{place}` used it already, as `{alias}`.\n", modules.lock_path()),
    });
    for (name, locked) in &parts {
        told.push_str(&format!("  It is made of `{name}` {}, from {}.\n", locked.version, plain(&locked.source.describe())));
    }
    told.push_str(&steps(interface, &alias));
    if let Some(own) = own_copy {
        told.push_str(&format!("\n{} `{own}` is there as well, and your own copy is read first\n", paint(WAIT, "note:")));
    }
    if let Some(step) = interface.steps.keys().next().filter(|_| before.is_none()) {
        told.push_str(&format!(
            "\nNext: write a step such as `{alias}.{step} \"name\" {{ … }}`; `loopctl validate {place}` checks it.\n"
        ));
    }
    output.text(&told);
    Ok(Exit::Ok)
}

/// Behind the `use` of a module that is made of another one: where that comes from.
fn origin_words(wish: &Wish) -> String {
    let (from, dir) = match &wish.origin {
        Origin::Path { dir } if dir.starts_with("../") || dir.starts_with('/') => (dir.clone(), None),
        Origin::Path { dir } => (format!("./{dir}"), None),
        Origin::Git { url, dir, .. } | Origin::Archive { url, dir, .. } => (url.clone(), dir.clone()),
    };
    let dir = dir.map_or(String::new(), |dir| format!(" dir={}", quoted(&dir)));
    format!(" from={}{dir}", quoted(&from))
}

/// What is asked for, with paths as the lock says them.
fn wish(args: &Add, modules: &Modules) -> Result<Wish, Failure> {
    let details = Details {
        tag: args.tag.clone(),
        branch: args.branch.clone(),
        rev: args.rev.clone(),
        dir: args.dir.clone(),
        sha256: args.sha256.clone(),
    };
    // The name of a module that lies in `vendor/` unlocked means that folder.
    let name = args.source.split('@').next().unwrap_or_default();
    let vendored = is_module_name(name).then(|| vendored_at(&modules.folder, name)).filter(|place| place.is_dir());
    let source = vendored.map_or(args.source.clone(), |place| args.source.replacen(name, &place.display().to_string(), 1));
    let mut wish = Wish::parse(&source, &details, |place| Path::new(place).is_dir())?;
    match &mut wish.origin {
        Origin::Path { dir } => *dir = modules.from_lock(dir),
        Origin::Git { url, .. } | Origin::Archive { url, .. }
            if !(url.contains("://") || (url.contains('@') && url.contains(':'))) =>
        {
            *url = modules.from_lock(url);
        }
        Origin::Git { .. } | Origin::Archive { .. } => {}
    }
    Ok(wish)
}

/// Fetches what is asked for; a range that the workflow names already counts when the command names none.
fn fetch(modules: &Modules, wish: &Wish, used: &[Use]) -> Result<(Fetched, VersionReq), Failure> {
    let fetcher = modules.fetcher();
    let fetched = fetcher.fetch(&wish.origin, wish.range.as_ref())?;
    if let Some(range) = &wish.range {
        return Ok((fetched, range.clone()));
    }
    let named = used.iter().find(|found| found.module == fetched.interface.name).and_then(|found| found.wanted.clone());
    let version = &fetched.interface.version;
    // A tag that a person names is this version and no other; the lock alone remembers what the origin was.
    if let Origin::Git { choice: Choice::Named(Reference::Tag(_)), .. } = &wish.origin {
        return Ok((fetched.clone(), exactly(version)));
    }
    match named {
        Some(range) if range.matches(version) => Ok((fetched, range)),
        Some(range) => Ok((fetcher.fetch(&wish.origin, Some(&range))?, range)),
        None => {
            let range = compatible(version);
            Ok((fetched, range))
        }
    }
}

fn exactly(version: &Version) -> VersionReq {
    let comparator = Comparator {
        op: Op::Exact,
        major: version.major,
        minor: Some(version.minor),
        patch: Some(version.patch),
        pre: version.pre.clone(),
    };
    VersionReq { comparators: vec![comparator] }
}

/// `^1.2` for 1.2.3; before 1.0, and for what is not finished, the whole version.
fn compatible(version: &Version) -> VersionReq {
    let whole = version.major == 0 || !version.pre.is_empty();
    let comparator = Comparator {
        op: Op::Caret,
        major: version.major,
        minor: Some(version.minor),
        patch: whole.then_some(version.patch),
        pre: version.pre.clone(),
    };
    VersionReq { comparators: vec![comparator] }
}

/// What stands before the dot, once it is clear that nothing else is called so.
fn alias(args: &Add, module: &str, existing: Option<&Use>, used: &[Use]) -> Result<String, Failure> {
    if let Some(found) = existing {
        return match &args.alias {
            Some(alias) if *alias != found.alias => Err(Failure::new(
                "packages::alias-taken",
                format!("`{module}` is called `{}` already, in line {}", found.alias, found.line),
            )
            .help("leave `--as` out, or change the name in the workflow: its steps carry it too")),
            _ => Ok(found.alias.clone()),
        };
    }
    let own = module.rsplit('/').next().unwrap_or(module);
    let alias = args.alias.clone().unwrap_or_else(|| own.to_owned());
    let proper = alias.starts_with(|c: char| c.is_ascii_lowercase())
        && alias.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if !proper {
        return Err(Failure::new("packages::alias-taken", format!("`{}` cannot stand before a dot", plain(&alias)))
            .help("write small letters, digits and `-`, such as `--as voice`"));
    }
    if let Some(other) = used.iter().find(|found| found.alias == alias) {
        return Err(Failure::new(
            "packages::alias-taken",
            format!("`{}` is called `{alias}` already, in line {}", other.module, other.line),
        )
        .help(format!("give this one another name: `--as {}`", module.replace('/', "-"))));
    }
    Ok(alias)
}

/// The steps of a module as a person would use them.
fn steps(interface: &Interface, alias: &str) -> String {
    let mut told = String::new();
    for (name, step) in &interface.steps {
        let about = step.about.as_deref().map_or(String::new(), |about| format!("  {}", plain(about)));
        told.push_str(&format!("\n  {}{about}\n", paint(TITLE, format!("{alias}.{}", plain(name)))));
        let width = step.params.keys().map(|name| name.chars().count()).max().unwrap_or(0);
        for (name, param) in &step.params {
            let name = plain(name);
            told.push_str(&format!(
                "    {}{}  {}\n",
                paint(CODE, &name),
                " ".repeat(width.saturating_sub(name.chars().count())),
                paint(DIM, described(param))
            ));
        }
    }
    told
}

fn described(param: &Param) -> String {
    let mut words = vec![plain(&param.ty)];
    if !param.words.is_empty() {
        words[0] = param.words.iter().map(|word| plain(word)).collect::<Vec<_>>().join(" | ");
    }
    if param.many {
        words.push("one or more".to_owned());
    }
    words.push(match &param.default {
        Some(default) => format!("{} when it is left out", plain(default)),
        None if param.optional => "may be left out".to_owned(),
        None => "has to be given".to_owned(),
    });
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_as_wide_as_semantic_versions_promise() {
        let version = |text: &str| Version::parse(text).expect("a version");
        assert_eq!(compatible(&version("1.2.3")).to_string(), "^1.2");
        assert_eq!(compatible(&version("0.3.1")).to_string(), "^0.3.1");
        assert_eq!(compatible(&version("2.0.0-rc.1")).to_string(), "^2.0.0-rc.1");
        assert_eq!(exactly(&version("1.2.3")).to_string(), "=1.2.3");
        for text in ["1.2.3", "0.3.1", "2.0.0-rc.1", "0.0.0"] {
            assert!(compatible(&version(text)).matches(&version(text)), "{text}");
        }
    }
}
