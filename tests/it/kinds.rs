//! What the built-in kinds say about themselves is true: every default is a value of its type, and every example follows its own spec.

use loopctl::base::files::MemoryFiles;
use loopctl::compile::{compile, language};
use loopctl::model::Layer;

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
    let files = MemoryFiles::new([("loop.kdl", text)]);
    let compiled = compile(&files, "loop.kdl", loopctl::builtin::registry());
    let findings = compiled.diagnostics.into_iter().filter(|finding| {
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
