//! The files of a workflow as they were at a revision of its git repository, read with the user's own `git`.
//!
//! Nothing is checked out: texts come out of the repository's objects one by one, as they are asked for. What git does not
//! keep (data that is ignored, modules in the cache) is taken to be as it is on the disk now.

use super::disk::DiskFiles;
use crate::base::files::{FileError, Files};
use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

/// A path leads through at most so many links.
const LINKS_MOST: usize = 40;
/// A text larger than this is no workflow, template or Client OS file: 8 MiB, as on disk.
const TEXT_LIMIT: usize = 8 << 20;

/// Why a revision cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GitError {
    #[error("cannot start `git`: {0}")]
    NoGit(String),
    #[error("`{0}` is not in a git repository")]
    NoRepository(String),
    #[error("there is no revision `{0}` in this repository")]
    NoRevision(String),
    #[error("git could not read the files of `{revision}`: {message}")]
    Failed { revision: String, message: String },
}

impl GitError {
    /// The next step for the user.
    pub fn help(&self) -> &'static str {
        match self {
            GitError::NoGit(_) => "install git, or put it on the PATH",
            GitError::NoRepository(_) => "run it inside the repository, or start one with `git init`",
            GitError::NoRevision(_) => {
                "name a branch, a tag or a commit, such as `origin/main` or `HEAD~1`; a shallow clone may not have it: \
                 `git fetch --unshallow`"
            }
            GitError::Failed { .. } => "`git fsck` tells whether the repository is whole",
        }
    }
}

/// What a name in the tree of a commit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    File,
    Link,
}

/// The files of one commit, seen from one folder of the repository.
#[derive(Debug)]
pub struct GitFiles {
    /// Where `git` is run: the folder of the workflow.
    root: PathBuf,
    /// The folder as a path from the top of the repository; empty at the top.
    prefix: String,
    commit: String,
    tree: BTreeMap<String, Kind>,
    disk: DiskFiles,
}

impl GitFiles {
    /// Looks a revision up and lists its files.
    ///
    /// # Errors
    /// When there is no git, no repository or no such revision.
    pub fn open(root: &Path, revision: &str) -> Result<GitFiles, GitError> {
        let prefix = git(root, &["rev-parse", "--show-prefix"])
            .map_err(GitError::NoGit)?
            .map_err(|_| GitError::NoRepository(root.display().to_string()))?;
        let spoken = format!("{revision}^{{commit}}");
        let commit = git(root, &["rev-parse", "--verify", "--quiet", "--end-of-options", &spoken])
            .map_err(GitError::NoGit)?
            .map_err(|_| GitError::NoRevision(revision.to_owned()))?;
        let commit = text(commit).trim().to_owned();
        let listed = git(root, &["ls-tree", "-r", "-z", "--full-tree", &commit])
            .map_err(GitError::NoGit)?
            .map_err(|message| GitError::Failed { revision: revision.to_owned(), message })?;
        let prefix = text(prefix).trim_end_matches(['\n', '\r', '/']).to_owned();
        Ok(GitFiles { root: root.to_owned(), prefix, commit, tree: tree(&text(listed)), disk: DiskFiles::new(root) })
    }

    /// All 40 digits.
    pub fn commit(&self) -> &str {
        &self.commit
    }

    /// Whether the commit has this file.
    pub fn is_kept(&self, path: &str) -> bool {
        self.inside(path).is_some_and(|place| self.tree.get(&place) == Some(&Kind::File))
    }

    /// A path of the workflow as a path from the top of the repository, with links followed; None when it leads out of it.
    fn inside(&self, path: &str) -> Option<String> {
        if path.starts_with('/') || path.starts_with('@') {
            return None;
        }
        let mut place = normal(&format!("{}/{path}", self.prefix))?;
        for _ in 0..LINKS_MOST {
            let Some((link, rest)) = self.first_link(&place) else { return Some(place) };
            let target = self.blob(&link).ok()?;
            let target = String::from_utf8(target).ok().filter(|target| !target.starts_with('/'))?;
            let folder = link.rsplit_once('/').map_or("", |(folder, _)| folder);
            place = normal(&format!("{folder}/{target}/{rest}"))?;
        }
        None
    }

    /// The first link on the way to a path, and what is left of the path behind it.
    fn first_link(&self, path: &str) -> Option<(String, String)> {
        let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
        let link = ends.map(|end| &path[..end]).find(|part| self.tree.get(*part) == Some(&Kind::Link))?;
        Some((link.to_owned(), path[link.len()..].trim_start_matches('/').to_owned()))
    }

    fn blob(&self, path: &str) -> Result<Vec<u8>, FileError> {
        let name = format!("{}:{path}", self.commit);
        match git(&self.root, &["cat-file", "blob", &name]) {
            Ok(Ok(bytes)) => Ok(bytes),
            Ok(Err(message)) | Err(message) => Err(FileError::Other(message)),
        }
    }

    fn below<'a>(&'a self, folder: &str) -> impl Iterator<Item = &'a str> {
        let folder = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        self.tree.range(folder.clone()..).map(|(path, _)| path.as_str()).take_while(move |path| path.starts_with(&folder))
    }
}

impl Files for GitFiles {
    fn text(&self, path: &str) -> Result<Arc<str>, FileError> {
        let Some(place) = self.inside(path) else { return self.disk.text(path) };
        if self.tree.get(&place) != Some(&Kind::File) {
            return Err(FileError::Missing);
        }
        let bytes = self.blob(&place)?;
        if bytes.len() > TEXT_LIMIT {
            return Err(FileError::TooLarge(TEXT_LIMIT as u64));
        }
        String::from_utf8(bytes).map(Arc::from).map_err(|_| FileError::NotText)
    }

    /// Data that git does not keep counts as there when it is there now: nobody could review it anyway.
    fn exists(&self, path: &str) -> bool {
        let kept = self.inside(path).is_some_and(|place| self.tree.contains_key(&place) || self.below(&place).next().is_some());
        kept || self.disk.exists(path)
    }

    /// Names that begin with a dot are left out, as on disk.
    fn list(&self, folder: &str) -> Vec<String> {
        let Some(place) = self.inside(folder) else { return self.disk.list(folder) };
        let from = if place.is_empty() { 0 } else { place.len() + 1 };
        let names = self.below(&place).map(|path| path[from..].to_owned());
        names.filter(|name| !name.split('/').any(|part| part.starts_with('.'))).collect()
    }
}

/// `<mode> SP <type> SP <object> TAB <path> NUL`, as `git ls-tree -z` writes it.
fn tree(listed: &str) -> BTreeMap<String, Kind> {
    let one = |line: &str| {
        let (facts, path) = line.split_once('\t')?;
        let kind = match facts.split(' ').next()? {
            "120000" => Kind::Link,
            mode if mode.starts_with("100") => Kind::File,
            _ => return None,
        };
        Some((path.to_owned(), kind))
    };
    listed.split('\0').filter_map(one).collect()
}

/// A path without `.` and `..`; None when it climbs out.
fn normal(path: &str) -> Option<String> {
    let mut parts: Vec<&str> = Vec::new();
    for part in Path::new(path.trim_start_matches('/')).components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                parts.pop()?;
            }
            Component::Normal(part) => parts.push(part.to_str()?),
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(parts.join("/"))
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Runs git. The outer error is that it cannot be started, the inner one what it complained about.
fn git(root: &Path, words: &[&str]) -> Result<Result<Vec<u8>, String>, String> {
    let ran = Command::new("git")
        .arg("-C")
        .arg(root)
        .args(words)
        // Its words are for us and its questions for nobody.
        .env("LC_ALL", "C")
        .env("GIT_TERMINAL_PROMPT", "0")
        .stdin(Stdio::null())
        .output()
        .map_err(|error| error.to_string())?;
    let complaint = || String::from_utf8_lossy(&ran.stderr).lines().next().unwrap_or("it gives no reason").to_owned();
    Ok(if ran.status.success() { Ok(ran.stdout) } else { Err(complaint()) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn run(folder: &Path, words: &[&str]) {
        let identity = ["-c", "user.name=Ann", "-c", "user.email=ann@example.com", "-c", "commit.gpgsign=false"];
        git(folder, &[&identity[..], words].concat()).unwrap().unwrap();
    }

    /// A repository whose workflow is in `site/`, with two commits.
    fn repository() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path();
        run(place, &["init", "-q"]);
        fs::create_dir_all(place.join("site/os/styles")).unwrap();
        for (path, text) in
            [("site/loop.kdl", "old"), ("site/os/brand.md", "calm"), ("site/os/.hidden", "x"), ("shared.hbs", "s")]
        {
            fs::write(place.join(path), text).unwrap();
        }
        #[cfg(unix)]
        std::os::unix::fs::symlink("../shared.hbs", place.join("site/linked.hbs")).unwrap();
        fs::write(place.join(".gitignore"), "data.csv\n").unwrap();
        fs::write(place.join("site/data.csv"), "x").unwrap();
        run(place, &["add", "-A"]);
        run(place, &["commit", "-qm", "one"]);
        fs::write(place.join("site/loop.kdl"), "new").unwrap();
        fs::write(place.join("site/os/styles/blog.md"), "short").unwrap();
        run(place, &["add", "-A"]);
        run(place, &["commit", "-qm", "two"]);
        folder
    }

    #[test]
    fn files_are_as_they_were_at_the_revision() {
        let folder = repository();
        let site = folder.path().join("site");
        let old = GitFiles::open(&site, "HEAD~1").unwrap();
        let new = GitFiles::open(&site, "HEAD").unwrap();
        assert_eq!((&*old.text("loop.kdl").unwrap(), &*new.text("loop.kdl").unwrap()), ("old", "new"));
        assert_eq!(
            (old.list("os"), new.list("os/")),
            (vec!["brand.md".to_owned()], vec!["brand.md".to_owned(), "styles/blog.md".to_owned()])
        );
        assert_eq!(old.text("os/styles/blog.md"), Err(FileError::Missing));
        assert!(old.exists("os") && old.exists("data.csv") && !old.exists("nothing.csv"));
        assert_eq!(&*old.text("../shared.hbs").unwrap(), "s");
        #[cfg(unix)]
        assert_eq!(&*old.text("linked.hbs").unwrap(), "s");
        assert_eq!(old.commit().len(), 40);
    }

    #[test]
    fn what_cannot_be_read_is_told() {
        let folder = repository();
        let revision = |revision: &str| GitFiles::open(folder.path(), revision).map(|_| ()).unwrap_err();
        for wrong in ["nowhere", "--all", "HEAD:site/loop.kdl", "", "HEAD~9"] {
            assert_eq!(revision(wrong), GitError::NoRevision(wrong.to_owned()));
        }
        let elsewhere = tempfile::tempdir().unwrap();
        assert!(matches!(GitFiles::open(elsewhere.path(), "HEAD"), Err(GitError::NoRepository(_))));
        // A path that leads out of the repository is the disk's to answer.
        assert!(GitFiles::open(folder.path(), "HEAD").unwrap().text("../../etc/nothing").is_err());
    }
}
