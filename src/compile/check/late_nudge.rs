//! A reminder or an escalation that can never happen: the gate expires before it, or whom it is escalated to is asked already.

use super::CheckContext;
use crate::diag::Diagnostic;
use crate::model::{Config, Scalar};

pub(super) fn rule(cx: &CheckContext<'_>, sink: &mut Vec<Diagnostic>) {
    for step in cx.sketch.steps.iter().filter(|step| !step.broken && step.is(|spec| spec.decides)) {
        let after = |node: &Config| node.arg().and_then(Scalar::duration);
        let expires = step.config.child("expires").and_then(|node| Some((after(node)?, node.span)));
        for (name, what) in [("remind", "reminder"), ("escalate", "escalation")] {
            let Some(node) = step.config.child(name) else { continue };
            if let (Some(nudge), Some((expiry, place))) = (after(node), expires)
                && nudge >= expiry
            {
                sink.push(
                    Diagnostic::warning("loop::late-nudge", format!("the {what} of `{}` never happens", step.title()))
                        .at(node.span, "so long after it was put to people")
                        .at(place, "its time is over before")
                        .help(format!("let `{name}` come before `expires`, or remove it")),
                );
            }
        }
        let Some(node) = step.config.child("escalate") else { continue };
        if let Some(to) = node.prop("to").and_then(Scalar::text)
            && step.config.texts("by").iter().any(|by| by.trim().eq_ignore_ascii_case(to.trim()))
        {
            sink.push(
                Diagnostic::warning("loop::idle-escalation", format!("`{}` is escalated to who is asked already", step.title()))
                    .at(node.span, format!("`{to}` stands after `by` as well"))
                    .help("escalate to somebody else, or use `remind` to tell the same people again"),
            );
        }
    }
}
