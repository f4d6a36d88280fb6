//! Files on a disk, seen from one folder.
//!
//! Reading is the user's choice: a workflow may name any file it likes, also outside its folder. Writing is not: an output
//! path that leaves the root is refused, so that a slip in a workflow cannot overwrite something elsewhere.
//! Paths that begin with `@modules/` are answered from the cache of this machine, so that the compiler need not know where that is.

use super::cache;
use super::trouble::{Trouble, plain_io};
use super::wildcard;
use crate::base::files::{FileError, Files, size};
use crate::compile::lock::CACHE_PREFIX;
use crate::step::{Body, Fetched, Target};
use crate::syntax::Limits;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

/// A text larger than this is not a template or a Client OS file: 8 MiB. A `.kdl` file may be written by a program, so it may be as large
/// as the reader of the language takes.
const TEXT_LIMIT: u64 = 8 << 20;
/// All files of one `Target::Folder` together: 256 MiB.
const FOLDER_LIMIT: u64 = 256 << 20;
/// Folders below one another; deeper is taken for a circle of mounts or links.
const DEPTH_LIMIT: usize = 32;

/// The files below a folder.
#[derive(Clone, Debug)]
pub struct DiskFiles {
    root: PathBuf,
    text_limit: u64,
    kdl_limit: u64,
    /// Where modules are kept, when it is not [`cache::cache_folder`].
    cache: Option<PathBuf>,
}

impl DiskFiles {
    pub fn new(root: impl Into<PathBuf>) -> DiskFiles {
        DiskFiles { root: root.into(), text_limit: TEXT_LIMIT, kdl_limit: Limits::default().size as u64, cache: None }
    }

    /// With another limit for one text, in bytes.
    pub fn with_text_limit(self, text_limit: u64) -> DiskFiles {
        DiskFiles { text_limit, kdl_limit: text_limit, ..self }
    }

    /// With another folder of modules than the one the environment names.
    pub fn with_cache(self, cache: impl Into<PathBuf>) -> DiskFiles {
        DiskFiles { cache: Some(cache.into()), ..self }
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where a path of the workflow is on disk. An absolute path stays as it is.
    pub fn place(&self, path: &str) -> PathBuf {
        if let Some(module) = path.strip_prefix(CACHE_PREFIX)
            && let Some(cache) = self.cache.clone().or_else(cache::cache_folder)
            && let Some(place) = cache::module_place(&cache, module)
        {
            return place;
        }
        here(self.root.join(path))
    }

    /// Where an output path is on disk, refused when it leaves the root. The check is on the path as written: a link that
    /// the user has put inside the root may point anywhere.
    pub fn output(&self, path: &str) -> Result<PathBuf, Trouble> {
        let inside = |place: &Path| {
            let root = normal(&self.root)?;
            let rest = place.strip_prefix(root).ok()?;
            (!rest.starts_with("..")).then_some(())
        };
        normal(&self.root.join(path)).filter(|place| inside(place).is_some()).map(here).ok_or_else(|| {
            Trouble::permanent(
                format!("the output path `{path}` leaves the folder of the workflow"),
                "write a path below the workflow's folder, such as `out/blog`; link to another place from there if you need it",
            )
        })
    }

    /// Reads one file or the matching files of a folder, at most `max_bytes` each. What is not there is `Missing`.
    pub fn fetch(&self, target: &Target, max_bytes: u64) -> Result<Fetched, Trouble> {
        match target {
            Target::File(path) => match read_limited(&self.place(path), max_bytes) {
                Ok(body) => Ok(Fetched::Content {
                    body: Body::new(body),
                    content_type: None,
                    etag: None,
                    last_modified: None,
                    place: path.clone(),
                }),
                Err(FileError::Missing) => Ok(Fetched::Missing { place: path.clone() }),
                Err(error) => Err(unreadable(path, &error)),
            },
            Target::Folder { path, glob } => self.fetch_folder(path, glob, max_bytes),
            Target::Url(url) => Err(Trouble::permanent(format!("`{url}` is not a file"), "name a file or a folder")),
        }
    }

    fn fetch_folder(&self, path: &str, glob: &str, max_bytes: u64) -> Result<Fetched, Trouble> {
        let place = self.place(path);
        match fs::metadata(&place) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Fetched::Missing { place: path.to_owned() }),
            Err(error) => return Err(unreadable(path, &FileError::Other(plain_io(&error)))),
            Ok(metadata) if !metadata.is_dir() => {
                return Err(Trouble::permanent(
                    format!("`{path}` is a file, not a folder"),
                    "name the folder it is in, and the file as the pattern",
                ));
            }
            Ok(_) => {}
        }
        // A folder that cannot be listed must not look like an empty one.
        fs::read_dir(&place).map_err(|error| unreadable(path, &FileError::Other(plain_io(&error))))?;
        let mut entries = Vec::new();
        let mut total = 0u64;
        for name in self.list(path).into_iter().filter(|name| wildcard::matches(glob, name)) {
            let file = format!("{}/{name}", path.trim_end_matches('/'));
            let body = read_limited(&place.join(&name), max_bytes).map_err(|error| unreadable(&file, &error))?;
            total += body.len() as u64;
            if total > FOLDER_LIMIT {
                return Err(Trouble::permanent(
                    format!("the files `{glob}` of `{path}` are larger than {} together", size(FOLDER_LIMIT)),
                    "use a narrower pattern, or several steps",
                ));
            }
            entries.push((name, Body::new(body)));
        }
        Ok(Fetched::Entries(entries))
    }
}

impl Files for DiskFiles {
    fn text(&self, path: &str) -> Result<Arc<str>, FileError> {
        let limit = if path.ends_with(".kdl") { self.kdl_limit } else { self.text_limit };
        let bytes = read_limited(&self.place(path), limit)?;
        let text = String::from_utf8(bytes).map_err(|_| FileError::NotText)?;
        Ok(Arc::from(text))
    }

    fn exists(&self, path: &str) -> bool {
        self.place(path).exists()
    }

    /// Names that begin with a dot are left out: editors and version control keep their own things there. Links to files are
    /// followed, links to folders are not.
    fn list(&self, folder: &str) -> Vec<String> {
        let mut names = Vec::new();
        let mut open = vec![(self.place(folder), String::new(), 0)];
        while let Some((place, prefix, depth)) = open.pop() {
            for entry in fs::read_dir(place).into_iter().flatten().flatten() {
                // A name that is not Unicode cannot be written in a workflow or a journal.
                let Ok(name) = entry.file_name().into_string() else { continue };
                if name.starts_with('.') {
                    continue;
                }
                let name = format!("{prefix}{name}");
                match entry.file_type() {
                    Ok(kind) if kind.is_dir() && depth < DEPTH_LIMIT => {
                        open.push((entry.path(), format!("{name}/"), depth + 1));
                    }
                    Ok(kind) if kind.is_file() || entry.path().is_file() => names.push(name),
                    _ => {}
                }
            }
        }
        names.sort();
        names
    }
}

/// Reads at most `limit` bytes. The limit holds for what is read, not for what the size says: a pipe or a growing file has no size.
fn read_limited(place: &Path, limit: u64) -> Result<Vec<u8>, FileError> {
    let error = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => FileError::Missing,
        _ => FileError::Other(plain_io(&error)),
    };
    // Opening a pipe would wait for a writer for ever.
    let metadata = fs::metadata(place).map_err(error)?;
    if metadata.is_dir() {
        return Err(FileError::Other("it is a folder".to_owned()));
    }
    if !metadata.is_file() {
        return Err(FileError::Other("it is not a regular file".to_owned()));
    }
    if metadata.len() > limit {
        return Err(FileError::TooLarge(limit));
    }
    let mut bytes = Vec::with_capacity(metadata.len() as usize);
    File::open(place).map_err(error)?.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(error)?;
    if bytes.len() as u64 > limit { Err(FileError::TooLarge(limit)) } else { Ok(bytes) }
}

fn unreadable(path: &str, error: &FileError) -> Trouble {
    let help = match error {
        FileError::TooLarge(_) => format!("split `{path}`, or keep only the part that is new"),
        FileError::Other(reason) if reason == "it is a folder" => format!("name a file in `{path}`"),
        _ => format!("check that `{path}` can be read by you: `ls -l {path}`"),
    };
    Trouble::permanent(format!("cannot read `{path}`: {error}"), help)
}

/// The empty path is the working folder, which the file system wants by name.
fn here(place: PathBuf) -> PathBuf {
    if place.as_os_str().is_empty() { PathBuf::from(".") } else { place }
}

/// The path without `.` and `..`, by its letters alone; `None` when it climbs above its beginning.
fn normal(path: &Path) -> Option<PathBuf> {
    let mut parts = PathBuf::new();
    let mut depth = 0usize;
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if depth > 0 => {
                parts.pop();
                depth -= 1;
            }
            // A root given as `../site` keeps its beginning; only what comes after it may not climb.
            Component::ParentDir if parts.has_root() => return None,
            Component::ParentDir => parts.push(".."),
            Component::Normal(name) => {
                parts.push(name);
                depth += 1;
            }
            Component::RootDir | Component::Prefix(_) => parts.push(part),
        }
    }
    Some(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> (tempfile::TempDir, DiskFiles) {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in [
            ("feeds/b.xml", "b"),
            ("feeds/a.xml", "a"),
            ("feeds/deep/c.xml", "c"),
            ("feeds/notes.txt", "n"),
            ("feeds/.hidden.xml", "h"),
        ] {
            let place = folder.path().join(path);
            fs::create_dir_all(place.parent().unwrap()).unwrap();
            fs::write(place, text).unwrap();
        }
        let files = DiskFiles::new(folder.path());
        (folder, files)
    }

    fn names(files: &DiskFiles, path: &str, glob: &str) -> Vec<String> {
        let target = Target::Folder { path: path.into(), glob: glob.into() };
        match files.fetch(&target, 100).unwrap() {
            Fetched::Entries(entries) => entries.into_iter().map(|(name, _)| name).collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn folders_are_read_in_name_order() {
        let (_folder, files) = folder();
        assert_eq!(names(&files, "feeds", "*.xml"), ["a.xml", "b.xml"]);
        assert_eq!(names(&files, "feeds/", "**/*.xml"), ["a.xml", "b.xml", "deep/c.xml"]);
        assert!(names(&files, "feeds", "*.csv").is_empty());
        assert_eq!(files.list("feeds"), ["a.xml", "b.xml", "deep/c.xml", "notes.txt"]);
        assert!(files.list("nowhere").is_empty());
    }

    #[test]
    fn what_is_not_there_is_missing_not_a_failure() {
        let (_folder, files) = folder();
        for target in [Target::File("none.csv".into()), Target::Folder { path: "none".into(), glob: "*".into() }] {
            assert!(matches!(files.fetch(&target, 100), Ok(Fetched::Missing { .. })), "{target:?}");
        }
        assert_eq!(files.text("none.md"), Err(FileError::Missing));
    }

    #[test]
    fn what_cannot_be_read_says_why_and_what_to_do() {
        let (folder, files) = folder();
        fs::write(folder.path().join("large.csv"), "x".repeat(101)).unwrap();
        for (target, message, help) in [
            (Target::File("large.csv".into()), "cannot read `large.csv`: it is larger than 100 bytes", "split"),
            (Target::File("feeds".into()), "cannot read `feeds`: it is a folder", "name a file in `feeds`"),
            (
                Target::Folder { path: "feeds/a.xml".into(), glob: "*".into() },
                "`feeds/a.xml` is a file, not a folder",
                "name the folder",
            ),
            (
                Target::File("feeds/a.xml/x".into()),
                "cannot read `feeds/a.xml/x`: a part of the path is a file, not a folder",
                "ls -l",
            ),
        ] {
            let trouble = files.fetch(&target, 100).unwrap_err();
            assert_eq!(trouble.message, message);
            assert!(trouble.help.contains(help), "{}", trouble.help);
        }
        fs::write(folder.path().join("latin.md"), b"caf\xe9").unwrap();
        assert_eq!(files.text("latin.md"), Err(FileError::NotText));
        assert_eq!(files.clone().with_text_limit(0).text("feeds/a.xml"), Err(FileError::TooLarge(0)));
    }

    #[test]
    fn modules_are_read_from_the_cache() {
        let (folder, files) = folder();
        let digest = "0".repeat(64);
        let module = folder.path().join("cache/modules").join(&digest);
        fs::create_dir_all(&module).unwrap();
        fs::write(module.join("module.kdl"), "module").unwrap();
        let files = files.with_cache(folder.path().join("cache"));
        assert_eq!(files.text(&format!("@modules/{digest}/module.kdl")).as_deref(), Ok("module"));
        assert_eq!(files.list(&format!("@modules/{digest}")), ["module.kdl"]);
        assert!(files.exists(&format!("@modules/{digest}")));
        assert_eq!(files.text(&format!("@modules/{digest}/../../../feeds/a.xml")), Err(FileError::Missing));
        assert_eq!(files.text("@modules/none/module.kdl"), Err(FileError::Missing));
    }

    #[test]
    fn reading_may_leave_the_root_and_writing_may_not() {
        let (folder, _) = folder();
        let files = DiskFiles::new(folder.path().join("feeds"));
        assert_eq!(files.text("../feeds/a.xml").as_deref(), Ok("a"));
        assert_eq!(files.output("out/../out/blog").unwrap(), folder.path().join("feeds/out/blog"));
        assert!(files.output("..").is_err());
        assert!(files.output("out/../../elsewhere").is_err());
        assert!(files.output("/etc/loopctl").is_err());
        assert!(files.output(&folder.path().join("feeds/out").to_string_lossy()).is_ok());
        // A root that is itself relative and climbs.
        let files = DiskFiles::new("../site");
        assert_eq!(files.output("blog").unwrap(), PathBuf::from("../site/blog"));
        assert!(files.output("../other").is_err());
        assert!(files.output("../../..").is_err());
        // The working folder.
        assert_eq!(DiskFiles::new("").output("blog").unwrap(), PathBuf::from("blog"));
        assert_eq!(DiskFiles::new(".").output("./blog").unwrap(), PathBuf::from("blog"));
        assert_eq!(DiskFiles::new("").output(".").unwrap(), PathBuf::from("."));
        assert!(DiskFiles::new("").output("../blog").is_err());
        assert!(DiskFiles::new("").exists("") && !DiskFiles::new("").list("src").is_empty());
    }
}
