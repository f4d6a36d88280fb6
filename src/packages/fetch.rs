//! From an origin to files: the same steps for `add`, `update` and a machine that has a lock and no cache yet.
//!
//! What comes back is a module with a name and a version that fit; what is in it has been looked at, and nothing is written yet.

use super::archive::{ARCHIVE_MOST, read_archive};
use super::error::Error;
use super::git::Repository;
use super::interface::Interface;
use super::keep::{Cache, read_folder};
use super::source::{Choice, Origin};
use super::tree::ModuleTree;
use crate::base::files::MemoryFiles;
use crate::compile;
use crate::compile::lock::{Locked, LockedSource, MANIFEST, Reference};
use crate::diag::Span;
use crate::step::Registry;
use semver::VersionReq;
use sha2::{Digest as _, Sha256};
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

/// The door to the web, which this room does not have.
pub trait Downloads {
    /// The bytes at an `http` or `https` address, at most `most` of them.
    fn get(&self, url: &str, most: u64) -> Result<Vec<u8>, Error>;
}

/// What fetching needs.
pub struct Fetcher<'a> {
    /// The folder of `loop.lock`, which paths are relative to.
    pub folder: &'a Path,
    pub cache: &'a Cache,
    pub downloads: &'a dyn Downloads,
    pub registry: &'a Registry,
}

/// A module as it is today.
#[derive(Clone, Debug)]
pub struct Fetched {
    pub tree: ModuleTree,
    pub interface: Interface,
    pub source: LockedSource,
}

impl Fetched {
    pub fn locked(&self, wanted: VersionReq) -> Locked {
        Locked {
            version: self.interface.version.clone(),
            sha256: self.tree.digest(),
            wanted,
            source: self.source.clone(),
            needs: self.interface.needs.iter().map(|need| (need.module.clone(), need.wanted.clone())).collect(),
            span: Span::default(),
        }
    }
}

impl Fetcher<'_> {
    /// The module at an origin; of several versions the highest that is wanted. Paths in `origin` are relative to the lock's folder.
    ///
    /// # Errors
    /// When it cannot be had, or has no version that is wanted.
    pub fn fetch(&self, origin: &Origin, wanted: Option<&VersionReq>) -> Result<Fetched, Error> {
        let (tree, source) = match origin {
            Origin::Path { dir } => (self.folder_of(dir)?, LockedSource::Path { dir: dir.clone() }),
            Origin::Git { url, choice, dir } => {
                let place = self.address(url);
                let repository = Repository::new(&place, &self.cache.scratch())?;
                let reference = match choice {
                    Choice::Named(reference) => reference.clone(),
                    Choice::Newest => self.newest(&repository, url, wanted)?,
                };
                let (revision, tree) = repository.module(&reference, dir.as_deref())?;
                (tree, LockedSource::Git { url: url.clone(), reference, revision, dir: dir.clone() })
            }
            Origin::Archive { url, sha256, dir } => {
                let bytes = self.archive(url)?;
                let found = sha256_of(&bytes);
                if let Some(expected) = sha256.as_ref().filter(|expected| **expected != found) {
                    return Err(Error::new(
                        "packages::checksum-mismatch",
                        format!(
                            "the archive is not the one with that checksum\n    wanted: sha256 {expected}\n    found:  sha256 {found}"
                        ),
                        "check the address; when the author has published a new archive, ask for its checksum",
                    ));
                }
                (
                    read_archive(&bytes, dir.as_deref())?,
                    LockedSource::Archive { url: url.clone(), archive_sha256: found, dir: dir.clone() },
                )
            }
        };
        let interface = Interface::of(&tree, self.registry)?;
        if interface.name.starts_with("std/") {
            let message = format!("`{}` is the name of a module that is built in", interface.name);
            let help = format!(
                "its author has to give it another name; a version of your own of the built-in one stands in `modules/{}`",
                interface.name
            );
            return Err(Error::not_a_module(message, help));
        }
        let version = &interface.version;
        // A tag is a promise about the version; a module that says another one was released by mistake.
        if let LockedSource::Git { reference: Reference::Tag(tag), .. } = &source
            && let Ok(tagged) = semver::Version::parse(tag.strip_prefix('v').unwrap_or(tag))
            && tagged != *version
        {
            let message = format!("tag `{tag}` holds `{}` with version {version}", interface.name);
            return Err(Error::not_a_module(message, "tell its author; meanwhile name another tag, or a commit with `--rev`"));
        }
        if let Some(wanted) = wanted.filter(|wanted| !wanted.matches(version)) {
            let message = format!("`{}` has version {version} there, which is not within `{wanted}`", interface.name);
            return Err(Error::new(
                "packages::no-fitting-version",
                message,
                "ask for another range, or name another version of it",
            ));
        }
        // What it is made of is not here yet; see `closure`.
        if interface.needs.is_empty() {
            self.sound(&tree, &interface, &source, Vec::new())?;
        }
        Ok(Fetched { tree, interface, source })
    }

    /// A module with mistakes could be locked and never be used, so it is not let in. `around` are the files that it finds beside its own.
    pub fn sound(
        &self,
        tree: &ModuleTree,
        interface: &Interface,
        source: &LockedSource,
        around: Vec<(String, String)>,
    ) -> Result<(), Error> {
        let own = tree.iter().filter_map(|(path, bytes)| Some((path.to_owned(), std::str::from_utf8(bytes).ok()?.to_owned())));
        let files = MemoryFiles(own.chain(around).map(|(path, text)| (path, text.into())).collect());
        let compiled = compile::compile(&files, MANIFEST, self.registry);
        let mut errors = compiled.diagnostics.iter().filter(|finding| finding.is_error());
        let Some(first) = errors.next() else { return Ok(()) };
        let place = first.span().and_then(|span| {
            let file = compiled.sources.get(span.file)?;
            Some(format!("{}:{}: ", file.name, file.position(span.start as usize).0))
        });
        let others = match errors.count() {
            0 => String::new(),
            others => format!(" (and {others} more)"),
        };
        let message = format!(
            "`{}` {} has mistakes: {}{}{others}",
            interface.name,
            interface.version,
            place.unwrap_or_default(),
            first.message
        );
        let help = match source {
            LockedSource::Path { dir } => {
                format!("mend it first: `loopctl validate {}`", self.place(dir).join(MANIFEST).display())
            }
            _ => "tell its author, or ask for another version; it may also want a newer loopctl".to_owned(),
        };
        Err(Error::not_a_module(message, help))
    }

    /// Exactly what a lock says.
    ///
    /// # Errors
    /// When it is not there any more, or is something else by now: both digests are told.
    pub fn fetch_locked(&self, module: &str, locked: &Locked) -> Result<ModuleTree, Error> {
        let help = format!(
            "somebody has changed it since it was locked; ask its owner why, and when it is right, lock it anew with `loopctl update {module}`"
        );
        let tree = match &locked.source {
            LockedSource::Path { dir } => self.folder_of(dir)?,
            LockedSource::Git { url, reference, revision, dir } => {
                let place = self.address(url);
                let repository = Repository::new(&place, &self.cache.scratch())?;
                let exactly = Reference::Rev(revision.clone());
                let fetched = repository.module(&exactly, dir.as_deref()).map_err(|error| match error.code {
                    "packages::unreachable-source" => Error {
                        help: format!(
                            "{}; or the commit is gone: {} {} may have been moved",
                            error.help,
                            reference.kind(),
                            reference.name()
                        ),
                        ..error
                    },
                    _ => error,
                })?;
                fetched.1
            }
            LockedSource::Archive { url, archive_sha256, dir } => {
                let bytes = self.archive(url)?;
                let found = sha256_of(&bytes);
                if found != *archive_sha256 {
                    return Err(Error::mismatch(module, &format!("the archive `{url}`"), archive_sha256, &found, help));
                }
                read_archive(&bytes, dir.as_deref())?
            }
        };
        let found = tree.digest();
        if found != locked.sha256 {
            return Err(Error::mismatch(module, "the source", &locked.sha256, &found, help));
        }
        Ok(tree)
    }

    fn newest(&self, repository: &Repository<'_>, url: &str, wanted: Option<&VersionReq>) -> Result<Reference, Error> {
        let versions = repository.versions()?;
        let fits = |version: &semver::Version| match wanted {
            Some(wanted) => wanted.matches(version),
            None => version.pre.is_empty(),
        };
        if let Some((_, tag)) = versions.iter().rev().find(|(version, _)| fits(version)) {
            return Ok(Reference::Tag(tag.name.clone()));
        }
        let there: Vec<String> = versions.keys().rev().take(5).map(ToString::to_string).collect();
        Err(match (versions.is_empty(), wanted) {
            (true, _) => Error::new(
                "packages::no-fitting-version",
                format!("`{url}` has no tag that is a version, such as `v1.2.3`"),
                "name what to use: `--branch main`, `--tag` or `--rev`",
            ),
            (false, Some(wanted)) => Error::new(
                "packages::no-fitting-version",
                format!("`{url}` has no version within `{wanted}`"),
                format!("it has {}; ask for another range", there.join(", ")),
            ),
            (false, None) => Error::new(
                "packages::no-fitting-version",
                format!("`{url}` has only versions that are not finished"),
                format!("ask for one of them: `{url}@={}`", there[0]),
            ),
        })
    }

    /// A path of the lock as a place on this machine.
    fn place(&self, path: &str) -> PathBuf {
        self.folder.join(path)
    }

    fn folder_of(&self, dir: &str) -> Result<ModuleTree, Error> {
        let place = self.place(dir);
        let tree = read_folder(&place)?;
        if !tree.has_manifest() {
            return Err(Error::not_a_module(format!("`{dir}` has no `{MANIFEST}`"), "name the folder that it stands in"));
        }
        Ok(tree)
    }

    /// What git is to be given: an address as it is, a folder with its full path.
    fn address(&self, url: &str) -> String {
        if url.contains("://") || (url.contains('@') && url.contains(':')) {
            return url.to_owned();
        }
        let place = self.place(url);
        let place = std::path::absolute(&place).unwrap_or(place);
        place.display().to_string()
    }

    fn archive(&self, url: &str) -> Result<Vec<u8>, Error> {
        if url.starts_with("http://") || url.starts_with("https://") {
            return self.downloads.get(url, ARCHIVE_MOST).map_err(|error| match error.message.contains("is larger than") {
                true => Error { help: "a module is small text files: check that the address leads to one".to_owned(), ..error },
                false => error,
            });
        }
        let path = url.strip_prefix("file://").unwrap_or(url);
        if path.contains("://") {
            let help = "write an address that begins with `https://`, `http://` or `file://`, or a path";
            return Err(Error::bad_source(format!("`{url}` cannot be fetched"), help));
        }
        let place = self.place(path);
        let unreadable = |error: io::Error| {
            Error::unreachable(format!("cannot read `{}`: {error}", place.display()), "check the path, and that you may read it")
        };
        let file = File::open(&place).map_err(unreadable)?;
        if !file.metadata().map_err(unreadable)?.is_file() {
            return Err(Error::unreachable(format!("`{}` is not a file", place.display()), "name the `.tar.gz`"));
        }
        let mut bytes = Vec::new();
        file.take(ARCHIVE_MOST + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        if bytes.len() as u64 > ARCHIVE_MOST {
            return Err(Error::unsafe_content(format!("`{}` is larger than {ARCHIVE_MOST} bytes", place.display())));
        }
        Ok(bytes)
    }
}

/// SHA-256 of bytes, as hexadecimal digits.
pub fn sha256_of(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The origin that a lock was made from, for looking again.
pub fn origin_of(locked: &Locked) -> Origin {
    match &locked.source {
        LockedSource::Path { dir } => Origin::Path { dir: dir.clone() },
        LockedSource::Git { url, reference, dir, .. } => {
            // A tag that is a version was found through the range, and a higher one may have come since.
            let choice = match reference {
                Reference::Tag(tag) if semver::Version::parse(tag.strip_prefix('v').unwrap_or(tag)).is_ok() => Choice::Newest,
                other => Choice::Named(other.clone()),
            };
            Origin::Git { url: url.clone(), choice, dir: dir.clone() }
        }
        LockedSource::Archive { url, dir, .. } => Origin::Archive { url: url.clone(), sha256: None, dir: dir.clone() },
    }
}
