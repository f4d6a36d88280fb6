//! Which word of the language a node is, from where it stands: the same tables that the compiler reads by, asked for one node.

use crate::compile::language::{self, CHANNEL, PROVIDER, SETTINGS, STEP, STEP_WITH_KIND, USE, WORKFLOW};
use crate::compile::modules::words as module;
use crate::compile::test_file::words::TEST;
use crate::compile::world_file::words::WORLD;
use crate::diag::nearest;
use crate::model::Layer;
use crate::step::{ConnectorSpec, KindSpec, NodeSpec, Registry, ValueType};
use crate::syntax::{Entry, Node, NodeId, Tree};

/// A parameter of a module's step, with what may stand in its block.
const PARAM: NodeSpec = NodeSpec { children: module::PARAM_SETTINGS, ..module::PARAM };

/// A node as the language knows it.
#[derive(Clone, Copy)]
pub enum Word {
    /// The file itself, around its nodes.
    File,
    Workflow,
    /// The block around a module file.
    Module,
    /// A step that a module exports.
    Export,
    Layer(Layer),
    /// A provider or a channel.
    Door {
        spec: &'static NodeSpec,
        kinds: &'static [ConnectorSpec],
        found: Option<&'static ConnectorSpec>,
    },
    Step {
        verb: &'static str,
        has_connectors: bool,
        found: Option<&'static KindSpec>,
    },
    /// A node inside of a step; the step says what its expressions may read.
    Setting {
        spec: &'static NodeSpec,
        step: Option<&'static KindSpec>,
    },
    Unknown,
}

impl Word {
    /// The word of a node inside of this one.
    pub fn child(self, name: &str, kind: Option<&str>, registry: &'static Registry) -> Word {
        let setting = |specs: &'static [NodeSpec], step: Option<&'static KindSpec>| {
            specs.iter().find(|spec| spec.name == name).map(|spec| Word::Setting { spec, step })
        };
        let found = match self {
            Word::File if name == TEST.name => Some(Word::Setting { spec: &TEST, step: None }),
            Word::File if name == module::MODULE.name => Some(Word::Module),
            Word::File if name == WORLD.name => Some(Word::Setting { spec: &WORLD, step: None }),
            // Misspelled, it is read as the workflow, as the compiler does.
            Word::File => nearest(name, [WORKFLOW.name]).map(|_| Word::Workflow),
            Word::Workflow => match name {
                "provider" => Some(Word::door(&PROVIDER, registry.providers, kind)),
                "channel" => Some(Word::door(&CHANNEL, registry.channels, kind)),
                "use" => Some(Word::Setting { spec: &USE, step: None }),
                _ => setting(SETTINGS, None).or_else(|| Layer::parse(name).map(Word::Layer)),
            },
            Word::Module => match name {
                "use" => Some(Word::Setting { spec: &module::USE, step: None }),
                _ if name == module::STEP.name => Some(Word::Export),
                _ => setting(module::MODULE_SETTINGS, None),
            },
            Word::Export if name == PARAM.name => Some(Word::Setting { spec: &PARAM, step: None }),
            Word::Export => setting(module::STEP_SETTINGS, None).or_else(|| Word::step_of(name, kind, registry)),
            Word::Layer(_) => Word::step_of(name, kind, registry),
            Word::Door { found, .. } => found.and_then(|found| setting(found.nodes, None)),
            Word::Step { found: Some(spec), .. } => {
                setting(spec.nodes, Some(spec)).or_else(|| setting(language::common(spec.mode), Some(spec)))
            }
            Word::Setting { spec, step } => setting(spec.children, step),
            Word::Step { found: None, .. } | Word::Unknown => None,
        };
        found.unwrap_or(Word::Unknown)
    }

    /// A built-in step.
    fn step_of(name: &str, kind: Option<&str>, registry: &'static Registry) -> Option<Word> {
        registry.of_verb(name).next().map(|first| Word::Step {
            verb: first.spec().verb,
            has_connectors: registry.of_verb(name).any(|kind| kind.spec().connector.is_some()),
            found: registry.find(name, kind).map(|kind| kind.spec()),
        })
    }

    fn door(spec: &'static NodeSpec, kinds: &'static [ConnectorSpec], kind: Option<&str>) -> Word {
        Word::Door { spec, kinds, found: kinds.iter().find(|connector| Some(connector.kind) == kind) }
    }

    /// What may stand on the line of this node. A cap with a currency in front counts money.
    pub fn line(self, annotated: bool) -> Option<&'static NodeSpec> {
        match self {
            Word::Workflow => Some(&WORKFLOW),
            Word::Module => Some(&module::MODULE),
            Word::Export => Some(&module::STEP),
            Word::Door { spec, .. } => Some(spec),
            Word::Step { has_connectors: true, .. } => Some(&STEP_WITH_KIND),
            Word::Step { .. } => Some(&STEP),
            Word::Setting { spec, .. } => Some(language::variant(spec, annotated)),
            Word::File | Word::Layer(_) | Word::Unknown => None,
        }
    }

    /// The nodes that may stand in its block, without the layers, doors and steps.
    pub fn inside(self) -> Vec<&'static NodeSpec> {
        match self {
            Word::File => vec![&WORKFLOW, &TEST, &module::MODULE, &WORLD],
            Word::Module => module::MODULE_SETTINGS.iter().chain([&module::USE, &module::STEP]).collect(),
            Word::Export => module::STEP_SETTINGS.iter().chain([&PARAM]).collect(),
            Word::Workflow => SETTINGS.iter().chain([&PROVIDER, &CHANNEL, &USE]).collect(),
            Word::Door { found: Some(found), .. } => found.nodes.iter().collect(),
            Word::Step { found: Some(spec), .. } => language::common(spec.mode).iter().chain(spec.nodes).collect(),
            Word::Setting { spec, .. } => spec.children.iter().collect(),
            Word::Layer(_) | Word::Door { .. } | Word::Step { .. } | Word::Unknown => Vec::new(),
        }
    }

    /// The step that it is, or that it stands in.
    pub fn step(self) -> Option<&'static KindSpec> {
        match self {
            Word::Step { found, .. } => found,
            Word::Setting { step, .. } => step,
            _ => None,
        }
    }

    /// What may follow `kind=`, with one line each.
    pub fn connectors(self, registry: &'static Registry) -> Vec<(&'static str, &'static str)> {
        match self {
            Word::Door { kinds, .. } => kinds.iter().map(|spec| (spec.kind, spec.summary)).collect(),
            Word::Step { verb, .. } => {
                let specs = registry.of_verb(verb).map(|kind| kind.spec());
                specs.filter_map(|spec| Some((spec.connector?, spec.summary))).collect()
            }
            _ => Vec::new(),
        }
    }
}

/// The type of an argument of a line, by its number from 0.
pub fn argument(line: &NodeSpec, number: usize) -> Option<ValueType> {
    line.args.get(number).map(|arg| arg.ty).or(line.rest)
}

/// The type of a property of a line.
pub fn property(line: &NodeSpec, name: &str) -> Option<ValueType> {
    line.props.iter().find(|prop| prop.name == name).map(|prop| prop.ty)
}

/// The value after `kind=` of a node.
pub fn kind_of<'t>(node: Node<'t>) -> Option<&'t str> {
    node.prop("kind").and_then(|entry| entry.value().text())
}

/// Whether the first argument has an annotation, as in `cap (usd)5`.
pub fn is_annotated(node: Node<'_>) -> bool {
    node.arg(0).is_some_and(|entry| entry.annotation().is_some())
}

/// Every node with its word, in the order of the file.
pub fn walk<'t>(tree: &'t Tree, registry: &'static Registry, mut visit: impl FnMut(Node<'t>, Word)) {
    let mut open: Vec<(NodeId, Word)> = Vec::new();
    for node in tree.all() {
        let parent = node.parent().map(|parent| parent.id());
        while open.last().is_some_and(|(id, _)| Some(*id) != parent) {
            open.pop();
        }
        let outer = open.last().map_or(Word::File, |(_, word)| *word);
        let word = outer.child(node.name(), kind_of(node), registry);
        visit(node, word);
        open.push((node.id(), word));
    }
}

/// The word of one node.
pub fn word_of(node: Node<'_>, registry: &'static Registry) -> Word {
    let mut chain = vec![node];
    while let Some(parent) = chain.last().and_then(|node| node.parent()) {
        chain.push(parent);
    }
    chain.iter().rev().fold(Word::File, |word, node| word.child(node.name(), kind_of(*node), registry))
}

/// The values of a line with their types; what the language does not know is left out.
pub fn typed<'t>(node: Node<'t>, word: Word) -> impl Iterator<Item = (Entry<'t>, ValueType)> + use<'t> {
    let line = word.line(is_annotated(node));
    let mut number = 0;
    node.entries().filter_map(move |entry| {
        let ty = match entry.name() {
            Some((name, _)) => property(line?, name),
            None => {
                number += 1;
                argument(line?, number - 1)
            }
        };
        ty.map(|ty| (entry, ty))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builtin::registry;
    use crate::diag::FileId;

    #[test]
    fn every_node_of_a_workflow_is_known_by_where_it_stands() {
        let text = include_str!("../../workflows/b2b-growth.kdl");
        let (tree, _) = crate::syntax::read(FileId(0), text);
        let mut nodes = 0;
        walk(&tree, registry(), |node, word| {
            assert!(!matches!(word, Word::Unknown), "`{}`", node.name());
            assert_eq!(std::mem::discriminant(&word), std::mem::discriminant(&word_of(node, registry())));
            assert_eq!(typed(node, word).count(), node.entries().count(), "`{}`", node.name());
            nodes += 1;
        });
        assert!(nodes > 50);
    }

    #[test]
    fn every_node_of_the_built_in_modules_is_known_too() {
        for (layer, name) in crate::compile::modules::stdlib::names() {
            let text = crate::compile::modules::stdlib::text(&format!("{}/{name}/module.kdl", layer.name())).expect("built in");
            let (tree, _) = crate::syntax::read(FileId(0), &text);
            walk(&tree, registry(), |node, word| {
                // Only a step of another module is not a word of ours.
                assert!(!matches!(word, Word::Unknown) || node.name().contains('.'), "{name}: `{}`", node.name());
                assert_eq!(std::mem::discriminant(&word), std::mem::discriminant(&word_of(node, registry())));
            });
        }
    }

    #[test]
    fn what_is_unknown_has_nothing_known_inside() {
        let (tree, _) = crate::syntax::read(
            FileId(0),
            "workflow \"w\" { nonsense { from \"a\" } intelligence { sorce \"x\" { url \"y\" } } }",
        );
        let mut unknown = Vec::new();
        walk(&tree, registry(), |node, word| {
            if matches!(word, Word::Unknown) {
                unknown.push(node.name());
            }
        });
        assert_eq!(unknown, ["nonsense", "from", "sorce", "url"]);
    }
}
