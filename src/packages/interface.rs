//! What the users of a module see: its name and version, its steps, their parameters and wires.
//!
//! This is read straight from the syntax tree, and gently: a module of an older or newer loopctl has an interface as well, and two versions
//! are compared without asking whether either is valid today. The compiler is the one to check a module.

use super::error::Error;
use super::tree::ModuleTree;
use crate::compile::lock::{MANIFEST, is_module_name};
use crate::compile::modules::Reference;
use crate::diag::{FileId, Sources};
use crate::model::Layer;
use crate::step::Registry;
use crate::syntax::{self, Node, Value};
use semver::{Version, VersionReq};
use std::collections::{BTreeMap, BTreeSet};

/// A module as its users see it.
#[derive(Clone, Debug, PartialEq)]
pub struct Interface {
    /// `acme/voice`
    pub name: String,
    pub version: Version,
    pub about: Option<String>,
    /// What stands after `use` in it: the modules it is made of.
    pub uses: Vec<String>,
    /// Those of them that are neither built in nor its own files.
    pub needs: Vec<Need>,
    /// By name.
    pub steps: BTreeMap<String, Step>,
}

/// Another module that a module is made of.
#[derive(Clone, Debug, PartialEq)]
pub struct Need {
    /// `acme/words`
    pub module: String,
    /// Every version when nothing is said.
    pub wanted: VersionReq,
    /// Where it comes from, when the module says it: what stands after `from=` and `dir=`.
    pub from: Option<String>,
    pub dir: Option<String>,
}

/// A step that is exported.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Step {
    pub about: Option<String>,
    pub params: BTreeMap<String, Param>,
    /// What others can read of it, such as `signal`; `None` when that cannot be told.
    pub gives: Option<BTreeSet<&'static str>>,
    /// The layers in which all of its built-in steps may stand.
    pub layers: BTreeSet<&'static str>,
    /// The names of what it is made of, and the kinds: users find them in reports and in the ids of items.
    pub parts: BTreeMap<String, String>,
}

/// Something a use may or must say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Param {
    /// The word after `type=`; `text` when there is none.
    pub ty: String,
    /// As it is written.
    pub default: Option<String>,
    pub optional: bool,
    pub many: bool,
    pub least: Option<f64>,
    pub most: Option<f64>,
    /// The words of a choice.
    pub words: BTreeSet<String>,
    /// For a wire: what every built-in step behind it can take; `None` when it is no wire or that cannot be told.
    pub takes: Option<BTreeSet<&'static str>>,
}

impl Param {
    pub fn is_required(&self) -> bool {
        self.default.is_none() && !self.optional
    }
}

impl Interface {
    /// The interface of fetched files.
    ///
    /// # Errors
    /// When there is no `module.kdl`, or it is not one.
    pub fn of(tree: &ModuleTree, registry: &Registry) -> Result<Interface, Error> {
        let Some(text) = tree.text(MANIFEST) else {
            return Err(Error::not_a_module(format!("there is no `{MANIFEST}`"), "name the folder of the module with `--dir`"));
        };
        Interface::read(text, registry)
    }

    /// The interface in the text of a `module.kdl`.
    ///
    /// # Errors
    /// When the text is no KDL, or holds no module with a proper name and version.
    pub fn read(text: &str, registry: &Registry) -> Result<Interface, Error> {
        let (tree, findings) = syntax::read(FileId(0), text);
        if let Some(finding) = findings.iter().find(|finding| finding.is_error()) {
            let mut sources = Sources::default();
            let file = sources.add(MANIFEST, text);
            let line = sources.get(file).zip(finding.span()).map_or(1, |(file, span)| file.position(span.start as usize).0);
            let message = format!("`{MANIFEST}` cannot be read: {}, in line {line}", finding.message);
            return Err(Error::not_a_module(message, format!("`loopctl explain {}` tells more", finding.code)));
        }
        let Some(root) = tree.roots().find(|root| root.name() == "module") else {
            let help = match tree.roots().any(|root| root.name() == "workflow") {
                true => "it is a workflow; a module exports steps and has a file of its own",
                false => "a module starts with `module \"owner/name\" version=\"1.0.0\" { … }`",
            };
            return Err(Error::not_a_module(format!("`{MANIFEST}` holds no `module`"), help));
        };
        let name = root.arg(0).and_then(|entry| entry.value().text()).unwrap_or("");
        if !is_module_name(name) {
            let help = "its author has to give it a name of small letters, digits and `-`, such as `\"acme/voice\"`";
            return Err(Error::not_a_module(format!("`{}` cannot be the name of a module", name.escape_default()), help));
        }
        let written = root.prop("version").and_then(|entry| entry.value().text());
        let Some(version) = written.and_then(|text| Version::parse(text).ok()) else {
            let message = format!(
                "module `{name}` tells no version: {}",
                written.map_or("there is none".into(), |text| format!("`{}`", text.escape_default()))
            );
            return Err(Error::not_a_module(
                message,
                "its author has to write one with three numbers, such as `version=\"1.0.0\"`",
            ));
        };
        let mut steps = BTreeMap::new();
        for node in root.children_named("step") {
            if let Some(name) = node.arg(0).and_then(|entry| entry.value().text()) {
                steps.insert(name.to_owned(), step(node, registry));
            }
        }
        let needs = root.children_named("use").filter_map(need).collect();
        let uses = root.children_named("use").filter_map(|node| node.arg(0)?.value().text().map(str::to_owned)).collect();
        Ok(Interface { name: name.to_owned(), version, about: about(root), uses, needs, steps })
    }
}

/// A module that has to be fetched; `None` for one that is built in, for a path, and for what cannot be read.
fn need(node: Node<'_>) -> Option<Need> {
    let Reference::Named { owner, name, wanted } = Reference::parse(node.arg(0)?.value().text()?).ok()? else { return None };
    let text = |name: &str| node.prop(name).and_then(|entry| entry.value().text()).map(str::to_owned);
    (owner != "std").then(|| Need { module: format!("{owner}/{name}"), wanted, from: text("from"), dir: text("dir") })
}

fn about(node: Node<'_>) -> Option<String> {
    node.child("about").and_then(|about| about.arg(0)).and_then(|entry| entry.value().text().map(str::to_owned))
}

fn named<'t>(part: &Node<'t>) -> &'t str {
    part.arg(0).and_then(|entry| entry.value().text()).unwrap_or_default()
}

fn step(node: Node<'_>, registry: &Registry) -> Step {
    let parts: Vec<Node<'_>> =
        node.children().filter(|child| !matches!(child.name(), "about" | "example" | "result" | "param" | "")).collect();
    let kind = |part: Node<'_>| {
        let connector = part.prop("kind").and_then(|entry| entry.value().text());
        registry.find(part.name(), connector).or_else(|| registry.of_verb(part.name()).next()).map(|kind| kind.spec())
    };
    let result = node.child("result").and_then(|result| result.arg(0)).and_then(|entry| entry.value().text());
    let result = match result {
        Some(name) => parts.iter().find(|part| named(part) == name),
        None => parts.last().filter(|_| parts.len() == 1),
    };
    let gives = result.and_then(|part| kind(*part)).map(|spec| spec.gives.iter().map(|good| good.name()).collect());
    let mut params = BTreeMap::new();
    for node in node.children_named("param") {
        let Some(name) = node.arg(0).and_then(|entry| entry.value().text()) else { continue };
        let mut param = param(node);
        // What comes over a wire has to suit every step that reads it.
        for part in &parts {
            let reads = part.children_named("from").flat_map(|from| from.args()).any(|entry| {
                entry.annotation().is_some_and(|(word, _)| matches!(word, "param" | "each")) && entry.value().text() == Some(name)
            });
            if let (true, Some(spec)) = (reads, kind(*part)) {
                let takes: BTreeSet<&str> = spec.takes.iter().map(|good| good.name()).collect();
                param.takes = Some(match param.takes {
                    Some(before) => before.intersection(&takes).copied().collect(),
                    None => takes,
                });
            }
        }
        params.insert(name.to_owned(), param);
    }
    let layers = Layer::ALL.iter().filter(|layer| {
        parts.iter().filter_map(|part| kind(*part)).all(|spec| spec.layers.is_empty() || spec.layers.contains(layer))
    });
    let layers = layers.map(|layer| layer.name()).collect();
    let parts = parts.iter().map(|part| (named(part).to_owned(), part.name().to_owned())).collect();
    Step { about: about(node), params, gives, layers, parts }
}

fn param(node: Node<'_>) -> Param {
    let text = |name: &str| node.prop(name).and_then(|entry| entry.value().text());
    let flag = |name: &str| node.prop(name).and_then(|entry| entry.value().bool()).unwrap_or(false);
    let number = |name: &str| node.prop(name).and_then(|entry| entry.value().number());
    let default = node.prop("default").map(|entry| {
        let annotation = entry.annotation().map_or(String::new(), |(word, _)| format!("({word})"));
        match entry.value() {
            // One text can be spelled in several ways.
            Value::Text(text) => format!("{annotation}{}", syntax::quoted(text)),
            _ => format!("{annotation}{}", entry.spelling()),
        }
    });
    let words = node
        .child("one-of")
        .into_iter()
        .flat_map(|words| words.args())
        .filter_map(|entry| entry.value().text().map(str::to_owned));
    Param {
        ty: text("type").unwrap_or("text").to_owned(),
        default,
        optional: flag("optional"),
        many: flag("many"),
        least: number("least"),
        most: number("most"),
        words: words.collect(),
        takes: None,
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub const VOICE: &str = r#"
module "acme/voice" version="1.2.0" {
    about "Checks the tone."
    use "std/quality@1"
    step "check" {
        about "Scores and keeps."
        param "from" type="step" many=#true { about "What is judged." }
        param "keep" type="integer" default=10 least=1 most=50 { about "How many." }
        param "tone" type="choice" default="calm" { about "Which."; one-of "calm" "lively" }
        score "judged" { from (each)"from"; rule "size" weight=1.0 { value "1.0" }; keep (param)"keep" }
    }
}
"#;

    #[test]
    fn steps_parameters_and_wires_are_seen() {
        let voice = Interface::read(VOICE, crate::builtin::registry()).unwrap();
        assert_eq!((voice.name.as_str(), voice.version.to_string().as_str()), ("acme/voice", "1.2.0"));
        assert_eq!(voice.uses, ["std/quality@1"]);
        let check = &voice.steps["check"];
        assert_eq!(check.params.keys().collect::<Vec<_>>(), ["from", "keep", "tone"]);
        assert!(check.params["from"].is_required() && check.params["from"].many);
        assert!(check.params["from"].takes.as_ref().is_some_and(|takes| takes.contains("signal")), "{check:?}");
        assert_eq!(check.gives, Some(BTreeSet::from(["insight", "opportunity"])));
        assert_eq!(check.layers, BTreeSet::from(["strategy"]));
        assert_eq!(check.params["keep"].default.as_deref(), Some("10"));
        assert_eq!(check.params["tone"].words.len(), 2);
    }

    #[test]
    fn what_is_no_module_says_so() {
        for (text, expected) in [
            ("workflow \"x\" {}", "it is a workflow"),
            ("", "holds no `module`"),
            ("module \"Voice\" version=\"1.0.0\" {}", "cannot be the name"),
            ("module \"acme/voice\" {}", "tells no version: there is none"),
            ("module \"acme/voice\" version=\"1\" {}", "tells no version: `1`"),
            ("module \"acme/voice\n", "in line 1"),
        ] {
            let error = Interface::read(text, crate::builtin::registry()).unwrap_err();
            assert_eq!(error.code, "packages::no-module");
            assert!(format!("{} / {}", error.message, error.help).contains(expected), "{text}: {error:?}");
        }
    }
}
