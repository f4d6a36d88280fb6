//! Changing the user's files: a new text takes the place of the old one at once or not at all, and a change can be shown instead.

use super::exit::Failure;
use crate::report::style::{BAD, CODE, GOOD, TITLE, paint};
use crate::stats::difference::{ChangeTag, Difference, group_diff_ops};
use crate::world::save;
use similar::udiff::UnifiedHunkHeader;
use std::path::Path;

/// Puts `new` in the place of `old`; see [`save::replace`].
pub fn replace(path: &Path, old: &str, new: &str) -> Result<(), Failure> {
    save::replace(path, old, new).map_err(Failure::from)
}

/// Makes a file that is not there yet; see [`save::create`].
pub fn create(path: &Path, text: &str) -> Result<(), Failure> {
    save::create(path, text).map_err(Failure::from)
}

/// A unified diff, with colour.
pub fn diff(name: &str, old: &str, new: &str) -> String {
    let diff = Difference::of_lines(old, new);
    let mut out = paint(TITLE, format!("--- {name}\n+++ {name}")) + "\n";
    for hunk in group_diff_ops(diff.steps.clone(), 3).iter().filter(|hunk| !hunk.is_empty()) {
        out.push_str(&paint(CODE, UnifiedHunkHeader::new(hunk)));
        out.push('\n');
        for (tag, line) in hunk.iter().flat_map(|step| diff.changes_of(step)) {
            let (text, newline) = match line.strip_suffix('\n') {
                Some(text) => (text, "\n"),
                None => (line, "\n\\ No newline at end of file\n"),
            };
            // What a terminal would obey is shown as a dot.
            let text = text.replace(|c: char| c.is_control() && !matches!(c, '\t' | '\r'), "·");
            out.push_str(&match tag {
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
    use std::fs;

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
        create(&folder.path().join("new/x"), "x").expect("its folder is made");
        assert_eq!(create(&path.join("x"), "x").expect_err("a file is no folder").code, "cli::cannot-write");
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
