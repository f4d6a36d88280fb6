//! Reading `loop.lock`: every mistake with its place. A module with a mistake is left out, so ask for errors before what is missing.

use super::{LOCK_FORM, Lock, Locked, LockedSource, Reference, is_module_name};
use crate::diag::{Diagnostic, FileId, Span, nearest};
use crate::syntax::{self, Entry, Node};
use semver::{Version, VersionReq};
use std::collections::BTreeMap;

const HELP: &str =
    "the file is written by loopctl: take it from version control, or delete it and `loopctl add` the modules again";

impl Lock {
    /// Reads the text of a lock file. What is not understood is an error, never passed over.
    pub fn read(file: FileId, text: &str) -> (Lock, Vec<Diagnostic>) {
        let (tree, mut sink) = syntax::read(file, text);
        let mut lock = Lock::default();
        let start = Span::new(file, 0, 0);
        let mut form = None;
        for node in tree.roots() {
            match node.name() {
                "lock" if form.is_none() => form = Some(node),
                "module" => module(node, &mut lock, &mut sink),
                "" => {}
                name => sink.push(broken(node.name_span(), format!("`{name}` does not stand here in a lock file"), "unknown")),
            }
        }
        match form.map(|node| (node, node.arg(0).and_then(|entry| entry.value().integer()))) {
            Some((_, Some(LOCK_FORM))) => {}
            Some((node, Some(newer))) if newer > LOCK_FORM => {
                // What a newer form means is not known here, so nothing else is said about it.
                let finding = Diagnostic::error("lock::newer-form", format!("this lock file has form {newer}"))
                    .at(node.head_span(), format!("this loopctl reads form {LOCK_FORM}"))
                    .help("it was written by a newer loopctl: use that one here as well");
                return (Lock::default(), vec![finding]);
            }
            Some((node, _)) if !node.is_broken() => {
                sink.push(broken(
                    node.head_span(),
                    "the form of the lock file is not told",
                    format!("expected `lock {LOCK_FORM}`"),
                ));
            }
            None if sink.is_empty() => {
                sink.push(broken(start, "the form of the lock file is not told", format!("expected `lock {LOCK_FORM}`")));
            }
            _ => {}
        }
        (lock, sink)
    }
}

fn broken(span: Span, message: impl Into<String>, label: impl Into<String>) -> Diagnostic {
    Diagnostic::error("lock::broken-lock", message).at(span, label).help(HELP)
}

fn module(node: Node<'_>, lock: &mut Lock, sink: &mut Vec<Diagnostic>) {
    let before = sink.len();
    if node.is_broken() {
        return;
    }
    known(node, 1, &["version", "sha256"], sink);
    let name = node.arg(0).and_then(|entry| entry.value().text()).unwrap_or("");
    if !is_module_name(name) {
        sink.push(broken(node.head_span(), "a module has no proper name", "expected a name such as `\"acme/voice\"`"));
    }
    let version = parsed(node, "version", "a version such as `\"1.2.3\"`", sink, |text| Version::parse(text).ok());
    let sha256 = parsed(node, "sha256", "64 hexadecimal digits", sink, |text| digits(text, &[64]));
    let mut wanted = None;
    let mut source = None;
    let mut needs = BTreeMap::new();
    for child in node.children() {
        match child.name() {
            "wanted" if wanted.is_none() => {
                known(child, 1, &[], sink);
                let text = child.arg(0).and_then(|entry| entry.value().text());
                wanted = text.and_then(|text| VersionReq::parse(text).ok());
                if wanted.is_none() && !child.is_broken() {
                    sink.push(broken(
                        child.head_span(),
                        "`wanted` is not a range of versions",
                        "expected one such as `\"^1.2\"`",
                    ));
                }
            }
            "source" if source.is_none() => source = origin(child, sink),
            "needs" => {
                known(child, 2, &[], sink);
                let text = |number| child.arg(number).and_then(|entry| entry.value().text());
                let other = text(0).filter(|other| is_module_name(other));
                match (other, text(1).and_then(|text| VersionReq::parse(text).ok())) {
                    (Some(other), Some(wanted)) => drop(needs.insert(other.to_owned(), wanted)),
                    _ if child.is_broken() => {}
                    _ => sink.push(broken(
                        child.head_span(),
                        "`needs` names no module with a range",
                        "expected one such as `\"acme/words\" \"^1.2\"`",
                    )),
                }
            }
            "" => {}
            other => sink.push(broken(child.name_span(), format!("`{other}` does not stand here in a lock file"), "unknown")),
        }
    }
    for (there, what) in [(node.child("wanted"), "wanted"), (node.child("source"), "source")] {
        if there.is_none() {
            sink.push(broken(node.head_span(), format!("module `{name}` has no `{what}`"), "incomplete"));
        }
    }
    if lock.modules.contains_key(name) {
        sink.push(broken(node.head_span(), format!("module `{name}` is locked twice"), "the second one"));
    }
    if let (Some(version), Some(sha256), Some(wanted), Some(source), true) =
        (version, sha256, wanted, source, sink.len() == before)
    {
        lock.modules.insert(name.to_owned(), Locked { version, sha256, wanted, source, needs, span: node.head_span() });
    }
}

/// Where a module comes from; `None` when something was reported.
fn origin(node: Node<'_>, sink: &mut Vec<Diagnostic>) -> Option<LockedSource> {
    let before = sink.len();
    if node.is_broken() {
        return None;
    }
    let property = |name: &str| node.prop(name).and_then(|entry| entry.value().text()).map(str::to_owned);
    let text = |name: &str, sink: &mut Vec<Diagnostic>| {
        parsed(node, name, "a text", sink, |text| (!text.is_empty()).then(|| text.to_owned())).unwrap_or_default()
    };
    let source = match node.arg(0).and_then(|entry| entry.value().text()) {
        Some("path") => {
            known(node, 1, &["dir"], sink);
            LockedSource::Path { dir: text("dir", sink) }
        }
        Some("git") => {
            known(node, 1, &["url", "tag", "branch", "rev", "revision", "dir"], sink);
            let url = text("url", sink);
            let revision = parsed(node, "revision", "the digits of a commit", sink, |text| digits(text, &[40, 64]));
            let named =
                [("tag", Reference::Tag as fn(String) -> Reference), ("branch", Reference::Branch), ("rev", Reference::Rev)];
            let mut references = named.into_iter().filter_map(|(name, make)| property(name).map(make));
            let (Some(reference), None) = (references.next(), references.next()) else {
                sink.push(broken(
                    node.head_span(),
                    "a git source names one of `tag`, `branch` and `rev`",
                    "expected exactly one",
                ));
                return None;
            };
            LockedSource::Git { url, reference, revision: revision.unwrap_or_default(), dir: property("dir") }
        }
        Some("archive") => {
            known(node, 1, &["url", "sha256", "dir"], sink);
            let archive_sha256 = parsed(node, "sha256", "64 hexadecimal digits", sink, |text| digits(text, &[64]));
            LockedSource::Archive {
                url: text("url", sink),
                archive_sha256: archive_sha256.unwrap_or_default(),
                dir: property("dir"),
            }
        }
        _ => {
            let expected = "expected `\"path\"`, `\"git\"` or `\"archive\"`";
            sink.push(broken(node.head_span(), "a module comes from nowhere that is known", expected));
            return None;
        }
    };
    (sink.len() == before).then_some(source)
}

/// Reports what stands on a line beyond what is known: properties with other names, properties twice, more arguments, blocks.
fn known(node: Node<'_>, args: usize, props: &[&str], sink: &mut Vec<Diagnostic>) {
    for entry in node.args().skip(args) {
        sink.push(broken(entry.span(), format!("`{}` has too many values", node.name()), "one too many"));
    }
    let mut seen: Vec<&str> = Vec::new();
    for entry in node.props() {
        let (name, span) = entry.name().unwrap_or_default();
        if !props.contains(&name) {
            let near = nearest(name, props.iter().copied()).map_or(String::new(), |near| format!("; did you mean `{near}`?"));
            sink.push(broken(span, format!("unknown property `{name}`{near}"), "unknown"));
        } else if seen.contains(&name) {
            sink.push(broken(span, format!("`{name}` is set twice"), "the second one"));
        }
        seen.push(name);
    }
    if node.name() != "module"
        && let Some(block) = node.block_span()
    {
        sink.push(broken(block, format!("`{}` has no block", node.name()), "unknown"));
    }
}

/// A property that must be there and make sense.
fn parsed<T>(
    node: Node<'_>,
    name: &str,
    expected: &str,
    sink: &mut Vec<Diagnostic>,
    parse: impl Fn(&str) -> Option<T>,
) -> Option<T> {
    let entry = node.prop(name);
    let value = entry.as_ref().and_then(|entry| entry.value().text()).and_then(parse);
    if value.is_none() {
        let span = entry.as_ref().map_or(node.head_span(), Entry::span);
        sink.push(broken(span, format!("`{name}` is missing or not understood"), format!("expected {expected}")));
    }
    value
}

/// The text when it is so many lower-case hexadecimal digits.
fn digits(text: &str, lengths: &[usize]) -> Option<String> {
    let all = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    (lengths.contains(&text.len()) && all).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(text: &str) -> Vec<String> {
        let (_, findings) = Lock::read(FileId(0), text);
        findings
            .into_iter()
            .map(|finding| {
                let place = &text[finding.span().unwrap().range()];
                format!("{} {} @ {}", finding.code, finding.message, place.lines().next().unwrap_or(""))
            })
            .collect()
    }

    fn one(module: &str) -> String {
        format!("lock 1\n{}\n", module.replace("D64", &"ab".repeat(32)).replace("D40", &"c".repeat(40)))
    }

    const GOOD: &str = r#"module "acme/voice" version="1.2.3" sha256="D64" { wanted "^1.2"; source "git" url="u" tag="v1.2.3" revision="D40"; }"#;

    #[test]
    fn a_good_line_is_read_with_its_place() {
        let text = one(GOOD);
        let (lock, findings) = Lock::read(FileId(0), &text);
        assert!(findings.is_empty(), "{findings:?}");
        let locked = &lock.modules["acme/voice"];
        assert!(text[locked.span.range()].starts_with("module \"acme/voice\""));
        assert!(locked.wanted.matches(&locked.version));
    }

    #[test]
    fn whatever_is_not_understood_is_said() {
        for (from, to, expected) in [
            ("acme/voice", "acme/../voice", "a module has no proper name"),
            ("1.2.3\" sha", "1.2\" sha", "`version` is missing or not understood"),
            ("sha256=\"D64\"", "sha256=\"D63\"", "`sha256` is missing or not understood"),
            ("sha256=", "sha265=", "unknown property `sha265`; did you mean `sha256`?"),
            ("wanted \"^1.2\"", "wanted \"newest\"", "`wanted` is not a range of versions"),
            ("wanted \"^1.2\"; ", "", "module `acme/voice` has no `wanted`"),
            ("wanted", "wonted", "`wonted` does not stand here in a lock file"),
            ("\"git\"", "\"svn\"", "a module comes from nowhere that is known"),
            ("tag=", "branch=\"x\" tag=", "a git source names one of `tag`, `branch` and `rev`"),
            ("tag=\"v1.2.3\" ", "", "a git source names one of `tag`, `branch` and `rev`"),
            ("D40", "HEAD", "`revision` is missing or not understood"),
            ("url=\"u\"", "url=\"\"", "`url` is missing or not understood"),
            ("url=\"u\"", "url=\"u\" url=\"w\"", "`url` is set twice"),
            ("revision=\"D40\"", "revision=\"D40\" { x; }", "`source` has no block"),
            ("wanted \"^1.2\"", "wanted \"^1.2\" 3", "`wanted` has too many values"),
            ("wanted", "needs \"acme/words\"; wanted", "`needs` names no module with a range"),
            ("wanted", "needs \"words\" \"^1\"; wanted", "`needs` names no module with a range"),
        ] {
            let text = one(&GOOD.replacen(from, to, 1));
            let found = findings(&text);
            assert!(found.iter().any(|finding| finding.contains(expected)), "{to}: {found:?}");
            assert!(Lock::read(FileId(0), &text).0.modules.is_empty(), "{to}");
        }
        assert_eq!(findings("lock 1\nmodul \"x\"\n"), ["lock::broken-lock `modul` does not stand here in a lock file @ modul"]);
        let twice = one(&format!("{GOOD}\n{GOOD}"));
        assert!(findings(&twice)[0].contains("module `acme/voice` is locked twice"));
    }

    #[test]
    fn the_form_is_asked_for_and_a_newer_one_is_left_alone() {
        assert_eq!(findings(""), ["lock::broken-lock the form of the lock file is not told @ "]);
        assert_eq!(findings("lock \"one\"\n").len(), 1);
        assert_eq!(findings("lock 2\nwonders\n"), ["lock::newer-form this lock file has form 2 @ lock 2"]);
    }

    #[test]
    fn any_text_ends_in_findings_and_not_in_a_panic() {
        let text = one(GOOD);
        for end in 0..text.len() {
            let _ = Lock::read(FileId(0), &text[..end]);
            let mut broken = text.clone();
            broken.replace_range(end..end + 1, "{");
            let _ = Lock::read(FileId(0), &broken);
        }
    }
}
