//! Reading a Client OS folder into a snapshot. It never fails: what can be read is kept, what cannot is a finding.

use super::finding::Finding;
use super::snapshot::Snapshot;
use super::{brand, tables};
use crate::base::files::Files;
use crate::diag::{Severity, nearest};

/// Files that are read; anything else in the folder must be a style guide.
const KNOWN: [&str; 4] = ["brand.md", "decisions.md", "pillars.kdl", "strategy.kdl"];
/// Largest file that is read, in bytes.
const LARGEST: usize = 1 << 20;

/// Reads the folder. Missing files are [`super::check`]'s to report, because only the whole says what degrades.
pub fn read(files: &dyn Files, folder: &str) -> (Snapshot, Vec<Finding>) {
    let mut snapshot = Snapshot::default();
    let mut findings = Vec::new();
    let folder = folder.trim_end_matches('/');
    let paths = files.list(folder);
    if paths.is_empty() {
        findings.push(Finding::new(
            Severity::Error,
            folder,
            1,
            format!("cannot read the Client OS `{folder}`: there is no such folder, or it is empty"),
            "`loopctl init` writes a first one; without it pieces have no voice, audience or pillars",
        ));
        return (snapshot, findings);
    }
    for path in paths {
        // Hidden files and editors' copies are nobody's words.
        if path.split('/').any(|part| part.starts_with('.') || part.ends_with('~')) || !is_text(&path) {
            continue;
        }
        let text = match files.text(&format!("{folder}/{path}")) {
            Ok(text) if text.len() > LARGEST => {
                let help = "keep it to what a person can read; nothing of it is used until then";
                findings.push(Finding::new(Severity::Error, &path, 1, "the file is larger than 1 MiB", help));
                continue;
            }
            Ok(text) => text,
            Err(error) => {
                let help = "nothing of it is used until it can be read";
                findings.push(Finding::new(Severity::Error, &path, 1, format!("the file cannot be read: {error}"), help));
                continue;
            }
        };
        snapshot.files.insert(path.clone(), text.to_string());
        let style = path.strip_prefix("styles/").and_then(|name| name.strip_suffix(".md")).filter(|name| !name.contains('/'));
        match (path.as_str(), style) {
            ("brand.md", _) => brand::read_brand(&path, &text, &mut snapshot, &mut findings),
            ("decisions.md", _) => brand::read_decisions(&path, &text, &mut snapshot, &mut findings),
            ("pillars.kdl", _) => tables::read_pillars(&path, &text, &mut snapshot, &mut findings),
            ("strategy.kdl", _) => tables::read_strategy(&path, &text, &mut snapshot, &mut findings),
            (rule, _) if is_rule(rule) => {
                snapshot.rules.insert(path.clone(), text.to_string());
            }
            (_, Some(platform)) => {
                snapshot.styles.insert(platform.to_owned(), without_title(&text));
            }
            _ if matches!(path.to_lowercase().as_str(), "readme.md" | "origin.md") => {
                snapshot.files.remove(&path);
            }
            _ => {
                let name = path.rsplit('/').next().unwrap_or(&path);
                let help = match nearest(name, KNOWN) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("the files are {}, `styles/<platform>.md` and `rules/<pack>/<Rule>.yml`", KNOWN.join(", ")),
                };
                findings.push(Finding::new(Severity::Warning, &path, 1, "no step reads this file", help));
            }
        }
    }
    (snapshot, findings)
}

fn is_text(path: &str) -> bool {
    path.ends_with(".md") || path.ends_with(".kdl") || is_rule(path)
}

/// A rule of a pack; what is wrong inside it is for those who run it to say.
fn is_rule(path: &str) -> bool {
    path.starts_with("rules/") && (path.ends_with(".yml") || path.ends_with(".yaml"))
}

/// Without the first heading, which only names the platform again.
fn without_title(text: &str) -> String {
    let text = text.trim();
    match text.split_once('\n') {
        Some((first, rest)) if first.starts_with("# ") => rest.trim().to_owned(),
        _ if text.starts_with("# ") => String::new(),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::files::MemoryFiles;

    #[test]
    fn a_folder_becomes_a_snapshot_and_its_version_is_its_content() {
        let files = [
            ("os/brand.md", "## Voice\nPlain."),
            ("os/styles/blog.md", "# Blog\n\nShort."),
            ("os/brnd.md", "x"),
            ("os/README.md", "how"),
            ("os/logo.png", ""),
        ];
        let (snapshot, findings) = read(&MemoryFiles::new(files), "os/");
        assert_eq!(snapshot.voice, "Plain.");
        assert_eq!(snapshot.styles["blog"], "Short.");
        assert_eq!(snapshot.files.keys().collect::<Vec<_>>(), ["brand.md", "brnd.md", "styles/blog.md"]);
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].help, "did you mean `brand.md`?");
        let (other, _) = read(&MemoryFiles::new([("os/brand.md", "## Voice\nPlainer.")]), "os");
        assert_ne!(snapshot.digest(), other.digest());
    }

    #[test]
    fn a_missing_folder_is_a_finding() {
        let (snapshot, findings) = read(&MemoryFiles::default(), "client-os");
        assert_eq!(snapshot, Snapshot::default());
        assert!(findings[0].is_error() && findings[0].message.contains("`client-os`"));
    }

    #[test]
    fn any_bytes_make_a_snapshot() {
        let pieces = [
            "## Voice\n",
            "- ",
            "`",
            "<!--",
            "-->",
            "pillar ",
            "\"",
            "{",
            "}",
            "weight=",
            "0.5",
            "\n",
            "[a](",
            ")",
            "never say:",
            "é",
            "#",
            ">",
            "```",
        ];
        let mut rng = crate::base::Rng::new(5);
        for _ in 0..500 {
            let text: String = (0..rng.below(24)).map(|_| pieces[rng.below(pieces.len() as u64) as usize]).collect();
            let files = ["os/brand.md", "os/decisions.md", "os/pillars.kdl", "os/strategy.kdl", "os/styles/x.md"];
            let (snapshot, _) = read(&MemoryFiles::new(files.map(|path| (path, text.as_str()))), "os");
            let total: f64 = snapshot.pillars.iter().map(|pillar| pillar.weight).sum();
            assert!(snapshot.pillars.is_empty() || (total - 1.0).abs() < 1e-9);
            super::super::check(&snapshot);
            super::super::context_for(&snapshot, "draft", None);
        }
    }
}
