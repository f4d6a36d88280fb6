//! A step that takes items but is connected to nothing.

use super::CheckContext;
use crate::compile::scalar::one_of;
use crate::diag::Diagnostic;

pub(super) fn rule(cx: &CheckContext<'_>, sink: &mut Vec<Diagnostic>) {
    for (at, step) in cx.sketch.steps.iter().enumerate() {
        let Some(spec) = step.spec() else { continue };
        if step.is_source() || spec.takes.is_empty() || !step.wires.is_empty() || step.broken {
            continue;
        }
        let givers = cx.givers.first(spec.takes, ..=step.layer, at, 3);
        let givers: Vec<&str> = givers.into_iter().map(|giver| cx.sketch.steps[giver].id.as_str()).collect();
        let kinds = one_of(spec.takes.iter().map(|kind| kind.name()));
        let finding = Diagnostic::error("loop::unreachable-step", format!("nothing flows into `{}`", step.title()))
            .at(step.head_span, "it has no `from`");
        sink.push(match givers.as_slice() {
            [] => finding.help(format!("add a step that gives {kinds}, and name it after `from`")),
            givers => finding.help(format!("it takes {kinds}: add `from \"{}\"`", givers.join("\"` or `from \""))),
        });
    }
}
