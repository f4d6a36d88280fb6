//! What may be written at a place: nodes, properties, values, names of other things, fields.
//!
//! Nothing is proposed that the compiler would refuse there, as far as it can be known from the place: a step only in its layer, a
//! setting that may stand once only once, a step after `from` only when something it gives is taken.

use super::documents::Source;
use super::fields::{Scope, path};
use super::grammar::{Word, argument, kind_of, property, walk};
use super::inner::is_use;
use super::modules;
use super::names::{What, names};
use super::place::{Part, Place, place};
use crate::base::InOrder;
use crate::compile::modules::known::Known;
use crate::compile::modules::{Export, Param};
use crate::model::{GoodKind, Layer, Workflow};
use crate::step::expression::FUNCTIONS;
use crate::step::fields::Type;
use crate::step::reference::type_name;
use crate::step::template::HELPERS;
use crate::step::{KindSpec, NodeSpec, Occurs, PropSpec, Registry, ValueType};
use crate::syntax::quoted;
use lsp_types::{
    CompletionItem, CompletionItemKind, CompletionTextEdit, Documentation, InsertTextFormat, MarkupContent, MarkupKind, TextEdit,
};
use std::ops::Range;

/// What completion may look at besides the text.
pub struct Setting<'s> {
    pub registry: &'static Registry,
    /// The names of this file or, for a file of tests, of the workflow it is about.
    pub names_of: &'s Source,
    /// The workflow as it last was without errors: it knows what can be tuned.
    pub sound: Option<&'s Workflow>,
    /// Files and folders (with a `/`) beside the file, by the folder that is typed.
    pub files: &'s dyn Fn(&str) -> Vec<String>,
    /// Nodes that modules bring into a layer: the name, and its page in Markdown.
    pub modules: &'s [(String, String)],
    /// The modules themselves, for the parameters of their steps.
    pub used: &'s [Known],
    /// The editor can fill in gaps.
    pub snippets: bool,
}

/// One proposal, before it is an edit.
struct Offer {
    label: String,
    kind: CompletionItemKind,
    detail: String,
    doc: String,
    /// What is written; the label when `None`.
    insert: Option<String>,
    is_snippet: bool,
    /// Comes earlier when lower.
    rank: u8,
}

impl Offer {
    fn new(label: impl Into<String>, kind: CompletionItemKind, detail: impl Into<String>, doc: impl Into<String>) -> Offer {
        Offer { label: label.into(), kind, detail: detail.into(), doc: doc.into(), insert: None, is_snippet: false, rank: 5 }
    }
}

/// Proposals at a byte offset of a workflow or a file of tests.
pub fn complete(source: &Source, offset: usize, setting: &Setting<'_>) -> Vec<CompletionItem> {
    let place = place(&source.text, offset);
    let (range, offers) = match &place.part {
        Part::Nothing => return Vec::new(),
        Part::Name(range) => (range.clone(), node_names(source, offset, &place, setting)),
        Part::Word(range) => {
            if let Some(param) = parameter(&place, setting) {
                return items(source, range, quoted_values(parameter_values(param, "", &place, setting), param.ty), setting);
            }
            let Some(line) = place.word(setting.registry).line(place.line.annotated) else { return Vec::new() };
            let mut offers = properties(line, &place);
            if let Some(ty) = argument(line, place.line.args.len()) {
                offers.extend(quoted_values(values(ty, "", &place, setting), ty));
                offers.extend(holes(source, &place, setting));
            }
            (range.clone(), offers)
        }
        Part::Value { property: name, range, is_quoted } => {
            let word = place.word(setting.registry);
            let typed = source.text.get(range.start..offset).unwrap_or("");
            if let Some((inputs, range)) = inputs_in_value(source, offset, range, &place, setting) {
                return items(source, &range, inputs, setting);
            }
            if let Some(param) = parameter(&place, setting) {
                let offers = parameter_values(param, typed, &place, setting);
                return items(source, range, if *is_quoted { offers } else { quoted_values(offers, param.ty) }, setting);
            }
            let ty = match (word.line(place.line.annotated), name) {
                (_, Some("kind")) if !word.connectors(setting.registry).is_empty() => {
                    let connectors = word.connectors(setting.registry).into_iter();
                    let offers: Vec<Offer> = connectors
                        .map(|(kind, summary)| Offer::new(kind, CompletionItemKind::ENUM_MEMBER, summary, ""))
                        .collect();
                    let offers = if *is_quoted { offers } else { quoted_values(offers, ValueType::Text) };
                    return items(source, range, offers, setting);
                }
                (Some(line), Some(name)) => property(line, name),
                (Some(line), None) => argument(line, place.line.args.len()),
                (None, _) => None,
            };
            let Some(ty) = ty else { return Vec::new() };
            if ty == ValueType::Expression {
                let takes = takes(&place, setting);
                let start = offset - path(typed).typed.len();
                return items(source, &(start..offset), expression(&takes, typed), setting);
            }
            let offers = values(ty, typed, &place, setting);
            let offers = match is_quoted {
                true => offers,
                false => quoted_values(offers, ty).into_iter().chain(holes(source, &place, setting)).collect(),
            };
            (range.clone(), offers)
        }
    };
    items(source, &range, offers, setting)
}

/// Proposals at a byte offset of a template in steps that take these kinds.
pub fn complete_template(source: &Source, offset: usize, takes: &[GoodKind], setting: &Setting<'_>) -> Vec<CompletionItem> {
    let before = source.text.get(..offset).unwrap_or("");
    let Some(tag) = before.rfind("{{").filter(|start| !before[*start..].contains("}}")) else { return Vec::new() };
    let scope = Scope::of_template(takes, &before[..tag]);
    let written = path(&before[tag + 2..]);
    let mut offers: Vec<Offer> = match written.before {
        "" => {
            let begins_block = before[..offset - written.typed.len()].ends_with('#');
            let fields = scope.beginnings().into_iter().filter(|_| !begins_block);
            let helpers = HELPERS.iter().map(|helper| {
                let offer = Offer::new(helper.name, CompletionItemKind::FUNCTION, helper.usage, helper.doc);
                Offer { rank: 6, ..offer }
            });
            fields.map(|(name, ty, doc)| field(&name, ty, doc)).chain(helpers).collect()
        }
        before => fields_of(scope.leads_to(before)),
    };
    offers.iter_mut().filter(|offer| offer.label == "each" || offer.label == "with").for_each(|offer| offer.rank = 7);
    items(source, &(offset - written.typed.len()..offset), offers, setting)
}

fn items(source: &Source, range: &Range<usize>, mut offers: Vec<Offer>, setting: &Setting<'_>) -> Vec<CompletionItem> {
    // Stable, so that of equals the one in the order of the language comes first.
    offers.order_by_key(|offer| offer.rank);
    let range = source.lines.range(&source.text, range.clone());
    // An edit stays on its line.
    if range.start.line != range.end.line {
        return Vec::new();
    }
    let item = |(at, offer): (usize, Offer)| {
        let is_snippet = offer.is_snippet && setting.snippets;
        let new_text = match offer.insert {
            Some(text) if is_snippet || !offer.is_snippet => text,
            _ => offer.label.clone(),
        };
        CompletionItem {
            filter_text: new_text.starts_with('"').then(|| new_text.clone()),
            label: offer.label,
            kind: Some(offer.kind),
            detail: (!offer.detail.is_empty()).then_some(offer.detail),
            documentation: (!offer.doc.is_empty())
                .then_some(Documentation::MarkupContent(MarkupContent { kind: MarkupKind::Markdown, value: offer.doc })),
            sort_text: Some(format!("{}{at:04}", offer.rank)),
            insert_text_format: is_snippet.then_some(InsertTextFormat::SNIPPET),
            text_edit: Some(CompletionTextEdit::Edit(TextEdit { range, new_text })),
            ..CompletionItem::default()
        }
    };
    offers.into_iter().enumerate().map(item).collect()
}

fn node_names(source: &Source, offset: usize, place: &Place<'_>, setting: &Setting<'_>) -> Vec<Offer> {
    let outer = place.outer(setting.registry);
    let mut offers: Vec<Offer> = Vec::new();
    // What stands in the same block already, without the word that is being written.
    let around = source
        .tree()
        .at(offset)
        .into_iter()
        .flat_map(|node| std::iter::successors(Some(node), |node| node.parent()))
        .find(|node| node.block_span().is_some_and(|block| (block.start as usize) < offset && offset < block.end as usize));
    let present: Vec<&str> = match around {
        Some(node) => node.children().filter(|child| !covers(child.name_span(), offset)).map(|child| child.name()).collect(),
        None => source.tree().roots().filter(|root| !covers(root.name_span(), offset)).map(|root| root.name()).collect(),
    };
    for spec in outer.inside() {
        // A file holds a module and nothing else.
        if matches!(outer, Word::File) && spec.name == "module" && !present.is_empty() {
            continue;
        }
        let once = matches!(spec.occurs, Occurs::Once | Occurs::Optional);
        if once && present.contains(&spec.name) {
            continue;
        }
        let required = matches!(spec.occurs, Occurs::Once | Occurs::AtLeastOnce) && !present.contains(&spec.name);
        let offer = Offer::new(spec.name, CompletionItemKind::PROPERTY, if required { "required" } else { "" }, spec_doc(spec));
        offers.push(Offer { insert: Some(node_snippet(spec)), is_snippet: true, rank: if required { 1 } else { 3 }, ..offer });
    }
    if let Some(export) = place.around.last().and_then(|line| used(line.name, setting)) {
        for param in export.params.iter().filter(|param| param.many || !present.contains(&param.name.as_str())) {
            let detail = if param.is_required() { "required" } else { "" };
            let offer = Offer::new(param.name.clone(), CompletionItemKind::PROPERTY, detail, modules::param_words(param));
            offers.push(Offer { rank: if param.is_required() { 1 } else { 3 }, ..offer });
        }
    }
    match outer {
        Word::Workflow => {
            for (layer, lack) in crate::compile::language::LAYERS {
                if !present.contains(&layer.name()) {
                    let offer = Offer::new(layer.name(), CompletionItemKind::MODULE, "layer", format!("Without it, {lack}."));
                    offers.push(Offer { insert: Some(format!("{} {{\n    $0\n}}", layer.name())), is_snippet: true, ..offer });
                }
            }
        }
        Word::Layer(layer) => {
            offers.extend(steps_of(&[layer], setting.registry));
            for (name, page) in setting.modules {
                let offer = Offer::new(name.clone(), CompletionItemKind::FUNCTION, "from a module", page.clone());
                offers.push(Offer { insert: Some(format!("{name} \"$1\" {{ $0 }}")), is_snippet: true, ..offer });
            }
        }
        Word::Export => {
            offers.extend(steps_of(&Layer::ALL, setting.registry));
            for (name, page) in setting.modules {
                let offer = Offer::new(name.clone(), CompletionItemKind::FUNCTION, "from a module", page.clone());
                offers.push(Offer { insert: Some(format!("{name} \"$1\" {{ $0 }}")), is_snippet: true, ..offer });
            }
        }
        _ => {}
    }
    offers
}

/// The exported step of a module file that a place is in.
fn export_around<'t>(place: &Place<'t>) -> Option<&'t str> {
    match place.around.as_slice() {
        [module, step, ..] if module.name == "module" && step.name == "step" => step.args.first().copied(),
        _ => None,
    }
}

/// The parameters of the exported step that a place is in.
fn inputs(source: &Source, place: &Place<'_>, setting: &Setting<'_>) -> Vec<String> {
    let Some(export) = export_around(place) else { return Vec::new() };
    let all = names(source, setting.registry).into_iter();
    let own = all.filter(|name| name.what == What::Input && name.is_definition && name.within.as_deref() == Some(export));
    own.map(|name| name.text).collect()
}

/// Values that a module leaves to its use.
fn holes(source: &Source, place: &Place<'_>, setting: &Setting<'_>) -> Vec<Offer> {
    let is_setting = place.around.len() < 3 && place.outer(setting.registry).step().is_none();
    if is_setting {
        return Vec::new();
    }
    let of = |name: String| Offer {
        rank: 4,
        ..Offer::new(format!("(param){}", quoted(&name)), CompletionItemKind::VARIABLE, "what the use says", "")
    };
    inputs(source, place, setting).into_iter().map(of).collect()
}

/// The parameters, where a value names one: in `(param)"…"`, or behind a brace of `(text)"… {…"`.
fn inputs_in_value(
    source: &Source,
    offset: usize,
    range: &Range<usize>,
    place: &Place<'_>,
    setting: &Setting<'_>,
) -> Option<(Vec<Offer>, Range<usize>)> {
    let before = source.text.get(..range.start)?.trim_end_matches(['"', '#']);
    let is = |word: &str| before.strip_suffix(')').is_some_and(|before| before.ends_with(&format!("({word}")));
    let offers = || {
        let offer = |name: String| Offer::new(name, CompletionItemKind::VARIABLE, "parameter", "");
        inputs(source, place, setting).into_iter().map(offer).collect()
    };
    if is("param") || is("each") {
        return Some((offers(), range.clone()));
    }
    if !is("text") && !is("formula") {
        return None;
    }
    let typed = source.text.get(range.start..offset)?;
    let open = typed.rfind('{').filter(|open| !typed[*open..].contains('}'))?;
    Some((offers(), range.start + open + 1..offset))
}

/// The step of a module that a node's name means.
fn used<'s>(name: &str, setting: &Setting<'s>) -> Option<&'s Export> {
    modules::export(setting.used, name).map(|(_, export)| export)
}

/// The parameter of a module's step that the line of a place sets.
fn parameter<'s>(place: &Place<'_>, setting: &Setting<'s>) -> Option<&'s Param> {
    used(place.around.last()?.name, setting)?.param(place.line.name)
}

fn parameter_values(param: &Param, typed: &str, place: &Place<'_>, setting: &Setting<'_>) -> Vec<Offer> {
    match param.words.is_empty() {
        true => values(param.ty, typed, place, setting),
        false => param.words.iter().map(|word| Offer::new(word.clone(), CompletionItemKind::ENUM_MEMBER, "", "")).collect(),
    }
}

fn covers(span: crate::diag::Span, offset: usize) -> bool {
    (span.start as usize) <= offset && offset <= span.end as usize
}

/// The verbs of some layers, each once.
fn steps_of(layers: &[Layer], registry: &Registry) -> Vec<Offer> {
    let fits = |spec: &&'static KindSpec| spec.layers.is_empty() || spec.layers.iter().any(|layer| layers.contains(layer));
    let specs: Vec<&'static KindSpec> = registry.kinds.iter().map(|kind| kind.spec()).filter(fits).collect();
    let mut offers: Vec<Offer> = Vec::new();
    for spec in &specs {
        if offers.iter().any(|offer| offer.label == spec.verb) {
            continue;
        }
        let kinds: Vec<&str> = specs.iter().filter(|other| other.verb == spec.verb).filter_map(|spec| spec.connector).collect();
        let (detail, insert) = match kinds.as_slice() {
            [] => (spec.summary.to_owned(), format!("{} \"${{1:name}}\" {{\n    $0\n}}", spec.verb)),
            kinds => (
                format!("kind={}", kinds.join(", ")),
                format!("{} \"${{1:name}}\" kind=\"${{2|{}|}}\" {{\n    $0\n}}", spec.verb, kinds.join(",")),
            ),
        };
        let offer = Offer::new(
            spec.verb,
            CompletionItemKind::CLASS,
            detail,
            format!("{}\n\n```kdl\n{}\n```", spec.summary, spec.example),
        );
        offers.push(Offer { insert: Some(insert), is_snippet: true, ..offer });
    }
    offers
}

/// A node with gaps where its values stand.
fn node_snippet(spec: &NodeSpec) -> String {
    let mut text = spec.name.to_owned();
    let mut gap = 0;
    let mut next = |ty: ValueType, name: &str| {
        gap += 1;
        match ty {
            ValueType::Integer | ValueType::Number | ValueType::Share => format!("${{{gap}:1}}"),
            ValueType::Bool => format!("${{{gap}|#true,#false|}}"),
            ValueType::Money => format!("(usd)${{{gap}:1}}"),
            ValueType::Secret => format!("(env)\"${{{gap}:NAME}}\""),
            ValueType::Choice(words) => format!("\"${{{gap}|{}|}}\"", words.join(",")),
            _ if matches!(name, "name" | "value") => format!("\"${gap}\""),
            _ => format!("\"${{{gap}:{name}}}\""),
        }
    };
    for arg in spec.args.iter().filter(|arg| arg.required) {
        text.push_str(&format!(" {}", next(arg.ty, arg.name)));
    }
    for prop in spec.props.iter().filter(|prop| prop.required) {
        text.push_str(&format!(" {}={}", prop.name, next(prop.ty, "value")));
    }
    if !spec.children.is_empty() && spec.args.is_empty() {
        text.push_str(" { $0 }");
    }
    text
}

fn spec_doc(spec: &NodeSpec) -> String {
    match spec.example {
        "" => spec.doc.to_owned(),
        example => format!("{}\n\n```kdl\n{example}\n```", spec.doc),
    }
}

fn properties(line: &NodeSpec, place: &Place<'_>) -> Vec<Offer> {
    let missing = |prop: &&PropSpec| place.line.prop(prop.name).is_none();
    let offer = |prop: &PropSpec| {
        let default = prop.default.map_or_else(String::new, |default| format!("; without it, `{default}`"));
        let offer = Offer::new(
            format!("{}=", prop.name),
            CompletionItemKind::FIELD,
            type_name(prop.ty),
            format!("{}{default}", prop.doc),
        );
        let is_bare = matches!(
            prop.ty,
            ValueType::Integer | ValueType::Number | ValueType::Share | ValueType::Bool | ValueType::Money | ValueType::Secret
        );
        let insert = if is_bare { format!("{}=$1", prop.name) } else { format!("{}=\"$1\"", prop.name) };
        Offer { insert: Some(insert), is_snippet: true, rank: if prop.required { 1 } else { 6 }, ..offer }
    };
    line.props.iter().filter(missing).map(offer).collect()
}

/// The values of a type, without quotation marks.
fn values(ty: ValueType, typed: &str, place: &Place<'_>, setting: &Setting<'_>) -> Vec<Offer> {
    let plain = |words: &[&str], detail: &str| -> Vec<Offer> {
        words.iter().map(|word| Offer::new(*word, CompletionItemKind::VALUE, detail, "")).collect()
    };
    match ty {
        ValueType::Choice(words) => {
            let fresh = words.iter().filter(|word| !place.line.args.contains(word));
            fresh.map(|word| Offer::new(*word, CompletionItemKind::ENUM_MEMBER, "", "")).collect()
        }
        ValueType::Bool => plain(&["#true", "#false"], ""),
        ValueType::Window => plain(&["day", "week", "month", "cycle"], "window"),
        ValueType::Duration => plain(&["15m", "1h", "1d", "7d", "28d", "90d"], "length of time"),
        ValueType::TimeOfDay => plain(&["06:00", "09:00", "18:00"], "time of day"),
        ValueType::Money => plain(&["(usd)1", "(eur)1", "(gbp)1"], "money"),
        ValueType::Secret => plain(&["(env)\"NAME\"", "(file)\"path\""], "secret"),
        ValueType::Zone => {
            let zones = jiff::tz::db().available();
            zones.map(|zone| Offer::new(zone.as_str(), CompletionItemKind::VALUE, "time zone", "")).collect()
        }
        ValueType::Step => steps(place, setting),
        ValueType::Provider => named(What::Provider, setting),
        ValueType::Channel => {
            named(What::Channel, setting).into_iter().filter(|offer| !place.line.args.contains(&offer.label.as_str())).collect()
        }
        ValueType::Parameter => parameters(setting),
        ValueType::File | ValueType::Folder | ValueType::Template | ValueType::OutputPath => {
            let folder = typed.rsplit_once('/').map_or("", |(folder, _)| folder);
            let fits = |name: &String| {
                name.ends_with('/') || (ty != ValueType::Folder && (ty != ValueType::Template || name.ends_with(".hbs")))
            };
            let files = (setting.files)(folder).into_iter().filter(fits);
            let offer = |name: String| {
                let kind = if name.ends_with('/') { CompletionItemKind::FOLDER } else { CompletionItemKind::FILE };
                let label = if folder.is_empty() { name } else { format!("{folder}/{name}") };
                Offer::new(label, kind, "", "")
            };
            files.map(offer).collect()
        }
        ValueType::Text
        | ValueType::Integer
        | ValueType::Number
        | ValueType::Share
        | ValueType::Size
        | ValueType::Url
        | ValueType::Glob
        | ValueType::Time
        | ValueType::Expression => Vec::new(),
    }
}

/// The same with quotation marks, where the type wants them.
fn quoted_values(mut offers: Vec<Offer>, ty: ValueType) -> Vec<Offer> {
    if !matches!(ty, ValueType::Bool | ValueType::Money | ValueType::Secret) {
        offers.iter_mut().for_each(|offer| offer.insert = Some(quoted(&offer.label)));
    }
    offers
}

fn named(what: What, setting: &Setting<'_>) -> Vec<Offer> {
    let all = names(setting.names_of, setting.registry);
    let of = all.into_iter().filter(|name| name.what == what && name.is_definition);
    of.map(|name| Offer::new(name.text, CompletionItemKind::REFERENCE, what.noun(), "")).collect()
}

/// The steps that may stand here, those that fit first.
fn steps(place: &Place<'_>, setting: &Setting<'_>) -> Vec<Offer> {
    if let Some(export) = export_around(place) {
        let own = place.around.last().and_then(|line| line.args.first().copied());
        let all = names(setting.names_of, setting.registry).into_iter();
        let inner = all.filter(|name| name.what == What::Step && name.is_definition && name.within.as_deref() == Some(export));
        let inner = inner.filter(|name| Some(name.text.as_str()) != own && !place.line.args.contains(&name.text.as_str()));
        return inner.map(|name| Offer::new(name.text, CompletionItemKind::REFERENCE, "step of this module", "")).collect();
    }
    let taker = place.outer(setting.registry).step();
    let own = place.around.last().and_then(|line| line.args.first().copied());
    let layer = place.around.iter().find_map(|line| Layer::parse(line.name));
    let is_wire = place.line.name == "from";
    let mut offers = Vec::new();
    let mut giver_layer = None;
    walk(setting.names_of.tree(), setting.registry, |node, word| {
        if let Word::Layer(found) = word {
            giver_layer = Some(found);
        }
        let Some(name) = node.arg(0).and_then(|entry| entry.value().text()) else { return };
        if name.is_empty() || Some(name) == own {
            return;
        }
        let fits = |found: Option<&KindSpec>| match (taker, found) {
            (Some(taker), Some(giver)) if is_wire => {
                giver_layer <= layer && giver.gives.iter().any(|kind| taker.takes.contains(kind))
            }
            _ => true,
        };
        let gives = |found: Option<&KindSpec>| {
            found.map_or_else(String::new, |spec| {
                let kinds: Vec<&str> = spec.gives.iter().map(|kind| kind.name()).collect();
                format!(" → {}", kinds.join(", "))
            })
        };
        let mut offer = |name: &str, title: &str, found: Option<&KindSpec>, doc: String, rank: u8| {
            let is_named = is_wire && place.line.args.contains(&name);
            if fits(found) && !is_named {
                let offer = Offer::new(name, CompletionItemKind::REFERENCE, format!("{title}{}", gives(found)), doc);
                offers.push(Offer { rank, ..offer });
            }
        };
        let doc = node.comments().collect::<Vec<_>>().join("\n");
        match word {
            Word::Step { verb, found, .. } => {
                let title = kind_of(node).map_or_else(|| verb.to_owned(), |kind| format!("{verb} kind={kind}"));
                offer(name, &title, found, doc, 2);
            }
            _ if is_use(node) => {
                let export = modules::export(setting.used, node.name()).map(|(_, export)| export);
                let result = export.and_then(|export| export.parts.get(export.result)?.kind).map(|kind| kind.spec());
                offer(name, node.name(), result, doc, 2);
                // What it is made of, behind the steps that stand in the file.
                for (at, part) in export.iter().flat_map(|export| export.parts.iter().enumerate()) {
                    if export.is_some_and(|export| export.result != at) {
                        let title = format!("inside {}", node.name());
                        let inner = format!("{name}:{}", part.name);
                        offer(&inner, &title, part.kind.map(|kind| kind.spec()), String::new(), 3);
                    }
                }
            }
            _ => {}
        }
    });
    offers
}

fn parameters(setting: &Setting<'_>) -> Vec<Offer> {
    let mut offers: Vec<Offer> = Vec::new();
    for step in setting.sound.iter().flat_map(|workflow| &workflow.steps) {
        let kind = setting.registry.find(&step.verb, step.connector.as_deref());
        for tunable in kind.map(|kind| (kind.spec().tunables)(&step.config)).unwrap_or_default() {
            let detail = format!("declared {}, from {} to {}", tunable.declared, tunable.least, tunable.most);
            offers.push(Offer::new(format!("{}.{}", step.id, tunable.name), CompletionItemKind::VARIABLE, detail, ""));
        }
    }
    if offers.is_empty() {
        offers = named(What::Parameter, setting);
    }
    offers
}

/// What the step of a place takes; in a test, what the step that it speaks of gives.
fn takes(place: &Place<'_>, setting: &Setting<'_>) -> Vec<GoodKind> {
    if let Some(step) = place.word(setting.registry).step() {
        return step.takes.to_vec();
    }
    let Some(name) = place.line.args.first() else { return Vec::new() };
    let mut gives = Vec::new();
    walk(setting.names_of.tree(), setting.registry, |node, word| {
        if let Word::Step { found: Some(spec), .. } = word
            && node.arg(0).and_then(|entry| entry.value().text()) == Some(name)
        {
            gives = spec.gives.to_vec();
        }
    });
    gives
}

fn expression(takes: &[GoodKind], typed: &str) -> Vec<Offer> {
    let scope = Scope::of_expression(takes, typed);
    let written = path(typed);
    if written.before.is_empty() {
        let functions = FUNCTIONS.iter().filter(|function| function.global).map(|function| {
            let offer = Offer::new(function.name, CompletionItemKind::FUNCTION, function.usage, function.doc);
            Offer { insert: Some(format!("{}($1)", function.name)), is_snippet: true, rank: 6, ..offer }
        });
        return scope.beginnings().into_iter().map(|(name, ty, doc)| field(&name, ty, doc)).chain(functions).collect();
    }
    let found = scope.leads_to(written.before);
    let methods = FUNCTIONS.iter().filter(|function| function.method && fits(function.name, found)).map(|function| {
        let offer = Offer::new(function.name, CompletionItemKind::METHOD, function.usage, function.doc);
        Offer { insert: Some(format!("{}($1)", function.name)), is_snippet: true, rank: 6, ..offer }
    });
    fields_of(found).into_iter().chain(methods).collect()
}

/// Whether a method can be called on a value of a type.
fn fits(method: &str, ty: Option<Type>) -> bool {
    let on_lists = matches!(method, "all" | "exists" | "exists_one" | "filter" | "map" | "size");
    match ty {
        Some(Type::List(_)) => on_lists,
        Some(Type::Text) => !on_lists || method == "size",
        Some(_) => false,
        None => true,
    }
}

fn fields_of(ty: Option<Type>) -> Vec<Offer> {
    let fields = ty.into_iter().flat_map(super::fields::members);
    fields.map(|found| field(found.name, Some(found.ty), found.doc)).collect()
}

fn field(name: &str, ty: Option<Type>, doc: &str) -> Offer {
    Offer { rank: 3, ..Offer::new(name, CompletionItemKind::FIELD, ty.map_or("", |ty| ty.words()), doc) }
}
