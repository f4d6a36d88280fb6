//! The modules that a workflow uses, for those who help to write it: what each exports, and where it is.

use super::definition::{self, Module};
use super::library::{Aliases, Library};
use crate::base::files::Files;
use crate::diag::Sources;
use crate::step::Registry;
use crate::syntax::Tree;
use std::rc::Rc;

/// A module under the name that stands before the dot.
pub struct Known {
    pub alias: String,
    pub module: Rc<Module>,
    /// Its file, as the compiler names it: relative to where the workflow's own path is relative to, or below [`super::stdlib::ROOT`].
    pub path: String,
    pub text: std::sync::Arc<str>,
}

/// Every module that could be loaded, in the order of their names. What is wrong is for the compiler to say.
pub fn known(tree: &Tree, files: &dyn Files, folder: &str, registry: &Registry) -> Vec<Known> {
    let files = super::stdlib::WithStdlib(files);
    let (mut sources, mut sink) = (Sources::default(), Vec::new());
    let mut library = Library::new(&files, registry, &mut sources, folder);
    let mut aliases = Aliases::default();
    for node in tree.roots().flat_map(|root| root.children()).filter(|node| node.name() == "use") {
        let used = definition::used(node, &mut Vec::new());
        let loaded = library.load(&used, None, &mut sink);
        aliases.add(&used, loaded, &mut sink);
    }
    let modules: Vec<Rc<Module>> = std::mem::take(&mut library.modules).into_iter().map(Rc::new).collect();
    drop(library);
    let mut found = Vec::new();
    for (alias, number) in aliases.modules {
        let Some(module) = number.and_then(|number| modules.get(number)).map(Rc::clone) else { continue };
        if let Some(source) = sources.get(module.file) {
            found.push(Known { alias, path: source.name.clone(), text: source.text.clone(), module });
        }
    }
    found
}
