//! From the text of a module file to what it exports: steps with their parameters, and the tree their bodies are copied from.

use super::parameter::{Default, Param};
use super::reference::{Reference, is_word};
use super::words::{self, MODULE, MODULE_SETTINGS, PARAM, PARAM_SETTINGS, STEP, STEP_SETTINGS, USE};
use crate::compile::decode::{Decoder, What, number_of, unknown_node, unknown_property};
use crate::compile::language;
use crate::compile::scalar::{self, one_of};
use crate::diag::{Diagnostic, FileId, Span, nearest};
use crate::model::{Config, Layer, Scalar};
use crate::step::{Registry, StepKind, ValueType};
use crate::syntax::{self, Entry, Node, NodeId, Tree};
use semver::Version;
use std::collections::{BTreeMap, BTreeSet};

/// A module file as far as it was understood.
pub struct Module {
    /// `acme/voice`
    pub name: String,
    pub version: Version,
    pub version_span: Span,
    pub about: String,
    /// Other modules that its steps are made of: the reference, its place, and what `as=` says.
    pub uses: Vec<Used>,
    /// In the order of the file.
    pub steps: Vec<Export>,
    pub tree: Tree,
    pub file: FileId,
    /// The folder that templates in it are relative to.
    pub folder: String,
    /// The same, relative to the folder of the workflow.
    pub home: String,
    /// Something in it is wrong, so none of its steps can be used.
    pub broken: bool,
    /// Its text has gaps or something it is made of could not be had: what is found in its steps may be only a consequence.
    pub incomplete: bool,
}

impl std::fmt::Debug for Module {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.name, self.version)
    }
}

/// A line `use "std/rivals@1" as="r"`.
pub struct Used {
    pub text: String,
    pub alias: Option<String>,
    pub span: Span,
    /// The place of the reference, and of its text when its bytes are those of the file.
    pub arg: Span,
    pub inner: Option<Span>,
}

/// A step that a module exports.
pub struct Export {
    pub name: String,
    pub about: String,
    pub example: Option<String>,
    pub params: Vec<Param>,
    /// The built-in steps it is made of.
    pub parts: Vec<Part>,
    /// The number of the part that takes the user's name.
    pub result: usize,
    pub name_span: Span,
    /// Something in it was wrong when it was read, so its steps are not looked at.
    pub broken: bool,
}

/// One step inside an exported one.
pub struct Part {
    pub name: String,
    pub node: NodeId,
    /// `None` when it is a step of another module.
    pub kind: Option<&'static dyn StepKind>,
}

impl Export {
    pub fn param(&self, name: &str) -> Option<&Param> {
        self.params.iter().find(|param| param.name == name)
    }

    /// The layers in which all of its built-in steps may stand; every layer when they do not mind. Steps of other modules do not count:
    /// see `Library::layers`.
    pub fn layers(&self) -> Vec<Layer> {
        let allowed = |layer: &Layer| {
            self.parts.iter().filter_map(|part| part.kind).all(|kind| {
                let layers = kind.spec().layers;
                layers.is_empty() || layers.contains(layer)
            })
        };
        let mut layers = Layer::ALL.to_vec();
        layers.retain(allowed);
        layers
    }
}

/// Whether a tree is that of a module file.
pub fn is_module(tree: &Tree) -> bool {
    let mut names = tree.roots().map(|root| root.name());
    names.clone().any(|name| name == "module") && !names.any(|name| name == "workflow")
}

/// Reads a module file. `None` when there is no module in it, which has then been said.
pub fn read(file: FileId, text: &str, folder: &str, registry: &Registry, sink: &mut Vec<Diagnostic>) -> Option<Module> {
    let before = sink.len();
    let (tree, findings) = syntax::read(file, text);
    let incomplete = findings.iter().any(Diagnostic::is_error);
    sink.extend(findings);
    let mut root = None;
    for node in tree.roots() {
        match (node.name(), root) {
            ("module", None) => root = Some(node),
            ("module", Some(_)) => sink.push(
                Diagnostic::error("loop::repeated-node", "a file holds one module, found a second one")
                    .at(node.head_span(), "the second module")
                    .help("move it to a folder of its own"),
            ),
            (name, _) => sink.push(
                Diagnostic::error("loop::not-a-module", format!("expected `module` around everything, found `{name}`"))
                    .at(node.head_span(), "not part of a module")
                    .help(match name {
                        "workflow" => "a module exports steps; a workflow has a file of its own",
                        _ => "start the file with `module \"owner/name\" version=\"1.0.0\" {` and close it with `}` at the end",
                    }),
            ),
        }
    }
    let Some(root) = root else {
        if sink.len() == before {
            sink.push(
                Diagnostic::error("loop::not-a-module", "the file holds no module")
                    .at(Span::new(file, 0, 0), "nothing here")
                    .help("start with `module \"owner/name\" version=\"1.0.0\" { … }`"),
            );
        }
        return None;
    };
    let mut reader = Reader { registry, sink };
    let (name, version, version_span) = reader.head(root);
    let mut settings = Vec::new();
    let mut uses = Vec::new();
    let mut steps: Vec<Export> = Vec::new();
    let mut strangers = 0;
    let known = || MODULE_SETTINGS.iter().map(|spec| spec.name).chain([USE.name, STEP.name]);
    for child in root.children() {
        let mut word = known().find(|name| *name == child.name());
        if word.is_none() && !child.name().is_empty() {
            word = nearest(child.name(), known());
            let finding = match registry.of_verb(child.name()).next() {
                Some(_) => Diagnostic::error("loop::unknown-node", format!("`{}` stands outside a step", child.name()))
                    .at(child.head_span(), "a module exports it inside a `step`")
                    .help("write `step \"name\" { … }` around it"),
                None => unknown_node(child, word, MODULE.props, known(), MODULE.name),
            };
            strangers += usize::from(word.is_none());
            reader.sink.push(finding);
        }
        match word {
            Some("use") => uses.push(used_in_module(child, reader.sink)),
            Some("step") => {
                if let Some(export) = reader.export(child) {
                    if let Some(first) = steps.iter().find(|step| step.name == export.name) {
                        reader.sink.push(repeated("step", &export.name, export.name_span, first.name_span));
                    }
                    steps.push(export);
                }
            }
            Some(name) => settings.extend(number_of(MODULE_SETTINGS, name).map(|number| (child, number))),
            None => {}
        }
    }
    let about = Decoder::new(reader.sink)
        .block(root, &settings, strangers, &[MODULE_SETTINGS], MODULE.name)
        .first()
        .and_then(|about| about.arg().and_then(Scalar::text).map(str::to_owned));
    if steps.is_empty() && !root.is_broken() && !root.children().any(|child| child.name() == "step") {
        reader.sink.push(
            Diagnostic::error("loop::missing-node", "`module` needs `step`")
                .at(root.head_span(), "it exports nothing")
                .help("add `step \"name\" { … }` with the built-in steps it is made of"),
        );
    }
    let broken = sink[before..].iter().any(Diagnostic::is_error);
    let about = about.unwrap_or_default();
    Some(Module {
        name,
        version,
        version_span,
        about,
        uses,
        steps,
        tree,
        file,
        folder: folder.to_owned(),
        home: folder.to_owned(),
        broken,
        incomplete,
    })
}

/// Reads a line `use`; what is wrong with its spelling is told to `sink`.
pub fn used(node: Node<'_>, sink: &mut Vec<Diagnostic>) -> Used {
    let config = Decoder::new(sink).node(node, &language::USE);
    used_of(node, &config)
}

/// The same in a module, where it also says where the other module comes from.
fn used_in_module(node: Node<'_>, sink: &mut Vec<Diagnostic>) -> Used {
    let config = Decoder::new(sink).node(node, &USE);
    let used = used_of(node, &config);
    let is_fetched = match Reference::parse(&used.text) {
        Ok(Reference::Named { owner, .. }) => owner != "std",
        Ok(Reference::Path(_)) => false,
        Err(_) => true,
    };
    for name in ["from", "dir"] {
        if let Some(entry) = node.prop(name).filter(|_| !is_fetched) {
            let why = if used.text.starts_with("std/") { "it is built in" } else { "it lies in this folder" };
            sink.push(
                Diagnostic::error("loop::extra-argument", format!("`{}` comes from nowhere else: {why}", used.text))
                    .at(entry.span(), "says where it comes from")
                    .help(format!("remove `{name}`"))
                    .fix(format!("remove `{name}`"), entry.span(), ""),
            );
        }
    }
    used
}

fn used_of(node: Node<'_>, config: &Config) -> Used {
    Used {
        text: config.arg().and_then(Scalar::text).unwrap_or("").to_owned(),
        alias: config.prop("as").and_then(Scalar::text).map(str::to_owned),
        span: node.head_span(),
        arg: config.arg_spans.first().copied().unwrap_or(node.head_span()),
        inner: node.arg(0).and_then(|entry| entry.inner_span()),
    }
}

fn repeated(what: &str, name: &str, span: Span, first: Span) -> Diagnostic {
    Diagnostic::error("loop::repeated-name", format!("two {what}s are named `{name}`"))
        .at(span, "named again here")
        .at(first, "first defined here")
        .help("give one of them another name")
}

struct Reader<'r> {
    registry: &'r Registry,
    sink: &'r mut Vec<Diagnostic>,
}

impl Reader<'_> {
    fn head(&mut self, root: Node<'_>) -> (String, Version, Span) {
        let config = Decoder::new(self.sink).head(root, &MODULE);
        let name = config.arg().and_then(Scalar::text).unwrap_or("").to_owned();
        if let (Some(entry), false) = (root.arg(0), config.arg().is_none())
            && !name.split_once('/').is_some_and(|(owner, name)| is_word(owner) && is_word(name))
        {
            self.sink.push(
                Diagnostic::error("loop::unusable-name", format!("`{}` cannot be the name of a module", name.escape_default()))
                    .at(entry.value_span(), "expected an owner, a slash and a name")
                    .help("write small letters, digits and `-`, such as `\"acme/voice\"`"),
            );
        }
        let written = config.prop("version").and_then(Scalar::text);
        let entry = root.prop("version");
        let span = entry.map_or(root.head_span(), |entry| entry.value_span());
        let version = written.and_then(|text| Version::parse(text).ok());
        if let (Some(text), None) = (written, &version) {
            let numbers: Vec<&str> = text.trim_start_matches('v').split('.').collect();
            let plain = numbers.len() <= 3 && numbers.iter().all(|number| number.parse::<u64>().is_ok());
            let fitting = plain.then(|| numbers.into_iter().chain(["0", "0"]).take(3).collect::<Vec<_>>().join("."));
            let finding = Diagnostic::error("loop::malformed-value", format!("`version` takes three numbers, found `{text}`"))
                .at(span, "cannot be read");
            self.sink.push(match fitting {
                Some(fitting) => finding.help(format!("write `version=\"{fitting}\"`")).fix(
                    format!("write `{fitting}`"),
                    span,
                    format!("\"{fitting}\""),
                ),
                None => finding.help("write `version=\"1.0.0\"`"),
            });
        }
        (name, version.unwrap_or(Version::new(0, 0, 0)), span)
    }

    fn export(&mut self, node: Node<'_>) -> Option<Export> {
        let before = self.sink.len();
        let head = Decoder::new(self.sink).head(node, &STEP);
        let name = head.arg().and_then(Scalar::text).unwrap_or("").to_owned();
        let name_span = head.arg_spans.first().copied().unwrap_or(node.head_span());
        self.check_name(&name, name_span, "step");
        let mut settings = Vec::new();
        let mut params: Vec<Param> = Vec::new();
        let mut parts: Vec<(Part, Span)> = Vec::new();
        // What nobody knows may have been meant for a setting that is missing, or be a step.
        let (mut strangers, mut strange_names) = (0, BTreeSet::new());
        let known = || STEP_SETTINGS.iter().map(|spec| spec.name).chain([PARAM.name]);
        for child in node.children() {
            if let Some(number) = number_of(STEP_SETTINGS, child.name()) {
                settings.push((child, number));
            } else if child.name() == PARAM.name {
                let param = self.param(child);
                if let Some(first) = params.iter().find(|first| first.name == param.name && !param.name.is_empty()) {
                    self.sink.push(repeated("parameter", &param.name, param.span, first.span));
                }
                params.push(param);
            } else if child.name().contains('.') || self.registry.of_verb(child.name()).next().is_some() {
                let part = self.part(child);
                let span = child.arg(0).map_or(child.head_span(), |entry| entry.value_span());
                if let Some((_, first)) = parts.iter().find(|(first, _)| first.name == part.name && !part.name.is_empty()) {
                    self.sink.push(repeated("step", &part.name, span, *first));
                }
                parts.push((part, span));
            } else if !child.name().is_empty() {
                let verbs = self.registry.verbs();
                let near = nearest(child.name(), known().chain(verbs.iter().copied()));
                self.sink.push(unknown_node(child, near, STEP.props, known(), STEP.name));
                match near.and_then(|near| number_of(STEP_SETTINGS, near)) {
                    // Read on as if it had been spelled right.
                    Some(number) => settings.push((child, number)),
                    None if near == Some(PARAM.name) => {
                        let param = self.param(child);
                        params.push(param);
                    }
                    None => {
                        strangers += usize::from(near.is_none());
                        strange_names.extend(child.arg(0).and_then(|entry| Some(entry.value().text()?.to_owned())));
                    }
                }
            }
        }
        let settings = Decoder::new(self.sink).block(node, &settings, strangers, &[STEP_SETTINGS], STEP.name);
        let text = |name: &str| {
            let setting = settings.iter().find(|config| config.name == name)?;
            Some((setting.arg()?.text()?.to_owned(), setting.arg_spans.first().copied().unwrap_or(setting.span)))
        };
        let result = match (text("result"), parts.len()) {
            (None, 0 | 1) if !strange_names.is_empty() => 0,
            (None, 0) => {
                if !node.is_broken() {
                    self.sink.push(
                        Diagnostic::error("loop::missing-node", format!("step `{name}` is made of no step"))
                            .at(node.head_span(), "nothing happens here")
                            .help("write the built-in steps it is made of into its block; `loopctl kinds` lists them"),
                    );
                }
                0
            }
            (None, 1) => 0,
            (None, _) if strangers > 0 => 0,
            (None, _) => {
                let names = one_of(parts.iter().map(|(part, _)| part.name.as_str()));
                self.sink.push(
                    Diagnostic::error("loop::missing-node", format!("step `{name}` needs `result`"))
                        .at(node.head_span(), "which of its steps do others read?")
                        .help(format!("add `result` with {names}")),
                );
                0
            }
            (Some((wanted, span)), _) => match parts.iter().position(|(part, _)| part.name == wanted) {
                Some(at) => at,
                None if strange_names.contains(&wanted) => 0,
                None => {
                    let names = || parts.iter().map(|(part, _)| part.name.as_str());
                    let finding = Diagnostic::error("loop::unknown-step", format!("unknown step `{wanted}`"))
                        .at(span, format!("`{name}` is not made of it"));
                    self.sink.push(match nearest(&wanted, names()) {
                        Some(near) => finding.help(format!("did you mean `{near}`?")),
                        None => finding.help(format!("expected {}", one_of(names()))),
                    });
                    0
                }
            },
        };
        Some(Export {
            about: text("about").map_or_else(String::new, |(about, _)| about),
            example: text("example").map(|(example, _)| example),
            name,
            params,
            parts: parts.into_iter().map(|(part, _)| part).collect(),
            result,
            name_span,
            broken: self.sink[before..].iter().any(Diagnostic::is_error),
        })
    }

    fn check_name(&mut self, name: &str, span: Span, what: &str) {
        if !is_word(name) && !span.is_empty() {
            self.sink.push(
                Diagnostic::error("loop::unusable-name", format!("`{}` cannot be the name of a {what}", name.escape_default()))
                    .at(span, "expected small letters, digits and `-`")
                    .help("it is written in other files, so keep it short and plain"),
            );
        }
    }

    /// A built-in step; what is wrong inside it is found when it is tried out.
    fn part(&mut self, node: Node<'_>) -> Part {
        let name = node.arg(0).and_then(|entry| entry.value().text()).unwrap_or("").to_owned();
        if name.is_empty() {
            self.sink.push(
                Diagnostic::error("loop::missing-argument", format!("`{}` needs a value `name`", node.name()))
                    .at(node.head_span(), "expected a text in quotation marks here")
                    .help("name it, so that the steps around it can read it"),
            );
        } else if let Some(entry) = node.arg(0) {
            self.check_name(&name, entry.value_span(), "step");
        }
        let connector = node.prop("kind").and_then(|entry| entry.value().text());
        Part { name, node: node.id(), kind: self.registry.find(node.name(), connector) }
    }

    fn param(&mut self, node: Node<'_>) -> Param {
        let name = node.arg(0).and_then(|entry| entry.value().text()).unwrap_or("").to_owned();
        let span = node.arg(0).map_or(node.head_span(), |entry| entry.value_span());
        if node.arg(0).is_none() {
            self.sink.push(
                Diagnostic::error("loop::missing-argument", "`param` needs a value `name`")
                    .at(node.head_span(), "expected a text in quotation marks here")
                    .help(format!("write it like `{}`", PARAM.example)),
            );
        } else {
            self.check_name(&name, span, "parameter");
        }
        let block = Decoder::new(self.sink).children(node, &[PARAM_SETTINGS], PARAM.props, PARAM.name);
        let words: Vec<String> = block
            .iter()
            .filter(|config| config.name == "one-of")
            .flat_map(|config| config.args.iter().filter_map(Scalar::text).map(str::to_owned))
            .collect();
        let about = block.iter().find(|config| config.name == "about").and_then(|config| config.arg()?.text()).unwrap_or("");
        let mut param = Param {
            name,
            type_word: "text".to_owned(),
            ty: ValueType::Text,
            words,
            default: None,
            optional: false,
            many: false,
            least: None,
            most: None,
            about: about.to_owned(),
            span,
        };
        let mut seen: BTreeMap<&str, Span> = BTreeMap::new();
        let mut default = None;
        for entry in node.props() {
            let Some((written, written_span)) = entry.name() else { continue };
            let Some(prop) = PARAM.props.iter().find(|prop| prop.name == written) else {
                self.sink.push(unknown_property(&PARAM, &entry, written, written_span));
                continue;
            };
            if let Some(first) = seen.insert(prop.name, entry.span()) {
                self.sink.push(
                    Diagnostic::error("loop::repeated-property", format!("`{}` is set twice", prop.name))
                        .at(entry.span(), "set again here")
                        .at(first, "first set here")
                        .help("keep one of them"),
                );
                continue;
            }
            if prop.name == "default" {
                default = Some(entry);
                continue;
            }
            match scalar::read(&entry, prop.ty, What::Whole(prop.name)) {
                Ok(value) => match (prop.name, value) {
                    ("type", Scalar::Text(word)) => {
                        param.ty = words::value_type(&word).unwrap_or(ValueType::Text);
                        param.type_word = word;
                    }
                    ("optional", Scalar::Bool(optional)) => param.optional = optional,
                    ("many", Scalar::Bool(many)) => param.many = many,
                    ("least", Scalar::Number(least)) => param.least = Some(least),
                    ("most", Scalar::Number(most)) => param.most = Some(most),
                    _ => {}
                },
                Err(finding) => self.sink.push(finding),
            }
        }
        let is_choice = matches!(param.ty, ValueType::Choice(_));
        if is_choice == param.words.is_empty() {
            self.sink.push(match is_choice {
                true => Diagnostic::error("loop::missing-node", format!("`{}` is a choice of nothing", param.name))
                    .at(node.head_span(), "`one-of` is missing in its block")
                    .help("add `one-of \"calm\" \"lively\"`"),
                false => {
                    Diagnostic::error("loop::wrong-type", format!("`{}` has words to choose from and is no choice", param.name))
                        .at(node.head_span(), format!("its type is `{}`", param.type_word))
                        .help("write `type=\"choice\"`, or remove `one-of`")
                }
            });
        }
        if let Some(entry) = default {
            match param.check(&entry) {
                Ok(value) => {
                    param.default = Some(Default {
                        spelling: spelling(&entry),
                        plain: plain(&value),
                        span: entry.value_span(),
                        exact: entry.annotation().is_none(),
                    });
                }
                Err(finding) => self.sink.push(finding),
            }
            if param.optional {
                self.sink.push(
                    Diagnostic::error(
                        "loop::repeated-property",
                        format!("`{}` has a default, so it is never left out", param.name),
                    )
                    .at(entry.span(), "the default")
                    .help("keep `default` or `optional`"),
                );
            }
        }
        param
    }
}

/// A value as it is written, with its annotation.
pub fn spelling(entry: &Entry<'_>) -> String {
    match entry.annotation() {
        Some((word, _)) => format!("({word}){}", entry.spelling()),
        None => entry.spelling().to_owned(),
    }
}

/// What a value means inside a text.
pub fn plain(value: &Scalar) -> String {
    match value {
        Scalar::Text(text) => text.clone(),
        Scalar::Integer(number) => number.to_string(),
        Scalar::Number(number) => number.to_string(),
        Scalar::Bool(flag) => flag.to_string(),
        Scalar::Duration(millis) => format!("{}s", millis / 1000),
        Scalar::Size(bytes) => bytes.to_string(),
        Scalar::Money(money) => money.to_string(),
        Scalar::Secret(_) => String::new(),
    }
}
