//! A workflow counts money in one currency: exchange rates would make a cap, or the division of a budget, depend on the day.

use super::CheckContext;
use crate::diag::{Diagnostic, Span};
use crate::model::{CapUnit, Config, Scalar};

pub(super) fn rule(cx: &CheckContext<'_>, sink: &mut Vec<Diagnostic>) {
    let caps = cx.sketch.caps.iter().chain(cx.sketch.steps.iter().flat_map(|step| &step.caps));
    let mut amounts: Vec<_> = caps
        .filter_map(|(cap, span)| match &cap.unit {
            CapUnit::Money(currency) => Some((*span, currency.as_str())),
            _ => None,
        })
        .collect();
    for step in &cx.sketch.steps {
        // Caps are read above.
        for node in step.config.children.iter().filter(|node| node.name != "cap") {
            collect(node, &mut amounts);
        }
    }
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

/// Every amount in a setting, with the name beside it as its place.
fn collect<'c>(node: &'c Config, amounts: &mut Vec<(Span, &'c str)>) {
    for (at, money) in node.args.iter().enumerate().filter_map(|(at, value)| Some((at, value.money()?))) {
        amounts.push((node.arg_spans.get(at).copied().unwrap_or(node.span), &money.currency));
    }
    let place = node.arg_spans.first().copied().unwrap_or(node.span);
    amounts.extend(node.props.values().filter_map(Scalar::money).map(|money| (place, money.currency.as_str())));
    node.children.iter().for_each(|child| collect(child, amounts));
}
