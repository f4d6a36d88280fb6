//! Hot reload: a saved definition is read as a whole first, and only a valid one takes the place of the one in force.
//!
//! The swap is one assignment, so there is no moment in which half of a change counts: workflow, templates and Client OS
//! come from one reading or stay as they are. Open cycles do not notice, because a cycle has its own pins; what is in force
//! here is what the *next* cycle opens with.

use crate::base::files::Files;
use crate::base::{Digest, Footprint, Traced};
use crate::client_os::{self, Snapshot};
use crate::compile;
use crate::diag::{Diagnostic, Sources};
use crate::model::Workflow;
use crate::plan::{Version, WorkflowDiff};
use crate::runtime::at_once;
use crate::step::Registry;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A valid workflow with all that cycles are pinned to.
#[derive(Clone, Debug)]
pub struct Definition {
    pub workflow: Arc<Workflow>,
    pub client_os: Arc<Snapshot>,
    /// The texts of the workflow, its templates and its Client OS, by path: see [`crate::engine::Pins::sources`].
    pub sources: BTreeMap<String, String>,
    /// What the spans in the workflow point into.
    pub texts: Sources,
    /// The digests of the workflow and of the Client OS: taken once, because that costs as much as compiling.
    digests: (Digest, Digest),
}

impl Definition {
    pub fn new(
        workflow: Arc<Workflow>,
        client_os: Arc<Snapshot>,
        sources: BTreeMap<String, String>,
        texts: Sources,
    ) -> Definition {
        let digests = (workflow.digest(), client_os.digest());
        Definition { workflow, client_os, sources, texts, digests }
    }

    /// Same digests, same behaviour.
    pub fn is_same_as(&self, other: &Definition) -> bool {
        self.digests == other.digests
    }

    /// For comparing it with another.
    pub fn version(&self) -> Version<'_> {
        Version { workflow: &self.workflow, texts: &self.texts, client_os: &self.client_os }
    }
}

/// One look at a definition.
#[derive(Debug)]
pub struct Reading {
    /// None when a diagnostic is an error.
    pub definition: Option<Definition>,
    /// What the diagnostics point into.
    pub texts: Sources,
    /// Errors and warnings.
    pub diagnostics: Vec<Diagnostic>,
    /// The files that this reading depends on, including those that it looked for in vain.
    pub footprint: Footprint,
}

/// Reads the workflow file `name` with everything that belongs to it. Never fails.
pub fn read(files: &dyn Files, name: &str, registry: &Registry) -> Reading {
    let traced = Traced::new(files);
    let compiled = compile::compile_with(&traced, name, registry, &at_once);
    let definition = compiled.workflow.map(|workflow| {
        let client_os = workflow.client_os.as_ref().map(|folder| client_os::read(&traced, folder).0).unwrap_or_default();
        let sources = sources(&compiled.sources, &workflow, &client_os);
        Definition::new(Arc::new(workflow), Arc::new(client_os), sources, compiled.sources.clone())
    });
    Reading { definition, texts: compiled.sources, diagnostics: compiled.diagnostics, footprint: traced.footprint() }
}

/// The texts that a workflow was made from, by path.
pub fn sources(read: &Sources, workflow: &Workflow, client_os: &Snapshot) -> BTreeMap<String, String> {
    let texts = read.iter().map(|(_, file)| (file.name.clone(), file.text.to_string()));
    let folder = workflow.client_os.clone().unwrap_or_default();
    let os = client_os.files.iter().map(|(path, text)| (format!("{}/{path}", folder.trim_end_matches('/')), text.clone()));
    texts.chain(os).collect()
}

/// What became of a save.
#[derive(Clone, Debug, PartialEq)]
pub enum ReloadOutcome {
    /// Nothing that counts is different: a comment, another layout, the old text again.
    Unchanged,
    /// It is valid, and the next cycle uses it.
    NextCycle(WorkflowDiff),
    /// It is not valid. Everything stays as it was.
    Kept(Vec<Diagnostic>),
}

/// A reload with what is needed to show it and to go on watching.
#[derive(Debug)]
pub struct Reloaded {
    pub outcome: ReloadOutcome,
    /// What was in force before; none for `Kept`, because that still is.
    pub before: Option<Definition>,
    /// The texts that were read, for diagnostics.
    pub texts: Sources,
    /// Warnings of a valid reading; empty for `Kept`, which has its own diagnostics.
    pub warnings: Vec<Diagnostic>,
    pub footprint: Footprint,
}

/// Keeps the definition in force.
pub struct Reloader<'a> {
    name: String,
    registry: &'a Registry,
    current: Definition,
}

impl<'a> Reloader<'a> {
    /// `name` is the workflow file in the files that [`Reloader::reload`] is given.
    pub fn new(name: impl Into<String>, registry: &'a Registry, current: Definition) -> Reloader<'a> {
        Reloader { name: name.into(), registry, current }
    }

    /// What the next cycle opens with.
    pub fn current(&self) -> &Definition {
        &self.current
    }

    /// Reads the files again. All or nothing: when anything is wrong, what is in force stays in force.
    pub fn reload(&mut self, files: &dyn Files) -> Reloaded {
        let reading = read(files, &self.name, self.registry);
        let (outcome, before, warnings) = match reading.definition {
            None => (ReloadOutcome::Kept(reading.diagnostics), None, Vec::new()),
            Some(new) => {
                // Also when nothing that counts is different: lines may have moved, and diagnostics point at lines.
                let before = std::mem::replace(&mut self.current, new);
                let outcome = if self.current.is_same_as(&before) {
                    ReloadOutcome::Unchanged
                } else {
                    ReloadOutcome::NextCycle(WorkflowDiff::between(before.version(), self.current.version()))
                };
                (outcome, Some(before), reading.diagnostics)
            }
        };
        Reloaded { outcome, before, texts: reading.texts, warnings, footprint: reading.footprint }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::files::MemoryFiles;
    use crate::builtin;

    const LOOP: &str = r#"
workflow "small" {
    client-os "os"
    without "distribution" "conversion" "learning"
    provider "drafter" kind="template"
    intelligence {
        source "press" kind="csv" { path "data.csv" }
    }
    strategy {
        score "topics" {
            from "press"
            keep 3
            rule "fit" weight=1.0 { value "pillar.weight" }
        }
    }
    production {
        brief "briefs" { from "topics" }
        outline "outlines" {
            from "briefs"
            provider "drafter"
            template "outline.hbs"
            cap 3 per="day"
        }
        gate "review" { from "outlines"; by "editor" }
    }
}
"#;

    fn files() -> MemoryFiles {
        MemoryFiles::new([
            ("loop.kdl", LOOP),
            ("outline.hbs", "# {{brief.title}}\n"),
            ("data.csv", "x"),
            ("os/brand.md", "# Voice\n\ncalm\n"),
        ])
    }

    fn set(files: &mut MemoryFiles, path: &str, text: &str) {
        files.0.insert(path.to_owned(), Arc::from(text));
    }

    fn first(files: &MemoryFiles) -> Reading {
        read(files, "loop.kdl", builtin::registry())
    }

    fn reloader(files: &MemoryFiles) -> Reloader<'static> {
        let reading = first(files);
        let current = reading.definition.unwrap_or_else(|| panic!("{:?}", reading.diagnostics));
        Reloader::new("loop.kdl", builtin::registry(), current)
    }

    #[test]
    fn the_footprint_has_every_file_of_the_definition_and_no_data() {
        let mut files = files();
        let footprint = first(&files).footprint;
        let texts: Vec<&str> = footprint.files().collect();
        for path in ["loop.kdl", "outline.hbs", "os/brand.md"] {
            assert!(texts.contains(&path), "{path} in {texts:?}");
        }
        set(&mut files, "data.csv", "more");
        assert_eq!(footprint.again(&files), footprint, "data is input");
        set(&mut files, "os/decisions.md", "# Decisions\n");
        assert_ne!(footprint.again(&files), footprint, "a new file of the Client OS");
    }

    #[test]
    fn a_broken_file_keeps_the_old_workflow() {
        let mut files = files();
        let mut reloader = reloader(&files);
        let good = reloader.current().clone();
        for (path, broken) in [
            ("loop.kdl", LOOP.replace("keep 3", "kepe 3")),
            ("loop.kdl", LOOP.replace("workflow", "workflow {")),
            ("loop.kdl", String::new()),
            ("outline.hbs", "{{#each".to_owned()),
        ] {
            let before = files.0.get(path).cloned().expect("it was there");
            set(&mut files, path, &broken);
            let kept = reloader.reload(&files);
            let ReloadOutcome::Kept(diagnostics) = &kept.outcome else { panic!("{:?}", kept.outcome) };
            assert!(diagnostics.iter().any(Diagnostic::is_error));
            assert!(reloader.current().is_same_as(&good), "after {path}");
            assert_eq!(reloader.current().sources, good.sources);
            files.0.insert(path.to_owned(), before);
            // What is mended is watched for: the footprint of the broken reading notices it.
            assert_ne!(kept.footprint.again(&files), kept.footprint, "{path} mended");
            assert_eq!(reloader.reload(&files).outcome, ReloadOutcome::Unchanged);
        }
    }

    #[test]
    fn a_template_that_is_gone_is_waited_for() {
        let mut files = files();
        let mut reloader = reloader(&files);
        let text = files.0.remove("outline.hbs").expect("it was there");
        let gone = reloader.reload(&files);
        assert!(matches!(gone.outcome, ReloadOutcome::Kept(_)), "{:?}", gone.outcome);
        files.0.insert("outline.hbs".to_owned(), text);
        assert_ne!(gone.footprint.again(&files), gone.footprint);
        assert_eq!(reloader.reload(&files).outcome, ReloadOutcome::Unchanged);
    }

    #[test]
    fn a_comment_is_no_change_but_its_lines_count() {
        let mut files = files();
        let mut reloader = reloader(&files);
        let line = |reloader: &Reloader<'_>| reloader.current().workflow.steps[0].span.start;
        let before = line(&reloader);
        set(&mut files, "loop.kdl", &format!("// a remark{LOOP}"));
        assert_eq!(reloader.reload(&files).outcome, ReloadOutcome::Unchanged);
        assert!(line(&reloader) > before);
    }

    #[test]
    fn a_valid_save_is_used_by_the_next_cycle_and_says_what_differs() {
        let mut files = files();
        let mut reloader = reloader(&files);
        set(&mut files, "loop.kdl", &LOOP.replace("keep 3", "keep 4"));
        let ReloadOutcome::NextCycle(diff) = reloader.reload(&files).outcome else { panic!("it is another workflow") };
        assert!(diff.to_string().contains("topics"), "{diff}");
        set(&mut files, "os/brand.md", "# Voice\n\nbold\n");
        let ReloadOutcome::NextCycle(diff) = reloader.reload(&files).outcome else { panic!("it is another Client OS") };
        assert!(diff.to_string().contains("os/brand.md"), "{diff}");
        assert_eq!(reloader.current().sources["os/brand.md"], "# Voice\n\nbold\n");
    }
}
