//! Files that nobody writes by hand: each ends in findings, without a panic and without a search that grows with the square of the file.
//! `benches/language.rs` measures how long they take.

use loopctl::base::files::MemoryFiles;
use loopctl::builtin;
use loopctl::compile::compile;
use loopctl::diag::{Diagnostic, FileId};
use loopctl::syntax;

const MANY: usize = 1_000_000;

/// A workflow whose Strategy holds this.
fn around(steps: &str) -> String {
    format!("workflow \"w\" {{\n    strategy {{\n{steps}\n    }}\n}}\n")
}

fn numbered(count: usize, line: impl Fn(usize) -> String) -> String {
    (0..count).map(line).collect()
}

fn hostile() -> Vec<(&'static str, String)> {
    let words = |count: usize| numbered(count, |n| format!(" \"w{n:05}\""));
    vec![
        ("nested levels", "a {".repeat(MANY)),
        ("nested slash-dashes", "/- a {".repeat(MANY)),
        ("stars", format!("workflow \"a\" {{ /{} }}", "*".repeat(100_000))),
        ("stars that end", format!("/*{}*/ workflow \"a\" {{}}", "*".repeat(100_000))),
        ("nested comments", "/*".repeat(MANY / 2)),
        ("nested steps", around(&"score \"a\" { ".repeat(MANY / 40))),
        ("unknown verbs", around(&numbered(5_000, |n| format!("wrong-{n} \"a{n}\"\n")))),
        ("one name again and again", around(&"score \"a\"\n".repeat(10_000))),
        ("wires to nothing", around(&numbered(4_000, |n| format!("score \"s{n}\" {{ from \"unknown-{n}\" }}\n")))),
        ("one step with many wires", around(&format!("score \"a\" {{ from{} }}", words(40_000)))),
        ("a chain", around(&numbered(5_000, |n| format!("score \"s{n}\" {{ from \"s{}\" }}\n", n + 1)))),
        ("a circle", around(&numbered(5_000, |n| format!("score \"s{n}\" {{ from \"s{}\" }}\n", (n + 1) % 5_000)))),
        ("everything from one step", around(&numbered(5_000, |n| format!("gate \"s{n}\" {{ from \"s0\" }}\n")))),
        ("many channels in one list", around(&format!("route \"a\" {{ to{} }}", words(40_000)))),
        ("a channel again and again", around(&format!("route \"a\" {{ to{} }}", " \"blog\"".repeat(40_000)))),
        (
            "many providers",
            format!("workflow \"w\" {{\n{}}}", numbered(5_000, |n| format!("provider \"p{n}\" kind=\"templat\"\n"))),
        ),
        ("unknown settings", format!("workflow \"w\" {{\n{}}}", numbered(10_000, |n| format!("setting-{n} 1\n")))),
        ("unknown properties", format!("workflow \"w\"{}", numbered(10_000, |n| format!(" p{n}=1")))),
        ("rules of one name", around(&format!("score \"a\" {{ {} }}", "rule \"r\" weight=1 { value \"1\" }\n".repeat(5_000)))),
        (
            "different expressions",
            around(&format!(
                "score \"a\" {{ {} }}",
                numbered(1_000, |n| format!("rule \"r{n}\" weight=1 {{ value \"{n} + x\" }}\n"))
            )),
        ),
        (
            "missing files",
            format!(
                "workflow \"w\" {{ intelligence {{\n{}}} }}",
                numbered(4_000, |n| format!("source \"s{n}\" kind=\"csv\" {{ path \"data/{n}\" }}\n"))
            ),
        ),
        ("uses of modules", format!("workflow \"w\" {{\n{}}}", numbered(5_000, |n| format!("use \"acme/m{n}\"\n")))),
    ]
}

#[test]
fn the_compiler_ends_with_findings_on_hostile_files() {
    for (name, text) in hostile() {
        let files = MemoryFiles::new([("w.kdl", text.as_str())]);
        let start = std::time::Instant::now();
        let compiled = compile(&files, "w.kdl", builtin::registry());
        println!("{name}: {} bytes, {} findings, {:?}", text.len(), compiled.diagnostics.len(), start.elapsed());
        assert!(!compiled.diagnostics.is_empty(), "{name}: something is wrong with it");
    }
}

#[test]
fn the_layout_ends_on_hostile_files() {
    for (name, text) in hostile() {
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
    // A small generator of our own: the point is a whole megabyte of anything, not a clever one.
    let mut state = 0x9E37_79B9_7F4A_7C15u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let bytes: Vec<u8> = (0..MANY).map(|_| (next() >> 32) as u8).collect();
    let marks = b"ab \n{}\"#/-*\\=();1.";
    let signs: Vec<u8> = (0..MANY).map(|_| marks[(next() >> 32) as usize % marks.len()]).collect();
    for bytes in [bytes, signs, vec![0; MANY], vec![b'\xFF'; MANY]] {
        let text = String::from_utf8_lossy(&bytes);
        let (_, diagnostics) = syntax::read(FileId(0), &text);
        assert!(diagnostics.len() <= 1100);
        assert_eq!(syntax::format(FileId(0), &text).is_err(), diagnostics.iter().any(Diagnostic::is_error));
        let files = MemoryFiles::new([("w.kdl", &*text)]);
        assert!(compile(&files, "w.kdl", builtin::registry()).has_errors());
    }
}
