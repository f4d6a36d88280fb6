//! The page of a module, in Markdown: what `loopctl kinds std/rivals` shows and `docs/stdlib.md` holds.

use super::definition::{self, Export, Module};
use super::holes::hole;
use super::parameter::Param;
use super::stdlib;
use crate::diag::FileId;
use crate::model::{GoodKind, Layer};
use crate::step::{Mode, Registry};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// A built-in module as it is read.
pub struct BuiltIn {
    pub layer: Layer,
    /// `std/rivals`
    pub name: String,
    pub module: Module,
}

/// Every built-in module, in the order of the loop.
pub fn built_in(registry: &Registry) -> Vec<BuiltIn> {
    let mut found = Vec::new();
    for (layer, name) in stdlib::names() {
        let Some(folder) = stdlib::folder(name) else { continue };
        let path = format!("{}/{name}/module.kdl", layer.name());
        let text = stdlib::text(&path).unwrap_or_default();
        let module = definition::read(FileId(0), &text, &folder, registry, &mut Vec::new());
        found.extend(module.map(|module| BuiltIn { layer, name: format!("std/{name}"), module }));
    }
    found
}

/// The goods that an exported step takes by its parameters, and those that its result gives.
pub fn goods(export: &Export, module: &Module) -> (Vec<GoodKind>, Vec<GoodKind>) {
    let mut takes = BTreeSet::new();
    for part in &export.parts {
        let (Some(node), Some(kind)) = (module.tree.node(part.node), part.kind) else { continue };
        let reads_use = node.children_named("from").flat_map(|from| from.args()).any(|entry| hole(&entry).is_some());
        if reads_use && kind.spec().mode != Mode::Source {
            takes.extend(kind.spec().takes.iter().map(|good| good.name()));
        }
    }
    let gives = export.parts.get(export.result).and_then(|part| part.kind).map_or(&[][..], |kind| kind.spec().gives);
    (GoodKind::ALL.iter().copied().filter(|good| takes.contains(good.name())).collect(), gives.to_vec())
}

/// The page. Headings are as deep as `depth` says.
pub fn page(module: &Module, depth: usize) -> String {
    let heading = "#".repeat(depth);
    let short = module.name.rsplit('/').next().unwrap_or(&module.name);
    let mut page = format!("{heading} `{}` {}\n\n{}\n", module.name, module.version, module.about);
    let text = "writing to a string";
    let wanted = format!("use \"{}@{}\"", module.name, module.version.major);
    write!(page, "\n```kdl\n{wanted}\n```\n").expect(text);
    for export in &module.steps {
        write!(page, "\n{heading}# `{short}.{}`\n\n{}\n", export.name, export.about).expect(text);
        let (takes, gives) = goods(export, module);
        let names = |goods: &[GoodKind]| goods.iter().map(|good| format!("`{good}`")).collect::<Vec<_>>().join(", ");
        let layers: Vec<&str> = export.layers().iter().map(|layer| layer.name()).collect();
        page.push('\n');
        if layers.len() < Layer::ALL.len() {
            writeln!(page, "- **stands in**: {}", layers.join(", ")).expect(text);
        }
        if !takes.is_empty() {
            writeln!(page, "- **takes**: {}", names(&takes)).expect(text);
        }
        if !gives.is_empty() {
            writeln!(page, "- **gives**: {}", names(&gives)).expect(text);
        }
        let parts: Vec<String> = export
            .parts
            .iter()
            .enumerate()
            .map(|(number, part)| {
                let verb = module.tree.node(part.node).map_or("", |node| node.name());
                let name = if number == export.result { "NAME".to_owned() } else { format!("NAME:{}", part.name) };
                format!("`{verb} \"{name}\"`")
            })
            .collect();
        writeln!(page, "- **stands for**: {}", parts.join(", ")).expect(text);
        if !export.params.is_empty() {
            page.push_str("\n| parameter | what it takes | |\n|---|---|---|\n");
            for param in &export.params {
                writeln!(page, "| `{}` | {} | {} |", param.name, takes_cell(param), cell(&param.about)).expect(text);
            }
        }
        if let Some(example) = &export.example {
            write!(page, "\n```kdl\n{}\n```\n", example.trim()).expect(text);
        }
    }
    page
}

/// The same for machines.
pub fn facts(module: &Module) -> Value {
    let params = |export: &Export| -> Vec<Value> {
        let param = |param: &Param| {
            json!({
                "name": param.name,
                "about": param.about,
                "type": param.type_word,
                "one_of": param.words,
                "default": param.default.as_ref().map(|default| default.spelling.clone()),
                "required": param.is_required(),
                "many": param.many,
                "least": param.least,
                "most": param.most,
            })
        };
        export.params.iter().map(param).collect()
    };
    let step = |export: &Export| {
        let (takes, gives) = goods(export, module);
        let names = |goods: &[GoodKind]| goods.iter().map(|good| good.name()).collect::<Vec<_>>();
        json!({
            "name": export.name,
            "about": export.about,
            "takes": names(&takes),
            "gives": names(&gives),
            "layers": export.layers().iter().map(|layer| layer.name()).collect::<Vec<_>>(),
            "params": params(export),
            "example": export.example,
        })
    };
    json!({
        "name": module.name,
        "version": module.version.to_string(),
        "about": module.about,
        "steps": module.steps.iter().map(step).collect::<Vec<_>>(),
    })
}

fn takes_cell(param: &Param) -> String {
    let mut text = cell(&param.expected());
    if param.many {
        text.push_str(", or several");
    }
    match (param.least, param.most) {
        (Some(least), Some(most)) => write!(text, ", {least} to {most}").expect("writing to a string"),
        (Some(least), None) => write!(text, ", at least {least}").expect("writing to a string"),
        (None, Some(most)) => write!(text, ", at most {most}").expect("writing to a string"),
        (None, None) => {}
    }
    match (&param.default, param.optional) {
        (Some(default), _) => write!(text, "; `{}` when left out", cell(&default.spelling)).expect("writing to a string"),
        (None, true) => text.push_str("; may be left out"),
        (None, false) => text.push_str("; **required**"),
    }
    text
}

/// A text inside one cell of a table.
fn cell(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

/// All built-in modules on one page.
pub fn stdlib_page(registry: &Registry) -> String {
    let modules = built_in(registry);
    let mut page = String::from(
        "# Built-in modules\n\n\
         Steps for common work, put together from the built-in kinds; [modules](language/modules.md) is the guide.\n\
         Each is used with `use \"std/NAME@1\"` and can be replaced by your own copy in `modules/std/NAME/module.kdl`.\n\
         Beside each in `stdlib/` lies an `example.kdl` that runs, and its tests.\n\n\
         This page is made from the modules themselves; `loopctl kinds std/NAME` shows the same at the terminal.\n\n\
         | | |\n|---|---|\n",
    );
    for found in &modules {
        let anchor: String = found.module.name.chars().filter(|c| c.is_alphanumeric() || *c == '-').collect();
        let version = found.module.version.to_string().replace('.', "");
        writeln!(page, "| [`{}`](#{anchor}-{version}) | {} |", found.name, cell(&found.module.about))
            .expect("writing to a string");
    }
    let mut layer = None;
    for found in &modules {
        if layer != Some(found.layer) {
            layer = Some(found.layer);
            write!(page, "\n## {}\n", found.layer.title()).expect("writing to a string");
        }
        write!(page, "\n{}", self::page(&found.module, 3)).expect("writing to a string");
    }
    page
}
