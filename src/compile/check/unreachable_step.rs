//! A step that takes items but is connected to nothing.

use super::CheckContext;
use crate::compile::scalar::one_of;
use crate::diag::Diagnostic;

pub(super) fn rule(cx: &CheckContext<'_>, sink: &mut Vec<Diagnostic>) {
    for step in &cx.sketch.steps {
        let Some(spec) = step.spec() else { continue };
        if step.is_source() || spec.takes.is_empty() || !step.wires.is_empty() || step.broken {
            continue;
        }
        let givers: Vec<&str> = cx
            .sketch
            .steps
            .iter()
            .filter(|giver| giver.layer <= step.layer && giver.id != step.id)
            .filter(|giver| giver.is(|giver| giver.gives.iter().any(|kind| spec.takes.contains(kind))))
            .map(|giver| giver.id.as_str())
            .take(3)
            .collect();
        let kinds = one_of(spec.takes.iter().map(|kind| kind.name()));
        let finding = Diagnostic::error("loop::unreachable-step", format!("nothing flows into `{}`", step.title()))
            .at(step.head_span, "it has no `from`");
        sink.push(match givers.as_slice() {
            [] => finding.help(format!("add a step that gives {kinds}, and name it after `from`")),
            givers => finding.help(format!("it takes {kinds}: add `from \"{}\"`", givers.join("\"` or `from \""))),
        });
    }
}
