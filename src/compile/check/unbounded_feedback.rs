//! A parameter that learning may move anywhere ends up at an edge.

use super::CheckContext;
use crate::diag::Diagnostic;
use crate::model::Scalar;

pub(super) fn rule(cx: &CheckContext<'_>, sink: &mut Vec<Diagnostic>) {
    for step in cx.sketch.steps.iter().filter(|step| !step.broken && step.is(super::idle_feedback::tunes)) {
        for tune in step.config.all("tune") {
            let parameter = tune.arg().and_then(Scalar::text).unwrap_or("");
            let place = tune.arg_spans.first().copied().unwrap_or(tune.span);
            let Some(within) = tune.child("within") else {
                sink.push(
                    Diagnostic::error("loop::unbounded-feedback", format!("`{parameter}` may be moved without bounds"))
                        .at(place, "no `within` in its block")
                        .help("add the least and the most you would accept: `within 0.1 0.8`"),
                );
                continue;
            };
            let bounds: Vec<f64> = within.args.iter().filter_map(Scalar::number).collect();
            if let [least, most] = bounds[..]
                && least >= most
            {
                sink.push(
                    Diagnostic::error("loop::out-of-range", format!("`within` goes from {least} to {most}, so nothing can move"))
                        .at(within.span, "expected the smaller number first")
                        .help(format!("write `within {most} {least}`")),
                );
            }
        }
    }
}
