//! The built-in modules: each is sound, documented, exampled and tested, and its tests pass.

use loopctl::builtin;
use loopctl::compile::modules::page;
use loopctl::compile::{compile, test_file};
use loopctl::diag::{Diagnostic, Severity};
use loopctl::model::Layer;
use loopctl::rehearse;
use loopctl::world::DiskFiles;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The folder of every module in `stdlib/`, as layer and name.
fn folders() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for layer in Layer::ALL {
        let folder = root().join("stdlib").join(layer.name());
        let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        for entry in entries.flatten().filter(|entry| entry.path().is_dir()) {
            found.push((layer.name().to_owned(), entry.file_name().to_string_lossy().into_owned()));
        }
    }
    found.sort();
    found
}

fn said(findings: &[Diagnostic]) -> Vec<String> {
    findings.iter().map(|finding| format!("{}: {}", finding.code, finding.message)).collect()
}

#[test]
fn there_are_modules_for_every_layer_and_the_program_brings_all_of_them() {
    let on_disk: BTreeSet<String> = folders().into_iter().map(|(_, name)| format!("std/{name}")).collect();
    let built_in = page::built_in(builtin::registry());
    assert_eq!(built_in.iter().map(|found| found.name.clone()).collect::<BTreeSet<_>>(), on_disk);
    assert!(on_disk.len() >= 12, "{on_disk:?}");
    for layer in Layer::ALL {
        assert!(built_in.iter().any(|found| found.layer == layer), "{layer}");
    }
    for found in built_in {
        assert_eq!(found.module.name, found.name);
    }
}

#[test]
fn every_module_and_its_example_are_sound_and_every_step_is_exampled() {
    for (layer, name) in folders() {
        let folder = root().join("stdlib").join(&layer).join(&name);
        let files = DiskFiles::new(&folder);
        let module = compile(&files, "module.kdl", builtin::registry());
        assert_eq!(said(&module.diagnostics), [] as [&str; 0], "{name}");
        let example = compile(&files, "example.kdl", builtin::registry());
        assert_eq!(said(&example.diagnostics), [] as [&str; 0], "{name}");
        let text = fs::read_to_string(folder.join("example.kdl")).expect("an example");
        assert!(text.contains(&format!("use \"std/{name}@")), "{name}: the example uses it");
        let module = module.module.expect("it is a module");
        for step in &module.steps {
            assert!(text.contains(&format!("{name}.{} ", step.name)), "{name}: the example does not use `{}`", step.name);
            assert!(!step.about.is_empty() && step.params.iter().all(|param| !param.about.is_empty()), "{name}");
            fits(&name, &layer, step.example.as_deref().unwrap_or_else(|| panic!("{name}.{} has no example", step.name)));
        }
    }
}

/// The example of a step says only what the step knows; that the names in it are others' is no matter.
fn fits(name: &str, layer: &str, example: &str) {
    let text = format!("workflow \"example\" phase=1 {{\nuse \"std/{name}@1\"\n{layer} {{\n{example}\n}}\n}}\n");
    let files = loopctl::base::files::MemoryFiles::new([("loop.kdl", text.as_str())]);
    let elsewhere = [
        "loop::unknown-step",
        "loop::unknown-provider",
        "loop::unknown-channel",
        "loop::missing-file",
        "loop::unapproved-outline",
        "loop::generation-without-source",
    ];
    let findings = compile(&files, "loop.kdl", builtin::registry()).diagnostics;
    let own: Vec<Diagnostic> = findings
        .into_iter()
        .filter(|finding| finding.severity == Severity::Error && !elsewhere.contains(&finding.code))
        .collect();
    assert_eq!(said(&own), [] as [&str; 0], "{example}");
}

#[test]
fn every_module_has_tests_and_they_pass() {
    let files = DiskFiles::new(root());
    let mut wrong = Vec::new();
    for (layer, name) in folders() {
        let path = format!("stdlib/{layer}/{name}/{name}.test.kdl");
        let file = test_file::read(&files, &path, builtin::registry());
        assert_eq!(said(&file.diagnostics), [] as [&str; 0], "{path}");
        assert!(!file.tests.is_empty(), "{path}");
        let tests: Vec<&test_file::Test> = file.tests.iter().collect();
        rehearse::run_all(&tests, &root(), builtin::registry(), |at, verdict| {
            for failure in verdict.failures {
                wrong.push(format!("{path}: {}: {} {:?}", tests[at].name, failure.diagnostic.message, failure.found));
            }
        });
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_page_of_the_built_in_modules_is_what_they_say_today() {
    let place = root().join("docs/stdlib.md");
    let page = page::stdlib_page(builtin::registry());
    if std::env::var_os("LOOPCTL_UPDATE_DOCS").is_some() {
        fs::write(&place, &page).expect("docs are writable");
    }
    let written = fs::read_to_string(&place).unwrap_or_default();
    assert!(written == page, "write docs/stdlib.md again with `LOOPCTL_UPDATE_DOCS=1 cargo test --test it stdlib::`");
}

#[test]
fn modules_are_laid_out_as_fmt_would() {
    for (layer, name) in folders() {
        for file in ["module.kdl", "example.kdl", &format!("{name}.test.kdl")] {
            let path = root().join("stdlib").join(&layer).join(&name).join(file);
            let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            let tidy = loopctl::syntax::format(loopctl::diag::FileId(0), &text);
            assert!(tidy.is_ok_and(|tidy| tidy == text), "{} is not tidy", Path::new(&path).display());
        }
    }
}
