//! Writing the text of a workflow in which every use of a module's step has become the built-in steps it is made of.
//!
//! The result step takes the user's name and the others `NAME:STEP`. What is copied keeps its bytes, and what a parameter leaves out is
//! taken out with `/-`, so that all that is not filled in stays as its author wrote it.

use super::arguments;
use super::arguments::{Given, Values};
use super::definition::{Export, Module, Part};
use super::holes::{Fragment, Hole, fragments, hole};
use super::library::Library;
use super::map::SpanMap;
use crate::compile::language::WIRED;
use crate::compile::paths;
use crate::diag::{Diagnostic, FileId, Span};
use crate::step::{NodeSpec, ValueType};
use crate::syntax::{Entry, Node, quoted};

/// One use stands for at most so many built-in steps: modules that are made of modules multiply.
pub const MOST_STEPS: usize = 200;

/// What all expansions together may add to a workflow, in bytes.
pub const LARGEST: usize = 16 << 20;

/// What names mean inside one use of an exported step.
pub struct Scope<'s> {
    pub module: &'s Module,
    pub export: &'s Export,
    pub values: Values,
    /// The name that the use gives, and where it stands.
    pub name: String,
    pub name_span: Span,
}

impl Scope<'_> {
    /// The name that one of the parts has outside.
    pub fn outer_name(&self, part: usize) -> String {
        match part == self.export.result {
            true => self.name.clone(),
            false => format!("{}:{}", self.name, self.export.parts[part].name),
        }
    }

    fn part(&self, name: &str) -> Option<usize> {
        self.export.parts.iter().position(|part| part.name == name)
    }

    /// Gives a value that names one of the parts its name outside.
    pub fn rename(&self, given: &mut Given) {
        if let Some(part) = self.part(&given.plain) {
            given.plain = self.outer_name(part);
            given.spelling = quoted(&given.plain);
            given.exact = false;
        }
    }

    /// A text with its holes filled. In a formula, texts stand in quotation marks and formulas in brackets.
    pub fn filled(&self, text: &str, formula: bool) -> String {
        let mut filled = String::new();
        for fragment in fragments(text) {
            match fragment {
                Fragment::Plain(plain) => filled.push_str(plain),
                Fragment::Param(name) => {
                    let ty = self.export.param(name).map(|param| param.ty);
                    let plain = self.values.get(name).and_then(|values| values.first()).map_or("", |given| given.plain.as_str());
                    match ty {
                        Some(ValueType::Expression) if formula => filled.push_str(&format!("({plain})")),
                        Some(ValueType::Integer | ValueType::Number | ValueType::Share | ValueType::Bool | ValueType::Money) => {
                            filled.push_str(plain)
                        }
                        _ if formula => filled.push_str(&quoted(plain)),
                        _ => filled.push_str(plain),
                    }
                }
            }
        }
        filled
    }
}

/// The text as far as it is written.
pub struct Writer {
    pub text: String,
    pub map: SpanMap,
    /// What was written for uses, in bytes.
    added: usize,
    /// The steps that were written for the use at hand.
    steps: usize,
    /// Why the rest was left out, when it was too much.
    pub overflow: Option<String>,
}

/// Where a body is written for.
#[derive(Clone, Copy)]
struct Here {
    file: FileId,
    site: Option<usize>,
}

impl Writer {
    pub fn new(capacity: usize) -> Writer {
        Writer { text: String::with_capacity(capacity), map: SpanMap::default(), added: 0, steps: 0, overflow: None }
    }

    /// Copies `start..end` of a file.
    pub fn copy(&mut self, file: FileId, text: &str, start: u32, end: u32, site: Option<usize>) {
        if let Some(part) = text.get(start as usize..end as usize)
            && !part.is_empty()
        {
            self.map.copied(self.text.len(), file, start, site);
            self.text.push_str(part);
            self.added += if site.is_some() { part.len() } else { 0 };
        }
    }

    /// Writes what stands for `place` and was put at `hole`.
    pub fn put(&mut self, text: &str, place: Span, hole: Span, site: Option<usize>) {
        if !text.is_empty() {
            self.map.made(self.text.len(), place, hole, site);
            self.text.push_str(text);
            self.added += text.len();
        }
    }

    fn give(&mut self, given: &Given, hole: Span, site: Option<usize>) {
        match given.exact {
            // A fix of a value that a person gave may change it where it stands.
            true => {
                self.map.copied(self.text.len(), given.span.file, given.span.start, site);
                self.text.push_str(&given.spelling);
                self.added += given.spelling.len();
            }
            false => self.put(&given.spelling, given.span, hole, site),
        }
    }

    /// Writes the steps that a use stands for.
    pub fn expand(&mut self, scope: &Scope<'_>, library: &Library<'_>, site: usize, sink: &mut Vec<Diagnostic>) {
        self.steps = 0;
        self.body(scope, library, site, sink);
    }

    fn body(&mut self, scope: &Scope<'_>, library: &Library<'_>, site: usize, sink: &mut Vec<Diagnostic>) {
        let own = library.modules.iter().position(|module| std::ptr::eq(module, scope.module));
        for (number, part) in scope.export.parts.iter().enumerate() {
            if self.steps >= MOST_STEPS || self.added > LARGEST {
                self.overflow = Some(match self.added > LARGEST {
                    true => format!("more than {} MiB by here", LARGEST >> 20),
                    false => format!("more than {MOST_STEPS}"),
                });
            }
            if self.overflow.is_some() {
                return;
            }
            let Some(node) = scope.module.tree.node(part.node) else { continue };
            if let Some((alias, verb)) = node.name().split_once('.') {
                let inner = own
                    .and_then(|own| library.aliases.get(own)?.get(alias).copied().flatten())
                    .map(|inner| &library.modules[inner])
                    .and_then(|module| Some((module, module.steps.iter().find(|step| step.name == verb)?)));
                if let Some((module, export)) = inner
                    && let Some(values) = arguments::read(node, module, export, Some(scope), sink)
                {
                    let name_span = node.arg(0).map_or(node.head_span(), |entry| entry.value_span());
                    let inner = Scope { module, export, values, name: scope.outer_name(number), name_span };
                    self.body(&inner, library, site, sink);
                }
                continue;
            }
            self.steps += 1;
            self.part(scope, number, part, node, Here { file: scope.module.file, site: Some(site) });
            self.put("\n", node.head_span(), node.head_span(), Some(site));
        }
    }

    fn part(&mut self, scope: &Scope<'_>, number: usize, part: &Part, node: Node<'_>, here: Here) {
        let mut at = node.span().start;
        let tree = scope.module.tree.text();
        if let Some(entry) = node.arg(0) {
            self.copy(here.file, tree, at, entry.span().start, here.site);
            // The result is what the user named; the others are known by where the module names them.
            let place = if number == scope.export.result { scope.name_span } else { entry.value_span() };
            self.put(&quoted(&scope.outer_name(number)), place, entry.value_span(), here.site);
            at = entry.span().end;
        }
        let nodes = part.kind.map_or(&[][..], |kind| kind.spec().nodes);
        self.rest(scope, node, at, 1, None, &[nodes, WIRED], None, here);
    }

    /// The entries from number `skip` on, and the block. `each` is the value that `(each)` stands for in this round.
    #[expect(clippy::too_many_arguments, reason = "the state of one walk, of which every call changes a little")]
    fn rest(
        &mut self,
        scope: &Scope<'_>,
        node: Node<'_>,
        mut at: u32,
        skip: usize,
        spec: Option<&NodeSpec>,
        children: &[&'static [NodeSpec]],
        each: Option<&Given>,
        here: Here,
    ) {
        let tree = scope.module.tree.text();
        let mut args = 0;
        for (number, entry) in node.entries().enumerate() {
            let is_arg = entry.name().is_none();
            args += usize::from(is_arg);
            if is_arg && args <= skip && number < skip {
                continue;
            }
            let ty = match (entry.name(), spec) {
                (Some((name, _)), Some(spec)) => spec.props.iter().find(|prop| prop.name == name).map(|prop| prop.ty),
                (None, Some(spec)) => spec.args.get(args - 1).map(|arg| arg.ty).or(spec.rest),
                (_, None) => None,
            };
            self.copy(here.file, tree, at, entry.span().start, here.site);
            self.entry(scope, &entry, ty, each, here);
            at = entry.span().end;
        }
        for child in node.children() {
            let spec = children.iter().flat_map(|group| group.iter()).find(|spec| spec.name == child.name());
            self.copy(here.file, tree, at, child.span().start, here.site);
            self.child(scope, child, spec, here);
            at = child.span().end;
        }
        self.copy(here.file, tree, at, node.span().end, here.site);
    }

    fn child(&mut self, scope: &Scope<'_>, node: Node<'_>, spec: Option<&NodeSpec>, here: Here) {
        let children: &[&'static [NodeSpec]] = &[spec.map_or(&[][..], |spec| spec.children)];
        let start = node.span().start;
        // A node of whose values none is given is left out.
        let is_absent = node.arg(0).is_some()
            && node.args().all(|entry| match hole(&entry) {
                Some(Hole::Param(name) | Hole::Each(name)) => scope.values.get(name).is_some_and(Vec::is_empty),
                Some(Hole::Filled { .. }) | None => false,
            });
        if is_absent {
            self.put("/-", node.head_span(), node.head_span(), here.site);
            self.copy(here.file, scope.module.tree.text(), start, node.span().end, here.site);
            return;
        }
        let each = node.entries().find_map(|entry| match hole(&entry) {
            Some(Hole::Each(name)) => scope.values.get(name),
            _ => None,
        });
        let Some(each) = each else {
            return self.rest(scope, node, start, 0, spec, children, None, here);
        };
        for (number, given) in each.iter().enumerate() {
            if number > 0 {
                self.put("\n", node.head_span(), node.head_span(), here.site);
            }
            self.rest(scope, node, start, 0, spec, children, Some(given), here);
        }
    }

    fn entry(&mut self, scope: &Scope<'_>, entry: &Entry<'_>, ty: Option<ValueType>, each: Option<&Given>, here: Here) {
        let hole_span = entry.value_span();
        let key = entry.name().map(|(name, _)| format!("{}=", name_as_written(name)));
        let text = entry.value().text();
        let values: Vec<&Given> = match hole(entry) {
            Some(Hole::Each(_)) => each.into_iter().collect(),
            Some(Hole::Param(name)) => scope.values.get(name).map(|values| values.iter().collect()).unwrap_or_default(),
            Some(Hole::Filled { text, formula }) => {
                self.key(key.as_deref(), entry, here);
                return self.put(&quoted(&scope.filled(text, formula)), hole_span, hole_span, here.site);
            }
            None => {
                let other = match (ty, text) {
                    (Some(ValueType::Template), Some(path)) => Some(paths::join(&scope.module.home, path)),
                    (Some(ValueType::Step), Some(name)) => scope.part(name).map(|part| scope.outer_name(part)),
                    (Some(ValueType::Parameter), Some(path)) => path
                        .split_once('.')
                        .and_then(|(step, rest)| Some(format!("{}.{rest}", scope.outer_name(scope.part(step)?)))),
                    _ => None,
                };
                return match other {
                    Some(other) => {
                        self.key(key.as_deref(), entry, here);
                        self.put(&quoted(&other), hole_span, hole_span, here.site);
                    }
                    None => self.copy(here.file, scope.module.tree.text(), entry.span().start, entry.span().end, here.site),
                };
            }
        };
        if values.is_empty() {
            self.put("/-", hole_span, hole_span, here.site);
            self.copy(here.file, scope.module.tree.text(), entry.span().start, entry.span().end, here.site);
            return;
        }
        for (number, given) in values.into_iter().enumerate() {
            if number > 0 {
                self.put(" ", hole_span, hole_span, here.site);
            }
            self.key(key.as_deref(), entry, here);
            self.give(given, hole_span, here.site);
        }
    }

    fn key(&mut self, key: Option<&str>, entry: &Entry<'_>, here: Here) {
        if let (Some(key), Some((_, span))) = (key, entry.name()) {
            self.put(key, span, span, here.site);
        }
    }
}

/// The name of a property so that it reads back.
fn name_as_written(name: &str) -> String {
    let plain = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && !matches!(name, "true" | "false" | "null" | "inf" | "nan");
    if plain { name.to_owned() } else { quoted(name) }
}
