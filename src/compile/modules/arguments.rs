//! What a use of a module's step says: `voice.check "tone" { from "drafts"; threshold 0.7 }` against the parameters of `check`.

use super::definition::{Export, Module, plain, spelling};
use super::holes::{Hole, hole};
use super::parameter::Param;
use super::write::Scope;
use crate::compile::decode::{repeated_node, unknown_node};
use crate::diag::{Diagnostic, FileId, Span, nearest};
use crate::step::ValueType;
use crate::syntax::{Entry, Node};
use std::collections::BTreeMap;

/// One value on its way into a body.
#[derive(Clone, Debug)]
pub struct Given {
    /// As it is written, with its annotation.
    pub spelling: String,
    /// What it means, as text.
    pub plain: String,
    /// Where it was written.
    pub span: Span,
    /// The bytes at `span` are those of `spelling`.
    pub exact: bool,
}

/// The values of each parameter; none for an optional one that was left out.
pub type Values = BTreeMap<String, Vec<Given>>;

/// Reads the block of a use. `None` when something is wrong with it, which has then been said. `outer` is there for a use inside a
/// module, whose values may come from parameters themselves.
pub fn read(
    node: Node<'_>,
    module: &Module,
    export: &Export,
    outer: Option<&Scope<'_>>,
    sink: &mut Vec<Diagnostic>,
) -> Option<Values> {
    let before = sink.len();
    let verb = node.name();
    if node.arg(0).and_then(|entry| entry.value().text()).is_none_or(str::is_empty) && !node.is_broken() {
        sink.push(
            Diagnostic::error("loop::missing-argument", format!("`{verb}` needs a value `name`"))
                .at(node.head_span(), "expected a text in quotation marks here")
                .help(format!("name it: `{verb} \"{}\"`", export.name)),
        );
    }
    if let Some(entry) = node.args().nth(1) {
        sink.push(
            Diagnostic::error("loop::extra-argument", format!("`{verb}` takes one value"))
                .at(entry.span(), "one too many")
                .help("its parameters stand inside its braces"),
        );
    }
    for entry in node.props() {
        let Some((name, span)) = entry.name() else { continue };
        let finding = Diagnostic::error("loop::unknown-property", format!("`{verb}` has no property `{name}`"));
        let near = nearest(name, export.params.iter().map(|param| param.name.as_str()));
        sink.push(match near {
            Some(near) => finding
                .at(entry.span(), "this belongs in the block")
                .help(format!("write it inside the braces: `{{ {near} {} }}`", entry.spelling())),
            None => finding.at(span, "unknown property").help("its parameters stand inside its braces"),
        });
    }
    let names = || export.params.iter().map(|param| param.name.as_str());
    let mut first: BTreeMap<&str, Span> = BTreeMap::new();
    let mut values = Values::new();
    // Each may have been meant for one that is missing.
    let mut strangers = 0;
    for child in node.children() {
        let mut param = export.param(child.name());
        if param.is_none() && !child.name().is_empty() {
            let near = nearest(child.name(), names());
            sink.push(unknown_node(child, near, &[], names(), verb));
            // Read on as if it had been spelled right.
            param = near.and_then(|near| export.param(near));
            strangers += usize::from(param.is_none());
        }
        let Some(param) = param else { continue };
        if let Some(first) = first.get(param.name.as_str()) {
            if param.many {
                values.entry(param.name.clone()).or_default().extend(given(child, param, outer, sink));
            } else {
                sink.push(repeated_node(child, &param.name, *first));
            }
            continue;
        }
        first.insert(&param.name, child.head_span());
        values.insert(param.name.clone(), given(child, param, outer, sink));
    }
    for param in export.params.iter().filter(|param| !first.contains_key(param.name.as_str())) {
        if param.is_required() {
            match strangers {
                0 if !node.is_broken() => sink.push(missing(node, module, param)),
                _ => strangers = strangers.saturating_sub(1),
            }
            continue;
        }
        let default = param.default.iter().map(|default| Given {
            spelling: default.spelling.clone(),
            plain: default.plain.clone(),
            span: default.span,
            exact: default.exact,
        });
        let mut default: Vec<Given> = default.collect();
        if param.ty == ValueType::Template {
            default.iter_mut().for_each(|given| at_home(given, module));
        }
        values.insert(param.name.clone(), default);
    }
    (!sink[before..].iter().any(Diagnostic::is_error)).then_some(values)
}

/// A template that a module names lies in its own folder.
fn at_home(given: &mut Given, module: &Module) {
    given.plain = crate::compile::paths::join(&module.home, &given.plain);
    given.spelling = crate::syntax::quoted(&given.plain);
    given.exact = false;
}

fn missing(node: Node<'_>, module: &Module, param: &Param) -> Diagnostic {
    let verb = node.name();
    let what = param.about.trim_end_matches('.');
    let mut finding = Diagnostic::error("loop::missing-node", format!("`{verb}` needs `{}`", param.name))
        .at(node.head_span(), format!("`{}` is missing in its block", param.name));
    if !param.span.is_empty() && param.span.file == module.file {
        finding = finding.at(param.span, "the module asks for it here");
    }
    let example = match param.ty {
        ValueType::Text | ValueType::Expression => format!("`{} \"…\"`", param.name),
        _ => format!("`{}` and {}", param.name, param.expected()),
    };
    finding.help(match what.is_empty() {
        true => format!("add {example}"),
        false => format!("add {example}: {what}"),
    })
}

/// The values after one parameter's name.
fn given(child: Node<'_>, param: &Param, outer: Option<&Scope<'_>>, sink: &mut Vec<Diagnostic>) -> Vec<Given> {
    let mut values = Vec::new();
    for entry in child.props() {
        let span = entry.name().map_or(entry.span(), |(_, span)| span);
        sink.push(
            Diagnostic::error("loop::unknown-property", format!("`{}` has no properties", param.name))
                .at(span, "unknown property")
                .help(format!("write its value behind it: `{} {}`", param.name, entry.spelling())),
        );
    }
    if let Some(block) = child.block_span() {
        sink.push(
            Diagnostic::error("loop::unknown-node", format!("`{}` has no block", param.name))
                .at(block, "nothing stands inside")
                .help(format!("write its value behind it: `{}` takes {}", param.name, param.expected())),
        );
    }
    for entry in child.args() {
        if let (Some(outer), Some(hole)) = (outer, hole(&entry)) {
            values.extend(from_outer(&hole, &entry, param, outer, sink));
            continue;
        }
        match param.check(&entry) {
            Ok(value) => {
                let mut given = Given {
                    spelling: spelling(&entry),
                    plain: plain(&value),
                    span: entry.value_span(),
                    exact: entry.annotation().is_none(),
                };
                if let (Some(outer), ValueType::Template) = (outer, param.ty) {
                    at_home(&mut given, outer.module);
                }
                if let (Some(outer), ValueType::Step) = (outer, param.ty) {
                    outer.rename(&mut given);
                }
                values.push(given);
            }
            Err(finding) => sink.push(finding),
        }
    }
    let mut args = child.args();
    match (args.next(), args.next()) {
        (None, _) if param.ty == ValueType::Bool => {
            values.push(Given { spelling: "#true".to_owned(), plain: "true".to_owned(), span: child.name_span(), exact: false })
        }
        (None, _) if !child.is_broken() => sink.push(
            Diagnostic::error("loop::missing-argument", format!("`{}` needs a value", param.name))
                .at(child.head_span(), format!("expected {} here", param.expected()))
                .help(match param.about.is_empty() {
                    true => format!("write {} behind it", param.expected()),
                    false => param.about.clone(),
                }),
        ),
        (Some(_), Some(second)) if !param.many => sink.push(
            Diagnostic::error("loop::extra-argument", format!("`{}` takes one value", param.name))
                .at(second.span(), "one too many")
                .help("remove it"),
        ),
        _ => {}
    }
    values
}

/// A value of an inner use that comes from a parameter of the outer step.
fn from_outer(hole: &Hole<'_>, entry: &Entry<'_>, param: &Param, outer: &Scope<'_>, sink: &mut Vec<Diagnostic>) -> Vec<Given> {
    match hole {
        Hole::Param(name) | Hole::Each(name) => {
            // That the parameter exists is checked where the module is.
            let Some(of) = outer.export.param(name) else { return Vec::new() };
            if of.ty != param.ty {
                sink.push(
                    Diagnostic::error(
                        "loop::wrong-type",
                        format!("`{}` takes {}, and `{name}` is {}", param.name, param.expected(), of.expected()),
                    )
                    .at(entry.value_span(), "another type")
                    .help(format!("write `type=\"{}\"` in `param \"{name}\"`", param.type_word)),
                );
            }
            outer.values.get(*name).cloned().unwrap_or_default()
        }
        Hole::Filled { text, formula } => {
            let plain = outer.filled(text, *formula);
            vec![Given { spelling: crate::syntax::quoted(&plain), plain, span: entry.value_span(), exact: false }]
        }
    }
}

/// A value that fits a parameter, to try a module out before anybody uses it.
pub fn sample(param: &Param, module: &Module) -> Vec<Given> {
    if let Some(default) = &param.default {
        let mut given =
            Given { spelling: default.spelling.clone(), plain: default.plain.clone(), span: default.span, exact: default.exact };
        if param.ty == ValueType::Template {
            at_home(&mut given, module);
        }
        return vec![given];
    }
    let number = param.least.unwrap_or(1.0);
    let text = |plain: &str| (crate::syntax::quoted(plain), plain.to_owned());
    let (spelling, plain) = match param.ty {
        ValueType::Integer => (format!("{}", number.ceil() as i64), format!("{}", number.ceil() as i64)),
        ValueType::Number | ValueType::Share => {
            (format!("{:?}", param.least.unwrap_or(0.5)), format!("{}", param.least.unwrap_or(0.5)))
        }
        ValueType::Bool => ("#true".to_owned(), "true".to_owned()),
        ValueType::Money => ("(usd)1".to_owned(), "1".to_owned()),
        ValueType::Secret => ("(env)\"SAMPLE\"".to_owned(), String::new()),
        ValueType::Duration => text("7d"),
        ValueType::Size => text("1MiB"),
        ValueType::Url => text("https://example.com/"),
        ValueType::Time => text("2026-01-01"),
        ValueType::Window => text("week"),
        ValueType::Glob => text("*"),
        ValueType::Parameter => text(&format!("sample-of-the-parameter-{}.x", param.name)),
        ValueType::Choice(_) => text(param.words.first().map_or("", String::as_str)),
        // No step, file or channel has such a name, so it is unknown and nothing is said about it.
        _ => text(&format!("sample-of-the-parameter-{}", param.name)),
    };
    vec![Given { spelling, plain, span: Span { file: FileId(u32::MAX - 1), start: 0, end: 0 }, exact: false }]
}
