//! Feedback that changes nothing the next cycle reads.

use super::CheckContext;
use crate::diag::Diagnostic;
use crate::step::{KindSpec, ValueType};

/// Whether a kind can tune parameters.
pub(super) fn tunes(spec: &KindSpec) -> bool {
    spec.nodes
        .iter()
        .any(|node| node.args.iter().any(|arg| arg.ty == ValueType::Parameter) || node.rest == Some(ValueType::Parameter))
}

pub(super) fn rule(cx: &CheckContext<'_>, sink: &mut Vec<Diagnostic>) {
    let mut example: Option<Option<String>> = None;
    for step in &cx.sketch.steps {
        let names_a_parameter = step.references.iter().any(|reference| reference.ty == ValueType::Parameter);
        if !step.is(tunes) || step.broken || names_a_parameter || step.config.has("amend") {
            continue;
        }
        let example = example.get_or_insert_with(|| {
            cx.sketch.steps.iter().find_map(|other| {
                let spec = other.spec().filter(|_| !other.broken)?;
                Some(format!("{}.{}", other.id, (spec.tunables)(&other.config).first()?.name))
            })
        });
        sink.push(
            Diagnostic::error("loop::idle-feedback", format!("nothing reads what `{}` learns", step.title()))
                .at(step.name_span, "it tunes no parameter")
                .help(format!(
                    "say what it may change: `tune \"{}\" {{ within 0.1 0.8 }}`",
                    example.as_deref().unwrap_or("step.parameter")
                )),
        );
    }
}
