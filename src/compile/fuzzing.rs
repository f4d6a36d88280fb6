//! What must hold for any bytes, for the fuzzer and for the test that replays what it found. Each function takes any bytes and panics when
//! something that is always true is not; the targets in `fuzz/` and `tests/it/fuzz.rs` only call them.

use super::{compile, test_file, world_file};
use crate::base::Timestamp;
use crate::base::files::MemoryFiles;
use crate::diag::render::Style;
use crate::diag::{Diagnostic, FileId, Sources, render, render_json, render_sarif};
use crate::model::GoodKind;
use crate::step::{Registry, expression, template};
use crate::syntax;
use std::ops::Range;

/// The reader and the layout: a tree and places inside the text, and a layout that reads the same and stays as it is.
pub fn reader(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (tree, diagnostics) = syntax::read(FileId(0), &text);
    let mut sources = Sources::default();
    sources.add("fuzz.kdl", &*text);
    drawn(&diagnostics, &sources);
    for node in tree.all() {
        inside(&text, node.span().range());
        inside(&text, node.head_span().range());
        for entry in node.entries() {
            inside(&text, entry.span().range());
            inside(&text, entry.value_span().range());
        }
    }
    if let Ok(formatted) = syntax::format(FileId(0), &text) {
        let (again, findings) = syntax::read(FileId(0), &formatted);
        assert_eq!(findings, [], "the layout reads without a mistake");
        assert_eq!(syntax::print(&again), syntax::print(&tree), "the layout means what the text means");
        assert_eq!(syntax::format(FileId(0), &formatted).as_deref(), Ok(formatted.as_str()), "the layout stays as it is");
    }
}

/// The compiler on a workflow, a module or a file of tests: findings in the order of the file, places inside the texts, and no workflow
/// beside an error.
pub fn compiler(bytes: &[u8], registry: &Registry) {
    let text = String::from_utf8_lossy(bytes);
    let files = MemoryFiles::new([
        ("fuzz.kdl", &*text),
        ("fuzz.test.kdl", &*text),
        ("fuzz.world.kdl", &*text),
        ("templates/outline.hbs", "# {{brief.title}}\n"),
        ("templates/draft.hbs", "{{outline.text}}\n"),
        ("data/search-console.csv", "Query,Clicks\n"),
        ("data/events.jsonl", "{}\n"),
        ("client-os/pillars.kdl", "pillar \"Operations\" weight=1.0\n"),
    ]);
    let compiled = compile(&files, "fuzz.kdl", registry);
    assert!(compiled.workflow.is_none() || !compiled.has_errors());
    drawn(&compiled.diagnostics, &compiled.sources);
    let tests = test_file::read(&files, "fuzz.test.kdl", registry);
    drawn(&tests.diagnostics, &tests.sources);
    let worlds = world_file::read(&files, "fuzz.world.kdl", registry);
    drawn(&worlds.diagnostics, &worlds.sources);
}

/// A template: what is wrong with it stands inside it, and what is right can be rendered or says why not.
pub fn templates(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for takes in inputs() {
        for problem in template::check(&text, takes) {
            inside(&text, problem.range);
        }
    }
    let data =
        serde_json::json!({ "brief": { "title": "t", "claims": [{ "id": "c1", "text": "x" }] }, "outline": { "text": "o" } });
    let _ = template::render(&text, &data);
}

/// An expression: what is wrong with it stands inside it, and what is right can be computed or says why not.
pub fn expressions(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for takes in inputs() {
        for wanted in ["value", "when", ""] {
            for problem in expression::check_for(&text, takes, expression::Wanted::of_node(wanted)) {
                inside(&text, problem.range);
            }
        }
    }
    if let Ok(program) = expression::compile(&text) {
        let signal =
            serde_json::json!({ "topic": "t", "volume": 3.0, "at": "2026-01-01T00:00:00Z", "evidence": [{ "source": "s" }] });
        let scope = expression::Scope::new(Timestamp(1_700_000_000_000)).with("signal", signal);
        let pool = expression::Pool::new(&program, [&scope]);
        let _ = expression::evaluate_in(&program, &scope, &pool);
    }
}

fn inputs() -> [&'static [GoodKind]; 3] {
    [&[GoodKind::Signal], &[GoodKind::Outline, GoodKind::Draft], &[GoodKind::Lead]]
}

fn inside(text: &str, range: Range<usize>) {
    assert!(text.get(range.clone()).is_some(), "{range:?} is no range of the text");
}

fn drawn(diagnostics: &[Diagnostic], sources: &Sources) {
    for finding in diagnostics {
        let places = finding.labels.iter().map(|label| label.span).chain(finding.fix.as_ref().map(|fix| fix.span));
        for span in places {
            let file = sources.get(span.file).expect("a finding points into a text of the run");
            inside(&file.text, span.range());
        }
    }
    let firsts = || diagnostics.iter().filter_map(Diagnostic::span);
    assert!(firsts().zip(firsts().skip(1)).all(|(one, next)| one <= next), "findings stand in the order of the file");
    let shown = &diagnostics[..diagnostics.len().min(20)];
    let human = render(shown, sources, &Style::default());
    assert!(
        human.chars().all(|character| matches!(character, '\n' | '\t') || !character.is_control()),
        "nothing a terminal obeys"
    );
    for machine in [render_json(shown, sources), render_sarif(shown, sources)] {
        assert!(serde_json::from_str::<serde_json::Value>(&machine).is_ok(), "formats for machines are well-formed");
    }
}
