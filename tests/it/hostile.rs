//! Files that nobody writes by hand: each ends in findings, without a panic and without a search that grows with the square of the file.
//! `benches/language.rs` measures how long they take.

#[path = "../../benches/common/hostile.rs"]
mod inputs;

use loopctl::base::files::MemoryFiles;
use loopctl::builtin;
use loopctl::compile::compile;
use loopctl::diag::{Diagnostic, FileId};
use loopctl::syntax;

#[test]
fn the_compiler_ends_with_findings_on_hostile_files() {
    for (name, text) in inputs::files() {
        let files = MemoryFiles::new([("w.kdl", text.as_str())]);
        let start = std::time::Instant::now();
        let compiled = compile(&files, "w.kdl", builtin::registry());
        println!("{name}: {} bytes, {} findings, {:?}", text.len(), compiled.diagnostics.len(), start.elapsed());
        assert!(!compiled.diagnostics.is_empty(), "{name}: something is wrong with it");
    }
}

#[test]
fn the_layout_ends_on_hostile_files() {
    for (name, text) in inputs::files() {
        let start = std::time::Instant::now();
        let formatted = syntax::format(FileId(0), &text);
        println!("{name}: {:?}", start.elapsed());
        if let Ok(formatted) = formatted {
            assert_eq!(syntax::format(FileId(0), &formatted).as_deref(), Ok(formatted.as_str()), "{name}: the layout stays");
        }
    }
}

#[test]
fn any_bytes_at_all_end_in_a_tree_and_in_findings() {
    for (_, bytes) in inputs::bytes() {
        let text = String::from_utf8_lossy(&bytes);
        let (_, diagnostics) = syntax::read(FileId(0), &text);
        assert!(diagnostics.len() <= 1100);
        assert_eq!(syntax::format(FileId(0), &text).is_err(), diagnostics.iter().any(Diagnostic::is_error));
        let files = MemoryFiles::new([("w.kdl", &*text)]);
        assert!(compile(&files, "w.kdl", builtin::registry()).has_errors());
    }
}
