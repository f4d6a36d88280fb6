//! What people copy into their editors is well-formed, starts the server that there is, and names only files and settings that exist.

use serde_json::Value;
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/editors")
}

fn read(name: &str) -> String {
    let path = folder().join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn json(name: &str) -> Value {
    serde_json::from_str(&read(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The keys and values of a TOML file that is written plainly: one on each line, tables in brackets. Anything else fails.
fn toml(name: &str) -> Vec<(String, String, String)> {
    let text = read(name);
    let mut found = Vec::new();
    let mut table = String::new();
    let mut open: Option<(String, String)> = None;
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some((key, value)) = open.take() {
            let value = format!("{value}{line}");
            match balanced(&value) {
                true => found.push((table.clone(), key, value)),
                false => open = Some((key, value)),
            }
            continue;
        }
        if let Some(inner) = line.strip_prefix('[') {
            assert!(line.ends_with(']'), "{name}: {line}");
            table = inner.trim_start_matches('[').trim_end_matches(']').to_owned();
            continue;
        }
        let (key, value) = line.split_once('=').unwrap_or_else(|| panic!("{name}: {line}"));
        let (key, value) = (key.trim().to_owned(), value.trim().to_owned());
        assert!(key.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c)), "{name}: {line}");
        match balanced(&value) {
            true => found.push((table.clone(), key, value)),
            false => open = Some((key, value)),
        }
    }
    assert!(open.is_none(), "{name} is cut off");
    found
}

/// Whether every bracket and quotation mark of a value is closed.
fn balanced(value: &str) -> bool {
    let (mut depth, mut quoted, mut escaped) = (0, false, false);
    for c in value.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '[' | '{' | '(' if !quoted => depth += 1,
            ']' | '}' | ')' if !quoted => depth -= 1,
            _ => {}
        }
    }
    depth == 0 && !quoted
}

fn value(file: &str, table: &str, key: &str) -> String {
    let all = toml(file);
    let found = all.iter().find(|(found, name, _)| found == table && name == key);
    found.unwrap_or_else(|| panic!("{file} has no `{key}` in [{table}]: {all:?}")).2.clone()
}

#[test]
fn visual_studio_code_starts_the_server_for_files_it_knows() {
    let package = json("vscode/package.json");
    for file in [
        &package["main"],
        &package["contributes"]["languages"][0]["configuration"],
        &package["contributes"]["grammars"][0]["path"],
    ] {
        let file = file.as_str().expect("a path");
        assert!(folder().join("vscode").join(file).is_file(), "{file}");
    }
    assert_eq!(json("vscode/kdl.tmLanguage.json")["scopeName"], package["contributes"]["grammars"][0]["scopeName"]);
    assert!(json("vscode/language-configuration.json")["comments"]["lineComment"] == "//");
    let extension = read("vscode/extension.js");
    assert!(extension.contains("args: [\"lsp\"]") && balanced(&extension), "{extension}");
    // Every setting that the code asks for is one that it declares, and the other way round.
    let declared = package["contributes"]["configuration"]["properties"].as_object().expect("settings");
    for name in declared.keys() {
        let (section, key) = name.split_once('.').expect("a section and a key");
        assert!(extension.contains(&format!("getConfiguration(\"{section}\").get(\"{key}\")")), "{name}");
        assert!(read("README.md").contains(&format!("`{name}`")), "{name}");
    }
    assert_eq!(extension.matches(".get(\"").count(), declared.len());
    // The formatter that it makes the default one is itself.
    let id = format!("{}.{}", package["publisher"].as_str().expect("a text"), package["name"].as_str().expect("a text"));
    assert_eq!(package["contributes"]["configurationDefaults"]["[kdl]"]["editor.defaultFormatter"], id);
    assert!(extension.contains("vscode-languageclient/node") && package["dependencies"]["vscode-languageclient"].is_string());
}

#[test]
fn helix_starts_the_server_for_workflows_and_templates() {
    let file = "helix/languages.toml";
    assert_eq!(value(file, "language-server.loopctl", "command"), "\"loopctl\"");
    assert_eq!(value(file, "language-server.loopctl", "args"), "[\"lsp\"]");
    let languages: Vec<(String, String, String)> = toml(file).into_iter().filter(|(table, ..)| table == "language").collect();
    let of =
        |key: &str| languages.iter().filter(|(_, name, _)| name == key).map(|(.., value)| value.as_str()).collect::<Vec<_>>();
    assert_eq!(of("language-servers"), ["[\"loopctl\"]"; 2]);
    assert_eq!(of("name"), ["\"kdl\"", "\"loopctl-template\""]);
}

#[test]
fn neovim_starts_the_server_for_workflows_and_templates() {
    let text = read("neovim/loopctl.lua");
    let code: String = text.lines().filter(|line| !line.trim_start().starts_with("--")).collect::<Vec<_>>().join("\n");
    assert!(code.trim_start().starts_with("return {") && balanced(&code), "{code}");
    for part in ["cmd = { \"loopctl\", \"lsp\" }", "filetypes = { \"kdl\", \"handlebars\" }", "root_markers = {"] {
        assert!(code.contains(part), "{part}");
    }
    assert!(read("README.md").contains("vim.lsp.enable(\"loopctl\")"));
}

#[test]
fn zed_finds_its_language_grammar_and_program() {
    let language = value("zed/languages/loopctl/config.toml", "", "name");
    assert_eq!(value("zed/extension.toml", "language_servers.loopctl", "languages"), format!("[{language}]"));
    let grammar = value("zed/languages/loopctl/config.toml", "", "grammar");
    let grammar = grammar.trim_matches('"');
    assert_eq!(value("zed/extension.toml", &format!("grammars.{grammar}"), "rev").len(), 42, "a whole commit");
    assert_eq!(value("zed/Cargo.toml", "lib", "crate-type"), "[\"cdylib\"]");
    let path = value("zed/Cargo.toml", "lib", "path");
    let code = read(&format!("zed/{}", path.trim_matches('"')));
    assert!(code.contains("which(\"loopctl\")") && code.contains("args: vec![\"lsp\".to_owned()]"), "{code}");
    assert!(balanced(
        &read("zed/languages/loopctl/highlights.scm").lines().filter(|line| !line.starts_with(';')).collect::<String>()
    ));
}
