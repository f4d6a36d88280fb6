//! What a test expects: lines that begin with `expect`.

use super::read::{Line, Reader};
use super::{Expectation, Expected, Items, Range};
use crate::compile::decode::Reference;
use crate::compile::scalar;
use crate::diag::{Diagnostic, Span, nearest};
use crate::model::{GoodKind, Scalar, Step, Workflow};
use crate::step::KindSpec;
use crate::step::expression::{self, Wanted};

impl Reader<'_> {
    pub(super) fn expectation(&mut self, line: &Line<'_>, workflow: &Workflow, cycles: u32) -> Option<Expectation> {
        let what = match &*line.config.name {
            "expect" => self.items(line, workflow, cycles)?,
            "expect-published" => self.published(line, workflow)?,
            "expect-parameter" => self.parameter(line, workflow, cycles)?,
            "expect-end" => Expected::End { waiting: line.arg(0) == "waiting" },
            _ => return None,
        };
        Some(Expectation { span: line.span(), what })
    }

    fn items(&mut self, line: &Line<'_>, workflow: &Workflow, cycles: u32) -> Option<Expected> {
        let (step, spec) = self.step(line.arg(0), line.arg_span(0), workflow)?;
        let mut gives = gives(step, spec);
        let kind = line.text("kind").and_then(|name| GoodKind::ALL.iter().copied().find(|kind| kind.name() == name));
        if let Some(kind) = kind {
            if !gives.contains(&kind) {
                let names = scalar::one_of(gives.iter().map(|kind| kind.name()));
                self.sink.push(
                    Diagnostic::error("loop::unknown-choice", format!("`{}` gives no `{kind}`", step.id))
                        .at(line.prop_span("kind"), format!("expected {names}"))
                        .help(format!("write {names}")),
                );
                return None;
            }
            gives = vec![kind];
        }
        for name in ["where", "all"] {
            if let Some(reference) = line.reference(name) {
                self.expression(reference, &gives);
            }
        }
        let range = self.range(line);
        let [filter, contains, all] = ["where", "contains", "all"].map(|name| line.text(name));
        let deferred = self.count(line, "deferred", 0, i64::MAX);
        let failed = self.count(line, "failed", 0, i64::MAX);
        let note = line.text("note");
        // `expect "outlines" deferred=7` says nothing about what the step gives.
        let about_others = deferred.is_some() || failed.is_some() || note.is_some();
        let about_items = kind.is_some() || filter.is_some() || contains.is_some() || all.is_some() || !range.is_open();
        let count = match (range.is_open(), about_items || !about_others) {
            (false, _) => Some(range),
            (true, true) => Some(Range { least: Some(1), most: None }),
            (true, false) => None,
        };
        let cycle = self.count(line, "cycle", 1, i64::from(cycles)).map(|cycle| cycle as u32);
        Some(Expected::Items(Box::new(Items {
            step: step.id.clone(),
            cycle,
            kind,
            filter,
            contains,
            count,
            all,
            deferred,
            failed,
            note,
        })))
    }

    fn expression(&mut self, reference: &Reference, gives: &[GoodKind]) {
        for problem in expression::check_for(&reference.text, gives, Wanted::Condition) {
            let finding = Diagnostic::error("loop::bad-expression", problem.message)
                .at(reference.part(problem.range.start, problem.range.end), "in this expression");
            self.sink.push(match problem.help {
                Some(help) => finding.help(help),
                None => finding,
            });
        }
    }

    fn published(&mut self, line: &Line<'_>, workflow: &Workflow) -> Option<Expected> {
        let channel = line.arg(0);
        if !workflow.channels.contains_key(channel) {
            let names = workflow.channels.keys().map(String::as_str);
            let finding = Diagnostic::error("loop::unknown-channel", format!("unknown channel `{channel}`"))
                .at(line.arg_span(0), format!("no channel of `{}` has this name", workflow.id));
            self.sink.push(match nearest(channel, names.clone()) {
                Some(near) => finding.help(format!("did you mean `{near}`?")).fix(
                    format!("write `{near}`"),
                    line.arg_span(0),
                    format!("\"{near}\""),
                ),
                None => finding.help(format!("expected {}", scalar::one_of(names))),
            });
            return None;
        }
        let range = self.range(line);
        let count = if range.is_open() { Range { least: Some(1), most: None } } else { range };
        Some(Expected::Published { channel: channel.to_owned(), contains: line.text("contains"), count })
    }

    fn parameter(&mut self, line: &Line<'_>, workflow: &Workflow, cycles: u32) -> Option<Expected> {
        let path = line.arg(0);
        let argument = line.references.iter().copied().find(|reference| reference.is_argument);
        let declared = self.declared(path, argument, line.arg_span(0), workflow)?;
        let [least, most] = ["least", "most"].map(|name| line.config.prop(name).and_then(Scalar::number));
        if least.is_none() && most.is_none() && line.node.props().next().is_none() {
            self.sink.push(
                Diagnostic::error("loop::missing-property", "`expect-parameter` needs `least=` or `most=`")
                    .at(line.span(), "it expects nothing")
                    .help("write it like `expect-parameter \"opportunities.demand\" least=0.4 most=0.5`"),
            );
        }
        let cycle = self.count(line, "cycle", 1, i64::from(cycles)).map(|cycle| cycle as u32);
        Some(Expected::Parameter { path: path.to_owned(), declared, least, most, cycle })
    }

    /// What the workflow declares for `step.parameter`.
    pub fn declared(&mut self, path: &str, written: Option<&Reference>, span: Span, workflow: &Workflow) -> Option<f64> {
        let (name, parameter) = path.split_once('.')?;
        let place = |start, end| written.map_or(span, |reference| reference.part(start, end));
        let (step, spec) = self.step(name, place(0, name.len()), workflow)?;
        let tunables = (spec.tunables)(&step.config);
        let Some(tunable) = tunables.iter().find(|tunable| tunable.name == parameter) else {
            let names: Vec<&str> = tunables.iter().map(|tunable| tunable.name.as_str()).collect();
            let finding = Diagnostic::error("loop::unknown-parameter", format!("`{name}` has no parameter `{parameter}`"))
                .at(place(name.len() + 1, path.len()), "nothing of this name can be tuned");
            self.sink.push(match nearest(parameter, names.iter().copied()) {
                Some(near) => finding.help(format!("did you mean `{name}.{near}`?")),
                None => finding.help(format!("expected {}", scalar::one_of(names))),
            });
            return None;
        };
        Some(tunable.declared)
    }
}

/// The kinds of what a step gives. A gate hands on what it was given.
fn gives(step: &Step, spec: &KindSpec) -> Vec<GoodKind> {
    let mut carried: Vec<GoodKind> = match spec.decides {
        true => step.from.iter().flat_map(|wire| wire.carries.iter()).collect(),
        false => Vec::new(),
    };
    carried.retain(|kind| spec.gives.contains(kind));
    if carried.is_empty() { spec.gives.to_vec() } else { carried }
}
