//! A generator without a cap writes as much as comes in, on the day when too much comes in.

use super::CheckContext;
use crate::diag::Diagnostic;

pub(super) fn rule(cx: &CheckContext<'_>, sink: &mut Vec<Diagnostic>) {
    for step in &cx.sketch.steps {
        if step.is(|spec| spec.generates) && step.caps.is_empty() && !step.broken {
            sink.push(
                Diagnostic::warning("loop::uncapped-generator", format!("`{}` has no cap", step.title()))
                    .at(step.name_span, "writes as many pieces as come in")
                    .help("add `cap 3 per=\"day\"`; what is over the cap waits for the next window"),
            );
        }
    }
}
