//! What the commands about modules share: the lock beside a workflow, the cache, the web, and the workflows that use a module.

use super::exit::{Exit, Failure};
use super::project;
use super::rewrite::{create, replace};
use crate::compile::lock::{LOCK_FILE, Lock, Locked};
use crate::diag::{Diagnostic, Sources};
use crate::packages::closure::{self, Piece};
use crate::packages::edit::{Use, uses};
use crate::packages::fetch::{Downloads, Fetched, Fetcher};
use crate::packages::keep::{Cache, Holding};
use crate::packages::vendor::{replaceable, vendor, vendored_at};
use crate::packages::{self};
use crate::workspace::{Findings, find_all};
use crate::world::web::Web;
use crate::world::{SystemClock, WebSettings, cache_folder, download};
use semver::VersionReq;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

/// The modules of the workflows in one folder.
pub struct Modules {
    /// As the user would type it; `.` for here.
    pub folder: PathBuf,
    pub lock: Lock,
    /// The text of the lock as it was read; `None` when there is none yet.
    before: Option<String>,
    pub cache: Cache,
    web: WebDoor,
}

/// A workflow beside the lock.
pub struct Beside {
    pub path: PathBuf,
    pub text: String,
    /// The modules it uses that can be locked; empty when it cannot be read.
    pub uses: Vec<Use>,
}

impl Modules {
    /// The lock beside this workflow, else the only lock here or in `workflows/`, else the place where that would be.
    pub fn open(workflow: Option<&Path>) -> Result<Modules, Failure> {
        let folder = match workflow {
            Some(file) if !file.exists() => {
                return Err(Failure::new("cli::no-such-file", format!("cannot read `{}`: no such file", file.display()))
                    .help("check the path, or start with `loopctl init my-loop`"));
            }
            Some(file) => project::split_path(file).0,
            None => {
                let locked: Vec<&str> =
                    [".", "workflows"].into_iter().filter(|folder| Path::new(folder).join(LOCK_FILE).exists()).collect();
                match locked.as_slice() {
                    [one] => PathBuf::from(one),
                    _ => project::split_path(&project::find(None)?).0,
                }
            }
        };
        let path = folder.join(LOCK_FILE);
        let before = match fs::read_to_string(&path) {
            Ok(text) => Some(text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                return Err(Failure::new("cli::cannot-read", format!("cannot read `{}`: {error}", path.display()))
                    .help("check that it is a text file and that you may read it"));
            }
        };
        let mut lock = Lock::default();
        if let Some(text) = &before {
            let mut sources = Sources::default();
            let file = sources.add(shown(&path), text.as_str());
            let (read, diagnostics) = Lock::read(file, text);
            if diagnostics.iter().any(Diagnostic::is_error) {
                return Err(Failure::new("lock::broken-lock", format!("`{}` cannot be used", shown(&path)))
                    .help("take it from version control; `loopctl explain lock::broken-lock` tells more")
                    .exit(Exit::InvalidWorkflow)
                    .with(Findings { sources, diagnostics }));
            }
            lock = read;
        }
        let Some(cache) = cache_folder() else {
            return Err(Failure::new("packages::unwritable", "there is no folder to keep modules in")
                .help("set LOOPCTL_CACHE to a folder, or HOME to your own"));
        };
        Ok(Modules { folder, lock, before, cache: Cache::new(cache), web: WebDoor })
    }

    pub fn fetcher(&self) -> Fetcher<'_> {
        Fetcher { folder: &self.folder, cache: &self.cache, downloads: &self.web, registry: crate::builtin::registry() }
    }

    /// The lock file as the user would type it.
    pub fn lock_path(&self) -> String {
        shown(&self.folder.join(LOCK_FILE))
    }

    /// Writes the lock when it says something else than before. It is replaced as a whole or not at all.
    pub fn save(&mut self) -> Result<bool, Failure> {
        let text = self.lock.write();
        let path = self.folder.join(LOCK_FILE);
        match &self.before {
            Some(before) if *before == text => return Ok(false),
            None if self.lock.modules.is_empty() => return Ok(false),
            Some(before) => replace(&path, before, &text)?,
            None => create(&path, &text)?,
        }
        self.before = Some(text);
        Ok(true)
    }

    /// Every workflow that shares this lock.
    pub fn workflows(&self) -> Vec<Beside> {
        let beside = find_all(&self.folder).into_iter().filter(|path| same_folder(&project::split_path(path).0, &self.folder));
        beside
            .filter_map(|path| {
                let text = fs::read_to_string(&path).ok()?;
                let uses = uses(&text).map(|(uses, _)| uses).unwrap_or_default();
                Some(Beside { path, text, uses })
            })
            .collect()
    }

    /// The locked module that a person names: `acme/voice`, `voice`, or what a workflow calls it.
    pub fn named(&self, name: &str) -> Result<String, Failure> {
        if self.lock.modules.contains_key(name) {
            return Ok(name.to_owned());
        }
        let called = self
            .workflows()
            .into_iter()
            .flat_map(|beside| beside.uses)
            .find(|found| found.alias == name)
            .map(|found| found.module);
        let called = called.filter(|module| self.lock.modules.contains_key(module));
        let short: Vec<&String> = self.lock.modules.keys().filter(|module| module.rsplit('/').next() == Some(name)).collect();
        match (called, short.as_slice()) {
            (Some(module), _) => Ok(module),
            (None, [one]) => Ok((*one).clone()),
            _ => {
                let known: Vec<&str> = self.lock.modules.keys().map(String::as_str).collect();
                let help = match (crate::diag::nearest(name, known.iter().copied()), known.is_empty()) {
                    (Some(near), _) => format!("did you mean `{near}`?"),
                    (None, true) => "nothing is locked yet; `loopctl add` brings a module in".to_owned(),
                    (None, false) => format!("locked are {}", known.join(", ")),
                };
                Err(Failure::new("packages::not-locked", format!("`{name}` is not locked in `{}`", self.lock_path())).help(help))
            }
        }
    }

    /// Which versions of a module are wanted: what all workflows beside the lock say together, else what the lock says.
    pub fn wanted(&self, module: &str, locked: &Locked) -> VersionReq {
        let mut comparators = Vec::new();
        let mut said = false;
        for wanted in self
            .workflows()
            .iter()
            .flat_map(|beside| &beside.uses)
            .filter(|found| found.module == module)
            .filter_map(|found| found.wanted.clone())
        {
            said = true;
            for comparator in wanted.comparators {
                if !comparators.contains(&comparator) {
                    comparators.push(comparator);
                }
            }
        }
        if said { VersionReq { comparators } } else { locked.wanted.clone() }
    }

    /// The locked modules that workflows use, and those that nothing needs: not the ones that are here only because others are made of them.
    pub fn roots(&self) -> BTreeSet<String> {
        let needed = closure::needed(&self.lock);
        let workflows = self.workflows();
        let used: BTreeSet<&str> = workflows.iter().flat_map(|beside| &beside.uses).map(|found| found.module.as_str()).collect();
        let names = self.lock.modules.keys();
        names.filter(|name| used.contains(name.as_str()) || !needed.contains(*name)).cloned().collect()
    }

    /// Everything that the lock has to hold once it holds these: what workflows use, and what that is made of. What is in the lock stays
    /// as it is while it suits everybody, unless it is to be looked for again.
    pub fn closed(
        &self,
        fresh: Vec<(String, Fetched, VersionReq)>,
        renew: impl Fn(&str) -> bool,
    ) -> Result<BTreeMap<String, Piece>, packages::Error> {
        let mut roots: BTreeMap<String, (Piece, VersionReq)> = BTreeMap::new();
        for name in self.roots() {
            if let Some(locked) = self.lock.modules.get(&name) {
                roots.insert(name.clone(), (Piece::kept(locked), self.wanted(&name, locked)));
            }
        }
        for (name, fetched, wanted) in fresh {
            roots.insert(name, (Piece::fetched(fetched, wanted.clone()), wanted));
        }
        closure::close(&self.fetcher(), &self.lock, roots, renew)
    }

    /// Puts what was chosen into the cache and the lock, and below `vendor/` what is kept there: `vendored` says for which modules that is
    /// so although nothing lies there yet.
    pub fn take(&mut self, closed: &BTreeMap<String, Piece>, vendored: impl Fn(&str) -> bool) -> Result<(), Failure> {
        let mut beside = Vec::new();
        for (name, piece) in closed {
            // What a person has changed in `vendor/` is noticed before anything is written.
            let before = self.lock.modules.get(name);
            let same = before.is_some_and(|before| before.sha256 == piece.locked.sha256);
            if same && piece.fetched.is_none() {
                continue;
            }
            if replaceable(&self.fetcher(), name, &piece.locked, before)? != Holding::Nothing
                || before.is_none() && vendored(name)
            {
                beside.push(name);
            }
        }
        for fetched in closed.values().filter_map(|piece| piece.fetched.as_ref()) {
            self.cache.put(&fetched.tree)?;
        }
        let gone: Vec<(String, Locked)> = self
            .lock
            .modules
            .iter()
            .filter(|(name, _)| !closed.contains_key(*name))
            .map(|(name, locked)| (name.clone(), locked.clone()))
            .collect();
        self.lock.modules = closed.iter().map(|(name, piece)| (name.clone(), piece.locked.clone())).collect();
        self.save()?;
        for name in beside {
            let piece = &closed[name];
            let tree = closure::tree(&self.fetcher(), name, piece)?;
            vendor(&self.fetcher(), name, &piece.locked, &tree)?;
        }
        for (name, locked) in gone {
            self.unvendor(&name, &locked)?;
        }
        Ok(())
    }

    /// Takes a module out of `vendor/` that is not locked any more. What a person has changed there stays.
    pub fn unvendor(&self, name: &str, locked: &Locked) -> Result<Holding, Failure> {
        let place = vendored_at(&self.folder, name);
        let holding = crate::packages::keep::holding(&place, &locked.sha256);
        if holding == Holding::Whole {
            fs::remove_dir_all(&place).map_err(|error| {
                Failure::new("cli::cannot-write", format!("cannot remove `{}`: {error}", place.display()))
                    .help("remove the folder yourself and run this command again")
            })?;
            // It stays while another module of this owner is in it.
            let _ = place.parent().map(fs::remove_dir);
        }
        Ok(holding)
    }

    /// A path that the user has typed, as the lock says it: relative to its own folder, unless it is absolute.
    pub fn from_lock(&self, typed: &str) -> String {
        if Path::new(typed).is_absolute() {
            return typed.to_owned();
        }
        let full = |path: &Path| plain(&std::path::absolute(path).unwrap_or_else(|_| path.to_owned()));
        let (folder, place) = (full(&self.folder), full(Path::new(typed)));
        let shared = folder.iter().zip(&place).take_while(|(one, other)| one == other).count();
        let up = std::iter::repeat_n("..".to_owned(), folder.len() - shared);
        let parts: Vec<String> = up.chain(place[shared..].iter().cloned()).collect();
        if parts.is_empty() { ".".to_owned() } else { parts.join("/") }
    }
}

/// The parts of a path without `.` and `..`.
fn plain(path: &Path) -> Vec<String> {
    let mut parts = Vec::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                parts.pop();
            }
            Component::Normal(name) => parts.push(name.to_string_lossy().into_owned()),
            Component::Prefix(prefix) => parts.push(prefix.as_os_str().to_string_lossy().into_owned()),
            Component::CurDir | Component::RootDir => {}
        }
    }
    parts
}

fn same_folder(one: &Path, other: &Path) -> bool {
    let full = |path: &Path| plain(&std::path::absolute(path).unwrap_or_else(|_| path.to_owned()));
    full(one) == full(other)
}

/// A path as the user would type it.
pub fn shown(path: &Path) -> String {
    path.strip_prefix(".").unwrap_or(path).display().to_string()
}

/// The web for `packages`: a reactor of its own for each download, because nothing else runs in these commands.
struct WebDoor;

impl Downloads for WebDoor {
    fn get(&self, url: &str, most: u64) -> Result<Vec<u8>, packages::Error> {
        let reactor = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| {
            packages::Error::unreachable(format!("cannot start: {error}"), "free some memory or file handles and try again")
        })?;
        let web = Web::new(WebSettings::default(), Arc::new(SystemClock));
        reactor.block_on(download(&web, url, most)).map_err(|trouble| packages::Error::unreachable(trouble.message, trouble.help))
    }
}
