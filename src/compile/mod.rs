//! The compiler: from the text of a workflow to a checked `Workflow`, or to every mistake in it.
//!
//! ```text
//! text ─ syntax::read ─► tree ─ modules ─► expanded tree ─ frame ─► sketch ─ resolve ─► names known ─ flow ─► wires fit ─ check ─► sound ─ lower ─► Workflow
//! ```
//! It is pure and never fails. It knows specs, not kinds: what a step looks like comes from the registry. Each stage works with what the
//! stage before understood, marks what it could not understand, and stays silent about the consequences.

mod check;
mod decode;
mod flow;
mod frame;
#[doc(hidden)]
pub mod fuzzing;
mod kept;
pub mod language;
pub mod lock;
mod lower;
pub mod mending;
pub mod modules;
mod paths;
mod resolve;
mod scalar;
pub mod schema;
mod secrets;
mod sketch;
mod steps;
pub mod test_file;
#[doc(hidden)]
pub mod testing;
#[cfg(test)]
mod tests;
mod texts;
pub mod world_file;

pub use kept::Kept;

use crate::base::both::{Both, one_after_another};
use crate::base::files::{FileError, Files};
use crate::diag::{Diagnostic, Sources, diagnostic};
use crate::model::Workflow;
use crate::step::Registry;
use crate::syntax;

/// What became of a file.
#[derive(Debug)]
pub struct Compiled {
    /// There when no diagnostic is an error.
    pub workflow: Option<Workflow>,
    /// The module, when that is what the file holds.
    pub module: Option<modules::Module>,
    /// The texts that the diagnostics point into: the workflow first, then its modules and templates.
    pub sources: Sources,
    /// Every independent mistake, in the order of the file.
    pub diagnostics: Vec<Diagnostic>,
}

impl Compiled {
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(Diagnostic::is_error)
    }
}

/// Compiles the workflow file at `path`. Paths inside the file are relative to its folder.
pub fn compile(files: &dyn Files, path: &str, registry: &Registry) -> Compiled {
    compile_with(files, path, registry, &one_after_another)
}

/// The same, with a say in how the two halves of a large workflow are read: what comes out is the same.
pub fn compile_with(files: &dyn Files, path: &str, registry: &Registry, both: Both<'_>) -> Compiled {
    run(files, path, registry, both, None)
}

/// The same findings sooner, when nearly the same text was compiled before with the same `kept` and `registry`: steps that stand unchanged
/// are not read again. There is no workflow in the result, because its steps are what is kept; [`Compiled::has_errors`] tells whether
/// there would be one.
pub fn compile_again(files: &dyn Files, path: &str, registry: &Registry, both: Both<'_>, kept: &mut Kept) -> Compiled {
    run(files, path, registry, both, Some(kept))
}

fn run(files: &dyn Files, path: &str, registry: &Registry, both: Both<'_>, kept: Option<&mut Kept>) -> Compiled {
    // Where the file turns out to be no workflow, nothing is kept of it.
    let (before, kept) = match kept {
        Some(kept) => (Some(std::mem::take(kept)), Some(kept)),
        None => (None, None),
    };
    let mut sources = Sources::default();
    let text = match files.text(path) {
        Ok(text) => text,
        Err(error) => {
            let finding =
                Diagnostic::error("loop::unreadable-file", format!("cannot read `{path}`: {error}")).help(match error {
                    FileError::TooLarge(_) => {
                        "split it over several workflows; what is large is data, which belongs in files beside it"
                    }
                    _ => "name a workflow file; `loopctl init` writes a first one",
                });
            return Compiled { workflow: None, module: None, sources, diagnostics: vec![finding] };
        }
    };
    let file = sources.add(path, text.clone());
    let (tree, mut diagnostics) = syntax::read_shared(file, text, &syntax::Limits::default());
    let folder = paths::parent(path);
    let files = modules::stdlib::WithStdlib(files);
    if let Some((module, mut findings)) = modules::check_file(&tree, path, &files, registry, &mut sources) {
        diagnostic::sort(&mut findings);
        return Compiled { workflow: None, module, sources, diagnostics: findings };
    }
    let expanded = modules::expand(&tree, &files, &folder, registry, &mut sources, &mut diagnostics);
    let (tree, map) = match expanded {
        Some(expanded) => (expanded.tree, Some(expanded.map)),
        None => (tree, None),
    };
    let mut workflow = None;
    let sketch = frame::read(&tree, registry, both, before, &mut diagnostics);
    // All that is needed of it is in the sketch, and it is large.
    let tree = kept.is_some().then_some(tree);
    if let Some(mut sketch) = sketch {
        resolve::Resolver::new(&files, &folder, &mut sources, &mut diagnostics).resolve(&mut sketch);
        flow::flow(&mut sketch, registry, &mut diagnostics);
        check::check(&sketch, &files, &folder, &mut diagnostics);
        let checked = lower::checked(&mut sketch, &folder, kept.is_some(), &mut diagnostics);
        match (kept, tree) {
            (Some(kept), Some(tree)) => {
                lower::give_back(checked, &mut sketch);
                *kept = Kept::of(tree, sketch.steps);
            }
            _ => workflow = Some(checked),
        }
    }
    if let Some(map) = &map {
        diagnostics = diagnostics.into_iter().map(|finding| map.brought_back(finding)).collect();
        workflow.iter_mut().for_each(|workflow| map.bring_back(workflow));
    }
    diagnostic::sort(&mut diagnostics);
    let workflow = workflow.filter(|_| !diagnostics.iter().any(Diagnostic::is_error));
    Compiled { workflow, module: None, sources, diagnostics }
}
