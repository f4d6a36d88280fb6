//! Workflow files on the disk: finding them, and checking one.

use super::failure::{Exit, Failure, Findings};
use crate::base::files::Files as _;
use crate::builtin;
use crate::compile::{self, Compiled};
use crate::diag::Sources;
use crate::world::DiskFiles;
use std::path::{Path, PathBuf};

/// The workflow file: the one given, or the only one here or in `workflows/`.
///
/// # Errors
/// `cli::no-workflow`, `cli::which-workflow`.
pub fn find(file: Option<&Path>) -> Result<PathBuf, Failure> {
    if let Some(file) = file {
        return Ok(file.to_owned());
    }
    let found = find_all(Path::new("."));
    match found.as_slice() {
        [one] => Ok(one.clone()),
        [] => Err(Failure::new("cli::no-workflow", "there is no workflow file here or in `workflows/`")
            .help("name one, or start with `loopctl init my-loop`")),
        several => {
            let names: Vec<String> = several.iter().map(|path| path.display().to_string()).collect();
            Err(Failure::new("cli::which-workflow", format!("there are several workflows: {}", names.join(", ")))
                .help(format!("name one, such as `loopctl run {}`", names[0])))
        }
    }
}

/// All workflow files in a folder and in its `workflows/`, by path.
pub fn find_all(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for folder in [folder.to_owned(), folder.join("workflows")] {
        let Ok(entries) = std::fs::read_dir(folder) else { continue };
        for path in entries.flatten().map(|entry| entry.path()) {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            let is_workflow = name.ends_with(".kdl")
                && !name.ends_with(".test.kdl")
                && std::fs::read_to_string(&path).is_ok_and(|text| text.lines().any(|line| line.starts_with("workflow ")));
            if is_workflow {
                found.push(path.strip_prefix("./").map_or_else(|_| path.clone(), Path::to_owned));
            }
        }
    }
    found.sort();
    found
}

/// The folder of a workflow file and its name in it.
pub fn split_path(path: &Path) -> (PathBuf, String) {
    let folder = match path.parent() {
        Some(parent) if parent != Path::new("") => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    (folder, name)
}

/// The texts of a workflow under the paths that the user would type, for pointing at mistakes in them.
pub fn as_typed(sources: &Sources, path: &Path) -> Sources {
    sources.renamed(|name| typed_name(name, path))
}

/// The path that the user would type for a file beside the workflow at `path`.
pub fn typed_name(name: &str, path: &Path) -> String {
    let (folder, _) = split_path(path);
    let folder = folder.strip_prefix(".").unwrap_or(&folder);
    match name.starts_with('@') {
        // Modules that are built in or cached lie in no folder of the project.
        true => name.to_owned(),
        false => folder.join(name).display().to_string(),
    }
}

/// Compiles a workflow file from disk.
///
/// # Errors
/// `cli::no-such-file`. Mistakes in the file are in [`Compiled`].
pub fn compile(path: &Path) -> Result<(DiskFiles, Compiled), Failure> {
    let (folder, name) = split_path(path);
    let files = DiskFiles::new(&folder);
    if !files.exists(&name) {
        return Err(Failure::new("cli::no-such-file", format!("cannot read `{}`: no such file", path.display()))
            .help("check the path, or start with `loopctl init my-loop`"));
    }
    let compiled = compile::compile_with(&files, &name, builtin::registry(), &crate::runtime::at_once);
    Ok((files, compiled))
}

/// The failure that says what is wrong with a workflow; its findings say where.
pub fn invalid(path: &Path, compiled: &Compiled) -> Failure {
    if compiled.module.is_some() && compiled.diagnostics.is_empty() {
        return Failure::new("cli::invalid-workflow", format!("`{}` is a module, not a workflow", path.display()))
            .help("name a workflow that uses it; `loopctl validate` checks a module alone")
            .exit(Exit::InvalidWorkflow);
    }
    Failure::new("cli::invalid-workflow", format!("`{}` is not valid", path.display()))
        .help("mend what is shown above; `loopctl explain CODE` tells more")
        .exit(Exit::InvalidWorkflow)
        .with(Findings { sources: as_typed(&compiled.sources, path), diagnostics: compiled.diagnostics.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workflows_are_found_here_and_in_their_folder_and_tests_are_not_workflows() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("workflows")).unwrap();
        for (name, text) in [
            ("b.kdl", "workflow \"b\"\n"),
            ("workflows/a.kdl", "// a\nworkflow \"a\"\n"),
            ("workflows/a.test.kdl", "workflow \"a\"\n"),
            ("pillars.kdl", "pillar \"x\"\n"),
        ] {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let found = find_all(folder.path());
        let names: Vec<_> = found.iter().map(|path| path.strip_prefix(folder.path()).unwrap().display().to_string()).collect();
        assert_eq!(names, ["b.kdl", "workflows/a.kdl"]);
    }

    #[test]
    fn a_path_without_a_folder_is_here() {
        assert_eq!(split_path(Path::new("a.kdl")), (PathBuf::from("."), "a.kdl".to_owned()));
        assert_eq!(split_path(Path::new("w/a.kdl")), (PathBuf::from("w"), "a.kdl".to_owned()));
    }
}
