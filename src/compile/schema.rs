//! The language as JSON, for editors and other tools: every word of a workflow, a module and a test file, every step kind, provider and channel, with types,
//! defaults, documentation and examples. It is made from the tables that the compiler itself reads by, so it cannot say anything else.

use super::language::{CHANNEL, LAYERS, PROVIDER, SETTINGS, USE, WORKFLOW, common, phase_of};
use super::modules::words::{
    MODULE, MODULE_SETTINGS, PARAM, PARAM_SETTINGS, STEP as EXPORT, STEP_SETTINGS, USE as USE_IN_MODULE,
};
use super::test_file::words::TEST;
use crate::step::{ArgSpec, ConnectorSpec, KindSpec, Mode, NodeSpec, Occurs, PropSpec, Registry, ValueType};
use serde_json::{Value, json};

/// Grows when a field changes its meaning or goes away; new fields may come at any time.
pub const VERSION: u32 = 1;

/// The whole description.
pub fn schema(registry: &Registry) -> Value {
    let layers: Vec<Value> = LAYERS
        .iter()
        .map(|(layer, lack)| json!({"name": layer.name(), "number": layer.number(), "phase": phase_of(*layer), "without_it": lack}))
        .collect();
    json!({
        "schema_version": VERSION,
        "workflow": node(&NodeSpec { children: &[], ..WORKFLOW }),
        "settings": nodes(SETTINGS),
        "doors": [door(&PROVIDER, registry.providers), door(&CHANNEL, registry.channels)],
        "modules": node(&USE),
        "module_file": module_file(),
        "test_file": node(&TEST),
        "layers": layers,
        "steps": registry.kinds.iter().map(|kind| step(kind.spec())).collect::<Vec<_>>(),
    })
}

/// The words of a module file, each inside the one that it stands in; steps stand inside `step` as in a layer.
fn module_file() -> Value {
    let mut param = node(&PARAM);
    param["nodes"] = nodes(PARAM_SETTINGS);
    let mut export = node(&EXPORT);
    export["nodes"] = STEP_SETTINGS.iter().map(node).chain([param]).collect();
    let mut module = node(&MODULE);
    module["nodes"] = MODULE_SETTINGS.iter().map(node).chain([node(&USE_IN_MODULE), export]).collect();
    module
}

fn step(spec: &KindSpec) -> Value {
    let wired = common(spec.mode);
    json!({
        "verb": spec.verb,
        "kind": spec.connector,
        "layers": spec.layers,
        "summary": spec.summary,
        "doc": spec.doc,
        "takes": spec.takes,
        "gives": spec.gives,
        "works": match spec.mode {
            Mode::Source => "source",
            Mode::Each => "each",
            Mode::All => "all",
        },
        "generates": spec.generates,
        "publishes": spec.publishes,
        "decides": spec.decides,
        "keeps": spec.keeps,
        "nodes": spec.nodes.iter().chain(wired).map(node).collect::<Vec<_>>(),
        "example": spec.example,
    })
}

fn door(spec: &NodeSpec, kinds: &[ConnectorSpec]) -> Value {
    let mut value = node(spec);
    let kinds = kinds.iter().map(|kind| {
        json!({
            "kind": kind.kind, "summary": kind.summary, "doc": kind.doc, "nodes": nodes(kind.nodes), "example": kind.example,
        })
    });
    value["kinds"] = kinds.collect();
    value
}

fn nodes(specs: &[NodeSpec]) -> Value {
    specs.iter().map(node).collect()
}

/// Specs are written in the source and a few levels deep, so recursion is safe here.
fn node(spec: &NodeSpec) -> Value {
    json!({
        "name": spec.name,
        "doc": spec.doc,
        "occurs": match spec.occurs {
            Occurs::Once => "once",
            Occurs::Optional => "optional",
            Occurs::Many => "many",
            Occurs::AtLeastOnce => "at-least-once",
        },
        "arguments": spec.args.iter().map(argument).collect::<Vec<_>>(),
        "more_arguments": spec.rest.map(value_type),
        "properties": spec.props.iter().map(property).collect::<Vec<_>>(),
        "default": spec.default,
        "example": spec.example,
        "nodes": nodes(spec.children),
    })
}

fn argument(spec: &ArgSpec) -> Value {
    json!({"name": spec.name, "type": value_type(spec.ty), "required": spec.required})
}

fn property(spec: &PropSpec) -> Value {
    json!({"name": spec.name, "type": value_type(spec.ty), "required": spec.required, "default": spec.default, "doc": spec.doc})
}

/// A word for a type, or the words of a choice in a list.
fn value_type(ty: ValueType) -> Value {
    let word = match ty {
        ValueType::Text => "text",
        ValueType::Integer => "integer",
        ValueType::Number => "number",
        ValueType::Share => "share",
        ValueType::Bool => "bool",
        ValueType::Duration => "duration",
        ValueType::Size => "size",
        ValueType::Money => "money",
        ValueType::Url => "url",
        ValueType::File => "file",
        ValueType::Folder => "folder",
        ValueType::OutputPath => "output-path",
        ValueType::Glob => "glob",
        ValueType::TimeOfDay => "time-of-day",
        ValueType::Time => "time",
        ValueType::Zone => "zone",
        ValueType::Window => "window",
        ValueType::Expression => "expression",
        ValueType::Template => "template",
        ValueType::Step => "step",
        ValueType::Provider => "provider",
        ValueType::Channel => "channel",
        ValueType::Parameter => "parameter",
        ValueType::Secret => "secret",
        ValueType::Choice(words) => return json!(words),
    };
    json!(word)
}
