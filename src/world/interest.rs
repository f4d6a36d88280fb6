//! What there is to watch on a disk so that no change of some files goes unheard: which names in which folders.
//!
//! A file is exchanged by writing to it, by a new file under its name, and by exchanging any folder or link on the way to
//! it. So a path is walked part by part, and each part whose exchange would matter is a name in the folder that holds it.
//! Folders that are not on the way, such as the state folder beside the workflow, are not watched.

use super::disk::DiskFiles;
use crate::base::Footprint;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ffi::{OsStr, OsString};
use std::path::{Component, Path, PathBuf};

/// A path leads through at most so many links, as on Linux; more is a circle.
const LINKS_MOST: usize = 40;
/// A listed folder is watched so deep, as it is read so deep.
const DEPTH_LIMIT: usize = 32;

/// Which names in which folders matter. A folder's own identity is kept to notice another one in its place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interest {
    folders: BTreeMap<PathBuf, Watched>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Watched {
    identity: Option<(u64, u64)>,
    names: BTreeSet<OsString>,
    /// Every name matters: the folder's list was read.
    all: bool,
}

impl Interest {
    /// Everything on the way from the root of the disk to the files of a footprint where one of them can be exchanged.
    pub fn of(files: &DiskFiles, footprint: &Footprint) -> Interest {
        let mut interest = Interest::default();
        let base = absolute(&files.place(""));
        // Above the folder of the workflow only links are of interest: they are what is swapped there.
        let above = base.components().count().saturating_sub(1);
        for path in footprint.files() {
            interest.follow(&absolute(&files.place(path)), above);
        }
        for folder in footprint.folders() {
            if let Some(place) = interest.follow(&absolute(&files.place(folder)), above) {
                interest.all_below(&place);
            }
        }
        for (folder, watched) in &mut interest.folders {
            watched.identity = identity(folder);
        }
        interest
    }

    /// Real paths, sorted.
    pub fn folders(&self) -> impl Iterator<Item = &Path> {
        self.folders.keys().map(PathBuf::as_path)
    }

    /// Whether this folder is watched.
    pub fn is_folder(&self, path: &Path) -> bool {
        self.folders.contains_key(path)
    }

    /// Walks along a path through every link; gives the real place if it is there. Names deeper than `above` components
    /// count, those above only where they are links.
    fn follow(&mut self, path: &Path, above: usize) -> Option<PathBuf> {
        let mut left: VecDeque<OsString> = VecDeque::new();
        let mut real = PathBuf::new();
        let mut depth = 0;
        let mut links = 0;
        prepend(&mut left, path);
        while let Some(part) = left.pop_front() {
            if part == OsStr::new("..") {
                real.pop();
                continue;
            }
            let next = real.join(&part);
            depth += 1;
            let metadata = std::fs::symlink_metadata(&next);
            let is_link = metadata.as_ref().is_ok_and(|metadata| metadata.file_type().is_symlink());
            let counts = is_link || left.is_empty() || metadata.is_err() || depth > above;
            if counts && !real.as_os_str().is_empty() {
                self.folders.entry(real.clone()).or_default().names.insert(part);
            }
            match metadata {
                Ok(_) if is_link => {
                    links += 1;
                    if links > LINKS_MOST {
                        return None;
                    }
                    let target = std::fs::read_link(&next).ok()?;
                    if target.is_absolute() {
                        real = PathBuf::new();
                    }
                    prepend(&mut left, &target);
                }
                Ok(_) => real = next,
                Err(_) => return None,
            }
        }
        Some(real)
    }

    fn all_below(&mut self, folder: &Path) {
        let mut open = vec![(folder.to_owned(), 0)];
        while let Some((folder, depth)) = open.pop() {
            for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
                let hidden = entry.file_name().to_string_lossy().starts_with('.');
                if !hidden && depth < DEPTH_LIMIT && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    open.push((entry.path(), depth + 1));
                }
            }
            self.folders.entry(folder).or_default().all = true;
        }
    }

    /// Whether an event about this path is worth a look.
    pub fn covers(&self, path: &Path) -> bool {
        if self.is_folder(path) {
            return true;
        }
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return false };
        self.folders.get(folder).is_some_and(|watched| watched.all || watched.names.contains(name))
    }

    /// Whether the same folders are watched, and are still the same ones.
    pub fn same_folders(&self, other: &Interest) -> bool {
        let folders = |interest: &Interest| -> Vec<(PathBuf, Option<(u64, u64)>)> {
            interest.folders.iter().map(|(folder, watched)| (folder.clone(), watched.identity)).collect()
        };
        folders(self) == folders(other)
    }
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

fn prepend(left: &mut VecDeque<OsString>, path: &Path) {
    let parts = path.components().filter(|part| !matches!(part, Component::CurDir));
    for part in parts.map(|part| part.as_os_str().to_owned()).collect::<Vec<_>>().into_iter().rev() {
        left.push_front(part);
    }
}

/// What makes a folder that folder and not another of its name.
#[cfg(unix)]
fn identity(folder: &Path) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata(folder).ok().map(|metadata| (metadata.dev(), metadata.ino()))
}

/// What makes a folder that folder and not another of its name.
#[cfg(not(unix))]
fn identity(folder: &Path) -> Option<(u64, u64)> {
    let created = std::fs::metadata(folder).ok()?.created().ok()?;
    let since = created.duration_since(std::time::UNIX_EPOCH).ok()?;
    Some((since.as_secs(), u64::from(since.subsec_nanos())))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::base::Traced;
    use crate::base::files::Files as _;
    use std::fs;
    use std::os::unix::fs::symlink;

    fn real(path: &Path) -> PathBuf {
        fs::canonicalize(path).unwrap()
    }

    #[test]
    fn every_place_where_a_file_can_be_exchanged_is_of_interest() {
        let folder = tempfile::tempdir().unwrap();
        let home = real(folder.path());
        for path in ["releases/1/os/styles", "releases/2", "releases/1/.git", "releases/1/os/.loopctl"] {
            fs::create_dir_all(home.join(path)).unwrap();
        }
        fs::write(home.join("releases/1/loop.kdl"), "").unwrap();
        symlink("releases/1", home.join("current")).unwrap();
        let files = DiskFiles::new(home.join("current"));
        let traced = Traced::new(&files);
        assert!(traced.text("loop.kdl").is_ok());
        assert!(traced.text("templates/missing.hbs").is_err());
        traced.list("os");
        let interest = Interest::of(&files, &traced.footprint());
        for path in [
            "current",  // The link is swapped.
            "releases", // The folder behind it is exchanged.
            "releases/1",
            "releases/1/loop.kdl",
            "releases/1/templates", // The missing folder comes.
            "releases/1/os",
            "releases/1/os/brand.md",
            "releases/1/os/styles/blog.md",
        ] {
            assert!(interest.covers(&home.join(path)), "{path}: {interest:?}");
        }
        for path in ["releases/1/.loop.kdl.swp", "releases/1/out", "releases/2/loop.kdl", "elsewhere", "releases/1/.git/HEAD"] {
            assert!(!interest.covers(&home.join(path)), "{path}: {interest:?}");
        }
        assert!(!interest.is_folder(&home.join("releases/1/.git")) && !interest.is_folder(&home.join("releases/1/os/.loopctl")));
    }

    #[test]
    fn a_circle_of_links_ends() {
        let folder = tempfile::tempdir().unwrap();
        symlink("b", folder.path().join("a")).unwrap();
        symlink("a", folder.path().join("b")).unwrap();
        let files = DiskFiles::new(folder.path());
        let traced = Traced::new(&files);
        assert!(traced.text("a/loop.kdl").is_err());
        assert!(Interest::of(&files, &traced.footprint()).covers(&real(folder.path()).join("b")));
    }

    #[test]
    fn another_folder_under_the_same_name_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let files = DiskFiles::new(folder.path());
        fs::create_dir(folder.path().join("os")).unwrap();
        let traced = Traced::new(&files);
        traced.list("os");
        let footprint = traced.footprint();
        let before = Interest::of(&files, &footprint);
        assert!(before.same_folders(&Interest::of(&files, &footprint)));
        fs::rename(folder.path().join("os"), folder.path().join("old")).unwrap();
        fs::create_dir(folder.path().join("os")).unwrap();
        assert!(!before.same_folders(&Interest::of(&files, &footprint)));
    }
}
