//! Keeping a module's files on the disk: in the cache of this machine, and in `vendor/` beside a workflow.
//!
//! A folder appears as a whole or not at all: it is written elsewhere on the same disk and moved to its place. What is read back is
//! digested again, because anybody may have changed it since.

use super::error::Error;
use super::scratch::Scratch;
use super::tree::{FILE_MOST, Gathering, ModuleTree};
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

/// Folders below one another, as deep as the compiler lists.
const DEPTH_MOST: usize = 32;

/// The modules that this machine has fetched so far.
#[derive(Clone, Debug)]
pub struct Cache {
    folder: PathBuf,
}

/// What stands at the place of a module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Holding {
    Nothing,
    Whole,
    /// Something else, with this digest.
    Changed(String),
}

impl Cache {
    /// In this folder, which need not be there yet.
    pub fn new(folder: impl Into<PathBuf>) -> Cache {
        Cache { folder: folder.into() }
    }

    /// Where scratch folders are made: on the same disk as the cache.
    pub fn scratch(&self) -> PathBuf {
        self.folder.join("tmp")
    }

    pub fn place(&self, sha256: &str) -> PathBuf {
        self.folder.join("modules").join(sha256)
    }

    pub fn holding(&self, sha256: &str) -> Holding {
        holding(&self.place(sha256), sha256)
    }

    /// The files of a module that is whole.
    pub fn read(&self, sha256: &str) -> Option<ModuleTree> {
        read_folder(&self.place(sha256)).ok().filter(|tree| tree.digest() == sha256)
    }

    /// Puts a module into the cache, in the place of one that was changed. Gives its digest.
    pub fn put(&self, tree: &ModuleTree) -> Result<String, Error> {
        let sha256 = tree.digest();
        if self.holding(&sha256) != Holding::Whole {
            put_folder(tree, &self.place(&sha256), &self.scratch())?;
        }
        Ok(sha256)
    }
}

/// What stands at a place that should hold the module with this digest.
pub fn holding(place: &Path, sha256: &str) -> Holding {
    match read_folder(place) {
        _ if fs::symlink_metadata(place).is_err() => Holding::Nothing,
        Ok(tree) if tree.digest() == sha256 => Holding::Whole,
        Ok(tree) => Holding::Changed(tree.digest()),
        Err(_) => Holding::Changed("none: it cannot be read".to_owned()),
    }
}

/// Reads the module in a folder of this machine, as the compiler would: links to files are followed, links to folders are not.
///
/// # Errors
/// When a file cannot be read, or may not be in a module.
pub fn read_folder(folder: &Path) -> Result<ModuleTree, Error> {
    let unreadable = |place: &Path, error: &io::Error| {
        let help = "check the path, and that you may read it";
        Error::unreachable(format!("cannot read `{}`: {error}", place.display()), help)
    };
    let mut gathering = Gathering::new("the folder");
    let mut open = vec![(folder.to_owned(), String::new(), 0)];
    while let Some((place, prefix, depth)) = open.pop() {
        let entries = fs::read_dir(&place).map_err(|error| unreadable(&place, &error))?;
        for entry in entries {
            let entry = entry.map_err(|error| unreadable(&place, &error))?;
            let Ok(name) = entry.file_name().into_string() else {
                let name = entry.file_name().to_string_lossy().into_owned();
                return Err(Error::unsafe_content(format!("the folder holds `{prefix}{name}`: the name is not UTF-8")));
            };
            if name.starts_with('.') {
                continue;
            }
            let (path, at) = (format!("{prefix}{name}"), entry.path());
            let kind = entry.file_type().map_err(|error| unreadable(&at, &error))?;
            if kind.is_dir() {
                if depth < DEPTH_MOST {
                    open.push((at, format!("{path}/"), depth + 1));
                }
            } else if at.is_file() {
                let size = fs::metadata(&at).map_err(|error| unreadable(&at, &error))?.len();
                gathering.admit(&path, size)?;
                let mut bytes = Vec::new();
                let file = File::open(&at).map_err(|error| unreadable(&at, &error))?;
                file.take(FILE_MOST).read_to_end(&mut bytes).map_err(|error| unreadable(&at, &error))?;
                gathering.take(&path, bytes);
            }
        }
    }
    gathering.finish()
}

/// Writes a module into a scratch folder below `scratch` and moves it to its place; what was there before makes room and is removed.
pub fn put_folder(tree: &ModuleTree, place: &Path, scratch: &Path) -> Result<(), Error> {
    let work = Scratch::new(scratch)?;
    let fresh = work.place().join("new");
    write_folder(tree, &fresh)?;
    let unwritable = |error: io::Error| Error::unwritable(place, &error);
    let around = place.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(around).map_err(unwritable)?;
    // A link to a folder is replaced, and never what it leads to.
    if fs::symlink_metadata(place).is_ok() {
        fs::rename(place, work.place().join("old")).map_err(unwritable)?;
    }
    if let Err(error) = fs::rename(&fresh, place) {
        // Somebody else was faster with the same bytes, which is as good.
        if holding(place, &tree.digest()) == Holding::Whole {
            return Ok(());
        }
        // What stood there goes back; when even that fails, the first error is the one to tell.
        let _ = fs::rename(work.place().join("old"), place);
        return Err(unwritable(error));
    }
    Ok(())
}

fn write_folder(tree: &ModuleTree, folder: &Path) -> Result<(), Error> {
    let unwritable = |error: io::Error| Error::unwritable(folder, &error);
    fs::create_dir_all(folder).map_err(unwritable)?;
    for (path, bytes) in tree.iter() {
        let place = folder.join(path);
        fs::create_dir_all(place.parent().unwrap_or(folder)).map_err(unwritable)?;
        let mut file = File::create_new(&place).map_err(unwritable)?;
        file.write_all(bytes).map_err(unwritable)?;
        // The digest in the name promises the bytes, so they are on the disk before the name is.
        file.sync_all().map_err(unwritable)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packages::archive::tests::packed;
    use tar::EntryType;

    fn tree(text: &str) -> ModuleTree {
        let file = EntryType::Regular;
        let bytes = packed(&[(file, "module.kdl", text.as_bytes()), (file, "t/a.hbs", b"template")]);
        crate::packages::archive::read_archive(&bytes, None).unwrap()
    }

    #[test]
    fn a_module_is_kept_under_its_digest_and_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path().join("cache"));
        let sha256 = cache.put(&tree("one")).unwrap();
        assert_eq!(cache.holding(&sha256), Holding::Whole);
        assert_eq!(cache.read(&sha256), Some(tree("one")));
        assert_eq!(cache.put(&tree("one")).unwrap(), sha256, "the second time nothing is to do");
        assert_eq!(cache.holding(&"0".repeat(64)), Holding::Nothing);
        assert_eq!(fs::read_dir(cache.scratch()).unwrap().count(), 0, "no scratch is left");
    }

    #[test]
    fn what_was_changed_is_noticed_and_put_right() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path());
        let sha256 = cache.put(&tree("one")).unwrap();
        fs::write(cache.place(&sha256).join("t/b.hbs"), "added").unwrap();
        assert!(matches!(cache.holding(&sha256), Holding::Changed(found) if found.len() == 64 && found != sha256));
        assert_eq!(cache.read(&sha256), None);
        cache.put(&tree("one")).unwrap();
        assert_eq!(cache.holding(&sha256), Holding::Whole);
    }

    #[test]
    fn dot_files_and_what_is_no_text_are_no_part_of_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join(".git")).unwrap();
        fs::write(folder.path().join(".git/config"), "x").unwrap();
        fs::write(folder.path().join("module.kdl"), "m").unwrap();
        fs::write(folder.path().join("logo.png"), b"\xff").unwrap();
        assert_eq!(read_folder(folder.path()).unwrap().iter().map(|(path, _)| path).collect::<Vec<_>>(), ["module.kdl"]);
        assert_eq!(read_folder(&folder.path().join("none")).unwrap_err().code, "packages::unreachable-source");
    }
}
