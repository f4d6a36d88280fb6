//! A cap that is always exceeded: what must be reserved for one piece is more than the cap lets through, so nothing ever runs; or what
//! comes straight from a capped step is more than leaves, so that more and more waits.

use super::CheckContext;
use super::unreachable_cap::{amount, fits, pieces};
use crate::compile::sketch::StepSketch;
use crate::diag::{Diagnostic, Span};
use crate::model::{Cap, CapUnit, Provider, provider_line};
use crate::step::{LeastSpend, Mode};
use std::collections::BTreeMap;
use std::time::Duration;

pub(super) fn rule(cx: &CheckContext<'_>, sink: &mut Vec<Diagnostic>) {
    too_small_for_one(cx, sink);
    let every = cx.sketch.settings.duration("every");
    for step in cx.sketch.steps.iter().filter(|step| !step.broken) {
        overflowing(cx, step, every, sink);
    }
}

/// Money and tokens: less than one piece is reserved before it is asked for.
fn too_small_for_one(cx: &CheckContext<'_>, sink: &mut Vec<Diagnostic>) {
    let is_spent = |(cap, _): &&(Cap, Span)| matches!(cap.unit, CapUnit::Tokens | CapUnit::Money(_));
    let whole: Vec<&(Cap, Span)> = cx.sketch.caps.iter().filter(is_spent).collect();
    let mut providers: Option<BTreeMap<String, Provider>> = None;
    for step in cx.sketch.steps.iter().filter(|step| !step.broken && step.is(|spec| spec.generates)) {
        let Some(kind) = step.kind else { continue };
        let own = step.caps.iter().filter(is_spent);
        let caps: Vec<&(Cap, Span)> = own.chain(whole.iter().copied()).collect();
        let Some(role) = step.config.text("provider").filter(|_| !caps.is_empty()) else { continue };
        let line = provider_line(providers.get_or_insert_with(|| all_providers(cx)), role);
        let Some(least) = kind.least_spend(&step.config, &line) else { continue };
        for (cap, span) in caps {
            let Some(needed) = needed(&least, &cap.unit).filter(|needed| *needed > cap.most) else { continue };
            let needs = amount(&cap.unit, needed);
            let message =
                format!("a cap of {} a {} is less than one piece of `{}` needs", amount(&cap.unit, cap.most), cap.per, step.id);
            sink.push(
                Diagnostic::warning("loop::exceeded-cap", message)
                    .at(*span, format!("at least {needs} is set aside before a model is asked"))
                    .at(step.name_span, "so this step never writes anything")
                    .help(format!("write more than {needs}, or a smaller `max-tokens`: its longest answer is what is set aside")),
            );
        }
    }
}

fn needed(least: &LeastSpend, unit: &CapUnit) -> Option<i64> {
    match unit {
        CapUnit::Pieces | CapUnit::Sends => None,
        CapUnit::Tokens => Some(least.tokens),
        CapUnit::Money(currency) => least.money.as_ref().filter(|money| money.currency == *currency).map(|money| money.micros),
    }
}

fn all_providers(cx: &CheckContext<'_>) -> BTreeMap<String, Provider> {
    let known = cx.sketch.providers.values().filter_map(|door| {
        let provider = Provider { name: door.name.clone(), kind: door.kind?.kind.to_owned(), config: door.config.clone() };
        Some((door.name.clone(), provider))
    });
    known.collect()
}

/// Pieces: every one that capped steps in front let through comes here, because nobody decides in between and nothing is lost.
fn overflowing(cx: &CheckContext<'_>, step: &StepSketch, every: Option<Duration>, sink: &mut Vec<Diagnostic>) {
    let one_by_one = step.is(|spec| spec.mode == Mode::Each && !spec.decides) && !step.wires.is_empty();
    // What has waited too long may be dropped.
    let drops = step.config.child("defer").is_some_and(|defer| defer.prop("max-age").is_some());
    if !one_by_one || drops {
        return;
    }
    for (most, per, span) in pieces(step) {
        // Every wire counts: of a giver without a cap nobody knows how much comes.
        let arriving = |from: usize| {
            let giver = cx.sketch.steps.get(from).filter(|giver| giver.is(|spec| spec.generates) && !giver.broken)?;
            let in_window = pieces(giver).filter_map(|(most, window, place)| {
                let times = if window == per { 1 } else { fits(window, per, every)? };
                Some((most.checked_mul(times)?, giver, place))
            });
            in_window.min_by_key(|(most, _, _)| *most)
        };
        let Some(before) = step.wires.iter().map(|wire| arriving(wire.from?)).collect::<Option<Vec<_>>>() else { continue };
        let comes: i64 = before.iter().map(|(most, _, _)| *most).sum();
        let Some((_, giver, place)) = before.first().filter(|_| comes > most) else { continue };
        sink.push(
            Diagnostic::warning(
                "loop::exceeded-cap",
                format!("a cap of {most} a {per} lets out less than the {comes} that come in"),
            )
            .at(span, format!("up to {} more wait after each {per}, and none is ever dropped", comes - most))
            .at(*place, format!("`{}` lets so many through", giver.id))
            .help(format!(
                "write `cap {comes} per=\"{per}\"`, lower the cap of `{}`, or drop what waits too long: `defer max-age=\"14d\"`",
                giver.id
            )),
        );
    }
}
