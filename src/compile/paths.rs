//! Paths as text: `/`-separated, relative to the folder of the workflow, never looked at on a disk here.

/// `folder` and `path` as one path without `.` and, as far as possible, without `..`. An absolute path stays as it is.
pub(super) fn join(folder: &str, path: &str) -> String {
    let absolute = path.starts_with('/') || folder.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    // Modules that are built in or kept in the cache lie in no folder of the project.
    let rooted = path.starts_with('/') || path.starts_with("@std/") || path.starts_with("@modules/");
    let folder = if rooted { "" } else { folder };
    for part in folder.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if absolute => {}
            part => parts.push(part),
        }
    }
    let joined = parts.join("/");
    if absolute { format!("/{joined}") } else { joined }
}

/// `path` as it is written from `folder`: `join(folder, relative(folder, path))` is `path`. What lies in no folder of the project stays as
/// it is.
pub(super) fn relative(folder: &str, path: &str) -> String {
    if folder.is_empty() || path.starts_with(['/', '@']) {
        return path.to_owned();
    }
    let (from, to): (Vec<&str>, Vec<&str>) = (folder.split('/').collect(), path.split('/').collect());
    let common = from.iter().zip(&to).take_while(|(from, to)| from == to).count();
    let up = from[common..].iter().map(|_| "..");
    up.chain(to[common..].iter().copied().filter(|part| !part.is_empty())).collect::<Vec<_>>().join("/")
}

/// The folder of a path; empty for a name alone.
pub(super) fn parent(path: &str) -> String {
    path.rsplit_once('/').map_or(String::new(), |(folder, _)| folder.to_owned())
}

/// The last part of a path.
pub(super) fn name(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_join_without_dots() {
        assert_eq!(join("workflows", "first/a.csv"), "workflows/first/a.csv");
        assert_eq!(join("", "./a.csv"), "a.csv");
        assert_eq!(join("workflows", "../data/a.csv"), "data/a.csv");
        assert_eq!(join("", "../a.csv"), "../a.csv");
        assert_eq!(join("/home/x", "a.csv"), "/home/x/a.csv");
        assert_eq!(join("workflows", "/a.csv"), "/a.csv");
        assert_eq!(join("workflows", "@std/a/b.hbs"), "@std/a/b.hbs");
        assert_eq!(join("@std/a", "t/b.hbs"), "@std/a/t/b.hbs");
        for (folder, path, expected) in [
            ("", "a/b", "a/b"),
            ("a", "a/b/c", "b/c"),
            ("a/b", "a/c", "../c"),
            ("a", "", ".."),
            ("a", "a", ""),
            ("a", "@std/b", "@std/b"),
            ("../x", "../y/z", "../y/z"),
        ] {
            let written = relative(folder, path);
            assert_eq!(join(folder, &written), path, "{folder} {path}");
            assert!(written == expected || folder.starts_with(".."), "{written}");
        }
        assert_eq!(parent("a/b/c"), "a/b");
        assert_eq!(name("a/b/c"), "c");
    }
}
