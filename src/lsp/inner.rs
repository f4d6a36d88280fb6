//! Names that reach into a use of a module: `pieces:draft` is the step `draft` of what `pieces` stands for, and `opportunities.demand` a
//! parameter of the step that took the name of the use.
//!
//! Whoever reads such a name needs to know what the uses of a file are uses of. Each file is read once for one question.

use super::documents::Source;
use super::grammar::{Word, walk};
use super::modules;
use super::session::Session;
use crate::model::Layer;
use crate::step::ValueType;
use crate::syntax::Node;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// What stands under one use: a step that a module exports.
#[derive(Clone)]
pub struct Used {
    pub file: PathBuf,
    pub export: String,
    /// The types of its parameters.
    params: BTreeMap<String, ValueType>,
    text: std::sync::Arc<str>,
}

impl Used {
    pub fn param(&self, name: &str) -> Option<ValueType> {
        self.params.get(name).copied()
    }
}

/// The steps of a workflow, or of one exported step of a module.
#[derive(Default)]
struct Body {
    uses: BTreeMap<String, Used>,
    /// The step that takes the name of a use.
    result: Option<String>,
}

/// By exported step; those of a workflow stand under the empty name.
type Bodies = BTreeMap<String, Body>;

/// The uses of files, each read when it is first asked about.
pub struct Inner<'s> {
    session: &'s Session,
    files: RefCell<BTreeMap<PathBuf, Rc<Bodies>>>,
}

/// A step as its own file knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Home {
    pub name: String,
    pub file: PathBuf,
    /// In a module, the exported step that it is a part of.
    pub within: Option<String>,
}

impl<'s> Inner<'s> {
    pub fn new(session: &'s Session) -> Inner<'s> {
        Inner { session, files: RefCell::default() }
    }

    /// What the step of this name in a file is a use of.
    pub fn used(&self, file: &Path, within: Option<&str>, name: &str) -> Option<Used> {
        self.bodies(file).get(within.unwrap_or(""))?.uses.get(name).cloned()
    }

    /// The steps that a name leads over, each with its bytes in the name: `pieces:draft` is the use `pieces` and the step `draft` in it.
    pub fn steps(&self, file: &Path, within: Option<&str>, name: &str) -> Vec<(Range<usize>, Home)> {
        let mut found = Vec::new();
        let mut place = Home { name: String::new(), file: file.to_owned(), within: within.map(str::to_owned) };
        let mut start = 0;
        loop {
            let rest = &name[start..];
            let first = rest.find(':').map(|colon| &rest[..colon]);
            let used = first.and_then(|first| self.used(&place.file, place.within.as_deref(), first));
            let own = if used.is_some() { first.unwrap_or(rest) } else { rest };
            found.push((start..start + own.len(), Home { name: own.to_owned(), ..place.clone() }));
            let Some(used) = used else { return found };
            start += own.len() + 1;
            self.learn(&used);
            place = Home { name: String::new(), file: used.file, within: Some(used.export) };
        }
    }

    /// The built-in step that has the settings of a step: of a use, the one that took its name.
    pub fn bearer(&self, mut step: Home) -> Home {
        // Modules are never made of themselves, but a broken one may say so.
        for _ in 0..32 {
            let Some(used) = self.used(&step.file, step.within.as_deref(), &step.name) else { break };
            self.learn(&used);
            let result = self.bodies(&used.file).get(&used.export).and_then(|body| body.result.clone());
            let Some(result) = result else { break };
            step = Home { name: result, file: used.file, within: Some(used.export) };
        }
        step
    }

    /// The file of a module as it was read for its use: a built-in one need not lie anywhere.
    fn learn(&self, used: &Used) {
        if !self.files.borrow().contains_key(&used.file) {
            let source = Source::new(used.file.clone(), used.text.clone(), self.session.encoding);
            let bodies = Rc::new(bodies(self.session, &source));
            self.files.borrow_mut().insert(used.file.clone(), bodies);
        }
    }

    fn bodies(&self, file: &Path) -> Rc<Bodies> {
        if let Some(known) = self.files.borrow().get(file) {
            return Rc::clone(known);
        }
        let read = Rc::new(self.session.source(file, |source, session| bodies(session, source)).unwrap_or_default());
        self.files.borrow_mut().insert(file.to_owned(), Rc::clone(&read));
        read
    }
}

fn bodies(session: &Session, source: &Source) -> Bodies {
    let modules = modules::of(session, source);
    let mut found = Bodies::new();
    // The exported step that is being walked through, and where it ends.
    let mut export: Option<(String, u32)> = None;
    walk(source.tree(), session.registry, |node, word| {
        if export.as_ref().is_some_and(|(_, end)| node.span().start >= *end) {
            export = None;
        }
        let Some(name) = node.arg(0).and_then(|entry| entry.value().text()) else { return };
        let body = found.entry(export.as_ref().map_or_else(String::new, |(name, _)| name.clone())).or_default();
        match word {
            Word::Export => export = Some((name.to_owned(), node.span().end)),
            Word::Setting { spec, step: None } if spec.name == "result" && export.is_some() => {
                body.result = Some(name.to_owned())
            }
            // Of one step alone it need not be said.
            Word::Step { .. } if export.is_some() => drop(body.result.get_or_insert_with(|| name.to_owned())),
            _ if is_use(node) => {
                if export.is_some() {
                    body.result.get_or_insert_with(|| name.to_owned());
                }
                if let Some((known, step)) = modules::export(&modules, node.name())
                    && let Some(file) = modules::place(source, known)
                {
                    let params = step.params.iter().map(|param| (param.name.clone(), param.ty)).collect();
                    let used = Used { file, export: step.name.clone(), params, text: known.text.clone() };
                    body.uses.insert(name.to_owned(), used);
                }
            }
            _ => {}
        }
    });
    found
}

/// Whether a node is a use of a module's step: it stands where a step may stand.
pub fn is_use(node: Node<'_>) -> bool {
    let holder = node.parent().map(|parent| parent.name());
    node.name().contains('.') && holder.is_some_and(|holder| holder == "step" || Layer::parse(holder).is_some())
}
