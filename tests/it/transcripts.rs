//! The sessions shown in README.md and docs/tutorial.md are real: every command is run, and what it prints is what the page shows.
//!
//! A ```` ```console ```` block holds commands (`$ loopctl …`) and what they print. A line `…` stands for lines
//! left out. An instruction for the reader to change a file is a block below a comment that says which:
//! `<!-- write FILE -->`, `<!-- section of FILE -->` (the sections of the block replace those of the same name), or
//! `<!-- below "words" in FILE -->` (the lines go below the first line with these words).
//!
//! `LOOPCTL_UPDATE_DOCS=1 cargo test --test it transcripts::` writes the pages again, with as many lines before and after each `…` as now.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const LEFT_OUT: &str = "…";

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("readable").flatten() {
        let name = entry.file_name();
        match entry.path().is_dir() {
            // What a person's own runs left behind is not part of the workflow.
            true if name == ".loopctl" || name == "out" => {}
            true => copy(&entry.path(), &to.join(name)),
            false => drop(fs::copy(entry.path(), to.join(name)).expect("a file is copied")),
        }
    }
}

/// A folder as a newcomer has it after cloning.
struct Place {
    folder: tempfile::TempDir,
    status: i32,
}

impl Place {
    fn new() -> Place {
        let folder = tempfile::tempdir().expect("a folder");
        copy(&root().join("workflows"), &folder.path().join("workflows"));
        Place { folder, status: 0 }
    }

    /// What a command prints, line by line.
    fn run(&mut self, command: &str) -> Vec<String> {
        let command = command.split(" #").next().unwrap_or("").trim();
        if command == "echo $?" {
            return vec![self.status.to_string()];
        }
        if let Some(file) = command.strip_prefix("cat ") {
            let text = fs::read_to_string(self.folder.path().join(file)).unwrap_or_else(|error| panic!("{command}: {error}"));
            return text.lines().map(str::to_owned).collect();
        }
        if let Some(folder) = command.strip_prefix("ls ") {
            let entries = fs::read_dir(self.folder.path().join(folder)).unwrap_or_else(|error| panic!("{command}: {error}"));
            let mut names: Vec<String> =
                entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
            names.sort();
            return names;
        }
        let rest = command.strip_prefix("loopctl ").or_else(|| command.split_once(" -- ").map(|(_, rest)| rest));
        let rest = rest.unwrap_or_else(|| panic!("`{command}` is not a command of ours"));
        let mut words: Vec<&str> = Vec::new();
        for (at, part) in rest.split('"').enumerate() {
            match at % 2 {
                0 => words.extend(part.split_whitespace()),
                _ => words.push(part),
            }
        }
        let output = Command::new(env!("CARGO_BIN_EXE_loopctl"))
            .args(words)
            .current_dir(self.folder.path())
            .env_remove("LOOPCTL_STATE")
            .env_remove("LOOPCTL_AS")
            .env("NO_COLOR", "1")
            .env("USER", "you")
            .output()
            .expect("the binary starts");
        self.status = output.status.code().unwrap_or(-1);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(matches!(self.status, 0 | 4), "`{command}` ended with {}:\n{errors}", self.status);
        // What is found in a workflow goes to standard error; it is shown where there is nothing else.
        let printed = if output.stdout.is_empty() { output.stderr } else { output.stdout };
        let printed = String::from_utf8(printed).expect("text");
        printed.trim_matches('\n').lines().map(|line| line.trim_end().to_owned()).collect()
    }

    /// Changes a file as the page tells its reader to.
    fn change(&self, instruction: &str, block: &str) {
        let (how, file) = match instruction.split_once(" in ").or_else(|| instruction.split_once(" of ")) {
            Some((how, file)) => (how, file),
            None => instruction.split_once(' ').expect("`write FILE`"),
        };
        let path = self.folder.path().join(file);
        if how == "write" {
            fs::write(path, block).expect("writable");
            return;
        }
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{file}: {error}"));
        let changed = match how.split_once('"') {
            Some((_, words)) => {
                let words = words.trim_end_matches('"');
                let line = text.lines().find(|line| line.contains(words)).unwrap_or_else(|| panic!("{file} has no `{words}`"));
                text.replacen(line, &format!("{line}\n{}", block.trim_end()), 1)
            }
            None => with_sections(&text, block),
        };
        assert_ne!(changed, text, "{file} was not changed by `{instruction}`");
        fs::write(path, changed).expect("writable");
    }
}

/// `## Name` sections of a Markdown text in order; what stands above the first has an empty name.
fn sections(text: &str) -> Vec<(String, String)> {
    let mut sections = vec![(String::new(), String::new())];
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("## ") {
            sections.push((name.to_owned(), String::new()));
        }
        let (_, body) = sections.last_mut().expect("never empty");
        body.push_str(line);
        body.push('\n');
    }
    sections
}

fn with_sections(text: &str, block: &str) -> String {
    let new: BTreeMap<String, String> = sections(block).into_iter().filter(|(name, _)| !name.is_empty()).collect();
    let old = sections(text);
    for name in new.keys() {
        assert!(old.iter().any(|(other, _)| other == name), "there is no section `{name}` to replace");
    }
    old.into_iter().map(|(name, body)| new.get(&name).map_or(body, |new| format!("{}\n\n", new.trim_end()))).collect()
}

/// The first line shown that is not printed, but for what `…` leaves out.
fn difference<'a>(shown: &'a [String], printed: &[String]) -> Option<&'a str> {
    let parts: Vec<&[String]> = shown.split(|line| line.trim() == LEFT_OUT).collect();
    let (first, rest) = parts.split_first().expect("a split has a part");
    if let Some(at) = (0..first.len()).find(|at| printed.get(*at) != Some(&first[*at])) {
        return Some(&first[at]);
    }
    let mut left = &printed[first.len()..];
    let Some((last, middle)) = rest.split_last() else {
        return (!left.is_empty()).then_some("(the page ends before the output does)");
    };
    for part in middle {
        match left.windows(part.len().max(1)).position(|lines| lines == *part) {
            Some(at) => left = &left[at + part.len()..],
            None => return part.first().map(String::as_str),
        }
    }
    (!left.ends_with(last)).then(|| last.first().map_or("", String::as_str))
}

/// The output again, with as many lines before and after each `…` as the page shows now.
fn shown_again(shown: &[String], printed: &[String]) -> Vec<String> {
    let parts: Vec<&[String]> = shown.split(|line| line.trim() == LEFT_OUT).collect();
    if parts.len() == 1 {
        return printed.to_vec();
    }
    let (first, last) = (parts[0].len(), parts[parts.len() - 1].len());
    if first + last >= printed.len() {
        return printed.to_vec();
    }
    let mut lines = printed[..first].to_vec();
    lines.push(LEFT_OUT.to_owned());
    // A part in the middle is found by its first line, when that is a heading and still there.
    let mut from = first;
    for part in &parts[1..parts.len() - 1] {
        let start = part.first().and_then(|head| printed[from..].iter().position(|line| line == head)).map(|ahead| from + ahead);
        if let Some(start) = start.filter(|start| start + part.len() < printed.len() - last) {
            lines.extend_from_slice(&printed[start..start + part.len()]);
            lines.push(LEFT_OUT.to_owned());
            from = start + part.len();
        }
    }
    lines.extend_from_slice(&printed[printed.len() - last..]);
    lines
}

fn handle() -> regex::Regex {
    regex::Regex::new(r"\b[a-z]-[0-9a-f]{6,}\b").expect("a valid pattern")
}

/// Which handle of the page is which handle of the output: the one on a line with the same words, or else on the line in its place.
fn renamed(shown: &[String], again: &[String], renamed: &mut BTreeMap<String, String>) {
    let handle = handle();
    let marked = |lines: &[String]| -> Vec<(String, String)> {
        let marked = lines.iter().filter_map(|line| {
            // A list has the handle first; elsewhere it only comes after such a list.
            let found = handle.find(line).filter(|found| line[..found.start()].trim().is_empty())?;
            Some((line.replacen(found.as_str(), "", 1), found.as_str().to_owned()))
        });
        marked.collect()
    };
    let (old, mut new) = (marked(shown), marked(again));
    let mut left = Vec::new();
    for (words, handle) in old {
        match new.iter().position(|(other, _)| *other == words) {
            Some(at) => drop(renamed.entry(handle).or_insert(new.remove(at).1)),
            None => left.push(handle),
        }
    }
    for (old, (_, new)) in left.into_iter().zip(new) {
        renamed.entry(old).or_insert(new);
    }
}

/// Walks through a page. Gives what differs and the page as it should be.
fn walk(page: &str) -> (Vec<String>, String) {
    let update = std::env::var_os("LOOPCTL_UPDATE_DOCS").is_some();
    let mut place = Place::new();
    let mut wrong = Vec::new();
    let mut fresh: Vec<String> = Vec::new();
    let mut names: BTreeMap<String, String> = BTreeMap::new();
    let mut instruction: Option<String> = None;
    let mut lines = page.lines().enumerate().peekable();
    let handle = handle();
    let rename = |line: &str, names: &BTreeMap<String, String>| {
        let new = |found: &regex::Captures<'_>| names.get(&found[0]).cloned().unwrap_or_else(|| found[0].to_owned());
        handle.replace_all(line, new).into_owned()
    };
    while let Some((number, line)) = lines.next() {
        fresh.push(line.to_owned());
        if let Some(words) = line.strip_prefix("<!-- ").and_then(|rest| rest.strip_suffix(" -->")) {
            instruction = Some(words.to_owned());
        }
        let Some(info) = line.strip_prefix("```") else { continue };
        let mut block: Vec<(usize, String)> = Vec::new();
        for (number, line) in lines.by_ref().take_while(|(_, line)| *line != "```") {
            block.push((number + 1, line.to_owned()));
        }
        if info != "console" {
            let text: String = block.iter().map(|(_, line)| format!("{line}\n")).collect();
            if let Some(instruction) = instruction.take() {
                place.change(&instruction, &text);
            }
            fresh.push(text + "```");
            continue;
        }
        assert!(
            block.first().is_some_and(|(_, line)| line.starts_with("$ ")),
            "line {}: a block starts with a command",
            number + 2
        );
        let mut rest = &block[..];
        while let Some(((number, command), after)) = rest.split_first() {
            let end = after.iter().position(|(_, line)| line.starts_with("$ ")).unwrap_or(after.len());
            let mut shown: Vec<String> = after[..end].iter().map(|(_, line)| line.clone()).collect();
            while shown.last().is_some_and(String::is_empty) {
                shown.pop();
            }
            rest = &after[end..];
            let command = if update { rename(command, &names) } else { command.clone() };
            let printed = place.run(&command[2..]);
            if let Some(line) = difference(&shown, &printed).filter(|_| !update) {
                wrong.push(format!("line {number}: `{command}` does not print `{line}`; it prints:\n{}", printed.join("\n")));
            }
            let again = shown_again(&shown, &printed);
            renamed(&shown, &again, &mut names);
            fresh.push(command);
            fresh.extend(again);
            if !rest.is_empty() && after[..end].last().is_some_and(|(_, line)| line.is_empty()) {
                fresh.push(String::new());
            }
        }
        fresh.push("```".to_owned());
    }
    (wrong, fresh.join("\n") + "\n")
}

fn check(path: &str) {
    let file = root().join(path);
    let page = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{path}: {error}"));
    let (wrong, fresh) = walk(&page);
    if std::env::var_os("LOOPCTL_UPDATE_DOCS").is_some() {
        fs::write(&file, fresh).expect("writable");
        return;
    }
    let again = "`LOOPCTL_UPDATE_DOCS=1 cargo test --test it transcripts::` writes the page again; read it before you keep it";
    assert!(wrong.is_empty(), "{path}: {}\n\n{again}", wrong.join("\n\n"));
}

#[test]
fn the_readme_shows_what_happens() {
    check("README.md");
}

#[test]
fn the_tutorial_shows_what_happens() {
    check("docs/tutorial.md");
}

#[test]
fn a_line_that_is_not_printed_is_noticed() {
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    let printed = lines("a\nb\nc\nd");
    assert_eq!(difference(&lines("a\nb\nc\nd"), &printed), None);
    assert_eq!(difference(&lines("a\n…\nd"), &printed), None);
    assert_eq!(difference(&lines("a\n…"), &printed), None);
    assert_eq!(difference(&lines("a\nc\n…"), &printed), Some("c"));
    assert_eq!(difference(&lines("…\nx"), &printed), Some("x"));
    assert_eq!(difference(&lines("a\n…\nc\n…\nd"), &printed), None);
    assert_eq!(difference(&lines("a\n…\nx\n…\nd"), &printed), Some("x"));
    assert!(difference(&lines("a\nb"), &printed).is_some());
    assert_eq!(shown_again(&lines("x\n…\ny"), &printed), lines("a\n…\nd"));
    assert_eq!(with_sections("# t\n\n## A\nold\n\n## B\nkept\n", "## A\nnew\n"), "# t\n\n## A\nnew\n\n## B\nkept\n");
}
