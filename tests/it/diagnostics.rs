//! Every diagnostic of the compiler is shown in a fixture and told in a page, and the fixture shows that one mistake is said once.
//!
//! A fixture is a workflow with `// error[code]: part of the message` (or `warning`) above the line that is wrong. `// allow: code …` at its
//! top names codes that a short example cannot avoid; everything else that is said must be annotated.

use loopctl::base::files::MemoryFiles;
use loopctl::compile::{Compiled, compile, mending, testing};
use loopctl::diag::{Severity, catalog};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// It has no text that could hold an annotation.
const WITHOUT_FIXTURE: &[&str] = &["loop::unreadable-file"];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A module to be used by examples.
const VOICE: &str = r#"module "acme/voice" version="1.2.0" {
    about "Ranks by what is said."
    step "rank" {
        about "Ranks signals."
        param "from" type="step" many=#true { about "The signals." }
        param "keep" type="integer" default=10 { about "How many go on." }
        score "ranked" { from (param)"from"; rule "demand" weight=1.0 { value "signal.volume" }; keep (param)"keep" }
    }
}
"#;

/// The project's own copy of a module.
const OLD: &str = r#"module "acme/old" version="1.0.0" {
    about "Ranks as we used to."
    step "rank" {
        about "Ranks signals."
        param "from" type="step" many=#true { about "The signals." }
        score "ranked" { from (param)"from"; rule "demand" weight=1.0 { value "signal.volume" } }
    }
}
"#;

/// One module whose files are others than those that were locked, and one whose files are nowhere.
const LOCK: &str = r#"lock 1
module "acme/changed" version="1.0.0" sha256="0000000000000000000000000000000000000000000000000000000000000000" {
    wanted "*"
    source "path" dir="../changed"
}
module "acme/gone" version="1.0.0" sha256="1111111111111111111111111111111111111111111111111111111111111111" {
    wanted "*"
    source "path" dir="../gone"
}
"#;

/// A small world around every example.
fn compiled(text: &str) -> Compiled {
    compile(&world(text), "loop.kdl", &testing::registry())
}

fn world(text: &str) -> MemoryFiles {
    MemoryFiles::new([
        ("loop.kdl", text),
        ("data/press.csv", "Title,Clicks\nA,1\n"),
        ("data/events.jsonl", "{}\n"),
        ("templates/outline.hbs", "# {{brief.title}}\n"),
        ("templates/wrong.hbs", "# {{brief.titel}}\n"),
        ("client-os/pillars.kdl", "pillar \"Operations\" weight=1.0\n"),
        ("empty-os/voice.md", "Calm.\n"),
        ("modules/voice.kdl", VOICE),
        ("modules/acme/old/module.kdl", OLD),
        ("vendor/acme/changed/module.kdl", VOICE),
        ("loop.lock", LOCK),
    ])
}

/// Severity, code, line and message of each finding; the line is that of the first label inside the workflow itself.
fn findings(compiled: &Compiled) -> Vec<(Severity, String, usize, String)> {
    let main = compiled.sources.iter().next().map(|(file, _)| file);
    let line = |finding: &loopctl::diag::Diagnostic| {
        let label = finding.labels.iter().find(|label| Some(label.span.file) == main)?;
        Some(compiled.sources.get(label.span.file)?.position(label.span.start as usize).0)
    };
    let all = compiled.diagnostics.iter();
    all.map(|finding| (finding.severity, finding.code.to_owned(), line(finding).unwrap_or(0), finding.message.clone())).collect()
}

struct Expected {
    severity: Severity,
    code: String,
    line: usize,
    part: String,
}

/// The annotations of a fixture, each for the next line that is not a comment, and the codes it allows.
fn annotations(text: &str) -> (Vec<Expected>, BTreeSet<String>) {
    let (mut expected, mut allowed) = (Vec::new(), BTreeSet::new());
    for (number, line) in text.lines().enumerate() {
        let Some(comment) = line.trim().strip_prefix("// ") else { continue };
        if let Some(codes) = comment.strip_prefix("allow: ") {
            allowed.extend(codes.split_whitespace().map(str::to_owned));
            continue;
        }
        let (severity, rest) = match comment {
            _ if comment.starts_with("error[") => (Severity::Error, &comment["error[".len()..]),
            _ if comment.starts_with("warning[") => (Severity::Warning, &comment["warning[".len()..]),
            _ => continue,
        };
        let (code, part) =
            rest.split_once("]: ").unwrap_or_else(|| panic!("an annotation is `error[code]: part`, found `{comment}`"));
        let below = text.lines().skip(number + 1).position(|line| !line.trim().starts_with("//")).unwrap_or(0);
        expected.push(Expected { severity, code: code.to_owned(), line: number + below + 2, part: part.to_owned() });
    }
    (expected, allowed)
}

/// What a fixture says that is not annotated, and what is annotated and not said.
fn differences(text: &str) -> Vec<String> {
    let (expected, allowed) = annotations(text);
    let mut found = findings(&compiled(text));
    let mut differences = Vec::new();
    for expected in expected {
        let matching = found.iter().position(|(severity, code, line, message)| {
            *severity == expected.severity && *code == expected.code && *line == expected.line && message.contains(&expected.part)
        });
        match matching {
            Some(at) => drop(found.remove(at)),
            None => differences.push(format!("not said: {} at line {}: {}", expected.code, expected.line, expected.part)),
        }
    }
    let unexpected = found.into_iter().filter(|(_, code, _, _)| !allowed.contains(code));
    differences.extend(unexpected.map(|(_, code, line, message)| format!("not annotated: {code} at line {line}: {message}")));
    differences
}

fn codes() -> impl Iterator<Item = &'static str> {
    catalog::LOOP.iter().map(|entry| entry.code)
}

fn slug(code: &str) -> &str {
    code.rsplit("::").next().unwrap_or(code)
}

#[test]
fn every_fixture_shows_its_code_where_it_says_and_nothing_else() {
    let folder = root().join("tests/fixtures/diagnostics");
    let mut wrong = Vec::new();
    for code in codes().filter(|code| !WITHOUT_FIXTURE.contains(code)) {
        let text = read(&folder.join(format!("{}.kdl", slug(code))));
        let (expected, _) = annotations(&text);
        if !expected.iter().any(|expected| expected.code == code) {
            wrong.push(format!("{code}: its fixture does not show it"));
        }
        wrong.extend(differences(&text).into_iter().map(|difference| format!("{code}: {difference}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_fixture_that_is_wrong_is_noticed() {
    let text = "// error[loop::unknown-node]: no such message\nworkflow \"x\" {\n}\n";
    assert_eq!(differences(text).len(), 2, "one is not said, one is not annotated");
}

#[test]
fn every_code_that_is_said_is_in_the_catalogue_and_the_other_way_round() {
    let mut files = vec![root().join("src/compile")];
    let mut said = BTreeSet::new();
    let pattern = regex::Regex::new("\"(loop::[a-z-]+)\"").expect("a valid pattern");
    while let Some(path) = files.pop() {
        if path.is_dir() {
            files.extend(fs::read_dir(&path).expect("src is readable").flatten().map(|entry| entry.path()));
            continue;
        }
        let text = read(&path);
        let code = text.split("#[cfg(test)]").next().unwrap_or("");
        said.extend(pattern.captures_iter(code).map(|capture| capture[1].to_owned()));
    }
    let known: BTreeSet<String> = codes().map(str::to_owned).collect();
    assert_eq!(said, known);
}

#[test]
fn every_page_has_a_wrong_example_that_shows_the_code_and_a_right_one_that_does_not() {
    let mut wrong = Vec::new();
    for code in codes().filter(|code| !WITHOUT_FIXTURE.contains(code)) {
        let page = read(&root().join(format!("docs/errors/{}.md", slug(code))));
        for (must_fail, example) in examples(&page) {
            // Some are about modules, which are files of their own.
            let is_whole = example.contains("workflow \"") || example.starts_with("module ") || code == "loop::no-workflow";
            let text = match is_whole {
                true => example,
                false => format!("workflow \"example\" phase=1 {{\n{example}\n}}\n"),
            };
            let compiled = compiled(&text);
            let shown = compiled.diagnostics.iter().any(|finding| finding.code == code);
            let unreadable = compiled.diagnostics.iter().any(|finding| finding.code.starts_with("kdl::"));
            if shown != must_fail || unreadable {
                wrong.push(format!("{code}: the {} example", if must_fail { "wrong" } else { "right" }));
            }
        }
        if examples(&page).len() != 2 {
            wrong.push(format!("{code}: expected a wrong and a right example"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The codes whose findings can offer a fix, as the fixtures, the wrong examples of the pages and a few slips more show them.
const FIXABLE: &[&str] = &[
    "kdl::bad-escape",
    "kdl::bad-number",
    "kdl::bare-keyword",
    "kdl::block-on-next-line",
    "kdl::colon-value",
    "kdl::hash-comment",
    "kdl::old-raw-string",
    "kdl::spaced-equals",
    "loop::extra-argument",
    "loop::malformed-value",
    "loop::missing-file",
    "loop::needless-without",
    "loop::no-workflow",
    "loop::undeclared-parameter",
    "loop::unknown-channel",
    "loop::unknown-choice",
    "loop::unknown-connector",
    "loop::unknown-export",
    "loop::unknown-kind",
    "loop::unknown-module",
    "loop::unknown-node",
    "loop::unknown-property",
    "loop::unknown-provider",
    "loop::unknown-step",
    "loop::wrong-type",
];

/// Slips that the fixtures and pages do not show.
const MORE_SLIPS: &[&str] = &[
    "worklow \"example\" phase=1 {\n}\n",
    "workflow \"example\" phase=1 {\n    without \"strategi\"\n}\n",
    "module \"acme/example\" version=\"1.2\" {\n    about \"x\"\n    use \"std/rivals@1\" from=\"../rivals\"\n}\n",
];

#[test]
fn every_fix_that_is_offered_takes_its_fault_away_once_and_for_all() {
    let mut fixable = BTreeSet::new();
    let mut wrong = Vec::new();
    let mut texts: Vec<String> = Vec::new();
    for code in codes() {
        let fixture = root().join(format!("tests/fixtures/diagnostics/{}.kdl", slug(code)));
        texts.extend(fixture.exists().then(|| read(&fixture)));
    }
    for entry in catalog::KDL.iter().chain(catalog::LOOP) {
        let page = read(&root().join(format!("docs/errors/{}.md", slug(entry.code))));
        let examples = examples(&page).into_iter().filter(|(must_fail, _)| *must_fail);
        texts.extend(examples.map(|(_, text)| match text.contains("workflow \"") || text.starts_with("module ") {
            true => text,
            false => format!("workflow \"example\" phase=1 {{\n{text}\n}}\n"),
        }));
    }
    texts.extend(MORE_SLIPS.iter().map(|text| (*text).to_owned()));
    for text in texts {
        let before = compiled(&text);
        let offered: BTreeSet<&str> =
            before.diagnostics.iter().filter(|found| found.fix.is_some()).map(|found| found.code).collect();
        for code in offered {
            fixable.insert(code.to_owned());
            let count = |found: &[loopctl::diag::Diagnostic]| {
                found.iter().filter(|found| found.code == code && found.fix.is_some()).count()
            };
            let mended = mending::mended(&world(&text), "loop.kdl", &testing::registry(), |found| found.code == code);
            let left = count(&mended.compiled.diagnostics);
            if left > 0 || mended.fixed.is_empty() {
                wrong.push(format!("{code}: {left} left in\n{text}"));
            }
            // What was mended is as it was mended.
            if let Some((_, after)) = mended.changes.get("loop.kdl") {
                let again = mending::mended(&world(after), "loop.kdl", &testing::registry(), |found| found.code == code);
                if !again.changes.is_empty() {
                    wrong.push(format!("{code}: mended twice in\n{after}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(fixable.iter().map(String::as_str).collect::<Vec<_>>(), FIXABLE);
}

/// The `kdl` blocks of a page: whether it is marked `must-fail`, and its text.
fn examples(page: &str) -> Vec<(bool, String)> {
    let mut examples = Vec::new();
    let mut rest = page;
    while let Some((_, after)) = rest.split_once("```kdl") {
        let Some((mark, after)) = after.split_once('\n') else { break };
        let Some((text, after)) = after.split_once("\n```") else { break };
        examples.push((mark.trim() == "must-fail", text.to_owned()));
        rest = after;
    }
    examples
}
