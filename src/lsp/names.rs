//! The names of a file: where something gets a name, and where it is meant.
//!
//! A name belongs to a workflow. In the workflow's own file that is clear; in a file of tests each test says which workflow it is about,
//! so the names in it are names of that workflow. In a module each exported step has names of its own, which nothing outside knows.

use super::documents::Source;
use super::grammar::{Word, typed, walk};
use super::inner::{Home, Inner, is_use};
use super::uris;
use crate::compile::modules::{Fragment, Hole, fragments, hole};
use crate::step::{Registry, ValueType};
use crate::syntax::{Entry, Node, quoted};
use std::ops::Range;
use std::path::PathBuf;

/// What a name names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    Workflow,
    Step,
    Provider,
    Channel,
    /// Something of a step that `feedback` may tune; its text is `step.parameter`.
    Parameter,
    /// What a use of a module's step says: `param "keep"`.
    Input,
}

impl What {
    /// As people say it.
    pub fn noun(self) -> &'static str {
        match self {
            What::Workflow => "workflow",
            What::Step => "step",
            What::Provider => "provider",
            What::Channel => "channel",
            What::Parameter | What::Input => "parameter",
        }
    }
}

/// One place of a name.
#[derive(Clone, Debug, PartialEq)]
pub struct Name {
    pub what: What,
    /// The whole name: of a parameter with its step.
    pub text: String,
    /// The bytes of the name without quotation marks; of a parameter without its step.
    pub range: Range<usize>,
    /// The workflow that the name belongs to.
    pub scope: PathBuf,
    /// In a module, the exported step that the name belongs to.
    pub within: Option<String>,
    pub is_definition: bool,
    /// What to replace by what around a new name, when the spelling has escapes or no quotation marks.
    rewrite: Option<(Range<usize>, String, String)>,
}

impl Name {
    /// The part that a person would change.
    pub fn own(&self) -> &str {
        match self.what {
            What::Parameter => self.text.split_once('.').map_or(self.text.as_str(), |(_, own)| own),
            _ => &self.text,
        }
    }

    /// The edit that gives it another name: the bytes to replace, and the text to put there.
    pub fn renamed(&self, new: &str) -> (Range<usize>, String) {
        match &self.rewrite {
            Some((range, before, after)) => (range.clone(), quoted(&format!("{before}{new}{after}"))),
            None => (self.range.clone(), new.to_owned()),
        }
    }
}

/// All names of a file, in its order. What reaches into a use of a module stays one name: see [`all_names`].
pub fn names(source: &Source, registry: &'static Registry) -> Vec<Name> {
    collect(source, registry, None)
}

/// The same with what uses of modules stand for: each part of `pieces:draft` is a name of the file that it is written in.
pub fn all_names(source: &Source, inner: &Inner<'_>, registry: &'static Registry) -> Vec<Name> {
    collect(source, registry, Some(inner))
}

fn collect(source: &Source, registry: &'static Registry, inner: Option<&Inner<'_>>) -> Vec<Name> {
    let mut found = Vec::new();
    let mut collector = Collector { source, inner, scope: source.path.clone(), step: None, export: None, found: &mut found };
    walk(source.tree(), registry, |node, word| collector.node(node, word));
    found
}

struct Collector<'c, 's> {
    source: &'c Source,
    inner: Option<&'c Inner<'s>>,
    scope: PathBuf,
    /// The step that is being walked through: its name, and where it ends.
    step: Option<(String, u32)>,
    /// The exported step of a module, in the same way.
    export: Option<(String, u32)>,
    found: &'c mut Vec<Name>,
}

impl Collector<'_, '_> {
    fn node(&mut self, node: Node<'_>, word: Word) {
        if self.step.as_ref().is_some_and(|(_, end)| node.span().start >= *end) {
            self.step = None;
        }
        if self.export.as_ref().is_some_and(|(_, end)| node.span().start >= *end) {
            self.export = None;
        }
        let first = node.arg(0).filter(|entry| entry.value().text().is_some_and(|text| !text.is_empty()));
        let defined = match word {
            Word::Workflow => Some(What::Workflow),
            Word::Door { spec, .. } => Some(if spec.name == "provider" { What::Provider } else { What::Channel }),
            Word::Step { .. } => Some(What::Step),
            _ if is_use(node) => Some(What::Step),
            _ => None,
        };
        if let (Some(what), Some(entry)) = (defined, first) {
            self.whole(what, entry, true);
        }
        match word {
            Word::Step { .. } => {
                let name = first.and_then(|entry| entry.value().text()).unwrap_or("").to_owned();
                self.step = Some((name, node.span().end));
            }
            Word::Export => {
                let name = first.and_then(|entry| entry.value().text()).unwrap_or("").to_owned();
                self.export = Some((name, node.span().end));
            }
            Word::Setting { spec, step: None } if self.export.is_some() => match (spec.name, first) {
                ("param", Some(entry)) => self.whole(What::Input, entry, true),
                ("result", Some(entry)) => self.whole(What::Step, entry, false),
                _ => {}
            },
            Word::Setting { spec, step: None } if spec.name == "test" => {
                let named = node.child("workflow").and_then(|workflow| workflow.arg(0)?.value().text());
                let path = named.map(|named| self.source.folder().join(named));
                self.scope = path.map_or_else(|| self.source.path.clone(), |path| uris::normal(&path));
            }
            // `rule "demand" weight=0.4`: what `feedback` tunes goes by this name.
            Word::Setting { spec, step: Some(_) }
                if spec.args.first().is_some_and(|arg| arg.name == "name" && arg.ty == ValueType::Text) =>
            {
                if let (Some(entry), Some((step, _))) = (first, &self.step)
                    && let Some(own) = entry.value().text()
                {
                    let text = format!("{step}.{own}");
                    self.part(What::Parameter, entry, text, 0..own.len(), true);
                }
            }
            _ => {}
        }
        if self.export.is_some() {
            for entry in node.entries() {
                self.holes(entry);
            }
        }
        for (entry, ty) in typed(node, word) {
            if self.export.is_some() && hole(&entry).is_some() {
                continue;
            }
            self.meant(entry, ty);
        }
        // A value of a use is what its parameter is.
        if let (Some(inner), Some(holder)) = (self.inner, node.parent().filter(|parent| is_use(*parent)))
            && let Some(name) = holder.arg(0).and_then(|entry| entry.value().text())
            && let Some(ty) = inner.used(&self.scope, self.within(), name).and_then(|used| used.param(node.name()))
        {
            let values = node.args().filter(|entry| hole(entry).is_none());
            values.for_each(|entry| self.meant(entry, ty));
        }
    }

    /// What a value of a type names.
    fn meant(&mut self, entry: Entry<'_>, ty: ValueType) {
        let Some(text) = entry.value().text().filter(|text| !text.is_empty()) else { return };
        match ty {
            ValueType::Step => drop(self.step(entry, text)),
            ValueType::Provider => self.whole(What::Provider, entry, false),
            ValueType::Channel => self.whole(What::Channel, entry, false),
            ValueType::Parameter => {
                let dot = text.find('.').unwrap_or(text.len());
                let home = self.step(entry, &text[..dot]);
                if dot < text.len() {
                    let own = &text[dot + 1..];
                    self.part(What::Parameter, entry, format!("{}.{own}", home.name), dot + 1..text.len(), false);
                    self.stands_in(home);
                }
            }
            _ => {}
        }
    }

    fn within(&self) -> Option<&str> {
        self.export.as_ref().map(|(name, _)| name.as_str())
    }

    /// The steps that the beginning of a value names; gives the one that has the settings.
    fn step(&mut self, entry: Entry<'_>, text: &str) -> Home {
        let here = || Home { name: text.to_owned(), file: self.scope.clone(), within: self.within().map(str::to_owned) };
        let Some(inner) = self.inner else {
            let home = here();
            self.part(What::Step, entry, text.to_owned(), 0..text.len(), false);
            return home;
        };
        let steps = inner.steps(&self.scope, self.within(), text);
        let last = steps.last().map_or_else(here, |(_, home)| home.clone());
        for (range, home) in steps {
            self.part(What::Step, entry, home.name.clone(), range, false);
            self.stands_in(home);
        }
        inner.bearer(last)
    }

    /// The name that was found last belongs to another file.
    fn stands_in(&mut self, home: Home) {
        if let Some(name) = self.found.last_mut() {
            (name.scope, name.within) = (home.file, home.within);
        }
    }

    /// The parameters that a value of a module's step stands for.
    fn holes(&mut self, entry: Entry<'_>) {
        match hole(&entry) {
            Some(Hole::Param(_) | Hole::Each(_)) => self.whole(What::Input, entry, false),
            Some(Hole::Filled { text, .. }) => {
                for fragment in fragments(text) {
                    if let Fragment::Param(name) = fragment {
                        // A fragment is a piece of the very text that it was cut from.
                        let start = name.as_ptr() as usize - text.as_ptr() as usize;
                        self.part(What::Input, entry, name.to_owned(), start..start + name.len(), false);
                    }
                }
            }
            None => {}
        }
    }

    fn whole(&mut self, what: What, entry: Entry<'_>, is_definition: bool) {
        if let Some(text) = entry.value().text() {
            self.part(what, entry, text.to_owned(), 0..text.len(), is_definition);
        }
    }

    /// A name that is a part of a value.
    fn part(&mut self, what: What, entry: Entry<'_>, text: String, part: Range<usize>, is_definition: bool) {
        let whole = entry.value().text().unwrap_or("");
        let is_plain = entry.inner_span().is_some() && entry.spelling().starts_with(['"', '#']);
        let around = || (entry.value_span().range(), whole[..part.start].to_owned(), whole[part.end..].to_owned());
        self.found.push(Name {
            what,
            text,
            range: entry.span_of(part.start, part.end).range(),
            scope: self.scope.clone(),
            within: self.export.as_ref().map(|(name, _)| name.clone()),
            is_definition,
            rewrite: (!is_plain).then(around),
        });
    }
}

/// The name at a byte offset, its ends included.
pub fn name_at(names: &[Name], offset: usize) -> Option<&Name> {
    names.iter().find(|name| name.range.start <= offset && offset <= name.range.end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builtin::registry;
    use crate::lsp::positions::Encoding;

    fn found(path: &str, text: &str) -> Vec<Name> {
        names(&Source::new(path.into(), text.into(), Encoding::Utf16), registry())
    }

    fn told(names: &[Name], text: &str) -> Vec<String> {
        let tell = |name: &Name| {
            let mark = if name.is_definition { "=" } else { ">" };
            format!("{mark} {} {} `{}`", name.what.noun(), name.text, &text[name.range.clone()])
        };
        names.iter().map(tell).collect()
    }

    const LOOP: &str = r#"workflow "w" {
    provider "p" kind="template"
    intelligence { source "press" kind="feed" { url "https://x" } }
    strategy { score "s" { from "press" pre\u{73}s; rule demand weight=1 { value "1.0" } } }
    production { outline "o" { from "s"; provider "p" } }
    learning { feedback "aim" { from "s"; tune "s.demand" { within 0.1 0.8 } } }
}
"#;

    #[test]
    fn definitions_and_uses_are_found() {
        let text = LOOP.replace("pre\\u{73}s", "\"pre\\u{73}s\"");
        let names = found("/p/w.kdl", &text);
        assert_eq!(
            told(&names, &text),
            [
                "= workflow w `w`",
                "= provider p `p`",
                "= step press `press`",
                "= step s `s`",
                "> step press `press`",
                "> step press `pre\\u{73}s`",
                "= parameter s.demand `demand`",
                "= step o `o`",
                "> step s `s`",
                "> provider p `p`",
                "= step aim `aim`",
                "> step s `s`",
                "> step s `s`",
                "> parameter s.demand `demand`",
            ]
        );
        let new: Vec<String> = names[4..7].iter().map(|name| name.renamed("x").1).collect();
        assert_eq!(new, ["x", "\"x\"", "\"x\""], "escapes and bare words get quotation marks");
    }

    #[test]
    fn names_in_a_module_belong_to_the_step_that_it_exports() {
        let text = r##"module "acme/m" version="1.0.0" {
    step "best" {
        result "ranked"
        param "from" type="step"
        param "worth" type="number"
        aggregate "all" { from (param)"from" }
        score "ranked" { from "all"; rule "demand" weight=1.0 { value (formula)"x / {worth} + {{worth}}" } }
    }
    step "worst" { param "from" type="step"; score "ranked" { from (each)"from" } }
}
"##;
        let names = found("/p/module.kdl", text);
        let told: Vec<String> = told(&names, text)
            .into_iter()
            .zip(&names)
            .map(|(told, name)| format!("{} {told}", name.within.as_deref().unwrap_or("-")))
            .collect();
        assert_eq!(
            told,
            [
                "best > step ranked `ranked`",
                "best = parameter from `from`",
                "best = parameter worth `worth`",
                "best = step all `all`",
                "best > parameter from `from`",
                "best = step ranked `ranked`",
                "best > step all `all`",
                "best = parameter ranked.demand `demand`",
                "best > parameter worth `worth`",
                "worst = parameter from `from`",
                "worst = step ranked `ranked`",
                "worst > parameter from `from`",
            ]
        );
    }

    #[test]
    fn names_in_a_test_belong_to_its_workflow() {
        let text = "test \"t\" { workflow \"../w.kdl\"; expect \"o\" count=1; expect-parameter \"s.demand\" least=1 }";
        let names = found("/p/tests/a.test.kdl", text);
        assert_eq!(told(&names, text), ["> step o `o`", "> step s `s`", "> parameter s.demand `demand`"]);
        assert!(names.iter().all(|name| name.scope.as_path() == std::path::Path::new("/p/w.kdl")));
    }
}
