//! Modules that are made of other modules: everything that is needed, each module once.
//!
//! A module says in its `use` lines which others it is made of, within which range, and where they come from. All of them are looked for
//! together: a module that several ask for gets one version, the highest within all ranges. What suits not everybody is a conflict that
//! names who wants what; nothing is guessed and no older version of the asking module is tried in its place. A module that a workflow uses
//! itself comes from where the workflow took it, whatever others say.

use super::error::Error;
use super::fetch::{Fetched, Fetcher, origin_of};
use super::interface::Need;
use super::source::{Choice, Details, Origin, Wish};
use super::tree::ModuleTree;
use super::vendor::at_hand;
use crate::base::InOrder;
use crate::compile::lock::{LOCK_FILE, Lock, Locked, LockedSource, Reference, vendor_path};
use semver::VersionReq;
use std::collections::{BTreeMap, BTreeSet};

/// Modules in one lock.
const MODULES_MOST: usize = 200;
/// Each round settles one module or gives one another version; what needs more goes around in circles.
const ROUNDS_MOST: usize = 4 * MODULES_MOST;

/// A module that was chosen.
#[derive(Clone, Debug)]
pub struct Piece {
    pub locked: Locked,
    /// Its files and what it says, when it was fetched just now and not taken from the lock.
    pub fetched: Option<Fetched>,
}

impl Piece {
    /// One that was fetched for these ranges.
    pub fn fetched(fetched: Fetched, wanted: VersionReq) -> Piece {
        Piece { locked: fetched.locked(wanted), fetched: Some(fetched) }
    }

    /// One that stays as it is locked.
    pub fn kept(locked: &Locked) -> Piece {
        Piece { locked: locked.clone(), fetched: None }
    }
}

/// Somebody who wants a module.
#[derive(Clone, Debug)]
struct Want {
    by: String,
    wanted: VersionReq,
    origin: Option<Origin>,
}

/// Everything that `roots` are made of, themselves included.
///
/// `roots` are the modules that workflows use, each with the range that they say together. What `lock` holds stays as it is while it suits
/// everybody, unless `renew` says that it is to be looked for again.
///
/// # Errors
/// When something cannot be had, no version suits everybody, two modules name different places for a third, modules are made of each other,
/// or one has mistakes.
pub fn close(
    fetcher: &Fetcher<'_>,
    lock: &Lock,
    roots: BTreeMap<String, (Piece, VersionReq)>,
    renew: impl Fn(&str) -> bool,
) -> Result<BTreeMap<String, Piece>, Error> {
    let ranges: BTreeMap<String, VersionReq> = roots.iter().map(|(name, (_, wanted))| (name.clone(), wanted.clone())).collect();
    let mut chosen: BTreeMap<String, Piece> = roots.into_iter().map(|(name, (piece, _))| (name, piece)).collect();
    for _ in 0..ROUNDS_MOST {
        let wants = wants(&chosen, &ranges)?;
        chosen.retain(|name, _| ranges.contains_key(name) || wants.contains_key(name));
        let unmet = wants.iter().find(|(name, wants)| {
            let suits = |piece: &Piece| wants.iter().all(|want| want.wanted.matches(&piece.locked.version));
            !chosen.get(*name).is_some_and(suits)
        });
        let Some((name, wants)) = unmet else {
            acyclic(&chosen)?;
            sound(fetcher, &chosen)?;
            return Ok(chosen);
        };
        if chosen.len() >= MODULES_MOST {
            let help = "a module is worth having when it is used; take some of them out";
            return Err(Error::new("packages::conflict", format!("more than {MODULES_MOST} modules are needed"), help));
        }
        let own = ranges.get(name).zip(chosen.get(name));
        let piece = found(fetcher, lock, name, wants, own, &renew)?;
        chosen.insert(name.clone(), piece);
    }
    let names: Vec<String> = chosen.keys().map(|name| format!("`{name}`")).collect();
    let message = format!("no versions of {} suit each other", names.join(", "));
    Err(Error::new("packages::conflict", message, "ask for one version of each where you use them"))
}

/// Who wants what, as far as the chosen ones say it and are needed themselves.
fn wants(chosen: &BTreeMap<String, Piece>, roots: &BTreeMap<String, VersionReq>) -> Result<BTreeMap<String, Vec<Want>>, Error> {
    let mut wants: BTreeMap<String, Vec<Want>> = BTreeMap::new();
    let mut waiting: Vec<&String> = roots.keys().collect();
    let mut seen: BTreeSet<&String> = waiting.iter().copied().collect();
    while let Some(name) = waiting.pop() {
        let Some((name, piece)) = chosen.get_key_value(name) else { continue };
        let by = format!("`{name}` {}", piece.locked.version);
        match &piece.fetched {
            Some(fetched) => {
                for need in &fetched.interface.needs {
                    let origin = origin(need, &fetched.source, name)?;
                    let want = Want { by: by.clone(), wanted: need.wanted.clone(), origin };
                    wants.entry(need.module.clone()).or_default().push(want);
                }
            }
            None => {
                for (module, wanted) in &piece.locked.needs {
                    let want = Want { by: by.clone(), wanted: wanted.clone(), origin: None };
                    wants.entry(module.clone()).or_default().push(want);
                }
            }
        }
        for module in piece.locked.needs.keys() {
            if seen.insert(module) {
                waiting.push(module);
            }
        }
    }
    for (_, wants) in wants.iter_mut() {
        wants.order_by(|one, other| one.by.cmp(&other.by));
    }
    Ok(wants)
}

/// A version of a module that suits everybody.
fn found(
    fetcher: &Fetcher<'_>,
    lock: &Lock,
    name: &str,
    wants: &[Want],
    own: Option<(&VersionReq, &Piece)>,
    renew: &impl Fn(&str) -> bool,
) -> Result<Piece, Error> {
    let mut all: Vec<(&str, &VersionReq)> = wants.iter().map(|want| (want.by.as_str(), &want.wanted)).collect();
    all.extend(own.map(|(wanted, _)| ("the workflow", wanted)));
    let mut comparators = Vec::new();
    for comparator in all.iter().flat_map(|(_, wanted)| &wanted.comparators) {
        if !comparators.contains(comparator) {
            comparators.push(comparator.clone());
        }
    }
    let together = VersionReq { comparators };
    let locked = lock.modules.get(name);
    if let Some(locked) = locked
        && together.matches(&locked.version)
        && !renew(name)
    {
        return Ok(Piece { locked: Locked { wanted: together, ..locked.clone() }, fetched: None });
    }
    let origin = match own {
        // What a workflow uses comes from where it was added.
        Some((_, piece)) => origin_of(&piece.locked),
        None => place(name, wants, locked)?,
    };
    let fetched = fetcher.fetch(&origin, Some(&together)).map_err(|error| match (error.code, all.len()) {
        ("packages::no-fitting-version", 2..) => {
            let lines: Vec<String> = all.iter().map(|(by, wanted)| format!("\n    {by} wants {wanted}")).collect();
            let help = format!("there is one version of each module: {}; `loopctl update` looks again", error.message);
            Error::new("packages::conflict", format!("no version of `{name}` suits everybody{}", lines.concat()), help)
        }
        _ => Error { message: format!("{}, which {} is made of", error.message, all[0].0), ..error },
    })?;
    if fetched.interface.name != name {
        let message =
            format!("{} is made of `{name}`, and where it says that comes from is `{}`", all[0].0, fetched.interface.name);
        return Err(Error::not_a_module(message, "tell its author"));
    }
    Ok(Piece::fetched(fetched, together))
}

/// The one place that a module comes from.
fn place(name: &str, wants: &[Want], locked: Option<&Locked>) -> Result<Origin, Error> {
    let named: Vec<(&str, &Origin)> = wants.iter().filter_map(|want| Some((want.by.as_str(), want.origin.as_ref()?))).collect();
    match (named.first(), locked) {
        (Some((by, origin)), _) => {
            if let Some((other, there)) = named.iter().find(|(_, other)| !is_same_place(origin, other)) {
                let message = format!(
                    "`{name}` would come from two places\n    {by} takes it from {}\n    {other} takes it from {}",
                    shown(origin),
                    shown(there)
                );
                let help = "`loopctl add` the one that you trust: what a workflow uses itself counts";
                return Err(Error::new("packages::conflict", message, help));
            }
            Ok((*origin).clone())
        }
        (None, Some(locked)) => Ok(origin_of(locked)),
        (None, None) => {
            let by = wants.first().map_or("a module", |want| want.by.as_str());
            let message = format!("{by} is made of `{name}` and does not say where that comes from");
            Err(Error::bad_source(message, format!("`loopctl add` the source of `{name}` first, and then this one")))
        }
    }
}

/// Whether two origins are one place, whichever version of it.
fn is_same_place(one: &Origin, other: &Origin) -> bool {
    match (one, other) {
        (Origin::Path { dir: one }, Origin::Path { dir: other }) => one == other,
        (Origin::Git { url: one, dir: within, .. }, Origin::Git { url: other, dir: inside, .. }) => {
            (one, within) == (other, inside)
        }
        // The end of an archive's address is its version as well.
        (Origin::Archive { url: one, dir: within, .. }, Origin::Archive { url: other, dir: inside, .. }) => {
            let folder = |url: &str| url.rsplit_once('/').map_or(String::new(), |(folder, _)| folder.to_owned());
            (folder(one), within) == (folder(other), inside)
        }
        _ => false,
    }
}

fn shown(origin: &Origin) -> String {
    match origin {
        Origin::Path { dir } => format!("the folder {dir}"),
        Origin::Git { url, .. } | Origin::Archive { url, .. } => url.clone(),
    }
}

/// Where a module says that another one comes from. `None` when it does not say it.
///
/// # Errors
/// When that is no source, or one that a module from elsewhere may not name: a folder or file of this machine.
pub fn origin(need: &Need, parent: &LockedSource, name: &str) -> Result<Option<Origin>, Error> {
    let Some(from) = &need.from else { return Ok(None) };
    let refused = |why: &str| {
        let message = format!("`{name}` says that `{}` comes from `{from}`: {why}", need.module);
        Error::bad_source(message, "its author has to write an address, or a path within the same repository or archive")
    };
    if from.starts_with("./") || from.starts_with("../") {
        let from = &need.dir.as_ref().map_or(from.clone(), |dir| format!("{from}/{dir}"));
        let below =
            |dir: Option<&str>| climbed(dir.unwrap_or(""), from).ok_or_else(|| refused("the path climbs out of the source"));
        let within = |folder: String| (!folder.is_empty()).then_some(folder);
        return Ok(Some(match parent {
            LockedSource::Path { dir } => Origin::Path { dir: beside(dir, from) },
            LockedSource::Git { url, revision, dir, .. } => Origin::Git {
                url: url.clone(),
                choice: Choice::Named(Reference::Rev(revision.clone())),
                dir: within(below(dir.as_deref())?),
            },
            LockedSource::Archive { url, archive_sha256, dir } => {
                Origin::Archive { url: url.clone(), sha256: Some(archive_sha256.clone()), dir: within(below(dir.as_deref())?) }
            }
        }));
    }
    let wish = Wish::parse(from, &Details { dir: need.dir.clone(), ..Details::default() }, |_| false);
    let wish = wish.map_err(|error| refused(&error.message))?;
    if wish.range.is_some() {
        return Err(refused("the range stands behind the module's name"));
    }
    let is_local = |url: &str| url.starts_with("file:") || !(url.contains("://") || url.contains('@'));
    let parent_is_local = match parent {
        LockedSource::Path { .. } => true,
        LockedSource::Git { url, .. } | LockedSource::Archive { url, .. } => is_local(url),
    };
    match &wish.origin {
        Origin::Git { url, .. } | Origin::Archive { url, .. } if is_local(url) && !parent_is_local => {
            Err(refused("that is a place on this machine"))
        }
        _ => Ok(Some(wish.origin)),
    }
}

/// A path from a folder of a source; `None` when it climbs out.
fn climbed(dir: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = dir.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// A path from a folder of this machine, which may climb as it likes.
fn beside(dir: &str, path: &str) -> String {
    let mut parts: Vec<&str> = dir.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    let whole = parts.join("/");
    match dir.starts_with('/') {
        true => format!("/{whole}"),
        false if whole.is_empty() => ".".to_owned(),
        false => whole,
    }
}

/// Modules that are made of each other can never be expanded.
fn acyclic(chosen: &BTreeMap<String, Piece>) -> Result<(), Error> {
    let mut done: BTreeSet<&str> = BTreeSet::new();
    for start in chosen.keys() {
        // The way down to where we are, and what is still to be looked at on each step of it.
        let mut path: Vec<(&str, Vec<&str>)> = Vec::new();
        let mut next = Some(start.as_str());
        loop {
            if let Some(name) = next.take() {
                if let Some(at) = path.iter().position(|(open, _)| *open == name) {
                    let circle = path[at..].iter().map(|(name, _)| *name).chain([name]);
                    let circle: Vec<String> = circle.map(|name| format!("`{name}`")).collect();
                    let message = format!("modules are made of each other: {}", circle.join(" → "));
                    let help = "their authors have to take what both need into a module of its own";
                    return Err(Error::new("loop::recursive-module", message, help));
                }
                if !done.contains(name) {
                    let needs = chosen.get(name).map(|piece| piece.locked.needs.keys().map(String::as_str).collect());
                    path.push((name, needs.unwrap_or_default()));
                }
            }
            let Some((name, waiting)) = path.last_mut() else { break };
            match waiting.pop() {
                Some(below) => next = Some(below),
                None => {
                    done.insert(name);
                    path.pop();
                }
            }
        }
    }
    Ok(())
}

/// Looks at every module that was fetched and is made of others, with those beside it.
fn sound(fetcher: &Fetcher<'_>, chosen: &BTreeMap<String, Piece>) -> Result<(), Error> {
    let mut around: Option<Vec<(String, String)>> = None;
    for fetched in
        chosen.values().filter_map(|piece| piece.fetched.as_ref()).filter(|fetched| !fetched.interface.needs.is_empty())
    {
        let around = match &around {
            Some(around) => around.clone(),
            None => around.insert(beside_each_other(fetcher, chosen)?).clone(),
        };
        fetcher.sound(&fetched.tree, &fetched.interface, &fetched.source, around)?;
    }
    Ok(())
}

/// The chosen modules as a folder would hold them: each below `vendor/`, and the lock.
fn beside_each_other(fetcher: &Fetcher<'_>, chosen: &BTreeMap<String, Piece>) -> Result<Vec<(String, String)>, Error> {
    let lock = Lock { modules: chosen.iter().map(|(name, piece)| (name.clone(), piece.locked.clone())).collect() };
    let mut files = vec![(LOCK_FILE.to_owned(), lock.write())];
    for (name, piece) in chosen {
        let tree = tree(fetcher, name, piece)?;
        for (path, bytes) in tree.iter() {
            if let Ok(text) = std::str::from_utf8(bytes) {
                files.push((format!("{}/{path}", vendor_path(name)), text.to_owned()));
            }
        }
    }
    Ok(files)
}

/// The files of a chosen module.
///
/// # Errors
/// When one that stays as it is locked is not here and cannot be fetched.
pub fn tree(fetcher: &Fetcher<'_>, name: &str, piece: &Piece) -> Result<ModuleTree, Error> {
    match &piece.fetched {
        Some(fetched) => Ok(fetched.tree.clone()),
        None => at_hand(fetcher, name, &piece.locked).map(|(tree, _)| tree),
    }
}

/// The locked modules that nobody asks for any more: neither a workflow (`used`) nor one that stays.
pub fn idle(lock: &Lock, used: impl Fn(&str) -> bool, needed_before: &BTreeSet<String>) -> Vec<String> {
    let mut gone: BTreeSet<String> = BTreeSet::new();
    loop {
        let needed =
            |name: &String| lock.modules.iter().any(|(other, locked)| !gone.contains(other) && locked.needs.contains_key(name));
        let next = lock
            .modules
            .keys()
            .find(|name| !gone.contains(*name) && needed_before.contains(*name) && !used(name) && !needed(name));
        match next {
            Some(name) => drop(gone.insert(name.clone())),
            None => return gone.into_iter().collect(),
        }
    }
}

/// The names of all modules that locked modules are made of.
pub fn needed(lock: &Lock) -> BTreeSet<String> {
    lock.modules.values().flat_map(|locked| locked.needs.keys().cloned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn need(from: &str) -> Need {
        Need { module: "acme/words".into(), wanted: VersionReq::STAR, from: Some(from.into()), dir: None }
    }

    fn git(url: &str, dir: Option<&str>) -> LockedSource {
        let reference = Reference::Tag("v1.0.0".into());
        LockedSource::Git { url: url.into(), reference, revision: "c".repeat(40), dir: dir.map(str::to_owned) }
    }

    #[test]
    fn a_path_stays_within_the_source_that_the_module_came_from() {
        let of = |parent: &LockedSource, from: &str| match origin(&need(from), parent, "acme/voice") {
            Ok(Some(Origin::Git { url, dir, .. })) => format!("git {url} {}", dir.unwrap_or_default()),
            Ok(Some(Origin::Path { dir })) => format!("path {dir}"),
            Ok(Some(Origin::Archive { url, dir, .. })) => format!("archive {url} {}", dir.unwrap_or_default()),
            Ok(None) => "nowhere".into(),
            Err(error) => error.message,
        };
        let web = git("https://example.com/a.git", Some("modules/voice"));
        assert_eq!(of(&web, "../words"), "git https://example.com/a.git modules/words");
        assert_eq!(of(&web, "../.."), "git https://example.com/a.git ");
        assert_eq!(of(&web, "https://example.com/w.git"), "git https://example.com/w.git ");
        assert_eq!(of(&web, "https://example.com/w.tar.gz"), "archive https://example.com/w.tar.gz ");
        for (from, why) in [
            ("../../../words", "climbs out"),
            ("file:///etc", "a place on this machine"),
            ("words.tar.gz", "a place on this machine"),
            ("/etc", "is no folder"),
            ("https://example.com/w.git@^1", "the range stands behind"),
            ("https://ann:secret@example.com/w.git", "password"),
        ] {
            assert!(of(&web, from).contains(why), "{from}: {}", of(&web, from));
        }
        let folder = LockedSource::Path { dir: "modules/voice".into() };
        assert_eq!(of(&folder, "../words"), "path modules/words");
        assert_eq!(of(&folder, "../../../words"), "path ../words");
        assert_eq!(of(&LockedSource::Path { dir: "/srv/voice".into() }, "../words"), "path /srv/words");
        let archive = LockedSource::Archive { url: "u".into(), archive_sha256: "ab".repeat(32), dir: Some("voice".into()) };
        assert_eq!(of(&archive, "../words"), "archive u words");
    }

    #[test]
    fn what_only_a_removed_module_needed_goes_with_it_and_the_rest_stays() {
        let locked = |needs: &[&str]| Locked {
            version: semver::Version::new(1, 0, 0),
            sha256: "ab".repeat(32),
            wanted: VersionReq::STAR,
            source: LockedSource::Path { dir: ".".into() },
            needs: needs.iter().map(|name| ((*name).to_owned(), VersionReq::STAR)).collect(),
            span: crate::diag::Span::default(),
        };
        let before = Lock {
            modules: BTreeMap::from([
                ("a/voice".to_owned(), locked(&["a/words", "a/rank"])),
                ("a/words".to_owned(), locked(&["a/list"])),
                ("a/list".to_owned(), locked(&[])),
                ("a/rank".to_owned(), locked(&[])),
                ("a/own".to_owned(), locked(&[])),
            ]),
        };
        let mut after = before.clone();
        after.modules.remove("a/voice");
        assert_eq!(idle(&after, |name| name == "a/rank", &needed(&before)), ["a/list", "a/words"]);
        assert!(idle(&before, |name| name == "a/voice", &needed(&before)).is_empty());
    }
}
