//! The built-in modules as files, because an editor can only go to a file.
//!
//! A module is put into the cache of this machine when somebody goes to it for the first time, with everything that lies beside it, and
//! each file is marked as one that is not written to. It is a copy to read: what counts is built into the program, and a project that wants
//! another one keeps its own in `modules/std/NAME`. A copy of an older program is put right when it is looked at.

use crate::base::files::Files as _;
use crate::compile::modules::stdlib::{ROOT, WithStdlib};
use crate::world::{DiskFiles, cache_folder};
use std::fs;
use std::path::{Path, PathBuf};

/// Where a built-in module lies once it is on the shelf: `path` as the compiler names it, such as `@std/intelligence/rivals/module.kdl`.
/// `None` when it is no such path, or there is no cache.
pub fn place(path: &str) -> Option<PathBuf> {
    let inside = path.strip_prefix(ROOT)?;
    Some(cache_folder()?.join("std").join(env!("CARGO_PKG_VERSION")).join(inside))
}

/// Whether a file is one that is kept for reading: a built-in module, or one that was fetched.
pub fn is_kept(path: &Path) -> bool {
    cache_folder().is_some_and(|cache| path.starts_with(cache))
}

/// Puts a built-in module where [`place`] says, with the files beside it. `None` when that cannot be done.
pub fn put(path: &str) -> Option<PathBuf> {
    let place = place(path)?;
    let folder = path.rsplit_once('/')?.0;
    let target = place.parent()?;
    let built_in = DiskFiles::new(target);
    let built_in = WithStdlib(&built_in);
    for name in built_in.list(folder) {
        let text = built_in.text(&format!("{folder}/{name}")).ok()?;
        keep(&target.join(name), &text).ok()?;
    }
    place.is_file().then_some(place)
}

/// The same by its place on the shelf; any other file stays as it is.
pub fn put_file(file: &Path) {
    let Some(cache) = cache_folder() else { return };
    if let Ok(inside) = file.strip_prefix(cache.join("std").join(env!("CARGO_PKG_VERSION"))) {
        put(&format!("{ROOT}{}", inside.to_string_lossy()));
    }
}

/// Writes a file as a whole, unless it holds this text already.
fn keep(place: &Path, text: &str) -> std::io::Result<()> {
    if fs::read(place).is_ok_and(|found| found == text.as_bytes()) {
        return Ok(());
    }
    let folder = place.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    // Two editors may do this at once; each writes a file of its own, and the last one to move it wins with the same text.
    let scratch =
        folder.join(format!(".{}.{}", std::process::id(), place.file_name().and_then(|name| name.to_str()).unwrap_or("")));
    fs::write(&scratch, text)?;
    let mut permissions = fs::metadata(&scratch)?.permissions();
    permissions.set_readonly(true);
    fs::set_permissions(&scratch, permissions)?;
    fs::rename(&scratch, place).inspect_err(|_| drop(fs::remove_file(&scratch)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_written_once_put_right_when_it_differs_and_marked_as_one_to_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let place = folder.path().join("a/module.kdl");
        for text in ["one", "one", "two"] {
            keep(&place, text).expect("ours");
            assert_eq!(fs::read_to_string(&place).expect("there"), text);
            assert!(fs::metadata(&place).expect("there").permissions().readonly());
        }
        assert_eq!(fs::read_dir(folder.path().join("a")).expect("there").count(), 1, "nothing is left beside it");
    }
}
