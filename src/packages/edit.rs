//! Changing the `use` lines of a workflow, or of a module that is made of others, and nothing else of it: comments, order and layout stay as the person wrote them.
//!
//! The text is cut at the places that the reader found, so that a file that is written in any style keeps its style.

use crate::compile::lock::is_module_name;
use crate::diag::FileId;
use crate::syntax::{self, Node, quoted};
use semver::VersionReq;
use std::ops::Range;

/// A line `use "acme/voice@^1.2" as="voice"` in a workflow.
#[derive(Clone, Debug, PartialEq)]
pub struct Use {
    /// `acme/voice`
    pub module: String,
    /// Every version when nothing is said; `None` when the range cannot be read.
    pub wanted: Option<VersionReq>,
    /// What stands before the dot.
    pub alias: String,
    /// Counted from 1.
    pub line: usize,
    span: Range<usize>,
    argument: Range<usize>,
}

/// A step that comes from a module: `voice.check "tone"`.
#[derive(Clone, Debug, PartialEq)]
pub struct Usage {
    pub alias: String,
    /// As it is written: `voice.check "tone"`.
    pub head: String,
    /// Counted from 1.
    pub line: usize,
}

/// The locked kind of modules that a workflow uses, and the steps it takes from modules. `None` when the text has mistakes in its spelling
/// or holds no workflow, so that it cannot be edited safely.
pub fn uses(text: &str) -> Option<(Vec<Use>, Vec<Usage>)> {
    let (tree, findings) = syntax::read(FileId(0), text);
    let root = tree.roots().find(|root| is_around(*root))?;
    if findings.iter().any(|finding| finding.is_error()) {
        return None;
    }
    let line = |at: usize| text[..at].bytes().filter(|byte| *byte == b'\n').count() + 1;
    let used = root.children_named("use").filter_map(|node| {
        let argument = node.arg(0)?;
        let written = argument.value().text()?;
        let (module, range) = written.split_once('@').map_or((written, None), |(module, range)| (module, Some(range)));
        let alias = node.prop("as").and_then(|entry| entry.value().text());
        is_module_name(module).then(|| Use {
            module: module.to_owned(),
            wanted: range.map_or(Some(VersionReq::STAR), |range| VersionReq::parse(range).ok()),
            alias: alias.unwrap_or_else(|| module.rsplit('/').next().unwrap_or(module)).to_owned(),
            line: line(node.span().range().start),
            span: node.span().range(),
            argument: argument.value_span().range(),
        })
    });
    let used: Vec<Use> = used.filter(|found| !found.module.starts_with("std/")).collect();
    let usages = root.children().flat_map(|layer| layer.children()).filter_map(|node: Node<'_>| {
        let (alias, _) = node.name().split_once('.')?;
        Some(Usage {
            alias: alias.to_owned(),
            head: text.get(node.head_span().range()).unwrap_or(node.name()).to_owned(),
            line: line(node.span().range().start),
        })
    });
    let usages = usages.collect();
    Some((used, usages))
}

/// The node around everything that uses modules.
fn is_around(root: Node<'_>) -> bool {
    matches!(root.name(), "workflow" | "module")
}

/// Whether a text is that of a module and not of a workflow.
pub fn is_module_file(text: &str) -> bool {
    syntax::read(FileId(0), text).0.roots().find(|root| is_around(*root)).is_some_and(|root| root.name() == "module")
}

/// The line to write for a module.
pub fn use_line(module: &str, wanted: &VersionReq, alias: Option<&str>) -> String {
    let range = if *wanted == VersionReq::STAR { String::new() } else { format!("@{wanted}") };
    let alias = alias.map_or(String::new(), |alias| format!(" as={}", quoted(alias)));
    format!("use {}{alias}", quoted(&format!("{module}{range}")))
}

/// The text with one more `use`: behind the last one, or before the first thing that is no setting. `None` when the text holds no workflow
/// with a block.
pub fn insert(text: &str, line: &str) -> Option<String> {
    let (tree, _) = syntax::read(FileId(0), text);
    let root = tree.roots().find(|root| is_around(*root))?;
    let block = root.block_span()?.range();
    let newline = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let settings = ["about", "client-os", "timezone", "every", "recorded", "without", "limit"];
    let last = root.children_named("use").last();
    let last = last.or_else(|| root.children().take_while(|child| settings.contains(&child.name())).last());
    let with = |at: usize, added: String| format!("{}{added}{}", &text[..at], &text[at..]);
    Some(match last {
        Some(node) => {
            let (start, end) = (node.span().range().start, node.span().range().end);
            let indentation = indentation(text, start).unwrap_or("    ");
            let gap = if node.name() == "use" { "" } else { newline };
            match rest_of_line(text, end) {
                // Nothing but a comment follows on the line.
                Some(end_of_line) => with(end_of_line, format!("{newline}{gap}{indentation}{line}")),
                None => with(end, format!("; {line}")),
            }
        }
        None => {
            let at = block.start + 1;
            let first = root.children().next().and_then(|node| indentation(text, node.span().range().start));
            match (first, rest_of_line(text, at)) {
                (first, Some(end_of_line)) => with(end_of_line, format!("{newline}{}{line}", first.unwrap_or("    "))),
                (_, None) if root.children().next().is_none() => with(at, format!(" {line} ")),
                (_, None) => with(at, format!(" {line};")),
            }
        }
    })
}

/// The text without a `use`, and without its line when nothing else stands there.
pub fn remove(text: &str, found: &Use) -> String {
    let (mut start, mut end) = (found.span.start, found.span.end);
    let before = &text[..start];
    let own_line = before.rsplit('\n').next().is_some_and(|before| before.trim().is_empty());
    let after = &text[end..];
    let rest = after.split('\n').next().unwrap_or("");
    if own_line && rest.trim().trim_end_matches(';').trim().is_empty() {
        start = before.rfind('\n').map_or(0, |at| at + 1);
        end += rest.len() + usize::from(after.len() > rest.len());
    } else if let Some(semicolon) = rest.trim_start().strip_prefix(';') {
        end += rest.len() - semicolon.trim_start().len();
    }
    format!("{}{}", &text[..start], &text[end..])
}

/// The text with another range behind the module's name.
pub fn with_range(text: &str, found: &Use, wanted: &VersionReq) -> String {
    let argument = quoted(&format!("{}@{wanted}", found.module));
    format!("{}{argument}{}", &text[..found.argument.start], &text[found.argument.end..])
}

/// The white space before a place, when nothing else stands before it on its line.
fn indentation(text: &str, at: usize) -> Option<&str> {
    let line = text[..at].rsplit('\n').next().unwrap_or("");
    line.trim().is_empty().then_some(line)
}

/// The end of the line, when only white space, a semicolon or a comment stands between it and the place.
fn rest_of_line(text: &str, at: usize) -> Option<usize> {
    let rest = text[at..].split('\n').next().unwrap_or("");
    let plain = rest.trim().trim_start_matches(';').trim();
    (plain.is_empty() || plain.starts_with("//")).then(|| at + rest.trim_end_matches('\r').len())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "use \"acme/voice@^1.2\"";

    #[test]
    fn a_use_comes_behind_the_last_one_or_behind_the_settings() {
        for (text, expected) in [
            (
                "workflow \"x\" {\n    about \"y\" // why\n    // press\n    intelligence {\n    }\n}\n",
                "workflow \"x\" {\n    about \"y\" // why\n\n    use \"acme/voice@^1.2\"\n    // press\n    intelligence {\n    }\n}\n",
            ),
            (
                "workflow \"x\" {\n\tuse \"std/a@1\"\n\tintelligence {}\n}\n",
                "workflow \"x\" {\n\tuse \"std/a@1\"\n\tuse \"acme/voice@^1.2\"\n\tintelligence {}\n}\n",
            ),
            ("workflow \"x\" {\r\n  a\r\n}\r\n", "workflow \"x\" {\r\n  use \"acme/voice@^1.2\"\r\n  a\r\n}\r\n"),
            ("workflow \"x\" { about \"y\"; a }", "workflow \"x\" { about \"y\"; use \"acme/voice@^1.2\"; a }"),
            ("workflow \"x\" { a }", "workflow \"x\" { use \"acme/voice@^1.2\"; a }"),
            ("workflow \"x\" {}", "workflow \"x\" { use \"acme/voice@^1.2\" }"),
            ("workflow \"x\" {\n}\n", "workflow \"x\" {\n    use \"acme/voice@^1.2\"\n}\n"),
            (
                "// use\n/- workflow \"z\" {}\nworkflow \"x\" {\n}",
                "// use\n/- workflow \"z\" {}\nworkflow \"x\" {\n    use \"acme/voice@^1.2\"\n}",
            ),
        ] {
            let changed = insert(text, LINE).unwrap();
            assert_eq!(changed, expected);
            let (used, _) = uses(&changed).unwrap();
            assert_eq!(used.last().map(|found| found.module.as_str()), Some("acme/voice"));
            assert_eq!(uses(text).unwrap().0.len() + 1, used.len());
        }
        assert_eq!(insert("test \"x\" {}", LINE), None);
    }

    #[test]
    fn a_use_goes_with_its_line() {
        for (text, expected) in [
            ("workflow \"x\" {\n    use \"a/b@1\" as=\"c\"\n    d\n}\n", "workflow \"x\" {\n    d\n}\n"),
            ("workflow \"x\" { use \"a/b@1\"; d }", "workflow \"x\" { d }"),
            ("workflow \"x\" { use \"a/b@1\" }", "workflow \"x\" {  }"),
            ("workflow \"x\" {\n    use \"a/b@1\" // because\n}\n", "workflow \"x\" {\n     // because\n}\n"),
            ("workflow \"x\" {\r\n use \"a/b@1\";\r\n}\r\n", "workflow \"x\" {\r\n}\r\n"),
        ] {
            assert_eq!(remove(text, &uses(text).unwrap().0[0]), expected);
        }
    }

    #[test]
    fn uses_and_what_is_made_of_them_are_found() {
        let text = "workflow \"x\" {\n use \"a/b@^1.2\" as=\"c\"\n use \"std/rivals@1\"\n use \"./m.kdl\"\n use \"d/e\"\n production {\n  c.check \"tone\" { }\n  draft \"x\"\n }\n}\n";
        let (used, usages) = uses(text).unwrap();
        let shown: Vec<String> = used.iter().map(|found| format!("{} {} {}", found.module, found.alias, found.line)).collect();
        assert_eq!(shown, ["a/b c 2", "d/e e 5"]);
        assert_eq!(used[1].wanted, Some(VersionReq::STAR));
        assert_eq!(usages, [Usage { alias: "c".into(), head: "c.check \"tone\"".into(), line: 7 }]);
        assert_eq!(uses("workflow \"x\" {"), None);
        let changed = with_range(text, &used[1], &VersionReq::parse("^2").unwrap());
        assert!(changed.contains("use \"d/e@^2\"\n"), "{changed}");
    }

    #[test]
    fn the_line_says_what_is_needed() {
        assert_eq!(use_line("a/b", &VersionReq::parse("^1.2").unwrap(), Some("c")), "use \"a/b@^1.2\" as=\"c\"");
        assert_eq!(use_line("a/b", &VersionReq::STAR, None), "use \"a/b\"");
    }
}
