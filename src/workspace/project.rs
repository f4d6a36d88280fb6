//! A loaded workflow with everything around it that a request needs.

use super::failure::{Exit, Failure};
use super::find::{self, find, invalid, split_path};
use crate::base::files::{MemoryFiles, Overlay};
use crate::base::{CycleNo, ItemId};
use crate::builtin;
use crate::client_os::{self, Snapshot};
use crate::compile;
use crate::diag::Sources;
use crate::engine::Entry;
use crate::model::{Item, Workflow};
use crate::plan::Version;
use crate::report::CycleView;
use crate::runtime::{CycleStatus, Definition, Journal, reload};
use crate::store;
use crate::world::DiskFiles;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Options that say where things are.
#[derive(Clone, Debug, Default)]
pub struct Place {
    /// Set with `--state`.
    pub state: Option<PathBuf>,
}

impl Place {
    /// The state folder of a workflow file: the one that is set, or `.loopctl` beside the file.
    pub fn state_of(&self, file: &Path) -> PathBuf {
        self.state.clone().unwrap_or_else(|| split_path(file).0.join(".loopctl"))
    }
}

/// A workflow that is valid, with its Client OS.
#[derive(Clone, Debug)]
pub struct Project {
    /// As the user typed it.
    pub file: String,
    /// The folder that paths in the workflow are relative to.
    pub root: PathBuf,
    pub workflow: Arc<Workflow>,
    pub client_os: Arc<Snapshot>,
    /// The texts of the workflow, its templates and its Client OS, by path.
    pub sources: BTreeMap<String, String>,
    /// What the spans in the workflow point into, by path beside the workflow.
    pub texts: Sources,
    pub state: PathBuf,
}

impl Project {
    /// Reads and checks a workflow file.
    ///
    /// # Errors
    /// `cli::invalid-workflow` with its findings, `cli::no-such-file`, or that no file is meant.
    pub fn read(place: &Place, file: Option<&Path>) -> Result<Project, Failure> {
        let path = find(file)?;
        let (files, compiled) = find::compile(&path)?;
        let Some(workflow) = compiled.workflow else {
            return Err(invalid(&path, &compiled));
        };
        let (client_os, _) = match &workflow.client_os {
            Some(folder) => client_os::read(&files, folder),
            None => Default::default(),
        };
        let (root, _) = split_path(&path);
        Ok(Project {
            file: path.display().to_string(),
            root,
            sources: reload::sources(&compiled.sources, &workflow, &client_os),
            texts: compiled.sources,
            workflow: Arc::new(workflow),
            client_os: Arc::new(client_os),
            state: place.state_of(&path),
        })
    }

    /// Reads like [`Project::read`]. When the file is not valid now, but a cycle is open that began with a valid one, that one
    /// is taken; what is wrong with the file comes back beside it and counts from the next cycle.
    ///
    /// # Errors
    /// As [`Project::read`], when no cycle is open.
    pub fn read_or_pinned(place: &Place, file: Option<&Path>) -> Result<(Project, Option<Failure>), Failure> {
        match Project::read(place, file) {
            Ok(project) => Ok((project, None)),
            Err(failure) if failure.exit == Exit::InvalidWorkflow => match Project::pinned(place, file)? {
                Some(project) => Ok((project, Some(failure))),
                None => Err(failure),
            },
            Err(failure) => Err(failure),
        }
    }

    /// The project that the open cycle of a workflow file is pinned to, whatever the file says now.
    fn pinned(place: &Place, file: Option<&Path>) -> Result<Option<Project>, Failure> {
        let path = find(file)?;
        let (_, name) = split_path(&path);
        let state = place.state_of(&path);
        if !state.is_dir() {
            return Ok(None);
        }
        let journal = open_state(&state)?;
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

    /// Whether a cycle was pinned to this version.
    pub fn is_as_in(&self, entries: &[Entry]) -> bool {
        let Some(Entry::Opened { pins, .. }) = entries.first() else { return false };
        (pins.workflow_digest, pins.client_os_digest) == (self.workflow.digest(), self.client_os.digest())
    }

    /// The project as a cycle was pinned to it; `None` when nothing has changed since, or the cycle does not say.
    pub fn as_of(&self, entries: &[Entry]) -> Result<Option<Project>, Failure> {
        let Some(Entry::Opened { pins, .. }) = entries.first() else { return Ok(None) };
        let open = pins.cycle;
        if self.is_as_in(entries) || pins.sources.is_empty() {
            return Ok(None);
        }
        Project::from_pins(Path::new(&self.file), self.state.clone(), open, &pins.sources).map(Some)
    }

    fn from_pins(path: &Path, state: PathBuf, open: CycleNo, pinned: &BTreeMap<String, String>) -> Result<Project, Failure> {
        let (root, name) = split_path(path);
        let disk = DiskFiles::new(&root);
        let front = MemoryFiles(pinned.iter().map(|(path, text)| (path.clone(), Arc::from(text.as_str()))).collect());
        let files = Overlay { front, behind: &disk };
        let compiled = compile::compile_with(&files, &name, builtin::registry(), &crate::runtime::at_once);
        let Some(workflow) = compiled.workflow else {
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
            texts: compiled.sources,
            state,
        })
    }

    /// What the next cycle of this project opens with.
    pub fn definition(&self) -> Definition {
        Definition::new(self.workflow.clone(), self.client_os.clone(), self.sources.clone(), self.texts.clone())
    }

    /// The same project with another version of its files.
    pub fn with(&self, definition: &Definition) -> Project {
        let Definition { workflow, client_os, sources, texts, .. } = definition.clone();
        Project { workflow, client_os, sources, texts, ..self.clone() }
    }

    /// For comparing it with another version.
    pub fn version(&self) -> Version<'_> {
        Version { workflow: &self.workflow, texts: &self.texts, client_os: &self.client_os }
    }

    pub fn store_name(&self) -> String {
        format!("{} ({}, durable)", self.state.display(), store::engine_of(&self.state).name())
    }

    /// Opens the durable state: through the service when one runs here, else itself, waiting a moment for another command to
    /// finish.
    ///
    /// # Errors
    /// As [`store::open()`].
    pub fn open(&self) -> Result<Box<dyn Journal>, Failure> {
        open_state(&self.state)
    }

    /// The service that keeps this project's state, when one runs.
    #[cfg(unix)]
    pub fn service(&self) -> Option<super::remote::RemoteJournal> {
        super::remote::RemoteJournal::connect(&self.state)
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
                    Entry::Done { items: made, .. } => items.extend(made.into_iter().map(|item| (item.id, item.take()))),
                    _ => {}
                }
            }
        }
        Ok(items)
    }
}

/// Opens a state folder, through the service when one runs there.
fn open_state(state: &Path) -> Result<Box<dyn Journal>, Failure> {
    #[cfg(unix)]
    if let Some(journal) = super::remote::RemoteJournal::connect(state) {
        return Ok(Box::new(journal));
    }
    Ok(Box::new(store::open(state, &store::OpenOptions::default())?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_stands_beside_the_file_unless_it_is_set() {
        assert_eq!(Place::default().state_of(Path::new("w/a.kdl")), PathBuf::from("w/.loopctl"));
        let place = Place { state: Some(PathBuf::from("elsewhere")) };
        assert_eq!(place.state_of(Path::new("w/a.kdl")), PathBuf::from("elsewhere"));
    }

    #[test]
    fn an_invalid_file_says_where_it_is_wrong() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("w.kdl");
        std::fs::write(&file, "workflow \"w\" {\n    nonsense\n}\n").unwrap();
        let failure = Project::read(&Place::default(), Some(&file)).unwrap_err();
        assert_eq!((failure.code, failure.exit), ("cli::invalid-workflow", Exit::InvalidWorkflow));
        assert!(!failure.findings.unwrap().diagnostics.is_empty());
    }
}
