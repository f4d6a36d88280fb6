//! A kind's reference page, made from its spec: what `loopctl kinds KIND` shows and `docs/steps/` holds.

use super::spec::{ConnectorSpec, KindSpec, Mode, NodeSpec, Occurs, ValueType};
use std::fmt::Write as _;

/// How a type is written, for people.
pub fn type_name(ty: ValueType) -> String {
    match ty {
        ValueType::Text => "text".to_owned(),
        ValueType::Integer => "whole number".to_owned(),
        ValueType::Number => "number".to_owned(),
        ValueType::Share => "number from 0 to 1".to_owned(),
        ValueType::Bool => "`#true` or `#false`".to_owned(),
        ValueType::Duration => "duration such as `\"7d\"`".to_owned(),
        ValueType::Size => "size such as `\"10MiB\"`".to_owned(),
        ValueType::Money => "money such as `(usd)20`".to_owned(),
        ValueType::Url => "URL".to_owned(),
        ValueType::File => "file".to_owned(),
        ValueType::Folder => "folder".to_owned(),
        ValueType::OutputPath => "file or folder to write".to_owned(),
        ValueType::Glob => "pattern such as `\"*.xml\"`".to_owned(),
        ValueType::TimeOfDay => "time of day such as `\"06:00\"`".to_owned(),
        ValueType::Time => "time such as `\"2026-06-29 06:00\"`".to_owned(),
        ValueType::Zone => "time zone such as `\"Europe/London\"`".to_owned(),
        ValueType::Window => "`\"cycle\"`, `\"day\"`, `\"week\"` or `\"month\"`".to_owned(),
        ValueType::Expression => "CEL expression".to_owned(),
        ValueType::Template => "Handlebars file".to_owned(),
        ValueType::Step => "name of a step".to_owned(),
        ValueType::Provider => "name of a provider".to_owned(),
        ValueType::Channel => "name of a channel".to_owned(),
        ValueType::Parameter => "parameter such as `\"opportunities.demand\"`".to_owned(),
        ValueType::Secret => "`(env)\"NAME\"` or `(file)\"path\"`".to_owned(),
        ValueType::Choice(words) => words.iter().map(|word| format!("`\"{word}\"`")).collect::<Vec<_>>().join(" or "),
    }
}

/// The page of a step kind, in Markdown.
pub fn kind_page(spec: &KindSpec) -> String {
    let mut page = format!("# `{}`\n\n{}\n\n{}\n\n", spec.title(), spec.summary, spec.doc);
    let names = |kinds: &[crate::model::GoodKind]| kinds.iter().map(|kind| format!("`{kind}`")).collect::<Vec<_>>().join(", ");
    let mut facts = Vec::new();
    if !spec.layers.is_empty() {
        let layers: Vec<&str> = spec.layers.iter().map(|layer| layer.name()).collect();
        facts.push(("stands in", layers.join(", ")));
    }
    facts.push(("takes", if spec.takes.is_empty() { "nothing: it reads the outside".to_owned() } else { names(spec.takes) }));
    facts.push((
        "gives",
        if spec.gives.is_empty() { "nothing: it sets parameters for the next cycle".to_owned() } else { names(spec.gives) },
    ));
    facts.push((
        "works",
        match spec.mode {
            Mode::Source => "once per cycle",
            Mode::Each => "item by item, as soon as an item is there",
            Mode::All => "once per cycle, when everything before it has finished",
        }
        .to_owned(),
    ));
    if let Some(keeps) = spec.keeps {
        facts.push(("keeps from cycle to cycle", keeps.to_owned()));
    }
    for (name, value) in facts {
        writeln!(page, "- **{name}**: {value}").expect("writing to a string");
    }
    write!(page, "\n## Example\n\n```kdl\n{}\n```\n", spec.example.trim()).expect("writing to a string");
    nodes(&mut page, spec.nodes);
    page
}

/// The page of a provider or channel kind, in Markdown.
pub fn connector_page(role: &str, spec: &ConnectorSpec) -> String {
    let mut page = format!("# `{role} kind={}`\n\n{}\n\n{}\n", spec.kind, spec.summary, spec.doc);
    write!(page, "\n## Example\n\n```kdl\n{}\n```\n", spec.example.trim()).expect("writing to a string");
    nodes(&mut page, spec.nodes);
    page
}

fn nodes(page: &mut String, specs: &[NodeSpec]) {
    if specs.is_empty() {
        return;
    }
    page.push_str("\n## Nodes\n");
    specs.iter().for_each(|spec| node(page, spec, 3));
}

fn node(page: &mut String, spec: &NodeSpec, depth: usize) {
    let occurs = match spec.occurs {
        Occurs::Once => "required",
        Occurs::Optional => "optional",
        Occurs::Many => "optional, may repeat",
        Occurs::AtLeastOnce => "required, may repeat",
    };
    write!(page, "\n{} `{}`\n\n{}\n\n- {occurs}", "#".repeat(depth), spec.name, spec.doc).expect("writing to a string");
    if let Some(default) = spec.default {
        write!(page, "; without it, `{default}`").expect("writing to a string");
    }
    page.push('\n');
    for arg in spec.args {
        let optional = if arg.required { "" } else { " (optional)" };
        writeln!(page, "- {}: {}{optional}", arg.name, type_name(arg.ty)).expect("writing to a string");
    }
    if let Some(rest) = spec.rest {
        writeln!(page, "- more of them may follow: {}", type_name(rest)).expect("writing to a string");
    }
    for prop in spec.props {
        let required = if prop.required { ", required" } else { "" };
        let default = prop.default.map_or_else(String::new, |default| format!(", default `{default}`"));
        writeln!(page, "- `{}=`: {}{required}{default}. {}", prop.name, type_name(prop.ty), prop.doc)
            .expect("writing to a string");
    }
    if !spec.example.is_empty() {
        write!(page, "\n```kdl\n{}\n```\n", spec.example.trim()).expect("writing to a string");
    }
    spec.children.iter().for_each(|child| node(page, child, (depth + 1).min(6)));
}
