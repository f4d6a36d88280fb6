//! What the built-in kinds say about themselves is true: every default is a value of its type, and every example follows its own spec.

use loopctl::base::files::MemoryFiles;
use loopctl::compile::modules::words as module;
use loopctl::compile::test_file::words::TEST;
use loopctl::compile::{compile, language, schema, test_file};
use loopctl::model::Layer;
use loopctl::step::NodeSpec;
use serde_json::Value;

/// Findings that say that an example does not follow the spec. An example stands alone, so names of other things are not looked at.
const AGAINST_THE_SPEC: &[&str] = &[
    "extra-argument",
    "malformed-value",
    "missing-argument",
    "missing-node",
    "missing-property",
    "out-of-range",
    "repeated-node",
    "repeated-property",
    "secret-in-plain-text",
    "unknown-annotation",
    "unknown-choice",
    "unknown-connector",
    "unknown-kind",
    "unknown-node",
    "unknown-property",
    "unreachable-step",
    "wrong-layer",
    "wrong-type",
];

fn against_the_spec(text: &str) -> Vec<String> {
    let files = MemoryFiles::new([("loop.kdl", text), ("it.test.kdl", text)]);
    let registry = loopctl::builtin::registry();
    let diagnostics = match text.starts_with("test ") {
        true => test_file::read(&files, "it.test.kdl", registry).diagnostics,
        false => compile(&files, "loop.kdl", registry).diagnostics,
    };
    let findings = diagnostics.into_iter().filter(|finding| {
        let slug = finding.code.trim_start_matches("loop::");
        finding.code.starts_with("kdl::") || AGAINST_THE_SPEC.contains(&slug)
    });
    findings.map(|finding| format!("{}: {} ({})", finding.code, finding.message, finding.help.unwrap_or_default())).collect()
}

#[test]
fn every_default_is_a_value_of_its_type() {
    assert_eq!(language::wrong_defaults(loopctl::builtin::registry()), Vec::<String>::new());
}

#[test]
fn every_example_of_a_step_follows_its_own_spec() {
    let mut wrong = Vec::new();
    for kind in &loopctl::builtin::registry().kinds {
        let spec = kind.spec();
        let layer = spec.layers.first().copied().unwrap_or(Layer::Production);
        let text = format!("workflow \"example\" {{\n{} {{\n{}\n}}\n}}\n", layer.name(), spec.example);
        wrong.extend(against_the_spec(&text).into_iter().map(|finding| format!("{}: {finding}", spec.title())));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_example_of_a_provider_or_a_channel_follows_its_own_spec() {
    let registry = loopctl::builtin::registry();
    let mut wrong = Vec::new();
    for spec in registry.providers.iter().chain(registry.channels) {
        let text = format!("workflow \"example\" {{\n{}\n}}\n", spec.example);
        wrong.extend(against_the_spec(&text).into_iter().map(|finding| format!("{}: {finding}", spec.kind)));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// An example that stands in its block for itself: what is missing around it is not its fault.
fn against_the_spec_alone(text: &str) -> Vec<String> {
    let around = ["loop::missing-node", "loop::unreachable-step"];
    against_the_spec(text).into_iter().filter(|finding| !around.iter().any(|code| finding.starts_with(code))).collect()
}

/// Visits the nodes of a table at every depth with the blocks that stand around them.
fn each(specs: &[NodeSpec], around: &[&NodeSpec], visit: &mut impl FnMut(&NodeSpec, &[&NodeSpec])) {
    for spec in specs {
        visit(spec, around);
        each(spec.children, &[around, &[spec]].concat(), visit);
    }
}

/// The first line of an example with an open brace, for what should stand inside it.
fn opened(example: &str) -> String {
    let head = example.split('{').next().unwrap_or(example).trim();
    format!("{head} {{")
}

#[test]
fn every_row_of_the_tables_has_words_and_an_example_that_compiles() {
    let registry = loopctl::builtin::registry();
    let mut wrong = Vec::new();
    let mut seen = 0;
    let mut check = |specs: &[NodeSpec], before: &str, after: &str, title: &str| {
        each(specs, &[], &mut |spec, around| {
            seen += 1;
            let place =
                format!("{title}: {}", around.iter().map(|spec| spec.name).chain([spec.name]).collect::<Vec<_>>().join(" > "));
            if spec.doc.is_empty() || spec.example.is_empty() {
                return wrong.push(format!("{place}: no words or no example"));
            }
            wrong.extend(
                spec.props.iter().filter(|prop| prop.doc.is_empty()).map(|prop| format!("{place} {}=: no words", prop.name)),
            );
            let open: String = around.iter().map(|spec| opened(spec.example) + "\n").collect();
            let text = format!("{before}\n{open}{}\n{}{after}\n", spec.example, "}\n".repeat(around.len()));
            wrong.extend(against_the_spec_alone(&text).into_iter().map(|finding| format!("{place}: {finding}")));
            if !spec.example.contains(spec.name) {
                wrong.push(format!("{place}: the example shows something else"));
            }
        });
    };
    check(language::SETTINGS, "workflow \"example\" {", "}", "workflow");
    for kind in &registry.kinds {
        let spec = kind.spec();
        let layer = spec.layers.first().copied().unwrap_or(Layer::Production).name();
        let connector = spec.connector.map(|kind| format!(" kind=\"{kind}\"")).unwrap_or_default();
        let before = format!("workflow \"example\" {{\n{layer} {{\n{} \"it\"{connector} {{", spec.verb);
        check(spec.nodes, &before, "}\n}\n}", &spec.title());
    }
    for (door, specs) in [("provider", registry.providers), ("channel", registry.channels)] {
        for spec in specs {
            let before = format!("workflow \"example\" {{\n{door} \"it\" kind=\"{}\" {{", spec.kind);
            check(spec.nodes, &before, "}\n}", &format!("{door} kind={}", spec.kind));
        }
    }
    let wired = "workflow \"example\" {\nintelligence {\naggregate \"it\" {";
    check(language::WIRED, wired, "}\n}\n}", "every step");
    // The words of a module file and of a file of tests.
    let head = "module \"acme/it\" version=\"1.0.0\" {";
    check(module::MODULE_SETTINGS, head, "}", "module");
    check(&[module::USE], head, "}", "module");
    let step = format!("{head}\nstep \"it\" {{");
    check(module::STEP_SETTINGS, &step, "}\n}", "module > step");
    check(&[module::PARAM], &step, "}\n}", "module > step");
    let [about, one_of] = module::PARAM_SETTINGS else { panic!("two words stand in a parameter") };
    check(&[*about], &format!("{step}\nparam \"it\" {{"), "}\n}\n}", "module > step > param");
    check(&[*one_of], &format!("{step}\nparam \"it\" type=\"choice\" {{"), "}\n}\n}", "module > step > param");
    check(TEST.children, "test \"it\" {", "}", "test");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(seen > 200, "only {seen} rows");
}

#[test]
fn a_wrong_row_is_noticed() {
    let text = "workflow \"example\" {\nstrategy {\nscore \"it\" {\nkeep 10 abov=0.5\n}\n}\n}\n";
    assert_eq!(against_the_spec_alone(text).len(), 1, "a property that the spec does not have");
}

/// Every node of a schema at every depth.
fn count(nodes: &Value) -> usize {
    nodes.as_array().expect("a list").iter().map(|node| 1 + count(&node["nodes"])).sum()
}

fn count_specs(specs: &[NodeSpec]) -> usize {
    let mut seen = 0;
    each(specs, &[], &mut |_, _| seen += 1);
    seen
}

#[test]
fn the_schema_holds_every_setting_and_every_kind() {
    let registry = loopctl::builtin::registry();
    let schema = schema::schema(registry);
    assert_eq!(schema["schema_version"], schema::VERSION);
    assert_eq!(count(&schema["settings"]), count_specs(language::SETTINGS));
    assert_eq!(count(&schema["test_file"]["nodes"]), count_specs(TEST.children));
    let words =
        [module::MODULE_SETTINGS, module::STEP_SETTINGS, module::PARAM_SETTINGS, &[module::USE, module::STEP, module::PARAM]];
    assert_eq!(count(&schema["module_file"]["nodes"]), words.into_iter().map(count_specs).sum::<usize>());
    let steps = schema["steps"].as_array().expect("a list");
    assert_eq!(steps.len(), registry.kinds.len());
    for (kind, step) in registry.kinds.iter().zip(steps) {
        let spec = kind.spec();
        assert_eq!((step["verb"].as_str(), step["kind"].as_str()), (Some(spec.verb), spec.connector));
        let wired = count_specs(language::common(spec.mode));
        assert_eq!(count(&step["nodes"]), count_specs(spec.nodes) + wired, "{}", spec.title());
    }
    assert_eq!(schema["layers"].as_array().map(Vec::len), Some(6));
    assert_eq!(schema["doors"][0]["kinds"].as_array().map(Vec::len), Some(registry.providers.len()));
    let without = schema["settings"].as_array().expect("a list").iter().find(|node| node["name"] == "without");
    let layers = Layer::ALL.map(Layer::name);
    assert_eq!(without.expect("it is a setting")["arguments"][0]["type"], serde_json::json!(layers));
}
