//! A budget in money does not count what has no price: it would hold nothing, and nobody would see.

use super::CheckContext;
use crate::diag::Diagnostic;
use crate::model::CapUnit;
use crate::step::prices;

pub(super) fn rule(cx: &CheckContext<'_>, sink: &mut Vec<Diagnostic>) {
    let mut caps = cx.sketch.caps.iter().chain(cx.sketch.steps.iter().flat_map(|step| &step.caps));
    let Some((_, budget)) = caps.find(|(cap, _)| matches!(cap.unit, CapUnit::Money(_))) else { return };
    for provider in cx.sketch.providers.values().filter(|provider| provider.used && !provider.broken) {
        let Some(spec) = provider.kind.filter(|spec| prices::is_wanted(spec.kind, &provider.config)) else { continue };
        let model = provider.config.text("model").unwrap_or(spec.kind);
        sink.push(
            Diagnostic::warning(
                "loop::unpriced-model",
                format!("no price is known for `{model}`, so no budget counts what it costs"),
            )
            .at(provider.name_span, "only its tokens are counted")
            .at(*budget, "this budget is in money")
            .help("add what a million tokens cost in dollars, such as `price input=0.15 output=0.6`; 0 where it costs nothing"),
        );
    }
}
