//! Which commands of which workflows a person has agreed to run. A workflow is often somebody else's file, and a command in it can
//! do whatever its reader can; so each is agreed to once, on each machine, before it runs.
//!
//! The list is a file of digests, one a line, of a workflow's folder and the whole command: a changed command is asked about again.

use super::trouble::{Trouble, plain_io};
use crate::base::Digest;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// The environment variable that names the list, where the usual place is not wanted.
pub const VARIABLE: &str = "LOOPCTL_TRUST";

/// The list.
#[derive(Clone, Debug)]
pub struct Trust {
    file: PathBuf,
}

impl Trust {
    /// The user's list: `$LOOPCTL_TRUST`, else `loopctl/trust` in the folder for configuration (XDG Base Directory).
    pub fn of_user() -> Trust {
        let named = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let file = named(VARIABLE).unwrap_or_else(|| {
            let folder = named("XDG_CONFIG_HOME").or_else(|| named("HOME").map(|home| home.join(".config")));
            folder.unwrap_or_else(|| PathBuf::from(".config")).join("loopctl/trust")
        });
        Trust { file }
    }

    pub fn at(file: impl Into<PathBuf>) -> Trust {
        Trust { file: file.into() }
    }

    /// Whether a person has agreed to this command in this folder.
    pub fn holds(&self, folder: &Path, command: &[String]) -> bool {
        let wanted = mark(folder, command);
        fs::read_to_string(&self.file).is_ok_and(|text| text.lines().any(|line| line == wanted))
    }

    /// Writes the agreement down.
    ///
    /// # Errors
    /// When the list cannot be written.
    pub fn add(&self, folder: &Path, command: &[String]) -> Result<(), Trouble> {
        if self.holds(folder, command) {
            return Ok(());
        }
        let write = || {
            if let Some(parent) = self.file.parent() {
                fs::create_dir_all(parent)?;
            }
            let mut file = fs::OpenOptions::new().create(true).append(true).open(&self.file)?;
            writeln!(file, "{}", mark(folder, command))
        };
        write().map_err(|error| {
            Trouble::permanent(
                format!("cannot write the list of trusted commands `{}`: {}", self.file.display(), plain_io(&error)),
                format!("name another file with the environment variable `{VARIABLE}`"),
            )
        })
    }
}

fn mark(folder: &Path, command: &[String]) -> String {
    // A folder that cannot be resolved is taken as written: it trusts nothing else.
    let folder = fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
    Digest::of_json(&(folder.to_string_lossy(), command)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_agreed_to_holds_for_that_command_in_that_folder_only() {
        let place = tempfile::tempdir().unwrap();
        let trust = Trust::at(place.path().join("deep/trust"));
        let command = ["llm".to_owned(), "-m".to_owned(), "small".to_owned()];
        assert!(!trust.holds(place.path(), &command));
        trust.add(place.path(), &command).unwrap();
        trust.add(place.path(), &command).unwrap();
        assert!(trust.holds(place.path(), &command));
        assert!(!trust.holds(place.path(), &command[..2]));
        assert!(!trust.holds(Path::new("/"), &command));
        assert_eq!(fs::read_to_string(place.path().join("deep/trust")).unwrap().lines().count(), 1);
    }

    #[test]
    fn a_list_that_cannot_be_written_is_told() {
        let place = tempfile::tempdir().unwrap();
        fs::write(place.path().join("file"), "").unwrap();
        let trouble = Trust::at(place.path().join("file/trust")).add(place.path(), &[]).unwrap_err();
        assert!(trouble.help.contains(VARIABLE));
    }
}
