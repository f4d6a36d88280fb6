//! What the fuzzer found once, and the files it starts from, on the stable toolchain: the same functions as in `fuzz/`.

use loopctl::builtin;
use loopctl::compile::fuzzing;
use std::fs;
use std::path::{Path, PathBuf};

fn below(folder: &str) -> Vec<PathBuf> {
    let mut waiting = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)];
    let mut found = Vec::new();
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
            let path = entry.expect("readable").path();
            if path.is_dir() { waiting.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    found
}

fn run(folders: &[&str], ending: &str, entry: impl Fn(&[u8])) {
    let files: Vec<PathBuf> = folders.iter().flat_map(|folder| below(folder)).collect();
    let files: Vec<&PathBuf> = files.iter().filter(|path| path.to_string_lossy().ends_with(ending)).collect();
    assert!(!files.is_empty(), "something to try in {folders:?}");
    for path in files {
        println!("{}", path.display());
        entry(&fs::read(path).expect("readable"));
    }
}

#[test]
fn the_reader_holds_on_all_that_was_ever_found() {
    run(&["fuzz/regressions/reader"], "", fuzzing::reader);
    run(&["tests/fixtures", "workflows"], ".kdl", fuzzing::reader);
}

#[test]
fn the_compiler_holds_on_all_that_was_ever_found() {
    let entry = |bytes: &[u8]| fuzzing::compiler(bytes, builtin::registry());
    run(&["fuzz/regressions/compiler"], "", entry);
    run(&["tests/fixtures", "workflows"], ".kdl", entry);
}

#[test]
fn templates_hold_on_all_that_was_ever_found() {
    run(&["fuzz/regressions/templates"], "", fuzzing::templates);
    run(&["workflows"], ".hbs", fuzzing::templates);
}

#[test]
fn expressions_hold_on_all_that_was_ever_found() {
    run(&["fuzz/regressions/expressions"], "", fuzzing::expressions);
}
