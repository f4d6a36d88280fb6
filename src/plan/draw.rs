//! The plan as text for other tools: Graphviz, Mermaid and JSON. Layers are clusters; what one cycle hands to the next
//! is dashed.

use super::graph::CyclePlan;
use crate::model::{Kinds, Layer, Step, Workflow};
use serde_json::{Value, json};
use std::fmt::Write;

/// Graphviz, for `dot -Tsvg`.
pub fn dot(workflow: &Workflow, plan: &CyclePlan) -> String {
    let mut text = String::from("digraph loop {\n  rankdir=LR;\n  node [shape=box, style=rounded];\n");
    for layer in Layer::ALL {
        let steps = in_layer(workflow, plan, layer);
        if steps.is_empty() {
            continue;
        }
        let _ = writeln!(text, "  subgraph cluster_{} {{\n    label={};", layer.number(), quoted(&heading(layer)));
        for step in steps {
            let label = format!("{}\n{}", step.id, kind(step));
            let _ = writeln!(text, "    {} [label={}];", quoted(step.id.as_str()), quoted(&label));
        }
        text.push_str("  }\n");
    }
    for (from, to, carries) in plan.wires() {
        let (from, to) = (quoted(from.as_str()), quoted(to.as_str()));
        let _ = writeln!(text, "  {from} -> {to} [label={}];", quoted(&kinds(carries)));
    }
    for carry in &plan.carries {
        let (from, to) = (quoted(carry.from.as_str()), quoted(carry.to.as_str()));
        let label = quoted(&carry.label());
        let _ = writeln!(text, "  {from} -> {to} [label={label}, style=dashed, constraint=false];");
    }
    text.push_str("}\n");
    text
}

/// Mermaid, for Markdown pages.
pub fn mermaid(workflow: &Workflow, plan: &CyclePlan) -> String {
    let node = |id: &crate::base::StepId| format!("s{}", plan.index(id).unwrap_or_default());
    let mut text = String::from("flowchart LR\n");
    for layer in Layer::ALL {
        let steps = in_layer(workflow, plan, layer);
        if steps.is_empty() {
            continue;
        }
        let _ = writeln!(text, "  subgraph {}[\"{}\"]", layer.name(), heading(layer));
        for step in steps {
            let _ =
                writeln!(text, "    {}[\"{}<br/><i>{}</i>\"]", node(&step.id), entities(step.id.as_str()), entities(&kind(step)));
        }
        text.push_str("  end\n");
    }
    for (from, to, carries) in plan.wires() {
        let _ = writeln!(text, "  {} -->|{}| {}", node(from), kinds(carries), node(to));
    }
    for carry in &plan.carries {
        let _ = writeln!(text, "  {} -.->|\"{}\"| {}", node(&carry.from), entities(&carry.label()), node(&carry.to));
    }
    text
}

/// JSON: `steps` in plan order, `wires`, `carries`.
pub fn json(workflow: &Workflow, plan: &CyclePlan) -> Value {
    let steps = plan.order.iter().map(|at| &workflow.steps[*at]).map(|step| {
        json!({
            "name": step.id, "layer": step.layer, "verb": step.verb, "connector": step.connector, "caps": step.caps,
        })
    });
    let wires = plan.wires().into_iter().map(|(from, to, carries)| json!({ "from": from, "to": to, "carries": carries }));
    let carries = plan.carries.iter().map(|carry| json!({ "from": carry.from, "to": carry.to, "parameter": carry.parameter }));
    json!({
        "workflow": workflow.id,
        "steps": steps.collect::<Vec<_>>(),
        "wires": wires.collect::<Vec<_>>(),
        "carries": carries.collect::<Vec<_>>(),
    })
}

/// The steps of a layer in plan order.
pub(super) fn in_layer<'a>(workflow: &'a Workflow, plan: &CyclePlan, layer: Layer) -> Vec<&'a Step> {
    plan.order.iter().map(|at| &workflow.steps[*at]).filter(|step| step.layer == layer).collect()
}

/// `1 Intelligence`
pub(super) fn heading(layer: Layer) -> String {
    format!("{} {}", layer.number(), layer.title())
}

/// `source feed`, `score`
pub(super) fn kind(step: &Step) -> String {
    step.connector.as_ref().map_or_else(|| step.verb.to_string(), |connector| format!("{} {connector}", step.verb))
}

fn kinds(carries: Kinds) -> String {
    carries.iter().map(|kind| kind.name()).collect::<Vec<_>>().join(", ")
}

/// A Graphviz string.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}

/// Text inside a Mermaid string, an HTML or an SVG element.
pub(super) fn entities(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::graph::tests::small_loop;

    fn both() -> (Workflow, CyclePlan) {
        let workflow = small_loop();
        let plan = CyclePlan::new(&workflow).expect("a plan");
        (workflow, plan)
    }

    #[test]
    fn graphviz_has_layers_as_clusters_and_feedback_dashed() {
        let (workflow, plan) = both();
        let expected = r#"digraph loop {
  rankdir=LR;
  node [shape=box, style=rounded];
  subgraph cluster_1 {
    label="1 Intelligence";
    "press" [label="press\nsource"];
  }
  subgraph cluster_2 {
    label="2 Strategy";
    "opportunities" [label="opportunities\nscore"];
  }
  subgraph cluster_3 {
    label="3 Production";
    "outlines" [label="outlines\noutline"];
  }
  subgraph cluster_6 {
    label="6 Learning";
    "credit" [label="credit\nattribute"];
    "aim" [label="aim\nfeedback"];
  }
  "credit" -> "aim" [label="signal"];
  "press" -> "opportunities" [label="signal"];
  "opportunities" -> "outlines" [label="signal"];
  "outlines" -> "credit" [label="signal"];
  "press" -> "credit" [label="signal"];
  "aim" -> "opportunities" [label="tunes demand", style=dashed, constraint=false];
}
"#;
        assert_eq!(dot(&workflow, &plan), expected);
    }

    #[test]
    fn mermaid_names_nodes_by_number_so_that_any_name_is_safe() {
        let (mut workflow, _) = both();
        workflow.steps[1].id = "a \"b\" <c>".into();
        workflow.steps[2].from[0].from = "a \"b\" <c>".into();
        workflow.steps[4].from.truncate(1);
        let plan = CyclePlan::new(&workflow).expect("a plan");
        let text = mermaid(&workflow, &plan);
        assert!(text.contains("    s1[\"a &quot;b&quot; &lt;c&gt;<br/><i>source</i>\"]\n"), "{text}");
        assert!(text.contains("  s1 -->|signal| s2\n") && text.contains("  s0 -.->|\"tunes demand\"| s2\n"), "{text}");
    }

    #[test]
    fn json_has_the_steps_in_plan_order() {
        let (workflow, plan) = both();
        let value = json(&workflow, &plan);
        assert_eq!(value["steps"][0]["name"], "press");
        assert_eq!(value["steps"][4]["layer"], "learning");
        assert_eq!(value["wires"].as_array().map(Vec::len), Some(5));
        assert_eq!(value["carries"][0], json!({ "from": "aim", "to": "opportunities", "parameter": "demand" }));
    }
}
