//! Saving a text that a person keeps in a repository: the new one takes the place of the old one at once or not at all.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Why a file was not saved. It is as it was.
#[derive(Debug, thiserror::Error)]
pub enum SaveError {
    #[error("`{0}` was changed by somebody else just now")]
    Meanwhile(PathBuf),
    #[error("cannot write `{path}`: {source}")]
    Unwritable { path: PathBuf, source: io::Error },
}

/// Puts `new` in the place of `old`. The file keeps its permissions; of a link, the file behind it is changed. Should somebody else
/// have saved the file since `old` was read, it is left alone.
///
/// # Errors
/// When the file holds another text by now, or cannot be written.
pub fn replace(path: &Path, old: &str, new: &str) -> Result<(), SaveError> {
    let unwritable = |source: io::Error| SaveError::Unwritable { path: path.to_owned(), source };
    let place = fs::canonicalize(path).map_err(unwritable)?;
    if fs::read(&place).map_err(unwritable)? != old.as_bytes() {
        return Err(SaveError::Meanwhile(path.to_owned()));
    }
    let permissions = fs::metadata(&place).map_err(unwritable)?.permissions();
    // Renaming over it would get around a file that was made read-only.
    if permissions.readonly() {
        return Err(unwritable(io::ErrorKind::PermissionDenied.into()));
    }
    over(&place, new, Some(permissions)).map_err(unwritable)
}

/// Makes a file that is not there yet, with the folders above it: whole, or not at all.
///
/// # Errors
/// When there is one by now, or it cannot be written.
pub fn create(path: &Path, text: &str) -> Result<(), SaveError> {
    let unwritable = |source: io::Error| SaveError::Unwritable { path: path.to_owned(), source };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(unwritable)?;
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let draft: PathBuf = path.with_file_name(format!(".{name}.{}.part", std::process::id()));
    let written = write_draft(&draft, text, None).and_then(|()| {
        // Unlike a rename, a second name fails when somebody has made the file meanwhile.
        fs::hard_link(&draft, path).or_else(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => Err(error),
            // Some disks know no second names.
            _ if !path.exists() => fs::rename(&draft, path),
            _ => Err(error),
        })
    });
    // After a rename it is not there any more.
    let _ = fs::remove_file(&draft);
    match written {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(SaveError::Meanwhile(path.to_owned())),
        written => written.map_err(unwritable),
    }
}

fn over(place: &Path, text: &str, permissions: Option<fs::Permissions>) -> io::Result<()> {
    let name = place.file_name().unwrap_or_default().to_string_lossy();
    let draft: PathBuf = place.with_file_name(format!(".{name}.{}.part", std::process::id()));
    let written = write_draft(&draft, text, permissions).and_then(|()| fs::rename(&draft, place));
    if written.is_err() {
        // The draft may never have been made.
        let _ = fs::remove_file(&draft);
    }
    written
}

fn write_draft(draft: &Path, text: &str, permissions: Option<fs::Permissions>) -> io::Result<()> {
    let mut file = fs::OpenOptions::new().write(true).create_new(true).open(draft)?;
    file.write_all(text.as_bytes())?;
    if let Some(permissions) = permissions {
        fs::set_permissions(draft, permissions)?;
    }
    file.sync_all()
}
