//! The documents are true: every example reads, every page has its code, what is generated is fresh, and what the README
//! tells a newcomer to type exists.

use clap::{CommandFactory as _, Parser as _};
use loopctl::base::files::MemoryFiles;
use loopctl::cli::args::Args;
use loopctl::cli::commands::kinds;
use loopctl::compile::compile;
use loopctl::diag::{Diagnostic, FileId, catalog};
use loopctl::syntax;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn files_below(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.is_dir() {
            found.extend(files_below(&path, extension));
        } else if path.extension().is_some_and(|other| other == extension) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// README.md and all of docs/.
fn documents() -> Vec<PathBuf> {
    let mut documents = files_below(&root().join("docs"), "md");
    documents.push(root().join("README.md"));
    documents
}

/// A fenced block: its first line from 1, what stands behind the opening fence, and its text.
struct Block {
    line: usize,
    info: String,
    text: String,
}

fn blocks(page: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for (number, line) in page.lines().enumerate() {
        match &mut open {
            None => {
                if let Some(info) = line.trim_start().strip_prefix("```") {
                    open = Some(Block { line: number + 2, info: info.trim().to_owned(), text: String::new() });
                }
            }
            Some(_) if line.trim() == "```" => blocks.extend(open.take()),
            Some(block) => {
                block.text.push_str(line);
                block.text.push('\n');
            }
        }
    }
    assert!(open.is_none(), "a fenced block is not closed");
    blocks
}

fn shown(finding: &Diagnostic) -> String {
    format!("{}: {}", finding.code, finding.message)
}

/// What the reader finds wrong with a text.
fn unreadable(text: &str) -> Vec<String> {
    syntax::read(FileId(0), text).1.iter().filter(|finding| finding.is_error()).map(shown).collect()
}

/// What is wrong with the block of a document; a whole workflow must be sound, but for files that only its reader has.
fn mistakes(text: &str) -> Vec<String> {
    let mut mistakes = unreadable(text);
    // `…` in a block leaves something out.
    if mistakes.is_empty() && text.trim_start().starts_with("workflow ") && !text.contains('…') {
        let files = MemoryFiles::new([("loop.kdl", text)]);
        let findings = compile(&files, "loop.kdl", loopctl::builtin::registry()).diagnostics;
        let elsewhere = ["loop::missing-file", "loop::missing-pillars"];
        mistakes.extend(findings.iter().filter(|finding| finding.is_error() && !elsewhere.contains(&finding.code)).map(shown));
    }
    mistakes
}

#[test]
fn every_kdl_block_in_a_document_reads_or_says_that_it_must_fail() {
    let mut wrong = Vec::new();
    let mut seen = 0;
    for document in documents() {
        // The examples of these pages are compiled, each for its own code, in `diagnostics.rs`.
        let about_errors = document.parent().is_some_and(|folder| folder.ends_with("docs/errors"));
        for block in blocks(&read(&document)) {
            let mistakes = match block.info.as_str() {
                "kdl" if about_errors => unreadable(&block.text),
                "kdl" => mistakes(&block.text),
                "kdl must-fail" if !about_errors && mistakes(&block.text).is_empty() => vec!["it does not fail".to_owned()],
                "kdl must-fail" => Vec::new(),
                info if info.starts_with("kdl") => vec![format!("`{info}` is neither `kdl` nor `kdl must-fail`")],
                _ => continue,
            };
            seen += 1;
            wrong.extend(mistakes.into_iter().map(|mistake| format!("{}:{}: {mistake}", document.display(), block.line)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(seen > 100, "only {seen} blocks were found");
}

#[test]
fn a_wrong_block_is_noticed() {
    assert!(!mistakes("keep: 10\n").is_empty());
    assert!(!mistakes("workflow \"a\" {\n    intelligence { sorce \"x\" kind=\"feed\" }\n}\n").is_empty());
    assert!(mistakes("keep 10\n").is_empty());
    assert_eq!(blocks("a\n```kdl\nb\n```\n```text\nc\n```\n").iter().map(|block| block.line).collect::<Vec<_>>(), [3, 6]);
}

#[test]
fn the_step_reference_is_what_the_kinds_say_today() {
    const AGAIN: &str = "write it again with `cargo run -- kinds --write docs/steps`";
    let folder = root().join("docs/steps");
    let mut expected = BTreeSet::new();
    let index = read(&folder.join("README.md"));
    for (name, page) in kinds::pages() {
        let file = format!("{}.md", name.replace(" kind=", "-"));
        let written = fs::read_to_string(folder.join(&file)).unwrap_or_default();
        assert!(written == page, "docs/steps/{file} is not what `{name}` says today; {AGAIN}");
        assert!(index.contains(&format!("]({file})")), "docs/steps/README.md does not list {file}");
        expected.insert(file);
    }
    for path in files_below(&folder, "md") {
        let file = path.file_name().expect("a file").to_string_lossy().into_owned();
        assert!(file == "README.md" || expected.contains(&file), "docs/steps/{file} is about a kind that is gone; remove it");
    }
}

#[test]
fn every_code_has_a_page_and_every_page_a_code() {
    let pages: BTreeSet<String> = files_below(&root().join("docs/errors"), "md")
        .iter()
        .map(|path| path.file_stem().expect("a file").to_string_lossy().into_owned())
        .filter(|name| name != "README")
        .collect();
    let codes: BTreeSet<String> =
        catalog::CATALOG.iter().filter_map(|entry| entry.code.split("::").nth(1)).map(str::to_owned).collect();
    assert_eq!(codes.difference(&pages).collect::<Vec<_>>(), Vec::<&String>::new(), "codes without a page");
    assert_eq!(pages.difference(&codes).collect::<Vec<_>>(), Vec::<&String>::new(), "pages without a code");
}

/// The command lines of a document that run loopctl, as words: from shell blocks and from `code` that starts with `loopctl`.
fn commands(page: &str) -> Vec<Vec<String>> {
    let shell = blocks(page).into_iter().filter(|block| matches!(block.info.as_str(), "sh" | "console"));
    let mut lines: Vec<String> = Vec::new();
    for block in shell {
        let prompted = block.info == "console";
        lines.extend(block.text.lines().filter_map(|line| match (line.strip_prefix("$ "), prompted) {
            (Some(command), _) => Some(command.to_owned()),
            (None, true) => None,
            (None, false) => Some(line.to_owned()),
        }));
    }
    // Code in a sentence: every second part between backticks, outside of blocks.
    let mut outside = true;
    for line in page.lines() {
        if line.trim_start().starts_with("```") {
            outside = !outside;
        } else if outside {
            lines.extend(line.split('`').skip(1).step_by(2).filter(|code| code.starts_with("loopctl ")).map(str::to_owned));
        }
    }
    lines.iter().filter_map(|line| loopctl_words(line)).collect()
}

/// `loopctl run x # why` as `["loopctl", "run", "x"]`; `None` when the line runs something else.
fn loopctl_words(line: &str) -> Option<Vec<String>> {
    let line = line.split(" #").next().unwrap_or("").split(" > ").next().unwrap_or("").split(';').next().unwrap_or("").trim();
    let rest = match line.strip_prefix("loopctl ") {
        Some(rest) => rest,
        None => line.strip_prefix("cargo run ")?.split_once("-- ")?.1,
    };
    // Quotation marks hold words together.
    let mut words = vec!["loopctl".to_owned()];
    for (at, part) in rest.split('"').enumerate() {
        match at % 2 {
            0 => words.extend(part.split_whitespace().map(str::to_owned)),
            _ => words.push(part.to_owned()),
        }
    }
    Some(words)
}

#[test]
fn every_command_in_a_document_is_one_that_the_program_takes() {
    Args::command().debug_assert();
    let mut wrong = Vec::new();
    let mut seen = 0;
    for document in documents() {
        for words in commands(&read(&document)) {
            seen += 1;
            // A placeholder in capitals stands for a number or a word of the reader's.
            let filled = words.iter().map(|word| if word == "N" { "1" } else { word.as_str() });
            if let Err(error) = Args::try_parse_from(filled) {
                use clap::error::ErrorKind::{DisplayHelp, DisplayHelpOnMissingArgumentOrSubcommand, DisplayVersion};
                // `loopctl gate` alone names the command; what it then says is its help.
                let names_it = matches!(error.kind(), DisplayHelp | DisplayVersion | DisplayHelpOnMissingArgumentOrSubcommand)
                    || words.len() == 2 && Args::command().find_subcommand(&words[1]).is_some();
                if !names_it {
                    let error = error.to_string();
                    wrong.push(format!("{}: `{}`: {}", document.display(), words.join(" "), error.lines().next().unwrap_or("")));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(seen > 30, "only {seen} commands were found");
}

#[test]
fn the_readme_has_the_two_commands_and_the_script_runs_them() {
    let (readme, script) = (read(&root().join("README.md")), read(&root().join(".ci/run")));
    assert!(readme.contains("cargo run --release -- run workflows/first-loop.kdl") && readme.contains("\ncargo test\n"));
    assert!(script.contains("--release -- run workflows/first-loop.kdl"));
    assert!(script.trim_end().ends_with("cargo test --locked"), "the tests stand last, so that their closing lines do");
}

#[test]
fn links_between_documents_lead_somewhere() {
    let link = regex::Regex::new(r"\]\(([^)\s]+)\)").expect("a valid pattern");
    let mut documents = documents();
    documents.extend(files_below(&root().join("workflows"), "md").into_iter().filter(|path| path.ends_with("ORIGIN.md")));
    let mut broken = Vec::new();
    for document in documents {
        let page = read(&document);
        let folder = document.parent().expect("a file stands in a folder");
        let mut inside = false;
        for line in page.lines() {
            if line.trim_start().starts_with("```") {
                inside = !inside;
            }
            // Examples of links stand in blocks and in `code`.
            let prose: String = line.split('`').step_by(2).collect::<Vec<_>>().join(" ");
            for found in link.captures_iter(if inside { "" } else { &prose }) {
                let target = found[1].split('#').next().unwrap_or("");
                if !target.contains("://") && !target.is_empty() && !folder.join(target).exists() {
                    broken.push(format!("{}: {target}", document.display()));
                }
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn the_map_names_rooms_files_and_tests_that_exist() {
    let page = read(&root().join("docs/ARCHITECTURE.md"));
    let rooms: BTreeSet<String> = fs::read_dir(root().join("src"))
        .expect("src is readable")
        .flatten()
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    let mut named = BTreeSet::new();
    let table = page.split("## Rooms").nth(1).and_then(|rest| rest.split("\n## ").next()).expect("the map lists the rooms");
    for row in table.lines().filter(|line| line.starts_with("| ") && line.contains("| `")) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let room = cells[2].trim_matches('`').to_owned();
        for file in cells[4].split('`').skip(1).step_by(2) {
            assert!(root().join("src").join(&room).join(file).exists(), "`{room}` has no `{file}`");
        }
        named.insert(room);
    }
    assert_eq!(named, rooms);

    let mut code = String::new();
    for folder in ["src", "tests"] {
        files_below(&root().join(folder), "rs").iter().for_each(|file| code.push_str(&read(file)));
    }
    let invariants = page.split("## Invariants").nth(1).and_then(|rest| rest.split("\n## ").next()).expect("the invariants");
    let tests = invariants.split('`').skip(1).step_by(2).filter(|word| word.matches('_').count() >= 3);
    let missing: Vec<&str> =
        tests.filter(|name| !code.contains(&format!("fn {name}(")) && !code.contains(&format!("fn {name}<"))).collect();
    assert!(missing.is_empty(), "tests that the map names and nobody wrote: {missing:?}");
}

#[test]
fn the_glossary_says_each_term_once_and_names_things_that_exist() {
    let page = read(&root().join("docs/glossary.md"));
    let mut terms = BTreeSet::new();
    for line in page.lines().filter_map(|line| line.strip_prefix("- **")) {
        let (named, _) = line.split_once("**").expect("a term ends in bold");
        for term in named.split(", ").map(|term| term.trim_matches('`')) {
            assert!(terms.insert(term.to_owned()), "`{term}` stands twice");
        }
    }
    assert!(terms.len() > 60, "only {} terms were found", terms.len());

    // `room::Name` in brackets: the room is there, and so is what it names.
    let path = regex::Regex::new(r"`([a-z_]+)::([a-zA-Z_:]+)`").expect("a valid pattern");
    for found in path.captures_iter(&page) {
        let (room, rest) = (&found[1], &found[2]);
        if room == "loop" {
            continue;
        }
        let folder = root().join("src").join(room);
        assert!(folder.is_dir(), "{}: there is no room `{room}`", &found[0]);
        let name = rest.rsplit("::").next().expect("a last part");
        let defined = ["struct", "enum", "trait", "type", "fn", "mod"].map(|word| format!("{word} {name}"));
        let text: String = files_below(&folder, "rs").iter().map(|file| read(file)).collect();
        let is_defined = |line: &&String| text.contains(line.as_str());
        assert!(defined.iter().any(|line| is_defined(&line)), "{}: `{room}` has no `{name}`", &found[0]);
    }
}

#[test]
fn only_the_upper_rooms_print_and_only_main_exits() {
    let speaks = regex::Regex::new(r"\b(e?print(ln)?!|process::exit)").expect("a valid pattern");
    let mut broken = Vec::new();
    for path in files_below(&root().join("src"), "rs") {
        let relative = path.strip_prefix(root().join("src")).expect("below src").to_string_lossy().into_owned();
        let allowed = ["cli/", "report/", "main.rs"].iter().any(|place| relative.starts_with(place));
        for (number, line) in read(&path).lines().enumerate() {
            // Unit tests stand last in a file and may print.
            if line.starts_with("#[cfg(test)]") {
                break;
            }
            let code = line.split("//").next().unwrap_or("");
            let ends = code.contains("process::exit");
            if speaks.is_match(code) && (ends || !allowed) {
                broken.push(format!("{relative}:{}: {}", number + 1, line.trim()));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}
