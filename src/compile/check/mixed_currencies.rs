//! A workflow counts money in one currency: exchange rates would make a cap depend on the day.

use super::CheckContext;
use crate::diag::Diagnostic;
use crate::model::CapUnit;

pub(super) fn rule(cx: &CheckContext<'_>, sink: &mut Vec<Diagnostic>) {
    let caps = cx.sketch.caps.iter().chain(cx.sketch.steps.iter().flat_map(|step| &step.caps));
    let mut amounts: Vec<_> = caps
        .filter_map(|(cap, span)| match &cap.unit {
            CapUnit::Money(currency) => Some((*span, currency.as_str())),
            _ => None,
        })
        .collect();
    amounts.sort_unstable();
    let Some((first_span, first)) = amounts.first().copied() else { return };
    for (span, currency) in amounts.into_iter().filter(|(_, currency)| *currency != first) {
        sink.push(
            Diagnostic::error("loop::mixed-currencies", format!("money is counted in `{first}` and in `{currency}`"))
                .at(span, format!("this is in `{currency}`"))
                .at(first_span, format!("the first amount is in `{first}`"))
                .help(format!("write the amount in `({first})`")),
        );
    }
}
