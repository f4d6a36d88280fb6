//! From the text of a test file to tests that can be run.
//!
//! The decoder of the compiler knows the words and their types; this file looks names up in the workflow that each test is about.

use super::words::TEST;
use super::{Answer, Decision, Expectation, Fixtures, Range, Test, TestFile};
use crate::base::files::{FileError, Files};
use crate::base::{StepId, Timestamp};
use crate::client_os;
use crate::compile::decode::{Decoder, Reference};
use crate::compile::{compile, paths, scalar};
use crate::diag::{Diagnostic, Sources, Span, diagnostic, nearest};
use crate::model::{Config, Scalar, Step, Workflow};
use crate::step::{KindSpec, Registry};
use crate::syntax::{self, Node};
use std::collections::BTreeMap;
use std::sync::Arc;

/// More cycles than this are a mistake: a year of weeks is 52.
const MOST_CYCLES: i64 = 100;

/// Reads the test file at `path` and compiles the workflows that it names.
pub fn read(files: &dyn Files, path: &str, registry: &Registry) -> TestFile {
    let mut sources = Sources::default();
    let text = match files.text(path) {
        Ok(text) => text,
        Err(error) => {
            let finding = Diagnostic::error("loop::unreadable-file", format!("cannot read `{path}`: {error}"))
                .help("name a test file; `loopctl test` alone finds them");
            return TestFile { tests: Vec::new(), sources, diagnostics: vec![finding] };
        }
    };
    let file = sources.add(path, text.clone());
    let (tree, mut sink) = syntax::read(file, &text);
    let folder = paths::parent(path);
    let mut reader = Reader { files, folder: &folder, registry, sink: &mut sink };
    let mut tests = Vec::new();
    let mut names: BTreeMap<String, Span> = BTreeMap::new();
    let mut seen = false;
    for root in tree.roots() {
        if root.name() != "test" {
            reader.stranger(root);
            if nearest(root.name(), ["test"]).is_none() {
                continue;
            }
        }
        seen = true;
        let before = reader.sink.len();
        let test = reader.test(root, &mut names);
        // A test with a mistake would run as something else than what was meant.
        let sound = !reader.sink[before..].iter().any(Diagnostic::is_error);
        tests.extend(test.filter(|_| sound && !root.is_broken()));
    }
    if !seen && sink.is_empty() {
        let finding = Diagnostic::error("test::no-tests", "there is no test in this file")
            .at(Span::new(file, 0, 0), "expected `test \"…\" { … }`");
        sink.push(finding.help(format!("write one like `{}`", TEST.example)));
    }
    diagnostic::sort(&mut sink);
    TestFile { tests, sources, diagnostics: sink }
}

/// Reads the lines of a test; worlds, which name workflows and steps in the same way, use it too.
pub(in crate::compile) struct Reader<'r> {
    pub files: &'r dyn Files,
    /// The folder of the file that is read.
    pub folder: &'r str,
    pub registry: &'r Registry,
    pub sink: &'r mut Vec<Diagnostic>,
}

/// One line of a test: its node, what was decoded of it, and the values in it that name something.
pub(in crate::compile) struct Line<'l> {
    pub node: Node<'l>,
    pub config: &'l Config,
    pub references: Vec<&'l Reference>,
}

/// The lines in the block of `node`. What stands in for a setting that was left out has no line.
pub(in crate::compile) fn lines<'l>(node: Node<'l>, config: &'l Config, references: &'l [Reference]) -> Vec<Line<'l>> {
    let line = |config: &'l Config| {
        let node = node.children().find(|child| child.span() == config.span)?;
        Some(Line { node, config, references: references.iter().filter(|reference| reference.node == node.span()).collect() })
    };
    config.children.iter().filter_map(line).collect()
}

impl Line<'_> {
    pub fn text(&self, name: &str) -> Option<String> {
        self.config.prop(name).and_then(Scalar::text).map(str::to_owned)
    }

    pub fn arg(&self, number: usize) -> &str {
        self.config.args.get(number).and_then(Scalar::text).unwrap_or("")
    }

    pub fn span(&self) -> Span {
        self.node.head_span()
    }

    pub fn prop_span(&self, name: &str) -> Span {
        self.node.prop(name).map_or(self.span(), |entry| entry.value_span())
    }

    pub fn arg_span(&self, number: usize) -> Span {
        self.config.arg_spans.get(number).copied().unwrap_or(self.span())
    }

    pub(super) fn reference(&self, holder: &str) -> Option<&Reference> {
        self.references.iter().copied().find(|reference| reference.holder == holder && !reference.is_argument)
    }
}

impl Reader<'_> {
    /// Something that is not `test` at the top of the file.
    fn stranger(&mut self, node: Node<'_>) {
        let finding = Diagnostic::error("loop::unknown-node", format!("expected `test`, found `{}`", node.name()))
            .at(node.name_span(), "only tests stand here");
        self.sink.push(match (nearest(node.name(), ["test"]), node.name()) {
            (Some(near), _) => finding.help("did you mean `test`?").fix("write `test`", node.name_span(), near),
            (None, "workflow") => {
                finding.help("a workflow has a file of its own; a test names it: `test \"…\" { workflow \"first-loop.kdl\" … }`")
            }
            (None, _) => finding.help(format!("write `{}`", TEST.example)),
        });
    }

    fn test(&mut self, node: Node<'_>, names: &mut BTreeMap<String, Span>) -> Option<Test> {
        let mut decoder = Decoder::new(self.sink);
        let config = decoder.node(node, &TEST);
        let references = std::mem::take(&mut decoder.references);
        let name = config.arg().and_then(Scalar::text).unwrap_or("").to_owned();
        let name_span = config.arg_spans.first().copied().unwrap_or(node.head_span());
        if let Some(first) = names.get(&name) {
            self.sink.push(
                Diagnostic::error("loop::repeated-name", format!("two tests are called `{name}`"))
                    .at(name_span, "the same name again")
                    .at(*first, "first used here")
                    .help("a test's name is the sentence it proves: say how this one differs"),
            );
        }
        names.entry(name.clone()).or_insert(name_span);
        let lines = lines(node, &config, &references);
        let all = |name: &'static str| lines.iter().filter(move |line| line.config.name == name);
        let cycles = match all("cycles").next() {
            Some(line) => self.cycles(line),
            None => 1,
        };
        let fixtures = self.contents(all("file"));
        let fixtures: BTreeMap<String, Arc<str>> =
            fixtures.into_iter().map(|(path, text)| (paths::join("", &path), text)).collect();
        let pages = self.contents(all("page"));
        let writes = self.contents(all("writes"));
        let line = all("workflow").next()?;
        let (folder, mut workflow) = self.workflow(line, &fixtures)?;
        match config.text("at").and_then(|text| Timestamp::parse_in(text, &workflow.zone)) {
            Some(at) => workflow.recorded_from = Some(at),
            None if workflow.recorded_from.is_none() && config.text("at").is_none() => self.sink.push(
                Diagnostic::error("loop::missing-node", "`test` needs `at`")
                    .at(node.head_span(), "`at` is missing in its block")
                    .help("the workflow is no recording, so say when it is: `at \"2024-07-01 06:00\"`"),
            ),
            None => {}
        }
        let behind = Fixtures { texts: &fixtures, behind: self.files, folder: &folder };
        let client_os = workflow.client_os.as_ref().map(|folder| client_os::read(&behind, folder).0).unwrap_or_default();
        let decisions = all("decide").filter_map(|line| self.decision(line, &workflow, cycles)).collect();
        let expectations =
            lines.iter().filter_map(|line| self.expectation(line, &workflow, cycles)).collect::<Vec<Expectation>>();
        if expectations.is_empty() && !node.children().any(|child| child.name().starts_with("expect")) {
            self.sink.push(
                Diagnostic::error("loop::missing-node", "`test` needs `expect`")
                    .at(node.head_span(), "nothing is expected, so it cannot fail")
                    .help("add `expect \"outlines\" count=3`, `expect-published`, `expect-parameter` or `expect-end`"),
            );
        }
        Some(Test {
            name,
            span: node.head_span(),
            folder,
            workflow: Arc::new(workflow),
            client_os: Arc::new(client_os),
            fixtures,
            pages,
            writes,
            cycles,
            decisions,
            expectations,
        })
    }

    fn cycles(&mut self, line: &Line<'_>) -> u32 {
        let number = line.config.arg().and_then(Scalar::integer).unwrap_or(1);
        self.number(number, 1, MOST_CYCLES, "`cycles`", line.arg_span(0)).unwrap_or(1) as u32
    }

    pub fn number(&mut self, number: i64, least: i64, most: i64, what: &str, span: Span) -> Option<u64> {
        if (least..=most).contains(&number) {
            return u64::try_from(number).ok();
        }
        let range = if most == i64::MAX { format!("{least} or more") } else { format!("a number from {least} to {most}") };
        self.sink.push(
            Diagnostic::error("loop::out-of-range", format!("{what} takes {range}, found `{number}`"))
                .at(span, "out of range")
                .help(format!("write {range}")),
        );
        None
    }

    pub(super) fn count(&mut self, line: &Line<'_>, name: &str, least: i64, most: i64) -> Option<u64> {
        let number = line.config.prop(name).and_then(Scalar::integer)?;
        self.number(number, least, most, &format!("`{name}`"), line.prop_span(name))
    }

    /// `count=`, or `least=` and `most=`.
    pub(super) fn range(&mut self, line: &Line<'_>) -> Range {
        let count = self.count(line, "count", 0, i64::MAX);
        let range = Range { least: self.count(line, "least", 0, i64::MAX), most: self.count(line, "most", 0, i64::MAX) };
        match count {
            Some(_) if !range.is_open() => {
                self.sink.push(
                    Diagnostic::error("loop::repeated-property", "`count` says already how many")
                        .at(line.span(), "`count` beside `least` or `most`")
                        .help("keep `count`, or `least` and `most`"),
                );
                range
            }
            Some(count) => Range { least: Some(count), most: Some(count) },
            None => range,
        }
    }

    /// The contents of lines such as `file "path" text="…"`, by their first argument.
    fn contents<'l>(&mut self, lines: impl Iterator<Item = &'l Line<'l>>) -> BTreeMap<String, Arc<str>> {
        let mut contents = BTreeMap::new();
        for line in lines {
            if let Some(text) = self.content(line) {
                contents.insert(line.arg(0).to_owned(), text);
            }
        }
        contents
    }

    /// `text="…"` or `from="file"`: exactly one of the two.
    fn content(&mut self, line: &Line<'_>) -> Option<Arc<str>> {
        let name = &line.config.name;
        match (line.text("text"), line.text("from")) {
            (Some(text), None) => Some(Arc::from(text)),
            (None, Some(path)) => {
                let full = paths::join(self.folder, &path);
                let read = self.files.text(&full);
                read.map_err(|error| self.missing_file(&path, &full, &error, line.prop_span("from"))).ok()
            }
            (Some(_), Some(_)) => {
                self.sink.push(
                    Diagnostic::error("loop::repeated-property", "`text` and `from` both say what it holds")
                        .at(line.prop_span("from"), "said again here")
                        .at(line.prop_span("text"), "first said here")
                        .help("keep one of them"),
                );
                None
            }
            // A misspelled property was said already.
            (None, None) if line.node.props().next().is_some_and(|entry| entry.name().is_some_and(|(n, _)| n != "item")) => None,
            (None, None) => {
                self.sink.push(
                    Diagnostic::error("loop::missing-property", format!("`{name}` needs `text=` or `from=`"))
                        .at(line.span(), "it holds nothing")
                        .help("write the content as `text=\"…\"`, or name a file that holds it: `from=\"page.html\"`"),
                );
                None
            }
        }
    }

    fn missing_file(&mut self, path: &str, full: &str, error: &FileError, span: Span) {
        self.sink.push(
            Diagnostic::error("loop::missing-file", format!("cannot read `{}`: {error}", scalar::shorten(path)))
                .at(span, "named here")
                .help(format!("paths are relative to the folder of this file: `{full}` was looked for")),
        );
    }

    /// The folder and the value of the workflow that a test is about.
    pub fn workflow(&mut self, line: &Line<'_>, fixtures: &BTreeMap<String, Arc<str>>) -> Option<(String, Workflow)> {
        let path = line.arg(0);
        if path.is_empty() {
            return None;
        }
        let full = paths::join(self.folder, path);
        let folder = paths::parent(&full);
        let stage = Fixtures { texts: fixtures, behind: self.files, folder: &folder };
        if let Err(error) = stage.text(paths::name(&full)) {
            self.missing_file(path, &full, &error, line.arg_span(0));
            return None;
        }
        let compiled = compile(&stage, paths::name(&full), self.registry);
        if compiled.workflow.is_none() {
            let mut errors = compiled.diagnostics.iter().filter(|finding| finding.is_error());
            let finding = Diagnostic::error("test::broken-workflow", format!("`{path}` is not valid"));
            let first = errors.next().map_or_else(String::new, |first| match first.span() {
                Some(span) => {
                    let place = compiled.sources.get(span.file).map(|file| (file.position(span.start as usize).0, &file.name));
                    let (number, name) = place.map_or((0, paths::name(&full)), |(line, name)| (line, name.as_str()));
                    format!("{name}:{number}: {}", first.message)
                }
                None => first.message.clone(),
            });
            let more = errors.count();
            let more = if more == 0 { String::new() } else { format!(" (and {more} more)") };
            self.sink.push(
                finding
                    .at(line.arg_span(0), "this workflow cannot be run")
                    .help(format!("{first}{more}; `loopctl validate {full}` shows it")),
            );
        }
        compiled.workflow.map(|workflow| (folder, workflow))
    }

    /// The step of this name with what its kind says of itself.
    pub(super) fn step<'w>(&mut self, name: &str, span: Span, workflow: &'w Workflow) -> Option<(&'w Step, &'static KindSpec)> {
        let step = workflow.step(&StepId::new(name));
        if step.is_none() {
            let finding = Diagnostic::error("loop::unknown-step", format!("unknown step `{name}`"))
                .at(span, format!("no step of `{}` has this name", workflow.id));
            let near = nearest(name, workflow.steps.iter().map(|step| step.id.as_str()));
            self.sink.push(match near {
                Some(near) => {
                    finding.help(format!("did you mean `{near}`?")).fix(format!("write `{near}`"), span, format!("\"{near}\""))
                }
                None => finding.help("name a step of the workflow that this is about"),
            });
        }
        let step = step?;
        let kind = self.registry.find(&step.verb, step.connector.as_deref())?;
        Some((step, kind.spec()))
    }

    fn decision(&mut self, line: &Line<'_>, workflow: &Workflow, cycles: u32) -> Option<Decision> {
        let (step, spec) = self.step(line.arg(0), line.arg_span(0), workflow)?;
        if !spec.decides {
            let gates = workflow
                .steps
                .iter()
                .filter(|step| self.registry.find(&step.verb, step.connector.as_deref()).is_some_and(|kind| kind.spec().decides));
            let gates: Vec<&str> = gates.map(|step| step.id.as_str()).collect();
            self.sink.push(
                Diagnostic::error("loop::unknown-step", format!("nobody decides at `{}`, which is a `{}`", step.id, step.verb))
                    .at(line.arg_span(0), "expected the name of a gate")
                    .help(format!("expected {}", scalar::one_of(gates))),
            );
            return None;
        }
        let word = line.arg(1);
        let answer = match word {
            "edit" => Answer::Edit(self.content(line)?.to_string()),
            "reject" => Answer::Reject(line.text("reason")),
            "wait" => Answer::Wait,
            "send-back" => Answer::SendBack {
                to: self.way_back(line, &step.id)?,
                reason: line.text("reason").unwrap_or_else(|| "make it again".to_owned()),
            },
            _ => Answer::Approve,
        };
        let only_of = [
            ("text", "edit"),
            ("from", "edit"),
            ("to", "send-back"),
            ("reason", if word == "send-back" { "send-back" } else { "reject" }),
        ];
        if let Some((prop, of)) = only_of.iter().find(|(prop, of)| *of != word && line.config.prop(prop).is_some()) {
            self.sink.push(
                Diagnostic::error("loop::unknown-property", format!("`{prop}` says nothing beside `{word}`"))
                    .at(line.prop_span(prop), format!("belongs to `{of}`"))
                    .help(format!("write `\"{of}\"`, or remove it")),
            );
        }
        let item = self.count(line, "item", 1, 10_000).map(|item| item as u32);
        let cycle = self.count(line, "cycle", 1, i64::from(cycles)).map(|cycle| cycle as u32);
        Some(Decision { span: line.span(), gate: step.id.clone(), answer, item, cycle })
    }

    /// The step that makes a piece again.
    fn way_back(&mut self, line: &Line<'_>, gate: &StepId) -> Option<StepId> {
        let to = line.text("to").filter(|to| !to.is_empty());
        if to.is_none() {
            self.sink.push(
                Diagnostic::error("loop::missing-property", "`send-back` lacks `to`")
                    .at(line.span(), "expected the step that makes the piece again")
                    .help(format!("`to=\"…\"` names a step that `send-back` names at `{gate}`")),
            );
        }
        to.map(StepId::new)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Expected;
    use super::*;
    use crate::base::files::MemoryFiles;
    use crate::compile::testing;

    const LOOP: &str = r#"workflow "small" phase=1 {
    timezone "Europe/London"
    client-os "client-os"
    provider "drafter" kind="template"
    channel "blog" kind="files" { dir "out/blog" }
    intelligence { source "press" kind="csv" { path "data/press.csv" }; aggregate "market" { from "press" } }
    strategy { score "chances" { from "market"; rule "demand" weight=1.0 { value "signal.volume" } } }
    production {
        brief "briefs" { from "chances" }
        outline "outlines" { from "briefs"; provider "drafter"; cap 3 }
        gate "editor" { from "outlines"; by "content-team" }
        draft "drafts" { from "editor"; provider "drafter"; cap 3 }
        gate "publisher" { from "drafts"; by "content-team" }
    }
    distribution { route "channels" { from "publisher"; to "blog" }; publish "out" { from "channels" } }
}
"#;

    /// What is read of a test with these lines in its block, in a world with a small loop.
    fn read_lines(lines: &str) -> TestFile {
        let text = format!("test \"t\" {{\n    workflow \"../small.kdl\"\n    at \"2024-07-01 06:00\"\n{lines}\n}}\n");
        read_text(&text)
    }

    fn read_text(text: &str) -> TestFile {
        let files = MemoryFiles::new([
            ("loops/small.kdl", LOOP),
            ("loops/broken.kdl", "workflow \"broken\" {\n    abuot \"x\"\n}\n"),
            ("loops/data/press.csv", "Title,Clicks\nA,1\n"),
            ("loops/client-os/pillars.kdl", "pillar \"Operations\" weight=1.0\n"),
            ("loops/tests/words.md", "# Words\n"),
            ("loops/tests/a.test.kdl", text),
        ]);
        super::read(&files, "loops/tests/a.test.kdl", &testing::registry())
    }

    /// Code, and the text that is pointed at.
    fn found(file: &TestFile) -> Vec<(&'static str, &str)> {
        let place = |finding: &Diagnostic| finding.span().map_or("", |span| file.sources.slice(span));
        file.diagnostics.iter().map(|finding| (finding.code, place(finding))).collect()
    }

    #[test]
    fn a_sound_test_is_read_whole() {
        let file = read_lines(
            r##"
    cycles 2
    file "data/press.csv" text="Title,Clicks\nB,2\n"
    page "https://example.com/pricing" from="words.md"
    writes "draft" text="# D"
    decide "editor" "edit" item=1 cycle=2 text="# E"
    decide "publisher" "reject" reason="no"
    expect "editor" where="outline.edited" count=1 cycle=2
    expect "outlines" deferred=7
    expect-published "blog" most=3
    expect-end "complete""##,
        );
        assert_eq!(found(&file), []);
        let [test] = file.tests.as_slice() else { panic!("one test") };
        assert_eq!((test.name.as_str(), test.folder.as_str(), test.cycles), ("t", "loops", 2));
        // 06:00 in London in summer.
        assert_eq!(test.workflow.recorded_from, Timestamp::parse("2024-07-01T05:00:00Z"));
        assert_eq!(test.fixtures["data/press.csv"].as_ref(), "Title,Clicks\nB,2\n");
        assert_eq!(test.pages["https://example.com/pricing"].as_ref(), "# Words\n");
        assert_eq!(test.decisions[0].answer, Answer::Edit("# E".into()));
        assert_eq!((test.decisions[0].item, test.decisions[0].cycle), (Some(1), Some(2)));
        assert_eq!(test.client_os.pillars[0].name, "Operations");
        let [editor, outlines, _, _] = test.expectations.as_slice() else { panic!("four expectations") };
        assert!(matches!(&editor.what, Expected::Items(items) if items.count == Some(Range { least: Some(1), most: Some(1) })));
        assert!(matches!(&outlines.what, Expected::Items(items) if items.count.is_none() && items.deferred == Some(7)));
    }

    #[test]
    fn each_mistake_is_said_once_where_it_stands() {
        let cases = [
            ("expect \"outlinse\"", ("loop::unknown-step", "\"outlinse\"")),
            ("expect \"outlines\" where=\"outline.titel == 'x'\"", ("loop::bad-expression", "titel")),
            ("expect \"outlines\" all=\"draft.edited\"", ("loop::bad-expression", "draft")),
            ("expect \"outlines\" where=\"size(outline.text)\"", ("loop::bad-expression", "size(outline.text)")),
            ("expect \"outlines\" kind=\"lead\"", ("loop::unknown-choice", "\"lead\"")),
            ("expect \"outlines\" count=1 least=1", ("loop::repeated-property", "expect \"outlines\" count=1 least=1")),
            ("expect \"outlines\" count=-1", ("loop::out-of-range", "-1")),
            ("expect \"outlines\" cycle=2", ("loop::out-of-range", "2")),
            ("expect \"outlines\" cuont=1", ("loop::unknown-property", "cuont")),
            ("expect-published \"blgo\"", ("loop::unknown-channel", "\"blgo\"")),
            ("expect-parameter \"chances.demnad\" least=0.1", ("loop::unknown-parameter", "demnad")),
            ("expect-end \"done\"", ("loop::unknown-choice", "\"done\"")),
            ("expect-edn \"waiting\"", ("loop::unknown-node", "expect-edn")),
            ("decide \"outlines\" \"approve\"; expect \"out\"", ("loop::unknown-step", "\"outlines\"")),
            ("decide \"editor\" \"edit\"; expect \"out\"", ("loop::missing-property", "decide \"editor\" \"edit\"")),
            (
                "decide \"editor\" \"edit\" item=1; expect \"out\"",
                ("loop::missing-property", "decide \"editor\" \"edit\" item=1"),
            ),
            ("decide \"editor\" \"approve\" reason=\"x\"; expect \"out\"", ("loop::unknown-property", "\"x\"")),
            ("page \"https://example.com\" from=\"none.html\"; expect \"out\"", ("loop::missing-file", "\"none.html\"")),
            ("cycles 0; expect \"out\"", ("loop::out-of-range", "0")),
            ("cycles 2", ("loop::missing-node", "test \"t\"")),
        ];
        for (lines, expected) in cases {
            let file = read_lines(lines);
            assert_eq!(found(&file), [expected], "{lines}");
            assert!(file.tests.is_empty(), "a test with a mistake is not run: {lines}");
            assert!(file.diagnostics.iter().all(|finding| finding.help.is_some()), "{lines}");
        }
    }

    #[test]
    fn what_stands_around_tests_is_checked_too() {
        let test = |name: &str, inside: &str| format!("test \"{name}\" {{ {inside}; expect \"out\" }}\n");
        let at = "at \"2024-07-01\"; workflow";
        let cases = [
            (String::new(), vec![("test::no-tests", "")]),
            ("workflow \"x\"\n".to_owned(), vec![("loop::unknown-node", "workflow")]),
            (test("a", "workflow \"../small.kdl\""), vec![("loop::missing-node", "test \"a\"")]),
            (test("a", &format!("{at} \"../none.kdl\"")), vec![("loop::missing-file", "\"../none.kdl\"")]),
            (test("a", &format!("{at} \"../broken.kdl\"")), vec![("test::broken-workflow", "\"../broken.kdl\"")]),
            (test("a", &format!("{at} \"../small.kdl\"")).repeat(2), vec![("loop::repeated-name", "\"a\"")]),
        ];
        for (text, expected) in cases {
            assert_eq!(found(&read_text(&text)), expected, "{text}");
        }
        // The sound ones beside a wrong one are run all the same.
        let mixed = test("good", &format!("{at} \"../small.kdl\"")) + &test("bad", &format!("{at} \"../none.kdl\""));
        assert_eq!(read_text(&mixed).tests.iter().map(|test| test.name.as_str()).collect::<Vec<_>>(), ["good"]);
    }

    #[test]
    fn a_fixture_counts_when_the_workflow_is_compiled() {
        // On the disk the workflow has the step; in the one that is laid over it there is none.
        let file = read_lines("file \"small.kdl\" text=\"workflow \\\"other\\\" { }\"; expect \"out\"");
        assert_eq!(found(&file), [("loop::unknown-step", "\"out\"")]);
    }
}
