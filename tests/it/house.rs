//! The house test: a room imports only rooms with a lower rank, and the lower rooms cannot touch the outside.

use std::fs;
use std::path::{Path, PathBuf};

const RANKS: &[(&str, u32)] = &[
    ("base", 0),
    ("diag", 1),
    ("stats", 1),
    ("model", 2),
    ("syntax", 2),
    ("client_os", 3),
    ("step", 4),
    ("builtin", 5),
    ("compile", 5),
    ("plan", 6),
    ("engine", 7),
    ("runtime", 8),
    ("packages", 9),
    ("report", 9),
    ("store", 9),
    ("world", 9),
    ("workspace", 10),
    ("rehearse", 11),
    ("serve", 11),
    ("lsp", 11),
    ("cli", 12),
];

/// What ranks 0 to 7 must not use: they are synchronous, deterministic and blind to the outside.
const OUTSIDE: &[&str] = &[
    "tokio::",
    "sled::",
    "reqwest::",
    "std::fs",
    "std::net",
    "std::thread",
    "std::env",
    "SystemTime",
    "Instant::now",
    "Timestamp::now",
    "Zoned::now",
    "thread_rng",
    "rand::",
];

fn rank(room: &str) -> Option<u32> {
    RANKS.iter().find(|(name, _)| *name == room).map(|(_, rank)| *rank)
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("src is readable").flatten() {
        let path = entry.path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Whether the folder's `mod.rs` declares the file for tests only.
fn is_for_tests(file: &Path) -> bool {
    let name = file.file_stem().expect("a file").to_string_lossy().into_owned();
    let Ok(list) = fs::read_to_string(file.with_file_name("mod.rs")) else { return false };
    let declared = regex::Regex::new(&format!(r"#\[cfg\(test\)\]\s*(pub(\([a-z]+\))? )?mod {name};")).expect("a valid pattern");
    declared.is_match(&list)
}

/// `brand::x` does not hold `rand::`.
fn stands_in(code: &str, word: &str) -> bool {
    code.match_indices(word).any(|(at, _)| !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_'))
}

#[test]
fn rooms_import_only_downwards() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    rust_files(&src, &mut files);
    let path_in_crate = regex::Regex::new(r"\bcrate::([a-z_]+)").expect("a valid pattern");
    let mut broken = Vec::new();
    for file in files {
        let relative = file.strip_prefix(&src).expect("found below src");
        let room = relative.components().next().expect("a path").as_os_str().to_string_lossy().into_owned();
        let Some(own) = rank(&room) else {
            assert!(matches!(room.as_str(), "lib.rs" | "main.rs"), "room `{room}` has no rank");
            continue;
        };
        let text = fs::read_to_string(&file).expect("source is text");
        let mut in_tests = is_for_tests(&file);
        for (number, line) in text.lines().enumerate() {
            // Unit tests stand last in a file; they may read real data from disk.
            in_tests |= line.starts_with("#[cfg(test)]");
            let code = line.split("//").next().unwrap_or("");
            for capture in path_in_crate.captures_iter(code) {
                let other = &capture[1];
                if other != room && rank(other).is_none_or(|rank| rank >= own) {
                    broken.push(format!("{}:{}: `{room}` (rank {own}) imports `{other}`", relative.display(), number + 1));
                }
            }
            if own <= 7 && !in_tests {
                for outside in OUTSIDE.iter().filter(|outside| stands_in(code, outside)) {
                    broken.push(format!("{}:{}: `{room}` touches the outside with `{outside}`", relative.display(), number + 1));
                }
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}
