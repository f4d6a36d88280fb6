//! Changing the user's files: a new text takes the place of the old one at once or not at all, and a change can be shown instead.

use super::exit::Failure;
use crate::report::style::{BAD, CODE, GOOD, TITLE, paint};
use similar::{ChangeTag, TextDiff};
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Puts `new` in the place of `old`. The file keeps its permissions; of a link, the file behind it is changed. Should somebody else have
/// saved the file since `old` was read, it is left alone.
pub fn replace(path: &Path, old: &str, new: &str) -> Result<(), Failure> {
    let unwritable = |error: io::Error| {
        Failure::new("cli::cannot-write", format!("cannot write `{}`: {error}", path.display()))
            .help("nothing was changed in it; check that you may write to its folder")
    };
    let place = fs::canonicalize(path).map_err(unwritable)?;
    if fs::read(&place).map_err(unwritable)? != old.as_bytes() {
        return Err(Failure::new(
            "cli::changed-meanwhile",
            format!("`{}` was changed by somebody else just now", path.display()),
        )
        .help("nothing was changed in it; run the command again"));
    }
    let name = place.file_name().unwrap_or_default().to_string_lossy();
    let draft: PathBuf = place.with_file_name(format!(".{name}.{}.part", std::process::id()));
    let written = write_draft(&draft, &place, new).and_then(|()| fs::rename(&draft, &place));
    if written.is_err() {
        // The draft may never have been made.
        let _ = fs::remove_file(&draft);
    }
    written.map_err(unwritable)
}

/// Makes a file that is not there yet: whole, or not at all.
pub fn create(path: &Path, text: &str) -> Result<(), Failure> {
    let unwritable = |error: io::Error| {
        Failure::new("cli::cannot-write", format!("cannot write `{}`: {error}", path.display()))
            .help("nothing was written; check that you may write to its folder and that the disk is not full")
    };
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let draft: PathBuf = path.with_file_name(format!(".{name}.{}.part", std::process::id()));
    let written = fs::OpenOptions::new().write(true).create_new(true).open(&draft).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
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
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            Err(Failure::new("cli::changed-meanwhile", format!("`{}` was made by somebody else just now", path.display()))
                .help("nothing was changed in it; run the command again"))
        }
        written => written.map_err(unwritable),
    }
}

fn write_draft(draft: &Path, place: &Path, text: &str) -> io::Result<()> {
    let permissions = fs::metadata(place)?.permissions();
    // Renaming over it would get around a file that was made read-only.
    if permissions.readonly() {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    let mut file = fs::OpenOptions::new().write(true).create_new(true).open(draft)?;
    file.write_all(text.as_bytes())?;
    fs::set_permissions(draft, permissions)?;
    file.sync_all()
}

/// A unified diff, with colour.
pub fn diff(name: &str, old: &str, new: &str) -> String {
    let diff = TextDiff::from_lines(old, new);
    let mut out = paint(TITLE, format!("--- {name}\n+++ {name}")) + "\n";
    for hunk in diff.unified_diff().context_radius(3).iter_hunks() {
        out.push_str(&paint(CODE, hunk.header()));
        out.push('\n');
        for change in hunk.iter_changes() {
            let line = change.value();
            let (text, newline) = match line.strip_suffix('\n') {
                Some(text) => (text, "\n"),
                None => (line, "\n\\ No newline at end of file\n"),
            };
            // What a terminal would obey is shown as a dot.
            let text = text.replace(|c: char| c.is_control() && !matches!(c, '\t' | '\r'), "·");
            out.push_str(&match change.tag() {
                ChangeTag::Delete => paint(BAD, format!("-{text}")),
                ChangeTag::Insert => paint(GOOD, format!("+{text}")),
                ChangeTag::Equal => format!(" {text}"),
            });
            out.push_str(newline);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_only_when_it_still_holds_the_old_text() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.kdl");
        fs::write(&path, "old").expect("ours");
        replace(&path, "old", "new").expect("it is writable");
        assert_eq!(fs::read_to_string(&path).expect("there"), "new");
        assert_eq!(replace(&path, "old", "newer").expect_err("it holds another text").code, "cli::changed-meanwhile");
        assert_eq!(fs::read_dir(folder.path()).expect("there").count(), 1, "no draft is left");
    }

    #[test]
    fn a_new_file_never_takes_the_place_of_another() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("loop.lock");
        create(&path, "one").expect("it is writable");
        assert_eq!(create(&path, "two").expect_err("it is there").code, "cli::changed-meanwhile");
        assert_eq!(fs::read_to_string(&path).expect("there"), "one");
        assert_eq!(fs::read_dir(folder.path()).expect("there").count(), 1, "no draft is left");
        assert_eq!(create(&folder.path().join("none/x"), "x").expect_err("no folder").code, "cli::cannot-write");
    }

    #[cfg(unix)]
    #[test]
    fn links_and_permissions_stay() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().expect("a folder");
        let (file, link) = (folder.path().join("a.kdl"), folder.path().join("b.kdl"));
        fs::write(&file, "old").expect("ours");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).expect("ours");
        std::os::unix::fs::symlink(&file, &link).expect("ours");
        replace(&link, "old", "new").expect("it is writable");
        assert!(link.is_symlink());
        assert_eq!(fs::metadata(&file).expect("there").permissions().mode() & 0o777, 0o640);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o440)).expect("ours");
        assert_eq!(replace(&link, "new", "newer").expect_err("it is read-only").code, "cli::cannot-write");
    }

    #[test]
    fn a_diff_tells_where_the_last_line_has_no_end() {
        let text = anstream::adapter::strip_str(&diff("a.kdl", "a\nb", "a\nc\n")).to_string();
        assert_eq!(text, "--- a.kdl\n+++ a.kdl\n@@ -1,2 +1,2 @@\n a\n-b\n\\ No newline at end of file\n+c\n");
    }
}
