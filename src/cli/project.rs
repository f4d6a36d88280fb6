//! A loaded workflow with everything a command needs around it.

use super::exit::{Exit, Failure};
use super::output::Output;
use crate::base::files::{Files as _, MemoryFiles, Overlay};
use crate::base::{CycleNo, ItemId};
use crate::builtin;
use crate::client_os::{self, Snapshot};
use crate::compile::{self, Compiled};
use crate::diag::Sources;
use crate::engine::Entry;
use crate::model::{Item, Workflow};
use crate::report::CycleView;
use crate::report::style::{CODE, WAIT, count, paint};
use crate::report::view::handle;
use crate::runtime::{CycleStatus, Journal};
use crate::store;
use crate::world::{DiskFiles, Secrets, missing_secrets};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Options that say where things are.
#[derive(Clone, Debug, Default)]
pub struct Place {
    /// Set with `--state`.
    pub state: Option<PathBuf>,
}

/// Which version of the files a project was loaded from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// As they are now.
    Current,
    /// As the open cycle began with them, because they are not valid now.
    Pinned,
}

/// A workflow that is valid, with its Client OS.
pub struct Project {
    /// As the user typed it.
    pub file: String,
    /// The folder that paths in the workflow are relative to.
    pub root: PathBuf,
    pub workflow: Arc<Workflow>,
    pub client_os: Arc<Snapshot>,
    /// The texts of the workflow, its templates and its Client OS, by path.
    pub sources: BTreeMap<String, String>,
    pub state: PathBuf,
}

/// The workflow file: the one given, or the only one here or in `workflows/`.
pub fn find(file: Option<&Path>) -> Result<PathBuf, Failure> {
    if let Some(file) = file {
        return Ok(file.to_owned());
    }
    let mut found = Vec::new();
    for folder in [".", "workflows"] {
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

/// Splits `[WORKFLOW] ITEM …` into the file and the items.
pub fn split_words(words: &[String]) -> (Option<PathBuf>, Vec<String>) {
    match words.split_first() {
        Some((first, rest)) if first.ends_with(".kdl") => (Some(PathBuf::from(first)), rest.to_vec()),
        _ => (None, words.to_vec()),
    }
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
    let (folder, _) = split_path(path);
    let folder = folder.strip_prefix(".").unwrap_or(&folder);
    sources.renamed(|name| folder.join(name).display().to_string())
}

/// Shows what is wrong with a workflow. The failure that ends the command has the findings in its JSON, so that there is one
/// document.
pub fn invalid(path: &Path, compiled: &Compiled, output: &Output) -> Failure {
    let sources = as_typed(&compiled.sources, path);
    let failure = Failure::new("cli::invalid-workflow", format!("`{}` is not valid", path.display()))
        .help("mend what is shown above; `loopctl explain CODE` tells more")
        .exit(Exit::InvalidWorkflow);
    if output.json {
        return failure.with(crate::diag::formats::json_value(&compiled.diagnostics, &sources)["diagnostics"].take());
    }
    output.diagnostics(&sources, &compiled.diagnostics);
    failure
}

/// Compiles a workflow file from disk.
pub fn compile(path: &Path) -> Result<(DiskFiles, Compiled), Failure> {
    let (folder, name) = split_path(path);
    let files = DiskFiles::new(&folder);
    if !files.exists(&name) {
        return Err(Failure::new("cli::no-such-file", format!("cannot read `{}`: no such file", path.display()))
            .help("check the path, or start with `loopctl init my-loop`"));
    }
    let compiled = compile::compile(&files, &name, builtin::registry());
    Ok((files, compiled))
}

impl Project {
    /// Loads and checks; errors are printed and end the command with exit code 3.
    pub fn load(place: &Place, file: Option<&Path>, output: &Output) -> Result<Project, Failure> {
        let path = find(file)?;
        let (files, compiled) = compile(&path)?;
        let Some(workflow) = compiled.workflow else {
            return Err(invalid(&path, &compiled, output));
        };
        let (client_os, _) = match &workflow.client_os {
            Some(folder) => client_os::read(&files, folder),
            None => Default::default(),
        };
        let (root, _) = split_path(&path);
        let state = place.state.clone().unwrap_or_else(|| root.join(".loopctl"));
        Ok(Project {
            file: path.display().to_string(),
            root,
            sources: sources(&compiled.sources, &workflow, &client_os),
            workflow: Arc::new(workflow),
            client_os: Arc::new(client_os),
            state,
        })
    }

    /// Loads like [`Project::load`]. When the file is not valid now, but a cycle is open that began with a valid one, that one is
    /// taken: what is wrong has been shown, and counts from the next cycle.
    pub fn load_or_pinned(place: &Place, file: Option<&Path>, output: &Output) -> Result<(Project, Standing), Failure> {
        match Project::load(place, file, output) {
            Ok(project) => Ok((project, Standing::Current)),
            Err(failure) if failure.exit == Exit::InvalidWorkflow => match Project::pinned(place, file)? {
                Some(project) => {
                    output.progress(
                        "The open cycle goes on with the files as they were when it began; what is wrong above counts from the next cycle.",
                    );
                    Ok((project, Standing::Pinned))
                }
                None => Err(failure),
            },
            Err(failure) => Err(failure),
        }
    }

    /// The project that the open cycle of a workflow file is pinned to, whatever the file says now.
    fn pinned(place: &Place, file: Option<&Path>) -> Result<Option<Project>, Failure> {
        let path = find(file)?;
        let (root, name) = split_path(&path);
        let state = place.state.clone().unwrap_or_else(|| root.join(".loopctl"));
        if !state.is_dir() {
            return Ok(None);
        }
        let journal = store::open(&state, &store::OpenOptions::default())?;
        for workflow in journal.workflows()? {
            let cycles = journal.cycles(&workflow)?;
            let Some((open, _)) = cycles.into_iter().find(|(_, status)| *status == CycleStatus::Open) else { continue };
            if let Some(Entry::Opened { pins, .. }) = journal.read(&workflow, open)?.first()
                && pins.sources.contains_key(&name)
            {
                return Project::from_pins(&path, state, open, &pins.sources).map(Some);
            }
        }
        Ok(None)
    }

    /// The project as the open cycle of the journal is pinned to it; `None` when nothing is open or nothing has changed since.
    pub fn as_pinned(&self, journal: &dyn Journal) -> Result<Option<Project>, Failure> {
        let cycles = journal.cycles(&self.workflow.id)?;
        let Some((open, _)) = cycles.into_iter().find(|(_, status)| *status == CycleStatus::Open) else { return Ok(None) };
        self.as_of(&journal.read(&self.workflow.id, open)?)
    }

    /// The project as a cycle was pinned to it; `None` when nothing has changed since, or the cycle does not say.
    pub fn as_of(&self, entries: &[Entry]) -> Result<Option<Project>, Failure> {
        let Some(Entry::Opened { pins, .. }) = entries.first() else { return Ok(None) };
        let open = pins.cycle;
        if (pins.workflow_digest, pins.client_os_digest) == (self.workflow.digest(), self.client_os.digest())
            || pins.sources.is_empty()
        {
            return Ok(None);
        }
        Project::from_pins(Path::new(&self.file), self.state.clone(), open, &pins.sources).map(Some)
    }

    fn from_pins(path: &Path, state: PathBuf, open: CycleNo, pinned: &BTreeMap<String, String>) -> Result<Project, Failure> {
        let (root, name) = split_path(path);
        let disk = DiskFiles::new(&root);
        let front = MemoryFiles(pinned.iter().map(|(path, text)| (path.clone(), Arc::from(text.as_str()))).collect());
        let files = Overlay { front, behind: &disk };
        let Some(workflow) = compile::compile(&files, &name, builtin::registry()).workflow else {
            return Err(Failure::new(
                "run::cannot-resume",
                format!("cycle {open} began with files that this version of loopctl does not accept, or that are gone"),
            )
            .help("bring back the files that it reads, or finish it with the version it began with"));
        };
        let client_os = workflow.client_os.as_ref().map(|folder| client_os::read(&files, folder).0).unwrap_or_default();
        Ok(Project {
            file: path.display().to_string(),
            root,
            workflow: Arc::new(workflow),
            client_os: Arc::new(client_os),
            sources: pinned.clone(),
            state,
        })
    }

    /// Says which secrets cannot be read, before a model is asked or a piece is sent without them. What does not need them goes on.
    pub fn tell_missing_secrets(&self, output: &Output) {
        for (place, error) in missing_secrets(&self.workflow, &Secrets::new(&self.root)) {
            output.progress(&format!("{} {place}: {error}", paint(WAIT, "warning:")));
            output.progress(&format!("  {} {}", paint(CODE, "help:"), error.help()));
        }
    }

    /// Says what the Client OS lacks, before pieces are written without it.
    pub fn tell_missing_client_os(&self, output: &Output) {
        let findings = client_os::check(&self.client_os);
        let (Some(folder), Some(first)) = (&self.workflow.client_os, findings.first()) else { return };
        output.progress(&format!("{} {folder}/{}: {}", paint(WAIT, "warning:"), first.path, first.message));
        output.progress(&format!("  {} {}", paint(CODE, "help:"), first.help));
        if findings.len() > 1 {
            let more = count(findings.len() - 1, "more finding");
            output.progress(&format!("  {} `loopctl os check {}` shows {more}", paint(CODE, "help:"), self.file));
        }
    }

    pub fn store_name(&self) -> String {
        format!("{} (sled, durable)", self.state.display())
    }

    /// Opens the durable state, waiting a moment for another command to finish.
    pub fn open(&self) -> Result<Box<dyn Journal>, Failure> {
        Ok(Box::new(store::open(&self.state, &store::OpenOptions::default())?))
    }

    /// Whether there is any state; commands that only look do not make a folder.
    pub fn has_state(&self) -> bool {
        self.state.is_dir()
    }

    /// The entries of a cycle, the last one if none is named.
    pub fn entries(&self, journal: &dyn Journal, cycle: Option<u32>) -> Result<Vec<Entry>, Failure> {
        let cycles = journal.cycles(&self.workflow.id)?;
        let number = match cycle {
            Some(number) => CycleNo(number),
            None => cycles.last().map(|(number, _)| *number).ok_or_else(|| self.nothing_yet())?,
        };
        let entries = journal.read(&self.workflow.id, number)?;
        if entries.is_empty() {
            let last = cycles.last().map_or(0, |(number, _)| number.0);
            return Err(Failure::new("cli::no-such-cycle", format!("there is no cycle {number} of `{}`", self.workflow.id))
                .help(format!("there are cycles 1 to {last}")));
        }
        Ok(entries)
    }

    pub fn nothing_yet(&self) -> Failure {
        Failure::new("cli::nothing-yet", format!("`{}` has not run yet", self.workflow.id))
            .help(format!("start with `loopctl run {}`", self.file))
    }

    pub fn view(&self, entries: &[Entry]) -> Result<CycleView, Failure> {
        CycleView::gather(&self.workflow, entries).ok_or_else(|| {
            Failure::new("store::damaged", "the journal of this cycle does not start with its opening")
                .help("`loopctl status --cycle N` shows the others")
        })
    }

    /// All items of all cycles, for lineages that reach back.
    pub fn all_items(&self, journal: &dyn Journal) -> Result<BTreeMap<ItemId, Item>, Failure> {
        let mut items = BTreeMap::new();
        for (cycle, _) in journal.cycles(&self.workflow.id)? {
            for entry in journal.read(&self.workflow.id, cycle)? {
                match entry {
                    Entry::Opened { carry, .. } => {
                        items.extend(carry.deferred.into_values().flatten().map(|item| (item.id, item)))
                    }
                    Entry::Done { items: made, .. } => items.extend(made.into_iter().map(|item| (item.id, item))),
                    _ => {}
                }
            }
        }
        Ok(items)
    }
}

/// The texts that a workflow was made from, by path.
fn sources(read: &Sources, workflow: &Workflow, client_os: &Snapshot) -> BTreeMap<String, String> {
    let texts = read.iter().map(|(_, file)| (file.name.clone(), file.text.to_string()));
    let folder = workflow.client_os.clone().unwrap_or_default();
    let os = client_os.files.iter().map(|(path, text)| (format!("{}/{path}", folder.trim_end_matches('/')), text.clone()));
    texts.chain(os).collect()
}

/// Finds the one thing that `word` names: a handle (`o-7f3a1c`), a bare id, or the start of either.
pub fn pick<'a, T>(word: &str, things: impl Iterator<Item = (String, T)> + 'a, list: &str) -> Result<T, Failure> {
    let word = word.to_lowercase();
    let mut found: Vec<(String, T)> = things
        .filter(|(name, _)| name.starts_with(&word) || name.split_once('-').is_some_and(|(_, id)| id.starts_with(&word)))
        .collect();
    match found.len() {
        1 => Ok(found.remove(0).1),
        0 => Err(Failure::new("cli::no-such-item", format!("nothing here is called `{word}`"))
            .help(format!("`{list}` shows what there is"))),
        n => {
            let names: Vec<&str> = found.iter().take(4).map(|(name, _)| name.as_str()).collect();
            Err(Failure::new("cli::which-item", format!("`{word}` may be {n} items: {}", names.join(", ")))
                .help("type one more character"))
        }
    }
}

/// The handle of an item with as many digits as `pick` may need.
pub fn long_handle(item: &Item) -> String {
    let handle = handle(item);
    format!("{}-{}", &handle[..1], item.id)
}
