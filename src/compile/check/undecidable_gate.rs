//! A gate that nobody may decide never opens.

use super::CheckContext;
use crate::diag::Diagnostic;

pub(super) fn rule(cx: &CheckContext<'_>, sink: &mut Vec<Diagnostic>) {
    for step in &cx.sketch.steps {
        if !step.is(|spec| spec.decides && spec.node("by").is_some()) || step.broken {
            continue;
        }
        if step.config.texts("by").iter().all(|who| who.trim().is_empty()) {
            sink.push(
                Diagnostic::error("loop::undecidable-gate", format!("nobody can decide at `{}`", step.title()))
                    .at(step.head_span, "it says nobody's name")
                    .help("say who decides: `by \"content-team\"`"),
            );
        }
    }
}
