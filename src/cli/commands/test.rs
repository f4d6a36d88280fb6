//! `loopctl test`: runs the tests that stand beside workflows.

use crate::builtin;
use crate::cli::args::Test;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::compile::test_file::{self, TestFile};
use crate::diag::{self, Diagnostic, Sources};
use crate::rehearse::{self, Verdict, junit};
use crate::report::style::{BAD, CODE, DIM, GOOD, count, paint, plain};
use crate::world::DiskFiles;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Folders below one another; deeper is taken for a circle of links.
const DEEPEST: usize = 32;

/// A test with the file it stands in.
struct Found<'f> {
    path: &'f str,
    file: &'f TestFile,
    test: &'f test_file::Test,
}

pub fn run(args: &Test, output: &Output) -> Result<Exit, Failure> {
    let start = Instant::now();
    let paths = collect(&args.files)?;
    let files: Vec<(String, TestFile)> = paths
        .iter()
        .map(|path| {
            let path = path.display().to_string();
            let file = test_file::read(&DiskFiles::new(""), &path, builtin::registry());
            (path, file)
        })
        .collect();
    let broken = tell_mistakes(&files, output);
    let wanted = |name: &str| args.filter.as_deref().is_none_or(|filter| name.to_lowercase().contains(&filter.to_lowercase()));
    let found: Vec<Found<'_>> = files
        .iter()
        .flat_map(|(path, file)| file.tests.iter().map(move |test| Found { path, file, test }))
        .filter(|found| wanted(&found.test.name))
        .collect();
    if found.is_empty() && broken.is_empty() {
        return Err(match &args.filter {
            Some(filter) => Failure::new("cli::no-tests", format!("no test has `{}` in its name", plain(filter)))
                .help("`loopctl test` alone runs every test"),
            None => nothing_here(),
        });
    }
    let tests: Vec<&test_file::Test> = found.iter().map(|found| found.test).collect();
    let mut verdicts: Vec<Verdict> = Vec::with_capacity(found.len());
    rehearse::run_all(&tests, Path::new(""), builtin::registry(), |at, verdict| {
        if !output.json {
            output.text(&line(&found[at], &verdict, output));
        }
        verdicts.push(verdict);
    });
    let failed = verdicts.iter().filter(|verdict| !verdict.passed()).count();
    // A thread that broke off has told its panic; what it left out has not passed.
    let unheard = found.len() - verdicts.len();
    if let Some(path) = &args.junit {
        write_junit(path, &found, &verdicts, &files)?;
    }
    if output.json {
        output.facts("tests", &facts(&found, &verdicts, &files, failed));
    } else {
        output.text(&summary(verdicts.len() - failed, failed + unheard, broken.len(), start.elapsed()));
    }
    Ok(match (broken.is_empty(), failed + unheard) {
        (false, _) => Exit::InvalidWorkflow,
        (true, 0) => Exit::Ok,
        (true, _) => Exit::Findings,
    })
}

/// The test files that are named, those below the folders that are named, or all below the current folder.
fn collect(named: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut found = BTreeSet::new();
    if named.is_empty() {
        below(Path::new(""), 0, &mut found);
        return if found.is_empty() { Err(nothing_here()) } else { Ok(found.into_iter().collect()) };
    }
    for path in named {
        if path.is_dir() {
            let before = found.len();
            below(path, 0, &mut found);
            if found.len() == before {
                return Err(Failure::new("cli::no-tests", format!("there is no test below `{}`", path.display()))
                    .help("the names of test files end with `.test.kdl`"));
            }
        } else if path.is_file() {
            found.insert(path.clone());
        } else {
            return Err(Failure::new("cli::no-such-file", format!("cannot read `{}`: no such file", path.display()))
                .help("check the path; `loopctl test` alone finds all test files"));
        }
    }
    Ok(found.into_iter().collect())
}

fn nothing_here() -> Failure {
    Failure::new("cli::no-tests", "there is no test here")
        .help("write one beside a workflow, in `tests/NAME.test.kdl`; docs/language/tests.md shows how")
}

/// Test files below a folder, but not in what is built, installed or hidden.
fn below(folder: &Path, depth: usize, found: &mut BTreeSet<PathBuf>) {
    let place = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    for entry in std::fs::read_dir(place).into_iter().flatten().flatten() {
        let Ok(name) = entry.file_name().into_string() else { continue };
        if name.starts_with('.') || matches!(name.as_str(), "target" | "node_modules") {
            continue;
        }
        match entry.file_type() {
            Ok(kind) if kind.is_dir() && depth < DEEPEST => below(&folder.join(&name), depth + 1, found),
            Ok(_) if test_file::is_test_file(&name) && entry.path().is_file() => {
                found.insert(folder.join(&name));
            }
            _ => {}
        }
    }
}

/// Shows what is wrong with the files themselves; gives the paths of those with errors.
fn tell_mistakes<'f>(files: &'f [(String, TestFile)], output: &Output) -> Vec<&'f str> {
    let mut broken = Vec::new();
    for (path, file) in files {
        if !file.diagnostics.is_empty() && !output.json {
            output.diagnostics(&file.sources, &file.diagnostics);
        }
        if file.diagnostics.iter().any(Diagnostic::is_error) {
            broken.push(path.as_str());
        }
    }
    broken
}

/// `PASS   0.412s  workflows/tests/a.test.kdl  the sentence`, and what was not met.
fn line(found: &Found<'_>, verdict: &Verdict, output: &Output) -> String {
    let word = if verdict.passed() { paint(GOOD, "PASS") } else { paint(BAD, "FAIL") };
    let place = paint(DIM, found.path);
    let mut text = format!("{word} {:>8.3}s  {place}  {}\n", verdict.took.as_secs_f64(), plain(&found.test.name));
    if !verdict.passed() {
        let color = anstream::AutoStream::choice(&std::io::stdout()) != anstream::ColorChoice::Never;
        text.push_str(&told(verdict, &found.file.sources, output.width(), color));
    }
    text
}

/// The failures of a test as people read them.
fn told(verdict: &Verdict, sources: &Sources, width: usize, color: bool) -> String {
    let style = diag::Style { width, color, unicode: true };
    let mut text = String::new();
    for failure in &verdict.failures {
        text.push_str(diag::render(std::slice::from_ref(&failure.diagnostic), sources, &style).trim_end());
        for (at, found) in failure.found.iter().enumerate() {
            let head = if at == 0 { "found:" } else { "      " };
            let head = if color { paint(CODE, head) } else { head.to_owned() };
            text.push_str(&format!("\n  {head} {}", crate::report::style::fit(found, width.saturating_sub(9))));
        }
        text.push_str("\n\n");
    }
    text
}

fn summary(passed: usize, failed: usize, broken: usize, took: Duration) -> String {
    let mut parts = vec![format!("{passed} passed")];
    if failed > 0 {
        parts.push(format!("{failed} failed"));
    }
    if broken > 0 {
        parts.push(format!("{} not valid", count(broken, "file")));
    }
    let mark = if failed + broken == 0 { paint(GOOD, "✓") } else { paint(BAD, "✗") };
    format!("{mark} {} {}", parts.join(", "), paint(DIM, format!("({:.3}s)", took.as_secs_f64())))
}

fn facts(found: &[Found<'_>], verdicts: &[Verdict], files: &[(String, TestFile)], failed: usize) -> Value {
    let tests: Vec<Value> = found
        .iter()
        .zip(verdicts)
        .map(|(found, verdict)| {
            let failures: Vec<Value> = verdict
                .failures
                .iter()
                .map(|failure| {
                    let list = diag::formats::json_value(std::slice::from_ref(&failure.diagnostic), &found.file.sources);
                    json!({"diagnostic": list["diagnostics"][0], "found": failure.found})
                })
                .collect();
            json!({
                "file": found.path,
                "name": found.test.name,
                "line": line_of(found),
                "passed": verdict.passed(),
                "seconds": verdict.took.as_secs_f64(),
                "failures": failures,
            })
        })
        .collect();
    let mistakes: Vec<Value> = files
        .iter()
        .flat_map(|(_, file)| match diag::formats::json_value(&file.diagnostics, &file.sources)["diagnostics"].take() {
            Value::Array(list) => list,
            _ => Vec::new(),
        })
        .collect();
    json!({"passed": verdicts.len() - failed, "failed": failed, "results": tests, "diagnostics": mistakes})
}

fn line_of(found: &Found<'_>) -> usize {
    let span = found.test.span;
    found.file.sources.get(span.file).map_or(1, |file| file.position(span.start as usize).0)
}

fn write_junit(path: &Path, found: &[Found<'_>], verdicts: &[Verdict], files: &[(String, TestFile)]) -> Result<(), Failure> {
    let cases: Vec<junit::Case<'_>> = found
        .iter()
        .zip(verdicts)
        .map(|(found, verdict)| junit::Case {
            file: found.path,
            name: &found.test.name,
            verdict,
            told: told(verdict, &found.file.sources, 100, false),
        })
        .collect();
    let unwritten = |error: std::io::Error| {
        Failure::new("cli::cannot-write", format!("cannot write `{}`: {error}", path.display()))
            .help("name a file in a folder that exists and is yours")
    };
    let style = diag::Style { width: 100, color: false, unicode: true };
    let mistakes: Vec<junit::Mistake<'_>> = files
        .iter()
        .filter_map(|(path, file)| {
            let first = file.diagnostics.iter().find(|finding| finding.is_error())?;
            let told = diag::render(&file.diagnostics, &file.sources, &style);
            Some(junit::Mistake { file: path, message: &first.message, told })
        })
        .collect();
    let text = junit::render(&cases, &mistakes).map_err(unwritten)?;
    std::fs::write(path, text).map_err(unwritten)
}
